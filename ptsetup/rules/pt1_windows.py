"""PT111 to PT115: what is peculiar to Windows."""

from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules import _speech
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, fresh_environment

LONGEST_MEMBER = 126
"""Characters of the longest path inside the wheel since 2.13 (licence files; measured in the wheels of 2.15.0)."""

PATH_LIMIT = 260
"""MAX_PATH of Windows where long paths are not enabled."""

GIB = 1024**3
COMMIT_PER_PROCESS = 3 * GIB
"""Commit that a process with torch's CUDA libraries takes; a proposal of the catalogue, not measured."""

RUNTIME = ("vcruntime140", "vcruntime140_1", "msvcp140")
"""Libraries of Visual C++ that torch/__init__.py loads first on Windows."""

REDISTRIBUTABLE = "https://aka.ms/vc14/vc_redist.x64.exe"


def _is_other_system(case: Case) -> bool:
    return case.system not in (None, "windows")


@rule(
    "PT111",
    "windows-long-path",
    "error",
    "Paths become longer than Windows allows",
    needs=("host.is_longpaths_enabled|messages",),
    says=(
        r"\[WinError 206\]",
        r"filename or extension is too long",
        r"does not have Windows Long Path support enabled",
    ),
)
def long_path(case: Case) -> Iterator[Finding]:
    r"""What is wrong
        Windows refuses paths of 260 characters or more unless long paths are switched on, and the wheel of torch holds
        files whose path inside the package is up to 126 characters long.

    Why it matters
        pip ends with "No such file or directory" or WinError 206 in the middle of unpacking, and leaves a half install.

    See it yourself
        reg query HKLM\SYSTEM\CurrentControlSet\Control\FileSystem /v LongPathsEnabled

    Fix
        Switch long paths on (as administrator), open a new shell and install again; or put the environment into a
        short folder such as C:\v\pt.

    Sources
        Slicer/light-the-torch#176, pytorch/TensorRT#4288, Dao-AILab/flash-attention#1631, pytorch/pytorch#23823
    """
    hit = case.heard(long_path)
    host, target = case.snapshot.host, case.snapshot.target
    if _is_other_system(case):
        return
    length = (target.longest_site_path or len(target.purelib or "")) if target else 0
    total = length + 1 + LONGEST_MEMBER
    is_off = host is not None and host.is_longpaths_enabled is False
    if not hit and not (case.system == "windows" and is_off and length and total >= PATH_LIMIT):
        return
    if not hit and (case.is_import_ok or case.dists("torch")):
        return
    evidence = [hit.evidence] if hit else []
    if is_off:
        evidence.append(fact(case, "host.is_longpaths_enabled", "off", "registry"))
    if length:
        evidence.append(fact(case, "target.purelib", f"{length} characters, {total} with torch's longest file"))
    yield Finding(
        message="Windows refused a path that is too long."
        if hit
        else f"torch's files would need {total} characters of path, and Windows allows {PATH_LIMIT} here.",
        subject="Windows",
        evidence=tuple(evidence),
        fixes=(
            Fix(
                text="Switch long paths on in a PowerShell as administrator, then open a new shell.",
                shell=r"New-ItemProperty -Path HKLM:\SYSTEM\CurrentControlSet\Control\FileSystem -Name LongPathsEnabled "
                "-Value 1 -PropertyType DWORD -Force",
                systems=("windows",),
            ),
            Fix(
                text="Or make the environment in a short folder (no administrator needed).",
                commands=(
                    ("uv", "venv", r"C:\v\pt"),
                    ("ptsetup", "install", "--python", r"C:\v\pt\Scripts\python.exe"),
                ),
                systems=("windows",),
            ),
        ),
        certainty="likely" if hit and not is_off else "certain",
    )


PROCEDURE = r"(?:the specified procedure|die angegebene prozedur|找不到指定的(?:程序|程式|过程))"
"""Windows' error 127: a library is there, and of another version (PT307)."""

DLLS = r"c10|c10_cuda|fbgemm|shm|asmjit|uv|torch_python|torch_cpu|torch_cuda\w*|caffe2\w*"
"""torch's own."""

DLL_TEXTS = (
    r"\bWinError (?:126|1114)\b.*(?:error loading|torch|\.dll)",
    rf"\b(?:{DLLS})\.dll\b.{{0,120}}\b(?:initiali[sz]ation routine|could not be (?:found|loaded)|not found|missing|1114|126)\b",
    rf"\b(?:error (?:while )?loading|(?:cannot|could not|failed to|unable to) load|missing)\b.{{0,60}}\b(?:{DLLS})\.dll\b",
    rf"\b(?:vc[ _]?(?:\+\+)? ?redist\w*|visual c\+\+(?: \d{{4}})?(?: redistributable\w*)?|vcredist\w*)\b[^;\n]{{0,60}}\b{_speech.FIXED}\b",
    rf"\b{_speech.FIXED}\b[^;\n]{{0,60}}\b(?:vc[ _]?(?:\+\+)? ?redist|visual c\+\+(?: \d{{4}})? redistributable|vcredist)",
    r"\[WinError 127\].*torch[\\/]+lib[\\/]+[\w-]+\.dll",
    r"(?:could not|failed to|cannot) (?:load|import) torch.*\[WinError (?:126|127|1114)\]",
    r"torch[\\/]+__init__\.py\S* line \d+,? in _load_dll_libraries",
    r"error loading .{0,300}torch[\\/]+lib[\\/]+[\w-]+\.dll",
    r"torch[\\/]+lib[\\/]+[\w-]+\.dll\W{1,3}or one of its dependencies",
    r"could not find module '[^']*torch[\\/]+lib[\\/]+[\w-]+\.dll'",
    rf"DLL load failed(?: while importing _C)?:(?! ?{PROCEDURE}).*",
    r"Microsoft Visual C\+\+ Redistributable is not installed",
    r"(?:missing|not found|could ?n[o']t find|cannot find).{0,40}(?:libomp140\.x86_64|vcruntime140(?:_1)?|msvcp140)\.dll",
    r"(?:libomp140\.x86_64|vcruntime140(?:_1)?|msvcp140)\.dll.{0,40}(?:missing|not found|was not found)",
)


@rule(
    "PT112",
    "vc-redist-missing-or-old",
    "error",
    "A run-time library of Visual C++ is missing or too old",
    needs=("host.dlls|messages",),
    hides=("PT113", "PT115", "PT204", "PT212", "PT402"),
    layer=45,
    says=DLL_TEXTS,
    is_starred=True,
)
def vc_redist(case: Case) -> Iterator[Finding]:
    r"""What is wrong
        torch's libraries need the Visual C++ 14 run-time of Windows (vcruntime140.dll, vcruntime140_1.dll, msvcp140.dll).
        It is missing, or older than the one they were built with. The wheels of 2.4.0 also need libomp140.x86_64.dll.

    Why it matters
        import torch ends with WinError 126 (a module was not found: fbgemm.dll, c10.dll) or 1114 (its start failed).

    See it yourself
        reg query HKLM\SOFTWARE\Microsoft\VisualStudio\14.0\VC\Runtimes\x64 /v Version

    Fix
        Install the current redistributable and open a new shell. For 2.4.0 and libomp140 take a newer torch instead.
        Never fetch single DLL files from download sites.

    Sources
        torch/__init__.py; pytorch/pytorch#131662, #133076, nagadomi/nunif#701
    """
    if _is_other_system(case) or (case.is_import_ok and not case.snapshot.messages):
        return
    # 193: the file itself is no library (PT212), whatever the run-time is
    hit = None if case.said(r"\[WinError 193\]") else case.heard(vc_redist)
    host = case.snapshot.host
    dlls = host.dlls if host and case.system == "windows" else None
    is_arm = host is not None and (host.machine or "").lower() in ("arm64", "aarch64")
    missing = [name for name in RUNTIME if dlls is not None and name in dlls and dlls[name] is None]
    missing = [name for name in missing if not (is_arm and name == "vcruntime140_1")]
    if case.is_import_ok or (not hit and not missing):
        return
    evidence = [hit.evidence] if hit else []
    evidence += [fact(case, f"host.dlls.{name}", "missing", "System32") for name in missing]
    if dlls and not missing and dlls.get("msvcp140"):
        evidence.append(fact(case, "host.dlls.msvcp140", dlls["msvcp140"], "System32"))
    yield Finding(
        message=f"{', '.join(f'{name}.dll' for name in missing)} {'are' if len(missing) > 1 else 'is'} missing: torch's "
        "libraries cannot be loaded."
        if missing
        else "A library of torch could not be loaded on Windows: the Visual C++ run-time is missing or older than the one "
        "that torch was built with.",
        subject="Visual C++ run-time",
        evidence=tuple(evidence),
        fixes=_redistributable(case),
        certainty="certain" if missing else "likely",
    )


def _redistributable(case: Case) -> tuple[Fix, ...]:
    install = Fix(
        text="Install the current Visual C++ redistributable, then open a new shell.",
        commands=(("winget", "install", "--id", "Microsoft.VCRedist.2015+.x64", "-e"),),
        systems=("windows",),
    )
    by_hand = Fix(
        text="Where winget is missing: download and run Microsoft's installer.",
        commands=(("cmd", "/c", "start", REDISTRIBUTABLE),),
        systems=("windows",),
    )
    is_omp = case.said(r"libomp140") or (case.torch_base == "2.4.0" and case.said(r"fbgemm"))
    if is_omp or case.torch_base == "2.4.0":
        newer = another_build(
            "Take a newer torch: only 2.4.0 needs libomp140.x86_64.dll, which Windows lacks.", "torch>2.4.0"
        )
        return (newer, install, by_hand)
    return (install, by_hand)


@rule(
    "PT113",
    "windows-dll-order",
    "warning",
    "Another package's libraries were loaded before torch's",
    needs=("messages",),
    says=(r"\[WinError 1114\]",),
    import_needed=True,
)
def dll_order(case: Case) -> Iterator[Finding]:
    """What is wrong
        A GUI or OCR package (PyQt, PySide, PaddleOCR ...) was imported first and brought an older C++ run-time into the
        process; torch 2.9 and later then fails to start its c10.dll.

    Why it matters
        WinError 1114 comes only in that program, while "import torch" alone works.

    See it yourself
        python -c "import torch; print(torch.__version__)"

    Fix
        Import torch before the other package, and update the Visual C++ redistributable (PT112).

    Sources
        XiaoGu-G2020/DeltaForceMarketBot#46, 1517005260/graph-rag-agent#54
    """
    hit = case.heard(dll_order)
    other = case.said(r"\b(PyQt[56]|PySide[26]|paddleocr|paddle|easyocr|onnxruntime)\b")
    is_new = not case.torch_base or compat.at_least(case.torch_base, "2.9") is not False
    if hit is None or _is_other_system(case) or not is_new or not (other or case.is_import_ok):
        return
    evidence = [hit.evidence, *([other.evidence] if other else [])]
    if case.is_import_ok:
        evidence.append(fact(case, "torch.result.is_ok", "True", "import torch alone"))
    yield Finding(
        message="torch's c10.dll failed to start"
        + (f" in a program that uses {other.match[1]}" if other else ", yet torch alone can be imported")
        + ": import torch first.",
        subject="import order",
        evidence=tuple(evidence),
        fixes=(
            Fix(text="Put import torch above the import of the other package in the program.", kind="none"),
            *_redistributable(case),
        ),
        certainty="possible",
    )


@rule(
    "PT114",
    "windows-pagefile-small",
    "error",
    "The page file is too small for several processes with torch",
    needs=("host.memory.commit_limit_bytes|messages",),
    says=(r"\[WinError 1455\]", r"paging file is too small"),
    hides=("PT112", "PT904"),
)
def pagefile(case: Case) -> Iterator[Finding]:
    """What is wrong
        Windows promises memory before it is used. Each process that loads torch's CUDA libraries commits gigabytes, and
        RAM plus page file cannot promise that many.

    Why it matters
        WinError 1455 while DLLs load, mostly in the workers of a DataLoader.

    See it yourself
        systeminfo | findstr /C:"Virtual Memory"

    Fix
        Use fewer workers, or let Windows manage the page file's size (System, Advanced, Performance, Virtual memory).

    Sources
        pytorch/pytorch#59904, thu-ml/tianshou#297, ultralytics/yolov3#1643
    """
    hit = case.heard(pagefile)
    memory = case.snapshot.host.memory if case.snapshot.host and case.system == "windows" else None
    free = None
    if memory and memory.commit_limit_bytes is not None and memory.commit_used_bytes is not None:
        free = memory.commit_limit_bytes - memory.commit_used_bytes
    is_short = free is not None and free < 2 * COMMIT_PER_PROCESS and case.family == "cuda"
    if _is_other_system(case) or not (hit or is_short):
        return
    evidence = [hit.evidence] if hit else []
    if free is not None:
        left = fact(
            case, "host.memory.commit_limit_bytes", f"{free / GIB:.1f} GiB left to promise", "GlobalMemoryStatusEx"
        )
        evidence.append(left)
    short = f"Windows can promise {(free or 0) / GIB:.1f} GiB more; each worker process with torch takes about 3 GiB."
    told = "Windows could not promise the memory that torch's libraries ask for: the page file is too small."
    yield Finding(
        message=told if hit else short,
        subject="page file",
        evidence=tuple(evidence),
        fixes=(
            Fix(text="Use fewer DataLoader workers (num_workers=0 to try).", kind="none"),
            Fix(
                text="Let Windows manage the page file: System, Advanced, Performance, Virtual memory.",
                commands=(("SystemPropertiesPerformance.exe",),),
                systems=("windows",),
            ),
        ),
        severity="error" if hit else "note",
        certainty="certain" if hit else "possible",
    )


@rule(
    "PT115",
    "windows-store-python",
    "warning",
    "Python comes from the Microsoft Store",
    needs=("target.executable|target.prefix",),
    layer=55,
)
def store_python(case: Case) -> Iterator[Finding]:
    """What is wrong
        The interpreter is the one of the Microsoft Store. It lives in a protected folder and redirects what is
        installed into a long path of its own.

    Why it matters
        Long paths break the unpacking of large wheels (PT111), and packages stand where nobody looks for them.

    See it yourself
        where python

    Fix
        Use Python from python.org or from uv.

    Sources
        pytorch/pytorch#23823
    """
    target = case.snapshot.target
    places = [(name, getattr(target, name) or "") for name in ("executable", "prefix", "base_prefix")] if target else []
    found = next(
        ((n, p) for n, p in places if "WindowsApps" in p or "PythonSoftwareFoundation.Python" in p),
        None,
    )
    if found is None or _is_other_system(case):
        return
    yield Finding(
        message="This Python comes from the Microsoft Store, which puts packages into a long, redirected path.",
        subject="Python",
        evidence=(fact(case, f"target.{found[0]}", found[1], "the interpreter"),),
        fixes=fresh_environment(case, "3.13", "A Python of one's own"),
        severity="note" if case.is_import_ok is not False else "warning",
    )


RULES = (long_path, vc_redist, dll_order, pagefile, store_python)
