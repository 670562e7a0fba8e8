"""What commands in a report show: variables that were set, containers that were started, builds that were asked for."""

import re

from ptsetup.facts import PipConfig, Program
from ptsetup.readers._draft import ASKED, HINTED, SAID, Draft
from ptsetup.readers._lines import Line

VARIABLES = re.compile(
    r"CUDA_\w+|NVIDIA_\w+|LD_LIBRARY_PATH|LD_PRELOAD|DYLD_LIBRARY_PATH|DYLD_INSERT_LIBRARIES|PYTHONPATH|PYTHONHOME"
    r"|PYTHONNOUSERSITE|PYTORCH_\w+|TORCH_\w+|TORCHINDUCTOR_\w+|TRITON_\w+|HSA_\w+|HIP_\w+|ROCR_VISIBLE_DEVICES|ROCM_\w+"
    r"|GPU_DEVICE_ORDINAL|ZE_AFFINITY_MASK|ONEAPI_DEVICE_SELECTOR|NCCL_\w+|GLOO_\w+|OMP_\w+|KMP_\w+|MKL_\w+|MASTER_ADDR"
    r"|MASTER_PORT|RANK|WORLD_SIZE|LOCAL_RANK|LOCAL_WORLD_SIZE|CC|CXX|CUDAHOSTCXX|PIP_\w+|UV_\w+|HF_HUB_OFFLINE|HF_HOME"
    r"|VLLM_\w+|SLURM_\w+|KUBERNETES_\w+|XDG_CACHE_HOME|BNB_CUDA_VERSION|MAX_JOBS|GLIBC_TUNABLES|CONDA_PREFIX|VIRTUAL_ENV"
)
"""Names of variables that rules look at."""

_BEGINNINGS = (
    "CUDA", "NVIDIA_", "LD_", "DYLD_", "PYTHON", "TORCH", "TRITON_", "HSA_", "HIP_", "ROCR_", "ROCM_", "GPU_DEVICE_ORDINAL", "ZE_",
    "ONEAPI_", "NCCL_", "GLOO_", "OMP_", "KMP_", "MKL_", "MASTER_", "RANK", "WORLD_SIZE", "CC", "CXX", "PIP_", "UV_", "HF_", "VLLM_",
    "SLURM_", "KUBERNETES_", "XDG_", "BNB_", "MAX_JOBS", "GLIBC_", "CONDA_", "VIRTUAL_ENV",
)  # fmt: skip
"""One of these is in each of those names."""

_VALUE = r"\"[^\"]{0,600}\"|'[^']{0,600}'|[^\s`;&|)\"']{0,600}"
_SETTING = re.compile(
    r"(?:^|[\s;`\"'(*]|-e |--env |%env |\$env:)(?P<set>export |set |setenv |declare -x )?"
    rf"(?P<name>{VARIABLES.pattern})\s?=\s?(?P<value>{_VALUE})"
)
_ECHO = re.compile(rf"echo \"?\$\{{?(?P<name>{VARIABLES.pattern})\}}?\"?\s*$")
_ENVIRON = re.compile(
    rf"(?:os\.environ\[|environ\.setdefault\(|putenv\()[\"'](?P<name>{VARIABLES.pattern})[\"'](?:\]\s?=|,)\s?"
    r"[\"'](?P<value>[^\"']{0,200})[\"']"
)
_LABELLED = re.compile(rf"^[\s*`-]{{0,8}}(?P<name>{VARIABLES.pattern}) ?[:] (?P<value>\S.{{0,400}})$")

_ADVICE = re.compile(
    r"consider passing|you can (?:also )?set|please set|set the environment variable|\btry(?:ing)? (?:setting|to set)"
    r"|by setting|\bunset\b|you may set|should set|to allow|need to set",
    re.IGNORECASE,
)
"""Programs and people propose settings; a proposal is not one."""

_DOCKER = re.compile(
    r"\b(?P<tool>docker|podman|nerdctl|nvidia-docker)\b(?:[ -]compose)?(?: --?[\w-]+(?:[ =][\w./:-]+)?){0,4}?\s+(?:container )?"
    r"(?P<verb>run|exec|up|build)\b",
    re.IGNORECASE,
)
_PROMPT = re.compile(r"(?:^|[\s`\[(])[a-z_][\w-]{0,30}@[0-9a-f]{12}(?=[:\s~])")
"""A shell's prompt inside a container of docker or podman: its name is the first 12 digits of its number."""

_COMPOSED = re.compile(r"\s*[a-z][\w.-]{0,40}[-_][0-9]{1,2} +\| ")
"""What docker compose puts before the lines of each container."""

_IN_CONTAINER = re.compile(
    r"\(container\)|\b(?:in|inside|within|from) (?:the |a |an |my |this |our |its )?(?:running )?(?:docker |podman |singularity "
    r"|apptainer |lxc |oci )?(?:dev ?)?container\b"
    r"|(?:docker|容器|コンテナー?|컨테이너)\S{0,4}(?:内|里|裡|中)|(?:进入|在)\S{0,3}(?:docker|容器)"
    r"|(?:im|dans le|en el|dentro do|в) (?:docker|contain\w+|conteneur|contenedor|контейнер\w*)"
    r"|\b(?:in|inside|within|under|with) docker\b(?!hub|file|[- ]?desktop)|\bdev ?container\b|\bdockerized\b"
)
_IN_POD = re.compile(
    r"\b(?:in|inside|within|from) (?:the |a |my |this |our )?(?:kubernetes |k8s |k3s )?pods?\b|\b(?:kubernetes|k8s|k3s) pods?\b|"
    r"\bkubectl exec\b"
)
_CAPABILITIES = re.compile(r"--gpus\b[^\n]{0,60}?\bcapabilities=([a-z,]+?)(?=[\"'\s]|,device|,count|$)")
_APPTAINER = re.compile(r"\b(?:apptainer|singularity) (?:exec|run|shell)\b")
_IMAGE = re.compile(
    r"pytorch(?:/pytorch)?[:@](?P<version>[0-9]+\.[0-9]+(?:\.[0-9]+)?)(?:-cuda(?P<cuda>[0-9]{1,2}\.[0-9]))?",
    re.IGNORECASE,
)
_INSTALL = re.compile(
    r"\b(?:pip3?|uv pip|uv|conda|mamba|micromamba|poetry) (?:install|add)\b(?P<rest>.*)", re.IGNORECASE
)
_ASKED_TORCH = re.compile(
    r"(?<![\w-])(?:py)?torch={1,3}(?P<version>[0-9]+\.[0-9]+(?:\.[0-9]+)?(?:\+\w+)?)", re.IGNORECASE
)
_INDEX = re.compile(r"download\.pytorch\.org/whl/(?:nightly/|test/)?(?P<tag>cu[0-9]{2,3}|cpu|rocm[0-9.]+|xpu)\b")
_CUDATOOLKIT = re.compile(r"\b(?:cudatoolkit|pytorch-cuda)\s?=+\s?(?P<cuda>[0-9]{1,2}\.[0-9])")
_NVCC = re.compile(r"Cuda compilation tools, release (?P<release>[0-9]+\.[0-9]+)(?:, V(?P<version>[0-9.]+))?")
_INDEX_ARGUMENT = re.compile(
    r"(?P<kind>--index-url|-i|--extra-index-url|--index|-f|--find-links)[ =](?P<url>https?://\S+)"
)


class Commands:
    """Reads line after line: what ``echo $NAME`` prints stands on the next one."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.asked_for: str | None = None

    def read(self, line: Line) -> None:
        """Take the facts that a command line shows."""
        number, text = line.number, line.text
        if self.asked_for is not None:
            if re.match(r"^\s*[/\w:.,-]*\s*$", text) and len(text) < 2000:
                self.draft.env.setdefault(self.asked_for, (number, text.strip()))
            self.asked_for = None
        if "=" in text or "$" in text or ":" in text:
            self._variables(text, number)
        lower = text.lower()
        if (
            "docker" in lower
            or "podman" in lower
            or "singularity" in lower
            or "apptainer" in lower
            or "nerdctl" in lower
        ):
            self._container(text, number)
        self._place(text, lower, number)
        if "install" in lower or "add " in lower:
            self._install(text, number)
        if "pytorch" in lower:
            image = _IMAGE.search(text)
            if image:
                self.draft.note("target.wheel.version", image["version"], number, HINTED)
                self.draft.note("target.wheel.cuda", image["cuda"], number, HINTED)
        nvcc = _NVCC.search(text)
        if nvcc:
            program = Program(name="nvcc", version=nvcc["version"] or nvcc["release"], path="nvcc", source="report")
            self.draft.programs.setdefault("nvcc", (number, program))

    def _place(self, text: str, lower: str, number: int) -> None:
        """A prompt or words that tell that what follows was typed in a container."""
        if _IN_CONTAINER.search(lower):
            self.draft.note("host.container", "docker", number, SAID)
        elif "pod" in lower and _IN_POD.search(lower):
            self.draft.note("host.container", "kubernetes", number, SAID)
        elif ("@" in text and _PROMPT.search(text)) or ("|" in text and _COMPOSED.match(text)):
            self.draft.note("host.container", "docker", number, HINTED)

    def _variables(self, text: str, number: int) -> None:
        if not any(word in text for word in _BEGINNINGS) or _ADVICE.search(text):
            return
        echo = _ECHO.search(text)
        if echo:
            self.asked_for = echo["name"]
            return
        for pattern in (_SETTING, _ENVIRON, _LABELLED):
            for match in pattern.finditer(text):
                value = match["value"].strip().removesuffix("**").strip("\"'").rstrip(",")
                if "unset" not in text and "$(" not in value:
                    self.draft.env.setdefault(match["name"], (number, value))

    def _container(self, text: str, number: int) -> None:
        capabilities = _CAPABILITIES.search(text)
        if capabilities:
            self.draft.env.setdefault("NVIDIA_DRIVER_CAPABILITIES", (number, capabilities[1]))
        match = _DOCKER.search(text)
        if match:
            tool = match["tool"].lower()
            self.draft.note("host.container", "podman" if tool == "podman" else "docker", number, SAID)
        elif _APPTAINER.search(text):
            self.draft.note("host.container", "apptainer", number, SAID)

    def _install(self, text: str, number: int) -> None:
        install = _INSTALL.search(text)
        if install is None:
            return
        rest = install["rest"]
        asked = _ASKED_TORCH.search(rest)
        index = _INDEX.search(rest)
        toolkit = _CUDATOOLKIT.search(rest)
        self.draft.note("target.wheel.version", asked["version"] if asked else None, number, ASKED)
        if index and index["tag"].startswith("cu"):
            digits = index["tag"][2:]
            self.draft.note("target.wheel.cuda", f"{digits[:-1]}.{digits[-1]}", number, ASKED)
        elif index and index["tag"].startswith("rocm"):
            self.draft.note("target.wheel.hip", index["tag"][4:], number, ASKED)
        elif toolkit and "torch" in rest:
            self.draft.note("target.wheel.cuda", toolkit["cuda"], number, ASKED)
        urls = {match["kind"]: match["url"].strip("\"'`") for match in _INDEX_ARGUMENT.finditer(rest)}
        if urls:
            main = urls.get("--index-url") or urls.get("-i") or urls.get("--index")
            extra = urls.get("--extra-index-url")
            links = urls.get("-f") or urls.get("--find-links")
            self.draft.note(
                "target.pip",
                PipConfig(
                    index_url=main,
                    extra_index_urls=(extra,) if extra else (),
                    find_links=(links,) if links else (),
                    sources=dict.fromkeys(urls, "command line"),
                ),
                number,
                ASKED,
            )
