"""Frames to run a benchmark on: a recorded Binance spot capture, or a simulated market, as many instruments as asked.

A clone is the same run of frames under other symbols (``USDT`` becomes ``U001``, …): real text, real mix, for any
number of instruments. ``wire`` makes an endless stream of it.
"""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from breadboard.clock import ManualClock
from breadboard.model.gaps import DocumentHead, Epoch
from breadboard.model.kinds import Provenance, RecordKind
from breadboard.sim.binance import FLAVOURS, Binance
from breadboard.sim.exchange import Exchange, Listener
from breadboard.sim.faults import parse_faults
from breadboard.sim.market import Market
from breadboard.sim.truth import Sent, Truth

READ_FRAMES = 1_000
"""Frames of one append, as one wake-up of a busy socket delivers them."""
STEP_NS = 2_000_000
"""Simulated time between two updates of the simulated market, all instruments together."""

_SNAPSHOTS_NS = {"binance": 0, "binance-usdm": 250_000_000}
"""The market time of the snapshots."""

Frame = tuple[RecordKind, bytes, int]


@dataclass(frozen=True, slots=True)
class Run:
    """Frames in the order of their receipt, and where they come from."""

    source: str
    frames: list[Frame]

    def clone(self, number: int) -> Iterator[Frame]:
        """Yield the frames under the symbols of clone ``number``."""
        for kind, body, ts in self.frames:
            yield kind, self.renamed(body, number), ts

    @staticmethod
    def renamed(text: bytes, number: int) -> bytes:
        """Return text under the symbols of clone ``number``, as long as it was."""
        name = np.base_repr(number, 36).zfill(3).encode()
        return text.replace(b"USDT", b"U" + name).replace(b"usdt", b"u" + name.lower())


def recorded(path: Path) -> Run:
    """Return a capture in hftbacktest format, its REST snapshot as a document."""
    frames: list[Frame] = []
    with gzip.open(path) as lines:
        for line in lines:
            stamp, _, body = line.rstrip(b"\n").partition(b" ")
            if b'"stream"' in body[:12]:
                frames.append((RecordKind.DATA, body, int(stamp)))
            else:
                symbol = path.name.split("_")[0].upper()
                frames.append((RecordKind.DOCUMENT, _document(symbol, body), int(stamp)))
    return Run(path.name, frames)


class _Ears:
    """A client that keeps what it is sent."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def send(self, payload: bytes) -> None:
        """Keep a message."""
        self.heard.append(payload)


def simulated(
    instruments: int = 20,
    frames: int = 60_000,
    seed: int = 1,
    *,
    flavour: str = "binance",
    clock: ManualClock | None = None,
    pace_ns: int = 0,
) -> Run:
    """Return what a simulated Binance sends: trades, best prices and books every 100 ms of market time.

    Market time begins at ``clock`` and goes on by ``pace_ns`` with each trade and each best price, or by a fixed step.
    A snapshot joins a futures stream only inside one of its messages, so there they are taken a little later.
    """
    clock = clock or ManualClock()
    market = Market([f"S{number:02d}USDT" for number in range(instruments)], seed)
    exchange = Exchange(market, Truth(), parse_faults(""), clock, seed)
    venue = exchange.dialect = Binance(exchange, flavour)
    ears = _Ears()
    exchange.listeners[ears] = Listener(ears, Sent(0, keep=False), enveloped=True)  # type: ignore[index, arg-type]  # all that is asked of it
    names = [book.symbol for book in market.books]
    streams = "/".join(f"{name.lower()}@{kind}" for name in names for kind in ("trade", "bookTicker", "depth@100ms"))
    venue.opened(ears, "/stream", {"streams": streams})  # type: ignore[arg-type] # all it does is listen
    made: list[Frame] = []
    while len(made) < frames:
        if clock.mono() >= _SNAPSHOTS_NS[flavour] and (not made or made[0][0] is not RecordKind.DOCUMENT):
            path, query = FLAVOURS[flavour].rest + "depth", {"limit": "1000"}
            bodies = [venue.get(path, {"symbol": name, **query}).body for name in names]
            documents = [_document(name, body) for name, body in zip(names, bodies, strict=True)]
            made[:0] = [(RecordKind.DOCUMENT, document, clock.wall()) for document in documents]
        told = sum(b"@depth" not in body[:40] for body in ears.heard)
        clock.advance(pace_ns * told if pace_ns else STEP_NS // instruments)
        ears.heard.clear()
        venue.update(market.step(), clock.wall())
        venue.due(clock.mono() / 1e9, clock.wall())
        made += [(RecordKind.DATA, body, clock.wall()) for body in ears.heard]
    return Run(f"simulated market of {instruments} instruments", made)


Read = tuple[RecordKind, list[bytes], Sequence[int]]
"""Kind, frames and receive stamps of what one read of a socket delivers."""


def epoch(run: Run) -> bytes:
    """Return the record that opens the run's connection."""
    return msgspec.json.encode(Epoch(0, 1, "BINANCE", run.source, (), Provenance.SYNTHETIC, open=True))


def _document(symbol: str, body: bytes) -> bytes:
    return msgspec.json.encode(DocumentHead(f"depth:{symbol}", "", 200)) + b"\n" + body
