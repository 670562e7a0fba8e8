"""Checks of the gradients of operators: central differences in float64, and torch's own gradcheck."""

from ptsetup_bench_main import Unavailable


def autograd_ops(kit, worst):
    """Gradients of many operators against central differences along random directions, in float64."""
    if not kit.has_float64:
        raise Unavailable("central differences need float64, which this device lacks")
    for name, point, function in _operators(kit) + _shapes(kit) + _kernels(kit) + _matrices(kit):
        kit.slopes(worst, name, point, function)


def _apart(kit, *shape, **options):
    """Numbers in random order that are never near one another: a difference across a kink of max or sort would be no slope."""
    count = 1
    for size in shape:
        count *= size
    order = kit.torch.randperm(count, generator=kit.rng(options["salt"])).double()
    return ((order - count // 2 + 0.37) * (4.0 / count)).reshape(shape)


def _operators(kit):
    torch, f = kit.torch, kit.torch.nn.functional
    # never near a multiple of 1/16: that is where the kinks of activations are
    far = (torch.round(kit.randn(4, 5, salt=12) * 16) + 0.37) / 16
    x = kit.randn(4, 5, salt=12)
    positive, within = x.abs() + 0.5, torch.tanh(x) * 0.9
    other = kit.to((torch.round(kit.randn(4, 5, salt=22) * 16) + 0.81) / 16, torch.float64)
    table = [(name, far, getattr(f, name)) for name in (
        "relu relu6 leaky_relu elu celu selu gelu silu mish softplus softsign softshrink hardshrink hardtanh hardswish hardsigmoid "
        "logsigmoid tanhshrink"
    ).split() if hasattr(f, name)]
    table += [("torch.%s" % name, far, getattr(torch, name)) for name in (
        "relu sigmoid tanh exp expm1 exp2 sin cos tan atan sinh cosh asinh erf erfc square abs neg sinc"
    ).split()]
    table += [("Tensor.%s" % name, far, getattr(torch.Tensor, name)) for name in "relu sigmoid tanh exp sin cos abs square".split()]
    table += [(name, positive, getattr(torch, name)) for name in "log log2 log10 log1p sqrt rsqrt reciprocal lgamma digamma".split()]
    table += [(name, within, getattr(torch, name)) for name in "asin acos atanh erfinv".split()]
    table += [
        ("nn.ReLU", far, torch.nn.ReLU()),
        ("nn.GELU", x, torch.nn.GELU()),
        ("gelu, tanh form", x, lambda t: f.gelu(t, approximate="tanh")),
        ("prelu", far, lambda t: f.prelu(t, kit.of([0.2], torch.float64))),
        ("glu", kit.randn(4, 6, salt=23), lambda t: f.glu(t, 1)),
        ("clamp", far, lambda t: t.clamp(-1, 0.5)),
        ("relu by clamp", far, lambda t: t.clamp(min=0)),
        ("add", x, lambda t: t + 2 * other),
        ("sub", x, lambda t: other - t),
        ("mul", x, lambda t: t * other),
        ("div", positive, lambda t: other / t),
        ("div by", x, lambda t: t / (other.abs() + 1)),
        ("pow", positive, lambda t: t**2.5),
        ("power of a number", x, lambda t: 1.7**t),
        ("tensor to a tensor", positive, lambda t: t**other),
        ("exponent", x, lambda t: (other.abs() + 0.5) ** t),
        ("atan2", x, lambda t: torch.atan2(t, other.abs() + 0.5)),
        ("hypot", x, lambda t: torch.hypot(t, other.abs() + 0.5)),
        ("logaddexp", x, lambda t: torch.logaddexp(t, other)),
        ("lerp", x, lambda t: torch.lerp(t, other, 0.3)),
        ("addcmul", x, lambda t: torch.addcmul(t, t, other, value=0.5)),
        ("addcdiv", x, lambda t: torch.addcdiv(t, other, other.abs() + 1, value=0.5)),
        ("maximum", far, lambda t: torch.maximum(t, other)),
        ("minimum", far, lambda t: torch.minimum(t, other)),
        ("where", x, lambda t: torch.where(other > 0, t, 2 * t)),
        ("masked_fill", x, lambda t: t.masked_fill(other > 0, 3.0)),
        ("fmod", far, lambda t: torch.fmod(t, 10.0)),
    ]
    return table


def _shapes(kit):
    torch, f = kit.torch, kit.torch.nn.functional
    x = kit.randn(4, 5, salt=24)
    apart = _apart(kit, 4, 5, salt=41)
    right = kit.to(kit.randn(5, 3, salt=25), torch.float64)
    rows = kit.of([[0, 0, 4]] * 4, torch.int64)
    return [
        ("sum", x, lambda t: t.sum(0) ** 2),
        ("mean", x, lambda t: t.mean(1) ** 2),
        ("prod", x, lambda t: t.prod(1)),
        ("var", x, lambda t: t.var(1)),
        ("std", x, lambda t: t.std(1)),
        ("norm", x, lambda t: t.norm(dim=1)),
        ("norm, p=1", apart, lambda t: t.norm(p=1, dim=1)),
        ("norm, p=3", apart, lambda t: t.norm(p=3, dim=1)),
        ("max", apart, lambda t: t.max(1)[0]),
        ("min", apart, lambda t: t.min(1)[0]),
        ("amax", apart, lambda t: t.amax(1)),
        ("median", apart, lambda t: t.median(1)[0]),
        ("logsumexp", x, lambda t: torch.logsumexp(t, 1)),
        ("softmax", x, lambda t: f.softmax(t, 1)),
        ("torch.softmax", x, lambda t: torch.softmax(t, 0)),
        ("log_softmax", x, lambda t: f.log_softmax(t, 1)),
        ("cumsum", x, lambda t: t.cumsum(1)),
        ("cumprod", x, lambda t: t.cumprod(1)),
        ("logcumsumexp", x, lambda t: torch.logcumsumexp(t, 1)),
        ("sort", apart, lambda t: t.sort(1)[0] ** 2),
        ("topk", apart, lambda t: t.topk(2, 1)[0]),
        ("@", x, lambda t: t @ right),
        ("mm, right side", right.cpu(), lambda t: x.to(t) @ t),
        ("bmm", kit.randn(2, 3, 4, salt=26), lambda t: torch.bmm(t, t.transpose(1, 2))),
        ("addmm", x, lambda t: torch.addmm(t[:, :3], t, right, beta=0.5, alpha=2)),
        ("einsum", x, lambda t: torch.einsum("ij,ik->jk", t, t)),
        ("linear", x, lambda t: f.linear(t, right.t())),
        ("outer", kit.randn(4, salt=27), lambda t: torch.outer(t, t)),
        ("cdist", x, lambda t: torch.cdist(t, kit.to(x[:2] + 1, torch.float64))),
        ("index", x, lambda t: t[[0, 0, 2]]),
        ("slice", x, lambda t: t[1:, ::2]),
        ("gather", x, lambda t: t.gather(1, rows)),
        ("index_select", x, lambda t: t.index_select(0, kit.whole(0, 0, 2))),
        ("scatter_add", x, lambda t: torch.zeros_like(t).scatter_add(1, rows, t[:, :3]) ** 2),
        ("index_add", x, lambda t: torch.zeros_like(t).index_add(0, kit.whole(0, 0, 1, 1), t) ** 2),
        ("embedding", x, lambda t: f.embedding(kit.whole(0, 3, 0), t)),
        ("cat", x, lambda t: torch.cat([t, 2 * t], 1) ** 2),
        ("stack", x, lambda t: torch.stack([t, t * t])),
        ("split", x, lambda t: t.split(2, 1)[1] ** 2),
        ("expand", kit.randn(4, 1, salt=28), lambda t: t.expand(4, 5) ** 2),
        ("repeat", x, lambda t: t.repeat(2, 2) ** 2),
        ("permute", kit.randn(2, 3, 4, salt=29), lambda t: t.permute(2, 0, 1).reshape(8, 3) ** 2),
        ("flip, roll", x, lambda t: t.flip(0) * t.roll(1, 1)),
        ("tril", x, lambda t: torch.tril(t) ** 2),
        ("diagonal", x, lambda t: t.diagonal() ** 2),
        ("unfold", x, lambda t: t.unfold(1, 3, 1) ** 2),
        ("broadcast", kit.randn(5, salt=30), lambda t: (x.to(t) * t) ** 2),
        ("normalize", x, lambda t: f.normalize(t, dim=1)),
        ("cosine_similarity", x, lambda t: f.cosine_similarity(t, kit.to(x.flip(0) + 1, torch.float64))),
    ]


def _kernels(kit):
    torch, f = kit.torch, kit.torch.nn.functional
    x = kit.randn(4, 5, salt=31)
    image, kernel = kit.randn(2, 3, 7, 7, salt=14), kit.to(kit.randn(4, 3, 3, 3, salt=15), torch.float64)
    weight = kit.to(kit.randn(5, salt=16), torch.float64)
    queries = kit.randn(1, 2, 5, 4, salt=32)
    still = kit.to(image, torch.float64)
    # sampling points well between the pixels
    pixel = torch.randint(0, 6, (2, 4, 4, 2), generator=kit.rng(33)) + 0.3 + 0.4 * torch.rand(2, 4, 4, 2, generator=kit.rng(43))
    grid = kit.to((2 * pixel.double() + 1) / 7 - 1, torch.float64)
    table = [
        ("layer_norm", x, lambda t: f.layer_norm(t, (5,), weight, weight)),
        ("weight of layer_norm", weight.cpu(), lambda t: f.layer_norm(x.to(t), (5,), t, t)),
        ("group_norm", image[:, :2], lambda t: f.group_norm(t, 2)),
        ("instance_norm", image, lambda t: f.instance_norm(t)),
        ("batch_norm", image, lambda t: f.batch_norm(t, None, None, training=True)),
        ("batch_norm, evaluation", image, lambda t: f.batch_norm(t, torch.zeros(3).to(t), torch.ones(3).to(t) * 2)),
        ("local_response_norm", image, lambda t: f.local_response_norm(t, 2)),
        ("conv2d", image, lambda t: f.conv2d(t, kernel, padding=1)),
        ("kernel of conv2d", kernel.cpu(), lambda t: f.conv2d(still, t, stride=2)),
        ("bias of conv2d", kit.randn(4, salt=34), lambda t: f.conv2d(still, kernel, t)),
        ("conv2d, groups", kit.randn(3, 1, 3, 3, salt=35), lambda t: f.conv2d(still, t, groups=3, dilation=2)),
        ("conv1d", kit.randn(1, 3, 9, salt=36), lambda t: f.conv1d(t, kernel[:, :, 0])),
        ("conv_transpose2d", kit.randn(2, 4, 5, 5, salt=17), lambda t: f.conv_transpose2d(t, kernel, stride=2)),
        ("kernel of conv_transpose2d", kernel.cpu(), lambda t: f.conv_transpose2d(still[:, :1].repeat(1, 4, 1, 1), t, stride=2)),
        ("max_pool2d", _apart(kit, 1, 2, 7, 7, salt=42), lambda t: f.max_pool2d(t, 2)),
        ("avg_pool2d", image, lambda t: f.avg_pool2d(t, 3, 2, 1)),
        ("adaptive_avg_pool2d", image, lambda t: f.adaptive_avg_pool2d(t, 3)),
        ("lp_pool2d", image.abs() + 0.1, lambda t: f.lp_pool2d(t, 2, 2)),
        ("interpolate", image, lambda t: f.interpolate(t, scale_factor=2, mode="bilinear", align_corners=False)),
        ("interpolate, bicubic", image, lambda t: f.interpolate(t, scale_factor=2, mode="bicubic", align_corners=False)),
        ("grid_sample", image, lambda t: f.grid_sample(t, grid, align_corners=False)),
        ("grid of grid_sample", grid.cpu(), lambda t: f.grid_sample(still, t, align_corners=False)),
        ("pad, reflect", image, lambda t: f.pad(t, (1, 2, 0, 1), mode="reflect")),
        ("pad, replicate", image, lambda t: f.pad(t, (1, 2, 0, 1), mode="replicate")),
        ("pad, circular", image, lambda t: f.pad(t, (1, 2, 0, 1), mode="circular")),
        ("pixel_shuffle", kit.randn(1, 4, 3, 3, salt=37), lambda t: f.pixel_shuffle(t, 2) ** 2),
        ("unfold", image, lambda t: f.unfold(t, 3) ** 2),
        ("fft", x, lambda t: torch.view_as_real(torch.fft.fft(t))),
        ("rfft", x, lambda t: torch.view_as_real(torch.fft.rfft(t))),
    ]
    if hasattr(f, "scaled_dot_product_attention"):
        keys = kit.to(kit.randn(1, 2, 5, 4, salt=38), torch.float64)
        table += [
            ("attention", queries, lambda t: f.scaled_dot_product_attention(t, keys, keys.flip(2))),
            ("keys of causal attention", queries, lambda t: f.scaled_dot_product_attention(keys, t, keys, is_causal=True)),
            ("values of attention", queries, lambda t: f.scaled_dot_product_attention(keys, keys, t)),
        ]
    if hasattr(f, "rms_norm"):
        table.append(("rms_norm", x, lambda t: f.rms_norm(t, (5,), weight)))
    return table


def _matrices(kit):
    torch = kit.torch
    square = kit.randn(4, 4, salt=11) + 4 * torch.eye(4, dtype=torch.float64)
    return [
        ("inverse", square, torch.inverse),
        ("det", square, torch.det),
        ("logdet", square, lambda t: torch.slogdet(t)[1]),
        ("solve", square, lambda t: torch.linalg.solve(t, kit.to(square[:, :2] + 1, torch.float64))),
        ("svdvals", square, torch.linalg.svdvals),
        ("eigvalsh", square, lambda t: torch.linalg.eigvalsh(t + t.t())),
        ("qr", square, lambda t: torch.linalg.qr(t)[1]),
        ("cholesky", square @ square.t(), lambda t: torch.linalg.cholesky((t + t.t()) / 2)),
        ("matrix_exp", square * 0.1, torch.matrix_exp),
    ]


def autograd_gradcheck(kit, worst):
    """torch's own gradcheck and gradgradcheck as a cross-check of ours."""
    torch = kit.torch
    if not kit.has_float64:
        raise Unavailable("gradcheck needs float64, which this device lacks")
    f = torch.nn.functional
    x = kit.leaf(kit.randn(3, 4, salt=39), torch.float64)
    w = kit.leaf(kit.randn(2, 4, salt=40), torch.float64)
    for name, function, given in (
        ("linear", f.linear, (x, w)),
        ("tanh", torch.tanh, (x,)),
        ("softmax", lambda t: f.softmax(t, 1), (x,)),
        ("layer_norm", lambda t: f.layer_norm(t, (4,)), (x,)),
        ("gelu", f.gelu, (x,)),
        ("conv2d", lambda t: f.conv2d(t.reshape(1, 1, 3, 4), w.reshape(1, 1, 2, 4)), (x,)),
    ):
        for kind in ("gradcheck", "gradgradcheck"):
            is_right = getattr(torch.autograd, kind)(function, given, raise_exception=False)
            worst.equal(bool(is_right), "%s of %s" % (kind, name))


CHECKS = {
    "autograd.ops": autograd_ops,
    "autograd.gradcheck": autograd_gradcheck,
}
