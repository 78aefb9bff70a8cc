"""The state of the market, against a plain model that loops over rows and counts with Decimal."""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.api import wire
from breadboard.api.feeds import harms
from breadboard.api.stock_rows import StockRows
from breadboard.clock import ManualClock
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.kinds import EventKind, Flag, GapReason, Provenance, StatusCode, Uncounted
from unit.api.market import SECOND, Market

DAY = 86_400 * SECOND
PRICES = st.decimals("0.00000001", "99999", places=8).map(str)
SIZES = st.decimals(0, 10**7, places=10).map(lambda size: f"{size:f}")


@dataclass
class Plain:
    """One instrument, row by row."""

    price: Decimal | None = None
    ts_event: int = -1
    day: int = -1
    prints: list[tuple[Decimal, Decimal]] = field(default_factory=list)

    def take(self, price: str, size: str, ts_event: int, flags: int) -> None:
        """Take one trade."""
        if flags & Flag.DUPLICATE:
            return
        if ts_event >= self.ts_event:
            self.price, self.ts_event = Decimal(price), ts_event
        day = ts_event // DAY
        if flags & Flag.LAST_KNOWN or day < self.day:
            return
        if day > self.day:
            self.day, self.prints = day, []
        self.prints.append((Decimal(price), Decimal(size)))


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["A", "B", "C"]),
            PRICES,
            SIZES,
            st.integers(-1, 2),
            st.sampled_from([0, 0, 0, int(Flag.DUPLICATE), int(Flag.LAST_KNOWN)]),
        ),
        max_size=40,
    ),
    st.integers(1, 40),
)
def test_day_statistics_are_those_of_a_plain_loop_whatever_the_batches(
    trades: list[tuple[str, str, str, int, int]], batch: int
) -> None:
    market, plain = Market(ManualClock()), defaultdict[str, Plain](Plain)
    start = market.live.now()
    rows = []
    for symbol, price, size, day, flags in trades:
        ts = start + day * DAY
        rows.append(market.trade(price, size, symbol=symbol, ts_event=ts, ts_recv=ts, flags=flags))
        plain[symbol].take(price, size, ts, flags)
    for at in range(0, len(rows), batch):
        market.apply(*rows[at : at + batch])
    for record, instrument in zip(wire.unpack(market.live.records()), market.instruments, strict=False):
        expected = plain[instrument.symbol]
        stock = wire.stock(instrument, record, {}, start)
        assert (stock["price"] and Decimal(stock["price"])) == expected.price
        if not expected.prints:
            assert stock["day"] is None
            continue
        prices = [price for price, _ in expected.prints]
        assert Decimal(stock["day"]["open"]) == prices[0]
        assert Decimal(stock["day"]["high"]) == max(prices)
        assert Decimal(stock["day"]["low"]) == min(prices)
        assert Decimal(stock["day"]["volume"]) == sum(size for _, size in expected.prints)
        assert stock["day"]["trades"] == len(expected.prints)
        assert expected.price is not None
        assert Decimal(stock["day"]["change"]) == expected.price - prices[0]


def stock_of(market: Market, index: int) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(StockRows(market.live).body([index]))
    return found


def test_a_restored_market_is_the_one_before_with_its_age_and_without_a_feed() -> None:
    clock = ManualClock()
    before = Market(clock)
    before.apply(before.trade("10", "0.5"), before.quote("9", "11"), before.trade("12", "0.25"))
    before.apply(before.trade("11", "1"), before.quote("1", None, symbol="THIN"))
    clock.advance(60 * SECOND)
    after = Market(clock)
    after.latest.restore(before.latest.snapshot())
    after.live.restore(before.instruments, after.latest.records, before.offset)
    fields = ("trade", "quote", "day", "provenance", "price", "bid", "ask", "age_ms")
    for id_ in range(2):
        old, new = (stock_of(market, id_) for market in (before, after))
        assert {name: new[name] for name in fields} == {name: old[name] for name in fields}
        assert (new["feed"], new["state"], new["age_ms"], new["ts_engine"]) == (None, "stale", 60_000, None)
    assert (after.live.position, after.live.ticked, len(after.live.changed(0)[0])) == (5, False, 2)
    after.instruments, after.offset = before.instruments, before.offset
    after.apply(after.trade("13", "0.25"))
    stock = stock_of(after, 0)
    assert (stock["day"]["open"], stock["day"]["volume"], stock["day"]["trades"]) == ("10.00", "2", 4)
    assert (stock["feed"], stock["state"], stock["age_ms"]) == ("binance-0", "live", 0)
    assert after.live.ticked


def test_the_last_row_of_each_instrument_wins_and_a_missing_side_is_null() -> None:
    market = Market(ManualClock())
    market.apply(
        market.quote("100.5", "100.7"),
        market.trade("100.6", "0.25"),
        market.quote("1.10", None, symbol="EURUSD"),
        market.quote("100.5", None),
    )
    first, second = (
        wire.stock(one, record, {}, market.live.now())
        for one, record in zip(market.instruments, wire.unpack(market.live.records()), strict=True)
    )
    assert (first["bid"], first["bid_size"], first["ask"], first["ask_size"]) == ("100.50", "1", None, None)
    assert first["quote"]["spread"] is None
    assert (first["trade"]["price"], first["trade"]["size"], first["trade"]["side"]) == ("100.60", "0.25", "buy")
    assert (second["price"], second["trade"], second["day"], second["bid"]) == (None, None, None, "1.10")


def test_change_percent_is_against_the_days_open_and_rounded_half_away_from_zero() -> None:
    market = Market(ManualClock())
    market.apply(market.trade("300"), market.trade("299.9"))
    (record,) = wire.unpack(market.live.records())
    row = wire.row(market.instruments[0], record)
    assert (row["change"], row["change_percent"]) == ("-0.10", "-0.0333")


def test_a_negative_network_lag_is_told_and_a_missing_venue_time_is_null() -> None:
    market = Market(ManualClock())
    now = market.live.now()
    market.apply(market.trade("1", ts_event=now + 5_000_000), market.trade("1", symbol="X", ts_event=ABSENT))
    ahead, silent = (
        wire.row(one, record)
        for one, record in zip(market.instruments, wire.unpack(market.live.records()), strict=True)
    )
    assert ahead["lag_ms"] == -5.0
    assert (silent["ts_event"], silent["time"], silent["lag_ms"]) == (None, None, None)


def test_a_quote_without_a_venue_time_leaves_that_of_the_trade_before_it() -> None:
    market = Market(ManualClock())
    now = market.live.now()
    market.apply(market.trade("1", ts_event=now), market.quote("0.9", "1.1", ts_event=ABSENT))
    (record,) = wire.unpack(market.live.records())
    row = wire.row(market.instruments[0], record)
    assert (row["ts_event"], row["time"]) == (None, now // 1_000_000)


def test_provenance_comes_from_the_rows_themselves() -> None:
    market = Market(ManualClock())
    market.apply(market.trade("1", symbol="S"), market.trade("1", symbol="R", flags=int(Flag.REPLAYED | Flag.DELAYED)))
    market.apply(market.trade("1", symbol="L", flags=0))
    rows = [wire.row(one, r) for one, r in zip(market.instruments, wire.unpack(market.live.records()), strict=True)]
    assert [row["provenance"] for row in rows] == ["synthetic", "replay", "live"]
    assert [row["delayed"] for row in rows] == [False, True, False]


def test_names_are_found_by_id_and_by_symbol_in_any_case() -> None:
    market = Market(ManualClock())
    market.apply(market.trade("1"), market.trade("2", venue="BINANCE_USDM"), market.trade("3", symbol="ETHUSDT"))
    assert market.live.find("btcusdt.binance") == [0]
    assert market.live.find("BTCUSDT") == [0, 1]
    assert market.live.find("ethusdt") == [2]
    assert market.live.find("nothing") == []


def test_only_changed_instruments_are_reported_and_listeners_hear_of_changes() -> None:
    market, heard = Market(ManualClock()), []
    stop = market.live.listen(lambda: heard.append(market.live.revision))
    market.apply(market.trade("1"), market.trade("1", symbol="B"))
    seen = market.live.revision
    market.apply(market.trade("2", symbol="B"))
    market.apply({"kind": int(EventKind.CLOCK)})
    ids, records, revision = market.live.changed(seen)
    assert (ids.tolist(), revision) == ([1], seen + 1)
    assert records["price"].tolist() == [2_000_000_000]
    assert heard == [1, 2]
    stop()
    market.apply(market.trade("3"))
    assert heard == [1, 2]


def test_thousands_of_instruments_fit_as_they_appear() -> None:
    market = Market(ManualClock())
    market.apply(market.trade("5"))
    market.apply(*(market.trade("7", symbol=f"S{number}") for number in range(3000)))
    assert len(market.live) == 3001
    assert market.live.records([0, 3000])["price"].tolist() == [5_000_000_000, 7_000_000_000]


def test_the_trade_sequence_has_no_holes_and_says_what_is_gone() -> None:
    market = Market(ManualClock(), trades=8)
    market.apply(*(market.trade(str(price)) for price in range(1, 6)))
    market.apply(market.trade("6", flags=int(Flag.DUPLICATE)), *(market.trade(str(price)) for price in range(6, 14)))
    read = market.live.trades(2)
    assert (read.first, read.end, read.lost) == (5, 13, 3)
    assert read.trades["seq"].tolist() == list(range(5, 13))
    assert read.trades["price"].tolist() == [price * SECOND for price in range(6, 14)]
    many = market.apply(*(market.trade(str(price)) for price in range(100, 130)))
    assert len(many.tape) == 30
    read = market.live.trades(0)
    assert read.trades["price"].tolist() == [price * SECOND for price in range(122, 130)]
    assert (read.first, read.end, read.lost) == (35, 43, 35)


def test_a_feed_is_down_after_a_disconnect_and_live_again_with_its_next_row() -> None:
    clock = ManualClock()
    market = Market(clock)

    def state() -> str:
        (feed,) = market.live.feeds()
        return str(feed["state"])

    market.apply(market.trade("1"))
    assert state() == "live"
    gap = Gap(0, GapReason.DISCONNECT, clock.wall(), clock.wall())
    market.apply({"kind": int(EventKind.GAP), "code": int(GapReason.DISCONNECT)}, gaps=((1, -1, gap),))
    assert state() == "down"
    market.apply({"kind": int(EventKind.GAP), "code": int(GapReason.SEQUENCE), "instrument": 0})
    assert state() == "down"
    market.apply(market.trade("2"))
    assert state() == "live"
    assert market.live.gaps == 1
    market.apply({"kind": int(EventKind.STATUS), "code": int(StatusCode.STALE), "ts_recv": clock.wall()})
    assert state() == "stale"


def test_a_source_that_brings_no_data_harms_by_what_it_says_and_not_by_being_down() -> None:
    clock = ManualClock()
    market = Market(clock)
    said = {"kind": int(EventKind.STATUS), "source": 3}
    opened = Epoch(3, 1, "IQFEED", "tcp://127.0.0.1:9300", (), Provenance.SYNTHETIC, open=True, aside="admin")
    market.live.epochs = {3: opened}

    def feed() -> tuple[str, str, str, bool]:
        (found,) = market.live.feeds()
        return found["feed"], found["provenance"], found["state"], harms(found)

    market.apply(said | {"code": int(StatusCode.HEARTBEAT), "ts_recv": clock.wall()})
    assert feed() == ("iqfeed-3", "synthetic", "live", False)
    market.apply(said | {"code": int(StatusCode.STALE), "ts_recv": clock.wall()})
    assert feed() == ("iqfeed-3", "synthetic", "stale", True)
    market.apply(said | {"code": int(StatusCode.FEED_DOWN), "ts_recv": clock.wall()})
    assert feed() == ("iqfeed-3", "synthetic", "down", False)
    market.live.epochs = {3: msgspec.structs.replace(opened, aside="")}
    assert feed() == ("iqfeed-3", "synthetic", "down", True)


def test_a_silent_feed_is_stale_but_a_thin_instrument_of_a_live_feed_is_not() -> None:
    clock = ManualClock()
    market = Market(clock)
    market.apply(market.trade("1", symbol="THIN"), market.trade("1"))
    clock.advance(11 * SECOND)
    assert [feed["state"] for feed in market.live.feeds()] == ["stale"]
    market.apply({"kind": int(EventKind.CLOCK), "ts_recv": clock.wall()})
    assert [feed["state"] for feed in market.live.feeds()] == ["stale"]
    market.apply(market.trade("1"))
    (feed,) = market.live.feeds()
    (thin,) = wire.unpack(market.live.records([0]))
    stock = wire.stock(market.instruments[0], thin, feed, clock.wall())
    assert (stock["state"], stock["age_ms"]) == ("live", 11_000)


def test_a_trade_that_bars_leave_out_can_be_told_as_in_pages() -> None:
    market, nothing = Market(ManualClock()), {"flags": int(Flag.LAST_KNOWN)}
    prices = {"code": int(Uncounted.PRICES), "flags": int(Flag.VOLUME_ONLY)}
    market.apply(market.trade("10"), market.trade("11") | nothing, market.trade("12") | prices)
    told = [wire.trade(market.instruments[0], item) for item in wire.unpack_trades(market.live.trades(0).trades)]
    assert [(one["uncounted"], one["flags"]) for one in told] == [
        ("", Flag.SYNTHETIC),
        ("", Flag.LAST_KNOWN),
        ("open_close high_low", Flag.VOLUME_ONLY),
    ]


def test_a_trade_without_a_size_is_told_without_one() -> None:
    market = Market(ManualClock())
    market.apply(market.trade("10.00", "2"), market.trade("11.00", "3") | {"size": ABSENT})
    told = [
        wire.trade(market.instruments[item.instrument], item)
        for item in wire.unpack_trades(market.live.trades(0).trades)
    ]
    assert [one["size"] for one in told] == ["2", None]
    (record,) = wire.unpack(market.live.records())
    stock = wire.stock(market.instruments[0], record, {}, market.live.now())
    assert (stock["trade"]["size"], stock["day"]["volume"], stock["day"]["high"]) == (None, "2", "11.00")
