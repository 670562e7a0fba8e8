"""Reports to be drawn: made up in every figure, so that stored copies of their pictures never change by themselves."""

from ptsetup.bench import Check, Report
from ptsetup.bench.comparison import Comparison, Quantity
from ptsetup.bench.fastness import judge_all
from ptsetup.bench.series import Gate, Pair, Series, Speed, summarise
from ptsetup.bench.speed import with_ceilings
from ptsetup.facts import replace
from ptsetup.index import load

CHECKS = (
    Check(
        name="tensor.exact",
        group="tensor",
        title="element functions and sums",
        verdict="ok",
        error=0.77,
        tolerance=32.0,
        unit="eps",
        detail="atan torch.float64",
        reveals="ATen's kernels for this processor",
        seconds=0.006,
    ),
    Check(
        name="tensor.order",
        group="tensor",
        title="sort, search, scatter, index",
        verdict="ok",
        error=0.0,
        tolerance=0.0,
        unit="count",
        reveals="ATen's kernels for this processor",
        seconds=0.003,
    ),
    Check(
        name="autograd.ops",
        group="autograd",
        title="gradients of 37 operators",
        verdict="ok",
        error=2.1e-9,
        tolerance=1e-5,
        unit="rel",
        detail="conv_transpose2d",
        reveals="a backward formula or its kernel",
        seconds=0.012,
    ),
    Check(
        name="train.mlp",
        group="train",
        title="MLP 784-128-10, Adam",
        verdict="ok",
        error=0.0225,
        tolerance=0.05,
        unit="share",
        detail="held-out mistakes",
        reveals="everything together",
        seconds=0.28,
        data={
            "curve": [1.24, 0.113, 0.0303, 0.0145, 0.00896],
            "loss": 0.0874,
            "accuracy": 0.9775,
            "first": 2.38,
            "loss_bound": 0.2,
            "accuracy_bound": 0.95,
        },
    ),
    Check(
        name="vision.board",
        group="vision",
        title="TensorBoard event file",
        verdict="unavailable",
        detail="tensorboard is not installed",
        reveals="the event writer",
    ),
    Check(
        name="gpu.graph",
        group="gpu",
        title="CUDA graph",
        verdict="unsupported",
        detail="only on a CUDA or ROCm device",
        reveals="graph capture",
    ),
)


def samples(seconds: float, *, count: int = 8) -> tuple[float, ...]:
    """A slow first call, then samples within 2 percent."""
    return (20 * seconds, *(seconds * (1 + 0.01 * (number % 3 - 1)) for number in range(count)))


def series(name: str, seconds: float, work: float, unit: str, *, process: int = 0, **labels: object) -> Series:
    """One series of made-up samples."""
    walls = samples(seconds)
    fields = {"device": "cpu", "threads": 2, **labels}
    return Series(name=name, process=process, wall_s=walls, cpu_s=walls, dropped=1, work=work, unit=unit, **fields)


def cpu_series(*, processes: int = 3, slowdown: float = 1.0) -> tuple[Series, ...]:
    """What the wide sweep of a small CPU gives."""
    found: list[Series] = []
    for process in range(processes):
        factor = slowdown * (1 + 0.01 * (process % 3 - 1))
        for threads in (1, 2):
            for size in (512, 1024):
                work = 2.0 * size**3
                for dtype, rate in (("float32", 1.1e11), ("bfloat16", 4.6e11)):
                    found.append(
                        series(
                            "matmul",
                            factor * work / (rate * threads),
                            work,
                            "FLOP",
                            process=process,
                            threads=threads,
                            dtype=dtype,
                            shape=(size, size, size),
                        )
                    )
            for mib, rate in ((1, 2.1e11), (16, 7e10), (64, 4.5e10)):
                work = 3 * 4 * mib * 2**18
                found.append(
                    series(
                        "triad", factor * work / rate, work, "B", process=process, threads=threads, array_mib=float(mib)
                    )
                )
            found.append(
                series("mlp", factor * 10 / (1200 + 600 * threads), 10, "step", process=process, threads=threads)
            )
    return tuple(found)


def quiet(**changes: object) -> Gate:
    """An idle machine."""
    return replace(Gate(spin=1.01, pressure=0.02, is_quiet=True), **changes)


def cpu_speed(gate: Gate | None = None) -> Speed:
    """The speed part of a small CPU."""
    found = cpu_series()
    return with_ceilings(
        Speed(
            threads=2,
            processes=3,
            is_fresh=False,
            gate=gate or quiet(),
            devices=({"device": "cpu", "name": None},),
            metrics=summarise(found),
            series=found,
        ),
        None,
    )


def healthy(gate: Gate | None = None) -> Report:
    """A CPU on which all is right."""
    speed = cpu_speed(gate)
    return Report(
        headline="torch 2.13.0+cpu computes right on the CPU: 4 checks in 3.3 s.",
        profile="quick",
        device="cpu",
        python="/home/user/.venv/bin/python",
        versions={"python": "3.12.3", "torch": "2.13.0+cpu"},
        machine={
            "system": "Linux",
            "processor": "AMD EPYC",
            "threads_granted": 2,
            "cpu_quota": None,
            "devices": ["cpu"],
        },
        taken_at="2026-11-20T10:00:00Z",
        seconds=7.2,
        cpu_seconds=3.1,
        peak_bytes=384_000_000,
        checks=(*CHECKS, *judge_all(speed, "quick")),
        speed=speed,
    )


def broken() -> Report:
    """Wrong convolutions, a crash with hostile words in it, and no speed part."""
    bad = (
        Check(
            name="conv.forms",
            group="conv",
            title="convolution: 6 forms, 2 layouts",
            verdict="wrong",
            error=0.31,
            tolerance=2e-6,
            unit="rel",
            detail="3x3, stride 2, padding 0, float32",
            reveals="oneDNN on the CPU, cuDNN or MIOpen on a GPU",
            seconds=0.05,
        ),
        Check(
            name="fft.dft",
            group="fft",
            title="FFT against DFT",
            verdict="crashed",
            detail="ended with SIGSEGV: a clash of libraries or of builds (<script>alert('&')</script> | \"quoted\")",
            reveals="MKL's FFT, pocketfft; cuFFT; rocFFT",
            seconds=0.2,
        ),
        Check(
            name="linalg.residuals",
            group="linalg",
            title="QR, SVD, eigh, solve",
            verdict="wrong",
            error=float("inf"),
            tolerance=64.0,
            unit="eps",
            detail="SVD",
            reveals="LAPACK",
            seconds=0.01,
        ),
    )
    return replace(
        healthy(),
        verdict="wrong",
        headline="torch 2.13.0+cpu computes wrong here: 3 of 7 checks failed. Do not train on this machine.",
        checks=(*CHECKS, *bad),
        speed=None,
    )


def compared() -> Report:
    """A run that became slower."""
    told = Comparison(
        headline="Slower than the 3 kept runs: 1 of 3 quantities, the worst by 24 %.",
        runs_before=3,
        runs_after=1,
        quantities=(
            Quantity(key="matmul.float32.1024x1024x1024.cpu.2t", verdict="same", ratio=1.02, limit=1.1),
            Quantity(key="triad.64MiB.cpu.2t", verdict="noisy", ratio=1.4),
            Quantity(key="mlp.cpu.2t", verdict="slower", ratio=1.24, limit=1.1, low=1.19),
        ),
    )
    return replace(healthy(), comparison=told, verdict="slow")


def node() -> Report:
    """Four H100, one of them slow, one pair that delivers wrong content."""
    found: list[Series] = []
    for number in range(4):
        factor = 1.18 if number == 2 else 1.0 + 0.005 * number
        for dtype, rate in (("float32", 5.1e13), ("float16", 7.0e14), ("bfloat16", 7.3e14)):
            for size in (2048, 4096, 8192):
                work = 2.0 * size**3
                share = {2048: 0.8, 4096: 0.95, 8192: 1.0}[size]
                found.append(
                    series(
                        "matmul",
                        factor * work / (rate * share),
                        work,
                        "FLOP",
                        device=f"cuda:{number}",
                        threads=None,
                        dtype=dtype,
                        shape=(size, size, size),
                    )
                )
        found.append(
            series("copy", factor * 2.0 * 2**30 / 2.9e12, 2.0 * 2**30, "B", device=f"cuda:{number}", threads=None)
        )
        found.append(series("mlp", factor * 50 / 4100, 50, "step", device=f"cuda:{number}", threads=None))
    pairs = tuple(
        Pair(source=a, target=b, is_right=(a, b) != (1, 3), is_direct=True, gbs=372.0 + a - b)
        for a in range(4)
        for b in range(4)
        if a != b
    )
    speed = with_ceilings(
        Speed(
            threads=16,
            processes=1,
            is_fresh=True,
            gate=quiet(),
            pairs=pairs,
            metrics=summarise(found),
            series=tuple(found),
            devices=tuple({"device": f"cuda:{n}", "name": "NVIDIA H100 80GB HBM3"} for n in range(4)),
        ),
        load(),
    )
    return replace(
        healthy(),
        verdict="wrong",
        headline="torch 2.14.1+cu126 computes wrong here: 1 of 9 checks failed. Do not train on this machine.",
        device="cuda:0",
        device_name="NVIDIA H100 80GB HBM3",
        versions={"python": "3.12.3", "torch": "2.14.1+cu126", "cuda": "12.6"},
        checks=(*CHECKS[:4], *judge_all(speed, "quick")),
        speed=speed,
    )
