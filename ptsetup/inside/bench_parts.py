"""Checks of the options of layers: embeddings, norms, activations, attention, initialisations, wrappers. References: formulas in Python."""

import math

from ptsetup_bench_main import load_file, plain

ATTEND = load_file("attention")._softmax


def _turned(rows):
    return [list(column) for column in zip(*rows)]


def embedding_options(kit, worst):
    """Embeddings: gradients by frequency, padding from the end, other norms; bags: last offset, padding, rows, weights, gradients."""
    torch, f = kit.torch, kit.torch.nn.functional
    table, rows = kit.of([[1.0, 2.0], [3.0, 4.0], [6.0, 8.0]]), [[1.0, 2.0], [3.0, 4.0], [6.0, 8.0]]
    index = kit.whole(1, 0, 1, 2)
    for label, options, want in (
        ("plain", {}, [[1.0, 1.0], [2.0, 2.0], [1.0, 1.0]]),
        ("scale_grad_by_freq", {"scale_grad_by_freq": True}, [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]),
        ("padding_idx", {"padding_idx": 1}, [[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]),
        ("padding_idx from the end", {"padding_idx": -1}, [[1.0, 1.0], [2.0, 2.0], [0.0, 0.0]]),
    ):
        leaf = table.clone().requires_grad_(True)
        f.embedding(index, leaf, **options).sum().backward()
        worst.same(leaf.grad, want, "gradient of embedding, %s" % label)
        layer = torch.nn.Embedding(3, 2, **options).to(kit.device)
        layer(index).sum().backward()
        worst.same(layer.weight.grad, want, "gradient of nn.Embedding, %s" % label)
    worst.equal(plain(torch.nn.Embedding(3, 2, padding_idx=-1).weight)[2] == [0.0, 0.0], "the row of padding begins with zeros")
    for norm, kind, size in ((5.0, 2.0, 10.0), (7.0, 1.0, 14.0), (4.0, float("inf"), 8.0)):
        got = f.embedding(kit.whole(0, 2), table.clone(), max_norm=norm, norm_type=kind)
        kit.compare(worst, got, [rows[0], [v * norm / size for v in rows[2]]], 64, "embedding, max_norm %g, p = %s" % (norm, kind))
    joins = {"sum": math.fsum, "mean": lambda v: math.fsum(v) / len(v) if v else 0.0, "max": lambda v: max(v) if v else 0.0}
    for mode in sorted(joins):
        bag = lambda places: [joins[mode]([rows[p][c] for p in places]) for c in (0, 1)]
        for label, got, want in (
            ("rows of indices", f.embedding_bag(kit.of([[1, 0], [2, 2]], torch.int64), table, mode=mode), [bag((1, 0)), bag((2, 2))]),
            ("an empty bag", f.embedding_bag(index, table, kit.whole(0, 2, 2), mode=mode), [bag((1, 0)), bag(()), bag((1, 2))]),
            ("last offset", f.embedding_bag(index, table, kit.whole(0, 3, 4), mode=mode, include_last_offset=True), [bag((1, 0, 1)), bag((2,))]),
            ("padding", f.embedding_bag(index, table, kit.whole(0, 2), mode=mode, padding_idx=1), [bag((0,)), bag((2,))]),
            ("nn.EmbeddingBag, padding", torch.nn.EmbeddingBag.from_pretrained(table, mode=mode, padding_idx=0)(index, kit.whole(0, 2)), [bag((1,)), bag((1, 2))]),
        ):
            kit.compare(worst, got, want, 8, "embedding_bag, %s, %s" % (mode, label))
    leaf, weights = table.clone().requires_grad_(True), kit.leaf(kit.of([1.0, 2.0, 3.0, 4.0]))
    out = f.embedding_bag(index, leaf, kit.whole(0, 3), mode="sum", per_sample_weights=weights)
    (out * kit.of([[1.0, 10.0], [100.0, 1000.0]])).sum().backward()
    worst.same([leaf.grad, weights.grad], [[[2.0, 20.0], [4.0, 40.0], [400.0, 4000.0]], [43.0, 21.0, 43.0, 8600.0]], "gradients of a weighted bag")
    leaf = table.clone().requires_grad_(True)
    f.embedding_bag(index, leaf, kit.whole(0, 3), mode="mean").sum().backward()
    kit.compare(worst, leaf.grad, [[1 / 3.0] * 2, [2 / 3.0] * 2, [1.0] * 2], 8, "gradient of a mean of rows")
    worst.same(f.one_hot(kit.whole(1, 0), 4), [[0, 1, 0, 0], [1, 0, 0, 0]], "one_hot of four classes")
    worst.equal(f.one_hot(kit.whole(1, 0)).dtype == torch.int64, "one_hot is of whole numbers")
    worst.same(f.one_hot(kit.whole(1, 0)), [[0, 1], [1, 0]], "one_hot of as many classes as there are")


def norm_options(kit, worst):
    """Norms: eps within the root, other powers, statistics of instances, biases left out, volumes, gradients of weights."""
    torch, f = kit.torch, kit.torch.nn.functional
    for dtype in kit.dtypes("float32", "float64"):
        short = str(dtype)[6:]
        # numbers so small that eps counts
        rows = [[0.001, 0.003, -0.002, 0.006], [0.004, -0.001, 0.0, 0.001]]
        x = kit.of(rows, dtype)

        def standard(values, eps):
            mean = math.fsum(values) / len(values)
            return [(v - mean) / math.sqrt(math.fsum((u - mean) ** 2 for u in values) / len(values) + eps) for v in values]

        exact = [kit.numbers(row) for row in x]
        columns = _turned(exact)
        for eps in (1e-5, 1e-3):
            by_row, by_column = [standard(r, eps) for r in exact], _turned([standard(c, eps) for c in columns])
            halves = [standard(r[:2], eps) + standard(r[2:], eps) for r in exact]
            roots = [[v / math.sqrt(math.fsum(u * u for u in r) / 4 + eps) for v in r] for r in exact]
            table = [
                ("layer_norm", f.layer_norm(x, (4,), eps=eps), by_row),
                ("group_norm", f.group_norm(x, 2, eps=eps), halves),
                ("nn.GroupNorm", torch.nn.GroupNorm(2, 4, eps=eps, dtype=dtype, device=kit.device)(x), halves),
                ("batch_norm", f.batch_norm(x, None, None, training=True, eps=eps), by_column),
                ("nn.BatchNorm1d", torch.nn.BatchNorm1d(4, eps=eps, dtype=dtype, device=kit.device)(x), by_column),
                ("batch_norm, evaluation", f.batch_norm(x, x[0] * 0, x[0] * 0 + 1e-4, eps=eps), [[v / math.sqrt(1e-4 + eps) for v in r] for r in exact]),
                ("instance_norm", f.instance_norm(x[:, None], eps=eps)[:, 0], by_row),
                ("nn.InstanceNorm1d", torch.nn.InstanceNorm1d(1, eps=eps, dtype=dtype, device=kit.device)(x[:, None])[:, 0], by_row),
            ]
            if hasattr(f, "rms_norm"):
                table.append(("rms_norm", f.rms_norm(x, (4,), eps=eps), roots))
            for name, got, want in table:
                kit.compare(worst, got, want, 128, "%s, eps %g, %s" % (name, eps, short), dtype)
    _norm_layers(kit, worst)


def _norm_layers(kit, worst):
    torch, f = kit.torch, kit.torch.nn.functional
    x = kit.to(kit.randn(3, 2, 4, salt=481) + 2)
    values = plain(x.cpu().double())
    means = [[math.fsum(row) / 4 for row in sample] for sample in values]
    tracked = torch.nn.InstanceNorm1d(2, affine=True, track_running_stats=True, momentum=0.25).to(kit.device)
    out = tracked(x)
    kit.compare(worst, tracked.running_mean, [0.25 * math.fsum(m[c] for m in means) / 3 for c in (0, 1)], 32, "InstanceNorm1d: running mean")
    spreads = [math.fsum(math.fsum((v - m[c]) ** 2 for v in s[c]) / 3 for s, m in zip(values, means)) / 3 for c in (0, 1)]
    kit.compare(worst, tracked.running_var, [0.75 + 0.25 * v for v in spreads], 32, "InstanceNorm1d: running variance")
    tracked.eval()
    worst.equal(plain(tracked(x)) != plain(out), "InstanceNorm1d: evaluation uses them")
    known = [[[(v - m) / math.sqrt(s + 1e-5) for v in row] for row, m, s in zip(sample, kit.numbers(tracked.running_mean), kit.numbers(tracked.running_var))] for sample in values]
    kit.compare(worst, tracked(x), known, 64, "InstanceNorm1d, evaluation")
    plane = x.reshape(3, 2, 2, 2)
    flat = torch.nn.BatchNorm1d(2).to(kit.device)(x)
    kit.compare(worst, torch.nn.BatchNorm3d(2).to(kit.device)(plane[..., None]), flat.detach(), 16, "BatchNorm3d")
    kit.compare(worst, torch.nn.BatchNorm1d(2, affine=False).to(kit.device)(x), flat.detach(), 16, "BatchNorm1d without weights")
    layer = torch.nn.LayerNorm(4).to(kit.device)
    with torch.no_grad():
        layer.bias.fill_(0.5)
    weights = kit.to(kit.randn(3, 2, 4, salt=482))
    (layer(x) * weights).sum().backward()
    normed = f.layer_norm(x, (4,)).cpu().double()
    kit.compare(worst, layer.weight.grad, (normed * weights.cpu().double()).sum((0, 1)), 64, "gradient of the weight of LayerNorm", None, 1.0)
    kit.compare(worst, layer.bias.grad, weights.cpu().double().sum((0, 1)), 64, "gradient of the bias of LayerNorm", None, 1.0)
    for size, k, beta in ((3, 2.0, 0.5), (4, 1.0, 1.0)):
        deep = kit.to(kit.randn(1, 6, 2, salt=483))
        rows = plain(deep[0].cpu().double())
        near = lambda c: range(max(0, c - size // 2), min(6, c + (size - 1) // 2 + 1))
        want = [[v / (k + 0.3 / size * math.fsum(rows[d][n] ** 2 for d in near(c))) ** beta for n, v in enumerate(row)] for c, row in enumerate(rows)]
        kit.compare(worst, f.local_response_norm(deep, size, 0.3, beta, k)[0], want, 64, "local_response_norm, size %d" % size)


def activation_options(kit, worst):
    """Activations: thresholds, limits and slopes, gates of other dimensions, shares in another dtype, noise of training."""
    torch, f = kit.torch, kit.torch.nn.functional
    x = [-3.0, -0.75, 0.0, 0.75, 3.0, 12.0, 25.0]
    soft = lambda v, beta: v if v * beta > 20 else math.log1p(math.exp(v * beta)) / beta
    for dtype in kit.dtypes("float32", "float64"):
        t = kit.of(x, dtype)
        for label, got, formula in (
            ("elu, alpha 2", f.elu(t, 2.0), lambda v: v if v > 0 else 2 * math.expm1(v)),
            ("celu, alpha 0.5", f.celu(t, 0.5), lambda v: v if v > 0 else 0.5 * math.expm1(v / 0.5)),
            ("leaky_relu, 0.3", f.leaky_relu(t, 0.3), lambda v: v if v > 0 else 0.3 * v),
            ("hardtanh, limits", f.hardtanh(t, -2.0, 0.5), lambda v: min(0.5, max(-2.0, v))),
            ("softshrink, 1", f.softshrink(t, 1.0), lambda v: v - 1 if v > 1 else v + 1 if v < -1 else 0.0),
            ("hardshrink, 1", f.hardshrink(t, 1.0), lambda v: v if abs(v) > 1 else 0.0),
            ("threshold", f.threshold(t, 0.5, 20.0), lambda v: v if v > 0.5 else 20.0),
            ("softplus", f.softplus(t), lambda v: soft(v, 1.0)),
            ("softplus, threshold 2", f.softplus(t, 1.0, 2.0), lambda v: v if v > 2 else soft(v, 1.0)),
            ("softplus, beta 0.5", f.softplus(t, 0.5), lambda v: soft(v, 0.5)),
            ("rrelu, evaluation", f.rrelu(t, 0.2, 0.6), lambda v: v if v >= 0 else 0.4 * v),
            ("relu6", f.relu6(t), lambda v: min(6.0, max(0.0, v))),
            ("logsigmoid", f.logsigmoid(t), lambda v: -soft(-v, 1.0)),
            ("silu", f.silu(t), lambda v: v / (1 + math.exp(-v))),
            ("in place: relu_", torch.relu_(t.clone()), lambda v: max(v, 0.0)),
            ("in place: elu", f.elu(t.clone(), 2.0, True), lambda v: v if v > 0 else 2 * math.expm1(v)),
            ("in place: leaky_relu", f.leaky_relu(t.clone(), 0.3, True), lambda v: v if v > 0 else 0.3 * v),
            ("in place: hardtanh", f.hardtanh(t.clone(), -2.0, 0.5, True), lambda v: min(0.5, max(-2.0, v))),
        ):
            kit.compare(worst, got, [formula(v) for v in x], 64, "%s, %s" % (label, str(dtype)[6:]), dtype)
    noisy = f.rrelu(torch.full((4000,), -1.0, device=kit.device), 0.2, 0.6, training=True)
    worst.equal(-0.6 <= float(noisy.min()) and float(noisy.max()) <= -0.2 and float(noisy.max() - noisy.min()) > 0.3, "rrelu in training")
    worst.add(abs(float(noisy.double().mean() if kit.has_float64 else noisy.mean()) + 0.4) / (0.4 / math.sqrt(12 * 4000.0)), 6, "sigma", "rrelu in training: its mean")
    rows = kit.of([[1.0, 2.0], [3.0, 4.0]])
    gate = lambda v: 1 / (1 + math.exp(-v))
    kit.compare(worst, f.glu(rows, 0), [[1 * gate(3), 2 * gate(4)]], 16, "glu of columns")
    kit.compare(worst, torch.nn.GLU()(rows), [[1 * gate(2)], [3 * gate(4)]], 16, "nn.GLU")
    low = kit.of([[1.0, 2.0, 3.0]], torch.bfloat16)
    worst.equal(f.softmax(low, 1, dtype=torch.float32).dtype == torch.float32, "softmax in another dtype")
    kit.compare(worst, f.softmax(low, 1, dtype=torch.float32)[0], ATTEND([1.0, 2.0, 3.0]), 16, "softmax in another dtype", torch.float32)
    kit.compare(worst, f.log_softmax(low, 1, dtype=torch.float32)[0], [math.log(p) for p in ATTEND([1.0, 2.0, 3.0])], 16, "log_softmax in another dtype", torch.float32)
    cube = kit.to(kit.randn(2, 3, 2, 2, salt=484))
    kit.compare(worst, torch.nn.Softmax2d()(cube).sum(1), [[[1.0] * 2] * 2] * 2, 16, "Softmax2d: shares of channels")
    want = [[ATTEND([plain(cube.cpu().double())[b][c][0][j] for c in range(3)])[1] for j in (0, 1)] for b in (0, 1)]
    kit.compare(worst, f.softmax(cube, -3)[:, 1, 0], want, 32, "softmax of a middle dimension")
    _written(kit, worst)
    _drawn(kit, worst)


def _written(kit, worst):
    """What is asked to write in place does, and gives that tensor back."""
    torch, f = kit.torch, kit.torch.nn.functional
    for name, call in (
        ("relu", lambda t: f.relu(t, inplace=True)), ("nn.ReLU", torch.nn.ReLU(inplace=True)), ("silu", lambda t: f.silu(t, inplace=True)), ("relu6", lambda t: f.relu6(t, inplace=True)),
        ("hardswish", lambda t: f.hardswish(t, inplace=True)), ("threshold", lambda t: f.threshold(t, 0.0, 0.5, inplace=True)), ("dropout", lambda t: f.dropout(t, 0.5, True, inplace=True)),
        ("nn.Dropout", torch.nn.Dropout(0.5, inplace=True)), ("celu", lambda t: f.celu(t, 1.0, inplace=True)), ("mish", lambda t: f.mish(t, inplace=True)),
        ("leaky_relu", lambda t: f.leaky_relu(t, 0.1, inplace=True)), ("selu", lambda t: f.selu(t, inplace=True)), ("dropout2d", lambda t: f.dropout2d(t, 0.5, True, inplace=True)),
    ):
        given = torch.linspace(-2, 2, 64, device=kit.device).reshape(1, 16, 2, 2)
        before, memory = plain(given), given.data_ptr()
        out = call(given)
        worst.equal(plain(out) == plain(given) != before and out.data_ptr() == memory, "%s in place" % name)


def _drawn(kit, worst):
    """Gumbel softmax: the hard form has the gradient of the soft one; draws follow the shares; tau sharpens."""
    torch, f = kit.torch, kit.torch.nn.functional
    logits = kit.leaf(kit.of([[0.0, 1.0, 2.0]]).expand(4000, 3))
    hard = f.gumbel_softmax(logits, tau=0.5, hard=True)
    worst.equal(sorted(set(plain(hard.detach().round().reshape(-1)))) == [0.0, 1.0] and bool((hard.detach().sum(1) - 1).abs().max() < 1e-5), "gumbel_softmax, hard: one of three")
    shares, count = ATTEND([0.0, 1.0, 2.0]), 4000
    for n, share in enumerate(shares):
        worst.add(abs(float(hard.detach()[:, n].sum()) / count - share) / math.sqrt(share * (1 - share) / count), 6, "sigma", "gumbel_softmax draws by its shares")
    (hard * kit.of([1.0, 2.0, 4.0])).sum().backward()
    worst.equal(bool(logits.grad.abs().sum() > 1) and bool(logits.grad.sum(1).abs().max() < 1e-3), "gumbel_softmax, hard: the gradient of the soft one")
    softer, sharper = (float(f.gumbel_softmax(logits.detach(), tau=tau).max(1)[0].mean()) for tau in (5.0, 0.1))
    worst.equal(softer < 0.6 and sharper > 0.9, "gumbel_softmax: tau sharpens")


CHECKS = {
    "embedding.options": embedding_options,
    "norm.options": norm_options,
    "activation.options": activation_options,
}
