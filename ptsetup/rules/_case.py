"""What rules look at: a Snapshot, the WheelIndex, what is expected, and the questions that many rules ask of them."""

import re
from dataclasses import dataclass
from functools import cached_property

from ptsetup import compat
from ptsetup.facts import Distribution, Gpu, Message, Snapshot, Wheel
from ptsetup.index import Build, WheelIndex
from ptsetup.rules._rule import Evidence, Rule


@dataclass(frozen=True)
class Hit:
    """An error text that was seen."""

    message: Message
    match: "re.Match[str]"

    @property
    def evidence(self) -> Evidence:
        """The line as evidence."""
        where = f"{self.message.source} line {self.message.line}" if self.message.line else self.message.source
        return Evidence(path="messages", value=self.message.text.strip()[:300], source=where)


@dataclass(frozen=True)
class Case:
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
        smi = self.snapshot.nvidia.smi if self.snapshot.nvidia else None
        if smi is not None and smi.message:
            found.append(Message(text=smi.message, source="nvidia-smi"))
        return tuple(found)

    def heard(self, rule_or_patterns: "Rule | tuple[re.Pattern[str], ...]") -> Hit | None:
        """The first message that one of the patterns (a rule's ``says``) fits."""
        patterns = rule_or_patterns.says if isinstance(rule_or_patterns, Rule) else rule_or_patterns
        for message in self.messages:
            for pattern in patterns:
                match = pattern.search(message.text)
                if match:
                    return Hit(message, match)
        return None

    def said(self, *patterns: str) -> Hit | None:
        """The first message that one of the regular expressions fits (case ignored)."""
        return self.heard(tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns))

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
        if self.wheel and self.wheel.hip or torch and torch.hip_build_version:
            text = (self.wheel.rocm or self.wheel.hip if self.wheel else None) or (
                torch.hip_build_version if torch else ""
            )
            return "rocm" + ".".join((text or "").split(".")[:2])
        if self.wheel and self.wheel.xpu or torch and torch.xpu_build_version:
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
