"""Binance's messages as tables for the kernel: what ``binance_messages`` reads, in the frames that are as usual."""

from typing import Final

from breadboard.feeds.dialects import Key, Shape, dialect_of
from breadboard.feeds.json_dialect import (
    BEFORE_FIRST,
    BUYER_IS_MAKER,
    COUNT,
    EPOCH,
    PRICE,
    SIZE,
    SKIP,
    STREAM,
    SYMBOL,
    TYPE,
    Dialect,
)
from breadboard.feeds.json_tokens import ASKS, BIDS
from breadboard.model.kinds import EventKind, Flag

_KEYS: Final = (
    Key("stream", text=STREAM),
    Key("data"),
    Key("e", text=TYPE),
    Key("E", number=EPOCH),
    Key("T", number=EPOCH),
    Key("s", text=SYMBOL),
    Key("t", number=COUNT),
    Key("p", text=PRICE),
    Key("q", text=SIZE),
    Key("m", truth=BUYER_IS_MAKER),
    Key("u", number=COUNT),
    Key("U", number=COUNT),
    Key("pu", number=COUNT),
    Key("b", text=PRICE, number=SKIP, array=BIDS),
    Key("B", text=SIZE),
    Key("a", text=PRICE, number=COUNT, array=ASKS),
    Key("A", text=SIZE),
    Key("lastUpdateId", number=COUNT),
    Key("bids", array=BIDS),
    Key("asks", array=ASKS),
    Key("symbol", text=SYMBOL),
    Key("X", text=SKIP),
    Key("M", truth=SKIP),
    Key("f", number=SKIP),
    Key("l", number=SKIP),
    Key("ps", text=SKIP),
    Key("nq", text=SKIP),  # of USD-M's aggTrade since 2025-12-31: the quantity without trades of RPI orders
    Key("st", number=SKIP),  # seen in USD-M's messages of 2026; what it says is not verified
)
WORDS: Final = frozenset({*(key.name for key in _KEYS), "id", "result", "error", "code", "msg"})
"""Every key of the messages and answers read here, whether it is used or not: another one is news."""
_TRADE: Final = {"instrument": "s", "ts_event": "T", "side": "m", "price": "p", "size": "q", "size_exp": "q"}


def dialect(*, chained: bool) -> Dialect:
    """Return the kernel's tables. ``chained``: depth must carry ``pu``, as futures do."""
    return dialect_of(
        _KEYS,
        [
            Shape(
                EventKind.BOOK_DELTA,
                types=("depthUpdate",),
                need="s:text E:number U:number u:number b:array a:array" + (" pu:number" if chained else ""),
                columns={"instrument": "s", "ts_event": "T", "sequence_first": "U", "sequence": "u"}
                | {"sequence_prev": "pu" if chained else BEFORE_FIRST},
                time_fallback="E",
            ),
            Shape(
                EventKind.TRADE,
                types=("trade",),
                need="s:text t:number p:text q:text T:number m:truth",
                columns=_TRADE | {"trade_id": "t"},
                nonzero="p q",
            ),
            Shape(
                EventKind.TRADE,
                types=("aggTrade",),
                need="s:text a:number p:text q:text T:number m:truth",
                columns=_TRADE | {"trade_id": "a"},
                nonzero="p q",
                flags=Flag.AGGREGATED,
            ),
            Shape(
                EventKind.QUOTE,
                types=("bookTicker",),
                untyped=True,
                need="s:text u:number b:text B:text a:text A:text",
                columns={"instrument": "s", "ts_event": "T", "sequence": "u", "price": "b", "size": "B"}
                | {"size_exp": "B", "ask_price": "a", "ask_size": "A", "ask_size_exp": "A"},
                nonzero="b B a A",
                time_fallback="E",
            ),
            Shape(
                EventKind.BOOK_SNAPSHOT,
                document=True,
                need="lastUpdateId:number bids:array asks:array",
                columns={"ts_event": "T", "sequence": "lastUpdateId"},
                time_fallback="E",
            ),
        ],
    )
