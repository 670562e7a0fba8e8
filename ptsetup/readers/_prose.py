"""What a person says in running text of torch, of its CUDA and of the driver: it counts where nothing else tells the fact."""

import re
from collections.abc import Iterator

from ptsetup.readers._draft import HINTED, PRINTED, Draft
from ptsetup.readers._lines import speaks_of

_GAP = r"(?:[^.;\n]|\.(?=[0-9])){0,40}?"
"""The rest of a clause: full stops inside of numbers do not end it."""

_LOCAL = r"cu[0-9]{2,3}|cpu|xpu|rocm[0-9.]*[0-9]"
_TORCH = re.compile(
    r"(?<![a-z0-9_./-])(?:py)?torch(?:[ -]gpu)?(?![a-z_])(?:\s*\(?(?:version|v(?=[ .0-9])|ver|build|release|is"
    r"|was|at|of|the|my|installed|=+|:"
    r"|@)){0,4}[ (=:v@'\"`-]{0,4}"
    rf"(?P<version>[0-3]\.[0-9]{{1,2}}(?:\.[0-9]{{1,2}})?(?:\+(?:{_LOCAL}))?)(?![0-9%]|\.[0-9]|x\b|-cp|-py|\.dist|\.tar)",
    re.IGNORECASE,
)
_BARE = re.compile(
    rf"(?<![\w.=-])(?P<version>[12]\.[0-9]{{1,2}}\.[0-9]{{1,2}}\+(?:{_LOCAL}))(?![\w.]*[0-9]-)", re.IGNORECASE
)
"""A version with the tag of a build: but for torch's companions, whose numbers are smaller, nobody else has such."""

_CUDA = (
    re.compile(r"(?:(?<=/whl/)|(?<![\w\\/-]))cu(?P<tag>9[0-2]|1[0-4][0-9])(?![0-9_\\/])", re.IGNORECASE),
    re.compile(r"\b(?:pytorch-cuda|cudatoolkit)[ =]{1,3}(?P<cuda>[0-9]{1,2}\.[0-9])(?![0-9])", re.IGNORECASE),
    re.compile(
        rf"\b(?:py)?torch\b{_GAP}(?:\b(?:for|with|against|using|on|cuda)\b|\() ?(?:cuda )?(?:version |toolkit )?\(?"
        r"(?:for |with )?(?:cuda[ -]?)(?:version |toolkit )?(?P<cuda>[0-9]{1,2}\.[0-9])(?![0-9])",
        re.IGNORECASE,
    ),
    re.compile(
        r"\bcuda[ -]?(?P<cuda>[0-9]{1,2}\.[0-9])[ -](?:builds?|wheels?|versions?|variants?)\b(?: of (?:py)?torch)?",
        re.IGNORECASE,
    ),
)
_NUMBER = (
    r"v?(?P<version>[1-7][0-9]{2}(?:\.[0-9]{1,3}){1,2}|(?:3[3-9]|[4-6][0-9])[0-9](?:\.[xX*]+)?)(?![0-9.]*[0-9]|\w)"
)
_DRIVER = (
    re.compile(
        r"\b(?:drivers?|treiber\w*|pilotes?|controlador\w*|драйвер\w*)\b(?:[ ,]{1,2}(?:versions?|numbers?|is|was|are|were|on|at|v"
        r"|stays?|remains?|stuck|pinned|sits"
        r"|ver|branch"
        r"|now|currently|still|only|just|out of date|outdated|old|too|\w+ing|the|my|of|nvidia|a|an)\b){0,6}[ :=,(]{1,3}"
        + _NUMBER,
        re.IGNORECASE,
    ),
    re.compile(r"(?:驱动|ドライバ)\D{0,8}?" + _NUMBER, re.IGNORECASE),
    re.compile(rf"(?<![\w.]){_NUMBER} ?(?:nvidia |open |proprietary |server )*drivers?\b", re.IGNORECASE),
)
_SPEAKS = (
    re.compile(rf"\bnvidia-smi\b{_GAP}\bcuda(?: version)?\W{{0,3}}(?:is |of |was )?(?P<cuda>[0-9]{{1,2}}\.[0-9])(?![0-9])", re.IGNORECASE),
    re.compile(
        rf"\b(?:driver|gpu|card|machine|server|cluster|host)s?\b{_GAP}\b(?:only|up to|at most|max\w*|no more than|limited to)\b{_GAP}"
        r"\bcuda(?: version)?[ :=]{1,3}(?P<cuda>[0-9]{1,2}\.[0-9])(?![0-9])",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?:max\w*|highest|newest|latest)\b{_GAP}\bcuda\b(?! capab){_GAP}\b(?:support\w*|possible|allowed){_GAP}"
        r"(?P<cuda>[0-9]{1,2}\.[0-9])(?![0-9])",
        re.IGNORECASE,
    ),
)  # fmt: skip

_WANTED = re.compile(
    r"(?:\b(?:to|should|must|can|could|will|would|may|please|then|or|not|just)(?: \w+)? (?:install|upgrad|downgrad|updat|us|try"
    r"|switch|mov)\w*"
    r"|\b(?:upgrad|downgrad|updat|switch|chang|mov)\w* (?:\w+ ){0,2}?(?:to|from)"
    r"|\binstall (?:-\S+ )*|\b(?:try|requir\w+|request\w*|depends? on|needs?|needed|supports?|supported|since|until|till|before"
    r"|after|from|instead of|than|wants?|expects?"
    r"|recommend\w*|minimum|at least|older|newer|with all|latest|newest|stable|drops?|dropped|works? (?:with|on)|worked (?:with|on)))"
    r"[ :]*(?:to |an? |the |is |was |version |of |e\.g\. )*(?:(?:py)?torch|nvidia|drivers?)?[ :=>v(]*$",
    re.IGNORECASE,
)
"""Before a version: it is asked for, recommended, or was there once."""

_OR_NEWER = re.compile(
    r"\+(?!\w)| ?(?:or|and) (?:newer|later|above|up|older|higher|greater|below)| ?(?:is|was|are) (?:required|needed|recommended"
    r"|released|out\b)"
    r"| (?:has|have|does|do|supports?|adds?|added|drops?|dropped|requires?|needs?|works?|worked)\b"
    r"| ?(?:-|\u2013|\u2014|to|~) ?[0-9]| ?[/,] ?[0-9]\.[0-9]",
    re.IGNORECASE,
)

_CLAUSE_END = re.compile(r"[;\n]|\.(?![0-9])|, | but | while | whereas | and then ", re.IGNORECASE)
_WORKS = re.compile(
    (
        r"\b(?:is|was|were|works?|worked|runs?|ran|go(?:es)?)\b (?:\w+ )?(?:fine|ok|okay|well|good|great|perfectly|correctly|without)\b"
        r"|\bworks\b|\bworked\b"
    ),
    re.IGNORECASE,
)
_FAILS = re.compile(r"\b(?:not|no longer|never|n't|fails?|failed|stopped|broken?|broke)\b|n['\u2019]t\b", re.IGNORECASE)

_RECOMMENDED = re.compile(
    r"\+(?!\w)| ?(?:or|and) (?:newer|later|above|up|older|higher|greater|below)| ?(?:is|was|are) (?:required|needed|recommended)",
    re.IGNORECASE,
)
"""After the version of a driver, of which one also tells what it has or has dropped."""

_ASKED_CUDA = re.compile(
    r"torch\.version\.cuda\b\)?(?:[^\w\n]|[是为がは]|\b(?:is|was|gives?|returns?|returned|prints?|printed|shows?|equals|just|only)\b){0,16}"
    r"(?P<said>none\b|[0-9]{1,2}\.[0-9]\b|$)",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"^\W{0,6}(?P<said>none|[0-9]{1,2}\.[0-9])\W{0,3}$", re.IGNORECASE)
_NOT_BUILT = re.compile(r"backends\.cuda\.is_built\(\)\W{1,12}false\b", re.IGNORECASE)
_WORDS = (
    "torch",
    "cu1",
    "cu9",
    "cuda",
    "driver",
    "treiber",
    "pilote",
    "controlador",
    "драйвер",
    "驱动",
    "ドライバ",
    "+cpu",
    "+rocm",
    "+xpu",
)


def works(clause: str) -> bool:
    """Something is said to work."""
    return bool(_WORKS.search(clause)) and not _FAILS.search(clause)


class Prose:
    """Reads line after line; what is said once, or always alike, is taken in the end."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.torch: dict[str, int] = {}
        self.cuda: dict[str, int] = {}
        self.driver: dict[str, int] = {}
        self.speaks: dict[str, int] = {}
        self.fine: set[str] = set()
        self.awaits_cuda = False

    def read(self, text: str, line: int) -> None:
        """Keep what one line says."""
        if self.awaits_cuda:
            answer = _ANSWER.match(text)
            self.awaits_cuda = False
            if answer:
                self._cuda_is(answer["said"], line)
                return
        if len(text) > 1000 or not speaks_of(text, _WORDS):
            return
        for match in _said(text, (_TORCH, _BARE), _OR_NEWER):
            self._mention(self.torch, match["version"].lower(), match, line)
        for match in _said(text, _CUDA, _OR_NEWER):
            self._mention(self.cuda, _cuda_of(match), match, line)
        for match in _said(text, _DRIVER, _RECOMMENDED):
            self.driver.setdefault(match["version"].rstrip(".xX*"), line)
        for pattern in _SPEAKS:
            for match in pattern.finditer(text):
                self.speaks.setdefault(match["cuda"], line)
        self._answers(text, line)

    def _mention(self, found: dict[str, int], value: str, match: "re.Match[str]", line: int) -> None:
        """Keep it, and whether it is said to work: of two that are named that is the other one."""
        found.setdefault(value, line)
        if works(_CLAUSE_END.split(match.string[match.end() :])[0]):
            self.fine.add(value)

    def _answers(self, text: str, line: int) -> None:
        """What Python says of the build."""
        if "version.cuda" in text:
            asked = _ASKED_CUDA.search(text)
            if asked and asked["said"]:
                self._cuda_is(asked["said"], line)
            self.awaits_cuda = bool(asked and not asked["said"])
        if _NOT_BUILT.search(text):
            self.draft.note("target.wheel.has_version_file", True, line, HINTED)

    def _cuda_is(self, said: str, line: int) -> None:
        """What Python answers to torch.version.cuda: None of a build without CUDA."""
        if said.lower() == "none":
            self.draft.note("target.wheel.has_version_file", True, line, PRINTED)
        else:
            self.draft.note("target.wheel.cuda", said, line, PRINTED)

    def finish(self) -> None:
        """Take what is not contradicted in the text itself."""
        self.torch, self.cuda = self._in_doubt(self.torch), self._in_doubt(self.cuda)
        version = _one_version(self.torch)
        if version:
            self._note("target.wheel.version", _whole(version), self.torch[version])
        known = str(self.draft.get("target.wheel.version") or "")
        is_other_build = "+" in known and "+cu" not in known
        if len(self.cuda) == 1 and not is_other_build:
            self._note("target.wheel.cuda", *next(iter(self.cuda.items())))
        driver = _longest(self.driver)
        if driver:
            self._note("nvidia.smi.driver_version", driver, self.driver[driver])
        if len(self.speaks) == 1:
            self._note("nvidia.smi.cuda_version", *next(iter(self.speaks.items())))

    def _in_doubt(self, found: dict[str, int]) -> dict[str, int]:
        """Without those that are said to work, if others remain."""
        return {value: line for value, line in found.items() if value not in self.fine} or found

    def _note(self, path: str, value: str, line: int) -> None:
        if self.draft.get(path) is None:
            self.draft.note(path, value, line, HINTED)
            self.draft.in_words.add(path)


def _said(
    text: str, patterns: "tuple[re.Pattern[str], ...]", unless_after: "re.Pattern[str]"
) -> Iterator["re.Match[str]"]:
    """Mentions of what is there: neither asked for before nor recommended after."""
    for pattern in patterns:
        for match in pattern.finditer(text):
            if not (_WANTED.search(text[: match.start()]) or unless_after.match(text[match.end() :])):
                yield match


def _cuda_of(match: "re.Match[str]") -> str:
    """``12.1`` of a match: of ``cu121`` too."""
    words = match.groupdict()
    tag = words.get("tag")
    return f"{tag[:-1]}.{tag[-1]}" if tag else str(words["cuda"])


def _one_version(found: dict[str, int]) -> str | None:
    """The one version that is spoken of, as exactly as it is said anywhere; None when there are several."""
    longest = max(found, key=len, default=None)
    if longest is None:
        return None
    base = longest.partition("+")[0]
    is_one = all(base == (other := said.partition("+")[0]) or base.startswith(other + ".") for said in found)
    locals_ = {said.partition("+")[2] for said in found if "+" in said}
    return longest if is_one and len(locals_) < 2 else None


def _whole(version: str) -> str:
    """``2.1`` -> ``2.1.0``, which is the same version by PEP 440, and how the index writes it."""
    return re.sub(r"^([0-9]+\.[0-9]+)(?=$|\+)", r"\1.0", version)


def _longest(found: dict[str, int]) -> str | None:
    """The one driver that is spoken of: ``470`` and ``470.82.01`` are the same."""
    longest = max(found, key=len, default=None)
    return longest if longest and all(longest == said or longest.startswith(said + ".") for said in found) else None
