"""Rows and trades as bytes, each made once however many clients look.

JSON is made by ``row_kernel`` and ``trade_kernel``, MessagePack by ``wire`` and msgspec. A ``body`` is the inside of a
message's array, and is overwritten by the next that is asked of the same object; ``messages`` are whole, and go where
the caller says.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard.api import wire
from breadboard.api.crowd_kernel import COLUMNS, put_few_messages, put_messages
from breadboard.api.ring import TRADE
from breadboard.api.row_kernel import BEGIN, FIXED, ROW_FIELDS, TOLD, gather_few_rows, gather_rows
from breadboard.api.state import unknown
from breadboard.api.trade_kernel import TRADE_FIELDS, put_trades
from breadboard.api.value_kernel import PIECES, ROOM, WORDS
from breadboard.model.instruments import Instrument
from breadboard.model.number_text import SLACK
from breadboard.store.rows import UNCOUNTED

Body = bytes | memoryview
_KEPT_TRADES: Final = 20_000
_FEW: Final = 250
_NOTHING: Final = (-1, b"")


class Named(Protocol):
    """Who knows the instruments: ``LiveMarket``."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def instrument(self, index: int) -> Instrument:
        """Return the instrument with this dense id."""
        ...


class Texts:
    """The pool of texts that the kernels copy from. Grows with instruments alone, whatever fields clients choose."""

    def __init__(self, named: Named) -> None:
        self._named = named
        self._keys: dict[bytes, tuple[int, int]] = {}
        self._end = 0
        self.pool = np.zeros(1 << 12, np.uint8)
        self.pieces = np.zeros((64, len(PIECES) + 1), np.int64)
        """Of each instrument: where its texts begin, and where the last one ends."""
        self.count = 0
        self.longest = 0
        """How long all texts of one instrument are together, at most."""
        for word in WORDS:
            self._add(word.encode())

    def learn(self) -> None:
        """Add what never changes of instruments that are new."""
        if self.count == len(self._named):
            return
        (nothing,) = wire.unpack(unknown(1))
        for index in range(self.count, len(self._named)):
            row = wire.row(self._named.instrument(index), nothing, PIECES)
            if index == len(self.pieces):
                self.pieces = np.concatenate([self.pieces, np.zeros_like(self.pieces)])
            for place, value in enumerate(row.values()):
                self.pieces[index, place : place + 2] = self._add(msgspec.json.encode(value))
            self.longest = max(self.longest, int(self.pieces[index, -1] - self.pieces[index, 0]))
            self.count += 1

    def layout(self, names: Iterable[str], codes: tuple[str, ...]) -> NDArray[np.int64]:
        """Return a line a field: its code, and from where to where its key lies."""
        lines: list[tuple[int, int, int]] = []
        for name in names:
            key = b'%b"%b":' % (b"," if lines else b"{", name.encode())
            if key not in self._keys:
                self._keys[key] = self._add(key)
            lines.append((codes.index(name), *self._keys[key]))
        return np.array(lines, np.int64)

    def _add(self, text: bytes) -> tuple[int, int]:
        begin, self._end = self._end, self._end + len(text)
        if self._end + SLACK > len(self.pool):
            self.pool = np.concatenate([self.pool, np.zeros(self._end + SLACK, np.uint8)])
        self.pool[begin : self._end] = np.frombuffer(text, np.uint8)
        return begin, self._end


class JsonRows:
    """Rows of one choice of fields, each where it was made last, until it is asked for and has changed."""

    def __init__(self, texts: Texts, fields: tuple[str, ...]) -> None:
        self._texts = texts
        self._layout = texts.layout(fields, ROW_FIELDS)
        self._slots = np.empty((0, 3), np.int64)
        self._rows = self._out = np.empty(0, np.uint8)
        self._longest = 0
        self._told: tuple[int, bytes] | None = None
        """What was asked for last: the revision, and the instruments."""
        self._body = memoryview(b"")

    def body(self, ids: NDArray[np.int64], records: NDArray[np.void], revision: int) -> Body:
        """Return the rows of these instruments as of this revision of the market.

        Raises IndexError for an instrument that nobody knows, and where they are not in order, each once.
        """
        told = revision, ids.tobytes()
        if told != self._told:
            texts = self._texts
            if texts.count != len(self._slots):
                self._make_room()
            known = min(texts.count, len(records))
            gather = gather_few_rows if len(ids) <= _FEW else gather_rows
            length = gather(self._out, ids, known, records, *self._places())
            self._told, self._body = told, self._out[: _checked(length)].data
        return self._body

    def messages(
        self,
        clients: NDArray[np.int64],
        head: bytes,
        mirror: tuple[NDArray[np.void], Mapping[str, NDArray[Any]]],
        out: NDArray[np.uint8],
        news: NDArray[np.int64],
        *,
        few: bool,
    ) -> int:
        """Write messages for a table of clients (``crowd_kernel``), and return for how many there was room.

        ``mirror`` has the records and, apart, some of their columns. With ``few`` the interpreter is kept meanwhile.
        """
        texts, (records, columns) = self._texts, mirror
        if texts.count != len(self._slots):
            self._make_room()
        start = np.frombuffer(head + bytes(SLACK), np.uint8)
        known, revision, updates = min(texts.count, len(records)), columns["revision"], columns["updates"]
        write = put_few_messages if few else put_messages
        return write(out, news, clients, start, self._longest, known, revision, updates, records, *self._places())

    def load(self) -> None:
        """Have the machine code of the kernels loaded."""
        for gather in (gather_few_rows, gather_rows):
            gather(self._out, np.empty(0, np.int64), 0, unknown(1), *self._places())
        nobody, nothing = np.empty((0, COLUMNS), np.int64), np.empty(0, np.int64)
        columns = {name: np.ascontiguousarray(unknown(1)[name]) for name in ("revision", "updates")}
        for few in (True, False):
            self.messages(nobody, b"", (unknown(1), columns), self._out, nothing, few=few)

    def _places(self) -> tuple[NDArray[Any], ...]:
        return self._rows, self._slots, self._texts.pool, self._texts.pieces, self._layout

    def _make_room(self) -> None:
        """Give every instrument a slot that its longest row fits into; what was made before is made again."""
        pieces = self._texts.pieces[: self._texts.count]
        rooms = pieces[:, -1] - pieces[:, 0] + _room(self._layout)
        self._slots = np.zeros((len(rooms), 3), np.int64)
        self._slots[:, BEGIN] = np.cumsum(rooms) - rooms
        self._slots[:, TOLD] = -1
        self._longest = int(rooms.max(initial=0))
        size = int(rooms.sum()) + SLACK
        self._rows, self._out = np.empty(size, np.uint8), np.empty(size, np.uint8)


class JsonTrades:
    """Trades. Clients that want the same ones share them, as those do that want all."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        (nothing,) = wire.unpack_trades(np.zeros(1, TRADE))
        self._layout = texts.layout(wire.trade(Instrument("", ""), nothing), TRADE_FIELDS)
        self._room = _room(self._layout) + max(map(len, UNCOUNTED))
        self._out = np.empty(0, np.uint8)
        self._told: bytes | None = None
        self._body = memoryview(b"")

    def body(self, trades: NDArray[np.void]) -> Body:
        """Return these rows of the ring. Raises IndexError for an instrument that nobody knows."""
        told = trades["seq"].tobytes()
        if told != self._told:
            texts = self._texts
            size = len(trades) * (self._room + texts.longest) + SLACK
            if size > len(self._out):
                self._out = np.empty(2 * size, np.uint8)
            length = put_trades(self._out, trades, texts.count, texts.pool, texts.pieces, self._layout)
            self._told, self._body = told, self._out[: _checked(length)].data
        return self._body


class PackedRows:
    """Rows of one choice of fields in MessagePack."""

    def __init__(self, named: Named, fields: tuple[str, ...]) -> None:
        self._named = named
        self._fields = fields
        self._rows: dict[int, tuple[int, bytes]] = {}
        """By instrument: of which revision, and the row."""

    def body(self, ids: NDArray[np.int64], records: NDArray[np.void], _: int) -> Body:
        """Return the rows of these instruments."""
        wanted, revisions = ids.tolist(), records["revision"][ids].tolist()
        pairs = zip(wanted, revisions, strict=True)
        stale = [index for index, revision in pairs if self._rows.get(index, _NOTHING)[0] != revision]
        for index, record in zip(stale, wire.unpack(records[stale]), strict=True):
            row = wire.row(self._named.instrument(index), record, self._fields)
            self._rows[index] = record.revision, msgspec.msgpack.encode(row)
        return b"".join([self._rows[index][1] for index in wanted])


class PackedTrades:
    """Trades in MessagePack."""

    def __init__(self, named: Named) -> None:
        self._named = named
        self._trades: dict[int, bytes] = {}

    def body(self, trades: NDArray[np.void]) -> Body:
        """Return these rows of the ring."""
        if len(self._trades) > _KEPT_TRADES:
            self._trades.clear()
        for item in wire.unpack_trades(trades):
            if item.seq not in self._trades:
                self._trades[item.seq] = msgspec.msgpack.encode(
                    wire.trade(self._named.instrument(item.instrument), item)
                )
        return b"".join([self._trades[seq] for seq in trades["seq"].tolist()])


def _room(layout: NDArray[np.int64]) -> int:
    """Return how long a row can be, without the texts of its instrument: keys, numbers, brace and comma."""
    keys = int((layout[:, 2] - layout[:, 1]).sum())
    return keys + ROOM * int((layout[:, 0] >= FIXED).sum()) + 2 + SLACK


def _checked(length: int) -> int:
    if length < 0:
        raise IndexError("an instrument that nobody knows, or one twice")
    return length
