"""Sealed segments: Zstandard in the seekable format, so that damage costs one block and not the segment.

Every ``BLOCK_BYTES`` of the raw segment are a Zstandard frame of their own with its own checksum; a skippable frame at
the end lists their sizes (the seekable format of the Zstandard distribution, ``contrib/seekable_format``).
``zstd -d`` gives back the raw segment.
"""

import os
import struct
from pathlib import Path
from typing import Final

import zstandard

from breadboard.errors import JournalError

BLOCK_BYTES: Final = 1 << 20
LEVEL: Final = 1
_FRAME_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE: Final = 0x184D2A5E
_SEEKABLE: Final = 0x8F92EAB1
_FOOTER: Final = struct.Struct("<IBI")
"""Number of frames, descriptor (0: no checksums in the table), magic."""


def seal(raw: Path, sealed: Path) -> None:
    """Put the sealed form of ``raw`` at ``sealed``, durable and read back, and remove ``raw``.

    Works block by block: little memory, and no long hold of the interpreter lock. Raises FileExistsError where there
    is something at ``sealed``, which may hold what ``raw`` lacks; another OSError; or JournalError where what was
    written does not read back the same. ``raw`` is then still there.
    """
    if sealed.exists():
        raise FileExistsError(f"{sealed} is there already; {raw.name} is kept")
    temporary = sealed.with_name(sealed.name + ".tmp")
    try:
        sizes = _write(raw, temporary)
        same = _same(raw, temporary, sizes)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if not same:
        temporary.unlink()
        raise JournalError(f"the sealed segment {sealed} did not read back as written; {raw.name} is kept")
    temporary.replace(sealed)
    _sync_directory(sealed.parent)
    try:
        raw.unlink()
    except FileNotFoundError:  # retired meanwhile: the sealed one must not come back in its place
        sealed.unlink(missing_ok=True)
        raise


def _write(raw: Path, target: Path) -> list[tuple[int, int]]:
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True)
    sizes: list[tuple[int, int]] = []
    with raw.open("rb") as source, target.open("wb") as file:
        while block := source.read(BLOCK_BYTES):
            packed = compressor.compress(block)
            sizes.append((len(packed), len(block)))
            file.write(packed)
        table = b"".join(struct.pack("<II", *pair) for pair in sizes)
        file.write(struct.pack("<II", _SKIPPABLE, len(table) + _FOOTER.size) + table)
        file.write(_FOOTER.pack(len(sizes), 0, _SEEKABLE))
        file.flush()
        os.fsync(file.fileno())
    return sizes


def _same(raw: Path, sealed: Path, sizes: list[tuple[int, int]]) -> bool:
    decompressor = zstandard.ZstdDecompressor()
    with raw.open("rb") as source, sealed.open("rb") as file:
        for packed, size in sizes:
            try:
                block = decompressor.decompress(file.read(packed), max_output_size=BLOCK_BYTES)
            except zstandard.ZstdError:
                return False
            if block != source.read(size):
                return False
        return not source.read(1)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def decompress(sealed: bytes) -> tuple[bytes, int]:
    """Return the raw segment, and how many of its blocks could not be read.

    A damaged block becomes zeros of its size, or, where the list of sizes is damaged too, is left out.
    """
    sizes = _sizes(sealed)
    return _by_table(memoryview(sealed), sizes) if sizes is not None else _by_search(sealed)


def first_block(sealed: Path) -> bytes:
    """Return the begin of the raw segment, at most one block; empty where it is damaged."""
    with sealed.open("rb") as file:
        data = file.read(2 * BLOCK_BYTES)
    try:
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    except (zstandard.ZstdError, MemoryError):
        return b""


def _sizes(sealed: bytes) -> list[tuple[int, int]] | None:
    if len(sealed) < _FOOTER.size + 8:
        return None
    blocks, descriptor, magic = _FOOTER.unpack_from(sealed, len(sealed) - _FOOTER.size)
    begin = len(sealed) - _FOOTER.size - 8 * blocks
    if magic != _SEEKABLE or descriptor != 0 or begin < 8:
        return None
    if struct.unpack_from("<II", sealed, begin - 8) != (_SKIPPABLE, 8 * blocks + _FOOTER.size):
        return None
    sizes = [(int(packed), int(size)) for packed, size in struct.iter_unpack("<II", sealed[begin:][: 8 * blocks])]
    whole = sum(packed for packed, _ in sizes) == begin - 8
    return sizes if whole and all(0 < size <= BLOCK_BYTES for _, size in sizes) else None


def _by_table(sealed: memoryview, sizes: list[tuple[int, int]]) -> tuple[bytes, int]:
    decompressor = zstandard.ZstdDecompressor()
    blocks: list[bytes] = []
    damaged = at = 0
    for packed, size in sizes:
        block = _block(decompressor, sealed[at : at + packed], size)
        blocks.append(bytes(size) if block is None else block)
        damaged += block is None
        at += packed
    return b"".join(blocks), damaged


def _block(decompressor: zstandard.ZstdDecompressor, packed: memoryview, size: int) -> bytes | None:
    """Return the ``size`` raw bytes of one block; None where it is damaged.

    The size that the block itself names is looked at first: so much memory would be asked for, and a flipped bit can
    make it exabytes.
    """
    try:
        if zstandard.frame_content_size(packed) != size:
            return None
        block = decompressor.decompress(packed, max_output_size=BLOCK_BYTES)
    except (zstandard.ZstdError, MemoryError):
        return None
    return block if len(block) == size else None


def _by_search(sealed: bytes) -> tuple[bytes, int]:
    """Take every block that can be found by its magic number."""
    blocks: list[bytes] = []
    damaged = 1
    at = sealed.find(_FRAME_MAGIC)
    while at >= 0:
        block = zstandard.ZstdDecompressor().decompressobj()
        try:
            found = block.decompress(sealed[at : at + 2 * BLOCK_BYTES])
        except (zstandard.ZstdError, MemoryError):
            found = b""
        if block.eof:
            blocks.append(found)
        else:
            damaged += 1
        at = sealed.find(_FRAME_MAGIC, at + 4)
    return b"".join(blocks), damaged
