"""The terminal's floor: 2,500 instruments, each with a new trade ten times a second, watched in a headless Chromium.

``breadboard bench terminal --json``. Frames a second, and how long it takes from the server's hand-over until what it
handed over is painted, as the page itself measures them while somebody scrolls; and what the page's main thread takes
of the processor meanwhile. The market, the server and the browser are on this machine; painting is done by the
processor, so read it as an upper bound.
"""

import math
import os
import platform
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from breadboard.api.app import create_app
from breadboard.api.live import LiveMarket
from breadboard.api.live_files import built
from breadboard.api.server import running
from breadboard.api.services import Services
from breadboard.engine.latest import Latest
from breadboard.errors import UsageError
from breadboard.model.bars import BAR
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag
from breadboard.model.outputs import Outputs
from breadboard.model.tape import Tape
from breadboard.telemetry.lag import LagBoard
from breadboard.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession

SYMBOLS = 2_500
HZ = 10
CENT = 10_000_000
FPS_FLOOR, PAINT_P95_MS_CEILING = 45.0, 150.0
MAIN_THREAD_CEILING = 0.75
"""Of a core: what the page's main thread may take and still have its frames. The floor's other half, and the one that
says the same on a machine that has other things to do."""
UNITS = {
    "fps": "frames/s",
    "paint_p50_ms": "ms",
    "paint_p95_ms": "ms",
    "paints": "paints",
    "rows_made": "rows",
    "main_thread": "of a core",
}
CHROMIUM_WORDS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Crowd:
    """A market in which every instrument trades ``HZ`` times a second, in steps of 20 ms."""

    def __init__(self, symbols: int = SYMBOLS) -> None:
        self.live = LiveMarket()
        self._instruments, self._latest = Instruments(), Latest()
        for number in range(symbols):
            self._instruments.intern("SIM", f"S{number:04d}")
        self._symbols = symbols
        self._random = np.random.default_rng(7)
        self._price = self._random.integers(500, 40_000, symbols) * CENT
        self._offset = 0
        self._step(np.arange(symbols))

    @contextmanager
    def trading(self) -> Iterator[None]:
        """Trade for the length of a ``with`` block."""
        stop = threading.Event()
        thread = threading.Thread(target=self._go_on, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _go_on(self, stop: threading.Event) -> None:
        began, done = time.monotonic(), 0
        while not stop.wait(0.02):
            due = int((time.monotonic() - began) * self._symbols * HZ)
            self._step(np.arange(max(done, due - self._symbols), due) % self._symbols)
            done = due

    def _step(self, ids: "np.ndarray[Any, Any]") -> None:
        count = len(ids)
        if not count:
            return
        np.add.at(self._price, ids, self._random.integers(-2, 3, count) * CENT)
        np.maximum(self._price, CENT, out=self._price)
        now = time.time_ns()
        columns = {
            "kind": np.full(count, int(EventKind.TRADE)),
            "instrument": ids,
            "offset": np.arange(self._offset, self._offset + count),
            "ts_recv": np.full(count, now),
            "ts_event": np.full(count, now - 2_000_000),
            "price": self._price[ids],
            "size": self._random.integers(1, 900, count),
            "size_exp": np.zeros(count),
            "side": self._random.integers(1, 3, count),
            "flags": np.full(count, int(Flag.SYNTHETIC)),
        }
        tape = Tape.of(count, columns)
        outputs = Outputs(self._offset, self._offset + count, tape, np.empty(0, BAR), (), tape.ts_recv)
        self._offset += count
        self._latest.on_tape(tape)
        self.live.apply(outputs, self._instruments, self._latest.records, now)


class _Nothing:
    """A store without a row: the terminal asks for history, and gets none."""

    def __getattr__(self, _name: str) -> Any:  # noqa: ANN401 - stands for whatever is asked
        raise UsageError("this market is not stored", hint="breadboard up")


def services(live: LiveMarket) -> Services:
    """Return services over a market that is not stored."""
    lag, store = LagBoard(), _Nothing()
    nowhere: Any = store
    return Services(live, nowhere, lag, Metrics(lag))


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start Debian's Chromium. Raises UsageError where it, or the driver, is not there."""
    path = shutil.which("chromium")
    if path is None:
        raise UsageError("there is no chromium on this machine", hint="make browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(CHROMIUM_WORDS))
        try:
            yield browser
        finally:
            browser.close()


def measured(browser: "Browser", address: str, seconds: float) -> dict[str, float]:
    """Look at the Monitor for so long, scrolling; return what the page and the browser say of it."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(f"{address}/live/")
    page.locator(".line[data-id]").first.wait_for()
    page.wait_for_function("document.querySelectorAll('.line:not([hidden])').length > 20")
    time.sleep(1.5)  # the first seconds load and lay out
    page.evaluate("breadboard.pace(true)")
    began, before = time.monotonic(), _busy_s(tools)
    while (passed := time.monotonic() - began) < seconds:
        page.evaluate("top => { document.querySelector('.watch .scroll').scrollTop = top }", int(passed * 400))
        time.sleep(0.5)
    pace = page.evaluate("breadboard.pace()")
    busy = (_busy_s(tools) - before) / (time.monotonic() - began)
    rows = page.evaluate("document.querySelectorAll('.line').length")
    page.close()
    return {
        "fps": pace["fps"],
        "paint_p50_ms": pace["paintP50"],
        "paint_p95_ms": pace["paintP95"],
        "paints": pace["paints"],
        "rows_made": rows,
        "main_thread": busy,
    }


def _busy_s(tools: "CDPSession") -> float:
    """Return the processor time of the page's main thread so far: whatever else the machine does does not count."""
    found = {each["name"]: float(each["value"]) for each in tools.send("Performance.getMetrics")["metrics"]}
    return found["TaskDuration"]


def run(seconds: float = 10.0) -> dict[str, Any]:
    """Measure, and hold it against the floor."""
    if not (built() / "index.html").exists():
        raise UsageError("the terminal is not built", hint="make setup")
    crowd = Crowd()
    with crowd.trading(), running(create_app(services(crowd.live))) as address, chromium() as browser:
        found = measured(browser, address, seconds)
        version = browser.version
    cases = [{"case": name, "value": round(value, 2), "unit": UNITS[name]} for name, value in found.items()]
    holds = found["fps"] >= FPS_FLOOR and found["paint_p95_ms"] <= PAINT_P95_MS_CEILING
    holds = holds and found["main_thread"] <= MAIN_THREAD_CEILING
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Chromium {version}"
    return {
        "name": "terminal",
        "machine": machine,
        "ok": holds and math.isfinite(found["fps"]),
        "instruments": SYMBOLS,
        "hz": HZ,
        "floor": {"fps": FPS_FLOOR, "paint_p95_ms": PAINT_P95_MS_CEILING, "main_thread": MAIN_THREAD_CEILING},
        "cases": cases,
    }
