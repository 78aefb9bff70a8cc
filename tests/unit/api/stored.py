"""A real store with a short market in it, served."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import outputs_made as made
from breadboard.api.app import create_app
from breadboard.api.server import running
from breadboard.api.services import Limits
from breadboard.clock import ManualClock
from breadboard.store.clickhouse import ClickHouseStore
from breadboard.store.writer import StoreWriter
from unit.api.market import Market, services

ROWS = 3000
"""Offsets in the store: trades, quotes and book deltas in turn of three symbols, a millisecond apart."""
LATER = made.START + 3600 * 10**9
"""When the engine took them, on the clock of the ledger."""


class Stored:
    """A client of a served store, and the store."""

    def __init__(self, store: ClickHouseStore, client: httpx.Client, market: Market) -> None:
        self.store = store
        self.client = client
        self.market = market

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask for something of the API."""
        return self.client.get(f"/api/v1/{path}", headers=headers)

    def insert(self, table: str, columns: str, *rows: str) -> None:
        """Write rows as SQL spells them."""
        self.store.command(f"INSERT INTO {table} ({columns}) VALUES {', '.join(rows)}")


@contextmanager
def stored(path: Path, limits: Limits | None = None) -> Iterator[Stored]:
    """Fill a store under ``path`` and serve it."""
    with ClickHouseStore.open(f"chdb://{path}/store") as store:
        writer = StoreWriter(store, path / "intents")
        empty = made.outputs(0, 0).bars
        writer.write(made.outputs(0, ROWS), empty, made.instruments(), ts_engine=LATER)
        writer.close()
        market = Market(ManualClock())
        app = create_app(services(market, store, limits=limits))
        with running(app) as address, httpx.Client(base_url=address, timeout=60) as client:
            yield Stored(store, client, market)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """One for the tests of a module."""
    with stored(tmp_path_factory.mktemp("stored")) as found:
        yield found
