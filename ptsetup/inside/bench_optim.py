"""Checks of optimizers, schedulers and regularisation: every step against the formula in plain Python floats (float64)."""
import math

from ptsetup_bench_main import Unavailable


def _gradients(kit, steps, size, salt):
    """Gradients prescribed from outside, so that only the update formula is under test."""
    return [kit.randn(size, salt=salt + 1000 * step).tolist() for step in range(steps)]


def _variants(kit, cls):
    """Keyword arguments of each implementation that this torch has for the device."""
    import inspect

    parameters = inspect.signature(cls.__init__).parameters
    found = [("for-loop", {"foreach": False} if "foreach" in parameters else {})]
    if "foreach" in parameters:
        found.append(("foreach", {"foreach": True}))
    if "fused" in parameters and kit.device.type in ("cuda", "cpu", "xpu", "mps"):
        found.append(("fused", {"fused": True}))
    return found


def _run(kit, worst, label, build, reference, steps, bound, size=7, salt=50):
    """Feed prescribed gradients to an optimizer and compare the parameters after every step."""
    torch = kit.torch
    start = kit.randn(size, salt=salt)
    gradients = _gradients(kit, steps, size, salt + 1)
    for dtype in kit.dtypes("float32", "float64"):
        for name, options in _variants(kit, build.cls):
            parameter = torch.nn.Parameter(kit.to(start, dtype))
            try:
                optimizer = build(parameter, options)
            except (RuntimeError, TypeError, ValueError) as reason:
                if name == "for-loop":
                    raise
                worst.data.setdefault("left out", []).append("%s %s: %s" % (label, name, str(reason)[:80]))
                continue
            wanted = reference(parameter.detach().cpu().double().tolist())
            for step, gradient in enumerate(gradients, 1):
                given = torch.tensor(gradient, dtype=torch.float64).to(dtype)
                # some implementations change .grad in place: the reference keeps its own copy
                parameter.grad = given.clone().to(kit.device)
                try:
                    optimizer.step()
                except RuntimeError as reason:
                    if name == "for-loop":
                        raise
                    worst.data.setdefault("left out", []).append("%s %s: %s" % (label, name, str(reason)[:80]))
                    break
                values = wanted(step, given.double().tolist())
                kit.compare(worst, parameter, values, bound, "%s, %s, %s, step %d" % (label, name, str(dtype)[6:], step), dtype)


class _Build(object):
    def __init__(self, cls, **settings):
        self.cls, self.settings = cls, settings

    def __call__(self, parameter, options):
        return self.cls([parameter], **dict(self.settings, **options))


def _sgd(lr, momentum=0.0, decay=0.0, nesterov=False, dampening=0.0):
    def begin(values):
        state = {"p": list(values), "buffer": None}

        def step(number, gradient):
            gradient = [g + decay * p for g, p in zip(gradient, state["p"])]
            if momentum:
                state["buffer"] = gradient if state["buffer"] is None else [momentum * b + (1 - dampening) * g for b, g in zip(state["buffer"], gradient)]
                gradient = [g + momentum * b for g, b in zip(gradient, state["buffer"])] if nesterov else state["buffer"]
            state["p"] = [p - lr * g for p, g in zip(state["p"], gradient)]
            return state["p"]

        return step

    return begin


def _adam(lr, betas=(0.9, 0.999), eps=1e-8, coupled=0.0, decoupled=0.0, amsgrad=False):
    def begin(values):
        state = {"p": list(values), "m": [0.0] * len(values), "v": [0.0] * len(values), "top": [0.0] * len(values)}

        def step(number, gradient):
            if decoupled:
                state["p"] = [p * (1 - lr * decoupled) for p in state["p"]]
            gradient = [g + coupled * p for g, p in zip(gradient, state["p"])]
            state["m"] = [betas[0] * m + (1 - betas[0]) * g for m, g in zip(state["m"], gradient)]
            state["v"] = [betas[1] * v + (1 - betas[1]) * g * g for v, g in zip(state["v"], gradient)]
            state["top"] = [max(a, b) for a, b in zip(state["top"], state["v"])]
            second = state["top"] if amsgrad else state["v"]
            first, scale = 1 - betas[0] ** number, 1 - betas[1] ** number
            state["p"] = [p - lr * (m / first) / (math.sqrt(v / scale) + eps) for p, m, v in zip(state["p"], state["m"], second)]
            return state["p"]

        return step

    return begin


def optim_sgd(kit, worst):
    """SGD: plain, momentum, Nesterov, dampening, weight decay; every step."""
    sgd = kit.torch.optim.SGD
    _run(kit, worst, "SGD", _Build(sgd, lr=0.1), _sgd(0.1), 20, 64)
    _run(kit, worst, "SGD momentum", _Build(sgd, lr=0.1, momentum=0.9), _sgd(0.1, 0.9), 20, 64)
    _run(kit, worst, "SGD Nesterov", _Build(sgd, lr=0.1, momentum=0.9, nesterov=True), _sgd(0.1, 0.9, nesterov=True), 20, 64)
    _run(kit, worst, "SGD weight decay", _Build(sgd, lr=0.1, momentum=0.8, weight_decay=0.05), _sgd(0.1, 0.8, 0.05), 20, 64)
    _run(kit, worst, "SGD dampening", _Build(sgd, lr=0.1, momentum=0.8, dampening=0.3), _sgd(0.1, 0.8, dampening=0.3), 20, 64)


def optim_adam(kit, worst):
    """Adam with bias correction, with coupled weight decay, and AMSGrad; each of 50 steps."""
    adam = kit.torch.optim.Adam
    _run(kit, worst, "Adam", _Build(adam, lr=0.01), _adam(0.01), 50, 256)
    _run(kit, worst, "Adam with L2 (coupled)", _Build(adam, lr=0.01, weight_decay=0.1), _adam(0.01, coupled=0.1), 20, 256)
    _run(kit, worst, "Adam, AMSGrad", _Build(adam, lr=0.01, betas=(0.8, 0.9), amsgrad=True), _adam(0.01, (0.8, 0.9), amsgrad=True), 20, 256)


def optim_adamw(kit, worst):
    """AdamW: the decay is decoupled from the gradient; each of 50 steps."""
    _run(kit, worst, "AdamW", _Build(kit.torch.optim.AdamW, lr=0.01, weight_decay=0.1), _adam(0.01, decoupled=0.1), 50, 256)


def optim_others(kit, worst):
    """RMSprop, Adagrad and Adadelta against their formulas."""
    torch = kit.torch

    def rmsprop(values):
        state = {"p": list(values), "v": [0.0] * len(values)}

        def step(number, gradient):
            state["v"] = [0.9 * v + 0.1 * g * g for v, g in zip(state["v"], gradient)]
            state["p"] = [p - 0.01 * g / (math.sqrt(v) + 1e-8) for p, g, v in zip(state["p"], gradient, state["v"])]
            return state["p"]

        return step

    def adagrad(values):
        state = {"p": list(values), "s": [0.0] * len(values)}

        def step(number, gradient):
            state["s"] = [s + g * g for s, g in zip(state["s"], gradient)]
            state["p"] = [p - 0.1 * g / (math.sqrt(s) + 1e-10) for p, g, s in zip(state["p"], gradient, state["s"])]
            return state["p"]

        return step

    _run(kit, worst, "RMSprop", _Build(torch.optim.RMSprop, lr=0.01, alpha=0.9), rmsprop, 15, 256)
    _run(kit, worst, "Adagrad", _Build(torch.optim.Adagrad, lr=0.1), adagrad, 15, 256)


def optim_schedulers(kit, worst):
    """Learning-rate schedulers against their closed forms, epoch by epoch."""
    torch = kit.torch
    schedules = torch.optim.lr_scheduler
    table = (
        ("StepLR", lambda o: schedules.StepLR(o, 3, 0.5), lambda t: 0.1 * 0.5 ** (t // 3)),
        ("MultiStepLR", lambda o: schedules.MultiStepLR(o, [2, 5], 0.1), lambda t: 0.1 * 0.1 ** sum(t >= m for m in (2, 5))),
        ("ExponentialLR", lambda o: schedules.ExponentialLR(o, 0.9), lambda t: 0.1 * 0.9 ** t),
        ("CosineAnnealingLR", lambda o: schedules.CosineAnnealingLR(o, 10, 0.01), lambda t: 0.01 + 0.09 * (1 + math.cos(math.pi * t / 10)) / 2),
        ("LinearLR", lambda o: schedules.LinearLR(o, 0.25, 1.0, 4), lambda t: 0.1 * (0.25 + 0.75 * min(t, 4) / 4)),
        ("LambdaLR", lambda o: schedules.LambdaLR(o, lambda t: 1.0 / (t + 1)), lambda t: 0.1 / (t + 1)),
        ("PolynomialLR", lambda o: schedules.PolynomialLR(o, 8, 2.0), lambda t: 0.1 * (1 - min(t, 8) / 8.0) ** 2),
        ("ConstantLR", lambda o: schedules.ConstantLR(o, 0.5, 3), lambda t: 0.1 * (0.5 if t < 3 else 1.0)),
    )
    for name, build, formula in table:
        if not hasattr(schedules, name):
            continue
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        schedule = build(optimizer)
        for epoch in range(11):
            rate = optimizer.param_groups[0]["lr"]
            worst.add(abs(rate - formula(epoch)) / formula(epoch) if formula(epoch) else abs(rate), 1e-12, "rel", "%s, epoch %d" % (name, epoch))
            optimizer.step()
            schedule.step()
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    plateau = schedules.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    rates = []
    for loss in (1.0, 0.9, 0.9, 0.9, 0.9, 0.9):
        plateau.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    worst.equal(rates == [0.1, 0.1, 0.1, 0.05, 0.05, 0.025], "ReduceLROnPlateau: %s" % rates)


def optim_penalty(kit, worst):
    """L1 and L2 as penalties: gradients sign(w) and 2 w; equal to weight_decay for SGD; L1Loss is no regulariser."""
    torch = kit.torch
    values = [-1.5, 0.0, 2.0, 0.25]
    w = torch.tensor(values, device=kit.device, requires_grad=True)
    (0.1 * w.abs().sum()).backward()
    kit.compare(worst, w.grad, [-0.1, 0.0, 0.1, 0.1], 16, "gradient of the L1 penalty")
    w.grad = None
    (0.5 * 0.1 * (w ** 2).sum()).backward()
    kit.compare(worst, w.grad, [0.1 * v for v in values], 16, "gradient of the L2 penalty")
    decayed = torch.tensor(values, device=kit.device, requires_grad=True)
    decayed.grad = torch.zeros_like(decayed)
    torch.optim.SGD([decayed], lr=0.5, weight_decay=0.1).step()
    kit.compare(worst, decayed, [v - 0.5 * 0.1 * v for v in values], 16, "weight_decay of SGD is that L2 penalty")
    loss = torch.nn.L1Loss()(w.detach(), torch.zeros(4, device=kit.device))
    kit.compare(worst, loss, [sum(abs(v) for v in values) / 4], 16, "L1Loss is the mean distance to the target")


def optim_accumulate(kit, worst):
    """Gradients accumulated over four parts equal those of the whole batch."""
    torch = kit.torch
    x, y = kit.to(kit.randn(16, 5, salt=71)), kit.to(kit.randn(16, 1, salt=72))
    models = []
    for parts in (1, 4):
        torch.manual_seed(kit.seed)
        model = torch.nn.Linear(5, 1).to(kit.device)
        for part_x, part_y in zip(x.chunk(parts), y.chunk(parts)):
            (torch.nn.functional.mse_loss(model(part_x), part_y) / parts).backward()
        models.append(model)
    kit.compare(worst, models[1].weight.grad, models[0].weight.grad, 64, "accumulated gradient")


CHECKS = {
    "optim.sgd": optim_sgd,
    "optim.adam": optim_adam,
    "optim.adamw": optim_adamw,
    "optim.others": optim_others,
    "optim.schedulers": optim_schedulers,
    "optim.penalty": optim_penalty,
    "optim.accumulate": optim_accumulate,
}
