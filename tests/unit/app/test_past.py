"""What a start of capture learns from the journal: the next gap must begin where the source was last known good."""

from pathlib import Path

import msgspec
import pytest

from breadboard import journal
from breadboard.app import past
from breadboard.app.capture import _in_our_time as in_our_time
from breadboard.app.capture import _let_go as let_go
from breadboard.app.past import LOOK_BACK, history
from breadboard.capture.planning import History, plan_sources
from breadboard.clock import ManualClock
from breadboard.config import FeedConfig
from breadboard.feeds import FEEDS
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.kinds import GapReason, Provenance, RecordKind
from journals import T0, epoch_frame

DATA, CLOCK, EPOCH, GAP = RecordKind.DATA, RecordKind.CLOCK, RecordKind.EPOCH, RecordKind.GAP
Row = tuple[RecordKind, int, int, bytes]
"""Kind, source, seconds after T0, body."""


def runs(directory: Path, *rows_of_runs: list[Row]) -> dict[int, History]:
    """Write each run into segments of its own, as each start of capture does, and ask for the history."""
    for rows in rows_of_runs:
        writer = journal.Writer.open(directory, compress=False)
        for kind, source, second, body in rows:
            writer.append(kind, source, 1, [body], [T0 + second], 1)
        writer.close()
    return history(directory)


def up(source: int, second: int, epoch: int = 1) -> Row:
    return EPOCH, source, second, epoch_frame(source, epoch)


def down(source: int, second: int, epoch: int = 1) -> Row:
    return EPOCH, source, second, epoch_frame(source, epoch, opened=False)


def outage(source: int, begin: int, end: int, reason: GapReason = GapReason.RESTART) -> Row:
    return GAP, source, end, msgspec.json.encode(Gap(source, reason, T0 + begin, T0 + end))


def clock(second: int) -> Row:
    return CLOCK, 0xFFFF, second, b"{}"


def test_an_open_connection_is_good_up_to_the_last_record_of_any_kind(tmp_path: Path) -> None:
    assert runs(tmp_path, [up(0, 1), (DATA, 0, 2, b"x"), clock(9)]) == {0: History(1, T0 + 9)}


def test_a_lost_connection_is_good_up_to_its_end(tmp_path: Path) -> None:
    assert runs(tmp_path, [up(0, 1), down(0, 5), clock(9)]) == {0: History(1, T0 + 5)}


def test_a_connection_lost_some_segments_ago_is_not_taken_for_open(tmp_path: Path) -> None:
    found = runs(tmp_path, [up(0, 1), up(1, 1), down(0, 5), clock(6)], [(DATA, 1, 8, b"x"), clock(9)], [clock(12)])
    assert found == {0: History(1, T0 + 5), 1: History(1, T0 + 12)}


def test_a_second_restart_before_the_venue_answered_does_not_hide_the_time_between(tmp_path: Path) -> None:
    found = runs(tmp_path, [up(0, 1), clock(5)], [outage(0, 5, 10), clock(11), clock(60)])
    assert found == {0: History(1, T0 + 10)}


@pytest.mark.parametrize("reason", [GapReason.QUARANTINE, GapReason.STORAGE])
def test_a_gap_inside_a_connection_does_not_end_it(tmp_path: Path, reason: GapReason) -> None:
    found = runs(tmp_path, [up(0, 1), (DATA, 0, 2, b"x"), outage(0, 2, 3, reason), clock(9)])
    assert found == {0: History(1, T0 + 9)}


def test_data_after_a_gap_shows_that_the_connection_is_there_again(tmp_path: Path) -> None:
    found = runs(tmp_path, [outage(0, 1, 2), up(0, 3), (DATA, 0, 4, b"x")], [(DATA, 0, 5, b"x"), clock(9)])
    assert found == {0: History(1, T0 + 9)}


def test_of_a_last_word_too_far_back_the_gap_begins_with_what_was_looked_at(tmp_path: Path) -> None:
    quiet = [[clock(10 + at)] for at in range(LOOK_BACK)]
    assert runs(tmp_path, [up(0, 1), down(0, 5)], *quiet) == {0: History(1, T0 + 10)}


def test_a_source_that_is_configured_no_longer_is_not_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = [[(DATA, 1, 10 + at, b"x"), clock(10 + at)] for at in range(6)]
    runs(tmp_path, [up(0, 1), down(0, 5), up(1, 6)], *quiet)
    looks: list[int] = []
    look = past._look

    def counted(directory: Path, base: int, limit: int | None) -> tuple[dict[int, past._Source], tuple[int, int]]:
        looks.append(base)
        return look(directory, base, limit)

    monkeypatch.setattr(past, "_look", counted)
    assert history(tmp_path, {1})[1] == History(1, T0 + 15)
    assert len(looks) == 1
    assert history(tmp_path, {0, 1}) == history(tmp_path) == {0: History(1, T0 + 5), 1: History(1, T0 + 15)}


@pytest.mark.parametrize("provenance", [Provenance.HISTORY, Provenance.REPLAY])
def test_a_source_that_came_from_files_is_known_as_one_also_some_segments_later(
    tmp_path: Path, provenance: Provenance
) -> None:
    brought = [
        (EPOCH, 1, second, epoch_frame(1, 1, opened=opened, provenance=provenance))
        for second, opened in ((2, True), (4, False))
    ]
    found = runs(tmp_path, [up(0, 1), *brought[:1], (DATA, 1, 3, b"x"), *brought[1:]], [clock(9)])
    assert (found[0].carried, found[1].carried) == (False, True)
    numbers: dict[str, int] = {"binance/0/0/0": 0}
    wanted = [FeedConfig(venue=venue, symbols=("A",)) for venue in ("binance", "coinbase")]
    assert [source.source for source in plan_sources(wanted, FEEDS, found, numbers)] == [0, 2]
    assert sorted(numbers.values()) == [0, 2]


def test_a_new_journal_and_one_that_recorded_nothing_know_nothing(tmp_path: Path) -> None:
    assert runs(tmp_path) == {}
    assert runs(tmp_path, []) == {}
    assert runs(tmp_path, [up(0, 1), clock(9)], [], []) == {0: History(1, T0 + 9)}


def test_a_source_that_is_recorded_no_more_is_told_to_be_over_once(tmp_path: Path) -> None:
    found = runs(tmp_path, [up(0, 1), up(1, 1), up(2, 1), down(2, 3), (DATA, 1, 8, b"x"), clock(9)])
    clock_now = ManualClock(wall_ns=T0 + 60)
    for _ in range(2):
        writer = journal.Writer.open(tmp_path, compress=False)
        let_go(writer, {number: found[number] for number in (1, 2)}, clock_now)
        writer.close()
        found = history(tmp_path)
    reader, rows = journal.Reader.open(tmp_path), []
    while (frames := reader.read(1)) is not None:
        rows.append((int(frames.kind[0]), int(frames.source[0]), frames.frame(0)))
    gap, epoch = msgspec.json.decode(rows[-2][2], type=Gap), msgspec.json.decode(rows[-1][2], type=Epoch)
    assert [row[:2] for row in rows[6:]] == [(GAP, 1), (EPOCH, 1)], "and nothing of the one that had ended"
    assert (gap.source, gap.reason, gap.ts_from, gap.ts_to) == (1, GapReason.RESTART, T0 + 9, T0 + 60)
    assert (epoch.source, epoch.open, epoch.venue, epoch.reason) == (1, False, "BINANCE", "it is recorded no more")
    assert found[1] == History(1, T0 + 60)


def test_a_connection_begins_where_each_of_its_symbols_was_last_known_good(tmp_path: Path) -> None:
    def wanting(source: int, second: int, *symbols: str, opened: bool = True) -> Row:
        told = msgspec.json.decode(epoch_frame(source, 1, opened=opened), type=Epoch)
        return EPOCH, source, second, msgspec.json.encode(msgspec.structs.replace(told, wanted=symbols))

    found = runs(
        tmp_path,
        [wanting(0, 1, "A", "B"), wanting(1, 1, "C"), wanting(1, 4, "C", opened=False), (DATA, 0, 8, b"x"), clock(9)],
    )

    def begins(number: int, *symbols: str) -> list[int | None]:
        numbers = {"kraken/0/0/0": 8, "binance/0/0/0": number}
        feeds = [FeedConfig(venue="kraken", symbols=("XBT/USD",)), FeedConfig(venue="binance", symbols=symbols)]
        return [each.last_ts for each in plan_sources(feeds, FEEDS, found, numbers)]

    assert begins(0, "A", "B") == [None, T0 + 9]
    assert begins(0, "A", "C") == [None, T0 + 4], "C was lost before, on a connection that is no more"
    assert begins(7, "B") == [None, T0 + 9], "a new connection"
    assert begins(7, "NEW") == [None, None]
    assert begins(0, "NEW") == [None, T0 + 9]


@pytest.mark.parametrize(("behind_s", "step"), [(7200, -7_200_000_000_000), (0, 0), (-60, 0)])
def test_a_clock_that_was_set_back_between_two_starts_is_told_before_anything_else(
    tmp_path: Path, behind_s: int, step: int
) -> None:
    second = 1_000_000_000
    known = runs(tmp_path, [up(0, 1), up(1, 1), down(1, 2 * second), clock(9 * second)])
    now = ManualClock(T0 + (9 - behind_s) * second)
    writer = journal.Writer.open(tmp_path, compress=False, clock=now)
    moved = in_our_time(known, writer, now)
    assert moved == {0: History(1, T0 + 9 * second + step), 1: History(1, T0 + 2 * second + step)}
    let_go(writer, moved, now)
    writer.close()
    reader = journal.Reader.open(tmp_path, 4)
    frames = reader.read(100)
    reader.close()
    assert frames is not None
    begun = [(int(frames.kind[row]), frames.frame(row)) for row in range(len(frames.kind))]
    told = [msgspec.json.decode(body) for kind, body in begun if kind == CLOCK]
    assert [each["step_ns"] for each in told] == ([step] if step else [])
    assert [kind for kind, _ in begun] == [CLOCK] * bool(step) + [GAP, EPOCH]
    gap = msgspec.json.decode(begun[-2][1], type=Gap)
    assert (gap.reason, gap.ts_from) == (GapReason.RESTART, T0 + 9 * second + step)
    assert gap.ts_to == now.wall()
