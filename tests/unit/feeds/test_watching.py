"""Quiet is not stale: evidence finds a lost subscription, and a lively market raises no false alarm."""

import random
import zipfile
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from breadboard.conversations import Denied, Fetch, Missing, Reconnect, Request, Send, Session
from breadboard.feeds import FEEDS
from breadboard.feeds.book_renewal import BookRenewal
from breadboard.feeds.iqfeed_pulse import Pulse
from breadboard.feeds.stream import Key
from breadboard.feeds.watching import Subscriptions
from breadboard.model.kinds import GapReason, RecordKind
from breadboard.ports import Wish
from feed_samples import frames_of
from recordings import recording

SEEDS = 200

RECORDED = {
    "binance": (
        ("BTCUSDT", "ETHUSDT"),
        "hftbacktest",
        ("binance/btcusdt_20240808.gz", "binance/ethusdt_20240808.gz"),
    ),
    "binance-usdm": (("BTCUSDT",), "hftbacktest", ("binance/usdm/btcusdt_20240808.gz",)),
    "binance-coinm": (("BTCUSD_PERP",), "hftbacktest", ("binance/coinm/btcusd_perp_20240808.gz",)),
    "coinbase": (
        (
            "SKL-USD",
            "SKL-BTC",
            "BAND-GBP",
            "NMR-EUR",
            "BAND-BTC",
            "YFI-BTC",
            "DASH-BTC",
            "NU-GBP",
            "CRV-EUR",
            "SKL-GBP",
        ),
        "cryptofeed",
        ("coinbase/COINBASE.ws.28.0",),
    ),
}


@cache
def seconds_of(name: str) -> list[list[bytes]]:
    """The frames of each second of a recording, in the order of the receive stamps."""
    _, form, paths = RECORDED[name]
    frames = frames_of(name, form, paths)
    data = sorted(
        (ts, at)
        for at, (ts, kind) in enumerate(zip(frames.ts_recv.tolist(), frames.kind.tolist(), strict=True))
        if kind == RecordKind.DATA
    )
    bodies = frames.frames()
    out: list[list[bytes]] = []
    for ts, at in data:
        while len(out) <= (ts - data[0][0]) // 1_000_000_000:
            out.append([])
        out[-1].append(bodies[at].replace(b"@depth@0ms", b"@depth@100ms"))  # the recorder asked for a faster stream
    return out


def session_of(name: str) -> Session:
    return FEEDS[name].session(Wish(RECORDED[name][0], ("trade", "quote", "book")))


def judged(session: Session, seconds: Sequence[Sequence[bytes]]) -> Iterator[tuple[int, Request]]:
    """Play seconds of frames to a session; yield what it asks for as time passes."""
    session.on_connect()
    session.on_time(0.0)
    for at, frames in enumerate(seconds, 1):
        session.on_frames(frames)
        for request in session.on_time(float(at)):
            yield at, request


@dataclass
class Fake:
    """Two symbols with three channels that speak when a test says so."""

    symbols: tuple[str, ...] = ("A", "B")
    now: float = 100.0
    asked: list[list[Key]] = field(default_factory=list)
    seen: list[Request] = field(default_factory=list)
    watch: Subscriptions = field(init=False)

    def __post_init__(self) -> None:
        wires: dict[Hashable, Key] = {
            f"{symbol}{channel}": (symbol, channel) for symbol in self.symbols for channel in ("trade", "quote", "book")
        }
        self.watch = Subscriptions(wires, self.again, heartbeat_s=5.0)
        self.watch.begin()
        self.watch.on_time(self.now)

    def again(self, keys: Sequence[Key]) -> list[Request]:
        self.asked.append(list(keys))
        return []

    def run(self, seconds: int, speaks: Callable[[str], bool] = lambda _wire: True) -> list[Request]:
        said: list[Request] = []
        for _ in range(seconds):
            for wire in self.watch.counts:
                self.watch.counts[wire] += speaks(str(wire))
            self.now += 1
            said += self.watch.on_time(self.now)
        self.seen += said
        return said


def missing(requests: Sequence[Request]) -> list[Missing]:
    return [request for request in requests if isinstance(request, Missing)]


@pytest.mark.parametrize("name", RECORDED)
def test_real_markets_raise_no_alarm(name: str) -> None:
    found = [each for each in judged(session_of(name), seconds_of(name)) if isinstance(each[1], Missing | Reconnect)]
    assert found == []


@pytest.mark.parametrize("name", ["binance", "binance-usdm", "binance-coinm"])
def test_a_stream_that_is_lost_at_any_moment_is_found_within_two_minutes_and_asked_for_again(name: str) -> None:
    """Each seed, 200 in all, removes one stream of a real recording at some moment, 90 s after connecting."""
    seconds, symbols = seconds_of(name), RECORDED[name][0]
    wires = {"trade": b"@trade", "quote": b"@bookTicker", "book": b"@depth@100ms"}
    longest = 0
    for seed in range(SEEDS // 3 + 1):
        chance = random.Random(seed)
        symbol, channel = chance.choice(symbols), chance.choice(sorted(wires))
        lost = b'"' + symbol.lower().encode() + wires[channel] + b'"'
        begin = chance.randrange(len(seconds) - 211)
        cut = 90
        left = [
            frames if at < cut else [frame for frame in frames if lost not in frame[:60]]
            for at, frames in enumerate(seconds[begin : begin + 211])
        ]
        found = []
        for at, each in judged(session_of(name), left):
            if isinstance(each, Missing):
                found.append((at, each))
            if found and at > found[0][0] + 30:
                break
        assert found, f"seed {seed}: {symbol} {channel} cut {cut} s after {begin} was not found"
        at, gap = found[0]
        assert (gap.symbol, gap.channel, gap.reason) == (symbol, channel, GapReason.SUBSCRIPTION), f"seed {seed}"
        assert at - cut <= 120, f"seed {seed}"
        assert cut - 15 <= gap.since_s <= cut + 1, f"seed {seed}: the gap begins where it was last heard"
        assert {(each.symbol, each.channel) for _, each in found} == {(symbol, channel)}, f"seed {seed}: nothing else"
        longest = max(longest, at - cut)
    print(f"{name}: seeds 0 to {SEEDS // 3}, found after {longest} s at most")  # noqa: T201 - seeds and figures are for people


def test_a_lost_stream_of_any_symbol_is_found_within_two_minutes_where_the_venue_lists_what_it_sends() -> None:
    """200 seeds; 495 symbols, most of which speak once in ten minutes: no rate could tell."""
    longest = 0.0
    for seed in range(SEEDS):
        chance = random.Random(seed)
        symbols = [f"S{number}USDT" for number in range(165)]
        session = FEEDS["binance"].session(Wish(symbols, ("trade", "quote", "book"), "ws://127.0.0.1:1"))
        session.on_frames([b'{"result":null,"id":%d}' % number for number, _ in enumerate(session.on_connect(), 1)])
        streams = {f"{symbol.lower()}@{kind}" for symbol in symbols for kind in ("trade", "bookTicker", "depth@100ms")}
        lost, cut, found = chance.choice(sorted(streams)), chance.randrange(31, 91), 0.0
        for second in range(0, cut + 121, 4):
            for request in session.on_time(float(second)):
                if isinstance(request, Send) and "LIST" in request.text:
                    listed = sorted(streams - {lost} if second >= cut else streams)
                    number = request.text.rpartition(":")[2].rstrip("}")
                    reply = '{"result":["' + '","'.join(listed) + f'"],"id":{number}}}'
                    session.on_frames([reply.encode()])
                elif isinstance(request, Missing):
                    found = found or float(second)
                    symbol, _, kind = lost.partition("@")
                    assert (request.symbol, request.channel) == (
                        symbol.upper(),
                        {"trade": "trade", "bookTicker": "quote", "depth@100ms": "book"}[kind],
                    ), f"seed {seed}"
            if found:
                break
        assert found, f"seed {seed}: {lost} cut at {cut} was not found"
        longest = max(longest, found - cut)
    assert longest <= 120
    print(f"seeds 0 to {SEEDS - 1}, found after {longest:.0f} s at most")  # noqa: T201 - seeds and figures are for people


def test_one_silent_channel_of_one_symbol_is_put_on_record_asked_for_again_and_told_of_when_it_is_back() -> None:
    fake = Fake()
    assert fake.run(60) == []
    quiet_since = fake.now
    (lost,) = fake.run(12, lambda wire: wire != "Abook")
    assert isinstance(lost, Missing)
    assert (lost.symbol, lost.channel, lost.since_s) == ("A", "book", quiet_since - 1), "all after the last may be lost"
    assert fake.asked == [[("A", "book")]]
    assert fake.watch.missing() == ["A book"]
    told = fake.now
    (back,) = missing(fake.run(1))
    assert (back.symbol, back.channel, back.detail) == ("A", "book", "it is heard again")
    assert back.since_s <= told, "the gap goes on until it is heard"
    assert fake.watch.missing() == []
    assert fake.run(300) == []


def test_a_channel_of_all_symbols_is_one_loss_and_waits_for_the_heartbeat() -> None:
    fake = Fake()
    fake.run(60)
    assert fake.run(4, lambda wire: "trade" not in wire) == []
    lost, leave = fake.run(1, lambda wire: "trade" not in wire)
    assert isinstance(lost, Missing)
    assert (lost.symbol, lost.channel) == (None, "trade")
    assert fake.asked == [[("A", "trade"), ("B", "trade")]]
    assert leave == Reconnect("trade of every symbol is silent"), "no matter of subscriptions"


@pytest.mark.parametrize("learned", [6, 10, 15])
def test_a_channel_of_all_symbols_need_not_be_known_for_long(learned: int) -> None:
    fake = Fake()
    assert fake.run(learned) == []
    lost, leave = fake.run(8, lambda wire: "trade" not in wire)
    assert isinstance(lost, Missing)
    assert isinstance(leave, Reconnect)


def test_a_channel_that_falls_silent_on_every_connection_is_not_left_again_and_again_but_told_of() -> None:
    fake = Fake()
    reconnects: list[float] = []
    for connection in range(60):
        fake.run(20)
        said = fake.run(40, lambda wire: "trade" not in wire)
        reconnects += [fake.now for request in said if isinstance(request, Reconnect)]
        fake.seen += fake.watch.on_end()
        fake.watch.begin()
        assert fake.watch.on_time(fake.now) == [], f"nothing is left to be told after connection {connection}"
    assert len(reconnects) <= 4, "at once, after 10 minutes, after 20, after 40"
    gaps = missing(fake.seen)
    assert {(gap.symbol, gap.channel) for gap in gaps} == {(None, "trade")}
    assert sum(gap.over for gap in gaps) == 60, "the end of a connection is an end"


def test_what_goes_on_being_missed_is_put_on_record_every_few_seconds_up_to_the_end_of_the_connection() -> None:
    fake = Fake()
    fake.run(60)
    since = fake.now - 1
    ends: list[float] = []
    begins: list[float] = []
    for _ in range(97):
        for gap in missing(fake.run(1, lambda wire: wire != "Abook")):
            assert (gap.symbol, gap.channel, gap.over) == ("A", "book", False)
            begins.append(gap.since_s)
            ends.append(fake.now)
    (last,) = fake.watch.on_end()
    assert (last.since_s, last.over) == (ends[-1], True)
    assert begins == [since, *ends[:-1]], "one begins where the one before has ended"
    assert len(ends) >= 15
    assert max(later - earlier for earlier, later in pairwise(ends)) <= 6
    assert fake.watch.on_end() == []


def test_silence_of_everything_is_no_evidence() -> None:
    fake = Fake()
    fake.run(60)
    assert fake.run(3600, lambda _wire: False) == []


def test_a_symbol_that_falls_silent_with_all_its_channels_is_quiet_not_lost() -> None:
    fake = Fake()
    fake.run(60)
    assert fake.run(3600, lambda wire: wire.startswith("B")) == []


def test_a_halted_symbol_is_not_stale_and_afterwards_begins_anew() -> None:
    fake = Fake()
    fake.run(60)
    fake.watch.halted("A", now=True)
    assert fake.run(600, lambda wire: wire != "Atrade") == []
    fake.watch.halted("A", now=False)
    assert fake.run(9, lambda wire: wire != "Atrade") == []
    assert missing(fake.run(10, lambda wire: wire != "Atrade"))


def test_outside_market_hours_silence_says_nothing_and_the_bell_makes_everything_new() -> None:
    fake = Fake()
    fake.watch.on_phase("regular")
    fake.run(600)
    fake.watch.on_phase("closed")
    assert fake.run(600, lambda wire: "quote" in wire) == []
    fake.watch.on_phase("extended")
    assert fake.run(600, lambda wire: "quote" in wire) == [], "what was usual before the bell is not any more"


def test_when_we_slept_nobody_is_blamed() -> None:
    fake = Fake()
    fake.run(60)
    fake.now += 300
    assert fake.watch.on_time(fake.now) == []
    assert fake.run(9, lambda wire: wire != "Abook") == []


def test_what_came_while_we_slept_makes_no_stream_a_slow_one() -> None:
    fake = Fake()
    fake.run(60)
    fake.now += 300
    assert fake.run(1) == []
    assert missing(fake.run(12, lambda wire: wire != "Abook")), "and is found as fast as before"


def test_an_outage_is_no_habit() -> None:
    fake = Fake()
    fake.run(60)
    assert missing(fake.run(35, lambda wire: wire != "Abook"))
    assert missing(fake.run(60))
    assert missing(fake.run(12, lambda wire: wire != "Abook")), "the second one is found as fast as the first"


def test_a_subscription_that_is_never_acknowledged_is_asked_for_again_and_a_slow_queue_is_not_blamed() -> None:
    fake = Fake()
    keys = [(symbol, channel) for symbol in "AB" for channel in ("trade", "quote", "book")]
    fake.watch.asked(keys)
    for key in keys[:5]:
        assert fake.run(25, lambda _wire: False) == [], "acknowledgements still come"
        fake.watch.acknowledged([key])
    (lost,) = fake.run(31, lambda _wire: False)
    assert isinstance(lost, Missing)
    assert (lost.symbol, lost.channel, lost.detail) == ("B", "book", "not acknowledged for 31 s")


def test_all_that_is_not_acknowledged_is_told_and_asked_for_at_once_and_an_acknowledgement_ends_it() -> None:
    fake = Fake()
    keys = [("A", "trade"), ("A", "book"), ("B", "book")]
    fake.watch.asked(keys)
    lost = fake.run(31, lambda _wire: False)
    assert [(each.symbol, each.channel, each.since_s) for each in lost if isinstance(each, Missing)] == [
        ("A", "trade", 100.0),
        (None, "book", 100.0),
    ]
    assert fake.asked == [keys]
    fake.watch.asked(keys)  # said once more
    fake.watch.acknowledged(keys[1:])
    over = [each for each in fake.run(1, lambda _wire: False) if isinstance(each, Missing)]
    assert [(each.symbol, each.channel, each.over) for each in over] == [("A", "book", True), ("B", "book", True)]
    assert fake.watch.missing() == ["A trade"]


def test_what_speaks_needs_no_acknowledgement() -> None:
    fake = Fake()
    fake.watch.asked([("A", "trade")])
    assert fake.run(100) == []


def test_a_refused_symbol_is_named_and_no_longer_expected() -> None:
    fake = Fake()
    fake.watch.asked([("A", "trade"), ("A", "book")])
    assert fake.watch.refused("A", None, "no such symbol") == [Denied("A", None, "no such symbol")]
    fake.watch.audited(["Btrade", "Bquote", "Bbook"])
    assert fake.run(100, lambda wire: wire.startswith("B")) == []


def test_the_venues_own_count_ahead_of_ours_for_more_than_a_moment_is_a_loss() -> None:
    fake = Fake()
    for ahead in (1, 1, 0, 2, 0, 1, 1, 1):
        fake.watch.behind("A", "trade", ahead)
        assert fake.run(1) == []
    for _ in range(6):
        fake.watch.behind("A", "trade", 3)
        fake.run(1, lambda wire: wire != "Atrade")
    (lost,) = missing(fake.seen)
    assert (lost.symbol, lost.channel, lost.reason) == ("A", "trade", GapReason.COUNTER)
    assert fake.asked == [[("A", "trade")]]


def test_where_a_new_subscription_does_not_help_a_new_connection_is_made_and_ever_more_seldom() -> None:
    fake = Fake()
    fake.run(60)
    reconnects: list[float] = []
    for _ in range(4 * 3600):
        for request in fake.run(1, lambda wire: wire != "Abook"):
            if isinstance(request, Reconnect):
                assert "A book" in request.reason
                reconnects.append(fake.now)
                fake.watch.begin()
    pauses = [later - earlier for earlier, later in pairwise(reconnects)]
    assert reconnects[0] <= 201
    assert pauses == sorted(pauses)
    assert 600 <= pauses[0] < 1300
    assert len(reconnects) <= 6
    gaps = [gap for gap in missing(fake.seen) if gap.symbol == "A"]
    assert len(gaps) == len(missing(fake.seen)) < 600, "it is told of, but ever more seldom"


def test_an_audit_that_lists_it_again_ends_the_gap() -> None:
    fake = Fake()
    everything = list(fake.watch.counts)
    fake.watch.audited(everything)
    fake.run(1, lambda _wire: False)
    good = fake.now - 1
    fake.run(59, lambda _wire: False)
    fake.watch.audited([wire for wire in everything if wire != "Bquote"])
    (lost,) = missing(fake.run(1, lambda _wire: False))
    assert (lost.symbol, lost.channel, lost.since_s) == ("B", "quote", good), "the last list still had it"
    fake.watch.audited(everything)
    (back,) = missing(fake.run(1, lambda _wire: False))
    assert (back.symbol, back.channel) == ("B", "quote")
    assert fake.watch.missing() == []


def test_a_loss_that_outlives_its_connection_is_on_record_up_to_the_next_one() -> None:
    fake = Fake()
    fake.run(60)
    (lost,) = fake.run(12, lambda wire: wire != "Abook")
    told = fake.now
    fake.watch.begin()
    assert fake.watch.missing() == []
    (owed,) = fake.watch.on_time(fake.now + 3)
    words = "the connection ended before it was heard again"
    assert owed == Missing("A", "book", GapReason.SUBSCRIPTION, told - 2, words, over=True)
    assert isinstance(lost, Missing)


def test_a_refusal_ends_the_watch_for_what_was_lost() -> None:
    fake = Fake()
    fake.run(60)
    fake.run(12, lambda wire: wire != "Abook")
    assert fake.watch.missing() == ["A book"]
    fake.watch.refused("A", "book", "no book today")
    assert fake.watch.missing() == []
    assert fake.run(300, lambda wire: wire != "Abook") == []


def test_whole_days_of_a_real_stock_raise_no_alarm() -> None:
    """Trades and quotes of the consolidated tape, 04:00 to 20:00, by the second; the phases are the calendar's."""
    days = sorted(recording("us_equities/tick/ibm").glob("*_trade.zip"))
    watch = Subscriptions({"t": ("IBM", "trade"), "q": ("IBM", "quote")}, lambda _keys: [])
    found: list[Request] = []
    now = 0.0
    for day in days:
        trades, quotes = by_second(day), by_second(day.with_name(day.name.replace("trade", "quote")))
        for second in range(4 * 3600, 20 * 3600):
            watch.counts["t"] += trades[second]
            watch.counts["q"] += quotes[second]
            watch.on_phase("regular" if 34_200 <= second < 57_600 else "extended")
            now += 1.0
            found += watch.on_time(now)
    assert days
    assert found == []


def by_second(path: Path) -> Counter[int]:
    """How many rows a file of one day has in each second since midnight."""
    with zipfile.ZipFile(path) as archive:
        return Counter(int(line.split(b",")[0]) // 1000 for line in archive.read(archive.namelist()[0]).splitlines())


def test_rates_are_messages_a_second_over_all_channels() -> None:
    fake = Fake()
    fake.run(100, lambda wire: wire != "Bbook")
    assert fake.watch.rates() == pytest.approx({"A": 3.0, "B": 2.0}, rel=0.05)


def test_a_book_that_was_lost_gets_a_new_snapshot_although_its_numbers_go_on() -> None:
    session = FEEDS["binance"].session(Wish(("BTCUSDT",), ("trade", "book"), "ws://h", "http://r"))
    session.on_connect()
    session.on_time(0.0)

    def depth(number: int) -> bytes:
        body = b'{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":%d,"u":%d,"b":[],"a":[]}' % (number, number)
        return b'{"stream":"btcusdt@depth@100ms","data":%s}' % body

    assert [type(each) for each in session.on_frames([depth(1), depth(2)])] == [Fetch]
    assert session.on_document("depth:BTCUSDT", 200, b'{"lastUpdateId":1}') == []
    assert [type(each) for each in session.on_time(31.0)] == [Send], "the list of subscriptions is asked for"
    session.on_frames([b'{"result":["btcusdt@trade"],"id":1}'])
    missing, *said = session.on_time(32.0)
    assert isinstance(missing, Missing)
    assert said == [
        Send('{"method":"UNSUBSCRIBE","params":["btcusdt@depth@100ms"],"id":2}'),
        Send('{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":3}'),
    ]
    assert [type(each) for each in session.on_frames([depth(3)])] == [Fetch], "the gap made the book doubtful"


def test_binance_names_a_symbol_that_does_not_exist() -> None:
    session = FEEDS["binance"].session(Wish(("BTCUSDT", "NOSUCH"), ("trade",), "ws://h", "http://r"))
    session.on_connect()
    asked = []
    for second in range(70):
        session.on_frames([b'{"stream":"btcusdt@trade","data":{}}'])
        asked += [request for request in session.on_time(float(second)) if not isinstance(request, Send)]
    (fetch,) = asked
    assert fetch.tag == "symbol:NOSUCH"  # type: ignore[union-attr]  # a Fetch, or the test fails
    assert fetch.url == "http://r/api/v3/ticker/price?symbol=NOSUCH"  # type: ignore[union-attr]  # a Fetch, or the test fails
    assert session.on_document("symbol:NOSUCH", 200, b'{"symbol":"NOSUCH"}') == []
    said = session.on_document("symbol:NOSUCH", 400, b'{"code":-1121,"msg":"Invalid symbol."}')
    assert said == [Denied("NOSUCH", None, "no such symbol")]


def test_binance_finds_the_stream_that_spoils_a_subscription() -> None:
    symbols = [f"COIN{number}USDT" for number in range(341)]
    session = FEEDS["binance"].session(Wish(symbols, ("trade", "quote", "book"), "ws://127.0.0.1:1/"))
    waiting = [request.text for request in session.on_connect() if isinstance(request, Send)]
    denied: list[Request] = []
    for _ in range(100):
        if not waiting:
            break
        text = waiting.pop(0)
        number = text.rpartition(":")[2].rstrip("}")
        spoilt = '"coin77usdt@bookTicker"' in text
        reply = (
            f'{{"error":{{"code":2,"msg":"Invalid request"}},"id":{number}}}'
            if spoilt
            else f'{{"result":null,"id":{number}}}'
        )
        for request in session.on_frames([reply.encode()]):
            if isinstance(request, Send):
                waiting.append(request.text)
            else:
                denied.append(request)
    assert waiting == []
    assert denied == [Denied("COIN77USDT", "quote", "Invalid request")]
    session.on_time(0.0)
    assert [
        each for second in range(1, 100) for each in session.on_time(float(second)) if isinstance(each, Missing)
    ] == []


def test_coinbase_does_without_a_product_that_is_none() -> None:
    session = FEEDS["coinbase"].session(Wish(("BTC-USD", "NO-SUCH", "ETH-USD"), ("trade",)))
    session.on_connect()
    error = b'{"type":"error","message":"Failed to subscribe","reason":"NO-SUCH is not a valid product"}'
    denied, again = session.on_frames([error])
    assert denied == Denied("NO-SUCH", None, "NO-SUCH is not a valid product")
    assert isinstance(again, Send)
    assert "NO-SUCH" not in again.text
    assert "ETH-USD" in again.text


def test_coinbase_compares_heartbeats_with_the_trades_that_came() -> None:
    session = FEEDS["coinbase"].session(Wish(("BTC-USD",), ("trade", "book")))
    session.on_connect()
    session.on_time(0.0)
    found: list[tuple[int, Request]] = []
    for second in range(1, 40):
        trade = second if second < 20 else 19
        session.on_frames(
            [
                b'{"type":"match","trade_id":%d,"product_id":"BTC-USD"}' % trade if second < 20 else b"{}",
                b'{"type":"heartbeat","last_trade_id":%d,"product_id":"BTC-USD"}' % second,
                b'{"type":"l2update","product_id":"BTC-USD","changes":[]}',
            ]
        )
        found += [(second, each) for each in session.on_time(float(second))]
    second, gap = found[0]
    assert isinstance(gap, Missing)
    assert (gap.symbol, gap.channel, gap.reason, gap.since_s) == ("BTC-USD", "trade", GapReason.COUNTER, 18.0)
    assert second <= 26
    said = [each.text for _, each in found if isinstance(each, Send)]
    assert said[:2] == [
        '{"type":"unsubscribe","product_ids":["BTC-USD"],"channels":["matches"]}',
        '{"type":"subscribe","product_ids":["BTC-USD"],"channels":["matches"]}',
    ]


def test_what_speaks_once_when_asked_and_then_no_more_is_not_believed_each_time_nor_asked_without_end() -> None:
    fake = Fake()
    fake.run(60)
    since, asked = fake.now - 1, 0
    told: list[tuple[float, float]] = []
    reconnects = 0
    for _ in range(300):
        speaks = len(fake.asked) > asked
        asked = len(fake.asked)
        for each in fake.run(1, lambda wire, once=speaks: wire != "Abook" or once):  # type: ignore[misc]  # a default binds it
            if isinstance(each, Missing):
                told.append((each.since_s, fake.now))
            reconnects += isinstance(each, Reconnect)
    assert reconnects == 1, "and the next one not before ten minutes"
    assert len(fake.asked) < 10
    assert told[0][0] == since
    assert all(later[0] <= earlier[1] for earlier, later in pairwise(told)), "what is told of has no hole"
    assert fake.now - told[-1][1] <= 20


def test_coinbase_compares_heartbeats_with_the_tickers_that_came() -> None:
    session = FEEDS["coinbase"].session(Wish(("BTC-USD",), ("trade", "quote")))
    session.on_connect()
    session.on_time(0.0)
    found: list[tuple[int, Request]] = []
    for second in range(1, 40):
        frames = [b'{"type":"match","trade_id":%d,"product_id":"BTC-USD"}' % second]
        frames += [b'{"type":"ticker","trade_id":%d,"product_id":"BTC-USD"}' % second] if second < 4 else []
        session.on_frames([*frames, b'{"type":"heartbeat","last_trade_id":%d,"product_id":"BTC-USD"}' % second])
        found += [(second, each) for each in session.on_time(float(second))]
    second, gap = found[0]
    assert isinstance(gap, Missing)
    assert (gap.symbol, gap.channel, gap.reason) == ("BTC-USD", "quote", GapReason.COUNTER)
    assert second <= 16, "five seconds with trades and without a ticker, and five more"


def test_a_gateway_that_answers_and_says_nothing_by_itself_is_left() -> None:
    pulse = Pulse()
    for second in range(100):
        pulse.heard = True
        assert pulse.on_time(float(second)) == []
    for second in range(100, 110):
        pulse.heard = second % 3 == 0  # answers to what the line asks after three silent seconds
        said = pulse.on_time(float(second))
        if said:
            break
    lost, leave = said
    assert second <= 106
    assert isinstance(lost, Missing)
    assert (lost.symbol, lost.channel, lost.since_s) == (None, None, 98.0)
    assert isinstance(leave, Reconnect)
    pulse.begin()
    assert [pulse.on_time(float(second)) for second in (200, 300, 400)] == [[]] * 3, "it was we who slept"


def test_a_book_is_asked_for_anew_at_once_and_then_ever_more_seldom() -> None:
    asked: list[float] = []
    renewal = BookRenewal(("A", "B"), lambda symbols: [Send(" ".join(symbols))])
    for second in range(3600):
        renewal.lost("A")
        renewal.lost("C")
        renewal.lost(None)
        asked += [float(second) for _ in renewal.on_time(float(second))]
    assert asked[0] == 0.0
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert pauses[:4] == [5.0, 10.0, 20.0, 40.0]
    assert len(asked) < 15
    renewal.lost("")
    assert renewal.on_time(3600.0) == [Send("B")], "any of them: the other one was not asked for lately"
