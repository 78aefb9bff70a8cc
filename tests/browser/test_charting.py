"""The Chart with a history that a test makes up: sessions, rules, a comparison, and measuring."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest

from browser.seeing import Eyes, Look, Opener, Stage
from browser.test_screens import AXE, PICTURES
from browser.test_screens import RULES as RULES_OF_ACCESS
from browser.test_watching import opened
from scenarios.house import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Route

MINUTE_MS = 60_000
SESSIONS = ("pre",) * 40 + ("regular",) * 60 + ("post",) * 20
CROSS = {"kind": "cross", "threshold": "101.5", "symbols": ["@mine"], "direction": "up"}
RULES = [
    {"name": "over the top", "version": "a", "sentence": "", "enabled": True, "rule": CROSS},
    {"name": "elsewhere", "version": "a", "sentence": "", "enabled": True, "rule": {**CROSS, "symbols": ["BEPT.SIM"]}},
]


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


class Past:
    """Two hours of minutes that ended five minutes ago, of two instruments: the second moves twice as far."""

    def __init__(self, sessions: Sequence[str] = SESSIONS) -> None:
        now = int(datetime.now(UTC).timestamp() * 1000)
        self.first = (now // MINUTE_MS - 125) * MINUTE_MS
        self._sessions = sessions
        self.rules = RULES
        self.openings = [self.first + at * MINUTE_MS for at in range(len(sessions))]
        self.gaps: list[dict[str, Any]] = []

    def close(self, symbol: str, at: int) -> float:
        """100 to 103.57 in thirds of a saw, or from 50 to 53.57."""
        moved = (at % 30) * 0.1 + at // 30 * 0.29
        return 50 + moved if symbol == "BEPT.SIM" else 100 + moved

    def serve(self, eyes: Eyes) -> None:
        """Answer a page's questions of the past."""
        eyes.page.route(re.compile("/api/v1/(history|gaps|alerts|rules|watchlists)"), self._answer)
        eyes.page.route(re.compile("/api/v1/sql"), self._newest)

    def _newest(self, route: "Route") -> None:
        """Say where the newest bars before a moment begin."""
        asked = re.search(r"fromUnixTimestamp64Milli\((\d+)\).* limit (\d+)", route.request.post_data or "")
        end, most = (int(word) for word in asked.groups()) if asked else (0, 0)
        found = [ms for ms in self.openings if ms < end][-most:]
        row = {"first": found[0] if found else 0, "bars": len(found)}
        route.fulfill(content_type="application/json", body=json.dumps({"columns": [], "data": [row], "count": 1}))

    def _answer(self, route: "Route") -> None:
        asked = urlsplit(route.request.url)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        rows = getattr(self, f"_{asked.path.rpartition('/')[2]}")(query)
        route.fulfill(content_type="application/json", body=json.dumps({"data": rows, "next": None}))

    def _history(self, query: dict[str, str]) -> list[dict[str, Any]]:
        if query["kind"] != "bars":
            return []
        bars = [self._bar(query["symbol"], at) for at in range(len(self.openings))]
        start, end = (datetime.fromisoformat(query.get(name, "9999-01-01T00:00Z")) for name in ("start", "end"))
        return [bar for bar in bars if start <= datetime.fromisoformat(bar["ts_open"]) < end]

    def _bar(self, symbol: str, at: int) -> dict[str, Any]:
        close = self.close(symbol, at)
        prices = {"open": close - 0.05, "high": close + 0.1, "low": close - 0.1, "close": close}
        told = {name: f"{value:.2f}" for name, value in prices.items()}
        more = {"volume": "10", "vwap": told["close"], "trades": 3, "state": "final", "completeness": 1}
        session = self._sessions[at]
        return {
            "ts_open": iso(self.openings[at]),
            **told,
            **more,
            "session": session,
            "provenance": "synthetic",
        }

    def _gaps(self, query: dict[str, str]) -> list[dict[str, Any]]:
        start = datetime.fromisoformat(query["start"])
        return [gap for gap in self.gaps if datetime.fromisoformat(gap["ts_from"]) >= start]

    def _rules(self, _: dict[str, str]) -> list[dict[str, Any]]:
        return self.rules

    def _watchlists(self, _: dict[str, str]) -> list[dict[str, Any]]:
        return [{"name": "mine", "symbols": ["CORN.SIM"], "from": "database"}]

    def _alerts(self, query: dict[str, str]) -> list[dict[str, Any]]:
        if query["symbol"] != "CORN.SIM":
            return []
        names = {"rule": "over the top", "kind": "cross", "venue": "SIM", "symbol": "CORN", "message": "it did"}
        times = [iso(self.first + at * MINUTE_MS + 5_000) for at in (45, 45, 119)]
        return [
            {"alert_id": str(at), **names, "state": "fired", "ts_event": when, "ts_recv": when}
            for at, when in enumerate(times)
        ]


PANE = """
    const shown = document.querySelector('.plot tr:first-child td:nth-child(2) canvas'), { width, height } = shown;
    const pen = Object.assign(document.createElement('canvas'), { width, height })
        .getContext('2d', { willReadFrequently: true });
    pen.drawImage(shown, 0, 0);
    const pixels = pen.getImageData(0, 0, width, height).data;
    const colour = (x, y) => pixels.slice(4 * (y * width + x), 4 * (y * width + x) + 4).join();
"""
"""The pixels of the price pane."""
RUNS = f"""() => {{ {PANE}
    const all = [], found = [];
    for (let x = 0; x < width; x++) {{
        if (all.at(-1)?.[0] === colour(x, 3)) all.at(-1)[1] += 1;
        else all.push([colour(x, 3), 1]);
    }}
    for (const [what, long] of all.filter(run => run[1] > 2)) {{  // narrower ones are lines of the grid
        if (found.at(-1)?.[0] === what) found.at(-1)[1] += long + 1;
        else found.push([what, long]);
    }}
    return found;
}}"""
"""The colours along the top of the price pane, with their widths."""
TINTED = f"""name => {{ {PANE}
    const one = Object.assign(document.createElement('canvas'), {{ width: 1, height: 1 }})
        .getContext('2d', {{ willReadFrequently: true }});
    one.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(`--${{name}}`);
    one.fillRect(0, 0, 1, 1);
    const wanted = one.getImageData(0, 0, 1, 1).data.join(), found = [];
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) if (colour(x, y) === wanted) found.push([x, y]);
    return {{ width, found }};
}}"""
"""Where the price pane has a colour of the theme."""


def charted(stage: Stage, look: Opener, how: Look | None = None) -> tuple[Eyes, Past]:
    past = Past()
    eyes = opened(stage, look, "about", how)
    past.serve(eyes)
    eyes.page.reload()
    eyes.go("chart/CORN.SIM")
    wait_for("the bars", lambda: "C 103.77" in legend(eyes))
    return eyes, past


def legend(eyes: Eyes) -> str:
    return re.sub(r"\s+", " ", eyes.page.locator(".over").inner_text())


def runs(eyes: Eyes) -> list[tuple[str, int]]:
    return [(colour, width) for colour, width in eyes.page.evaluate(RUNS)]


def measured(eyes: Eyes) -> str:
    return eyes.page.get_by_role("status", name="Measured").inner_text()


def kept(eyes: Eyes, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    eyes.page.screenshot(path=PICTURES / f"{name}.png")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_hours_outside_of_the_session_are_shaded_and_named(
    stage: Stage, look: Opener, theme: Literal["dark", "light"]
) -> None:
    eyes, _ = charted(stage, look, {"color_scheme": theme})

    def spans() -> list[int]:
        found = runs(eyes)
        empty = found[-1][0]  # right of the newest bar nothing is drawn
        widths = [width for colour, width in found[:-1]]
        washed = [colour != empty for colour, _ in found[:-1]]
        return widths[-3:] if washed[-3:] == [True, False, True] else []

    pre, regular, post = wait_for("the shades", spans)
    assert abs(pre / regular - 40 / 60) < 0.03
    assert abs(post / regular - 20 / 60) < 0.03
    assert "after hours" in legend(eyes)
    kept(eyes, f"11-chart-sessions-{theme}")
    eyes.page.keyboard.press("T")
    assert eyes.page.locator(".chart tbody tr").first.locator("td").all_inner_texts()[-2:] == ["post", "final"]


def test_what_trades_around_the_clock_is_not_shaded(stage: Stage, look: Opener) -> None:
    eyes = opened(stage, look, "about")
    Past(("",) * 120).serve(eyes)
    eyes.page.reload()
    eyes.go("chart/CORN.SIM")
    wait_for("the bars", lambda: "C 103.77" in legend(eyes))
    eyes.page.wait_for_timeout(300)
    assert len({colour for colour, _ in runs(eyes)}) == 1
    eyes.page.keyboard.press("T")
    assert "Session" not in eyes.page.locator(".chart thead").inner_text()


def test_a_price_that_somebody_waits_for_is_a_line_and_what_fired_is_marked(stage: Stage, look: Opener) -> None:
    eyes, past = charted(stage, look)
    eyes.page.keyboard.press("v")  # the average price has the colour of the marks

    def rows() -> list[int]:
        tinted = eyes.page.evaluate(TINTED, "accent")
        many = Counter(y for _, y in tinted["found"])
        return [y for y, count in many.items() if count > 0.8 * tinted["width"]]

    assert len(wait_for("the line", rows)) == 1
    columns = sorted({x for x, _ in eyes.page.evaluate(TINTED, "warn")["found"]})
    assert sum(after - before > 100 for before, after in pairwise(columns)) == 1, "two bars are marked"
    assert "▼ over the top" in legend(eyes)
    past.rules = []
    wait_for("the line's end", lambda: not rows(), 30.0)


def test_another_symbol_is_compared_with_in_percent_by_keyboard(stage: Stage, look: Opener) -> None:
    eyes, _ = charted(stage, look)
    eyes.page.keyboard.press("c")
    eyes.page.keyboard.type("bept")
    wait_for("the symbol", lambda: eyes.page.locator("#others li").first.inner_text().startswith("BEPT"))
    eyes.page.keyboard.press("Enter")
    wait_for("both", lambda: "BEPT SIM ▲ 7.54% CORN ▲ 3.77% since" in legend(eyes))
    axis = eyes.page.locator(".plot tr").first.locator("td").first
    wait_for("its axis", lambda: (axis.bounding_box() or {"width": 0})["width"] > 30)
    eyes.page.evaluate(AXE.read_text(encoding="utf-8"))
    asked = f"axe.run(document, {{runOnly: {RULES_OF_ACCESS}}})"
    assert eyes.page.evaluate(f"async () => (await {asked}).violations.map(each => each.id)") == []
    kept(eyes, "12-chart-compare")
    eyes.page.keyboard.press("c")
    wait_for("the end", lambda: "BEPT" not in legend(eyes))
    assert (axis.bounding_box() or {"width": 0})["width"] < 2


def test_a_stretch_is_measured_by_keyboard(stage: Stage, look: Opener) -> None:
    eyes, _ = charted(stage, look)
    eyes.page.keyboard.press("m")
    wait_for("a bar", lambda: measured(eyes) == "+0.10 · ▲ 0.10% · 1 bar · 60 s")
    for key in ["Shift+ArrowLeft"] * 3 + ["ArrowRight"] * 2:
        eyes.page.keyboard.press(key)
    # from the 29th bar before the last: 100.87 to 103.77
    wait_for("29 bars", lambda: measured(eyes) == "+2.90 · ▲ 2.87% · 29 bars · 29 m")
    kept(eyes, "13-chart-measure")
    eyes.page.keyboard.press("Escape")
    wait_for("nothing", lambda: measured(eyes) == "")
    assert eyes.page.get_by_role("button", name="Measure").get_attribute("aria-pressed") == "false"


def test_a_stretch_is_measured_with_shift_by_a_drag_and_by_two_clicks(stage: Stage, look: Opener) -> None:
    eyes, _ = charted(stage, look)
    mouse, keyboard = eyes.page.mouse, eyes.page.keyboard
    box = eyes.page.locator(".plot").bounding_box() or pytest.fail("no plot")
    x, y = box["x"] + 300, box["y"] + 400
    before = runs(eyes)
    keyboard.down("Shift")
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 150, y - 100, steps=5)
    assert measured(eyes) == "", "it is said once it is measured"
    mouse.up()
    keyboard.up("Shift")
    said = wait_for("a drag", lambda: measured(eyes))
    assert re.fullmatch(r"\+\d\.\d\d · ▲ \d\.\d\d% · \d\d bars · \d\d m", said)
    assert runs(eyes) == before, "the chart stays where it is"
    keyboard.down("Shift")
    mouse.click(x + 150, y - 100)
    keyboard.up("Shift")
    mouse.move(x, y, steps=5)
    mouse.click(x, y)
    back = wait_for("two clicks", lambda: found if (found := measured(eyes)) != said else "")
    assert back.startswith(said.split(" ")[0].replace("+", "−"))
    assert back.endswith(said.rpartition(" · ")[2].join(["−", ""]))
    mouse.click(x + 50, y)
    wait_for("a plain click ends it", lambda: measured(eyes) == "")
    mouse.down()
    mouse.move(x - 100, y, steps=5)
    mouse.up()
    assert measured(eyes) == ""
    wait_for("the chart moves again", lambda: runs(eyes) != before)


def shown(stage: Stage, look: Opener, past: Past) -> Eyes:
    eyes = opened(stage, look, "about")
    past.serve(eyes)
    eyes.page.reload()
    eyes.go("chart/CORN.SIM")
    wait_for("the bars", lambda: "C 1" in legend(eyes))
    return eyes


@pytest.mark.parametrize(("opens", "zone"), [("00:00", "UTC"), ("05:00", "ET")])
def test_a_day_has_the_date_of_where_its_midnight_is(stage: Stage, look: Opener, opens: str, zone: str) -> None:
    past = Past(("",) * 20)
    first = int(datetime.fromisoformat(f"2026-01-05T{opens}Z").timestamp()) * 1000
    past.openings = [first + at * 86_400_000 for at in range(20)]
    eyes = opened(stage, look, "about")
    past.serve(eyes)
    eyes.page.reload()
    eyes.go("chart/CORN.SIM")
    eyes.page.get_by_role("button", name="1d", exact=True).click()
    wait_for("the newest day", lambda: f"2026-01-24 {zone} O" in legend(eyes))
    assert f"newest bar 2026-01-24 {zone}, " in legend(eyes)
    summary = eyes.page.locator(".plot").get_attribute("aria-label") or ""
    assert f"20 bars of 1d from 2026-01-05 {zone} to 2026-01-24 {zone}" in summary
    eyes.page.keyboard.press("T")
    days = eyes.page.locator(".chart tbody th").all_inner_texts()
    assert days[:2] == [f"2026-01-24 {zone}", f"2026-01-23 {zone}"]


def test_a_gap_up_to_now_after_the_newest_bar_is_hatched(stage: Stage, look: Opener) -> None:
    past = Past(("",) * 120)
    eyes = shown(stage, look, past)
    eyes.page.wait_for_timeout(300)
    assert len({colour for colour, _ in runs(eyes)}) == 1
    names = {"symbol": "CORN", "reason": "disconnect", "state": "lost"}
    past.gaps = [{**names, "ts_from": iso(past.first + 122 * MINUTE_MS), "ts_to": iso(past.first + 125 * MINUTE_MS)}]
    eyes.page.reload()
    wait_for("the note", lambda: "1 gap on record: hatched" in legend(eyes))

    def hatched() -> bool:
        found = runs(eyes)
        empty, width = found[0][0], sum(long for _, long in found)
        return found[-1][0] != empty and 0 < width - found[0][1] < 40

    wait_for("the hatching at the right edge", hatched)


def test_a_chart_of_old_bars_says_so_and_goes_back_to_those_before_with_their_gaps(stage: Stage, look: Opener) -> None:
    past = Past(("",) * 2000)
    last = past.first - 3 * 1440 * MINUTE_MS
    past.openings = [last - (1999 - at) * MINUTE_MS for at in range(2000)]
    gap = {"symbol": "CORN", "reason": "disconnect", "state": "lost"}
    past.gaps = [{**gap, "ts_from": iso(last - 1500 * MINUTE_MS), "ts_to": iso(last - 1480 * MINUTE_MS)}]
    eyes = shown(stage, look, past)
    summary = eyes.page.locator(".plot")
    assert re.search(r"newest bar 20\d\d-\d\d-\d\d \d\d:\d\d:00 ET, 3 d ago", legend(eyes))
    assert (summary.get_attribute("aria-label") or "").startswith("900 bars of 1m")
    eyes.page.keyboard.press("Home")
    wait_for("older ones", lambda: (summary.get_attribute("aria-label") or "").startswith("1800 bars of 1m"))
    assert (summary.get_attribute("aria-label") or "").endswith("; 1 gaps.")
    assert "1 on record" in eyes.page.locator(".gaps .title, .gaps header").first.inner_text()
    for _ in range(40):
        eyes.page.keyboard.press("-")
    wait_for("all", lambda: (summary.get_attribute("aria-label") or "").startswith("2000 bars of 1m"))
    kept(eyes, "16-chart-back")


def test_a_phone_has_room_for_a_comparison(stage: Stage, look: Opener) -> None:
    eyes, _ = charted(stage, look, {"width": 390, "height": 844, "has_touch": True})
    eyes.page.get_by_label("Compare with").fill("bept")
    wait_for("the symbol", lambda: eyes.page.locator("#others li").count() == 1)
    edges = eyes.page.locator("#others").bounding_box() or pytest.fail("no list")
    assert edges["x"] >= 0
    assert edges["x"] + edges["width"] <= 390
    kept(eyes, "14-chart-phone-find")
    eyes.page.locator("#others li").click()
    wait_for("both", lambda: "BEPT SIM ▲ 7.54%" in legend(eyes))
    kept(eyes, "14-chart-phone")
    assert eyes.page.evaluate("document.documentElement.scrollWidth") <= 390
