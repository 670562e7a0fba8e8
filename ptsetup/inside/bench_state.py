"""Checks of the options of data sets, saving, modules and random numbers: assign, places, shares, seeds of workers. References: exact."""

import collections
import copy
import io
import math
import sys

from ptsetup_bench_main import load_file, plain

DATA = load_file("data")


def data_options(kit, worst):
    """Data sets and samplers with other options: joins of several, shares as fractions, seeds of workers, generators, extra copies."""
    torch, data = kit.torch, kit.torch.utils.data
    joined = data.ConcatDataset([range(3), range(10, 11), range(20, 24)])
    worst.same([len(joined), [joined[n] for n in range(8)], joined[-1], joined[-5]], [8, [0, 1, 2, 10, 20, 21, 22, 23], 23, 10], "ConcatDataset of three")
    worst.refuses(lambda: joined[-9], ValueError, "ConcatDataset before its start")
    worst.same(data.Subset(data.Subset(range(100), [5, 7, 9]), [2, 0])[0], 9, "a subset of a subset")
    if kit.version >= (1, 13):
        parts = data.random_split(range(11), [0.5, 0.25, 0.25], generator=kit.rng(521))
        worst.same([len(p) for p in parts], [6, 3, 2], "random_split by shares, the rest from the first on")
        worst.equal(sorted(n for p in parts for n in p) == list(range(11)), "random_split by shares: each once")
    if hasattr(data, "StackDataset"):
        stacked = data.StackDataset(a=range(3), b=range(5, 8))
        worst.equal(stacked[1] == {"a": 1, "b": 6} and len(stacked) == 3, "StackDataset")
    pairs = data.TensorDataset(torch.arange(6), torch.arange(6) * 10)
    worst.same([plain(pairs[1:4]), plain(pairs[-1]), plain(pairs[[0, 5]])], [[[1, 2, 3], [10, 20, 30]], [5, 50], [[0, 5], [0, 50]]], "parts of a TensorDataset")
    worst.refuses(lambda: data.TensorDataset(torch.zeros(2), torch.zeros(3)), AssertionError, "a TensorDataset of unequal lengths")
    one, two, other = (list(data.RandomSampler(range(40), generator=torch.Generator().manual_seed(s))) for s in (3, 3, 4))
    worst.equal(one == two != other, "the generator decides the order of RandomSampler")
    worst.same(len(list(data.RandomSampler(range(5), num_samples=13, generator=kit.rng(522)))), 13, "RandomSampler, num_samples")
    drawn = list(data.WeightedRandomSampler([1.0, 1.0, 8.0], 5000, generator=kit.rng(523)))
    for n, share in enumerate((0.1, 0.1, 0.8)):
        worst.add(abs(drawn.count(n) / 5000.0 - share) / math.sqrt(share * (1 - share) / 5000), 6, "sigma", "WeightedRandomSampler, weight %s" % share)
    worst.same(len(data.DataLoader(range(10), batch_size=4)) + 10 * len(data.DataLoader(range(10), batch_size=4, drop_last=True)), 23, "lengths of loaders")
    batches = data.DataLoader(range(6), batch_sampler=[[5, 0], [3]])
    worst.same([plain(b) for b in batches], [[5, 0], [3]], "an own batch sampler")
    worst.same([plain(b) for b in data.DataLoader(range(6), sampler=[4, 1, 1], batch_size=2)], [[4, 1], [1]], "an own sampler")
    orders = [[plain(b) for b in data.DataLoader(range(20), batch_size=5, shuffle=True, generator=torch.Generator().manual_seed(s))] for s in (1, 1, 2)]
    worst.equal(orders[0] == orders[1] != orders[2], "the generator decides the order of a loader")
    _collating(kit, worst)
    _workers(kit, worst)
    _distributed(kit, worst)


def _collating(kit, worst):
    torch, data = kit.torch, kit.torch.utils.data
    point = collections.namedtuple("Point", "x y")
    batch = data.default_collate([{"a": [1, (2.0, "s")], "p": point(torch.ones(2) * n, n)} for n in (0, 1)])
    worst.same([batch["a"][0], batch["a"][1][0], list(batch["a"][1][1])], [[1, 1], [2.0, 2.0], ["s", "s"]], "nested samples")
    worst.same([batch["p"].x, batch["p"].y], [[[0, 0], [1, 1]], [0, 1]], "named tuples of tensors")
    worst.equal(data.default_collate([torch.zeros(2, dtype=torch.float16)] * 2).dtype == torch.float16, "collating keeps the dtype")
    worst.refuses(lambda: data.default_collate([[1, 2], [1]]), RuntimeError, "samples of unequal length")


def _workers(kit, worst):
    """Every worker has a seed of its own, that of the loader's plus its number; the next epoch has others."""
    torch, data = kit.torch, kit.torch.utils.data
    if not sys.platform.startswith("linux"):
        return

    class Seeds(data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, n):
            info = data.get_worker_info()
            return info.id, info.seed - torch.initial_seed(), torch.initial_seed() % (1 << 40), float(torch.rand(1))

    loader = data.DataLoader(Seeds(), batch_size=2, num_workers=2, multiprocessing_context="fork", generator=torch.Generator().manual_seed(5))
    first, second = ([[plain(part) for part in batch] for batch in loader] for _ in range(2))
    worst.same([[b[0] for b in first], [b[1] for b in first]], [[[0, 0], [1, 1]], [[0, 0], [0, 0]]], "numbers and seeds of workers")
    worst.equal(first[1][2][0] - first[0][2][0] == 1, "seeds of two workers follow each other")
    numbers = [n for batch in first + second for n in batch[3]]
    worst.equal(len(set(numbers)) == 8, "workers draw numbers of their own, in every epoch others")


def _distributed(kit, worst):
    sampler = kit.torch.utils.data.distributed.DistributedSampler
    for drop in (False, True):
        for count, world in ((10, 4), (3, 4), (8, 4), (11, 2)):
            shares = [list(sampler(range(count), world, rank, shuffle=False, drop_last=drop)) for rank in range(world)]
            size = count // world if drop else -(-count // world)
            order = list(range(count))
            while len(order) < size * world:
                order += order[: size * world - len(order)]
            want = [order[: size * world][rank::world] for rank in range(world)]
            worst.same(shares, want, "shares of %d among %d, drop_last=%s" % (count, world, drop))
    orders = []
    for seed, epoch in ((0, 0), (0, 0), (0, 3), (7, 0)):
        one = sampler(range(30), 2, 1, seed=seed)
        one.set_epoch(epoch)
        orders.append(list(one))
    worst.equal(orders[0] == orders[1] and len(set(map(tuple, orders))) == 3, "seed and epoch decide the order of shares")


def save_options(kit, worst):
    """Loading with other options: assign, places, own functions, extra states, dtypes kept; copies; schedulers; parts that are shared."""
    torch, nn = kit.torch, kit.torch.nn
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).to(kit.device)
    state = collections.OrderedDict((n, v + 1) for n, v in model.state_dict().items())
    weight = model[0].weight
    model.load_state_dict(state)
    worst.equal(model[0].weight is weight and plain(weight) == plain(state["0.weight"]), "loading writes into the weights that are there")
    worst.equal(weight.data_ptr() != state["0.weight"].data_ptr(), "and shares no memory with the file")
    if kit.version >= (2, 1):
        low = collections.OrderedDict((n, v.bfloat16() if v.is_floating_point() else v) for n, v in state.items())
        model.load_state_dict(low)
        worst.equal(model[0].weight.dtype == torch.float32, "loading keeps the model's dtype")
        model.load_state_dict(low, assign=True)
        worst.equal(model[0].weight.dtype == torch.bfloat16 and model[0].weight.requires_grad, "assign takes the tensors themselves")
        worst.equal(model[0].weight.data_ptr() == low["0.weight"].data_ptr(), "assign shares their memory")
    for name in ("half", "bfloat16", "float") + (("double",) if kit.has_float64 else ()):
        turned = getattr(copy.deepcopy(model), name)()
        kind = {"half": "float16", "double": "float64", "float": "float32"}.get(name, name)
        floating = [t for t in turned.state_dict().values() if t.is_floating_point()]
        worst.equal(len(floating) == 6 and all(t.dtype == getattr(torch, kind) for t in floating), "%s() turns weights, biases and statistics" % name)
        worst.equal(turned[1].num_batches_tracked.dtype == torch.int64, "%s() leaves counts alone" % name)
    _places(kit, worst)
    _own_state(kit, worst)
    _optimizer_state(kit, worst)


def _places(kit, worst):
    torch = kit.torch
    file = io.BytesIO()
    torch.save({"a": torch.arange(3.0), "b": [torch.ones(2, dtype=torch.int8)]}, file)

    def load(where):
        file.seek(0)
        return torch.load(file, map_location=where)

    seen = []
    back = load(lambda storage, place: seen.append(place) or storage)
    worst.equal(plain(back["a"]) == [0.0, 1.0, 2.0] and seen == ["cpu", "cpu"], "map_location as a function is asked")
    worst.equal(all(t.device.type == "cpu" for t in (load("cpu")["a"], load(torch.device("cpu"))["a"], load({"cpu": "cpu"})["b"][0])), "map_location in other forms")
    if kit.version >= (2, 1):
        worst.equal(load("meta")["a"].device.type == "meta", "map_location='meta' leaves the numbers out")
    base = torch.arange(10.0)
    file = io.BytesIO()
    torch.save([base[2:5], base[::2], base.reshape(2, 5).t()], file)
    file.seek(0)
    a, b, c = torch.load(file)
    b[1] = 50.0
    worst.same([a, c[2]], [[50.0, 3.0, 4.0], [50.0, 7.0]], "views of one memory stay so")
    worst.equal(c.stride() == (1, 5) and b.stride() == (2,), "strides come back")


def _own_state(kit, worst):
    torch, nn = kit.torch, kit.torch.nn

    class Counted(nn.Module):
        def __init__(self):
            super(Counted, self).__init__()
            self.weight, self.count = nn.Parameter(torch.zeros(1)), 0
            self.register_buffer("absent", None)

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    one, two = nn.Sequential(Counted()), nn.Sequential(Counted())
    one[0].count = 7
    state = one.state_dict(prefix="net.")
    worst.same(sorted(state), ["net.0._extra_state", "net.0.weight"], "a prefix, an extra state, an absent buffer")
    two.load_state_dict(collections.OrderedDict((n[4:], v) for n, v in state.items()))
    worst.same(two[0].count, 7, "an extra state comes back")
    worst.equal(one.state_dict(keep_vars=True)["0.weight"] is one[0].weight and not one.state_dict()["0.weight"].requires_grad, "keep_vars")
    held = nn.Module()
    held.register_buffer("number", torch.tensor(2.0))
    held.register_buffer("numbers", torch.zeros(2))
    worst.equal(not any(b.requires_grad for b in held.buffers()) and not list(held.parameters()), "buffers ask for no gradient")
    worst.equal(nn.Parameter(torch.zeros(1)).requires_grad and not nn.Parameter(torch.zeros(1), False).requires_grad, "parameters ask for theirs")
    twin = copy.deepcopy(nn.ModuleList([one[0], one[0]]))
    worst.equal(twin[0] is twin[1] and twin[0] is not one[0], "deepcopy keeps what is shared")
    named = nn.ParameterDict({"b": nn.Parameter(torch.ones(1)), "a": nn.Parameter(torch.zeros(1))})
    worst.same(sorted(n for n, _ in named.named_parameters()), ["a", "b"], "names of a ParameterDict")
    nested = nn.Sequential(nn.Sequential(nn.Linear(1, 1)), nn.ModuleDict({"x": nn.Linear(1, 1, bias=False)}))
    worst.same([n for n, _ in nested.named_parameters()], ["0.0.weight", "0.0.bias", "1.x.weight"], "names of nested parts")
    worst.same([n for n, _ in nested.named_modules()], ["", "0", "0.0", "1", "1.x"], "named_modules")
    worst.equal(nested.get_parameter("1.x.weight") is nested[1]["x"].weight and nested.get_submodule("0.0") is nested[0][0], "get_parameter, get_submodule")


def _optimizer_state(kit, worst):
    """The state of an optimizer holds what it was set to; another one takes it over."""
    torch = kit.torch
    make = lambda lr: torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(2))], "lr": lr}, {"params": [torch.nn.Parameter(torch.zeros(1))], "momentum": 0.5, "weight_decay": 0.25}], lr=0.1, momentum=0.9)
    one, two = make(0.5), make(0.7)
    for group in one.param_groups:
        group["params"][0].grad = torch.ones_like(group["params"][0])
    one.step()
    state = one.state_dict()
    worst.same([g["params"] for g in state["param_groups"]], [[0], [1]], "parameters by number")
    two.load_state_dict(state)
    for name, want in (("lr", [0.5, 0.1]), ("momentum", [0.9, 0.5]), ("weight_decay", [0, 0.25])):
        worst.same([g[name] for g in two.param_groups], want, "%s of the groups comes back" % name)
    buffers = [two.state[g["params"][0]]["momentum_buffer"] for g in two.param_groups]
    worst.same(buffers, [[1.0, 1.0], [1.0]], "momenta come back")
    less = {"state": {}, "param_groups": state["param_groups"][:1]}
    worst.refuses(lambda: make(0.1).load_state_dict(less), ValueError, "a state of fewer groups")


CHECKS = {
    "data.options": data_options,
    "data.state": save_options,
}
