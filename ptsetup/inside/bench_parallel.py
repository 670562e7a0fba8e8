"""Checks of several devices and several processes: DataParallel, model parallelism, collectives, DDP, FSDP."""

import json
import os
import subprocess
import sys
import tempfile
import time

from ptsetup_bench_main import Unavailable, Unsupported, plain


def _linear(kit, seed=0):
    torch = kit.torch
    torch.manual_seed(kit.seed + seed)
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).to(kit.device)


def parallel_data(kit, worst):
    """DataParallel gives the output and gradient of the plain module (over all GPUs where there are several)."""
    torch = kit.torch
    model, x = _linear(kit), kit.to(kit.randn(8, 6, salt=411))
    wanted = model(x).detach()
    model(x).pow(2).sum().backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    parallel = torch.nn.DataParallel(model)
    worst.data["devices"] = len(parallel.device_ids)
    got = parallel(x)
    got.pow(2).sum().backward()
    worst.add(kit.distance(got, wanted), 1e-5, "rel", "output")
    for parameter, want in zip(model.parameters(), gradients):
        worst.add(kit.distance(parameter.grad, want), 1e-5, "rel", "gradient")


def parallel_model(kit, worst):
    """Model parallelism: halves on two devices (on one where there is one, which is told) compute what the whole does."""
    torch = kit.torch
    count = getattr(torch, kit.device.type).device_count() if kit.device.type in ("cuda", "xpu") else 1
    first, second = kit.device, torch.device(kit.device.type, 1 if kit.device.index == 0 else 0) if count > 1 else kit.device
    model, x = _linear(kit), kit.to(kit.randn(8, 6, salt=421))
    model(x).pow(2).sum().backward()
    wanted = [plain(model[0].weight.grad), plain(model[2].weight.grad)]
    halves = _linear(kit)
    lower, upper = halves[:2].to(first), halves[2:].to(second)
    out = upper(lower(x.to(first)).to(second))
    out.pow(2).sum().backward()
    worst.data["devices"] = [str(first), str(second)]
    where = "two devices" if count > 1 else "two halves on one device, there is no second"
    worst.equal(out.device == second and lower[0].weight.grad.device == first, "each half stays on its device")
    worst.add(kit.distance(lower[0].weight.grad, wanted[0]), 1e-5, "rel", "gradient of the first half (%s)" % where)
    worst.add(kit.distance(upper[0].weight.grad, wanted[1]), 1e-5, "rel", "gradient of the second half (%s)" % where)


COMMON = """
import sys, json, time
import torch, torch.distributed as dist
rank, world, place, seed, device, backend = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5], sys.argv[6]
torch.set_num_threads(1)
on = torch.device(device, rank) if device != "cpu" else torch.device("cpu")
if device != "cpu":
    getattr(torch, device).set_device(on)
dist.init_process_group(backend, init_method="file://" + place + "/meet", rank=rank, world_size=world)
out = {}
def lists(t):
    return t.detach().cpu().tolist()
def net():
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).to(on)
def data():
    x = torch.randn(8, 6, generator=torch.Generator().manual_seed(seed + 1)).to(on)
    y = torch.randn(8, 2, generator=torch.Generator().manual_seed(seed + 2)).to(on)
    part = slice(rank * 8 // world, (rank + 1) * 8 // world)
    return x[part], y[part]
loss_of = torch.nn.functional.mse_loss
"""

COLLECTIVES = """
total = torch.arange(1.0, 9.0, device=on) * (rank + 1)
dist.all_reduce(total)
out["sum"] = lists(total)
top = torch.tensor([float(rank), -float(rank)], device=on)
dist.all_reduce(top, op=dist.ReduceOp.MAX)
out["max"] = lists(top)
spread = torch.full((3,), float(rank + 5), device=on)
dist.broadcast(spread, 0)
out["spread"] = lists(spread)
last = world - 1
for name, op in (("min", dist.ReduceOp.MIN), ("product", dist.ReduceOp.PRODUCT)):
    some = torch.tensor([rank + 2.0, 3.0 - rank], device=on)
    dist.all_reduce(some, op=op)
    out[name] = lists(some)
spread = torch.full((3,), float(rank + 5), device=on)
dist.broadcast(spread, last)
out["spread by the last"] = lists(spread)
single = torch.full((2,), float(rank + 1), device=on)
dist.reduce(single, last)
out["reduced"] = lists(single)
if device == "cpu":
    share = torch.zeros(2)
    dist.scatter(share, [torch.full((2,), 10.0 * n) for n in range(world)] if rank == last else None, last)
    out["share"] = lists(share)
    shares = [torch.zeros(1) for _ in range(world)] if rank == last else None
    dist.gather(torch.full((1,), rank + 0.5), shares, last)
    out["collected"] = [lists(s) for s in shares] if shares else None
gathered = [torch.zeros(2, device=on) for _ in range(world)]
dist.all_gather(gathered, torch.full((2,), float(rank), device=on))
out["gathered"] = [lists(g) for g in gathered]
out["long"] = []
for size in SIZES:
    long = torch.arange(size, device=on, dtype=torch.float32) % 1000 + rank
    dist.all_reduce(long)
    want = (torch.arange(size, device=on, dtype=torch.float32) % 1000) * world + world * (world - 1) // 2
    out["long"].append(bool((long == want).all()))
def wait():
    if device != "cpu":
        getattr(torch, device).synchronize(on)
seconds = []
for _ in range(4 if world > 1 else 0):
    dist.barrier()
    wait()
    begun = time.perf_counter()
    dist.all_reduce(long)
    wait()
    seconds.append(time.perf_counter() - begun)
if seconds:
    # what each link carries: every byte leaves and enters once, less the share that stays
    out["bus_gbs"] = 2 * (world - 1) / world * 4 * long.numel() / sorted(seconds)[len(seconds) // 2] / 1e9
if world > 1:
    token = torch.zeros(1, device=on)
    if rank == 0:
        dist.send(torch.full((1,), 42.0, device=on), 1)
    elif rank == 1:
        dist.recv(token, 0)
        out["token"] = lists(token)
"""

DDP = """
torch.manual_seed(seed + 10 * rank)
model = net()
parallel = torch.nn.parallel.DistributedDataParallel(model)
out["same start"] = lists(model[0].weight)
x, y = data()
model.eval()
loss_of(parallel(x), y).backward()
out["grad"] = [lists(p.grad) for p in model.parameters()]
out["reduced"] = lists(model[0].weight.grad)
parallel.zero_grad()
with parallel.no_sync():
    loss_of(parallel(x), y).backward()
out["alone"] = lists(model[0].weight.grad)
loss_of(parallel(x), y).backward()
out["accumulated"] = lists(model[0].weight.grad)
optimizer = torch.optim.SGD(parallel.parameters(), lr=0.1, momentum=0.9)
for _ in range(3):
    optimizer.zero_grad()
    loss_of(parallel(x), y).backward()
    optimizer.step()
out["after"] = [lists(p) for p in model.parameters()]
"""

SHARD = """
from torch.distributed.fsdp import fully_shard
from torch.distributed.device_mesh import init_device_mesh
torch.manual_seed(seed)
model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)).to(on)
mesh = init_device_mesh(on.type, (world,))
fully_shard(model, mesh=mesh)
x, y = data()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loss_of(model(x), y).backward()
out["grad"] = lists(model[0].weight.grad.full_tensor())
out["share"] = list(model[0].weight.to_local().shape)
optimizer.step()
out["after"] = lists(model[0].weight.full_tensor())
"""

ENDING = """
import os
json.dump(out, open(place + "/out%d.json" % rank, "w"))
dist.barrier()
# all have to be past the barrier before one closes its connections
open(place + "/past%d" % rank, "w").close()
for _ in range(1000):
    if all(os.path.exists(place + "/past%d" % n) for n in range(world)):
        break
    time.sleep(0.01)
if backend != "gloo":
    dist.destroy_process_group()
# what a library does with its threads while Python ends is no result: on a busy machine Gloo's now and then abort there
os._exit(0)
"""


def _processes(kit, body, world, device, backend):
    """Run the script in ``world`` processes that meet through a file; their answers."""
    with tempfile.TemporaryDirectory() as folder:
        # loopback only, and no rank variables of an outer job
        outer = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        env = dict((k, v) for k, v in os.environ.items() if k not in outer)
        if sys.platform.startswith("linux"):
            env.update(GLOO_SOCKET_IFNAME="lo", NCCL_SOCKET_IFNAME="lo")
        argv = [sys.executable, "-W", "ignore", "-c", COMMON + body + ENDING]
        place = folder.replace("\\", "/")
        # what they print goes to files: a full pipe would hang them
        logs = [open(os.path.join(folder, "log%d" % rank), "w+b") for rank in range(world)]
        children = [
            subprocess.Popen(argv + [str(rank), str(world), place, str(kit.seed), device, backend], env=env, stdout=logs[rank], stderr=logs[rank], stdin=subprocess.DEVNULL)
            for rank in range(world)
        ]
        _wait(children)
        words = []
        for log in logs:
            log.seek(0)
            words.append(log.read().decode("utf-8", "replace").strip().split("\n")[-1][:300])
            log.close()
        if any(child.returncode for child in children):
            codes = [child.returncode for child in children]
            first = next((w for w, code in zip(words, codes) if code and code > 0 and w), "".join(words))
            raise RuntimeError("processes ended with %s: %s" % (codes, first))
        answers = []
        for rank in range(world):
            with open(os.path.join(folder, "out%d.json" % rank)) as file:
                answers.append(json.load(file))
        return answers


def _wait(children):
    """Until all have ended; where one fails, the others wait for it in vain and are ended."""
    while any(child.poll() is None for child in children):
        if any(child.poll() for child in children):
            time.sleep(1.0)
            for child in children:
                if child.poll() is None:
                    child.kill()
                    child.wait()
            return
        time.sleep(0.02)


def _group(kit):
    """(world, device, backend) of a test with two processes."""
    torch = kit.torch
    if not torch.distributed.is_available():
        raise Unavailable("this torch was built without torch.distributed")
    kind = kit.device.type
    backend = {"cuda": "nccl", "xpu": "xccl"}.get(kind)
    # Windows has no NCCL, and builds for XPU have XCCL only of late
    is_there = getattr(torch.distributed, "is_%s_available" % backend, lambda: False)
    if backend and is_there() and getattr(torch, kind).device_count() > 1:
        return 2, kind, backend
    if not getattr(torch.distributed, "is_gloo_available", lambda: True)():
        raise Unavailable("this torch was built without Gloo")
    return 2, "cpu", "gloo"


def parallel_collectives(kit, worst):
    """Two processes: all-reduce, broadcast, gather, send and receive of whole numbers, exactly, from bytes to megabytes."""
    world, device, backend = _group(kit)
    sizes = (1, 1000, 1 << 18, 1 << 22) if device == "cpu" else (1, 1000, 1 << 20, 1 << 24, 1 << 26)
    answers = _processes(kit, "SIZES = %r\n" % (sizes,) + COLLECTIVES, world, device, backend)
    worst.data["backend"] = backend
    _collected(worst, answers, world)


def _collected(worst, answers, world):
    if "bus_gbs" in answers[0]:
        # told, not judged: what a link carries depends on the machine
        worst.data["bus_gbs"] = min(answer["bus_gbs"] for answer in answers)
    ranks = range(world)
    factor = world * (world + 1) // 2
    for rank, answer in enumerate(answers):
        worst.same(answer["sum"], [float(factor * n) for n in range(1, 9)], "all_reduce adds, process %d" % rank)
        worst.same(answer["max"], [float(world - 1), 0.0], "all_reduce takes the largest, process %d" % rank)
        worst.same(answer["spread"], [5.0] * 3, "broadcast, process %d" % rank)
        worst.same(answer["gathered"], [[float(n)] * 2 for n in ranks], "all_gather, process %d" % rank)
        worst.same(answer["min"], [2.0, 4.0 - world], "all_reduce takes the smallest, process %d" % rank)
        product = [1.0, 1.0]
        for n in ranks:
            product = [product[0] * (n + 2.0), product[1] * (3.0 - n)]
        worst.same(answer["product"], product, "all_reduce multiplies, process %d" % rank)
        worst.same(answer["spread by the last"], [world + 4.0] * 3, "broadcast from the last process, process %d" % rank)
        if "share" in answer:
            worst.same(answer["share"], [10.0 * rank] * 2, "scatter from the last process, process %d" % rank)
    worst.same(answers[-1]["reduced"], [float(factor)] * 2, "reduce to the last process")
    if answers[-1].get("collected"):
        worst.same(answers[-1]["collected"], [[n + 0.5] for n in ranks], "gather to the last process")
        worst.equal(all(answer["long"]), "all_reduce of long vectors, process %d: %s" % (rank, answer["long"]))
    if world > 1:
        worst.same(answers[1]["token"], [42.0], "send and receive")


def _alone(kit, seed, steps=0):
    """Gradients of the whole batch in one process, and weights after that many steps of SGD with momentum."""
    torch, f = kit.torch, kit.torch.nn.functional
    torch.manual_seed(seed)
    layers = torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 2)
    model = torch.nn.Sequential(*layers)
    start = plain(model[0].weight)
    x = torch.randn(8, 6, generator=torch.Generator().manual_seed(seed + 1))
    y = torch.randn(8, 2, generator=torch.Generator().manual_seed(seed + 2))
    model.eval()
    f.mse_loss(model(x), y).backward()
    gradients = [plain(p.grad) for p in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        f.mse_loss(model(x), y).backward()
        optimizer.step()
    return start, gradients, [plain(p) for p in model.parameters()]


def parallel_ddp(kit, worst):
    """DistributedDataParallel, two processes: one start, gradients averaged and those of the whole batch, no_sync, three steps."""
    world, device, backend = _group(kit)
    answers = _processes(kit, DDP, world, device, backend)
    worst.data["backend"] = backend
    start, gradients, after = _alone(kit, kit.seed, steps=3)
    first, second = answers
    worst.add(kit.distance(first["same start"], start), 1e-6, "rel", "the weights of process 0")
    worst.equal(first["same start"] == second["same start"], "both processes start with the weights of process 0")
    worst.equal(first["grad"] == second["grad"], "both processes hold the same gradient")
    for n, (got, want) in enumerate(zip(first["grad"], gradients)):
        worst.add(kit.distance(got, want), 1e-5, "rel", "the gradient of the whole batch (averaged, not added), parameter %d" % n)
    worst.equal(first["alone"] != second["alone"], "no_sync keeps gradients apart")
    mean = [(a + b) / 2 for a, b in zip(kit.numbers(first["alone"]), kit.numbers(second["alone"]))]
    worst.add(kit.distance(mean, first["reduced"]), 1e-5, "rel", "the average of what each had alone")
    worst.add(kit.distance(first["accumulated"], [2 * v for v in mean]), 1e-5, "rel", "accumulated over no_sync and one more")
    worst.equal(first["after"] == second["after"], "both processes hold the same weights after three steps")
    for got, want in zip(first["after"], after):
        worst.add(kit.distance(got, want), 1e-4, "rel", "weights after three steps are those of one process")


def parallel_shard(kit, worst):
    """fully_shard (FSDP), two processes: each holds half of the weights, gradients and steps are those of one process."""
    torch, f = kit.torch, kit.torch.nn.functional
    world, device, backend = _group(kit)
    try:
        from torch.distributed.fsdp import fully_shard  # noqa: F401
    except ImportError:
        raise Unavailable("this torch has no torch.distributed.fsdp.fully_shard (2.6 and newer)")
    try:
        answers = _processes(kit, SHARD, world, device, backend)
    except RuntimeError as problem:
        if "not support" in str(problem) or "not implemented" in str(problem):
            raise Unsupported(str(problem)[:300])
        raise
    torch.manual_seed(kit.seed)
    model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    x = torch.randn(8, 6, generator=torch.Generator().manual_seed(kit.seed + 1))
    y = torch.randn(8, 2, generator=torch.Generator().manual_seed(kit.seed + 2))
    f.mse_loss(model(x), y).backward()
    gradient = plain(model[0].weight.grad)
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    worst.data["backend"] = backend
    worst.same([answer["share"] for answer in answers], [[4, 6], [4, 6]], "each process holds half of the first layer")
    for rank, answer in enumerate(answers):
        worst.add(kit.distance(answer["grad"], gradient), 1e-5, "rel", "gradient, process %d" % rank)
        worst.add(kit.distance(answer["after"], plain(model[0].weight)), 1e-5, "rel", "weights after a step, process %d" % rank)


CHECKS = {
    "parallel.data": parallel_data,
    "parallel.model": parallel_model,
    "parallel.collectives": parallel_collectives,
    "parallel.ddp": parallel_ddp,
    "parallel.shard": parallel_shard,
}
