# ruff: noqa: E501, RUF001 - wide characters count twice

"""People say that they have no GPU of NVIDIA's: none at all, or one of another maker alone; in the tongues that they write."""

_NOT_OF_SOFTWARE = r"(?![- ]?(?:drivers?|smi|docker|container|toolkit|runtime|support|repo|account|settings?|control|cuda|libs?|librar\w+|software|packages?|code|treiber|pilote|controlador|driver|[\w-]*-cu\d|(?:gpu |card )?(?:driver|support|access|memory|found|detected|available|visible|acceleration)))"
_CARD = r"(?: (?:gpus?|(?:graphics? |video )?cards?|graphics|hardware|devices?|adapters?|chips?|stuff|products?))?"

NO_NVIDIA = (
    rf"\b(?:do(?:es)? ?n[o'’]?t|do(?:es)? not|did ?n'?t|did not) (?:even |actually |really |currently )?(?:have|own|use|possess) (?:an? |any |the )?(?:nvidia|geforce)\b{_CARD}(?![- ]?\w){_NOT_OF_SOFTWARE}",
    rf"\b(?:i|we|it|this|my \w+|laptop|machine|computer|pc|server|mac\w*|which|that|there)(?:'ve|'s|'m)? (?:have|has|had|got|is|with|on|without)? ?(?:got )?(?:no|without(?: an?)?) (?:nvidia|geforce)\b{_CARD}{_NOT_OF_SOFTWARE}(?![- ]?\w)",
    rf"\b(?:is|am|are|'m|'s) ?n[o']?t (?:using |on |running )?(?:an? |any )?nvidia\b{_CARD}{_NOT_OF_SOFTWARE}(?! \w+ driver)",
    r"\bno nvidia (?:adapter|card|gpu|graphics|hardware)s?\b[^.;\n]{0,12}\b(?:only|just|but)\b[^.;\n]{0,12}\b(?:intel|amd|integrated|igpu)\b",
    r"\bnon[- ]nvidia\b[^.;\n]{0,12}\b(?:gpu|card|laptop|machine|graphics|pc|system|mac)\b",
    r"(?:没有|沒有|無|并非|不是|没)(?: ?(?:英伟达|nvidia|n)(?: ?(?:显卡|顯卡|卡|gpu))+| ?英伟达)(?!的?驱动)",
    r"nvidia\S{0,2} ?(?:gpu|グラボ|グラフィック\S{0,4}|の?カード)?(?:は|が|を)? ?(?:搭載して(?:い(?:ない|ません)|おらず)|持って(?:い(?:ない|ません)|おらず)|非搭載|ありません|ない|無い|なし)",
    r"(?:nvidia|엔비디아) ?(?:gpu|그래픽 ?카드)?(?:가|이|는|를)? ?(?:없|아니|안 ?쓰)",
    r"\bkeine? (?:eigene |dedizierte )?nvidia(?:[- ]?(?:karte|grafikkarte|gpu|hardware))?\b(?![- ]treiber)(?! (?:gefunden|erkannt))",
    r"(?:pas|sans) (?:de )?(?:carte |gpu |puce )?(?:graphique )?nvidia\b(?! (?:driver|smi))",
    r"\bno (?:tengo|tiene|tenemos|uso|cuento con|dispongo de) (?:una? |ninguna? )?(?:tarjeta |gpu |gr[áa]fica )*(?:de )?nvidia\b|\bsin (?:una? )?(?:tarjeta |gpu |gr[áa]fica )*(?:de )?nvidia\b",
    r"\bn[ãa]o (?:tenho|tem|possuo|uso) (?:uma? |nenhuma? )?(?:placa |gpu |de v[íi]deo )*(?:da )?nvidia\b|\bsem (?:uma )?(?:placa |gpu |de v[íi]deo )*(?:da )?nvidia\b",
    r"(?:нет|без|не имею|отсутствует) (?:(?!драйвер)\w+ ){0,2}nvidia\b(?! ?(?:драйвер|driver|smi))|nvidia (?:у меня )?(?:нет|отсутствует)\b",
    r"\bnon (?:ho|ha|abbiamo) (?:una? )?(?:scheda |gpu )*(?:video )?nvidia\b",
)
"""None of NVIDIA's."""

OTHERS_ONLY = (
    r"\b(?:only|just) (?:(?:have|has|an?|the|my|got|uses?|using|with|integrated) )*(?:intel|integrated|onboard|built[- ]in)(?: (?:hd|uhd|iris|xe|arc|integrated|onboard))*(?: (?:gpu|graphics|adapter|igpu|video|card)\w*|$|[.,;)])",
    r"\b(?:only|just) (?:have |has |got |own )+(?:a |an |the |my )?(?:\w+ )?cpu\b(?! (?:versions?|builds?|wheels?|torch|usage|only|%))(?=\W*$|[.,;)])",
    r"\b(?:intel|integrated|onboard)(?: (?:hd|uhd|iris|xe|core|graphics|gpu|igpu|card|\d{3,4}))+ only\b",
    r"只有(?: ?(?:intel|英特尔|集成|核显|集显|核芯|a卡|amd|苹果))|(?:内蔵|オンボード|統合)(?:gpu|グラフィック\w*)?(?:のみ|だけ|しか)|nur (?:eine? )?(?:intel|integrierte|onboard)|s[óo]lo (?:tengo )?(?:una )?(?:intel|gr[áa]ficos integrados|integrada)|только (?:встроенн\w+|intel)|seulement (?:une? )?(?:intel|carte int[ée]gr[ée]e)",
)
"""One of another maker alone."""
