"""Checks of data loading: order, workers, samplers, collating, iterable sets, large batches. References: Python lists, exactly."""

import collections
import gc
import sys

from ptsetup_bench_main import plain


def numbered(torch, count):
    """A map-style data set of (index, square): a class of torch's, so that spawned workers can import it."""
    index = torch.arange(count)
    return torch.utils.data.TensorDataset(index, (index * index).float())


class Failing(object):
    """A data set that raises at one index."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        if index == 5:
            raise ValueError("the fifth sample is bad")
        return index


def _stream_class(torch):
    class Stream(torch.utils.data.IterableDataset):
        """Numbers shared out among the workers."""

        def __init__(self, count):
            super(Stream, self).__init__()
            self.count = count

        def __iter__(self):
            worker = torch.utils.data.get_worker_info()
            first, step = (worker.id, worker.num_workers) if worker else (0, 1)
            return iter(range(first, self.count, step))

    return Stream


IS_FORKED = sys.platform.startswith("linux")
"""Elsewhere workers are spawned: each imports torch first, which takes seconds, and no class of ours can be told to them."""


def _workers(count):
    """Options for that many workers."""
    return {"num_workers": count, "multiprocessing_context": "fork"} if count and IS_FORKED else {"num_workers": count}


def loader_order(kit, worst):
    """DataLoader with 0 and 2 workers: each index once, the order of the generator, whole batches, the rest kept or dropped."""
    torch = kit.torch
    data, orders = numbered(torch, 103), []
    for workers in (0, 2):
        generator = torch.Generator().manual_seed(kit.seed + 5)
        loader = torch.utils.data.DataLoader(data, batch_size=10, shuffle=True, generator=generator, **_workers(workers))
        worst.equal(len(loader) == 11, "length of a loader")
        # all batches are kept: one that is overwritten by a later one must show
        batches = list(loader)
        for index, square in batches:
            worst.equal([float(i * i) for i in plain(index)] == plain(square), "pairs stay together, %d workers" % workers)
        order = [i for index, _ in batches for i in plain(index)]
        worst.equal(sorted(order) == list(range(103)), "each sample once, %d workers" % workers)
        worst.equal([len(index) for index, _ in batches] == [10] * 10 + [3], "sizes of the batches, %d workers" % workers)
        orders.append(order)
        if workers == 0 or IS_FORKED:
            again = [i for index, _ in loader for i in plain(index)]
            is_new = sorted(again) == list(range(103)) and again != order
            worst.equal(is_new, "the next epoch has another order, %d workers" % workers)
    worst.equal(orders[0] == orders[1], "0 and 2 workers give one order")
    worst.equal(orders[0] != sorted(orders[0]), "shuffled")
    for workers in (0, 2) if IS_FORKED else (0,):
        loader = torch.utils.data.DataLoader(data, batch_size=10, drop_last=True, **_workers(workers))
        got = [plain(index) for index, _ in loader]
        worst.equal(got == [list(range(n, n + 10)) for n in range(0, 100, 10)], "in order, without the rest, %d workers" % workers)
    whole = next(iter(torch.utils.data.DataLoader(data, batch_size=103)))
    worst.equal(plain(whole[0]) == list(range(103)), "one batch of all")
    single = [int(index) for index, _ in torch.utils.data.DataLoader(numbered(torch, 4), batch_size=None)]
    worst.same(single, [0, 1, 2, 3], "without batches")
    _accidents(kit, worst)


def _accidents(kit, worst):
    torch = kit.torch
    for workers in (0, 1) if IS_FORKED else (0,):
        loader = torch.utils.data.DataLoader(Failing(), batch_size=4, **_workers(workers))
        worst.refuses(lambda: list(loader), ValueError, "an error in a data set comes through, %d workers" % workers)
        # the error keeps its loader alive; a worker forked later must not be the one that ends it
        del loader
        gc.collect()
    if IS_FORKED:
        seen = torch.zeros(2, dtype=torch.int64).share_memory_()

        def mark(number):
            seen[number] = torch.utils.data.get_worker_info().num_workers

        list(torch.utils.data.DataLoader(numbered(torch, 4), batch_size=2, worker_init_fn=mark, **_workers(2)))
        worst.same(seen, [2, 2], "worker_init_fn, and memory shared with workers")


def data_samplers(kit, worst):
    """Samplers, subsets, joins and splits: which indices, how often, in which order; shares of distributed processes."""
    torch = kit.torch
    data = torch.utils.data
    worst.same(list(data.SequentialSampler(range(5))), [0, 1, 2, 3, 4], "SequentialSampler")
    drawn = list(data.RandomSampler(range(50), generator=kit.rng(82)))
    worst.equal(sorted(drawn) == list(range(50)) and drawn != sorted(drawn), "RandomSampler")
    drawn = list(data.RandomSampler(range(5), replacement=True, num_samples=400, generator=kit.rng(83)))
    worst.equal(len(drawn) == 400 and set(drawn) == set(range(5)), "RandomSampler with replacement")
    worst.add(max(abs(drawn.count(n) - 80) for n in range(5)) / 8.0, 5, "sigma", "RandomSampler draws evenly")
    worst.same(list(data.BatchSampler(range(7), 3, False)), [[0, 1, 2], [3, 4, 5], [6]], "BatchSampler")
    worst.same(list(data.BatchSampler(range(7), 3, True)), [[0, 1, 2], [3, 4, 5]], "BatchSampler, without the rest")
    worst.equal(sorted(data.SubsetRandomSampler([3, 7, 9], generator=kit.rng(84))) == [3, 7, 9], "SubsetRandomSampler")
    weighted = list(data.WeightedRandomSampler([0.0, 1.0, 3.0], 40000, generator=kit.rng(85)))
    worst.equal(0 not in weighted, "WeightedRandomSampler never draws weight 0")
    worst.add(abs(weighted.count(2) - 30000) / 86.6, 5, "sigma", "WeightedRandomSampler draws by weight")
    once = list(data.WeightedRandomSampler([1.0] * 6, 6, replacement=False, generator=kit.rng(86)))
    worst.equal(sorted(once) == list(range(6)), "WeightedRandomSampler without replacement")
    parts = data.random_split(range(10), [7, 3], generator=kit.rng(87))
    worst.equal([len(p) for p in parts] == [7, 3] and sorted(list(parts[0]) + list(parts[1])) == list(range(10)), "random_split")
    worst.same([data.Subset(range(10), [2, 5])[1], len(data.Subset(range(10), [2, 5]))], [5, 2], "Subset")
    joined = data.ConcatDataset([range(3), range(10, 12)])
    worst.same([joined[n] for n in range(5)], [0, 1, 2, 10, 11], "ConcatDataset")
    pairs = data.TensorDataset(torch.arange(3), torch.arange(3) * 10)
    worst.same([len(pairs), plain(pairs[2])], [3, [2, 20]], "TensorDataset")
    _shares(kit, worst)


def _shares(kit, worst):
    distributed = kit.need(kit.torch.utils.data, "distributed").DistributedSampler
    for is_shuffled in (False, True):
        shares = []
        for rank in range(3):
            sampler = distributed(range(10), num_replicas=3, rank=rank, shuffle=is_shuffled, seed=kit.seed)
            sampler.set_epoch(1)
            shares.append(list(sampler))
        worst.equal([len(share) for share in shares] == [4] * 3, "equal shares of 3 processes")
        worst.equal(set(sum(shares, [])) == set(range(10)), "the shares of 3 processes are the whole set")
        if not is_shuffled:
            worst.same(shares[1], [1, 4, 7, 0], "the share of process 1, filled up from the start")
    epochs = []
    for epoch in (1, 2):
        sampler = distributed(range(50), num_replicas=2, rank=0, seed=kit.seed)
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    worst.equal(epochs[0] != epochs[1], "set_epoch gives another order")
    dropped = [list(distributed(range(10), num_replicas=3, rank=r, shuffle=False, drop_last=True)) for r in range(3)]
    worst.same(dropped, [[0, 3, 6], [1, 4, 7], [2, 5, 8]], "shares without the rest")


def data_collate(kit, worst):
    """Collating of numbers, tensors, dictionaries, tuples and words; own collating; iterable sets; workers that stay."""
    torch = kit.torch
    data = torch.utils.data
    point = collections.namedtuple("Point", "x y")
    samples = [{"x": torch.full((2,), n), "y": (n, float(n) / 2), "z": "s%d" % n, "p": point(n, -n), "b": bool(n)} for n in range(3)]
    batch = next(iter(data.DataLoader(samples, batch_size=3)))
    worst.same(batch["x"], [[0, 0], [1, 1], [2, 2]], "tensors are stacked")
    worst.same(list(batch["y"]), [[0, 1, 2], [0.0, 0.5, 1.0]], "numbers become tensors")
    worst.equal(batch["y"][0].dtype == torch.int64 and batch["y"][1].dtype == torch.float64, "their dtypes")
    worst.same(list(batch["z"]), ["s0", "s1", "s2"], "words stay")
    worst.equal(plain(batch["p"].x) == [0, 1, 2] and plain(batch["p"].y) == [0, -1, -2], "named tuples")
    worst.refuses(lambda: data.default_collate([torch.zeros(2), torch.zeros(3)]), RuntimeError, "tensors of unequal length")
    words = data.DataLoader(["a", "bb", "ccc", "d"], batch_size=2, collate_fn=lambda parts: [len(part) for part in parts])
    worst.same(list(words), [[1, 2], [3, 1]], "an own collate_fn")
    stream = _stream_class(torch)
    worst.same([plain(b) for b in data.DataLoader(stream(7), batch_size=3)], [[0, 1, 2], [3, 4, 5], [6]], "an iterable set")
    if IS_FORKED:
        got = sorted(n for b in data.DataLoader(stream(11), batch_size=2, **_workers(2)) for n in plain(b))
        worst.same(got, list(range(11)), "an iterable set shared out among 2 workers")
    chained = data.ChainDataset([stream(2), stream(3)])
    worst.same([int(n) for n in data.DataLoader(chained, batch_size=None)], [0, 1, 0, 1, 2], "ChainDataset")
    if IS_FORKED:
        loader = data.DataLoader(numbered(torch, 20), batch_size=5, persistent_workers=True, **_workers(2))
        for epoch in range(3):
            got = [plain(index) for index, _ in loader]
            worst.equal(got == [list(range(n, n + 5)) for n in range(0, 20, 5)], "workers that stay, epoch %d" % epoch)
        del loader
    _pinned(kit, worst)


def _pinned(kit, worst):
    """Pinned batches keep their content while later ones are made; only where there is a device to pin for."""
    torch = kit.torch
    if kit.device.type not in ("cuda", "xpu"):
        return
    loader = torch.utils.data.DataLoader(numbered(torch, 64), batch_size=8, pin_memory=True, **_workers(2))
    sent = [(index.to(kit.device, non_blocking=True), index) for index, _ in loader]
    for number, (there, here) in enumerate(sent):
        want = list(range(8 * number, 8 * number + 8))
        worst.equal(here.is_pinned() and plain(here) == want and plain(there) == want, "pinned batch %d" % number)


def loader_large(kit, worst):
    """Workers hand over batches of 16 MB, and of more than the 64 MB of a container's /dev/shm, through shared memory."""
    torch = kit.torch
    for mib in (16, 80):
        count = mib << 18
        data = torch.utils.data.TensorDataset(torch.arange(4, dtype=torch.float32)[:, None].expand(4, count // 4))
        loader = torch.utils.data.DataLoader(data, batch_size=4, **_workers(2))
        for (batch,) in loader:
            want = [float(n) for n in range(4)]
            same = plain(batch[:, 0]) == want and plain(batch[:, -1]) == want and plain(batch.mean(1)) == want
            worst.equal(same, "%d MB through a worker" % mib)


CHECKS = {
    "data.loader": loader_order,
    "data.samplers": data_samplers,
    "data.collate": data_collate,
    "data.large": loader_large,
}
