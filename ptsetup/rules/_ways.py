"""Evidence and ways out that several rules write in the same words."""

import re
import shlex
from collections.abc import Iterable

from ptsetup.facts import Distribution
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Evidence, Fix

UV_WORDS = {
    "--force-reinstall": ("--reinstall",),
    "--no-cache-dir": ("--no-cache",),
    "--pre": ("--prerelease=allow",),
    "-y": (),
}
"""Options of pip that uv spells differently."""

FRESH = ".venv-pt"
FRESH_CONDA = ".conda-pt"
"""Folders of an environment that a fix makes: beside, not in place of, the one at hand."""


def fact(case: Case, path: str, value: object, source: str | None = None) -> Evidence:
    """One fact as evidence; of a report, its line is the source."""
    return Evidence(path=path, value=str(value), source=case.source(path, source))


def pip(case: Case, verb: str, *arguments: str) -> tuple[str, ...]:
    """A pip command for the target; by uv where the target has no pip."""
    target = case.snapshot.target
    if target is None or target.has_pip is not False:
        return ("{python}", "-m", "pip", verb, *arguments)
    if verb == "cache":
        return ("uv", "cache", "clean")
    words = [word for argument in arguments for word in UV_WORDS.get(argument, (argument,))]
    return ("uv", "pip", verb, "--python", "{python}", *words)


def another_build(text: str, *packages: str, backend: str = "auto") -> Fix:
    """The cure is another build: the planner chooses it for this machine."""
    return Fix(text=text, kind="venv", needs_plan=packages or ("torch",), needs_backend=backend)


def torch_again(case: Case, text: str) -> Fix:
    """The same release and variant of torch once more, with all that it requires; of a build that is no release: any."""
    if not case.torch_base or not re.fullmatch(r"[\d.]+", case.torch_base):
        return another_build(text.replace("the same torch", "torch"))
    return another_build(text, f"torch=={case.torch_base}", backend=case.backend or "auto")


def reinstall(case: Case, dist: Distribution, *, text: str | None = None, is_alone: bool = True) -> Fix:
    """Put the same version of a package there again, from where it came; ``is_alone`` leaves its requirements as they are."""
    if dist.name == "torch" and not dist.version:  # the bare name would give the newest of the default index
        return torch_again(case, text or "Install the same torch again, over what is there.")
    pin = f"{dist.name}=={dist.version}" if dist.version else dist.name
    words = ["--force-reinstall", "--no-cache-dir", *(["--no-deps"] if is_alone else []), pin]
    return Fix(
        text=text or f"Install {pin} again, over what is there.",
        commands=(pip(case, "install", *words, *origin_of(case, dist)),),
        kind="venv",
    )


def origin_of(case: Case, dist: Distribution) -> tuple[str, ...]:
    """The index option that a version with a backend tag needs: only the PyTorch index has those."""
    local = (dist.version or "").partition("+")[2]
    is_tag = re.fullmatch(r"cu\d+|cpu|xpu|rocm[\d.]+", local)
    return ("--index-url", f"{case.index.origin_url}/{local}") if is_tag else ()


def fresh_environment(case: Case, python: str, why: str, *, request: str | None = None) -> tuple[Fix, ...]:
    """Make a new environment with that Python and let the installer choose torch for it.

    ``request`` is what uv is asked for where the version alone would allow the wrong kind (``3.14+gil``).
    """
    target = case.snapshot.target
    text = f"{why}: make an environment with Python {python} and install torch into it."
    if target and target.is_conda:
        return fresh_conda(case, python, text)
    make = ("uv", "venv", "--python", request or python, FRESH)
    return _made_for(case, text, make, f"{FRESH}/bin/python", f"{FRESH}\\Scripts\\python.exe")


def fresh_conda(case: Case, python: str, text: str) -> tuple[Fix, ...]:
    """The same by conda, in a folder (``-p``): so it is known where its Python is."""
    make = ("conda", "create", "-y", "-p", f"./{FRESH_CONDA}", f"python={python}")
    return _made_for(case, text, make, f"{FRESH_CONDA}/bin/python", f"{FRESH_CONDA}\\python.exe")


def _made_for(case: Case, text: str, make: tuple[str, ...], python: str, on_windows: str) -> tuple[Fix, ...]:
    install = ("ptsetup", "install", "--python")
    if case.system is None:
        return (Fix(text=f"{text} (On Windows its Python is {on_windows}.)", commands=(make, (*install, python))),)
    return fitting(
        case,
        Fix(text=text, commands=(make, (*install, python)), systems=("linux", "macos")),
        Fix(text=text, commands=(make, (*install, on_windows)), systems=("windows",)),
    )


def python_to_take(tags: Iterable[str]) -> str:
    """Of the Pythons that a release serves (``cp312``) the one for which the most packages have wheels."""
    minors = sorted({int(tag[3:]) for tag in tags if tag[2:3] == "3" and tag[3:].isdigit()})
    for settled in (13, 12):  # the newest Python lacks wheels of many packages for a year
        if settled in minors:
            return f"3.{settled}"
    return f"3.{minors[-1]}" if minors else "3.13"


def unset(case: Case, name: str, *, text: str | None = None) -> tuple[Fix, ...]:
    """Take a variable away for this shell."""
    said = text or f"Take {name} away (and look for it in the shell profile or the job script that set it)."
    return without_variables(case, said, name)


def without_variables(case: Case, text: str, *names: str) -> tuple[Fix, ...]:
    """Take variables away for this shell; on Windows for PowerShell, with the Command Prompt's way in the text."""
    here, prompt = "; ".join(f"$env:{name} = $null" for name in names), " && ".join(f"set {name}=" for name in names)
    line = f"unset {' '.join(names)}"
    if all(name.startswith(("LD_", "DYLD_")) for name in names):  # Windows has no such variables
        return (Fix(text=text, shell=line, systems=("linux", "macos")),)
    return _in_shells(case, text, line, here, prompt)


def with_variables(case: Case, text: str, **values: str) -> tuple[Fix, ...]:
    """Set variables for this shell; on Windows for PowerShell, with the Command Prompt's way in the text."""
    prompt = " && ".join(f'set "{name}={value}"' for name, value in values.items())
    line = "export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in values.items())
    here = "; ".join(f'$env:{name} = "{value}"' for name, value in values.items())
    return _in_shells(case, text, line, here, prompt)


def _in_shells(case: Case, text: str, posix: str, powershell: str, prompt: str) -> tuple[Fix, ...]:
    """The line for the shell of this system; where the system is not known, both in one way out."""
    if case.system is None:
        return (Fix(text=f"{text} (On Windows, in PowerShell: {powershell})", shell=posix),)
    return fitting(
        case,
        Fix(text=text, shell=posix, systems=("linux", "macos")),
        Fix(text=f"{text} (PowerShell; in the Command Prompt: {prompt})", shell=powershell, systems=("windows",)),
    )


def fitting(case: Case, *fixes: Fix) -> tuple[Fix, ...]:
    """The fixes for this system; all of them where the system is not known."""
    return tuple(fix for fix in fixes if case.system is None or not fix.systems or case.system in fix.systems)
