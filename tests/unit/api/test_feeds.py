"""What is known of each feed, learnt from whole batches."""

import numpy as np

from breadboard.api import feeds
from breadboard.model.bars import BAR
from breadboard.model.instruments import Instrument, Instruments
from breadboard.model.kinds import EventKind
from breadboard.model.outputs import Outputs
from tapes import SECOND, T0, tape, trade


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
