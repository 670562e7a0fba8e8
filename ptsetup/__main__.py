"""Where the process begins: the ``ptsetup`` command and ``python -m ptsetup``."""

import gc
import sys
import types
from typing import Any, NoReturn

OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""After so many new objects that may form cycles they are looked for; 700 is usual."""


class LateInspect(types.ModuleType):
    """Stands for ``inspect`` in click, and brings the real one when something of it is needed.

    click straightens texts of help with it, which ours do not need. Importing it (it brings ``ast``, ``dis``, ``tokenize``) takes
    3 to 4 ms of a verdict's 75.
    """

    @staticmethod
    def cleandoc(text: str) -> str:
        """``inspect.cleandoc``; a text of one line that begins with no space is as it should be."""
        if "\n" not in text and "\t" not in text and text == text.lstrip():
            return text
        import inspect

        return inspect.cleandoc(text)

    def __getattr__(self, name: str) -> Any:
        """Anything else is the real one's."""
        import inspect

        return getattr(inspect, name)


def import_click() -> None:
    """Import click with ``LateInspect`` in the place of ``inspect``; for all others the real one stays what it is."""
    if "inspect" in sys.modules or "click" in sys.modules:
        return
    sys.modules["inspect"] = LateInspect("inspect")
    try:
        import click  # noqa: F401
    finally:
        del sys.modules["inspect"]


def main() -> NoReturn:
    """Run ptsetup and end the process."""
    # what we import and read makes many objects and few cycles: looking for them that seldom saves 5 ms of a verdict
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    import_click()
    from ptsetup import cli

    cli.main()


if __name__ == "__main__":
    main()
