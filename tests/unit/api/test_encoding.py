"""The compiled encoder, against ``wire`` and msgspec: the same bytes, whatever a record holds."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import everything
from breadboard import feeds
from breadboard.api import wire
from breadboard.api.encoding import JsonRows, JsonTrades, PackedRows, PackedTrades, Texts
from breadboard.api.live import LiveMarket
from breadboard.api.mirror import Mirror
from breadboard.api.ring import TRADE
from breadboard.api.state import STATE, unknown
from breadboard.config import EngineConfig
from breadboard.engine import Engine
from breadboard.model.decimals import ABSENT, INT64_MAX
from breadboard.model.instruments import Instrument
from breadboard.model.kinds import Flag, Uncounted

SIZES = ("size_exp", "bid_size_exp", "ask_size_exp")

_any = st.one_of(
    st.integers(-INT64_MAX, INT64_MAX),
    st.sampled_from([ABSENT, 0, 1, -1, 9, 10, INT64_MAX, -INT64_MAX, 2**62, -(2**62), 10**8, 10**16 - 1, 10**16]),
    st.integers(0, 10**14).map(lambda value: value * 10**4),
    st.integers(-(10**12), 10**12),
)
_moment = st.one_of(_any, st.integers(0, 10**9).map(lambda value: 1_700_000_000_000_000_000 + value * 500))


def _columns(dtype: np.dtype[np.void], **chosen: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return strategies of a record: whatever its numbers can be, but what is told of it."""
    wanted: dict[str, st.SearchStrategy[Any]] = {}
    for name in dtype.names or ():
        kind = dtype[name]
        limits = np.iinfo(kind)
        wanted[name] = _any if kind == np.int64 else st.integers(int(limits.min), int(limits.max))
        if name.startswith("ts_"):
            wanted[name] = _moment
    exponents = {name: st.integers(-18, 0) for name in SIZES if name in wanted}
    return st.fixed_dictionaries(wanted | exponents | chosen)


_RECORD = _columns(
    STATE,
    day=st.integers(-1, 30_000),
    trades=st.integers(0, INT64_MAX),
    volume_whole=st.integers(0, INT64_MAX),
    volume_fraction=st.integers(0, 10**18 - 1),
    side=st.integers(0, 3),
    revision=st.integers(0, INT64_MAX),
)
_TRADE = _columns(
    TRADE,
    code=st.integers(0, 2 * Uncounted.JOINS - 1),
    **{name: st.integers(0, INT64_MAX) for name in ("ts_recv", "ts_engine", "offset", "seq")},
)
_INSTRUMENTS = st.lists(
    st.builds(Instrument, st.text(max_size=20) | st.sampled_from(["BINANCE", "KRAKEN_V2"]), st.text(max_size=90)),
    min_size=1,
    max_size=4,
)


class Names(list[Instrument]):
    """Instruments, as LiveMarket names them."""

    def instrument(self, index: int) -> Instrument:
        """Return one."""
        return self[index]


def texts(instruments: list[Instrument]) -> Texts:
    made = Texts(Names(instruments))
    made.learn()
    return made


def filled(dtype: np.dtype[np.void], rows: list[dict[str, Any]]) -> NDArray[np.void]:
    return np.array([tuple(row[name] for name in dtype.names or ()) for row in rows], dtype)


def rows_by_reference(
    instruments: list[Instrument], records: NDArray[np.void], fields: tuple[str, ...] = wire.ALL
) -> list[bytes]:
    pairs = zip(instruments, wire.unpack(records), strict=True)
    return [msgspec.json.encode(wire.row(instrument, record, fields)) for instrument, record in pairs]


def trades_by_reference(instruments: list[Instrument], trades: NDArray[np.void]) -> list[bytes]:
    return [msgspec.json.encode(wire.trade(instruments[item.instrument], item)) for item in wire.unpack_trades(trades)]


@settings(deadline=None)  # the first example loads machine code
@given(_INSTRUMENTS, st.data())
def test_rows_are_what_the_reference_makes_of_any_record(instruments: list[Instrument], data: st.DataObject) -> None:
    rows = data.draw(st.lists(_RECORD, min_size=len(instruments), max_size=len(instruments)))
    records = filled(STATE, rows)
    fields = ("id", *data.draw(st.permutations(wire.ALL[1:]))[: data.draw(st.integers(0, len(wire.ALL) - 1))])
    for chosen in (wire.ALL, fields):
        told = JsonRows(texts(instruments), chosen).body(np.arange(len(records)), records, 1)
        assert bytes(told) == b",".join(rows_by_reference(instruments, records, chosen))


@settings(deadline=None)
@given(_INSTRUMENTS, st.lists(_TRADE, max_size=20))
def test_trades_are_what_the_reference_makes_of_them(instruments: list[Instrument], rows: list[dict[str, Any]]) -> None:
    trades = filled(TRADE, rows)
    trades["instrument"] %= len(instruments)
    assert bytes(JsonTrades(texts(instruments)).body(trades)) == b",".join(trades_by_reference(instruments, trades))


def test_lags_are_rounded_as_the_float_is_and_not_as_the_integer_would_be() -> None:
    rng = np.random.default_rng(20261126)
    spread = [rng.integers(-(10**power), 10**power, 4_000) for power in range(2, 19)]
    ties = rng.integers(-(10**9), 10**9, 20_000) * 1000 + 500
    lags = np.concatenate([*spread, ties, rng.integers(-(2**62), 2**62, 4_000) * 2])
    records = unknown(len(lags))
    records["ts_event"] = -(lags // 2)
    records["ts_recv"] = lags + records["ts_event"]
    instruments = [Instrument("VENUE", "SYMBOL")] * len(lags)
    told = bytes(JsonRows(texts(instruments), ("lag_ms",)).body(np.arange(len(lags)), records, 1))
    assert told.split(b",") == rows_by_reference(instruments, records, ("lag_ms",))


def test_percents_are_rounded_half_away_from_zero_also_where_products_need_more_than_64_bits() -> None:
    rng = np.random.default_rng(20261127)
    bases = np.concatenate([rng.integers(1, 10**power, 3_000) for power in range(1, 19)])
    change = (rng.integers(-(10**6), 10**6, len(bases)) / 2e6 * bases).astype(np.int64)  # most of them near a half
    records = unknown(len(bases))
    records["open"], records["price"] = bases, bases + change
    instruments = [Instrument("VENUE", "SYMBOL")] * len(bases)
    fields = ("change_percent", "change", "price")
    told = bytes(JsonRows(texts(instruments), fields).body(np.arange(len(bases)), records, 1))
    assert told == b",".join(rows_by_reference(instruments, records, fields))


def test_a_row_is_made_again_where_it_changed_and_the_others_stay() -> None:
    instruments = [Instrument("BINANCE", f"S{number}") for number in range(5)]
    records = unknown(8)
    rows = JsonRows(texts(instruments), ("id", "price"))
    everything_, some = np.arange(5), np.array([1, 3])
    records["price"][:5], records["revision"][:5] = range(1, 6), 1
    assert bytes(rows.body(everything_, records, 1)) == b",".join(
        rows_by_reference(instruments, records[:5], ("id", "price"))
    )
    records["price"][:5] = 7  # not told: only one of them is of another revision
    records["revision"][3] = 2
    assert bytes(rows.body(some, records, 2)).count(b"0.000000007") == 1
    assert bytes(rows.body(np.arange(0), records, 2)) == b""


def test_instruments_may_come_at_any_time_and_have_names_of_any_length() -> None:
    names = Names([Instrument("BINANCE", "A")])
    made = Texts(names)
    made.learn()
    rows, trades = JsonRows(made, wire.ALL), JsonTrades(made)
    for number in range(300):
        records, told = unknown(len(names)), np.zeros(len(names), TRADE)
        told["instrument"], told["seq"] = range(len(names)), np.arange(len(names)) + 1000 * number
        assert bytes(rows.body(np.arange(len(names)), records, number)) == b",".join(rows_by_reference(names, records))
        assert bytes(trades.body(told)) == b",".join(trades_by_reference(names, told))
        names.append(Instrument("BINANCE", "Ü" * (number * 40)) if number % 50 == 0 else Instrument("X", f"S{number}"))
        made.learn()


def test_where_no_row_has_come_nobody_says_where_it_comes_from() -> None:
    names = Names([Instrument("BINANCE", symbol) for symbol in "ABC"])
    records = unknown(3)
    records["updates"][1:], records["flags"][2] = 1, int(Flag.SYNTHETIC)
    fields = ("provenance", "id")
    told = bytes(JsonRows(texts(names), fields).body(np.arange(3), records, 1))
    assert told == (
        b'{"provenance":"","id":"A.BINANCE"},{"provenance":"live","id":"B.BINANCE"},'
        b'{"provenance":"synthetic","id":"C.BINANCE"}'
    )
    assert told == b",".join(rows_by_reference(names, records, fields))
    packed = msgspec.msgpack.Decoder(dict[str, str])
    rows = [PackedRows(names, fields).body(np.array([index]), records, 1) for index in range(3)]
    assert [packed.decode(row)["provenance"] for row in rows] == ["", "live", "synthetic"]


@pytest.mark.parametrize("index", [-1, 1, 2**31 - 1])
def test_an_instrument_that_nobody_knows_is_an_error_and_nothing_is_read(index: int) -> None:
    made = texts([Instrument("BINANCE", "A")])
    trades = np.zeros(1, TRADE)
    trades["instrument"] = index
    with pytest.raises(IndexError):
        JsonTrades(made).body(trades)
    with pytest.raises(IndexError):
        JsonRows(made, ("id",)).body(np.array([index]), unknown(64), 1)


def test_an_instrument_asked_for_twice_is_an_error_and_nothing_is_written_beyond_the_room() -> None:
    rows = JsonRows(texts([Instrument("BINANCE", symbol) for symbol in "AB"]), ("id",))
    for ids in ([0, 0], [1, 0]):
        with pytest.raises(IndexError):
            rows.body(np.array(ids), unknown(64), 1)


def test_whatever_fields_clients_choose_the_pool_of_texts_grows_with_the_instruments_alone() -> None:
    made = texts([Instrument("BINANCE", "A")])
    for seed in range(500):
        chosen = np.random.default_rng(seed).permutation(wire.ALL)[:10]
        JsonRows(made, tuple(chosen.tolist()))
    assert made.pool.size == texts([]).pool.size


def test_messagepack_is_what_it_was() -> None:
    names = Names([Instrument("BINANCE", "A"), Instrument("X", "Ü")])
    records, trades = unknown(2), np.zeros(3, TRADE)
    trades["seq"], trades["instrument"] = range(3), (0, 1, 0)
    rows = PackedRows(names, wire.ALL)
    for price in (1, 2):
        records["price"], records["revision"] = price, price
        told = [msgspec.msgpack.encode(wire.row(*pair)) for pair in zip(names, wire.unpack(records), strict=True)]
        assert rows.body(np.arange(2), records, price) == b"".join(told)
    told = [msgspec.msgpack.encode(wire.trade(names[each.instrument], each)) for each in wire.unpack_trades(trades)]
    assert PackedTrades(names).body(trades) == b"".join(told)


def test_five_recorded_venues_are_told_as_the_reference_tells_them() -> None:
    engine, live = Engine(feeds.by_venue, EngineConfig()), LiveMarket()
    engine.adopt(everything.epochs())
    mirror, frames, since = Mirror(live), everything.frames(), 0
    some = ("id", "ask", "bid", "change_percent", "lag_ms", "price", "volume")
    for begin in range(0, len(frames), 500):
        live.apply(
            engine.process(frames.take(slice(begin, begin + 500))), engine.instruments, engine.latest.records, begin
        )
        mirror.refresh()
        instruments = list(engine.instruments)
        changed = np.flatnonzero(mirror.columns["revision"][: mirror.count] > 0)
        named = [instruments[index] for index in changed]
        for fields in (None, some):
            told = bytes(mirror.rows(changed, wire.Form("json", fields)))
            assert told == b",".join(rows_by_reference(named, live.records(changed), fields or wire.ALL))
        found = live.trades(since)
        since = found.end
        assert bytes(mirror.trades(found.trades, "json")) == b",".join(trades_by_reference(instruments, found.trades))
    assert since > 300
