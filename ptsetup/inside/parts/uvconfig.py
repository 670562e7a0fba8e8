"""uv's configuration files, as far as they say where packages come from. A reader of the few lines of TOML that matter.

The places and their order are those of uv's documentation: UV_CONFIG_FILE alone, else uv.toml (or [tool.uv] of pyproject.toml) in the
current folder or above it, then the user's, then the system's.
"""

import os
import re

FILE_LIMIT = 1 << 20
DEPTH_LIMIT = 40

SECTION = r"^\s*(\[\[?)\s*([\w.\-\"' ]+?)\s*\]\]?\s*(?:#.*)?$"

KEYS = ("index-url", "extra-index-url", "find-links", "no-index")

STRING = r"\"((?:[^\"\\]|\\.)*)\"|'([^']*)'"


def files():
    """uv's files that exist, the first wins."""
    if os.environ.get("UV_NO_CONFIG", "").lower() in ("1", "true", "yes", "on"):
        return []
    named = os.environ.get("UV_CONFIG_FILE")
    if named:
        return [named] if os.path.isfile(named) else []
    found = project_files()
    home = os.path.expanduser("~")
    if os.name == "nt":
        folders = [os.environ.get("APPDATA") or home, os.environ.get("PROGRAMDATA") or r"C:\ProgramData"]
    else:
        folders = [os.environ.get("XDG_CONFIG_HOME", "").strip() or os.path.join(home, ".config")]
        folders += [f for f in os.environ.get("XDG_CONFIG_DIRS", "").split(os.pathsep) if f.strip()] or ["/etc/xdg"]
        folders.append("/etc")
    found += [os.path.join(folder, "uv", "uv.toml") for folder in folders]
    return [file for file in found if os.path.isfile(file)]


def project_files():
    """The first uv.toml or pyproject.toml with a table for uv, from the current folder upwards."""
    try:
        folder = os.getcwd()
    except OSError:
        return []
    for _ in range(DEPTH_LIMIT):
        own, project = os.path.join(folder, "uv.toml"), os.path.join(folder, "pyproject.toml")
        if os.path.isfile(own):
            return [own]
        if os.path.isfile(project) and b"[tool.uv" in read(project).encode("utf-8", "replace"):
            return [project]
        above = os.path.dirname(folder)
        if above == folder:
            break
        folder = above
    return []


def read(file):
    try:
        with open(file, "rb") as opened:
            return opened.read(FILE_LIMIT).decode("utf-8", "replace")
    except OSError:
        return ""


def settings(file):
    """Setting -> value of one file; of those that may have several a list."""
    prefix = "tool.uv" if os.path.basename(file) == "pyproject.toml" else ""
    found, extra = {}, []
    for name, is_list, body in sections(read(file)):
        name = name.replace(" ", "").replace('"', "").replace("'", "")
        if is_list and name == (prefix + ".index").lstrip("."):
            url = next(iter(strings(value(body, "url"))), None)
            if url and re.search(r"^\s*default\s*=\s*true", body, re.M):
                found["index-url"] = url
            elif url and not re.search(r"^\s*explicit\s*=\s*true", body, re.M):
                extra.append(url)
        elif not is_list and name in (prefix, (prefix + ".pip").lstrip(".")):
            found.update(plain(body))
    if extra:
        found["extra-index-url"] = extra + found.get("extra-index-url", [])
    return found


def sections(text):
    """(name, is an array of tables, lines) of each section; the first has no name."""
    name, is_list, lines = "", False, []
    for line in text.splitlines():
        match = re.match(SECTION, line)
        if match:
            yield name, is_list, "\n".join(lines)
            name, is_list, lines = match.group(2), match.group(1) == "[[", []
        else:
            lines.append(line)
    yield name, is_list, "\n".join(lines)


def plain(body):
    """The keys that matter."""
    found = {}
    for key in KEYS:
        raw = value(body, key)
        if raw is None:
            continue
        texts = strings(raw)
        if key == "no-index":
            found[key] = raw.strip().partition("#")[0].strip()
        elif texts:
            found[key] = texts if key in ("extra-index-url", "find-links") else texts[0]
    return found


def value(body, key):
    """The text right of ``key =``, over several lines where it is an array; None when the key is not there."""
    match = re.search(r"^\s*[\"']?%s[\"']?\s*=\s*(\[[^\]]*\]|[^\n]*)" % re.escape(key), body, re.M)
    return match.group(1) if match else None


def strings(raw):
    """The strings in a value; comments are left out."""
    if raw is None:
        return []
    raw = "\n".join(re.sub(r"^([^\"'#]*)#.*$", r"\1", line) for line in raw.splitlines())
    return [re.sub(r"\\(.)", r"\1", double) if double else single for double, single in re.findall(STRING, raw)]
