"""The store's thread: what a store refuses for a while is handed to it again, and nothing is lost."""

import errno
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

import outputs_made as made
from breadboard.app import serve, sink
from breadboard.app.lagging import Lagging
from breadboard.app.pipeline import Handover
from breadboard.app.places import Places
from breadboard.app.sink import StoreSink
from breadboard.clock import SystemClock
from breadboard.errors import JournalError, StoreError
from breadboard.model.instruments import Instrument
from breadboard.model.outputs import Outputs
from breadboard.telemetry.lag import LagBoard, LagRow
from breadboard.telemetry.metrics import Metrics
from scenarios.house import wait_for

if TYPE_CHECKING:
    from breadboard.app.house import House
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


def made_for(writer: Refusing, passed: Callable[[int, bytes], None]) -> StoreSink:
    board, one = LagBoard(), SystemClock()
    return StoreSink(cast("StoreWriter", writer), passed, one, Lagging(board, one, live=False), Metrics(board))


def handed(
    writer: Refusing, monkeypatch: pytest.MonkeyPatch, disk: Callable[[int], None] = lambda _end: None
) -> list[int]:
    """Give a sink two handovers, end it, and return the offsets of the checkpoints that could follow."""
    monkeypatch.setattr(sink, "_RETRY_S", (0.01,) * 4)
    passed: list[int] = []

    def saved(end: int, _state: bytes) -> None:
        disk(end)
        passed.append(end)

    taking = made_for(writer, saved)
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


def test_what_broke_it_is_told_at_once_though_nothing_is_put_any_more() -> None:
    heard: list[BaseException] = []
    board, one = LagBoard(), SystemClock()
    writer = cast("StoreWriter", Refusing(1, 0, transient=False))
    lagging = Lagging(board, one, live=False)
    taking = StoreSink(writer, lambda _end, _state: None, one, lagging, Metrics(board), broke=heard.append)
    taking.put(Handover([(made.outputs(0, 30), 1)], 30, instruments=tuple(made.instruments())))
    wait_for("a word", lambda: heard)
    assert heard == [taking.broken]
    assert str(heard[0]) == "too many parts"
    with pytest.raises(StoreError, match="too many parts"):
        taking.close()


def test_while_a_store_refuses_the_sink_says_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "_RETRY_S", (0.01,) * 4)
    writer = Refusing(10_000, 0, transient=True)
    taking = made_for(writer, lambda _end, _state: None)
    taking.put(Handover([(made.outputs(0, 30), 1)], 30, instruments=tuple(made.instruments())))
    wait_for("a refusal", lambda: taking.refused == "too many parts")
    writer.left = {"write": 0, "flush": 0}
    wait_for("it to be taken", lambda: writer.taken and not taking.refused)
    taking.close()


@pytest.mark.parametrize("refusal", [OSError(errno.ENOSPC, "no"), JournalError("no floor", transient=True)])
def test_a_checkpoint_that_a_full_disk_refuses_ends_nothing_and_the_next_one_is_saved(
    monkeypatch: pytest.MonkeyPatch, refusal: Exception
) -> None:
    def full_at_first(end: int) -> None:
        if end == 30:
            raise refusal

    assert handed(Refusing(0, 0, transient=True), monkeypatch, full_at_first) == [60]


def test_a_checkpoint_that_cannot_be_written_at_all_is_raised_where_somebody_hears_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forbidden(_end: int) -> None:
        raise OSError(errno.EACCES, "no")

    with pytest.raises(OSError, match="no"):
        handed(Refusing(0, 0, transient=True), monkeypatch, forbidden)


@pytest.mark.parametrize(
    ("broken", "refused", "unsaved", "told"),
    [
        (None, "writing 3 rows to trades: no space", "", "the store takes nothing"),
        (None, "", "no space", "no checkpoint"),
        (StoreError("no space"), "", "", "the store's writer broke, and serving ends to begin anew"),
    ],
)
def test_a_store_that_refuses_is_a_reason_of_the_status(
    tmp_path: Path, broken: StoreError | None, refused: str, unsaved: str, told: str
) -> None:
    refusing = SimpleNamespace(broken=broken, refused=refused, unsaved=unsaved)
    house = SimpleNamespace(sink=refusing, engine=SimpleNamespace(position=7), writer=SimpleNamespace(written=3))
    (reason,) = serve._status(cast("House", house), Places(tmp_path), 9, ())["reasons"]
    assert reason.startswith(told)
    assert "no space" in reason
