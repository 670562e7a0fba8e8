"""Checks of random numbers: moments, seeds, states, distributions, dropout. Bounds are in standard deviations of the estimate."""

import math

from ptsetup_bench_main import plain

COUNT = 1000000


def _mean(tensor):
    return float(tensor.detach().cpu().double().mean())


def _sigma(worst, got, want, spread, count, detail):
    """Distance of a mean from its expectation, in standard deviations."""
    worst.add(abs(got - want) / (spread / math.sqrt(count)), 6, "sigma", detail)


def random_draws(kit, worst):
    """Uniform, normal, Bernoulli, whole numbers, permutations, multinomial: range, mean, variance, independence."""
    torch, on = kit.torch, {"device": kit.device}
    for label, uniform in (("rand", torch.rand(COUNT, **on)), ("uniform_", torch.empty(COUNT, **on).uniform_())):
        worst.equal(bool((uniform >= 0).all() and (uniform < 1).all()), "%s lies in [0, 1)" % label)
        _sigma(worst, _mean(uniform), 0.5, math.sqrt(1 / 12.0), COUNT, "mean of %s" % label)
        _sigma(worst, _mean(uniform * uniform), 1 / 3.0, math.sqrt(4 / 45.0), COUNT, "second moment of %s" % label)
    for label, normal in (("randn", torch.randn(COUNT, **on)), ("normal_", torch.empty(COUNT, **on).normal_())):
        _sigma(worst, _mean(normal), 0, 1, COUNT, "mean of %s" % label)
        _sigma(worst, _mean(normal * normal), 1, math.sqrt(2), COUNT, "variance of %s" % label)
        _sigma(worst, _mean(normal**3), 0, math.sqrt(15), COUNT, "third moment of %s" % label)
        _sigma(worst, _mean(normal**4), 3, math.sqrt(96), COUNT, "fourth moment of %s" % label)
        _sigma(worst, _mean(normal[:-1] * normal[1:]), 0, 1, COUNT, "neighbours of %s are independent" % label)
    _discrete(kit, worst)
    _families(kit, worst)


def _discrete(kit, worst):
    torch, on = kit.torch, {"device": kit.device}
    bernoulli = torch.bernoulli(torch.full((COUNT,), 0.3, **on))
    _sigma(worst, _mean(bernoulli), 0.3, math.sqrt(0.21), COUNT, "bernoulli")
    whole = torch.randint(3, 10, (COUNT,), **on)
    worst.equal(int(whole.min()) == 3 and int(whole.max()) == 9, "randint reaches both ends and no further")
    _sigma(worst, _mean(whole), 6, 2, COUNT, "mean of randint")
    worst.equal(sorted(plain(torch.randperm(1000, **on))) == list(range(1000)), "randperm")
    _places(kit, worst)
    drawn = torch.multinomial(kit.of([0.1, 0.0, 0.3, 0.6]), 100000, replacement=True)
    counts = [float((drawn == n).sum()) for n in range(4)]
    worst.equal(counts[1] == 0, "multinomial never draws weight 0")
    for n, chance in ((0, 0.1), (2, 0.3), (3, 0.6)):
        _sigma(worst, counts[n] / 100000, chance, math.sqrt(chance * (1 - chance)), 100000, "multinomial, weight %s" % chance)
    once = plain(torch.multinomial(kit.of([1.0, 2.0, 3.0, 4.0]), 4))
    worst.equal(sorted(once) == [0, 1, 2, 3], "multinomial without replacement")


def _families(kit, worst):
    torch, count = kit.torch, 200000
    d = torch.distributions
    one = torch.ones(1, device=kit.device)
    for label, draws, mean, spread in (
        ("normal(2, 3)", torch.normal(2.0, 3.0, (count,), device=kit.device), 2, 3),
        ("exponential_", torch.empty(count, device=kit.device).exponential_(2.0), 0.5, 0.5),
        ("uniform_(-1, 3)", torch.empty(count, device=kit.device).uniform_(-1, 3), 1, 4 / math.sqrt(12)),
        ("Exponential", d.Exponential(2 * one).sample((count,)), 0.5, 0.5),
        ("Uniform", d.Uniform(-one, 3 * one).sample((count,)), 1, 4 / math.sqrt(12)),
        ("Categorical", d.Categorical(probs=kit.of([0.2, 0.8])).sample((count,)).float(), 0.8, 0.4),
    ):
        _sigma(worst, _mean(draws), mean, spread, count, label)
    if kit.device.type in ("cpu", "cuda"):
        for label, draws, mean, spread in (
            ("poisson", torch.poisson(torch.full((count,), 4.0, device=kit.device)), 4, 2),
            ("Gamma", d.Gamma(3 * one, 2 * one).sample((count,)), 1.5, math.sqrt(0.75)),
            ("Beta", d.Beta(2 * one, 3 * one).sample((count,)), 0.4, 0.2),
        ):
            _sigma(worst, _mean(draws), mean, spread, count, label)
    _densities(kit, worst)


def _densities(kit, worst):
    """Log-densities and entropies against their formulas."""
    d = kit.torch.distributions
    x = kit.of([0.3, 1.7])
    mean, scale = kit.of(0.5), kit.of(2.0)
    normal = [-((v - 0.5) ** 2) / 8 - math.log(2 * math.sqrt(2 * math.pi)) for v in kit.numbers(x)]
    third = math.log(1.0 / 3.0)
    for label, got, want in (
        ("Normal.log_prob", d.Normal(mean, scale).log_prob(x), normal),
        ("Normal.entropy", d.Normal(mean, scale).entropy(), [0.5 + 0.5 * math.log(2 * math.pi) + math.log(2)]),
        ("Bernoulli.log_prob", d.Bernoulli(kit.of(0.25)).log_prob(kit.of([0.0, 1.0])), [math.log(0.75), math.log(0.25)]),
        ("Categorical.log_prob", d.Categorical(logits=kit.of([0.0] * 3)).log_prob(kit.whole(0, 2)), [third, third]),
        ("Categorical.entropy", d.Categorical(probs=kit.of([0.5, 0.25, 0.25])).entropy(), [1.5 * math.log(2)]),
        ("kl_divergence", d.kl_divergence(d.Normal(mean, scale), d.Normal(kit.of(0.0), kit.of(1.0))), [0.5 * (4 + 0.25 - 1) - math.log(2)]),
    ):
        kit.compare(worst, got, want, 32, label)


def _places(kit, worst):
    """Over many permutations every number comes to every place equally often."""
    counts = [[0] * 5 for _ in range(5)]
    for _ in range(2000):
        for place, number in enumerate(plain(kit.torch.randperm(5, device=kit.device))):
            counts[place][number] += 1
    for place, row in enumerate(counts):
        for number, count in enumerate(row):
            _sigma(worst, count / 2000.0, 0.2, 0.4, 2000, "randperm brings %d to place %d" % (number, place))


def random_seeds(kit, worst):
    """Seeds, generators and states: the same seed gives the same numbers, another one others; states come back."""
    torch = kit.torch

    def draws():
        return plain(torch.rand(5, device=kit.device)) + plain(torch.randn(5, device=kit.device))

    torch.manual_seed(3)
    first, second = draws(), draws()
    torch.manual_seed(3)
    worst.equal(draws() == first, "the same seed gives the same numbers")
    worst.equal(second != first, "the numbers go on")
    torch.manual_seed(4)
    worst.equal(draws() != first, "another seed gives others")
    worst.equal(torch.initial_seed() == 4, "initial_seed")
    generator = torch.Generator().manual_seed(9)
    state = generator.get_state()
    one = plain(torch.rand(4, generator=generator))
    generator.set_state(state)
    worst.equal(plain(torch.rand(4, generator=generator)) == one, "a generator's state comes back")
    before = torch.get_rng_state()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        torch.rand(3)
    worst.equal(torch.equal(torch.get_rng_state(), before), "fork_rng leaves the outer state alone")
    # the generator of the CPU is the Mersenne Twister: its numbers are the same on every machine and in every release
    known = torch.rand(2, generator=torch.Generator().manual_seed(0))
    kit.compare(worst, known, [0.49625658988952637, 0.7682217955589294], 0.5, "the numbers of seed 0")
    torch.manual_seed(5)
    a = torch.nn.Linear(4, 4).weight.detach().clone()
    torch.manual_seed(5)
    worst.equal(torch.equal(a, torch.nn.Linear(4, 4).weight), "layers begin alike with one seed")


def random_dropout(kit, worst):
    """Dropout: share and scale of what is kept, the identity in evaluation, the gradient through the same mask; channels; alpha."""
    torch, f = kit.torch, kit.torch.nn.functional
    p = 0.3
    for label, call, still in (
        ("nn.Dropout", torch.nn.Dropout(p), torch.nn.Dropout(p).eval()),
        ("functional.dropout", lambda x: f.dropout(x, p), lambda x: f.dropout(x, p, training=False)),
        ("torch.dropout", lambda x: torch.dropout(x, p, True), lambda x: torch.dropout(x, p, False)),
    ):
        x = torch.ones(COUNT, device=kit.device, requires_grad=True)
        y = call(x)
        kept = (y != 0).float()
        _sigma(worst, _mean(kept), 1 - p, math.sqrt(p * (1 - p)), COUNT, "share that is kept by %s" % label)
        _sigma(worst, _mean(kept[:-1] * kept[1:]), 0.49, math.sqrt(0.49 * 0.51 + 2 * 0.49 * 0.21), COUNT, "neighbours are kept independently")
        values = set(plain(torch.unique(y.detach())))
        worst.equal(len(values) == 2 and 0.0 in values, "two values only, %s" % label)
        kit.compare(worst, y.detach().max(), [1 / (1 - p)], 16, "what is kept is scaled by 1/(1-p), %s" % label)
        y.sum().backward()
        worst.equal(bool((x.grad == y.detach()).all()), "the gradient passes the same mask, %s" % label)
        worst.equal(bool((still(x) == x).all()), "no dropout in evaluation, %s" % label)
    x = torch.ones(1000, device=kit.device)
    worst.equal(not bool(f.dropout(x, 1.0).any()) and bool((f.dropout(x, 0.0) == x).all()), "p = 1 and p = 0")
    worst.equal(plain(f.dropout(x, 0.5)) != plain(f.dropout(x, 0.5)), "another mask every time")
    _channels(kit, worst)


def _channels(kit, worst):
    torch, f = kit.torch, kit.torch.nn.functional
    image = torch.ones(500, 16, 2, 3, device=kit.device)
    y = f.dropout2d(image, 0.25)
    whole = (y.flatten(2).amax(2) == y.flatten(2).amin(2)).all()
    worst.equal(bool(whole), "dropout2d drops whole channels")
    _sigma(worst, _mean((y[:, :, 0, 0] != 0).float()), 0.75, math.sqrt(0.1875), 8000, "share of channels kept")
    kit.compare(worst, y.max(), [4 / 3.0], 16, "scale of channels kept")
    worst.equal(bool((torch.nn.Dropout2d(0.5).eval()(image) == image).all()), "Dropout2d in evaluation")
    x = torch.randn(200000, device=kit.device)
    for label, call in (("alpha_dropout", lambda t: f.alpha_dropout(t, 0.2, True)), ("AlphaDropout", torch.nn.AlphaDropout(0.2))):
        y = call(x)
        _sigma(worst, _mean(y), 0, 1, 200000, "%s keeps the mean" % label)
        _sigma(worst, _mean(y * y), 1, 2.5, 200000, "%s keeps the variance" % label)


CHECKS = {
    "random.draws": random_draws,
    "random.seeds": random_seeds,
    "random.dropout": random_dropout,
}
