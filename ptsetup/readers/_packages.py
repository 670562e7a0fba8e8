"""What pip, uv and conda print: lists, freezes, shows and logs."""

import re

from ptsetup.facts import Distribution
from ptsetup.readers import _places
from ptsetup.readers._draft import ASKED, HINTED, MEASURED, PRINTED, SAID, Draft
from ptsetup.readers._lines import Line, speaks_of
from ptsetup.readers._versions import VERSION, normalise, note_distribution, torch_version

FAMILY = (
    r"torch|pytorch|torchvision|torchaudio|torchtext|torchdata|torchcodec|torchao|torchrl|torch-[a-z]+|pytorch-[a-z]+|triton(?:-[a-z]+)?|xformers|flash[-_]attn"
    r"|flash[-_]attention|bitsandbytes|vllm|numpy|nvidia[-_](?!smi)[a-z0-9-_]+|cuda[-_][a-z0-9-_]+|cudatoolkit|mkl(?:[-_][a-z_]+)?|intel[-_][a-z-_]+|cpuonly|deepspeed|apex"
    r"|transformers|accelerate|pynvml|amdsmi|blas|scipy|llvm-openmp|libstdcxx-ng|sageattention|exllamav2|auto-gptq|mmcv(?:-full)?|detectron2|pyg-lib|lightning"
)
_ROW = re.compile(rf"^\s*(?P<name>{FAMILY})\s+(?P<version>{VERSION})(?:\s+(?P<rest>\S.*))?$", re.IGNORECASE)
_BRACKET = re.compile(
    r"^\s*\[(?P<tool>pip3?|conda)\]\s+(?P<name>[A-Za-z0-9][\w.-]*)(?:==|\s+)(?P<version>[0-9][\w.+!-]*)(?:\s+(?P<build>\S+))?(?:\s+(?P<channel>\S+))?\s*$"
)
_PINNED = re.compile(
    rf"^[\s+*~•|-]{{0,8}}(?P<name>{FAMILY})\s?(?:===?|@)\s?(?P<version>{VERSION}|file:\S+|https?:\S+)", re.IGNORECASE
)
_DASHED = re.compile(
    r"^[\s*\u2022-]{0,6}(?P<name>torch|torchvision|torchaudio|triton|xformers|numpy|vllm|flash[-_]attn|torchtext)[-= :]{1,2}"
    rf"(?P<version>{VERSION})\s*[,;)]?$",
    re.IGNORECASE,
)
_SUCCESS = re.compile(r"^[\s*`-]{0,8}Successfully installed (?P<list>.+)$")
_GOES_ON = re.compile(r"^\s*(?:[A-Za-z][\w.]*(?:-[A-Za-z0-9_.]+)*-[0-9][\w.+]*(?:\s+|$))+$")
"""The same list on the next line: a terminal or a mail wrapped it."""

_SATISFIED = re.compile(
    rf"Requirement already satisfied: (?P<name>{FAMILY})\S*.{{0,200}}?(?:in (?P<where>\S+) )?.{{0,200}}?\((?P<version>{VERSION})\)",
    re.IGNORECASE,
)
_CONFLICT = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*) (?P<version>[0-9][\w.+]*) (?:requires|has requirement|depends on) "
    rf"(?P<need>{FAMILY})(?P<spec>[^,]{{0,60}}?), but you(?:'ll)? have (?P<have>[\w.-]+) (?P<is>[0-9][\w.+]*)",
    re.IGNORECASE,
)
_CONDA_SPEC = re.compile(
    rf"(?<![\w./-])(?P<name>{FAMILY})=(?P<version>{VERSION})=(?P<build>[a-z][\w.]*_\w+|[0-9]\w*_\w+)", re.IGNORECASE
)
"""``pytorch=1.9.0=py3.8_cpu_0``: a package as conda's files and searches write it."""

_SHOW_NAME = re.compile(r"^\s*Name: (?P<name>[A-Za-z0-9][\w.-]*)\s*$")
_SHOW_FIELD = re.compile(
    r"^\s*(?P<field>Version|Location|Requires|Installer|Editable project location): ?(?P<value>.*)$"
)
_WHEEL = re.compile(
    rf"(?P<name>torch|torchvision|torchaudio|triton|flash_attn|xformers)-(?P<version>{VERSION}|[0-9][\w.%+]*)-(?P<python>cp[0-9]+|py3)-(?P<abi>\w+)-(?P<platform>[\w.]+)\.whl",
    re.IGNORECASE,
)
_HEAVY = re.compile(rf"(?:{FAMILY})", re.IGNORECASE)
_HEAVY_WORDS = (
    "torch", "triton", "xformers", "flash", "bitsandbytes", "vllm", "numpy", "nvidia", "cuda", "mkl", "intel", "cpuonly", "deepspeed",
    "apex", "transformers", "accelerate", "pynvml", "amdsmi", "blas", "scipy", "llvm-openmp", "libstdcxx-ng", "sageattention",
    "exllamav2", "auto-gptq", "mmcv", "detectron2", "pyg-lib", "lightning",
)  # fmt: skip
"""One of these is in each of those names."""

_PIP_LIST_HEAD = re.compile(r"^\s*Package\s+Version(?:\s+Editable.*)?$")
_UV_CHANGE = re.compile(rf"^\s*(?P<sign>[+~-]) (?P<name>[a-z0-9][\w.-]*)==(?P<version>{VERSION})\s*$")
_PRINTED_VERSION = re.compile(r"torch\.__version__")
_INLINE_VERSION = re.compile(
    rf"\btorch\.__version__\)?(?:[^\w\n]|\b(?:is|was|gives?|prints?|printed|shows?|returns?|returned|says?|still)\b){{1,12}}(?P<version>{VERSION})",
    re.IGNORECASE | re.ASCII,
)
_ORIGIN = re.compile(r"(?:[A-Za-z]:\\|/|~|\.\.\.)\S*[/\\]torch[/\\]__init__\.py")
_AVAILABLE = re.compile(r"(?<![\w.])(?:torch\.)?(?P<device>cuda|xpu|backends\.mps|mps)\.is_available(?:\(\))?(?![\w(])")
_MACHINE = re.compile(r"(?:platform\.machine\(\)|\buname -m\b)(?P<said>.*)$")
_ARCHITECTURE = re.compile(r"^[^\n]{0,12}?\b(?P<name>x86_64|arm64|aarch64|amd64)\b", re.IGNORECASE)
_BITS = re.compile(r"calcsize\([\"']P[\"']\) ?\* ?8\W{0,6}$")
_FORETOLD = re.compile(r"\breturns? (?P<answer>true|false)\W*$", re.IGNORECASE)
_SAID = re.compile(r"^[^\n]{0,40}?(?<!if )(?<!else )\b(?P<answer>true|false|flase)\b", re.IGNORECASE)
_ANSWER = re.compile(
    r"^\W{0,6}(?:\S{1,40} |(?:and |but |so |then |still |only )?(?:i|it|this|which|that) "
    r"(?:just |always |still |only )?(?:get|got|give|gave|return|print|show|say|said|answer|is)\w{0,2}:? ?)?"
    r"(?P<answer>true|false|flase)\b",
    re.IGNORECASE,
)
"""The line below the question: what Python printed, or what a person says that it did."""

_IN_CODE = re.compile(r"\b(?:if|elif|while|assert|not|return|and|or)\s+(?:not )?$|(?<![=!])=\s*$|\blambda\b")
"""Before the question: a program asks it, and nobody sees the answer."""

_FOR_ROOT = re.compile(r"^\W{0,4}(?:but |and )?only (?:\w+ )?(?:with|as|under|for|via) (?:sudo|root)\b", re.IGNORECASE)
"""True for the superuser is no answer for anybody else."""

_NOT_AVAILABLE = re.compile(
    r"\bcuda (?:device |gpu )?(?:is |was )?(?:still )?(?:not ava(?:il|li)able|unavailable)\b|(?<![-_.\w])cuda(?: is|:)? (?-i:False)\b",
    re.IGNORECASE,
)
"""What programs say before they give up."""

_FAILS_TO = (
    r"(?:(?:does|do|did|can|could|will|would)(?:n['o]?t| not)|cannot|can not|can'?t|unable to|not able to|fail(?:s|ed)? to|never"
    r"|no longer|not|has no|have no|had no)"
)
_SEES_NONE = re.compile(
    rf"\b(?:py)?torch\b.{{0,24}}\b{_FAILS_TO} (?:\w+ ){{0,2}}?(?:see|detect|find|use|recogni[sz]e|access|reach|get)\w*\b.{{0,24}}"
    r"\b(?:gpus?|cuda|(?:graphics )?card)\b",
    re.IGNORECASE,
)
"""What people say of torch that finds no GPU."""

_BARE_ANSWER = re.compile(
    r"\bis_available\b\W{0,4}(?:(?:is|was|gives?|gave|returns?|returned|prints?|shows?|says?)\W)?\W{0,3}false\b",
    re.IGNORECASE,
)

_YOU_HAVE = re.compile(rf"PyTorch (?P<built>{VERSION}).{{0,60}}\(you have (?P<version>{VERSION})\)")
"""What xFormers prints: the torch that it was built for, and the one that is installed."""

_NOT_INSTALLED = re.compile(
    r"\binstall\b|require|from versions|uninstall|error:|only has wheels|has no wheels|can't be installed",
    re.IGNORECASE,
)
"""Words beside which a version is wanted or refused, not installed."""

_TUPLE = re.compile(
    r"\b(torch|torchvision|torchaudio|xformers|triton)[ :=v(\"']{1,4}([0-9]+\.[0-9]+\.[0-9]+(?:[\w.]*)(?:\+[\w.]+)?)",
    re.IGNORECASE,
)


class Packages:
    """Reads line after line: a ``pip show`` spans several."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.show: Distribution | None = None
        self.is_list = False
        self.rows = 0
        self.last_installed = -1
        self.awaits_version = 0
        self.awaits_answer: str | None = None
        self.awaits_machine = False
        self.awaits_bits = False
        self.foretold: str | None = None
        self.answers: dict[tuple[str, bool, str], int] = {}
        self.place = ""

    def read(self, line: Line) -> bool:
        """Take what one line says of packages; True when it says nothing else."""
        number, text = line.number, line.text
        if self.show is not None and self._show(text, number):
            return True
        if self.awaits_version:
            self._printed(text, number)
        origin = _ORIGIN.search(text) if "__init__" in text and "File " not in text else None
        if origin:
            self.draft.note("target.torch_origin", origin[0], number, PRINTED)
        self._answer(text, number)
        have = _YOU_HAVE.search(text) if "you have" in text else None
        if have:
            self.draft.note("target.wheel.version", have["version"], number, PRINTED)
            return False
        name = _SHOW_NAME.match(text)
        if name:
            self.show = Distribution(name=normalise(name["name"]))
            return True
        inline = _INLINE_VERSION.search(text) if "__version__" in text else None
        if inline and torch_version(inline["version"]):
            self._is_version(inline["version"], number)
        elif _PRINTED_VERSION.search(text) and not torch_version(text.split("__version__")[-1]):
            self.awaits_version = 3
        if _PIP_LIST_HEAD.match(text):
            self.is_list = True
            self.draft.has_package_list = True
            return True
        return self._row(text, number) or self._log(text, number)

    def finish(self) -> None:
        """Beside a list of packages, what a program says that it runs with is a fact of its own."""
        if self.rows > 1 and self.draft.running:
            version, number = self.draft.running
            self.draft.note("torch.version", version, number, SAID)
        path = "torch.is_cuda_available"
        inside = self.answers.get((path, False, "container"))
        if inside is not None and self.answers.keys() & {(path, True, "host"), (path, True, "")}:
            # the report is about the container; what the host answers is there to compare
            self.draft.facts.pop(path, None)
            self.draft.note(path, False, inside, PRINTED)

    def _printed(self, text: str, number: int) -> None:
        """The line after ``print(torch.__version__)``."""
        self.awaits_version -= 1
        match = re.match(rf"^\s*[\"'(]{{0,2}}(?P<version>{VERSION})[\"')]{{0,2}}(?:\s|,|$)", text)
        if match and torch_version(match["version"]):
            self._is_version(match["version"], number)
            self.awaits_version = 0

    def _is_version(self, version: str, number: int) -> None:
        """Python answered."""
        self.draft.note("target.wheel.version", version, number, MEASURED)
        self.draft.note("torch.version", version, number, PRINTED)
        self.draft.note("torch.result.is_ok", True, number, PRINTED)

    def _answer(self, text: str, number: int) -> None:
        """``torch.cuda.is_available()`` and what Python said to it, on this line or the next."""
        self.place = _places.of(text) or self.place
        if self.awaits_answer is not None:
            answer = _ANSWER.match(text) if len(text) < 80 else None
            if answer:
                self._heard(self.awaits_answer, answer["answer"], number)
            self.awaits_answer = None
        self._kind(text, number)
        asked = _AVAILABLE.search(text) if "is_available" in text else None
        if asked:
            self._available(asked, text, number)
        else:
            self._sees_none(text, number)
        foretold = _FORETOLD.search(text) if "return" in text.lower() else None
        if text.strip() or foretold:
            self.foretold = foretold["answer"].lower() if foretold else None

    def _kind(self, text: str, number: int) -> None:
        """What Python says of the processor and of itself, on this line or the next."""
        machine = _MACHINE.search(text) if "platform.machine" in text or "uname -m" in text else None
        name = _ARCHITECTURE.match(machine["said"] if machine else text) if machine or self.awaits_machine else None
        if name:
            self.draft.note("target.machine", name["name"].lower(), number, PRINTED)
        self.awaits_machine = machine is not None and name is None
        if self.awaits_bits and re.match(r"^\W{0,4}(?:32|64)\W{0,2}$", text):
            self.draft.note("target.bits", int(re.sub(r"[^0-9]", "", text)), number, PRINTED)
        self.awaits_bits = "calcsize" in text and _BITS.search(text) is not None

    def _available(self, asked: "re.Match[str]", text: str, number: int) -> None:
        """The answer on the line of the question, if it stands there."""
        path = f"torch.is_{asked['device'].lower().rpartition('.')[2]}_available"
        rest = text[asked.end() :]
        said = _SAID.match(rest)
        if said and len({answer.lower() for answer in re.findall(r"(?i)\b(?:true|false)\b", rest)}) > 1:
            return  # it is one thing here and another there, as for root and for a user
        if said and _FOR_ROOT.search(rest[said.end() :]):
            self.draft.note(path, False, number, SAID)
        elif said:
            self._heard(path, said["answer"], number)
        elif self.foretold and len(text) < 60:
            self.draft.note(path, self.foretold == "true", number, SAID)
        elif not _IN_CODE.search(text[: asked.start()]):
            self.awaits_answer = path

    def _heard(self, path: str, answer: str, number: int) -> None:
        """What Python answered; the lines of both answers are kept, since a report may show two places."""
        is_true = answer.lower() == "true"
        self.answers.setdefault((path, is_true, self.place), number)
        self.draft.note(path, is_true, number, PRINTED)

    def _sees_none(self, text: str, number: int) -> None:
        """What programs and people say of a torch that finds no GPU."""
        lower = text.lower()
        if ("cuda" in lower and _NOT_AVAILABLE.search(text)) or ("is_available" in text and _BARE_ANSWER.search(text)):
            self.draft.note("torch.is_cuda_available", False, number, SAID)
        elif "torch" in lower and _SEES_NONE.search(text):
            self.draft.note("torch.is_cuda_available", False, number, HINTED)

    def _show(self, text: str, number: int) -> bool:
        field = _SHOW_FIELD.match(text)
        assert self.show is not None  # noqa: S101 - the caller looked
        show = self.show
        if field is None:
            if not re.match(
                r"^\s*(?:Summary|Home-page|Author|Author-email|License|Required-by|License-Expression|Metadata-Version):",
                text,
            ):
                self.show = None
                return False
            return True
        value = field["value"].strip()
        if field["field"] == "Version":
            self.show = Distribution(name=show.name, version=value or None)
            note_distribution(self.draft, show.name, value or None, number)
        elif field["field"] == "Location" and show.version:
            note_distribution(self.draft, show.name, show.version, number, location=value)
        return True

    def _row(self, text: str, number: int) -> bool:
        bracket = _BRACKET.match(text)
        if bracket:
            self._bracket(bracket, number)
            return True
        if re.match(r"^\s*\[(?:pip3?|conda)\]", text):
            return True
        row = _ROW.match(text)
        if row:
            self.rows += 1
            rest = (row["rest"] or "").split()
            is_conda = len(rest) >= 1 and bool(re.search(r"py[0-9]|_[0-9]+$|cuda|cpu|^[0-9]+$|pypi", rest[0]))
            facts: dict[str, object] = {"installer": "conda", "build": rest[0]} if is_conda else {}
            if is_conda and len(rest) > 1:
                facts["channel"] = rest[1]
            if is_conda and "pypi" in rest:
                facts = {"installer": "pip"}
            note_distribution(self.draft, row["name"], row["version"], number, PRINTED, **facts)
            return not rest or is_conda
        pinned = _PINNED.match(text) or _DASHED.match(text)
        if pinned and not re.search(r"\binstall\b|requires|error", text, re.IGNORECASE):
            version = pinned["version"]
            if version[0].isdecimal():
                note_distribution(self.draft, pinned["name"], version, number, PRINTED)
                return len(text.strip()) < 60
        return False

    def _bracket(self, row: "re.Match[str]", number: int) -> None:
        """``[pip3] torch==2.1.0``, ``[conda] mkl 2021.4.0 haa95532_640 defaults`` of collect_env."""
        if row["tool"] == "conda":
            build = row["build"]
            is_pip = build == "pypi_0"
            note_distribution(
                self.draft,
                row["name"],
                row["version"],
                number,
                installer="pip" if is_pip else "conda",
                build=None if is_pip else build,
                channel=None if is_pip else row["channel"],
            )
            self.draft.note("target.is_conda", True, number, PRINTED)
        else:
            note_distribution(self.draft, row["name"], row["version"], number)

    def _log(self, text: str, number: int) -> bool:
        """A line of an installer's log; it is worth keeping as a message, too."""
        success = _SUCCESS.match(text)
        if success or (number == self.last_installed + 1 and _GOES_ON.match(text)):
            self._installed(success["list"] if success else text, number)
            return False
        if not speaks_of(text, _HEAVY_WORDS):
            return False
        for match in _CONDA_SPEC.finditer(text) if "=" in text else ():
            worth = ASKED if "install" in text else PRINTED
            note_distribution(
                self.draft, match["name"], match["version"], number, worth, installer="conda", build=match["build"]
            )
        if not self._stated(text, number):
            for match in _WHEEL.finditer(text) if ".whl" in text.lower() else ():
                self._wheel(match, text, number)
            if not _NOT_INSTALLED.search(text):
                for match in _TUPLE.finditer(text):
                    note_distribution(self.draft, match[1], match[2].rstrip("."), number, SAID)
        return False

    def _installed(self, names: str, number: int) -> None:
        """``Successfully installed torch-2.6.0+cu124 triton-3.2.0``."""
        self.last_installed = number
        for item in names.split():
            name, _, version = item.rpartition("-")
            if name and re.match(r"[0-9]", version) and _HEAVY.fullmatch(name):
                note_distribution(self.draft, name, version, number, MEASURED, installer="pip")

    def _stated(self, text: str, number: int) -> bool:
        """What pip and uv state of installed packages in passing."""
        draft = self.draft
        change = _UV_CHANGE.match(text)
        if change and change["sign"] != "-" and _HEAVY.match(change["name"]):
            note_distribution(draft, change["name"], change["version"], number, MEASURED, installer="uv")
        conflict = _CONFLICT.search(text) if speaks_of(text, (", but you",)) else None
        if conflict:
            need = f"{conflict['need']}{conflict['spec'].strip()}"
            note_distribution(draft, conflict["name"], conflict["version"], number, MEASURED, requires=(need,))
            note_distribution(draft, conflict["have"], conflict["is"], number, MEASURED)
        satisfied = _SATISFIED.search(text) if speaks_of(text, ("requirement already satisfied",)) else None
        if satisfied:
            where = satisfied["where"]
            note_distribution(draft, satisfied["name"], satisfied["version"], number, MEASURED, location=where)
        return bool(conflict or satisfied)

    def _wheel(self, match: "re.Match[str]", text: str, number: int) -> None:
        """The name of a wheel that was downloaded or is at fault."""
        if re.search(r"not a supported wheel|is not supported|404|no matching", text, re.IGNORECASE):
            return
        version = match["version"].replace("%2B", "+").replace("%2b", "+")
        note_distribution(
            self.draft,
            match["name"],
            version,
            number,
            ASKED,
            wheel_tags=(f"{match['python']}-{match['abi']}-{match['platform']}",),
        )
        tag = re.fullmatch(r"cp3([0-9]{1,2})", match["python"])
        if tag:
            self.draft.note("target.version", f"3.{tag[1]}", number, ASKED)
