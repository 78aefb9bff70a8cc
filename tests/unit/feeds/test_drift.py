"""A venue that says something new is told of once, and loses nothing by it."""

import pytest

from breadboard.feeds import FEEDS
from breadboard.feeds.drift import HEAD, MOST, TAIL, Drift
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, RecordKind, StatusCode
from feed_samples import decode, recorded
from samples.binance import SPOT_DEPTH, SPOT_TRADE
from samples.coinbase import MATCH

CASES = {
    "binance": (SPOT_TRADE, SPOT_TRADE.replace(b'"M":true', b'"M":true,"tax":"0.1"'), ["tax"]),
    "coinbase": (
        MATCH,
        MATCH.replace(b'"price"', b'"venue_note":"x","fee":1,"price"'),
        ["fee", "venue_note"],
    ),
}


def frames(raw: list[bytes]) -> Frames:
    return Frames.of(raw, range(1_700_000_000_000_000_000, 1_700_000_000_000_000_000 + len(raw)), kind=RecordKind.DATA)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_an_unknown_field_is_told_of_once_and_the_message_is_read_all_the_same(name: str, fast: bool) -> None:
    old, new, names = CASES[name]
    decoder = FEEDS[name].decoder(Instruments(), fast=fast)  # type: ignore[call-arg]  # those that have a kernel
    for batch, told in (([old, old], 0), ([new, old, new], 1), ([new], 0)):
        decoded = decoder.decode(frames(batch))
        assert decoded.quarantined == ()
        trades = decoded.tape.take(decoded.tape.kind == EventKind.TRADE)
        assert len(trades) == len(batch)
        assert len(set(trades.price.tolist())) == 1
        news = decoded.tape.take(decoded.tape.kind == EventKind.STATUS)
        assert (news.code.tolist(), news.flags.tolist(), news.index.tolist()) == (
            [StatusCode.SCHEMA] * told,
            [Flag.FEED_WIDE] * told,
            [1] * told,
        )
        assert [note["unknown"] for note in decoded.notes.values()] == [names] * told


@pytest.mark.parametrize("value", [b"1e999", b"-0", b'"\\ud800"', b"[[[1]]]", b'{"a":{}}'])
def test_whatever_the_reader_takes_in_an_unknown_field_trips_nothing(value: bytes) -> None:
    """Found by fuzzing: a number beyond a float's range went to a parser that refuses it."""
    raw = SPOT_TRADE.replace(b'"M":true', b'"M":true,"tax":' + value)
    for fast in (True, False):
        decoded, _ = decode("binance", [raw], fast=fast)
        assert decoded.quarantined == ()
        assert decoded.notes == {(0, 1): {"unknown": ["tax"]}}


@pytest.mark.parametrize("digits", [4000, 4001, 5000])
def test_the_kernel_leaves_numbers_of_thousands_of_digits_to_the_reader(digits: int) -> None:
    raw = SPOT_TRADE.replace(b'"M":true', b'"M":true,"tax":' + b"1" * digits)
    fast, slow = (decode("binance", [raw], fast=fast)[0] for fast in (True, False))
    assert fast.quarantined == slow.quarantined
    assert fast.notes == slow.notes
    assert bool(fast.quarantined) == (digits > 4300)


def test_one_name_is_told_once_wherever_it_stands_and_a_restart_between_changes_nothing() -> None:
    """A form that was looked into in a trade was not looked into again in a book, until a restart forgot it."""
    trade = SPOT_TRADE.replace(b'"M":true', b'"M":true,"tax":1')
    depth = SPOT_DEPTH.replace(b'"U":10', b'"tax":1,"U":10')
    whole, _ = decode("binance", [trade, depth])
    first, second = (FEEDS["binance"].decoder(Instruments()) for _ in range(2))
    head = first.decode(frames([trade]))
    second.restore(first.snapshot())
    assert [*head.notes.values(), *second.decode(frames([depth])).notes.values()] == list(whole.notes.values())


def test_names_are_found_in_the_head_and_the_tail_of_a_long_frame_and_in_no_text() -> None:
    watch = Drift(frozenset({"a", "b"}))
    text = rb'"a":"say \"c\": {\"d\":1}, e\":","b":[",\"f",":"]'
    assert watch.names(b"{" + text + b"}") == ()
    assert all(watch.names((b"{" + text + b"}")[cut:]) == () for cut in range(len(text)))
    long = b'{"new":1,"a":[' + b",".join([b'{"b":"1"}'] * (HEAD + TAIL)) + b'],"newer":2}'
    assert watch.names(long) == ("new", "newer")
    assert watch.tell(["new", "newer"]) is not None
    assert watch.names(long) == ()
    assert watch.tell(["new", "newer"]) is None


def test_a_venue_that_makes_up_names_without_end_is_told_of_no_more() -> None:
    watch = Drift(frozenset({"a"}))
    told = [watch.tell([f"name{number}"]) for number in range(MOST + 10)]
    assert [event is not None for event in told] == [True] * MOST + [False] * 10


@pytest.mark.parametrize("fast", [True, False])
def test_a_restart_does_not_tell_again(fast: bool) -> None:
    _, new, _ = CASES["binance"]
    first = FEEDS["binance"].decoder(Instruments(), fast=fast)  # type: ignore[call-arg]  # has a kernel
    first.decode(frames([new]))
    second = FEEDS["binance"].decoder(Instruments(), fast=fast)  # type: ignore[call-arg]  # has a kernel
    second.restore(first.snapshot())
    assert second.decode(frames([new])).notes == {}
    other = SPOT_DEPTH.replace(b'"U":10', b'"U":10,"deep":{"a":1}')
    assert list(second.decode(frames([other])).notes.values()) == [{"unknown": ["deep"]}]


@pytest.mark.parametrize("name", ["binance", "binance-usdm", "binance-coinm", "coinbase"])
def test_nothing_in_a_real_recording_is_news(name: str) -> None:
    decoded = FEEDS[name].decoder(Instruments()).decode(recorded(name))
    assert decoded.notes == {}
    assert StatusCode.SCHEMA not in set(decoded.tape.code[decoded.tape.kind == EventKind.STATUS].tolist())
