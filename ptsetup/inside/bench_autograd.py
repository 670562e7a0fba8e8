"""Checks of autograd: chain rule, higher derivatives, bookkeeping, hooks, clipping."""

import math

from ptsetup_bench_main import plain


def autograd_chain(kit, worst):
    """The chain rule in closed form; second and third derivatives; shared and broadcast leaves."""
    torch = kit.torch
    values = [0.3, -1.2, 0.7, 2.1]
    for dtype in kit.dtypes("float32", "float64"):
        label = str(dtype)[6:]
        x = kit.leaf(kit.of(values, dtype), dtype)
        given = kit.numbers(x)
        (torch.sin(x * x) * torch.exp(x)).sum().backward()
        want = [math.exp(v) * (2 * v * math.cos(v * v) + math.sin(v * v)) for v in given]
        kit.compare(worst, x.grad, want, 16, "sin(x^2) e^x, %s" % label)
        for power, cube in (("x**3", lambda t: t**3), ("pow", lambda t: torch.pow(t, 3)), ("x x x", lambda t: t * t * t)):
            x = kit.leaf(kit.of(values, dtype), dtype)
            (first,) = torch.autograd.grad(cube(x).sum(), x, create_graph=True)
            kit.compare(worst, first, [3 * v * v for v in given], 16, "first derivative of %s, %s" % (power, label))
            (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
            kit.compare(worst, second, [6 * v for v in given], 16, "second derivative of %s, %s" % (power, label))
            (third,) = torch.autograd.grad(second.sum(), x)
            kit.compare(worst, third, [6.0] * 4, 16, "third derivative of %s, %s" % (power, label))
        x = kit.leaf(kit.of(values, dtype), dtype)
        y = kit.leaf(kit.of(values[::-1], dtype), dtype)
        other = kit.numbers(y)
        ((x * y).sum() + (x[:, None] * y[None]).sum() + x.mean() - y.max()).backward()
        total = math.fsum(other)
        kit.compare(worst, x.grad, [v + total + 0.25 for v in other], 16, "a leaf used three times, %s" % label)
        w, b = kit.leaf(kit.randn(3, 2, salt=10), dtype), kit.leaf(kit.randn(2, salt=11), dtype)
        rows = kit.to(kit.randn(5, 3, salt=12), dtype)
        (rows @ w + b).pow(2).sum().backward()
        _affine_gradient(kit, worst, w, b, rows, label)


def _affine_gradient(kit, worst, w, b, rows, label):
    x, weights, bias = (plain(t.detach().cpu().double()) for t in (rows, w, b))
    out = [[math.fsum(row[i] * weights[i][j] for i in range(3)) + bias[j] for j in range(2)] for row in x]
    slope_w = [[math.fsum(2 * o[j] * row[i] for row, o in zip(x, out)) for j in range(2)] for i in range(3)]
    slope_b = [math.fsum(2 * o[j] for o in out) for j in range(2)]
    kit.compare(worst, w.grad, slope_w, 32, "weights of an affine layer, %s" % label)
    kit.compare(worst, b.grad, slope_b, 32, "bias of an affine layer (sum over the batch), %s" % label)


SMOOTH = (
    ("sin", lambda m: m.sin, lambda v: -math.sin(v)),
    ("cos", lambda m: m.cos, lambda v: -math.cos(v)),
    ("exp", lambda m: m.exp, math.exp),
    ("tanh", lambda m: m.tanh, lambda v: -2 * math.tanh(v) * (1 - math.tanh(v) ** 2)),
    ("sigmoid", lambda m: m.sigmoid, lambda v: _s(v) * (1 - _s(v)) * (1 - 2 * _s(v))),
    ("log1p exp", lambda m: lambda t: m.log1p(m.exp(t)), lambda v: _s(v) * (1 - _s(v))),
    ("sqrt(1 + x^2)", lambda m: lambda t: m.sqrt(1 + t * t), lambda v: (1 + v * v) ** -1.5),
    ("1 / (1 + x^2)", lambda m: lambda t: 1 / (1 + t * t), lambda v: (6 * v * v - 2) / (1 + v * v) ** 3),
    ("erf", lambda m: m.erf, lambda v: -4 * v / math.sqrt(math.pi) * math.exp(-v * v)),
    ("atan", lambda m: m.atan, lambda v: -2 * v / (1 + v * v) ** 2),
)


def _s(v):
    return 1.0 / (1.0 + math.exp(-v))


def autograd_second(kit, worst):
    """Double backward: second derivatives of smooth functions in closed form, a gradient penalty, a Hessian of a matrix form."""
    torch = kit.torch
    dtype = kit.finest
    values = [0.3, -1.2, 0.7, 1.9, -0.05]
    for name, pick, second in SMOOTH:
        x = kit.leaf(kit.of(values, dtype), dtype)
        (slope,) = torch.autograd.grad(pick(torch)(x).sum(), x, create_graph=True)
        (bend,) = torch.autograd.grad(slope.sum(), x)
        kit.compare(worst, bend, [second(v) for v in kit.numbers(x)], 64, "second derivative of %s" % name)
    for name, function in _layers(kit):
        _bend(kit, worst, name, function)
    # a gradient penalty, as in WGAN-GP: the gradient of the norm of a gradient
    w = kit.leaf(kit.randn(4, salt=13), dtype)
    x = kit.leaf(kit.randn(6, 4, salt=14), dtype)
    (slope,) = torch.autograd.grad(torch.tanh(x @ w).sum(), x, create_graph=True)
    penalty = (slope.norm(dim=1) - 1).pow(2).mean()
    penalty.backward()
    _along(kit, worst, "gradient penalty", w, lambda v: _penalty(kit, x.detach(), v), w.grad)


def _penalty(kit, x, w):
    torch = kit.torch
    slope = (1 - torch.tanh(x @ w) ** 2)[:, None] * w[None]
    return (slope.pow(2).sum(1).sqrt() - 1).pow(2).mean()


def _layers(kit):
    f, torch = kit.torch.nn.functional, kit.torch
    kernel, square = kit.to(kit.randn(2, 2, 3, 3, salt=15), kit.finest), kit.to(kit.randn(4, 4, salt=16), kit.finest)
    return (
        ("matmul", lambda t: (t @ square) ** 2),
        ("softmax", lambda t: f.softmax(t, 1)),
        ("log_softmax", lambda t: f.log_softmax(t, 1)),
        ("layer_norm", lambda t: f.layer_norm(t, (4,))),
        ("gelu", f.gelu),
        ("silu", f.silu),
        ("softplus", f.softplus),
        ("conv2d", lambda t: f.conv2d(t.reshape(1, 2, 4, 4), kernel) ** 3),
        ("batch_norm", lambda t: f.batch_norm(t, None, None, training=True)),
        ("norm", lambda t: t.norm(dim=1)),
        ("prod", lambda t: t.prod(1)),
        ("cross_entropy", lambda t: f.cross_entropy(t, kit.whole(0, 1, 2, 3, 0, 1, 2, 3))),
        ("inverse", lambda t: torch.inverse(t[:4] + 4 * torch.eye(4, dtype=t.dtype, device=t.device))),
    )


def _bend(kit, worst, name, function):
    """The Hessian times a vector against the central difference of the gradient."""
    torch = kit.torch
    if not kit.has_float64:
        return
    point = kit.to(kit.randn(8, 4, salt=17), torch.float64)
    direction = kit.to(kit.randn(8, 4, salt=18), torch.float64)
    with torch.no_grad():
        shape = function(point).shape
    weights = kit.to(kit.randn(*(list(shape) or [1]), salt=19), torch.float64).reshape(shape)

    def slope(at):
        leaf = at.detach().clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad((function(leaf) * weights).sum(), leaf, create_graph=True)
        return gradient, leaf

    gradient, leaf = slope(point)
    (product,) = torch.autograd.grad((gradient * direction).sum(), leaf)
    step = 1e-5
    rise = (slope(point + step * direction)[0] - slope(point - step * direction)[0]).detach() / (2 * step)
    worst.add(kit.distance(product, rise), 1e-5, "rel", "Hessian times a vector of %s" % name)


def _along(kit, worst, name, leaf, function, gradient, bound=1e-5):
    """A gradient against the central difference of ``function`` along one direction."""
    if not kit.has_float64:
        return
    direction = kit.to(kit.randn(*leaf.shape, salt=20), leaf.dtype)
    step = 1e-6
    rise = float(function(leaf.detach() + step * direction) - function(leaf.detach() - step * direction)) / (2 * step)
    slope = math.fsum(u * v for u, v in zip(kit.numbers(gradient), kit.numbers(direction)))
    worst.add(abs(rise - slope) / max(abs(slope), 1.0), bound, "rel", name)


def autograd_book(kit, worst):
    """Bookkeeping: backward accumulates and updates nothing, zero_grad, no_grad, detach, versions, frozen parts, graphs."""
    torch = kit.torch
    w = kit.leaf(kit.of([1.0, 1.0]))
    (w * w).sum().backward()
    worst.equal(plain(w) == [1, 1] and plain(w.grad) == [2, 2], "backward fills .grad and changes no parameter")
    (w * w).sum().backward()
    worst.same(w.grad, [4, 4], "a second backward adds")
    optimizer = torch.optim.SGD([w], lr=0.25)
    optimizer.step()
    worst.same(w, [0, 0], "step() updates")
    optimizer.zero_grad()
    worst.equal(w.grad is None or not any(plain(w.grad)), "zero_grad() clears")
    module = torch.nn.Linear(2, 1).to(kit.device)
    module(kit.of([[1.0, 2.0]])).sum().backward()
    module.zero_grad()
    worst.equal(all(p.grad is None or not bool(p.grad.abs().sum()) for p in module.parameters()), "Module.zero_grad() clears")
    if kit.version >= (2, 0):
        worst.equal(all(p.grad is None for p in module.parameters()) and w.grad is None, "zero_grad() takes the gradients away")
        (w * w).sum().backward()
        optimizer.zero_grad(set_to_none=False)
        worst.equal(w.grad is not None and not any(plain(w.grad)), "zero_grad(set_to_none=False) leaves zeros")
    _modes(kit, worst, w)
    _versions(kit, worst)
    _graphs(kit, worst)


def _modes(kit, worst, w):
    torch = kit.torch
    with torch.no_grad():
        worst.equal(not (w * 2).requires_grad, "no_grad")
        with torch.enable_grad():
            worst.equal((w * 2).requires_grad, "enable_grad")
    with torch.set_grad_enabled(False):
        worst.equal(not (w * 2).requires_grad and not torch.is_grad_enabled(), "set_grad_enabled")
    worst.equal((w * 2).requires_grad and torch.is_grad_enabled(), "gradients are on again")
    with torch.inference_mode():
        worst.equal(not (w * 2).requires_grad and (w * 2).is_inference(), "inference_mode")
    part = w.detach()
    worst.equal(not part.requires_grad and part.data_ptr() == w.data_ptr(), "detach shares memory and asks for nothing")
    worst.equal(not w.clone().detach().requires_grad and w.clone().requires_grad, "clone keeps the graph")
    x = kit.leaf(kit.of([3.0]))
    (x * x.detach()).sum().backward()
    worst.same(x.grad, [3.0], "nothing flows through detach")
    frozen = kit.of([1.0, 2.0])
    a = kit.leaf(kit.of([1.0, 1.0]))
    (a * frozen).sum().backward()
    worst.equal(frozen.grad is None and plain(a.grad) == [1, 2], "only what asks for it gets a gradient")
    worst.equal(a.requires_grad_(False).requires_grad is False, "requires_grad_(False)")
    worst.equal(a.is_leaf and not (w * 2).is_leaf, "is_leaf")


def _versions(kit, worst):
    torch = kit.torch
    u = kit.leaf(kit.of([1.0, 1.0]))
    result = torch.exp(u)
    before = result._version
    result.mul_(2)
    worst.equal(result._version == before + 1, "writing in place raises the version")
    worst.refuses(lambda: result.sum().backward(), RuntimeError, "an overwritten result that backward needs")
    worst.refuses(lambda: u.add_(1), RuntimeError, "writing in place to a leaf that asks for its gradient")
    base = kit.leaf(kit.of([1.0, 2.0, 3.0]))
    copy = base.clone()
    copy[1] = 10.0
    copy[2:] *= 5
    copy.sum().backward()
    worst.same(base.grad, [1.0, 0.0, 5.0], "gradients past writing in place")


def _graphs(kit, worst):
    torch = kit.torch
    x = kit.leaf(kit.of([2.0, 3.0]))
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    worst.same(x.grad, [8.0, 12.0], "retain_graph")
    worst.refuses(lambda: y.backward(), RuntimeError, "a third time through a freed graph")
    worst.refuses(lambda: (x * x).backward(), RuntimeError, "backward of what is no number")
    x.grad = None
    (x * x).backward(kit.of([1.0, 10.0]))
    worst.same(x.grad, [4.0, 60.0], "backward with given weights")
    z = kit.leaf(kit.of([1.0]))
    product = x.detach()[0] * z
    got = torch.autograd.grad(product.sum(), [z])
    worst.equal(plain(got[0]) == [2.0] and z.grad is None, "autograd.grad fills no .grad")
    unused = kit.leaf(kit.of([1.0]))
    got = torch.autograd.grad((z * 2).sum(), [z, unused], allow_unused=True)
    worst.equal(got[1] is None and plain(got[0]) == [2.0], "allow_unused")
    middle = z * 3
    middle.retain_grad()
    (middle * middle).sum().backward()
    worst.equal(plain(middle.grad) == [6.0] and plain(z.grad) == [18.0], "retain_grad")


def autograd_hooks(kit, worst):
    """Hooks of tensors and modules, custom functions, checkpointing, saved-tensor hooks, functional derivatives."""
    torch = kit.torch
    seen = []
    v = kit.leaf(kit.of([1.0, 1.0]))
    handle = v.register_hook(lambda grad: seen.append(1) or grad * 10)
    (v * 3).sum().backward()
    handle.remove()
    (v * 3).sum().backward()
    worst.equal(plain(v.grad) == [33, 33] and seen == [1], "a hook changes the gradient until it is removed")
    module, order = torch.nn.Linear(2, 2).to(kit.device), []
    module.register_forward_pre_hook(lambda m, given: order.append("before"))
    module.register_forward_hook(lambda m, given, out: order.append("after") or out * 2)
    module.register_full_backward_hook(lambda m, grad_in, grad_out: order.append("backward"))
    x = kit.leaf(kit.of([[1.0, 2.0]]))
    out = module(x)
    plain_out = torch.nn.functional.linear(x.detach(), module.weight, module.bias).detach()
    kit.compare(worst, out, [2 * v for v in kit.numbers(plain_out)], 4, "a forward hook changes the output")
    out.sum().backward()
    worst.same(order, ["before", "after", "backward"], "order of module hooks")
    kit.compare(worst, x.grad, [2 * v for v in kit.numbers(module.weight.detach().sum(0))], 8, "gradient past a forward hook")
    _custom(kit, worst)
    _checkpoint(kit, worst)
    _functional(kit, worst)


def _custom(kit, worst):
    torch = kit.torch

    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.save_for_backward(x)
            ctx.factor = factor
            return x * factor

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * ctx.factor + 0 * x, None

    x = kit.leaf(kit.of([1.0, 2.0]))
    y = Twice.apply(x, 5.0)
    y.sum().backward()
    worst.equal(plain(y) == [5, 10] and plain(x.grad) == [5, 5], "a custom function")


def _checkpoint(kit, worst):
    from torch.utils.checkpoint import checkpoint

    torch = kit.torch
    torch.manual_seed(kit.seed)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).to(kit.device)
    gradients = []
    for is_saved in (False, True):
        x = kit.leaf(kit.randn(5, 3, salt=21))
        net.zero_grad()
        (checkpoint(net, x, use_reentrant=False) if is_saved else net(x)).pow(2).sum().backward()
        gradients.append([kit.numbers(x.grad), kit.numbers(net[0].weight.grad)])
    kit.compare(worst, gradients[1], gradients[0], 16, "checkpointing", torch.float32)
    # the second way through must draw the numbers of the first
    x = kit.leaf(kit.randn(200, salt=22))
    y = checkpoint(lambda t: torch.nn.functional.dropout(t, 0.5), x, use_reentrant=False)
    y.sum().backward()
    kit.compare(worst, x.grad * x.detach(), kit.numbers(y), 4, "checkpointing of dropout")
    packed = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: packed.append(1) or t.cpu(), lambda t: t.to(kit.device)):
        x = kit.leaf(kit.of([2.0]))
        y = x * x
    y.sum().backward()
    worst.equal(plain(x.grad) == [4.0] and bool(packed), "hooks of saved tensors")


def _functional(kit, worst):
    functional = kit.torch.autograd.functional
    x = kit.of([1.0, 2.0], kit.finest)
    kit.compare(worst, functional.jacobian(lambda t: t**2, x), [[2.0, 0.0], [0.0, 4.0]], 8, "functional.jacobian")
    kit.compare(worst, functional.hessian(lambda t: (t**3).sum(), x), [[6.0, 0.0], [0.0, 12.0]], 8, "functional.hessian")
    kit.compare(worst, functional.vjp(lambda t: t**2, x, kit.of([1.0, 10.0], kit.finest))[1], [2.0, 40.0], 8, "functional.vjp")
    kit.compare(worst, functional.jvp(lambda t: t**2, x, kit.of([1.0, 10.0], kit.finest))[1], [2.0, 40.0], 8, "functional.jvp")


def autograd_clip(kit, worst):
    """clip_grad_norm_ and clip_grad_value_ against their definitions; small gradients are left alone."""
    utils, torch = kit.torch.nn.utils, kit.torch
    gradients = [[3.0, -4.0, 0.0], [-12.0, 0.0]]

    def fresh():
        parts = [kit.leaf(kit.of([0.0] * 3)), kit.leaf(kit.of([0.0] * 2))]
        for part, gradient in zip(parts, gradients):
            part.grad = kit.of(gradient)
        return parts

    table = ((1.0, 2.0, 13.0), (5.0, 2.0, 13.0), (2.0, 1.0, 19.0), (6.0, float("inf"), 12.0))
    for limit, kind, norm in table:
        parts = fresh()
        kit.compare(worst, utils.clip_grad_norm_(parts, limit, kind), [norm], 16, "the norm that is returned, p = %s" % kind)
        scale = limit / (norm + 1e-6)
        for part, gradient in zip(parts, gradients):
            kit.compare(worst, part.grad, [g * scale for g in gradient], 16, "clip_grad_norm_ to %s, p = %s" % (limit, kind))
    parts = fresh()
    utils.clip_grad_norm_(parts, 100.0)
    worst.equal([plain(p.grad) for p in parts] == gradients, "gradients within the limit stay")
    utils.clip_grad_value_(parts, 3.5)
    worst.same([p.grad for p in parts], [[3.0, -3.5, 0.0], [-3.5, 0.0]], "clip_grad_value_")
    parts[0].grad = kit.of([-9.0, 1.0, float("nan")])
    worst.refuses(lambda: utils.clip_grad_norm_(parts, 1.0, error_if_nonfinite=True), RuntimeError, "a gradient that is no number")
    targets = fresh()
    with torch.no_grad():
        utils.vector_to_parameters(kit.of([1.0, 2.0, 3.0, 4.0, 5.0]), targets)
    worst.same(targets, [[1.0, 2.0, 3.0], [4.0, 5.0]], "vector_to_parameters")
    worst.same(utils.parameters_to_vector(targets), [1.0, 2.0, 3.0, 4.0, 5.0], "parameters_to_vector")


CHECKS = {
    "autograd.chain": autograd_chain,
    "autograd.second": autograd_second,
    "autograd.book": autograd_book,
    "autograd.hooks": autograd_hooks,
    "autograd.clip": autograd_clip,
}
