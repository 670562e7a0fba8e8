"""Checks of a GPU: code for its architecture, memory and copies, streams, graphs, run-time compilers, several GPUs, NCCL."""

import os
import tempfile

from ptsetup_bench_main import Unavailable, Unsupported, load_file


def _accelerator(kit):
    """(torch, torch.cuda or torch.xpu)."""
    if kit.device.type not in ("cuda", "xpu"):
        raise Unsupported("only on a CUDA, ROCm or XPU device")
    return kit.torch, getattr(kit.torch, kit.device.type)


def _cuda(kit):
    if kit.device.type != "cuda":
        raise Unsupported("only on a CUDA or ROCm device")
    return kit.torch


def _is_amd(torch):
    return bool(getattr(torch.version, "hip", None))


def gpu_architectures(kit, worst):
    """The wheel holds code for this GPU (or PTX that its driver can compile), and one kernel of each dtype runs."""
    torch = _cuda(kit)
    built = list(torch.cuda.get_arch_list())
    properties = torch.cuda.get_device_properties(kit.device)
    worst.data["built"] = built
    if _is_amd(torch):
        mine = getattr(properties, "gcnArchName", "").partition(":")[0]
        worst.data.update(device=mine, override=os.environ.get("HSA_OVERRIDE_GFX_VERSION"))
        named = [name.partition(":")[0] for name in built]
        worst.equal(mine in named or bool(os.environ.get("HSA_OVERRIDE_GFX_VERSION")), "%s is among %s" % (mine, ", ".join(named)))
    else:
        major, minor = torch.cuda.get_device_capability(kit.device)
        worst.data["device"] = "sm_%d%d" % (major, minor)
        worst.equal(_serves(built, major, minor), "sm_%d%d is served by %s" % (major, minor, ", ".join(built)))
    for name in ("float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool", "complex64"):
        x = torch.ones(33, device=kit.device).to(getattr(torch, name))
        worst.equal(x.to(torch.float32).sum().item() == 33, "a kernel for %s" % name)


def _serves(built, major, minor):
    """Code of the same major and no newer minor, or PTX (compute_) that is not newer."""
    for name in built:
        kind, _, digits = name.partition("_")
        digits = digits.rstrip("af")
        if not digits.isdigit():
            continue
        have = (int(digits[:-1]), int(digits[-1]))
        if kind == "sm" and have[0] == major and have[1] <= minor:
            return True
        if kind == "compute" and have <= (major, minor):
            return True
    return False


def gpu_copies(kit, worst):
    """Host to device and back, pinned and pageable, and on the device: every byte of a counter; pinned buffers are not stale."""
    torch, module = _accelerator(kit)
    counter = torch.arange(1 << 24, dtype=torch.int32)
    for name, source in (("pageable", counter), ("pinned", counter.pin_memory())):
        there = source.to(kit.device, non_blocking=True)
        module.synchronize(kit.device)
        worst.equal(torch.equal(there.cpu(), counter), "%s, to the device and back, 64 MB" % name)
        worst.equal(torch.equal(there.clone().cpu(), counter), "a copy on the device, 64 MB")
    odd = torch.arange(1000003, dtype=torch.int64).to(torch.uint8)[3:]
    worst.equal(torch.equal(odd.to(kit.device).cpu(), odd), "a copy of an odd count of bytes")
    strided = counter[: 1 << 12].reshape(64, 64).t()
    worst.equal(torch.equal(strided.to(kit.device).cpu(), strided), "a copy of a transposed view")
    pinned = torch.zeros(1 << 20, dtype=torch.int32).pin_memory()
    worst.equal(pinned.is_pinned(), "is_pinned")
    for value in (7, 8, 9):
        pinned.copy_(torch.full((1 << 20,), value, dtype=torch.int32, device=kit.device), non_blocking=True)
        module.synchronize(kit.device)
        worst.equal(bool((pinned == value).all()), "device to pinned memory, %d" % value)
    # the same pinned buffer filled again: what was sent before must not change
    sent = []
    for value in range(4):
        pinned.fill_(value)
        sent.append(pinned.to(kit.device, non_blocking=True))
        module.synchronize(kit.device)
    worst.equal([int(t.sum()) >> 20 for t in sent] == [0, 1, 2, 3], "a pinned buffer that is used again")


def gpu_streams(kit, worst):
    """Streams and events: work on a side stream is waited for, and events measure a time."""
    torch, module = _accelerator(kit)
    side = module.Stream()
    x = torch.ones(1 << 20, device=kit.device)
    side.wait_stream(module.current_stream())
    with module.stream(side):
        for _ in range(20):
            x = x + 1
    module.current_stream().wait_stream(side)
    worst.equal(bool((x == 21).all()), "work on a side stream")
    first, last = module.Event(enable_timing=True), module.Event(enable_timing=True)
    first.record()
    for _ in range(50):
        x = x * 1
    last.record()
    module.synchronize(kit.device)
    worst.equal(first.elapsed_time(last) > 0 and last.query(), "events measure a time")


def gpu_memory(kit, worst):
    """Patterns in half of the free memory (8 GB at most) read back right; the allocator counts; too much raises, and is survived."""
    torch, module = _accelerator(kit)
    if not hasattr(module, "mem_get_info"):
        raise Unavailable("this torch cannot tell the free memory of the device")
    free = module.mem_get_info(kit.device)[0]
    block, blocks = 1 << 26, max(1, min(free // 2, 8 << 30) >> 28)
    worst.data["bytes"] = int(blocks << 28)
    before = module.memory_allocated(kit.device)
    held = [torch.arange(block, dtype=torch.int32, device=kit.device).mul_(2654435761 & 0x7FFFFFFF).add_(n) for n in range(blocks)]
    worst.equal(module.memory_allocated(kit.device) - before >= blocks << 28, "the allocator counts")
    for n, part in enumerate(held):
        fresh = torch.arange(block, dtype=torch.int32, device=kit.device).mul_(2654435761 & 0x7FFFFFFF).add_(n)
        worst.equal(torch.equal(part, fresh), "256 MB block %d" % n)
    sums = [int(part[:1000].sum()) for part in held]
    worst.equal(sums[0] == int((torch.arange(1000, dtype=torch.int32) * (2654435761 & 0x7FFFFFFF)).sum()), "read back through the host")
    del held, fresh, part
    module.empty_cache()
    worst.refuses(lambda: torch.empty(1 << 44, dtype=torch.int64, device=kit.device), RuntimeError, "128 TB")
    worst.equal(float(torch.ones(4, device=kit.device).sum()) == 4, "the device works on after that")


def gpu_each(kit, worst):
    """Every GPU: sums, products of whole numbers, and its answer equal to that of the first one bit by bit."""
    torch, module = _accelerator(kit)
    count = module.device_count()
    a, b = kit.randn(512, 512, salt=471).float(), kit.randn(512, 512, salt=472).float()
    whole = torch.randint(-8, 8, (512, 512), generator=kit.rng(473)).float()
    want = (whole.to(torch.int64).sum(0)[:, None] * whole.to(torch.int64)).sum(0)
    answers, names = [], []
    for n in range(count):
        device = torch.device(kit.device.type, n)
        names.append(module.get_device_name(device))
        product = (whole.to(device) @ whole.to(device)).cpu().to(torch.int64)
        worst.equal(torch.equal(product.sum(0), want), "GPU %d, a product of whole numbers" % n)
        worst.equal(float(torch.ones(1 << 20, device=device).sum()) == float(1 << 20), "GPU %d, a sum" % n)
        answers.append((a.to(device) @ b.to(device)).cpu())
    worst.data["devices"] = names
    for n in range(1, count):
        if names[n] == names[0]:
            worst.equal(torch.equal(answers[n], answers[0]), "GPU %d answers as GPU 0, bit by bit" % n)


def gpu_peers(kit, worst):
    """Every ordered pair of GPUs: the content of a copy first, read back through the host."""
    torch, module = _accelerator(kit)
    count = module.device_count()
    if count < 2:
        raise Unsupported("one GPU only")
    pattern = torch.arange(1 << 22, dtype=torch.int32)
    for a in range(count):
        source = pattern.to(torch.device(kit.device.type, a))
        for b in range(count):
            if a != b:
                there = torch.zeros(1 << 22, dtype=torch.int32, device=torch.device(kit.device.type, b))
                there.copy_(source)
                module.synchronize(b)
                worst.equal(torch.equal(there.cpu(), pattern), "copy from GPU %d to %d" % (a, b))


def gpu_nccl(kit, worst):
    """NCCL (RCCL) over all GPUs, or with one process where there is one: sums of whole numbers, exactly, 4 B to 256 MB."""
    torch = _cuda(kit)
    if not torch.distributed.is_available() or not torch.distributed.is_nccl_available():
        raise Unavailable("this torch was built without NCCL")
    parallel = load_file("parallel")
    world = min(torch.cuda.device_count(), 8)
    body = "SIZES = %r\n" % ((1, 1000, 1 << 20, 1 << 26),) + parallel.COLLECTIVES
    answers = parallel._processes(kit, body, world, "cuda", "nccl")
    worst.data.update(world=world, version=".".join(str(n) for n in torch.cuda.nccl.version()))
    parallel._collected(worst, answers, world)


def gpu_repeat(kit, worst):
    """The same products fifty times, bit by bit, in float32 and half precision."""
    torch, _ = _accelerator(kit)
    for dtype in (torch.float32, torch.float16):
        a, b = kit.to(kit.randn(2048, 2048, salt=461), dtype), kit.to(kit.randn(2048, 2048, salt=462), dtype)
        first = a @ b
        worst.equal(all(torch.equal(a @ b, first) for _ in range(50)), "fifty times in %s" % str(dtype)[6:])


def gpu_graph(kit, worst):
    """A CUDA graph of a whole training step (forward, backward, SGD), replayed twenty times with new inputs, equals eager."""
    torch = _cuda(kit)
    if not hasattr(torch.cuda, "CUDAGraph"):
        raise Unavailable("this torch has no torch.cuda.CUDAGraph")
    f = torch.nn.functional

    def make():
        torch.manual_seed(kit.seed)
        net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).to(kit.device)
        return net, torch.optim.SGD(net.parameters(), lr=0.05)

    static_x, static_y = torch.zeros(8, 6, device=kit.device), torch.zeros(8, 2, device=kit.device)
    captured, optimizer = make()
    graph = _capture(torch, f, captured, optimizer, static_x, static_y)
    plain_net, plain_optimizer = make()
    captured.load_state_dict(plain_net.state_dict())
    for n in range(20):
        x, y = kit.to(kit.randn(8, 6, salt=432 + n)), kit.to(kit.randn(8, 2, salt=532 + n))
        static_x.copy_(x)
        static_y.copy_(y)
        graph.replay()
        plain_optimizer.zero_grad()
        f.mse_loss(plain_net(x), y).backward()
        plain_optimizer.step()
        for one, other in zip(captured.parameters(), plain_net.parameters()):
            worst.add(kit.distance(one, other), 1e-5, "rel", "weights after replay %d" % n)


def _capture(torch, f, net, optimizer, x, y):
    def step():
        optimizer.zero_grad(set_to_none=True)
        f.mse_loss(net(x), y).backward()
        optimizer.step()

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        step()
    return graph


NVRTC = (
    'extern "C" __global__ void twice(float* x, int count) {'
    " int n = blockIdx.x * blockDim.x + threadIdx.x; if (n < count) x[n] = 2 * x[n]; }"
)


def gpu_nvrtc(kit, worst):
    """A kernel compiled at run time (NVRTC, hipRTC), by whichever private way this torch has."""
    torch = _cuda(kit)
    refused = []
    compile_kernel = getattr(torch.cuda, "_compile_kernel", None)
    if compile_kernel is not None:
        try:
            kernel = compile_kernel(NVRTC, "twice")
            x = torch.arange(1000.0, device=kit.device)
            kernel((4, 1, 1), (256, 1, 1), (x, 1000))
            torch.cuda.synchronize(kit.device)
        except Exception as problem:
            _library(problem)
            refused.append("_compile_kernel: %s" % str(problem).split("\n")[0][:120])
        else:
            worst.same(x, [2.0 * n for n in range(1000)], "a kernel of _compile_kernel")
            return
    jiterator = getattr(torch.cuda, "jiterator", None)
    if jiterator is not None:
        try:
            double = jiterator._create_jit_fn("template <typename T> T twice(T x) { return x + x; }")
            got = double(torch.full((5,), 3.0, device=kit.device))
        except Exception as problem:
            _library(problem)
            refused.append("jiterator: %s" % str(problem).split("\n")[0][:120])
        else:
            worst.same(got, [6.0] * 5, "a kernel of the jiterator")
            return
    raise Unavailable("; ".join(refused) or "this torch has no way to compile a kernel at run time")


def _library(problem):
    """A missing or failing NVRTC is a defect of the machine; the private calls may change as they like."""
    words = str(problem).lower()
    if "nvrtc" in words and ("open" in words or "builtins" in words or "load" in words or "find" in words):
        raise problem


def gpu_triton(kit, worst):
    """A kernel written by hand for Triton, apart from torch.compile."""
    torch, _ = _accelerator(kit)
    try:
        import triton  # noqa: F401
    except ImportError:
        raise Unavailable("triton is not installed")
    with tempfile.TemporaryDirectory(prefix="ptsetup-triton-") as folder:
        before = os.environ.get("TRITON_CACHE_DIR")
        os.environ["TRITON_CACHE_DIR"] = folder
        try:
            x = torch.arange(1000.0, device=kit.device)
            got = load_file("triton").call(torch, x, x + 1, 3.0)
            worst.same(got, [n + 3.0 * (n + 1) for n in range(1000)], "x + 3 y")
        finally:
            os.environ.pop("TRITON_CACHE_DIR") if before is None else os.environ.update(TRITON_CACHE_DIR=before)


CHECKS = {
    "gpu.architectures": gpu_architectures,
    "gpu.copies": gpu_copies,
    "gpu.streams": gpu_streams,
    "gpu.memory": gpu_memory,
    "gpu.each": gpu_each,
    "gpu.peers": gpu_peers,
    "gpu.repeat": gpu_repeat,
    "gpu.nccl": gpu_nccl,
    "gpu.graph": gpu_graph,
    "gpu.nvrtc": gpu_nvrtc,
    "gpu.triton": gpu_triton,
}
