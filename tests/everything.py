"""Five recorded venues in one journal, with every stage switched on; as a program, what is concluded from it.

``python everything.py 1:3 all:1 1000:2:3`` prints, for each batch size and number of partitions, a hash of every
output; with a third number there is a restart half way, and so many partitions after it.
"""

import hashlib
import json
import sys
from collections import defaultdict
from functools import cache
from itertools import zip_longest
from typing import Any

import msgspec
import numpy as np

import three_venues
from breadboard import feeds
from breadboard.config import EngineConfig
from breadboard.engine import Engine
from breadboard.model.anomalies import BY_NAME as ANOMALIES
from breadboard.model.features import BY_NAME
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.kinds import GapReason, Provenance, RecordKind
from breadboard.model.rules import Rule, RuleSet
from breadboard.model.tape import EVENT_COLUMNS
from feed_samples import frames_of

BINANCE = 2_400
"""Frames of the three venues of Binance; more would take longer, one at a time."""
TURN = 40
CONFIG = EngineConfig(
    features=tuple(BY_NAME),
    bars=("tick:5", "volume:2", "dollar:20000", "imbalance:20", "renko:0.5"),
    groups=three_venues.GROUPS | {"USD": ("XBT/USD.KRAKEN", "BTC-USDT.OKX")},
    anomalies=tuple(ANOMALIES),
    depth="1s",
    arbitrage=three_venues.ARBITRAGE,
)
RULES = (
    RuleSet(
        (
            Rule(name="up", kind="rise", threshold=0.001, window="5s"),
            Rule(name="down", kind="drop", threshold=0.001, window="5s"),
            Rule(name="wide", kind="spread", threshold=0.01, rearm=0.005),
            Rule(name="busy", kind="volume", threshold=1, window="1s"),
            Rule(name="silent", kind="no_data", window="1s"),
            Rule(name="hole", kind="gap"),
            Rule(name="odd", kind="anomaly"),
            Rule(name="gain", kind="arbitrage", threshold=0.1),
            Rule(name="moved", kind="expression", expression="close > open", window="1s"),
        )
    ),
    RuleSet((Rule(name="up", kind="rise", threshold=0.002, window="5s"), Rule(name="hole", kind="gap"))),
)
"""From the first turn on, and from one in the middle."""
OTHERS = {"kraken": ("kraken/KRAKEN.ws.48.0",), "okx": ("okx/OKX.ws.1.0",)}
KRAKEN = 1_500
_COLUMNS = [name for name in EVENT_COLUMNS if not name.startswith("level_")]
"""Where levels lie is no part of a tape: that depends on the batch."""


def epochs() -> list[Epoch]:
    """Return the five connections."""
    venues = [name.upper() for name in OTHERS]
    others = [Epoch(at, 1, venue, "", (), Provenance.REPLAY, open=True) for at, venue in enumerate(venues, 3)]
    return [*three_venues.epochs(), *others]


@cache
def frames() -> Frames:
    """Return the frames of all, some of each at a turn, and a CLOCK record after each turn.

    A hundred frames of Binance are missing; at every tenth turn something is wrong that is told, and something unread.
    """
    binance = np.delete(np.arange(BINANCE), slice(1_200, 1_300))
    parts = [three_venues.frames().take(binance)]
    for source, (feed, paths) in enumerate(OTHERS.items(), 3):
        part = frames_of(feed, "cryptofeed", paths)
        part = part.take(slice(0, KRAKEN))
        part.source[:] = source
        parts.append(part)
    tick = Frames.of([b"{}"], [0], kind=RecordKind.CLOCK)
    turns = zip_longest(*([part.take(slice(at, at + TURN)) for at in range(0, len(part), TURN)] for part in parts))
    pieces = []
    for at, turn in enumerate(turns):
        some = [piece for piece in turn if piece is not None]
        clock = Frames.join([tick])
        clock.ts_recv[:] = some[0].ts_recv[-1]
        pieces += [*some, clock]
        if at % 40 == 0 and at // 40 < len(RULES):
            body = RULES[at // 40].encoded()
            pieces.append(Frames.of([body], [int(clock.ts_recv[0])], kind=RecordKind.RULES, source=0xFFFF))
        if at % 10 == 5:
            pieces += _wrong(int(clock.ts_recv[0]), symbol=None if at % 20 == 5 else "BTCUSDT")
    whole = Frames.join(pieces)
    whole.offset[:] = np.arange(len(whole))
    return whole


def _wrong(now: int, symbol: str | None) -> list[Frames]:
    """Return the record of a gap, of one symbol or of the whole source, and a frame that nobody can read."""
    gap = Gap(1, GapReason.DISCONNECT, now - 10**9, now, symbol=symbol)
    told = Frames.of([msgspec.json.encode(gap)], [now], kind=RecordKind.GAP, source=1)
    return [told, Frames.of([b"{'"], [now], kind=RecordKind.DATA, source=2)]


def _engine(partitions: int) -> Engine:
    return Engine(feeds.by_venue, msgspec.structs.replace(CONFIG, partitions=partitions))


def _restarted(engine: Engine, partitions: int) -> Engine:
    """Return another engine that stands where one does."""
    other = _engine(partitions)
    other.restore(engine.snapshot())
    return other


def concluded(batch: int, partitions: int, later: int = 0) -> dict[str, str]:
    """Return a hash of each kind of output, of the digest and of the state; ``batch`` 0 is all at once.

    ``later``: partitions of another engine, that goes on half way where the first one stands.
    """
    engine = _engine(partitions)
    engine.adopt(epochs())
    whole = frames()
    hashes: defaultdict[str, Any] = defaultdict(lambda: hashlib.blake2b(digest_size=8))
    for at in range(0, len(whole), batch or len(whole)):
        if later and at > len(whole) // 2:
            engine, later = _restarted(engine, later), 0
        outputs = engine.process(whole.take(slice(at, at + (batch or len(whole)))))
        for name in _COLUMNS:
            hashes[name].update(getattr(outputs.tape, name).tobytes())
        hashes["bars"].update(outputs.bars.tobytes())
        for gap in outputs.gaps:
            hashes["gaps"].update(repr(gap).encode())
        for name, rows in outputs.streams.items():
            hashes[name].update(rows.tobytes())
    told = {name: one.hexdigest() for name, one in sorted(hashes.items())}
    state = hashlib.blake2b(engine.snapshot(), digest_size=8).hexdigest()
    return told | {"digest": engine.digest(), "state": state}


if __name__ == "__main__":
    for word in sys.argv[1:]:
        size, *counts = word.split(":")
        print(json.dumps(concluded(0 if size == "all" else int(size), *map(int, counts))))  # noqa: T201 - a program
