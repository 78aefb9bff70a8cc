"""LOBSTER's messages as orders, trades and halts: rows as the vendor has them, and rows that are none."""

import pytest

from breadboard.engine.books import Books
from breadboard.engine.orders import Orders
from breadboard.feeds import by_name
from breadboard.model.decimals import ABSENT
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import BookState, EventKind, OrderAction, RecordKind, SequenceRule, Side, StatusCode
from breadboard.ports import Decoded
from breadboard.recordings.lines import document

TRADE, ORDER, GAP = EventKind.TRADE, EventKind.ORDER, EventKind.GAP


def read(*rows: str) -> Decoded:
    body = "\n".join(rows).encode()
    frames = Frames.of([document("messages:AMZN:2021-04-12", "", body)], [1], kind=RecordKind.DOCUMENT)
    return by_name("lobster").decoder(Instruments()).decode(frames)


def test_rows_of_seven_columns_mean_what_those_of_six_do() -> None:
    rows = ("34200.000743093,1,14907109,100,33585400,-1", "34200.00124644,4,14907109,5,33585400,-1")
    plain, named = read(*rows), read(f"{rows[0]},UBSS", f"{rows[1]},null")
    for name in ("kind", "code", "side", "order_id", "price", "size", "ts_event"):
        assert getattr(named.tape, name).tolist() == getattr(plain.tape, name).tolist()
    assert named.tape.kind.tolist() == [ORDER, ORDER, ORDER, TRADE]
    assert named.tape.code.tolist()[:3] == [OrderAction.CLEAR, OrderAction.ADD, OrderAction.FILL]
    assert named.tape.side.tolist() == [Side.NONE, Side.SELL, Side.SELL, Side.BUY], "who takes from a seller buys"
    assert (named.quarantined, named.tape.price[3]) == ((), 3_358_540_000_000)


def test_hidden_executions_crosses_and_halts_change_no_order() -> None:
    found = read(
        "34200.000376608,5,0,10,33578400,1,null",
        "34201.117864772,6,-1,45725,33552100,-1,null",
        "34202.5,7,0,0,-1,-1",
        "34203.5,7,0,0,0,-1",
        "34204.5,7,0,0,1,-1",
    )
    assert found.quarantined == ()
    assert found.tape.kind.tolist()[1:] == [TRADE, TRADE, *[EventKind.STATUS] * 3]
    assert found.tape.side.tolist()[1:3] == [Side.SELL, Side.NONE]
    assert found.tape.order_id.tolist()[1:3] == [ABSENT, ABSENT]
    assert found.tape.code.tolist()[3:] == [StatusCode.HALTED, StatusCode.QUOTING, StatusCode.RESUMED]


@pytest.mark.parametrize(
    "bad", ["34200.2,1,12,100,58x3400,1", "34200.2,1,12,100,5853", "Time,Type,ID,Size,Price,Direction", "34200.2,1,,,,"]
)
def test_a_row_that_cannot_be_read_ends_the_belief_in_the_book_where_it_stands(bad: str) -> None:
    found = read("34200.1,1,11,100,5853300,1", bad, "34200.3,1,13,100,5853500,-1", "34200.4,4,13,50,5853500,-1")
    assert found.quarantined[0][1].startswith("row 2: ")
    assert found.tape.kind.tolist() == [ORDER, ORDER, GAP, ORDER, ORDER, TRADE], "the trade is there all the same"
    books, states = Books(lambda _: SequenceRule.NONE), []
    tape = Orders().on_tape(found.tape)
    for row in range(len(tape)):
        books.on_tape(tape.take(slice(row, row + 1)))
        states.append(books.view(0).state)
    assert states == [BookState.LIVE] * 2 + [BookState.STALE] * 4
