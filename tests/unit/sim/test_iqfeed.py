"""An independent client of the simulated IQFeed gateway: every command, and whether what it tells holds together."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime
from itertools import pairwise
from typing import Any
from zlib import crc32
from zoneinfo import ZoneInfo

import pytest

from breadboard.errors import UsageError
from breadboard.sim.serve import Serving
from capture_fakes import simulator
from plainlines import Lines, connected, fields, truth

SYMBOLS = ("ABCD", "EFGH", "IJKL")
SELECT = (
    "S,SELECT UPDATE FIELDS,TickID,Most Recent Trade,Most Recent Trade Size,Total Volume,Number of Trades Today,"
    "Bid,Ask,Message Contents,Most Recent Trade Market Center"
)
PRICE = re.compile(r"\d+\.\d{4}")


def scene(
    play: Callable[[Serving], Awaitable[None]],
    **options: Any,  # noqa: ANN401 - those of serve
) -> None:
    """Run a simulator and a play against it."""

    async def scenario() -> None:
        async with simulator("iqfeed", **({"symbols": SYMBOLS, "rate": 600} | options)) as sim:
            await play(sim)

    asyncio.run(scenario())


async def greeted(lines: Lines, *commands: str) -> None:
    assert await lines.line() == "S,PROVENANCE,synthetic"
    await lines.ask("S,SET PROTOCOL,6.2", "S,CURRENT PROTOCOL,6.2")
    lines.say(*commands)


def test_level1_greets_as_the_gateway_does() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            got = [await l1.line() for _ in range(6)]
            assert got[0] == "S,PROVENANCE,synthetic"
            assert got[1].startswith("S,KEY,")
            assert got[2] == "S,SERVER CONNECTED"
            assert got[3].startswith("S,IP,")
            customer = got[4].split(",")
            assert customer[:3] == ["S", "CUST", "real_time"]
            assert customer[10] == "500"
            assert got[5] == "S,KEYOK"
            assert (await l1.ask("S,SET PROTOCOL,6.1", "S,CURRENT")) == "S,CURRENT PROTOCOL,6.1,"
            assert (await l1.ask("S,SET PROTOCOL,9", "E,")).startswith("E,Invalid protocol")
            stats = (await l1.ask("S,REQUEST STATS", "S,STATS")).split(",")
            assert stats[12] == "Connected"
            datetime.strptime(stats[11] + " 2026", "%b %d %I:%M%p %Y")  # noqa: DTZ007 - its form is what is asked

    scene(play)


def test_the_lists_of_fields_are_the_documents() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            names = (await l1.ask("S,REQUEST ALL UPDATE FIELDNAMES", "S,UPDATE FIELDNAMES")).split(",")[2:]
            assert len(names) == len(set(names)) == 71
            assert {"TickID", "VWAP", "7 Day Yield", "Most Recent Trade Day Code"} <= set(names)
            assert len((await l1.ask("S,REQUEST FUNDAMENTAL FIELDNAMES", "S,FUNDAMENTAL")).split(",")[2:]) == 57
            current = await l1.ask("S,REQUEST CURRENT UPDATE FIELDNAMES", "S,CURRENT UPDATE FIELDNAMES")
            assert current.split(",")[2:4] == ["Symbol", "Most Recent Trade"]
            assert current.endswith("Message Contents,Most Recent Trade Conditions")
            chosen = await l1.ask("S,SELECT UPDATE FIELDS,Ask,Symbol,No Such Field,Bid", "S,CURRENT")
            assert chosen == "S,CURRENT UPDATE FIELDNAMES,Symbol,Ask,Bid"
            lone = await l1.ask("S,SELECT UPDATE FIELDS,Symbol", "S,CURRENT")
            assert lone == "S,CURRENT UPDATE FIELDNAMES,Symbol"
            assert (await l1.ask("wABCD", "P,")) == "P,ABCD,"
            l1.say(f"S,SELECT UPDATE FIELDS,{','.join(names)}")
            line = (await l1.until(lambda line: line.startswith("Q,") and line.count(",") > 60))[-1]
            assert line.count(",") == 71 + 1

    scene(play)


def test_a_watch_gives_fundamentals_a_summary_and_updates_in_the_order_selected() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await greeted(l1, SELECT, "wABCD", "w" + SYMBOLS[1].lower())
            f = (await l1.until(lambda line: line.startswith("F,")))[-1]
            assert f.count(",") == 58
            assert f.startswith("F,ABCD,5,")
            p = fields(await l1.line())
            assert p[:2] == ["P", "ABCD"]
            before = int(p[5]), int(p[6])
            ids: dict[str, int] = {}
            contents = set()
            for _ in range(40):
                lines = await l1.until(lambda line: line.startswith("Q,ABCD,") and line.split(",")[9][0] in "CEO")
                assert all(PRICE.fullmatch(fields(line)[3]) for line in lines if line.startswith("Q"))
                _, _, tick, _, size, volume, count, _, _, letters, center = fields(lines[-1])
                assert (int(volume), int(count)) == (before[0] + int(size), before[1] + 1)
                before = int(volume), int(count)
                assert int(tick) == ids.get(center, int(tick) - 1) + 1
                ids[center] = int(tick)
                contents |= set(letters)
                assert letters[0] == ("O" if int(size) < 100 else "C")
            assert {"C", "O", "v"} <= contents
            assert sorted((await l1.ask("S,REQUEST WATCHES", "S,WATCHES,")).split(",")[2:]) == ["ABCD", "EFGH"]
            l1.say("rABCD", "T")
            await l1.until(lambda line: line.startswith("T,"))
            assert not any(",ABCD," in line for line in await l1.during(0.3))
            assert (await l1.ask("S,REQUEST WATCHES", "S,WATCHES,")) == "S,WATCHES,EFGH"
            l1.say("S,UNWATCH ALL")
            assert (await l1.ask("S,REQUEST WATCHES", "S,WATCHES,")) == "S,WATCHES,"

    scene(play)


def test_trades_alone_a_refresh_unknown_symbols_and_unknown_commands() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await greeted(l1, SELECT, "tABCD")
            lines = [line for line in await l1.during(0.5) if line.startswith("Q,")]
            assert lines
            assert all(fields(line)[9][0] in "CEO" for line in lines)
            l1.say("rABCD")
            assert (await l1.ask("fABCD", "F,")).startswith("F,ABCD")
            assert (await l1.line()).startswith("P,ABCD")
            assert await l1.ask("wNOPE", "n,") == "n,NOPE"
            assert await l1.ask("fNOPE", "n,") == "n,NOPE"
            assert (await l1.ask("S,BLA", "E,")).startswith("E,")
            assert (await l1.ask("?", "E,")).startswith("E,")
            l1.say("S,REGON,ABCD", "S,REGOFF,ABCD", "S,NEWSON", "S,NEWSOFF", "S,CONNECT", "r", "", "rNOPE")
            assert (await l1.ask("S,SET LOG LEVELS,Admin", "S,CURRENT LOG")) == "S,CURRENT LOG LEVELS,Admin"

    scene(play)


def test_the_time_comes_each_second_in_eastern_time_and_when_asked_for() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1, connected(sim.url, "depth") as l2:
            lines = [line for line in await l1.during(2.3) if line.startswith("T,")]
            assert 2 <= len(lines) <= 3
            now = datetime.strptime(lines[-1], "T,%Y%m%d %H:%M:%S").replace(tzinfo=ZoneInfo("America/New_York"))
            assert abs((datetime.now(tz=ZoneInfo("America/New_York")) - now).total_seconds()) < 2
            assert await l2.until(lambda line: line.startswith("T,"))
            l1.say("S,TIMESTAMPSOFF")
            assert (await l1.ask("T", "T,")).startswith("T,2")
            assert not [line for line in await l1.during(1.2) if line.startswith("T,")]
            l1.say("S,TIMESTAMPSON")
            assert await l1.until(lambda line: line.startswith("T,"))

    scene(play)


def test_no_account_watches_more_than_its_limit() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1, connected(sim.url) as other:
            await greeted(l1, "wABCD")
            await l1.until(lambda line: line.startswith("P,ABCD"))
            await greeted(other, "wEFGH")
            await other.until(lambda line: line.startswith("P,EFGH"))
            assert await l1.ask("wIJKL", "S,SYMBOL") == "S,SYMBOL LIMIT REACHED,IJKL"
            assert await l1.ask("S,REQUEST WATCHES", "S,WATCHES") == "S,WATCHES,ABCD"
            l1.say("rABCD")
            assert (await l1.ask("wIJKL", "P,IJKL")).startswith("P,IJKL")

    scene(play, options={"symbol_limit": 2})


def test_depth_is_a_snapshot_of_makers_and_updates_whose_best_are_those_of_level1() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1, connected(sim.url, "depth") as l2:
            await greeted(l2, "WOR,ABCD")
            book: dict[tuple[str, str], float] = {}
            kinds: dict[str, int] = defaultdict(int)
            bests = set()
            while kinds["4"] < 300 or not kinds["5"]:
                line = await l2.line()
                kind, *rest = fields(line)
                kinds[kind] += 1
                if kind in "46":
                    symbol, order, maker, side, price, size, priority, precision, _, _ = rest
                    assert (symbol, order, priority, precision) == ("ABCD", "", "", "4")
                    assert re.fullmatch(r"[A-Z]{4}", maker)
                    assert int(size) % 100 == 0
                    book[maker, side] = float(price)
                elif kind == "5":
                    del book[rest[2], rest[3]]
                    assert re.fullmatch(r"(\d\d:\d\d:\d\d\.\d{6})?", rest[4])
                sides = {side: [price for (_, s), price in book.items() if s == side] for side in "AB"}
                if sides["A"] and sides["B"]:
                    bests.add((max(sides["B"]), min(sides["A"])))
            assert kinds["6"] >= 6
            assert not kinds["3"]
            assert (await l2.ask("mNSDQ", "M,")).startswith("M,NSDQ,")
            assert await l2.ask("WOR,NOPE", "n,") == "n,NOPE"
            l2.say("ROR,ABCD")
            await greeted(l1, "S,SELECT UPDATE FIELDS,Bid,Ask", "wABCD")
            p = fields((await l1.until(lambda line: line.startswith("P,")))[-1])
            assert abs(float(p[2]) / max(bid for bid, _ in bests) - 1) < 0.2

    scene(play, symbols=("ABCD",), rate=1_500)


def test_price_levels_are_the_sums_of_the_makers() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url, "depth") as l2:
            await greeted(l2, "WOR,ABCD", "WPL,ABCD", "WPL,EFGH,2")
            makers: dict[tuple[str, str], tuple[str, int]] = {}
            levels: dict[tuple[str, str], tuple[int, int]] = {}
            few: dict[tuple[str, str], tuple[int, int]] = {}
            for _ in range(1_500):
                kind, *rest = fields(await l2.line())
                if kind in "46":
                    makers[rest[2], rest[3]] = (rest[4], int(rest[5]))
                elif kind == "5":
                    del makers[rest[2], rest[3]]
                elif kind in "78":
                    held = levels if rest[0] == "ABCD" else few
                    held[rest[1], rest[2]] = (int(rest[3]), int(rest[4]))
                elif kind == "9":
                    held = levels if rest[0] == "ABCD" else few
                    del held[rest[1], rest[2]]
                    assert all(len([1 for side, _ in few if side == s]) <= 2 for s in "AB")
            l2.say("ROR,ABCD", "RPL,EFGH")
            l2.say("WOR,ABCD", "T")
            await l2.until(lambda line: line.startswith("T,"))
            sums: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
            for (_, side), (price, size) in makers.items():
                there, count = sums[side, price]
                sums[side, price] = (there + size, count + 1)
            same = sum(levels.get(key) == value for key, value in sums.items())
            assert same >= len(sums) - 2  # the last update may have told one of the two only
            assert len(few) <= 4

    scene(play, symbols=("ABCD", "EFGH"), rate=3_000)


async def rows(lookup: Lines, command: str, mark: str) -> list[list[str]]:
    """The rows of an answer, without request id, ``LH`` and the end mark."""
    lookup.say(command)
    got = [fields(line) for line in await lookup.until(lambda line: line == f"{mark},!ENDMSG!,")]
    assert all(line[0] == mark for line in got)
    return [line[2:] if line[1] == "LH" else line[1:] for line in got[:-1]]


def test_ticks_of_the_day_are_those_that_were_streamed() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1, connected(sim.url, "lookup") as lookup:
            await greeted(l1, SELECT, "tABCD")
            await l1.during(1.0)
            lines = [fields(line) for line in l1.read if line.startswith("Q,ABCD")]
            streamed = [(*row[2:6], row[10]) for row in lines if len(row) == 11]
            assert len(streamed) > 10
            await greeted(lookup)
            ticks = await rows(lookup, "HTX,ABCD,10000,1,q1,1000", "q1")
            found = {(row[6], row[8]): row for row in ticks if row[0] > max(row[0] for row in ticks)[:10]}
            for tick, price, size, volume, center in streamed:
                assert found[tick, center][1:4] == [price, size, volume]
            day = [row for row in ticks if row[0][:10] == max(row[0][:10] for row in ticks)]
            assert all(a[0] <= b[0] for a, b in pairwise(day))
            for center in {row[8] for row in day}:
                numbers = [int(row[6]) for row in day if row[8] == center]
                assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
            assert int(day[-1][3]) == sum(int(row[2]) for row in day)
            newest = await rows(lookup, "HTX,ABCD,3,0,q2", "q2")
            assert [row[0] for row in newest] == sorted((row[0] for row in newest), reverse=True)
            assert all(len(row) == 12 for row in newest)
            begin, end = (ticks[i][0].replace("-", "").replace(":", "").partition(".")[0] for i in (0, -1))
            between = await rows(lookup, f"HTT,ABCD,{begin},{end},,,,1,q3", "q3")
            assert between == [row for row in ticks if begin <= re.sub(r"[-:]", "", row[0]) < end][: len(between)]
            assert between

    scene(play)


def test_intervals_are_made_of_the_ticks_by_the_vendors_rule() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url, "lookup") as lookup:
            await greeted(lookup)
            await asyncio.sleep(2.2)
            ticks = [row for row in await rows(lookup, "HTX,ABCD,5000,1,q1", "q1") if row[7] != "O"]
            bars = await rows(lookup, "HIX,ABCD,1,1000,1,q2,,s,1", "q2")
            assert len(bars) > 3
            for bar in bars[:-1]:
                inside = [row for row in ticks if row[0][:19] == bar[0]]
                prices = [float(row[1]) for row in inside]
                assert [float(text) for text in bar[1:5]] == [max(prices), min(prices), prices[0], prices[-1]]
                assert bar[5:] == [inside[-1][3], str(sum(int(row[2]) for row in inside)), "0"]
            ended = await rows(lookup, "HIX,ABCD,1,1000,1,q3,,s,0", "q3")
            (same,) = [row for row in ended if row[1:] == bars[-2][1:]]
            assert int(same[0][-2:]) == (int(bars[-2][0][-2:]) + 1) % 60
            by_ticks = await rows(lookup, "HIX,ABCD,4,50,1,q4,,t", "q4")
            assert all(row[7] == "4" for row in by_ticks[1:-1])

    scene(play)


def test_the_past_is_made_up_the_same_every_time_and_its_days_are_of_its_ticks() -> None:
    days: list[list[list[str]]] = []

    async def play(sim: Serving) -> None:
        async with connected(sim.url, "lookup") as lookup:
            await greeted(lookup)
            found = await rows(lookup, "HDX,ABCD,20,0,q1", "q1")
            assert len(found) == 20
            assert all(len(row) == 7 for row in found)
            days.append(found[1:])
            day = found[3]
            begin = day[0].replace("-", "")
            ticks = await rows(lookup, f"HTT,ABCD,{begin} 000000,{begin} 235959,,,,1,q2", "q2")
            prices = [float(row[1]) for row in ticks]
            assert [float(text) for text in day[1:5]] == [max(prices), min(prices), prices[0], prices[-1]]
            assert day[5] == ticks[-1][3] == str(sum(int(row[2]) for row in ticks))
            weeks = await rows(lookup, "HWX,ABCD,3,0,q3", "q3")
            assert len(weeks) == 3
            assert len(await rows(lookup, "HMX,ABCD,3,0,q4", "q4")) == 3
            span = await rows(lookup, f"HDT,ABCD,{begin},{begin},,1,q5", "q5")
            assert [row[0] for row in span] == [day[0]]
            filtered = await rows(lookup, "HTD,ABCD,5,100,100000,103000,1,q6", "q6")
            assert all("10:00:00" <= row[0][11:19] <= "10:30:00" for row in filtered)

    scene(play)
    scene(play)
    scene(play, seed=2)
    assert days[0] == days[1]
    assert days[0] != days[2]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("HTX,NOPE,10,0,q", "q,E,Invalid symbol.,"),
        ("HIX,ABCD,x,10,0,q", "q,E,!SYNTAX_ERROR!,"),
        ("HIX,ABCD,60,10,0,q,,z", "q,E,!SYNTAX_ERROR!,"),
        ("HTT,ABCD,20200101 000000,20200102 000000,,,,1,q", "q,E,!NO_DATA!,,"),
        ("HTT,ABCD,gestern,,,,,1,q", "q,E,!SYNTAX_ERROR!,"),
        ("HTX", "E,Invalid number of parameters.,"),
        ("BLA,ABCD", "E,!SYNTAX_ERROR!,"),
    ],
)
def test_what_cannot_be_looked_up_is_an_error_and_then_the_end_mark(command: str, answer: str) -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url, "lookup") as lookup:
            await greeted(lookup, command)
            assert await lookup.line() == answer
            assert await lookup.line() == answer[: answer.index("E,")] + "!ENDMSG!,"

    scene(play)


def test_old_protocols_have_no_marker_and_the_lookup_port_knows_the_handshake() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url, "lookup") as lookup:
            await lookup.ask("S,SET PROTOCOL,6.1", "S,CURRENT PROTOCOL,6.1")
            lookup.say("HTX,ABCD,1,0,q")
            assert len(fields(await lookup.line())) == 1 + 12
            await lookup.line()
            await lookup.ask("S,SET PROTOCOL,6.0", "S,CURRENT PROTOCOL,6.0")
            lookup.say("HTX,ABCD,1,0")
            assert len(fields(await lookup.line())) == 10

    scene(play)


def test_more_than_fifty_requests_a_second_are_too_many() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url, "lookup") as lookup:
            await greeted(lookup, *(f"HTX,ABCD,1,0,q{number}" for number in range(120)))
            got = await lookup.until(lambda line: line == "q119,!ENDMSG!,")
            refused = [line for line in got if ",E,Too many simultaneous history requests." in line]
            assert 30 <= len(refused) <= 45
            await asyncio.sleep(0.2)
            assert (await rows(lookup, "HTX,ABCD,1,0,z", "z"))[0][0] != "E"

    scene(play)


def test_the_admin_port_registers_logs_in_and_counts() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1, connected(sim.url, "admin") as admin:
            await greeted(l1, "S,SET CLIENT NAME,quotes", "wABCD")
            assert await admin.ask("S,REGISTER CLIENT APP,X,1.0", "S,REG") == "S,REGISTER CLIENT APP COMPLETED"
            assert await admin.ask("S,SET LOGINID,me", "S,CUR") == "S,CURRENT LOGINID,me"
            assert await admin.ask("S,SET PASSWORD,secret", "S,CURRENT PASS") == "S,CURRENT PASSWORD,******"
            assert await admin.ask("S,SET AUTOCONNECT,On", "S,AUTO") == "S,AUTOCONNECT ON"
            assert await admin.ask("S,SET SAVE LOGIN INFO,On", "S,LOGIN") == "S,LOGIN INFO SAVED"
            assert await admin.ask("S,CONNECT", "S,SERVER") == "S,SERVER CONNECTED"
            admin.say("S,CLIENTSTATS ON")
            stats = await admin.until(lambda line: line.startswith("S,CLIENTSTATS,1,"))
            client = stats[-1].split(",")
            assert client[4] == "quotes"
            assert client[6] == "1"
            assert float(client[8]) > 0
            gateway = next(line for line in reversed(stats) if line.startswith("S,STATS,")).split(",")
            assert (gateway[4], gateway[5], gateway[6]) == ("500", "1", "2")

    scene(play)


def test_bars_grow_end_and_have_a_past() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url, "bars") as bars, connected(sim.url, "lookup") as lookup:
            await asyncio.sleep(1.1)
            await greeted(bars, "BW,ABCD,1,,,5,,,b1,s,,0")
            done: list[list[str]] = []
            grown: dict[str, list[list[str]]] = defaultdict(list)
            while len(done) < 2:
                row = fields(await bars.line())
                if row[0] != "b1":
                    continue
                assert row[1] in {"BH", "BC", "BU"}
                assert row[2] == "ABCD"
                if row[1] == "BC":
                    done.append(row)
                else:
                    grown[row[1]].append(row)
            assert grown["BU"]
            await greeted(lookup)
            looked = {row[0]: row for row in await rows(lookup, "HIX,ABCD,1,100,1,q,,s", "q")}
            for row in done[1:] + grown["BH"]:
                high, low, opened, close = looked[row[3]][1:5]
                assert row[4:8] == [opened, high, low, close]
                assert row[8:10] == looked[row[3]][5:7]
            assert await bars.ask("BW,ABCD,5,,,,,,b1,s", "S,REPLACED") == "S,REPLACED PREVIOUS WATCH,ABCD,b1"
            assert (await bars.ask("S,REQUEST WATCHES", "S,WATCHES")) == "S,WATCHES,ABCD,5,b1,"
            assert await bars.ask("BW,NOPE,5,,,,,,b2,s", "n,") == "n,NOPE"
            assert (await bars.ask("BW,ABCD,0,,,,,,b2,s", "E,")).startswith("E,")
            bars.say("BR,ABCD,b1")
            assert not [line for line in await bars.during(0.3) if line.startswith("b1")]

    scene(play)


def test_the_truth_is_what_a_client_received() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1, connected(sim.url, "depth") as l2:
            await greeted(l1, SELECT, *(f"w{symbol}" for symbol in SYMBOLS))
            await greeted(l2, *(f"WOR,{symbol}" for symbol in SYMBOLS))
            await asyncio.gather(l1.during(1.5), l2.during(1.5))
            l1.writer.write_eof()
            l2.writer.write_eof()
            await asyncio.gather(l1.to_the_end(), l2.to_the_end())
            told = await truth(sim.rest_url)
            for lines, connection in zip((l1, l2), told["connections"], strict=True):
                assert connection["frames"] == len(lines.read)
                assert connection["bytes"] == len(lines.raw)
                assert connection["crc32"] == crc32(lines.raw)
            by_key = {(s["service"], s["symbol"]): s for s in told["subscriptions"]}
            for symbol in SYMBOLS:
                updates = [
                    fields(line) for line in l1.read if line.startswith(f"Q,{symbol},") and line.count(",") == 11
                ]
                trades = [row for row in updates if row[9][0] in "CEO"]
                ids: dict[str, list[int]] = {}
                for row in trades:
                    ids.setdefault(row[10], [int(row[2]), 0])[1] = int(row[2])
                assert by_key["level1", symbol] == {
                    "connection": 1, "service": "level1", "symbol": symbol, "trades": len(trades),
                    "volume": sum(int(row[4]) for row in trades), "tick_ids": ids,
                    "quotes": len(updates) - len(trades), "corrections": 0, "depth": 0,
                    "withheld": 0, "withheld_prints": [], "lost": False,
                }  # fmt: skip
                depth = [line for line in l2.read if re.match(rf"[45],{symbol},", line)]
                assert by_key["depth", symbol]["depth"] == len(depth)
                assert told["symbols"][symbol]["volume"] >= int(trades[-1][5])
            kept = sim.truth.connections[0].payloads
            assert kept == [line.encode("latin-1") for line in l1.read]

    scene(play)


def test_the_same_seed_tells_the_same_story() -> None:
    stories: list[list[str]] = []

    async def play(sim: Serving) -> None:
        async with connected(sim.url, "lookup") as lookup:
            await greeted(lookup)
            await asyncio.sleep(1.0)
            ticks = await rows(lookup, "HTX,ABCD,5000,1,q1", "q1")
            today = max(row[0][:10] for row in ticks)
            stories.append([",".join(row[1:6] + row[7:11]) for row in ticks if row[0][:10] == today][:60])

    scene(play, symbols=("ABCD",))
    scene(play, symbols=("ABCD",))
    scene(play, symbols=("ABCD",), seed=2)
    assert len(stories[0]) == 60
    assert stories[0] == stories[1]
    assert stories[0] != stories[2]


def test_the_day_can_begin_at_the_opening() -> None:
    async def play(sim: Serving) -> None:
        assert sim.address is not None
        assert "as the day goes on" in str(sim.address.more["acts"])
        async with connected(sim.url) as l1:
            await greeted(
                l1, "S,SELECT UPDATE FIELDS,Open,Most Recent Trade Time,Most Recent Trade Size,Message Contents"
            )
            l1.say("wABCD", "wEFGH", "wIJKL")
            line = (await l1.until(lambda line: line.startswith("Q,") and "o" in line.split(",")[5]))[-1]
            _, _, opened, at, size, letters = fields(line)
            assert PRICE.fullmatch(opened)
            assert at[:6] == "09:30:"
            assert int(size) >= 100
            assert letters == "Cohlv"

    scene(play, options={"at": "09:29:58"})


def test_after_the_close_trades_are_form_t() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await greeted(
                l1, "S,SELECT UPDATE FIELDS,Extended Trade Time,Most Recent Trade Conditions,Message Contents"
            )
            l1.say("tABCD", "tEFGH", "tIJKL")
            lines = await l1.until(lambda line: line.startswith("Q,") and line.split(",")[4].startswith("E"))
            for line in lines:
                if line.startswith("Q,"):
                    assert "17" in line.split(",")[3]
            assert fields(lines[-1])[2].startswith("17:0")

    scene(play, options={"at": "17:00"}, rate=3_000)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"symbols": 0}, "not 0"),
        ({"symbols": ("A B",)}, "A B"),
        ({"port": 62_000}, "62000 is too high"),
        ({"options": {"activity": "lazy"}}, "lazy"),
        ({"options": {"at": "noon"}}, "noon"),
        ({"faults": "fire:1"}, "fire:1"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_words(options: dict[str, Any], words: str) -> None:
    async def play(sim: Serving) -> None:
        del sim

    with pytest.raises(UsageError, match=words) as refused:
        scene(play, **options)
    assert refused.value.hint


def test_other_venues_have_no_activity() -> None:
    async def scenario() -> None:
        async with simulator("coinbase", options={"activity": "peak"}):
            pass

    with pytest.raises(UsageError, match="activity"):
        asyncio.run(scenario())


def test_ports_have_the_distances_of_the_real_gateway() -> None:
    async def play(sim: Serving) -> None:
        assert sim.address is not None
        ports = sim.address.more["ports"]
        assert isinstance(ports, dict)
        assert [ports[name] - ports["level1"] for name in ("lookup", "depth", "admin", "bars")] == [
            4091,
            4191,
            4291,
            4391,
        ]

    for base in range(23_109, 23_200, 13):
        try:
            scene(play, port=base)
        except UsageError:  # taken by somebody
            continue
        return
    pytest.fail("no row of ports was free")
