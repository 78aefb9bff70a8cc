"""The newest of everything: last trade, last quote and the day so far, per instrument."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.state import grown, pack, unpack
from breadboard.model.decimals import ABSENT, INT64_MAX
from breadboard.model.kernels import kernel
from breadboard.model.kinds import EventKind, Flag
from breadboard.model.tape import Tape

LAST_TRADE: Final = np.dtype(
    [
        ("trades", np.int64),  # this UTC day; 0 with a day of ABSENT means nothing was ever traded
        ("day", np.int64),  # days since 1970 UTC of the statistics; ABSENT before the first trade
        ("ts_event", np.int64),
        ("ts_recv", np.int64),
        ("trade_id", np.int64),
        ("price", np.int64),
        ("size", np.int64),
        ("open", np.int64),
        ("high", np.int64),
        ("low", np.int64),
        ("volume_whole", np.int64),  # this day: volume_whole + volume_fraction * 1e-18
        ("volume_fraction", np.int64),
        ("offset", np.int64),
        ("side", np.uint8),
        ("size_exp", np.int8),
    ]
)
LAST_QUOTE: Final = np.dtype(
    [
        ("ts_event", np.int64),
        ("ts_recv", np.int64),  # 0 before the first quote
        ("bid", np.int64),
        ("bid_size", np.int64),
        ("ask", np.int64),
        ("ask_size", np.int64),
        ("offset", np.int64),
        ("bid_size_exp", np.int8),
        ("ask_size_exp", np.int8),
    ]
)
_TRADE: Final = int(EventKind.TRADE)
_QUOTE: Final = int(EventKind.QUOTE)
_NOT_NEW: Final = int(Flag.DUPLICATE)
_LAST_KNOWN: Final = int(Flag.LAST_KNOWN)
_DAY_NS: Final = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class LatestView:
    """What is known of one instrument now; ``LAST_TRADE`` and ``LAST_QUOTE`` records, None where there was none."""

    trade: np.void | None
    quote: np.void | None


@kernel
def split_size(size: int, exponent: int) -> tuple[int, int]:
    """Return ``size * 10 ** exponent`` as whole units and units of 1e-18; the exponent lies in [-18, 0]."""
    unit = 1
    for _ in range(-exponent):
        unit *= 10
    rest = 1
    for _ in range(18 + exponent):
        rest *= 10
    whole = size // unit
    return whole, (size - whole * unit) * rest if exponent < 0 else 0


@kernel
def add_volume(whole: int, fraction: int, size: int, exponent: int) -> tuple[int, int]:
    """Return the volume with one size added: exact, and held at the largest int64 rather than wrapped."""
    more_whole, more_fraction = split_size(size, exponent)
    fraction += more_fraction
    if fraction >= 1_000_000_000_000_000_000:
        fraction -= 1_000_000_000_000_000_000
        more_whole += 1
    if whole > INT64_MAX - more_whole:
        return INT64_MAX, 999_999_999_999_999_999
    return whole + more_whole, fraction


@kernel
def _keep(
    kind: NDArray[np.uint8],
    flags: NDArray[np.uint16],
    instrument: NDArray[np.int32],
    offset: NDArray[np.int64],
    ts_event: NDArray[np.int64],
    ts_recv: NDArray[np.int64],
    side: NDArray[np.uint8],
    trade_id: NDArray[np.int64],
    price: NDArray[np.int64],
    size: NDArray[np.int64],
    size_exp: NDArray[np.int8],
    ask_price: NDArray[np.int64],
    ask_size: NDArray[np.int64],
    ask_size_exp: NDArray[np.int8],
    trades: NDArray[np.void],
    quotes: NDArray[np.void],
) -> None:
    """Keep the newest trade and quote of each instrument, and the day's statistics."""
    for row in range(len(kind)):
        which = instrument[row]
        if which < 0:
            continue
        if kind[row] == _QUOTE:
            quote = quotes[which]
            quote.ts_event = ts_event[row]
            quote.ts_recv = ts_recv[row]
            quote.bid = price[row]
            quote.bid_size = size[row]
            quote.ask = ask_price[row]
            quote.ask_size = ask_size[row]
            quote.offset = offset[row]
            quote.bid_size_exp = size_exp[row]
            quote.ask_size_exp = ask_size_exp[row]
        elif kind[row] == _TRADE and not flags[row] & _NOT_NEW:
            trade = trades[which]
            when = ts_recv[row] if ts_event[row] == ABSENT else ts_event[row]
            day = when // _DAY_NS
            newest = day > trade.day
            if newest:
                trade.day = day
                trade.trades = 0
                trade.open = trade.high = trade.low = price[row]
                trade.volume_whole = trade.volume_fraction = 0
            if newest or when >= (trade.ts_recv if trade.ts_event == ABSENT else trade.ts_event):
                trade.ts_event = ts_event[row]
                trade.ts_recv = ts_recv[row]
                trade.trade_id = trade_id[row]
                trade.price = price[row]
                trade.size = size[row]
                trade.size_exp = size_exp[row]
                trade.side = side[row]
                trade.offset = offset[row]
            if day == trade.day and not flags[row] & _LAST_KNOWN:
                trade.trades += 1
                trade.high = max(trade.high, price[row])
                trade.low = min(trade.low, price[row])
                volume = add_volume(trade.volume_whole, trade.volume_fraction, size[row], size_exp[row])
                trade.volume_whole = volume[0]
                trade.volume_fraction = volume[1]


class Latest:
    """Stage: last trade by event time, last quote by journal order, and the trades of the UTC day so far.

    Trades already seen (DUPLICATE) count for nothing. A trade sent on subscribing (LAST_KNOWN) is shown as the last
    one, but is not in the day's count and volume.
    """

    def __init__(self) -> None:
        self._known = 0
        self._trades = np.zeros(0, LAST_TRADE)
        self._quotes = np.zeros(0, LAST_QUOTE)

    def on_tape(self, tape: Tape) -> None:
        """Take the next rows."""
        self._grow(int(tape.instrument.max(initial=-1)) + 1)
        _keep(
            tape.kind,
            tape.flags,
            tape.instrument,
            tape.offset,
            tape.ts_event,
            tape.ts_recv,
            tape.side,
            tape.trade_id,
            tape.price,
            tape.size,
            tape.size_exp,
            tape.ask_price,
            tape.ask_size,
            tape.ask_size_exp,
            self._trades,
            self._quotes,
        )

    def view(self, instrument: int) -> LatestView:
        """Return copies of what is known of one instrument; both None for one never seen."""
        if not 0 <= instrument < self._known:
            return LatestView(None, None)
        trade, quote = self._trades[instrument], self._quotes[instrument]
        return LatestView(
            trade=trade.copy() if trade["day"] != ABSENT else None,
            quote=quote.copy() if quote["ts_recv"] else None,
        )

    def snapshot(self) -> bytes:
        """Return all state as bytes."""
        return pack({"trades": self._trades[: self._known], "quotes": self._quotes[: self._known]})

    def restore(self, state: bytes) -> None:
        """Go back to a state that ``snapshot`` returned."""
        parts = unpack(state)
        self._trades, self._quotes = parts["trades"], parts["quotes"]
        self._known = len(self._trades)

    def _grow(self, count: int) -> None:
        if count <= self._known:
            return
        self._trades = grown(self._trades, count)
        self._quotes = grown(self._quotes, count)
        self._trades["day"][self._known : count] = ABSENT
        self._known = count
