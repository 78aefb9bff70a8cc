"""What was known of an instrument at a moment, against the rows that were written."""

import pytest

import outputs_made as made
from breadboard.api import past
from breadboard.api.instants import instant, iso
from breadboard.model.decimals import price_text
from breadboard.model.kinds import EventKind, Flag
from breadboard.store.records import batch
from scenarios.house import wait_for
from unit.api.stored import LATER, ROWS, Stored, house

__all__ = ["house"]

TAPE = made.outputs(0, ROWS).tape
QUOTES = TAPE.kind == EventKind.QUOTE


def newest(kind: EventKind, instrument: int, moment: int) -> int:
    """Return the place of the newest row of a kind by then."""
    found = (TAPE.kind == kind) & (TAPE.instrument == instrument) & (TAPE.ts_recv <= moment)
    return int(found.nonzero()[0][-1])


@pytest.mark.parametrize("after_ns", [0, 1, 999_999, 1_000_003, 1_234_567_891])
def test_the_best_offer_at_a_moment_is_that_of_the_newest_quote_received_by_then(house: Stored, after_ns: int) -> None:
    moment = made.START + 500 * 1_000_003 + after_ns
    for instrument, kind in ((1, EventKind.QUOTE), (0, EventKind.TRADE)):  # in the made market each has but one kind
        row = newest(kind, instrument, moment)
        answer = house.get(f"asof?symbol={made.SYMBOLS[instrument]}.BINANCE&ts={moment}").json()
        part = answer["quote" if kind == EventKind.QUOTE else "trade"]
        assert (part["offset"], part["ts_recv"]) == (row, iso(int(TAPE.ts_recv[row])))
        assert part["age_ns"] == moment - int(TAPE.ts_recv[row])
        if kind == EventKind.QUOTE:
            assert answer["ask"] == price_text(int(TAPE.ask_price[row]), 0)
            assert (answer["from"], answer["trade"], answer["age_ns"]) == ("quote", None, part["age_ns"])
        else:
            assert (answer["price"], answer["bid"]) == (price_text(int(TAPE.price[row]), 0), None)
        assert answer["complete_through"] == {"offset": ROWS, "ts_engine": iso(LATER)}


def test_a_moment_may_be_iso_and_the_venue_may_be_left_out_where_there_is_one(house: Stored) -> None:
    moment = made.START + 10**9
    one, other = (house.get(f"asof?symbol=ETHUSDT{more}") for more in (f"&ts={moment}", f".BINANCE&ts={iso(moment)}"))
    assert one.json() == other.json()
    assert one.json()["quote"]["offset"] == newest(EventKind.QUOTE, 1, moment)


def there_are_books(house: Stored) -> None:
    """Have the ledger say so; a second time changes nothing."""
    house.store.write("batches", batch(ROWS, ROWS + 1, 0, (LATER, LATER), {"depth_snapshots": 1}), "a book")
    wait_for("the ledger", lambda: house.get("gaps?symbol=X.Y").json()["complete_through"]["offset"] > ROWS)


def test_a_book_that_is_newer_than_the_quote_gives_the_best_prices(house: Stored) -> None:
    columns = (
        "venue, symbol, ts_event, ts_recv, offset, `index`, provenance, interval, state, bid_prices, bid_sizes, "
        "ask_prices, ask_sizes"
    )
    stamp = f"fromUnixTimestamp64Nano({made.START + 2_500_000_000}, 'UTC')"
    row = f"('BINANCE', 'ETHUSDT', {stamp}, {stamp}, 2501, 0, 'live', '1s', '{{}}', [10.5, 10.25], [1, 2], [11], [3])"
    house.insert("depth_snapshots", columns, row.format("live"))
    there_are_books(house)
    found = house.get(f"asof?symbol=ETHUSDT.BINANCE&ts={made.START + 2_500_000_000}&depth=2").json()
    assert (found["from"], found["bid"], found["bid_size"], found["ask"]) == ("book", "10.5", "1", "11")
    assert found["book"]["bids"] == [["10.5", "1"], ["10.25", "2"]]
    later = house.get(f"asof?symbol=ETHUSDT.BINANCE&ts={made.START + 2_600_000_000}").json()
    assert (later["from"], len(later["book"]["bids"])) == ("quote", 1)


def test_a_book_is_as_new_as_its_last_change_and_not_as_the_row_that_passed_the_boundary(house: Stored) -> None:
    begin = made.START + 40 * 86_400 * 10**9

    def stamp(after_ns: int) -> str:
        return f"fromUnixTimestamp64Nano({begin + after_ns}, 'UTC')"

    def told(table: str, after_ns: int, **columns: str) -> None:
        """Store a row received then, under an offset that grows with it."""
        place = {"venue": "'BINANCE'", "symbol": "'ETHUSDT'", "ts_recv": stamp(after_ns), "provenance": "'live'"}
        row = place | {"offset": str(7000 + after_ns)} | columns
        house.insert(table, ", ".join(row), f"({', '.join(row.values())})")

    def book(after_ns: int, bid: str, **columns: str) -> None:
        levels = {"bid_prices": f"[{bid}]", "bid_sizes": "[1]", "ask_prices": "[99]", "ask_sizes": "[2]"}
        told("depth_snapshots", after_ns, interval="'1s'", state="'live'", **levels, **columns)

    def best(after_ns: int) -> tuple[str, str, int, int]:
        found = house.get(f"asof?symbol=ETHUSDT.BINANCE&ts={begin + after_ns}").json()
        return found["from"], found["bid"], found["age_ns"], found["book"]["age_ns"]

    there_are_books(house)
    told("quotes", 4, bid_price="20", ask_price="21")
    book(9, "10", ts_recv_book=stamp(2), offset_book="7002")
    assert best(9) == ("quote", "20", 5, 7), "the quote came after the book's last change, and before its row"
    book(20, "11", ts_recv_book=stamp(11), offset_book="7011")
    assert best(20) == ("book", "11", 9, 9), "changed after the quote"
    told("quotes", 25, bid_price="22", ask_price="23")
    book(26, "12")
    assert best(26) == ("book", "12", 0, 0), "of a row from before its last change was kept nothing else is known"
    part = house.get(f"asof?symbol=ETHUSDT.BINANCE&ts={begin + 20}").json()["book"]
    assert (part["offset"], part["offset_book"], part["ts_recv_book"]) == (7020, 7011, iso(begin + 11))


def test_what_moves_no_price_or_is_suspicious_is_neither_the_last_trade_nor_the_best_offer(house: Stored) -> None:
    moment = made.START + 2_700_000_000
    stamp = f"fromUnixTimestamp64Nano({moment}, 'UTC')"
    columns = "venue, symbol, ts_event, ts_recv, offset, `index`, provenance, flags, "
    row = f"('BINANCE', '{{}}', {stamp}, {stamp}, 2600, 0, 'live', {{}}, {{}})"
    back, odd = (
        row.format("BTCUSDT", int(Flag.WITHDRAWN), "7, 1, ''"),
        row.format("ETHUSDT", int(Flag.INELIGIBLE), "7, 9"),
    )
    late = row.format("BTCUSDT", 0, "8, 1, 'open_close day_open_close'")
    house.insert("trades", columns + "price, size, uncounted", f"{back}, {late}")
    house.insert("quotes", columns + "bid_price, ask_price", odd)
    for symbol, part, kind in (("BTCUSDT", "trade", EventKind.TRADE), ("ETHUSDT", "quote", EventKind.QUOTE)):
        answer = house.get(f"asof?symbol={symbol}.BINANCE&ts={moment}").json()
        assert answer[part]["offset"] == newest(kind, made.SYMBOLS.index(symbol), moment)
    of_days = row.format("BTCUSDT", 0, "9, 1, 'day_open_close'").replace("2600", "2601")
    house.insert("trades", columns + "price, size, uncounted", of_days)
    assert house.get(f"asof?symbol=BTCUSDT.BINANCE&ts={moment + 1}").json()["price"] == "9"


def test_a_trade_that_was_taken_back_by_then_is_not_the_last(house: Stored) -> None:
    begin = made.START + 30 * 86_400 * 10**9
    columns = "venue, symbol, ts_event, ts_recv, offset, `index`, provenance, flags, trade_id, price, size, uncounted"

    def told(after_ns: int, trade_id: str, price: int, flags: int = 0, *, of_ns: int | None = None) -> None:
        recv, event = (
            f"fromUnixTimestamp64Nano({begin + at}, 'UTC')" for at in (after_ns, after_ns if of_ns is None else of_ns)
        )
        place = f"{event}, {recv}, {5000 + after_ns}, 0, 'live'"
        house.insert("trades", columns, f"('BINANCE', 'SOLUSDT', {place}, {flags}, {trade_id}, {price}, 1, '')")

    def price(after_ns: int) -> str | None:
        found = house.get(f"asof?symbol=SOLUSDT.BINANCE&ts={begin + after_ns}").json()
        assert "undone" not in (found["trade"] or {})
        last: str | None = found["price"]
        return last

    told(0, "NULL", 90)  # of a venue that gives no ids nothing is ever taken back
    told(1, "NULL", 91)
    told(2, "9000077", 92)
    told(3, "9000078", 93)
    told(4, "9000078", 93, int(Flag.WITHDRAWN))
    told(5, "9000077", 92, int(Flag.WITHDRAWN))
    told(6, "9000078", 94)  # and put in again
    assert [price(n) for n in range(7)] == ["90", "91", "92", "93", "92", "91", "94"]
    told(2 * 86_400 * 10**9, "9000078", 94, int(Flag.WITHDRAWN), of_ns=6)
    assert price(2 * 86_400 * 10**9) == "91", "days before"
    later = 3 * 86_400 * 10**9
    told(later, "7", 80)  # ids repeat, of other trades
    told(later + 1, "7", 81)
    told(later + 2, "7", 81, int(Flag.WITHDRAWN))
    assert price(later + 2) == "80"


def test_the_last_trade_is_the_newest_by_time_and_one_taken_back_leaves_its_namesake(house: Stored) -> None:
    begin = made.START + 60 * 86_400 * 10**9
    second = 10**9
    columns = "venue, symbol, ts_event, ts_recv, offset, `index`, provenance, flags, trade_id, price, size, uncounted"

    def told(after_s: int, event_s: int | None, trade_id: int, price: int, flags: int = 0) -> None:
        recv = f"fromUnixTimestamp64Nano({begin + after_s * second}, 'UTC')"
        event = "NULL" if event_s is None else f"fromUnixTimestamp64Nano({begin + event_s * second}, 'UTC')"
        place = f"{event}, {recv}, {9000 + after_s}, 0, 'live'"
        house.insert("trades", columns, f"('BINANCE', 'SOLUSDT', {place}, {flags}, {trade_id}, {price}, 1, '')")

    def price(after_s: int) -> str | None:
        last: str | None = house.get(f"asof?symbol=SOLUSDT.BINANCE&ts={begin + after_s * second}").json()["price"]
        return last

    told(0, 0, 7, 100)
    told(100, 100, 8, 99)
    told(600, 600, 7, 100)
    told(700, 0, 7, 100, int(Flag.WITHDRAWN))
    told(701, 101, 9, 98)
    told(702, 90, 10, 97, int(Flag.LATE_PRINT))
    assert [price(n) for n in (0, 100, 600, 700, 701, 702)] == ["100", "99", "100", "100", "100", "100"]
    for more in range(703, 703 + 2 * past._FEW):
        told(more, more - 600, more, 50)
    assert price(703 + 2 * past._FEW) == "100", "of more late ones than are looked at first"
    told(800, None, 11, 101)  # a venue that says no time
    told(801, 10**9, 12, 102)  # a mistaken clock
    told(802, 802, 13, 103)
    told(862, 862, 14, 104)
    assert [price(n) for n in (800, 801, 802, 862)] == ["101", "102", "102", "104"]
    days = 3 * 86_400
    told(days, 700, 15, 60)
    assert price(days) == "104", "that came days before, and is newer"


def test_a_gap_between_what_is_known_and_the_moment_is_told(house: Stored) -> None:
    moment = made.START + 1
    gaps = house.get(f"asof?symbol=BTCUSDT.BINANCE&ts={moment}").json()["gaps"]
    assert [(gap["venue"], gap["symbol"], gap["reason"]) for gap in gaps][:1] == [("BINANCE", "", "disconnect")]
    assert house.get(f"asof?symbol=BTCUSDT.BINANCE&ts={moment + 3 * 10**9}").json()["gaps"] == []


def test_before_the_first_and_of_what_nobody_knows_there_is_nothing(house: Stored) -> None:
    before = house.get(f"asof?symbol=BTCUSDT.BINANCE&ts={made.START - 1}")
    assert before.status_code == 404
    begin = "nothing of BTCUSDT.BINANCE is stored that had been received by 2024-08-08T23:54:12.999999999Z"
    assert before.json()["detail"] == f"{begin}: ticks expire after [store] tick_days"


@pytest.mark.parametrize("name", ["BTCUSDTX", "BTCUSDT.BINANCEX"])
def test_of_a_name_that_was_never_seen_the_likest_are_told_and_its_hint_finds_something(
    house: Stored, name: str
) -> None:
    unknown = house.get(f"asof?symbol={name}&ts={made.START}")
    told = unknown.json()
    assert (unknown.status_code, told["detail"]) == (404, f"no instrument {name!r} has been seen or stored")
    assert "BTCUSDT.BINANCE" in told["ids"]
    assert house.client.get(told["hint"].removeprefix("GET ")).status_code == 200


def test_a_symbol_of_several_venues_has_to_be_chosen(house: Stored) -> None:
    house.insert("instruments", "id, venue, symbol", "(7, 'OKX', 'SOLUSDT')")
    answer = house.get(f"asof?symbol=SOLUSDT&ts={made.START}")
    assert (answer.status_code, answer.json()["ids"]) == (409, ["SOLUSDT.BINANCE", "SOLUSDT.OKX"])


def test_history_as_of_a_moment_has_what_had_been_received_and_no_more(house: Stored) -> None:
    moment = made.START + 700 * 1_000_003
    rows = house.get(f"history?symbol=BTCUSDT&kind=trades&asof={moment}&limit=5000").json()["data"]
    wanted = (TAPE.kind == EventKind.TRADE) & (TAPE.instrument == 0) & (TAPE.ts_recv <= moment)
    assert [row["offset"] for row in rows] == wanted.nonzero()[0].tolist()


_BARS = "venue, symbol, interval, ts_open, ts_close, open, high, low, close, trades, state, offset, version"


def versions(house: Stored, symbol: str, back_s: int, *told: tuple[int, str, int, int | None]) -> None:
    """Write versions (close, state, offset, ts_recv) of the bar of a minute that began so long before the market."""
    at = "fromUnixTimestamp64Nano({}, 'UTC')"
    begin = made.START // 10**9 * 10**9 - back_s * 10**9
    for close, state, offset, ts_recv in told:
        times = f"{at.format(begin)}, {at.format(begin + 60 * 10**9)}"
        received = "NULL" if ts_recv is None else at.format(ts_recv)
        prices = f"{close}, {close}, {close}, {close}, 3, '{state}', {offset}, {offset * 4}"
        house.insert(
            "bar_versions", f"{_BARS}, ts_recv", f"('BINANCE', '{symbol}', '1m', {times}, {prices}, {received})"
        )


def bars_at(house: Stored, symbol: str, moment: int) -> tuple[list[str], int, int | None]:
    """Return the closes that were known at a moment, and of how many it is not known."""
    found = house.get(f"history?symbol={symbol}&interval=1m&asof={moment}").json()
    return [row["close"] for row in found["data"]], found["replaced"], found.get("undated")


def test_bars_as_of_a_moment_are_those_concluded_by_then_and_lost_versions_are_counted(house: Stored) -> None:
    house.store.command("SYSTEM STOP MERGES bar_versions")
    at = [made.START + offset * 1_000_003 for offset in (100, 2000, 2500)]
    versions(house, "BTCUSDT", 60, (10, "final", 100, at[0]), (11, "corrected", 2000, at[1]))
    versions(house, "BTCUSDT", 120, (1, "corrected", 2500, at[2]))

    assert bars_at(house, "BTCUSDT", at[0] - 1) == ([], 2, None)
    assert bars_at(house, "BTCUSDT", at[0]) == (["10"], 1, None)
    assert bars_at(house, "BTCUSDT", at[1] - 1) == (["10"], 1, None)
    assert bars_at(house, "BTCUSDT", at[1]) == (["11"], 1, None)
    assert bars_at(house, "BTCUSDT", at[2]) == (["1", "11"], 0, None)


def test_a_bar_is_known_from_the_record_that_concluded_it_whether_or_not_ticks_came_or_are_kept(house: Stored) -> None:
    house.store.command("SYSTEM STOP MERGES bar_versions")
    close, gap, imported = made.START - 5 * 86_400 * 10**9, made.START + 10**9 // 2, made.START + 30 * 86_400 * 10**9
    # A clock closes it where no tick is any more; a gap between two ticks corrects it; another comes with a document.
    versions(house, "ETHUSDT", 6 * 86_400, (20, "final", 5000, close), (21, "corrected", 5001, gap))
    versions(house, "ETHUSDT", 60, (30, "final", 5002, imported))

    assert bars_at(house, "ETHUSDT", close - 1) == ([], 1, None)
    assert bars_at(house, "ETHUSDT", close) == (["20"], 0, None)
    assert bars_at(house, "ETHUSDT", gap - 1) == (["20"], 1, None)
    assert bars_at(house, "ETHUSDT", gap) == (["21"], 1, None)
    assert bars_at(house, "ETHUSDT", imported) == (["21", "30"], 0, None)


def test_a_bar_stored_before_its_time_was_kept_counts_as_known_when_it_was_stored_and_is_told_of_before(
    house: Stored,
) -> None:
    versions(house, "SOLUSDT", 180, (40, "final", 6000, None))
    versions(house, "SOLUSDT", 240, (41, "final", 6001, made.START + 10**9))
    stored = instant(house.store.query("SELECT toString(max(ts_store)) AS at FROM bar_versions")["at"][0].as_py())

    assert bars_at(house, "SOLUSDT", made.START) == ([], 1, 1)
    assert bars_at(house, "SOLUSDT", made.START + 10**9) == (["41"], 0, 1)
    assert bars_at(house, "SOLUSDT", stored + 10**6) == (["41", "40"], 0, None)
