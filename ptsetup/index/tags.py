"""Platform tags of wheels in the words of the index."""

import re

PLATFORMS = ("linux_x86_64", "linux_aarch64", "linux_s390x", "win_amd64", "win_arm64", "macos_arm64", "macos_x86_64")


def platform_of_tag(tag: str) -> str | None:
    """The index's name of a wheel's platform tag, ``manylinux_2_28_x86_64`` -> ``linux_x86_64``; None for others (``any``, musllinux)."""
    first = re.sub(r"^manylinux(_\d+_\d+|\d+)_", "linux_", tag.partition(".")[0])
    name = re.sub(r"^macosx_\d+_\d+_", "macos_", first)
    return name if name in PLATFORMS else None
