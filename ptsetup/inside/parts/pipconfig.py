"""What pip and uv are configured to do, by their files and variables and pip's own order; neither of them is started.

The order is that of pip/_internal/configuration.py and cli/parser.py: within a section the later file wins (global, user,
environment, PIP_CONFIG_FILE), then the section of the command beats [global], and a variable beats both. What uv is told (variables, then its
files) counts only where pip is told nothing.
"""

import os
import re
import sys

from ptsetup_inside import urls, uvconfig

NAME = "pip.ini" if os.name == "nt" else "pip.conf"

LISTS = ("extra-index-url", "find-links", "constraint", "trusted-host")

KEYS = ("index-url", "extra-index-url", "find-links", "constraint", "no-index", "trusted-host", "cert", "proxy", "cache-dir")

UV = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "find-links": ("UV_FIND_LINKS",),
    "constraint": ("UV_CONSTRAINT",),
    "no-index": ("UV_NO_INDEX",),
    "trusted-host": ("UV_INSECURE_HOST",),
}
"""Of each setting: the variables of uv; the first that is set counts."""

TRUE = ("1", "true", "yes", "on", "y", "t")

FAMILY = r"torch(?:vision|audio|text|codec|ao|data)?|triton(?:[-_.]\w+)*|pytorch[-_.]triton(?:[-_.]\w+)*|nvidia[-_.][\w.-]+|numpy"

CONSTRAINT = r"(?i)^\s*(?:%s)\s*(?:\[[^\]]*\]\s*)?(?:[<>=!~@;(]|$)" % FAMILY

WHEEL = r"(?i)(?:torch|torchvision|torchaudio|torchtext|torchcodec|triton\w*|pytorch_triton\w*)-\d[^/\\]*\.whl$"

FILE_LIMIT = 1 << 20
WHEELS_LIMIT = 2000
DEPTH_LIMIT = 5


def look(pip_version, keep_credentials=False):
    """The configuration as a dictionary of the record PipConfig."""
    settings, sources, problems = merged()
    clean, clean_proxy = ((lambda text: text),) * 2 if keep_credentials else (urls.clean, urls.clean_proxy)
    constraints = settings.get("constraint", [])
    found = {
        "index_url": clean(settings["index-url"]) if settings.get("index-url") else None,
        "extra_index_urls": [clean(url) for url in settings.get("extra-index-url", [])],
        "find_links": [clean(place) for place in settings.get("find-links", [])],
        "constraints": [clean(place) for place in constraints],
        "no_index": settings.get("no-index", False),
        "trusted_hosts": settings.get("trusted-host", []),
        "cert": settings.get("cert"),
        "proxy": clean_proxy(settings["proxy"]) if settings.get("proxy") else None,
        "cache_dir": settings.get("cache-dir"),
        "sources": sources,
        "pip_version": pip_version,
        "constraint_lines": constraint_lines(constraints),
        "find_links_wheels": wheels(settings.get("find-links", [])),
        "problems": problems,
    }
    return found


def merged():
    """(settings, where each came from, what is wrong with the files)."""
    settings, sources, problems = {}, {}, []
    read = []
    for file in files():
        sections, problem = parsed(file)
        if problem:
            problems.append("%s: %s" % (file, problem))
        read.append((file, sections))
    for section in ("global", "install"):
        for file, sections in read:
            for key, value in sections.get(section, {}).items():
                put(settings, sources, key, value, file)
    for key in KEYS:
        variable = "PIP_" + key.upper().replace("-", "_")
        put(settings, sources, key, os.environ.get(variable, ""), variable)
    for key, variables in UV.items():
        for variable in variables:
            if key not in settings and os.environ.get(variable):
                value = os.environ[variable]
                parts = [part.strip() for part in value.split(",") if part.strip()]
                put(settings, sources, key, parts if key == "find-links" else value, variable)
    for file in uvconfig.files():
        for key, value in uvconfig.settings(file).items():
            if key not in settings:
                put(settings, sources, key, value, file)
    return settings, sources, problems


def put(settings, sources, key, value, source):
    """Keep one setting; an empty one counts as not given (as for pip). Values of pip's lists are divided by spaces."""
    value = value if isinstance(value, list) else value.strip()
    if key not in KEYS or not value:
        return
    if key in LISTS:
        settings[key] = value if isinstance(value, list) else value.split()
    elif key == "no-index":
        settings[key] = value.lower() in TRUE
    else:
        # uv's variables may name an index: company=https://...
        settings[key] = re.sub(r"^[\w-]+=(?=\w+://)", "", value) if key == "index-url" else value
    if key in ("cert", "cache-dir"):
        settings[key] = os.path.expanduser(settings[key])
    sources[key] = source


def files():
    """pip's configuration files that exist, the later one wins."""
    named = os.environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    found = [os.path.join(folder, NAME) for folder in system_folders()]
    if not (named and os.path.exists(named)):
        found += [os.path.join(folder, NAME) for folder in user_folders()]
    found.append(os.path.join(sys.prefix, NAME))
    if named:
        found.append(named)
    return [file for file in found if os.path.isfile(file)]


def system_folders():
    if os.name == "nt":
        return [os.path.join(os.environ.get("PROGRAMDATA") or r"C:\ProgramData", "pip")]
    if sys.platform == "darwin":
        return ["/Library/Application Support/pip"]
    named = [folder for folder in os.environ.get("XDG_CONFIG_DIRS", "").split(os.pathsep) if folder.strip()]
    return [os.path.join(folder, "pip") for folder in named or ["/etc/xdg"]] + ["/etc"]


def user_folders():
    """The old place, then the new one, which wins."""
    home = os.path.expanduser("~")
    if os.name == "nt":
        return [os.path.join(home, "pip"), os.path.join(os.environ.get("APPDATA") or home, "pip")]
    old = os.path.join(home, ".pip")
    if sys.platform == "darwin":
        library = os.path.join(home, "Library", "Application Support", "pip")
        return [old, library if os.path.isdir(library) else os.path.join(home, ".config", "pip")]
    base = os.environ.get("XDG_CONFIG_HOME", "").strip() or os.path.join(home, ".config")
    return [old, os.path.join(base, "pip")]


def parsed(file):
    """(section -> key -> value, problem) of one file."""
    import configparser

    parser = configparser.RawConfigParser()
    try:
        with open(file, "rb") as opened:
            parser.read_string(opened.read(FILE_LIMIT).decode("utf-8", "replace"), source=file)
    except (OSError, configparser.Error) as problem:
        return {}, str(problem).splitlines()[0]
    return {name: {normal(key): value for key, value in parser.items(name)} for name in parser.sections()}, None


def normal(key):
    """``--index_url`` and ``Index-Url`` are ``index-url``."""
    key = key.lower().replace("_", "-")
    return key[2:] if key.startswith("--") else key


def constraint_lines(constraints, depth=0):
    """The lines of constraint files (and of files that they name) that speak of the torch family."""
    found = []
    for place in constraints:
        file = local(place)
        text = contents(file) if file else None
        for line in re.sub(r"\\\r?\n", " ", text or "").splitlines():
            line = re.sub(r"(?:^|\s)#.*$", "", line).strip()
            nested = re.match(r"(?:-c|--constraint|-r|--requirement)[\s=]+(\S+)", line)
            if nested and depth < DEPTH_LIMIT:
                found += constraint_lines([os.path.join(os.path.dirname(file), nested.group(1))], depth + 1)
            elif re.match(CONSTRAINT, line):
                found.append(urls.clean(re.split(r"\s--hash=", line)[0].strip()))
    return found


def contents(file):
    try:
        with open(file, "rb") as opened:
            return opened.read(FILE_LIMIT).decode("utf-8", "replace")
    except OSError:
        return None


def local(place):
    """The path of a local file or folder; None for something on the network."""
    if re.match(r"file://", place, re.I):
        from urllib.parse import unquote, urlparse

        path = unquote(urlparse(place).path)
        return path.lstrip("/") if os.name == "nt" else path
    return None if re.match(r"[a-z][a-z0-9+.-]+://", place, re.I) else os.path.expanduser(place)


def wheels(find_links):
    """File names of wheels of the torch family in the local folders of find-links."""
    found = []
    for place in find_links:
        folder = local(place)
        try:
            names = os.listdir(folder) if folder and os.path.isdir(folder) else []
        except OSError:
            names = []
        found += [name for name in sorted(names) if re.match(WHEEL, name)]
    return list(dict.fromkeys(found))[:WHEELS_LIMIT]
