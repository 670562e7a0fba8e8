"""Checks of small models: what people train with torch, each to a bound or against a closed form."""
import math

from ptsetup_bench_main import plain


def _fit(torch, model, optimizer, batches, loss_of):
    """Train over batches; the last loss."""
    last = None
    for batch in batches:
        optimizer.zero_grad()
        last = loss_of(model, batch)
        last.backward()
        optimizer.step()
    return float(last.detach())


def strokes(kit, count, salt):
    """Images of 12 x 12 with one stroke in one of four directions: (images, labels)."""
    torch = kit.torch
    generator = kit.rng(salt)
    images = 0.25 * torch.randn(count, 1, 12, 12, generator=generator)
    labels = torch.randint(0, 4, (count,), generator=generator)
    offsets = torch.randint(2, 10, (count,), generator=generator)
    for n in range(count):
        kind, at = int(labels[n]), int(offsets[n])
        for t in range(12):
            y, x = ((at, t), (t, at), (t, (t + at) % 12), (t, (at - t) % 12))[kind]
            images[n, 0, y, x] += 1.5
    return images, labels


def cnn_strokes(kit, worst):
    """A small convolutional network tells four directions of a stroke apart."""
    torch, f = kit.torch, kit.torch.nn.functional
    torch.manual_seed(kit.seed + 1)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 16, 3, padding=1), torch.nn.ReLU(),
        torch.nn.AdaptiveMaxPool2d(1), torch.nn.Flatten(), torch.nn.Linear(16, 4),
    ).to(kit.device)
    images, labels = strokes(kit, 512, 301)
    held, wanted = strokes(kit, 256, 302)
    images, labels = images.to(kit.device), labels.to(kit.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    batches = [(images[i:i + 64], labels[i:i + 64]) for _ in range(20) for i in range(0, 512, 64)]
    _fit(torch, model, optimizer, batches, lambda m, b: f.cross_entropy(m(b[0]), b[1]))
    with torch.no_grad():
        mistakes = float((model(held.to(kit.device)).argmax(1).cpu() != wanted).float().mean())
    worst.add(mistakes, 0.05, "share", "held-out mistakes")


def memory_nets(kit, worst):
    """LSTM, GRU and CNN + GRU remember the first of eight symbols."""
    torch, f = kit.torch, kit.torch.nn.functional
    symbols = torch.randint(0, 4, (256, 8), generator=kit.rng(311))
    inputs, first = f.one_hot(symbols, 4).float().to(kit.device), symbols[:, 0].to(kit.device)

    class Reader(torch.nn.Module):
        def __init__(self, kind):
            super(Reader, self).__init__()
            self.front = torch.nn.Conv1d(4, 4, 3, padding=1) if kind == "CNN + GRU" else None
            self.net = (torch.nn.LSTM if kind == "LSTM" else torch.nn.GRU)(4, 24, batch_first=True)
            self.head = torch.nn.Linear(24, 4)

        def forward(self, x):
            if self.front is not None:
                x = x + self.front(x.transpose(1, 2)).transpose(1, 2)
            return self.head(self.net(x)[0][:, -1])

    for kind in ("LSTM", "GRU", "CNN + GRU"):
        torch.manual_seed(kit.seed + 2)
        model = Reader(kind).to(kit.device)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        loss = _fit(torch, model, optimizer, range(220), lambda m, _: f.cross_entropy(m(inputs), first))
        worst.add(loss, 0.2, "loss", kind)


def module_book(kit, worst):
    """nn.Module's books: parameters, buffers, children, modes, dtypes, sharing, replacing, lists and dictionaries of parts."""
    torch = kit.torch
    nn = torch.nn

    class Part(nn.Module):
        def __init__(self):
            super(Part, self).__init__()
            self.weight = nn.Parameter(torch.ones(2))
            self.register_buffer("kept", torch.zeros(1))
            self.register_buffer("passing", torch.zeros(1), persistent=False)
            self.register_parameter("none", None)
            self.plain = torch.zeros(1)

        def forward(self, x):
            return x * self.weight + self.kept

    part = Part().to(kit.device)
    worst.same([n for n, _ in part.named_parameters()], ["weight"], "named_parameters")
    worst.same([n for n, _ in part.named_buffers()], ["kept", "passing"], "named_buffers")
    worst.same(sorted(part.state_dict()), ["kept", "weight"], "a buffer that is not persistent stays out of the state")
    worst.equal(part(kit.of([1.0, 2.0])).tolist() == [1.0, 2.0], "calling a module calls forward")
    whole = nn.Sequential(part, nn.Dropout(0.5), nn.BatchNorm1d(2)).to(kit.device)
    worst.same([n for n, _ in whole.named_children()], ["0", "1", "2"], "named_children")
    worst.equal(len(list(whole.modules())) == 4 and whole[-1] is whole[2] and len(whole[:2]) == 2, "modules, indexing of Sequential")
    whole.eval()
    worst.equal(not any(m.training for m in whole.modules()), "eval() reaches all parts")
    whole.train()
    worst.equal(all(m.training for m in whole.modules()), "train() reaches all parts")
    whole.requires_grad_(False)
    worst.equal(not any(p.requires_grad for p in whole.parameters()), "requires_grad_(False)")
    half = Part().to(kit.device).to(torch.bfloat16)
    worst.equal(half.weight.dtype == half.kept.dtype == torch.bfloat16 and half.plain.dtype == torch.float32, "to() turns weights and buffers")
    seen = []
    whole.apply(lambda m: seen.append(type(m).__name__))
    worst.same(seen, ["Part", "Dropout", "BatchNorm1d", "Sequential"], "apply() goes from the leaves up")
    lists = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    lists.append(nn.Linear(2, 1))
    worst.equal(len(list(lists.parameters())) == 6 and len(lists) == 3, "ModuleList")
    named = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.ReLU()})
    worst.equal(list(named) == ["a", "b"] and sorted(named.state_dict()) == ["a.bias", "a.weight"], "ModuleDict")
    worst.equal(len(list(nn.ParameterList([nn.Parameter(torch.zeros(1))] * 2))) == 2, "ParameterList")
    _sharing(kit, worst)


def _sharing(kit, worst):
    torch = kit.torch
    nn = torch.nn
    one = nn.Linear(3, 3, bias=False).to(kit.device)
    tied = nn.Sequential(one, one)
    worst.equal(len(list(tied.parameters())) == 1, "a shared weight counts once")
    x = kit.of([[1.0, 2.0, 3.0]])
    with torch.no_grad():
        one.weight.copy_(torch.eye(3) * 2)
    tied(x).sum().backward()
    # d/dW of sum(W W x) at W = 2: 2 x_j from the outer, and 2 x_j from the inner use
    worst.same(one.weight.grad, [[4.0, 8.0, 12.0]] * 3, "gradients of both uses of a shared weight add")
    one.weight = nn.Parameter(torch.zeros(3, 3, device=kit.device))
    worst.equal(plain(tied(x)) == [[0.0] * 3] and len(list(tied.parameters())) == 1, "a replaced parameter")
    with_buffer = nn.Module()
    with_buffer.register_buffer("scale", torch.ones(1))
    with_buffer.scale = torch.full((1,), 5.0)
    worst.equal(plain(with_buffer.state_dict()["scale"]) == [5.0], "a replaced buffer")
    worst.refuses(lambda: setattr(one, "weight", 3.0), TypeError, "a number in place of a parameter")
    held = nn.Linear(2, 1)
    held.extra = nn.Linear(1, 1)
    worst.same(sorted(held.state_dict()), ["bias", "extra.bias", "extra.weight", "weight"], "a part that is added later")
    del held.extra
    worst.same(sorted(held.state_dict()), ["bias", "weight"], "a part that is removed")


def module_parts(kit, worst):
    """nn.Module: Sequential, ModuleList, parameters and buffers, train and eval, hooks, a multi-task head, a frozen backbone."""
    torch, f = kit.torch, kit.torch.nn.functional
    torch.manual_seed(kit.seed)

    class Tasks(torch.nn.Module):
        def __init__(self):
            super(Tasks, self).__init__()
            self.backbone = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh())
            self.heads = torch.nn.ModuleList([torch.nn.Linear(8, 1), torch.nn.Linear(8, 1)])
            self.register_buffer("scale", torch.tensor(2.0))

        def forward(self, x):
            h = self.backbone(x) * self.scale
            return [head(h) for head in self.heads]

    model = Tasks().to(kit.device)
    worst.equal(sum(p.numel() for p in model.parameters()) == 6 * 8 + 8 + 2 * 9, "parameters of all parts")
    worst.equal(sorted(model.state_dict()) == ["backbone.0.bias", "backbone.0.weight", "heads.0.bias", "heads.0.weight", "heads.1.bias", "heads.1.weight", "scale"], "state of all parts")
    model.eval()
    worst.equal(not any(m.training for m in model.modules()), "eval() reaches all parts")
    model.train()
    x = kit.to(kit.randn(5, 6, salt=321))
    weight = model.backbone[0].weight
    gradients = []
    for a, b in ((1.0, 0.0), (0.0, 1.0), (1.0, 0.3)):
        first, second = (part.pow(2).mean() for part in model(x))
        gradients.append(torch.autograd.grad(a * first + b * second, weight)[0])
    worst.add(kit.distance(gradients[2], gradients[0] + 0.3 * gradients[1]), 1e-5, "rel", "gradient of a weighted sum of tasks")
    for parameter in model.backbone.parameters():
        parameter.requires_grad_(False)
    before = weight.detach().clone()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.1)
    start = float(f.mse_loss(model(x)[0], torch.ones(5, 1, device=kit.device)).detach())
    loss = _fit(torch, model, optimizer, range(60), lambda m, _: f.mse_loss(m(x)[0], torch.ones(5, 1, device=kit.device)))
    worst.equal(bool((weight == before).all()) and weight.grad is None, "a frozen backbone stays as it was, bit by bit")
    worst.add(loss, 0.2 * start, "loss", "the new head learns")


def fewshot_prototypes(kit, worst):
    """Few-shot: classes by the nearest prototype, NLL on one-hot targets equal to cross-entropy."""
    torch, f = kit.torch, kit.torch.nn.functional
    centres = torch.eye(5, 16) * 4
    shots = centres.repeat_interleave(3, 0) + 0.5 * torch.randn(15, 16, generator=kit.rng(331))
    query = centres.repeat_interleave(20, 0) + 0.5 * torch.randn(100, 16, generator=kit.rng(332))
    labels = torch.arange(5).repeat_interleave(20)
    prototypes = shots.reshape(5, 3, 16).mean(1).to(kit.device)
    scores = -(query.to(kit.device)[:, None] - prototypes[None]).pow(2).sum(2)
    worst.equal(bool((scores.argmax(1).cpu() == labels).all()), "every query finds its class")
    log = f.log_softmax(scores, 1)
    by_hand = -(f.one_hot(labels.to(kit.device), 5) * log).sum(1).mean()
    worst.add(abs(float(by_hand - f.nll_loss(log, labels.to(kit.device)))) / max(abs(float(by_hand)), 1e-3), 1e-5, "rel", "one-hot NLL")


def reinforce_bandit(kit, worst):
    """REINFORCE: the estimated gradient of a three-armed bandit against the exact one; the best arm wins."""
    torch = kit.torch
    rewards = torch.tensor([1.0, 2.0, 4.0], device=kit.device)
    logits = torch.zeros(3, device=kit.device, requires_grad=True)
    policy = torch.distributions.Categorical(logits=logits)
    count = 20000
    actions = policy.sample((count,))
    (policy.log_prob(actions) * rewards[actions]).mean().backward()
    chance, mean = 1 / 3.0, 7 / 3.0
    exact = [chance * (r - mean) for r in (1.0, 2.0, 4.0)]
    for got, want in zip(logits.grad.cpu().tolist(), exact):
        worst.add(abs(got - want) / (2.0 / math.sqrt(count)), 6, "sigma", "policy gradient")
    logits = torch.zeros(3, device=kit.device, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(150):
        policy = torch.distributions.Categorical(logits=logits)
        actions = policy.sample((64,))
        optimizer.zero_grad()
        (-(policy.log_prob(actions) * (rewards[actions] - rewards[actions].mean())).mean()).backward()
        optimizer.step()
    worst.add(1 - float(torch.softmax(logits, 0)[2].detach()), 0.1, "share", "chance of another arm than the best")


def selfsup_contrast(kit, worst):
    """Self-supervision: InfoNCE on orthonormal codes in closed form; masked prediction of a linear law."""
    torch, f = kit.torch, kit.torch.nn.functional
    codes = torch.eye(8, device=kit.device)
    loss = f.cross_entropy(codes @ codes.t() / 0.5, torch.arange(8, device=kit.device))
    worst.add(abs(float(loss) - math.log(1 + 7 * math.exp(-2.0))), 1e-6, "abs", "InfoNCE")
    worst.add(abs(float(f.cosine_similarity(codes[:1], codes[:1] + codes[1:2])) - 1 / math.sqrt(2)), 1e-6, "abs", "cosine_similarity")
    hidden = kit.to(torch.randn(256, 3, generator=kit.rng(341)))
    full = torch.cat([hidden, hidden.sum(1, keepdim=True)], 1)
    masked = full.clone()
    masked[:, 3] = 0
    torch.manual_seed(kit.seed)
    model = torch.nn.Linear(4, 1).to(kit.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    loss = _fit(torch, model, optimizer, range(120), lambda m, _: f.mse_loss(m(masked), full[:, 3:]))
    worst.add(loss, 0.05, "loss", "the masked column is predicted")


def autoencoder_rank(kit, worst):
    """An autoencoder and a convolutional one bring the residual of data of rank two below a bound."""
    torch, f = kit.torch, kit.torch.nn.functional
    data = kit.to(kit.randn(256, 2, salt=351) @ kit.randn(2, 12, salt=352))
    torch.manual_seed(kit.seed)
    model = torch.nn.Sequential(torch.nn.Linear(12, 2), torch.nn.Linear(2, 12)).to(kit.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    loss = _fit(torch, model, optimizer, range(400), lambda m, _: f.mse_loss(m(data), data))
    worst.add(loss / float(data.var()), 0.05, "share", "residual of the autoencoder")
    images = strokes(kit, 128, 353)[0].to(kit.device)
    conv = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, stride=2, padding=1), torch.nn.ReLU(), torch.nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1), torch.nn.ReLU(),
        torch.nn.Conv2d(8, 1, 3, padding=1),
    ).to(kit.device)
    optimizer = torch.optim.Adam(conv.parameters(), lr=0.01)
    loss = _fit(torch, conv, optimizer, range(120), lambda m, _: f.mse_loss(m(images), images))
    worst.add(loss / float(images.var()), 0.35, "share", "residual of the convolutional autoencoder")


def vae_divergence(kit, worst):
    """VAE: the KL term in closed form against torch.distributions, the reparameterised gradient, the loss falls."""
    torch, f = kit.torch, kit.torch.nn.functional
    mean, log_var = kit.to(kit.randn(4, 3, salt=361)), kit.to(kit.randn(4, 3, salt=362))
    closed = -0.5 * (1 + log_var - mean.pow(2) - log_var.exp()).sum(1)
    torch_says = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (0.5 * log_var).exp()), torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    ).sum(1)
    worst.add(kit.distance(closed, torch_says), 1e-5, "rel", "KL of two Gaussians")
    # the mean of (m + s e)^2 is m^2 + s^2
    m, s, count = kit.leaf(kit.of([0.5])), kit.leaf(kit.of([1.3])), 200000
    torch.distributions.Normal(m, s).rsample((count,)).pow(2).mean().backward()
    worst.add(abs(float(m.grad) - 1.0) / (2.6 / math.sqrt(count)), 5, "sigma", "reparameterised gradient of the mean")
    worst.add(abs(float(s.grad) - 2.6) / (2 * math.sqrt(0.25 + 2 * 1.69) / math.sqrt(count)), 5, "sigma", "reparameterised gradient of the scale")
    torch.manual_seed(kit.seed)
    encoder, decoder = torch.nn.Linear(6, 4).to(kit.device), torch.nn.Linear(2, 6).to(kit.device)
    data = kit.to(kit.randn(128, 2, salt=363) @ kit.randn(2, 6, salt=364))
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.02)
    losses = []
    for _ in range(150):
        mu, lv = encoder(data).chunk(2, 1)
        z = mu + torch.randn_like(mu) * (0.5 * lv).exp()
        loss = f.mse_loss(decoder(z), data, reduction="sum") / 128 - 0.5 * (1 + lv - mu.pow(2) - lv.exp()).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    worst.add(losses[-1] / losses[0], 0.6, "share", "the loss falls")


def gan_step(kit, worst):
    """GAN: 2 ln 2 for a blind discriminator; its step gives the generator no gradient, and the reverse holds its weights."""
    torch, f = kit.torch, kit.torch.nn.functional
    torch.manual_seed(kit.seed)
    generator, judge = torch.nn.Linear(3, 4).to(kit.device), torch.nn.Linear(4, 1).to(kit.device)
    torch.nn.init.zeros_(judge.weight)
    torch.nn.init.zeros_(judge.bias)
    real, noise = kit.to(kit.randn(16, 4, salt=371)), kit.to(kit.randn(16, 3, salt=372))
    one, zero = torch.ones(16, 1, device=kit.device), torch.zeros(16, 1, device=kit.device)
    loss = f.binary_cross_entropy_with_logits(judge(real), one) + f.binary_cross_entropy_with_logits(judge(generator(noise).detach()), zero)
    worst.add(abs(float(loss.detach()) - 2 * math.log(2)), 1e-6, "abs", "loss of a blind discriminator")
    loss.backward()
    worst.equal(all(p.grad is None for p in generator.parameters()), "the discriminator's step leaves the generator alone")
    before = judge.weight.detach().clone()
    torch.nn.init.normal_(judge.weight)
    before = judge.weight.detach().clone()
    optimizer = torch.optim.SGD(generator.parameters(), lr=0.1)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = f.binary_cross_entropy_with_logits(judge(generator(noise)), one)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    worst.equal(bool((judge.weight == before).all()), "the generator's steps leave the discriminator alone")
    worst.add(losses[-1] / losses[0], 0.999, "share", "the generator's loss falls")


CHECKS = {
    "model.cnn": cnn_strokes,
    "model.memory": memory_nets,
    "model.module": module_book,
    "model.parts": module_parts,
    "model.fewshot": fewshot_prototypes,
    "model.reinforce": reinforce_bandit,
    "model.selfsup": selfsup_contrast,
    "model.autoencoder": autoencoder_rank,
    "model.vae": vae_divergence,
    "model.gan": gan_step,
}
