"""Watchlists in the database: symbols by name."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from breadboard.settings.schema import WATCHLISTS


class Watchlist(msgspec.Struct, frozen=True):
    """Symbols that belong together."""

    name: str
    symbols: tuple[str, ...]
    changed_ns: int
    owner: int | None
    """The user whose it is; None: the house."""


async def all_of(work: AsyncConnection) -> list[Watchlist]:
    """Return every watchlist, by name."""
    found = await work.execute(sa.select(WATCHLISTS))
    lists = [
        Watchlist(row["name"], tuple(msgspec.json.decode(row["symbols"])), row["changed_ns"], row["owner"])
        for row in found.mappings()
    ]
    return sorted(lists, key=lambda one: one.name)


async def one_of(work: AsyncConnection, name: str) -> Watchlist | None:
    """Return the watchlist of a name."""
    return next((one for one in await all_of(work) if one.name == name), None)


async def put(work: AsyncConnection, name: str, symbols: Sequence[str], now_ns: int, owner: int | None = None) -> None:
    """Write a watchlist; one that is there keeps its owner."""
    text = msgspec.json.encode(list(symbols)).decode()
    values = {"symbols": text, "changed_ns": now_ns}
    changed = await work.execute(sa.update(WATCHLISTS).where(WATCHLISTS.c.name == name).values(values))
    if not changed.rowcount:
        await work.execute(sa.insert(WATCHLISTS).values(name=name, owner=owner, **values))


async def remove(work: AsyncConnection, name: str) -> bool:
    """Take a watchlist away, and tell whether there was one."""
    gone = await work.execute(sa.delete(WATCHLISTS).where(WATCHLISTS.c.name == name))
    return bool(gone.rowcount)
