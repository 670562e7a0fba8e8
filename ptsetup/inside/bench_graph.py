"""Checks at the edges of autograd: gradients at zeros and ties, modes after errors, hooks of every kind, transforms. References: closed forms."""

import math

from ptsetup_bench_main import plain


def autograd_edges(kit, worst):
    """Gradients at zeros and ties; modes as decorators and after errors; hooks of every kind; custom functions."""
    _zeros(kit, worst)
    _ties(kit, worst)
    _modes(kit, worst)
    _hooks(kit, worst)
    _module_hooks(kit, worst)
    _weights(kit, worst)
    _custom(kit, worst)
    _in_place(kit, worst)
    _saved(kit, worst)


def _slope(kit, values, function, weights=None):
    leaf = kit.leaf(kit.of(values, kit.finest), kit.finest)
    out = function(leaf)
    (out * kit.of(weights, kit.finest) if weights else out).sum().backward()
    return leaf.grad


def _zeros(kit, worst):
    """What a formula that divides would make a NaN of."""
    torch, f, linalg = kit.torch, kit.torch.nn.functional, kit.torch.linalg
    for label, values, function, want in (
        ("prod with one zero", [2.0, 0.0, 3.0], lambda t: t.prod(), [0.0, 6.0, 0.0]),
        ("torch.prod with one zero", [2.0, 0.0, 3.0], torch.prod, [0.0, 6.0, 0.0]),
        ("prod with two zeros", [2.0, 0.0, 0.0], lambda t: t.prod(), [0.0, 0.0, 0.0]),
        ("prod of rows with a zero", [[2.0, 0.0, 3.0]], lambda t: t.prod(1), [[0.0, 6.0, 0.0]]),
        ("cumprod past a zero", [2.0, 0.0, 3.0], lambda t: t.cumprod(0), [1.0, 8.0, 0.0]),
        ("norm at zero", [0.0, 0.0], lambda t: t.norm(), [0.0, 0.0]),
        ("torch.norm at zero", [0.0, 0.0], torch.norm, [0.0, 0.0]),
        ("vector_norm at zero", [0.0, 0.0], linalg.vector_norm, [0.0, 0.0]),
        ("linalg.norm at zero", [0.0, 0.0], linalg.norm, [0.0, 0.0]),
        ("norm of rows at zero", [[0.0, 0.0], [3.0, 4.0]], lambda t: t.norm(dim=1), [[0.0, 0.0], [0.6, 0.8]]),
        ("norm, p 1, at zero", [0.0, -2.0], lambda t: t.norm(1), [0.0, -1.0]),
        ("abs at zero", [0.0, -2.0, 2.0], torch.abs, [0.0, -1.0, 1.0]),
        ("relu at zero", [0.0, -1.0, 1.0], f.relu, [0.0, 0.0, 1.0]),
        ("clamp", [0.5, 2.0, -1.0], lambda t: t.clamp(0, 1), [1.0, 0.0, 0.0]),
        ("square root far from zero", [4.0], torch.sqrt, [0.25]),
        ("x ** 0 at zero", [0.0, 2.0], lambda t: t**0, [0.0, 0.0]),
        ("x ** 2 at zero", [0.0, 2.0], lambda t: t**2, [0.0, 4.0]),
        ("x ** 1 at zero", [0.0, 2.0], lambda t: t**1, [1.0, 1.0]),
        ("sinc at zero", [0.0], torch.sinc, [0.0]),
        ("xlogy at zero", [2.0], lambda t: torch.xlogy(torch.zeros_like(t), t), [0.0]),
        ("normalize near zero", [0.0, 0.0], lambda t: f.normalize(t, dim=0, eps=0.5), [2.0, 2.0]),
        ("cdist at zero", [[1.0, 1.0]], lambda t: torch.cdist(t, t.detach()), [[0.0, 0.0]]),
        ("where beside an infinity", [0.0, 4.0], lambda t: torch.where(t > 0, t, -t), [-1.0, 1.0]),
        ("logsumexp beside -inf", [0.0, -float("inf"), 0.0], lambda t: torch.logsumexp(t, 0), [0.5, 0.0, 0.5]),
        ("softmax beside -inf", [0.0, -float("inf"), 0.0], lambda t: torch.softmax(t, 0)[0], [0.25, 0.0, -0.25]),
        ("hypot on an axis", [3.0, 0.0], lambda t: torch.hypot(t[:1], t[1:]), [1.0, 0.0]),
        ("round", [0.4, 1.6], torch.round, [0.0, 0.0]),
        ("sign", [0.4, -1.6], torch.sign, [0.0, 0.0]),
        ("remainder", [5.5, -5.5], lambda t: t % 2, [1.0, 1.0]),
        ("nan_to_num", [float("nan"), 1.0], torch.nan_to_num, [0.0, 1.0]),
    ):
        kit.compare(worst, _slope(kit, values, function), want, 8, "gradient of %s" % label)


    # what is infinite, or no number, is told and not hidden
    for label, function, want in (("sqrt at zero", torch.sqrt, float("inf")), ("log at zero", torch.log, float("inf")), ("x / x at zero", lambda t: t / t, float("nan"))):
        leaf = kit.leaf(kit.of([0.0]))
        kit.compare(worst, torch.autograd.grad(function(leaf).sum(), leaf)[0], [want], 1, "autograd.grad of %s" % label)
        function(leaf).sum().backward()
        kit.compare(worst, leaf.grad, [want], 1, "gradient of %s" % label)


def _ties(kit, worst):
    torch = kit.torch
    for label, values, function, want in (
        ("amax of equals", [[1.0, 2.0, 2.0]], lambda t: torch.amax(t, 1), [[0.0, 0.5, 0.5]]),
        ("Tensor.amax of equals", [[1.0, 2.0, 2.0]], lambda t: t.amax(1), [[0.0, 0.5, 0.5]]),
        ("amin of equals", [[1.0, 1.0, 2.0]], lambda t: torch.amin(t, 1), [[0.5, 0.5, 0.0]]),
        ("max of all, equals", [1.0, 2.0, 2.0], lambda t: t.max(), [0.0, 0.5, 0.5]),
        ("maximum of equals", [1.0, 2.0], lambda t: torch.maximum(t, t.detach()), [0.5, 0.5]),
        ("minimum of equals", [1.0, 2.0], lambda t: torch.minimum(t, t.detach()), [0.5, 0.5]),
        ("sort", [3.0, 1.0, 2.0], lambda t: t.sort()[0] * t.detach().new_tensor([1.0, 10.0, 100.0]), [100.0, 1.0, 10.0]),
        ("sort, descending", [3.0, 1.0, 2.0], lambda t: t.sort(descending=True)[0] * t.detach().new_tensor([1.0, 10.0, 100.0]), [1.0, 100.0, 10.0]),
        ("topk", [3.0, 1.0, 2.0], lambda t: t.topk(2)[0] * t.detach().new_tensor([1.0, 10.0]), [1.0, 0.0, 10.0]),
        ("kthvalue", [3.0, 1.0, 2.0], lambda t: t.kthvalue(2)[0], [0.0, 0.0, 1.0]),
        ("median", [3.0, 1.0, 2.0, 9.0], lambda t: t.median(), [0.0, 0.0, 1.0, 0.0]),
        ("quantile", [3.0, 1.0, 2.0], lambda t: torch.quantile(t, 0.25), [0.0, 0.5, 0.5]),
        ("cummax", [1.0, 3.0, 2.0], lambda t: t.cummax(0)[0] * t.detach().new_tensor([1.0, 10.0, 100.0]), [1.0, 110.0, 0.0]),
        ("scatter over itself", [1.0, 2.0, 3.0], lambda t: t.scatter(0, kit.whole(1), 5.0), [1.0, 0.0, 1.0]),
        ("index_put, accumulating", [1.0, 2.0], lambda t: torch.zeros_like(t).index_put((kit.whole(0, 0),), t, accumulate=True) * 3, [3.0, 3.0]),
        ("gather, twice", [1.0, 2.0], lambda t: t.gather(0, kit.whole(1, 1, 0)), [1.0, 2.0]),
        ("index_select, twice", [1.0, 2.0], lambda t: t.index_select(0, kit.whole(1, 1, 0)), [1.0, 2.0]),
        ("masked_select", [1.0, 2.0], lambda t: t.masked_select(t.detach() > 1), [0.0, 1.0]),
        ("masked_scatter", [1.0, 2.0], lambda t: torch.zeros(3).to(t).masked_scatter(kit.of([True, False, True], torch.bool), t * 3), [3.0, 3.0]),
        ("repeat_interleave", [1.0, 2.0], lambda t: t.repeat_interleave(kit.whole(3, 1)), [3.0, 1.0]),
        ("expand", [1.0, 2.0], lambda t: t.expand(4, 2), [4.0, 4.0]),
        ("as_strided, overlapping", [1.0, 2.0, 3.0], lambda t: t.as_strided((2, 2), (1, 1)), [1.0, 2.0, 1.0]),
        ("unfold, overlapping", [1.0, 2.0, 3.0], lambda t: t.unfold(0, 2, 1), [1.0, 2.0, 1.0]),
        ("flip and roll", [1.0, 2.0, 3.0], lambda t: t.flip(0).roll(1) * t.detach().new_tensor([1.0, 10.0, 100.0]), [1.0, 100.0, 10.0]),
    ):
        kit.compare(worst, _slope(kit, values, function), want, 8, "gradient of %s" % label)


def _modes(kit, worst):
    """no_grad and its kin as contexts, decorators and functions; an error inside must not leave them on."""
    torch = kit.torch
    w = kit.leaf(kit.of([1.0]))
    for name, make, want in (
        ("no_grad", torch.no_grad, False), ("inference_mode", torch.inference_mode, False), ("enable_grad", torch.enable_grad, True),
        ("set_grad_enabled(False)", lambda: torch.set_grad_enabled(False), False),
    ):
        try:
            with make():
                raise KeyError(name)
        except KeyError:
            worst.equal(torch.is_grad_enabled() and (w * 1).requires_grad, "gradients are on after an error within %s" % name)
        torch.set_grad_enabled(True)
        with make():
            worst.equal((w * 1).requires_grad == want and torch.is_grad_enabled() == want, "%s" % name)
        worst.equal(torch.is_grad_enabled(), "gradients are on after %s" % name)
        torch.set_grad_enabled(True)
        if not name.startswith("set") or kit.version >= (2, 1):
            worst.equal(make()(lambda: (w * 1).requires_grad)() == want and torch.is_grad_enabled(), "%s as a decorator" % name)
    torch.set_grad_enabled(False)
    is_off = not (w * 1).requires_grad
    torch.set_grad_enabled(True)
    worst.equal(is_off and (w * 1).requires_grad, "set_grad_enabled as a function")

    @torch.no_grad()
    def several():
        yield (w * 1).requires_grad
        yield (w * 1).requires_grad

    worst.equal([(value, torch.is_grad_enabled()) for value in several()] == [(False, True)] * 2, "no_grad over a generator")
    with torch.inference_mode():
        made = torch.ones(1, device=kit.device)
    worst.refuses(lambda: (w * made).sum().backward(), RuntimeError, "a tensor of inference_mode in a graph")
    with torch.autograd.set_grad_enabled(True), torch.no_grad(), torch.enable_grad():
        worst.equal((w * 1).requires_grad, "the innermost mode counts")


def _hooks(kit, worst):
    torch = kit.torch
    v = kit.leaf(kit.of([1.0, 2.0]))
    middle = v * 3
    seen = []
    middle.register_hook(lambda g: seen.append("first") or g * 2)
    middle.register_hook(lambda g: seen.append("second") or g + 1)
    middle.sum().backward()
    worst.equal(seen == ["first", "second"] and plain(v.grad) == [9.0, 9.0], "two hooks of one tensor, in order")
    if hasattr(v, "register_post_accumulate_grad_hook"):
        taken = []
        handle = v.register_post_accumulate_grad_hook(lambda p: taken.append(plain(p.grad)))
        v.grad = None
        (v * 2).sum().backward()
        (v * 2).sum().backward()
        handle.remove()
        (v * 2).sum().backward()
        worst.same(taken, [[2.0, 2.0], [4.0, 4.0]], "a hook after the gradient was added")
    x = kit.leaf(kit.of([1.0]))
    calls, y = [], x * 2
    y.grad_fn.register_hook(lambda given, got: calls.append(plain(got[0])))
    y.sum().backward()
    worst.same(calls, [[1.0]], "a hook of a node")
    z = x * 2
    z.retain_grad()
    z.register_hook(lambda g: g * 5)
    z.sum().backward()
    if kit.version >= (2, 0):
        worst.same(z.grad, [5.0], "retain_grad keeps what hooks made")


def _module_hooks(kit, worst):
    torch = kit.torch
    module, order = torch.nn.Linear(1, 1, bias=False).to(kit.device), []
    with torch.no_grad():
        module.weight.fill_(3.0)
    x = kit.leaf(kit.of([[2.0]]))
    handles = [
        module.register_forward_pre_hook(lambda m, given: (given[0] * 10,)),
        module.register_forward_hook(lambda m, given, out: order.append(plain(given[0])) or out + 1),
        module.register_full_backward_hook(lambda m, inner, outer: order.append(plain(outer[0])) or (inner[0] * 7,)),
    ]
    if hasattr(module, "register_full_backward_pre_hook"):
        handles.append(module.register_full_backward_pre_hook(lambda m, outer: (outer[0] * 2,)))
    out = module(x)
    out.sum().backward()
    twice = 2.0 if len(handles) == 4 else 1.0
    worst.same(out, [[61.0]], "a pre-hook changes what is given, a hook what comes out")
    worst.same(order, [[[20.0]], [[twice]]], "what the hooks are given")
    worst.same([x.grad, module.weight.grad], [[[210.0 * twice]], [[20.0 * twice]]], "backward hooks of a module change the gradient of its input")
    for handle in handles:
        handle.remove()
    worst.same(module(x), [[6.0]], "removed hooks are gone")
    keyed = []
    if kit.version >= (2, 0):
        module.register_forward_pre_hook(lambda m, given, named: keyed.append(sorted(named)) or (given, {}), with_kwargs=True)
        module.register_forward_hook(lambda m, given, out: out * 2, prepend=True)
        worst.equal(plain(module(x)) == [[12.0]] and keyed == [[]], "hooks with names")


def _weights(kit, worst):
    """Vector-Jacobian products with given weights, several outputs, batches of them, and what nobody used."""
    grad, torch = kit.torch.autograd.grad, kit.torch
    x, y = kit.leaf(kit.of([1.0, 2.0])), kit.leaf(kit.of([3.0, 4.0]))
    worst.same(grad(x * x, x, kit.of([1.0, 10.0]))[0], [2.0, 40.0], "grad with weights")
    worst.same(grad((x * x).sum(), x, kit.of(3.0))[0], [6.0, 12.0], "grad with a weight of a number")
    worst.same([plain(g) for g in grad([x * y, y * 2], [x, y], [kit.of([1.0, 1.0]), kit.of([1.0, 10.0])])], [[3.0, 4.0], [3.0, 22.0]], "grad of two outputs")
    batch = grad(x * x, x, kit.of([[1.0, 0.0], [0.0, 1.0]]), is_grads_batched=True)[0]
    worst.same(batch, [[2.0, 0.0], [0.0, 4.0]], "a batch of weights")
    worst.refuses(lambda: grad(x.sum(), y), RuntimeError, "an input that was not used")
    worst.same(grad(x.sum(), y, allow_unused=True)[0], None, "allow_unused")
    (x * y).backward(kit.of([1.0, 2.0]), inputs=[x])
    worst.equal(plain(x.grad) == [3.0, 8.0] and y.grad is None, "backward into chosen leaves")
    torch.autograd.backward([x.sum(), (y * 2).sum()])
    worst.same([x.grad, y.grad], [[4.0, 9.0], [2.0, 2.0]], "backward of two outputs")


def _custom(kit, worst):
    torch = kit.torch
    asked = []

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            sign = torch.sign(a)
            ctx.mark_non_differentiable(sign)
            return a * b, a + b, sign

        @staticmethod
        def backward(ctx, first, second, third):
            a, b = ctx.saved_tensors
            asked.append((ctx.needs_input_grad, plain(second)))
            return first * b + second, (first * a + second) if ctx.needs_input_grad[1] else None

    a, b = kit.leaf(kit.of([2.0, -3.0])), kit.of([5.0, 7.0])
    product, total, sign = Product.apply(a, b)
    worst.equal(not sign.requires_grad and product.requires_grad, "mark_non_differentiable")
    product.sum().backward()
    worst.same([a.grad, asked], [[5.0, 7.0], [[[True, False], [0.0, 0.0]]]], "what a custom function is asked for; outputs that nobody used count as zeros")
    c = kit.leaf(b)
    (slope,) = torch.autograd.grad(Product.apply(a, c)[0].sum(), a, create_graph=True)
    worst.same(torch.autograd.grad((slope * slope).sum(), c)[0], [10.0, 14.0], "double backward through a custom function")


def _in_place(kit, worst):
    """Views of leaves and of results that are written in place."""
    torch = kit.torch
    x = kit.leaf(kit.of([1.0, 2.0, 3.0, 4.0]))
    y = x * 1
    y[:2].mul_(3)
    y.view(2, 2)[1, 0] = 7.0
    y[3:] += x[:1]
    (y * y).sum().backward()
    worst.same([y, x.grad], [[3.0, 6.0, 7.0, 5.0], [28.0, 36.0, 0.0, 10.0]], "gradients past writing through views")
    x.grad = None
    z = x * 1
    z.copy_(2 * x)
    z.clamp_(max=5).add_(x, alpha=10)
    z.sum().backward()
    worst.same(x.grad, [12.0, 12.0, 10.0, 10.0], "gradients past copy_, clamp_ and add_")
    x.grad = None
    w = x.clone()
    w[kit.whole(0, 0)] = 5.0
    w.masked_fill_(kit.of([False, True, False, False], torch.bool), 1.0)
    w.index_add_(0, kit.whole(3, 3), x[:2])
    w.sum().backward()
    worst.same(x.grad, [1.0, 1.0, 1.0, 1.0], "gradients past index writing")
    worst.refuses(lambda: x[0].fill_(1.0), RuntimeError, "writing to a view of a leaf")
    part = x.detach()
    part[0] = 9.0
    worst.equal(float(x[0].detach()) == 9.0, "a detached view writes to its base")


def _saved(kit, worst):
    """Checkpointing in both forms, with dropout and several outputs; saved tensors on the CPU."""
    from torch.utils.checkpoint import checkpoint, checkpoint_sequential

    torch, f = kit.torch, kit.torch.nn.functional
    for reentrant in (False, True):
        x = kit.leaf(kit.randn(300, salt=471))
        y, z = checkpoint(lambda t: (f.dropout(t, 0.5), t * t), x, use_reentrant=reentrant)
        (y.sum() + z.sum()).backward()
        want = [u / v + 2 * v for u, v in zip(kit.numbers(y), kit.numbers(x))]
        kit.compare(worst, x.grad, want, 64, "checkpoint with dropout, use_reentrant=%s" % reentrant)
    torch.manual_seed(kit.seed)
    net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh(), torch.nn.Linear(3, 3), torch.nn.Tanh()).to(kit.device)
    found = []
    for is_saved in (False, True):
        x = kit.leaf(kit.randn(4, 3, salt=472))
        options = {"use_reentrant": False} if kit.version >= (2, 1) else {}
        (checkpoint_sequential(net, 2, x, **options) if is_saved else net(x)).sum().backward()
        found.append(kit.numbers(x.grad))
    kit.compare(worst, found[1], found[0], 16, "checkpoint_sequential", torch.float32)
    with torch.autograd.graph.save_on_cpu():
        x = kit.leaf(kit.of([2.0]))
        y = x * x * x
    y.sum().backward()
    worst.same(x.grad, [12.0], "save_on_cpu")
    packed = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: packed.append(1) or t * 10, lambda t: t):
        x = kit.leaf(kit.of([2.0]))
        y = torch.exp(x)
    y.sum().backward()
    kit.compare(worst, x.grad, [10 * math.exp(2)], 16, "what hooks of saved tensors keep is used")


CHECKS = {
    "autograd.edges": autograd_edges,
}
