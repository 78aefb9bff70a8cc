"""Anomalies again, in plain Python: lists of everything that was, and no state that is updated. Slow, and easy to read.

It shares with the stage the books' tops and the watermarks, which have references of their own, and the configuration.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from functools import cache
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from breadboard import calendars
from breadboard.config import AnomalyConfig
from breadboard.engine.watermarks import Watermarks
from breadboard.model.anomalies import TIMES_OF_DAY, Anomaly
from breadboard.model.decimals import ABSENT
from breadboard.model.kinds import BookState, EventKind, Flag, StatusCode, Uncounted
from breadboard.model.tape import Tape

S = 1_000_000_000
BREAKS = (StatusCode.FEED_DOWN, StatusCode.STALE, StatusCode.MAINTENANCE)
NO_NEWS = Flag.DUPLICATE | Flag.LAST_KNOWN | Flag.WITHDRAWN | Flag.LATE_PRINT
MARKET = (EventKind.TRADE, EventKind.QUOTE, EventKind.BOOK_DELTA, EventKind.BOOK_SNAPSHOT, EventKind.ORDER)
LOWEST = {"jump": -24, "return": -24, "volume": -16, "spread": -24, "rate": 0}
OCTAVES = {"jump": 24, "return": 24, "volume": 56, "spread": 24, "rate": 20}
KIND_OF = {
    "jump": Anomaly.PRICE_JUMP,
    "return": Anomaly.RETURN_OUTLIER,
    "volume": Anomaly.VOLUME_OUTLIER,
    "spread": Anomaly.SPREAD_OUTLIER,
    "rate": Anomaly.BURST,
}


@cache
def edges(statistic: str) -> list[float]:
    """Return where bins begin: powers of the fourth root of two, each rounded once."""
    with localcontext() as context:
        context.prec = 60
        root = Decimal(2).sqrt().sqrt()
        first = LOWEST[statistic] * 4
        return [float(root ** (first + step)) for step in range(OCTAVES[statistic] * 4 + 1)]


@dataclass
class Usual:
    """What was seen of one statistic at one time of day."""

    counts: Counter[int] = field(default_factory=Counter)
    baseline: float = 0.0
    threshold: float = math.inf
    samples: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def learn(self, statistic: str, value: float) -> None:
        self.counts[bisect_right(edges(statistic), value)] += 1
        if self.total >= 8192:
            self.counts = Counter({place: count // 2 for place, count in self.counts.items()})

    def quantile(self, statistic: str, share: float) -> float:
        bounds = [0.0, *edges(statistic)]
        wanted, below = share * self.total, 0
        for place, count in sorted(self.counts.items()):
            if count and below + count >= wanted:
                if place in (0, len(bounds) - 1):
                    return bounds[place]
                return bounds[place] + (bounds[place + 1] - bounds[place]) * (wanted - below) / count
            below += count
        raise AssertionError("nothing was learned")

    def renew(self, statistic: str, limits: AnomalyConfig) -> None:
        if self.total < limits.warmup:
            return
        middle, tail = self.quantile(statistic, 0.5), self.quantile(statistic, 0.95)
        tails = getattr(limits, f"{NAMES[statistic]}_tails")
        least = getattr(limits, f"{NAMES[statistic]}_bps", 0.0) * 1e-4
        if statistic == "rate":
            least = limits.burst_rows
        if statistic in ("jump", "return"):
            threshold = middle + tails * (tail - middle)
        elif middle > 0:
            threshold = middle * (tail / middle) ** tails
        else:
            threshold = tails * tail
        threshold = max(threshold, getattr(limits, f"{NAMES[statistic]}_ratio", 0.0) * middle)
        self.baseline, self.threshold, self.samples = middle, max(threshold, least), self.total


NAMES = {"jump": "jump", "return": "return", "volume": "volume", "spread": "spread", "rate": "burst"}


@cache
def sessions(calendar: str) -> tuple[list[int], list[int]]:
    """Return openings and closings as plain numbers."""
    opens, closes = calendars.sessions(calendar)
    return opens.tolist(), closes.tolist()


def time_of_day(calendar: str, when: int) -> str:
    """Return the name of a time of day."""
    if not calendar:
        return TIMES_OF_DAY[when // (4 * 3600 * S) % 6]
    opens, closes = sessions(calendar)
    place = bisect_right([begin - calendars.BEFORE_NS for begin in opens], when) - 1
    if place < 0 or (place == len(opens) - 1 and when >= closes[-1] + 24 * 3600 * S):
        return "day"
    begin, end = opens[place], closes[place]
    for name, until in (
        ("pre", begin),
        ("auction", begin + 60 * S),
        ("open", begin + 1800 * S),
        ("day", end - 1800 * S),
        ("close", end),
        ("auction", end + 300 * S),
        ("after", end + calendars.AFTER_NS),
    ):
        if when < until:
            return name
    return "closed"


@dataclass
class Top:
    """Best bid and offer from a moment on."""

    when: int
    bid: int
    ask: int
    sizes: tuple[int, int]
    offset: int
    flags: int

    @property
    def spread(self) -> float:
        return 2.0 * (self.ask - self.bid) / (float(self.ask) + float(self.bid))


@dataclass
class Print:
    """A trade on the price path."""

    when: int
    price: int
    offset: int


class Market:
    """Everything that was heard of one instrument since something may last have been missing."""

    def __init__(self, which: int, calendar: str) -> None:
        self.which, self.calendar = which, calendar
        self.source = self.top_source = self.trade_source = self.halted_by = -1
        self.newest: int | None = None
        self.settled: int | None = None
        self.changed = (0, 0)
        self.halted = self.raw = self.quoted = False
        self.usual: dict[tuple[str, str], Usual] = {}
        self.windows: Counter[str] = Counter()
        self.seen: dict[Anomaly, int] = {}
        self.untold: Counter[Anomaly] = Counter()
        self.severity: Counter[Anomaly] = Counter()
        self.forget()

    def forget(self) -> None:
        self.forget_prints()
        self.lose_top()

    def forget_prints(self) -> None:
        self.window: dict[str, Any] | None = None
        self.before: tuple[int, int, int] | None = None
        self.prints: list[Print] = []

    def resume(self) -> None:
        self.halted = False
        self.settled = None if self.newest is None else self.newest + 60 * S

    def lose_top(self) -> None:
        self.tops: list[Top] = []
        self.waits: list[dict[str, Any]] = []
        self.through = 0

    def of(self, time: str, statistic: str) -> Usual:
        return self.usual.setdefault((time, statistic), Usual())

    def judged(self, time: str, when: int) -> bool:
        return time != "auction" and not self.halted and (self.settled is None or when >= self.settled)

    def reach(self, now: int, grace: int) -> tuple[int, int, int]:
        """Return how far bid and offer reached in this stretch of ``grace`` and the one before, and since which row."""
        since = (now // grace - 1) * grace
        tops = [
            top
            for top, after in zip(self.tops, [*self.tops[1:], None], strict=True)
            if after is None or after.when >= since
        ]
        return min(top.bid for top in tops), max(top.ask for top in tops), tops[0].offset


class Reference:
    """The rules, one method each."""

    def __init__(self, limits: AnomalyConfig, calendar: str, silence_s: float | None) -> None:
        self.limits, self.calendar, self.silence_s = limits, calendar, silence_s
        self.markets: dict[int, Market] = {}
        self.lives: dict[int, dict[str, Any]] = {}
        self.found: list[dict[str, Any]] = []
        self.place = (0, 0)

    def tell(self, market: Market | None, kind: Anomaly, now: int, **said: Any) -> None:  # noqa: ANN401 - a row's fields
        suppressed = 0
        if market is not None:
            before = market.seen.get(kind)
            market.seen[kind] = now
            beyond = said["threshold"] - said["baseline"]
            score = (said["value"] - said["baseline"]) / beyond if beyond else 1.0
            severity = 3 if score >= 4 else 2 if score >= 2 else 1
            known = before is not None and abs(now - before) < self.limits.cooldown_s * S
            if known and severity <= market.severity[kind]:
                market.untold[kind] += 1
                return
            market.severity[kind] = severity
            suppressed = market.untold.pop(kind, 0)
            said |= {"instrument": market.which, "source": market.source}
        row = {"offset": self.place[0], "index": self.place[1], "kind": kind, "suppressed": suppressed}
        self.found.append({"samples": 0, "time": "", **row, **said})

    def close(self, market: Market) -> None:
        window = market.window
        assert window is not None
        market.window = None
        begin = window["number"] * S
        time = time_of_day(market.calendar, begin)
        values: dict[str, tuple[float, int]] = {}
        if window["level"] is not None:
            if market.before is not None:
                level, number, offset = market.before
                root = math.sqrt(max(1.0, window["number"] - number))
                values["return"] = abs(window["level"] / level - 1.0) / root, offset
            market.before = window["level"], window["number"], window["level_offset"]
        if window["notional"] > 0:
            values["volume"] = window["notional"], window["from"]
        if window["spread"] is not None:
            values["spread"] = window["spread"], min(window["spread_offset"], window["from"])
        values["rate"] = float(window["rows"]), window["from"]
        if not market.judged(time, begin):
            return
        for statistic, (value, begins) in values.items():
            usual = market.of(time, statistic)
            if value > usual.threshold:
                self.tell(
                    market,
                    KIND_OF[statistic],
                    begin + S,
                    ts_event=begin + S,
                    ts_recv=window["recv"],
                    value=value,
                    baseline=usual.baseline,
                    threshold=usual.threshold,
                    evidence=(begins, window["to"]),
                    samples=usual.samples,
                    time=time,
                )
            usual.learn(statistic, value)
        market.windows[time] += 1
        rate = market.of(time, "rate")
        if market.windows[time] >= 16 or (rate.samples == 0 and rate.total >= self.limits.warmup):
            market.windows[time] = 0
            for statistic in NAMES:
                market.of(time, statistic).renew(statistic, self.limits)

    def expire(self, market: Market, now: int) -> None:
        while market.waits and now - market.waits[0]["when"] > self.limits.grace_ms * 1_000_000:
            first = market.waits.pop(0)
            price, edge = first["price"], first["edge"]
            far = first["far"] if price > edge else -first["far"]
            self.tell(
                market,
                Anomaly.TRADE_OUTSIDE,
                first["when"],
                ts_event=first["ts_event"],
                ts_recv=first["ts_recv"],
                value=price * 1e-9,
                baseline=edge * 1e-9,
                threshold=(edge + far) * 1e-9,
                evidence=first["evidence"],
            )

    def far(self, top: Top) -> int:
        return int(self.limits.outside_bps * 1e-4 * 0.5 * (float(top.bid) + float(top.ask)))

    def take_top(self, market: Market, top: Top) -> None:
        if ABSENT in (top.bid, top.ask) or top.bid <= 0 or top.ask <= 0 or top.bid > top.ask:
            market.lose_top()
            return
        same = market.tops and (top.bid, top.ask, top.sizes) == (
            market.tops[-1].bid,
            market.tops[-1].ask,
            market.tops[-1].sizes,
        )
        if not same:
            market.changed, market.through = (top.when, top.offset), 0
        market.tops.append(top)
        if market.window is not None:
            spread = market.window["spread"]
            if spread is None or top.spread < spread:
                market.window["spread"], market.window["spread_offset"] = top.spread, top.offset
        market.waits = [
            each for each in market.waits if not top.bid - each["far"] <= each["price"] <= top.ask + each["far"]
        ]

    def explained(self, market: Market, price: int, now: int) -> bool:
        if not market.tops:
            return False
        low, high, _ = market.reach(now, self.limits.grace_ms * 1_000_000)
        far = self.far(market.tops[-1])
        return low - far <= price <= high + far

    def pass_through(self, market: Market, bid: int, ask: int, row: Any, now: int) -> None:  # noqa: ANN401 - a row
        if not market.tops:
            return
        top = market.tops[-1]
        if (ask >= top.bid and bid <= top.ask) or (int(row.flags) | top.flags) & Flag.CONFLATED:
            return
        market.through += 1
        still = now - market.changed[0]
        if market.through >= self.limits.stuck_prints and still >= self.limits.stuck_s * S:
            self.tell(
                market,
                Anomaly.STUCK_QUOTE,
                now,
                ts_event=row.ts_event,
                ts_recv=row.ts_recv,
                value=still * 1e-9,
                baseline=0.0,
                threshold=self.limits.stuck_s,
                evidence=(market.changed[1], row.offset),
            )

    def trade(self, market: Market, row: Any) -> None:  # noqa: ANN401 - a row
        if row.timely and market.calendar and time_of_day(market.calendar, row.ts_event) == "closed":
            bounds = np.concatenate(
                [
                    calendars.sessions(market.calendar)[0] - calendars.BEFORE_NS,
                    calendars.sessions(market.calendar)[1] + calendars.AFTER_NS,
                ]
            )
            self.tell(
                market,
                Anomaly.OFF_HOURS,
                row.ts_event,
                ts_event=row.ts_event,
                ts_recv=row.ts_recv,
                value=float(np.abs(bounds - row.ts_event).min()) * 1e-9,
                baseline=0.0,
                threshold=0.0,
                evidence=(row.offset, row.offset),
                time="closed",
            )
        aggregated = bool(row.flags & Flag.AGGREGATED)
        market.raw |= not aggregated
        now = market.newest
        if now is None or not row.timely or row.ts_event < now - 10 * S:
            return
        if row.flags & Flag.INELIGIBLE or (aggregated and market.raw) or row.price <= 0:
            return
        assert market.window is not None
        if row.size > 0 and not row.code & Uncounted.VOLUME:
            market.window["notional"] += row.price * 1e-9 * (row.size * float(f"1e{row.size_exp}"))
        if row.flags & Flag.VOLUME_ONLY:
            return
        if market.prints and now - market.prints[-1].when > 60 * S:
            market.prints = []
        time = time_of_day(market.calendar, now)
        last = market.prints[-5:]
        judged = market.judged(time, now)
        if len(last) == 5 and judged:
            away = abs(row.price / median(each.price for each in last) - 1.0)
            usual = market.of(time, "jump")
            if away > usual.threshold and not self.explained(market, row.price, now):
                self.tell(
                    market,
                    Anomaly.PRICE_JUMP,
                    now,
                    ts_event=row.ts_event,
                    ts_recv=row.ts_recv,
                    value=away,
                    baseline=usual.baseline,
                    threshold=usual.threshold,
                    evidence=(last[0].offset, row.offset),
                    samples=usual.samples,
                    time=time,
                )
            usual.learn("jump", away)
        market.prints.append(Print(now, row.price, row.offset))
        if judged and market.tops and not market.tops[-1].bid <= row.price <= market.tops[-1].ask:
            self.hold(market, row, now)
            self.pass_through(market, row.price, row.price, row, now)
        level = sorted(each.price for each in market.prints[-3:])
        market.window["level"] = level[1] if len(level) == 3 else None
        market.window["level_offset"] = market.prints[-3:][0].offset

    def hold(self, market: Market, row: Any, now: int) -> None:  # noqa: ANN401 - a row
        top, grace = market.tops[-1], self.limits.grace_ms * 1_000_000
        if (int(row.flags) | top.flags) & Flag.CONFLATED or row.ts_event < top.when - grace:
            return
        if self.explained(market, row.price, now):
            return
        low, high, first = market.reach(now, grace)
        edge = high if row.price > high else low
        if any(abs(row.price - edge) <= abs(each["price"] - each["edge"]) for each in market.waits[1:]):
            return
        fresh = {
            "price": row.price,
            "edge": edge,
            "far": self.far(top),
            "when": now,
            "ts_event": row.ts_event,
            "ts_recv": row.ts_recv,
            "evidence": (first, row.offset),
        }
        market.waits = [*market.waits[:1], fresh]

    def listen(self, source: int, ts_recv: int) -> None:
        life = self.lives.get(source)
        if life is None or life["seen"] is None or life["told"] or self.silence_s is None:
            return
        silent = ts_recv - life["seen"]
        if silent > self.silence_s * S:
            life["told"] = True
            self.tell(
                None,
                Anomaly.STALE_VENUE,
                0,
                instrument=-1,
                source=source,
                ts_event=ABSENT,
                ts_recv=life["seen"] + int(self.silence_s * S),
                value=silent * 1e-9,
                baseline=life["longest"] * 1e-9,
                threshold=self.silence_s,
                evidence=(life["offset"], self.place[0]),
            )

    def remark(self, row: Any) -> None:  # noqa: ANN401 - a row
        for market in self.markets.values():
            mine = row.instrument in (market.which, -1)
            of_top = row.source in (market.top_source, 0xFFFF)
            told_halt = market.halted and row.source == market.halted_by
            lines = (StatusCode.FEED_DOWN, StatusCode.FEED_UP)
            if mine and told_halt and row.kind == EventKind.STATUS and row.code in lines:
                market.resume()
            others = row.source not in (market.source, market.trade_source)
            if not mine or (row.instrument < 0 and others and not of_top and not told_halt):
                continue
            if row.kind == EventKind.GAP or row.code in BREAKS:
                if market.quoted and not of_top:
                    market.forget_prints()
                else:
                    market.forget()
            elif row.code == StatusCode.HALTED:
                market.halted, market.halted_by = True, row.source
                market.forget()
            elif row.code == StatusCode.RESUMED and (market.halted or row.instrument >= 0):
                market.resume()
                market.forget()

    def market_row(self, market: Market, row: Any) -> None:  # noqa: ANN401 - a row
        if row.flags & Flag.HISTORY and market.source >= 0 and market.source != row.source:
            market.forget()
            market.newest = market.settled = None
            market.seen.clear()
        market.source = row.source
        if row.hole:
            market.forget()
        if row.timely and (market.newest is None or row.ts_event > market.newest):
            market.newest = row.ts_event
        now = market.newest
        if now is None:
            return
        number = now // S
        if market.window is not None and market.window["number"] != number:
            self.close(market)
        if market.window is None:
            market.window = {"number": number, "from": row.offset, "rows": 0, "notional": 0.0, "level": None}
            market.window["spread"] = market.tops[-1].spread if market.tops else None
            market.window["spread_offset"] = market.tops[-1].offset if market.tops else None
        market.window["rows"] += 1
        market.window["to"], market.window["recv"] = row.offset, row.ts_recv
        self.expire(market, now)


@dataclass
class Row:
    """One row of a tape."""

    kind: int
    code: int
    flags: int
    source: int
    instrument: int
    offset: int
    index: int
    ts_event: int
    ts_recv: int
    price: int
    size: int
    size_exp: int
    ask_price: int
    ask_size: int
    timely: bool = False
    hole: bool = False


def reference(  # noqa: C901 - one row at a time, kind by kind
    tape: Tape,
    tops: NDArray[np.void],
    limits: AnomalyConfig,
    calendar: Callable[[int], str] = lambda _: "",
    silence_s: float | None = None,
    holes: frozenset[tuple[int, int]] = frozenset(),
) -> list[dict[str, Any]]:
    """Return what there is to find on a tape, as the rows' fields."""
    timely, marks = Watermarks(2000, 5.0).on_tape(tape)
    subject = Reference(limits, "", silence_s)
    by_row: dict[int, list[Any]] = {}
    for top in tops:
        by_row.setdefault(int(top["row"]), []).append(top)
    names = [name for name in Row.__dataclass_fields__ if name not in ("timely", "hole")]
    columns = {name: getattr(tape, name).tolist() for name in names}
    marked: dict[int, list[Any]] = {}
    for mark in marks:
        marked.setdefault(int(mark["row"]), []).append(mark)
    for which in range(int(max(tape.instrument.max(initial=-1), tops["instrument"].max(initial=-1))) + 1):
        subject.markets[which] = Market(which, calendar(which))
    for at in range(len(tape)):
        row = Row(**{name: columns[name][at] for name in names})
        row.timely, row.hole = bool(timely[at]), (row.offset, row.index) in holes
        subject.place = row.offset, row.index
        for mark in marked.get(at, ()):
            for market in subject.markets.values():
                if market.source != mark["source"]:
                    continue
                if market.window is not None and (market.window["number"] < mark["second"] or mark["ended"]):
                    subject.close(market)
                if market.newest is not None:
                    subject.expire(market, int(mark["second"]) * S)
        if row.kind == EventKind.CLOCK:
            for source, life in sorted(subject.lives.items()):
                if row.size != ABSENT and life["seen"] is not None:
                    life["seen"] += row.size
                subject.listen(source, row.ts_recv)
        elif row.kind != EventKind.GAP:
            _alive(subject, row)
        if row.kind in (EventKind.STATUS, EventKind.GAP):
            subject.remark(row)
            if row.kind == EventKind.GAP and row.instrument < 0:
                for source, life in subject.lives.items():
                    if row.source in (source, 0xFFFF):
                        life["seen"] = None
        market_of = subject.markets.get(row.instrument)
        if market_of is not None and row.kind in MARKET:
            subject.market_row(market_of, row)
        for top in by_row.get(at, ()):
            _book(subject, subject.markets[int(top["instrument"])], top, row)
        if market_of is None:
            continue
        if row.kind == EventKind.QUOTE and not row.flags & Flag.INELIGIBLE:
            if not market_of.quoted:
                market_of.quoted = True
                market_of.lose_top()
            market_of.top_source = row.source
            if market_of.newest is not None:
                sizes = row.size, row.ask_size
                best = Top(market_of.newest, row.price, row.ask_price, sizes, row.offset, row.flags)
                subject.take_top(market_of, best)
        elif row.kind == EventKind.TRADE and not row.flags & NO_NEWS:
            market_of.trade_source = row.source
            subject.trade(market_of, row)
    return subject.found


def _alive(subject: Reference, row: Row) -> None:
    life = subject.lives.setdefault(row.source, {"seen": None, "longest": 0, "told": False, "offset": 0})
    if not row.flags & Flag.HISTORY:
        subject.listen(row.source, row.ts_recv)
        if life["seen"] is not None and not life["told"]:
            life["longest"] = max(life["longest"], row.ts_recv - life["seen"])
        life["seen"], life["offset"], life["told"] = row.ts_recv, row.offset, False
    if row.kind == EventKind.STATUS and row.code == StatusCode.FEED_DOWN:
        life["seen"] = None


def _book(subject: Reference, market: Market, top: Any, row: Row) -> None:  # noqa: ANN401 - a TOP row
    bid, ask, now = int(top["bid"]), int(top["ask"]), market.newest
    if top["state"] != BookState.LIVE:
        if not market.quoted:
            market.lose_top()
    elif now is None:
        pass
    elif not market.quoted:
        sizes = int(top["bid_size"]), int(top["ask_size"])
        subject.take_top(market, Top(now, bid, ask, sizes, row.offset, row.flags))
    elif ABSENT not in (bid, ask) and not market.halted:
        subject.pass_through(market, bid, ask, row, now)
