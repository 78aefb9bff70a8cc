"""What clients are told about an instrument or a trade: plain values, numbers as exact decimal strings.

``id, price, time, exchange, quote_type, market_hours, change_percent, change, price_hint`` are names that clients of
other feeds know; the rest are added. Times are integers: ``time`` in ms, ``ts_*`` in ns UTC (JavaScript rounds those
to a quarter of a microsecond). What the venue did not say is null, never 0.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from breadboard.api.feeds import provenance
from breadboard.api.ring import TRADE
from breadboard.api.state import STATE
from breadboard.model.decimals import ABSENT, PRICE_DECIMALS, price_text, size_text
from breadboard.model.instruments import Instrument
from breadboard.model.kinds import Flag, Side

Record = NamedTuple("Record", [(name, int) for name in STATE.names or ()])  # type: ignore[misc] # fields made from STATE
Print = NamedTuple("Print", [(name, int) for name in TRADE.names or ()])  # type: ignore[misc] # fields made from TRADE

_STEPS: Final = tuple(10 ** (PRICE_DECIMALS - decimals) for decimals in range(PRICE_DECIMALS + 1))
_SIDES: Final = {int(side): side.name.lower() for side in Side if side}
_ROUND_THE_CLOCK: Final = ("BINANCE", "COINBASE", "KRAKEN", "OKX", "BITSTAMP", "BYBIT")
"""Venues (and their derivatives, ``BINANCE_USDM``) that trade cryptocurrency without a close."""


FIELDS: Final = frozenset(
    (
        *("id", "symbol", "exchange", "quote_type", "market_hours", "price", "price_hint", "time", "change"),
        *("change_percent", "bid", "bid_size", "ask", "ask_size", "volume", "trades", "side", "ts_event", "ts_recv"),
        *("ts_engine", "lag_ms", "provenance", "delayed", "conflated"),
    )
)
"""The fields of ``row``, of which a client may choose some."""


class Form(NamedTuple):
    """How a client gets its rows."""

    codec: str
    """``json`` or ``msgpack``."""
    fields: tuple[str, ...] | None = None
    """None: all of ``FIELDS``."""


def unpack(records: NDArray[np.void]) -> Iterator[Any]:
    """Return ``STATE`` records as tuples with the fields' names and plain integers."""
    return map(Record._make, records.tolist())


def unpack_trades(trades: NDArray[np.void]) -> Iterator[Any]:
    """Return ``TRADE`` rows as tuples with the fields' names and plain integers."""
    return map(Print._make, trades.tolist())


def row(instrument: Instrument, record: Any) -> dict[str, Any]:  # noqa: ANN401 - a Record, whose fields are made from STATE
    """Return one row of the channel ``quote``: the newest trade, quote and day of an instrument."""
    hint = _decimals((record.price, record.bid, record.ask))
    crypto = instrument.venue.startswith(_ROUND_THE_CLOCK)
    change = record.price - record.open if ABSENT not in (record.price, record.open) else None
    return {
        "id": instrument.id,
        "symbol": instrument.symbol,
        "exchange": instrument.venue,
        "quote_type": "cryptocurrency" if crypto else None,
        "market_hours": "24/7" if crypto else None,
        "price": _price(record.price, hint),
        "price_hint": hint,
        "time": _known(record.ts_event) and record.ts_event // 1_000_000,
        "change": None if change is None else price_text(change, hint),
        "change_percent": _percent(change, record.open),
        "bid": _price(record.bid, hint),
        "bid_size": _size(record.bid_size, record.bid_size_exp),
        "ask": _price(record.ask, hint),
        "ask_size": _size(record.ask_size, record.ask_size_exp),
        "volume": None if record.day < 0 else volume_text(record.volume_whole, record.volume_fraction),
        "trades": None if record.day < 0 else record.trades,
        "side": _side(record.side),
        "ts_event": _known(record.ts_event),
        "ts_recv": _known(record.ts_recv),
        "ts_engine": _known(record.ts_engine),
        "lag_ms": _lag_ms(record.ts_event, record.ts_recv),
        "provenance": str(provenance(record.flags)),
        "delayed": bool(record.flags & Flag.DELAYED),
        "conflated": bool(record.flags & Flag.CONFLATED),
    }


def stock(instrument: Instrument, record: Any, feed: dict[str, Any], now: int) -> dict[str, Any]:  # noqa: ANN401 - a Record
    """Return an instrument in full: ``row`` and its trade, quote and day apart, with state and age at ``now``."""
    flat = row(instrument, record)
    hint = flat["price_hint"]
    day = None
    if record.day >= 0:
        day = {
            "date": datetime.fromtimestamp(record.day * 86_400, UTC).date().isoformat(),
            **{name: price_text(getattr(record, name), hint) for name in ("open", "high", "low")},
            **{name: flat[name] for name in ("volume", "trades", "change", "change_percent")},
        }
    trade = None
    if record.price != ABSENT:
        trade = {
            "price": flat["price"],
            "size": _size(record.size, record.size_exp),
            "side": flat["side"],
            "trade_id": _known(record.trade_id),
            "ts_event": _known(record.trade_ts_event),
            "ts_recv": _known(record.trade_ts_recv),
        }
    quote = None
    if record.quote_ts_recv != ABSENT:
        both = ABSENT not in (record.bid, record.ask)
        quote = {
            **{name: flat[name] for name in ("bid", "bid_size", "ask", "ask_size")},
            "spread": price_text(record.ask - record.bid, hint) if both else None,
            "ts_event": _known(record.quote_ts_event),
            "ts_recv": _known(record.quote_ts_recv),
        }
    return {
        **flat,
        "venue": instrument.venue,
        "feed": feed.get("feed"),
        "state": feed.get("state", "stale"),
        "age_ms": None if record.ts_seen == ABSENT else max(0, now - record.ts_seen) // 1_000_000,
        "trade": trade,
        "quote": quote,
        "day": day,
    }


def trade(instrument: Instrument, item: Any) -> dict[str, Any]:  # noqa: ANN401 - a Print, whose fields are made from TRADE
    """Return one row of the channel ``trade``."""
    return {
        "seq": item.seq,
        "id": instrument.id,
        "symbol": instrument.symbol,
        "exchange": instrument.venue,
        "price": price_text(item.price),
        "size": _size(item.size, item.size_exp),
        "side": _side(item.side),
        "trade_id": _known(item.trade_id),
        "ts_event": _known(item.ts_event),
        "ts_recv": item.ts_recv,
        "ts_read": _known(item.ts_read),
        "ts_engine": item.ts_engine,
        "provenance": str(provenance(item.flags)),
        "offset": item.offset,
        "index": item.index,
    }


def volume_text(whole: int, fraction: int) -> str:
    """Return ``whole + fraction * 1e-18`` in plain digits."""
    return size_text(whole * 10**18 + fraction, -18)


def _decimals(prices: Iterable[int]) -> int:
    """Return the decimals, at least two, that all of these prices can be told with."""
    hint = 2
    for price in prices:
        if price != ABSENT:
            while price % _STEPS[hint]:
                hint += 1
    return hint


def _price(price: int, hint: int) -> str | None:
    return None if price == ABSENT else price_text(price, hint)


def _size(size: int, size_exp: int) -> str | None:
    return None if size == ABSENT else size_text(size, size_exp)


def _side(side: int) -> str | None:
    return _SIDES.get(side)


def _known(value: int) -> int | None:
    return None if value == ABSENT else value


def _lag_ms(ts_event: int, ts_recv: int) -> float | None:
    """Return the network lag as it is: a negative one is a clock to be suspected, not a number to be hidden."""
    return None if ABSENT in (ts_event, ts_recv) else round((ts_recv - ts_event) / 1e6, 3)


def _percent(change: int | None, base: int) -> str | None:
    """Return ``100 * change / base`` with two to four decimals, rounded half away from zero."""
    if change is None or base <= 0:
        return None
    units = (abs(change) * 2_000_000 + base) // (2 * base)
    return price_text((-units if change < 0 else units) * 100_000, 2)
