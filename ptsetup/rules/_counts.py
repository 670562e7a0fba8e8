# ruff: noqa: E501, RUF001 - wide characters count twice

"""How many GPUs a person says that there are, in the numerals of several tongues."""

from ptsetup.rules._case import Case, Hit

_WORDS = {
    "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "twelve": 12, "sixteen": 16,
    "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "sieben": 7, "acht": 8, "zehn": 10, "tres": 3, "cuatro": 4, "cinco": 5, "seis": 6,
    "siete": 7, "ocho": 8, "três": 3, "quatro": 4, "oito": 8, "trois": 3, "quatre": 4, "cinq": 5, "huit": 8, "три": 3, "четыре": 4,
    "пять": 5, "шесть": 6, "восемь": 8, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10,
}  # fmt: skip
_IN_LETTERS = r"(?<![a-zа-яü])(?:" + "|".join(word for word in _WORDS if word < "\u3000") + ")"
_NUMBER = rf"(?P<count>(?<![\d.])(?<!windows )(?<!win)(?<!win )(?:[3-9]|1\d)|{_IN_LETTERS})"
_OTHER = r"(?:(?!with\b|and\b|an?\b|on\b|of\b|the\b|my\b)[\w-]+ )"
_NAME = r"(?:nvidia|geforce|rtx|gtx|tesla|quadro|titan|[ah]\d{2,3}s?\b|\d{3,4} ?ti\b|[1-5]0\d0s?\b)"

COUNTED = (
    rf"{_NUMBER} ?[x*\u00d7] ?{_NAME}",
    rf"{_NUMBER} ?{_OTHER}{{0,3}}?(?:gpus?|(?:graphics |video )?cards|grafikkarten|karten|cartes(?: graphiques)?|tarjetas|placas|видеокарт\w*|карт\w?)(?![a-z])",
    rf"(?P<count>{_IN_LETTERS}) {_OTHER}{{0,2}}?{_NAME}",
    r"(?<![\d.])(?<!windows )(?<!win )(?<!cuda )(?<!python )(?<!version )(?P<count>[3-9]) (?:nvidia|geforce|(?:rtx|gtx)(?: ?\d{4}s?)?|tesla|quadro|titan|[ah]\d00s?)\b",
    r"(?P<count>[3-9]|1\d|[三四五六七八九十]) ?(?:张|張|块|塊|片|枚|個|个|台|基)(?:の)? ?[\w -]{0,14}?(?:显?卡|顯?卡|gpu|グラボ|[1-5]0\d0)",
    r"gpu ?(?:を|が|は|x|×|\*)? ?(?P<count>[3-9]|1\d) ?(?:枚|台|基|つ|개|张|块)|(?P<many>[3-9]|1\d) ?개의? ?(?:gpu|그래픽)",
    r"GPUs is (?:greater than or equal to|>=|at least) (?P<count>[3-9])\b",
)


_FEW = {
    "one": 1,
    "a single": 1,
    "only one": 1,
    "two": 2,
    "一": 1,
    "两": 2,
    "二": 2,
    "zwei": 2,
    "dos": 2,
    "deux": 2,
    "duas": 2,
    "две": 2,
}
_OWN = (
    rf"\b(?:have|has|with|there (?:are|is)|only|got|of|machine|server|node|box)\b (?:only |just |an? )?(?P<count>[1-9]|1\d|one|two|{_IN_LETTERS}) {_OTHER}{{0,2}}?(?:gpus?|(?:graphics |video )?cards?)(?![a-z])",
    r"(?:有|只有|共)(?P<count>[1-9]|[一两二三四五六七八]) ?(?:张|块|个|片)(?:显?卡|gpu)|\bgpus? ?0(?: and |,|-| to | & | und | bis )(?:gpu ?)?(?P<last>[1-9]) (?:only|alone)",
)


def owned(case: Case) -> tuple[int, Hit | None]:
    """The number of GPUs that a person says that the machine has; 0 when none is said."""
    hit = case.said(*_OWN)
    if hit is None:
        return 0, None
    groups = hit.match.groupdict()
    if groups.get("last"):
        return int(groups["last"]) + 1, hit
    word = (groups.get("count") or "0").lower()
    return _FEW.get(word) or _WORDS.get(word) or int(word), hit


def said(case: Case) -> tuple[int, Hit | None]:
    """The number of GPUs that is spoken of, and where; 0 when there is none of three or more."""
    hit = case.said(*COUNTED)
    if hit is None:
        return 0, None
    groups = hit.match.groupdict()
    word = (groups.get("count") or groups.get("many") or "0").lower()
    return _WORDS.get(word) or int(word), hit
