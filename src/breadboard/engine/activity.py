"""Bars by activity: tick, volume, dollar, tick imbalance and renko, in the order in which trades came.

Source: M. López de Prado, Advances in Financial Machine Learning (2018), 2.3: standard bars and tick imbalance bars;
Renko as charts draw it. A bar is concluded by the trade that fills it, which is in it whole. Which trades count is as
for bars of time: DUPLICATE, LAST_KNOWN, WITHDRAWN and INELIGIBLE ones do not, AGGREGATED ones only for instruments
without others, VOLUME_ONLY ones move no price. A print that counts for no volume is in none, one that counts for all
but open and close is one like any other. While trades may be missing (a GAP row of the trades, a feed that is
down) open bars become ``gapped``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine import activity_kernel as core
from breadboard.engine.activity_kernel import SPEC, STATE
from breadboard.engine.hiding import EVERY_SOURCE
from breadboard.engine.state import grown, pack, unpack
from breadboard.errors import UsageError
from breadboard.model import whole
from breadboard.model.activity import ACTIVITY_BAR, Activity
from breadboard.model.decimals import ABSENT, parse_price, parse_size, size_decimal
from breadboard.model.kinds import EventKind, GapReason, StatusCode
from breadboard.model.sizes import split_size
from breadboard.model.tape import Tape

MOST: Final = 16
"""Kinds of bars at a time."""
_OF_BOOKS: Final = (GapReason.SEQUENCE, GapReason.OVERFLOW, GapReason.CHECKSUM, GapReason.ORDER)
_EXAMPLE: Final = "tick:1000 volume:500 dollar:1000000 imbalance:200 renko:0.25"


@dataclass(frozen=True, slots=True)
class Spec:
    """One kind of bar: what is counted, and how much of it fills one."""

    kind: Activity
    threshold: str
    """Plain decimal text: trades, units, quote currency, expected trades, or price."""

    @staticmethod
    def of(word: str) -> "Spec":
        """Return the spec of ``tick:1000``. Raises UsageError."""
        name, _, amount = word.partition(":")
        kinds = {kind.label: kind for kind in Activity}
        if name not in kinds:
            raise UsageError(f"there is no bar {word!r}", hint=f"choose from: {_EXAMPLE}")
        kind = kinds[name]
        if not _fills(kind, amount):
            example = next(each for each in _EXAMPLE.split() if each.startswith(name))
            raise UsageError(
                f"a bar of {word!r} is filled by no amount", hint=f'--bars {example}   # or bars = ["{example}"]'
            )
        return Spec(kind, amount)

    @property
    def word(self) -> str:
        """As it is configured."""
        return f"{self.kind.label}:{self.threshold}"


def _fills(kind: Activity, amount: str) -> bool:
    """Tell whether an amount is one that can fill a bar: whole for trades, above zero for all."""
    try:
        if kind in (Activity.TICK, Activity.IMBALANCE):
            return amount.isascii() and amount.isdecimal() and parse_size(amount)[0] > 0
        return (parse_price(amount) if kind is Activity.RENKO else parse_size(amount)[0]) > 0
    except ValueError:
        return False


class ActivityBars:
    """Stage: ``ACTIVITY_BAR`` rows from TRADE rows, for each spec and instrument."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        if len(specs) > MOST:
            raise UsageError(f"{len(specs)} kinds of bars at a time", hint=f"at most {MOST}")
        self.specs = tuple(specs)
        self._specs = _table(self.specs)
        self._state = np.zeros((0, len(specs)), STATE)
        self._known = np.zeros(0, core.KNOWN)
        self._holes: dict[tuple[int, int], int] = {}
        """Instrument by ``(offset, index)``: rows of the next tape that show a hole in its trades."""

    def expect(self, found: NDArray[np.void] | None) -> None:
        """Learn which rows of the next tape showed a hole in the trades (``FOUND`` rows of ``Continuity``)."""
        holes = [] if found is None else [hole for hole in found if not hole["refilled"]]
        self._holes = {(int(hole["offset"]), int(hole["index"])): int(hole["instrument"]) for hole in holes}

    def on_tape(self, tape: Tape) -> NDArray[np.void] | None:
        """Take the next rows; return the bars concluded, in the order of the trades and of the specs, or None."""
        if not self.specs:
            return None
        self._grow(tape.contents.instruments)
        parts: list[NDArray[np.void]] = []
        row = 0
        for stop in (*self._stops(tape), len(tape)):
            self._run(tape, row, stop, parts)
            row = stop
            if row < len(tape):
                hole = self._holes.get((int(tape.offset[row]), int(tape.index[row])))
                self._spoil(int(tape.source[row]), int(tape.instrument[row]) if hole is None else hole)
        return whole.joined(parts, copy=True) if parts else None  # what they are cut from has more room

    def snapshot(self) -> bytes:
        """Return all state as bytes."""
        words = [spec.word for spec in self.specs]
        return pack({"specs": words, "state": self._state.reshape(-1), "known": self._known})

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned; of other specs than it had, new ones begin here."""
        parts = unpack(state)
        before, words = parts["specs"], [spec.word for spec in self.specs]
        self._known, self._state = self._known[:0], self._state[:0]
        self._grow(len(parts["known"]))
        self._known = parts["known"]
        told = parts["state"].reshape(len(self._known), len(before))
        for place, word in enumerate(before):
            if word in words:
                self._state[:, words.index(word)] = told[:, place]

    def _stops(self, tape: Tape) -> list[int]:
        """Return the rows before which trades may be missing."""
        marks = _loses_trades(tape)
        for offset, index in self._holes:
            marks |= (tape.offset == offset) & (tape.index == index)
        return np.flatnonzero(marks).tolist()

    def _run(self, tape: Tape, row: int, stop: int, parts: list[NDArray[np.void]]) -> None:
        room = max(256, stop - row)
        while row < stop:
            out = np.zeros(room, ACTIVITY_BAR)
            row, count = core.run(
                row,
                stop,
                tape.kind,
                tape.code,
                tape.flags,
                tape.side,
                tape.source,
                tape.instrument,
                tape.offset,
                tape.index,
                tape.ts_event,
                tape.ts_recv,
                tape.price,
                tape.size,
                tape.size_exp,
                self._specs,
                self._state,
                self._known,
                out,
            )
            if count:
                parts.append(out[:count])
            room = max(2 * room, core.MOST_BRICKS + MOST) if not count else room

    def _spoil(self, source: int, which: int) -> None:
        """Mark the open bars of an instrument, or of every instrument of a source: trades may be missing."""
        if which >= 0:
            self._state["gapped"][which] = 1
        else:
            mine = (
                self._known["source"] >= 0  # not of those whom a later row of this batch brings
                if source == EVERY_SOURCE
                else self._known["source"] == source
            )
            self._state["gapped"][mine] = 1

    def _grow(self, count: int) -> None:
        before = len(self._known)
        if count > before:
            self._state, self._known = grown(self._state, count)[:count], grown(self._known, count)[:count]
            self._state["expected"][before:] = self._specs["threshold"]
            self._state["last"][before:] = ABSENT
            self._known["source"][before:] = -1


def _loses_trades(tape: Tape) -> NDArray[np.bool_]:
    """Tell at which rows trades may be missing."""
    gap = (tape.kind == EventKind.GAP) & ~np.isin(tape.code, _OF_BOOKS)
    others = {offset for offset, told in tape.gaps if told.channel not in {None, "trade"}}
    others -= {offset for offset, told in tape.gaps if told.channel in {None, "trade"}}
    gap &= ~np.isin(tape.offset, list(others))
    down = (tape.kind == EventKind.STATUS) & (tape.code == StatusCode.FEED_DOWN)
    found: NDArray[np.bool_] = gap | down
    return found


def _table(specs: Sequence[Spec]) -> NDArray[np.void]:
    table = np.zeros(len(specs), SPEC)
    for row, spec in zip(table, specs, strict=True):
        size = parse_size(spec.threshold)
        row["kind"] = spec.kind
        row["threshold"] = float(size_decimal(*size))
        row["whole"], row["fraction"] = split_size(*size)
        row["brick"] = parse_price(spec.threshold) if spec.kind is Activity.RENKO else 0
    return table
