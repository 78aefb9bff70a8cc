"""Arrays as bare pointers inside kernels, so that helpers can be called for every byte.

An array is handed from one compiled function to another as seven numbers and more; a pointer is one, and is indexed
with the same ``p[i]`` (flat, unchecked). It does not keep the array alive: who called the kernel does.
"""

from typing import Any, Protocol, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray


class Pointer(Protocol):
    """How ``pointer`` is called in a kernel; the type checker may take the result for the array itself."""

    def __call__(self, array: NDArray[Any], /) -> NDArray[Any]:
        """Return the address of the first element of a contiguous array."""
        ...


def _pointer(_context: Any, array: Any) -> Any:  # noqa: ANN401 - numba's own types, which it does not publish
    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401 - the same
        return context.make_array(signature.args[0])(context, builder, args[0]).data

    bare: Any = types.CPointer  # an untyped class
    return bare(array.dtype)(array), code


pointer = cast("Pointer", intrinsic(_pointer))
"""``pointer(array)``, in a kernel: the address of a contiguous array's first element, indexed as a flat array."""


class Numbers(Protocol):
    """How ``numbers_at`` is called in a kernel."""

    def __call__(self, address: int | np.int64, /) -> NDArray[np.int64]:
        """Return what lies at an address, as 64-bit numbers."""
        ...


def _numbers_at(_context: Any, address: Any) -> Any:  # noqa: ANN401 - numba's own types, which it does not publish
    def code(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:  # noqa: ANN401 - the same
        return builder.inttoptr(args[0], ir.IntType(64).as_pointer())

    untyped: Any = types
    return untyped.CPointer(untyped.int64)(address), code


numbers_at = cast("Numbers", intrinsic(_numbers_at))
"""``numbers_at(address)``, in a kernel: an array of 64-bit numbers by its address, which a table of many arrays holds.

Who fills the table keeps the arrays, which are contiguous, for as long as the kernel runs.
"""


class EightBytes(Protocol):
    """How ``eight_bytes`` is called in a kernel."""

    def __call__(self, data: NDArray[np.uint8], at: int | np.int64, /) -> np.uint64:
        """Return ``data[at : at + 8]`` as one number, the first byte the lowest."""
        ...


def _eight_bytes(_context: Any, data: Any, at: Any) -> Any:  # noqa: ANN401 - the same
    def code(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:  # noqa: ANN401 - the same
        word = ir.IntType(64)
        return builder.load(builder.bitcast(builder.gep(args[0], [args[1]]), word.as_pointer()), align=1)

    untyped: Any = types
    return untyped.uint64(data, at), code


eight_bytes = cast("EightBytes", intrinsic(_eight_bytes))
"""``eight_bytes(pointer, at)``, in a kernel: eight bytes at once, wherever they lie. The caller knows they are there.

Little-endian, as every machine is that numba compiles for.
"""


class LowZeros(Protocol):
    """How ``low_zeros`` is called in a kernel."""

    def __call__(self, word: np.uint64, /) -> int:
        """Return how many zero bits stand below the lowest one."""
        ...


def _low_zeros(_context: Any, word: Any) -> Any:  # noqa: ANN401 - the same
    def code(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:  # noqa: ANN401 - the same
        return builder.cttz(args[0], ir.IntType(1)(0))

    untyped: Any = types
    return untyped.int64(word), code


low_zeros = cast("LowZeros", intrinsic(_low_zeros))
"""``low_zeros(word)``, in a kernel: the place of the lowest bit of a 64-bit number; 64 where there is none."""


class HighZeros(Protocol):
    """How ``high_zeros`` is called in a kernel."""

    def __call__(self, word: np.uint64, /) -> int:
        """Return how many zero bits stand above the highest one."""
        ...


def _high_zeros(_context: Any, word: Any) -> Any:  # noqa: ANN401 - the same
    def code(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:  # noqa: ANN401 - the same
        return builder.ctlz(args[0], ir.IntType(1)(0))

    untyped: Any = types
    return untyped.int64(word), code


high_zeros = cast("HighZeros", intrinsic(_high_zeros))
"""``high_zeros(word)``, in a kernel: zero bits above the highest one of a 64-bit number; 64 where there is none."""


class PutEightBytes(Protocol):
    """How ``put_eight_bytes`` is called in a kernel."""

    def __call__(self, data: NDArray[np.uint8], at: int | np.int64, word: np.uint64, /) -> None:
        """Make ``data[at : at + 8]`` the bytes of one number, the lowest first."""
        ...


def _put_eight_bytes(_context: Any, data: Any, at: Any, word: Any) -> Any:  # noqa: ANN401 - the same
    def code(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:  # noqa: ANN401 - the same
        place = builder.bitcast(builder.gep(args[0], [args[1]]), ir.IntType(64).as_pointer())
        builder.store(args[2], place, align=1)

    untyped: Any = types
    return untyped.void(data, at, word), code


put_eight_bytes = cast("PutEightBytes", intrinsic(_put_eight_bytes))
"""``put_eight_bytes(pointer, at, word)``, in a kernel: what ``eight_bytes`` reads. The caller knows there is room."""
