"""Features: against a plain reference, on real recordings and on tapes with everything that can go wrong."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.engine.bars import Bars
from breadboard.engine.books import Books
from breadboard.engine.feature_state import BYTES, SLOT
from breadboard.engine.features import Features
from breadboard.engine.state import pack, unpack
from breadboard.engine.watermarks import Watermarks
from breadboard.model.decimals import ABSENT
from breadboard.model.features import BY_NAME, FEATURE, Feature
from breadboard.model.kinds import EventKind, Flag, GapReason, SequenceRule, StatusCode
from breadboard.model.tape import Tape
from features_reference import reference
from feed_samples import decode_frames, frames_of
from tapes import SECOND, T0, cut, tape, trade

Values = dict[tuple[int, int, int, int], tuple[float, int]]
BUY, SELL = 1, 2
RELATIVE, ABSOLUTE = 1e-9, 1e-8
"""Both sides add the same float64 terms, in another order and with prices scaled before or after the subtraction: a
spread of 0.01 at 60,000 keeps nine digits. A flow may add to nothing, where only the size of its terms counts."""


def plain(_: int) -> SequenceRule:
    return SequenceRule.NONE


def told(rows: Tape, rule: Callable[[int], SequenceRule] = plain, cuts: Sequence[int] = ()) -> NDArray[np.void]:
    """Return what a fresh stage concludes, with the books' moments, in pieces."""
    books, stage = Books(rule, lambda _: True, deep=True), Features(list(BY_NAME), 2000, 5.0)
    parts = [np.zeros(0, FEATURE)]
    for piece in cut(rows, cuts):
        books.on_tape(piece)
        stage.expect(books.tops, books.depths)
        part = stage.on_tape(piece)
        parts += [] if part is None else [part]
    return np.concatenate(parts)


def by_key(rows: NDArray[np.void]) -> Values:
    keys = ("instrument", "feature", "interval", "ts_open")
    found = {tuple(int(row[key]) for key in keys): (float(row["value"]), int(row["offset"])) for row in rows}
    assert len(found) == len(rows), "a window was told twice"
    return found  # type: ignore[return-value]  # keys of four numbers


def agrees(rows: Tape, rule: Callable[[int], SequenceRule]) -> Values:
    """Hold the stage against the reference; return what both found."""
    ours, theirs = by_key(told(rows, rule)), reference(rows, rule)
    name = {key: f"{Feature(key[1]).label} {key[2]}s at {(key[3] - T0) / 1e9} of {key[0]}" for key in ours | theirs}
    assert not [name[key] for key in ours.keys() ^ theirs.keys()]
    assert not [name[key] for key in ours if ours[key][1] != theirs[key][1]], "closed elsewhere"
    for key, (value, _) in ours.items():
        assert value == pytest.approx(theirs[key][0], rel=RELATIVE, abs=ABSOLUTE), name[key]
    return ours


@pytest.mark.parametrize(
    ("venue", "path", "count", "told_of", "without"),
    [
        pytest.param("binance", "binance/btcusdt_20240808.gz", None, 7_763, set(), id="spot-btc"),
        pytest.param("binance-usdm", "binance/usdm/btcusdt_20240808.gz", 25_000, 2_295, {Feature.VPIN}, id="usdm"),
    ],
)
def test_features_of_a_recording_are_those_of_the_reference(
    venue: str, path: str, count: int | None, told_of: int, without: set[Feature]
) -> None:
    """VPIN needs 500 trades to learn from and 50 buckets of 50: the quarter of USD-M taken here has too few."""
    decoded, instruments = decode_frames(venue, frames_of(venue, "hftbacktest", (path,)))
    found = agrees(decoded.tape.take(slice(0, count)), lambda which: instruments[which].sequence_rule)
    assert len(found) == told_of
    assert {Feature(key[1]) for key in found} == set(Feature) - without


def test_features_of_ten_coinbase_books_are_those_of_the_reference() -> None:
    decoded, _ = decode_frames("coinbase", frames_of("coinbase", "cryptofeed", ("coinbase/COINBASE.ws.28.0",)))
    found = agrees(decoded.tape.take(slice(0, 2_000)), plain)
    assert len({key[0] for key in found}) == 10


def anything(chance: random.Random, count: int) -> Tape:
    """Return rows of one source: late and missing times, missing sides, crossed quotes, halts, gaps, duplicates."""
    rows: list[dict[str, Any]] = []
    now = 0
    for at in range(count):
        now += chance.choice((0, 1000, 30_000_000, 200_000_000, SECOND, 3 * SECOND))
        late = chance.choice((0, 0, 0, 1_000_000, 700_000_000, 2_500_000_000))
        which = chance.randrange(2)
        common = {"instrument": which, "ts_recv": T0 + now, "ts_event": T0 + now - late}
        levels = [(chance.choice((BUY, SELL)), chance.randint(1, 30) * 10**9, chance.randint(0, 5)) for _ in range(4)]
        row: dict[str, Any]
        match chance.randrange(12 if which else 9):
            case 0 | 1 | 2 | 3:
                flags = chance.choice(
                    (0, 0, 0, Flag.AGGREGATED, Flag.DUPLICATE, Flag.VOLUME_ONLY, Flag.LAST_KNOWN, Flag.INELIGIBLE)
                )
                row = trade(at, 0, chance.randint(9, 12), chance.randint(1, 9), flags=flags, side=chance.randrange(3))
                row |= {"size": ABSENT} if chance.random() < 0.1 else {}
            case 4 | 5:
                row = {"kind": EventKind.BOOK_DELTA, "levels": levels}
            case 6:
                sides = [(BUY, chance.randint(5, 10) * 10**9, 3), (SELL, chance.randint(10, 14) * 10**9, 4)]
                row = {"kind": EventKind.BOOK_SNAPSHOT, "levels": sides}
            case 7 if chance.random() < 0.3:
                row = {"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "instrument": chance.choice((-1, which))}
            case 7 | 8:
                codes = (StatusCode.HALTED, StatusCode.RESUMED, StatusCode.QUOTING, StatusCode.HEARTBEAT)
                row = {"kind": EventKind.STATUS, "code": chance.choice(codes)}
            case _:
                bid = chance.randint(9, 11) * 10**9
                row = {"kind": EventKind.QUOTE, "price": bid, "size": chance.choice((ABSENT, 1, 5, 10**8))}
                row |= {"ask_price": bid + chance.choice((0, 1, 2, -1)) * 10**9, "ask_size": chance.randint(1, 10**8)}
                row |= {chance.choice(("price", "ask_price")): ABSENT} if chance.random() < 0.1 else {}
                row |= {"flags": chance.choice((0, 0, 0, Flag.INELIGIBLE))}
        untimed = row["kind"] in (EventKind.GAP, EventKind.STATUS) or chance.random() < 0.05
        rows.append(common | row | {"ts_event": ABSENT if untimed else common["ts_event"], "ts_recv": T0 + now})
    return tape(rows)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_features_of_any_tape_are_those_of_the_reference(seed: int) -> None:
    agrees(anything(random.Random(seed), 200), plain)


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_vpin_of_any_trades_is_that_of_the_reference_to_the_last_digit(seed: int) -> None:
    """Buckets are filled in whole 1e-8: the two agree exactly, also where one trade fills many."""
    chance = random.Random(seed)
    sizes = [chance.choice((1, 7, 10**8, 3 * 10**9, chance.randint(1, 10**12))) for _ in range(6_000)]
    for at in range(1_000, 6_000, 1_000):
        sizes[at + chance.randrange(300)] = chance.choice((3 * 10**14, 10**17))
    rows = tape([trade(at, at * SECOND // 50, side=chance.randint(0, 2)) | {"size": sizes[at]} for at in range(6_000)])
    found = agrees(rows, plain)
    theirs = reference(rows, plain)
    vpin = [key for key in found if key[1] == Feature.VPIN]
    assert vpin
    assert [found[key][0] for key in vpin] == [theirs[key][0] for key in vpin]


def quote(when: int, bid: int, ask: int, sizes: tuple[int, int] = (1, 1), **more: int) -> dict[str, Any]:
    row = {"kind": EventKind.QUOTE, "ts_event": T0 + when, "ts_recv": T0 + when}
    row |= {"price": bid * 10**9, "size": sizes[0] * 10**8, "ask_price": ask * 10**9, "ask_size": sizes[1] * 10**8}
    return row | more


def second(rows: list[dict[str, Any]], at: int = 0) -> dict[str, float]:
    """Return the features of one second, closed by a quote long after."""
    found = told(tape([*rows, quote(60 * SECOND, 1, 2)]))
    chosen = found[(found["interval"] == 1) & (found["ts_open"] == T0 + at * SECOND)]
    return {Feature(int(row["feature"])).label: float(row["value"]) for row in chosen}


def test_one_second_by_hand() -> None:
    """Ten at 98, twelve at 104 while the quote is 98 to 102, then 100 to 104: everything can be done in the head."""
    rows = [
        quote(0, 98, 102, (3, 1)),
        trade(1, SECOND // 4, 98, 10, side=0),
        quote(SECOND // 2, 100, 104, (2, 5)),
        trade(2, 3 * SECOND // 4, 104, 12, side=BUY),
        quote(SECOND, 100, 104, (2, 5)),
    ]
    found = second(rows)
    assert found["vwap"] == pytest.approx((980 + 1248) / 22)
    assert found["twap"] == pytest.approx((98 * 0.5 + 104 * 0.25) / 0.75)
    assert found["signed_volume"] == 2, "below the mid the seller crossed"
    assert found["effective_spread"] == pytest.approx(4)
    assert found["quoted_spread"] == pytest.approx(4)
    assert found["mid"] == pytest.approx(102)
    assert found["microprice"] == pytest.approx((100 * 5 + 104 * 2) / 7)
    assert found["ofi"] == 2 + 1, "the bid rose: all of it is new; the ask rose: what was there is gone"
    assert found["realised_volatility"] == pytest.approx(np.log(102 / 100))
    assert found["amihud"] == pytest.approx(np.log(104 / 98) / 2228)


def test_a_realised_spread_is_told_where_the_later_mid_is_found() -> None:
    rows = [quote(0, 98, 102), trade(1, 0, 102, 5, side=BUY), quote(4 * SECOND, 100, 104), quote(6 * SECOND, 1, 3)]
    assert "realised_spread" not in second(rows)
    assert second(rows, 6)["realised_spread"] == pytest.approx(2 * (102 - 102))


@pytest.mark.parametrize(
    "row",
    [
        quote(SECOND // 2, 98, 102) | {"ask_price": ABSENT, "ask_size": ABSENT},
        quote(SECOND // 2, 103, 102),
        {"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "instrument": -1},
        {"kind": EventKind.STATUS, "code": StatusCode.FEED_DOWN, "instrument": -1},
        {"kind": EventKind.STATUS, "code": StatusCode.STALE, "instrument": -1},
        {"kind": EventKind.STATUS, "code": StatusCode.HALTED},
    ],
    ids=("one side", "crossed", "gap", "feed down", "stale", "halt"),
)
def test_no_best_bid_and_offer_no_mid(row: dict[str, Any]) -> None:
    rows = [quote(0, 98, 102), row | {"ts_recv": T0 + SECOND // 2}, trade(1, SECOND * 3 // 4, 100, side=0)]
    found = second(rows)
    assert not {"mid", "microprice", "ofi", "realised_volatility", "effective_spread"} & set(found)
    assert found["vwap"] == 100


GAP = {"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "instrument": -1, "ts_recv": T0 + SECOND}
HALT = {"kind": EventKind.STATUS, "code": StatusCode.HALTED, "ts_recv": T0 + SECOND}


@pytest.mark.parametrize(
    "ends",
    [
        [quote(9 * SECOND // 10, 100, 99)],
        [quote(9 * SECOND // 10, 100, 101, ask_price=ABSENT, ask_size=ABSENT)],
        [quote(9 * SECOND // 10, 100, 101), GAP],
        [quote(9 * SECOND // 10, 100, 101), HALT, HALT | {"code": StatusCode.RESUMED}],
        [quote(9 * SECOND // 10, 100, 101), quote(SECOND // 5, 100, 99)],
        [quote(9 * SECOND // 10, 100, 99), quote(SECOND // 5, 100, 99)],
        [quote(9 * SECOND // 10, 100, 101)],
    ],
    ids=("crossed", "one side", "gap", "halt", "crossed late", "crossed twice", "nothing"),
)
def test_no_time_counts_twice_when_a_quote_comes_late(ends: list[dict[str, Any]]) -> None:
    """A spread of 1 for nine tenths, whatever ended it; one of 9, told late, has what is left, though it says more."""
    found = second([quote(0, 100, 101), *ends, quote(SECOND // 10, 100, 109)])
    assert found["quoted_spread"] == pytest.approx(0.9 * 1 + 0.1 * 9)
    assert found["mid"] == 104.5


def test_a_quote_told_late_after_crossed_ones_alone_counts_from_those_on() -> None:
    found = second([quote(SECOND // 2, 100, 99), quote(SECOND // 10, 100, 109), quote(3 * SECOND // 4, 100, 101)])
    assert found["quoted_spread"] == pytest.approx((9 + 1) / 2)


def late_quotes(chance: random.Random, count: int) -> Tape:
    """Return quotes of a few windows, half of them late, a third of them crossed or with one side."""
    rows, now = [], 0
    for _ in range(count):
        now += chance.choice((0, SECOND // 10, SECOND // 3))
        bid = chance.randint(9, 11)
        row = quote(max(now - chance.choice((0, 0, SECOND // 5, SECOND)), 0), bid, bid + chance.randint(-1, 3))
        row |= {chance.choice(("price", "ask_price")): ABSENT} if chance.random() < 0.15 else {}
        rows.append(row | {"ts_recv": T0 + now})
        if chance.random() < 0.05:
            rows.append(GAP | {"ts_recv": T0 + now})
    return tape(rows)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_features_of_quotes_that_come_late_are_those_of_the_reference(seed: int) -> None:
    rows = late_quotes(random.Random(seed), 60)
    found = agrees(rows, plain)
    assert any(key[1] == Feature.QUOTED_SPREAD for key in found)


def test_a_state_from_before_time_counted_once_is_taken_up() -> None:
    """There a spread that had ended was still in its window, with no time from which it counts."""
    before = Features(["quoted_spread"], 2000, 5.0)
    before.on_tape(tape([quote(0, 100, 101), quote(SECOND // 4, 100, 99)]))
    parts = unpack(before.snapshot())
    slots = parts["slots"].view(SLOT)
    ended = (slots["open"] == 1) & np.isnan(slots["spread"])
    assert ended.sum() == 4, "a window an interval"
    slots["since"][ended], slots["spread"][ended] = ABSENT, 1.0
    after = Features(["quoted_spread"], 2000, 5.0)
    after.restore(pack(parts))
    rows = [quote(SECOND // 2, 100, 99), quote(3 * SECOND // 4, 100, 103), quote(60 * SECOND, 1, 2)]
    found = after.on_tape(tape(rows, first=2))
    assert found is not None
    assert [float(row["value"]) for row in found if row["interval"] == 1] == [(0.25 * 1 + 0.25 * 3) / 0.5]


def test_duplicates_count_once_and_a_late_trade_is_left_out_and_counted() -> None:
    rows = [trade(1, 0, 100), trade(1, 0, 900, flags=int(Flag.DUPLICATE)), trade(2, 9 * SECOND), trade(3, 1, 900)]
    stage = Features(["vwap"], 2000, 5.0)
    found = stage.on_tape(tape(rows))
    assert found is not None
    assert [float(row["value"]) for row in found if row["interval"] == 1] == [100.0]
    # The bars of 1 s and of 5 s are over; the minute takes it.
    assert stage.counters() == {"late": 2, "untimed": 0}


def test_a_quote_without_a_time_leaves_the_book_its_place() -> None:
    levels = [(BUY, 10 * 10**9, 5 * 10**8), (SELL, 12 * 10**9, 3 * 10**8)]
    book = {"kind": EventKind.BOOK_SNAPSHOT, "ts_event": T0, "ts_recv": T0, "levels": levels}
    rows = [book, quote(1, 70, 80) | {"ts_event": ABSENT}, trade(1, 9 * SECOND)]
    found = told(tape(rows))
    assert [row["value"] for row in found if (row["feature"], row["interval"]) == (Feature.MID, 1)] == [11]


def test_a_book_that_is_sent_whole_again_and_again_was_in_force_between() -> None:
    """OKX ``books5`` and ccxt send nothing but snapshots: no flow is told between two, but all else is known."""
    rows = [
        {"kind": EventKind.BOOK_SNAPSHOT, "ts_event": T0 + when, "ts_recv": T0 + when, "levels": levels}
        for at in range(12)
        for when in (at * SECOND // 4,)
        for levels in ([(BUY, 98 * 10**9, 3 * 10**8), (SELL, (100 + 2 * (at % 4)) * 10**9, 10**8)],)
    ]
    found = second(rows)
    assert found["quoted_spread"] == pytest.approx((2 + 4 + 6 + 8) / 4)
    assert found["mid"] == 102
    assert found["microprice"] == pytest.approx((98 * 1 + 106 * 3) / 4)
    assert found["depth_imbalance"] == pytest.approx((3 - 1) / (3 + 1))
    assert not {"ofi", "mlofi_1", "realised_volatility"} & set(found)


def test_a_quote_that_its_venue_calls_suspicious_is_no_best_bid_and_offer() -> None:
    rows = [quote(0, 98, 102), quote(1, 10, 500, flags=int(Flag.INELIGIBLE)), trade(1, SECOND // 2, 102)]
    found = second(rows)
    assert (found["mid"], found["effective_spread"]) == (100, 4)


def test_a_price_of_which_twice_would_not_fit_is_held_against_the_mid_all_the_same() -> None:
    bid = 4_611_686_010  # 2 ** 62 of 1e-9 lies between the mid and the offer
    assert second([quote(0, bid, bid + 10), trade(1, 1, bid + 10, 3, side=0)])["signed_volume"] == 3


def lambdas_of(rows: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    """Return lambda and mid of each second of whole tapes, in order."""
    found = told(tape([*rows, quote(500 * SECOND, 1, 2)]))
    seconds = found[(found["interval"] == 1) & (found["instrument"] == 0)]
    lambdas, mids = (seconds[seconds["feature"] == which]["value"] for which in (Feature.KYLE_LAMBDA, Feature.MID))
    return lambdas.tolist(), mids.tolist()


BIDS = [100 + at * at % 11 + at % 3 for at in range(15)]
BOUGHT = [1 + at * 5 % 11 for at in range(14)]


def interleaved(rest: int = 0, lost: bool = False) -> list[dict[str, Any]]:
    """Return fourteen seconds whose last quote comes after the first trade of the next one.

    Before the eighth there may be ``rest`` seconds in which nothing was heard, because it was ``lost`` or was not.
    """
    rows = [quote(0, BIDS[0], BIDS[0] + 2)]
    for at, bought in enumerate(BOUGHT):
        begins = (at + rest * (at >= 7)) * SECOND
        if at == 7 and lost:
            rows.append(trade(100, begins, instrument=1))  # which ends the seconds before
            rows.append({"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "instrument": -1, "ts_event": ABSENT})
        rows.append(trade(at, begins + 1, 102, bought))
        if at and not (at == 7 and lost):
            rows.append(quote((at + rest * (at > 7)) * SECOND - 1, BIDS[at], BIDS[at] + 2))
        rows.append(quote(begins + 2, BIDS[at] + 1, BIDS[at] + 3))
    return rows


@pytest.mark.parametrize("rest", [0, 1])
def test_kyles_lambda_counts_each_move_of_the_mid_once_where_streams_interleave(rest: int) -> None:
    """The trade that opens a second comes before the quote that ends the one before: that move is not its own too."""
    lambdas, mids = lambdas_of(interleaved(rest))
    assert mids == [*(bid + 1 for bid in BIDS[1:14]), BIDS[13] + 2]
    moves = np.diff([BIDS[0] + 1, *mids])
    assert lambdas == [pytest.approx(np.polyfit(BOUGHT[:n], moves[:n], 1)[0], rel=1e-9) for n in range(10, 15)]


def test_kyles_lambda_takes_no_move_of_the_mid_over_a_gap() -> None:
    """What was lost on the way is no answer to what was bought since: the move begins with the first mid after it."""
    lambdas, mids = lambdas_of(interleaved(rest=20, lost=True))
    assert mids[6] == BIDS[6] + 2
    moves = np.diff([BIDS[0] + 1, *mids])
    moves[7] = mids[7] - (BIDS[7] + 2)
    assert lambdas == [pytest.approx(np.polyfit(BOUGHT[:n], moves[:n], 1)[0], rel=1e-9) for n in range(10, 15)]


def test_flows_that_are_all_alike_have_no_slope() -> None:
    """A tenth has no float64: the mean of sixty of them is not what each of them is."""
    rows = []
    for at in range(70):
        rows += [quote(at * SECOND, 100, 102), trade(at, at * SECOND + 1, 102) | {"size": 10**7}]
        rows += [quote(at * SECOND + 2, 100 + at % 3, 102 + at % 3)]
    found = told(tape([*rows, quote(500 * SECOND, 1, 2)]))
    assert Feature.KYLE_LAMBDA not in found["feature"][found["interval"] == 1]


def test_windows_are_closed_where_bars_are() -> None:
    decoded, _ = decode_frames("binance", frames_of("binance", "hftbacktest", ("binance/btcusdt_20240808.gz",)))
    bars = Bars(2000, 5.0).on_tape(cut(decoded.tape, ())[0])
    assert bars is not None
    found = by_key(told(decoded.tape))
    closed = {(int(bar["interval"]), int(bar["ts_open"])): int(bar["offset"]) for bar in bars}
    compared = {key: at for key, (_, at) in found.items() if key[1] == Feature.VWAP}
    assert len(compared) == len(closed) == 416
    assert all(closed[key[2:]] == at for key, at in compared.items())
    vwap = {(int(bar["interval"]), int(bar["ts_open"])): bar["notional"] / _volume(bar) for bar in bars}
    assert all(found[key][0] == pytest.approx(vwap[key[2:]], rel=1e-12) for key in compared)


def _volume(bar: np.void) -> float:
    return float(bar["volume_whole"]) + float(bar["volume_fraction"]) * 1e-18


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_watermark_is_the_bars_own(seed: int) -> None:
    chance = random.Random(seed)
    rows = []
    now = 0
    for _ in range(100):
        now += chance.choice((0, 10**6, SECOND, 9 * SECOND))
        ahead = chance.choice((0, -SECOND, 5 * SECOND, 90 * SECOND, 2 * 86_400 * SECOND))
        kind = chance.choice((EventKind.TRADE, EventKind.QUOTE, EventKind.CLOCK, EventKind.CLOCK, EventKind.STATUS))
        row = {"kind": kind, "source": chance.randrange(3), "ts_recv": T0 + now, "ts_event": T0 + now + ahead}
        flags = chance.choice((0, 0, 0, Flag.DUPLICATE, Flag.LAST_KNOWN, Flag.HISTORY))
        row |= {"flags": flags, "price": 1, "size": ABSENT}
        if kind == EventKind.CLOCK:
            row |= {"ts_event": ABSENT, "instrument": -1, "size": chance.choice((ABSENT, ABSENT, SECOND, -SECOND))}
        rows.append(row)
    bars, marks = Bars(2000, 5.0), Watermarks(2000, 5.0)
    for at, row in enumerate(rows):
        bars.on_tape(tape([row], first=at))
        marks.on_tape(tape([row], first=at))
        for source, reached in enumerate(marks.seconds.tolist()):
            assert bars.watermark(source) == (None if reached == ABSENT else reached * SECOND)


def test_state_an_instrument_is_fixed() -> None:
    """12.6 KiB: 2,500 symbols are 32 MB."""
    assert BYTES == 12_856
