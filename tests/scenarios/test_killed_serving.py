"""The serving process is killed, at random moments or by a frame: it concludes and stores what it would have."""

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from breadboard.app.places import Places
from breadboard.journal import salvage
from scenarios.house import ask, replayed, say, stored, wait_for
from scenarios.killed import EVERYTHING, PATIENCE_S, TABLES, Feeder, Serving, at_rest, soak
from three_venues import ARBITRAGE, GROUPS, epochs, frames

KILLS = soak(3)
MAYBE_NONE = ("gaps", "anomalies")
"""Tables that a short run may leave empty: a few minutes of sound recordings have nothing to tell there."""
CONFIG = msgspec.structs.replace(EVERYTHING, groups=GROUPS, arbitrage=ARBITRAGE)
POISON = 1_000
"""The offset of the frame that kills."""
POISONED = f"""
import os, signal
from breadboard.engine.bars import Bars
from breadboard.cli import main
sound = Bars.on_tape
def on_tape(self, tape):
    if any((tape.offset == {POISON}) & (tape.kind < 4)):
        {{}}
    return sound(self, tape)
Bars.on_tape = on_tape
main()
"""
"""A program that has a bug in a stage."""


@pytest.fixture
def servings() -> Iterator[list[Serving]]:
    started: list[Serving] = []
    yield started
    for one in started:
        if one.process is not None:
            one.process.kill()
            one.process.wait(PATIENCE_S)


def undisturbed(root: Path, journal: Path, end: int, servings: list[Serving]) -> Places:
    """Take a journal in with a process that nobody kills."""
    places = Places(root).made()
    salvage(journal, places.journal)
    servings.append(Serving(root, CONFIG))
    servings[-1].start()
    servings[-1].finish(end)
    return places


def _passed(serving: Serving, offset: int) -> Callable[[], bool]:
    return lambda: serving.checkpointed() > offset


@pytest.mark.timeout(120 + KILLS * 20)
def test_kills_at_random_moments_change_no_row_and_no_digest(tmp_path: Path, servings: list[Serving]) -> None:
    random_ = random.Random(KILLS)
    places = Places(tmp_path / "killed").made()
    some = frames().take(slice(0, min(len(frames()), 4_000 * (KILLS + 1))))
    feeder = Feeder(places.journal, epochs(), some, KILLS + 1)
    kills = 0
    offsets: list[int] = []
    for part in range(KILLS):
        # Another number of partitions at each start: a checkpoint knows nothing of them.
        config = msgspec.structs.replace(CONFIG, partitions=random_.choice((1, 2, 3, 8)))
        servings.append(Serving(places.root, config))
        servings[-1].start()
        feeding = threading.Thread(target=feeder.feed, args=(part, 1.0))
        feeding.start()
        if part % 2:  # as often at the first frames as after there is something to go on from
            wait_for("a newer checkpoint", _passed(servings[-1], max(offsets, default=0)))
        feeding.join(random_.uniform(0, 1.3))
        kills += servings[-1].kill()
        offsets.append(servings[-1].checkpointed())
        feeding.join()
    assert kills == KILLS
    servings.append(Serving(places.root, CONFIG))
    servings[-1].start()
    feeder.feed(KILLS, 0.2)
    feeder.close()
    servings[-1].finish(feeder.end)
    whole = undisturbed(tmp_path / "whole", places.journal, feeder.end, servings)
    found, expected = at_rest(places, CONFIG), at_rest(whole, CONFIG)
    assert found.digest() == expected.digest()
    assert found.snapshot() == expected.snapshot()
    counts = {table: (stored(places.root, table), stored(whole.root, table)) for table in TABLES}
    for table, (rows, should) in counts.items():
        assert rows == should, table
        assert rows["n"] > 0 or table in MAYBE_NONE, table
    rows = {table: row["n"] for table, (row, _) in counts.items()}
    say(f"{kills} kills, {len(set(offsets))} different checkpoints, {feeder.end} frames, rows {rows}")


@pytest.mark.timeout(180)
def test_a_frame_that_kills_the_process_is_quarantined_after_the_third_time(
    tmp_path: Path, servings: list[Serving]
) -> None:
    places = Places(tmp_path / "killed").made()
    feeder = Feeder(places.journal, epochs(), frames().take(slice(0, 2_000)), 1)
    feeder.feed(0, 0)
    feeder.close()
    deaths = 0
    while deaths <= 3:
        servings.append(Serving(places.root, CONFIG, POISONED.format("os.kill(os.getpid(), signal.SIGKILL)")))
        try:
            servings[-1].start()
            servings[-1].finish(feeder.end)
        except AssertionError:
            process = servings[-1].process
            assert process is not None
            assert process.wait(PATIENCE_S) == -9, servings[-1].words[-4000:]
            deaths += 1
            continue
        break
    assert deaths == 3
    (row,) = ask(places.root, "select offset, reason, raw from quarantine")
    assert (row["offset"], row["reason"]) == (POISON, "the process died three times at this frame")
    assert row["raw"]
    assert at_rest(places, CONFIG).summary()["quarantined"] == 1
    # Its replay has no bug, and concludes the same: the verdict goes with the journal.
    again = replayed(places.root, tmp_path / "again")
    assert (again["frames"], again["quarantined"], again["poisoned"]) == (2_000, 1, 1)


@pytest.mark.timeout(120)
def test_a_frame_on_which_a_stage_raises_is_quarantined_and_the_process_goes_on(
    tmp_path: Path, servings: list[Serving]
) -> None:
    places = Places(tmp_path / "raising").made()
    feeder = Feeder(places.journal, epochs(), frames().take(slice(0, 2_000)), 1)
    feeder.feed(0, 0)
    feeder.close()
    servings.append(Serving(places.root, CONFIG, POISONED.format("raise ZeroDivisionError")))
    servings[-1].start()
    servings[-1].finish(feeder.end)
    (row,) = ask(places.root, "select offset, reason, raw from quarantine")
    assert (row["offset"], row["reason"]) == (POISON, "a stage failed three times: ZeroDivisionError")
    assert row["raw"]
    counts = at_rest(places, CONFIG).summary()
    assert (counts["frames"], counts["quarantined"], counts["poisoned"]) == (2_000, 1, 1)
