"""Checks of the options of convolution, pooling, folding and sampling: uneven kernels, sides, ceilings, divisors. References: sums in Python."""

import itertools
import math

from ptsetup_bench_main import plain


def _places(size, kernel, stride, padding, dilation, more=0):
    """Start of each window along one dimension."""
    return range(-padding, size + padding + more - dilation * (kernel - 1), stride)


def _convolve(image, taps, stride, padding, dilation, groups=1, bias=None):
    """Convolution in any number of dimensions: {place: value} of images and kernels as nested lists."""
    sizes, kernel = _shape(image)[1:], _shape(taps)[2:]
    per_in, per_out = len(image) // groups, len(taps) // groups
    axes = [_places(*each) for each in zip(sizes, kernel, stride, padding, dilation)]
    steps = list(itertools.product(*[range(k) for k in kernel]))

    def one(o, at):
        terms = [bias[o] if bias else 0.0]
        for c in range(per_in):
            plane = image[(o // per_out) * per_in + c]
            for step in steps:
                place = [a + s * d for a, s, d in zip(at, step, dilation)]
                if all(0 <= p < n for p, n in zip(place, sizes)):
                    terms.append(_item(plane, place) * _item(taps[o][c], step))
        return math.fsum(terms)

    return [one(o, at) for o in range(len(taps)) for at in itertools.product(*axes)]


def _shape(lists):
    sizes = []
    while isinstance(lists, list):
        sizes.append(len(lists))
        lists = lists[0]
    return sizes


def _item(lists, place):
    for n in place:
        lists = lists[n]
    return lists


CASES = (
    # image, kernel, stride, padding, dilation, groups
    ((2, 9), (4, 2, 3), (2,), (1,), (2,), 1),
    ((4, 8), (8, 1, 2), (1,), (0,), (1,), 4),
    ((2, 6, 7), (3, 2, 3, 2), (2, 1), (0, 1), (1, 2), 1),
    ((4, 5, 6), (6, 2, 2, 3), (1, 2), (1, 0), (2, 1), 2),
    ((3, 7, 5), (6, 1, 3, 3), (1, 1), (1, 1), (1, 1), 3),
    ((2, 4, 5, 3), (2, 2, 2, 3, 1), (1, 2, 1), (1, 0, 0), (1, 1, 2), 1),
    ((2, 3, 3, 3), (4, 1, 2, 2, 2), (1, 1, 2), (0, 1, 1), (2, 1, 1), 2),
)


def conv_options(kit, worst):
    """Convolution with uneven kernels, strides, paddings, dilations and groups; 'same' of even kernels; transposed; no batch."""
    torch, f = kit.torch, kit.torch.nn.functional
    for number, (size, kernel, stride, padding, dilation, groups) in enumerate(CASES):
        name = "conv%dd" % (len(size) - 1)
        x, w, b = kit.to(kit.randn(2, *size, salt=431 + number)), kit.to(kit.randn(*kernel, salt=441 + number)), kit.to(kit.randn(kernel[0], salt=451))
        label = "%s, image %s, kernel %s, groups %d" % (name, list(size), list(kernel), groups)
        taps, bias = plain(w.cpu().double()), kit.numbers(b)
        want = [_convolve(image, taps, stride, padding, dilation, groups, bias) for image in plain(x.cpu().double())]
        got = getattr(f, name)(x, w, b, stride, padding, dilation, groups)
        kit.compare(worst, got, want, 32, label, None, 1.0)
        kit.compare(worst, getattr(f, name)(x[1], w, b, stride, padding, dilation, groups), want[1], 32, label + ", no batch", None, 1.0)
        module = getattr(torch.nn, "C" + name[1:])(kernel[1] * groups, kernel[0], kernel[2:], stride, padding, dilation, groups).to(kit.device)
        with torch.no_grad():
            module.weight.copy_(w)
            module.bias.copy_(b)
        kit.compare(worst, module(x), want, 32, label + ", as a module", None, 1.0)
        _backwards(kit, worst, name, x, w, (stride, padding, dilation, groups), label)
    _same(kit, worst)
    _modes(kit, worst)


def _backwards(kit, worst, name, x, w, options, label):
    """The transposed convolution is the adjoint of each of these: <conv(x), y> = <x, conv_transpose(y)>; so are the gradients."""
    torch, f = kit.torch, kit.torch.nn.functional
    stride, padding, dilation, groups = options
    x, w = x.to(kit.finest).requires_grad_(True), w.to(kit.finest).requires_grad_(True)
    out = getattr(f, name)(x, w, None, stride, padding, dilation, groups)
    y = kit.to(kit.randn(*out.shape, salt=461), kit.finest)
    sizes = [(o - 1) * s - 2 * p + d * (k - 1) + 1 for o, s, p, d, k in zip(out.shape[2:], stride, padding, dilation, w.shape[2:])]
    more = tuple(n - s for n, s in zip(x.shape[2:], sizes))
    back = getattr(f, "conv_transpose" + name[-2:])(y, w.detach(), None, stride, padding, more, groups, dilation)
    (out * y).sum().backward()
    kit.compare(worst, x.grad, back, 256, "gradient of %s against its adjoint" % label, None, 1.0)
    left, right = [a * b for a, b in zip(kit.numbers(out), kit.numbers(y))], [a * b for a, b in zip(kit.numbers(x), kit.numbers(back))]
    size = math.fsum(abs(v) for v in left)
    worst.add(abs(math.fsum(left) - math.fsum(right)) / size / kit.eps(kit.finest), 64, "eps", "conv_transpose is the adjoint of %s" % label)
    slopes = [a * b for a, b in zip(kit.numbers(w.grad), kit.numbers(w))]
    worst.add(abs(math.fsum(left) - math.fsum(slopes)) / size / kit.eps(kit.finest), 64, "eps", "gradient of the kernel of %s" % label)


def _same(kit, worst):
    """'same' with an even kernel fills up one place more at the end than at the start."""
    torch, f = kit.torch, kit.torch.nn.functional
    line = kit.of([[[1.0, 2.0, 3.0, 4.0, 5.0]]])
    for taps, dilation in (([1.0, 10.0], 1), ([1.0, 10.0, 100.0, 1000.0], 1), ([1.0, 10.0, 100.0], 2), ([1.0, 10.0], 3)):
        total = dilation * (len(taps) - 1)
        value = lambda n: float(n + 1) if 0 <= n < 5 else 0.0
        want = [math.fsum(t * value(at - total // 2 + dilation * k) for k, t in enumerate(taps)) for at in range(5)]
        label = "padding='same', %d taps, dilation %d" % (len(taps), dilation)
        worst.same(f.conv1d(line, kit.of([[taps]]), padding="same", dilation=dilation)[0, 0], want, "conv1d, " + label)
        layer = torch.nn.Conv1d(1, 1, len(taps), padding="same", dilation=dilation, bias=False).to(kit.device)
        plane = torch.nn.Conv2d(1, 1, (1, len(taps)), padding="same", dilation=(1, dilation), bias=False).to(kit.device)
        with torch.no_grad():
            layer.weight.copy_(kit.of([[taps]]))
            plane.weight.copy_(kit.of([[[taps]]]))
        worst.same(layer(line)[0, 0], want, "nn.Conv1d, " + label)
        worst.same(plane(line[:, :, None])[0, 0, 0], want, "nn.Conv2d, " + label)


def _modes(kit, worst):
    torch = kit.torch
    line = kit.of([[[1.0, 2.0, 3.0, 4.0]]])
    for mode, want in (("zeros", [0.0, 1.0, 2.0, 3.0, 4.0, 0.0]), ("reflect", [2.0, 1.0, 2.0, 3.0, 4.0, 3.0]), ("replicate", [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]), ("circular", [4.0, 1.0, 2.0, 3.0, 4.0, 1.0])):
        layer = torch.nn.Conv1d(1, 1, 3, padding=1, padding_mode=mode, bias=False).to(kit.device)
        with torch.no_grad():
            layer.weight.copy_(kit.of([[[1.0, 10.0, 100.0]]]))
        sums = [a + 10 * b + 100 * c for a, b, c in zip(want, want[1:], want[2:])]
        worst.same(layer(line)[0, 0], sums, "nn.Conv1d, padding_mode='%s'" % mode)
    wide = torch.nn.ConvTranspose1d(1, 1, 2, stride=2, bias=False).to(kit.device)
    with torch.no_grad():
        wide.weight.copy_(kit.of([[[1.0, 10.0]]]))
    worst.same(wide(line[..., :2], output_size=[5])[0, 0], [1.0, 10.0, 2.0, 20.0, 0.0], "nn.ConvTranspose1d, output_size")


def pool_options(kit, worst):
    """Pooling, padding, folding and shuffling with every option; exactly."""
    f, torch = kit.torch.nn.functional, kit.torch
    line = kit.of([[[3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0]]])
    image = torch.arange(30.0, device=kit.device).reshape(1, 1, 5, 6)
    for label, got, want in (
        ("max_pool1d, ceil_mode", f.max_pool1d(line, 2, ceil_mode=True), [3, 4, 9, 2]),
        ("max_pool1d, dilation", f.max_pool1d(line, 2, 1, dilation=3), [3, 5, 9, 2]),
        ("max_pool1d, indices", f.max_pool1d(line, 3, 2, 1, return_indices=True)[1], [0, 2, 5, 5]),
        ("avg_pool1d, ceil_mode", f.avg_pool1d(line, 2, ceil_mode=True), [2, 2.5, 7, 2]),
        ("avg_pool1d, padding", f.avg_pool1d(line, 3, 2, 1) * 3, [4, 6, 15, 11]),
        ("avg_pool1d, padding not counted", f.avg_pool1d(line, 3, 2, 1, count_include_pad=False) * 6, [12, 12, 30, 33]),
        ("avg_pool2d, divisor", f.avg_pool2d(image, 2, divisor_override=1), [14, 22, 30, 62, 70, 78]),
        ("avg_pool2d, ceil_mode", f.avg_pool2d(image, (2, 3), ceil_mode=True), [4, 7, 16, 19, 25, 28]),
        ("max_pool2d, uneven", f.max_pool2d(image, (2, 3), (2, 1), (0, 1)), [7, 8, 9, 10, 11, 11, 19, 20, 21, 22, 23, 23]),
        ("max_pool2d, ceil_mode", f.max_pool2d(image, 2, 2, ceil_mode=True), [7, 9, 11, 19, 21, 23, 25, 27, 29]),
        ("adaptive_max_pool1d", f.adaptive_max_pool1d(line, 3), [4, 5, 9]),
        ("adaptive_max_pool1d, indices", f.adaptive_max_pool1d(line, 3, return_indices=True)[1], [2, 4, 5]),
        ("adaptive_avg_pool2d, uneven", f.adaptive_avg_pool2d(image, (2, 3)), [6.5, 8.5, 10.5, 18.5, 20.5, 22.5]),
        ("adaptive_avg_pool2d, None", f.adaptive_avg_pool2d(image, (None, 1)), [2.5, 8.5, 14.5, 20.5, 26.5]),
        ("avg_pool3d, padding", f.avg_pool3d(torch.ones(1, 1, 2, 2, 2, device=kit.device), 2, 2, 1) * 8, [1] * 8),
        ("lp_pool1d, p 1", f.lp_pool1d(line, 1, 2), [4, 5, 14]),
        ("max_unpool1d, output_size", f.max_unpool1d(kit.of([[[4.0, 9.0]]]), kit.of([[[2, 5]]], torch.int64), 3, output_size=[7]), [0, 0, 4, 0, 0, 9, 0]),
        ("pad, reflect, uneven", f.pad(line, (3, 1), mode="reflect"), [1, 4, 1, 3, 1, 4, 1, 5, 9, 2, 9]),
        ("pad, replicate, uneven", f.pad(line, (0, 2), mode="replicate"), [3, 1, 4, 1, 5, 9, 2, 2, 2]),
        ("pad, circular, uneven", f.pad(line, (1, 2), mode="circular"), [2, 3, 1, 4, 1, 5, 9, 2, 3, 1]),
        ("pad, two dimensions, circular", f.pad(image[..., :2, :2], (1, 0, 0, 1), mode="circular"), [1, 0, 1, 7, 6, 7, 1, 0, 1]),
        ("nn.ZeroPad2d, four sides", torch.nn.ZeroPad2d((0, 1, 2, 0))(image[..., :1, :2]), [0, 0, 0, 0, 0, 0, 0, 1, 0]),
        ("nn.ConstantPad1d", torch.nn.ConstantPad1d((1, 0), 7.0)(line), [7, 3, 1, 4, 1, 5, 9, 2]),
        ("unfold, dilation", f.unfold(image, 2, dilation=(2, 3))[0, :, 0], [0, 3, 12, 15]),
        ("unfold, padding and stride", f.unfold(image, (2, 3), padding=1, stride=(3, 2))[0, :, 4], [13, 14, 15, 19, 20, 21]),
        ("fold, padding and stride", f.fold(torch.ones(1, 4, 9, device=kit.device), 4, 2, padding=1, stride=2), [1] * 16),
        ("fold, dilation", f.fold(torch.ones(1, 4, 4, device=kit.device), 4, 2, dilation=2), [1] * 16),
        ("pixel_unshuffle", f.pixel_unshuffle(image[..., :2, :4], 2), [0, 2, 1, 3, 6, 8, 7, 9]),
        ("ChannelShuffle of six", torch.nn.ChannelShuffle(3)(torch.arange(6.0).reshape(1, 6, 1, 1).to(kit.device)), [0, 2, 4, 1, 3, 5]),
    ):
        kit.compare(worst, got.to(torch.float32).reshape(-1), [float(v) for v in want], 4, label)
    leaf = kit.leaf(kit.of([[[2.0, 3.0, 1.0, 5.0]]]))
    (f.max_pool1d(leaf, 2, 1) * kit.of([1.0, 10.0, 100.0])).sum().backward()
    worst.same(leaf.grad, [[[0.0, 11.0, 0.0, 100.0]]], "gradient of overlapping windows")
    leaf = kit.leaf(line.cpu())
    f.adaptive_avg_pool1d(leaf, 3).sum().backward()
    kit.compare(worst, leaf.grad.reshape(-1), [1 / 3.0, 1 / 3.0, 2 / 3.0, 1 / 3.0, 2 / 3.0, 1 / 3.0, 1 / 3.0], 4, "gradient of uneven adaptive windows")


def vision_options(kit, worst):
    """Sampling in other modes: nearest-exact, cubic weights, borders, volumes, factors against sizes, both conventions of corners."""
    torch, f = kit.torch, kit.torch.nn.functional
    line = kit.of([[[3.0, 1.0, 4.0, 1.0, 5.0]]])
    values = [3.0, 1.0, 4.0, 1.0, 5.0]
    for size in (3, 4, 7, 10):
        nearest = [values[min(4, int(math.floor(n * 5.0 / size)))] for n in range(size)]
        exact = [values[min(4, int(math.floor((n + 0.5) * 5.0 / size)))] for n in range(size)]
        kit.compare(worst, f.interpolate(line, size, mode="nearest"), nearest, 1, "interpolate, nearest, %d" % size)
        kit.compare(worst, f.interpolate(line, size, mode="nearest-exact"), exact, 1, "interpolate, nearest-exact, %d" % size)
        for corners in (False, True):
            at = lambda n: n * 4.0 / (size - 1) if corners else max(0.0, (n + 0.5) * 5.0 / size - 0.5)
            kit.compare(worst, f.interpolate(line, size, mode="linear", align_corners=corners), [_linear(values, at(n)) for n in range(size)], 32, "interpolate, linear, %d, align_corners=%s" % (size, corners))
            at = lambda n: n * 4.0 / (size - 1) if corners else (n + 0.5) * 5.0 / size - 0.5
            plane = line[:, :, None].expand(1, 1, 5, 5)
            got = f.interpolate(plane, (5, size), mode="bicubic", align_corners=corners)[0, 0, 2]
            kit.compare(worst, got, [_cubic(values, at(n)) for n in range(size)], 64, "interpolate, bicubic, %d, align_corners=%s" % (size, corners), None, 1.0)
    # the factor that is given is used, not that of the rounded size
    kit.compare(worst, f.interpolate(line, scale_factor=1.5, mode="linear", align_corners=False), [_linear(values, max(0.0, (n + 0.5) / 1.5 - 0.5)) for n in range(7)], 32, "interpolate, factor 1.5")
    again = f.interpolate(line, scale_factor=1.5, mode="linear", align_corners=False, recompute_scale_factor=True)
    kit.compare(worst, again, [_linear(values, max(0.0, (n + 0.5) * 5 / 7.0 - 0.5)) for n in range(7)], 32, "interpolate, factor taken anew")
    square = torch.arange(16.0, device=kit.device).reshape(1, 1, 4, 4)
    worst.same(f.interpolate(square, (2, 2), mode="area")[0, 0], [[2.5, 4.5], [10.5, 12.5]], "interpolate, area")
    both = f.interpolate(square, (3, 7), mode="bilinear", align_corners=True)[0, 0]
    kit.compare(worst, both, [[4 * y * 1.5 + x * 0.5 for x in range(7)] for y in range(3)], 16, "interpolate, bilinear, two dimensions")
    _grids(kit, worst)


def _linear(values, at):
    low = min(int(at), len(values) - 1)
    high = min(low + 1, len(values) - 1)
    return values[low] + (at - low) * (values[high] - values[low])


def _cubic(values, at, a=-0.75):
    """Keys' kernel with a = -0.75; beyond the ends the last value counts."""
    low = int(math.floor(at))
    total = []
    for n in range(low - 1, low + 3):
        d = abs(at - n)
        weight = ((a + 2) * d - (a + 3)) * d * d + 1 if d <= 1 else a * (((d - 5) * d + 8) * d - 4)
        total.append(weight * values[max(0, min(len(values) - 1, n))])
    return math.fsum(total)


def _grids(kit, worst):
    torch, f = kit.torch, kit.torch.nn.functional
    values = [3.0, 1.0, 4.0, 1.0, 5.0]
    rows = kit.of([[[values] * 3]])
    for corners in (False, True):
        places = [-1.7, -1.0, -0.55, 0.1, 0.62, 1.0, 1.9]
        to_pixel = lambda u: (u + 1) / 2 * 4 if corners else ((u + 1) * 5 - 1) / 2
        grid = kit.of([[[[u, 0.0] for u in places]]])
        for mode in ("zeros", "border", "reflection"):
            want = []
            for u in places:
                p = to_pixel(u)
                if mode == "border":
                    p = min(4.0, max(0.0, p))
                elif mode == "reflection":
                    first, last = (0.0, 4.0) if corners else (-0.5, 4.5)
                    span = last - first
                    p = (p - first) % (2 * span)
                    p = min(4.0, max(0.0, first + (p if p <= span else 2 * span - p)))
                low = int(math.floor(p))
                inside = lambda n: values[n] if 0 <= n < 5 else 0.0
                want.append((1 - (p - low)) * inside(low) + (p - low) * inside(low + 1))
            got = f.grid_sample(rows, grid, padding_mode=mode, align_corners=corners)
            worst.add(kit.distance(got, want), 1e-5, "rel", "grid_sample, %s, align_corners=%s" % (mode, corners))
        inner = [-0.5, 0.1, 0.4]
        got = f.grid_sample(rows, kit.of([[[[u, 0.0] for u in inner]]]), mode="bicubic", padding_mode="border", align_corners=corners)
        worst.add(kit.distance(got, [_cubic(values, to_pixel(u)) for u in inner]), 1e-5, "rel", "grid_sample, bicubic, align_corners=%s" % corners)
        matrix = kit.of([[[1.0, 0.5, 0.25], [0.0, -1.0, 0.5]]])
        steps = lambda n: [(2.0 * k / (n - 1) - 1) if corners else (2.0 * k + 1) / n - 1 for k in range(n)]
        want = [[[x + 0.5 * y + 0.25, 0.5 - y] for x in steps(4)] for y in steps(3)]
        worst.add(kit.distance(f.affine_grid(matrix, (1, 1, 3, 4), align_corners=corners), want), 1e-6, "rel", "affine_grid, align_corners=%s" % corners)
    cube = torch.arange(8.0, device=kit.device).reshape(1, 1, 2, 2, 2)
    got = f.grid_sample(cube, kit.of([[[[[-1.0, -1.0, 1.0], [1.0, 0.0, -1.0], [0.0, 0.0, 0.0]]]]]), align_corners=True)
    worst.add(kit.distance(got, [4.0, 2.0, 3.5]), 1e-6, "rel", "grid_sample of a volume")


CHECKS = {
    "conv.options": conv_options,
    "pool.options": pool_options,
    "vision.options": vision_options,
}
