"""How far the store has come, and answers that are kept until it has come further."""

import asyncio
from pathlib import Path

import pytest

import outputs_made as made
from breadboard.api.kept import Answer, Kept
from breadboard.api.problems import Problem
from breadboard.api.reach import Ledger, Reach
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.records import batch
from unit.api.stored import LATER, ROWS, stored

AT = f"fromUnixTimestamp64Nano({made.START}, 'UTC')"


def test_an_answer_about_the_present_is_made_anew_when_the_store_has_come_further(tmp_path: Path) -> None:
    with stored(tmp_path) as house:
        path = "history?symbol=BTCUSDT&kind=trades&limit=5000"
        before = house.get(path).json()["count"]
        columns = "venue, symbol, ts_recv, offset, `index`, price, provenance"
        house.insert("trades", columns, f"('BINANCE', 'BTCUSDT', {AT}, 1, 0, 7, 'live')")
        house.store.write("batches", batch(ROWS, ROWS + 1, 0, (LATER + 1, LATER + 1), {"trades": 1}), "more")
        for _ in range(100):
            found = house.get(path).json()
            if found["complete_through"]["offset"] == ROWS + 1:
                break
        assert found["count"] == before + 1


def test_the_ledger_is_followed_up_to_its_first_hole_and_asked_no_more_often_than_it_says(tmp_path: Path) -> None:
    now = [0.0]
    with ClickHouseStore.open(f"chdb://{tmp_path}") as store:

        def add(first: int, end: int, *tables: str) -> None:
            store.write(
                "batches", batch(first, end, 0, (end * 10, end * 10), dict.fromkeys(tables, 1)), f"{first}:{end}"
            )

        ledger = Ledger(store, lambda: now[0])
        assert ledger.now() == Reach(0, None)
        add(0, 5, "trades", "gaps")
        assert ledger.now() == Reach(0, None)
        now[0] += 1
        assert ledger.now() == Reach(5, 50, {"trades": 5, "gaps": 5})
        add(5, 8, "trades")
        add(9, 12, "quotes")
        now[0] += 1
        assert ledger.now() == Reach(8, 80, {"trades": 8, "gaps": 5}, hole=True)
        assert Ledger(store).now() == Reach(8, 80, {"trades": 8, "gaps": 5}, hole=True)
        add(8, 9)
        now[0] += 1
        assert ledger.now() == Reach(12, 120, {"trades": 8, "gaps": 5, "quotes": 12})
        assert Ledger(store).now() == Reach(12, 120, {"trades": 8, "gaps": 5, "quotes": 12})


def test_batches_that_were_written_again_with_other_bounds_are_followed(tmp_path: Path) -> None:
    now = [0.0]
    with ClickHouseStore.open(f"chdb://{tmp_path}") as store:

        def add(first: int, end: int) -> None:
            store.write("batches", batch(first, end, 0, (end, end), {}), f"{first}:{end}")

        ledger = Ledger(store, lambda: now[0])
        add(0, 100)
        add(200, 300)  # the part between them is lost
        assert ledger.now() == Reach(100, 100, {}, hole=True)
        for first, end in ((100, 180), (180, 240), (240, 340), (340, 420)):
            add(first, end)
            now[0] += 1
            ledger.now()
        assert ledger.now()[0] == store.written() == 420


def test_while_there_is_a_hole_nothing_about_the_present_is_kept_and_gaps_behind_it_are_told(tmp_path: Path) -> None:
    with stored(tmp_path) as house:
        house.store.write("batches", batch(ROWS + 9, ROWS + 10, 0, (LATER, LATER), {"gaps": 1}), "behind")
        columns = "venue, symbol, ts_recv, offset, `index`, reason, state, ts_from, ts_to"
        for number in range(2):
            gap = f"('BINANCE', 'BTCUSDT', {AT}, {ROWS + 9}, {number}, 'restart', 'open', {AT}, {AT} + 1000 + {number})"
            house.insert("gaps", columns, gap)
            answer = house.get("history?symbol=BTCUSDT.BINANCE&kind=trades&limit=5000").json()
            told = [each["reason"] for each in answer["gaps"]]
            assert told.count("restart") == number + 1
            assert answer["complete_through"]["offset"] == ROWS


@pytest.fixture
def answers() -> list[Answer]:
    return [Answer(b"x" * 40, "text/plain", {}, str(number), 1, closed=False, made=0.0) for number in range(4)]


async def _given(answer: Answer) -> Answer:
    return answer


def test_kept_answers_are_bounded_and_good_while_the_store_has_not_moved(answers: list[Answer]) -> None:
    now = [0.0]
    kept = Kept(100 + 2 * 1024, lambda: now[0])  # two bodies, and what is beside them
    asyncio.run(kept.ask(0, lambda: _given(answers[0])))
    asyncio.run(kept.ask(1, lambda: _given(answers[1])))
    assert kept.find(0, 1) is answers[0]
    assert kept.find(0, 2) is None
    asyncio.run(kept.ask(2, lambda: _given(answers[2])))
    assert [kept.find(number, 1) is not None for number in range(3)] == [True, False, True]
    closed = Answer(b"y", "text/plain", {}, "c", 1, closed=True, made=0.0)
    asyncio.run(kept.ask("closed", lambda: _given(closed)))
    assert kept.find("closed", 2) is closed
    now[0] = 60.0
    assert kept.find("closed", 2) is None


def test_a_long_answer_is_kept_small_and_comes_back_as_it_was() -> None:
    body = b'{"close":"101.25"},' * 5000
    kept = Kept(2 * len(body))

    async def run() -> None:
        for number in range(20):
            given = Answer(body, "application/json", {"X": "y"}, f"{number}", 1, closed=False)
            assert await kept.ask(number, lambda given=given: _given(given)) is given  # type: ignore[misc]  # a default binds it
            assert kept.find(number, 1) is not None
            while (found := kept.find(number, 1)) is not None and found.packed is None:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.001)
        asked = [kept.find(number, 1) for number in range(20)]
        assert [found and (found.whole(), found.headers, found.tag) for found in asked] == [
            (body, {"X": "y"}, f"{number}") for number in range(20)
        ], "ten times its room"

    asyncio.run(run())


def test_who_asks_while_an_answer_is_made_waits_for_the_same_and_a_failure_is_nobodys_answer(
    answers: list[Answer],
) -> None:
    made_: list[int] = []

    async def slow() -> Answer:
        made_.append(1)
        await asyncio.sleep(0)
        return answers[0]

    async def broken() -> Answer:
        raise Problem(503, "busy", retry_after_s=1)

    async def all_at_once() -> None:
        kept = Kept()
        found = await asyncio.gather(*(kept.ask("a", slow) for _ in range(5)))
        assert all(one is answers[0] for one in found)
        with pytest.raises(Problem):
            await kept.ask("b", broken)
        assert await kept.ask("b", slow) is answers[0]

    asyncio.run(all_at_once())
    assert len(made_) == 2
