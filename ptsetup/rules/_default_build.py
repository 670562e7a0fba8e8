"""What the plain name ``torch`` gives on this platform, by the index: CUDA on Linux; on Windows, and long on ARM, the CPU."""

from ptsetup import compat
from ptsetup.rules._case import Case, Hit

PLAIN = (
    r"\b(?:pip3?|uv(?: pip)?|poetry|pdm|pipenv) (?:install|add)(?![^`'\"\n;]*(?:download\.pytorch\.org|--index|--extra-index|--find-links"
    r"|-f |-i |\+cu\d|\+rocm|\.whl))(?: -{1,2}[\w-]+)*(?: [\w.\[\],=<>~-]+){0,6}? [\"']?torch(?![\w.+-])"
)
"""The plain name from the default package index."""


def gives_cpu(case: Case) -> Hit | None:
    """Of a report: the plain name was installed where it means a build for the CPU, whatever the release."""
    if case.snapshot.origin != "report" or (case.family not in (None, "cpu")):
        return None
    if case.system == "windows":
        return case.said(PLAIN)  # it never was anything else there
    platform = compat.platform_of(case.snapshot)
    is_dated = case.torch_base is not None or case.snapshot.taken_at is not None
    version = case.torch_base or case.newest_torch_then
    rows = [b for b in case.index.builds if b.origin == "default" and b.platform == platform]
    rows = [b for b in rows if b.torch == version] if is_dated else rows
    # of a report that bears no date: it was so for most of the releases
    return case.said(PLAIN) if sum(b.backend == "cpu" for b in rows) * 2 > len(rows) else None


def gives_cuda(case: Case) -> Hit | None:
    """Of a report: the plain name was installed on Linux, where it is a build for CUDA, whatever GPU is there."""
    if case.snapshot.origin != "report" or case.family is not None or case.system != "linux":
        return None
    platform = compat.platform_of(case.snapshot) or "linux_x86_64"
    rows = [b for b in case.index.builds if b.origin == "default" and b.platform == platform]
    return case.said(PLAIN) if sum(b.backend.startswith("cu") for b in rows) * 2 > len(rows) else None
