"""CRC-32C (Castagnoli) inside kernels, as ``crc32c.crc32c(bytes, value)`` computes it outside.

By the processor's own instruction where it has one (x86 with SSE 4.2: eight bytes in three cycles), else by tables.
"""

from contextlib import suppress
from typing import Any, Final, Protocol, cast

import numpy as np
from llvmlite import binding, ir
from numba import config, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from breadboard.model.kernels import inlined, kernel
from breadboard.model.pointers import eight_bytes, pointer

Int = int | np.int64
"""An integer inside and outside of a kernel."""


def _has_instruction() -> bool:
    """Tell whether the processor that numba compiles for computes it: this one, unless its settings say another."""
    settings: Any = config
    if settings.CPU_NAME or settings.CPU_FEATURES:
        return False
    with suppress(RuntimeError):  # llvmlite cannot tell what this processor is
        return bool(binding.get_host_cpu_features().get("sse4.2", False))
    return False


HAS_INSTRUCTION: Final = _has_instruction()


class _Step(Protocol):
    def __call__(self, crc: np.uint64, eight: np.uint64, /) -> np.uint64: ...


def _step(_context: Any, crc: Any, eight: Any) -> Any:  # noqa: ANN401 - numba's own types, which it does not publish
    def code(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:  # noqa: ANN401 - the same
        word = ir.IntType(64)
        instruction = builder.module.declare_intrinsic(
            "llvm.x86.sse42.crc32.64.64", (), ir.FunctionType(word, [word, word])
        )
        return builder.call(instruction, args)

    untyped: Any = types
    return untyped.uint64(crc, eight), code


_instruction = cast("_Step", intrinsic(_step))


def _crc_tables() -> NDArray[np.uint32]:
    """Return the eight tables of CRC-32C (reflected polynomial 0x82F63B78) for eight bytes a step."""
    tables = np.zeros((8, 256), np.uint32)
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        tables[0, byte] = crc
    for step in range(1, 8):
        tables[step] = (tables[step - 1] >> 8) ^ tables[0][tables[step - 1] & 0xFF]
    return tables


_CRC: Final = _crc_tables()


@inlined
def by_tables(crc: np.uint64, eight: np.uint64) -> np.uint64:
    """Take eight bytes into a checksum, one table for each of them."""
    mixed = crc ^ eight
    found = np.uint32(0)
    for byte in range(8):
        found ^= _CRC[7 - byte, (mixed >> np.uint64(8 * byte)) & np.uint64(255)]
    return np.uint64(found)


_eight = _instruction if HAS_INSTRUCTION else by_tables


@kernel
def crc32c(data: NDArray[np.uint8], begin: Int, end: Int, value: np.uint32) -> np.uint32:
    """Continue a CRC-32C over ``data[begin:end]``."""
    raw = pointer(data)
    crc = np.uint64(np.uint32(~value))
    at = begin
    while at + 8 <= end:
        crc = _eight(crc, eight_bytes(raw, at))
        at += 8
    while at < end:
        crc = (crc >> np.uint64(8)) ^ np.uint64(_CRC[0, (crc ^ np.uint64(data[at])) & np.uint64(255)])
        at += 1
    return np.uint32(~np.uint32(crc))
