"""The segment at the end of the journal, as the commit thread writes it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from struct import pack
from typing import Final

from breadboard.clock import Clock
from breadboard.journal.files import Files, write_all, write_whole
from breadboard.journal.format import CHAIN_BYTES, NO_CHAIN, SegmentHeader, pack_segment_header
from breadboard.journal.items import Item
from breadboard.journal.place import leads_to
from breadboard.journal.segments import segment_path
from breadboard.model.gaps import Epoch

_WRITE_BYTES: Final = 1 << 20
"""How much is joined for one write: joining holds the interpreter lock."""


@dataclass
class Tail:
    """One open segment file. Not thread-safe; the commit thread owns it.

    ``durable`` moves only after fdatasync has returned. An OSError leaves everything as of the last success, and the
    file handle must not be used again: call ``start``.
    """

    directory: Path
    files: Files
    clock: Clock
    sync: int
    durable: int
    """The offset after the last durable record."""
    ts_last: int = 0
    epochs: dict[int, Epoch] = field(default_factory=dict)
    chain: bytes = NO_CHAIN
    """The digest of the segment before the next one to start."""
    base: int = -1
    size: int = 0
    prepared: bool = False
    """Whether zeros lie behind what is written, as far as the file was made in advance."""
    _descriptor: int = -1
    _digest: "blake2b | None" = None

    def start(self, items: Sequence[Item] = (), prepared: Path | None = None) -> None:
        """Begin a new segment at ``durable``, with ``items`` in it from the first moment; ``prepared``: in this file.

        A file of the same name is replaced: it holds nothing durable that is not in ``items``. Raises OSError.
        """
        self.drop()
        header = SegmentHeader(
            self.durable, self.clock.wall(), self.ts_last, self.sync, self._chain_for(self.durable), self.epochs
        )
        head = pack_segment_header(header)
        data = head + b"".join(part for item in items for part in item.parts)
        self._descriptor = write_whole(self.files, segment_path(self.directory, self.durable), data, prepared)
        self.prepared = prepared is not None
        self.chain = header.chain
        self.base = self.durable
        self.size = len(head)
        self._digest = blake2b(head, digest_size=CHAIN_BYTES)
        self._took(items)

    def write(self, items: Sequence[Item]) -> None:
        """Append records and make them durable. Raises OSError."""
        if self._descriptor < 0:
            raise OSError("the segment was given up")
        try:
            self._write(items)
        except OSError:
            self.prepared = False  # whatever lies behind the last record now: it is not cut off
            raise
        self._took(items)

    def astray(self) -> Path | None:
        """Return the segment's path, where it leads elsewhere. For any thread: while one begins, it may be mistaken."""
        base, descriptor = self.base, self._descriptor
        path = segment_path(self.directory, base)
        return None if descriptor < 0 or leads_to(path, descriptor) else path

    def _write(self, items: Sequence[Item]) -> None:
        parts: list[bytes] = []
        waiting = 0
        for item in items:
            parts += item.parts
            waiting += item.size
            if waiting >= _WRITE_BYTES:
                write_all(self.files, self._descriptor, b"".join(parts))
                parts, waiting = [], 0
        if parts:
            write_all(self.files, self._descriptor, b"".join(parts))
        self.files.sync_data(self._descriptor)

    def drop(self) -> None:
        """Close the file, without zeros that were not needed; what is not durable in it is of no interest any more."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            if self.prepared:
                self.prepared = False
                with suppress(OSError):
                    self.files.truncate(descriptor, self.size)
            with suppress(OSError):  # nothing is owed to this handle: what counts has been synced
                self.files.close(descriptor)

    def _chain_for(self, base: int) -> bytes:
        """Return the chain of a segment at ``base``: a segment that is replaced hands on its own."""
        return self.chain if self._digest is None or base == self.base else self._digest.digest()

    def _took(self, items: Sequence[Item]) -> None:
        if not items:
            return
        assert self._digest is not None
        self._digest.update(pack(f"<{len(items)}I", *[item.crc for item in items]))
        for item in items:
            self.size += item.size
            for epoch in item.epochs:
                self.epochs[epoch.source] = epoch
        self.durable = items[-1].next
        self.ts_last = items[-1].ts_last
