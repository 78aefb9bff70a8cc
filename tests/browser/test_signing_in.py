"""Signing in with a real browser, where a key is needed: the terminal and the pages afterwards, and signing out."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from browser.seeing import Look, Opener
from certificates import signed
from scenarios.house import House, breadboard, ticking, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


UNKNOWN_AUTHORITY: Look = {"ignore_https_errors": True}


@dataclass
class Keyed:
    """A house on every address, under a name that browsers take to this machine, and a key for it."""

    house: House
    key: str
    scheme: str

    @property
    def address(self) -> str:
        return f"{self.scheme}://desk.localhost:{self.house.port}"


@pytest.fixture(scope="module", params=["http", "https"])
def keyed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, chromium: "Browser"
) -> Iterator[Keyed]:
    del chromium  # first: where there is none, nothing is started
    home = tmp_path_factory.mktemp("keyed")
    config, data = home / "breadboard.toml", home / "data"
    lines = ["[api]", 'host = "0.0.0.0"', 'hosts = ["desk.localhost"]']
    if request.param == "https":
        signed(home, "desk.localhost")
        lines += ['tls_cert = "desk.pem"', 'tls_key = "desk.key"']
    config.write_text("\n".join(lines))
    made = json.loads(breadboard("keys", "add", "ada", "--json", "--data-dir", str(data)).stdout)
    with ticking(data, "--config", str(config)) as house:
        yield Keyed(house, made["key"], request.param)


def sign_in(page: "Page", key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_whoever_signs_in_comes_to_the_screen_that_was_wanted_and_sees_it_tick(keyed: Keyed, look: Opener) -> None:
    eyes = look(keyed.address, UNKNOWN_AUTHORITY)
    page = eyes.page
    eyes.go("monitor/BTCUSDT.BINANCE")
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.url == f"{keyed.address}/login?next=/live/#/monitor/BTCUSDT.BINANCE"
    sign_in(page, keyed.key)
    wait_for("the rows", lambda: len(eyes.rows()) == 12)
    assert page.url == f"{keyed.address}/live/#/monitor/BTCUSDT.BINANCE"
    assert page.locator(".badge").first.inner_text() == "SYNTHETIC"
    wait_for("three sockets", lambda: len(eyes.sockets) == 3)
    before = eyes.cells("BTCUSDT.BINANCE")
    wait_for("a tick", lambda: eyes.cells("BTCUSDT.BINANCE") != before)
    assert page.evaluate("document.cookie") == "", "no script reads the session"
    (cookie,) = page.context.cookies()
    tls = keyed.scheme == "https"
    assert cookie["name"] == f"{'__Host-' * tls}breadboard_{keyed.house.port}"
    assert [cookie[each] for each in ("secure", "httpOnly", "sameSite", "path")] == [tls, True, "Strict", "/"]
    for screen in ("chart", "depth", "lag", "arbitrage", "alerts"):
        eyes.go(screen)
        page.wait_for_timeout(1500)  # it asks what it shows; a refusal would be a word in the console

    page.get_by_role("link", name="sign out").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    eyes.go()
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.context.cookies() == []


def test_the_pages_do_what_the_key_allows_and_a_link_elsewhere_asks_for_none(keyed: Keyed, look: Opener) -> None:
    from playwright.sync_api import expect

    eyes = look(keyed.address, UNKNOWN_AUTHORITY)
    page = eyes.page
    page.goto(keyed.address)
    sign_in(page, keyed.key)
    expect(page.get_by_text("Instruments", exact=True).first).to_be_visible(timeout=60_000)
    terminal = page.frame_locator("iframe[title='The live terminal']")
    expect(terminal.locator(".line:not([hidden])").first).to_be_visible(timeout=60_000)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    page.get_by_role("link", name="Settings & Watchlist").click()
    # The key is one for reading: what the page shows of other keys is the server's refusal, and not what an admin sees.
    expect(page.get_by_text("this needs a key of scope admin, and yours is read")).to_be_visible(timeout=60_000)
    page.goto(f"data:text/html,<a href='{quote(keyed.address)}/docs'>elsewhere</a>")
    page.get_by_role("link", name="elsewhere").click()
    page.get_by_role("heading", name="Breadboard API").wait_for()


def test_a_tab_whose_session_has_ended_goes_on_where_it_was_with_the_next(keyed: Keyed, chromium: "Browser") -> None:
    from playwright.sync_api import expect

    def sign_out() -> None:
        other.goto(f"{keyed.address}/logout")
        other.get_by_role("button", name="Sign out").click()
        other.get_by_role("heading", name="Sign in").wait_for()

    context = chromium.new_context(ignore_https_errors=True)  # no Eyes: a page at its own address says 404 before it is
    page = context.new_page()
    page.goto(keyed.address)
    sign_in(page, keyed.key)
    page.get_by_role("link", name="Settings & Watchlist").click(timeout=60_000)
    expect(page.get_by_text("You are signed in")).to_be_visible(timeout=60_000)
    other = context.new_page()
    sign_out()
    sign_in(other, keyed.key)  # in that tab: this one has the cookie that it came with
    other.get_by_role("link", name="Settings & Watchlist").wait_for(timeout=60_000)
    page.get_by_role("link", name="Alerts & Notifications").click()
    page.get_by_role("link", name="load this page again").click(timeout=60_000)
    expect(page.get_by_role("heading", name="New rule")).to_be_visible(timeout=60_000)
    sign_out()
    page.get_by_role("link", name="Settings & Watchlist").click()
    page.get_by_role("link", name="Sign in").click(timeout=60_000)
    page.get_by_role("heading", name="Sign in").wait_for()
    sign_in(page, keyed.key)
    expect(page.get_by_text("You are signed in")).to_be_visible(timeout=60_000)
    assert page.url == f"{keyed.address}/settings"
    context.close()


def test_signing_in_needs_no_script_and_a_wrong_key_is_said(keyed: Keyed, chromium: "Browser") -> None:
    context = chromium.new_context(java_script_enabled=False, ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{keyed.address}/docs")
    sign_in(page, "bb_x_y")
    assert page.get_by_role("alert").inner_text() == "this is no key that holds"
    sign_in(page, keyed.key)
    page.get_by_role("heading", name="Breadboard API").wait_for()
    context.close()
