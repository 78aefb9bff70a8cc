"""What it means that a WebSocket did not open, or ended: the error that stands for it."""

from contextlib import suppress
from typing import Final

import msgspec
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.frames import Close

from breadboard.client.door import Door
from breadboard.client.errors import ClientError, StreamRefused, refusal, refused
from breadboard.client.messages import SHORTER

_POLICY, _TOO_BIG, _RESTART, _TOO_MANY = 1008, 1009, 1012, 1013
_STATUSES: Final = range(4400, 4600)
"""Close codes of our own: 4000 more than the status that a request would have got."""
_LATER: Final = 503


class _Later(msgspec.Struct):
    """The reason of an end that is no fault of the client's."""

    retry_after_ms: float = 0.0


def meaning(error: Exception, door: Door) -> ClientError:
    """Return what an error of a connection means."""
    if isinstance(error, ClientError):
        return error
    if isinstance(error, InvalidStatus):
        answer = error.response
        return refused(answer.status_code, bytes(answer.body or b""), answer.headers.get("retry-after"))
    if isinstance(error, ConnectionClosed):
        # Who ends second repeats the code of the first: that is no word of the server's.
        first = error.rcvd if error.rcvd_then_sent is not False else None
        return _ended(first, door)
    no_http, nothing = isinstance(error, InvalidMessage), isinstance(error.__cause__, EOFError)
    return door.unreachable(error, garbled=no_http and not nothing, hung_up=no_http and nothing)


def _ended(close: Close | None, door: Door) -> ClientError:
    if close is None:
        return door.unreachable(ConnectionError("the connection broke"))
    sentence, _, hint = close.reason.partition("; ")
    if close.code in _STATUSES:
        status = close.code - 4000
        return refusal(status, sentence or f"the server ended the stream with close code {close.code}", hint)
    if close.code in (_RESTART, _TOO_MANY):
        why = "is just ending" if close.code == _RESTART else "has too many streams, or too many new ones at once"
        return refusal(_LATER, f"the server {why}", retry_after_s=_later_s(close.reason))
    if close.code == _TOO_BIG:
        return StreamRefused(f"the server takes no question as long as this one: {_named(sentence)}", hint=SHORTER)
    if close.code == _POLICY:  # a key that no longer holds is one: the next ticket says so
        return StreamRefused(f"the server ended the stream: {_named(sentence)}", hint=hint, transient=True)
    return door.unreachable(ConnectionError(f"it ended the connection ({close.code}: {_named(sentence)})"))


def _named(sentence: str) -> str:
    return sentence or "it does not say why"


def _later_s(reason: str) -> float:
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(reason, type=_Later).retry_after_ms / 1000
    return 0.0
