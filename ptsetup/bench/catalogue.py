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
    _entry(
        "tensor.arith",
        "arithmetic, every operator",
        "arithmetic, comparisons, clamping, mixed dtypes, NaN and infinity against Python numbers",
        _KERNELS,
    ),
    _entry(
        "tensor.edges",
        "edges of arithmetic",
        "signs, quadrants, overflow, infinities, rounding, conversions, complex conjugates",
        _KERNELS,
    ),
    _entry(
        "tensor.reduce",
        "sums, means, norms, extremes",
        "reductions over all and single dimensions, and running sums, against exact sums",
        _KERNELS,
    ),
    _entry(
        "tensor.options",
        "options of reductions",
        "corrections, interpolations, powers, weights, ties and dtypes of reductions on fixed numbers",
        _KERNELS,
    ),
    _entry("tensor.order", "sort, search, scatter, index", "ordering and indexing against Python lists", _KERNELS),
    _entry(
        "tensor.index",
        "index, gather, scatter, mask",
        "reading and writing by indices and masks against Python lists; equal places add up",
        "index and scatter kernels, atomics",
    ),
    _entry(
        "tensor.sizes",
        "odd sizes and layouts",
        "50 operations over 20 shapes in blocks, transposed, with holes and channels_last, against elementary sums",
        "ATen's kernels for large, odd or strided tensors (vector tails, threads, layouts)",
        "full",
    ),
    _entry(
        "tensor.places",
        "options of indexing, strides",
        "factors, sides, negative steps, triangles, tensors that are no block of memory, against lists",
        "index and scatter kernels, ATen's strided iteration",
    ),
    _entry(
        "tensor.shape",
        "views, strides, broadcasting",
        "shapes and views against index arithmetic",
        "ATen's strided iteration",
    ),
    _entry(
        "tensor.make",
        "creation, to and from Python",
        "ranges, grids, constants and triangles against Python lists",
        _KERNELS,
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
        "matmul.forms",
        "every spelling of a product",
        "mm, bmm, addmm, einsum, linear, dot and others on whole numbers, exactly",
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
        "autograd.second",
        "double backward, Hessians",
        "second derivatives and a gradient penalty against closed forms and differences",
        _ENGINE,
    ),
    _entry(
        "autograd.book",
        "accumulation, hooks, versions",
        "backward accumulates and updates nothing; zero_grad, no_grad, detach, hooks",
        _ENGINE,
    ),
    _entry(
        "autograd.hooks",
        "hooks, custom functions",
        "hooks of tensors and modules, autograd.Function, checkpointing, functional derivatives",
        _ENGINE,
    ),
    _entry(
        "autograd.edges",
        "gradients at zeros and ties",
        "gradients where formulas divide by zero, modes after errors, hooks of every kind, custom functions",
        _ENGINE,
    ),
    _entry(
        "autograd.clip", "gradient clipping", "clip_grad_norm_ and clip_grad_value_ against their definitions", _PYTHON
    ),
    _entry(
        "autograd.limits",
        "clipping, every norm",
        "other norms, missing gradients and both implementations of clipping",
        _PYTHON,
    ),
    _entry(
        "autograd.ops",
        "gradients of operators",
        "backward formulas against central differences in float64",
        "a backward formula or its kernel",
    ),
    _entry(
        "autograd.gradcheck",
        "gradcheck, gradgradcheck",
        "torch's own comparison with differences, as a cross-check of ours",
        "a backward formula or its kernel",
        "full",
    ),
    _entry(
        "loss.mean",
        "losses, mean over the batch",
        "cross-entropy, NLL, MSE, L1, BCE, Huber, KL against their formulas; gradient of cross-entropy",
        "loss kernels and reductions",
    ),
    _entry(
        "loss.more",
        "17 more losses, gradients",
        "KL, hinge, margin, ranking, triplet, cosine, Poisson, Gaussian and CTC losses against their formulas",
        "loss kernels and reductions",
    ),
    _entry(
        "loss.options",
        "options of losses",
        "class weights, margins, powers, full terms, ignored targets and lengths against their formulas",
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
        "8 more optimizers",
        "RMSprop, Adagrad, Adadelta, Adamax, NAdam, RAdam, Rprop against their formulas; LBFGS on a quadratic",
        "the multi-tensor (foreach) optimizer kernels",
    ),
    _entry(
        "optim.options",
        "settings of optimizers",
        "decays, eps, first sums, limits, maximising, several at once; SparseAdam, ASGD",
        "the multi-tensor (foreach) and fused optimizer kernels, or torch's own Python code",
    ),
    _entry(
        "optim.averages",
        "averaged models",
        "update_bn, own averages and SWALR against their definitions",
        _PYTHON,
    ),
    _entry(
        "optim.groups",
        "parameter groups, state",
        "rates per group, closures, missing gradients, optimizer state saved and loaded",
        _PYTHON,
    ),
    _entry("optim.schedulers", "learning-rate schedulers", "rates against closed forms, epoch by epoch", _PYTHON),
    _entry(
        "optim.plans",
        "settings of schedulers",
        "20 more schedules, momenta, groups, plateaus; each goes on from a saved state",
        _PYTHON,
    ),
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
        "data.samplers",
        "samplers, subsets, splits",
        "which samples, how often, in which order; the shares of distributed processes",
        _PYTHON,
    ),
    _entry(
        "data.collate",
        "collating, iterable sets",
        "batches of numbers, dictionaries and tuples; iterable data sets; workers that stay",
        "worker processes, or torch's own Python code",
    ),
    _entry(
        "data.options",
        "options of data sets",
        "joins, shares, seeds of workers, generators, distributed shares",
        "worker processes, or torch's own Python code",
        "full",
    ),
    _entry(
        "data.large",
        "16 and 80 MB from workers",
        "large batches through shared memory",
        "the shared memory of the system (64 MB in containers) or its rights",
        "full",
    ),
    _entry(
        "data.save",
        "save and load, train on",
        "model and optimizer state, weights_only, bitwise",
        "the zip reader and writer of torch.save, or a state that loses a buffer",
    ),
    _entry(
        "data.strict",
        "strictness, files, sharing",
        "missing, additional and misshaped entries are refused; every dtype and shared storage come back",
        "the zip reader and writer of torch.save, or torch's own Python code",
    ),
    _entry(
        "data.state",
        "options of loading",
        "assign, places, extra states, shared memory, an optimizer's settings",
        "the zip reader and writer of torch.save, or torch's own Python code",
    ),
    _entry("data.pickle", "a malicious file is refused", "torch.load with weights_only", "the restricted unpickler"),
    _entry(
        "random.draws",
        "random numbers, moments",
        "uniform, normal, Bernoulli by sigma tests",
        "the generators: mt19937, Philox, cuRAND",
    ),
    _entry(
        "random.seeds",
        "seeds and states",
        "the same seed gives the same numbers; states come back; the CPU's numbers of seed 0",
        "the generators: mt19937, Philox, cuRAND",
    ),
    _entry(
        "random.options",
        "generators, densities",
        "every draw with its own generator; densities, entropies and divergences of 30 families",
        "the generators (mt19937, Philox, cuRAND) or torch.distributions",
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
    _entry(
        "conv.forms",
        "convolution, forms and layouts",
        "convolutional networks' layer against sums in Python",
        "oneDNN; cuDNN; MIOpen; MPS",
    ),
    _entry(
        "conv.transposed",
        "transposed convolution",
        "transposed convolution against sums in Python, and as the adjoint of convolution",
        "oneDNN; cuDNN; MIOpen; MPS",
    ),
    _entry(
        "conv.options",
        "uneven convolutions",
        "uneven kernels, strides, paddings and groups in 1 to 3 dimensions, their adjoints and gradients",
        "oneDNN; cuDNN; MIOpen; MPS",
    ),
    _entry("conv.pool", "pooling, padding, fold", "pooling and padding modes, exactly", _KERNELS),
    _entry(
        "conv.sizes",
        "batches of images",
        "convolution, pooling and norms over batches of many sizes, and numbers far from zero",
        "oneDNN; cuDNN; MIOpen; MPS; the kernels of norms",
    ),
    _entry(
        "pool.options",
        "options of pooling, folding",
        "ceilings, divisors, uneven windows, foldings, exactly",
        _KERNELS,
    ),
    _entry(
        "norm.forms",
        "batch, layer, group, RMS norm",
        "normalisation in training and evaluation, running statistics",
        "oneDNN; cuDNN; MIOpen",
    ),
    _entry(
        "norm.options",
        "norms of small numbers",
        "eps within the root, statistics of instances, gradients of weights",
        "oneDNN; cuDNN; MIOpen",
    ),
    _entry(
        "activation.forms",
        "activations, gradients",
        "activation functions against their formulas, GELU in both forms",
        _KERNELS,
    ),
    _entry(
        "activation.options",
        "options of activations",
        "slopes, limits and thresholds; noise of training; Gumbel softmax",
        _KERNELS,
    ),
    _entry(
        "linear.init",
        "Linear, initialisations",
        "the linear layer and usual initialisations by their moments",
        f"{_BLAS}, or the generators",
    ),
    _entry(
        "linear.wraps",
        "weight norm, pruning, shapes",
        "weight norm, spectral norm, parametrisations, pruning, Flatten",
        _PYTHON,
    ),
    _entry(
        "linear.options",
        "options of initialisations",
        "gains, fans, groups; weight norm of each dimension; parametrisations; pruning; fused layers",
        "the generators, or torch's own Python code",
    ),
    _entry(
        "embedding.rows",
        "embedding, bag, one-hot",
        "lookups and their gradient counts",
        "index and scatter kernels, atomics",
    ),
    _entry(
        "embedding.options",
        "options of embeddings",
        "gradients by frequency, padding, norms, offsets and weights of bags",
        "index and scatter kernels, atomics",
    ),
    _entry(
        "rnn.gates",
        "RNN, LSTM, GRU cell by cell",
        "recurrent nets against the gate equations",
        "oneDNN; cuDNN's recurrent kernels; MIOpen",
    ),
    _entry(
        "rnn.gradients",
        "gradients of recurrent nets",
        "backward of RNN, LSTM and GRU against central differences",
        "oneDNN; cuDNN's recurrent kernels; MIOpen",
    ),
    _entry(
        "attention.sdpa",
        "scaled dot-product attention",
        "each backend, plain, causal, masked, against softmax(q k/sqrt d) v",
        "the flash, memory-efficient, cuDNN or math kernel",
    ),
    _entry(
        "attention.heads",
        "multi-head self-attention",
        "MultiheadAttention and the encoder layer, slow and fast path",
        "the fast path's fused kernel",
    ),
    _entry(
        "attention.layers",
        "Transformer layers",
        "encoder layer against its formula, fast path, decoder, causal masks",
        "the fast path's fused kernel",
    ),
    _entry(
        "attention.masks",
        "masked and convolutional attention",
        "the right way to mask (there is no functional.masked_softmax)",
        _KERNELS,
    ),
    _entry(
        "attention.options",
        "options of attention",
        "unequal lengths, masks for heads and keys, additional keys, decoder and stacks by their parts",
        "the flash, memory-efficient, cuDNN or math kernel, or the fast path's fused kernel",
    ),
    _entry(
        "attention.flex",
        "flex_attention",
        "a mask function and a score function against softmax(q k/sqrt d) v",
        "flex_attention's lowering",
        "full",
    ),
    _entry("fft.dft", "FFT against DFT", "fast Fourier transforms and Parseval", "MKL or pocketfft; cuFFT; rocFFT"),
    _entry(
        "fft.options",
        "options of FFT",
        "even and odd lengths, cut and padded, each norm, planes, windows, frames against sums",
        "MKL or pocketfft; cuFFT; rocFFT",
    ),
    _entry(
        "linalg.residuals",
        "QR, SVD, eigh, solve",
        "linear algebra by backward-stable residuals",
        "LAPACK; cuSOLVER or MAGMA; rocSOLVER",
    ),
    _entry(
        "linalg.options",
        "options of linear algebra",
        "triangles, sides, ranks, orders, signs and complex matrices, by matrices known by hand",
        "LAPACK; cuSOLVER or MAGMA; rocSOLVER",
    ),
    _entry(
        "sparse.products",
        "sparse COO, CSR, CSC",
        "sparse products against sums in Python",
        "MKL's sparse kernels; cuSPARSE; rocSPARSE",
    ),
    _entry(
        "sparse.options",
        "options of sparse matrices",
        "sums, masks, factors, parts and conversions, exactly",
        "MKL's sparse kernels; cuSPARSE; rocSPARSE",
    ),
    _entry(
        "vision.sampling",
        "grid_sample, interpolate",
        "visualisation: sampling of images, image grids",
        "vision kernels",
    ),
    _entry(
        "vision.options",
        "modes of sampling",
        "nearest-exact, cubic weights, borders, factors, both conventions of corners",
        "vision kernels",
    ),
    _entry(
        "vision.board",
        "TensorBoard event file",
        "visualisation: event files, where tensorboard is installed",
        "tensorboard's installation",
        "full",
    ),
    _entry(
        "precision.mode",
        "mode of float32 products",
        "FP32, TF32-like or bfloat16-like by measured error",
        "the math mode of cuBLAS or oneDNN differs from the setting",
    ),
    _entry(
        "amp.autocast",
        "autocast",
        "mixed precision (AMP) against float64",
        "the autocast policy or low-precision kernels",
    ),
    _entry(
        "amp.scaler", "GradScaler", "an infinity skips the step and halves the scale", "GradScaler or its fused check"
    ),
    _entry(
        "amp.options",
        "options of mixed precision",
        "factors, several optimizers and states of GradScaler; autocast nested and by operation",
        "the autocast policy, GradScaler or its fused check",
    ),
    _entry(
        "lowbits.formats",
        "float16, bfloat16, FP8 numbers",
        "rounding to nearest, the ends of each format, sums and norms that keep more digits",
        _KERNELS,
    ),
    _entry(
        "lowbits.whole",
        "quantised tensors",
        "rounding, limits and zero points per tensor and channel; a quantised layer",
        "quantised kernels: FBGEMM, QNNPACK or oneDNN",
    ),
    _entry(
        "lowbits.fp8",
        "FP8 product",
        "a product of whole numbers in FP8, exactly, where the device has it",
        "cuBLASLt or hipBLASLt in FP8",
    ),
    _entry(
        "lowbits.sparsity",
        "2:4 sparse product",
        "a product with a 2:4 sparse matrix, exactly, where the device has it",
        "cuSPARSELt or CUTLASS",
    ),
    _entry(
        "func.transforms", "vmap, jacobians", "function transforms against closed forms", "functorch's batching rules"
    ),
    _entry(
        "func.options",
        "options of vmap and its kin",
        "other dimensions, nesting, random numbers, functional_call with buffers",
        "functorch's batching rules",
    ),
    _entry("profiler.events", "profiler", "the profiler counts one product", "Kineto; CUPTI; roctracer"),
    _entry(
        "script.trace",
        "TorchScript, export",
        "a traced, a scripted and an exported function against the plain one",
        "TorchScript, torch.export: a damaged installation",
        "full",
    ),
    _entry(
        "threads.agree",
        "N threads equal 1 thread",
        "several threads give the answer of one",
        "OpenMP: two runtimes in one process, or a bad count",
    ),
    _entry(
        "model.parts",
        "Module, multi-task, frozen backbone",
        "nn.Module, ModuleList, Sequential; multi-task learning; transfer learning",
        _ENGINE,
    ),
    _entry(
        "model.module",
        "nn.Module's books",
        "parameters, buffers, children, modes, dtypes, sharing of nn.Module",
        _PYTHON,
    ),
    _entry("model.fewshot", "few-shot prototypes", "few-shot classification, NLL on one-hot targets", _KERNELS),
    _entry(
        "model.reinforce",
        "REINFORCE",
        "reinforcement learning: policy gradient of a bandit",
        "the multinomial sampler or log-probabilities",
    ),
    _entry("model.selfsup", "contrastive, masked prediction", "self-supervised learning in closed form", _KERNELS),
    _entry(
        "model.cnn",
        "CNN, four strokes",
        "a convolutional network trained to a bound",
        "the backward of convolution and pooling",
    ),
    _entry(
        "model.memory",
        "LSTM, GRU, CNN + GRU",
        "recurrent nets that must remember",
        "the backward of recurrent kernels",
        "full",
    ),
    _entry(
        "model.autoencoder",
        "autoencoders",
        "a linear and a convolutional autoencoder to a bound",
        "the backward of (transposed) convolution",
        "full",
    ),
    _entry(
        "model.vae",
        "VAE",
        "KL term, reparameterised gradient, falling loss",
        "torch.distributions or the generators",
        "full",
    ),
    _entry("model.gan", "GAN", "loss of a blind discriminator; whose step moves what", _ENGINE, "full"),
    _entry(
        "compile.mlp",
        "torch.compile, new cache",
        "compiled forward and backward against eager",
        "the C++ compiler and OpenMP; Triton, ptxas, Python headers",
        "full",
        180.0,
    ),
    _entry(
        "compile.graph",
        "torch.compile, no compiler",
        "graphs, their breaks and AOT backward of torch.compile, without a compiler below",
        "TorchDynamo or AOT autograd: torch's own Python code",
        "full",
        180.0,
    ),
    _entry(
        "parallel.data",
        "DataParallel",
        "data parallelism in one process",
        "replicate, scatter, gather; copies between GPUs",
        "full",
    ),
    _entry("parallel.model", "model parallelism", "halves of a model on two devices", "copies between devices", "full"),
    _entry(
        "parallel.ddp",
        "DDP, 2 processes",
        "distributed data parallel: whole model in each process, gradients averaged and equal to the single-process ones",
        "Gloo; NCCL; RCCL; the network of this host",
        "full",
        120.0,
    ),
    _entry(
        "parallel.collectives",
        "collectives, 2 processes",
        "all-reduce, broadcast, gather, send of whole numbers, exactly, bytes to megabytes",
        "Gloo; NCCL; RCCL; the network of this host",
        "full",
        120.0,
    ),
    _entry(
        "parallel.shard",
        "FSDP, 2 processes",
        "fully_shard: each process holds half of the weights, gradients and steps are those of one",
        "Gloo; NCCL; RCCL; FSDP's own Python code",
        "full",
        120.0,
    ),
    _entry(
        "gpu.architectures",
        "a kernel of each dtype",
        "the wheel holds code for this GPU",
        "a wheel without kernels for this GPU",
    ),
    _entry(
        "gpu.copies",
        "copies, byte by byte",
        "host and device memory, pinned and pageable",
        "the bus, pinned memory, faulty memory",
    ),
    _entry(
        "gpu.streams",
        "streams and events",
        "work on a side stream is waited for; events measure a time",
        "the driver, or CUDA streams of this build",
    ),
    _entry(
        "gpu.memory",
        "patterns in device memory",
        "patterns in half of the free memory read back right; running out is survived",
        "faulty memory of the device, or the allocator",
        "full",
        120.0,
    ),
    _entry(
        "gpu.each",
        "every GPU by itself",
        "sums and products on each GPU, equal bit by bit on equal GPUs",
        "one faulty GPU; rocBLAS on mixed architectures",
    ),
    _entry("gpu.peers", "copies between GPUs", "peer-to-peer by content", "IOMMU or ACS, patched P2P"),
    _entry(
        "gpu.nccl",
        "NCCL over all GPUs",
        "sums of whole numbers over all GPUs, exactly, 4 B to 256 MB",
        "NCCL or RCCL; peer access, IOMMU or ACS; /dev/shm",
        "full",
        120.0,
    ),
    _entry(
        "gpu.repeat",
        "one product, 50 times",
        "bitwise repeatability of a product",
        "faulty memory or an unstable clock",
    ),
    _entry(
        "gpu.graph", "CUDA graph", "a captured step replayed with new inputs", "the driver or graph capture", "full"
    ),
    _entry("gpu.nvrtc", "NVRTC", "a kernel compiled at run time", "libnvrtc and its builtins", "full"),
    _entry(
        "gpu.triton", "Triton", "a kernel made by Triton", "Triton, ptxas, Python headers, a C compiler", "full", 180.0
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
