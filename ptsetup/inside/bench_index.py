"""Checks of ordering and indexing: sort, search, gather, scatter, masks. References: Python lists, exactly."""

from ptsetup_bench_main import plain


def tensor_order(kit, worst):
    """Sorting, selecting, searching and counting against Python's sorted and lists."""
    torch = kit.torch
    x = kit.to(kit.randn(301, salt=2))
    values = plain(x)
    ordered = sorted(values)
    ranks = sorted(range(301), key=values.__getitem__)
    for label, sort, argsort in (("torch", torch.sort, torch.argsort), ("Tensor", torch.Tensor.sort, torch.Tensor.argsort)):
        got, places = sort(x)
        worst.equal(plain(got) == ordered and plain(places) == ranks, "%s.sort" % label)
        worst.equal(plain(sort(x, descending=True)[0]) == ordered[::-1], "%s.sort, descending" % label)
        worst.equal(plain(argsort(x)) == ranks, "%s.argsort" % label)
    for label, topk in (("torch", torch.topk), ("Tensor", torch.Tensor.topk)):
        got, places = topk(x, 7)
        worst.equal(plain(got) == ordered[::-1][:7] and plain(places) == ranks[::-1][:7], "%s.topk" % label)
        worst.equal(plain(topk(x, 5, largest=False)[0]) == ordered[:5], "%s.topk, smallest" % label)
    table = kit.to(kit.randn(6, 9, salt=3))
    rows = plain(table)
    worst.equal(plain(table.sort(1)[0]) == [sorted(row) for row in rows], "sort of rows")
    worst.equal(plain(table.sort(0)[0].t()) == [sorted(column) for column in map(list, zip(*rows))], "sort of columns")
    worst.equal(plain(table.topk(2, 1)[0]) == [sorted(row)[::-1][:2] for row in rows], "topk of rows")
    worst.equal(plain(torch.kthvalue(x, 4)[0]) == ordered[3], "kthvalue")
    worst.equal(float(x.median()) == ordered[150], "median")
    worst.equal(int(x.argmax()) == ranks[-1] and int(x.argmin()) == ranks[0], "argmax, argmin")
    worst.equal(float(x.max()) == ordered[-1] and float(x.min()) == ordered[0], "max, min")
    with_equals = kit.whole(3, 1, 2, 1, 3, 1)
    worst.same(torch.sort(with_equals, stable=True)[1], [1, 3, 5, 2, 0, 4], "a stable sort")
    worst.same(torch.sort(kit.of([True, False, True], torch.bool))[0], [False, True, True], "sort of truths")
    _ties(kit, worst)
    _search(kit, worst)
    _count(kit, worst)
    _large_sort(kit, worst)


def _ties(kit, worst):
    """Of equal extremes the first is named, as the documentation promises."""
    torch = kit.torch
    rows = kit.of([[1.0, 5.0, 5.0, 0.0], [2.0, 0.0, 0.0, 2.0]])
    for label, most, least in (("torch", torch.argmax, torch.argmin), ("Tensor", torch.Tensor.argmax, torch.Tensor.argmin)):
        worst.same([most(rows, 1), least(rows, 1)], [[1, 0], [3, 1]], "%s.argmax and argmin of equals" % label)
        worst.same([most(rows), least(rows)], [1, 3], "%s.argmax and argmin of equals, over all" % label)
    worst.same([torch.max(rows, 1)[1], torch.min(rows, 1)[1]], [[1, 0], [3, 1]], "indices of max and min of equals")
    many = torch.zeros(70000, device=kit.device)
    many[[123, 69000]] = 1.0
    worst.same(torch.argmax(many), 123, "argmax of two equals among 70,000")


def _search(kit, worst):
    torch = kit.torch
    edges = kit.of([1.0, 3.0, 5.0])
    worst.same(torch.searchsorted(edges, kit.of([0.0, 1.0, 4.0, 9.0])), [0, 0, 2, 3], "searchsorted")
    worst.same(torch.searchsorted(edges, kit.of([1.0, 5.0]), right=True), [1, 3], "searchsorted, right")
    worst.same(torch.bucketize(kit.of([0.0, 3.0, 9.0]), edges), [0, 1, 3], "bucketize")
    worst.same(torch.isin(kit.whole(1, 2, 3), kit.whole(2, 5)), [False, True, False], "isin")
    worst.same(torch.nonzero(kit.whole(0, 7, 0, 2)), [[1], [3]], "nonzero")
    worst.same(torch.argwhere(kit.whole(0, 7, 0, 2)), [[1], [3]], "argwhere")
    worst.same(torch.where(kit.whole(0, 7, 0, 2))[0], [1, 3], "where, of one")


def _count(kit, worst):
    torch = kit.torch
    worst.same(torch.bincount(kit.whole(0, 2, 2, 5)), [1, 0, 2, 0, 0, 1], "bincount")
    worst.same(torch.bincount(kit.whole(0, 2), weights=kit.of([0.5, 2.0])), [0.5, 0.0, 2.0], "bincount, weighted")
    found = torch.unique(kit.whole(3, 0, 3, 9), return_inverse=True, return_counts=True)
    worst.same(list(found), [[0, 3, 9], [1, 0, 1, 2], [1, 2, 1]], "unique")
    worst.same(torch.unique_consecutive(kit.whole(1, 1, 2, 1)), [1, 2, 1], "unique_consecutive")
    worst.same(torch.nn.functional.one_hot(kit.whole(2, 0), 3), [[0, 0, 1], [1, 0, 0]], "one_hot")


def _large_sort(kit, worst):
    """A permutation of 50,000 numbers: device sorts use another kernel for many than for few."""
    torch = kit.torch
    mixed = torch.randperm(50000, generator=kit.rng(4)).to(kit.device)
    worst.equal(plain(mixed.sort()[0]) == list(range(50000)), "sort of 50,000")
    worst.equal(plain(mixed.to(torch.float32).topk(3)[0]) == [49999.0, 49998.0, 49997.0], "topk of 50,000")
    places = dict((number, place) for place, number in enumerate(plain(mixed)))
    worst.equal(plain(mixed.topk(3)[1]) == [places[n] for n in (49999, 49998, 49997)], "places of topk of 50,000")
    worst.equal(plain(mixed.sort()[1][:3]) == [places[n] for n in (0, 1, 2)] and int(mixed.argmax()) == places[49999], "places of a sort of 50,000")
    worst.equal(plain(torch.cumsum(mixed.sort()[0], 0)[-1:]) == [49999 * 25000], "cumsum of 50,000")


def tensor_index(kit, worst):
    """Indexing, gathering, scattering and masking: values and what is left alone."""
    torch = kit.torch
    whole = torch.arange(1, 101, device=kit.device)
    index = kit.whole(3, 0, 3, 99, 1)
    picked = [4, 1, 4, 100, 2]
    for label, got in (
        ("indexing", whole[index]),
        ("gather", torch.gather(whole, 0, index)),
        ("Tensor.gather", whole.gather(0, index)),
        ("index_select", torch.index_select(whole, 0, index)),
        ("Tensor.index_select", whole.index_select(0, index)),
        ("take", torch.take(whole, index)),
        ("take_along_dim", torch.take_along_dim(whole, index, 0)),
    ):
        worst.same(got, picked, label)
    square = torch.arange(12, device=kit.device).reshape(3, 4)
    worst.same(square[kit.whole(0, 2), kit.whole(1, 3)], [1, 11], "pairs of indices")
    worst.same(square[:, kit.whole(3, 0)], [[3, 0], [7, 4], [11, 8]], "a slice and an index")
    worst.same(square[-1, -2], 10, "negative indices")
    worst.same(square[square > 8], [9, 10, 11], "a mask as index")
    worst.same(torch.masked_select(square, square % 5 == 0), [0, 5, 10], "masked_select")
    worst.same(square.gather(1, kit.of([[3], [0], [1]], torch.int64)), [[3], [4], [9]], "gather along rows")
    worst.refuses(lambda: whole.cpu()[torch.tensor([100])], IndexError, "an index beyond the end")
    _scatter(kit, worst)
    _write(kit, worst)
    _mask(kit, worst)


def _scatter(kit, worst):
    torch = kit.torch
    base, where, what = kit.whole(0, 0, 0, 0, 0), kit.whole(0, 2, 2, 4), kit.whole(1, 2, 3, 4)
    added = [1, 0, 5, 0, 4]
    for label, got in (
        ("scatter_add", base.scatter_add(0, where, what)),
        ("torch.scatter_add", torch.scatter_add(base, 0, where, what)),
        ("scatter_add_", base.clone().scatter_add_(0, where, what)),
        ("index_add", base.index_add(0, where, what)),
        ("index_add_", base.clone().index_add_(0, where, what)),
        ("torch.index_add", torch.index_add(base, 0, where, what)),
        ("index_put, accumulating", base.index_put((where,), what, accumulate=True)),
    ):
        worst.same(got, added, label)
    single = kit.whole(4, 1)
    for label, got in (
        ("scatter", base.scatter(0, single, kit.whole(7, 8))),
        ("torch.scatter", torch.scatter(base, 0, single, kit.whole(7, 8))),
        ("scatter_", base.clone().scatter_(0, single, kit.whole(7, 8))),
        ("index_copy", base.index_copy(0, single, kit.whole(7, 8))),
        ("index_put", base.index_put((single,), kit.whole(7, 8))),
    ):
        worst.same(got, [0, 8, 0, 0, 7], label)
    worst.same(base.scatter(0, single, 5), [0, 5, 0, 0, 5], "scatter of a number")
    worst.same(base.index_fill(0, single, 3), [0, 3, 0, 0, 3], "index_fill")
    if hasattr(base, "scatter_reduce"):
        worst.same(base.scatter_reduce(0, where, what, "amax"), [1, 0, 3, 0, 4], "scatter_reduce, amax")
        worst.same(base.scatter_reduce(0, where, what, "sum"), added, "scatter_reduce, sum")
    table = torch.zeros(3, 2, device=kit.device)
    worst.same(table.scatter(1, kit.of([[1], [0], [1]], torch.int64), 1.0), [[0, 1], [1, 0], [0, 1]], "scatter along rows")
    # many additions into few places: atomics on a device
    counts = torch.zeros(7, device=kit.device).scatter_add_(
        0, (torch.arange(70000, device=kit.device) % 7), torch.ones(70000, device=kit.device)
    )
    worst.same(counts, [10000.0] * 7, "70,000 additions into 7 places")


def _write(kit, worst):
    torch = kit.torch
    x = torch.zeros(3, 4, device=kit.device)
    x[1] = 5
    x[:, 2] = kit.of([1.0, 2.0, 3.0])
    x[kit.whole(0, 2), kit.whole(0, 3)] = 9
    x[x == 5] = 6
    worst.same(x, [[9, 0, 1, 0], [6, 6, 2, 6], [0, 0, 3, 9]], "writing by indices, slices and masks")
    x[0, 1:3] += 10
    worst.same(x[0], [9, 10, 11, 0], "adding to a slice")


def _mask(kit, worst):
    torch = kit.torch
    x = kit.whole(1, 2, 3, 4)
    mask = x > 2
    for label, got, want in (
        ("masked_fill", x.masked_fill(mask, 0), [1, 2, 0, 0]),
        ("torch.masked_fill", torch.masked_fill(x, mask, 0), [1, 2, 0, 0]),
        ("masked_fill_", x.clone().masked_fill_(mask, 0), [1, 2, 0, 0]),
        ("masked_scatter", x.masked_scatter(mask, kit.whole(8, 9)), [1, 2, 8, 9]),
        ("where", torch.where(mask, x, -x), [-1, -2, 3, 4]),
        ("Tensor.where", x.where(mask, -x), [-1, -2, 3, 4]),
    ):
        worst.same(got, want, label)
    worst.same(torch.tril(torch.ones(3, 3, dtype=torch.bool, device=kit.device)), [[True, False, False], [True, True, False], [True, True, True]], "a causal mask")
    long = torch.arange(-150, 150, device=kit.device)
    worst.same(torch.where(long > 50, long, -long), [n if n > 50 else -n for n in range(-150, 150)], "where, 300 numbers")


CHECKS = {
    "tensor.order": tensor_order,
    "tensor.index": tensor_index,
}
