"""Every fault happens on the wire, as an independent client (the websockets library) sees it; the truth tells it."""

import asyncio
import json
import re
import socket
import time
from collections import Counter
from contextlib import suppress
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from breadboard.clock import ManualClock
from breadboard.errors import UsageError
from breadboard.sim.binance import Binance
from breadboard.sim.exchange import Exchange
from breadboard.sim.faults import FAULTS, Faults, parse_faults
from breadboard.sim.market import Market
from breadboard.sim.mischief import ACTS, STEPS, channel_of
from breadboard.sim.serve import Serving
from breadboard.sim.truth import Truth
from capture_fakes import simulator, streams

ALL = ("trade", "bookTicker", "depth@0ms")


def test_faults_are_read_from_words() -> None:
    read = parse_faults("disconnect:30, drop-depth:100,mute:2.5,close:1012@3,refuse:2,clock-skew:-1.5,flood")
    numbers = {"disconnect": 30.0, "drop-depth": 100.0, "mute": 2.5, "close": 3.0, "refuse": 2.0, "clock-skew": -1.5}
    assert read == Faults(numbers | {"flood": 20.0}, {"close": 1012})
    assert (read["rst"], read.code("close"), read.code("refuse")) == (0.0, 1012, 429)
    assert [turn for turn in range(1, 301) if read.hits("drop-depth", turn)] == [100, 200, 300]
    assert parse_faults("") == Faults()


@pytest.mark.parametrize(
    "text",
    [
        *("fire", "mute", "mute:x", "mute:-1", "mute:0", "mute:inf", "mute:nan", "mute:1012@3", "fire:3"),
        *("drop-depth:0.5", "close:x@3", "close:@3", "close:1012@", "close:99@1", "clock-skew:0", "flood:0"),
        "refuse:99@1",
    ],
)
def test_a_wrong_word_is_named(text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(repr(text))) as error:
        parse_faults(f"disconnect:1,{text}")
    assert error.value.hint


def test_an_unknown_fault_is_answered_with_the_list() -> None:
    with pytest.raises(UsageError) as error:
        parse_faults("fire:3")
    assert all(f"{name}:{fault.takes}" in str(error.value) for name, fault in FAULTS.items())
    with pytest.raises(KeyError):
        parse_faults("")["fire"]


def test_every_fault_is_carried_out_somewhere() -> None:
    elsewhere = {"delay", "sequence-reset", "checksum", "http-429", "refuse", "auth", "limit", "slow-drip"}
    assert set(STEPS) | set(ACTS) | elsewhere | {"clock-skew", "flood"} == set(FAULTS)


def test_the_page_about_faults_has_the_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "faults.md").read_text(encoding="utf-8")
    for name, fault in FAULTS.items():
        assert f"| `{name}:{fault.takes}` | {fault.does} |" in page


@pytest.mark.parametrize(
    ("stream", "symbols", "channel"),
    [
        ("btcusdt@depth@100ms", ["BTC", "BTCUSDT"], "depth@100ms"),
        ("matches:BTC-USD", ["BTC-USD"], "matches"),
        ("book/BTC/USD", ["ETH/USD", "BTC/USD"], "book"),
        ("Q.AAPL", ["A", "AAPL"], "Q"),
        ("status", ["BTC"], "status"),
    ],
)
def test_a_channel_is_a_stream_without_its_symbol(stream: str, symbols: list[str], channel: str) -> None:
    assert channel_of(stream, symbols) == channel


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"venue": "nyse"}, "no simulated venue 'nyse'"),
        ({"profile": "giant"}, "no market profile 'giant'"),
        ({"symbols": 0}, "not 0"),
        ({"symbols": ()}, "needs symbols"),
        ({"faults": "fire:1"}, "fire:1"),
        ({"rate": float("nan")}, "not nan"),
        ({"options": {"at": "09:30", "symbol_limit": 3}}, "binance does not take --at, --symbol-limit; iqfeed does"),
        ({"venue": "iqfeed", "recording": []}, "iqfeed plays no recordings"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_words(options: dict[str, object], words: str) -> None:
    async def scenario() -> None:
        async with simulator(**options):  # type: ignore[arg-type]  # of several types
            pass

    with pytest.raises(UsageError, match=words):
        asyncio.run(scenario())


def test_a_port_that_is_taken_is_named() -> None:
    async def scenario() -> None:
        async with simulator(rate=1) as sim, simulator(rate=1, port=sim.port):
            pass

    with pytest.raises(UsageError, match=r"port \d+ on 127.0.0.1 cannot be had"):
        asyncio.run(scenario())


class Heard:
    """What one connection delivered, and how it ended."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.stamps: list[float] = []
        self.end: ConnectionClosed | None = None

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(frame) for frame in self.frames]

    def ids(self, stream: str) -> list[int]:
        return [_number(m["data"]) for m in self.messages if m["stream"] == stream]


def _number(data: dict[str, Any]) -> int:
    return int(data["t"] if data.get("e") == "trade" else data["u"])


async def listen(socket_: ClientConnection, seconds: float) -> Heard:
    heard = Heard()
    try:
        async with asyncio.timeout(seconds):
            while True:
                heard.frames.append(await socket_.recv(decode=False))
                heard.stamps.append(time.monotonic())
    except TimeoutError:
        pass
    except ConnectionClosed as closed:
        heard.end = closed
    return heard


def hear(
    faults: str,
    seconds: float = 1.5,
    *,
    rate: float = 2000,
    symbols: int = 1,
    **options: Any,  # noqa: ANN401 - those of serve
) -> tuple[Heard, Truth]:
    """Listen for a while to a venue with faults; the market is the same in every call."""

    async def scenario() -> tuple[Heard, Truth]:
        async with simulator(rate=rate, symbols=symbols, seed=5, faults=faults, witness=True, **options) as sim:
            limits: dict[str, Any] = {"max_queue": None, "max_size": None, "ping_interval": None, "close_timeout": 0.2}
            async with connect(streams(sim, *ALL), **limits) as client:
                return await listen(client, seconds), sim.truth

    return asyncio.run(scenario())


def did(truth: Truth, fault: str) -> list[tuple[str, Any]]:
    return [(deed.stream, deed.ids) for deed in truth.deeds if deed.fault == fault]


def made(truth: Truth, stream: str) -> list[Any]:
    return [message.ids for message in truth.made if message.stream == stream]


@pytest.mark.parametrize(("fault", "every"), [("drop", 7), ("drop-depth", 5)])
def test_what_is_dropped_is_what_the_truth_says(fault: str, every: int) -> None:
    heard, truth = hear(f"{fault}:{every}")
    got = [(m["stream"], _number(m["data"])) for m in heard.messages if m["stream"] != "btcusdt@bookTicker"]
    dropped = {(stream, ids[1]) for stream, ids in did(truth, fault)}
    assert not dropped & set(got)
    whole = [(m.stream, m.ids[1]) for m in truth.made if m.stream != "btcusdt@bookTicker"]
    kept = [each for each in whole if each not in dropped]
    assert got == kept[: len(got)]
    assert len(got) > 300
    assert ("btcusdt@trade" in dict(dropped)) == (fault == "drop")
    assert "btcusdt@depth@0ms" in dict(dropped)
    assert {tuple(ids) for ids in truth.streams["btcusdt@depth@0ms"].dropped} == {
        ids for stream, ids in did(truth, fault) if stream == "btcusdt@depth@0ms"
    }
    now = time.time_ns()
    assert all(now - 60e9 < deed.at_ns <= now for deed in truth.deeds)


def test_duplicates_come_twice_in_a_row() -> None:
    heard, truth = hear("duplicate:10")
    twice = [a for a, b in pairwise(heard.frames) if a == b]
    told = did(truth, "duplicate")
    assert [(json.loads(f)["stream"], _number(json.loads(f)["data"])) for f in twice] == [
        (stream, ids[1]) for stream, ids in told[: len(twice)]
    ]
    assert len(twice) > 50


def test_reordered_messages_change_places_and_none_is_lost() -> None:
    heard, truth = hear("reorder:5")
    order = [(m.stream, m.ids[1]) for m in truth.made]
    place = {each: number for number, each in enumerate(order)}
    got = [place[m["stream"], _number(m["data"])] for m in heard.messages]
    swapped = [number for number, (a, b) in enumerate(pairwise(got)) if a > b]
    assert len(swapped) > 50
    assert sorted(got)[: len(got) - 2] == list(range(len(got) - 2))
    told = [place[stream, ids[1]] for stream, ids in did(truth, "reorder")]
    assert [got[number + 1] for number in swapped] == told[: len(swapped)]


def test_garbage_comes_between_the_messages_and_is_nothing_that_parses() -> None:
    heard, truth = hear("garbage:10")
    good, bad = [], []
    for frame in heard.frames:
        try:
            good.append(json.loads(frame, parse_constant=_refuse))
        except (ValueError, RecursionError):
            bad.append(frame)
    assert len(bad) > 50
    assert abs(len(good) - 10 * len(bad)) <= 10
    assert len(bad) <= truth.counts["garbage"]
    assert len({frame[:8] for frame in bad}) >= 3
    trades = [m["data"]["t"] for m in good if m["stream"] == "btcusdt@trade"]
    assert trades == list(range(trades[0], trades[0] + len(trades)))


def _refuse(word: str) -> None:
    raise ValueError(word)


def test_an_oversized_frame_is_whole_json_of_the_size_that_was_asked_for() -> None:
    heard, truth = hear("oversize:6@0.2")
    big = [frame for frame in heard.frames if len(frame) > 1 << 20]
    assert [len(frame) >> 20 for frame in big] == [6]
    assert json.loads(big[0])["type"] == "oversize"
    assert did(truth, "oversize") == [("", None)]
    assert heard.end is None


def test_mute_answers_pings_and_says_nothing() -> None:
    async def scenario() -> None:
        async with (
            simulator(rate=2000, faults="mute:0.3") as sim,
            connect(streams(sim, "trade"), max_queue=None) as client,
        ):
            assert (await listen(client, 0.6)).frames
            later = await listen(client, 0.5)
            assert (later.frames, later.end) == ([], None)
            await asyncio.wait_for(await client.ping(), 1)
            told = [deed for deed in sim.truth.deeds if deed.fault == "mute"]
            assert told[0].ids is None
            dropped = chain.from_iterable(stream.dropped for stream in sim.truth.streams.values())
            assert sorted(ids for deed in told[1:] if (ids := deed.ids)) == sorted(dropped)
            assert len(told) - 1 == sum(len(s.dropped) for s in sim.truth.streams.values()) > 50

    asyncio.run(scenario())


def _streams_after(heard: Heard, gone: set[str]) -> set[str]:
    """Return the streams of what was heard behind the last word of those that are gone: well over fifty messages."""
    said = [m["stream"] for m in heard.messages]
    last = max(place for place, stream in enumerate(said) if stream in gone)
    assert len(said) - last > 50
    return set(said[last + 1 :])


def test_one_of_three_channels_goes_mute_for_every_symbol() -> None:
    heard, truth = hear("mute-channel:0.4", 2.0, symbols=3)
    (silent,) = {stream.partition("@")[2] for stream, _ in did(truth, "mute-channel")}
    gone = {f"{symbol}@{silent}" for symbol in ("btcusdt", "ethusdt", "solusdt")}
    assert {stream.partition("@")[2] for stream in _streams_after(heard, gone)} == set(ALL) - {silent}
    assert {stream.partition("@")[0] for stream, _ in did(truth, "mute-channel")} == {"btcusdt", "ethusdt", "solusdt"}


def test_one_subscription_of_one_symbol_is_lost() -> None:
    heard, truth = hear("lose:0.4", 2.0, symbols=3)
    ((lost, _), *_) = did(truth, "lose")
    assert {stream for stream, _ in did(truth, "lose")} == {lost}
    assert _streams_after(heard, {lost}) == {
        f"{s}@{kind}" for s in ("btcusdt", "ethusdt", "solusdt") for kind in ALL
    } - {lost}


def test_a_lost_subscription_is_not_listed_and_comes_back_when_it_is_asked_for_anew() -> None:
    async def scenario(sim: Serving, client: ClientConnection) -> None:
        await listen(client, 0.6)
        await client.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}))
        (answer,) = [m for m in (await listen(client, 0.3)).messages if "result" in m]
        ((lost, _), *_) = did(sim.truth, "lose")
        assert set(answer["result"]) == {f"btcusdt@{kind}" for kind in ALL} - {lost}
        await client.send(json.dumps({"method": "SUBSCRIBE", "params": [lost], "id": 2}))
        again = (await listen(client, 0.5)).messages
        assert sum(m.get("stream") == lost for m in again) > 20

    async def everything() -> None:
        async with (
            simulator(rate=2000, symbols=1, faults="lose:0.3", seed=5) as sim,
            connect(streams(sim, *ALL), max_queue=None) as client,
        ):
            await scenario(sim, client)

    asyncio.run(everything())


def test_half_open_neither_reads_nor_writes_and_keeps_the_socket() -> None:
    async def scenario() -> None:
        url = "half-open:0.3"
        async with simulator(rate=2000, faults=url) as sim:
            client = await connect(streams(sim, "trade"), max_queue=None, ping_interval=None, close_timeout=0.1)
            assert (await listen(client, 0.5)).frames
            later = await listen(client, 0.4)
            assert (later.frames, later.end) == ([], None)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(await client.ping(), 0.5)
            assert sim.truth.connections[0].end == ""
            assert sim.truth.counts["half-open"] > 50
            client.transport.abort()

    asyncio.run(scenario())


@pytest.mark.parametrize("code", [1000, 1001, 1012, 1013])
def test_a_clean_close_has_its_code(code: int) -> None:
    heard, truth = hear(f"close:{code}@0.3", 3.0)
    assert heard.end is not None
    assert heard.end.rcvd is not None
    assert heard.end.rcvd.code == code
    assert truth.connections[0].end == f"closed by the venue with {code}"
    assert heard.frames == truth.connections[0].payloads


def test_1006_ends_without_a_close_frame() -> None:
    heard, truth = hear("close:1006@0.3", 3.0)
    assert isinstance(heard.end, ConnectionClosedError)
    assert heard.end.rcvd is None
    assert heard.frames == truth.connections[0].payloads[: len(heard.frames)]  # what was under way may be lost with it
    assert len(heard.frames) > 10


@pytest.mark.parametrize(("fault", "left"), [("rst", 0), ("truncate", 42)])
def test_the_line_is_reset_also_inside_a_frame(fault: str, left: int) -> None:
    async def scenario() -> tuple[bytes, Truth]:
        async with simulator(rate=1000, symbols=1, faults=f"{fault}:0.3") as sim:
            reader, writer = await asyncio.open_connection("127.0.0.1", sim.port)
            writer.write(
                b"GET /ws/btcusdt@trade HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            heard = b""
            with suppress(ConnectionResetError):
                while part := await reader.read(1 << 16):
                    heard += part
                pytest.fail("an end of file is no reset")
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            return heard, sim.truth

    heard, truth = asyncio.run(scenario())
    body = heard.partition(b"\r\n\r\n")[2]
    whole = 0
    for payload in truth.connections[0].payloads:
        head = 2 if len(payload) < 126 else 4
        if body[whole : whole + head + len(payload)][head:] != payload:
            break
        whole += head + len(payload)
    assert len(body) - whole == left
    assert did(truth, fault) == [("", None)]


def test_disconnects_come_at_half_to_one_and_a_half_of_the_time() -> None:
    async def scenario() -> list[float]:
        lived = []
        async with simulator(rate=500, symbols=1, faults="disconnect:0.3") as sim:
            for _ in range(6):
                async with connect(streams(sim, "trade"), max_queue=None) as client:
                    begin = time.monotonic()
                    assert isinstance((await listen(client, 3)).end, ConnectionClosedError)
                    lived.append(time.monotonic() - begin)
            assert sim.truth.counts["disconnect"] == 6
        return lived

    lived = asyncio.run(scenario())
    assert 0.1 < min(lived) < max(lived) < 0.7


def test_numbers_fall_back_and_chain_from_there() -> None:
    for venue in ("binance", "binance-usdm"):
        heard, truth = hear("sequence-reset:0.4", 3.0, venue=venue)
        assert did(truth, "sequence-reset") == [("", None)]
        trades = heard.ids("btcusdt@trade")
        fall = next(place for place, (a, b) in enumerate(pairwise(trades)) if b < a) + 1
        assert trades[fall:] == list(range(1001, 1001 + len(trades) - fall))
        depth = [m["data"] for m in heard.messages if m["stream"].endswith("depth@0ms")]
        after = next(place for place, m in enumerate(depth) if m["u"] < 1_000_000)
        assert depth[after]["U"] <= 1001
        assert all(b["U"] == a["u"] + 1 for a, b in pairwise(depth[after:]))
        if venue == "binance-usdm":
            assert all(b["pu"] == a["u"] for a, b in pairwise(depth[after:]))


def test_times_change_their_unit_and_nothing_else_does() -> None:
    heard, truth = hear("unit:0.4", 2.0)
    units = [len(str(m["data"]["E"])) for m in heard.messages if "E" in m["data"]]
    assert set(units) == {13, 16}
    assert units == sorted(units)
    assert all(abs(m["data"]["E"] / 1e6 - time.time()) < 60 for m in heard.messages[-5:] if "E" in m["data"])
    for stream in ("btcusdt@trade", "btcusdt@depth@0ms"):
        got = heard.ids(stream)
        assert got == [ids[1] for ids in made(truth, stream)[: len(got)]]


def test_a_schema_drifts_by_fields_and_by_types() -> None:
    heard, truth = hear("drift:0.3", 2.0)
    grown = [m for m in heard.messages if "novelty" in m["data"]]
    assert len(grown) > 300
    types = Counter(m["data"]["e"] for m in heard.messages if "e" in m["data"])
    assert types["novelty"] == len(grown) // 50 or types["novelty"] == (len(grown) + 1) // 50
    assert truth.counts["drift"] >= len(grown)
    assert "novelty" not in heard.messages[0]["data"]


def test_the_clock_of_the_venue_is_off_and_the_truth_is_not() -> None:
    heard, truth = hear("clock-skew:-5", 0.4)
    ahead = [m["data"]["E"] / 1e3 - time.time() for m in heard.messages if "E" in m["data"]]
    assert -6 < min(ahead) < max(ahead) < -4.9
    assert abs(truth.made[-1].at_ns / 1e9 - time.time()) < 2


def test_delay_holds_everything_back_in_order() -> None:
    heard, truth = hear("delay:300", 0.9)
    assert heard.frames == truth.connections[0].payloads[: len(heard.frames)]
    at = {m.sent[0]: m.at_ns / 1e9 for m in truth.made if m.sent}
    ages = [stamp + time.time() - time.monotonic() - at[f] for f, stamp in zip(heard.frames, heard.stamps, strict=True)]
    assert 0.28 < sorted(ages)[len(ages) // 2] < 1.0
    assert min(ages) > 0.28


def test_a_slow_drip_delivers_the_same_bytes_in_crumbs() -> None:
    async def scenario() -> None:
        async with simulator(rate=300, symbols=1, faults="slow-drip:3") as sim:
            reader, writer = await asyncio.open_connection("127.0.0.1", sim.port, limit=512)
            writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            writer.write(
                b"GET /ws/btcusdt@trade HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            await reader.readuntil(b"\r\n\r\n")
            sizes: list[int] = []
            heard = b""
            while len(heard) < 3000:
                part = await reader.read(1 << 16)
                sizes.append(len(part))
                heard += part
            assert sorted(sizes)[len(sizes) // 2] <= 9
            payload = sim.truth.connections[0].payloads[0]
            assert payload in heard
            writer.close()

    asyncio.run(scenario())


def test_a_flood_is_many_times_as_much() -> None:
    def times() -> float:
        calm, _ = hear("", 0.6, rate=200)
        flood, _ = hear("flood:10", 0.6, rate=200)
        return len(flood.frames) / len(calm.frames)

    # A simulator that a busy machine keeps waiting makes up for a fifth of a second, and is slower than it is to be.
    assert any(5 < times() < 20 for _ in range(10))


def test_every_third_answer_is_a_429_with_retry_after() -> None:
    async def scenario() -> None:
        async with simulator(rate=10, faults="http-429:3") as sim, httpx.AsyncClient() as client:
            answers = [await client.get(sim.rest_url + "/api/v3/depth?symbol=BTCUSDT") for _ in range(6)]
            assert [answer.status_code for answer in answers] == [200, 200, 429] * 2
            assert {answer.headers.get("Retry-After") for answer in answers} == {None, "2"}
            assert did(sim.truth, "http-429") == [("/api/v3/depth", None)] * 2
            assert (await client.get(sim.rest_url + "/_sim/truth")).json()["faults"] == {"http-429": 2}

    asyncio.run(scenario())


async def refused(sim: Serving) -> tuple[int, str | None]:
    with pytest.raises(InvalidStatus) as error:
        await connect(streams(sim, "trade"))
    return error.value.response.status_code, error.value.response.headers.get("Retry-After")


@pytest.mark.parametrize(("word", "code"), [("refuse:2", 429), ("refuse:403@2", 403)])
def test_the_first_connections_are_refused(word: str, code: int) -> None:
    async def scenario() -> None:
        async with simulator(rate=500, faults=word) as sim:
            assert [await refused(sim), await refused(sim)] == [(code, "2")] * 2
            async with connect(streams(sim, "trade")) as client:
                assert (await listen(client, 0.3)).frames
            assert len(did(sim.truth, "refuse")) == 2

    asyncio.run(scenario())


def test_one_connection_more_than_the_limit_is_refused_until_one_goes() -> None:
    async def scenario() -> None:
        async with simulator(rate=10, faults="limit:1") as sim:
            async with connect(streams(sim, "trade")):
                assert await refused(sim) == (429, "2")
            await asyncio.sleep(0.1)
            async with connect(streams(sim, "trade")):
                pass
            assert len(did(sim.truth, "limit")) == 1

    asyncio.run(scenario())


def test_hooks_for_dialects_strike_as_often_as_was_asked() -> None:
    wrong = Exchange(Market(["BTCUSDT"], 1), Truth(), parse_faults("checksum:3,auth:2"), ManualClock(), 1)
    assert [wrong.checksum("book", 10, (n, n)) for n in range(6)] == [10, 10, 11, 10, 10, 11]
    assert [wrong.login_fails() for _ in range(4)] == [True, True, False, False]
    assert did(wrong.truth, "checksum") == [("book", (2, 2)), ("book", (5, 5))]


def test_faults_compose() -> None:
    heard, truth = hear("duplicate:10,garbage:25,drop:7,close:1001@0.5", 3.0)
    assert heard.end is not None
    assert heard.end.rcvd is not None
    assert heard.end.rcvd.code == 1001
    assert set(truth.counts) == {"duplicate", "garbage", "drop", "close"}
    assert heard.frames == truth.connections[0].payloads


class Ears:
    """A client in memory."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def send(self, payload: bytes) -> None:
        self.heard.append(payload)


@pytest.mark.parametrize("faults", ["drop:7,garbage:10,reorder:9,duplicate:4", "garbage:3"])
def test_the_same_seed_does_the_same_wrong(faults: str) -> None:
    async def scenario(seed: int) -> tuple[list[bytes], list[tuple[str, Any]]]:
        exchange = Exchange(Market(["BTCUSDT"], 1), Truth(), parse_faults(faults), ManualClock(), seed)
        exchange.dialect = Binance(exchange, "binance")
        ears = Ears()
        names = "/".join(f"btcusdt@{kind}" for kind in ALL)
        exchange.opened(ears, "/stream", {"streams": names})  # type: ignore[arg-type] # all it does is listen
        for update in exchange.market.steps(1000):
            exchange.dialect.update(update, 1_700_000_000_000_000_000)
        return ears.heard, [(deed.fault, deed.ids) for deed in exchange.truth.deeds]

    first, again, other = (asyncio.run(scenario(seed)) for seed in (1, 1, 2))
    assert first == again
    assert len(first[0]) > 1000
    assert first[0] != other[0]
