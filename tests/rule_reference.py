"""Alert rules as a person would follow them: every row looked at, every window gone through again."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import EventKind, Flag, GapReason, StatusCode
from breadboard.model.rules import Rule, duration
from breadboard.model.tape import Tape

SECOND = 10**9
LEFT_OUT = Flag.DUPLICATE | Flag.LAST_KNOWN | Flag.WITHDRAWN | Flag.INELIGIBLE | Flag.VOLUME_ONLY
NOT_STANDING = Flag.LAST_KNOWN | Flag.INELIGIBLE | Flag.WITHDRAWN
NO_LAG = Flag.DUPLICATE | Flag.LAST_KNOWN | Flag.WITHDRAWN | Flag.SNAPSHOT | Flag.HISTORY
OF_BOOKS = (GapReason.SEQUENCE, GapReason.OVERFLOW, GapReason.CHECKSUM, GapReason.ORDER)

Fired = tuple[int, int, int, float]
"""Offset, index, instrument, value."""


@dataclass
class Gate:
    """Armed or not; cooled down or not."""

    rule: Rule
    armed: bool = True
    until: int = -(2**63)
    once: str | None = None

    def takes(self, x: float, limit: float, back: float | None, when: int) -> bool:
        if not self.armed:
            self.armed = x < limit and (back is None or x <= back)
            return False
        if not x >= limit:
            return False
        self.armed = False
        return self.tells(when)

    def tells(self, when: int) -> bool:
        once = {"hour": f"{when // (3600 * SECOND)}", "day": f"d{when // (86400 * SECOND)}"}.get(self.rule.once_per)
        if when < self.until or (once is not None and once == self.once):
            return False
        self.until = when + (duration(self.rule.cooldown) if self.rule.cooldown else 0)
        self.once = once
        return True


@dataclass
class Watch:
    """One rule and one instrument."""

    rule: Rule
    gate: Gate
    prices: list[tuple[int, int]] = field(default_factory=list)
    raw: bool = False
    newest: int = -(2**63)
    seen: int | None = None
    told_of: int | None = None
    lags: tuple[int, list[int]] | None = None
    judged: int | None = None
    ways: set[int] = field(default_factory=set)
    told: bool = False


def follow(rule: Rule, tape: Tape) -> list[Fired]:
    """Return what a rule of one of the tape's kinds fires, over all instruments, in order."""
    watches: dict[int, Watch] = {}
    fired: list[Fired] = []
    for row in range(len(tape)):
        its = {name: int(getattr(tape, name)[row]) for name in ("kind", "instrument", "offset", "index", "ts_recv")}
        which = its["instrument"]
        if rule.kind == "no_data":
            fired += [(its["offset"], its["index"], *one) for one in _silent(rule, watches, its["ts_recv"])]
        if rule.kind == "lag" and its["kind"] == EventKind.CLOCK:
            found = [(each, _over(watches[each], its["ts_recv"])) for each in sorted(watches)]
            fired += [(its["offset"], its["index"], each, least) for each, least in found if least is not None]
        if which < 0:
            continue
        if which not in watches:
            watches[which] = Watch(rule, Gate(rule, armed=rule.kind != "cross"))
        value = _LOOK[rule.kind](watches[which], tape, row)
        if value is not None:
            fired.append((its["offset"], its["index"], which, value))
    return fired


def _trade(watch: Watch, tape: Tape, row: int) -> tuple[int, int] | None:
    """Return when and at what price, where the row is a trade that counts."""
    if tape.kind[row] != EventKind.TRADE or tape.flags[row] & LEFT_OUT or tape.price[row] == ABSENT:
        return None
    aggregated = bool(tape.flags[row] & Flag.AGGREGATED)
    if aggregated and watch.raw:
        return None
    watch.raw |= not aggregated
    recv, event = int(tape.ts_recv[row]), int(tape.ts_event[row])
    when = recv if event == ABSENT else event if tape.flags[row] & Flag.HISTORY else min(event, recv + 60 * SECOND)
    if when < watch.newest:
        return None
    watch.newest = when
    return when, int(tape.price[row])


def _moves(watch: Watch, tape: Tape, row: int) -> float | None:
    trade = _trade(watch, tape, row)
    if trade is None:
        return None
    watch.prices.append(trade)
    when, price = trade
    step = max(duration(watch.rule.window) // 60, 1)
    inside = [each for at, each in watch.prices if at // step > when // step - 60]
    low, high = min(inside), max(inside)
    rises = watch.rule.kind == "rise"
    base = low if rises else high
    moved = (price - low) * 100.0 / low if rises else (high - price) * 100.0 / high
    if base <= 0:
        return None
    return moved if watch.gate.takes(moved, _level(watch.rule.threshold), _back(watch.rule), when) else None


def _crosses(watch: Watch, tape: Tape, row: int) -> float | None:
    trade = _trade(watch, tape, row)
    if trade is None:
        return None
    when, price = trade
    limit, back = watch.rule.price("threshold"), watch.rule.price("rearm")
    assert limit is not None
    sign = {"up": 1, "down": -1}.get(watch.rule.direction)
    if sign is not None:
        # The level to come back to is asked for after an alert; before the first, the other side is enough.
        back_at = None if back is None or not watch.told else sign * back
        hit = watch.gate.takes(sign * price, sign * limit, back_at, when)
        watch.told |= hit
        return price / 1e9 if hit else None
    # Either way: each side has to be left for good before coming to the price from there is a crossing.
    hits = [way for way in (1, -1) if way in watch.ways and way * price >= way * limit]
    watch.ways = {way for way in watch.ways if way not in hits} | {way for way in (1, -1) if way * price < way * limit}
    return price / 1e9 if hits and watch.gate.tells(when) else None


def _spreads(watch: Watch, tape: Tape, row: int) -> float | None:
    bid, ask = int(tape.price[row]), int(tape.ask_price[row])
    stands = not tape.flags[row] & NOT_STANDING and tape.size[row] != 0 and tape.ask_size[row] != 0
    if tape.kind[row] != EventKind.QUOTE or bid <= 0 or ask <= 0 or not stands:
        return None
    recv, event = int(tape.ts_recv[row]), int(tape.ts_event[row])
    spread = (ask - bid) * 20_000.0 / (ask + bid)
    when = recv if event == ABSENT else min(event, recv + 60 * SECOND)
    return spread if watch.gate.takes(spread, _level(watch.rule.threshold), _back(watch.rule), when) else None


def _lags(watch: Watch, tape: Tape, row: int) -> float | None:
    timed = tape.kind[row] in (EventKind.TRADE, EventKind.QUOTE, EventKind.BOOK_DELTA) and tape.ts_event[row] != ABSENT
    if not timed or tape.flags[row] & NO_LAG:
        return None
    now, length = int(tape.ts_recv[row]), duration(watch.rule.window or "1s")
    lag, window = now - int(tape.ts_event[row]), now // length
    if watch.lags is not None and watch.lags[0] == window:
        watch.lags[1].append(lag)
        return None
    fired = None if watch.lags is None else _over(watch, (watch.lags[0] + 1) * length)
    watch.lags = (window, [lag])
    return fired


def _over(watch: Watch, now: int) -> float | None:
    """Judge a window of lags once it is over; what comes of it later counts for nothing."""
    length = duration(watch.rule.window or "1s")
    if watch.lags is None or (watch.lags[0] + 1) * length > now or watch.judged == watch.lags[0]:
        return None
    watch.judged, least = watch.lags[0], min(watch.lags[1]) / 1e6
    fires = watch.gate.takes(least, _level(watch.rule.threshold), _back(watch.rule), watch.lags[0] * length)
    return least if fires else None


def _halts(watch: Watch, tape: Tape, row: int) -> float | None:
    known = {StatusCode.HALTED: 1.0, StatusCode.RESUMED: 0.0, StatusCode.QUOTING: 0.0}
    code = int(tape.code[row])
    if tape.kind[row] != EventKind.STATUS or code not in known:
        return None
    recv, event = int(tape.ts_recv[row]), int(tape.ts_event[row])
    halted = watch.gate.takes(known[StatusCode(code)], 1.0, None, recv if event == ABSENT else event)
    return 1.0 if halted else None


def _speaks(watch: Watch, tape: Tape, row: int) -> None:
    if tape.kind[row] <= EventKind.BOOK_SNAPSHOT or tape.kind[row] == EventKind.ORDER:
        watch.seen = int(tape.ts_recv[row])


def _silent(rule: Rule, watches: dict[int, Watch], now: int) -> list[tuple[int, float]]:
    found = []
    for which, watch in sorted(watches.items()):
        if watch.seen is None or watch.seen == watch.told_of or now - watch.seen < duration(rule.window):
            continue
        watch.told_of = watch.seen
        found.append((which, (now - watch.seen) / SECOND))
    return found


_LOOK: dict[str, Any] = {
    "rise": _moves,
    "drop": _moves,
    "cross": _crosses,
    "spread": _spreads,
    "lag": _lags,
    "halt": _halts,
    "no_data": _speaks,
}


def _level(value: float | str | None) -> float:
    assert value is not None
    return float(value)


def _back(rule: Rule) -> float | None:
    return None if rule.rearm is None else float(rule.rearm)


def volumes(rule: Rule, bars: NDArray[np.void]) -> list[tuple[int, int, float]]:
    """Return ``(offset, instrument, times)`` of FINAL bars of a rule's length that are far above the 20 before."""
    before: dict[int, list[tuple[int, float]]] = {}
    gates: dict[int, Gate] = {}
    fired = []
    for bar in bars:
        if int(bar["interval"]) * SECOND != duration(rule.window) or bar["state"] != 2:
            continue
        which, begin = int(bar["instrument"]), int(bar["ts_open"])
        mine, gate = before.setdefault(which, []), gates.setdefault(which, Gate(rule))
        if mine and begin <= mine[-1][0]:
            continue
        volume = int(bar["volume_whole"]) + int(bar["volume_fraction"]) * 1e-18
        usual = sum(each for _, each in mine[-20:]) / 20
        if len(mine) >= 20 and usual > 0:
            times = volume / usual
            if gate.takes(times, _level(rule.threshold), _back(rule), begin + duration(rule.window)):
                fired.append((int(bar["offset"]), which, times))
        mine.append((begin, volume))
    return fired
