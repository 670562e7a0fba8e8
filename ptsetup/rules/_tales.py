# ruff: noqa: E501, RUF001 - wide characters count twice

"""Faults that a person tells in a few words, with no line that a program printed: a card, a state, and what it is compared to.

Loaded for reports only that show no error by themselves. Every part of a tale must be there; each part alone is harmless.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ptsetup import compat
from ptsetup.rules import _branches, _nvidia, _tongues
from ptsetup.rules._case import Case, Hit, compiled
from ptsetup.rules._literals import literals_of
from ptsetup.rules._rule import Rule

MOST = 1600
"""Such a tale is shorter than so many characters (a paragraph counts twice: in its lines, and joined)."""


class Tale(NamedTuple):
    """One fault, as people tell it."""

    code: str
    parts: tuple[str, ...]
    """Regular expressions, all of which must fit; the first one is the evidence."""
    unless: str = r"(?!)"
    """What must not be told besides."""
    when: Callable[[Case], bool] = lambda _: True
    """What must be known besides."""


def _newest(case: Case) -> bool:
    """A card that only builds for CUDA 12.8 and newer serve, beside no such build."""
    cuda = compat.version_tuple(case.cuda_build or "0")[:2]
    if compat.version_tuple(case.torch_base or "0")[:2] >= (2, 7):
        return False  # such builds there are since that release
    return any((gpu.compute_capability or (0, 0)) >= (12, 0) for gpu in case.gpus) and cuda < (12, 8)


def _ancient(case: Case) -> bool:
    """Kepler or older: no build of torch 2 serves it."""
    return bool(case.gpus) and all(
        gpu.compute_capability < (5, 0) if gpu.compute_capability else compiled(_KEPLER).search(gpu.name or "")
        for gpu in case.gpus
    )


def _has_card(case: Case) -> bool:
    return bool(case.gpus) or compiled(_CARD).search(case.text) is not None


def _is_newer_branch(case: Case) -> bool:
    """The driver that is told of is newer than the last one for the card."""
    last = _nvidia.last_branch(case)
    told = [
        int(match[1])
        for match in re.finditer(
            r"(?<![\d.])([3-6]\d\d)(?:\.x+|xx|\.\d{2,3}(?:\.\d+)?)?(?![\d.])(?! ?(?:ti|mx|m|gb)\b)", case.text
        )
    ]
    cards = {int(number) for gpu in case.gpus for number in re.findall(r"\d{3}", gpu.name or "")}
    newest = max((number for number in told if number not in cards), default=_branches.installed(case))
    return last is not None and 0 < last < newest


def _lacks_glibc(case: Case) -> bool:
    """The wanted glibc is newer than that of the system's release."""
    wanted = max((int(n) for n in re.findall(r"(?i)glibc[ _]*(?:version )?2\.(\d\d)\b", case.text)), default=0)
    old = next((have for name, have in _GLIBC if compiled(name).search(case.text)), None)
    return old is not None and wanted > old


def _is_other_cuda(case: Case) -> bool:
    """Two releases of CUDA are named."""
    return len(set(re.findall(r"(?<![\d.])1[0-3]\.\d(?!\.?\d)", case.text))) > 1


def _is_other_torch(case: Case) -> bool:
    return not case.gpus and bool(
        (case.snapshot.amd and case.snapshot.amd.gpus) or (case.snapshot.intel and case.snapshot.intel.gpus)
    )


def _is_intel_only(case: Case) -> bool:
    is_intel = bool(case.snapshot.intel and case.snapshot.intel.gpus) or compiled(_INTEL).search(case.text) is not None
    return is_intel and not case.gpus and not (case.snapshot.amd and case.snapshot.amd.gpus)


def _is_exclusive(case: Case) -> bool:
    return (
        any(gpu.compute_mode in (2, 3) for gpu in case.gpus)
        or compiled(r"\bE\. ?Process\b|\bexclusive[ _-](?:process|mode)\b").search(case.text) is not None
    )


_GLIBC = (
    (r"\b(?:rhel|centos|rocky(?: linux)?|alma(?:linux)?|red hat(?: enterprise linux)?)[ -]?8\b", 28),
    (r"\b(?:rhel|centos|red hat(?: enterprise linux)?)[ -]?7\b", 17),
    (r"\bubuntu[ -]?18\.04", 27),
    (r"\bubuntu[ -]?20\.04", 31),
)
"""Releases, and the second number of their C library's version (their packages)."""

_FINE = r"\b(?:gpu|cuda|(?:py)?torch|rocm|extensions?|samples)\b (?:still |itself |now )?(?:works?|runs?|is fine|is ok)(?: (?:fine|well|ok|great|without problems))?\W*(?:$|[.;,\n])|\b(?:feature request|docs|documentation|in (?:the|our) ci|works? now|now (?:[\w.]+ ){0,4}(?:it )?(?:is fine|works))\b"
"""Nothing is the matter, or not here."""
_KEPLER = r"\bquadro k\d{3,4}[md]?\b|\btesla k\d0"
_INTEL = r"\bintel\b.{0,12}\b(?:uhd|hd|iris|graphics|arc)\b"
_CARD = r"(?:明明|但|可是)?有(?:独立|独|n|英伟达)?显卡|\b(?:have|has|there is|there's|although|though|despite|got|sits?|with|in) (?:an? |the |my |(?:pc|machine|computer|laptop) has (?:an? )?)*(?:nvidia|rtx|gtx|geforce|graphics card|cuda gpu)\b"
_FAILS = r"\b(?:fail\w*|crash\w*|errors?|cannot|can['’]?t|unable|not|\w+n['’]t|no|refus\w*|stop\w*|abort\w*)\b"
_SLOW = r"\b(?:extremely|very|that|so|nearly|almost|much|times|crawl\w*) ?(?:slow\w*|stuck)|\bslower\b|\bthrottl\w+|\bperformance\b[^.;\n]{0,20}\b(?:collapses|drops|degrades|falls)"
_TIME = r"\bafter (?:(?:about|some|a few|several|around|\d+) ?)+min\w*|\bmin(?:ute)?s? (?:later|of (?:uptime|use|cuda))\b|\bup for (?:about )?\d+ min\w*|\bafter (?:an?|\d+|some|a few) hours?\b"
_VGPU = r"\bv-?gpus?\b|\b(?:A|T|V|L|M|P|RTX)\d{1,4}S?-\d{1,2}[QCBA]\b|\bnvads\w*|\bA10\b[^.;\n]{0,30}\b(?:aks|azure)\b|\b(?:aks|azure)\b[^.;\n]{0,30}\bA10\b"
_GONE = r"\b(?:gpus?|[atvlh]\d{1,3}|[1-5]0[5-9]0)\b(?:(?![.;]\s)[^\n]){0,40}\b(?:gone|missing|disappear\w*|vanish\w*|lost|drops? out)\b|\b(?:nvidia-smi|lspci)\b[\s\S]{0,80}\b(?:one|two|three|another one|[1-8])\b(?:(?![.;]\s)[^\n]){0,30}\b(?:gone|missing|disappear\w*|vanish\w*|lost)\b"
_BACK = r"\b(?:power[- ]?cycl\w+|cold boot|re-?boot\w*|restart\w*)\b(?:(?![.;]\s)[^\n]){0,30}\b(?:back|return\w*|again|reappear\w*|helps?|there)\b|\b(?:back|return\w*|reappear\w*)\b(?:(?![.;]\s)[^\n]){0,30}\b(?:power[- ]?cycl\w+|re-?boot\w*|restart\w*)\b"
_ELSE = r"\b(?:docker|containers?|pods?|kubernetes|k8s|wsl2?|suspend\w*|sleep|hibernat\w*|slept|vm|virtual machine)\b"
_SLEPT = (
    r"\b(?:after|since|from|once|until|when|has been in|had been in|in)\b(?:(?![.;]\s)[^\n]){0,30}\b(?:sleep|suspend\w*|hibernat\w*|stand-?by|slept|woken|waking)\b|"
    + _tongues.AFTER_SLEEP
)
_ROOT = r"\b(?:as|for|under|with) (?:the )?root\b[^.;\n]{0,50}(?:\btrue\b|\bworks?\b|\bfinds?\b|\bsees?\b|\bfine\b|\bcan\b)|\b(?:only )?root (?:can|sees|finds|may)\b"
_OTHERS = r"\b(?:other|normal|ordinary|regular|my|own|every|non-root|unprivileged) (?:own |other )?(?:users?|account)\b"
_KERNEL = (
    r"\bnvidia\b(?!-)[^.;\n]{0,10}\bkernel modules?\b[^.;\n]{0,24}\b(?:missing|not (?:found|loaded|there))"
    r"|\bkernel modules? (?:of |for )?nvidia\b(?!-)[^.;\n]{0,12}\b(?:missing|not (?:found|loaded|there))|\bmissing\b[^.;\n]{0,12}\bnvidia kernel module"
)

TALES: tuple[Tale, ...] = (
    # what was built for another card
    Tale("PT602", (r"(?:\b(?:rtx ?)?50[5-9]0\b|\brtx pro \d{4}|blackwell)[^.;\n]{0,24}\b(?:not (?:yet )?(?:compatible|supported)|incompatible|unsupported)\b",), r"\b(?:drivers?|games?|docker|wsl2?|power supply|mainboard|motherboard)\b", _newest),
    Tale("PT602", (r"用不了|不能用|无法使用|不可用|(?:\bnot|n['’]t) (?:work|run|used?|usable)\w*|\bunusable\b|\bcannot (?:be )?us", r"torch[^;\n]{0,16}版本|版本\S{0,4}torch|\b(?:what|which|wrong|right|other|newer|version) (?:version |build )?(?:of )?(?:the )?(?:py)?torch\b|torch version"), r"\+cpu|\bcpu ?(?:version|build|版)|\b(?:drivers?|docker|containers?|wsl2?|amd|games?|no module named|modulenotfounderror)\b|驱动", _newest),
    Tale("PT602", (r"\bcuda (?:gives|shows|prints|throws|ends)?[^.;\n]{0,24}\berrors?\b|\berrors?\b[^.;\n]{0,12}\b(?:with|on|in|from) cuda\b", r"\b(?:on|with|in) (?:the )?cpu\b[^.;\n]{0,24}\b(?:works|runs|fine)\b|\bcpu(?: mode)? (?:works|runs|is fine)\b"), r"out of memory|\b(?:drivers?|docker|containers?|wsl2?|initiali[sz]\w+|overclock\w*)\b", _newest),
    Tale("PT601", (r"\btorch\b|pytorch", rf"\bno longer\b[^.;\n]{{0,12}}\bsupport|\bsupport\w*\b[^.;\n]{{0,30}}\bno longer\b|{_tongues.UNSUPPORTED}|nicht (?:mehr|l[äa]nger) (?:unterst|support)|больше не поддерж|ya no (?:es )?soport|n'est plus (?:pris|support)"), r"\b(?:drivers?|treiber)\b", _ancient),
    Tale("PT601", (r"(?:\bnot|n['’]t|\bnever)\b[^.;\n]{0,30}\b(?:recogni[sz]ed|detected|listed|seen|found|comes? up|shown)\b[^.;\n]{0,24}\bcuda\b",), r"\b(?:docker|containers?|wsl2?|nouveau|no driver)\b|\bdrivers? (?:is |are )?(?:not|missing)", _ancient),
    Tale("PT401", (r"cpu ?版(?:的)? ?(?:py)?torch|torch\S{0,6}cpu ?版|\bcpu(?:[- ]only)? (?:version|build) of (?:py)?torch\b|\bcpu(?:-only)? torch\b|\b(?:py)?torch\b[^.;\n]{0,40}\bno cuda\b", r"\b(?:always|automatically|but|although|though|even|instead|wasted?|installs|installed|puts?|got|ends? up|ended up|after|update)\b|明明|但|自动|只|浪费|alors|obwohl"), r"\bno (?:nvidia )?gpu\b|\bon purpose\b|\bdo(?:es)?(?: not|n['’]t) have (?:an? )?(?:gpu|nvidia)|没有显卡|\bwant (?:the )?cpu|\bamd\b|radeon", _has_card),
    # the driver
    Tale("PT506", (_KERNEL, r"\bsecure ?boot\b[^.;\n]{0,24}\b(?:is |was |got )?(?:on|enabled|active|switched on|turned on)\b|\b(?:switched|turned|enabled)\b[^.;\n]{0,12}\bsecure ?boot\b(?! off)"), r"\bsecure ?boot\b[^.;\n]{0,12}\b(?:is |was )?(?:already )?(?:disabled|off)\b|\bamd"),
    Tale("PT502", (r"\bfound version \d{4,5}\b", rf"{_tongues.DRIVERS}"), r"\b(?:toolkit|nvcc)\b"),
    Tale("PT509", (r"\b(?:ignores?|does(?: not|n['’]t) (?:know|support|see|recogni[sz]e)|no longer (?:knows|supports|sees)|dropped)\b", r"\b(?:drivers?|series|branch)\b"), when=_is_newer_branch),
    Tale("PT512", (_SLEPT, r"\b(?:re-?boot\w*|restart\w*|boot|neustart\w*|reinici\w*|red[ée]marr\w*)\b|重启|再起動|перезагру", r"\b(?:by|on|uses?|using|to) (?:only )?(?:the )?cpu(?=\W*$|[.,;\n]| only| instead)|只(?:能)?[用跑]\S{0,2}cpu|cpu(?:のみ|しか|だけ)|\bnur (?:noch )?(?:auf |die |mit )?(?:der )?cpu\b|(?:gpu|cuda|显卡|видеокарт)\S{0,4} ?(?:不可用|用不了|丢失|認識され|使えな|пропад|не вид|не доступ)|не вид\w+ (?:gpu|cuda|видеокарт|карт)|\bcuda\b[^.;\n]{0,16}\b(?:unavailable|gone|false|lost|not available)\b|\bno (?:cuda|gpu)\b|\bgpu\b[^.;\n]{0,12}\b(?:gone|lost|unavailable)"), r"\bmac(?:os|book)?\b|\bamd\b|radeon|\bdocker\b"),
    Tale("PT511", (r"nvml\W{0,3}\s?insufficient permissions?",)),
    Tale("PT511", (_ROOT, _OTHERS, r"\bfalse\b|\bnot\b|n['’]t\b|\bcannot\b|\bfail\w*|\berrors?\b|\bdenied\b|\binsufficient\b"), r"\b(?:amd|radeon|rocm|pip install|password|docker)\b|\b(?:it|them) too\b", lambda case: "gpu" in case.text.lower() or "cuda" in case.text.lower() or "is_available" in case.text),
    # the card itself
    Tale("PT514", (r"\(?\brev ff\b\)?", r"\bnvidia\b|\bgpus?\b")),
    Tale("PT514", (_GONE, _BACK, r"\b(?:again|every|once more|another|then|only)\b"), rf"{_ELSE}|\b(?:un)?dock\w*|\b(?:drivers? (?:update|upgrade)|kernel update|updat\w+|upgrad\w+|memory|settings?|windows?|orders?|jobs?|tabs?|clocks?)\b", lambda case: bool(compiled(r"\bnvidia|\bgpus?\b|\b(?:tesla|rtx|gtx)\b").search(case.text))),
    Tale("PT516", (r"\buncorrectable ECC\b", r"\b(?:fail\w*|crash\w*|die[sd]?|abort\w*)\b"), r"\b(?:no|0|zero|without) uncorrectable|uncorrectable\w*(?: ECC)?(?: errors?)? ?[:=]? ?0\b"),
    Tale("PT523", (r"\b(?:unavailable or busy|busy or unavailable)\b",), when=_is_exclusive),
    Tale("PT714", (_VGPU, _SLOW, _TIME), r"\blicen[cs]e\w*\b[^.;\n]{0,20}\b(?:active|valid|ok|fine|acquired|licensed)\b|\b(?:first (?:run|start|call)|bare metal|warm-?up|overheat\w*|temperature)\b"),
    # the system below
    Tale("PT105", (r"\bglibc(?![a-z])", r"\b(?:want\w*|need\w*|requir\w*|not found|fail\w*)\b"), r"\b(?:docker|conda|container)\b", _lacks_glibc),
    Tale("PT103", (r"\b32[- ]?bits?\b[^.;\n]{0,24}\b(?:os|system|python|windows|linux|raspbian|raspberry)\b", r"\b64[- ]?bits?\b[^.;\n]{0,60}\b(?:works?|goes|fine|ok|installs|easily)\b", r"\btorch\b|pytorch", _FAILS)),
    Tale("PT719", (r"\b4\.(?:4|19)\.\d+[-\w]*microsoft|\bwsl2? kernel\b[^.;\n]{0,12}\b4\.(?:4|19)\b|\bkernel\b[^.;\n]{0,12}4\.19\.\d+", r"\bwsl", r"\bunknown error\b|\bfalse\b|\bno (?:cuda|gpu)"), r"\b5\.\d+\.\d+[-\w]*microsoft|\bwsl ?1\b"),
    Tale("PT706", (r"共享内存(?:不足|不够|太小)|shared memory (?:is )?(?:insufficient|exhausted|too small)|(?:insufficient|not enough|too little) shared memory", r"data ?loader|bus error|\bworkers?\b"), r"out of resource|triton|\bkernel\b"),
    Tale("PT109", (r"\bfrom versions\b[^)]*\b2\.2\.2\W{0,2}\)|\bnewest\b[^.;\n]{0,30}\b2\.2\.2\b|\b2\.2\.2\b[^.;\n]{0,16}\b(?:is the newest|newest|at most|only)\b", r"\bm[1-5]\b|apple silicon|arm64", r"\bemulat\w+|\brosetta\b|x86")),
    Tale("PT713", (r"(?<![a-z])(?:jetson|jetpack)(?![a-z])", r"whl/(?:cu1\d\d|cpu)\b", r"is_available\b[\s\S]{0,40}(?:\bfalse\b|cpu)|(?<![a-z])cpu ?(?:版|only|version|build)"), r"whl/cu1\d\d\b[^.;\n]{0,20}\bworks"),
    # Python's packages
    Tale("PT311", (r"\bnumpy ?(?:>?=+ ?)?2(?:\.\d+){0,2}\b|\b2\.\d(?:\.\d)? of numpy\b", r"\b(?:compiled|built)\b[^.;\n]{0,24}\bnumpy 1\b|\bcompiled\b[^.;\n]{0,24}\bnumpy 1\.|\bnot? (?:work|go|compatible|run)\b[^.;\n]{0,20}|\bdoes(?: not|n['’]t) (?:go|work|run)\b", r"\btorch\b|pytorch"), r"\bworks? (?:fine |well )?with numpy ?2"),
    Tale("PT410", (r"\b(?:mismatch\w*|do(?:es)?(?: not|n['’]t) (?:match|agree)|differ\w*)\b", r"\bnvcc\b|\btoolkit\b", r"\b(?:compiled|built) (?:with|for|against)\b", r"\b(?:build|install|compil)ing\b[^.;\n]{0,24}\b(?:extensions?|ops?|kernels?|apex|flash)\b|cpp_extension"), when=_is_other_cuda),
    Tale("PT203", (r"\bstill\b(?:(?!\bworks?\b)[^.;\n]){0,24}\b(?:prints?|shows?|imports?|reports?|gives?|loads?)\b[^.;\n]{0,10}\b[012]\.\d{1,2}(?:\.\d)?\b|\bstill\b(?:(?!works?\b)[^.;\n]){0,16}\b(?:old|other|another|previous)\b (?:torch |pytorch )?version\b", r"\b(?:re-?install|upgrad|updat)\w*\b"), r"\b(?:drivers?|nvcc|cuda version)\b", lambda case: "torch" in case.text.lower()),
    Tale("PT950", (r"\btriton\b[^.;\n]{0,40}\bfrom versions: none|\b(?:find|finds|there is|there's|has|gets?) no triton\b|(?:\bnot|n['’]t|\bcannot) (?:find|install|get) (?:any )?triton\b|\btriton\b[^.;\n]{0,16}\b(?:missing|not found|not available)\b|\(from versions: none\)", r"\btriton\b", r"\bwindows\b", r"torch[._]?compile"), r"triton-windows\b[^.;\n]{0,20}\b(?:works|installed)"),
    # another maker's card
    Tale("PT806", (r"Invalid CUDA 'device|is_available\(\)\W{0,4}false\b|\bcuda\b[^.;\n]{0,16}\b(?:не видит|not (?:found|available|seen))",), r"\+rocm|\brocm\d|\+xpu|\bxpu\b", lambda case: _is_other_torch(case) and not _is_intel_only(case)),
    Tale("PT536", (r"(?:\b(?:requir\w+|needs?|demands?|wants?|asks? for|exig[ei]\w*|pide|necesita|requiere|verlangt|demande)\b|требует|要求)[^.;\n]{0,40}\bnvidia\b|\b(?:for )?nvidia only\b|\bonly (?:for |with )?nvidia\b",), r"\bxpu\b|\b(?:rtx|gtx|geforce)\b|\bdo (?:i|we) (?:really )?need\b|\bdoes (?:it|the|this)\b[^.?]{0,30}\b(?:require|need)\b|\bshop\b", _is_intel_only),
    Tale("PT803", (r"\bseg(?:mentation)? ?faults?\b|\bsegfault\w*", r"\brx ?79\d\d\b|\b79\d\d ?xtx?\b|\bgfx1100\b", r"\brocm ?5\.[0-5]\b"), r"\bgames?\b"),
)  # fmt: skip


def told(case: Case, rules: Mapping[str, Rule]) -> tuple[str, Hit] | None:
    """The code of the first tale all of whose parts are told, and where; None when there is none, or the text is no tale."""
    if len(case.text) > MOST:
        return None
    lowered = case.text.lower()
    for tale in TALES:
        if tale.code not in rules or not all(_fits(case, lowered, part) for part in tale.parts):
            continue
        hit = case.said(tale.parts[0])
        if hit and not _fits(case, lowered, _FINE) and not compiled(tale.unless).search(case.text) and tale.when(case):
            return tale.code, hit
    return None


def _fits(case: Case, lowered: str, pattern: str) -> bool:
    """The pattern fits; it is compiled only where a text that every match holds is there."""
    return any(text in lowered for text in literals_of(pattern)) and compiled(pattern).search(case.text) is not None
