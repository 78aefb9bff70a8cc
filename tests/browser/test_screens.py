"""Every screen of the terminal over a whole house: no error, nothing leaves it, nothing bars anybody."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pytest

from browser.seeing import Eyes, Look, Opener
from scenarios.house import House, wait_for

NEW_YORK = ZoneInfo("America/New_York")
ROOT = Path(__file__).parents[2]
AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
PICTURES = ROOT / "build/screenshots"
SCREENS = {
    "monitor": ".line[data-id]",
    "chart": ".legend .when",
    "depth": ".rung.bids .price",
    "lag": ".stagebox tbody tr",
    "arbitrage": ".opps tbody tr",
    "alerts": ".feed tbody tr",
}
"""By screen, what it shows when there is something to show."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def shown(house: House, look: Opener, screen: str, how: Look | None = None) -> Eyes:
    eyes = look(house.address, how)
    eyes.go(screen)
    eyes.page.locator(SCREENS[screen.partition("/")[0]]).first.wait_for(timeout=60_000)
    return eyes


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_opens_without_an_error_and_bars_nobody(
    house: House, look: Opener, screen: str, theme: Literal["dark", "light"]
) -> None:
    eyes = shown(house, look, screen, {"color_scheme": theme})
    assert eyes.page.locator("html").get_attribute("data-theme") == theme
    eyes.page.locator(".badge.provenance", has_text="SYNTHETIC").wait_for()  # the screen may be there before the status
    eyes.page.evaluate(AXE.read_text(encoding="utf-8"))
    asked = f"axe.run(document, {{runOnly: {RULES}}})"
    found = eyes.page.evaluate(
        f"async () => (await {asked}).violations.map(each => [each.id, each.nodes.map(n => n.html)])"
    )
    assert found == []


@pytest.mark.parametrize("dialog", ["?", ","])
def test_an_open_dialog_bars_nobody(house: House, look: Opener, dialog: str) -> None:
    eyes = shown(house, look, "monitor")
    eyes.page.keyboard.press(dialog)
    eyes.page.get_by_role("dialog").wait_for()
    eyes.page.evaluate(AXE.read_text(encoding="utf-8"))
    asked = f"axe.run(document, {{runOnly: {RULES}}})"
    assert eyes.page.evaluate(f"async () => (await {asked}).violations.map(each => each.id)") == []


def test_the_bars_on_the_chart_are_those_of_the_store(house: House, look: Opener) -> None:
    eyes = shown(house, look, "chart/BTCUSDT.BINANCE")
    eyes.page.get_by_role("button", name="1s").click()
    eyes.page.keyboard.press("T")

    def final() -> list[list[str]]:
        rows: list[list[str]] = eyes.page.evaluate(
            "[...document.querySelectorAll('.chart tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))"
        )
        return [row for row in rows if row[-1] == "final"]

    rows = wait_for("final bars", lambda: found if len(found := final()) > 5 else [])
    query: dict[str, str | float | bool] = {"symbol": "BTCUSDT.BINANCE", "interval": "1s", "limit": "5000"}
    stored = eyes.page.request.get(f"{house.address}/api/v1/history", params=query).json()["data"]
    closes = {bar["ts_open"][11:19]: float(bar["close"]) for bar in stored}
    told = {row[1]: float(row[5].replace(",", "")) for row in rows}
    assert len(set(told) & set(closes)) > 5
    assert {at: told[at] for at in told if at in closes} == {at: closes[at] for at in told if at in closes}


def test_the_tape_has_every_trade_from_before_and_after_it_was_opened(house: House, look: Opener) -> None:
    """The store is a second or two behind when it is asked, and the socket tells of nothing from before it is asked."""
    eyes = look(house.address, {"height": 4000})
    began = datetime.now(UTC)
    if not 2 < (began.astimezone(NEW_YORK).hour * 60 + began.astimezone(NEW_YORK).minute) < 24 * 60 - 3:
        pytest.skip("it is midnight in New York, and the tape has times without days")
    eyes.go("depth/BTCUSDT.BINANCE")
    eyes.page.locator(".print:not([hidden])").first.wait_for(timeout=60_000)

    def told() -> list[tuple[str, str]]:
        rows: list[str] = eyes.page.locator(".print:not([hidden])").all_inner_texts()
        return [(row.split()[0], row.split()[1].replace(",", "")) for row in reversed(rows)]

    def stored() -> list[tuple[str, str]]:
        query: dict[str, str | float | bool] = {"symbol": "BTCUSDT.BINANCE", "kind": "trades", "limit": "5000"}
        query["start"] = (began - timedelta(minutes=2)).isoformat()
        trades = eyes.page.request.get(f"{house.address}/api/v1/history", params=query).json()["data"]
        times = [datetime.fromisoformat(trade["ts_event"][:26] + "Z").astimezone(NEW_YORK) for trade in trades]
        words = [time.strftime("%H:%M:%S.%f")[:12] for time in times]
        return [(word, f"{float(trade['price']):.2f}") for word, trade in zip(words, trades, strict=True)]

    opening = began.astimezone(NEW_YORK).strftime("%H:%M:%S.%f")[:12]

    def is_whole() -> bool:
        rows, known = told(), stored()
        oldest, newest = rows[0][0], known[-1][0]
        assert oldest < opening, "what the store told at once has left the screen by now"
        mine = [row for row in rows if oldest < row[0] < newest]
        return newest > opening and sorted(mine) == sorted(trade for trade in known if oldest < trade[0] < newest)

    wait_for("trades from before it was opened", lambda: told()[0][0] < opening)
    wait_for("every trade between those and the newest", is_whole)


PAINTED = """ago => {
    const map = document.querySelector('.map canvas'), { width, height } = map;
    const copy = Object.assign(document.createElement('canvas'), { width, height });
    const pen = copy.getContext('2d', { willReadFrequently: true });
    pen.drawImage(map, 0, 0);
    const ratio = width / map.clientWidth, wide = map.clientWidth - 62;
    return [...pen.getImageData(Math.floor((1 - ago / 120) * wide * ratio), 3, 1, 1).data].slice(0, 3).join();
}"""
UNSEEN = "11,14,20"


def test_resting_size_is_shown_from_before_it_was_opened_where_the_store_keeps_depth(
    house: House, look: Opener
) -> None:
    eyes = look(house.address)

    def kept() -> list[float]:
        query: dict[str, str | float | bool] = {"symbol": "BTCUSDT.BINANCE", "kind": "books"}
        query["start"] = (datetime.now(UTC) - timedelta(seconds=30)).isoformat()
        found = eyes.page.request.get(f"{house.address}/api/v1/history", params=query)
        rows = found.json()["data"] if found.ok else []
        return [datetime.fromisoformat(row["ts_recv"][:26] + "Z").timestamp() for row in rows if row["state"] == "live"]

    wait_for("books in the store", lambda: len(kept()) > 3)
    before = kept()[0] + 0.3
    eyes.go("depth/BTCUSDT.BINANCE")
    eyes.page.get_by_role("button", name="2 m", exact=True).click()
    wait_for("a book of before", lambda: eyes.page.evaluate(PAINTED, time.time() - before) != UNSEEN)


LINE = """() => {
    const row = document.querySelector('.line[data-id="BTCUSDT.BINANCE"]');
    const points = row.querySelector('.spark polyline')?.getAttribute('points')?.split(' ') ?? [];
    return points.length > 2 + performance.now() / 5000;
}"""
"""Whether a row's line has more prices than the page can have noted: one each five seconds."""


def test_a_row_s_line_of_prices_begins_before_the_page_was_opened(house: House, look: Opener) -> None:
    eyes = look(house.address)

    def bars() -> int:
        query: dict[str, str | float | bool] = {"symbol": "BTCUSDT.BINANCE", "interval": "5s"}
        query["start"] = (datetime.now(UTC) - timedelta(minutes=4)).isoformat()
        found = eyes.page.request.get(f"{house.address}/api/v1/history", params=query)
        return len(found.json()["data"]) if found.ok else 0

    wait_for("bars of five seconds in the store", lambda: bars() > 8)
    eyes = shown(house, look, "monitor")
    wait_for("a line with a past", lambda: eyes.page.evaluate(LINE))


def test_a_phone_shows_opportunities_below_their_filters(house: House, look: Opener) -> None:
    eyes = shown(house, look, "arbitrage", {"width": 390, "height": 844, "has_touch": True})
    table = eyes.page.locator(".opps .tablebox").bounding_box()
    assert table is not None
    assert table["height"] > 150


def test_ten_pictures_are_there_to_be_looked_at(house: House, look: Opener) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    views: list[tuple[str, str, Look, str]] = [
        ("01-monitor-dark", "monitor", {"color_scheme": "dark"}, ""),
        ("02-monitor-light", "monitor", {"color_scheme": "light"}, ""),
        ("03-chart", "chart/BTCUSDT.BINANCE", {"color_scheme": "dark"}, ""),
        ("04-chart-table-light", "chart/ETHUSDT.BINANCE", {"color_scheme": "light"}, "T"),
        ("05-depth", "depth/BTCUSDT.BINANCE", {"color_scheme": "dark"}, ""),
        ("07-arbitrage", "arbitrage", {"color_scheme": "dark"}, ""),
        ("08-alerts", "alerts", {"color_scheme": "light"}, ""),
        ("09-monitor-phone", "monitor", {"color_scheme": "dark", "width": 390, "height": 844, "has_touch": True}, ""),
        ("10-help", "monitor", {"color_scheme": "dark"}, "?"),
    ]
    began = time.time()
    lag = shown(house, look, "lag", {"color_scheme": "dark"})  # opened first: it draws a point every ten seconds
    for name, screen, how, key in views:
        eyes = shown(house, look, screen, how)
        if key:
            eyes.page.keyboard.press(key)
        time.sleep(3)  # so that tape and sparks have a past; nothing is judged by it
        eyes.page.screenshot(path=PICTURES / f"{name}.png")
        eyes.page.close()
    wait_for("a line of lags", lambda: not lag.page.get_by_text("Collecting").is_visible())
    lag.page.bring_to_front()
    lag.page.screenshot(path=PICTURES / "06-lag.png")
    drawn = [PICTURES / f"{name}.png" for name in ("06-lag", *(name for name, *_ in views))]
    assert len(drawn) == 10
    assert all(each.stat().st_size > 20_000 and each.stat().st_mtime > began for each in drawn)
