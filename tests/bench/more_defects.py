"""More defects that a broken torch might have, found by looking for what the checks had missed; they follow those of ``mutations``."""

MORE = """
def qr_is_not_there(torch):
    def change(old, *a, **k):
        raise NotImplementedError("no LAPACK in this build")
    wrap(torch.linalg, "qr", change)

def dampening_always(torch):
    old = torch.optim.SGD.__init__
    torch.optim.SGD.__init__ = lambda self, params, *a, **k: old(self, params, *a, **(dict(k, dampening=0.1) if k.get("momentum") and not k.get("nesterov") else k))

def adam_step_one_late(torch):
    old = torch.optim.Adam.step
    def step(self, *a, **k):
        for g in self.param_groups:
            for p in g["params"]:
                if p in self.state and float(self.state[p]["step"]) == 1 and not self.state[p].get("moved"):
                    self.state[p]["step"] += 1; self.state[p]["moved"] = True
        return old(self, *a, **k)
    torch.optim.Adam.step = step

def running_var_biased(torch):
    def change(old, x, m, v, w=None, b=None, training=False, momentum=0.1, eps=1e-5):
        before = v.clone() if v is not None else None
        y = old(x, m, v, w, b, training, momentum, eps)
        if training and v is not None:
            n = x.numel() / x.shape[1]
            v.copy_((1 - momentum) * before + (v - (1 - momentum) * before) * (n - 1) / n)
        return y
    wrap(torch.nn.functional, "batch_norm", change)

def dropout_unscaled(torch):
    wrap(torch.nn.functional, "dropout", lambda old, x, p=0.5, training=True, inplace=False: old(x, p, training) * (1 - p) if training and 0 < p < 1 else old(x, p, training))

def conv_padding_shifted(torch):
    def change(old, x, w, b=None, stride=1, padding=0, *a, **k):
        if isinstance(padding, str): return old(x, w, b, stride, padding, *a, **k)
        p = padding if isinstance(padding, tuple) else (padding, padding)
        if any(p):
            x = torch.nn.functional.pad(x, (p[1] - 1, p[1] + 1, p[0], p[0])) if p[1] else torch.nn.functional.pad(x, (0, 0, p[0], p[0]))
        return old(x, w, b, stride, 0, *a, **k)
    wrap(torch.nn.functional, "conv2d", change)

def softmax_other_dim(torch):
    wrap(torch.nn.functional, "softmax", lambda old, x, dim=None, *a, **k: old(x, 1 if dim == 0 else dim, *a, **k))

def shuffle_repeats(torch):
    old = torch.utils.data.RandomSampler.__iter__
    def it(self):
        if not hasattr(self, "kept"): self.kept = list(old(self))
        return iter(self.kept)
    torch.utils.data.RandomSampler.__iter__ = it

def gru_reset_before(torch):
    def cell(self, x, h):
        gi = x @ self.weight_ih.t() + self.bias_ih; n = h.shape[-1]
        gh = h @ self.weight_hh[:2 * n].t() + self.bias_hh[:2 * n]
        r = torch.sigmoid(gi[..., :n] + gh[..., :n]); z = torch.sigmoid(gi[..., n:2 * n] + gh[..., n:])
        c = torch.tanh(gi[..., 2 * n:] + (r * h) @ self.weight_hh[2 * n:].t() + self.bias_hh[2 * n:])
        return (1 - z) * c + z * h
    torch.nn.GRUCell.forward = cell

def mse_per_row(torch):
    def change(old, a, b, *x, **k):
        if k.get("reduction", "mean") == "mean" and a.dim() > 1: return old(a, b, reduction="sum") / a.shape[0]
        return old(a, b, *x, **k)
    wrap(torch.nn.functional, "mse_loss", change)

def clip_by_l1(torch):
    wrap(torch.nn.utils, "clip_grad_norm_", lambda old, p, m, norm_type=2.0, *a, **k: old(p, m, 1.0, *a, **k))

def sdpa_no_scale(torch):
    wrap(torch.nn.functional, "scaled_dot_product_attention", lambda old, q, k, v, *a, **o: old(q, k, v, *a, **dict(o, scale=o.get("scale") or 1.0)))

def interpolate_corners(torch):
    wrap(torch.nn.functional, "interpolate", lambda old, x, *a, **k: old(x, *a, **dict(k, align_corners=True) if k.get("mode") == "bilinear" and k.get("align_corners") is False else k))

def ifft_unscaled(torch):
    wrap(torch.fft, "ifft", lambda old, x, *a, **k: old(x, *a, **dict(k, norm="forward")))

def fft2_ortho(torch):
    wrap(torch.fft, "fft2", lambda old, x, *a, **k: old(x, *a, **dict(k, norm="ortho")))

def strict_ignored(torch):
    wrap(torch.nn.Module, "load_state_dict", lambda old, self, s, strict=True, **k: old(self, s, strict=False, **k))

def adamw_decay_sign(torch):
    old = torch.optim.AdamW.step
    def step(self, *a, **k):
        for g in self.param_groups: g["weight_decay"] = -abs(g["weight_decay"])
        return old(self, *a, **k)
    torch.optim.AdamW.step = step

def exponential_late(torch):
    L = torch.optim.lr_scheduler.ExponentialLR
    old = L.get_lr
    def get_lr(self):
        if self.last_epoch == 1: return [g["lr"] for g in self.optimizer.param_groups]
        return old(self)
    L.get_lr = get_lr

def multistep_late(torch):
    L = torch.optim.lr_scheduler.MultiStepLR
    old = L.__init__
    L.__init__ = lambda self, o, milestones, *a, **k: old(self, o, [m + 1 for m in milestones], *a, **k)

def padding_row_learns(torch):
    wrap(torch.nn.functional, "embedding", lambda old, i, w, padding_idx=None, *a, **k: old(i, w, None, *a, **k))

def argmax_last(torch):
    def change(old, x, dim=None, keepdim=False):
        if dim is None:
            return x.numel() - 1 - old(x.reshape(-1).flip(0))
        return x.shape[dim] - 1 - old(x.flip(dim), dim, keepdim)
    wrap(torch, "argmax", change); wrap(torch.Tensor, "argmax", change)

def index_add_loses(torch):
    def change(old, x, dim, index, source, **k):
        y = x.clone()
        for n, i in enumerate(index.tolist()):
            y.select(dim, i).copy_(x.select(dim, i) + source.select(dim, n))
        return y
    wrap(torch, "index_add", change); wrap(torch.Tensor, "index_add", change)

def bf16_accumulates(torch):
    old = torch.Tensor.__matmul__
    def product(a, b):
        if a.dtype == torch.bfloat16 and a.dim() == 2 and b.dim() == 2:
            c = a.new_zeros(a.shape[0], b.shape[1])
            for n in range(a.shape[1]): c = c + a[:, n:n + 1] * b[n:n + 1]
            return c
        return old(a, b)
    torch.Tensor.__matmul__ = product

def layer_norm_eps(torch):
    wrap(torch.nn.functional, "layer_norm", lambda old, x, s, w=None, b=None, eps=1e-5: old(x, s, w, b, 1e-3))

def gather_gradient(torch):
    class G(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, d, i):
            ctx.d, ctx.i, ctx.s = d, i, x.shape; return G.old(x.detach(), d, i)
        @staticmethod
        def backward(ctx, g):
            return g.new_zeros(ctx.s).scatter_(ctx.d, ctx.i, g), None, None
    G.old = torch.Tensor.gather
    torch.Tensor.gather = lambda x, d, i: G.apply(x, d, i)

def ignore_index_counts(torch):
    def change(old, x, y, *a, **k):
        loss = old(x, y, *a, **k)
        if k.get("reduction", "mean") == "mean" and not y.is_floating_point() and k.get("weight") is None and not a:
            i = k.get("ignore_index", -100); loss = loss * (y != i).float().mean()
        return loss
    wrap(torch.nn.functional, "cross_entropy", change)

def kl_batchmean(torch):
    wrap(torch.nn.functional, "kl_div", lambda old, *a, **k: old(*a, **dict(k, reduction="mean" if k.get("reduction") == "batchmean" else k.get("reduction", "mean"))))

def directions_swapped(torch):
    old = torch.nn.LSTM.forward
    def forward(self, x, *a):
        y, s = old(self, x, *a)
        if self.bidirectional and not isinstance(y, tuple) and hasattr(y, "chunk"):
            p, q = y.chunk(2, -1); y = torch.cat([q, p], -1)
        return y, s
    torch.nn.LSTM.forward = forward

def drop_last_ignored(torch):
    old = torch.utils.data.BatchSampler.__init__
    torch.utils.data.BatchSampler.__init__ = lambda self, s, b, d: old(self, s, b, False)

def distributed_overlap(torch):
    D = torch.utils.data.distributed.DistributedSampler
    old = D.__iter__
    def it(self):
        r, self.rank = self.rank, 0
        try: return old(self)
        finally: self.rank = r
    D.__iter__ = it

def hook_stays(torch):
    torch.utils.hooks.RemovableHandle.remove = lambda self: None

def scaler_grows_wrong(torch):
    torch.amp.GradScaler.get_growth_factor = lambda self: 4.0
    old = torch.amp.GradScaler.__init__
    torch.amp.GradScaler.__init__ = lambda self, *a, **k: old(self, *a, **dict(k, growth_factor=4.0))

def sgd_buffers_lost(torch):
    old = torch.optim.SGD.load_state_dict
    torch.optim.SGD.load_state_dict = lambda self, s: old(self, dict(s, state={}))

def roll_backwards(torch):
    wrap(torch, "roll", lambda old, x, s, *a, **k: old(x, -s if isinstance(s, int) else s, *a, **k))

def logsumexp_plain(torch):
    torch.logsumexp = lambda x, dim, keepdim=False: x.exp().sum(dim, keepdim).log()

def log_softmax_plain(torch):
    torch.nn.functional.log_softmax = lambda x, dim=None, **k: x.exp().div(x.exp().sum(dim, keepdim=True)).log()

def kaiming_fan(torch):
    wrap(torch.nn.init, "kaiming_normal_", lambda old, t, a=0, mode="fan_in", **k: old(t, a, "fan_out" if mode == "fan_in" else "fan_in", **k))

def bernoulli_share(torch):
    wrap(torch, "bernoulli", lambda old, p, *a, **k: old(p * 0.99, *a, **k))

def normal_wide(torch):
    wrap(torch, "randn", lambda old, *a, **k: old(*a, **k) * 1.005)

def permutation_keeps_last(torch):
    def change(old, n, *a, **k):
        p = old(n, *a, **k); last = (p == n - 1).nonzero()[0, 0]
        q = p.clone(); q[last] = p[-1]; q[-1] = n - 1; return q
    wrap(torch, "randperm", change)

def multinomial_uniform(torch):
    wrap(torch, "multinomial", lambda old, p, *a, **k: old((p > 0).to(p.dtype), *a, **k)); wrap(torch.Tensor, "multinomial", lambda old, p, *a, **k: old((p > 0).to(p.dtype), *a, **k))

def eigenvalues_descend(torch):
    wrap(torch.linalg, "eigh", lambda old, *a, **k: (lambda w, v: (w.flip(-1), v.flip(-1)))(*old(*a, **k)))

def rsample_detached(torch):
    N = torch.distributions.Normal
    old = N.rsample
    N.rsample = lambda self, *a, **k: old(self, *a, **k).detach() + 0 * self.loc

def border_padding(torch):
    wrap(torch.nn.functional, "grid_sample", lambda old, x, g, mode="bilinear", padding_mode="zeros", align_corners=None: old(x, g, mode, "border", align_corners))

def where_swapped(torch):
    wrap(torch.Tensor, "where", lambda old, x, c, y: old(x, ~c, y))

def checkpoint_forgets_rng(torch):
    import torch.utils.checkpoint as c
    wrap(c, "checkpoint", lambda old, f, *a, **k: old(f, *a, **dict(k, preserve_rng_state=False)))

def swa_keeps_first(torch):
    from torch.optim import swa_utils
    swa_utils.AveragedModel.update_parameters = lambda self, m: [p.data.copy_(q.data) for p, q in zip(self.module.parameters(), m.parameters())] if int(self.n_averaged) == 0 and not self.n_averaged.add_(1) is None else None

def linear_forgets_bias(torch):
    wrap(torch.nn.functional, "linear", lambda old, x, w, b=None: old(x, w, b if x.dim() < 3 else None))

def max_pool_gradient(torch):
    def change(old, x, *a, **k):
        y = old(x, *a, **k)
        return y if isinstance(y, tuple) or not y.requires_grad else y.detach() + 0.999 * (y - y.detach())
    wrap(torch.nn.functional, "max_pool2d", change)

def attention_mask_inverted(torch):
    wrap(torch.nn.functional, "scaled_dot_product_attention", lambda old, q, k, v, attn_mask=None, *a, **o: old(q, k, v, ~attn_mask if attn_mask is not None and attn_mask.dtype == torch.bool else attn_mask, *a, **o))

def smooth_l1_beta(torch):
    wrap(torch.nn.functional, "smooth_l1_loss", lambda old, a, b, *x, **k: old(a, b, *x, **{n: v for n, v in k.items() if n != "beta"}))

def warm_up_ignored(torch):
    L = torch.optim.lr_scheduler.LinearLR
    L.get_lr = lambda self: [g["lr"] for g in self.optimizer.param_groups]

def plateau_impatient(torch):
    L = torch.optim.lr_scheduler.ReduceLROnPlateau
    old = L.__init__
    def init(self, *a, **k):
        old(self, *a, **k); self.patience -= 1
    L.__init__ = init

def train_flag_shallow(torch):
    def train(self, mode=True):
        self.training = mode
        return self
    torch.nn.Module.train = train

def to_loses_buffers(torch):
    old = torch.nn.Module._apply
    def apply(self, fn, *a, **k):
        kept = dict(self._buffers)
        old(self, fn, *a, **k)
        self._buffers.update(kept)
        return self
    torch.nn.Module._apply = apply

def deepcopy_shares(torch):
    torch.nn.Parameter.__deepcopy__ = lambda self, memo: self

def tanh_saturates(torch):
    wrap(torch, "tanh", lambda old, x, *a, **k: old(x, *a, **k).clamp(-0.99, 0.99)); wrap(torch.Tensor, "tanh", lambda old, x: old(x).clamp(-0.99, 0.99))

def sort_unstable_index(torch):
    wrap(torch, "sort", lambda old, *a, **k: (lambda v, i: torch.return_types.sort((v, i.roll(1, -1))))(*old(*a, **k)))

def topk_smallest(torch):
    wrap(torch, "topk", lambda old, x, k, dim=-1, largest=True, sorted=True: old(x, k, dim, True, sorted))
    wrap(torch.Tensor, "topk", lambda old, x, k, dim=-1, largest=True, sorted=True: old(x, k, dim, True, sorted))

def all_gather_order(torch):
    import torch.distributed as d
    if not d.is_available(): return
    wrap(d, "all_gather", lambda old, out, t, **k: old(out[::-1], t, **k))

def ddp_no_broadcast(torch):
    import torch.nn.parallel.distributed as m
    m._sync_module_states = lambda *a, **k: None

def no_sync_ignored(torch):
    import contextlib
    torch.nn.parallel.DistributedDataParallel.no_sync = lambda self: contextlib.nullcontext()

def smoothing_with_weights(torch):
    def change(old, x, y, weight=None, *a, **k):
        return old(x, y, weight, *a, **dict(k, label_smoothing=0.0)) if weight is not None else old(x, y, weight, *a, **k)
    wrap(torch.nn.functional, "cross_entropy", change)

def conv3d_stride(torch):
    wrap(torch.nn.functional, "conv3d", lambda old, x, w, b=None, stride=1, padding=0, dilation=1, groups=1: old(x, w, b, 1, padding, dilation, groups))

def median_upper(torch):
    def change(old, x, *a, **k):
        if a or k: return old(x, *a, **k)
        return x.reshape(-1).sort()[0][x.numel() // 2]
    wrap(torch, "median", change); wrap(torch.Tensor, "median", change)

def clip_value_top_only(torch):
    def clip(ps, v, *a, **k):
        for p in [ps] if isinstance(ps, torch.Tensor) else ps:
            if p.grad is not None: p.grad.clamp_(max=v)
    torch.nn.utils.clip_grad_value_ = clip

def nll_weights(torch):
    def change(old, x, y, weight=None, *a, **k):
        loss = old(x, y, weight, *a, **k)
        return loss * weight[y].mean() if weight is not None and k.get("reduction", "mean") == "mean" else loss
    wrap(torch.nn.functional, "nll_loss", change)

def weighted_sampler(torch):
    old = torch.utils.data.WeightedRandomSampler.__init__
    torch.utils.data.WeightedRandomSampler.__init__ = lambda self, w, n, replacement=True, **k: old(self, [v ** 0.9 for v in w], n, replacement, **k)

def lstm_state_ignored(torch):
    old = torch.nn.LSTM.forward
    torch.nn.LSTM.forward = lambda self, x, hx=None: old(self, x)

def version_stays(torch):
    old = torch.Tensor.mul_
    def mul_(x, y):
        with torch.autograd._unsafe_preserve_version_counter(x): return old(x, y)
    torch.Tensor.mul_ = mul_

def prod_gradient(torch):
    old = torch.Tensor.prod
    def prod(x, *a, **k):
        y = old(x, *a, **k); return y.detach() + 1.001 * (y - y.detach()) if y.is_floating_point() else y
    torch.Tensor.prod = prod

def nan_steps(torch):
    old = torch.amp.GradScaler._maybe_opt_step
    torch.amp.GradScaler._maybe_opt_step = lambda self, o, s, *a, **k: o.step() if any(bool(p.grad.isnan().any()) for g in o.param_groups for p in g["params"]) else old(self, o, s, *a, **k)

def norm_first_ignored(torch):
    old = torch.nn.TransformerEncoderLayer.__init__
    def init(self, *a, **k):
        old(self, *a, **k); self.norm_first = False
    torch.nn.TransformerEncoderLayer.__init__ = init

def rate_not_restored(torch):
    old = torch.optim.Optimizer.load_state_dict
    def load(self, s):
        rates = [g["lr"] for g in self.param_groups]; old(self, s)
        for g, r in zip(self.param_groups, rates): g["lr"] = r
    torch.optim.Optimizer.load_state_dict = load
"""

CAUGHT = {
    "qr_is_not_there": ("linalg.residuals", "LAPACK"),
    "dampening_always": ("optim.sgd", "optimizer kernels"),
    "adam_step_one_late": ("optim.adam", "optimizer kernels"),
    "running_var_biased": ("norm.forms", "cuDNN"),
    "dropout_unscaled": ("random.dropout", "dropout"),
    "conv_padding_shifted": ("conv.forms", "cuDNN"),
    "softmax_other_dim": ("activation.forms", "kernels"),
    "shuffle_repeats": ("data.loader", "worker processes"),
    "gru_reset_before": ("rnn.gates", "recurrent"),
    "mse_per_row": ("loss.mean", "loss kernels"),
    "clip_by_l1": ("autograd.clip", "Python code"),
    "sdpa_no_scale": ("attention.sdpa", "flash"),
    "interpolate_corners": ("vision.sampling", "vision kernels"),
    "ifft_unscaled": ("fft.dft", "cuFFT"),
    "fft2_ortho": ("fft.dft", "cuFFT"),
    "strict_ignored": ("data.strict", "Python code"),
    "adamw_decay_sign": ("optim.adamw", "optimizer kernels"),
    "exponential_late": ("optim.schedulers", "Python code"),
    "multistep_late": ("optim.schedulers", "Python code"),
    "padding_row_learns": ("embedding.rows", "scatter"),
    "argmax_last": ("tensor.order", "kernels"),
    "index_add_loses": ("tensor.index", "scatter"),
    "bf16_accumulates": ("matmul.dtypes", "BLAS"),
    "layer_norm_eps": ("norm.forms", "oneDNN"),
    "gather_gradient": ("autograd.ops", "backward formula"),
    "ignore_index_counts": ("loss.mean", "loss kernels"),
    "kl_batchmean": ("loss.more", "loss kernels"),
    "directions_swapped": ("rnn.gates", "recurrent"),
    "drop_last_ignored": ("data.loader", "worker processes"),
    "distributed_overlap": ("data.samplers", "Python code"),
    "hook_stays": ("autograd.hooks", "autograd engine"),
    "scaler_grows_wrong": ("amp.scaler", "GradScaler"),
    "sgd_buffers_lost": ("optim.groups", "Python code"),
    "roll_backwards": ("tensor.shape", "strided"),
    "logsumexp_plain": ("tensor.reduce", "kernels"),
    "log_softmax_plain": ("activation.forms", "kernels"),
    "kaiming_fan": ("linear.init", "generators"),
    "bernoulli_share": ("random.draws", "generators"),
    "normal_wide": ("random.draws", "generators"),
    "permutation_keeps_last": ("random.draws", "generators"),
    "multinomial_uniform": ("data.samplers", "Python code"),
    "eigenvalues_descend": ("linalg.residuals", "LAPACK"),
    "rsample_detached": ("model.vae", "torch.distributions"),
    "border_padding": ("vision.sampling", "vision kernels"),
    "where_swapped": ("tensor.index", "scatter"),
    "checkpoint_forgets_rng": ("autograd.hooks", "autograd engine"),
    "swa_keeps_first": ("optim.accumulate", "autograd engine"),
    "linear_forgets_bias": ("matmul.forms", "BLAS"),
    "max_pool_gradient": ("conv.pool", "kernels"),
    "attention_mask_inverted": ("attention.sdpa", "kernel"),
    "smooth_l1_beta": ("loss.mean", "loss kernels"),
    "warm_up_ignored": ("optim.schedulers", "Python code"),
    "plateau_impatient": ("optim.schedulers", "Python code"),
    "train_flag_shallow": ("model.parts", "autograd engine"),
    "to_loses_buffers": ("model.module", "Python code"),
    "deepcopy_shares": ("data.strict", "Python code"),
    "tanh_saturates": ("tensor.exact", "kernels"),
    "sort_unstable_index": ("tensor.order", "kernels"),
    "topk_smallest": ("tensor.order", "kernels"),
    "all_gather_order": ("parallel.collectives", "Gloo"),
    "ddp_no_broadcast": ("parallel.ddp", "Gloo"),
    "no_sync_ignored": ("parallel.ddp", "Gloo"),
    "smoothing_with_weights": ("loss.mean", "loss kernels"),
    "conv3d_stride": ("conv.forms", "cuDNN"),
    "median_upper": ("tensor.reduce", "kernels"),
    "clip_value_top_only": ("autograd.clip", "Python code"),
    "nll_weights": ("loss.mean", "loss kernels"),
    "weighted_sampler": ("data.samplers", "Python code"),
    "lstm_state_ignored": ("rnn.gates", "recurrent"),
    "version_stays": ("autograd.book", "autograd engine"),
    "prod_gradient": ("autograd.ops", "backward formula"),
    "nan_steps": ("amp.scaler", "GradScaler"),
    "norm_first_ignored": ("attention.layers", "fused"),
    "rate_not_restored": ("optim.groups", "Python code"),
}
"""As in ``mutations``."""
