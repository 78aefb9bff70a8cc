"""Alert rules in the database: every change is an edition of its own, and one that was removed keeps its history."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from breadboard.model.rules import Rule
from breadboard.settings.schema import RULES


class Edition(msgspec.Struct, frozen=True):
    """One rule as it was from a moment on."""

    rule: Rule
    number: int
    """Counts the changes of a name, from 1."""
    removed: bool
    changed_ns: int
    owner: int | None
    """The user whose it is; None: the house."""


async def newest(work: AsyncConnection) -> list[Edition]:
    """Return the newest edition of each rule, by name, also of those that were removed."""
    last = sa.select(RULES.c.name, sa.func.max(RULES.c.number).label("number")).group_by(RULES.c.name).subquery()
    both = (RULES.c.name == last.c.name) & (RULES.c.number == last.c.number)
    found = await work.execute(sa.select(RULES).join(last, both))
    # Sorted here: databases have orders of their own for text.
    return sorted((_edition(row) for row in found.mappings()), key=lambda one: one.rule.name)


async def standing(work: AsyncConnection) -> list[Edition]:
    """Return the newest edition of each rule that was not removed, by name."""
    return [one for one in await newest(work) if not one.removed]


async def history(work: AsyncConnection, name: str) -> list[Edition]:
    """Return every edition of a rule, in order."""
    found = await work.execute(sa.select(RULES).where(RULES.c.name == name).order_by(RULES.c.number))
    return [_edition(row) for row in found.mappings()]


async def put(work: AsyncConnection, rules: Sequence[Rule], now_ns: int, owner: int | None = None) -> None:
    """Write rules, new or changed; one that is as it was is left alone. A rule that stands keeps its owner."""
    known = {one.rule.name: one for one in await newest(work)}
    for rule in rules:
        before = known.get(rule.name)
        if before is None or before.removed:
            await _write(work, rule, before, now_ns, owner)
        elif before.rule != rule:
            await _write(work, rule, before, now_ns, before.owner)


async def remove(work: AsyncConnection, name: str, now_ns: int) -> bool:
    """Take a rule away, and tell whether there was one; its history stays."""
    before = next((one for one in await standing(work) if one.rule.name == name), None)
    if before is None:
        return False
    await _write(work, before.rule, before, now_ns, before.owner, removed=True)
    return True


async def _write(
    work: AsyncConnection,
    rule: Rule,
    before: Edition | None,
    now_ns: int,
    owner: int | None,
    *,
    removed: bool = False,
) -> None:
    row = {
        "name": rule.name,
        "number": 1 if before is None else before.number + 1,
        "version": rule.version,
        "text": msgspec.json.encode(rule).decode(),
        "removed": removed,
        "changed_ns": now_ns,
        "owner": owner,
    }
    await work.execute(sa.insert(RULES).values(row))


def _edition(row: Any) -> Edition:  # noqa: ANN401 - a mapping of SQLAlchemy's
    rule = msgspec.json.decode(row["text"], type=Rule)
    return Edition(rule, row["number"], row["removed"], row["changed_ns"], row["owner"])
