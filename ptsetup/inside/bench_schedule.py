"""Checks of learning-rate schedulers, regularisation, accumulated gradients and averaged models. References: closed forms."""

import math

from ptsetup_bench_main import plain


def _optimizer(torch, rates=(0.1,)):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9)


def _half(t, length):
    return (1 + math.cos(math.pi * t / length)) / 2


def _warm(t):
    """Linear rise over four epochs, then exponential decay by 0.5."""
    return 0.1 * (0.25 + 0.75 * t / 4) if t < 4 else 0.1 * 0.5 ** (t - 4)


def _one_cycle(t, total=11, top=1.0, rise=0.3):
    """OneCycleLR with its defaults: cosine up from top/25, cosine down to top/25/10^4."""
    low, end = top / 25, top / 25 / 1e4
    turn = rise * total - 1
    share = t / turn if t <= turn else (t - turn) / (total - 1 - turn)
    first, last = (low, top) if t <= turn else (top, end)
    return last + (first - last) * _half(share, 1)


def _cyclic(t, low=0.1, top=0.5, up=4):
    place = t % (2 * up)
    return low + (top - low) * (place / up if place <= up else (2 * up - place) / up)


def _restarts(t):
    """CosineAnnealingWarmRestarts with T_0 = 3, T_mult = 2: restarts at 3 and 9."""
    for start, length in ((0, 3), (3, 6), (9, 12)):
        if t < start + length:
            return 0.1 * _half(t - start, length)
    return None


def _table(schedules):
    return (
        ("StepLR", lambda o: schedules.StepLR(o, 3, 0.5), lambda t: 0.1 * 0.5 ** (t // 3)),
        ("MultiStepLR", lambda o: schedules.MultiStepLR(o, [2, 5], 0.1), lambda t: 0.1 * 0.1 ** sum(t >= m for m in (2, 5))),
        ("ExponentialLR", lambda o: schedules.ExponentialLR(o, 0.9), lambda t: 0.1 * 0.9**t),
        ("CosineAnnealingLR", lambda o: schedules.CosineAnnealingLR(o, 10, 0.01), lambda t: 0.01 + 0.09 * _half(t, 10)),
        ("LinearLR", lambda o: schedules.LinearLR(o, 0.25, 1.0, 4), lambda t: 0.1 * (0.25 + 0.75 * min(t, 4) / 4)),
        ("LambdaLR", lambda o: schedules.LambdaLR(o, lambda t: 1.0 / (t + 1)), lambda t: 0.1 / (t + 1)),
        ("MultiplicativeLR", lambda o: schedules.MultiplicativeLR(o, lambda t: 0.8), lambda t: 0.1 * 0.8**t),
        ("PolynomialLR", lambda o: schedules.PolynomialLR(o, 8, 2.0), lambda t: 0.1 * (1 - min(t, 8) / 8.0) ** 2),
        ("ConstantLR", lambda o: schedules.ConstantLR(o, 0.5, 3), lambda t: 0.1 * (0.5 if t < 3 else 1.0)),
        ("OneCycleLR", lambda o: schedules.OneCycleLR(o, 1.0, total_steps=11), _one_cycle),
        ("CyclicLR", lambda o: schedules.CyclicLR(o, 0.1, 0.5, step_size_up=4, cycle_momentum=False), _cyclic),
        ("CosineAnnealingWarmRestarts", lambda o: schedules.CosineAnnealingWarmRestarts(o, 3, 2), _restarts),
        (
            "SequentialLR",
            lambda o: schedules.SequentialLR(o, [schedules.LinearLR(o, 0.25, 1.0, 4), schedules.ExponentialLR(o, 0.5)], [4]),
            _warm,
        ),
        (
            "ChainedScheduler",
            lambda o: schedules.ChainedScheduler([schedules.ConstantLR(o, 0.5, 3), schedules.ExponentialLR(o, 0.9)]),
            lambda t: 0.1 * 0.9**t * (0.5 if t < 3 else 1.0),
        ),
    )


def optim_schedulers(kit, worst):
    """Learning-rate schedulers against their closed forms, epoch by epoch; groups; state; what get_last_lr says."""
    torch = kit.torch
    schedules = torch.optim.lr_scheduler
    for name, build, formula in _table(schedules):
        if not hasattr(schedules, name):
            continue
        optimizer = _optimizer(torch)
        schedule = build(optimizer)
        for epoch in range(11):
            rate, want = optimizer.param_groups[0]["lr"], formula(epoch)
            error = abs(rate - want) / want if want else abs(rate)
            worst.add(error, 1e-12 if want > 1e-6 else 1e-9, "rel", "%s, epoch %d" % (name, epoch))
            worst.equal(schedule.get_last_lr() == [rate], "get_last_lr of %s" % name)
            if epoch < 10:
                optimizer.step()
                schedule.step()
    _plateau(worst, torch)
    _groups(worst, torch)


def _plateau(worst, torch):
    optimizer = _optimizer(torch)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    rates = []
    for loss in (1.0, 0.9, 0.9, 0.9, 0.9, 0.9):
        plateau.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    worst.same(rates, [0.1, 0.1, 0.1, 0.05, 0.05, 0.025], "ReduceLROnPlateau")
    optimizer = _optimizer(torch)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=0.1, patience=0, min_lr=0.005)
    for score in (0.5, 0.6, 0.6, 0.6, 0.6):
        plateau.step(score)
    worst.same([optimizer.param_groups[0]["lr"]], [0.005], "ReduceLROnPlateau, mode max, lowest rate")


def _groups(worst, torch):
    """Each group keeps its own base; a restored scheduler goes on where it was; the rate is what the update uses."""
    schedules = torch.optim.lr_scheduler
    optimizer = _optimizer(torch, (0.1, 0.4))
    schedule = schedules.StepLR(optimizer, 2, 0.5)
    for _ in range(3):
        optimizer.step()
        schedule.step()
    worst.same(schedule.get_last_lr(), [0.05, 0.2], "two groups")
    other = _optimizer(torch, (0.1, 0.4))
    resumed = schedules.StepLR(other, 2, 0.5)
    resumed.load_state_dict(schedule.state_dict())
    other.load_state_dict(optimizer.state_dict())
    for _ in range(2):
        for one in (other, resumed, optimizer, schedule):
            one.step()
    worst.equal(resumed.get_last_lr() == schedule.get_last_lr() == [0.025, 0.1], "a scheduler's saved state")
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    schedule = schedules.ExponentialLR(optimizer, 0.5)
    for _ in range(4):
        weight.grad = torch.ones(1)
        optimizer.step()
        schedule.step()
    worst.same(weight, [-1.875], "the rate is what the update uses")


def optim_penalty(kit, worst):
    """L1 and L2 as penalties: gradients sign(w) and 2 w; equal to weight_decay for SGD, not for Adam; L1Loss is no regulariser."""
    torch = kit.torch
    values = [-1.5, 0.0, 2.0, 0.25]
    w = kit.leaf(kit.of(values))
    (0.1 * w.abs().sum()).backward()
    kit.compare(worst, w.grad, [-0.1, 0.0, 0.1, 0.1], 16, "gradient of the L1 penalty")
    w.grad = None
    (0.5 * 0.1 * (w**2).sum()).backward()
    kit.compare(worst, w.grad, [0.1 * v for v in values], 16, "gradient of the L2 penalty")
    decayed = kit.leaf(kit.of(values))
    decayed.grad = torch.zeros_like(decayed)
    torch.optim.SGD([decayed], lr=0.5, weight_decay=0.1).step()
    kit.compare(worst, decayed, [v - 0.5 * 0.1 * v for v in values], 16, "weight_decay of SGD is that L2 penalty")
    moved = {}
    for name in ("Adam", "AdamW"):
        one = kit.leaf(kit.of(values))
        one.grad = torch.zeros_like(one)
        getattr(torch.optim, name)([one], lr=0.01, weight_decay=0.1).step()
        moved[name] = one
    # the first step of Adam is the rate times the sign of the (coupled) gradient; AdamW shrinks by rate times decay
    sign = lambda v: (v > 0) - (v < 0)
    kit.compare(worst, moved["Adam"], [v - 0.01 * sign(v) for v in values], 64, "weight_decay of Adam is coupled")
    kit.compare(worst, moved["AdamW"], [v * (1 - 0.001) for v in values], 16, "weight_decay of AdamW is decoupled")
    loss = torch.nn.L1Loss()(w.detach(), torch.zeros(4, device=kit.device))
    kit.compare(worst, loss, [sum(abs(v) for v in values) / 4], 16, "L1Loss is the mean distance to the target")
    _sparse(kit, worst)


def _sparse(kit, worst):
    """Descent with an L1 penalty brings weights of useless inputs to nearly nothing, and keeps the useful one."""
    torch = kit.torch
    x = kit.to(kit.randn(200, 4, salt=75))
    y = 2 * x[:, :1]
    weight = kit.leaf(torch.full((4, 1), 0.5))
    for _ in range(150):
        if weight.grad is not None:
            weight.grad = None
        ((x @ weight - y).pow(2).mean() + 0.4 * weight.abs().sum()).backward()
        with torch.no_grad():
            weight -= 0.05 * weight.grad
    others = max(abs(v) for v in kit.numbers(weight)[1:])
    worst.add(others, 0.1, "abs", "an L1 penalty empties useless weights")
    worst.add(abs(kit.numbers(weight)[0] - 1.8), 0.15, "abs", "and shrinks the useful one by half the penalty")


def optim_accumulate(kit, worst):
    """Gradients accumulated over four parts equal those of the whole batch; averaged models (SWA, EMA) are averages."""
    torch = kit.torch
    x, y = kit.to(kit.randn(16, 5, salt=71)), kit.to(kit.randn(16, 1, salt=72))
    models = []
    for parts in (1, 4):
        torch.manual_seed(kit.seed)
        model = torch.nn.Linear(5, 1).to(kit.device)
        for part_x, part_y in zip(x.chunk(parts), y.chunk(parts)):
            (torch.nn.functional.mse_loss(model(part_x), part_y) / parts).backward()
        models.append(model)
    # means of terms that are about one: they may cancel, and the error is one of the terms
    kit.compare(worst, models[1].weight.grad, models[0].weight.grad, 64, "accumulated gradient", None, 1.0)
    kit.compare(worst, models[1].bias.grad, models[0].bias.grad, 64, "accumulated gradient of the bias", None, 1.0)
    model = torch.nn.Linear(1, 1, bias=False).to(kit.device)
    averaged = torch.optim.swa_utils.AveragedModel(model)
    for value in (1.0, 2.0, 6.0):
        with torch.no_grad():
            model.weight.fill_(value)
        averaged.update_parameters(model)
    worst.same(averaged.module.weight, [[3.0]], "AveragedModel")
    if hasattr(torch.optim.swa_utils, "get_ema_multi_avg_fn"):
        moving = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.75))
        for value in (8.0, 4.0):
            with torch.no_grad():
                model.weight.fill_(value)
            moving.update_parameters(model)
        worst.same(plain(moving.module.weight), [[7.0]], "exponential moving average")


CHECKS = {
    "optim.schedulers": optim_schedulers,
    "optim.penalty": optim_penalty,
    "optim.accumulate": optim_accumulate,
}
