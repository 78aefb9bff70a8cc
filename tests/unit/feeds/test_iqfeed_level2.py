"""Level 2 lines as books: against a model that knows nothing but orders, and through the real book stage."""

import json
import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.cli import run
from breadboard.engine.books import Books
from breadboard.engine.orders import Orders
from breadboard.feeds.iqfeed_depth import Depth, order_number
from breadboard.feeds.iqfeed_level2 import broken_book
from breadboard.feeds.iqfeed_reader import IqfeedReader
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Event
from breadboard.model.decimals import ABSENT, INT64_MAX
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import BookState, EventKind, OrderAction, RecordKind
from feed_samples import decode, decode_frames
from samples.iqfeed import LEVELS, OLD, ORDERS

RECV = 1_795_534_200_500_000_000
AT = At(0, 1, RECV)
CLEAR = b"S,CLEAR DEPTH,XYZ,B,"
HELLO = b"S,CURRENT PROTOCOL,6.2,"
TIME = "10:30:00.000001,2026-11-24,"
Levels = list[tuple[Decimal, Decimal]]


def order(kind: str, maker: str, side: str, price: str, size: str, number: str = "", symbol: str = "XYZ") -> bytes:
    return f"{kind},{symbol},{number},{maker},{side},{price},{size},,4,{TIME}".encode()


def gone(maker: str, side: str, number: str = "", symbol: str = "XYZ") -> bytes:
    return f"5,{symbol},{number},{maker},{side},{TIME}".encode()


def books(lines: Sequence[bytes], stamps: Sequence[int] | None = None) -> tuple[BookState, Levels, Levels]:
    """The first symbol's book after the lines, decoded and applied by the engine's own stage."""
    stamps = stamps or [RECV + place for place in range(len(lines))]
    decoded, instruments = decode_frames("iqfeed", Frames.of(lines, stamps, kind=RecordKind.DATA))
    stage = Books(lambda which: instruments[which].sequence_rule)
    stage.on_tape(Orders().on_tape(decoded.tape))
    view = stage.view(0)
    return view.state, levels(view.bids), levels(view.asks)


def levels(side: Sequence[tuple[int, int, int]]) -> Levels:
    return [(Decimal(price).scaleb(-9), Decimal(size).scaleb(exponent)) for price, size, exponent in side]


def said(*lines: bytes, at: At = AT) -> list[Event]:
    reader = IqfeedReader()
    return list([reader.read(line, at) for line in lines][-1].events)


def test_market_makers_at_one_price_are_added_up_and_taken_away_again() -> None:
    lines = [HELLO, *ORDERS[:3]]
    assert books(lines) == (
        BookState.LIVE,
        [(Decimal("10.49"), Decimal(500))],
        [(Decimal("10.51"), Decimal(200))],
    )
    lines.append(ORDERS[3])  # NSDQ moves from 10.49 to 10.48
    assert books(lines)[1] == [(Decimal("10.49"), Decimal(200)), (Decimal("10.48"), Decimal(300))]
    lines.append(ORDERS[4])
    assert books(lines)[2] == []


def test_a_summary_begins_the_book_and_what_follows_changes_it() -> None:
    told = [event for line in range(1, 4) for event in said(HELLO, *ORDERS[:line])]
    assert {event.kind for event in told} == {EventKind.ORDER}
    assert [event.code for event in told] == [OrderAction.CLEAR, *[OrderAction.ADD] * 3]
    levels_ = [event for line in range(1, 3) for event in said(HELLO, *LEVELS[:line])]
    assert [event.kind for event in levels_] == [EventKind.BOOK_SNAPSHOT, EventKind.BOOK_DELTA]


def test_a_symbol_without_a_summary_begins_empty_when_its_connection_was_seen_to_begin() -> None:
    update = order("4", "NSDQ", "B", "10.4900", "300")
    assert [event.code for event in said(HELLO, update)] == [OrderAction.CLEAR, OrderAction.ADD]
    assert books([HELLO, update])[0] == BookState.LIVE
    assert [event.code for event in said(update)] == [OrderAction.ADD]
    assert books([update])[0] == BookState.SYNCING, "nobody knows what it held before"


def test_the_first_summary_begins_the_book_anew_also_after_updates() -> None:
    early = order("4", "NSDQ", "B", "10.4900", "300")
    late = order("6", "ARCX", "B", "10.4800", "200")
    assert books([HELLO, early, late])[1] == [(Decimal("10.48"), Decimal(200))]


def test_after_the_servers_come_back_the_first_summary_forgets_what_there_was() -> None:
    lines = [HELLO, *ORDERS[:3], b"S,SERVER DISCONNECTED", b"S,SERVER CONNECTED"]
    assert books(lines)[0] == BookState.STALE
    lines.append(order("6", "EDGX", "B", "9.0000", "100"))
    assert books(lines) == (BookState.LIVE, [(Decimal(9), Decimal(100))], [])


def test_a_summary_long_after_the_last_is_the_answer_to_a_new_watch() -> None:
    lines = [HELLO, *ORDERS[:3], order("6", "EDGX", "B", "9.0000", "100")]
    near = [RECV + place for place in range(5)]
    assert len(books(lines, near)[1]) == 2
    far = [*near[:4], RECV + 11_000_000_000]
    assert books(lines, far)[1] == [(Decimal(9), Decimal(100))]


def test_a_new_connection_knows_nothing_of_the_old_one() -> None:
    reader = IqfeedReader()
    for line in (HELLO, *ORDERS[:3]):
        reader.read(line, AT)
    for at in (At(0, 2, RECV), At(1, 1, RECV)):
        cleared, event = reader.read(ORDERS[0], at).events
        assert (cleared.code, event.code, event.size) == (OrderAction.CLEAR, OrderAction.ADD, 300 * 10**8)


def test_orders_by_number_keep_their_number_wherever_they_go() -> None:
    lines = [HELLO, order("6", "", "B", "10.00", "5", "1"), order("3", "", "B", "10.00", "7", "2")]
    lines += [order("4", "", "A", "10.50", "7", "2")]
    assert books(lines)[1:] == ([(Decimal(10), Decimal(5))], [(Decimal("10.5"), Decimal(7))])
    lines += [gone("", "A", "2"), gone("", "A", "99")]
    assert books(lines)[1:] == ([(Decimal(10), Decimal(5))], [])


def test_price_levels_are_what_they_say() -> None:
    assert books([HELLO, *LEVELS[:2]])[1:] == (
        [(Decimal("2938.25"), Decimal(65))],
        [(Decimal("2938.5"), Decimal(10))],
    )
    assert books([HELLO, *LEVELS])[1] == []


def test_price_levels_beside_orders_are_not_added_to_them() -> None:
    both = [HELLO, ORDERS[0], b"7,XYZ,B,10.4900,900,3,4," + TIME.encode()]
    decoded, _ = decode("iqfeed", both)
    assert decoded.ignored == {"price levels beside orders": 1}
    assert books(both)[1] == [(Decimal("10.49"), Decimal(300))]


def test_the_old_protocols_market_makers_have_both_sides_in_one_line() -> None:
    assert books([HELLO, OLD])[1:] == ([(Decimal(2938), Decimal(65))], [(Decimal("2938.25"), Decimal(23))])
    assert books([HELLO, OLD, OLD.replace(b"T,T,F", b"F,T,F")])[1] == []


def test_the_time_of_a_side_that_is_not_there_is_none() -> None:
    gone = OLD.replace(b"10:30:00.876740,T,T,F", b"99:99:99,T,F,F")
    assert books([HELLO, OLD, gone]) == (BookState.LIVE, [(Decimal(2938), Decimal(65))], [])
    assert [event.ts_event for event in said(HELLO, OLD, gone)] == [said(HELLO, OLD)[-1].ts_event] * 2
    neither = gone.replace(b"10:30:00.876740", b"99:99:99.999999")
    assert [event.ts_event for event in said(HELLO, OLD, neither)] == [ABSENT] * 2
    assert (broken_book(gone), broken_book(neither)) == (None, None)
    assert broken_book(gone.replace(b"99:99:99", b"99:99:98")) == "@GHI#"


def test_clear_depth_empties_one_side() -> None:
    lines = [HELLO, *ORDERS[:3], b"S,CLEAR DEPTH,XYZ,B,"]
    assert books(lines)[1:] == ([], [(Decimal("10.51"), Decimal(200))])
    lines.append(ORDERS[0])
    assert books(lines)[1] == [(Decimal("10.49"), Decimal(300))]


def test_a_deletion_without_a_time_has_none() -> None:
    assert said(HELLO, ORDERS[2], ORDERS[4])[0].ts_event == ABSENT
    assert said(HELLO, ORDERS[2])[1].ts_event == RECV - 500_000_000 + 1000


def test_a_crossed_book_is_no_error() -> None:
    lines = [HELLO, order("6", "NSDQ", "B", "10.60", "1"), order("6", "ARCX", "A", "10.50", "1")]
    assert books(lines)[0] == BookState.LIVE


@pytest.mark.parametrize(
    "bad",
    [
        order("4", "NSDQ", "X", "10.49", "300"),
        order("4", "NSDQ", "B", "-1", "300"),
        order("4", "NSDQ", "B", "10.49", "many"),
        order("4", "NSDQ", "B", "10.49", "300").replace(b"2026-11-24", b"2026-11-31"),
        order("4", "NSDQ", "B", "10.49", "0.1234567891"),
        b"4,XYZ,,NSDQ,B",
    ],
)
def test_a_line_that_cannot_be_read_costs_the_book_it_is_of_until_a_summary(bad: bytes) -> None:
    lines = [HELLO, *ORDERS[:3], bad, ORDERS[3]]
    decoded, _ = decode("iqfeed", lines)
    assert [offset for offset, _ in decoded.quarantined] == [4]
    assert decoded.ignored == {"depth of a book that is lost": 1}
    assert books(lines)[0] == BookState.STALE
    assert books([*lines, ORDERS[0]]) == (BookState.LIVE, [(Decimal("10.49"), Decimal(300))], [])


def test_what_is_left_of_a_summary_of_which_a_line_cannot_be_read_is_no_book() -> None:
    bad = order("6", "BATS", "B", "ten", "300")
    lines = [HELLO, ORDERS[0], bad, ORDERS[1], ORDERS[2]]
    stamps = [RECV + place for place in range(len(lines))]
    assert books(lines, stamps)[0] == BookState.STALE
    again = [RECV + 12 * 10**9 + place for place in range(3)]
    assert books([*lines, *ORDERS[:3]], stamps + again) == (
        BookState.LIVE,
        [(Decimal("10.49"), Decimal(500))],
        [(Decimal("10.51"), Decimal(200))],
    )
    reader, restored = IqfeedReader(), IqfeedReader()
    with pytest.raises(ValueError, match="ten"):
        reader.read(bad, AT)
    reader.lost_book(bad, AT)
    restored.restore(reader.snapshot())
    assert restored.snapshot() == reader.snapshot()
    assert restored.read(ORDERS[1], AT).ignored == "depth of a book that is lost"


nasty = st.sampled_from(
    [
        *(
            "",
            "0",
            "-1",
            "+1",
            "1.",
            ".5",
            "0.0",
            "0.000000001",
            "10.4812345678912",
            "9999999.99",
            "99999999999",
            "1e3",
        ),
        *("A", "B", "X", "neither", "T", "XYZ", "X YZ", "\u00e9", "\u0661", "123456789012345678901", "10:30:00"),
        *(
            "24:00:00",
            "10:30:00.",
            "10:30:00.1234567891",
            "2026-11-31",
            "2026-02-29",
            "2028-02-29",
            "11/24/2026",
            "20261124",
        ),
    ]
)


@settings(max_examples=600, deadline=None)
@given(line=st.sampled_from([*ORDERS, *LEVELS, OLD, gone("NSDQ", "B"), CLEAR]), place=st.integers(1, 13), text=nasty)
def test_who_only_has_to_know_comes_to_the_readers_verdict_on_every_line(line: bytes, place: int, text: str) -> None:
    parts = line.decode("latin-1").split(",")
    parts[min(place, len(parts) - 1)] = text
    for frame in (line, ",".join(parts).encode("utf-8"), line[: 3 * place]):
        reader = IqfeedReader()
        try:
            reader.read(frame, AT)
            lost = None
        except ValueError:
            lost = reader.lost_book(frame, AT)
        assert broken_book(frame) == lost


makers = st.sampled_from(["NSDQ", "ARCX", "BATS", "EDGX"])
sizes = st.sampled_from(["0", "1", "100", "0.5", "0.00000001", "0.12345678", "99999999"])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("4"), makers, st.sampled_from("BA"), st.integers(1, 6), sizes),
        st.tuples(st.just("5"), makers, st.sampled_from("BA"), st.just(0), st.just("")),
        st.tuples(st.just("clear"), st.just(""), st.sampled_from("BA"), st.just(0), st.just("")),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(steps=steps, numbered=st.booleans(), cut=st.integers(0, 40))
def test_any_run_of_orders_makes_the_book_that_a_plain_list_of_orders_makes(
    steps: list[tuple[str, str, str, int, str]], numbered: bool, cut: int
) -> None:
    lines, orders = [HELLO, order("6", "SEED", "B", "1.00", "1", "seed" if numbered else "")], {}
    orders["seed"] = ("B", Decimal(1), Decimal(1))
    for kind, maker, side, price, size in steps:
        key = maker if numbered else maker + side
        if kind == "4":
            lines.append(order("4", maker, side, f"{price}.00", size, maker if numbered else ""))
            orders[key] = (side, Decimal(price), Decimal(size))
        elif kind == "5":
            lines.append(gone(maker, side, maker if numbered else ""))
            orders.pop(key, None)
        else:
            lines.append(f"S,CLEAR DEPTH,XYZ,{side},".encode())
            orders = {key: each for key, each in orders.items() if each[0] != side}
    expected: dict[str, dict[Decimal, Decimal]] = {"B": {}, "A": {}}
    for side, paid, quantity in orders.values():
        if quantity:
            expected[side][paid] = expected[side].get(paid, Decimal(0)) + quantity
    state, bids, asks = books(lines)
    assert state == BookState.LIVE
    assert (dict(bids), dict(asks)) == (expected["B"], expected["A"])
    # A reader that is put away and brought back anywhere goes on as if nothing had happened.
    whole, half, rest = IqfeedReader(), IqfeedReader(), IqfeedReader()
    said_by = [whole.read(line, AT) for line in lines]
    said_so_far = [half.read(line, AT) for line in lines[:cut]]
    rest.restore(half.snapshot())
    assert said_so_far + [rest.read(line, AT) for line in lines[cut:]] == said_by
    assert rest.snapshot() == whole.snapshot()


def test_an_order_has_one_number_for_good_and_no_two_the_same() -> None:
    names = [
        "0",
        "1",
        "649203893042",
        "999999999999999999",
        "0001",
        "NSDQ B",
        "NSDQ A",
        "ARCX B",
        "1000000000000000000",
    ]
    names += ["é", "a name of many signs", "another name of many signs", "seed"]
    numbers = [order_number(name) for name in names]
    assert len(set(numbers)) == len(names)
    assert all(0 <= number <= INT64_MAX for number in numbers)
    assert numbers[:3] == [0, 1, 649203893042]
    assert order_number("NSDQ B") == 1 << 62 | int.from_bytes(b"NSDQ B", "big")


def test_the_orders_themselves_are_kept_with_their_place_in_the_queue() -> None:
    lines = [HELLO, order("6", "", "B", "10.00", "5", "1"), order("3", "", "B", "10.00", "7", "2")]
    lines += [order("3", "", "B", "10.00", "4", "3"), order("4", "", "B", "10.00", "2", "1"), gone("", "B", "2")]
    decoded, _ = decode_frames("iqfeed", Frames.of(lines, [RECV] * len(lines), kind=RecordKind.DATA))
    orders = Orders()
    orders.on_tape(decoded.tape)
    assert [(each.order_id, each.size // 10**8, each.ahead // 10**8) for each in orders.view(0)] == [
        (1, 2, 0),
        (3, 4, 2),
    ]
    assert orders.counters() == {"resting": 2, "unknown": 0, "overdrawn": 0, "repeated": 0, "refused": 0}


def test_market_makers_go_through_the_engine_as_orders_and_are_rows_of_their_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random_ = random.Random(5)
    lines, quotes = [HELLO, order("6", "MM00", "B", "10.00", "100")], {("MM00", "B"): (Decimal(10), 100)}
    for _ in range(3000):
        maker, side = f"MM{random_.randrange(30):02}", random_.choice("BA")
        if random_.random() < 0.2:
            lines.append(gone(maker, side))
            quotes.pop((maker, side), None)
        else:
            price, size = (
                Decimal(1000 + (1 if side == "A" else -1) * random_.randint(1, 9)) / 100,
                random_.randint(1, 9),
            )
            lines.append(order("4", maker, side, f"{price:.4f}", str(size * 100)))
            quotes[maker, side] = (price, size * 100)
    path = tmp_path / "level2"
    path.write_bytes(b"".join(b"%d %b\n" % pair for pair in zip(range(RECV, RECV + len(lines)), lines, strict=True)))
    told = []
    for batch in ("all", "7"):
        words = ["replay", str(path), "--venue", "iqfeed", "--format", "hftbacktest", "--batch", batch, "--json"]
        assert run([*words, "--data-dir", str(tmp_path / batch)]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert (told[0]["digest"], told[0]["quarantined"], told[0]["gaps"]) == (told[1]["digest"], 0, 0)
    book = told[0]["books"]["XYZ.IQFEED"]
    for name, side, best in (("bid", "B", max), ("ask", "A", min)):
        prices = [price for (_, one), (price, _) in quotes.items() if one == side]
        size = sum(size for (_, one), (price, size) in quotes.items() if (one, price) == (side, best(prices)))
        assert Decimal(book[name]) == best(prices)
        assert Decimal(book[f"{name}_size"]) == size
    query = (
        "select countIf(action = 'clear') c, count() n, uniqExact(order_id) ids,"
        " countIf(price is null) = countIf(action in ('clear', 'delete')) priced from orders"
    )
    assert run(["sql", query, "--data-dir", str(tmp_path / "all"), "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["data"]
    assert (row["c"], row["priced"], row["ids"]) == (1, 1, len({tuple(line.split(b",")[3:5]) for line in lines[1:]}))
    assert row["n"] == told[0]["events"]["order"]


def test_a_book_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breadboard.feeds.iqfeed_depth.MOST_ORDERS", 3)
    book = Depth(by_order=True)
    for number in range(3):
        book.put(str(number), 0, 10 + number, (1, 0))
    with pytest.raises(ValueError, match="more than 3 orders"):
        book.put("3", 0, 20, (1, 0))
    levels = Depth(by_order=False)
    for number in range(3):
        levels.set_level(0, 10 + number, "1")
    with pytest.raises(ValueError, match="more than 3 levels"):
        levels.set_level(0, 20, "1")
    assert levels.set_level(0, 10, "5")[0][2:] == (5 * 10**8, -8), "a level that is there may change"


def test_symbols_have_books_of_their_own() -> None:
    instruments = Instruments()
    from breadboard.feeds import FEEDS

    lines = [HELLO, ORDERS[0], order("6", "NSDQ", "B", "20.00", "7", symbol="ABC")]
    tape = FEEDS["iqfeed"].decoder(instruments).decode(Frames.of(lines, [RECV] * 3, kind=RecordKind.DATA)).tape
    assert [instruments[which].symbol for which in tape.instrument.tolist()] == ["XYZ", "XYZ", "ABC", "ABC"]
    assert tape.code.tolist() == [OrderAction.CLEAR, OrderAction.ADD] * 2


@pytest.mark.parametrize(
    ("paid", "size"), [("0", "0"), ("", "0"), ("", ""), ("0.0000", "100"), ("10.49", "0"), ("10.50", "0")]
)
def test_a_market_maker_who_clears_his_side_costs_nobody_the_book(paid: str, size: str) -> None:
    lines = [HELLO, *(order("6", maker, side, "10.49", "200") for maker, side in (("NSDQ", "B"), ("ARCX", "B")))]
    lines += [order("6", "NSDQ", "A", "10.51", "300"), order("4", "NSDQ", "B", paid, size)]
    assert books(lines) == (
        BookState.LIVE,
        [(Decimal("10.49"), Decimal(200))],
        [(Decimal("10.51"), Decimal(300))],
    )


@pytest.mark.parametrize(
    ("sides", "left"), [("0,0,0,0", []), ("0,10.25,0,23", [(Decimal("10.25"), Decimal(23))]), ("0.00,0,65,23", [])]
)
def test_a_side_at_no_price_is_gone_although_it_is_called_valid(
    sides: str, left: list[tuple[Decimal, Decimal]]
) -> None:
    times = "10:30:00.876740,2026-11-24,52,10:30:00.876740,T,T,F,"
    lines = [HELLO, f"Z,GHI,MD01,10.,10.25,65,23,{times}".encode(), f"2,GHI,MD01,{sides},{times}".encode()]
    assert books(lines) == (BookState.LIVE, [], left)


def test_an_order_with_a_number_has_a_price() -> None:
    lines = [HELLO, order("6", "", "B", "10.49", "200", "77"), order("4", "", "B", "0", "100", "77")]
    assert books(lines)[0] == BookState.STALE
