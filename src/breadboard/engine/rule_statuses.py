"""What venues say of trading, and feeds of themselves: halts, and what is forgotten when whoever told of one goes."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.rule_events import begin, is_of, may_trade
from breadboard.engine.rule_judge import CLOSED, judge, place_of
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import StatusCode
from breadboard.model.rules import RuleKind

_UP: Final = int(StatusCode.FEED_UP)
_DOWN: Final = int(StatusCode.FEED_DOWN)
_HALTED: Final = int(StatusCode.HALTED)
_RESUMED: Final = int(StatusCode.RESUMED)
_QUOTING: Final = int(StatusCode.QUOTING)
_OF_HALTS: Final = int(RuleKind.HALT)


@kernel
def take_status(
    its: tuple[int, int, int, int],
    where: tuple[int, int, int],
    when: tuple[int, int, int],
    conds: NDArray[np.void],
    slots: NDArray[np.void],
    owners: NDArray[np.void],
    sources: NDArray[np.void],
    hours: NDArray[np.void],
    spans: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
) -> int:
    """Take a STATUS row and return how many FIRED are in ``out`` then, one a slot at most.

    ``its`` are its code, instrument (-1: all of the source), source and flags, ``where`` its offset, index and
    sequence, ``when`` the venue's time, ours, and up to when the venue's is believed.
    """
    code, instrument, source, flags = its
    if code in (_UP, _DOWN):
        sources[source].down = code == _DOWN
        for each in range(len(owners)):
            if code == _DOWN and is_of(owners[each], source) and may_trade(owners[each], source):
                owners[each].gapping = 1
            if owners[each].halted and owners[each].halted_by == source:
                _forget_halt(owners[each], conds, slots, when[1])
        return at
    if code not in (_HALTED, _RESUMED, _QUOTING):
        return at
    wide = instrument < 0
    for each in range(len(owners)) if wide else range(instrument, instrument + 1):
        owner = owners[each]
        if wide and not is_of(owner, source):
            continue
        owner.halted, owner.halted_by = code == _HALTED, source
        if code == _HALTED:
            at = _tell_halt(owner, source, flags, where, when, conds, slots, hours, spans, out, at)
        else:
            _trades_again(owner, conds, slots, when[1])
    return at


@kernel
def _tell_halt(
    owner: Record,
    source: int,
    flags: int,
    where: tuple[int, int, int],
    when: tuple[int, int, int],
    conds: NDArray[np.void],
    slots: NDArray[np.void],
    hours: NDArray[np.void],
    spans: NDArray[np.int64],
    out: NDArray[np.void],
    at: int,
) -> int:
    its, now, latest = when
    believed = now if its == ABSENT else min(its, latest)
    for place in range(owner.halt, owner.bar):
        slot = slots[place]
        cond = conds[slot.condition]
        if cond.kind != _OF_HALTS:
            continue
        session = place_of(cond, owner.calendar, believed, hours, spans)
        if session != CLOSED and judge(cond, slot, 1.0, 1.0, np.inf, believed, session):
            told = out[at]
            begin(told, slot, where[0], where[1], its, now, where[2])
            told.source, told.flags, told.value = source, flags, 1.0
            at += 1
    return at


@kernel
def _trades_again(owner: Record, conds: NDArray[np.void], slots: NDArray[np.void], now: int) -> None:
    if owner.seen != ABSENT:
        owner.seen = now
    for place in range(owner.halt, owner.bar):
        if conds[slots[place].condition].kind == _OF_HALTS:
            slots[place].armed = 1  # also at night: what is halted on the next day is halted again


@kernel
def _forget_halt(owner: Record, conds: NDArray[np.void], slots: NDArray[np.void], now: int) -> None:
    """Know of no halt any more: whoever told of it was away, and trading may have been resumed meanwhile."""
    owner.halted = 0
    _trades_again(owner, conds, slots, now)
