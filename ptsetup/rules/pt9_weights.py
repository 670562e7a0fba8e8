"""PT970 to PT974: weights, their caches, and the network that they come from."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules import _nvidia
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact, unset


@rule(
    "PT970",
    "weights-only-refused",
    "note",
    "torch.load refuses a file that holds more than weights",
    needs=("messages",),
    layer=85,
    says=(r"weights only load failed", r"Unsupported (?:global|class).{0,60}weights_only"),
)
def weights_only(case: Case) -> Iterator[Finding]:
    """What is wrong
        Since 2.6 torch.load takes weights only, unless told otherwise. The file holds other Python objects, which could
        run code when loaded.

    Why it matters
        "_pickle.UnpicklingError: Weights only load failed".

    See it yourself
        python -c "import torch; print(torch.serialization.get_unsafe_globals_in_checkpoint('FILE'))"

    Fix
        Allow the classes that it names: torch.serialization.add_safe_globals([...]). weights_only=False only for files
        whose maker you trust.

    Sources
        torch/serialization.py; reproduced
    """
    hit = case.heard(weights_only)
    if hit is None or compat.at_least(case.torch_base, "2.4") is False:
        return
    name = case.said(r"(?:Unsupported global|GLOBAL):? (?:GLOBAL )?(?P<name>[\w.]+) was not an allowed global")
    named = name.match["name"] if name else "the classes that the message names"
    yield Finding(
        message="torch.load refused a file that holds more than weights" + (f" ({named})." if name else "."),
        subject="torch.load",
        evidence=(hit.evidence, *([name.evidence] if name else [])),
        fixes=(
            Fix(text=f"Allow {named} with torch.serialization.add_safe_globals([...]).", kind="none"),
            Fix(text="Or weights_only=False, only for a file whose maker you trust.", kind="none"),
        ),
        certainty="likely",
    )


HUB = r"huggingface\.co|hf\.co\b|download\.pytorch\.org/models|hf-mirror|torch\.hub|github\.com/\S+/zipball"
FAILED = (
    r"MaxRetryError|Max retries exceeded|URLError|ConnectionError|ConnectTimeout|ReadTimeout|LocalEntryNotFoundError",
    r"CERTIFICATE_VERIFY_FAILED|couldn'?t connect to ['\"]?https?://",
)


@rule(
    "PT971",
    "hub-unreachable",
    "warning",
    "The server of the models cannot be reached",
    needs=("messages",),
    layer=85,
    says=FAILED,
)
def hub(case: Case) -> Iterator[Finding]:
    """What is wrong
        Weights are fetched from a server (Hugging Face, torch.hub), and it cannot be reached: no network, a proxy that is
        not set, or certificates of a proxy that Python does not know.

    Why it matters
        Loading a model fails or waits for minutes.

    See it yourself
        curl -sSI https://huggingface.co | head -1

    Fix
        Set HTTPS_PROXY; give Python the proxy's certificates with SSL_CERT_FILE; or fill the cache beforehand
        (HF_HOME, TORCH_HOME) and set HF_HUB_OFFLINE=1.

    Sources
        pytorch/pytorch#71545; reproduced
    """
    hit = case.heard(hub)
    if hit is None or not re.search(HUB, case.text, re.IGNORECASE):
        return
    is_certificate = case.said(r"CERTIFICATE_VERIFY_FAILED") is not None
    proxy = next((name for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY") if case.env(name)), None)
    yield Finding(
        message="Python does not trust the certificate of the server of the models."
        if is_certificate
        else "The server of the models could not be reached" + (f", with {proxy} set." if proxy else "."),
        subject="network",
        evidence=(hit.evidence, *([fact(case, f"env.{proxy}", case.env(proxy), "the environment")] if proxy else [])),
        fixes=(
            Fix(
                text="Give Python the certificates of the system.",
                shell=f"export SSL_CERT_FILE={_system_certificates(case)}",
                systems=("linux",),
            )
            if is_certificate
            else Fix(
                text="See whether the server answers at all.",
                shell="curl -sSI https://huggingface.co | head -1",
                systems=("linux", "macos"),
            ),
            Fix(
                text="Or fill the cache (HF_HOME, TORCH_HOME) on another machine and set HF_HUB_OFFLINE=1.", kind="none"
            ),
        ),
        severity="note" if case.snapshot.origin == "report" else "warning",
        certainty="likely",
    )


def _system_certificates(case: Case) -> str:
    """Where the distribution keeps its bundle (places that OpenSSL's verify paths name on each)."""
    is_fedora = _nvidia.distribution(case) == "dnf"
    return "/etc/pki/tls/certs/ca-bundle.crt" if is_fedora else "/etc/ssl/certs/ca-certificates.crt"


@rule(
    "PT972",
    "hf-offline-set",
    "note",
    "Hugging Face's library is told to stay offline",
    needs=("env|messages",),
    layer=85,
    says=(r"OfflineModeIsEnabled|offline mode is enabled",),
)
def offline(case: Case) -> Iterator[Finding]:
    """What is wrong
        HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) is set: nothing is fetched.

    Why it matters
        A model that is not in the cache cannot be loaded: "OfflineModeIsEnabled".

    See it yourself
        env | grep OFFLINE

    Fix
        Take the variable away, or fetch the model first.

    Sources
        huggingface_hub documentation, environment variables
    """
    hit = case.heard(offline)
    names = [
        n
        for n in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
        if (case.env(n) or "0").lower() not in ("0", "false", "no", "off", "")
    ]
    if not names and not hit:
        return
    name = names[0] if names else "HF_HUB_OFFLINE"
    yield Finding(
        message=f"{name}={case.env(name)}: models are taken from the cache only."
        if names
        else "Models are taken from the cache only (offline mode).",
        subject=name,
        evidence=(
            *(fact(case, f"env.{n}", case.env(n), "the environment") for n in names),
            *([hit.evidence] if hit else []),
        ),
        fixes=unset(case, name),
        certainty="certain" if names else "likely",
    )


@rule(
    "PT973",
    "model-cache-unwritable-or-full",
    "warning",
    "The caches of models cannot be used",
    needs=("target.hf_cache_problem|host.disks|messages",),
    layer=85,
    says=(
        r"(?:permission denied|read-only file system|no space left on device).{0,60}\.cache/(?:huggingface|torch)",
        r"(?:permission denied|read-only file system|no space left on device).{0,60}(?:/hub/|HF_HOME|TORCH_HOME)",
    ),
)
def model_cache(case: Case) -> Iterator[Finding]:
    """What is wrong
        The folder in which models are kept (TORCH_HOME, HF_HOME; ~/.cache by default) cannot be written, or its disk is
        full. On Windows without the right to make links, files are stored twice.

    Why it matters
        Loading a model fails, or fetches it anew each time.

    See it yourself
        df -h ~/.cache; ls -ld ~/.cache/huggingface ~/.cache/torch

    Fix
        Put the caches on a disk with room that you may write to.

    Sources
        huggingface_hub documentation, environment variables
    """
    hit = case.heard(model_cache)
    target = case.snapshot.target
    problem = target.hf_cache_problem if target else None
    if not problem and not hit:
        return
    yield Finding(
        message=f"Models cannot be cached: {problem.rstrip('.')}."
        if problem
        else "Models cannot be cached: the folder is full or may not be written.",
        subject="HF_HOME",
        evidence=(
            *([fact(case, "target.hf_cache_problem", problem, "write test")] if problem else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(
                text="Put the caches on a disk with room that you may write to (here: beside the program).",
                shell="export HF_HOME=$PWD/.cache/huggingface TORCH_HOME=$PWD/.cache/torch",
                systems=("linux", "macos"),
            ),
            Fix(
                text="Put the caches on a disk with room (here: beside the program; PowerShell).",
                shell=r'$env:HF_HOME = "$PWD\.cache\huggingface"; $env:TORCH_HOME = "$PWD\.cache\torch"',
                systems=("windows",),
            ),
        ),
        certainty="certain" if problem else "likely",
    )


@rule(
    "PT974",
    "clock-wrong",
    "warning",
    "The clock of this machine is wrong",
    needs=("host.network.clock_offset_s|target.wheel|messages",),
    layer=49,
    says=(r"certificate is not yet valid",),
)
def clock(case: Case) -> Iterator[Finding]:
    """What is wrong
        The system's time is more than five minutes off, or stands before the day on which the installed torch was
        released.

    Why it matters
        Certificates look invalid, downloads fail, and time-outs of distributed runs mislead.

    See it yourself
        date -u; timedatectl

    Fix
        Let the system set its clock from the network.

    Sources
        pytorch/pytorch#33292 (an error about the date of a certificate)
    """
    hit = case.heard(clock)
    network = case.snapshot.host.network if case.snapshot.host else None
    offset = network.clock_offset_s if network else None
    release = case.index.release(case.torch_base or "")
    day = (case.snapshot.taken_at or "")[:10]
    is_early = bool(
        case.snapshot.origin == "probe"
        and release
        and day
        and day < release.date
        and re.match(r"\d{4}-\d\d-\d\d$", day)
    )
    is_off = offset is not None and abs(offset) > 300
    if not (is_off or is_early or hit):
        return
    yield Finding(
        message=f"The clock is {abs(offset or 0) / 60:.0f} minutes {'ahead' if (offset or 0) > 0 else 'behind'}."
        if is_off
        else f"The clock says {day}, and torch {case.torch_base} was released on {release.date}."
        if is_early and release
        else "A certificate is not valid yet: the clock of this machine is behind.",
        subject="clock",
        evidence=(
            *([fact(case, "host.network.clock_offset_s", f"{offset:.0f} s", "HTTP Date")] if is_off else []),
            *([fact(case, "taken_at", day, "system clock")] if is_early else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(
                text="Set the clock from the network.",
                commands=(("sudo", "timedatectl", "set-ntp", "true"),),
                systems=("linux",),
            ),
            Fix(
                text="Set the clock from the network.",
                commands=(("sudo", "sntp", "-sS", "time.apple.com"),),
                systems=("macos",),
            ),
            Fix(text="Set the clock from the network.", commands=(("w32tm", "/resync"),), systems=("windows",)),
        ),
        certainty="certain" if is_off else "likely",
    )


RULES = (weights_only, hub, offline, model_cache, clock)
