"""Checkpoints: state and the journal offset it belongs to, in one file, or none.

The newest file replaces the one before it only when it is whole on disk; the one before stays as ``<name>.previous``
for the day on which the newest turns out damaged.
"""

import hashlib
import os
import struct
from pathlib import Path
from typing import Final

_MAGIC: Final = b"BBCHECKD"
"""Changes with what the engine keeps: a checkpoint of another shape is passed over, and the journal read again."""
_HEAD: Final = struct.Struct("<8sqQ16s")
_SUM_BYTES: Final = 16


def save(path: Path, offset: int, state: bytes, journal: int) -> None:
    """Write the checkpoint of a journal, by its identity; durable on return.

    Raises OSError where the disk refuses, with the old one untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".tmp")
    try:
        with fresh.open("wb") as file:
            file.write(_HEAD.pack(_MAGIC, offset, len(state), _sum(offset, state, journal)))
            file.write(state)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        fresh.unlink(missing_ok=True)  # on a full disk its room is the journal's
        raise
    if _read(path, journal) is not None:
        path.replace(_previous(path))
    fresh.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def load(path: Path, journal: int) -> tuple[int, bytes] | None:
    """Return ``(offset, state)`` of the newest whole checkpoint of this journal; None where there is none.

    A damaged one is passed over for the one before it, which costs only time: the journal is read again from there.
    So is one of another journal, which was left behind or copied here: offsets of one mean nothing in another.
    """
    return _read(path, journal) or _read(_previous(path), journal)


def _previous(path: Path) -> Path:
    return path.with_name(path.name + ".previous")


def _read(path: Path, journal: int) -> tuple[int, bytes] | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if len(data) < _HEAD.size:
        return None
    magic, offset, length, checksum = _HEAD.unpack_from(data)
    state = data[_HEAD.size :]
    if magic != _MAGIC or length != len(state) or checksum != _sum(offset, state, journal):
        return None
    return offset, state


def _sum(offset: int, state: bytes, journal: int) -> bytes:
    return hashlib.blake2b(state, digest_size=_SUM_BYTES, key=struct.pack("<qQ", offset, journal)).digest()
