"""Every page as Streamlit runs it, asked of a fake server: what it shows, what it asks, and how it says an error."""

import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from breadboard import dashboard
from breadboard.client import Instant
from breadboard.dashboard.comparing import DARK
from breadboard.dashboard.place import PLACE
from unit.client.fake import Fake, serving

PAGES = Path(dashboard.__file__).parent / "pages"
STOCK = {"id": "BTCUSDT.BINANCE", "symbol": "BTCUSDT", "venue": "BINANCE", "state": "live", "provenance": "synthetic"}
FEED = {"feed": "binance-0", "state": "live", "provenance": "synthetic"}
MINUTE = 60 * 10**9


def bar(number: int, close: str) -> dict[str, Any]:
    prices = {"open": "100", "high": "120", "low": "90", "close": close, "volume": "2"}
    names = {"venue": "BINANCE", "symbol": "BTCUSDT", "interval": "1m"}
    return {**prices, **names, "ts_open": number * MINUTE, "ts_close": (number + 1) * MINUTE}


def stock(symbol: str, **more: object) -> dict[str, Any]:
    return {**STOCK, "id": f"{symbol}.BINANCE", "symbol": symbol, **more}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    answers: dict[str, Any] = {
        "GET /stocks": (200, {"data": [{**STOCK, "change": "1"}], "unknown": []}),
        "GET /status": (
            200,
            {"feeds": [{"feed": "binance-0", "state": "live", "provenance": "synthetic"}], "gaps": 3, "reasons": []},
        ),
        "GET /watchlists": (200, {"data": [{"name": "majors", "symbols": ["BTCUSDT.BINANCE"]}]}),
        "GET /history": (200, {"data": [bar(0, "100"), bar(1, "110"), bar(2, "99")], "next": None}),
        "GET /gaps": (200, {"data": [], "next": None}),
        "POST /sql": (200, {"columns": [], "data": [], "count": 0}),
        "GET /rules": (
            200,
            {"data": [{"name": "up", "version": "abc", "sentence": "Tell me.", "rule": {"kind": "rise"}}]},
        ),
        "GET /rules/up": (200, {"name": "up", "version": "abc", "history": []}),
        "GET /keys": (200, {"data": []}),
    }
    with serving(Fake(answers)) as fake:
        monkeypatch.setattr(PLACE, "address", fake.address)
        yield fake


OPEN: list[AppTest] = []


def run(name: str) -> AppTest:
    OPEN.append(AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=60))
    return OPEN[-1].run()


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # A page that runs is `__main__`, and processes that later tests spawn would run it first.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    yield
    while OPEN:
        state = OPEN.pop().session_state
        if "_client" in state:
            state["_client"].close()


def metrics(page: AppTest) -> dict[str, str]:
    return {each.label: each.value for each in page.metric}


def test_the_monitor_counts_and_says_that_prices_are_synthetic(fake: Fake) -> None:
    page = run("monitor")
    assert not page.exception
    assert metrics(page) == {"Instruments": "1", "Live": "1", "▲ / ▼": "1 / 0", "Feeds": "1 of 1", "Gaps": "3"}
    assert any("SYNTHETIC" in each.value for each in page.markdown)
    assert fake.asked


def test_the_monitor_reads_of_each_row_what_it_counts(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{**STOCK, "change": "-1"}, {**STOCK, "change": "2"}, {**STOCK, "state": "stale", "price": "not looked at"}]
    fake.answers["GET /stocks"] = (200, {"data": rows, "unknown": []})
    monkeypatch.setattr("breadboard.dashboard.embed.is_built", lambda: True)
    page = run("monitor")
    assert not page.exception
    assert [each.value for each in page.error] == []
    assert metrics(page) == {"Instruments": "3", "Live": "2", "▲ / ▼": "1 / 1", "Feeds": "1 of 1", "Gaps": "3"}
    assert any("SYNTHETIC" in each.value for each in page.markdown)


def badges(page: AppTest) -> list[str]:
    return [word for each in page.markdown for word in re.findall(r"-badge\[(.*?)\]", each.value)]


@pytest.mark.parametrize("name", ["monitor", "history"])
def test_a_badge_is_shown_for_each_origin_of_the_data_and_not_for_that_of_the_first_alone(
    fake: Fake, name: str
) -> None:
    rows = [
        stock("BTC-USD", provenance="live"),
        stock("BTCUSDT"),
        stock("AAPL", provenance="live", delayed=True),
        stock("NEW", provenance=""),
    ]
    fake.answers["GET /stocks"] = (200, {"data": rows, "unknown": []})
    page = run(name)
    if name == "history":
        page.multiselect[0].set_value([row["id"] for row in rows]).run()
    assert not page.exception
    assert badges(page) == ["SYNTHETIC", "LIVE", "DELAYED"]
    fake.answers["GET /stocks"] = (200, {"data": rows[3:], "unknown": []})
    assert badges(run(name)) == ["NO DATA"]


def test_history_shows_figures_and_the_same_question_three_times(fake: Fake) -> None:
    page = run("history")
    assert not page.exception
    assert metrics(page)["Bars"] == "3"
    assert metrics(page)["Return"] == "−1.00 %"
    assert metrics(page)["Max drawdown"] == "−10.00 %"
    shell, program, query = (each.value for each in page.code)
    assert any("3 bars and 0 gaps of BTCUSDT.BINANCE" in each.value for each in page.caption)
    (gaps,) = [params for _, path, params, _ in fake.asked if path == "/gaps"]
    assert Instant.of(gaps["end"]) - Instant.of(gaps["start"]) == 3600 * 10**9, "of the range, and not of all time"
    assert shell.startswith(f"curl -s '{fake.address}/api/v1/history?symbol=BTCUSDT.BINANCE&interval=1m&limit=100000&")
    command, more = shell.splitlines()
    assert command.endswith("&format=csv'")
    assert more == (
        "# of more than 100,000 rows the first: with `-D -` the header X-Next-Cursor says what to add, &cursor=…"
    )
    assert "client.history('BTCUSDT.BINANCE', interval='1m'" in program
    assert "symbol = 'BTCUSDT' and venue = 'BINANCE'" in query
    (asked,) = [params for _, path, params, _ in fake.asked if path == "/history"]
    assert (asked["symbol"], asked["venue"], asked["interval"]) == ("BTCUSDT", "BINANCE", "1m")


def test_history_reads_no_more_than_it_says(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    gap = {"ts_recv": 0, "ts_from": 0, "ts_to": 1, "reason": "disconnect", "state": "open"}
    monkeypatch.setattr("breadboard.dashboard.reading.MOST_GAPS", 3)
    fake.answers["GET /gaps"] = (200, {"data": [gap, gap], "next": "more"})
    page = run("history")
    assert not page.exception
    assert metrics(page)["Gaps"] == "3+"
    assert any("the first 3 gaps of BTCUSDT.BINANCE" in each.value for each in page.caption)
    assert len([path for _, path, _, _ in fake.asked if path == "/gaps"]) == 2


def test_several_symbols_are_told_beside_each_other(fake: Fake) -> None:
    other = {"id": "ETH-USD.COINBASE", "symbol": "ETH-USD", "venue": "COINBASE", "provenance": "live"}
    fake.answers["GET /stocks"] = (200, {"data": [STOCK, other], "unknown": []})
    page = run("history")
    page.multiselect[0].set_value(["BTCUSDT.BINANCE", "ETH-USD.COINBASE"]).run()
    assert not page.exception
    assert list(page.dataframe[0].value["Symbol"]) == ["BTCUSDT.BINANCE", "ETH-USD.COINBASE"]
    assert list(page.dataframe[0].value["Return"]) == ["−1.00 %"] * 2
    assert any("percent since 1970-01-01 00:00:00 UTC" in each.value for each in page.caption)
    shell, _, query = (each.value for each in page.code)
    assert shell.count("curl -s") == 2
    assert "symbol = 'ETH-USD' and venue = 'COINBASE'" in query
    assert {"SYNTHETIC", "LIVE"} <= {
        word for each in page.markdown for word in ("SYNTHETIC", "LIVE") if word in each.value
    }


def test_a_range_is_typed_and_one_that_goes_back_is_refused(fake: Fake) -> None:
    page = run("history")
    page.button_group[0].set_value("Custom").run()
    page.datetime_input[0].set_value(datetime(2026, 11, 2, 9, 30)).run()  # noqa: DTZ001 - as the page has it
    page.datetime_input[1].set_value(datetime(2026, 11, 3)).run()  # noqa: DTZ001 - as the page has it
    assert not page.exception
    asked = [params for _, path, params, _ in fake.asked if path == "/history"][-1]
    assert asked["start"] == "2026-11-02T09:30:00.000000000Z"
    assert asked["end"] == "2026-11-03T00:00:00.000000000Z"
    before = len(fake.asked)
    page.datetime_input[1].set_value(datetime(2026, 11, 1)).run()  # noqa: DTZ001 - as the page has it
    assert page.error[0].value == "From 2026-11-02 09:30:00 to 2026-11-01 00:00:00 is no time."
    assert [path for _, path, _, _ in fake.asked[before:]] == ["/stocks"]


def test_bars_of_a_calendar_can_be_those_of_the_regular_session(fake: Fake) -> None:
    page = run("history")
    assert [group.label for group in page.button_group] == ["Range", "Interval"]
    sessions = ("pre", "mixed", "regular")
    data = [{**bar(at, "100"), "session": session} for at, session in enumerate(sessions)]
    fake.answers["GET /history"] = (200, {"data": data, "next": None})
    page = run("history")
    assert metrics(page)["Bars"] == "3"
    page.button_group[2].set_value("Regular").run()
    assert not page.exception
    assert metrics(page)["Bars"] == "1"
    assert "session = 'regular'" in page.code[2].value


def test_spreads_are_read_when_they_are_asked_for(fake: Fake) -> None:
    row = {"symbol": "BTCUSDT", "venue": "BINANCE", "at": 5, "spread_bps": 1.5, "quotes": "7"}
    fake.answers["POST /sql"] = (200, {"columns": [], "data": [row], "count": 1})
    page = run("history")
    assert not [path for _, path, _, _ in fake.asked if path == "/sql"]
    page.toggle[0].set_value(True).run()
    assert not page.exception
    (query,) = [body["query"] for _, path, _, body in fake.asked if path == "/sql"]
    assert "toMinute(toTimeZone(ts_recv, 'UTC')) as at" in query
    assert "(symbol, venue) in (('BTCUSDT', 'BINANCE'))" in query
    assert any("7 quotes of the range, at all hours" in each.value for each in page.caption)
    spec = json.loads(page.get("vega_lite_chart")[-1].proto.spec)
    assert spec["encoding"]["color"] == {"value": DARK[0]}, "of the line in the chart above it"
    assert spec["encoding"]["y"]["title"] == "bps"
    fake.answers["POST /sql"] = (504, {"detail": "it took too long", "hint": "a shorter range"})
    page.run()
    assert [each.value for each in page.error] == ["it took too long"]
    assert len(page.code) == 4, "the rest of the page is there"


def test_the_newest_alerts_are_shown_and_how_many(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breadboard.dashboard.reading.MOST_ALERTS", 2)
    names = {"rule": "up", "venue": "BINANCE", "symbol": "BTCUSDT", "value": 1.5, "threshold": 1, "provenance": "live"}
    alerts = [
        {**names, "ts_event": None, "ts_recv": f"2026-11-26T01:00:0{at}.5Z", "message": f"it rose {at}"}
        for at in (3, 2, 1)
    ]
    fake.answers["POST /sql"] = (200, {"columns": [], "data": alerts, "count": 3})
    page = run("alerts")
    assert not page.exception
    shown = page.dataframe[-1].value
    assert list(shown["What"]) == ["it rose 3", "it rose 2"]
    assert next(iter(shown["Time (UTC)"])).startswith("2026-11-26 01:00:03")
    assert any(each.value == "the newest 2 of the last 24 hours" for each in page.caption)
    assert not [path for _, path, _, _ in fake.asked if path == "/alerts"]


def test_a_rule_is_tried_before_it_can_be_saved(fake: Fake) -> None:
    fake.answers["POST /rules/test"] = (200, {"sentence": "Tell me when it rises.", "fires": 37})
    fake.answers["PUT /rules/my rule"] = (200, {})
    page = run("alerts")
    assert not page.exception
    assert "Save" not in [button.label for button in page.button]
    next(button for button in page.button if button.label == "Back-test").click().run()
    assert metrics(page) == {"Fires in 7 days": "37"}
    assert any("Tell me when it rises." in each.value for each in page.markdown)
    next(button for button in page.button if button.label == "Save").click().run()
    saved = [body for method, _, _, body in fake.asked if method == "PUT"]
    rule = {"name": "my rule", "kind": "rise", "threshold": 3.0, "window": "5m", "symbols": ["*"], "cooldown": "15m"}
    assert saved == [{"rule": rule}]
    page.number_input[0].set_value(5.0).run()
    assert "Save" not in [button.label for button in page.button]


def test_a_rule_that_makes_no_sense_is_told_with_the_hint(fake: Fake) -> None:
    fake.answers["POST /rules/test"] = (422, {"detail": "a rule of kind rise needs a window", "hint": 'window = "5m"'})
    page = run("alerts")
    next(button for button in page.button if button.label == "Back-test").click().run()
    assert [each.value for each in page.error] == ["a rule of kind rise needs a window"]
    assert [each.value for each in page.code] == ['window = "5m"']


def test_a_watchlist_is_checked_as_it_is_pasted_and_saved(fake: Fake) -> None:
    fake.answers["GET /stocks"] = (200, {"data": [], "unknown": ["NOPE"]})
    fake.answers["PUT /watchlists/majors"] = (200, {})
    page = run("settings")
    assert not page.exception
    page.text_area[0].set_value("BTCUSDT, NOPE\nBTCUSDT;ETHUSDT").run()
    assert [each.value for each in page.warning] == ["1 of 3 unknown: NOPE"]
    next(button for button in page.button if button.label == "Save").click().run()
    assert ("PUT", "/watchlists/majors", {}, {"symbols": ["BTCUSDT", "NOPE", "ETHUSDT"]}) in fake.asked


def test_a_watchlist_that_somebody_else_has_changed_is_not_written_over_unseen(fake: Fake) -> None:
    def kept(second: int, *symbols: str) -> tuple[int, Any]:
        return 200, {"data": [{"name": "majors", "symbols": symbols, "changed": f"2026-11-27T00:00:0{second}Z"}]}

    def save(page: AppTest) -> dict[str, str]:
        next(button for button in page.button if button.label == "Save").click().run()
        assert not page.exception
        methods = [method for method, *_ in fake.asked]
        return fake.headers[len(methods) - 1 - methods[::-1].index("PUT")]

    fake.answers["GET /watchlists"] = kept(1, "A")
    page = run("settings")
    page.text_area[0].set_value("A OURS").run()
    fake.answers["GET /watchlists"] = kept(2, "A", "THEIRS")
    fake.answers["PUT /watchlists/majors"] = (412, {"detail": "it has changed", "hint": "GET it"})
    seen = Instant.of("2026-11-27T00:00:01Z")
    assert save(page)["if-match"] == f'"{int(seen)}"', "as it was when the text was made of it"
    assert [each.value for each in page.error] == [
        "Somebody has changed this watchlist meanwhile. Once more, and yours is in the place of this:"
    ]
    assert "A\nTHEIRS" in [each.value for each in page.code]
    assert page.text_area[0].value == "A OURS"
    fake.answers["PUT /watchlists/majors"] = (200, {})
    assert save(page)["if-match"] == f'"{int(seen) + 10**9}"'
    assert not page.error


def test_whatever_is_traded_at_a_venue_is_no_unknown_symbol(fake: Fake) -> None:
    page = run("settings")
    page.text_area[0].set_value("BTCUSDT *.KRAKEN").run()
    assert [params["symbols"] for _, path, params, _ in fake.asked if path == "/stocks"][-1] == "BTCUSDT"
    assert "2 symbols, all known" in [each.value for each in page.caption]


def test_who_may_not_see_keys_sees_the_server_all_the_same(fake: Fake) -> None:
    sentence = "this needs a key of scope admin, and yours is read"
    fake.answers["GET /keys"] = (403, {"detail": sentence, "hint": "breadboard keys add 'ada' --scope admin"})
    page = run("settings")
    assert not page.exception
    assert [each.value for each in page.error] == []
    assert f"{sentence}. [Sign in](/login) with another to see them." in [each.value for each in page.info]
    assert page.subheader[-1].value == "Server"
    assert list(page.dataframe[-1].value["Setting"]) == ["address", "feed binance-0"]


def test_keys_are_told_with_their_state_and_times_that_can_be_read(fake: Fake) -> None:
    key = {"name": "ada", "scope": "read", "created": "2026-11-27T16:32:45.054364283Z", "holds": True}
    gone = {"revoked": "2026-11-27T16:50:04.652558831Z", "holds": False}
    fake.answers["GET /keys"] = (200, {"data": [{**key, "id": "1"}, {**key, "id": "2", **gone}, {**key, "id": "3"}]})
    page = run("settings")
    assert not page.exception
    table = page.dataframe[0].value
    assert table["State"].tolist() == ["holds", "revoked", "holds"]
    assert set(table["Made (UTC)"]) == {"2026-11-27 16:32:45"}
    assert next(box for box in page.selectbox if box.label == "Revoke").options == ["1", "3"]


@pytest.mark.parametrize("name", ["monitor", "history", "alerts", "settings"])
def test_a_page_asks_for_a_key_where_one_is_needed(fake: Fake, name: str) -> None:
    refusal = (401, {"detail": "this server wants a key", "hint": "a key"})
    fake.answers = dict.fromkeys(fake.answers, refusal)
    page = run(name)
    assert not page.exception
    assert page.error[0].value == "this server wants a key"
    assert page.text_input[0].label == "API key"


def test_a_page_shows_the_server_the_visitors_session_and_no_other_cookie_and_no_key_of_ours(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREADBOARD_KEY", "bb_of_the_server")
    cookies = {"breadboard_8080": "abc", "__Host-breadboard_8080": "def", "_streamlit_xsrf": "x", "other": "y"}
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.cookies", property(lambda _: cookies))
    page = run("settings")
    assert not page.exception
    assert len(fake.headers) > 2
    for headers in fake.headers:
        assert headers["cookie"] == "breadboard_8080=abc; __Host-breadboard_8080=def"
        assert headers["sec-fetch-site"] == "same-origin"
        assert "authorization" not in headers
    assert any("[Sign out](/logout)" in each.value for each in page.markdown)


def test_a_key_that_is_typed_goes_before_the_session(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.cookies", property(lambda _: {"breadboard_1": "abc"}))
    answers = dict(fake.answers)
    fake.answers = dict.fromkeys(answers, (401, {"detail": "this needs a key that holds", "hint": "a key"}))
    page = run("settings")
    assert any("[Sign in](/login)" in each.value for each in page.markdown)
    page.text_input[0].set_value("bb_mine")
    next(button for button in page.button if button.label == "Use this key").click().run()
    fake.answers, fake.headers = answers, []
    page.run()
    assert not page.exception
    assert {(each.get("authorization"), each.get("cookie")) for each in fake.headers} == {("Bearer bb_mine", None)}


def test_where_nobody_signs_in_there_is_nothing_to_sign_out_of(fake: Fake) -> None:
    page = run("settings")
    assert not page.exception
    assert not any("/logout" in each.value for each in page.markdown)
    assert all("cookie" not in headers for headers in fake.headers)


@pytest.mark.parametrize("name", ["monitor", "history", "alerts", "settings"])
def test_a_server_that_does_not_answer_is_a_sentence(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(PLACE, "address", "http://127.0.0.1:9")
    page = run(name)
    assert not page.exception
    assert page.error[0].value.startswith("http://127.0.0.1:9 does not answer")
