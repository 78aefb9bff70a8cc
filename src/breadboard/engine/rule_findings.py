"""Rules over what other stages found: anomalies, opportunities, and expressions over windows that are over.

These come a few times a second, not a million: Python finds the rules of each, and the loop's own ``judge`` decides.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.rule_bars import judge_one
from breadboard.engine.rule_conditions import Conditions
from breadboard.engine.rule_expressions import LAST
from breadboard.engine.rule_hours import Hours
from breadboard.engine.rule_state import FIRED, SLOT
from breadboard.engine.state import pack, unpack
from breadboard.model.alerts import AlertState
from breadboard.model.anomalies import BY_NAME as ANOMALIES
from breadboard.model.decimals import ABSENT
from breadboard.model.features import Feature
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import BarState
from breadboard.model.opportunities import OpportunityState
from breadboard.model.rules import RuleKind

_SECOND: Final = 1_000_000_000
_LABELS: Final = [feature.label for feature in Feature]
_Window = tuple[int, int, int, int]
"""Offset at which it was closed, instrument, length in seconds, beginning."""

_Slots = dict[tuple[int, int], NDArray[np.void]]
_Closes = dict[tuple[int, int], tuple[int, float]]


class Findings:
    """Conditions of kinds ``anomaly``, ``arbitrage`` and ``expression``: one slot a condition and what it watches."""

    def __init__(self, conditions: Conditions, instruments: Instruments) -> None:
        self._conditions = conditions
        self._instruments = instruments
        self._slots: _Slots = {}
        """By rule version and instrument, or (below 0) source; of opportunities route, or (below 0) instrument."""
        self._last: _Closes = {}
        """By instrument and interval, where its newest bar begins, and the close of that."""
        kinds = [one.rule.of_kind for one in conditions.watched]
        self._of: dict[RuleKind, set[int]] = {
            kind: {at for at, its in enumerate(kinds) if its is kind}
            for kind in (RuleKind.ANOMALY, RuleKind.ARBITRAGE, RuleKind.EXPRESSION)
        }
        self._mine: dict[int, list[int]] = {}
        self.intervals = {int(conditions.rows["window"][at]) // _SECOND for at in self._of[RuleKind.EXPRESSION]}
        """Lengths of the windows that an expression looks at."""

    def inherit(self, before: "Findings") -> None:
        """Take over what is known of conditions whose rule is the same version, but for what has been counted."""
        places = {int(row["rule"]): at for at, row in enumerate(self._conditions.rows)}
        slots, last = before.known()
        self._last = {key: each for key, each in last.items() if key[1] in self.intervals}
        for (rule, what), slot in slots.items():
            if rule in places:
                kept: Any = slot.copy()
                kept["condition"], kept["held"] = places[rule], 0
                self._slots[rule, what] = kept

    def known(self) -> tuple[_Slots, _Closes]:
        """Return a copy of what is known: slots, and closes by instrument and interval."""
        return dict(self._slots), dict(self._last)

    def anomalies(self, rows: NDArray[np.void], hours: Hours, owners: NDArray[np.void]) -> Iterator[NDArray[np.void]]:
        """Return what anomalies fired."""
        for row in rows if self._of[RuleKind.ANOMALY] else ():
            which, source = int(row["instrument"]), int(row["source"])
            speaker = "" if which >= 0 else hours.venue(source, int(row["offset"]))
            of = self._of_instrument(which) if which >= 0 else self._conditions.of_venue(speaker)
            when = int(row["ts_recv"] if row["ts_event"] == ABSENT else row["ts_event"])
            for at in of:
                wanted = self._conditions.watched[at].rule.of
                if at not in self._of[RuleKind.ANOMALY]:
                    continue
                if wanted and int(row["kind"]) not in [int(ANOMALIES[name]) for name in wanted]:
                    continue
                calendar = int(owners["calendar"][which]) if which >= 0 else -1
                what = which if which >= 0 else -1 - source
                if self._judge(at, what, float(row["score"]), (when, when), calendar, hours):
                    told = _told(at, which, row)
                    told["source"], told["flags"], told["cause"] = source, row["flags"], row["kind"]
                    told["value"], told["reference"] = row["score"], row["baseline"]
                    told["reference_offset"] = row["from_offset"]
                    yield told

    def opportunities(
        self, rows: NDArray[np.void], hours: Hours, owners: NDArray[np.void]
    ) -> Iterator[NDArray[np.void]]:
        """Return what opportunities fired. One that closes re-arms the rules of its route."""
        for row in rows if self._of[RuleKind.ARBITRAGE] else ():
            legs = [int(leg) for leg in row["leg_instrument"] if leg >= 0]
            value = float(row["net_bps"])
            for at in sorted({each for leg in legs for each in self._of_instrument(leg)}):
                if at not in self._of[RuleKind.ARBITRAGE]:
                    continue
                if row["state"] == OpportunityState.CLOSED:  # in whatever hours
                    self._slot(at, int(row["route"]))["armed"] = 1
                    continue
                calendar = int(owners["calendar"][legs[0]])
                when, one = int(row["ts_recv"]), _one_of(legs[0])
                if self._judge(at, int(row["route"]), value, (when, when), calendar, hours, told_of=one):
                    told = _told(at, legs[0], row)
                    told["flags"], told["value"], told["reference"] = row["flags"], value, row["gross_bps"]
                    told["opportunity"] = row["id"]
                    yield told

    def windows(
        self, bars: NDArray[np.void], features: NDArray[np.void], hours: Hours, owners: NDArray[np.void]
    ) -> Iterator[NDArray[np.void]]:
        """Evaluate expressions once a window that is over: what its bar and its features say, told at one offset."""
        if not self.intervals:
            return
        ends, windows = _joined(bars, features, self.intervals)
        for window, known in sorted(windows.items()):
            offset, which, interval, begin = window
            end = ends.get(window, begin + interval * _SECOND)
            self._follow(which, interval, begin, known)
            for at in self._of_instrument(which):
                one = self._conditions.watched[at]
                if one.expression is None or int(self._conditions.rows["window"][at]) != interval * _SECOND:
                    continue
                value = one.expression.value(known)
                calendar = int(owners["calendar"][which])
                if value is not None and self._judge(at, which, value, (begin, end), calendar, hours):
                    told = _blank(at, which)
                    told["offset"], told["ts_event"], told["ts_window"], told["value"] = offset, end, begin, value
                    told["id_offset"] = offset
                    told["flags"], told["source"] = owners["flags"][which], max(int(owners["source"][which]), 0)
                    told["gapped"] = known.get("completeness", 1.0) < 1.0
                    yield told

    def _follow(self, which: int, interval: int, begin: int, known: dict[str, float]) -> None:
        """Let a window know the newest close of bars of its length, whatever other rules look at."""
        begun, last = self._last.get((which, interval), (ABSENT, None))
        if "close" in known and begin >= begun:
            last = known["close"]
            self._last[which, interval] = begin, last
        if last is not None:
            known[LAST] = last

    def held(self) -> int:
        """Return the crossings that were not told."""
        return sum(int(slot["held"][0]) for slot in self._slots.values())

    def packed(self) -> bytes:
        """Return all state as bytes."""
        keys = sorted(self._slots)
        slots = np.concatenate([self._slots[key] for key in keys]) if keys else np.zeros(0, SLOT)
        return pack(
            {"keys": keys, "slots": np.frombuffer(slots.tobytes(), np.uint8), "last": sorted(self._last.items())}
        )

    def unpacked(self, state: bytes) -> None:
        """Go back to what ``packed`` returned."""
        parts = unpack(state)
        slots = parts["slots"].view(SLOT)
        self._slots = {(key[0], key[1]): slots[at : at + 1].copy() for at, key in enumerate(parts["keys"])}
        self._last = {(which, interval): (begin, close) for (which, interval), (begin, close) in parts["last"]}

    def _of_instrument(self, which: int) -> list[int]:
        found = self._mine.get(which)
        if found is None:
            one = self._instruments[which]
            loose = set().union(*self._of.values())
            found = self._mine[which] = [at for at in self._conditions.of(one.venue, one.symbol) if at in loose]
        return found

    def _judge(
        self,
        at: int,
        what: int,
        value: float,
        when: tuple[int, int],
        calendar: int,
        hours: Hours,
        told_of: int | None = None,
    ) -> bool:
        """Judge one condition of ``what``, found over a window from and to ``when``, or at once.

        ``told_of``: whose alerts cooldown and once_per count, where not its own.
        """
        slot = self._slot(at, what)
        shared: Any = slot if told_of is None else self._slot(at, told_of)
        for name in ("until", "once"):
            slot[name] = shared[name]
        fires = judge_one(self._conditions.rows, slot, 0, value, *when, calendar, hours.table, hours.spans)
        for name in ("until", "once"):
            shared[name] = slot[name]
        return bool(fires)

    def _slot(self, at: int, what: int) -> Any:  # noqa: ANN401 - a structured array
        """Return the slot of a condition and what it watches, a new one where there is none."""
        row = self._conditions.rows[at]
        key = (int(row["rule"]), what)
        slot: Any = self._slots.get(key)
        if slot is None:
            slot = np.zeros(1, SLOT)
            slot["condition"], slot["armed"] = at, row["armed"]
            slot["until"] = slot["once"] = ABSENT
            self._slots[key] = slot
        return slot


def _joined(
    bars: NDArray[np.void], features: NDArray[np.void], intervals: Iterable[int]
) -> tuple[dict[_Window, int], dict[_Window, dict[str, float]]]:
    """Return what is known of each window, FINAL bars and features of the lengths asked for; and when bars end."""
    windows: dict[_Window, dict[str, float]] = {}
    ends: dict[_Window, int] = {}
    wanted = list(intervals)
    for bar in bars[(bars["state"] == BarState.FINAL) & np.isin(bars["interval"], wanted)]:
        volume = int(bar["volume_whole"]) + int(bar["volume_fraction"]) * 1e-18
        window = _window(bar)
        its, ends[window] = windows.setdefault(window, {}), int(bar["ts_close"])
        its |= {name: int(bar[name]) / 1e9 for name in ("open", "high", "low", "close")}
        its |= {"volume": volume, "trades": float(bar["trades"]), "completeness": float(bar["completeness"])}
        if volume > 0:
            its["vwap"] = float(bar["notional"]) / volume
    for row in features[np.isin(features["interval"], wanted)]:
        windows.setdefault(_window(row), {}).setdefault(_LABELS[row["feature"]], float(row["value"]))
    return ends, windows


def _window(row: np.void) -> _Window:
    return int(row["offset"]), int(row["instrument"]), int(row["interval"]), int(row["ts_open"])


def _one_of(instrument: int) -> int:
    """Return where an instrument of opportunities has its slot, so that it is no route's."""
    return -1 - instrument


def _blank(condition: int, instrument: int) -> Any:  # noqa: ANN401 - a structured array
    told: Any = np.zeros(1, FIRED)
    told["condition"], told["instrument"], told["state"] = condition, instrument, AlertState.FIRED
    for name in ("ts_event", "sequence", "reference_offset", "price", "ts_window"):
        told[name] = ABSENT
    told["reference"] = np.nan
    return told


def _told(condition: int, instrument: int, row: np.void) -> Any:  # noqa: ANN401 - a structured array
    told = _blank(condition, instrument)
    for name in ("offset", "index", "ts_event", "ts_recv"):
        told[name] = row[name]
    told["id_offset"], told["id_index"] = row["offset"], row["index"]
    return told
