"""API keys in the database, each of a user."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from breadboard.settings.credentials import DAY_NS, ApiKey, NewKey, Scope, generated
from breadboard.settings.schema import KEYS, USERS


async def add(work: AsyncConnection, name: str, scope: Scope, days: int, now_ns: int) -> NewKey:
    """Make a key for a user, who is made as well where there is none of the name."""
    found = await work.execute(sa.select(USERS.c.id).where(USERS.c.name == name))
    user = found.scalar()
    if user is None:
        made = await work.execute(sa.insert(USERS).values(name=name, created_ns=now_ns).returning(USERS.c.id))
        user = made.scalar_one()
    new = generated(user, name, scope, now_ns, now_ns + days * DAY_NS)
    row = {"id": new.key.id, "user_id": user, "scope": scope.value, "hash": new.key.hash}
    await work.execute(sa.insert(KEYS).values(created_ns=now_ns, expires_ns=new.key.expires_ns, **row))
    return new


async def all_of(work: AsyncConnection) -> list[ApiKey]:
    """Return every key that there ever was, the oldest first."""
    columns = [KEYS.c[name] for name in ("id", "scope", "hash", "created_ns", "expires_ns", "revoked_ns")]
    question = sa.select(*columns, USERS.c.id.label("user"), USERS.c.name).join(USERS, USERS.c.id == KEYS.c.user_id)
    found = await work.execute(question.order_by(KEYS.c.created_ns, KEYS.c.id))
    return [ApiKey(**{**row, "scope": Scope(row["scope"])}) for row in found.mappings()]


async def revoke(work: AsyncConnection, number: str, now_ns: int) -> bool:
    """Revoke a key, and tell whether there was one that was not revoked yet."""
    which = (KEYS.c.id == number) & KEYS.c.revoked_ns.is_(None)
    changed = await work.execute(sa.update(KEYS).where(which).values(revoked_ns=now_ns))
    return bool(changed.rowcount)
