"""Checks of reductions and running sums over all and single dimensions. References: math and exact sums."""

import math


def tensor_reduce(kit, worst):
    """Sums, means, variances, products, extremes, norms and running sums over all and single dimensions."""
    for dtype in kit.dtypes("float32", "float64"):
        x = kit.to(kit.randn(7, 37, salt=4), dtype)
        rows = x.cpu().double().tolist()
        columns = [list(column) for column in zip(*rows)]
        for name, function, bound in _reductions():
            _reduce(kit, worst, name, function, bound, x, rows, columns, dtype)
        _special_sums(kit, worst, x, rows, dtype)
        _running(kit, worst, x, rows, dtype)
        _long_sum(kit, worst, dtype)
    _truths(kit, worst)


def _mean(values):
    return math.fsum(values) / len(values)


def _variance(values, less=1):
    mean = _mean(values)
    return math.fsum((v - mean) ** 2 for v in values) / (len(values) - less)


def _prod(values):
    result = 1.0
    for value in values:
        result *= value
    return result


def _reductions():
    return (
        ("sum", math.fsum, 64),
        ("mean", _mean, 64),
        ("prod", _prod, 64),
        ("var", _variance, 64),
        ("std", lambda v: math.sqrt(_variance(v)), 64),
        ("amax", max, 0),
        ("amin", min, 0),
        ("logsumexp", lambda v: max(v) + math.log(math.fsum(math.exp(u - max(v)) for u in v)), 64),
        ("median", lambda v: sorted(v)[(len(v) - 1) // 2], 0),
        ("norm", lambda v: math.sqrt(math.fsum(u * u for u in v)), 64),
        ("nansum", math.fsum, 64),
    )


def _reduce(kit, worst, name, function, bound, x, rows, columns, dtype):
    torch = kit.torch
    whole = [v for row in rows for v in row]
    for label, way in [("torch", getattr(torch, name)), ("Tensor", getattr(torch.Tensor, name))]:
        label = "%s.%s, %s" % (label, name, str(dtype)[6:])
        if name not in ("logsumexp", "amax", "amin"):
            if name == "prod":  # of all 259 it would leave the range of float32
                _close(kit, worst, way(x[:2, :9]), [_prod(rows[0][:9] + rows[1][:9])], bound, label, dtype)
            else:
                _close(kit, worst, way(x), [function(whole)], bound, label, dtype, _size(name, whole))
        for dim, parts in ((1, rows), (0, columns), (-1, rows)):
            got = way(x, dim=dim)
            got = got[0] if isinstance(got, tuple) else got
            _close(kit, worst, got, [function(part) for part in parts], bound, "%s, dim %d" % (label, dim), dtype)
        kept = way(x, dim=1, keepdim=True)
        kept = kept[0] if isinstance(kept, tuple) else kept
        worst.equal(tuple(kept.shape) == (7, 1), "%s keeps the dimension" % label)


def _size(name, values):
    """Sums of numbers of both signs may cancel, and then any order of adding looks wrong: their error is one of the sizes."""
    total = math.fsum(abs(v) for v in values)
    return {"sum": total, "nansum": total, "mean": total / len(values)}.get(name, 0.0)


def _close(kit, worst, got, want, bound, label, dtype, least=0.0):
    error = kit.distance(got, want, least)
    worst.add(error / kit.eps(dtype) if bound else error, bound, "eps" if bound else "count", label)


def _special_sums(kit, worst, x, rows, dtype):
    torch, linalg = kit.torch, kit.torch.linalg
    whole = [v for row in rows for v in row]
    label = str(dtype)[6:]
    numbers = (
        ("var, unbiased=False", x.var(unbiased=False), [_variance(whole, 0)]),
        ("std, unbiased=False", x.std(unbiased=False), [math.sqrt(_variance(whole, 0))]),
        ("var, dim, unbiased=False", torch.var(x, 1, unbiased=False), [_variance(row, 0) for row in rows]),
        ("var_mean", torch.var_mean(x, 1)[1], [_mean(row) for row in rows]),
        ("std_mean", torch.std_mean(x, 1)[0], [math.sqrt(_variance(row)) for row in rows]),
        ("sum over both", x.sum((0, 1)), [math.fsum(whole)]),
        ("mean over both", x.mean((0, 1)), [_mean(whole)]),
        ("norm, p=1", x.norm(p=1, dim=1), [math.fsum(abs(v) for v in row) for row in rows]),
        ("norm, p=inf", x.norm(p=float("inf"), dim=1), [max(abs(v) for v in row) for row in rows]),
        ("norm, p=3", torch.norm(x, 3), [math.fsum(abs(v) ** 3 for v in whole) ** (1 / 3.0)]),
        ("vector_norm", linalg.vector_norm(x, dim=1), [math.sqrt(math.fsum(v * v for v in row)) for row in rows]),
        ("matrix_norm", linalg.matrix_norm(x), [math.sqrt(math.fsum(v * v for v in whole))]),
        ("dist", torch.dist(x[0], x[1]), [math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(rows[0], rows[1])))]),
        ("quantile", torch.quantile(x[0], 0.25), [_quantile(rows[0], 0.25)]),
        ("trapezoid", torch.trapezoid(x[0]), [math.fsum((a + b) / 2 for a, b in zip(rows[0], rows[0][1:]))]),
        ("diff", torch.diff(x[0]), [b - a for a, b in zip(rows[0], rows[0][1:])]),
    )
    sizes = {"sum over both": _size("sum", whole), "mean over both": _size("mean", whole), "trapezoid": _size("sum", rows[0])}
    for name, got, want in numbers:
        kit.compare(worst, got, want, 64, "%s, %s" % (name, label), dtype, sizes.get(name, 0.1 if name == "quantile" else 0.0))
    worst.same(torch.max(x, 1)[1], [row.index(max(row)) for row in rows], "indices of max, %s" % label)
    worst.same(torch.min(x, 0)[1], [c.index(min(c)) for c in map(list, zip(*rows))], "indices of min, %s" % label)
    worst.same(x.argmax(), whole.index(max(whole)), "argmax of all, %s" % label)
    worst.same(x.argmin(1), [row.index(min(row)) for row in rows], "argmin, %s" % label)
    worst.same(torch.argmax(x, 1), [row.index(max(row)) for row in rows], "argmax, %s" % label)
    worst.same(torch.aminmax(x)[1].double(), max(whole), "aminmax, %s" % label) if kit.has_float64 else None


def _quantile(values, share):
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    return ordered[low] + (place - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


def _running(kit, worst, x, rows, dtype):
    torch = kit.torch
    label = str(dtype)[6:]
    sums = [[math.fsum(row[: n + 1]) for n in range(len(row))] for row in rows]
    logs = [[math.log(math.fsum(math.exp(v) for v in row[: n + 1])) for n in range(len(row))] for row in rows]
    for name, way in (("torch.cumsum", torch.cumsum), ("Tensor.cumsum", torch.Tensor.cumsum)):
        kit.compare(worst, way(x, 1), sums, 64, "%s, %s" % (name, label), dtype)
    products = [[_prod(row[: n + 1]) for n in range(9)] for row in rows]
    kit.compare(worst, torch.cumprod(x[:, :9], 1), products, 64, "cumprod, %s" % label, dtype)
    kit.compare(worst, torch.logcumsumexp(x, 1), logs, 64, "logcumsumexp, %s" % label, dtype)
    tops = [[max(row[: n + 1]) for n in range(len(row))] for row in rows]
    worst.add(kit.distance(torch.cummax(x, 1)[0], tops), 0, "count", "cummax, %s" % label)
    lows = [[min(row[: n + 1]) for n in range(len(row))] for row in rows]
    worst.add(kit.distance(torch.cummin(x, 1)[0], lows), 0, "count", "cummin, %s" % label)


def _long_sum(kit, worst, dtype):
    """A sum of many numbers, against the sum of their magnitudes: what loses carries or lanes shows here."""
    x = kit.to(kit.randn(50021, salt=5), dtype)
    values = kit.numbers(x)
    weight = math.fsum(abs(v) for v in values)
    worst.add(abs(float(x.sum()) - math.fsum(values)) / weight / kit.eps(dtype), 16, "eps", "sum of 50021, %s" % str(dtype)[6:])
    ones = kit.torch.ones(1 << 20, dtype=dtype, device=kit.device)
    worst.same(float(ones.sum()), float(1 << 20), "sum of 2^20 ones, %s" % str(dtype)[6:])
    worst.same(float(ones.mean()), 1.0, "mean of 2^20 ones, %s" % str(dtype)[6:])


def _truths(kit, worst):
    torch = kit.torch
    for size in (1000.0, -1000.0):
        # exp(1000) is infinite and exp(-1000) is nothing: the largest has to be taken off first
        huge = kit.of([[size, size], [size, size - 1]])
        want = [size + math.log(2), size + math.log1p(math.exp(-1))]
        for label, way in (("torch", torch.logsumexp), ("Tensor", torch.Tensor.logsumexp)):
            kit.compare(worst, way(huge, 1), want, 4, "%s.logsumexp of numbers about %g" % (label, size))
    table = kit.of([[True, False], [True, True], [False, False]], torch.bool)
    worst.same(table.all(1), [False, True, False], "all")
    worst.same(table.any(1), [True, True, False], "any")
    worst.same(torch.count_nonzero(table), 3, "count_nonzero")
    worst.same(kit.whole(*range(1, 101)).sum(), 5050, "sum of whole numbers")
    worst.same(torch.cumsum(kit.whole(*range(1, 6)), 0), [1, 3, 6, 10, 15], "cumsum of whole numbers")
    worst.same(kit.whole(*range(1, 21)).prod(), math.factorial(20), "prod of whole numbers")
    histogram = torch.histc(kit.of([0.1, 0.2, 0.6, 0.9, 0.95]).cpu(), bins=2, min=0, max=1)
    worst.same(histogram, [2.0, 3.0], "histc")
    even = kit.of([[4.0, 1.0, 3.0, 2.0]])
    worst.same([even.median(), torch.median(even), torch.median(even, 1)[0][0]], [2.0] * 3, "median of an even count: the lower one")
    worst.same(torch.mode(kit.whole(1, 3, 3, 2))[0], 3, "mode")


CHECKS = {
    "tensor.reduce": tensor_reduce,
}
