"""PT203, PT204 and PT206: something else stands before torch on a path."""

import re
from collections.abc import Iterator

from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact, fitting, unset

OLD_NAMES = (
    "tensor|Tensor|__version__|nn|cuda|float32|float|manual_seed|device|no_grad|load|save|zeros|ones|randn?|randint"
    "|from_numpy|FloatTensor|LongTensor|utils|optim|autograd|jit|backends|version|as_tensor|arange|matmul|cat|stack"
)
"""Names that every torch since 1.0 has: where one is missing, what was imported is no torch."""


def _folders(case: Case) -> tuple[str, ...]:
    """The folders in which torch is installed, by its distributions and its own files."""
    wheel = case.wheel
    own = wheel.path.replace("\\", "/").rpartition("/")[0] if wheel and wheel.path else None
    places = [d.location for d in case.dists("torch")] + [own]
    return tuple(place.replace("\\", "/").rstrip("/") for place in places if place)


def _is_below(path: str, folders: tuple[str, ...]) -> bool:
    path = path.replace("\\", "/")
    return any(path.startswith(folder + "/") for folder in folders)


SHADOWED = (
    (
        r"(?:torch\.__path__|torch has no __file__|<module 'torch'|torch\.__file__)[^\n]{0,60}(?:_NamespacePath|\(namespace\)"
        r"|<_frozen_importlib_external)"
    ),
    rf"(?<!partially initialized )module 'torch' has no attribute '(?:{OLD_NAMES})'",
    r"partially initialized module 'torch' has no attribute",
    r"cannot import name '\w+' from (?:partially initialized module )?'torch' \((?P<path>[^)]+)\)",
)


@rule(
    "PT203",
    "torch-shadowed",
    "error",
    "Something else named torch is imported",
    needs=("target.torch_origin|target.torch_folders|messages",),
    hides=("PT202", "PT211", "PT3", "PT401", "PT204"),
    layer=50,
    says=SHADOWED,
)
def shadowed(case: Case) -> Iterator[Finding]:
    """What is wrong
        A file torch.py, or a folder torch, stands earlier on the import path than the installed package, mostly in the
        folder from which the program is started.

    Why it matters
        Python imports that instead: "module 'torch' has no attribute ...".

    See it yourself
        python -c "import importlib.util; print(importlib.util.find_spec('torch').origin)"

    Fix
        Rename the file or folder and delete its __pycache__.

    Sources
        pytorch/pytorch#39473 (the same with another module); reproduced
    """
    target = case.snapshot.target
    origin = target.torch_origin if target else None
    folders = _folders(case)
    is_own = any(d.is_editable for d in case.dists("torch")) or (case.wheel and case.wheel.build_kind == "source")
    if target and origin and not is_own and _is_no_package(case, origin, folders):
        yield Finding(
            message=f"import torch loads {origin}, not the installed package"
            + (f" in {folders[0]}." if folders else ": it is not torch."),
            subject=origin,
            evidence=(
                fact(case, "target.torch_origin", origin, "importlib.util.find_spec"),
                *(fact(case, "target.distributions", folder, "metadata of torch") for folder in folders[:1]),
            ),
            fixes=_rename(case, origin.removesuffix("/__init__.py").removesuffix("\\__init__.py")),
        )
        return
    hit = case.heard(shadowed) or _from_here(case)
    path = (hit.match.groupdict().get("path") or "") if hit else ""
    is_package = origin is not None and origin != path and not _is_no_package(case, origin, folders)
    if hit is None or case.is_import_ok or is_package:
        return
    if path == "unknown location" or "site-packages" in path or "dist-packages" in path:
        return
    yield Finding(
        message="What was imported as torch is not torch"
        + (f": {path} stands in its place." if path else ": a file torch.py or a folder torch stands in its place."),
        subject=path or "torch",
        evidence=(hit.evidence,),
        fixes=_rename(case, path) if path else (FIND_IT,),
        certainty="likely",
    )


def _from_here(case: Case) -> Hit | None:
    """The traceback of a failed import goes through a folder ``torch`` of the current one, which has no compiled part."""
    lacks_core = case.said(r"no module named '?(?:torch\.)?_C\b")
    return case.said(r"""File "(?:\./)?(?P<path>torch)[\\/]__init__\.py", line""") if lacks_core else None


def _is_no_package(case: Case, origin: str, folders: tuple[str, ...]) -> bool:
    """What would be imported stands outside the folders in which torch is installed, and is no torch by its looks."""
    if folders and _is_below(origin, folders):
        return False
    if not folders:
        listed = case.snapshot.target.torch_folders or () if case.snapshot.target else ()
        plain = origin.replace("\\", "/")
        known = [folder for folder in listed if plain.startswith(folder.path.replace("\\", "/"))]
        return bool(known) and not any(folder.has_version for folder in known)
    return True


FIND_IT = Fix(
    text="See what is imported in its place, then rename that file or folder.",
    commands=(("{python}", "-c", "import importlib.util; print(importlib.util.find_spec('torch'))"),),
)


def _rename(case: Case, path: str) -> tuple[Fix, ...]:
    """Move the file or folder out of the way, in the shell of the system."""
    is_file = path.endswith(".py")
    new = f"{path[:-3]}_renamed.py" if is_file else f"{path}_renamed"
    leaf = re.split(r"[\\/]", new)[-1]
    return fitting(
        case,
        Fix(
            text="Rename it, and delete the __pycache__ beside it.",
            commands=(("mv", "--", path, new),),
            systems=("linux", "macos"),
        ),
        Fix(
            text="Rename it, and delete the __pycache__ beside it.",
            commands=(("cmd", "/c", "ren", path, leaf),),
            systems=("windows",),
        ),
    )


TRITONS = ("triton", "pytorch-triton", "pytorch-triton-rocm", "triton-windows", "triton-rocm")
NAMES = "random|dis|types|enum|code|queue|inspect|typing|numpy|typing_extensions|triton|sympy|jinja2|filelock|platform|logging"
MODULE_SHADOWED = (
    rf"cannot import name '\w+' from (?:partially initialized module )?'(?P<name>{NAMES})' \((?P<path>[^)]+\.py)\)",
    r"module '(?P<name>numpy)' has no attribute '(?:ndarray|array|__version__|float32|int64)'",
    r"module '(?P<name>triton)' has no attribute '(?:language|jit|Config|__version__)'",
    rf"partially initialized module '(?P<name>{NAMES})' has no attribute",
)


@rule(
    "PT204",
    "module-shadowed",
    "error",
    "A file hides a module that torch needs",
    needs=("target.cwd_shadows|messages",),
    hides=("PT310", "PT311", "PT312"),
    layer=50,
    says=MODULE_SHADOWED,
)
def module_shadowed(case: Case) -> Iterator[Finding]:
    """What is wrong
        A file or folder beside the program bears the name of a module that torch imports: random.py, types.py, numpy ...

    Why it matters
        The import of torch dies inside another module, with a message that does not name the culprit.

    See it yourself
        python -c "import random, numpy; print(random.__file__, numpy.__file__)"

    Fix
        Rename the file or folder and delete its __pycache__.

    Sources
        pytorch/pytorch#39473; reproduced
    """
    target = case.snapshot.target
    shadows = (
        [s for s in (target.cwd_shadows or ()) if not re.search(r"(?:^|[\\/])torch(?:\.py)?[\\/]?$", s)]
        if target
        else []
    )
    hit = case.heard(module_shadowed)
    if hit and hit.match["name"] == "triton" and len({d.name for name in TRITONS for d in case.dists(name)}) > 1:
        hit = None  # two packages own the folder: PT310
    if shadows:
        named = ", ".join(shadows[:3])
        yield Finding(
            message=f"{named} in the current folder hides a module that torch imports.",
            subject=shadows[0],
            evidence=(
                fact(case, "target.cwd_shadows", named, "listing of the current folder"),
                *([hit.evidence] if hit else []),
            ),
            fixes=_rename(case, shadows[0]),
            severity="warning" if case.is_import_ok and not hit else "error",
        )
        return
    path = hit.match.groupdict().get("path") if hit else None
    if hit is None or (
        path and re.search(r"site-packages|dist-packages|[\\/]lib[\\/]python3|[\\/]Lib[\\/]\w+\.py$", path)
    ):
        return
    if case.is_import_ok and case.snapshot.origin == "probe" and not path:
        return
    name = hit.match["name"]
    yield Finding(
        message=f"Something else is imported as {name}" + (f": {path}." if path else "."),
        subject=path or name,
        evidence=(hit.evidence,),
        fixes=_rename(case, path)
        if path
        else (
            Fix(
                text="See what is imported in its place, then rename it.",
                commands=(("{python}", "-c", f"import {name}; print({name}.__file__)"),),
            ),
        ),
        certainty="likely",
    )


INJECTED = ("torch", "torchvision", "torchaudio", "numpy", "nvidia", "triton")
LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES")
BLEND = (
    r"module 'torch\._C[\w.]*'(?: \([^)]*\))? has no attribute",
    r"type object 'torch\._C\.[\w.]+' has no attribute",
    r"'module' object has no attribute '(?:\w+(?:StorageBase|TensorBase)|_init_names)'",
    r"cannot import name '\w+' from 'torch\._C[\w.]*'",
    r"(?:lib(?:torch(?!text|audio|vision)|c10|shm)\w*|torch[\\/]_C\S*?)\.so[\w.]*:? undefined symbol: (?:_Z|THP)\w+",
    (
        r"symbol not found[^\n]{0,200}(?:libtorch(?!audio|vision|text)|libc10|(?<![a-z])torch[\\/]lib)[^\n]{0,80}"
        r"expected in[^\n]{0,200}(?:libtorch|libc10)"
    ),
    (
        r"only a single TORCH_LIBRARY can be used to register the namespace (?:prims|aten|prim|quantized|inductor|c10d|_?c10d\w*"
        r"|profiler|mkldnn|debugprims)"
    ),
    r"only one extension type can be registered|library .{0,20}torch.{0,40} registered multiple times",
)
"""torch's Python files and its libraries are not of one release."""


@rule(
    "PT206",
    "pythonpath-injection",
    "warning",
    "A variable puts another torch on the path",
    needs=("env|target.sys_path|messages",),
    hides=("PT203", "PT204", "PT207", "PT301", "PT302", "PT307", "PT31", "PT404"),
    layer=47,
    says=BLEND,
)
def injected(case: Case) -> Iterator[Finding]:
    """What is wrong
        PYTHONPATH (or a .pth file) adds a folder with its own torch, torchvision, numpy or nvidia; or LD_LIBRARY_PATH /
        DYLD_LIBRARY_PATH names the folder of another libtorch, whose libraries are then loaded in place of the wheel's.

    Why it matters
        Python imports a blend of two installations: attributes and symbols are missing, versions contradict each other.

    See it yourself
        env | grep -E "PYTHONPATH|LIBRARY_PATH"
        python -c "import torch; print(torch.__file__)"

    Fix
        Take the variable away; on a cluster unload the module that sets it.

    Sources
        reproduced (an older torchvision on PYTHONPATH broke the import); ROCm/legacy-rocm-build#2838
    """
    target = case.snapshot.target
    is_editable = any(d.is_editable for d in case.dists("torch"))
    for entry in (target.sys_path or ()) if target else ():
        provided = [name for name in entry.provides if name in INJECTED]
        if entry.kind not in ("pythonpath", "pth") or not provided or (is_editable and entry.kind == "pth"):
            continue
        variable = "PYTHONPATH" if entry.kind == "pythonpath" else ".pth"
        is_in_front = "torch" in provided and any(d.location not in (None, entry.path) for d in case.dists("torch"))
        yield _injection(case, variable, entry.path, ", ".join(provided), is_in_front=is_in_front)
        return
    hit = case.heard(injected)
    for name in LIBRARY_PATHS:
        value = case.env(name)
        entry_path = _foreign_libtorch(case, value or "")
        if entry_path:
            yield _injection(case, name, entry_path, "libtorch", hit)
            return
    path = case.env("PYTHONPATH")
    for folder in filter(None, re.split(r"[:;](?![\\/])", path or "")):
        seen = case.said(re.escape(folder.rstrip("/\\")) + r"[\\/](?:torch|torchvision|torchaudio|numpy|triton)[\\/.]")
        if seen:
            yield _injection(case, "PYTHONPATH", folder, "a package of the traceback", seen)
            return


def _foreign_libtorch(case: Case, value: str) -> str | None:
    """An entry that names a libtorch which is not the wheel's own."""
    own = case.wheel.path.replace("\\", "/") if case.wheel and case.wheel.path else None
    for entry in value.split(":"):
        plain = entry.replace("\\", "/")
        if re.search(r"libtorch|/torch/lib", plain) and not (own and plain.startswith(own)):
            return entry
    return None


def _injection(
    case: Case, variable: str, path: str, what: str, hit: Hit | None = None, *, is_in_front: bool = False
) -> Finding:
    """``is_in_front``: the environment's own torch is never imported."""
    is_pth = variable == ".pth"
    failed = (
        is_in_front
        or hit is not None
        or case.is_import_ok is False
        or case.said(r"undefined symbol|symbol not found") is not None
    )
    return Finding(
        message=f"{'A .pth file' if is_pth else variable} puts {path} on the path, which brings {what} of its own.",
        subject=path,
        evidence=(
            fact(case, "target.sys_path" if is_pth else f"env.{variable}", path, "the environment"),
            *([hit.evidence] if hit else []),
        ),
        fixes=(Fix(text=f"Remove the .pth file that names {path}.", kind="none"),) if is_pth else unset(case, variable),
        severity="error" if failed else "warning",
        certainty="certain" if hit is None or case.is_import_ok is not None else "likely",
    )


RULES = (shadowed, module_shadowed, injected)
