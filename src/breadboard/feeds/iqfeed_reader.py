"""What the bytes of an IQFeed gateway mean, whichever of its ports they came from: one line a frame, Latin-1.

Every source is one port. Lines tell by their first field what they are, so that one reader serves Level 1, Level 2 and
the streaming bars.
"""

from typing import TYPE_CHECKING, ClassVar, Final

from breadboard.feeds.eastern import NearestDay
from breadboard.feeds.iqfeed_bars import read_bar
from breadboard.feeds.iqfeed_fields import cut, longer
from breadboard.feeds.iqfeed_history import read_history
from breadboard.feeds.iqfeed_level1 import Level1
from breadboard.feeds.iqfeed_level2 import LINES, lost_depth, read_depth
from breadboard.feeds.iqfeed_memory import Memories, Memory
from breadboard.feeds.iqfeed_system import read_error, read_system, read_time, read_unknown_symbol
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Meaning, unknown_type
from breadboard.model.gaps import DocumentHead

if TYPE_CHECKING:
    from collections.abc import Callable

_FIELDS: Final = {"C": 10, "R": 12, **{kind: len(fields) + 1 for kind, fields in LINES.items()}}
"""How many fields a line has at the most, its kind among them, where that is not announced."""
BARS: Final = frozenset({"BH", "BC", "BU"})


class IqfeedReader:
    """A ``FrameReader``."""

    words: ClassVar[frozenset[str]] = frozenset()
    """Lines have no names but those that are announced."""

    def __init__(self) -> None:
        self._memories = Memories()
        self.nearest = NearestDay()
        level1 = Level1(self.nearest)
        self._readers: dict[str, Callable[[list[str], Memory, At], Meaning]] = {
            "Q": level1.update,
            "P": level1.summary,
            "T": read_time,
            "S": read_system,
            "C": level1.correction,
            "R": level1.regional,
            "N": level1.news,
            "F": level1.fundamental,
            "n": read_unknown_symbol,
            "q": read_unknown_symbol,
            "E": read_error,
            "M": _named,
            "O": _named,
            **dict.fromkeys(LINES, read_depth),
        }

    def known(self, source: int, epoch: int) -> Memory | None:
        """Return what is remembered of a connection; None of one that said nothing yet."""
        return self._memories.known(source, epoch)

    def read(self, frame: bytes, at: At) -> Meaning:
        """Return what a line means. Raises ValueError with the reason it cannot be understood."""
        parts = frame.decode("latin-1").split(",")  # as ``cut`` does, a call less for every line
        if parts[-1]:
            parts.append("")
        reader = self._readers.get(parts[0])
        if reader is not None:
            meaning = reader(parts, self._memories.of(at), at)
            return longer(meaning, parts) if len(parts) - 1 > _FIELDS.get(parts[0], len(parts)) else meaning
        if parts[0] in BARS or (len(parts) > 2 and parts[1] in BARS):
            return read_bar(parts, at)
        raise unknown_type(parts[0] or None)

    def read_document(self, head: DocumentHead, body: bytes, at: At) -> Meaning:
        """Return what a lookup's answer means: ``ticks:SYMBOL``, ``bars:SYMBOL:<seconds>``. Raises ValueError."""
        return read_history(head, body, at)

    def lost_book(self, frame: bytes, at: At) -> str | None:
        """Return whose book misses a refused line, and forget that book; None for a line of no book."""
        return lost_depth(cut(frame.decode("latin-1")), self._memories.of(at), at)

    def snapshot(self) -> bytes:
        """Return all memory as bytes; equal memories give equal bytes."""
        return self._memories.snapshot()

    def restore(self, state: bytes) -> None:
        """Go back to a memory that ``snapshot`` returned; empty bytes are a fresh one."""
        self._memories.restore(state)


def _named(parts: list[str], _memory: Memory, _at: At) -> Meaning:
    """Take what is understood and makes nothing here: the name of a market maker (M), an old depth line (O)."""
    return Meaning(ignored=parts[0])
