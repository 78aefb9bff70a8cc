"""The compiled looks at a batch find what plain ones find, whatever is on the tape and however it is cut."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.api.feeds import _CODES, _DOWN, Feeds, FeedState
from breadboard.api.news import News
from breadboard.api.ring import _COLUMNS, TRADE, TradeRing
from breadboard.journal.format import ALL_SOURCES
from breadboard.model.bars import NO_BARS
from breadboard.model.decimals import ABSENT
from breadboard.model.instruments import Instrument, Instruments
from breadboard.model.kinds import EventKind, Flag, GapReason, StatusCode
from breadboard.model.outputs import Outputs
from breadboard.model.tape import EVENT_COLUMNS, Tape, of_market
from tapes import cut, tape

SOURCES = (0, 1, 7, 0xFFFF)
INSTRUMENTS = Instruments([Instrument("X", str(which)) for which in range(5)])
EXTREMES = st.sampled_from([ABSENT, -1, 0, 1, 2**63 - 1])
CODES = st.sampled_from([*StatusCode, *(int(reason) for reason in GapReason), 99])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(EventKind),
            "flags": st.sampled_from([0, Flag.DUPLICATE, Flag.WITHDRAWN, Flag.DUPLICATE | Flag.SYNTHETIC, 0xFFFF]),
            "code": CODES,
            "source": st.sampled_from(SOURCES),
            "instrument": st.integers(-1, len(INSTRUMENTS) - 1),
            "ts_recv": EXTREMES,
            "price": EXTREMES,
            "size": EXTREMES,
            "size_exp": st.sampled_from([-128, -8, 127]),
            "side": st.integers(0, 2),
            "trade_id": EXTREMES,
            "index": st.sampled_from([0, 0xFFFF]),
        }
    ),
    max_size=40,
)
CUTS = st.lists(st.integers(0, 40), max_size=4)


def pieces(rows: list[dict[str, Any]], cuts: list[int]) -> list[Tape]:
    return cut(tape(rows), [min(at, len(rows)) for at in cuts])


def is_news(rows: Tape) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (rows.kind == EventKind.TRADE) & (rows.flags & Flag.DUPLICATE == 0)
    return found & (rows.instrument >= 0)


@given(ROWS, CUTS)
def test_news_are_trades_not_seen_before_and_instruments_that_something_was_heard_of(
    rows: list[dict[str, Any]], cuts: list[int]
) -> None:
    subject = News()
    for piece in pieces(rows, cuts):
        trades, moved, seen = subject.of(piece)
        named, quoted = piece.instrument >= 0, (piece.kind == EventKind.QUOTE) & (piece.instrument >= 0)
        assert trades.tolist() == is_news(piece).nonzero()[0].tolist()
        assert sorted(moved.tolist()) == np.unique(piece.instrument[is_news(piece) | quoted]).tolist()
        assert sorted(seen.tolist()) == np.unique(piece.instrument[of_market(piece.kind) & named]).tolist()


@given(ROWS, CUTS, st.integers(1, 8))
def test_the_ring_holds_the_newest_trades(rows: list[dict[str, Any]], cuts: list[int], capacity: int) -> None:
    subject = TradeRing(capacity)
    expected: list[tuple[int, ...]] = []
    for batch, piece in enumerate(pieces(rows, cuts)):
        at = is_news(piece).nonzero()[0]
        subject.append(piece, at, batch, -batch)
        columns = [column[at].tolist() for column in _COLUMNS(piece)]
        expected += [(*row, -batch, batch, len(expected) + n) for n, row in enumerate(zip(*columns, strict=True))]
    kept = np.array(expected[-capacity:], TRADE_ORDER)
    found = subject.read(0)
    assert found.first == max(0, len(expected) - capacity)
    assert [found.trades[name].tolist() for name in TRADE.names or ()] == [
        kept[name].tolist() for name in TRADE.names or ()
    ]


TRADE_ORDER = np.dtype(
    [
        *((name, EVENT_COLUMNS[name][0]) for name in ("instrument", "price", "size", "size_exp", "side", "trade_id")),
        *((name, EVENT_COLUMNS[name][0]) for name in ("ts_event", "ts_recv", "flags", "code", "offset", "index")),
        *((name, np.int64) for name in ("ts_read", "ts_engine", "seq")),
    ]
)


def told(feeds: dict[int, FeedState], rows: Tape) -> None:
    """Learn from rows one by one, in their order."""
    for row in range(len(rows)):
        kind, code, which = (int(column[row]) for column in (rows.kind, rows.code, rows.instrument))
        if kind == EventKind.CLOCK:
            continue
        feed = feeds.setdefault(int(rows.source[row]), FeedState(int(rows.source[row])))
        feed.rows += 1
        if of_market(rows.kind[row : row + 1])[0]:
            feed.flags, feed.is_market, feed.said = int(rows.flags[row]), True, "live"
        elif which < 0 and kind == EventKind.GAP:
            feed.said = "down" if code in _DOWN else feed.said
        elif which < 0 and kind == EventKind.STATUS and code in list(StatusCode):
            feed.said = _CODES.get(StatusCode(code), feed.said)


@given(ROWS, CUTS)
def test_a_feed_is_what_its_rows_say_one_by_one(rows: list[dict[str, Any]], cuts: list[int]) -> None:
    subject, expected = Feeds(), dict[int, FeedState]()
    last: dict[int, int] = {}
    for piece in pieces(rows, cuts):
        subject.take(Outputs(0, 1, piece, NO_BARS, (), piece.ts_recv), INSTRUMENTS)
        told(expected, piece)
        for source in SOURCES:  # of a batch, the last sign of life counts
            alive = (piece.source == source) & (piece.kind != EventKind.CLOCK) & (piece.kind != EventKind.GAP)
            if alive.any():
                last[source] = max(last.get(source, 0), int(piece.ts_recv[alive.nonzero()[0][-1]]))
    expected.pop(ALL_SOURCES, None)  # what concerns every source is of no feed
    assert subject.by_source.keys() == expected.keys()
    for source, feed in subject.by_source.items():
        one = expected[source]
        assert (feed.rows, feed.said, feed.flags, feed.is_market) == (one.rows, one.said, one.flags, one.is_market)
        assert feed.ts_recv == last.get(source, 0)


@given(ROWS)
def test_a_tape_knows_what_is_on_it(rows: list[dict[str, Any]]) -> None:
    made = tape(rows)
    kinds, instruments, sources = made.contents
    assert [kinds[kind] for kind in EventKind] == [int((made.kind == kind).sum()) for kind in EventKind]
    assert instruments == int(made.instrument.max(initial=-1)) + 1
    speaks = (made.kind != EventKind.GAP) & (made.kind != EventKind.CLOCK)
    assert sources == max(made.source[speaks].tolist(), default=-1) + 1
