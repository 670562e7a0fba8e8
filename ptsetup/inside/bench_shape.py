"""Checks of shapes, views, creation and dtypes. References: index arithmetic and exact integers."""

import math

from ptsetup_bench_main import flat, plain


def tensor_shape(kit, worst):
    """Views, strides, broadcasting, joining and splitting against index arithmetic."""
    torch = kit.torch
    x = torch.arange(24, device=kit.device).reshape(2, 3, 4)
    at = lambda a, b, c: 12 * a + 4 * b + c
    want = [[[at(a, b, c) for a in range(2)] for b in range(3)] for c in range(4)]
    for name, got in (("transpose", x.transpose(0, 2)), ("swapaxes", x.swapaxes(0, 2)), ("permute", x.permute(2, 1, 0))):
        worst.same(got, want, name)
    worst.same(x.mT, [[[at(a, b, c) for b in range(3)] for c in range(4)] for a in range(2)], "mT")
    worst.same(torch.movedim(x, 0, 2), [[[at(a, b, c) for a in range(2)] for c in range(4)] for b in range(3)], "movedim")
    worst.same(x.permute(1, 2, 0).contiguous().view(-1), [at(a, b, c) for b in range(3) for c in range(4) for a in range(2)], "contiguous")
    worst.same(x[0].t(), [[at(0, b, c) for b in range(3)] for c in range(4)], "t()")
    worst.same(x.flatten(1), [[at(a, 0, k) for k in range(12)] for a in range(2)], "flatten")
    worst.same(x.reshape(6, 4)[5], [20, 21, 22, 23], "reshape")
    worst.same(x.unflatten(2, (2, 2))[1, 2], [[20, 21], [22, 23]], "unflatten")
    worst.same(list(x.unsqueeze(1).shape) + list(x[:1].squeeze(0).shape), [2, 1, 3, 4, 3, 4], "unsqueeze, squeeze")
    worst.same(torch.cat([x, x + 100], 1)[1], [[at(1, b % 3, c) + 100 * (b > 2) for c in range(4)] for b in range(6)], "cat")
    worst.same(torch.stack([x, x + 1], 1)[1, 1], [[at(1, b, c) + 1 for c in range(4)] for b in range(3)], "stack")
    worst.same(torch.hstack([x[0, 0], x[1, 0]]), [0, 1, 2, 3, 12, 13, 14, 15], "hstack")
    worst.same(torch.vstack([x[0, 0], x[1, 0]]), [[0, 1, 2, 3], [12, 13, 14, 15]], "vstack")
    worst.same([list(p.shape) for p in x.split(3, 2)], [[2, 3, 3], [2, 3, 1]], "split")
    worst.same([plain(p) for p in torch.chunk(x[0, 0], 2)], [[0, 1], [2, 3]], "chunk")
    worst.same([plain(p) for p in torch.tensor_split(x[0, 0], 3)], [[0, 1], [2], [3]], "tensor_split")
    worst.same([plain(p) for p in x[0].unbind(0)], [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]], "unbind")
    worst.same((x[:, :1] + x[:, :, :1])[1, 2], [at(1, 0, c) + at(1, 2, 0) for c in range(4)], "broadcast")
    worst.same(x[0, 0].expand(3, 4), [[0, 1, 2, 3]] * 3, "expand")
    worst.same(x[0, 0, :2].repeat(2, 2), [[0, 1, 0, 1]] * 2, "repeat")
    worst.same(x[0, 0, :2].repeat_interleave(3), [0, 0, 0, 1, 1, 1], "repeat_interleave")
    worst.same(torch.tile(x[0, 0, :2], (2,)), [0, 1, 0, 1], "tile")
    worst.same(x.unfold(2, 2, 1)[1, 2], [[20, 21], [21, 22], [22, 23]], "unfold")
    worst.same(x[..., ::2][1, 2], [20, 22], "a strided slice")
    worst.same(x[:, 1:, -1], [[7, 11], [19, 23]], "a slice")
    worst.same(x[1].diagonal(), [12, 17, 22], "diagonal")
    worst.same(torch.narrow(x, 2, 1, 2)[0, 0], [1, 2], "narrow")
    worst.same(x.select(1, 2)[1], [20, 21, 22, 23], "select")
    worst.same(torch.rot90(x[0], 1)[0], [3, 7, 11], "rot90")
    worst.same(x[0].flip(1)[0], [3, 2, 1, 0], "flip")
    worst.same(torch.roll(x[0, 0], 1), [3, 0, 1, 2], "roll")
    worst.same(torch.as_strided(x, (2, 2), (12, 4)), [[0, 4], [12, 16]], "as_strided")
    worst.same(torch.broadcast_to(x[0, 0], (2, 4)), [[0, 1, 2, 3]] * 2, "broadcast_to")
    _memory(kit, worst, x)


def _memory(kit, worst, x):
    torch = kit.torch
    view, copy = x.view(6, 4), x.clone()
    view[0, 0] = 50
    worst.equal(x[0, 0, 0].item() == 50, "a view shares its memory")
    worst.equal(copy[0, 0, 0].item() == 0, "clone() does not")
    worst.equal(x.transpose(0, 1).is_contiguous() is False and x.is_contiguous(), "is_contiguous")
    worst.refuses(lambda: x.transpose(0, 2).view(-1), RuntimeError, "view of a transposed tensor")
    worst.refuses(lambda: x + torch.ones(5, device=kit.device), RuntimeError, "shapes that do not broadcast")
    other = torch.zeros(4, device=kit.device)
    other.copy_(torch.arange(4.0))
    worst.same(other, [0.0, 1.0, 2.0, 3.0], "copy_")
    worst.same(other.fill_(2.5), [2.5] * 4, "fill_")
    worst.same(other.zero_(), [0.0] * 4, "zero_")
    worst.same(x.new_full((2,), 3), [3, 3], "new_full")
    worst.same([x.numel(), x.dim(), x.size(1), x.stride(0)], [24, 3, 3, 12], "numel, dim, size, stride")
    worst.equal(x.to(torch.float32).element_size() == 4 and x.dtype == torch.int64, "element_size")


def tensor_make(kit, worst):
    """Creation: ranges, grids, constants, identity, triangles, from and to Python."""
    torch, on = kit.torch, {"device": kit.device}
    worst.same(torch.arange(2, 11, 3, **on), [2, 5, 8], "arange")
    kit.compare(worst, torch.arange(0, 1, 0.25, **on), [0.0, 0.25, 0.5, 0.75], 1, "arange of fractions")
    kit.compare(worst, torch.linspace(-1, 1, 5, **on), [-1.0, -0.5, 0.0, 0.5, 1.0], 2, "linspace")
    kit.compare(worst, torch.logspace(0, 2, 3, **on), [1.0, 10.0, 100.0], 8, "logspace")
    worst.same(torch.eye(2, 3, **on), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], "eye")
    worst.same(torch.zeros(2, 2, **on), [[0.0, 0.0]] * 2, "zeros")
    worst.same(torch.ones(2, dtype=torch.int32, **on), [1, 1], "ones")
    worst.same(torch.full((2,), 7.5, **on), [7.5, 7.5], "full")
    like = torch.empty(2, 2, dtype=torch.float16, **on)
    worst.equal(torch.zeros_like(like).dtype == torch.float16 and not plain(torch.zeros_like(like))[1][1], "zeros_like")
    worst.same(torch.ones_like(like), [[1.0, 1.0]] * 2, "ones_like")
    worst.same(torch.full_like(like, 2), [[2.0, 2.0]] * 2, "full_like")
    square = torch.arange(1, 10, **on).reshape(3, 3)
    worst.same(torch.tril(square), [[1, 0, 0], [4, 5, 0], [7, 8, 9]], "tril")
    worst.same(square.triu(1), [[0, 2, 3], [0, 0, 6], [0, 0, 0]], "triu, above the diagonal")
    worst.same(torch.tril(square, -1), [[0, 0, 0], [4, 0, 0], [7, 8, 0]], "tril, below the diagonal")
    worst.same(torch.diag(square), [1, 5, 9], "diag")
    worst.same(torch.diag(kit.whole(1, 2)), [[1, 0], [0, 2]], "diag of a vector")
    worst.same(torch.diag_embed(kit.whole(1, 2), 1), [[0, 1, 0], [0, 0, 2], [0, 0, 0]], "diag_embed")
    worst.same(torch.trace(square), 15, "trace")
    worst.same(torch.tril_indices(3, 3, -1), [[1, 2, 2], [0, 0, 1]], "tril_indices")
    grid = torch.meshgrid(kit.whole(1, 2), kit.whole(3, 4, 5), indexing="ij")
    worst.same([plain(part) for part in grid], [[[1, 1, 1], [2, 2, 2]], [[3, 4, 5], [3, 4, 5]]], "meshgrid")
    worst.same(torch.cartesian_prod(kit.whole(1, 2), kit.whole(3, 4)), [[1, 3], [1, 4], [2, 3], [2, 4]], "cartesian_prod")
    worst.same(torch.combinations(kit.whole(1, 2, 3)), [[1, 2], [1, 3], [2, 3]], "combinations")
    worst.same(torch.block_diag(kit.whole(1), square[:1, :2]), [[1, 0, 0], [0, 1, 2]], "block_diag")
    nested = [[1.5, -2.0], [0.25, 1e10]]
    worst.same(torch.tensor(nested, **on), nested, "to and from Python lists")
    worst.equal(torch.tensor(2.5, **on).item() == 2.5 and torch.tensor([3], **on).item() == 3, "item()")
    number = kit.of([1.0, 2.0]) + 1j * kit.of([0.5, -1.0])
    kit.compare(worst, [plain(torch.real(number)), plain(number.imag)], [[1.0, 2.0], [0.5, -1.0]], 1, "complex", torch.float32)
    kit.compare(worst, number.abs(), [math.hypot(1, 0.5), math.hypot(2, 1)], 16, "abs of complex")
    kit.compare(worst, number.angle(), [math.atan2(0.5, 1), math.atan2(-1, 2)], 16, "angle of complex")
    kit.compare(worst, torch.view_as_real(number * number.conj()).reshape(-1)[::2], [1.25, 5.0], 16, "z times its conjugate")
    worst.same(bytes(torch.arange(3, dtype=torch.uint8).tolist()) == bytes(bytearray([0, 1, 2])), True, "bytes")
    worst.same(torch.frombuffer(bytearray([1, 0, 2, 0]), dtype=torch.int16), [1, 2], "frombuffer")
    worst.same(torch.arange(3, dtype=torch.int32).view(torch.uint8)[:5], [0, 0, 0, 0, 1], "view as another dtype")
    worst.same(len(flat(plain(torch.empty(3, 2, **on)))), 6, "empty")


DTYPES = (
    "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128 uint16 uint32 uint64 "
    "float8_e4m3fn float8_e5m2 complex32"
).split()


def tensor_dtypes(kit, worst):
    """Every dtype stores and converts small integers exactly; a map of what this build refuses (8 operations each)."""
    torch = kit.torch
    refused, worst.data["refused"] = [], {}
    for name in DTYPES:
        dtype = getattr(torch, name, None)
        if dtype is None or (name in ("float64", "complex128") and not kit.has_float64):
            worst.data["refused"][name] = ["not here"]
            continue
        refused = _one_dtype(kit, worst, name, dtype)
        if refused:
            worst.data["refused"][name] = refused


def _one_dtype(kit, worst, name, dtype):
    torch = kit.torch
    whole = [0, 1] if name == "bool" else [0, 1, 2, 3, 4]

    def as_floats(tensor):
        if tensor.dtype.is_complex:
            return [number.real for number in flat_any(plain(tensor.cpu().to(torch.complex64)))]
        return tensor.cpu().to(torch.float32).reshape(-1).tolist()

    try:
        stored = torch.tensor(whole, dtype=torch.int64).to(kit.device).to(dtype)
        got = as_floats(stored)
    except (RuntimeError, TypeError, NotImplementedError) as problem:
        return ["store: %s" % str(problem).split("\n")[0][:60]]
    worst.equal(got == [float(v) for v in whole], "%s keeps small integers" % name)
    # numbers whose sums and products even two bits of mantissa hold
    whole = [0, 1] if name == "bool" else [0, 1, 1, 2]
    stored = torch.tensor(whole, dtype=torch.int64).to(kit.device).to(dtype)
    backwards = torch.tensor(whole[::-1], dtype=torch.int64).to(kit.device).to(dtype)
    table = (
        ("add", lambda: stored + stored, [float(min(2 * v, 1) if name == "bool" else 2 * v) for v in whole]),
        ("mul", lambda: stored * stored, [float(v * v) for v in whole]),
        ("sum", lambda: stored.sum().reshape(1), [float(sum(whole))]),
        ("mm", lambda: stored[None] @ stored[:, None], [float(sum(v * v for v in whole))]),
        ("sort", lambda: torch.sort(backwards)[0], [float(v) for v in whole]),
        ("compare", lambda: (stored == stored).all().reshape(1), [1.0]),
        ("cat", lambda: torch.cat([stored, stored]), [float(v) for v in whole] * 2),
        ("index", lambda: stored[kit.whole(1, 0)], [1.0, 0.0]),
    )
    refused = []
    for operation, call, want in table:
        try:
            got = as_floats(call())
        except (RuntimeError, TypeError, NotImplementedError):
            refused.append(operation)
            continue
        worst.equal(got == want, "%s of %s" % (operation, name))
    return refused


def flat_any(value):
    """All items of nested lists (complex numbers too)."""
    return [item for part in value for item in flat_any(part)] if isinstance(value, list) else [value]


CHECKS = {
    "tensor.shape": tensor_shape,
    "tensor.make": tensor_make,
    "tensor.dtypes": tensor_dtypes,
}
