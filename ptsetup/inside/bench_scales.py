"""Checks of the options of mixed precision, and of whole-number formats: factors, groups, states, rounding, zero points. References: by hand."""

import math

from ptsetup_bench_main import Unavailable, plain


def amp_options(kit, worst):
    """GradScaler with other factors, several optimizers, saved states and switched off; autocast nested, off, as a decorator, by operation."""
    _casts(kit, worst)
    torch = kit.torch
    scaler_class = getattr(getattr(torch, "amp", None), "GradScaler", None)
    arguments = (kit.device.type,)
    if scaler_class is None and kit.device.type == "cuda":
        scaler_class, arguments = torch.cuda.amp.GradScaler, ()
    if scaler_class is None or not kit.has_float64:
        worst.data["left out"] = ["GradScaler: not for this device in this torch"]
        return
    _factors(kit, worst, lambda **options: scaler_class(*arguments, **options))


def _casts(kit, worst):
    torch, f, kind = kit.torch, kit.torch.nn.functional, kit.device.type
    a, low = kit.to(kit.randn(4, 4, salt=551)), torch.bfloat16
    auto = lambda **options: torch.autocast(kind, dtype=low, **options)
    try:
        with auto():
            a @ a
    except RuntimeError as reason:
        raise Unavailable("no autocast in bfloat16 here: %s" % str(reason).split("\n")[0][:100])
    wide, image = torch.float32, a.reshape(1, 1, 4, 4)
    with auto():
        for label, got, want in (
            ("matmul", a @ a, low), ("mm", torch.mm(a, a), low), ("linear", f.linear(a, a), low), ("bmm", torch.bmm(a[None], a[None]), low),
            ("addmm", torch.addmm(a, a, a), low), ("conv2d", f.conv2d(image, image[..., :2, :2]), low), ("einsum", torch.einsum("ij,jk->ik", a, a), low),
            ("sum of float32", a.sum(), wide), ("a sum with float32", a + a, wide), ("relu", f.relu(a), wide), ("mse_loss", f.mse_loss(a, a + 1), wide),
            ("cross_entropy", f.cross_entropy(a @ a, kit.whole(0, 1, 2, 3)), wide), ("exp", torch.exp(a), wide), ("softmax", torch.softmax(a, 1), wide),
            ("functional.softmax", f.softmax(a, 1), wide), ("log_softmax", f.log_softmax(a, 1), wide), ("layer_norm", f.layer_norm(a, (4,)), wide), ("a mixed sum", (a @ a) + a, wide),
        ):
            worst.equal(got.dtype == want, "%s in autocast is %s" % (label, str(want)[6:]))
        with auto(enabled=False):
            worst.equal((a @ a).dtype == wide, "enabled=False within autocast")
            with auto():
                worst.equal((a @ a).dtype == low, "autocast within that")
        worst.equal((a @ a).dtype == low, "autocast goes on afterwards")
        whole = kit.whole(1, 2)
        worst.equal((whole + whole).dtype == torch.int64, "whole numbers are left alone")
        if kind == "cpu":
            exact = [v for v in kit.numbers(a.cpu().to(low).double())]
            got = torch.mm(a, torch.eye(4, device=kit.device))
            worst.same(got.float().reshape(-1), exact, "autocast rounds to nearest")
    with auto(enabled=False):
        worst.equal((a @ a).dtype == wide, "autocast that is off")
    decorated = auto()(lambda: a @ a)
    worst.equal(decorated().dtype == low and (a @ a).dtype == wide, "autocast as a decorator")
    try:
        with auto():
            raise KeyError
    except KeyError:
        worst.equal((a @ a).dtype == wide, "autocast ends with an error")
    leaf = kit.leaf(a.cpu())
    with auto():
        first, second = (leaf @ leaf).float().sum(), (leaf @ a).float().sum()
    (first + second).backward()
    worst.equal(leaf.grad.dtype == wide, "a weight that is used twice: its gradient is float32")
    exact = [[math.fsum(row) for row in plain(a.cpu().double())][j] * 2 + math.fsum(plain(a.cpu().double())[n][i] for n in range(4)) for i in range(4) for j in range(4)]
    worst.add(kit.distance(leaf.grad, exact, 1.0) / kit.eps(low), 8, "eps", "and the sum of both uses")


def _factors(kit, worst, make):
    torch = kit.torch
    scaler = make(init_scale=64.0, growth_factor=4.0, backoff_factor=0.25, growth_interval=3)
    w = kit.leaf(kit.of([1.0]))
    optimizer = torch.optim.SGD([w], lr=0.125)

    def step(factor):
        optimizer.zero_grad()
        scaler.scale((w * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        return scaler.get_scale()

    good, bad = 1.0, float("inf")
    scales = [step(v) for v in (good, good, bad, good, good, good, good, bad)]
    worst.same(scales, [64.0, 64.0, 16.0, 16.0, 16.0, 64.0, 64.0, 16.0], "growth after three good steps, a quarter after a bad one")
    worst.same(w, [1.0 - 0.125 * 6], "bad steps move nothing")
    state = scaler.state_dict()
    worst.same([state[n] for n in ("scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker")], [16.0, 4.0, 0.25, 3, 0], "the scaler's state")
    other = make()
    other.load_state_dict(state)
    worst.same([other.get_scale(), other.get_growth_factor(), other.get_backoff_factor(), other.get_growth_interval()], [16.0, 4.0, 0.25, 3], "a loaded state")
    scaler.update(8.0)
    worst.same(scaler.get_scale(), 8.0, "update to a given scale")
    _two(kit, worst, make)
    off = make(enabled=False)
    leaf = kit.leaf(kit.of([2.0]))
    optimizer = torch.optim.SGD([leaf], lr=0.5)
    off.scale((leaf * 3).sum()).backward()
    off.step(optimizer)
    off.update()
    worst.same([leaf, off.get_scale(), off.is_enabled()], [[0.5], 1.0, False], "a scaler that is off")


def _two(kit, worst, make):
    """Two optimizers and one scaler: an infinity of one skips its step only; unscale_ then clip; twice is refused."""
    torch = kit.torch
    scaler = make(init_scale=16.0)
    a, b = kit.leaf(kit.of([1.0, 1.0])), kit.leaf(kit.of([1.0]))
    first, second = torch.optim.SGD([a], lr=1.0), torch.optim.SGD([b], lr=1.0)
    scaler.scale((a * kit.of([3.0, 4.0])).sum() + (b * float("inf")).sum()).backward()
    scaler.unscale_(first)
    worst.same(a.grad, [3.0, 4.0], "unscale_ of one optimizer")
    worst.refuses(lambda: scaler.unscale_(first), RuntimeError, "unscale_ twice")
    torch.nn.utils.clip_grad_norm_([a], 2.5)
    scaler.step(first)
    scaler.step(second)
    scaler.update()
    kit.compare(worst, a, [1 - 1.5, 1 - 2.0], 32, "clipping between unscale_ and step")
    worst.same([b, scaler.get_scale()], [[1.0], 8.0], "the other optimizer's step is skipped")
    worst.equal([plain(t) for t in scaler.scale([kit.of([1.0]), kit.of([2.0])])] == [[8.0], [16.0]], "scale of several losses")


def lowbits_whole(kit, worst):
    """Quantised tensors: rounding, limits and zero points, per tensor and channel; fake quantisation and its gradient; a quantised layer."""
    torch = kit.torch
    if kit.device.type != "cpu":
        raise Unavailable("quantised tensors are for the processor")
    x = torch.tensor([-1.0, -0.26, 0.0, 0.24, 0.26, 0.74, 1.0, 9.0])
    near = lambda v, scale, zero, low, high: min(high, max(low, int(round(v / scale)) + zero))
    for name, low, high, zero in (("quint8", 0, 255, 100), ("qint8", -128, 127, -7), ("qint8", -128, 127, 125), ("qint32", -(1 << 31), (1 << 31) - 1, 5)):
        q = torch.quantize_per_tensor(x, 0.5, zero, getattr(torch, name))
        whole = [near(v, 0.5, zero, low, high) for v in plain(x)]
        label = "%s, zero point %d" % (name, zero)
        worst.same([q.int_repr(), q.dequantize()], [whole, [(v - zero) * 0.5 for v in whole]], "quantize_per_tensor and dequantize, %s" % label)
        worst.same([q.q_scale(), q.q_zero_point()], [0.5, zero], "scale and zero point, %s" % label)
    rows = torch.tensor([[0.5, -1.0, 3.0], [0.5, -1.0, 3.0]])
    for axis, scales, zeros in ((0, [0.5, 0.25], [3, -2]), (1, [0.5, 0.25, 1.0], [0, 10, -5])):
        q = torch.quantize_per_channel(rows, torch.tensor(scales, dtype=torch.float64), torch.tensor(zeros), axis, torch.qint8)
        at = lambda i, j: (scales[(i, j)[axis]], zeros[(i, j)[axis]])
        whole = [[near(v, at(i, j)[0], at(i, j)[1], -128, 127) for j, v in enumerate(row)] for i, row in enumerate(plain(rows))]
        back = [[(v - at(i, j)[1]) * at(i, j)[0] for j, v in enumerate(row)] for i, row in enumerate(whole)]
        worst.same([q.int_repr(), q.dequantize()], [whole, back], "quantize_per_channel, axis %d" % axis)
    _fake(kit, worst, x, near)


def _fake(kit, worst, x, near):
    torch = kit.torch
    leaf = x.clone().requires_grad_(True)
    out = torch.fake_quantize_per_tensor_affine(leaf, 0.5, 1, 0, 4)
    worst.same(out, [(near(v, 0.5, 1, 0, 4) - 1) * 0.5 for v in plain(x)], "fake_quantize_per_tensor_affine")
    out.sum().backward()
    worst.same(leaf.grad, [0.0] + [1.0] * 6 + [0.0], "its gradient: one within the limits, nothing beyond")
    rows = torch.tensor([[1.0, -1.0], [1.0, -1.0]])
    per = torch.fake_quantize_per_channel_affine(rows, torch.tensor([0.5, 0.75]), torch.tensor([0, 1], dtype=torch.int32), 0, -2, 2)
    worst.same(per, [[1.0, -1.0], [0.75, -0.75]], "fake_quantize_per_channel_affine")
    engines = getattr(torch.backends, "quantized", None)
    if engines is None or not [e for e in engines.supported_engines if e != "none"] or not hasattr(torch, "ao"):
        worst.data["left out"] = ["no engine for quantised layers"]
        return
    torch.manual_seed(kit.seed)
    layer = torch.nn.Sequential(torch.nn.Linear(16, 8))
    try:
        low = torch.ao.quantization.quantize_dynamic(layer, {torch.nn.Linear}, dtype=torch.qint8)
        given = kit.randn(5, 16, salt=561).float()
        got, want = low(given).double(), layer(given).detach().double()
    except (RuntimeError, AttributeError, ImportError) as reason:
        worst.data["left out"] = ["quantize_dynamic: %s" % str(reason).split("\n")[0][:80]]
        return
    # seven bits of the weights (and of the inputs) are kept: half a step of each, over 16 terms
    steps = float(layer[0].weight.abs().max()) / 127 * float(given.abs().sum(1).max()) + float(given.max() - given.min()) / 127 * float(layer[0].weight.abs().sum(1).max())
    worst.add(float((got - want).abs().max()) / steps, 1.0, "steps", "quantize_dynamic of a linear layer")
    worst.equal(plain(got) != plain(want), "and it is quantised")


CHECKS = {
    "amp.options": amp_options,
    "lowbits.whole": lowbits_whole,
}
