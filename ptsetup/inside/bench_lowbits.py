"""Checks of reduced precision: autocast, GradScaler, low-precision formats, FP8 products, 2:4 sparsity. References in float64."""

import math

from ptsetup_bench_main import Unavailable, Unsupported, plain


def _nets(kit):
    torch = kit.torch
    torch.manual_seed(kit.seed)
    return torch.nn.Sequential(torch.nn.Linear(32, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4)).to(kit.device)


def _exact(kit, model, x, is_open):
    """Output, gradients of the sum of squares, and the sum of the sizes of the terms of each, in float64 by elementwise products.

    ``is_open``: what ReLU let through in the run under test. A unit next to zero may fall to the other side in a coarse dtype, and
    then its whole row of the gradient comes or goes; that is no error of the product. With the sides given the rest is linear, and
    every rounding error is bounded by the sum of sizes: that of a gradient that cancels is far larger than the gradient.
    """
    first, second = ([t.detach().cpu().double() for t in (layer.weight, layer.bias)] for layer in (model[0], model[2]))
    x, is_open = x.detach().cpu().double(), is_open.cpu().double()

    def work(x, w, b, v, c):
        hidden = ((x[:, None] * w[None]).sum(2) + b) * is_open
        y = (hidden[:, None] * v[None]).sum(2) + c
        back = (2 * y[:, :, None] * v[None]).sum(1) * is_open
        return y, (back[:, :, None] * x[:, None]).sum(0), (2 * y[:, :, None] * hidden[:, None]).sum(0)

    given = [x] + first + second
    return work(*given), work(*[t.abs() for t in given])


def _apart(got, want, size):
    """The largest error of an element in relation to the sum of the sizes of its terms."""
    error = (got.detach().cpu().double() - want).abs()
    # a closed unit has no terms: both are nothing there
    return float((error / size.clamp(min=1e-30)).max())


def amp_autocast(kit, worst):
    """autocast in bfloat16 and float16 against float64: dtypes, values, gradients in float32; nesting; what stays in float32."""
    torch = kit.torch
    f, model, x = torch.nn.functional, _nets(kit), kit.to(kit.randn(8, 32, salt=251))
    hidden = []
    handle = model[1].register_forward_hook(lambda layer, given, out: hidden.append(out.detach() > 0))
    for dtype in kit.dtypes("bfloat16", "float16"):
        if dtype == torch.float16 and kit.device.type == "cpu" and kit.version < (2, 2):
            continue
        model.zero_grad()
        try:
            with torch.autocast(kit.device.type, dtype=dtype):
                y = model(x)
                loss = f.cross_entropy(y, torch.zeros(8, dtype=torch.int64, device=kit.device))
                inner = f.softmax(y, 1)
                with torch.autocast(kit.device.type, enabled=False):
                    full = x @ model[0].weight.t()
                image = f.conv2d(x.reshape(8, 2, 4, 4), model[0].weight[:6].reshape(6, 2, 4, 4)) if dtype == torch.bfloat16 else y
        except RuntimeError as reason:
            if kit.device.type == "cpu" and dtype == torch.bfloat16:
                raise
            worst.data.setdefault("left out", []).append("%s: %s" % (str(dtype)[6:], str(reason)[:100]))
            continue
        short = str(dtype)[6:]
        worst.equal(y.dtype == dtype and image.dtype == dtype, "products and convolutions run in %s" % short)
        worst.equal(loss.dtype == torch.float32, "the loss stays in float32, %s" % short)
        worst.equal(inner.dtype == torch.float32 or kit.device.type == "cpu", "softmax stays in float32, %s" % short)
        worst.equal(full.dtype == torch.float32, "a part without autocast is in float32, %s" % short)
        y.float().pow(2).sum().backward()
        worst.equal(model[0].weight.grad.dtype == torch.float32, "gradients are in float32, %s" % short)
        want, size = _exact(kit, model, x, hidden[-1])
        # half an eps for each rounding that torch does: of x, the weights and each result, 5 to the output and 10 to a gradient
        worst.add(_apart(y, want[0], size[0]) / kit.eps(dtype), 3, "eps", "autocast, %s" % short)
        for got, exact, terms in zip((model[0].weight.grad, model[2].weight.grad), want[1:], size[1:]):
            worst.add(_apart(got, exact, terms) / kit.eps(dtype), 6, "eps", "gradient, %s" % short)
    outside = model(x)
    worst.equal(outside.dtype == torch.float32 and not torch.is_autocast_enabled(), "autocast ends with its block")
    want, size = _exact(kit, model, x, hidden[-1])
    handle.remove()
    worst.add(_apart(outside, want[0], size[0]) / kit.eps(torch.float32), 16, "eps", "outside of autocast")


def amp_scaler(kit, worst):
    """GradScaler: an injected infinity skips the step and halves the scale; else the step is that of unscaled gradients; growth."""
    torch = kit.torch
    scaler_class = getattr(getattr(torch, "amp", None), "GradScaler", None)
    arguments = (kit.device.type,)
    if scaler_class is None:
        if kit.device.type != "cuda":
            raise Unavailable("this torch has no torch.amp.GradScaler (2.3 and newer)")
        scaler_class, arguments = torch.cuda.amp.GradScaler, ()
    if not kit.has_float64:
        raise Unsupported("GradScaler needs float64, which this device lacks")
    scaler = scaler_class(*arguments, init_scale=1024.0, growth_interval=2)
    w = kit.leaf(kit.of([2.0, -1.0]))
    optimizer = torch.optim.SGD([w], lr=0.5)
    scaler.scale((w * w).sum()).backward()
    worst.same(w.grad, [4096.0, -2048.0], "the loss is scaled")
    scaler.step(optimizer)
    scaler.update()
    worst.same(w, [0.0, 0.0], "the step uses unscaled gradients")
    optimizer.zero_grad()
    scaler.scale((w * float("inf")).sum()).backward()
    before = plain(w)
    scaler.step(optimizer)
    scaler.update()
    worst.equal(plain(w) == before and scaler.get_scale() == 512.0, "an infinity skips the step and halves the scale")
    for expected in (512.0, 1024.0):
        optimizer.zero_grad()
        scaler.scale((w - 1).pow(2).sum()).backward()
        scaler.unscale_(optimizer)
        if expected == 512.0:
            worst.same(w.grad, [-2.0, -2.0], "unscale_")
        torch.nn.utils.clip_grad_norm_([w], 1e9)
        scaler.step(optimizer)
        scaler.update()
        worst.equal(scaler.get_scale() == expected, "the scale after a good step is %g" % expected)
    worst.same(w, [1.0, 1.0], "two good steps after the bad one")
    optimizer.zero_grad()
    scaler.scale((w * float("nan")).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    worst.equal(plain(w) == [1.0, 1.0] and scaler.get_scale() == 512.0, "a NaN skips the step as well")
    other = scaler_class(*arguments, init_scale=7.0)
    other.load_state_dict(scaler.state_dict())
    worst.equal(other.get_scale() == 512.0, "the scaler's state comes back")


def lowbits_formats(kit, worst):
    """float16, bfloat16 and FP8 round to nearest, halves to even; their ends; sums and norms keep more digits than they store."""
    torch = kit.torch
    worst.same(kit.of([1 + 2.0**-11, 1 + 3 * 2.0**-11, 65504.0, 1e6]).half().float(), [1.0, 1 + 2.0**-9, 65504.0, float("inf")], "float16")
    worst.same(kit.of([2.0**-24, 2.0**-26, -(2.0**-24)]).half().float(), [2.0**-24, 0.0, -(2.0**-24)], "the smallest float16")
    worst.same(kit.of([1 + 2.0**-8, 1 + 3 * 2.0**-8, 1e38]).bfloat16().float()[:2], [1.0, 1 + 2.0**-6], "bfloat16")
    for name, want in (("float8_e4m3fn", [1.0, 1.25, 448.0]), ("float8_e5m2", [1.0, 1.0, 448.0])):
        dtype = getattr(torch, name, None)
        if dtype is not None:
            got = kit.of([1.0625, 1.1875 if name == "float8_e4m3fn" else 1.125, 448.0]).to(dtype).float()
            worst.same(got, want, name)
    for dtype in kit.dtypes("float16", "bfloat16"):
        ones = torch.ones(4096, dtype=dtype, device=kit.device)
        worst.same(ones.sum().float(), 4096.0, "sum of 4096 ones in %s" % str(dtype)[6:])
        _low_layers(kit, worst, dtype)


def _low_layers(kit, worst, dtype):
    """Norm, softmax and GELU in a low format against float64: they compute with more digits than they store."""
    f, x = kit.torch.nn.functional, kit.to(kit.randn(64, 128, salt=252), dtype)
    exact = x.cpu().double()
    normed = (exact - exact.mean(1, keepdim=True)) / (exact.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    shares = (exact - exact.amax(1, keepdim=True)).exp()
    shares = shares / shares.sum(1, keepdim=True)
    for name, call, want in (
        ("layer_norm", lambda: f.layer_norm(x, (128,)), normed),
        ("softmax", lambda: f.softmax(x, 1), shares),
        ("gelu", lambda: f.gelu(x), [_gelu(v) for v in kit.numbers(x)]),
    ):
        label = "%s in %s" % (name, str(dtype)[6:])
        try:
            got = call()
        except RuntimeError as problem:
            # older builds have few operations of float16 on the processor
            if kit.device.type != "cpu" or "not implemented for 'Half'" not in str(problem):
                raise
            worst.data.setdefault("left out", []).append(label)
            continue
        worst.add(kit.distance(got, want) / kit.eps(dtype), 4, "eps", label)


def _gelu(v):
    return v * 0.5 * (1 + math.erf(v / math.sqrt(2)))


def lowbits_fp8(kit, worst):
    """An FP8 product (torch._scaled_mm): whole numbers, exactly; only where the device has it."""
    torch = kit.torch
    if kit.device.type != "cuda":
        raise Unsupported("FP8 products are for GPUs of capability 8.9 and newer")
    is_amd = bool(getattr(torch.version, "hip", None))
    if not is_amd and torch.cuda.get_device_capability(kit.device) < (8, 9):
        raise Unsupported("FP8 products need capability 8.9, this device has %d.%d" % torch.cuda.get_device_capability(kit.device))
    if not hasattr(torch, "_scaled_mm") or not hasattr(torch, "float8_e4m3fn"):
        raise Unavailable("this torch has no FP8 product")
    kind = torch.float8_e4m3fn
    if is_amd and "gfx94" in getattr(torch.cuda.get_device_properties(kit.device), "gcnArchName", ""):
        kind = torch.float8_e4m3fnuz
    a = [[(i * 7 + j) % 5 - 2 for j in range(32)] for i in range(32)]
    b = [[(i + 3 * j) % 5 - 2 for j in range(32)] for i in range(32)]
    want = [[float(sum(x * y for x, y in zip(row, column))) for column in zip(*b)] for row in a]
    one = kit.of(1.0)
    left, right = kit.of(a).to(kind), kit.of(b).t().contiguous().to(kind).t()
    try:
        got = torch._scaled_mm(left, right, scale_a=one, scale_b=one, out_dtype=torch.float32)
    except (RuntimeError, TypeError, ValueError) as reason:
        raise Unavailable("torch._scaled_mm (private) refused: %s" % str(reason).split("\n")[0][:200])
    got = got[0] if isinstance(got, tuple) else got
    worst.same(got, want, "a product of whole numbers in FP8")


def lowbits_sparsity(kit, worst):
    """2:4 structured sparsity: the product of a pruned matrix with a dense one, exactly; only where the device has it."""
    torch = kit.torch
    if kit.device.type != "cuda" or getattr(torch.version, "hip", None) or torch.cuda.get_device_capability(kit.device) < (8, 0):
        raise Unsupported("2:4 sparsity is for NVIDIA GPUs of capability 8.0 and newer")
    try:
        from torch.sparse import to_sparse_semi_structured
    except ImportError:
        raise Unavailable("this torch has no 2:4 sparsity")
    pattern = [[float((i + j // 4) % 5 - 2) if j % 4 in (1, 2) else 0.0 for j in range(128)] for i in range(128)]
    other = [[float((i * 3 + j) % 5 - 2) for j in range(128)] for i in range(128)]
    want = [[sum(x * y for x, y in zip(row, column) if x) for column in zip(*other)] for row in pattern]
    try:
        sparse = to_sparse_semi_structured(kit.of(pattern, torch.float16))
        got = sparse @ kit.of(other, torch.float16)
    except (RuntimeError, NotImplementedError) as reason:
        raise Unavailable("the sparse product refused: %s" % str(reason).split("\n")[0][:200])
    worst.same(got.float(), want, "a 2:4 sparse product of whole numbers")


CHECKS = {
    "amp.autocast": amp_autocast,
    "amp.scaler": amp_scaler,
    "lowbits.formats": lowbits_formats,
    "lowbits.fp8": lowbits_fp8,
    "lowbits.sparsity": lowbits_sparsity,
}
