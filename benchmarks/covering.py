"""Which messages of a simulated venue did not come, and whether a gap says so."""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from ordeal import Evidence

from breadboard.model.decimals import INT64_MAX
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.kinds import GapReason, RecordKind
from breadboard.sim.mischief import channel_of
from breadboard.sim.truth import Made

AGAIN_NS = 500_000_000
"""The same words so much later are another message; sooner, the same frame."""


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
    evidence: Evidence,
    gaps: Sequence[Gap],
    channels: dict[str, str],
    numbered: frozenset[str],
    *,
    single: bool,
    groups: Sequence[Collection[str]] = (),
) -> Coverage:
    """Look for every message made between the first and the last that came.

    Where channels of ``groups`` have connections of their own, the last and the neighbours are those of its own group:
    what a connection did not bring at the end of all may be unnoticed yet, whatever another brought meanwhile.

    A message that did not come would have come between its neighbours that did, so a gap covers it that has this
    symbol and channel (or all), and its numbers or a moment between those neighbours. ``channels`` names the feed's
    word for each of the venue's channels. ``single``: the fault withholds single messages.
    """
    frames = evidence.frames
    rows = np.flatnonzero(frames.kind == RecordKind.DATA)
    received: dict[bytes, list[int]] = {}
    for row in rows.tolist():
        received.setdefault(frames.frame(row), []).append(int(frames.ts_recv[row]))
    every = evidence.truth.made
    stamps = _stamps(every, received)
    came = [place for place, stamp in enumerate(stamps) if stamp]
    symbols = _symbols(evidence)
    words = [channel_of(made.stream, symbols) for made in every]
    sides = [_group(groups, channels.get(word, word)) for word in words]
    beside: dict[int, list[int]] = {}
    """By side, what came: each connection is read, and stamped, at moments of its own."""
    for place in came:
        beside.setdefault(sides[place], []).append(place)
    missing = [
        place
        for place in range(came[0] if came else 0, came[-1] if came else 0)
        if not stamps[place] and place < beside.get(sides[place], came)[-1]
    ]
    covered = unnumbered = 0
    outside: list[str] = []
    began = {made.stream: place for place, made in reversed(list(enumerate(every))) if stamps[place]}
    ended = {made.stream: place for place, made in enumerate(every) if stamps[place]}
    for place in missing:
        made, channel = every[place], words[place]
        kind = channels.get(channel, channel)
        neighbours = beside.get(sides[place], came)
        after = bisect_left(neighbours, place)
        before, behind = stamps[neighbours[max(after, 1) - 1]], stamps[neighbours[after]]
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


def _group(groups: Sequence[Collection[str]], channel: str) -> int:
    """Return which group a channel is of; -1 for none, such as signs of life."""
    return next((number for number, names in enumerate(groups) if channel in names), -1)


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


def outages(evidence: Evidence, stopped: str) -> list[Gap]:
    """Return a gap without end for every source that had no connection when capture was ``stopped``.

    That it has none is on record; how long it lasted is told when the next connection, or the next start, ends it.
    """
    frames = evidence.frames
    rows = np.flatnonzero(frames.kind == RecordKind.EPOCH).tolist()
    last = {epoch.source: (row, epoch) for row, epoch in zip(rows, epochs_of(evidence), strict=True)}
    found = []
    for source, (row, epoch) in last.items():
        if not epoch.open and epoch.reason != stopped:
            heard = np.flatnonzero((frames.kind[:row] == RecordKind.DATA) & (frames.source[:row] == source))
            since = int(frames.ts_recv[heard[-1] if len(heard) else row])
            found.append(Gap(source, GapReason.DISCONNECT, since, INT64_MAX, detail="down when capture was stopped"))
    return found


def numbered_streams(evidence: Evidence, channels: dict[str, str], numbered: frozenset[str]) -> set[str]:
    """Return the streams that were made whose channel, in the feed's or the venue's word, is ``numbered``."""
    symbols = _symbols(evidence)
    streams = {made.stream: channel_of(made.stream, symbols) for made in evidence.truth.made}
    return {stream for stream, channel in streams.items() if channels.get(channel, channel) in numbered}


def epochs_of(evidence: Evidence) -> list[Epoch]:
    """Return the journal's EPOCH records, in order."""
    frames = evidence.frames
    rows = np.flatnonzero(frames.kind == RecordKind.EPOCH).tolist()
    return [msgspec.json.decode(frames.frame(row), type=Epoch) for row in rows]


def _symbols(evidence: Evidence) -> set[str]:
    return {symbol for epoch in epochs_of(evidence) for symbol in epoch.wanted}
