"""A real Chromium, and what it is shown: a house of its own, or a market that a test moves by hand."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from breadboard.api.live_files import built
from browser.seeing import Eyes, Look, Opener, Stage
from scenarios.house import House, ticking

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).parent
CHROMIUM_WORDS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def _missing() -> str | None:
    if shutil.which("chromium") is None:
        return "there is no chromium: make browser"
    if importlib.util.find_spec("playwright") is None:
        return "there is no playwright: make setup"
    if not (built() / "index.html").exists():
        return "the terminal is not built: make setup"
    return None


@pytest.fixture(scope="module")  # and not the session: while it is open there is an event loop in this thread
def chromium() -> "Iterator[Browser]":
    """Debian's Chromium; skips where it cannot be had, and fails there with BREADBOARD_REQUIRE_BROWSER=1."""
    if missing := _missing():
        if os.environ.get("BREADBOARD_REQUIRE_BROWSER"):
            pytest.fail(missing)
        pytest.skip(missing)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=list(CHROMIUM_WORDS))
        yield browser
        browser.close()


@pytest.fixture
def look(chromium: "Browser") -> Iterator[Opener]:
    """Open a page; at the end, it must have had no error, and nothing may have left this machine."""
    opened: list[Eyes] = []

    def open_page(address: str, how: Look | None = None) -> Eyes:
        eyes = Eyes(chromium, address, how or {})
        opened.append(eyes)
        return eyes

    yield open_page
    for eyes in opened:
        eyes.close()
    assert [word for eyes in opened for word in eyes.complaints] == []


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A market that a test moves by hand, behind the real server."""
    stage = Stage()
    stage.open()
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, chromium: "Browser") -> Iterator[House]:
    """`breadboard up` with its simulated venues, on a free port, once it has something to show."""
    del chromium  # first: where there is none, nothing is started
    with ticking(tmp_path_factory.mktemp("browser") / "data", "--config", str(HERE / "house.toml")) as house:
        yield house
