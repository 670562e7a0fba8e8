"""System services of NVIDIA's driver, asked of systemd in a child; only where NVIDIA hardware or its driver is."""

from collections.abc import Callable, Mapping

from ptsetup import run
from ptsetup.facts import Service
from ptsetup.probes import deadlines
from ptsetup.probes._tree import Tree

NAMES = (
    "nvidia-fabricmanager",
    "nvidia-persistenced",
    "nvidia-imex",
    "nvidia-cdi-refresh",
    "nvidia-gridd",
    "nvidia-suspend",
    "nvidia-resume",
)

PACKAGES = {"nvidia-persistenced": ("nvidia-persistenced", "nvidia-compute-utils-"), "nvidia-gridd": ("nvidia-grid",)}
"""Service -> prefixes of packages that bring it, where they are not called as the service is."""


def start(
    tree: Tree, packages: Callable[[], Mapping[str, str] | None], *, deadline_scale: float = 1.0
) -> Callable[[], tuple[Service, ...] | None]:
    """Ask ``systemctl is-active`` for all of them at once; the result is what waits for the answer."""
    if not tree.is_dir("/run/systemd/system"):
        tree.note("host.services", "absent", "systemd does not run here (/run/systemd/system is missing).")
        return lambda: None
    if not tree.is_real:
        return lambda: tuple(Service(name=name) for name in NAMES)
    child = run.Child(["systemctl", "is-active", "--", *NAMES], deadline_s=deadlines.VERSION_S * deadline_scale)

    def finish() -> tuple[Service, ...] | None:
        done = child.finish()
        states = parse_states(done.stdout)
        if states is None:
            reason = "timeout" if done.ending == "timeout" else "failed"
            tree.note("host.services", reason, f"systemctl is-active: {(done.stderr.strip() or done.ending)[:200]}")
            return None
        known = packages() or {}
        return tuple(
            Service(name=name, is_active=state, version=version_of(name, known))
            for name, state in zip(NAMES, states, strict=True)
        )

    return finish


def parse_states(text: str) -> list[bool] | None:
    """One word a line, in the order asked; None when lines are missing."""
    words = text.split()
    return [word == "active" for word in words] if len(words) == len(NAMES) else None


def version_of(service: str, packages: Mapping[str, str]) -> str | None:
    """Version of the package that brings a service: ``nvidia-fabricmanager``, ``nvidia-fabricmanager-580``."""
    for prefix in PACKAGES.get(service, (service,)):
        for name in sorted(packages, reverse=True):
            if name == prefix or name.startswith(prefix if prefix.endswith("-") else f"{prefix}-"):
                return packages[name]
    return None
