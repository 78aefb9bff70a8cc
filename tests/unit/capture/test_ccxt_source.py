"""A machine without ccxt: one feed cannot be had, and the others go on."""

import asyncio
import sys
from random import Random

import pytest

from breadboard.capture.appender import Appender
from breadboard.capture.backoff import Pacer
from breadboard.capture.clockwatch import ClockWatch
from breadboard.capture.line import Line
from breadboard.capture.source import Source, Surroundings
from breadboard.capture.turns import Turnstiles
from breadboard.clock import ManualClock
from capture_fakes import MemoryJournal, PlainSession, capabilities


def test_without_ccxt_its_line_says_so_and_tries_again_instead_of_ending_capture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ccxt", "ccxt.pro"):
        monkeypatch.setitem(sys.modules, name, None)

    async def scenario() -> tuple[float, str]:
        clock = ManualClock()
        appender = Appender(MemoryJournal(), clock)
        around = Surroundings(appender, clock, ClockWatch(clock, appender), Random(7), Pacer(clock), Turnstiles(clock))
        line = Line(Source(0, ("BTC/USDT",), capabilities(), PlainSession("ccxt://kucoin")), around)
        return await line._once(), line.counters.last_error

    wait_s, said = asyncio.run(scenario())
    assert wait_s > 0
    assert said == "ccxt-kucoin needs the package ccxt, which is not installed"
