"""One way to compile: typed, cached on disk, releasing the interpreter lock."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile ``function`` with numba; machine code is cached beside the source file.

    The signature is inferred at the first call. ``boundscheck`` is off: a kernel checks the lengths
    it is given before it loops. ``error_model="numpy"`` keeps divisions free of exception paths.
    """
    return cast("F", njit(cache=True, nogil=True, error_model="numpy")(function))
