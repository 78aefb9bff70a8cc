"""People's settings, on both databases: every change is kept, nothing is half done, and nobody's writing is lost."""

import asyncio
import socket
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

import postgres
from breadboard.clock import ManualClock
from breadboard.errors import BreadboardError, SettingsError
from breadboard.model.rules import Rule
from breadboard.settings import keys, rules, sessions, watchlists
from breadboard.settings.credentials import DAY_NS, Scope, parted
from breadboard.settings.database import Database, asked, sqlite
from breadboard.settings.migrating import newest
from breadboard.settings.schema import HEAD, METADATA
from breadboard.settings.sessions import MOST, Session
from breadboard.settings.urls import made

T = TypeVar("T")
UP = Rule(name="up", kind="rise", threshold=1.0, window="5m")
STEEPER = Rule(name="up", kind="rise", threshold="2.5", window="5m")
GAP = Rule(name="gap", kind="gap", symbols=("@mine",))
NUMBERS = count(1)
OLD = """
CREATE TABLE rules (name VARCHAR(64) NOT NULL, number INTEGER NOT NULL, version VARCHAR(12) NOT NULL,
    text TEXT NOT NULL, removed BOOLEAN NOT NULL, changed_ns BIGINT NOT NULL, PRIMARY KEY (name, number));
CREATE TABLE watchlists (name VARCHAR(64) NOT NULL, symbols TEXT NOT NULL, changed_ns BIGINT NOT NULL,
    PRIMARY KEY (name));
INSERT INTO rules VALUES ('up', 1, 'aaaaaaaaaaaa', '{"name":"up","kind":"rise","threshold":1.0,"window":"5m"}', '0', 5);
INSERT INTO rules VALUES ('up', 2, 'bbbbbbbbbbbb', '{"name":"up","kind":"rise","threshold":2.0,"window":"5m"}', '1', 6);
INSERT INTO rules VALUES ('gap', 1, 'cccccccccccc', '{"name":"gap","kind":"gap","symbols":["@mine"]}', '0', 7);
INSERT INTO watchlists VALUES ('mine', '["A.X","B.X"]', 8);
"""
"""What was written before there were migrations."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.server() as pattern:
        yield pattern


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return sqlite(tmp_path / "settings.db")
    pattern: str = request.getfixturevalue("server")
    name = f"settings_{next(NUMBERS)}"

    async def made() -> None:
        engine = Database(pattern.format("postgres"), ManualClock())
        plain = create_async_engine(engine.url, isolation_level="AUTOCOMMIT")
        async with plain.connect() as work:
            await work.execute(sa.text(f"CREATE DATABASE {name}"))
        await plain.dispose()

    asyncio.run(made())
    return pattern.format(name)


def do(url: str, *works: Callable[[AsyncConnection], Awaitable[T]]) -> list[T]:
    """Return what each of these returns, a transaction each."""

    async def all_of(database: Database) -> list[T]:
        found = []
        for one in works:
            async with database.writing() as work:
                found.append(await one(work))
        return found

    return asked(url, ManualClock(), all_of)


def test_each_change_is_an_edition_of_its_own(url: str) -> None:
    do(
        url,
        lambda work: rules.put(work, [UP, GAP], 10),
        lambda work: rules.put(work, [UP], 11),
        lambda work: rules.put(work, [STEEPER], 12),
        lambda work: rules.remove(work, "up", 13),
        lambda work: rules.put(work, [UP], 14),
    )
    (found,) = do(url, lambda work: rules.history(work, "up"))
    assert [(each.number, each.removed, each.rule.threshold, each.changed_ns) for each in found] == [
        (1, False, 1.0, 10),
        (2, False, "2.5", 12),
        (3, True, "2.5", 13),
        (4, False, 1.0, 14),
    ]
    (now,) = do(url, rules.standing)
    assert [(each.rule, each.number) for each in now] == [(GAP, 1), (UP, 4)]
    assert do(url, lambda work: rules.remove(work, "down", 15)) == [False]


def test_watchlists_are_kept_replaced_and_forgotten(url: str) -> None:
    do(
        url,
        lambda work: watchlists.put(work, "mine", ["A.X", "B.X"], 1),
        lambda work: watchlists.put(work, "mine", ["C.X"], 2),
        lambda work: watchlists.put(work, "Åther", ["Ü.X"], 3),
    )
    (found,) = do(url, watchlists.all_of)
    assert [(one.name, one.symbols, one.changed_ns) for one in found] == [("mine", ("C.X",), 2), ("Åther", ("Ü.X",), 3)]
    assert do(url, *2 * [lambda work: watchlists.remove(work, "mine")]) == [True, False]


def test_whose_something_is_stays_while_it_stands(url: str) -> None:
    (ada,) = do(url, lambda work: keys.add(work, "ada", Scope.WRITE, 1, 0))
    user = ada.key.user
    do(
        url,
        lambda work: rules.put(work, [UP], 1, user),
        lambda work: rules.put(work, [STEEPER], 2, None),
        lambda work: watchlists.put(work, "mine", ["A.X"], 1, user),
        lambda work: watchlists.put(work, "mine", ["B.X"], 2, None),
    )
    (editions,) = do(url, lambda work: rules.history(work, "up"))
    assert [one.owner for one in editions] == [user, user]
    assert [one.owner for one in do(url, watchlists.all_of)[0]] == [user]
    do(url, lambda work: rules.remove(work, "up", 3), lambda work: rules.put(work, [UP], 4, None))
    (editions,) = do(url, lambda work: rules.history(work, "up"))
    assert [one.owner for one in editions] == [user, user, user, None]


def test_a_key_is_told_once_and_kept_as_a_hash(url: str) -> None:
    (one,) = do(url, lambda work: keys.add(work, "ada", Scope.READ, 90, 1_000))
    (other,) = do(url, lambda work: keys.add(work, "ada", Scope.ADMIN, 1, 1_000))
    parts = parted(one.text)
    assert parts is not None
    number, secret = parts
    assert number == one.key.id
    assert len(secret) == 43, "256 bits in base64"
    kept = {key.id: key for key in do(url, keys.all_of)[0]}
    assert kept[number] == one.key
    assert kept[number].is_of(secret)
    assert not kept[other.key.id].is_of(secret)
    assert secret not in repr(kept)
    assert kept[number].user == kept[other.key.id].user, "one user, two keys"
    assert [kept[number].holds(ns) for ns in (1_000, 999 + 90 * DAY_NS, 1_000 + 90 * DAY_NS)] == [True, True, False]
    assert do(url, *2 * [lambda work: keys.revoke(work, number, 2_000)]) == [True, False]
    revoked = {key.id: key for key in do(url, keys.all_of)[0]}
    assert (revoked[number].revoked_ns, revoked[number].holds(2_001), revoked[other.key.id].holds(2_001)) == (
        2_000,
        False,
        True,
    )


def test_sessions_are_kept_until_they_are_over_ended_or_too_many(url: str) -> None:
    ann, bob = do(
        url,
        lambda work: keys.add(work, "ann", Scope.READ, 1, 0),
        lambda work: keys.add(work, "bob", Scope.READ, 1, 0),
    )

    def of(key: str, begin: int, end: int) -> Session:
        return Session(f"{key}-{begin}", key, begin, end)

    made = [of(ann.key.id, at, 100 + at) for at in range(MOST + 3)] + [of(bob.key.id, 30, 60)]
    do(url, *(lambda work, one=one: sessions.add(work, one) for one in made))
    ((kept,), (later,)) = (do(url, lambda work, at=at: sessions.holding(work, at)) for at in (30, 60))  # type: ignore[misc]  # a default binds it
    assert kept == made[3:], "the newest of each key"
    assert later == made[3:-1], "over at its end"
    do(url, lambda work: sessions.end(work, made[5].hash), lambda work: sessions.end(work, "x"))
    assert do(url, lambda work: sessions.holding(work, 30)) == [[one for one in made[3:] if one != made[5]]]
    do(url, lambda work: sessions.add(work, of(bob.key.id, 108, 200)))
    (everything,) = do(url, lambda work: sessions.holding(work, -1))
    assert [one.expires_ns for one in everything] == [*range(109, 100 + MOST + 3), 200], "what is over is forgotten"


def test_what_is_raised_within_undoes_all_of_it(url: str) -> None:
    async def half(work: AsyncConnection) -> None:
        await rules.put(work, [UP], 1)
        raise BreadboardError("no")

    with pytest.raises(BreadboardError, match=r"^no$"):
        do(url, half)
    assert do(url, rules.newest) == [[]]


def test_twenty_who_change_one_rule_at_once_lose_nothing(url: str) -> None:
    async def change(database: Database, number: int) -> None:
        async with database.writing() as work:
            before = await rules.standing(work)
            threshold = 1 + float(before[0].rule.threshold or 0) if before else 1.0
            await asyncio.sleep(0.001 * (number % 3))
            await rules.put(work, [Rule(name="up", kind="rise", threshold=threshold, window="5m")], number)

    async def all_at_once(database: Database) -> None:
        await asyncio.gather(*(change(database, number) for number in range(20)))

    asked(url, ManualClock(), all_at_once)
    (found,) = do(url, lambda work: rules.history(work, "up"))
    assert [(one.number, one.rule.threshold) for one in found] == [(number, float(number)) for number in range(1, 21)]


def test_ten_who_open_a_new_database_at_once_make_it_once(url: str) -> None:
    async def first(_: int) -> int:
        database = Database(url, ManualClock())
        async with database.reading() as work:
            found = len(await rules.newest(work))
        await database.close()
        return found

    async def all_at_once() -> list[int]:
        return await asyncio.gather(*map(first, range(10)))

    assert asyncio.run(all_at_once()) == [0] * 10


def test_the_tables_of_before_migrations_are_taken_over_without_loss(url: str) -> None:
    async def as_before(database: Database) -> None:
        async with database._work(writes=True) as work:
            for statement in OLD.split(";"):
                if statement.strip():
                    await work.execute(sa.text(statement.replace(":", r"\:")))

    asked(url, ManualClock(), as_before)
    found = do(url, rules.newest)[0]
    assert [(one.rule.name, one.number, one.removed, one.changed_ns, one.owner) for one in found] == [
        ("gap", 1, False, 7, None),
        ("up", 2, True, 6, None),
    ]
    assert [one.rule.threshold for one in do(url, lambda work: rules.history(work, "up"))[0]] == [1.0, 2.0]
    assert [(one.name, one.symbols, one.owner) for one in do(url, watchlists.all_of)[0]] == [
        ("mine", ("A.X", "B.X"), None)
    ]


def test_migrations_end_at_the_tables_that_the_code_uses(url: str) -> None:
    def differences(work: sa.Connection) -> list[object]:
        context = MigrationContext.configure(work, opts={"compare_type": True})
        return list(compare_metadata(context, METADATA))

    assert newest() == HEAD
    assert do(url, lambda work: work.run_sync(differences)) == [[]]


def test_a_database_of_a_newer_version_is_left_as_it_is(url: str) -> None:
    do(url, lambda work: work.execute(sa.text("UPDATE alembic_version SET version_num = 'r9999'")))
    with pytest.raises(BreadboardError, match=r"newer breadboard than this one \(their revision is r9999\)"):
        do(url, rules.newest)


@pytest.mark.parametrize("payload", ["' OR 1=1 --", "x'; DROP TABLE rules; --", '"', "%", "{name}", "\\", "名前"])
def test_names_are_values_and_never_sql(url: str, payload: str) -> None:
    rule = Rule(name=payload, kind="gap")
    do(
        url,
        lambda work: rules.put(work, [UP, rule], 1),
        lambda work: watchlists.put(work, payload, [f"{payload}.X"], 1),
        lambda work: keys.add(work, payload, Scope.READ, 1, 1),
    )
    (history,), (lists,) = do(url, lambda work: rules.history(work, payload)), do(url, watchlists.all_of)
    assert [one.rule.name for one in history] == [payload]
    assert [(one.name, one.symbols) for one in lists] == [(payload, (f"{payload}.X",))]
    assert do(url, lambda work: rules.remove(work, payload, 2)) == [True]
    assert [one.rule.name for one in do(url, rules.standing)[0]] == ["up"]


def test_a_refusal_is_a_sentence_without_password_and_sql(tmp_path: Path) -> None:
    (tmp_path / "odd.db").write_bytes(b"this is no database" * 100)
    for url, said in (
        (sqlite(tmp_path / "odd.db"), "file is not a database"),
        ("sqlite:////nowhere/at/all.db", "unable to open database file"),
        ("postgresql://me:secret@/x?host=/nowhere", "No such file or directory"),
        ("mysql://me:secret@host/x", "kept in SQLite or PostgreSQL, and not in 'mysql'"),
        ("odd secret", "it is no URL"),
    ):
        with pytest.raises(BreadboardError, match=said) as refused:
            do(url, rules.newest)
        told = refused.value.sentence + refused.value.hint
        assert "secret" not in told
        assert "SELECT" not in told


def test_a_new_file_is_for_its_owner_alone_and_none_is_made_by_asking_whether_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "settings.db"

    async def there(database: Database) -> bool:
        return database.there

    assert not asked(sqlite(path), ManualClock(), there)
    assert not path.exists()
    do(sqlite(path), rules.newest)
    assert path.stat().st_mode & 0o777 == 0o600
    assert asked(sqlite(path), ManualClock(), there)


def test_a_migration_that_breaks_off_leaves_the_tables_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.db"
    with sqlite3.connect(path) as plain:
        plain.executescript(OLD)
    plain.close()
    monkeypatch.setattr("alembic.operations.Operations.create_index", _broken)
    with pytest.raises(RuntimeError, match="power cut"):
        do(sqlite(path), rules.newest)
    plain = sqlite3.connect(path)
    tables = {name for (name,) in plain.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    plain.close()
    assert tables == {"rules", "watchlists"}
    monkeypatch.undo()
    assert len(do(sqlite(path), rules.newest)[0]) == 2


def _broken(*_: object, **__: object) -> None:
    raise RuntimeError("power cut")


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ("postgresql://me@host/x?sslmode=require", "postgresql+asyncpg://me@host/x?ssl=require"),
        ("postgresql+psycopg://me@host/x", "postgresql+asyncpg://me@host/x"),
        ("postgres://me@host/x", "postgresql+asyncpg://me@host/x"),
        ("sqlite:////a/b.db", "sqlite+aiosqlite:////a/b.db"),
        ("postgresql://me@h:6432/x?connect_timeout=3&application_name=bb", "postgresql+asyncpg://me@h:6432/x"),
        ("postgresql://me@h/x?sslmode=require&channel_binding=prefer", "postgresql+asyncpg://me@h/x?ssl=require"),
        ("postgresql://me@/x?host=/run/pg&gssencmode=disable", "postgresql+asyncpg://me@/x?host=%2Frun%2Fpg"),
        (
            "postgresql://u:p@/db?host=h1,h2&port=5432,5433&target_session_attrs=primary",
            "postgresql+asyncpg://u:***@/db?host=h1%2Ch2&port=5432%2C5433",
        ),
        ("postgresql://me@/x?host=h1:5432&host=h2:5433", "postgresql+asyncpg://me@/x?host=h1%3A5432&host=h2%3A5433"),
        ("postgresql://me@host/x?sslmode=verify-full&sslrootcert=system", "postgresql+asyncpg://me@host/x"),
        ("postgresql://me@host/x?sslrootcert=system", "postgresql+asyncpg://me@host/x"),
    ],
)
def test_urls_that_people_copy_mean_our_drivers(given: str, ours: str) -> None:
    assert Database(given, ManualClock()).url.render_as_string() == ours


def test_the_systems_authorities_are_trusted_and_the_host_is_still_verified() -> None:
    for given in ("sslmode=verify-full&sslrootcert=system", "sslrootcert=system"):
        url, words = made(f"postgresql://me@host/x?{given}")
        assert words == {"timeout": 5.0, "ssl": True}, "the driver's word for the system's, with the name of the host"
        assert url.query == {}, "where sslmode would go before it, and look for a file in the home directory"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("postgresql://me@host/x?channel_binding=require", "channel_binding=require cannot be had from our driver"),
        ("postgresql://me@host/x?gssencmode=require", "gssencmode=require cannot be had"),
        ("postgresql://me@host/x?keepalives=1", "its word 'keepalives' is not understood"),
        ("postgresql://me@host/x?password=secret", "its word 'password' is not understood"),
        ("postgresql://me@host/x?sslmode=foo", "sslmode=foo is not known"),
        ("postgresql://me@host/x?target_session_attrs=foo", "target_session_attrs=foo is not known"),
        ("postgresql://me@host/x?connect_timeout=soon", "connect_timeout=soon is no whole number"),
        ("postgresql://me@host:99999/x", "there is no port 99999"),
        ("postgresql://me@/x?host=/run/pg&port=0", "there is no port 0"),
        ("postgresql://me@/x?host=h1,h2&port=5432,99999", "there is no port 99999"),
        ("postgresql://me@/x?host=h1,h2,h3&port=5432,5433", "it has 3 hosts and 2 ports"),
        ("postgresql://me@/x?host=h1,h2", "it has 2 hosts and 0 ports"),
        ("postgresql://me@host/x?sslrootcert=/no/such/file", "sslrootcert=/no/such/file is no file"),
        ("postgresql://me@host/x?sslmode=require&sslrootcert=system", "sslmode=require is too weak for sslrootcert"),
        ("sqlite://", "in memory is gone"),
        ("sqlite:///:memory:", "in memory is gone"),
        ("sqlite:////a/b.db?mode=ro", "'mode' means nothing to SQLite here"),
    ],
)
def test_a_url_that_cannot_be_followed_is_refused_by_the_word(given: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        Database(given, ManualClock())
    assert refused.value.hint
    assert not refused.value.transient
    assert "secret" not in refused.value.sentence + refused.value.hint


async def _told(database: Database) -> tuple[str, str]:
    async with database.reading() as work:
        settings = "current_setting('application_name'), current_setting('search_path')"
        found = (await work.execute(sa.text(f"SELECT {settings}"))).one()
        return found[0], found[1]


def test_words_that_the_server_and_the_driver_take_reach_them(tmp_path: Path, server: str) -> None:
    words = "connect_timeout=4&application_name=bb&options=-csearch_path%3Dpublic&target_session_attrs=read-write"
    url = server.format("postgres") + f"&sslmode=disable&{words}"
    assert asked(url, ManualClock(), _told) == ("bb", "public")
    odd = tmp_path / "odd.pem"
    odd.write_text("no certificate")
    trusting = f"{server.format('postgres')}&sslmode=verify-full&sslrootcert={odd}"
    with pytest.raises(SettingsError, match="no certificate or crl found"):
        asked(trusting, ManualClock(), _told)


def test_whoever_waited_for_a_writer_sees_what_that_one_wrote(server: str) -> None:
    """Also where the server's default is another: ten put, one after the other, and each is an edition."""
    url = server.format("postgres") + "&options=-cdefault_transaction_isolation%3Drepeatable%5C%20read"

    async def all_at_once(first: Database) -> list[str]:
        second = Database(url, ManualClock())

        async def one(database: Database, number: int) -> None:
            async with database.writing() as work:
                await rules.put(work, [Rule(name="up", kind="rise", threshold=1.0 + number, window="5m")], number)

        done = await asyncio.gather(*(one((first, second)[at % 2], at) for at in range(10)), return_exceptions=True)
        await second.close()
        return [str(error) for error in done if error is not None]

    do(server.format("postgres"), rules.newest)
    assert asked(url, ManualClock(), all_at_once) == []
    (found,) = do(server.format("postgres"), lambda work: rules.history(work, "up"))
    assert [one.number for one in found] == [*range(1, 11)]


def test_a_file_that_is_replaced_while_it_is_in_use_is_brought_up_to_date(tmp_path: Path) -> None:
    path, empty = tmp_path / "settings.db", tmp_path / "empty.db"

    async def four(database: Database) -> list[int]:
        found = []
        for step in range(4):
            if step == 1:
                path.unlink()
            if step == 2:
                empty.touch()
                empty.replace(path)
            async with database.writing() as work:
                await rules.put(work, [UP if step % 2 else GAP], step)
                found.append(len(await rules.standing(work)))
        return found

    assert asked(sqlite(path), ManualClock(), four) == [1, 1, 1, 2]


def test_a_server_that_accepts_and_never_answers_is_given_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/x?connect_timeout=1"
        with pytest.raises(SettingsError, match="it does not answer") as refused:
            do(url, rules.newest)
    assert refused.value.transient


def test_what_may_be_over_in_a_while_is_told_from_what_will_not(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd.db").write_bytes(b"this is no database" * 100)
    path = tmp_path / "locked.db"
    do(sqlite(path), rules.newest)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr("breadboard.settings.database._PATIENCE_S", 0.1)
    for url, passes in (
        ("postgresql://me@127.0.0.1:9/x", True),
        ("postgresql://me@/x?host=/nowhere", True),
        (server.format("no_such_database"), False),
        (sqlite(tmp_path / "odd.db"), False),
        (sqlite(path), True),
    ):
        with pytest.raises(SettingsError) as refused:
            do(url, rules.newest)
        assert refused.value.transient is passes, url
    other.close()


def test_what_a_database_is_called_where_others_read_it_says_nothing_of_where_it_is() -> None:
    assert Database("postgresql://me:secret@host/desk", ManualClock()).called == "the PostgreSQL database 'desk'"
    assert Database("sqlite:////a/b.db", ManualClock()).called == "the settings' database"
