"""Venues' numbers, as far as all venues agree on them."""

from typing import Final

FAR_BACK: Final = 1_000_000
"""Nobody sends again what lies so many numbers back."""


def fell_back(number: int, known: int) -> bool:
    """Return whether a venue counts anew: far below a number that is known already, and less than half of it.

    What is below it and not far is a repetition. Plain arithmetic, so that kernels can be made of it.
    """
    return number < known // 2 and known - number > FAR_BACK
