"""Gaps that are kept in memory are those that the store would have told of."""

from pathlib import Path
from random import Random
from typing import Final

import pytest

from breadboard.api import holes
from breadboard.api.holes import Holes
from breadboard.api.reach import Ledger
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.records import batch

SECOND: Final = 10**9
COLUMNS: Final = "venue, symbol, ts_recv, offset, `index`, channel, reason, state, ts_from, ts_to"
VENUES: Final = ((), ("A",), ("B",), ("A", "B"))


def gap(chance: Random, offset: int) -> str:
    begin = chance.randrange(1_000) * SECOND
    end = begin + chance.randrange(200) * SECOND
    at = [f"fromUnixTimestamp64Nano({ns}, 'UTC')" for ns in (end, begin, end)]
    name = f"'{chance.choice('AB')}', '{chance.choice(['X', 'Y', ''])}'"
    return f"({name}, {at[0]}, {offset}, {chance.randrange(3)}, 'trade', 'restart', 'open', {at[1]}, {at[2]})"


def add(store: ClickHouseStore, chance: Random, first: int, count: int) -> None:
    rows = ", ".join(gap(chance, first + place // 2) for place in range(count))
    store.command(f"INSERT INTO gaps ({COLUMNS}) VALUES {rows}")
    store.write("batches", batch(first, first + count, 0, (1, 1), {"gaps": count}), f"{first}")


@pytest.mark.parametrize("seed", [1, 2])
def test_kept_gaps_are_those_of_the_store_whatever_is_asked_and_whenever_they_came(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    with ClickHouseStore.open(f"chdb://{tmp_path}") as store:
        kept, asking = Holes(store), Holes(store, most=0)
        full = 0
        for step in range(3):
            if step:  # before the first, nobody has any
                add(store, chance, 400 * step, 400) if step > 1 else add(store, chance, 0, 800)
            reach = Ledger(store).now()
            for _ in range(30):
                begin = chance.choice([None, chance.randrange(1_200) * SECOND])
                end = chance.choice([None, (begin or 0) + chance.randrange(400) * SECOND])
                asked = chance.choice("XY"), chance.choice(VENUES), begin, end
                found = kept.within(*asked, reach)
                assert found == asking.within(*asked, reach)
                assert found or step == 0 or begin is not None
                full += len(found) == holes.MOST
        assert full


def test_what_is_not_in_the_ledger_yet_is_not_told_twice_when_it_is(tmp_path: Path) -> None:
    chance = Random(3)
    with ClickHouseStore.open(f"chdb://{tmp_path}") as store:
        kept = Holes(store)
        add(store, chance, 0, 10)
        early = Ledger(store).now()
        add(store, chance, 10, 10)  # written, and not read by the one who asks
        first = kept.within("X", (), None, None, early)
        both = kept.within("X", (), None, None, Ledger(store).now())
        assert len(first) < len(both) == len(Holes(store, most=0).within("X", (), None, None, Ledger(store).now()))
