"""Feeds of vendors whose data comes in files alone: they are read, and never talked to."""

from collections.abc import Callable
from typing import Literal

from breadboard.conversations import Session
from breadboard.errors import UsageError
from breadboard.feeds.readers import FrameReader
from breadboard.feeds.reading_feed import ReadingFeed
from breadboard.model.kinds import SequenceRule
from breadboard.ports import Capabilities, Wish


def nobody(can: Capabilities, wish: Wish) -> Session:
    """Raise UsageError: nobody sends files."""
    del wish
    raise UsageError(
        f"{can.venue} is history in files, and nobody sends it", hint="breadboard import FILE --format … --symbol …"
    )


def file_feed(venue: str, *channels: str, reader: Callable[[], FrameReader]) -> ReadingFeed:
    """Return the feed of a vendor's files; a session of it raises UsageError."""
    return ReadingFeed(capabilities_of(venue, channels, "ms", 4 << 20, "XNYS"), nobody, reader)


def capabilities_of(
    venue: str, channels: tuple[str, ...], unit: Literal["ms", "ns"], frame_cap: int, calendar: str = ""
) -> Capabilities:
    """Return what files can: all that is in them, numbered by nobody, in documents of ``frame_cap`` bytes at most."""
    return Capabilities(
        venue=venue,
        completeness="full",
        sequence_rule=SequenceRule.NONE,
        sequence_scope="none",
        checksum="none",
        heartbeat_s=None,
        ts_event_unit=unit,
        trade_ids_contiguous=False,
        connection_lifetime_s=None,
        max_streams_per_connection=1,
        client_messages_per_s=1.0,
        frame_cap=frame_cap,
        channels=channels,
        calendar=calendar,
    )
