"""Checks of layers: convolution, pooling, norms, recurrent nets, attention, embedding, activations. References in plain Python."""
import math

from ptsetup_bench_main import Unavailable


def _conv(image, kernel, bias, stride=1, padding=0, dilation=1, groups=1):
    """2-D cross-correlation of nested lists [C][H][W] with [O][C/groups][h][w]."""
    height, width = len(image[0]), len(image[0][0])
    size_y, size_x = len(kernel[0][0]), len(kernel[0][0][0])
    out_y = (height + 2 * padding - dilation * (size_y - 1) - 1) // stride + 1
    out_x = (width + 2 * padding - dilation * (size_x - 1) - 1) // stride + 1
    per_out, per_in = len(kernel) // groups, len(image) // groups
    result = []
    for o, filters in enumerate(kernel):
        first = (o // per_out) * per_in
        plane = []
        for y in range(out_y):
            row = []
            for x in range(out_x):
                terms = [bias[o]]
                for c, filt in enumerate(filters):
                    for i in range(size_y):
                        for j in range(size_x):
                            at_y, at_x = y * stride - padding + i * dilation, x * stride - padding + j * dilation
                            if 0 <= at_y < height and 0 <= at_x < width:
                                terms.append(image[first + c][at_y][at_x] * filt[i][j])
                row.append(math.fsum(terms))
            plane.append(row)
        result.append(plane)
    return result


def conv_forms(kit, worst):
    """conv2d: strides, padding, groups, dilation, 1x1, both memory layouts; 1-D, 3-D and transposed by their identities."""
    torch, f = kit.torch, kit.torch.nn.functional
    cases = ((3, 1, 1, 1, 1), (3, 2, 0, 1, 1), (3, 1, 2, 2, 1), (3, 1, 1, 1, 2), (1, 1, 0, 1, 1), (3, 2, 1, 1, 4))
    for size, stride, padding, dilation, groups in cases:
        image, kernel, bias = kit.randn(1, 4, 7, 6, salt=101), kit.randn(8, 4 // groups, size, size, salt=102), kit.randn(8, salt=103)
        for dtype, bound in ((torch.float32, 16), (torch.float64, 16), (torch.bfloat16, 8)):
            if dtype == torch.float64 and not kit.has_float64:
                continue
            x, w, b = kit.to(image, dtype), kit.to(kernel, dtype), kit.to(bias, dtype)
            want = _conv(x[0].cpu().double().tolist(), w.cpu().double().tolist(), b.cpu().double().tolist(), stride, padding, dilation, groups)
            label = "%dx%d, stride %d, padding %d, dilation %d, groups %d, %s" % (size, size, stride, padding, dilation, groups, str(dtype)[6:])
            kit.compare(worst, f.conv2d(x, w, b, stride, padding, dilation, groups)[0], want, bound, label, dtype)
            if dtype == torch.float32:
                lined = f.conv2d(x.contiguous(memory_format=torch.channels_last), w, b, stride, padding, dilation, groups)
                kit.compare(worst, lined[0].contiguous(), want, bound, label + ", channels_last", dtype)
    x, w = kit.to(kit.randn(2, 3, 9, 8, salt=104)), kit.to(kit.randn(4, 3, 3, 3, salt=105))
    y = f.conv2d(x, w, stride=2, padding=1)
    g = kit.to(kit.randn(*y.shape, salt=106))
    back = f.conv_transpose2d(g, w, stride=2, padding=1, output_padding=(0, 1))
    left, right = float((y.double() * g.double()).sum()) if kit.has_float64 else float((y * g).sum()), float((x * back).sum())
    # against the sum of the sizes: the two inner products may cancel
    size = float((y.abs() * g.abs()).cpu().double().sum())
    worst.add(abs(left - right) / size / kit.eps(torch.float32), 16, "eps", "conv_transpose2d is the adjoint of conv2d")
    line, taps = kit.to(kit.randn(1, 2, 12, salt=107)), kit.to(kit.randn(3, 2, 3, salt=108))
    want = _conv([[row] for row in line[0].cpu().double().tolist()], [[[tap] for tap in o] for o in taps.cpu().double().tolist()], [0.0] * 3)
    kit.compare(worst, f.conv1d(line, taps)[0], [plane[0] for plane in want], 16, "conv1d")
    cube = kit.to(kit.randn(1, 1, 4, 4, 4, salt=109))
    terms = cube.cpu().double().reshape(-1).tolist()
    total = float(f.conv3d(cube, torch.ones(1, 1, 4, 4, 4, device=kit.device)))
    worst.add(abs(total - math.fsum(terms)) / math.fsum(abs(t) for t in terms) / kit.eps(torch.float32), 16, "eps", "conv3d")


def pool_pad(kit, worst):
    """Pooling, adaptive pooling, padding modes, pixel shuffle, fold and unfold."""
    torch, f = kit.torch, kit.torch.nn.functional
    x = torch.arange(16.0, device=kit.device).reshape(1, 1, 4, 4)
    worst.equal(f.max_pool2d(x, 2).reshape(-1).cpu().tolist() == [5, 7, 13, 15], "max_pool2d")
    worst.equal(f.max_pool2d(x, 2, return_indices=True)[1].reshape(-1).cpu().tolist() == [5, 7, 13, 15], "indices of max_pool2d")
    worst.equal(f.avg_pool2d(x, 2).reshape(-1).cpu().tolist() == [2.5, 4.5, 10.5, 12.5], "avg_pool2d")
    worst.equal(f.adaptive_avg_pool2d(x, 1).item() == 7.5, "adaptive_avg_pool2d")
    worst.equal(f.adaptive_max_pool2d(x, 1).item() == 15, "adaptive_max_pool2d")
    row = torch.arange(4.0, device=kit.device).reshape(1, 1, 4)
    for mode, want in (("reflect", [2, 1, 0, 1, 2, 3, 2]), ("replicate", [0, 0, 0, 1, 2, 3, 3]), ("circular", [2, 3, 0, 1, 2, 3, 0])):
        worst.equal(f.pad(row, (2, 1), mode=mode).reshape(-1).cpu().tolist() == want, "pad, %s" % mode)
    worst.equal(f.pad(row, (2, 1), value=9).reshape(-1).cpu().tolist() == [9, 9, 0, 1, 2, 3, 9], "pad, constant")
    worst.equal(f.pixel_shuffle(torch.arange(4.0, device=kit.device).reshape(1, 4, 1, 1), 2).reshape(-1).cpu().tolist() == [0, 1, 2, 3], "pixel_shuffle")
    patches = f.unfold(x, 2, stride=2)
    worst.equal(patches[0, :, 0].cpu().tolist() == [0, 1, 4, 5], "unfold")
    worst.equal(bool((f.fold(patches, (4, 4), 2, stride=2) == x).all()), "fold undoes unfold")


def norm_forms(kit, worst):
    """Batch, layer, group, instance norm and RMS: formulas in training and evaluation, running statistics."""
    torch = kit.torch
    data = kit.randn(4, 6, 3, salt=111) * 2 + 1
    for dtype in kit.dtypes("float32", "float64"):
        x = kit.to(data, dtype)
        values = x.cpu().double()
        layer = torch.nn.BatchNorm1d(6, momentum=0.3, dtype=dtype, device=kit.device)
        with torch.no_grad():
            layer.weight.copy_(kit.to(kit.randn(6, salt=112), dtype))
            layer.bias.copy_(kit.to(kit.randn(6, salt=113), dtype))
        w, b = layer.weight.detach().cpu().double().tolist(), layer.bias.detach().cpu().double().tolist()
        columns = [values[:, c].reshape(-1).tolist() for c in range(6)]
        means = [math.fsum(column) / 12 for column in columns]
        biased = [math.fsum((v - m) ** 2 for v in column) / 12 for column, m in zip(columns, means)]
        want = [[[(v - means[c]) / math.sqrt(biased[c] + 1e-5) * w[c] + b[c] for v in row] for c, row in enumerate(sample)] for sample in values.tolist()]
        kit.compare(worst, layer(x), want, 32, "batch norm, training, %s" % dtype)
        kit.compare(worst, layer.running_mean, [0.3 * m for m in means], 32, "running mean, %s" % dtype)
        kit.compare(worst, layer.running_var, [0.7 + 0.3 * v * 12 / 11 for v in biased], 32, "running variance, %s" % dtype)
        layer.eval()
        rm, rv = layer.running_mean.cpu().double().tolist(), layer.running_var.cpu().double().tolist()
        want = [[[(v - rm[c]) / math.sqrt(rv[c] + 1e-5) * w[c] + b[c] for v in row] for c, row in enumerate(sample)] for sample in values.tolist()]
        kit.compare(worst, layer(x), want, 32, "batch norm, evaluation, %s" % dtype)
        _normalised(kit, worst, x, values, dtype)


def _normalised(kit, worst, x, values, dtype):
    torch, f = kit.torch, kit.torch.nn.functional

    def normal(numbers, eps=1e-5):
        mean = math.fsum(numbers) / len(numbers)
        variance = math.fsum((v - mean) ** 2 for v in numbers) / len(numbers)
        return [(v - mean) / math.sqrt(variance + eps) for v in numbers]

    kit.compare(worst, f.layer_norm(x, (3,)), [[normal(row) for row in sample] for sample in values.tolist()], 64, "layer norm, %s" % dtype)
    groups = [[normal([v for row in sample[g:g + 3] for v in row]) for g in (0, 3)] for sample in values.tolist()]
    kit.compare(worst, f.group_norm(x, 2), groups, 64, "group norm, %s" % dtype)
    kit.compare(worst, f.instance_norm(x), [[normal(row) for row in sample] for sample in values.tolist()], 64, "instance norm, %s" % dtype)
    if hasattr(f, "rms_norm"):
        root = [[[v / math.sqrt(math.fsum(u * u for u in row) / 3 + 1e-6) for v in row] for row in sample] for sample in values.tolist()]
        kit.compare(worst, f.rms_norm(x, (3,), eps=1e-6), root, 64, "RMS norm, %s" % dtype)


def _sigmoid(v):
    return 1.0 / (1.0 + math.exp(-v)) if v >= 0 else math.exp(v) / (1.0 + math.exp(v))


def _affine(matrix, bias, vector):
    return [math.fsum([b] + [m * v for m, v in zip(row, vector)]) for row, b in zip(matrix, bias)]


def rnn_gates(kit, worst):
    """RNN, LSTM and GRU, cell by cell, against the gate equations; two layers, both directions, packed sequences."""
    torch = kit.torch
    steps, inputs, hidden = 5, 4, 3
    for kind in ("RNN", "LSTM", "GRU"):
        for dtype in kit.dtypes("float32", "float64"):
            torch.manual_seed(kit.seed + 7)
            net = getattr(torch.nn, kind)(inputs, hidden).to(kit.device, dtype)
            x = kit.to(kit.randn(steps, 1, inputs, salt=121), dtype)
            weights = [p.detach().cpu().double().tolist() for p in net.parameters()]
            want = _unroll(kind, weights, [row[0] for row in x.cpu().double().tolist()], hidden)
            kit.compare(worst, net(x)[0][:, 0], want, 32, "%s, %s" % (kind, dtype), dtype)
    torch.manual_seed(kit.seed)
    both = torch.nn.GRU(inputs, hidden, num_layers=2, bidirectional=True).to(kit.device)
    x = kit.to(kit.randn(6, 2, inputs, salt=122))
    outputs, last = both(x)
    worst.equal(tuple(outputs.shape) == (6, 2, 2 * hidden) and tuple(last.shape) == (4, 2, hidden), "shapes of a bidirectional net of two layers")
    worst.equal(bool((outputs[-1, :, :hidden] == last[2]).all() and (outputs[0, :, hidden:] == last[3]).all()), "last states are the ends of the outputs")
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor([6, 4]))
    single = torch.nn.LSTM(inputs, hidden).to(kit.device)
    unpacked, lengths = torch.nn.utils.rnn.pad_packed_sequence(single(packed)[0])
    worst.equal(lengths.tolist() == [6, 4] and not bool(unpacked[4:, 1].abs().sum()), "packed sequences end where they end")
    kit.compare(worst, unpacked[:4, 1], single(x[:4, 1:2])[0][:, 0].detach(), 64, "packed against plain")


def _unroll(kind, weights, rows, hidden):
    w_in, w_hid, b_in, b_hid = weights
    h, c, found = [0.0] * hidden, [0.0] * hidden, []
    for row in rows:
        a, b = _affine(w_in, b_in, row), _affine(w_hid, b_hid, h)
        if kind == "RNN":
            h = [math.tanh(u + v) for u, v in zip(a, b)]
        elif kind == "LSTM":
            s = [u + v for u, v in zip(a, b)]
            i, f, g, o = (s[k * hidden:(k + 1) * hidden] for k in range(4))
            c = [_sigmoid(fv) * cv + _sigmoid(iv) * math.tanh(gv) for iv, fv, gv, cv in zip(i, f, g, c)]
            h = [_sigmoid(ov) * math.tanh(cv) for ov, cv in zip(o, c)]
        else:
            r = [_sigmoid(u + v) for u, v in zip(a[:hidden], b[:hidden])]
            z = [_sigmoid(u + v) for u, v in zip(a[hidden:2 * hidden], b[hidden:2 * hidden])]
            n = [math.tanh(u + rv * v) for u, rv, v in zip(a[2 * hidden:], r, b[2 * hidden:])]
            h = [(1 - zv) * nv + zv * hv for zv, nv, hv in zip(z, n, h)]
        found.append(list(h))
    return found


def _softmax(row):
    top = max(row)
    parts = [math.exp(v - top) for v in row]
    total = math.fsum(parts)
    return [p / total for p in parts]


def _attend(q, k, v, allowed=None):
    """softmax(q k / sqrt d) v for lists of vectors; ``allowed(i, j)`` masks."""
    scale = 1.0 / math.sqrt(len(q[0]))
    result = []
    for i, query in enumerate(q):
        scores = [math.fsum(a * b for a, b in zip(query, key)) * scale if allowed is None or allowed(i, j) else -1e300 for j, key in enumerate(k)]
        weights = _softmax(scores)
        result.append([math.fsum(w * value[d] for w, value in zip(weights, v)) for d in range(len(v[0]))])
    return result


def attention_sdpa(kit, worst):
    """scaled_dot_product_attention, each backend, plain, causal and masked, against softmax(q k / sqrt d) v."""
    torch, f = kit.torch, kit.torch.nn.functional
    if not hasattr(f, "scaled_dot_product_attention"):
        raise Unavailable("this torch has no scaled_dot_product_attention (2.0 and newer)")
    q, k, v = (kit.randn(1, 2, 9, 8, salt=130 + i) for i in range(3))
    mask = torch.ones(9, 9, dtype=torch.bool).tril(1)
    used = []
    for dtype, bound in ((torch.float32, 16), (torch.float64, 16), (torch.bfloat16, 8), (torch.float16, 8)):
        if (dtype == torch.float64 and not kit.has_float64) or (dtype == torch.float16 and kit.device.type == "cpu"):
            continue
        given = [kit.to(t, dtype) for t in (q, k, v)]
        lists = [t[0].cpu().double().tolist() for t in given]
        for name, options, allowed in (("plain", {}, None), ("causal", {"is_causal": True}, lambda i, j: j <= i), ("masked", {"attn_mask": mask.to(kit.device)}, lambda i, j: j <= i + 1)):
            want = [_attend(lists[0][h], lists[1][h], lists[2][h], allowed) for h in range(2)]
            for backend, context in _backends(torch):
                try:
                    with context():
                        got = f.scaled_dot_product_attention(*given, **options)
                except RuntimeError:
                    continue
                used.append(backend)
                kit.compare(worst, got[0], want, bound, "%s, %s, %s" % (backend, name, str(dtype)[6:]), dtype)
    worst.data["backends"] = sorted(set(used))
    worst.equal(bool(used), "at least one backend answered")


def _backends(torch):
    """(name, context) of each backend that can be asked for, and the free choice."""
    import contextlib

    found = [("default", contextlib.nullcontext if hasattr(contextlib, "nullcontext") else None)]
    try:
        from torch.nn.attention import SDPBackend, sdpa_kernel
    except ImportError:
        return found
    for name in ("MATH", "FLASH_ATTENTION", "EFFICIENT_ATTENTION", "CUDNN_ATTENTION"):
        if hasattr(SDPBackend, name):
            found.append((name.lower(), lambda which=getattr(SDPBackend, name): sdpa_kernel(which)))
    return found


def attention_heads(kit, worst):
    """MultiheadAttention and a TransformerEncoderLayer: formula, padding mask, the fast path equals the slow one."""
    torch = kit.torch
    torch.manual_seed(kit.seed + 3)
    net = torch.nn.MultiheadAttention(8, 2, batch_first=True).to(kit.device).eval()
    x = kit.to(kit.randn(1, 5, 8, salt=141))
    rows = x[0].cpu().double().tolist()
    w, b = net.in_proj_weight.detach().cpu().double().tolist(), net.in_proj_bias.detach().cpu().double().tolist()
    q, k, v = ([_affine(w[p:p + 8], b[p:p + 8], row) for row in rows] for p in (0, 8, 16))
    heads = [_attend([r[h:h + 4] for r in q], [r[h:h + 4] for r in k], [r[h:h + 4] for r in v]) for h in (0, 4)]
    joined = [heads[0][i] + heads[1][i] for i in range(5)]
    out_w, out_b = net.out_proj.weight.detach().cpu().double().tolist(), net.out_proj.bias.detach().cpu().double().tolist()
    want = [_affine(out_w, out_b, row) for row in joined]
    with torch.no_grad():
        fast = net(x, x, x, need_weights=False)[0]
    slow, weights = net(x, x, x, need_weights=True)
    kit.compare(worst, slow[0], want, 32, "self-attention of two heads")
    kit.compare(worst, fast[0], want, 32, "fast path")
    kit.compare(worst, weights.sum(-1).reshape(-1), [1.0] * 5, 32, "weights sum to one")
    pad = torch.tensor([[False, False, False, True, True]], device=kit.device)
    changed = x.clone()
    changed[0, 3:] += 100
    first = net(x, x, x, key_padding_mask=pad, need_weights=False)[0][0, :3]
    second = net(changed, changed, changed, key_padding_mask=pad, need_weights=False)[0][0, :3]
    kit.compare(worst, second, first.detach(), 32, "masked keys have no influence")
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).to(kit.device)
    trained = layer(x).detach()
    layer.eval()
    with torch.no_grad():
        kit.compare(worst, layer(x), trained, 64, "TransformerEncoderLayer, fast path against training")


def attention_masks(kit, worst):
    """The right way to mask: masked_fill and softmax, torch.masked, SDPA; a convolutional attention map."""
    torch, f = kit.torch, kit.torch.nn.functional
    scores = kit.to(kit.randn(3, 5, salt=151))
    mask = torch.tensor([[True, True, False, True, False]] * 3, device=kit.device)
    got = torch.softmax(scores.masked_fill(~mask, float("-inf")), 1)
    want = []
    for row in scores.cpu().double().tolist():
        kept = _softmax([row[0], row[1], row[3]])
        want.append([kept[0], kept[1], 0.0, kept[2], 0.0])
    kit.compare(worst, got, want, 32, "masked_fill then softmax")
    if hasattr(torch, "masked") and hasattr(torch.masked, "softmax"):
        kit.compare(worst, torch.nan_to_num(torch.masked.softmax(scores, 1, mask=mask)), want, 32, "torch.masked.softmax")
    image, kernel = kit.to(kit.randn(1, 3, 5, 5, salt=152)), kit.to(kit.randn(1, 3, 1, 1, salt=153))
    attention = torch.softmax(f.conv2d(image, kernel).flatten(1), 1).reshape(1, 1, 5, 5)
    pooled = (image * attention).sum((2, 3))
    pixels = image[0].cpu().double().reshape(3, 25).tolist()
    taps = kernel.cpu().double().reshape(3).tolist()
    weights = _softmax([math.fsum(t * p[i] for t, p in zip(taps, pixels)) for i in range(25)])
    kit.compare(worst, pooled[0], [math.fsum(w * v for w, v in zip(weights, plane)) for plane in pixels], 64, "convolutional attention")


def embedding_rows(kit, worst):
    """Embedding and EmbeddingBag: rows, gradient counts, padding_idx, one_hot."""
    torch, f = kit.torch, kit.torch.nn.functional
    table = kit.leaf(kit.randn(6, 4, salt=161))
    index = torch.tensor([[1, 3, 1], [5, 0, 3]], device=kit.device)
    rows = f.embedding(index, table, padding_idx=0)
    worst.equal(bool((rows[0, 1] == table[3]).all()), "rows")
    rows.sum().backward()
    worst.equal(table.grad.cpu().tolist() == [[float(n)] * 4 for n in (0, 2, 0, 2, 0, 1)], "gradient counts uses, not the padding row")
    bag = f.embedding_bag(index.reshape(-1), table.detach(), torch.tensor([0, 4], device=kit.device), mode="sum")
    values = table.detach().cpu().double()
    kit.compare(worst, bag, torch.stack([values[1] + values[3] + values[1] + values[5], values[0] + values[3]]), 16, "embedding_bag")
    worst.equal(f.one_hot(torch.tensor([2, 0], device=kit.device), 3).cpu().tolist() == [[0, 0, 1], [1, 0, 0]], "one_hot")


def activation_forms(kit, worst):
    """Activation functions and their gradients against their formulas (GELU in both forms)."""
    torch, f = kit.torch, kit.torch.nn.functional
    normal = lambda v: 0.5 * (1 + math.erf(v / math.sqrt(2)))  # noqa: E731
    bell = lambda v: math.exp(-v * v / 2) / math.sqrt(2 * math.pi)  # noqa: E731
    table = (
        ("relu", f.relu, lambda v: max(v, 0.0), lambda v: 1.0 if v > 0 else 0.0),
        ("leaky_relu", lambda t: f.leaky_relu(t, 0.1), lambda v: v if v > 0 else 0.1 * v, lambda v: 1.0 if v > 0 else 0.1),
        ("elu", f.elu, lambda v: v if v > 0 else math.expm1(v), lambda v: 1.0 if v > 0 else math.exp(v)),
        ("gelu", f.gelu, lambda v: v * normal(v), lambda v: normal(v) + v * bell(v)),
        ("gelu, tanh form", lambda t: f.gelu(t, approximate="tanh"), lambda v: 0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v ** 3))), None),
        ("silu", f.silu, lambda v: v * _sigmoid(v), lambda v: _sigmoid(v) * (1 + v * (1 - _sigmoid(v)))),
        ("softplus", f.softplus, lambda v: math.log1p(math.exp(-abs(v))) + max(v, 0.0), _sigmoid),
        ("mish", f.mish, lambda v: v * math.tanh(math.log1p(math.exp(v))), None),
        ("hardtanh", f.hardtanh, lambda v: min(1.0, max(-1.0, v)), lambda v: 1.0 if abs(v) < 1 else 0.0),
        ("hardswish", f.hardswish, lambda v: v * min(6.0, max(0.0, v + 3)) / 6, None),
        ("logsigmoid", f.logsigmoid, lambda v: -math.log1p(math.exp(-v)), lambda v: 1 - _sigmoid(v)),
        ("selu", f.selu, lambda v: 1.0507009873554805 * (v if v > 0 else 1.6732632423543772 * math.expm1(v)), None),
        ("tanhshrink", f.tanhshrink, lambda v: v - math.tanh(v), None),
    )
    for dtype in kit.dtypes("float32", "float64"):
        for name, function, formula, slope in table:
            x = kit.leaf(kit.randn(64, salt=171) * 2, dtype)
            values = x.detach().cpu().double().tolist()
            y = function(x)
            kit.compare(worst, y, [formula(v) for v in values], 64, "%s, %s" % (name, dtype))
            if slope:
                y.sum().backward()
                kit.compare(worst, x.grad, [slope(v) for v in values], 64, "gradient of %s, %s" % (name, dtype))
        x = kit.to(kit.randn(5, 7, salt=172), dtype)
        rows = [_softmax(row) for row in x.cpu().double().tolist()]
        kit.compare(worst, f.softmax(x, 1), rows, 32, "softmax, %s" % dtype)
        kit.compare(worst, f.log_softmax(x, 1), [[math.log(p) for p in row] for row in rows], 64, "log_softmax, %s" % dtype)


def linear_init(kit, worst):
    """Linear, Bilinear and the usual initialisations by their moments; weight_norm and spectral_norm."""
    torch = kit.torch
    x, layer = kit.to(kit.randn(3, 5, salt=181)), torch.nn.Linear(5, 4).to(kit.device)
    w, b = layer.weight.detach().cpu().double().tolist(), layer.bias.detach().cpu().double().tolist()
    kit.compare(worst, layer(x), [_affine(w, b, row) for row in x.cpu().double().tolist()], 32, "Linear")
    count = 400 * 500
    for name, fill, sigma in (
        ("xavier_normal_", torch.nn.init.xavier_normal_, math.sqrt(2.0 / 900)),
        ("xavier_uniform_", torch.nn.init.xavier_uniform_, math.sqrt(6.0 / 900) / math.sqrt(3)),
        ("kaiming_normal_", lambda t: torch.nn.init.kaiming_normal_(t, nonlinearity="relu"), math.sqrt(2.0 / 500)),
        ("kaiming_uniform_", lambda t: torch.nn.init.kaiming_uniform_(t, nonlinearity="relu"), math.sqrt(2.0 / 500)),
    ):
        weight = torch.empty(400, 500, device=kit.device)
        fill(weight)
        mean, square = float(weight.cpu().double().mean()), float((weight.cpu().double() ** 2).mean())
        worst.add(abs(mean) / (sigma / math.sqrt(count)), 5, "sigma", "mean of %s" % name)
        worst.add(abs(square / sigma ** 2 - 1) / math.sqrt(2.0 / count), 6, "sigma", "variance of %s" % name)
    q = torch.nn.init.orthogonal_(torch.empty(6, 6, device=kit.device))
    worst.add(kit.distance(q @ q.t(), torch.eye(6)) / kit.eps(torch.float32), 64, "eps", "orthogonal_")
    normed = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(5, 4)) if hasattr(torch.nn.utils.parametrizations, "weight_norm") else None
    if normed is not None:
        with torch.no_grad():
            normed.parametrizations.weight.original0.fill_(2.0)
        kit.compare(worst, normed.weight.norm(dim=1), [2.0] * 4, 32, "weight_norm")


CHECKS = {
    "conv.forms": conv_forms,
    "conv.pool": pool_pad,
    "norm.forms": norm_forms,
    "rnn.gates": rnn_gates,
    "attention.sdpa": attention_sdpa,
    "attention.heads": attention_heads,
    "attention.masks": attention_masks,
    "embedding.rows": embedding_rows,
    "activation.forms": activation_forms,
    "linear.init": linear_init,
}
