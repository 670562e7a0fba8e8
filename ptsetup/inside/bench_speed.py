"""Measures throughput in the target interpreter: raw samples as one JSON object a line. It judges nothing.

    python bench_speed.py ANSWER.ndjson '{"device": "cpu", "is_wide": false, "threads": 2, "forks": 3}'

Standard library and torch only; syntax of Python 3.6. Lines of the answer:
``{"event": "info", ...}``  versions, device, threads;
``{"event": "start", "name": ...}``  before each series, so that a hang or a crash is pinned on it;
``{"event": "series", ...}``  its raw samples (seconds, wall and CPU), the work of one sample and its unit;
``{"event": "absent", "name": ..., "reason": ...}``  a series that this device or build cannot do;
``{"event": "pair", ...}``  content and bandwidth of a copy between two GPUs;
``{"event": "clocks", ...}``  what held the clocks back at the end of a long load, where the driver tells;
``{"event": "done"}``.
"""

import importlib.util
import json
import os
import sys
import time

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != _HERE]

MIB = 1024 * 1024
BATCH = 64
FLUSH_BYTES = 256 * MIB
CPU_SHAPES = {
    "narrow": ((512, 512, 512), (1024, 1024, 1024)),
    "wide": ((256, 256, 256), (512, 512, 512), (1024, 1024, 1024), (1024, 4096, 1024), (2048, 2048, 2048)),
}
GPU_SHAPES = {
    "narrow": ((2048, 2048, 2048), (4096, 4096, 4096), (8192, 4096, 4096)),
    "wide": (
        (2048, 2048, 2048),
        (4096, 4096, 4096),
        (6144, 6144, 6144),
        (8192, 8192, 8192),
        (8192, 4096, 4096),
        (16384, 8192, 1280),
    ),
}
CPU_TRIAD_MIB = {"narrow": (64,), "wide": (0.25, 1, 4, 16, 64, 128)}
LONGEST_CALL_S = 0.5


def settled(samples, window=3, tolerance=0.10):
    """How many samples to drop: until ``window`` in a row lie within ``tolerance`` of the median of all later ones.

    None when that never happens (or nothing is left to compare with).
    """
    for first in range(len(samples) - window):
        middle = median(samples[first + window :])
        if all(abs(sample - middle) <= tolerance * middle for sample in samples[first : first + window]):
            return first
    return None


def median(values):
    """The median of a list that is not empty."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2.0


class Clock(object):
    """Times a call by the wall and the CPU clock, or on a device by its events."""

    def __init__(self, torch, device):
        self.torch, self.device = torch, device
        self.module = getattr(torch, device.type, None) if device.type != "cpu" else None
        self.flush = None
        self.has_events = device.type in ("cuda", "xpu") and hasattr(self.module, "Event")
        if device.type != "cpu":
            self.flush = torch.empty(FLUSH_BYTES // 4, dtype=torch.float32, device=device)

    def sync(self):
        """Wait until the device has done all that it was given."""
        if self.device.type == "mps":
            self.torch.mps.synchronize()
        elif self.module is not None and hasattr(self.module, "synchronize"):
            self.module.synchronize(self.device)

    def host(self, call):
        """(wall, CPU) seconds of the call, until the device has finished it."""
        self.sync()
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        self.sync()
        return time.perf_counter() - wall, time.process_time() - cpu

    def kernel(self, call):
        """(device seconds, CPU seconds): by events after the caches were flushed; on the CPU as ``host``."""
        if self.flush is not None:
            self.flush.zero_()
        if not self.has_events:
            return self.host(call)
        first, last = self.module.Event(enable_timing=True), self.module.Event(enable_timing=True)
        cpu = time.process_time()
        first.record()
        call()
        last.record()
        last.synchronize()
        return first.elapsed_time(last) / 1e3, time.process_time() - cpu


class Bench(object):
    """Runs series and writes what they gave."""

    def __init__(self, torch, answer, asked):
        self.torch = torch
        self.answer = answer
        self.width = "wide" if asked.get("is_wide") else "narrow"
        self.scale = 2.0 if asked.get("is_wide") else 1.0
        self.device = torch.device(asked.get("device", "cpu"))
        self.clock = Clock(torch, self.device)
        self.threads = 1

    def tell(self, event, **fields):
        """Write one line and give it to the system at once."""
        fields["event"] = event
        self.answer.write(json.dumps(fields, sort_keys=True) + "\n")
        self.answer.flush()

    def series(self, name, call, work, unit, timer=None, want=12, budget_s=0.25, cpu_s=None, **labels):
        """Sample ``call`` until ``want`` settled samples are there or the budget is spent; at least 4 are taken.

        ``cpu_s``: processor time after which 2 are enough. Threads that wait for each other on a busy machine do so by spinning, and a
        step that needs a millisecond then takes fifty.
        """
        labels["device"] = str(self.device)
        labels["threads"] = self.threads if self.device.type == "cpu" else None
        self.tell("start", name=name, **labels)
        timer = timer or self.clock.kernel
        walls, cpus = [], []
        want, begun = int(want * self.scale), time.perf_counter()
        while True:
            wall, cpu = timer(call)
            walls.append(wall)
            cpus.append(cpu)
            drop = settled(walls)
            if drop is not None and len(walls) - drop >= want:
                break
            spent = time.perf_counter() - begun
            if spent > budget_s * self.scale and (len(walls) >= 4 or spent > 4 * budget_s * self.scale):
                break
            if cpu_s is not None and len(walls) >= 2 and sum(cpus) > cpu_s * self.scale:
                break
        walls, cpus = [[round(value, 9) for value in values] for values in (walls, cpus)]
        self.tell("series", name=name, wall_s=walls, cpu_s=cpus, dropped=settled(walls), work=work, unit=unit, **labels)
        return min(walls)

    def guarded(self, name, measure, **labels):
        """A series whose refusal (no such type on this device, out of memory) is an answer, not an accident."""
        try:
            measure()
        except (RuntimeError, NotImplementedError, TypeError, AttributeError) as problem:
            reason = "{}: {}".format(type(problem).__name__, str(problem).split("\n")[0][:300])
            self.tell("absent", name=name, reason=reason, device=str(self.device), **labels)


def spin(seconds=0.03):
    """Wall over CPU seconds of a loop that only computes: 1.0 on an idle machine, more where others take the CPU.

    By this thread's own clock: threads of a pool that wait by spinning would count in the process's.
    """
    clock = getattr(time, "thread_time", time.process_time)
    wall, cpu = time.perf_counter(), clock()
    number, end = 1, cpu + seconds
    while clock() < end:
        for _ in range(2000):
            number = (number * 1103515245 + 12345) & 0x7FFFFFFF
    return (time.perf_counter() - wall) / (clock() - cpu)


def matmuls(bench, dtype_name, shapes, want=6, budget_s=0.12):
    """A product per shape of one type; a shape that would take too long by the last one's rate is left out."""
    torch = bench.torch
    dtype = getattr(torch, dtype_name)
    best = []
    for rows, columns, inner in shapes:
        label = {"dtype": dtype_name, "shape": [rows, columns, inner]}
        work = 2.0 * rows * columns * inner
        if best and best[-1] * work > LONGEST_CALL_S:
            reason = "one product would take {:.1f} s".format(best[-1] * work)
            bench.tell("absent", name="matmul", reason=reason, device=str(bench.device), **label)
            continue

        def measure(rows=rows, columns=columns, inner=inner, label=label, work=work):
            left = torch.randn(rows, inner).to(bench.device, dtype)
            right = torch.randn(inner, columns).to(bench.device, dtype)
            out = torch.empty(rows, columns, device=bench.device, dtype=dtype)
            seconds = bench.series(
                "matmul", lambda: torch.mm(left, right, out=out), work, "FLOP", want=want, budget_s=budget_s, **label
            )
            best.append(seconds / work)

        bench.guarded("matmul", measure, **label)


def triads(bench, sizes_mib):
    """z = x + a y over arrays of each size; three arrays are counted (ordinary stores move a fourth)."""
    torch = bench.torch
    for mib in sizes_mib:

        def measure(mib=mib):
            count = int(mib * MIB // 4)
            x, y = torch.ones(count, device=bench.device), torch.full((count,), 2.0, device=bench.device)
            z = torch.zeros(count, device=bench.device)
            repeat = max(1, int(4 // mib)) if bench.device.type == "cpu" else 1

            def call():
                for _ in range(repeat):
                    torch.add(x, y, alpha=3.0, out=z)

            bench.series("triad", call, 3.0 * 4 * count * repeat, "B", want=8, budget_s=0.15, array_mib=mib)

        bench.guarded("triad", measure, array_mib=mib)


def mlp(bench, steps=5):
    """Training steps of the network 784-128-10 (batches of 64, cross-entropy, Adam), data already on the device."""
    torch = bench.torch

    def measure():
        torch.manual_seed(7)
        nn = torch.nn
        net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)).to(bench.device)
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
        loss_of = nn.CrossEntropyLoss()
        images = torch.randn(BATCH * steps, 784).to(bench.device)
        labels = torch.randint(0, 10, (BATCH * steps,)).to(bench.device)

        def call():
            for first in range(0, BATCH * steps, BATCH):
                optimizer.zero_grad()
                loss_of(net(images[first : first + BATCH]), labels[first : first + BATCH]).backward()
                optimizer.step()

        bench.series("mlp", call, float(steps), "step", timer=bench.clock.host, want=20, budget_s=0.4, cpu_s=0.3, batch=BATCH)

    bench.guarded("mlp", measure, batch=BATCH)


def small_operations(bench, count=1000):
    """Operations on eight numbers: what Python and the dispatcher cost."""
    torch = bench.torch

    def measure():
        x, y = torch.ones(8, device=bench.device), torch.ones(8, device=bench.device)

        def call():
            for _ in range(count):
                torch.add(x, y)

        bench.series("dispatch", call, float(count), "operation", timer=bench.clock.host, want=15, budget_s=0.3)

    bench.guarded("dispatch", measure)


def on_cpu(bench, granted):
    """All series on the CPU, with one thread and then with all that are granted."""
    shapes = CPU_SHAPES[bench.width]
    for threads in (1, granted) if granted > 1 else (1,):
        bench.torch.set_num_threads(threads)
        bench.threads = threads
        matmuls(bench, "float32", shapes)
        if bench.width == "wide":
            for name in ("float64", "bfloat16", "float16"):
                matmuls(bench, name, CPU_SHAPES["narrow"])
        if bench.width == "wide" or threads == granted:
            triads(bench, CPU_TRIAD_MIB[bench.width])
        mlp(bench)
        if bench.width == "wide":
            small_operations(bench)
    bench.torch.set_num_threads(1)


def warm_device(bench, seconds):
    """Products for some seconds: clocks rise and libraries choose their kernels before anything is timed."""
    torch = bench.torch
    x = torch.randn(2048, 2048).to(bench.device)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for _ in range(8):
            torch.mm(x, x)
        bench.clock.sync()


def free_bytes(bench):
    """Free memory of the device; None where it does not tell."""
    try:
        return bench.clock.module.mem_get_info(bench.device)[0]
    except Exception:
        return None


def fitting(shapes, free):
    """The shapes whose three matrices (4 bytes each number) take at most a quarter of the free memory."""
    return [s for s in shapes if free is None or 4 * (s[0] * s[1] + s[0] * s[2] + s[1] * s[2]) <= free // 4]


def dtypes_of(bench):
    """The types worth timing: bfloat16 only where the device computes it itself."""
    names = ["float32", "float16"]
    if bench.device.type == "cuda":
        major = bench.torch.cuda.get_device_capability(bench.device)[0]
        if getattr(bench.torch.version, "hip", None) or major >= 8:
            names.append("bfloat16")
    else:
        names.append("bfloat16")
    return names


def copies(bench):
    """A copy on the device of up to 1 GiB (read and written bytes are counted), and between host and device, pinned and pageable."""
    torch = bench.torch
    free = free_bytes(bench)
    size = min(1024 * MIB, (free or 2048 * MIB) // 8)

    def inside():
        source = torch.ones(size // 4, device=bench.device)
        target = torch.empty_like(source)
        bench.series("copy", lambda: target.copy_(source), 2.0 * size, "B", want=8, budget_s=0.3, bytes=size)

    bench.guarded("copy", inside, bytes=size)
    if bench.width == "narrow" or bench.device.type != "cuda":
        return
    for name in ("host_to_device", "device_to_host", "pageable_to_device", "device_to_pageable"):

        def across(name=name):
            count = 256 * MIB // 4
            there, here = torch.ones(count, device=bench.device), torch.ones(count)
            here = here if "pageable" in name else here.pin_memory()
            source, target = (here, there) if name.endswith("to_device") else (there, here)
            call = lambda: target.copy_(source, non_blocking=True)
            bench.series(name, call, 4.0 * count, "B", want=5, budget_s=0.3, bytes=4 * count)

        bench.guarded(name, across)


def sustained(bench, seconds):
    """Products for a long while: the rate of every second, so that a falling clock shows."""
    torch = bench.torch
    dtype = torch.float16 if "bfloat16" not in dtypes_of(bench) else torch.bfloat16
    x = torch.randn(4096, 4096).to(bench.device, dtype)
    out = torch.empty_like(x)
    bench.tell("start", name="sustained", device=str(bench.device), threads=None)
    rates, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        begun, count = time.perf_counter(), 0
        while time.perf_counter() - begun < 1.0:
            for _ in range(16):
                torch.mm(x, x, out=out)
            bench.clock.sync()
            count += 16
        rates.append((time.perf_counter() - begun) / count)
    for _ in range(64):
        torch.mm(x, x, out=out)
    # asked while those still run
    reasons = clock_reasons(torch, bench.device)
    bench.clock.sync()
    if reasons is not None:
        bench.tell("clocks", device=str(bench.device), reasons=reasons)
    bench.tell(
        "series",
        name="sustained",
        wall_s=rates,
        cpu_s=[0.0] * len(rates),
        dropped=0,
        work=2.0 * 4096**3,
        unit="FLOP",
        device=str(bench.device),
        threads=None,
        dtype=str(dtype)[6:],
        shape=[4096, 4096, 4096],
    )


def clock_reasons(torch, device):
    """What holds the clocks of an NVIDIA GPU back; None where it is another one or nobody tells."""
    if device.type != "cuda" or getattr(torch.version, "hip", None):
        return None
    spec = importlib.util.spec_from_file_location("ptsetup_bench_clocks", os.path.join(_HERE, "bench_clocks.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    uuid = getattr(torch.cuda.get_device_properties(device), "uuid", None)
    return module.held_back(str(uuid) if uuid is not None else None)


def on_device(bench, asked):
    """All series on one accelerator."""
    try:
        warm_device(bench, 0.4 * bench.scale)
    except RuntimeError as problem:
        # the correctness checks say what is wrong with a device that cannot multiply; here it has no speed
        bench.tell("absent", name="matmul", reason=str(problem).split("\n")[0][:300], device=str(bench.device))
        return
    shapes = fitting(GPU_SHAPES[bench.width], free_bytes(bench))
    for name in dtypes_of(bench):
        matmuls(bench, name, shapes, want=10, budget_s=0.3)
    copies(bench)
    mlp(bench, steps=50)
    if bench.width == "wide":
        small_operations(bench)
    if asked.get("sustained_s"):
        sustained(bench, float(asked["sustained_s"]))


def pairs(torch, answer, count):
    """Every ordered pair of GPUs: content first (read back through the host), then bandwidth."""
    size = 64 * MIB // 4
    pattern = torch.arange(size, dtype=torch.int32)
    for source in range(count):
        for target in range(count):
            if source == target:
                continue
            told = {"event": "pair", "source": source, "target": target, "is_right": None, "gbs": None, "reason": None}
            answer.write(json.dumps({"event": "start", "name": "pair", "source": source, "target": target}) + "\n")
            answer.flush()
            try:
                there = torch.zeros(size, dtype=torch.int32, device="cuda:%d" % target)
                here = pattern.to("cuda:%d" % source)
                there.copy_(here)
                torch.cuda.synchronize(target)
                told["is_right"] = bool(torch.equal(there.cpu(), pattern))
                told["is_direct"] = bool(torch.cuda.can_device_access_peer(target, source))
                times = []
                for _ in range(5):
                    torch.cuda.synchronize(source)
                    torch.cuda.synchronize(target)
                    begun = time.perf_counter()
                    there.copy_(here)
                    torch.cuda.synchronize(source)
                    torch.cuda.synchronize(target)
                    times.append(time.perf_counter() - begun)
                told["gbs"] = 4.0 * size / median(times) / 1e9
            except RuntimeError as problem:
                told["reason"] = str(problem).split("\n")[0][:300]
            answer.write(json.dumps(told, sort_keys=True) + "\n")
            answer.flush()


def devices_of(torch, asked):
    """The devices to time: every GPU when none is named by number."""
    device = torch.device(asked.get("device", "cpu"))
    if device.type in ("cuda", "xpu") and device.index is None:
        return [torch.device(device.type, index) for index in range(getattr(torch, device.type).device_count())]
    return [device]


def name_of(torch, device):
    """The product's name; None where the device does not tell."""
    try:
        return getattr(torch, device.type).get_device_name(device)
    except Exception:
        return None


def measure(torch, answer, asked):
    """All series on all devices asked for."""
    devices = devices_of(torch, asked)
    first = Bench(torch, answer, asked) if devices and devices[0].type == "cpu" else None
    answer.write(
        json.dumps(
            {
                "event": "info",
                "torch": str(torch.__version__),
                "python": "%d.%d.%d" % sys.version_info[:3],
                "threads": asked.get("threads", 1),
                "spin": [spin(), spin()],
                "devices": [{"device": str(device), "name": name_of(torch, device)} for device in devices],
            },
            sort_keys=True,
        )
        + "\n"
    )
    answer.flush()
    for device in devices:
        if device.type == "cpu":
            on_cpu(first, int(asked.get("threads", 1)))
        else:
            on_device(Bench(torch, answer, dict(asked, device=str(device))), asked)
    if len(devices) > 1 and devices[0].type == "cuda":
        pairs(torch, answer, len(devices))
    answer.write(json.dumps({"event": "done", "spin": [spin(), spin()]}) + "\n")
    answer.flush()


def in_processes(torch, answer, asked):
    """``measure`` in forked copies of this process, one after the other: what importing costs is paid once.

    Nothing may have started a thread yet, and no accelerator may have been touched.
    """
    weight = torch.nn.Parameter(torch.zeros(1))
    torch.optim.Adam([weight])  # the first optimizer imports torch's compiler front end: a second of work
    for number in range(int(asked["forks"])):
        answer.flush()
        child = os.fork()
        if child == 0:
            try:
                measure(torch, answer, asked)
            finally:
                answer.flush()
                os._exit(0)
        status = os.waitpid(child, 0)[1]
        if status:
            answer.write(json.dumps({"event": "died", "status": status, "number": number}) + "\n")


def main(argv):
    with open(argv[1], "a") as answer:
        import torch

        asked = json.loads(argv[2])
        if int(asked.get("forks", 0)) > 1 and hasattr(os, "fork") and asked.get("device", "cpu") == "cpu":
            in_processes(torch, answer, asked)
        else:
            measure(torch, answer, asked)


if __name__ == "__main__":
    main(sys.argv)
