"""PT951, PT952, PT957 and PT959: the compilers with which torch.compile and Triton build."""

from collections.abc import Iterator

from ptsetup.facts import Program
from ptsetup.rules import _nvidia
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact, unset

CXX = ("g++", "clang++", "c++", "cl", "icpx")


def _programs(case: Case, *names: str) -> tuple[Program, ...]:
    programs = case.snapshot.host.programs if case.snapshot.host else None
    return tuple(p for p in programs or () if p.name in names or p.source in ("CC", "CXX"))


def _install_compiler(case: Case) -> tuple[Fix, ...]:
    linux = _nvidia.install(
        case,
        {"apt": ("build-essential",), "dnf": ("gcc-c++",), "pacman": ("base-devel",), "zypper": ("gcc-c++",)},
    ) or (("sudo", "apt", "install", "build-essential"),)
    ways = (
        Fix(text="Install a C++ compiler.", commands=linux, systems=("linux",)),
        Fix(text="Install Apple's command line tools.", commands=(("xcode-select", "--install"),), systems=("macos",)),
        BUILD_TOOLS,
    )
    return tuple(fix for fix in ways if case.system is None or case.system in fix.systems)


BUILD_TOOLS = Fix(
    text='Install Visual Studio Build Tools with "Desktop development with C++".',
    commands=(
        (
            "winget",
            "install",
            "Microsoft.VisualStudio.2022.BuildTools",
            "--override",
            "--wait --passive --add Microsoft.VisualStudio.Workload.VCTools --includeRecommended",
        ),
    ),
    systems=("windows",),
)

NO_COMPILER = (
    r"no working C\+\+ compiler found|InvalidCxxCompiler",
    r"failed to find C compiler",
    r"(?:\[Errno 2\]|FileNotFoundError).{0,60}['\"](?:g\+\+|gcc|cc|c\+\+|clang\+\+)['\"]",
    r"fatal error: ['\"]?(?:std(?:def|lib|io|int|arg|bool)|string|math|limits|errno|features|bits/[\w/.-]+|crypt)\.h\b.{0,4}",
    r"(?:gcc|g\+\+|cc1plus|x86_64-linux-gnu-gcc)['\"]?: (?:command |error: )?(?:not found|No such file)",
)


@rule(
    "PT951",
    "no-cxx-compiler",
    "error",
    "There is no C++ compiler for torch.compile",
    needs=("host.programs|messages",),
    layer=76,
    says=NO_COMPILER,
)
def no_compiler(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch.compile builds C++ code for the CPU, and Triton a small C helper. No compiler is there, or CXX (CC) names
        one that is not.

    Why it matters
        "No working C++ compiler found", "Failed to find C compiler" at the first compiled call.

    See it yourself
        g++ --version || clang++ --version

    Fix
        Install a compiler: build-essential, gcc-c++, Apple's command line tools or Visual Studio's build tools.

    Sources
        torch/_inductor/exc.py; reproduced
    """
    hit = case.heard(no_compiler)
    asked = case.env("CXX") or case.env("CC")
    looked = _programs(case, *CXX)
    named = next((p for p in looked if p.source in ("CC", "CXX") and (p.path is None or p.error)), None)
    is_none = bool(looked) and not any(p.path and not p.error for p in looked) and case.system != "windows"
    if hit is None and not is_none and not (named and asked):
        return
    if case.system == "windows" and hit is None:
        return
    yield Finding(
        message=f"{named.source}={asked} names a compiler that does not run."
        if named and asked
        else "No C++ compiler is installed; torch.compile needs one."
        if is_none
        else "No C or C++ compiler was found, and torch.compile (or Triton) needs one.",
        subject=asked if named and asked else "g++",
        evidence=(
            *([fact(case, f"env.{named.source}", asked, "the environment")] if named and asked else []),
            *([fact(case, "host.programs", "no g++, no clang++", "PATH")] if is_none else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(*(unset(case, named.source or "CXX") if named and asked else ()), *_install_compiler(case)),
        severity="error" if hit else "note",
        certainty="certain" if is_none or named else "likely",
    )


@rule(
    "PT952",
    "python-headers-missing",
    "error",
    "Python's header files are missing",
    needs=("target.has_python_h|messages",),
    layer=76,
    says=(
        r"Python\.h['\"]?: no such file or directory|Python\.h['\"]? (?:file )?not found|cannot open include file: 'Python\.h'",
        r"include file 'pyconfig\.h' not found|UserWarning: Failed to find Python libs",
    ),
)
def no_headers(case: Case) -> Iterator[Finding]:
    """What is wrong
        What torch.compile and Triton build includes Python.h, which the distribution keeps in a package of its own.

    Why it matters
        "fatal error: Python.h: No such file or directory".

    See it yourself
        python -c "import sysconfig, os; p = sysconfig.get_path('include'); print(p, os.path.exists(p + '/Python.h'))"

    Fix
        Install the headers of exactly this Python; those of uv and conda bring them.

    Sources
        reproduced
    """
    hit = case.heard(no_headers)
    target = case.snapshot.target
    is_absent = bool(target and target.has_python_h is False)
    if not is_absent and (hit is None or (target and target.has_python_h)):
        return
    minor = ".".join(map(str, case.python[:2])) or "3"
    packages = {
        "apt": (f"python{minor}-dev",),
        "dnf": ("python3-devel",),
        "pacman": ("python",),
        "zypper": ("python3-devel",),
    }
    command = _nvidia.install(case, packages) or (("sudo", "apt", "install", f"python{minor}-dev"),)
    yield Finding(
        message=f"Python.h of Python {minor} is not there"
        + (f" (looked in {target.include_dir})." if target and target.include_dir else "."),
        subject="Python.h",
        evidence=(
            *(
                [fact(case, "target.has_python_h", "no", (target.include_dir if target else None) or "sysconfig")]
                if is_absent
                else []
            ),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(text="Install the headers of this Python.", commands=command, systems=("linux",)),
            Fix(
                text="Or make the environment with a Python of uv, which brings them.",
                commands=(("uv", "venv", "--python", minor, "--managed-python"),),
            ),
        ),
        severity="error" if hit else "note",
        certainty="certain" if is_absent else "likely",
    )


NO_MSVC = (
    r"Compiler: cl is not found|cl(?:\.exe)?['\"]? is not recognized|cannot find (?:the )?(?:MSVC|Visual Studio)",
    r"stdlib\.h['\"]?:? (?:file not found|no such file)|cannot open include file: '(?:stdlib|stdio|corecrt|crtdbg)\.h'",
    r"Microsoft Visual C\+\+ 14\.\d or greater is required",
)


@rule(
    "PT957",
    "msvc-missing",
    "error",
    "Visual Studio's C++ tools are missing",
    needs=("host.programs|messages",),
    hides=("PT951",),
    layer=76,
    says=(*NO_MSVC, r"failed to find C compiler"),
)
def no_msvc(case: Case) -> Iterator[Finding]:
    """What is wrong
        On Windows torch.compile and Triton build with Microsoft's compiler, and it is not installed or its environment
        is not set.

    Why it matters
        "Compiler: cl is not found", "stdlib.h file not found", "Failed to find C compiler".

    See it yourself
        where cl

    Fix
        Install Visual Studio Build Tools with "Desktop development with C++", and work in its developer prompt. If
        messages cannot be decoded, add its English language pack.

    Sources
        unslothai/unsloth#7704, woct0rdho/triton-windows#4
    """
    hit = case.heard(no_msvc)
    looked = _programs(case, "cl", "msvc")
    is_none = case.system == "windows" and bool(looked) and not any(p.path for p in looked)
    if case.system not in ("windows", None) or not (is_none or hit):
        return
    if case.system is None and case.said(*NO_MSVC) is None:
        return
    yield Finding(
        message="Visual Studio's C++ compiler (cl) was not found; torch.compile needs it on Windows.",
        subject="cl",
        evidence=(
            *([fact(case, "host.programs", "no cl", "vswhere")] if is_none else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(BUILD_TOOLS,),
        severity="error" if hit else "note",
        certainty="certain" if is_none else "likely",
    )


TRITON_BUILD = (
    r"cannot find -lcuda\b",
    r"libcuda\.so cannot (?:be )?found|assert len\(dirs\).{0,40}libcuda\.so",
    r"\bcuda\.h['\"]?: no such file or directory",
    (
        r"Command '\[.{0,200}(?:gcc|g\+\+|cc|clang|cl\.exe|tcc\.exe)'.{0,900}(?:-lcuda|triton|cuda_utils\.c).{0,900}"
        r"returned non-zero exit status"
    ),
    r"cannot find ptxas|ptxas fatal|PTXASError|Internal Triton PTX codegen error",
    r"TRITON_(?:PTXAS|LIBDEVICE)_PATH.{0,60}(?:not found|no such file)",
)


@rule(
    "PT959",
    "triton-ptxas-or-env",
    "warning",
    "Triton does not find what it builds with",
    needs=("env|messages",),
    layer=77,
    says=TRITON_BUILD,
)
def triton_tools(case: Case) -> Iterator[Finding]:
    """What is wrong
        Triton links a helper to libcuda and uses a program ptxas. Either is not found, or a variable (TRITON_PTXAS_PATH,
        TRITON_LIBDEVICE_PATH, TRITON_LIBCUDA_PATH) points to the wrong place; or the ptxas is older than the GPU.

    Why it matters
        The first compiled kernel fails: "cannot find -lcuda", "ptxas fatal".

    See it yourself
        ldconfig -p | grep libcuda
        env | grep TRITON_

    Fix
        Make libcuda.so findable, or say where it is; take wrong variables away.

    Sources
        torch 2.15.0 sources; triton's build.py
    """
    hit = case.heard(triton_tools)
    names = [n for n in ("TRITON_PTXAS_PATH", "TRITON_LIBDEVICE_PATH", "TRITON_LIBCUDA_PATH") if case.env(n)]
    if not hit and not names:
        return
    is_link = case.said(r"cannot find -lcuda\b", r"libcuda\.so cannot (?:be )?found") is not None
    library = next(
        (
            lib.path
            for lib in (case.snapshot.nvidia.libraries if case.snapshot.nvidia else None) or ()
            if lib.soname == "libcuda.so.1"
        ),
        None,
    )
    folder = (
        library.rpartition("/")[0]
        if library
        else "/usr/lib/wsl/lib"
        if case.snapshot.host and case.snapshot.host.wsl
        else "/usr/lib/x86_64-linux-gnu"
    )
    link = Fix(
        text="Tell Triton and the linker where libcuda is.",
        shell=f"export TRITON_LIBCUDA_PATH={folder} LIBRARY_PATH={folder}${{LIBRARY_PATH:+:$LIBRARY_PATH}}",
        systems=("linux",),
    )
    cache = Fix(text="And renew the loader's cache.", commands=(("sudo", "ldconfig"),), systems=("linux",))
    listed = ", ".join(f"{name}={case.env(name)}" for name in names)
    yield Finding(
        message="The linker finds no libcuda.so, and Triton links its helper to it."
        if is_link
        else f"Triton is sent to other places by {listed}."
        if names
        else "Triton does not find the program ptxas, or it is too old for this GPU.",
        subject="triton",
        evidence=(
            *(fact(case, f"env.{name}", case.env(name), "the environment") for name in names),
            *([hit.evidence] if hit else []),
        ),
        fixes=(*((link, cache) if is_link else ()), *(fix for name in names for fix in unset(case, name))),
        severity="error" if hit else "note",
        certainty="likely",
    )


RULES = (no_compiler, no_headers, no_msvc, triton_tools)
