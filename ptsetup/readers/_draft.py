"""Facts as they are gathered from a report: each with its line and with how much it is worth; the best one stands."""

from typing import Any, NamedTuple

import msgspec

from ptsetup.facts import (
    AmdGpu,
    DeviceNode,
    Distribution,
    Gpu,
    IntelGpu,
    KernelLog,
    Library,
    Message,
    PciDevice,
    Program,
    Snapshot,
    Unknown,
    Xid,
)

MEASURED = 0
"""A program printed it: collect_env, nvidia-smi, pip."""
PRINTED = 1
"""It was printed on the way: an error text, a version that Python showed."""
SAID = 2
"""A person wrote it after a label: ``GPU: RTX 3090``."""
ASKED = 3
"""It was asked for in a command: ``pip install torch==2.1``."""
HINTED = 4
"""A path or the name of an image suggests it."""

IN_WORDS = ", in words"
"""Ends the source of a fact that a person told in running text: what it says is not as sure as what was printed."""

ASKED_FOR = ", asked for"
"""Ends the source of what a command asked for: that it came is not shown."""

MESSAGE_LIMIT = 3000

MESSAGES_TEXT_LIMIT = 500_000
"""Characters of all messages; an issue on GitHub has 65,536 at most."""

GPU_LIMIT = 64
"""More than any machine has; a text of nothing but names is no machine."""

SECTIONS = ("host", "nvidia", "amd", "intel", "apple", "target", "torch")


class Note(NamedTuple):
    """One fact, not yet placed."""

    worth: int
    line: int
    value: Any


class Draft:
    """What a report says, so far."""

    def __init__(self) -> None:
        self.facts: dict[str, Note] = {}
        self.gpus: dict[int, list[tuple[int, Gpu]]] = {}
        self.amd: dict[int, list[tuple[int, AmdGpu]]] = {}
        self.intel: list[tuple[int, IntelGpu]] = []
        self.pci: list[tuple[int, PciDevice]] = []
        self.distributions: dict[tuple[str, str | None], tuple[int, int, Distribution]] = {}
        self.programs: dict[str, tuple[int, Program]] = {}
        self.nodes: dict[str, tuple[int, DeviceNode]] = {}
        self.loader_cache: list[Library] = []
        self.xids: list[tuple[int, Xid]] = []
        self.nvrm: list[tuple[int, str]] = []
        self.env: dict[str, tuple[int, str]] = {}
        self.messages: dict[str, Message] = {}
        self._said = 0
        self.paragraphs: list[Message] = []
        self.dates: list[str] = []
        self.fine: set[str] = set()
        """Names of GPUs of which running text says that they work."""
        self.in_words: set[str] = set()
        """Facts that only running text tells, by their paths."""
        self.intel_cpu = 0
        """The line that speaks of an Intel processor; 0: none does."""
        self.is_collect_env = False
        """Somewhere in the text stands what only collect_env prints; else its labels are a person's."""
        self.collect_env: dict[str, str] = {}
        self.has_package_list = False
        self.running: tuple[str, int] | None = None
        """The torch that a program said it runs with (its version has a local part), and the line."""

    def note(self, path: str, value: object, line: int, worth: int = MEASURED) -> None:
        """Keep a fact unless a better one, or an earlier one of the same worth, is there."""
        known = self.facts.get(path)
        if value not in (None, "") and (known is None or worth < known.worth):
            self.facts[path] = Note(worth, line, value)

    def get(self, path: str, worth: int = HINTED) -> Any:
        """A fact gathered so far that is worth at least that much; None when there is none."""
        known = self.facts.get(path)
        return known.value if known is not None and known.worth <= worth else None

    def gpu(self, gpu: Gpu, line: int, worth: int) -> None:
        """Keep an NVIDIA GPU; the sources are not mixed, the best one is taken in the end."""
        known = self.gpus.setdefault(worth, [])
        if len(known) < GPU_LIMIT:
            is_taken = any(other.index == gpu.index for _, other in known)
            known.append((line, msgspec.structs.replace(gpu, index=len(known)) if is_taken else gpu))

    def last_gpu(self, worth: int) -> Gpu | None:
        """The GPU that was last kept from that kind of source."""
        known = self.gpus.get(worth)
        return known[-1][1] if known else None

    def change_last_gpu(self, worth: int, **changes: object) -> None:
        """Add facts to it."""
        known = self.gpus.get(worth)
        if known:
            line, gpu = known[-1]
            known[-1] = (line, msgspec.structs.replace(gpu, **changes))

    def amd_gpu(self, gpu: AmdGpu, line: int, worth: int) -> None:
        """Keep an AMD GPU."""
        known = self.amd.setdefault(worth, [])
        if len(known) < GPU_LIMIT:
            known.append((line, gpu))

    def intel_gpu(self, gpu: IntelGpu, line: int) -> None:
        """Keep an Intel GPU; each name once."""
        if len(self.intel) < GPU_LIMIT and all(known.name != gpu.name for _, known in self.intel):
            self.intel.append((line, gpu))

    def pci_device(self, device: PciDevice, line: int) -> None:
        """Keep a device of the bus."""
        if len(self.pci) < GPU_LIMIT:
            self.pci.append((line, device))

    def distribution(self, distribution: Distribution, line: int, worth: int = MEASURED) -> None:
        """Keep an installed distribution; the same one from two sources is one, with the facts of both."""
        key = (distribution.name, distribution.version)
        known = self.distributions.get(key)
        if known is None:
            self.distributions[key] = (worth, line, distribution)
            return
        facts = {
            name: value
            for name, value in msgspec.structs.asdict(known[2]).items()
            if value is not None and getattr(distribution, name) is None
        }
        both = msgspec.structs.replace(distribution, **facts)
        self.distributions[key] = (min(worth, known[0]), min(line, known[1]), both)

    def message(self, text: str, line: int) -> None:
        """Keep a line as something that was said."""
        text = text.strip()
        has_room = len(self.messages) < MESSAGE_LIMIT and self._said + len(text) <= MESSAGES_TEXT_LIMIT
        if text and text not in self.messages and has_room:
            self._said += len(text)
            self.messages[text] = Message(text=text, line=line)

    def snapshot(self) -> Snapshot:
        """All of it as a Snapshot."""
        sources: dict[str, str] = {}
        tree: dict[str, Any] = {}
        for path, note in self.facts.items():
            _place(tree, path, note.value)
            how = IN_WORDS if path in self.in_words else ASKED_FOR if note.worth == ASKED else ""
            sources[path] = f"report line {note.line}{how}"
        self._lists(tree, sources)
        if self.collect_env:
            _place(tree, "torch.collect_env", self.collect_env)
        _complete(tree)
        try:
            sections: dict[str, Any] = {
                name: msgspec.convert(tree[name], type=_TYPES[name]) for name in SECTIONS if name in tree
            }
        except msgspec.ValidationError as problem:  # pragma: no cover - a reader noted a value of the wrong type
            sections = {}
            self.message(f"(a fact could not be placed: {problem})", 0)
        return Snapshot(
            origin="report",
            taken_at=max(self.dates, default=None),
            env={name: value for name, (_, value) in self.env.items()} if self.env else None,
            messages=(*self.messages.values(), *self.paragraphs),
            unknowns=tuple(
                Unknown(path=name, reason="not_shown", detail="the report does not show it")
                for name in (*SECTIONS, "env")
                if name not in sections and not (name == "env" and self.env)
            ),
            sources=sources,
            **sections,
        )

    def forget_asked(self) -> None:
        """What was asked for and could not be had is not installed."""
        for path in [p for p, note in self.facts.items() if note.worth == ASKED and p.startswith("target.wheel")]:
            del self.facts[path]

    def _lists(self, tree: dict[str, Any], sources: dict[str, str]) -> None:
        """Place what is gathered in lists."""
        self._devices(tree, sources)
        if self.distributions:
            best: dict[str, int] = {}
            for (name, _), (worth, _, _) in self.distributions.items():
                best[name] = min(worth, best.get(name, worth))
            kept = [d for d in self.distributions.items() if d[1][0] == best[d[0][0]]]
            _place(tree, "target.distributions", tuple(entry[2] for _, entry in kept))
            sources.update((f"target.distributions[{i}]", f"report line {e[1]}") for i, (_, e) in enumerate(kept))
            sources["target.distributions"] = f"report line {kept[0][1][1]}"
        if self.programs:
            _place(tree, "host.programs", tuple(program for _, program in self.programs.values()))
            for i, (line, _) in enumerate(self.programs.values()):
                sources[f"host.programs[{i}]"] = f"report line {line}"
        if self.nodes:
            _place(tree, "host.device_nodes", tuple(node for _, node in self.nodes.values()))
            sources["host.device_nodes"] = f"report line {min(line for line, _ in self.nodes.values())}"
        if self.loader_cache:
            _place(tree, "host.loader_cache", tuple(self.loader_cache))
        if self.xids or self.nvrm:
            log = KernelLog(
                is_readable=True, xids=tuple(x for _, x in self.xids), nvrm_errors=tuple(t for _, t in self.nvrm)
            )
            _place(tree, "host.kernel_log", log)
            sources["host.kernel_log"] = f"report line {(self.xids or self.nvrm)[0][0]}"
        for name, (line, _) in self.env.items():
            sources[f"env.{name}"] = f"report line {line}"

    def _devices(self, tree: dict[str, Any], sources: dict[str, str]) -> None:
        gpus = _merged(self.gpus)
        if min(self.gpus, default=MEASURED) == HINTED:
            gpus = [entry for entry in gpus if entry[1].name not in self.fine] or gpus
        if gpus:
            _place(tree, "nvidia.gpus", tuple(gpu for _, gpu in gpus))
            sources.update((f"nvidia.gpus[{i}]", f"report line {line}") for i, (line, _) in enumerate(gpus))
            sources["nvidia.gpus"] = f"report line {gpus[0][0]}"
        amd = self.amd[min(self.amd)] if self.amd else []
        if amd:
            _place(tree, "amd.gpus", tuple(gpu for _, gpu in amd))
            sources["amd.gpus"] = f"report line {amd[0][0]}"
        if self.intel:
            _place(tree, "intel.gpus", tuple(gpu for _, gpu in self.intel))
            sources["intel.gpus"] = f"report line {self.intel[0][0]}"
        if self.pci:
            _place(tree, "host.pci", tuple(device for _, device in self.pci))
            _place(tree, "host.pci_source", "report")
            sources["host.pci"] = f"report line {self.pci[0][0]}"


def _merged(by_worth: dict[int, list[tuple[int, Gpu]]]) -> list[tuple[int, Gpu]]:
    """The GPUs of the best source; capabilities that a lesser source told of a GPU of the same name are filled in."""
    if not by_worth:
        return []
    best = by_worth[min(by_worth)]
    told = {
        _key(gpu.name): gpu.compute_capability
        for worth in sorted(by_worth, reverse=True)
        for _, gpu in by_worth[worth]
        if gpu.name and gpu.compute_capability
    }
    merged = []
    for line, gpu in best:
        capability = gpu.compute_capability or told.get(_key(gpu.name or ""))
        merged.append((line, msgspec.structs.replace(gpu, compute_capability=capability)))
    return merged


def _key(name: str) -> str:
    return "".join(c for c in name.lower().replace("nvidia", "").replace("geforce", "") if c.isalnum())


def _place(tree: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for name in parents:
        tree = tree.setdefault(name, {})
    tree[last] = value


def _complete(tree: dict[str, Any]) -> None:
    """Give records the fields that they cannot be without."""
    if "torch" in tree:
        tree["torch"].setdefault("result", {})
        tree["torch"]["result"].setdefault("module", "torch")
    host = tree.get("host", {})
    if "libc" in host:
        host["libc"].setdefault("name", "glibc")
    if host.get("wsl") and host.get("system") == "windows":
        # the interpreter stands in the Linux below the Windows that was named
        host["system"] = "linux"


_TYPES: dict[str, Any] = {name: Snapshot.__annotations__[name] for name in SECTIONS}
