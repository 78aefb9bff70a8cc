"""A venue that says something new is told of once, and loses nothing by it."""

import pytest

from breadboard.feeds import FEEDS
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, RecordKind, StatusCode
from feed_samples import recorded
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
    decoder = FEEDS[name].decoder(Instruments(), fast=fast)  # type: ignore[call-arg]
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


@pytest.mark.parametrize("fast", [True, False])
def test_a_restart_does_not_tell_again(fast: bool) -> None:
    _, new, _ = CASES["binance"]
    first = FEEDS["binance"].decoder(Instruments(), fast=fast)  # type: ignore[call-arg]
    first.decode(frames([new]))
    second = FEEDS["binance"].decoder(Instruments(), fast=fast)  # type: ignore[call-arg]
    second.restore(first.snapshot())
    assert second.decode(frames([new])).notes == {}
    other = SPOT_DEPTH.replace(b'"U":10', b'"U":10,"deep":{"a":1}')
    assert list(second.decode(frames([other])).notes.values()) == [{"unknown": ["deep"]}]


@pytest.mark.parametrize("name", ["binance", "binance-usdm", "binance-coinm", "coinbase"])
def test_nothing_in_a_real_recording_is_news(name: str) -> None:
    decoded = FEEDS[name].decoder(Instruments()).decode(recorded(name))
    assert decoded.notes == {}
    assert StatusCode.SCHEMA not in set(decoded.tape.code[decoded.tape.kind == EventKind.STATUS].tolist())
