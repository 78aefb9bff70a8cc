"""Books, legs and routes as the engine runs them, and tapes made by hand for them: prices in whole units, sizes too."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from breadboard.config import ArbitrageConfig
from breadboard.engine.arbitrage import Arbitrage
from breadboard.engine.books import Books
from breadboard.engine.consolidated import Consolidated
from breadboard.engine.groups import groups_of
from breadboard.engine.state import pack, unpack
from breadboard.model.executions import PAPER_FILL
from breadboard.model.gaps import Gap
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, Flag, GapReason, SequenceRule, StatusCode
from breadboard.model.tape import Tape
from tapes import SECOND, T0, tape

BUY, SELL = 1, 2
NAMES = (("A", "BTC-USDT"), ("B", "BTC-USDT"), ("C", "BTC-USD"), ("A", "USD-USDT"), ("A", "ETH-BTC"), ("A", "ETH-USDT"))
"""Instruments in the order of their dense ids, which is also that of the legs. C counts contracts of 100 USD."""
GROUPS = {
    "BTC": ("BTC-USDT.A", "BTC-USDT.B", "BTC-USD.C"),
    "USD": ("USD-USDT.A",),
    "ETH": ("ETH-BTC.A",),
    "ETH-USDT": ("ETH-USDT.A",),
}
SOURCE = (0, 1, 2, 0, 0, 0)
CONFIG: dict[str, Any] = {
    "groups": ["BTC"],
    "fees": {"A": 0, "B": 0, "C": 0},
    "instruments": {"BTC-USD.C": {"inverse": True, "amount": "100", "step": "1"}},
    "rates": {"USD-USDT": {"instrument": "USD-USDT.A"}},
    "update_ms": 0,
}
TRIANGLE = ["ETH-BTC.A", "BTC-USDT.A", "ETH-USDT.A"]


def config(**more: Any) -> ArbitrageConfig:  # noqa: ANN401 - any setting
    """Return a configuration: that of this module, with ``more`` on top."""
    return msgspec.convert({**CONFIG, **more}, ArbitrageConfig)


class Desk:
    """Books, what is consolidated from them, and arbitrage between them: one stage for the suites."""

    def __init__(
        self,
        given: ArbitrageConfig | None = None,
        silence_s: Callable[[str], float | None] | None = None,
        groups: Mapping[str, tuple[str, ...]] = GROUPS,
    ) -> None:
        self.instruments = Instruments()
        for venue, symbol in NAMES:
            self.instruments.intern(venue, symbol)
        self.consolidated = Consolidated(
            groups_of(groups), self.instruments, silence_s or (lambda _: 20.0), moving=True
        )
        watches = self.consolidated.watches
        self.books = Books(lambda _: SequenceRule.NONE, watches, copied=watches)
        self.arbitrage = Arbitrage(given or config(), self.books, self.consolidated)
        self.fills: NDArray[np.void] = np.zeros(0, PAPER_FILL)

    def on_tape(self, rows: Tape) -> NDArray[np.void] | None:
        self.books.on_tape(rows)
        self.consolidated.on_tape(rows, self.books.tops)
        found = self.arbitrage.on_tape(rows)
        self.fills = np.concatenate((self.fills, self.arbitrage.fills))
        return found

    def snapshot(self) -> bytes:
        stages = {name: getattr(self, name).snapshot() for name in ("books", "consolidated", "arbitrage")}
        return pack({**stages, "fills": np.frombuffer(self.fills.tobytes(), np.uint8)})

    def restore(self, state: bytes) -> None:
        parts = unpack(state)
        self.books.restore(parts["books"])
        self.consolidated.restore(parts["consolidated"])
        self.arbitrage.follow()
        self.arbitrage.restore(parts["arbitrage"])
        self.fills = parts["fills"].view(PAPER_FILL)


def whole(levels: Sequence[tuple[int, float, float]]) -> list[tuple[int, int, int]]:
    """Return side, price and size as a tape holds them."""
    return [(side, round(price * 10**9), round(size * 10**8)) for side, price, size in levels]


def book(
    which: int, bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]], **more: int
) -> dict[str, Any]:
    """Return a snapshot of an instrument's book."""
    levels = whole([(BUY, *one) for one in bids] + [(SELL, *one) for one in asks])
    return {"kind": EventKind.BOOK_SNAPSHOT, "instrument": which, "source": SOURCE[which], "levels": levels, **more}


def change(which: int, side: int, price: float, size: float, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any column
    """Return a delta of one level."""
    levels = whole([(side, price, size)])
    return {"kind": EventKind.BOOK_DELTA, "instrument": which, "source": SOURCE[which], "levels": levels, **more}


def status(code: StatusCode, which: int = -1, source: int | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any column
    """Return what a venue or a feed says of itself."""
    source = SOURCE[which] if source is None else source
    return {"kind": EventKind.STATUS, "code": code, "instrument": which, "source": source, **more}


def anything(random_: random.Random, count: int) -> Tape:
    """Return books that cross each other now and then, with losses, silences, halts and steps of the clock between."""
    rows: list[dict[str, Any]] = [_random_book(random_, which) for which in range(len(NAMES))]
    gaps: list[tuple[int, Gap]] = []
    now = 0
    while len(rows) < count:
        at = len(rows)
        now += random_.choice(
            (0, 1000, *(20_000_000,) * 20, *(150_000_000,) * 6, 2 * SECOND, 15 * SECOND)[: random_.choice((28, 28, 30))]
        )
        which = random_.randrange(len(NAMES))
        dice = random_.random()
        flags = random_.choice((0,) * 30 + (Flag.DELAYED,))
        stamp = {"ts_recv": T0 + now, "flags": flags, "ts_event": T0 + now - random_.choice((0, 10**7))}
        if dice < 0.66:
            side = random_.choice((BUY, SELL))
            row = (
                change(which, side, _near(random_, which, side), random_.choice((0, 1, 2, 5, 0.5)) * _lot(which))
                | stamp
            )
        elif dice < 0.82:
            row = _random_book(random_, which) | stamp
        elif dice < 0.88:
            price, ask = (round(_near(random_, which, side) * 10**9) for side in (BUY, SELL))
            row = {
                "kind": EventKind.QUOTE,
                "instrument": which,
                "source": SOURCE[which],
                "price": price,
                "ask_price": ask,
            }
            row |= {"size": 10**8, "ask_size": 10**8} | stamp
        elif dice < 0.92:
            code = random_.choice((StatusCode.HALTED, StatusCode.RESUMED, StatusCode.RESUMED, StatusCode.STALE))
            row = status(code, random_.choice((which, -1)), SOURCE[which]) | stamp
        elif dice < 0.95:
            source = SOURCE[which]
            gaps.append((at, Gap(source, GapReason.DISCONNECT, T0 + now - SECOND, T0 + now)))
            row = {"kind": EventKind.GAP, "code": GapReason.DISCONNECT, "instrument": -1, "source": source} | stamp
        elif dice < 0.97:
            row = status(StatusCode.HEARTBEAT, -1, SOURCE[which]) | stamp
        else:
            step = random_.choice((-SECOND // 2, SECOND // 2))
            now += step
            row = {"kind": EventKind.CLOCK, "instrument": -1, "source": 0, "size": step, "ts_recv": T0 + now}
        rows.append(row)
    return tape(rows, gaps)


_PRICES = (100.0, 100.0, 100.0, 1.0, 0.05, 5.0)


def _lot(which: int) -> float:
    return 3 if SOURCE[which] == 2 else 1


def _near(random_: random.Random, which: int, side: int) -> float:
    tick = _PRICES[which] / 1000
    away = random_.choice((1, 2, 3, 4, 6)) - random_.choice((0, 0, 0, 0, 0, 2, 3))
    return round(_PRICES[which] + (-away if side == BUY else away) * tick, 9)


def _random_book(random_: random.Random, which: int) -> dict[str, Any]:
    middle, tick = _PRICES[which] * (1 + random_.choice((-2, -1, 0, 0, 1, 2)) / 1000), _PRICES[which] / 1000
    bids = [(round(middle - tick * place, 9), random_.choice((1, 2, 4)) * _lot(which)) for place in (0.5, 1.5, 2.5)]
    asks = [(round(middle + tick * place, 9), random_.choice((1, 2, 4)) * _lot(which)) for place in (0.5, 1.5, 2.5)]
    return book(which, bids, asks)
