"""Checks of data loading, saving, random numbers, and the training of an MLP 784-128-10."""
import io
import math

from ptsetup_bench_main import Unavailable

CLASSES, PIXELS = 10, 784


class Numbered(object):
    """A map-style data set of (index, square)."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        import torch

        return torch.tensor(index), torch.tensor(float(index * index))


def loader_order(kit, worst):
    """DataLoader with 0 and 2 workers: each index once, the order of the generator, whole batches, the rest kept or dropped."""
    torch = kit.torch
    data = Numbered(103)
    orders = []
    for workers in (0, 2):
        options = {"multiprocessing_context": "fork"} if workers and _has_fork() else {}
        loader = torch.utils.data.DataLoader(data, batch_size=10, shuffle=True, num_workers=workers, generator=torch.Generator().manual_seed(kit.seed + 5), **options)
        order, sizes = [], []
        for index, square in loader:
            worst.equal(bool((index.to(torch.float64) ** 2 == square.to(torch.float64)).all()), "pairs stay together, %d workers" % workers)
            order += index.tolist()
            sizes.append(len(index))
        worst.equal(sorted(order) == list(range(103)), "each sample once, %d workers" % workers)
        worst.equal(sizes == [10] * 10 + [3], "batch sizes, %d workers" % workers)
        orders.append(order)
    worst.equal(orders[0] == orders[1], "0 and 2 workers give one order")
    worst.equal(orders[0] != sorted(orders[0]), "shuffled")
    plain = [int(i) for index, _ in torch.utils.data.DataLoader(data, batch_size=10, drop_last=True) for i in index]
    worst.equal(plain == list(range(100)), "drop_last, in order")
    sampler = torch.utils.data.WeightedRandomSampler([0.0, 1.0, 0.0], 20, generator=torch.Generator().manual_seed(1))
    worst.equal(set(sampler) == {1}, "a sampler of weights")
    parts = torch.utils.data.random_split(range(10), [7, 3], generator=torch.Generator().manual_seed(1))
    worst.equal(sorted(list(parts[0]) + list(parts[1])) == list(range(10)), "random_split")


def loader_large(kit, worst):
    """A worker hands over batches of 16 MB through shared memory."""
    torch = kit.torch

    data = torch.utils.data.TensorDataset(torch.arange(4, dtype=torch.float32).repeat_interleave(1 << 20).reshape(4, -1))
    options = {"multiprocessing_context": "fork"} if _has_fork() else {}
    loader = torch.utils.data.DataLoader(data, batch_size=4, num_workers=2, **options)
    for (batch,) in loader:
        worst.equal(batch.sum(1).tolist() == [float(n << 20) for n in range(4)], "16 MB through a worker")


def _has_fork():
    import multiprocessing

    return "fork" in multiprocessing.get_all_start_methods()


def save_load(kit, worst):
    """Model and optimizer state: saved, loaded with weights_only, bitwise equal, and training goes on the same way."""
    torch = kit.torch
    x, y = kit.to(kit.randn(32, 6, salt=81)), kit.to(kit.randn(32, 2, salt=82))

    def make():
        torch.manual_seed(kit.seed)
        model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 2)).to(kit.device)
        return model, torch.optim.Adam(model.parameters(), lr=0.05)

    def train(model, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()

    model, optimizer = make()
    train(model, optimizer, 3)
    keys = sorted(model.state_dict())
    worst.equal([k for k in keys if "running" in k or "tracked" in k] == ["1.num_batches_tracked", "1.running_mean", "1.running_var"], "buffers are in the state")
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    state = _load(torch, file)
    other, other_optimizer = make()
    missing = other.load_state_dict(state["model"])
    other_optimizer.load_state_dict(state["optimizer"])
    worst.equal(not missing.missing_keys and not missing.unexpected_keys, "all keys match")
    worst.equal(all(bool((a == b).all()) for a, b in zip(model.state_dict().values(), other.state_dict().values())), "loaded state is bitwise equal")
    train(model, optimizer, 3)
    train(other, other_optimizer, 3)
    worst.equal(all(bool((a == b).all()) for a, b in zip(model.state_dict().values(), other.state_dict().values())), "three more steps are bitwise equal")
    try:
        other.load_state_dict({"0.weight": torch.zeros(8, 6)})
        worst.equal(False, "a state that lacks keys is refused")
    except RuntimeError:
        worst.equal(True, "a state that lacks keys is refused")


def _load(torch, file):
    try:
        return torch.load(file, weights_only=True)
    except TypeError:
        file.seek(0)
        return torch.load(file)


class Evil(object):
    """An object whose unpickling would call a function of the file's choice."""

    def __reduce__(self):
        return print, ("a pickle was executed",)


def save_refuses(kit, worst):
    """A malicious pickle is refused by torch.load's default (since 2.6) or with weights_only=True."""
    import pickle

    torch = kit.torch
    file = io.BytesIO()
    torch.save({"x": Evil()}, file)
    file.seek(0)
    try:
        torch.load(file, weights_only=True)
    except TypeError:
        raise Unavailable("this torch.load has no weights_only")
    except pickle.UnpicklingError:
        worst.equal(True, "refused")
        return
    worst.equal(False, "a malicious pickle was loaded")


def random_draws(kit, worst):
    """Uniform, normal, Bernoulli and permutation: mean, variance and range of a million draws."""
    torch = kit.torch
    count = 1000000
    uniform = torch.rand(count, device=kit.device)
    worst.equal(bool((uniform >= 0).all() and (uniform < 1).all()), "uniform numbers lie in [0, 1)")
    worst.add(abs(_mean(uniform) - 0.5) / math.sqrt(1 / 12.0 / count), 5, "sigma", "mean of rand")
    worst.add(abs(_mean(uniform * uniform) - 1 / 3.0) / math.sqrt(4 / 45.0 / count), 5, "sigma", "second moment of rand")
    normal = torch.randn(count, device=kit.device)
    worst.add(abs(_mean(normal)) / math.sqrt(1.0 / count), 5, "sigma", "mean of randn")
    worst.add(abs(_mean(normal * normal) - 1) / math.sqrt(2.0 / count), 5, "sigma", "variance of randn")
    worst.add(abs(_mean(normal[:-1] * normal[1:])) / math.sqrt(1.0 / count), 5, "sigma", "neighbours of randn are independent")
    bernoulli = torch.bernoulli(torch.full((count,), 0.3, device=kit.device))
    worst.add(abs(_mean(bernoulli) - 0.3) / math.sqrt(0.21 / count), 5, "sigma", "bernoulli")
    worst.equal(sorted(torch.randperm(1000, device=kit.device).cpu().tolist()) == list(range(1000)), "randperm")
    torch.manual_seed(3)
    first = torch.rand(5, device=kit.device).cpu().tolist()
    torch.manual_seed(3)
    worst.equal(torch.rand(5, device=kit.device).cpu().tolist() == first, "the same seed gives the same numbers")


def _mean(tensor):
    return float(tensor.cpu().double().mean())


def random_dropout(kit, worst):
    """Dropout: share and scale of what is kept, the identity in evaluation, the gradient through the same mask."""
    torch = kit.torch
    count, p = 1000000, 0.3
    layer = torch.nn.Dropout(p).to(kit.device)
    x = torch.ones(count, device=kit.device, requires_grad=True)
    y = layer(x)
    kept = (y != 0).float()
    worst.add(abs(_mean(kept) - (1 - p)) / math.sqrt(p * (1 - p) / count), 5, "sigma", "share that is kept")
    kit.compare(worst, y.detach().max(), [1 / (1 - p)], 16, "what is kept is scaled by 1/(1-p)")
    y.sum().backward()
    worst.equal(bool((x.grad == y.detach()).all()), "the gradient passes the same mask")
    layer.eval()
    worst.equal(bool((layer(x) == x).all()), "no dropout in evaluation")


def digits(kit, count, salt):
    """A learnable set: ten prototypes of 784 pixels, scaled and drowned in noise; float32 on the CPU."""
    torch = kit.torch
    prototypes = torch.randn(CLASSES, PIXELS, generator=torch.Generator().manual_seed(424242))
    generator = torch.Generator().manual_seed(kit.seed * 1009 + salt)
    labels = torch.randint(0, CLASSES, (count,), generator=generator)
    noise = torch.randn(count, PIXELS, generator=generator)
    strength = 0.12 + 0.10 * torch.rand(count, 1, generator=generator)
    return prototypes[labels] * strength + noise, labels


def _mlp(torch, seed):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(PIXELS, 128), torch.nn.ReLU(), torch.nn.Linear(128, CLASSES))


def train(kit, optimizer_of, epochs, batch=64, train_count=4096, test_count=2048):
    """Train the MLP through a DataLoader; (loss per epoch, held-out loss, accuracy, first loss)."""
    torch = kit.torch
    x, y = digits(kit, train_count, 91)
    held_x, held_y = digits(kit, test_count, 92)
    model = _mlp(torch, kit.seed).to(kit.device)
    optimizer = optimizer_of(model.parameters())
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=batch, shuffle=True, generator=kit.rng(93))
    curve, first = [], None
    for _ in range(epochs):
        total = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(images.to(kit.device)), labels.to(kit.device))
            loss.backward()
            optimizer.step()
            first = float(loss.detach()) if first is None else first
            total += float(loss.detach()) * len(labels)
        curve.append(total / train_count)
    model.eval()
    with torch.no_grad():
        scores = model(held_x.to(kit.device)).cpu()
    return curve, float(torch.nn.functional.cross_entropy(scores, held_y)), float((scores.argmax(1) == held_y).float().mean()), first


LOSS_BOUND, ACCURACY_BOUND = 0.20, 0.95


def _judge_training(worst, outcome):
    curve, loss, accuracy, first = outcome
    worst.data.update(curve=curve, loss=loss, accuracy=accuracy, first=first, loss_bound=LOSS_BOUND, accuracy_bound=ACCURACY_BOUND)
    worst.add(abs(first - math.log(CLASSES)), 0.5, "loss", "the first loss is near ln 10")
    worst.add(loss, LOSS_BOUND, "loss", "held-out loss (accuracy %.3f, at least %.2f)" % (accuracy, ACCURACY_BOUND))
    worst.add(1 - accuracy, 1 - ACCURACY_BOUND, "share", "held-out mistakes (loss %.3f)" % loss)


def mlp_adam(kit, worst):
    """The MLP with Adam 1e-3: five epochs of 64."""
    _judge_training(worst, train(kit, lambda p: kit.torch.optim.Adam(p, lr=1e-3), 5))


def mlp_sgd(kit, worst):
    """The MLP with SGD, rate 0.01, momentum 0.9: ten epochs."""
    _judge_training(worst, train(kit, lambda p: kit.torch.optim.SGD(p, lr=0.01, momentum=0.9), 10))


def mlp_repeat(kit, worst):
    """The same training twice, bit by bit (asked of the CPU only; told on other devices)."""
    curves = [train(kit, lambda p: kit.torch.optim.Adam(p, lr=1e-3), 1, train_count=1024, test_count=64)[0] for _ in range(2)]
    worst.data["is_equal"] = curves[0] == curves[1]
    worst.equal(curves[0] == curves[1] or kit.device.type != "cpu", "two runs with one seed")


CHECKS = {
    "data.loader": loader_order,
    "data.large": loader_large,
    "data.save": save_load,
    "data.pickle": save_refuses,
    "random.draws": random_draws,
    "random.dropout": random_dropout,
    "train.mlp": mlp_adam,
    "train.mlp_sgd": mlp_sgd,
    "train.repeat": mlp_repeat,
}
