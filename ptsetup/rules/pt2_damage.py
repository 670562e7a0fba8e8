"""PT208 to PT212 and PT225: installations that were cut short or damaged."""

import re
from collections.abc import Iterator

from ptsetup.facts import Distribution, replace
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, fitting, reinstall

SYSTEM_INSTALLERS = ("conda", "debian", "rpm")
"""Installers that keep records of their own."""

WATCHED = ("torch", "torchvision", "torchaudio", "triton", "numpy")
"""Packages whose damage torch feels; of NVIDIA's, those whose libraries it loads (see ``_watched``)."""

OWN_LIBRARIES = r"lib(?:torch(?:_cpu|_cuda|_python|_global_deps|_hip|_xpu|_nvshmem|_cuda_linalg)?|c10(?:_cuda|_hip|_xpu)?|shm|caffe2_\w+)"
"""Libraries in torch/lib of the wheels since 1.5 and up to 2.15."""


def _folder(case: Case) -> str:
    target = case.snapshot.target
    return (target.platlib or target.purelib or "site-packages") if target else "site-packages"


@rule(
    "PT208",
    "half-install-tilde",
    "warning",
    "Remains of a package that was being replaced",
    needs=("target.leftovers|messages",),
    layer=54,
    says=(r"ignoring invalid distribution [-~](?P<name>[\w.-]+)",),
)
def leftovers(case: Case) -> Iterator[Finding]:
    """What is wrong
        While pip replaces a package it renames the old one to a name that begins with a tilde. Such a folder is still
        there: the replacement was cut off (a file in use on Windows, a full disk, Ctrl-C).

    Why it matters
        pip warns of an "invalid distribution" each time, gigabytes may lie idle, and the package itself may be half there.

    See it yourself
        python -c "import sysconfig, os; p = sysconfig.get_path('platlib'); print([n for n in os.listdir(p) if n[0] == '~'])"

    Fix
        End the Python processes that use the environment, delete those folders, and install the package again if it
        is damaged.

    Sources
        tin2tin/Pallaidium#40, nod-ai/AMD-SHARK-Studio#1160
    """
    target = case.snapshot.target
    names = [name for name in (target.leftovers or ()) if re.match(r"~\w", name)] if target else []
    hit = case.heard(leftovers)
    if (target and target.running_installs) or not (names or hit):
        return
    if not names and hit:
        yield Finding(
            message=f"pip finds the remains of a package that was being replaced ({hit.match['name']}).",
            subject=hit.match["name"],
            evidence=(hit.evidence,),
            fixes=(Fix(text="List what begins with a tilde in site-packages, and delete it.", commands=(_LISTING,)),),
            severity="note" if case.is_import_ok else "warning",
            certainty="likely",
        )
        return
    folder = _folder(case)
    whole = next((d for d in case.dists("torch") if case.is_import_ok is False), None)
    again = reinstall(case, whole, text="Then install torch again: the import fails.") if whole else None
    yield Finding(
        message=f"{', '.join(names[:4])} in {folder}: a package was being replaced, and that was cut off.",
        subject=names[0],
        evidence=(fact(case, "target.leftovers", ", ".join(names), f"listing of {folder}"),),
        fixes=(*_delete(case, folder, names), *((again,) if again else ())),
        severity="note" if case.is_import_ok else "warning",
    )


_LISTING = (
    "{python}",
    "-c",
    "import sysconfig, os; p = sysconfig.get_path('platlib'); print(p, [n for n in os.listdir(p) if n[0] == '~'])",
)


def _delete(case: Case, folder: str, names: list[str]) -> tuple[Fix, ...]:
    """Delete them; ``safe``, since pip knows these only as rubbish."""
    text = "End the Python processes that use this environment, then delete what is left over."
    return fitting(
        case,
        Fix(
            text=text,
            commands=(("rm", "-r", "--", *(f"{folder}/{name}" for name in names)),),
            systems=("linux", "macos"),
            kind="safe",
        ),
        Fix(
            text=text,
            commands=tuple(("cmd", "/c", "rmdir", "/s", "/q", f"{folder}\\{name}") for name in names),
            systems=("windows",),
            kind="safe",
        ),
    )


NO_RECORD = (
    r"cannot uninstall (?P<name>torch\w*|triton|numpy|nvidia[\w-]+)\b(?: (?P<version>\d[\w.+]*\w))?"
    r".{0,60}(?:record file|no record)"
)


@rule(
    "PT209",
    "record-missing",
    "warning",
    "The list of installed files is missing",
    needs=("target.distributions|messages",),
    layer=54,
    says=(NO_RECORD,),
)
def record_missing(case: Case) -> Iterator[Finding]:
    """What is wrong
        The dist-info folder of the package has no RECORD, the list of its files.

    Why it matters
        pip can neither upgrade nor remove the package: "Cannot uninstall ..., RECORD file not found".

    See it yourself
        python -m pip show -f torch

    Fix
        Install the same version again with --force-reinstall --no-deps; that writes the list anew.

    Sources
        reproduced; pypa/pip
    """
    hit = case.heard(record_missing)
    damaged = [
        d
        for name in WATCHED
        for d in case.dists(name)
        if d.has_record is False and (d.installer or "pip") not in SYSTEM_INSTALLERS
    ]
    if not damaged and hit:
        told = Distribution(name=hit.match["name"].lower(), version=hit.match["version"])
        damaged = [next(iter(case.dists(told.name)), told)]
    for dist in damaged:
        yield Finding(
            message=f"{dist.name} {dist.version or ''} has no RECORD: pip can neither replace nor remove it.".replace(
                "  ", " "
            ),
            subject=dist.name,
            evidence=(
                hit.evidence if hit else fact(case, "target.distributions", f"{dist.name}: no RECORD", dist.location),
            ),
            fixes=(reinstall(case, dist, text="Install the same version again, which writes the list anew."),),
            certainty="certain" if not hit else "likely",
        )


@rule(
    "PT210",
    "metadata-missing",
    "warning",
    "The record of a package's version is missing",
    needs=("target.distributions",),
    layer=54,
)
def metadata_missing(case: Case) -> Iterator[Finding]:
    """What is wrong
        The dist-info folder is there, but METADATA in it is not: no tool can tell the version or the requirements.

    Why it matters
        import torch works, while installers and libraries that ask for the version get none.

    See it yourself
        python -c "import importlib.metadata as m; print(m.version('torch'))"

    Fix
        Install the same version again over it.

    Sources
        reproduced
    """
    for name in WATCHED:
        for dist in case.dists(name):
            if dist.has_metadata is not False:
                continue
            known = case.wheel.version if name == "torch" and case.wheel else None
            whole = Distribution(name=name, version=dist.version or known, location=dist.location)
            yield Finding(
                message=f"The record of {name} in {dist.location} has no METADATA: its version cannot be told.",
                subject=name,
                evidence=(fact(case, "target.distributions", f"{name}: no METADATA", dist.location),),
                fixes=(reinstall(case, whole, text="Install it again over what is there."),),
            )


UNKNOWN_LOCATION = (
    r"cannot import name '\w+' from 'torch' \(unknown location\)",
    r"<module 'torch' \(<_frozen_importlib_external\._?NamespaceLoader",
    r"<module 'torch' \(namespace\)>",
)


@rule(
    "PT211",
    "torch-folder-empty",
    "error",
    "The folder of torch is there, but not its code",
    needs=("target.torch_folders|messages",),
    hides=("PT202", "PT203", "PT212", "PT401", "PT402", "PT3"),
    layer=51,
    says=UNKNOWN_LOCATION,
)
def folder_empty(case: Case) -> Iterator[Finding]:
    """What is wrong
        The folder torch in site-packages has no __init__.py: an installation was interrupted, or a virus scanner moved
        files away. Python takes such a folder for an empty namespace.

    Why it matters
        import torch seems to work, and then "module 'torch' has no attribute '__version__'".

    See it yourself
        python -c "import torch; print(torch.__file__, torch.__path__)"

    Fix
        Install torch again. If files vanish once more, look into the log of the virus scanner.

    Sources
        reproduced; vladmandic/sdnext#3797
    """
    target = case.snapshot.target
    folders = target.torch_folders or () if target else ()
    sites = [p.replace("\\", "/") for p in (target.purelib, target.platlib, target.user_site) if p] if target else []
    empty = [
        f
        for f in folders
        if f.has_init is False and not f.is_file and any(f.path.replace("\\", "/").startswith(site) for site in sites)
    ]
    has_whole = any(f.has_init for f in folders)
    hit = case.heard(folder_empty)
    # An empty folder can be imported (as a namespace), so a good import proves nothing against it.
    if has_whole or not (empty or (hit and not case.is_import_ok)):
        return
    dist = next(iter(case.dists("torch")), None)
    evidence: list[Evidence] = [hit.evidence] if hit else []
    evidence += [fact(case, "target.torch_folders", f"{f.path} without __init__.py", "listing") for f in empty]
    fix = reinstall(case, dist) if dist and dist.version else another_build("Install torch anew.")
    yield Finding(
        message=f"{empty[0].path if empty else 'The folder of torch'} holds no code of torch: the installation is incomplete.",
        subject="torch",
        evidence=tuple(evidence),
        fixes=(fix,),
        certainty="certain" if empty else "likely",
    )


BROKEN_FILE = (
    rf"(?<!\S)(?P<file>\S{{0,400}}?{OWN_LIBRARIES}\.(?:so|dylib)[\w.]{{0,40}}): (?:file too short|invalid ELF header)",
    rf"(?P<file>{OWN_LIBRARIES}\.(?:so|dylib)[\w.]*): cannot open shared object file",
    r"(?<!\S)(?=\S{0,300}torch/lib/)(?P<file>\S{1,400}?\.so[\w.]{0,40}): (?:cannot open shared object file|ELF load command past end)",
    (
        r"(?<!\S)(?=\S{0,300}(?:torch|nvidia|numpy|triton))(?P<file>\S{1,400}?\.(?:so|dylib)[\w.]{0,40}): "
        r"(?:file too short|invalid ELF header)"
    ),
    r"library not loaded: (?P<file>@rpath/lib(?:torch|c10)\w*\.dylib)",
    r"no module named ['\"](?P<file>numpy\.(?:core|_core)\._multiarray_umath)['\"]",
    r"importing the (?P<file>numpy C-extensions) failed",
    # "not a valid Win32 application", in whatever language
    r"\[WinError 193\].{0,200}?(?P<file>torch[\\/]+lib[\\/]+[\w-]+\.dll)",
)


@rule(
    "PT212",
    "files-missing-or-truncated",
    "error",
    "Files of an installed package are missing or cut short",
    needs=("target.distributions|target.numpy_core_ok|messages",),
    hides=("PT307", "PT311", "PT312", "PT402", "PT403", "PT405", "PT408", "PT409", "PT991", "PT401"),
    layer=53,
    says=BROKEN_FILE,
)
def damaged_files(case: Case) -> Iterator[Finding]:
    """What is wrong
        A file that the package's RECORD lists is not on the disk, or has another size: an interrupted download or copy,
        a full disk, a virus scanner, or failing hardware.

    Why it matters
        The import ends with "file too short", "invalid ELF header" or "cannot open shared object file", or with no
        message at all but a signal.

    See it yourself
        python -m pip show -f torch
        python -c "import torch"

    Fix
        Install the same version again, without the cache. If hashes fail again and again, test memory and disk.

    Sources
        vladmandic/sdnext#3797; reproduced
    """
    damaged = [(dist, problems) for dist in _watched(case) if (problems := _problems(dist))]
    yield from (_damage(case, dist, problems) for dist, problems in damaged)
    if damaged:
        return
    target = case.snapshot.target
    if target and target.numpy_core_ok is False and case.dists("numpy"):
        yield _damage(case, case.dists("numpy")[0], ["its compiled core is missing"])
        return
    hit = case.heard(damaged_files) or _no_program(case)
    if hit is None or case.is_import_ok:
        return
    file = hit.match["file"].replace("\\", "/")
    if _is_wanted_by_other(case, file):
        return
    name = next((n for n in ("torchvision", "torchaudio", "numpy", "triton") if n in file.lower()), "torch")
    dist = next(iter(case.dists(name)), Distribution(name=name, version=case.version_of(name)))
    yield Finding(
        message=f"{file.rpartition('/')[2]}, a file of {name} itself, is missing or damaged.",
        subject=name,
        evidence=(hit.evidence,),
        fixes=(reinstall(case, dist),),
        certainty="likely",
    )


def _watched(case: Case) -> list[Distribution]:
    """Installed packages whose files are compared with their records.

    Files of NVIDIA's packages that are gone are PT402's; where packages for two CUDA majors share a folder, PT403's.
    """
    target = case.snapshot.target
    nvidia = [d for d in (target.distributions or ()) if d.name.startswith("nvidia-")] if target else []
    bases = [re.sub(r"-cu\d+$", "", d.name) for d in nvidia]
    alone = [replace(d, missing_files=()) for d, base in zip(nvidia, bases, strict=True) if bases.count(base) == 1]
    return [*(d for name in WATCHED for d in case.dists(name)), *alone]


def _no_program(case: Case) -> Hit | None:
    """Windows could not load some file of a package (193): the last module in the traceback is of that package."""
    hit = case.said(r"\[WinError 193\]")
    said = case.snapshot.messages
    before = said[: said.index(hit.message)] if hit and hit.message in said else ()
    found = [match for message in before for match in _MODULE.finditer(message.text)]
    return Hit(hit.message, found[-1]) if hit and found else None


_MODULE = re.compile(r"site-packages[\\/](?P<file>(?:torch|torchvision|torchaudio|numpy)[\\/]\w+\.py)")


def _problems(dist: Distribution) -> list[str]:
    """Files of the package that matter and are not as recorded."""
    missing = [f"{path} is missing" for path in dist.missing_files or () if _matters(path)]
    changed = [*(dist.resized_files or ()), *(dist.altered_files or ())]
    stripped = len(changed) > 3 and not missing and dist.installer not in ("pip", "uv", None)
    resized = [] if stripped else [_changed(path) for path in changed if _matters(path)]
    return missing + resized


def _changed(path: str) -> str:
    """``torch/lib/libc10.so (1600, 1024)``, with the sizes recorded and found, or the bare path, as a sentence's end."""
    sizes = re.fullmatch(r"(.*) \((\d+), (\d+)\)", path)
    if sizes is None:
        return f"{path} has another content than recorded"
    was, now = int(sizes[2]), int(sizes[3])
    return f"{sizes[1]} {'was cut short' if now < was else REPLACED} ({now:,} bytes, {was:,} recorded)"


REPLACED = "was replaced by another file"


def _matters(path: str) -> bool:
    """A library or a module, not a licence or compiled cache."""
    return bool(re.search(r"\.(?:so|pyd|dll|dylib|py)\b|\.so\.|bin/torch_shm", path)) and "__pycache__" not in path


def _damage(case: Case, dist: Distribution, problems: list[str]) -> Finding:
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    is_replaced = all(REPLACED in problem for problem in problems)
    return Finding(
        title="A file of an installed package was replaced by another one" if is_replaced else None,
        message=f"{dist.name} {dist.version or ''} is damaged: {problems[0]}{more}.",
        subject=dist.name,
        evidence=(
            fact(case, "target.distributions", "; ".join(problems[:5]), f"RECORD of {dist.name} against the disk"),
        ),
        fixes=(reinstall(case, dist, text="Install the same version again, without the cache."),),
        severity="warning" if case.is_import_ok and dist.name != "numpy" else "error",
    )


def _is_wanted_by_other(case: Case, file: str) -> bool:
    """A compiled package asks for a library that it cannot find: torch itself is not what failed (PT307)."""
    if case.said(r"libtorch_cuda_(?:cu|cpp)\.so", r"libcaffe2\w*\.so"):
        return True
    if not re.match(OWN_LIBRARIES, file):  # with a path, or no library of torch at all
        return False
    return case.is_import_ok is not False and not case.said(r"torch[\\/]__init__\.py")


@rule(
    "PT225",
    "install-cut-off",
    "error",
    "An installation by ptsetup was cut off",
    needs=("target.cut_off_installs",),
    hides=("PT202", "PT203", "PT207", "PT208", "PT209", "PT210", "PT211", "PT212", "PT224", "PT30", "PT402", "PT403"),
    layer=49,
)
def cut_off(case: Case) -> Iterator[Finding]:
    """What is wrong
        ptsetup install was killed, or the machine went off, after it had begun to change the environment. What stood there
        before is kept in .ptsetup-backup beside the packages; nobody has put it back.

    Why it matters
        torch may be half there: old files beside new ones, or none. Where it came as far as the proof, all may be in place
        and nothing is proved.

    See it yourself
        python -c "import sysconfig, os; p = sysconfig.get_path('purelib'); print(os.listdir(p + '/.ptsetup-backup')[:3])"

    Fix
        Call ptsetup install again: it puts the old state back first, then installs and proves. Where what is there turns
        out to be right, it only clears the copies away.

    Sources
        reproduced; ptsetup/install/recovery.py
    """
    target = case.snapshot.target
    sites = (target.cut_off_installs if target else None) or ()
    for site in sites:
        is_usable = case.is_import_ok or (case.is_import_ok is None and _seems_whole(case))
        state = "It came as far as the proof, which is missing" if is_usable else "What is there now is half done"
        yield Finding(
            message=f"ptsetup install was cut off in {site}. {state}; the state before it is kept in .ptsetup-backup.",
            subject="torch",
            evidence=(fact(case, "target.cut_off_installs", "journal.json is there", f"{site}/.ptsetup-backup"),),
            fixes=(another_build("Install again, which puts the old state back first."),),
            severity="warning" if is_usable else "error",
        )


def _seems_whole(case: Case) -> bool:
    """By its files, where nobody has imported it."""
    found = case.dists("torch")
    is_there = case.wheel is not None and case.wheel.version is not None
    return is_there and len(found) == 1 and not found[0].missing_files and not found[0].resized_files


RULES = (leftovers, record_missing, metadata_missing, folder_empty, damaged_files, cut_off)
