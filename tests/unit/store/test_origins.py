"""Where a gap's data comes from: told by the rows of its source, at the place of the gap."""

from breadboard.model.gaps import Epoch, Gap
from breadboard.model.kinds import EventKind, Flag, GapReason, Provenance
from breadboard.model.tape import Tape
from breadboard.store.origins import Origins

EVERY = 0xFFFF


def epoch(source: int, provenance: Provenance) -> Epoch:
    return Epoch(source, 1, "BINANCE", "", (), provenance, open=True)


def gap(offset: int, source: int) -> tuple[int, int, Gap]:
    return offset, -1, Gap(source, GapReason.QUARANTINE, 1, 2)


def tape(*rows: tuple[int, int, int]) -> Tape:
    """Trades, ``(offset, source, flags)`` each."""
    offset, source, flags = zip(*rows, strict=True)
    kind = [EventKind.TRADE] * len(rows)
    columns = {"kind": kind, "offset": offset, "source": source, "flags": flags, "instrument": [0] * len(rows)}
    return Tape.of(len(rows), columns)


def test_a_gap_has_the_provenance_of_the_last_row_of_its_source_at_or_before_it() -> None:
    rows = tape((10, 0, Flag.SYNTHETIC), (20, 1, Flag.REPLAYED), (30, 0, 0), (40, 0, Flag.REPLAYED))
    gaps = [gap(10, 0), gap(29, 0), gap(30, 0), gap(99, 0), gap(21, 1)]
    assert Origins({}).of(gaps, rows) == ["synthetic", "synthetic", "live", "replay", "replay"]


def test_before_the_first_row_the_rows_of_earlier_batches_tell_and_then_the_connection() -> None:
    origins = Origins({3: epoch(3, Provenance.SYNTHETIC)})
    rows = tape((10, 0, Flag.REPLAYED))
    assert origins.of([gap(5, 3), gap(5, 0), gap(5, 7)], rows) == ["synthetic", "", ""]
    origins.learn(rows)
    assert origins.of([gap(15, 0)], Tape.empty()) == ["replay"]


def test_our_own_clock_rows_say_nothing_of_a_source() -> None:
    origins = Origins({0: epoch(0, Provenance.REPLAY)})
    clock = Tape.of(1, {"kind": [EventKind.CLOCK], "offset": [1], "source": [0]})
    origins.learn(clock)
    assert origins.of([gap(2, 0)], clock) == ["replay"]


def test_a_gap_of_every_source_is_as_artificial_as_the_most_artificial_of_them() -> None:
    assert Origins({}).of([gap(1, EVERY)], Tape.empty()) == [""]
    assert Origins({}).of([gap(9, EVERY)], tape((1, 0, 0), (2, 1, Flag.REPLAYED))) == ["replay"]
    origins = Origins({2: epoch(2, Provenance.LIVE)})
    assert origins.of([gap(1, EVERY)], Tape.empty()) == ["live"]
    origins.learn(tape((1, 0, Flag.SYNTHETIC)))
    assert origins.of([gap(9, EVERY)], Tape.empty()) == ["synthetic"]
