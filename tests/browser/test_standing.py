"""Whether what is shown stands: frozen screens, ages of books, a server that catches up, alerts taken back."""

import re
import time
from typing import TYPE_CHECKING

from breadboard.model.alerts import AlertState
from breadboard.model.kinds import Flag
from browser.seeing import Eyes, Opener, Stage
from browser.test_watching import opened, trade
from scenarios.house import wait_for
from unit.api.market import Market

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Route

FROZEN, MOVING = ".badge.frozen", ".badge.moving"
NOTED = """what => {
    window.noted = false;
    const look = () => { window.noted ||= document.querySelector(what) !== null; };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributes: true });
}"""
"""Note whether something was ever there from now on."""


def choose(eyes: Eyes, symbol: str) -> None:
    eyes.page.keyboard.press("/")
    eyes.page.keyboard.type(symbol)
    wait_for("the symbol", lambda: eyes.page.locator("#symbols li").first.inner_text().startswith(symbol.upper()))
    eyes.page.keyboard.press("Enter")


def freeze(eyes: Eyes) -> None:
    eyes.page.keyboard.press("p")
    eyes.page.locator(FROZEN).wait_for()


def alert(stage: Stage, value: float, symbol: str = "BEPT", state: AlertState = AlertState.FIRED) -> None:
    row = stage.market.alert(value, symbol=symbol, venue="SIM")
    row["state"], row["ts_recv"] = int(state), stage.market.live.now()
    stage.market.apply(alerts=[row])


def tile(eyes: Eyes, name: str) -> "Locator":
    return eyes.page.locator(".tile").filter(has=eyes.page.locator(".name", has_text=name)).locator("b")


def aside(eyes: Eyes) -> str:
    return re.sub(r"\s+", " ", eyes.page.locator(".ladderbox .title .aside").inner_text())


def test_choosing_another_symbol_ends_a_freeze_and_no_price_stands_under_another_name(
    stage: Stage, look: Opener
) -> None:
    stage.books["CORN"] = {"bids": [["77.00", "3"]], "asks": [["77.02", "5"]]}
    eyes = opened(stage, look, "depth/BEPT.SIM")
    price = eyes.page.locator(".rung.bids .price").first
    wait_for("the book", lambda: price.text_content() == "10.00")
    freeze(eyes)
    choose(eyes, "corn")
    wait_for("the other's book", lambda: price.text_content() == "77.00")
    assert eyes.page.locator(".map h2").inner_text().startswith("CORN")
    assert eyes.page.locator(FROZEN).count() == 0
    wait_for("the end of its word", lambda: eyes.page.locator(MOVING).count() == 0)
    freeze(eyes)
    eyes.page.evaluate(NOTED, MOVING)  # it is there for three seconds, and a slow machine may look later
    eyes.travel("m", "#/monitor")
    wait_for("the end", lambda: eyes.page.locator(FROZEN).count() == 0)
    wait_for("the word that it moves", lambda: eyes.page.evaluate("window.noted"))
    wait_for("its end, too", lambda: eyes.page.locator(MOVING).count() == 0)


def test_choosing_another_interval_ends_a_freeze_and_the_same_one_does_not(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look, "chart/BEPT.SIM")
    eyes.page.keyboard.press("1")
    freeze(eyes)
    eyes.page.keyboard.press("1")
    eyes.page.wait_for_timeout(300)
    assert eyes.page.locator(FROZEN).count() == 1
    eyes.page.keyboard.press("5")
    wait_for("the end", lambda: eyes.page.locator(FROZEN).count() == 0)
    wait_for("the bars of it", lambda: eyes.page.locator(".loading").count() == 0)


def test_alerts_the_day_and_the_breadth_hold_while_the_screen_is_frozen(stage: Stage, look: Opener) -> None:
    eyes, day, whole = opened(stage, look, "alerts"), opened(stage, look, "chart/BEPT.SIM"), opened(stage, look)
    alert(stage, 1.0)
    feed = eyes.page.locator(".feed tbody tr")
    wait_for("an alert", lambda: feed.count() == 1)
    bid = day.page.locator(".facts dl div", has_text="bid").locator("dd")
    stage.market.apply(stage.market.quote("11.00", "11.02", symbol="BEPT", venue="SIM"))
    wait_for("the day", lambda: "11.00" in bid.inner_text())
    breadth = whole.page.locator(".breadth .up b")
    wait_for("the breadth", lambda: breadth.inner_text() == "0")
    for each in (eyes, day, whole):
        freeze(each)
    alert(stage, 2.0)
    stage.market.apply(stage.market.quote("12.00", "12.02", symbol="BEPT", venue="SIM"))
    trade(stage, "CORN", "99.00")
    time.sleep(4.5)  # each of them looks every one or two seconds
    assert feed.count() == 1
    assert tile(eyes, "Open here").inner_text() == "1"
    assert "11.00" in bid.inner_text()
    assert breadth.inner_text() == "0"
    for each in (eyes, day, whole):
        each.page.keyboard.press("p")
    wait_for("the other alert", lambda: feed.count() == 2)
    wait_for("the newer day", lambda: "12.00" in bid.inner_text())
    wait_for("one that is up", lambda: breadth.inner_text() == "1")


def test_a_book_is_as_old_as_its_state_however_often_it_is_asked_for(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look, "depth/BEPT.SIM")
    wait_for("four seconds", lambda: bool(re.match(r"live · ≥ ([4-9]\.\d|\d\d) s · seq 7", aside(eyes))), 15.0)
    stage.book = {**stage.book, "sequence": 8}
    trade(stage, "BEPT", "11.00")
    wait_for("another state", lambda: bool(re.match(r"live · [0-3]\.\d s · seq 8", aside(eyes))), 15.0)
    stage.book = {"state": "stale", "sequence": 9, "bids": [], "asks": [], "ts_event": 1_704_110_400_000_000_000}
    trade(stage, "BEPT", "11.00")
    wait_for("one of 2024", lambda: bool(re.match(r"stale · \d{3,4} d · seq 9", aside(eyes))), 15.0)
    stage.book = {**stage.book, "state": "live", "ts_event": None}
    trade(stage, "BEPT", "11.00")
    wait_for("a live one", lambda: aside(eyes).startswith("live"), 15.0)
    assert eyes.page.locator(".ladderbox .aside .ok").count() == 1
    stage.close()
    wait_for("the cut", lambda: aside(eyes).startswith("cut off"), 15.0)
    assert eyes.page.locator(".ladderbox .aside .ok").count() == 0


def test_a_server_that_catches_up_says_so_and_old_rows_are_grey_and_say_where_they_come_from(
    stage: Stage, look: Opener
) -> None:
    before = Market()
    before.apply(before.trade("10.00", symbol="BEPT", venue="SIM", flags=int(Flag.REPLAYED)))
    stage.market.live.restore(before.instruments, before.latest.records, before.offset)
    stage.house = {"behind_frames": 123_456}
    eyes = look(stage.address, {"deskless": True})
    eyes.go()
    row = eyes.page.locator(".line[data-id='BEPT.SIM']")
    row.wait_for()
    wait_for("the badge", lambda: eyes.page.locator(".badge.provenance").inner_text() == "REPLAY")
    state = eyes.page.locator(".bottom .state")
    wait_for("the word", lambda: state.inner_text() == "feed catching up, 123,456 frames behind")
    assert "CATCHING UP" in eyes.page.locator("header.top").inner_text()
    assert "gaps –" in eyes.page.locator(".bottom").inner_text()
    assert "stale" in (row.get_attribute("class") or "")
    stage.house = {"behind_frames": 0}
    stage.market.apply(stage.market.trade("10.50", symbol="BEPT", venue="SIM"))
    wait_for("the feed", lambda: state.inner_text() == "feed live")
    wait_for("a row of now", lambda: "stale" not in (row.get_attribute("class") or ""))
    assert "CATCHING UP" not in eyes.page.locator("header.top").inner_text()
    assert eyes.page.locator(".badge.provenance").inner_text() == "SYNTHETIC"


def test_an_alert_that_was_taken_back_is_neither_fired_nor_open(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look, "alerts/BEPT.SIM")
    for value in (1.0, 2.0):
        alert(stage, value)
    wait_for("two", lambda: tile(eyes, "Open here").inner_text() == "2")
    alert(stage, 1.0, state=AlertState.RETRACTED)
    wait_for("one", lambda: tile(eyes, "Open here").inner_text() == "1")
    assert tile(eyes, "Fired today").inner_text() == "1"
    taken = eyes.page.locator(".feed tbody tr", has_text="taken back")
    assert taken.count() == 1
    assert eyes.page.locator(".feed tbody tr").count() == 2


def test_the_key_b_shows_the_alerts_of_the_chosen_symbol_alone(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look, "monitor/CORN.SIM")
    eyes.page.keyboard.press("b")
    rows = eyes.page.locator(".feed tbody tr")
    eyes.page.locator(".alertpage").wait_for()
    alert(stage, 1.0)
    alert(stage, 2.0, "CORN")
    wait_for("one of it", lambda: rows.count() == 1 and "CORN" in rows.inner_text())
    eyes.travel("m", "#/monitor")
    eyes.travel("n", "#/alerts")
    wait_for("all", lambda: rows.count() == 2)


def test_a_freeze_lasts_on_the_way_to_where_one_is(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look, "monitor/CORN.SIM")
    freeze(eyes)
    eyes.page.evaluate(f"({NOTED})('{MOVING}')")
    eyes.page.keyboard.press("g")
    eyes.page.keyboard.press("m")
    eyes.page.locator("nav.side a", has_text="Watch").click()
    eyes.page.wait_for_timeout(300)
    assert eyes.page.locator(FROZEN).count() == 1
    assert not eyes.page.evaluate("window.noted")


def test_keys_that_a_busy_page_hears_all_at_once_lead_through_each_screen(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look, "monitor/CORN.SIM")
    alert(stage, 1.0)
    alert(stage, 2.0, "CORN")
    eyes.page.keyboard.press("b")
    rows = eyes.page.locator(".feed tbody tr")
    wait_for("one of it", lambda: rows.count() == 1 and "CORN" in rows.inner_text())
    eyes.page.evaluate(
        "keys => [...keys].forEach(key => document.dispatchEvent(new KeyboardEvent('keydown', {key})))", "gmgn"
    )
    wait_for("all, as if the page had been left for long", lambda: rows.count() == 2)


def test_alerts_stay_to_be_read_when_the_server_is_cut_off_and_do_not_come_by_socket(
    stage: Stage, look: Opener
) -> None:
    eyes = opened(stage, look, "alerts/BEPT.SIM")
    alert(stage, 1.0)
    wait_for("it", lambda: eyes.page.locator(".feed tbody tr").count() == 1)
    assert tile(eyes, "Comes by").inner_text() == "socket"
    stage.close()
    wait_for("the word", lambda: tile(eyes, "Comes by").inner_text() == "nothing", 15.0)
    assert eyes.page.locator(".tile b.ok").count() == 0
    said = eyes.page.locator(".feed .note")
    wait_for("why", lambda: said.count() == 1 and "the server does not answer" in said.inner_text(), 15.0)
    assert eyes.page.locator(".feed .empty").count() == 0


def test_gaps_are_not_said_to_be_none_while_nobody_is_heard(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look, "chart/BEPT.SIM")
    gaps = eyes.page.locator(".gaps .note")
    assert gaps.inner_text() == "✓ none is on record for this instrument"
    stage.close()
    wait_for("the word", lambda: gaps.inner_text() == "none was on record when the server was heard last", 15.0)
    assert gaps.locator(".ok").count() == 0


def test_an_unknown_symbol_a_broken_address_and_a_phone_say_what_is_shown(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look)
    eyes.go("chart/NOPE.SIM")
    tape = eyes.page.locator(".tape .empty")
    wait_for("the word", lambda: "Nobody here knows NOPE.SIM" in tape.inner_text())
    broken = look(stage.address, {"deskless": True})
    broken.go("chart/%E0%A4")
    broken.page.locator("header.top").wait_for()
    broken.page.locator("main").wait_for()
    phone = opened(stage, look, "depth/BEPT.SIM", {"width": 390, "height": 844, "has_touch": True})
    wait_for("the name", lambda: "BEPT" in phone.page.locator(".ladderbox h2").inner_text())
    for each in (eyes, broken):  # what nobody knows is asked for, and not found
        each.page.goto("about:blank")
        each.complaints[:] = [word for word in each.complaints if "404 (Not Found)" not in word]


def test_a_spread_of_little_is_not_none_and_a_size_is_written_out(stage: Stage, look: Opener) -> None:
    stage.book = {"state": "live", "sequence": 7, "bids": [["62000.00", "0.00009"]], "asks": [["62000.02", "5"]]}
    eyes = opened(stage, look, "depth/BEPT.SIM")
    eyes.page.locator(".rung.bids .size").first.wait_for()
    assert "0.00009" in eyes.page.locator(".rung.bids").first.inner_text()
    assert "0.0032" in eyes.page.locator(".ladder .middle").inner_text()


def test_a_window_whose_session_is_over_asks_no_more_and_leads_to_where_one_signs_in(
    stage: Stage, look: Opener
) -> None:
    eyes = opened(stage, look, "depth/BEPT.SIM")
    asked: list[str] = []

    def refuse(route: "Route") -> None:
        asked.append(route.request.url)
        route.fulfill(status=401, json={"detail": "this needs a key"})

    eyes.page.route("**/api/v1/**", refuse)
    stage.close()  # its sockets end
    way = eyes.page.get_by_role("alert").get_by_role("link", name="Sign in")
    way.wait_for()
    assert way.get_attribute("href") == "/login?next=/live/#/depth/BEPT.SIM"
    wait_for("the word", lambda: eyes.page.locator(".bottom .state").inner_text() == "feed signed out", 15.0)
    time.sleep(1.0)
    before = len(asked)
    time.sleep(5.0)
    assert len(asked) == before
    eyes.complaints[:] = [each for each in eyes.complaints if "401" not in each]


def test_the_words_of_a_server_that_catches_up_have_room_on_a_phone(stage: Stage, look: Opener) -> None:
    before = Market()
    before.apply(before.trade("10.00", symbol="BEPT", venue="SIM"))
    stage.market.live.restore(before.instruments, before.latest.records, before.offset)
    stage.house = {"behind_frames": 123_456_789}
    eyes = look(stage.address, {"width": 390, "height": 844, "has_touch": True, "deskless": True})
    eyes.go("lag/BEPT.SIM")
    out = "document.querySelector('header.top').scrollWidth"
    eyes.page.locator(".badge.behind").wait_for()
    assert eyes.page.evaluate(out) <= 390
    stage.close()
    badge = eyes.page.locator(".badge.stale")
    wait_for("an age of two digits", lambda: badge.count() == 1 and re.fullmatch(r"STALE \d\d s", badge.inner_text()))
    assert eyes.page.evaluate(out) <= 390
    assert eyes.page.locator(".badge.behind").count() == 0
