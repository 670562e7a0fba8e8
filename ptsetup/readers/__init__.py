"""Somebody else's report as a Snapshot: torch's and vLLM's collect_env, nvidia-smi, pip, error lines, whole issues, our own JSON."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from ptsetup.facts import Message, Snapshot, replace
from ptsetup.readers import _dates, _documents, _hardware, _labels, _lines, _prefixes, _smi, _system, _terse, _traces
from ptsetup.readers._commands import Commands
from ptsetup.readers._draft import HINTED, Draft
from ptsetup.readers._lines import Line
from ptsetup.readers._packages import Packages
from ptsetup.readers._prose import Prose
from ptsetup.readers._smi import Smi
from ptsetup.replay import documents

WHOLE_LINES = 10_000
"""So many lines of a long log are read from each end; of the rest only those that speak of trouble, as many at most."""

WHOLE_TEXT = 800_000
"""And so many characters of each of the three."""

REPEATS = 40
"""So many lines of one form are read: a table of GPUs has that many rows, a training log has millions."""

PARAGRAPH_LINES = 12
"""Lines of one wrapped sentence that are joined."""

decode = _lines.decode

TERMINALS = (80, 100, 120, 132, 160)
"""Columns of terminals as they mostly are."""

_COLLECT_ENV = (
    "Collecting environment information",
    "Is debug build:",
    "Is debug build :",
    "CUDA used to build PyTorch",
    "CUDA_MODULE_LOADING set to",
    "Is XNNPACK available",
)
"""What nobody writes by hand."""

_NOT_HAD = (
    "could not find a version that satisfies the requirement torch",
    "no matching distribution found for torch",
    "has no wheels with a matching",
    "can't be installed because it doesn't have a source distribution",
)

_DIGITS = re.compile(r"[0-9]+")

_TROUBLE = (
    "error", "fail", "warn", "cannot", "could not", "couldn't", "unable", "not found", "no such", "undefined", "mismatch",
    "incompatib", "killed", "illegal", "denied", "torch", "cuda", "nvidia", "rocm", "hip",
)  # fmt: skip


def read(text: bytes | str) -> Snapshot:
    """The facts that a report shows, each with its line; what it does not show is unknown, never assumed.

    Raises:
        NoSnapshot: it is a JSON document that is neither a Snapshot, nor a doctor's, nor a list of packages.
        SnapshotError: it is a JSON document of ours, but of another schema or with a wrong value.
    """
    plain = _lines.decode(text) if isinstance(text, bytes) else text
    document = documents.parse(plain)
    if document is None or _documents.wraps_a_text(document):
        return _told(plain, _lines.clean(plain))
    packages = _documents.package_lines(document)
    if packages is None:
        return documents.snapshot_in(document)
    listed = _told("", packages)
    return replace(
        listed, sources={path: place.replace("report line", "entry") for path, place in listed.sources.items()}
    )


def _told(plain: str, lines: tuple[Line, ...]) -> Snapshot:
    """The facts in the lines of a text."""
    draft = Draft()
    packages, commands, smi, prose = Packages(draft), Commands(draft), Smi(draft), Prose(draft)
    draft.is_collect_env = any(words in line.text for line in lines for words in _COLLECT_ENV)
    for line in _worth_reading(_lines.with_headings(lines)):
        _dates.scan(draft, line.prefix + line.text)
        commands.read(line)
        if line.prefix and _prefixes.is_container(line.prefix):
            draft.note("host.container", "docker", line.number, HINTED)
        is_done = smi.read(line) or packages.read(line) or _labels.read(draft, line)
        _smi.note_codes(draft, line.text, line.number)
        if not is_done:
            _rest(draft, line)
            prose.read(line.text, line.number)
            _terse.scan(draft, line.text, line.number)
    packages.finish()
    prose.finish()
    _terse.finish(draft)
    _system.infer_wsl(draft, plain)
    if _lines.speaks_of(plain, _NOT_HAD):
        draft.forget_asked()
    _paragraphs(draft)
    return draft.snapshot()


def _rest(draft: Draft, line: Line) -> None:
    """A line of no known form: what it says of the system and of GPUs, and the line itself."""
    _traces.scan(draft, line.text, line.number)
    _hardware.scan(draft, line.text, line.number)
    _smi.note_driver(draft, line.text, line.number)
    draft.message(_lines.as_loaders_say(line.text), line.number)


def _worth_reading(lines: tuple[Line, ...]) -> Iterator[Line]:
    """Of a long log both ends, and what speaks of trouble between them; lines that differ in figures alone only so often."""
    seen: dict[str, int] = {}
    first, last = _within(lines), _within(lines[::-1])
    speaking = tuple(islice((ln for ln in lines[first:-last] if _lines.speaks_of(ln.text, _TROUBLE)), WHOLE_LINES))
    read = (*lines[:first], *speaking[: _within(speaking)], *lines[max(first, len(lines) - last) :])
    for line in read:
        form = _DIGITS.sub("", line.text)
        seen[form] = seen.get(form, 0) + 1
        if seen[form] <= REPEATS:
            yield line


def _within(lines: Sequence[Line]) -> int:
    """How many lines from the first on are within the limits of one part; at least one, as far as there are any."""
    size = 0
    for position, line in enumerate(lines[:WHOLE_LINES]):
        size += len(line.text)
        if size > WHOLE_TEXT:
            return max(position, 1)
    return min(len(lines), WHOLE_LINES)


def _paragraphs(draft: Draft) -> None:
    """Sentences that were wrapped over several lines are said once more as one, so that they can be recognised."""
    block: list[Message] = []
    for message in (*draft.messages.values(), Message(text="")):
        is_next = block and message.line == (block[-1].line or 0) + 1 and len(block) < PARAGRAPH_LINES
        if block and not is_next:
            if len(block) > 1:
                draft.paragraphs += [Message(text=text, line=block[0].line) for text in _joined(block)]
            block = []
        block.append(message)


def _joined(block: list[Message]) -> Iterator[str]:
    """A wrapped sentence as one: between words, and where a terminal cut at its width in the middle of one."""
    yield " ".join(" ".join(part.text for part in block).split())
    width = max(len(part.text) for part in block)
    full = [part for part in block if len(part.text) == width]
    if width in TERMINALS or (width > TERMINALS[0] and len(full) > 1):
        yield " ".join("".join(part.text + ("" if part in full else " ") for part in block).split())
