"""Alert rules: what people want to be told of, told once each time it happens, at the row at which it does.

The rules are part of the journal: a RULES record says which hold from it on, so a replay has the alerts that live had
(docs/decisions/0008-rules.md). A rule is watched for each of its instruments by itself, in a *slot* that is armed or
not. It fires when its value comes to the threshold while it is armed, and is armed again when the value has been back
at ``rearm`` (left out: anywhere below the threshold). What ``cooldown`` and ``once_per`` keep from being told is
counted (``held``) and disarms all the same. Units and windows of each kind are in docs/rules.md.

Prices are those of trades that count for bars (not DUPLICATE, LAST_KNOWN, WITHDRAWN, INELIGIBLE or VOLUME_ONLY ones;
AGGREGATED ones only for instruments without others), in journal order; a trade older than one before it is counted
(``late``) and moves nothing. Spreads are of quotes that somebody stands behind. What may lack trades is ``gapped``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard.engine import rule_bars
from breadboard.engine import rule_events as events
from breadboard.engine import rule_kernel as core
from breadboard.engine.rule_conditions import Conditions
from breadboard.engine.rule_findings import Findings
from breadboard.engine.rule_hours import Hours
from breadboard.engine.rule_slots import Slots
from breadboard.engine.rule_state import FIRED, HOLE, NEVER, SOURCE
from breadboard.engine.state import pack, unpack
from breadboard.engine.voices import Voice
from breadboard.model import whole
from breadboard.model.alerts import ALERT, RuleVersion, alert_id
from breadboard.model.decimals import ABSENT
from breadboard.model.features import FEATURE
from breadboard.model.instruments import Instruments
from breadboard.model.rules import RuleKind, RuleSet
from breadboard.model.tape import Tape

_COLUMNS: Final = (
    *("kind", "code", "flags", "source", "instrument", "offset", "index", "ts_event", "ts_recv", "sequence"),
    *("trade_id", "price", "size", "size_exp", "ask_price", "ask_size"),
)
_SPARE: Final = 256
_AS_TOLD: Final = tuple(name for name in ALERT.names or () if name not in {"id", "rule", "kind", "threshold"})
_NOTHING: Final = RuleSet()
_NO_ROWS: Final = np.zeros(0, FEATURE)


class Rules:
    """Stage of its own kind: takes the tape and what other stages told of it; returns ``ALERT`` rows.

    ``calendar_of(instrument)`` names the calendar of one, ``venues`` is by source. ``given`` holds whatever the journal
    says: how a rule is tried over history. Bounded: a slot for each rule and instrument, a ring of steps for each that
    has a window of prices.
    """

    def __init__(
        self,
        instruments: Instruments,
        calendar_of: Callable[[int], str],
        venues: Mapping[int, str],
        given: RuleSet | None = None,
    ) -> None:
        self.registry: list[RuleVersion] = []
        """Every version of a rule that ever held, in the order in which they began: what ``ALERT.rule`` points at."""
        self._instruments = instruments
        self._hours = Hours(calendar_of, venues)
        self._given = given
        self.ruleset = _NOTHING
        """The rules that hold now."""
        self._held = 0
        self._clear()
        if given is not None:
            self._begin(given)

    def on_tape(
        self,
        tape: Tape,
        holes: NDArray[np.void],
        bars: NDArray[np.void],
        streams: Mapping[str, NDArray[np.void] | None],
        changes: Sequence[tuple[int, RuleSet]] = (),
        voices: Sequence[Voice] = (),
    ) -> NDArray[np.void] | None:
        """Take the next rows; return the alerts they led to, in journal order, or None.

        ``holes`` are ``HOLE`` rows by ``(offset, index)``; ``streams`` may have ``features``, ``anomalies`` and
        ``opportunities``; ``changes`` are rules by the offset of the record that brings them; ``voices`` are sources
        that begin to speak for another venue.
        """
        if not self.ruleset.rules and not changes:
            return None
        self._hours.hear(voices)
        parts: list[NDArray[np.void]] = []
        bounds = [(offset, ruleset) for offset, ruleset in changes if self._given is None]
        row, since = 0, ABSENT
        for until, ruleset in [*bounds, (NEVER, None)]:
            stop = int(np.searchsorted(tape.offset, until))
            if self.ruleset.rules:
                between = {name: _inside(rows, since, until) for name, rows in streams.items() if rows is not None}
                found = self._segment(
                    tape, (row, stop), _inside(holes, since, until), _inside(bars, since, until), between
                )
                parts += [] if found is None else [found]
            if ruleset is not None:
                self._begin(ruleset)
            row, since = stop, until
        return whole.joined(parts) if parts else None

    def counters(self) -> dict[str, int]:
        """Return crossings not told, trades older than one before them, and event times beyond belief."""
        held = self._held + int(self._slots.slots["held"].sum()) + self._findings.held()
        return {
            "held": held,
            "late": int(self._meter[events.LATE]),
            "implausible": int(self._meter[events.IMPLAUSIBLE]),
        }

    @property
    def refused(self) -> Sequence[str]:
        """Sentences about rules of the newest record that cannot be followed here."""
        return self._slots.conditions.refused

    def snapshot(self) -> bytes:
        """Return all state as bytes."""
        seen = np.flatnonzero(self._sources["seen"])
        return pack(
            {
                "ruleset": self.ruleset.encoded(),
                "registry": [msgspec.to_builtins(one) for one in self.registry],
                "known": len(self._slots.owners),
                "numbers": seen,
                "sources": self._sources[seen],
                "meter": self._meter,
                "held": self._held,
                "findings": self._findings.packed(),
                **self._slots.packed(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned; the engine's instruments are already back."""
        parts = unpack(state)
        self.registry[:] = [msgspec.convert(one, RuleVersion) for one in parts["registry"]]
        self.ruleset = msgspec.json.decode(parts["ruleset"], type=RuleSet)
        self._clear()
        conditions = Conditions(self.ruleset, self.registry)
        self._slots, self._findings = Slots(conditions), Findings(conditions, self._instruments)
        self._grow(parts["known"])
        self._slots.unpacked(parts)
        self._findings.unpacked(parts["findings"])
        self._sources[parts["numbers"]] = parts["sources"]
        self._meter[:] = parts["meter"]
        self._held = parts["held"]

    def _clear(self) -> None:
        """Know nothing of any instrument."""
        conditions = Conditions(_NOTHING, self.registry)
        self._slots, self._findings = Slots(conditions), Findings(conditions, self._instruments)
        self._sources = np.zeros(1 << 16, SOURCE)
        self._meter = np.array([ABSENT, NEVER, ABSENT, 0, 0, 0], np.int64)

    def _begin(self, ruleset: RuleSet) -> None:
        """Let a set of rules hold from here on. Rules that are as they were go on as if nothing had been said."""
        if ruleset == self.ruleset:
            return
        self._held = self.counters()["held"]
        before, found, known = self._slots, self._findings, len(self._slots.owners)
        first = not self.ruleset.rules
        self.ruleset = ruleset
        if not ruleset.rules:
            self._clear()
            return
        conditions = Conditions(ruleset, self.registry)
        self._slots, self._findings = Slots(conditions), Findings(conditions, self._instruments)
        self._grow(known)
        if not first:
            self._slots.inherit(before)
            self._findings.inherit(found)
            self._slots.slots["held"] = 0
        self._meter[events.DUE] = ABSENT  # time is looked at with the next row

    def _grow(self, count: int) -> None:
        """Make slots for instruments up to a dense id."""
        for which in range(len(self._slots.owners), count):
            one = self._instruments[which]
            calendar, zone = self._hours.number(which, self._slots.conditions), self._hours.zone(which)
            self._slots.extend(one.venue, one.symbol, calendar, zone)

    def _segment(
        self,
        tape: Tape,
        rows: tuple[int, int],
        holes: NDArray[np.void],
        bars: NDArray[np.void],
        streams: Mapping[str, NDArray[np.void]],
    ) -> NDArray[np.void] | None:
        """Take what lies between two changes of the rules."""
        self._grow(len(self._instruments))
        features = streams.get("features", _NO_ROWS)
        owners, hours = self._slots.owners, self._hours
        # Before the tape: what is known of instruments is then as it was at its beginning, however long it is.
        over = [*self._volumes(tape, bars), *self._findings.windows(bars, features, hours, owners)]
        parts = [
            *self._sourced(tape, rows[0], over),
            *self._run(tape, rows, holes),
            *self._findings.anomalies(streams.get("anomalies", _NO_ROWS), hours, owners),
            *self._findings.opportunities(streams.get("opportunities", _NO_ROWS), hours, owners),
        ]
        fired = whole.joined(parts) if parts else np.zeros(0, FIRED)
        if not len(fired):
            return None
        order = np.lexsort((fired["condition"], fired["index"], fired["offset"]))
        return self._told(tape, whole.picked(fired, order))

    def _run(self, tape: Tape, rows: tuple[int, int], holes: NDArray[np.void]) -> Iterable[NDArray[np.void]]:
        row, stop = rows
        hole, slots = 0, self._slots
        out = np.empty(len(slots.slots) + _SPARE, FIRED)
        columns = [getattr(tape, name) for name in _COLUMNS]
        state = (slots.conditions.rows, slots.slots, slots.rings, slots.fired, slots.owners, slots.quiet)
        around = (self._sources, self._hours.table, self._hours.spans, self._hours.days, self._meter)
        room = np.empty(len(slots.conditions.rows), np.bool_), np.empty(1, HOLE)
        while row < stop or hole < len(holes):
            row, hole, count = core.run(row, hole, stop, holes, *state, *around, *room, out, *columns)
            yield whole.copied(out[:count])

    @staticmethod
    def _sourced(tape: Tape, first: int, over: list[NDArray[np.void]]) -> Iterable[NDArray[np.void]]:
        """Say of alerts of windows what their instrument's newest row was as they were over."""
        if over:
            fired = whole.joined(over)
            newest = np.searchsorted(tape.offset, fired["offset"], side="right") - 1
            events.source(fired, newest, first, tape.kind, tape.flags, tape.source, tape.instrument)
            yield fired

    def _volumes(self, tape: Tape, bars: NDArray[np.void]) -> Iterable[NDArray[np.void]]:
        slots, hours = self._slots, self._hours
        if not len(bars) or not len(slots.volumes):
            return
        counts = slots.owners["end"] - slots.owners["bar"]
        out = np.empty(int(counts[bars["instrument"]].sum()), FIRED)
        at = np.minimum(np.searchsorted(tape.offset, bars["offset"]), len(tape) - 1)
        state = (slots.conditions.rows, slots.slots, slots.volumes, slots.owners)
        yield out[: rule_bars.take_bars(bars, *state, hours.table, hours.spans, tape.ts_recv[at], out)]

    def _told(self, tape: Tape, fired: NDArray[np.void]) -> NDArray[np.void]:
        """Return alerts, with their rules and ids, of what fired."""
        rules = self._slots.conditions.rows[fired["condition"]]
        rows: Any = np.zeros(len(fired), ALERT)
        for name in _AS_TOLD:
            rows[name] = fired[name]
        for name in ("rule", "kind"):
            rows[name] = rules[name]
        rows["threshold"] = np.where(np.isfinite(rules["threshold"]), rules["threshold"], np.nan)
        for at, row in enumerate(fired):
            which = int(row["instrument"])
            name = self._instruments[which].id if which >= 0 else str(int(row["source"]))
            version = self.registry[int(rules["rule"][at])]
            place = (int(row["id_offset"]), int(row["id_index"]), int(row["ts_window"]))
            rows["id"][at] = alert_id(version, name, *place, _what(row, int(rules["kind"][at])))
        unstamped = rows["ts_recv"] == 0
        places = np.minimum(np.searchsorted(tape.offset, rows["offset"][unstamped]), max(len(tape) - 1, 0))
        rows["ts_recv"][unstamped] = tape.ts_recv[places] if len(tape) else 0
        return rows  # type: ignore[no-any-return]  # numpy types no columns


def _what(row: np.void, kind: int) -> str:
    """Return what tells alerts of one row apart; empty where a row leads to no more than one of a rule."""
    if kind == RuleKind.ANOMALY:  # several kinds of one window, or several windows that are over at once
        return f"{int(row['cause'])}\0{int(row['ts_event'])}"
    return f"{int(row['opportunity'])}" if kind == RuleKind.ARBITRAGE else ""


def holes_of(found: Iterable[NDArray[np.void] | None], unread: Iterable[tuple[int, int, int, int]]) -> NDArray[np.void]:
    """Return ``HOLE`` rows in journal order: ``FOUND`` rows of stages, and ``(offset, source, ts_recv, reason)``."""
    rows = [
        (
            int(row["offset"]),
            int(row["index"]),
            int(row["instrument"]),
            int(row["source"]),
            int(row["reason"]),
            int(row["ts_to"]),
            0,
        )
        for each in found
        if each is not None
        for row in each
        if not row["refilled"]
    ]
    rows += [(offset, 0, -1, source, reason, ts_recv, 0) for offset, source, ts_recv, reason in unread]
    return np.array(sorted(rows), HOLE)


def _inside(rows: NDArray[np.void], since: int, until: int) -> NDArray[np.void]:
    """Return rows of offsets in ``(since, until)``."""
    if until == NEVER and since == ABSENT:
        return rows
    kept: NDArray[np.void] = rows[(rows["offset"] > since) & (rows["offset"] < until)]
    return kept
