"""What is known of each feed, learnt from whole batches."""

import numpy as np
import pytest

from breadboard.api import feeds
from breadboard.clock import ManualClock
from breadboard.journal.format import ALL_SOURCES
from breadboard.model.bars import BAR
from breadboard.model.gaps import Gap
from breadboard.model.instruments import Instrument, Instruments
from breadboard.model.kinds import EventKind, GapReason
from breadboard.model.outputs import Outputs
from tapes import SECOND, T0, tape, trade
from unit.api.market import Market


def test_our_own_clock_in_a_batch_is_no_feed() -> None:
    rows = [trade(1, 0, source=2), {"kind": EventKind.CLOCK, "source": 0xFFFF, "instrument": -1}, trade(2, SECOND)]
    made = tape(rows)
    subject = feeds.Feeds()
    outputs = Outputs(0, 3, made, np.zeros(0, BAR), (), made.ts_recv)
    subject.take(outputs, Instruments([Instrument("X", "A")]))
    assert {source: (feed.rows, feed.ts_recv) for source, feed in subject.by_source.items()} == {
        0: (1, T0 + SECOND),
        2: (1, T0),
    }


@pytest.mark.parametrize("reason", [GapReason.STORAGE, GapReason.DAMAGE])
def test_what_concerns_every_source_is_no_feed(reason: GapReason) -> None:
    market = Market(ManualClock())
    everywhere = {"kind": EventKind.GAP, "source": ALL_SOURCES, "instrument": -1, "code": int(reason)}
    gap = Gap(ALL_SOURCES, reason, T0, T0 + SECOND)
    market.apply(market.trade("1"), everywhere, gaps=((1, 0, gap),))
    assert [(feed["feed"], feed["state"], feed["gaps"]) for feed in market.live.feeds()] == [("binance-0", "live", 0)]
    assert market.live.gaps == 1
