"""What rules look at: a Snapshot, the WheelIndex, what is expected, and the questions that many rules ask of them."""

import functools
import re
from functools import cached_property

import msgspec

from ptsetup import compat
from ptsetup.facts import Companion, Distribution, Gpu, ImportResult, Message, Snapshot, Wheel
from ptsetup.index import Build, WheelIndex
from ptsetup.rules import _speech, _tongues
from ptsetup.rules._literals import literals_of
from ptsetup.rules._rule import Evidence, Rule


class Hit(msgspec.Struct, frozen=True):
    """An error text that was seen."""

    message: Message
    match: "re.Match[str]"

    @property
    def evidence(self) -> Evidence:
        """The line as evidence."""
        where = f"{self.message.source} line {self.message.line}" if self.message.line else self.message.source
        return Evidence(path="messages", value=self.message.text.strip()[:300], source=where)


@functools.lru_cache(maxsize=4096)
def compiled(pattern: str) -> "re.Pattern[str]":
    """A regular expression that ignores case, compiled once; its digits are those of ASCII.

    The flag re.ASCII would take the case of other alphabets away, in which shells and systems speak too.
    """
    return re.compile(_CLASS.sub(_ascii_digits, pattern), re.IGNORECASE)


_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
"""An escaped character outside of brackets, or a bracket with all that it holds."""


def _ascii_digits(part: "re.Match[str]") -> str:
    r"""``\d`` -> ``[0-9]``, ``[\d.]`` -> ``[0-9.]``, ``\D`` -> ``[^0-9]``; anything else as it is."""
    text = part[0]
    if text[0] == "[":
        return re.sub(r"\\(.)", lambda escaped: "0-9" if escaped[1] == "d" else escaped[0], text)
    return {"\\d": "[0-9]", "\\D": "[^0-9]"}.get(text, text)


COMPLAINTS = (
    r"\b\w*(?:error|exception|warning|traceback)\b|\bfail(?:s|ed|ure|ing)?\b|\bcrash\w*|\bbroken\b|\bproblem\b|\bissue\b",
    r"\b(?:does|do|did|is|was|are|were|ca|could|wo|would|has|have)(?:n['o]?t| not|nt)\b|\bcannot\b|\bunable\b|\bno longer\b|\bnever\b",
    r"\bunsupported\b|\bincompatib\w+|\bnot (?:supported|compatible|working|available|detected|found|recogni[sz]ed|usable)\b",
)
"""A person or a program says that something does not work."""


class Case(msgspec.Struct, frozen=True, dict=True):
    """One Snapshot under judgement."""

    snapshot: Snapshot
    index: WheelIndex
    expect: str | None = None
    """``cuda``, ``rocm``, ``xpu``, ``mps``, ``cpu``: what the user wants; None: to be inferred."""

    @cached_property
    def messages(self) -> tuple[Message, ...]:
        """Every error text: of the report, of importing torch, of nvidia-smi."""
        found = list(self.snapshot.messages)
        torch = self.snapshot.torch
        if torch is not None:
            results = (torch.result, *(torch.imports or ()))
            for result in results:
                texts = (result.message, *result.warnings, result.stderr)
                found += [Message(text=t, source=f"import {result.module}") for t in texts if t]
            found += [Message(text=t, source="torch") for t in (torch.cuda_error, torch.cudnn_error) if t]
            if torch.device_test and torch.device_test != "ok":
                found.append(Message(text=torch.device_test, source="a product on the device"))
        smi = self.snapshot.nvidia.smi if self.snapshot.nvidia else None
        if smi is not None and smi.message:
            found.append(Message(text=smi.message, source="nvidia-smi"))
        log = self.snapshot.host.kernel_log if self.snapshot.host else None
        if log is not None and self.snapshot.origin != "report":  # a report's lines are messages already
            found += [Message(text=text, source="kernel log") for text in (*log.nvrm_errors, *log.oom_kills)]
        return tuple(found)

    @cached_property
    def _lowered(self) -> tuple[tuple[Message, str], ...]:
        """Every message with its text in lower case, to rule patterns out by a word of theirs."""
        return tuple((message, message.text.lower()) for message in self.messages)

    @cached_property
    def _all_text(self) -> str:
        """All of it in lower case."""
        return "\n".join(text for _, text in self._lowered)

    def heard(self, rule_or_patterns: "Rule | tuple[re.Pattern[str], ...]") -> Hit | None:
        """The first message that one of the patterns (a rule's ``says``) fits."""
        if isinstance(rule_or_patterns, Rule):
            return self.said(*rule_or_patterns.words)
        return self.said(*(pattern.pattern for pattern in rule_or_patterns))

    def said(self, *patterns: str) -> Hit | None:
        """The first message that one of the regular expressions fits (case ignored).

        A pattern is compiled only when a text that every match must hold occurs somewhere (most never are), and put only to
        the messages that hold it: a log's long lines cost nothing.
        """
        if not self.messages:
            return None
        words = [(literals_of(pattern), pattern) for pattern in patterns]
        possible = [
            (literals, compiled(pattern))
            for literals, pattern in words
            if any(literal in self._all_text for literal in literals)
        ]
        if not possible:
            return None
        for message, text in self._lowered:
            for literals, pattern in possible:
                match = pattern.search(message.text) if any(literal in text for literal in literals) else None
                if match:
                    return Hit(message, match)
        return None

    def stated(self, *patterns: str) -> Hit | None:
        """As ``said``, but past what a text only supposes: "if the driver is too old, ..." is no driver that is too old."""
        if self.said(*patterns) is None:
            return None
        for message, text in self._lowered:
            for pattern in patterns:
                if not any(literal in text for literal in literals_of(pattern)):
                    continue
                for match in compiled(pattern).finditer(message.text):
                    if not _speech.is_supposed(message.text, match.start()):
                        return Hit(message, match)
        return None

    def said_both(self, patterns: "tuple[str, ...]", others: "tuple[str, ...]") -> Hit | None:
        """The first message that one of the patterns and one of the others fits: what is told together belongs together."""
        if self.said(*others) is None or self.said(*patterns) is None:
            return None
        for message, text in self._lowered:
            found = [
                next(
                    (
                        match
                        for pattern in group
                        if any(literal in text for literal in literals_of(pattern))
                        and (match := compiled(pattern).search(message.text))
                    ),
                    None,
                )
                for group in (patterns, others)
            ]
            if found[0] and found[1]:
                return Hit(message, found[0])
        return None

    def knows(self, path: str) -> bool:
        """The fact at ``path`` (``nvidia.nvml.init_rc``) is known; ``messages`` is when there is one."""
        if path == "messages":
            return bool(self.messages)
        value: object = self.snapshot
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
            if value is None:
                return False
        return True

    @cached_property
    def as_of(self) -> str:
        """The day of judgement, ISO: the day of the Snapshot; of a report not before the torch that it shows was released.

        Where nothing tells, the day of the index.
        """
        release = self.index.release(self.torch_base or "") if self.snapshot.origin == "report" else None
        days = [day[:10] for day in (self.snapshot.taken_at, release.date if release else None) if day]
        return max(days, default=self.index.date)

    @cached_property
    def newest_torch_then(self) -> str | None:
        """The newest stable torch on the day of judgement; None when it is older than the index."""
        then = [release.version for release in self.index.releases if release.date <= self.as_of]
        return max(then, key=compat.version_tuple, default=None)

    @cached_property
    def wanted(self) -> tuple[str | None, str]:
        """The device that is wanted, and why that is thought: as stated, else by the wheel, else by the hardware."""
        if self.expect:
            return self.expect, "stated with --expect"
        asked = self.env("UV_TORCH_BACKEND")
        if asked and asked != "auto":
            return compat.family(asked), f"UV_TORCH_BACKEND={asked}"
        if self.family in ("cuda", "rocm", "xpu"):
            return self.family, f"torch is a build for {self.backend}"
        return self._wanted_by_hardware

    @property
    def _wanted_by_hardware(self) -> tuple[str | None, str]:
        host = self.snapshot.host
        if host and host.system == "macos":
            is_arm = "arm64" in (host.machine, host.hardware_machine)
            return ("mps", "Apple silicon") if is_arm else ("cpu", "an Intel Mac")
        if self.has_nvidia_device:
            return "cuda", "an NVIDIA GPU is here"
        if compat.has_vendor(self.snapshot, "1002") and self.snapshot.amd and self.snapshot.amd.gpus:
            return "rocm", "an AMD GPU is here"
        if self.has_nvidia_device is False:
            return "cpu", "no GPU is here"
        return None, "neither torch nor the hardware tells"

    def dists(self, name: str) -> tuple[Distribution, ...]:
        """The installed distributions of that (normalised) name; () when there are none or nobody looked."""
        target = self.snapshot.target
        return tuple(d for d in (target.distributions or ()) if d.name == name) if target else ()

    def knows_dists(self) -> bool:
        """The installed distributions are known: a missing one is missing."""
        return self.snapshot.target is not None and self.snapshot.target.distributions is not None

    @cached_property
    def wheel(self) -> Wheel | None:
        """The installed torch by its own files."""
        return self.snapshot.target.wheel if self.snapshot.target else None

    @cached_property
    def torch_version(self) -> str | None:
        """Version of the installed torch with its local part where known: ``2.14.1+cu126``."""
        torch = self.snapshot.torch
        for version in (self.wheel.version if self.wheel else None, torch.version if torch else None):
            if version:
                return version
        return next((d.version for d in self.dists("torch") if d.version), None)

    @cached_property
    def torch_base(self) -> str | None:
        """The same without its local part: ``2.14.1``."""
        return self.torch_version.partition("+")[0] if self.torch_version else None

    @cached_property
    def cuda_build(self) -> str | None:
        """The CUDA that torch was built with, ``12.6``; None when it has none or nobody knows (see ``backend``)."""
        torch = self.snapshot.torch
        if self.wheel and self.wheel.cuda:
            return self.wheel.cuda
        if torch and torch.cuda_build_version:
            return torch.cuda_build_version
        local = (self.torch_version or "").partition("+")[2]
        match = re.match(r"cu(\d+)(\d)$", local)
        return f"{match[1]}.{match[2]}" if match else None

    @cached_property
    def backend(self) -> str | None:
        """Backend tag of the installed torch: ``cu126``, ``cpu``, ``rocm6.4``, ``xpu``; None when unknown or no torch."""
        torch = self.snapshot.torch
        local = (self.torch_version or "").partition("+")[2]
        match = re.match(r"(cu\d+|cpu|xpu|rocm[\d.]+)", local)
        if match:
            return match[1]
        if self.cuda_build:
            major, _, rest = self.cuda_build.partition(".")
            return f"cu{major}{rest.partition('.')[0]}"
        if (self.wheel and self.wheel.hip) or (torch and torch.hip_build_version):
            text = (self.wheel.rocm or self.wheel.hip if self.wheel else None) or (
                torch.hip_build_version if torch else ""
            )
            return "rocm" + ".".join((text or "").split(".")[:2])
        if (self.wheel and self.wheel.xpu) or (torch and torch.xpu_build_version):
            return "xpu"
        if self.wheel is not None and self.wheel.has_version_file:
            return "cpu"
        return None

    @cached_property
    def family(self) -> str | None:
        """``cuda``, ``rocm``, ``xpu`` or ``cpu`` (which is MPS too on macOS): family of ``backend``."""
        return compat.family(self.backend) if self.backend else None

    @cached_property
    def build(self) -> Build | None:
        """The index's row for the installed torch; None when it is not a build we know."""
        if not self.torch_base or not self.backend:
            return None
        return self.index.build(self.torch_base, self.backend, compat.platform_of(self.snapshot) or "linux_x86_64")

    @cached_property
    def architectures(self) -> tuple[tuple[str, ...], str] | None:
        """Compiled architectures of the installed torch (``sm_90``, ``compute_90``, ``gfx1100``) and where that is known from."""
        torch = self.snapshot.torch
        if torch and torch.arch_list:
            return torch.arch_list, "torch.cuda.get_arch_list()"
        if self.wheel and self.wheel.arch_list:
            return self.wheel.arch_list, "report"
        if self.build and (self.build.sass or self.build.ptx or self.build.gfx):
            return (*self.build.sass, *self.build.ptx, *self.build.gfx), f"wheels_index.json ({self.build.arch_level})"
        return None

    @cached_property
    def gpus(self) -> tuple[Gpu, ...]:
        """NVIDIA GPUs, as far as they are known; capability filled in from the name table where NVML did not say."""
        nvidia = self.snapshot.nvidia
        return compat.with_capabilities(nvidia.gpus or (), self.index) if nvidia else ()

    @cached_property
    def has_nvidia_device(self) -> bool | None:
        """An NVIDIA GPU is in this machine: by the bus, by NVML or by a report; None when nobody could look."""
        return compat.has_vendor(self.snapshot, "10de")

    @cached_property
    def driver_version(self) -> tuple[str, str] | None:
        """The NVIDIA driver version that decides (kernel module, else NVML, else nvidia-smi) and its source."""
        return compat.driver_version(self.snapshot)

    @cached_property
    def cuda_driver_version(self) -> tuple[tuple[int, int], str] | None:
        """Newest CUDA that the driver speaks, and its source (NVML, cuDriverGetVersion, nvidia-smi, driver table)."""
        return compat.cuda_driver_version(self.snapshot, self.index)

    @cached_property
    def is_container(self) -> bool:
        """Seen from inside a container."""
        return bool(self.snapshot.host and self.snapshot.host.container not in (None, "none"))

    def env(self, name: str) -> str | None:
        """A variable of the allow-list; None when it is not set or nobody looked."""
        return (self.snapshot.env or {}).get(name)

    @cached_property
    def system(self) -> str | None:
        """``linux``, ``windows``, ``macos``; None when nobody could tell, or for any other system."""
        system = self.snapshot.host.system if self.snapshot.host else None
        return system if system in ("linux", "windows", "macos") else None

    @cached_property
    def python(self) -> tuple[int, ...]:
        """Version of the target interpreter, (3, 12, 3); () when unknown."""
        target = self.snapshot.target
        return compat.version_tuple(target.version or "") if target else ()

    @cached_property
    def is_import_ok(self) -> bool | None:
        """Importing torch in the target worked; None when nobody tried or a report does not tell."""
        return self.snapshot.torch.result.is_ok if self.snapshot.torch else None

    @cached_property
    def text(self) -> str:
        """All messages in their order, for what spans lines."""
        return "\n".join(message.text for message in self.messages)

    def source(self, path: str, otherwise: str | None = None) -> str | None:
        """Where a fact was read: its line in a report, else ``otherwise``."""
        return self.snapshot.sources.get(path, otherwise)

    def is_in_words(self, *paths: str) -> bool:
        """One of these facts stands in a report as a person told it or as a command asked for it, not as a program printed it."""
        return any(self.snapshot.sources.get(path, "").endswith(("in words", "asked for")) for path in paths)

    @cached_property
    def is_blind(self) -> bool:
        """Of torch it was seen, or is said, that it finds no CUDA."""
        return bool(self.snapshot.torch and self.snapshot.torch.is_cuda_available is False)

    @cached_property
    def has_complaint(self) -> bool:
        """Something does not work: torch finds no CUDA, or the text speaks of an error or of what fails."""
        return self.is_blind or self.said(*COMPLAINTS, _tongues.COMPLAINT, _tongues.UNSUPPORTED) is not None

    def companion(self, name: str) -> Companion | None:
        """What a package compiled against torch says of itself."""
        target = self.snapshot.target
        return next((c for c in (target.companions or ()) if c.name == name), None) if target else None

    def version_of(self, name: str) -> str | None:
        """Version of an installed package, with its local part where known; None when absent or unknown."""
        if name == "torch":
            return self.torch_version
        companion = self.companion(name)
        if companion and companion.version:
            has_local = companion.local and "+" not in companion.version
            return f"{companion.version}+{companion.local}" if has_local else companion.version
        return next((d.version for d in self.dists(name) if d.version), None)

    def import_of(self, name: str) -> ImportResult | None:
        """How importing that package in a child ended (``--deep``); None when nobody tried."""
        torch = self.snapshot.torch
        results = torch.imports or () if torch else ()
        return next((r for r in results if r.module == name or r.module.startswith(f"{name}.")), None)
