"""The store's thread: what a store refuses for a while is handed to it again, and nothing is lost."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

import pytest

import outputs_made as made
from breadboard.app import sink
from breadboard.app.lagging import Lagging
from breadboard.app.pipeline import Handover
from breadboard.app.sink import StoreSink
from breadboard.clock import SystemClock
from breadboard.errors import StoreError
from breadboard.model.instruments import Instrument
from breadboard.model.outputs import Outputs
from breadboard.telemetry.lag import LagBoard, LagRow
from breadboard.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from breadboard.store.writer import StoreWriter


class Refusing:
    """A writer that refuses so many writes and flushes."""

    def __init__(self, writes: int, flushes: int, *, transient: bool) -> None:
        self.left = {"write": writes, "flush": flushes}
        self.transient = transient
        self.taken: list[tuple[int, int, list[str]]] = []
        self.written = 0

    def write(self, outputs: Outputs, _bars: object, instruments: Iterable[Instrument], *_: object) -> None:
        self._refuse("write")
        self.taken.append((outputs.first, outputs.end, [one.symbol for one in instruments]))

    def measured(self, _window: Sequence[LagRow]) -> None:
        """Lags are of no interest here."""

    def flush(self) -> int:
        self._refuse("flush")
        self.written = self.taken[-1][1] if self.taken else 0
        return self.written

    def _refuse(self, what: str) -> None:
        self.left[what] -= 1
        if self.left[what] >= 0:
            raise StoreError("too many parts", transient=self.transient)


def handed(writer: Refusing, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give a sink two handovers, end it, and return the offsets of the checkpoints that could follow."""
    monkeypatch.setattr(sink, "_RETRY_S", (0.01,) * 4)
    passed: list[int] = []
    board, one = LagBoard(), SystemClock()
    lagging, whoever = Lagging(board, one, live=False), cast("StoreWriter", writer)
    taking = StoreSink(whoever, lambda end, _state: passed.append(end), one, lagging, Metrics(board))
    for first, known in ((0, 2), (30, 3)):
        instruments = tuple(made.instruments())[:known]
        outputs = made.outputs(first, first + 30)
        taking.put(Handover([(outputs, 1)], first + 30, instruments=instruments, state=b"state"))
    taking.close()
    return passed


def test_a_write_or_a_flush_that_is_refused_for_a_while_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Refusing(2, 3, transient=True)
    assert handed(writer, monkeypatch) == [30, 60]
    assert writer.taken == [(0, 30, list(made.SYMBOLS[:2])), (30, 60, list(made.SYMBOLS))]


def test_what_no_waiting_helps_is_raised_where_somebody_hears_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreError, match="too many parts"):
        handed(Refusing(1, 0, transient=False), monkeypatch)
