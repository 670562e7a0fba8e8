"""Checks of function transforms, the profiler and TorchScript."""

import json
import math
import os
import tempfile

from ptsetup_bench_main import plain


def functions_transforms(kit, worst):
    """vmap, grad, jacrev, jacfwd, hessian, vjp, jvp, functional_call and ensembles against closed forms."""
    torch = kit.torch
    func = kit.need(torch, "func", since=(2, 0))
    x = kit.to(kit.randn(4, 3, salt=261), kit.finest)
    rows = plain(x.cpu().double())
    row, values = x[0], rows[0]
    sines = [[math.cos(v) if i == j else 0.0 for j in range(3)] for i, v in enumerate(values)]
    other = kit.to(kit.randn(4, 3, salt=262), kit.finest)
    inner = [math.fsum(a * b for a, b in zip(u, v)) for u, v in zip(rows, plain(other.cpu().double()))]
    for label, got, want in (
        ("vmap", func.vmap(lambda r: (r * r).sum())(x), [math.fsum(v * v for v in r) for r in rows]),
        ("vmap of two", func.vmap(torch.dot)(x, other), inner),
        ("vmap, in_dims", func.vmap(lambda c: c.sum(), in_dims=1)(x), [math.fsum(c) for c in zip(*rows)]),
        ("vmap, one fixed", func.vmap(lambda r, s: (r * s).sum(), in_dims=(0, None))(x, x[1]), [math.fsum(a * b for a, b in zip(r, rows[1])) for r in rows]),
        ("grad", func.grad(lambda t: (t**3).sum())(x), [[3 * v * v for v in r] for r in rows]),
        ("grad of grad", func.vmap(func.grad(func.grad(torch.sin)))(row), [-math.sin(v) for v in values]),
        ("per-sample gradients", func.vmap(func.grad(lambda r: (r**2).sum()))(x), [[2 * v for v in r] for r in rows]),
        ("grad_and_value", func.grad_and_value(lambda t: (t**2).sum())(row)[1], [math.fsum(v * v for v in values)]),
        ("jacrev", func.jacrev(torch.sin)(row), sines),
        ("jacfwd", func.jacfwd(torch.sin)(row), sines),
        ("hessian", func.hessian(lambda t: (t**3).sum())(row), [[6 * v if i == j else 0.0 for j in range(3)] for i, v in enumerate(values)]),
        ("vjp", func.vjp(torch.exp, row)[1](torch.ones_like(row))[0], [math.exp(v) for v in values]),
        ("jvp", func.jvp(torch.exp, (row,), (torch.ones_like(row),))[1], [math.exp(v) for v in values]),
    ):
        kit.compare(worst, got, want, 32, label, kit.finest)
    _ensembles(kit, worst, func)


def _ensembles(kit, worst, func):
    torch = kit.torch
    torch.manual_seed(kit.seed)
    models = [torch.nn.Linear(3, 2).to(kit.device) for _ in range(3)]
    x = kit.to(kit.randn(5, 3, salt=263))
    parameters, buffers = func.stack_module_state(models)
    one = lambda p, b: func.functional_call(models[0], (p, b), (x,))
    together = func.vmap(one)(parameters, buffers)
    for n, model in enumerate(models):
        kit.compare(worst, together[n], model(x).detach(), 16, "model %d of an ensemble" % n)
    swapped = func.functional_call(models[0], {"weight": torch.zeros(2, 3, device=kit.device), "bias": kit.of([1.0, 2.0])}, (x,))
    worst.equal(plain(swapped) == [[1.0, 2.0]] * 5 and bool(models[0].weight.abs().sum() > 0), "functional_call with given weights")


def profiler_sees(kit, worst):
    """The profiler counts products and their shapes, named ranges, writes a trace (and sees events of the device on a GPU)."""
    torch = kit.torch
    profiler = torch.profiler
    a = torch.ones(8, 8, device=kit.device)
    activities = [profiler.ProfilerActivity.CPU]
    for name in ("CUDA", "XPU"):
        if kit.device.type == name.lower() and hasattr(profiler.ProfilerActivity, name):
            activities.append(getattr(profiler.ProfilerActivity, name))
    with profiler.profile(activities=activities, record_shapes=True) as profile:
        with profiler.record_function("ptsetup range"):
            torch.mm(a, a)
        torch.relu(a)
        torch.relu(a)
    seen = dict((event.key, event.count) for event in profile.key_averages())
    worst.equal(seen.get("aten::mm") == 1, "one aten::mm")
    worst.equal(seen.get("aten::relu") == 2, "two aten::relu")
    worst.equal(seen.get("ptsetup range") == 1, "a named range")
    shapes = [event.input_shapes for event in profile.key_averages(group_by_input_shape=True) if event.key == "aten::mm"]
    worst.equal(bool(shapes) and shapes[0][:2] == [[8, 8], [8, 8]], "shapes of the product")
    if len(activities) > 1:
        on_device = [e for e in profile.events() if kit.device.type.upper() in str(getattr(e, "device_type", ""))]
        worst.equal(bool(on_device), "at least one event of the device")
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "trace.json")
        profile.export_chrome_trace(file)
        with open(file) as trace:
            events = json.load(trace)["traceEvents"]
    worst.equal(any(e.get("name") == "aten::mm" for e in events), "the product stands in the trace")
    _schedule(kit, worst, a)


def _schedule(kit, worst, a):
    torch, done = kit.torch, []
    plan = torch.profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU],
        schedule=plan,
        on_trace_ready=lambda p: done.append(dict((e.key, e.count) for e in p.key_averages()).get("aten::mm")),
    ) as profile:
        for _ in range(5):
            torch.mm(a, a)
            profile.step()
    worst.same(done, [2], "a schedule records its two active steps")


def script_trace(kit, worst):
    """TorchScript and export: a traced and a scripted function, saved and loaded, a model with a branch, an exported program."""
    import io

    torch = kit.torch
    jit = kit.need(torch, "jit")
    torch.manual_seed(kit.seed)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)).to(kit.device)
    x = kit.to(kit.randn(3, 4, salt=264))
    want = model(x).detach()
    traced = jit.trace(model, x)
    other = kit.to(kit.randn(5, 4, salt=265))
    kit.compare(worst, traced(other), model(other).detach(), 16, "a traced model with another batch")
    file = io.BytesIO()
    jit.save(traced, file)
    file.seek(0)
    kit.compare(worst, jit.load(file, map_location=kit.device)(x), want, 16, "saved and loaded")
    scripted = jit.script(_branch)
    for sign in (1.0, -1.0):
        worst.same(scripted(kit.of([sign, 2 * sign]), 3), plain(_branch(kit.of([sign, 2 * sign]), 3)), "a scripted branch and loop")
    export = getattr(torch, "export", None)
    if export is not None and hasattr(export, "export") and kit.version >= (2, 2):
        program = export.export(model, (x,))
        kit.compare(worst, program.module()(x), want, 16, "an exported program")


def _branch(x, n: int):
    if bool(x.sum() > 0):
        y = x * 2
    else:
        y = x - 1
    for i in range(n):
        y = y + i
    return y


CHECKS = {
    "func.transforms": functions_transforms,
    "profiler.events": profiler_sees,
    "script.trace": script_trace,
}
