"""The messages of ``/ws/realtime``, both ways."""

from collections.abc import Iterable
from typing import Final, get_args

import msgspec

from breadboard.client import recorded, rows, told
from breadboard.client.errors import Unreadable
from breadboard.client.wire import read, reader
from breadboard.errors import UsageError

LONGEST_QUESTION: Final = 256 << 10
"""Bytes: a server ends the connection (1009) for one that is longer; one of an earlier version at a quarter of it."""
SHORTER: Final = "client.stream('*')  # all of them; or several streams, each with some of the names"


class Wanted(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="op", tag="sub"):
    """What to be told of, as the server is asked for it."""

    symbols: tuple[str, ...]
    channels: tuple[str, ...]
    hz: float
    fields: tuple[str, ...] | None = None
    depth: int | None = None


class Hello(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="op", tag="hello"):
    """Where to go on after a lost connection: with the trades, or with each of several channels."""

    resume: int | dict[str, int]
    stream: int | None = None


class Subscribed(msgspec.Struct, frozen=True, tag_field="type", tag="subscribed"):
    """What will be told: ``unknown`` names no instrument has, ``unavailable`` channels with the reason."""

    symbols: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    unavailable: dict[str, str] = {}
    hz: float = 0.0
    stream: int | None = None
    next: dict[str, int] = {}


class Resumed(msgspec.Struct, frozen=True, tag_field="type", tag="resumed"):
    """What was missed follows."""

    next: dict[str, int] = {}
    stream: int | None = None


class Lost(msgspec.Struct, frozen=True, tag_field="type", tag="gap"):
    """What was missed cannot be told any more."""

    channel: str
    reason: str = ""
    next: dict[str, int] = {}
    stream: int | None = None


class Refusal(msgspec.Struct, frozen=True, tag_field="type", tag="error"):
    """A message of ours makes no sense to the server."""

    error: str
    hint: str = ""


class Snapshot(msgspec.Struct, frozen=True, tag_field="type", tag="snapshot"):
    """Every wanted instrument as it is."""

    data: tuple[rows.Tick, ...] = ()


class Quotes(msgspec.Struct, frozen=True, tag_field="type", tag="quote"):
    """Instruments that changed."""

    data: tuple[rows.Tick, ...] = ()


class Trades(msgspec.Struct, frozen=True, rename={"start": "from"}, tag_field="type", tag="trade"):
    """Trades in order: those of ``start <= seq < next`` but for ``skipped`` and ``lost`` ones before them."""

    start: int
    next: int
    skipped: int = 0
    lost: int = 0
    data: tuple[recorded.Trade, ...] = ()


class Alerts(msgspec.Struct, frozen=True, rename={"start": "from"}, tag_field="type", tag="alert"):
    """The same of alerts."""

    start: int
    next: int
    skipped: int = 0
    lost: int = 0
    data: tuple[recorded.Alert, ...] = ()


class Books(msgspec.Struct, frozen=True, tag_field="type", tag="book"):
    """Books that changed."""

    data: tuple[rows.Book, ...] = ()


class Lags(msgspec.Struct, frozen=True, tag_field="type", tag="lag"):
    """Lag of the last window."""

    data: tuple[rows.Lag, ...] = ()


class Beat(told.Status, frozen=True, kw_only=True, tag_field="type", tag="status"):
    """The heartbeat, which is a row of its own."""


Message = Subscribed | Resumed | Lost | Refusal | Snapshot | Quotes | Trades | Alerts | Books | Lags | Beat
_TYPES: Final = frozenset(str(kind.__struct_config__.tag) for kind in get_args(Message))


class _Tag(msgspec.Struct):
    type: str = ""


_read: Final = reader(Message)


def decoded(data: str | bytes) -> Message | None:
    """Return a message; None for one of a type that this client does not know. Raises Unreadable."""
    try:
        message: Message = _read(data)
    except Unreadable:
        if read(data, _Tag).type in _TYPES:
            raise
        return None  # a newer server has more to tell
    return message


def wanted(
    symbols: Iterable[str] | str,
    channels: Iterable[str] | str,
    hz: float,
    fields: Iterable[str] | None,
    depth: int | None,
) -> tuple[Wanted, bool]:
    """Return what to be told of, and whether heartbeats were asked for.

    They are always among it: a stream without them cannot be watched. Raises UsageError for more names than a server
    takes in one message.
    """
    named = (symbols,) if isinstance(symbols, str) else tuple(symbols)
    told = (channels,) if isinstance(channels, str) else tuple(channels)
    several = tuple(dict.fromkeys((*told, "status")))
    found = Wanted(named, several, float(hz), None if fields is None else tuple(fields), depth)
    if (length := len(msgspec.json.encode(found))) > LONGEST_QUESTION:
        raise UsageError(
            f"{len(named):,} names are too many for one stream: they take {length:,} bytes of {LONGEST_QUESTION:,}",
            hint=SHORTER,
        )
    return found, "status" in told
