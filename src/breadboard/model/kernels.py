"""One way to compile: typed, cached on disk, releasing the interpreter lock."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba import njit

from breadboard.model.kernel_cache import LOCATORS

_settings: Any = numba.config
if not _settings.CACHE_LOCATOR_CLASSES:
    _settings.CACHE_LOCATOR_CLASSES = LOCATORS

F = TypeVar("F", bound=Callable[..., Any])
Record = Any
"""One element of a structured array, as a kernel's argument: numba knows its fields, and writes to the array itself."""


def kernel(function: F) -> F:
    """Compile ``function`` with numba; machine code is cached beside the source file.

    The signature is inferred at the first call. ``boundscheck`` is off: a kernel checks the lengths
    it is given before it loops. ``error_model="numpy"`` keeps divisions free of exception paths.

    A kernel makes no array (numba refuses to compile one that does): it gets all room it needs from its caller, who
    keeps it. So nothing counts references, which numba does with an atomic instruction for each array that a kernel is
    handed and each row of one that it looks at: a fifth of the engine's time.
    """
    return cast("F", _compiled(nogil=True)(function))


def brief(function: F) -> F:
    """Compile a kernel that keeps the interpreter lock: for a few nanoseconds a row.

    Of a small batch it is done before another thread could begin. Letting the lock go where somebody waits for it wakes
    him up, and he may then keep it for as long as a switch takes. Of the largest batch (65,536 rows) the longest of
    these keep it for a millisecond or two, which happens in a backlog alone.
    """
    return cast("F", _compiled(nogil=False)(function))


def inlined(function: F) -> F:
    """Compile a small part of kernels into each of its callers: for what is called for every few bytes.

    A call of another compiled function costs 5 to 10 ns, which is more than such a part does. Machine code grows with
    each place it is called from, and so does the time to compile.
    """
    return cast("F", _compiled(nogil=True, forceinline=True)(function))


def _compiled(**how: bool) -> Any:  # noqa: ANN401 - numba's types do not know all of its options
    """Return numba's compiler with what is the same for all kernels.

    ``_nrt`` (numba's runtime: arrays made and references counted by compiled code) is an option of numba's own tests
    and ahead-of-time compiler, beside its documented ones.
    """
    untyped: Any = njit
    return untyped(cache=True, error_model="numpy", _nrt=False, **how)


def plain(compiled: F) -> F:
    """Return a kernel as it was written, not compiled.

    For who calls it with one value at a time in a process that must not stop: the first call of a compiled one loads
    machine code for a quarter of a second, and no later one is faster than this.
    """
    return cast("F", cast("Any", compiled).py_func)
