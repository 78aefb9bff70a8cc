"""Books without numbers that miss a message which could not be read: only a new snapshot mends them. Sans-I/O."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from breadboard.conversations import Request

FIRST_S: Final = 5.0
"""Between two snapshots of one book; then twice as long, and so on."""
LONGEST_S: Final = 600.0
"""A venue that sends nonsense without end must not be asked for books of several megabytes without end."""
WELL_S: Final = 300.0
"""A book that has stood so long is held to be well again."""


@dataclass(slots=True)
class _Doubt:
    """What is known of one book that was doubted; seconds on the clock of ``on_time``."""

    asked_s: float
    pause_s: float = FIRST_S


class BookRenewal:
    """Collects the books of a connection that miss a message. ``again`` returns what to say for new snapshots."""

    def __init__(self, symbols: Sequence[str], again: Callable[[Sequence[str]], list[Request]]) -> None:
        self._symbols = frozenset(symbols)
        self._again = again
        self._lost: set[str] = set()
        self._doubts: dict[str, _Doubt] = {}

    def on_connect(self) -> None:
        """Forget what was doubted: every book begins anew. How often that was needed outlives the connection."""
        self._lost.clear()

    def lost(self, symbol: str | None) -> None:
        """Note whose book misses a message, as ``FrameReader.lost_book`` tells: "" is any of them, None is none."""
        if symbol == "":
            self._lost |= self._symbols
        elif symbol in self._symbols:
            self._lost.add(symbol)

    def on_time(self, now_s: float) -> list[Request]:
        """Ask for the books whose turn it is, within a second of the loss and then ever more seldom."""
        due = [symbol for symbol in sorted(self._lost) if self._is_due(symbol, now_s)]
        self._lost.difference_update(due)
        return self._again(due) if due else []

    def _is_due(self, symbol: str, now_s: float) -> bool:
        doubt = self._doubts.get(symbol)
        if doubt is None or now_s - doubt.asked_s > WELL_S + doubt.pause_s:
            self._doubts[symbol] = _Doubt(now_s)
            return True
        if now_s - doubt.asked_s < doubt.pause_s:
            return False
        doubt.asked_s, doubt.pause_s = now_s, min(2 * doubt.pause_s, LONGEST_S)
        return True
