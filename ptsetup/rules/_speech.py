"""How people say things: building blocks for what rules listen for in running text, each a regular expression."""

import re

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
ASSENT = r"(?:(?!\bnot\b|n['\u2019o]?t\b|\bnever\b|\bnor\b)(?:[^.;\n]|\.(?=\d))){0,60}?"
"""Anything within one clause that denies nothing."""

_SUPPOSED = r"(?i)(?:\b(?:if|in case|falls|wenn|sofern|si|se|если)\b|如果|假如|若|もし)(?P<who>[^.;,:!?\n。\uff0c\uff1b]{0,30})$"
_MINE = r"(?i)\b(?:i|we|my|our|ich|wir|mein\w*|unser\w*|je|mon|notre|yo|mi|eu|meu|io|mio|я|мы|мой|мо[ия]|наш)\b|我|私"


def is_supposed(text: str, start: int) -> bool:
    """What begins there stands under an "if" of the same clause, and nobody speaks of himself: a page of help, no report."""
    supposed = re.search(_SUPPOSED, text[max(0, start - 48) : start])
    return supposed is not None and re.search(_MINE, supposed["who"]) is None


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

GPU = (
    r"(?:nvidia |amd |dedicated |discrete |physical |cuda[ -](?:capable|enabled|compatible) |usable |suitable |compatible |supported "
    r"|proper |real )*(?:d?gpus?|(?:nvidia|graphics?|video|display) (?:adapters?|chips?|hardware|devices?)|graphics? (?:cards?"
    r"|processors?|adapters?)|video cards?|cuda devices?|cards?)"
)

_GROUP = r"\b(?:add|join|put)\w*\b[^;\n]{0,40}\b(?:render|video)\b[^;\n]{0,12}\bgroups?\b"
JOINED = (
    rf"\b(?:had to|needed to|needs? to|must|forgot to|by|after|missing|{FIXED})\b[^;\n]{{0,30}}{_GROUP}",
    rf"{_GROUP}[^;\n]{{0,40}}\b{FIXED}",
    rf"\b(?:had to|needed to|by|after|{FIXED})\b[^;\n]{{0,60}}\b(?:usermod|gpasswd|adduser)\b[^;\n]{{0,24}}\b(?:render|video)\b",
    rf"\bchmod\b[^;\n]{{0,16}}/dev/(?:nvidia|kfd|dri)[^;\n]{{0,40}}\b{FIXED}|\b{FIXED}\b[^;\n]{{0,40}}\bchmod\b[^;\n]{{0,16}}/dev/(?:nvidia|kfd|dri)",
    r"/dev/(?:dri/renderD\d+|kfd)\b[^;\n]{0,40}\b(?:belongs? to|owned by|is of)\b[^;\n]{0,12}\b(?:render|video)\b",
    r"\b(?:user|account)s?\b[^;\n]{0,80}\btrue\b[^;\n]{0,40}\b(?:does ?n[o']?t|false|the other)\b",
)
"""A person tells that joining a group, or opening the device files, has helped; or that another user can."""
