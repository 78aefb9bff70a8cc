"""On a screen that is not wide nothing is cut: names of instruments, controls, sizes, what an alert says."""

import pytest

from browser.seeing import Opener
from browser.test_screens import SCREENS, shown
from scenarios.house import House, wait_for

CUT = """() => {
    const found = [];
    const said = each => (each.innerText || each.placeholder || each.tagName).trim();
    const spreads = (each, box) => {
        const own = each.getBoundingClientRect();
        return own.left < box.left - 1 || own.right > box.right + 1;
    };
    for (const panel of document.querySelectorAll('main .panel')) {
        const box = panel.getBoundingClientRect();
        if (!box.width) continue;
        for (const name of panel.querySelectorAll('.title h2, .title h2 > *')) {
            const text = document.createRange();
            text.selectNodeContents(name);
            const needs = text.getBoundingClientRect().width, has = name.getBoundingClientRect().width;
            if (needs && (needs > has + 1 || spreads(name, box)) || !has && name.tagName === 'H2')
                found.push(`heading ${said(name)}: ${Math.round(has)} of ${Math.round(needs)} px`);
        }
        for (const control of panel.querySelectorAll('.title :is(button, input, select), button.do'))
            if (control.getBoundingClientRect().width && spreads(control, box)) found.push(`control ${said(control)}`);
    }
    for (const cell of document.querySelectorAll('.print:not([hidden]) > *, .sentence, .key'))
        if (cell.clientWidth && cell.scrollWidth > cell.clientWidth) found.push(`${cell.className} ${said(cell)}`);
    for (const row of document.querySelectorAll('.stages tbody tr')) {
        const bottom = row.closest('.tablebox').getBoundingClientRect().bottom;
        if (row.getBoundingClientRect().bottom > bottom + 1) found.push(`stage ${said(row)}`);
    }
    return [...new Set(found)];
}"""
"""What is cut, or out of reach."""


@pytest.mark.parametrize("screen", SCREENS)
def test_no_name_is_cut_and_no_control_out_of_reach(house: House, look: Opener, screen: str) -> None:
    place = screen if screen in ("lag", "arbitrage", "alerts") else f"{screen}/BTCUSDT.BINANCE"
    eyes = shown(house, look, place, {"width": 1024, "height": 768})
    wait_for("the name", lambda: eyes.page.locator("main h2").first.inner_text() != "")
    for width, height in ((1024, 768), (1180, 800), (390, 844)):
        eyes.page.set_viewport_size({"width": width, "height": height})
        eyes.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        if screen in ("monitor", "chart", "depth"):
            eyes.page.locator(".print:not([hidden])").first.wait_for()
        assert eyes.page.evaluate(CUT) == [], width
        if screen == "depth" and width > 760:  # narrower it has no axis
            assert eyes.page.evaluate("document.querySelector('.map canvas').clientWidth") > 300
        assert eyes.page.evaluate("document.documentElement.scrollWidth") <= width
