"""Massive's answers saved as files, as they came, plain, gzipped or zipped: aggregates, trades, quotes, reference data.

Several answers (pages) may follow each other in one file, one a line. What is yielded keeps every result's own bytes.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from breadboard.errors import UsageError
from breadboard.recordings.rows import read_files

MOST_BYTES: Final = 1 << 30
"""Of one file, unpacked: decades of minute bars stay far below it."""
BARS_A_DOCUMENT: Final = 5_000
"""Keeps a document well under the feed's longest frame."""


class _Answer(msgspec.Struct):
    """Enough of an answer to cut it; each result stays as it is written."""

    results: list[msgspec.Raw] = []
    ticker: str = ""
    status: str = ""


class _Tick(msgspec.Struct):
    """When one result of trades or quotes was told by the tape."""

    sip_timestamp: int = 0


class _Ticks(msgspec.Struct):
    """The times of an answer's trades or quotes."""

    results: list[_Tick] = []


_answer: Final = msgspec.json.Decoder(_Answer)
_ticks: Final = msgspec.json.Decoder(_Ticks)


def read_aggregates(path: Path, symbol: str, interval: int | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield ``(tag, body)`` of documents that the feed ``massive`` reads: ``aggs:SYMBOL:SECONDS``, in the file's order.

    ``interval`` is the length of a bar in seconds; None leaves it to what the bars tell. Answers without results give
    nothing. Raises UsageError for a file that is missing, damaged, of another form, or of another symbol.
    """
    tag = f"aggs:{symbol}:{'' if interval is None else interval}"
    for name, data in read_files(path, MOST_BYTES):
        for body in _bodies(name, data):
            answer = _decoded(name, body)
            if answer.ticker and answer.ticker != symbol:
                raise UsageError(
                    f"{name} holds bars of {answer.ticker}, not of {symbol}", hint=f"--symbol {answer.ticker}"
                )
            for part in _parts(answer.results):
                yield tag, msgspec.json.encode({"ticker": symbol, "results": part})


def read_results(what: str, path: Path, symbol: str, interval: int | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield ``(tag, body)`` of the results of ``what``: ``trades:SYMBOL``, and so on; the answers name no symbol.

    ``interval`` is of no use here. Raises UsageError for a file that is missing, damaged or of another form, and for
    ticks that come newest first, which is the venue's habit: bars are made in the order of time.
    """
    del interval
    before = 0
    for name, data in read_files(path, MOST_BYTES):
        for body in _bodies(name, data):
            results = _decoded(name, body).results
            before = _in_order(name, results, before) if what in _TICKS else 0
            for part in _parts(results):
                yield f"{what}:{symbol}", msgspec.json.encode({"results": part})


read_trades: Final = partial(read_results, "trades")
read_quotes: Final = partial(read_results, "quotes")
read_splits: Final = partial(read_results, "splits")
read_dividends: Final = partial(read_results, "dividends")
read_conditions: Final = partial(read_results, "conditions")
_TICKS: Final = frozenset({"trades", "quotes"})


def _in_order(name: str, results: list[msgspec.Raw], before: int) -> int:
    """Return the time of the last result, in ns. Raises UsageError where time goes back."""
    if not results:
        return before
    try:
        first, last = (msgspec.json.decode(result, type=_Tick).sip_timestamp for result in (results[0], results[-1]))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{name} holds no trades or quotes: {error}", hint=f"head -c 300 {name}") from None
    if not before <= first <= last:
        raise UsageError(f"{name} goes back in time", hint="ask Massive with order=asc, or let us ask: --from … --to …")
    return last


def split(body: bytes) -> list[bytes]:
    """Return the results of a document, each as it is written; none of one that holds no answer."""
    try:
        return [bytes(result) for result in _answer.decode(body).results]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []


def join(results: Sequence[bytes]) -> bytes:
    """Return a document of some results; empty where there are none."""
    return msgspec.json.encode({"results": [msgspec.Raw(result) for result in results]}) if results else b""


def span(body: bytes) -> tuple[int, int] | None:
    """Return from when to when a document's ticks lie (ns UTC); None of one that does not say it of each."""
    try:
        times = [tick.sip_timestamp for tick in _ticks.decode(body).results]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return (min(times), max(times)) if times else None


def _parts(results: list[msgspec.Raw]) -> Iterator[list[msgspec.Raw]]:
    """Yield the results in pieces of about one size: a last piece of one bar would not tell how long it is."""
    pieces = -(-len(results) // BARS_A_DOCUMENT)
    size = -(-len(results) // max(1, pieces))
    for begin in range(0, len(results), max(1, size)):
        yield results[begin : begin + size]


def _bodies(name: str, data: bytes) -> list[bytes]:
    """Return the answers in a file: all of it, or one a line where every line begins an object of its own."""
    text = data.strip()
    if not text:
        raise UsageError(f"{name} is empty", hint="save the answer of /v2/aggs, or of /v3, as it comes")
    lines = [line for line in (line.strip() for line in text.splitlines()) if line]
    return lines if all(line.startswith(b"{") and line.endswith(b"}") for line in lines) else [text]


def _decoded(name: str, body: bytes) -> _Answer:
    try:
        answer = _answer.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"{name} is not an answer of Massive's: {str(error)[:200]}", hint=f"head -c 300 {name.partition(':')[0]}"
        ) from None
    if answer.status and answer.status not in {"OK", "DELAYED"}:
        raise UsageError(f"{name} is a refusal, its status is {answer.status!r}", hint="ask the venue again")
    return answer
