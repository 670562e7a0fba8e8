"""Verdicts on speed: ``noisy`` where the clock cannot be trusted, ``slow`` only against a figure that is named."""

from ptsetup.bench.catalogue import PROFILES, Entry
from ptsetup.bench.peaks import ACHIEVABLE_SOURCE
from ptsetup.bench.records import Check
from ptsetup.bench.series import Metric, Speed, median

SPIN_LIMIT = 1.1
"""Wall over CPU time of a loop that only computes: an idle machine shows 1.00 to 1.03, a loaded one 1.6 and more."""
PRESSURE_LIMIT = 0.10
"""Share of the time in which some task waited for a CPU: idle below 0.06, two rivals 0.67 and more."""
NODE_FLOOR = 0.90
"""A GPU below this share of the best one of the same name is an outlier; 5 % are ordinary."""
ACHIEVABLE_FLOOR = 0.85
SUSTAINED_FLOOR = 0.90


def _entry(name: str, title: str, proves: str, reveals: str, profile: str = "quick") -> Entry:
    return Entry(name=name, group="speed", title=title, proves=proves, reveals=reveals, profile=profile)


ENTRIES = (
    _entry(
        "speed.mlp",
        "MLP training steps",
        "steps per second of the MLP 784-128-10 (batches of 64, Adam)",
        "a slow build, too few or too many threads, or a busy machine",
    ),
    _entry(
        "speed.matmul",
        "matrix product",
        "products per dtype against the best shape of this run, and the data sheet of known GPUs",
        "a BLAS without kernels for this processor, clocks held down, or power and heat limits",
    ),
    _entry(
        "speed.memory",
        "memory bandwidth",
        "z = x + a y on the CPU, a copy on a GPU, beyond the caches",
        "a busy or half-populated memory bus",
    ),
    _entry("speed.dispatch", "small operations", "what Python and the dispatcher cost", "a debug build", "full"),
    _entry(
        "speed.gpus",
        "every GPU against the best",
        "the same work on all GPUs of the machine",
        "one slow GPU: heat, power, a narrow PCIe link",
    ),
    _entry(
        "speed.p2p",
        "copies between GPUs",
        "content of every ordered pair first, then bandwidth",
        "peer access broken by IOMMU or ACS, or a patched driver",
    ),
    _entry(
        "speed.sustained",
        "20 s of products",
        "the rate of the last 5 s against the first 5 s",
        "a GPU that lowers its clock: heat or power",
        "soak",
    ),
)
BY_NAME = {entry.name: entry for entry in ENTRIES}
SERIES_OF = {
    "speed.mlp": ("mlp",),
    "speed.matmul": ("matmul",),
    "speed.memory": ("triad", "copy"),
    "speed.dispatch": ("dispatch",),
}


def percent(share: float) -> str:
    """``85 %``."""
    return f"{100 * share:.0f} %"


def wanted(profile: str, only: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> tuple[Entry, ...]:
    """The speed checks of a profile, or those named (by name or group); ``only`` reaches beyond the profile."""
    depth = PROFILES.index(profile)
    chosen = [e for e in ENTRIES if ({e.name, e.group} & set(only) if only else PROFILES.index(e.profile) <= depth)]
    return tuple(e for e in chosen if not {e.name, e.group} & set(skip))


def judge_all(speed: Speed, profile: str) -> tuple[Check, ...]:
    """A check per quantity of the profile that this machine can have (one GPU has no pairs)."""
    depth = PROFILES.index(profile)
    checks = []
    for entry in ENTRIES:
        if PROFILES.index(entry.profile) > depth:
            continue
        if entry.name in SERIES_OF:
            checks.append(_rate(entry.name, speed))
        elif entry.name == "speed.gpus" and len(speed.devices) > 1:
            checks.append(_gpus(speed))
        elif entry.name == "speed.p2p" and speed.pairs:
            checks.append(_pairs(speed))
        elif entry.name == "speed.sustained" and speed.devices and speed.devices[0]["device"] != "cpu":
            checks.append(_sustained(speed))
    return tuple(checks)


def chief(speed: Speed, name: str) -> Metric | None:
    """The metric that stands for a check: most threads, beyond the caches, the first device's best dtype."""
    found = [metric for metric in speed.metrics if metric.name in SERIES_OF[name]]
    if not found:
        return None
    device = found[0].device
    most = max(m.threads or 0 for m in found)
    found = [m for m in found if m.device == device and (m.threads or 0) == most]
    if name == "speed.memory":
        return max(found, key=lambda m: m.array_mib or 0)
    if name == "speed.matmul":
        return max(found, key=lambda m: (device != "cpu" or m.dtype == "float32", m.rate))
    return found[0]


def _rate(name: str, speed: Speed) -> Check:
    metric = chief(speed, name)
    if metric is None:
        reasons = [one.reason for one in speed.absent if one.name in SERIES_OF[name]]
        return _check(name, "unavailable", detail=reasons[0] if reasons else "nothing was measured")
    verdict, detail = "ok", ""
    floor = _table_floor(speed, metric) if name == "speed.matmul" else None
    if not speed.gate.is_quiet:
        verdict, detail = "noisy", why_noisy(speed)
    elif metric.is_noisy:
        verdict, detail = (
            "noisy",
            f"processes differ by {percent(metric.spread)}; within one the middle half spans {percent(metric.iqr)}",
        )
    elif floor is not None and metric.rate < floor[0]:
        verdict, detail = "slow", floor[1]
    return _check(
        name, verdict, detail=detail, data={"rate": metric.rate, "unit": f"{metric.unit}/s", "key": metric.key}
    )


def why_noisy(speed: Speed) -> str:
    """What the gate saw, in words."""
    gate = speed.gate
    words = [f"a loop that only computes took {gate.spin:.2f} times its CPU time"] if gate.spin > SPIN_LIMIT else []
    if gate.pressure is not None and gate.pressure >= PRESSURE_LIMIT:
        words.append(f"tasks waited for a CPU {percent(gate.pressure)} of the time")
    return "other work used the CPUs: " + " and ".join(words)


def _table_floor(speed: Speed, metric: Metric) -> tuple[float, str] | None:
    """The rate below which a GPU of the shipped table is slow, and the words for it."""
    ceiling = next((c for c in speed.ceilings if c.device == metric.device and c.dtype == metric.dtype), None)
    if ceiling is None or ceiling.datasheet is None or ceiling.achievable is None:
        return None
    floor = ACHIEVABLE_FLOOR * ceiling.achievable * ceiling.datasheet
    text = (
        f"floor: {percent(ACHIEVABLE_FLOOR)} of the {percent(ceiling.achievable)} of {ceiling.datasheet / 1e12:g} TFLOP/s "
        f"that others reached ({ACHIEVABLE_SOURCE})"
    )
    return floor, text


def _gpus(speed: Speed) -> Check:
    shares = node_shares(speed)
    if not shares:
        return _check("speed.gpus", "unavailable", detail="nothing was measured on every GPU")
    slowest = min(shares, key=lambda device: shares[device])
    verdict = "slow" if shares[slowest] < NODE_FLOOR else "ok"
    detail = f"slowest: {slowest}, {percent(shares[slowest])} of the best (floor {percent(NODE_FLOOR)})"
    return _check("speed.gpus", verdict, detail=detail, data={"shares": shares})


def _pairs(speed: Speed) -> Check:
    wrong = [f"{pair.source} to {pair.target}" for pair in speed.pairs if pair.is_right is False]
    raised = [f"{pair.source} to {pair.target}: {pair.reason}" for pair in speed.pairs if pair.is_right is None]
    if wrong or raised:
        words = f"the content arrived wrong from GPU {', '.join(wrong)}" if wrong else f"GPU {raised[0]}"
        return _check(
            "speed.p2p", "wrong", detail=words, error=float(len(wrong) + len(raised)), tolerance=0.0, unit="count"
        )
    rates = [pair.gbs for pair in speed.pairs if pair.gbs]
    detail = f"{len(speed.pairs)} pairs right, {min(rates):.3g} to {max(rates):.3g} GB/s" if rates else ""
    return _check("speed.p2p", "ok", detail=detail, error=0.0, tolerance=0.0, unit="count")


def _sustained(speed: Speed) -> Check:
    share = sustained_share(speed)
    if share is None:
        return _check("speed.sustained", "unavailable", detail="nothing was measured")
    verdict = "slow" if share < SUSTAINED_FLOOR else "ok"
    return _check(
        "speed.sustained",
        verdict,
        detail=f"the last 5 s ran at {percent(share)} of the first 5 s (floor {percent(SUSTAINED_FLOOR)}){_held_back(speed)}",
        data={"share": share},
    )


def _held_back(speed: Speed) -> str:
    """What the driver says of the clocks, for each GPU that it held back."""
    told = [f"{one['device']} was held back by {one['held_back']}" for one in speed.devices if one.get("held_back")]
    return f"; {'; '.join(told)}" if told else ""


def _check(name: str, verdict: str, **fields: object) -> Check:
    entry = BY_NAME[name]
    return Check(
        name=name,
        group=entry.group,
        title=entry.title,
        verdict=verdict,
        reveals=entry.reveals,
        **fields,  # type: ignore[arg-type]
    )


def slowest(speed: Speed) -> str | None:
    """The GPU with the lowest share of the best, over what all of them did; None with fewer than two."""
    shares = node_shares(speed)
    return min(shares, key=lambda device: shares[device]) if len(shares) > 1 else None


def node_shares(speed: Speed) -> dict[str, float]:
    """GPU -> its lowest rate as a share of the best GPU of the same name, over products and copies."""
    names = {one["device"]: one.get("name") for one in speed.devices}
    shares: dict[str, float] = {}
    kinds = {(m.name, m.dtype, m.shape) for m in speed.metrics if m.name in ("matmul", "copy") and m.device != "cpu"}
    for kind in kinds:
        same = [m for m in speed.metrics if (m.name, m.dtype, m.shape) == kind]
        for one in same:
            best = max(m.rate for m in same if names.get(m.device) == names.get(one.device))
            shares[one.device] = min(shares.get(one.device, 1.0), one.rate / best if best else 1.0)
    return dict(sorted(shares.items()))


def sustained_share(speed: Speed) -> float | None:
    """Rate of the last 5 seconds over the first 5, the lowest of all devices; None: not measured."""
    shares = [
        median(one.wall_s[:5]) / median(one.wall_s[-5:])
        for one in speed.series
        if one.name == "sustained" and len(one.wall_s) >= 10
    ]
    return min(shares, default=None)
