"""Tables of stretches of time, each of which begins where the one before it ends."""

from typing import Any

from numpy.typing import NDArray

from breadboard.model.kernels import kernel


@kernel
def after(table: NDArray[Any], low: int, high: int, when: int) -> int:
    """Return the place of the first row of ``table[low:high]`` that begins after a moment; ``high`` where none does.

    Rows have a ``begin`` (ns UTC) and are in its order.
    """
    while low < high:
        middle = (low + high) // 2
        if table[middle].begin <= when:
            low = middle + 1
        else:
            high = middle
    return low
