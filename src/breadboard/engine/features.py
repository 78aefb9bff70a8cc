"""Features of each instrument by window of event time: 1s, 5s, 1m, 5m. One value a feature and window, told once.

Notation: p, q price and size of a trade, s its sign (1: the buyer crossed, -1: the seller did); b, a best bid and ask
with sizes B, A; m = (b + a) / 2. "In force" is what journal order says: the newest before the row in question.

=======================  ================================================================  ===========================
feature                  formula, over the window                                          source
=======================  ================================================================  ===========================
``vwap``                 Σ p·q / Σ q                                                       Berkowitz, Logue, Noser '88
``twap``                 ∫ p dt / time, from the first trade to the window's end           the same, with time for q
``signed_volume``        Σ s·q; s from the venue, else quote rule, else tick rule          Lee, Ready 1991
``effective_spread``     Σ q·2·|p − m| / Σ q, m in force at the trade                      Huang, Stoll 1996
``realised_spread``      Σ q·2·s·(p − m') / Σ q, m' in force 5 s after the trade's tenth   Huang, Stoll 1996
                         of a second; in the window in which m' was found
``amihud``               |ln(last p / first p)| / Σ p·q                                    Amihud 2002
``vpin``                 Σ |bought − sold| / (50·V) over the last 50 buckets of volume V   Easley, López de Prado,
                         after the window's last trade                                     O'Hara 2012
``quoted_spread``        ∫ (a − b) dt / time with two sides                                Huang, Stoll 1996
``mid``                  (b + a) / 2 at the window's end
``microprice``           (b·A + a·B) / (A + B) at the window's end: size-weighted mid      Stoikov 2018, section 1
``ofi``                  Σ e, e = B·[b ≥ b'] − B'·[b ≤ b'] − A·[a ≤ a'] + A'·[a ≥ a'],     Cont, Kukanov,
                         primes are the quote before                                       Stoikov 2014
``realised_volatility``  √ Σ r², r = ln(m / m') of each change                             Andersen, Bollerslev 1998
``kyle_lambda``          slope of Δm on Σ s·q, least squares over the last 60 windows      Kyle 1985
``depth_imbalance``      (Σ B − Σ A) / (Σ B + Σ A) over five levels at the window's end    Cao, Hansch, Wang 2009
``mlofi_1`` … ``_5``     Σ e of the book's level k                                         Xu, Gould, Howison 2018
=======================  ================================================================  ===========================

Prices, spreads and mids are in quote currency, sizes and flows in units of the instrument, ``realised_volatility`` is
not annualised, ``kyle_lambda`` is price per unit of size, ``amihud`` is per unit of quote currency. Δm is the mid told
of the window less that of the one concluded before; where that had none, or it was lost since, less the window's first.
The microprice is the size-weighted mid and not Stoikov's fixed point, which needs a model of the instrument. VPIN signs
trades one by one and not in bulk; V is the volume of 50 average trades, learned from the first 500.

Best bid and offer are those of QUOTE rows for an instrument that has had any with an event time, else those of its
book: Binance's spot quotes say no time, so there the book tells, ten times a second.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine import feature_kernel as core
from breadboard.engine.book_depth import DEPTH
from breadboard.engine.book_kernel import TOP
from breadboard.engine.books import Books
from breadboard.engine.feature_state import BYTES, INTERVALS, OWNER, SLOT, SLOTS
from breadboard.engine.feature_windows import FEATURES, WINDOW
from breadboard.engine.state import grown, pack, unpack
from breadboard.engine.watermarks import Watermarks
from breadboard.model import whole
from breadboard.model.decimals import ABSENT
from breadboard.model.features import BY_NAME, FEATURE
from breadboard.model.tape import Tape

BYTES_AN_INSTRUMENT: Final = BYTES
"""State an instrument, whatever comes: windows open, what waits for a mid, the regression, the volume buckets."""


class Features:
    """Stage: ``FEATURE`` rows of windows that are over, where the source's watermark passed their end (as for bars).

    A window is one in which the instrument was heard of; without a value there is no row. ``names`` chooses what is
    told and not what is kept. A missing side, crossed prices, a halt (until something comes after RESUMED or QUOTING),
    a book that is not live, and quotes after a GAP, FEED_DOWN, STALE or MAINTENANCE of their source are no best bid
    and offer: what needs one has no value, and open windows end without. Flow and returns begin anew there, and with
    each snapshot, until which a live book was in force. INELIGIBLE quotes count for nothing, DUPLICATE, LAST_KNOWN,
    WITHDRAWN and INELIGIBLE trades neither, AGGREGATED ones only where there are no others, VOLUME_ONLY ones for
    ``vwap`` alone, trades without a size for ``twap`` alone. Trades missing in a gap are missing in the values; the
    bar's ``completeness`` tells how much. What comes for a window that is over is left out of it, and trades are
    counted (``late``): a feature is not corrected.
    """

    def __init__(self, names: Sequence[str], lateness_ms: int, idle_s: float) -> None:
        self._chosen = np.zeros(FEATURES, np.bool_)
        self._chosen[[int(BY_NAME[name]) for name in names]] = True
        self._watermarks = Watermarks(lateness_ms, idle_s)
        self._known = 0
        self._owners = np.zeros(0, OWNER)
        self._slots = np.zeros((0, SLOTS), SLOT)
        self._meter = np.zeros(core.METERS, np.int64)
        self._tops: tuple[NDArray[np.void], NDArray[np.void]] = (np.zeros(0, TOP), np.zeros(0, DEPTH))
        self._spots = np.empty(INTERVALS, np.int64)
        self._out = np.zeros(0, WINDOW)
        """Where the kernel writes: room for every open window, which is too much to make anew with each tape."""

    def look(self, books: Books) -> None:
        """Learn what became of the books on the next tape."""
        self.expect(books.tops, books.depths)

    def expect(self, tops: NDArray[np.void], depths: NDArray[np.void]) -> None:
        """Learn what became of the books on the next tape: ``TOP`` and ``DEPTH`` rows of ``Books``."""
        self._tops = tops, depths

    def on_tape(self, tape: Tape) -> NDArray[np.void] | None:
        """Take the next rows; return the features of windows that are over, in order, or None."""
        # Not only the tape's: a row of a whole source has the books tell of instruments that are not on it.
        self.grow(max(tape.contents.instruments, int(self._tops[0]["instrument"].max(initial=-1)) + 1))
        self._watermarks.meet(tape)
        seconds = self._watermarks.seconds
        timely, marks = self._watermarks.on_tape(tape)
        cursor, parts = (0, 0, 0), []
        while cursor[0] < len(tape):
            room = int(self._meter[core.OPEN]) + 64 * INTERVALS
            if len(self._out) < room:
                self._out = np.zeros(2 * room, WINDOW)
            cursor, count = core.run(
                cursor,
                tape.kind,
                tape.code,
                tape.flags,
                tape.side,
                tape.source,
                tape.instrument,
                tape.offset,
                tape.ts_event,
                tape.price,
                tape.size,
                tape.size_exp,
                tape.ask_price,
                tape.ask_size,
                tape.ask_size_exp,
                timely,
                marks,
                *self._tops,
                self._owners,
                self._slots,
                self._known,
                seconds,
                self._meter,
                self._spots,
                self._out,
            )
            if count:
                parts.append(self._told(self._out[:count]))
        self._tops = (np.zeros(0, TOP), np.zeros(0, DEPTH))
        told = whole.joined(parts) if parts else np.zeros(0, FEATURE)
        return told if len(told) else None

    def counters(self) -> dict[str, int]:
        """Return trades that came after their window was over (per interval), and trades without a time to believe."""
        names = {"late": core.LATE, "untimed": core.UNTIMED}
        return {name: int(self._meter[slot]) for name, slot in names.items()}

    def open_windows(self) -> int:
        """Return how many windows are open."""
        return int(self._meter[core.OPEN])

    def snapshot(self) -> bytes:
        """Return all state as bytes."""
        return pack(
            {
                "watermarks": self._watermarks.packed(),
                "owners": self._owners[: self._known].reshape(-1).view(np.uint8),
                "slots": self._slots[: self._known].reshape(-1).view(np.uint8),
                "meter": self._meter,
            }
        )

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        parts = unpack(state)
        self._watermarks.unpacked(parts["watermarks"])
        self._owners, self._meter = parts["owners"].view(OWNER), parts["meter"]
        self._known = len(self._owners)
        self._slots = parts["slots"].view(SLOT).reshape(self._known, SLOTS)
        self._meter[core.OPEN] = self._owners["open"].sum()  # of a partition it is not what was counted over all

    @staticmethod
    def known(state: bytes) -> int:
        """Return how many instruments a state is of."""
        return len(unpack(state)["owners"]) // OWNER.itemsize

    def _told(self, windows: NDArray[np.void]) -> NDArray[np.void]:
        """Return the chosen values of windows, one row each."""
        at, feature = np.nonzero(np.isfinite(windows["values"]) & self._chosen)
        rows = np.zeros(len(at), FEATURE)
        for name in ("instrument", "interval", "ts_open", "offset"):
            rows[name] = windows[name][at]
        rows["feature"], rows["value"] = feature, windows["values"][at, feature]
        return rows

    def grow(self, count: int) -> None:
        """Know the instruments below ``count``."""
        if count <= self._known:
            return
        self._owners, self._slots = grown(self._owners, count), grown(self._slots, count)
        fresh: Any = self._owners[self._known : count]
        fresh["source"] = fresh["top_source"] = -1
        for name in ("closed", "top_ts", "deep_ts", "tick_price", "settled", "newest"):
            fresh[name] = ABSENT
        fresh["ended"] = np.nan
        self._known = count
