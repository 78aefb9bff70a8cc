"""The rules' loop over bars, and the judge of what is found a few times a second."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.rule_events import begin
from breadboard.engine.rule_judge import CLOSED, judge, place_of_window
from breadboard.engine.rule_state import LOOK_BACK
from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import kernel
from breadboard.model.kinds import BarState

_FINAL: Final = int(BarState.FINAL)
_SECOND: Final = 1_000_000_000


@kernel
def take_bars(
    bars: NDArray[np.void],
    conds: NDArray[np.void],
    slots: NDArray[np.void],
    volumes: NDArray[np.float64],
    owners: NDArray[np.void],
    hours: NDArray[np.void],
    spans: NDArray[np.int64],
    now: NDArray[np.int64],
    out: NDArray[np.void],
) -> int:
    """Hold the volume of FINAL bars against the bars before; return how many FIRED are in ``out``, one a slot at most.

    ``out`` has room for one a bar and slot of its instrument; ``now`` is our time at each bar.
    """
    at = 0
    for row in range(len(bars)):
        bar = bars[row]
        if bar.state != _FINAL:
            continue
        owner = owners[bar.instrument]
        for place in range(owner.bar, owner.end):
            slot = slots[place]
            cond = conds[slot.condition]
            length = bar.interval * _SECOND
            if cond.window != length or (slot.a != ABSENT and bar.ts_open <= slot.a):
                continue
            ring = volumes[slot.ring]
            volume = bar.volume_whole + bar.volume_fraction * 1e-18
            missing = bar.completeness < 1.0
            if slot.count == LOOK_BACK:
                usual = 0.0
                for each in range(LOOK_BACK):
                    usual += ring[(slot.head + each) % LOOK_BACK]
                usual /= LOOK_BACK
                when = bar.ts_close
                session = place_of_window(cond, owner.calendar, bar.ts_open, when, hours, spans)
                x = volume / usual if usual > 0.0 else np.nan
                if session != CLOSED and judge(cond, slot, x, cond.threshold, cond.rearm, bar.ts_open, session):
                    told = out[at]
                    begin(told, slot, bar.offset, 0, when, now[row], ABSENT)
                    told.source, told.flags = max(owner.source, 0), owner.flags
                    told.value, told.reference, told.ts_window = x, usual, bar.ts_open
                    told.gapped = missing or slot.b != 0
                    at += 1
                ring[slot.head] = volume
                slot.head = (slot.head + 1) % LOOK_BACK
            else:
                ring[slot.count] = volume
                slot.count += 1
            slot.a, slot.b = bar.ts_open, ((slot.b << 1) | missing) & ((1 << LOOK_BACK) - 1)
    return at


@kernel
def judge_one(
    conds: NDArray[np.void],
    slots: NDArray[np.void],
    place: int,
    x: float,
    when: int,
    end: int,
    calendar: int,
    hours: NDArray[np.void],
    spans: NDArray[np.int64],
) -> bool:
    """Judge one slot of what is found a few times a second and not in a loop; return whether an alert is due.

    It is found at ``when``, or over a window from there to ``end``.
    """
    slot = slots[place]
    cond = conds[slot.condition]
    session = place_of_window(cond, calendar, when, end, hours, spans)
    return session != CLOSED and judge(cond, slot, x, cond.threshold, cond.rearm, when, session)
