"""What the pages are served under, and what their figures are."""

import logging
from base64 import b64encode
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import streamlit as st
from websockets.sync.client import connect

import patient
from breadboard.api.app import create_app
from breadboard.api.server import running
from breadboard.client import Bar, GapRow, Instant
from breadboard.dashboard.analysis import holes, season, summary, unit_of
from breadboard.dashboard.front import front, policy
from breadboard.dashboard.queries import BarsQuestion
from unit.api.market import Market, MemoryStore, services

MINUTE = 60 * 10**9


def bars(*closes: str) -> list[Bar]:
    return [
        Bar(
            ts_open=Instant(at * MINUTE),
            ts_close=Instant((at + 1) * MINUTE),
            open=Decimal(close),
            high=Decimal(close),
            low=Decimal(close),
            close=Decimal(close),
            volume=Decimal(at + 1),
        )
        for at, close in enumerate(closes)
    ]


def test_the_policy_names_the_one_inline_script_and_no_other_host() -> None:
    page = (Path(st.__file__).parent / "static" / "index.html").read_text()
    inline = page.split("<script>")[1].split("</script>")[0]
    found = policy(page).decode()
    assert f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'" in found
    assert "default-src 'none'" in found
    assert not {"http:", "https:", "*", "'unsafe-eval'"} & set(found.replace(";", " ").split())
    assert "'unsafe-inline'" not in found.split("script-src")[1].split(";")[0]


def test_no_request_is_logged_after_the_first_page_and_no_ticket_with_it(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    found = services(Market(), MemoryStore())
    with running(create_app(replace(found, front=front()))) as address, caplog.at_level(logging.WARNING):
        assert httpx.get(f"{address}/", timeout=60).status_code == 200
        caplog.clear()  # where Streamlit was here before the server, it had that tell of its start
        for path in ("nothing", "ws/realtime"):
            patient.get(f"{address}/{path}?ticket=secret")
        with connect(f"{address.replace('http', 'ws')}/ws/realtime?ticket=secret"):
            pass
        logging.getLogger("uvicorn.error").error("something went wrong")
    assert "secret" not in capfd.readouterr().err + caplog.text
    assert [said.getMessage() for said in caplog.records] == ["something went wrong"]


def test_figures_of_bars() -> None:
    found = summary(bars("100", "110", "99", "120"))
    assert found.bars == 4
    assert round(found.change_percent or 0, 9) == 20
    assert round(found.drawdown_percent or 0, 9) == -10
    assert found.volume_a_day == 10 * 1440 / 4
    assert summary(bars("100")).change_percent is None
    assert summary(bars("100", "101")).volatility_percent is None
    assert summary(bars("100", "100", "100")).volatility_percent == 0


def test_volume_is_counted_by_minute_of_a_short_time() -> None:
    assert unit_of(bars("1", "1")) == "minute"
    assert season(bars("1", "1")) == [(0, 1.0), (1, 2.0)]


def test_volume_is_counted_by_hour_of_a_zone_of_a_longer_time() -> None:
    assert unit_of(bars(*["1"] * 180)) == "hour"
    assert season(bars(*["1"] * 180), "America/New_York") == [(19, 30.5), (20, 90.5), (21, 150.5)]


def test_a_gap_is_marked_on_the_bars_that_it_touches() -> None:
    gap = GapRow(ts_recv=Instant(0), ts_from=Instant(MINUTE + 1), ts_to=Instant(2 * MINUTE + 1))
    assert holes(bars("1", "1", "1", "1"), [gap, gap]) == [(1, 2)]


def test_a_name_in_a_query_stays_a_name() -> None:
    question = BarsQuestion("x' or '1'='1\\", "V", "1m", Instant(0), Instant(MINUTE))
    assert "symbol = 'x\\' or \\'1\\'=\\'1\\\\'" in question.sql()
