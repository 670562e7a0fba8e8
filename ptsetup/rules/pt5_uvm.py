"""PT512 and PT513: between NVML and CUDA: the unified-memory module, and starts that fail without a reason."""

from collections.abc import Iterator

from ptsetup.rules import _nvidia, _speech, _tongues
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact


@rule(
    "PT512",
    "nvidia-uvm-missing",
    "error",
    "The unified-memory module of the driver is missing",
    needs=("nvidia.nvml.init_rc",),
    hides=("PT513", "PT536"),
    layer=24,
    is_starred=True,
)
def no_uvm(case: Case) -> Iterator[Finding]:
    """What is wrong
        CUDA needs the kernel module nvidia_uvm and its file /dev/nvidia-uvm; NVML does not. One of the two is missing.

    Why it matters
        nvidia-smi is fine while CUDA ends with "CUDA unknown error" (999), or torch.cuda.is_available() is just False.

    See it yourself
        lsmod | grep nvidia_uvm
        ls -l /dev/nvidia-uvm

    Fix
        Load the module and have it loaded at every start.

    Sources
        replicate/cog-svd#11, github.com/NVIDIA/nvidia-modprobe
    """
    host = case.snapshot.host
    uvm = _nvidia.node(case, "/dev/nvidia-uvm")
    is_other = bool(host and (host.wsl or host.jetson or host.system not in (None, "linux")))
    # where CUDA's start ended with a code of its own, that code tells the cause
    if _nvidia.nvml_code(case) != 0 or _nvidia.works(case) or _nvidia.cuda_code(case) not in (None, 999) or is_other:
        return
    no_module = not case.is_container and _nvidia.has_module(case, "nvidia_uvm") is False
    no_node = uvm is not None and not uvm.exists
    if not (no_module or no_node):
        return
    has_failed = _nvidia.cuda_code(case) is not None or case.said(UNKNOWN) is not None
    what = "the module nvidia_uvm is not loaded" if no_module else "/dev/nvidia-uvm does not exist"
    load = Fix(
        text="Load the module, with its device file.",
        commands=(("sudo", "nvidia-modprobe", "-u", "-c=0"),),
        systems=("linux",),
    )
    keep = Fix(
        text="Have it loaded at every start.",
        shell="echo nvidia_uvm | sudo tee /etc/modules-load.d/nvidia-uvm.conf",
        systems=("linux",),
    )
    again = Fix(text="Then create the container anew, with its GPUs.", kind="none")
    yield Finding(
        message=f"NVML works, but {what}, and CUDA cannot do without it.",
        subject="nvidia_uvm",
        evidence=(
            fact(case, "nvidia.nvml.init_rc", 0, "NVML"),
            *([fact(case, "host.kernel_modules", "no nvidia_uvm", "/proc/modules")] if no_module else []),
            *([fact(case, "host.device_nodes", "/dev/nvidia-uvm: absent", "ls /dev")] if no_node else []),
            *(
                [fact(case, "nvidia.cuda.init_rc", _nvidia.cuda_code(case), "cuInit")]
                if _nvidia.cuda_code(case)
                else []
            ),
        ),
        fixes=(*_nvidia.on_host(case, load, keep), *((again,) if case.is_container else ())),
        severity=_nvidia.wanted(case, "error" if has_failed else "warning"),
        certainty="certain" if has_failed else "likely",
    )


UNKNOWN = (
    r"CUDA unknown error|cudaErrorUnknown|CUDA_ERROR_UNKNOWN|cuda\w* (?:returned|failed with|error)\W{0,4}(?:error )?\W{0,2}(?:30"
    r"|999)\b|\bcuda\w* err(?:or)?: ?999\b|cudart init failure: 999\b|\(30 vs\. 0\)"
    r"|cuda runtime error \((?:30|999)\)|error=(?:30|999) ?: unknown error|UNKNOWN_ERROR\(99\)"
)
FOLLOWS_SLEEP = (
    r"\b(?:cuda|gpu|torch) (?:\w+ )?(?:stop(?:s|ped)? working|no longer works?|is (?:lost|gone|unavailable))|No "
    r"CUDA GPUs are available|unspecified launch failure"
    r"|no CUDA-capable device|CUDA-capable devices? .{0,20}busy or unavailable"
)
"""What a stale nvidia_uvm makes of CUDA too; without the sleep, each has causes of its own."""
REFUSED = r"CUDA driver initialization failed|cudaErrorInitializationError|CUDA_ERROR_NOT_INITIALIZED"
AFTER_SLEEP = (
    rf"\b(?:rmmod|modprobe -r|reload\w*|modprobe)\b[^;\n]{{0,60}}\bnvidia_uvm\b[^;\n]{{0,80}}\b(?:{_speech.FIXED}|brings?|again|back)\b",
    _tongues.AFTER_SLEEP,
    r"\bPM: (?:suspend|hibernation) exit\b",
    (
        r"\b(?:after|from|since|once|when(?:ever)?|following|every|each|if|unless|upon|until)"
        r"\b(?:[^.;\n()]){0,40}?(?<![.\w])(?:suspend(?!\w*ing "
        r"the (?:job|process))\w*|resum(?:e|es|ed|ing)\b(?! (?:training|from (?:a |the )?check))"
        r"|sleep(?:s|ing)?\b(?!\()|hibernat\w*|wak(?:e|es|ing)\b|woke\b|standby|closing the lid)"
    ),
    r"\b(?:resum\w+ from|wak(?:e|es|ing|ing the \w+) (?:up )?from) (?:suspend|sleep|hibernation)",
    r"waking (?:the \w+ )?up",
)


@rule(
    "PT513",
    "cuda-init-unknown",
    "error",
    "CUDA does not start, for a reason that the driver does not name",
    needs=("nvidia.cuda.init_rc|messages",),
    hides=("PT536", "PT653"),
    layer=26,
    says=(UNKNOWN, REFUSED),
)
def unknown(case: Case) -> Iterator[Finding]:
    """What is wrong
        Starting CUDA ends with 999 (unknown error) or 3 (initialisation failed). Mostly the state of nvidia_uvm is stale
        after suspend and resume, or the driver crashed before.

    Why it matters
        torch finds no GPU, although nvidia-smi may show it. The words about CUDA_VISIBLE_DEVICES in the message are a
        guess and mostly wrong.

    See it yourself
        sudo dmesg | grep -iE "nvrm|xid|suspend"
        python -c "import ctypes; print(ctypes.CDLL('libcuda.so.1').cuInit(0))"

    Fix
        End every program that uses the GPU and load nvidia_uvm anew; else restart. Against a return after suspend,
        enable the driver's suspend services and keep video memory over suspend.

    Sources
        pytorch/pytorch#49327, zhanghang1989/PyTorch-Encoding#368, Acly/krita-ai-diffusion#707
    """
    slept = case.said(*AFTER_SLEEP)
    hit = case.heard(unknown) or (_follows(case) if slept else None)
    code = _nvidia.cuda_code(case)
    if (code not in (3, 999) and hit is None) or code == 0 or (_nvidia.works(case) and not hit):
        return
    log = case.snapshot.host.kernel_log if case.snapshot.host else None
    has_slept = bool(slept or (log and log.has_resume))
    is_unknown = code == 999 or case.said(UNKNOWN) is not None
    is_measured = case.snapshot.origin != "report"
    yield Finding(
        message=(
            f"CUDA does not start and gives no reason (code {(code or 999) if is_unknown else 3})"
            if code or case.heard(unknown)
            else "CUDA fails"
        )
        + ("; the machine was suspended before." if has_slept else "."),
        subject="CUDA",
        evidence=(
            *([fact(case, "nvidia.cuda.init_rc", code, "cuInit")] if code in (3, 999) else []),
            *([hit.evidence] if hit else []),
            *([slept.evidence] if slept and slept.message is not (hit.message if hit else None) else []),
            *(
                [fact(case, "host.kernel_log.has_resume", "suspended since start-up", "kernel log")]
                if log and log.has_resume
                else []
            ),
        ),
        fixes=_start_anew(case),
        # in a text, code 3 may be of one process that was forked; cuInit itself has said it of the machine
        severity=_nvidia.wanted(case, "error" if is_unknown or has_slept or (code == 3 and is_measured) else "warning"),
        certainty="certain" if code in (3, 999) and is_measured else "likely",
    )


def _start_anew(case: Case) -> tuple[Fix, ...]:
    """Load the module anew, or restart; in Windows and WSL there is only the latter."""
    host = case.snapshot.host
    if host and host.wsl:
        return (Fix(text="Restart Windows.", commands=(("shutdown", "/r", "/t", "0"),), where="in Windows"),)
    restart = Fix(text="Restart the machine.", commands=(("shutdown", "/r", "/t", "0"),), systems=("windows",))
    reload = Fix(
        text="End every program that uses the GPU and load the unified-memory module anew.",
        shell="sudo rmmod nvidia_uvm && sudo modprobe nvidia_uvm",
        systems=("linux",),
    )
    reboot = Fix(text="Or restart the machine.", commands=(("sudo", "reboot"),), systems=("linux",))
    suspend = Fix(
        text="Against a return after suspend: let the driver save the GPU's memory (options nvidia "
        "NVreg_PreserveVideoMemoryAllocations=1 in /etc/modprobe.d), and enable its services.",
        commands=(("sudo", "systemctl", "enable", "nvidia-suspend", "nvidia-resume", "nvidia-hibernate"),),
        systems=("linux",),
    )
    return _nvidia.on_host(case, reload, reboot, suspend, restart)


def _follows(case: Case) -> Hit | None:
    """What a person reports of CUDA after a sleep."""
    torch = case.snapshot.torch
    is_blind = case.snapshot.origin == "report" and torch is not None and torch.is_cuda_available is False
    return case.said(FOLLOWS_SLEEP) or (case.said(*AFTER_SLEEP) if is_blind else None)


RULES = (no_uvm, unknown)
