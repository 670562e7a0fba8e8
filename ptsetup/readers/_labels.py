"""Lines of the form ``label: value``: torch's and vLLM's collect_env of all versions, issue templates, and what people write by hand."""

import re
from collections.abc import Callable

from ptsetup.facts import AmdGpu, Gpu, Library, Program
from ptsetup.readers import _system, _versions
from ptsetup.readers._draft import MEASURED, SAID, Draft
from ptsetup.readers._hardware import AMD, GFX, note_amd, note_gpus, note_intel, nvidia_names, own_capability
from ptsetup.readers._lines import Line

Handler = Callable[[Draft, str, int, int], None]

_LABEL = re.compile(
    r"^[\s|*\u2022+\-\u2013`>#\[\]]{0,12}(?P<label>[A-Za-z][\w ./()&,'+?-]{0,70}?)[`*\] ]{0,3}\s*[:\uff1a=|]\s*[`*]{0,2}\s*"
    r"(?P<value>.*?)[`*|\s]*$"
)
_CUDNN_FILE = re.compile(r"^\s*(?:/|[A-Za-z]:\\)\S*cudnn\S*\.(?:so|dll)\S*\s*$")
_EXAMPLE = re.compile(r"\((?:e\.?g\.?|for example|conda|please)[^)]*\)", re.IGNORECASE)
_FILLER = re.compile(
    r"\b(?:versions?|current|installed|my|the|your|used|models?|and configurations?|configurations?|type|names?|info"
    r"|information|i have|of|s)\b"
)
_NOTHING = frozenset(
    {"", "n/a", "na", "none", "could not collect", "no cuda", "unknown", "-", "not found", "not installed"}
)


def key_of(label: str) -> str:
    """A label reduced to what it asks for: ``GPU models and configuration`` -> ``gpu``."""
    label = _FILLER.sub(" ", _EXAMPLE.sub(" ", label.lower()).replace("_", " "))
    return " ".join(re.sub(r"[^\w/.+? ]", " ", label).split())


def is_nothing(value: str) -> bool:
    """A value that says that there is none, or that nobody could look."""
    return value.strip(" .`*").lower() in _NOTHING


def read(draft: Draft, line: Line) -> bool:
    """Take the fact of one labelled line; True when a program printed it and it says nothing else."""
    if _CUDNN_FILE.match(line.text):
        _library(draft, line.text, line.number, MEASURED)
        return True
    match = _LABEL.match(line.text)
    if match is None:
        return False
    label, value = match["label"].strip(), match["value"].strip()
    collect = COLLECT_ENV.get(" ".join(label.lower().split()))
    if collect is not None and draft.is_collect_env:
        draft.collect_env.setdefault(label, value)
        collect(draft, value, line.number, MEASURED)
        return True
    if collect is not None and value and len(value) < 400:
        collect(draft, value, line.number, SAID)
        return False
    handler = PROSE.get(key_of(label)) or PROSE.get(key_of(re.split(r", |\. ", label)[-1]))
    if handler is not None and value and len(value) < 400:
        handler(draft, value, line.number, SAID)
    return False


def _is_true(value: str) -> bool | None:
    word = value.strip(" `*'\".").lower().split(" ")[0].strip(",;")
    return {"true": True, "yes": True, "false": False, "no": False}.get(word)


def _torch(draft: Draft, value: str, line: int, worth: int) -> None:
    """``PyTorch version: 2.1.0+cu118``; ``N/A`` of collect_env means that torch could not be imported."""
    version = _versions.torch_version(value)
    if version:
        draft.note("target.wheel.version", version, line, worth)
        if worth != MEASURED and "+" in version and draft.running is None:
            draft.running = (version, line)
        if worth == MEASURED:
            draft.note("torch.version", version, line, worth)
            draft.note("torch.result.is_ok", "cannot be imported" not in value, line, worth)
        cuda = re.search(r"cuda[ =:]*v?([0-9]{1,2}\.[0-9])", value, re.IGNORECASE)
        if cuda:
            draft.note("target.wheel.cuda", cuda[1], line, worth)
    elif worth == MEASURED and is_nothing(value):
        draft.note("torch.result.is_ok", False, line, worth)
    built = re.search(r"compiled with (?:cuda|cu) ?([0-9]{1,2}\.[0-9])", value, re.IGNORECASE)
    if built:
        draft.note("target.wheel.cuda", built[1], line, worth)
    index = re.search(r"\bcu([0-9]{2})([0-9])\b", value)
    if index and worth > MEASURED:
        draft.note("target.wheel.cuda", f"{index[1]}.{index[2]}", line, worth)


def _built_with_cuda(draft: Draft, value: str, line: int, worth: int) -> None:
    if value.strip().lower() in ("false", "no"):
        draft.note("target.wheel.has_version_file", True, line, worth)


def _cuda_build(draft: Draft, value: str, line: int, worth: int) -> None:
    """``CUDA used to build PyTorch``: of a torch that was imported, anything but a number means that the build has none."""
    version = re.match(r"[0-9]+\.[0-9]+", value)
    if version:
        draft.note("target.wheel.cuda", version[0], line, worth)
        draft.note("torch.cuda_build_version", version[0], line, worth)
        draft.note("target.wheel.has_version_file", True, line, worth)
    elif draft.get("torch.version", MEASURED):
        draft.note("target.wheel.has_version_file", True, line, worth)


def _rocm_build(draft: Draft, value: str, line: int, worth: int) -> None:
    version = re.match(r"[0-9]+\.[0-9]+[\w.-]*", value)
    if version:
        draft.note("target.wheel.hip", version[0], line, worth)
        draft.note("torch.hip_build_version", version[0], line, worth)
        draft.note("target.wheel.has_version_file", True, line, worth)


def _xpu_build(draft: Draft, value: str, line: int, worth: int) -> None:
    if re.match(r"[0-9]", value):
        draft.note("target.wheel.xpu", value.split(maxsplit=1)[0], line, worth)
        draft.note("torch.xpu_build_version", value.split(maxsplit=1)[0], line, worth)


def _cuda_available(draft: Draft, value: str, line: int, worth: int) -> None:
    answer = _is_true(value)
    draft.note("torch.is_cuda_available", answer, line, worth)
    if answer is None and re.search(r"\berror\b|memory", value, re.IGNORECASE):
        draft.message(value, line)


def _mps_built(draft: Draft, value: str, line: int, worth: int) -> None:
    draft.note("torch.is_mps_built", _is_true(value), line, worth)


def _mps_available(draft: Draft, value: str, line: int, worth: int) -> None:
    draft.note("torch.is_mps_available", _is_true(value), line, worth)


def _xpu_available(draft: Draft, value: str, line: int, worth: int) -> None:
    draft.note("torch.is_xpu_available", _is_true(value), line, worth)


def _driver(draft: Draft, value: str, line: int, worth: int) -> None:
    """The NVIDIA driver; collect_env asks nvidia-smi for it."""
    versions = re.findall(r"(?<![0-9.])[0-9]{2,3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?(?![0-9.])", value)
    if versions:
        draft.note("nvidia.smi.driver_version", versions[0], line, worth)
    elif re.fullmatch(r"(?:nvidia )?(?:v|driver )?([0-9]{3})(?:\.x+|\+)?", value.strip(), re.IGNORECASE):
        number = re.search(r"[0-9]{3}", value)
        draft.note("nvidia.smi.driver_version", number[0] if number else None, line, worth)


def _open_modules(draft: Draft, value: str, line: int, worth: int) -> None:
    """The template of NVIDIA's open modules asks for their version."""
    version = re.match(r"[0-9]{3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?", value)
    draft.note("nvidia.kernel_module_version", version[0] if version else None, line, worth)
    draft.note("nvidia.kernel_module_flavor", "open" if version else None, line, worth)


def _nvcc(draft: Draft, value: str, line: int, _worth: int) -> None:
    """``CUDA runtime version`` of collect_env is what nvcc says, not what torch uses."""
    version = re.match(r"[0-9]+\.[0-9]+[0-9.]*", value)
    if version:
        draft.programs.setdefault(
            "nvcc", (line, Program(name="nvcc", version=version[0], path="nvcc", source="report"))
        )


def _library(draft: Draft, value: str, _line: int, _worth: int) -> None:
    """A library that the loader's cache holds: collect_env lists those of cuDNN."""
    match = re.search(
        r"(?P<path>\S*[/\\](?P<soname>lib(?:cudnn|nccl|cuda|cublas\w*|cudart|nvJitLink)[\w]*\.so)\.(?P<version>[0-9][0-9.]*))",
        value,
    )
    if match:
        soname = f"{match['soname']}.{match['version'].split('.')[0]}"
        draft.loader_cache.append(
            Library(soname=soname, path=match["path"], version=match["version"], via="ld.so.cache")
        )


def _gpu(draft: Draft, value: str, line: int, worth: int) -> None:
    """``GPU models and configuration``: a list may follow on the next lines (each ``GPU 0: ...``)."""
    if is_nothing(value):
        return
    match = re.match(r"GPU ?[0-9]+ ?[:\uff1a] ?(.+)", value)
    if match:
        device(draft, match[1], line, worth)
        return
    if worth == MEASURED and (AMD.search(value) or GFX.search(value)):
        note_amd(draft, value, line, worth)
        return
    before = len(draft.gpus.get(worth, ()))
    note_gpus(draft, value, line, worth)
    capability = own_capability(value)
    if capability and len(draft.gpus.get(worth, ())) == before + 1:
        draft.change_last_gpu(worth, compute_capability=capability)


_UUID = re.compile(r"\(?UUID: ?(GPU-[0-9a-f-]{8,})\)?", re.IGNORECASE)


def device(draft: Draft, value: str, line: int, worth: int, index: int = 0) -> None:
    """One device of a list: ``NVIDIA A10 (UUID: GPU-...)`` or an AMD name with its target."""
    if is_nothing(value):
        return
    uuid = _UUID.search(value)
    name = re.sub(r"\s*\((?:UUID|\.\.\.|id).*$", "", value, flags=re.IGNORECASE).strip()
    if GFX.search(value) or (AMD.search(name) and not nvidia_names(name, is_labelled=True)):
        note_amd(draft, value, line, worth)
    elif re.search(r"\bintel\b", name, re.IGNORECASE):
        note_intel(draft, name, line)
    elif name and len(name) < 80:
        names = [name] if worth == MEASURED else nvidia_names(name, is_labelled=True) or [name]
        draft.gpu(Gpu(index=index, name=names[0], uuid=uuid[1] if uuid else None, source="report"), line, worth)
        capability = own_capability(value)
        if capability:
            draft.change_last_gpu(worth, compute_capability=capability)


def _hip_runtime(draft: Draft, value: str, line: int, worth: int) -> None:
    version = re.match(r"[0-9]+\.[0-9]+[0-9.]*", value)
    if version:
        draft.note("amd.rocm_version", version[0], line, worth)


def _gfx(draft: Draft, value: str, line: int, worth: int) -> None:
    match = GFX.search(value)
    if match:
        draft.amd_gpu(AmdGpu(gfx=match[0].lower()), line, worth)


def _python_platform(draft: Draft, value: str, line: int, worth: int) -> None:
    _system.note_platform(draft, value, line, worth)


def _module_loading(draft: Draft, value: str, line: int, worth: int) -> None:
    """Nothing to learn; its presence dates the form."""


def _dist(name: str) -> Handler:
    def keep(draft: Draft, value: str, line: int, worth: int) -> None:
        version = _versions.first(value)
        if version:
            _versions.note_distribution(draft, name, version, line, worth)

    return keep


COLLECT_ENV: dict[str, Handler] = {
    "pytorch version": _torch,
    "is debug build": _module_loading,
    "cuda used to build pytorch": _cuda_build,
    "pytorch built with cuda": _built_with_cuda,
    "built with cuda": _built_with_cuda,
    "rocm used to build pytorch": _rocm_build,
    "xpu used to build pytorch": _xpu_build,
    "os": _system.note_os,
    "gcc version": _module_loading,
    "clang version": _module_loading,
    "cmake version": _module_loading,
    "libc version": _system.note_libc,
    "python version": _system.note_python,
    "python platform": _python_platform,
    "is cuda available": _cuda_available,
    "cuda runtime version": _nvcc,
    "cuda_module_loading set to": _module_loading,
    "gpu models and configuration": _gpu,
    "nvidia driver version": _driver,
    "cudnn version": _library,
    "is xpu available": _xpu_available,
    "hip runtime version": _hip_runtime,
    "miopen runtime version": _module_loading,
    "is xnnpack available": _module_loading,
    "caching allocator config": _module_loading,
    "intel gpu driver version": _module_loading,
    "intel gpu models onboard": _module_loading,
    "intel gpu models detected": _gpu,
    "rocm version": _hip_runtime,
    "neuron sdk version": _module_loading,
    "vllm version": _dist("vllm"),
    "vllm build flags": _module_loading,
}
"""Labels of collect_env, torch's and vLLM's; its values were printed by a program."""

_TORCH_WORDS = (
    "pytorch",
    "torch",
    "pytorch/torch",
    "torch pytorch",
    "pytorch torch",
    "torch/pytorch",
    "pytorch build",
    "torch.version",
    "torch.__version__",
    "torch version",
    "pytorch cuda",
)
_OS_WORDS = (
    "os",
    "operating system",
    "system",
    "os platform",
    "platform",
    "host os",
    "linux distribution",
    "distro",
    "operating system os",
    "os platform and distribution",
    "os/distribution",
    "distribution",
    "windows",
    "macos",
    "os/platform",
    "environment",
)
_GPU_WORDS = (
    "gpu",
    "gpus",
    "graphics card",
    "graphics",
    "video card",
    "gpu/vram",
    "gpu hardware",
    "gpu device",
    "device",
    "hardware",
    "nvidia gpu",
    "nvidia gpus",
    "graphic card",
    "card",
    "gpu card",
    "accelerator",
    "hardware gpu",
    "gpu vram",
    "gpu and memory",
    "gpu memory",
    "cuda device",
    "gpu 0",
    "device 0",
    "gpu device 0",
    "video",
    "vga",
    "igpu",
    "dgpu",
    "cuda gpu",
    "rocm device detected",
    "gpu/cuda",
    "using device",
    "gpu setup",
    "gpu environment",
    "display",
    "display adapter",
)
_CUDA_AVAILABLE_WORDS = (
    "is cuda available",
    "cuda available",
    "torch.cuda.is available",
    "cuda is available",
    "torch.cuda.is available ?",
    "torch.cuda.is available?",
    "is cuda available?",
    "cuda available?",
    "torch cuda available",
    "torch.cuda.available",
    "pytorch cuda available",
    "pytorch detects gpu",
    "gpu available",
    "torch.cuda",
    "torch cuda",
    "cuda",
)

PROSE: dict[str, Handler] = {
    **dict.fromkeys(_TORCH_WORDS, _torch),
    **dict.fromkeys(_OS_WORDS, _system.note_os),
    **dict.fromkeys(_GPU_WORDS, _gpu),
    **dict.fromkeys(_CUDA_AVAILABLE_WORDS, _cuda_available),
    "python": _system.note_python,
    "driver": _driver,
    "nvidia driver": _driver,
    "gpu driver": _driver,
    "nvidia gpu driver": _driver,
    "cuda driver": _driver,
    "graphics driver": _driver,
    "nvidia drivers": _driver,
    "nvidia open gpu kernel modules": _open_modules,
    "libc": _system.note_libc,
    "glibc": _system.note_libc,
    "mps built": _mps_built,
    "is mps metal performance shader built?": _mps_built,
    "is mps built": _mps_built,
    "is mps built?": _mps_built,
    "torch.backends.mps.is built": _mps_built,
    "mps available": _mps_available,
    "is mps available": _mps_available,
    "is mps available?": _mps_available,
    "torch.backends.mps.is available": _mps_available,
    "torch.xpu.is available": _xpu_available,
    "xpu available": _xpu_available,
    "productname": _system.note_os,
    "productversion": _system.note_product,
    "kernel": _system.note_kernel,
    "linux kernel": _system.note_kernel,
    "kernel release": _system.note_kernel,
    "os kernel": _system.note_kernel,
    "wsl": _system.note_wsl,
    "cpu": _system.note_cpu,
    "model": _system.note_cpu,
    "processor": _system.note_cpu,
    "cpu model": _system.note_cpu,
    "chip": _system.note_cpu,
    "flags": _system.note_cpu_flags,
    "architecture": _system.note_machine,
    "machine": _system.note_machine,
    "arch": _system.note_machine,
    "cpu architecture": _system.note_machine,
    "jetpack": _system.note_jetpack,
    "l4t": _system.note_jetpack,
    "gfx": _gfx,
    "gpu arch": _gfx,
    "gpu architecture": _gfx,
    "vllm": _dist("vllm"),
    "torchvision": _dist("torchvision"),
    "torchaudio": _dist("torchaudio"),
    "xformers": _dist("xformers"),
    "triton": _dist("triton"),
    "numpy": _dist("numpy"),
    "flash attn": _dist("flash-attn"),
    "flash attention": _dist("flash-attn"),
    "bitsandbytes": _dist("bitsandbytes"),
    "transformers": _dist("transformers"),
    "rocm": _hip_runtime,
}
"""Labels that people write, reduced by ``key_of``."""
