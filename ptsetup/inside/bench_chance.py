"""Checks of the options of random numbers: own generators everywhere, densities of every family, initialisations. References: formulas, sigma tests."""

import math

from ptsetup_bench_main import plain


def random_options(kit, worst):
    """Every function that draws takes a generator; limits and means are kept; densities, entropies and divergences by their formulas."""
    _generators(kit, worst)
    _limits(kit, worst)
    _densities(kit, worst)
    _divergences(kit, worst)
    _states(kit, worst)


def _generators(kit, worst):
    """With a generator of one seed: twice the same, another with another seed, and the global one is not touched."""
    torch = kit.torch
    if kit.device.type not in ("cpu", "cuda"):
        return
    chances, on = kit.of([0.2, 0.3, 0.5]), {"device": kit.device}
    table = (
        ("rand", lambda g: torch.rand(6, generator=g, **on)),
        ("randn", lambda g: torch.randn(6, generator=g, **on)),
        ("randint", lambda g: torch.randint(0, 1000, (6,), generator=g, **on)),
        ("randperm", lambda g: torch.randperm(30, generator=g, **on)),
        ("normal", lambda g: torch.normal(0.0, 1.0, (6,), generator=g, **on)),
        ("normal of tensors", lambda g: torch.normal(torch.zeros(6, **on), torch.ones(6, **on), generator=g)),
        ("bernoulli", lambda g: torch.bernoulli(torch.full((60,), 0.5, **on), generator=g)),
        ("multinomial", lambda g: torch.multinomial(chances, 40, True, generator=g)),
        ("poisson", lambda g: torch.poisson(torch.full((20,), 40.0, **on), generator=g)),
        ("uniform_", lambda g: torch.zeros(6, **on).uniform_(generator=g)),
        ("normal_", lambda g: torch.zeros(6, **on).normal_(generator=g)),
        ("exponential_", lambda g: torch.zeros(6, **on).exponential_(generator=g)),
        ("bernoulli_", lambda g: torch.zeros(60, **on).bernoulli_(0.5, generator=g)),
        ("random_", lambda g: torch.zeros(6, **on).random_(1000, generator=g)),
        ("geometric_", lambda g: torch.zeros(20, **on).geometric_(0.05, generator=g)),
        ("cauchy_", lambda g: torch.zeros(6, **on).cauchy_(generator=g)),
        ("log_normal_", lambda g: torch.zeros(6, **on).log_normal_(generator=g)),
    )
    for name, draw in table:
        before = torch.get_rng_state()
        one, two, other = (plain(draw(torch.Generator(kit.device).manual_seed(seed))) for seed in (8, 8, 9))
        worst.equal(one == two != other, "%s with a generator" % name)
        worst.equal(torch.equal(torch.get_rng_state(), before), "%s with a generator leaves the global one alone" % name)
        twice = torch.Generator(kit.device).manual_seed(8)
        worst.equal(plain(draw(twice)) == one != plain(draw(twice)), "%s moves its generator on" % name)


def _limits(kit, worst):
    torch, count = kit.torch, 20000
    on = {"device": kit.device}
    flat = lambda t: t.to(torch.float32).cpu().double().mean().item()
    for name, draws, low, high, mean, spread in (
        ("randint from -3 to 2", torch.randint(-3, 3, (count,), **on), -3, 2, -0.5, math.sqrt(35 / 12.0)),
        ("random_ from 5 to 6", torch.zeros(count, **on).random_(5, 7), 5, 6, 5.5, 0.5),
        ("uniform_ from 2 to 4", torch.zeros(count, **on).uniform_(2, 4), 2, 4, 3.0, 2 / math.sqrt(12)),
        ("bernoulli_ of 0.1", torch.zeros(count, **on).bernoulli_(0.1), 0, 1, 0.1, 0.3),
        ("bernoulli_ of chances", torch.zeros(count, **on).bernoulli_(torch.full((count,), 0.8, **on)), 0, 1, 0.8, 0.4),
        ("geometric_ of 0.25", torch.zeros(count, **on).geometric_(0.25), 1, float("inf"), 4.0, math.sqrt(12)),
        ("normal of mean 5", torch.normal(torch.full((count,), 5.0, **on), 2.0), -float("inf"), float("inf"), 5.0, 2.0),
        ("normal of spread 3", torch.normal(1.0, torch.full((count,), 3.0, **on)), -float("inf"), float("inf"), 1.0, 3.0),
        ("normal_(2, 0.5)", torch.zeros(count, **on).normal_(2, 0.5), -float("inf"), float("inf"), 2.0, 0.5),
        ("exponential_ of rate 4", torch.zeros(count, **on).exponential_(4.0), 0, float("inf"), 0.25, 0.25),
        ("log_normal_(0, 0.5)", torch.zeros(count, **on).log_normal_(0, 0.5), 0, float("inf"), math.exp(0.125), math.exp(0.125) * math.sqrt(math.exp(0.25) - 1)),
        ("rand_like", torch.rand_like(torch.zeros(count, **on)), 0, 1, 0.5, 1 / math.sqrt(12)),
        ("randn_like", torch.randn_like(torch.zeros(count, **on)), -float("inf"), float("inf"), 0.0, 1.0),
        ("randint_like", torch.randint_like(torch.zeros(count, **on), 2, 4), 2, 3, 2.5, 0.5),
    ):
        worst.equal(low <= float(draws.min()) and float(draws.max()) <= high, "limits of %s" % name)
        worst.add(abs(flat(draws) - mean) / (spread / math.sqrt(count)), 6, "sigma", "mean of %s" % name)
    up = torch.randint(6, (5000,), **on)
    worst.equal(int(up.min()) == 0 and int(up.max()) == 5, "randint of one limit")
    worst.equal(torch.randint(6, (2,), dtype=torch.int32, **on).dtype == torch.int32, "randint in another dtype")
    if kit.has_float64:
        for name, fine in (("rand", torch.rand(64, dtype=torch.float64, **on)), ("randn", torch.randn(64, dtype=torch.float64, **on)), ("uniform_", torch.zeros(64, dtype=torch.float64, **on).uniform_())):
            worst.equal(int((fine != fine.float().double()).sum()) > 50, "%s in float64 has more digits than float32" % name)
    rows = torch.multinomial(kit.of([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), 500, True)
    worst.equal(not bool(rows[0].any()) and bool(rows[1].all()), "multinomial of rows")
    worst.add(abs(float(rows[2].float().mean()) - 0.5) / (0.5 / math.sqrt(500)), 6, "sigma", "multinomial of rows, even weights")
    first = [plain(torch.multinomial(kit.of([1.0, 9.0]), 2))[0] for _ in range(400)]
    worst.add(abs(first.count(1) / 400.0 - 0.9) / (0.3 / 20), 6, "sigma", "multinomial without replacement: the heavier first")


def _densities(kit, worst):
    d, torch = kit.torch.distributions, kit.torch
    of = lambda *values: kit.of(list(values))
    log, gamma, two_pi = math.log, math.lgamma, 2 * math.pi
    beta = lambda a, b: gamma(a) + gamma(b) - gamma(a + b)
    for label, family, x, want in (
        ("Normal", d.Normal(of(1.0), of(2.0)), 2.0, -0.125 - log(2) - 0.5 * log(two_pi)),
        ("LogNormal", d.LogNormal(of(0.5), of(1.5)), 2.0, -((log(2) - 0.5) ** 2) / 4.5 - log(1.5) - 0.5 * log(two_pi) - log(2)),
        ("Laplace", d.Laplace(of(1.0), of(2.0)), 4.0, -1.5 - log(4)),
        ("Exponential", d.Exponential(of(2.0)), 1.5, log(2) - 3.0),
        ("Gamma", d.Gamma(of(3.0), of(2.0)), 1.5, 3 * log(2) + 2 * log(1.5) - 3.0 - gamma(3)),
        ("Beta", d.Beta(of(2.0), of(3.0)), 0.25, log(0.25) + 2 * log(0.75) - beta(2, 3)),
        ("Chi2", d.Chi2(of(4.0)), 3.0, log(3) - 1.5 - 2 * log(2) - gamma(2)),
        ("StudentT", d.StudentT(of(5.0), of(1.0), of(2.0)), 2.0, gamma(3) - gamma(2.5) - 0.5 * log(5 * math.pi) - log(2) - 3 * log(1 + 0.05)),
        ("Cauchy", d.Cauchy(of(1.0), of(2.0)), 3.0, -log(math.pi * 2 * 2)),
        ("Gumbel", d.Gumbel(of(1.0), of(2.0)), 2.0, -0.5 - math.exp(-0.5) - log(2)),
        ("Uniform", d.Uniform(of(1.0), of(5.0)), 2.0, -log(4)),
        ("Poisson", d.Poisson(of(3.0)), 2.0, 2 * log(3) - 3 - log(2)),
        ("Geometric", d.Geometric(of(0.25)), 3.0, 3 * log(0.75) + log(0.25)),
        ("Binomial", d.Binomial(5, of(0.25)), 2.0, log(10) + 2 * log(0.25) + 3 * log(0.75)),
        ("NegativeBinomial", d.NegativeBinomial(of(3.0), of(0.25)), 2.0, log(6) + 2 * log(0.25) + 3 * log(0.75)),
        ("Bernoulli of logits", d.Bernoulli(logits=of(1.0)), 1.0, -math.log1p(math.exp(-1))),
        ("HalfNormal", d.HalfNormal(of(2.0)), 1.0, 0.5 * log(2 / math.pi) - log(2) - 0.125),
        ("Weibull", d.Weibull(of(2.0), of(3.0)), 1.0, log(1.5) + 2 * log(0.5) - 0.125),
        ("Pareto", d.Pareto(of(2.0), of(3.0)), 4.0, log(3) + 3 * log(2) - 4 * log(4)),
        ("Dirichlet", d.Dirichlet(of(1.0, 2.0, 3.0)), [0.2, 0.3, 0.5], gamma(6) - gamma(2) - gamma(3) + log(0.3) + 2 * log(0.5)),
        ("Multinomial", d.Multinomial(4, of(0.2, 0.3, 0.5)), [1.0, 1.0, 2.0], log(12) + log(0.2) + log(0.3) + 2 * log(0.5)),
        ("Categorical", d.Categorical(probs=of(1.0, 3.0, 4.0)), 1.0, log(0.375)),
        ("OneHotCategorical", d.OneHotCategorical(probs=of(0.25, 0.75)), [0.0, 1.0], log(0.75)),
        ("Independent", d.Independent(d.Normal(of(0.0, 1.0), of(1.0, 2.0)), 1), [1.0, 1.0], -0.5 - log(2) - log(two_pi)),
        ("MultivariateNormal", d.MultivariateNormal(of(0.0, 1.0), kit.of([[2.0, 1.0], [1.0, 2.0]])), [1.0, 1.0], -1 / 3.0 - 0.5 * log(3) - log(two_pi)),
        ("MultivariateNormal by precision", d.MultivariateNormal(of(0.0, 1.0), precision_matrix=kit.of([[2.0, 1.0], [1.0, 2.0]])), [1.0, 1.0], -1.0 + 0.5 * log(3) - log(two_pi)),
        ("LowRankMultivariateNormal", d.LowRankMultivariateNormal(of(0.0, 0.0), kit.of([[1.0], [1.0]]), of(1.0, 1.0)), [1.0, 0.0], -1 / 3.0 - 0.5 * log(3) - log(two_pi)),
        ("TransformedDistribution", d.TransformedDistribution(d.Normal(of(0.0), of(1.0)), [d.AffineTransform(1.0, 2.0)]), 2.0, -0.125 - log(2) - 0.5 * log(two_pi)),
        ("MixtureSameFamily", d.MixtureSameFamily(d.Categorical(probs=of(0.25, 0.75)), d.Normal(of(0.0, 1.0), of(1.0, 1.0))), 0.0, log(0.25 + 0.75 * math.exp(-0.5)) - 0.5 * log(two_pi)),
    ):
        got = family.log_prob(kit.of(x if isinstance(x, list) else [x]))
        kit.compare(worst, got, [want], 128, "log_prob of %s" % label, None, 1.0)
    for label, family, mean, variance in (
        ("Gamma", d.Gamma(of(3.0), of(2.0)), 1.5, 0.75), ("Beta", d.Beta(of(2.0), of(3.0)), 0.4, 0.04), ("Laplace", d.Laplace(of(1.0), of(2.0)), 1.0, 8.0),
        ("Binomial", d.Binomial(5, of(0.25)), 1.25, 0.9375), ("Geometric", d.Geometric(of(0.25)), 3.0, 12.0), ("StudentT", d.StudentT(of(5.0), of(1.0), of(3.0)), 1.0, 15.0),
        ("LogNormal", d.LogNormal(of(0.0), of(1.0)), math.exp(0.5), (math.e - 1) * math.e), ("Weibull", d.Weibull(of(2.0), of(1.0)), 2.0, 4.0),
    ):
        kit.compare(worst, [plain(family.mean), plain(family.variance)], [[mean], [variance]], 128, "mean and variance of %s" % label, torch.float32)
        draws = family.sample((4000,)).cpu().double()
        worst.add(abs(float(draws.mean()) - mean) / math.sqrt(variance / 4000), 7, "sigma", "draws of %s" % label)


def _divergences(kit, worst):
    d, of = kit.torch.distributions, lambda *values: kit.of(list(values))
    log = math.log
    for label, p, q, want in (
        ("Normal", d.Normal(of(1.0), of(2.0)), d.Normal(of(0.0), of(3.0)), log(1.5) + 5 / 18.0 - 0.5),
        ("Categorical", d.Categorical(probs=of(0.25, 0.75)), d.Categorical(probs=of(0.5, 0.5)), 0.25 * log(0.5) + 0.75 * log(1.5)),
        ("Bernoulli", d.Bernoulli(of(0.25)), d.Bernoulli(of(0.5)), 0.25 * log(0.5) + 0.75 * log(1.5)),
        ("Exponential", d.Exponential(of(2.0)), d.Exponential(of(3.0)), log(2 / 3.0) + 0.5),
        ("Laplace", d.Laplace(of(0.0), of(1.0)), d.Laplace(of(0.0), of(2.0)), log(2) - 0.5),
        ("Uniform", d.Uniform(of(1.0), of(2.0)), d.Uniform(of(0.0), of(4.0)), log(4)),
        ("Poisson", d.Poisson(of(2.0)), d.Poisson(of(3.0)), 2 * log(2 / 3.0) + 1),
        ("MultivariateNormal", d.MultivariateNormal(of(0.0, 0.0), kit.of([[1.0, 0.0], [0.0, 1.0]])), d.MultivariateNormal(of(1.0, 0.0), kit.of([[2.0, 0.0], [0.0, 2.0]])), 0.5 * (1 + 0.5 - 2 + log(4))),
    ):
        kit.compare(worst, d.kl_divergence(p, q), [want], 128, "kl_divergence of %s" % label, None, 1.0)
    for label, family, want in (
        ("Normal", d.Normal(of(1.0), of(2.0)), 0.5 + 0.5 * log(2 * math.pi) + log(2)), ("Laplace", d.Laplace(of(0.0), of(2.0)), 1 + log(4)),
        ("Uniform", d.Uniform(of(0.0), of(4.0)), log(4)), ("Exponential", d.Exponential(of(2.0)), 1 - log(2)), ("Bernoulli", d.Bernoulli(of(0.25)), -0.25 * log(0.25) - 0.75 * log(0.75)),
        ("Geometric", d.Geometric(of(0.5)), 2 * log(2)), ("Categorical", d.Categorical(logits=of(0.0, 0.0)), log(2)),
    ):
        kit.compare(worst, family.entropy(), [want], 64, "entropy of %s" % label, None, 1.0)
    kit.compare(worst, d.Normal(of(0.0), of(1.0)).cdf(of(1.0)), [0.5 * math.erfc(-1 / math.sqrt(2))], 16, "cdf of Normal")
    kit.compare(worst, d.Normal(of(1.0), of(2.0)).icdf(of(0.5)), [1.0], 16, "icdf of Normal")


def _states(kit, worst):
    """States of generators, cut-out states, and draws of every size: twelve numbers at once or in parts are others, but always the same."""
    torch = kit.torch
    g = torch.Generator().manual_seed(31)
    torch.rand(3, generator=g)
    kept = g.get_state()
    want = [plain(torch.randn(n, generator=g)) for n in (1, 16, 17, 5)]
    h = torch.Generator()
    h.set_state(kept)
    worst.equal([plain(torch.randn(n, generator=h)) for n in (1, 16, 17, 5)] == want, "a state in another generator")
    worst.equal(h.initial_seed() == 31 and torch.Generator().manual_seed(2).initial_seed() == 2, "initial_seed of a generator")
    torch.manual_seed(77)
    state = torch.get_rng_state()
    first = plain(torch.rand(4)) + plain(torch.randperm(6)) + plain(torch.bernoulli(torch.full((5,), 0.5)))
    torch.set_rng_state(state)
    worst.equal(plain(torch.rand(4)) + plain(torch.randperm(6)) + plain(torch.bernoulli(torch.full((5,), 0.5))) == first, "set_rng_state")
    with torch.random.fork_rng():
        inner = plain(torch.rand(2))
    worst.equal(plain(torch.rand(2)) == inner, "fork_rng: the same numbers again")
    net = torch.nn.Dropout(0.5)
    torch.manual_seed(5)
    one = plain(net(torch.ones(40)))
    torch.manual_seed(5)
    worst.equal(plain(net(torch.ones(40))) == one, "dropout by the seed")


CHECKS = {
    "random.options": random_options,
}
