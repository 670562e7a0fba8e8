"""Put one family of rules to made-up machines: what it finds, and what it leaves alone."""

import functools
from typing import Any, NamedTuple

from ptsetup import index
from ptsetup.facts import Host, Memory, Message, Snapshot, Target, replace
from ptsetup.rules import _engine
from ptsetup.rules._rule import Finding, Rule
from tests import builders


class Fires(NamedTuple):
    """A machine on which a rule speaks."""

    code: str
    why: str
    snapshot: Snapshot
    says: str
    """A part of the message."""
    cure: str
    """A part of one of the fixes: text, argument vector, shell line or what the planner is asked for; "" for none."""
    severity: str = "error"
    expect: str | None = None
    title: str = ""
    """A part of the title, where it is not the rule's own."""


class Silent(NamedTuple):
    """A near miss: a machine on which that rule keeps quiet."""

    code: str
    why: str
    snapshot: Snapshot
    expect: str | None = None


@functools.cache
def wheel_index() -> index.WheelIndex:
    return index.load()


def findings(rules: tuple[Rule, ...], code: str, snapshot: Snapshot, expect: str | None = None) -> tuple[Finding, ...]:
    """What the rule of that code finds; a rule that raises fails the test."""
    chosen = [rule for rule in rules if rule.code == code]
    assert len(chosen) == 1, f"{code} is not in the family, or twice"
    verdict = _engine.put(chosen, snapshot, wheel_index(), expect=expect).verdicts[0]
    assert verdict.outcome != "crashed", verdict.reason
    return verdict.findings


def loud(rules: tuple[Rule, ...], snapshot: Snapshot) -> list[str]:
    """Codes with a finding of severity error or warning."""
    diagnosis = _engine.put(rules, snapshot, wheel_index())
    crashed = [f"{v.code} crashed: {v.reason}" for v in diagnosis.verdicts if v.outcome == "crashed"]
    return [finding.code for finding in diagnosis.findings if finding.severity != "note"] + crashed


def cures(finding: Finding) -> str:
    """All fixes of a finding as one text."""
    parts = []
    for fix in finding.fixes:
        parts += [fix.text, fix.shell or "", " ".join(fix.needs_plan or ()), f"backend={fix.needs_backend}"]
        parts += [" ".join(command) for command in fix.commands]
    return "\n".join(parts)


FORBIDDEN = ("--break-system-packages", "--trusted-host", "KMP_DUPLICATE_LIB_OK=", "chmod 777", "verify=False")
"""What is never to be advised (catalogue section 11)."""


def check(rules: tuple[Rule, ...], row: Fires) -> None:
    """The rule speaks, with evidence, with the values in its message, and with the cure."""
    found = findings(rules, row.code, row.snapshot, row.expect)
    assert found, f"{row.code} keeps quiet: {row.why}"
    rule = next(rule for rule in rules if rule.code == row.code)
    first = found[0]
    assert all(finding.evidence for finding in found)
    assert all(item.value not in ("", "None") and item.path for item in first.evidence), first.evidence
    assert row.says.lower() in first.message.lower(), first.message
    assert first.message.endswith("."), first.message
    assert row.title.lower() in (first.title or "").lower(), first.title
    assert "None" not in first.message
    assert row.cure.lower() in cures(first).lower(), cures(first)
    assert not any(word in cures(first) for word in FORBIDDEN)
    assert (first.severity or rule.severity) == row.severity


def report(*lines: str, **sections: Any) -> Snapshot:
    """A report in which these lines stand."""
    messages = tuple(Message(text=line, line=number) for number, line in enumerate(lines, 1))
    return Snapshot(origin="report", messages=messages, **sections)


def said(snapshot: Snapshot, *lines: str) -> Snapshot:
    """The machine, with these lines seen on it."""
    return replace(snapshot, messages=tuple(Message(text=line, line=n) for n, line in enumerate(lines, 1)))


def with_target(snapshot: Snapshot | None = None, **changes: Any) -> Snapshot:
    """The healthy machine with another target."""
    machine = snapshot or builders.machine()
    return replace(machine, target=replace(machine.target, **changes))


def with_host(snapshot: Snapshot | None = None, **changes: Any) -> Snapshot:
    """The healthy machine with another host."""
    machine = snapshot or builders.machine()
    return replace(machine, host=replace(machine.host, **changes))


def with_dists(*dists: Any, snapshot: Snapshot | None = None, **changes: Any) -> Snapshot:
    """The healthy machine with those distributions in place of others of the same names."""
    machine = snapshot or builders.machine()
    names = {dist.name for dist in dists}
    kept = tuple(d for d in machine.target.distributions if d.name not in names)
    return with_target(machine, distributions=(*kept, *dists), **changes)


def bare(snapshot: Snapshot | None = None, **changes: Any) -> Snapshot:
    """A machine on which torch is not installed."""
    machine = replace(snapshot or builders.machine(), torch=None)
    facts = {"distributions": (), "wheel": None, "torch_folders": (), "torch_origin": None, **changes}
    return with_target(machine, **facts)


def failed(snapshot: Snapshot, message: str) -> Snapshot:
    """Importing torch in a child ended with that message."""
    result = replace(snapshot.torch.result, is_ok=False, error_type="ImportError", message=message)
    torch = replace(snapshot.torch, result=result, is_cuda_available=None, cuda_device_count=None, arch_list=None)
    return replace(snapshot, torch=torch)


def windows(snapshot: Snapshot | None = None, **host: Any) -> Snapshot:
    """A Windows machine with the same GPU."""
    machine = snapshot or builders.machine()
    facts = {
        "system": "windows", "version": "10.0.22631", "distribution": None, "distribution_like": (), "libc": None,
        "machine": "AMD64", "kernel": None, "wsl": 0, "shm": None, "kernel_modules": None, "is_longpaths_enabled": True,
        "dlls": {"vcruntime140": "14.44.35211.0", "vcruntime140_1": "14.44.35211.0", "msvcp140": "14.44.35211.0"},
        **host,
    }  # fmt: skip
    prefix = "C:\\Users\\user\\.venv"
    target = replace(
        machine.target, machine="AMD64", platform_tag="win-amd64", prefix=prefix, executable=f"{prefix}\\Scripts\\python.exe",
        base_prefix="C:\\Python312", purelib=f"{prefix}\\Lib\\site-packages", platlib=f"{prefix}\\Lib\\site-packages",
    )  # fmt: skip
    return replace(machine, host=replace(machine.host, **facts), target=target)


def mac(
    *,
    machine: str = "arm64",
    hardware: str = "arm64",
    version: str = "15.3",
    torch: str | None = "2.14.1",
    **target: Any,
) -> Snapshot:
    """A Mac."""
    host = Host(
        system="macos", version=version, machine=machine, hardware_machine=hardware, is_rosetta=machine != hardware, pci=(),
        memory=Memory(total_bytes=16 * builders.GIB, available_bytes=8 * builders.GIB), container="none", wsl=0,
    )  # fmt: skip
    base = builders.cpu_machine()
    facts = {"machine": machine, "platform_tag": f"macosx-11.0-{machine}", **target}
    snapshot = replace(base, host=host, nvidia=None, target=replace(base.target, **facts))
    if torch is None:
        return bare(snapshot)
    wheel = replace(base.target.wheel, version=torch)
    dists = (builders.distribution("torch", torch), builders.distribution("numpy", "1.26.4"))
    return replace(
        snapshot,
        target=replace(snapshot.target, wheel=wheel, distributions=dists),
        torch=replace(base.torch, version=torch, result=replace(base.torch.result, version=torch)),
    )


def python(version: str, snapshot: Snapshot | None = None, **changes: Any) -> Snapshot:
    """The machine with another Python."""
    tag = "cp" + "".join(version.split(".")[:2])
    return with_target(snapshot or builders.machine(), version=version, python_tag=tag, **changes)


def only_target(**facts: Any) -> dict[str, Target]:
    """The target of a report that shows little."""
    return {"target": Target(**facts)}
