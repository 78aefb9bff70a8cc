"""Back to before a frame: from the newest checkpoint that is old enough, or from the journal's beginning."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from breadboard.app.places import Places
from breadboard.app.rewinding import rewinder
from breadboard.clock import SystemClock
from breadboard.config import EngineConfig
from breadboard.engine import Engine, checkpoint
from breadboard.errors import BreadboardError
from breadboard.journal import Reader, Writer, identity
from breadboard.model.kinds import EventKind, RecordKind
from plainfeed import Record, epoch, feeds, journal, row

END = 60


@pytest.fixture
def places(tmp_path: Path) -> Places:
    found = Places(tmp_path).made()
    frames = journal(list(records()))
    writer = Writer.open(found.journal, segment_bytes=1 << 20, compress=True, clock=SystemClock())
    for at in range(len(frames)):
        kind, source = RecordKind(int(frames.kind[at])), int(frames.source[at])
        writer.append(kind, source, 1, [frames.frame(at)], [int(frames.ts_recv[at])], 0)
    writer.sync(len(frames), 30)
    writer.close()
    return found


def records() -> Iterator[Record]:
    yield RecordKind.EPOCH, 0, epoch()
    for at in range(1, END):
        body = row("AB"[at % 2], EventKind.TRADE, at * 10**8, trade_id=at // 2, price=10**11, size=10**8, side=1)
        yield (RecordKind.EPOCH, 1, epoch(1)) if at == 30 else (RecordKind.DATA, 0, body)


def engine() -> Engine:
    return Engine(feeds(), EngineConfig(bars=("tick:3",)))


def at(places: Places, position: int) -> Engine:
    """Return an engine that came to a position without trouble."""
    found, reader = engine(), Reader.open(places.journal)
    while found.position < position:
        frames = reader.read(min(7, position - found.position))
        assert frames is not None
        found.process(frames)
    reader.close()
    return found


@pytest.mark.parametrize("checkpointed", [None, 0, 20, 45, 55])
@pytest.mark.parametrize("position", [0, 20, 45, 46])
def test_an_engine_in_any_state_is_put_to_where_it_stood(
    places: Places, checkpointed: int | None, position: int
) -> None:
    if checkpointed is not None:
        checkpoint.save(
            places.engine_state, checkpointed, at(places, checkpointed).snapshot(), identity(places.journal)
        )
    subject = at(places, END)
    instruments, epochs = subject.instruments, subject.epochs
    rewinder(subject, places)(position)
    assert subject.position == position
    assert subject.snapshot() == at(places, position).snapshot()
    assert subject.instruments is instruments, "who reads names from another thread reads on"
    assert subject.epochs is epochs


def test_a_journal_that_ends_before_says_so(places: Places) -> None:
    with pytest.raises(BreadboardError, match=f"ends before offset {END + 1}"):
        rewinder(engine(), places)(END + 1)
