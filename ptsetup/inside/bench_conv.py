"""Checks of convolution, pooling, padding and image sampling. References: sums in plain Python, exact small integers."""

import math

from ptsetup_bench_main import Unavailable, plain


def _conv(image, kernel, bias, stride=1, padding=0, dilation=1, groups=1):
    """2-D cross-correlation of nested lists [C][H][W] with [O][C/groups][h][w]."""
    height, width = len(image[0]), len(image[0][0])
    size_y, size_x = len(kernel[0][0]), len(kernel[0][0][0])
    out_y = (height + 2 * padding - dilation * (size_y - 1) - 1) // stride + 1
    out_x = (width + 2 * padding - dilation * (size_x - 1) - 1) // stride + 1
    per_out, per_in = len(kernel) // groups, len(image) // groups

    def at(o, y, x):
        terms, first = [bias[o]], (o // per_out) * per_in
        for c, taps in enumerate(kernel[o]):
            for i in range(size_y):
                row = y * stride - padding + i * dilation
                for j in range(size_x):
                    column = x * stride - padding + j * dilation
                    if 0 <= row < height and 0 <= column < width:
                        terms.append(image[first + c][row][column] * taps[i][j])
        return math.fsum(terms)

    return [[[at(o, y, x) for x in range(out_x)] for y in range(out_y)] for o in range(len(kernel))]


def _transposed(image, kernel, bias, stride=1, padding=0, output_padding=0):
    """2-D transposed convolution of [C][H][W] with [C][O][h][w]: every pixel adds its kernel to the output."""
    height, width = len(image[0]), len(image[0][0])
    size_y, size_x = len(kernel[0][0]), len(kernel[0][0][0])
    out_y = (height - 1) * stride - 2 * padding + size_y + output_padding
    out_x = (width - 1) * stride - 2 * padding + size_x + output_padding
    out = [[[bias[o]] * out_x for _ in range(out_y)] for o in range(len(kernel[0]))]
    for c, plane in enumerate(image):
        for y, row in enumerate(plane):
            for x, value in enumerate(row):
                for o, taps in enumerate(kernel[c]):
                    for i in range(size_y):
                        for j in range(size_x):
                            to_y, to_x = y * stride - padding + i, x * stride - padding + j
                            if 0 <= to_y < out_y and 0 <= to_x < out_x:
                                out[o][to_y][to_x] += value * taps[i][j]
    return out


CASES = ((3, 1, 1, 1, 1), (3, 2, 0, 1, 1), (3, 1, 2, 2, 1), (3, 1, 1, 1, 2), (1, 1, 0, 1, 1), (3, 2, 1, 1, 4), (5, 1, 2, 1, 1))
"""(size, stride, padding, dilation, groups)"""


def conv_forms(kit, worst):
    """conv2d: strides, padding, groups, dilation, 1x1, both memory layouts, layers with their bias and padding modes."""
    torch, f = kit.torch, kit.torch.nn.functional
    for size, stride, padding, dilation, groups in CASES:
        image, bias = kit.randn(1, 4, 7, 6, salt=101), kit.randn(8, salt=103)
        kernel = kit.randn(8, 4 // groups, size, size, salt=102)
        for dtype in kit.dtypes("float32", "float64", "bfloat16"):
            x, w, b = kit.to(image, dtype), kit.to(kernel, dtype), kit.to(bias, dtype)
            lists = [plain(t.cpu().double()) for t in (x[0], w, b)]
            want = _conv(lists[0], lists[1], lists[2], stride, padding, dilation, groups)
            label = "%dx%d, stride %d, padding %d, dilation %d, groups %d, %s" % (size, size, stride, padding, dilation, groups, str(dtype)[6:])
            bound = 8 if dtype == torch.bfloat16 else 16
            kit.compare(worst, f.conv2d(x, w, b, stride, padding, dilation, groups)[0], want, bound, label, dtype)
            if dtype != torch.float32:
                continue
            lined = x.contiguous(memory_format=torch.channels_last)
            kit.compare(worst, f.conv2d(lined, w, b, stride, padding, dilation, groups)[0], want, bound, label + ", channels_last", dtype)
            layer = torch.nn.Conv2d(4, 8, size, stride, padding, dilation, groups).to(kit.device)
            with torch.no_grad():
                layer.weight.copy_(w)
                layer.bias.copy_(b)
            kit.compare(worst, layer(x)[0], want, bound, label + ", nn.Conv2d", dtype)
    _batch(kit, worst)
    _paddings(kit, worst)
    _lines(kit, worst)


def _batch(kit, worst):
    """A batch of equal images has equal results; without bias; a layer's gradients are those of the sums."""
    torch, f = kit.torch, kit.torch.nn.functional
    x, w = kit.to(kit.randn(3, 2, 6, 6, salt=104)), kit.to(kit.randn(4, 2, 3, 3, salt=105))
    want = [_conv(image, plain(w.cpu().double()), [0.0] * 4) for image in plain(x.cpu().double())]
    kit.compare(worst, f.conv2d(x, w), want, 16, "a batch of three, without bias")
    layer = torch.nn.Conv2d(2, 4, 3).to(kit.device)
    out = layer(x)
    out.sum().backward()
    kit.compare(worst, layer.bias.grad, [3.0 * 16] * 4, 16, "gradient of the bias")
    sums = [[math.fsum(v for image in plain(x.cpu().double()) for row in image[c][i : i + 4] for v in row[j : j + 4]) for i in range(3) for j in range(3)] for c in range(2)]
    kit.compare(worst, layer.weight.grad, [sums] * 4, 64, "gradient of the kernel")


def _paddings(kit, worst):
    torch, f = kit.torch, kit.torch.nn.functional
    x, w = kit.to(kit.randn(1, 1, 5, 5, salt=106)), kit.to(kit.randn(1, 1, 3, 3, salt=107))
    image, taps = plain(x[0].cpu().double()), plain(w.cpu().double())
    kit.compare(worst, f.conv2d(x, w, padding="same")[0], _conv(image, taps, [0.0], padding=1), 16, "padding='same'")
    kit.compare(worst, f.conv2d(x, w, padding="valid")[0], _conv(image, taps, [0.0]), 16, "padding='valid'")
    places = {"reflect": [1, 0, 1, 2, 3, 4, 3], "replicate": [0, 0, 1, 2, 3, 4, 4], "circular": [4, 0, 1, 2, 3, 4, 0]}
    for mode, order in sorted(places.items()):
        layer = torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode=mode, bias=False).to(kit.device)
        with torch.no_grad():
            layer.weight.copy_(w)
        padded = [[[image[0][y][x] for x in order] for y in order]]
        kit.compare(worst, layer(x)[0], _conv(padded, taps, [0.0]), 16, "padding_mode='%s'" % mode)


def _lines(kit, worst):
    torch, f = kit.torch, kit.torch.nn.functional
    line, taps, bias = kit.to(kit.randn(1, 2, 12, salt=107)), kit.to(kit.randn(3, 2, 3, salt=108)), kit.to(kit.randn(3, salt=100))
    flat = [[row] for row in plain(line[0].cpu().double())]
    core = [[[tap] for tap in o] for o in plain(taps.cpu().double())]
    want = [plane[0] for plane in _conv(flat, core, kit.numbers(bias))]
    kit.compare(worst, f.conv1d(line, taps, bias)[0], want, 16, "conv1d")
    layer = torch.nn.Conv1d(2, 3, 3).to(kit.device)
    with torch.no_grad():
        layer.weight.copy_(taps)
        layer.bias.copy_(bias)
    kit.compare(worst, layer(line)[0], want, 16, "nn.Conv1d")
    cube, core = kit.to(kit.randn(1, 2, 4, 4, 4, salt=109)), kit.to(kit.randn(1, 2, 3, 3, 3, salt=110))
    values, taps = plain(cube[0].cpu().double()), plain(core[0].cpu().double())
    span = range(3)
    want = [[[math.fsum(values[c][z + k][y + i][x + j] * taps[c][k][i][j] for c in range(2) for k in span for i in span for j in span) for x in range(2)] for y in range(2)] for z in range(2)]
    kit.compare(worst, f.conv3d(cube, core)[0, 0], want, 32, "conv3d")
    layer = torch.nn.Conv3d(2, 1, 3, bias=False).to(kit.device)
    with torch.no_grad():
        layer.weight.copy_(core)
    kit.compare(worst, layer(cube)[0, 0], want, 32, "nn.Conv3d")
    _strided(kit, worst, "conv1d", f.conv1d, line, kit.to(kit.randn(3, 2, 3, salt=108)))
    _strided(kit, worst, "conv3d", f.conv3d, cube, core)


def _strided(kit, worst, name, call, x, taps):
    """Stride, padding and dilation in one and three dimensions, by the plain form: every second place, zeros around, holes in the kernel."""
    torch, sizes = kit.torch, x.dim() - 2
    every, ring = (slice(None), slice(None)) + (slice(None, None, 2),) * sizes, (1, 1) * sizes
    padded = torch.nn.functional.pad(x, ring)
    kit.compare(worst, call(x, taps, stride=2, padding=1), call(padded, taps)[every].detach(), 32, "%s, stride 2, padding 1" % name)
    holed = torch.zeros(tuple(taps.shape[:2]) + (5,) * sizes, device=kit.device)
    holed[every] = taps
    kit.compare(worst, call(padded, taps, dilation=2), call(padded, holed), 32, "%s, dilation 2" % name)


def conv_transposed(kit, worst):
    """Transposed convolution: every pixel adds its kernel; strides, padding, groups; the adjoint of convolution."""
    torch, f = kit.torch, kit.torch.nn.functional
    for dtype in kit.dtypes("float32", "float64"):
        x, w, b = kit.to(kit.randn(1, 3, 4, 5, salt=191), dtype), kit.to(kit.randn(3, 2, 3, 3, salt=192), dtype), kit.to(kit.randn(2, salt=193), dtype)
        image, taps, bias = plain(x[0].cpu().double()), plain(w.cpu().double()), kit.numbers(b)
        for stride, padding, more in ((1, 0, 0), (2, 0, 0), (2, 1, 1), (3, 1, 0)):
            want = _transposed(image, taps, bias, stride, padding, more)
            label = "transposed, stride %d, padding %d, output_padding %d, %s" % (stride, padding, more, str(dtype)[6:])
            kit.compare(worst, f.conv_transpose2d(x, w, b, stride, padding, more)[0], want, 32, label, dtype)
            layer = torch.nn.ConvTranspose2d(3, 2, 3, stride, padding, more).to(kit.device, dtype)
            with torch.no_grad():
                layer.weight.copy_(w)
                layer.bias.copy_(b)
            kit.compare(worst, layer(x)[0], want, 32, label + ", nn.ConvTranspose2d", dtype)
        flat = _transposed([[plane[0]] for plane in image], [[[o[0]] for o in c] for c in taps], bias, 1)
        kit.compare(worst, f.conv_transpose1d(x[:, :, 0], w[:, :, 0], b)[0], [plane[0] for plane in flat], 32, "conv_transpose1d", dtype)
    ones = torch.ones(1, 1, 2, 2, 2, device=kit.device)
    spread = f.conv_transpose3d(ones, torch.ones(1, 1, 2, 2, 2, device=kit.device))
    worst.same(spread[0, 0], [[[u * v * w for u in (1, 2, 1)] for v in (1, 2, 1)] for w in (1, 2, 1)], "conv_transpose3d")
    _adjoint(kit, worst)


def _adjoint(kit, worst):
    f = kit.torch.nn.functional
    x, w = kit.to(kit.randn(2, 3, 9, 8, salt=194), kit.finest), kit.to(kit.randn(4, 3, 3, 3, salt=195), kit.finest)
    y = f.conv2d(x, w, stride=2, padding=1)
    g = kit.to(kit.randn(*y.shape, salt=196), kit.finest)
    back = f.conv_transpose2d(g, w, stride=2, padding=1, output_padding=(0, 1))
    left = [a * b for a, b in zip(kit.numbers(y), kit.numbers(g))]
    right = [a * b for a, b in zip(kit.numbers(x), kit.numbers(back))]
    size = math.fsum(abs(v) for v in left)
    worst.add(abs(math.fsum(left) - math.fsum(right)) / size / kit.eps(kit.finest), 64, "eps", "conv_transpose2d is the adjoint of conv2d")


def pool_pad(kit, worst):
    """Pooling (plain, strided, padded, adaptive, power, unpooling), padding modes, shuffles, fold and unfold: exactly."""
    torch, f = kit.torch, kit.torch.nn.functional
    x = torch.arange(16.0, device=kit.device).reshape(1, 1, 4, 4)
    mixed = x.flip(2).roll(1, 3)
    grid = plain(mixed[0, 0])
    window = lambda y, x, size: [grid[j][i] for j in range(y, y + size) for i in range(x, x + size)]
    for size, stride in ((2, 2), (3, 1), (2, 1)):
        places = range(0, 4 - size + 1, stride)
        for name, module, join in (("max_pool2d", "MaxPool2d", max), ("avg_pool2d", "AvgPool2d", lambda v: sum(v) / len(v))):
            want = [[join(window(y, x, size)) for x in places] for y in places]
            kit.compare(worst, getattr(f, name)(mixed, size, stride)[0, 0], want, 2, "%s, %d by %d" % (name, size, stride))
            kit.compare(worst, getattr(torch.nn, module)(size, stride)(mixed)[0, 0], want, 2, "nn.%s, %d by %d" % (module, size, stride))
    worst.same(f.max_pool2d(x, 2), [[[[5, 7], [13, 15]]]], "stride is the size where none is given")
    worst.same(f.max_pool2d(x, 2, return_indices=True)[1], [[[[5, 7], [13, 15]]]], "indices of max_pool2d")
    worst.same(f.max_pool2d(-x, 3, 2, 1), [[[[0, -1], [-4, -5]]]], "max_pool2d with padding")
    worst.same(f.max_pool2d(x, 3, 2, ceil_mode=True), [[[[10, 11], [14, 15]]]], "max_pool2d, ceil_mode")
    worst.same(f.max_pool2d(x, 2, 1, dilation=2), [[[[10, 11], [14, 15]]]], "max_pool2d, dilation")
    kit.compare(worst, f.avg_pool2d(x, 2, 2, 1), [[[[0, 0.75, 0.75], [3, 7.5, 4.5], [3, 6.75, 3.75]]]], 2, "avg_pool2d, padding counts")
    apart = f.avg_pool2d(x, 2, 2, 1, count_include_pad=False)
    kit.compare(worst, apart, [[[[0, 1.5, 3], [6, 7.5, 9], [12, 13.5, 15]]]], 2, "avg_pool2d, padding does not count")
    worst.same(f.adaptive_avg_pool2d(x, 1), [[[[7.5]]]], "adaptive_avg_pool2d")
    kit.compare(worst, f.adaptive_avg_pool2d(x, 3)[0, 0, 0], [2.5, 3.5, 4.5], 2, "adaptive_avg_pool2d, uneven")
    worst.same(torch.nn.AdaptiveAvgPool2d((2, 1))(x), [[[[3.5], [11.5]]]], "nn.AdaptiveAvgPool2d")
    worst.same(f.adaptive_max_pool2d(x, (1, 2)), [[[[13, 15]]]], "adaptive_max_pool2d")
    kit.compare(worst, f.lp_pool2d(x, 2, 2)[0, 0, 0], [math.sqrt(0 + 1 + 16 + 25), math.sqrt(4 + 9 + 36 + 49)], 8, "lp_pool2d")
    _other_pools(kit, worst, x)
    _pads(kit, worst, x)


def _other_pools(kit, worst, x):
    torch, f = kit.torch, kit.torch.nn.functional
    row = x.reshape(1, 1, 16)
    worst.same(f.max_pool1d(row[..., :6], 3), [[[2, 5]]], "max_pool1d")
    worst.same(f.avg_pool1d(row[..., :6], 2), [[[0.5, 2.5, 4.5]]], "avg_pool1d")
    worst.same(f.adaptive_avg_pool1d(row[..., :6], 2), [[[1, 4]]], "adaptive_avg_pool1d")
    cube = torch.arange(8.0, device=kit.device).reshape(1, 1, 2, 2, 2)
    worst.same([f.max_pool3d(cube, 2).reshape(-1), f.avg_pool3d(cube, 2).reshape(-1)], [[7], [3.5]], "max_pool3d, avg_pool3d")
    top, places = f.max_pool2d(x, 2, return_indices=True)
    back = f.max_unpool2d(top, places, 2)
    worst.same(back[0, 0], [[0, 0, 0, 0], [0, 5, 0, 7], [0, 0, 0, 0], [0, 13, 0, 15]], "max_unpool2d")
    leaf = x.clone().requires_grad_(True)
    f.max_pool2d(leaf, 2).sum().backward()
    worst.same(leaf.grad[0, 0], [[0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0], [0, 1, 0, 1]], "gradient of max_pool2d")
    leaf = x.clone().requires_grad_(True)
    f.avg_pool2d(leaf, 2).sum().backward()
    worst.same(leaf.grad[0, 0], [[0.25] * 4] * 4, "gradient of avg_pool2d")


def _pads(kit, worst, x):
    torch, f = kit.torch, kit.torch.nn.functional
    row = torch.arange(4.0, device=kit.device).reshape(1, 1, 4)
    for mode, module, want in (
        ("reflect", "ReflectionPad1d", [2, 1, 0, 1, 2, 3, 2]),
        ("replicate", "ReplicationPad1d", [0, 0, 0, 1, 2, 3, 3]),
        ("circular", "CircularPad1d", [2, 3, 0, 1, 2, 3, 0]),
        ("constant", "ZeroPad1d", [0, 0, 0, 1, 2, 3, 0]),
    ):
        worst.same(f.pad(row, (2, 1), mode=mode).reshape(-1), want, "pad, %s" % mode)
        if hasattr(torch.nn, module):
            worst.same(getattr(torch.nn, module)((2, 1))(row).reshape(-1), want, "nn.%s" % module)
    worst.same(f.pad(row, (2, 1), value=9).reshape(-1), [9, 9, 0, 1, 2, 3, 9], "pad, constant 9")
    worst.same(f.pad(row, (-1, -1)).reshape(-1), [1, 2], "pad, negative")
    worst.same(f.pad(x[..., :2, :2], (1, 0, 0, 1))[0, 0], [[0, 0, 1], [0, 4, 5], [0, 0, 0]], "pad, left and below")
    worst.same(f.pad(x[..., :2, :2], (1, 1, 1, 0), mode="reflect")[0, 0], [[5, 4, 5, 4], [1, 0, 1, 0], [5, 4, 5, 4]], "pad, reflect in two dimensions")
    deep = torch.arange(8.0, device=kit.device).reshape(1, 4, 1, 2)
    worst.same(f.pixel_shuffle(deep, 2), [[[[0, 2, 1, 3], [4, 6, 5, 7]]]], "pixel_shuffle")
    worst.same(f.pixel_unshuffle(f.pixel_shuffle(deep, 2), 2), plain(deep), "pixel_unshuffle undoes it")
    worst.same(torch.nn.ChannelShuffle(2)(deep)[0, :, 0, 0], [0, 4, 2, 6], "ChannelShuffle")
    patches = f.unfold(x, 2, stride=2)
    worst.same(patches[0].t(), [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]], "unfold")
    worst.same(f.fold(patches, (4, 4), 2, stride=2), plain(x), "fold undoes unfold")
    worst.same(f.fold(f.unfold(torch.ones_like(x), 3), (4, 4), 3)[0, 0, :2], [[1, 2, 2, 1], [2, 4, 4, 2]], "fold adds what overlaps")


def vision_sampling(kit, worst):
    """grid_sample (modes, borders), affine_grid, interpolate (all modes) by linear ramps and exact cases; a grid of images."""
    f = kit.torch.nn.functional
    image = kit.to(kit.randn(1, 2, 5, 6, salt=231))
    turn = lambda a, b, c, d, corners=True: f.affine_grid(kit.of([[[a, b, 0.0], [c, d, 0.0]]]), (1, 2, 5, 6), align_corners=corners)
    for corners in (True, False):
        got = f.grid_sample(image, turn(1.0, 0.0, 0.0, 1.0, corners), align_corners=corners)
        worst.add(kit.distance(got, image), 1e-5, "rel", "identity grid, align_corners=%s" % corners)
    got = f.grid_sample(image, turn(-1.0, 0.0, 0.0, 1.0), align_corners=True)
    worst.add(kit.distance(got, image.flip(3)), 1e-5, "rel", "mirrored grid")
    got = f.grid_sample(image, turn(1.0, 0.0, 0.0, -1.0), mode="nearest", align_corners=True)
    worst.add(kit.distance(got, image.flip(2)), 0, "count", "mirrored grid, nearest")
    _points(kit, worst)
    _ramps(kit, worst)
    _sheet(kit, worst)


def _points(kit, worst):
    """Single points of a 2 x 2 image whose values are 1, 2, 3, 4."""
    f = kit.torch.nn.functional
    square = kit.of([[[[1.0, 2.0], [3.0, 4.0]]]])
    at = lambda x, y, **options: float(f.grid_sample(square, kit.of([[[[x, y]]]]), **options))
    table = (
        ("centre", at(0.0, 0.0, align_corners=False), 2.5),
        ("top left pixel", at(-0.5, -0.5, align_corners=False), 1.0),
        ("between two pixels", at(0.0, -0.5, align_corners=False), 1.5),
        ("a corner with align_corners", at(1.0, -1.0, align_corners=True), 2.0),
        ("half way with align_corners", at(0.0, 1.0, align_corners=True), 3.5),
        ("outside, zeros", at(3.0, 0.0, align_corners=False), 0.0),
        ("outside, border", at(3.0, -0.5, padding_mode="border", align_corners=False), 2.0),
        ("outside, reflection", at(1.5, -0.5, padding_mode="reflection", align_corners=False), 2.0),
        ("nearest", at(0.4, 0.3, mode="nearest", align_corners=False), 4.0),
    )
    for label, got, want in table:
        worst.add(abs(got - want), 1e-5, "abs", "grid_sample, %s" % label)


def _ramps(kit, worst):
    torch, f = kit.torch, kit.torch.nn.functional
    ramp = torch.arange(5.0, device=kit.device).reshape(1, 1, 1, 5).repeat(1, 1, 3, 1)
    row = lambda got: kit.numbers(got[0, 0, 1])
    halves = [0.0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4.0]
    for label, got, want in (
        ("bilinear, corners", row(f.interpolate(ramp, size=(3, 9), mode="bilinear", align_corners=True)), [0.5 * i for i in range(9)]),
        ("bilinear", row(f.interpolate(ramp, size=(3, 10), mode="bilinear", align_corners=False)), halves),
        ("nn.Upsample", row(torch.nn.Upsample(scale_factor=(1, 2), mode="bilinear", align_corners=False)(ramp)), halves),
        ("bicubic, corners, inside", row(f.interpolate(ramp, size=(3, 9), mode="bicubic", align_corners=True))[2:-2], [0.5 * i for i in range(2, 7)]),
        ("area", row(f.interpolate(ramp[..., :4], size=(3, 2), mode="area")), [0.5, 2.5]),
        ("nearest", row(f.interpolate(ramp, scale_factor=2, mode="nearest")), [float(i // 2) for i in range(10)]),
        ("nearest, smaller", row(f.interpolate(ramp, size=(3, 2), mode="nearest")), [0.0, 2.0]),
        ("linear", kit.numbers(f.interpolate(ramp[:, :, 0], size=9, mode="linear", align_corners=True)), [0.5 * i for i in range(9)]),
        ("trilinear", kit.numbers(f.interpolate(ramp[:, :, None], size=(1, 3, 9), mode="trilinear", align_corners=True)[0, 0, 0, 1]), [0.5 * i for i in range(9)]),
    ):
        worst.add(kit.distance(got, want), 1e-5, "rel", "interpolate, %s" % label)
    if kit.device.type == "cpu":
        small = f.interpolate(ramp[..., :4], size=(3, 2), mode="bilinear", antialias=True, align_corners=False)
        worst.add(kit.distance(row(small), [5 / 7.0, 16 / 7.0]), 1e-5, "rel", "interpolate, antialiased")


def _sheet(kit, worst):
    """Images side by side, as for a figure."""
    torch = kit.torch
    tiles = torch.stack([torch.full((1, 2, 2), float(n)) for n in range(4)]).to(kit.device)
    sheet = tiles.reshape(2, 2, 1, 2, 2).permute(2, 0, 3, 1, 4).reshape(1, 4, 4)
    worst.same(sheet[0], [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]], "an image grid")


def vision_board(kit, worst):
    """TensorBoard event files are written and hold the scalar and the image (where tensorboard is installed)."""
    import glob
    import os
    import tempfile

    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as reason:
        raise Unavailable("tensorboard is not installed (%s)" % str(reason).split("\n")[0][:100])
    with tempfile.TemporaryDirectory() as folder:
        with SummaryWriter(folder) as writer:
            writer.add_scalar("loss", 0.5, 3)
            writer.add_histogram("weights", kit.torch.arange(10.0), 3)
        files = glob.glob(os.path.join(folder, "events.*"))
        with open(files[0], "rb") as file:
            data = file.read()
        worst.equal(len(files) == 1 and b"loss" in data and b"weights" in data, "one event file with the scalar and the histogram")


CHECKS = {
    "conv.forms": conv_forms,
    "conv.transposed": conv_transposed,
    "conv.pool": pool_pad,
    "vision.sampling": vision_sampling,
    "vision.board": vision_board,
}
