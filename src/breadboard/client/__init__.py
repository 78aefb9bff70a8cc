"""The Python client: everything that the server knows, typed, now or as it happens.

    from breadboard.client import Client

    with Client() as client:                              # http://127.0.0.1:8080
        print(client.stock("BTCUSDT").price)              # a Decimal
        frame = client.history("BTCUSDT", start="2026-11-26").polars()
        with client.stream("BTCUSDT", channels=["trade"], hz=0) as stream:
            for row in stream:                            # every trade once, a Gap where one is missing
                print(row)

It imports nothing of the server, so it starts fast. ``AsyncClient`` is the same for an event loop.
"""

from breadboard.client.asking import Answer, LagTable, Stocks
from breadboard.client.asynchronous import AsyncClient, AsyncPages
from breadboard.client.errors import (
    Ambiguous,
    BadQuestion,
    Busy,
    ClientError,
    MissingPackage,
    NotAllowed,
    NotFound,
    Outdated,
    Refused,
    ServerDefect,
    StreamRefused,
    Unreachable,
    Unreadable,
)
from breadboard.client.instants import Instant
from breadboard.client.people import Key, Rule, Ticket, Trial, Watchlist
from breadboard.client.recorded import (
    Alert,
    Anomaly,
    AsOf,
    Bar,
    BookSnapshot,
    Feature,
    GapRow,
    Opportunity,
    Quote,
    Trade,
)
from breadboard.client.rows import Book, Day, Feed, Lag, LastQuote, LastTrade, Level, Row, Stock, Tick
from breadboard.client.sync import Client, Pages
from breadboard.client.told import Gap, Status

__all__ = [
    "Alert", "Ambiguous", "Anomaly", "Answer", "AsOf", "AsyncClient", "AsyncPages", "BadQuestion", "Bar", "Book",
    "BookSnapshot", "Busy", "Client", "ClientError", "Day", "Feature", "Feed", "Gap", "GapRow", "Instant", "Key", "Lag",
    "LagTable", "LastQuote", "LastTrade", "Level", "MissingPackage", "NotAllowed", "NotFound", "Opportunity",
    "Outdated", "Pages", "Quote", "Refused", "Row", "Rule", "ServerDefect", "Status", "Stock", "Stocks",
    "StreamRefused", "Tick", "Ticket", "Trade", "Trial", "Unreachable", "Unreadable", "Watchlist",
]  # fmt: skip
