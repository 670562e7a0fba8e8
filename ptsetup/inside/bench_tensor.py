"""Checks of element functions and arithmetic. References: math and exact integers."""

import math
import operator

from ptsetup_bench_main import plain


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


CHECKS = {
    "tensor.exact": tensor_exact,
    "tensor.arith": tensor_arith,
}
