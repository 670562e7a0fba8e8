"""Checks of training: an MLP 784-128-10 on a made-up set of ten classes, with Adam and with SGD, to a bound on held-out data."""

import math
import sys

CLASSES, PIXELS = 10, 784

LOSS_BOUND, ACCURACY_BOUND = 0.20, 0.95
"""Worst of 12 seeds with 1 and with 2 threads: see tests/bench/measured.md for what was seen."""


def digits(kit, count, salt):
    """A learnable set: ten prototypes of 784 pixels, weakened and drowned in noise; float32 on the CPU."""
    torch = kit.torch
    prototypes = torch.randn(CLASSES, PIXELS, generator=torch.Generator().manual_seed(424242))
    generator = kit.rng(salt)
    labels = torch.randint(0, CLASSES, (count,), generator=generator)
    noise = torch.randn(count, PIXELS, generator=generator)
    strength = 0.12 + 0.10 * torch.rand(count, 1, generator=generator)
    return prototypes[labels] * strength + noise, labels


def _mlp(torch, seed):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(PIXELS, 128), torch.nn.ReLU(), torch.nn.Linear(128, CLASSES))


def _loader(kit, x, y, batch, workers):
    torch = kit.torch
    options = {"num_workers": workers}
    if workers and sys.platform.startswith("linux"):
        options["multiprocessing_context"] = "fork"
    data = torch.utils.data.TensorDataset(x, y)
    return torch.utils.data.DataLoader(data, batch_size=batch, shuffle=True, generator=kit.rng(93), **options)


def train(kit, optimizer_of, epochs, batch=64, train_count=4096, test_count=2048, workers=0):
    """Train the MLP through a DataLoader; (loss per epoch, held-out loss, accuracy, first loss)."""
    torch, f = kit.torch, kit.torch.nn.functional
    x, y = digits(kit, train_count, 91)
    held_x, held_y = digits(kit, test_count, 92)
    model = _mlp(torch, kit.seed).to(kit.device)
    optimizer = optimizer_of(model.parameters())
    loader = _loader(kit, x, y, batch, workers)
    curve, first = [], None
    for _ in range(epochs):
        total = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = f.cross_entropy(model(images.to(kit.device)), labels.to(kit.device))
            loss.backward()
            optimizer.step()
            value = float(loss.detach())
            first = value if first is None else first
            total += value * len(labels)
        curve.append(total / train_count)
    model.eval()
    with torch.no_grad():
        scores = model(held_x.to(kit.device)).cpu()
    right = sum(a == b for a, b in zip(scores.argmax(1).tolist(), held_y.tolist()))
    return curve, float(f.cross_entropy(scores, held_y)), right / float(test_count), first


def _judge_training(worst, outcome):
    curve, loss, accuracy, first = outcome
    worst.data.update(
        curve=curve, loss=loss, accuracy=accuracy, first=first, loss_bound=LOSS_BOUND, accuracy_bound=ACCURACY_BOUND
    )
    worst.add(abs(first - math.log(CLASSES)), 0.5, "loss", "the first loss is near ln 10")
    worst.add(loss, LOSS_BOUND, "loss", "held-out loss (accuracy %.3f, at least %.2f)" % (accuracy, ACCURACY_BOUND))
    worst.add(1 - accuracy, 1 - ACCURACY_BOUND, "share", "held-out mistakes (loss %.3f)" % loss)
    worst.equal(curve[-1] < curve[0], "the loss falls")


def mlp_adam(kit, worst):
    """The MLP with Adam 1e-3: five epochs of 64."""
    _judge_training(worst, train(kit, lambda p: kit.torch.optim.Adam(p, lr=1e-3), 5))


def mlp_sgd(kit, worst):
    """The MLP with SGD, rate 0.01, momentum 0.9: ten epochs."""
    _judge_training(worst, train(kit, lambda p: kit.torch.optim.SGD(p, lr=0.01, momentum=0.9), 10))


def mlp_repeat(kit, worst):
    """The same training three times, with 0, 0 and 2 workers: bit by bit on the CPU, told on other devices."""
    curves = []
    for workers in (0, 0, 2):
        adam = lambda p: kit.torch.optim.Adam(p, lr=1e-3)
        curves.append(train(kit, adam, 1, train_count=1024, test_count=64, workers=workers)[0])
    worst.data.update(is_equal=curves[0] == curves[1], is_equal_with_workers=curves[0] == curves[2])
    is_asked = kit.device.type == "cpu"
    worst.equal(curves[0] == curves[1] or not is_asked, "two runs with one seed")
    worst.equal(curves[0] == curves[2] or not is_asked, "the same with 2 workers")
    # on a device the order of additions may differ, not the outcome
    worst.add(max(abs(a[0] - curves[0][0]) for a in curves) / curves[0][0], 1e-3, "rel", "losses agree")


CHECKS = {
    "train.mlp": mlp_adam,
    "train.mlp_sgd": mlp_sgd,
    "train.repeat": mlp_repeat,
}
