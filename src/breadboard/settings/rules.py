"""Alert rules and watchlists in a database. The only file that knows SQLAlchemy.

A rule is never overwritten: each change is a row of its own with the next number, and one that was removed keeps its
history. SQLite by default, any database of SQLAlchemy's by URL.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from breadboard.clock import Clock
from breadboard.errors import BreadboardError, UsageError
from breadboard.model.rules import NAME_CHARACTERS, Rule, RuleSet

_METADATA: Final = sa.MetaData()
_RULES: Final = sa.Table(
    "rules",
    _METADATA,
    sa.Column("name", sa.String(NAME_CHARACTERS), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.String(12), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("removed", sa.Boolean, nullable=False),
    sa.Column("changed_ns", sa.BigInteger, nullable=False),
)
_WATCHLISTS: Final = sa.Table(
    "watchlists",
    _METADATA,
    sa.Column("name", sa.String(NAME_CHARACTERS), primary_key=True),
    sa.Column("symbols", sa.Text, nullable=False),
    sa.Column("changed_ns", sa.BigInteger, nullable=False),
)

_HINT: Final = '[settings] url = "postgresql+psycopg://user@host/breadboard"   # or none, for SQLite'


class Edition(msgspec.Struct, frozen=True):
    """One rule as it was from a moment on."""

    rule: Rule
    number: int
    """Counts the changes of a name, from 1."""
    removed: bool
    changed_ns: int


class RuleBook:
    """Rules by name. Every method is one transaction; raises BreadboardError where the database refuses."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._clock = clock
        try:
            self._url = sa.make_url(url)
            self._engine = sa.create_engine(self._url)
        except (SQLAlchemyError, ImportError) as error:
            said = "it is no URL" if isinstance(error, sa.exc.ArgumentError) else str(error)
            raise BreadboardError(f"the settings' database cannot be used: {said}", hint=_HINT) from None
        with self._work() as work:
            _METADATA.create_all(work)

    def ruleset(self) -> RuleSet:
        """Return the rules that are wanted now, by name, and all watchlists."""
        with self._work() as work:
            lists = work.execute(sa.select(_WATCHLISTS.c.name, _WATCHLISTS.c.symbols).order_by(_WATCHLISTS.c.name))
            watchlists = {name: tuple(msgspec.json.decode(symbols)) for name, symbols in lists}
            return RuleSet(tuple(one.rule for one in self._newest(work) if not one.removed), watchlists)

    def newest(self) -> list[Edition]:
        """Return the newest edition of each rule that was not removed, by name."""
        with self._work() as work:
            return [one for one in self._newest(work) if not one.removed]

    def history(self, name: str) -> list[Edition]:
        """Return every edition of a rule, in order."""
        with self._work() as work:
            found = work.execute(sa.select(_RULES).where(_RULES.c.name == name).order_by(_RULES.c.number))
            return [_edition(row) for row in found.mappings()]

    def put(self, rules: Sequence[Rule]) -> None:
        """Write rules, new or changed, all or none; one that is as it was is left alone."""
        with self._work() as work:
            known = {one.rule.name: one for one in self._newest(work)}
            for rule in rules:
                before = known.get(rule.name)
                if before is None or before.removed or before.rule != rule:
                    self._write(work, rule, before, removed=False)

    def remove(self, name: str) -> None:
        """Take a rule away; its history stays. Raises UsageError where there is none."""
        with self._work() as work:
            known = {one.rule.name: one for one in self._newest(work) if not one.removed}
            if name not in known:
                raise UsageError(f"there is no rule {name!r} in {self._shown}", hint="breadboard rules list")
            self._write(work, known[name].rule, known[name], removed=True)

    def put_watchlist(self, name: str, symbols: Sequence[str]) -> None:
        """Write a watchlist; of no symbols: take it away."""
        with self._work() as work:
            work.execute(sa.delete(_WATCHLISTS).where(_WATCHLISTS.c.name == name))
            if symbols:
                text = msgspec.json.encode(list(symbols)).decode()
                work.execute(sa.insert(_WATCHLISTS).values(name=name, symbols=text, changed_ns=self._clock.wall()))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @property
    def _shown(self) -> str:
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def _work(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as work:
                yield work
        except SQLAlchemyError as error:
            said = str(getattr(error, "orig", None) or error).partition("\n")[0]
            raise BreadboardError(f"the settings {self._shown} cannot be used: {said}", hint=_HINT) from None

    def _newest(self, work: sa.Connection) -> list[Edition]:
        last = sa.select(_RULES.c.name, sa.func.max(_RULES.c.number).label("number")).group_by(_RULES.c.name).subquery()
        both = (_RULES.c.name == last.c.name) & (_RULES.c.number == last.c.number)
        found = work.execute(sa.select(_RULES).join(last, both).order_by(_RULES.c.name))
        return [_edition(row) for row in found.mappings()]

    def _write(self, work: sa.Connection, rule: Rule, before: Edition | None, *, removed: bool) -> None:
        row = {
            "name": rule.name,
            "number": 1 if before is None else before.number + 1,
            "version": rule.version,
            "text": msgspec.json.encode(rule).decode(),
            "removed": removed,
            "changed_ns": self._clock.wall(),
        }
        work.execute(sa.insert(_RULES).values(row))


def sqlite(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite:///{path.resolve()}"


def _edition(row: Any) -> Edition:  # noqa: ANN401 - a mapping of SQLAlchemy's
    rule = msgspec.json.decode(row["text"], type=Rule)
    return Edition(rule, row["number"], row["removed"], row["changed_ns"])
