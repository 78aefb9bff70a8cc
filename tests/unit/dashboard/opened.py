"""Pages as Streamlit runs them, for tests: opened on a fake server, and what they show."""

import re
from pathlib import Path
from typing import Any, Final

from streamlit.testing.v1 import AppTest

from breadboard import dashboard

PAGES: Final = Path(dashboard.__file__).parent / "pages"
STOCK: Final = {
    "id": "BTCUSDT.BINANCE",
    "symbol": "BTCUSDT",
    "venue": "BINANCE",
    "state": "live",
    "provenance": "synthetic",
}
FEED: Final = {"feed": "binance-0", "state": "live", "provenance": "synthetic"}
MINUTE: Final = 60 * 10**9


def bar(number: int, close: str) -> dict[str, Any]:
    prices = {"open": "100", "high": "120", "low": "90", "close": close, "volume": "2"}
    names = {"venue": "BINANCE", "symbol": "BTCUSDT", "interval": "1m"}
    return {**prices, **names, "ts_open": number * MINUTE, "ts_close": (number + 1) * MINUTE}


def stock(symbol: str, **more: object) -> dict[str, Any]:
    return {**STOCK, "id": f"{symbol}.BINANCE", "symbol": symbol, **more}


OPEN: list[AppTest] = []


def run(name: str) -> AppTest:
    OPEN.append(AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=60))
    return OPEN[-1].run()


def metrics(page: AppTest) -> dict[str, str]:
    return {each.label: each.value for each in page.metric}


def badges(page: AppTest) -> list[str]:
    return [word for each in page.markdown for word in re.findall(r"-badge\[(.*?)\]", each.value)]


def press(page: AppTest, label: str) -> AppTest:
    return next(button for button in page.button if button.label == label).click().run()
