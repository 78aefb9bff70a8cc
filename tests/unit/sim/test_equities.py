"""The simulated US equities market, by itself."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.errors import UsageError
from breadboard.sim.activity import (
    ACTIVITIES,
    CLOSE_S,
    DAY_S,
    OPEN_S,
    WIDE,
    MarketTime,
    Phase,
    intensity,
    parse_at,
    phase_at,
)
from breadboard.sim.equities import Equities, Update
from breadboard.sim.stocks import BASES, CONDITIONS, SELL, WIDTH

START = 1_764_081_000_000_000_000  # 2025-11-25 09:30 Eastern
SYMBOLS = [f"S{number:03d}" for number in range(60)]


def market(seed: int = 1, symbols: list[str] = SYMBOLS, activity: str = "average") -> Equities:
    made = Equities(symbols, seed, ACTIVITIES[activity])
    for stock in made.stocks:
        made.auction(stock, START)
    return made


def run(made: Equities, steps: int) -> Iterator[Update]:
    return (made.step(START + step * 1_000_000) for step in range(steps))


def told(updates: Iterable[Update]) -> list[object]:
    return [
        (u.stock.symbol, u.trade and u.trade.packed(), u.quotes, u.bid, u.ask, u.extreme, u.halt is not None)
        for u in updates
    ]


def test_the_same_seed_makes_the_same_market_and_another_makes_another() -> None:
    first, again, other = (told(run(market(seed), 5_000)) for seed in (7, 7, 8))
    assert first == again
    assert first != other


@pytest.mark.parametrize(("activity", "rate"), [("peak", 13_070), ("average", 4_190), ("dead", 653.5)])
def test_495_small_caps_make_the_messages_that_were_promised(activity: str, rate: float) -> None:
    made = Equities([f"S{number}" for number in range(495)], 1, ACTIVITIES[activity])
    assert made.rate == pytest.approx(rate)
    assert Counter(stock.tier for stock in made.stocks) == {0: 50, 1: 100, 2: 345}


def test_the_wide_profile_has_2500_symbols_with_a_message_a_second_each() -> None:
    assert Equities([f"S{number}" for number in range(2_500)], 1, WIDE).rate == 2_500


def test_the_tiers_are_as_busy_as_their_rates() -> None:
    made = market(3, [f"S{number}" for number in range(495)], "peak")
    counts = Counter[int]()
    for update in run(made, 60_000):
        counts[update.stock.tier] += update.messages
    total = sum(counts.values())
    for tier, rate in ((0, 8_000), (1, 3_000), (2, 2_070)):
        assert counts[tier] / total == pytest.approx(rate / 13_070, rel=0.1)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1 << 40))
def test_counters_prints_and_quotes_agree_whatever_the_seed(seed: int) -> None:
    made = market(seed, SYMBOLS[:8])
    book = {
        (stock.symbol, maker, side): stock.quote(maker, side)
        for stock in made.stocks
        for maker in range(len(stock.makers))
        for side in (0, 1)
    }
    for update in run(made, 1_500):
        stock = update.stock
        for maker, side, price, size in update.quotes:
            book[stock.symbol, maker, side] = (price, size) if size else (0, 0)
            assert size % 100 == 0
            assert price % 100 == 0 or price < 10_000
        assert not stock.bid or not stock.ask or stock.bid < stock.ask
        assert (update.trade is not None) <= (update.messages > 0)
    for stock in made.stocks:
        trades = list(stock.prints())
        ids = defaultdict(list)
        for trade in trades:
            ids[trade.center].append(trade.tick_id)
        assert len(stock.tape) == len(trades) * WIDTH
        if not made.corrected:
            assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in ids.values())
        assert stock.trades == len(trades)
        assert stock.volume == sum(trade.size for trade in trades)
        assert stock.value == sum(trade.size * trade.price for trade in trades)
        qualified = [trade.price for trade in trades if trade.basis == 0]
        if not made.corrected:
            assert (stock.open, stock.last) == (qualified[0], qualified[-1])
            assert (stock.high, stock.low) == (max(qualified), min(qualified))
        for maker in range(len(stock.makers)):
            for side in (0, 1):
                assert book[stock.symbol, maker, side] == stock.quote(maker, side)


def test_conditions_have_the_frequencies_of_a_real_tape() -> None:
    seen = Counter((BASES[u.trade.basis], CONDITIONS[u.trade.conditions]) for u in run(market(5), 60_000) if u.trade)
    total = sum(seen.values())
    odd = sum(count for (basis, _), count in seen.items() if basis == b"O")
    assert 0.30 < odd / total < 0.45  # 37 % of the recorded tape
    assert 0.35 < seen[b"C", b"01"] / total < 0.5
    assert 0.15 < seen[b"C", b"3D"] / total < 0.25
    assert not any(basis == b"E" or code.endswith(b"17") for basis, code in seen)


def test_outside_the_session_prints_are_form_t() -> None:
    made = market(6)
    made.phase = Phase.PRE
    prints = [update.trade for update in run(made, 20_000) if update.trade]
    assert {CONDITIONS[trade.conditions] for trade in prints} <= {b"17", b"173D", b"1747", b"8717", b"873D17"}
    assert {BASES[trade.basis] for trade in prints if trade.size >= 100} == {b"E"}
    assert {BASES[trade.basis] for trade in prints if trade.size < 100} == {b"O"}


def test_odd_lots_never_qualify_and_sub_penny_quotes_are_below_a_dollar_only() -> None:
    made = market(9)
    for update in run(made, 30_000):
        if update.trade and update.trade.size < 100:
            assert BASES[update.trade.basis] == b"O"
        for _, _, price, size in update.quotes:
            assert not size or price < 10_000 or price % 100 == 0


def test_the_makers_view_is_crossed_now_and_then_and_the_best_quotes_never_are() -> None:
    made = market(4)
    crossed = 0
    for update in run(made, 40_000):
        assert not update.stock.bid or not update.stock.ask or update.stock.bid < update.stock.ask
        for _, side, price, size in update.quotes:
            crossed += bool(size and (price <= update.stock.bid if side == SELL else price >= update.stock.ask > 0))
    assert 3 <= crossed <= 100


def test_a_halt_takes_all_quotes_and_ends_with_an_auction() -> None:
    made = market(2, SYMBOLS[:3])
    stock = made.stocks[0]
    update = made.halt(stock, START, 1_000_000_000)
    assert update.halt
    assert (stock.bid, stock.ask, stock.bid_size, stock.ask_size) == (0, 0, 0, 0)
    assert not any(u.stock is stock for u in run(made, 500))
    assert list(made.due(START + 999_999_999)) == []
    back, auction = made.due(START + 1_000_000_000)
    assert back.halt is False
    assert auction.trade is not None
    assert auction.auction
    assert stock.bid < stock.ask
    assert made.halts == [(stock.symbol, START, START + 1_000_000_000)]


def test_a_market_in_which_all_are_halted_stands_still() -> None:
    made = market(2, SYMBOLS[:2])
    for stock in made.stocks:
        made.halt(stock, START)
    assert made.step(START).messages == 0


def test_a_correction_takes_a_print_back_and_may_restate_it() -> None:
    made = market(11, SYMBOLS[:2])
    list(run(made, 2_000))
    kinds = set()
    for _ in range(40):
        stock = made.stocks[0]
        volume, count = stock.volume, stock.trades
        update = made.correct(stock)
        assert update is not None
        assert update.correction is not None
        wrong, right = update.correction
        kinds.add(right is None)
        assert stock.volume == volume - (wrong.size if right is None else 0)
        assert stock.trades == count - (right is None)
        kept = {(trade.center, trade.tick_id): trade for trade in stock.prints()}
        assert kept.get((wrong.center, wrong.tick_id)) == right
        assert right is None or right.price != wrong.price
    assert kinds == {True, False}


def test_the_session_has_the_shape_of_a_u_with_mean_one() -> None:
    shape = [intensity(second + 0.5) for second in range(OPEN_S, CLOSE_S)]
    assert sum(shape) / len(shape) == pytest.approx(1, abs=0.01)
    assert shape[0] > 2 * min(shape)
    assert shape[-1] > 1.5 * min(shape)
    assert all(intensity(second) < 0.5 for second in (4 * 3600, OPEN_S - 1, CLOSE_S, 20 * 3600 - 1))
    assert intensity(3 * 3600) == 0


@pytest.mark.parametrize(
    ("second", "phase"),
    [
        (0, 0),
        (4 * 3600 - 1, 0),
        (4 * 3600, 1),
        (OPEN_S - 1, 1),
        (OPEN_S, 2),
        (CLOSE_S - 1, 2),
        (CLOSE_S, 3),
        (72_000, 0),
    ],
)
def test_the_phases_of_the_day(second: int, phase: int) -> None:
    assert phase_at(second) == phase


def test_a_market_can_begin_at_any_time_of_day() -> None:
    for hour in range(24):
        now = int(datetime(2026, 7, 1, hour, 12, 5, tzinfo=UTC).timestamp() * 1e9) + 123_456_000
        time = MarketTime("09:30", now)
        assert time.text(now) == b"09:30:00.123456"
        assert time.second_of_day(now) % DAY_S == pytest.approx(OPEN_S, abs=1)
        assert MarketTime("", now).shift_ns == MarketTime("now", now).shift_ns == 0
        assert MarketTime("now", now).follows
        assert not MarketTime("", now).follows


@pytest.mark.parametrize("text", ["9:30", "25:00", "09:60", "noon", "09:30:61", "-1:00"])
def test_a_time_that_is_none_is_named(text: str) -> None:
    with pytest.raises(UsageError, match=text):
        parse_at(text)


@pytest.mark.parametrize("leap", [2.0, 0.5])
def test_the_best_quotes_never_cross_when_the_middle_leaps(leap: float) -> None:
    made = market(3, SYMBOLS[:1])
    (stock,) = made.stocks
    for _ in range(20):
        stock.mid = stock.reference = max(2_000, round(stock.mid * leap))
        leap = 1 / leap
        for _update in run(made, 300):
            assert not stock.bid or not stock.ask or stock.bid < stock.ask
