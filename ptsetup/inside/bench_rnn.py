"""Checks of recurrent nets against the gate equations: cells, layers, directions, packed sequences, gradients."""

import math

from ptsetup_bench_main import plain


def _sigmoid(v):
    return 1.0 / (1.0 + math.exp(-v)) if v >= 0 else math.exp(v) / (1.0 + math.exp(v))


def _affine(matrix, bias, vector):
    return [math.fsum([b] + [m * v for m, v in zip(row, vector)]) for row, b in zip(matrix, bias)]


def _step(kind, weights, row, h, c):
    """One step of one cell: (hidden, cell state)."""
    w_in, w_hid, b_in, b_hid = weights
    size = len(h)
    a, b = _affine(w_in, b_in, row), _affine(w_hid, b_hid, h)
    part = lambda values, k: values[k * size : (k + 1) * size]
    if kind == "RNN":
        return [math.tanh(u + v) for u, v in zip(a, b)], c
    if kind == "RNN, relu":
        return [max(u + v, 0.0) for u, v in zip(a, b)], c
    if kind == "LSTM":
        s = [u + v for u, v in zip(a, b)]
        i, f, g, o = (part(s, k) for k in range(4))
        c = [_sigmoid(fv) * cv + _sigmoid(iv) * math.tanh(gv) for iv, fv, gv, cv in zip(i, f, g, c)]
        return [_sigmoid(ov) * math.tanh(cv) for ov, cv in zip(o, c)], c
    r = [_sigmoid(u + v) for u, v in zip(part(a, 0), part(b, 0))]
    z = [_sigmoid(u + v) for u, v in zip(part(a, 1), part(b, 1))]
    n = [math.tanh(u + rv * v) for u, rv, v in zip(part(a, 2), r, part(b, 2))]
    return [(1 - zv) * nv + zv * hv for zv, nv, hv in zip(z, n, h)], c


def _unroll(kind, weights, rows, hidden, h=None, c=None):
    """All hidden states, and the last cell state."""
    h, c, found = h or [0.0] * hidden, c or [0.0] * hidden, []
    for row in rows:
        h, c = _step(kind, weights, row, h, c)
        found.append(h)
    return found, c


def _weights(net, layer, is_back=False):
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    found = []
    for name in names:
        value = getattr(net, "%s_l%d%s" % (name, layer, "_reverse" if is_back else ""))
        found.append(plain(value.detach().cpu().double()))
    return found


def _whole(kind, net, rows, hidden, layers, both):
    """The outputs of a net of several layers and one or two directions."""
    for layer in range(layers):
        ahead = _unroll(kind, _weights(net, layer), rows, hidden)[0]
        if both:
            behind = _unroll(kind, _weights(net, layer, True), rows[::-1], hidden)[0][::-1]
            ahead = [a + b for a, b in zip(ahead, behind)]
        rows = ahead
    return rows


SIZE = 0.5
"""States are about one in size; those of a relu may all be nothing, and are then no scale."""

KINDS = (("RNN", "RNN", {}), ("RNN, relu", "RNN", {"nonlinearity": "relu"}), ("LSTM", "LSTM", {}), ("GRU", "GRU", {}))


def rnn_gates(kit, worst):
    """RNN, LSTM and GRU against the gate equations: layers, directions, given states, batch first, single cells."""
    torch = kit.torch
    steps, inputs, hidden = 5, 4, 3
    for kind, name, options in KINDS:
        for dtype in kit.dtypes("float32", "float64"):
            for layers, both in ((1, False), (2, False), (1, True), (2, True)):
                torch.manual_seed(kit.seed + 7)
                net = getattr(torch.nn, name)(inputs, hidden, layers, bidirectional=both, **options).to(kit.device, dtype)
                x = kit.to(kit.randn(steps, 2, inputs, salt=121), dtype)
                out = net(x)[0]
                rows = plain(x.cpu().double())
                want = [_whole(kind, net, [row[n] for row in rows], hidden, layers, both) for n in range(2)]
                label = "%s, %d layers, %s, %s" % (kind, layers, "both ways" if both else "one way", str(dtype)[6:])
                kit.compare(worst, out.transpose(0, 1), want, 32, label, dtype, SIZE)
            _states(kit, worst, kind, name, options, dtype)
        _cells(kit, worst, kind, name, options)
    _ends(kit, worst)
    _packed(kit, worst)


def _states(kit, worst, kind, name, options, dtype):
    torch = kit.torch
    net = getattr(torch.nn, name)(4, 3, batch_first=True, **options).to(kit.device, dtype)
    x, h, c = (kit.to(kit.randn(*shape, salt=123 + n), dtype) for n, shape in enumerate(((1, 5, 4), (1, 1, 3), (1, 1, 3))))
    out, last = net(x, (h, c) if name == "LSTM" else h)
    lists = [plain(t.cpu().double()) for t in (x[0], h[0, 0], c[0, 0])]
    want, cell = _unroll(kind, _weights(net, 0), lists[0], 3, lists[1], lists[2])
    short = "%s, %s" % (kind, str(dtype)[6:])
    kit.compare(worst, out[0], want, 32, "given states, batch first, %s" % short, dtype, SIZE)
    state = last[0] if name == "LSTM" else last
    kit.compare(worst, state[0, 0], want[-1], 32, "last state, %s" % short, dtype, SIZE)
    if name == "LSTM":
        kit.compare(worst, last[1][0, 0], cell, 32, "last cell state, %s" % short, dtype, SIZE)
    bare = getattr(torch.nn, name)(4, 3, bias=False, **options).to(kit.device, dtype)
    size = bare.weight_ih_l0.shape[0]
    weights = [plain(bare.weight_ih_l0.detach().cpu().double()), plain(bare.weight_hh_l0.detach().cpu().double()), [0.0] * size, [0.0] * size]
    want = _unroll(kind, weights, lists[0], 3)[0]
    kit.compare(worst, bare(x.transpose(0, 1))[0][:, 0], want, 32, "without bias, %s" % short, dtype, SIZE)


def _cells(kit, worst, kind, name, options):
    torch = kit.torch
    cell = getattr(torch.nn, name + "Cell")(4, 3, **options).to(kit.device)
    x, h, c = kit.to(kit.randn(3, 4, salt=126)), kit.to(kit.randn(3, 3, salt=127)), kit.to(kit.randn(3, 3, salt=128))
    got = cell(x, (h, c) if name == "LSTM" else h)
    weights = [plain(p.detach().cpu().double()) for p in (cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)]
    found = [_step(kind, weights, *rows) for rows in zip(*[plain(t.cpu().double()) for t in (x, h, c)])]
    kit.compare(worst, got[0] if name == "LSTM" else got, [row[0] for row in found], 32, "a cell of %s" % kind, least=SIZE)
    if name == "LSTM":
        kit.compare(worst, got[1], [row[1] for row in found], 32, "state of an LSTM cell", least=SIZE)
    without = cell(x)
    bare = [_step(kind, weights, row, [0.0] * 3, [0.0] * 3)[0] for row in plain(x.cpu().double())]
    kit.compare(worst, without[0] if name == "LSTM" else without, bare, 32, "a cell of %s without a state" % kind, least=SIZE)


def _ends(kit, worst):
    torch = kit.torch
    torch.manual_seed(kit.seed)
    both = torch.nn.GRU(4, 3, num_layers=2, bidirectional=True).to(kit.device)
    x = kit.to(kit.randn(6, 2, 4, salt=122))
    outputs, last = both(x)
    worst.equal(tuple(outputs.shape) == (6, 2, 6) and tuple(last.shape) == (4, 2, 3), "shapes of a net of two layers and directions")
    kit.compare(worst, outputs[-1, :, :3], last[2].detach(), 4, "the last state is the end of the outputs")
    kit.compare(worst, outputs[0, :, 3:], last[3].detach(), 4, "the backward one ends at the start")
    still = torch.nn.LSTM(4, 3, num_layers=2, dropout=0.5).to(kit.device).eval()
    kit.compare(worst, still(x)[0], still(x)[0].detach(), 4, "no dropout between layers in evaluation")
    loud = torch.nn.LSTM(4, 3, num_layers=2, dropout=0.5).to(kit.device)
    worst.equal(plain(loud(x)[0]) != plain(loud(x)[0]), "dropout between layers in training")
    narrow = torch.nn.LSTM(4, 5, proj_size=2).to(kit.device)
    outputs, (h, c) = narrow(x)
    worst.equal(tuple(outputs.shape) == (6, 2, 2) and tuple(h.shape) == (1, 2, 2) and tuple(c.shape) == (1, 2, 5), "proj_size")


def _packed(kit, worst):
    torch = kit.torch
    rnn = torch.nn.utils.rnn
    x = kit.to(kit.randn(6, 3, 4, salt=129))
    single = torch.nn.LSTM(4, 3).to(kit.device)
    for lengths, is_sorted in (([6, 4, 1], True), ([4, 6, 1], False)):
        packed = rnn.pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=is_sorted)
        outputs, (last, _) = single(packed)
        back, counts = rnn.pad_packed_sequence(outputs)
        worst.same(counts, lengths, "lengths of packed sequences")
        for n, length in enumerate(lengths):
            alone = single(x[:length, n : n + 1])[0][:, 0].detach()
            kit.compare(worst, back[:length, n], alone, 64, "a packed sequence against itself alone, length %d" % length)
            kit.compare(worst, last[0, n], alone[-1], 64, "its last state")
            worst.equal(not any(kit.numbers(back[length:, n])), "nothing after its end")
    parts = [kit.of([1.0, 2.0, 3.0]), kit.of([4.0])]
    worst.same(rnn.pad_sequence(parts, batch_first=True, padding_value=9.0), [[1, 2, 3], [4, 9, 9]], "pad_sequence")
    worst.same(rnn.pad_sequence(parts), [[1, 4], [2, 0], [3, 0]], "pad_sequence, time first")
    packed = rnn.pack_sequence(parts)
    worst.same([packed.data, packed.batch_sizes], [[1, 4, 2, 3], [2, 1, 1]], "pack_sequence")


def rnn_gradients(kit, worst):
    """Gradients of RNN, LSTM and GRU (inputs and every weight) against central differences."""
    torch = kit.torch
    if not kit.has_float64:
        _float32_gradients(kit, worst)
        return
    for kind, name, options in KINDS:
        if kind == "RNN, relu":
            continue  # a difference across its kink is no slope; autograd.ops has relu
        torch.manual_seed(kit.seed + 9)
        net = getattr(torch.nn, name)(3, 4, 2, bidirectional=True, **options).to(kit.device, torch.float64)
        kit.slopes(worst, "the input of %s" % kind, kit.randn(4, 2, 3, salt=131), lambda t: net(t)[0])
        x = kit.to(kit.randn(4, 2, 3, salt=131), torch.float64)
        for parameter_name, parameter in list(net.named_parameters())[:4]:
            _weight_slope(kit, worst, "%s of %s" % (parameter_name, kind), net, parameter, x)


def _weight_slope(kit, worst, name, net, parameter, x):
    """The gradient of a weight against a central difference, the weight itself being moved."""
    torch = kit.torch
    weights = kit.to(kit.randn(4, 2, 8, salt=132), torch.float64)
    direction, step = kit.to(kit.randn(*parameter.shape, salt=133), torch.float64), 1e-6

    def value():
        return (net(x)[0] * weights).sum()

    net.zero_grad()
    value().backward()
    slope = math.fsum(g * d for g, d in zip(kit.numbers(parameter.grad), kit.numbers(direction)))
    before, found = parameter.detach().clone(), []
    with torch.no_grad():
        for sign in (1, -1):
            parameter.copy_(before + sign * step * direction)
            found.append(float(value()))
        parameter.copy_(before)
    rise = (found[0] - found[1]) / (2 * step)
    worst.add(abs(rise - slope) / max(abs(slope), 1.0), 1e-5, "rel", "gradient of %s" % name)


def _float32_gradients(kit, worst):
    """Where there is no float64: against the CPU, which has it."""
    torch = kit.torch
    for kind, name, options in KINDS:
        torch.manual_seed(kit.seed + 9)
        net = getattr(torch.nn, name)(3, 4, **options)
        x = kit.randn(4, 2, 3, salt=131)
        exact = x.clone().requires_grad_(True)
        net.double()(exact)[0].sum().backward()
        leaf = kit.leaf(x)
        net.float().to(kit.device)(leaf)[0].sum().backward()
        kit.compare(worst, leaf.grad, exact.grad, 256, "gradient of the input of %s" % kind)


CHECKS = {
    "rnn.gates": rnn_gates,
    "rnn.gradients": rnn_gradients,
}
