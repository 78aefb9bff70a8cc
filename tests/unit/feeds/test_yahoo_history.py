"""Asking for charts: windows, crumb, patience."""

from datetime import UTC, datetime
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest

from breadboard.conversations import Fetch, Request
from breadboard.errors import UsageError
from breadboard.feeds.yahoo_history import DAY_S, Hosts, YahooChart, chart_url, windows

NOW = 1_740_100_000
FINE = b'{"chart":{"result":[],"error":null}}'
OLD_CRUMB = b'{"chart":{"result":null,"error":{"code":"Unauthorized","description":"Invalid Crumb"}}}'
UNKNOWN = b'{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found"}}}'
TOO_WIDE = b'{"chart":{"result":null,"error":{"code":"Unprocessable Entity","description":"Only 8 days"}}}'


def asked(requests: list[Request]) -> tuple[str, str, float]:
    (request,) = requests
    assert isinstance(request, Fetch)
    return request.tag, request.url, request.delay_s


def test_minutes_are_asked_for_a_week_at_a_time() -> None:
    found = windows("1m", NOW - 20 * DAY_S, NOW, NOW)
    assert found[0][0] == NOW - 20 * DAY_S
    assert found[-1][1] == NOW
    assert all(end - begin <= 7 * DAY_S for begin, end in found)
    assert all(one[1] == two[0] for one, two in pairwise(found))
    assert len(found) == 3


@pytest.mark.parametrize(("interval", "days"), [("1m", 29), ("5m", 59), ("90m", 59), ("1h", 729), ("60m", 729)])
def test_what_the_venue_no_longer_has_is_a_usage_error(interval: str, days: int) -> None:
    assert windows(interval, NOW - days * DAY_S, NOW, NOW)
    with pytest.raises(UsageError, match=f"of the last {days} days") as error:
        windows(interval, NOW - days * DAY_S - 1, NOW, NOW)
    day = datetime.fromtimestamp(NOW - (days - 1) * DAY_S, UTC).date().isoformat()
    assert error.value.hint.startswith(f"--from {day} "), "which is not too early, whatever the hour"


def test_days_reach_back_for_ever_in_one_request() -> None:
    assert windows("1d", 0, NOW + DAY_S, NOW) == ((0, NOW),)


@pytest.mark.parametrize(
    ("interval", "begin", "end"), [("30m", 0, NOW), ("7m", 0, NOW), ("1d", NOW, NOW), ("1d", 9, 8)]
)
def test_what_cannot_be_asked_is_a_usage_error(interval: str, begin: int, end: int) -> None:
    with pytest.raises(UsageError) as error:
        windows(interval, begin, end, NOW)
    assert error.value.hint


def test_the_address_of_a_chart() -> None:
    url = chart_url("https://query2.finance.yahoo.com", "^GSPC", "1m", (1, 2), crumb="a/b", hours=True)
    parts = urlsplit(url)
    assert (parts.netloc, parts.path) == ("query2.finance.yahoo.com", "/v8/finance/chart/%5EGSPC")
    assert parse_qs(parts.query) == {
        "interval": ["1m"],
        "includePrePost": ["true"],
        "events": ["div,splits,capitalGains"],
        "period1": ["1"],
        "period2": ["2"],
        "crumb": ["a/b"],
    }
    assert "range=5d" in chart_url("", "EURUSD=X", "1d", "5d")


def test_window_after_window_without_a_crumb() -> None:
    chart = YahooChart("AAPL", "1m", [(0, 5), (5, 9)])
    tag, url, delay = asked(chart.requests())
    assert (tag, delay, "crumb" in url) == ("chart:AAPL", 0.0, False)
    assert "period1=0&period2=5" in url
    _, url, delay = asked(chart.on_document(tag, 200, FINE))
    assert "period1=5&period2=9" in url
    assert delay > 0
    assert not chart.done
    assert chart.on_document(tag, 200, FINE) == []
    assert (chart.done, chart.error, chart.refused) == (True, None, [])


def test_401_leads_to_a_cookie_a_crumb_and_the_same_window_again() -> None:
    chart = YahooChart("AAPL", "1d", ["5d"])
    chart.requests()
    tag, url, _ = asked(chart.on_document("chart:AAPL", 401, OLD_CRUMB))
    assert (tag, url) == ("cookie", "https://fc.yahoo.com/")
    tag, url, _ = asked(chart.on_document("cookie", 404, b""))
    assert (tag, url) == ("crumb", "https://query1.finance.yahoo.com/v1/test/getcrumb")
    tag, url, _ = asked(chart.on_document("crumb", 200, b"AbC/de.fGh1"))
    assert (tag, "crumb=AbC%2Fde.fGh1" in url) == ("chart:AAPL", True)
    assert "AbC" not in repr(chart)
    assert chart.on_document("chart:AAPL", 200, FINE) == []
    assert (chart.done, chart.error) == (True, None)


@pytest.mark.parametrize("crumb", [b"", b"<html>please consent</html>", b"x" * 65, b"a\x00b"])
def test_what_is_no_crumb_is_asked_for_once_more_and_then_given_up(crumb: bytes) -> None:
    chart = YahooChart("AAPL", "1d", ["5d"])
    chart.requests()
    requests = chart.on_document("chart:AAPL", 401, OLD_CRUMB)
    for _ in range(2):
        tag, _, _ = asked(requests)
        assert tag == "cookie"
        chart.on_document("cookie", 404, b"")
        requests = chart.on_document("crumb", 200, crumb)
    assert requests == []
    assert chart.error == "AAPL: no crumb: HTTP 200, also with a new cookie and crumb"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, b"Edge: Too Many Requests"),
        (0, b""),
        (503, b""),
        (200, b"Will be right back"),
        (200, b'{"chart":{"res'),
    ],
)
def test_a_busy_venue_is_asked_later_each_time_and_given_up_after_five(status: int, body: bytes) -> None:
    chart = YahooChart("AAPL", "1d", ["5d", "1mo"])
    chart.requests()
    waits = [asked(chart.on_document("chart:AAPL", status, body))[2] for _ in range(4)]
    assert waits == [5.0, 10.0, 20.0, 40.0]
    assert chart.on_document("chart:AAPL", status, body) == []
    assert chart.error is not None
    assert chart.error.endswith("5 times in a row")
    assert chart.on_document("chart:AAPL", 200, FINE) == []


def test_a_crumb_that_is_refused_for_asking_too_often_is_asked_for_later() -> None:
    chart = YahooChart("AAPL", "1d", ["5d"])
    chart.requests()
    chart.on_document("chart:AAPL", 401, b"")
    chart.on_document("cookie", 404, b"")
    assert asked(chart.on_document("crumb", 429, b"Too Many Requests"))[0::2] == ("crumb", 5.0)


def test_an_unknown_symbol_ends_it_and_a_refused_window_does_not() -> None:
    chart = YahooChart("NOPE", "1d", ["5d", "1mo"])
    chart.requests()
    assert chart.on_document("chart:NOPE", 404, UNKNOWN) == []
    assert chart.error == "NOPE: Not Found: No data found"
    other = YahooChart("AAPL", "1m", [(0, 5), (5, 9)])
    other.requests()
    assert asked(other.on_document("chart:AAPL", 422, TOO_WIDE))
    assert other.refused == [((0, 5), "Unprocessable Entity: Only 8 days")]
    assert (other.taken, other.done, other.error) == (1, False, None)


@pytest.mark.parametrize("body", [b"<html>Forbidden</html>", b'{"finance":{"result":null}}', b"[]", b""])
def test_a_refusal_that_is_no_chart_is_told_and_not_kept(body: bytes) -> None:
    chart = YahooChart("AAPL", "1m", [(0, 5), (5, 9)])
    chart.requests()
    assert asked(chart.on_document("chart:AAPL", 403, body))
    assert (chart.taken, len(chart.refused)) == (0, 1)
    assert chart.on_document("chart:AAPL", 200, FINE) == []
    assert (chart.taken, chart.done, chart.error) == (1, True, None)


def test_answers_to_what_was_not_asked_are_nothing() -> None:
    chart = YahooChart("AAPL", "1d", ["5d"], Hosts.at("http://127.0.0.1:9/"))
    assert asked(chart.requests())[1].startswith("http://127.0.0.1:9/v8/")
    assert chart.on_document("crumb", 200, b"x") == []
    assert chart.on_document("chart:MSFT", 200, FINE) == []
    assert not chart.done
