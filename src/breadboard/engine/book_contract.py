"""The contract of an order-book stream, and a judge that names every row that breaks it.

One row of the tape is one whole venue event: what others mark with a LAST flag is the end of each row here. Between
rows the book is consistent; inside one it need not be. The contract, each rule under the name that a violation bears:

``NO_SNAPSHOT``      An increment changes a book that a snapshot (or CLEAR) has begun. Where snapshots are fetched
                     beside the stream, increments may come first; one that joins them comes before the tape ends.
``SNAPSHOT_OLDER``   A snapshot is not older than the book, and reaches the increments that wait for it. Where it
                     comes in the stream it begins anew, and any number is right.
``SEQUENCE_FELL``    The numbers of increments rise, until FEED_DOWN, a gap or a snapshot in the stream begins anew.
``HOLE``             Each increment follows the one before it, the first one a snapshot, by its venue's rule, unless a
                     gap says that some are missing: a GAP row before it, or one that the engine found at that very row
                     (``Outputs.gaps``).
``CROSSED``          After a whole event the best bid is below the best offer.
``WHILE_DOWN``       Nothing comes between FEED_DOWN and FEED_UP of its source.
``AFTER_DOWN``       After FEED_DOWN a book begins anew before it changes (where the snapshot comes in the stream).
``REMOVES_NOTHING``  A removal (size 0) names a level that is there, where the venue promises that (``exact``). Binance
                     calls other removals normal; OKX sends them too, with checksums that are right.
``NEGATIVE_SIZE``    No size is below 0.
``BAD_LEVEL``        A level has a side and a price.
``EMPTY_LEVEL``      A snapshot holds no level of size 0.
``DUPLICATE_LEVEL``  A snapshot names a price of one side once.
``UNSORTED``         A snapshot gives each side best first.
``UNKNOWN_ORDER``    An order is changed, filled or taken away only after it was added, by no more than is left of it;
                     or else a snapshot of levels holds as much at its price that nobody named.
``REPEATED_ORDER``   An order is added once.

A book of which something is known to be missing is judged again from its next snapshot on. The judge is plain Python
over dictionaries, a row at a time, and shares no code with the books of the engine: each can be held against the other.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from breadboard.engine.book_life import Event, Life, Orders
from breadboard.engine.hiding import EVERY_SOURCE
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Gap
from breadboard.model.kinds import EventKind, GapReason, OrderAction, SequenceRule, StatusCode
from breadboard.model.tape import Tape

MOST_KEPT: Final = 1_000
"""Violations kept in full; all are counted."""
_OTHERS: Final = (GapReason.TRADE_ID, GapReason.COUNTER)
"""Gaps of trades alone."""


class Rule(StrEnum):
    """What can be broken; the contract above says what each demands."""

    NO_SNAPSHOT = "no_snapshot"
    SNAPSHOT_OLDER = "snapshot_older"
    SEQUENCE_FELL = "sequence_fell"
    HOLE = "hole"
    CROSSED = "crossed"
    WHILE_DOWN = "while_down"
    AFTER_DOWN = "after_down"
    REMOVES_NOTHING = "removes_nothing"
    NEGATIVE_SIZE = "negative_size"
    BAD_LEVEL = "bad_level"
    EMPTY_LEVEL = "empty_level"
    DUPLICATE_LEVEL = "duplicate_level"
    UNSORTED = "unsorted"
    UNKNOWN_ORDER = "unknown_order"
    REPEATED_ORDER = "repeated_order"


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule broken by one row, ``(offset, index)``."""

    rule: Rule
    offset: int
    index: int
    instrument: int
    detail: str


class BookContract:
    """Judges tapes in journal order, in pieces of any size; ``finish`` says what was still owed at the end.

    ``rule(instrument)`` says how numbers chain; ``exact(instrument)`` whether the venue promises to remove only what is
    there; rules that are ``off`` are not judged. Memory grows with the books and with increments that wait for a
    snapshot.
    """

    def __init__(
        self,
        rule: Callable[[int], SequenceRule],
        exact: Callable[[int], bool] = lambda _: False,
        *,
        off: Iterable[Rule] = (),
    ) -> None:
        self.violations: list[Violation] = []
        self.counts: Counter[Rule] = Counter()
        self.events = 0
        """Book and order rows judged."""
        self._rule = rule
        self._exact = exact
        self._off = frozenset(off)
        self._lives: dict[int, Life] = {}
        self._down: set[int] = set()

    def on_tape(self, tape: Tape, gaps: Iterable[tuple[int, int, Gap]] = ()) -> None:
        """Judge the next rows; ``gaps`` are those that the engine found, ``(offset, instrument, gap)``."""
        told = {(offset, instrument) for offset, instrument, gap in gaps if gap.reason not in _OTHERS}
        for at in range(len(tape)):
            kind = int(tape.kind[at])
            if kind == EventKind.STATUS:
                self._status(tape, at)
            elif kind == EventKind.GAP:
                self._gap(tape, at)
            elif tape.instrument[at] < 0:
                continue
            elif kind in {EventKind.BOOK_DELTA, EventKind.BOOK_SNAPSHOT, EventKind.ORDER}:
                self._book(tape, at, kind, told)

    def finish(self) -> list[Violation]:
        """Say what is still owed, and return all violations kept."""
        for which, life in sorted(self._lives.items()):
            if life.waiting and not life.begun and not life.lost:
                event = life.waiting[0]
                self._say(
                    Rule.NO_SNAPSHOT, event, which, f"{len(life.waiting)} increments wait for one that never came"
                )
            life.waiting.clear()
        return self.violations

    def _say(self, rule: Rule, event: Event, which: int, detail: str) -> None:
        if rule in self._off:
            return
        self.counts[rule] += 1
        if len(self.violations) < MOST_KEPT:
            self.violations.append(Violation(rule, event.offset, event.index, which, detail))

    def _status(self, tape: Tape, at: int) -> None:
        source, which = int(tape.source[at]), int(tape.instrument[at])
        if tape.code[at] == StatusCode.FEED_UP:
            self._down.discard(source)
        elif tape.code[at] == StatusCode.FEED_DOWN:
            if which < 0:
                self._down.add(source)
            for each, life in self._lives.items():
                if each == which or (which < 0 and life.source == source):
                    life.end()

    def _gap(self, tape: Tape, at: int) -> None:
        """Excuse what follows, in every book of which something may be missing."""
        source, which = int(tape.source[at]), int(tape.instrument[at])
        channels = [gap.channel for gap in tape.gaps_at(tape.offset[at])] or [None]
        if tape.code[at] in _OTHERS or not any(channel in {None, "book"} for channel in channels):
            return
        for each, life in self._lives.items():
            if each == which or (which < 0 and source in {life.source, EVERY_SOURCE}):
                life.lose()

    def _book(self, tape: Tape, at: int, kind: int, told: set[tuple[int, int]]) -> None:
        which, event = int(tape.instrument[at]), Event.of(tape, at)
        life = self._lives.setdefault(which, Life(self._rule(which)))
        life.source = int(tape.source[at])
        self.events += 1
        if life.source in self._down:
            self._say(Rule.WHILE_DOWN, event, which, f"source {life.source} is down")
        if kind == EventKind.ORDER:
            self._order(tape, at, which, life, event, (event.offset, which) in told)
        elif kind == EventKind.BOOK_SNAPSHOT:
            self._levels(event, which)
            self._shape(event, which)
            self._renew(which, life, event)
        else:
            self._levels(event, which)
            self._increment(which, life, event, (event.offset, which) in told)
        self._inside(which, life, event)

    def _levels(self, event: Event, which: int) -> None:
        for side, price, size, _ in event.levels:
            if side not in {1, 2} or price == ABSENT:
                self._say(Rule.BAD_LEVEL, event, which, f"side {side}, price {price}")
            if size < 0:
                self._say(Rule.NEGATIVE_SIZE, event, which, f"{size} at {price}")

    def _shape(self, event: Event, which: int) -> None:
        """Judge the form of a snapshot."""
        for wanted in (1, 2):
            prices = [price for side, price, _, _ in event.levels if side == wanted]
            twice = [price for price, count in Counter(prices).items() if count > 1]
            if twice:
                self._say(Rule.DUPLICATE_LEVEL, event, which, f"{twice[0]} of side {wanted}")
            if prices != sorted(prices, reverse=wanted == 1):
                self._say(Rule.UNSORTED, event, which, f"side {wanted}")
        empty = [price for _, price, size, _ in event.levels if size == 0]
        if empty:
            self._say(Rule.EMPTY_LEVEL, event, which, f"at {empty[0]}")

    def _renew(self, which: int, life: Life, event: Event) -> None:
        older = life.older(event)
        if older:
            self._say(Rule.SNAPSHOT_OLDER, event, which, older)
        else:
            life.begin(event)

    def _increment(self, which: int, life: Life, event: Event, told: bool) -> None:
        fell, hole = life.follows(event)
        if fell:
            self._say(Rule.SEQUENCE_FELL, event, which, fell)
            return  # it was told before, and the book has it
        if hole and not told:
            self._say(Rule.HOLE, event, which, hole)
        if hole or (told and life.begun):
            life.lose()
        life.last = event.last
        if life.begun:
            missing = life.apply(event)
            if missing and self._exact(which):
                self._say(Rule.REMOVES_NOTHING, event, which, f"at {missing[0]}")
        elif not life.in_stream:
            life.wait(event)
        elif not life.lost:
            after = Rule.AFTER_DOWN if life.ended else Rule.NO_SNAPSHOT
            self._say(after, event, which, "the snapshot comes in this stream, and did not")

    def _order(self, tape: Tape, at: int, which: int, life: Life, event: Event, told: bool) -> None:
        action = OrderAction(int(tape.code[at]))
        if action == OrderAction.CLEAR:
            life.begin_orders()
            return
        size, exponent = int(tape.size[at]), int(tape.size_exp[at])
        if size < 0 and size != ABSENT:
            self._say(Rule.NEGATIVE_SIZE, event, which, f"{size} of an order")
            return
        if life.ended and not life.begun:
            self._say(Rule.AFTER_DOWN, event, which, "orders go on where a new beginning was due")
        life.orders = life.orders or Orders()
        wrong = life.orders.take(
            action, int(tape.order_id[at]), int(tape.side[at]), int(tape.price[at]), size, exponent
        )
        if wrong == "again":
            self._say(Rule.REPEATED_ORDER, event, which, f"order {int(tape.order_id[at])}")
        elif wrong and not (told or life.lost):
            self._say(Rule.UNKNOWN_ORDER, event, which, wrong)
        if told or wrong not in {"", "again"}:
            life.lose()

    def _inside(self, which: int, life: Life, event: Event) -> None:
        bid, ask = life.best()
        if not life.lost and bid is not None and ask is not None and bid >= ask:
            self._say(Rule.CROSSED, event, which, f"bid {bid}, ask {ask}")
