"""CUDA_VISIBLE_DEVICES as the CUDA driver and torch read it, and the GPUs that it leaves."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ptsetup.facts import Gpu
from ptsetup.rules._case import Case


class Choice(NamedTuple):
    """What a list of visible devices chooses."""

    written: tuple[str, ...]
    """Its entries."""
    taken: tuple[str, ...]
    """Those that count: numbers (``1`` for ``1gpu``) or ids."""
    stop: str | None
    """The entry at which reading stopped; a repeated one empties the list."""
    is_repeated: bool = False


def read(value: str) -> Choice:
    """Read a list by the rules of torch/cuda/__init__.py (2.15.0), which are the driver's.

    It ends at the first negative or meaningless entry; a repeated entry empties it; kinds cannot be mixed.
    """
    entries = tuple(value.split(","))
    prefix = next((p for p in ("GPU-", "MIG-") if value.startswith(p)), None)
    taken: list[str] = []
    for entry in entries:
        name = entry if prefix else _number(entry)
        if name is None or (prefix and not entry.startswith(prefix)):
            return Choice(entries, tuple(taken), entry)
        if name in taken:
            return Choice(entries, (), entry, is_repeated=True)
        taken.append(name)
    return Choice(entries, tuple(taken), None)


def _number(entry: str) -> str | None:
    """The leading number of an entry; None for a negative one or none at all."""
    match = re.match(r"\+?(\d+)", entry.strip())
    return str(int(match[1])) if match else None


def visible(case: Case) -> tuple[Gpu, ...]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves, as far as it can be told; all when it is not set.

    Numbers count in CUDA's order, which may differ from NVML's: with several kinds of GPUs and no CUDA_DEVICE_ORDER
    the choice cannot be told, and all are returned.
    """
    value = case.env("CUDA_VISIBLE_DEVICES")
    if value is None or not case.gpus:
        return case.gpus
    choice = read(value)
    has_order = case.env("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or len({gpu.name for gpu in case.gpus}) == 1
    if any(not entry.isdigit() for entry in choice.taken):
        return tuple(gpu for gpu in case.gpus if gpu.uuid and any(gpu.uuid.startswith(e) for e in choice.taken))
    if not has_order and choice.taken:
        return case.gpus
    found = chosen(choice, case.gpus)
    # a report seldom names every GPU of its machine: a number beyond those that it names hides none of them
    return case.gpus if choice.taken and not found and case.snapshot.origin == "report" else found


def chosen(choice: Choice, gpus: Sequence[Gpu]) -> tuple[Gpu, ...]:
    """The GPUs that a list of numbers chooses; it ends at the first number that does not exist."""
    found: list[Gpu] = []
    for entry in choice.taken:
        if not entry.isdigit() or len(entry) > 4 or int(entry) >= len(gpus):
            break
        found.append(gpus[int(entry)])
    return tuple(found)
