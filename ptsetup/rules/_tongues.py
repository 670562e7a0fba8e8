# ruff: noqa: E501 - wide characters count twice

"""What shells and systems say in other languages than English; Windows gives numbers too, which say the same everywhere."""

ILLEGAL = (
    r"ung(?:ü|ue)ltiger Maschinenbefehl|instruction (?:ill[ée]gale|non permise)|instrucci[óo]n ilegal"
    r"|instru[çc][ãa]o ilegal|istruzione (?:illegale|non consentita)|недопустимая (?:инструкция|команда)|非法指令|不正な命令"
)
"""Illegal instruction."""

UNKNOWN_COMMAND = (
    # bash, zsh
    r"(?:Kommando|Befehl) nicht gefunden|commande (?:introuvable|non trouvée)|orden no encontrada|no se encontró la orden"
    r"|comando (?:não encontrado|non trovato)|команда не найдена|未找到命令|找不到命令|コマンドが見つかりません"
    # cmd.exe and PowerShell
    r"|ist entweder falsch geschrieben|wurde nicht als (?:Name|Befehl)|n'est pas reconnu|no se reconoce|não é reconhecido"
    r"|non è riconosciuto|не является внутренней|не распознано|不是内部或外部命令|无法将.{0,40}识别|不是內部或外部命令|認識されていません"
)
"""There is no program of that name."""

OLD = (
    r"(?:太旧|过旧|太老|过低|太低|较低|版本低|较旧|不够新|过期|古い|古すぎ|低い|오래된|낮|낡|устарел\w*|стар\w+|zu alt|veraltet|trop (?:ancien|vieux)\w*|obsol[èe]te"
    r"|(?:muy |demasiado )?(?:antigu[oa]|viej[oa])|desactualizad[oa]|muito antig[oa]|antig[oa]|vecchi[oa]|obsolet[oa])"
)
"""Too old, said of a driver."""

DRIVERS = (
    r"(?:驱动(?:程序|版本)?|ドライバー?|드라이버|драйвер\w*|(?:grafik)?treiber\w*|pilotes?|controlador(?:es)?|drivers?)"
)

UNSUPPORTED = (
    r"(?:不支持|不兼容|未支持|不适配|无法支持|非対応|対応していな|対応してな|サポートされていな|サポートしていな|未対応|지원하지|지원되지|호환되지"
    r"|не поддержива\w+|несовместим\w*|nicht unterst[üu]tzt|unterst[üu]tzt \w+ nicht|nicht kompatibel|pas (?:support[ée]|compatible"
    r"|pris en charge)\w*"
    r"|no (?:es |est[áa] )?(?:soporta\w*|compatible)|n[ãa]o (?:[ée] )?(?:suporta\w*|compat[íi]vel)|non (?:[èe] )?(?:support\w+"
    r"|compatibil\w+))"
)
"""Does not support, is not supported."""

COMPLAINT = (
    r"\b(?:geht|läuft|klappt|funktioniert)\b[^.;\n]{0,16}\bnicht\b|失败|错误|报错|无法|不能|不了|エラー|できない|できません|失敗|오류|실패|안 ?됩니다|ошибк\w*|не (?:работает|видит|находит|могу)|\bfehler\b|funktioniert nicht"
    r"|\berreur\b|ne (?:fonctionne|marche|trouve)|no (?:funciona|detecta|encuentra)|n[ãa]o (?:funciona|detecta|encontra)|non "
    r"(?:funziona|trova)"
)
"""Something does not work."""

CPU_BUILD = (
    r"(?:cpu ?版(?:本)?|cpu[の ]?ビルド|cpu ?버전|cpu[- ]?верси\w+|верси\w+ (?:для )?cpu|cpu[- ]version|version cpu|versi[óo]n (?:de "
    r")?(?:solo )?cpu"
    r"|vers[ãa]o (?:de |apenas )?cpu|versione cpu|纯 ?cpu)"
)
"""A build for the processor."""

NO_CUDA = (
    r"(?:без (?:поддержки )?(?:cuda|gpu)|не (?:видит|поддерживает) cuda|(?:ohne|keine?) (?:cuda|gpu)|(?:sans|pas de) (?:support |prise en charge )?(?:de )?(?:cuda|gpu)|sin (?:soporte )?(?:de |para )?(?:cuda|gpu)"
    r"|sem (?:suporte )?(?:a |para )?(?:cuda|gpu)|senza (?:supporto )?(?:a |per )?(?:cuda|gpu)|(?:没有?|无|不带|不支持) ?(?:cuda|gpu)|(?:cuda|gpu)(?:が|は|を)?(?:ない|無い|なし|サポートしていない)|(?:cuda|gpu)(?:가|는|를)? ?(?:없|지원하지))"
)
"""Without CUDA, said of torch."""

NO_GPU = (
    r"(?:没有?|无|沒有)(?:英伟达|nvidia|独立|独|任何)* ?(?:显卡|gpu|n卡|獨顯)(?!.{0,4}(?:支持|加速))|只有(?:核显|集显|集成显卡|cpu)|(?:nvidia|gpu|グラボ)\S{0,6}(?:が|は"
    r"|を)?(?:無い|ない|搭載していな|なし)"
    r"|нет (?:видеокарты|gpu|nvidia|карты)|без (?:видеокарты|gpu)|keine? (?:nvidia|grafikkarte|gpu)|(?:pas|sans) (?:de |d')?(?:carte "
    r"(?:graphique|nvidia)|gpu)"
    r"|(?:no tengo|sin) (?:una? )?(?:gpu|tarjeta)|(?:n[ãa]o tenho|sem) (?:uma? )?(?:gpu|placa)"
)
"""There is no GPU."""

AFTER_SLEEP = (
    r"(?:休眠|睡眠|挂起|待机|唤醒|合盖)\S{0,8}(?:后|之后|以后|过后|起来|恢复)|(?:从|自)\S{0,4}(?:休眠|睡眠|挂起|待机)|(?:スリープ|サスペンド|休止)\S{0,8}(?:後|から|復帰)|после "
    r"(?:сна|спящ\w+|гибернац\w+|пробужд\w+)"
    r"|nach (?:dem )?(?:aufwachen|ruhezustand|standby|schlafmodus)|apr[èe]s (?:la |une )?(?:mise en )?veille|despu[ée]s de (?:la "
    r")?(?:suspensi[óo]n|suspender|hibernar)|(?:depois|ap[óo]s) (?:a |de )?suspen\w+"
)
"""After the machine has slept."""

PYTHON_NOT_SERVED = (
    r"(?:torch|pytorch)[^.;\n]{0,30}(?:不支持|不兼容|没有|非対応|対応していな|지원하지|не поддержива\w+|nicht (?:f[üu]r|mit)|pas (?:avec|pour)|no "
    r"(?:soporta|funciona))[^.;\n]{0,20}python ?(?P<one>3\.\d{1,2})"
    r"|python\S{0,8}(?:太高|过高|太新|过新)[^\n]{0,12}?(?P<three>3\.\d{1,2})"
    r"|python ?(?P<two>3\.\d{1,2})[^;\n]{0,30}(?:不支持|不兼容|没有|太高|过高|太新|过新|非対応|対応していな|지원하지|не поддержива\w+|zu neu|trop r[ée]cent)"
)
"""torch is not made for a Python."""

CURED = (
    r"解决|解決|就好了|就行了|好了|恢复|恢復|正常了|直った|直りました|治った|해결|помог\w*|решил\w*|решен\w*|заработал\w*|gel[öo]st|behoben|geholfen|(?:geht|ging|läuft|funktioniert) (?:\S+ )?(?:wieder|jetzt|es)"
    r"|r[ée]solu\w*|r[ée]gl[ée]\w*|corrig[ée]\w*|solucion\w*|resuel\w*|resolvid\w*|resolvi[oó]\b|resolveu|arregl\w*|risolt\w*|funcion(?:a|ó|ou) (?:ahora|agora|de nuevo|de novo)"
)
"""It has helped."""

CAUSE = r"原因|因为|由于|是因|원인|때문|причин\w*|оказал\w*|из-за|ursache|\bgrund\b|lag an|\bweil\b|la cause|à cause|la causa|\bporque\b|por culpa|a causa"
"""It was the cause."""

VAIN = (
    r"没用|无效|没有用|没效果|不行|未解决|没解决|無効|効果な|直らな|解決しな|해결되지|소용|не помог\w*|без толку|не решил\w*|nicht (?:geholfen|gel[öo]st|behoben)|half nicht|ohne erfolg"
    r"|(?:n['\u2019]a|ne) (?:\w+ )?(?:pas|rien)|no (?:se )?(?:ayud|solucion|resol|resuel|funcion)\w*|n[ãa]o (?:ajud|resolv|funcion)\w*|non (?:ha )?(?:risol|funzion)\w*"
)
"""It has not helped."""

TROUBLE = (
    r"看不到|找不到|检测不到|识别不|没有|解决|解決|見え|認識しな|해결|못|не (?:вид|наход|наш|определя)\w*|помог\w*|решил\w*|keine (?:gpu|cuda|grafik)|gel[öo]st|behoben|geholfen"
    r"|r[ée]solu|ne (?:voit|trouve)|no (?:ve|detecta|encuentra|encontraba|detectaba|reconoc)\w*|resolvi\w*|solucion\w*|n[ãa]o (?:v|detect|encontr|reconhec)\w*|non (?:ved|trov|riconosc)\w*"
)
"""Something is not seen, or was not before it was cured."""

UPDATED = r"(?:更新|升级|升級|アップデート|업데이트|обновл\w*|обновил\w*|aktualisier\w*|(?:mis[e ]*|mettre )[àa] jour|actualiz\w*|atualiz\w*|aggiorn\w*)"
"""Brought up to date."""
