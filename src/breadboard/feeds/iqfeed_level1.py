"""What the lines of Level 1 mean: trades, quotes, summaries and corrections.

A ``Q`` is a trade only where its Message Contents hold C (last qualified), E (extended hours) or O (other), and a quote
only where they hold b or a. Where they were not selected, it is the quote as of then and no trade: nothing tells
whether its Most Recent Trade is a new one. Where Most Recent Trade was not selected, the trade of a C is ``Last``, and
that of an E ``Extended Trade``. A ``P`` is what the gateway holds, told on request: never a trade that just happened.
The times are New York's; the time of a trade takes Most Recent Trade Date where that was selected, and otherwise the
date that puts it nearest to its receipt, as Bid Time and Ask Time always do. Side of a trade: Aggressor 1 bought, 2
sold.
"""

from typing import Final

from breadboard.feeds.conditions import flags_of
from breadboard.feeds.eastern import NearestDay, eastern_ns, parse_clock, parse_day
from breadboard.feeds.iqfeed_fields import (
    Plan,
    Print,
    longer,
    number,
    paid,
    plan_for,
    price_and_size,
    side,
    size,
    symbol,
)
from breadboard.feeds.iqfeed_history import UNCOUNTED
from breadboard.feeds.iqfeed_memory import MOST_BOOKS, Memory
from breadboard.feeds.iqfeed_notes import (
    NO_NOTES,
    correction_notes,
    fundamental_notes,
    line_notes,
    news_notes,
    regional_notes,
)
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Event, Meaning, Refused
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import EventKind, Flag, Side, Uncounted

_TRADE: Final = EventKind.TRADE
_QUOTE: Final = EventKind.QUOTE
_SIDES: Final = {"1": Side.BUY, "2": Side.SELL}
_NOUGHT: Final = frozenset({"", "0"})
_NO_FLAG: Final = Flag(0)
# Joining flags of an Enum costs more than reading the line: every union is made once.
TRADE_FLAGS: Final = {
    (letter, delayed): flags_of(UNCOUNTED[letter]) | (Flag.DELAYED if delayed else _NO_FLAG)
    for letter in UNCOUNTED
    for delayed in (False, True)
}
QUOTE_FLAGS: Final = (_NO_FLAG, Flag.DELAYED)
NO_EVENT: Final = "Q without trade or quote"
_NO_CONTENTS: Final = "Q without Message Contents"
_NO_FIELDS: Final = "P without trade or quote"
_HELD_TRADE: Final = (Flag.LAST_KNOWN, Flag.LAST_KNOWN | Flag.DELAYED)
_HELD_QUOTE: Final = (Flag.SNAPSHOT, Flag.SNAPSHOT | Flag.DELAYED)
_CORRECTIONS: Final = {"I": Flag.LATE_PRINT, "D": Flag.WITHDRAWN}
_CORRECTION_FIELDS: Final = 10


class Level1:
    """Reads cut lines of the Level 1 port; see ``FrameReader``."""

    def __init__(self, nearest: NearestDay) -> None:
        self._nearest = nearest

    def update(self, parts: list[str], memory: Memory, at: At) -> Meaning:
        """Read ``Q``: a trade, a quote, a trade and a quote, or neither."""
        plan = memory.plan
        if plan is None or len(parts) != plan.parts:
            plan = plan_for(parts, plan)
            if len(parts) > plan.parts:
                return longer(self.update(_announced(parts, plan), memory, at), parts)
        if plan.contents < 0:
            return self._as_of_then(parts, plan, memory, at)
        contents = parts[plan.contents]
        delayed = memory.delayed or parts[plan.delay] not in _NOUGHT
        traded = quoted = None
        # Capitals say that something traded, and at most one of them is there.
        letter = contents[:1] if contents[:1] in "CEO" else _letter(contents)
        if letter:
            flags, uncounted = TRADE_FLAGS[letter, delayed], UNCOUNTED[letter]
            traded = self._trade(parts, plan, at, flags, uncounted, letter)
            _remember(memory, parts, plan)
        if ("b" in contents or "a" in contents) and plan.quoted:
            bid = parts[plan.bid_time] if "b" in contents else ""
            ask = parts[plan.ask_time] if "a" in contents else ""
            quoted = self._quote(parts, plan, at, self._newer(bid, ask, at.ts_recv), QUOTE_FLAGS[delayed])
        if quoted is None:
            return Meaning(ignored=NO_EVENT) if traded is None else Meaning((traded,))
        return Meaning((quoted,)) if traded is None else Meaning((traded, quoted))

    def _as_of_then(self, parts: list[str], plan: Plan, memory: Memory, at: At) -> Meaning:
        """Read a ``Q`` that does not say what changed: its quote may be hours old, and is given no event time."""
        if not plan.quoted:
            symbol(parts[1])
            return Meaning(ignored=_NO_CONTENTS)
        delayed = memory.delayed or parts[plan.delay] not in _NOUGHT
        return Meaning((self._quote(parts, plan, at, ABSENT, QUOTE_FLAGS[delayed]),))

    def summary(self, parts: list[str], memory: Memory, at: At) -> Meaning:
        """Read ``P``: the quote as it stands, and the last trade, unless that is on the tape already.

        Its quote may be hours old and has no date, so it is given no event time.
        """
        plan = memory.plan
        if plan is None or len(parts) != plan.parts:
            plan = plan_for(parts, plan)
            if len(parts) > plan.parts:
                return longer(self.summary(_announced(parts, plan), memory, at), parts)
        delayed = memory.delayed or parts[plan.delay] not in _NOUGHT
        quoted = (self._quote(parts, plan, at, ABSENT, _HELD_QUOTE[delayed]),) if plan.quoted else ()
        told = plan.trades[""]
        known = memory.last_trade.get(parts[1]) == (parts[told.time], parts[plan.tick_id])
        nothing = not parts[told.price] or parts[told.size] in _NOUGHT
        if nothing or (known and not at.notes):
            return Meaning(quoted, ignored=None if quoted else _NO_FIELDS)
        traded = self._trade(parts, plan, at, _HELD_TRADE[delayed], None, "")
        _remember(memory, parts, plan)
        return Meaning((*quoted, traded))

    def correction(self, parts: list[str], memory: Memory, at: At) -> Meaning:
        """Read ``C``: a print that is put in late (I), or one that is taken back (D), known by its tick id."""
        if len(parts) < _CORRECTION_FIELDS + 1:
            raise Refused(f"a correction of {len(parts) - 1} fields")
        _, name, action, date, clock, told, amount, tick_id = parts[:8]
        if action not in _CORRECTIONS:
            raise Refused(f"unknown kind of correction {action[:10]!r}")
        found, exponent = size(amount)
        event = Event(
            kind=_TRADE,
            symbol=symbol(name),
            flags=_CORRECTIONS[action] | QUOTE_FLAGS[memory.delayed],
            ts_event=eastern_ns(parse_day(date), parse_clock(clock), at.ts_recv),
            trade_id=number(tick_id),
            sequence=number(tick_id),
            price=paid(told, ""),
            size=found,
            size_exp=exponent,
            notes=correction_notes(parts) if at.notes else NO_NOTES,
        )
        return Meaning((event,))

    def regional(self, parts: list[str], _memory: Memory, at: At) -> Meaning:
        """Read ``R``: one exchange's own quote, which is not the market's."""
        if len(parts) < 12:
            raise Refused(f"a regional quote of {len(parts) - 1} fields")
        side(parts[3], parts[4])
        side(parts[6], parts[7])
        symbol(parts[1])
        return Meaning(ignored="R", notes=regional_notes(parts) if at.notes else NO_NOTES)

    def news(self, parts: list[str], _memory: Memory, at: At) -> Meaning:
        """Read ``N``: a headline."""
        if len(parts) < 6:
            raise Refused(f"a headline of {len(parts) - 1} fields")
        return Meaning(ignored="N", notes=news_notes(parts) if at.notes else NO_NOTES)

    def fundamental(self, parts: list[str], memory: Memory, at: At) -> Meaning:
        """Read ``F``: what is known of a company."""
        if len(parts) < 4:
            raise Refused(f"fundamentals of {len(parts) - 1} fields")
        symbol(parts[1])
        return Meaning(ignored="F", notes=fundamental_notes(parts, memory.fundamental) if at.notes else NO_NOTES)

    def _trade(
        self, parts: list[str], plan: Plan, at: At, flags: Flag, uncounted: Uncounted | None, letter: str
    ) -> Event:
        price, amount, exponent = price_and_size(parts, plan, letter)
        if amount == 0 and Flag.INELIGIBLE not in flags:  # official opens and closes are told with size 0
            raise Refused("a trade of size 0")
        tick_id = number(parts[plan.tick_id])
        return Event(
            kind=_TRADE,
            symbol=symbol(parts[1]),
            flags=flags,
            code=uncounted,
            side=_SIDES.get(parts[plan.aggressor], Side.NONE),
            ts_event=self._traded(parts, plan.trades[letter], at, held=not letter),
            sequence=tick_id,
            trade_id=tick_id,
            price=price,
            size=amount,
            size_exp=exponent,
            notes=line_notes(parts, plan, _TRADE) if at.notes else NO_NOTES,
        )

    def _quote(self, parts: list[str], plan: Plan, at: At, ts_event: int, flags: Flag) -> Event:
        bid, bid_size, bid_exp = side(parts[plan.bid], parts[plan.bid_size])
        ask, ask_size, ask_exp = side(parts[plan.ask], parts[plan.ask_size])
        return Event(
            kind=_QUOTE,
            symbol=symbol(parts[1]),
            flags=flags,
            ts_event=ts_event,
            price=bid,
            size=bid_size,
            size_exp=bid_exp,
            ask_price=ask,
            ask_size=ask_size,
            ask_size_exp=ask_exp,
            notes=line_notes(parts, plan, _QUOTE) if at.notes else NO_NOTES,
        )

    def _traded(self, parts: list[str], told: Print, at: At, *, held: bool) -> int:
        """Return when a trade happened; one that the gateway only holds may be days old, and needs its date."""
        clock, date = parts[told.time], parts[told.date]
        if date and clock:
            return eastern_ns(parse_day(date), parse_clock(clock), at.ts_recv)
        return ABSENT if held else self._near(clock, at.ts_recv)

    def _newer(self, one: str, other: str, ts_recv: int) -> int:
        """Return the later of two wall clocks, by their text where midnight cannot lie between them."""
        if one[:2] == other[:2] or not one or not other:
            return self._near(max(one, other), ts_recv)
        return max(self._near(one, ts_recv), self._near(other, ts_recv))

    def _near(self, clock: str, ts_recv: int) -> int:
        return self._nearest(parse_clock(clock), ts_recv) if clock else ABSENT


def _announced(parts: list[str], plan: Plan) -> list[str]:
    """Return the fields that were announced, of a line that has more."""
    return [*parts[: plan.parts - 1], ""]


def _letter(contents: str) -> str:
    """Return the trade letter of Message Contents wherever it stands; empty for none."""
    return next((letter for letter in contents if letter in "CEO"), "")


def _remember(memory: Memory, parts: list[str], plan: Plan) -> None:
    known = memory.last_trade
    if len(known) >= MOST_BOOKS and parts[1] not in known:
        known.clear()  # a gateway has no such number of symbols; forgetting costs a repeated row
    # By the time that a summary has, whatever the letter: under another name, it would be told again as another trade.
    known[parts[1]] = (parts[plan.trades[""].time], parts[plan.tick_id])
