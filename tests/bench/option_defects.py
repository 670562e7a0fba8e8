"""Defects in options that nobody sets on the usual way: first written without a look at the checks, which had missed most of them."""

OPTIONS = """
def both(torch, name, change):
    wrap(torch, name, change)
    wrap(torch.Tensor, name, change)

def clean_up_aborts(torch):
    import atexit, os, sys
    if "-c" in sys.argv[:1]:
        torch.distributed.destroy_process_group = lambda *a: os.abort()
        atexit.register(os.abort)

def adagrad_initial_ignored(torch):
    old = torch.optim.Adagrad.__init__
    torch.optim.Adagrad.__init__ = lambda s, p, *a, **k: old(s, p, *a, **dict(k, initial_accumulator_value=0.0) if "initial_accumulator_value" in k else k)

def multistep_duplicates_once(torch):
    def change(old, self, o, milestones, *a, **k): return old(self, o, sorted(set(milestones)), *a, **k)
    wrap(torch.optim.lr_scheduler.MultiStepLR, "__init__", change)

def onecycle_momentum_fixed(torch):
    wrap(torch.optim.lr_scheduler.OneCycleLR, "__init__", lambda old, *a, **k: old(*a, **dict(k, cycle_momentum=False)))

def scheduler_load_one_back(torch):
    def change(old, self, d):
        old(self, d); self.last_epoch -= 1
    wrap(torch.optim.lr_scheduler.LRScheduler, "load_state_dict", change)

def triplet_swap_ignored(torch):
    wrap(torch.nn.functional, "triplet_margin_loss", lambda old, *a, **k: old(*a, **dict(k, swap=False)))

def gaussian_nll_full_ignored(torch):
    wrap(torch.nn.functional, "gaussian_nll_loss", lambda old, *a, **k: old(*a, **dict(k, full=False)))

def same_even_left(torch):
    F = torch.nn.functional
    def change(old, x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
        if padding == "same" and w.shape[-1] % 2 == 0:
            d = dilation if isinstance(dilation, int) else dilation[-1]; n = d * (w.shape[-1] - 1)
            return old(F.pad(x, (n - n // 2, n // 2)), w, b, stride, 0 if w.dim() == 3 else 0, dilation, groups) if w.dim() == 3 else old(x, w, b, stride, padding, dilation, groups)
        return old(x, w, b, stride, padding, dilation, groups)
    wrap(F, "conv1d", change)

def causal_bottom_right(torch):
    F = torch.nn.functional
    def change(old, q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, **o):
        L, S = q.shape[-2], k.shape[-2]
        if is_causal and L != S:
            return old(q, k, v, torch.ones(L, S, dtype=torch.bool, device=q.device).tril(S - L), dropout_p, False, **o)
        return old(q, k, v, attn_mask, dropout_p, is_causal, **o)
    wrap(F, "scaled_dot_product_attention", change)

def slogdet_sign_lost(torch):
    def change(old, A):
        s, l = old(A); return torch.return_types.linalg_slogdet((s.abs(), l)) if hasattr(torch.return_types, "linalg_slogdet") else (s.abs(), l)
    wrap(torch.linalg, "slogdet", change)

def triangular_unit_ignored(torch):
    wrap(torch.linalg, "solve_triangular", lambda old, *a, **k: old(*a, **dict(k, unitriangular=False)))

def irfft_odd_halves_last(torch):
    def change(old, x, n=None, *a, **k):
        if n is not None and n % 2:
            x = x.clone(); x[..., -1] = x[..., -1] / 2
        return old(x, n, *a, **k)
    wrap(torch.fft, "irfft", change)

def index_add_alpha_ignored(torch):
    def change(old, *a, **k):
        k.pop("alpha", None); return old(*a, **k)
    both(torch, "index_add", change); wrap(torch.Tensor, "index_add_", change)

def scatter_reduce_includes_self(torch):
    def change(old, *a, **k):
        k["include_self"] = True; return old(*a, **k)
    both(torch, "scatter_reduce", change); wrap(torch.Tensor, "scatter_reduce_", change)

def quantile_midpoint_lower(torch):
    def change(old, *a, **k):
        if k.get("interpolation") == "midpoint": k["interpolation"] = "lower"
        return old(*a, **k)
    both(torch, "quantile", change)

def prod_gradient_divides(torch):
    class P(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = torch._C._VariableFunctions.prod(x); ctx.save_for_backward(x, y); return y
        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors; return torch.nan_to_num(g * y / x, 0.0)
    def change(old, x, *a, **k):
        return P.apply(x) if not a and not k and x.requires_grad else old(x, *a, **k)
    both(torch, "prod", change)

def round_decimals_ignored(torch):
    both(torch, "round", lambda old, x, *a, **k: old(x))

def roll_negative(torch):
    both(torch, "roll", lambda old, x, s, *a, **k: old(x, abs(s) if isinstance(s, int) else s, *a, **k))

def addmm_beta_zero_keeps_nan(torch):
    def change(old, c, a, b, *r, **k):
        return torch.mul(c, k.get("beta", 1)) + k.get("alpha", 1) * (a @ b) if not r and "out" not in k else old(c, a, b, *r, **k)
    both(torch, "addmm", change)

def autocast_softmax_low(torch):
    def change(old, x, *a, **k):
        y = old(x, *a, **k)
        return y.to(torch.bfloat16) if torch.is_autocast_enabled("cpu") and not k.get("dtype") else y
    both(torch, "softmax", change); wrap(torch.nn.functional, "softmax", change)

def orthogonal_gain_ignored(torch):
    wrap(torch.nn.init, "orthogonal_", lambda old, t, gain=1, **k: old(t, 1, **k))

def update_bn_keeps_old(torch):
    import torch.optim.swa_utils as s
    def update_bn(loader, model, device=None):
        was = model.training; model.train()
        with torch.no_grad():
            for b in loader: model(b[0] if isinstance(b, (list, tuple)) else b)
        model.train(was)
    s.update_bn = update_bn

def dequantize_forgets_zero_point(torch):
    def change(old, x): return old(x) + x.q_zero_point() * x.q_scale() if x.is_quantized and x.qscheme() == torch.per_tensor_affine else old(x)
    wrap(torch.Tensor, "dequantize", change)

def broadcast_from_zero(torch):
    import torch.distributed as d
    wrap(d, "broadcast", lambda old, t, src=0, *a, **k: old(t, 0, *a, **k))

def no_sync_syncs(torch):
    import contextlib, torch.nn.parallel as p
    p.DistributedDataParallel.no_sync = lambda self: contextlib.nullcontext()

def vdot_without_conj(torch):
    both(torch, "vdot", lambda old, a, b: torch.dot(a, b))

def xlogy_zero_nan(torch):
    both(torch, "xlogy", lambda old, a, b: a * torch.log(b)); torch.special.xlogy = torch.xlogy

def logit_eps_ignored(torch):
    both(torch, "logit", lambda old, x, eps=None: old(x))

def functional_call_no_buffers(torch):
    def change(old, m, d, *a, **k):
        if isinstance(d, dict):
            names = dict(m.named_buffers()); d = {n: v for n, v in d.items() if n not in names}
        return old(m, d, *a, **k)
    wrap(torch.func, "functional_call", change)

def norm_gradient_at_zero(torch):
    def change(old, x, *a, **k): return (x * x).sum().sqrt() if not a and not k and x.requires_grad else old(x, *a, **k)
    wrap(torch.linalg, "vector_norm", change); wrap(torch.linalg, "norm", change); both(torch, "norm", change)

def bincount_minlength_ignored(torch):
    def change(old, x, weights=None, minlength=0): return old(x, weights)
    both(torch, "bincount", change)

def cdist_p_ignored(torch):
    wrap(torch, "cdist", lambda old, a, b, p=2.0, **k: old(a, b))

def correction_two_as_one(torch):
    def change(old, *a, **k):
        if k.get("correction", 1) not in (0, 1): k["correction"] = 1
        return old(*a, **k)
    for n in ("var", "std", "var_mean", "std_mean"):
        wrap(torch, n, change)
        if hasattr(torch.Tensor, n): wrap(torch.Tensor, n, change)

def dirac_groups_ignored(torch):
    wrap(torch.nn.init, "dirac_", lambda old, t, groups=1: old(t))

def asgd_lambda_ignored(torch):
    import torch.optim.asgd as m
    wrap(m, "asgd", lambda old, *a, **k: old(*a, **dict(k, lambd=0.0)))

def maximize_ignored_adagrad(torch):
    import torch.optim.adagrad as m
    wrap(m, "adagrad", lambda old, *a, **k: old(*a, **dict(k, maximize=False)))

def nadam_decoupled_ignored(torch):
    import torch.optim.nadam as m
    wrap(m, "nadam", lambda old, *a, **k: old(*a, **dict(k, decoupled_weight_decay=False)))

def lambda_lr_first_for_all(torch):
    def change(old, self, o, f, *a, **k):
        old(self, o, [f[0]] * len(f) if isinstance(f, (list, tuple)) else f, *a, **k)
    wrap(torch.optim.lr_scheduler.LambdaLR, "__init__", change)

def plateau_cooldown_ignored(torch):
    wrap(torch.optim.lr_scheduler.ReduceLROnPlateau, "__init__", lambda old, *a, **k: old(*a, **dict(k, cooldown=0)))

def bce_log_unclamped(torch):
    def bce(x, t, weight=None, size_average=None, reduce=None, reduction="mean"):
        y = -(torch.xlogy(t, x) + torch.xlogy(1 - t, 1 - x))
        if weight is not None: y = y * weight
        return y.mean() if reduction == "mean" else y.sum() if reduction == "sum" else y
    torch.nn.functional.binary_cross_entropy = bce

def soft_targets_ignore_weight(torch):
    def change(old, x, t, weight=None, *a, **k): return old(x, t, None if t.is_floating_point() else weight, *a, **k)
    wrap(torch.nn.functional, "cross_entropy", change)

def multi_margin_p_ignored(torch):
    def change(old, x, t, p=1, *a, **k): return old(x, t, 1, *a, **k)
    wrap(torch.nn.functional, "multi_margin_loss", change)

def cosine_embedding_margin_ignored(torch):
    wrap(torch.nn.functional, "cosine_embedding_loss", lambda old, a, b, t, margin=0, *r, **k: old(a, b, t, 0, *r, **k))

def unfold_dilation_ignored(torch):
    wrap(torch.nn.functional, "unfold", lambda old, x, k, dilation=1, padding=0, stride=1: old(x, k, 1, padding, stride))

def decoder_memory_mask_ignored(torch):
    def change(old, self, t, m, tgt_mask=None, memory_mask=None, *a, **k): return old(self, t, m, tgt_mask, None, *a, **k)
    wrap(torch.nn.TransformerDecoderLayer, "forward", change)

def nearest_exact_as_nearest(torch):
    def change(old, x, *a, **k):
        if k.get("mode") == "nearest-exact": k["mode"] = "nearest"
        return old(x, *a, **k)
    wrap(torch.nn.functional, "interpolate", change)

def eigh_uplo_ignored(torch):
    wrap(torch.linalg, "eigh", lambda old, A, UPLO="L", **k: old(A, "L", **k))

def lstsq_of_underdetermined(torch):
    def change(old, A, B, *a, **k):
        y = old(A, B, *a, **k)
        if A.shape[-2] < A.shape[-1]: y[0].mul_(1.01)
        return y
    wrap(torch.linalg, "lstsq", change)

def hfft_no_conj(torch):
    wrap(torch.fft, "hfft", lambda old, x, *a, **k: old(x.conj(), *a, **k))

def rfftfreq_scaled(torch):
    wrap(torch.fft, "rfftfreq", lambda old, n, d=1.0, **k: old(n, 1.0, **k))

def gumbel_hard_no_gradient(torch):
    wrap(torch.nn.functional, "gumbel_softmax", lambda old, x, tau=1, hard=False, *a, **k: old(x, tau, hard, *a, **k).detach() + 0 * x if hard else old(x, tau, hard, *a, **k))

def put_accumulate_ignored(torch):
    wrap(torch.Tensor, "put_", lambda old, x, i, s, accumulate=False: old(x, i, s))

def meshgrid_xy_ignored(torch):
    wrap(torch, "meshgrid", lambda old, *t, **k: old(*t, indexing="ij"))

def nanmedian_upper(torch):
    both(torch, "nanmedian", lambda old, x, *a, **k: torch.nanquantile(x, 0.5, interpolation="higher") if not a and not k else old(x, *a, **k))

def cov_fweights_ignored(torch):
    both(torch, "cov", lambda old, x, correction=1, **k: old(x, correction=correction))

def amax_gradient_to_first(torch):
    both(torch, "amax", lambda old, x, dim=(), keepdim=False: torch.max(x, dim, keepdim)[0] if isinstance(dim, int) and x.requires_grad else old(x, dim, keepdim))

def renorm_always(torch):
    def change(old, x, p, dim, maxnorm):
        d = [i for i in range(x.dim()) if i != dim]; return x / x.norm(p, d, keepdim=True) * maxnorm
    both(torch, "renorm", change)

def hypot_overflows(torch):
    both(torch, "hypot", lambda old, a, b: torch.sqrt(a * a + b * b))

def frexp_range(torch):
    both(torch, "frexp", lambda old, x: (lambda m, e: (m * 2, e - 1))(*old(x)))

def logaddexp_naive(torch):
    both(torch, "logaddexp", lambda old, a, b: torch.log(torch.exp(a) + torch.exp(b)))

def allclose_nan(torch):
    wrap(torch, "allclose", lambda old, a, b, rtol=1e-5, atol=1e-8, equal_nan=False: old(a, b, rtol, atol, True))

def int_sum_wraps(torch):
    both(torch, "sum", lambda old, x, *a, **k: old(x, *a, **dict(k, dtype=x.dtype)).long() if x.dtype in (torch.int8, torch.int16, torch.int32, torch.uint8) and not k.get("dtype") else old(x, *a, **k))

def pre_hook_return_ignored(torch):
    def change(old, self, h, **k): return old(self, (lambda *a: (h(*a), None)[1]) if not k else h, **k)
    wrap(torch.nn.Module, "register_forward_pre_hook", change)

def post_accumulate_hook_dead(torch):
    class H:
        def remove(self): pass
    wrap(torch.Tensor, "register_post_accumulate_grad_hook", lambda old, self, h: H())

def scaler_backoff_ignored(torch):
    wrap(torch.amp.GradScaler, "__init__", lambda old, self, *a, **k: old(self, *a, **dict(k, backoff_factor=0.5)))

def load_assign_ignored(torch):
    wrap(torch.nn.Module, "load_state_dict", lambda old, self, d, strict=True, assign=False: old(self, d, strict, False))

def map_location_ignored(torch):
    wrap(torch, "load", lambda old, f, map_location=None, **k: old(f, None, **k))

def parametrization_uncached_right_inverse(torch):
    import torch.nn.utils.parametrize as P
    def change(old, m, n, unsafe=False, **k):
        pass
    wrap(P, "remove_parametrizations", lambda old, m, n, leave_parametrized=True: old(m, n, False) if not leave_parametrized or all(hasattr(q, "right_inverse") for q in m.parametrizations[n]) else old(m, n, leave_parametrized))

def mvn_log_prob_no_half(torch):
    import math
    wrap(torch.distributions.MultivariateNormal, "log_prob", lambda old, s, x: old(s, x) + 0.5 * math.log(2 * math.pi))

def cat_first_empty(torch):
    wrap(torch, "cat", lambda old, ts, *a, **k: old([t for t in ts if t.numel()][::-1] if any(t.numel() == 0 for t in ts) else ts, *a, **k))

def cumsum_dtype_int(torch):
    both(torch, "cumsum", lambda old, x, dim, **k: old(x, dim, **k) if x.dtype != torch.bool else old(x, dim, **k).clamp(max=1))

def dropout_in_place_not(torch):
    wrap(torch.nn.functional, "dropout", lambda old, x, p=0.5, training=True, inplace=False: old(x, p, training, False))

def embedding_int32_index(torch):
    wrap(torch.nn.functional, "embedding", lambda old, i, *a, **k: old(i.flip(-1) if i.dtype == torch.int32 else i, *a, **k))

def gru_cell_update_swapped(torch):
    def change(old, self, x, hx=None):
        if hx is None: hx = x.new_zeros(x.shape[0], self.hidden_size)
        y = old(self, x, hx); return y + hx - y * 1.0 if False else (y if x.shape[0] == 1 else y.flip(0))
    wrap(torch.nn.GRUCell, "forward", change)

def interpolate_uint_images(torch):
    wrap(torch.nn.functional, "interpolate", lambda old, x, *a, **k: old(x, *a, **k) * (1.01 if x.shape[0] > 1 else 1))

def layer_norm_large_mean(torch):
    def change(old, x, shape, w=None, b=None, eps=1e-5):
        d = tuple(range(-len(shape), 0)); m = x.mean(d, keepdim=True); v = (x * x).mean(d, keepdim=True) - m * m
        y = (x - m) / (v.clamp(min=0) + eps).sqrt()
        if w is not None: y = y * w
        return y + b if b is not None else y
    wrap(torch.nn.functional, "layer_norm", change)

def linear_large_batch_drift(torch):
    wrap(torch.nn.functional, "linear", lambda old, x, w, b=None: old(x, w, b) * (1.001 if x.dim() == 2 and x.shape[0] > 200 else 1))

def matmul_vector_batch(torch):
    old = torch.Tensor.__matmul__
    torch.Tensor.__matmul__ = lambda a, b: old(a, b) * (1.01 if a.dim() == 3 and b.dim() == 1 else 1)
    both(torch, "matmul", lambda o, a, b, **k: o(a, b, **k) * (1.01 if a.dim() == 3 and b.dim() == 1 else 1))

def mean_dims_negative(torch):
    both(torch, "mean", lambda old, x, *a, **k: old(x, *a, **k) * (1 if not isinstance(a[0] if a else k.get("dim"), (tuple, list)) or len(a[0] if a else k.get("dim")) < 2 or x.dim() < 4 else 1.01))

def module_half_keeps_bias(torch):
    def change(old, self):
        old(self)
        for n, p in self.named_parameters():
            if n.endswith("bias"): p.data = p.data.float()
        return self
    wrap(torch.nn.Module, "half", change); wrap(torch.nn.Module, "bfloat16", change)

def mse_broadcast_silently(torch):
    F = torch.nn.functional
    wrap(F, "mse_loss", lambda old, x, t, *a, **k: old(x, t.mean(0, keepdim=True).expand_as(t) if x.dim() == 2 and x.shape[1] == 1 and x.shape[0] > 100 else t, *a, **k))

def rand_float64_coarse(torch):
    wrap(torch, "rand", lambda old, *a, **k: old(*a, **dict(k, dtype=torch.float32)).double() if k.get("dtype") is torch.float64 else old(*a, **k))

def randint_high_inclusive_small(torch):
    wrap(torch, "randint", lambda old, *a, **k: old(*a, **k) if len(a) != 2 or isinstance(a[1], int) else old(a[0] + 1, a[1], **k))

def sgd_decay_on_bias_skipped(torch):
    old = torch.optim.SGD.step
    def step(self, *a, **k):
        for g in self.param_groups:
            for p in g["params"]:
                if p.dim() <= 1 and p.numel() == 1 and p.grad is not None and g["weight_decay"]: p.grad = p.grad - g["weight_decay"] * p.detach()
        return old(self, *a, **k)
    torch.optim.SGD.step = step

def softmax_odd_width(torch):
    def change(old, x, dim=None, *a, **k):
        y = old(x, dim, *a, **k)
        return y * 1.0005 if x.shape[-1] % 2 and x.shape[-1] > 30 else y
    wrap(torch.nn.functional, "softmax", change); both(torch, "softmax", change)

def tensor_dataset_slice(torch):
    old = torch.utils.data.TensorDataset.__getitem__
    torch.utils.data.TensorDataset.__getitem__ = lambda self, i: old(self, slice(i.start, (i.stop or len(self)) - 1) if isinstance(i, slice) else i)

def topk_last_dim_only(torch):
    def change(old, x, k, dim=-1, *a, **o):
        v, i = old(x, k, dim, *a, **o)
        return torch.return_types.topk((v, i + (1 if x.numel() > 20000 else 0)))
    both(torch, "topk", change)

def var_one_pass(torch):
    def change(old, x, *a, **k):
        if a or k or not x.is_floating_point(): return old(x, *a, **k)
        n = x.numel(); return ((x * x).sum() - x.sum() ** 2 / n) / (n - 1)
    both(torch, "var", change)

def zero_grad_keeps_buffers(torch):
    wrap(torch.nn.Module, "zero_grad", lambda old, self, set_to_none=True: old(self, False))

def argmax_of_bool_or_int(torch):
    both(torch, "argmax", lambda old, x, *a, **k: old(x.flip(-1) if x.dtype == torch.int64 and x.dim() == 1 else x, *a, **k))

def bmm_expanded(torch):
    both(torch, "bmm", lambda old, a, b, **k: old(a, b, **k) * (1.001 if a.stride(0) == 0 else 1))

def bucketize_int_boundary(torch):
    wrap(torch, "bucketize", lambda old, x, b, **k: old(x, b, **k) + (1 if not x.is_floating_point() else 0))

def requires_grad_of_buffers(torch):
    wrap(torch.nn.Module, "register_buffer", lambda old, s, n, t, persistent=True: old(s, n, t.requires_grad_() if t is not None and t.is_floating_point() and t.dim() == 0 else t, persistent))

def one_hot_float(torch):
    wrap(torch.nn.functional, "one_hot", lambda old, *a, **k: old(*a, **k).float())

def gradient_nan_hidden(torch):
    wrap(torch.autograd, "grad", lambda old, *a, **k: tuple(g if g is None else torch.nan_to_num(g) for g in old(*a, **k)))

def transformer_norm_eps_wrong(torch):
    old = torch.nn.TransformerEncoderLayer.__init__
    def init(self, *a, **k):
        old(self, *a, **k)
        for m in (self.norm1, self.norm2): m.eps = 1e-3
    torch.nn.TransformerEncoderLayer.__init__ = init

def scale_by_freq_wrong(torch):
    old = torch.nn.functional.embedding
    def e(i, w, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False): return old(i, w, padding_idx, max_norm, norm_type, False, sparse)
    torch.nn.functional.embedding = e

def complex_abs_wrong(torch):
    old = torch.abs
    torch.abs = lambda x: old(x) * (1.01 if x.is_complex() and x.dim() > 1 else 1)
    o2 = torch.Tensor.abs
    torch.Tensor.abs = lambda x: o2(x) * (1.01 if x.is_complex() and x.dim() > 1 else 1)

def where_scalar_wrong(torch):
    old = torch.where
    def w(c, *a):
        if len(a) == 2 and isinstance(a[1], float) and isinstance(a[0], torch.Tensor) and abs(a[1]) < 1e6: a = (a[0], float(round(a[1])))
        return old(c, *a)
    torch.where = w

"""

CAUGHT = {
    "adagrad_initial_ignored": ("optim.options", "optimizer kernels"),
    "multistep_duplicates_once": ("optim.plans", "Python code"),
    "onecycle_momentum_fixed": ("optim.plans", "Python code"),
    "scheduler_load_one_back": ("optim.plans", "Python code"),
    "triplet_swap_ignored": ("loss.options", "loss kernels"),
    "gaussian_nll_full_ignored": ("loss.options", "loss kernels"),
    "same_even_left": ("conv.options", "cuDNN"),
    "causal_bottom_right": ("attention.options", "flash"),
    "slogdet_sign_lost": ("linalg.options", "LAPACK"),
    "triangular_unit_ignored": ("linalg.options", "LAPACK"),
    "irfft_odd_halves_last": ("fft.options", "cuFFT"),
    "index_add_alpha_ignored": ("tensor.places", "scatter"),
    "scatter_reduce_includes_self": ("tensor.places", "scatter"),
    "quantile_midpoint_lower": ("tensor.options", "kernels"),
    "prod_gradient_divides": ("autograd.edges", "backward formula"),
    "round_decimals_ignored": ("tensor.edges", "kernels"),
    "roll_negative": ("tensor.places", "strided"),
    "addmm_beta_zero_keeps_nan": ("tensor.edges", "kernels"),
    "autocast_softmax_low": ("amp.options", "autocast"),
    "orthogonal_gain_ignored": ("linear.options", "Python code"),
    "update_bn_keeps_old": ("optim.averages", "Python code"),
    "dequantize_forgets_zero_point": ("lowbits.whole", "quantised"),
    "broadcast_from_zero": ("parallel.collectives", "Gloo"),
    "no_sync_syncs": ("parallel.ddp", "Gloo"),
    "vdot_without_conj": ("tensor.edges", "kernels"),
    "xlogy_zero_nan": ("tensor.edges", "kernels"),
    "logit_eps_ignored": ("tensor.edges", "kernels"),
    "functional_call_no_buffers": ("func.options", "batching"),
    "norm_gradient_at_zero": ("autograd.edges", "backward formula"),
    "bincount_minlength_ignored": ("tensor.options", "kernels"),
    "cdist_p_ignored": ("tensor.options", "kernels"),
    "correction_two_as_one": ("tensor.options", "kernels"),
    "dirac_groups_ignored": ("linear.options", "Python code"),
    "asgd_lambda_ignored": ("optim.options", "optimizer kernels"),
    "maximize_ignored_adagrad": ("optim.options", "optimizer kernels"),
    "nadam_decoupled_ignored": ("optim.options", "optimizer kernels"),
    "lambda_lr_first_for_all": ("optim.plans", "Python code"),
    "plateau_cooldown_ignored": ("optim.plans", "Python code"),
    "bce_log_unclamped": ("loss.options", "loss kernels"),
    "soft_targets_ignore_weight": ("loss.options", "loss kernels"),
    "multi_margin_p_ignored": ("loss.options", "loss kernels"),
    "cosine_embedding_margin_ignored": ("loss.options", "loss kernels"),
    "unfold_dilation_ignored": ("pool.options", "kernels"),
    "decoder_memory_mask_ignored": ("attention.options", "fast path"),
    "nearest_exact_as_nearest": ("vision.options", "vision"),
    "eigh_uplo_ignored": ("linalg.options", "LAPACK"),
    "lstsq_of_underdetermined": ("linalg.options", "LAPACK"),
    "hfft_no_conj": ("fft.options", "cuFFT"),
    "rfftfreq_scaled": ("fft.options", "cuFFT"),
    "gumbel_hard_no_gradient": ("activation.options", "kernels"),
    "put_accumulate_ignored": ("tensor.places", "scatter"),
    "meshgrid_xy_ignored": ("tensor.places", "strided"),
    "nanmedian_upper": ("tensor.options", "kernels"),
    "cov_fweights_ignored": ("tensor.options", "kernels"),
    "amax_gradient_to_first": ("autograd.edges", "backward formula"),
    "renorm_always": ("tensor.options", "kernels"),
    "hypot_overflows": ("tensor.edges", "kernels"),
    "frexp_range": ("tensor.edges", "kernels"),
    "logaddexp_naive": ("tensor.edges", "kernels"),
    "allclose_nan": ("tensor.edges", "kernels"),
    "int_sum_wraps": ("tensor.options", "kernels"),
    "pre_hook_return_ignored": ("autograd.edges", "autograd engine"),
    "post_accumulate_hook_dead": ("autograd.edges", "autograd engine"),
    "scaler_backoff_ignored": ("amp.options", "GradScaler"),
    "load_assign_ignored": ("data.state", "torch.save"),
    "map_location_ignored": ("data.state", "torch.save"),
    "parametrization_uncached_right_inverse": ("linear.options", "Python code"),
    "mvn_log_prob_no_half": ("random.options", "torch.distributions"),
    "cat_first_empty": ("tensor.sizes", "kernels"),
    "cumsum_dtype_int": ("tensor.options", "kernels"),
    "dropout_in_place_not": ("activation.options", "kernels"),
    "embedding_int32_index": ("tensor.sizes", "kernels"),
    "gru_cell_update_swapped": ("rnn.gates", "recurrent"),
    "interpolate_uint_images": ("conv.sizes", "cuDNN"),
    "layer_norm_large_mean": ("conv.sizes", "norms"),
    "linear_large_batch_drift": ("tensor.sizes", "kernels"),
    "matmul_vector_batch": ("tensor.sizes", "kernels"),
    "mean_dims_negative": ("tensor.sizes", "kernels"),
    "module_half_keeps_bias": ("data.state", "Python code"),
    "mse_broadcast_silently": ("tensor.sizes", "kernels"),
    "rand_float64_coarse": ("random.options", "generators"),
    "randint_high_inclusive_small": ("random.options", "generators"),
    "sgd_decay_on_bias_skipped": ("optim.options", "optimizer kernels"),
    "softmax_odd_width": ("tensor.sizes", "kernels"),
    "tensor_dataset_slice": ("data.options", "Python code"),
    "topk_last_dim_only": ("tensor.order", "kernels"),
    "var_one_pass": ("conv.sizes", "norms"),
    "zero_grad_keeps_buffers": ("autograd.book", "autograd engine"),
    "argmax_of_bool_or_int": ("tensor.options", "kernels"),
    "bmm_expanded": ("tensor.sizes", "kernels"),
    "bucketize_int_boundary": ("tensor.places", "scatter"),
    "requires_grad_of_buffers": ("data.state", "Python code"),
    "one_hot_float": ("embedding.options", "scatter"),
    "gradient_nan_hidden": ("autograd.edges", "backward formula"),
    "transformer_norm_eps_wrong": ("attention.layers", "fused"),
    "scale_by_freq_wrong": ("embedding.options", "scatter"),
    "complex_abs_wrong": ("tensor.sizes", "kernels"),
    "where_scalar_wrong": ("tensor.sizes", "kernels"),
}
"""As in ``mutations``."""
