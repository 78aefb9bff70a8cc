"""History: what vendors answer to a question about the past, in files, cut into documents for the journal.

A reader is a function of a path, the symbol it is about, and the bars' length in seconds where the user says so. It
yields ``(tag, body)``: the tag names what the body is (``ticks:NEPT``, ``bars:NEPT:5``, ``chart:AAPL``,
``aggs:AAPL:60``), the body is as the vendor sent it, at most 65,535 events. What it means is its feed's to say.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Final

import msgspec

from breadboard.clock import Clock
from breadboard.errors import UsageError
from breadboard.model.gaps import NO_TIME, DocumentHead, Epoch
from breadboard.model.kinds import Provenance, RecordKind
from breadboard.recordings import Batch
from breadboard.recordings import history_iqfeed as iqfeed
from breadboard.recordings import history_lean as lean
from breadboard.recordings import history_lobster as lobster
from breadboard.recordings import history_massive as massive
from breadboard.recordings import history_tables as tables
from breadboard.recordings.history_yahoo import read as read_chart
from breadboard.recordings.lines import printable
from breadboard.recordings.table_columns import Words

Documents = Iterator[tuple[str, bytes]]
LeftOut = Mapping[int, frozenset[int]]
"""Places of rows within their documents, by the number of the document; both are counted from 0."""
NO_ROWS: Final[LeftOut] = {}


@dataclass(frozen=True, slots=True)
class Rows:
    """How a document's body is cut into rows, and made of some of them again; empty where these say nothing."""

    split: Callable[[bytes], list[bytes]]
    join: Callable[[Sequence[bytes]], bytes]
    span: Callable[[bytes], tuple[int, int] | None]
    """From when to when (ns UTC, both included) a body's ticks lie, or a little more; None where nobody knows."""
    numbered: bool = False
    """Rows are known by their places: one that is left out leaves its place empty."""


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file: whose it is, and how it is read."""

    venue: str
    """The feed's name on the command line."""
    read: Callable[..., Documents]
    """Called with path, symbol and interval; where it is ``dated`` with the day that the user says, and where it is
    ``labelled`` with ``stamped_at_end``."""
    tag: str
    """Of a document that holds nothing, with the symbol and the seconds to be filled in."""
    counts_twice: bool = False
    """Rows that came in a second time would be there twice; a bar takes the place of the one before."""
    trades: bool = False
    """It holds trades, of which bars are made."""
    dated: bool = False
    """Its rows have times of day, and the file's name the day."""
    labelled: bool = False
    """Its bars are stamped at their beginning or their end, as they were asked for, and do not say at which."""
    rows: Rows | None = None
    """Of ticks that the venue streams as well: some may be there already."""
    tabular: bool = False
    """Its columns say what it holds, of which instruments, or the user does; it is called with all that is said."""

    def documents(
        self,
        path: Path,
        symbol: str,
        interval_s: int | None,
        day: str = "",
        *,
        stamped_at_end: bool = False,
        said: Words | None = None,
    ) -> Documents:
        """Yield what a file holds. Raises UsageError, too, for a ``day`` where the rows have theirs."""
        if self.tabular:
            return self.read(path, symbol, interval_s, day, stamped_at_end=stamped_at_end, said=said or Words())
        if self.dated:
            return self.read(path, symbol, interval_s, day)
        if day:
            raise UsageError(f"the rows of {path} have their days, and --date {day} gives another", hint="no --date")
        if self.labelled:
            return self.read(path, symbol, interval_s, stamped_at_end=stamped_at_end)
        return self.read(path, symbol, interval_s)


@dataclass(frozen=True, slots=True)
class Answer:
    """One file, and where what it holds came from."""

    path: Path
    url: str = ""
    """What was asked, without secrets; empty: the file itself is all that is known."""
    ts_recv: int = 0
    """When it came, in ns; 0: when it is read."""
    empty: bool = False
    """The source said that it has nothing there."""
    status: int = 200
    """Of HTTP: a refusal may be part of what was asked for."""
    tag: str = ""
    """Of an answer that is one document as it came, beside those of the format; empty: it is of the format."""

    @property
    def origin(self) -> str:
        """What the journal says of where it came from."""
        return self.url or f"file:{printable(self.path.name)}"


_IQFEED: Final = Rows(iqfeed.split, iqfeed.join, iqfeed.span)
_MASSIVE: Final = Rows(massive.split, massive.join, massive.span)
_TABLE: Final = Rows(tables.split, tables.join, tables.span, numbered=True)
FORMATS: Final[Mapping[str, Format]] = {
    "iqfeed-ticks": Format("iqfeed", iqfeed.read_ticks, "ticks:{symbol}", counts_twice=True, trades=True, rows=_IQFEED),
    "iqfeed-bars": Format("iqfeed", iqfeed.read_bars, "bars:{symbol}:{seconds}", labelled=True),
    "yahoo-chart": Format("yahoo", read_chart, "chart:{symbol}"),
    "massive-aggs": Format("massive", massive.read_aggregates, "aggs:{symbol}:{seconds}"),
    "massive-trades": Format(
        "massive", massive.read_trades, "trades:{symbol}", counts_twice=True, trades=True, rows=_MASSIVE
    ),
    "massive-quotes": Format("massive", massive.read_quotes, "quotes:{symbol}", counts_twice=True, rows=_MASSIVE),
    "lean-trades": Format("lean", lean.read_trades, "trades:{symbol}", counts_twice=True, trades=True, dated=True),
    "lean-quotes": Format("lean", lean.read_quotes, "quotes:{symbol}", counts_twice=True, dated=True),
    "lobster": Format(
        "lobster", lobster.read_messages, "messages:{symbol}", counts_twice=True, trades=True, dated=True
    ),
    "csv": Format("file", tables.read_csv, "", counts_twice=True, labelled=True, rows=_TABLE, tabular=True),
    "parquet": Format("file", tables.read_parquet, "", counts_twice=True, labelled=True, rows=_TABLE, tabular=True),
    "massive-splits": Format("massive", massive.read_splits, "splits:{symbol}"),
    "massive-dividends": Format("massive", massive.read_dividends, "dividends:{symbol}"),
    "massive-conditions": Format("massive", massive.read_conditions, "conditions:{symbol}"),
}
"""By the name on the command line."""


@dataclass(frozen=True, slots=True)
class About:
    """What the answers are, and what they are about."""

    format: str
    symbol: str
    interval_s: int | None
    venue: str
    """Upper case."""
    day: str = ""
    """Of rows that have times alone, where the file does not say it."""
    stamped_at_end: bool = False
    """Of bars that are ``labelled``: each has the time of its end."""
    synthetic: bool = False
    """They come from a simulator, which said so."""
    asked: tuple[int, int] | None = None
    """From when to when the source was asked (ns UTC, the end not included); None: they are files."""
    said: Words | None = None
    """Of tables, what the user says of them."""
    wanted: tuple[str, ...] = ()
    """``SYMBOL.VENUE`` of all that is ``synthetic`` in tables; else it is ``symbol`` that was wanted, if any."""


def read_through(answers: Sequence[Answer], about: About) -> None:
    """Read all of every answer and keep nothing. Raises UsageError for the first that ``open_history`` would refuse.

    It costs reading them a second time: of 300,000 ticks 3 to 7 % of an import's CPU time, as measured.
    """
    for answer in answers:
        for _ in _documents(answer, about):
            pass


def documents(answers: Sequence[Answer], about: About) -> Documents:
    """Yield what all answers hold, in their order. Raises UsageError."""
    return chain.from_iterable(_documents(answer, about) for answer in answers)


def _documents(answer: Answer, about: About) -> Documents:
    """Yield what an answer holds, something at least. Raises UsageError."""
    form, nothing = FORMATS[about.format], True
    if answer.tag:
        yield answer.tag, answer.path.read_bytes()
        return
    if answer.empty:
        yield form.tag.format(symbol=about.symbol, seconds=about.interval_s or ""), answer.path.read_bytes()
        return
    about_file = (about.symbol, about.interval_s, about.day)
    for document in form.documents(answer.path, *about_file, stamped_at_end=about.stamped_at_end, said=about.said):
        nothing = False
        yield document
    if nothing:
        raise UsageError(f"{answer.path} holds nothing to import", hint=f"ls -l {quote(str(answer.path))}")


def open_history(
    answers: Sequence[Answer], about: About, clock: Clock, *, source: int, left_out: LeftOut = NO_ROWS
) -> Iterator[Batch]:
    """Yield answers as journal records: EPOCH (provenance HISTORY), their documents, EPOCH closed.

    Without the rows that are ``left_out``; of how many the last record tells, and of a document that has no others
    there is none. The receive stamp of each is when it came; of a file, the time of the import, which is when we
    received it. Raises UsageError for a file that cannot be read or is not of the format.
    """
    if not answers:
        raise UsageError("no file was named", hint=f"breadboard import FILE --format {about.format} --symbol SYMBOL")

    form, wanted = FORMATS[about.format], about.wanted or ((about.symbol,) if about.symbol else ())

    def record(kind: RecordKind, frame: bytes, ts_recv: int = 0) -> Batch:
        return Batch(kind, source, 1, [frame], [ts_recv or clock.wall()])

    def epoch(*, is_open: bool, reason: str = "") -> Batch:
        said = Epoch(
            *(source, 1, about.venue, answers[0].origin, wanted, Provenance.HISTORY, is_open, reason),
            synthetic=about.synthetic,
            asked=about.asked if form.trades or form.tabular else NO_TIME,
        )
        return record(RecordKind.EPOCH, msgspec.json.encode(said), answers[0].ts_recv if is_open else 0)

    yield epoch(is_open=True)
    rows, again = form.rows, sum(map(len, left_out.values()))
    told = ((answer, document) for answer in answers for document in _documents(answer, about))
    for number, (answer, (tag, whole)) in enumerate(told):
        body = whole if rows is None or number not in left_out else _without(left_out[number], rows, whole)
        if body or not whole:
            head = msgspec.json.encode(DocumentHead(tag, answer.origin, answer.status))
            yield record(RecordKind.DOCUMENT, head + b"\n" + body, answer.ts_recv)
    but = f", but for {again} ticks that were here" if again else ""
    yield epoch(is_open=False, reason=f"the history is complete{but}")


def _without(places: frozenset[int], rows: Rows, body: bytes) -> bytes:
    """Return a document without some of its rows."""
    if rows.numbered:
        return rows.join([b"" if place in places else row for place, row in enumerate(rows.split(body))])
    return rows.join([row for place, row in enumerate(rows.split(body)) if place not in places])
