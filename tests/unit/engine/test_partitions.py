"""Partitions: the same rows and the same state, byte for byte, for any number of them; and from any to any other."""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.config import EngineConfig
from breadboard.config_file import load
from breadboard.engine import Engine, book_waiting
from breadboard.engine.books import Books
from breadboard.engine.features import Features
from breadboard.engine.parted_books import PartedBooks
from breadboard.engine.parted_features import PartedFeatures
from breadboard.engine.partitions import KEY_GROUPS, Partitions, in_order, key_group
from breadboard.errors import UsageError
from breadboard.model.features import BY_NAME
from breadboard.model.instruments import Instrument, Instruments
from breadboard.model.kinds import EventKind, GapReason, RecordKind, SequenceRule
from breadboard.model.tape import Tape
from conformance.test_stage import anything
from plainfeed import Record, epoch, feeds, journal, row
from tapes import cut, delta, tape

COUNTS = (2, 3, KEY_GROUPS)
MANY = 4


def instruments(many: int = MANY) -> Instruments:
    return Instruments([Instrument("VENUE", f"S{which}") for which in range(many)])


def rule(which: int) -> SequenceRule:
    return SequenceRule(which % 3)


def watched(_: int) -> bool:
    return True


class Alone:
    """Books and features as they are without partitions, behind the calls of those that have them."""

    def __init__(self) -> None:
        known = instruments()
        self.books = Books(rule, watched, deep=True, group=lambda which: key_group(known[which]))
        self.features = Features(list(BY_NAME), 2000, 5.0)

    def take(self, rows: Tape) -> tuple[list[bytes], NDArray[np.void] | None]:
        return _take(self.books, self.features, rows)

    def states(self) -> tuple[bytes, bytes]:
        return self.books.snapshot(), self.features.snapshot()

    def restore(self, states: tuple[bytes, bytes]) -> None:
        self.books.restore(states[0])
        self.features.restore(states[1])


class Parted(Alone):
    """The same in partitions."""

    def __init__(self, count: int) -> None:
        known = instruments()
        partitions = Partitions(count, known)
        self.books: Any = PartedBooks(  # not a Books, with all that is asked of one here
            partitions, rule, watched, deep=True, group=lambda which: key_group(known[which])
        )
        self.features: Any = PartedFeatures(partitions, lambda: Features(list(BY_NAME), 2000, 5.0))


def _take(books: Any, features: Any, rows: Tape) -> tuple[list[bytes], NDArray[np.void] | None]:  # noqa: ANN401 - either kind
    found = books.on_tape(rows)
    features.look(books)
    told = features.on_tape(rows)
    seen = [b"" if found is None else found.tobytes(), books.tops.tobytes(), books.depths.tobytes()]
    seen += [
        books.states.tobytes(),
        repr([(books.view(which), books.top(which)) for which in range(-1, MANY + 1)]).encode(),
    ]
    return seen, None if told is None else in_order(told)


def narrowed(random_: random.Random, rows: Tape) -> Tape:
    """Return a tape some of whose gaps and statuses are of one instrument."""
    wide = (rows.instrument < 0) & (rows.kind != EventKind.CLOCK)
    chosen = wide & (np.array([random_.random() for _ in range(len(rows))]) < 0.5)
    named = np.array([random_.randrange(MANY) for _ in range(len(rows))], np.int32)
    return replace(rows, instrument=np.where(chosen, named, rows.instrument))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.sampled_from(COUNTS))
def test_books_and_features_are_the_same_in_any_number_of_partitions(seed: int, count: int) -> None:
    random_ = random.Random(seed)
    rows = narrowed(random_, anything(random_, 200))
    one, many = Alone(), Parted(count)
    for piece in cut(rows, sorted(random_.sample(range(1, 200), 3))):
        (seen, told), (also_seen, also_told) = one.take(piece), many.take(piece)
        assert also_seen == seen
        assert (b"" if also_told is None else also_told.tobytes()) == (b"" if told is None else told.tobytes())
        assert many.states() == one.states()
    assert many.books.counters() == one.books.counters()
    assert many.features.counters() == one.features.counters()


def test_windows_that_were_open_are_closed_by_the_partition_that_took_them_over() -> None:
    """The room for windows that close goes by how many are open, which is not what was counted over all."""
    many, sold = 400, {"price": 10**9, "size": 10**8}
    early = (row(f"S{which}", EventKind.TRADE, which, trade_id=1, **sold) for which in range(many))
    late = row("S0", EventKind.TRADE, 40 * 10**9, trade_id=2, **sold)
    records: list[Record] = [(RecordKind.EPOCH, 0, epoch())]
    frames = journal([*records, *((RecordKind.DATA, 0, body) for body in (*early, late))])
    one, two = (Engine(feeds(), EngineConfig(features=("vwap", "twap"), partitions=count)) for count in (1, 2))
    one.process(frames.take(slice(0, many + 1)))
    two.restore(one.snapshot())
    last = frames.take(slice(many + 1, None))
    expected, found = one.process(last).features, two.process(last).features
    assert len(expected) == 2 * 2 * many, "of 1s and 5s"
    assert found.tobytes() == expected.tobytes()
    assert isinstance(one.features, Features)
    assert isinstance(two.features, PartedFeatures)
    assert two.features.open_windows() == one.features.open_windows() == 2 * many + 3


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), counts=st.lists(st.sampled_from((1, *COUNTS)), min_size=4, max_size=4))
def test_a_state_of_some_partitions_goes_on_in_any_other_number_of_them(seed: int, counts: list[int]) -> None:
    random_ = random.Random(seed)
    rows = narrowed(random_, anything(random_, 200))
    one, states = Alone(), Alone().states()
    for count, piece in zip(counts, cut(rows, sorted(random_.sample(range(1, 200), 3))), strict=True):
        many: Alone = Alone() if count == 1 else Parted(count)
        many.restore(states)
        told = many.take(piece)[1]
        expected = one.take(piece)[1]
        assert (told is None) == (expected is None)
        assert told is None or expected is None or told.tobytes() == expected.tobytes()
        states = many.states()
        assert states == one.states()


def test_threads_conclude_what_one_does() -> None:
    random_ = random.Random(3)
    rows = anything(random_, 3000)
    one, many = Alone(), Parted(3)
    assert many.take(rows)[0] == one.take(rows)[0]
    assert many.states() == one.states()


def test_what_fails_in_a_thread_is_raised_when_all_have_ended() -> None:
    ended: list[int] = []

    def fails() -> None:
        raise ZeroDivisionError

    partitions = Partitions(3, instruments())
    with pytest.raises(ZeroDivisionError):
        partitions.side_by_side(100_000, [lambda: ended.append(0), fails, lambda: ended.append(2)])
    with pytest.raises(ZeroDivisionError):
        partitions.side_by_side(100_000, [fails, lambda: ended.append(1), lambda: ended.append(2)])
    assert sorted(ended) == [0, 1, 2, 2]


def test_the_name_says_where_an_instrument_belongs_and_groups_are_dealt_evenly() -> None:
    assert key_group(Instrument("BINANCE", "BTCUSDT")) == 2, "crc32(b'BTCUSDT.BINANCE') % 8, whoever computes it"
    groups = [key_group(Instrument("X", f"SYMBOL{which}")) for which in range(2500)]
    assert all(250 < groups.count(group) < 375 for group in range(KEY_GROUPS))


def test_kept_deltas_are_bounded_by_key_group_so_partitions_let_the_same_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_waiting, "MAX_WAITING_GROUP", 5)
    known = instruments(40)
    rows = tape([delta(n, n, instrument=which) for n in range(1, 5) for which in range(40)])
    whole = Books(lambda _: SequenceRule.OVERLAP, group=lambda which: key_group(known[which]))
    found = whole.on_tape(rows)
    assert found is not None
    assert set(found["reason"]) == {GapReason.OVERFLOW}
    for count in COUNTS:
        parted = PartedBooks(
            Partitions(count, known),
            lambda _: SequenceRule.OVERLAP,
            None,
            deep=False,
            group=lambda which: key_group(known[which]),
        )
        also = parted.on_tape(rows)
        assert also is not None
        assert also.tobytes() == found.tobytes()


def of_thirty() -> Iterator[Record]:
    """Trades of many instruments, duplicates among them, that move the clock of one source."""
    yield RecordKind.EPOCH, 0, epoch()
    for at in range(1, 600):
        symbol = f"S{at % 30}"
        number = at // 30 - (at % 7 == 0)
        ahead = 3 * 10**9 if at % 7 == 0 else 0
        yield (
            RecordKind.DATA,
            0,
            row(symbol, EventKind.TRADE, at * 10**8 + ahead, trade_id=number, price=10**11, size=10**8),
        )


def test_a_trade_seen_before_moves_no_clock_whichever_partition_it_is_of() -> None:
    frames = journal(list(of_thirty()))
    outputs = []
    for count in (1, *COUNTS):
        config = EngineConfig(features=tuple(BY_NAME), groups={"G": ("S1.PLAIN", "S2.PLAIN")}, partitions=count)
        subject = Engine(feeds(), config)
        outputs.append((subject.process(frames), subject.snapshot(), subject.digest()))
    first = outputs[0]
    assert len(first[0].features) > 100
    for found, state, digest in outputs[1:]:
        assert found.features.tobytes() == first[0].features.tobytes()
        assert (state, digest) == first[1:]


@pytest.mark.parametrize("count", [0, 9, "two"])
def test_a_number_of_partitions_that_cannot_be_is_refused(count: object) -> None:
    with pytest.raises(UsageError, match=r"engine\.partitions"):
        load(None, {"engine.partitions": count})
