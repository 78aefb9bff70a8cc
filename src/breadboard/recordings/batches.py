"""What a recording is read as: the frames of one record."""

from dataclasses import dataclass

from breadboard.model.kinds import RecordKind


@dataclass(frozen=True, slots=True)
class Batch:
    """Frames of one kind that follow each other, for ``JournalWriter.append``."""

    kind: RecordKind
    """DATA, DOCUMENT, EPOCH; GAP before a reconnect; QUARANTINE for lines that are not of the format."""
    source: int
    epoch: int
    frames: list[bytes]
    ts_recv: list[int]
    """Wall ns as recorded; a clock that stepped back while recording is not corrected."""
