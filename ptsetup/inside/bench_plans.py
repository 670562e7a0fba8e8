"""Checks of what learning-rate schedulers can be set to, of their groups, their momenta, and of going on from a saved state."""

import math

from ptsetup_bench_main import plain

EPOCHS = 14


def _optimizer(torch, rates=(0.1,), **options):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9, **options)


def _turn(share):
    """From 1 to 0 by half a cosine."""
    return (1 + math.cos(math.pi * share)) / 2


def _between(first, last, share, is_linear):
    return first + (last - first) * share if is_linear else last + (first - last) * _turn(share)


def _one_cycle(t, total, top, divisor, end, rise, is_linear, in_three, is_rate=True):
    """OneCycleLR: up and down (in three phases: up, down, and on to the end); the momentum goes the other way."""
    low, high = (top / divisor, top) if is_rate else (0.95, 0.85)
    last = low / end if is_rate else low
    turn = rise * total - 1
    if in_three:
        stops = ((0.0, low), (turn, high), (2 * turn, low), (total - 1, last))
    else:
        stops = ((0.0, low), (turn, high), (total - 1, last))
    for (start, first), (stop, second) in zip(stops, stops[1:]):
        if t <= stop:
            return _between(first, second, (t - start) / (stop - start), is_linear)
    return None


def _triangle(t, up, down):
    """Which cycle, and the share of the way up."""
    cycle, place = divmod(t, up + down)
    return cycle, place / float(up) if place <= up else 1 - (place - up) / float(down)


def _shrink(cycle):
    """A scale of CyclicLR's, which older ones hold by a weak reference only."""
    return 0.5 ** (cycle - 1)


def _table(s):
    """(name, build, formula of the epoch): settings beside the usual ones."""
    fixed = lambda t, ends, values: values[sum(t >= e for e in ends)]
    return (
        ("StepLR, defaults", lambda o: s.StepLR(o, 4), lambda t: 0.1 * 0.1 ** (t // 4)),
        ("MultiStepLR, twice at one epoch", lambda o: s.MultiStepLR(o, [3, 3, 6], 0.5), lambda t: fixed(t, (3, 6), (0.1, 0.025, 0.0125))),
        ("ConstantLR, defaults", lambda o: s.ConstantLR(o), lambda t: 0.1 / 3 if t < 5 else 0.1),
        ("LinearLR, downwards", lambda o: s.LinearLR(o, 1.0, 0.2, 5), lambda t: 0.1 * (1 - 0.8 * min(t, 5) / 5)),
        ("LinearLR, defaults", lambda o: s.LinearLR(o), lambda t: 0.1 * (1 / 3.0 + 2 / 3.0 * min(t, 5) / 5)),
        ("ExponentialLR, growing", lambda o: s.ExponentialLR(o, 1.1), lambda t: 0.1 * 1.1**t),
        ("CosineAnnealingLR, past its end", lambda o: s.CosineAnnealingLR(o, 5, 0.02), lambda t: 0.02 + 0.08 * _turn(t / 5.0)),
        ("PolynomialLR, defaults", lambda o: s.PolynomialLR(o), lambda t: 0.1 * (1 - min(t, 5) / 5.0)),
        ("PolynomialLR, power 0.5", lambda o: s.PolynomialLR(o, 8, 0.5), lambda t: 0.1 * (1 - min(t, 8) / 8.0) ** 0.5),
        ("MultiplicativeLR, by epoch", lambda o: s.MultiplicativeLR(o, lambda t: 1.0 / t), lambda t: 0.1 / math.factorial(t)),
        ("OneCycleLR, linear", lambda o: s.OneCycleLR(o, 1.0, total_steps=20, anneal_strategy="linear", div_factor=10, final_div_factor=100, pct_start=0.25), lambda t: _one_cycle(t, 20, 1.0, 10, 100, 0.25, True, False)),
        ("OneCycleLR, three phases", lambda o: s.OneCycleLR(o, 1.0, epochs=5, steps_per_epoch=4, three_phase=True, pct_start=0.4), lambda t: _one_cycle(t, 20, 1.0, 25, 1e4, 0.4, False, True)),
        ("CyclicLR, uneven", lambda o: s.CyclicLR(o, 0.1, 0.5, 2, 4, cycle_momentum=False), lambda t: 0.1 + 0.4 * _triangle(t, 2, 4)[1]),
        ("CyclicLR, triangular2", lambda o: s.CyclicLR(o, 0.1, 0.5, 2, mode="triangular2", cycle_momentum=False), lambda t: 0.1 + 0.4 * _triangle(t, 2, 2)[1] / 2.0 ** _triangle(t, 2, 2)[0]),
        ("CyclicLR, exp_range", lambda o: s.CyclicLR(o, 0.1, 0.5, 3, mode="exp_range", gamma=0.9, cycle_momentum=False), lambda t: 0.1 + 0.4 * _triangle(t, 3, 3)[1] * 0.9**t),
        ("CyclicLR, own scale", lambda o: s.CyclicLR(o, 0.1, 0.5, 2, scale_fn=_shrink, cycle_momentum=False), lambda t: 0.1 + 0.4 * _triangle(t, 2, 2)[1] / 2.0 ** _triangle(t, 2, 2)[0]),
        ("CosineAnnealingWarmRestarts, even", lambda o: s.CosineAnnealingWarmRestarts(o, 4, eta_min=0.02), lambda t: 0.02 + 0.08 * _turn(t % 4 / 4.0)),
        ("CosineAnnealingWarmRestarts, thrice as long", lambda o: s.CosineAnnealingWarmRestarts(o, 2, 3, 0.01), lambda t: 0.01 + 0.09 * _turn(t / 2.0 if t < 2 else (t - 2) / 6.0 if t < 8 else (t - 8) / 18.0)),
        ("SequentialLR of three", lambda o: s.SequentialLR(o, [s.ConstantLR(o, 0.5, 100), s.StepLR(o, 2, 0.1), s.ExponentialLR(o, 0.5)], [3, 8]), lambda t: 0.05 if t < 3 else 0.1 * 0.1 ** ((t - 3) // 2) if t < 8 else 0.1 * 0.5 ** (t - 8)),
        ("ChainedScheduler of three", lambda o: s.ChainedScheduler([s.StepLR(o, 3, 0.5), s.ExponentialLR(o, 0.9), s.ConstantLR(o, 0.25, 2)]), lambda t: 0.1 * 0.5 ** (t // 3) * 0.9**t * (0.25 if t < 2 else 1.0)),
    )


def optim_plans(kit, worst):
    """Schedulers with other settings than the usual, with several groups, their momenta; each goes on from a saved state."""
    torch = kit.torch
    schedules = torch.optim.lr_scheduler
    for name, build, formula in _table(schedules):
        if not hasattr(schedules, name.partition(",")[0].partition(" ")[0]):
            continue
        # older ones hold, by a weak reference, a method of the scheduler whose state it was
        is_kept = not name.startswith("CyclicLR") or kit.version >= (2, 1)
        for stop in (None, 5) if is_kept else (None,):
            optimizer = _optimizer(torch)
            plan = build(optimizer)
            for epoch in range(EPOCHS):
                if epoch == stop:
                    states = optimizer.state_dict(), plan.state_dict()
                    optimizer = _optimizer(torch)
                    plan = build(optimizer)
                    optimizer.load_state_dict(states[0])
                    plan.load_state_dict(states[1])
                rate, want = optimizer.param_groups[0]["lr"], formula(epoch)
                worst.add(abs(rate - want) / max(abs(want), 1e-6), 1e-9, "rel", "%s%s, epoch %d" % (name, ", from a saved state" if stop else "", epoch))
                optimizer.step()
                plan.step()
    _momenta(kit, worst, schedules)
    _groups(kit, worst, schedules)
    _plateaus(kit, worst, schedules)
    _starts(kit, worst, schedules)


def _momenta(kit, worst, schedules):
    """OneCycleLR and CyclicLR move the momentum (the first beta of Adam) against the rate."""
    torch = kit.torch
    for name, make in (("SGD", lambda: _optimizer(torch)), ("Adam", lambda: torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.1))):
        momentum = lambda o: o.param_groups[0]["momentum"] if name == "SGD" else o.param_groups[0]["betas"][0]
        one, two = make(), make()
        # CyclicLR of older ones knows no beta
        is_known = name == "SGD" or kit.version >= (2, 5)
        options = {"base_momentum": 0.6, "max_momentum": 0.9} if is_known else {"cycle_momentum": False}
        plans = schedules.OneCycleLR(one, 1.0, total_steps=20), schedules.CyclicLR(two, 0.1, 0.5, 3, **options)
        for t in range(10):
            worst.add(abs(momentum(one) - _one_cycle(t, 20, 1.0, 25, 1e4, 0.3, False, False, False)), 1e-9, "abs", "momentum of OneCycleLR, %s, step %d" % (name, t))
            if is_known:
                worst.add(abs(momentum(two) - (0.9 - 0.3 * _triangle(t, 3, 3)[1])), 1e-9, "abs", "momentum of CyclicLR, %s, step %d" % (name, t))
            for optimizer, plan in ((one, plans[0]), (two, plans[1])):
                optimizer.step()
                plan.step()


def _groups(kit, worst, schedules):
    """Lists of functions, limits and rates: one for each group."""
    torch = kit.torch
    for name, build, want in (
        ("LambdaLR", lambda o: schedules.LambdaLR(o, [lambda t: 0.5**t, lambda t: 1.0 + t]), lambda t: [0.1 * 0.5**t, 0.4 * (1.0 + t)]),
        ("MultiplicativeLR", lambda o: schedules.MultiplicativeLR(o, [lambda t: 0.5, lambda t: 2.0]), lambda t: [0.1 * 0.5**t, 0.4 * 2.0**t]),
        ("CosineAnnealingLR", lambda o: schedules.CosineAnnealingLR(o, 6), lambda t: [0.1 * _turn(t / 6.0), 0.4 * _turn(t / 6.0)]),
        ("CyclicLR", lambda o: schedules.CyclicLR(o, [0.1, 0.2], [0.5, 0.8], 3, cycle_momentum=False), lambda t: [0.1 + 0.4 * _triangle(t, 3, 3)[1], 0.2 + 0.6 * _triangle(t, 3, 3)[1]]),
        ("OneCycleLR", lambda o: schedules.OneCycleLR(o, [1.0, 3.0], total_steps=20), lambda t: [_one_cycle(t, 20, top, 25, 1e4, 0.3, False, False) for top in (1.0, 3.0)]),
        ("ExponentialLR", lambda o: schedules.ExponentialLR(o, 0.9), lambda t: [0.1 * 0.9**t, 0.4 * 0.9**t]),
        ("LinearLR", lambda o: schedules.LinearLR(o, 0.5, 1.0, 4), lambda t: [b * (0.5 + 0.5 * min(t, 4) / 4) for b in (0.1, 0.4)]),
    ):
        optimizer = _optimizer(torch, (0.1, 0.4))
        plan = build(optimizer)
        for epoch in range(6):
            rates = [group["lr"] for group in optimizer.param_groups]
            worst.add(kit.distance(rates, want(epoch)), 1e-9, "rel", "%s of two groups, epoch %d" % (name, epoch))
            worst.equal(list(plan.get_last_lr()) == rates, "get_last_lr of two groups, %s" % name)
            optimizer.step()
            plan.step()


def _plateaus(kit, worst, schedules):
    torch = kit.torch
    for label, options, losses, want in (
        ("cooldown", {"patience": 0, "cooldown": 2}, [1.0] * 8, [1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]),
        ("threshold, relative", {"patience": 0, "threshold": 0.1}, [1.0, 0.95, 0.85, 0.8], [1, 0.5, 0.5, 0.25]),
        ("threshold, absolute", {"patience": 0, "threshold": 0.1, "threshold_mode": "abs"}, [5.0, 4.95, 4.8, 4.65], [1, 0.5, 0.5, 0.5]),
        ("mode max", {"patience": 0, "mode": "max", "threshold": 0.1}, [1.0, 1.05, 1.2, 1.2], [1, 0.5, 0.5, 0.25]),
        ("mode max, absolute", {"patience": 0, "mode": "max", "threshold": 0.1, "threshold_mode": "abs"}, [5.0, 5.05, 5.2, 5.2], [1, 0.5, 0.5, 0.25]),
        ("patience 2", {"patience": 2}, [1.0] * 7, [1, 1, 1, 0.5, 0.5, 0.5, 0.25]),
        ("lowest rate", {"patience": 0, "min_lr": 0.3}, [1.0] * 4, [1, 0.5, 0.3, 0.3]),
        ("a NaN is no improvement", {"patience": 0}, [1.0, float("nan"), 0.5], [1, 0.5, 0.5]),
    ):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        plan, rates = schedules.ReduceLROnPlateau(optimizer, factor=0.5, **options), []
        for loss in losses:
            plan.step(loss)
            rates.append(optimizer.param_groups[0]["lr"])
        worst.same(rates, want, "ReduceLROnPlateau, %s" % label)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    rates = []
    for part in (3, 3):
        plan = schedules.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
        if rates:
            plan.load_state_dict(state)
        for _ in range(part):
            plan.step(1.0)
            rates.append(optimizer.param_groups[0]["lr"])
        state = plan.state_dict()
    worst.same(rates, [1.0] * 4 + [0.5] * 2, "ReduceLROnPlateau, from a saved state")


def _starts(kit, worst, schedules):
    """last_epoch: a scheduler that begins in the middle; step(epoch) of the warm restarts."""
    torch = kit.torch
    optimizer = _optimizer(torch)
    optimizer.param_groups[0].update(initial_lr=0.1, lr=0.05)
    plan = schedules.StepLR(optimizer, 2, 0.5, last_epoch=2)
    rates = []
    for _ in range(3):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        plan.step()
    worst.same(plain(rates), [0.05, 0.025, 0.025], "StepLR from epoch 3 on")
    optimizer = _optimizer(torch)
    plan = schedules.CosineAnnealingWarmRestarts(optimizer, 4)
    for t in (0.5, 1.25, 4.5):
        optimizer.step()
        plan.step(t)
        worst.add(abs(optimizer.param_groups[0]["lr"] - 0.1 * _turn(t % 4 / 4.0)), 1e-9, "abs", "CosineAnnealingWarmRestarts at epoch %s" % t)


CHECKS = {
    "optim.plans": optim_plans,
}
