"""yfinance, which others wrote, hears our simulated Yahoo beside us: streamer and charts."""

import asyncio
import json
import os
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import httpx
import pytest

from breadboard import journal
from breadboard.capture.planning import plan_sources
from breadboard.config import FeedConfig
from breadboard.feeds import FEEDS
from breadboard.feeds.yahoo_chart import chart_price, read_chart
from breadboard.feeds.yahoo_protobuf import DOUBLE, ENUM, FIELDS, FLOAT, SINT, decode
from breadboard.model.decimals import price_text
from breadboard.model.kinds import RecordKind
from breadboard.sim.yahoo import CRUMB
from capture_fakes import capturing, simulator
from clients import needs

needs("yfinance")

SYMBOLS = ("AAPL", "^GSPC", "EURUSD=X", "BTC-USD")
ENOUGH = 16
KINDS = dict(FIELDS.values())
CLIENT = """
import asyncio, json, sys
import yfinance

name, url, symbols = sys.argv[1], sys.argv[2], sys.argv[3].split(",")
tell = lambda message: print(json.dumps(message), flush=True)
client = getattr(yfinance, name)(url=url, verbose=False)
if name == "WebSocket":
    client.subscribe(symbols)
    client.listen(tell)
else:
    async def listen():
        await client.subscribe(symbols)
        await client.listen(tell)
    asyncio.run(listen())
"""

HISTORY = """
import json, sys
import yfinance
from yfinance.data import YfData
from yfinance.scrapers import history

base, symbol, crumb = sys.argv[1:]
history._BASE_URL_ = yfinance.base._BASE_URL_ = base
YfData._get_cookie_and_crumb = lambda self, timeout=30: (crumb, "basic")
told = yfinance.Ticker(symbol).history(period="1d", interval="1m", auto_adjust=False, raise_errors=True)
rows = [(int(at.timestamp()), *(row[name] for name in ("Open", "High", "Low", "Close", "Volume")))
        for at, row in told.iterrows()]
print(json.dumps(rows))
"""


def as_yfinance_tells(fields: dict[str, Any]) -> dict[str, Any]:
    """64-bit integers become text in protobuf's JSON, and what is zero is left out."""
    told: dict[str, Any] = {}
    for name, value in fields.items():
        kind = KINDS[name]
        if kind == ENUM:
            told[name] = value
        elif kind == SINT:
            told[name] = str(value)
        else:
            told[name] = float(value) if kind in (FLOAT, DOUBLE) else value
    return {name: value for name, value in told.items() if value not in ("0", 0, "")}


def pricing(payload: bytes) -> dict[str, Any]:
    return as_yfinance_tells(decode(b64decode(json.loads(payload)["message"])))


@pytest.mark.parametrize("name", ["AsyncWebSocket", "WebSocket"])
def test_yfinance_hears_what_the_simulator_says_and_so_do_we(name: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with simulator("yahoo", rate=300, symbols=SYMBOLS) as sim:
            config = FeedConfig(venue="yahoo", symbols=SYMBOLS, url=sim.url, rest_url=sim.rest_url)
            writer = journal.Writer.open(tmp_path / "journal")
            async with capturing(plan_sources([config], FEEDS), writer):
                while not sim.truth.connections:  # noqa: ASYNC110 - the simulator knows no Event
                    await asyncio.sleep(0.01)
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", CLIENT, name, f"{sim.url}/?version=2", ",".join(SYMBOLS)),
                    stdout=asyncio.subprocess.PIPE,
                    env={**os.environ, "NO_PROXY": "127.0.0.1"},
                )
                assert process.stdout is not None
                try:
                    async with asyncio.timeout(90):
                        heard = [json.loads(await process.stdout.readline()) for _ in range(ENOUGH)]
                finally:
                    process.kill()
                    await process.wait()
                await asyncio.sleep(0.2)
            ours, theirs = (connection.payloads for connection in sim.truth.connections)
        assert heard == [pricing(payload) for payload in theirs[:ENOUGH]]
        assert {told["id"] for told in heard} == set(SYMBOLS)
        captured = read_journal(tmp_path / "journal")
        assert captured == ours[: len(captured)]
        # The two heard the same but for what each was told on subscribing.
        assert set(theirs[len(SYMBOLS) : ENOUGH]) <= set(captured)

    asyncio.run(scenario())


def test_yfinance_reads_the_simulators_charts_as_we_do() -> None:
    async def scenario() -> None:
        async with simulator("yahoo", rate=500, symbols=["AAPL"]) as sim:
            await asyncio.sleep(2.0)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", HISTORY, sim.rest_url, "AAPL", CRUMB),
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, "NO_PROXY": "127.0.0.1"},
            )
            told, _ = await asyncio.wait_for(process.communicate(), 90)
            assert process.returncode == 0
            async with httpx.AsyncClient(trust_env=False) as client:
                answer = await client.get(f"{sim.rest_url}/v8/finance/chart/AAPL?interval=1m&range=1d")
        theirs = json.loads(told)
        ours = {bar.ts_open // 10**9: bar for bar in read_chart("AAPL", 200, answer.content).bars}
        assert 1 <= len(theirs) <= 2
        for start, opened, high, low, _, volume in theirs:
            bar = ours[start]
            assert price_text(bar.open) == price_text(chart_price(opened))
            assert bar.high >= chart_price(high)  # the minute went on while we asked
            assert bar.low <= chart_price(low)
            assert bar.volume >= volume * 10**8 > 0

    asyncio.run(scenario())


def read_journal(directory: Path) -> list[bytes]:
    reader = journal.Reader.open(directory)
    found: list[bytes] = []
    while (frames := reader.read(10_000)) is not None:
        found += frames.take(frames.kind == RecordKind.DATA).frames()
    reader.close()
    return found
