# ruff: noqa: E501, RUF001 - wide characters count twice

"""What people say of single faults, in the tongues that they write: each is used by one rule."""

MIXED = (
    r"\bcu ?1[0-4]\b[^;\n]{0,30}\bcu ?1[0-4]\b[^;\n]{0,16}\b(?:both|together|at once|side by side)\b",
    r"(?:both|mix\w*|two|beide|gemischt|混\S?|同时|ambos|deux|обе)\b[^.;\n]{0,30}\bcu ?1[0-4]\b[^.;\n]{0,20}\bcu ?1[0-4]\b",
    r"\bcu ?1[0-4]\b.{0,4}(?:and|und|and also|y|et|e|и|和|と|&|\+|/) ?(?:[\w-]+-)?cu ?1[0-4]\b[^;\n]{0,30}\b(?:packages|wheels|librar\w+|libs|pakete|installed|side by side|together|at once|in (?:the same|one))\b",
    r"\b(?:packages|wheels|librar\w+|libs)\b[^;\n]{0,16} (?:for|of) (?:both )?cuda ?1[0-4](?:\.\d)? (?:and|as well as) (?:for )?(?:cuda )?1[0-4]",
)
LOADING_FAILS = (
    r"undefined symbol|cannot open shared object|could not load library|version mismatch|symbol lookup error|\bDLL load failed|ImportError|OSError",
)

ONLY_CPU = (
    r"\bonly (?:\w+ )?(?:us(?:es?|ing)|runs?|running|on|with|my|sees?|supports?)\b[^.;\n]{0,16}\bcpu\b|\bus(?:es?|ing) only (?:my |the )?cpu\b|\bruns? (?:only )?on (?:my |the )?cpu(?: only)?\b",
    r"\bgpu\b[^.;\n]{0,30}\b(?:ignored|idle|unused|(?:is not|isn't|not being|never) used)\b|\bcpu (?:only|instead of (?:the |my )?gpu)\b",
    r"(?:只|仅)(?:用|能用|使用|有|在)?[^,;\n]{0,4}cpu|cpu(?:しか|のみ|だけ)|nur (?:die |auf der |mit der )?cpu|s[óo]lo (?:usa |en )?(?:la )?cpu|uniquement (?:le |sur )?(?:cpu|processeur)|только (?:на )?cpu",
    r"version\.cuda\W{1,12}None\b|\bcuda (?:is )?(?:not available|unavailable|false)\b",
)
"""A program keeps to the processor."""

WITHOUT_CUDA = (
    r"\bnot (?:been )?(?:compiled|built) with cuda\b(?! (?:1\d|9)\.)",
    r"\b(?:builds?|versions?|wheels?|packages?|(?:py)?torch) (?:that is |is |was )?(?:built )?without (?:any )?(?:cuda|gpu)\b(?: support)?",
    r"(?<![\w-])(?:cpu_(?:generic|mkl|openblas|py3\d+)\w*|py3\.?\d{1,2}_cpu\w*)",
)
"""The build that is there is one for the processor."""

ONE_INSTANCE = (
    r"\b(?:the )?same (?:gpu|device|cuda device|card|instance|partition)(?: ?(?:id|index|uuid|number|ordinal))?\b|\bduplicate gpu\b"
    r"|\b(?:sees?|shows?|finds?|lists?|gets?) (?:only )?(?:1|one) (?:device|gpu|instance)s?\b|\bonly (?:the |on (?:the )?)?first (?:one|instance|partition|slice|device|mig)|(?:只能|只)(?:用|看到|识别|使用|检测)\S{0,4}(?:一|1)个?"
    r"|(?:1つ|一つ|ひとつ)(?:しか|だけ)|nur (?:eine?|die erste) (?:instanz|gpu|davon)|s[óo]lo (?:una|la primera) (?:instancia|gpu)|только (?:один|одну|первый)"
)
"""Of several instances a process sees one."""

MIG_HERE = r"\bMIG \d[cg]\.\d+gb\b|\bMIG[ -]?(?:实例|模式|切|インスタンス|モード|instanz|modus|instancia|istanz|инстанс|인스턴스)"

NO_LICENCE = (
    r"\bnvidia-gridd\b[^\n]{0,80}\b(?:expired|failed to acquire|unlicensed|no licen[cs]e)\b|\blicen[cs]e (?:has )?expired\b[^\n]{0,40}\b(?:vgpu|grid)\b",
    r"\b(?:v|virtual )gpus?\b[^.;\n]{0,24}\bunlicen[sc]ed\b|\b(?:vgpu|grid)\b[^.;\n]{0,30}\blicen[cs]e\w*\b[^.;\n]{0,24}\b(?:expired|missing|invalid|failed|lost|not)\b",
    r"(?:vgpu|grid)[^;\n]{0,16}(?:未授权|没有授权|授权过期|未许可|无许可|许可证?过期|ライセンスが?(?:な|切れ|未)|ohne lizenz|nicht lizenziert|sin licencia|sem licen[çc]a|sans licence|без лицензии|라이[선센]스 ?(?:없|만료))",
)

OFF_THE_BUS = r"掉卡|GPU\S{0,4}从总线|(?:gpu|karte)\b.{0,20}vom bus|(?:gpu|tarjeta)\b.{0,16}\bca(?:e|y[óo]) del bus|バスから(?:外|脱落)"


BUILD_FAILS = (
    r"\b(?:build|compil|install)\w*\b[^.;\n]{0,40}\b(?:fails?|failed|failing|errors?|stops?|aborts?|impossible|cannot|can't)\b|\b(?:fail\w*|errors?|cannot|can't|unable|impossible) [^.;\n]{0,16}\b(?:build|compil)\w*\b",
    r"编译\S{0,6}(?:失败|报错|错误|不)|ビルド\S{0,4}(?:失敗|エラー|でき)|(?:kompilieren|bauen|build)[^.;\n]{0,16}(?:scheitert|fehl|bricht)|falla al compilar|ошибка (?:сборки|компиляции)",
)
"""A package could not be compiled."""

OVERRIDE_HELPS = r"HSA_OVERRIDE_GFX_VERSION\b[^;\n]{0,60}\b(?:it |that |everything )?(?:fix\w*|help\w*|work\w*|solv\w*|runs?|ran|made)\b|\b(?:after|with|by|only|need\w*|had to|must)\b[^;\n]{0,24}HSA_OVERRIDE_GFX_VERSION"
"""Another target than the GPU's own had to be claimed."""


NOUVEAU_HOLDS = r"\bnouveau\b[^.;\n]{0,24}\b(?:is |was |gets? |still |being )?(?:loaded|running|active|in use|shows|used)\b(?! no)|\busing nouveau\b|\blsmod\b.{0,16}\bnouveau\b.{0,12}\bshows nouveau"
"""The free driver is at work."""
