"""An environment, an index for torch, a default index, and ``ptsetup install``. The wheels are small stand-ins for torch."""

import os
import pathlib
import subprocess
import sys
import venv

from tests.loopback import wheel

TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
LINUX = f"{TAG}-{TAG}-manylinux_2_28_x86_64"


def torch_wheel(
    folder: pathlib.Path, version: str, *, body: str = "", requires: tuple[str, ...] = ("filelock",)
) -> pathlib.Path:
    """A stand-in for torch: its version files, and a dependency."""
    local = version.partition("+")[2]
    cuda = f"'{local[2:-1]}.{local[-1]}'" if local.startswith("cu") else "None"
    files = {
        "torch/__init__.py": body or f"__version__ = '{version}'\n",
        "torch/version.py": f"__version__ = '{version}'\ndebug = False\ncuda = {cuda}\ngit_version = 'x'\nhip = None\nxpu = None\n",
    }
    return wheel(folder, "torch", version, files=files, requires=requires, tag=LINUX)


class World:
    """An environment, an index for torch, a default index, and the command."""

    def __init__(self, folder: pathlib.Path, pytorch, default) -> None:
        self.folder, self.pytorch, self.default = folder, pytorch, default
        self.prefix = folder / "an environment é"
        venv.create(self.prefix, with_pip=False, symlinks=True)
        self.python = self.prefix / "bin" / "python"
        self.site = next((self.prefix / "lib").glob("python*")) / "site-packages"
        self.wheels = folder / "wheels"
        default.add("simple/filelock", wheel(self.wheels, "filelock", "3.0", files={"filelock.py": "GOOD = True\n"}))
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "XDG_CONFIG_HOME": str(folder / "home" / ".config"),
            "XDG_CONFIG_DIRS": str(folder / "nothing"),
            "UV_CACHE_DIR": str(folder / "uv-cache"),
            "PIP_INDEX_URL": f"{default.url}/simple",
            "NO_PROXY": "127.0.0.1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        (folder / "home").mkdir()

    def argv(self, *options: str) -> list[str]:
        mirror = () if "--find-links" in options else ("--mirror", f"{self.pytorch.url}/whl")
        return [
            sys.executable,
            "-m",
            "ptsetup",
            "install",
            "--python",
            str(self.python),
            "--backend",
            "cpu",
            "--no-prove",
            *mirror,
            *options,
        ]

    def install(self, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*options),
            capture_output=True,
            text=True,
            env={**self.env, **env},
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def offer(self, version: str, **options) -> None:
        """Put a torch onto the page of its tag."""
        self.pytorch.add(f"whl/{version.partition('+')[2]}/torch", torch_wheel(self.wheels, version, **options))

    def installed(self) -> dict[str, str]:
        return dict(
            sorted(path.name.removesuffix(".dist-info").split("-", 1) for path in self.site.glob("*.dist-info"))
        )

    def files(self) -> dict[str, bytes]:
        """Every file of the environment but uv's own lock."""
        return {
            str(p.relative_to(self.prefix)): p.read_bytes()
            for p in sorted(self.prefix.rglob("*"))
            if p.is_file() and not p.is_symlink() and p.name != ".lock"
        }
