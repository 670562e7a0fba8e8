"""Checks of matrix products: every spelling, every dtype, large shapes, precision mode, threads. Never against the same product."""

import math
import os

from ptsetup_bench_main import plain


def _times(a, b):
    """The product of two matrices as lists."""
    columns = list(zip(*b))
    return [[sum(x * y for x, y in zip(row, column)) for column in columns] for row in a]


def _whole(rows, columns, factor, shift):
    """A matrix of small whole numbers: products of them are exact in every dtype."""
    return [[(i * factor + j * 3) % 11 - shift for j in range(columns)] for i in range(rows)]


def matmul_dtypes(kit, worst):
    """Products of every floating dtype, componentwise against the sums in Python; whole numbers exactly."""
    torch = kit.torch
    a, b = kit.randn(17, 33, salt=3), kit.randn(33, 9, salt=4)
    for dtype in kit.dtypes("float32", "float64", "float16", "bfloat16"):
        left, right = kit.to(a, dtype), kit.to(b, dtype)
        try:
            product = left @ right
        except RuntimeError as problem:
            if dtype in (torch.float16, torch.bfloat16) and "not implemented" in str(problem):
                worst.data.setdefault("left out", []).append(str(dtype)[6:])
                continue
            raise
        _componentwise(kit, worst, product, left, right, dtype, "%s, 17x33x9" % str(dtype)[6:])
        # added up in bfloat16 itself, ones would stay at 256
        ones = torch.ones(4, 1024, dtype=dtype, device=kit.device)
        worst.same(ones @ ones.t(), [[1024.0] * 4] * 4, "1024 ones added up in %s" % str(dtype)[6:])
        if dtype not in (torch.float16, torch.bfloat16):
            _componentwise(kit, worst, right.t() @ left.t(), right.t(), left.t(), dtype, "%s, transposed" % str(dtype)[6:])
    x, y = _whole(24, 40, 7, 5), _whole(40, 24, 5, 4)
    want = _times(x, y)
    for dtype in kit.dtypes("float32", "float64"):
        worst.same(kit.of(x, dtype) @ kit.of(y, dtype), want, "whole numbers in %s" % str(dtype)[6:])
    if kit.device.type == "cpu":
        worst.same(kit.of(x, torch.int64) @ kit.of(y, torch.int64), want, "whole numbers in int64")
    complex_ = torch.complex(kit.of(x), kit.of(x).flip(0)) @ torch.complex(kit.of(y), kit.of(y).flip(1))
    flipped_x, flipped_y = x[::-1], [row[::-1] for row in y]
    real = [[p - q for p, q in zip(u, v)] for u, v in zip(want, _times(flipped_x, flipped_y))]
    worst.same(torch.view_as_real(complex_)[..., 0], real, "real part of a complex product")


def _componentwise(kit, worst, product, left, right, dtype, detail):
    got, rows = plain(product.cpu().double()), plain(left.cpu().double())
    columns = list(zip(*plain(right.cpu().double())))
    error = 0.0
    for row, line in zip(got, rows):
        for value, column in zip(row, columns):
            products = [x * y for x, y in zip(line, column)]
            apart = abs(value - math.fsum(products)) / math.fsum(abs(p) for p in products)
            error = max(error, apart) if apart == apart else float("inf")
    worst.add(error / kit.eps(dtype), 4, "eps", detail)


def matmul_forms(kit, worst):
    """Every spelling of a product (@, mm, bmm, addmm, mv, dot, einsum, linear ...) on whole numbers, exactly."""
    torch, f = kit.torch, kit.torch.nn.functional
    x, y = _whole(6, 5, 7, 5), _whole(5, 4, 5, 4)
    a, b, want = kit.of(x), kit.of(y), _times(x, y)
    for label, got in (
        ("@", a @ b),
        ("torch.matmul", torch.matmul(a, b)),
        ("Tensor.matmul", a.matmul(b)),
        ("torch.mm", torch.mm(a, b)),
        ("Tensor.mm", a.mm(b)),
        ("mm, out=", torch.mm(a, b, out=torch.empty(6, 4, device=kit.device))),
        ("einsum", torch.einsum("ij,jk->ik", a, b)),
        ("tensordot", torch.tensordot(a, b, dims=1)),
        ("linear", f.linear(a, b.t())),
        ("addmm", torch.addmm(torch.zeros(6, 4, device=kit.device), a, b)),
        ("multi_dot", torch.linalg.multi_dot([a, b])),
        ("chain", torch.linalg.multi_dot([a, b, torch.eye(4, device=kit.device)])),
        ("a strided left side", torch.stack([a, a], 2)[:, :, 0] @ b),
    ):
        worst.same(got, want, label)
    _added(kit, worst, a, b, want)
    _vectors(kit, worst, a, b, x, y)
    _batches(kit, worst, a, b, want)
    _sums(kit, worst, a, b, x, y)


def _added(kit, worst, a, b, want):
    torch, f = kit.torch, kit.torch.nn.functional
    ones, bias = torch.ones(6, 4, device=kit.device), kit.of([1.0, 2.0, 3.0, 4.0])
    shifted = [[v + 1 for v in row] for row in want]
    scaled = [[3 * v + 2 for v in row] for row in want]
    biased = [[v + n for v, n in zip(row, (1, 2, 3, 4))] for row in want]
    worst.same(torch.addmm(ones, a, b), shifted, "addmm adds")
    worst.same(torch.addmm(ones, a, b, beta=2, alpha=3), scaled, "addmm, alpha and beta")
    worst.same(ones.clone().addmm_(a, b), shifted, "addmm_")
    worst.same(f.linear(a, b.t(), bias), biased, "linear with bias")
    worst.same(torch.addmm(bias, a, b), biased, "addmm with a row")
    layer = torch.nn.Linear(5, 4).to(kit.device)
    with torch.no_grad():
        layer.weight.copy_(b.t())
        layer.bias.copy_(bias)
    worst.same(layer(a), biased, "nn.Linear")
    worst.same(layer(a.reshape(2, 3, 5)), [biased[:3], biased[3:]], "nn.Linear of three dimensions")


def _vectors(kit, worst, a, b, x, y):
    torch = kit.torch
    vector, other = a[0], a[1]
    by_hand = [sum(v * w for v, w in zip(row, x[0])) for row in x]
    dot = sum(v * w for v, w in zip(x[0], x[1]))
    worst.same(torch.mv(a, vector), by_hand, "mv")
    worst.same(a @ vector, by_hand, "matrix @ vector")
    worst.same(torch.matmul(vector, b), [sum(v * w for v, w in zip(x[0], c)) for c in zip(*y)], "vector @ matrix")
    worst.same(torch.dot(vector, other), dot, "dot")
    worst.same(vector @ other, dot, "vector @ vector")
    worst.same(torch.inner(vector, other), dot, "inner")
    worst.same(torch.linalg.vecdot(vector, other), dot, "vecdot") if hasattr(torch.linalg, "vecdot") else None
    worst.same(torch.outer(vector, other), [[v * w for w in x[1]] for v in x[0]], "outer")
    worst.same(torch.addmv(torch.ones(6, device=kit.device), a, vector), [v + 1 for v in by_hand], "addmv")
    worst.same(torch.addr(torch.ones(5, 5, device=kit.device), vector, other), [[v * w + 1 for w in x[1]] for v in x[0]], "addr")
    worst.same(torch.linalg.cross(kit.of([1.0, 2, 3]), kit.of([4.0, 5, 6])), [-3, 6, -3], "cross")
    worst.same(torch.kron(kit.whole(1, 2), kit.whole(3, 4)), [3, 4, 6, 8], "kron")


def _batches(kit, worst, a, b, want):
    torch = kit.torch
    left, right = torch.stack([a, 2 * a, a]), torch.stack([b, b, -b])
    batch = [want, [[2 * v for v in row] for row in want], [[-v for v in row] for row in want]]
    for label, got in (
        ("torch.bmm", torch.bmm(left, right)),
        ("Tensor.bmm", left.bmm(right)),
        ("matmul of a batch", left @ right),
        ("einsum of a batch", torch.einsum("bij,bjk->bik", left, right)),
        ("baddbmm", torch.baddbmm(torch.zeros(3, 6, 4, device=kit.device), left, right)),
        ("a broadcast batch", (left[:, None] @ right[:, None])[:, 0]),
    ):
        worst.same(got, batch, label)
    worst.same(left @ b, [want, batch[1], want], "a batch @ one matrix")
    summed = [[2 * v for v in row] for row in want]
    worst.same(torch.addbmm(torch.zeros(6, 4, device=kit.device), left, right), summed, "addbmm")
    worst.same(torch.baddbmm(torch.ones(3, 6, 4, device=kit.device), left, right, beta=2)[2], [[2 - v for v in row] for row in want], "baddbmm, beta")


def _sums(kit, worst, a, b, x, y):
    torch = kit.torch
    worst.same(torch.einsum("ij->ji", a), [list(column) for column in zip(*x)], "einsum, transposed")
    worst.same(torch.einsum("ij->i", a), [sum(row) for row in x], "einsum, sum")
    worst.same(torch.einsum("ii->i", a[:5]), [x[i][i] for i in range(5)], "einsum, diagonal")
    worst.same(torch.einsum("i,j->ij", a[0], a[1]), [[v * w for w in x[1]] for v in x[0]], "einsum, outer")
    worst.same(torch.einsum("ij,ij->", a, a), sum(v * v for row in x for v in row), "einsum, all")
    worst.same(torch.einsum("...ij,jk->...ik", a[None], b)[0], _times(x, y), "einsum with dots")
    distance = torch.cdist(a, a[:2])
    want = [[math.sqrt(sum((u - v) ** 2 for u, v in zip(p, q))) for q in x[:2]] for p in x]
    kit.compare(worst, distance, want, 64, "cdist")
    kit.compare(worst, torch.nn.functional.pairwise_distance(a[:3], a[3:]), [math.sqrt(sum((u - v + 1e-6) ** 2 for u, v in zip(p, q))) for p, q in zip(x[:3], x[3:])], 64, "pairwise_distance")
    worst.same(torch.matrix_power(b[:4].to(torch.float32), 2), _times(y[:4], y[:4]), "matrix_power")


def matmul_big(kit, worst):
    """A large product by exact column checksums and by Freivalds' test, also with transposed sides and after large allocations."""
    torch = kit.torch
    size = 1024 if kit.device.type == "cpu" else 4096
    signs = torch.randint(-1, 2, (size, size), generator=kit.rng(5)).to(torch.float32)
    other = torch.randint(-1, 2, (size, size), generator=kit.rng(6)).to(torch.float32)
    sums = _column_sums(kit, signs, other)
    _checksum(kit, worst, kit.to(signs) @ kit.to(other), sums, "@")
    # a transposed view as the left side, when memory has been handed out and taken back before
    held = [torch.empty(1 << n, device=kit.device) for n in range(10, 24, 2)]
    left = kit.to(signs.t().contiguous()).t()
    del held
    _checksum(kit, worst, torch.mm(left, kit.to(other)), sums, "mm of a transposed view")
    _checksum(kit, worst, torch.nn.functional.linear(kit.to(signs), kit.to(other.t().contiguous())), sums, "linear")
    # entries of this product stay within what bfloat16 holds exactly
    short, tall = signs[:, :128].contiguous(), other[:128].contiguous()
    low = kit.to(short, torch.bfloat16) @ kit.to(tall, torch.bfloat16)
    _checksum(kit, worst, low, _column_sums(kit, short, tall), "bfloat16")
    _freivalds(kit, worst, size)


def _column_sums(kit, left, right):
    """Column sums of the product, exact: (column sums of the left side) times the right side, by elementwise products."""
    whole = kit.torch.int64
    return (left.to(whole).sum(0)[:, None] * right.to(whole)).sum(0)


def _checksum(kit, worst, product, want, detail):
    got = product.cpu().to(kit.torch.int64)
    worst.equal(got.shape[1] == want.shape[0] and plain(got.sum(0)) == plain(want), "column checksums, %s" % detail)


def _freivalds(kit, worst, size):
    """C x - A (B x) for random signs x; the vectors go through another kernel than the one under test."""
    torch = kit.torch
    a, b = kit.to(kit.randn(size, size, salt=7)), kit.to(kit.randn(size, size, salt=8))
    product = (a @ b).cpu().double()
    x = torch.randint(0, 2, (size, 4), generator=kit.rng(9)).double() * 2 - 1
    residual = (_by_parts(product, x) - _by_parts(a.cpu().double(), _by_parts(b.cpu().double(), x))).abs().max()
    worst.add(float(residual) / size / kit.eps(torch.float32), 64, "eps", "Freivalds, %d" % size)


def _by_parts(matrix, vectors):
    """Matrix times vectors by elementwise products and sums, in slices."""
    product = vectors.new_zeros(matrix.shape[0], vectors.shape[1])
    for first in range(0, matrix.shape[0], 256):
        product[first : first + 256] = (matrix[first : first + 256, :, None] * vectors[None]).sum(1)
    return product


def precision_mode(kit, worst):
    """The mode of float32 products is measured, not read: FP32, TF32-like or bfloat16-like; it must be what the setting says."""
    torch = kit.torch
    setting = kit.found.get("matmul", "highest")
    with kit.settings_as_found():
        error, convolved = _mode_error(kit), _mode_error(kit, by_convolution=True)
    worst.data.update(mode=_mode(error), setting=setting, error=error, convolution=_mode(convolved))
    override = os.environ.get("NVIDIA_TF32_OVERRIDE")
    words = ", NVIDIA_TF32_OVERRIDE=%s" % override if override else ""
    worst.add(error, 1e-6 if setting == "highest" else 1e-2, "rel", "measured %s, the setting says %s%s" % (_mode(error), setting, words))
    tf32 = kit.found.get("convolution") in (True, "tf32") and kit.device.type == "cuda"
    worst.add(convolved, 1e-3 if tf32 else 1e-6, "rel", "convolution measured %s" % _mode(convolved))
    if hasattr(torch, "set_float32_matmul_precision"):
        worst.add(_mode_error(kit), 1e-6, "rel", "measured with the setting 'highest'")


def _mode(error):
    return "FP32" if error < 1e-6 else "TF32-like" if error < 1e-3 else "bfloat16-like"


def _mode_error(kit, by_convolution=False):
    """Worst componentwise error of a product with inner dimension 1024."""
    torch = kit.torch
    a, b = kit.to(kit.randn(32, 1024, salt=241)), kit.to(kit.randn(1024, 32, salt=242))
    if by_convolution:
        got = torch.nn.functional.conv2d(a[:, :, None, None], b.t()[:, :, None, None])[:, :, 0, 0]
    else:
        got = a @ b
    left, right = a.cpu().double(), b.cpu().double()
    exact = (left[:, :, None] * right[None]).sum(1)
    weight = (left.abs()[:, :, None] * right.abs()[None]).sum(1)
    return max(kit.numbers((got.cpu().double() - exact).abs() / weight))


def threads_agree(kit, worst):
    """As many threads as the machine grants give the answer of one thread, in products, sums, convolutions and element functions."""
    torch = kit.torch
    a, b = kit.to(kit.randn(300, 200, salt=271)), kit.to(kit.randn(200, 100, salt=272))
    image, kernel = kit.to(kit.randn(4, 8, 24, 24, salt=273)), kit.to(kit.randn(8, 8, 3, 3, salt=274))
    long = kit.to(kit.randn(200003, salt=275))

    def work():
        return (
            ("product", a @ b),
            ("softmax", torch.softmax(a, 1)),
            ("tanh", torch.tanh(long)),
            ("convolution", torch.nn.functional.conv2d(image, kernel, padding=1)),
            ("sorted", torch.sort(a, 1)[0]),
            ("sum", long.sum() / long.abs().sum()),
        )

    one = work()
    before = torch.get_num_threads()
    torch.set_num_threads(max(2, granted()))
    try:
        worst.data["threads"] = torch.get_num_threads()
        many = work()
    finally:
        torch.set_num_threads(before)
    for (name, first), (_, second) in zip(one, many):
        # element by element on the CPU, as tensors: there are many numbers
        apart = (first.cpu().double() - second.cpu().double()).abs().max() / max(float(first.cpu().double().abs().max()), 0.1)
        worst.add(float(apart) / kit.eps(torch.float32), 16, "eps", name)


def granted():
    """Threads that the affinity mask grants."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


CHECKS = {
    "matmul.dtypes": matmul_dtypes,
    "matmul.forms": matmul_forms,
    "matmul.big": matmul_big,
    "precision.mode": precision_mode,
    "threads.agree": threads_agree,
}
