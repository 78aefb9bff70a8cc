"""The summary of a run: books in exact digits."""

from hypothesis import given
from hypothesis import strategies as st

from breadboard.engine.book_view import BookView
from breadboard.engine.summary import describe
from breadboard.model.decimals import INT64_MAX, price_decimals, price_text
from breadboard.model.kinds import BookState

PRICES = st.integers(-INT64_MAX, INT64_MAX) | st.integers(-10, 10).map(lambda units: units * 10**8)


def view(bids: list[int], asks: list[int]) -> BookView:
    sides = [[(price, 5, -1) for price in prices] for prices in (bids, asks)]
    return BookView(BookState.LIVE, 7, sides[0], sides[1], source=0, ts_event=None, ts_recv=0, crossed=False)


@given(bids=st.lists(PRICES, max_size=5), asks=st.lists(PRICES, max_size=5))
def test_prices_have_as_many_decimals_as_the_finest_of_the_book_needs(bids: list[int], asks: list[int]) -> None:
    told = describe(view(bids, asks))
    decimals = max(map(price_decimals, bids + asks), default=0)
    assert told["bid"] == (price_text(bids[0], decimals) if bids else None)
    assert told["ask"] == (price_text(asks[0], decimals) if asks else None)
    assert told["levels"] == [len(bids), len(asks)]
    assert told["bid_size"] == ("0.5" if bids else None)


def test_a_book_without_levels_is_told_all_the_same() -> None:
    told = describe(view([], []))
    assert (told["bid"], told["ask"], told["levels"], told["sequence"]) == (None, None, [0, 0], 7)
