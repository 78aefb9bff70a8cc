"""Sizes as whole units and a fraction, as bars and tables add them up."""

from breadboard.model.kernels import kernel


@kernel
def split_size(size: int, exponent: int) -> tuple[int, int]:
    """Return ``size * 10 ** exponent`` as whole units and units of 1e-18; the exponent lies in [-18, 0]."""
    unit = 1
    for _ in range(-exponent):
        unit *= 10
    rest = 1
    for _ in range(18 + exponent):
        rest *= 10
    whole = size // unit
    return whole, (size - whole * unit) * rest if exponent < 0 else 0
