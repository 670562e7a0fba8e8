"""``python -m ptsetup``."""

from ptsetup.cli import main

if __name__ == "__main__":
    main()
