"""The Python client and its notebook against a real `breadboard up`."""

import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

import nbclient
import nbformat
import pytest

from breadboard.app.up import SIMULATED
from breadboard.client import Client, Gap, Status, Tick, Trade
from scenarios.house import House, ticking, wait_for

NOTEBOOK = Path(__file__).parents[2] / "docs" / "client.ipynb"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with ticking(tmp_path_factory.mktemp("client") / "data") as found:
        yield found


@pytest.fixture
def client(house: House) -> Iterator[Client]:
    with Client(house.address) as client:
        yield client


def test_the_market_is_typed_from_stocks_to_stored_trades(client: Client) -> None:
    count = sum(map(len, SIMULATED.values()))
    wait_for("all instruments", lambda: len(client.stocks().data) == count)
    wait_for("a trade", lambda: client.stock("BTCUSDT").trade)
    stock = client.stock("BTCUSDT")
    assert stock.price is not None
    assert stock.price > 0
    assert (stock.venue, stock.provenance) == ("BINANCE", "synthetic")
    wait_for("a book", lambda: client.book("BTCUSDT").bids)
    book = client.book("BTCUSDT")
    assert book.bids[0].price < book.asks[0].price
    wait_for("stored trades", lambda: len(client.history("BTCUSDT", "trades").rows()) > 20)
    history = client.history("BTCUSDT", "trades", end=time.time_ns(), page=7)
    trades = history.rows()
    numbers = [trade.trade_id for trade in trades]
    assert numbers == sorted(set(numbers), key=numbers.index)
    assert history.requests == -(-len(trades) // 7)
    table = client.history("BTCUSDT", "trades", end=trades[-1].ts_recv + 1, page=7).arrow()
    assert table["price"].to_pylist() == [trade.price for trade in trades]
    found = client.sql(f"select count() n from trades where symbol = 'BTCUSDT' and offset <= {trades[-1].offset}")
    assert int(found.data[0]["n"]) >= len(trades)
    assert {row.hop for row in client.lag().total} >= {"network", "journal", "engine"}


def test_a_stream_has_what_the_store_has(client: Client) -> None:
    with client.stream(["BTCUSDT", "ETHUSDT"], ["trade"], hz=0) as stream:
        told = list(islice(stream, 60))
    trades = [row for row in told if isinstance(row, Trade) and row.symbol == "BTCUSDT"]
    assert not [row for row in told if isinstance(row, Gap)]
    last = trades[-1].trade_id

    def stored() -> list[Decimal]:
        rows = client.history("BTCUSDT", "trades", start=trades[0].ts_recv).rows()
        numbers = [row.trade_id for row in rows]
        if last not in numbers:
            return []
        return [row.price for row in rows[numbers.index(trades[0].trade_id) : numbers.index(last) + 1]]

    assert wait_for("the same trades in the store", stored) == [trade.price for trade in trades]


def test_quotes_and_heartbeats_come_together(client: Client) -> None:
    with client.stream("*", ["quote", "status"]) as stream:
        rows = list(islice(stream, 200))
    assert {row.provenance for row in rows if isinstance(row, Tick)} == {"synthetic"}
    assert {row.feed for row in rows if isinstance(row, Status)} == {"live"}


def test_the_notebook_runs_and_is_kept_without_outputs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call] # it has no types
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code), "clear all outputs"
    monkeypatch.setenv("BREADBOARD_ADDRESS", house.address)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    assert all(cell.outputs for cell in code[1:])
