"""Checks of optimizers: every step against the update formula in plain Python floats, for each implementation that torch has."""

import inspect
import io
import math

from ptsetup_bench_main import plain


def _gradients(kit, steps, size, salt):
    """Gradients prescribed from outside, so that only the update formula is under test."""
    return [kit.randn(size, salt=salt + 1000 * step).tolist() for step in range(steps)]


def knows(cls, *names):
    """Whether a class takes these settings: those that it is written with; of one that was wrapped it cannot be told, and is tried."""
    parameters = inspect.signature(cls.__init__).parameters
    is_wrapped = any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters.values())
    return is_wrapped or set(names) <= set(parameters)


def _variants(kit, cls):
    """Keyword arguments of each implementation that this torch has for the device: plain loop, multi-tensor, fused."""
    found = [("as chosen", {}), ("for-loop", {"foreach": False} if knows(cls, "foreach") else {})]
    if knows(cls, "foreach"):
        found.append(("foreach", {"foreach": True}))
    if knows(cls, "fused"):
        found.append(("fused", {"fused": True}))
    if knows(cls, "capturable") and kit.device.type == "cuda":
        found.append(("capturable", {"capturable": True}))
    return found


def _run(kit, worst, label, build, reference, steps, bound=256, size=7, salt=50):
    """Feed prescribed gradients to an optimizer and compare the parameters after every step."""
    torch = kit.torch
    start, gradients = kit.randn(size, salt=salt), _gradients(kit, steps, size, salt + 1)
    for dtype in kit.dtypes("float32", "float64"):
        for name, options in _variants(kit, build.cls):
            parameter = torch.nn.Parameter(kit.to(start, dtype))
            full = "%s, %s, %s" % (label, name, str(dtype)[6:])
            try:
                optimizer = build([parameter], options)
            except (RuntimeError, TypeError, ValueError) as reason:
                if name in ("as chosen", "for-loop") and "unexpected keyword" not in str(reason):
                    raise
                worst.data.setdefault("left out", []).append("%s: %s" % (full, str(reason).split("\n")[0][:80]))
                continue
            limit = bound(dtype) if callable(bound) else bound
            _steps(kit, worst, full, optimizer, parameter, reference, gradients, limit)


def _steps(kit, worst, label, optimizer, parameter, reference, gradients, bound):
    dtype = parameter.dtype
    update = reference(kit.numbers(parameter))
    for number, gradient in enumerate(gradients, 1):
        given = kit.of(gradient, kit.finest).to(dtype)
        # some implementations change .grad in place: the reference keeps its own copy
        parameter.grad = given.clone()
        try:
            optimizer.step()
        except (RuntimeError, NotImplementedError) as reason:
            if not any(word in label for word in ("foreach", "fused", "capturable")):
                raise
            words = str(reason).split("\n")[0][:80]
            if kit.device.type == "cpu" and "foreach" in label:
                raise
            worst.data.setdefault("left out", []).append("%s: %s" % (label, words))
            return
        kit.compare(worst, parameter, update(number, kit.numbers(given)), bound, "%s, step %d" % (label, number), dtype)


class _Build(object):
    def __init__(self, cls, **settings):
        self.cls, self.settings = cls, settings

    def __call__(self, parameters, options):
        return self.cls(parameters, **dict(self.settings, **options))


def _rule(function):
    """A reference from ``function(state, number, gradient)``, which changes ``state["p"]``; other lists start with zeros."""

    def begin(values):
        state = _Zeros(len(values), p=list(values))

        def step(number, gradient):
            function(state, number, gradient)
            return state["p"]

        return step

    return begin


class _Zeros(dict):
    """A dictionary whose missing lists are zeros."""

    def __init__(self, size, **known):
        super(_Zeros, self).__init__(**known)
        self.size = size

    def __missing__(self, name):
        self[name] = [0.0] * self.size
        return self[name]


def _sgd(lr, momentum=0.0, decay=0.0, nesterov=False, dampening=0.0, sign=1):
    def update(s, number, gradient):
        g = [sign * g + decay * p for g, p in zip(gradient, s["p"])]
        if momentum:
            fresh = 1 if number == 1 else 1 - dampening
            s["buffer"] = [momentum * b + fresh * v for b, v in zip(s["buffer"], g)]
            g = [v + momentum * b for v, b in zip(g, s["buffer"])] if nesterov else s["buffer"]
        s["p"] = [p - lr * v for p, v in zip(s["p"], g)]

    return _rule(update)


def optim_sgd(kit, worst):
    """SGD: plain, momentum, Nesterov, dampening, weight decay, maximising; every step."""
    sgd = kit.torch.optim.SGD
    for label, settings, reference in (
        ("SGD", {}, _sgd(0.1)),
        ("SGD momentum", {"momentum": 0.9}, _sgd(0.1, 0.9)),
        ("SGD Nesterov", {"momentum": 0.9, "nesterov": True}, _sgd(0.1, 0.9, nesterov=True)),
        ("SGD weight decay", {"momentum": 0.8, "weight_decay": 0.05}, _sgd(0.1, 0.8, 0.05)),
        ("SGD dampening", {"momentum": 0.8, "dampening": 0.3}, _sgd(0.1, 0.8, dampening=0.3)),
        ("SGD maximize", {"momentum": 0.5, "maximize": True}, _sgd(0.1, 0.5, sign=-1)),
    ):
        _run(kit, worst, label, _Build(sgd, lr=0.1, **settings), reference, 20, 64)


def _adam(lr, betas=(0.9, 0.999), eps=1e-8, coupled=0.0, decoupled=0.0, amsgrad=False, sign=1):
    def update(s, number, gradient):
        if decoupled:
            s["p"] = [p * (1 - lr * decoupled) for p in s["p"]]
        g = [sign * v + coupled * p for v, p in zip(gradient, s["p"])]
        s["m"] = [betas[0] * m + (1 - betas[0]) * v for m, v in zip(s["m"], g)]
        s["v"] = [betas[1] * w + (1 - betas[1]) * v * v for w, v in zip(s["v"], g)]
        s["top"] = [max(a, b) for a, b in zip(s["top"], s["v"])]
        first, second = 1 - betas[0] ** number, 1 - betas[1] ** number
        size = s["top"] if amsgrad else s["v"]
        s["p"] = [p - lr * (m / first) / (math.sqrt(v / second) + eps) for p, m, v in zip(s["p"], s["m"], size)]

    return _rule(update)


def optim_adam(kit, worst):
    """Adam with bias correction, with coupled weight decay, AMSGrad, a large eps, maximising; each of 50 steps."""
    adam = kit.torch.optim.Adam
    _run(kit, worst, "Adam", _Build(adam, lr=0.01), _adam(0.01), 50)
    for label, settings, reference in (
        ("Adam with L2 (coupled)", {"weight_decay": 0.1}, _adam(0.01, coupled=0.1)),
        ("Adam, AMSGrad", {"betas": (0.8, 0.9), "amsgrad": True}, _adam(0.01, (0.8, 0.9), amsgrad=True)),
        ("Adam, eps 0.1", {"eps": 0.1}, _adam(0.01, eps=0.1)),
        ("Adam maximize", {"maximize": True}, _adam(0.01, sign=-1)),
    ):
        _run(kit, worst, label, _Build(adam, lr=0.01, **settings), reference, 20)


def optim_adamw(kit, worst):
    """AdamW: the decay is decoupled from the gradient; each of 50 steps; its default decay is 0.01."""
    adamw = kit.torch.optim.AdamW
    _run(kit, worst, "AdamW", _Build(adamw, lr=0.01, weight_decay=0.1), _adam(0.01, decoupled=0.1), 50)
    _run(kit, worst, "AdamW, default decay", _Build(adamw, lr=0.05), _adam(0.05, decoupled=0.01), 20)
    _run(kit, worst, "AdamW, AMSGrad", _Build(adamw, lr=0.01, weight_decay=0.1, amsgrad=True), _adam(0.01, decoupled=0.1, amsgrad=True), 20)


def _rmsprop(lr, alpha, momentum=0.0, is_centered=False, eps=1e-8):
    def update(s, number, gradient):
        s["v"] = [alpha * v + (1 - alpha) * g * g for v, g in zip(s["v"], gradient)]
        s["g"] = [alpha * m + (1 - alpha) * g for m, g in zip(s["g"], gradient)]
        size = [v - m * m for v, m in zip(s["v"], s["g"])] if is_centered else s["v"]
        move = [g / (math.sqrt(v) + eps) for g, v in zip(gradient, size)]
        s["b"] = [momentum * b + m for b, m in zip(s["b"], move)]
        s["p"] = [p - lr * b for p, b in zip(s["p"], s["b"])]

    return _rule(update)


def _adagrad(lr, eps=1e-10, decay=0.0):
    def update(s, number, gradient):
        s["s"] = [v + g * g for v, g in zip(s["s"], gradient)]
        rate = lr / (1 + (number - 1) * decay)
        s["p"] = [p - rate * g / (math.sqrt(v) + eps) for p, g, v in zip(s["p"], gradient, s["s"])]

    return _rule(update)


def _adadelta(lr, rho, eps=1e-6):
    def update(s, number, gradient):
        s["v"] = [rho * v + (1 - rho) * g * g for v, g in zip(s["v"], gradient)]
        move = [math.sqrt(d + eps) / math.sqrt(v + eps) * g for d, v, g in zip(s["d"], s["v"], gradient)]
        s["d"] = [rho * d + (1 - rho) * m * m for d, m in zip(s["d"], move)]
        s["p"] = [p - lr * m for p, m in zip(s["p"], move)]

    return _rule(update)


def _adamax(lr, betas=(0.9, 0.999), eps=1e-8):
    def update(s, number, gradient):
        s["m"] = [betas[0] * m + (1 - betas[0]) * g for m, g in zip(s["m"], gradient)]
        s["u"] = [max(betas[1] * u, abs(g) + eps) for u, g in zip(s["u"], gradient)]
        s["p"] = [p - lr / (1 - betas[0] ** number) * m / u for p, m, u in zip(s["p"], s["m"], s["u"])]

    return _rule(update)


def _nadam(lr, betas=(0.9, 0.999), eps=1e-8, momentum_decay=4e-3):
    product = {}

    def update(s, number, gradient):
        if number == 1:
            product["mu"] = 1.0
        mu = betas[0] * (1 - 0.5 * 0.96 ** (number * momentum_decay))
        following = betas[0] * (1 - 0.5 * 0.96 ** ((number + 1) * momentum_decay))
        product["mu"] *= mu
        s["m"] = [betas[0] * m + (1 - betas[0]) * g for m, g in zip(s["m"], gradient)]
        s["v"] = [betas[1] * v + (1 - betas[1]) * g * g for v, g in zip(s["v"], gradient)]
        first, after = (1 - mu) / (1 - product["mu"]), following / (1 - product["mu"] * following)
        size = [math.sqrt(v / (1 - betas[1] ** number)) + eps for v in s["v"]]
        s["p"] = [p - lr * (first * g + after * m) / v for p, g, m, v in zip(s["p"], gradient, s["m"], size)]

    return _rule(update)


def _radam(lr, betas=(0.9, 0.999), eps=1e-8):
    longest = 2 / (1 - betas[1]) - 1

    def update(s, number, gradient):
        s["m"] = [betas[0] * m + (1 - betas[0]) * g for m, g in zip(s["m"], gradient)]
        s["v"] = [betas[1] * v + (1 - betas[1]) * g * g for v, g in zip(s["v"], gradient)]
        decayed = betas[1] ** number
        length = longest - 2 * number * decayed / (1 - decayed)
        step = [m / (1 - betas[0] ** number) for m in s["m"]]
        if length > 5:
            share = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
            step = [m * math.sqrt(share) * math.sqrt(1 - decayed) / (math.sqrt(v) + eps) for m, v in zip(step, s["v"])]
        s["p"] = [p - lr * m for p, m in zip(s["p"], step)]

    return _rule(update)


def _rprop(lr, etas=(0.5, 1.2), limits=(1e-6, 50.0)):
    def update(s, number, gradient):
        if number == 1:
            s["step"] = [lr] * len(gradient)
        kept = []
        for n, (g, before) in enumerate(zip(gradient, s["g"])):
            factor = etas[1] if g * before > 0 else etas[0] if g * before < 0 else 1.0
            s["step"][n] = min(limits[1], max(limits[0], s["step"][n] * factor))
            kept.append(0.0 if g * before < 0 else g)
        s["g"] = kept
        s["p"] = [p - (g > 0) * w + (g < 0) * w for p, g, w in zip(s["p"], kept, s["step"])]

    return _rule(update)


def optim_others(kit, worst):
    """RMSprop, Adagrad, Adadelta, Adamax, NAdam, RAdam, Rprop against their formulas; LBFGS finds the minimum of a quadratic."""
    optim = kit.torch.optim
    for label, build, reference in (
        ("RMSprop", _Build(optim.RMSprop, lr=0.01, alpha=0.9), _rmsprop(0.01, 0.9)),
        ("RMSprop, defaults", _Build(optim.RMSprop), _rmsprop(0.01, 0.99)),
        ("RMSprop, momentum", _Build(optim.RMSprop, lr=0.01, momentum=0.7), _rmsprop(0.01, 0.99, 0.7)),
        ("Adagrad", _Build(optim.Adagrad, lr=0.1), _adagrad(0.1)),
        ("Adagrad, decay", _Build(optim.Adagrad, lr=0.1, lr_decay=0.1), _adagrad(0.1, decay=0.1)),
        ("Adadelta", _Build(optim.Adadelta, lr=0.5, rho=0.8), _adadelta(0.5, 0.8)),
        ("Adamax", _Build(optim.Adamax, lr=0.02), _adamax(0.02)),
        ("NAdam", _Build(optim.NAdam, lr=0.02), _nadam(0.02)),
        ("RAdam", _Build(optim.RAdam, lr=0.02), _radam(0.02)),
        ("Rprop", _Build(optim.Rprop, lr=0.02), _rprop(0.02)),
    ):
        if label == "NAdam" and kit.version < (2, 0):
            # 1.13's own formula multiplies one momentum in twice
            worst.data.setdefault("left out", []).append("NAdam: that of torch 1.13 is another formula")
            continue
        _run(kit, worst, label, build, reference, 12, lambda dtype: 1 << 26 if _is_coarse(kit, label, dtype) else 512)
    _centred(kit, worst)
    _lbfgs(kit, worst)


def _is_coarse(kit, label, dtype):
    """Where torch computes a factor in float32, whatever the parameters are: NAdam's product of momenta, and Adagrad's rate in 1.13.

    RAdam's loop over many tensors adds eps at another place there.
    """
    is_old = label.startswith(("Adagrad", "RAdam")) and kit.version < (2, 0)
    return dtype == kit.torch.float64 and (label == "NAdam" or is_old)


def _centred(kit, worst):
    """Centred RMSprop divides by a small difference: only in float64, and with a wide bound."""
    torch = kit.torch
    if not kit.has_float64:
        return
    parameter = torch.nn.Parameter(kit.to(kit.randn(5, salt=60), torch.float64))
    optimizer = torch.optim.RMSprop([parameter], lr=0.01, alpha=0.9, centered=True)
    gradients = _gradients(kit, 8, 5, 61)
    _steps(kit, worst, "RMSprop, centred", optimizer, parameter, _rmsprop(0.01, 0.9, is_centered=True), gradients, 1 << 20)


def _lbfgs(kit, worst):
    torch = kit.torch
    target = kit.of([1.0, -2.0, 3.0], kit.finest)
    scale = kit.of([1.0, 4.0, 9.0], kit.finest)
    w = torch.nn.Parameter(torch.zeros_like(target))
    optimizer = torch.optim.LBFGS([w], lr=1.0, max_iter=20, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = (scale * (w - target) ** 2).sum()
        loss.backward()
        return loss

    first = float(optimizer.step(closure).detach())
    worst.add(kit.distance(w, target), 1e-4, "rel", "LBFGS reaches the minimum")
    worst.add(abs(first - 98.0), 1e-3, "abs", "LBFGS returns the first loss")


def optim_groups(kit, worst):
    """Parameter groups with their own rates, added groups, closures, frozen and missing gradients, state saved and loaded."""
    torch = kit.torch
    a, b, c = (torch.nn.Parameter(kit.of([1.0, 2.0])) for _ in range(3))
    optimizer = torch.optim.SGD([{"params": [a], "lr": 0.5}, {"params": [b], "weight_decay": 0.1}], lr=0.25)
    optimizer.add_param_group({"params": [c], "lr": 2.0})
    for parameter in (a, b):
        parameter.grad = kit.of([1.0, -1.0])
    optimizer.step()
    worst.same(a, [0.5, 2.5], "a group's own rate")
    kit.compare(worst, b, [1 - 0.25 * 1.1, 2 + 0.25 * 0.8], 4, "a group's own decay")
    worst.same(c, [1.0, 2.0], "a parameter without gradient stays")
    c.grad = kit.of([1.0, 1.0])
    optimizer.step()
    worst.same(c, [-1.0, 0.0], "a group that was added")
    worst.same([g["lr"] for g in optimizer.param_groups], [0.5, 0.25, 2.0], "rates of the groups")
    optimizer.zero_grad(set_to_none=False)
    worst.same(a.grad, [0.0, 0.0], "zero_grad(set_to_none=False) leaves zeros")
    optimizer.zero_grad(set_to_none=True)
    worst.equal(a.grad is None and c.grad is None, "zero_grad(set_to_none=True)")
    _closure(kit, worst)
    for name, settings in (("SGD", {"momentum": 0.9}), ("Adam", {}), ("AdamW", {}), ("RMSprop", {"momentum": 0.5})):
        _restored(kit, worst, name, settings)


def _closure(kit, worst):
    torch = kit.torch
    w = torch.nn.Parameter(kit.of([3.0]))
    optimizer = torch.optim.SGD([w], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    worst.equal(float(optimizer.step(closure).detach()) == 9.0 and plain(w) == [1.5], "a closure is called once and its loss returned")


def _restored(kit, worst, name, settings):
    """Ten steps in one go, and five, a file, five more: equal bit by bit."""
    torch = kit.torch
    gradients, ends = _gradients(kit, 10, 6, 70), []
    for is_broken in (False, True):
        parameter = torch.nn.Parameter(kit.to(kit.randn(6, salt=71)))
        optimizer = getattr(torch.optim, name)([parameter], lr=0.05, **settings)
        for number, gradient in enumerate(gradients):
            if number == 5 and is_broken:
                file = io.BytesIO()
                torch.save(optimizer.state_dict(), file)
                file.seek(0)
                optimizer = getattr(torch.optim, name)([parameter], lr=0.9, **settings)
                optimizer.load_state_dict(torch.load(file))
            parameter.grad = kit.of(gradient)
            optimizer.step()
        ends.append(plain(parameter))
    worst.equal(ends[0] == ends[1], "%s goes on from its saved state as if nothing had been" % name)


CHECKS = {
    "optim.sgd": optim_sgd,
    "optim.adam": optim_adam,
    "optim.adamw": optim_adamw,
    "optim.others": optim_others,
    "optim.groups": optim_groups,
}
