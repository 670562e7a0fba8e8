"""Checks of the options of indexing, scattering and shaping: factors, ties with what is there, sides, negative steps. References: lists, exactly."""

from ptsetup_bench_main import plain


def tensor_places(kit, worst):
    """Options of indexing and shaping: alpha, include_self, accumulate, sides of searches, negative and several dimensions."""
    _adding(kit, worst)
    _reducing(kit, worst)
    _putting(kit, worst)
    _searching(kit, worst)
    _turning(kit, worst)
    _triangles(kit, worst)
    _parting(kit, worst)
    _strides(kit, worst)


def _adding(kit, worst):
    torch = kit.torch
    base, where, what = kit.of([1.0, 1.0, 1.0]), kit.whole(0, 2, 0), kit.of([1.0, 2.0, 4.0])
    for label, got in (
        ("torch.index_add", torch.index_add(base, 0, where, what, alpha=3)),
        ("Tensor.index_add", base.index_add(0, where, what, alpha=3)),
        ("index_add_", base.clone().index_add_(0, where, what, alpha=3)),
    ):
        worst.same(got, [16.0, 1.0, 7.0], "%s, alpha" % label)
    table, rows = torch.zeros(2, 3, device=kit.device), kit.of([[1.0, 2.0], [3.0, 4.0]])
    worst.same(table.index_add(1, kit.whole(2, 0), rows), [[2.0, 0.0, 1.0], [4.0, 0.0, 3.0]], "index_add of columns")
    worst.same(table.index_copy(1, kit.whole(2, 0), rows), [[2.0, 0.0, 1.0], [4.0, 0.0, 3.0]], "index_copy of columns")
    worst.same(table.index_fill(1, kit.whole(1), 5), [[0.0, 5.0, 0.0]] * 2, "index_fill of columns")
    worst.same(table.scatter_add(1, kit.of([[2, 2], [0, 1]], torch.int64), rows), [[0.0, 0.0, 3.0], [3.0, 4.0, 0.0]], "scatter_add of rows")


def _reducing(kit, worst):
    torch = kit.torch
    base, where, what = kit.of([2.0, 10.0, 3.0, 7.0]), kit.whole(0, 0, 1, 2), kit.of([4.0, 6.0, 5.0, 1.0])
    # (with what is there, without it); the last place is written by nobody
    table = {
        "sum": ([12.0, 15.0, 4.0, 7.0], [10.0, 5.0, 1.0, 7.0]),
        "prod": ([48.0, 50.0, 3.0, 7.0], [24.0, 5.0, 1.0, 7.0]),
        "mean": ([4.0, 7.5, 2.0, 7.0], [5.0, 5.0, 1.0, 7.0]),
        "amax": ([6.0, 10.0, 3.0, 7.0], [6.0, 5.0, 1.0, 7.0]),
        "amin": ([2.0, 5.0, 1.0, 7.0], [4.0, 5.0, 1.0, 7.0]),
    }
    for how in sorted(table):
        for number, include in enumerate((True, False)):
            want, tail = table[how][number], "%s, include_self=%s" % (how, include)
            worst.same(base.scatter_reduce(0, where, what, how, include_self=include), want, "scatter_reduce, " + tail)
            worst.same(torch.scatter_reduce(base, 0, where, what, how, include_self=include), want, "torch.scatter_reduce, " + tail)
            worst.same(base.clone().scatter_reduce_(0, where, what, how, include_self=include), want, "scatter_reduce_, " + tail)
            if how != "sum":
                worst.same(base.index_reduce(0, where, what, how, include_self=include), want, "index_reduce, " + tail)
    worst.same(base.scatter(0, where[1:], what[1:], reduce="multiply"), [12.0, 50.0, 3.0, 7.0], "scatter, multiply")
    worst.same(base.scatter(0, where[1:], what[1:], reduce="add"), [8.0, 15.0, 4.0, 7.0], "scatter, add")


def _putting(kit, worst):
    torch = kit.torch
    square = torch.arange(6.0, device=kit.device).reshape(2, 3)
    worst.same(square.clone().put_(kit.whole(1, 1, 5), kit.of([10.0, 20.0, 30.0]), accumulate=True), [[0, 31, 2], [3, 4, 35]], "put_, accumulate")
    worst.same(torch.put(square, kit.whole(-1), kit.of([9.0])), [[0, 1, 2], [3, 4, 9]], "put, from the end")
    worst.same(torch.take(square, kit.whole(-1, 0)), [5, 0], "take, from the end")
    worst.same(torch.take_along_dim(square, kit.of([[2], [0]], torch.int64), 1), [[2], [3]], "take_along_dim of rows")
    written = square.clone()
    written.index_put_((kit.whole(0, 0), kit.whole(1, 1)), kit.of([5.0, 6.0]), accumulate=True)
    worst.same(written, [[0, 12, 2], [3, 4, 5]], "index_put_, accumulate")
    mask = kit.of([[True], [False]], torch.bool)
    worst.same(square.masked_fill(mask, -1), [[-1, -1, -1], [3, 4, 5]], "masked_fill, broadcast")
    worst.same(square.masked_scatter(mask, kit.of([7.0, 8.0, 9.0])), [[7, 8, 9], [3, 4, 5]], "masked_scatter, broadcast")
    worst.same(torch.masked_select(square, kit.of([True, False, True], torch.bool)), [0, 2, 3, 5], "masked_select, broadcast")
    worst.same(torch.where(mask, square, 0.0), [[0, 1, 2], [0, 0, 0]], "where, broadcast")
    worst.same(torch.select_scatter(square, kit.of([8.0, 9.0]), 1, 1), [[0, 8, 2], [3, 9, 5]], "select_scatter")
    if kit.version >= (2, 0):  # that of 1.13 now and then reads what nobody wrote, and raises
        worst.same(torch.slice_scatter(square, kit.of([[8.0], [9.0]]), 1, 0, 1), [[8, 1, 2], [9, 4, 5]], "slice_scatter")
    worst.same(torch.diagonal_scatter(square, kit.of([8.0, 9.0]), 1), [[0, 8, 2], [3, 4, 9]], "diagonal_scatter")
    worst.same([plain(part) for part in torch.nonzero(square > 3, as_tuple=True)], [[1, 1], [1, 2]], "nonzero, as a tuple")
    worst.same(torch.isin(kit.whole(1, 2, 3), kit.whole(2), invert=True), [True, False, True], "isin, inverted")


def _searching(kit, worst):
    torch = kit.torch
    edges, asked = kit.of([[1.0, 3.0, 5.0], [2.0, 3.0, 3.0]]), kit.of([[3.0, 6.0], [3.0, 1.0]])
    worst.same(torch.searchsorted(edges, asked), [[1, 3], [1, 0]], "searchsorted of rows")
    worst.same(torch.searchsorted(edges, asked, right=True), [[2, 3], [3, 0]], "searchsorted of rows, right")
    worst.same(torch.searchsorted(edges, asked, side="right"), [[2, 3], [3, 0]], "searchsorted of rows, side")
    worst.same(torch.searchsorted(kit.of([5.0, 1.0, 3.0]), kit.of([3.0]), sorter=kit.whole(1, 2, 0)), [1], "searchsorted, sorter")
    worst.same(torch.bucketize(kit.of([1.0, 3.0, 4.0]), edges[0], right=True), [1, 2, 2], "bucketize, right")
    whole = kit.whole(1, 3, 5)
    worst.same([torch.bucketize(kit.whole(0, 3, 9), whole), torch.bucketize(kit.whole(0, 3, 9), whole, right=True)], [[0, 1, 3], [0, 2, 3]], "bucketize of whole numbers")
    worst.same([torch.searchsorted(whole, kit.whole(3, 6)), torch.searchsorted(whole, kit.whole(3), right=True)], [[1, 3], [2]], "searchsorted of whole numbers")
    worst.equal(torch.searchsorted(edges, asked, out_int32=True).dtype == torch.int32, "searchsorted, out_int32")


def _turning(kit, worst):
    torch = kit.torch
    line, square = torch.arange(5, device=kit.device), torch.arange(6, device=kit.device).reshape(2, 3)
    for label, got, want in (
        ("roll by -2", torch.roll(line, -2), [2, 3, 4, 0, 1]),
        ("Tensor.roll by -1", line.roll(-1), [1, 2, 3, 4, 0]),
        ("roll of columns", square.roll(1, 1), [[2, 0, 1], [5, 3, 4]]),
        ("roll of both dimensions", torch.roll(square, (1, -1), (0, 1)), [[4, 5, 3], [1, 2, 0]]),
        ("roll of the flat numbers", torch.roll(square, 1), [[5, 0, 1], [2, 3, 4]]),
        ("rot90 by -1", torch.rot90(square, -1), [[3, 0], [4, 1], [5, 2]]),
        ("rot90 by 2", torch.rot90(square, 2), [[5, 4, 3], [2, 1, 0]]),
        ("rot90 by 1", torch.rot90(square, 1, (0, 1)), [[2, 5], [1, 4], [0, 3]]),
        ("flip of both dimensions", torch.flip(square, (0, 1)), [[5, 4, 3], [2, 1, 0]]),
        ("fliplr", torch.fliplr(square), [[2, 1, 0], [5, 4, 3]]),
        ("flipud", torch.flipud(square), [[3, 4, 5], [0, 1, 2]]),
        ("repeat_interleave by counts", torch.repeat_interleave(line[:3], kit.whole(2, 0, 1)), [0, 0, 2]),
        ("repeat_interleave of rows", square.repeat_interleave(2, 0), [[0, 1, 2]] * 2 + [[3, 4, 5]] * 2),
        ("tile in two dimensions", torch.tile(line[:2], (2, 2)), [[0, 1, 0, 1]] * 2),
        ("meshgrid, xy", [plain(p) for p in torch.meshgrid(line[:2], line[:3], indexing="xy")], [[[0, 1]] * 3, [[0, 0], [1, 1], [2, 2]]]),
        ("combinations with replacement", torch.combinations(line[:2], 2, True), [[0, 0], [0, 1], [1, 1]]),
        ("movedim from the end", torch.movedim(square[None], -1, 0)[:, 0], [[0, 3], [1, 4], [2, 5]]),
        ("arange downwards", torch.arange(5, 0, -2, device=kit.device), [5, 3, 1]),
    ):
        worst.same(got, want, label)


def _triangles(kit, worst):
    torch = kit.torch
    square = torch.arange(1, 10, device=kit.device).reshape(3, 3)
    at = lambda keep: [[3 * i + j + 1 if keep(i, j) else 0 for j in range(3)] for i in range(3)]
    for k in (-2, -1, 0, 1, 2):
        worst.same(torch.tril(square, k), at(lambda i, j: j - i <= k), "tril, diagonal %d" % k)
        worst.same(square.triu(k), at(lambda i, j: j - i >= k), "triu, diagonal %d" % k)
        worst.same(square.clone().tril_(k), at(lambda i, j: j - i <= k), "tril_, diagonal %d" % k)
        worst.same(torch.diag(square, k), [3 * i + i + k + 1 for i in range(3) if 0 <= i + k < 3], "diag, %d" % k)
        worst.same(square.diagonal(k), [3 * i + i + k + 1 for i in range(3) if 0 <= i + k < 3], "diagonal, %d" % k)
        places = [(i, j) for i in range(3) for j in range(4)]
        for name, keep in (("tril_indices", lambda i, j: j - i <= k), ("triu_indices", lambda i, j: j - i >= k)):
            want = [[p[d] for p in places if keep(*p)] for d in (0, 1)]
            worst.same(getattr(torch, name)(3, 4, k), want, "%s, %d" % (name, k))
    worst.same(torch.diag(kit.whole(1, 2), -1), [[0, 0, 0], [1, 0, 0], [0, 2, 0]], "diag of a vector, below")
    worst.same(torch.diag_embed(kit.whole(1, 2), -1), [[0, 0, 0], [1, 0, 0], [0, 2, 0]], "diag_embed, below")
    worst.same(torch.diagonal(square[None], 0, 1, 2), [[1, 5, 9]], "diagonal of the last dimensions")


def _parting(kit, worst):
    torch = kit.torch
    line = torch.arange(8, device=kit.device)
    parts = lambda pieces: [plain(p) for p in pieces]
    for label, got, want in (
        ("tensor_split, 8 in 3", torch.tensor_split(line, 3), [[0, 1, 2], [3, 4, 5], [6, 7]]),
        ("tensor_split at places", torch.tensor_split(line, (1, 5)), [[0], [1, 2, 3, 4], [5, 6, 7]]),
        ("chunk, 8 in 3", torch.chunk(line, 3), [[0, 1, 2], [3, 4, 5], [6, 7]]),
        ("chunk, 7 in 4", line[:7].chunk(4), [[0, 1], [2, 3], [4, 5], [6]]),
        ("split by sizes", torch.split(line, [1, 3, 4]), [[0], [1, 2, 3], [4, 5, 6, 7]]),
        ("split, the rest last", line.split(5), [[0, 1, 2, 3, 4], [5, 6, 7]]),
        ("hsplit", torch.hsplit(line.reshape(2, 4), 2), [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]),
        ("unfold with a step", [line.unfold(0, 3, 2)], [[[0, 1, 2], [2, 3, 4], [4, 5, 6]]]),
        ("dstack", [torch.dstack([line[:2], line[2:4]])], [[[[0, 2], [1, 3]]]]),
        ("column_stack", [torch.column_stack([line[:2], line[2:4]])], [[[0, 2], [1, 3]]]),
        ("atleast_2d", [torch.atleast_2d(line[:2])], [[[0, 1]]]),
        ("cat along the last", [torch.cat([line[:4].reshape(2, 2), line[4:6].reshape(2, 1)], -1)], [[[0, 1, 4], [2, 3, 5]]]),
        ("ravel of a transposed", [line[:4].reshape(2, 2).t().ravel()], [[0, 2, 1, 3]]),
    ):
        worst.same(parts(got), want, label)


def _strides(kit, worst):
    """What is no block of memory: transposed, sliced and expanded tensors as source, target and operand; odd sizes."""
    torch = kit.torch
    grid = [[10 * i + j for j in range(5)] for i in range(7)]
    x = kit.of(grid)
    turned, want = x.t(), [[float(v) for v in column] for column in zip(*grid)]
    for label, got in (
        ("clone", turned.clone()),
        ("contiguous", turned.contiguous()),
        ("copy_", torch.empty(5, 7, device=kit.device).copy_(turned)),
        ("copy_ into a transposed one", torch.empty(7, 5, device=kit.device).t().copy_(turned.contiguous())),
        ("to another dtype and back", turned.to(torch.int32).to(torch.float32)),
        ("sum with zeros", turned + torch.zeros(5, 7, device=kit.device)),
        ("cat", torch.cat([turned[:2], turned[2:]])),
        ("reshape", turned.reshape(-1).reshape(5, 7)),
        ("flatten", turned.flatten().reshape(5, 7)),
        ("out=", torch.mul(turned, 1, out=torch.empty(7, 5, device=kit.device).t())),
    ):
        worst.same(got, want, "%s of a transposed tensor" % label)
    square = x[:5]
    worst.same(torch.empty(5, 5, device=kit.device).copy_(square.t()), [list(c) for c in zip(*grid[:5])], "copy_ of a transposed square")
    holed = x[1::2, ::2]
    flat = [float(v) for row in grid[1::2] for v in row[::2]]
    worst.same([holed.reshape(-1), holed.sum(), holed.max(), holed.cumsum(1)[:, -1]], [flat, sum(flat), max(flat), [sum(r[::2]) for r in grid[1::2]]], "a tensor with holes")
    target = torch.zeros(7, 5, device=kit.device)
    target[1::2, ::2].add_(holed, alpha=2)
    target.t()[1].fill_(3)
    target[:, 4].zero_()
    want = [[2.0 * v if i % 2 and j % 2 == 0 else 0.0 for j, v in enumerate(row)] for i, row in enumerate(grid)]
    worst.same(target, [[3.0 if j == 1 else 0.0 if j == 4 else v for j, v in enumerate(row)] for row in want], "writing in place through views")
    wide = kit.of([1.0, 2.0])[:, None].expand(2, 3)
    worst.same([wide.sum(1), wide.contiguous() * 2, wide.reshape(-1)], [[3, 6], [[2, 2, 2], [4, 4, 4]], [1, 1, 1, 2, 2, 2]], "an expanded tensor")
    image = torch.arange(24.0, device=kit.device).reshape(1, 2, 3, 4)
    lined = image.contiguous(memory_format=torch.channels_last)
    worst.equal(lined.stride() == (24, 1, 8, 2) and plain(lined) == plain(image), "channels_last keeps the numbers")
    worst.equal(plain(lined + image) == plain(2 * image) and plain(lined.sum((2, 3))) == plain(image.sum((2, 3))), "both layouts at once")


CHECKS = {
    "tensor.places": tensor_places,
}
