"""What to do about a venue that answers with an error: leave, but not for ever. Sans-I/O."""

from dataclasses import dataclass, field
from typing import Final

from breadboard.conversations import Reconnect

MOST: Final = 3
"""Connections in a row that are left for an error; from then on what the venue does send is lived with."""
HEALTHY_S: Final = 60.0
"""A connection that lived so long without an error ends the row. A mute one does not live so long."""


@dataclass(slots=True)
class ErrorAnswers:
    """Of one session, over all its connections. An error that comes with each connection never ends the row."""

    _row: int = field(init=False, default=0)
    _is_right: bool = field(init=False, default=True)
    """No error came on this connection."""
    _since_s: float | None = field(init=False, default=None)
    """Since when it lives, on the clock of ``on_time``."""

    def on_connect(self) -> None:
        """Begin on a new connection."""
        self._is_right, self._since_s = True, None

    def on_time(self, now_s: float) -> None:
        """Forget the errors of other connections once this one has lived for a while without."""
        self._since_s = now_s if self._since_s is None else self._since_s
        if self._is_right and now_s - self._since_s >= HEALTHY_S:
            self._row = 0

    def answered(self, words: str) -> list[Reconnect]:
        """Take an error; return what it calls for."""
        self._row += 1
        self._is_right = False
        return [Reconnect(f"the venue says: {words}".strip()[:200])] if self._row <= MOST else []
