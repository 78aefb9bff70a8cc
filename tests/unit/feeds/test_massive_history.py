"""A call of Massive's and its pages, without a network."""

import json

import pytest

from breadboard.conversations import Fetch, Request
from breadboard.errors import UsageError
from breadboard.feeds.massive_calls import MOST_TRIES, splits
from breadboard.feeds.massive_history import MassiveHistory, bars_of

KEY = "k3y-that-nobody-may-read"
BASE = "https://api.massive.com"


def made() -> MassiveHistory:
    inquiry = MassiveHistory("splits:ABC", splits("ABC"), KEY)
    asked(inquiry.requests())
    return inquiry


def asked(requests: list[Request]) -> Fetch:
    (request,) = requests
    assert isinstance(request, Fetch)
    assert request.headers == {"Authorization": f"Bearer {KEY}"}
    assert KEY not in request.url + repr(request)
    return request


def page(next_url: str | None = None, results: int = 1, status: str = "OK") -> bytes:
    told = {"status": status, "results": [{}] * results} | ({"next_url": next_url} if next_url else {})
    return json.dumps(told).encode()


def test_pages_are_followed_to_the_last() -> None:
    inquiry = made()
    for number in (1, 2):
        url = f"{BASE}/v3/reference/splits?cursor={number}"
        assert asked(inquiry.on_document("splits:ABC", 200, page(url))).url == url
        assert (inquiry.taken, inquiry.done, inquiry.empty) == (number, False, False)
    assert inquiry.on_document("splits:ABC", 200, page(results=0, status="DELAYED")) == []
    assert (inquiry.taken, inquiry.done, inquiry.empty, inquiry.error) == (3, True, True, None)
    assert inquiry.late_ns == 900 * 10**9
    assert inquiry.on_document("splits:ABC", 200, page()) == []
    assert KEY not in repr(inquiry)


def test_an_inquiry_that_is_to_stop_where_data_are_late_takes_none_of_them() -> None:
    inquiry = MassiveHistory("splits:ABC", splits("ABC"), KEY, stop_late=True)
    inquiry.requests()
    assert inquiry.on_document("splits:ABC", 200, page(f"{BASE}/v3?cursor=1", status="DELAYED")) == []
    assert (inquiry.taken, inquiry.done, inquiry.late_ns, inquiry.error) == (0, True, 900 * 10**9, None)


def test_a_password_in_an_address_is_in_no_error_and_the_next_page_is_asked_for_with_it() -> None:
    base = "http://me:hunter2@gateway:9"
    for next_url, words in (
        ("http://gateway:9/v3?cursor=1", None),
        ("http://me:hunter2@gateway:9/v3?cursor=1", None),
        ("http://you:hunter3@gateway:9/v3?cursor=1", "the next page is on 'gateway:9', not on 'gateway:9'"),
        ("http://you:hunter3@elsewhere/v3?cursor=1", "the next page is on 'elsewhere', not on 'gateway:9'"),
    ):
        inquiry = MassiveHistory("splits:ABC", splits("ABC"), KEY, base)
        inquiry.requests()
        found = inquiry.on_document("splits:ABC", 200, page(next_url))
        if words is None:
            assert asked(found).url == f"{base}/v3?cursor=1"
        else:
            assert words in str(inquiry.error)
            assert "hunter" not in str(inquiry.error)


@pytest.mark.parametrize(
    ("next_url", "words"),
    [
        (f"{BASE}/v3/reference/splits?ticker=ABC&limit=1000", "leads from page 1 back to one before"),
        ("https://elsewhere.com/v3?cursor=1", "the next page is on 'elsewhere.com'"),
        ("http://api.massive.com/v3?cursor=1", "the next page is on"),
        ("https://[", "Invalid IPv6 URL"),
    ],
)
def test_a_page_that_leads_astray_ends_it(next_url: str, words: str) -> None:
    inquiry = made()
    assert inquiry.on_document("splits:ABC", 200, page(next_url)) == []
    assert inquiry.done
    assert words in str(inquiry.error)


@pytest.mark.parametrize(
    ("status", "body", "words", "hint"),
    [
        (401, b'{"error":"Unknown API Key"}', "does not take the key: 401 Unknown API Key", "export MASSIVE_API_KEY"),
        (403, b'{"message":"You are not entitled"}', "does not give this with your plan: 403", "an older day"),
        (404, f'{{"message":"no {KEY}"}}'.encode(), "refused: 404 no … (page 1)", "--help"),
        (200, page(status="ERROR"), "answered with the status 'ERROR'", "later"),
        (200, b'{"error":"upstream is busy"}', "answered with the status ''", "later"),
        (200, b"{}", "answered with the status ''", "later"),
    ],
)
def test_a_refusal_is_not_asked_for_twice(status: int, body: bytes, words: str, hint: str) -> None:
    inquiry = made()
    assert inquiry.on_document("splits:ABC", status, body) == []
    assert (inquiry.taken, inquiry.done) == (0, True)
    assert words in str(inquiry.error)
    assert hint in inquiry.hint
    assert KEY not in str(inquiry.error)


@pytest.mark.parametrize(
    ("status", "body"), [(0, b""), (429, b""), (503, b"<html>"), (200, b'{"results":[{}'), (200, b"")]
)
def test_no_whole_answer_is_asked_for_again_later_each_time_and_then_given_up(status: int, body: bytes) -> None:
    inquiry = made()
    waits = [asked(inquiry.on_document("splits:ABC", status, body)).delay_s for _ in range(MOST_TRIES)]
    assert waits == sorted(waits)
    assert waits[0] > 0
    assert inquiry.on_document("splits:ABC", status, body) == []
    assert (inquiry.taken, inquiry.done) == (0, True)
    assert f"{MOST_TRIES + 1} times in a row (page 1)" in str(inquiry.error)


def test_days_are_asked_for_by_their_dates_and_shorter_bars_by_their_milliseconds() -> None:
    days = ("2026-11-02", "2026-11-06")
    assert "/range/1/day/2026-11-02/2026-11-06" in bars_of("ABC", 86_400, 1, 2, days).path
    assert "/range/1/week/2026-11-02/2026-11-06" in bars_of("ABC", 604_800, 1, 2, days).path
    assert "/range/5/minute/1001/2000" in bars_of("ABC", 300, 1_000_000_001, 2_000_000_001, days).path
    assert "/range/90/second/" in bars_of("ABC", 90, 0, 10**9, days).path
    with pytest.raises(UsageError):
        bars_of("ABC", 90_000, 0, 10**9, days)
