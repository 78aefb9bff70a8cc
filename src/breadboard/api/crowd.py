"""Clients that are told rows as JSON, and nothing besides: several of them share one run of compiled code.

They get the bytes that ``Quotes`` makes for each of them alone. What the interpreter does for a client is most of what
a message costs; here it is done once for many.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from breadboard.api.channels import Quotes, framed, headed
from breadboard.api.crowd_kernel import COLUMNS, COUNT, END, NEWS_END, REPLACED

if TYPE_CHECKING:
    from breadboard.api.fanout import Fanout
    from breadboard.api.subscriber import Subscriber

TOGETHER: Final = 32
ROWS_TOGETHER: Final = 4_000
"""So many clients, and rows that they want, at most: the messages of all are made before the first is told, and have
one ``ts_deliver``. For clients of a hundred rows that is some 0.2 ms, and the engine's thread may have to wait."""
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

    def messages(self, clients: Sequence[Quotes]) -> Iterator[bytes]:
        """Yield what each is told of the market as the mirror has it, in their order; empty where nothing is news.

        All have one form, and each wants no more rows than go into a message. Each is noted as told when it is asked
        for: who is not reached is told again.
        """
        done = 0
        while done < len(clients):
            made = self._made(clients[done:])
            begin, view = 0, self._out.data
            for client, (end, replaced) in zip(clients[done:], made, strict=False):
                client.note(replaced)
                yield bytes(view[begin:end])
                begin = end
            done += len(made)

    def _made(self, clients: Sequence[Quotes]) -> list[tuple[int, int]]:
        """Make messages of the first of these, as many as there is room for.

        Returns of each where it ends, and how many updates it leaves out.
        """
        fanout, mirror = self._fanout, self._fanout.mirror
        table = np.zeros((len(clients), COLUMNS), np.int64)
        table[:, :END] = [client.place for client in clients]
        wanted = int(table[:, COUNT].sum())
        if wanted > len(self._news):
            self._news = np.empty(2 * wanted, np.int64)
        head = framed("json", headed("quote", mirror.revision, fanout.live.now()), 0, b"")[:-2]
        while not (count := mirror.messages(clients[0].form, table, head, self._out, self._news)):
            self._out = np.empty(2 * len(self._out), np.uint8)
        told = table[:count]
        fanout.deliveries.add(self._news[: told[-1, NEWS_END]], messages=count)
        return list(zip(told[:, END].tolist(), told[:, REPLACED].tolist(), strict=True))
