"""Requests to the lookup port, rows of answers, and streamed bars."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breadboard.feeds.iqfeed_bars import BarsSession, unwatch, watch
from breadboard.feeds.iqfeed_lookup import (
    Span,
    bars_request,
    days_request,
    error_of,
    fields_of,
    ticks_request,
)
from breadboard.feeds.iqfeed_reader import IqfeedReader
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Meaning
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import EventKind, Flag, Side, StatusCode, Uncounted
from samples.iqfeed import SAMPLE

AT = At(0, 1, 0, notes=True)
DAY = Span("20261124 093000", "20261124 160000", most=10, from_time="093000", to_time="160000")
TICK = "2026-11-24 09:30:00.000001,10.5,100,1000,10.49,10.51,7,C,11,01,1,4,"


def test_requests_have_the_vendors_field_order() -> None:
    assert ticks_request("XYZ", "R1", Span(most=5)) == "HTX,XYZ,5,1,R1,"
    assert ticks_request("XYZ", "R1", Span(days=3, from_time="0930")) == "HTD,XYZ,3,,0930,,1,R1,"
    assert ticks_request("XYZ", "R1", DAY) == "HTT,XYZ,20261124 093000,20261124 160000,10,093000,160000,1,R1,"
    assert bars_request("XYZ", "R1", Span(), 60) == "HIX,XYZ,60,,1,R1,,s,1"
    assert bars_request("XYZ", "R1", Span(days=3), 100, "t") == "HID,XYZ,100,3,,,,1,R1,,t,1"
    assert bars_request("XYZ", "R1", DAY, 5) == "HIT,XYZ,5,20261124 093000,20261124 160000,10,093000,160000,1,R1,,s,1"
    assert days_request("XYZ", "R1", Span()) == "HDX,XYZ,,1,R1,"
    assert days_request("XYZ", "R1", DAY) == "HDT,XYZ,20261124,20261124,10,1,R1,"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("E,!NO_DATA!,,", "!NO_DATA!"),
        ("R1,E,!SYNTAX_ERROR!,", "!SYNTAX_ERROR!"),
        ("E,Invalid symbol.,", "Invalid symbol."),
        ("R1,E,Unauthorized user ID.,", "Unauthorized user ID."),
        ("E,7,1,ENI,", None),
        ("R1,E,7,1,ENI,", None),
        ("R1,LS,E,7,1,ENI,", None),
        (TICK, None),
        ("", None),
    ],
)
def test_a_row_that_begins_with_e_is_an_error_only_when_it_is_short(line: str, error: str | None) -> None:
    assert error_of(fields_of(line)) == error


@pytest.mark.parametrize("before", ["", "LH,", "R1,", "R1,LH,"])
def test_ticks_are_trades_with_or_without_request_ids(before: str) -> None:
    body = "".join(
        f"{before}{line}\r\n"
        for line in (TICK, TICK.replace(",C,", ",O,"), TICK.replace(",C,", ",E,").replace(",1,4,", ",,,"))
    )
    end = before.replace("LH,", "") + "!ENDMSG!,\r\n"
    meaning = IqfeedReader().read_document(DocumentHead("ticks:XYZ", "", 200), (body + end).encode(), AT)
    assert meaning.refused is None
    one, two, three = meaning.events
    assert (one.symbol, one.price, one.size, one.side, one.trade_id) == ("XYZ", 10_500_000_000, 10**10, Side.BUY, 7)
    assert one.ts_event == 1_795_530_600_000_001_000
    assert (two.flags, three.flags, three.side) == (Flag.INELIGIBLE, Flag(0), Side.NONE)
    assert (one.notes["bid"], one.notes["conditions"], two.notes["basis"]) == ("10.49", ["01"], "other")


def test_rows_newest_first_are_turned_round() -> None:
    body = f"{TICK.replace(':00.000001', ':59.000001')}\n{TICK}\n"
    events = IqfeedReader().read_document(DocumentHead("ticks:XYZ", "", 200), body.encode(), AT).events
    assert [event.ts_event for event in events] == sorted(event.ts_event for event in events)


AUTUMN = ["00:58:00", "01:50:00", "01:59:59", "01:05:00", "01:59:30", "02:00:00"]
"""On 2026-11-01 New York turns its clock back at two: the fourth is 66 minutes after the second."""
MIDNIGHT = 1_793_505_600
MINUTES_S = [58 * 60, 110 * 60, 120 * 60 - 1, 125 * 60, 180 * 60 - 30, 180 * 60]
"""After midnight."""


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("begin", [0, 1])
def test_the_hour_that_comes_twice_stays_in_the_order_of_the_answer(begin: int, newest_first: bool) -> None:
    step = -1 if newest_first else 1
    ticks = [TICK.replace("11-24 09:30:00", f"11-01 {clock}") for clock in AUTUMN[begin:]][::step]
    events = IqfeedReader().read_document(DocumentHead("ticks:XYZ", "", 200), "\n".join(ticks).encode(), AT).events
    assert [event.ts_event // 10**9 - MIDNIGHT for event in events] == MINUTES_S[begin:]


@pytest.mark.parametrize("tag", ["bars:XYZ:1800", "bars:XYZ:1800e", "bars:XYZ:"])
@pytest.mark.parametrize("newest_first", [False, True])
def test_bars_of_the_hour_that_comes_twice_are_one_after_the_other(tag: str, newest_first: bool) -> None:
    clocks = ["00:30", "01:00", "01:30", "01:00", "01:30", "02:00", "02:30"][:: -1 if newest_first else 1]
    rows = "".join(f"2026-11-01 {clock}:00,10.9,10.1,10.2,10.8,5000,700,12,\n" for clock in clocks)
    bars = IqfeedReader().read_document(DocumentHead(tag, "", 200), rows.encode(), AT).bars
    shift = 1800 if tag.endswith("e") else 0
    assert [bar.ts_open // 10**9 - MIDNIGHT + shift for bar in bars] == [1800 * place for place in range(1, 8)]
    assert {bar.interval_s for bar in bars} == {1800}


def test_a_row_that_cannot_be_read_is_told_and_the_rest_is_taken() -> None:
    body = f"{TICK}\n{TICK.replace('10.5,', 'ten,')}\n{TICK.replace(',C,', ',S,')}\n{TICK}\n"
    meaning = IqfeedReader().read_document(DocumentHead("ticks:XYZ", "", 200), body.encode(), AT)
    assert (len(meaning.events), meaning.ignored) == (2, "S")
    assert meaning.refused is not None
    assert meaning.refused.startswith("row 2: ")


def test_a_refusal_is_the_venues_word_and_not_a_row() -> None:
    for status, body in ((200, b"R1,E,Invalid symbol.,,\r\nR1,!ENDMSG!,\r\n"), (500, b"")):
        meaning = IqfeedReader().read_document(DocumentHead("ticks:XYZ", "", status), body, AT)
        assert [event.code for event in meaning.events] == [StatusCode.VENUE_ERROR]


def test_rows_beside_a_refusal_stand_and_the_refusal_is_told_after_them() -> None:
    """Answers to several requests may stand in one document; an error ends that of its own request alone."""
    rows = f"A,LH,{TICK}\nB,E,Unauthorized user ID.,,\nB,!ENDMSG!,\nA,LH,{TICK}\nE,!NO_DATA!,,\nE,Invalid symbol.,\n"
    meaning = IqfeedReader().read_document(DocumentHead("ticks:XYZ", "", 200), rows.encode() * 2, AT)
    assert [(event.kind, event.code) for event in meaning.events] == [
        *[(EventKind.TRADE, Uncounted(0))] * 4,
        (EventKind.STATUS, StatusCode.VENUE_ERROR),
    ]
    assert [event.trade_id for event in meaning.events[:4]] == [7] * 4
    assert (meaning.control, meaning.refused) == (False, None), "all of it was understood, and it is data"
    said = ["request B: Unauthorized user ID.", "Invalid symbol."]
    assert meaning.notes == {"symbol": "XYZ", "refused": said}
    assert (meaning.events[-1].symbol, meaning.events[-1].notes) == ("XYZ", {"refused": said})
    bar = "2026-11-24 09:30:05,10.9,10.1,10.2,10.8,5000,700,12,\n"
    meaning = IqfeedReader().read_document(
        DocumentHead("bars:XYZ:5", "", 200), f"{bar}B,E,Invalid symbol.,,\n".encode(), AT
    )
    assert [(each.ts_open, each.close) for each in meaning.bars] == [(1_795_530_605 * 10**9, 10_800_000_000)]
    assert [event.code for event in meaning.events] == [StatusCode.VENUE_ERROR]


def test_refusals_alone_are_conversation_and_tell_their_words() -> None:
    body = b"R1,E,Invalid symbol.,,\r\nR1,!ENDMSG!,\r\n"
    meaning = IqfeedReader().read_document(DocumentHead("ticks:XYZ", "", 200), body, AT)
    assert (meaning.control, meaning.notes) == (True, {"symbol": "XYZ", "refused": ["request R1: Invalid symbol."]})


def test_that_there_was_nothing_is_no_refusal() -> None:
    body = b"R1,E,!NO_DATA!,,\r\nR1,!ENDMSG!,\r\n"
    meaning = IqfeedReader().read_document(DocumentHead("ticks:XYZ", "", 200), body, AT)
    assert (meaning.events, meaning.refused, meaning.notes) == ((), None, {"symbol": "XYZ", "empty": True})


def test_vendor_bars_come_high_low_open_close_and_are_stamped_as_they_were_asked_for() -> None:
    row = b"2026-11-24 09:30:05,10.9,10.1,10.2,10.8,5000,700,12,\n"
    (bar,) = IqfeedReader().read_document(DocumentHead("bars:XYZ:5", "", 200), row, AT).bars
    assert [bar.high, bar.low, bar.open, bar.close] == [each * 10**8 for each in (109, 101, 102, 108)]
    assert (bar.interval_s, bar.ts_open, bar.volume, bar.trades) == (5, 1_795_530_605 * 10**9, 700 * 10**8, 12)
    (late,) = IqfeedReader().read_document(DocumentHead("bars:XYZ:5e", "", 200), row, AT).bars
    assert late.ts_open == bar.ts_open - 5 * 10**9
    for tag in ("bars:XYZ:", "bars:XYZ:0", "bars:XYZ:x", "depth:XYZ", "ticks:", "bars"):
        with pytest.raises(ValueError):  # noqa: PT011 - each has a sentence of its own
            IqfeedReader().read_document(DocumentHead(tag, "", 200), row, AT)


def test_history_goes_below_zero_and_a_price_of_0_is_one_beside_a_price_below() -> None:
    """Oil on 2020-04-20: open 17.73, low -40.32, close -37.63."""
    days = b"2020-04-20,17.85,-40.32,17.73,-37.63,248000,50,\n2020-04-21,13.86,-16.74,0,10.01,100,50,\n"
    first, second = IqfeedReader().read_document(DocumentHead("bars:QCLK20:86400", "", 200), days, AT).bars
    assert [first.high, first.low, first.open, first.close] == [each * 10**7 for each in (1785, -4032, 1773, -3763)]
    assert second.open == 0
    empty = days.replace(b"-40.32", b"0")
    assert "an impossible price: '0'" in str(
        IqfeedReader().read_document(DocumentHead("bars:QCLK20:86400", "", 200), empty, AT).refused
    )
    ticks = [TICK.replace("10.5,", "-37.63,"), TICK.replace("10.5,", "0,").replace("10.49", "-0.01")]
    body = "\n".join([*ticks, TICK.replace("10.5,", "0,")]).encode()
    meaning = IqfeedReader().read_document(DocumentHead("ticks:QCLK20", "", 200), body, AT)
    assert ([event.price for event in meaning.events], meaning.refused) == (
        [-37_630_000_000, 0],
        "row 3: an impossible price: '0'",
    )
    line = b"B60,BC,XYZ,2026-11-24 10:31:00,0,0.05,-0.10,-0.05,1000,100,7,"
    (bar,) = IqfeedReader().read(line, AT).bars
    assert [bar.open, bar.high, bar.low, bar.close] == [each * 10**7 for each in (0, 5, -10, -5)]


def test_a_week_begins_on_its_monday_and_is_stamped_with_its_last_day() -> None:
    """Of Good Friday's that is the Thursday; of the week that is not over, its latest day."""
    stamps = ("2021-01-08", "2021-03-12", "2021-03-19", "2021-03-26", "2021-04-01", "2021-04-05", "2021-04-09 00:00:00")
    body = "".join(f"{stamp},10.9,10.1,10.2,10.8,5000,0,\n" for stamp in stamps).encode()
    for tag in ("bars:XYZ:604800", "bars:XYZ:604800e"):
        bars = IqfeedReader().read_document(DocumentHead(tag, "", 200), body, AT).bars
        mondays = [datetime.fromtimestamp(bar.ts_open // 10**9, ZoneInfo("America/New_York")) for bar in bars]
        assert [f"{monday:%a %m-%d %H:%M:%S}" for monday in mondays] == [
            *("Mon 01-04 00:00:00", "Mon 03-08 00:00:00", "Mon 03-15 00:00:00", "Mon 03-22 00:00:00"),
            *("Mon 03-29 00:00:00", "Mon 04-05 00:00:00", "Mon 04-05 00:00:00"),
        ]
        assert {(bar.interval_s, bar.volume) for bar in bars} == {(604_800, 5000 * 10**8)}


def test_a_date_alone_is_no_bar_of_a_minute() -> None:
    """Its seventh field, of a minute the volume, is of a day the open interest."""
    row = b"2026-11-24,10.9,10.1,10.2,10.8,5000,700,\n"
    meaning = IqfeedReader().read_document(DocumentHead("bars:XYZ:60", "", 200), row, AT)
    assert (meaning.bars, meaning.refused) == ((), "row 1: a bar of 60 s with the stamp of a day, '2026-11-24'")


@given(st.sampled_from(["ticks:XYZ", "bars:XYZ:5", "bars:XYZ:", "bars:XYZ:86400", "bars:XYZ:604800"]), st.data())
def test_documents_of_any_bytes_are_read_or_refused(tag: str, data: st.DataObject) -> None:
    pieces = st.sampled_from(
        [TICK.encode(), b"2026-11-24", b"\n", b",", b"E,", b"LH,", b"!ENDMSG!,", b"10.5", *SAMPLE.frames]
    )
    body = b"".join(data.draw(st.lists(st.one_of(pieces, st.binary(max_size=4)), max_size=20)))
    try:
        assert isinstance(IqfeedReader().read_document(DocumentHead(tag, "", 200), body, AT), Meaning)
    except ValueError:
        return


def test_streamed_bars_are_asked_for_by_an_id_that_tells_their_interval() -> None:
    assert watch("XYZ", 60, 2) == "BW,XYZ,60,,2,,,,B60,s,,0"
    assert unwatch("XYZ", 60) == "BR,XYZ,B60"
    session = BarsSession([f"S{number}" for number in range(60)], 60, "tcp://127.0.0.1:9400")
    assert len(session.on_connect()) == 50
    assert len(session.on_time(1.0)) == 12
    assert session.on_time(2.0) == []
    line = b"B60,BC,XYZ,2026-11-24 10:31:00,10.2,10.5,10.1,10.4,1000,100,7,"
    (bar,) = IqfeedReader().read(line, AT).bars
    assert [bar.open, bar.high, bar.low, bar.close] == [each * 10**8 for each in (102, 105, 101, 104)]
    assert (bar.interval_s, bar.ts_open, bar.volume) == (60, 1_795_534_200 * 10**9, 100 * 10**8)
    assert IqfeedReader().read(line.replace(b"BC", b"BU"), AT).ignored == "BU"
    assert IqfeedReader().read(line.removeprefix(b"B60,"), AT).ignored == "BC of an interval that nobody named"


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(SAMPLE.frames)), max_size=10))
def test_the_other_ports_sessions_never_raise(frames: list[bytes]) -> None:
    BarsSession(["XYZ"], 60, "").on_frames(frames)
