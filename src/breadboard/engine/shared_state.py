"""States of one stage in several partitions, as the one state of an unpartitioned stage; and back.

A stage says of each named part of its snapshot how it is shared. What is joined is equal, byte for byte, to what one
stage over all instruments would have kept: so a checkpoint knows nothing of partitions.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.state import pack, unpack

Members = Sequence[NDArray[np.int32]]
"""By partition, the engine's ids of the instruments in it, rising."""


class Share(Enum):
    """How a part of a state is shared."""

    EACH = "each"
    """An array with as many elements for each instrument, in the order of their ids."""
    LISTED = "listed"
    """A list of ``[instrument, …]``, by instrument; not every one is in it."""
    SUM = "sum"
    """Counters: an array to be added up."""
    SAME = "same"
    """Of whole sources: equal in all partitions."""


Kinds = Mapping[str, "Share | str"]
"""By name of the part. A text names another part, EACH, that says how many elements an instrument has in this one."""


def joined(states: Sequence[bytes], kinds: Kinds, members: Members) -> bytes:
    """Return the state of the whole."""
    parts = [unpack(state) for state in states]
    return pack({name: _whole(parts, name, kinds[name], members) for name in parts[0]})


def dealt(state: bytes, kinds: Kinds, members: Members) -> list[bytes]:
    """Return the state of each partition. Of counters the first has all."""
    parts = unpack(state)
    return [
        pack({name: _portion(parts, name, kinds[name], members, which) for name in parts})
        for which in range(len(members))
    ]


def _whole(parts: Sequence[Mapping[str, Any]], name: str, kind: "Share | str", members: Members) -> Any:  # noqa: ANN401 - any part of a state
    pieces = [part[name] for part in parts]
    if kind is Share.SAME:
        return pieces[0]
    if kind is Share.SUM:
        return sum(pieces[1:], pieces[0])
    if kind is Share.LISTED:
        together = zip(pieces, members, strict=True)
        return sorted([int(mine[each]), *rest] for piece, mine in together for each, *rest in piece)
    if kind is Share.EACH:
        rows = [_by_instrument(piece, len(mine)) for piece, mine in zip(pieces, members, strict=True) if len(mine)]
        order = np.argsort(np.concatenate(members), kind="stable")
        return _shaped(np.concatenate(rows)[order], pieces[0]) if rows else pieces[0]
    whose = [np.repeat(mine, _counts(part, kind, len(mine))) for part, mine in zip(parts, members, strict=True)]
    return np.concatenate(pieces)[np.argsort(np.concatenate(whose), kind="stable")]


def _portion(parts: Mapping[str, Any], name: str, kind: "Share | str", members: Members, which: int) -> Any:  # noqa: ANN401 - the same
    part, mine, many = parts[name], members[which], sum(map(len, members))
    if kind is Share.SAME:
        return part
    if kind is Share.SUM:
        return part if which == 0 else np.zeros_like(part)
    if kind is Share.LISTED:
        local = {int(each): at for at, each in enumerate(mine)}
        return [[local[each], *rest] for each, *rest in part if each in local]
    if kind is Share.EACH:
        return _shaped(_by_instrument(part, many)[mine], part)
    return part[np.isin(np.repeat(np.arange(many), _counts(parts, kind, many)), mine)]


def _counts(parts: Mapping[str, Any], name: str, many: int) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = _by_instrument(parts[name], many).sum(axis=1)
    return counts


def _by_instrument(part: NDArray[Any], many: int) -> NDArray[Any]:
    """Return an EACH part with one row an instrument."""
    return part.reshape(many, -1 if many else 0)


def _shaped(rows: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    """Return rows in the shape of the part that they are of."""
    return rows.reshape(-1, *like.shape[1:])
