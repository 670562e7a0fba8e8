"""PT656: the settings of torch's memory allocator."""

import re
from collections.abc import Iterator

from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, rule
from ptsetup.rules._ways import fact, unset

VARIABLES = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF")

BOOLEAN = frozenset({
    "expandable_segments", "release_lock_on_cudamalloc", "release_lock_on_hipmalloc", "pinned_use_cuda_host_register",
    "pinned_use_hip_host_register", "pinned_use_background_threads", "use_cuda_host_register", "throw_on_cudamalloc_oom",
    "graph_capture_record_stream_reuse",
})  # fmt: skip
OTHER = frozenset({
    "backend", "max_split_size_mb", "max_non_split_rounding_mb", "garbage_collection_threshold", "roundup_power2_divisions",
    "roundup_bypass_threshold_mb", "pinned_num_register_threads", "pinned_reserve_segment_size_mb", "per_process_memory_fraction",
    "pinned_max_round_threshold_mb", "pinned_max_cached_size_mb", "large_segment_size_mb",
})  # fmt: skip
"""Keys of all releases: strings of libc10 and libc10_cuda, PyTorch documentation (CUDA semantics, memory management)."""


def _problems(value: str) -> list[str]:
    """What the allocator will not accept in a value."""
    plain = re.sub(r"\[[^\]]*\]", "[]", value)
    found = []
    for part in plain.split(","):
        key, colon, setting = (word.strip() for word in part.partition(":"))
        if not key:
            continue
        if key not in BOOLEAN | OTHER:
            found.append(f'the key "{key}" is not known')
        elif not colon or not setting:
            found.append(f"{key} has no value")
        elif key in BOOLEAN and setting not in ("True", "False"):
            found.append(f"{key} must be True or False, not {setting}")
    return found


@rule(
    "PT656",
    "alloc-conf",
    "warning",
    "The settings of torch's memory allocator are wrong",
    needs=("env|messages",),
    layer=41,
    says=(
        r"unrecognized (?:key|CachingAllocator option)[: ]+['\"]?(?P<key>\w+)",
        r"(?:CachingAllocator|allocator) (?:option|config)",
    ),
)
def alloc_conf(case: Case) -> Iterator[Finding]:
    """What is wrong
        PYTORCH_ALLOC_CONF (or its older names with CUDA and HIP) holds an unknown key, or a wrong value; or two of the
        names are set to different values.

    Why it matters
        torch raises an error at the first use of a GPU. Tests on the CPU do not show it.

    See it yourself
        env | grep ALLOC_CONF

    Fix
        Set one variable, with known keys: for instance PYTORCH_ALLOC_CONF=expandable_segments:True.

    Sources
        PyTorch documentation, CUDA semantics; strings of libc10_cuda; reproduced (nothing is raised without a GPU)
    """
    hit = case.said(r"unrecognized (?:key|CachingAllocator option)[: ]+['\"]?(?P<key>\w+)")
    values = {name: value for name in VARIABLES if (value := case.env(name))}
    for name, value in values.items():
        problems = _problems(value)
        if problems:
            yield Finding(
                message=f"{name}={value}: {problems[0]}.",
                subject=name,
                evidence=(fact(case, f"env.{name}", value, "the environment"), *([hit.evidence] if hit else [])),
                fixes=unset(case, name),
                severity="error" if hit else "warning",
            )
            return
    if len(set(values.values())) > 1:
        listed = ", ".join(f"{name}={value}" for name, value in values.items())
        yield Finding(
            message=f"Two names of one setting hold different values: {listed}.",
            subject=next(iter(values)),
            evidence=tuple(fact(case, f"env.{name}", value, "the environment") for name, value in values.items()),
            fixes=unset(case, list(values)[-1]),
        )
    elif hit and hit.match["key"] not in BOOLEAN | OTHER and "alloc" in hit.message.text.lower():
        yield Finding(
            message=f'The memory allocator of torch does not know the key "{hit.match["key"]}".',
            subject="PYTORCH_ALLOC_CONF",
            evidence=(hit.evidence,),
            fixes=unset(case, "PYTORCH_CUDA_ALLOC_CONF"),
            severity="error",
            certainty="likely",
        )


RULES = (alloc_conf,)
