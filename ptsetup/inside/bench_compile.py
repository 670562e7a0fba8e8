"""Checks of torch.compile: with its compiler below, and without."""

import os
import shutil
import tempfile

from ptsetup_bench_main import Unavailable, plain

NO_COMPILER = (
    "No working C++ compiler",
    "InvalidCxxCompiler",
    "Python.h",
    "TritonMissing",
    "working triton",
    "Dynamo is not supported",
    "torch.compile is not supported",
    "not supported on Windows",
    "Compiler: cl is not found",
    "No module named 'setuptools'",
    "No module named 'numpy'",
)
"""What torch.compile says where the machine lacks something that it needs; everything else is a defect."""


class _NewCache(object):
    """An empty folder for inductor's files: a cached success would hide a compiler that has gone."""

    NAMES = ("TORCHINDUCTOR_CACHE_DIR", "TORCHINDUCTOR_FORCE_DISABLE_CACHES", "TRITON_CACHE_DIR")

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="ptsetup-compile-")
        self.before = dict((name, os.environ.get(name)) for name in self.NAMES)
        os.environ.update(
            TORCHINDUCTOR_CACHE_DIR=self.folder, TORCHINDUCTOR_FORCE_DISABLE_CACHES="1", TRITON_CACHE_DIR=self.folder
        )
        return self

    def __exit__(self, *ignored):
        for name, value in self.before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        shutil.rmtree(self.folder, ignore_errors=True)


def _net(kit):
    """What compilers got wrong in the past: layer norm, softmax, broadcast and sum, beside an MLP."""
    torch, f = kit.torch, kit.torch.nn.functional

    class Net(torch.nn.Module):
        def __init__(self):
            super(Net, self).__init__()
            self.first, self.second = torch.nn.Linear(6, 8), torch.nn.Linear(8, 4)
            self.norm = torch.nn.LayerNorm(8)

        def forward(self, x):
            h = self.norm(f.gelu(self.first(x)))
            y = f.softmax(self.second(h), 1)
            return y + (h[:, :, None] * y[:, None, :]).sum(1)

    torch.manual_seed(kit.seed)
    return Net()


def _compiled(kit, worst, backend, bound):
    """A compiled net in training and in evaluation against the plain one in float64 on the CPU."""
    torch = kit.torch
    model, wide = _net(kit).to(kit.device), _net(kit).double()
    wide.load_state_dict(model.state_dict())
    try:
        torch._dynamo.reset()
        compiled = torch.compile(model, backend=backend)
        for rows in (16, 5):
            x = kit.to(kit.randn(rows, 6, salt=400 + rows))
            want = wide(x.cpu().double())
            model.zero_grad()
            wide.zero_grad()
            got = compiled(x)
            got.pow(2).sum().backward()
            want.pow(2).sum().backward()
            worst.add(kit.distance(got, want), bound, "rel", "forward, %d rows" % rows)
            for (name, one), (_, other) in zip(model.named_parameters(), wide.named_parameters()):
                worst.add(kit.distance(one.grad, other.grad), 10 * bound, "rel", "gradient of %s, %d rows" % (name, rows))
        with torch.no_grad():
            worst.add(kit.distance(compiled(x), want.detach()), bound, "rel", "without gradients")
    except Exception as problem:
        words = "%s: %s" % (type(problem).__name__, " ".join(str(problem).split())[:400])
        if any(word in words for word in NO_COMPILER):
            raise Unavailable(words)
        raise


def compile_mlp(kit, worst):
    """torch.compile (inductor), forward and backward, against float64; into a new cache folder, so that a missing compiler shows."""
    if not hasattr(kit.torch, "compile"):
        raise Unavailable("this torch has no torch.compile (2.0 and newer)")
    with _NewCache():
        _compiled(kit, worst, "inductor", 1e-5)


def compile_graph(kit, worst):
    """torch.compile without a compiler below it: graphs, their breaks, branches, and backward by AOT autograd."""
    torch = kit.torch
    if not hasattr(torch, "compile"):
        raise Unavailable("this torch has no torch.compile (2.0 and newer)")
    _compiled(kit, worst, "aot_eager", 1e-5)

    def branch(x):
        y = x * 2
        if bool(y.sum() > 0):
            return y + 1
        return y - 1

    compiled = torch.compile(branch, backend="eager")
    for sign in (1.0, -1.0):
        worst.same(compiled(kit.of([sign, sign])), plain(branch(kit.of([sign, sign]))), "a branch on data, sign %g" % sign)
    torch._dynamo.reset()


CHECKS = {
    "compile.mlp": compile_mlp,
    "compile.graph": compile_graph,
}
