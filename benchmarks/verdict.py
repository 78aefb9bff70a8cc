"""Holds what capture and engine concluded against what the simulated venue knows it did."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np
from ordeal import Evidence

from breadboard import feeds
from breadboard.config import EngineConfig
from breadboard.engine.core import Engine
from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.kinds import BookState, EventKind, Flag, RecordKind, StatusCode
from breadboard.model.outputs import Outputs
from breadboard.model.sequences import fell_back
from breadboard.sim.mischief import channel_of
from breadboard.sim.truth import Made

RIGHT_TIME_NS = 60_000_000_000
"""A venue's time this far from ours was read in the wrong unit."""
AGAIN_NS = 500_000_000
"""The same words so much later are another message; sooner, the same frame."""
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


@dataclass(frozen=True, slots=True)
class Coverage:
    """What became of the messages that the market made while capture was there."""

    made: int
    missing: int
    covered: int
    """Missing, and inside a gap that says so."""
    outside: int
    """Missing, and nothing says so."""
    unnumbered: int
    """The same, where a single missing message cannot be noticed: nothing is numbered, or nothing came before or after
    it in its stream."""
    examples: tuple[str, ...]


def coverage(
    evidence: Evidence, gaps: Sequence[Gap], channels: dict[str, str], numbered: frozenset[str], *, single: bool
) -> Coverage:
    """Look for every message made between the first and the last that came.

    A message that did not come would have come between its neighbours that did, so a gap covers it that has this
    symbol and channel (or all), and its numbers or a moment between those neighbours. ``channels`` names the feed's
    word for each of the venue's channels. ``single``: the fault withholds single messages.
    """
    frames = evidence.frames
    rows = np.flatnonzero(frames.kind == RecordKind.DATA)
    received: dict[bytes, list[int]] = {}
    for row in rows.tolist():
        received.setdefault(frames.frame(row), []).append(int(frames.ts_recv[row]))
    stamps = _stamps(evidence.truth.made, received)
    came = [place for place, stamp in enumerate(stamps) if stamp]
    missing = [place for place in range(came[0], came[-1]) if not stamps[place]] if came else []
    symbols = {symbol for epoch in _epochs(evidence) for symbol in epoch.wanted}
    covered = unnumbered = 0
    outside: list[str] = []
    began = {made.stream: place for place, made in reversed(list(enumerate(evidence.truth.made))) if stamps[place]}
    ended = {made.stream: place for place, made in enumerate(evidence.truth.made) if stamps[place]}
    for place in missing:
        made = evidence.truth.made[place]
        channel = channel_of(made.stream, symbols)
        kind = channels.get(channel, channel)
        after = bisect_left(came, place)
        before, behind = stamps[came[after - 1]], stamps[came[after]]
        if any(_covers(gap, made, (channel, kind), before, behind) for gap in gaps):
            covered += 1
        elif single and (
            kind not in numbered or not began.get(made.stream, len(stamps)) < place < ended.get(made.stream, 0)
        ):
            unnumbered += 1
        else:
            outside.append(f"{made.stream} {made.ids} at {made.at_ns}")
    total = came[-1] - came[0] + 1 if came else 0
    return Coverage(total, len(missing), covered, len(outside), unnumbered, tuple(outside[:3]))


def _stamps(every: Sequence[Made], received: dict[bytes, list[int]]) -> list[int]:
    """Return when each message came, 0 for never. A single frame may carry several of them."""
    places: dict[bytes, list[int]] = {}
    for place, made in enumerate(every):
        for sent in made.sent:
            if sent in received:
                places.setdefault(sent, []).append(place)
    stamps = [0] * len(every)
    for sent, where in places.items():
        for place, ts in _told_apart(every, where, received[sent]):
            stamps[place] = min(stamps[place] or ts, ts)
    return stamps


def _told_apart(every: Sequence[Made], where: Sequence[int], times: Sequence[int]) -> list[tuple[int, int]]:
    """Return ``(place, time)`` of the messages of one frame's words that came.

    Words that are sent again and again, such as heartbeats, are told apart by time, from the last to the first: what
    came is the newest that was made before.
    """
    turns: list[list[int]] = []
    for place in where:
        if turns and every[place].at_ns - every[turns[-1][0]].at_ns < AGAIN_NS:
            turns[-1].append(place)
        else:
            turns.append([place])
    if len(turns) == 1:
        return [(place, times[0]) for place in where]
    came: list[tuple[int, int]] = []
    for ts in reversed(times):
        while turns and every[turns[-1][0]].at_ns > ts:
            turns.pop()
        came += [(place, ts) for place in (turns.pop() if turns else ())]
    return came


def _covers(gap: Gap, made: Made, channel: tuple[str, str], before: int, behind: int) -> bool:
    if gap.symbol is not None and gap.symbol.lower() not in made.stream.lower():
        return False
    if gap.channel is not None and gap.channel not in channel:
        return False
    numbered = gap.sequence_from is not None and gap.sequence_to is not None
    if numbered and gap.sequence_from <= made.ids[1] and made.ids[0] <= gap.sequence_to:  # type: ignore[operator] # both are numbers
        return True
    return gap.ts_from <= behind and gap.ts_to >= before


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


def numbered_streams(evidence: Evidence, channels: dict[str, str], numbered: frozenset[str]) -> set[str]:
    """Return the streams that were made whose channel, in the feed's or the venue's word, is ``numbered``."""
    symbols = {symbol for epoch in _epochs(evidence) for symbol in epoch.wanted}
    streams = {made.stream: channel_of(made.stream, symbols) for made in evidence.truth.made}
    return {stream for stream, channel in streams.items() if channels.get(channel, channel) in numbered}


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


def _epochs(evidence: Evidence) -> list[Epoch]:
    frames = evidence.frames
    rows = np.flatnonzero(frames.kind == RecordKind.EPOCH).tolist()
    return [msgspec.json.decode(frames.frame(row), type=Epoch) for row in rows]


def _opened(evidence: Evidence) -> list[tuple[int, int]]:
    """Return ``(row, ts)`` of every connection that delivered."""
    rows = np.flatnonzero(evidence.frames.kind == RecordKind.EPOCH).tolist()
    epochs = zip(rows, _epochs(evidence), strict=True)
    return [(row, int(evidence.frames.ts_recv[row])) for row, epoch in epochs if epoch.open]


def _ends(evidence: Evidence) -> list[tuple[int, int, str]]:
    """Return ``(row, ts, reason)`` of every connection that ended."""
    rows = np.flatnonzero(evidence.frames.kind == RecordKind.EPOCH).tolist()
    epochs = zip(rows, _epochs(evidence), strict=True)
    return [(row, int(evidence.frames.ts_recv[row]), epoch.reason) for row, epoch in epochs if not epoch.open]
