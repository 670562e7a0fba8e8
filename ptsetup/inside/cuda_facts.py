"""What libcuda says of itself. Runs in our own interpreter, isolated: cuInit may hang, or take the process with it."""

import importlib.util
import os
import sys

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

    from ptsetup_inside import answer, cuda

    cuda.look(answer.Answer(sys.argv[1], sys.argv[2]), json.loads(sys.argv[3]))
    answer.leave()


if __name__ == "__main__":
    main()
