"""Holds what capture and engine concluded against what the simulated venue knows it did."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from covering import epochs_of
from ordeal import Evidence

from breadboard import feeds
from breadboard.config import EngineConfig
from breadboard.engine.core import Engine
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Gap
from breadboard.model.kinds import BookState, EventKind, Flag, RecordKind, StatusCode
from breadboard.model.outputs import Outputs
from breadboard.model.sequences import fell_back

RIGHT_TIME_NS = 60_000_000_000
"""A venue's time this far from ours was read in the wrong unit."""
STOPPED = "capture was stopped"
UNDER_WAY_NS = 200_000_000
"""A request that comes so soon after a refusal was sent before it."""


class Sign(NamedTuple):
    """One thing that was noticed: a reason of a gap, ``schema`` for drift, ``down`` for a connection that ended."""

    ts: int
    word: str


@dataclass(frozen=True, slots=True)
class Concluded:
    """What the engine made of the journal."""

    outputs: list[Outputs]
    gaps: list[Gap]
    signs: list[Sign]
    """In the order of time."""
    suspect: bool
    """The venue's clock is not believed."""
    books_live: int
    """Books that were live when capture was stopped."""
    books: int
    books_behind: int
    """Live books that have not come to the newest number that the venue has given them."""


def conclude(evidence: Evidence) -> Concluded:
    """Run the engine over the whole journal."""
    frames = evidence.frames
    engine = Engine(feeds.by_venue, EngineConfig())
    closed = _ends(evidence)
    last = closed[-1][0] if closed and closed[-1][2] == STOPPED else len(frames)
    outputs = [engine.process(frames.take(slice(0, last)))]
    states = Counter(engine.books.states.tolist())
    behind = _behind(engine, outputs[0])
    outputs.append(engine.process(frames.take(slice(last, None))))
    signs = [Sign(ts, "down") for _, ts, reason in closed if reason != STOPPED]
    gaps = []
    for output in outputs:
        for offset, _, gap in output.gaps:
            gaps.append(gap)
            signs.append(Sign(int(frames.ts_recv[np.searchsorted(frames.offset, offset)]), gap.reason.label))
        news = (output.tape.kind == EventKind.STATUS) & (output.tape.code == StatusCode.SCHEMA)
        signs += [Sign(ts, "schema") for ts in output.tape.ts_recv[news].tolist()]
    live = states[int(BookState.LIVE)]
    known = sum(states.values()) - states[int(BookState.EMPTY)]
    return Concluded(outputs, gaps, sorted(signs), engine.clock_skew.worst()[0], live, known, behind)


def _behind(engine: Engine, outputs: Outputs) -> int:
    """Count live books whose number is before that of the last message about them; a snapshot may be ahead of it."""
    tape = outputs.tape
    deltas = (tape.kind == EventKind.BOOK_DELTA) & (tape.sequence != ABSENT)
    newest = dict(zip(tape.instrument[deltas].tolist(), tape.sequence[deltas].tolist(), strict=True))
    views = ((engine.books.view(which), number) for which, number in newest.items())
    return sum(
        view.state is BookState.LIVE and ((view.sequence or 0) < number or fell_back(number, view.sequence or 0))
        for view, number in views
    )


def wrong_records(evidence: Evidence) -> int:
    """Count recorded frames that the venue never sent."""
    sent = {payload for connection in evidence.truth.connections for payload in connection.payloads}
    frames = evidence.frames
    return sum(frames.frame(row) not in sent for row in np.flatnonzero(frames.kind == RecordKind.DATA).tolist())


def trades(outputs: Sequence[Outputs]) -> dict[str, int]:
    """Count trades that would be stored twice, and first ones that would be taken for repetitions."""
    seen: set[tuple[int, int]] = set()
    twice = dropped = 0
    for output in outputs:
        tape = output.tape
        for row in np.flatnonzero((tape.kind == EventKind.TRADE) & (tape.trade_id != ABSENT)).tolist():
            key = (int(tape.instrument[row]), int(tape.trade_id[row]))
            is_duplicate = bool(tape.flags[row] & Flag.DUPLICATE)
            twice += key in seen and not is_duplicate
            dropped += key not in seen and is_duplicate
            seen.add(key)
    return {"duplicates_stored": twice, "trades_dropped": dropped}


def wrong_times(outputs: Sequence[Outputs]) -> int:
    """Count events whose time cannot be what the venue meant."""
    known = [output.tape.ts_event != ABSENT for output in outputs]
    return sum(
        int(np.count_nonzero(np.abs(o.tape.ts_event[rows] - o.tape.ts_recv[rows]) > RIGHT_TIME_NS))
        for o, rows in zip(outputs, known, strict=True)
    )


def detection_s(
    evidence: Evidence, signs: Sequence[Sign], fault: str, words: Sequence[str], numbered: Collection[str] = ()
) -> tuple[str, float | None]:
    """Return the first sign of the fault and the longest time from a deed to a sign; None where none was seen.

    A deed that befell a whole connection counts each time; messages and symbols only the first time. The last deed may
    have had no time to be noticed, and counts only where there is no other. ``numbered``, the streams in which numbers
    show a single missing message, is given where such were withheld: time then counts from the next message of the
    stream, before which nobody can know.
    """
    deeds = [deed.at_ns for deed in evidence.truth.deeds if deed.fault == fault]
    deeds = _shown(evidence, fault, numbered) or deeds
    acts = [
        deed.at_ns
        for deed in evidence.truth.deeds
        if deed.fault == fault and deed.ids is None and not deed.stream.partition(":")[2]
    ]
    deeds = acts or deeds[:1]
    seen = [sign for sign in signs if sign.word in words]
    found: list[tuple[Sign, int]] = []
    for at_ns in deeds:
        sign = next((sign for sign in seen if sign.ts >= at_ns), None)
        if sign is None:
            break
        found.append((sign, at_ns))
    if not found:
        return "", None
    return found[0][0].word, round(max(sign.ts - at_ns for sign, at_ns in found) / 1e9, 3)


def _shown(evidence: Evidence, fault: str, numbered: Collection[str]) -> list[int]:
    """Return when each hole in a numbered stream could first be seen: when the next message of that stream was made."""
    withheld = {(deed.stream, deed.ids) for deed in evidence.truth.deeds if deed.fault == fault}
    open_: set[str] = set()
    shown: list[int] = []
    for made in evidence.truth.made:
        if made.stream not in numbered:
            continue
        if (made.stream, made.ids) in withheld:
            open_.add(made.stream)
        elif made.stream in open_:
            open_.remove(made.stream)
            shown.append(made.at_ns)
    return shown


def reconnect_s(evidence: Evidence, fault: str, most: int) -> float | None:
    """Return the longest time from a deed to the next connection that delivers, over the first ``most`` deeds.

    The pause before a reconnection doubles with each early end, as it must; so later deeds tell of that, not of this.
    """
    opened = [ts for _, ts in _opened(evidence)]
    acts = [deed.at_ns for deed in evidence.truth.deeds if deed.fault == fault and deed.ids is None]
    times = [next((ts - at for ts in opened if ts > at), None) for at in acts[:most]]
    known = [each for each in times if each is not None]
    return round(max(known) / 1e9, 3) if known else None


def impatience(evidence: Evidence, wait_s: float) -> int:
    """Count requests and connections that came before the venue's Retry-After was over."""
    told = [(at, status) for at, _, status in evidence.truth.gets]
    early = sum(UNDER_WAY_NS < b - a < wait_s * 1e9 for (a, status), (b, _) in pairwise(told) if status == 429)
    refused = [deed.at_ns for deed in evidence.truth.deeds if deed.fault == "refuse"]
    later = [*refused[1:], *(ts for _, ts in _opened(evidence)[:1])]
    return early + sum(b - a < wait_s * 1e9 for a, b in zip(refused, later, strict=False))


def _opened(evidence: Evidence) -> list[tuple[int, int]]:
    """Return ``(row, ts)`` of every connection that delivered."""
    rows = np.flatnonzero(evidence.frames.kind == RecordKind.EPOCH).tolist()
    epochs = zip(rows, epochs_of(evidence), strict=True)
    return [(row, int(evidence.frames.ts_recv[row])) for row, epoch in epochs if epoch.open]


def _ends(evidence: Evidence) -> list[tuple[int, int, str]]:
    """Return ``(row, ts, reason)`` of every connection that ended."""
    rows = np.flatnonzero(evidence.frames.kind == RecordKind.EPOCH).tolist()
    epochs = zip(rows, epochs_of(evidence), strict=True)
    return [(row, int(evidence.frames.ts_recv[row]), epoch.reason) for row, epoch in epochs if not epoch.open]
