"""Error texts that alone do not tell one cause: what they may come from, the likeliest first.

The rules hear what proves or suggests them in a whole report. A single line that somebody pastes says less, and several pages may
be meant; this table puts them in order (message index of the catalogue of failures).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple


class Meant(NamedTuple):
    """A page that a text may be about."""

    code: str
    words: str
    """What in the text points to it."""


TABLE = (
    (r"torch not compiled with cuda enabled", "PT401 PT806 PT215"),
    (r"found no nvidia driver", "PT501 PT701 PT711 PT703"),
    (r"no cuda gpus are available", "PT650 PT651 PT715 PT521 PT510"),
    (r"driver\b.{0,30}\btoo old|too old\b.{0,30}\bdriver", "PT502"),
    (r"cuda unknown error|cuda.{0,40}\b999\b|\berror:? 999\b|\bcode[ =]999\b", "PT512 PT513 PT704 PT653"),
    (r"\berror:? 802\b|system not yet initialized", "PT519"),
    (r"\berror:? 803\b|system[ _]driver[ _]mismatch|unsupported display driver", "PT503 PT415"),
    (r"\berror:? 804\b|forward compatibility was attempted", "PT415"),
    (r"\berror:? 34\b|stub library", "PT414"),
    (r"\berror:? 46\b|busy or unavailable", "PT523"),
    (r"\berror:? 102\b|not licensed", "PT714"),
    (r"\berror:? 304\b|os call failed", "PT511 PT704"),
    (r"can't initialize nvml", "PT503 PT504 PT511 PT703 PT704"),
    (r"driver/library version mismatch", "PT503"),
    (
        r"no kernel image is available|not compatible with the current pytorch installation",
        "PT601 PT602 PT606 PT604 PT308",
    ),
    (r"unsupported toolchain", "PT603"),
    (r"cannot open shared object file", "PT402 PT403 PT212 PT409 PT307"),
    (r"undefined symbol: nccl", "PT403 PT406"),
    (r"undefined symbol:.{0,20}nvjitlink", "PT405"),
    (r"undefined symbol: _ZN?K?3c10", "PT307 PT306"),
    (r"undefined symbol:.{0,60}__cxxabiv1|GLIBCXX_[\d.]+' not found", "PT407"),
    (r"GLIBC_[\d.]+' not found", "PT105"),
    (r"winerror 126\b", "PT112 PT212"),
    (r"winerror 1114\b", "PT112 PT113"),
    (r"winerror 1455\b", "PT114"),
    (r"winerror 206\b", "PT111"),
    (r"module '?torch'? has no attribute", "PT203 PT211 PT204"),
    (r"nms does not exist", "PT301 PT206"),
    (r"compiled with different cuda", "PT303 PT302"),
    (r"numpy 1\.x cannot be run", "PT311"),
    (r"numpy is not available", "PT312 PT311"),
    (r"cudnn version incompatibility|cudnn_status_not_initialized", "PT408 PT405 PT524"),
    (r"\bbus error|unable to (?:allocate|open) shared memory", "PT706 PT920"),
    (r"killed by signal: killed|exit(?:ed)?(?: with)?(?: code| status)? 137\b", "PT707 PT905"),
    (r"too many open files", "PT901"),
    (r"cannot re-initialize cuda in forked subprocess", "PT903"),
    (r"ncclsystemerror", "PT920 PT922 PT929"),
    (r"ncclinvalidusage", "PT921"),
    (
        r"watchdog caught collective operation timeout|\bnccl\b.{0,40}\b(?:hangs?|timed? ?out)",
        "PT530 PT922 PT924 PT927",
    ),
    (r"eaddrinuse|address already in use", "PT925"),
    (r"errno:? 97\b|gai error|name or service not known", "PT924"),
    (r"errno:? 113\b|no route to host", "PT928"),
    (r"working triton installation", "PT950"),
    (r"no working c\+\+ compiler", "PT951 PT957"),
    (r"\bpython\.h\b", "PT952"),
    (r"\bnoexec\b", "PT955"),
    (r"omp: error #15", "PT861"),
    (r"illegal instruction", "PT860"),
    (r"hip error: invalid device function", "PT803 PT804"),
    (r"/dev/kfd\b.{0,60}permission denied", "PT802"),
    (r"failed to initialize xpu devices", "PT821 PT822 PT823"),
    (r"the mps backend is supported on macos", "PT840 PT109"),
    (r"weights only load failed", "PT970"),
    (r"from versions: none", "PT101 PT103 PT104 PT105 PT106 PT220 PT218"),
    (r"externally-managed-environment", "PT216"),
    (r"record file not found", "PT209"),
    (r"invalid distribution [-~]\w", "PT208"),
)
"""(Regular expression, case ignored; codes of the rules, the likeliest first)."""


def meant_by(text: str) -> Iterator[Meant]:
    """The pages that a text may be about, each once: those of the first line of the table that fits come first."""
    flat = " ".join(text.split())
    seen: set[str] = set()
    for pattern, codes in TABLE:
        match = re.search(pattern, flat, re.IGNORECASE)
        for code in codes.split() if match else ():
            if match and code not in seen:
                seen.add(code)
                yield Meant(code, match[0])
