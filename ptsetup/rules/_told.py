"""What a person says the cause was, or what has helped: heard where a report shows no error by itself.

Loaded for such reports only. A sentence must say that something is cured or why it failed, and what was done or found.
"""

import re
from collections.abc import Iterator, Mapping

from ptsetup.rules import _tales, _tongues
from ptsetup.rules._case import Case, Hit, compiled
from ptsetup.rules._rule import Finding, Fix, Rule

_SENTENCE = re.compile(r"(?:[^.!?。\uff01\uff1f\n]|[.!?](?=[^\s]))+[.!?]?")
_TROUBLE = compiled(
    r"\b(?:errors?|no (?:\w+ )?(?:gpus?|cuda|torch|devices?|matching)|false|undefined symbols?|wrong|unavailable|invisible|only root|blind"
    r"|although|even though|\w*count\w*\W{0,3}(?:is|=+|returns?) 0|0 (?:gpus|devices)|fixe[sd]|solve[sd]"
    r"|resolve[sd](?! (?:in )?\d)|cure[sd]|helped|culprit|mismatch\w*|(?:had|needed|forgot) to)\b"
)
_CURED = (
    r"fixe[sd]|solve[sd]|resolve[sd](?! (?:in )?\d)|cure[sd]|help(?:s|ed)|did the (?:trick|job)|(?:now|again|then|finally"
    r"|everything|it|all|and|that|which|one"
    r"|cuda|gpu|torch|import)(?: \w+){0,2}? works?|works? (?:again|now|fine|for me)|worked|made it work|(?:is"
    r"|was|are|came) back|is gone|went away"
    r"|disappeared|vanished|got rid of|(?:became|turned|now (?:\w+ )?)true|(?:is|are) now (?:seen|detected|found)"
)
_CURE = compiled(
    rf"\b(?:{_CURED}|until (?:i|we) \w+|(?:had|needed|forgot|forgotten|necessary) to"
    r"|(?:the|my|a) (?:\w+ )?(?:solution|fix|cure|workaround|remedy|answer|trick)(?: \w+){0,3}? ?(?:was|is|were|:))\b"
)
_CAUSE = compiled(
    r"\b(?:turn(?:s|ed) out|because|due to|caused by|culprit|hence|that is why|that's why"
    r"|(?:the|my|a) (?:\w+ )?(?:(?:cause|reason|mistake)(?: \w+){0,3}? ?(?:was|is|were|:)|(?:problem|issue)(?: \w+){0,3}? ?(?:was|were))"
    r"|was the (?:cause|reason|problem|issue)|found out that|forgot(?:ten)?)\b"
)
_VAIN = compiled(
    r"(?:\bnot|n['\u2019]?t|\bnever|\bneither|\bnothing|\bno one)\b (?:\w+ ){0,2}?(?:help|fix|solv|resolv|cur|chang|made|make)\w*"
    r"|\b(?:no luck|no effect|no avail|in vain|without (?:success|effect|luck)|no difference|still (?:\w+ "
    r"){0,2}?(?:fail|false|error|not|no)\w*"
    r"|same (?:error|result|problem)|(?:pr|pull request|commit|patch|release|changelog|readme|docs|typos?))\b|^\W*v\d+\.\d[\w.]*:|\?\s*$"
)

CURED = (_CURE, compiled(_tongues.CURED))
CAUSED = (_CAUSE, compiled(_tongues.CAUSE))
VAIN = (_VAIN, compiled(_tongues.VAIN))

_INSTALL = (
    r"(?:重新?编译|重装|安装|重编|установ\w*|пересобр\w*|neu (?:gebaut|kompiliert)|\b(?:install|add|reinstall|re-install"
    r"|build|rebuild|compil|recompil|get|tak|switch|mov|chang|downgrad|upgrad"
    r"|updat|us|pip)\w*\b)"
)
_SPAN = r"[^;]{0,40}?"
_DRIVER = r"(?:nvidia |gpu |graphics |video |display |cuda |geforce |newest |latest |newer |new |host(?:'s)? |windows )*drivers?\b"
_EXTENSION = (
    r"(?:flash[-_ ]?attn|flash[-_ ]?attention|xformers|apex|bitsandbytes|torch[-_](?:scatter|sparse|cluster)|mmcv"
    r"|detectron2|extension\w*)"
)

_NO = r"\b(?:no|without|lack\w*|missing|not|forgot\w*|omitted|left out)\b"
_GPUS = r"(?:--gpus?\b|--runtime[= ]?nvidia|\s--nv\b|deploy\W{1,3}resources|gpu reservation|nvidia\.com/gpu)"
_TOOLKIT = r"nvidia[- ](?:container[- ](?:toolkit|runtime)|docker2?)\b"
_REDIST = (
    r"vc_?redist|visual c\+\+ (?:\d{4} )?redist\w*|\b(?:ms)?vc(?:\+\+)? ?(?:20\d\d )?redist\w*|vcruntime140|msvcp140"
)
_GROUP = r"\b(?:render|video)\b group|\bgroups?\b.{0,12}\b(?:render|video)\b|usermod\b.{0,24}\b(?:render|video)\b"
_AWAY = r"\b(?:unset\w*|remov\w*|clear\w*|clean\w*|empty\w*|delet\w*|drop\w*)\b.{0,24}"
_NEW_GPU = r"\brtx ?(?:pro )?50\d\d|\b50[5-9]0\b|blackwell|sm_?1[02]\d|\bgb?[12]00\b|no kernel image"
_OTHER_VENDOR = r"\b(?:amd|radeon|rocm|arc|xpu|apple|mps)\b"
_COPY = (
    r"\b(?:old|second|other|two|another|duplicate|stale|leftover|system|user|pip|conda)(?:['\u2019]s)? "
    r"(?:one|torch|pytorch|cop(?:y|ies)|installations?|installs?|versions?|packages?)\b"
)

BUILT_FOR = rf"{_EXTENSION}\b[^.\n]{{0,60}}\b(?:built|compiled|made|meant) (?:for|against|with|under|on) (?:py)?torch (?P<torch>\d\.\d+)"
HAVE = r"\b(?:installed|upgraded|updated|have|now|runs?|running|using|pulled|moved)\b[^.;\n]{0,24}\b(?:py)?torch (?:to |is |was )?(\d\.\d+)"
"""The torch that a package was built for, and the one that is there."""

MOST = 12_000
"""A person's tale is shorter than so many characters; a log is longer."""

NVIDIA_ONLY = ("PT501", "PT502", "PT504", "PT505", "PT511")
"""Not said of AMD's, Intel's and Apple's GPUs: other rules know of their drivers."""

DONE: tuple[tuple[str, str, str], ...] = (
    ("PT702", rf"{_TOOLKIT}|nvidia-ctk", ""),
    ("PT701", rf"{_GPUS}|device_ids", ""),
    (
        "PT706",
        (
            r"--ipc[= ]?host|--shm-size|\bshm_size|\b(?:increas|enlarg|rais|bigger|larger|more|mount)\w*"
            r"\b.{0,16}(?:/dev/shm|\bshm|shared memory)\b"
        ),
        "",
    ),
    ("PT704", r"no-cgroups|cgroupdriver|cgroupfs", ""),
    ("PT506", r"\bsecure ?boot|mokutil|\bsign\w* the (?:kernel )?modules?", ""),
    ("PT505", r"\bnouveau\b", ""),
    ("PT513", r"nvidia[_-]uvm\b", ""),
    (
        "PT502",
        (
            rf"\b(?:updat|upgrad)\w*\b{_SPAN}{_DRIVER}|\b(?:newer|latest|newest|recent) {_DRIVER}|{_DRIVER}(?: was| "
            rf"were| is)? (?:updat|upgrad)\w*"
            rf"|{_tongues.UPDATED}.{{0,16}}{_tongues.DRIVERS}|{_tongues.DRIVERS}.{{0,8}}{_tongues.UPDATED}"
        ),
        "",
    ),
    ("PT504", r"modprobe nvidia\b(?![-_]uvm)|\bdkms\b|\b(?:kernel|linux)[- ]headers\b", ""),
    (
        "PT504",
        rf"\b(?:re-?boot|restart)\w*{_SPAN}\b(?:install|sett)\w*{_SPAN}drivers?\b|\bdrivers?\b{_SPAN}\bre-?boot\w*",
        "",
    ),
    ("PT501", rf"(?<!re)(?<!re-)\binstall\w*\b{_SPAN}{_DRIVER}", ""),
    ("PT519", r"fabric[- ]?manager", ""),
    ("PT521", r"\bmig\b.{0,30}(?:-cgi|-dci|disabl|off|instances?)|-mig 0|disabl\w+ mig", ""),
    ("PT523", r"nvidia-smi (?:-i \d+ )?-c (?:0|default)\b|compute[- ]mode\b", ""),
    ("PT719", r"\bwsl(?:\.exe)? --update|updat\w+ wsl\b", ""),
    ("PT112", _REDIST, ""),
    ("PT802", rf"{_GROUP}|chmod\b.{{0,12}}/dev/(?:kfd|dri)", r"\b(?:amd|radeon|rocm|rx ?\d{4}|hip|kfd)\b"),
    ("PT511", rf"{_GROUP}|chmod\b.{{0,12}}/dev/nvidia", ""),
    ("PT650", r"CUDA_VISIBLE_DEVICES", ""),
    ("PT405", rf"{_AWAY}LD_LIBRARY_PATH", ""),
    ("PT206", rf"{_AWAY}PYTHONPATH", ""),
    ("PT803", r"HSA_OVERRIDE_GFX_VERSION", ""),
    ("PT417", r"\bmkl ?(?:[=<]{1,2} ?)?20\d\d|\b(?:downgrad|pin|older)\w*\b.{0,12}\bmkl\b", ""),
    ("PT311", r"numpy ?['\"]?(?:<|==?1|~=1)|\b(?:downgrad|pin|older)\w*\b.{0,12}\bnumpy\b|\bnumpy 1\.\d", ""),
    ("PT952", r"python3?(?:\.\d+)?-dev(?:el)?\b|python headers", ""),
    (
        "PT951",
        r"build-essential|\b(?:apt|apt-get|dnf|yum|conda|apk|install\w*)\b.{0,24}\b(?:gcc|g\+\+|clang)(?:\W|$)",
        "",
    ),
    ("PT104", r":3[.\d]*-slim\b|\b(?:slim|debian|ubuntu|glibc)\b", r"\balpine\b|\bmusl\b"),
    (
        "PT103",
        (
            rf"{_INSTALL}{_SPAN}\b(?:64[- ]?bits?|x64|amd64)\b.{{0,12}}\b(?:python|installer|version|interpreter)|"
            rf"\bpython\b.{{0,8}}\b64[- ]?bits?\b"
        ),
        "",
    ),
    (
        "PT109",
        r"\b(?:native|arm64|apple silicon|aarch64)\b.{0,24}\b(?:python|conda|miniforge|anaconda|homebrew|terminal|interpreter|version)\b",
        r"\b(?:mac\w*|m[1-5]|mps|darwin|rosetta)\b",
    ),
    (
        "PT101",
        rf"{_INSTALL}{_SPAN}\b(?:python ?=?)?3\.(?:[6-9]|1[0-4])\b(?!\.?\d)",
        r"\bpython\b[\s\S]*(?:matching|version|wheel)|(?:matching|wheel)[\s\S]*\bpython\b",
    ),
    (
        "PT301",
        rf"{_INSTALL}{_SPAN}\btorchvision\b|\btorchvision\b{_SPAN}\bmatch\w*|\btorchvision\b.{{0,80}}\btogether\b",
        "",
    ),
    (
        "PT306",
        rf"{_INSTALL}{_SPAN}\b{_EXTENSION}|{_EXTENSION}{_SPAN}\b(?:from source|without build isolation|--no-build-isolation|wheel)\b",
        "",
    ),
    ("PT602", r"\bcu12[89]\b|\bcu13\d\b|\bnightl(?:y|ies)\b|\b2\.(?:[7-9]|1\d)\b", _NEW_GPU),
    ("PT401", r"\b(?:cu\d{2,3}|cuda) (?:wheel|build|version|index|variant)\b|whl/cu\d|pytorch-cuda ?=", ""),
    (
        "PT203",
        (
            rf"\b(?:remov|delet|uninstall|renam|purg)\w*\b.{{0,24}}(?:{_COPY}|~?/?\.local\b|\btorch\.py\b)"
            rf"|(?:{_COPY}|\.local\b|\btorch\.py\b).{{0,40}}\b(?:remov|delet|uninstall|renam|purg)\w*"
        ),
        "",
    ),
)
"""The rule that knows of it, what was done, and what the report must speak of besides."""

FOUND: tuple[tuple[str, str, str], ...] = (
    ("PT702", rf"{_NO}.{{0,24}}{_TOOLKIT}|{_TOOLKIT}.{{0,12}}\b(?:missing|not installed|absent)", ""),
    (
        "PT701",
        rf"{_NO}.{{0,40}}{_GPUS}|{_GPUS}.{{0,16}}\b(?:missing|omitted|left out|not (?:set|given|passed|there))",
        "",
    ),
    ("PT506", r"\bsecure ?boot\b(?!.{0,20}\b(?:disabled|off)\b)", ""),
    ("PT505", r"\bnouveau\b", ""),
    ("PT504", r"\b(?:kernel|linux)[- ]headers\b|\bdkms\b|\bmodule\b.{0,12}\bnot (?:loaded|built)", ""),
    ("PT519", r"fabric[- ]?manager", ""),
    ("PT521", r"\bmig\b.{0,40}\b(?:no|without|not)\b.{0,24}\binstances?\b|\binstances?\b.{0,24}\bmig\b", ""),
    ("PT650", r"CUDA_VISIBLE_DEVICES\b", ""),
    ("PT405", r"LD_LIBRARY_PATH\b", ""),
    ("PT206", r"PYTHONPATH\b", ""),
    ("PT706", r"/dev/shm\b|\bshm\b|shared memory\b.{0,20}(?:64|small|limit)", ""),
    ("PT112", _REDIST, ""),
    ("PT103", r"\b32[- ]?bits?\b.{0,20}\b(?:python|interpreter|version|one)\b|\bpython\b.{0,24}\b32[- ]?bits?\b", ""),
    (
        "PT109",
        r"\brosetta\b|\bpython\b.{0,24}\b(?:x86_64|intel)\b|\b(?:x86_64|intel)\b.{0,12}\b(?:python|conda)\b",
        r"\b(?:mac\w*|m[1-5]|mps|rosetta)\b",
    ),
    ("PT104", r"\b(?:alpine|musl)\b", ""),
    (
        "PT203",
        (
            rf"\b(?:file|script|module|folder|directory)\b.{{0,24}}\b(?:named|called)\b.{{0,4}}\btorch(?:\.py)?\b"
            rf"|{_COPY}.{{0,20}}(?:\btorch\b|\.local\b|site)"
        ),
        "",
    ),
    (
        "PT306",
        (
            rf"{_EXTENSION}\b.{{0,60}}\b(?:built|compiled|made|incompatible|not (?:match|compatible|fit)\w*"
            rf"|mismatch\w*)|\bincompatible with\b.{{0,24}}{_EXTENSION}"
        ),
        "",
    ),
    ("PT401", r"\bcpu(?:[- ]only)? (?:wheel|build|version|variant)\b", ""),
    ("PT502", rf"{_DRIVER}.{{0,16}}\b(?:(?:too|very|so) old|outdated|ancient)\b", ""),
)
"""The rule that knows of it, what was found to be the cause, and what the report must speak of besides."""


STATED: tuple[tuple[str, str, str], ...] = (
    (
        "PT109",
        r"\b(?:ran|runs?|running|was|is|started|opened) (?:\w+ )?(?:under|in|with|through) rosetta\b",
        r"\b(?:mps|metal|m[1-5]|apple)\b",
    ),
    (
        "PT203",
        (
            r"\btorch\b[^\n]{0,24}\b(?:imported|loaded|taken|comes?|coming|picked(?: up)?) from [^\n]{0,12}\.local\b[^\n]{0,80}"
            r"\b(?:although|even though|instead of|rather than|not from|though)\b"
        ),
        "",
    ),
)
"""The rule that knows of it, a state that tells by itself in a report of trouble, and what the report must speak of besides."""


def told(case: Case, rules: Mapping[str, Rule]) -> tuple[str, Finding] | None:
    """The finding of the rule that knows what the report's writer tells; None when nobody tells of a cure or a cause."""
    if len(case.text) > MOST or not (
        case.has_complaint or _TROUBLE.search(case.text) or compiled(_tongues.TROUBLE).search(case.text)
    ):
        return None
    is_other = compiled(_OTHER_VENDOR).search(case.text) is not None
    for hit, sentence in _sentences(case):
        for code in _heard(case, sentence, is_other=is_other):
            if code in rules:
                return code, _finding(rules[code], hit, sentence)
    for code, pattern, context in STATED:
        stated = case.said(pattern) if code in rules else None
        if stated and compiled(context).search(case.text):
            return code, _finding(rules[code], stated, stated.match[0])
    built = case.said(BUILT_FOR)
    if built and "PT306" in rules and any(v != built.match["torch"] for v in compiled(HAVE).findall(case.text)):
        return "PT306", _finding(rules["PT306"], built, built.match[0])
    return None


def of_few_words(case: Case, rules: Mapping[str, Rule]) -> tuple[str, Finding] | None:
    """The same for a fault that is told in a few words, without a cure or a cause."""
    tale = _tales.told(case, rules)
    return (tale[0], _finding(rules[tale[0]], tale[1], tale[1].message.text.strip())) if tale else None


def _finding(rule: Rule, hit: Hit, sentence: str) -> Finding:
    return Finding(
        title=rule.title,
        message=f'By the report itself: "{sentence[:200]}".',
        evidence=(hit.evidence,),
        fixes=(Fix(text=_way_out(rule)),),
        severity="error",
        certainty="likely",
    )


def _sentences(case: Case) -> Iterator[tuple[Hit, str]]:
    """Sentences that tell of a cure or a cause, and of none in vain."""
    left = MOST
    for message in case.messages:
        left -= len(message.text)
        if left < 0:
            return
        for match in _SENTENCE.finditer(message.text):
            sentence = match[0].strip()
            if any(cue.search(sentence) for cue in (*CURED, *CAUSED)) and not any(cue.search(sentence) for cue in VAIN):
                yield Hit(message, match), sentence


def _heard(case: Case, sentence: str, *, is_other: bool) -> Iterator[str]:
    """Codes of what a sentence names, where it says that this has helped, or was the cause."""
    for table, cues in ((DONE, CURED), (FOUND, CAUSED)):
        if not any(cue.search(sentence) for cue in cues):
            continue
        for code, pattern, context in table:
            if is_other and code in NVIDIA_ONLY:
                continue
            if compiled(pattern).search(sentence) and compiled(context).search(case.text):
                yield code


def _way_out(rule: Rule) -> str:
    """The part "Fix" of a rule's page, in one line."""
    part = rule.page.partition("\n    Fix\n")[2].partition("\n\n")[0]
    return " ".join(part.split())
