"""Checks of losses: every loss against its formula, its reductions, its options, its gradient."""

import itertools
import math

from ptsetup_bench_main import plain


def _logs(row):
    """log softmax of a list."""
    top = max(row)
    total = top + math.log(math.fsum(math.exp(v - top) for v in row))
    return [v - total for v in row]


def losses_mean(kit, worst):
    """Cross-entropy, NLL, MSE, L1, BCE: the mean over the batch, every spelling and reduction, the gradient in closed form."""
    torch = kit.torch
    for dtype in kit.dtypes("float32", "float64"):
        _classes(kit, worst, dtype)
        _distances(kit, worst, dtype)
        _binary(kit, worst, dtype)
    for big in (1e4, -1e4):
        loss = torch.nn.functional.cross_entropy(kit.of([[big, 0.0]]), kit.whole(0))
        worst.equal(abs(float(loss) - max(0.0, -big)) < 1e-3 * max(1.0, abs(big)), "cross_entropy of logits %g" % big)
        target = kit.of([1.0 if big > 0 else 0.0])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(kit.of([big]), target)
        worst.equal(abs(float(loss)) < 1e-3, "binary cross-entropy of a logit %g" % big)


def _reduced(kit, worst, name, call, each, bound, dtype, weights=None, least=0.0):
    """mean, sum and none of a loss whose single terms are known; ``least``: the size of what a term is the difference of."""
    total = math.fsum(each)
    count = math.fsum(weights) if weights else len(each)
    label = "%s, %s" % (name, str(dtype)[6:])
    # terms of both signs may cancel: the error is one of their size
    size = max(math.fsum(abs(term) for term in each), least * len(each)) or 1.0
    for kind, got, want, scale in (
        ("", call(), total / count, size / count),
        (", mean", call(reduction="mean"), total / count, size / count),
        (", sum", call(reduction="sum"), total, size),
    ):
        worst.add(abs(float(got) - want) / scale / kit.eps(dtype), bound, "eps", label + kind)
    kit.compare(worst, call(reduction="none"), each, bound, label + ", none", dtype, least)


def _classes(kit, worst, dtype):
    torch, f = kit.torch, kit.torch.nn.functional
    labels = [2, 0, 1, 2, 1, 0, 2]
    logits, target = kit.leaf(kit.randn(7, 3, salt=31), dtype), kit.whole(*labels)
    logs = [_logs(row) for row in plain(logits.detach().cpu().double())]
    each = [-row[label] for row, label in zip(logs, labels)]
    still = logits.detach()
    _reduced(kit, worst, "cross_entropy", lambda **o: f.cross_entropy(still, target, **o), each, 16, dtype)
    _reduced(kit, worst, "CrossEntropyLoss", lambda **o: torch.nn.CrossEntropyLoss(**o)(still, target), each, 16, dtype)
    _reduced(kit, worst, "nll_loss", lambda **o: f.nll_loss(f.log_softmax(still, 1), target, **o), each, 16, dtype)
    _reduced(kit, worst, "NLLLoss", lambda **o: torch.nn.NLLLoss(**o)(torch.log_softmax(still, 1), target), each, 16, dtype)
    for label, loss in (("cross_entropy", f.cross_entropy), ("CrossEntropyLoss", torch.nn.CrossEntropyLoss())):
        logits.grad = None
        loss(logits, target).backward()
        want = [[(math.exp(v) - (1.0 if j == at else 0.0)) / 7 for j, v in enumerate(row)] for row, at in zip(logs, labels)]
        kit.compare(worst, logits.grad, want, 16, "gradient of %s, %s" % (label, str(dtype)[6:]), dtype)
    _class_options(kit, worst, dtype, still, target, labels, logs)


def _class_options(kit, worst, dtype, still, target, labels, logs):
    f, short = kit.torch.nn.functional, str(dtype)[6:]
    weights = [0.5, 2.0, 3.0]
    each = [-weights[at] * row[at] for row, at in zip(logs, labels)]
    call = lambda **o: f.cross_entropy(still, target, kit.of(weights, dtype), **o)
    _reduced(kit, worst, "cross_entropy, class weights", call, each, 16, dtype, [weights[at] for at in labels])
    call = lambda **o: f.nll_loss(f.log_softmax(still, 1), target, kit.of(weights, dtype), **o)
    _reduced(kit, worst, "nll_loss, class weights", call, each, 16, dtype, [weights[at] for at in labels])
    smooth = [-(0.9 * row[at] + 0.1 * math.fsum(row) / 3) for row, at in zip(logs, labels)]
    call = lambda **o: f.cross_entropy(still, target, label_smoothing=0.1, **o)
    _reduced(kit, worst, "label smoothing", call, smooth, 32, dtype)
    both = [-0.9 * weights[at] * row[at] - 0.1 * math.fsum(w * v for w, v in zip(weights, row)) / 3 for row, at in zip(logs, labels)]
    call = lambda **o: f.cross_entropy(still, target, kit.of(weights, dtype), label_smoothing=0.1, **o)
    _reduced(kit, worst, "label smoothing with class weights", call, both, 32, dtype, [weights[at] for at in labels])
    kept = [-row[at] for row, at in zip(logs, labels) if at != 1]
    got = f.cross_entropy(still, target, ignore_index=1)
    kit.compare(worst, got, [math.fsum(kept) / len(kept)], 16, "ignore_index, %s" % short, dtype)
    masked = kit.whole(*[at if n else -100 for n, at in enumerate(labels)])
    rest = [-row[at] for row, at in list(zip(logs, labels))[1:]]
    kit.compare(worst, f.cross_entropy(still, masked), [math.fsum(rest) / 6], 16, "target -100, %s" % short, dtype)
    soft = [[0.2, 0.3, 0.5]] * 7
    mixed = [-math.fsum(p * v for p, v in zip(share, row)) for share, row in zip(soft, logs)]
    got = f.cross_entropy(still, kit.of(soft, dtype))
    kit.compare(worst, got, [math.fsum(mixed) / 7], 16, "targets as shares, %s" % short, dtype)
    image = still[:6].reshape(1, 6, 3).permute(0, 2, 1)
    per_pixel = [-row[at] for row, at in list(zip(logs, labels))[:6]]
    got = f.cross_entropy(image, target[None, :6])
    kit.compare(worst, got, [math.fsum(per_pixel) / 6], 16, "a class per pixel, %s" % short, dtype)


def _distances(kit, worst, dtype):
    torch, f = kit.torch, kit.torch.nn.functional
    a, b = kit.to(kit.randn(40, salt=32), dtype), kit.to(kit.randn(40, salt=33), dtype)
    apart = [x - y for x, y in zip(kit.numbers(a), kit.numbers(b))]
    table = (
        ("mse_loss", "MSELoss", {}, [d * d for d in apart], lambda d: 2 * d),
        ("l1_loss", "L1Loss", {}, [abs(d) for d in apart], lambda d: math.copysign(1, d)),
        ("smooth_l1_loss", "SmoothL1Loss", {}, [_smooth(d, 1.0) for d in apart], lambda d: max(-1.0, min(1.0, d))),
        ("smooth_l1_loss", "SmoothL1Loss", {"beta": 0.5}, [_smooth(d, 0.5) for d in apart], None),
        ("huber_loss", "HuberLoss", {}, [_smooth(d, 1.0) for d in apart], lambda d: max(-1.0, min(1.0, d))),
        ("huber_loss", "HuberLoss", {"delta": 2.0}, [2.0 * _smooth(d, 2.0) for d in apart], None),
    )
    for name, module, options, each, slope in table:
        function, cls = getattr(f, name), getattr(torch.nn, module)
        label = name + "".join(", %s=%s" % item for item in sorted(options.items()))
        _reduced(kit, worst, label, lambda **o: function(a, b, **dict(options, **o)), each, 16, dtype)
        _reduced(kit, worst, module, lambda **o: cls(**dict(options, **o))(a, b), each, 16, dtype)
        # the mean is over all elements, not over the rows
        square = function(a.reshape(8, 5), b.reshape(8, 5), **options)
        kit.compare(worst, square, [math.fsum(each) / 40], 16, "%s of 8 rows of 5, %s" % (label, str(dtype)[6:]), dtype)
        if slope:
            leaf = a.clone().requires_grad_(True)
            function(leaf, b).backward()
            kit.compare(worst, leaf.grad, [slope(d) / 40 for d in apart], 16, "gradient of %s, %s" % (name, str(dtype)[6:]), dtype)


def _smooth(d, beta):
    return 0.5 * d * d / beta if abs(d) < beta else abs(d) - 0.5 * beta


def _softplus(v):
    return math.log1p(math.exp(-abs(v))) + max(v, 0.0)


def _binary(kit, worst, dtype):
    torch, f = kit.torch, kit.torch.nn.functional
    logits, target = kit.to(kit.randn(40, salt=34), dtype), kit.to(torch.sigmoid(kit.randn(40, salt=35)), dtype)
    x, t = kit.numbers(logits), kit.numbers(target)
    each = [v * _softplus(-u) + (1 - v) * _softplus(u) for u, v in zip(x, t)]
    chance = torch.sigmoid(logits)
    p = kit.numbers(chance)
    by_chance = [-(v * math.log(u) + (1 - v) * math.log(1 - u)) for u, v in zip(p, t)]
    with_logits = f.binary_cross_entropy_with_logits
    _reduced(kit, worst, "BCE", lambda **o: f.binary_cross_entropy(chance, target, **o), by_chance, 32, dtype)
    _reduced(kit, worst, "BCELoss", lambda **o: torch.nn.BCELoss(**o)(chance, target), by_chance, 32, dtype)
    _reduced(kit, worst, "BCE with logits", lambda **o: with_logits(logits, target, **o), each, 16, dtype)
    square = with_logits(logits.reshape(8, 5), target.reshape(8, 5))
    kit.compare(worst, square, [math.fsum(each) / 40], 16, "BCE of 8 rows of 5, %s" % str(dtype)[6:], dtype)
    _reduced(kit, worst, "BCEWithLogitsLoss", lambda **o: torch.nn.BCEWithLogitsLoss(**o)(logits, target), each, 16, dtype)
    heavy = [3 * v * _softplus(-u) + (1 - v) * _softplus(u) for u, v in zip(x, t)]
    call = lambda **o: with_logits(logits, target, pos_weight=kit.of([3.0], dtype), **o)
    _reduced(kit, worst, "BCE, pos_weight", call, heavy, 16, dtype)
    leaf = logits.clone().requires_grad_(True)
    with_logits(leaf, target).backward()
    want = [(1 / (1 + math.exp(-u)) - v) / 40 for u, v in zip(x, t)]
    kit.compare(worst, leaf.grad, want, 32, "gradient of BCE with logits, %s" % str(dtype)[6:], dtype)


def losses_more(kit, worst):
    """KL, hinge, margin, ranking, cosine, triplet, Poisson, Gaussian and CTC losses against their formulas, with gradients."""
    for dtype in kit.dtypes("float32", "float64"):
        _divergence(kit, worst, dtype)
        _margins(kit, worst, dtype)
        _densities(kit, worst, dtype)
    _ctc(kit, worst)
    _gradients(kit, worst)


def _divergence(kit, worst, dtype):
    f, torch = kit.torch.nn.functional, kit.torch
    a = kit.to(torch.log_softmax(kit.randn(6, 5, salt=36), 1), dtype)
    b = kit.to(torch.softmax(kit.randn(6, 5, salt=37), 1), dtype)
    x, t = kit.numbers(a), kit.numbers(b)
    each = [v * (math.log(v) - u) for u, v in zip(x, t)]
    short = str(dtype)[6:]
    # terms of both signs cancel: the bound is in terms of their size
    size = math.fsum(abs(v) for v in each)
    for label, got, want in (
        ("kl_div, batchmean", f.kl_div(a, b, reduction="batchmean"), math.fsum(each) / 6),
        ("kl_div, sum", f.kl_div(a, b, reduction="sum"), math.fsum(each)),
        ("kl_div, mean", f.kl_div(a, b, reduction="mean"), math.fsum(each) / 30),
        ("KLDivLoss", torch.nn.KLDivLoss(reduction="batchmean")(a, b), math.fsum(each) / 6),
        ("kl_div, log_target", f.kl_div(a, b.log(), reduction="sum", log_target=True), math.fsum(each)),
    ):
        worst.add(abs(float(got) - want) / size / kit.eps(dtype), 64, "eps", "%s, %s" % (label, short))


def _margins(kit, worst, dtype):
    torch, f = kit.torch, kit.torch.nn.functional
    a, b = kit.to(kit.randn(8, 4, salt=38), dtype), kit.to(kit.randn(8, 4, salt=39), dtype)
    signs = [1, -1, 1, 1, -1, -1, 1, -1]
    y = kit.of([float(s) for s in signs], dtype)
    x, z = plain(a.cpu().double()), plain(b.cpu().double())
    u, v = [row[0] for row in x], [row[0] for row in z]
    cosines = [_dot(p, q) / math.sqrt(_dot(p, p) * _dot(q, q)) for p, q in zip(x, z)]
    # the loss, unlike the similarity, adds 1e-12 to both squares
    steady = [_dot(p, q) / math.sqrt((_dot(p, p) + 1e-12) * (_dot(q, q) + 1e-12)) for p, q in zip(x, z)]
    far = [math.sqrt(math.fsum((r - s + 1e-6) ** 2 for r, s in zip(p, q))) for p, q in zip(x, z)]
    near = [math.sqrt(math.fsum((r - 2 * s + 1e-6) ** 2 for r, s in zip(p, q))) for p, q in zip(x, z)]
    table = (
        ("hinge_embedding_loss", lambda **o: f.hinge_embedding_loss(a[:, 0], y, **o), [p if s > 0 else max(0.0, 1 - p) for p, s in zip(u, signs)]),
        ("margin_ranking_loss", lambda **o: f.margin_ranking_loss(a[:, 0], b[:, 0], y, margin=0.3, **o), [max(0.0, -s * (p - q) + 0.3) for p, q, s in zip(u, v, signs)]),
        ("soft_margin_loss", lambda **o: f.soft_margin_loss(a[:, 0], y, **o), [_softplus(-s * p) for p, s in zip(u, signs)]),
        ("cosine_embedding_loss", lambda **o: f.cosine_embedding_loss(a, b, y, margin=0.1, **o), [1 - c if s > 0 else max(0.0, c - 0.1) for c, s in zip(steady, signs)]),
        ("triplet_margin_loss", lambda **o: f.triplet_margin_loss(a, b, 2 * b, margin=0.7, **o), [max(0.0, p - q + 0.7) for p, q in zip(far, near)]),
        ("TripletMarginLoss", lambda **o: torch.nn.TripletMarginLoss(**o)(a, b, 2 * b), [max(0.0, p - q + 1) for p, q in zip(far, near)]),
        ("CosineEmbeddingLoss", lambda **o: torch.nn.CosineEmbeddingLoss(**o)(a, b, y), [1 - c if s > 0 else max(0.0, c) for c, s in zip(steady, signs)]),
        ("multi_margin_loss", lambda **o: f.multi_margin_loss(a, kit.whole(*([0, 3] * 4)), **o), [math.fsum(max(0.0, 1 - row[at] + w) for j, w in enumerate(row) if j != at) / 4 for row, at in zip(x, [0, 3] * 4)]),
        ("multilabel_soft_margin_loss", lambda **o: f.multilabel_soft_margin_loss(a, (b > 0).to(dtype), **o), [math.fsum(_softplus(-w if t > 0 else w) for w, t in zip(row, other)) / 4 for row, other in zip(x, z)]),
    )
    for name, call, each in table:
        # most of the terms may be nothing, and the rest small differences of distances and margins that are about one
        _reduced(kit, worst, name, call, each, 64, dtype, least=1.0)
    kit.compare(worst, f.cosine_similarity(a, b), cosines, 32, "cosine_similarity, %s" % str(dtype)[6:], dtype)


def _dot(p, q):
    return math.fsum(r * s for r, s in zip(p, q))


def _densities(kit, worst, dtype):
    f = kit.torch.nn.functional
    a, b = kit.to(kit.randn(20, salt=44), dtype), kit.to(kit.randn(20, salt=45).abs() + 0.2, dtype)
    x, z = kit.numbers(a), kit.numbers(b)
    poisson = [math.exp(u) - v * u for u, v in zip(x, z)]
    _reduced(kit, worst, "poisson_nll_loss", lambda **o: f.poisson_nll_loss(a, b, **o), poisson, 64, dtype)
    gauss = [0.5 * (math.log(v) + u * u / v) for u, v in zip(x, z)]
    _reduced(kit, worst, "gaussian_nll_loss", lambda **o: f.gaussian_nll_loss(a, a * 0, b, **o), gauss, 64, dtype)


def _ctc(kit, worst):
    """CTC against the sum over all alignments, which for five steps and three symbols can be listed."""
    torch, f = kit.torch, kit.torch.nn.functional
    logs = torch.log_softmax(kit.to(kit.randn(5, 1, 3, salt=46)), 2)
    rows = plain(logs[:, 0].cpu().double())
    wanted = [1, 2]
    total = 0.0
    for path in itertools.product(range(3), repeat=5):
        merged = [s for n, s in enumerate(path) if n == 0 or path[n - 1] != s]
        if [s for s in merged if s] == wanted:
            total += math.exp(math.fsum(row[s] for row, s in zip(rows, path)))
    got = f.ctc_loss(logs, kit.of([wanted], torch.int64), kit.whole(5), kit.whole(2), reduction="sum")
    kit.compare(worst, got, [-math.log(total)], 64, "ctc_loss", torch.float32)
    got = f.ctc_loss(logs, kit.of([wanted], torch.int64), kit.whole(5), kit.whole(2))
    kit.compare(worst, got, [-math.log(total) / 2], 64, "ctc_loss, mean over the target", torch.float32)


def _gradients(kit, worst):
    f, torch = kit.torch.nn.functional, kit.torch
    x = (torch.round(kit.randn(6, 4, salt=47) * 16) + 0.37) / 16
    target = kit.to(torch.softmax(kit.randn(6, 4, salt=48), 1), torch.float64) if kit.has_float64 else None
    labels, signs = kit.whole(0, 1, 2, 3, 0, 1), kit.of([1.0, -1.0, 1.0, -1.0, 1.0, -1.0], kit.finest)
    table = (
        ("cross_entropy, label smoothing", lambda t: f.cross_entropy(t, labels, label_smoothing=0.2)),
        ("cross_entropy, shares", lambda t: f.cross_entropy(t, target)),
        ("cross_entropy, ignore_index", lambda t: f.cross_entropy(t, labels, ignore_index=0)),
        ("nll_loss", lambda t: f.nll_loss(f.log_softmax(t, 1), labels)),
        ("kl_div", lambda t: f.kl_div(f.log_softmax(t, 1), target, reduction="batchmean")),
        ("mse_loss", lambda t: f.mse_loss(t, target)),
        ("l1_loss", lambda t: f.l1_loss(t, 0 * target)),
        ("huber_loss", lambda t: f.huber_loss(t, 0 * target, delta=0.5)),
        ("smooth_l1_loss", lambda t: f.smooth_l1_loss(t, 0 * target, beta=0.5)),
        ("binary_cross_entropy", lambda t: f.binary_cross_entropy(torch.sigmoid(t), target)),
        ("binary_cross_entropy_with_logits", lambda t: f.binary_cross_entropy_with_logits(t, target, pos_weight=target[0])),
        ("soft_margin_loss", lambda t: f.soft_margin_loss(t[:, 0], signs)),
        ("cosine_embedding_loss", lambda t: f.cosine_embedding_loss(t, target, signs * 0 + 1)),
        ("multilabel_soft_margin_loss", lambda t: f.multilabel_soft_margin_loss(t, (target > 0.25).to(t))),
        ("gaussian_nll_loss", lambda t: f.gaussian_nll_loss(t, target, target + 1)),
        ("poisson_nll_loss", lambda t: f.poisson_nll_loss(t, target)),
        ("ctc_loss", lambda t: f.ctc_loss(f.log_softmax(t[:, None], 2), kit.of([[1, 2]], torch.int64), kit.whole(6), kit.whole(2))),
    )
    for name, function in table:
        kit.slopes(worst, name, x, function)


CHECKS = {
    "loss.mean": losses_mean,
    "loss.more": losses_more,
}
