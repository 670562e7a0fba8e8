"""PT820 to PT824: Intel GPUs."""

from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules import _nvidia, _vendors
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, fitting, pip, unset

DENIED = (13, 1)


def _wants_xpu(case: Case) -> bool:
    return case.expect == "xpu" or (case.expect is None and case.family == "xpu")


def _works(case: Case) -> bool:
    torch = case.snapshot.torch
    return bool(torch and (torch.is_xpu_available or torch.xpu_device_count))


@rule(
    "PT820",
    "xpu-wheel-missing",
    "note",
    "An Intel GPU is here, and torch has no code for it",
    needs=("target.wheel|torch",),
    layer=59,
    says=(r"torch not compiled with XPU enabled|PyTorch (?:was|is) not compiled with XPU",),
)
def no_xpu(case: Case) -> Iterator[Finding]:
    """What is wrong
        This machine has an Intel GPU that PyTorch supports (Arc, Core Ultra, Data Center GPU Max), and the installed
        torch is a build without xpu.

    Why it matters
        torch.xpu.is_available() is False; work runs on the CPU.

    See it yourself
        python -c "import torch; print(torch.version.xpu, torch.xpu.is_available())"

    Fix
        Install the xpu build.

    Sources
        pytorch/pytorch#150260; PyTorch documentation, getting started on Intel GPUs
    """
    hit = case.heard(no_xpu)
    names = _vendors.usable_intel(case)
    wheel = case.wheel
    has_none = case.family is not None and case.family != "xpu" and (wheel is None or not wheel.xpu)
    if not (names and has_none) and not hit:
        return
    if case.system == "macos" or _works(case) or case.expect in ("cpu", "cuda", "rocm"):
        return
    is_alone = not _vendors.has_nvidia(case) and not _vendors.usable_amd(case)
    is_card = any(not compat.is_integrated_intel(name) for name in names)
    named = names[0] if names else "An Intel GPU"
    yield Finding(
        message=f"{named} could be used, but torch {case.torch_version or ''} is a build without xpu.".replace(
            "  ", " "
        ),
        subject=named,
        evidence=(
            *([fact(case, "intel.gpus", named, "display devices")] if names else []),
            *(
                [fact(case, "target.wheel", f"torch {case.torch_version}, xpu: none", "torch/version.py")]
                if has_none
                else []
            ),
            *([hit.evidence] if hit else []),
        ),
        fixes=(another_build("Install the xpu build.", backend="xpu"),),
        severity="error"
        if hit or case.expect == "xpu"
        else "warning"
        if is_alone and is_card and case.family == "cpu"
        else "note",
        certainty="certain" if names and has_none else "likely",
    )


XPU_FAILED = (
    r"failed to initialize XPU devices",
    r"XPU device count is zero|no XPU devices? (?:are|is) available",
    r"level[ _-]?zero.{0,40}(?:not found|error|failed|UNINITIALIZED)|ZE_RESULT_ERROR_UNINITIALIZED",
)


@rule(
    "PT821",
    "xpu-driver-missing",
    "error",
    "The driver of the Intel GPU is missing",
    needs=("target.wheel|torch|messages",),
    hides=("PT823", "PT536"),
    layer=22,
    says=XPU_FAILED,
    import_needed=True,
)
def no_driver(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch's xpu build reaches the GPU through Level Zero; its loader or the GPU's driver is not installed, or no
        kernel driver holds the GPU.

    Why it matters
        "Failed to initialize XPU devices. The driver may not be installed".

    See it yourself
        ldconfig -p | grep -E "libze_loader|libze_intel_gpu"
        lspci -nnk | grep -A3 -iE "vga|display"

    Fix
        Install the driver: on Ubuntu libze1, libze-intel-gpu1 and intel-opencl-icd; on Windows Intel's graphics driver.

    Sources
        PyTorch documentation, getting started on Intel GPUs; torch/utils/collect_env.py; pytorch/pytorch#147226
    """
    hit = case.heard(no_driver)
    if case.family not in ("xpu", None) or _works(case) or case.is_container:
        return
    lacking = [
        name
        for name, path in (
            ("libze_loader.so.1", "intel.level_zero_loader"),
            ("libze_intel_gpu.so.1", "intel.level_zero_gpu"),
        )
        if _vendors.is_absent(case, path)
    ]
    intel = case.snapshot.intel
    bound = [gpu for gpu in (intel.gpus if intel else None) or () if gpu.driver in ("i915", "xe")]
    has_gpu = bool(intel and intel.gpus)
    is_unbound = has_gpu and not bound and case.system == "linux" and case.snapshot.origin != "report"
    is_seen = case.family == "xpu" and has_gpu and (lacking or is_unbound) and case.system == "linux"
    if not is_seen and (hit is None or any(n.open_errno in DENIED for n in _render_nodes(case))):
        return
    what = " and ".join(lacking) if lacking else "a kernel driver (i915, xe)"
    yield Finding(
        message=f"For the Intel GPU {what} {'are' if len(lacking) > 1 else 'is'} missing."
        if is_seen
        else "torch finds no driver for the Intel GPU.",
        subject="Level Zero",
        evidence=(
            *([fact(case, "intel.level_zero_loader", f"absent: {what}", "ldconfig -p")] if is_seen else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=_install_driver(case),
        certainty="certain" if is_seen else "likely",
    )


def _install_driver(case: Case) -> tuple[Fix, ...]:
    packages = {
        "apt": ("libze1", "libze-intel-gpu1", "intel-opencl-icd"),
        "dnf": ("intel-level-zero", "intel-compute-runtime"),
        "pacman": ("level-zero-loader", "intel-compute-runtime"),
    }
    return fitting(
        case,
        Fix(
            text="Install Level Zero and the GPU's driver for computing.",
            commands=_nvidia.install(case, packages),
            systems=("linux",),
        ),
        Fix(
            text="Install Intel's graphics driver: https://www.intel.com/content/www/us/en/download/785597/",
            systems=("windows",),
        ),
    )


def _render_nodes(case: Case) -> tuple:  # type: ignore[type-arg]
    nodes = case.snapshot.host.device_nodes if case.snapshot.host else None
    return tuple(n for n in nodes or () if n.exists and n.path.startswith("/dev/dri/render"))


@rule(
    "PT822",
    "xpu-render-access",
    "error",
    "This user may not open the Intel GPU",
    needs=("host.device_nodes|messages",),
    hides=("PT821", "PT823"),
    layer=24,
    says=(r"/dev/dri/renderD\d+.{0,60}permission denied|permission denied.{0,60}/dev/dri/renderD",),
)
def render_access(case: Case) -> Iterator[Finding]:
    """What is wrong
        /dev/dri/renderD* belongs to the group render, and this user is no member. After a login at the screen the system
        grants it, over ssh it does not.

    Why it matters
        torch finds no XPU, or only after somebody has logged in at the screen.

    See it yourself
        ls -l /dev/dri/renderD*
        id

    Fix
        Join the group render and log in again.

    Sources
        pytorch/pytorch#148477, intel/compute-runtime#701
    """
    hit = case.heard(render_access)
    denied = [node for node in _render_nodes(case) if node.open_errno in DENIED]
    is_ours = _wants_xpu(case) or (hit is not None and case.family in ("xpu", None))
    if not is_ours or not (denied or hit) or _works(case):
        return
    node = denied[0] if denied else None
    group = (node.group if node else None) or "render"
    evidence: list[Evidence] = [
        fact(case, "host.device_nodes", f"{n.path}: permission denied", "open") for n in denied[:2]
    ]
    yield Finding(
        message=f"This user may not open {node.path if node else 'the Intel GPU'}: it belongs to the group {group}.",
        subject=node.path if node else "/dev/dri",
        evidence=(*evidence, *([hit.evidence] if hit else [])),
        fixes=(
            Fix(
                text=f"Join the group {group} and log in again.",
                shell=f"sudo gpasswd -a $USER {group}",
                systems=("linux",),
            ),
        ),
        certainty="certain" if denied else "likely",
    )


@rule(
    "PT823",
    "xpu-unsupported-or-mixed",
    "warning",
    "torch does not use the Intel GPU that is there",
    needs=("target.wheel|torch",),
    layer=61,
    import_needed=True,
)
def not_used(case: Case) -> Iterator[Finding]:
    """What is wrong
        The xpu build is installed and a GPU is there, but torch counts none: the GPU is not among the families that
        PyTorch supports (Arc, Core Ultra, Max), a variable hides it, or another maker's GPU beside it confuses the driver.

    Why it matters
        torch.xpu.is_available() is False.

    See it yourself
        python -c "import torch; print(torch.xpu.device_count())"
        echo $ZE_AFFINITY_MASK $ONEAPI_DEVICE_SELECTOR

    Fix
        Take a newer torch and a newer driver; take the variables away. For an older GPU (UHD, Iris Xe) use the CPU.

    Sources
        pytorch/pytorch#147226, vllm-project/vllm#47661; PyTorch documentation, getting started on Intel GPUs
    """
    torch, intel = case.snapshot.torch, case.snapshot.intel
    if case.family != "xpu" or torch is None or _works(case):
        return
    names = _vendors.intel_names(case)
    count = intel.level_zero_count if intel else None
    is_counted = bool(count) and (torch.xpu_device_count == 0 or torch.is_xpu_available is False)
    is_foreign = bool(names) and all(compat.xpu_support(name) is False for name in names)
    mask = next((n for n in ("ZE_AFFINITY_MASK", "ONEAPI_DEVICE_SELECTOR", "SYCL_DEVICE_FILTER") if case.env(n)), None)
    is_none = torch.is_xpu_available is False
    if not is_none or not (is_counted or is_foreign or mask):
        return
    why = (
        f"{names[0]} is not among the supported families"
        if is_foreign
        else f"{mask}={case.env(mask)} may hide it"
        if mask
        else f"Level Zero sees {count}, torch none"
    )
    yield Finding(
        message=f"torch uses no Intel GPU: {why}.",
        subject=names[0] if names else "XPU",
        evidence=(
            fact(case, "torch.is_xpu_available", "False", "torch.xpu"),
            *([fact(case, "intel.gpus", names[0], "display devices")] if is_foreign else []),
            *([fact(case, f"env.{mask}", case.env(mask), "the environment")] if mask and not is_foreign else []),
            *([fact(case, "intel.level_zero_count", count, "Level Zero")] if is_counted else []),
        ),
        fixes=(
            *(unset(case, mask) if mask and not is_foreign else ()),
            another_build("Use the CPU build; it is smaller.", backend="cpu")
            if is_foreign
            else another_build("Install the newest xpu build, with the newest driver.", backend="xpu"),
        ),
        certainty="certain" if is_counted or is_foreign else "possible",
    )


@rule(
    "PT824",
    "ipex-end-of-life",
    "note",
    "Intel's extension for PyTorch is at its end",
    needs=("target.distributions|messages",),
    layer=72,
    says=(r"intel_extension_for_pytorch.{0,80}(?:undefined symbol|ImportError|needs to work with PyTorch|requires)",),
)
def ipex(case: Case) -> Iterator[Finding]:
    """What is wrong
        intel-extension-for-pytorch is installed. It was built for one release of torch each, and Intel has ended it: XPU
        is part of torch itself.

    Why it matters
        With another torch its import fails ("undefined symbol").

    See it yourself
        python -m pip show intel-extension-for-pytorch

    Fix
        Remove it; use torch's own xpu device.

    Sources
        intel/intel-extension-for-pytorch#665
    """
    hit = case.heard(ipex)
    version = case.version_of("intel-extension-for-pytorch")
    own, base = compat.version_tuple(version or "")[:2], compat.version_tuple(case.torch_base or "")[:2]
    is_apart = bool(own and base and own != base)
    if not is_apart and not hit:
        return
    yield Finding(
        message=f"intel-extension-for-pytorch {version} belongs to torch {'.'.join(map(str, own))}, not {case.torch_version}."
        if is_apart
        else "intel-extension-for-pytorch does not go with the installed torch.",
        subject="intel-extension-for-pytorch",
        evidence=(
            *(
                [fact(case, "target.distributions", f"intel-extension-for-pytorch {version}", "metadata")]
                if is_apart
                else []
            ),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(
                text="Remove it.",
                commands=(pip(case, "uninstall", "-y", "intel-extension-for-pytorch"),),
                kind="venv",
            ),
        ),
        severity="error" if hit else "note",
        certainty="certain" if is_apart else "likely",
    )


RULES = (no_xpu, no_driver, render_access, not_used, ipex)
