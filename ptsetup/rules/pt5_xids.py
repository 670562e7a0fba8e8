"""PT516 to PT518: errors that the GPU or its driver has counted or logged."""

from collections.abc import Iterator
from typing import NamedTuple

from ptsetup.facts import Gpu, Xid
from ptsetup.rules import _nvidia
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Evidence, Finding, Fix, Severity, rule
from ptsetup.rules._ways import fact


class Meaning(NamedTuple):
    """What an Xid code tells."""

    severity: Severity
    text: str
    cure: str


APP, RESET, VENDOR = (
    "Look for the fault in the program; start it anew.",
    "Reset the GPU or restart.",
    "Restart; if it returns, turn to the vendor.",
)

XIDS = {
    13: Meaning("note", "an exception in a program's kernel", APP),
    31: Meaning("note", "a program read or wrote memory that is not its own", APP),
    32: Meaning("warning", "a corrupted command buffer (bus or driver)", VENDOR),
    38: Meaning("warning", "a fault of the driver's firmware", RESET),
    43: Meaning("note", "a program's channel was stopped", APP),
    45: Meaning("note", "clean-up after an earlier error", APP),
    48: Meaning("error", "an uncorrectable memory error", RESET),
    56: Meaning("warning", "a fault of the display engine", RESET),
    57: Meaning("warning", "a fault of the memory interface", VENDOR),
    61: Meaning("warning", "a fault of an internal controller", RESET),
    62: Meaning("error", "an internal controller halted", VENDOR),
    63: Meaning("warning", "a memory row was remapped or a page retired", RESET),
    64: Meaning("error", "a memory row could not be remapped", VENDOR),
    69: Meaning("note", "an exception in the graphics engine", APP),
    74: Meaning("error", "an NVLink error", VENDOR),
    79: Meaning("error", "the GPU has fallen off the bus", VENDOR),
    92: Meaning("warning", "a high rate of corrected memory errors", VENDOR),
    94: Meaning("error", "a contained memory error", APP),
    95: Meaning("error", "an uncontained memory error", RESET),
    109: Meaning("warning", "a context switch timed out", RESET),
    119: Meaning("error", "the GPU's system processor did not answer", RESET),
    120: Meaning("error", "an error in the GPU's system processor", RESET),
    121: Meaning("warning", "a chip-to-chip link error", VENDOR),
    140: Meaning("error", "unrecovered memory errors", RESET),
    154: Meaning("warning", "the driver asks for a recovery action", RESET),
}
"""Codes of NVIDIA's Xid catalogue (docs.nvidia.com/deploy/xid-errors, as leptonai/gpud lists it), in our words."""


def xids(case: Case, *codes: int) -> tuple[Xid, ...]:
    """Xid errors in the kernel log with one of these codes; all of them without a code."""
    log = case.snapshot.host.kernel_log if case.snapshot.host else None
    return tuple(x for x in (log.xids if log else ()) if not codes or x.code in codes)


def xid_facts(case: Case, found: tuple[Xid, ...]) -> tuple[Evidence, ...]:
    """The last two of them as evidence."""
    lines = [x.text or f"Xid {x.code} {x.bdf or ''}".strip() for x in found[-2:]]
    return tuple(fact(case, "host.kernel_log.xids", line, "kernel log") for line in lines)


def reset(case: Case, gpu: Gpu | None) -> tuple[Fix, ...]:
    """Reset that GPU (the first where it is not known which), else restart."""
    number = str(gpu.index) if gpu else "0"
    anew = Fix(
        text=f"End the programs that use GPU {number} and reset it.",
        commands=(("sudo", "nvidia-smi", "-r", "-i", number),),
        systems=("linux",),
    )
    return (*_nvidia.on_host(case, anew), *restart(case))


def restart(case: Case) -> tuple[Fix, ...]:
    """Restart the machine; inside a container the host."""
    linux = Fix(text="Restart the machine.", commands=(("sudo", "reboot"),), systems=("linux",))
    windows = Fix(text="Restart the machine.", commands=(("shutdown", "/r", "/t", "0"),), systems=("windows",))
    return _nvidia.on_host(case, linux, windows)


@rule(
    "PT516",
    "ecc-uncorrectable",
    "error",
    "The GPU's memory has uncorrectable errors",
    needs=("nvidia.gpus|host.kernel_log|messages",),
    hides=("PT518", "PT517"),
    layer=11,
    says=(
        r"uncorrectable (?:ECC|NVLink) error|uncorrectable .{0,20}memory error",
        r"cudaErrorECCUncorrectable|CUDA_ERROR_ECC_UNCORRECTABLE",
        r"double[- ]bit ECC error|Double Bit ECC",
    ),
)
def ecc(case: Case) -> Iterator[Finding]:
    """What is wrong
        The GPU found errors in its memory that ECC could not correct.

    Why it matters
        The program ends with "uncorrectable ECC error encountered"; results before that may be wrong.

    See it yourself
        nvidia-smi -q -d ECC
        sudo dmesg | grep -i xid

    Fix
        Start the job anew; reset the GPU or restart. If errors return, the card has to be exchanged.

    Sources
        NVIDIA's Xid catalogue (48, 94, 95); nvml.h
    """
    hit = case.heard(ecc)
    seen = xids(case, 48, 94, 95)
    counted = [gpu for gpu in case.gpus if gpu.ecc_uncorrected_volatile or gpu.ecc_uncorrected_aggregate]
    for gpu in counted:
        now = gpu.ecc_uncorrected_volatile or 0
        field = "ecc_uncorrected_volatile" if now else "ecc_uncorrected_aggregate"
        count = now or gpu.ecc_uncorrected_aggregate
        when = "since the last start" if now else "in its life, none since the last start"
        yield Finding(
            message=f"{_nvidia.name_of(gpu)} has counted {count} uncorrectable memory errors {when}.",
            subject=_nvidia.name_of(gpu),
            evidence=(
                _nvidia.gpu_fact(case, gpu, field, count),
                *xid_facts(case, seen),
                *([hit.evidence] if hit else []),
            ),
            fixes=(*reset(case, gpu), Fix(text="If errors return, have the card exchanged.", kind="none")),
            severity="error" if now or hit else "warning",
        )
    if not counted and (hit or seen):
        yield Finding(
            message="The GPU met an uncorrectable error in its memory.",
            subject="GPU memory",
            evidence=(*([hit.evidence] if hit else []), *xid_facts(case, seen)),
            fixes=(*reset(case, None), Fix(text="If errors return, have the card exchanged.", kind="none")),
            certainty="certain" if seen else "likely",
        )


@rule(
    "PT517",
    "row-remap",
    "warning",
    "The GPU has memory rows to replace",
    needs=("nvidia.gpus",),
    hides=("PT518",),
    layer=12,
)
def rows(case: Case) -> Iterator[Finding]:
    """What is wrong
        The GPU has found bad memory rows. Replacing them waits for a reset; or it failed, and no spare row is left.

    Why it matters
        While it waits, running work is not affected. After a failure errors will come back.

    See it yourself
        nvidia-smi -q -d ROW_REMAPPER

    Fix
        Pending: reset the GPU or restart when convenient. Failed: have the card exchanged.

    Sources
        NVIDIA, GPU memory error management; cuda-python, device_get_remapped_rows
    """
    for gpu in case.gpus:
        if gpu.remapped_failed:
            message = f"{_nvidia.name_of(gpu)} could not replace a bad memory row: the card has to be exchanged."
            field, fixes = "remapped_failed", (Fix(text="Have the card exchanged.", kind="none"),)
        elif gpu.remapped_pending or gpu.retired_pages_pending:
            message = f"{_nvidia.name_of(gpu)} will replace a bad memory row at its next reset."
            field = "remapped_pending" if gpu.remapped_pending else "retired_pages_pending"
            fixes = reset(case, gpu)  # type: ignore[assignment]
        else:
            continue
        yield Finding(
            message=message,
            subject=_nvidia.name_of(gpu),
            evidence=(_nvidia.gpu_fact(case, gpu, field, "yes"),),
            fixes=fixes,
            severity="error" if gpu.remapped_failed else "warning",
        )


@rule(
    "PT518",
    "recent-xid",
    "warning",
    "The kernel log holds Xid errors of a GPU",
    needs=("host.kernel_log",),
    layer=13,
)
def xid(case: Case) -> Iterator[Finding]:
    """What is wrong
        Since start-up the driver has written Xid errors into the kernel log. The number tells the kind: 13, 31, 43 and
        45 come from programs; 48, 63, 64, 94 and 95 from memory; 74 from NVLink; 79 from a lost GPU; 119 and 120 from
        the GPU's own firmware.

    Why it matters
        It dates and names a fault that a program shows only as "unspecified launch failure".

    See it yourself
        sudo dmesg | grep -i xid

    Fix
        By number: mend the program, reset the GPU, restart, or turn to the vendor.

    Sources
        docs.nvidia.com/deploy/xid-errors, leptonai/gpud#1209
    """
    for code in sorted({x.code for x in xids(case)}):
        found = xids(case, code)
        meaning = XIDS.get(
            code, Meaning("note", "an error that our table lacks", "Look it up in NVIDIA's Xid catalogue.")
        )
        where = f" at {found[-1].bdf}" if found[-1].bdf else ""
        times = f" ({len(found)} times)" if len(found) > 1 else ""
        yield Finding(
            message=f"Xid {code}{where}{times}: {meaning.text}.",
            subject=f"Xid {code}",
            evidence=xid_facts(case, found),
            fixes=(Fix(text=meaning.cure, kind="none", where="on the host" if case.is_container else "here"),),
            severity=meaning.severity,
        )


RULES = (ecc, rows, xid)
