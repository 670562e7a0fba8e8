"""Defects that a broken torch might have, injected from outside: a startup file on the child's path wraps one function after import."""

import pathlib

from tests.bench import more_defects, option_defects

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

def mean_as_sum(options):
    return dict(options, reduction="sum") if options.get("reduction", "mean") == "mean" else options

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
    wrap(torch.nn.functional, "cross_entropy", lambda old, *a, **k: old(*a, **mean_as_sum(k)))

def conv_zeros(torch):
    wrap(torch.nn.functional, "conv2d", lambda old, *a, **k: old(*a, **k) * 0)

def dropout_share(torch):
    wrap(torch.nn.functional, "dropout", lambda old, x, p=0.5, training=True, inplace=False: old(x, p + 0.01 if 0 < p < 0.9 else p, training))

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
            ctx.save_for_backward(i); ctx.like = w; return w[i]
        @staticmethod
        def backward(ctx, g):
            (i,) = ctx.saved_tensors; out = torch.zeros_like(ctx.like)
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
    wrap(torch.nn.utils, "clip_grad_norm_", lambda old, p, max_norm, *a, **k: old(p, max_norm * 1e9, *a, **k))

def gelu_form(torch):
    wrap(torch.nn.functional, "gelu", lambda old, x, approximate="none": old(x, approximate="tanh"))

def double_backward(torch):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x); return x.detach() ** 3
        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors; return g * (3 * x * x + 1e-3 * (x ** 3 - x.detach() ** 3))
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
    wrap(torch.nn.functional, "l1_loss", lambda old, *a, **k: old(*a, **mean_as_sum(k)))

def group_norm_groups(torch):
    wrap(torch.nn.functional, "group_norm", lambda old, x, groups, *a, **k: old(x, 1, *a, **k))

def mask_leaks(torch):
    wrap(torch.nn.functional, "scaled_dot_product_attention", lambda old, q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, **o: old(q, k, v, **o))

def seed_ignored(torch):
    torch.manual_seed = lambda seed: torch.default_generator

def pickle_trusted(torch):
    wrap(torch, "load", lambda old, f, *a, **k: old(f, weights_only=False))

def softmax_sharper(torch):
    wrap(torch.nn.functional, "softmax", lambda old, x, dim=None, *a, **k: old(x * 1.0001, dim, *a, **k))

def weight_decay_ignored(torch):
    old = torch.optim.SGD.__init__
    torch.optim.SGD.__init__ = lambda self, params, *a, **k: old(self, params, *a, **dict(k, weight_decay=0))

def nesterov_ignored(torch):
    old = torch.optim.SGD.__init__
    torch.optim.SGD.__init__ = lambda self, params, *a, **k: old(self, params, *a, **dict(k, nesterov=False))

def adam_state_lost(torch):
    old = torch.optim.Adam.load_state_dict
    def load(self, state):
        old(self, dict(state, state={}))
    torch.optim.Adam.load_state_dict = load

def einsum_scaled(torch):
    wrap(torch, "einsum", lambda old, form, *a: old(form, *a) * 1.0001)

def pooling_indices(torch):
    def shifted(old, *a, **k):
        values, where = old(*a, **k)
        return values, (where - 1).clamp(min=0)
    wrap(torch.nn.functional, "max_pool2d_with_indices", shifted)
    plain = torch.nn.functional.max_pool2d
    torch.nn.functional.max_pool2d = lambda x, *a, return_indices=False, **k: torch.nn.functional.max_pool2d_with_indices(x, *a, **k) if return_indices else plain(x, *a, **k)

def loader_repeats_in_workers(torch):
    fetcher = torch.utils.data._utils.fetch._MapDatasetFetcher
    old = fetcher.fetch
    fetcher.fetch = lambda self, where: old(self, [*where[:-1], where[0]] if torch.utils.data.get_worker_info() and isinstance(where, list) else where)

def loader_stale_batch(torch):
    import torch.utils.data.dataloader as module
    base, last = module._BaseDataLoaderIter, []
    old = base.__next__
    def following(self):
        batch = old(self)
        tensor = batch[0] if isinstance(batch, (list, tuple)) else batch
        if last and isinstance(tensor, torch.Tensor) and last[0].shape == tensor.shape and last[0].dtype == tensor.dtype:
            last[0].copy_(tensor)  # one buffer for all batches
        last[:] = [tensor]
        return batch
    base.__next__ = following

def layer_norm_gradient(torch):
    def half(old, x, *a, **k):
        y = old(x, *a, **k)
        return y.detach() + (y - y.detach()) * 1.001
    wrap(torch.nn.functional, "layer_norm", half)

def standard_deviation_biased(torch):
    old = torch.Tensor.std
    torch.Tensor.std = lambda x, *a, **k: old(x, *a, **dict(k, correction=0)) if not a and "unbiased" not in k else old(x, *a, **k)
    wrap(torch, "std", lambda old, x, *a, **k: old(x, *a, **dict(k, correction=0)) if not a and "unbiased" not in k else old(x, *a, **k))

def scatter_add_loses_duplicates(torch):
    old = torch.Tensor.scatter_add_
    torch.Tensor.scatter_add_ = lambda self, dim, index, source: self.scatter_(dim, index, source)
    torch.Tensor.scatter_add = lambda self, dim, index, source: self.clone().scatter_(dim, index, source)
    torch.scatter_add = torch.Tensor.scatter_add

def label_smoothing_ignored(torch):
    wrap(torch.nn.functional, "cross_entropy", lambda old, *a, **k: old(*a, **dict(k, label_smoothing=0.0)))

def class_weights_ignored(torch):
    wrap(torch.nn.functional, "cross_entropy", lambda old, x, y, weight=None, **k: old(x, y, **k))

def gru_reset_gate(torch):
    old = torch.nn.GRU.forward
    def forward(self, x, *a):
        h = self.hidden_size
        saved = [w.detach().clone() for w in self.parameters()]
        with torch.no_grad():
            for w in self.parameters():
                w.copy_(torch.cat([w[h:2 * h], w[:h], w[2 * h:]]))
        result = old(self, x, *a)
        with torch.no_grad():
            for w, s in zip(self.parameters(), saved):
                w.copy_(s)
        return result
    torch.nn.GRU.forward = forward

def heads_mask_ignored(torch):
    old = torch.nn.MultiheadAttention.forward
    torch.nn.MultiheadAttention.forward = lambda self, q, k, v, **o: old(self, q, k, v, **dict(o, attn_mask=None, key_padding_mask=None))

def cosine_schedule(torch):
    old = torch.optim.lr_scheduler.CosineAnnealingLR.__init__
    torch.optim.lr_scheduler.CosineAnnealingLR.__init__ = lambda self, o, T_max, *a, **k: old(self, o, T_max + 1, *a, **k)

def transposed_product(torch):
    old = torch.Tensor.__matmul__
    torch.Tensor.__matmul__ = lambda a, b: old(a, b) * 1.1 if a.dim() == 2 and not a.is_contiguous() and a.is_floating_point() else old(a, b)

def no_grad_leaks(torch):
    torch.no_grad.__enter__ = lambda self: None
    torch.no_grad.__exit__ = lambda self, *a: None

def running_mean_frozen(torch):
    wrap(torch.nn.functional, "batch_norm", lambda old, x, m, v, w=None, b=None, training=False, momentum=0.1, eps=1e-5: old(x, m, v, w, b, training, 0.0 if training else momentum, eps))

def autocast_does_nothing(torch):
    torch.amp.autocast.__enter__ = lambda self: self
    torch.amp.autocast.__exit__ = lambda self, *a: None

def solve_wrong(torch):
    wrap(torch.linalg, "solve", lambda old, *a, **k: old(*a, **k) * (1 + 1e-4))

def grid_sample_shrunk(torch):
    wrap(torch.nn.functional, "grid_sample", lambda old, x, grid, *a, **k: old(x, grid * 0.99, *a, **k))

def init_wrong(torch):
    wrap(torch.nn.init, "xavier_uniform_", lambda old, t, gain=1.0, **k: old(t, gain * 1.2, **k))

def vmap_scaled(torch):
    old = torch.func.vmap
    torch.func.vmap = lambda f, *a, **k: lambda *x: old(f, *a, **k)(*x) * 1.0001
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
    "seed_ignored": ("random.draws random.seeds", "generators"),
    "pickle_trusted": ("data.pickle", "unpickler"),
    "softmax_sharper": ("activation.forms", "kernels"),
    "weight_decay_ignored": ("optim.sgd", "optimizer kernels"),
    "nesterov_ignored": ("optim.sgd", "optimizer kernels"),
    "adam_state_lost": ("data.save", "torch.save"),
    "pooling_indices": ("conv.pool", "kernels"),
    "loader_repeats_in_workers": ("data.loader", "worker processes"),
    "layer_norm_gradient": ("autograd.ops", "backward formula"),
    "standard_deviation_biased": ("tensor.exact tensor.reduce", "kernels"),
    "scatter_add_loses_duplicates": ("tensor.order tensor.index", "kernels"),
    "label_smoothing_ignored": ("loss.mean", "loss kernels"),
    "gru_reset_gate": ("rnn.gates", "recurrent"),
    "heads_mask_ignored": ("attention.heads", "fused"),
    "cosine_schedule": ("optim.schedulers", "Python code"),
    "transposed_product": ("matmul.dtypes", "BLAS"),
    "no_grad_leaks": ("autograd.book", "autograd engine"),
    "running_mean_frozen": ("norm.forms", "cuDNN"),
    "autocast_does_nothing": ("amp.autocast", "autocast"),
    "solve_wrong": ("linalg.residuals", "LAPACK"),
    "grid_sample_shrunk": ("vision.sampling", "vision kernels"),
    "init_wrong": ("linear.init", "generators"),
    "vmap_scaled": ("func.transforms", "functorch"),
    **more_defects.CAUGHT,
    **option_defects.CAUGHT,
}
"""Defect -> the check that turns red (of several names, one of them does), and a word of what it points to."""


def folder(place: pathlib.Path) -> pathlib.Path:
    """A folder for PYTHONPATH that holds the startup file and the defects."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "sitecustomize.py").write_text(STARTUP)
    (place / "defects.py").write_text(DEFECTS + more_defects.MORE + option_defects.OPTIONS)
    return place
