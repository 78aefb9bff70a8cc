"""History in files: what vendors answer to a question about the past, cut into documents for the journal.

A reader is a function of a path, the symbol it is about, and the bars' length in seconds where the user says so. It
yields ``(tag, body)``: the tag names what the body is (``ticks:NEPT``, ``bars:NEPT:5``, ``chart:AAPL``,
``aggs:AAPL:60``), the body is as the vendor sent it, at most 65,535 events. What it means is its feed's to say.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from breadboard.clock import Clock
from breadboard.errors import UsageError
from breadboard.model.gaps import DocumentHead, Epoch
from breadboard.model.kinds import Provenance, RecordKind
from breadboard.recordings import Batch
from breadboard.recordings.history_iqfeed import read_bars, read_ticks
from breadboard.recordings.history_massive import read as read_aggregates
from breadboard.recordings.history_yahoo import read as read_chart

Documents = Iterator[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file: whose it is, and how it is read."""

    venue: str
    """The feed's name on the command line."""
    read: Callable[[Path, str, int | None], Documents]


FORMATS: Final[Mapping[str, Format]] = {
    "iqfeed-ticks": Format("iqfeed", read_ticks),
    "iqfeed-bars": Format("iqfeed", read_bars),
    "yahoo-chart": Format("yahoo", read_chart),
    "massive-aggs": Format("massive", read_aggregates),
}
"""By the name on the command line."""


def open_history(
    paths: Sequence[Path], form: str, symbol: str, interval_s: int | None, venue: str, clock: Clock, *, source: int
) -> Iterator[Batch]:
    """Yield files as journal records: EPOCH (provenance HISTORY), their documents, EPOCH closed.

    The receive stamp of each is the time of the import, which is when we received it. ``venue`` is upper case. Raises
    UsageError for a file that cannot be read or is not of the format.
    """
    if not paths:
        raise UsageError("no file was named", hint=f"breadboard import FILE --format {form} --symbol SYMBOL")

    def record(kind: RecordKind, frame: bytes) -> Batch:
        return Batch(kind, source, 1, [frame], [clock.wall()])

    def epoch(*, is_open: bool, reason: str = "") -> Batch:
        said = Epoch(source, 1, venue, f"file:{paths[0].name}", (symbol,), Provenance.HISTORY, is_open, reason)
        return record(RecordKind.EPOCH, msgspec.json.encode(said))

    yield epoch(is_open=True)
    for path in paths:
        empty = True
        for tag, body in FORMATS[form].read(path, symbol, interval_s):
            empty = False
            head = msgspec.json.encode(DocumentHead(tag, f"file:{path.name}", 200))
            yield record(RecordKind.DOCUMENT, head + b"\n" + body)
        if empty:
            raise UsageError(f"{path} holds nothing to import", hint=f"ls -l {path}")
    yield epoch(is_open=False, reason="the history is complete")
