"""Checks of norms: batch, layer, group, instance, RMS, local response. References in plain Python."""

import math

from ptsetup_bench_main import plain


def norm_forms(kit, worst):
    """Batch, layer, group, instance, RMS and local response norm: formulas in training and evaluation, running statistics."""
    for dtype in kit.dtypes("float32", "float64"):
        _batch_norm(kit, worst, dtype)
        _other_norms(kit, worst, dtype)
    _statistics(kit, worst)


def _standard(numbers, eps=1e-5):
    mean = math.fsum(numbers) / len(numbers)
    variance = math.fsum((v - mean) ** 2 for v in numbers) / len(numbers)
    return [(v - mean) / math.sqrt(variance + eps) for v in numbers]


def _batch_norm(kit, worst, dtype):
    torch = kit.torch
    x = kit.to(kit.randn(4, 6, 3, salt=111) * 2 + 1, dtype)
    samples = plain(x.cpu().double())
    layer = torch.nn.BatchNorm1d(6, momentum=0.3, dtype=dtype, device=kit.device)
    with torch.no_grad():
        layer.weight.copy_(kit.to(kit.randn(6, salt=112), dtype))
        layer.bias.copy_(kit.to(kit.randn(6, salt=113), dtype))
    w, b = kit.numbers(layer.weight), kit.numbers(layer.bias)
    columns = [[v for sample in samples for v in sample[c]] for c in range(6)]
    means = [math.fsum(column) / 12 for column in columns]
    biased = [math.fsum((v - m) ** 2 for v in column) / 12 for column, m in zip(columns, means)]

    def formula(mean, variance):
        return [[[(v - mean[c]) / math.sqrt(variance[c] + 1e-5) * w[c] + b[c] for v in row] for c, row in enumerate(s)] for s in samples]

    short = str(dtype)[6:]
    kit.compare(worst, layer(x), formula(means, biased), 32, "batch norm, training, %s" % short, dtype)
    kit.compare(worst, layer.running_mean, [0.3 * m for m in means], 32, "running mean, %s" % short, dtype)
    kit.compare(worst, layer.running_var, [0.7 + 0.3 * v * 12 / 11 for v in biased], 32, "running variance, %s" % short, dtype)
    layer.eval()
    before = plain(layer.running_mean)
    rm, rv = kit.numbers(layer.running_mean), kit.numbers(layer.running_var)
    kit.compare(worst, layer(x), formula(rm, rv), 32, "batch norm, evaluation, %s" % short, dtype)
    worst.equal(plain(layer.running_mean) == before, "evaluation leaves the statistics alone")
    image = x.reshape(4, 6, 3, 1).expand(4, 6, 3, 2)
    for label, flat in (("BatchNorm2d", image), ("BatchNorm2d, channels_last", image.contiguous(memory_format=torch.channels_last))):
        two = torch.nn.BatchNorm2d(6, dtype=dtype, device=kit.device)
        want = [[[[(v - means[c]) / math.sqrt(biased[c] + 1e-5)] * 2 for v in row] for c, row in enumerate(s)] for s in samples]
        kit.compare(worst, two(flat), want, 64, "%s, %s" % (label, short), dtype)


def _other_norms(kit, worst, dtype):
    torch, f, short = kit.torch, kit.torch.nn.functional, str(dtype)[6:]
    x = kit.to(kit.randn(4, 6, 3, salt=114) * 2 + 1, dtype)
    samples = plain(x.cpu().double())
    rows = [[_standard(row) for row in sample] for sample in samples]
    groups = [[_standard([v for row in sample[g : g + 3] for v in row]) for g in (0, 3)] for sample in samples]
    whole = [_standard([v for row in sample for v in row]) for sample in samples]
    w, b = kit.to(kit.randn(6, salt=115), dtype), kit.to(kit.randn(6, salt=116), dtype)
    factor, shift = kit.numbers(w), kit.numbers(b)
    scaled = [[[v * factor[3 * g + n // 3] + shift[3 * g + n // 3] for n, v in enumerate(part)] for g, part in enumerate(s)] for s in groups]
    affine_rows = [[[v * factor[n] + shift[n] for n, v in enumerate(row)] for row in s] for s in rows]
    for label, got, want in (
        ("layer_norm", f.layer_norm(x, (3,)), rows),
        ("torch.layer_norm", torch.layer_norm(x, (3,)), rows),
        ("layer_norm, affine", f.layer_norm(x, (3,), w[:3], b[:3]), affine_rows),
        ("layer_norm over two dimensions", f.layer_norm(x, (6, 3)), whole),
        ("nn.LayerNorm", torch.nn.LayerNorm(3, dtype=dtype, device=kit.device)(x), rows),
        ("group_norm", f.group_norm(x, 2), groups),
        ("group_norm, affine", f.group_norm(x, 2, w, b), scaled),
        ("nn.GroupNorm", torch.nn.GroupNorm(2, 6, dtype=dtype, device=kit.device)(x), groups),
        ("instance_norm", f.instance_norm(x), rows),
        ("nn.InstanceNorm1d", torch.nn.InstanceNorm1d(6)(x), rows),
    ):
        kit.compare(worst, got, want, 64, "%s, %s" % (label, short), dtype)
    big_eps = [[_standard(row, 0.5) for row in sample] for sample in samples]
    kit.compare(worst, f.layer_norm(x, (3,), eps=0.5), big_eps, 64, "layer_norm, eps, %s" % short, dtype)
    if hasattr(f, "rms_norm"):
        root = [[[v / math.sqrt(math.fsum(u * u for u in row) / 3 + 1e-6) for v in row] for row in sample] for sample in samples]
        kit.compare(worst, f.rms_norm(x, (3,), eps=1e-6), root, 64, "rms_norm, %s" % short, dtype)
        kit.compare(worst, torch.nn.RMSNorm(3, eps=1e-6, dtype=dtype, device=kit.device)(x), root, 64, "nn.RMSNorm, %s" % short, dtype)
    flat = [[math.sqrt(math.fsum(v * v for v in row)) for row in sample] for sample in samples]
    want = [[[v / n for v in row] for row, n in zip(sample, norms)] for sample, norms in zip(samples, flat)]
    kit.compare(worst, f.normalize(x, dim=2), want, 64, "normalize, %s" % short, dtype)
    # two neighbours on one side: size 2 looks at the channel before and the channel itself
    local = [[[v / (1 + 0.5 * (v * v + (sample[c - 1][n] ** 2 if c else 0)) / 2) ** 0.75 for n, v in enumerate(row)] for c, row in enumerate(sample)] for sample in samples]
    kit.compare(worst, f.local_response_norm(x, 2, alpha=0.5), local, 64, "local_response_norm, %s" % short, dtype)


def _statistics(kit, worst):
    """Statistics of batch norm over several batches: momentum, cumulative average, none, and the difference of the two modes."""
    torch = kit.torch
    batches = [kit.to(kit.randn(16, 2, salt=117 + n) + n) for n in range(3)]
    means = [[math.fsum(column) / 16 for column in zip(*plain(b.cpu().double()))] for b in batches]
    moving, total = torch.nn.BatchNorm1d(2).to(kit.device), torch.nn.BatchNorm1d(2, momentum=None).to(kit.device)
    free = torch.nn.BatchNorm1d(2, track_running_stats=False).to(kit.device)
    for batch in batches:
        moving(batch)
        total(batch)
    want = [0.0, 0.0]
    for mean in means:
        want = [0.9 * w + 0.1 * m for w, m in zip(want, mean)]
    kit.compare(worst, moving.running_mean, want, 32, "running mean of three batches, momentum 0.1")
    kit.compare(worst, total.running_mean, [sum(m[c] for m in means) / 3 for c in range(2)], 32, "cumulative mean of three batches")
    worst.same([plain(moving.num_batches_tracked)], [3], "batches counted")
    trained = free(batches[0])
    kit.compare(worst, free.eval()(batches[0]), trained.detach(), 16, "without running statistics both modes agree")
    moving.reset_running_stats()
    worst.same([moving.running_mean, moving.running_var], [[0.0, 0.0], [1.0, 1.0]], "reset_running_stats")
    worst.refuses(lambda: torch.nn.BatchNorm1d(2)(torch.zeros(1, 2)), ValueError, "one value per channel in training")


CHECKS = {
    "norm.forms": norm_forms,
}
