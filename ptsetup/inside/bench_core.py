"""Checks of tensors, matrix products, autograd and losses. References: math, exact integers, closed forms."""

import math

from ptsetup_bench_main import Unavailable


def tensor_exact(kit, worst):
    """Vector kernels against math, element by element; sums against math.fsum."""
    torch = kit.torch
    x = kit.randn(257, salt=1)
    functions = (
        ("exp", math.exp),
        ("tanh", math.tanh),
        ("erf", math.erf),
        ("sin", math.sin),
        ("cos", math.cos),
        ("expm1", math.expm1),
        ("sigmoid", lambda v: 1.0 / (1.0 + math.exp(-v))),
        ("abs", abs),
        ("neg", lambda v: -v),
        ("square", lambda v: v * v),
        ("atan", math.atan),
        ("floor", math.floor),
        ("ceil", math.ceil),
    )
    for dtype in kit.dtypes("float32", "float64"):
        given = kit.to(x, dtype)
        values = given.cpu().double().tolist()
        for name, function in functions:
            kit.compare(worst, getattr(torch, name)(given), [function(v) for v in values], 32, "%s %s" % (name, dtype))
        positive = given.abs() + 0.5
        values = positive.cpu().double().tolist()
        for name, function in (
            ("log", math.log),
            ("sqrt", math.sqrt),
            ("rsqrt", lambda v: 1 / math.sqrt(v)),
            ("log1p", math.log1p),
            ("reciprocal", lambda v: 1 / v),
        ):
            kit.compare(
                worst, getattr(torch, name)(positive), [function(v) for v in values], 32, "%s %s" % (name, dtype)
            )
        total = math.fsum(values)
        kit.compare(worst, positive.sum(), [total], 32, "sum %s" % dtype)
        kit.compare(worst, positive.mean(), [total / len(values)], 32, "mean %s" % dtype)
        mean = total / len(values)
        variance = math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1)
        kit.compare(worst, positive.var(), [variance], 128, "var %s" % dtype)
        kit.compare(worst, positive.std(), [math.sqrt(variance)], 128, "std %s" % dtype)


def tensor_order(kit, worst):
    """Sorting, searching, counting, cumulating and indexing against Python lists."""
    torch = kit.torch
    x = kit.to(kit.randn(301, salt=2))
    values = x.cpu().tolist()
    ordered = sorted(values)
    worst.equal(torch.sort(x)[0].cpu().tolist() == ordered, "sort")
    worst.equal(torch.topk(x, 7)[0].cpu().tolist() == ordered[::-1][:7], "topk")
    worst.equal(int(x.argmax()) == values.index(max(values)), "argmax")
    worst.equal(int(x.argmin()) == values.index(min(values)), "argmin")
    worst.equal(float(x.median()) == ordered[150], "median")
    whole = torch.arange(1, 101, device=kit.device)
    worst.equal(torch.cumsum(whole, 0).cpu().tolist() == [n * (n + 1) // 2 for n in range(1, 101)], "cumsum")
    worst.equal(torch.cumprod(whole[:12], 0).cpu().tolist() == [math.factorial(n) for n in range(1, 13)], "cumprod")
    index = torch.tensor([3, 0, 3, 99, 1], device=kit.device)
    worst.equal(whole[index].cpu().tolist() == [4, 1, 4, 100, 2], "indexing")
    worst.equal(torch.gather(whole, 0, index).cpu().tolist() == [4, 1, 4, 100, 2], "gather")
    base = torch.zeros(5, dtype=torch.int64, device=kit.device)
    added = base.scatter_add(
        0, torch.tensor([0, 2, 2, 4], device=kit.device), torch.tensor([1, 2, 3, 4], device=kit.device)
    )
    worst.equal(added.cpu().tolist() == [1, 0, 5, 0, 4], "scatter_add")
    put = base.index_put(
        (torch.tensor([1, 1], device=kit.device),), torch.tensor([7, 8], device=kit.device), accumulate=True
    )
    worst.equal(put.cpu().tolist() == [0, 15, 0, 0, 0], "index_put")
    worst.equal(
        torch.where(whole > 50, whole, -whole).cpu().tolist() == [n if n > 50 else -n for n in range(1, 101)], "where"
    )
    worst.equal(whole.masked_fill(whole > 2, 0).cpu().tolist()[:4] == [1, 2, 0, 0], "masked_fill")
    worst.equal(
        torch.tril(torch.ones(3, 3, device=kit.device)).cpu().tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]], "tril"
    )
    worst.equal(
        torch.triu(torch.ones(3, 3, device=kit.device), 1).cpu().tolist() == [[0, 1, 1], [0, 0, 1], [0, 0, 0]], "triu"
    )
    worst.equal(whole.flip(0).cpu().tolist() == list(range(100, 0, -1)), "flip")
    worst.equal(whole.roll(3).cpu().tolist()[:4] == [98, 99, 100, 1], "roll")
    worst.equal(torch.bincount(torch.tensor([0, 2, 2, 5])).tolist() == [1, 0, 2, 0, 0, 1], "bincount")
    worst.equal(torch.unique(index).cpu().tolist() == [0, 1, 3, 99], "unique")


def tensor_shape(kit, worst):
    """Views, strides, broadcasting, joining and splitting."""
    torch = kit.torch
    x = torch.arange(24, device=kit.device).reshape(2, 3, 4)
    flat = list(range(24))
    worst.equal(
        x.transpose(0, 2).reshape(-1).cpu().tolist()
        == [flat[12 * c + 4 * b + a] for a in range(4) for b in range(3) for c in range(2)],
        "transpose",
    )
    worst.equal(
        x.permute(1, 2, 0).contiguous().reshape(-1).cpu().tolist()
        == [flat[12 * c + 4 * b + a] for b in range(3) for a in range(4) for c in range(2)],
        "permute",
    )
    worst.equal(torch.cat([x, x], 1).shape == (2, 6, 4) and torch.cat([x, x + 100], 1)[1, 3, 0].item() == 112, "cat")
    worst.equal(torch.stack([x, x + 1])[1, 1, 2, 3].item() == 24, "stack")
    worst.equal([part.shape[2] for part in x.split(3, 2)] == [3, 1], "split")
    worst.equal((x[:, :1] + x[:, :, :1])[1, 2, 3].item() == flat[15] + flat[20], "broadcast")
    worst.equal(x.unfold(2, 2, 1)[1, 2, 1].cpu().tolist() == [21, 22], "unfold")
    worst.equal(x[..., ::2].sum().item() == sum(flat[::2]), "strided slice")
    view = x.view(6, 4)
    view[0, 0] = 50
    worst.equal(x[0, 0, 0].item() == 50, "a view shares its memory")
    worst.equal(
        torch.einsum("abc,abc->a", x.double(), x.double()).cpu().tolist()
        == [float(2500 + sum(v * v for v in flat[1:12])), float(sum(v * v for v in flat[12:]))],
        "einsum",
    ) if kit.has_float64 else None


def tensor_dtypes(kit, worst):
    """Every dtype stores and converts small integers exactly; a map of what this build refuses."""
    torch = kit.torch
    names = (
        "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128 uint16 uint32 uint64 "
        "float8_e4m3fn float8_e5m2 complex32"
    ).split()
    refused = []
    for name in names:
        dtype = getattr(torch, name, None)
        if dtype is None or (name in ("float64", "complex128") and not kit.has_float64):
            refused.append("%s: not here" % name)
            continue
        whole = [0, 1] if name == "bool" else [0, 1, 2, 3, 4]
        try:
            stored = torch.tensor(whole, dtype=torch.int64).to(kit.device).to(dtype)
            back = stored.real if dtype.is_complex and name != "complex32" else stored
            got = (
                [float(v) for v in back.to(torch.complex64).real.cpu().tolist()]
                if name == "complex32"
                else back.to(torch.float32).cpu().tolist()
            )
        except (RuntimeError, TypeError, NotImplementedError) as problem:
            refused.append("%s: %s" % (name, str(problem).split("\n")[0][:60]))
            continue
        worst.equal([float(v) for v in got] == [float(v) for v in whole], "%s keeps small integers" % name)
    worst.data["refused"] = refused


def matmul_dtypes(kit, worst):
    """Products of every floating dtype, componentwise against the sums in Python; integer matrices exactly."""
    torch = kit.torch
    a, b = kit.randn(17, 33, salt=3), kit.randn(33, 9, salt=4)
    for dtype, bound in ((torch.float32, 4), (torch.float64, 4), (torch.float16, 4), (torch.bfloat16, 4)):
        if dtype not in kit.dtypes("float32", "float64", "float16", "bfloat16"):
            continue
        left, right = kit.to(a, dtype), kit.to(b, dtype)
        try:
            got = (left @ right).cpu().double().tolist()
        except RuntimeError as problem:
            if "not implemented" in str(problem) or "not supported" in str(problem):
                continue
            raise
        rows, columns = left.cpu().double().tolist(), right.cpu().double().t().tolist()
        error = 0.0
        for row, line in zip(got, rows):
            for value, column in zip(row, columns):
                products = [x * y for x, y in zip(line, column)]
                error = max(error, abs(value - math.fsum(products)) / math.fsum(abs(p) for p in products))
        worst.add(error / kit.eps(dtype), bound, "eps", "%s, 17x33x9" % dtype)
    whole_a = [[(i * 7 + j * 3) % 11 - 5 for j in range(40)] for i in range(24)]
    whole_b = [[(i * 5 + j) % 9 - 4 for j in range(24)] for i in range(40)]
    want = [[sum(x * y for x, y in zip(row, column)) for column in zip(*whole_b)] for row in whole_a]
    got = torch.tensor(whole_a, dtype=torch.float32, device=kit.device) @ torch.tensor(
        whole_b, dtype=torch.float32, device=kit.device
    )
    worst.equal(got.cpu().tolist() == [[float(v) for v in row] for row in want], "integer matrices in float32")
    batch = torch.bmm(
        torch.tensor([whole_a, whole_a], dtype=torch.float32, device=kit.device),
        torch.tensor([whole_b, whole_b], dtype=torch.float32, device=kit.device),
    )
    worst.equal(batch[1].cpu().tolist() == [[float(v) for v in row] for row in want], "bmm")
    transposed = (
        torch.tensor(whole_b, dtype=torch.float32, device=kit.device).t()
        @ torch.tensor(whole_a, dtype=torch.float32, device=kit.device).t()
    )
    worst.equal(transposed.t().cpu().tolist() == [[float(v) for v in row] for row in want], "transposed views")


def matmul_big(kit, worst):
    """A large product by exact column checksums and by Freivalds' test: never against the same product."""
    torch = kit.torch
    size = 1024 if kit.device.type == "cpu" else 4096
    for dtype in kit.dtypes("float32", "bfloat16"):
        signs = torch.randint(-1, 2, (size, size), generator=kit.rng(5)).to(torch.float32)
        other = torch.randint(-1, 2, (size, size), generator=kit.rng(6)).to(torch.float32)
        left, right = kit.to(signs, dtype), kit.to(other, dtype)
        if dtype == torch.bfloat16:
            # entries of the product stay below 2**8, where bfloat16 is exact
            left, right = left[:, :128].contiguous(), right[:128].contiguous()
            signs, other = signs[:, :128], other[:128]
        product = (left @ right).cpu().to(torch.float32)
        # checksum: the column sums of the product are (column sums of A) times B, exact in int64
        sums = signs.to(torch.int64).sum(0)
        want = (sums[:, None] * other.to(torch.int64)).sum(0)
        worst.equal(bool((product.to(torch.int64).sum(0) == want).all()), "column checksums, %s" % dtype)
    a, b = kit.to(kit.randn(size, size, salt=7)), kit.to(kit.randn(size, size, salt=8))
    product = (a @ b).cpu().double()
    x = torch.randint(0, 2, (size, 4), generator=kit.rng(9)).double() * 2 - 1
    residual = (_by_parts(product, x) - _by_parts(a.cpu().double(), _by_parts(b.cpu().double(), x))).abs().max()
    worst.add(float(residual) / size / kit.eps(torch.float32), 64, "eps", "Freivalds, %d" % size)


def _by_parts(matrix, vectors):
    """matrix times vectors by elementwise products and sums, in slices: another kernel than the one under test."""
    product = vectors.new_zeros(matrix.shape[0], vectors.shape[1])
    for first in range(0, matrix.shape[0], 256):
        product[first : first + 256] = (matrix[first : first + 256, :, None] * vectors[None]).sum(1)
    return product


def autograd_chain(kit, worst):
    """The chain rule in closed form, and second derivatives."""
    torch = kit.torch
    values = [0.3, -1.2, 0.7, 2.1]
    for dtype in kit.dtypes("float32", "float64"):
        x = torch.tensor(values, dtype=dtype, device=kit.device, requires_grad=True)
        given = x.detach().cpu().double().tolist()
        (torch.sin(x * x) * torch.exp(x)).sum().backward()
        want = [math.exp(v) * (2 * v * math.cos(v * v) + math.sin(v * v)) for v in given]
        kit.compare(worst, x.grad, want, 16, "sin(x^2) e^x, %s" % dtype)
        x = torch.tensor(values, dtype=dtype, device=kit.device, requires_grad=True)
        (first,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
        kit.compare(worst, first, [3 * v * v for v in given], 16, "d/dx x^3, %s" % dtype)
        (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
        kit.compare(worst, second, [6 * v for v in given], 16, "d2/dx2 x^3, %s" % dtype)
        (third,) = torch.autograd.grad(second.sum(), x)
        kit.compare(worst, third, [6.0] * 4, 16, "d3/dx3 x^3, %s" % dtype)
        x = torch.tensor(values, dtype=dtype, device=kit.device, requires_grad=True)
        (slope,) = torch.autograd.grad(torch.tanh(x).sum(), x, create_graph=True)
        (bend,) = torch.autograd.grad(slope.sum(), x)
        kit.compare(worst, bend, [-2 * math.tanh(v) * (1 - math.tanh(v) ** 2) for v in given], 32, "tanh'', %s" % dtype)


def autograd_book(kit, worst):
    """Bookkeeping: backward accumulates and updates nothing, zero_grad, no_grad, detach, hooks, versions, frozen parts."""
    torch = kit.torch
    w = torch.tensor([1.0, 1.0], device=kit.device, requires_grad=True)
    loss = (w * w).sum()
    loss.backward()
    worst.equal(
        w.detach().cpu().tolist() == [1, 1] and w.grad.cpu().tolist() == [2, 2],
        "backward fills .grad and changes no parameter",
    )
    (w * w).sum().backward()
    worst.equal(w.grad.cpu().tolist() == [4, 4], "a second backward adds")
    optimizer = torch.optim.SGD([w], lr=0.25)
    optimizer.step()
    worst.equal(w.detach().cpu().tolist() == [0, 0], "step() updates")
    optimizer.zero_grad()
    worst.equal(w.grad is None or not bool(w.grad.abs().sum()), "zero_grad() clears")
    with torch.no_grad():
        worst.equal(not (w * 2).requires_grad, "no_grad")
    worst.equal(not w.detach().requires_grad, "detach")
    seen = []
    v = torch.ones(2, device=kit.device, requires_grad=True)
    handle = v.register_hook(lambda grad: seen.append(1) or grad * 10)
    (v * 3).sum().backward()
    handle.remove()
    worst.equal(v.grad.cpu().tolist() == [30, 30] and seen == [1], "a hook sees and changes the gradient")
    u = torch.ones(2, device=kit.device, requires_grad=True)
    squared = torch.exp(u)
    squared.mul_(2)
    try:
        squared.sum().backward()
        worst.equal(False, "an overwritten input of backward is noticed")
    except RuntimeError:
        worst.equal(True, "an overwritten input of backward is noticed")
    a, b = torch.ones(3, device=kit.device, requires_grad=True), torch.full((3,), 2.0, device=kit.device)
    torch.add(a, b).mul(b).sum().backward()
    worst.equal(a.grad.cpu().tolist() == [2, 2, 2] and b.grad is None, "only what asks for it gets a gradient")


def autograd_clip(kit, worst):
    """clip_grad_norm_ and clip_grad_value_ against their definitions."""
    torch = kit.torch
    parts = [
        torch.zeros(3, device=kit.device, requires_grad=True),
        torch.zeros(2, device=kit.device, requires_grad=True),
    ]
    gradients = [[3.0, 4.0, 0.0], [12.0, 0.0]]
    for part, gradient in zip(parts, gradients):
        part.grad = torch.tensor(gradient, device=kit.device)
    norm = torch.nn.utils.clip_grad_norm_(parts, 1.0)
    kit.compare(worst, norm, [13.0], 16, "the norm it returns")
    scale = 1.0 / (13.0 + 1e-6)
    for part, gradient in zip(parts, gradients):
        kit.compare(worst, part.grad, [g * scale for g in gradient], 16, "clip_grad_norm_")
        part.grad = torch.tensor(gradient, device=kit.device)
    torch.nn.utils.clip_grad_value_(parts, 3.5)
    worst.equal([p.grad.cpu().tolist() for p in parts] == [[3.0, 3.5, 0.0], [3.5, 0.0]], "clip_grad_value_")


def autograd_ops(kit, worst):
    """Gradients of many operators against central differences along random directions, in float64."""
    torch = kit.torch
    if not kit.has_float64:
        raise Unavailable("central differences need float64, which this device lacks")
    f = torch.nn.functional
    square = kit.randn(4, 4, salt=11) + 4 * torch.eye(4, dtype=torch.float64)
    x = kit.randn(4, 5, salt=12)
    other = kit.to(kit.randn(5, 3, salt=13), torch.float64)
    image, kernel = kit.randn(2, 3, 7, 7, salt=14), kit.to(kit.randn(4, 3, 3, 3, salt=15), torch.float64)
    weight = kit.to(kit.randn(5, salt=16), torch.float64)
    table = (
        ("relu", x, f.relu),
        ("leaky_relu", x, f.leaky_relu),
        ("elu", x, f.elu),
        ("gelu", x, f.gelu),
        ("silu", x, f.silu),
        ("softplus", x, f.softplus),
        ("sigmoid", x, torch.sigmoid),
        ("tanh", x, torch.tanh),
        ("softmax", x, lambda t: f.softmax(t, 1)),
        ("log_softmax", x, lambda t: f.log_softmax(t, 1)),
        ("logsumexp", x, lambda t: torch.logsumexp(t, 1)),
        ("matmul", x, lambda t: t @ other),
        ("layer_norm", x, lambda t: f.layer_norm(t, (5,), weight)),
        ("conv2d", image, lambda t: f.conv2d(t, kernel, padding=1)),
        ("conv_transpose2d", kit.randn(2, 4, 5, 5, salt=17), lambda t: f.conv_transpose2d(t, kernel, stride=2)),
        ("max_pool2d", image, lambda t: f.max_pool2d(t, 2)),
        ("avg_pool2d", image, lambda t: f.avg_pool2d(t, 2)),
        ("batch_norm", image, lambda t: f.batch_norm(t, None, None, training=True)),
        ("interpolate", image, lambda t: f.interpolate(t, scale_factor=2, mode="bilinear", align_corners=False)),
        ("prod", x, lambda t: t.prod(1)),
        ("cumsum", x, lambda t: t.cumsum(1)),
        ("norm", x, lambda t: t.norm(dim=1)),
        ("std", x, lambda t: t.std(1)),
        ("exp", x, torch.exp),
        ("sin", x, torch.sin),
        ("log", x.abs() + 1, torch.log),
        ("sqrt", x.abs() + 1, torch.sqrt),
        ("pow", x.abs() + 1, lambda t: t**2.5),
        ("div", x, lambda t: 1.0 / (t * t + 1)),
        ("index", x, lambda t: t[[0, 0, 2]]),
        ("gather", x, lambda t: t.gather(1, torch.tensor([[0, 0, 4]] * 4, device=t.device))),
        ("pad", image, lambda t: f.pad(t, (1, 2, 0, 1), mode="reflect")),
        ("inverse", square, torch.inverse),
        ("det", square, torch.det),
        ("solve", square, lambda t: torch.linalg.solve(t, kit.to(kit.randn(4, 2, salt=18), torch.float64))),
        ("svdvals", square, torch.linalg.svdvals),
        ("cholesky", square @ square.t(), lambda t: torch.linalg.cholesky((t + t.t()) / 2)),
    )
    for name, point, function in table:
        _central(kit, worst, name, point, function)


def _central(kit, worst, name, point, function):
    torch = kit.torch
    point = kit.to(point, torch.float64)
    with torch.no_grad():
        shape = function(point).shape
    weights = kit.to(kit.randn(*shape, salt=19) if len(shape) else kit.randn(1, salt=19)[0], torch.float64)
    leaf = point.clone().requires_grad_(True)
    (function(leaf) * weights).sum().backward()
    for salt in (20, 21, 22):
        direction = kit.to(kit.randn(*point.shape, salt=salt), torch.float64)
        step = 1e-6
        with torch.no_grad():
            rise = ((function(point + step * direction) - function(point - step * direction)) * weights).sum() / (
                2 * step
            )
        slope = (leaf.grad * direction).sum()
        worst.add(abs(float(rise - slope)) / max(abs(float(slope)), 1.0), 1e-5, "rel", name)


def losses_mean(kit, worst):
    """Losses against their formulas, mean over the batch; the gradient of cross-entropy; large logits stay finite."""
    torch = kit.torch
    f = torch.nn.functional
    labels = [2, 0, 1, 2, 1, 0, 2]
    for dtype in kit.dtypes("float32", "float64"):
        logits = kit.leaf(kit.randn(7, 3, salt=31), dtype)
        rows = logits.detach().cpu().double().tolist()
        target = torch.tensor(labels, device=kit.device)
        logs = [max(row) + math.log(math.fsum(math.exp(v - max(row)) for v in row)) for row in rows]
        want = math.fsum(log - row[label] for log, row, label in zip(logs, rows, labels)) / 7
        loss = f.cross_entropy(logits, target)
        kit.compare(worst, loss, [want], 16, "cross_entropy %s" % dtype)
        loss.backward()
        gradient = [
            [(math.exp(v - log) - (1.0 if j == label else 0.0)) / 7 for j, v in enumerate(row)]
            for row, log, label in zip(rows, logs, labels)
        ]
        kit.compare(worst, logits.grad, gradient, 16, "gradient of cross_entropy %s" % dtype)
        kit.compare(
            worst,
            f.cross_entropy(logits.detach(), target, reduction="sum"),
            [want * 7],
            16,
            "cross_entropy, sum %s" % dtype,
        )
        smooth = (
            math.fsum(
                log - (0.9 * row[label] + 0.1 * math.fsum(row) / 3) for log, row, label in zip(logs, rows, labels)
            )
            / 7
        )
        kit.compare(
            worst,
            f.cross_entropy(logits.detach(), target, label_smoothing=0.1),
            [smooth],
            32,
            "label smoothing %s" % dtype,
        )
        kit.compare(worst, f.nll_loss(f.log_softmax(logits.detach(), 1), target), [want], 16, "nll_loss %s" % dtype)
        _pairs(kit, worst, dtype)
    for big in (1e4, -1e4):
        loss = f.cross_entropy(torch.tensor([[big, 0.0]], device=kit.device), torch.tensor([0], device=kit.device))
        worst.equal(abs(float(loss) - max(0.0, -big)) < 1e-3 * max(1.0, abs(big)), "cross_entropy of logits %g" % big)


def _pairs(kit, worst, dtype):
    """Losses of two tensors."""
    torch = kit.torch
    f = torch.nn.functional
    a, b = kit.to(kit.randn(40, salt=32), dtype), kit.to(kit.randn(40, salt=33), dtype)
    differences = [x - y for x, y in zip(a.cpu().double().tolist(), b.cpu().double().tolist())]
    n = len(differences)
    kit.compare(worst, f.mse_loss(a, b), [math.fsum(d * d for d in differences) / n], 16, "mse_loss %s" % dtype)
    kit.compare(worst, f.l1_loss(a, b), [math.fsum(abs(d) for d in differences) / n], 16, "l1_loss %s" % dtype)
    huber = [0.5 * d * d if abs(d) < 1 else abs(d) - 0.5 for d in differences]
    kit.compare(worst, f.smooth_l1_loss(a, b), [math.fsum(huber) / n], 16, "smooth_l1_loss %s" % dtype)
    kit.compare(worst, f.huber_loss(a, b), [math.fsum(huber) / n], 16, "huber_loss %s" % dtype)
    probability = torch.sigmoid(b)
    p, q = torch.sigmoid(a).cpu().double().tolist(), probability.cpu().double().tolist()
    binary = math.fsum(-(t * math.log(v) + (1 - t) * math.log(1 - v)) for v, t in zip(p, q)) / n
    kit.compare(
        worst, f.binary_cross_entropy(torch.sigmoid(a), probability), [binary], 32, "binary_cross_entropy %s" % dtype
    )
    kit.compare(
        worst,
        f.binary_cross_entropy_with_logits(a, probability),
        [binary],
        32,
        "binary_cross_entropy_with_logits %s" % dtype,
    )
    divergence = math.fsum(t * (math.log(t) - math.log(v)) for v, t in zip(p, q)) / n
    worst.add(
        abs(float(f.kl_div(torch.sigmoid(a).log(), probability, reduction="mean")) - divergence) / kit.eps(dtype),
        64,
        "eps",
        "kl_div %s" % dtype,
    )


CHECKS = {
    "tensor.exact": tensor_exact,
    "tensor.order": tensor_order,
    "tensor.shape": tensor_shape,
    "tensor.dtypes": tensor_dtypes,
    "matmul.dtypes": matmul_dtypes,
    "matmul.big": matmul_big,
    "autograd.chain": autograd_chain,
    "autograd.book": autograd_book,
    "autograd.clip": autograd_clip,
    "autograd.ops": autograd_ops,
    "loss.mean": losses_mean,
}
