"""What a frame means, for `breadboard decode`."""

from collections.abc import Callable, Iterator
from typing import Any

from breadboard import feeds
from breadboard.feeds.describe import describe


def describer(venue: str, channel: str | None) -> Callable[[bytes], Iterator[dict[str, Any]]]:
    """Return what tells the events of one frame of a venue."""
    feed = feeds.by_name(venue)
    return lambda frame: iter(describe(feed, frame, channel))
