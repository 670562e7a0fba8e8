"""Checks of element functions, arithmetic, reductions, shapes, creation and dtypes. References: math and exact integers."""

import math
import operator

from ptsetup_bench_main import flat, plain


def _sigmoid(v):
    return 1.0 / (1.0 + math.exp(-v)) if v >= 0 else math.exp(v) / (1.0 + math.exp(v))


ANYWHERE = (
    ("exp", math.exp),
    ("exp2", lambda v: 2.0**v),
    ("expm1", math.expm1),
    ("tanh", math.tanh),
    ("sinh", math.sinh),
    ("cosh", math.cosh),
    ("erf", math.erf),
    ("erfc", math.erfc),
    ("sin", math.sin),
    ("cos", math.cos),
    ("tan", lambda v: math.tan(v)),
    ("atan", math.atan),
    ("asinh", math.asinh),
    ("sigmoid", _sigmoid),
    ("sinc", lambda v: math.sin(math.pi * v) / (math.pi * v)),
    ("deg2rad", math.radians),
    ("rad2deg", math.degrees),
    ("square", lambda v: v * v),
)
POSITIVE = (
    ("log", math.log),
    ("log2", math.log2),
    ("log10", math.log10),
    ("log1p", math.log1p),
    ("sqrt", math.sqrt),
    ("rsqrt", lambda v: 1.0 / math.sqrt(v)),
    ("reciprocal", lambda v: 1.0 / v),
    ("lgamma", math.lgamma),
    ("digamma", lambda v: _digamma(v)),
)
WITHIN_ONE = (
    ("asin", math.asin),
    ("acos", math.acos),
    ("atanh", math.atanh),
    ("logit", lambda v: math.log(abs(v) / (1 - abs(v)))),
    ("erfinv", None),
)
EXACT = (
    ("abs", abs),
    ("neg", lambda v: -v),
    ("sign", lambda v: float((v > 0) - (v < 0))),
    ("floor", math.floor),
    ("ceil", math.ceil),
    ("trunc", math.trunc),
    ("round", round),
    ("frac", lambda v: math.fmod(v, 1.0)),
)


def _digamma(v):
    """By its recurrence up to 24 and the asymptotic series there."""
    total = 0.0
    while v < 24:
        total -= 1.0 / v
        v += 1.0
    square = 1.0 / (v * v)
    series = square * (1 / 12.0 - square * (1 / 120.0 - square * (1 / 252.0 - square * (1 / 240.0 - square / 132.0))))
    return total + math.log(v) - 0.5 / v - series


def tensor_exact(kit, worst):
    """Element functions against math, in every spelling (torch.x, Tensor.x, in place), on sizes that vector loops do not divide."""
    torch = kit.torch
    normal = kit.randn(257, salt=1)
    for dtype in kit.dtypes("float32", "float64"):
        anywhere = kit.to(normal, dtype)
        positive = kit.to(normal.abs() + 0.25, dtype)
        within = kit.to(torch.tanh(normal) * 0.99, dtype)
        for given, table in ((anywhere, ANYWHERE), (positive, POSITIVE), (within, WITHIN_ONE)):
            values = kit.numbers(given)
            for name, function in table:
                _one(kit, worst, name, given, values, function, dtype)
        halves = kit.to(torch.round(normal * 8) / 4, dtype)
        values = kit.numbers(halves)
        for name, function in EXACT:
            for label, way in kit.ways(name):
                worst.add(kit.distance(way(halves), [function(v) for v in values]), 0, "count", "%s, %s" % (label, dtype))


def _one(kit, worst, name, given, values, function, dtype):
    if name == "logit":
        given, values = given.abs(), [abs(v) for v in values]
    for label, way in kit.ways(name):
        got = way(given)
        label = "%s, %s" % (label, str(dtype)[6:])
        if name == "erfinv":
            back = [math.erf(v) for v in kit.numbers(got)]
            kit.compare(worst, back, values, 32, label, dtype)
            continue
        kit.compare(worst, got, [function(v) for v in values], 32, label, dtype)


def _pairs(kit, worst, name, a, b, function, bound, symbol=None, dtype=None):
    """A function of two tensors in every spelling, with a number on the right, and broadcast."""
    want = [function(x, y) for x, y in zip(kit.numbers(a), kit.numbers(b))]
    label = str(dtype or a.dtype)[6:]
    ways = kit.ways(name, only=("torch", "Tensor")) + ([("operator " + symbol[0], symbol[1])] if symbol else [])
    for way, call in ways:
        error = kit.distance(call(a, b), want)
        worst.add(error / (kit.eps(a.dtype) if bound else 1), bound, "eps" if bound else "count", "%s, %s" % (way, label))


def tensor_arith(kit, worst):
    """Arithmetic with operators, functions and in place: rounding modes, signs of remainders, powers, clamping, mixed dtypes."""
    torch = kit.torch
    for dtype in kit.dtypes("float32", "float64"):
        a, b = kit.to(kit.randn(101, salt=2), dtype), kit.to(kit.randn(101, salt=3), dtype)
        b = torch.where(b.abs() < 0.1, torch.ones_like(b), b)
        _pairs(kit, worst, "add", a, b, operator.add, 2, ("+", operator.add))
        _pairs(kit, worst, "sub", a, b, operator.sub, 2, ("-", operator.sub))
        _pairs(kit, worst, "mul", a, b, operator.mul, 2, ("*", operator.mul))
        _pairs(kit, worst, "div", a, b, operator.truediv, 4, ("/", operator.truediv))
        _pairs(kit, worst, "true_divide", a, b, operator.truediv, 4)
        _pairs(kit, worst, "atan2", a, b, math.atan2, 16)
        _pairs(kit, worst, "hypot", a, b, math.hypot, 16)
        _pairs(kit, worst, "pow", a.abs() + 0.1, b, math.pow, 32, ("**", operator.pow))
        _pairs(kit, worst, "maximum", a, b, max, 0)
        _pairs(kit, worst, "minimum", a, b, min, 0)
        _pairs(kit, worst, "fmax", a, b, max, 0)
        _pairs(kit, worst, "fmin", a, b, min, 0)
        _pairs(kit, worst, "copysign", a, b, math.copysign, 0)
        _pairs(kit, worst, "fmod", a * 8, b, math.fmod, 16)
        _pairs(kit, worst, "logaddexp", a, b, lambda x, y: max(x, y) + math.log1p(math.exp(-abs(x - y))), 16)
        _pairs(kit, worst, "xlogy", a, b.abs(), lambda x, y: x * math.log(y), 32)
        _fused(kit, worst, a, b, dtype)
    _whole_numbers(kit, worst)
    _clamps(kit, worst)
    _compares(kit, worst)
    _promotes(kit, worst)
    _not_numbers(kit, worst)


def _fused(kit, worst, a, b, dtype):
    torch = kit.torch
    x, y = kit.numbers(a), kit.numbers(b)
    triples = (
        ("add, alpha", torch.add(a, b, alpha=3), [u + 3 * v for u, v in zip(x, y)]),
        ("sub, alpha", a.sub(b, alpha=3), [u - 3 * v for u, v in zip(x, y)]),
        ("rsub", 2 - a, [2 - u for u in x]),
        ("number / tensor", 1 / b, [1 / v for v in y]),
        ("lerp", torch.lerp(a, b, 0.25), [u + 0.25 * (v - u) for u, v in zip(x, y)]),
        ("addcmul", torch.addcmul(a, a, b, value=0.5), [u + 0.5 * u * v for u, v in zip(x, y)]),
        ("addcdiv", torch.addcdiv(a, a, b, value=0.5), [u + 0.5 * u / v for u, v in zip(x, y)]),
        ("+=", operator.iadd(a.clone(), b), [u + v for u, v in zip(x, y)]),
        ("-=", operator.isub(a.clone(), b), [u - v for u, v in zip(x, y)]),
        ("*=", operator.imul(a.clone(), b), [u * v for u, v in zip(x, y)]),
        ("/=", operator.itruediv(a.clone(), b), [u / v for u, v in zip(x, y)]),
        ("out=", torch.mul(a, b, out=torch.empty_like(a)), [u * v for u, v in zip(x, y)]),
        ("addcmul_", a.clone().addcmul_(a, b, value=0.5), [u + 0.5 * u * v for u, v in zip(x, y)]),
        ("addcdiv_", a.clone().addcdiv_(a, b, value=0.5), [u + 0.5 * u / v for u, v in zip(x, y)]),
        ("lerp_", a.clone().lerp_(b, 0.25), [u + 0.25 * (v - u) for u, v in zip(x, y)]),
        ("square by **", a**2, [u * u for u in x]),
        ("cube by **", a**3, [u**3 for u in x]),
        ("root by **", a.abs() ** 0.5, [math.sqrt(abs(u)) for u in x]),
        ("number ** tensor", 2**b, [2.0**v for v in y]),
        ("float_power", torch.float_power(a, 2).to(dtype), [u * u for u in x]) if kit.has_float64 else None,
        ("ldexp", torch.ldexp(a, kit.whole(3).to(torch.int32)), [8 * u for u in x]),
        ("outer", torch.outer(a[:5], b[:4]), [[u * v for v in y[:4]] for u in x[:5]]),
        ("broadcast", a[:5, None] + b[None, :4], [[u + v for v in y[:4]] for u in x[:5]]),
    )
    for label, got, want in [triple for triple in triples if triple]:
        kit.compare(worst, got, want, 32, "%s, %s" % (label, str(dtype)[6:]), dtype)


def _whole_numbers(kit, worst):
    torch = kit.torch
    a, b = kit.whole(7, -7, 7, -7, 6, 0), kit.whole(2, 2, -2, -2, 3, 5)
    worst.same(torch.div(a, b, rounding_mode="floor"), [3, -4, -4, 3, 2, 0], "div, floor")
    worst.same(torch.div(a, b, rounding_mode="trunc"), [3, -3, -3, 3, 2, 0], "div, trunc")
    worst.same(a // b, [3, -4, -4, 3, 2, 0], "operator //")
    worst.same(torch.floor_divide(a, b), [3, -4, -4, 3, 2, 0], "floor_divide")
    worst.same(a % b, [1, 1, -1, -1, 0, 0], "operator %")
    worst.same(torch.remainder(a, b), [1, 1, -1, -1, 0, 0], "remainder has the divisor's sign")
    worst.same(torch.fmod(a, b), [1, -1, 1, -1, 0, 0], "fmod has the dividend's sign")
    worst.same(a / b, [3.5, -3.5, -3.5, 3.5, 2.0, 0.0], "operator / of whole numbers")
    worst.same(torch.bitwise_and(a, b), [v & w for v, w in zip(plain(a), plain(b))], "bitwise_and")
    worst.same(a & b, [v & w for v, w in zip(plain(a), plain(b))], "operator &")
    worst.same(a | b, [v | w for v, w in zip(plain(a), plain(b))], "operator |")
    worst.same(a ^ b, [v ^ w for v, w in zip(plain(a), plain(b))], "operator ^")
    worst.same(~a, [~v for v in plain(a)], "operator ~")
    shifted = kit.whole(1, 5, 1 << 40)
    worst.same(shifted << 3, [8, 40, 1 << 43], "operator <<")
    worst.same(shifted >> 1, [0, 2, 1 << 39], "operator >>")
    worst.same(kit.whole(3, 4) * kit.whole(1 << 40, -5), [3 << 40, -20], "products of 64 bits")
    worst.same(torch.gcd(kit.whole(12, 18), kit.whole(8, 27)), [4, 9], "gcd")
    worst.same(torch.lcm(kit.whole(4, 6), kit.whole(6, 8)), [12, 24], "lcm")
    small = torch.tensor([250, 5], dtype=torch.uint8, device=kit.device)
    worst.same(small + 10, [4, 15], "uint8 wraps around")


def _clamps(kit, worst):
    torch = kit.torch
    x = kit.of([-2.0, -0.5, 0.5, 2.0])
    worst.same(torch.clamp(x, -1, 1), [-1.0, -0.5, 0.5, 1.0], "clamp")
    worst.same(x.clamp(min=0), [0.0, 0.0, 0.5, 2.0], "clamp, min")
    worst.same(x.clamp(max=0), [-2.0, -0.5, 0.0, 0.0], "clamp, max")
    worst.same(torch.clip(x, -1, 1), [-1.0, -0.5, 0.5, 1.0], "clip")
    worst.same(torch.clamp_min(x, 0), [0.0, 0.0, 0.5, 2.0], "clamp_min")
    worst.same(torch.clamp_max(x, 0), [-2.0, -0.5, 0.0, 0.0], "clamp_max")
    worst.same(x.clone().clamp_(-1, 1), [-1.0, -0.5, 0.5, 1.0], "clamp_")
    worst.same(torch.clamp(x, kit.of([-1.0, 0, 1, 0]), kit.of([0.0, 1, 2, 1])), [-1.0, 0.0, 1.0, 1.0], "clamp, tensors")
    worst.same(torch.heaviside(x, kit.of([0.5])), [0.0, 0.0, 1.0, 1.0], "heaviside")
    worst.same(torch.round(kit.of([0.5, 1.5, 2.5, -0.5, -1.5])), [0.0, 2.0, 2.0, 0.0, -2.0], "round, halves to even")
    worst.same(torch.nan_to_num(kit.of([float("nan"), float("inf"), 1.0]), nan=7.0, posinf=9.0), [7.0, 9.0, 1.0], "nan_to_num")


def _compares(kit, worst):
    torch = kit.torch
    a, b = kit.of([1.0, 2.0, 3.0, float("nan")]), kit.of([2.0, 2.0, 2.0, float("nan")])
    table = (
        ("lt", operator.lt, [True, False, False, False]),
        ("le", operator.le, [True, True, False, False]),
        ("gt", operator.gt, [False, False, True, False]),
        ("ge", operator.ge, [False, True, True, False]),
        ("eq", operator.eq, [False, True, False, False]),
        ("ne", operator.ne, [True, False, True, True]),
    )
    for name, symbol, want in table:
        for label, way in [("operator", symbol), ("torch", getattr(torch, name)), ("Tensor", getattr(torch.Tensor, name))]:
            worst.same(way(a, b), want, "%s %s" % (label, name))
    worst.equal(torch.equal(a[:3], a[:3].clone()) and not torch.equal(a[:3], b[:3]), "torch.equal")
    worst.equal(torch.allclose(b[:3], b[:3] + 1e-9) and not torch.allclose(a[:3], b[:3]), "torch.allclose")
    worst.same(torch.isclose(a[:3], kit.of([1.0, 2.1, 3.0])), [True, False, True], "isclose")
    yes, no = a > 1.5, a > 2.5
    worst.same(torch.logical_and(yes, no), [False, False, True, False], "logical_and")
    worst.same(torch.logical_or(yes, no), [False, True, True, False], "logical_or")
    worst.same(torch.logical_not(yes), [True, False, False, True], "logical_not")
    worst.same(torch.logical_xor(yes, no), [False, True, False, False], "logical_xor")
    worst.same(yes & no, [False, False, True, False], "& of truths")
    worst.same(torch.where(yes, a, -a)[:3], [-1.0, 2.0, 3.0], "where")
    worst.same(torch.where(yes, 1, 0), [0, 1, 1, 0], "where, of numbers")
    worst.same(torch.maximum(a, b)[:3], [2.0, 2.0, 3.0], "maximum")


def _promotes(kit, worst):
    torch = kit.torch
    whole, single, truth = kit.whole(1, 2), kit.of([1.0, 2.0]), kit.of([True, False], torch.bool)
    worst.equal((whole + single).dtype == torch.float32, "int64 + float32 is float32")
    worst.equal((whole / 2).dtype == torch.float32, "a quotient of whole numbers is a float")
    worst.equal((truth + 1).dtype == torch.int64, "bool + int is int64")
    worst.equal((single.to(torch.float16) + single).dtype == torch.float32, "float16 + float32 is float32")
    worst.equal((single.to(torch.bfloat16) + 1.5).dtype == torch.bfloat16, "a number does not widen bfloat16")
    worst.equal(torch.result_type(whole, 1.5) == torch.float32, "result_type")
    worst.equal(truth.sum().dtype == torch.int64, "a sum of truths is int64")
    worst.same(kit.of([1.9, -1.9]).to(torch.int64), [1, -1], "a float loses its fraction towards zero")
    worst.same(kit.of([1.9, -1.9]).long(), [1, -1], "long()")
    worst.same(kit.of([0.0, 2.0, -1.0]).bool(), [False, True, True], "bool()")
    worst.same(kit.whole(1, 0).float(), [1.0, 0.0], "float()")
    worst.same(kit.of([1.0 + 2.0**-9]).half(), [1.001953125], "half()")
    worst.same(kit.of([1.0 + 2.0**-8 + 2.0**-9]).bfloat16().float(), [1.0078125], "bfloat16() rounds to nearest")


def _not_numbers(kit, worst):
    torch = kit.torch
    nan, infinite = float("nan"), float("inf")
    x = kit.of([1.0, nan, infinite, -infinite])
    worst.same(torch.isnan(x), [False, True, False, False], "isnan")
    worst.same(torch.isinf(x), [False, False, True, True], "isinf")
    worst.same(torch.isfinite(x), [True, False, False, False], "isfinite")
    worst.equal(bool(torch.isnan(torch.maximum(x, kit.of([0.0]))[1])), "maximum passes a NaN on")
    worst.same(torch.fmax(x, kit.of([0.0])), [1.0, 0.0, infinite, 0.0], "fmax does not")
    worst.equal(bool(torch.isnan(x[:2].max())), "max passes a NaN on")
    worst.equal(bool(torch.isnan(x[:2].sum())), "sum passes a NaN on")
    worst.same(torch.nansum(x[:2]), 1.0, "nansum")
    worst.same(torch.exp(kit.of([-infinite, 1000.0])), [0.0, infinite], "exp at the ends")
    worst.same(1 / kit.of([0.0, -0.0]), [infinite, -infinite], "1/0 with its sign")
    worst.equal(bool(torch.isnan(torch.sqrt(kit.of([-1.0])))[0]), "the root of -1")


def tensor_reduce(kit, worst):
    """Sums, means, variances, products, extremes, norms and running sums over all and single dimensions."""
    torch = kit.torch
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
    table = kit.of([[True, False], [True, True], [False, False]], torch.bool)
    worst.same(table.all(1), [False, True, False], "all")
    worst.same(table.any(1), [True, True, False], "any")
    worst.same(torch.count_nonzero(table), 3, "count_nonzero")
    worst.same(kit.whole(*range(1, 101)).sum(), 5050, "sum of whole numbers")
    worst.same(torch.cumsum(kit.whole(*range(1, 6)), 0), [1, 3, 6, 10, 15], "cumsum of whole numbers")
    worst.same(kit.whole(*range(1, 21)).prod(), math.factorial(20), "prod of whole numbers")
    histogram = torch.histc(kit.of([0.1, 0.2, 0.6, 0.9, 0.95]).cpu(), bins=2, min=0, max=1)
    worst.same(histogram, [2.0, 3.0], "histc")
    worst.same(torch.mode(kit.whole(1, 3, 3, 2))[0], 3, "mode")


def tensor_shape(kit, worst):
    """Views, strides, broadcasting, joining and splitting against index arithmetic."""
    torch = kit.torch
    x = torch.arange(24, device=kit.device).reshape(2, 3, 4)
    at = lambda a, b, c: 12 * a + 4 * b + c
    want = [[[at(a, b, c) for a in range(2)] for b in range(3)] for c in range(4)]
    for name, got in (("transpose", x.transpose(0, 2)), ("swapaxes", x.swapaxes(0, 2)), ("permute", x.permute(2, 1, 0))):
        worst.same(got, want, name)
    worst.same(x.mT, [[[at(a, b, c) for b in range(3)] for c in range(4)] for a in range(2)], "mT")
    worst.same(torch.movedim(x, 0, 2), [[[at(a, b, c) for a in range(2)] for c in range(4)] for b in range(3)], "movedim")
    worst.same(x.permute(1, 2, 0).contiguous().view(-1), [at(a, b, c) for b in range(3) for c in range(4) for a in range(2)], "contiguous")
    worst.same(x[0].t(), [[at(0, b, c) for b in range(3)] for c in range(4)], "t()")
    worst.same(x.flatten(1), [[at(a, 0, k) for k in range(12)] for a in range(2)], "flatten")
    worst.same(x.reshape(6, 4)[5], [20, 21, 22, 23], "reshape")
    worst.same(x.unflatten(2, (2, 2))[1, 2], [[20, 21], [22, 23]], "unflatten")
    worst.same(list(x.unsqueeze(1).shape) + list(x[:1].squeeze(0).shape), [2, 1, 3, 4, 3, 4], "unsqueeze, squeeze")
    worst.same(torch.cat([x, x + 100], 1)[1], [[at(1, b % 3, c) + 100 * (b > 2) for c in range(4)] for b in range(6)], "cat")
    worst.same(torch.stack([x, x + 1], 1)[1, 1], [[at(1, b, c) + 1 for c in range(4)] for b in range(3)], "stack")
    worst.same(torch.hstack([x[0, 0], x[1, 0]]), [0, 1, 2, 3, 12, 13, 14, 15], "hstack")
    worst.same(torch.vstack([x[0, 0], x[1, 0]]), [[0, 1, 2, 3], [12, 13, 14, 15]], "vstack")
    worst.same([list(p.shape) for p in x.split(3, 2)], [[2, 3, 3], [2, 3, 1]], "split")
    worst.same([plain(p) for p in torch.chunk(x[0, 0], 2)], [[0, 1], [2, 3]], "chunk")
    worst.same([plain(p) for p in torch.tensor_split(x[0, 0], 3)], [[0, 1], [2], [3]], "tensor_split")
    worst.same([plain(p) for p in x[0].unbind(0)], [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]], "unbind")
    worst.same((x[:, :1] + x[:, :, :1])[1, 2], [at(1, 0, c) + at(1, 2, 0) for c in range(4)], "broadcast")
    worst.same(x[0, 0].expand(3, 4), [[0, 1, 2, 3]] * 3, "expand")
    worst.same(x[0, 0, :2].repeat(2, 2), [[0, 1, 0, 1]] * 2, "repeat")
    worst.same(x[0, 0, :2].repeat_interleave(3), [0, 0, 0, 1, 1, 1], "repeat_interleave")
    worst.same(torch.tile(x[0, 0, :2], (2,)), [0, 1, 0, 1], "tile")
    worst.same(x.unfold(2, 2, 1)[1, 2], [[20, 21], [21, 22], [22, 23]], "unfold")
    worst.same(x[..., ::2][1, 2], [20, 22], "a strided slice")
    worst.same(x[:, 1:, -1], [[7, 11], [19, 23]], "a slice")
    worst.same(x[1].diagonal(), [12, 17, 22], "diagonal")
    worst.same(torch.narrow(x, 2, 1, 2)[0, 0], [1, 2], "narrow")
    worst.same(x.select(1, 2)[1], [20, 21, 22, 23], "select")
    worst.same(torch.rot90(x[0], 1)[0], [3, 7, 11], "rot90")
    worst.same(x[0].flip(1)[0], [3, 2, 1, 0], "flip")
    worst.same(torch.roll(x[0, 0], 1), [3, 0, 1, 2], "roll")
    worst.same(torch.as_strided(x, (2, 2), (12, 4)), [[0, 4], [12, 16]], "as_strided")
    worst.same(torch.broadcast_to(x[0, 0], (2, 4)), [[0, 1, 2, 3]] * 2, "broadcast_to")
    _memory(kit, worst, x)


def _memory(kit, worst, x):
    torch = kit.torch
    view, copy = x.view(6, 4), x.clone()
    view[0, 0] = 50
    worst.equal(x[0, 0, 0].item() == 50, "a view shares its memory")
    worst.equal(copy[0, 0, 0].item() == 0, "clone() does not")
    worst.equal(x.transpose(0, 1).is_contiguous() is False and x.is_contiguous(), "is_contiguous")
    worst.refuses(lambda: x.transpose(0, 2).view(-1), RuntimeError, "view of a transposed tensor")
    worst.refuses(lambda: x + torch.ones(5, device=kit.device), RuntimeError, "shapes that do not broadcast")
    other = torch.zeros(4, device=kit.device)
    other.copy_(torch.arange(4.0))
    worst.same(other, [0.0, 1.0, 2.0, 3.0], "copy_")
    worst.same(other.fill_(2.5), [2.5] * 4, "fill_")
    worst.same(other.zero_(), [0.0] * 4, "zero_")
    worst.same(x.new_full((2,), 3), [3, 3], "new_full")
    worst.same([x.numel(), x.dim(), x.size(1), x.stride(0)], [24, 3, 3, 12], "numel, dim, size, stride")
    worst.equal(x.to(torch.float32).element_size() == 4 and x.dtype == torch.int64, "element_size")


def tensor_make(kit, worst):
    """Creation: ranges, grids, constants, identity, triangles, from and to Python."""
    torch, on = kit.torch, {"device": kit.device}
    worst.same(torch.arange(2, 11, 3, **on), [2, 5, 8], "arange")
    kit.compare(worst, torch.arange(0, 1, 0.25, **on), [0.0, 0.25, 0.5, 0.75], 1, "arange of fractions")
    kit.compare(worst, torch.linspace(-1, 1, 5, **on), [-1.0, -0.5, 0.0, 0.5, 1.0], 2, "linspace")
    kit.compare(worst, torch.logspace(0, 2, 3, **on), [1.0, 10.0, 100.0], 8, "logspace")
    worst.same(torch.eye(2, 3, **on), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], "eye")
    worst.same(torch.zeros(2, 2, **on), [[0.0, 0.0]] * 2, "zeros")
    worst.same(torch.ones(2, dtype=torch.int32, **on), [1, 1], "ones")
    worst.same(torch.full((2,), 7.5, **on), [7.5, 7.5], "full")
    like = torch.empty(2, 2, dtype=torch.float16, **on)
    worst.equal(torch.zeros_like(like).dtype == torch.float16 and not plain(torch.zeros_like(like))[1][1], "zeros_like")
    worst.same(torch.ones_like(like), [[1.0, 1.0]] * 2, "ones_like")
    worst.same(torch.full_like(like, 2), [[2.0, 2.0]] * 2, "full_like")
    square = torch.arange(1, 10, **on).reshape(3, 3)
    worst.same(torch.tril(square), [[1, 0, 0], [4, 5, 0], [7, 8, 9]], "tril")
    worst.same(square.triu(1), [[0, 2, 3], [0, 0, 6], [0, 0, 0]], "triu, above the diagonal")
    worst.same(torch.tril(square, -1), [[0, 0, 0], [4, 0, 0], [7, 8, 0]], "tril, below the diagonal")
    worst.same(torch.diag(square), [1, 5, 9], "diag")
    worst.same(torch.diag(kit.whole(1, 2)), [[1, 0], [0, 2]], "diag of a vector")
    worst.same(torch.diag_embed(kit.whole(1, 2), 1), [[0, 1, 0], [0, 0, 2], [0, 0, 0]], "diag_embed")
    worst.same(torch.trace(square), 15, "trace")
    worst.same(torch.tril_indices(3, 3, -1), [[1, 2, 2], [0, 0, 1]], "tril_indices")
    grid = torch.meshgrid(kit.whole(1, 2), kit.whole(3, 4, 5), indexing="ij")
    worst.same([plain(part) for part in grid], [[[1, 1, 1], [2, 2, 2]], [[3, 4, 5], [3, 4, 5]]], "meshgrid")
    worst.same(torch.cartesian_prod(kit.whole(1, 2), kit.whole(3, 4)), [[1, 3], [1, 4], [2, 3], [2, 4]], "cartesian_prod")
    worst.same(torch.combinations(kit.whole(1, 2, 3)), [[1, 2], [1, 3], [2, 3]], "combinations")
    worst.same(torch.block_diag(kit.whole(1), square[:1, :2]), [[1, 0, 0], [0, 1, 2]], "block_diag")
    nested = [[1.5, -2.0], [0.25, 1e10]]
    worst.same(torch.tensor(nested, **on), nested, "to and from Python lists")
    worst.equal(torch.tensor(2.5, **on).item() == 2.5 and torch.tensor([3], **on).item() == 3, "item()")
    number = kit.of([1.0, 2.0]) + 1j * kit.of([0.5, -1.0])
    kit.compare(worst, [plain(torch.real(number)), plain(number.imag)], [[1.0, 2.0], [0.5, -1.0]], 1, "complex", torch.float32)
    kit.compare(worst, number.abs(), [math.hypot(1, 0.5), math.hypot(2, 1)], 16, "abs of complex")
    kit.compare(worst, number.angle(), [math.atan2(0.5, 1), math.atan2(-1, 2)], 16, "angle of complex")
    kit.compare(worst, torch.view_as_real(number * number.conj()).reshape(-1)[::2], [1.25, 5.0], 16, "z times its conjugate")
    worst.same(bytes(torch.arange(3, dtype=torch.uint8).tolist()) == bytes(bytearray([0, 1, 2])), True, "bytes")
    worst.same(torch.frombuffer(bytearray([1, 0, 2, 0]), dtype=torch.int16), [1, 2], "frombuffer")
    worst.same(torch.arange(3, dtype=torch.int32).view(torch.uint8)[:5], [0, 0, 0, 0, 1], "view as another dtype")
    worst.same(len(flat(plain(torch.empty(3, 2, **on)))), 6, "empty")


DTYPES = (
    "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128 uint16 uint32 uint64 "
    "float8_e4m3fn float8_e5m2 complex32"
).split()


def tensor_dtypes(kit, worst):
    """Every dtype stores and converts small integers exactly; a map of what this build refuses (8 operations each)."""
    torch = kit.torch
    refused, worst.data["refused"] = [], {}
    for name in DTYPES:
        dtype = getattr(torch, name, None)
        if dtype is None or (name in ("float64", "complex128") and not kit.has_float64):
            worst.data["refused"][name] = ["not here"]
            continue
        refused = _one_dtype(kit, worst, name, dtype)
        if refused:
            worst.data["refused"][name] = refused


def _one_dtype(kit, worst, name, dtype):
    torch = kit.torch
    whole = [0, 1] if name == "bool" else [0, 1, 2, 3, 4]

    def as_floats(tensor):
        if tensor.dtype.is_complex:
            return [number.real for number in flat_any(plain(tensor.cpu().to(torch.complex64)))]
        return tensor.cpu().to(torch.float32).reshape(-1).tolist()

    try:
        stored = torch.tensor(whole, dtype=torch.int64).to(kit.device).to(dtype)
        got = as_floats(stored)
    except (RuntimeError, TypeError, NotImplementedError) as problem:
        return ["store: %s" % str(problem).split("\n")[0][:60]]
    worst.equal(got == [float(v) for v in whole], "%s keeps small integers" % name)
    # numbers whose sums and products even two bits of mantissa hold
    whole = [0, 1] if name == "bool" else [0, 1, 1, 2]
    stored = torch.tensor(whole, dtype=torch.int64).to(kit.device).to(dtype)
    backwards = torch.tensor(whole[::-1], dtype=torch.int64).to(kit.device).to(dtype)
    table = (
        ("add", lambda: stored + stored, [float(min(2 * v, 1) if name == "bool" else 2 * v) for v in whole]),
        ("mul", lambda: stored * stored, [float(v * v) for v in whole]),
        ("sum", lambda: stored.sum().reshape(1), [float(sum(whole))]),
        ("mm", lambda: stored[None] @ stored[:, None], [float(sum(v * v for v in whole))]),
        ("sort", lambda: torch.sort(backwards)[0], [float(v) for v in whole]),
        ("compare", lambda: (stored == stored).all().reshape(1), [1.0]),
        ("cat", lambda: torch.cat([stored, stored]), [float(v) for v in whole] * 2),
        ("index", lambda: stored[kit.whole(1, 0)], [1.0, 0.0]),
    )
    refused = []
    for operation, call, want in table:
        try:
            got = as_floats(call())
        except (RuntimeError, TypeError, NotImplementedError):
            refused.append(operation)
            continue
        worst.equal(got == want, "%s of %s" % (operation, name))
    return refused


def flat_any(value):
    """All items of nested lists (complex numbers too)."""
    return [item for part in value for item in flat_any(part)] if isinstance(value, list) else [value]


CHECKS = {
    "tensor.exact": tensor_exact,
    "tensor.arith": tensor_arith,
    "tensor.reduce": tensor_reduce,
    "tensor.shape": tensor_shape,
    "tensor.make": tensor_make,
    "tensor.dtypes": tensor_dtypes,
}
