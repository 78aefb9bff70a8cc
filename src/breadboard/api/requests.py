"""What a WebSocket client may ask, and what of it is given."""

from typing import Any, Final

import msgspec

from breadboard.api import wire

CHANNELS: Final = ("quote", "trade", "alert", "book", "status", "lag")
SEQUENCED: Final = ("trade", "alert")
"""Channels of which nothing is left out unsaid, and which may be resumed."""
HZ_MIN, HZ_MAX = 1.0, 30.0
PROMPT: Final = 0.0
"""The ``hz`` of a client that wants everything at once, at the pace of the market."""
DEPTH_MAX: Final = 1_000
HINT: Final = '{"op":"sub","symbols":["*"],"hz":10,"channels":["quote","trade","status"]}'


class Subscribe(msgspec.Struct, tag_field="op", tag="sub", forbid_unknown_fields=True):
    """Want exactly these instruments (``*``: all, also those to come); replaces what was wanted before."""

    symbols: tuple[str, ...]
    hz: float = 10.0
    channels: tuple[str, ...] = ("quote", "status")
    fields: tuple[str, ...] | None = None
    """Of the rows of ``quote``: only these, and always ``id``."""
    depth: int = 20
    """Of ``book``: so many levels of each side."""


class Unsubscribe(msgspec.Struct, tag_field="op", tag="unsub", forbid_unknown_fields=True):
    """Want these no more; without symbols, nothing."""

    symbols: tuple[str, ...] | None = None


class Hello(msgspec.Struct, tag_field="op", tag="hello", forbid_unknown_fields=True):
    """After a reconnect: go on at ``resume`` of ``stream``, as the last ``next`` said.

    A number is that of the trades; ``{"trade": 17, "alert": 3}`` names the channels.
    """

    resume: int | dict[str, int]
    stream: int | None = None

    @property
    def wanted(self) -> dict[str, int]:
        """Where to go on, by channel."""
        return {"trade": self.resume} if isinstance(self.resume, int) else self.resume


Request = Subscribe | Unsubscribe | Hello
DECODE: Final[dict[str, Any]] = {
    "json": msgspec.json.Decoder(Request),
    "msgpack": msgspec.msgpack.Decoder(Request),
}


def refusal(request: Request, most: int) -> tuple[str, str] | None:
    """Return what is wrong with a message that can be read, and a hint; None where nothing is.

    ``most`` is how many symbols a client may name.
    """
    if isinstance(request, Hello):
        return None
    if len(request.symbols or ()) > most:
        return f"more than {most} symbols; '*' means all", HINT
    fields = request.fields or () if isinstance(request, Subscribe) else ()
    if unknown := [name for name in fields if name not in wire.FIELDS]:
        hint = msgspec.json.encode({"op": "sub", "symbols": ["*"], "fields": wire.ALL}).decode()
        return f"fields: the rows of quote have no {unknown[0][:64]!r}", hint
    return None


def pace(hz: float) -> float:
    """Return the pace that is given to who asks for this one.

    In this order, what is no number (MessagePack can say so) becomes the least.
    """
    return PROMPT if hz == PROMPT else min(max(HZ_MIN, hz), HZ_MAX)
