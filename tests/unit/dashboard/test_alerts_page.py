"""The page of alerts: a rule is tried, saved and removed as it was shown, and what was told is counted."""

from collections.abc import Callable
from typing import Any

import pytest

from breadboard.dashboard.rule_form import a_day, lasting
from unit.client.fake import Fake
from unit.dashboard.opened import metrics, press, run

RECORDED = {"minutes": "28", "first": "2026-11-27T23:38:00Z", "last": "2026-11-28T00:06:00Z"}
UP = {"name": "up", "number": 3, "version": "abc", "sentence": "Tell me.", "rule": {"kind": "rise"}}


def rules(*named: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"data": list(named)}


def stored(recorded: dict[str, Any], *alerts: dict[str, Any]) -> Callable[[Any], tuple[int, Any]]:
    """Answer questions for alerts, and for what was recorded."""
    return lambda body: (
        200,
        {"columns": [], "data": [recorded] if "minutes" in body["query"] else list(alerts), "count": 1},
    )


def alert(second: int, state: str = "fired", named: str = "") -> dict[str, Any]:
    names = {"rule": "up", "venue": "BINANCE", "symbol": "BTCUSDT", "value": 1.5, "threshold": 1, "provenance": "live"}
    told = {"alert_id": named or f"a{second}", "state": state, "message": f"it rose {second}"}
    return {**names, **told, "ts_event": None, "ts_recv": f"2026-11-26T01:00:0{second}.5Z"}


def sent(fake: Fake, method: str) -> list[dict[str, str]]:
    """Return the heads of requests."""
    return [head for (asked, *_), head in zip(fake.asked, fake.headers, strict=True) if asked == method]


def test_the_newest_alerts_are_shown_and_how_many(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breadboard.dashboard.reading.MOST_ALERTS", 2)
    fake.answers["POST /sql"] = stored(RECORDED, alert(3), alert(2), alert(1))
    page = run("alerts")
    assert not page.exception
    shown = page.dataframe[-1].value
    assert list(shown["What"]) == ["it rose 3", "it rose 2"]
    assert next(iter(shown["Time (UTC)"])).startswith("2026-11-26 01:00:03")
    assert "the newest 2 of the last 24 hours: 2 fired, 0 taken back" in [each.value for each in page.caption]
    assert not [path for _, path, _, _ in fake.asked if path == "/alerts"]


def test_an_alert_that_was_taken_back_does_not_look_like_one_that_fired(fake: Fake) -> None:
    fake.answers["POST /sql"] = stored(RECORDED, alert(4, "retracted", "a2"), alert(3), alert(2), alert(1))
    page = run("alerts")
    assert not page.exception
    assert list(page.dataframe[-1].value["State"]) == ["taken back", "fired", "fired, taken back since", "fired"]
    assert "4 of the last 24 hours: 3 fired, 1 taken back" in [each.value for each in page.caption]


def test_a_rule_that_is_left_out_hides_none_that_holds_and_alone_can_be_removed(fake: Fake) -> None:
    holds = {**UP, "number": None, "version": "own", "sentence": "Tell me.", "from": "configuration"}
    left_out = {
        **UP,
        "sentence": "Tell them.",
        "from": "database",
        "left_out": "the configuration has one of this name",
    }
    fake.answers["GET /rules"] = rules(holds, left_out)
    fake.answers["DELETE /rules/up"] = (200, {})
    page = run("alerts")
    assert not page.exception
    assert [each.label for each in page.expander] == ["**up** · own", "**up** · abc"]
    first, second = ([each.value for each in box.caption] for box in page.expander)
    assert first == ["of the configuration, and changed there"]
    assert second == ["left out: the configuration has one of this name"]
    assert [button.label for button in page.button].count("Remove") == 1
    press(page, "Remove")
    assert [head["if-match"] for head in sent(fake, "DELETE")] == ['"3"']


def test_a_rule_is_tried_before_it_can_be_saved_and_is_then_among_the_rules(fake: Fake) -> None:
    fake.answers["POST /rules/test"] = (200, {"sentence": "Tell me when it rises.", "fires": 37})
    fake.answers["POST /sql"] = stored(RECORDED)
    fake.answers["GET /rules"] = lambda _: rules(UP, *({**UP, "name": "my rule"} for _ in sent(fake, "PUT")))
    fake.answers["PUT /rules/my rule"] = (200, {})
    page = run("alerts")
    assert not page.exception
    assert "Save" not in [button.label for button in page.button]
    press(page, "Back-test")
    assert metrics(page)["Fires"] == "37"
    assert any("Tell me when it rises." in each.value for each in page.markdown)
    press(page, "Save")
    assert not page.exception
    saved = [body for method, _, _, body in fake.asked if method == "PUT"]
    rule = {"name": "my rule", "kind": "rise", "threshold": 3.0, "window": "5m", "symbols": ["*"], "cooldown": "15m"}
    assert saved == [{"rule": rule}]
    assert [each.label for each in page.expander] == ["**up** · abc", "**my rule** · abc"]
    assert [each.value for each in page.toast] == ["saved 'my rule'; it holds from the next second on"]
    page.number_input[0].set_value(5.0).run()
    assert "Save" not in [button.label for button in page.button]


def test_of_a_trial_is_told_how_much_of_the_days_was_recorded_and_how_often_a_day_it_fired(fake: Fake) -> None:
    times = {"first": "2026-11-27T23:40:11.5Z", "last": "2026-11-28T00:05:02Z"}
    trial = {"sentence": "Tell me.", "fires": 1088, "retracted": 8, "alerts": [{"time": "then"}], **times}
    fake.answers["POST /rules/test"] = (200, trial)
    fake.answers["POST /sql"] = stored(RECORDED)
    page = press(run("alerts"), "Back-test")
    assert metrics(page) == {"Fires": "1,088", "Recorded": "28 min", "Fires a day": "55,954"}
    told, cut = (each.value for each in page.caption[:2])
    assert told == (
        "1,088 fires from 2026-11-27 23:40:11 to 2026-11-28 00:05:02, 8 of them taken back; of the last 7 days 28 min "
        "are recorded, between 2026-11-27 23:38:00 and 2026-11-28 00:06:00 (UTC)"
    )
    assert cut == "the first 1"
    (query,) = [body["query"] for _, path, _, body in fake.asked if path == "/sql" and "minutes" in body["query"]]
    assert "ts_open >= now() - interval 7 day" in query
    fake.answers["POST /sql"] = stored({"minutes": 0, "first": "1970-01-01T00:00:00Z", "last": "1970-01-01T00:00:00Z"})
    press(page, "Back-test")
    assert metrics(page) == {"Fires": "1,088", "Recorded": "—", "Fires a day": "—"}
    assert page.caption[0].value.endswith("8 of them taken back; no minute of the last 7 days is recorded")
    fake.answers["POST /sql"] = (504, {"detail": "it took too long", "hint": ""})
    assert (
        press(page, "Back-test").caption[0].value.endswith("how much of the last 7 days is recorded could not be asked")
    )


@pytest.mark.parametrize(("minutes", "words"), [(119, "119 min"), (120, "2.0 h"), (2879, "48.0 h"), (7200, "5.0 days")])
def test_how_long_was_recorded_is_said_in_a_unit_that_fits(minutes: int, words: str) -> None:
    assert lasting(minutes) == words


@pytest.mark.parametrize(("fires", "minutes", "words"), [(0, 28, "0"), (1, 10_080, "0.14"), (50, 60, "1,200")])
def test_fires_a_day_are_of_the_time_that_was_recorded(fires: int, minutes: int, words: str) -> None:
    assert a_day(fires, minutes) == words


def test_a_rule_is_saved_in_the_place_of_the_one_that_was_shown_and_of_no_other(fake: Fake) -> None:
    fake.answers["POST /rules/test"] = (200, {"sentence": "Tell me when it rises.", "fires": 37})
    fake.answers["POST /sql"] = stored(RECORDED)
    fake.answers["PUT /rules/up"] = (412, {"detail": "it has changed", "hint": "GET it"})
    fake.answers["PUT /rules/new"] = (200, {})
    page = run("alerts")
    page.text_input[0].set_value("new").run()
    press(press(page, "Back-test"), "Save")
    assert sent(fake, "PUT")[-1]["if-none-match"] == "*"
    fake.answers["GET /rules"] = rules(UP)
    page.text_input[0].set_value("up").run()
    press(page, "Back-test")
    assert "Tell me." in [each.value for each in page.code], "what it takes the place of"
    fake.answers["GET /rules"] = rules({**UP, "number": 4, "sentence": "Tell them."})
    press(page, "Save")
    assert sent(fake, "PUT")[-1]["if-match"] == '"3"', "as it was when the page showed it"
    assert [each.value for each in page.error] == [
        "Somebody has changed this rule meanwhile. Once more, and what you do is done to this:"
    ]
    assert "Tell them." in [each.value for each in page.code]
    fake.answers["PUT /rules/up"] = (200, {})
    press(page, "Save")
    assert sent(fake, "PUT")[-1]["if-match"] == '"4"'
    assert not page.error


def test_a_rule_that_somebody_has_changed_is_not_removed_before_it_was_shown(fake: Fake) -> None:
    fake.answers["GET /rules"] = rules(UP)
    page = run("alerts")
    fake.answers["GET /rules"] = rules({**UP, "number": 4, "version": "def", "sentence": "Tell them."})
    fake.answers["DELETE /rules/up"] = (412, {"detail": "it has changed", "hint": "GET it"})
    press(page, "Remove")
    assert sent(fake, "DELETE")[-1]["if-match"] == '"3"'
    assert page.error[0].value.startswith("Somebody has changed this rule meanwhile.")
    assert "Tell them." in [each.value for each in page.code]
    fake.answers["DELETE /rules/up"] = (200, {})
    press(page, "Remove")
    assert sent(fake, "DELETE")[-1]["if-match"] == '"4"'
    assert not page.error


def test_the_versions_of_a_rule_are_asked_for_when_somebody_wants_them(fake: Fake) -> None:
    fake.answers["GET /rules"] = rules(*({**UP, "name": f"r{at}"} for at in range(30)))
    fake.answers["GET /rules/r7"] = (200, {**UP, "name": "r7", "history": [{"version": "first"}, {"version": "abc"}]})
    page = run("alerts")
    assert len(page.expander) == 30
    assert [path for _, path, _, _ in fake.asked] == ["/rules", "/sql"]
    next(toggle for toggle in page.toggle if toggle.key == "versions-r7").set_value(True).run()
    assert not page.exception
    assert [path for _, path, _, _ in fake.asked[2:]] == ["/rules", "/rules/r7", "/sql"]
    assert list(page.dataframe[0].value["version"]) == ["first", "abc"]


def test_a_rule_that_makes_no_sense_is_told_with_the_hint(fake: Fake) -> None:
    fake.answers["POST /rules/test"] = (422, {"detail": "a rule of kind rise needs a window", "hint": 'window = "5m"'})
    page = run("alerts")
    press(page, "Back-test")
    assert [each.value for each in page.error] == ["a rule of kind rise needs a window"]
    assert [each.value for each in page.code] == ['window = "5m"']
