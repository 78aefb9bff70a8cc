"""A stage that raises on a frame: three tries, then the frame is quarantined, and nothing else of it is left."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from breadboard.config import ArbitrageConfig, EngineConfig, TradedConfig
from breadboard.engine import Engine
from breadboard.engine.activity import ActivityBars
from breadboard.engine.anomalies import Anomalies
from breadboard.engine.arbitrage import Arbitrage
from breadboard.engine.bars import Bars
from breadboard.engine.books import Books
from breadboard.engine.clock_skew import ClockSkew
from breadboard.engine.consolidated import Consolidated
from breadboard.engine.continuity import Continuity
from breadboard.engine.features import Features
from breadboard.engine.latest import Latest
from breadboard.engine.orders import Orders
from breadboard.engine.retries import Retrying
from breadboard.engine.router import TRIES
from breadboard.engine.rules import Rules
from breadboard.model.anomalies import BY_NAME as ANOMALIES
from breadboard.model.features import BY_NAME
from breadboard.model.frames import Frames
from breadboard.model.kinds import BookState, EventKind, GapReason, RecordKind, SequenceRule
from breadboard.model.outputs import Outputs
from breadboard.model.rules import Rule, RuleSet
from breadboard.model.tape import Tape
from breadboard.ports import Decoded
from plainfeed import PlainDecoder, Record, epoch, feeds, journal, row

DATA = RecordKind.DATA
STAGES: tuple[type[Any], ...] = (
    Orders,
    Continuity,
    Books,
    Consolidated,
    Arbitrage,
    Anomalies,
    Rules,
    Bars,
    Features,
    ClockSkew,
    Latest,
    ActivityBars,
)
MARKET = (EventKind.TRADE, EventKind.QUOTE, EventKind.BOOK_DELTA, EventKind.BOOK_SNAPSHOT)
TRADED = TradedConfig(base="X", quote="USD")
ARBITRAGE = ArbitrageConfig(fees={"PLAIN": 0.0}, instruments={"A.PLAIN": TRADED, "B.PLAIN": TRADED}, max_age_ms=10_000)
RULES = RuleSet(
    (
        Rule(name="moved", kind="rise", threshold=0.001, window="5s"),
        Rule(name="wide", kind="spread", threshold=100.0, rearm=50.0),
        Rule(name="hole", kind="gap"),
    )
)
POISON = (23, 57)
"""Offsets of a trade and of a book's delta."""


def records() -> Iterator[Record]:
    """Two instruments of one source, a hundred frames: trades, quotes, books, and a clock now and then."""
    yield RecordKind.EPOCH, 0, epoch()
    for at in range(1, 100):
        symbol, when = "AB"[at // 4 % 2], at * 200_000_000
        if at % 20 == 10:
            yield RecordKind.CLOCK, 0, b"{}"
        elif at % 4 == 3:
            yield DATA, 0, row(symbol, EventKind.TRADE, when, trade_id=at // 8, price=100 * 10**9, size=10**8, side=1)
        elif at % 4 == 2:
            prices = {"price": 99 * 10**9, "size": 10**8, "ask_price": (101 + at % 3) * 10**9, "ask_size": 10**8}
            yield DATA, 0, row(symbol, EventKind.QUOTE, when, **prices)
        else:
            levels = [(1, 99 * 10**9, at), (2, 101 * 10**9, at)]
            kind, prev = EventKind.BOOK_SNAPSHOT if at < 8 else EventKind.BOOK_DELTA, at - (1 if at % 4 else 7)
            numbers = {"sequence": at, "sequence_first": prev + 1, "sequence_prev": prev}
            yield DATA, 0, row(symbol, kind, when, levels=levels, **numbers)


def engine(rule: SequenceRule = SequenceRule.OVERLAP, partitions: int = 1) -> Engine:
    config = EngineConfig(
        groups={"G": ("A.PLAIN", "B.PLAIN")},
        features=tuple(BY_NAME),
        bars=("tick:3",),
        anomalies=tuple(ANOMALIES),
        depth="1s",
        arbitrage=ARBITRAGE,
        partitions=partitions,
    )
    return Engine(feeds(sequence_rule=rule), config, RULES)


def take(subject: Engine, frames: Frames, batch: int) -> list[Outputs]:
    """Run frames through an engine that goes back to the journal where a stage raises."""

    def rewind(position: int) -> None:
        subject.restart()
        subject.process(frames.take(slice(0, position)))
        subject.position = position

    retrying = Retrying(subject, rewind)
    return [retrying.process(frames.take(slice(at, at + batch))) for at in range(0, len(frames), batch)]


def told(outputs: list[Outputs]) -> dict[str, bytes]:
    """Everything that came out, as bytes."""
    found = {"gaps": repr([gap for each in outputs for gap in each.gaps]).encode()}
    found["bars"] = b"".join(each.bars.tobytes() for each in outputs)
    for column in ("offset", "kind", "instrument", "flags", "price"):
        found[column] = b"".join(getattr(each.tape, column).tobytes() for each in outputs)
    for name in sorted({name for each in outputs for name in each.streams}):
        found[name] = b"".join(each.streams[name].tobytes() for each in outputs if name in each.streams)
    return found


def plant(monkeypatch: pytest.MonkeyPatch, stage: type[Any], trips: Callable[[Tape], bool]) -> list[int]:
    """Have a stage do its work and then raise where it ``trips``; return what collects the rows of each such tape."""
    sound, tripped = stage.on_tape, []

    def on_tape(self: Any, tape: Tape, *more: Any) -> Any:  # noqa: ANN401 - the arguments of any stage
        found = sound(self, tape, *more)
        if trips(tape):
            tripped.append(len(tape))
            raise ZeroDivisionError("planted")
        return found

    monkeypatch.setattr(stage, "on_tape", on_tape)
    return tripped


@pytest.mark.parametrize("batch", [1, 13, 100])
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_raises_once_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch, stage: type[Any], batch: int
) -> None:
    frames = journal(list(records()))
    sound = engine()
    expected = told(take(sound, frames, 100))
    fresh = iter([True])
    tripped = plant(monkeypatch, stage, lambda tape: POISON[0] in tape.offset and next(fresh, False))
    subject = engine()
    assert told(take(subject, frames, batch)) == expected
    assert len(tripped) == 1
    assert (subject.digest(), subject.snapshot()) == (sound.digest(), sound.snapshot())


@pytest.mark.parametrize("batch", [1, 13, 100])
@pytest.mark.parametrize("stage", STAGES)
def test_a_frame_on_which_a_stage_always_raises_is_quarantined_and_all_else_is_as_if_it_could_not_be_read(
    monkeypatch: pytest.MonkeyPatch, stage: type[Any], batch: int
) -> None:
    frames = journal(list(records()))
    sound = engine()
    for offset in POISON:
        sound.condemn(offset, "a stage failed three times: ZeroDivisionError")
    expected = told(take(sound, frames, 100))
    plant(monkeypatch, stage, lambda tape: bool(np.any(np.isin(tape.offset, POISON) & np.isin(tape.kind, MARKET))))
    subject = engine()
    outputs = take(subject, frames, batch)
    assert told(outputs) == expected
    assert (subject.digest(), subject.snapshot()) == (sound.digest(), sound.snapshot())
    gaps = [(at, gap.detail) for each in outputs for at, _, gap in each.gaps if gap.reason is GapReason.QUARANTINE]
    assert gaps == [(offset, "a stage failed three times: ZeroDivisionError") for offset in POISON]
    counts = subject.summary()
    assert (counts["frames"], counts["quarantined"], counts["poisoned"]) == (94, 2, 2)


def test_a_frame_is_tried_three_times_the_last_two_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = journal(list(records()))
    tripped = plant(monkeypatch, Latest, lambda tape: bool(np.any((tape.offset == POISON[0]) & (tape.kind < 4))))
    take(engine(), frames.take(slice(0, 24)), 8)
    assert tripped == [8, 4, 2, 1, 1], "rows of the batch, of its halves, and of the frame itself"
    tripped.clear()
    take(engine(), frames.take(slice(0, 24)), 1)
    assert tripped == [1] * TRIES


def test_where_even_the_row_that_tells_of_it_trips_the_stage_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = journal(list(records()))
    plant(monkeypatch, Bars, lambda tape: POISON[1] in tape.offset)
    subject = engine()
    outputs = take(subject, frames, 100)
    assert POISON[1] not in outputs[0].tape.offset
    assert [at for at, _, gap in outputs[0].gaps if gap.reason is GapReason.QUARANTINE] == [POISON[1]]


def test_an_engine_that_fails_whatever_it_is_given_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, Bars, lambda _: True)
    subject = engine()
    with pytest.raises(ZeroDivisionError):
        take(subject, journal(list(records())), 100)


@pytest.mark.parametrize("rule", [SequenceRule.OVERLAP, SequenceRule.NONE])
def test_a_book_is_not_believed_after_a_delta_of_it_was_quarantined(
    monkeypatch: pytest.MonkeyPatch, rule: SequenceRule
) -> None:
    sound, subject = engine(rule), engine(rule)
    take(sound, journal(list(records())), 10)
    plant(monkeypatch, Books, lambda tape: bool(np.any((tape.offset == POISON[1]) & (tape.kind < 4))))
    take(subject, journal(list(records())), 10)
    states = [each.books.view(0).state for each in (sound, subject)]
    assert states == [BookState.LIVE, BookState.STALE]


@pytest.mark.parametrize("partitions", [2, 3])
def test_partitions_change_nothing_of_it(monkeypatch: pytest.MonkeyPatch, partitions: int) -> None:
    frames = journal(list(records()))
    plant(monkeypatch, Features, lambda tape: bool(np.any((tape.offset == POISON[0]) & (tape.kind == EventKind.TRADE))))
    one, many = engine(), engine(partitions=partitions)
    assert told(take(many, frames, 7)) == told(take(one, frames, 100))
    assert many.snapshot() == one.snapshot()


@pytest.mark.parametrize(
    ("times", "quarantined"), [(1, "not a row"), (2, "not a row"), (3, "the decoder failed: MemoryError()")]
)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_decoder_that_raises_has_three_tries_too(
    monkeypatch: pytest.MonkeyPatch, times: int, quarantined: str, batch: int
) -> None:
    sound, left = PlainDecoder.decode, iter(range(times))

    def decode(self: PlainDecoder, frames: Frames) -> Decoded:
        if b'"slow"' in list(frames.frames()) and next(left, None) is not None:
            raise MemoryError
        return sound(self, frames)

    monkeypatch.setattr(PlainDecoder, "decode", decode)
    frames = journal([(RecordKind.EPOCH, 0, epoch()), (DATA, 0, b'"slow"'), (DATA, 0, b"hello")])
    outputs = take(engine(), frames, batch)
    assert [gap.detail for each in outputs for _, _, gap in each.gaps] == [quarantined]
