"""What of the time around a history was not asked for, said of made connections."""

import msgspec

from breadboard.engine.asked import unasked
from breadboard.engine.cover import Span
from breadboard.model.decimals import INT64_MAX
from breadboard.model.gaps import EARLIEST_NS, LATEST_NS, NO_TIME, Epoch
from breadboard.model.kinds import Provenance

DAY = 86_400 * 10**9
NOON = 20_000 * DAY + DAY // 2


def history(source: int, asked: Span | None, symbol: str = "NEPT", how: Provenance = Provenance.HISTORY) -> Epoch:
    return Epoch(source, 1, "IQFEED", "tcp://gateway", (symbol,), how, open=True, asked=asked)


def told(*epochs: Epoch, source: int) -> list[Span]:
    return unasked({one.source: one for one in epochs}, source)


def test_what_lies_beside_the_time_asked_for_was_not() -> None:
    assert told(history(3, (NOON, NOON + 60)), source=3) == [(NOON - 2 * DAY, NOON), (NOON + 60, NOON + 60 + 2 * DAY)]


def test_what_was_asked_for_earlier_is_there_and_what_will_be_later_is_not_yet() -> None:
    before, its = history(1, (NOON - 100, NOON - 40)), history(3, (NOON, NOON + 60))
    far = history(2, (NOON - 9 * DAY, NOON - 8 * DAY))
    later, other = history(4, (NOON - 40, NOON)), history(0, (NOON - 40, NOON), "AAPL")
    live = history(5, None, "AAPL", how=Provenance.LIVE)
    end = NOON + 60 + 2 * DAY
    wanted = [(NOON - 2 * DAY, NOON - 100), (NOON - 40, NOON), (NOON + 60, end)]
    elsewhere = msgspec.structs.replace(live, source=6, venue="BINANCE", wanted=())
    assert told(before, far, its, other, elsewhere, source=3) == wanted
    assert told(before, its, later, source=4) == [(NOON - 40 - 2 * DAY, NOON - 100), (NOON + 60, NOON + 2 * DAY)]


def test_of_a_file_nobody_knows_what_it_leaves_out() -> None:
    assert told(history(1, None), source=1) == []
    assert told(history(1, None), history(2, (NOON, NOON + 60)), source=2) == []
    assert told(history(1, None, "AAPL"), history(2, (NOON, NOON + 60)), source=2) != []
    assert told(source=7) == []


def test_history_beside_what_was_heard_live_fills_its_holes() -> None:
    its = history(2, (NOON, NOON + 60))
    live = history(1, None, how=Provenance.LIVE)
    for wanted in (("AAPL", "NEPT"), (), ("*",)):
        assert told(msgspec.structs.replace(live, wanted=wanted), its, source=2) == []
    assert told(msgspec.structs.replace(live, wanted=("AAPL",)), its, source=2) == told(its, source=2)


def test_all_of_time_may_be_asked_for() -> None:
    wide = history(1, (EARLIEST_NS, LATEST_NS))
    assert all(-INT64_MAX < at < INT64_MAX for span in told(wide, source=1) for at in span)


def test_quotes_and_splits_say_nothing_of_trades() -> None:
    splits, its = history(1, NO_TIME), history(2, (NOON, NOON + 60))
    assert told(splits, its, source=2) == told(its, source=2)
    assert told(splits, its, source=1) == []
