"""A kernel written by hand for Triton, apart from torch.compile; imported only where triton is installed."""

import triton
import triton.language as tl


@triton.jit
def scaled_sum(x, y, out, count, factor, BLOCK: tl.constexpr):
    """out = x + factor * y."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = place < count
    a = tl.load(x + place, mask=inside)
    b = tl.load(y + place, mask=inside)
    tl.store(out + place, a + factor * b, mask=inside)


def call(torch, x, y, factor):
    """Run the kernel over two vectors."""
    out = torch.empty_like(x)
    block = 256
    scaled_sum[((x.numel() + block - 1) // block,)](x, y, out, x.numel(), factor, BLOCK=block)
    return out
