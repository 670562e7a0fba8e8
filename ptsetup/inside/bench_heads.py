"""Checks of the options of attention: unequal lengths, masks of every kind, additional keys, other widths, stacks. Reference: the formula in Python."""

import math

from ptsetup_bench_main import load_file, plain

ATTENTION = load_file("attention")


def attention_options(kit, worst):
    """Attention of unequal lengths, with masks of truths and numbers for queries, keys and both, more keys, other widths; layer stacks."""
    _lengths(kit, worst)
    _heads(kit, worst)
    _more_keys(kit, worst)
    _decoder(kit, worst)
    _stack(kit, worst)


def _lengths(kit, worst):
    """Where queries and keys differ in number, the causal mask begins at the first key: row i sees keys 0 to i."""
    torch, f = kit.torch, kit.torch.nn.functional
    if not hasattr(f, "scaled_dot_product_attention"):
        return
    for queries, keys in ((3, 6), (6, 3), (1, 5), (17, 33)):
        q, k, v = (kit.to(kit.randn(2, n, 8, salt=491 + i)) for i, n in enumerate((queries, keys, keys)))
        lists = [plain(t.cpu().double()) for t in (q, k, v)]
        added = [[0.25 * ((i + 2 * j) % 5) for j in range(keys)] for i in range(queries)]
        seen = [[(i + j) % 3 != 0 or j == 0 for j in range(keys)] for i in range(queries)]
        forms = [
            ("causal", {"is_causal": True}, lambda i, j: j <= i, None, None),
            ("mask of truths", {"attn_mask": kit.of(seen, torch.bool)}, lambda i, j: seen[i][j], None, None),
            ("mask of numbers", {"attn_mask": kit.of(added)}, None, lambda i, j: added[i][j], None),
            ("one mask for all queries", {"attn_mask": kit.of(seen[:1], torch.bool)}, lambda i, j: seen[0][j], None, None),
        ]
        if kit.version >= (2, 1):
            forms.append(("scale and causal", {"is_causal": True, "scale": 0.5}, lambda i, j: j <= i, None, 0.5))
        for name, options, allowed, plus, scale in forms:
            for where, given in (("a batch", (q[:, None], k[:, None], v[:, None])), ("no heads", (q, k, v))):
                got = f.scaled_dot_product_attention(*given, **options)
                want = [ATTENTION.attend(a, b, c, allowed, scale, plus) for a, b, c in zip(*lists)]
                kit.compare(worst, got, want, 32, "%d queries, %d keys, %s, %s" % (queries, keys, name, where))
    wide = kit.to(kit.randn(1, 1, 4, 6, salt=495))
    got = f.scaled_dot_product_attention(q[:1, None, :3], k[:1, None, :4], wide)
    want = ATTENTION.attend(lists[0][0][:3], lists[1][0][:4], plain(wide[0, 0].cpu().double()))
    kit.compare(worst, got, want, 32, "values of another width")


def _net(kit, **options):
    torch = kit.torch
    torch.manual_seed(kit.seed + 11)
    net = torch.nn.MultiheadAttention(8, 2, batch_first=True, **options).to(kit.device).eval()
    with torch.no_grad():
        if net.in_proj_bias is not None:
            net.in_proj_bias.copy_(kit.to(kit.randn(24, salt=501)))
            net.out_proj.bias.copy_(kit.to(kit.randn(8, salt=502)))
    return net


def _reference(kit, net, query, key, value, weights=None, added=None, more=(None, None)):
    """The outputs and the shares of each head for one sample."""
    lists = [plain(t.detach().cpu().double()) for t in (query, key, value)]
    if weights is None:
        whole = plain(net.in_proj_weight.detach().cpu().double())
        weights = [whole[:8], whole[8:16], whole[16:]]
    biases = kit.numbers(net.in_proj_bias) if net.in_proj_bias is not None else [0.0] * 24
    biases = [biases[:8], biases[8:16], biases[16:]]
    q, k, v = ([ATTENTION._affine(w, b, row) for row in rows] for w, b, rows in zip(weights, biases, lists))
    k, v = k + (more[0] or []), v + (more[1] or [])
    shares, joined = [], [[] for _ in q]
    for h in (0, 4):
        table = []
        for i, row in enumerate(q):
            scores = [math.fsum(a * b for a, b in zip(row[h : h + 4], other[h : h + 4])) / 2 + (added(h // 4, i, j) if added else 0.0) for j, other in enumerate(k)]
            table.append(ATTENTION._softmax(scores))
            joined[i] += [math.fsum(s * other[d] for s, other in zip(table[-1], v)) for d in range(h, h + 4)]
        shares.append(table)
    bias = kit.numbers(net.out_proj.bias) if net.out_proj.bias is not None else [0.0] * 8
    return [ATTENTION._affine(plain(net.out_proj.weight.detach().cpu().double()), bias, row) for row in joined], shares


NEVER = -1e300


def _heads(kit, worst):
    """Masks for each head, masks of numbers, for keys, and two at once; shares of each head and their mean."""
    torch, net = kit.torch, _net(kit)
    x, y = kit.to(kit.randn(1, 3, 8, salt=503)), kit.to(kit.randn(1, 5, 8, salt=504))
    numbers = [[0.5 * ((2 * i + j) % 4) for j in range(5)] for i in range(3)]
    truths = [[[(i + j + h) % 3 == 0 and j > 0 for j in range(5)] for i in range(3)] for h in (0, 1)]
    hidden = [False, False, True, False, True]
    never = lambda is_hidden: NEVER if is_hidden else 0.0
    low = [[float("-inf") if h else 0.25 for h in hidden]]
    for label, options, added in (
        ("plain", {}, None),
        ("numbers", {"attn_mask": kit.of(numbers)}, lambda h, i, j: numbers[i][j]),
        ("a mask for each head", {"attn_mask": kit.of(truths, torch.bool)}, lambda h, i, j: never(truths[h][i][j])),
        ("hidden keys", {"key_padding_mask": kit.of([hidden], torch.bool)}, lambda h, i, j: never(hidden[j])),
        ("hidden keys as numbers", {"key_padding_mask": kit.of(low)}, lambda h, i, j: never(hidden[j]) + 0.25),
        ("a mask and hidden keys", {"attn_mask": kit.of(truths[0], torch.bool), "key_padding_mask": kit.of([hidden], torch.bool)}, lambda h, i, j: never(truths[0][i][j] or hidden[j])),
    ):
        want, shares = _reference(kit, net, x[0], y[0], y[0], None, added)
        out, each = net(x, y, y, average_attn_weights=False, **options)
        kit.compare(worst, out[0], want, 64, "MultiheadAttention, %s" % label, None, 1.0)
        kit.compare(worst, each[0], shares, 64, "its shares of each head, %s" % label, None, 1.0)
        mean = [[(a + b) / 2 for a, b in zip(p, q)] for p, q in zip(*shares)]
        kit.compare(worst, net(x, y, y, **options)[1][0], mean, 64, "the mean of its shares, %s" % label, None, 1.0)
        kit.compare(worst, net(x, y, y, need_weights=False, **options)[0][0], want, 64, "without shares, %s" % label, None, 1.0)
        kit.compare(worst, net(x[0], y[0], y[0], **{n: m[0] if n.startswith("key") else m for n, m in options.items()})[0], want, 64, "no batch, %s" % label, None, 1.0)
    two, pads = torch.cat([x, x.flip(1)]), kit.of([hidden, [False] * 5], torch.bool)
    both = net(two, torch.cat([y, y.flip(1)]), torch.cat([y, y.flip(1)]), key_padding_mask=pads)[0]
    kit.compare(worst, both[1], _reference(kit, net, two[1], y[0].flip(0), y[0].flip(0))[0], 64, "each sample has its own hidden keys", None, 1.0)
    bare = _net(kit, bias=False)
    kit.compare(worst, bare(x, y, y)[0][0], _reference(kit, bare, x[0], y[0], y[0])[0], 64, "MultiheadAttention without biases", None, 1.0)


def _more_keys(kit, worst):
    """Keys of another width; a learned key and value; a key of zeros."""
    torch = kit.torch
    x, y, z = (kit.to(kit.randn(1, n, d, salt=505 + d)) for n, d in ((3, 8), (5, 6), (5, 3)))
    net = _net(kit, kdim=6, vdim=3)
    weights = [plain(w.detach().cpu().double()) for w in (net.q_proj_weight, net.k_proj_weight, net.v_proj_weight)]
    kit.compare(worst, net(x, y, z)[0][0], _reference(kit, net, x[0], y[0], z[0], weights)[0], 64, "keys and values of other widths", None, 1.0)
    zeros, ends = [[0.0] * 8], []
    net = _net(kit, add_zero_attn=True)
    out, shares = net(x, x, x)
    want = _reference(kit, net, x[0], x[0], x[0], None, None, (zeros, zeros))
    kit.compare(worst, out[0], want[0], 64, "add_zero_attn", None, 1.0)
    ends.append(list(shares.shape))
    net = _net(kit, add_bias_kv=True)
    want = _reference(kit, net, x[0], x[0], x[0], None, None, (plain(net.bias_k[0].detach().cpu().double()), plain(net.bias_v[0].detach().cpu().double())))
    out, shares = net(x, x, x)
    kit.compare(worst, out[0], want[0], 64, "add_bias_kv", None, 1.0)
    ends.append(list(shares.shape))
    worst.same(ends, [[1, 3, 4], [1, 3, 4]], "shares of one key more")
    noisy = torch.nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True).to(kit.device)
    worst.equal(plain(noisy(x, x, x)[0]) != plain(noisy(x, x, x)[0]), "dropout of shares in training")
    noisy.eval()
    worst.equal(plain(noisy(x, x, x)[0]) == plain(noisy(x, x, x)[0]), "none in evaluation")


def _decoder(kit, worst):
    """A decoder layer, step by step from its parts, with masks for both of its attentions, in both orders of norms."""
    torch, f = kit.torch, kit.torch.nn.functional
    x, memory = kit.to(kit.randn(2, 4, 8, salt=511)), kit.to(kit.randn(2, 5, 8, salt=512))
    ahead = torch.ones(4, 4, dtype=torch.bool, device=kit.device).triu(1)
    far = kit.of([[(i + j) % 3 == 2 for j in range(5)] for i in range(4)], torch.bool)
    late = kit.of([[False] * 5, [False] * 3 + [True] * 2], torch.bool)
    own = kit.of([[False] * 4, [False] * 3 + [True]], torch.bool)
    for norm_first in (False, True):
        torch.manual_seed(kit.seed + 12)
        layer = torch.nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0, activation="gelu", batch_first=True, norm_first=norm_first).to(kit.device)
        for label, options in (
            ("no mask", {}),
            ("memory_mask", {"memory_mask": far}),
            ("hidden memory", {"memory_key_padding_mask": late}),
            ("all masks", {"tgt_mask": ahead, "memory_mask": far, "memory_key_padding_mask": late, "tgt_key_padding_mask": own}),
        ):
            own_part = lambda t: layer.self_attn(t, t, t, attn_mask=options.get("tgt_mask"), key_padding_mask=options.get("tgt_key_padding_mask"), need_weights=False)[0]
            other = lambda t: layer.multihead_attn(t, memory, memory, attn_mask=options.get("memory_mask"), key_padding_mask=options.get("memory_key_padding_mask"), need_weights=False)[0]
            widened = lambda t: layer.linear2(f.gelu(layer.linear1(t)))
            plain_norm = lambda norm: lambda t: f.layer_norm(t, (8,), norm.weight, norm.bias, 1e-5)
            want = x
            for part, norm in ((own_part, plain_norm(layer.norm1)), (other, plain_norm(layer.norm2)), (widened, plain_norm(layer.norm3))):
                want = want + part(norm(want)) if norm_first else norm(want + part(want))
            kit.compare(worst, layer(x, memory, **options), want.detach(), 32, "decoder layer, %s, norm_first=%s" % (label, norm_first), None, 1.0)


def _stack(kit, worst):
    """A stack of encoder layers with a last norm: each layer has weights of its own, and the norm comes last."""
    torch = kit.torch
    torch.manual_seed(kit.seed + 13)
    one = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation="gelu", batch_first=True)
    net = torch.nn.TransformerEncoder(one, 2, torch.nn.LayerNorm(8)).to(kit.device)
    x = kit.to(kit.randn(2, 5, 8, salt=513))
    with torch.no_grad():
        net.layers[1].linear1.weight.mul_(2)
    worst.equal(plain(net.layers[0].linear1.weight) != plain(net.layers[1].linear1.weight), "layers of a stack have weights of their own")
    late = kit.of([[False] * 5, [False] * 3 + [True] * 2], torch.bool)
    ahead = torch.ones(5, 5, dtype=torch.bool, device=kit.device).triu(1)
    for label, whole, each in (("no mask", {}, {}), ("causal", {"mask": ahead}, {"src_mask": ahead}), ("hidden keys", {"src_key_padding_mask": late}, {"src_key_padding_mask": late})):
        net.train()
        want = net.norm(net.layers[1](net.layers[0](x, **each), **each)).detach()
        # what is hidden is not compared: the fast path leaves it out
        cut = lambda t: plain(t[0]) + plain(t[1, :3])
        kit.compare(worst, cut(net(x, **whole)), cut(want), 32, "encoder stack, %s" % label, torch.float32, 1.0)
        net.eval()
        with torch.no_grad():
            kit.compare(worst, cut(net(x, **whole)), cut(want), 64, "encoder stack, %s, fast path" % label, torch.float32, 1.0)


CHECKS = {
    "attention.options": attention_options,
}
