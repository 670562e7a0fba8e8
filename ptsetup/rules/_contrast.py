# ruff: noqa: E501, RUF001 - wide characters count twice

"""What people compare: in here and out there, then and now, all of them and some of them; in the tongues that they write."""

_NOT_BEFORE = (
    r"(?<!n't )(?<!n’t )(?<!not )(?<!cannot )(?<!never )(?<!no )(?<!nicht )(?<!не )(?<!pas )(?<!não )(?<!不)(?<!没)"
)
_GAP = r"(?:(?!\b(?:not|never|neither|nor|without errors? only|nicht|pas|falso?|false)\b|n't\b|n’t\b|不|没|ない|\bне\b|않|failed|fails)(?:[^.;\n]|\.(?=\w)))"

_WORKS = (
    _NOT_BEFORE
    + r"(?:\bworks?\b|\bworked\b|\bworking\b|\bruns?\b|\bran\b|\bfine\b|\bok(?:ay)?\b|\btrue\b|\bcorrectly\b|\bsees?\b|\blists?\b|\bdetects?\b"
    r"|正常|可以|没问题|沒問題|没有问题|能用|能识别|好的|動(?:く|き|作)|問題な|認識(?:され|でき)て|geht|funktioniert|läuft|klappt|erkannt|funciona|fonctionne|marche\b|работает|видит|видно|funziona|됩|정상)"
)

_OUTSIDE = (
    r"(?:\bon (?:the |my |its |our |a )?(?:docker |container |bare[- ]metal )?(?:host|node)\b(?! (?:name|port))|\boutside(?: of)? (?:the |a |my |of |that )?(?:docker|container|pod|podman|it\b|here\b)|\bhost(?: machine| os| system)? (?:itself|side)\b"
    r"|\bwithout (?:a |the |using |any )?(?:docker|containers?|podman|singularity)\b|\bbare[- ]metal\b|\bnatively\b|\bhost (?:machine |os |system )?(?=sees|lists|shows|detects|works|is (?:fine|ok)|runs)|\blocally\b|\bon my (?:own |local )?(?:machine|pc|computer|laptop|system|desktop)\b|\blocal (?:machine|environment|env|setup|python|venv|conda)\b|\b(?:directly|locally) on (?:the|my) (?:machine|host|system|server)\b|^\W{0,3}host\W"
    r"|宿主|主机上|物理机|不用(?: ?docker|容器)|容器外|不在(?: ?docker|容器)|ホスト|コンテナ(?:の)?外|auf dem (?:host|rechner selbst)|ohne docker|(?:außer|ausser)halb|en el (?:host|anfitri[óo]n)|fuera de|sin docker"
    r"|\bno host\b|fora d[oae]|sem docker|sur l['’ ]?(?:h[oô]te|host)|hors (?:du |de )?(?:docker|conteneur)|sans docker|на хост\w*|без (?:докера|docker|контейнера)|вне (?:контейнера|докера)|sull'host|fuori da|호스트)"
)

WORKS_OUTSIDE = (
    rf"{_OUTSIDE}{_GAP}{{0,60}}?{_WORKS}",
    rf"{_WORKS}{_GAP}{{0,60}}?{_OUTSIDE}",
    r"\bhost (?:machine |os |system )?(?:has|with) (?:an? |the |two |\d ?x? )?(?:working )?(?:nvidia|rtx|gtx|tesla|geforce|quadro|gpu|[atvphlk]\d{1,3}\b)",
)
"""Said inside a container: out of it, the same does work."""

_GPU = r"(?:(?<![a-z\d])(?:gpus?|nvidia(?:[- ]smi)?|cuda|(?:graphics? )?cards?)(?![a-z\d])|显卡|顯卡|グラボ|grafikkarten?|\bkarte\b|tarjeta|\bplaca\b|carte (?:graphique|nvidia)|видеокарт\w*|그래픽 ?카드)"

NO_GPU_SEEN = (
    r"is_available\b.{0,40}(?<![a-z])false\b",
    r"\b(?:sees?|finds?|detects?|lists?|gets?) (?:no|0|zero) (?:cuda |nvidia )?(?:gpus?|devices?)\b",
    r"\bno (?:cuda |nvidia |cuda[- ]capable )?(?:gpus?|devices?) (?:is |are |was |were |can be )?(?:found|detected|available|visible|recogni[sz]ed|seen)\b",
    rf"{_GPU}\S{{0,4}} (?:\w+ ){{0,3}}?(?:(?:is|are|was|were|can|could)(?: not|n't)|cannot|not) (?:\w+ )?(?:be )?(?:found|detected|visible|available|recogni[sz]ed|seen|used|usable|accessible)\b",
    rf"(?:\bdoes|\bdo|\bdid|\bcan|\bcould)(?:n't| not|not) (?:\w+ )?(?:find|detect|see|recogni[sz]e|access|use)\b.{{0,12}}{_GPU}",
    rf"(?:找不到|检测不到|识别不到|看不到|认不到|无法识别|无法使用|未检测到|没有检测到|用不了)\S{{0,6}} ?{_GPU}|{_GPU} ?\S{{0,4}}(?:找不到|不可用|检测不到|识别不到|看不到|用不了)",
    rf"{_GPU}\S{{0,6}}(?:見えな|認識(?:され|し|でき)(?:ない|ません)|使えな|使えません|検出され(?:ない|ません)|見つから)",
    rf"{_GPU}.{{0,24}}nicht (?:gefunden|erkannt|verf[üu]gbar|sichtbar|genutzt)|findet keine {_GPU}",
    rf"no (?:se )?(?:detecta|encuentra|ve|reconoce)\w*\b.{{0,12}}{_GPU}|{_GPU}.{{0,12}}\bno (?:se |est[áa] )?(?:detecta|encuentra|ve|reconoce|disponible)",
    rf"n[ãa]o (?:[ée] )?(?:detecta|encontra|v[êe]|reconhec)\w*\b.{{0,12}}{_GPU}|{_GPU}.{{0,12}}n[ãa]o (?:[ée] )?(?:detecta|encontra|dispon)",
    rf"(?:ne (?:d[ée]tecte|trouve|voit|reconna[îi]t)|n'est) (?:pas|plus)\b.{{0,14}}(?:{_GPU}|d[ée]tect|trouv|visible|disponible)",
    rf"не (?:видит|видно|находит|определяет\w*|обнаружива\w*|видна).{{0,14}}{_GPU}|{_GPU}.{{0,12}} не (?:видна|видит|найден|определя|обнаруж|доступ)",
)
"""A program, or a person, sees no GPU."""

_GPU_ITSELF = rf"{_GPU}(?![ -]?(?:jobs?|memory|nodes?|quotas?|util\w*|usage|perf\w*|time|hours?|servers?|instances?|speed|work\w*|process\w*|ram)\b)"

GONE = (
    rf"{_GPU_ITSELF}\S{{0,3}} (?:\w+ ){{0,4}}?(?:disappear\w*|vanish\w*|go(?:es)? (?:missing|away)|gone|lost)\b",
    rf"\b(?:los(?:es?|t|ing)|drop(?:s|ped)?) (?:\w+ ){{0,4}}?{_GPU_ITSELF}",
    rf"\b(?:no longer|not (?:\w+ )?any ?more|no more|has no)\b.{{0,30}}{_GPU_ITSELF}|{_GPU_ITSELF}.{{0,40}}\b(?:no longer|any ?more)\b",
    rf"{_GPU_ITSELF} ?\S{{0,4}}(?:丢失|消失|不见|掉了|没了|見えなく|認識されなく|消え|使えなく|사라)|(?:丢失|掉)\S{{0,3}}{_GPU_ITSELF}|로스트",
    rf"{_GPU_ITSELF}.{{0,24}}(?:verschwunden|nicht mehr)|verliert.{{0,16}}{_GPU_ITSELF}|(?:pierde|desaparece|perde|some|perd|dispara[îi]t|пропада\w+|пропал\w*|теря\w+|исчеза\w+).{{0,16}}{_GPU_ITSELF}|{_GPU_ITSELF}.{{0,16}}(?:desaparece|dispara[îi]t|пропада\w+|пропал\w*|исчеза\w+)",
    r"failed to initiali[sz]e NVML|NVML\b.{0,20}unknown error",
)
"""What was there is there no longer."""

LATER = (
    r"\bafter (?:running |working |being up |(?:it has|having) run )?(?:\w+ )?(?:for )?(?:a while|some ?time|(?:a (?:few|couple(?: of)?)|several|some|many|\d+|two|three) (?:\w+ )?(?:hours?|days?|minutes?|weeks?)|(?:an?|one) (?:hour|day|week|minute))\b",
    r"\b(?:works?|fine|ok|good|running|runs) (?:well |fine )?(?:at first|initially|in the beginning|for (?:a while|some time|(?:a few|several|some|\d+) (?:hours|days|minutes|weeks)))\b",
    r"\bat some point\b|\bover time\b|\b(?:randomly|suddenly|periodically|sporadically|all of a sudden)\b|\bevery (?:few|couple of) (?:hours|days)\b|\b(?:overnight|the next (?:day|morning))\b",
    r"一段时间|过一会|过了?(?:几|一)|隔一段|几个?(?:小时|天)(?:后|之后)|不定时|跑着跑着|しばらく|数(?:時間|日|分)(?:後|経)|時間が?経|突然|途中で",
    r"nach (?:einiger|einer|l[äa]ngerer|ein paar|mehreren|einigen) (?:zeit|weile|stunden|tagen|minuten)|irgendwann|pl[öo]tzlich",
    r"(?:despu[ée]s|al cabo) de (?:un (?:rato|tiempo)|unas? |varias |algunas |algún )|(?:depois|ap[óo]s) (?:de )?(?:um tempo|algum tempo|algumas|uns )|apr[èe]s (?:un (?:certain )?(?:moment|temps)|quelques|plusieurs)|de repente|soudain",
    r"через (?:некоторое время|несколько|пару|какое-то)|спустя|со временем|внезапно|일정 시간|시간이 지나|얼마 후|며칠",
)
"""Not at once, but after a time."""

RELOADED = r"\bdaemon-reload\b|\bdaemon-reexec\b"
"""What rewrites the control groups of running containers."""

CONTAINER = r"(?<![a-z\d])(?:docker|containers?|pods?|podman|k8s|kubernetes)(?![a-z\d])|容器|コンテナ|contenedor|conteneur|cont[êe]iner|контейнер|докер|컨테이너"
"""A container is spoken of."""

FEWER_WORK = (
    rf"\b(?:any|with|only|just|first|using|up to|selecting|choosing|for|when) (?:\w+ ){{0,2}}?(?:one|two|three|four|five|six|single|fewer|less|[1-9])\b{_GAP}{{0,50}}?{_WORKS}",
    rf"\bCUDA_VISIBLE_DEVICES ?=? ?[\d,]*{_GAP}{{0,50}}?{_WORKS}",
    rf"(?:任意|任何|只|仅|指定|单)[^;\n]{{0,24}}(?:张|块|个|卡|片){_GAP}{{0,60}}?{_WORKS}",
    rf"mit (?:nur )?(?:\w+ )?(?:einer?|zwei|drei|vier|weniger|[1-9]){_GAP}{{0,24}}?{_WORKS}",
    rf"[1-9] ?枚(?:まで|だけ|なら|で){_GAP}{{0,24}}?{_WORKS}|(?:с|con|com|avec) (?:\w+ )?(?:одной|двумя|тремя|una|dos|tres|duas|três|une|deux|trois|[1-9])\b{_GAP}{{0,24}}?{_WORKS}",
)
"""With some of the GPUs it works."""
