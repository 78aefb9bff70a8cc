"""What a browser test needs: a page that notes what goes wrong on it, and a server over a market moved by hand."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict
from urllib.parse import urlsplit

import pyarrow as pa

from breadboard.api.app import create_app
from breadboard.api.server import running
from breadboard.api.services import Services
from breadboard.telemetry.lag import LagBoard
from breadboard.telemetry.metrics import Metrics
from scenarios.house import free_port, wait_for
from unit.api.market import Market, MemoryStore

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Request, WebSocket

OF_A_DESK = ("/api/v1/watchlists", "/api/v1/rules")
"""What a server without people's settings has not, and the terminal does without: there, such a 404 is no error."""


class Look(TypedDict, total=False):
    """How a page is looked at."""

    width: int
    height: int
    color_scheme: Literal["dark", "light"]
    reduced_motion: Literal["reduce"]
    has_touch: bool
    deskless: bool
    ignore_https_errors: bool


STOPPED: set[str] = set()
"""Hosts and ports that a test has stopped, also if it began them again: what they were asked then gets no answer."""


class Eyes:
    """One page of the browser."""

    def __init__(self, browser: "Browser", address: str, how: Look) -> None:
        self.complaints: list[str] = []
        self.hears_trades = False
        """Whether the server has said that trades are coming: earlier ones are the store's to tell, if there is one."""
        self.sockets: list[WebSocket] = []
        self._host = urlsplit(address).netloc
        self.address = address
        self._deskless = how.get("deskless", False)
        self._context = browser.new_context(
            viewport={"width": how.get("width", 1440), "height": how.get("height", 900)},
            color_scheme=how.get("color_scheme"),
            reduced_motion=how.get("reduced_motion"),
            has_touch=how.get("has_touch"),
            ignore_https_errors=how.get("ignore_https_errors"),
        )
        self.page = self._context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("request", self._request)
        self.page.on("websocket", self._socket)

    def go(self, screen: str = "monitor") -> None:
        """Open a screen of the terminal."""
        self.page.goto(f"{self.address}/live/#/{screen}")

    def travel(self, key: str, there: str) -> None:
        """Press ``g`` and then a key, again if the browser was too busy between the two to take them as one word."""

        def arrived() -> bool:
            self.page.keyboard.press("Escape")  # the first try may have been heard as a key alone
            self.page.keyboard.press("g")
            self.page.keyboard.press(key)
            with suppress(AssertionError):
                wait_for(there, lambda: there in self.page.url, 20.0)
            return there in self.page.url

        assert arrived() or arrived(), there

    def rows(self) -> list[str]:
        """Return the ids of the watchlist's rows from top to bottom."""
        script = """() => [...document.querySelectorAll('.line:not([hidden])')]
            .sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map(row => row.dataset.id)"""
        found: list[str] = self.page.evaluate(script)
        return found

    def cells(self, which: str) -> list[str]:
        """Return the texts of one row of the watchlist."""
        texts: list[str] = self.page.locator(f".line[data-id='{which}'] [role=gridcell]").all_text_contents()
        return texts

    def selected(self) -> str | None:
        """Return the id of the chosen row."""
        found: str | None = self.page.locator(".line[aria-selected=true]:not([hidden])").first.get_attribute("data-id")
        return found

    def close(self) -> None:
        """Leave."""
        self._context.close()

    def _console(self, message: "ConsoleMessage") -> None:
        url = message.location.get("url", "")
        if (
            message.type in ("error", "warning")
            and not (self._deskless and urlsplit(url).path in OF_A_DESK)
            and not self._is_cut(message.text, urlsplit(url).netloc)
        ):
            self.complaints.append(f"{message.type}: {message.text} {url}")

    @staticmethod
    def _is_cut(text: str, host: str) -> bool:
        """A server that is stopped refuses, or resets what it was asked: the browser says so, and the page shows it."""
        if host in STOPPED and ("ERR_CONNECTION_RESET" in text or "ERR_EMPTY_RESPONSE" in text):
            return True
        return "ERR_CONNECTION_REFUSED" in text or "WebSocket connection to" in text

    def _request(self, request: "Request") -> None:
        if request.url.startswith(("data:", "blob:")):
            return
        self._request_to(request.url)

    def _socket(self, socket: "WebSocket") -> None:
        self.sockets.append(socket)
        socket.on("framereceived", self._heard)
        self._request_to(socket.url)

    def _heard(self, payload: str | bytes) -> None:
        text = payload if isinstance(payload, str) else payload.decode(errors="replace")  # Streamlit's are no text
        if text.startswith('{"type":"subscribed"') and '"trade"' in text.partition('"channels"')[2].partition("]")[0]:
            self.hears_trades = True

    def _request_to(self, url: str) -> None:
        if urlsplit(url).netloc != self._host:
            self.complaints.append(f"asked {url}")


class Opener(Protocol):
    """Opens a page on a server."""

    def __call__(self, address: str, how: Look | None = None) -> Eyes: ...


class Stage:
    """The real server over a market that a test moves by hand; it can be taken away and brought back."""

    def __init__(self) -> None:
        self.market = Market()
        self.port = free_port()
        lag = LagBoard()
        self.services = Services(
            self.market.live, Blank(), lag, Metrics(lag), book=self._book, status=lambda: self.house
        )
        self.book: dict[str, Any] = {"state": "live", "sequence": 7, "bids": [["10.00", "3"]], "asks": [["10.02", "5"]]}
        """What every instrument's book is, but for what ``books`` says of some."""
        self.books: dict[str, dict[str, Any]] = {}
        self.house: dict[str, Any] = {}
        """What the status of the house is."""
        self._open = ExitStack()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Serve."""
        self._open.enter_context(running(create_app(self.services), port=self.port))

    def close(self) -> None:
        """Serve no more."""
        STOPPED.add(urlsplit(self.address).netloc)
        self._open.close()
        self._open = ExitStack()

    def _book(self, _venue: str, symbol: str, _depth: int, /, *, wait: bool = True) -> dict[str, Any]:
        del wait
        return self.book | self.books.get(symbol, {})


class Blank(MemoryStore):
    """ports.Store without a row: what a page shows then came by the socket."""

    def ask(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Find nothing, either."""
        del sql
        yield from ()
