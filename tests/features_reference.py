"""Features in the plainest way: polars over whole columns, books stepped row by row. Knows nothing of the kernels.

For tapes of one source whose rows are plausible; the stage is held against it, window by window.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from breadboard.engine.books import Books
from breadboard.model.decimals import ABSENT
from breadboard.model.features import LEVELS, WINDOWS, Feature
from breadboard.model.kinds import BookState, EventKind, Flag, SequenceRule, StatusCode
from breadboard.model.tape import Tape

SECOND = 1_000_000_000
Key = tuple[int, int, int, int]
"""Instrument, feature, interval in seconds, ts_open."""
Value = tuple[Feature, int, float, int]
"""Feature, ts_open, value, closing offset."""
MARKET = (EventKind.TRADE, EventKind.QUOTE, EventKind.BOOK_DELTA, EventKind.BOOK_SNAPSHOT)
NOT_COUNTED = Flag.DUPLICATE | Flag.LAST_KNOWN | Flag.WITHDRAWN | Flag.INELIGIBLE
BREAKS = (StatusCode.FEED_DOWN, StatusCode.STALE, StatusCode.MAINTENANCE, StatusCode.HALTED)
NOTHING = (ABSENT, math.nan, ABSENT, math.nan)
HORIZON, GRAIN = 5 * SECOND, SECOND // 10


def reference(tape: Tape, rule: Callable[[int], SequenceRule], lateness_ms: int = 2000) -> dict[Key, tuple[float, int]]:
    """Return value and closing offset of every feature of every window that is over."""
    rows = _rows(tape, lateness_ms)
    found: dict[Key, tuple[float, int]] = {}
    tops = _tops(tape, rule)
    for which in sorted(set(rows["instrument"].to_list()) - {-1}):
        own = rows.filter(pl.col("instrument") == which)
        for name, seconds in WINDOWS.items():
            assert name
            for feature, opens, value, offset in _features(own, tops.get(which, []), rows, seconds):
                if math.isfinite(value):
                    found[which, int(feature), seconds, opens] = (value, offset)
    return found


def _rows(tape: Tape, lateness_ms: int) -> pl.DataFrame:
    """Return the tape as a frame, with the second that the watermark has come to at each row."""
    names = ("kind", "flags", "side", "instrument", "offset", "ts_event", "price", "size", "size_exp")
    frame = pl.DataFrame({name: getattr(tape, name) for name in names}).with_row_index("row")
    timed = (pl.col("ts_event") != ABSENT) & ((pl.col("flags") & int(Flag.DUPLICATE | Flag.LAST_KNOWN)) == 0)
    return frame.with_columns(
        timed.alias("timed"),
        pl.when(timed).then(pl.col("ts_event")).cum_max().forward_fill().alias("newest"),
    ).with_columns(((pl.col("newest") - lateness_ms * 1_000_000) // SECOND).alias("second"))


def _tops(  # noqa: C901 - one row at a time, kind by kind
    tape: Tape, rule: Callable[[int], SequenceRule]
) -> dict[int, list[dict[str, Any]]]:
    """Return what each instrument's best bid, offer and levels became, row by row; None is what cannot be believed."""
    books, found = Books(rule), dict[int, list[dict[str, Any]]]()
    quoted: set[int] = set()
    halted: set[int] = set()
    for row in range(len(tape)):
        kind, which, code = int(tape.kind[row]), int(tape.instrument[row]), int(tape.code[row])
        before = books.counters()["applied"]
        if kind not in (EventKind.TRADE, EventKind.QUOTE):
            books.on_tape(tape.take(slice(row, row + 1)))
        applied = books.counters()["applied"] != before
        for each in [which] if which >= 0 else list(found):
            known = found.setdefault(each, [])
            timed = bool(tape.ts_event[row] != ABSENT) and kind in MARKET
            event = {"row": row, "when": int(tape.ts_event[row]) if timed else None, "of": kind}
            if kind == EventKind.QUOTE and not tape.flags[row] & Flag.INELIGIBLE and (timed or each in quoted):
                quoted.add(each)
                best = NOTHING if each in halted else _quote(tape, row)
                known.append(event | {"best": best, "quoted": True})
            if kind == EventKind.STATUS and code in (StatusCode.RESUMED, StatusCode.QUOTING):
                halted.discard(each)
            elif kind == EventKind.STATUS and code == StatusCode.HALTED:
                halted.add(each)
            elif kind == EventKind.STATUS and code in (StatusCode.FEED_DOWN, StatusCode.FEED_UP):
                halted.discard(each)
            breaks = kind == EventKind.GAP or (kind == EventKind.STATUS and code in BREAKS)
            if breaks and each in quoted:
                known.append(event | {"best": None, "quoted": True})
            levels = None
            if each not in halted and kind not in (EventKind.TRADE, EventKind.QUOTE):
                levels = _levels(books, each)
            if kind == EventKind.BOOK_SNAPSHOT or (kind == EventKind.BOOK_DELTA and (applied or levels is None)):
                known.append(event | {"levels": levels, "quoted": False})
            elif kind in (EventKind.GAP, EventKind.STATUS) and levels is None:
                known.append(event | {"levels": None, "quoted": False})
    return found


def _levels(books: Books, which: int) -> list[tuple[int, float, int, float]] | None:
    view = books.view(which)
    if view.state != BookState.LIVE:
        return None
    pad = [(ABSENT, 0, 0)] * LEVELS
    sides = zip((view.bids + pad)[:LEVELS], (view.asks + pad)[:LEVELS], strict=True)
    return [(b[0], b[1] * 10.0 ** b[2], a[0], a[1] * 10.0 ** a[2]) for b, a in sides]


def _quote(tape: Tape, row: int) -> tuple[int, float, int, float]:
    sizes = [
        float("nan") if size == ABSENT else float(size) * 10.0 ** float(exp)
        for size, exp in (
            (tape.size[row], tape.size_exp[row]),
            (tape.ask_size[row], tape.ask_size_exp[row]),
        )
    ]
    return int(tape.price[row]), sizes[0], int(tape.ask_price[row]), sizes[1]


def _flow(now: tuple[int, float, int, float], old: tuple[int, float, int, float]) -> float:
    bid, bid_size, ask, ask_size = now
    gain = bid_size if bid > old[0] else bid_size - old[1] if bid == old[0] else -old[1]
    loss = ask_size if ask < old[2] else ask_size - old[3] if ask == old[2] else -old[3]
    return gain - loss


def _features(own: pl.DataFrame, tops: list[dict[str, Any]], rows: pl.DataFrame, seconds: int) -> Iterator[Value]:
    """Yield feature, ts_open, value, offset of the windows of one length of one instrument."""
    span = seconds * SECOND
    own = own.filter(pl.col("timed") & pl.col("kind").is_in([int(kind) for kind in MARKET])).with_columns(
        (pl.col("ts_event") // span).alias("window")
    )
    # A row is late where the watermark had passed the end of its window at or before it.
    own = own.with_columns(((pl.col("window") + 1) * seconds <= pl.col("second")).alias("late"))
    here = own.filter(~pl.col("late"))
    ends = rows.filter(pl.col("second").is_not_null())
    reached = ends["second"].to_numpy()
    closed: dict[int, tuple[int, int]] = {}
    for window in sorted(here["window"].unique().to_list()):
        at = int(np.searchsorted(reached, (window + 1) * seconds))
        if at < len(reached):
            closed[window] = ends["row"][at], ends["offset"][at]
    here = here.filter(pl.col("window").is_in(list(closed)))
    values: dict[Feature, dict[int, float]] = {feature: {} for feature in Feature}
    best = Changes(_best(tops))
    _of_trades(values, own, best, span)
    mids = _of_tops(values, here, best, closed, span)
    _of_levels(values, here, Changes([top for top in tops if "levels" in top]), closed, span)
    _kyle(values, _moves(mids, closed, best))
    for feature, its in values.items():
        for window, value in its.items():
            if window in closed:
                yield feature, window * span, value, closed[window][1]


class Changes:
    """What a top or a book became, in journal order."""

    def __init__(self, changes: list[dict[str, Any]]) -> None:
        self.changes = changes
        self.rows = [change["row"] for change in changes]

    def before(self, row: int) -> dict[str, Any] | None:
        """Return the last change before a row, or None."""
        at = bisect_left(self.rows, row)
        return self.changes[at - 1] if at else None

    def between(self, first: int, end: int) -> list[dict[str, Any]]:
        """Return the changes of rows from ``first`` up to ``end``."""
        return self.changes[bisect_left(self.rows, first) : bisect_left(self.rows, end)]


def _best(tops: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the changes of the best bid and offer alone: quotes, once there was one, else the book's first level."""
    best, quoted = [], False
    for top in tops:
        if top["quoted"] and not quoted:
            quoted = True
            best.append({"row": top["row"], "when": None, "top": None, "anew": True})
        if quoted and not top["quoted"]:
            continue
        given = top["best"] if top["quoted"] else top["levels"] and top["levels"][0]
        there = given and given[0] != ABSENT and given[2] != ABSENT and given[0] <= given[2]
        lost = not given or (top["of"] not in MARKET)
        if top["of"] in MARKET or not given:
            when = None if lost else top["when"]
            anew = top["of"] == EventKind.BOOK_SNAPSHOT
            best.append({"row": top["row"], "when": when, "top": given if there else None, "anew": anew})
    return best


def _mid(top: tuple[int, float, int, float]) -> float:
    return (top[0] + top[2]) / 2 / 1e9


def _of_trades(values: dict[Feature, dict[int, float]], own: pl.DataFrame, best: Changes, span: int) -> None:
    trades = own.filter((pl.col("kind") == int(EventKind.TRADE)) & ((pl.col("flags") & int(NOT_COUNTED)) == 0))
    raw = trades["flags"].to_numpy() & int(Flag.AGGREGATED) == 0
    trades = trades.filter(pl.Series(raw | (np.cumsum(raw) == 0)))
    if not len(trades):
        return
    sized = pl.col("size") != ABSENT
    trades = trades.with_columns(
        (pl.col("price") * 1e-9).alias("p"),
        pl.when(sized).then(pl.col("size") * 10.0 ** pl.col("size_exp").cast(pl.Float64)).alias("q"),
        ((pl.col("flags") & int(Flag.VOLUME_ONLY)) == 0).alias("priced"),
    )
    totals = (
        trades.filter(~pl.col("late"))
        .group_by("window")
        .agg((pl.col("p") * pl.col("q")).sum().alias("n"), pl.col("q").sum())
    )
    notional = dict(zip(totals["window"], totals["n"], strict=True))
    values[Feature.VWAP] = {w: n / q for w, n, q in totals.iter_rows() if q > 0}
    priced = trades.filter(pl.col("priced"))
    signs, mids, last, tick = [], [], None, 0
    for row, price, side in priced.select("row", "price", "side").iter_rows():
        if last is not None and price != last:
            tick = 1 if price > last else -1
        last = price
        held = best.before(row)
        top = held["top"] if held else None
        twice = 2 * price - (top[0] + top[2]) if top else 0
        signs.append({1: 1, 2: -1}.get(side) or (twice > 0) - (twice < 0) or tick)
        mids.append(_mid(top) if top else None)
    priced = priced.with_columns(pl.Series("s", signs, pl.Int64), pl.Series("m", mids, pl.Float64))
    on_path = (pl.col("ts_event") == pl.col("ts_event").cum_max()).over("window")
    path = priced.filter(~pl.col("late")).filter(on_path)
    for (window,), part in path.group_by("window"):
        close = (int(window) + 1) * span
        times, prices = [*part["ts_event"].to_list(), close], part["p"].to_list()
        area = math.fsum(p * (b - a) for p, a, b in zip(prices, times[:-1], times[1:], strict=True))
        values[Feature.TWAP][int(window)] = area / (close - times[0])
        if notional.get(window, 0) > 0 and prices[0] > 0:
            values[Feature.AMIHUD][int(window)] = abs(math.log(prices[-1] / prices[0])) / notional[window]
    q = pl.col("q")
    of_window = priced.filter(~pl.col("late") & q.is_not_null())
    signed = of_window.filter(pl.col("s") != 0).group_by("window").agg((pl.col("s") * q).sum())
    values[Feature.SIGNED_VOLUME] = dict(signed.iter_rows())
    spread = (
        of_window.filter(pl.col("m").is_not_null())
        .group_by("window")
        .agg((2 * q * (pl.col("p") - pl.col("m")).abs()).sum().alias("x"), q.sum())
    )
    values[Feature.EFFECTIVE_SPREAD] = {w: x / total for w, x, total in spread.iter_rows() if total > 0}
    _realised(values, own, priced.filter(q.is_not_null() & (pl.col("s") != 0)), best)
    _vpin(values, priced.filter(q.is_not_null()))


def _realised(values: dict[Feature, dict[int, float]], own: pl.DataFrame, trades: pl.DataFrame, best: Changes) -> None:
    """Hold each trade against the mid before the first row that is late enough; one already late enough is left out."""
    newest = own["ts_event"].cum_max().to_numpy()
    numbers = own["row"].to_numpy()
    sums: dict[int, list[float]] = {}
    for row, when, p, size, sign in trades.select("row", "ts_event", "p", "q", "s").iter_rows():
        due = (when // GRAIN + 1) * GRAIN + HORIZON
        at = int(np.searchsorted(newest, due))
        if at == len(newest) or numbers[at] <= row or own["late"][at]:
            continue
        top = best.before(int(numbers[at]))
        if top and top["top"]:
            total = sums.setdefault(int(own["window"][at]), [0.0, 0.0])
            total[0] += 2 * sign * size * (p - _mid(top["top"]))
            total[1] += size
    values[Feature.REALISED_SPREAD] = {w: x / total for w, (x, total) in sums.items() if total > 0}


def _vpin(values: dict[Feature, dict[int, float]], trades: pl.DataFrame) -> None:
    """Lay signed trades end to end and cut the line into buckets."""
    units = [int(size) * 10 ** (exp + 8) for size, exp in trades.select("size", "size_exp").iter_rows()]
    signs = [sign if unit > 0 else 0 for sign, unit in zip(trades["s"].to_list(), units, strict=True)]
    counted = np.flatnonzero(np.array(signs, np.int64) != 0)
    if len(counted) <= 500:
        return
    bucket = sum(units[at] for at in counted[:500]) // 10
    line, buckets = 0, dict[int, int]()
    for at, (window, late) in enumerate(trades.select("window", "late").iter_rows()):
        if signs[at] and at > counted[499]:
            left, right = line, line + units[at]
            for number in range(left // bucket, (right - 1) // bucket + 1):
                shared = min(right, (number + 1) * bucket) - max(left, number * bucket)
                buckets[number] = buckets.get(number, 0) + signs[at] * shared
            line = right
        full = line // bucket
        if full >= 50 and not late:
            newest = [abs(buckets[number]) for number in range(full - 50, full)]
            values[Feature.VPIN][window] = sum(newest) / (50 * bucket)


def _of_tops(  # noqa: C901 - a window is played from its first row to its last
    values: dict[Feature, dict[int, float]],
    here: pl.DataFrame,
    best: Changes,
    closed: dict[int, tuple[int, int]],
    span: int,
) -> dict[int, tuple[float, float]]:
    """Play each window's best bids and offers: what was in force as it opened, its own changes, breaks.

    Returns the first and the last mid of windows that have one at their end.
    """
    mids: dict[int, tuple[float, float]] = {}
    firsts = dict(here.group_by("window").agg(pl.col("row").min()).iter_rows())
    timely = set(here["row"].to_list())
    for window, first in firsts.items():
        opens, close = window * span, (window + 1) * span
        before = best.before(first)
        carried = (
            before if before and before["top"] and before["when"] is not None and before["when"] <= opens else None
        )
        since, top = (opens, carried["top"]) if carried else (None, None)
        end, first_mid = top, _mid(top) if top else None
        last = before["top"] if before else None
        area = time = flow = squares = 0.0
        flows = returns = 0
        for change in best.between(first, closed[window][0]):
            mine = change["when"] is not None and change["row"] in timely and change["when"] // span == window
            new = change["top"]
            if mine:  # what is told late holds from where the window had come to: no time counts twice
                come = change["when"] if since is None else max(since, change["when"])
                if top is not None:
                    assert since is not None
                    area += (top[2] - top[0]) / 1e9 * (come - since)
                    time += come - since
                since = come
            if new is None and (mine or (change["when"] is None and last is not None)):
                top = end = None
            elif new is None:
                pass
            elif change["when"] is None and last is not None and (new[0] != last[0] or new[2] != last[2]):
                top = end = None
            elif mine:
                if last is not None and not change["anew"]:
                    e = _flow(new, last)
                    flow, flows = (flow + e, flows + 1) if math.isfinite(e) else (flow, flows)
                    if _mid(new) > 0 and _mid(last) > 0:
                        squares += math.log(_mid(new) / _mid(last)) ** 2
                        returns += 1
                top = end = new
                first_mid = _mid(new) if first_mid is None else first_mid
            last = new
        if top is not None and since is not None and since < close:
            area += (top[2] - top[0]) / 1e9 * (close - since)
            time += close - since
        if time:
            values[Feature.QUOTED_SPREAD][window] = area / time
        if end:
            values[Feature.MID][window] = _mid(end)
            if end[1] + end[3] > 0:
                values[Feature.MICROPRICE][window] = (end[0] * end[3] + end[2] * end[1]) / (end[1] + end[3]) / 1e9
            assert first_mid is not None
            mids[window] = first_mid, _mid(end)
        if flows:
            values[Feature.OFI][window] = flow
        if returns:
            values[Feature.REALISED_VOLATILITY][window] = math.sqrt(squares)
    return mids


def _of_levels(
    values: dict[Feature, dict[int, float]],
    here: pl.DataFrame,
    tops: Changes,
    closed: dict[int, tuple[int, int]],
    span: int,
) -> None:
    timely = set(here["row"].to_list())
    for window, first in here.group_by("window").agg(pl.col("row").min()).iter_rows():
        before = tops.before(first)
        old: Any = before["levels"] if before else None
        since = before["when"] if before else None
        end = _imbalance(old) if old and since is not None and since <= window * span else None
        for top in tops.between(first, closed[window][0]):
            if not top["levels"]:
                end = None if old else end
                old = None
            if not top["levels"] or top["of"] not in MARKET:
                continue
            if top["when"] is None and old and _imbalance(top["levels"]) != _imbalance(old):
                end = None
            if top["row"] in timely and top["when"] // span == window:
                end = _imbalance(top["levels"])
                for level in range(LEVELS) if old and top["of"] != EventKind.BOOK_SNAPSHOT else ():
                    both = (top["levels"][level], old[level])
                    if ABSENT not in (both[0][0], both[0][2], both[1][0], both[1][2]):
                        into = values[Feature(Feature.MLOFI_1 + level)]
                        into[window] = into.get(window, 0.0) + _flow(*both)
            old = top["levels"]
        if end is not None:
            values[Feature.DEPTH_IMBALANCE][window] = end


def _imbalance(levels: list[tuple[int, float, int, float]]) -> float | None:
    bids, asks = sum(level[1] for level in levels), sum(level[3] for level in levels)
    return (bids - asks) / (bids + asks) if levels[0][0] != ABSENT and levels[0][2] != ABSENT and bids + asks else None


def _moves(mids: dict[int, tuple[float, float]], closed: dict[int, tuple[int, int]], best: Changes) -> dict[int, float]:
    """Return how far the mid went, from the end of the window before where what was in force then was not lost."""
    lost = [
        change["row"]
        for before, change in pairwise([{"top": None}, *best.changes])
        if before["top"] and change["when"] is None
        if change["top"] is None or change["top"][::2] != before["top"][::2]
    ]
    moves = {}
    for before, window in pairwise([None, *sorted(closed)]):
        if window in mids:
            first, last = mids[window]
            if before in mids and bisect_left(lost, closed[before][0]) == bisect_left(lost, closed[window][0]):
                first = mids[before][1]
            moves[window] = last - first
    return moves


def _kyle(values: dict[Feature, dict[int, float]], moves: dict[int, float]) -> None:
    """Regress the windows' moves on their signed volume."""
    flows = values[Feature.SIGNED_VOLUME]
    windows = sorted(moves)
    for at in range(9, len(windows)):
        chosen = windows[max(0, at - 59) : at + 1]
        x, y = np.array([flows.get(w, 0.0) for w in chosen]), np.array([moves[w] for w in chosen])
        away = x - x.mean()
        if (away**2).sum() > 1e-20 * (x**2).sum():
            values[Feature.KYLE_LAMBDA][windows[at]] = float((away * (y - y.mean())).sum() / (away**2).sum())
