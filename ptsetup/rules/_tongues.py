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
