"""Every simulated venue that begins to say something new is told of, and nothing that it says otherwise is news."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from breadboard import journal
from breadboard.capture.planning import plan_sources
from breadboard.config import FeedConfig
from breadboard.feeds import FEEDS
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, RecordKind, StatusCode
from breadboard.ports import Decoded
from breadboard.sim.serve import Serving
from capture_fakes import capturing, simulator, until

MESSAGES = 1000
BEFORE = 300
NEW = (b"novelty", b"Halt Reason")
SECOND = 1_000_000_000


def sent(sim: Serving) -> int:
    return sum(connection.frames for connection in sim.truth.connections)


async def captured(venue: str, directory: Path, faults: str, more: int) -> Frames:
    """Return what capture recorded of a simulated venue until its schema drifts, and for some messages more."""
    async with simulator(venue, symbols=3, rate=3000.0, seed=7, faults=faults) as sim:
        key = "k" if FEEDS[venue].capabilities.credential else ""
        wanted = FeedConfig(venue=venue, symbols=sim.symbols, url=sim.url, rest_url=sim.rest_url, key=key)
        writer = journal.Writer.open(directory)
        async with capturing(plan_sources([wanted], FEEDS), writer):
            await until(lambda: sim.truth.counts["drift"], 60.0)
            before = sent(sim)
            await until(lambda: sent(sim) >= before + more, 60.0)
            await asyncio.sleep(0.2)
    reader, parts = journal.Reader.open(directory), []
    while (frames := reader.read(10_000)) is not None:
        parts.append(frames)
    reader.close()
    frames = Frames.join(parts)
    return frames.take(np.flatnonzero(np.isin(frames.kind, [RecordKind.DATA, RecordKind.DOCUMENT])))


def told(decoded: Decoded) -> list[int]:
    """Return when drift was told, ns."""
    tape = decoded.tape
    return tape.ts_recv[(tape.kind == EventKind.STATUS) & (tape.code == StatusCode.SCHEMA)].tolist()  # type: ignore[no-any-return]  # a list of integers


@pytest.mark.parametrize("venue", FEEDS)
def test_what_a_simulator_says_anew_is_told_within_a_minute_costs_nothing_and_nothing_before_is_news(
    venue: str, tmp_path: Path
) -> None:
    least = 4 if venue == "yahoo" else BEFORE  # one message a second and symbol is all it ever sends
    frames = asyncio.run(captured(venue, tmp_path, "drift:2", 12 if venue == "yahoo" else MESSAGES))
    decoded = FEEDS[venue].decoder(Instruments()).decode(frames)
    new = [row for row in range(len(frames)) if any(word in frames.frame(row) for word in NEW)]
    assert new[0] >= least, "this many were nothing new"
    (first, *_) = told(decoded)
    began = int(frames.ts_recv[new[0]])
    assert began <= first < began + 60 * SECOND
    rows = {int(offset): row for row, offset in enumerate(frames.offset.tolist())}
    refused = {frames.frame(rows[offset]) for offset, _ in decoded.quarantined}
    assert all(b'"e":"novelty"' in raw or raw.startswith(b"X,") for raw in refused), refused
    market = np.isin(decoded.tape.kind, [EventKind.TRADE, EventKind.QUOTE, EventKind.BOOK_DELTA])
    assert (decoded.tape.ts_recv[market] > first).any(), "what grew is read"
