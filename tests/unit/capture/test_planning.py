"""How symbols are spread over connections."""

import pytest

from breadboard.capture.driver import plan_sources
from breadboard.config import FeedConfig
from breadboard.feeds import FEEDS


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (99, [99]), (100, [99, 1]), (250, [99, 99, 52])])
def test_a_venue_that_counts_symbols_gets_no_more_than_it_takes_and_its_canary(count: int, sizes: list[int]) -> None:
    names = tuple(f"S{number}" for number in range(count))
    sources = plan_sources([FeedConfig(venue="yahoo", symbols=names)], FEEDS)
    assert [len(source.symbols) for source in sources] == sizes
    assert tuple(name for source in sources for name in source.symbols) == names
