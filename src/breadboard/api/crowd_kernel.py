"""Messages of rows for many clients at once, compiled: who is told what, the bytes of it, and into the sockets."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.api.row_kernel import BEGIN, LENGTH, put_stale_row
from breadboard.api.socket_kernel import HEAD_BYTES, put_head, send
from breadboard.api.value_kernel import BRACE, COMMA, put
from breadboard.model.kernels import brief, inlined, kernel
from breadboard.model.number_text import SLACK
from breadboard.model.pointers import numbers_at, pointer

IDS_AT, TOLD_AT, COUNT, SINCE, SOCKET, FRAME, BODY, END, SENT, NEWS_END, REPLACED = range(11)
"""Columns of the table of clients, a line each. Given: the addresses of what it wants and of what it was told of it
(``Quotes``), how many these are, the revision of the market after which it has not been told, and the descriptor of its
socket, or -1 where that must not be written to. Found: where its frame, the message in it, and both end, how much of
the frame the socket took, where what is news to it ends, and how many updates that replaces."""
COLUMNS: Final = REPLACED + 1
_BRACKET: Final = 93


@inlined
def _put_messages(
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
    """Write a message for each client that something is news to, one behind the other; note it as told, and send it.

    A message is ``head``, its rows with a comma between them, and the end of an array and of an object, in a frame. Of
    ``head``, as of ``out``, the last ``SLACK`` bytes are only room. Returns for how many clients there was room, were
    each of their rows as long as the ``longest``; ``news`` has room for all that they want. For the rest see
    ``row_kernel``.
    """
    raw, made, text, start = pointer(out), pointer(rows), pointer(pool), pointer(head)
    room, size = len(out) - SLACK, len(head) - SLACK
    at = found = 0
    for c in range(len(clients)):
        count, since = clients[c, COUNT], clients[c, SINCE]
        if at + HEAD_BYTES + size + count * (longest + 1) + 2 > room:
            return c
        ids, told = numbers_at(clients[c, IDS_AT]), numbers_at(clients[c, TOLD_AT])
        first, replaced, body = found, 0, at + HEAD_BYTES
        frame, end, sent = body, put(raw, body, start, 0, size), 0
        for place in range(count):
            index = ids[place]
            if not 0 <= index < known:
                break
            if revision[index] <= since:
                continue
            replaced += max(0, updates[index] - told[place] - 1)  # a trade taken back is no update
            told[place] = updates[index]
            put_stale_row(made, records[index], index, slots, text, pieces, layout)
            if found > first:
                raw[end] = COMMA
                end += 1
            end = put(raw, end, made, slots[index, BEGIN], slots[index, BEGIN] + slots[index, LENGTH])
            news[found] = index
            found += 1
        if found == first:
            body = frame = end = at
        else:
            raw[end], raw[end + 1] = _BRACKET, BRACE
            end += 2
            if clients[c, SOCKET] >= 0:
                frame = put_head(raw, body, end)
                sent = send(clients[c, SOCKET], out, frame, end)
        clients[c, FRAME], clients[c, BODY], clients[c, END], clients[c, SENT] = frame, body, end, sent
        clients[c, NEWS_END], clients[c, REPLACED] = found, replaced
        at = end
    return len(clients)


@kernel
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
    """Write and send messages, as above."""
    return _put_messages(
        out, news, clients, head, longest, known, revision, updates, records, rows, slots, pool, pieces, layout
    )


@brief
def put_few_messages(
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
    """Write and send messages, as above, of which there are few."""
    return _put_messages(
        out, news, clients, head, longest, known, revision, updates, records, rows, slots, pool, pieces, layout
    )
