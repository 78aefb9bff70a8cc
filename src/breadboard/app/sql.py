"""One read-only question, to the process that owns the store, or to the store itself when nobody runs."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from breadboard.app import client
from breadboard.app.house import open_store
from breadboard.app.places import Places
from breadboard.errors import UsageError
from breadboard.store import formats, guard


def ask(data_dir: Path, query: str, form: str) -> Iterator[bytes]:
    """Yield the answer in ``form`` (table, json, csv, arrow). Raises QueryRefused for anything but one query."""
    places = Places(data_dir)
    running = places.running()
    if running is not None:
        question = {"query": query, "format": "arrow"}
        status, body = client.post_json(running.address, "/api/v1/sql", question, key=places.house_key())
        if status != 200:
            raise client.problem(body, status)
        yield from formats.render(pa.ipc.open_stream(body), form)
        return
    guard.check(query)
    if not places.store.is_dir():
        raise UsageError(
            f"there is no store under {data_dir}", hint=f"breadboard up --data-dir {data_dir}   # or breadboard replay"
        )
    with open_store(places.config(), places) as store:
        yield from formats.render(store.ask(query), form)
