"""Sessions in the database: what a browser has in the place of a key, each of one key and for some hours."""

from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from breadboard.settings.schema import SESSIONS

MOST: Final = 20
"""Of one key; the oldest ends for one more."""


class Session(msgspec.Struct, frozen=True):
    """A session as it is kept. What the browser shows cannot be made of it again."""

    hash: str
    key: str
    """The id of the key."""
    created_ns: int
    expires_ns: int


async def add(work: AsyncConnection, session: Session) -> None:
    """Keep a session; those that are over by its beginning, and those of its key that are too many, are forgotten."""
    of_key = sa.select(SESSIONS.c.hash).where(SESSIONS.c.key_id == session.key)
    oldest = of_key.order_by(SESSIONS.c.created_ns.desc(), SESSIONS.c.hash).offset(MOST - 1)
    surplus = [row.hash for row in await work.execute(oldest)]
    gone = (SESSIONS.c.expires_ns <= session.created_ns) | SESSIONS.c.hash.in_(surplus)
    await work.execute(sa.delete(SESSIONS).where(gone))
    row = {"hash": session.hash, "key_id": session.key}
    await work.execute(sa.insert(SESSIONS).values(created_ns=session.created_ns, expires_ns=session.expires_ns, **row))


async def holding(work: AsyncConnection, now_ns: int) -> list[Session]:
    """Return the sessions that are not over, the oldest first."""
    columns = [SESSIONS.c.hash, SESSIONS.c.key_id.label("key"), SESSIONS.c.created_ns, SESSIONS.c.expires_ns]
    question = sa.select(*columns).where(SESSIONS.c.expires_ns > now_ns)
    found = await work.execute(question.order_by(SESSIONS.c.created_ns, SESSIONS.c.hash))
    return [Session(**row) for row in found.mappings()]


async def end(work: AsyncConnection, number: str) -> None:
    """Forget the session of this hash."""
    await work.execute(sa.delete(SESSIONS).where(SESSIONS.c.hash == number))
