"""A package index on the loopback interface, with the faults that real ones show. The wheels that it serves are real zip files."""

import base64
import contextlib
import hashlib
import http.server
import pathlib
import ssl
import threading
import urllib.parse
import zipfile
from collections.abc import Iterator

QUIET = "quiet"
"""A fault: the connection is accepted and never answered."""

TRICKLE = "trickle"
"""A fault: a header that never ends, a byte at a time, each within any timeout of a socket."""


class Index:
    """What the server serves and what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, pathlib.Path] = {}
        self.pages: dict[str, list[str]] = {}
        self.faults: dict[str, object] = {}
        self.asked: list[str] = []
        self.authorizations: list[str] = []
        self.proxy_logins: list[str] = []
        self.wants_login: str | None = None
        self.held = threading.Event()
        self.release = threading.Event()
        self.hold: str | None = None
        self.wrong_hashes = False
        self.url = ""

    def add(self, page: str, wheel: pathlib.Path) -> None:
        """Put a wheel onto a page such as ``whl/cpu/torch``."""
        self.files[f"files/{page}/{wheel.name}"] = wheel
        self.pages.setdefault(page, []).append(f"files/{page}/{wheel.name}")

    def page(self, name: str) -> bytes:
        """A PEP 503 page with hashes."""
        rows = []
        for path in self.pages[name]:
            digest = hashlib.sha256(self.files[path].read_bytes()).hexdigest()
            if self.wrong_hashes:
                digest = digest[::-1]
            shown = path.rpartition("/")[2]
            rows.append(f'<a href="/{urllib.parse.quote(path)}#sha256={digest}">{shown}</a><br>')
        return ("<!DOCTYPE html><html><body>" + "\n".join(rows) + "</body></html>").encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    index: Index
    stop: threading.Event

    def do_GET(self) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).strip("/")
        self.index.asked.append(path)
        self.index.authorizations.append(self.headers.get("Authorization", ""))
        self.index.proxy_logins.append(self.headers.get("Proxy-Authorization", ""))
        if self.index.wants_login and self.headers.get("Authorization") != self.index.wants_login:
            self._send(401, b"", extra={"WWW-Authenticate": 'Basic realm="x"'})
            return
        fault = self.index.faults.get(path) or self.index.faults.get("*")
        if fault is not None:
            self._fault(fault)
        elif path in self.index.files:
            if self.index.hold and self.index.hold in path:
                self.index.held.set()
                self.index.release.wait()
            self._send(200, self.index.files[path].read_bytes(), "application/octet-stream")
        elif path in self.index.pages:
            self._send(200, self.index.page(path))
        else:
            self._send(404, b"not here")

    do_HEAD = do_GET  # noqa: N815 - the name is http.server's

    def _fault(self, fault: object) -> None:
        if isinstance(fault, int):
            self._send(fault, b"no")
        elif fault == QUIET:
            self.stop.wait()
        elif fault == TRICKLE:
            self._trickle()
        elif isinstance(fault, bytes):
            self._send(200, fault)
        elif isinstance(fault, tuple):
            kind, body = fault
            self._send(200, body, kind)
        elif fault == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b'<html><a href="torch-9.9.9%2Bcpu-cp312-cp312-win_amd64.whl">')
            self.close_connection = True

    def _trickle(self) -> None:
        with contextlib.suppress(ConnectionError):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not self.stop.wait(0.05):
                self.wfile.write(b"x")

    def _send(self, code: int, body: bytes, kind: str = "text/html", extra: dict[str, str] | None = None) -> None:
        with contextlib.suppress(ConnectionError):
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in (extra or {}).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def serve(context: ssl.SSLContext | None = None) -> Iterator[Index]:
    """An index on a free port of 127.0.0.1, until the block ends; over https with a context."""
    index, stop = Index(), threading.Event()
    handler = type("Handler", (_Handler,), {"index": index, "stop": stop})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    index.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        stop.set()
        index.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


def login(user: str, password: str) -> str:
    """The header of basic authentication."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def wheel(
    folder: pathlib.Path,
    project: str,
    version: str,
    *,
    files: dict[str, str],
    requires: tuple[str, ...] = (),
    tag: str = "py3-none-any",
) -> pathlib.Path:
    """A small real wheel: a stand-in for a package, installable by pip and uv."""
    name = project.replace("-", "_")
    path = folder / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n" + "".join(
        f"Requires-Dist: {r}\n" for r in requires
    )
    members = {
        **files,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: false\nTag: {tag}\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        record = []
        for member, text in members.items():
            data = text.encode()
            archive.writestr(member, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{member},sha256={digest},{len(data)}")
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,"]) + "\n")
    return path
