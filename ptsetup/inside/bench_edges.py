"""Checks at the edges of arithmetic and of gradients: signs, halves, overflow, infinities, zeros and ties. References: math, exact numbers."""

import math

from ptsetup_bench_main import plain

NAN, INFINITE = float("nan"), float("inf")


def tensor_edges(kit, worst):
    """Arithmetic at its edges: signs of remainders, quadrants, overflow, infinities, rounding, conversions, complex conjugates."""
    for dtype in kit.dtypes("float32", "float64"):
        _signs(kit, worst, dtype)
        _huge(kit, worst, dtype)
        _in_place(kit, worst, dtype)
    _rounding(kit, worst)
    _conversions(kit, worst)
    _not_numbers(kit, worst)
    _complex(kit, worst)
    _bits(kit, worst)


def _signs(kit, worst, dtype):
    torch, short = kit.torch, str(dtype)[6:]
    a, b = kit.of([5.5, -5.5, 5.5, -5.5, 4.0], dtype), kit.of([2.0, 2.0, -2.0, -2.0, -2.0], dtype)
    for label, got, want in (
        ("remainder", torch.remainder(a, b), [1.5, 0.5, -0.5, -1.5, 0.0]),
        ("Tensor.remainder", a.remainder(b), [1.5, 0.5, -0.5, -1.5, 0.0]),
        ("%", a % b, [1.5, 0.5, -0.5, -1.5, 0.0]),
        ("% of a number", a % -2, [-0.5, -1.5, -0.5, -1.5, 0.0]),
        ("fmod", torch.fmod(a, b), [1.5, -1.5, 1.5, -1.5, 0.0]),
        ("//", a // b, [2.0, -3.0, -3.0, 2.0, -2.0]),
        ("div, floor", torch.div(a, b, rounding_mode="floor"), [2.0, -3.0, -3.0, 2.0, -2.0]),
        ("div, trunc", torch.div(a, b, rounding_mode="trunc"), [2.0, -2.0, -2.0, 2.0, -2.0]),
        ("Tensor.div, trunc", a.div(b, rounding_mode="trunc"), [2.0, -2.0, -2.0, 2.0, -2.0]),
        ("trunc", torch.trunc(a), [5.0, -5.0, 5.0, -5.0, 4.0]),
        ("frac", torch.frac(a), [0.5, -0.5, 0.5, -0.5, 0.0]),
        ("copysign of zero", torch.copysign(a, kit.of(-0.0, dtype)), [-5.5, -5.5, -5.5, -5.5, -4.0]),
        ("signbit", torch.signbit(kit.of([0.0, -0.0, -1.0], dtype)), [False, True, True]),
        ("sign of zero", torch.sign(kit.of([0.0, -3.0, INFINITE], dtype)), [0.0, -1.0, 1.0]),
        ("lerp by weights", torch.lerp(a, b, kit.of([0.0, 1.0, 0.5, 0.5, 2.0], dtype)), [5.5, 2.0, 1.75, -3.75, -8.0]),
        ("clamp, crossed limits", torch.clamp(a, 3, 1), [1.0] * 5),
        ("float_power", torch.float_power(kit.of([-2.0], dtype), 3), [-8.0]),
        ("pow of a negative number", kit.of([-2.0], dtype) ** 3, [-8.0]),
        ("ldexp", torch.ldexp(kit.of([0.75], dtype), kit.whole(-2)), [0.1875]),
        ("floor_divide", torch.floor_divide(a, b), [2.0, -3.0, -3.0, 2.0, -2.0]),
    ):
        worst.same(got, want, "%s, %s" % (label, short))
    around = [(math.cos(0.7 + n), math.sin(0.7 + n)) for n in range(6)] + [(-1.0, 0.0), (0.0, -1.0), (0.0, 1.0)]
    x, y = kit.of([p[0] for p in around], dtype), kit.of([p[1] for p in around], dtype)
    for label, way in (("torch.atan2", torch.atan2), ("Tensor.atan2", torch.Tensor.atan2)):
        kit.compare(worst, way(y, x), [math.atan2(v, u) for u, v in zip(kit.numbers(x), kit.numbers(y))], 8, "%s in every quadrant, %s" % (label, short), dtype)


def _huge(kit, worst, dtype):
    """Results that fit though their parts overflow, and small ones that 1 + x would swallow."""
    torch, short = kit.torch, str(dtype)[6:]
    top = 1e200 if dtype == torch.float64 else 1e30
    log, tiny = math.log(2), 1e-12
    of = lambda *values: kit.of(list(values), dtype)
    for label, got, want in (
        ("hypot", torch.hypot(of(3 * top), of(4 * top)), [5 * top]),
        ("logaddexp", torch.logaddexp(of(1000.0, -1000.0, -INFINITE), of(1000.0, -1000.0, 2.0)), [1000 + log, log - 1000, 2.0]),
        ("logaddexp2", torch.logaddexp2(of(2000.0), of(2000.0)), [2001.0]),
        ("softplus", torch.nn.functional.softplus(of(1000.0, -1000.0, 15.0)), [1000.0, 0.0, 15 + math.log1p(math.exp(-15))]),
        ("logsigmoid", torch.nn.functional.logsigmoid(of(-1000.0, 1000.0)), [-1000.0, 0.0]),
        ("sigmoid", torch.sigmoid(of(-1000.0, 1000.0)), [0.0, 1.0]),
        ("tanh", torch.tanh(of(-1000.0, 1000.0)), [-1.0, 1.0]),
        ("logcumsumexp", torch.logcumsumexp(of(1000.0, 1000.0), 0), [1000.0, 1000 + log]),
        ("xlogy", torch.xlogy(of(0.0, 2.0), of(0.0, 3.0)), [0.0, 2 * math.log(3)]),
        ("Tensor.xlogy", of(0.0).xlogy(of(0.0)), [0.0]),
        ("special.xlog1py", torch.special.xlog1py(of(0.0, 2.0), of(-1.0, 0.5)), [0.0, 2 * math.log1p(0.5)]),
        ("special.entr", torch.special.entr(of(0.0, 0.5)), [0.0, 0.5 * log]),
        ("logit, eps", torch.logit(of(0.0, 0.5, 1.0), eps=0.125), [math.log(1 / 7.0), 0.0, math.log(7)]),
        ("sinc", torch.sinc(of(0.0, 0.5)), [1.0, 2 / math.pi]),
        ("softmax", torch.softmax(of(-INFINITE, 0.0, 0.0), 0), [0.0, 0.5, 0.5]),
        ("normalize of zeros", torch.nn.functional.normalize(of(0.0, 0.0), dim=0), [0.0, 0.0]),
        ("erfc", torch.erfc(of(5.0)), [math.erfc(5)]),
        ("lgamma", torch.lgamma(of(50.5, -0.5)), [math.lgamma(50.5), math.lgamma(-0.5)]),
        ("special.ndtr", torch.special.ndtr(of(1.0)), [0.5 * math.erfc(-1 / math.sqrt(2))]),
        ("special.i0", torch.special.i0(of(1.0)), [1.2660658777520084]),
    ):
        kit.compare(worst, got, want, 16, "%s, %s" % (label, short), dtype)
    for label, way, formula in (("expm1", torch.expm1, math.expm1), ("log1p", torch.log1p, math.log1p), ("asinh", torch.asinh, math.asinh), ("atanh", torch.atanh, math.atanh), ("sinh", torch.sinh, math.sinh)):
        small = of(tiny)
        kit.compare(worst, way(small), [formula(v) for v in kit.numbers(small)], 16, "%s of a tiny number, %s" % (label, short), dtype)


def _in_place(kit, worst, dtype):
    torch, short = kit.torch, str(dtype)[6:]
    a, b = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [[2.0, 4.0, 8.0], [1.0, 0.5, 0.25]]
    x, y = kit.of(a, dtype), kit.of(b, dtype)
    pairs = lambda function: [[function(u, v) for u, v in zip(p, q)] for p, q in zip(a, b)]
    for label, got, function in (
        ("add_, alpha", x.clone().add_(y, alpha=3), lambda u, v: u + 3 * v),
        ("sub_, alpha", x.clone().sub_(y, alpha=3), lambda u, v: u - 3 * v),
        ("Tensor.add, alpha", x.add(y, alpha=-2), lambda u, v: u - 2 * v),
        ("rsub, alpha", torch.rsub(x, y, alpha=2), lambda u, v: v - 2 * u),
        ("addcmul", torch.addcmul(x, x, y, value=-3), lambda u, v: u - 3 * u * v),
        ("addcdiv", torch.addcdiv(x, y, y * y, value=-2), lambda u, v: u - 2 / v),
        ("Tensor.addcdiv", x.addcdiv(y, y * y, value=-2), lambda u, v: u - 2 / v),
        ("addcdiv_", x.clone().addcdiv_(y, y * y, value=4), lambda u, v: u + 4 / v),
        ("mul_", x.clone().mul_(y), lambda u, v: u * v),
        ("div_", x.clone().div_(y), lambda u, v: u / v),
        ("pow_", x.clone().pow_(2), lambda u, v: u * u),
        ("lerp_", x.clone().lerp_(y, 0.5), lambda u, v: (u + v) / 2),
        ("masked_fill_", x.clone().masked_fill_(y > 1, 7), lambda u, v: 7 if v > 1 else u),
        ("copy_", x.clone().copy_(y), lambda u, v: v),
        ("add_ of a row", x.clone().add_(y[:1].expand(2, 3)).sub(y[:1]).add(0 * y), lambda u, v: u),
    ):
        worst.same(got, pairs(function), "%s, %s" % (label, short))
    third = x + y
    third += x
    worst.same(third, pairs(lambda u, v: 2 * u + v), "+= after +, %s" % short)
    worst.same(torch._foreach_add([x, y], [y, x], alpha=2)[0], pairs(lambda u, v: u + 2 * v), "_foreach_add, alpha, %s" % short)
    holed, products = kit.of([[NAN, NAN], [NAN, NAN]], dtype), [[2.0, 0.0], [0.0, 2.0]]
    unit = torch.eye(2, dtype=dtype, device=kit.device)
    # documented: with beta = 0 what is added is not read
    worst.same(torch.addmm(holed, unit, unit, beta=0, alpha=2), products, "addmm, beta 0, past a NaN, %s" % short)
    worst.same(torch.baddbmm(holed[None], unit[None], unit[None], beta=0, alpha=2)[0], products, "baddbmm, beta 0, past a NaN, %s" % short)
    worst.same(torch.addmv(holed[0], unit, unit[0], beta=0), [1.0, 0.0], "addmv, beta 0, past a NaN, %s" % short)
    worst.same(torch.addmm(unit, unit, unit, beta=3, alpha=2), [[5.0, 0.0], [0.0, 5.0]], "addmm, beta and alpha, %s" % short)
    worst.same(torch.baddbmm(unit[None], unit[None], unit[None], beta=3, alpha=2)[0], [[5.0, 0.0], [0.0, 5.0]], "baddbmm, beta and alpha, %s" % short)
    worst.same(torch.addmv(unit[0], unit, unit[0], beta=3, alpha=2), [5.0, 0.0], "addmv, beta and alpha, %s" % short)
    worst.same(torch.addr(unit, unit[0], unit[1], beta=3, alpha=2), [[3.0, 2.0], [0.0, 3.0]], "addr, beta and alpha, %s" % short)
    worst.same(torch.addbmm(unit, unit[None], unit[None], beta=3, alpha=2), [[5.0, 0.0], [0.0, 5.0]], "addbmm, beta and alpha, %s" % short)


def _rounding(kit, worst):
    torch = kit.torch
    x = kit.of([0.5, 1.5, 2.5, -0.5, -2.5, 3.4999])
    for label, got in (("torch.round", torch.round(x)), ("Tensor.round", x.round()), ("round_", x.clone().round_())):
        worst.same(got, [0.0, 2.0, 2.0, 0.0, -2.0, 3.0], "%s, halves to even" % label)
    y = kit.of([1.2345, -1.2345, 125.0, 12.5])
    for label, way in (("torch.round", torch.round), ("Tensor.round", torch.Tensor.round)):
        kit.compare(worst, way(y, decimals=2), [1.23, -1.23, 125.0, 12.5], 2, "%s, decimals 2" % label)
        worst.same(way(y, decimals=-1), [0.0, 0.0, 120.0, 10.0], "%s, decimals -1" % label)


def _conversions(kit, worst):
    torch = kit.torch
    x = kit.of([2.7, -2.7, -0.5, 300.25])
    for name in ("int64", "int32", "int16"):
        worst.same(x.to(getattr(torch, name)), [2, -2, 0, 300], "to %s, towards zero" % name)
        worst.same(x.type(getattr(torch, name)), [2, -2, 0, 300], "type(%s), towards zero" % name)
    for label, got in (("int()", x.int()), ("long()", x.long()), ("short()", x.short())):
        worst.same(got, [2, -2, 0, 300], "%s, towards zero" % label)
    for label, got in (("to", lambda t: t.to(torch.bfloat16)), ("bfloat16()", torch.Tensor.bfloat16), ("type", lambda t: t.type(torch.bfloat16)), ("copy_", lambda t: torch.empty(3, 2, dtype=torch.bfloat16, device=kit.device).copy_(t))):
        # 1.0078125 is the next number after 1; halves go to the even neighbour
        given = kit.of([[1.005, 1.00390625], [1.01171875, -1.005], [3.0e-39, 257.5]])
        worst.same(got(given).float()[:2], [[1.0078125, 1.0], [1.015625, -1.0078125]], "to bfloat16 by %s, to nearest" % label)
        worst.same(got(given.t().contiguous().t()).float()[2, 1], 258.0, "to bfloat16 by %s, of a transposed tensor" % label)
        odd = torch.linspace(1, 2, 33, device=kit.device) if "copy" not in label else None
        if odd is not None:
            exact = [math.floor(v * 128 + 0.5) / 128 for v in plain(odd + 1 / 1024.0)]
            worst.same(got(odd + 1 / 1024.0).float(), exact, "to bfloat16 by %s, 33 numbers" % label)
    worst.same(kit.of([True, False], torch.bool).to(torch.float32), [1.0, 0.0], "truths as numbers")
    worst.same(kit.of([0.25, 0.0, NAN]).to(torch.bool), [True, False, True], "numbers as truths")
    worst.same(kit.whole(300, -1, 128).to(torch.uint8), [44, 255, 128], "to uint8 wraps around")
    worst.same(kit.whole(300, -1, 128).to(torch.int8), [44, -1, -128], "to int8 wraps around")
    worst.same(kit.whole((1 << 53) + 1, -(1 << 62)), [(1 << 53) + 1, -(1 << 62)], "int64 keeps more than a double")
    worst.same(torch.tensor([127, -128], dtype=torch.int8, device=kit.device) + 1, [-128, -127], "int8 wraps around")
    worst.same([plain(part) for part in torch.frexp(kit.of([12.0, -0.375]))], [[0.75, -0.75], [4, -1]], "frexp") if kit.device.type in ("cpu", "cuda") else None


def _not_numbers(kit, worst):
    torch = kit.torch
    x = kit.of([NAN, INFINITE, -INFINITE, 2.0])
    top = 3.4028234663852886e38
    for label, way in (("torch.nan_to_num", torch.nan_to_num), ("Tensor.nan_to_num", torch.Tensor.nan_to_num)):
        worst.same(way(x), [0.0, top, -top, 2.0], label)
        worst.same(way(x, 1.0, 5.0, -6.0), [1.0, 5.0, -6.0, 2.0], "%s, given numbers" % label)
    worst.equal(not torch.allclose(x[:1], x[:1]) and torch.allclose(x[:1], x[:1], equal_nan=True), "allclose and NaN")
    worst.same([torch.isclose(x, x), torch.isclose(x, x, equal_nan=True)], [[False, True, True, True], [True] * 4], "isclose and NaN")
    worst.equal(torch.allclose(kit.of([100.0]), kit.of([100.9]), rtol=1e-2, atol=0.0) and not torch.allclose(kit.of([100.0]), kit.of([102.0]), rtol=1e-2), "allclose, rtol")
    worst.equal(not torch.equal(x, x) and torch.equal(x[1:], x[1:]), "equal and NaN")
    worst.same(torch.fmin(x, kit.of([1.0])), [1.0, 1.0, -INFINITE, 1.0], "fmin past a NaN")
    worst.same([torch.isneginf(x), torch.isposinf(x)], [[False, False, True, False], [False, True, False, False]], "isneginf, isposinf")
    worst.equal(math.isnan(float(torch.clamp(x, 0, 1)[0])) and math.isnan(float(torch.nn.functional.relu(x)[0])), "clamp and relu pass a NaN on")


def _complex(kit, worst):
    torch = kit.torch
    a, b = torch.complex(kit.of([1.0, 2.0]), kit.of([3.0, -1.0])), torch.complex(kit.of([0.0, 1.0]), kit.of([1.0, 1.0]))
    parts = lambda z: plain(torch.view_as_real(torch.resolve_conj(z).cpu().reshape(-1)))
    # vdot takes the conjugate of its first, dot of none
    for label, got, want in (
        ("vdot", torch.vdot(a, b), [[4.0, 4.0]]),
        ("Tensor.vdot", a.vdot(b), [[4.0, 4.0]]),
        ("dot", torch.dot(a, b), [[0.0, 2.0]]),
        ("product", a * b, [[-3.0, 1.0], [3.0, 1.0]]),
        ("quotient", (a * b) / b, [[1.0, 3.0], [2.0, -1.0]]),
        ("conj", a.conj() + 0, [[1.0, -3.0], [2.0, 1.0]]),
        ("adjoint", a[None].mH, [[1.0, -3.0], [2.0, 1.0]]),
        ("product with the adjoint", a[None] @ b[None].mH, [[4.0, -4.0]]),
        ("sum", a.sum(), [[3.0, 2.0]]),
        ("prod", a.prod(), [[5.0, 5.0]]),
        ("square", a**2, [[-8.0, 6.0], [3.0, -4.0]]),
        ("sgn", torch.sgn(torch.complex(kit.of([3.0]), kit.of([-4.0]))) * 5, [[3.0, -4.0]]),
        ("polar", torch.polar(kit.of([2.0]), kit.of([0.0])), [[2.0, 0.0]]),
        ("exp", torch.exp(torch.complex(kit.of([0.0]), kit.of([math.pi / 2]))), [[0.0, 1.0]]),
        ("sqrt", torch.sqrt(torch.complex(kit.of([-3.0]), kit.of([4.0]))), [[1.0, 2.0]]),
    ):
        kit.compare(worst, parts(got), want, 8, "complex %s" % label, torch.float32)
    if kit.device.type != "mps":
        z = a.clone().requires_grad_(True)
        (z.abs() ** 2).sum().backward()
        kit.compare(worst, parts(z.grad), [[2.0, 6.0], [4.0, -2.0]], 8, "gradient of |z|^2", torch.float32)


def _bits(kit, worst):
    torch = kit.torch
    x = kit.whole(-8, 5, 7)
    worst.same([x >> 1, x << 2, ~x, x ^ 3], [[-4, 2, 3], [-32, 20, 28], [7, -6, -8], [-5, 6, 4]], "shifts and bits of negative numbers")
    worst.same([~kit.of([True, False], torch.bool), kit.of([True, False], torch.bool) ^ True], [[False, True], [False, True]], "bits of truths")
    worst.same([torch.gcd(kit.whole(-12, 0), kit.whole(18, 5)), torch.lcm(kit.whole(-4), kit.whole(6))], [[6, 5], [12]], "gcd and lcm of signs and zero")
    worst.same([kit.whole(7, -7) // 2, kit.whole(-7) % 3, kit.whole(2) ** 10], [[3, -4], [2], [1024]], "whole numbers: //, %, **")
    worst.same(kit.whole(3).pow(kit.whole(3)), [27], "a whole power")


CHECKS = {
    "tensor.edges": tensor_edges,
}
