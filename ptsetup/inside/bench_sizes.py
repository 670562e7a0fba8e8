"""Checks over sizes and layouts: what is right for five rows may be wrong for 300, for a width of 31, or where memory is strided.

References: elementary operations (products, exponentials, sums) in float64 on the CPU, on numbers that lie in one block.
"""

import math

SHAPES = (
    (1,), (3,), (33,), (1000,), (1, 1), (150, 1), (1, 7), (2, 3), (5, 31), (3, 129), (300, 17), (17, 300), (64, 257), (2, 5, 9), (9, 4, 33), (33, 2, 3), (6, 4, 5, 7), (1, 8, 9, 9), (2, 2, 16, 17), (2, 2, 3, 4, 5),
)


def tensor_sizes(kit, worst):
    """Reductions, element functions, sorts, products and losses over 20 shapes and four layouts of memory."""
    for number, shape in enumerate(SHAPES):
        exact = kit.randn(*shape, salt=601 + number).float().double()
        for name, call, formula, size in _anywhere(kit.torch) + _complex(kit) + (_wide(kit) if len(shape) > 1 else ()):
            want = formula(exact)
            scale = float(size(exact).abs().max()) if size else 0.0
            for layout, given in _layouts(kit, exact):
                _close(kit, worst, call(given), want, scale, "%s, %s, %s" % (name, list(shape), layout))


def _close(kit, worst, got, want, scale, label, bound=32):
    """The largest error in eps of float32, against the larger of: one, the largest number that is wanted, the size of its terms."""
    got = got.detach().cpu().double()
    if got.shape != want.shape:
        worst.equal(False, "%s: of shape %s" % (label, list(got.shape)))
        return
    apart = float((got - want).abs().max())
    worst.add(apart / max(1.0, scale, float(want.abs().max())) / kit.eps(kit.torch.float32), bound, "eps", label)


def _layouts(kit, exact):
    """(name, the same numbers on the device in float32) in one block, transposed, with holes, and as channels_last."""
    torch, x = kit.torch, kit.to(exact)
    found = [("one block", x)]
    if exact.dim() > 1:
        found.append(("transposed", x.transpose(0, -1).contiguous().transpose(0, -1)))
    holed = torch.full(tuple(exact.shape) + (2,), float("nan"), device=kit.device)
    holed[..., 0] = x
    found.append(("with holes", holed[..., 0]))
    if exact.dim() == 4:
        found.append(("channels_last", x.contiguous(memory_format=torch.channels_last)))
    return found


def _shares(t):
    powers = (t - t.amax(-1, keepdim=True)).exp()
    return powers / powers.sum(-1, keepdim=True)


def _gap(t):
    return t - t.sum(-1, keepdim=True) / t.shape[-1]


def _spread(t):
    return (_gap(t) ** 2).sum(-1, keepdim=True) / t.shape[-1]


def _total(t):
    return t.abs().sum(-1)


def _running(t):
    """Running sums by a triangle of ones."""
    count = t.shape[-1]
    ones = t.new_ones(count, count).tril()
    return (t[..., None, :] * ones).sum(-1)


def _before(t):
    """True where the second index stands before the first."""
    count = t.shape[-1]
    return t.new_ones(count, count).tril(-1) > 0


def _first_top(t):
    """The place of the first of the largest numbers."""
    count = t.shape[-1]
    places = t.new_ones(count).cumsum(0) - 1
    return (places + count * (t < _order(t)[..., -1:])).amin(-1)


def _order(t):
    """Sorted by counting, for each number, how many come before it: those that are smaller, and those that are equal and stand before."""
    if t.shape[-1] > 300:
        return t.sort(-1)[0]
    one, other = t[..., :, None], t[..., None, :]
    ranks = ((other < one) | ((other == one) & _before(t))).sum(-1)
    return t.new_zeros(t.shape).scatter(-1, ranks, t)


def _anywhere(torch):
    """(name, call, formula, size of its terms) along the last dimension, or for each element."""
    f = torch.nn.functional
    even = lambda t: torch.arange(t.shape[-1], device=t.device) % 2 == 0
    return (
        ("softmax", lambda t: f.softmax(t, -1), _shares, None),
        ("torch.softmax", lambda t: torch.softmax(t, -1), _shares, None),
        ("log_softmax", lambda t: f.log_softmax(t, -1), lambda t: _shares(t).log(), None),
        ("logsumexp", lambda t: torch.logsumexp(t, -1), lambda t: t.exp().sum(-1).log(), None),
        ("sum", lambda t: t.sum(-1), lambda t: (t * torch.ones_like(t)).sum(-1), _total),
        ("torch.sum of all", lambda t: torch.sum(t), lambda t: t.reshape(-1).sum(), lambda t: t.abs().sum()),
        ("mean", lambda t: torch.mean(t, -1), lambda t: t.sum(-1) / t.shape[-1], None),
        ("mean of all", lambda t: t.mean(), lambda t: t.sum() / t.numel(), None),
        ("var, biased", lambda t: torch.var(t, -1, unbiased=False), lambda t: _spread(t)[..., 0], None),
        ("amax", lambda t: t.amax(-1), lambda t: _order(t)[..., -1], None),
        ("min", lambda t: torch.min(t, -1)[0], lambda t: _order(t)[..., 0], None),
        ("place of max", lambda t: torch.argmax(t, -1).float(), _first_top, None),
        ("norm", lambda t: t.norm(dim=-1), lambda t: (t * t).sum(-1).sqrt(), None),
        ("cumsum", lambda t: torch.cumsum(t, -1), _running, _total),
        ("sort", lambda t: torch.sort(t, -1)[0], _order, None),
        ("topk", lambda t: torch.topk(t, 1, -1)[0], lambda t: _order(t)[..., -1:], None),
        ("median", lambda t: t.median(-1)[0], lambda t: _order(t)[..., (t.shape[-1] - 1) // 2], None),
        ("flip", lambda t: t.flip(-1), lambda t: t[..., [n for n in range(t.shape[-1] - 1, -1, -1)]], None),
        ("cat", lambda t: torch.cat([t, 2 * t, t[..., :0]], -1), lambda t: t[..., None, :].mul(torch.tensor([[1.0], [2.0]])).reshape(t.shape[:-1] + (-1,)), None),
        ("stack", lambda t: torch.stack([t, -t], -1), lambda t: t[..., None] * torch.tensor([1.0, -1.0]).double(), None),
        ("where", lambda t: torch.where(even(t), t, 0.25), lambda t: t * even(t) + 0.25 * ~even(t), None),
        ("clamp", lambda t: torch.clamp(t, torch.zeros_like(t) - 0.5, torch.ones_like(t) * 0.25), lambda t: 0.5 * ((t + 0.5).abs() - (t - 0.25).abs() - 0.25), None),
        ("relu", f.relu, lambda t: 0.5 * (t + t.abs()), None),
        ("gelu", f.gelu, lambda t: 0.5 * t * (1 + torch.erf(t / math.sqrt(2))), None),
        ("silu", f.silu, lambda t: t / (1 + (-t).exp()), None),
        ("sigmoid", torch.sigmoid, lambda t: 1 / (1 + (-t).exp()), None),
        ("tanh", torch.tanh, lambda t: 1 - 2 / ((2 * t).exp() + 1), None),
        ("leaky_relu", lambda t: f.leaky_relu(t, 0.1), lambda t: 0.55 * t + 0.45 * t.abs(), None),
        ("dropout, evaluation", lambda t: f.dropout(t, 0.5, False), lambda t: t, None),
        ("t + 2 t", lambda t: torch.add(t, t, alpha=2), lambda t: 3 * t, None),
        ("t * t - t", lambda t: t * t - t, lambda t: (t - 1) * t, None),
        ("t / (1 + t t)", lambda t: t / (1 + t * t), lambda t: t * (1 + t * t).reciprocal(), None),
        ("layer_norm", lambda t: f.layer_norm(t, t.shape[-1:]), lambda t: _gap(t) / (_spread(t) + 1e-5).sqrt(), lambda t: t / (_spread(t) + 1e-5).sqrt()),
        ("normalize", lambda t: f.normalize(t, dim=-1), lambda t: t / (t * t).sum(-1, keepdim=True).sqrt(), None),
        ("mse_loss", lambda t: f.mse_loss(t, 1 - 0.5 * t), lambda t: ((1.5 * t - 1) ** 2).sum() / t.numel(), None),
        ("l1_loss", lambda t: f.l1_loss(t, 1 - 0.5 * t), lambda t: (1.5 * t - 1).abs().sum() / t.numel(), None),
        ("BCE with logits", lambda t: f.binary_cross_entropy_with_logits(t, torch.ones_like(t)), lambda t: (1 + (-t).exp()).log().sum() / t.numel(), None),
    )


def _complex(kit):
    """Complex numbers, where the device has them."""
    torch = kit.torch
    if kit.device.type == "mps":
        return ()
    made = lambda t: torch.complex(t, 2 * t)
    return (
        ("abs of complex numbers", lambda t: torch.abs(made(t)), lambda t: t.abs() * math.sqrt(5), None),
        ("Tensor.abs of complex numbers", lambda t: made(t).abs(), lambda t: t.abs() * math.sqrt(5), None),
        ("product with the conjugate", lambda t: (made(t) * made(t).conj()).real, lambda t: 5 * t * t, None),
        ("square of complex numbers", lambda t: (made(t) * made(t)).imag, lambda t: 4 * t * t, None),
    )


def _wide(kit):
    """Products and losses of rows; what they are multiplied with is made for each width."""
    torch, f = kit.torch, kit.torch.nn.functional
    right = lambda t, columns=3: torch.cos(torch.arange(t.shape[-1] * columns).double() * 0.7).float().double().reshape(t.shape[-1], columns)
    on = lambda t, columns=3: kit.to(right(t, columns))
    product = lambda t, columns=3: (t[..., None] * right(t, columns)).sum(-2)
    sizes = lambda t: (t.abs()[..., None] * right(t).abs()).sum(-2)
    places = lambda t: torch.arange(t[..., 0].numel(), device=t.device).reshape(t.shape[:-1]) % t.shape[-1]
    loss = lambda t: -_shares(t).log().gather(-1, places(t)[..., None]).sum() / t[..., 0].numel()
    index = lambda t: torch.arange(t.shape[-1] - 1, -1, -1, device=t.device)
    return (
        ("@", lambda t: t @ on(t), product, sizes),
        ("torch.matmul", lambda t: torch.matmul(t, on(t)), product, sizes),
        ("@ vector", lambda t: t @ on(t, 1)[:, 0], lambda t: product(t, 1)[..., 0], sizes),
        ("linear", lambda t: f.linear(t, on(t).t(), kit.of([0.5, 0.25, 1.0])), lambda t: product(t) + torch.tensor([0.5, 0.25, 1.0]).double(), sizes),
        ("bmm, expanded", lambda t: torch.bmm(t.reshape(1, -1, t.shape[-1]).expand(3, -1, -1), on(t)[None].expand(3, -1, -1))[1].reshape(t.shape[:-1] + (3,)), product, sizes),
        ("einsum", lambda t: torch.einsum("...i,ij->...j", t, on(t)), product, sizes),
        ("@ its transpose", lambda t: t @ t.transpose(-1, -2), lambda t: (t[..., :, None, :] * t[..., None, :, :]).sum(-1), lambda t: (t * t).sum(-1)),
        ("cross_entropy", lambda t: f.cross_entropy(t.movedim(-1, 1), places(t)), loss, None),
        ("nll_loss", lambda t: f.nll_loss(torch.log_softmax(t, -1).movedim(-1, 1), places(t)), loss, None),
        ("gather", lambda t: t.gather(-1, index(t).expand(t.shape)), lambda t: t[..., index(t)], None),
        ("index_select", lambda t: torch.index_select(t, -1, index(t)), lambda t: t[..., index(t)], None),
        ("mean over two", lambda t: torch.mean(t, (0, -1)), lambda t: t.movedim(0, -1).reshape(t.shape[1:-1] + (-1,)).sum(-1) / (t.shape[0] * t.shape[-1]), None),
        ("sum over the first", lambda t: t.sum(0), lambda t: (t * torch.ones_like(t)).transpose(0, -1).sum(-1).transpose(0, -1) if t.dim() == 2 else sum(t), lambda t: t.abs().sum(0)),
        ("softmax over the first", lambda t: torch.softmax(t, 0), lambda t: _shares(t.transpose(0, -1)).transpose(0, -1), None),
        ("embedding", lambda t: f.embedding(torch.arange(t.shape[0], dtype=torch.int32, device=t.device).flip(0), t.reshape(t.shape[0], -1)), lambda t: t.reshape(t.shape[0], -1)[[n for n in range(t.shape[0] - 1, -1, -1)]], None),
    )


IMAGES = ((1, 2, 5, 6), (3, 2, 7, 5), (9, 3, 8, 8), (2, 4, 17, 3), (5, 1, 12, 33))


def conv_sizes(kit, worst):
    """Convolution, pooling, batch and group norm, and resizing over batches of images of many sizes, in two layouts."""
    torch, f = kit.torch, kit.torch.nn.functional
    for number, shape in enumerate(IMAGES):
        exact = kit.randn(*shape, salt=651 + number).float().double()
        kernel = kit.randn(4, shape[1], 3, 3, salt=661).float().double()
        windows = lambda t, k, s: t.unfold(2, k, s).unfold(3, k, s)
        flat = exact.transpose(0, 1).reshape(shape[1], -1)
        batch = (_gap(flat) / (_spread(flat) + 1e-5).sqrt()).reshape(shape[1], shape[0], shape[2], shape[3]).transpose(0, 1)
        group = exact.reshape(shape[0], -1)
        doubled = exact[:, :, :, None, :, None].expand(shape[:3] + (2, shape[3], 2)).reshape(shape[0], shape[1], 2 * shape[2], 2 * shape[3])
        table = (
            ("conv2d", lambda t: f.conv2d(t, kit.to(kernel)), (windows(exact, 3, 1)[:, None] * kernel[None, :, :, None, None]).sum((2, 5, 6)), 9.0 * shape[1]),
            ("conv2d, strided", lambda t: f.conv2d(t, kit.to(kernel), stride=2), (windows(exact, 3, 2)[:, None] * kernel[None, :, :, None, None]).sum((2, 5, 6)), 9.0 * shape[1]),
            ("conv1d", lambda t: f.conv1d(t[:, :, :, 0], kit.to(kernel)[..., 0]), (exact[..., 0].unfold(2, 3, 1)[:, None] * kernel[None, :, :, None, :, 0]).sum((2, 4)), 3.0 * shape[1]),
            ("max_pool2d", lambda t: f.max_pool2d(t, 2), windows(exact, 2, 2).reshape(shape[:2] + (shape[2] // 2, shape[3] // 2, 4)).sort(-1)[0][..., -1], 0.0),
            ("avg_pool2d", lambda t: f.avg_pool2d(t, 3, 2), windows(exact, 3, 2).sum((4, 5)) / 9, 0.0),
            ("adaptive_avg_pool2d", lambda t: f.adaptive_avg_pool2d(t, 1)[..., 0, 0], exact.sum((2, 3)) / (shape[2] * shape[3]), 0.0),
            ("batch_norm", lambda t: f.batch_norm(t, None, None, training=True), batch, 0.0),
            ("group_norm", lambda t: f.group_norm(t, 1), (_gap(group) / (_spread(group) + 1e-5).sqrt()).reshape(shape), 0.0),
            ("instance_norm", lambda t: f.instance_norm(t), (_gap(exact.reshape(shape[:2] + (-1,))) / (_spread(exact.reshape(shape[:2] + (-1,))) + 1e-5).sqrt()).reshape(shape), 0.0),
            ("interpolate, nearest", lambda t: f.interpolate(t, scale_factor=2), doubled, 0.0),
            ("interpolate, bilinear to its own size", lambda t: f.interpolate(t, size=shape[2:], mode="bilinear", align_corners=False), exact, 0.0),
            ("pad", lambda t: f.pad(t, (1, 0, 0, 2))[:, :, : shape[2], 1:], exact, 0.0),
        )
        for layout, given in _layouts(kit, exact):
            for name, call, want, size in table:
                _close(kit, worst, call(given), want, size, "%s, %s, %s" % (name, list(shape), layout), 64)
    _far(kit, worst)


def _far(kit, worst):
    """Numbers far from zero: a variance as the mean of squares less the square of the mean would lose all digits."""
    torch, f = kit.torch, kit.torch.nn.functional
    for count in (16, 63, 1024):
        exact = (kit.randn(6, count, salt=671) + 300).float().double()
        x = kit.to(exact)
        normed = _gap(exact) / (_spread(exact) + 1e-5).sqrt()
        for name, got, want in (
            ("var", x.var(1, unbiased=False), _spread(exact)[:, 0]),
            ("var of all", x.reshape(-1).var(unbiased=False), _spread(exact.reshape(-1))[0]),
            ("var()", x.var(), _spread(exact.reshape(-1))[0] * (6.0 * count / (6.0 * count - 1))),
            ("torch.std", torch.std(x), (_spread(exact.reshape(-1))[0] * (6.0 * count / (6.0 * count - 1))).sqrt()),
            ("std", x.std(1, unbiased=False), _spread(exact)[:, 0].sqrt()),
            ("layer_norm", f.layer_norm(x, (count,)), normed),
            ("group_norm", f.group_norm(x[:, None], 1)[:, 0], normed),
            ("instance_norm", f.instance_norm(x[:, None])[:, 0], normed),
            ("batch_norm", f.batch_norm(x.t().contiguous(), None, None, training=True).t(), normed),
            ("logsumexp", torch.logsumexp(x, 1), 300 + (exact - 300).exp().sum(1).log()),
            ("softmax", torch.softmax(x, 1), _shares(exact)),
        ):
            # the mean is known to an eps of 300 at best, and a number of one is what remains: one pass would be wrong by 300 squared
            _close(kit, worst, got, want, 0.0, "%s of %d numbers about 300" % (name, count), 3000)


CHECKS = {
    "tensor.sizes": tensor_sizes,
    "conv.sizes": conv_sizes,
}
