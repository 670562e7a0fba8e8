"""The folders in which torch.hub and Hugging Face keep models: can they be used?"""

import os
import sys
from collections.abc import Mapping

FREE_MINIMUM = 1024**3
"""Less room than this is too little for any model."""


def folders(env: Mapping[str, str]) -> dict[str, str]:
    """Variable or default -> folder: torch's (torch/hub.py) and Hugging Face's (huggingface_hub/constants.py)."""
    home = env.get("HOME") or env.get("USERPROFILE") or os.path.expanduser("~")  # noqa: PTH111 - a text
    cache = env.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")  # noqa: PTH118 - a text
    return {
        "TORCH_HOME": os.path.expanduser(env.get("TORCH_HOME") or os.path.join(cache, "torch")),  # noqa: PTH111, PTH118
        "HF_HOME": os.path.expanduser(env.get("HF_HOME") or os.path.join(cache, "huggingface")),  # noqa: PTH111, PTH118
    }


def problem(env: Mapping[str, str]) -> str | None:
    """The first reason why a folder cannot be used; None when there is none."""
    for name, folder in folders(env).items():
        place = folder
        while not os.path.lexists(place) and os.path.dirname(place) != place:  # noqa: PTH120 - a text
            place = os.path.dirname(place)  # noqa: PTH120 - a text
        if os.path.lexists(folder) and not os.path.isdir(folder):  # noqa: PTH112 - never raises
            return f"{folder} ({name}) is no folder."
        if not os.access(place, os.W_OK | os.X_OK):
            return f"{folder} ({name}) cannot be written to."
        try:
            free = _free_bytes(place)
        except OSError:
            continue
        if free < FREE_MINIMUM:
            return f"{folder} ({name}) has {free // 1024**2} MiB of room."
    return None


def _free_bytes(folder: str) -> int:
    """Room for this user (shutil.disk_usage would do; importing it takes 2 ms of a verdict in a blink)."""
    if sys.platform == "win32":
        import shutil

        return shutil.disk_usage(folder).free
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize
