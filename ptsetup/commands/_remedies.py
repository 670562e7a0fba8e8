"""Fills in what a fix leaves open: the interpreter's path, and, where the cure is another build, the planner's command."""

from typing import TYPE_CHECKING

from ptsetup import compat
from ptsetup.errors import PtsetupError
from ptsetup.facts import PciDevice, Snapshot, replace
from ptsetup.index import WheelIndex
from ptsetup.render.shell import quoted
from ptsetup.rules import Case, Diagnosis, Fix, Ranked

if TYPE_CHECKING:
    from ptsetup.plan import Plan


def fill(diagnosis: Diagnosis, snapshot: Snapshot, index: WheelIndex, *, with_notes: bool = True) -> Diagnosis:
    """The Diagnosis with every fix ready to be copied; a plan is made once for each thing that is asked for.

    ``with_notes`` false: the fixes of notes stay as the rules wrote them.
    """
    made: dict[tuple[tuple[str, ...], str], Plan | str] = {}
    findings = tuple(
        _fill_finding(finding, snapshot, index, made) if with_notes or finding.severity != "note" else finding
        for finding in diagnosis.findings
    )
    root = findings[diagnosis.findings.index(diagnosis.root)] if diagnosis.root else None
    return replace(diagnosis, findings=findings, root=root)


def _fill_finding(
    finding: Ranked, snapshot: Snapshot, index: WheelIndex, made: "dict[tuple[tuple[str, ...], str], Plan | str]"
) -> Ranked:
    system = snapshot.host.system if snapshot.host else None
    fitting = [fix for fix in finding.fixes if not (system and fix.systems and system not in fix.systems)]
    fixes = [_with_plan(fix, snapshot, index, made) if fix.needs_plan else fix for fix in fitting]
    if any(_is_way_out(fix) for fix in fixes):  # what the planner refuses is no way out
        fixes = [fix for fix in fixes if _is_way_out(fix) or not fix.needs_plan]
    named = [_for_system(fix, system) for fix in fixes]
    return replace(
        finding,
        fixes=tuple(_with_python(_numbered(fix, first=not i), python_of(snapshot)) for i, fix in enumerate(named)),
    )


def _is_way_out(fix: Fix) -> bool:
    """The planner has found a build for it."""
    return bool(fix.needs_plan and (fix.commands or fix.shell))


def _for_system(fix: Fix, system: str | None) -> Fix:
    """Where the system is not known, a way out that is not for all of them says for which it is."""
    names = [SYSTEMS[name] for name in fix.systems]
    if system or not names or len(names) == len(SYSTEMS):
        return fix
    return replace(fix, text=f"{fix.text.rstrip('.')} ({' and '.join(names)}).")


SYSTEMS = {"linux": "Linux", "macos": "macOS", "windows": "Windows"}


def _numbered(fix: Fix, *, first: bool) -> Fix:
    """The first way out does not begin with "Or"."""
    word, _, rest = fix.text.partition(" ")
    return replace(fix, text=rest[:1].upper() + rest[1:]) if first and word in ("Or", "Then") and rest else fix


def python_of(snapshot: Snapshot) -> str:
    """The target interpreter as a person in the same folder would type it; of a report just ``python``."""
    target = snapshot.target
    executable = target.executable if target else None
    if snapshot.origin == "report" or not executable:
        return "python"
    cwd = (target.cwd or "").rstrip("/\\") if target else ""
    is_inside = bool(cwd) and executable.startswith((cwd + "/", cwd + "\\"))
    return executable[len(cwd) + 1 :] if is_inside else executable


def _with_python(fix: Fix, python: str) -> Fix:
    commands = tuple(tuple(word.replace("{python}", python) for word in command) for command in fix.commands)
    shell = fix.shell.replace("{python}", quoted([python])) if fix.shell else None
    return replace(fix, commands=commands, shell=shell)


def _with_plan(
    fix: Fix, snapshot: Snapshot, index: WheelIndex, made: "dict[tuple[tuple[str, ...], str], Plan | str]"
) -> Fix:
    """The build that the planner chooses for this machine, in place of a template."""
    packages = packages_of(fix, snapshot)
    backend = fix.needs_backend or "auto"
    answer = _planned(packages, backend, snapshot, index, made)
    is_blind = _is_without_gpu(answer, backend, snapshot)
    if is_blind and snapshot.origin == "probe":  # the build's own tag names the accelerator that is not seen from here
        backend = _tag(snapshot, index) or backend
        answer = _planned(packages, backend, snapshot, index, made)
        fix = replace(fix, needs_backend=backend)
    if snapshot.origin == "report" and (_is_unknown(snapshot, index) or is_blind):
        line = install_line(packages, backend, snapshot, is_there=True)
        return replace(fix, text=f"{fix.text} On that machine:", shell=line, kind="print")
    if isinstance(answer, str):
        return replace(fix, text=f"{fix.text} {answer}", kind="print")
    if answer.outcome != "install":
        ways = "; ".join(option.text for option in answer.options[:3])
        return replace(
            fix, text=f"{fix.text} {answer.headline}{' Ways out: ' + ways + '.' if ways else ''}", kind="print"
        )
    size = f" ({answer.download_bytes / 1e9:.1f} GB)" if answer.download_bytes else ""
    return replace(
        fix,
        text=f"{fix.text} The planner takes {answer.headline.rstrip('.')}{size}.",
        commands=answer.commands,
        shell=install_line(packages, backend, snapshot),
    )


def _planned(
    packages: tuple[str, ...],
    backend: str,
    snapshot: Snapshot,
    index: WheelIndex,
    made: "dict[tuple[tuple[str, ...], str], Plan | str]",
) -> "Plan | str":
    if (packages, backend) not in made:
        made[packages, backend] = _plan(packages, backend, snapshot, index)
    return made[packages, backend]


def _tag(snapshot: Snapshot, index: WheelIndex) -> str | None:
    """Backend to ask for where the planner sees no GPU: by what the driver says of its CUDA, else that of the installed build."""
    host, nvidia = snapshot.host, snapshot.nvidia
    own = Case(snapshot=snapshot, index=index).backend
    if host and nvidia and compat.cuda_driver_version(snapshot, index) and (own or "").startswith("cu"):
        card = PciDevice(bdf="", vendor="10de", device="", class_code="03")
        with_card = replace(snapshot, host=replace(host, pci=(card,)), nvidia=replace(nvidia, gpus=None))
        answer = _plan(("torch",), "auto", with_card, index)
        return None if isinstance(answer, str) else answer.backend
    return own


def _is_unknown(snapshot: Snapshot, index: WheelIndex) -> bool:
    """The report does not show its machine's system, its processor or the driver of its GPU, so no wheel can be chosen from here."""
    host, target, nvidia = snapshot.host, snapshot.target, snapshot.nvidia
    machine = (host.machine if host else None) or (target.machine if target else None)
    is_driver_told = compat.driver_version(snapshot) or compat.cuda_driver_version(snapshot, index)
    return not (host and host.system and machine) or bool(nvidia and nvidia.gpus and not is_driver_told)


def _is_without_gpu(answer: "Plan | str", backend: str, snapshot: Snapshot) -> bool:
    """The planner takes a CPU build because no GPU is to be seen, yet what is installed is a build for one."""
    torch, target = snapshot.torch, snapshot.target
    wheel = target.wheel if target else None
    is_for_gpu = bool(
        (wheel and (wheel.cuda or wheel.hip or wheel.xpu))
        or (torch and (torch.cuda_build_version or torch.hip_build_version or torch.is_cuda_available))
    )
    is_cpu = not isinstance(answer, str) and answer.backend == "cpu" and not answer.devices
    return backend == "auto" and is_for_gpu and is_cpu


def _plan(packages: tuple[str, ...], backend: str, snapshot: Snapshot, index: WheelIndex) -> "Plan | str":
    from ptsetup.plan import Request, plan

    is_report = snapshot.origin == "report"
    request = Request(packages=packages, backend=backend, installer="pip" if is_report else "uv")
    try:
        return plan(snapshot, request, index)
    except PtsetupError as problem:
        return problem.message


def packages_of(fix: Fix, snapshot: Snapshot) -> tuple[str, ...]:
    """What to ask the planner for: with torch, the companions that are installed beside it have to change too."""
    from ptsetup.plan import COMPANIONS

    asked = fix.needs_plan or ("torch",)
    distributions = (snapshot.target.distributions if snapshot.target else None) or ()
    installed = {distribution.name for distribution in distributions}
    named = " ".join(asked)
    return (*asked, *(name for name in COMPANIONS[:2] if name in installed and name not in named))


def install_line(packages: tuple[str, ...], backend: str, snapshot: Snapshot, *, is_there: bool = False) -> str | None:
    """The one line that lets ptsetup carry the plan out; None for a report, whose machine may have no ptsetup.

    ``is_there``: it is meant for the machine of the report all the same, where alone the build can be chosen.
    """
    if snapshot.origin == "report" and not is_there:
        return None
    words = ["ptsetup", "install"]
    target = snapshot.target
    if target and target.chosen_by == "--python" and target.executable:
        words += ["--python", python_of(snapshot)]
    if backend != "auto":
        words += ["--backend", backend]
    return quoted([*words, *(packages if packages != ("torch",) else ())])
