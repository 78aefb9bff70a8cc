"""The cells of a row of a table, by our names of them, as numbers, times and instruments."""

import csv
import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from breadboard.feeds.reading import Refused, symbol_of
from breadboard.feeds.table_times import joined, ns_of
from breadboard.model.decimals import ABSENT, INT64_MAX, SIZE_EXP, parse_price, parse_size
from breadboard.model.tables import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

NULLS: Final = frozenset(["", "nan", "na", "n/a", "null", "none", "<na>", "nat", "\\n", "-"])
"""How others write that there is nothing (in small letters)."""
VENUE: Final = re.compile(r"[A-Z0-9][A-Z0-9_]{0,31}", re.ASCII)
"""A venue as the tape spells it."""
_WHOLE: Final = re.compile(r"(\d{1,19})(\.0+)?", re.ASCII)
"""A number of a trade; some write all numbers with a point."""
_FLOAT_MAX: Final = (1 << 53) - 1
"""Of numbers that are written with a point: a double has no digits for each one beyond."""


class Cells:
    """One row after another of a document. ``remarks`` counts what is to be said of all of them.

    ``out_of_order``: their time is before that of the row before of the same instrument; ``by_receipt``: they have no
    time of their own, and that at which they were received is taken; ``unnumbered``: ids that are no numbers, or
    were rounded; ``without_vwap``: theirs is no number.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.remarks: dict[str, int] = {}
        self.own = "provenance" in layout.columns
        """We wrote the file ourselves: nothing in it is beyond belief."""
        self._at = {name: place for place, name in enumerate(layout.columns) if name}
        self._count = len(layout.columns)
        self._row: Sequence[str] = ()
        self._newest: dict[str, int] = {}

    def turn_to(self, row: list[str]) -> None:
        """Take the next row. Raises Refused where its cells are not as many as there are columns."""
        if len(row) != self._count and not (len(row) == self._count + 1 and not row[-1]):
            raise Refused(f"{len(row)} cells where there are {self._count} columns")
        self._row = row

    def remark(self, name: str) -> None:
        """Count one more row of which something is to be said."""
        self.remarks[name] = self.remarks.get(name, 0) + 1

    def has(self, name: str) -> bool:
        """Return whether there is such a column."""
        return name in self._at

    def text(self, name: str) -> str:
        """Return a cell without blanks around it; empty where it says nothing, or there is no such column."""
        place = self._at.get(name)
        if place is None:
            return ""
        found = self._row[place].strip()
        return "" if found.lower() in NULLS else found

    def instrument(self) -> str:
        """Return ``SYMBOL.VENUE``. Raises Refused."""
        symbol, venue = self.layout.symbol, self.layout.venue
        if "symbol" in self._at:
            symbol = _harmless(self._row[self._at["symbol"]].strip()) or symbol
        if "venue" in self._at:
            venue = self._row[self._at["venue"]].strip() or venue
        return _name(symbol, venue)

    def ts_event(self, instrument: str) -> int:
        """Return when it happened (ns UTC), or, where that is not said, when it was received. Raises Refused."""
        text = self.text("ts_event")
        if not text and (date := self.text("date")):
            text = date
            if self.has("clock"):
                if not (clock := self.text("clock")):
                    raise Refused("no time of day")
                text = joined(date, clock)
        if not text:
            text = self.text("ts_recv")
            if not text:
                raise Refused("no time")
            self.remark("by_receipt")
        found = ns_of(text, self.layout.zone, self.layout.day)
        if found < self._newest.get(instrument, 0):
            self.remark("out_of_order")
        else:
            self._newest[instrument] = found
        return found

    def time(self, name: str) -> int:
        """Return the time of a column (ns UTC); ABSENT where it says none. Raises Refused."""
        text = self.text(name)
        return ns_of(text, self.layout.zone, self.layout.day) if text else ABSENT

    def price(self, name: str) -> int:
        """Return a price in 1e-9; ABSENT where the cell is empty. Raises ValueError."""
        text = self.text(name)
        return _price(text) if text else ABSENT

    def size(self, name: str) -> tuple[int, int]:
        """Return ``(size, size_exp)``; ABSENT where the cell is empty. Raises ValueError."""
        text = self.text(name)
        return _size(text) if text else (ABSENT, SIZE_EXP)

    def whole(self, name: str) -> int:
        """Return a whole number of 64 bits; ABSENT where there is none, and it is remarked where there is something."""
        text = self.text(name)
        if not text:
            return ABSENT
        match = _WHOLE.fullmatch(text)
        if match is None or int(match[1]) > (_FLOAT_MAX if match[2] else INT64_MAX):
            self.remark("unnumbered")
            return ABSENT
        return int(match[1])

    def vwap(self) -> float | None:
        """Return a bar's mean price; None where there is none, and it is remarked where there is something."""
        text = self.text("vwap")
        if not text:
            return None
        try:
            found = math.nan if "_" in text else float(text)
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            self.remark("without_vwap")
            return None
        return found


def cells_of(line: bytes, delimiter: str) -> list[str]:
    """Return the cells of a line. Raises Refused: quotes may not be left open, nor hold the end of a line."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("not UTF-8 text") from None
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise Refused(f"not a row of cells: {error}") from None


@lru_cache(maxsize=1 << 12)
def _name(symbol: str, venue: str) -> str:
    if not symbol:
        raise Refused("no symbol")
    if not VENUE.fullmatch(venue):
        raise Refused(f"not a venue (capital letters, digits and _): {venue[:40]!r}")
    return f"{symbol_of(symbol)}.{venue}"


def _harmless(text: str) -> str:
    """Return a text without the apostrophe that keeps a spreadsheet from running it."""
    return text[1:] if text[:1] == "'" and text[1:2] in tuple("=+-@") else text


@lru_cache(maxsize=1 << 16)  # the same few prices and sizes are told again and again
def _price(text: str) -> int:
    return parse_price(text)


@lru_cache(maxsize=1 << 16)
def _size(text: str) -> tuple[int, int]:
    return parse_size(text)
