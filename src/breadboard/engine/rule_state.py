"""What the rules remember: of an instrument, of a rule and instrument, of a source; and how a condition is compiled."""

from typing import Final

import numpy as np

STEPS: Final = 60
"""A window moves on in steps of a 60th of its length."""
RING: Final = 64
LOOK_BACK: Final = 20
"""Bars whose average volume is what is usual."""
NEVER: Final = 2**62
"""Later than any time, higher than any price."""
ONCE_SESSION, ONCE_DAY, ONCE_HOUR = 1, 2, 3
IN_REGULAR, IN_EXTENDED = 1, 2
NOBODY: Final = 0xFFFF
"""No source yet: the number stands for all of them at once, and no row of an instrument has it."""

CONDITION: Final = np.dtype(
    [
        ("rule", np.int32),  # place in the registry of rule versions
        ("kind", np.uint8),  # RuleKind
        ("sign", np.int8),  # -1: falling prices count as rising ones; 0: a price to cross either way
        ("event", np.uint8),  # 1: each finding is an event of its own, and there is nothing to come back from
        ("once", np.uint8),  # ONCE_*; 0 for no such bound
        ("session", np.uint8),  # IN_*; 0 for always
        ("armed", np.uint8),  # how a new slot begins
        ("threshold", np.float64),
        ("rearm", np.float64),  # infinite where anything below the threshold re-arms
        ("limit", np.int64),  # the same two as prices in 1e-9 times ``sign``, of a price to cross
        ("back", np.int64),
        ("window", np.int64),  # ns
        ("step", np.int64),  # a 60th of it, at least 1
        ("cooldown", np.int64),  # ns
    ]
)

SLOT: Final = np.dtype(
    [
        # What every row of its instrument looks at, within 48 bytes:
        ("condition", np.int32),
        ("instrument", np.int32),
        ("ring", np.int32),  # place in the rings of its kind; -1 for none
        ("fired", np.int32),  # place in the trades that fired; -1 where trades move it not
        ("armed", np.uint8),
        ("head", np.uint8),
        ("count", np.uint8),
        ("next", np.uint8),  # which of them the next one replaces
        ("before", np.uint8),  # armed, as it was before the newest trade
        ("spare", np.uint8, (3,)),
        # Of the kind's own. Rise and drop: where the newest step begins, the lowest price of the window and of the
        # step, times ``sign``; lag: where the window begins, its lowest lag (ABSENT once it was judged), and the offset
        # of that; no_data: when it was last heard of as it fired; volume: where the last bar begins, which bars of the
        # ring were incomplete; spread: event time of its newest quote, its last quote's source, and 1 where that is of
        # a history.
        ("a", np.int64),
        ("b", np.int64),
        ("c", np.int64),
        # What an alert looks at:
        ("until", np.int64),  # no alert before this time
        ("once", np.int64),  # the session, day or hour of the last alert
        ("held", np.int64),  # crossings that cooldown or once_per kept from being told
        ("was_until", np.int64),  # the two as they were before the last alert
        ("was_once", np.int64),
        ("spares", np.int64),
    ]
)
"""One condition of one instrument."""

STEP: Final = np.dtype([("when", np.int64), ("price", np.int64), ("offset", np.int64), ("name", np.int64)])
"""One candidate for the extreme of a window: prices times ``sign``, rising from the head on; and whose price it is."""

MOST_FIRED: Final = 8
"""Trades that fired, of one rule and instrument, that are remembered for the case that they are taken back."""
FIRED_BY: Final = np.dtype(
    [
        ("when", np.int64),  # the venue's clock; ours where it told none
        ("trade_id", np.int64),
        ("price", np.int64),
        ("size", np.int64),
        ("offset", np.int64),
        ("index", np.uint16),
        ("size_exp", np.int8),
        ("told", np.uint8),  # 1: it fired, and was not taken back
        ("known", np.uint8),  # 1: the two below are
        ("spare", np.uint8, (3,)),
        ("until", np.int64),  # of its slot, as they were before it fired
        ("once", np.int64),
    ]
)
"""One of them."""

INSTRUMENT: Final = np.dtype(
    [
        # What every row looks at, within 64 bytes. Its slots by what moves them, contiguous: trades [trade, quote),
        # quotes [quote, late), whatever has a lag [late, halt), halts and gaps [halt, bar), bars [bar, end)
        ("trade", np.int32),
        ("quote", np.int32),
        ("late", np.int32),
        ("halt", np.int32),
        ("bar", np.int32),
        ("end", np.int32),
        ("source", np.int32),  # -1 before its first row
        ("calendar", np.int16),  # -1: always open
        ("trades_by", np.uint16),  # the source of its last trade, of no history; NOBODY before the first
        ("quotes_by", np.uint16),  # the same of its last quote,
        ("book_by", np.uint16),  # and of its last row of a book or of orders
        ("traded", np.uint16),  # the source of its last trade that counts, also of a history
        ("halted_by", np.uint16),  # the source that said so
        ("seen", np.int64),  # our time of its last row; ABSENT before the first
        ("seen_offset", np.int64),
        ("flags", np.uint16),  # of its last row
        ("raw", np.uint8),  # it has had trades that join no others
        ("halted", np.uint8),
        ("gapping", np.uint8),  # something may be missing since its last trade
        ("undo", np.uint8),  # 1: its newest trade can be taken back, and what was before it is known
        ("aged", np.uint8),  # 1: its newest trade is of a history
        ("spare", np.uint8),
        ("newest", np.int64),  # event time of its newest trade
        ("price", np.int64),  # of its newest trade, 1e-9
        ("price_offset", np.int64),
        ("gap_at", np.int64),  # event time of the first trade after the last gap
        ("name", np.int64),  # of its newest trade: ``rule_undoing.name_of``
        ("was_price", np.int64),  # price, its offset and the event time as they were before its newest trade
        ("was_offset", np.int64),
        ("was_newest", np.int64),
        # What of it is for trades that are taken back; a row begins where a line of the processor's cache does:
        ("was_name", np.int64),
        ("event", np.int64),  # of its newest trade, the time that the venue gave it, also one beyond belief
        ("zone", np.int64),  # whose midnights its days have, as for bars
        ("spares", np.int64, (5,)),
    ]
)

SOURCE: Final = np.dtype([("seen", np.int64), ("down", np.uint8)])

HOURS: Final = np.dtype([(name, np.int64) for name in ("extended_from", "begin", "end", "extended_to")])
"""One session of a calendar, ns UTC."""

HOLE: Final = np.dtype(
    [
        ("offset", np.int64),
        ("index", np.uint16),
        ("instrument", np.int32),  # -1: a whole source
        ("source", np.uint16),
        ("reason", np.uint16),  # GapReason
        ("ts_recv", np.int64),
        ("flags", np.uint16),  # of the row, where it is one
    ]
)
"""Something that may be missing and is no row of the tape: what stages found, and frames nobody could read."""

FIRED: Final = np.dtype(
    [
        ("offset", np.int64),
        ("index", np.uint16),
        ("condition", np.int32),
        ("instrument", np.int32),
        ("source", np.uint16),
        ("state", np.uint8),
        ("ts_event", np.int64),
        ("ts_recv", np.int64),
        ("sequence", np.int64),
        ("flags", np.uint16),
        ("gapped", np.uint8),
        ("cause", np.uint8),
        ("value", np.float64),
        ("reference", np.float64),
        ("reference_offset", np.int64),
        ("price", np.int64),
        ("ts_window", np.int64),
        ("id_offset", np.int64),  # what its id is made of: (offset, index), of the row that fired it
        ("id_index", np.uint16),
        ("opportunity", np.uint64),  # and the id of an opportunity: one row may open several; 0 for none
    ]
)
"""An alert before it has an id: what a kernel can say."""
