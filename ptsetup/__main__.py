"""Where the process begins: the ``ptsetup`` command and ``python -m ptsetup``."""

import gc
from typing import NoReturn

OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""After so many new objects that may form cycles they are looked for; 700 is usual."""


def main() -> NoReturn:
    """Run ptsetup and end the process."""
    # what we import and read makes many objects and few cycles: looking for them that seldom saves 5 ms of a verdict
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    from ptsetup import cli

    cli.main()


if __name__ == "__main__":
    main()
