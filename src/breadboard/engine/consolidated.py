"""Consolidated books: the best bid and offer over the venues of a group, and the depth that keeps each venue's levels.

A leg stands if its book is live, or else if its last quote is believed. A quote is believed until something may be
missing (a GAP or FEED_DOWN row), and again from the next one on. Silence of one instrument proves nothing; a source
that has said nothing at all, heartbeats included, for longer than its venue's rule allows is stale. What is stale or
gapped is no part of the best bid and offer, and the row says that it was left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine import consolidated_kernel as core
from breadboard.engine.books import Books
from breadboard.engine.consolidated_legs import (
    BOOK,
    FACE,
    GAPPED,
    MOVE,
    NOTHING,
    QUOTE,
    SOURCE,
    STALE,
    STANDS,
    judge,
)
from breadboard.engine.hiding import EVERY_SOURCE, may_hide
from breadboard.engine.parted_books import PartedBooks
from breadboard.engine.state import pack, unpack
from breadboard.model import whole
from breadboard.model.decimals import ABSENT
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, GapReason
from breadboard.model.nbbo import NBBO, Group, blank
from breadboard.model.tape import Tape

_NOT_OF_QUOTES: Final = (GapReason.TRADE_ID, GapReason.CHECKSUM)
"""Gaps of trades and books."""
_WHY: Final = {NOTHING: "nothing is known", STALE: "stale", GAPPED: "gapped"}
_COLUMNS: Final = (
    *("kind", "flags", "code", "source", "instrument", "offset", "index", "ts_event", "ts_recv"),
    *("price", "size", "size_exp", "ask_price", "ask_size", "ask_size_exp"),
)

VenueLevel = tuple[str, int, int]
"""Instrument id (``BTC-USDT.OKX``), size and its exponent."""


@dataclass(frozen=True, slots=True)
class Depth:
    """One group's levels, best first: ``(price, [(instrument id, size, size_exp), …])``, legs in the group's order."""

    bids: list[tuple[int, list[VenueLevel]]]
    asks: list[tuple[int, list[VenueLevel]]]
    left_out: dict[str, str]
    """By instrument id, why it is not in it: ``stale``, ``gapped``, ``nothing is known``."""


class Consolidated:
    """Stage of its own kind: takes a tape, and what ``Books`` told of it; returns ``NBBO`` rows.

    ``groups`` with ``instruments`` say which leg an instrument is; ``silence_s(venue)`` is how long a source of a venue
    may say nothing at all (``ports.Capabilities.heartbeat_s``), None where it proves nothing. State is bounded: two
    faces a leg, one row a group, one record a source. ``moving`` has it tell what becomes of each leg, too (``moves``).
    """

    def __init__(
        self,
        groups: tuple[Group, ...],
        instruments: Instruments,
        silence_s: Callable[[str], float | None],
        *,
        moving: bool = False,
    ) -> None:
        self.groups = groups
        self._instruments = instruments
        self._silence_s = silence_s
        counts = [len(group.legs) for group in groups]
        self._leg_at = {leg: at for at, leg in enumerate(leg for group in groups for leg in group.legs)}
        self._leg_group = np.repeat(np.arange(len(groups)), counts)
        self._group_begin = np.cumsum([0, *counts])
        self._leg_of = np.zeros(0, np.int64)
        self._silence = np.full(len(self._leg_at), core.NO_RULE)
        self._faces = np.zeros((len(self._leg_at), 2), FACE)
        self._sources = np.zeros(1 << 16 if groups else 0, SOURCE)
        self._last = blank(len(groups))
        self._dirty = np.zeros(len(groups), np.bool_)
        self._meter = np.array([core.NEVER, 0, len(groups), -1])
        self.moved = np.zeros(len(self._leg_at) if moving else 0, MOVE)
        self.moved["source"] = EVERY_SOURCE  # none yet
        """The newest ``MOVE`` of each leg, where they are asked for."""
        self.moves = np.zeros(0, MOVE)
        """``MOVE`` rows of the tape just taken, in its order."""

    @property
    def leg_of(self) -> NDArray[np.int64]:
        """By instrument, which leg it is, counted over all groups; -1 for none."""
        self._grow(len(self._instruments))
        return self._leg_of

    def watches(self, instrument: int) -> bool:
        """Return whether an instrument, by its dense id, is a leg of a group."""
        one = self._instruments[instrument]
        return (one.venue, one.symbol) in self._leg_at

    def on_tape(self, tape: Tape, tops: NDArray[np.void]) -> NDArray[np.void]:
        """Take the next rows, with the ``TOP`` rows of the same tape; return the ``NBBO`` rows they led to."""
        if not self.groups:
            return np.zeros(0, NBBO)
        self._grow(len(self._instruments))  # not only those of this tape: a row of a whole source tells of others
        out = np.zeros(len(tape) // 2 + len(self.groups), NBBO)
        columns = [getattr(tape, name) for name in _COLUMNS]
        moves = np.zeros(len(self.moved) and len(tape) // 2 + len(self.moved), MOVE)
        row = top = at = moves_at = 0
        taken = -1
        while row < len(tape):
            row, top, moves_at, at = core.run(
                row,
                taken,
                top,
                tops,
                self._leg_of,
                self._leg_group,
                self._silence,
                self._group_begin,
                self._faces,
                self._sources,
                self._last,
                self._dirty,
                self._meter,
                self.moved,
                moves,
                moves_at,
                out,
                at,
                *columns,
            )
            if at + len(self.groups) > len(out):
                out = np.concatenate((out, np.zeros(len(out), NBBO)))
            elif moves_at + len(self.moved) > len(moves):
                moves = np.concatenate((moves, np.zeros(len(moves), MOVE)))
            elif row < len(tape):
                self._take_gap(tape, row)
                taken = row
        self.moves = moves[:moves_at]
        return whole.copied(out[:at])

    def nbbo(self, group: int) -> np.void:
        """Return the newest ``NBBO`` row of a group; ``EMPTY`` before the first."""
        found: np.void = self._last[group].copy()
        return found

    def depth(self, group: int, books: Books | PartedBooks, count: int | None = None) -> Depth:
        """Return the levels of all that stands, at most ``count`` prices a side. A quote is one level a side."""
        sides: tuple[dict[int, list[VenueLevel]], dict[int, list[VenueLevel]]] = ({}, {})
        left_out: dict[str, str] = {}
        begin = int(self._group_begin[group])
        for at, (venue, symbol) in enumerate(self.groups[group].legs, begin):
            name = f"{symbol}.{venue}"
            made, face = judge(self._faces, at, self._sources)
            if made != STANDS:
                left_out[name] = _WHY[made]
                continue
            for side, levels in zip(sides, self._levels(at, face, books), strict=True):
                for price, size, exponent in levels:
                    side.setdefault(price, []).append((name, size, exponent))
        bids, asks = (sorted(side.items(), reverse=side is sides[0])[:count] for side in sides)
        return Depth(bids, asks, left_out)

    def snapshot(self) -> bytes:
        """Return all state as bytes."""
        used = np.flatnonzero(self._sources["seen"])
        return pack(
            {
                "groups": self._names(),
                "faces": self._faces,
                "sources": self._sources[used],
                "numbers": used,
                "last": self._last,
                "meter": self._meter[: core.LOW],
                **({"moved": self.moved} if len(self.moved) else {}),
            }
        )

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned. One of other groups is passed over: legs are unknown again."""
        parts = unpack(state)
        if parts["groups"] != self._names():
            return
        self._faces, self._last = parts["faces"], parts["last"]
        self._sources[parts["numbers"]] = parts["sources"]
        self._meter[: core.LOW] = parts["meter"]
        if len(self.moved):  # asked for since then: every leg is told of anew
            self.moved = parts.get("moved", self.moved)

    def _names(self) -> list[list[object]]:
        return [[group.name, [list(leg) for leg in group.legs]] for group in self.groups]

    def _levels(self, leg: int, face: int, books: Books | PartedBooks) -> list[list[tuple[int, int, int]]]:
        """Return bids and asks of one leg."""
        if face == BOOK:
            view = books.view(int(np.flatnonzero(self.leg_of == leg)[0]))
            return [view.bids, view.asks]
        quote = self._faces[leg, QUOTE]
        sides = [tuple(int(quote[side + name]) for name in ("", "_size", "_size_exp")) for side in ("bid", "ask")]
        return [[(price, size, exponent)] if price != ABSENT else [] for price, size, exponent in sides]

    def _take_gap(self, tape: Tape, row: int) -> None:
        """Believe no quote of which the next may be lost."""
        which, source = int(tape.instrument[row]), int(tape.source[row])
        if tape.kind[row] != EventKind.GAP or tape.code[row] in _NOT_OF_QUOTES or not may_hide(tape, row, "quote"):
            return
        if tape.code[row] == GapReason.QUARANTINE and not tape.gaps_at(tape.offset[row]):
            return  # a book's: of anything else that could not be read a gap says what it was
        leg = int(self._leg_of[which]) if which >= 0 else -1
        if which < 0 or leg >= 0:
            every = which < 0 and source == EVERY_SOURCE
            core.lose_quotes(source, leg, every, self._faces, self._leg_group, self._dirty, self._meter)

    def _grow(self, count: int) -> None:
        more = [self._instruments[which] for which in range(len(self._leg_of), count)]
        legs = [self._leg_at.get((one.venue, one.symbol), -1) for one in more]
        self._leg_of = np.concatenate((self._leg_of, np.array(legs, np.int64)))
        for leg, one in zip(legs, more, strict=True):
            silence_s = self._silence_s(one.venue) if leg >= 0 else None
            if silence_s is not None:
                self._silence[leg] = round(silence_s * 1e9)
