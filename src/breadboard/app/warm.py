"""Compiles every kernel once; the machine code is cached beside the sources."""

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from breadboard import feeds, journal
from breadboard.api.live import LiveMarket
from breadboard.api.mirror import Mirror
from breadboard.config import EngineConfig
from breadboard.engine import warming
from breadboard.engine.core import Engine
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead, Epoch
from breadboard.model.kinds import Provenance, RecordKind
from breadboard.store.native import NOTHING
from breadboard.store.writer import StoreWriter

_TS = 1_700_000_000_000_000_000
_EPOCH = Epoch(0, 1, "BINANCE", "", ("X",), Provenance.SYNTHETIC, open=True)
_DEPTH = b'{"e":"depthUpdate","E":1700000000000,"s":"X","U":1,"u":2,"b":[["1.5","2"]],"a":[["2.5","0"]]}'
_SNAPSHOT = b'{"lastUpdateId":1,"bids":[["1.5","1"]],"asks":[["2.5","1"]]}'
_TRADE = b'{"e":"trade","E":1700000000000,"s":"X","t":1,"p":"2","q":"1","T":1700000000000,"m":true,"M":true}'
_QUOTE = b'{"u":2,"s":"X","b":"1.5","B":"2","a":"2.5","A":"1"}'
_FRAMES = (
    (RecordKind.EPOCH, msgspec.json.encode(_EPOCH)),
    (RecordKind.DATA, b'{"stream":"x@depth","data":%b}' % _DEPTH),
    (RecordKind.DOCUMENT, msgspec.json.encode(DocumentHead("depth:X", "", 200)) + b"\n" + _SNAPSHOT),
    (RecordKind.DATA, b'{"stream":"x@trade","data":%b}' % _TRADE),
    (RecordKind.DATA, b'{"stream":"x@bookTicker","data":%b}' % _QUOTE),
)


def run(say: Callable[[str], None]) -> float:
    """Compile room by room, telling which, and return the seconds it took."""
    started = time.perf_counter()
    for room, warm in (
        ("journal", journal.warm),
        ("feeds", feeds.warm),
        ("engine", warming.warm),
        ("store and api", _walk),
    ):
        say(room)
        warm()
    return time.perf_counter() - started


def _walk() -> None:
    """Take a handful of frames all the way, to a store that keeps nothing."""
    kinds = [kind for kind, _ in _FRAMES]
    frames = Frames.of([body for _, body in _FRAMES], [_TS + row for row in range(len(kinds))], kind=RecordKind.DATA)
    frames.kind[:] = kinds
    engine = Engine(feeds.by_venue, EngineConfig())
    outputs = engine.process(frames)
    live = LiveMarket()
    live.apply(outputs, engine.instruments, engine.latest.records, _TS)
    Mirror(live)
    with tempfile.TemporaryDirectory() as directory:
        writer = StoreWriter(_Nowhere(), Path(directory))
        writer.write(outputs, engine.bars.open_bars(), engine.instruments)
        writer.close()


class _Nowhere:
    """A store that keeps nothing."""

    def write(self, table: str, rows: Any, token: str) -> None:  # noqa: ANN401 - columns in the form of the store
        """Take rows and forget them."""

    def missing(self, table: str, rows: Any) -> Any:  # noqa: ANN401, ARG002 - as above
        """Miss nothing."""
        return NOTHING

    def command(self, sql: str, params: Mapping[str, Any] | None = None) -> None:
        """Do nothing."""

    def written(self) -> int:
        """Nothing was ever written."""
        return 0

    def query(self, sql: str, params: Mapping[str, Any] | None = None, *, within_s: float | None = None) -> Any:  # noqa: ANN401, ARG002 - a pyarrow.Table
        """Know nothing."""
        return pa.table({})
