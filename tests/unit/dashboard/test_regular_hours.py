"""The session of Historical Analysis: bars that lie wholly in the regular one, and a range in which there are none."""

from typing import Any

from unit.client.fake import Fake, Reply
from unit.dashboard.opened import STOCK, bar, metrics, run, stock


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


def test_where_no_bar_is_of_the_regular_session_it_is_said_and_downloads_and_queries_are_there(fake: Fake) -> None:
    data = [{**bar(at, "100"), "session": "pre"} for at in range(5)]
    fake.answers["GET /history"] = (200, {"data": data, "next": None})
    page = run("history")
    page.button_group[2].set_value("Regular").run()
    assert not page.exception
    assert [each.value for each in page.info] == [
        "Of 5 1m bars of BTCUSDT at BINANCE in this range none lies wholly in the regular session."
    ]
    assert not page.metric
    assert not [path for _, path, _, _ in fake.asked if path == "/sql"], "it is known that there are bars"
    assert any("5 bars and 0 gaps of BTCUSDT.BINANCE" in each.value for each in page.caption)
    assert len(page.get("download_button")) == 3
    assert [code.language for code in page.code] == ["bash", "python", "sql"]
    assert "session = 'regular'" in page.code[2].value


def test_of_several_symbols_one_without_bars_and_one_without_regular_ones_are_told_apart(fake: Fake) -> None:
    def history(params: Any) -> Reply:  # noqa: ANN401 - what was asked
        sessions = {"BTCUSDT": ["pre"] * 2, "ETHUSDT": [], "SOLUSDT": ["pre", "regular", "regular"]}[params["symbol"]]
        return 200, {"data": [{**bar(at, "100"), "session": name} for at, name in enumerate(sessions)], "next": None}

    fake.answers["GET /stocks"] = (200, {"data": [STOCK, stock("ETHUSDT"), stock("SOLUSDT")], "unknown": []})
    fake.answers["GET /history"] = history
    page = run("history")
    page.multiselect[0].set_value([f"{name}.BINANCE" for name in ("BTCUSDT", "ETHUSDT", "SOLUSDT")]).run()
    page.button_group[2].set_value("Regular").run()
    assert not page.exception
    assert [each.value for each in page.info] == [
        "Of 2 1m bars of BTCUSDT at BINANCE in this range none lies wholly in the regular session.",
        "No 1m bars of ETHUSDT at BINANCE in this range are stored. There are none of any time.",
    ]
    assert list(page.dataframe[0].value["Bars"]) == ["0", "0", "2"]
    assert len(page.get("download_button")) == 9
