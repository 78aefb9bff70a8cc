"""Addresses that people write: without a venue, in small letters, of nothing that is there."""

import re
import time
from typing import TYPE_CHECKING

from browser.seeing import Eyes, Opener, Stage
from browser.test_watching import opened, trade
from scenarios.house import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Request


def moves(stage: Stage, eyes: Eyes, symbol: str, price: str) -> None:
    """Wait until a trade of now is on the tape and in the legend."""
    first = eyes.page.locator(".print:not([hidden])").first

    def is_there() -> bool:
        trade(stage, symbol, price)
        time.sleep(0.2)
        return price in (first.text_content() or "") and f"C {price}" in re.sub(
            r"\s+", " ", eyes.page.locator(".legend").inner_text()
        )

    wait_for(f"{price} on tape and chart", is_there)


def arrives(eyes: Eyes, there: str) -> None:
    wait_for(there, lambda: eyes.page.evaluate("location.hash") == there)


def forgive(eyes: Eyes, *, status: str) -> None:
    """Leave the page; of what it complained of, forget what is wanted here."""
    eyes.page.goto("about:blank")
    eyes.complaints[:] = [word for word in eyes.complaints if status not in word]


def rests(eyes: Eyes, asked: list[str]) -> None:
    """Check that nothing is asked any more; what was before is asked for once, when somebody stays."""
    eyes.page.wait_for_timeout(4_000)  # and not sleep: it hears of requests only meanwhile
    before = len(asked)
    assert before
    eyes.page.wait_for_timeout(6_000)
    assert asked[before:] == []


def test_an_address_without_a_venue_or_in_small_letters_is_the_instrument_and_moves(stage: Stage, look: Opener) -> None:
    for word in ("BEPT", "bept.sim", "bept"):
        eyes = opened(stage, look, f"chart/{word}")
        arrives(eyes, "#/chart/BEPT.SIM")
        assert eyes.page.title() == "BEPT.SIM · chart"
        moves(stage, eyes, "BEPT", "11.25")
        assert "nothing is kept" not in eyes.page.locator("main").inner_text()
        if word != "bept":
            eyes.page.goto("about:blank")  # of the store's answers there are so many at once
    eyes.page.evaluate("location.hash = '#/depth/corn'")
    arrives(eyes, "#/depth/CORN.SIM")
    wait_for("its name", lambda: eyes.page.locator(".map h2").inner_text().startswith("CORN"))
    price = eyes.page.locator(".rung.bids .price").first
    wait_for("its book", lambda: price.text_content() == "10.00")


def test_a_symbol_of_two_venues_is_asked_about_and_nothing_is_shown_before(stage: Stage, look: Opener) -> None:
    stage.market.apply(stage.market.trade("55.00", symbol="BEPT", venue="OTHER"))
    eyes = look(stage.address, {"deskless": True})
    trade(stage, "BEPT", "10.00")
    eyes.go("chart/bept")
    offered = eyes.page.locator(".which a")
    wait_for("both", lambda: sorted(offered.all_inner_texts()) == ["BEPT.OTHER", "BEPT.SIM"])
    arrives(eyes, "#/chart/bept")  # as it is, to be shared and loaded again
    assert eyes.page.locator(".chartpage").count() == 0
    offered.filter(has_text="BEPT.SIM").click()
    arrives(eyes, "#/chart/BEPT.SIM")
    moves(stage, eyes, "BEPT", "11.50")
    eyes.page.evaluate("location.hash = '#/chart/BEPT'")
    offered.first.wait_for()
    offered.filter(has_text="BEPT.OTHER").click()
    arrives(eyes, "#/chart/BEPT.OTHER")
    eyes.page.locator(".chartpage").wait_for()


def test_a_name_that_nobody_knows_is_not_asked_for_again_until_the_board_has_it(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look)
    asked: list[str] = []

    def note(request: "Request") -> None:
        if "nope" in request.url.lower():
            asked.append(request.url)

    eyes.page.on("request", note)
    eyes.go("chart/nope")
    tape = eyes.page.locator(".tape .empty")
    wait_for("the word", lambda: "Nobody here knows nope" in tape.inner_text())
    eyes.go("chart/NOPE.SIM")
    wait_for("the other word", lambda: "Nobody here knows NOPE.SIM" in tape.inner_text())
    rests(eyes, asked)
    eyes.go("depth/NOPE.SIM")
    missing = eyes.page.locator(".depthmap .empty")
    wait_for("no book", lambda: missing.count() == 1)
    rests(eyes, asked)
    trade(stage, "NOPE", "10.00")
    eyes.go("chart/NOPE.SIM")
    moves(stage, eyes, "NOPE", "12.25")
    forgive(eyes, status="404 (Not Found)")
