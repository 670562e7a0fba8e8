"""Checks of attention: every backend, masks, multi-head, encoder and decoder layers. Reference: softmax(q k / sqrt d) v in Python."""

import contextlib
import math

from ptsetup_bench_main import Unavailable, plain


def _affine(matrix, bias, vector):
    return [math.fsum([b] + [m * v for m, v in zip(row, vector)]) for row, b in zip(matrix, bias)]


def _softmax(row):
    top = max(row)
    parts = [math.exp(v - top) for v in row]
    total = math.fsum(parts)
    return [p / total for p in parts]


def attend(q, k, v, allowed=None, scale=None, added=None):
    """softmax(q k / sqrt d) v for lists of vectors; ``allowed(i, j)`` masks, ``added(i, j)`` is added to the scores."""
    scale = 1.0 / math.sqrt(len(q[0])) if scale is None else scale
    result = []
    for i, query in enumerate(q):
        scores = [math.fsum(a * b for a, b in zip(query, key)) * scale for key in k]
        if added:
            scores = [s + added(i, j) for j, s in enumerate(scores)]
        if allowed:
            scores = [s if allowed(i, j) else -1e300 for j, s in enumerate(scores)]
        weights = _softmax(scores)
        result.append([math.fsum(w * value[d] for w, value in zip(weights, v)) for d in range(len(v[0]))])
    return result


def attention_sdpa(kit, worst):
    """scaled_dot_product_attention, each backend: plain, causal, masks of truths and numbers, scale; values and gradients."""
    torch = kit.torch
    f = torch.nn.functional
    kit.need(f, "scaled_dot_product_attention", since=(2, 0))
    used = set()
    for dtype in kit.dtypes("float32", "float64", "bfloat16", "float16"):
        if dtype == torch.float16 and kit.device.type == "cpu" and kit.version < (2, 2):
            continue
        for form in _forms(kit, dtype):
            _each_backend(kit, worst, dtype, form, used)
    worst.data["backends"] = sorted(used)
    worst.equal("default" in used, "attention with the backend that torch chooses")
    _special(kit, worst)


def _forms(kit, dtype):
    """(name, options, what is allowed, what is added, scale)."""
    torch = kit.torch
    mask = torch.ones(9, 9, dtype=torch.bool).tril(1).to(kit.device)
    numbers = kit.to((torch.round(kit.randn(9, 9, salt=133) * 4) / 4), dtype)
    lists = plain(numbers.cpu().double())
    forms = [
        ("plain", {}, None, None, None),
        ("causal", {"is_causal": True}, lambda i, j: j <= i, None, None),
        ("mask of truths", {"attn_mask": mask}, lambda i, j: j <= i + 1, None, None),
        ("mask of numbers", {"attn_mask": numbers}, None, lambda i, j: lists[i][j], None),
    ]
    if kit.version >= (2, 1):
        forms.append(("scale", {"scale": 0.25}, None, None, 0.25))
    return forms


def _each_backend(kit, worst, dtype, form, used):
    torch, f = kit.torch, kit.torch.nn.functional
    name, options, allowed, added, scale = form
    given = [kit.to(kit.randn(2, 2, 9, 16, salt=130 + n), dtype) for n in range(3)]
    lists = [plain(t.cpu().double()) for t in given]
    want = [[attend(lists[0][b][h], lists[1][b][h], lists[2][b][h], allowed, scale, added) for h in range(2)] for b in range(2)]
    bound = 16 if dtype in (torch.float32, torch.float64) else 8
    for backend, context in _backends(torch):
        try:
            with context():
                got = f.scaled_dot_product_attention(given[0], given[1], given[2], **options)
        except RuntimeError:
            # a backend may refuse a form; the free choice may not
            if backend == "default":
                raise
            worst.data.setdefault("refused", {}).setdefault(backend, []).append("%s, %s" % (name, str(dtype)[6:]))
            continue
        used.add(backend)
        kit.compare(worst, got, want, bound, "%s, %s, %s" % (backend, name, str(dtype)[6:]), dtype)
        if dtype == torch.float32 and name in ("plain", "causal", "mask of numbers"):
            _gradient(kit, worst, given, options, context, "%s, %s" % (backend, name))


def _gradient(kit, worst, given, options, context, label):
    """Gradients of a backend against those of the formula in float64, written out with elementary operations."""
    torch, f = kit.torch, kit.torch.nn.functional
    weights = kit.to(kit.randn(2, 2, 9, 16, salt=134))
    leaves = [t.clone().requires_grad_(True) for t in given]
    try:
        with context():
            (f.scaled_dot_product_attention(*leaves, **options) * weights).sum().backward()
    except RuntimeError:
        return
    q, k, v = (t.detach().cpu().double().requires_grad_(True) for t in given)
    scores = (q[:, :, :, None] * k[:, :, None]).sum(-1) / 4
    if options.get("is_causal"):
        scores = scores + torch.triu(torch.full((9, 9), -1e300, dtype=torch.float64), 1)
    elif "attn_mask" in options:
        scores = scores + options["attn_mask"].cpu().double()
    shares = (scores - scores.amax(-1, keepdim=True).detach()).exp()
    shares = shares / shares.sum(-1, keepdim=True)
    ((shares[..., None] * v[:, :, None]).sum(3) * weights.cpu().double()).sum().backward()
    for name, got, want in zip(("queries", "keys", "values"), leaves, (q, k, v)):
        kit.compare(worst, got.grad, want.grad, 64, "gradient of the %s, %s" % (name, label))


def _backends(torch):
    """(name, context) of each backend that can be asked for, and the free choice."""

    @contextlib.contextmanager
    def free():
        yield

    found = [("default", free)]
    try:
        from torch.nn.attention import SDPBackend, sdpa_kernel
    except ImportError:
        return found
    for name in ("MATH", "FLASH_ATTENTION", "EFFICIENT_ATTENTION", "CUDNN_ATTENTION", "OVERRIDEABLE"):
        if hasattr(SDPBackend, name) and name != "OVERRIDEABLE":
            found.append((name.lower(), lambda which=getattr(SDPBackend, name): sdpa_kernel(which)))
    return found


def _special(kit, worst):
    """Dropout, cross attention of unequal lengths, shared keys (GQA), rows that see nothing."""
    torch, f = kit.torch, kit.torch.nn.functional
    q, k, v = kit.to(kit.randn(1, 4, 3, 8, salt=135)), kit.to(kit.randn(1, 2, 7, 8, salt=136)), kit.to(kit.randn(1, 2, 7, 8, salt=137))
    lists = [plain(t[0].cpu().double()) for t in (q, k, v)]
    want = [attend(lists[0][h], lists[1][h // 2], lists[2][h // 2]) for h in range(4)]
    wide_k, wide_v = k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
    kit.compare(worst, f.scaled_dot_product_attention(q, wide_k, wide_v)[0], want, 16, "3 queries, 7 keys")
    if kit.version >= (2, 5):
        kit.compare(worst, f.scaled_dot_product_attention(q, k, v, enable_gqa=True)[0], want, 16, "keys shared by heads")
    ones = torch.ones(1, 1, 4, 2000, device=kit.device)
    drawn = f.scaled_dot_product_attention(ones[..., :8], ones[..., :8].repeat(1, 1, 250, 1), torch.ones(1, 1, 1000, 8, device=kit.device), dropout_p=0.4)
    mean = float(drawn.cpu().double()[..., 0].mean())
    worst.add(abs(mean - 1) / math.sqrt(0.4 / 0.6 / 4000), 6, "sigma", "dropout of attention keeps the mean")
    worst.equal(plain(drawn) != [[[[1.0] * 8] * 4]], "dropout of attention drops")
    mask = kit.of([[True, True], [False, False]], torch.bool)
    blind = f.scaled_dot_product_attention(q[:, :1, :2], k[:, :1, :2], v[:, :1, :2], attn_mask=mask)
    worst.data["a row that sees nothing"] = "NaN" if bool(torch.isnan(blind[0, 0, 1]).any()) else "numbers"
    worst.equal(not bool(torch.isnan(blind[0, 0, 0]).any()), "a blind row does not spoil its neighbour")


def attention_heads(kit, worst):
    """MultiheadAttention against the formula: slow and fast path, masks, weights, cross attention, dropout, gradients."""
    torch = kit.torch
    torch.manual_seed(kit.seed + 3)
    net = torch.nn.MultiheadAttention(8, 2, batch_first=True).to(kit.device).eval()
    with torch.no_grad():
        net.in_proj_bias.copy_(kit.to(kit.randn(24, salt=140)))
        net.out_proj.bias.copy_(kit.to(kit.randn(8, salt=139)))
    x, y = kit.to(kit.randn(1, 5, 8, salt=141)), kit.to(kit.randn(1, 7, 8, salt=142))
    causal = torch.ones(5, 5, dtype=torch.bool, device=kit.device).triu(1)
    pad = kit.of([[False, False, False, True, True]], torch.bool)
    for label, given, options, allowed in (
        ("plain", (x, x, x), {}, None),
        ("cross attention", (x, y, y), {}, None),
        ("causal", (x, x, x), {"attn_mask": causal}, lambda i, j: j <= i),
        ("padded keys", (x, x, x), {"key_padding_mask": pad}, lambda i, j: j < 3),
        ("both masks", (x, x, x), {"attn_mask": causal, "key_padding_mask": pad}, lambda i, j: j <= i and j < 3),
    ):
        want = _heads(kit, net, given, allowed)
        with torch.no_grad():
            fast = net(*given, need_weights=False, **options)[0]
        slow, weights = net(*given, need_weights=True, **options)
        kit.compare(worst, slow[0], want, 32, "%s, slow path" % label)
        kit.compare(worst, fast[0], want, 32, "%s, fast path" % label)
        kit.compare(worst, weights.sum(-1)[0], [1.0] * 5, 32, "%s, weights sum to one" % label)
        if allowed:
            seen = [[v != 0 for v in row] for row in plain(weights[0])]
            worst.equal(seen == [[allowed(i, j) for j in range(5)] for i in range(5)], "%s, weights are zero where masked" % label)
    changed = x.clone()
    changed[0, 3:] += 100
    first = net(x, x, x, key_padding_mask=pad, need_weights=False)[0][0, :3]
    second = net(changed, changed, changed, key_padding_mask=pad, need_weights=False)[0][0, :3]
    kit.compare(worst, second, first.detach(), 32, "masked keys have no influence")
    _shapes(kit, worst, net, x)
    wide = net.double() if kit.has_float64 else None
    if wide is not None:
        kit.slopes(worst, "MultiheadAttention", x.cpu(), lambda t: wide(t, t, t)[0])


def _heads(kit, net, given, allowed):
    rows = [plain(t[0].cpu().double()) for t in given]
    w, b = plain(net.in_proj_weight.detach().cpu().double()), kit.numbers(net.in_proj_bias)
    q, k, v = ([_affine(w[p : p + 8], b[p : p + 8], row) for row in part] for p, part in zip((0, 8, 16), rows))
    heads = [attend([r[h : h + 4] for r in q], [r[h : h + 4] for r in k], [r[h : h + 4] for r in v], allowed) for h in (0, 4)]
    joined = [first + second for first, second in zip(*heads)]
    out_w, out_b = plain(net.out_proj.weight.detach().cpu().double()), kit.numbers(net.out_proj.bias)
    return [_affine(out_w, out_b, row) for row in joined]


def _shapes(kit, worst, net, x):
    torch = kit.torch
    each = net(x, x, x, average_attn_weights=False)[1]
    together = net(x, x, x)[1]
    worst.equal(tuple(each.shape) == (1, 2, 5, 5), "weights of each head")
    kit.compare(worst, each.mean(1), together.detach(), 16, "average of the heads' weights")
    swapped = torch.nn.MultiheadAttention(8, 2).to(kit.device).eval()
    swapped.load_state_dict(net.state_dict())
    turned = x.transpose(0, 1)
    kit.compare(worst, swapped(turned, turned, turned)[0][:, 0], net(x, x, x)[0][0].detach(), 16, "batch_first=False")


def attention_layers(kit, worst):
    """TransformerEncoderLayer (both orders of norms) against its formula, fast path, decoder, whole Transformer, causal masks."""
    torch, f = kit.torch, kit.torch.nn.functional
    x = kit.to(kit.randn(2, 5, 8, salt=143))
    for norm_first in (False, True):
        torch.manual_seed(kit.seed + 4)
        layer = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, norm_first=norm_first).to(kit.device)
        attended = lambda t: layer.self_attn(t, t, t, need_weights=False)[0]
        # the norms themselves: an eps of 1e-5 is part of the formula
        first, second = (lambda t, norm=norm: f.layer_norm(t, (8,), norm.weight, norm.bias, 1e-5) for norm in (layer.norm1, layer.norm2))
        widened = lambda t: f.linear(f.linear(t, layer.linear1.weight, layer.linear1.bias).clamp(min=0), layer.linear2.weight, layer.linear2.bias)
        if norm_first:
            h = x + attended(first(x))
            want = h + widened(second(h))
        else:
            h = first(x + attended(x))
            want = second(h + widened(h))
        label = "norm first" if norm_first else "norm last"
        trained = layer(x)
        kit.compare(worst, trained, want.detach(), 32, "encoder layer, %s" % label)
        layer.eval()
        with torch.no_grad():
            kit.compare(worst, layer(x), trained.detach(), 64, "encoder layer, %s, fast path against training" % label)
            pad = kit.of([[False] * 5, [False] * 3 + [True] * 2], torch.bool)
            changed = x.clone()
            changed[1, 3:] += 50
            same = layer(changed, src_key_padding_mask=pad)[1, :3]
            kit.compare(worst, same, layer(x, src_key_padding_mask=pad)[1, :3], 64, "padded keys have no influence, %s" % label)
    _decoder(kit, worst, x)


def _decoder(kit, worst, x):
    torch = kit.torch
    mask = torch.nn.Transformer.generate_square_subsequent_mask(4)
    infinite = float("inf")
    worst.same(mask, [[0.0 if j <= i else -infinite for j in range(4)] for i in range(4)], "generate_square_subsequent_mask")
    torch.manual_seed(kit.seed + 5)
    net = torch.nn.Transformer(8, 2, 1, 1, 16, dropout=0.0, batch_first=True).to(kit.device).eval()
    target = kit.to(kit.randn(2, 4, 8, salt=144))
    out = net(x, target, tgt_mask=mask.to(kit.device))
    changed = target.clone()
    changed[:, 2:] += 3
    later = net(x, changed, tgt_mask=mask.to(kit.device))
    kit.compare(worst, later[:, :2], out[:, :2].detach(), 32, "a causal decoder does not look ahead")
    worst.equal(plain(later[:, 3]) != plain(out[:, 3]), "but looks back")
    other = net(x + 1.5 * torch.sign(x), target, tgt_mask=mask.to(kit.device))
    worst.equal(plain(other) != plain(out), "and listens to the encoder")


def attention_masks(kit, worst):
    """The right way to mask: masked_fill and softmax, torch.masked, SDPA; a convolutional attention map."""
    torch, f = kit.torch, kit.torch.nn.functional
    scores = kit.to(kit.randn(3, 5, salt=151))
    mask = kit.of([[True, True, False, True, False]] * 3, torch.bool)
    want = []
    for row in plain(scores.cpu().double()):
        kept = _softmax([row[0], row[1], row[3]])
        want.append([kept[0], kept[1], 0.0, kept[2], 0.0])
    kit.compare(worst, torch.softmax(scores.masked_fill(~mask, float("-inf")), 1), want, 32, "masked_fill then softmax")
    if hasattr(torch, "masked") and hasattr(torch.masked, "softmax"):
        kit.compare(worst, torch.nan_to_num(torch.masked.softmax(scores, 1, mask=mask)), want, 32, "torch.masked.softmax")
    if hasattr(f, "scaled_dot_product_attention"):
        unit = torch.eye(5, device=kit.device)[None, None]
        got = f.scaled_dot_product_attention(scores[None, None] * math.sqrt(5), unit, unit, attn_mask=mask)
        kit.compare(worst, got[0, 0], want, 32, "scaled_dot_product_attention with that mask")
    image, kernel = kit.to(kit.randn(1, 3, 5, 5, salt=152)), kit.to(kit.randn(1, 3, 1, 1, salt=153))
    attention = torch.softmax(f.conv2d(image, kernel).flatten(1), 1).reshape(1, 1, 5, 5)
    pixels, taps = plain(image[0].flatten(1).cpu().double()), kit.numbers(kernel)
    weights = _softmax([math.fsum(t * p[i] for t, p in zip(taps, pixels)) for i in range(25)])
    want = [math.fsum(w * v for w, v in zip(weights, plane)) for plane in pixels]
    kit.compare(worst, (image * attention).sum((2, 3))[0], want, 64, "convolutional attention")


def attention_flex(kit, worst):
    """flex_attention with a causal mask function, not compiled, against scaled_dot_product_attention's formula."""
    try:
        from torch.nn.attention.flex_attention import create_block_mask, flex_attention
    except ImportError:
        raise Unavailable("this torch has no flex_attention (2.5 and newer)")
    given = [kit.to(kit.randn(1, 1, 9, 16, salt=154 + n)) for n in range(3)]
    lists = [plain(t[0, 0].cpu().double()) for t in given]
    block = create_block_mask(lambda b, h, i, j: j <= i, 1, 1, 9, 9, device=str(kit.device))
    kit.compare(worst, flex_attention(*given, block_mask=block)[0, 0], attend(*lists, allowed=lambda i, j: j <= i), 32, "causal")
    shifted = flex_attention(*given, score_mod=lambda score, b, h, i, j: score + 0.5 * (i - j))
    kit.compare(worst, shifted[0, 0], attend(*lists, added=lambda i, j: 0.5 * (i - j)), 32, "scores with a slope")


CHECKS = {
    "attention.sdpa": attention_sdpa,
    "attention.heads": attention_heads,
    "attention.layers": attention_layers,
    "attention.masks": attention_masks,
    "attention.flex": attention_flex,
}
