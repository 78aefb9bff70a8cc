"""Arbitrage: what could be bought at one venue and sold dearer at another, or round a triangle within one.

A **route** is one way to do it: buy here, sell there; each pair of instruments of a group has two, each triangle has
two. A route is looked at on the very row that moves one of its legs or the rate between their currencies. What its
books give is walked level by level (``arbitrage_walk``) until the next unit would not earn what is asked for, after
fees; that is its size, and what all of it comes to are its gross, fees and net. It **opens** where that is something,
is told anew when that changes, and **closes** when nothing is left of it or when a leg can no longer be believed:

- a leg that is stale, gapped or unknown to ``Consolidated``, delayed by its vendor, halted, locked or crossed all by
  itself, or whose source's clock is suspect (unless that is allowed) gives no signal;
- nor does one that has said nothing for longer than ``max_age_ms``. Ages are measured on our clock at receipt, never
  on a venue's;
- nor do legs whose currencies need a rate that is older than it may be.

It is what was told and not what could be had: by the time an order is there, others were quicker. ``paper`` says more.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.config import ArbitrageConfig, PaperConfig
from breadboard.engine import arbitrage_kernel as core
from breadboard.engine.arbitrage_books import LEVELS, FollowedBooks
from breadboard.engine.arbitrage_levels import HIGH, LOW, in_units
from breadboard.engine.arbitrage_routes import STANDING, TRADES, convert, hindrance
from breadboard.engine.arbitrage_terms import terms_of
from breadboard.engine.book_kernel import ASKS, BIDS
from breadboard.engine.books import Books
from breadboard.engine.consolidated import Consolidated
from breadboard.engine.consolidated_legs import BOOK
from breadboard.engine.paper import PaperExecution
from breadboard.engine.paper_trades import PaperTrades
from breadboard.engine.parted_books import PartedBooks
from breadboard.engine.state import pack, unpack
from breadboard.model import whole
from breadboard.model.decimals import ABSENT
from breadboard.model.executions import PAPER_FILL
from breadboard.model.kinds import Side
from breadboard.model.opportunities import OPPORTUNITY, OpportunityState
from breadboard.model.tape import Tape
from breadboard.ports import Market

_COLUMNS: Final = (
    *("kind", "code", "source", "instrument", "offset", "index", "ts_event", "ts_recv", "size"),
    *LEVELS,
)


class Arbitrage:
    """Stage of its own kind: takes a tape after ``books`` and ``consolidated`` took it; returns ``OPPORTUNITY`` rows.

    Both have finished the tape by then, so it follows the books of its legs a second time, in a pool of its own: what
    they hold between two tapes is the same. State is bounded: one row a route, and the levels of the legs.
    """

    def __init__(self, config: ArbitrageConfig, books: Books | PartedBooks, consolidated: Consolidated) -> None:
        self.terms = terms_of(config, consolidated.groups)
        self._books = books
        self._consolidated = consolidated
        legs, routes = len(self.terms.legs), len(self.terms.routes)
        self._legs = consolidated.moved.copy()
        self._halts = np.full(legs, TRADES, np.int32)
        """By leg, the source that told of its halt."""
        self._followed = FollowedBooks(legs)
        self._worth = np.zeros((len(self.terms.rates), 2), np.int64)
        self._standing = np.zeros(routes, STANDING)
        self._held = np.zeros(routes, OPPORTUNITY)
        self._around = np.zeros((4, 3), np.int64)
        self._found = np.zeros(1, OPPORTUNITY)
        self._dirty = np.zeros(routes, np.bool_)
        margin, suspect = round(config.min_net_bps * 10_000), int(config.suspect_clock)
        times = (round(each * 1e6) for each in (config.max_age_ms, config.update_ms))
        self._limits = np.array([margin, *times, suspect], np.int64)
        self._meter = np.zeros(core.METERS, np.int64)
        self._meter[core.DEADLINE] = self._meter[core.DUE] = core.NEVER
        self._meter[core.LOW], self._meter[core.HIGH] = routes, -1
        self._instrument_of = np.full(legs, -1, np.int32)
        self._now = 0
        self._paper = None if config.paper is None else self._on_paper(config.paper)
        self.fills = np.zeros(0, PAPER_FILL)
        """``PAPER_FILL`` rows of the tape just taken, where orders go to paper."""

    def on_tape(self, tape: Tape) -> NDArray[np.void] | None:
        """Take the next rows; return what opened, changed and closed, in order, or None."""
        self._learn()
        copies = self._books.copies
        copied = np.array([copy.place for copy in copies], np.int64)
        columns = [getattr(tape, name) for name in _COLUMNS]
        out = np.zeros(len(self._held) + 64, OPPORTUNITY)
        row = top = move = copy = at = 0
        fills: list[NDArray[np.void]] = []
        self._followed.begin(tape, self._books.tops)
        pool = self._followed.pool
        while True:
            why, row, top, move, copy, at = core.run(
                row,
                top,
                move,
                copied,
                copy,
                self._books.tops,
                self._consolidated.moves,
                self._consolidated.leg_of,
                self._instrument_of,
                self._followed.behind,
                self._followed.later,
                self._legs,
                self._halts,
                self.terms.terms,
                self.terms.rates,
                self._worth,
                self.terms.routes,
                self.terms.touching,
                self.terms.reach,
                self._standing,
                self._held,
                self._around,
                self._found,
                self._dirty,
                self._limits,
                self._paper is not None,
                self._meter,
                pool.sides,
                pool.keys,
                pool.sizes,
                pool.exps,
                pool.meter,
                out,
                at,
                *columns,
            )
            if why == core.ENDED:
                self._followed.end(lambda leg: self._books.copied(int(self._instrument_of[leg])))
                self.fills = whole.joined(fills) if fills else np.zeros(0, PAPER_FILL)
                return whole.copied(out[:at]) if at else None
            if why == core.FALLS_DUE:
                fills += self._fall_due(tape, row)
            elif why == core.SPOKE:
                self._take(out[:at], tape, row)
            elif why == core.STEPPED:
                self._step(int(tape.size[row]))
            elif why == core.SHORT:
                out = np.concatenate((out, np.zeros(len(out), OPPORTUNITY)))
            elif why == core.COPY:
                self._followed.replace(self._leg(top), copies[copy])
                self._touch(self._leg(top))
                top, copy = top + 1, copy + 1
            elif why == core.WIDEN:
                self._followed.widen(int(self._meter[core.WIDENS]))

    def counters(self) -> dict[str, int]:
        """Return opportunities opened, rows told, changes told with others; times a route was looked at and walked."""
        names = {"opened": core.NUMBER, "told": core.TOLD, "conflated": core.CONFLATED}
        names |= {"looked": core.LOOKED, "walked": core.WALKED}
        return {name: int(self._meter[slot]) for name, slot in names.items()}

    def snapshot(self) -> bytes:
        """Return all state as bytes. What the legs are and what their books hold is in the stages it looks at."""
        return pack(
            {
                "terms": self.terms.key(),
                "halts": self._halts,
                "standing": self._standing,
                "held": np.frombuffer(self._held.tobytes(), np.uint8),
                "meter": self._meter[: core.KEPT],
                **({} if self._paper is None else {"paper": self._paper.snapshot()}),
            }
        )

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned, after ``books`` and ``consolidated`` did.

        One of other terms is passed over: what was open then is nothing to these.
        """
        parts = unpack(state)
        if parts["terms"] == self.terms.key():
            self._halts, self._standing = parts["halts"], parts["standing"]
            self._held = parts["held"].view(OPPORTUNITY)
            self._meter[: core.KEPT] = parts["meter"]
            if self._paper is not None and "paper" in parts:
                self._paper.restore(parts["paper"])
                self._await()

    def follow(self) -> None:
        """Take legs and books as they are: once, after a restart, whether this stage had a state or not."""
        self._learn()
        self._legs = self._consolidated.moved.copy()
        for leg, which in enumerate(self._instrument_of.tolist()):
            copy = self._books.copied(which)
            if copy is not None:
                self._followed.replace(leg, copy)

    def levels(self, leg: int, side: int) -> list[tuple[int, int, int]]:
        """Return the levels of a leg's book (``BIDS``, ``ASKS``) as this stage follows it, best first."""
        return self._followed.levels(leg, side)

    def market(self, ts: int) -> Market:
        """Return the books as they are now, held against the clock at ``ts``."""
        return _Followed(self, ts)

    def believed(self, instrument: int, side: Side, ts: int) -> Iterator[tuple[int, int]] | None:
        """Return what ``Market.levels`` promises, at ``ts``."""
        leg = int(self._consolidated.leg_of[instrument])
        known = self._legs[leg]
        if hindrance(known, self._halts[leg] != TRADES, ts, self._limits):
            return None
        name = "ask" if side == Side.BUY else "bid"
        quoted = (int(known[name]), int(known[f"{name}_size"]), int(known[f"{name}_size_exp"]))
        found = self._best_first(leg, ASKS if side == Side.BUY else BIDS) if known["face"] == BOOK else iter([quoted])
        return ((price, in_units(size, exponent)) for price, size, exponent in found if price > 0)

    def _best_first(self, leg: int, side: int) -> Iterator[tuple[int, int, int]]:
        """Yield the levels of a book; few are ever asked for."""
        told, count = 0, 16
        while len(found := self._followed.levels(leg, side, count)) > told:
            yield from found[told:]
            told, count = len(found), 4 * count

    def _on_paper(self, config: PaperConfig) -> PaperTrades:
        """Return the books of trades that are made on paper."""

        def latency(instrument: int) -> int:
            venue = self.terms.legs[int(self._consolidated.leg_of[instrument])][0]
            return round(config.latency_ms.get(venue, config.default_latency_ms) * 1e6)

        return PaperTrades(PaperExecution(latency), self.terms, self._instrument_of, self._rate)

    def _rate(self, place: int) -> tuple[int, int] | None:
        """Return what a unit of a currency brings and costs at the moment that is dealt with."""
        rates = (self.terms.rates, self._legs, self._halts, self._limits, self._worth)
        if convert(place, self._now, *rates) == ABSENT:
            return None
        return int(self._worth[place, LOW]), int(self._worth[place, HIGH])

    def _fall_due(self, tape: Tape, row: int) -> list[NDArray[np.void]]:
        """Deal with all orders that were there before a row was received."""
        assert self._paper is not None
        self._followed.catch_up()
        fills: list[NDArray[np.void]] = []
        while (
            self._meter[core.DUE] < tape.ts_recv[row]
        ):  # each at its own moment: a book may be too old for a later one
            self._now = int(self._meter[core.DUE])
            fills += self._paper.until(self._now + 1, self.market(self._now))
            self._await()
        for fill in fills:
            fill["offset"], fill["index"] = tape.offset[row], tape.index[row]
        return fills

    def _take(self, told: NDArray[np.void], tape: Tape, row: int) -> None:
        """Take on paper what the row opened."""
        assert self._paper is not None
        at = len(told)
        while at and (told["offset"][at - 1], told["index"][at - 1]) == (tape.offset[row], tape.index[row]):
            at -= 1
        for line in told[at:]:
            if line["state"] == OpportunityState.OPENED:
                self._paper.take(line)
        self._await()

    def _step(self, ns: int) -> None:
        assert self._paper is not None
        self._paper.step(ns)
        self._await()

    def _await(self) -> None:
        """Have the kernel stop at the first row received after something is due."""
        due = None if self._paper is None else self._paper.due
        self._meter[core.DUE] = core.NEVER if due is None else due

    def _leg(self, top: int) -> int:
        return int(self._consolidated.leg_of[self._books.tops["instrument"][top]])

    def _touch(self, leg: int) -> None:
        core.touch(leg, self.terms.touching, self.terms.reach, self._dirty, self._meter)

    def _learn(self) -> None:
        """Learn which instruments the legs are."""
        leg_of = self._consolidated.leg_of
        which = np.flatnonzero(leg_of >= 0)
        self._instrument_of[leg_of[which]] = which


class _Followed:
    """A ``Market``: the books that the stage follows, at one moment."""

    def __init__(self, stage: Arbitrage, ts: int) -> None:
        self._stage = stage
        self._ts = ts

    def levels(self, instrument: int, side: Side) -> Iterator[tuple[int, int]] | None:
        """Return what can be taken, best first."""
        return self._stage.believed(instrument, side, self._ts)
