"""Every fault of the simulated IQFeed gateway, as an independent client sees it."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from breadboard.errors import UsageError
from breadboard.sim.line_faults import LINE_FAULTS, parse_line_faults
from breadboard.sim.lineserver import LineClient
from breadboard.sim.serve import Serving
from breadboard.sim.truth import Sent
from capture_fakes import simulator
from plainlines import Lines, connected, fields, truth

SYMBOLS = ("ABCD", "EFGH", "IJKL")
SELECT = (
    "S,SELECT UPDATE FIELDS,TickID,Most Recent Trade Size,Total Volume,Most Recent Trade Time,Message Contents,"
    "Most Recent Trade Market Center"
)
WATCH = (SELECT, *(f"w{symbol}" for symbol in SYMBOLS))


def scene(faults: str, play: Callable[[Serving], Awaitable[None]], **options: Any) -> None:  # noqa: ANN401 - those of serve
    async def scenario() -> None:
        chosen = {"symbols": SYMBOLS, "rate": 900} | options
        async with simulator("iqfeed", faults=faults, **chosen) as sim:
            await play(sim)

    asyncio.run(scenario())


async def watching(lines: Lines, *commands: str) -> None:
    await lines.ask("S,SET PROTOCOL,6.2", "S,CURRENT PROTOCOL,6.2")
    lines.say(*(commands or WATCH))
    if not commands:
        await lines.until(lambda line: line.startswith("P,IJKL"))


def trades_of(lines: list[str], symbol: str = "ABCD") -> dict[str, list[int]]:
    """TickIDs of the prints of a symbol, by market center: they are dense there."""
    ids: dict[str, list[int]] = defaultdict(list)
    for row in (fields(line) for line in lines if line.startswith(f"Q,{symbol},")):
        if len(row) >= 8 and row[6][0] in "CEO":
            ids[row[7]].append(int(row[2]))
    return ids


def is_whole(lines: list[str], symbol: str = "ABCD") -> bool:
    """Say whether every print of a symbol is there once and in order, and whether there are some."""
    found = trades_of(lines, symbol)
    return bool(found) and all(ids == list(range(ids[0], ids[0] + len(ids))) for ids in found.values())


def updates_of(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("Q,")]


def test_faults_are_read_from_words() -> None:
    found = parse_line_faults("drop:100, lose:AAPL@20,delayed,oversize:2@3,slow-drip,lose-watch:random,schema-drift:4")
    assert (found["drop"], found["lose"], found.words["lose"]) == (100, 20, "AAPL")
    assert (found["delayed"], found["oversize"], found.words["oversize"], found["slow-drip"]) == (1, 3, "2", 1)
    assert (found["lose-watch"], found.words["lose-watch"], found["drift"]) == (5, "random", 4)
    assert parse_line_faults("lose-silent:MSFT").words == {"lose": "MSFT"}
    assert parse_line_faults("lose:30").given == {"lose": 30}
    assert parse_line_faults("clock-skew:-2.5")["clock-skew"] == -2.5
    assert not parse_line_faults("").given
    assert all(fault.does for fault in LINE_FAULTS.values())
    with pytest.raises(KeyError):
        parse_line_faults("")["fire"]


@pytest.mark.parametrize(
    "text", ["fire", "fire:3", "mute", "mute:x", "mute:0", "drop:0.5", "mute:3@4", "oversize:x@3", "clock-skew:nan"]
)  # fmt: skip
def test_a_wrong_word_is_named(text: str) -> None:
    with pytest.raises(UsageError, match=text.partition(":")[0]) as error:
        parse_line_faults(f"close:1,{text}")
    assert error.value.hint


def test_drop_withholds_every_nth_data_line_and_the_truth_names_the_prints() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await watching(l1)
            lines = await l1.during(1.5)
            told = await truth(sim.rest_url)
            missing = 0
            for each in told["subscriptions"]:
                withheld = {(str(center), tick) for center, tick in each["withheld_prints"]}
                for center, got in trades_of(lines, each["symbol"]).items():
                    holes = set(range(got[0], got[-1] + 1)) - set(got)
                    assert {(center, tick) for tick in holes} <= withheld
                missing += len(withheld)
            assert missing
            count = sum(each["withheld"] for each in told["subscriptions"])
            sent = sum(each["trades"] + each["quotes"] for each in told["subscriptions"])
            assert abs(count - sent / 9) <= 1
            assert told["faults"]["drop"] == count

    scene("drop:10", play)


def test_drop_depth_leaves_level1_alone() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1, connected(sim.url, "depth") as l2:
            await watching(l1)
            await watching(l2, "WOR,ABCD", "WOR,EFGH")
            await asyncio.gather(l1.during(1.0), l2.during(1.0))
            told = await truth(sim.rest_url)
            by_service = Counter[str]()
            for each in told["subscriptions"]:
                by_service[each["service"]] += each["withheld"]
            assert by_service["level1"] == 0
            assert by_service["depth"] > 5

    scene("drop-depth:20", play)


def test_duplicate_and_reorder_change_nothing_but_the_order_and_the_number_of_lines() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await watching(l1, SELECT, "wIJKL")
            lines = updates_of(await l1.during(1.5))
            told = await truth(sim.rest_url)
            repeats = sum(first == second for first, second in pairwise(lines))
            assert repeats >= 5
            assert told["faults"]["duplicate"] >= 5
            assert told["faults"]["reorder"] >= 5
            shown = [int(fields(line)[4]) for line in lines]
            assert shown != sorted(shown)
            for ids in trades_of(lines, "IJKL").values():
                assert set(ids) == set(range(min(ids), max(ids) + 1))

    scene("duplicate:11,reorder:3", play, symbols=("IJKL",), rate=1_500)


def test_garbage_comes_between_good_lines() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await watching(l1)
            lines = await l1.during(1.0)
            strange = [line for line in lines if not line.startswith(("Q,ABCD,", "Q,EFGH,", "Q,IJKL,", "T,"))]
            assert len(strange) > 5
            assert len(set(strange)) == 5
            assert is_whole(lines)

    scene("garbage:7", play)


def test_mute_says_nothing_more_but_answers() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await watching(l1)
            await l1.during(1.2)
            assert await l1.during(1.3) == []
            assert (await l1.ask("T", "T,")).startswith("T,")
            assert (await l1.ask("S,REQUEST WATCHES", "S,WATCHES")).count(",") == 4
            told = await truth(sim.rest_url)
            assert told["faults"]["mute"] == 1
            assert sum(each["withheld"] for each in told["subscriptions"]) > 100

    scene("mute:1", play)


def test_half_open_neither_reads_nor_writes_and_keeps_the_socket() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await watching(l1)
            await l1.during(1.2)
            l1.say("T", "S,REQUEST WATCHES")
            assert await l1.during(1.3) == []
            assert not l1.reader.at_eof()

    scene("half-open:1", play)


@pytest.mark.parametrize("fault", ["disconnect:0.6", "rst:0.6"])
def test_a_reset_is_a_reset(fault: str) -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await watching(l1)
            with pytest.raises(ConnectionResetError):
                await l1.to_the_end()
        assert (await truth(sim.rest_url))["connections"][0]["end"] in {"cut by a fault", "reset by a fault"}

    scene(fault, play)


def test_close_ends_between_lines() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await watching(l1)
            lines, rest = await l1.to_the_end()
            assert len(lines) > 50
            assert rest == ""
        assert (await truth(sim.rest_url))["connections"][0]["frames"] == len(l1.read)

    scene("close:0.6", play)


class Silent:
    """A service that says nothing."""

    name = "level1"
    streams = True

    def opened(self, client: LineClient) -> None: ...

    def said(self, client: LineClient, text: str) -> None: ...

    def closed(self, client: LineClient) -> None: ...

    def watched(self, client: LineClient) -> list[str]:
        del client
        return []

    def second(self, stamp: bytes) -> None: ...


@pytest.mark.parametrize("ends", [lambda client: client.end("x"), lambda client: client.reset("x"), LineClient.freeze])
def test_nothing_counts_as_sent_after_the_end(ends: Callable[[LineClient], None]) -> None:
    sent = Sent(1, keep=True)
    client = LineClient(Silent(), sent, parse_line_faults(""), 0, lambda *_: None)
    assert client.tell(b"one")
    client.flush()
    ends(client)
    assert not client.tell(b"two")
    client.say(b"three")
    client.flush()
    assert (sent.frames, sent.payloads) == (1, [b"one"])


def test_truncate_ends_in_a_line() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await watching(l1)
            assert (await l1.to_the_end())[1] == "Q,CUT,12."

    scene("truncate:0.6", play)


def test_oversize_sends_ten_mebibytes_in_a_line_and_goes_on() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await watching(l1)
            lines = await l1.until(lambda line: len(line) > 1_000_000)
            assert len(lines[-1]) > 10 << 20
            assert updates_of(await l1.during(0.3))

    scene("oversize:0.5", play)


def test_oversize_takes_another_size() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await watching(l1)
            line = (await l1.until(lambda line: len(line) > 1_000_000))[-1]
            assert 1 << 20 < len(line) < 2 << 20

    scene("oversize:1@0.5", play)


def test_slow_drip_is_the_same_lines_byte_by_byte() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            l1.say("S,SET PROTOCOL,6.2")
            pieces = [await l1.reader.read(1 << 16) for _ in range(20)]
            assert min(map(len, pieces)) < 50
            await watching(l1)
            assert is_whole(await l1.during(1.0))

    scene("slow-drip", play, rate=100)


def test_delay_holds_everything_back() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            begun = time.monotonic()
            await l1.ask("T", "T,")
            assert time.monotonic() - begun > 0.4
            await watching(l1)
            line = (await l1.until(lambda line: trades_of([line])))[-1]
            at = datetime.strptime(fields(line)[5], "%H:%M:%S.%f").replace(tzinfo=UTC)
            now = datetime.now(tz=ZoneInfo("America/New_York"))
            late = (now.hour - at.hour) * 3600 + (now.minute - at.minute) * 60 + now.second - at.second
            late_us = late * 1_000_000 + now.microsecond - at.microsecond
            assert 350_000 < late_us < 3_000_000
            assert is_whole(await l1.during(1.0))

    scene("delay:400", play)


@pytest.mark.parametrize(("fault", "named"), [("lose:ABCD@1", True), ("lose-watch:ABCD@1", False), ("lose:1", True)])
def test_a_lost_watch_is_silent_until_it_is_made_again(fault: str, named: bool) -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await watching(l1)
            await l1.during(2.5)
            heard = Counter(line.split(",")[1] for line in updates_of(await l1.during(1.0)))
            told = await truth(sim.rest_url)
            (dead,) = [each["symbol"] for each in told["subscriptions"] if each["lost"]]
            assert told["deeds"][0][3] == f"level1:{dead}"
            assert dead == "ABCD" or fault == "lose:1"
            assert dead not in heard
            assert len(heard) == 2
            watches = (await l1.ask("S,REQUEST WATCHES", "S,WATCHES")).split(",")[2:]
            assert (dead in watches) == named
            assert (await l1.ask(f"f{dead}", "P,")).startswith(f"P,{dead},")
            l1.say(f"r{dead}", f"w{dead}")
            assert await l1.until(lambda line: line.startswith(f"Q,{dead},"))

    scene(fault, play)


def test_server_disconnected_is_told_everywhere_and_told_anew_afterwards() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1, connected(sim.url, "depth") as l2, connected(sim.url, "admin") as admin:
            await watching(l1)
            await watching(l2, "WOR,ABCD")
            await asyncio.gather(
                l1.until(lambda line: line == "S,SERVER DISCONNECTED"),
                l2.until(lambda line: line == "S,SERVER DISCONNECTED"),
            )
            gone, _, _ = await asyncio.gather(l1.during(1.2), l2.during(1.2), admin.during(1.2))
            assert gone
            assert all(line.startswith("T,") for line in gone)
            assert (await admin.ask("S,REQUEST STATS", "S,STATS")).split(",")[12] == "Not Connected"
            await l1.until(lambda line: line == "S,SERVER CONNECTED")
            assert {line[:6] for line in [await l1.line() for _ in range(6)]} == {
                f"{kind},{symbol}" for kind in "FP" for symbol in SYMBOLS
            }
            await l2.until(lambda line: line == "S,SERVER CONNECTED")
            assert (await l2.line()).startswith("6,ABCD,")

    scene("server-disconnected:1.5", play)


def test_symbol_limit_is_a_fault_too() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await watching(l1, "wABCD")
            assert await l1.ask("wEFGH", "S,SYMBOL") == "S,SYMBOL LIMIT REACHED,EFGH"

    scene("symbol-limit:1", play)


def test_delayed_data_say_so_and_are_fifteen_minutes_old() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            assert (await l1.until(lambda line: line.startswith("S,CUST")))[-1].startswith("S,CUST,delayed,")
            await watching(l1, "S,SELECT UPDATE FIELDS,Most Recent Trade Time,Most Recent Trade Date,Delay", "tABCD")
            row = fields((await l1.until(lambda line: line.startswith("Q,")))[-1])
            stamp = (await l1.ask("T", "T,")).removeprefix("T,")
            at = datetime.strptime(f"{row[3]} {row[2]}", "%m/%d/%Y %H:%M:%S.%f").replace(tzinfo=UTC)
            now = datetime.strptime(stamp, "%Y%m%d %H:%M:%S").replace(tzinfo=UTC)
            assert 895 < (now - at).total_seconds() < 905
            assert row[4] == "15"

    scene("delayed", play)


def test_clock_skew_moves_all_times() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            stamp = (await l1.ask("T", "T,")).removeprefix("T,")
            eastern = ZoneInfo("America/New_York")
            ahead = datetime.strptime(stamp, "%Y%m%d %H:%M:%S").replace(tzinfo=eastern) - datetime.now(tz=eastern)
            assert 98 < ahead.total_seconds() < 102
            await watching(l1, "S,SELECT UPDATE FIELDS,Bid Time,Ask Time", "wABCD")
            row = fields((await l1.until(lambda line: line.startswith("Q,")))[-1])
            assert max(row[2:4])[:5] in {stamp[9:14], (await l1.ask("T", "T,"))[11:16]}

    scene("clock-skew:100", play)


def test_drift_appends_a_field_that_nobody_knows_and_a_message_too() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1, connected(sim.url, "depth") as l2:
            await watching(l1)
            before = updates_of(await l1.during(0.5))
            lines = await l1.until(lambda line: line.startswith("S,CURRENT UPDATE FIELDNAMES"))
            assert lines[-1].endswith("Center,Halt Reason")
            assert any(line.startswith("X,") for line in lines)
            after = updates_of(await l1.during(0.5))
            assert {line.count(",") for line in after} == {before[0].count(",") + 1}
            assert await l2.until(lambda line: line.startswith("X,"))

    scene("drift:1", play)


def test_a_burst_of_corrections_and_the_counters_follow_it() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await watching(l1)
            lines = await l1.during(2.0)
            corrections = [fields(line) for line in lines if line.startswith("C,")]
            assert len(corrections) >= 20
            assert {row[2] for row in corrections} == {"I", "D"}
            prints = {(row[1], row[2], row[7]): row for row in map(fields, updates_of(lines)) if row[6][0] in "CEO"}
            for row in corrections:
                known = prints.get((row[1], row[7], row[9]))
                assert known is None or row[2] == "I" or known[3] == row[6]
            told = await truth(sim.rest_url)
            expected = [(row[0], letter, str(row[2])) for row in told["corrections"] for letter in row[3]]
            assert [(row[1], row[2], row[7]) for row in corrections] == expected[: len(corrections)]
            for symbol in SYMBOLS:
                start = next(fields(line) for line in l1.read if line.startswith(f"P,{symbol},"))
                rows = [fields(line) for line in l1.read if line.startswith((f"Q,{symbol},", f"C,{symbol},"))]
                total = int(start[4])
                for row in rows:
                    if row[0] == "C":
                        total += int(row[6]) if row[2] == "I" else -int(row[6])
                    elif row[6][0] in "CEO":
                        total += int(row[3])
                        assert total == int(row[4])

    scene("correction-burst:0.5", play)


def test_a_halt_empties_the_quote_and_clears_the_depth() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1, connected(sim.url, "depth") as l2:
            await watching(l1, "S,SELECT UPDATE FIELDS,Bid,Bid Size,Ask,Market Open,Message Contents", "wABCD")
            await watching(l2, "WOR,ABCD")
            await l1.until(lambda line: line == "Q,ABCD,,,,0,ba,")
            cleared = await l2.until(lambda line: line == "S,CLEAR DEPTH,ABCD,A,")
            assert "S,CLEAR DEPTH,ABCD,B," in cleared
            assert not updates_of(await l1.during(0.5))
            assert (await l2.ask("WOR,ABCD", "q,")) == "q,ABCD"
            back = (await l1.until(lambda line: line.startswith("Q,ABCD,")))[-1].split(",")
            assert back[5] == "1"
            assert float(back[2]) < float(back[4])
            (halt,) = (await truth(sim.rest_url))["halts"][:1]
            assert halt[0] == "ABCD"
            assert halt[2] - halt[1] == pytest.approx(10e9, abs=1e9)

    scene("halt:1", play, symbols=("ABCD",))


def test_clear_depth_is_followed_by_the_quotes_of_that_side() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url, "depth") as l2:
            await watching(l2, "WOR,ABCD")
            await l2.until(lambda line: line == "S,CLEAR DEPTH,ABCD,B,")
            told = [fields(await l2.line()) for _ in range(4)]
            assert all(row[0] == "4" and row[4] == "B" for row in told)

    scene("clear-depth:0.5", play)


def test_a_sequence_reset_lets_ids_and_counters_fall_back() -> None:
    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await watching(l1)
            found = trades_of(await l1.during(2.5))
            assert [ids for ids in found.values() if min(ids) == 1 and ids[0] > 100]
            told = await truth(sim.rest_url)
            assert told["symbols"]["ABCD"]["trades"] <= sum(map(len, found.values()))

    scene("sequence-reset:1", play)


def test_refuse_and_limit_end_connections_as_they_come() -> None:
    async def play(sim: Serving) -> None:
        for _ in range(2):
            async with connected(sim.url) as l1:
                assert await l1.to_the_end() == ([], "")
        async with connected(sim.url) as l1:
            assert (await l1.line()).startswith("S,PROVENANCE")
            async with connected(sim.url) as second:
                assert await second.to_the_end() == ([], "")
            async with connected(sim.url, "lookup") as lookup:
                assert await lookup.line()
        assert (await truth(sim.rest_url))["faults"] == {"refuse": 2, "limit": 1}

    scene("refuse:2,limit:1", play)


def test_flood_makes_so_many_times_as_much() -> None:
    counts: list[int] = []

    async def play(sim: Serving) -> None:
        async with connected(sim.url) as l1:
            await watching(l1)
            counts.append(len(await l1.during(1.0)))

    scene("", play, rate=200)
    scene("flood:10", play, rate=200)
    assert counts[1] > 5 * counts[0]
