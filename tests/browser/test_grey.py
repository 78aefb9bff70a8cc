"""What a feed that is not live has said looks old wherever it stands: chart, ladder, day, map, tape."""

from typing import TYPE_CHECKING, Literal

import pytest

from breadboard.model.kinds import Flag
from browser.seeing import Eyes, Opener, Stage
from browser.test_screens import AXE, RULES
from browser.test_watching import opened, trade
from scenarios.house import wait_for
from unit.api.market import Market

if TYPE_CHECKING:
    from collections.abc import Callable

IN_2024 = 1_723_161_601_271_000_000
SHOWN = """what => [...document.querySelectorAll(what)].filter(each => each.innerText.trim())
    .map(each => getComputedStyle(each).color)"""
COLOUR = """name => { const mark = document.body.appendChild(document.createElement('i'));
    mark.style.color = `var(--${name})`; const found = getComputedStyle(mark).color; mark.remove(); return found; }"""
BOOKED = """() => {
    const map = document.querySelector('.map canvas'), { width, height } = map;
    const copy = Object.assign(document.createElement('canvas'), { width, height });
    const pen = copy.getContext('2d', { willReadFrequently: true });
    pen.drawImage(map, 0, 0);
    const wide = width / map.clientWidth * (map.clientWidth - 62);
    const row = pen.getImageData(0, 3, Math.floor(wide), 1).data;
    const ago = [];
    for (let x = 0; x < row.length / 4; x++)
        if ([13, 16, 28].every((part, at) => row[4 * x + at] === part)) ago.push((1 - x / wide) * 30);
    return ago;
}"""
"""How many seconds ago there was a book, by the map of 30 s: where no size rests it has the ramp's first colour."""


def colours(eyes: Eyes, what: str) -> set[str]:
    found: list[str] = eyes.page.evaluate(SHOWN, what)
    return set(found)


def booked(eyes: Eyes) -> list[float]:
    found: list[float] = eyes.page.evaluate(BOOKED)
    return found


def recorded(stage: Stage) -> None:
    """What a server has that serves a recording of 2024, and no feed."""
    before = Market()
    before.apply(
        before.trade("9.00", symbol="BEPT", venue="SIM", flags=int(Flag.REPLAYED), ts_event=IN_2024),
        before.trade("10.00", symbol="BEPT", venue="SIM", flags=int(Flag.REPLAYED), ts_event=IN_2024),
        before.quote("10.00", "10.02", symbol="BEPT", venue="SIM", flags=int(Flag.REPLAYED)),
    )
    stage.market.live.restore(before.instruments, before.latest.records, before.offset)


def test_a_book_of_a_feed_that_is_not_live_is_grey_and_the_map_and_the_tape_say_why_they_are_empty(
    stage: Stage, look: Opener
) -> None:
    recorded(stage)
    eyes = look(stage.address, {"deskless": True})
    eyes.go("depth/BEPT.SIM")
    wait_for("the book", lambda: eyes.page.locator(".rung.bids .price").first.text_content() == "10.00")
    muted, up = eyes.page.evaluate(COLOUR, "muted"), eyes.page.evaluate(COLOUR, "up")
    figures = ".rung:not([hidden]) > span, .middle > span"
    wait_for("grey", lambda: colours(eyes, figures) == {muted})
    said = eyes.page.locator(".map .empty")
    wait_for("the word", lambda: "No book in the last 30 s" in said.inner_text())
    assert "Its feed is stale" in said.inner_text()
    assert booked(eyes) == []
    tape = eyes.page.locator(".tape .empty")
    wait_for("the newest trade", lambda: "No trade in the last two minutes" in tape.inner_text())
    assert "The newest was at 2024-08-08 20:00:01 ET" in tape.inner_text()
    stage.market.apply(stage.market.trade("10.00", symbol="BEPT", venue="SIM"))
    wait_for("its colours", lambda: up in colours(eyes, ".rung.bids .size"))
    wait_for("a book on the map", lambda: booked(eyes) != [])
    assert said.count() == 0


def test_a_feed_that_falls_silent_leaves_a_hole_on_the_map_and_not_a_line(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look, "depth/BEPT.SIM")
    wait_for("a book of three seconds", lambda: max(booked(eyes), default=0) > 3)
    trade(stage, "BEPT", "11.00")
    wait_for("stale", lambda: "feed stale" in eyes.page.locator(".ladderbox .aside").inner_text())
    wait_for(
        "a hole", lambda: min(booked(eyes), default=0) > 8
    )  # from when it was heard, and not from when it was missed
    assert max(booked(eyes)) > 11


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("screen", ["monitor", "chart", "depth"])
def test_a_screen_of_old_prices_is_grey_but_for_the_others_and_can_be_read(
    stage: Stage, look: Opener, screen: str, theme: Literal["dark", "light"]
) -> None:
    recorded(stage)
    eyes = look(stage.address, {"deskless": True, "color_scheme": theme})
    eyes.go(f"{screen}/BEPT.SIM")
    eyes.page.locator("main.aged").wait_for()
    muted = eyes.page.evaluate(COLOUR, "muted")
    looks: Callable[[str], str] = lambda what: str(  # noqa: E731
        eyes.page.locator(what).evaluate("each => getComputedStyle(each).filter")
    )
    if screen != "depth":
        assert looks(".plot").startswith("grayscale(1)")
    if screen == "chart":
        wait_for("the day", lambda: "10.00" in eyes.page.locator(".facts dl").inner_text())
        assert colours(eyes, ".facts dd") == {muted}
    if screen == "monitor":  # rows have their own grey, each by its own feed
        watched = "getComputedStyle(document.querySelector('.watch')).getPropertyValue('--up')"
        assert eyes.page.evaluate(watched) == eyes.page.evaluate(watched.replace(".watch", "html"))
    eyes.page.evaluate(AXE.read_text(encoding="utf-8"))
    asked = f"axe.run(document, {{runOnly: {RULES}}})"
    assert (
        eyes.page.evaluate(
            f"async () => (await {asked}).violations.map(each => [each.id, each.nodes.map(n => n.html)])"
        )
        == []
    )
