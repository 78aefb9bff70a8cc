"""Messages of rows for many clients at once, compiled: who is told what, and the bytes of it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.api.row_kernel import BEGIN, LENGTH, put_stale_row
from breadboard.api.value_kernel import BRACE, COMMA, put
from breadboard.model.kernels import brief
from breadboard.model.number_text import SLACK
from breadboard.model.pointers import numbers_at, pointer

IDS_AT, TOLD_AT, COUNT, SINCE, END, NEWS_END, REPLACED = range(7)
"""Columns of the table of clients, a line each. Given: the addresses of what it wants and of what it was told of it
(``Quotes``), how many these are, and the revision of the market after which it has not been told. Found: where its
message ends, and what is news to it, and how many updates that replaces."""
COLUMNS: Final = REPLACED + 1
_BRACKET: Final = 93


@brief
def put_messages(
    out: NDArray[np.uint8],
    news: NDArray[np.int64],
    clients: NDArray[np.int64],
    head: NDArray[np.uint8],
    longest: int,
    known: int,
    revision: NDArray[np.int64],
    updates: NDArray[np.int64],
    records: NDArray[np.void],
    rows: NDArray[np.uint8],
    slots: NDArray[np.int64],
    pool: NDArray[np.uint8],
    pieces: NDArray[np.int64],
    layout: NDArray[np.int64],
) -> int:
    """Write a message for each client that something is news to, one behind the other; note it as told.

    A message is ``head``, its rows with a comma between them, and the end of an array and of an object. Of ``head``, as
    of ``out``, the last ``SLACK`` bytes are only room. Returns for how many clients there was room, were each of their
    rows as long as the ``longest``; ``news`` has room for all that they want. For the rest see ``row_kernel``.
    """
    raw, made, text, start = pointer(out), pointer(rows), pointer(pool), pointer(head)
    room, size = len(out) - SLACK, len(head) - SLACK
    at = found = 0
    for c in range(len(clients)):
        count, since = clients[c, COUNT], clients[c, SINCE]
        if at + size + count * (longest + 1) + 2 > room:
            return c
        ids, told = numbers_at(clients[c, IDS_AT]), numbers_at(clients[c, TOLD_AT])
        first, replaced, begin = found, 0, at
        at = put(raw, at, start, 0, size)
        for place in range(count):
            index = ids[place]
            if not 0 <= index < known:
                break
            if revision[index] <= since:
                continue
            replaced += updates[index] - told[place] - 1
            told[place] = updates[index]
            put_stale_row(made, records[index], index, slots, text, pieces, layout)
            if found > first:
                raw[at] = COMMA
                at += 1
            at = put(raw, at, made, slots[index, BEGIN], slots[index, BEGIN] + slots[index, LENGTH])
            news[found] = index
            found += 1
        if found == first:
            at = begin
        else:
            raw[at], raw[at + 1] = _BRACKET, BRACE
            at += 2
        clients[c, END], clients[c, NEWS_END], clients[c, REPLACED] = at, found, replaced
    return len(clients)
