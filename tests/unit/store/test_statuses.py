"""What feeds say of themselves is in a table, heartbeats apart."""

import json

import native_read
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, StatusCode
from breadboard.model.tape import Tape
from breadboard.store.rows import Labels
from breadboard.store.statuses import statuses


def test_each_status_is_a_row_with_its_words_and_heartbeats_and_mere_numbers_are_none() -> None:
    instruments = Instruments()
    which = instruments.intern("MASSIVE", "AAPL")
    labels = Labels()
    labels.refresh(list(instruments))
    tape = Tape.of(
        4,
        {
            "kind": [EventKind.STATUS] * 4,
            "code": [StatusCode.HEARTBEAT, StatusCode.BANDS, StatusCode.SCHEMA, StatusCode.NO_TRADE],
            "flags": [0, 0, Flag.FEED_WIDE, 0],
            "source": [2, 2, 2, 2],
            "instrument": [which, which, -1, which],
            "offset": [5, 6, 7, 8],
            "index": [0, 3, 1, 0],
            "ts_recv": [1, 2, 3, 4],
            "price": [0, 218_740_000_000, 0, 0],
            "ask_price": [0, 241_760_000_000, 0, 0],
        },
    )
    tape.price[2] = tape.ask_price[2] = -(2**63)
    found = native_read.table(statuses(tape, {(7, 1): {"unknown": ["T.zz"]}}, labels, {2: "MASSIVE"})).to_pylist()
    assert [(row["venue"], row["symbol"], row["status"], row["offset"], row["index"]) for row in found] == [
        ("MASSIVE", "AAPL", "bands", 6, 3),
        ("MASSIVE", "", "schema", 7, 1),
    ]
    assert [(str(row["low"]), str(row["high"])) for row in found] == [
        ("218.740000000", "241.760000000"),
        ("None", "None"),
    ]
    assert [row["detail"] and json.loads(row["detail"]) for row in found] == ["", {"unknown": ["T.zz"]}]
