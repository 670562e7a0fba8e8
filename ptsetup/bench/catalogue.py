"""All checks: what each proves, what its failure points to, and the profile that runs it."""

from ptsetup.facts import Record

PROFILES = ("quick", "full", "soak")


class Entry(Record, frozen=True, kw_only=True):
    """One check."""

    name: str
    group: str
    title: str
    proves: str
    """What people use it for, and against what it is compared."""
    reveals: str
    """What a failure points to."""
    profile: str = "quick"
    """The smallest profile that runs it."""
    deadline_s: float = 60.0


def _entry(name: str, title: str, proves: str, reveals: str, profile: str = "quick", deadline_s: float = 60.0) -> Entry:
    return Entry(
        name=name,
        group=name.partition(".")[0],
        title=title,
        proves=proves,
        reveals=reveals,
        profile=profile,
        deadline_s=deadline_s,
    )


_KERNELS = "ATen's kernels for this processor or device (CPU dispatch AVX2/AVX-512, the device's architecture)"
_BLAS = "the BLAS below torch: MKL, OpenBLAS or oneDNN; cuBLAS/cuBLASLt; rocBLAS/hipBLASLt; MPS"
_ENGINE = "the autograd engine or a backward formula"
_PYTHON = "torch's own Python code: a damaged or mixed installation"

ENTRIES = (
    _entry("tensor.exact", "element functions and sums", "tensor operations against math and exact sums", _KERNELS),
    _entry("tensor.order", "sort, search, scatter, index", "ordering and indexing against Python lists", _KERNELS),
    _entry(
        "tensor.shape",
        "views, strides, broadcasting",
        "shapes and views against index arithmetic",
        "ATen's strided iteration",
    ),
    _entry(
        "tensor.dtypes",
        "every dtype keeps integers",
        "18 dtypes store and convert small integers exactly",
        "kernels missing from the wheel for a dtype",
    ),
    _entry(
        "matmul.dtypes",
        "matmul, 4 dtypes, integers",
        "float64/32/16/bfloat16 products componentwise; integer matrices exactly",
        _BLAS,
    ),
    _entry(
        "matmul.big",
        "large product, checksums",
        "exact column checksums and Freivalds' test",
        f"tiles of {_BLAS} that only large shapes reach, or faulty memory",
    ),
    _entry("autograd.chain", "chain rule, 2nd and 3rd derivative", "backpropagation against closed forms", _ENGINE),
    _entry(
        "autograd.book",
        "accumulation, hooks, versions",
        "backward accumulates and updates nothing; zero_grad, no_grad, detach, hooks",
        _ENGINE,
    ),
    _entry(
        "autograd.clip", "gradient clipping", "clip_grad_norm_ and clip_grad_value_ against their definitions", _PYTHON
    ),
    _entry(
        "autograd.ops",
        "gradients of 37 operators",
        "backward formulas against central differences in float64",
        "a backward formula or its kernel",
    ),
    _entry(
        "loss.mean",
        "losses, mean over the batch",
        "cross-entropy, NLL, MSE, L1, BCE, Huber, KL against their formulas; gradient of cross-entropy",
        "loss kernels and reductions",
    ),
    _entry(
        "optim.sgd",
        "SGD, momentum, Nesterov, 20 steps",
        "gradient descent against its update formula, every step, each implementation",
        "the multi-tensor (foreach) and fused optimizer kernels",
    ),
    _entry(
        "optim.adam",
        "Adam, each of 50 steps",
        "Adam with bias correction against plain Python floats",
        "the multi-tensor (foreach) and fused optimizer kernels",
    ),
    _entry(
        "optim.adamw",
        "AdamW, each of 50 steps",
        "AdamW's decoupled weight decay",
        "the multi-tensor (foreach) and fused optimizer kernels",
    ),
    _entry(
        "optim.others",
        "RMSprop, Adagrad",
        "two more optimizers against their formulas",
        "the multi-tensor (foreach) optimizer kernels",
    ),
    _entry("optim.schedulers", "9 learning-rate schedulers", "rates against closed forms, epoch by epoch", _PYTHON),
    _entry(
        "optim.penalty", "L1 and L2 regularisation", "penalties, weight_decay of SGD; L1Loss is no regulariser", _PYTHON
    ),
    _entry("optim.accumulate", "gradient accumulation", "four parts of a batch against the whole", _ENGINE),
    _entry(
        "data.loader",
        "DataLoader, 0 and 2 workers",
        "each sample once, one order, whole batches",
        "worker processes: fork or spawn, shared memory, the file limit",
    ),
    _entry(
        "data.large",
        "16 MB batch from a worker",
        "a large batch through shared memory",
        "the shared memory of the system (64 MB in containers) or its rights",
        "full",
    ),
    _entry(
        "data.save",
        "save and load, train on",
        "model and optimizer state, weights_only, bitwise",
        "the zip reader and writer of torch.save, or a state that loses a buffer",
    ),
    _entry("data.pickle", "a malicious file is refused", "torch.load with weights_only", "the restricted unpickler"),
    _entry(
        "random.draws",
        "random numbers, moments",
        "uniform, normal, Bernoulli by sigma tests",
        "the generators: mt19937, Philox, cuRAND",
    ),
    _entry(
        "random.dropout",
        "dropout, share and scale",
        "regularisation by dropout in training and evaluation",
        "the dropout kernel",
    ),
    _entry("train.mlp", "MLP 784-128-10, Adam", "training and evaluation of an MLP to a bound", "everything together"),
    _entry(
        "train.mlp_sgd",
        "MLP 784-128-10, SGD 10 epochs",
        "SGD 0.01, momentum 0.9, ten epochs, cross-entropy",
        "everything together",
    ),
    _entry(
        "train.repeat",
        "the same training twice",
        "bitwise repeatability",
        "races and kernels that are not deterministic",
    ),
)

BY_NAME = {entry.name: entry for entry in ENTRIES}


def select(profile: str, only: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> tuple[Entry, ...]:
    """The checks of a profile, or those named (by name or group), in order; ``only`` reaches beyond the profile."""
    depth = PROFILES.index(profile)
    chosen = [e for e in ENTRIES if (_is_named(e, only) if only else PROFILES.index(e.profile) <= depth)]
    return tuple(e for e in chosen if not _is_named(e, skip))


def _is_named(entry: Entry, names: tuple[str, ...]) -> bool:
    return entry.name in names or entry.group in names
