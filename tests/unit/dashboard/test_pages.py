"""Every page as Streamlit runs it, asked of a fake server: what it shows, what it asks, and how it says an error."""

import json
from datetime import datetime

import pytest

from breadboard.client import Instant
from breadboard.dashboard.comparing import DARK
from breadboard.dashboard.place import PLACE
from breadboard.dashboard.queries import BarsQuestion, stored_sql
from breadboard.store import guard
from unit.client.fake import Fake
from unit.dashboard.opened import STOCK, badges, bar, metrics, press, run, stock


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
    assert badges(page) == ["SYNTHETIC", "DELAYED", "LIVE"]
    fake.answers["GET /stocks"] = (200, {"data": rows[3:], "unknown": []})
    assert badges(run(name)) == ["NO DATA"]


def test_the_monitor_shows_all_instruments_until_a_watchlist_is_chosen_whatever_it_is_called(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("All instruments", "*", "majors")
    lists = [{"name": name, "symbols": [f"A{at}.SIM"]} for at, name in enumerate(names)]
    fake.answers["GET /watchlists"] = (200, {"data": lists})
    shown: list[tuple[str, ...]] = []
    monkeypatch.setattr("breadboard.dashboard.embed.terminal", lambda _, symbols: shown.append(tuple(symbols)))
    page = run("monitor")
    assert not page.exception
    (choice,) = page.button_group
    assert choice.options == ["(All instruments)", *names]
    choice.set_value("All instruments").run()
    page.button_group[0].set_value("(All instruments)").run()
    page.button_group[0].set_value("*").run()
    assert not page.exception
    assert shown == [("*",), ("A0.SIM",), ("*",), ("A1.SIM",)]


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


def test_bars_say_themselves_where_they_come_from(fake: Fake) -> None:
    fake.answers["GET /stocks"] = (200, {"data": [stock("BTCUSDT", provenance="live")], "unknown": []})
    data = [{**bar(0, "100"), "provenance": "history"}, {**bar(1, "100"), "provenance": "synthetic"}]
    fake.answers["GET /history"] = (200, {"data": data, "next": None})
    assert badges(run("history")) == ["SYNTHETIC", "HISTORY", "LIVE"]


def test_where_a_range_has_no_bars_it_is_said_of_when_there_are_and_the_newest_are_offered(fake: Fake) -> None:
    def stored(interval: str) -> dict[str, str]:
        newest = "2026-11-19T15:59:01Z" if interval == "1d" else "2026-11-20T15:58:01Z"
        times = {"first": "2026-11-01T00:00:00Z", "newest": newest, "last": "2026-11-20T15:59:01Z"}
        return {"interval": interval, "bars": "1234", **times}

    fake.answers["GET /history"] = (200, {"data": [], "next": None})
    fake.answers["POST /sql"] = (200, {"columns": [], "data": [stored("15s"), stored("5m"), stored("1m")], "count": 3})
    page = run("history")
    assert not page.exception
    none = "No 1m bars of BTCUSDT at BINANCE in this range are stored."
    assert [each.value for each in page.info] == [
        f"{none} There are 1,234 of 1m, from 2026-11-01 00:00 to 2026-11-20 15:59 (UTC)."
    ]
    fake.answers["GET /history"] = (200, {"data": [bar(0, "100")], "next": None})
    press(page, "Show the newest")
    assert not page.exception
    asked = [params for _, path, params, _ in fake.asked if path == "/history"][-1]
    assert (asked["start"][:19], asked["end"][:19]) == ("2026-11-20T15:00:00", "2026-11-20T16:00:00"), (
        "an hour, as before"
    )
    assert page.button_group[0].value == "Custom"
    assert not page.info
    assert metrics(page)["Bars"] == "1"

    fake.answers["GET /history"] = (200, {"data": [], "next": None})
    fake.answers["POST /sql"] = (200, {"columns": [], "data": [stored("15s"), stored("1d")], "count": 2})
    page = press(run("history"), "Show the newest")
    assert not page.exception
    asked = [params for _, path, params, _ in fake.asked if path == "/history"][-1]
    assert (asked["interval"], asked["start"][:19]) == ("1d", "2026-11-01T00:00:00"), "all of another interval"
    fake.answers["POST /sql"] = (200, {"columns": [], "data": [], "count": 0})
    assert [each.value for each in run("history").info] == [f"{none} There are none of any time."]
    fake.answers["POST /sql"] = (504, {"detail": "it took too long", "hint": ""})
    page = run("history")
    assert not page.exception
    assert [each.value for each in page.info] == [none]


@pytest.mark.parametrize(
    ("interval", "there", "times", "read"),
    [
        ("1d", "1d", ("01 00:00:00", "19 00:00:00", "20 00:00:00"), ("19T00:00", "20T00:00")),
        ("1d", "1m", ("01 00:00:00", "19 23:59:00", "20 00:00:00"), ("06T02:40", "20T00:00")),
        ("1d", "1m", ("18 00:00:00", "19 23:59:00", "20 00:00:00"), ("18T00:00", "20T00:00")),
        ("1m", "1s", ("01 00:00:00", "19 23:59:02", "19 23:59:03"), ("19T18:26", "20T00:00")),
    ],
)
def test_the_newest_that_are_offered_are_among_those_that_the_page_reads_then(
    fake: Fake, interval: str, there: str, times: tuple[str, ...], read: tuple[str, str]
) -> None:
    moments = (f"2026-11-{at.replace(' ', 'T')}Z" for at in times)
    row = {"interval": there, "bars": "9", **dict(zip(("first", "newest", "last"), moments, strict=True))}
    fake.answers["GET /history"] = (200, {"data": [], "next": None})
    fake.answers["POST /sql"] = (200, {"columns": [], "data": [row], "count": 1})
    page = run("history")
    page.button_group[1].set_value(interval).run()
    assert not page.exception
    press(page, "Show the newest")
    assert not page.exception
    asked = [params for _, path, params, _ in fake.asked if path == "/history"][-1]
    found = tuple(asked[name][8:16] for name in ("start", "end"))
    assert (asked["interval"], found) == (there, read)


def test_what_is_stored_at_all_is_asked_once_and_not_whenever_the_page_is_drawn(fake: Fake) -> None:
    fake.answers["GET /history"] = (200, {"data": [], "next": None})
    for answer in ((200, {"columns": [], "data": [], "count": 0}), (504, {"detail": "it took too long", "hint": ""})):
        fake.answers["POST /sql"] = answer
        before = len([path for _, path, _, _ in fake.asked if path == "/sql"])
        page = run("history").run().run()
        assert not page.exception
        assert len(page.info) == 1
        assert len([path for _, path, _, _ in fake.asked if path == "/sql"]) == before + 1


def test_what_is_stored_is_asked_of_the_table_itself_and_may_be_asked() -> None:
    text = guard.check(stored_sql(BarsQuestion("O'X", "SIM", "1m", Instant(0), Instant(1))))
    assert "from bar_versions" in text
    assert guard.table_of(text) == "bar_versions"
    assert "symbol = 'O\\'X' and venue = 'SIM' and state != 'withdrawn'" in text


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


def test_spreads_are_read_when_they_are_asked_for(fake: Fake) -> None:
    row = {"symbol": "BTCUSDT", "venue": "BINANCE", "at": 5, "spread_bps": 1.5, "quotes": "7"}
    fake.answers["POST /sql"] = (200, {"columns": [], "data": [row], "count": 1})
    page = run("history")
    assert not [path for _, path, _, _ in fake.asked if path == "/sql"]
    page.toggle[0].set_value(True).run()
    assert not page.exception
    (query,) = [body["query"] for _, path, _, body in fake.asked if path == "/sql"]
    assert "toMinute(toTimeZone(moment, " in query
    assert ", 'UTC')) as at," in query
    assert "(symbol, venue) in (('BTCUSDT', 'BINANCE'))" in query
    assert any("7 quotes of the range, at all hours" in each.value for each in page.caption)
    spec = json.loads(page.get("vega_lite_chart")[-1].proto.spec)
    assert spec["encoding"]["color"] == {"value": DARK[0]}, "of the line in the chart above it"
    assert spec["encoding"]["y"]["title"] == "bps"
    fake.answers["POST /sql"] = (504, {"detail": "it took too long", "hint": "a shorter range"})
    page.run()
    assert [each.value for each in page.error] == ["it took too long"]
    assert len(page.code) == 4, "the rest of the page is there"


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
    assert any('<a href="/logout" target="_self">' in each.value for each in page.markdown)


def test_a_tab_that_comes_back_with_another_session_shows_that_one(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    cookies = {"breadboard_1": "old"}
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.cookies", property(lambda _: cookies))
    page = run("settings")
    client = page.session_state["_client"]
    page.run()
    assert page.session_state["_client"] is client, "the same session is the same client"
    before = len(fake.headers)
    cookies["breadboard_1"] = "new"
    page.run()
    assert not page.exception
    assert {headers["cookie"] for headers in fake.headers[:before]} == {"breadboard_1=old"}
    assert {headers["cookie"] for headers in fake.headers[before:]} == {"breadboard_1=new"}
    with pytest.raises(RuntimeError, match="closed"):
        client.status()


def test_a_key_that_is_typed_goes_before_the_session(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.cookies", property(lambda _: {"breadboard_1": "abc"}))
    answers = dict(fake.answers)
    fake.answers = dict.fromkeys(answers, (401, {"detail": "this needs a key that holds", "hint": "a key"}))
    page = run("settings")
    (links,) = (each.value for each in page.markdown if "Sign in" in each.value)
    assert '<a href="/login?next=/" target="_self">' in links, "in this tab: it keeps the cookie that it came with"
    assert '<a href="?" target="_self">load this page again</a>' in links
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
