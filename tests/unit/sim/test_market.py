from dataclasses import astuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.sim.market import BUY, PROFILES, SELL, Market, symbol_names
from breadboard.sim.venues import VENUES

Told = tuple[str, object, object, bool, int, int]


def told(market: Market, count: int) -> list[Told]:
    return [
        (u.book.symbol, tuple(u.changes), tuple(u.trades), u.top, u.book.update_id, u.book.trade_id)
        for u in market.steps(count)
    ]


def test_the_same_seed_gives_the_same_market_and_another_seed_another() -> None:
    names = symbol_names(VENUES["binance"].spell, 12, "breadboard")
    assert told(Market(names, 5), 3000) == told(Market(names, 5), 3000)
    assert told(Market(names, 5), 100) != told(Market(names, 6), 100)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 20))
def test_books_stay_deep_and_uncrossed_and_their_numbers_contiguous(seed: int, symbols: int) -> None:
    market = Market(symbol_names(VENUES["binance"].spell, symbols, "breadboard"), seed)
    numbers = {book.symbol: (book.update_id, book.trade_id) for book in market.books}
    for update in market.steps(2000):
        book = update.book
        updates, trades = numbers[book.symbol]
        assert book.update_id == updates + len(update.changes)
        assert book.trade_id == trades + len(update.trades)
        numbers[book.symbol] = (book.update_id, book.trade_id)
        assert book.best[BUY] < book.best[SELL]
        assert all(size > 0 for _, _, size in update.trades)
    for book in market.books:
        assert book.best == [max(book.sides[BUY]), min(book.sides[SELL])]
        assert min(len(side) for side in book.sides) >= 890
        assert min(book.sides[BUY]) > 0
        assert all(size > 0 for side in book.sides for size in side.values())


def test_top_is_told_exactly_when_the_best_level_is_another_one() -> None:
    market = Market(["BTCUSDT"], 9)
    book = market.books[0]

    def best() -> list[tuple[int, int]]:
        return [book.levels(side, 1)[0] for side in (BUY, SELL)]

    before = best()
    for update in market.steps(1500):
        after = best()
        assert update.top == (after != before), astuple(update)[1:]
        before = after


def test_a_trade_takes_what_rests_at_the_best_price_of_the_other_side() -> None:
    market = Market(["ETHUSDT"], 2)
    book = market.books[0]
    seen = 0
    while seen < 200:
        sides = [dict(side) for side in book.sides]
        best = list(book.best)
        update = market.step()
        if update.trades:
            seen += 1
            side, price, size = update.trades[0]
            resting = 1 - side
            assert price == best[resting]
            assert size <= sides[resting][price]
            assert update.changes[0] == (resting, price, sides[resting][price] - size)


def test_small_caps_have_busy_and_nearly_silent_symbols() -> None:
    assert PROFILES["smallcaps"].symbols == 495
    market = Market(symbol_names(VENUES["binance"].spell, 495, "smallcaps"), 1, "smallcaps")
    counts = dict.fromkeys(market.by_symbol, 0)
    for update in market.steps(20_000):
        counts[update.book.symbol] += 1
    busy, middling, quiet = (list(counts.values())[a:b] for a, b in ((0, 50), (50, 150), (150, 495)))
    assert sum(busy) / 50 == pytest.approx(20_000 * 4 / 250.35, rel=0.05)
    assert sum(middling) / 100 == pytest.approx(20_000 * 0.4 / 250.35, rel=0.1)
    assert sum(quiet) / 345 == pytest.approx(20_000 * 0.03 / 250.35, rel=0.2)


@pytest.mark.parametrize(
    ("venue", "first"), [("binance", "BTCUSDT"), ("binance-coinm", "BTCUSD_PERP"), ("coinbase", "BTC-USD")]
)
def test_symbols_are_spelled_as_the_venue_spells_them(venue: str, first: str) -> None:
    names = symbol_names(VENUES[venue].spell, 500, "breadboard")
    assert names[0] == first
    assert len(set(names)) == 500
