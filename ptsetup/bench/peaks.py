"""What makers state for a GPU, and what others have reached of it."""

from ptsetup.facts import Record
from ptsetup.index import Peak, WheelIndex, gpu_key

SPELLINGS = {
    "a100sxm480gb": "A100 SXM 80GB",
    "a100sxm440gb": "A100 40GB",
    "a100pcie40gb": "A100 40GB",
    "a10080gbpcie": "A100 PCIe 80GB",
    "a100pcie80gb": "A100 PCIe 80GB",
    "h10080gbhbm3": "H100 SXM",
    "h200": "H200 SXM",
    "v100sxm216gb": "V100 SXM2",
    "v100sxm232gb": "V100 SXM2",
    "v100pcie16gb": "V100 PCIe",
    "v100pcie32gb": "V100 PCIe",
}
"""What drivers call a board (reduced by ``gpu_key``) where the data sheet writes its name otherwise."""

ACHIEVABLE = {
    "A100 SXM 80GB": 0.87,
    "GH200": 0.84,
    "H100 SXM": 0.80,
    "B200": 0.78,
    "AMD Instinct MI355X": 0.68,
    "AMD Instinct MI325X": 0.60,
    "AMD Instinct MI300X": 0.51,
}
"""Share of the bfloat16 data sheet that the best shape of a long search reached."""

ACHIEVABLE_SOURCE = "stas00/ml-engineering, compute/accelerator (table of the mamf-finder)"


class Known(Record, frozen=True, kw_only=True):
    """Figures of one product: FLOP/s and bytes per second."""

    name: str
    flops: dict[str, float]
    """By dtype."""
    bytes_per_s: float | None
    achievable: float | None
    source: str


def known(device_name: str | None, index: WheelIndex | None) -> Known | None:
    """The figures for a GPU by the name that torch gives it; None when the table has no such product."""
    if not device_name or index is None:
        return None
    key = gpu_key(device_name)
    wanted = gpu_key(SPELLINGS.get(key, "")) or key
    peak = next((one for one in index.peaks if gpu_key(one.name) == wanted), None)
    return _known(peak, index) if peak else None


def _known(peak: Peak, index: WheelIndex) -> Known:
    by_dtype = {"float32": peak.fp32_tflops, "bfloat16": peak.bf16_tflops, "float16": peak.fp16_tflops}
    return Known(
        name=peak.name,
        flops={dtype: value * 1e12 for dtype, value in by_dtype.items() if value},
        bytes_per_s=peak.bandwidth_gbs * 1e9 if peak.bandwidth_gbs else None,
        achievable=ACHIEVABLE.get(peak.name),
        source="; ".join(index.sources.get(source, source) for source in peak.sources),
    )
