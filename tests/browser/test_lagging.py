"""Lag & health with lags that a test makes up: the tail that the target is about, and how lags are distributed."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from breadboard.telemetry.lag import WINDOW_NS
from browser.seeing import Look, Opener, Stage
from browser.test_screens import PICTURES
from browser.test_watching import opened
from scenarios.house import wait_for

EDGES = """which => [...document.querySelectorAll(which)].filter(word => word.innerText).map(word => {
    const range = document.createRange();
    range.selectNodeContents(word);
    const { left, right } = range.getBoundingClientRect();
    return [left, right];
})"""
"""From where to where each of these words goes."""
NOTED = """window.said = [];
    const fill = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function (...words) {
        window.said.push(words[0]);
        return fill.apply(this, words);
    };"""
"""Note what is written on canvases."""
LOOKS: list[Look] = [{"color_scheme": "dark"}, {"color_scheme": "light", "width": 390, "height": 844}]


@pytest.mark.parametrize("how", LOOKS, ids=["desk", "phone"])
def test_the_tail_and_the_distribution_of_a_hop_are_told(stage: Stage, look: Opener, how: Look) -> None:
    board, now = stage.services.lag, stage.market.live.now()
    board.rows(now)
    board.add("SIM", "sim-0", "network", "synthetic", np.repeat([3_000_000, 40_000_000, 80_000_000], [90, 7, 3]))
    board.add("SIM", "sim-1", "network", "synthetic", np.repeat([300_000], 100))
    board.add("SIM", "sim-0", "store", "synthetic", np.array([9_000_000]))
    board.rows(now + WINDOW_NS)
    eyes = opened(stage, look, "lag", how)
    tile = eyes.page.locator(".tile", has_text="P95")
    wait_for("the tile", lambda: tile.count() == 1 and tile.locator("b").inner_text().startswith("40"))
    cells = eyes.page.locator(".byfeed tbody tr").first.locator("td").all_inner_texts()
    assert (cells[0], cells[1]) == ("venue → received", "100")
    assert [float(cell) for cell in cells[2:]] == pytest.approx([3, 3, 40, 80, 80], rel=0.01)
    if "width" not in how:
        inside = "box => box.scrollWidth <= box.clientWidth"
        assert eyes.page.locator(".byfeed .tablebox").evaluate(inside), "every figure is seen without scrolling"
    bars = eyes.page.locator(".histogram [role=img]")
    found = wait_for("the bars", lambda: bars.get_attribute("aria-label"))
    assert found == (
        "≤ 0.2 ms: 0 %, ≤ 0.5 ms: 50.0 %, ≤ 1 ms: 0 %, ≤ 2 ms: 0 %, ≤ 5 ms: 45.0 %, "
        "≤ 10 ms: 0 %, ≤ 20 ms: 0 %, ≤ 50 ms: 3.5 %, ≤ 100 ms: 1.5 %, ≤ 200 ms: 0 %"
    )
    script = "[...document.querySelectorAll('.histogram .bars i')].map(bar => bar.getBoundingClientRect().height)"
    tall = eyes.page.evaluate(script)
    assert tall[4] / tall[1] == pytest.approx(0.9, abs=0.02)
    PICTURES.mkdir(parents=True, exist_ok=True)
    eyes.page.locator(".histogram").scroll_into_view_if_needed()
    eyes.page.screenshot(path=PICTURES / f"15-lag-{how['color_scheme']}.png")
    eyes.page.get_by_label("Of which feed").select_option("sim-0")
    wait_for("one feed", lambda: "≤ 5 ms: 90.0 %" in (bars.get_attribute("aria-label") or ""))
    eyes.page.get_by_role("button", name="store", exact=True).click()
    wait_for("another hop", lambda: "≤ 10 ms: 100.0 %" in (bars.get_attribute("aria-label") or ""))
    eyes.page.get_by_label("Of which feed").select_option("sim-1")
    wait_for("nothing", lambda: "Nothing was measured yet" in eyes.page.locator(".histogram").inner_text())
    assert eyes.page.evaluate("document.documentElement.scrollWidth") <= how.get("width", 1440)


def test_a_distribution_has_room_for_its_words_and_one_window_for_its_time(stage: Stage, look: Opener) -> None:
    board, now = stage.services.lag, stage.market.live.now()
    board.rows(now)
    lags = [int(float(f"{step}e{power}")) for power in range(3, 11) for step in (1, 2, 5)]
    counts = [1] * len(lags)
    counts[9] = 20_000
    board.add("SIM", "sim-0", "network", "synthetic", np.repeat(lags, counts))
    board.rows(now + WINDOW_NS)
    eyes = look(stage.address, {"deskless": True})
    eyes.page.add_init_script(NOTED)
    eyes.go("lag")
    wait_for("the bars", lambda: eyes.page.locator(".histogram .bars > div").count() > 20)
    for words in ("b", "small"):
        edges: list[tuple[float, float]] = eyes.page.evaluate(EDGES, f".histogram .bars {words}")
        assert len(edges) > 15
        assert all(before[1] <= after[0] + 0.5 for before, after in pairwise(edges)), (words, edges)
    wait_for("one window", lambda: "One is here" in eyes.page.locator(".timeline").inner_text())
    moments = "window.said.filter(word => /^\\d\\d:\\d\\d/.test(word))"
    told: list[str] = wait_for("the axis", lambda: eyes.page.evaluate(moments))
    newest = datetime.fromtimestamp((now + WINDOW_NS) // 1_000_000_000, ZoneInfo("America/New_York"))
    around = {f"{newest + timedelta(seconds=away):%H:%M}" for away in range(-75, 76)}
    assert {word[:5] for word in told} <= around
