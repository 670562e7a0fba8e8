"""The right build by the raw facts beside the project: read anew and decided by other code than the planner's.

Only what decides between builds is here: which exist, for which Python and C library, with code for which GPU, carried by which driver.
"""

import dataclasses
import json
import pathlib
import re
from collections.abc import Callable, Iterator

from packaging.specifiers import SpecifierSet

FOLDER = pathlib.Path(__file__).parents[3] / "shared" / "facts"

PLATFORMS = {
    ("linux", "x86_64"): "linux_x86_64",
    ("linux", "aarch64"): "linux_aarch64",
    ("windows", "x86_64"): "win_amd64",
    ("windows", "arm64"): "win_arm64",
}

LAST_BRANCH = {3: 470, 5: 580, 6: 580, 7: 580}
FIRST_BRANCH = {(10, 0): 570, (12, 0): 570, (10, 3): 580, (12, 1): 580}

BRANCHES = (
    440,
    450,
    455,
    460,
    465,
    470,
    495,
    510,
    515,
    520,
    525,
    530,
    535,
    545,
    550,
    555,
    560,
    570,
    575,
    580,
    590,
    595,
    610,
)
"""Of the table of toolkits: on Windows 581 and 582 are releases of branch 580."""

WINDOWS_13 = {"cu130": (580,), "cu132": (595,)}
"""NVIDIA lists no Windows driver for CUDA 13: the branches that came with it."""

BUILD_SCRIPT_ONLY = {"gfx1103"}
"""The targets of rocm7.14 that no user has printed from a neighbouring build."""


def read(name: str):
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


def capability(name: str) -> tuple[int, int]:
    digits = re.search(r"\d+", name)[0]
    return int(digits[:-1]), int(digits[-1])


def at_least(have: tuple[int, ...], least: tuple[int, ...]) -> bool:
    return (*have, 0, 0, 0)[:4] >= (*least, 0, 0, 0)[:4]


@dataclasses.dataclass(frozen=True)
class Machine:
    """What is drawn, but for GPUs and driver."""

    system: str
    arch: str
    python: str
    """``cp312``."""
    libc: str | None
    asked: SpecifierSet


class Facts:
    def __init__(self) -> None:
        self.releases = read("torch_releases.json")["releases"]
        self.drivers = read("cuda_drivers.json")["per_pytorch_tag"]["tags"]
        self.gfx = {row["tag"]: set(row["gfx"]) for row in read("gpus.json")["rocm_wheel_targets"]}
        self.targets = [row["gfx"] for row in read("gpus.json")["amd"]]
        rows = read("cuda_archs.json")["builds"]
        self.archs = {(row["torch"], row["backend"], row["os"], row["machine"]): row for row in rows}

    def builds(self, system: str, arch: str, is_wanted: Callable[[str], bool]) -> Iterator[tuple[dict, str]]:
        platform = PLATFORMS[system, arch]
        for release in self.releases:
            listed = release["index_backends"] or release["index_backends_expected"] or {}
            tags = {*listed.get(platform, ()), (release["pypi_default_build"] or {}).get(platform)}
            for tag in tags:
                if tag and is_wanted(tag):
                    yield release, tag

    def fitting(self, machine: Machine, is_wanted: Callable[[str], bool]) -> Iterator[tuple[dict, str]]:
        platform, libc = PLATFORMS[machine.system, machine.arch], machine.libc
        for release, tag in self.builds(machine.system, machine.arch, is_wanted):
            is_old = libc is not None and not at_least(numbers(libc), self._glibc(release, machine.arch, tag))
            is_there = machine.python in self._pythons(release, platform, tag)
            if is_there and not is_old and release["version"] in machine.asked:
                yield release, tag

    def _pythons(self, release: dict, platform: str, tag: str) -> set[str]:
        if platform == "win_arm64":
            return {"cp312"} if release["version"].startswith("2.7.") else {"cp311", "cp312", "cp313"}
        seen = (release["index_wheels_seen"] or {}).get(f"{platform}/{tag}", {})
        return {*release["pythons"].get(platform, ()), *seen.get("pythons", ())}

    def _glibc(self, release: dict, arch: str, tag: str) -> tuple[int, ...]:
        if release["version"] == "2.6.0" and (tag == "cu126" or tag.startswith("rocm")):
            return (2, 28)
        return numbers(release["manylinux"][f"min_glibc_{arch}"] or "2.17")

    def cpu(self, machine: Machine) -> tuple[str, str] | None:
        found = [release["version"] for release, _ in self.fitting(machine, "cpu".__eq__)]
        return (max(found, key=numbers), "cpu") if found else None

    def amd(self, machine: Machine, target: str) -> tuple[str, str] | None:
        found = [
            (numbers(release["version"]), tag != "rocm7.14", numbers(tag), release["version"], tag)
            for release, tag in self.fitting(machine, lambda tag: self.is_for(tag, target))
        ]
        return max(found)[3:] if found else None

    def is_for(self, tag: str, target: str) -> bool:
        is_doubtful = tag == "rocm7.14" and target in BUILD_SCRIPT_ONLY
        return target in self.gfx.get(tag, ()) and not is_doubtful

    def nvidia(
        self, machine: Machine, driver: str, gpus: list[tuple[int, int]], *, is_windows: bool
    ) -> tuple[str, str] | None:
        have, found = numbers(driver), []
        if not all(is_of_branch(gpu, have[0], is_windows=is_windows) for gpu in gpus):
            return None
        for release, tag in self.fitting(machine, is_cuda):
            support = self._support(tag, have, is_windows=is_windows)
            is_full, cuda = support == "full", capability(tag)
            services = [self._service(release, tag, machine.system, machine.arch, gpu, is_full=is_full) for gpu in gpus]
            if support and all(services):
                order = cuda if is_full else (-cuda[0], -cuda[1])
                is_native = set(services) == {"native"}
                found.append((numbers(release["version"]), is_native, is_full, order, release["version"], tag))
        return max(found)[4:] if found else None

    def is_ever_served(self, system: str, arch: str, gpu: tuple[int, int]) -> bool:
        return any(
            self._service(release, tag, system, arch, gpu, is_full=True)
            for release, tag in self.builds(system, arch, is_cuda)
        )

    def _support(self, tag: str, driver: tuple[int, ...], *, is_windows: bool) -> str | None:
        row = self.drivers.get(tag)
        if row is None:
            return None
        system = "windows" if is_windows else "linux"
        full = numbers(row[f"{system}_full"].split(" or ")[0]) if row[f"{system}_full"] else WINDOWS_13[tag]
        if at_least(driver, full):
            return "full"
        return "minor" if at_least(driver, numbers(row[f"{system}_minor_compat"])) else None

    def _service(
        self, release: dict, tag: str, system: str, arch: str, gpu: tuple[int, int], *, is_full: bool
    ) -> str | None:
        row = self.archs.get((release["version"], tag, system, arch))
        if row is None:
            return None
        if any(major == gpu[0] and minor <= gpu[1] for major, minor in map(capability, row["sass"])):
            return "native"
        return "ptx" if is_full and any(capability(name) <= gpu for name in row["ptx"]) else None


def is_cuda(tag: str) -> bool:
    return re.fullmatch(r"cu\d+", tag) is not None


def is_of_branch(gpu: tuple[int, int], number: int, *, is_windows: bool) -> bool:
    branch = max((one for one in BRANCHES if one <= number), default=number) if is_windows else number
    is_last = gpu[0] != 7 or gpu == (7, 0)
    return branch >= FIRST_BRANCH.get(gpu, 0) and not (is_last and branch > LAST_BRANCH.get(gpu[0], 9999))
