"""What the store has of a day: the ticks that are there, and which times were heard."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pyarrow as pa

from breadboard.app.held_ticks import HeldTicks, ticks_of
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import EventKind
from tapes import SECOND, T0, tape, trade

DAY = 86_400 * SECOND
SHIFT = 5 * 3600 * SECOND


class Kept:
    """A store that answers from arrays."""

    def __init__(self, event: list[int], recv: list[int], gaps: list[tuple[int, int]]) -> None:
        self._event, self._recv, self._gaps = np.array(event), np.array(recv), gaps

    def query(self, sql: str, params: Mapping[str, Any]) -> pa.Table:
        if "FROM gaps" in sql:
            return pa.table({"a": [a for a, _ in self._gaps], "b": [b for _, b in self._gaps]})
        if "DISTINCT" in sql:
            return pa.table({"day": np.unique((self._event - SHIFT) // DAY)})
        its = np.flatnonzero((self._event >= params["begin"]) & (self._event < params["end"]))
        same = {name: np.full(len(its), value) for name, value in (("a", 100), ("b", 5), ("back", 0), ("heard", 1))}
        told = {"event": self._event[its], "recv": self._recv[its], "number": its, "id": np.full(len(its), ABSENT)}
        return pa.table(told | same)


def test_times_that_were_heard_are_those_between_ticks_and_in_no_gap_however_many_there_are() -> None:
    random = np.random.default_rng(5)
    event = T0 + np.sort(random.integers(0, 3600, 60)) * SECOND
    recv = event + random.integers(0, 90, 60) * SECOND
    begins = T0 + random.integers(-600, 4200, 40) * SECOND
    gaps = sorted(
        (int(at), int(at) + int(long) * SECOND) for at, long in zip(begins, random.integers(0, 60, 40), strict=True)
    )
    kept = cast("Any", Kept(event.tolist(), recv.tolist(), gaps))
    its = HeldTicks(kept, EventKind.TRADE, ("V", "S0"), 1 << 60, numbered=False)
    asked = tape([trade(1, int(at), 1) for at in (np.arange(-60, 3700) * SECOND).tolist()])
    _, heard = its.judge(asked, ticks_of(asked, EventKind.TRADE, numbered=False))

    order = np.argsort(recv, kind="stable")
    event, recv = event[order], recv[order]
    holes = []
    for begin, end in gaps:
        last, first = np.flatnonzero(recv <= begin), np.flatnonzero(recv >= end)
        holes.append((event[last[-1]] if len(last) else ABSENT, event[first[0]] if len(first) else 1 << 62))
    expected = [
        event.min() < at < event.max() and not any(begin < at < end for begin, end in holes) for at in asked.ts_event
    ]
    assert 0 < sum(expected) < len(expected)
    assert heard.tolist() == expected
