"""The house holds: imports go one way, functions are short."""

import ast
import pathlib

import ptsetup

PACKAGE = pathlib.Path(ptsetup.__file__).parent

ALLOWED = {
    "errors": set(),
    "facts": set(),
    "terminal": set(),
    "inside": set(),
    "run": {"facts"},
    "replay": {"facts", "errors", "inside"},
    "index": {"facts", "errors"},
    "compat": {"facts", "index"},
    "readers": {"facts", "errors", "replay"},
    "probes": {"facts", "run", "errors", "inside"},
    "rules": {"facts", "index", "compat"},
    "plan": {"facts", "compat", "index", "errors"},
    "bench": {"facts", "run", "errors", "index"},
    "install": {"plan", "run", "errors", "facts", "index", "compat", "probes", "bench"},
    "render": {"facts", "rules", "plan", "install", "bench", "index", "compat"},
    "commands": {
        "errors", "facts", "terminal", "run", "replay", "index", "compat", "readers", "probes", "rules", "plan", "bench",
        "install", "render",
    },
    "cli": {"commands", "errors", "terminal"},
}  # fmt: skip


def room_of(file: pathlib.Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(file: pathlib.Path) -> set[str]:
    """Rooms that a file imports, wherever in it the import stands; the version (``from ptsetup import __version__``) is no room."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"ptsetup.{a.name}" for a in node.names] if node.module == "ptsetup" else [node.module or ""]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("ptsetup.") and "__" not in name}
    return found


def test_imports_go_one_way():
    wrong = []
    for file in sorted(PACKAGE.rglob("*.py")):
        room = room_of(file)
        if room in ("__init__", "__main__"):
            continue
        wrong += [f"{file.relative_to(PACKAGE)} imports {other}" for other in imports_of(file) - {room} - ALLOWED[room]]
    assert not wrong


def test_the_scripts_of_inside_import_nothing_of_ours():
    assert all("ptsetup" not in imports_of(file) for file in (PACKAGE / "inside").rglob("*.py"))
    assert not any(imports_of(file) for file in (PACKAGE / "inside").rglob("*.py"))


def test_no_function_is_longer_than_a_screen():
    """60 lines with its docstring (a rule's is its page)."""
    long = [
        f"{file.relative_to(PACKAGE)} {node.name}"
        for file in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 60
    ]
    assert long == []
