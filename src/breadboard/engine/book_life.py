"""What the judge of the order-book contract remembers of one book: plain dictionaries, no kernel."""

from dataclasses import dataclass, field
from decimal import Decimal
from heapq import heappop, heappush

from breadboard.model.decimals import ABSENT, size_decimal
from breadboard.model.kinds import OrderAction, SequenceRule
from breadboard.model.tape import Tape

Level = tuple[int, int, int, int]
"""Side, price, size, size exponent."""


@dataclass(frozen=True, slots=True)
class Event:
    """One book row: its place, its venue numbers, its levels."""

    offset: int
    index: int
    first: int
    last: int
    prev: int
    levels: list[Level]

    @staticmethod
    def of(tape: Tape, at: int) -> "Event":
        """Return one row of a tape."""
        own = slice(int(tape.level_begin[at]), int(tape.level_end[at]))
        columns = (tape.level_side, tape.level_price, tape.level_size, tape.level_size_exp)
        levels = list(zip(*(column[own].tolist() for column in columns), strict=True))
        offset, index = int(tape.offset[at]), int(tape.index[at])
        first, last, prev = (int(one[at]) for one in (tape.sequence_first, tape.sequence, tape.sequence_prev))
        return Event(offset, index, first, last, prev, levels)


class Ladder:
    """Sizes by price of one side; the best price is found without looking at all of them."""

    def __init__(self, side: int) -> None:
        self._sign = -1 if side == 1 else 1
        self._heap: list[int] = []
        self.sizes: dict[int, Decimal] = {}

    def put(self, price: int, size: Decimal) -> bool:
        """Set one level, 0 to remove it; return whether it was there."""
        there = price in self.sizes
        if size:
            self.sizes[price] = size
            if not there:
                heappush(self._heap, self._sign * price)
        elif there:
            del self.sizes[price]
        return there

    def best(self) -> int | None:
        """Return the best price; None where there is none."""
        while self._heap and self._sign * self._heap[0] not in self.sizes:
            heappop(self._heap)
        return self._sign * self._heap[0] if self._heap else None


def ladders() -> dict[int, Ladder]:
    """Return two empty sides."""
    return {1: Ladder(1), 2: Ladder(2)}


class Orders:
    """Resting orders by id, and what rests at each price that nobody named. Sizes are exact decimals."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[int, int, Decimal]] = {}
        self.unnamed: dict[tuple[int, int], Decimal] = {}
        self.totals = ladders()

    def take(self, action: OrderAction, number: int, side: int, price: int, size: int, exponent: int) -> str:
        """Take one change; return what is wrong with it: nothing, ``again``, or a sentence."""
        amount = Decimal(0) if size == ABSENT else size_decimal(size, exponent)
        if number == ABSENT and action in {OrderAction.ADD, OrderAction.REPLACE}:
            before = self.unnamed.get((side, price), Decimal(0)) if action == OrderAction.ADD else Decimal(0)
            self._leave(side, price, before + amount)
            return ""
        there = self.known.get(number)
        if action in {OrderAction.ADD, OrderAction.REPLACE}:
            self._put(number, side, price, amount)
            return "again" if action == OrderAction.ADD and there else ""
        if there is None:
            return self._take_unnamed(number, side, price, amount)
        left = Decimal(0) if action == OrderAction.DELETE else there[2] - amount
        self._put(number, there[0], there[1], max(left, Decimal(0)))
        return f"order {number} has {there[2]} left, not {amount}" if left < 0 else ""

    def _put(self, number: int, side: int, price: int, amount: Decimal) -> None:
        before = self.known.pop(number, None)
        if before:
            self._add(before[0], before[1], -before[2])
        if amount:
            self.known[number] = (side, price, amount)
            self._add(side, price, amount)

    def _leave(self, side: int, price: int, amount: Decimal) -> None:
        self._add(side, price, amount - self.unnamed.get((side, price), Decimal(0)))
        self.unnamed[side, price] = amount

    def _add(self, side: int, price: int, amount: Decimal) -> None:
        if side in self.totals:
            self.totals[side].put(price, self.totals[side].sizes.get(price, Decimal(0)) + amount)

    def _take_unnamed(self, number: int, side: int, price: int, amount: Decimal) -> str:
        there = self.unnamed.get((side, price), Decimal(0))
        if amount > there or not amount:
            return f"order {number} was never told of"
        self._leave(side, price, there - amount)
        return ""


@dataclass(slots=True)
class Life:
    """One book from one beginning to the next."""

    rule: SequenceRule
    source: int = 0
    begun: bool = False
    """A snapshot began it, and nothing is missing since."""
    lost: bool = False
    """Something is missing, and was told: nothing is judged until the next snapshot."""
    ended: bool = False
    """Its feed went down, and no snapshot came since."""
    number: int = ABSENT
    """The book's."""
    last: int = ABSENT
    """Of the newest increment, whether or not it is in the book; ABSENT where a chain begins."""
    levels: dict[int, Ladder] = field(default_factory=ladders)
    waiting: list[Event] = field(default_factory=list)
    orders: Orders | None = None

    @property
    def in_stream(self) -> bool:
        """Whether the snapshot comes in the stream and begins anew, whatever its number."""
        return self.rule in {SequenceRule.NONE, SequenceRule.LINK}

    def end(self) -> None:
        """Forget all: the feed is down."""
        self.lose()
        self.ended, self.lost = True, False
        self.orders = None

    def lose(self) -> None:
        """Something is missing."""
        self.begun, self.lost = False, True
        self.last = ABSENT
        self.waiting.clear()

    def follows(self, event: Event) -> tuple[str, str]:
        """Return what is wrong with an increment's numbers: that they fell, that there is a hole."""
        before = self.number if self.rule == SequenceRule.LINK and self.begun and self.last == ABSENT else self.last
        if self.begun and before == ABSENT and event.last > self.number and not self._joins(self.number, event):
            return "", f"it begins at {event.first}, and the snapshot before it is {self.number}"
        if ABSENT in {before, event.last} or self.rule == SequenceRule.NONE:
            return "", ""
        if self.rule == SequenceRule.LINK and event.prev == before:
            return "", ""  # OKX repeats a number where nothing changed, and links to it where it counts anew
        if event.last <= before:
            return f"{event.last} after {before}", ""
        return "", self._hole(before, event)

    def _hole(self, before: int, event: Event) -> str:
        """Return what is missing between an increment and the one before it; nothing where it follows."""
        if self.rule == SequenceRule.OVERLAP and event.first > before + 1:
            return f"{before + 1} to {event.first - 1} are missing"
        if self.rule in {SequenceRule.CHAIN, SequenceRule.LINK} and event.prev != before:
            return f"it follows {event.prev}, and {before} came before it"
        return ""

    def older(self, event: Event) -> str:
        """Return why a fetched snapshot is too old; nothing where it is not."""
        if self.in_stream:
            return ""
        if event.last == ABSENT:
            return "it has no number"
        if self.begun and event.last < self.number:
            return f"{event.last}, and the book has {self.number}"
        later = [each for each in self.waiting if each.last > event.last]
        if not later or self._joins(event.last, later[0]):
            return ""
        return f"{event.last}, and the increments that wait begin at {later[0].first}"

    def _joins(self, number: int, event: Event) -> bool:
        """Return whether an increment that a snapshot of this number does not hold is the first after it."""
        if self.rule not in {SequenceRule.OVERLAP, SequenceRule.CHAIN}:
            return True
        reach = number if self.rule == SequenceRule.CHAIN else number + 1
        return event.first <= reach or event.prev == number

    def begin(self, event: Event) -> None:
        """Take a snapshot, and the increments that waited for it."""
        self.levels = ladders()
        self._change(event)
        self.number, self.begun, self.lost, self.ended = event.last, True, False, False
        if self.in_stream:
            self.last = ABSENT
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            self.apply(each)

    def begin_orders(self) -> None:
        """Begin a book of orders with nothing in it."""
        self.orders, self.begun, self.lost, self.ended = Orders(), True, False, False

    def wait(self, event: Event) -> None:
        """Keep an increment for a snapshot to come."""
        self.waiting.append(event)

    def apply(self, event: Event) -> list[int]:
        """Change the book, unless it holds the event already; return the prices of removals that removed nothing."""
        if not self.in_stream and event.last <= self.number:
            return []
        self.number = event.last
        return self._change(event)

    def _change(self, event: Event) -> list[int]:
        missing: list[int] = []
        for side, price, size, exponent in event.levels:
            ladder = self.levels.get(side)
            if ladder is not None and not ladder.put(price, size_decimal(max(size, 0), exponent)) and size == 0:
                missing.append(price)
        return missing

    def best(self) -> tuple[int | None, int | None]:
        """Return the best bid and offer of a book that can be judged."""
        if self.orders is None and not self.begun:
            return None, None
        held = self.levels if self.orders is None else self.orders.totals
        return held[1].best(), held[2].best()
