"""PT104, PT105, PT107 to PT109: the C library, and Macs."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.index import Build
from ptsetup.rules import _speech
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._installers import NO_MATCH, NOT_FOUND, PLATFORM, asked_for, lacks_torch, platform_hint
from ptsetup.rules._rule import Evidence, Finding, Fix, Severity, rule
from ptsetup.rules._ways import FRESH, FRESH_CONDA, another_build, fact, fitting, pip

LAST_INTEL_MAC = "2.2.2"
"""The last release with a wheel for macOS on Intel (names of the published wheels)."""

ROSETTA_SYSTEM = "10.16"
"""What macOS 11 and later call themselves to programs built for older systems."""


def _libc(case: Case) -> tuple[str, tuple[int, ...], str] | None:
    """Name, version and fact path of the C library: the interpreter's own, else the system's."""
    target, host = case.snapshot.target, case.snapshot.host
    if target and target.libc:
        name, _, version = target.libc.partition(" ")
        if version or not (host and host.libc):
            return name, compat.version_tuple(version), "target.libc"
    if host and host.libc:
        return host.libc.name, compat.version_tuple(host.libc.version or ""), "host.libc"
    return None


def _is_working(case: Case) -> bool:
    """Torch is imported without trouble."""
    return case.is_import_ok is True


MUSL_LOADER = r"error loading shared library \S+: .{0,40}\(needed by |error relocating \S+: \S+: symbol not found"
"""How the loader of musl speaks."""

MUSL_TEXT = rf"(?<!or )\bmusllinux_\d|linux[-_]\w+[-_]musl\b|\bld-musl-|{MUSL_LOADER}"


@rule(
    "PT104",
    "musl-libc",
    "error",
    "The C library is musl, and wheels need glibc",
    needs=("host.libc|target.libc|messages",),
    hides=("PT101", "PT102", "PT105", "PT106", "PT202", "PT218", "PT219"),
    layer=48,
    says=(MUSL_TEXT, *PLATFORM),
)
def musl(case: Case) -> Iterator[Finding]:
    """What is wrong
        The system (mostly an Alpine image) uses the C library musl. All wheels of torch are built for glibc.

    Why it matters
        pip and uv find no matching wheel, and a wheel forced upon the system does not load.

    See it yourself
        ldd --version
        python -c "import sysconfig; print(sysconfig.get_platform())"

    Fix
        Base the image on a glibc system, for instance python:3.13-slim or ubuntu:24.04; or use the torch that the
        distribution itself builds.

    Sources
        no wheel carries a musllinux tag; pytorch/pytorch#150724
    """
    libc = _libc(case)
    hint = platform_hint(case)
    hit = (hint[1] if hint and hint[0] == "musl" else None) or case.said(MUSL_TEXT)
    is_musl = libc is not None and libc[0] == "musl"
    if not is_musl and (hit is None or (libc is not None and libc[0] == "glibc" and libc[1])):
        return
    if hit is None and case.snapshot.origin == "report" and _is_a_choice(case):
        return
    if _is_working(case) or (case.dists("torch") and case.said(MUSL_LOADER) is None):
        return
    evidence = [fact(case, libc[2], "musl", "name of the loader")] if libc and is_musl else []
    yield Finding(
        message="This system's C library is musl; wheels of torch need glibc, so no wheel fits.",
        subject="C library",
        evidence=(*evidence, *([hit.evidence] if hit else [])),
        fixes=(
            Fix(
                text="Base the container on an image with glibc, then install there.",
                shell="FROM python:3.13-slim",
                kind="print",
            ),
            Fix(text="Or use a glibc distribution (Debian, Ubuntu, Fedora) on this machine.", kind="none"),
        ),
        certainty="certain" if is_musl else "likely",
    )


def _is_a_choice(case: Case) -> bool:
    """A text in which nothing fails names images of both kinds: Alpine is not where torch is to run."""
    return not (case.has_complaint or case.said(NOT_FOUND, NO_MATCH)) and case.said(GLIBC_IMAGE) is not None


GLIBC_IMAGE = r"\b(?:slim|debian|ubuntu|bookworm)\b"

GLIBC_TEXT = r"version \W?GLIBC_(?P<version>2\.\d+)\W? not found(?: \(required by (?P<by>[^)]+)\))?"


@rule(
    "PT105",
    "glibc-too-old",
    "error",
    "glibc is older than the wheel needs",
    needs=("host.libc|target.libc|messages",),
    hides=("PT202", "PT212", "PT307", "PT402", "PT407"),
    layer=48,
    says=(GLIBC_TEXT, NOT_FOUND, *PLATFORM),
)
def glibc_too_old(case: Case) -> Iterator[Finding]:
    """What is wrong
        The system's glibc is older than the one for which the wheel, or a library beside it, was built. Since torch 2.7
        the Linux wheels need glibc 2.28.

    Why it matters
        The installer stops at an old release (2.6.0; 2.5.1 on ARM), or the import ends with "GLIBC_2.xx not found".

    See it yourself
        ldd --version

    Fix
        Use a newer system or a container with one (the driver of the host is enough for it). Or take the last release
        that was built for this glibc. glibc itself cannot be exchanged safely.

    Sources
        platform tags of the published wheels; pytorch/pytorch#150724, mlverse/torch#1414
    """
    libc = _libc(case)
    have = libc[1] if libc and libc[0] == "glibc" else ()
    hit = case.said(GLIBC_TEXT)
    if hit:
        needed = compat.version_tuple(hit.match["version"])
        if have and have >= needed and not case.is_container:
            return
        by = (hit.match["by"] or "a library of the environment").rpartition("/")[2]
        evidence = (hit.evidence, *([fact(case, libc[2], f"glibc {_dotted(have)}", "ldd")] if libc and have else []))
        yield Finding(
            message=f"{by} needs glibc {_dotted(needed)}" + (f", this system has {_dotted(have)}." if have else "."),
            subject=by,
            evidence=evidence,
            fixes=_newer_glibc(case, _dotted(needed)),
            certainty="certain" if have else "likely",
        )
        return
    told = _told_glibc(case)
    if told and (not have or have < (2, 28)):
        yield told
        return
    asked = case.said(NEWER_ASKED) if have and have < (2, 28) and case.system in (None, "linux") else None
    if asked and libc and compat.version_tuple(asked.match["version"]) > (2, 6, 0):
        yield _asked_too_new(case, asked, libc[2], _dotted(have))
        return
    build = case.build if case.torch_base else _newest_build(case)
    needed = compat.version_tuple((build.min_glibc if build else None) or "")
    if not libc or not have or not needed or have >= needed or _is_working(case):
        return
    if not (lacks_torch(case) or case.dists("torch")) or build is None:
        return
    yield Finding(
        message=f"torch {build.torch} needs glibc {_dotted(needed)}, this system has {_dotted(have)}.",
        subject="C library",
        evidence=(
            fact(case, libc[2], f"glibc {_dotted(have)}", "ldd"),
            Evidence(path="index.builds", value=f"{build.torch}: {build.min_glibc}", source="wheels_index.json"),
        ),
        fixes=_newer_glibc(case, _dotted(needed)),
        severity="error" if case.dists("torch") else "warning",
    )


NEWER_ASKED = (
    r"(?:no matching distribution (?:found )?for|satisfies the requirement|no wheels with .{0,60}for) torch(?: ?==| ) ?"
    r"(?P<version>\d[\d.]*)"
)
OLD_GLIBC = (
    rf"\bglibc\b(?: version)?(?: (?:is |of )?\(?2\.\d+\)?)?(?: here)? {_speech.BE} {_speech.ADVERB}(?:{_speech.OLD}|older than)",
    r"(?<!for )(?<!support )\b(?:old|outdated|ancient) glibc\b",
)
"""A person has found out that it is the C library."""


def _asked_too_new(case: Case, hit: Hit, path: str, have: str) -> Finding:
    """An installer finds no wheel of a release whose wheels need a newer glibc than the one that is known."""
    return Finding(
        message=f"torch {hit.match['version']} needs glibc 2.28, this system has {have}.",
        subject="C library",
        evidence=(hit.evidence, fact(case, path, f"glibc {have}", "ldd")),
        fixes=_newer_glibc(case, "2.28"),
    )


LAST_OLD_GLIBC = "2.6.0"
"""The last release with a wheel for glibc below 2.28 on x86-64 (names of the published wheels)."""


def _told_glibc(case: Case) -> Finding | None:
    """Wheels end at 2.6.0, or uv names the platform: glibc is older than 2.28."""
    hint, asked = platform_hint(case), asked_for(case)
    is_last = asked is not None and asked.listed[-1:] == (LAST_OLD_GLIBC,) and case.system in (None, "linux")
    is_newer = is_last and asked is not None and compat.version_tuple(asked.version or "") > (2, 6, 0)
    said = case.stated(*OLD_GLIBC) if case.snapshot.origin == "report" and case.has_complaint else None
    if not (hint and hint[0] == "glibc") and not is_newer and said is None:
        return None
    hit = asked.hit if is_newer and asked else said or (hint[1] if hint else None)
    return Finding(
        message=f"The wheels that fit this system end with {LAST_OLD_GLIBC}: its glibc is older than 2.28."
        if is_newer
        else "The glibc of this system is too old for the wheels."
        if said
        else "uv finds no wheel for the glibc of this system.",
        subject="C library",
        evidence=(hit.evidence,) if hit else (),
        fixes=_newer_glibc(case, "2.28"),
        certainty="likely",
    )


def _newest_build(case: Case) -> Build | None:
    """The newest release's build for this platform."""
    newest, platform = case.newest_torch_then, compat.platform_of(case.snapshot)
    rows = [b for b in case.index.builds if b.torch == newest and b.platform == platform]
    return rows[0] if rows else None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _newer_glibc(case: Case, needed: str) -> tuple[Fix, ...]:
    gpus = ("--gpus", "all") if case.has_nvidia_device else ()  # without one docker refuses the option
    served = "; the host's driver serves it" if gpus else ""
    return (
        Fix(
            text=f"Run it in a container whose glibc is {needed} or newer{served}.",
            commands=(("docker", "run", *gpus, "-it", "ubuntu:24.04"),),
            where="on the host" if case.is_container else "here",
        ),
        another_build("Or take the newest build that runs with this glibc."),
        *fitting(case, Fix(text="Or upgrade to a newer release of the operating system.", kind="none")),
    )


@rule(
    "PT107",
    "macos-intel-dropped",
    "warning",
    "Intel Macs get no torch after 2.2.2",
    needs=("host.machine|messages",),
    hides=("PT102", "PT106", "PT202", "PT218"),
    layer=49,
    says=(NOT_FOUND, NO_MATCH, *PLATFORM),
)
def intel_mac(case: Case) -> Iterator[Finding]:
    """What is wrong
        The Mac has an Intel processor (or Python was built for one). torch 2.2.2 was the last release with wheels for it.

    Why it matters
        The installer stops at 2.2.2, and packages that ask for a newer torch cannot be installed. There is no MPS.

    See it yourself
        sysctl -n machdep.cpu.brand_string
        python -c "import platform; print(platform.machine())"

    Fix
        Stay at torch 2.2.2 with numpy below 2 and Python 3.8 to 3.12; or use another machine. On a Mac with Apple
        silicon the cure is an ARM Python (PT109).

    Sources
        names of the published wheels
    """
    asked, hint = asked_for(case), platform_hint(case)
    named = hint[1] if hint and hint[0] == "intel" else None
    signature = (asked is not None and asked.listed[-1:] == (LAST_INTEL_MAC,)) or named is not None
    if _is_apple_silicon(case) or (case.system not in (None, "macos")):
        return
    is_intel = case.system == "macos" and _machine(case) == "x86_64"
    was_dropped = compat.version_tuple(case.newest_torch_then or "") > (2, 2, 2)
    if not was_dropped or not (is_intel or signature):
        return
    is_bare = case.snapshot.origin == "report" and not signature and case.torch_version is None
    if is_bare and not (case.has_complaint or case.said(NOT_FOUND, NO_MATCH)):
        return
    is_told = named is not None or (asked is not None and (signature or is_intel))
    severity: Severity = "error" if is_told else "note" if _is_working(case) else "warning"
    wanted = f", and {asked.name} {asked.version} is asked for" if asked and asked.version else ""
    evidence = (
        *([asked.hit.evidence] if asked else [named.evidence] if named else []),
        *([fact(case, "host.machine", "x86_64 with macOS", "uname -m")] if is_intel else []),
    )
    yield Finding(
        message=f"torch {LAST_INTEL_MAC} is the last release for Macs with an Intel processor{wanted}.",
        subject="macOS on x86_64",
        evidence=evidence,
        fixes=(
            Fix(
                text="Stay at the last release, with a NumPy that it was built for.",
                commands=(pip(case, "install", f"torch=={LAST_INTEL_MAC}", "numpy<2"),),
                kind="venv",
            ),
            Fix(text="Or use another machine; on Apple silicon an ARM Python opens the newer releases.", kind="none"),
        ),
        severity=severity,
        certainty="certain" if is_intel else "likely",
    )


def _machine(case: Case) -> str | None:
    target, host = case.snapshot.target, case.snapshot.host
    return (target.machine if target else None) or (host.machine if host else None)


def _is_apple_silicon(case: Case) -> bool:
    """The processor is one of Apple's, whatever Python was built for."""
    host, apple = case.snapshot.host, case.snapshot.apple
    names = ((host.cpu.model if host and host.cpu else None) or "", (apple.chip if apple else None) or "")
    return bool(host and (host.is_rosetta or host.hardware_machine == "arm64")) or any(
        re.match(r"(?:Virtual)?Apple\b", name) for name in names
    )


@rule(
    "PT108",
    "macos-too-old-for-wheel",
    "warning",
    "macOS is older than the wheels need",
    needs=("host.version",),
    layer=49,
)
def macos_too_old(case: Case) -> Iterator[Finding]:
    """What is wrong
        The wheels of newer releases are built for a newer macOS: since 2.12 for macOS 14.

    Why it matters
        The installer stops at the last release for this macOS (2.11.0 for 11 to 13) and says nothing.

    See it yourself
        sw_vers -productVersion

    Fix
        Upgrade macOS, or stay at the last release for it.

    Sources
        platform tags of the published wheels; pytorch/pytorch#100879
    """
    host = case.snapshot.host
    if host is None or case.system != "macos" or not host.version or host.version.startswith(ROSETTA_SYSTEM):
        return
    build = _newest_build(case)
    if build is None or build.platform != "macos_arm64" or compat.at_least(host.version, build.min_macos) is not False:
        return
    yield Finding(
        message=f"torch {build.torch} needs macOS {build.min_macos}, this is {host.version}.",
        subject=f"macOS {host.version}",
        evidence=(
            fact(case, "host.version", host.version, "sw_vers"),
            Evidence(path="index.builds", value=f"{build.torch}: {build.min_macos}", source="wheels_index.json"),
        ),
        fixes=(
            Fix(text=f"Upgrade macOS to {build.min_macos} or later.", systems=("macos",)),
            another_build("Or take the newest release that was built for this macOS."),
        ),
        severity="warning" if lacks_torch(case) else "note",
    )


WRONG_ARCHITECTURE = (
    r"(?:torch|numpy)\S*[^\n]{0,300}incompatible architecture "
    r"\(have '(?P<have>x86_64|arm64)', need '(?P<need>x86_64|arm64)e?'\)"
)
"""An environment made by the Python of one architecture is run by that of the other."""


BOTH_KINDS = r"\bintel\b"
"""A Python for Intel's processors is called x86-64 where it runs on Apple's; who says Intel speaks of another Mac."""


@rule(
    "PT109",
    "rosetta-python",
    "error",
    "An x86-64 Python runs on Apple silicon",
    needs=("host.hardware_machine|host.is_rosetta|host.cpu|apple.chip",),
    hides=("PT101", "PT102", "PT106", "PT107", "PT108", "PT202", "PT840"),
    layer=48,
    says=(WRONG_ARCHITECTURE,),
)
def rosetta(case: Case) -> Iterator[Finding]:
    """What is wrong
        The Mac has Apple silicon, but Python is a program for Intel processors that Rosetta translates.

    Why it matters
        torch stays at 2.2.2, MPS (the GPU) is missing, and everything is slow. The system is misread as 10.16.

    See it yourself
        sysctl -n sysctl.proc_translated
        python -c "import platform; print(platform.machine())"

    Fix
        Make the environment again with an ARM Python: from uv, Miniforge for arm64, or Homebrew under /opt/homebrew.

    Sources
        pytorch/pytorch#146236
    """
    hit = case.heard(rosetta)
    is_translated = _machine(case) == "x86_64" and _is_apple_silicon(case)
    if case.system not in (None, "macos") or not (is_translated or hit):
        return
    if hit is None and case.snapshot.origin == "report" and _is_of_both_kinds(case):
        return
    host = case.snapshot.host
    chip = (host.cpu.model if host and host.cpu else None) or "Apple silicon"
    yield Finding(
        message=f"Python is built for x86_64 and runs translated on {chip}: no MPS, and no torch after {LAST_INTEL_MAC}."
        if is_translated or hit is None
        else f"Python runs as {hit.match['need']}, and this torch was installed for {hit.match['have']}.",
        subject="Python",
        evidence=(
            *([hit.evidence] if hit else []),
            *([fact(case, "target.machine", "x86_64", "the interpreter")] if is_translated else []),
            *([fact(case, "host.hardware_machine", chip, "sysctl")] if is_translated else []),
        ),
        fixes=_arm_python(case),
    )


def _is_of_both_kinds(case: Case) -> bool:
    """No report of one Mac, but a text about Macs with Intel's and with Apple's processors, in which nothing fails and no torch is told."""
    has_failed = case.has_complaint or case.said(NOT_FOUND, NO_MATCH) or case.torch_version or case.snapshot.torch
    return not has_failed and case.said(BOTH_KINDS) is not None


def _arm_python(case: Case) -> tuple[Fix, ...]:
    """An environment with an ARM Python: by uv; in conda's world by conda, told which kind of packages to take."""
    install = ("ptsetup", "install", "--python")
    text = "Make an environment with an ARM Python and install torch into it."
    by_uv = Fix(
        text=text,
        commands=(
            ("uv", "venv", "--python", "cpython-3.13-macos-aarch64-none", FRESH),
            (*install, f"{FRESH}/bin/python"),
        ),
        systems=("macos",),
    )
    by_conda = Fix(
        text="Or by conda, told to take packages for ARM.",
        shell=f"CONDA_SUBDIR=osx-arm64 conda create -y -p ./{FRESH_CONDA} python=3.13\n"
        f"ptsetup install --python {FRESH_CONDA}/bin/python",
        systems=("macos",),
    )
    target = case.snapshot.target
    return (by_uv, by_conda) if target and target.is_conda else (by_uv,)


RULES = (musl, glibc_too_old, intel_mac, macos_too_old, rosetta)
