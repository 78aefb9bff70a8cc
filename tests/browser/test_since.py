"""What a change is against, as the Monitor and the chart's screen say it."""

import re

from breadboard.model.decimals import ABSENT, parse_price
from breadboard.model.kinds import EventKind, StatusCode
from breadboard.model.listing import MarketHours, QuoteType
from browser.seeing import Opener, Stage
from scenarios.house import wait_for

LINE = ".line[data-id='BEPT.SIM'] "
DAY_OPEN, CLOSE = "since the first trade of the UTC day that we know", "since the previous close"


def test_a_change_says_since_when_it_is(stage: Stage, look: Opener) -> None:
    market = stage.market

    def traded(price: str) -> dict[str, int]:
        return market.trade(price, "1", symbol="BEPT", venue="SIM")

    market.apply(traded("11.00"), traded("10.56"))
    eyes = look(stage.address, {"deskless": True})
    eyes.go("monitor/BEPT.SIM")
    wait_for("the change", lambda: "▼ 4.00%" in eyes.cells("BEPT.SIM"))
    wait_for("what it is against", lambda: eyes.page.locator(f"{LINE}[title='{DAY_OPEN}']").count() >= 1)
    listing = {"kind": int(EventKind.STATUS), "code": int(StatusCode.LISTING), "size": ABSENT}
    said = {"sequence": int(QuoteType.EQUITY), "trade_id": int(MarketHours.POST), "price": parse_price("10.00")}
    market.apply(traded("10.56") | listing | said, traded("10.56"))
    wait_for("the new change", lambda: "▲ 5.60%" in eyes.cells("BEPT.SIM"))
    wait_for("what it is against", lambda: eyes.page.locator(f"{LINE}[title='{CLOSE}']").count() >= 1)
    assert eyes.page.locator(f"{LINE}[title='{DAY_OPEN}']").count() == 0
    wait_for("the hours", lambda: "after hours" in eyes.page.locator("header.top").inner_text())
    eyes.go("chart/BEPT.SIM")
    facts = eyes.page.locator(".facts .pairs").first
    wait_for("the day", lambda: "since close" in re.sub(r"\s+", " ", facts.inner_text()))
    assert "since close +0.56 ▲ 5.60%" in re.sub(r"\s+", " ", facts.inner_text())
