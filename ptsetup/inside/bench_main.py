"""The smoke benchmark's child: runs checks of torch in the target interpreter and reports what it measured. It judges nothing.

    python bench_main.py ANSWER.ndjson '{"device": "auto", "checks": ["tensor.exact", ...], "seed": 0}'

Standard library and torch only; syntax of Python 3.6. Lines of the answer: ``info`` once, then per check ``start`` (so that a crash
or hang is pinned on it) and ``end`` with error, tolerance and unit, or why there is nothing to compare; ``done`` at last.
"""

import contextlib
import importlib.util
import json
import math
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != HERE]

TOPICS = (
    "tensor",
    "reduce",
    "shape",
    "index",
    "matmul",
    "autograd",
    "gradients",
    "loss",
    "optim",
    "schedule",
    "data",
    "save",
    "random",
    "train",
    "layers",
    "norms",
    "conv",
    "rnn",
    "attention",
    "ops",
    "linalg",
    "lowbits",
    "models",
    "compile",
    "parallel",
    "options",
    "places",
    "edges",
    "penalties",
    "settings",
    "plans",
    "solvers",
    "spectra",
    "windows",
    "graph",
    "parts",
    "heads",
    "state",
    "chance",
    "wraps",
    "scales",
    "sizes",
    "gpu",
)
"""Modules bench_TOPIC.py beside this file, loaded by their path: no folder of ours stays on the import path."""

KEPT = 12
"""How many of the errors beyond their tolerance are told."""


class Unavailable(Exception):
    """This build of torch lacks the feature."""


class Unsupported(Exception):
    """This device cannot do it."""


class Worst(object):
    """Collects errors and keeps the largest in relation to its tolerance, and the first that lie beyond it."""

    def __init__(self):
        self.error, self.tolerance, self.detail, self.unit, self.data = 0.0, 1.0, "", "", {}
        self.count, self.beyond = 0, []
        self._ratio = -1.0

    def add(self, error, tolerance, unit, detail):
        """One measured error (a number that is not one counts as infinite)."""
        error = float(error)
        if error != error:
            error = float("inf")
        ratio = error / tolerance if tolerance else (0.0 if error == 0 else float("inf"))
        self.count += 1
        if ratio > 1 and len(self.beyond) < KEPT:
            self.beyond.append({"detail": detail, "error": error, "tolerance": float(tolerance), "unit": unit})
        if ratio > self._ratio:
            self._ratio = ratio
            self.error, self.tolerance, self.unit, self.detail = error, float(tolerance), unit, detail

    def equal(self, is_equal, detail):
        """Something that must hold exactly."""
        self.add(0.0 if is_equal else 1.0, 0.0, "count", detail)

    def same(self, got, want, detail):
        """Two values (numbers, lists, tensors as lists) that must be equal; what was got stands in the detail."""
        got = plain(got)
        is_equal = got == want
        self.add(0.0 if is_equal else 1.0, 0.0, "count", detail if is_equal else "%s: %s" % (detail, short(got)))

    def refuses(self, call, errors, detail):
        """A call that must raise one of these errors."""
        try:
            call()
        except errors:
            self.equal(True, detail)
        else:
            self.equal(False, "%s: it was not refused" % detail)


def short(value, most=60):
    """The start of a value in words."""
    words = str(value)
    return words if len(words) <= most else words[:most] + " ..."


def plain(value):
    """Tensors as lists, tuples as lists, everything else as it is."""
    if hasattr(value, "detach"):
        return value.detach().cpu().tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def flat(value, into=None):
    """All numbers of nested lists, in order."""
    into = [] if into is None else into
    for item in value:
        if isinstance(item, (list, tuple)):
            flat(item, into)
        else:
            into.append(float(item))
    return into


class Kit(object):
    """What every check is given: torch, the device, the seed, and comparisons."""

    EPS = {"complex128": 2.0**-52, "complex64": 2.0**-23, "float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}

    def __init__(self, torch, device, seed):
        self.torch, self.device, self.seed = torch, torch.device(device), seed
        self.has_float64 = has_float64(torch, self.device)
        self.version = version_of(torch)
        self.found = found_settings(torch)
        exact_settings(torch)

    @contextlib.contextmanager
    def settings_as_found(self):
        """The precision of float32 products as it was when torch had been imported."""
        exact_settings(self.torch, self.found)
        try:
            yield
        finally:
            exact_settings(self.torch)

    def rng(self, salt=0):
        """A CPU generator: device generators differ by design, so inputs are made on the CPU."""
        return self.torch.Generator().manual_seed(self.seed * 100003 + salt)

    def randn(self, *shape, **options):
        """Normal numbers in float64 on the CPU."""
        return self.torch.randn(*shape, generator=self.rng(options.get("salt", 0)), dtype=self.torch.float64)

    def to(self, tensor, dtype=None):
        """A copy on the device."""
        return tensor.detach().clone().to(device=self.device, dtype=dtype or self.torch.float32)

    def of(self, values, dtype=None):
        """A tensor on the device with these values."""
        return self.torch.tensor(values, dtype=dtype or self.torch.float32, device=self.device)

    def whole(self, *values):
        """A tensor of whole numbers on the device."""
        return self.torch.tensor(list(values), dtype=self.torch.int64, device=self.device)

    def leaf(self, tensor, dtype=None):
        """A copy on the device that asks for its gradient."""
        return self.to(tensor, dtype).requires_grad_(True)

    def dtypes(self, *names):
        """The dtypes of these names that the device has."""
        return [getattr(self.torch, name) for name in names if self.has_float64 or name != "float64"]

    @property
    def finest(self):
        """The finest floating dtype of the device."""
        return self.torch.float64 if self.has_float64 else self.torch.float32

    def eps(self, dtype):
        """Machine epsilon of a dtype."""
        return self.EPS[str(dtype).rpartition(".")[2]]

    def numbers(self, value):
        """All numbers of a tensor or of nested lists, as Python floats."""
        if hasattr(value, "detach"):
            value = value.detach().cpu()
            value = self.torch.view_as_real(value.resolve_conj()) if value.is_complex() else value
            value = value.to(self.torch.float64).reshape(-1).tolist()
            return value
        return flat(value) if isinstance(value, (list, tuple)) else [float(value)]

    def distance(self, got, want, least=0.0):
        """max|got - want| / max|want| in Python floats; infinite for another count of numbers, or a NaN that is not wanted.

        ``least``: the smallest scale, where the wanted numbers may all come out tiny.
        """
        got, want = self.numbers(got), self.numbers(want)
        if len(got) != len(want):
            return float("inf")
        scale = max([least] + [abs(w) for w in want if abs(w) < float("inf")]) or 1.0
        largest = 0.0
        for g, w in zip(got, want):
            if g == w or (g != g and w != w):
                continue
            apart = abs(g - w) / scale
            if not apart < float("inf"):
                return float("inf")
            largest = max(largest, apart)
        return largest

    def compare(self, worst, got, want, bound_eps, detail, dtype=None, least=0.0):
        """Add an error in units of eps of the dtype that was computed in."""
        worst.add(self.distance(got, want, least) / self.eps(dtype or got.dtype), bound_eps, "eps", detail)

    def slopes(self, worst, name, point, function, bound=1e-5):
        """The gradient of a function against central differences along three directions, in float64 (nothing where there is none)."""
        torch = self.torch
        if not self.has_float64:
            return
        point = self.to(point, torch.float64)
        leaf = point.clone().requires_grad_(True)
        value = function(leaf)
        weights = self.to(self.randn(*(list(value.shape) or [1]), salt=19), torch.float64).reshape(value.shape)
        (value * weights).sum().backward()
        gradient, factors, step = self.numbers(leaf.grad), self.numbers(weights), 1e-6
        for salt in (20, 21, 22):
            direction = self.to(self.randn(*point.shape, salt=salt), torch.float64)
            with torch.no_grad():
                high, low = function(point + step * direction), function(point - step * direction)
            moved = [w * (u - v) for w, u, v in zip(factors, self.numbers(high), self.numbers(low))]
            rise = math.fsum(moved) / (2 * step)
            slope = math.fsum(g * d for g, d in zip(gradient, self.numbers(direction)))
            worst.add(abs(rise - slope) / max(abs(slope), 1.0), bound, "rel", "gradient of %s" % name)

    def need(self, holder, *names, **options):
        """The attribute at the end of a chain of names; Unavailable where this torch is too old for it (``since``)."""
        since = options.get("since", (0, 0))
        for name in names:
            if not hasattr(holder, name):
                if self.version >= since > (0, 0):
                    raise RuntimeError("this torch lacks %s, which every torch from %d.%d on has" % ((name,) + since))
                raise Unavailable("this torch has no %s" % ".".join(names))
            holder = getattr(holder, name)
        return holder

    def ways(self, name, module=None, only=None, **options):
        """(label, callable) of every spelling: torch.x, torch.nn.functional.x, Tensor.x, Tensor.x_, nn.X."""
        torch = self.torch
        found = []
        for label, holder in (("torch", torch), ("functional", torch.nn.functional), ("Tensor", torch.Tensor)):
            function = getattr(holder, name, None)
            if callable(function):
                found.append(("%s.%s" % (label, name), function))
        if callable(getattr(torch.Tensor, name + "_", None)):
            in_place = getattr(torch.Tensor, name + "_")
            found.append(("Tensor.%s_" % name, lambda x, *rest, **named: in_place(x.clone(), *rest, **named)))
        if module and hasattr(torch.nn, module):
            found.append(("nn.%s" % module, getattr(torch.nn, module)(**options)))
        return [way for way in found if only is None or way[0].partition(".")[0] in only]


def found_settings(torch):
    """What torch is set to: precision of float32 products, TF32 of convolutions and recurrent nets."""
    found = {}
    if hasattr(torch, "get_float32_matmul_precision"):
        found["matmul"] = torch.get_float32_matmul_precision()
    cudnn = torch.backends.cudnn
    if hasattr(cudnn, "allow_tf32"):
        found["convolution"] = cudnn.allow_tf32
    elif hasattr(getattr(cudnn, "conv", None), "fp32_precision"):
        found.update(convolution=cudnn.conv.fp32_precision, recurrent=cudnn.rnn.fp32_precision)
    return found


def exact_settings(torch, found=None):
    """Float32 products in float32 everywhere, or the settings as they were found.

    By the older of the two ways to set TF32, as long as torch has it: its own code reads that one, and raises where the two are mixed.
    """
    if hasattr(torch, "set_float32_matmul_precision"):
        torch.set_float32_matmul_precision(found.get("matmul", "highest") if found else "highest")
    cudnn = torch.backends.cudnn
    if hasattr(cudnn, "allow_tf32"):
        cudnn.allow_tf32 = found["convolution"] if found else False
    elif hasattr(getattr(cudnn, "conv", None), "fp32_precision"):
        cudnn.conv.fp32_precision = found["convolution"] if found else "ieee"
        cudnn.rnn.fp32_precision = found["recurrent"] if found else "ieee"


def version_of(torch):
    """(2, 13) of torch 2.13.0+cpu."""
    digits = str(torch.__version__).split("+")[0].split(".")
    try:
        return int(digits[0]), int(digits[1])
    except (IndexError, ValueError):
        return (0, 0)


def has_float64(torch, device):
    """Whether the device computes in float64 (Apple's and some of Intel's do not)."""
    if device.type in ("cpu", "cuda"):
        return True
    if device.type == "mps":
        return False
    try:
        return float((torch.ones(2, dtype=torch.float64, device=device) * 2).sum()) == 4.0
    except (RuntimeError, TypeError):
        return False


def load_file(topic):
    """One module beside this file, by its path."""
    name = "ptsetup_bench_%s" % topic
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, os.path.join(HERE, "bench_%s.py" % topic))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def collect():
    """Name -> function of all checks: what the CHECKS of the topics hold."""
    checks = {}
    for topic in TOPICS:
        checks.update(load_file(topic).CHECKS)
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
    try:
        if device.type in ("cuda", "xpu"):
            return getattr(torch, device.type).get_device_name(device.index or 0)
    except Exception:
        return None
    return None


def refusal(torch, device):
    """Why the device cannot be used; None where a small sum on it comes out."""
    try:
        if float((torch.arange(3.0).to(device) + 1).sum()) == 6.0:
            return None
        return "1 + 2 + 3 on it is not 6"
    except Exception as problem:
        return "%s: %s" % (type(problem).__name__, str(problem).strip().split("\n")[0][:300])


ARCHITECTURES = "gpu.architectures"


def is_seen(torch, device, names):
    """Whether torch sees the GPU though it cannot compute on it, and the check that says why is asked for."""
    return getattr(device, "type", "") == "cuda" and torch.cuda.is_available() and ARCHITECTURES in names


def only_architectures(torch, device, asked, reason, tell):
    """On a GPU that torch sees and cannot compute on: the one check that says why; nothing else could say more."""
    kit = Kit(torch, device, int(asked.get("seed", 0)))
    for name in asked["checks"]:
        tell({"event": "start", "name": name})
        if name != ARCHITECTURES:
            tell({"event": "end", "name": name, "status": "skipped", "detail": "nothing can be computed on this device"})
            continue
        record = run_one(kit, name, load_file("gpu").CHECKS[name])
        if record.get("status") is None and record["error"] <= record["tolerance"]:
            record.update(status="raised", detail=reason)
        tell(record)


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
        "device": str(device),
        "device_name": device_name(torch, device),
        "versions": versions,
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability() if hasattr(torch.backends, "cpu") else None,
        "settings": found_settings(torch),
    }


OF_INTEREST = (
    "libcublas", "libcudnn", "libcufft", "libcusolver", "libcusparse", "libnccl", "libnvrtc", "libcupti", "libcudart", "libcuda.",
    "librocblas", "libhipblas", "libMIOpen", "libamdhip64", "librccl", "libgomp", "libiomp5", "libomp", "libmkl", "libopenblas",
    "libstdc++", "libtorch_cpu", "libsycl",
)


def libraries():
    """Path of every library of interest that this process has mapped (Linux): two of one kind, or one from elsewhere, explain much."""
    found = set()
    try:
        with open("/proc/self/maps") as maps:
            for line in maps:
                path = line.rstrip("\n").partition("/")[2]
                if path and os.path.basename(path).startswith(OF_INTEREST):
                    found.add("/" + path)
    except (IOError, OSError):
        return []
    return sorted(found)


def peak_bytes():
    """Peak memory of this process, or None."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def where_raised(problem):
    """The line of our own script at which an exception came up (Python 3 keeps the traceback on it)."""
    line, trace = None, problem.__traceback__
    while trace is not None:
        if os.path.dirname(os.path.abspath(trace.tb_frame.f_code.co_filename)) == HERE:
            line = "%s:%d" % (os.path.basename(trace.tb_frame.f_code.co_filename), trace.tb_lineno)
        trace = trace.tb_next
    return line


def run_one(kit, name, function):
    """Run one check; returns its ``end`` record."""
    worst = Worst()
    record = {"event": "end", "name": name}
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        kit.torch.manual_seed(kit.seed)
        function(kit, worst)
        data = dict(worst.data, parts=worst.count)
        if worst.beyond:
            data["beyond"] = worst.beyond
        record.update(error=worst.error, tolerance=worst.tolerance, unit=worst.unit, detail=worst.detail, data=data)
    except Unavailable as reason:
        record.update(status="unavailable", detail=str(reason))
    except Unsupported as reason:
        record.update(status="unsupported", detail=str(reason))
    except Exception as problem:
        words = "%s: %s" % (type(problem).__name__, str(problem).strip()[:600])
        if isinstance(problem, MemoryError) or "out of memory" in words.lower() or "can't allocate memory" in words:
            status = "memory"
        elif isinstance(problem, NotImplementedError) and kit.device.type != "cpu":
            # a device may lack an operation; the processor lacks none of those that are asked for
            status = "unsupported"
        else:
            status = "raised"
        record.update(status=status, detail=words, where=where_raised(problem))
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
    device = pick_device(torch, asked.get("device") or "auto")
    try:
        device = torch.device(device)
        reason = refusal(torch, device)
    except RuntimeError as problem:
        reason = str(problem).strip().split("\n")[0][:300]
    if reason is not None and not is_seen(torch, device, asked["checks"]):
        tell({"event": "no_device", "device": str(device), "detail": reason})
        return 1
    tell(info(torch, device))
    if reason is not None:
        only_architectures(torch, device, asked, reason, tell)
        tell({"event": "done", "peak_bytes": peak_bytes(), "cpu_seconds": time.process_time() - started, "libraries": libraries()})
        return 0
    checks = collect()
    kit = Kit(torch, device, int(asked.get("seed", 0)))
    for name in asked["checks"]:
        tell({"event": "start", "name": name})
        record = run_one(kit, name, checks[name])
        tell(record)
        if record.get("status") == "raised" and device.type != "cpu" and refusal(torch, device) is not None:
            # an error of the device sticks to the process: another one has to go on
            return 1
    tell({"event": "done", "peak_bytes": peak_bytes(), "cpu_seconds": time.process_time() - started, "libraries": libraries()})
    answer.close()
    return 0


if __name__ == "__main__":
    # the modules beside this file import from it by this name
    sys.modules["ptsetup_bench_main"] = sys.modules["__main__"]
    sys.exit(main(sys.argv))
