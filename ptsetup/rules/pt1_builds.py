"""PT103, PT106 and PT110: the kind of interpreter."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules._case import Case
from ptsetup.rules._installers import NO_MATCH, NOT_FOUND, PLATFORM, asked_for, lacks_torch, platform_hint, served
from ptsetup.rules._rule import Evidence, Finding, Fix, Severity, rule
from ptsetup.rules._ways import fact, fresh_environment

ONLY_PLACEHOLDERS = r"0\.1\.2"
"""The default index holds two source placeholders of torch (0.1.2, 0.1.2.post1): offered alone, no wheel fits at all."""


SAID_64 = (
    (
        r"\b(?:install|use|need|take|switch\w* to|with|was|required?)\b[^.;\n]{0,16}\b(?:python"
        r"\b[^.;\n]{0,16}64[- ]?bits?|64[- ]?bits?\b[^.;\n]{0,12}\bpython)\b"
    ),
    r"\b64[- ]?bits?\b[^.;\n]{0,16}\b(?:not|instead of|rather than)\b[^.;\n]{0,10}\b32",
)
"""A person says which Python it has to be."""


@rule(
    "PT103",
    "python-32bit",
    "error",
    "The interpreter is a 32-bit one",
    needs=("target.bits|messages",),
    hides=("PT101", "PT102", "PT106", "PT202", "PT218"),
    layer=49,
    says=(NOT_FOUND, *PLATFORM),
)
def python_32bit(case: Case) -> Iterator[Finding]:
    """What is wrong
        Python itself is a 32-bit program. Wheels of torch exist for 64-bit interpreters only.

    Why it matters
        pip answers "from versions: none" (or offers 0.1.2 alone), although the version of Python is right. On Windows
        this happens when the first button of an old download page was taken.

    See it yourself
        python -c "import sys; print(sys.maxsize > 2**32)"

    Fix
        Install the 64-bit Python and make the environment again with it. On a 32-bit system there is no way.

    Sources
        pytorch/pytorch#149823, #79347, AUTOMATIC1111/stable-diffusion-webui#10592
    """
    target, host = case.snapshot.target, case.snapshot.host
    bits = target.bits if target else None
    hit = asked_for(case)
    hint = platform_hint(case)
    said = (
        case.said(*SAID_64)
        if case.snapshot.origin == "report" and bits is None and case.said(NOT_FOUND, NO_MATCH)
        else None
    )
    is_told = said is not None or (hint is not None and hint[0] == "bits")
    if bits == 32 or is_told:
        is_old_system = host is not None and re.fullmatch(r"i[3-6]86|x86|armv[67]l", host.machine or "") is not None
        yield Finding(
            message="Python is a 32-bit program, and torch has 64-bit wheels only."
            + (" The system is a 32-bit one too, so torch cannot run here." if is_old_system else ""),
            subject="Python",
            evidence=(
                *([fact(case, "target.bits", "32", "sys.maxsize of the interpreter")] if bits == 32 else []),
                *([hit.hit.evidence] if hit else [hint[1].evidence] if hint else []),
                *([said.evidence] if said else []),
            ),
            fixes=() if is_old_system else _whole_python(case, "A 64-bit Python is needed"),
        )
    elif bits is None and hit and _is_only_placeholders(case, hit.listed):
        yield Finding(
            message="pip was offered none of torch's wheels on this Windows, only the old placeholder 0.1.2: "
            "a 32-bit Python is the likeliest reason.",
            subject="Python",
            evidence=(hit.hit.evidence,),
            fixes=_whole_python(case, "A 64-bit Python with wheels is needed"),
            severity="warning",
            certainty="possible",
        )


def _whole_python(case: Case, why: str) -> tuple[Fix, ...]:
    """A 64-bit Python by its full name: by the version alone uv may take the 32-bit one that is on PATH."""
    kinds = {"windows": "cpython-3.13-windows-x86_64-none", "linux": "cpython-3.13-linux-x86_64-gnu"}
    return fresh_environment(case, "3.13", why, request=kinds.get(case.system or "", "3.13"))


def _is_only_placeholders(case: Case, listed: tuple[str, ...]) -> bool:
    """Windows, nothing but the placeholders offered, and no other reason (a Python without wheels) is known."""
    if case.system != "windows" or not listed or not all(re.match(ONLY_PLACEHOLDERS, version) for version in listed):
        return False
    told = served(case)
    return not case.python or told is None or (len(case.python) > 1 and case.python[1] in told.minors)


@rule(
    "PT106",
    "arch-without-wheel",
    "error",
    "No wheel exists for this processor or interpreter",
    needs=("target.implementation|host.machine",),
    hides=("PT202", "PT218"),
    says=PLATFORM,
)
def no_wheel_for_machine(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch is built for CPython on x86-64 and ARM 64 (Linux, Windows, Apple silicon), and for s390x on Linux. Other
        processors, and interpreters such as PyPy, have no wheels.

    Why it matters
        The installer finds no matching distribution, whatever the version.

    See it yourself
        python -c "import platform; print(platform.machine(), platform.python_implementation())"

    Fix
        Use CPython on one of those processors. On Windows for ARM an x86-64 Python runs in emulation, on the CPU only;
        newer releases have wheels of their own on the PyTorch index.

    Sources
        names of the published wheels; pytorch/test-infra, generate_binary_build_matrix.py
    """
    target, host = case.snapshot.target, case.snapshot.host
    machine = (target.machine if target else None) or (host.machine if host else None)
    if case.is_import_ok or (target and target.wheel and target.wheel.has_version_file):
        return
    if target and target.implementation not in (None, "cpython"):
        yield Finding(
            message=f"The interpreter is {target.implementation}; torch has wheels for CPython only.",
            subject="Python",
            evidence=(fact(case, "target.implementation", target.implementation, "sys.implementation"),),
            fixes=fresh_environment(case, "3.13", "CPython is needed"),
        )
    elif (hint := platform_hint(case)) and hint[0] == "machine":
        yield Finding(
            message=f"uv finds no wheel for the platform {hint[1].match['mine']}.",
            subject=hint[1].match["mine"],
            evidence=(hint[1].evidence,),
            fixes=(Fix(text="Use a machine with an x86-64 or ARM 64 processor.", kind="none"),),
            certainty="likely",
        )
    elif case.system and machine and _is_unserved(case):
        yield Finding(
            message=f"No wheel of torch exists for {case.system} on {machine}.",
            subject=machine,
            evidence=(
                fact(case, "host.machine", machine, "uname -m"),
                Evidence(path="index.builds", value="no build for it", source="wheels_index.json"),
            ),
            fixes=(
                Fix(
                    text="Use a machine with an x86-64 or ARM 64 processor, or the torch of the system's distribution.",
                    kind="none",
                ),
            ),
        )


def _is_unserved(case: Case) -> bool:
    """No build of the index is for this system and processor."""
    if case.system not in ("linux", "windows", "macos"):
        return False
    platform = compat.platform_of(case.snapshot)
    return platform is None or not any(build.platform == platform for build in case.index.builds)


@rule(
    "PT110",
    "free-threaded-python",
    "note",
    "The interpreter is a free-threaded build",
    needs=("target.is_gil_disabled|messages",),
    says=(r"torch\.compile is not supported on Python < ?3\.13\.3 built with GIL disabled",),
    layer=55,
)
def free_threaded(case: Case) -> Iterator[Finding]:
    """What is wrong
        This Python runs without the global lock (its name ends in t, as 3.14t). Wheels for it are separate ones, and
        many companions have none.

    Why it matters
        A companion may not install, or may switch the lock on again; torch.compile needs 3.13.3 or newer there.

    See it yourself
        python -c "import sysconfig; print(sysconfig.get_config_var('Py_GIL_DISABLED'))"

    Fix
        Unless free threading is the aim, use the ordinary build of the same Python.

    Sources
        torch/__init__.py of 2.15.0; pytorch/test-infra build matrix (3.14t)
    """
    hit = case.heard(free_threaded)
    target = case.snapshot.target
    if not hit and not (target and target.is_gil_disabled):
        return
    version = ".".join(map(str, case.python)) or "3"
    evidence = tuple(
        filter(
            None,
            (
                hit.evidence if hit else None,
                fact(case, "target.is_gil_disabled", "True", "Py_GIL_DISABLED") if target else None,
            ),
        )
    )
    minor = ".".join(map(str, case.python[:2])) or "3.13"
    fixes = fresh_environment(case, minor, "The ordinary build serves every companion", request=f"{minor}+gil")
    severity: Severity
    if hit:
        message, severity = f"torch.compile needs Python 3.13.3 where the GIL is off; this is {version}.", "error"
    elif lacks_torch(case) and not _is_tag_served(case):
        message, severity = f"Python {version} is free-threaded, and no torch has a wheel for it.", "error"
    else:
        message, severity = f"Python {version} is free-threaded: wheels of companions may be missing.", "note"
    yield Finding(
        message=message,
        subject="Python",
        evidence=evidence,
        fixes=fixes,
        severity=severity,
    )


def _is_tag_served(case: Case) -> bool:
    """Some release has a wheel for this free-threaded Python."""
    tag = f"cp3{case.python[1]}t" if len(case.python) > 1 else ""
    return not tag or any(tag in build.pythons for build in case.index.builds)


RULES = (python_32bit, no_wheel_for_machine, free_threaded)
