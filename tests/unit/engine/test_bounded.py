"""Whatever a venue makes up without end, memory has a bound: instruments, orders, levels, names, keys, sources."""

import resource
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from breadboard import feeds
from breadboard.config import EngineConfig
from breadboard.engine import Engine, book_kernel
from breadboard.engine import orders as orders_module
from breadboard.engine.books import Books
from breadboard.engine.clock_skew import MOST_SOURCES, ClockSkew
from breadboard.engine.orders import Orders
from breadboard.feeds import decoding
from breadboard.feeds.drift import MOST as MOST_TOLD
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import (
    BookState,
    EventKind,
    Flag,
    GapReason,
    OrderAction,
    Provenance,
    RecordKind,
    SequenceRule,
)
from breadboard.model.tape import Tape
from tapes import SECOND, T0, delta, snapshot, tape

MIB = 1 << 20


def grown_mib() -> float:
    """Return the most memory this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def engine(venue: str, **settings: Any) -> Engine:  # noqa: ANN401 - any setting of the engine
    made = Engine(feeds.by_venue, EngineConfig(**settings))
    made.adopt([Epoch(0, 1, venue, "", (), Provenance.LIVE, open=True)])
    return made


def batches(bodies: Iterator[bytes], size: int = 5_000) -> Iterator[Frames]:
    """Yield frames a microsecond apart."""
    waiting: list[bytes] = []
    offset = 0
    for body in bodies:
        waiting.append(body)
        if len(waiting) == size:
            yield Frames.of(waiting, [T0 + offset + at for at in range(size)], kind=RecordKind.DATA, offset=offset)
            offset += size
            waiting = []


def binance_trade(symbol: str, **more: str) -> bytes:
    extra = "".join(f',"{key}":{value}' for key, value in more.items())
    return (
        f'{{"stream":"{symbol.lower()}@trade","data":{{"e":"trade","E":1700000000000,"s":"{symbol}","t":1,"p":"1.5",'
        f'"q":"2","T":1700000000000,"m":true,"M":true{extra}}}}}'
    ).encode()


def coinbase_match(symbol: str) -> bytes:
    return (
        '{"type":"match","trade_id":1,"maker_order_id":"a","taker_order_id":"b","side":"sell","size":"2","price":"1.5",'
        f'"product_id":"{symbol}","sequence":1,"time":"2023-11-14T22:13:20.000000Z"}}'
    ).encode()


@pytest.mark.parametrize(("venue", "trade"), [("BINANCE", binance_trade), ("COINBASE", coinbase_match)])
def test_a_hundred_thousand_symbols_take_the_memory_of_the_most_there_may_be(venue: str, trade: Any) -> None:  # noqa: ANN401 - rows of any kind
    most = 500
    subject = engine(venue, instruments=most, features=("vwap",))
    sizes, before = [], 0.0
    for at, frames in enumerate(batches(trade(f"S{number}") for number in range(100_000))):
        outputs = subject.process(frames)
        if at in {1, 19}:
            sizes.append(len(subject.snapshot()))
        before = before or grown_mib()
    assert len(subject.instruments) == most
    counts = subject.summary()
    assert (counts["frames"], counts["data"], counts["quarantined"]) == (100_000, most, 100_000 - most)
    assert {gap.detail for _, _, gap in outputs.gaps} == {f"more than 500 instruments of {venue}"}
    assert abs(sizes[1] - sizes[0]) < 40_000, "state does not grow, but for what waits to fill a block of the digest"
    assert grown_mib() - before < 80, "nor does anything else"


def test_which_instruments_are_known_does_not_depend_on_batches() -> None:
    bodies = [binance_trade(f"S{number % 40}") for number in range(400)]
    found = set()
    for size in (1, 7, 400):
        subject = engine("BINANCE", instruments=25)
        for at in range(0, 400, size):
            some = bodies[at : at + size]
            subject.process(
                Frames.of(some, [T0 + at + each for each in range(len(some))], kind=RecordKind.DATA, offset=at)
            )
        found.add((subject.digest(), subject.snapshot()))
    assert len(found) == 1


def test_endless_order_ids_are_refused_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders_module, "MOST_ORDERS", 1_000)
    orders, books = Orders(), Books(lambda _: SequenceRule.NONE)
    begin = {"kind": EventKind.ORDER, "code": OrderAction.CLEAR}
    books.on_tape(orders.on_tape(tape([begin])))
    for turn in range(20):
        rows = Tape.of(
            1_000,
            {
                "kind": np.full(1_000, EventKind.ORDER),
                "code": np.full(1_000, OrderAction.ADD),
                "instrument": np.zeros(1_000),
                "offset": np.arange(1_000) + 1_000 * turn + 1,
                "order_id": np.arange(1_000) + 1_000 * turn,
                "side": np.ones(1_000),
                "price": np.full(1_000, 10**9),
                "size": np.full(1_000, 10**8),
            },
        )
        taken = orders.on_tape(rows)
        books.on_tape(taken)
        assert (taken.flags & Flag.UNKNOWN_ORDER != 0).all() == (turn > 0)
    assert orders.counters() | {"unknown": 0} == {
        "resting": 1_000,
        "refused": 19_000,
        "unknown": 0,
        "overdrawn": 0,
        "repeated": 0,
    }
    assert len(orders.snapshot()) < 100_000
    assert books.view(0).state == BookState.STALE
    again = Orders()
    again.restore(orders.snapshot())
    assert again.counters() == orders.counters()
    done = tape([begin])
    orders.on_tape(done)
    assert orders.counters()["resting"] == 0


def test_a_book_of_endless_levels_is_believed_no_more_and_leaves_its_memory() -> None:
    books = Books(lambda _: SequenceRule.OVERLAP)
    books.on_tape(tape([snapshot(1, [(1, 1, 1)])]))
    many = 20_000
    found = []
    for turn in range(20):
        levels = [(1, turn * many + level + 2, 1) for level in range(many)]
        told = books.on_tape(tape([delta(turn + 2, turn + 2, levels)], first=turn + 1))
        found += [] if told is None else [(int(row["offset"]), int(row["reason"])) for row in told]
    assert found == [(book_kernel.MAX_LEVELS // many + 1, GapReason.OVERFLOW)]
    assert books.view(0, last_known=True).bids == []
    assert books.view(0).state == BookState.STALE


def test_endless_unknown_keys_are_told_so_often_and_no_more() -> None:
    subject = engine("BINANCE")
    before = 0.0
    for frames in batches(binance_trade("BTCUSDT", **{f"key{number}": "1"}) for number in range(20_000)):
        subject.process(frames)
        before = before or grown_mib()
    decoder: Any = subject._router._lanes["BINANCE"].decoder
    assert len(decoder._forms) <= decoding._MOST_FORMS
    assert len(decoder._drift._told) <= MOST_TOLD
    assert grown_mib() - before < 40


def test_lags_of_no_more_than_so_many_sources_are_counted() -> None:
    skew, before = ClockSkew(), grown_mib()
    many = 2_000
    for turn in range(2):
        rows = {"kind": np.full(many, EventKind.TRADE), "source": np.arange(many)}
        times = {"ts_event": np.full(many, T0), "ts_recv": np.full(many, T0 + turn * SECOND)}
        skew.on_tape(Tape.of(many, rows | times))
    assert [skew.lags(source) for source in (MOST_SOURCES - 1, MOST_SOURCES)] == [2, 0]
    assert grown_mib() - before < 500, "two thousand would take 1,700"
    again = ClockSkew()
    again.restore(skew.snapshot())
    assert again.snapshot() == skew.snapshot()
