"""Checks of what optimizers can be set to, all at once, and of averaged models. References: the update formulas in Python floats."""

import math

from ptsetup_bench_main import load_file, plain

OPTIM = load_file("optim")
"""Runs an optimizer over prescribed gradients beside a reference, every implementation and step."""


def optim_options(kit, worst):
    """Settings of optimizers beside the usual ones: decay, first sums, eps, limits, maximising, several at once; sparse gradients."""
    optim = kit.torch.optim
    for label, cls, settings, reference in _table():
        if not hasattr(optim, cls) or (cls == "NAdam" and kit.version < (2, 0)):
            continue  # 1.13's own NAdam multiplies one momentum in twice
        if cls == "ASGD" and (2, 0) <= kit.version < (2, 6):
            continue  # their multi-tensor ASGD has the power at another place than their loop
        if not OPTIM.knows(getattr(optim, cls), *settings):
            worst.data.setdefault("left out", []).append(label)
            continue
        # 2^30 eps of float64 are two of float32
        bound = lambda dtype, name=label: 1 << 30 if _is_coarse(kit, name, dtype) else 1024
        OPTIM._run(kit, worst, label, OPTIM._Build(getattr(optim, cls), **settings), reference, 6, bound)
    _together(kit, worst)
    _sparse(kit, worst)
    _plain_lbfgs(kit, worst)


def _count(shape):
    count = 1
    for size in shape:
        count *= size
    return count


def _together(kit, worst):
    """Many parameters of one optimizer, from single numbers to cubes, in two groups: each is moved as if it were alone."""
    torch = kit.torch
    shapes = ((), (1,), (3,), (1, 1), (2, 3), (5, 1, 2), (33,), (130,))
    for name, settings, reference in (
        ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}, OPTIM._sgd(0.1, 0.9, 0.1)),
        ("Adam", {"lr": 0.02, "weight_decay": 0.1, "amsgrad": True}, OPTIM._adam(0.02, coupled=0.1, amsgrad=True)),
        ("AdamW", {"lr": 0.02, "weight_decay": 0.1}, OPTIM._adam(0.02, decoupled=0.1)),
        ("RMSprop", {"lr": 0.02, "alpha": 0.9, "momentum": 0.5}, OPTIM._rmsprop(0.02, 0.9, 0.5)),
        ("Adagrad", {"lr": 0.1, "weight_decay": 0.1}, _adagrad(0.1, decay=0.1)),
    ):
        for variant, options in OPTIM._variants(kit, getattr(torch.optim, name)):
            parameters = [torch.nn.Parameter(kit.to(kit.randn(200, salt=701 + n)[: _count(shape)].reshape(shape))) for n, shape in enumerate(shapes)]
            updates = [reference(kit.numbers(p)) for p in parameters]
            label = "%s of many, %s" % (name, variant)
            try:
                optimizer = getattr(torch.optim, name)([{"params": parameters[:3]}, {"params": parameters[3:]}], **dict(settings, **options))
                for number in (1, 2, 3):
                    for n, p in enumerate(parameters):
                        p.grad = kit.to(kit.randn(200, salt=711 + n + 20 * number)[: p.numel()].reshape(p.shape))
                    given = [kit.numbers(p.grad) for p in parameters]
                    optimizer.step()
                    for p, update, gradient in zip(parameters, updates, given):
                        kit.compare(worst, p, update(number, gradient), 512, "%s, %s, step %d" % (label, list(p.shape), number))
            except (RuntimeError, TypeError, ValueError) as reason:
                if variant in ("as chosen", "for-loop") or (kit.device.type == "cpu" and variant == "foreach"):
                    raise
                worst.data.setdefault("left out", []).append("%s: %s" % (label, str(reason).split("\n")[0][:80]))


def _is_coarse(kit, label, dtype):
    """NAdam multiplies its momenta in float32, ASGD and old Adagrads keep their rates in it."""
    return dtype == kit.torch.float64 and (label.startswith(("NAdam", "ASGD")) or kit.version < (2, 0))


def _table():
    """(label, class, settings, reference)."""
    sgd, adam = OPTIM._sgd, OPTIM._adam
    return (
        ("SGD, all at once", "SGD", {"lr": 0.1, "momentum": 0.8, "dampening": 0.25, "weight_decay": 0.05, "maximize": True}, _sgd_all(0.1, 0.8, 0.25, 0.05)),
        ("SGD, Nesterov and decay", "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}, sgd(0.1, 0.9, 0.1, nesterov=True)),
        ("Adam, AMSGrad and decay", "Adam", {"lr": 0.02, "betas": (0.5, 0.6), "eps": 0.01, "amsgrad": True, "weight_decay": 0.1}, adam(0.02, (0.5, 0.6), 0.01, coupled=0.1, amsgrad=True)),
        ("AdamW, eps and betas", "AdamW", {"lr": 0.02, "betas": (0.5, 0.6), "eps": 0.01, "weight_decay": 0.3}, adam(0.02, (0.5, 0.6), 0.01, decoupled=0.3)),
        ("AdamW, maximize", "AdamW", {"lr": 0.02, "weight_decay": 0.3, "maximize": True}, adam(0.02, decoupled=0.3, sign=-1)),
        ("Adam, no memory", "Adam", {"lr": 0.02, "betas": (0.0, 0.5)}, adam(0.02, (0.0, 0.5))),
        ("Adagrad, first sum, eps", "Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 0.1}, _adagrad(0.1, 0.5, 0.1)),
        ("Adagrad, decays", "Adagrad", {"lr": 0.1, "lr_decay": 0.2, "weight_decay": 0.1}, _adagrad(0.1, decay=0.1, slower=0.2)),
        ("Adagrad, maximize", "Adagrad", {"lr": 0.1, "maximize": True}, _adagrad(0.1, sign=-1)),
        ("RMSprop, eps and decay", "RMSprop", {"lr": 0.02, "alpha": 0.8, "eps": 0.05, "weight_decay": 0.1, "momentum": 0.5}, _rmsprop(0.02, 0.8, 0.05, 0.1, 0.5)),
        ("RMSprop, maximize", "RMSprop", {"lr": 0.02, "alpha": 0.8, "maximize": True}, _rmsprop(0.02, 0.8, sign=-1)),
        ("RMSprop, centred, eps", "RMSprop", {"lr": 0.02, "alpha": 0.5, "eps": 0.5, "centered": True}, _rmsprop(0.02, 0.5, 0.5, is_centred=True)),
        ("Adadelta, eps and decay", "Adadelta", {"lr": 0.5, "rho": 0.7, "eps": 0.01, "weight_decay": 0.1}, _adadelta(0.5, 0.7, 0.01, 0.1)),
        ("Adadelta, maximize", "Adadelta", {"lr": 0.5, "rho": 0.7, "maximize": True}, _adadelta(0.5, 0.7, sign=-1)),
        ("Adamax, betas and decay", "Adamax", {"lr": 0.02, "betas": (0.6, 0.7), "eps": 0.01, "weight_decay": 0.1}, _adamax(0.02, (0.6, 0.7), 0.01, 0.1)),
        ("Adamax, maximize", "Adamax", {"lr": 0.02, "maximize": True}, _adamax(0.02, sign=-1)),
        ("NAdam, decay", "NAdam", {"lr": 0.02, "weight_decay": 0.1, "momentum_decay": 0.1}, _nadam(0.02, 0.1, 0.1)),
        ("NAdam, decoupled decay", "NAdam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}, _nadam(0.02, 4e-3, decoupled=0.1)),
        ("RAdam, decay", "RAdam", {"lr": 0.02, "betas": (0.6, 0.7), "weight_decay": 0.1}, _radam(0.02, (0.6, 0.7), 0.1)),
        ("RAdam, decoupled decay", "RAdam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}, _radam(0.02, decoupled=0.1)),
        ("Rprop, factors and limits", "Rprop", {"lr": 0.02, "etas": (0.4, 1.5), "step_sizes": (0.01, 0.03)}, OPTIM._rprop(0.02, (0.4, 1.5), (0.01, 0.03))),
        ("ASGD, decays", "ASGD", {"lr": 0.1, "lambd": 0.2, "alpha": 0.6, "weight_decay": 0.1}, _asgd(0.1, 0.2, 0.6, 0.1)),
    )


def _rule(update):
    return OPTIM._rule(update)


def _sgd_all(lr, momentum, dampening, decay):
    def update(s, number, gradient):
        g = [-v + decay * p for v, p in zip(gradient, s["p"])]
        fresh = 1.0 if number == 1 else 1 - dampening
        s["b"] = [momentum * b + fresh * v for b, v in zip(s["b"], g)]
        s["p"] = [p - lr * b for p, b in zip(s["p"], s["b"])]

    return _rule(update)


def _adagrad(lr, first=0.0, eps=1e-10, decay=0.0, slower=0.0, sign=1):
    def update(s, number, gradient):
        g = [sign * v + decay * p for v, p in zip(gradient, s["p"])]
        s["s"] = [v + u * u + (first if number == 1 else 0.0) for v, u in zip(s["s"], g)]
        rate = lr / (1 + (number - 1) * slower)
        s["p"] = [p - rate * u / (math.sqrt(v) + eps) for p, u, v in zip(s["p"], g, s["s"])]

    return _rule(update)


def _rmsprop(lr, alpha, eps=1e-8, decay=0.0, momentum=0.0, sign=1, is_centred=False):
    def update(s, number, gradient):
        g = [sign * v + decay * p for v, p in zip(gradient, s["p"])]
        s["v"] = [alpha * v + (1 - alpha) * u * u for v, u in zip(s["v"], g)]
        s["m"] = [alpha * m + (1 - alpha) * u for m, u in zip(s["m"], g)]
        size = [v - (m * m if is_centred else 0.0) for v, m in zip(s["v"], s["m"])]
        s["b"] = [momentum * b + u / (math.sqrt(v) + eps) for b, u, v in zip(s["b"], g, size)]
        s["p"] = [p - lr * b for p, b in zip(s["p"], s["b"])]

    return _rule(update)


def _adadelta(lr, rho, eps=1e-6, decay=0.0, sign=1):
    def update(s, number, gradient):
        g = [sign * v + decay * p for v, p in zip(gradient, s["p"])]
        s["v"] = [rho * v + (1 - rho) * u * u for v, u in zip(s["v"], g)]
        move = [math.sqrt(d + eps) / math.sqrt(v + eps) * u for d, v, u in zip(s["d"], s["v"], g)]
        s["d"] = [rho * d + (1 - rho) * m * m for d, m in zip(s["d"], move)]
        s["p"] = [p - lr * m for p, m in zip(s["p"], move)]

    return _rule(update)


def _adamax(lr, betas=(0.9, 0.999), eps=1e-8, decay=0.0, sign=1):
    def update(s, number, gradient):
        g = [sign * v + decay * p for v, p in zip(gradient, s["p"])]
        s["m"] = [betas[0] * m + (1 - betas[0]) * u for m, u in zip(s["m"], g)]
        s["u"] = [max(betas[1] * w, abs(u) + eps) for w, u in zip(s["u"], g)]
        s["p"] = [p - lr / (1 - betas[0] ** number) * m / w for p, m, w in zip(s["p"], s["m"], s["u"])]

    return _rule(update)


def _nadam(lr, slower, decay=0.0, decoupled=0.0):
    known = {}

    def update(s, number, gradient):
        known["product"] = 1.0 if number == 1 else known["product"]
        s["p"] = [p * (1 - lr * decoupled) for p in s["p"]]
        g = [v + decay * p for v, p in zip(gradient, s["p"])]
        mu, after = (0.9 * (1 - 0.5 * 0.96 ** (n * slower)) for n in (number, number + 1))
        known["product"] *= mu
        s["m"] = [0.9 * m + 0.1 * u for m, u in zip(s["m"], g)]
        s["v"] = [0.999 * v + 0.001 * u * u for v, u in zip(s["v"], g)]
        one, two = (1 - mu) / (1 - known["product"]), after / (1 - known["product"] * after)
        size = [math.sqrt(v / (1 - 0.999**number)) + 1e-8 for v in s["v"]]
        s["p"] = [p - lr * (one * u + two * m) / v for p, u, m, v in zip(s["p"], g, s["m"], size)]

    return _rule(update)


def _radam(lr, betas=(0.9, 0.999), decay=0.0, decoupled=0.0):
    longest = 2 / (1 - betas[1]) - 1

    def update(s, number, gradient):
        s["p"] = [p * (1 - lr * decoupled) for p in s["p"]]
        g = [v + decay * p for v, p in zip(gradient, s["p"])]
        s["m"] = [betas[0] * m + (1 - betas[0]) * u for m, u in zip(s["m"], g)]
        s["v"] = [betas[1] * v + (1 - betas[1]) * u * u for v, u in zip(s["v"], g)]
        old = betas[1] ** number
        length = longest - 2 * number * old / (1 - old)
        step = [m / (1 - betas[0] ** number) for m in s["m"]]
        if length > 5:
            share = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            step = [m * math.sqrt(share * (1 - old)) / (math.sqrt(v) + 1e-8) for m, v in zip(step, s["v"])]
        s["p"] = [p - lr * m for p, m in zip(s["p"], step)]

    return _rule(update)


def _asgd(lr, lambd, alpha, decay):
    """Before its averaging begins (t0 = 10^6 steps): a rate that falls with the steps."""
    def update(s, number, gradient):
        rate = lr if number == 1 else lr / (1 + lambd * lr * (number - 1)) ** alpha
        s["p"] = [p * (1 - lambd * rate) - rate * (v + decay * p) for p, v in zip(s["p"], gradient)]

    return _rule(update)


def _sparse(kit, worst):
    """SparseAdam moves the rows that have a gradient, with Adam's formula, and leaves the others alone."""
    torch = kit.torch
    table = torch.nn.Parameter(kit.of([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    optimizer = torch.optim.SparseAdam([table], lr=0.1)
    update = OPTIM._adam(0.1)([1.0, 2.0, 5.0, 6.0])
    for number in (1, 2, 3):
        optimizer.zero_grad()
        rows = torch.nn.functional.embedding(kit.whole(0, 2, 2), table, sparse=True)
        (rows * kit.of([[1.0, -2.0], [number, 0.5], [1.0, 0.5]])).sum().backward()
        optimizer.step()
        want = update(number, [1.0, -2.0, number + 1.0, 1.0])
        kit.compare(worst, table, want[:2] + [3.0, 4.0] + want[2:], 64, "SparseAdam, step %d" % number)
    worst.same(table[1], [3.0, 4.0], "SparseAdam leaves rows without gradient")


def _plain_lbfgs(kit, worst):
    """Without a line search the first step of LBFGS is min(1, 1 / |g|_1) of the rate along the gradient."""
    torch = kit.torch
    w = torch.nn.Parameter(kit.of([1.0, -3.0], kit.finest))
    optimizer = torch.optim.LBFGS([w], lr=0.5, max_iter=1)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    kit.compare(worst, w, [1.0 - 0.5 * 2.0 / 8, -3.0 + 0.5 * 6.0 / 8], 16, "the first step of LBFGS", kit.finest)


def optim_averages(kit, worst):
    """Averaged models: weights, buffers, own averages; SWALR; update_bn counts from the start; rates as tensors; frozen groups."""
    torch = kit.torch
    swa = torch.optim.swa_utils
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2, momentum=0.5)).to(kit.device)
    batches = [kit.to(kit.randn(8, 2, salt=411 + n) * (1 + n) + 3 * n) for n in range(3)]
    with torch.no_grad():
        net[0].weight.copy_(torch.eye(2))
        net[0].bias.zero_()
        net[1].running_mean.fill_(50.0)
        net[1].running_var.fill_(70.0)
    swa.update_bn([(b, b) for b in batches], net)
    columns = [list(zip(*plain(b.cpu().double()))) for b in batches]
    means = [[math.fsum(c) / 8 for c in columns_] for columns_ in columns]
    spreads = [[math.fsum((v - m) ** 2 for v in c) / 7 for c, m in zip(cs, ms)] for cs, ms in zip(columns, means)]
    kit.compare(worst, net[1].running_mean, [math.fsum(m[c] for m in means) / 3 for c in (0, 1)], 64, "update_bn: the mean of all batches", None, 1.0)
    kit.compare(worst, net[1].running_var, [math.fsum(s[c] for s in spreads) / 3 for c in (0, 1)], 64, "update_bn: their variance", None, 1.0)
    worst.equal(net[1].momentum == 0.5 and net.training, "update_bn puts momentum and mode back")
    model = torch.nn.Linear(1, 1, bias=False).to(kit.device)
    own = swa.AveragedModel(model, avg_fn=lambda old, new, count: 0.75 * old + 0.25 * new)
    for value in (8.0, 4.0, 0.0):
        with torch.no_grad():
            model.weight.fill_(value)
        own.update_parameters(model)
    worst.same([own.module.weight, own.n_averaged], [[[5.25]], 3], "AveragedModel with an own average")
    worst.same(model.weight, [[0.0]], "the model itself stays")
    for shape in ("linear", "cos"):
        optimizer = torch.optim.SGD([model.weight], lr=1.0)
        rates, plan = [], swa.SWALR(optimizer, swa_lr=0.2, anneal_epochs=4, anneal_strategy=shape)
        for _ in range(6):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            plan.step()
        share = lambda t: min(t, 4) / 4.0 if shape == "linear" else (1 - math.cos(math.pi * min(t, 4) / 4)) / 2
        worst.add(kit.distance(rates, [0.2 * share(t) + 1.0 * (1 - share(t)) for t in range(6)]), 1e-9, "rel", "SWALR, %s" % shape)


CHECKS = {
    "optim.options": optim_options,
    "optim.averages": optim_averages,
}
