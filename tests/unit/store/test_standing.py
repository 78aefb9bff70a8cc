"""`latest` after a trade was taken back: the newest one that stands, whoever wrote it and when."""

import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from breadboard.api import past
from breadboard.errors import StoreError, TookTooLong
from breadboard.model.bars import BAR
from breadboard.model.decimals import ABSENT
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, Uncounted
from breadboard.model.outputs import Outputs
from breadboard.model.tape import Tape
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.writer import StoreWriter

START = 1_700_000_000_000_000_000
HOUR = 3_600 * 10**9
SYMBOLS = 40


class Print(NamedTuple):
    """A trade, or what takes one back; ``price`` in whole units, ``event`` in seconds after START."""

    offset: int
    symbol: int
    trade_id: int
    price: int
    flags: int = 0
    code: int = 0
    row: int = 0
    ts: int = 0
    event: int | None = None


def outputs(first: int, end: int, prints: Sequence[Print]) -> Outputs:
    columns: dict[str, list[int]] = {
        "kind": [EventKind.TRADE] * len(prints),
        "instrument": [one.symbol for one in prints],
        "offset": [one.offset for one in prints],
        "index": [one.row for one in prints],
        "ts_recv": [one.ts or START + one.offset * 10**9 for one in prints],
        "ts_event": [ABSENT if one.event is None else START + one.event * 10**9 for one in prints],
        "trade_id": [one.trade_id for one in prints],
        "price": [one.price * 10**9 for one in prints],
        "size": [100] * len(prints),
        "flags": [one.flags for one in prints],
        "code": [one.code for one in prints],
    }
    tape = Tape.of(len(prints), columns)
    return Outputs(first, end, tape, np.empty(0, BAR), (), tape.ts_recv + 1)


class Desk:
    """A store in a directory and a writer that may be ended and begun again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.store = ClickHouseStore.open(f"chdb://{folder}/store")
        self.instruments = Instruments()
        for number in range(SYMBOLS):
            self.instruments.intern("IQFEED", f"S{number}")
        self.begin()

    def begin(self) -> None:
        self.writer = StoreWriter(self.store, self._folder / "writer")

    def write(self, first: int, end: int, *prints: Print) -> None:
        self.writer.write(outputs(first, end, prints), np.empty(0, BAR), self.instruments)
        self.writer.flush()

    def latest(self, table: str = "latest_trades") -> list[tuple[Any, ...]]:
        """Price, row that made it so, flags, by symbol."""
        rows = self.store.query(f"SELECT symbol, price, offset, flags FROM {table} ORDER BY symbol").to_pylist()
        return [tuple(row.values()) for row in rows]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.store.close()


def test_the_trade_before_is_the_latest_again_also_after_a_restart(desk: Desk) -> None:
    desk.write(0, 3, Print(0, 0, 7, 100), Print(1, 0, 8, 101), Print(2, 1, 7, 50))
    desk.write(3, 4, Print(3, 0, 8, 101, Flag.WITHDRAWN))
    untouched = ("S1", Decimal(50), 2, 0)
    assert desk.latest() == [("S0", Decimal(100), 3, 0), untouched]
    assert desk.latest("latest FINAL WHERE kind = 'trade'") == desk.latest()
    desk.begin()
    desk.write(4, 5, Print(4, 0, 9, 102))
    assert desk.latest() == [("S0", Decimal(102), 4, 0), untouched]
    desk.write(5, 6, Print(5, 0, 7, 100, Flag.WITHDRAWN))  # an old one: the last trade stands
    assert desk.latest() == [("S0", Decimal(102), 5, 0), untouched]
    desk.write(6, 7, Print(6, 0, 9, 102, Flag.WITHDRAWN))
    assert desk.latest() == [untouched], "none stands"
    assert desk.latest("latest FINAL WHERE symbol = 'S0'") == [("S0", None, 6, Flag.WITHDRAWN)]


def test_one_that_is_taken_back_in_its_own_frame_was_never_the_latest(desk: Desk) -> None:
    old = START - 100 * 24 * HOUR
    desk.write(0, 1, Print(0, 0, 7, 100, ts=old))  # months ago, and still the newest that stands
    desk.write(1, 2, Print(1, 0, 8, 101), Print(1, 0, 8, 101, Flag.WITHDRAWN, row=1))
    assert desk.latest() == [("S0", Decimal(100), 1, 0)]


def test_what_is_last_is_by_the_rule_of_asof_however_the_batches_were_cut(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    told: list[Print] = []
    offset = 0
    while offset < 600:
        end = offset + chance.randint(1, 60)
        batch: list[Print] = []
        for at in range(offset, end):
            symbol = chance.randrange(SYMBOLS)
            of = [one for one in (*told, *batch) if one.symbol == symbol]
            known = [one for one in of if not one.flags & Flag.WITHDRAWN]
            if known and chance.random() < 0.45:
                batch.append(chance.choice(known[-3:])._replace(offset=at, flags=int(Flag.WITHDRAWN), code=0))
            else:
                flags = chance.choice([0, 0, 0, int(Flag.LAST_KNOWN)])
                code = chance.choice([0, 0, 0, int(Uncounted.OPEN_CLOSE)])
                named = chance.choice([chance.randrange(4), at])
                event = at + chance.choice([0, 0, 0, -5, -20, -300, 10**9])  # late, or of a mistaken clock
                batch.append(Print(at, symbol, named, chance.randint(100, 102), flags, code, event=event))
        desk.write(offset, end, *batch)
        told += batch
        offset = end
        if chance.random() < 0.2:
            desk.begin()
    found = {symbol: price for symbol, price, _, _ in desk.latest()}
    assert found == {f"S{number}": price for number in range(SYMBOLS) if (price := standing(told, number))}, seed
    moment = START + offset * 10**9
    table, columns, good = past._PARTS["trade"]
    good += f" AND bitAnd(flags, {int(Flag.LAST_KNOWN)}) = 0"
    monkeypatch.setattr(past, "_FEW", offset)
    for number in range(SYMBOLS):
        row = past._newest(desk.store, table, columns, good, f"S{number}", "IQFEED", moment)
        assert (row and Decimal(str(row["price"]))) == found.get(f"S{number}"), seed


def standing(told: Sequence[Print], symbol: int) -> Decimal | None:
    """The price of the newest trade by time of those that nobody took back later, each by a row of its own."""
    stand: list[Print] = []
    for one in (each for each in told if each.symbol == symbol):
        if not one.flags & Flag.WITHDRAWN:
            stand.append(one)
            continue
        name = when(one), one.trade_id, one.price
        meant = [each for each in stand if (when(each), each.trade_id, each.price) == name]
        if meant:
            stand.remove(meant[-1])
    good = [one for one in stand if not one.flags & Flag.LAST_KNOWN and not one.code]
    return Decimal(max(good, key=lambda one: (when(one), one.offset)).price) if good else None


def when(one: Print) -> int:
    """By which time a trade is older or newer: no more than a minute after it came."""
    assert one.event is not None
    return min(one.event, one.offset + 60)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("cuts", [(1, 2, 3, 4, 5), (2, 5), (5,)])
def test_a_late_print_is_not_the_latest_however_late_it_is_told(
    desk: Desk, cuts: tuple[int, ...], *, restarted: bool
) -> None:
    prints = (
        Print(0, 0, 1, 100, event=-1200),
        Print(1, 0, 2, 105, event=1),
        Print(2, 0, 3, 90, event=-900),  # sold out of sequence
        Print(3, 0, 4, 80, Flag.LATE_PRINT, event=-1000),
        Print(4, 0, 5, 81, Flag.HISTORY, event=-(10**7)),  # imported behind what was live
    )
    for first, end in zip((0, *cuts), cuts, strict=False):
        desk.write(first, end, *prints[first:end])
        if restarted:
            desk.begin()
    assert desk.latest() == [("S0", Decimal(105), 1, 0)]
    desk.write(5, 6, Print(5, 0, 5, 106, Flag.LATE_PRINT, event=1))  # put in, of the same time: a correction of it
    assert desk.latest() == [("S0", Decimal(106), 5, Flag.LATE_PRINT)]
    desk.write(6, 7, Print(6, 0, ABSENT, 107))  # without a time it is as new as it came
    assert desk.latest() == [("S0", Decimal(107), 6, 0)]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_trade_of_the_next_century_is_the_latest_for_a_minute(desk: Desk, *, restarted: bool) -> None:
    desk.write(0, 1, Print(0, 0, 1, 100, event=10**9))
    if restarted:
        desk.begin()
    desk.write(1, 60, Print(59, 0, 2, 101, event=59))
    assert desk.latest() == [("S0", Decimal(100), 0, 0)]
    desk.write(60, 61, Print(60, 0, 3, 102, event=60))
    assert desk.latest() == [("S0", Decimal(102), 60, 0)]


def test_trades_after_our_clock_was_set_back_are_the_latest(desk: Desk) -> None:
    desk.write(0, 1, Print(0, 0, 1, 100, event=0))
    columns: dict[str, list[int]] = {
        "kind": [EventKind.CLOCK, EventKind.TRADE],
        "instrument": [-1, 0],
        "offset": [1, 2],
        "ts_recv": [START - HOUR] * 2,
        "ts_event": [ABSENT, START + 10**9],
        "price": [ABSENT, 101 * 10**9],
        "size": [-HOUR, 100],
    }
    tape = Tape.of(2, columns)
    desk.writer.write(Outputs(1, 3, tape, np.empty(0, BAR), (), tape.ts_recv + 1), np.empty(0, BAR), desk.instruments)
    desk.writer.flush()
    assert desk.latest() == [("S0", Decimal(101), 2, 0)]


@pytest.mark.parametrize("cuts", [(1, 2, 3, 4), (4,)])
def test_one_taken_back_leaves_another_of_its_name_as_it_is(desk: Desk, cuts: tuple[int, ...]) -> None:
    prints = (
        Print(0, 0, 7, 100, event=-600),
        Print(1, 0, 8, 99, event=-500),
        Print(2, 0, 7, 100, event=2),
        Print(3, 0, 7, 100, Flag.WITHDRAWN, event=-600),
    )
    for first, end in zip((0, *cuts), cuts, strict=False):
        desk.write(first, end, *prints[first:end])
    assert desk.latest() == [("S0", Decimal(100), 3, 0)]
    stamps = desk.store.query("SELECT toUnixTimestamp64Nano(ts_event) AS at FROM latest_trades")["at"].to_pylist()
    assert stamps == [START + 2 * 10**9]
    desk.write(4, 5, Print(4, 0, 7, 100, Flag.WITHDRAWN | Flag.LATE_PRINT, event=4))  # a record that follows its print
    assert desk.latest() == [("S0", Decimal(99), 4, 0)]


def test_what_has_no_id_takes_nothing_back_but_a_trade_of_worth_is_looked_for(desk: Desk) -> None:
    desk.write(0, 1, Print(0, 0, ABSENT, 100))
    desk.write(1, 2, Print(1, 0, ABSENT, 100, Flag.WITHDRAWN))
    assert desk.latest() == [("S0", Decimal(100), 1, 0)]


@pytest.mark.parametrize("restarted", [False, True])
def test_what_ended_before_the_standing_trade_was_written_is_made_good(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, *, restarted: bool
) -> None:
    desk.write(0, 1, Print(0, 0, 7, 100))
    desk.write(1, 2, Print(1, 0, 8, 101))
    last = (2, 3, Print(2, 0, 8, 101, Flag.WITHDRAWN))

    def full(_self: ClickHouseStore, _sql: str, _params: object = None) -> None:
        raise StoreError("no space", transient=True)

    with monkeypatch.context() as refusing:
        refusing.setattr(ClickHouseStore, "command", full)
        with pytest.raises(StoreError):
            desk.write(*last)
    assert desk.latest() == [], "none stands that is known of"
    if restarted:
        desk.begin()
    desk.write(*last)
    assert desk.writer.written == 3
    assert desk.latest() == [("S0", Decimal(100), 2, 0)]


def test_who_writes_does_not_wait_for_one_that_is_not_found_in_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write(0, 1, Print(0, 0, 7, 100))
    desk.write(1, 2, Print(1, 0, 8, 101))
    query = ClickHouseStore.query

    def slow(self: ClickHouseStore, sql: str, *args: Any, within_s: float | None = None) -> Any:  # noqa: ANN401 - a pyarrow.Table
        if within_s is not None:
            raise TookTooLong("a trade that stands")
        return query(self, sql, *args)

    monkeypatch.setattr(ClickHouseStore, "query", slow)
    desk.write(2, 3, Print(2, 0, 8, 101, Flag.WITHDRAWN))
    assert desk.writer.written == 3
    assert desk.latest() == [], "none stands that is known of"


def test_a_disk_without_room_passes_also_for_rows_made_of_rows(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise DatabaseError("Cannot reserve 1.00 MiB, not enough space", code=243)

    monkeypatch.setattr(desk.store._writer, "command", full)
    with pytest.raises(StoreError, match="not enough space") as caught:
        desk.store.command("INSERT INTO latest SELECT * FROM latest")
    assert caught.value.transient
    assert caught.value.hint.startswith("df -h ")
