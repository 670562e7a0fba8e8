"""Checks of layers: linear, initialisation, activations, embeddings, and what wraps modules. References in plain Python."""

import math

from ptsetup_bench_main import plain


def affine(matrix, bias, vector):
    """matrix times vector plus bias, as lists."""
    return [math.fsum([b] + [m * v for m, v in zip(row, vector)]) for row, b in zip(matrix, bias)]


def softmax(row):
    """Shares of a list that sum to one."""
    top = max(row)
    parts = [math.exp(v - top) for v in row]
    total = math.fsum(parts)
    return [p / total for p in parts]


def _sigmoid(v):
    return 1.0 / (1.0 + math.exp(-v)) if v >= 0 else math.exp(v) / (1.0 + math.exp(v))


def _normal(v):
    return 0.5 * (1 + math.erf(v / math.sqrt(2)))


def _bell(v):
    return math.exp(-v * v / 2) / math.sqrt(2 * math.pi)


SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772
"""The constants of SELU."""


def _softplus(v):
    return math.log1p(math.exp(-abs(v))) + max(v, 0.0)


def _tanh_gelu(v):
    return 0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)))


def _activations():
    """(name, module, options, formula, derivative or None)."""
    return (
        ("relu", "ReLU", {}, lambda v: max(v, 0.0), lambda v: 1.0 * (v > 0)),
        ("relu6", "ReLU6", {}, lambda v: min(max(v, 0.0), 6.0), lambda v: 1.0 * (0 < v < 6)),
        ("leaky_relu", "LeakyReLU", {}, lambda v: v if v > 0 else 0.01 * v, lambda v: 1.0 if v > 0 else 0.01),
        ("leaky_relu", "LeakyReLU", {"negative_slope": 0.1}, lambda v: v if v > 0 else 0.1 * v, lambda v: 1.0 if v > 0 else 0.1),
        ("elu", "ELU", {}, lambda v: v if v > 0 else math.expm1(v), lambda v: 1.0 if v > 0 else math.exp(v)),
        ("celu", "CELU", {"alpha": 2.0}, lambda v: max(v, 0) + min(0, 2 * math.expm1(v / 2)), lambda v: 1.0 if v > 0 else math.exp(v / 2)),
        ("selu", "SELU", {}, lambda v: SCALE * (v if v > 0 else ALPHA * math.expm1(v)), lambda v: SCALE * (1 if v > 0 else ALPHA * math.exp(v))),
        ("gelu", "GELU", {}, lambda v: v * _normal(v), lambda v: _normal(v) + v * _bell(v)),
        ("gelu", "GELU", {"approximate": "tanh"}, _tanh_gelu, None),
        ("silu", "SiLU", {}, lambda v: v * _sigmoid(v), lambda v: _sigmoid(v) * (1 + v * (1 - _sigmoid(v)))),
        ("mish", "Mish", {}, lambda v: v * math.tanh(_softplus(v)), lambda v: math.tanh(_softplus(v)) + v * _sigmoid(v) / math.cosh(_softplus(v)) ** 2),
        ("softplus", "Softplus", {}, _softplus, _sigmoid),
        ("softplus", "Softplus", {"beta": 2}, lambda v: _softplus(2 * v) / 2, lambda v: _sigmoid(2 * v)),
        ("softsign", "Softsign", {}, lambda v: v / (1 + abs(v)), lambda v: 1 / (1 + abs(v)) ** 2),
        ("softshrink", "Softshrink", {}, lambda v: v - 0.5 if v > 0.5 else v + 0.5 if v < -0.5 else 0.0, lambda v: 1.0 * (abs(v) > 0.5)),
        ("hardshrink", "Hardshrink", {}, lambda v: v if abs(v) > 0.5 else 0.0, lambda v: 1.0 * (abs(v) > 0.5)),
        ("tanhshrink", "Tanhshrink", {}, lambda v: v - math.tanh(v), lambda v: math.tanh(v) ** 2),
        ("hardtanh", "Hardtanh", {}, lambda v: min(1.0, max(-1.0, v)), lambda v: 1.0 * (abs(v) < 1)),
        ("hardsigmoid", "Hardsigmoid", {}, lambda v: min(1.0, max(0.0, v / 6 + 0.5)), lambda v: (abs(v) < 3) / 6.0),
        ("hardswish", "Hardswish", {}, lambda v: v * min(6.0, max(0.0, v + 3)) / 6, lambda v: 0.0 if v < -3 else 1.0 if v > 3 else v / 3 + 0.5),
        ("logsigmoid", "LogSigmoid", {}, lambda v: -_softplus(-v), lambda v: _sigmoid(-v)),
        ("sigmoid", "Sigmoid", {}, _sigmoid, lambda v: _sigmoid(v) * _sigmoid(-v)),
        ("tanh", "Tanh", {}, math.tanh, lambda v: 1 - math.tanh(v) ** 2),
        ("threshold", "Threshold", {"threshold": 0.2, "value": -1.0}, lambda v: v if v > 0.2 else -1.0, lambda v: 1.0 * (v > 0.2)),
    )


def activation_forms(kit, worst):
    """Activation functions and their gradients against their formulas, in every spelling; GELU in both forms."""
    torch = kit.torch
    # no value near a multiple of 1/16, where kinks are
    data = (torch.round(kit.randn(65, salt=171) * 32) + 0.37) / 16
    for dtype in kit.dtypes("float32", "float64"):
        for name, module, options, formula, slope in _activations():
            _one_activation(kit, worst, name, module, options, formula, slope, kit.to(data, dtype))
        _shares(kit, worst, dtype)
        _gates(kit, worst, dtype)


def _one_activation(kit, worst, name, module, options, formula, slope, given):
    dtype, values = given.dtype, kit.numbers(given)
    want = [formula(v) for v in values]
    ways = [(label, lambda t, call=way: call(t, **options)) for label, way in kit.ways(name)]
    if options and name in ("sigmoid", "tanh"):
        ways = []
    ways = [way for way in ways if not (options and way[0].startswith("T"))]
    ways.append(("nn.%s" % module, getattr(kit.torch.nn, module)(**options)))
    label = str(dtype)[6:] + "".join(", %s=%s" % item for item in sorted(options.items()))
    for spelling, way in ways:
        leaf = given.clone().requires_grad_(True)
        out = way(leaf)
        # torch computes the sixths of hardsigmoid in float32
        unit = kit.torch.float32 if name == "hardsigmoid" else dtype
        kit.compare(worst, out, want, 64, "%s, %s" % (spelling, label), unit)
        if slope:
            out.sum().backward()
            kit.compare(worst, leaf.grad, [slope(v) for v in values], 64, "gradient of %s, %s" % (spelling, label), unit)


def _shares(kit, worst, dtype):
    torch, f = kit.torch, kit.torch.nn.functional
    x = kit.to(kit.randn(5, 7, salt=172), dtype)
    rows = [softmax(row) for row in plain(x.cpu().double())]
    columns = list(map(list, zip(*[softmax(list(c)) for c in zip(*plain(x.cpu().double()))])))
    logs = [[math.log(p) for p in row] for row in rows]
    short = str(dtype)[6:]
    for label, got, want in (
        ("functional.softmax", f.softmax(x, 1), rows),
        ("functional.softmax, dim=-1", f.softmax(x, dim=-1), rows),
        ("torch.softmax", torch.softmax(x, 1), rows),
        ("Tensor.softmax", x.softmax(1), rows),
        ("nn.Softmax", torch.nn.Softmax(dim=1)(x), rows),
        ("softmax of columns", f.softmax(x, 0), columns),
        ("functional.log_softmax", f.log_softmax(x, 1), logs),
        ("torch.log_softmax", torch.log_softmax(x, 1), logs),
        ("Tensor.log_softmax", x.log_softmax(1), logs),
        ("nn.LogSoftmax", torch.nn.LogSoftmax(dim=1)(x), logs),
        ("softmin", f.softmin(-x, 1), rows),
    ):
        kit.compare(worst, got, want, 64, "%s, %s" % (label, short), dtype)
    big = f.softmax(kit.of([[1e4, 0.0, -1e4]], dtype), 1)
    worst.same(big, [[1.0, 0.0, 0.0]], "softmax of huge numbers, %s" % short)
    for label, call in (("functional", f.log_softmax), ("torch", torch.log_softmax)):
        worst.same(call(kit.of([[1e4, 0.0, -1e4]], dtype), 1), [[0.0, -1e4, -2e4]], "%s.log_softmax of huge numbers, %s" % (label, short))
    leaf = x.clone().requires_grad_(True)
    weights = kit.to(kit.randn(5, 7, salt=173), dtype)
    (f.softmax(leaf, 1) * weights).sum().backward()
    want = []
    for row, w in zip(rows, plain(weights.cpu().double())):
        mean = math.fsum(p * v for p, v in zip(row, w))
        want.append([p * (v - mean) for p, v in zip(row, w)])
    kit.compare(worst, leaf.grad, want, 64, "gradient of softmax, %s" % short, dtype)
    hard = f.gumbel_softmax(x, hard=True)
    worst.equal(sorted(set(plain(hard.reshape(-1)))) == [0.0, 1.0] and plain(hard.sum(1)) == [1.0] * 5, "gumbel_softmax, hard")


def _gates(kit, worst, dtype):
    torch, f = kit.torch, kit.torch.nn.functional
    x = kit.to(kit.randn(3, 6, salt=174), dtype)
    rows = plain(x.cpu().double())
    kit.compare(worst, f.glu(x, 1), [[a * _sigmoid(b) for a, b in zip(row[:3], row[3:])] for row in rows], 64, "glu", dtype)
    weight = kit.of([0.25, 0.5, 0.75, -1.0, 2.0, 0.0], dtype)
    want = [[v if v > 0 else w * v for v, w in zip(row, plain(weight))] for row in rows]
    kit.compare(worst, f.prelu(x, weight), want, 8, "prelu, a slope per channel", dtype)
    layer = torch.nn.PReLU(init=0.25).to(kit.device, dtype)
    kit.compare(worst, layer(x), [[v if v > 0 else 0.25 * v for v in row] for row in rows], 8, "PReLU", dtype)
    steady = (1 / 8.0 + 1 / 3.0) / 2
    kit.compare(worst, f.rrelu(x), [[v if v > 0 else steady * v for v in row] for row in rows], 8, "rrelu in evaluation", dtype)


def linear_init(kit, worst):
    """Linear, Bilinear, Identity; the usual initialisations by their moments and exact ones; what layers begin with."""
    torch = kit.torch
    x, layer = kit.to(kit.randn(3, 5, salt=181)), torch.nn.Linear(5, 4).to(kit.device)
    w, b = plain(layer.weight.detach().cpu().double()), kit.numbers(layer.bias)
    rows = plain(x.cpu().double())
    kit.compare(worst, layer(x), [affine(w, b, row) for row in rows], 32, "Linear")
    worst.equal(plain(torch.nn.Identity()(x)) == plain(x), "Identity")
    both = torch.nn.Bilinear(2, 3, 1).to(kit.device)
    core = plain(both.weight.detach().cpu().double())[0]
    want = [[math.fsum(row[i] * core[i][j] * row[2 + j] for i in range(2) for j in range(3)) + kit.numbers(both.bias)[0]] for row in rows]
    kit.compare(worst, both(x[:, :2].contiguous(), x[:, 2:].contiguous()), want, 64, "Bilinear")
    lazy = torch.nn.LazyLinear(4).to(kit.device)
    worst.equal(tuple(lazy(x).shape) == (3, 4) and tuple(lazy.weight.shape) == (4, 5), "LazyLinear")
    _moments(kit, worst)
    _exact_init(kit, worst)


def _moments(kit, worst):
    init, torch = kit.torch.nn.init, kit.torch
    count = 400 * 500
    for name, fill, sigma, fourth in (
        ("xavier_normal_", init.xavier_normal_, math.sqrt(2.0 / 900), 3),
        ("xavier_uniform_", init.xavier_uniform_, math.sqrt(6.0 / 900 / 3), 1.8),
        ("xavier_normal_, gain 2", lambda t: init.xavier_normal_(t, 2.0), 2 * math.sqrt(2.0 / 900), 3),
        ("kaiming_normal_", lambda t: init.kaiming_normal_(t, nonlinearity="relu"), math.sqrt(2.0 / 500), 3),
        ("kaiming_normal_, fan_out", lambda t: init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"), math.sqrt(2.0 / 400), 3),
        ("kaiming_uniform_", lambda t: init.kaiming_uniform_(t, nonlinearity="relu"), math.sqrt(2.0 / 500), 1.8),
        ("kaiming_uniform_, a = sqrt(5)", lambda t: init.kaiming_uniform_(t, a=math.sqrt(5)), math.sqrt(1.0 / 500 / 3), 1.8),
        ("normal_", lambda t: init.normal_(t, 0.0, 0.02), 0.02, 3),
        ("uniform_", lambda t: init.uniform_(t, -0.1, 0.1), 0.1 / math.sqrt(3), 1.8),
        ("Linear's own", lambda t: t.copy_(torch.nn.Linear(500, 400).weight), math.sqrt(1.0 / 500 / 3), 1.8),
        ("Conv2d's own", lambda t: t.copy_(torch.nn.Conv2d(20, 400, 5).weight.flatten(1)), math.sqrt(1.0 / 500 / 3), 1.8),
        ("Embedding's own", lambda t: t.copy_(torch.nn.Embedding(400, 500).weight), 1.0, 3),
    ):
        weight = torch.empty(400, 500, device=kit.device)
        with torch.no_grad():
            fill(weight)
        wide = weight.detach().cpu().double()
        mean, square = float(wide.mean()), float((wide * wide).mean())
        worst.add(abs(mean) / (sigma / math.sqrt(count)), 6, "sigma", "mean of %s" % name)
        worst.add(abs(square / sigma**2 - 1) / math.sqrt((fourth - 1) / count), 6, "sigma", "variance of %s" % name)
        if fourth == 1.8:
            worst.equal(float(wide.abs().max()) <= sigma * math.sqrt(3) * 1.0001, "%s stays within its limits" % name)
    short = init.trunc_normal_(torch.empty(1000), std=1.0, a=-0.5, b=1.0)
    worst.equal(float(short.min()) >= -0.5 and float(short.max()) <= 1.0, "trunc_normal_ stays within its limits")


def _exact_init(kit, worst):
    init, torch = kit.torch.nn.init, kit.torch
    worst.same(init.constant_(torch.empty(2, 2, device=kit.device), 0.5), [[0.5, 0.5]] * 2, "constant_")
    worst.same(init.ones_(torch.empty(2, device=kit.device)), [1.0, 1.0], "ones_")
    worst.same(init.zeros_(torch.ones(2, device=kit.device)), [0.0, 0.0], "zeros_")
    worst.same(init.eye_(torch.empty(2, 3, device=kit.device)), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], "eye_")
    worst.same(init.dirac_(torch.empty(2, 2, 3, device=kit.device)), [[[0, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 1, 0]]], "dirac_")
    q = init.orthogonal_(torch.empty(6, 6, device=kit.device))
    worst.add(kit.distance(q.cpu().double() @ q.t().cpu().double(), torch.eye(6)) / kit.eps(torch.float32), 64, "eps", "orthogonal_")
    sparse = init.sparse_(torch.empty(10, 20), 0.3)
    worst.equal(plain((sparse == 0).sum(0)) == [3] * 20, "sparse_")
    for name, want in (("relu", math.sqrt(2)), ("tanh", 5 / 3.0), ("linear", 1.0), ("sigmoid", 1.0), ("selu", 0.75)):
        worst.add(abs(init.calculate_gain(name) - want), 1e-12, "abs", "calculate_gain of %s" % name)


def linear_wraps(kit, worst):
    """Weight norm, spectral norm, own parametrisations, pruning, Flatten and Unflatten, lists and dictionaries of modules."""
    from torch.nn.utils import prune

    torch = kit.torch
    nn = torch.nn
    torch.manual_seed(kit.seed)
    parametrizations = nn.utils.parametrizations
    if hasattr(parametrizations, "weight_norm"):
        normed = parametrizations.weight_norm(nn.Linear(5, 4))
        with torch.no_grad():
            normed.parametrizations.weight.original0.fill_(2.0)
        kit.compare(worst, [math.sqrt(math.fsum(v * v for v in row)) for row in plain(normed.weight)], [2.0] * 4, 32, "weight_norm", torch.float32)
    spectral = parametrizations.spectral_norm(nn.Linear(6, 4), n_power_iterations=30)
    for _ in range(3):
        weight = spectral.weight
    worst.add(abs(float(torch.linalg.svdvals(weight.detach())[0]) - 1), 1e-2, "abs", "spectral_norm")
    turned = parametrizations.orthogonal(nn.Linear(4, 4))
    weight = turned.weight.detach().double()
    worst.add(kit.distance(weight @ weight.t(), torch.eye(4)), 1e-5, "abs", "orthogonal")

    class Symmetric(nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

    layer = nn.Linear(3, 3)
    nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    worst.equal(plain(layer.weight) == plain(layer.weight.t()), "an own parametrisation")
    pruned = nn.Linear(4, 1)
    with torch.no_grad():
        pruned.weight.copy_(torch.tensor([[0.1, -3.0, 2.0, -0.2]]))
    prune.l1_unstructured(pruned, "weight", amount=2)
    worst.same(pruned.weight, [[0.0, -3.0, 2.0, 0.0]], "pruning of the smallest weights")
    x = torch.arange(24.0).reshape(2, 3, 4)
    worst.same([list(nn.Flatten()(x).shape), list(nn.Flatten(0, 1)(x).shape)], [[2, 12], [6, 4]], "Flatten")
    worst.same(list(nn.Unflatten(2, (2, 2))(x).shape), [2, 3, 2, 2], "Unflatten")


def embedding_rows(kit, worst):
    """Embedding and EmbeddingBag: rows, gradient counts, padding, norms, sparse gradients, weights, one_hot."""
    torch, f = kit.torch, kit.torch.nn.functional
    index = kit.of([[1, 3, 1], [5, 0, 3]], torch.int64)
    layer = torch.nn.Embedding(6, 4, padding_idx=0).to(kit.device)
    table = kit.leaf(kit.randn(6, 4, salt=161))
    with torch.no_grad():
        layer.weight.copy_(table)
    values = plain(table)
    for label, call, leaf in (
        ("functional.embedding", lambda: f.embedding(index, table, padding_idx=0), table),
        ("nn.Embedding", lambda: layer(index), layer.weight),
    ):
        rows = call()
        worst.same(rows, [[values[n] for n in line] for line in ((1, 3, 1), (5, 0, 3))], "rows of %s" % label)
        (rows * kit.of([[[1.0]], [[10.0]]])).sum().backward()
        want = [[float(n)] * 4 for n in (0, 2, 0, 11, 0, 10)]
        worst.same(leaf.grad, want, "gradient of %s counts uses, not the padding row" % label)
    counts = kit.leaf(torch.zeros(8, 2))
    many = torch.arange(20000, device=kit.device) % 7
    f.embedding(many, counts).sum().backward()
    worst.same(counts.grad, [[float(20000 // 7 + (n < 20000 % 7))] * 2 for n in range(7)] + [[0.0, 0.0]], "20,000 uses of 7 rows")
    _bags(kit, worst, index)
    frozen = torch.nn.Embedding.from_pretrained(kit.of([[1.0, 2.0], [3.0, 4.0]]))
    worst.equal(plain(frozen(kit.whole(1))) == [[3.0, 4.0]] and not frozen.weight.requires_grad, "from_pretrained")
    limited = torch.nn.Embedding(2, 2, max_norm=1.0).to(kit.device)
    with torch.no_grad():
        limited.weight.copy_(kit.of([[3.0, 4.0], [0.3, 0.4]]))
    kit.compare(worst, limited(kit.whole(0, 1)), [[0.6, 0.8], [0.3, 0.4]], 64, "max_norm")
    sparse = torch.nn.Embedding(6, 2, sparse=True).to(kit.device)
    sparse(kit.whole(1, 4, 1)).sum().backward()
    worst.same(sparse.weight.grad.to_dense(), [[0.0] * 2, [2.0] * 2, [0.0] * 2, [0.0] * 2, [1.0] * 2, [0.0] * 2], "a sparse gradient")
    worst.same(f.one_hot(kit.whole(2, 0), 3), [[0, 0, 1], [1, 0, 0]], "one_hot")


def _bags(kit, worst, index):
    torch, f = kit.torch, kit.torch.nn.functional
    table = kit.to(kit.randn(6, 4, salt=162))
    rows = plain(table.cpu().double())
    lists = [[rows[n] for n in (1, 3, 1, 5)], [rows[n] for n in (0, 3)]]
    starts = kit.whole(0, 4)
    for mode, join in (("sum", math.fsum), ("mean", lambda v: math.fsum(v) / len(v)), ("max", max)):
        want = [[join([row[c] for row in part]) for c in range(4)] for part in lists]
        kit.compare(worst, f.embedding_bag(index.reshape(-1), table, starts, mode=mode), want, 16, "embedding_bag, %s" % mode)
        layer = torch.nn.EmbeddingBag.from_pretrained(table, mode=mode)
        kit.compare(worst, layer(index.reshape(-1), starts), want, 16, "EmbeddingBag, %s" % mode)
    weights = kit.of([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    got = f.embedding_bag(index.reshape(-1), table, starts, mode="sum", per_sample_weights=weights)
    factors = ((1, 2, 3, 4), (5, 6))
    want = [[math.fsum(w * row[c] for w, row in zip(ws, part)) for c in range(4)] for ws, part in zip(factors, lists)]
    kit.compare(worst, got, want, 16, "embedding_bag, weighted")


CHECKS = {
    "linear.init": linear_init,
    "linear.wraps": linear_wraps,
    "activation.forms": activation_forms,
    "embedding.rows": embedding_rows,
}
