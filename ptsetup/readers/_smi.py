"""What nvidia-smi prints: its table of all ages, ``-L``, ``-q``; and its failures."""

import re
from collections.abc import Mapping

from ptsetup.facts import Gpu, GpuProcess, MigDevice, Xid, replace
from ptsetup.readers import _labels
from ptsetup.readers._draft import HINTED, MEASURED, PRINTED, SAID, Draft
from ptsetup.readers._lines import Line, speaks_of

MIB = 1024 * 1024

_HEADER = re.compile(
    r"NVIDIA-SMI (?P<smi>[0-9][0-9.]*)\s+(?:(?:KMD|Driver) Version: ?(?P<driver>[0-9][0-9.]*))?"
    r"(?:.{0,40}?CUDA (?:UMD |Driver )?Version: ?(?P<cuda>[0-9]+\.[0-9]+|N/A|ERR!))?",
    re.IGNORECASE,
)
_ROW = re.compile(
    r"^\|\s{0,4}(?P<index>[0-9]{1,2})\s+(?P<name>\S.{2,34}?)\s{1,}(?P<mode>On|Off|WDDM|TCC|MCDM|N/A|ERR!)\s*\|\s*(?P<bus>[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-9A-Fa-f])\s+(?P<display>On|Off|N/A|ERR!)\s*\|\s*(?P<ecc>[0-9]+|N/A|Off|ERR!)?"
)
_USE = re.compile(
    r"^\|\s*(?P<fan>[0-9]+%|N/A|ERR!)\s+(?P<temp>[0-9]+C|N/A|ERR!)?.*?\|\s*(?P<used>[0-9]+)MiB\s*/\s*(?P<total>[0-9]+)MiB\s*\|"
    r"\s*(?P<util>[0-9]+%|N/A)?\s*(?P<compute>Default|E\. ?Process|Prohibited|E\. ?Thread|N/A)?"
)
_MIG_MODE = re.compile(r"^\|\s+\|\s+\|\s*(?P<mig>Enabled\*?|Disabled\*?|N/A)\s*\|")
_MIG_ROW = re.compile(
    r"^\|\s+(?P<gpu>[0-9]{1,2})\s+(?P<gi>[0-9]{1,3})\s+(?P<ci>[0-9]{1,3})\s+[0-9]{1,3}\s*\|\s*[0-9]+MiB\s*/\s*(?P<total>[0-9]+)MiB\s*\|"
)
_PROCESS = re.compile(
    r"^\|\s+(?P<gpu>[0-9]{1,2})\s+(?:(?:N/A|[0-9]+)\s+(?:N/A|[0-9]+)\s+)?(?P<pid>[0-9]{2,7})\s+(?P<type>C\+G|C|G)\s+(?P<name>\S.*?)\s+(?P<used>[0-9]+)MiB\s*\|"
)
_FRAME = re.compile(r"^[|+\-= ]+$|^\|\s+(?:GPU|Fan|ID|Processes|MIG|No running|No MIG|\|)")
_LISTED = re.compile(
    r"^\s*[-*]?\s*GPU\s?(?P<index>[0-9]{1,2})\s?[:\uff1a]\s?(?P<name>(?!unknown error|error\b|unable|lost\b|\"|fail)\S.*)$",
    re.IGNORECASE,
)
_MIG = re.compile(
    r"^\s*MIG (?P<name>[0-9]+[cg]\.\S+)\s+Device\s+(?P<index>[0-9]+):(?:.*?(?P<uuid>MIG-[0-9a-fA-F/-]+))?"
)

_QUERY = re.compile(r"^\s{0,24}(?P<label>[A-Z][\w /().-]{2,48}?)\s*: (?P<value>\S.*)$")

_COMPUTE_MODES = {
    "default": 0,
    "prohibited": 2,
    "e. process": 3,
    "e.process": 3,
    "exclusive_process": 3,
    "e. thread": 1,
    "exclusive_thread": 1,
}
_LICENSE = {"unlicensed": 2, "unlicensed (unrestricted)": 1, "unlicensed (restricted)": 3, "licensed": 5, "expired": 4}

_NVML_CODES = (
    ("driver/library version mismatch", 18),
    ("failed to initialize nvml: unknown error", 999),
    ("failed to initialize nvml: insufficient permissions", 4),
    ("failed to initialize nvml: driver not loaded", 9),
    ("couldn't communicate with the nvidia driver", 9),
    ("couldnt communicate with the nvidia driver", 9),
    ("nvml shared library not found", 12),
    ("failed to initialize nvml: shared library", 12),
    ("gpu access blocked by the operating system", 17),
    ("failed to initialize nvml: gpu is lost", 15),
)
_UNKNOWN = re.compile(r"\bnvml\b\W{0,3}unknown error|\bnvml\b.{0,24}\b(?:init[a-z]*|fail[a-z]*)\b.{0,24}\bunknow")
_NO_LIBRARY = re.compile(r"libnvidia-ml\.so.{0,40}not found")
_CUDA_CODES = (
    ("system not yet initialized", 802),
    ("unsupported display driver / cuda driver combination", 803),
    ("cudaerrorsystemdrivermismatch", 803),
    ("cuda_error_system_driver_mismatch", 803),
    ("cudaerrorsystemnotready", 802),
    ("cuda_error_system_not_ready", 802),
    ("cudaerrorcompatnotsupportedondevice", 804),
    ("cuda_error_compat_not_supported_on_device", 804),
    ("forward compatibility was attempted on non supported hw", 804),
    ("cuda initialization: cuda unknown error", 999),
    ("cudaerrorunknown", 999),
    ("cuda driver is a stub library", 34),
    ("os call failed or operation not supported on this os", 304),
    ("cuda driver initialization failed", 3),
    ("no cuda-capable device is detected", 100),
)
"""What is said in lower case -> code; the first that fits counts."""

_NUMBERED = re.compile(r"error (?P<code>802|803|804|805|807)\b|error \((?P<code2>[0-9]{2,3})\)")
_KNOWN_CUDA_CODES = frozenset({3, 34, 35, 46, 100, 101, 102, 304, 802, 803, 804, 805, 807, 999})
_FOUND_VERSION = re.compile(r"too old \(found version (?P<version>[0-9]{4,5})\)")
_MODULE = re.compile(
    r"(?:NVRM version:|NVIDIA UNIX|Kernel Module).{0,80}?Kernel Module\s+(?:for \S+\s+)?(?P<version>[0-9]{3}\.[0-9.]+)"
)
_LIBRARY = re.compile(r"NVML library version: ?(?P<version>[0-9]{3}[0-9.]*)")
_API_MISMATCH = re.compile(
    r"client has the version (?P<client>[0-9]{3}[0-9.]*[0-9]).{0,80}?kernel module has (?:the )?version (?P<module>[0-9]{3}[0-9.]*[0-9])",
    re.IGNORECASE,
)
_XID = re.compile(r"(?:NVRM: .{0,40}?|\b)Xid \(PCI:(?P<bdf>[0-9a-fA-F:.]+)\): (?P<code>[0-9]+)(?P<text>.{0,200})")
_XID_SAID = re.compile(r"\bxid(?: errors?| code)?[ :=#]{1,3}(?P<code>[0-9]{1,3})\b(?!\.)", re.IGNORECASE)
_PACKAGED = re.compile(
    r"\b(?:nvidia-driver|nvidia-utils|nvidia-compute-utils|libnvidia-(?:compute|common|cfg1|gl))-[0-9]{3}(?:-server)?(?:-open)?"
    r"(?::\w+)?\s+\(?(?:[0-9]{3}\.[\w.~+-]+, )?(?P<version>[0-9]{3}\.[0-9]+(?:\.[0-9]+)?)-[0-9]"
)
"""A package of the driver's libraries with its version, as dpkg and apt print it (of an upgrade the new one)."""

_NVRM = re.compile(r"\bNVRM: (?P<text>.{4,300})")


class Smi:
    """Reads line after line: a GPU of the table spans three."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.is_query = False
        self.section = ""

    def read(self, line: Line) -> bool:
        """Take what one line of nvidia-smi says; True when it says nothing else."""
        number, text = line.number, line.text
        return self._table(text, number) or self._list(text, number) or self._query(text, number)

    def _table(self, text: str, number: int) -> bool:
        header = _HEADER.search(text) if "nvidia-smi" in text.lower() else None
        if header:
            self._header(header, number)
            return text.lstrip().startswith("|")
        text = text.lstrip(" *")
        if not text.startswith(("|", "+")):
            return False
        for pattern, keep in (
            (_ROW, self._row),
            (_MIG_ROW, self._mig_row),
            (_USE, self._use),
            (_MIG_MODE, self._mig),
            (_PROCESS, self._process),
        ):
            match = pattern.match(text)
            if match:
                keep(match, number)
                return True
        if text.count("ERR!") > 1 or "Unknown Error" in text:
            self._broken(text, number)
            return True
        if "No MIG devices found" in text:
            self._mig_devices(())
        return bool(_FRAME.match(text))

    def _broken(self, text: str, number: int) -> None:
        """A row in which the driver could not read the GPU: in the first one its number stands, the second goes on."""
        index = re.match(r"^\|\s{0,4}([0-9]{1,2})\s", text)
        if index:
            name = re.search(r"(?:NVIDIA|GeForce|Tesla|Quadro|RTX|GTX)[\w .()-]{2,30}?(?= {2}| \.)", text)
            broken = Gpu(index=int(index[1]), name=name[0] if name else None, handle_rc=999, source="nvidia-smi")
            self.draft.gpu(broken, number, MEASURED)
        else:
            self.draft.change_last_gpu(MEASURED, handle_rc=999)

    def _mig_devices(self, devices: tuple[MigDevice, ...], gpu: int | None = None) -> None:
        """MIG instances of one GPU, or of every GPU in that mode."""
        known = self.draft.gpus.get(MEASURED, [])
        for position, (line, card) in enumerate(known):
            if card.mig_current == 1 and gpu in (None, card.index):
                known[position] = (line, replace(card, mig_devices=(*(card.mig_devices or ()), *devices)))

    def _mig_row(self, row: "re.Match[str]", _number: int) -> None:
        memory = int(row["total"]) * MIB
        self._mig_devices(
            (MigDevice(name=f"GI {row['gi']} CI {row['ci']}", memory_total_bytes=memory),), int(row["gpu"])
        )

    def _header(self, header: "re.Match[str]", number: int) -> None:
        draft = self.draft
        draft.note("nvidia.smi.driver_version", header["driver"] or header["smi"], number, MEASURED)
        if header["driver"] and header["smi"].split(".")[0] != header["driver"].split(".")[0]:
            # only under WSL is the program another than the driver: it is Linux's, the driver is that of Windows
            draft.note("host.wsl", 2, number, HINTED)
            draft.note("host.system", "linux", number, HINTED)
        if header["cuda"] and header["cuda"][0].isdecimal():
            draft.note("nvidia.smi.cuda_version", header["cuda"], number, MEASURED)

    def _mig(self, match: "re.Match[str]", _number: int) -> None:
        if match["mig"] != "N/A":
            self.draft.change_last_gpu(MEASURED, mig_current=int(match["mig"].startswith("Enabled")))

    def _row(self, row: "re.Match[str]", number: int) -> None:
        name = row["name"].strip()
        ecc = row["ecc"]
        self.draft.gpu(
            Gpu(
                index=int(row["index"]),
                name=re.sub(r"\s*\.\.\.$", "", name),
                bdf=row["bus"].lower()[-12:],
                ecc_uncorrected_volatile=int(ecc) if ecc and ecc.isdecimal() else None,
                handle_rc=999 if row["mode"] == "ERR!" else None,
                source="nvidia-smi",
            ),
            number,
            MEASURED,
        )
        if row["mode"] in ("WDDM", "TCC", "MCDM"):
            self.draft.note("host.system", "windows", number, PRINTED)

    def _use(self, use: "re.Match[str]", _number: int) -> None:
        used, total = int(use["used"]) * MIB, int(use["total"]) * MIB
        compute = (use["compute"] or "").lower()
        self.draft.change_last_gpu(
            MEASURED,
            memory_used_bytes=used,
            memory_total_bytes=total,
            memory_free_bytes=max(total - used, 0),
            compute_mode=_COMPUTE_MODES.get(compute),
            temperature_c=int(use["temp"][:-1]) if use["temp"] and use["temp"][0].isdecimal() else None,
        )

    def _process(self, process: "re.Match[str]", _number: int) -> None:
        known = self.draft.gpus.get(MEASURED, [])
        for position, (line, gpu) in enumerate(known):
            if gpu.index == int(process["gpu"]):
                entry = GpuProcess(
                    pid=int(process["pid"]), memory_bytes=int(process["used"]) * MIB, name=process["name"][-60:]
                )
                known[position] = (line, replace(gpu, processes=(*(gpu.processes or ()), entry)))

    def _list(self, text: str, number: int) -> bool:
        mig = _MIG.match(text)
        if mig:
            last = self.draft.last_gpu(MEASURED)
            if last is not None:
                devices = (*(last.mig_devices or ()), MigDevice(uuid=mig["uuid"], name=f"MIG {mig['name']}"))
                self.draft.change_last_gpu(MEASURED, mig_devices=devices, mig_current=1)
            return True
        listed = _LISTED.match(text)
        if listed and len(listed["name"]) < 120:
            _labels.device(self.draft, listed["name"], number, MEASURED, int(listed["index"]))
            return True
        return False

    def _query(self, text: str, number: int) -> bool:
        """A line of ``nvidia-smi -q``."""
        if "NVSMI LOG" in text:
            self.is_query = True
            return True
        if re.match(r"^\s{0,8}GPU [0-9A-F]{8}:[0-9A-F]{2}:[0-9A-F]{2}\.[0-9A-F]\s*$", text):
            self.is_query = True
            self.draft.gpu(
                Gpu(
                    index=len(self.draft.gpus.get(MEASURED, ())),
                    bdf=text.strip().lower()[-12:],
                    source="nvidia-smi",
                ),
                number,
                MEASURED,
            )
            return True
        match = _QUERY.match(text)
        if match is None:
            if self.is_query and re.match(r"^\s{4,20}[A-Za-z][\w /()-]+$", text):
                self.section = text.strip().lower()
                return True
            return False
        return self._field(match["label"].strip().lower(), match["value"].strip(), number)

    def _field(self, label: str, value: str, number: int) -> bool:
        draft = self.draft
        lower = value.lower()
        if label == "license status":
            state = _LICENSE.get(lower.split(" (expiry")[0])
            if draft.last_gpu(MEASURED) is None:
                draft.gpu(Gpu(virtualization_mode=2, license_state=state, source="nvidia-smi"), number, MEASURED)
            else:
                draft.change_last_gpu(MEASURED, license_state=state)
            return False
        if label == "driver version" and re.match(r"[0-9]{3}\.", value):
            draft.note("nvidia.smi.driver_version", value, number, MEASURED)
            return self.is_query
        if not self.is_query:
            return False
        if label == "cuda version" and re.match(r"[0-9]", value):
            draft.note("nvidia.smi.cuda_version", value, number, MEASURED)
        elif draft.last_gpu(MEASURED) is not None:
            draft.change_last_gpu(MEASURED, **self._gpu_field(label, value))
        return True

    def _gpu_field(self, label: str, value: str) -> dict[str, object]:
        """Field of one GPU in ``-q``, under the heading that was read last."""
        lower = value.lower()
        if "vgpu" in self.section and label == "product name":
            return {}  # the licensed product, not the board
        field = _FIELDS.get((self.section, label)) or _FIELDS.get(("", label))
        if field is not None:
            name, meanings = field
            return {name: meanings.get(lower) if meanings is not None else value}
        figure = re.match(r"[0-9]+(?: |$)", value)
        if figure and "uncorrectable" in label and self.section in ("volatile", "aggregate"):
            name = f"ecc_uncorrected_{self.section}"
            known = getattr(self.draft.last_gpu(MEASURED), name, None) or 0
            return {name: max(int(figure[0]), known)}
        return {}


_YES: dict[str, object] = {"yes": True, "no": False}
_ON: dict[str, object] = {"enabled": 1, "disabled": 0}
_FIELDS: dict[tuple[str, str], tuple[str, Mapping[str, object] | None]] = {
    ("", "product name"): ("name", None),
    ("", "compute mode"): ("compute_mode", _COMPUTE_MODES),
    ("", "virtualization mode"): ("virtualization_mode", {"none": 0, "pass-through": 1, "vgpu": 2}),
    ("", "remapping failure occurred"): ("remapped_failed", _YES),
    ("mig mode", "current"): ("mig_current", _ON),
    ("remapped rows", "pending"): ("remapped_pending", _YES),
    ("retired pages", "pending page blacklist"): ("retired_pages_pending", _YES),
    ("fabric", "state"): ("fabric_state", {"n/a": 0, "not started": 1, "in progress": 2, "completed": 3}),
}
"""(Heading, label) of ``-q`` -> field of a GPU and what its words mean; None: the words themselves."""


def note_codes(draft: Draft, text: str, line: int) -> None:
    """Facts that the failures of NVML, CUDA and the kernel module state."""
    lower = text.lower()
    if "nv" in lower:
        _note_nvml(draft, text, line)
    if "cuda" in lower or "compatib" in lower or "error" in lower or "too old" in lower:
        _note_cuda(draft, text, line)
    if "xid" in lower and "NVRM" not in text and "Xid (PCI" not in text:
        draft.xids += [
            (line, Xid(code=int(said["code"]), text=text.strip()[:200])) for said in _XID_SAID.finditer(text)
        ]
    if "NVRM" in text or "Xid (PCI" in text:
        xid = _XID.search(text)
        nvrm = _NVRM.search(text)
        if xid:
            draft.xids.append((line, Xid(code=int(xid["code"]), bdf=xid["bdf"].lower(), text=text.strip()[:200])))
        elif nvrm and not nvrm["text"].startswith("version"):
            draft.nvrm.append((line, nvrm["text"].strip()))


_BRANCH = r"(?:3[4-9][0-9]|[4-6][0-9][0-9])(?:\.[x*]+)?(?![\w.]*[0-9])"
_DRIVER = re.compile(
    r"\b(?:nvidia )?driver(?: version| is|s)?[ :=(]{1,3}v?(?P<version>[0-9]{3}\.[0-9]{2,3}(?:\.[0-9]{2})?)(?![0-9.]*[0-9])"
    r"|\bnvidia[ :](?P<bare>[0-9]{3}\.[0-9]{2,3}(?:\.[0-9]{2})?)(?![0-9.]*[0-9])"
    rf"|\bnvid[ie]a[- ]drivers?(?: version)?[ :=-]{{1,2}}(?P<branch>{_BRANCH})"
    r"|\bnvidia-driver-[0-9]{3}\S* \((?:version )?(?P<packaged>[0-9]{3}\.[0-9]{2,3}(?:\.[0-9]{2})?)\)",
    re.IGNORECASE,
)
_WANTED = re.compile(
    r"(?:requires?|needs?|minimum|at least|>=?|newer than|(?:up|down)grade\w* to|installing|install) ?(?:an? )?$",
    re.IGNORECASE,
)
"""Before a version: it is asked for, not there."""

_OPEN_PACKAGE = re.compile(
    r"\bnvidia-(?:driver-[0-9]{3}(?:-server)?-open|(?:kernel-)?open(?:-dkms|-lts)?|kernel-source-[0-9]{3}-open)\b"
    r"|\b5[1-9][0-9](?:\.[0-9]+){0,2} ?\(?open\b|\bopen (?:gpu )?kernel modules? (?:is|are|was|were)? ?(?:loaded|installed|in use)\b",
    re.IGNORECASE,
)
"""Packages of the open flavour: Debian's and Ubuntu's names, Arch's, NVIDIA's own."""


def note_driver(draft: Draft, text: str, line: int) -> None:
    """A driver's version in running text: ``(driver 570.124.06 from NVIDIA)``."""
    if not speaks_of(text, ("driver", "nvid")):
        return
    for match in _DRIVER.finditer(text):
        if not _WANTED.search(text[: match.start()]):
            version = match["version"] or match["bare"] or match["packaged"] or match["branch"][:3]
            draft.note("nvidia.smi.driver_version", version, line, SAID)
    package = _OPEN_PACKAGE.search(text) if "open" in text else None
    if package and not re.search(r"\b(?:try|use|should)\b", text[: package.start()]):
        draft.note("nvidia.kernel_module_flavor", "open", line, SAID)


def _note_nvml(draft: Draft, text: str, line: int) -> None:
    lower = text.lower()
    code = next((code for words, code in _NVML_CODES if words in lower), None)
    if code is None and _NO_LIBRARY.search(lower):
        code = 12
    if code is None and _UNKNOWN.search(lower):
        code = 999
    draft.note("nvidia.nvml.init_rc", code, line, PRINTED)
    module = _MODULE.search(text)
    if module:
        draft.note("nvidia.kernel_module_version", module["version"].rstrip("."), line, MEASURED)
        draft.note("nvidia.kernel_module_flavor", "open" if "open kernel" in text.lower() else "proprietary", line)
    library = _LIBRARY.search(text)
    if library:
        draft.note("nvidia.user_library_version", library["version"].rstrip("."), line, MEASURED)
    packaged = _PACKAGED.search(text) if not text.lstrip().startswith(("rc ", "un ", "pn ")) else None
    if packaged:
        draft.note("nvidia.user_library_version", packaged["version"], line, SAID)
    mismatch = _API_MISMATCH.search(text)
    if mismatch:
        draft.note("nvidia.user_library_version", mismatch["client"], line, PRINTED)
        draft.note("nvidia.kernel_module_version", mismatch["module"], line, PRINTED)


def _note_cuda(draft: Draft, text: str, line: int) -> None:
    version = _FOUND_VERSION.search(text)
    if version:
        number = int(version["version"])
        draft.note("nvidia.cuda.version", (number // 1000, number % 1000 // 10), line, MEASURED)
        draft.note("nvidia.cuda.init_rc", 35, line, PRINTED)
    lower = text.lower()
    numbered = _NUMBERED.search(lower) if "error " in lower else None
    told = int(numbered["code"] or numbered["code2"]) if numbered else None
    if told not in _KNOWN_CUDA_CODES:
        told = next((code for words, code in _CUDA_CODES if words in lower), None)
    draft.note("nvidia.cuda.init_rc", told, line, PRINTED)
