"""State as bytes: named arrays, numbers and text in one checksummed message. No pickle.

The engine stands still while its state is packed, and most of a long array is room that nothing is in. Squeezing it
out, straight from where it lies, takes a millisecond for 8 MB; two copies and two checksums of it took twenty.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from breadboard.errors import BreadboardError

MAGIC: Final = b"BBSTATE2"
_SUM_BYTES: Final = 16
_LONG: Final = 1 << 16
"""Bytes from which an array is squeezed."""
_LEVEL: Final = 1
"""Of Zstandard: the fastest of its usual ones."""
_HEAD: Final = len(MAGIC) + _SUM_BYTES
_VAST: Final = 16 << 20
"""Bytes from which an array, four times as large, is surely pages of its own (``memory.keep_pages``)."""


class _Array(msgspec.Struct, array_like=True, tag="array"):
    """One array: its element type, its shape, its bytes in C order."""

    dtype: str | list[tuple[str, str]]
    shape: list[int]
    data: bytes


class _Squeezed(_Array, array_like=True, tag="squeezed"):
    """A long array, its bytes as one Zstandard frame."""


class _Plain(msgspec.Struct, array_like=True, tag="plain"):
    """Anything msgpack knows: numbers, text, bytes, lists, maps."""

    value: Any


def pack(parts: Mapping[str, Any]) -> bytes:
    """Return ``parts`` as bytes; equal parts in equal order give equal bytes.

    A part is a numpy array (plain or with flat named fields) or whatever msgpack knows; or a function that makes one
    when its turn comes, so that of large ones there is one at a time.
    """
    body = msgspec.msgpack.encode({name: _wrap(part) for name, part in parts.items()})
    return MAGIC + _sum(body) + body


def unpack(data: bytes) -> dict[str, Any]:
    """Return what ``pack`` was given; arrays are fresh and writable.

    Raises BreadboardError where the bytes are not a state, or fail their checksum.
    """
    body = data[_HEAD:]
    if data[: len(MAGIC)] != MAGIC or data[len(MAGIC) : _HEAD] != _sum(body):
        raise BreadboardError(
            f"{len(data)} bytes of engine state fail their checksum",
            hint="start without the checkpoint: the engine rebuilds its state from the journal",
        )
    parts = msgspec.msgpack.decode(body, type=dict[str, _Array | _Squeezed | _Plain])
    return {name: _unwrap(part) for name, part in parts.items()}


def _sum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_SUM_BYTES).digest()


def _wrap(part: Any) -> _Array | _Plain:  # noqa: ANN401 - any part of a state
    if callable(part):
        part = part()
    if not isinstance(part, np.ndarray):
        return _Plain(part)
    fields = part.dtype.fields
    kind = part.dtype.str if fields is None else [(name, fields[name][0].str) for name in part.dtype.names or ()]
    if part.nbytes < _LONG:
        return _Array(kind, list(part.shape), part.tobytes())
    data = np.ascontiguousarray(part).reshape(-1).view(np.uint8).data
    return _Squeezed(kind, list(part.shape), zstandard.ZstdCompressor(_LEVEL).compress(data))


def _unwrap(part: _Array | _Plain) -> Any:  # noqa: ANN401 - any part of a state
    if isinstance(part, _Plain):
        return part.value
    data = zstandard.ZstdDecompressor().decompress(part.data) if isinstance(part, _Squeezed) else part.data
    return np.frombuffer(data, np.dtype(part.dtype)).reshape(part.shape).copy()


def grown(array: NDArray[Any], rows: int, fill: int = 0) -> NDArray[Any]:
    """Return the array itself, or a copy with room for ``rows`` along the first axis: twice what it had, at least.

    Four times, where it is large: the system gives no memory for what nothing was written to, and each copy of what
    was makes it clear as much again.
    """
    if rows <= len(array):
        return array
    room = max(rows, (4 if array.nbytes >= _VAST else 2) * len(array), 16)
    shape = (room, *array.shape[1:])
    larger = np.zeros(shape, array.dtype) if fill == 0 else np.full(shape, fill, array.dtype)
    # As bytes: numpy would copy records field by field, five times as slow.
    larger.reshape(-1).view(np.uint8)[: array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return larger
