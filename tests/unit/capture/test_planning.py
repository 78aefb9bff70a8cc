"""Which connections a configuration calls for: the same ones as yesterday, as far as can be."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.capture.planning import History, assign, plan_sources
from breadboard.config import FeedConfig
from breadboard.errors import UsageError
from breadboard.ports import Wish
from capture_fakes import PlainSession, capabilities
from plainfeed import PlainFeed

NAMES = [f"S{number}USDT" for number in range(2000)]


class Sessions(PlainFeed):
    """A feed that makes any session, and keeps what was wished for."""

    def __init__(self, **rules: object) -> None:
        super().__init__(capabilities(**rules))
        self.wishes: list[Wish] = []

    def session(self, wish: Wish) -> PlainSession:
        self.wishes.append(wish)
        return PlainSession(wish.url)


def places(symbols: list[str], room: int, at_least: int = 0) -> dict[str, int]:
    return {symbol: slot for slot, each in enumerate(assign(symbols, room, at_least)) for symbol in each}


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 600), st.integers(3, 400))
def test_every_symbol_is_on_one_connection_and_none_is_too_full(count: int, room: int) -> None:
    slots = assign(NAMES[:count], room)
    assert sorted(symbol for slot in slots for symbol in slot) == sorted(NAMES[:count])
    assert max(map(len, slots)) <= room
    assert len(slots) == 1 or count > room


def test_what_fits_on_one_connection_is_on_one_in_the_order_given() -> None:
    assert assign(["C", "A", "B", "A"], 3) == [("C", "A", "B")]


@pytest.mark.parametrize(("count", "room"), [(495, 341), (900, 341), (445, 100), (1790, 100)])
def test_one_more_symbol_moves_no_other_while_the_connections_suffice(count: int, room: int) -> None:
    before = places(NAMES[:count], room)
    after = places([*NAMES[:count], "NEWUSDT"], room)
    assert len(set(after.values())) == len(set(before.values())), "no new connection: else see below"
    assert {symbol: slot for symbol, slot in after.items() if symbol != "NEWUSDT"} == before


def test_one_symbol_less_moves_hardly_any_other() -> None:
    before = places(NAMES[:900], 341, 4)
    after = places([name for name in NAMES[:900] if name != "S17USDT"], 341, 4)
    assert [symbol for symbol in after if after[symbol] != before[symbol]] == []


def test_room_is_left_so_that_hardly_anything_moves_when_symbols_go() -> None:
    before, moved = places(NAMES[:990], 100), 0
    for gone in NAMES[:60]:
        after = places([name for name in NAMES[:990] if name != gone], 100)
        moved += sum(after[symbol] != before[symbol] for symbol in after)
    assert moved <= 6, "one in ten goings moves one symbol at most"


def test_the_order_of_the_list_hardly_matters() -> None:
    one, other = places(NAMES[:450], 100), places(sorted(NAMES[:450]), 100)
    assert sum(one[symbol] != other[symbol] for symbol in one) <= 9


def test_one_more_connection_takes_its_share_and_leaves_the_rest_where_they_were() -> None:
    before, after = places(NAMES[:1000], 341, 5), places(NAMES[:1000], 341, 6)
    moved = [symbol for symbol in before if before[symbol] != after[symbol]]
    assert {after[symbol] for symbol in moved} == {5}, "only to the new one"
    assert 100 <= len(moved) <= 240, "about a sixth"


def test_symbols_that_differ_in_a_letter_are_spread_evenly() -> None:
    sizes = [len(slot) for slot in assign(NAMES, 10_000, 8)]
    assert 200 < min(sizes) <= max(sizes) < 300


def test_a_limit_of_symbols_and_a_limit_of_streams_both_hold() -> None:
    feeds = {"x": Sessions(max_streams_per_connection=1000, max_symbols_per_connection=100)}
    sources = plan_sources([FeedConfig(venue="x", symbols=tuple(NAMES[:250]), channels=("trade",))], feeds)
    assert max(len(source.symbols) for source in sources) <= 100
    assert sum(len(source.symbols) for source in sources) == 250
    feeds = {"x": Sessions(max_streams_per_connection=90)}
    sources = plan_sources([FeedConfig(venue="x", symbols=tuple(NAMES[:250]))], feeds)
    assert max(len(source.symbols) for source in sources) <= 30


@pytest.mark.parametrize("url", ["localhost:3", "http://localhost:3", "ws://", "ws://localhost:x", "[::1"])
def test_an_address_that_nothing_can_connect_to_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="url = ") as told:
        plan_sources([FeedConfig(venue="x", symbols=("A",), url=url)], {"x": Sessions()})
    assert told.value.hint == 'url = "ws://127.0.0.1:8765"'
    with pytest.raises(UsageError, match="rest_url = "):
        plan_sources([FeedConfig(venue="x", symbols=("A",), rest_url="ws://localhost")], {"x": Sessions()})


def test_channel_groups_get_connections_of_their_own() -> None:
    feed = Sessions(channel_groups=(("trade", "quote"), ("book",)))
    sources = plan_sources([FeedConfig(venue="x", symbols=("A", "B"))], {"x": feed})
    assert [(wish.symbols, wish.channels) for wish in feed.wishes] == [
        (("A", "B"), ("trade", "quote")),
        (("A", "B"), ("book",)),
    ]
    assert [source.source for source in sources] == [0, 1]


def test_numbers_are_for_ever_whatever_is_put_before_or_taken_away() -> None:
    feeds = {name: Sessions(max_symbols_per_connection=2) for name in "abc"}
    numbers: dict[str, int] = {}
    a, b, c = (FeedConfig(venue=name, symbols=("S", "T")) for name in "abc")
    history = {1: History(7, 123)}
    first = plan_sources([a, b], feeds, history, numbers)
    assert [(source.source, source.epoch, source.last_ts) for source in first] == [(0, 0, None), (1, 7, 123)]
    assert numbers == {"a/0/0/0": 0, "b/0/0/0": 1}
    again = plan_sources([c, b], feeds, history, numbers)
    assert [source.source for source in again] == [2, 1]
    assert again[1].epoch == 7
    more = plan_sources([replace_symbols(a, "STUVW"), b, c], feeds, history, numbers)
    assert [source.source for source in more[-2:]] == [1, 2], "b and c, as before"
    assert len({source.source for source in more}) == len(more) > 3
    assert sorted(numbers.values()) == list(range(len(numbers)))


def replace_symbols(feed: FeedConfig, symbols: str) -> FeedConfig:
    import msgspec

    return msgspec.structs.replace(feed, symbols=tuple(symbols))


def test_a_second_connection_with_the_same_key_is_refused_where_one_is_allowed(tmp_path: Path) -> None:
    feeds = {"x": Sessions(single_connection=True, venue="MASSIVE"), "y": Sessions()}
    with pytest.raises(UsageError, match="one connection a key") as error:
        plan_sources([FeedConfig(venue="x", symbols=("A",), key="sesame")] * 2, feeds, owners=tmp_path)
    assert "sesame" not in error.value.sentence + error.value.hint
    other = FeedConfig(venue="x", symbols=("A",), key="other")
    one, two = plan_sources([FeedConfig(venue="x", symbols=("A",), key="sesame"), other], feeds, owners=tmp_path)
    assert one.owner is not None
    assert two.owner is not None
    assert one.owner.take()
    assert two.owner.take()
    (free,) = plan_sources([FeedConfig(venue="y", symbols=("A",), key="sesame")], feeds, owners=tmp_path)
    assert free.owner is None
    one.owner.release()
    two.owner.release()


def test_a_symbol_lists_tiers_and_a_gentle_rate_reach_the_source() -> None:
    config = FeedConfig(venue="x", symbols=("A", "B"), tiers={"A": "liquid", "Z": "semi"}, subscribe_per_s=0.5)
    (source,) = plan_sources([config], {"x": Sessions()})
    assert source.tiers == {"A": "liquid"}
    assert source.messages_per_s == 0.5
    assert replace(source, tiers={}).tiers == {}


def test_no_symbols_at_all_is_the_sessions_to_refuse() -> None:
    feed = Sessions()
    plan_sources([FeedConfig(venue="x")], {"x": feed})
    assert [wish.symbols for wish in feed.wishes] == [()]


@pytest.mark.parametrize(("count", "connections"), [(1, 1), (99, 1), (100, 2), (250, 3)])
def test_a_canary_has_a_place_of_its_own_where_the_venue_counts_symbols(count: int, connections: int) -> None:
    feed = Sessions(max_symbols_per_connection=100, canary=("BTC-USD",))
    planned = plan_sources([FeedConfig(venue="x", symbols=tuple(NAMES[:count]))], {"x": feed})
    assert len(planned) >= connections
    assert max(len(source.symbols) for source in planned) <= 99
    assert {name for source in planned for name in source.symbols} == set(NAMES[:count])
