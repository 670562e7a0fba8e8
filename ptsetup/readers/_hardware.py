"""Names of GPUs and of processors in running text."""

import re

from ptsetup.facts import AmdGpu, Gpu, IntelGpu, PciDevice, replace
from ptsetup.readers._draft import HINTED, PRINTED, SAID, Draft
from ptsetup.readers._lines import speaks_of
from ptsetup.readers._prose import works

_SUFFIX = r"(?:[ -]?(?:ti|super|d|max-?q|laptop(?: gpu)?|mobile|ada(?: generation)?|blackwell|sff|[0-9]{1,3} ?gb)(?![a-z0-9]))*"
_BOARDS = (
    r"(?:gh200|gb200|gb300|gb10|[abh][1-8]00x?|[ab]30|b300|h20|a40|a10g?|a16|a2|l40s?|l4|l2|[vp]100s?|p40|p4|t4|k80|k40m?"
    r"|k20x?m?|m60|m40|t[1-6]00|t1000|t1200)(?:[- ](?:sxm[0-9]?|pcie|nvl|[0-9]{2,3}gb|hbm3e?))*(?![0-9a-z])"
)
"""Data centre boards, whose names are too short to be sure of without a word before them."""

_NUMBERS = r"(?:9[5-8]0|10[5-8]0|16[3-6]0|20[5-8]0|30[5-9]0|40[5-9]0|50[5-9]0)"
"""GeForce cards by their number alone: sure enough beside a word that says that it is a card."""

_CERTAIN = (
    rf"rtx[ -]?(?:pro[ -]?)?a?[0-9]{{3,4}}(?![0-9]){_SUFFIX}",
    rf"gtx?[ -]?[0-9]{{3,4}}m?(?![0-9]){_SUFFIX}",
    r"(?:geforce|nvidia) (?:gt )?(?:[3-9][0-9]{2}m|gm[0-9]{3}m)x?\b",
    rf"(?<![0-9a-z.]){_NUMBERS} ?ti\b(?: super)?",
    r"geforce (?:gt )?m?x?[0-9]{3,4}m?x?(?![0-9a-z])",
    rf"\bmx[ -]?[1-5][0-9]0(?![0-9]){_SUFFIX}",
    r"(?:gtx )?titan[ -](?:rtx|xp|x|v|z|black)(?: \(pascal\)|\b)",
    r"tesla[ -](?:[kmptv][0-9]{1,3}[a-z]{0,2}(?:-[a-z0-9]+){0,2})",
    r"quadro (?:rtx )?(?:[kmpt]|gv|gp)?[0-9]{3,4}m?(?![0-9])",
    rf"(?:nvidia|grid|\b[1-9] ?x) {_BOARDS}",
    (
        r"(?<![\w./-])(?:gh200|gb200|gb300|gb10|[ah][1-8]00|h200|b200|l40s|a[4-6][05]00|dgx spark)"
        r"(?:[- ](?:sxm[0-9]?|pcie|nvl|[0-9]{2,3} ?gb))*(?=s?(?:[^\w/.]|\.?$|\. ))"
    ),
    rf"(?:(?<=显卡)|(?<=显卡 )|(?<=显卡是)|(?<=显卡为)|(?<=显卡: )|(?<=グラボは)){_NUMBERS}(?: ?ti)?(?: super)?(?![0-9])",
    rf"(?<![0-9a-z.]){_NUMBERS}(?: ?ti)?(?: super)?(?= (?:cards?|gpus?|graphics card)\b| ?(?:显?卡|グラボ|系列))",
    (
        rf"(?:(?<=\bhave a )|(?<=\bgot a )|(?<=\bown a )|(?<=\busing a )|(?<=\bwith a )|(?<=\bon a )|(?<=\bmy )"
        r"|(?<=\bon the )|(?<=\bwith the )|(?<=\bfor the ))"
        rf"{_NUMBERS}(?: ?ti)?(?: super)?(?! ?(?:[kmg]i?b|m?s|x|images?|steps?|px|p)\b)(?![\w.])"
    ),
)
_LABELLED = (
    rf"\b{_BOARDS}",
    rf"(?<![0-9a-z.]){_NUMBERS}(?: ?ti)?(?: super)?m?(?![0-9a-z.])",
    r"\b[pk][0-9]{3,4}\b",
)
_PREFIX = r"(?:nvidia[ -]+)?(?:geforce[ -]+)?"

CERTAIN = re.compile(_PREFIX + "(?:" + "|".join(_CERTAIN) + ")", re.IGNORECASE)
LABELLED = re.compile(_PREFIX + "(?:" + "|".join((*_CERTAIN, *_LABELLED)) + ")", re.IGNORECASE)

_COUNT = re.compile(r"(?<![0-9.])([0-9]{1,2}) ?[x\u00d7*] ?(?=\S)", re.IGNORECASE)

_TAIL = r"[^,;|()\[\]\n]"
AMD = re.compile(
    r"\b(?:amd|ati)\b.{0,40}?\b(?:radeon|instinct|raven|renoir|cezanne|navi|vega|picasso|phoenix|rembrandt|strix|polaris|w[0-9]{4})"
    rf"\b{_TAIL}{{0,40}}|\bradeon\b{_TAIL}{{0,40}}|\binstinct\b{_TAIL}{{0,24}}"
    r"|\bmi(?:25|50|60|100|210|250x?|300[ax]?|325x|350x?|355x)\b|\b(?:amd )?rx[ -]?[4-9][0-9]{2,3}(?: ?xtx?| "
    r"?gre)?\b|\b[5-9][0-9]{2}0 ?xtx?\b"
    rf"|\brx ?vega\b{_TAIL}{{0,10}}",
    re.IGNORECASE,
)
INTEL = re.compile(
    r"\bintel\b.{0,12}?\b(?:arc|iris|uhd|hd graphics|data center gpu|xe|integrated|graphics|skylake|battlemage)\b[^,;|\n]{0,40}"
    r"|\barc (?:a|b)[0-9]{3}m?\b|\bdata center gpu max [0-9]+\b",
    re.IGNORECASE,
)
GFX = re.compile(r"\bgfx(?:[0-9]{3,4}|90[a-c]|94[0-2]|95[0-9])(?![0-9a-z])", re.IGNORECASE)
PCI_ID = re.compile(r"\b(10de|1002|8086):([0-9a-f]{4})\b", re.IGNORECASE)


def nvidia_names(text: str, *, is_labelled: bool = False) -> list[str]:
    """Names of NVIDIA products in a text; with ``is_labelled`` bare ones too (``T4``, ``3090``), since a GPU is spoken of."""
    names = [" ".join(match[0].split()) for match in (LABELLED if is_labelled else CERTAIN).finditer(text)]
    if len(names) > 1 and "gb10" in text.lower():
        names = [name for name in names if name.lower() != "dgx spark"]  # the machine and its chip
    return [_readable(name) for name in names]


def _readable(name: str) -> str:
    """``2080ti`` -> ``RTX 2080 Ti``: as the table of products writes it."""
    name = re.sub(r"^(?:[0-9] x|[0-9]x) ", "", name, flags=re.IGNORECASE)
    match = re.match(
        r"(9[5-8]0|10[0-9]0|16[0-9]0|20[0-9]0|30[0-9]0|40[0-9]0|50[0-9]0)\b|([0-9]{3,4})(?=ti)", name, re.IGNORECASE
    )
    if match:
        number = int(match[0])
        name = ("GTX " if number < 2000 else "RTX ") + name
    name = re.sub(r"^dgx spark$", "NVIDIA GB10", name, flags=re.IGNORECASE)
    name = re.sub(r"(?<=[0-9])(?=ti\b|super\b)", " ", name, flags=re.IGNORECASE)
    return re.sub(r"\b(rtx|gtx|gt|mx)(?=[0-9])", r"\1 ", name, flags=re.IGNORECASE)


def count_before(text: str, name: str) -> int:
    """How many of it: ``4x NVIDIA RTX 3090`` -> 4."""
    match = _COUNT.search(text[: max(text.lower().find(name.lower()[:8]), 0)] + " ")
    match = match or _COUNT.match(text.strip())
    return min(int(match[1]), 16) if match else 1


def note_gpus(draft: Draft, text: str, line: int, worth: int) -> None:
    """Keep every GPU that a text after a label like ``GPU:`` names."""
    names = nvidia_names(text, is_labelled=True)
    for name in names:
        for _ in range(count_before(text, name) if len(names) == 1 else 1):
            draft.gpu(Gpu(name=name, source="report"), line, worth)
    found = [vendor for vendor, pattern in (("1002", AMD), ("8086", INTEL)) if pattern.search(text)]
    if "1002" in found:
        note_amd(draft, text, line, worth)
    if "8086" in found:
        note_intel(draft, text, line)
    if worth <= SAID and (names or found):
        for vendor in (*(["10de"] if names else []), *found):
            draft.pci_device(PciDevice(vendor=vendor, class_code="030000", name=text.strip()[:120]), line)
    elif re.search(r"\b(?:amd|ati)\b", text, re.IGNORECASE) and not names:
        note_amd(draft, text, line, worth)
        draft.pci_device(PciDevice(vendor="1002", class_code="030000", name=text.strip()[:120]), line)


def note_amd(draft: Draft, text: str, line: int, worth: int) -> None:
    """Keep an AMD GPU with its gfx target where one is named."""
    name = AMD.search(text)
    gfx = GFX.search(text)
    label = name[0].strip(" .-") if name else text.strip()[:80]
    draft.amd_gpu(AmdGpu(name=label, gfx=gfx[0].lower() if gfx else None), line, worth)


def note_intel(draft: Draft, text: str, line: int) -> None:
    """Keep an Intel GPU."""
    name = INTEL.search(text)
    if name:
        pci = PCI_ID.search(text)
        device = pci[2].lower() if pci and pci[1] == "8086" else None
        draft.intel_gpu(IntelGpu(name=name[0].strip(), device=device), line)


_OF_CAPABILITY = r"which is of (?:cuda capability|compute capability(?: \(cc\))?) (?P<cc>[0-9]{1,2}\.[0-9])"
_MAKERS = r"nvidia [\w .()-]{3,60}?|geforce [\w .()-]{3,50}?|tesla [\w .()-]{2,40}?|quadro [\w .()-]{2,40}?"
_CAPABILITY = re.compile(
    rf"(?:(?P<name>{_MAKERS}) )?(?:with cuda capability sm_(?P<sm>[0-9]{{2,3}})[a-z]?|{_OF_CAPABILITY})", re.IGNORECASE
)
_FOUND_GPU = re.compile(rf"found gpu ?(?P<index>[0-9]+) (?P<name>[^\n]{{2,60}}?) {_OF_CAPABILITY}", re.IGNORECASE)
_ARCH_LIST = re.compile(
    r"(?:(?:sm|compute)_[0-9]{2,3}[a-z]?['\", ]{1,4}){1,}(?:sm|compute)_[0-9]{2,3}[a-z]?", re.IGNORECASE
)
_SUPPORTS = re.compile(r"supports cuda capabilities (?P<list>(?:(?:sm|compute)_[0-9]+[a-z]?[, ]*)+)", re.IGNORECASE)
_GFX_LIST = re.compile(r"(?:gfx[0-9a-f]{3,4}[;, '\"]{1,3}){1,}gfx[0-9a-f]{3,4}", re.IGNORECASE)
_OWN_CAPABILITY = re.compile(
    (
        r"(?:(?:compute|cuda) capability(?: version)?(?: (?:is|of|only|just|being|was|=>?))*|\bcc\b|\bsm"
        r"\b)[ :=(>]{1,4}(?:sm_?)?([0-9]{1,2})\.([0-9])\b|\(sm_?([0-9]{2,3})\)"
    ),
    re.IGNORECASE,
)


def note_capabilities(draft: Draft, text: str, line: int) -> None:
    """What an error text of torch says of a GPU and of the architectures in the build."""
    found = _FOUND_GPU.search(text)
    if found and AMD.search(found["name"]):
        note_amd(draft, found["name"], line, PRINTED)  # ROCm's build says CUDA too
    elif found:
        draft.gpu(
            Gpu(
                index=int(found["index"]),
                name=found["name"].strip(),
                compute_capability=_capability(found["cc"].replace(".", "")),
                source="report",
            ),
            line,
            PRINTED,
        )
    else:
        match = _CAPABILITY.search(text)
        if match:
            digits = match["sm"] or match["cc"].replace(".", "")
            names = nvidia_names(match["name"] or text)
            gpu = Gpu(name=names[0] if names else None, compute_capability=_capability(digits), source="report")
            draft.gpu(gpu, line, PRINTED)
    listed = _SUPPORTS.search(text)
    if listed is None and re.search(r"arch|support|\[", text, re.IGNORECASE):
        listed = _ARCH_LIST.search(text)
    if listed is None and text.lower().startswith("gfx"):
        listed = _GFX_LIST.search(text)
    if listed:
        names_ = re.findall(r"(?:sm|compute)_[0-9]+[a-z]?|gfx[0-9a-f]{3,4}", listed[0].lower())
        draft.note("target.wheel.arch_list", tuple(dict.fromkeys(names_)), line, PRINTED)


def _capability(digits: str) -> tuple[int, int]:
    return int(digits[:-1]), int(digits[-1])


def own_capability(text: str) -> tuple[int, int] | None:
    """Compute capability that a person names beside a GPU: ``(Pascal, compute capability 6.1)``, ``(SM_120)``."""
    match = _OWN_CAPABILITY.search(text)
    if match is None:
        return None
    return (int(match[1]), int(match[2])) if match[1] else _capability(match[3])


_LSPCI = re.compile(
    r"(?P<bdf>(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]) "
    r"(?P<class>VGA compatible controller|3D controller|Display controller|Processing accelerators)[^:]{0,12}: (?P<name>.{3,160})",
    re.IGNORECASE,
)
_INXI = re.compile(r"Device-[0-9]+: (?P<name>.{3,120}?) driver: (?P<driver>[\w-]+)", re.IGNORECASE)
_IN_USE = re.compile(r"Kernel driver in use: (?P<driver>[\w-]+)")
_TRIGGER = re.compile(
    r"rtx|gtx|geforce|tesla|quadro|titan|nvidia|radeon|instinct|gfx[0-9]|sm_[0-9]|capability|10de:|1002:|8086:|vga|3d controller"
    r"|device-[0-9]|driver in use|marketing name|\bgpus?\b|[0-9]0 ?ti\b|[0-9]0(?: ?ti)? ?(?:(?:cards?|graphics)"
    r"\b|显?卡|グラボ|系列)|\bmx ?[1-5][0-9]0"
    r"|compute_[0-9]|\b[kmpv](?:10|20|40|60|80|100)m?\b|\bt4\b|\bgt ?[0-9]{3}m?\b"
    r"|(?:显卡|グラボ)\D{0,2}[1-5]0[0-9]0|\bgh200|\bgb[23]00|\bgb10\b|\b[ah][1-8]00|\b[hb]200|\bl40s|\ba[4-6][05]00|\bdgx spark"
    r"|\bamd ?(?:の)?(?:gpu|显卡|グラボ|grafik|видеокарт|video)|[0-9]0 ?xtx?\b|\barc (?:pro )?[ab][0-9]{2}|\bintel "
    r"arc\b|\brx[ -]?[0-9]{3}|\bamd (?:card"
    r"|graphics)|\bon amd\b|\b(?:an?|my|with|on|the) [1-5]0[0-9]0\b",
    re.IGNORECASE,
)


_WORDS = (
    "rtx", "gtx", "geforce", "tesla", "quadro", "titan", "nvidia", "radeon", "instinct", "gfx", "sm_", "capability", "10de:",
    "1002:", "8086:", "vga", "3d controller", "device-", "driver in use", "marketing name", "gpu", "mx", "compute_", "rx", "amd",
    "card", "graphics", "gt", "h200", "gb", "100", "b200", "l40s", "dgx spark", "a4", "a5", "a6", "a8", "h8",
    "k10", "k20", "k40", "k80", "m10", "m40", "m60",
    "p40", "v100", "t4", "xt", "arc ", "intel arc",
    "050", "060", "070", "080", "090",
)  # fmt: skip
"""One of these is in whatever _TRIGGER finds."""

_BARE_BOARDS = re.compile(r"(?<![\w./+-])([KMPV](?:10|20|40|60|80|100)[mM]?|T4)(?![\w/-])")
_SPEAKS_OF_CUDA = re.compile(
    r"cuda|torch|nvidia|\bgpu|driver|kernel image|\bsm_|vllm|driver|\bhost\b|\bcards?\b|显卡", re.IGNORECASE
)
"""Beside one of these words the short name of a board is a board."""

_CARD_OF_AMD = re.compile(
    r"\b[5-9][0-9]{2}0 ?xtx?\b|\b(?:amd |ati |radeon |xfx )*rx[ -]?[4-9][0-9]{2,3}(?: ?xtx?| ?gre| ?[ms])?\b|\bradeon vii\b"
    r"|\b(?:integrated |amd |ati |onboard )*radeon(?:\(tm\)|™)? (?:vega \d{1,2} )?graphics\b"
    r"|\b(?:i (?:have|use|own|am using)|we (?:have|use)|using|my|with an?|on an?|have an?|running (?:on )?an?|ich (?:habe|nutze"
    r"|verwende)|mit einer|j'ai"
    r"|avec une?|tengo una?|uso una?|tenho uma?|\u0443 меня|использую|使用|用的是?|搭载)\b.{0,20}?\bamd(?:'s)? ?(?:gpu|card|graphics|video"
    r"|grafik|видеокарт|显卡|グラボ)"
    r"|\bamd ?(?:の)?(?:gpu|显卡|グラボ)(?=[\u3040-\u30ff\u4e00-\u9fff])"
    r"|\b(?:i'?m|i am|we are) on amd\b(?! (?:ryzen|epyc|cpu|processor|threadripper))|^\W{0,4}amd gpus?(?: \(rx|\W*$)"
    r"|(?:^|[,.;:(] ?)\W{0,3}amd ?(?:gpu|(?:graphics |video )?card|显卡|グラボ)(?=[.,;)!]|\W*$)",
    re.IGNORECASE,
)
"""A card of AMD's that a person speaks of."""

_CARD_OF_INTEL = re.compile(
    r"\b(?:intel )?arc(?:\(tm\))? (?:pro )?[ab][0-9]{2,3}m?\b|\bintel arc\b(?: graphics| gpu)?", re.IGNORECASE
)
"""And one of Intel's."""


def scan(draft: Draft, text: str, line: int) -> None:
    """Facts of the hardware in any line."""
    if not speaks_of(text, _WORDS) or not _TRIGGER.search(text):
        return
    if "capab" in text.lower() or "sm_" in text.lower() or "gfx" in text.lower() or "compute_" in text:
        note_capabilities(draft, text, line)
    if _bus(draft, text, line):
        return
    names = _note_cards(draft, text, line)
    card = None if names else _CARD_OF_AMD.search(text)
    if card:
        named = AMD.search(card[0])
        draft.amd_gpu(AmdGpu(name=named[0].strip(" .-") if named else "AMD GPU"), line, HINTED)
    arc = _CARD_OF_INTEL.search(text)
    if arc:
        note_intel(draft, arc[0] if arc[0].lower().startswith("intel") else f"Intel {arc[0]}", line)
    gfx = GFX.search(text)
    if gfx and not _GFX_LIST.search(text):
        draft.amd_gpu(AmdGpu(gfx=gfx[0].lower(), name=None), line, HINTED)
    marketing = re.search(r"marketing name: +(.*\S)", text, re.IGNORECASE)
    if marketing and AMD.search(marketing[1]):
        note_amd(draft, marketing[1], line, PRINTED)


def _note_cards(draft: Draft, text: str, line: int) -> list[str]:
    """NVIDIA's products in running text; the short names of boards count beside a word on GPUs."""
    names = nvidia_names(text)
    capability = own_capability(text) if names else None
    for name in names:
        draft.gpu(Gpu(name=name, compute_capability=capability, source="report"), line, HINTED)
        if _is_fine(text, name):
            draft.fine.add(name)
    for name in () if names or not _SPEAKS_OF_CUDA.search(text) else _BARE_BOARDS.findall(text):
        draft.gpu(Gpu(name=f"Tesla {name}", source="report"), line, HINTED)
    return names


def _is_fine(text: str, name: str) -> bool:
    """The sentence says of the card that it works; of several cards the trouble is with another one."""
    number = re.search(r"[0-9]{2,4}", name)
    clauses = re.split(r"[;\n]|\.(?![0-9])|, but | but ", text)
    return any(works(clause) for clause in clauses if number and number[0] in clause)


def _bus(draft: Draft, text: str, line: int) -> bool:
    """A line of lspci or inxi."""
    listed = _LSPCI.search(text) or _INXI.search(text)
    if listed:
        name = listed["name"]
        pci = PCI_ID.search(text)
        vendor = pci[1].lower() if pci else _vendor(name)
        if vendor:
            groups = listed.groupdict()
            device = PciDevice(
                vendor=vendor,
                device=pci[2].lower() if pci else "",
                class_code="030000",
                bdf=groups.get("bdf") or "",
                driver=groups.get("driver"),
                name=name.strip()[:120],
            )
            draft.pci_device(device, line)
            note = {"10de": _note_bus_nvidia, "1002": _note_bus_amd, "8086": note_intel}.get(vendor)
            if note:
                note(draft, name, line)
        return True
    in_use = _IN_USE.search(text)
    if in_use and draft.pci:
        where, device = draft.pci[-1]
        draft.pci[-1] = (where, replace(device, driver=in_use["driver"]))
        return True
    return False


def _note_bus_nvidia(draft: Draft, name: str, line: int) -> None:
    for found in nvidia_names(name, is_labelled=True):
        draft.gpu(Gpu(name=found, source="report"), line, SAID)


def _note_bus_amd(draft: Draft, name: str, line: int) -> None:
    """The product stands in the last brackets: ``Navi 31 [Radeon RX 7900 XT/7900 XTX] (rev c8)``."""
    product = re.findall(r"\[([^\[\]]*)\]", re.sub(r"\[[0-9a-f]{4}(?::[0-9a-f]{4})?\]", "", name, flags=re.IGNORECASE))
    note_amd(draft, product[-1] if product and AMD.search(product[-1]) else name, line, SAID)


def _vendor(name: str) -> str | None:
    lower = name.lower()
    for word, vendor in (("nvidia", "10de"), ("advanced micro", "1002"), ("amd", "1002"), ("intel", "8086")):
        if word in lower:
            return vendor
    return None
