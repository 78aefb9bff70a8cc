"""A WebSocket frame's head, and a way into a socket, compiled: bytes go to the kernel without the interpreter."""

from typing import Any, Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from breadboard.model.kernels import inlined
from breadboard.model.number_text import Text

HEAD_BYTES: Final = 10
"""No frame's head is longer, of those that a server sends."""
_TEXT_FRAME: Final = 0x81
_types: Any = types
_send: Any = _types.ExternalFunction("send", _types.int64(_types.int32, _types.uintp, _types.uintp, _types.int32))
"""``send(2)``, from the C library that the interpreter itself uses, which has SIGPIPE ignored."""


@inlined
def put_head(out: Text, body: int, end: int) -> int:
    """Write the head of an unfragmented text message before it, and return where it begins (RFC 6455, 5.2)."""
    size = end - body
    if size < 126:
        out[body - 2], out[body - 1] = _TEXT_FRAME, size
        return body - 2
    count = 2 if size < 1 << 16 else 8
    for i in range(count):
        out[body - 1 - i] = size >> 8 * i & 0xFF
    out[body - count - 1] = 126 if count == 2 else 127
    out[body - count - 2] = _TEXT_FRAME
    return body - count - 2


@inlined
def send(socket: int, data: NDArray[np.uint8], begin: int, end: int) -> int:
    """Give ``data[begin:end]`` to a socket that does not block, and return how many bytes it took.

    None where it has no room, or an error: whoever writes to it next in the usual way is told which.
    """
    taken: int = _send(socket, data.ctypes.data + begin, end - begin, 0)
    return max(0, taken)
