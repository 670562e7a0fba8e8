"""PT840 to PT842: MPS, the GPU of Apple silicon."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact

NOT_AVAILABLE = (
    r"\bmps (?:is )?available\W{1,4}false\b",
    r"backends\.mps\.is_available\(\)\W{0,8}false\b",
    r"MPS backend .{0,40}not (?:available|supported)|current PyTorch install was not built with MPS enabled",
)
NEEDS_MACOS = (
    r"MPS backend is (?:only )?supported on macOS (?P<needs>\d+(?:\.\d+)?)"
    r"|\bMPS\b.{0,120}\b(?:support\w*|available|requires?|required|needs?|added|natively)\b.{0,40}\bmacOS ?(?:version "
    r")?(?P<since>\d+(?:\.\d+)?)"
)


def floor(case: Case) -> str | None:
    """The macOS that MPS of the installed torch needs; None when the release is not known."""
    base = re.sub(r"\.dev.*|a0.*|rc.*", "", case.torch_base or "")
    best = None
    for row in case.index.mps:
        if compat.at_least(base, row.torch):
            best = row.macos
    return best


@rule(
    "PT840",
    "mps-built-not-available",
    "error",
    "MPS is built in, but not available",
    needs=("torch.is_mps_available|messages",),
    hides=("PT536", "PT108"),
    layer=30,
    says=(NEEDS_MACOS, *NOT_AVAILABLE),
    import_needed=True,
)
def not_available(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch has MPS built in and cannot use it: macOS is older than this release needs; or this process has no Metal
        device: a virtual machine, a CI runner, a sandbox, a daemon.

    Why it matters
        Work runs on the CPU. The error text blames macOS even where that is new.

    See it yourself
        sw_vers -productVersion
        python -c "import torch; print(torch.backends.mps.is_built(), torch.backends.mps.is_available())"
        sysctl kern.hv_vmm_present

    Fix
        Upgrade macOS, or take a torch for this macOS. Run it in a normal session of a logged-in user. On macOS 26 try
        the newest torch.

    Sources
        pytorch/pytorch#167679, #177819, #100879
    """
    hit = case.heard(not_available)
    torch, host, apple = case.snapshot.torch, case.snapshot.host, case.snapshot.apple
    if case.system not in (None, "macos") or (torch and torch.is_mps_available):
        return
    is_off = bool(torch and torch.is_mps_built and torch.is_mps_available is False)
    if not is_off and not hit:
        return
    if host and "x86_64" in (host.machine, host.hardware_machine) and host.hardware_machine != "arm64":
        return
    needs = floor(case) or (_needed(hit) if hit else None)
    version = host.version if host else None
    is_old = compat.at_least(version, needs) is False
    is_virtual = bool(apple and apple.is_virtual) or bool(host and host.is_virtual)
    why = (
        f"macOS {version} is older than {needs}, which this torch needs"
        if is_old
        else "this is a virtual machine, which has no Metal device for it"
        if is_virtual
        else "this process has no Metal device (a daemon, ssh, a sandbox), or the release and this macOS do not go together"
    )
    yield Finding(
        message=f"MPS is built in, but not available: {why}.",
        subject="MPS",
        evidence=(
            *([fact(case, "torch.is_mps_available", "False (built: True)", "torch.backends.mps")] if is_off else []),
            *([fact(case, "host.version", f"macOS {version}", "sw_vers")] if version else []),
            *(
                [fact(case, "apple.is_virtual", "yes", "sysctl kern.hv_vmm_present")]
                if is_virtual and not is_old
                else []
            ),
            *([hit.evidence] if hit else []),
        ),
        fixes=_ways_to_mps(needs) if is_old else _ways_to_metal(is_virtual=is_virtual),
        severity="error" if case.expect in (None, "mps") else "note",
        certainty="certain" if is_old or (is_off and is_virtual) else "likely",
    )


def _needed(hit: Hit) -> str | None:
    words = hit.match.groupdict()
    return words.get("needs") or words.get("since")


def _ways_to_mps(needs: str | None) -> tuple[Fix, ...]:
    """A newer macOS for this torch, or a torch for this macOS."""
    upgrade = Fix(text=f"Upgrade macOS to {needs or 'the newest'} or later.", systems=("macos",))
    return (upgrade, another_build("Or take a torch for this macOS."))


def _ways_to_metal(*, is_virtual: bool) -> tuple[Fix, ...]:
    if is_virtual:
        return (Fix(text="Run it on the Mac itself, outside the virtual machine; inside, use the CPU.", kind="none"),)
    session = Fix(text="Run it in a normal session of a user who is logged in at the screen.", kind="none")
    return (session, another_build("Or try the newest torch."))


@rule(
    "PT841",
    "mps-op-missing",
    "note",
    "An operator is not made for MPS yet",
    needs=("messages",),
    layer=80,
    says=(r"operator ['\"]?(?P<op>aten::[\w.]+)['\"]? is not currently implemented for the MPS device",),
)
def op_missing(case: Case) -> Iterator[Finding]:
    """What is wrong
        The program uses an operator that MPS does not have yet.

    Why it matters
        It ends with "The operator 'aten::...' is not currently implemented for the MPS device".

    See it yourself
        python -c "import torch; print(torch.__version__)"

    Fix
        Let such operators run on the CPU (slower), set before torch is imported; or take a newer torch.

    Sources
        PyTorch documentation, MPS environment variables
    """
    hit = case.heard(op_missing)
    if hit is None:
        return
    yield Finding(
        message=f"{hit.match['op']} is not made for MPS in torch {case.torch_version or 'as installed'}.",
        subject=hit.match["op"],
        evidence=(hit.evidence,),
        fixes=(
            Fix(text="Let it run on the CPU.", shell="export PYTORCH_ENABLE_MPS_FALLBACK=1", systems=("macos",)),
            another_build("Or take a newer torch, which may have it."),
        ),
        certainty="likely",
    )


@rule(
    "PT842",
    "mps-out-of-memory",
    "warning",
    "MPS has reached its memory limit",
    needs=("messages",),
    layer=80,
    says=(r"MPS backend out of memory(?P<told>.{0,160})",),
    import_needed=True,
)
def out_of_memory(case: Case) -> Iterator[Finding]:
    """What is wrong
        MPS may use a share of the memory (ratio times the size that Metal recommends), and the program wants more.

    Why it matters
        "MPS backend out of memory ... max allowed".

    See it yourself
        python -c "import torch; print(torch.mps.recommended_max_memory())"

    Fix
        Use smaller batches or a smaller type; close other programs. The limit can be raised with
        PYTORCH_MPS_HIGH_WATERMARK_RATIO; 0.0 takes it away and may freeze the Mac. To lower it, the low ratio must be
        lowered as well.

    Sources
        PyTorch documentation, MPS environment variables
    """
    hit = case.heard(out_of_memory)
    if hit is None:
        return
    yield Finding(
        message="MPS has reached the share of the memory that it may use.",
        subject="MPS",
        evidence=(hit.evidence,),
        fixes=(
            Fix(text="Use smaller batches, or float16; close programs that hold memory.", kind="none"),
            Fix(
                text="Or raise the limit a little (0.0 would take it away and may freeze the Mac).",
                shell="export PYTORCH_MPS_HIGH_WATERMARK_RATIO=1.8",
                systems=("macos",),
            ),
        ),
        severity="note" if case.snapshot.origin == "report" and case.system == "linux" else "warning",
        certainty="likely",
    )


RULES = (not_available, op_missing, out_of_memory)
