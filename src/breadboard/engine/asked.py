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

    ``epochs`` are those that have begun so far. What an earlier one asked for the same symbol is there already: a later
    part of a day completes it. Nothing is told where one of them was a file, of which nobody knows what it leaves out,
    nor where the symbol was heard live before: history fills the holes of that.
    """
    its = epochs.get(source)
    if its is None or its.asked is None or its.asked == NO_TIME:
        return []
    known = [one.asked for one in epochs.values() if one.venue == its.venue and _tells_of(one, its.wanted)]
    if None in known:
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


def _tells_of(one: Epoch, wanted: tuple[str, ...]) -> bool:
    """Tell whether a connection may bring rows of a symbol: one that was asked for nothing by name may bring any."""
    if one.provenance is Provenance.HISTORY:
        return one.wanted == wanted
    return not one.wanted or "*" in one.wanted or not set(wanted).isdisjoint(one.wanted)
