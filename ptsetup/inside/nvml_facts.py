"""What NVML says. Runs in our own interpreter, isolated; nvidia-ml-py is loaded by the path that ptsetup gives."""

import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if not entry or os.path.abspath(entry) != HERE]


def load(name, path):
    """A module or package by its path, under a name of our choice."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def main():
    load("ptsetup_inside", os.path.join(HERE, "parts", "__init__.py"))
    import json

    from ptsetup_inside import answer, nvml

    told = answer.Answer(sys.argv[1], sys.argv[2])
    options = json.loads(sys.argv[3])
    nvml.look(told, load("pynvml", options["pynvml"]), options)
    answer.leave()


if __name__ == "__main__":
    main()
