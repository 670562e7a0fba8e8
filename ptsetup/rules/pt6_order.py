"""PT652, PT653 and PT658: variables that change how GPUs are counted, and whom torch asks for them."""

from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules import _nvidia
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact, unset, with_variables

NAME = "CUDA_VISIBLE_DEVICES"
NO_GPUS = r"no CUDA GPUs are available"


@rule(
    "PT652",
    "device-order-differs",
    "note",
    "CUDA counts the GPUs in another order than nvidia-smi",
    needs=("nvidia.gpus", "env"),
    layer=42,
)
def order(case: Case) -> Iterator[Finding]:
    """What is wrong
        CUDA puts the fastest GPU first; nvidia-smi counts along the bus. Here are different GPUs, and nothing says which
        order is meant.

    Why it matters
        cuda:0 may be another card than GPU 0 of nvidia-smi, also in CUDA_VISIBLE_DEVICES.

    See it yourself
        nvidia-smi -L
        python -c "import torch; print([torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())])"

    Fix
        Let CUDA count along the bus too.

    Sources
        nvml.h, remark on the index
    """
    names = {gpu.name for gpu in case.gpus if gpu.name}
    if len(names) < 2 or case.env("CUDA_DEVICE_ORDER") == "PCI_BUS_ID":
        return
    yield Finding(
        message=f"{len(case.gpus)} GPUs of {len(names)} kinds, and CUDA may count them in another order than nvidia-smi.",
        subject="CUDA_DEVICE_ORDER",
        evidence=tuple(_nvidia.gpu_fact(case, gpu, "name", f"{gpu.index}: {gpu.name}") for gpu in case.gpus[:4]),
        fixes=with_variables(case, "Count along the bus.", CUDA_DEVICE_ORDER="PCI_BUS_ID"),
    )


SET_INSIDE = (
    r"os\.environ\[['\"]CUDA_VISIBLE_DEVICES['\"]\]\s*=|os\.environ\.(?:update|setdefault)\(.{0,20}CUDA_VISIBLE_DEVICES"
)


@rule(
    "PT653",
    "visible-devices-set-too-late",
    "note",
    "CUDA_VISIBLE_DEVICES is set inside the program",
    needs=("messages",),
    layer=43,
    says=(SET_INSIDE,),
)
def too_late(case: Case) -> Iterator[Finding]:
    """What is wrong
        The program sets CUDA_VISIBLE_DEVICES by itself. That counts only before CUDA starts; an import above that line
        may have started it. From outside this cannot be seen.

    Why it matters
        The setting has no effect (wrong GPU), or CUDA fails with "CUDA unknown error".

    See it yourself
        grep -nE "CUDA_VISIBLE_DEVICES|^import|^from" *.py

    Fix
        Set it in the shell: CUDA_VISIBLE_DEVICES=0 python your_program.py; else above the first import.

    Sources
        pytorch/pytorch#131650, zai-org/ChatGLM-6B#649
    """
    hit = case.heard(too_late)
    trouble = case.said(r"CUDA unknown error", r"invalid device ordinal", NO_GPUS)
    if hit is None or trouble is None:
        return
    yield Finding(
        message="The program sets CUDA_VISIBLE_DEVICES itself; after CUDA has started that comes too late.",
        subject=NAME,
        evidence=(hit.evidence, trouble.evidence),
        fixes=(Fix(text="Set it in the shell that starts the program, or above the first import.", kind="none"),),
        certainty="possible",
    )


@rule(
    "PT658",
    "nvml-based-check",
    "note",
    "torch.cuda.is_available() is answered by NVML",
    needs=("env",),
    layer=44,
)
def nvml_check(case: Case) -> Iterator[Finding]:
    """What is wrong
        PYTORCH_NVML_BASED_CUDA_CHECK=1 lets torch ask NVML, not CUDA, whether there is a GPU.

    Why it matters
        is_available() says True where CUDA cannot start: it did with a fabric that was not ready (802).

    See it yourself
        echo $PYTORCH_NVML_BASED_CUDA_CHECK

    Fix
        Know of it; take it away to see what CUDA itself says.

    Sources
        torch/cuda/__init__.py; reproduced
    """
    value = case.env("PYTORCH_NVML_BASED_CUDA_CHECK")
    if value != "1" or compat.at_least(case.torch_base, "2.0") is False:
        return
    code = _nvidia.cuda_code(case)
    yield Finding(
        message="torch asks NVML whether there is a GPU (PYTORCH_NVML_BASED_CUDA_CHECK=1)"
        + (f", while CUDA itself fails with {code}." if code else "."),
        subject="PYTORCH_NVML_BASED_CUDA_CHECK",
        evidence=(fact(case, "env.PYTORCH_NVML_BASED_CUDA_CHECK", value, "the environment"),),
        fixes=unset(case, "PYTORCH_NVML_BASED_CUDA_CHECK"),
    )


RULES = (order, too_late, nvml_check)
