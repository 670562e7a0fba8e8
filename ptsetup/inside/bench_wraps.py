"""Checks of the options of what wraps functions and modules: initialisations, parametrisations, pruning, transforms, clipping, low formats."""

import math

from ptsetup_bench_main import plain


def linear_options(kit, worst):
    """Initialisations with gains, modes, groups and other shapes; weight norm in both forms; parametrisations; pruning; fused layers."""
    _starts(kit, worst)
    _orthogonal(kit, worst)
    _parametrised(kit, worst)
    _pruned(kit, worst)
    _fused(kit, worst)


def _starts(kit, worst):
    torch, init = kit.torch, kit.torch.nn.init
    for name, parameter, want in (
        ("leaky_relu", None, math.sqrt(2 / 1.0001)), ("leaky_relu", 0.5, math.sqrt(2 / 1.25)), ("conv2d", None, 1.0), ("relu", None, math.sqrt(2)), ("selu", None, 0.75),
    ):
        worst.add(abs(init.calculate_gain(name, parameter) - want), 1e-12, "abs", "calculate_gain of %s, %s" % (name, parameter))
    # 60 in, 48 out: fans are the channels times the 12 places of the kernel
    fan_in, fan_out, count = 5 * 12, 4 * 12, 0
    shape = (4, 5, 3, 4)
    for name, fill, sigma, fourth in (
        ("xavier_uniform_, gain 3", lambda t: init.xavier_uniform_(t, 3.0), 3 * math.sqrt(2.0 / (fan_in + fan_out)), 1.8),
        ("xavier_normal_, gain 0.5", lambda t: init.xavier_normal_(t, 0.5), 0.5 * math.sqrt(2.0 / (fan_in + fan_out)), 3),
        ("kaiming_uniform_, fan_out", lambda t: init.kaiming_uniform_(t, mode="fan_out", nonlinearity="relu"), math.sqrt(2.0 / fan_out), 1.8),
        ("kaiming_normal_, a 0.5", lambda t: init.kaiming_normal_(t, 0.5), math.sqrt(2 / 1.25 / fan_in), 3),
        ("kaiming_normal_, tanh", lambda t: init.kaiming_normal_(t, nonlinearity="tanh"), 5 / 3.0 / math.sqrt(fan_in), 3),
        ("trunc_normal_, mean and spread", lambda t: init.trunc_normal_(t, 1.0, 0.5, -10.0, 10.0).sub_(1.0), 0.5, 3),
    ):
        parts = torch.stack([fill(torch.empty(*shape)) for _ in range(40)]).double()
        count = parts.numel()
        worst.add(abs(float(parts.mean())) / (sigma / math.sqrt(count)), 6, "sigma", "mean of %s" % name)
        worst.add(abs(float((parts * parts).mean()) / sigma**2 - 1) / math.sqrt((fourth - 1.0) / count), 6, "sigma", "variance of %s" % name)
    # a normal cut at one spread on both sides: its variance is 1 - 2 phi(1) / (2 Phi(1) - 1)
    cut = init.trunc_normal_(torch.empty(9000), 0.0, 2.0, -2.0, 2.0).double()
    inside = math.erf(1 / math.sqrt(2))
    variance = 4 * (1 - 2 * math.exp(-0.5) / math.sqrt(2 * math.pi) / inside)
    worst.add(abs(float((cut * cut).mean()) / variance - 1) / math.sqrt(1.0 / 9000), 6, "sigma", "variance of a normal that is cut")
    worst.same(init.dirac_(torch.empty(4, 2, 3), 2)[:, :, 1], [[1, 0], [0, 1], [1, 0], [0, 1]], "dirac_, two groups")
    worst.same(init.eye_(torch.empty(3, 2)), [[1, 0], [0, 1], [0, 0]], "eye_ of a tall matrix")
    worst.same(init.constant_(torch.empty(2), -0.5), [-0.5, -0.5], "constant_")
    thin = init.sparse_(torch.empty(10, 30), 0.25, 2.0)
    worst.same([(thin[:, n] == 0).sum().item() for n in range(30)], [3] * 30, "sparse_: zeros of each column, rounded up")
    worst.add(abs(float((thin.double() ** 2).mean()) / (0.7 * 4) - 1) / math.sqrt(2 / 210.0), 6, "sigma", "sparse_: spread of the rest")
    layer = torch.nn.Conv2d(6, 4, 3, groups=2)
    worst.equal(float(layer.weight.abs().max()) <= 1 / math.sqrt(27) + 1e-6 and float(layer.bias.abs().max()) <= 1 / math.sqrt(27) + 1e-6, "a grouped convolution begins within its limits")
    net = torch.nn.LSTM(3, 16)
    worst.equal(all(float(p.abs().max()) <= 0.25 for p in net.parameters()) and float(net.bias_hh_l0.abs().max()) > 0.2, "recurrent nets begin within 1/sqrt(hidden)")


def _orthogonal(kit, worst):
    torch, init = kit.torch, kit.torch.nn.init
    for rows, columns, gain in ((3, 7, 1.0), (7, 3, 2.0), (5, 5, 0.5)):
        q = init.orthogonal_(torch.empty(rows, columns, device=kit.device), gain).cpu().double()
        product = q @ q.t() if rows <= columns else q.t() @ q
        unit = torch.eye(min(rows, columns)) * gain**2
        worst.add(kit.distance(product, unit) / kit.eps(torch.float32), 64, "eps", "orthogonal_, %dx%d, gain %s" % (rows, columns, gain))
    deep = init.orthogonal_(torch.empty(4, 2, 3)).reshape(4, 6).double()
    worst.add(kit.distance(deep @ deep.t(), torch.eye(4)) / kit.eps(torch.float32), 64, "eps", "orthogonal_ of a kernel")


def _parametrised(kit, worst):
    torch, nn = kit.torch, kit.torch.nn
    forms = [("the old one", nn.utils.weight_norm, "weight_g", "weight_v")]
    if hasattr(nn.utils.parametrizations, "weight_norm"):
        forms.append(("a parametrisation", nn.utils.parametrizations.weight_norm, "parametrizations.weight.original0", "parametrizations.weight.original1"))
    for label, norm, size, direction in forms:
        for dim, sizes in ((0, [[2.0], [3.0]]), (1, [[2.0, 3.0, 4.0]]), (None, 5.0)):
            layer = nn.Linear(3, 2)
            start = layer.weight.detach().clone()
            layer = norm(layer, dim=dim)
            worst.add(kit.distance(layer.weight, start), 1e-6, "rel", "weight_norm, %s, dim %s, begins where the weight was" % (label, dim))
            names = dict(layer.named_parameters())
            with torch.no_grad():
                names[size].copy_(torch.tensor(sizes))
            rows = plain(names[direction].detach().double())
            length = lambda part: math.sqrt(math.fsum(v * v for v in part))
            if dim == 0:
                want = [[s[0] * v / length(row) for v in row] for row, s in zip(rows, sizes)]
            elif dim == 1:
                want = [[s * v / length(c) for v, s, c in zip(row, sizes[0], zip(*rows))] for row in rows]
            else:
                want = [[5.0 * v / length(rows[0] + rows[1]) for v in row] for row in rows]
            worst.add(kit.distance(layer(torch.eye(3)).t() - layer.bias.detach()[:, None], want), 1e-5, "rel", "weight_norm, %s, dim %s" % (label, dim))
    parametrize = nn.utils.parametrize

    class Square(nn.Module):
        def forward(self, x):
            return x * x

        def right_inverse(self, y):
            return y.sqrt()

    for keep in (True, False):
        layer = nn.Linear(2, 2)
        with torch.no_grad():
            layer.weight.fill_(4.0)
        parametrize.register_parametrization(layer, "weight", Square())
        worst.same([layer.weight, layer.parametrizations.weight.original], [[[4.0] * 2] * 2, [[2.0] * 2] * 2], "right_inverse of a parametrisation")
        layer.weight = torch.full((2, 2), 9.0)
        worst.same(layer.parametrizations.weight.original, [[3.0] * 2] * 2, "setting a parametrised weight")
        worst.equal(parametrize.is_parametrized(layer, "weight") and sorted(layer.state_dict()) == ["bias", "parametrizations.weight.original"], "state of a parametrised layer")
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=keep)
        worst.same(layer.weight, [[9.0 if keep else 3.0] * 2] * 2, "remove_parametrizations, leave_parametrized=%s" % keep)
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3), n_power_iterations=40)
    values = torch.linalg.svdvals(layer.weight.detach())
    worst.add(abs(float(values[0]) - 1), 1e-2, "abs", "spectral_norm: the largest singular value")
    worst.equal(plain(layer.eval().weight) == plain(layer.weight), "spectral_norm in evaluation stays")


def _pruned(kit, worst):
    from torch.nn.utils import prune

    torch = kit.torch

    def fresh():
        layer = torch.nn.Linear(4, 2, bias=False)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([[0.1, -3.0, 2.0, -0.2], [1.0, 0.5, -0.4, 4.0]]))
        return layer

    one = prune.l1_unstructured(fresh(), "weight", 0.5)
    worst.same(one.weight, [[0.0, -3.0, 2.0, 0.0], [1.0, 0.0, 0.0, 4.0]], "l1_unstructured, half")
    worst.same([one.weight_mask, sorted(n for n, _ in one.named_parameters())], [[[0, 1, 1, 0], [1, 0, 0, 1]], ["weight_orig"]], "the mask of pruning")
    one(torch.ones(1, 4)).sum().backward()
    worst.same(one.weight_orig.grad, [[0, 1, 1, 0], [1, 0, 0, 1]], "pruned weights get no gradient")
    prune.remove(one, "weight")
    worst.same([one.weight, sorted(n for n, _ in one.named_parameters())], [[[0.0, -3.0, 2.0, 0.0], [1.0, 0.0, 0.0, 4.0]], ["weight"]], "pruning made lasting")
    two = prune.l1_unstructured(prune.l1_unstructured(fresh(), "weight", 2), "weight", 2)
    worst.same(two.weight_mask, [[0, 1, 1, 0], [1, 0, 0, 1]], "pruning twice")
    three = prune.ln_structured(fresh(), "weight", 1, 2, 1)
    worst.same(three.weight_mask, [[0, 1, 1, 1], [0, 1, 1, 1]], "ln_structured: the smallest column")
    four = prune.random_unstructured(fresh(), "weight", 3)
    worst.same(four.weight_mask.sum(), 5.0, "random_unstructured: how many")
    five = [fresh(), fresh()]
    with torch.no_grad():
        five[1].weight.mul_(100)
    prune.global_unstructured([(part, "weight") for part in five], prune.L1Unstructured, amount=8)
    worst.same([part.weight_mask.sum() for part in five], [0.0, 8.0], "global_unstructured")


def _fused(kit, worst):
    torch, nn = kit.torch, kit.torch.nn
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, eps=0.1)).to(kit.device)
    with torch.no_grad():
        net[1].running_mean.copy_(kit.of([0.5, -1.0, 2.0]))
        net[1].running_var.copy_(kit.of([0.5, 1.0, 4.0]))
        net[1].weight.copy_(kit.of([2.0, 0.5, -1.0]))
        net[1].bias.copy_(kit.of([0.1, 0.2, 0.3]))
    net.eval()
    x = kit.to(kit.randn(2, 2, 5, 5, salt=531))
    fused = nn.utils.fusion.fuse_conv_bn_eval(net[0], net[1])
    kit.compare(worst, fused(x), net(x).detach(), 32, "a convolution fused with its batch norm", None, 1.0)


def func_options(kit, worst):
    """Transforms over other dimensions, nested, with random numbers and buffers; derivatives along directions; double products."""
    torch = kit.torch
    func = kit.need(torch, "func", since=(2, 0))
    x = kit.to(kit.randn(2, 3, 4, salt=541), kit.finest)
    cube = plain(x.cpu().double())
    for label, got, want in (
        ("vmap, in_dims 1", func.vmap(lambda t: t[1], in_dims=1)(x), [cube[1][n] for n in range(3)]),
        ("vmap, in_dims 2", func.vmap(lambda t: t[:, 0], in_dims=2)(x), [[cube[0][0][n], cube[1][0][n]] for n in range(4)]),
        ("vmap, in_dims -1", func.vmap(lambda t: t.sum(0), in_dims=-1)(x[0]), [math.fsum(row[n] for row in cube[0]) for n in range(4)]),
        ("vmap, out_dims 1", func.vmap(lambda t: t * 2, out_dims=1)(x[0]), [[2 * cube[0][i][j] for i in range(3)] for j in range(4)]),
        ("vmap, both dims", func.vmap(lambda t: t * 2, in_dims=1, out_dims=1)(x[0]), [[2 * v for v in row] for row in cube[0]]),
        ("vmap, nested", func.vmap(func.vmap(lambda t: t.sum()))(x), [[math.fsum(row) for row in plane] for plane in cube]),
        ("vmap, dictionary", func.vmap(lambda d: d["a"] + d["b"])({"a": x[0], "b": x[1]}), [[u + v for u, v in zip(p, q)] for p, q in zip(*cube)]),
        ("vmap, chunks", func.vmap(lambda t: t * 3, chunk_size=2)(x[0]), [[3 * v for v in row] for row in cube[0]]),
        ("torch.vmap, in_dims", torch.vmap(lambda a, b: a * b, in_dims=(0, None))(x[0], x[0, 0]), [[u * v for u, v in zip(row, cube[0][0])] for row in cube[0]]),
        ("vmap of a product", func.vmap(torch.matmul)(x, x.transpose(1, 2)), [[[math.fsum(u * v for u, v in zip(p, q)) for q in plane] for p in plane] for plane in cube]),
        ("grad, argnums", func.grad(lambda a, b: (a * a * b).sum(), argnums=1)(x[0], x[1]), [[v * v for v in row] for row in cube[0]]),
        ("grad, two arguments", func.grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(x[0], x[1])[0], cube[1]),
        ("grad, has_aux", func.grad(lambda a: ((a * a).sum(), a.sum()), has_aux=True)(x[0])[0], [[2 * v for v in row] for row in cube[0]]),
        ("jacrev of two", func.jacrev(lambda a, b: a * b, argnums=1)(x[0, 0], x[1, 0]), [[cube[0][0][i] if i == j else 0.0 for j in range(4)] for i in range(4)]),
        ("jacfwd of a matrix product", func.jacfwd(lambda t: x[0] @ t)(x[0, 0]), cube[0]),
        ("jvp along a direction", func.jvp(lambda t: t**3, (x[0],), (x[1],))[1], [[3 * u * u * v for u, v in zip(p, q)] for p, q in zip(*cube)]),
        ("vjp with weights", func.vjp(lambda t: t**2, x[0])[1](x[1])[0], [[2 * u * v for u, v in zip(p, q)] for p, q in zip(*cube)]),
        ("linearize", func.linearize(torch.sin, x[0])[1](x[1]) if hasattr(func, "linearize") and kit.version >= (2, 1) else torch.cos(x[0]) * x[1], [[math.cos(u) * v for u, v in zip(p, q)] for p, q in zip(*cube)]),
        ("hessian of two", func.hessian(lambda t: t[0] ** 2 * t[1])(x[0, 0, :2]), [[2 * cube[0][0][1], 2 * cube[0][0][0]], [2 * cube[0][0][0], 0.0]]),
    ):
        kit.compare(worst, got, want, 64, label, kit.finest, 1.0)
    wide = torch.ones(4, 500, device=kit.device)
    same = func.vmap(lambda t: torch.nn.functional.dropout(t, 0.5), randomness="same")(wide)
    other = func.vmap(lambda t: torch.nn.functional.dropout(t, 0.5), randomness="different")(wide)
    worst.equal(plain(same[0]) == plain(same[3]) and plain(other[0]) != plain(other[3]), "vmap and random numbers")
    worst.refuses(lambda: func.vmap(lambda t: torch.nn.functional.dropout(t, 0.5))(wide), RuntimeError, "random numbers in vmap without a word")
    _calls(kit, worst, func)


def _calls(kit, worst, func):
    """functional_call with parameters and buffers given, in one dictionary or two; the module stays as it was."""
    torch = kit.torch
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)).to(kit.device).eval()
    x = kit.of([[1.0, 2.0], [3.0, 4.0]])
    given = {"0.weight": kit.of([[1.0, 0.0], [0.0, 1.0]]), "0.bias": kit.of([0.0, 0.0])}
    moved = {"1.running_mean": kit.of([1.0, 1.0]), "1.running_var": kit.of([4.0, 16.0]) - 1e-5}
    before = dict((n, plain(t)) for n, t in net.state_dict().items())
    want = [[0.0, 0.25], [1.0, 0.75]]
    for label, call in (
        ("one dictionary", lambda: func.functional_call(net, dict(given, **moved), (x,))),
        ("two dictionaries", lambda: func.functional_call(net, (given, moved), (x,))),
        ("a single argument", lambda: func.functional_call(net, dict(given, **moved), x)),
    ):
        kit.compare(worst, call(), want, 64, "functional_call, %s" % label, None, 1.0)
    worst.equal(dict((n, plain(t)) for n, t in net.state_dict().items()) == before, "functional_call leaves the module alone")
    slope = func.grad(lambda p: func.functional_call(net, (p, moved), (x,)).sum())(given)
    kit.compare(worst, slope["0.bias"], [1.0, 0.5], 64, "gradient through functional_call", None, 1.0)
    worst.equal(net[0].weight.grad is None, "functional_call fills no .grad")


def clip_options(kit, worst):
    """Clipping with other norms, missing and mixed gradients, both implementations; the total norm as such."""
    utils, torch = kit.torch.nn.utils, kit.torch
    inner = [[3.0, -4.0], None, [[0.0, 12.0]]]

    def fresh():
        parts = [kit.leaf(torch.zeros(2)), kit.leaf(torch.zeros(2)), kit.leaf(torch.zeros(1, 2))]
        for part, gradient in zip(parts, inner):
            part.grad = kit.of(gradient) if gradient else None
        return parts

    flat = [3.0, -4.0, 0.0, 12.0]
    norms = ((2.0, 13.0), (1.0, 19.0), (3.0, math.fsum(abs(v) ** 3 for v in flat) ** (1 / 3.0)), (float("inf"), 12.0), (0.5, math.fsum(abs(v) ** 0.5 for v in flat) ** 2))
    known = [{}] + ([{"foreach": False}, {"foreach": True}] if kit.version >= (2, 0) else [])
    for kind, norm in norms:
        for options in known:
            for limit in (0.5, 13.0 * 50):
                parts = fresh()
                label = "p = %s, limit %s, %s" % (kind, limit, options)
                kit.compare(worst, utils.clip_grad_norm_(parts, limit, kind, **options), [norm], 32, "the norm that clip_grad_norm_ returns, %s" % label)
                factor = min(1.0, limit / (norm + 1e-6))
                got = kit.numbers(parts[0].grad) + kit.numbers(parts[2].grad)
                kit.compare(worst, got, [v * factor for v in flat], 32, "clip_grad_norm_, %s" % label, torch.float32)
                worst.equal(parts[1].grad is None, "a missing gradient stays missing")
    for options in known:
        parts = fresh()
        utils.clip_grad_value_(parts, 3.5, **options)
        worst.same([parts[0].grad, parts[2].grad], [[3.0, -3.5], [[0.0, 3.5]]], "clip_grad_value_, %s" % options)
    one = fresh()[0]
    kit.compare(worst, utils.clip_grad_norm_(one, 1.0), [5.0], 16, "clip_grad_norm_ of one tensor")
    kit.compare(worst, one.grad, [0.6, -0.8], 16, "clip_grad_norm_ of one tensor, clipped")
    worst.same(utils.clip_grad_norm_([kit.leaf(torch.zeros(2))], 1.0), 0.0, "the norm of no gradient")
    if hasattr(utils, "get_total_norm"):
        kit.compare(worst, utils.get_total_norm([kit.of([3.0]), kit.of([4.0])]), [5.0], 8, "get_total_norm")
    parts = fresh()
    parts[0].grad = kit.of([float("inf"), 1.0])
    worst.refuses(lambda: utils.clip_grad_norm_(parts, 1.0, error_if_nonfinite=True), RuntimeError, "an infinite gradient")


CHECKS = {
    "linear.options": linear_options,
    "func.options": func_options,
    "autograd.limits": clip_options,
}
