# ruff: noqa: E501 - wide characters count twice

"""What people say of driver branches: which one was the last for their card, and which they have."""

import re

from ptsetup.rules._case import Case, Hit

_BRANCH = r"(?<!\d)(?:3[0-9]0|4[0-9]0|580)(?:\.x+|xx)?(?!\.?\d)"
_DRIVER = r"(?:nvidia |driver |legacy |version |branch |series |release |the |v)*"

LAST = (
    rf"\b(?:support\w*|works?|listed|good|available)\b[^.;\n]{{0,30}}?\b(?:(?:only )?(?:up )?to|until|till|through|only (?:by|in|with|on|until))\b {_DRIVER}{_BRANCH}",
    rf"{_BRANCH}(?: (?:legacy|drivers?|branch|series|was|is|being))*,? ?(?:the )?(?:last|latest|newest|final)\b(?: (?:one|supported|working|driver|branch|version|series))*",
    rf"\blast\b (?:supported |working |official |compatible )?(?:nvidia )?(?:driver|branch|version|one|series)\b[^.;\n]{{0,40}}?\b{_BRANCH}",
    rf"\b(?:needs?|requires?|only)\b[^.;\n]{{0,24}}{_BRANCH} (?:legacy|branch|series)|{_BRANCH} legacy (?:drivers?|branch)? ?only|\blegacy {_DRIVER}{_BRANCH}",
    rf"(?:nur|h[öo]chstens) (?:noch )?(?:bis|mit|von) {_DRIVER}(?:treiber )?{_BRANCH}|(?:最高|最多|只)(?:只)?(?:能)?(?:支持|用)(?:到)? ?{_BRANCH}|{_BRANCH} ?(?:が最後|系が最後|まで)|s[óo]lo (?:hasta|con) (?:el |la )?(?:driver |versi[óo]n )?{_BRANCH}|только до {_BRANCH}|seulement jusqu'(?:au|à) {_DRIVER}{_BRANCH}",
)
"""The last branch for a card."""

NOT_ANY_MORE = (
    (
        r"\bno longer (?:\w+ ){0,2}?(?:support\w*|detect\w*|works?|working|recogni\w*|sees?|seen|list\w*|driv\w+|found|finds?|shown|available|visible|usable)\b"
        r"|\b(?:not?|n't)\b[^.;\n]{0,16}\b(?:support\w*|detect\w*|work\w*|recogni\w*|see|seen|listed|driven?|found|there)\b[^.;\n]{0,12}\bany ?more\b|\b(?:was |were |has |have |been )?dropped\b[^.;\n]{0,20}\b(?:support|card|gpu|maxwell|pascal|kepler|volta|my)|\b(?:does|do|did|is|are|was)(?: not|n't|nt) (?:\w+ )?(?:drive|support|work|detect|see|recogni[sz]e|find)\w*|\bno devices? (?:were |was )?found\b|\bfinds? no\b|\bstopped (?:working|supporting)\b"
    ),
    r"nicht mehr|不再|已经?不支持|不支持|无法识别|サポート(?:終了|されなく|され(?:ない|ません)|外)|認識され|больше не|ya no|n'est plus|ne [^.;\n]{0,12} plus|n[ãa]o [^.;\n]{0,12}mais|keine? ger[äa]te?",
)

_HAVE = re.compile(
    r"(?:\b(?:nvidia|drivers?|treiber|pilote|controlador|драйвер)|驱动|ドライバー?)(?:[- ](?:drivers?|open|dkms|version|to|from|updated?|upgraded?|auf|на|is|was|linux|package|proprietary))*\D{0,6}(?P<one>[3-6]\d\d)(?![\d.]*\d{4})"
    r"|\b(?:installed|upgraded to|updated to|moved to|now on|running|with|on|have|using) (?:version |driver |nvidia )*(?P<two>[3-6]\d\d)(?:\.\d+)*\b(?! ?(?:mb|gb|mib|w|ti|m|%|images|steps))",
    re.IGNORECASE,
)


def last_told(case: Case) -> tuple[int, int, Hit] | None:
    """The last branch for the card and the newer one that is installed, both as a person tells them, and where; else None."""
    hit = case.said(*LAST) if case.snapshot.origin == "report" else None
    if hit is None or not (case.is_blind or case.said(*NOT_ANY_MORE)):
        return None
    told = re.search(_BRANCH, hit.match[0])
    last = int(told[0][:3]) if told else 0
    have = installed(case)
    return (last, have, hit) if last and have > last else None


def installed(case: Case) -> int:
    """The newest branch that the text says is there; 0 when it says none."""
    known = [int(case.driver_version[0].partition(".")[0])] if case.driver_version else []
    found = [int(match["one"] or match["two"]) for match in _HAVE.finditer(case.text)]
    return max((*known, *found), default=0)
