"""Every page of the dashboard in a real browser: no error, no request to anybody else, its figures there."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from breadboard.client import Client
from scenarios.house import House, ticking, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
RESTS = "[data-testid=stApp][data-test-script-state=notRunning]"
"""A page of which no part is being made any more. What says so in sight comes late, and is there at no other time."""
PAGES = {
    "monitor": ("Real-time Monitor", "Instruments"),
    "history": ("Historical Analysis", "curl"),
    "alerts": ("Alerts & Notifications", "Alerts"),
    "settings": ("Settings & Watchlist", "Server"),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, chromium: "Browser") -> Iterator[House]:
    """Without a configuration, as somebody starts it who has just read the README."""
    del chromium  # first: where there is none, nothing is started
    with ticking(tmp_path_factory.mktemp("dashboard") / "data") as found:
        with Client(found.address) as client:
            wait_for("an instrument", lambda: "BNBUSDT.BINANCE" in {stock.id for stock in client.stocks().data})
            wait_for("a stored bar", lambda: client.history("BNBUSDT.BINANCE", interval="1m").rows())
        yield found


def watched(page: "Page") -> list[str]:
    """Return a list that grows by every console error, failed request, and request to another machine."""
    wrong: list[str] = []

    def asked(url: str) -> None:
        place = urlsplit(url)
        if place.scheme not in {"data", "blob"} and place.hostname != "127.0.0.1":
            wrong.append(f"request to {url}")

    def failed(url: str, why: str | None) -> None:
        if why != "net::ERR_ABORTED":  # a page was left before the terminal in it was there
            wrong.append(f"failed: {url} {why}")

    page.on("request", lambda request: asked(request.url))
    page.on("websocket", lambda socket: asked(socket.url))
    page.on("requestfailed", lambda request: failed(request.url, request.failure))
    page.on("console", lambda said: wrong.append(f"{said.text} {said.location}") if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    return wrong


def settled(page: "Page") -> None:
    """Wait until the page has been made: what is clicked before may be put in place anew, and not know of it."""
    from playwright.sync_api import expect

    page.wait_for_timeout(500)  # a change shows that it runs a moment after it was made
    expect(page.locator(RESTS)).to_have_count(1, timeout=60_000)


def switched_on(page: "Page", label: str) -> None:
    """Turn a switch on, again where the click fell into the moment in which the page put another in its place."""
    switch = page.get_by_role("switch", name=label)
    deadline = time.monotonic() + 60
    while not switch.is_checked():
        assert time.monotonic() < deadline, f"{label} stays off"
        page.get_by_text(label).click()
        page.wait_for_timeout(3_000)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_an_error_and_asks_nobody_else(house: House, chromium: "Browser", name: str) -> None:
    from playwright.sync_api import expect

    title, words = PAGES[name]
    page = chromium.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    wrong = watched(page)
    # Not by its own address: for that, Streamlit first looks for itself under it, and two 404 are in the console.
    page.goto(house.address)
    page.get_by_role("link", name=title).click(timeout=60_000)
    expect(page.get_by_text(words, exact=True).first).to_be_visible(timeout=60_000)
    expect(page.locator(RESTS)).to_have_count(1, timeout=30_000)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    if name in ("history", "settings"):
        expect(page.locator("canvas").first).to_be_visible(timeout=30_000)
    page.wait_for_timeout(2500)  # what is drawn is drawn whole
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"dashboard_{name}.png")
    page.close()
    assert wrong == []


def test_the_terminal_is_in_the_monitor_and_its_sockets_end_with_it(house: House, chromium: "Browser") -> None:
    from playwright.sync_api import expect

    def clients() -> float:
        page.wait_for_timeout(50)
        metrics = page.request.get(f"{house.address}/metrics").text()
        found = re.search(r"^breadboard_ws_clients (\S+)$", metrics, re.MULTILINE)
        return float(found[1]) if found else -1

    page = chromium.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    wrong = watched(page)
    page.goto(house.address)
    terminal = page.frame_locator("iframe[title='The live terminal']")
    expect(terminal.locator(".line:not([hidden])").first).to_be_visible(timeout=60_000)
    expect(terminal.locator(".badge").first).to_have_text("SYNTHETIC")
    expect(terminal.locator(".side")).to_be_hidden()
    wait_for("its sockets", lambda: clients() == 3)
    page.get_by_role("link", name="Historical Analysis").click()
    wait_for("their end", lambda: clients() == 0)
    page.close()
    assert wrong == []


def test_two_symbols_are_compared_and_their_spreads_read_from_the_store(house: House, chromium: "Browser") -> None:
    from playwright.sync_api import expect

    page = chromium.new_page(viewport={"width": 1440, "height": 1500}, color_scheme="light")
    wrong = watched(page)
    page.goto(house.address)
    page.get_by_role("link", name="Historical Analysis").click(timeout=60_000)
    symbols = page.get_by_label(re.compile("^Symbols"))
    symbols.click(timeout=60_000)
    symbols.fill("BTC-USD")
    page.get_by_role("option", name="BTC-USD.COINBASE").click()
    expect(page.get_by_text(re.compile("^percent since 2"))).to_be_visible(timeout=60_000)
    page.keyboard.press("Escape")
    settled(page)
    page.get_by_text(re.compile("^Spread by")).click()
    switched_on(page, "Read the quotes of this range")
    expect(page.get_by_text(re.compile(r"[1-9][\d,]* quotes of the range, at all hours"))).to_be_visible(timeout=60_000)
    settled(page)
    page.wait_for_timeout(2500)  # what is drawn is drawn whole
    page.screenshot(path=SCREENSHOTS / "dashboard_history_several.png")
    expect(page.get_by_test_id("stException")).to_have_count(0)
    page.close()
    assert wrong == []
