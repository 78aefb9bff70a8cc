"""Rules on their way into the journal: a record when they change, and no other."""

from pathlib import Path

from breadboard.capture.appender import Appender
from breadboard.capture.clockwatch import CLOCK_SOURCE
from breadboard.capture.ruleswatch import AGAIN_NS, RulesWatch
from breadboard.clock import ManualClock
from breadboard.model.kinds import RecordKind
from breadboard.model.rules import Rule, RuleSet
from capture_fakes import MemoryJournal

ONE = RuleSet((Rule(name="a", kind="gap"),)).encoded()
OTHER = RuleSet((Rule(name="a", kind="halt"),)).encoded()


def test_a_record_is_written_when_the_rules_change_and_once_a_day(tmp_path: Path) -> None:
    clock, journal, path = ManualClock(), MemoryJournal(), tmp_path / "rules.json"
    watch = RulesWatch(path, Appender(journal, clock), clock)

    def ticks() -> list[bytes]:
        before = len(journal.records)
        for _ in range(3):
            watch.tick()
            clock.advance(1_000_000_000)
        assert {(each.kind, each.source) for each in journal.records[before:]} <= {(RecordKind.RULES, CLOCK_SOURCE)}
        return [frame for each in journal.records[before:] for frame in each.frames]

    assert ticks() == []
    path.write_bytes(ONE)
    assert ticks() == [ONE]
    assert ticks() == []
    (tmp_path / "new").write_bytes(OTHER)
    (tmp_path / "new").replace(path)
    assert ticks() == [OTHER]
    clock.advance(AGAIN_NS)
    assert ticks() == [OTHER]
    for wrong in (b"", b"{", b'{"rules":[{"name":"a","kind":"jump"}]}', b"\xff"):
        path.write_bytes(wrong)
        assert ticks() == []
    path.unlink()
    assert ticks() == []
    path.write_bytes(b"{}")
    assert ticks() == [b"{}"]
