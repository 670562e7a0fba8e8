"""Checks of the options of losses: weights, margins, powers, full terms, ignored targets, lengths. References: formulas in plain Python."""

import itertools
import math

A = ((0.5, -1.0, 2.0), (1.5, 0.25, -0.75), (-2.0, 1.0, 0.5), (0.0, 3.0, -1.5))
B = ((1.0, 0.5, 1.5), (-0.5, 0.75, 0.25), (-1.0, 2.0, -0.5), (2.0, 1.0, 0.5))
C = ((0.25, -1.5, 1.0), (1.0, 1.25, -1.0), (3.0, -1.0, 0.0), (0.5, 2.5, -2.0))
"""Fixed rows: which terms of a margin are nothing does not hang on the seed."""


def _logs(row):
    top = max(row)
    total = top + math.log(math.fsum(math.exp(v - top) for v in row))
    return [v - total for v in row]


def _softplus(v):
    return math.log1p(math.exp(-abs(v))) + max(v, 0.0)


def _all_ways(kit, worst, name, call, each, dtype, count=None, bound=64):
    """The three reductions of a loss; ``count``: what the mean is divided by."""
    total, short = math.fsum(each), str(dtype)[6:]
    size = (math.fsum(abs(v) for v in each) or 1.0) + 1.0
    worst.add(abs(float(call(reduction="sum")) - total) / size / kit.eps(dtype), bound, "eps", "%s, sum, %s" % (name, short))
    mean = total / (count or len(each))
    worst.add(abs(float(call(reduction="mean")) - mean) / size / kit.eps(dtype), bound, "eps", "%s, mean, %s" % (name, short))
    worst.add(abs(float(call()) - mean) / size / kit.eps(dtype), bound, "eps", "%s, %s" % (name, short))
    kit.compare(worst, call(reduction="none"), each, bound, "%s, none, %s" % (name, short), dtype, 1.0)


def losses_options(kit, worst):
    """Options of losses: weights per class, margins, powers, swaps, ignored targets, targets as shares, full terms, lengths."""
    for dtype in kit.dtypes("float32", "float64"):
        _classes(kit, worst, dtype)
        _shares(kit, worst, dtype)
        _margins(kit, worst, dtype)
        _triplets(kit, worst, dtype)
        _densities(kit, worst, dtype)
        _binary(kit, worst, dtype)
    _lengths(kit, worst)
    _adaptive(kit, worst)


def _classes(kit, worst, dtype):
    """Class weights, ignored targets and smoothing together, also per pixel."""
    torch, f = kit.torch, kit.torch.nn.functional
    logs, labels, weights = [_logs(row) for row in A], [2, 0, 1, 2], [0.5, 2.0, 3.0]
    x, w = kit.of(A, dtype), kit.of(weights, dtype)
    for ignored in (1, -100, -1):
        at = [ignored if ignored < 0 and n == 1 else label for n, label in enumerate(labels)]
        kept = [label != ignored for label in at]
        for smooth in (0.0, 0.2):
            each = []
            for row, label, is_kept in zip(logs, at, kept):
                even = math.fsum(v * u for v, u in zip(weights, row)) / 3
                each.append(-(1 - smooth) * weights[label] * row[label] - smooth * even if is_kept else 0.0)
            count = math.fsum(weights[label] for label, is_kept in zip(at, kept) if is_kept)
            name = "cross_entropy, weights, ignore_index %d, smoothing %s" % (ignored, smooth)
            call = lambda **o: f.cross_entropy(x, kit.whole(*at), w, ignore_index=ignored, label_smoothing=smooth, **o)
            _all_ways(kit, worst, name, call, each, dtype, count)
            module = torch.nn.CrossEntropyLoss(w, ignore_index=ignored, label_smoothing=smooth)
            worst.add(abs(float(module(x, kit.whole(*at))) - math.fsum(each) / count) / kit.eps(dtype), 64, "eps", "nn." + name)
            if not smooth:
                call = lambda **o: f.nll_loss(torch.log_softmax(x, 1), kit.whole(*at), w, ignore_index=ignored, **o)
                _all_ways(kit, worst, name.replace("cross_entropy", "nll_loss"), call, each, dtype, count)
        # the same four rows as the pixels of one image
        each = [-weights[label] * row[label] if k else 0.0 for row, label, k in zip(logs, at, kept)]
        image, target = x.t().reshape(1, 3, 2, 2), kit.whole(*at).reshape(1, 2, 2)
        count = math.fsum(weights[label] for label, k in zip(at, kept) if k)
        call = lambda **o: f.cross_entropy(image, target, w, ignore_index=ignored, **o)
        _all_ways(kit, worst, "cross_entropy per pixel, ignore_index %d" % ignored, call, each, dtype, count)
    worst.equal(math.isnan(float(f.cross_entropy(x, kit.whole(-100, -100, -100, -100)))), "the mean of no target at all is no number")


def _shares(kit, worst, dtype):
    """Targets as shares, with class weights and smoothing; KL in all forms."""
    torch, f = kit.torch, kit.torch.nn.functional
    logs, soft, weights = [_logs(row) for row in A], [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]], [0.5, 2.0, 3.0]
    x, t, w = kit.of(A, dtype), kit.of(soft, dtype), kit.of(weights, dtype)
    for smooth in (0.0, 0.3):
        mixed = [[(1 - smooth) * p + smooth / 3 for p in share] for share in soft]
        each = [-math.fsum(c * p * v for c, p, v in zip(weights, share, row)) for share, row in zip(mixed, logs)]
        call = lambda **o: f.cross_entropy(x, t, w, label_smoothing=smooth, **o)
        _all_ways(kit, worst, "cross_entropy of shares, weights, smoothing %s" % smooth, call, each, dtype)
    each = [p * (math.log(p) - v) if p else 0.0 for share, row in zip(soft, logs) for p, v in zip(share, row)]
    given = torch.log_softmax(x, 1)
    _all_ways(kit, worst, "kl_div with zeros", lambda **o: f.kl_div(given, t, **o), each, dtype)
    other = torch.log_softmax(kit.of(B, dtype), 1)
    each = [math.exp(u) * (u - v) for rows in zip(map(_logs, B), logs) for u, v in zip(*rows)]
    _all_ways(kit, worst, "kl_div, log_target", lambda **o: f.kl_div(given, other, log_target=True, **o), each, dtype)
    module = torch.nn.KLDivLoss(reduction="batchmean", log_target=True)
    worst.add(abs(float(module(given, other)) - math.fsum(each) / 4) / kit.eps(dtype), 64, "eps", "KLDivLoss, log_target, %s" % str(dtype)[6:])


def _margins(kit, worst, dtype):
    torch, f = kit.torch, kit.torch.nn.functional
    a, b, signs, at, weights = kit.of(A, dtype), kit.of(B, dtype), [1, -1, -1, 1], [2, 0, 1, 0], [0.5, 2.0, 3.0]
    y, target, w = kit.of([float(s) for s in signs], dtype), kit.whole(*at), kit.of(weights, dtype)
    dot = lambda p, q: math.fsum(u * v for u, v in zip(p, q))
    cosines = [dot(p, q) / math.sqrt((dot(p, p) + 1e-12) * (dot(q, q) + 1e-12)) for p, q in zip(A, B)]

    def several(p, margin, weighted):
        found = []
        for row, label in zip(A, at):
            terms = [max(0.0, margin - row[label] + v) ** p for j, v in enumerate(row) if j != label]
            found.append((weights[label] if weighted else 1.0) * math.fsum(terms) / 3)
        return found

    binary = [[1, 0, 1], [0, 1, 1], [0, 0, 0], [1, 1, 0]]
    soft = [math.fsum(c * _softplus(-v if t else v) for c, v, t in zip(weights, row, ts)) / 3 for row, ts in zip(A, binary)]
    # targets of multilabel_margin end at the first -1
    named = [[2, 0, -1], [1, -1, 0], [0, 1, 2], [-1, 0, 1]]
    chosen = [[2, 0], [1], [0, 1, 2], []]
    multi = [math.fsum(max(0.0, 1 - (row[t] - row[j])) for t in ts for j in range(3) if j not in ts) / 3 for row, ts in zip(A, chosen)]
    for name, call, each in (
        ("multi_margin_loss, p 2", lambda **o: f.multi_margin_loss(a, target, p=2, **o), several(2, 1.0, False)),
        ("multi_margin_loss, margin 2, weights", lambda **o: f.multi_margin_loss(a, target, margin=2.0, weight=w, **o), several(1, 2.0, True)),
        ("MultiMarginLoss, p 2, margin 0.5", lambda **o: torch.nn.MultiMarginLoss(2, 0.5, **o)(a, target), several(2, 0.5, False)),
        ("multilabel_margin_loss", lambda **o: f.multilabel_margin_loss(a, kit.of(named, torch.int64), **o), multi),
        ("multilabel_soft_margin_loss, weights", lambda **o: f.multilabel_soft_margin_loss(a, kit.of(binary, dtype), w, **o), soft),
        ("hinge_embedding_loss, margin 2", lambda **o: f.hinge_embedding_loss(a[:, 2], y, margin=2.0, **o), [r[2] if s > 0 else max(0.0, 2 - r[2]) for r, s in zip(A, signs)]),
        ("cosine_embedding_loss, margin -0.5", lambda **o: f.cosine_embedding_loss(a, b, y, margin=-0.5, **o), [1 - c if s > 0 else max(0.0, c + 0.5) for c, s in zip(cosines, signs)]),
        ("CosineEmbeddingLoss, margin 0.25", lambda **o: torch.nn.CosineEmbeddingLoss(0.25, **o)(a, b, y), [1 - c if s > 0 else max(0.0, c - 0.25) for c, s in zip(cosines, signs)]),
        ("margin_ranking_loss, no margin", lambda **o: f.margin_ranking_loss(a[:, 0], b[:, 0], y, **o), [max(0.0, -s * (p[0] - q[0])) for p, q, s in zip(A, B, signs)]),
        ("MarginRankingLoss, margin 2", lambda **o: torch.nn.MarginRankingLoss(2.0, **o)(a[:, 0], b[:, 0], y), [max(0.0, -s * (p[0] - q[0]) + 2) for p, q, s in zip(A, B, signs)]),
        ("huber_loss, delta 0.75", lambda **o: f.huber_loss(a, b, delta=0.75, **o), [0.5 * d * d if abs(d) < 0.75 else 0.75 * (abs(d) - 0.375) for p, q in zip(A, B) for d in [p[i] - q[i] for i in range(3)]]),
        ("smooth_l1_loss, beta 0", lambda **o: f.smooth_l1_loss(a, b, beta=0.0, **o), [abs(u - v) for p, q in zip(A, B) for u, v in zip(p, q)]),
    ):
        _all_ways(kit, worst, name, call, each, dtype)


def _distance(p, q, power, eps=1e-6):
    return math.fsum(abs(u - v + eps) ** power for u, v in zip(p, q)) ** (1.0 / power)


def _triplets(kit, worst, dtype):
    torch, f = kit.torch, kit.torch.nn.functional
    # in this order the swap is felt: the first of A is nearer to that of C than the anchor, that of B
    anchors, nears = B, A
    a, b, c = (kit.of(rows, dtype) for rows in (anchors, nears, C))
    for power in (1, 2, 3):
        for swap in (False, True):
            each = []
            for p, q, r in zip(anchors, nears, C):
                far = _distance(p, r, power)
                far = min(far, _distance(q, r, power)) if swap else far
                each.append(max(0.0, _distance(p, q, power) - far + 1.5))
            options = {"margin": 1.5, "p": power, "swap": swap}
            _all_ways(kit, worst, "triplet_margin_loss, p %d, swap=%s" % (power, swap), lambda **o: f.triplet_margin_loss(a, b, c, **dict(options, **o)), each, dtype)
            _all_ways(kit, worst, "TripletMarginLoss, p %d, swap=%s" % (power, swap), lambda **o: torch.nn.TripletMarginLoss(**dict(options, **o))(a, b, c), each, dtype)
        kit.compare(worst, f.pairwise_distance(a, b, p=power, keepdim=True), [[_distance(p, q, power)] for p, q in zip(anchors, nears)], 64, "pairwise_distance, p %d, %s" % (power, str(dtype)[6:]), dtype)
    own = lambda s, t: (s - t).abs().sum(1)
    for swap in (False, True):
        each = []
        for p, q, r in zip(anchors, nears, C):
            far = _distance(p, r, 1, 0)
            each.append(max(0.0, _distance(p, q, 1, 0) - (min(far, _distance(q, r, 1, 0)) if swap else far) + 0.5))
        call = lambda **o: f.triplet_margin_with_distance_loss(a, b, c, distance_function=own, margin=0.5, swap=swap, **o)
        _all_ways(kit, worst, "triplet loss with an own distance, swap=%s" % swap, call, each, dtype)
    columns = list(zip(*anchors)), list(zip(*nears))
    want = [math.fsum(u * v for u, v in zip(p, q)) / math.sqrt(math.fsum(u * u for u in p) * math.fsum(v * v for v in q)) for p, q in zip(*columns)]
    kit.compare(worst, f.cosine_similarity(a, b, dim=0), want, 32, "cosine_similarity of columns, %s" % str(dtype)[6:], dtype)


def _densities(kit, worst, dtype):
    f = kit.torch.nn.functional
    x, t, v = [0.5, -1.0, 2.0, 0.25], [0.5, 1.0, 2.5, 4.0], [0.5, 2.0, 1e-9, 1.5]
    given, target, spread = kit.of(x, dtype), kit.of(t, dtype), kit.of(v, dtype)
    stirling = [w * math.log(w) - w + 0.5 * math.log(2 * math.pi * w) if w > 1 else 0.0 for w in t]
    for full in (False, True):
        each = [math.exp(u) - w * u + (s if full else 0.0) for u, w, s in zip(x, t, stirling)]
        _all_ways(kit, worst, "poisson_nll_loss, full=%s" % full, lambda **o: f.poisson_nll_loss(given, target, full=full, **o), each, dtype)
        means = [u * u + 0.5 for u in x]
        each = [u - w * math.log(u + 1e-8) + (s if full else 0.0) for u, w, s in zip(means, t, stirling)]
        call = lambda **o: f.poisson_nll_loss(given * given + 0.5, target, log_input=False, full=full, **o)
        _all_ways(kit, worst, "poisson_nll_loss of rates, full=%s" % full, call, each, dtype)
        for floor in (1e-6, 0.25):
            each = []
            for u, w, s in zip(x, t, v):
                s = max(s, floor)
                each.append(0.5 * (math.log(s) + (u - w) ** 2 / s) + (0.5 * math.log(2 * math.pi) if full else 0.0))
            if floor > 1e-3:
                call = lambda **o: f.gaussian_nll_loss(given, target, spread, full=full, eps=floor, **o)
                _all_ways(kit, worst, "gaussian_nll_loss, eps %g, full=%s" % (floor, full), call, each, dtype)
    rows, means = kit.of(A, dtype), kit.of(B, dtype)
    wide = kit.of([[0.5], [1.0], [2.0], [4.0]], dtype)
    each = [0.5 * (math.log(s) + (u - w) ** 2 / s) for p, q, s in zip(A, B, (0.5, 1.0, 2.0, 4.0)) for u, w in zip(p, q)]
    _all_ways(kit, worst, "gaussian_nll_loss, one variance per row", lambda **o: f.gaussian_nll_loss(rows, means, wide, **o), each, dtype)


def _binary(kit, worst, dtype):
    f = kit.torch.nn.functional
    y, w, p = [[1.0, 0.0, 1.0], [0.0, 0.5, 1.0], [1.0, 1.0, 0.0], [0.0, 0.25, 0.75]], [0.5, 1.0, 2.0], [3.0, 1.0, 0.25]
    x, t, weight, heavy = kit.of(A, dtype), kit.of(y, dtype), kit.of(w, dtype), kit.of(p, dtype)
    each = [c * (q * v * _softplus(-u) + (1 - v) * _softplus(u)) for row, ts in zip(A, y) for u, v, c, q in zip(row, ts, w, p)]
    call = lambda **o: f.binary_cross_entropy_with_logits(x, t, weight, pos_weight=heavy, **o)
    _all_ways(kit, worst, "BCE with logits, weight and pos_weight", call, each, dtype)
    module = kit.torch.nn.BCEWithLogitsLoss(weight=weight, pos_weight=heavy)
    worst.add(abs(float(module(x, t)) - math.fsum(each) / 12) / kit.eps(dtype), 64, "eps", "BCEWithLogitsLoss, weight and pos_weight")
    each = [c * (v * _softplus(-u) + (1 - v) * _softplus(u)) for row, ts in zip(A, y) for u, v, c in zip(row, ts, w)]
    _all_ways(kit, worst, "BCE, weight", lambda **o: f.binary_cross_entropy(kit.torch.sigmoid(x), t, weight, **o), each, dtype)
    # documented: a logarithm is never below -100
    sure = f.binary_cross_entropy(kit.of([0.0, 1.0, 1.0, 0.0], dtype), kit.of([1.0, 0.0, 1.0, 0.0], dtype), reduction="none")
    worst.same(sure, [100.0, 100.0, 0.0, 0.0], "BCE of chances 0 and 1, %s" % str(dtype)[6:])


def _alignments(rows, wanted, blank):
    """Minus the logarithm of the chance of a text: the sum over all paths that merge to it."""
    total = 0.0
    for path in itertools.product(range(len(rows[0])), repeat=len(rows)):
        merged = [s for n, s in enumerate(path) if n == 0 or path[n - 1] != s]
        if [s for s in merged if s != blank] == wanted:
            total += math.exp(math.fsum(row[s] for row, s in zip(rows, path)))
    return -math.log(total) if total else float("inf")


def _lengths(kit, worst):
    """CTC of a batch of unequal lengths, every reduction, another blank, and a text that does not fit."""
    torch, f = kit.torch, kit.torch.nn.functional
    logs = torch.log_softmax(kit.to(kit.randn(5, 3, 3, salt=402)), 2)
    rows = [logs[:, n].cpu().double().tolist() for n in range(3)]
    steps, texts = (5, 4, 3), {0: [[1, 2], [2], [1, 1]], 2: [[1, 0], [0], [1, 1]]}
    for blank in (0, 2):
        each = [_alignments(r[:s], t, blank) for r, s, t in zip(rows, steps, texts[blank])]
        flat = kit.whole(*[symbol for text in texts[blank] for symbol in text])
        given = (logs, flat, kit.whole(*steps), kit.whole(2, 1, 2), blank)
        kit.compare(worst, f.ctc_loss(*given, reduction="none"), each, 64, "ctc_loss of a batch, none, blank %d" % blank)
        kit.compare(worst, f.ctc_loss(*given, reduction="sum"), [math.fsum(each)], 64, "ctc_loss of a batch, sum, blank %d" % blank)
        mean = math.fsum(v / n for v, n in zip(each, (2, 1, 2))) / 3
        kit.compare(worst, f.ctc_loss(*given), [mean], 64, "ctc_loss of a batch, mean over each text, blank %d" % blank)
        kit.compare(worst, torch.nn.CTCLoss(blank)(*given[:4]), [mean], 64, "CTCLoss, blank %d" % blank)
    short = (logs[:2, :1], kit.whole(1, 1), kit.whole(2), kit.whole(2))
    worst.same(f.ctc_loss(*short, reduction="sum"), float("inf"), "ctc_loss of a text that does not fit")
    worst.same(f.ctc_loss(*short, reduction="sum", zero_infinity=True), 0.0, "ctc_loss, zero_infinity")


def _adaptive(kit, worst):
    """The adaptive softmax: shares of a row sum to one, the output is that of the target, the loss its mean."""
    torch = kit.torch
    torch.manual_seed(kit.seed)
    net = torch.nn.AdaptiveLogSoftmaxWithLoss(6, 9, [3, 6]).to(kit.device)
    x, target = kit.to(kit.randn(5, 6, salt=403)), kit.whole(0, 4, 8, 2, 6)
    logs = net.log_prob(x).detach()
    out, loss = net(x, target)
    kit.compare(worst, logs.exp().sum(1), [1.0] * 5, 32, "adaptive softmax: shares sum to one")
    want = [row[at] for row, at in zip(logs.cpu().double().tolist(), (0, 4, 8, 2, 6))]
    kit.compare(worst, out, want, 64, "adaptive softmax: the output is that of the target")
    kit.compare(worst, loss, [-math.fsum(want) / 5], 64, "adaptive softmax: the loss is the mean")


CHECKS = {
    "loss.options": losses_options,
}
