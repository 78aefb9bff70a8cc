"""What came within a window, by a clock of the test's own."""

from breadboard.model.recent import Recent


def test_what_came_longer_ago_no_longer_counts() -> None:
    now = 100.0
    recent = Recent(1.0, lambda: now)
    assert recent.total() == 0
    recent.add(5)
    now += 0.9
    recent.add(7)
    assert recent.total() == 12
    now += 0.2
    assert recent.total() == 7, "the first came more than a second ago"
    now += 5
    assert recent.total() == 0
