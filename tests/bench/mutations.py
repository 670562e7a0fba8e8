"""Defects that a broken torch might have, injected from outside: a startup file on the child's path wraps one function after import."""

import pathlib

STARTUP = '''
import importlib.abc, importlib.machinery, os, sys

class Finder(importlib.abc.MetaPathFinder):
    """Applies the defect once torch has been imported whole."""

    def find_spec(self, name, path, target=None):
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            import defects
            getattr(defects, os.environ["PTSETUP_TEST_DEFECT"])(module)

        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Finder())
'''

DEFECTS = """
import functools

def wrap(holder, name, change):
    old = getattr(holder, name)
    setattr(holder, name, functools.wraps(old)(lambda *a, **k: change(old, *a, **k)))

def adam_without_bias_correction(torch):
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                s = self.state[p]
                m = s.setdefault("m", torch.zeros_like(p)); v = s.setdefault("v", torch.zeros_like(p))
                b1, b2 = group["betas"]
                with torch.no_grad():
                    m.mul_(b1).add_(p.grad, alpha=1 - b1); v.mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
                    p.sub_(group["lr"] * m / (v.sqrt() + group["eps"]))
    torch.optim.Adam.step = step

def relu_gradient(torch):
    class R(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x); return x.clamp(min=0)
        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors; return g * (x > 0) + 1e-3 * g
    torch.nn.functional.relu = lambda x, inplace=False: R.apply(x)

def matmul_scaled(torch):
    old = torch.Tensor.__matmul__
    torch.Tensor.__matmul__ = lambda a, b: old(a, b) * 1.001

def cross_entropy_sums(torch):
    wrap(torch.nn.functional, "cross_entropy", lambda old, *a, **k: old(*a, **dict(k, reduction="sum")))

def conv_zeros(torch):
    wrap(torch.nn.functional, "conv2d", lambda old, *a, **k: old(*a, **k) * 0)

def dropout_share(torch):
    wrap(torch.nn.functional, "dropout", lambda old, x, p=0.5, training=True, inplace=False: old(x, p + 0.01 if p else p, training))

def sdpa_scale(torch):
    wrap(torch.nn.functional, "scaled_dot_product_attention", lambda old, q, *a, **k: old(q * 1.05, *a, **k))

def fft_conjugated(torch):
    wrap(torch.fft, "fft", lambda old, *a, **k: old(*a, **k).conj())

def sgd_without_momentum(torch):
    old = torch.optim.SGD.__init__
    torch.optim.SGD.__init__ = lambda self, params, lr=1e-3, momentum=0, **k: old(self, params, lr=lr, momentum=0, **dict(k, nesterov=False))

def one_wrong_element(torch):
    old = torch.Tensor.__matmul__
    def product(a, b):
        c = old(a, b)
        if c.dim() == 2 and c.shape[0] > 512:
            c[700, 3] += 1
        return c
    torch.Tensor.__matmul__ = product

def low_precision_product(torch):
    old = torch.Tensor.__matmul__
    torch.Tensor.__matmul__ = lambda a, b: old(a.bfloat16(), b.bfloat16()).float() if a.dtype == torch.float32 else old(a, b)

def batch_norm_in_eval(torch):
    wrap(torch.nn.functional, "batch_norm", lambda old, x, m, v, w=None, b=None, training=False, *a, **k: old(x, None, None, w, b, True, *a, **k) if not training else old(x, m, v, w, b, training, *a, **k))

def layer_norm_off(torch):
    wrap(torch.nn.functional, "layer_norm", lambda old, *a, **k: old(*a, **k) * 1.00001)

def lstm_gates_swapped(torch):
    old = torch.nn.LSTM.forward
    def forward(self, x, *a):
        h = self.hidden_size
        with torch.no_grad():
            for w in self.parameters():
                w.copy_(torch.cat([w[h:2 * h], w[:h], w[2 * h:]]))
        result = old(self, x, *a)
        with torch.no_grad():
            for w in self.parameters():
                w.copy_(torch.cat([w[h:2 * h], w[:h], w[2 * h:]]))
        return result
    torch.nn.LSTM.forward = forward

def embedding_gradient(torch):
    class E(torch.autograd.Function):
        @staticmethod
        def forward(ctx, w, i):
            ctx.save_for_backward(i); ctx.rows = w.shape; return w[i]
        @staticmethod
        def backward(ctx, g):
            (i,) = ctx.saved_tensors; out = torch.zeros(ctx.rows)
            out[i.reshape(-1)] = g.reshape(-1, g.shape[-1]); return out, None
    torch.nn.functional.embedding = lambda i, w, *a, **k: E.apply(w, i)

def ddp_sums(torch):
    old = torch.nn.parallel.DistributedDataParallel.__init__
    def init(self, module, *a, **k):
        old(self, module, *a, **k)
        for p in module.parameters():
            p.register_post_accumulate_grad_hook(lambda q: None)
            p.register_hook(lambda g: g * 2)
    torch.nn.parallel.DistributedDataParallel.__init__ = init

def loader_drops(torch):
    old = torch.utils.data.RandomSampler.__iter__
    torch.utils.data.RandomSampler.__iter__ = lambda self: iter(list(old(self))[:-1] + [0])

def state_loses_buffer(torch):
    wrap(torch.nn.Module, "state_dict", lambda old, *a, **k: type(d := old(*a, **k))((n, v) for n, v in d.items() if "running_mean" not in n))

def scheduler_off_by_one(torch):
    old = torch.optim.lr_scheduler.StepLR.get_lr
    def get_lr(self):
        self.last_epoch += 1
        try:
            return old(self)
        finally:
            self.last_epoch -= 1
    torch.optim.lr_scheduler.StepLR.get_lr = get_lr

def adamw_coupled(torch):
    torch.optim.AdamW = type("AdamW", (torch.optim.Adam,), {})

def clipping_does_nothing(torch):
    wrap(torch.nn.utils, "clip_grad_norm_", lambda old, p, *a, **k: old(p, 1e9))

def gelu_form(torch):
    wrap(torch.nn.functional, "gelu", lambda old, x, approximate="none": old(x, approximate="tanh"))

def double_backward(torch):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x); return x.detach() ** 3
        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors; return g * (3 * x * x).detach()
    old = torch.Tensor.__pow__
    torch.Tensor.__pow__ = lambda x, n: Cube.apply(x) if n == 3 and x.requires_grad else old(x, n)

def scaler_never_skips(torch):
    torch.amp.GradScaler._maybe_opt_step = lambda self, optimizer, state, *a, **k: optimizer.step(*a, **k)

def stale_gradient(torch):
    torch.optim.Optimizer.zero_grad = lambda self, set_to_none=True: None

def pooling_off(torch):
    wrap(torch.nn.functional, "max_pool2d", lambda old, x, *a, **k: old(x.roll(1, -1), *a, **k))

def cumsum_late(torch):
    wrap(torch, "cumsum", lambda old, x, dim, **k: old(x, dim, **k) - x)

def svd_values(torch):
    wrap(torch.linalg, "svd", lambda old, *a, **k: (lambda u, s, v: (u, s * 1.0001, v))(*old(*a, **k)))

def interpolate_shifted(torch):
    wrap(torch.nn.functional, "interpolate", lambda old, x, *a, **k: old(x, *a, **dict(k, align_corners=False) if k.get("mode") == "bilinear" else k))

def l1_loss_sums(torch):
    wrap(torch.nn.functional, "l1_loss", lambda old, *a, **k: old(*a, reduction="sum"))

def group_norm_groups(torch):
    wrap(torch.nn.functional, "group_norm", lambda old, x, groups, *a, **k: old(x, 1, *a, **k))

def mask_leaks(torch):
    wrap(torch.nn.functional, "scaled_dot_product_attention", lambda old, q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, **o: old(q, k, v, **o))

def seed_ignored(torch):
    torch.manual_seed = lambda seed: torch.default_generator

def pickle_trusted(torch):
    wrap(torch, "load", lambda old, f, *a, **k: old(f, weights_only=False))
"""

CAUGHT = {
    "adam_without_bias_correction": ("optim.adam", "optimizer kernels"),
    "relu_gradient": ("autograd.ops", "backward formula"),
    "matmul_scaled": ("matmul.dtypes", "BLAS"),
    "cross_entropy_sums": ("loss.mean", "loss kernels"),
    "conv_zeros": ("conv.forms", "cuDNN"),
    "dropout_share": ("random.dropout", "dropout"),
    "sdpa_scale": ("attention.sdpa", "flash"),
    "fft_conjugated": ("fft.dft", "cuFFT"),
    "sgd_without_momentum": ("optim.sgd", "optimizer kernels"),
    "one_wrong_element": ("matmul.big", "large shapes"),
    "low_precision_product": ("precision.mode", "math mode"),
    "batch_norm_in_eval": ("norm.forms", "cuDNN"),
    "layer_norm_off": ("norm.forms", "oneDNN"),
    "lstm_gates_swapped": ("rnn.gates", "recurrent"),
    "embedding_gradient": ("embedding.rows", "scatter"),
    "ddp_sums": ("parallel.ddp", "NCCL"),
    "loader_drops": ("data.loader", "worker processes"),
    "state_loses_buffer": ("data.save", "loses a buffer"),
    "scheduler_off_by_one": ("optim.schedulers", "Python code"),
    "adamw_coupled": ("optim.adamw", "optimizer kernels"),
    "clipping_does_nothing": ("autograd.clip", "Python code"),
    "gelu_form": ("activation.forms", "kernels"),
    "double_backward": ("autograd.chain", "autograd engine"),
    "scaler_never_skips": ("amp.scaler", "GradScaler"),
    "stale_gradient": ("autograd.book", "autograd engine"),
    "pooling_off": ("conv.pool", "kernels"),
    "cumsum_late": ("tensor.order", "kernels"),
    "svd_values": ("linalg.residuals", "LAPACK"),
    "interpolate_shifted": ("vision.sampling", "vision kernels"),
    "l1_loss_sums": ("loss.mean", "loss kernels"),
    "group_norm_groups": ("norm.forms", "cuDNN"),
    "mask_leaks": ("attention.sdpa", "kernel"),
    "seed_ignored": ("random.draws", "generators"),
    "pickle_trusted": ("data.pickle", "unpickler"),
}
"""Defect -> the check that turns red, and a word of what it points to."""


def folder(place: pathlib.Path) -> pathlib.Path:
    """A folder for PYTHONPATH that holds the startup file and the defects."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "sitecustomize.py").write_text(STARTUP)
    (place / "defects.py").write_text(DEFECTS)
    return place
