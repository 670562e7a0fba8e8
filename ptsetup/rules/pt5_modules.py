"""PT504 to PT506: the kernel module of NVIDIA's driver: loaded, and allowed to load."""

import re
from collections.abc import Iterator

from ptsetup.rules import _nvidia, _speech, _words
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact

UNREACHABLE = (
    (
        r"communicate with the NVIDIA drivers?\b|nvidia-smi\b.{0,80}(?:could ?n[o']?t|can(?:no|')t|unable to|fails? to|failed to|not) "
        r"communicate"
    ),
    r"failed to initialize NVML: driver not loaded",
    r"NVML_?ERROR_?DRIVER_?NOT_?LOADED",
    r"NVML Driver Not Loaded",
    r"\b(?:can'?t|cannot|could not|couldn'?t|unable to) find (?:the |any )?nvidia drivers?\b(?!.{0,20}(?:download|page|package))",
    r"modprobe: (?:FATAL|ERROR):.{0,60}\bnvidia\b|\bmodule nvidia\S* not found\b",
    r"unable to load the (?:kernel module ['\"]?nvidia|['\"]?nvidia[\w-]*['\"]? kernel module)|unable to find the kernel source tree",
    r"error occurred while performing the step:? \W?building kernel modules|the (?:nvidia )?kernel module failed to load",
)
_MODULE = (
    r"(?:nvidia(?:\.ko)?(?:[ -](?:kernel|dkms|driver))* ?(?:modules?|drivers?)|nvidia-dkms|(?:kernel )?modules? "
    r"(?:of|for) nvidia|nvidia)"
)
SAID_NOT_LOADED = (
    rf"\b{_MODULE}\b(?: \S+)? {_speech.NOT} {_speech.ADVERB}(?:be |been |get )?(?:load\w*|re-?built|built|build|compil\w*|insert\w*)\b",
    rf"\bdkms\b{_speech.CLAUSE}\bnvidia\b{_speech.CLAUSE}\bfail(?:s|ed)\b",
    rf"\bdkms\b{_speech.CLAUSE}\b(?:{_speech.NOT} (?:be )?(?:re-?)?(?:build|built)|fail\w*){_speech.CLAUSE}\bnvidia\b",
    r"\blsmod ?\| ?(?:e?grep|findstr)(?: -\w+)? [\"']?nvidia\b.{0,40}\b(?:nothing|empty|no output|blank)\b",
)
"""A person has found out that the module is not there."""

NOT_BUILT = r"bad return status for module build on kernel|building module:?.{0,60}\(bad exit status|ERROR: Failed to run .{0,20}dkms"
"""What DKMS says of a module that it could not compile."""


@rule(
    "PT504",
    "kernel-module-not-loaded",
    "error",
    "The driver's kernel module is not loaded",
    needs=("nvidia.nvml|host.kernel_modules|messages",),
    hides=("PT501", "PT502", "PT510", "PT511", "PT512", "PT513", "PT514", "PT535", "PT536", "PT930"),
    layer=19,
    says=UNREACHABLE,
    is_starred=True,
)
def not_loaded(case: Case) -> Iterator[Finding]:
    """What is wrong
        The driver's libraries are installed, but its kernel module is not loaded: the kernel was updated and no module
        was built for it (the kernel's headers were missing, or DKMS failed), or the module is blocked.

    Why it matters
        nvidia-smi "couldn't communicate with the NVIDIA driver", and CUDA finds no device.

    See it yourself
        lsmod | grep nvidia
        modinfo -F version nvidia
        dkms status

    Fix
        Install the headers of the running kernel, build the module, load it. If that changes nothing: is nouveau in its
        place (PT505), or does Secure Boot refuse it (PT506)?

    Sources
        nvml.h, return code 9; xxmyjk/xxmyjk.github.io#12
    """
    hit = case.heard(not_loaded)
    unbuilt = case.said(NOT_BUILT)
    hit = hit or (unbuilt if unbuilt and case.said(r"\bnvidia\b") else None)
    if hit is None and case.snapshot.origin == "report" and case.has_complaint:
        hit = case.said(*SAID_NOT_LOADED)
    host = case.snapshot.host
    # NVML talks to the module: where it has started, the module is there, whatever /proc shows of it
    if not _nvidia.is_plain(case) or _nvidia.works(case) or _nvidia.has_module(case) or _nvidia.nvml_code(case) == 0:
        return
    is_told = _nvidia.nvml_code(case) == 9 or hit is not None
    is_seen = _nvidia.has_module(case) is False and _nvidia.has_library(case) and case.has_nvidia_device
    if not (is_told or is_seen) or (case.has_nvidia_device is False and hit is None):
        return
    files = host.kernel_modules_available if host else None
    kernel = host.kernel if host else None
    is_built = "nvidia" in files if files is not None else None
    yield Finding(
        message=f"The NVIDIA kernel module is not loaded{_why(kernel, unbuilt, is_built=is_built)}.",
        subject="kernel module nvidia",
        evidence=(
            *([fact(case, "nvidia.nvml.init_rc", 9, "NVML")] if _nvidia.nvml_code(case) == 9 else []),
            *([fact(case, "host.kernel_modules", "no nvidia", "/proc/modules")] if is_seen else []),
            *(
                [fact(case, "host.kernel_modules_available", "no nvidia", f"/lib/modules/{kernel}")]
                if is_built is False
                else []
            ),
            *([hit.evidence] if hit else []),
            *([unbuilt.evidence] if unbuilt and unbuilt is not hit else []),
        ),
        fixes=_load(case, is_built=is_built),
        severity=_nvidia.wanted(case, "error"),
        certainty="certain" if is_seen or (hit is None and is_told) else "likely",
    )


def _why(kernel: str | None, unbuilt: Hit | None, *, is_built: bool | None) -> str:
    if unbuilt:
        return ": DKMS could not build it for this kernel"
    if is_built is False and kernel:
        return f": none was built for kernel {kernel}"
    return ", although it is there for this kernel" if is_built else ""


def _load(case: Case, *, is_built: bool | None) -> tuple[Fix, ...]:
    host = case.snapshot.host
    load = Fix(text="Load the module.", commands=(("sudo", "modprobe", "nvidia"),), systems=("linux",))
    fedora = Fix(
        text="Build the module for this kernel, then restart.",
        commands=(("sudo", "akmods", "--force"), ("sudo", "reboot")),
        systems=("linux",),
    )
    apt = Fix(
        text="Install the headers of the running kernel, build the module and load it.",
        shell="sudo apt install linux-headers-$(uname -r) && sudo dkms autoinstall && sudo modprobe nvidia",
        systems=("linux",),
    )
    tool = _nvidia.distribution(case)
    build = (
        fedora
        if tool == "dnf"
        else apt
        if tool == "apt"
        else Fix(
            text="Install the headers of the running kernel, build the module with DKMS and load it.",
            shell="sudo dkms autoinstall && sudo modprobe nvidia",
            systems=("linux",),
        )
    )
    windows = Fix(text="Install the driver again and restart.", systems=("windows",))
    again = Fix(text="If that fails, install the driver again and restart.", kind="none")
    ways = (load, again) if is_built else (build, again)
    return (windows,) if host and host.system == "windows" else ways


NOUVEAU = (
    r"NVRM:.{0,80}\bnouveau\b|\bnouveau, rivafb, nvidiafb or rivatv",
    r"kernel driver in use: nouveau|falling back to nouveau",
    _words.NOUVEAU_HOLDS,
    r"nouveau kernel driver (?:is currently in use|.{0,40}incompatible)",
    r"The Nouveau kernel driver is currently in use by your system",
)


@rule(
    "PT505",
    "nouveau-bound",
    "error",
    "Nouveau holds the GPU",
    needs=("host.pci|host.kernel_modules|messages",),
    hides=("PT501", "PT504", "PT510", "PT511", "PT512", "PT513", "PT514", "PT536"),
    layer=18,
    says=NOUVEAU,
)
def nouveau(case: Case) -> Iterator[Finding]:
    """What is wrong
        The free driver nouveau (or nova) has taken the GPU. It knows no CUDA, and NVIDIA's module cannot take the card
        from it.

    Why it matters
        nvidia-smi and torch find no device, although NVIDIA's driver may be installed.

    See it yourself
        lspci -nnk | grep -A3 -i nvidia
        lsmod | grep nouveau

    Fix
        Keep nouveau from loading, make the start-up image anew, restart. If NVIDIA's driver is not installed yet,
        install it: its packages do this by themselves.

    Sources
        xxmyjk/xxmyjk.github.io#12; installation guide of NVIDIA's driver
    """
    hit = case.heard(nouveau)
    if not _nvidia.is_plain(case) or _nvidia.works(case):
        return
    bound = [d for d in _nvidia.devices(case) if d.driver in ("nouveau", "nova", "nova_core")]
    is_loaded = _nvidia.has_module(case, "nouveau") and _nvidia.has_module(case) is False
    is_loaded = is_loaded and case.has_nvidia_device is True
    if not (bound or is_loaded or hit) or (not bound and _nvidia.has_module(case)):
        return
    named = (bound[0].name if bound else None) or "the NVIDIA GPU"
    yield Finding(
        message=f"The driver {bound[0].driver if bound else 'nouveau'} holds {named}, so NVIDIA's driver cannot.",
        subject=named,
        evidence=(
            *([fact(case, "host.pci", f"{d.bdf or named}: {d.driver}", "PCI bus") for d in bound[:1]]),
            *([fact(case, "host.kernel_modules", "nouveau, no nvidia", "/proc/modules")] if is_loaded else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=_block_nouveau(case),
        severity=_nvidia.wanted(case, "error"),
        certainty="certain" if bound or is_loaded else "likely",
    )


def _block_nouveau(case: Case) -> tuple[Fix, ...]:
    image = "sudo dracut -f" if _nvidia.distribution(case) in ("dnf", "zypper") else "sudo update-initramfs -u"
    image = "sudo mkinitcpio -P" if _nvidia.distribution(case) == "pacman" else image
    line = r'printf "blacklist nouveau\noptions nouveau modeset=0\n" | sudo tee /etc/modprobe.d/blacklist-nouveau.conf'
    block = Fix(
        text="Keep nouveau from loading, then restart.", shell=f"{line} && {image} && sudo reboot", systems=("linux",)
    )
    if _nvidia.has_library(case):
        return (block,)
    return (*_nvidia.newer_driver(case, None, text="Install NVIDIA's driver (its packages block nouveau)"), block)


@rule(
    "PT506",
    "secure-boot-unsigned-module",
    "error",
    "Secure Boot refuses the unsigned kernel module",
    needs=("host.is_secure_boot|messages",),
    hides=("PT504", "PT501", "PT536", "PT510", "PT512", "PT513"),
    layer=18,
    says=(
        r"required key not available",
        r"module verification failed: signature and/or required key missing",
        r"key was rejected by service",
        r"Loading of unsigned module is rejected",
        (
            rf"\bsecure ?boot\b{_speech.CLAUSE}\b(?:nvidia|driver|kernel) (?:kernel )?(?:modules?|driver)?\b{_speech.CLAUSE}"
            rf"\b(?:{_speech.NOT} (?:be |get )?load\w*|refus\w+|block\w+|reject\w+)"
        ),
        (
            rf"\b(?:disabl\w+|turn\w* off|switch\w* off) secure ?boot\b{_speech.CLAUSE}\b{_speech.FIXED}|\b{_speech.FIXED} "
            rf"{_speech.CLAUSE}\b(?:disabl\w+|turn\w+ off) secure ?boot\b"
        ),
    ),
)
def secure_boot(case: Case) -> Iterator[Finding]:
    """What is wrong
        Secure Boot is on, and the NVIDIA module was built on this machine without a signature that the firmware knows.

    Why it matters
        The kernel refuses to load it: "Required key not available". nvidia-smi and torch find no driver.

    See it yourself
        mokutil --sb-state
        sudo modprobe nvidia

    Fix
        Enrol the key with which DKMS signs modules and confirm it on the blue screen at the next start; or take the
        distribution's signed modules; or turn Secure Boot off in the firmware.

    Sources
        unix.stackexchange.com/questions/535434; tech.nithinaneesh.com, August 2025
    """
    hit = case.heard(secure_boot)
    host = case.snapshot.host
    if not _nvidia.is_plain(case) or _nvidia.works(case) or (host and host.is_secure_boot is False):
        return
    files = host.kernel_modules_available if host else None
    is_seen = bool(host and host.is_secure_boot and _nvidia.has_module(case) is False and "nvidia" in (files or ()))
    is_seen = is_seen and case.has_nvidia_device is True
    is_nvidia = hit is not None and (case.has_nvidia_device or re.search("nvidia", hit.message.text, re.IGNORECASE))
    if not is_seen and (not is_nvidia or _nvidia.has_module(case)):
        return
    unsigned = host.kernel_modules_unsigned if host else None
    is_unsigned = is_seen and "nvidia" in (unsigned or ())
    is_refused = hit is not None or (is_seen and not any(d.driver for d in _nvidia.devices(case)))
    yield Finding(
        message="Secure Boot is on and the NVIDIA module, though built for this kernel, is not loaded: its signature is not known."
        if is_seen
        else "The kernel refuses the NVIDIA module because its signing key is not known (Secure Boot).",
        subject="kernel module nvidia",
        evidence=(
            *([fact(case, "host.is_secure_boot", "on", "EFI variable SecureBoot")] if is_seen else []),
            *([fact(case, "host.kernel_modules", "no nvidia", "/proc/modules")] if is_seen else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(
                text="Enrol the key of this machine, restart and confirm it on the MOK screen.",
                commands=(("sudo", "mokutil", "--import", _key(case)), ("sudo", "reboot")),
                systems=("linux",),
            ),
            *_nvidia.newer_driver(
                case, None, text="Or install the distribution's own driver, whose modules are signed"
            ),
            Fix(text="Or turn Secure Boot off in the firmware.", kind="none"),
        ),
        severity=_nvidia.wanted(case, "error"),
        certainty="certain" if is_unsigned or (is_seen and hit) else "likely" if is_refused else "possible",
    )


def _key(case: Case) -> str:
    """The key with which modules are signed when they are built here: by akmods (Fedora), by DKMS of Debian and of Ubuntu."""
    if _nvidia.distribution(case) == "dnf":
        return "/etc/pki/akmods/certs/public_key.der"
    is_debian = _nvidia.distribution(case) == "apt" and not _nvidia.is_ubuntu(case)
    return "/var/lib/dkms/mok.pub" if is_debian else "/var/lib/shim-signed/mok/MOK.der"


RULES = (not_loaded, nouveau, secure_boot)
