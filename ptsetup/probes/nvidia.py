"""The NVIDIA section: the driver's files, then NVML and libcuda, each in a child of its own; nvidia-smi where NVML fails."""

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from ptsetup.facts import CudaDriver, Gpu, Library, Nvidia, Nvml, Unknown, replace
from ptsetup.probes import _ask, deadlines, driver, smi
from ptsetup.probes._found import Found
from ptsetup.probes._tree import Tree
from ptsetup.probes.begin import Question

LIBRARY_NOT_FOUND = 12

ISOLATED = ("-I", "-S")
"""Our own interpreter without site-packages: it starts faster, and nothing of the user's can disturb it."""


def probe(
    *,
    root: str = "/",
    env: Mapping[str, str] | None = None,
    deadline_scale: float = 1.0,
    is_deep: bool = False,
) -> Found:
    """Read the NVIDIA section; ``root`` stands for /, and with another root no library is asked. Never raises."""
    started = time.monotonic()
    env = os.environ if env is None else env
    tree = Tree(root)
    libraries = _libraries(tree, env)
    asking = _Asking(env, libraries, deadline_scale, is_deep=is_deep) if tree.is_real else None
    section = _by_files(tree, env, libraries)
    unknowns: tuple[Unknown, ...] = ()
    if asking is not None:
        section, unknowns = asking.finish(section)
    return Found(
        record=section,
        status=_status(section),
        detail=_detail(section),
        unknowns=(*tree.unknowns, *unknowns),
        seconds=time.monotonic() - started,
    )


def _libraries(tree: Tree, env: Mapping[str, str]) -> tuple[Library, ...] | None:
    if sys.platform == "win32" and tree.is_real:
        return _on_windows(env)
    if sys.platform == "darwin" and tree.is_real:
        tree.note("nvidia", "unsupported", "NVIDIA has no driver for this system.")
        return ()
    return driver.found_libraries(tree, env)


def _on_windows(env: Mapping[str, str]) -> tuple[Library, ...]:
    system = os.path.join(env.get("SYSTEMROOT", r"C:\Windows"), "System32")  # noqa: PTH118 - a text
    old = os.path.join(env.get("PROGRAMFILES", r"C:\Program Files"), "NVIDIA Corporation", "NVSMI")  # noqa: PTH118 - a text
    places = ((system, "nvcuda.dll"), (system, "nvml.dll"), (old, "nvml.dll"))
    paths = [(name, os.path.join(folder, name)) for folder, name in places]  # noqa: PTH118 - texts
    return tuple(Library(soname=name, path=path, via="PATH") for name, path in paths if os.path.isfile(path))  # noqa: PTH113


def _by_files(tree: Tree, env: Mapping[str, str], libraries: tuple[Library, ...] | None) -> Nvidia:
    version, flavor = driver.kernel_module(tree)
    has_pipe, has_daemon = driver.mps(tree, env)
    return Nvidia(
        kernel_module_version=version,
        kernel_module_flavor=flavor,
        device_file_mode=driver.device_file_mode(tree),
        user_library_version=driver.library_version(libraries or ()),
        libraries=libraries,
        module_is_for_running_kernel=driver.is_module_built(tree),
        mps_pipe_exists=has_pipe,
        mps_daemon_runs=has_daemon,
        has_nvidia_runtime=driver.has_nvidia_runtime(tree),
        cdi_driver_version=driver.cdi_driver_version(tree),
    )


class _Asking:
    """The children that load NVML and libcuda, where the loader would find these."""

    def __init__(
        self,
        env: Mapping[str, str],
        libraries: tuple[Library, ...] | None,
        scale: float,
        *,
        is_deep: bool,
    ) -> None:
        self._env, self._scale = env, scale
        self._libraries = libraries or ()
        self._binding = driver.binding()
        self._nvml = self._cuda = None
        if self._has("libnvidia-ml.so.1", "nvml.dll") and self._binding and sys.executable:
            deadline_s = (deadlines.NVML_DEEP_S if is_deep else deadlines.NVML_S) * scale
            options = {"pynvml": self._binding, "is_deep": is_deep}
            self._nvml = self._question("nvml_facts.py", options, deadline_s)
        if self._has("libcuda.so.1", "nvcuda.dll") and sys.executable:
            self._cuda = self._question("cuda_facts.py", {}, deadlines.CUDA_S * scale)

    def _has(self, on_linux: str, on_windows: str) -> bool:
        if sys.platform == "win32":
            return any(library.soname == on_windows for library in self._libraries)
        return driver.reachable(self._libraries, on_linux, self._env)

    def _question(self, script: str, options: Mapping[str, Any], deadline_s: float) -> Question:
        return Question(sys.executable, script, options, deadline_s=deadline_s, flags=ISOLATED, env=dict(self._env))

    def finish(self, section: Nvidia) -> tuple[Nvidia, tuple[Unknown, ...]]:
        """The section with what the children told."""
        unknowns: list[Unknown] = []
        nvml, gpus = self._finish_nvml(unknowns)
        section = replace(section, nvml=nvml, gpus=gpus, cuda=self._finish_cuda(unknowns))
        if nvml.init_rc != 0 and not nvml.is_hung and sys.platform != "darwin":
            section = replace(section, smi=smi.ask(self._env, deadline_scale=self._scale))
        return section, tuple(unknowns)

    def _finish_nvml(self, unknowns: list[Unknown]) -> tuple[Nvml, tuple[Gpu, ...] | None]:
        if self._nvml is None:
            why = (
                "The loader finds no NVML library."
                if self._binding
                else "nvidia-ml-py is not installed beside ptsetup."
            )
            unknowns.append(Unknown(path="nvidia.gpus", reason="absent" if self._binding else "failed", detail=why))
            return Nvml(load_error=why, init_rc=LIBRARY_NOT_FOUND if self._binding else None), None
        return nvml_of(_ask.finish(self._nvml), unknowns)

    def _finish_cuda(self, unknowns: list[Unknown]) -> CudaDriver | None:
        if self._cuda is None:
            unknowns.append(
                Unknown(path="nvidia.cuda", reason="absent", detail="The loader finds no CUDA driver library.")
            )
            return None
        return cuda_of(_ask.finish(self._cuda), unknowns)


def nvml_of(asked: _ask.Asked, unknowns: list[Unknown]) -> tuple[Nvml, tuple[Gpu, ...] | None]:
    """What the NVML child told before it ended; why it told no more is added to ``unknowns``."""
    unknowns += asked.unknowns
    nvml, odd = _ask.record(Nvml, asked.section("nvml"), "nvidia.nvml")
    unknowns += odd
    is_hung = asked.completed.ending == "timeout"
    nvml = replace(nvml, seconds=round(asked.completed.seconds, 3), is_hung=is_hung)
    if asked.problem is not None:
        reason = "timeout" if is_hung else "failed"
        detail = f"The child that asks NVML {asked.problem}."
        unknowns.append(
            Unknown(path="nvidia.nvml" if nvml.init_rc is None else "nvidia.gpus", reason=reason, detail=detail)
        )
        nvml = replace(nvml, load_error=nvml.load_error or (None if is_hung else detail))
    if nvml.init_rc != 0 or nvml.count is None:
        if asked.problem is None:
            code = nvml.init_rc if nvml.init_rc != 0 else nvml.count_rc
            unknowns.append(Unknown(path="nvidia.gpus", reason="failed", detail=f"NVML answers with code {code}."))
        return nvml, None
    return nvml, _gpus(asked.section("gpus"), unknowns)


def _gpus(facts: Mapping[str, Any], unknowns: list[Unknown]) -> tuple[Gpu, ...]:
    gpus: list[Gpu] = []
    for index in sorted((name for name in facts if name.isdigit()), key=int):
        gpu, odd = _ask.record(Gpu, facts[index] if isinstance(facts[index], dict) else {}, f"nvidia.gpus[{len(gpus)}]")
        unknowns += odd
        gpus.append(gpu)
    return tuple(gpus)


def cuda_of(asked: _ask.Asked, unknowns: list[Unknown]) -> CudaDriver:
    """What the libcuda child told before it ended."""
    cuda, odd = _ask.record(CudaDriver, asked.section("cuda"), "nvidia.cuda")
    unknowns += odd
    is_hung = asked.completed.ending == "timeout"
    if asked.problem is not None:
        reason = "timeout" if is_hung else "failed"
        unknowns.append(
            Unknown(path="nvidia.cuda.init_rc", reason=reason, detail=f"The child that asks libcuda {asked.problem}.")
        )
    return replace(cuda, seconds=round(asked.completed.seconds, 3), is_hung=is_hung)


def _status(section: Nvidia) -> str:
    nvml, cuda = section.nvml, section.cuda
    if (nvml is not None and nvml.is_hung) or (cuda is not None and cuda.is_hung):
        return "timeout"
    if nvml is not None and nvml.init_rc == 0:
        return "found"
    if section.kernel_module_version or section.libraries or section.smi:
        return "failed"
    return "absent"


def _detail(section: Nvidia) -> str | None:
    nvml, status = section.nvml, _status(section)
    if status == "found":
        return None if section.gpus else "The driver works and lists no GPU."
    if status == "absent":
        return "Neither NVIDIA's kernel module nor its libraries are here."
    if status == "timeout":
        return "NVML did not answer." if nvml is not None and nvml.is_hung else "cuInit did not answer."
    if nvml is None:
        return "NVML was not asked."
    return nvml.load_error or f"NVML answers with code {nvml.init_rc}."
