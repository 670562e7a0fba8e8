"""The smoke benchmark's child: runs checks of torch in the target interpreter and reports what it measured. It judges nothing.

    python bench_main.py ANSWER.ndjson '{"device": "auto", "checks": ["tensor.exact", ...], "seed": 0}'

Standard library and torch only; syntax of Python 3.6. Lines of the answer: ``info`` once, then per check ``start`` (so that a crash
or hang is pinned on it) and ``end`` with error, tolerance and unit, or why there is nothing to compare; ``done`` at last.
"""

import importlib.util
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != HERE]

TOPICS = ("core", "optim", "data", "layers", "ops", "models", "system")
"""Modules bench_TOPIC.py beside this file, loaded by their path: no folder of ours stays on the import path."""


class Unavailable(Exception):
    """This build of torch lacks the feature."""


class Unsupported(Exception):
    """This device cannot do it."""


class Worst(object):
    """Collects errors and keeps the largest in relation to its tolerance."""

    def __init__(self):
        self.error, self.tolerance, self.detail, self.unit, self.data = 0.0, 1.0, "", "", {}
        self._ratio = -1.0

    def add(self, error, tolerance, unit, detail):
        """One measured error (a number that is not one counts as infinite)."""
        error = float(error)
        ratio = error / tolerance if tolerance else (0.0 if error == 0 else float("inf"))
        if error != error:
            error = ratio = float("inf")
        if ratio > self._ratio:
            self._ratio = ratio
            self.error, self.tolerance, self.unit, self.detail = error, float(tolerance), unit, detail

    def equal(self, is_equal, detail):
        """Something that must hold exactly."""
        self.add(0.0 if is_equal else 1.0, 0.0, "count", detail)


class Kit(object):
    """What every check is given: torch, the device, the seed, and comparisons."""

    EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}

    def __init__(self, torch, device, seed):
        self.torch, self.device, self.seed = torch, torch.device(device), seed
        self.has_float64 = self.device.type != "mps"

    def rng(self, salt=0):
        """A CPU generator: device generators differ by design, so inputs are made on the CPU."""
        return self.torch.Generator().manual_seed(self.seed * 1009 + salt)

    def randn(self, *shape, **options):
        """Normal numbers in float64 on the CPU."""
        return self.torch.randn(*shape, generator=self.rng(options.get("salt", 0)), dtype=self.torch.float64)

    def to(self, tensor, dtype=None):
        """A copy on the device."""
        return tensor.detach().clone().to(device=self.device, dtype=dtype or self.torch.float32)

    def leaf(self, tensor, dtype=None):
        """A copy on the device that asks for its gradient."""
        return self.to(tensor, dtype).requires_grad_(True)

    def dtypes(self, *names):
        """The dtypes of these names that the device has."""
        return [getattr(self.torch, name) for name in names if self.has_float64 or name != "float64"]

    def eps(self, dtype):
        """Machine epsilon of a dtype."""
        return self.EPS[str(dtype).rpartition(".")[2]]

    def distance(self, got, want):
        """max|got - want| / max|want|, in float64 on the CPU; infinite for another shape or for a NaN that is not wanted."""
        torch = self.torch
        got = got.detach().to("cpu").to(torch.float64).reshape(-1)
        want = torch.as_tensor(want, dtype=torch.float64).detach().to("cpu").to(torch.float64).reshape(-1)
        if got.numel() != want.numel():
            return float("inf")
        if got.numel() == 0:
            return 0.0
        scale = max(float(want.abs().max()), 1e-30)
        return float((got - want).abs().max()) / scale

    def compare(self, worst, got, want, bound_eps, detail, dtype=None):
        """Add an error in units of eps of the dtype that was computed in."""
        worst.add(self.distance(got, want) / self.eps(dtype or got.dtype), bound_eps, "eps", detail)

    def need(self, holder, *names):
        """The attribute at the end of a chain of names; raises Unavailable where this torch lacks it."""
        for name in names:
            if not hasattr(holder, name):
                raise Unavailable("this torch has no %s" % name)
            holder = getattr(holder, name)
        return holder


def load(topic):
    """One module of checks."""
    path = os.path.join(HERE, "bench_%s.py" % topic)
    spec = importlib.util.spec_from_file_location("ptsetup_bench_%s" % topic, path)
    module = importlib.util.module_from_spec(spec)
    # worker processes of a DataLoader look the module up by its name
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def collect():
    """Name -> function of all checks; a check is a public function ``group_name(kit, worst)`` listed in its module's CHECKS."""
    checks = {}
    for topic in TOPICS:
        if os.path.exists(os.path.join(HERE, "bench_%s.py" % topic)):
            checks.update(load(topic).CHECKS)
    return checks


def pick_device(torch, asked):
    """The device to test: what was asked for, else the first accelerator that torch can use."""
    if asked != "auto":
        return asked
    if torch.cuda.is_available():
        return "cuda:0"
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        return "xpu:0"
    if hasattr(torch.backends, "mps") and torch.backends.mps.is_available():
        return "mps"
    return "cpu"


def device_name(torch, device):
    """Name of the device, or None."""
    kind = torch.device(device).type
    try:
        if kind in ("cuda", "xpu"):
            return getattr(torch, kind).get_device_name(torch.device(device).index or 0)
    except Exception:
        return None
    return None


def info(torch, device):
    """Versions and settings."""
    versions = {"python": sys.version.split()[0], "torch": str(torch.__version__)}
    for name, value in (("cuda", torch.version.cuda), ("hip", getattr(torch.version, "hip", None))):
        if value:
            versions[name] = str(value)
    try:
        if torch.backends.cudnn.is_available():
            versions["cudnn"] = str(torch.backends.cudnn.version())
    except Exception as problem:
        versions["cudnn"] = "broken: %s" % problem
    return {
        "event": "info",
        "device": str(torch.device(device)),
        "device_name": device_name(torch, device),
        "versions": versions,
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability() if hasattr(torch.backends, "cpu") else None,
    }


def peak_bytes():
    """Peak memory of this process, or None."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def run_one(kit, name, function):
    """Run one check; returns its ``end`` record."""
    worst = Worst()
    record = {"event": "end", "name": name}
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        kit.torch.manual_seed(kit.seed)
        function(kit, worst)
        record.update(
            error=worst.error, tolerance=worst.tolerance, unit=worst.unit, detail=worst.detail, data=worst.data
        )
    except Unavailable as reason:
        record.update(status="unavailable", detail=str(reason))
    except Unsupported as reason:
        record.update(status="unsupported", detail=str(reason))
    except (NotImplementedError, MemoryError) as reason:
        record.update(status="unsupported", detail="%s: %s" % (type(reason).__name__, reason))
    except Exception as problem:
        record.update(status="raised", detail="%s: %s" % (type(problem).__name__, str(problem)[:600]))
    record.update(seconds=time.perf_counter() - wall, cpu_seconds=time.process_time() - cpu)
    return record


def finite(value):
    """JSON has no infinity: a huge number stands for it."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return 1e308
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def main(argv):
    """Run the checks that are asked for, in order."""
    asked = json.loads(argv[2])
    answer = open(argv[1], "a")

    def tell(record):
        answer.write(json.dumps(finite(record)) + "\n")
        answer.flush()

    started = time.process_time()
    import torch

    tell({"event": "imported", "cpu_seconds": time.process_time() - started, "peak_bytes": peak_bytes()})
    torch.set_num_threads(1)
    device = pick_device(torch, asked.get("device", "auto"))
    try:
        torch.ones(2, device=device).sum().item()
    except Exception as problem:
        # no check can say anything about a device that is not there
        tell({"event": "no_device", "device": str(device), "detail": str(problem).strip().split("\n")[0][:200]})
        return 0
    tell(info(torch, device))
    checks = collect()
    kit = Kit(torch, device, asked.get("seed", 0))
    for name in asked["checks"]:
        tell({"event": "start", "name": name})
        if name not in checks:
            tell({"event": "end", "name": name, "status": "unavailable", "detail": "no such check in this child"})
            continue
        tell(run_one(kit, name, checks[name]))
    tell({"event": "done", "peak_bytes": peak_bytes(), "cpu_seconds": time.process_time() - started})
    answer.close()
    return 0


if __name__ == "__main__":
    # checks raise these by the name of this module
    sys.modules["ptsetup_bench_main"] = sys.modules["__main__"]
    sys.exit(main(sys.argv))
