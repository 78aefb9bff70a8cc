"""A feed made of two parts: a conversation, and a reader of what is said in it."""

from collections.abc import Callable
from dataclasses import dataclass

from breadboard.conversations import Session
from breadboard.feeds.readers import FrameReader, ReadingDecoder
from breadboard.model.instruments import Instruments
from breadboard.ports import Capabilities, Wish


@dataclass(frozen=True, slots=True)
class ReadingFeed:
    """A ``ports.Feed`` of a venue that is read by a ``FrameReader``.

    ``converse`` returns the conversation for a wish, and raises UsageError for what the venue cannot have; ``reader``
    makes a reader with an empty memory.
    """

    capabilities: Capabilities
    converse: Callable[[Capabilities, Wish], Session]
    reader: Callable[[], FrameReader]

    def session(self, wish: Wish) -> Session:
        """Return a conversation; see ``ports.Feed.session``."""
        return self.converse(self.capabilities, wish)

    def decoder(self, instruments: Instruments, *, fast: bool = True) -> ReadingDecoder:
        """Return a decoder; the reader does all the work, ``fast`` or not."""
        del fast
        can = self.capabilities
        return ReadingDecoder(can.venue, can.sequence_rule, can.frame_cap, self.reader(), instruments, stamped=True)
