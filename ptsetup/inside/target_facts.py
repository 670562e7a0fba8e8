"""What is true of this interpreter and installed in it; nothing of it is imported. Runs in the target (Python 3.6 or newer)."""

import os
import sys

if sys.version_info < (3, 6):
    sys.exit("This is Python %d.%d; ptsetup looks into Python 3.6 and newer." % sys.version_info[:2])

import importlib.util

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if not entry or os.path.abspath(entry) != HERE]


def parts():
    """The package beside this script, loaded by its path under a name of its own."""
    spec = importlib.util.spec_from_file_location("ptsetup_inside", os.path.join(HERE, "parts", "__init__.py"))
    package = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = package
    spec.loader.exec_module(package)


def main():
    parts()
    import json

    from ptsetup_inside import answer, looking

    told = answer.Answer(sys.argv[1], sys.argv[2])
    looking.look(told, json.loads(sys.argv[3]))
    answer.leave()


if __name__ == "__main__":
    main()
