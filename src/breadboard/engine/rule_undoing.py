"""What a trade has moved that turns out to be none: taken back by its venue, or of a history that goes back in time."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.kept_trades import SAME_NS, is_same
from breadboard.engine.rule_events import begin
from breadboard.engine.rule_judge import CLOSED, FALLING, RISING, drop, place_of, slide
from breadboard.engine.rule_state import MOST_FIRED
from breadboard.model.alerts import AlertState
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import Record, kernel
from breadboard.model.rules import RuleKind

_CROSS: Final = int(RuleKind.CROSS)
_RETRACTED: Final = int(AlertState.RETRACTED)
_MIX: Final = np.int64(0x1E37_79B9_7F4A_7C15)


@kernel
def name_of(trade_id: int, size: int, size_exp: int) -> int:
    """Return what tells a trade from others of its time and price, in one number: windows have room for no more."""
    return int(trade_id ^ (size * 32 + size_exp) * _MIX)


@kernel
def remember(
    slot: Record,
    fired: NDArray[np.void],
    when: int,
    trade_id: int,
    price: int,
    size: int,
    size_exp: int,
    offset: int,
    index: int,
) -> None:
    """Remember a trade that fired, in place of the oldest."""
    trade = fired[slot.next]
    trade.when, trade.trade_id, trade.price = when, trade_id, price
    trade.size, trade.size_exp = size, size_exp
    trade.offset, trade.index, trade.told = offset, index, 1
    trade.until, trade.once, trade.known = slot.was_until, slot.was_once, 1
    slot.next = (slot.next + 1) % MOST_FIRED


@kernel
def _find(fired: NDArray[np.void], since: int, when: int, trade_id: int, price: int, size: int, size_exp: int) -> int:
    """Return the place of the trade that the venue takes back, as bars find theirs (``kept_trades``); -1 for none."""
    found, least = -1, 0
    for place in range(len(fired)):
        trade = fired[place]
        if not trade.told or not is_same(trade, since, when, trade_id, price, size, size_exp):
            continue
        away = abs(trade.when - when)
        if found < 0 or away < least:
            found, least = place, away
    return found


@kernel
def _untell(cond: Record, slot: Record, fired: NDArray[np.void], which: int) -> None:
    """Let cooldown and ``once_per`` be as they were before an alert that is taken back, but for alerts since."""
    its = fired[which]
    if not its.known:
        return
    later = (which + 1) % MOST_FIRED
    while later != slot.next and not fired[later].told:
        later = (later + 1) % MOST_FIRED
    if later != slot.next:  # an alert since: what was before it is what was before both
        fired[later].until, fired[later].once = its.until, its.once
        return
    slot.until, slot.once = its.until, its.once
    if cond.sign != 0 or cond.kind != _CROSS:
        slot.armed = 1  # as it was: what has come since may be the real crossing
        return
    if its.price >= cond.limit:
        slot.armed |= RISING
    if its.price <= cond.limit:
        slot.armed |= FALLING


@kernel
def retract(
    owner: Record,
    conds: NDArray[np.void],
    slots: NDArray[np.void],
    fired: NDArray[np.void],
    trade: tuple[int, int, int, int],
    where: tuple[int, int],
    when: tuple[int, int],
    since: int,
    source: int,
    flags: int,
    out: NDArray[np.void],
    at: int,
) -> int:
    """Take back the alerts that a trade (id, price, size, its exponent) fired; their ids are those of what fired."""
    trade_id, price, size, size_exp = trade
    event = when[1] if when[0] == ABSENT else when[0]
    for place in range(owner.trade, owner.quote):
        slot = slots[place]
        which = _find(fired[slot.fired], since, event, trade_id, price, size, size_exp)
        if which >= 0:
            its = fired[slot.fired][which]
            told = out[at]
            begin(told, slot, where[0], where[1], when[0], when[1], ABSENT)
            told.state, told.source, told.flags, told.price = _RETRACTED, source, flags, price
            told.value, told.reference_offset = np.nan, its.offset
            told.id_offset, told.id_index = its.offset, its.index
            its.told = 0
            _untell(conds[slot.condition], slot, fired[slot.fired], which)
            at += 1
    return at


@kernel
def _forget(owner: Record, price: int, name: int, since: int, until: int) -> bool:
    """Let a trade be the last price no longer, nor the one before it; return whether it was the newest trade."""
    if owner.price == price and owner.name == name and since <= owner.event < until:
        newest = bool(owner.undo)
        if newest:
            owner.newest, owner.price, owner.price_offset = owner.was_newest, owner.was_price, owner.was_offset
            owner.event, owner.name = owner.was_newest, owner.was_name
        else:  # it was the one before a newest that was taken back already: what was before both is not known
            owner.price = owner.price_offset = ABSENT
        owner.undo = 0
        return newest
    if owner.undo and owner.was_price == price and owner.was_name == name and since <= owner.was_newest < until:
        owner.was_price = owner.was_offset = ABSENT
    return False


@kernel
def take_back(
    owner: Record,
    conds: NDArray[np.void],
    slots: NDArray[np.void],
    rings: NDArray[np.void],
    trade: tuple[int, int, int, int],
    when: int,
    since: int,
    hours: NDArray[np.void],
    spans: NDArray[np.int64],
) -> None:
    """Let a trade count no longer, for the windows that hold it; the newest one for what is armed and the last price.

    Prices that the window had let go because of it are not known any more, but for the last one that stands. A trade
    that counted for nothing is in no window, whatever others of its time and price there are.
    """
    trade_id, price, size, size_exp = trade
    name, until, last = name_of(trade_id, size, size_exp), when + SAME_NS, owner.newest
    newest = _forget(owner, price, name, since, until)
    if newest:  # it is in the windows of the time that it was believed to be of
        since, until = last, last + 1
    for place in range(owner.trade, owner.quote):
        slot = slots[place]
        cond = conds[slot.condition]
        if newest:
            slot.armed = slot.before
        if cond.kind == _CROSS or not drop(slot, rings[slot.ring], since, until, cond.sign * price, name):
            continue
        if owner.price != ABSENT and place_of(cond, owner.calendar, owner.newest, hours, spans) != CLOSED:
            signed = cond.sign * owner.price
            slide(slot, rings[slot.ring], cond.step, owner.newest, signed, owner.price_offset, owner.name)


@kernel
def begin_anew(slot: Record, cond: Record) -> None:
    """Let a slot be as it was before its first price or quote: older ones of another source are to come."""
    slot.armed = slot.before = cond.armed
    slot.head = slot.count = 0
    slot.a = slot.until = slot.once = ABSENT
    slot.b = slot.c = 0


@kernel
def begin_history(owner: Record, conds: NDArray[np.void], slots: NDArray[np.void], fired: NDArray[np.void]) -> None:
    """Let the trades of an instrument begin anew: those to come are older than those before, and of another source."""
    owner.newest = owner.price = owner.price_offset = owner.gap_at = ABSENT
    owner.undo = 0
    for place in range(owner.trade, owner.quote):
        slot = slots[place]
        begin_anew(slot, conds[slot.condition])
        for each in range(MOST_FIRED):
            fired[slot.fired][each].told = 0
