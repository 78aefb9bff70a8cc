"""What clients are told about an instrument or a trade: plain values, numbers as exact decimal strings.

``id, price, time, exchange, quote_type, market_hours, change_percent, change, price_hint`` are names that clients of
other feeds know; the rest are added. ``change_from`` says what the change is against. Times are integers: ``time`` in
ms, ``ts_*`` in ns UTC (JavaScript rounds those to a quarter of a microsecond). What the venue did not say is null,
never 0.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
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
from breadboard.model.listing import DAY_OPEN, MARKET_HOURS, PREVIOUS_CLOSE, QUOTE_TYPES
from breadboard.store.rows import UNCOUNTED

Record = NamedTuple("Record", [(name, int) for name in STATE.names or ()])  # type: ignore[misc] # fields made from STATE
Print = NamedTuple("Print", [(name, int) for name in TRADE.names or ()])  # type: ignore[misc] # fields made from TRADE

_STEPS: Final = tuple(10 ** (PRICE_DECIMALS - decimals) for decimals in range(PRICE_DECIMALS + 1))
_DELAYED, _CONFLATED = int(Flag.DELAYED), int(Flag.CONFLATED)
_SIDES: Final = {int(side): side.name.lower() for side in Side if side}
ROUND_THE_CLOCK: Final = "24/7"
_NEVER_CLOSE: Final = ("BINANCE", "COINBASE", "KRAKEN", "OKX", "BITSTAMP", "BYBIT")
"""Venues (and their derivatives, ``BINANCE_USDM``) that trade cryptocurrency without a close."""


class Form(NamedTuple):
    """How a client gets its rows."""

    codec: str
    """``json`` or ``msgpack``."""
    fields: tuple[str, ...] | None = None
    """None: all of ``FIELDS``."""


def _stated(record: Any) -> int:  # noqa: ANN401 - a Record
    """Return when the venue says the newest row was: the newest trade, after a quote without a time (Binance spot)."""
    time: int = record.trade_ts_event if record.ts_event == ABSENT else record.ts_event
    return time


def unpack(records: NDArray[np.void]) -> Iterator[Any]:
    """Return ``STATE`` records as tuples with the fields' names and plain integers."""
    return map(Record._make, records.tolist())


def unpack_trades(trades: NDArray[np.void]) -> Iterator[Any]:
    """Return ``TRADE`` rows as tuples with the fields' names and plain integers."""
    return map(Print._make, trades.tolist())


_ROW: Final[dict[str, Callable[[Instrument, Any, int], Any]]] = {
    "id": lambda instrument, _, __: instrument.id,
    "symbol": lambda instrument, _, __: instrument.symbol,
    "exchange": lambda instrument, _, __: instrument.venue,
    "quote_type": lambda instrument, record, _: (
        _word(QUOTE_TYPES, record.quote_type) or ("cryptocurrency" if _never_closes(instrument) else None)
    ),
    "market_hours": lambda instrument, record, _: (
        _word(MARKET_HOURS, record.market_hours) or (ROUND_THE_CLOCK if _never_closes(instrument) else None)
    ),
    "price": lambda _, record, hint: _price(record.price, hint),
    "price_hint": lambda _, __, hint: hint,
    "time": lambda _, record, __: _known(_stated(record)) and _stated(record) // 1_000_000,
    "change": lambda _, record, hint: _price(_change(record.price, _base(record)), hint),
    "change_percent": lambda _, record, __: _percent(_change(record.price, _base(record)), _base(record)),
    "change_from": lambda _, record, __: _change_from(record),
    "bid": lambda _, record, hint: _price(record.bid, hint),
    "bid_size": lambda _, record, __: _size(record.bid_size, record.bid_size_exp),
    "ask": lambda _, record, hint: _price(record.ask, hint),
    "ask_size": lambda _, record, __: _size(record.ask_size, record.ask_size_exp),
    "volume": lambda _, record, __: (
        None if record.day < 0 else volume_text(record.volume_whole, record.volume_fraction)
    ),
    "trades": lambda _, record, __: None if record.day < 0 else record.trades,
    "side": lambda _, record, __: _side(record.side),
    "ts_event": lambda _, record, __: _known(record.ts_event),
    "ts_recv": lambda _, record, __: _known(record.ts_recv),
    "ts_engine": lambda _, record, __: _known(record.ts_engine),
    "lag_ms": lambda _, record, __: _lag_ms(record.ts_event, record.ts_recv),
    # Where no row has come, as of imported bars alone, nobody says: no flags are those of a live row, too.
    "provenance": lambda _, record, __: str(provenance(record.flags)) if record.updates else "",
    "delayed": lambda _, record, __: bool(record.flags & _DELAYED),
    "conflated": lambda _, record, __: bool(record.flags & _CONFLATED),
}
"""How each field is made of an instrument, its record, and the decimals that all of its prices can be told with."""
ALL: Final = tuple(_ROW)
FIELDS: Final = frozenset(ALL)
"""The fields of ``row``, of which a client may choose some."""


def row(instrument: Instrument, record: Any, fields: Iterable[str] = _ROW) -> dict[str, Any]:  # noqa: ANN401 - a Record, whose fields are made from STATE
    """Return ``fields`` of one row of the channel ``quote``: the newest trade, quote and day of an instrument."""
    hint = _decimals((record.price, record.bid, record.ask))
    return {name: _ROW[name](instrument, record, hint) for name in fields}


def stock(instrument: Instrument, record: Any, feed: dict[str, Any], now: int) -> dict[str, Any]:  # noqa: ANN401 - a Record
    """Return an instrument in full: ``row`` and its trade, quote and day apart, with state and age at ``now``."""
    flat = row(instrument, record)
    hint = flat["price_hint"]
    day = None
    if record.day >= 0:
        moved = _change(record.price, record.open)
        day = {
            "date": datetime.fromtimestamp(record.day * 86_400, UTC).date().isoformat(),
            **{name: _price(getattr(record, name), hint) for name in ("open", "high", "low")},
            **{name: flat[name] for name in ("volume", "trades")},
            "change": _price(moved, hint),
            "change_percent": _percent(moved, record.open),
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
        "price": _price(item.price, 0),
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
        "uncounted": UNCOUNTED[item.code],
        "flags": item.flags,
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


def _never_closes(instrument: Instrument) -> bool:
    return instrument.venue.startswith(_NEVER_CLOSE)


def _word(words: Sequence[str], value: int) -> str | None:
    return words[value] or None if value < len(words) else None


def _base(record: Any) -> int:  # noqa: ANN401 - a Record
    """Return what the price is compared with: the previous close, or the day's open where that is not known."""
    base: int = record.open if record.previous_close == ABSENT else record.previous_close
    return base


def _change_from(record: Any) -> str | None:  # noqa: ANN401 - a Record
    if record.previous_close != ABSENT:
        return PREVIOUS_CLOSE
    return None if record.open == ABSENT else DAY_OPEN


def _change(price: int, base: int) -> int:
    """Return what a price is above another; ABSENT where one of them is."""
    return price - base if ABSENT not in (price, base) else ABSENT


def _percent(change: int, base: int) -> str | None:
    """Return ``100 * change / base`` with two to four decimals, rounded half away from zero."""
    if change == ABSENT or base <= 0:
        return None
    units = (abs(change) * 2_000_000 + base) // (2 * base)
    return price_text((-units if change < 0 else units) * 100_000, 2)
