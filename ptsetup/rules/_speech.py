"""How people say things: building blocks for what rules listen for in running text, each a regular expression."""

BE = r"(?:is|was|are|were|'s|seems?(?: to be)?|appears?(?: to be)?|turned out(?: to be)?|must be|had been|has been|being)"
NOT = (
    r"(?:(?:is|was|are|were|do|does|did|has|have|had|can|could|would|will)(?: not|n['o]?t)|cannot|can ?not|can'?t|won'?t|never|no longer"
    r"|not)"
)
ADVERB = (
    r"(?:\w+ly |just |too |so |very |quite |rather |a bit |still |now |already |simply |probably |apparently "
    r"|actually |even |yet ){0,2}"
)
OLD = (
    r"(?:(?:too|very|so|rather|quite|way|far) (?:too )?(?:old|low|outdated)|outdated|out[ -]of[ -]date|obsolete|not (?:new|recent"
    r"|up[ -]to[ -]date) enough)"
)
CLAUSE = r"(?:[^.;\n]|\.(?=\d)){0,60}?"
"""Anything within one clause."""

ROOT_ONLY = (
    r"works? (?:fine |well |only )?(?:as|with|under|for) (?:root|sudo|(?:the )?superuser)",
    r"only (?:works |available )?(?:as|for|with) (?:root|sudo|superuser)",
    r"(?:works|ok|fine) (?:when run |if run )?(?:as|with) (?:root|sudo)",
    r"\bunless (?:as |with |run as |run with |i use )?(?:root|sudo|superuser)\b|only if .{0,24}\broot\b",
    r"\bnon[- ]root user.{0,80}(?:false|fail|error|no gpu|cannot|can't)",
    r"\btrue\b.{0,40}\b(?:as|with|for|under) (?:root|sudo)\b|\b(?:as|with|under|using) (?:root|sudo)\b.{0,60}\btrue\b",
    r"\bsudo\b.{0,160}\btrue\b.{0,80}\b(?:without|non[- ]root|normal|regular|ordinary)\b",
    r"\b(?:without|not using) (?:root|sudo)\b.{0,60}\b(?:false|fail\w*|errors?|no gpu|not work\w*)\b",
    r"\bfalse\b.{0,40}\b(?:as|for) (?:an? |my )?(?:normal|regular|ordinary|unprivileged|non[- ]root)\b",
)
"""It works for root and for nobody else."""

FIXED = r"(?:fix(?:es|ed)?|solv(?:es|ed)|resolv(?:es|ed)|cur(?:es|ed)|help(?:s|ed)|did the trick|works?(?: again)?|worked|made it work)"
"""Said of what has helped."""

SEES = r"(?:see|detect|find|found|use|recogni[sz]e|access|reach|get|initiali[sz]e|us|work)\w*"
GPU = (
    r"(?:nvidia |amd |dedicated |discrete |physical |cuda[ -](?:capable|enabled|compatible) |usable |suitable |compatible |supported "
    r"|proper |real )*(?:d?gpus?|(?:nvidia|graphics?|video|display) (?:adapters?|chips?|hardware|devices?)|graphics? (?:cards?"
    r"|processors?|adapters?)|video cards?|cuda devices?|cards?)"
)
