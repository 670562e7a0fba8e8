"""Checks of linear algebra, FFT and sparse matrices. References: backward-stable residuals, the DFT sum, dense sums in Python."""

import math

from ptsetup_bench_main import Unsupported, plain


def linalg_residuals(kit, worst):
    """QR, SVD, eigh, eig, Cholesky, LU, solve, inverse, determinant, least squares, pseudo-inverse, exponential by residuals."""
    for dtype in kit.dtypes("float32", "float64"):
        for size in (6, 24):
            a = kit.to(kit.randn(size, size, salt=211), dtype)
            _factors(kit, worst, a, dtype, "%dx%d, %s" % (size, size, str(dtype)[6:]))
        _small(kit, worst, dtype)
        _tall(kit, worst, dtype)
    _batches(kit, worst)


def _away(kit, worst, got, want, scale, dtype, label, bound=64):
    """The largest element of got - want over a norm, in eps; products are taken in float64 on the CPU."""
    apart = max(abs(v) for v in kit.numbers(got - want))
    worst.add(apart / scale / kit.eps(dtype), bound, "eps", label)


def _factors(kit, worst, a, dtype, label):
    torch, linalg = kit.torch, kit.torch.linalg
    wide = lambda t: t.detach().cpu().to(torch.complex128 if t.is_complex() else torch.float64)
    size = a.shape[0]
    unit = torch.eye(size, dtype=torch.float64)
    exact = wide(a)
    spd = (exact @ exact.t() + size * unit).to(dtype).to(kit.device)
    scale, scale_spd = float(exact.abs().max()) * 3, float(wide(spd).abs().max())
    q, r = linalg.qr(a)
    _away(kit, worst, wide(q) @ wide(r), exact, scale, dtype, "QR - A, %s" % label)
    _away(kit, worst, wide(q).t() @ wide(q), unit, 1, dtype, "Q'Q - 1, %s" % label)
    worst.add(float(wide(r).tril(-1).abs().max()), 0, "count", "R is triangular, %s" % label)
    u, s, vh = linalg.svd(a)
    _away(kit, worst, wide(u) @ torch.diag(wide(s)) @ wide(vh), exact, scale, dtype, "U S V - A, %s" % label)
    _away(kit, worst, wide(vh) @ wide(vh).t(), unit, 1, dtype, "V V' - 1, %s" % label)
    values = plain(s)
    worst.equal(values == sorted(values, reverse=True) and values[-1] >= 0, "singular values descend, %s" % label)
    kit.compare(worst, linalg.svdvals(a), s, 64, "svdvals, %s" % label, dtype)
    # the sum of squares of the singular values is that of the elements
    squares = math.fsum(v * v for v in kit.numbers(s))
    worst.add(abs(squares / math.fsum(v * v for v in kit.numbers(a)) - 1) / kit.eps(dtype), 128, "eps", "squares of singular values, %s" % label)
    w, v = linalg.eigh(spd)
    _away(kit, worst, wide(v) @ torch.diag(wide(w)) @ wide(v).t(), wide(spd), scale_spd, dtype, "eigh, %s" % label)
    worst.equal(plain(w) == sorted(plain(w)), "eigenvalues ascend, %s" % label)
    trace = math.fsum(plain(wide(spd).diagonal()))
    worst.add(abs(math.fsum(kit.numbers(linalg.eigvalsh(spd))) / trace - 1) / kit.eps(dtype), 64, "eps", "eigvalsh sum to the trace, %s" % label)
    low = linalg.cholesky(spd)
    _away(kit, worst, wide(low) @ wide(low).t(), wide(spd), scale_spd, dtype, "Cholesky, %s" % label)
    _solves(kit, worst, a, spd, exact, dtype, label, wide)


def _solves(kit, worst, a, spd, exact, dtype, label, wide):
    torch, linalg = kit.torch, kit.torch.linalg
    size = a.shape[0]
    unit = torch.eye(size, dtype=dtype, device=kit.device)
    norm = lambda t: float(t.abs().sum(1).max())
    for name, x, matrix in (
        ("solve", linalg.solve(a, unit), exact),
        ("inv", linalg.inv(a), exact),
        ("torch.inverse", torch.inverse(a), exact),
        ("cholesky_solve", torch.cholesky_solve(unit, linalg.cholesky(spd)), wide(spd)),
        ("solve_triangular", linalg.solve_triangular(a.triu() + 3 * unit, unit, upper=True), wide(a.triu() + 3 * unit)),
    ):
        _away(kit, worst, matrix @ wide(x), torch.eye(size, dtype=torch.float64), norm(matrix) * norm(wide(x)), dtype, "%s, %s" % (name, label))
    if kit.device.type != "mps":
        p, l, u = linalg.lu(a)
        _away(kit, worst, wide(p) @ wide(l) @ wide(u), exact, float(exact.abs().max()) * 3, dtype, "P L U - A, %s" % label)
        w, v = linalg.eig(a)
        left = exact.to(torch.complex128) @ wide(v)
        _away(kit, worst, torch.view_as_real(left), torch.view_as_real(wide(v) * wide(w)[None]), norm(exact), dtype, "A V - V w, %s" % label)
        total = math.fsum(plain(wide(linalg.eigvals(a)).real))
        worst.add(abs(total - math.fsum(plain(exact.diagonal()))) / norm(exact) / kit.eps(dtype), 64, "eps", "eigvals sum to the trace, %s" % label)
    sign, log = linalg.slogdet(a)
    want = linalg.det(a)
    worst.add(abs(float(sign) * math.exp(float(log)) / float(want) - 1) / kit.eps(dtype), 256, "eps", "slogdet and det agree, %s" % label)


def _small(kit, worst, dtype):
    """A matrix whose values are known exactly."""
    torch, linalg = kit.torch, kit.torch.linalg
    a = kit.of([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 4.0]], dtype)
    inverse = [[11 / 18.0, -4 / 18.0, 1 / 18.0], [-4 / 18.0, 8 / 18.0, -2 / 18.0], [1 / 18.0, -2 / 18.0, 5 / 18.0]]
    short = str(dtype)[6:]
    for label, got, want in (
        ("det", linalg.det(a), [18.0]),
        ("torch.det", torch.det(a), [18.0]),
        ("logdet", torch.logdet(a), [math.log(18)]),
        ("inv", linalg.inv(a), inverse),
        ("pinv", linalg.pinv(a), inverse),
        ("solve, one vector", linalg.solve(a, kit.of([3.0, 5.0, 5.0], dtype)), [1.0, 1.0, 1.0]),
        ("eigvalsh", linalg.eigvalsh(kit.of([[2.0, 1.0], [1.0, 2.0]], dtype)), [1.0, 3.0]),
        ("svdvals", linalg.svdvals(kit.of([[3.0, 0.0], [0.0, -4.0]], dtype)), [4.0, 3.0]),
        ("cholesky", linalg.cholesky(kit.of([[4.0, 2.0], [2.0, 5.0]], dtype)), [[2.0, 0.0], [1.0, 2.0]]),
        ("matrix_power", linalg.matrix_power(a, 2), [[5, 5, 1], [5, 11, 7], [1, 7, 17]]),
        ("matrix_power, -1", linalg.matrix_power(a, -1), inverse),
        ("norm", linalg.norm(kit.of([3.0, 4.0], dtype)), [5.0]),
        ("nuclear norm", linalg.matrix_norm(kit.of([[3.0, 0.0], [0.0, -4.0]], dtype), "nuc"), [7.0]),
        ("spectral norm", linalg.matrix_norm(kit.of([[3.0, 0.0], [0.0, -4.0]], dtype), 2), [4.0]),
        ("cond", linalg.cond(kit.of([[3.0, 0.0], [0.0, -4.0]], dtype)), [4 / 3.0]),
        ("trace", torch.trace(a), [9.0]),
        ("vander", torch.linalg.vander(kit.of([2.0, 3.0], dtype), N=3), [[1, 2, 4], [1, 3, 9]]),
    ):
        kit.compare(worst, got, want, 64, "%s, %s" % (label, short), dtype)
    worst.equal(int(linalg.matrix_rank(kit.of([[1.0, 2.0], [2.0, 4.0]], dtype))) == 1, "matrix_rank, %s" % short)
    turn = torch.matrix_exp(kit.of([[0.0, -0.7], [0.7, 0.0]], dtype))
    kit.compare(worst, turn, [[math.cos(0.7), -math.sin(0.7)], [math.sin(0.7), math.cos(0.7)]], 64, "matrix_exp, %s" % short, dtype)
    worst.refuses(lambda: linalg.inv(torch.zeros(2, 2, dtype=dtype)), RuntimeError, "the inverse of zero")
    worst.refuses(lambda: linalg.cholesky(-torch.eye(2, dtype=dtype)), RuntimeError, "Cholesky of a negative matrix")


def _tall(kit, worst, dtype):
    """Least squares: the residual is at right angles to the columns."""
    torch, linalg = kit.torch, kit.torch.linalg
    line = kit.of([[1.0, float(t)] for t in range(5)], dtype)
    fit = linalg.lstsq(line, kit.of([[1.0 + 2 * t] for t in range(5)], dtype))[0]
    kit.compare(worst, fit, [[1.0], [2.0]], 256, "lstsq of a line, %s" % str(dtype)[6:], dtype)
    a, b = kit.to(kit.randn(12, 4, salt=212), dtype), kit.to(kit.randn(12, 1, salt=213), dtype)
    for name, x in (("lstsq", linalg.lstsq(a, b)[0]), ("pinv", linalg.pinv(a) @ b)):
        exact, rest = a.cpu().double(), b.cpu().double() - a.cpu().double() @ x.cpu().double()
        _away(kit, worst, exact.t() @ rest, torch.zeros(4, 1), 12.0, dtype, "residual of %s, %s" % (name, str(dtype)[6:]), 256)
    # with as many directions as columns the random projection loses nothing
    s = torch.pca_lowrank(a, 4, center=False)[1]
    kit.compare(worst, s, linalg.svdvals(a), 256, "pca_lowrank, %s" % str(dtype)[6:], dtype)


def _batches(kit, worst):
    linalg = kit.torch.linalg
    a = kit.to(kit.randn(5, 4, 4, salt=214)) + 4 * kit.torch.eye(4, device=kit.device)
    for name, call in (("inv", linalg.inv), ("det", linalg.det), ("cholesky", lambda t: linalg.cholesky(t @ t.transpose(-1, -2))), ("svdvals", linalg.svdvals)):
        together = call(a)
        kit.compare(worst, together[3], kit.numbers(call(a[3])), 256, "%s of a batch" % name)


def fft_dft(kit, worst):
    """FFT of 60 points against the DFT, all forms and normalisations; long ones there and back, and Parseval; STFT."""
    torch = kit.torch
    for dtype in kit.dtypes("float32", "float64"):
        x, y = kit.to(kit.randn(60, salt=201), dtype), kit.to(kit.randn(60, salt=203), dtype)
        z = torch.complex(x, y)
        values = [complex(u, v) for u, v in zip(kit.numbers(x), kit.numbers(y))]
        real, spectrum = _dft([complex(v) for v in kit.numbers(x)], -1), _dft(values, -1)
        back = [v / 60 for v in _dft(values, 1)]
        short = str(dtype)[6:]
        fft = torch.fft
        for label, got, want in (
            ("fft of real numbers", fft.fft(x), real),
            ("fft", fft.fft(z), spectrum),
            ("ifft", fft.ifft(z), back),
            ("rfft", fft.rfft(x), real[:31]),
            ("irfft of rfft", fft.irfft(fft.rfft(x), 60), kit.numbers(x)),
            ("fft, ortho", fft.fft(z, norm="ortho"), [v / math.sqrt(60) for v in spectrum]),
            ("fft, forward", fft.fft(z, norm="forward"), [v / 60 for v in spectrum]),
            ("ifft, forward", fft.ifft(z, norm="forward"), [60 * v for v in back]),
            ("hfft", fft.hfft(z[:31], 60)[:1], [values[0].real + values[30].real + 2 * math.fsum(v.real for v in values[1:30])]),
            ("fft, padded", fft.fft(z[:10], 60), _dft(values[:10] + [0j] * 50, -1)),
        ):
            want = [part for v in want for part in (v.real, v.imag)] if isinstance(want[0], complex) else want
            # the one value of hfft is a sum that may cancel; seven is the size of a sum of sixty
            kit.compare(worst, got, want, 16, "%s, %s" % (label, short), dtype, 7.0 if label == "hfft" else 0.0)
        _long(kit, worst, dtype, short)
        _plane(kit, worst, dtype, short)
    _short_time(kit, worst)


def _dft(values, sign):
    count = len(values)
    turn = [2 * math.pi * n / count for n in range(count)]
    found = []
    for k in range(count):
        angles = [(v, turn[k * n % count]) for n, v in enumerate(values)]
        real = math.fsum(v.real * math.cos(a) - sign * v.imag * math.sin(a) for v, a in angles)
        imaginary = math.fsum(v.imag * math.cos(a) + sign * v.real * math.sin(a) for v, a in angles)
        found.append(complex(real, imaginary))
    return found


def _long(kit, worst, dtype, short):
    torch = kit.torch
    for count in (1000, 1024, 1009):
        signal = kit.to(kit.randn(count, salt=202), dtype)
        spectrum = torch.fft.fft(signal)
        kit.compare(worst, torch.fft.ifft(spectrum).real, signal, 16, "%d points there and back, %s" % (count, short), dtype)
        energy = math.fsum(v * v for v in kit.numbers(spectrum)) / count
        direct = math.fsum(v * v for v in kit.numbers(signal))
        worst.add(abs(energy / direct - 1) / kit.eps(dtype), 64, "eps", "Parseval, %d points, %s" % (count, short))
        # one frequency, exactly placed: all energy in one bin and its mirror
        wave = kit.of([math.cos(2 * math.pi * 5 * n / count) for n in range(count)], dtype)
        peaks = torch.fft.fft(wave).abs()
        kit.compare(worst, peaks, [count / 2.0 if n in (5, count - 5) else 0.0 for n in range(count)], 64, "one wave, %d points, %s" % (count, short), dtype)


def _plane(kit, worst, dtype, short):
    torch = kit.torch
    x = kit.to(kit.randn(4, 6, salt=204), dtype)
    rows = [_dft([complex(v) for v in row], -1) for row in plain(x.cpu().double())]
    columns = [_dft(list(column), -1) for column in zip(*rows)]
    want = [part for row in zip(*columns) for v in row for part in (v.real, v.imag)]
    kit.compare(worst, torch.fft.fft2(x), want, 16, "fft2, %s" % short, dtype)
    kit.compare(worst, torch.fft.fftn(x), want, 16, "fftn, %s" % short, dtype)
    kit.compare(worst, torch.fft.ifft2(torch.fft.fft2(x)).real, x, 16, "ifft2, %s" % short, dtype)
    kit.compare(worst, torch.fft.irfft2(torch.fft.rfft2(x), s=(4, 6)), x, 16, "rfft2, %s" % short, dtype)
    columns = [part for column in columns for part in column]
    along = torch.fft.fft(x, dim=0)[:, 1]
    want = [part for v in _dft([complex(row[1]) for row in plain(x.cpu().double())], -1) for part in (v.real, v.imag)]
    kit.compare(worst, along, want, 16, "fft along columns, %s" % short, dtype)
    worst.same(torch.fft.fftshift(kit.whole(0, 1, 2, 3, 4)), [3, 4, 0, 1, 2], "fftshift")
    worst.same(torch.fft.ifftshift(kit.whole(3, 4, 0, 1, 2)), [0, 1, 2, 3, 4], "ifftshift")
    kit.compare(worst, torch.fft.fftfreq(5, 0.5), [0.0, 0.4, 0.8, -0.8, -0.4], 4, "fftfreq", torch.float32)


def _short_time(kit, worst):
    torch = kit.torch
    x, window = kit.to(kit.randn(400, salt=205)), torch.hann_window(64, device=kit.device)
    kit.compare(worst, window, [0.5 - 0.5 * math.cos(2 * math.pi * n / 64) for n in range(64)], 16, "hann_window")
    spectrum = torch.stft(x, 64, 16, window=window, return_complex=True)
    # frame 5 is centred on sample 80
    frame = [v * w for v, w in zip(kit.numbers(x)[80 - 32 : 80 + 32], kit.numbers(window))]
    want = [part for v in _dft([complex(v) for v in frame], -1)[:33] for part in (v.real, v.imag)]
    kit.compare(worst, spectrum[:, 5], want, 32, "a frame of stft")
    kit.compare(worst, torch.istft(spectrum, 64, 16, window=window, length=400), x, 64, "istft undoes stft")


def sparse_products(kit, worst):
    """COO, CSR and CSC matrices: products with a dense one, conversions, coalescing, gradients, sums."""
    torch = kit.torch
    dense = kit.to(kit.randn(30, 20, salt=221))
    dense = torch.where(dense.abs() > 1.2, dense, torch.zeros_like(dense))
    other = kit.to(kit.randn(20, 6, salt=222))
    rows, columns = plain(dense.cpu().double()), list(zip(*plain(other.cpu().double())))
    want = [[math.fsum(a * b for a, b in zip(row, column)) for column in columns] for row in rows]
    forms = [("COO", lambda: dense.to_sparse()), ("CSR", lambda: dense.to_sparse_csr())]
    if hasattr(dense, "to_sparse_csc"):
        forms.append(("CSC", lambda: dense.to_sparse_csc()))
    answered = 0
    for name, make in forms:
        try:
            sparse = make()
            products = (("@", sparse @ other), ("torch.sparse.mm", torch.sparse.mm(sparse, other)), ("to_dense", sparse.to_dense() @ other))
        except (RuntimeError, NotImplementedError) as reason:
            if name == "COO" and kit.device.type == "cpu":
                raise
            worst.data.setdefault("left out", []).append("%s: %s" % (name, str(reason)[:80]))
            continue
        answered += 1
        for way, got in products:
            kit.compare(worst, got, want, 16, "%s, %s" % (name, way))
        worst.equal(plain(sparse.to_dense()) == plain(dense), "%s there and back" % name)
        kit.compare(worst, sparse @ other[:, 0], [row[0] for row in want], 16, "%s @ vector" % name)
    if not answered:
        raise Unsupported("no sparse product on this device")
    _coordinates(kit, worst)


def _coordinates(kit, worst):
    torch = kit.torch
    matrix = torch.sparse_coo_tensor(kit.of([[0, 1, 0], [2, 0, 2]], torch.int64), kit.of([1.0, 2.0, 3.0]), (2, 3))
    whole = matrix.coalesce()
    worst.same([whole.indices(), whole.values()], [[[0, 1], [2, 0]], [4.0, 2.0]], "coalesce adds equal places")
    worst.same(matrix.to_dense(), [[0, 0, 4], [2, 0, 0]], "to_dense adds equal places")
    worst.same((matrix + matrix).to_dense(), [[0, 0, 8], [4, 0, 0]], "a sum of sparse matrices")
    worst.same(matrix.t().to_dense(), [[0, 2], [0, 0], [4, 0]], "t()")
    worst.same(torch.sparse.sum(matrix), 6.0, "torch.sparse.sum")
    rows = torch.sparse_csr_tensor(kit.whole(0, 1, 3), kit.whole(2, 0, 1), kit.of([5.0, 6.0, 7.0]), (2, 3))
    worst.same(rows.to_dense(), [[0, 0, 5], [6, 7, 0]], "sparse_csr_tensor")
    values = kit.leaf(kit.of([2.0, 3.0]))
    where = kit.of([[0, 1], [1, 0]], torch.int64)
    right = kit.leaf(kit.of([[1.0, 2.0], [3.0, 4.0]]))
    torch.sparse.mm(torch.sparse_coo_tensor(where, values, (2, 2)), right).sum().backward()
    worst.same([values.grad, right.grad], [[7.0, 3.0], [[3.0, 3.0], [2.0, 2.0]]], "gradients of a sparse product")


CHECKS = {
    "linalg.residuals": linalg_residuals,
    "fft.dft": fft_dft,
    "sparse.products": sparse_products,
}
