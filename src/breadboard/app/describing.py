"""What a frame means, for `breadboard decode`."""

from collections.abc import Callable, Iterator
from typing import Any

from breadboard import feeds
from breadboard.feeds.describe import Describer


def describer(venue: str, channel: str | None) -> Callable[[bytes], Iterator[dict[str, Any]]]:
    """Return what tells the events of one frame of a venue."""
    describe = Describer(feeds.by_name(venue), channel)
    return lambda frame: iter(describe(frame))
