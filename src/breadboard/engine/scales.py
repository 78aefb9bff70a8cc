"""Powers of ten for sizes, as kernels look them up: raising ten to a power costs more than the row it is needed for."""

from typing import Final

import numpy as np

POWERS: Final = np.array([float(f"1e{power}") for power in range(-18, 1)])
"""``size * POWERS[size_exp + 18]`` is a size in units of its instrument; the exponent lies in [-18, 0]."""
