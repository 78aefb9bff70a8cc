"""Latest: the newest trade and quote, and the day so far."""

import pytest

from breadboard.engine.latest import Latest
from breadboard.engine.sessions import Sessions
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import EventKind, Flag, Uncounted
from tapes import SECOND, T0, tape, trade

MIDNIGHT = 1_700_006_400_000_000_000 - T0


def test_the_last_trade_is_the_last_by_event_time() -> None:
    stage = Latest()
    stage.on_tape(tape([trade(1, 50, 100), trade(2, 70, 110, 3), trade(3, 60, 90)]))
    last = stage.records[0]
    assert (last["price"], last["trade_id"], last["size"]) == (110 * 10**9, 2, 3 * 10**8)
    assert (last["open"], last["high"], last["low"]) == (100 * 10**9, 110 * 10**9, 90 * 10**9)
    assert (last["trades"], last["volume_whole"], last["volume_fraction"]) == (3, 5, 0)


def test_a_last_trade_that_is_taken_back_is_none_until_the_next() -> None:
    stage, gone = Latest(), int(Flag.WITHDRAWN)
    stage.on_tape(tape([trade(1, 50, 100), trade(2, 70, 110, 3), trade(1, 50, 100, flags=gone)]))
    assert stage.records[0]["price"] == 110 * 10**9, "it was not the last"
    stage.on_tape(tape([trade(3, 70, 110, 3, flags=gone), trade(2, 70, 110, 3, flags=gone | int(Flag.DUPLICATE))]))
    assert stage.records[0]["price"] == 110 * 10**9, "it has another number, or was taken back before"
    stage.on_tape(tape([trade(2, 70, 110, 3, flags=gone), trade(4, 60, 90)]))
    assert {stage.records[0][name] for name in ("price", "size", "trade_id")} == {ABSENT}
    stage.on_tape(tape([trade(5, 70, 111, 3, flags=int(Flag.LATE_PRINT))]))
    assert stage.records[0]["price"] == 111 * 10**9


def test_a_new_utc_day_begins_its_statistics_anew() -> None:
    stage = Latest()
    stage.on_tape(tape([trade(1, MIDNIGHT - SECOND, 100), trade(2, MIDNIGHT, 50, 7), trade(3, MIDNIGHT - 1, 900)]))
    last = stage.records[0]
    assert (last["trades"], last["open"], last["high"], last["volume_whole"]) == (1, 50 * 10**9, 50 * 10**9, 7)


def test_a_duplicate_counts_for_nothing_and_a_last_known_trade_only_shows() -> None:
    stage = Latest()
    stage.on_tape(tape([trade(1, 0, 100, flags=Flag.LAST_KNOWN), trade(9, 5, 55, flags=Flag.DUPLICATE)]))
    last = stage.records[0]
    assert (last["price"], last["trades"], last["volume_whole"], last["day"]) == (100 * 10**9, 0, 0, -1)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_of_ours_that_is_set_back_leaves_the_last_trade_the_last(restarted: bool) -> None:
    hour = 3600 * SECOND
    stage = Latest()
    set_back = {"kind": EventKind.CLOCK, "instrument": -1, "size": -hour, "ts_recv": T0 + 2 * SECOND - hour}
    stage.on_tape(tape([trade(1, SECOND, 100), set_back]))
    if restarted:
        before, stage = stage, Latest()
        stage.restore(before.snapshot())
    stage.on_tape(tape([trade(2, 3 * SECOND, 110, ts_recv=T0 + 3 * SECOND - hour)]))
    assert (stage.records[0]["price"], stage.records[0]["trade_id"]) == (110 * 10**9, 2)
    stage.on_tape(tape([trade(3, 10 * hour, 999, ts_recv=T0 + 4 * SECOND - hour)]))
    stage.on_tape(tape([trade(4, 5 * SECOND, 120, ts_recv=T0 + 70 * SECOND)]))
    assert stage.records[0]["price"] == 999 * 10**9, "mistaken, and no more than a minute ahead of what our clock was"
    stage.on_tape(tape([trade(5, 66 * SECOND, 130, ts_recv=T0 + 66 * SECOND - hour)]))
    assert stage.records[0]["price"] == 130 * 10**9


def test_a_clock_of_ours_that_was_wrong_and_is_right_again_believes_no_venue_more_than_before() -> None:
    hour, stage = 3600 * SECOND, Latest()
    for by, now in ((hour, T0 + hour + SECOND), (-hour, T0 + 2 * SECOND)):
        stage.on_tape(tape([{"kind": EventKind.CLOCK, "instrument": -1, "size": by, "ts_recv": now}]))
    stage.on_tape(tape([trade(1, hour, 999, ts_recv=T0 + 3 * SECOND)]))
    stage.on_tape(tape([trade(2, 70 * SECOND, 110, ts_recv=T0 + 70 * SECOND)]))
    assert stage.records[0]["price"] == 110 * 10**9, "a minute ahead of our clock at most"


def test_the_last_quote_keeps_a_missing_side_absent() -> None:
    stage = Latest()
    stage.on_tape(tape([{"kind": EventKind.QUOTE, "price": 5, "size": 6, "ts_event": T0}]))
    quote = stage.records[0]
    assert (quote["bid"], quote["bid_size"], quote["ask"]) == (5, 6, ABSENT)
    assert (quote["trade_ts_recv"], quote["day"]) == (ABSENT, -1)
    assert len(stage.records) == 1


def test_a_quote_that_its_vendor_finds_suspicious_is_not_the_last_one() -> None:
    stage = Latest()
    quote = {"kind": EventKind.QUOTE, "price": 5, "size": 6, "ask_price": 7, "ask_size": 8, "ts_event": T0}
    odd = {"price": 1, "ask_price": 900, "flags": Flag.INELIGIBLE, "ts_event": T0 + 1}
    stage.on_tape(tape([quote, quote | odd]))
    last = stage.records[0]
    assert (last["bid"], last["ask"], last["quote_ts_event"], last["updates"]) == (5, 7, T0, 1)


def test_a_print_without_a_size_is_the_last_trade_and_no_volume() -> None:
    stage = Latest()
    stage.on_tape(tape([trade(1, 0, 100, 7), trade(2, 5, 120) | {"size": ABSENT}]))
    last = stage.records[0]
    assert (last["price"], last["high"], last["size"]) == (120 * 10**9, 120 * 10**9, ABSENT)
    assert (last["trades"], last["volume_whole"], last["volume_fraction"]) == (2, 7, 0)


def after(*rows: dict[str, int], calendar: str = "") -> dict[str, int]:
    """Return what is known after two trades at 100 and 101, ten each, and these."""
    stage = Latest(Sessions(lambda _: calendar))
    stage.on_tape(tape([trade(1, 0, 100, 10), trade(2, 2 * SECOND, 101, 10), *rows]))
    last = stage.records[0]
    prices = {name: int(last[name]) // 10**9 for name in ("price", "open", "high", "low")}
    return prices | {"volume": int(last["volume_whole"]), "trades": int(last["trades"])}


@pytest.mark.parametrize("calendar", ["", "XNYS"])
def test_a_print_counts_for_what_the_bar_of_its_day_lets_it(calendar: str) -> None:
    """Which is a day's of an exchange, with rules of its own, or one like any other."""
    before = {"price": 101, "open": 100, "high": 101, "low": 100, "volume": 20, "trades": 2}
    far = trade(3, 3 * SECOND, 500, 7)
    assert after(calendar=calendar) == before
    none = far | {"flags": Flag.INELIGIBLE, "code": Uncounted.ALL.everywhere}
    assert after(none, calendar=calendar) == before
    counted = before | {"volume": 27, "trades": 3}
    volume_only = far | {"flags": Flag.VOLUME_ONLY, "code": Uncounted.PRICES.everywhere}
    assert after(volume_only, calendar=calendar) == counted
    far_up = counted | {"high": 500}
    outside = after(far | {"code": Uncounted.DAY_PRICES}, calendar=calendar)
    assert outside == (counted if calendar else far_up) | {"price": 500}
    assert after(far | {"code": Uncounted.PRICES}, calendar=calendar) == (far_up if calendar else counted)
    unfilled = after(far | {"code": Uncounted.DAY_VOLUME}, calendar=calendar)
    assert unfilled == far_up | {"price": 500, "volume": 20 if calendar else 27}


def test_the_open_is_of_the_first_trade_by_time_and_number_whenever_it_came() -> None:
    first = [trade(4, SECOND, 100), trade(3, 0, 103), trade(2, 0, 102), trade(5, 0, 105)]
    stage = Latest()
    for at, row in enumerate(first):
        stage.on_tape(tape([row], first=at))
        before, stage = stage, Latest()
        stage.restore(before.snapshot())
    assert stage.records[0]["open"] == 102 * 10**9
    stage.on_tape(tape([trade(6, MIDNIGHT + 5, 106), trade(7, 1, 107), trade(8, MIDNIGHT, 108)], first=4))
    assert stage.records[0]["open"] == 108 * 10**9


def test_a_day_that_begins_with_a_print_without_a_price_has_its_volume() -> None:
    stage = Latest()
    odd = {"flags": Flag.VOLUME_ONLY, "code": Uncounted.PRICES.everywhere}
    stage.on_tape(tape([trade(1, 0, 500, 7) | odd]))
    last = stage.records[0]
    assert (last["price"], last["open"], last["high"], last["low"], last["volume_whole"]) == (*[ABSENT] * 4, 7)
    stage.on_tape(tape([trade(2, 1, 100, 3), trade(3, 2, 90, 1)], first=1))
    assert [int(stage.records[0][name]) // 10**9 for name in ("price", "open", "high", "low")] == [90, 100, 100, 90]


def test_what_is_aggregated_counts_only_where_there_is_nothing_else() -> None:
    many = trade(9, 3 * SECOND, 99, 20) | {"flags": Flag.AGGREGATED}
    assert after(many)["volume"] == 20
    stage = Latest()
    stage.on_tape(tape([many, many]))
    assert (stage.records[0]["volume_whole"], stage.records[0]["price"]) == (40, 99 * 10**9)


def test_fractions_of_volume_are_exact() -> None:
    stage = Latest()
    tenth = trade(1, 0) | {"size": 10**17, "size_exp": -18}
    stage.on_tape(tape([tenth] * 13))
    last = stage.records[0]
    assert (last["volume_whole"], last["volume_fraction"]) == (1, 3 * 10**17)


def test_a_volume_beyond_64_bits_is_held_and_not_wrapped() -> None:
    stage = Latest()
    stage.on_tape(tape([trade(1, 0) | {"size": 2**62, "size_exp": 0}] * 3))
    last = stage.records[0]
    assert last["volume_whole"] == 2**63 - 1


def test_a_trade_from_years_ahead_is_not_the_last_one_for_years() -> None:
    stage = Latest()
    year, minute = 365 * 86_400 * SECOND, 60 * SECOND
    stage.on_tape(tape([trade(1, 0), trade(2, year) | {"ts_recv": T0 + 1}, trade(3, minute + 2, 777)]))
    record = stage.records[0]
    assert (record["trade_id"], record["price"], record["trades"]) == (3, 777 * 10**9, 3)
    assert record["day"] == T0 // (86_400 * SECOND)
