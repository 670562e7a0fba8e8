"""Where something was typed: in a container or on its host, as a command or a heading above it tells."""

import re

_HOST = re.compile(
    r"\b(?:on|at) (?:the |my |its )?(?:docker )?host\b|\boutside (?:of )?(?:the |a )?(?:docker|container|pod)|\bwithout docker\b"
    r"|^\W{0,4}(?:the )?host(?: machine| system)?\W{0,3}$|\bbare[- ]metal\b|宿主|ホスト(?:側|上|OS)|auf dem host|en el host|sur l'h[oô]te",
    re.IGNORECASE,
)
_CONTAINER = re.compile(
    r"\b(?:in|inside|within|from) (?:the |a |my |this )?(?:docker |running )?(?:container|docker|pod)\b"
    r"|\b(?:docker|podman|nerdctl)(?:[ -]compose)? (?:run|exec)\b|^\W{0,4}(?:the )?(?:docker )?(?:container|docker|pod)\W{0,3}$"
    r"|\bkubectl exec\b|容器(?:内|里|中)|コンテナ(?:内|の中)|im container|en el contenedor|dans le conteneur",
    re.IGNORECASE,
)
_WORDS = (
    "host",
    "docker",
    "contain",
    "pod",
    "metal",
    "kubectl",
    "容器",
    "コンテナ",
    "宿主",
    "ホスト",
    "conten",
    "conteneur",
)


def of(text: str) -> str:
    """``container`` or ``host`` where the line tells one of them, else an empty text."""
    lower = text.lower()
    if len(text) > 200 or not any(word in lower for word in _WORDS):
        return ""
    is_host, is_container = _HOST.search(text) is not None, _CONTAINER.search(text) is not None
    return "" if is_host == is_container else "host" if is_host else "container"
