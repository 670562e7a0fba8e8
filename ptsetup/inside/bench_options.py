"""Checks of the options of reductions, indexing and arithmetic: what nobody meets on the usual way. References: Python, on fixed numbers."""

import itertools
import math

from ptsetup_bench_main import plain

NAN, INFINITE = float("nan"), float("inf")

TABLE = ((3.0, -1.0, 4.0, 1.5), (-5.0, 9.0, 2.0, 6.0), (0.5, 3.5, -8.0, 7.0))
"""Numbers of fixed size: nothing cancels, so that a small bound does for every seed."""


def _mean(values):
    return math.fsum(values) / len(values)


def _variance(values, less):
    mean = _mean(values)
    return math.fsum((v - mean) ** 2 for v in values) / (len(values) - less)


def _root(values, less):
    return math.sqrt(_variance(values, less))


def tensor_options(kit, worst):
    """Options of reductions: corrections, interpolations, dimensions, weights, ties, powers of norms, dtypes of sums."""
    for dtype in kit.dtypes("float32", "float64"):
        x = kit.of(TABLE, dtype)
        _spreads(kit, worst, x, dtype)
        _quantiles(kit, worst, x, dtype)
        _norms(kit, worst, x, dtype)
        _weighted(kit, worst, x, dtype)
        _differences(kit, worst, dtype)
    _ties(kit, worst)
    _dtypes(kit, worst)
    _counts(kit, worst)


def _spreads(kit, worst, x, dtype):
    torch, short = kit.torch, str(dtype)[6:]
    whole, columns = [v for row in TABLE for v in row], list(zip(*TABLE))
    for less in (0, 1, 2, 3):
        for name, formula in (("var", _variance), ("std", _root)):
            if kit.version >= (2, 0):
                for label, way in (("torch", getattr(torch, name)), ("Tensor", getattr(torch.Tensor, name))):
                    full = "%s.%s, correction %d, %s" % (label, name, less, short)
                    kit.compare(worst, way(x, correction=less), [formula(whole, less)], 32, full, dtype)
                    kit.compare(worst, way(x, 1, correction=less), [formula(row, less) for row in TABLE], 32, full + ", rows", dtype)
                pair = getattr(torch, name + "_mean")(x, 1, correction=less)
                kit.compare(worst, pair[0], [formula(row, less) for row in TABLE], 32, "%s_mean, correction %d, %s" % (name, less, short), dtype)
            if less < 2:
                way = getattr(torch, name)
                kit.compare(worst, way(x, 1, bool(less)), [formula(row, less) for row in TABLE], 32, "%s, unbiased=%s, %s" % (name, bool(less), short), dtype)
    worst.equal(math.isnan(float(x[0, :1].std())) and float(x[0, :1].std(unbiased=False)) == 0, "std of one number, %s" % short)
    cube = torch.stack([x, x * x])
    pair = [row + tuple(v * v for v in row) for row in TABLE]
    for name, formula in (("sum", math.fsum), ("mean", _mean), ("var", lambda v: _variance(v, 1)), ("amax", max), ("amin", min)):
        got = getattr(cube, name)(dim=(0, 2))
        kit.compare(worst, got, [formula(part) for part in pair], 32, "%s over two dimensions, %s" % (name, short), dtype)
        worst.equal(tuple(getattr(cube, name)(dim=(0, 2), keepdim=True).shape) == (1, 3, 1), "%s over two dimensions keeps them" % name)
    kit.compare(worst, torch.logsumexp(x, (0, 1)), [math.log(math.fsum(math.exp(v) for v in whole))], 32, "logsumexp over two dimensions, %s" % short, dtype)
    kit.compare(worst, x.median(0)[0], [sorted(c)[1] for c in columns], 1, "median of columns, %s" % short, dtype)


def _quantile(values, share, how):
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low, high = ordered[int(math.floor(place))], ordered[int(math.ceil(place))]
    part = place - math.floor(place)
    return {
        "linear": low + part * (high - low), "lower": low, "higher": high, "midpoint": (low + high) / 2,
        "nearest": high if part > 0.5 else low,
    }[how]


def _quantiles(kit, worst, x, dtype):
    torch, short = kit.torch, str(dtype)[6:]
    shares = kit.of([0.0, 0.3, 0.6, 1.0], dtype)
    for how in ("linear", "lower", "higher", "midpoint", "nearest"):
        want = [[_quantile(row, share, how) for row in TABLE] for share in (0.0, 0.3, 0.6, 1.0)]
        kit.compare(worst, torch.quantile(x, shares, 1, interpolation=how), want, 32, "quantile, %s, %s" % (how, short), dtype)
        kit.compare(worst, x.quantile(shares, dim=1, interpolation=how), want, 32, "Tensor.quantile, %s, %s" % (how, short), dtype)
        holed = torch.cat([x, kit.of([[NAN]] * 3, dtype)], 1)
        kit.compare(worst, torch.nanquantile(holed, shares, 1, interpolation=how), want, 32, "nanquantile, %s, %s" % (how, short), dtype)
    worst.equal(tuple(torch.quantile(x, 0.5, 0, True).shape) == (1, 4), "quantile keeps its dimension")
    holed = kit.of([[1.0, NAN, 5.0, 2.0, 9.0], [NAN, 4.0, NAN, NAN, 3.0]], dtype)
    worst.same([torch.nanmedian(holed), holed.nanmedian(1)[0]], [3.0, [2.0, 3.0]], "nanmedian, %s" % short)
    worst.same([torch.nansum(holed, 1), torch.nanmean(holed, 1)], [[17.0, 7.0], [4.25, 3.5]], "nansum, nanmean, %s" % short)
    worst.equal(math.isnan(float(holed.median())), "median passes a NaN on")
    worst.same(list(torch.kthvalue(x, 2, 0)), [[0.5, 3.0 + 0.5, 2.0, 6.0], [2, 2, 1, 1]], "kthvalue of columns, %s" % short)
    worst.same(list(x.topk(2, 0, largest=False)), [[[-5.0, -1.0, -8.0, 1.5], [0.5, 3.5, 2.0, 6.0]], [[1, 0, 2, 0], [2, 2, 1, 1]]], "topk of columns, smallest, %s" % short)
    worst.same(sorted(plain(x[1].topk(2, sorted=False)[0])), [6.0, 9.0], "topk, not sorted, %s" % short)


def _norms(kit, worst, x, dtype):
    torch, linalg, short = kit.torch, kit.torch.linalg, str(dtype)[6:]
    formulas = (
        (0, lambda v: float(sum(u != 0 for u in v))), (0.5, lambda v: math.fsum(abs(u) ** 0.5 for u in v) ** 2), (1, lambda v: math.fsum(abs(u) for u in v)),
        (2, lambda v: math.sqrt(math.fsum(u * u for u in v))), (3, lambda v: math.fsum(abs(u) ** 3 for u in v) ** (1 / 3.0)),
        (INFINITE, lambda v: max(abs(u) for u in v)), (-INFINITE, lambda v: min(abs(u) for u in v)),
    )
    for p, formula in formulas:
        want = [formula(row) for row in TABLE]
        for label, got in (
            ("torch.norm", torch.norm(x, p, 1)),
            ("Tensor.norm", x.norm(p, 1)),
            ("vector_norm", linalg.vector_norm(x, p, 1)),
            ("linalg.norm", linalg.norm(x, p, 1)),
        ):
            kit.compare(worst, got, want, 32, "%s, p = %s, %s" % (label, p, short), dtype)
        if p in (1, 2, 3, INFINITE):
            steps = [[u - v for u, v in zip(a, b)] for a, b in itertools.combinations(TABLE, 2)]
            kit.compare(worst, torch.nn.functional.pdist(x, p), [formula(s) for s in steps], 64, "pdist, p = %s, %s" % (p, short), dtype)
            kit.compare(worst, torch.cdist(x, x[1:2], p), [[formula([u - v for u, v in zip(a, TABLE[1])])] for a in TABLE], 64, "cdist, p = %s, %s" % (p, short), dtype)
            kit.compare(worst, torch.dist(x[0], x[1], p), [formula(steps[0])], 64, "dist, p = %s, %s" % (p, short), dtype)
            scaled = [[v / formula(row) for v in row] for row in TABLE]
            kit.compare(worst, torch.nn.functional.normalize(x, p, 1), scaled, 64, "normalize, p = %s, %s" % (p, short), dtype)
    sizes = [math.sqrt(math.fsum(v * v for v in row)) for row in TABLE]
    limit = 0.5 * (sizes[0] + sizes[1])
    want = [[v * min(1.0, limit / (size + 1e-7)) for v in row] for row, size in zip(TABLE, sizes)]
    kit.compare(worst, torch.renorm(x, 2, 0, limit), want, 4e-7 / kit.eps(dtype) if dtype == torch.float64 else 32, "renorm, %s" % short, dtype)


def _weighted(kit, worst, x, dtype):
    torch, short = kit.torch, str(dtype)[6:]
    whole, parts = [2, 1, 1, 3], [0.5, 1.0, 2.0, 0.25]

    def covariance(weights, factor):
        total = math.fsum(weights)
        means = [math.fsum(w * v for w, v in zip(weights, row)) / total for row in TABLE]
        apart = [[v - m for v in row] for row, m in zip(TABLE, means)]
        return [[math.fsum(w * u * v for w, u, v in zip(weights, a, b)) / factor for b in apart] for a in apart]

    both = [w * p for w, p in zip(whole, parts)]
    factor = math.fsum(both) - math.fsum(w * p * p for w, p in zip(whole, parts)) / math.fsum(both)
    for label, got, want in (
        ("cov", torch.cov(x), covariance([1.0] * 4, 3.0)),
        ("cov, correction 0", torch.cov(x, correction=0), covariance([1.0] * 4, 4.0)),
        ("cov, fweights", torch.cov(x, fweights=kit.whole(*whole)), covariance(whole, 6.0)),
        ("cov, both weights", torch.cov(x, fweights=kit.whole(*whole), aweights=kit.of(parts, dtype)), covariance(both, factor)),
    ):
        kit.compare(worst, got, want, 64, "%s, %s" % (label, short), dtype)
    table = covariance([1.0] * 4, 3.0)
    want = [[table[i][j] / math.sqrt(table[i][i] * table[j][j]) for j in range(3)] for i in range(3)]
    kit.compare(worst, torch.corrcoef(x), want, 64, "corrcoef, %s" % short, dtype)


def _differences(kit, worst, dtype):
    torch, short = kit.torch, str(dtype)[6:]
    y, places = kit.of([1.0, 4.0, 9.0, 25.0], dtype), kit.of([1.0, 2.0, 3.0, 5.0], dtype)
    for label, got, want in (
        ("diff, n = 2", torch.diff(y, 2), [2.0, 11.0]),
        ("diff, prepend and append", torch.diff(y, prepend=y[:1] * 0, append=y[:1]), [1.0, 3.0, 5.0, 16.0, -24.0]),
        ("trapezoid, dx", torch.trapezoid(y, dx=2.0), [2 * (2.5 + 6.5 + 17.0)]),
        ("trapezoid, x", torch.trapezoid(y, places), [2.5 + 6.5 + 34.0]),
        ("cumulative_trapezoid", torch.cumulative_trapezoid(y, dx=2.0), [5.0, 18.0, 52.0]),
        ("gradient", torch.gradient(y, spacing=2.0)[0], [1.5, 2.0, 5.25, 8.0]),
        ("logcumsumexp past -inf", torch.logcumsumexp(kit.of([-INFINITE, 0.0, 0.0], dtype), 0), [-INFINITE, 0.0, math.log(2)]),
        ("cumprod past zero", torch.cumprod(kit.of([2.0, 0.0, 3.0], dtype), 0), [2.0, 0.0, 0.0]),
        ("cumsum of columns", torch.cumsum(kit.of(TABLE, dtype), 0)[2], [-1.5, 11.5, -2.0, 14.5]),
        ("logsumexp of nothing but -inf", torch.logsumexp(kit.of([-INFINITE, -INFINITE], dtype), 0), [-INFINITE]),
    ):
        kit.compare(worst, got, want, 8, "%s, %s" % (label, short), dtype)


def _ties(kit, worst):
    torch = kit.torch
    x = kit.of([2.0, 1.0, 2.0, 1.0, 3.0, 3.0])
    # of equal extremes cummax and cummin name the last, on every device
    worst.same(list(torch.cummax(x, 0)), [[2.0, 2.0, 2.0, 2.0, 3.0, 3.0], [0, 0, 2, 2, 4, 5]], "cummax of equals")
    worst.same(list(torch.cummin(x, 0)), [[2.0, 1.0, 1.0, 1.0, 1.0, 1.0], [0, 1, 1, 3, 3, 3]], "cummin of equals")
    for label, got in (("sort", torch.sort(x, stable=True, descending=True)[1]), ("Tensor.sort", x.sort(stable=True, descending=True)[1])):
        worst.same(got, [4, 5, 0, 2, 1, 3], "%s, stable, descending" % label)
    if kit.version >= (2, 0):
        worst.same(torch.argsort(x, stable=True, descending=True), [4, 5, 0, 2, 1, 3], "argsort, stable, descending")
        worst.same(torch.argsort(x, stable=True), [1, 3, 0, 2, 4, 5], "argsort, stable")
    places = x.argsort(descending=True)
    worst.same(x[places], [3.0, 3.0, 2.0, 2.0, 1.0, 1.0], "argsort, descending")
    worst.same([torch.sort(kit.of([1.0, NAN, 0.0]))[0][:2], torch.isnan(torch.sort(kit.of([1.0, NAN, 0.0]))[0])], [[0.0, 1.0], [False, False, True]], "a NaN is sorted to the end")
    worst.same(torch.argmax(kit.of([1.0, NAN, 3.0])), 1, "argmax names a NaN")
    rows = kit.of([[1.0, 5.0], [7.0, 2.0]])
    worst.same(torch.argmax(rows, 1, keepdim=True), [[1], [0]], "argmax keeps its dimension")
    worst.same(list(torch.aminmax(rows, dim=1)), [[1.0, 2.0], [5.0, 7.0]], "aminmax of rows")
    worst.same(list(torch.mode(kit.whole(2, 1, 2, 1, 3)))[0], 1, "mode: the smaller of two")


def _dtypes(kit, worst):
    torch = kit.torch
    for name, size in (("int8", 100), ("uint8", 200), ("int16", 30000), ("int32", 2000000000)):
        x = torch.full((4,), size, dtype=getattr(torch, name), device=kit.device)
        worst.equal(x.sum().dtype == torch.int64 and int(x.sum()) == 4 * size, "a sum of %s is in int64" % name)
        worst.equal(int(torch.sum(x)) == 4 * size and int(torch.sum(x, 0)) == 4 * size, "torch.sum of %s" % name)
        worst.same(torch.cumsum(x, 0), [size, 2 * size, 3 * size, 4 * size], "cumsum of %s" % name)
        worst.equal(int(x[:2].prod()) == size * size, "prod of %s" % name)
        if kit.has_float64:
            worst.same(x.mean(dtype=torch.float64), float(size), "mean of %s" % name)
    truths = kit.of([True, False, True, True], torch.bool)
    worst.same([torch.cumsum(truths, 0), truths.sum(), truths.cumsum(0)[-1], truths.to(torch.float32).mean()], [[1, 1, 2, 3], 3, 3, 0.75], "sums of truths")
    worst.same([torch.cumsum(truths, 0, dtype=torch.float32), torch.cumprod(kit.whole(2, 3, 4), 0), torch.prod(truths)], [[1.0, 1.0, 2.0, 3.0], [2, 6, 24], 0], "running sums in another dtype, products")
    worst.same([kit.whole(3, 9, 4, 9).argmax(), kit.whole(3, 1, 4, 1).argmin(), kit.whole(3, 9, 4).max(), kit.whole(3, 9, 4).median(), kit.whole(5, 3).sort()[1]], [1, 1, 9, 4, [1, 0]], "extremes of whole numbers")
    worst.equal(kit.of([0.5, 0.75]).sum(dtype=torch.int64).item() == 0, "sum, dtype: turned first")
    worst.refuses(lambda: kit.whole(1, 2).mean(), RuntimeError, "a mean of whole numbers without a dtype")
    worst.same([kit.whole(1, 2).float().mean(), kit.whole(3, 4).sum(dtype=torch.float32)], [1.5, 7.0], "sum in another dtype")


def _counts(kit, worst):
    torch = kit.torch
    table = kit.of([[True, False], [True, True]], torch.bool)
    worst.same([torch.all(table), torch.any(table), torch.count_nonzero(table, 0)], [False, True, [2, 1]], "all, any, count_nonzero by columns")
    worst.same(torch.bincount(kit.whole(0, 2), minlength=5), [1, 0, 1, 0, 0], "bincount, minlength")
    values, inverse, counts = torch.unique(kit.of([[1, 2], [0, 9], [1, 2]], torch.int64), dim=0, return_inverse=True, return_counts=True)
    worst.same([values, inverse, counts], [[[0, 9], [1, 2]], [1, 0, 1], [1, 2]], "unique rows")
    found = torch.unique_consecutive(kit.whole(7, 7, 3, 3, 3, 7), return_inverse=True, return_counts=True)
    worst.same(list(found), [[7, 3, 7], [0, 0, 1, 1, 1, 2], [2, 3, 1]], "unique_consecutive, counts")
    x = kit.of([0.0, 1.0, 2.5, 4.0, 9.0])
    worst.same([torch.histc(x, 4, 0, 4), torch.histc(x, 3)], [[1.0, 1.0, 1.0, 1.0], [3.0, 1.0, 1.0]], "histc, limits")
    if kit.device.type == "cpu":
        counted, edges = torch.histogram(x, 2, range=(0.0, 4.0), weight=kit.of([1.0, 2.0, 3.0, 4.0, 5.0]), density=False)
        worst.same([counted, edges], [[3.0, 7.0], [0.0, 2.0, 4.0]], "histogram, weighted")


CHECKS = {
    "tensor.options": tensor_options,
}
