"""When the session of Coinbase Exchange asks for a book anew: where its decoder cannot take a message, not else."""

import json

import pytest

from breadboard.conversations import Send
from breadboard.feeds import FEEDS
from breadboard.ports import Wish
from feed_samples import decode


def books(*levels: tuple[str, str], time: str = "2021-04-17T16:44:07.859760Z") -> list[bytes]:
    """Return the asks of a book as a snapshot and as an update."""
    asks, changes = [list(level) for level in levels], [["sell", *level] for level in levels]
    said = {"type": "snapshot", "product_id": "BTC-USD", "asks": asks, "bids": [["99.5", "1"]], "time": time}
    told = {"type": "l2update", "product_id": "BTC-USD", "changes": changes, "time": time}
    return [json.dumps(each, separators=(",", ":")).encode() for each in (said, told)]


def renewals(frame: bytes) -> list[int]:
    """Return in which seconds the book is asked for anew where every snapshot is followed by this frame."""
    session, asked = FEEDS["coinbase"].session(Wish(["BTC-USD", "ETH-USD"], ["book"])), []
    session.on_connect()
    alive = b'{"type":"heartbeat","sequence":1,"last_trade_id":1,"product_id":"%b","time":"2021-04-17T16:44:08.0Z"}'
    for second in range(40):
        session.on_frames([books(("100", "1"))[0], frame, *(alive % one for one in (b"BTC-USD", b"ETH-USD"))])
        said = [json.loads(each.text) for each in session.on_time(1000.0 + second) if isinstance(each, Send)]
        if said and {tuple(each["product_ids"]) for each in said} == {("BTC-USD",)}:
            asked.append(second)
            assert [(each["type"], each["channels"]) for each in said] == [
                ("unsubscribe", ["level2_batch"]),
                ("subscribe", ["level2_batch"]),
            ]
    return asked


@pytest.mark.parametrize(
    "broken",
    [
        *books(("100", "1"), ("0", "1")),
        *books(("0.00000000012", "1")),
        *books(("-1", "1")),
        *books(("100", "NaN")),
        *books(("100", "1"), time="2021-14-17T16:44:07Z"),
    ],
)
def test_a_book_with_a_level_that_cannot_be_read_begins_anew_and_then_more_seldom(broken: bytes) -> None:
    assert len(decode("coinbase", [broken])[0].quarantined) == 1
    assert renewals(broken) == [0, 5, 15, 35]


@pytest.mark.parametrize(
    "read",
    [
        *books(("100", "1"), ("9999999999.99", "0.01"), ("1234567890123", "1")),
        *books(("100.0000000000000", "1e3")),
        *books(("100", "1"), time="0001-01-01T00:00:00.000000Z"),
        b'{"type":"snapshot","product_id":"BTC-USD","asks":[],"bids":[]}',
        b'{"type":"l2update","product_id":"BTC-USD","changes":[],"time":null}',
    ],
)
def test_a_book_that_the_decoder_takes_is_not_asked_for_again(read: bytes) -> None:
    assert decode("coinbase", [read])[0].quarantined == ()
    assert renewals(read) == []
