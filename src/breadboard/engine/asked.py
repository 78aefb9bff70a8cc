"""What of the time around a history nobody asked its source for: a bar over it is not complete."""

from collections.abc import Mapping
from typing import Final

from breadboard.engine.cover import Span, union
from breadboard.model.gaps import NO_TIME, Epoch
from breadboard.model.kinds import Provenance

_BESIDE_NS: Final = 2 * 86_400 * 1_000_000_000
"""How far beyond what was asked for it is told: no bar is longer than a day."""


def unasked(epochs: Mapping[int, Epoch], source: int) -> list[Span]:
    """Return the spans (ns UTC) just before, within and behind a history's time that its symbol was not asked for.

    What an earlier source asked for the same symbol is there already: a later part of a day completes it. Nothing is
    told where one of them was a file, of which nobody knows what it leaves out, nor where anything was heard live
    before: history fills the holes of such a market. Later sources do not count, whether they are known yet or not:
    what is told is the same however far the journal has been read.
    """
    its = epochs.get(source)
    if its is None or its.asked is None or its.asked == NO_TIME:
        return []
    before = [one for number, one in epochs.items() if number <= source]
    known = [one.asked for one in before if (one.venue, one.wanted) == (its.venue, its.wanted)]
    if None in known or any(one.provenance is not Provenance.HISTORY for one in before):
        return []
    begin, end = its.asked[0] - _BESIDE_NS, its.asked[1] + _BESIDE_NS
    spans, at = [], begin
    for asked_from, asked_to in union(one for one in known if one is not None):
        if asked_from >= end:
            break
        spans.append((at, max(at, asked_from)))
        at = max(at, asked_to)
    spans.append((at, end))
    return [span for span in spans if span[0] < span[1]]
