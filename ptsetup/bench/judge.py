"""From what the child measured to verdicts."""

import signal
from collections.abc import Mapping
from typing import Any

from ptsetup.bench.catalogue import Entry
from ptsetup.bench.records import Check

SIGNALS = {
    "SIGILL": "an instruction that this processor lacks: the wheel needs a newer CPU",
    "SIGBUS": "memory that could not be backed: /dev/shm is too small, or a file was cut short",
    "SIGSEGV": "a clash of libraries or of builds",
    "SIGABRT": "a library gave up",
    "SIGFPE": "an arithmetic exception inside a library",
    "SIGKILL": "the system ended it: out of memory",
}

OUT_OF_MEMORY = "too little memory, of this machine or of the device, or another process that holds it"


def judge(entry: Entry, record: Mapping[str, Any]) -> Check:
    """The verdict on one finished check."""
    status = record.get("status")
    error, tolerance = record.get("error"), record.get("tolerance")
    if status in ("unavailable", "unsupported", "skipped"):
        verdict = str(status)
    elif status == "memory":
        verdict = "crashed"
    elif status == "raised" or error is None or tolerance is None:
        verdict = "wrong"
    else:
        verdict = "ok" if float(error) <= float(tolerance) else "wrong"
    return Check(
        name=entry.name,
        group=entry.group,
        title=entry.title,
        verdict=verdict,
        error=_number(error),
        tolerance=_number(tolerance),
        unit=str(record.get("unit") or ""),
        detail=_detail(record),
        reveals=OUT_OF_MEMORY if status == "memory" else entry.reveals,
        seconds=_number(record.get("seconds")),
        cpu_seconds=_number(record.get("cpu_seconds")),
        data=dict(record.get("data") or {}),
    )


def _detail(record: Mapping[str, Any]) -> str:
    """Where the largest error was, or what was raised and at which line of the check."""
    words = str(record.get("detail") or "")
    if record.get("status") == "memory":
        return f"ran out of memory ({words})"
    return f"{words} ({record['where']})" if record.get("where") else words


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def ended(entry: Entry, *, number: int | None, is_timeout: bool, words: str, seconds: float) -> Check:
    """The verdict on a check in which the child ended or hung."""
    if is_timeout:
        detail = f"did not end within {seconds:.0f} s and was stopped"
    elif number is not None:
        name = signal_name(number)
        detail = f"ended with {name}: {SIGNALS.get(name, 'unexpected')}"
    else:
        detail = "the process ended without a word"
    last = words.strip().splitlines()[-1][:300] if words.strip() else ""
    return Check(
        name=entry.name,
        group=entry.group,
        title=entry.title,
        verdict="timeout" if is_timeout else "crashed",
        detail=f"{detail} ({last})" if last else detail,
        reveals=entry.reveals,
        seconds=seconds,
    )


def signal_name(number: int) -> str:
    """``SIGSEGV`` of 11; ``signal 77`` where it has no name here."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
