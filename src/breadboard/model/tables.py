"""Tables of trades, quotes or bars that somebody wrote down: which of their columns is what.

The reader of a file says so once a document, in its tag, and the feed ``FILE`` reads the rows by it: what a row means
is then told by the journal alone, whatever names its file's columns had.
"""

from typing import Final

import msgspec

VENUE: Final = "FILE"
"""Of rows that name no venue, nor does the command."""
TAG: Final = "table:"
"""Of a document of rows; behind it a ``Layout`` in JSON."""
KINDS: Final = ("trades", "quotes", "bars")


class Layout(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the rows of one document are."""

    kind: str
    """One of ``KINDS``."""
    columns: tuple[str, ...]
    """What each cell of a row is, by our name of it (``price``, ``ts_event``); empty for one of no use."""
    file: str
    row: int
    """The number of the first row in its file, as a person counts them: of text the line, the header's being 1."""
    delimiter: str = ","
    symbol: str = ""
    """Of all rows, where no column says it."""
    venue: str = VENUE
    zone: str = "UTC"
    """Of times that name none (IANA)."""
    day: str = ""
    """``YYYY-MM-DD`` of times of day alone."""
    interval_s: int = 0
    """Of bars whose rows do not say it."""
    at_end: bool = False
    """Bars are stamped at their ends."""

    @property
    def tag(self) -> str:
        """The tag of a document of such rows."""
        return TAG + msgspec.json.encode(self).decode()


_LAYOUT: Final = msgspec.json.Decoder(Layout)


def layout_of(tag: str) -> Layout | None:
    """Return what a document's tag says of its rows; None for one that says nothing of the kind."""
    if not tag.startswith(TAG):
        return None
    try:
        found = _LAYOUT.decode(tag.removeprefix(TAG))
    except (msgspec.MsgspecError, UnicodeError):
        return None
    return found if found.kind in KINDS and len(found.delimiter) == 1 else None
