"""What can go wrong when a server is asked.

BreadboardError                 one sentence and a hint that can be pasted
└── ClientError
    ├── Unreachable             nobody answers at the address, the connection broke, or its certificate is not believed
    ├── Refused                 the server answered with a problem document: `status`, `members`
    │   ├── BadQuestion         400, 413, 414, 415, 422: asked once more, it is refused once more
    │   ├── NotAllowed          401, 403: a key is missing, wrong, or for other things
    │   ├── NotFound            404
    │   ├── Ambiguous           409: `ids` are what to choose from
    │   ├── Outdated            412: it is no longer as it was seen; read it again
    │   ├── Busy                408, 429, 503: `retry_after_s` from now it may be answered; 502, 504: what stands before
    │   │                       the server got no answer from it, or none in time
    │   └── ServerDefect        any other: the server's log has it
    ├── Unreadable              the answer is none that this client knows
    ├── StreamRefused           the server does not push what was asked for
    └── MissingPackage          polars or pandas is not installed
"""

from typing import Any, Final

import msgspec

from breadboard.errors import BreadboardError


class ClientError(BreadboardError):
    """A question to a server that got no answer. It can be pickled, with all that it has to tell."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _bare, (type(self), *self.args), vars(self)


def _bare(kind: type[ClientError], *args: object) -> ClientError:
    """Return an error whose attributes follow: what pickle knows of one is less than ``__init__`` wants to be told."""
    return kind.__new__(kind, *args)


class Unreachable(ClientError):
    """Nobody answers at the address, the connection broke, or it is not believed who answers."""

    def __init__(self, sentence: str, *, hint: str = "breadboard up", transient: bool = True) -> None:
        super().__init__(sentence, hint=hint, transient=transient)


class Refused(ClientError):
    """The server answered with a problem document. The sentence and the hint are the server's."""

    def __init__(
        self, status: int, sentence: str, *, hint: str = "", retry_after_s: float = 0.0, members: dict[str, Any]
    ) -> None:
        super().__init__(sentence, hint=hint, transient=status in _LATER)
        self.status = status
        self.retry_after_s = retry_after_s
        self.members = members

    @property
    def ids(self) -> tuple[str, ...]:
        """What there is to choose from, or what may have been meant."""
        return tuple(self.members.get("ids", ()))


class BadQuestion(Refused):
    """The question makes no sense to the server."""


class NotAllowed(Refused):
    """A key is missing, wrong, or for other things."""


class NotFound(Refused):
    """There is no such thing."""


class Ambiguous(Refused):
    """Several things have that name."""


class Outdated(Refused):
    """It is no longer as it was seen: somebody has changed it meanwhile."""


class Busy(Refused):
    """The server has too much to do, a proxy before it cannot reach it, or the question took too long."""


class ServerDefect(Refused):
    """The server failed."""


class Unreadable(ClientError):
    """The answer is none that this client knows."""


class StreamRefused(ClientError):
    """The server does not push what was asked for."""


class MissingPackage(ClientError):
    """A package that only this question needs is not installed."""


_PROXY: Final = frozenset({502, 503, 504})
"""What a proxy answers while the server behind it is started anew."""
_LATER: Final = _PROXY | {408, 429}
"""Asked later it may be answered; ``patience`` says which are asked again by themselves."""
_KINDS: Final[dict[int, type[Refused]]] = {
    **dict.fromkeys((400, 413, 414, 415, 422), BadQuestion),
    **dict.fromkeys((401, 403), NotAllowed),
    404: NotFound,
    409: Ambiguous,
    412: Outdated,
    **dict.fromkeys(_LATER, Busy),
}
_BEHIND: Final = "breadboard status  # where the server runs: a proxy before it gets no answer"
_OURS: Final = frozenset({"type", "title", "status", "detail", "hint"})


def refused(status: int, body: bytes, retry_after: str | None) -> Refused:
    """Return the error that an answer other than 2xx means. Any body makes one: a proxy may have written it."""
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        document = {}
    sentence = str(document.get("detail") or document.get("title") or f"the server answered with status {status}")
    wait = float(retry_after) if retry_after and retry_after.isdecimal() else 0.0
    hint = _BEHIND if status in _PROXY and not document else str(document.get("hint", ""))
    return refusal(status, sentence, hint, wait, {name: value for name, value in document.items() if name not in _OURS})


def refusal(
    status: int, sentence: str, hint: str = "", retry_after_s: float = 0.0, members: dict[str, Any] | None = None
) -> Refused:
    """Return the error of the kind that a status has."""
    kind = _KINDS.get(status, ServerDefect)
    return kind(status, sentence, hint=hint, retry_after_s=retry_after_s, members=members or {})
