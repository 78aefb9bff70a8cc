"""URLs of the settings' database, as people copy them: which words of libpq's are understood, and what they become.

A word that is not understood is refused and not passed over: it may be the one that somebody relies on.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from breadboard.errors import SettingsError

HINT: Final = '[settings] url = "postgresql://user@host/breadboard"   # or none, for SQLite'
CONNECT_S: Final = 5.0
"""How long a connection to PostgreSQL may take to be made, where the URL does not say it."""

_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_SESSIONS: Final = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")
_SETTINGS: Final = ("application_name", "options")
"""Words that the server itself takes."""
_FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_SYSTEM: Final = "system"
"""What ``sslrootcert`` says of the authorities that the system trusts: libpq's word for no file."""
_IF_POSSIBLE: Final = {"channel_binding": ("disable", "prefer"), "gssencmode": ("disable", "prefer")}
"""What our driver cannot do, and need not where these are the values."""


def made(url: str) -> tuple[sa.URL, dict[str, Any]]:
    """Return a URL with our drivers in it, and what else the driver is told. Raises SettingsError."""
    try:
        found = sa.make_url(url)
    except (ArgumentError, ValueError):
        raise SettingsError("the settings' database cannot be used: it is no URL", hint=HINT) from None
    name = found.drivername.partition("+")[0]
    if name not in _DRIVERS:
        raise SettingsError(f"settings are kept in SQLite or PostgreSQL, and not in {name!r}", hint=HINT)
    found = found.set(drivername=_DRIVERS[name])
    given = {word: value if isinstance(value, str) else value[-1] for word, value in found.query.items()}
    if name == "sqlite":
        if found.database in (None, "", ":memory:"):
            raise _odd("a SQLite in memory is gone with the command", "sqlite:////var/lib/breadboard/settings.db")
        if given:
            raise _odd(f"{min(given)!r} means nothing to SQLite here", f"sqlite:///{found.database}")
        return found, {}
    _refuse_odd_places(found, given)
    return _postgresql(found, given)


def _refuse_odd_places(found: sa.URL, given: Mapping[str, str]) -> None:
    """Refuse ports that there are not, and more or fewer of them than hosts: ``host=h1,h2&port=5432,5433``."""
    listed = [_number("port", port) for port in given["port"].split(",")] if "port" in given else []
    for port in [*listed, *([] if found.port is None else [found.port])]:
        if not 0 < port < 65536:
            raise _odd(f"there is no port {port:g}", "postgresql://user@host:5432/breadboard")
    hosts = given.get("host", "").split(",")
    if max(len(hosts), len(listed)) > 1 and len(listed) != len(hosts):
        raise _odd(f"it has {len(hosts)} hosts and {len(listed)} ports", "host=h1,h2&port=5432,5433")


def _postgresql(found: sa.URL, given: Mapping[str, str]) -> tuple[sa.URL, dict[str, Any]]:
    words: dict[str, Any] = {"timeout": CONNECT_S}
    if given.get("sslrootcert") == _SYSTEM:
        words["ssl"] = _trusting_the_system(given)
        given = {word: value for word, value in given.items() if word not in ("sslrootcert", "sslmode", "ssl")}
    kept = {word: found.query[word] for word in ("host", "port") if word in given}
    files = []
    for word, value in given.items():
        if word in kept:
            continue
        if word in ("sslmode", "ssl"):  # libpq's word for it, in every URL that people copy, and the driver's own
            kept["ssl"] = _one_of(word, value, _MODES)
        elif word == "connect_timeout":
            words["timeout"] = _number(word, value) or CONNECT_S  # none, which it is in libpq, is for ever
        elif word in _SETTINGS:
            words.setdefault("server_settings", {})[word] = value
        elif word == "target_session_attrs":
            words[word] = _one_of(word, value, _SESSIONS)
        elif word in _FILES:
            files.append((word, _file(word, value)))
        else:
            _refuse_needed(word, value)
    if files:  # the driver takes them in a text of this form alone
        words["dsn"] = sa.URL.create("postgresql", query=dict(files)).render_as_string(hide_password=False)
    return found.set(query=kept), words


def _trusting_the_system(given: Mapping[str, str]) -> bool:
    """Tell the driver to trust the system's authorities, which it does for ``True`` alone: with the host's name.

    Without a mode that is what libpq does; a weaker one it refuses.
    """
    mode = given.get("sslmode", given.get("ssl", "verify-full"))
    if mode != "verify-full":
        raise _odd(f"sslmode={mode[:40]} is too weak for sslrootcert=system", "sslmode=verify-full")
    if files := [word for word in _FILES if word in given and given[word] != _SYSTEM]:
        raise _odd(f"{files[0]} cannot be had from our driver with sslrootcert=system", "sslrootcert=/path/to/root.crt")
    return True


def _refuse_needed(word: str, value: str) -> None:
    """Refuse what our driver cannot do, unless it need not."""
    if word not in _IF_POSSIBLE:
        known = ("sslmode", "connect_timeout", *_SETTINGS, "target_session_attrs", *_FILES, *_IF_POSSIBLE)
        raise _odd(f"its word {word[:40]!r} is not understood", f"it may have: {', '.join(known)}")
    if value not in _IF_POSSIBLE[word]:
        raise _odd(f"{word}={value[:40]} cannot be had from our driver", f"sslmode=verify-full   # without {word}")


def _number(word: str, value: str) -> float:
    if not (value.isascii() and value.isdecimal()):
        raise _odd(f"{word}={value[:40]} is no whole number", f"{word}=5")
    return float(value)


def _file(word: str, value: str) -> str:
    if not Path(value).is_file():
        raise _odd(f"{word}={value} is no file", f"ls -l {value}")
    return value


def _one_of(word: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise _odd(f"{word}={value[:40]} is not known", f"{word}={'|'.join(known)}")
    return value


def _odd(what: str, hint: str) -> SettingsError:
    return SettingsError(f"the settings' database cannot be used: {what}", hint=hint)
