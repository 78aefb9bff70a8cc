"""Clients that are told rows as JSON, and nothing besides: several of them share one run of compiled code.

They get the bytes that ``Quotes`` makes for each of them alone. What the interpreter does for a client is most of what
a message costs; here it is done once for many.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from breadboard.api.channels import Quotes, framed, headed
from breadboard.api.crowd_kernel import BODY, COLUMNS, COUNT, END, FRAME, NEWS_END, REPLACED, SENT

if TYPE_CHECKING:
    from breadboard.api.fanout import Fanout
    from breadboard.api.subscriber import Subscriber

TOGETHER: Final = 32
ROWS_TOGETHER: Final = 4_000
"""So many clients, and rows that they want, at most: the messages of all are made before the first is told, and have
one ``ts_deliver``."""
FEW: Final = 3
"""For so many clients the interpreter is kept while they are told: somebody else would have it for longer than that."""
_TOLD: Final = [FRAME, BODY, END, SENT, REPLACED]
_OUT_BYTES: Final = 1 << 20
"""What one run has room for; more is made in several, and a longer message makes more room."""


class Crowd:
    """Makes messages of rows for several clients. Belongs to the event loop."""

    def __init__(self, fanout: "Fanout") -> None:
        self._fanout = fanout
        self._out = np.empty(_OUT_BYTES, np.uint8)
        self._news = np.empty(0, np.int64)

    def alike(self, due: Iterable["Subscriber"]) -> dict["Subscriber", Quotes]:
        """Return those at the front that can be told together, with their rows; none where the first is told alone."""
        found: dict[Subscriber, Quotes] = {}
        form, wanted = None, 0
        for client in due:
            rows = client.only_rows
            if rows is None or form not in (None, rows.form) or len(found) == TOGETHER:
                break
            form, wanted = rows.form, wanted + rows.wanted
            if found and wanted > ROWS_TOGETHER:
                break
            found[client] = rows
        return found

    def tell(self, clients: Mapping["Subscriber", Quotes]) -> Iterator[tuple["Subscriber", bytes | None]]:
        """Tell each what is news to it of the market as the mirror has it; yield it with what is to be handed to it.

        That is None where its socket has the message, or nothing is news. All have one form, and each wants no more
        rows than go into a message. Each is noted as told when it is yielded: who is not reached is told again.
        """
        left = list(clients.items())
        while left:
            made = self._made(left)
            handed = []
            for (client, rows), (frame, body, end, sent, replaced) in zip(left, made, strict=False):
                if sent or frame == end:
                    rows.note(replaced)
                    yield client, None
                else:
                    handed.append((client, rows, body, end, replaced))
            view = self._out.data
            for client, rows, body, end, replaced in handed:
                rows.note(replaced)
                yield client, bytes(view[body:end])
            del left[: len(made)]

    def _made(self, clients: Sequence[tuple["Subscriber", Quotes]]) -> list[list[int]]:
        """Make messages of the first of these, as many as there is room for, and give their sockets what they take.

        Returns of each ``_TOLD``. A frame that a socket took in part is finished in the usual way at once.
        """
        fanout, mirror = self._fanout, self._fanout.mirror
        table = np.zeros((len(clients), COLUMNS), np.int64)
        table[:, :FRAME] = [
            (*rows.place, -1 if client.straight is None else client.straight.descriptor) for client, rows in clients
        ]
        wanted = int(table[:, COUNT].sum())
        if wanted > len(self._news):
            self._news = np.empty(2 * wanted, np.int64)
        head = framed("json", headed("quote", mirror.revision, fanout.live.now()), 0, b"")[:-2]
        form, few = clients[0][1].form, len(clients) <= FEW
        while not (count := mirror.messages(form, table, head, self._out, self._news, few=few)):
            self._out = np.empty(2 * len(self._out), np.uint8)
        made = table[:count]
        begins, ends, sent = made[:, FRAME], made[:, END], made[:, SENT]
        for place in np.flatnonzero((sent > 0) & (begins + sent < ends)).tolist():  # before anything else can fail
            straight = clients[place][0].straight
            assert straight is not None
            straight.finish(bytes(self._out.data[begins[place] + sent[place] : ends[place]]))
        fanout.frames += int(np.count_nonzero(sent))
        fanout.deliveries.add(self._news[: made[-1, NEWS_END]], messages=count)
        told: list[list[int]] = made[:, _TOLD].tolist()
        return told
