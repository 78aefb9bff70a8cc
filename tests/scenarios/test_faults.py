"""Simulated venues that misbehave, and the real capture and engine beside them: nothing lost without a word.

A fast part of what ``breadboard bench faults`` tries; that one also takes the faults that need minutes.
"""

import asyncio
import gc
import socket
import struct
import time
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha1
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import numpy as np
import pytest

from breadboard import feeds, journal
from breadboard.app import memory
from breadboard.capture.websocket import connect
from breadboard.capture.wire import Batch, Connection
from breadboard.clock import ManualClock, SystemClock
from breadboard.config import EngineConfig
from breadboard.conversations import Fetch, Request, Send
from breadboard.engine.core import Engine
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import BookState, EventKind, GapReason, RecordKind
from breadboard.ports import Wish
from breadboard.sim.exchange import Exchange
from breadboard.sim.faults import parse_faults
from breadboard.sim.market import Market
from breadboard.sim.serve import Serving
from breadboard.sim.truth import Truth
from breadboard.sim.venues import VENUES
from capture_fakes import capturing, simulator, until
from journals import epoch_frame
from scenarios.house import Simulator, ask, replayed
from scenarios.test_capture import LOOPS, config, has_frames, of_kind, run, written

T0 = 1_700_000_000_000_000_000


def sources(sim: Serving) -> Any:  # noqa: ANN401 - capture's
    from breadboard.app.capture import planned
    from breadboard.config import Config

    return planned(Config(feeds=(config(sim, sim.symbols),)))


def decoded(frames: Frames) -> tuple[Engine, list[Any]]:
    engine = Engine(feeds.by_venue, EngineConfig())
    return engine, [engine.process(frames)]


async def captured(sim: Serving, directory: Path, until_s: float = 0.0, count: int = 0) -> Frames:
    """Capture a venue for so long, or until there are so many frames; return the journal."""
    async with capturing(sources(sim), journal.Writer.open(directory)) as capture:
        await asyncio.sleep(until_s)
        if count:
            await until(partial(has_frames, capture, count), 30)
        assert sum(each.session_errors for each in capture.status().sources) == 0
    return written(directory)


def test_a_thousand_frames_of_garbage_among_a_hundred_thousand_cost_nothing_good(tmp_path: Path) -> None:
    async def scenario() -> tuple[Frames, Truth]:
        async with simulator(rate=0, symbols=3, faults="garbage:100", seed=3) as sim:
            return await captured(sim, tmp_path / "journal", count=101_000), sim.truth

    frames, truth = asyncio.run(scenario())
    data = of_kind(frames, RecordKind.DATA)
    assert data == truth.connections[0].payloads[: len(data)]
    engine, (outputs,) = decoded(frames)
    told = engine.summary()
    rubbish = sum(not frame.startswith(b'{"stream":"') for frame in data)
    assert rubbish >= 1000
    assert (told["quarantined"], told["frames"]) == (rubbish, told["data"] + told["control"] + rubbish)
    events = {kind: int(np.count_nonzero(outputs.tape.kind == kind)) for kind in (1, 2, 3)}
    assert sum(events.values()) == len(data) - rubbish >= 100_000
    trades = outputs.tape.kind == EventKind.TRADE
    for which in range(3):
        ids = outputs.tape.trade_id[trades & (outputs.tape.instrument == which)]
        assert np.array_equal(ids, np.arange(ids[0], ids[0] + len(ids)))
    assert {gap.reason for _, _, gap in outputs.gaps} == {GapReason.QUARANTINE}


def _text(payload: bytes, *, opcode: int = 1, fin: bool = True) -> bytes:
    head = bytes((opcode | (0x80 if fin else 0),))
    size = len(payload)
    return head + (bytes((size,)) if size < 126 else b"\x7e" + size.to_bytes(2, "big")) + payload


SCRIPT = [
    (
        _text(b'{"e":"trade","t":%d,"x":"%s"}' % (number, b"y" * size)),
        b'{"e":"trade","t":%d,"x":"%s"}' % (number, b"y" * size),
    )
    for number, size in enumerate((3, 40, 7, 120, 1, 90, 9))
] + [
    (_text(b"ping", opcode=9), None),
    (
        _text(b'{"e":"tra', fin=False) + _text(b'de"', opcode=0, fin=False) + _text(b',"t":8}', opcode=0),
        b'{"e":"trade","t":8}',
    ),
    (_text(b'{"e":"trade","t":9}'), b'{"e":"trade","t":9}'),
]
"""Ten things a venue says: short frames, frames with a two-byte length, a ping, a message in three fragments."""
RESET = struct.pack("ii", 1, 0)


class Hearer:
    """A Handler that keeps what it is told."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.broken: list[bytes] = []
        self.ends: list[str] = []
        self.over = asyncio.Event()

    def on_open(self, connection: Connection) -> None:
        pass

    def on_batch(self, batch: Batch) -> None:
        self.frames += batch.frames

    def on_control(self) -> None:
        pass

    def on_broken_frame(self, head: bytes, reason: str) -> None:
        del reason
        self.broken.append(head)

    def on_end(self, reason: str) -> None:
        self.ends.append(reason)
        self.over.set()


async def _shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = await reader.readuntil(b"\r\n\r\n")
    key = next(line.split(b": ")[1] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accept = b64encode(sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def test_a_connection_cut_at_any_byte_leaves_whole_messages_and_no_others() -> None:
    wire = b"".join(said for said, _ in SCRIPT)

    async def scenario() -> None:
        cut = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                await _shake_hands(reader, writer)
                writer.write(wire[:cut])
                await writer.drain()
                await asyncio.sleep(0.002)
                writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            for cut in range(len(wire) + 1):
                hearer = Hearer()
                await connect(url, hearer, SystemClock(), 1 << 20)
                await asyncio.wait_for(hearer.over.wait(), 60)
                place, whole = 0, []
                for said, meant in SCRIPT:
                    place += len(said)
                    whole += [meant] if meant is not None and place <= cut else []
                assert hearer.frames == whole, cut
                assert len(hearer.ends) == 1
                assert all(b'{"e":"trade","t":8}'.startswith(head) for head in hearer.broken)

    asyncio.run(scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_reset_is_heard_at_once_on_every_loop(loop: str, tmp_path: Path) -> None:
    # In a process of its own: a reset that comes while nothing is read is the one that is easily missed.
    venue = Simulator(tmp_path / "sim.log", "binance", "--faults", "rst:0.4", "--rate", "1000", "--symbols", "3")
    names = "/".join(f"{s.lower()}@{kind}" for s in venue.said["symbols"] for kind in ("trade", "bookTicker"))

    async def heard() -> float:
        hearer = Hearer()
        await connect(f"{venue.said['url']}/stream?streams={names}", hearer, SystemClock(), 1 << 20)
        await asyncio.wait_for(hearer.over.wait(), 2.5)
        assert hearer.frames
        return time.monotonic()

    async def scenario() -> None:
        for _ in range(6):
            ends = await asyncio.gather(*(heard() for _ in range(30)))
            assert max(ends) - min(ends) < 1.0

    try:
        run(loop, scenario())
    finally:
        venue.stop()


class Lag:
    """The longest time by which the event loop is late, of itself: not while its thread waits for a processor."""

    def __init__(self) -> None:
        self.worst_s = 0.0

    async def watch(self) -> None:
        while True:
            begin, waited = time.perf_counter(), self._waited_s()
            await asyncio.sleep(0.005)
            late = time.perf_counter() - begin - 0.005
            self.worst_s = max(self.worst_s, late - (self._waited_s() - waited))

    @staticmethod
    def _waited_s() -> float:
        told = Path("/proc/thread-self/schedstat")  # ns that it ran, ns that it was ready and did not, how often
        return int(told.read_text().split()[1]) / 1e9 if told.exists() else 0.0


@pytest.mark.parametrize("fault", ["close:1000@0.5", "close:1001@0.5", "close:1012@0.5", "close:1006@0.5", "rst:0.5"])
def test_a_connection_that_ends_is_opened_again_soon_and_without_haste(fault: str, tmp_path: Path) -> None:
    name = fault.partition(":")[0]

    async def scenario() -> tuple[Frames, Truth, float, int]:
        async with simulator(rate=500, symbols=1, faults=fault, witness=True) as sim:
            lag = Lag()
            async with capturing(sources(sim), journal.Writer.open(tmp_path / "journal")) as capture:
                await until(partial(has_frames, capture, 10))
                memory.set_aside()  # as capture does when it begins: what the other tests have loaded is not its own
                watch = asyncio.ensure_future(lag.watch())
                await until(lambda: len(sim.truth.connections) >= 3, 10)
                frames = sum(each.frames for each in capture.status().sources)
                await until(partial(has_frames, capture, frames + 10), 10)
                watch.cancel()
                attempts = sum(each.connects + each.failures for each in capture.status().sources)
            return written(tmp_path / "journal"), sim.truth, lag.worst_s, attempts

    try:
        frames, truth, lag_s, attempts = asyncio.run(scenario())
    finally:
        gc.unfreeze()
    acts = [deed.at_ns for deed in truth.deeds if deed.fault == name]
    stamps = frames.ts_recv[frames.kind == RecordKind.DATA]
    for at_ns in acts[:2]:
        assert 0 < (int(stamps[stamps > at_ns + 20_000_000][0]) - at_ns) / 1e9 < 5
    assert attempts <= 4, "it is no busy loop"
    assert lag_s < 0.05
    sent = {payload for connection in truth.connections for payload in connection.payloads}
    assert set(of_kind(frames, RecordKind.DATA)) <= sent
    _, (outputs,) = decoded(frames)
    gaps = [gap for _, _, gap in outputs.gaps if gap.reason is GapReason.DISCONNECT]
    assert len(gaps) == len(truth.connections) - 1
    got = set(of_kind(frames, RecordKind.DATA))
    last = max(place for place, made in enumerate(truth.made) if got & set(made.sent))
    first = min(place for place, made in enumerate(truth.made) if got & set(made.sent))
    lost = [made for made in truth.made[first:last] if not got & set(made.sent)]
    assert lost
    # Sent and received on one machine: what was made in a gap was made between the two stamps, give or take a read.
    assert all(any(gap.ts_from - 5e7 <= made.at_ns <= gap.ts_to + 5e7 for gap in gaps) for made in lost)


class Ears:
    """A client in memory."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def send(self, payload: bytes) -> None:
        self.heard.append(payload)


async def told(venue: str, faults: str, updates: int, seed: int) -> tuple[Engine, list[Any], Market]:
    """What an engine makes of a market told with faults; the session fetches snapshots as it would live."""
    clock = ManualClock()
    exchange = Exchange(Market(["BTCUSDT"], seed), Truth(), parse_faults(faults), clock, seed)
    exchange.dialect = VENUES[venue].dialect(exchange)
    feed = feeds.by_name(venue)
    session = feed.session(Wish(["BTCUSDT"], feed.capabilities.channels, "ws://venue", "http://venue"))
    ears, address = Ears(), urlsplit(session.url)
    exchange.opened(ears, address.path, dict(parse_qsl(address.query)))  # type: ignore[arg-type] # all it does is listen
    engine = Engine(feeds.by_venue, EngineConfig())
    opened = epoch_frame(0, 1, venue=feed.capabilities.venue)
    outputs = [engine.process(Frames.of([opened], [clock.wall()], kind=RecordKind.EPOCH))]
    session.on_connect()

    def take(kind: int, frame: bytes) -> None:
        outputs.append(engine.process(Frames.of([frame], [clock.wall()], kind=kind, offset=engine.position)))

    for number in range(updates):
        clock.advance(3_000_000)
        exchange.dialect.update(exchange.market.step(), clock.wall())
        exchange.dialect.due(clock.mono() / 1e9 + (1.0 if number == updates - 1 else 0.0), clock.wall())
        while ears.heard:
            frame = ears.heard.pop(0)
            requests = session.on_frames([frame])
            take(RecordKind.DATA, frame)
            for request in requests:
                assert isinstance(request, Fetch)
                asked = urlsplit(request.url)
                answer = exchange.dialect.get(asked.path, dict(parse_qsl(asked.query)))
                head = DocumentHead(request.tag, request.url, answer.status)
                take(RecordKind.DOCUMENT, msgspec.json.encode(head) + b"\n" + answer.body)
                assert session.on_document(request.tag, answer.status, answer.body) == []
    return engine, outputs, exchange.market


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("venue", ["binance", "binance-usdm"])
def test_repeated_and_reordered_messages_lead_to_the_same_book_and_bars(venue: str, seed: int) -> None:
    updates = 3000
    clean, clean_outputs, _ = asyncio.run(told(venue, "", updates, seed))
    wrong, wrong_outputs, market = asyncio.run(told(venue, "duplicate:10,reorder:7", updates, seed))
    book, view = market.books[0], wrong.books.view(0)
    assert view.state == BookState.LIVE
    tick, lot = 10 ** (9 - book.tick_decimals), 10 ** (8 - book.lot_decimals)
    for side, levels in ((0, view.bids), (1, view.asks)):
        theirs = [(price * tick, size * lot) for price, size in book.levels(side, 10_000)]
        assert [(price, size * 10 ** (exp + 8)) for price, size, exp in levels] == theirs
    assert clean.books.view(0).bids == view.bids
    assert wrong.summary()["duplicates"] > 20
    assert clean.summary()["duplicates"] == 0
    bars, same = (bars_of(*each) for each in ((clean, clean_outputs), (wrong, wrong_outputs)))
    assert len(bars) >= 8
    assert bars == same


def test_a_channel_that_falls_silent_is_noticed_in_time_left_once_and_all_it_withholds_is_in_gaps(
    tmp_path: Path,
) -> None:
    heartbeat_s = feeds.by_name("coinbase").capabilities.heartbeat_s or 0.0

    async def scenario() -> tuple[Frames, Truth, float]:
        async with simulator("coinbase", rate=200, symbols=3, faults="mute-channel:7", seed=7) as sim:
            lag = Lag()
            watch = asyncio.ensure_future(lag.watch())
            frames = await captured(sim, tmp_path / "journal", 7 + heartbeat_s + 3 + 1 + 7 + heartbeat_s + 3 + 8)
            watch.cancel()
            return frames, sim.truth, lag.worst_s

    frames, truth, lag_s = asyncio.run(scenario())
    _, (outputs,) = decoded(frames)
    lost = [(at, gap) for at, _, gap in outputs.gaps if gap.reason is GapReason.SUBSCRIPTION and gap.channel]
    withheld = [deed for deed in truth.deeds if deed.fault == "mute-channel"]
    told_ns = int(frames.ts_recv[np.searchsorted(frames.offset, lost[0][0])])
    assert (told_ns - withheld[0].at_ns) / 1e9 <= heartbeat_s + 3 + lag_s
    assert len(truth.connections) == 2, "left at once, and not again and again"
    assert lost[0][1].symbol is None
    assert sum(gap.ts_from > told_ns for _, gap in lost) >= 2, "the second loss is told further until the end"
    gaps = [gap for _, _, gap in outputs.gaps]
    outside = [deed for deed in withheld if not any(gap.ts_from <= deed.at_ns <= gap.ts_to for gap in gaps)]
    # What was made after the last second of capture was missed by nobody.
    assert [deed for deed in outside if deed.at_ns < int(frames.ts_recv[-1])] == []


def test_a_book_without_numbers_that_misses_a_message_is_asked_for_again_and_is_live_again() -> None:
    clock, symbols = ManualClock(), ["BTC-USD", "ETH-USD"]
    exchange = Exchange(Market(symbols, 5), Truth(), parse_faults(""), clock, 5)
    exchange.dialect = VENUES["coinbase"].dialect(exchange)
    feed, ears, engine = feeds.by_name("coinbase"), Ears(), Engine(feeds.by_venue, EngineConfig())
    session = feed.session(Wish(symbols, feed.capabilities.channels, "ws://venue"))
    opened = epoch_frame(0, 1, venue=feed.capabilities.venue)
    engine.process(Frames.of([opened], [clock.wall()], kind=RecordKind.EPOCH))

    def take(frames: list[bytes]) -> None:
        if frames:
            session.on_frames(frames)
            engine.process(
                Frames.of(frames, [clock.wall()] * len(frames), kind=RecordKind.DATA, offset=engine.position)
            )

    def go_on(updates: int) -> list[bytes]:
        for _ in range(updates):
            clock.advance(3_000_000)
            exchange.dialect.update(exchange.market.step(), clock.wall())
            exchange.dialect.due(clock.mono() / 1e9, clock.wall())
        heard, ears.heard = ears.heard, []
        return heard

    def say(requests: Sequence[Request]) -> list[str]:
        texts = [request.text for request in requests if isinstance(request, Send)]
        for text in texts:
            exchange.said(ears, text)  # type: ignore[arg-type] # all it does is listen
        return texts

    async def scenario() -> None:
        exchange.opened(ears, "/", {})  # type: ignore[arg-type]  # all that is asked of it
        say(session.on_connect())
        session.on_time(0.0)
        take(go_on(300))
        assert [engine.books.view(which).state for which in range(2)] == [BookState.LIVE] * 2
        (lost, *_) = [frame for frame in go_on(100) if b'"l2update"' in frame and b"ETH-USD" in frame]
        take([lost[: len(lost) // 2]])
        eth = engine.instruments.find("COINBASE", "ETH-USD")
        assert eth is not None
        assert engine.books.view(eth).state == BookState.STALE
        assert say(session.on_time(1.0)) == [
            f'{{"type":"{method}","product_ids":["ETH-USD"],"channels":["level2_batch"]}}'
            for method in ("unsubscribe", "subscribe")
        ]
        take(go_on(300))
        book, view = exchange.market.by_symbol["ETH-USD"], engine.books.view(eth)
        assert view.state == BookState.LIVE
        assert say(session.on_time(2.0)) == [], "once is enough"
        assert len(view.bids) == len(book.sides[0])

    asyncio.run(scenario())


def bars_of(engine: Engine, outputs: list[Any]) -> dict[tuple[int, int], tuple[int, ...]]:
    """The newest version of each bar, without what depends on when it was concluded."""
    names = ["open", "high", "low", "close", "volume_whole", "volume_fraction", "trades"]
    rows = np.concatenate([*(each.bars for each in outputs), engine.bars.open_bars()])
    return {(int(row["interval"]), int(row["ts_open"])): tuple(int(row[name]) for name in names) for row in rows}


@pytest.mark.parametrize("most", [1, 7, 64, 1024])
def test_whatever_the_pieces_in_which_bytes_come_the_frames_are_the_same(most: int, tmp_path: Path) -> None:
    async def scenario() -> tuple[Frames, Truth]:
        async with simulator("coinbase", rate=1000, symbols=1, faults=f"slow-drip:{most}", seed=most) as sim:
            return await captured(sim, tmp_path / "journal", count=300), sim.truth

    frames, truth = asyncio.run(scenario())
    data = of_kind(frames, RecordKind.DATA)
    assert len(data) >= 300
    assert data == truth.connections[0].payloads[: len(data)]
    _, (outputs,) = decoded(frames)
    assert outputs.gaps == ()


def test_who_says_retry_after_is_not_asked_before(tmp_path: Path) -> None:
    async def scenario() -> tuple[Frames, Truth]:
        async with simulator(rate=500, symbols=2, faults="refuse:1,http-429:1") as sim:
            return await captured(sim, tmp_path / "journal", 5.0), sim.truth

    frames, truth = asyncio.run(scenario())
    (refused,) = [deed.at_ns for deed in truth.deeds if deed.fault == "refuse"]
    assert (int(frames.ts_recv[frames.kind == RecordKind.DATA][0]) - refused) / 1e9 >= 2.0
    asked = [at for at, _, status in truth.gets if status == 429]
    assert asked
    assert all(b - a < 2e8 or b - a >= 2e9 for a, b in pairwise(asked)), "either under way already, or patient"


@pytest.mark.parametrize("venue", ["binance", "coinbase"])
def test_times_in_another_unit_stay_the_times_they_were(venue: str, tmp_path: Path) -> None:
    async def scenario() -> tuple[Frames, Truth]:
        async with simulator(venue, rate=1000, symbols=1, faults="unit:0.6", seed=2) as sim:
            return await captured(sim, tmp_path / "journal", 1.5), sim.truth

    frames, truth = asyncio.run(scenario())
    assert truth.counts["unit"] > 100
    engine, (outputs,) = decoded(frames)
    assert engine.summary()["quarantined"] == 0
    tape = outputs.tape
    timed = (tape.ts_event > 0) & np.isin(tape.kind, (1, 2, 3))
    lag_s = (tape.ts_recv[timed] - tape.ts_event[timed]) / 1e9
    assert len(lag_s) > 300
    assert -0.1 < lag_s.min() <= lag_s.max() < 1.0


def test_a_venue_that_sends_its_last_thousand_trades_again_at_each_connection_has_each_stored_once(
    tmp_path: Path,
) -> None:
    def trade(number: int) -> bytes:
        return (
            f'{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{T0 // 10**6 + number},"s":"BTCUSDT","t":{number},'
            f'"p":"61837.60000000","q":"0.00100000","T":{T0 // 10**6 + number},"m":true,"M":true}}}}'
        ).encode()

    (tmp_path / "data").mkdir()
    writer = journal.Writer.open(tmp_path / "data" / "journal")
    newest, end = 2000, 0
    for connection in range(1, 101):
        stamp = T0 + connection * 10**9
        frames = [trade(number) for number in range(newest - 1000, newest + 50)]
        newest += 50
        writer.append(RecordKind.EPOCH, 0, connection, [epoch_frame(0, connection)], [stamp], 0)
        end = writer.append(RecordKind.DATA, 0, connection, frames, [stamp + n for n in range(len(frames))], 0)
    writer.sync(end)
    writer.close()
    found = replayed(tmp_path / "data", tmp_path / "again")
    distinct = newest - 1000
    assert (found["events"]["trade"], found["duplicates"]) == (distinct, 105_000 - distinct)
    (row,) = ask(tmp_path / "again", "select count() n, uniqExact(trade_id) ids from trades")
    assert row == {"n": distinct, "ids": distinct}
