"""Checks of the options of FFT and of sparse matrices: odd lengths, padding, norms, dimensions, windows, frames. References: sums in Python."""

import cmath
import math

from ptsetup_bench_main import plain


def _dft(values, sign, count=None):
    """The sum itself, cut or filled with zeros to ``count``."""
    count = count or len(values)
    values = (list(values) + [0.0] * count)[:count]
    turns = [cmath.exp(sign * 2j * math.pi * n / count) for n in range(count)]
    return [_sum([v * turns[k * n % count] for n, v in enumerate(values)]) for k in range(count)]


def _sum(values):
    """The exact sum of numbers that may be complex."""
    values = [complex(v) for v in values]
    return complex(math.fsum(v.real for v in values), math.fsum(v.imag for v in values))


def _halved(values, count):
    """The whole spectrum of a real signal of ``count`` points from its first half: the first is real, and so is the middle of an even one."""
    half = (list(values) + [0j] * count)[: count // 2 + 1]
    half[0] = complex(half[0].real)
    if count % 2 == 0:
        half[-1] = complex(half[-1].real)
    return half + [half[count - n].conjugate() for n in range(len(half), count)]


def _parts(values):
    return [part for v in values for part in (complex(v).real, complex(v).imag)]


NORMS = ((None, 1.0, -1.0), ("ortho", 0.5, -0.5), ("forward", 0.0, 0.0))
"""(norm, power of 1/n of a way back, of a way forth that is divided)."""


def fft_options(kit, worst):
    """Every transform in one dimension: even and odd lengths, cut and padded, each norm; planes; shifts; windows; frames."""
    for dtype in kit.dtypes("float32", "float64"):
        for size in (7, 8):
            x, y = kit.to(kit.randn(size, salt=421), dtype), kit.to(kit.randn(size, salt=422), dtype)
            _lines(kit, worst, x, y, dtype)
        _planes(kit, worst, dtype)
    _orders(kit, worst)
    _windows(kit, worst)
    _frames(kit, worst)


def _lines(kit, worst, x, y, dtype):
    torch, fft = kit.torch, kit.torch.fft
    z = torch.complex(x, y)
    real = kit.numbers(x)
    values = [complex(u, v) for u, v in zip(real, kit.numbers(y))]
    for count in (None, 6, 7, 9):
        size = count or len(real)
        spectrum, back = _dft(values, -1, size), _dft(values, 1, size)
        forward = _dft(real, -1, size)
        for norm in (None, "ortho", "forward"):
            there = {None: 1.0, "ortho": size**-0.5, "forward": 1.0 / size}[norm]
            here = 1.0 / size / there
            label = "%d of %d points, norm %s, %s" % (size, len(real), norm, str(dtype)[6:])
            for name, got, want in (
                ("fft", fft.fft(z, count, norm=norm), [v * there for v in spectrum]),
                ("ifft", fft.ifft(z, count, norm=norm), [v * here for v in back]),
                ("rfft", fft.rfft(x, count, norm=norm), [v * there for v in forward[: size // 2 + 1]]),
                ("ihfft", fft.ihfft(x, count, norm=norm), [v.conjugate() * here for v in forward[: size // 2 + 1]]),
            ):
                kit.compare(worst, got, _parts(want), 32, "%s, %s" % (name, label), dtype, 1.0)
            if count is None:
                continue
            whole = _halved(values, size)
            kit.compare(worst, fft.irfft(z, count, norm=norm), [v.real * here for v in _dft(whole, 1)], 32, "irfft, " + label, dtype, 1.0)
            kit.compare(worst, fft.hfft(z, count, norm=norm), [v.real * there for v in _dft(whole, -1)], 32, "hfft, " + label, dtype, 1.0)
            half = z[: size // 2 + 1]
            whole = _halved(values[: size // 2 + 1], size)
            kit.compare(worst, fft.irfft(half, size, norm=norm), [v.real * here for v in _dft(whole, 1)], 32, "irfft of half a spectrum, " + label, dtype, 1.0)
            kit.compare(worst, fft.hfft(half, size, norm=norm), [v.real * there for v in _dft(whole, -1)], 32, "hfft of half a signal, " + label, dtype, 1.0)


def _plane(rows, sign, shape):
    """The two-dimensional sum, cut or filled with zeros to ``shape``."""
    lines = [_dft(row, sign, shape[1]) for row in rows]
    return [list(row) for row in zip(*[_dft(column, sign, shape[0]) for column in zip(*lines)])]


def _planes(kit, worst, dtype):
    torch, fft, short = kit.torch, kit.torch.fft, str(dtype)[6:]
    x = kit.to(kit.randn(3, 5, salt=423), dtype)
    rows = plain(x.cpu().double())
    flat = lambda table, factor=1.0: [part for row in table for part in _parts([v * factor for v in row])]
    whole = _plane(rows, -1, (3, 5))
    z = torch.complex(x, x.flip(1))
    mixed = [[complex(u, v) for u, v in zip(row, row[::-1])] for row in rows]
    for label, got, want in (
        ("fft2", fft.fft2(x), flat(whole)),
        ("fft2, ortho", fft.fft2(x, norm="ortho"), flat(whole, 15**-0.5)),
        ("fft2, forward", fft.fft2(x, norm="forward"), flat(whole, 1 / 15.0)),
        ("fft2, cut and padded", fft.fft2(x, (2, 6)), flat(_plane(rows[:2], -1, (2, 6)))),
        ("ifft2", fft.ifft2(z), flat(_plane(mixed, 1, (3, 5)), 1 / 15.0)),
        ("ifft2, ortho", fft.ifft2(z, norm="ortho"), flat(_plane(mixed, 1, (3, 5)), 15**-0.5)),
        ("ifft2, forward", fft.ifft2(z, norm="forward"), flat(_plane(mixed, 1, (3, 5)))),
        ("fftn of one dimension", fft.fftn(x, dim=(0,)), flat(list(zip(*[_dft(c, -1) for c in zip(*rows)])))),
        ("fftn, ortho", fft.fftn(x, norm="ortho"), flat(whole, 15**-0.5)),
        ("ifftn, forward", fft.ifftn(z, norm="forward"), flat(_plane(mixed, 1, (3, 5)))),
        ("rfft2", fft.rfft2(x), flat([row[:3] for row in whole])),
        ("rfft2, ortho", fft.rfft2(x, norm="ortho"), flat([row[:3] for row in whole], 15**-0.5)),
        ("rfftn", fft.rfftn(x), flat([row[:3] for row in whole])),
        ("rfft of columns", fft.rfft(x, dim=0), flat(list(zip(*[_dft(c, -1)[:2] for c in zip(*rows)])))),
        ("irfft2 of rfft2, odd", fft.irfft2(fft.rfft2(x), s=(3, 5)), kit.numbers(x)),
        ("irfftn of rfftn, odd", fft.irfftn(fft.rfftn(x), s=(3, 5)), kit.numbers(x)),
        ("irfft2, forward", fft.irfft2(fft.rfft2(x), s=(3, 5), norm="forward"), [15 * v for v in kit.numbers(x)]),
    ):
        kit.compare(worst, got, want, 32, "%s, %s" % (label, short), dtype, 1.0)


def _orders(kit, worst):
    torch, fft = kit.torch, kit.torch.fft
    for count in (5, 6):
        line = torch.arange(count, device=kit.device)
        order = list(range(count))
        half = (count + 1) // 2
        worst.same(fft.fftshift(line), order[half:] + order[:half], "fftshift of %d" % count)
        worst.same(fft.ifftshift(line), order[count // 2 :] + order[: count // 2], "ifftshift of %d" % count)
        steps = [float(n) for n in range(half)] + [float(n - count) for n in range(half, count)]
        kit.compare(worst, fft.fftfreq(count, 0.25), [s / (0.25 * count) for s in steps], 4, "fftfreq of %d" % count, torch.float32)
        kit.compare(worst, fft.rfftfreq(count, 0.25), [n / (0.25 * count) for n in range(count // 2 + 1)], 4, "rfftfreq of %d" % count, torch.float32)
    plane = torch.arange(6, device=kit.device).reshape(2, 3)
    worst.same(fft.fftshift(plane), [[5, 3, 4], [2, 0, 1]], "fftshift of a plane")
    worst.same(fft.fftshift(plane, 1), [[2, 0, 1], [5, 3, 4]], "fftshift of rows")
    worst.same(fft.ifftshift(plane, dim=(0,)), [[3, 4, 5], [0, 1, 2]], "ifftshift of columns")


def _windows(kit, worst):
    torch = kit.torch
    wave = lambda n, base: [math.cos(2 * math.pi * k / base) for k in range(n)]
    for is_periodic in (True, False):
        base = 8 if is_periodic else 7
        twice = [math.cos(4 * math.pi * k / base) for k in range(8)]
        for name, want in (
            ("hann_window", [0.5 - 0.5 * c for c in wave(8, base)]),
            ("hamming_window", [0.54 - 0.46 * c for c in wave(8, base)]),
            ("blackman_window", [0.42 - 0.5 * c + 0.08 * d for c, d in zip(wave(8, base), twice)]),
            ("bartlett_window", [1 - abs(2.0 * k / base - 1) for k in range(8)]),
        ):
            got = getattr(torch, name)(8, periodic=is_periodic, device=kit.device)
            kit.compare(worst, got, want, 16, "%s, periodic=%s" % (name, is_periodic), None, 1.0)


def _frames(kit, worst):
    """Frames of stft: centred or not, a window that is shorter, both sides, normalised, each kind of filling up."""
    torch = kit.torch
    x = kit.to(kit.randn(40, salt=424))
    numbers = kit.numbers(x)
    window = torch.hann_window(6, device=kit.device) + 0.25
    # a window of 6 lies in the middle of a frame of 8
    taps = [0.0] + kit.numbers(window) + [0.0]
    places = {"reflect": lambda n: abs(n), "constant": lambda n: n, "replicate": lambda n: max(n, 0)}
    for mode in sorted(places):
        padded = [(numbers[places[mode](n)] if n >= 0 or mode != "constant" else 0.0) for n in range(-4, 36)]
        got = torch.stft(x, 8, 3, 6, window, pad_mode=mode, return_complex=True)
        for frame in (0, 1, 4):
            want = _dft([v * w for v, w in zip(padded[3 * frame : 3 * frame + 8], taps)], -1)[:5]
            kit.compare(worst, got[:, frame], _parts(want), 32, "stft, %s, frame %d" % (mode, frame), None, 1.0)
    cut = _dft([v * w for v, w in zip(numbers[6:14], taps)], -1)
    for label, options, want in (
        ("not centred", {}, cut[:5]),
        ("both sides", {"onesided": False}, cut),
        ("normalised", {"normalized": True}, [v / math.sqrt(8) for v in cut[:5]]),
    ):
        got = torch.stft(x, 8, 3, 6, window, center=False, return_complex=True, **options)
        kit.compare(worst, got[:, 2], _parts(want), 32, "stft, %s" % label, None, 1.0)
        kit.compare(worst, x.stft(8, 3, 6, window, center=False, return_complex=True, **options)[:, 2], _parts(want), 32, "Tensor.stft, %s" % label, None, 1.0)
    for options in ({}, {"normalized": True}, {"onesided": False}):
        there = torch.stft(x, 8, 3, 6, window, return_complex=True, **options)
        back = torch.istft(there, 8, 3, 6, window, length=40, **options)
        kit.compare(worst, back, numbers, 64, "istft undoes stft, %s" % sorted(options), None, 1.0)


def sparse_options(kit, worst):
    """Sparse matrices: sums, scaling, masks, transposed and batched forms, softmax, products with factors, every conversion."""
    torch = kit.torch
    rows = [[0.0, 2.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0], [3.0, 0.0, -4.0, 0.0]]
    dense = kit.of(rows)
    matrix = dense.to_sparse()
    worst.same([matrix.indices(), matrix.values()], [[[0, 0, 2, 2], [1, 3, 0, 2]], [2.0, 1.0, 3.0, -4.0]], "to_sparse")
    other = kit.of([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
    product = [[13.0, 16.0], [0.0, 0.0], [-17.0, -18.0]]
    ones = torch.ones(3, 2, device=kit.device)
    for label, call, want in (
        ("sum of columns", lambda: torch.sparse.sum(matrix, 0).to_dense(), [3.0, 2.0, -4.0, 1.0]),
        ("sum of rows", lambda: torch.sparse.sum(matrix, 1).to_dense(), [3.0, 0.0, -1.0]),
        ("twice", lambda: (matrix * 2).to_dense(), [[2 * v for v in row] for row in rows]),
        ("times a dense one", lambda: (matrix * (dense + 1)).to_dense(), [[v * (v + 1) for v in row] for row in rows]),
        ("plus a dense one", lambda: torch.add(ones, torch.sparse_coo_tensor(kit.of([[2], [1]], torch.int64), kit.of([4.0]), (3, 2))), [[1, 1], [1, 1], [1, 5]]),
        ("difference", lambda: (matrix - matrix * 3).to_dense(), [[-2 * v for v in row] for row in rows]),
        ("transposed times dense", lambda: torch.sparse.mm(matrix.t(), other[:3]), [[15.0, 18.0], [2.0, 4.0], [-20.0, -24.0], [1.0, 2.0]]),
        ("addmm", lambda: torch.sparse.addmm(ones, matrix, other, beta=3, alpha=2), [[3 + 2 * v for v in row] for row in product]),
        ("mv", lambda: torch.mv(matrix, other[:, 0]), [13.0, 0.0, -17.0]),
        ("sparse times sparse", lambda: torch.sparse.mm(matrix, matrix.t()).to_dense(), [[5.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 25.0]]),
        ("index_select", lambda: matrix.index_select(0, kit.whole(2, 0)).to_dense(), [rows[2], rows[0]]),
        ("absolute values", lambda: torch.abs(matrix).to_dense(), [[abs(v) for v in row] for row in rows]),
        ("sparse_mask", lambda: (dense * 5).sparse_mask(matrix).to_dense(), [[5 * v for v in row] for row in rows]),
        ("a part that is dense", lambda: torch.sparse_coo_tensor(kit.of([[1, 1]], torch.int64), kit.of([[1.0, 2.0], [10.0, 20.0]]), (2, 2)).to_dense(), [[0, 0], [11, 22]]),
        ("to_sparse of one dimension", lambda: kit.of([[[1.0, 2.0], [0.0, 0.0]]])[0].to_sparse(1).values(), [[1.0, 2.0]]),
    ):
        try:
            got = call()
        except (RuntimeError, NotImplementedError) as reason:
            if kit.device.type == "cpu":
                raise
            worst.data.setdefault("left out", []).append("%s: %s" % (label, str(reason).split("\n")[0][:80]))
            continue
        worst.same(got, want, "sparse, %s" % label)
    shares = torch.sparse.softmax(matrix, 1).to_dense()
    e = math.exp(1)
    kit.compare(worst, shares, [[0, e / (1 + e), 0, 1 / (1 + e)], [0] * 4, [1 / (1 + math.exp(-7)), 0, math.exp(-7) / (1 + math.exp(-7)), 0]], 32, "sparse.softmax")
    twice = torch.sparse_coo_tensor(kit.of([[1, 0, 1]], torch.int64), kit.of([1.0, 2.0, 4.0]), (2,))
    worst.equal(not twice.is_coalesced() and twice.coalesce().is_coalesced() and twice._nnz() == 3, "is_coalesced")
    worst.same(twice.coalesce().values(), [2.0, 5.0], "coalesce orders and adds")
    _compressed(kit, worst, dense, rows)


def _compressed(kit, worst, dense, rows):
    torch = kit.torch
    row_wise = dense.to_sparse_csr()
    worst.same([row_wise.crow_indices(), row_wise.col_indices(), row_wise.values()], [[0, 2, 2, 4], [1, 3, 0, 2], [2.0, 1.0, 3.0, -4.0]], "to_sparse_csr")
    square = kit.of([[0.0, 2.0], [3.0, 4.0]])
    worst.same(square.to_sparse_csr() @ kit.of([[1.0], [10.0]]), [[20.0], [43.0]], "a square CSR matrix times a column")
    worst.same(square.to_sparse() @ kit.of([[1.0], [10.0]]), [[20.0], [43.0]], "a square COO matrix times a column")
    if hasattr(dense, "to_sparse_csc"):
        column_wise = dense.to_sparse_csc()
        worst.same([column_wise.ccol_indices(), column_wise.row_indices()], [[0, 1, 2, 3, 4], [2, 0, 2, 0]], "to_sparse_csc")
        worst.same(column_wise.values(), [3.0, 2.0, -4.0, 1.0], "values of CSC go by columns")
    leaf = kit.leaf(kit.of([2.0, 3.0]))
    right = kit.leaf(kit.of([[1.0, 2.0], [3.0, 5.0]]))
    made = torch.sparse_coo_tensor(kit.of([[0, 1], [1, 0]], torch.int64), leaf, (2, 2))
    (torch.sparse.mm(made, right) * kit.of([[1.0, 10.0], [100.0, 1000.0]])).sum().backward()
    worst.same([leaf.grad, right.grad], [[53.0, 2100.0], [[300.0, 3000.0], [2.0, 20.0]]], "gradients of a weighted sparse product")
    leaf.grad = None
    (torch.sparse_coo_tensor(kit.of([[0, 1], [1, 0]], torch.int64), leaf, (2, 2)).to_dense() * kit.of([[1.0, 2.0], [4.0, 8.0]])).sum().backward()
    worst.same(leaf.grad, [2.0, 4.0], "gradient of to_dense")


CHECKS = {
    "fft.options": fft_options,
    "sparse.options": sparse_options,
}
