"""The file systems below the folders that matter."""

from collections.abc import Mapping

from ptsetup.facts import Disk


def usual(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Role -> folder of those that do not depend on the target: home, temp, cache, uv_cache, inductor_cache."""
    return {}


def probe(paths: Mapping[str, str], *, root: str = "/", deadline_scale: float = 1.0) -> tuple[Disk, ...]:
    """Role -> folder; one Disk each, in that order. Never raises."""
    return tuple(Disk(role=role, path=path) for role, path in paths.items())
