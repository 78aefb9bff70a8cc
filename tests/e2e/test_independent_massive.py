"""The vendor's own client hears from the simulator what our capture hears, and our reader understands it the same.

``massive`` (before 2025 ``polygon-api-client``) is asked for over its own sockets and HTTP; without it the tests are
skipped. ``python -m pip install massive`` into an environment of its own is enough.
"""

import asyncio
import importlib
import json
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from breadboard import journal
from breadboard.capture.planning import plan_sources
from breadboard.config import FeedConfig
from breadboard.feeds import FEEDS
from breadboard.model.decimals import ABSENT, PRICE_UNIT, size_decimal
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, RecordKind
from breadboard.ports import Decoded
from breadboard.sim.serve import Serving
from capture_fakes import capturing, simulator, until
from feed_samples import document

SYMBOLS = ("AAPL", "BRK.B", "ZVZZT")
ENOUGH = 1500

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(params=["massive"])
def vendor(request: pytest.FixtureRequest) -> ModuleType:
    """The vendor's client, under its name of today or its former one."""
    try:
        return importlib.import_module(request.param)
    except ImportError:
        pytest.skip(f"the independent client {request.param!r} is not installed (make clients)")


def exact(number: float) -> Decimal:
    """A float of the vendor's client as the shortest digits that mean it: those that were sent."""
    return Decimal(repr(number))


def price(value: int) -> Decimal | None:
    return None if value == ABSENT else Decimal(value) / PRICE_UNIT


def size(value: int, exponent: int) -> Decimal | None:
    return None if value == ABSENT else size_decimal(value, exponent)


async def heard(vendor: ModuleType, sim: Serving, topics: list[str], enough: int) -> list[Any]:
    """What the vendor's client hands to its user, in order."""
    events: list[Any] = []
    client = vendor.WebSocketClient(
        api_key="theirs", feed=f"127.0.0.1:{sim.port}", market="stocks", secure=False, subscriptions=topics
    )

    async def take(messages: list[Any]) -> None:
        events.extend(messages)

    task = asyncio.create_task(client.connect(take))
    kinds = {topic.partition(".")[0] for topic in topics}
    await until(lambda: (len(events) >= enough and kinds <= {e.event_type for e in events}) or task.done(), 60)
    while not task.done():
        # Not once: before Python 3.12 wait_for, which this client is in all the time, can swallow a cancellation.
        task.cancel()
        await asyncio.wait({task}, timeout=0.2)
    return events


def decoded(frames: list[bytes], kind: int = RecordKind.DATA) -> tuple[Decoded, Instruments]:
    instruments = Instruments()
    read = FEEDS["massive"].decoder(instruments).decode(Frames.of(frames, [0] * len(frames), kind=kind))
    assert read.quarantined == ()
    return read, instruments


def ours_as_theirs(read: Decoded, instruments: Instruments) -> dict[str, list[tuple[Any, ...]]]:
    """Our rows by kind, as tuples that can be compared with the vendor's objects."""
    tape, found = read.tape, {"T": [], "Q": [], "LULD": [], "A": []}  # type: ignore[var-annotated]  # rows by kind
    for row in range(len(tape)):
        kind, symbol = (
            tape.kind[row],
            instruments[int(tape.instrument[row])].symbol if tape.instrument[row] >= 0 else "",
        )
        sides = price(int(tape.price[row])), size(int(tape.size[row]), int(tape.size_exp[row]))
        asks = price(int(tape.ask_price[row])), size(int(tape.ask_size[row]), int(tape.ask_size_exp[row]))
        when, sequence = int(tape.ts_event[row]), int(tape.sequence[row])
        if kind == EventKind.TRADE:
            found["T"].append((symbol, *sides, str(int(tape.trade_id[row])), when // 1_000_000, sequence))
        elif kind == EventKind.QUOTE:
            found["Q"].append((symbol, *sides, *asks, when // 1_000_000, sequence))
        elif kind == EventKind.STATUS and symbol:
            found["LULD"].append((symbol, sides[0], asks[0], when // 1000, sequence))
    for bar in read.bars:
        prices = [price(int(bar[name])) for name in ("open", "high", "low", "close")]
        symbol = instruments[int(bar["instrument"])].symbol
        found["A"].append((symbol, *prices, Decimal(int(bar["volume_whole"])), int(bar["ts_open"]) // 1_000_000))
    return found


def theirs(events: list[Any]) -> dict[str, list[tuple[Any, ...]]]:
    """The vendor's objects by kind, as the same tuples."""
    found: dict[str, list[tuple[Any, ...]]] = {"T": [], "Q": [], "LULD": [], "A": []}
    for e in events:
        match e.event_type:
            case "T":
                found["T"].append((e.symbol, exact(e.price), exact(e.size), e.id, e.timestamp, e.sequence_number))
            case "Q":
                bid, ask = (exact(e.bid_price), exact(e.bid_size)), (exact(e.ask_price), exact(e.ask_size))
                found["Q"].append((e.symbol, *bid, *ask, e.timestamp, e.sequence_number))
            case "LULD":
                found["LULD"].append(
                    (e.symbol, exact(e.low_price), exact(e.high_price), e.timestamp, e.sequence_number)
                )
            case "A" | "AM":
                prices = [exact(value) for value in (e.open, e.high, e.low, e.close)]
                found["A"].append((e.symbol, *prices, exact(e.volume), e.start_timestamp))
    return found


def test_the_vendors_client_hears_the_same_events_as_our_capture(vendor: ModuleType, tmp_path: Path) -> None:
    async def scenario() -> tuple[list[Any], list[bytes], list[bytes]]:
        async with simulator("massive", rate=1500, symbols=list(SYMBOLS)) as sim:
            channels = ("trade", "quote", "bar", "luld")
            feed = FeedConfig(venue="massive", symbols=SYMBOLS, channels=channels, url=sim.url, key="ours")
            writer = journal.Writer.open(tmp_path / "journal")
            async with capturing(plan_sources([feed], FEEDS), writer) as capture:
                await until(lambda: sum(source.frames for source in capture.status().sources) > 10)
                events = await heard(vendor, sim, ["T.*", "Q.*", "A.*", "LULD.*"], ENOUGH)
            ours, their_own = sim.truth.connections
            return events, ours.payloads, their_own.payloads

    events, our_frames, their_frames = asyncio.run(scenario())
    reader = journal.Reader.open(tmp_path / "journal")
    captured = []
    while (frames := reader.read(10_000)) is not None:
        captured += frames.take(frames.kind == RecordKind.DATA).frames()
    reader.close()
    assert captured == our_frames[: len(captured)]

    told, named = theirs(events), ours_as_theirs(*decoded(their_frames))
    for kind in ("T", "Q", "A", "LULD"):
        assert told[kind] == named[kind][: len(told[kind])], kind
        assert told[kind], f"the vendor's client heard no {kind}"
    assert sum(map(len, told.values())) >= ENOUGH
    # And what our own capture recorded of the same minutes is the same events: both listened to the same market.
    recorded = ours_as_theirs(*decoded(captured))
    for kind in ("T", "Q"):
        shared = set(told[kind]) & set(recorded[kind])
        assert len(shared) >= 0.9 * len(told[kind]), kind


def test_the_vendors_client_is_told_of_a_bad_key(vendor: ModuleType) -> None:
    async def scenario() -> None:
        async with simulator("massive", rate=100, symbols=list(SYMBOLS)) as sim:
            client = vendor.WebSocketClient(
                api_key="bad", feed=f"127.0.0.1:{sim.port}", market="stocks", secure=False, subscriptions=["T.*"]
            )

            async def take(_messages: list[Any]) -> None: ...

            with pytest.raises(importlib.import_module(f"{vendor.__name__}.exceptions").AuthError):
                await client.connect(take)

    asyncio.run(scenario())


def test_the_vendors_rest_client_gets_the_trades_quotes_and_bars_that_we_get(vendor: ModuleType) -> None:
    import urllib.request

    def ask(sim: Serving, path: str) -> bytes:
        with urllib.request.urlopen(sim.rest_url + path) as answer:
            return bytes(answer.read())

    async def scenario() -> None:
        async with simulator("massive", rate=2000, symbols=list(SYMBOLS)) as sim:
            await asyncio.sleep(2.5)
            rest = vendor.RESTClient(api_key="theirs", base=sim.rest_url)
            loop = asyncio.get_running_loop()

            def both() -> None:
                trades = list(rest.list_trades("AAPL", order="asc", limit=50_000))
                body = ask(sim, "/v3/trades/AAPL?order=asc&limit=50000")
                read, _ = decoded([document("trades:AAPL", body)], RecordKind.DOCUMENT)
                assert len(trades) > 100
                assert [(exact(t.price), exact(t.size), t.id, t.sip_timestamp, t.sequence_number) for t in trades] == [
                    (price(int(p)), size(int(s), int(e)), str(int(i)), int(t), int(q))
                    for p, s, e, i, t, q in zip(
                        *(
                            getattr(read.tape, n)
                            for n in ("price", "size", "size_exp", "trade_id", "ts_event", "sequence")
                        ),
                        strict=True,
                    )
                ][: len(trades)]
                assert all(Flag(int(flags)) & Flag.HISTORY for flags in read.tape.flags)

                quotes = list(rest.list_quotes("AAPL", order="asc", limit=50_000))
                read, _ = decoded([document("quotes:AAPL", ask(sim, "/v3/quotes/AAPL?order=asc&limit=50000"))], 2)
                assert len(quotes) > 100
                for row, q in enumerate(quotes):
                    assert price(int(read.tape.price[row])) == exact(q.bid_price)
                    assert price(int(read.tape.ask_price[row])) == exact(q.ask_price)
                    assert size(int(read.tape.size[row]), int(read.tape.size_exp[row])) == exact(q.bid_size)
                    assert int(read.tape.ts_event[row]) == q.sip_timestamp

                bars = rest.get_aggs("AAPL", 1, "second", "2020-01-01", "2099-01-01", limit=50_000)
                body = ask(sim, "/v2/aggs/ticker/AAPL/range/1/second/2020-01-01/2099-01-01?limit=50000")
                read, _ = decoded([document("aggs:AAPL:1", body)], RecordKind.DOCUMENT)
                assert len(bars) >= 2
                for bar, mine in list(zip(bars, read.bars, strict=False))[:-1]:  # the last second still goes on
                    assert [price(int(mine[n])) for n in ("open", "high", "low", "close")] == [
                        exact(v) for v in (bar.open, bar.high, bar.low, bar.close)
                    ]
                    assert (int(mine["volume_whole"]), int(mine["trades"])) == (bar.volume, bar.transactions)
                    assert int(mine["ts_open"]) == bar.timestamp * 1_000_000
                assert {c.id for c in rest.list_conditions(asset_class="stocks")} >= {2, 37}
                assert {e.id for e in rest.get_exchanges()} >= {4, 12}
                assert json.loads(ask(sim, "/v1/marketstatus/now"))["market"] == rest.get_market_status().market

            await loop.run_in_executor(None, both)

    asyncio.run(scenario())
