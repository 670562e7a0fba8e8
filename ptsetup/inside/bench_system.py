"""Checks of what lies around torch: compilers, processes, several devices, and the libraries of a GPU."""
import os
import sys
import tempfile

from ptsetup_bench_main import Unavailable, Unsupported


def _linear(kit, seed=0):
    torch = kit.torch
    torch.manual_seed(kit.seed + seed)
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).to(kit.device)


def compile_mlp(kit, worst):
    """torch.compile of an MLP, forward and backward, against eager; into a new cache folder, so that a missing compiler shows."""
    torch = kit.torch
    if not hasattr(torch, "compile"):
        raise Unavailable("this torch has no torch.compile (2.0 and newer)")
    model, x = _linear(kit), kit.to(kit.randn(16, 6, salt=401))
    model(x).pow(2).sum().backward()
    wanted = model(x).detach().clone(), model[0].weight.grad.clone()
    model.zero_grad()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
        try:
            got = torch.compile(model)(x)
            got.pow(2).sum().backward()
        except Exception as problem:
            text = "%s: %s" % (type(problem).__name__, str(problem).strip().split("\n")[0][:300])
            if any(word in str(problem) for word in ("compiler", "Python.h", "triton", "not supported", "Unsupported")):
                raise Unavailable(text)
            raise
    worst.add(kit.distance(got, wanted[0]), 1e-5, "rel", "forward")
    worst.add(kit.distance(model[0].weight.grad, wanted[1]), 1e-5, "rel", "gradient")


def parallel_data(kit, worst):
    """DataParallel gives the output and gradient of the plain module."""
    torch = kit.torch
    model, x = _linear(kit), kit.to(kit.randn(8, 6, salt=411))
    model(x).sum().backward()
    wanted = model[0].weight.grad.clone()
    model.zero_grad()
    parallel = torch.nn.DataParallel(model)
    got = parallel(x)
    got.sum().backward()
    worst.add(kit.distance(got, model(x).detach()), 1e-5, "rel", "output")
    worst.add(kit.distance(model[0].weight.grad, wanted), 1e-5, "rel", "gradient")


def parallel_model(kit, worst):
    """Model parallelism: halves on two devices (on two parts of one device where there is one) compute what the whole does."""
    torch = kit.torch
    count = torch.cuda.device_count() if kit.device.type == "cuda" else 1
    first, second = kit.device, torch.device("cuda", 1) if count > 1 else kit.device
    model, x = _linear(kit), kit.to(kit.randn(8, 6, salt=421))
    model(x).sum().backward()
    wanted = [model[0].weight.grad.clone().cpu(), model[2].weight.grad.clone().cpu()]
    halves = _linear(kit)
    lower, upper = halves[:2].to(first), halves[2:].to(second)
    upper(lower(x.to(first)).to(second)).sum().backward()
    worst.data["devices"] = [str(first), str(second)]
    worst.add(kit.distance(lower[0].weight.grad, wanted[0]), 1e-5, "rel", "gradient of the first half")
    worst.add(kit.distance(upper[0].weight.grad, wanted[1]), 1e-5, "rel", "gradient of the second half")


WORKER = """
import sys, json
import torch, torch.distributed as dist
rank, world, place, seed, device = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5]
torch.set_num_threads(1)
on = torch.device("cuda", rank) if device == "cuda" else torch.device("cpu")
dist.init_process_group("nccl" if device == "cuda" else "gloo", init_method="file://" + place + "/meet", rank=rank, world_size=world)
total = torch.arange(1.0, 9.0, device=on) * (rank + 1)
dist.all_reduce(total)
spread = torch.full((3,), float(rank), device=on)
dist.broadcast(spread, 0)
gathered = [torch.zeros(2, device=on) for _ in range(world)]
dist.all_gather(gathered, torch.full((2,), float(rank), device=on))
torch.manual_seed(seed)
model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).to(on)
x = torch.randn(8, 6, generator=torch.Generator().manual_seed(seed + 1)).to(on)
y = torch.randn(8, 2, generator=torch.Generator().manual_seed(seed + 2)).to(on)
parallel = torch.nn.parallel.DistributedDataParallel(model)
part = slice(rank * 8 // world, (rank + 1) * 8 // world)
torch.nn.functional.mse_loss(parallel(x[part]), y[part]).backward()
out = {"sum": total.tolist(), "spread": spread.tolist(), "gathered": [g.tolist() for g in gathered], "grad": model[0].weight.grad.cpu().reshape(-1).tolist()}
json.dump(out, open(place + "/out%d.json" % rank, "w"))
dist.barrier()
dist.destroy_process_group()
"""


def parallel_ddp(kit, worst):
    """DistributedDataParallel, two processes: gradients are averaged, equal on both, and those of the whole batch in one process."""
    import json
    import subprocess

    torch = kit.torch
    if not torch.distributed.is_available():
        raise Unavailable("this torch was built without torch.distributed")
    on_gpu = kit.device.type == "cuda" and torch.cuda.device_count() > 1
    with tempfile.TemporaryDirectory() as folder:
        # loopback only, and no rank variables of an outer job
        env = {k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK")}
        if sys.platform.startswith("linux"):
            env.update(GLOO_SOCKET_IFNAME="lo", NCCL_SOCKET_IFNAME="lo")
        argv = [sys.executable, "-W", "ignore", "-c", WORKER]
        children = [
            subprocess.Popen(argv + [str(rank), "2", folder, str(kit.seed), "cuda" if on_gpu else "cpu"], env=env, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
            for rank in range(2)
        ]
        endings = [child.communicate() for child in children]
        if any(child.returncode for child in children):
            words = [e[1].decode("utf-8", "replace").strip().split("\n")[-1] for e in endings]
            raise RuntimeError("a process ended with %s: %s" % ([c.returncode for c in children], words[0][:200] or words[1][:200]))
        answers = [json.load(open(os.path.join(folder, "out%d.json" % rank))) for rank in range(2)]
    worst.data["backend"] = "nccl" if on_gpu else "gloo"
    worst.equal(answers[0]["sum"] == [3.0 * n for n in range(1, 9)], "all_reduce adds exactly")
    worst.equal(answers[1]["spread"] == [0.0] * 3, "broadcast")
    worst.equal(answers[0]["gathered"] == [[0.0, 0.0], [1.0, 1.0]], "all_gather")
    worst.equal(answers[0]["grad"] == answers[1]["grad"], "both processes hold the same gradient")
    torch.manual_seed(kit.seed)
    model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    x = torch.randn(8, 6, generator=torch.Generator().manual_seed(kit.seed + 1))
    y = torch.randn(8, 2, generator=torch.Generator().manual_seed(kit.seed + 2))
    torch.nn.functional.mse_loss(model(x), y).backward()
    worst.add(kit.distance(torch.tensor(answers[0]["grad"]), model[0].weight.grad), 1e-5, "rel", "the gradient of the whole batch")


def _cuda(kit):
    if kit.device.type != "cuda":
        raise Unsupported("only on a CUDA or ROCm device")
    return kit.torch


def gpu_architectures(kit, worst):
    """The wheel holds code for this GPU, and one kernel of each dtype runs."""
    torch = _cuda(kit)
    built = torch.cuda.get_arch_list()
    worst.data["built"] = built
    for name in ("float32", "float16", "bfloat16", "int64", "bool"):
        x = torch.ones(33, device=kit.device).to(getattr(torch, name))
        worst.equal(x.to(torch.float32).sum().item() == 33, "a kernel for %s" % name)


def gpu_copies(kit, worst):
    """Host to device and back, pinned and pageable, and on the device: every byte of a counter; a pinned buffer is not read late."""
    torch = _cuda(kit)
    counter = torch.arange(1 << 22, dtype=torch.int32)
    for name, source in (("pageable", counter), ("pinned", counter.pin_memory())):
        there = source.to(kit.device, non_blocking=True)
        torch.cuda.synchronize(kit.device)
        worst.equal(bool((there.clone().cpu() == counter).all()), "%s copy" % name)
    pinned = torch.zeros(1 << 20, dtype=torch.int32).pin_memory()
    pinned.copy_(torch.full((1 << 20,), 7, dtype=torch.int32, device=kit.device), non_blocking=True)
    torch.cuda.synchronize(kit.device)
    worst.equal(bool((pinned == 7).all()), "device to pinned memory")


def gpu_peers(kit, worst):
    """Every ordered pair of GPUs: the content of a copy first."""
    torch = _cuda(kit)
    count = torch.cuda.device_count()
    if count < 2:
        raise Unsupported("one GPU only")
    for a in range(count):
        source = torch.arange(1 << 20, device="cuda:%d" % a)
        for b in range(count):
            if a != b:
                back = source.to("cuda:%d" % b).cpu()
                worst.equal(bool((back == torch.arange(1 << 20)).all()), "copy from GPU %d to %d" % (a, b))


def gpu_graph(kit, worst):
    """A CUDA graph of a training step, replayed with new inputs, equals eager."""
    torch = _cuda(kit)
    if not hasattr(torch.cuda, "CUDAGraph"):
        raise Unavailable("this torch has no torch.cuda.CUDAGraph")
    model = _linear(kit)
    static = kit.to(kit.randn(8, 6, salt=431))
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            model(static)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = model(static)
    for salt in range(432, 452):
        fresh = kit.to(kit.randn(8, 6, salt=salt))
        static.copy_(fresh)
        graph.replay()
        worst.add(kit.distance(output, model(fresh).detach()), 1e-5, "rel", "replay")


def gpu_nvrtc(kit, worst):
    """A kernel compiled at run time (NVRTC)."""
    torch = _cuda(kit)
    jiterator = getattr(torch.cuda, "jiterator", None)
    if jiterator is None:
        raise Unavailable("this torch has no torch.cuda.jiterator")
    double = jiterator._create_jit_fn("template <typename T> T twice(T x) { return x + x; }")
    worst.equal(double(torch.full((5,), 3.0, device=kit.device)).cpu().tolist() == [6.0] * 5, "twice three")


def gpu_triton(kit, worst):
    """Triton is there and torch.compile makes a kernel with it."""
    torch = _cuda(kit)
    try:
        import triton  # noqa: F401
    except ImportError:
        raise Unavailable("triton is not installed")
    add = torch.compile(lambda a, b: a * 2 + b)
    x = torch.arange(1000.0, device=kit.device)
    worst.equal(bool((add(x, x) == 3 * x).all()), "a compiled kernel")


def gpu_repeat(kit, worst):
    """The same product fifty times, bit by bit."""
    torch = _cuda(kit)
    a, b = kit.to(kit.randn(1024, 1024, salt=461)), kit.to(kit.randn(1024, 1024, salt=462))
    first = a @ b
    for _ in range(50):
        worst.equal(bool(((a @ b) == first).all()), "equal to the first")


CHECKS = {
    "compile.mlp": compile_mlp,
    "parallel.data": parallel_data,
    "parallel.model": parallel_model,
    "parallel.ddp": parallel_ddp,
    "gpu.architectures": gpu_architectures,
    "gpu.copies": gpu_copies,
    "gpu.peers": gpu_peers,
    "gpu.graph": gpu_graph,
    "gpu.nvrtc": gpu_nvrtc,
    "gpu.triton": gpu_triton,
    "gpu.repeat": gpu_repeat,
}
