"""Consolidated books, against a reference of plain dictionaries that sees one row at a time."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.engine.book_kernel import TOP
from breadboard.engine.books import Books
from breadboard.engine.consolidated import Consolidated, Depth
from breadboard.engine.groups import groups_of
from breadboard.engine.hiding import EVERY_SOURCE
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Gap
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import BookState, EventKind, Flag, GapReason, OrderAction, SequenceRule, StatusCode
from breadboard.model.nbbo import NbboState, legs_in
from breadboard.model.tape import Tape
from tapes import SECOND, T0, cut, delta, snapshot, tape

BUY, SELL = 1, 2
INHERITED = Flag.SYNTHETIC | Flag.REPLAYED | Flag.HISTORY | Flag.DELAYED | Flag.CONFLATED
SILENCE_S = {"A": 5.0, "B": 20.0, "C": None}
GROUPS = groups_of({"X": ("X.A", "X.B", "X.C"), "Y": ("Y.B",)})
NAMES = (("A", "X"), ("B", "X"), ("C", "X"), ("B", "Y"), ("A", "Z"))
"""Instruments in the order of their dense ids; the last is in no group."""
SOURCES = ((0,), (1, 3), (2,), (1, 3), (0,))
"""A source speaks for one venue; one venue may have several."""
RULES = (SequenceRule.NONE, SequenceRule.CHAIN, SequenceRule.NONE, SequenceRule.NONE, SequenceRule.NONE)


class Both:
    """Books and what is consolidated from them, as the engine runs them: one stage for the suite."""

    def __init__(self) -> None:
        instruments = Instruments()
        for venue, symbol in NAMES:
            instruments.intern(venue, symbol)
        self.consolidated = Consolidated(GROUPS, instruments, lambda venue: SILENCE_S[venue])
        self.books = Books(lambda which: RULES[which], self.consolidated.watches)

    def on_tape(self, rows: Tape) -> NDArray[np.void]:
        self.books.on_tape(rows)
        return self.consolidated.on_tape(rows, self.books.tops)


class Reference:
    """The same by the book: rows one by one, dictionaries, no kernel, nothing remembered that can be asked again."""

    def __init__(self) -> None:
        self.books = Books(lambda which: RULES[which])
        self.quotes: dict[int, dict[str, Any]] = {}
        self.seen: dict[int, int] = {}
        self.said_stale: set[int] = set()
        self.told_stale: set[tuple[int, str]] = set()
        self.lags: dict[int, list[int]] = {}
        self.book_flags: dict[int, int] = {}
        self.last: dict[str, Any] = {}

    def on_row(self, rows: Tape) -> list[tuple[Any, ...]]:  # noqa: C901 - a rule a line
        row = {name: int(getattr(rows, name)[0]) for name in ("kind", "flags", "code", "source", "instrument")}
        now, ts_event = int(rows.ts_recv[0]), int(rows.ts_event[0])
        before = {which: self.books.view(which) for which in range(4)}
        self.books.on_tape(rows)
        which, source = row["instrument"], row["source"]
        down = row["kind"] == EventKind.STATUS and row["code"] == StatusCode.FEED_DOWN
        of_market = row["kind"] in {1, 2, 3, 4, 8}
        if row["kind"] not in {EventKind.CLOCK, EventKind.GAP} and not down:
            self.seen[source] = now
            if of_market:
                self.said_stale.discard(source)
        stamped = row["kind"] in {1, 2, 3} or (row["kind"] == EventKind.ORDER and source in self.lags)
        if stamped and ts_event != ABSENT and not row["flags"] & Flag.LAST_KNOWN:
            self.lags.setdefault(source, []).append(now - ts_event)
        if row["kind"] == EventKind.STATUS and row["code"] == StatusCode.STALE:
            if which < 0:
                self.said_stale.add(source)
            else:
                self.told_stale |= {(which, "book"), (which, "quote")}
        nobodys = Flag.LAST_KNOWN | Flag.INELIGIBLE | Flag.WITHDRAWN
        if row["kind"] == EventKind.QUOTE and 0 <= which < 4 and not row["flags"] & nobodys:
            self.told_stale.discard((which, "quote"))
            sides = {"bid": ("price", "size", "size_exp"), "ask": ("ask_price", "ask_size", "ask_size_exp")}
            quote: dict[str, Any] = {"source": source, "ts_recv": now, "good": True}
            quote["flags"] = row["flags"] & INHERITED
            for side, names in sides.items():
                price, size, exponent = (int(getattr(rows, name)[0]) for name in names)
                quote[side] = None if size == 0 or price == ABSENT else (price, size, exponent)
            self.quotes[which] = quote
        if down or (row["kind"] == EventKind.GAP and self.hides_quotes(rows)):
            everything = row["kind"] == EventKind.GAP and source == EVERY_SOURCE
            for leg, quote in self.quotes.items():
                if leg == which if which >= 0 else everything or quote["source"] == source:
                    quote["good"] = False
        for leg in range(4):
            view = self.books.view(leg)
            changed = view != before[leg] or (of_market and row["kind"] in {3, 4, 8} and leg == which)
            if view.state == BookState.LIVE and changed:
                self.told_stale.discard((leg, "book"))
                self.book_flags[leg] = row["flags"] & INHERITED
        return self.told(rows, now)

    def hides_quotes(self, rows: Tape) -> bool:
        gap = next(gap for offset, gap in rows.gaps if offset == rows.offset[0])
        others = (GapReason.TRADE_ID, GapReason.QUARANTINE, GapReason.CHECKSUM)
        return gap.reason not in others and gap.channel in {None, "quote"}

    def silent(self, source: int, venue: str, now: int) -> bool:
        limit = SILENCE_S[venue]
        return source in self.said_stale or (limit is not None and now - self.seen[source] > limit * 1e9)

    def leg(self, which: int, now: int) -> tuple[str, dict[str, Any]]:
        """Return whether a leg stands, and what it says."""
        view, venue = self.books.view(which), NAMES[which][0]
        faces: list[tuple[str, dict[str, Any]]] = []
        if view.state == BookState.LIVE:
            book: dict[str, Any] = {"source": view.source, "ts_recv": view.ts_recv}
            book["flags"] = self.book_flags.get(which, 0)
            book |= {"bid": view.bids[0] if view.bids else None, "ask": view.asks[0] if view.asks else None}
            faces.append(("book", book))
        quote = self.quotes.get(which)
        if quote and quote["good"]:
            faces.append(("quote", quote))
        for name, face in faces:
            if (which, name) not in self.told_stale and not self.silent(face["source"], venue, now):
                return "standing", face
        if faces:
            return "stale", {}
        return ("gapped" if view.state == BookState.STALE or (quote and not quote["good"]) else "nothing"), {}

    def told(self, rows: Tape, now: int) -> list[tuple[Any, ...]]:
        found = []
        for number, (name, ids) in enumerate((("X", (0, 1, 2)), ("Y", (3,)))):
            made = [self.leg(which, now) for which in ids]
            masks = dict.fromkeys(("standing", "stale", "gapped", "delayed", "suspect", "inverted"), 0)
            best: dict[str, Any] = {"bid": None, "ask": None}
            flags = 0
            for position, (state, face) in enumerate(made):
                if state in masks:
                    masks[state] |= 1 << position
                if state != "standing":
                    continue
                bid, ask = face["bid"], face["ask"]
                lags = self.lags.get(face["source"], [])
                late = sum(lag < -5_000_000 for lag in lags)
                flags |= face["flags"]
                masks["delayed"] |= bool(face["flags"] & Flag.DELAYED) << position
                masks["suspect"] |= (len(lags) >= 20 and late > 0.01 * len(lags)) << position
                masks["inverted"] |= bool(bid and ask and bid[0] >= ask[0]) << position
                if bid and (best["bid"] is None or bid[0] > best["bid"][0]):
                    best["bid"] = (*bid, position, now - face["ts_recv"])
                if ask and (best["ask"] is None or ask[0] < best["ask"][0]):
                    best["ask"] = (*ask, position, now - face["ts_recv"])
            bid, ask = best["bid"], best["ask"]
            if bid and ask:
                state_ = (
                    NbboState.CROSSED if bid[0] > ask[0] else NbboState.LOCKED if bid[0] == ask[0] else NbboState.NORMAL
                )
            else:
                state_ = NbboState.ONE_SIDED if bid or ask else NbboState.EMPTY
            shown = tuple(masks[one] for one in ("standing", "stale", "gapped"))
            key = (state_, bid and bid[:4], ask and ask[:4], shown)
            if key != self.last.get(name, (NbboState.EMPTY, None, None, (0, 0, 0))):
                self.last[name] = key
                nothing = (ABSENT, ABSENT, -8, -1, 0)
                which = int(rows.instrument[0])
                leg = ids.index(which) if which in ids else -1
                row = (
                    int(rows.offset[0]),
                    int(rows.index[0]),
                    number,
                    leg,
                    int(state_),
                    flags,
                    int(rows.ts_event[0]),
                    now,
                )
                found.append((*row, *(bid or nothing), *(ask or nothing), *masks.values()))
        return found


def anything(random_: random.Random, count: int) -> Tape:
    """Return quotes and books of five instruments through three sources, that lock, cross, break and fall silent."""
    rows: list[dict[str, Any]] = []
    gaps: list[tuple[int, Gap]] = []
    now, numbers = 0, [10] * 5
    for at in range(count):
        now += random_.choice((0, 1000, 50_000_000, SECOND, 4 * SECOND))
        which = random_.randrange(5)
        source = random_.choice(SOURCES[which])
        row: dict[str, Any] = {"instrument": which, "source": source, "ts_recv": T0 + now}
        row["ts_event"] = T0 + now + random_.choice((-SECOND, 0, 0, 0, 6_000_000, ABSENT - T0 - now))
        row["flags"] = random_.choice((0, 0, Flag.DELAYED, Flag.LAST_KNOWN, Flag.SYNTHETIC | Flag.SNAPSHOT))
        levels = [(random_.randint(1, 2), random_.randint(1, 6), random_.randint(0, 3)) for _ in range(3)]
        match random_.randrange(15):
            case 0 | 1 | 2 | 3 | 4:
                row |= {"kind": EventKind.QUOTE, "price": random_.choice((ABSENT, *range(1, 7)))}
                row |= {"ask_price": random_.choice((ABSENT, *range(1, 7)))}
                row |= {"size": random_.randint(0, 3), "ask_size": random_.randint(0, 3)}
            case 5 | 6 | 7:
                prev = numbers[which] + random_.choice((0, 0, 0, 0, 0, 1))
                numbers[which] = prev + 2
                row |= delta(prev + 1, prev + 2, levels, sequence_prev=prev)
            case 8 | 9:
                levels = [(side, price, 1 + size) for side, price, size in levels]
                row |= snapshot(numbers[which], levels)
            case 10:
                row |= {"kind": EventKind.CLOCK, "instrument": -1, "source": 0}
            case 11:
                row |= {"kind": EventKind.TRADE, "price": 5, "size": 1}
            case 12:
                which = random_.choice((0, 2))  # who tells of orders gives no numbers of books
                row |= {"kind": EventKind.ORDER, "code": OrderAction.ADD, "levels": levels[:1]}
                row |= {"instrument": which, "source": SOURCES[which][0]}
            case 13:
                code = random_.choice((1, 2, 3, 4))
                row |= {"kind": EventKind.STATUS, "code": code}
                if code != StatusCode.STALE or random_.random() < 0.5:
                    row["instrument"] = -1
            case _:
                reason = random_.choice((GapReason.DISCONNECT, GapReason.TRADE_ID, GapReason.CHECKSUM))
                source = random_.choice((source, EVERY_SOURCE))
                gaps.append((at, Gap(source, reason, 0, 0, channel=random_.choice((None, "quote", "book", "trade")))))
                row |= {"kind": EventKind.GAP, "code": reason, "source": source}
                row["instrument"] = random_.choice((which, -1))
        rows.append(row)
    return tape(rows, gaps)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_row_is_the_references(seed: int) -> None:
    rows = anything(random.Random(seed), 120)
    reference, subject = Reference(), Both()
    expected = [one for piece in cut(rows, range(1, 120)) for one in reference.on_row(piece)]
    assert [row.item() for row in subject.on_tape(rows)] == expected


def test_the_reference_meets_every_state_and_every_remark() -> None:
    """The random rows above are worth something: among 20 seeds everything occurs that can be told."""
    states, remarks = set(), set()
    for seed in range(20):
        for row in Both().on_tape(anything(random.Random(seed), 200)):
            states.add(NbboState(int(row["state"])))
            remarks |= {name for name in row.dtype.names[-6:] if row[name]}
    assert states == set(NbboState)
    assert remarks == {"standing", "stale", "gapped", "delayed", "suspect", "inverted"}


def quote(which: int, bid: int, ask: int, at: int, **more: int) -> dict[str, Any]:
    """Return a quote of one unit a side, ``at`` seconds after T0, from the source of the instrument's own number."""
    row = {"kind": EventKind.QUOTE, "instrument": which, "source": which, "ts_recv": T0 + at * SECOND}
    return row | {"price": bid, "size": 1, "ask_price": ask, "ask_size": 1} | more


def wide(kind: EventKind, code: int, source: int, at: int) -> dict[str, Any]:
    return {"kind": kind, "code": code, "source": source, "instrument": -1, "ts_recv": T0 + at * SECOND}


def said(found: NDArray[np.void]) -> list[tuple[str, int, int, list[int]]]:
    """Return state, bid, ask and who stands of every row."""
    return [
        (NbboState(int(row["state"])).label, int(row["bid"]), int(row["ask"]), legs_in(int(row["standing"])))
        for row in found
    ]


def test_a_crossed_market_names_its_legs_and_the_age_of_each() -> None:
    found = Both().on_tape(tape([quote(0, 10, 12, 0), quote(1, 13, 14, 2)]))
    assert said(found) == [("normal", 10, 12, [0]), ("crossed", 13, 12, [0, 1])]
    row = found[-1]
    assert (row["bid_leg"], row["bid_age"], row["ask_leg"], row["ask_age"]) == (1, 0, 0, 2 * SECOND)
    assert (row["offset"], row["index"], row["leg"]) == (1, 0, 1)


@pytest.mark.parametrize(
    ("number", "bid", "age"),
    [
        (10, 7, 3),  # both deltas are newer: it shows what came three seconds ago
        (12, 7, 3),  # the first is in it
        (14, 7, 3),  # so is the second, but the venue has it joined: what holds was told then
        (15, 5, 0),  # it is newer than all that waited
    ],
)
def test_a_book_that_a_snapshot_makes_live_is_as_old_as_the_newest_delta_in_it(number: int, bid: int, age: int) -> None:
    """Binance: deltas wait for ``lastUpdateId``, and those after it are applied to it, though they came before it."""
    common = {"instrument": 1, "source": 1}
    rows = [
        delta(11, 12, [(BUY, 6, 1)], sequence_prev=10, ts_recv=T0, **common),
        delta(13, 14, [(BUY, 7, 1)], sequence_prev=12, ts_recv=T0 + 2 * SECOND, **common),
        snapshot(number, [(BUY, 5, 1)], ts_recv=T0 + 5 * SECOND, **common),
    ]
    (row,) = Both().on_tape(tape(rows))
    assert (row["bid"], row["bid_age"], row["ts_recv"]) == (bid, age * SECOND, T0 + 5 * SECOND)


def test_a_locked_market_and_one_venue_crossed_by_itself() -> None:
    found = Both().on_tape(tape([quote(0, 10, 12, 0), quote(1, 12, 14, 0), quote(3, 20, 19, 0)]))
    assert [one[0] for one in said(found)] == ["normal", "locked", "crossed"]
    assert found["inverted"].tolist() == [0, 0, 1]
    assert found["bid_leg"].tolist() == [0, 1, 0]
    assert found["ask_leg"].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("lost", "mask"),
    [
        ([wide(EventKind.STATUS, StatusCode.FEED_DOWN, 1, 1)], "gapped"),
        ([wide(EventKind.GAP, GapReason.DISCONNECT, 1, 1)], "gapped"),
        ([wide(EventKind.GAP, GapReason.RESTART, EVERY_SOURCE, 1)], "gapped"),
        ([wide(EventKind.STATUS, StatusCode.STALE, 1, 1)], "stale"),
        ([wide(EventKind.STATUS, StatusCode.STALE, 1, 1) | {"instrument": 1}], "stale"),
        ([wide(EventKind.STATUS, StatusCode.HEARTBEAT, 0, 20), wide(EventKind.CLOCK, 0, 0, 21)], "stale"),
    ],
)
def test_what_is_not_believed_is_left_out_and_said_until_it_is_renewed(lost: list[dict[str, Any]], mask: str) -> None:
    """The other leg tells all the while; leg 1 has the better bid."""
    stage = Both()
    stage.on_tape(tape([quote(0, 10, 12, 0), quote(1, 11, 12, 0)]))
    found = stage.on_tape(tape([*lost, quote(0, 10, 12, 21)], first=2))
    assert said(found)[-1] == ("normal", 10, 12, [0])
    assert legs_in(int(found[-1][mask])) == [1]
    again = stage.on_tape(tape([quote(1, 11, 12, 22)], first=9))
    assert said(again) == [("normal", 11, 12, [0, 1])]


@pytest.mark.parametrize("flag", [Flag.LAST_KNOWN, Flag.INELIGIBLE, Flag.WITHDRAWN])
def test_a_quote_that_nobody_stands_behind_is_no_leg(flag: Flag) -> None:
    found = Both().on_tape(tape([quote(0, 10, 12, 0), quote(1, 11, 12, 0, flags=int(flag))]))
    assert said(found) == [("normal", 10, 12, [0])]


def test_a_clock_that_is_set_neither_revives_a_silent_leg_nor_makes_one_silent() -> None:
    stage = Both()
    hour = 3600 * SECOND
    stage.on_tape(tape([quote(0, 10, 12, 0), quote(1, 11, 12, 0)]))
    set_back = wide(EventKind.CLOCK, 0, 0, -3598) | {"size": -hour}
    assert len(stage.on_tape(tape([set_back], first=2))) == 0, "two seconds have passed"
    still = [wide(EventKind.STATUS, StatusCode.HEARTBEAT, 0, -3600 + at) for at in range(4, 28, 4)]
    found = stage.on_tape(tape(still, first=3))
    assert said(found)[-1] == ("normal", 10, 12, [0])
    assert legs_in(int(found[-1]["stale"])) == [1]


def test_a_heartbeat_keeps_a_quiet_leg_standing() -> None:
    stage = Both()
    beats = [wide(EventKind.STATUS, StatusCode.HEARTBEAT, 1, at) for at in range(10, 200, 10)]
    found = stage.on_tape(tape([quote(1, 10, 12, 0), *beats]))
    assert len(found) == 1
    assert said(stage.on_tape(tape([wide(EventKind.CLOCK, 0, 0, 300)], first=90))) == [("empty", ABSENT, ABSENT, [])]


def test_a_venue_without_a_rule_is_never_stale_for_silence() -> None:
    assert len(Both().on_tape(tape([quote(2, 10, 12, 0), wide(EventKind.CLOCK, 0, 0, 10**6)]))) == 1


def test_a_live_book_goes_before_a_quote_and_a_quote_steps_in_for_a_stale_book() -> None:
    begin = snapshot(10, [(BUY, 8, 5), (SELL, 9, 5)], instrument=1, source=1)
    broken = delta(13, 14, [(BUY, 7, 5)], instrument=1, source=1, sequence_prev=12)
    found = Both().on_tape(tape([quote(1, 5, 6, 0), begin, quote(1, 4, 6, 0), broken]))
    assert said(found) == [("normal", 5, 6, [1]), ("normal", 8, 9, [1]), ("normal", 4, 6, [1])]


def depth_of(rows: list[dict[str, Any]], count: int | None = None) -> Depth:
    stage = Both()
    stage.on_tape(tape(rows))
    return stage.consolidated.depth(0, stage.books, count)


def test_depth_keeps_the_levels_of_every_venue() -> None:
    rows = [
        snapshot(10, [(BUY, 8, 5), (BUY, 7, 4), (SELL, 9, 6)], instrument=1),
        snapshot(ABSENT, [(BUY, 8, 1), (SELL, 10, 2)], instrument=0),
        quote(2, 6, 9, 0),
    ]
    depth = depth_of(rows)
    assert depth.bids == [
        (8, [("X.A", 1, -8), ("X.B", 5, -8)]),
        (7, [("X.B", 4, -8)]),
        (6, [("X.C", 1, -8)]),
    ]
    assert depth.asks == [(9, [("X.B", 6, -8), ("X.C", 1, -8)]), (10, [("X.A", 2, -8)])]
    assert depth.left_out == {}
    assert [price for price, _ in depth_of(rows, 2).bids] == [8, 7]


def test_depth_says_what_it_leaves_out() -> None:
    down = wide(EventKind.STATUS, StatusCode.FEED_DOWN, 1, 0)
    depth = depth_of([quote(1, 10, 12, 0), quote(0, 9, 12, 0), down])
    assert depth.left_out == {"X.B": "gapped", "X.C": "nothing is known"}
    assert depth.bids == [(9, [("X.A", 1, -8)])]


@pytest.mark.parametrize("size", [1, 7, 50])
def test_batches_of_any_size_and_restarts_tell_the_same(size: int) -> None:
    rows = anything(random.Random(8), 300)
    whole = Both()
    expected = whole.on_tape(rows).tobytes()
    told, stage = b"", Both()
    for piece in cut(rows, range(size, 300, size)):
        told += stage.on_tape(piece).tobytes()
        after = Both()
        after.books.restore(stage.books.snapshot())
        after.consolidated.restore(stage.consolidated.snapshot())
        assert after.consolidated.snapshot() == stage.consolidated.snapshot()
        stage = after
    assert told == expected
    assert stage.consolidated.snapshot() == whole.consolidated.snapshot()
    depths = [[each.consolidated.depth(group, each.books) for group in (0, 1)] for each in (stage, whole)]
    assert depths[0] == depths[1], "also before the first row after a restart"


def test_a_state_of_other_groups_is_passed_over() -> None:
    """The configuration was changed: the legs are unknown until they speak, and nothing is read in the wrong place."""
    stage, other = Both(), Both()
    stage.on_tape(tape([quote(0, 10, 12, 0), quote(1, 11, 12, 0)]))
    other.consolidated = Consolidated(groups_of({"X": ("X.B",)}), other.consolidated._instruments, lambda _: None)
    other.consolidated.restore(stage.consolidated.snapshot())
    assert said(other.on_tape(tape([quote(0, 10, 12, 1), quote(1, 9, 12, 1)], first=2))) == [("normal", 9, 12, [0])]


def test_a_leg_never_heard_whose_book_goes_stale_is_told_as_gapped() -> None:
    """As after a restart with other groups: the book was live before anybody consolidated it."""
    stage = Both()
    stage.books.on_tape(tape([snapshot(10, [(BUY, 8, 5)], instrument=1, source=1)]))
    found = stage.on_tape(tape([wide(EventKind.STATUS, StatusCode.FEED_DOWN, 1, 1)], first=1))
    assert said(found) == [("empty", ABSENT, ABSENT, [])]
    assert legs_in(int(found[0]["gapped"])) == [1]


def test_without_groups_nothing_is_watched() -> None:
    stage = Consolidated((), Instruments(), lambda _: None)
    assert len(stage.on_tape(tape([quote(0, 1, 2, 0)]), np.zeros(0, TOP))) == 0
    assert len(stage.snapshot()) < 1000
