"""Checks of FFT, linear algebra, sparse matrices, sampling of images, reduced precision, profiler and function transforms."""
import math

from ptsetup_bench_main import Unavailable, Unsupported


def fft_dft(kit, worst):
    """FFT of 60 points against the DFT; 1000, 1024 and 1009 (a prime) points there and back, and Parseval."""
    torch = kit.torch
    x = kit.randn(60, salt=201)
    for dtype in kit.dtypes("float32", "float64"):
        given = kit.to(x, dtype)
        values = given.cpu().double().tolist()
        angle = [2 * math.pi * n / 60 for n in range(60)]
        want_real = [math.fsum(v * math.cos(angle[k * n % 60]) for n, v in enumerate(values)) for k in range(60)]
        want_imag = [-math.fsum(v * math.sin(angle[k * n % 60]) for n, v in enumerate(values)) for k in range(60)]
        got = torch.fft.fft(given)
        kit.compare(worst, got.real, want_real, 16, "fft, 60 points, %s" % dtype, dtype)
        kit.compare(worst, got.imag, want_imag, 16, "fft, 60 points, %s" % dtype, dtype)
        half = torch.fft.rfft(given)
        kit.compare(worst, half.imag, want_imag[:31], 16, "rfft, %s" % dtype, dtype)
        for count in (1000, 1024, 1009):
            signal = kit.to(kit.randn(count, salt=202), dtype)
            spectrum = torch.fft.fft(signal)
            kit.compare(worst, torch.fft.ifft(spectrum).real, signal, 16, "%d points there and back, %s" % (count, dtype), dtype)
            energy = float((spectrum.abs() ** 2).cpu().double().sum()) / count
            direct = float((signal.cpu().double() ** 2).sum())
            worst.add(abs(energy / direct - 1) / kit.eps(dtype), 64, "eps", "Parseval, %d points, %s" % (count, dtype))


def linalg_residuals(kit, worst):
    """QR, SVD, eigh, Cholesky, solve, inverse, determinant, least squares by their residuals."""
    torch = kit.torch
    for dtype in kit.dtypes("float32", "float64"):
        a = kit.to(kit.randn(24, 24, salt=211), dtype)
        spd = a @ a.t() + 24 * torch.eye(24, dtype=dtype, device=kit.device)
        unit = torch.eye(24, dtype=dtype, device=kit.device)
        linalg = torch.linalg
        try:
            q, r = linalg.qr(a)
            u, s, vh = linalg.svd(a)
            w, v = linalg.eigh(spd)
            low = linalg.cholesky(spd)
            x = linalg.solve(a, unit)
        except NotImplementedError as reason:
            raise Unsupported(str(reason)[:200])
        pairs = (
            ("QR", q @ r, a), ("Q'Q", q.t() @ q, unit), ("SVD", u @ torch.diag(s) @ vh, a), ("eigh", v @ torch.diag(w) @ v.t(), spd),
            ("Cholesky", low @ low.t(), spd),
        )
        for name, got, want in pairs:
            kit.compare(worst, got, want, 64, "%s, %s" % (name, dtype), dtype)
        residual = float((a @ x - unit).abs().max()) / (float(a.abs().sum(1).max()) * float(x.abs().sum(1).max()))
        worst.add(residual / kit.eps(dtype), 64, "eps", "solve, %s" % dtype)
        small = torch.tensor([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 4.0]], dtype=dtype, device=kit.device)
        kit.compare(worst, linalg.det(small), [18.0], 64, "det, %s" % dtype, dtype)
        kit.compare(worst, linalg.inv(small) @ small, torch.eye(3), 64, "inv, %s" % dtype, dtype)
        line = torch.tensor([[1.0, t] for t in range(5)], dtype=dtype, device=kit.device)
        fit = linalg.lstsq(line, torch.tensor([[1.0 + 2 * t] for t in range(5)], dtype=dtype, device=kit.device))[0]
        kit.compare(worst, fit.reshape(-1), [1.0, 2.0], 256, "lstsq, %s" % dtype, dtype)
        kit.compare(worst, linalg.norm(torch.tensor([3.0, 4.0], dtype=dtype, device=kit.device)), [5.0], 16, "norm, %s" % dtype, dtype)


def sparse_products(kit, worst):
    """COO, CSR and CSC matrices times a dense one."""
    torch = kit.torch
    dense = kit.to(kit.randn(30, 20, salt=221))
    dense = torch.where(dense.abs() > 1.2, dense, torch.zeros_like(dense))
    other = kit.to(kit.randn(20, 6, salt=222))
    rows, columns = dense.cpu().double().tolist(), other.cpu().double().t().tolist()
    want = [[math.fsum(a * b for a, b in zip(row, column)) for column in columns] for row in rows]
    forms = [("COO", lambda: dense.to_sparse()), ("CSR", lambda: dense.to_sparse_csr())]
    if hasattr(dense, "to_sparse_csc"):
        forms.append(("CSC", lambda: dense.to_sparse_csc()))
    answered = 0
    for name, make in forms:
        try:
            got = make() @ other
        except (RuntimeError, NotImplementedError) as reason:
            worst.data.setdefault("left out", []).append("%s: %s" % (name, str(reason)[:80]))
            continue
        answered += 1
        kit.compare(worst, got, want, 16, name)
    if not answered:
        raise Unsupported("no sparse product on this device")


def vision_sampling(kit, worst):
    """grid_sample with the identity grid, interpolate of linear ramps, and a grid of images."""
    torch, f = kit.torch, kit.torch.nn.functional
    image = kit.to(kit.randn(1, 2, 5, 6, salt=231))
    grid = f.affine_grid(torch.tensor([[[1.0, 0, 0], [0, 1.0, 0]]], device=kit.device), (1, 2, 5, 6), align_corners=True)
    worst.add(kit.distance(f.grid_sample(image, grid, align_corners=True), image), 1e-5, "rel", "identity grid")
    flip = f.affine_grid(torch.tensor([[[-1.0, 0, 0], [0, 1.0, 0]]], device=kit.device), (1, 2, 5, 6), align_corners=True)
    worst.add(kit.distance(f.grid_sample(image, flip, align_corners=True), image.flip(3)), 1e-5, "rel", "mirrored grid")
    ramp = torch.arange(5.0, device=kit.device).reshape(1, 1, 1, 5).repeat(1, 1, 3, 1)
    wide = f.interpolate(ramp, size=(3, 9), mode="bilinear", align_corners=True)
    worst.add(kit.distance(wide[0, 0, 1], [0.5 * i for i in range(9)]), 1e-5, "rel", "bilinear ramp")
    worst.equal(f.interpolate(ramp, scale_factor=2, mode="nearest")[0, 0, 0].cpu().tolist() == [float(i // 2) for i in range(10)], "nearest")
    tiles = torch.stack([torch.full((1, 2, 2), float(n)) for n in range(4)]).to(kit.device)
    sheet = tiles.reshape(2, 2, 1, 2, 2).permute(2, 0, 3, 1, 4).reshape(1, 4, 4)
    worst.equal(sheet[0].cpu().tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]], "an image grid")


def vision_board(kit, worst):
    """TensorBoard event files are written and hold the scalar (where tensorboard is installed)."""
    import glob
    import os
    import tempfile

    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise Unavailable("tensorboard is not installed")
    with tempfile.TemporaryDirectory() as folder:
        with SummaryWriter(folder) as writer:
            writer.add_scalar("loss", 0.5, 3)
        files = glob.glob(os.path.join(folder, "events.*"))
        worst.equal(len(files) == 1 and b"loss" in open(files[0], "rb").read(), "one event file with the scalar")


def precision_mode(kit, worst):
    """The mode of float32 products is measured, not read: FP32, TF32-like or bfloat16-like; it must be what the setting says."""
    torch = kit.torch
    a, b = kit.to(kit.randn(32, 1024, salt=241)), kit.to(kit.randn(1024, 32, salt=242))
    got = (a @ b).cpu().double()
    left, right = a.cpu().double(), b.cpu().double()
    exact = (left[:, :, None] * right[None]).sum(1)
    weight = (left.abs()[:, :, None] * right.abs()[None]).sum(1)
    error = float(((got - exact).abs() / weight).max())
    mode = "FP32" if error < 1e-6 else "TF32-like" if error < 1e-3 else "bfloat16-like"
    setting = torch.get_float32_matmul_precision() if hasattr(torch, "get_float32_matmul_precision") else "highest"
    worst.data.update(mode=mode, setting=setting, error=error)
    worst.add(error, 1e-6 if setting == "highest" else 1e-3, "rel", "measured %s, the setting says %s" % (mode, setting))


def amp_autocast(kit, worst):
    """autocast in bfloat16 (and float16) against float64; operations that stay in float32 do."""
    torch = kit.torch
    if not hasattr(torch, "autocast"):
        raise Unavailable("this torch has no torch.autocast")
    torch.manual_seed(kit.seed)
    model = torch.nn.Sequential(torch.nn.Linear(32, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4)).to(kit.device)
    x = kit.to(kit.randn(8, 32, salt=251))
    wanted = _double_mlp(torch, model, x)
    low = [torch.bfloat16] + ([torch.float16] if kit.device.type != "cpu" else [])
    for dtype in low:
        try:
            with torch.autocast(kit.device.type, dtype=dtype):
                y = model(x)
                total = torch.nn.functional.cross_entropy(y, torch.zeros(8, dtype=torch.int64, device=kit.device))
        except RuntimeError as reason:
            raise Unsupported(str(reason)[:200])
        worst.equal(y.dtype == dtype, "products run in %s" % dtype)
        worst.equal(total.dtype == torch.float32, "the loss stays in float32")
        worst.add(kit.distance(y, wanted) / kit.eps(dtype), 8, "eps", "autocast, %s" % dtype)


def _double_mlp(torch, model, x):
    h = x.detach().cpu().double()
    for layer in model:
        if hasattr(layer, "weight"):
            h = h @ layer.weight.detach().cpu().double().t() + layer.bias.detach().cpu().double()
        else:
            h = h.clamp(min=0)
    return h


def amp_scaler(kit, worst):
    """GradScaler: an injected infinity skips the step and halves the scale; otherwise the step is that of unscaled gradients."""
    torch = kit.torch
    scaler_class = getattr(getattr(torch, "amp", None), "GradScaler", None)
    if scaler_class is None:
        raise Unavailable("this torch has no torch.amp.GradScaler (2.3 and newer)")
    if not kit.has_float64:
        raise Unsupported("GradScaler needs float64, which this device lacks")
    scaler = scaler_class(kit.device.type, init_scale=1024.0, growth_interval=2)
    w = torch.tensor([2.0, -1.0], device=kit.device, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.5)
    scaler.scale((w * w).sum()).backward()
    worst.equal(w.grad.cpu().tolist() == [4096.0, -2048.0], "the loss is scaled")
    scaler.step(optimizer)
    scaler.update()
    worst.equal(w.detach().cpu().tolist() == [0.0, 0.0], "the step uses unscaled gradients")
    optimizer.zero_grad()
    scaler.scale((w * float("inf")).sum()).backward()
    before = w.detach().cpu().tolist()
    scaler.step(optimizer)
    scaler.update()
    worst.equal(w.detach().cpu().tolist() == before and scaler.get_scale() == 512.0, "an infinity skips the step and halves the scale")


def functions_transforms(kit, worst):
    """vmap, grad, jacrev and jacfwd against closed forms."""
    torch = kit.torch
    func = getattr(torch, "func", None)
    if func is None:
        raise Unavailable("this torch has no torch.func (2.0 and newer)")
    x = kit.to(kit.randn(4, 3, salt=261), torch.float64 if kit.has_float64 else torch.float32)
    square = func.vmap(lambda row: (row * row).sum())(x)
    kit.compare(worst, square, [math.fsum(v * v for v in row) for row in x.cpu().double().tolist()], 32, "vmap")
    kit.compare(worst, func.grad(lambda t: (t ** 3).sum())(x), 3 * x.cpu().double() ** 2, 32, "grad")
    row = x[0]
    jacobian = torch.diag(torch.cos(row.cpu().double()))
    kit.compare(worst, func.jacrev(torch.sin)(row), jacobian, 32, "jacrev")
    kit.compare(worst, func.jacfwd(torch.sin)(row), jacobian, 32, "jacfwd")
    kit.compare(worst, func.hessian(lambda t: (t ** 3).sum())(row), torch.diag(6 * row.cpu().double()), 64, "hessian")


def profiler_sees(kit, worst):
    """The profiler sees one product (and an event of the device on a GPU)."""
    torch = kit.torch
    a = torch.ones(8, 8, device=kit.device)
    activities = [torch.profiler.ProfilerActivity.CPU]
    if kit.device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profile:
        torch.mm(a, a)
    seen = [event.count for event in profile.key_averages() if event.key == "aten::mm"]
    worst.equal(seen == [1], "one aten::mm")
    if kit.device.type == "cuda":
        on_device = [e for e in profile.events() if "CUDA" in str(getattr(e, "device_type", ""))]
        worst.equal(bool(on_device), "at least one event of the device")


def threads_agree(kit, worst):
    """As many threads as the machine grants give the answer of one thread."""
    import os

    torch = kit.torch
    a, b = kit.to(kit.randn(300, 200, salt=271)), kit.to(kit.randn(200, 100, salt=272))
    one = (a @ b).cpu(), torch.softmax(a, 1).cpu(), float(a.sum())
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    torch.set_num_threads(max(2, count))
    try:
        many = (a @ b).cpu(), torch.softmax(a, 1).cpu(), float(a.sum())
    finally:
        torch.set_num_threads(1)
    kit.compare(worst, many[0], one[0], 16, "product")
    kit.compare(worst, many[1], one[1], 16, "softmax")
    # against the sum of the sizes: the sum itself may cancel, and then any order of adding looks wrong
    size = float(a.double().abs().sum()) if kit.has_float64 else float(a.abs().sum())
    worst.add(abs(many[2] - one[2]) / size / kit.eps(torch.float32), 16, "eps", "sum")


CHECKS = {
    "fft.dft": fft_dft,
    "linalg.residuals": linalg_residuals,
    "sparse.products": sparse_products,
    "vision.sampling": vision_sampling,
    "vision.board": vision_board,
    "precision.mode": precision_mode,
    "amp.autocast": amp_autocast,
    "amp.scaler": amp_scaler,
    "func.transforms": functions_transforms,
    "profiler.events": profiler_sees,
    "threads.agree": threads_agree,
}
