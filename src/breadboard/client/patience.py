"""How long an answer is waited for, and when a question is asked again: for both clients. Nobody waits here."""

import random
import time
from typing import Any, Final

from breadboard.client.asking import Ask
from breadboard.client.errors import ClientError, Unreachable

TIMEOUT_S: Final = 75.0
"""How long a server may be silent; longer than it tries a rule (60 s), after which it says what helps."""
TRIES: Final = 3
"""Of a question that may be asked again."""
LONGEST_WAIT_S: Final = 5.0
"""A server that wants more patience than this gets none: the caller is told, with ``retry_after_s``."""
TURN: Final = 429
"""The server is well, and more of this client is under way than it answers at once: a turn will come."""
_UNKNOWN: Final = 502
"""Nobody knows whether the server behind a proxy has heard the question, as after a broken connection."""
_TOO_LONG: Final = frozenset({408, 504})
"""It would take as long once more, the way there (408) or the answer."""
_SPREAD_S: Final = 4
"""Up to so long is added by chance to what the server said, so that those who wait do not come again together."""


class Patience:
    """That of one question: ask ``pause_s`` after each error of it.

    ``timeout_s`` is the client's; a question may have less (``Ask.within_s``). Whoever has to wait for a turn goes on
    for so long after the first time; all else is asked ``TRIES`` times.
    """

    def __init__(self, ask: Ask[Any], timeout_s: float | None) -> None:
        limit_s = TIMEOUT_S if timeout_s is None else timeout_s  # None: httpx waits without end
        self.silence_s = timeout_s if ask.within_s is None else min(ask.within_s, limit_s)
        """How long the server may say nothing, while it is asked and in the middle of an answer."""
        self._until_s = time.monotonic() + (limit_s if ask.within_s is None else min(ask.within_s, limit_s))
        self._safe = ask.safe
        self._turns = self._failed = 0

    def pause_s(self, error: ClientError) -> float:
        """Return how long to wait before the question is asked again. Raises the error where it is not to be."""
        told_s: float = getattr(error, "retry_after_s", 0.0)
        if not self._again(error) or told_s > LONGEST_WAIT_S:
            raise error
        wait_s = self._turn_s(told_s) if told_s and _status(error) == TURN else self._next_s(told_s)
        if wait_s is None:
            raise error
        return wait_s

    def _again(self, error: ClientError) -> bool:
        """Tell whether asking again may help, and does no harm: who is busy has done nothing."""
        status = _status(error)
        unknown = isinstance(error, Unreachable) or status == _UNKNOWN
        return error.transient and status not in _TOO_LONG and (self._safe or not unknown)

    def _turn_s(self, told_s: float) -> float | None:
        self._turns += 1
        left_s = self._until_s - time.monotonic()
        return min(_spread(told_s, min(self._turns, _SPREAD_S)), left_s) if told_s <= left_s else None

    def _next_s(self, told_s: float) -> float | None:
        self._failed += 1
        return max(told_s, 0.1 * 2.0**self._failed) if self._failed < TRIES else None


def _spread(told_s: float, most_s: int) -> float:
    return told_s + most_s * random.random()  # noqa: S311 - it keeps no secret


def _status(error: ClientError) -> int:
    status: int = getattr(error, "status", 0)
    return status
