"""The Monitor with a market that is moved by hand: exact figures, the keyboard, cuts, freezing, motion, size."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from browser.seeing import Eyes, Look, Opener, Stage
from scenarios.house import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, WebSocketRoute

NAMES = ("ADPX", "BEPT", "CORN", "DUSK", "ELMS")


def trade(stage: Stage, symbol: str, price: str, size: str = "1", **more: int) -> None:
    stage.market.apply(stage.market.trade(price, size, symbol=symbol, venue="SIM", **more))


def has(eyes: Eyes, price: str) -> bool:
    return price in eyes.cells("CORN.SIM")


def opened(stage: Stage, look: Opener, screen: str = "monitor", how: Look | None = None) -> Eyes:
    for at, name in enumerate(NAMES):
        trade(stage, name, f"{10 + at}.00")
    eyes = look(stage.address, {**(how or {}), "deskless": True})
    eyes.go(screen)
    if screen == "monitor":
        wait_for("the rows", lambda: len(eyes.rows()) == len(NAMES))
        wait_for("a choice", lambda: eyes.page.locator(".line[aria-selected=true]").count() == 1)
    wait_for("trades to come", lambda: bool(eyes.page.title()) and eyes.hears_trades)
    return eyes


def test_a_tick_has_the_exact_price_sign_and_mark_in_row_tape_legend_and_rest(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look, "monitor/BEPT.SIM")
    trade(stage, "BEPT", "10.56", "3")
    wait_for("the price", lambda: "10.56" in eyes.cells("BEPT.SIM"))
    assert "▼ 4.00%" in eyes.cells("BEPT.SIM")
    assert eyes.page.locator(".line[data-id='BEPT.SIM'] [role=gridcell].down").count() >= 1
    first = eyes.page.locator(".print:not([hidden])").first
    wait_for("the tape", lambda: "10.56" in first.inner_text())

    def is_in_legend() -> bool:
        trade(stage, "BEPT", "10.56", "3")  # the chart may begin at this very second, and knows of no earlier one
        time.sleep(0.2)
        return "C 10.56" in re.sub(r"\s+", " ", eyes.page.locator(".legend").inner_text())

    wait_for("the legend", is_in_legend)
    stock = httpx.get(f"{stage.address}/api/v1/stocks/BEPT.SIM").json()
    assert (stock["price"], stock["change"], stock["change_percent"]) == ("10.56", "-0.44", "-4.00")


def test_a_heading_sorts_wherever_it_is_pressed(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look)
    heads = [head for head in eyes.page.locator("[role=columnheader]").all() if head.locator("button").count()]
    assert len(heads) > 5
    for head in heads:
        head.click()  # in its middle, where a short word is not
        assert head.get_attribute("aria-sort"), head.inner_text()


def test_the_symbol_box_changes_the_chart_and_the_keyboard_moves_along_rows(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look)
    eyes.page.keyboard.press("/")
    eyes.page.keyboard.type("bept")
    wait_for("the symbol", lambda: eyes.page.locator("#symbols li").first.inner_text().startswith("BEPT"))
    eyes.page.keyboard.press("Enter")
    wait_for("the chart", lambda: eyes.page.locator(".chart h2").inner_text().startswith("BEPT"))
    eyes.page.keyboard.press("ArrowDown")
    wait_for("the next row", lambda: eyes.selected() == "CORN.SIM")
    eyes.page.keyboard.press("k")
    wait_for("the row before", lambda: eyes.selected() == "BEPT.SIM")
    eyes.page.keyboard.press("Enter")
    wait_for("the chart's own screen", lambda: "#/chart/BEPT.SIM" in eyes.page.url)
    eyes.travel("m", "#/monitor/BEPT.SIM")


def test_focus_stays_while_prices_tick_and_keys_rest_while_somebody_types(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look)
    eyes.page.keyboard.press("/")
    eyes.page.keyboard.type("p?j")
    wait_for("the letters", lambda: eyes.page.locator(":focus").input_value() == "p?j")
    for step in range(10):
        trade(stage, "CORN", f"12.{step:02d}")
    wait_for("the newest price", lambda: "12.09" in eyes.cells("CORN.SIM"))
    assert eyes.page.locator(":focus").get_attribute("aria-label") == "Symbol"
    assert eyes.page.locator(":focus").input_value() == "p?j"
    assert eyes.page.locator(".badge.frozen, .dialog").count() == 0
    eyes.page.keyboard.press("Escape")
    wait_for("an empty box", lambda: eyes.page.get_by_label("Symbol", exact=True).input_value() == "")


def test_help_opens_and_escape_closes_it(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look)
    eyes.page.keyboard.press("?")
    dialog = eyes.page.get_by_role("dialog", name="Keys")
    dialog.wait_for()  # a busy browser says a key was pressed before it is heard
    assert {"compare; again: end it", "measure: ← →, Esc"} <= set(dialog.locator("dd").all_inner_texts())
    eyes.page.keyboard.press("Escape")
    wait_for("the dialog's end", lambda: eyes.page.get_by_role("dialog").count() == 0)


def test_a_frozen_screen_holds_its_numbers_and_has_the_newest_when_it_moves_again(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look)
    eyes.page.keyboard.press("p")
    eyes.page.locator(".badge.frozen").wait_for()
    trade(stage, "ELMS", "99.50")
    other = opened(stage, look)  # another page has it: it was sent
    wait_for("the price elsewhere", lambda: "14.00" in other.cells("ELMS.SIM") or "99.50" in other.cells("ELMS.SIM"))
    assert "99.50" not in eyes.cells("ELMS.SIM")
    trade(stage, "ELMS", "98.25")
    wait_for("the newer price elsewhere", lambda: "98.25" in other.cells("ELMS.SIM"))
    assert "98.25" not in eyes.cells("ELMS.SIM")
    eyes.page.keyboard.press("p")
    wait_for("the newest price", lambda: "98.25" in eyes.cells("ELMS.SIM"))


def test_trades_of_the_choice_before_are_none_of_the_next(stage: Stage, look: Opener) -> None:
    for name in ("BEPT", "CORN"):
        trade(stage, name, "10.00")
    eyes, waiting = look(stage.address, {"deskless": True}), list[Callable[[], None]]()

    def relay(page: "WebSocketRoute") -> None:
        server = page.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            late = isinstance(message, str) and '["CORN.SIM"]' in message and '"trade"' in message
            if late:  # the server is busy, and reads it later
                waiting.append(partial(server.send, message))
            else:
                server.send(message)

        page.on_message(pass_on)

    eyes.page.route_web_socket(re.compile("/ws/realtime"), relay)
    eyes.go("monitor/BEPT.SIM")
    tape = eyes.page.locator(".print:not([hidden]) .price")

    def told(symbol: str, price: str) -> bool:
        trade(stage, symbol, price)
        eyes.page.wait_for_timeout(200)
        return price in tape.all_text_contents()

    wait_for("trades to come", lambda: told("BEPT", "11.00"))
    eyes.page.locator(".line[data-id='CORN.SIM']").click()
    wait_for("the other's tape", lambda: waiting and not tape.count())
    for _ in range(5):
        told("BEPT", "99.00")
    for each in waiting:
        each()
    wait_for("the other's trades", lambda: told("CORN", "12.00"))
    assert set(tape.all_text_contents()) <= {"10.00", "12.00"}
    assert "H 12.00" in re.sub(r"\s+", " ", eyes.page.locator(".legend").inner_text())


def test_a_cut_is_said_and_greyed_and_what_was_missed_comes_once(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look, "monitor/BEPT.SIM")
    for step in range(3):
        trade(stage, "BEPT", f"11.0{step}", trade_id=step + 1)
    tape = eyes.page.locator(".print:not([hidden]) .price")
    wait_for("three trades", lambda: tape.all_text_contents() == ["11.02", "11.01", "11.00"])
    time.sleep(1.2)  # a status says where the trades are
    stage.close()
    wait_for("the word", lambda: eyes.page.locator(".badge.stale").count() == 1, 5.0)
    assert "reconnecting" in eyes.page.locator(".state").inner_text()
    assert "cut" in (eyes.page.locator("html").get_attribute("class") or "")
    for step in range(3, 5):
        trade(stage, "BEPT", f"11.0{step}", trade_id=step + 1)
    stage.open()
    wait_for("the feed again", lambda: eyes.page.locator(".badge.stale").count() == 0, 20.0)
    wait_for("what was missed", lambda: len(tape.all_text_contents()) >= 5, 20.0)
    assert tape.all_text_contents() == ["11.04", "11.03", "11.02", "11.01", "11.00"]


def test_a_page_has_three_sockets_and_leaves_none_behind(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look)
    assert len(eyes.sockets) == 3
    eyes.page.keyboard.press("ArrowDown")
    eyes.travel("c", "#/chart")
    assert len(eyes.sockets) == 3
    eyes.page.goto("about:blank")
    clients = stage.services.metrics.ws_clients
    wait_for("the sockets' end", lambda: next(iter(clients.collect())).samples[0].value == 0)


def test_nothing_moves_where_motion_is_unwanted(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look, how={"reduced_motion": "reduce"})
    moving = "document.getAnimations().filter(each => each.playState === 'running').length"
    for step in range(5):
        trade(stage, "CORN", f"12.0{step + 1}")
        wait_for("the price", partial(has, eyes, f"12.0{step + 1}"))
        assert eyes.page.evaluate(moving) == 0
    lively = opened(stage, look)
    wait_for("the price", lambda: "12.00" in lively.cells("CORN.SIM"))

    def flashes() -> bool:
        trade(stage, "CORN", f"13.{time.monotonic_ns() % 90 + 10}")
        time.sleep(0.2)
        return bool(lively.page.evaluate(moving))

    wait_for("a flash, where motion is welcome", flashes)


@pytest.mark.parametrize("screen", ["monitor", "chart", "depth", "lag", "arbitrage", "alerts"])
def test_nothing_sticks_out_of_a_phone(stage: Stage, look: Opener, screen: str) -> None:
    eyes = opened(stage, look, f"{screen}/BEPT.SIM", {"width": 390, "height": 844, "has_touch": True})
    eyes.page.locator("main").wait_for()
    time.sleep(0.8)
    out = """() => [...document.querySelectorAll('main, main *, header.top, nav, footer')].filter(each => {
        const box = each.getBoundingClientRect();
        return box.right > innerWidth + 1 && !each.closest('.tablebox, .list, .plot, .bottom, .breadth, .sr, .legend')
    }).map(each => each.className || each.tagName)"""
    assert eyes.page.evaluate(out) == []
    assert eyes.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_a_phone_shows_is_neither_covered_nor_cut(stage: Stage, look: Opener) -> None:
    phone: Look = {"width": 390, "height": 844, "has_touch": True}
    eyes = opened(stage, look, "monitor/BEPT.SIM", phone)
    eyes.page.locator(".plot").wait_for()
    legend, plot = (eyes.page.locator(name).bounding_box() for name in (".over", ".plot"))
    assert legend is not None
    assert plot is not None
    assert legend["y"] + legend["height"] <= plot["y"], "the legend lies over the bars"
    cut = """each => {
        const range = new Range();
        range.selectNodeContents(each);
        return range.getBoundingClientRect().right > each.getBoundingClientRect().right;
    }"""
    eyes = opened(stage, look, "depth/BEPT.SIM", phone)
    eyes.page.locator(".rung.bids").first.wait_for()
    change = eyes.page.locator(".rung.bids .change").first
    change.evaluate("each => { each.textContent = '+0.0056'; }")  # as long as one can be
    assert not change.evaluate(cut)
    eyes = opened(stage, look, "alerts", phone)
    notes = eyes.page.locator(".tile .note")
    notes.first.wait_for()
    assert notes.evaluate_all("all => all.filter(each => each.scrollWidth > each.clientWidth).length") == 0


def test_the_word_of_a_cut_has_room_on_a_phone(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look, "lag/BEPT.SIM", {"width": 390, "height": 844, "has_touch": True})
    stage.close()
    badge = eyes.page.locator(".badge.stale")
    wait_for("an age of two digits", lambda: badge.count() == 1 and re.fullmatch(r"STALE \d\d s", badge.inner_text()))
    assert eyes.page.evaluate("document.documentElement.scrollWidth") <= 390


@contextmanager
def _importing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    import terminal

    yield terminal


def test_a_row_has_no_canvas_since_each_would_be_a_layer_of_its_own(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look, "monitor", {"width": 1920, "height": 900})
    assert eyes.page.locator(".line svg polyline").count() == len(NAMES)
    assert eyes.page.locator(".line canvas").count() == 0


def test_2500_instruments_at_10_hz_leave_the_page_time_for_its_frames(
    chromium: "Browser", monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    """Frames a second are also the machine's (`bench terminal` has their floor); the work for them is the page's."""
    with _importing(monkeypatch) as terminal:
        crowd = terminal.Crowd()
        with crowd.trading(), terminal.running(terminal.create_app(terminal.services(crowd.live))) as address:
            found = terminal.measured(chromium, address, 6.0)
        record_property("measured", found)
        assert found["paints"] >= 20
        assert found["rows_made"] < 100, "rows are recycled, however many instruments there are"
        assert found["paint_p95_ms"] <= 10 * terminal.PAINT_P95_MS_CEILING, (
            "it is not starved, so the next figure counts"
        )
        assert 0.02 < found["main_thread"] <= terminal.MAIN_THREAD_CEILING
