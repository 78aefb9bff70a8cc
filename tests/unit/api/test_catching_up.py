"""What the heartbeat says of a server that is behind its journal, and of rows without a feed."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from breadboard.api.app import create_app
from breadboard.api.behind import EVERY_S, Behind
from breadboard.api.fanout import Fanout
from breadboard.api.server import running
from breadboard.model.kinds import Flag
from unit.api.market import Market, services
from unit.api.test_realtime import client


def test_the_heartbeat_says_whether_a_tick_came_and_how_many_frames_are_still_to_be_taken() -> None:
    market = Market()
    served = replace(services(market), status=lambda: {"behind_frames": 4_242})

    async def scenario(address: str) -> None:
        async with client(address) as one:
            await one.ask(op="sub", symbols=["*"], channels=["status"])
            told = await one.until("status")
            while told["behind_frames"] is None:  # it is asked for on a thread
                told = await one.until("status")
            assert (told["ready"], told["behind_frames"]) == (False, 4_242)
            market.apply(market.trade("1"))
            while not told["ready"]:
                told = await one.until("status")

    with running(create_app(served)) as address:
        asyncio.run(scenario(address))


def test_who_does_not_know_how_far_it_is_behind_says_so_and_is_asked_once_a_second() -> None:
    asked: list[int] = []

    def status() -> Mapping[str, Any]:
        asked.append(1)
        if len(asked) > 1:
            raise OSError("the journal is gone")
        return {"behind_frames": 5}

    async def scenario() -> list[int | None]:
        behind, loop, told = Behind(status), asyncio.get_running_loop(), list[int | None]()
        for now in (0.0, EVERY_S / 2, EVERY_S, 2 * EVERY_S):
            behind.frames(now, loop)
            if behind._asking is not None:  # the thread has told by then
                await behind._asking
            told.append(behind.frames(now, loop))
        return told

    assert asyncio.run(scenario()) == [5, 5, None, None]
    assert len(asked) == 3
    assert Behind(status).frames(9.0, None) is None


@pytest.mark.parametrize(
    ("flags", "said"), [((Flag.REPLAYED, 0), "replay"), ((Flag.HISTORY,), "history"), ((0,), "live"), ((), None)]
)
def test_rows_without_a_feed_say_themselves_where_they_come_from(flags: tuple[int, ...], said: str | None) -> None:
    before, after = Market(), Market()
    rows = [before.trade("1", symbol=f"S{number}", flags=int(each)) for number, each in enumerate(flags)]
    before.apply(*rows)
    after.live.restore(before.instruments, before.latest.records, before.offset)
    told = Fanout(services(after)).status("json")
    assert (told["provenance"], bytes(told["feeds"]), told["feed"]) == (said, b"[]", "waiting")
    if rows:
        after.apply(after.trade("2", symbol="S0"))
        assert Fanout(services(after)).status("json")["provenance"] == "synthetic", "feeds go before rows"
