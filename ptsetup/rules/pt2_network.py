"""PT218 to PT220: where installers look."""

import re
from collections.abc import Iterator

from ptsetup.rules._case import Case
from ptsetup.rules._installers import NO_MATCH, NOT_FOUND, asked_for, lacks_torch, served_by_text, tag_of_index
from ptsetup.rules._rule import Evidence, Finding, Fix, Severity, rule
from ptsetup.rules._ways import another_build, fact, fitting, pip, unset

PYTORCH_INDEX = r"https?://download\.pytorch\.org/whl/\S*"


@rule(
    "PT218",
    "pip-index-surprise",
    "warning",
    "The installer looks somewhere else than expected",
    needs=("target.pip|env|messages",),
    layer=57,
    says=(NOT_FOUND, NO_MATCH),
)
def index_surprise(case: Case) -> Iterator[Finding]:
    """What is wrong
        A setting (pip.conf, uv.toml, PIP_INDEX_URL ...) replaces or adds the place where installers look. A mirror may
        hold the default wheels only, or none of the newer ones.

    Why it matters
        The command from the web site gives a CPU build, an old one, or finds nothing.

    See it yourself
        python -m pip config list
        env | grep -E "^(PIP|UV)_"

    Fix
        Name the index in the command; ptsetup does that. Or take the setting away.

    Sources
        chenfei-wu/TaskMatrix#171, ScrollPrize/villa#1584, talmolab/sleap-nn#340
    """
    page = _page_without_it(case)
    if page:
        yield page
        return
    settings = _settings(case)
    hit = case.heard(index_surprise)
    looked = case.said(r"looking in indexes: (?P<urls>.+)")
    if looked and hit and not settings and not re.search(r"download\.pytorch\.org", looked.match["urls"]):
        settings = [Evidence(path="messages", value=looked.match["urls"][:200], source="pip")]
    if not settings or (hit and served_by_text(case) and _is_python_unserved(case)):
        return
    is_cpu_by_mistake = case.family == "cpu" and case.has_nvidia_device is True and case.wanted[0] == "cuda"
    severity: Severity = "warning" if hit or lacks_torch(case) or is_cpu_by_mistake else "note"
    if severity == "note" and case.snapshot.origin == "report":
        return
    yield Finding(
        message=f"Installers look elsewhere than by default: {settings[0].value}.",
        subject="index",
        evidence=(*settings, *([hit.evidence] if hit else [])),
        fixes=(
            another_build(
                "Install with ptsetup: it takes torch from the index of the plan only, whatever the settings add."
            ),
            Fix(text="Or take the setting away where it stands (see the evidence).", kind="none"),
        ),
        severity=severity,
        certainty="likely",
    )


def _page_without_it(case: Case) -> Finding | None:
    """One page of the PyTorch index was the only place, and it does not hold the release, or does not exist."""
    asked, tag = asked_for(case), tag_of_index(case)
    if asked is None or tag is None or asked.name != "torch":
        return None
    wanted = (asked.version or "").partition("+")[0]
    has_page = any(build.backend == tag for build in case.index.builds)
    tags = sorted({build.backend for build in case.index.builds if build.torch == wanted})
    if tag in tags or (has_page and not tags):
        return None
    if not has_page and not tag.startswith("cu"):
        return None
    where = f"; it is on {', '.join(tags)}" if tags else ""
    return Finding(
        message=f"The page {tag} of the PyTorch index does not hold torch {wanted}{where}."
        if has_page
        else f"No page {tag} of the PyTorch index is known{f': torch {wanted} is on ' + ', '.join(tags) if tags else ''}.",
        subject="index",
        evidence=(
            asked.hit.evidence,
            Evidence(
                path="index.builds", value=f"torch {wanted}: {', '.join(tags) or tag}", source="wheels_index.json"
            ),
        ),
        fixes=(another_build("Take it from a page that holds it.", *([f"torch=={wanted}"] if wanted else [])),),
        severity="error",
        certainty="likely",
    )


def _is_python_unserved(case: Case) -> bool:
    told = served_by_text(case)
    return told is not None and len(case.python) > 1 and case.python[1] not in told.minors


def _settings(case: Case) -> list[Evidence]:
    """Every setting of pip and uv that bends where they look. Those of a command line are the user's own word."""
    config = case.snapshot.target.pip if case.snapshot.target else None
    found = []
    if config:
        named = {
            "index-url": config.index_url,
            "extra-index-url": ", ".join(config.extra_index_urls) or None,
            "find-links": ", ".join(config.find_links) or None,
            "no-index": "on" if config.no_index else None,
        }
        for name, value in named.items():
            source = next((s for k, s in config.sources.items() if name in k.replace("_", "-")), None)
            if value and source != "command line":
                found.append(fact(case, f"target.pip.{name.replace('-', '_')}", f"{name} = {value}", source))
    for name in (
        "PIP_INDEX_URL",
        "PIP_EXTRA_INDEX_URL",
        "PIP_NO_INDEX",
        "PIP_FIND_LINKS",
        "UV_INDEX_URL",
        "UV_INDEX",
        "UV_DEFAULT_INDEX",
        "UV_EXTRA_INDEX_URL",
        "UV_NO_INDEX",
    ):
        value = case.env(name)
        if value and not any(value in evidence.value for evidence in found):
            found.append(fact(case, f"env.{name}", f"{name}={value}", "the environment"))
    return found


NEEDED_ELSEWHERE = (
    r"no matching distribution found for (?P<name>(?!torch)[\w.-]+)",
    r"could not find a version that satisfies the requirement (?P<name>(?!torch)[\w.-]+).{0,60}from versions: none",
    r"because (?P<name>(?!torch)[\w.-]+) was not found in the package registry",
)


@rule(
    "PT219",
    "index-lacks-dependencies",
    "error",
    "The PyTorch index alone lacks a package that torch needs",
    needs=("messages",),
    hides=("PT218",),
    layer=56,
    says=NEEDED_ELSEWHERE,
)
def index_alone(case: Case) -> Iterator[Finding]:
    """What is wrong
        The installation looked on the PyTorch index only (--index-url), and that index does not hold everything that
        torch requires.

    Why it matters
        The whole installation ends because of one small package.

    See it yourself
        python -m pip download --no-deps torch --index-url https://download.pytorch.org/whl/cu130

    Fix
        Let ptsetup install: it takes torch from the PyTorch index and the rest from the default one. By hand: install
        the missing package first.

    Sources
        pytorch/pytorch#172926
    """
    hit = case.heard(index_alone)
    config = case.snapshot.target.pip if case.snapshot.target else None
    looked = case.said(rf"looking in indexes: {PYTORCH_INDEX}\s*$", rf"(?:--index-url|-i)[ =]{PYTORCH_INDEX}")
    is_alone = looked is not None or bool(
        config and re.match(PYTORCH_INDEX, config.index_url or "") and not config.extra_index_urls
    )
    if hit is None or not is_alone:
        return
    name = hit.match["name"]
    yield Finding(
        message=f"{name} is not on the PyTorch index, and no other place was allowed.",
        subject=name,
        evidence=(hit.evidence, *([looked.evidence] if looked else [])),
        fixes=(
            another_build("Take torch from the PyTorch index and what it needs from the default one."),
            Fix(text="Or install the missing package first.", commands=(pip(case, "install", name),), kind="venv"),
        ),
        certainty="likely",
    )


TLS = (
    r"CERTIFICATE_VERIFY_FAILED",
    r"unable to get local issuer certificate",
    r"self[- ]signed certificate",
    r"invalid peer certificate",
    r"certificate (?:has expired|is not yet valid)",
    r"ProxyError|cannot connect to proxy|tunnel connection failed",
    r"SSLError\(.*?(?:pip|simple|whl|torch)",
)


@rule(
    "PT220",
    "pip-tls-or-proxy",
    "error",
    "The connection to the index is refused: certificate or proxy",
    needs=("host.network.ca_files_missing|messages",),
    hides=("PT101", "PT218", "PT219"),
    layer=46,
    says=TLS,
)
def tls_or_proxy(case: Case) -> Iterator[Finding]:
    """What is wrong
        The certificate of the server cannot be verified: a company proxy signs connections anew, a variable names a
        certificate file that is not there, or the clock is wrong. Or the proxy itself does not answer.

    Why it matters
        Nothing can be downloaded, and pip tries again and again.

    See it yourself
        env | grep -i -E "proxy|CERT|CA_BUNDLE"
        date

    Fix
        Give pip the company's certificate, or let it use the system's store. Never switch the verification off.

    Sources
        pytorch/pytorch#71545, #33292, Samsung/ONE#10256
    """
    hit = case.heard(tls_or_proxy)
    network = case.snapshot.host.network if case.snapshot.host else None
    missing = network.ca_files_missing or () if network else ()
    if (
        hit
        and case.said(r"huggingface|torch\.hub|hf_hub|\bdownload_url_to_file\b")
        and not case.said(r"\bpip\b|/simple/")
    ):
        return
    if not hit and not missing:
        return
    evidence = [hit.evidence] if hit else []
    evidence += [fact(case, "host.network.ca_files_missing", entry, "the environment") for entry in missing]
    message = (
        f"{missing[0].partition('=')[0]} names a certificate file that does not exist: {missing[0].partition('=')[2]}."
        if missing
        else "The index could not be reached: its certificate or the proxy was refused."
    )
    name = missing[0].partition("=")[0] if missing else None
    yield Finding(
        message=message,
        subject="network",
        evidence=tuple(evidence),
        fixes=(*(unset(case, name) if name else ()), *_verified(case), *_right_time(case)),
        severity="error" if hit else "warning",
        certainty="certain" if missing else "likely",
    )


def _verified(case: Case) -> tuple[Fix, ...]:
    """Ways to a verified connection."""
    text = "Let the installer verify with the certificates of the system, where the company's is known."
    return fitting(
        case,
        Fix(
            text=text,
            shell="UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true ptsetup install",
            systems=("linux", "macos"),
        ),
        Fix(
            text=text,
            shell='$env:UV_SYSTEM_CERTS = "true"; $env:UV_NATIVE_TLS = "true"; ptsetup install',
            systems=("windows",),
        ),
        Fix(text="Or give pip the certificate of the company: pip config set global.cert FILE.", kind="none"),
    )


def _right_time(case: Case) -> tuple[Fix, ...]:
    """Set the clock, where a date is what makes the certificate invalid."""
    if case.said(r"certificate (?:has expired|is not yet valid)|not yet valid") is None:
        return ()
    set_it = Fix(
        text="Set the clock, if it is wrong.",
        commands=(("sudo", "timedatectl", "set-ntp", "true"),),
        systems=("linux",),
    )
    return fitting(case, set_it)


RULES = (index_surprise, index_alone, tls_or_proxy)
