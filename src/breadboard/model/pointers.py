"""Arrays as bare pointers inside kernels, so that helpers can be called for every byte.

An array handed from one compiled function to another is counted in and out with atomic instructions; in a parser
that is most of the time. A pointer is indexed with the same ``p[i]`` (flat, unchecked) and costs nothing to hand on.
The pointer does not keep the array alive. Take pointers only of arrays that were handed in from Python: one made inside
a kernel is freed after the last use of its name, and another thread may get its memory while the pointer is in use.
"""

from typing import Any, Protocol, cast

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
