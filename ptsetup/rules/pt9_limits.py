"""PT990 to PT992: what ptsetup itself could not find out."""

from collections.abc import Iterator

from ptsetup.facts import ImportResult
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import fact

SIGNALS = {
    4: ("SIGILL", "an instruction that this processor lacks: PT860"),
    6: ("SIGABRT", "a library gave up: its last words stand above"),
    7: ("SIGBUS", "shared memory too small, or a file cut short: PT706, PT212"),
    9: ("SIGKILL", "killed from outside, mostly because memory ran out: PT707"),
    10: ("SIGBUS", "a file cut short, or shared memory too small: PT212, PT706"),
    11: ("SIGSEGV", "two OpenMP libraries or a broken extension: PT861, PT307"),
}
"""Signal -> its name and what mostly causes it (10 is SIGBUS on macOS)."""

STATUSES = {
    0xC0000005: "access violation: a broken extension or driver (PT307, PT823)",
    0xC000001D: "illegal instruction (PT860)",
    0xC0000409: "a library gave up",
    0xC0000135: "a DLL is missing (PT112)",
}
"""Exit codes of Windows for a program that crashed (NTSTATUS)."""


@rule(
    "PT990",
    "probe-timeout",
    "warning",
    "A question took too long",
    layer=86,
)
def timeout(case: Case) -> Iterator[Finding]:
    """What is wrong
        One of ptsetup's child processes passed its deadline and was ended. It says which one, and how far it had come.

    Why it matters
        What it was asked is not known now. A first import from a cold or slow disk can take long; NVML that does not
        answer is a fault (PT535).

    See it yourself
        time python -c "import torch"

    Fix
        Try again; on slow disks the second time is faster. For drivers: restart the machine.

    Sources
        measured: 11.6 s for a first import from a cold disk
    """
    torch = case.snapshot.torch
    late = [r for r in case.snapshot.readings if r.status == "timeout"]
    results = [r for r in ((torch.result, *(torch.imports or ())) if torch else ()) if r.is_timeout]
    for result in results:
        stage = f" at the stage {result.stage}" if result.stage else ""
        yield Finding(
            message=f"Importing {result.module} did not end within its deadline{stage}.",
            subject=f"import {result.module}",
            evidence=(
                fact(case, "torch.result.is_timeout", f"no end after {result.seconds or 0:.0f} s", "child process"),
            ),
            fixes=(
                Fix(
                    text="Try again: the second import is faster. See what it waits for.",
                    commands=(("{python}", "-X", "importtime", "-c", f"import {result.module}"),),
                ),
            ),
        )
    for reading in late:
        if reading.probe == "torch" and results:
            continue
        detail = (reading.detail or "").rstrip(".")
        yield Finding(
            message=f"The probe {reading.probe} did not answer in time" + (f": {detail}." if detail else "."),
            subject=reading.probe,
            evidence=(Evidence(path="readings", value=f"{reading.probe}: timeout", source="ptsetup"),),
            fixes=(Fix(text="Try again.", commands=(("ptsetup", "doctor"),), kind="none"),),
        )


@rule(
    "PT991",
    "probe-crashed",
    "error",
    "A child process crashed",
    needs=("torch.result",),
    layer=86,
    import_needed=True,
)
def crashed(case: Case) -> Iterator[Finding]:
    """What is wrong
        A child process in which ptsetup imported torch (or a package) ended by a signal, or on Windows with the status of
        a crash.

    Why it matters
        Your programs will end the same way. The signal tells where to look: illegal instruction PT860; segmentation
        fault PT861, PT307; killed PT707; bus error PT706, PT212.

    See it yourself
        python -X faulthandler -c "import torch"

    Fix
        Look at the code that belongs to the signal; the last lines of the output may name the library.

    Sources
        signal(7); NTSTATUS values
    """
    torch = case.snapshot.torch
    for result in (torch.result, *(torch.imports or ())) if torch else ():
        told = _ending(result)
        if told is None:
            continue
        name, meaning = told
        stage = f" at the stage {result.stage}" if result.stage else ""
        yield Finding(
            message=f"Importing {result.module} ended by {name}{stage}: {meaning}.",
            subject=f"import {result.module}",
            evidence=(
                fact(case, "torch.result.signal", name, "child process"),
                *(
                    [fact(case, "torch.result.stderr", result.stderr.strip()[-200:], "stderr")]
                    if result.stderr and result.stderr.strip()
                    else []
                ),
            ),
            fixes=(
                Fix(
                    text="See where it happens.",
                    commands=(("{python}", "-X", "faulthandler", "-c", f"import {result.module}"),),
                ),
            ),
        )


def _ending(result: ImportResult) -> tuple[str, str] | None:
    """Name of the crash and what it mostly means; None where the child ended by itself."""
    if result.is_timeout:
        return None
    if result.signal:
        return SIGNALS.get(result.signal, (f"signal {result.signal}", "see signal(7)"))
    status = (result.exit_code or 0) & 0xFFFFFFFF
    if status >= 0xC0000000:
        return f"status 0x{status:08X}", STATUSES.get(status, "a crash")
    return None


@rule(
    "PT992",
    "not-checked",
    "note",
    "Not everything could be looked at",
    layer=90,
)
def not_checked(case: Case) -> Iterator[Finding]:
    """What is wrong
        Some facts could not be read: no permission, no answer, or a tool failed. Rules that need them said nothing.
        Or torch does not work (an error then), and no rule found out why.

    Why it matters
        Silence of those rules does not mean that all is well.

    See it yourself
        ptsetup doctor -v

    Fix
        Where it matters, look again with the rights that are missing (the kernel log, for instance, is often for root
        only), and with --deep. Send ptsetup's maintainers what it could not explain: ptsetup doctor --deep --share.

    Sources
        ptsetup's own readings
    """
    if case.snapshot.origin == "report":
        return
    lost = [u for u in case.snapshot.unknowns if u.reason in ("denied", "timeout", "failed")]
    failed = [
        r for r in case.snapshot.readings if r.status == "failed" and not any(u.path.startswith(r.probe) for u in lost)
    ]
    if not lost and not failed:
        return
    names = [f"{u.path} ({u.reason})" for u in lost] + [f"{r.probe} (failed)" for r in failed]
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    yield Finding(
        message=f"Not known, because it could not be read: {', '.join(names[:4])}{more}.",
        subject="facts",
        evidence=tuple(Evidence(path=u.path, value=u.detail or u.reason, source="ptsetup") for u in lost[:8])
        + tuple(
            Evidence(path="readings", value=f"{r.probe}: {r.detail or 'failed'}", source="ptsetup") for r in failed[:4]
        ),
        fixes=(
            Fix(text="See which rules were skipped, and why.", commands=(("ptsetup", "doctor", "-v"),), kind="none"),
        ),
    )


RULES = (timeout, crashed, not_checked)
