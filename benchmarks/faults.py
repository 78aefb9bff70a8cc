"""Faults on purpose, and what becomes of them: every row is one fault in a simulated venue, survived or not.

``breadboard bench faults --json [--venue binance,coinbase] [--case mute] [--seconds 4]``. The venue is a process of its
own that speaks its real protocol on loopback; capture is the real one, with a real journal on disk, and the engine
reads what it left. ``value`` is the longest time from the deed to its sign, in seconds, on one machine's clock; ``ok``
holds all that the case demands. What may mislead: loopback has no distance; each case has processes of its own but
most run side by side, and only those that are held to a lag or to memory run alone; the seed is fixed and printed.
"""

import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import covering
import verdict
from ordeal import Evidence, endure

from breadboard import feeds
from breadboard.app import warm
from breadboard.capture.owner import KICKED_WAIT_S
from breadboard.errors import UsageError
from breadboard.feeds.massive_session import DENIED_WAIT_S
from breadboard.feeds.watching import MUTE_S
from breadboard.ports import Capabilities
from breadboard.sim.faults import parse_faults
from breadboard.sim.line_faults import parse_line_faults

SEED = 7
SIDE_BY_SIDE = 6
BEGUN_S = 1.0
LEARNING_S = 15.0
RETRY_AFTER_S = 2.0
LAG_MS = 50.0
"""Of lateness, without the waits for a processor: on a machine that others use those are theirs."""
RSS_MB = 32.0


@dataclass(frozen=True, slots=True)
class Venue:
    """What the judge has to know of a venue that can be tried."""

    channels: dict[str, str]
    """The feed's word for each channel of its simulated venue's streams."""
    numbered: frozenset[str]
    """Channels in which the venue's own numbers show a single missing message."""

    @property
    def shows(self) -> bool:
        """Whether anything shows a single missing message."""
        return bool(self.numbered) or self.lines

    fetches: bool = True
    """Its books need answers over HTTP."""
    finest: bool = False
    """It writes times in the finest unit there is already."""
    timed: bool = True
    """A time is that of its message; not that of the last trade, however old (Yahoo)."""
    ids: bool = True
    """Its trades have numbers that are never given twice."""
    lines: bool = False
    """It is a gateway of text lines, which has faults of its own."""
    options: dict[str, Any] = field(default_factory=lambda: {"symbols": 3, "rate": 300.0})


BINANCE = {"trade": "trade", "bookTicker": "quote", "depth@100ms": "book"}
BYBIT = {"publicTrade": "trade", "orderbook.1": "quote", "orderbook.200": "book"}
VENUES = {
    "binance": Venue(BINANCE, frozenset({"trade", "book"})),
    "binance-usdm": Venue(BINANCE, frozenset({"trade", "book"})),
    "binance-coinm": Venue(BINANCE, frozenset({"trade", "book"})),
    "coinbase": Venue(
        {"matches": "trade", "ticker": "quote", "level2_batch": "book"}, frozenset({"trade"}), fetches=False
    ),
    "coinbase-advanced": Venue(
        {"market_trades": "trade", "ticker": "quote", "level2": "book"},
        frozenset({"trade", "quote", "book", "heartbeats"}),
        fetches=False,
        finest=True,
    ),
    # The checksum is that of ten levels a side: it shows what is wrong there, and not every missing message.
    "kraken-v2": Venue({"trade": "trade", "ticker": "quote", "book:1000": "book"}, frozenset({"trade"}), fetches=False),
    "kraken": Venue(
        {"trade": "trade", "spread": "quote", "book:1000": "book"}, frozenset(), fetches=False, finest=True
    ),
    "okx": Venue({"trades": "trade", "tickers": "quote", "books": "book"}, frozenset({"book"}), fetches=False),
    "bybit": Venue(BYBIT, frozenset({"book"}), fetches=False),
    "bybit-linear": Venue(BYBIT, frozenset({"book"}), fetches=False),
    "bybit-inverse": Venue(BYBIT, frozenset({"book"}), fetches=False),
    "bitstamp": Venue({"live_trades": "trade", "diff_order_book": "book"}, frozenset(), finest=True),
    "massive": Venue({"T": "trade", "Q": "quote", "LULD": "luld"}, frozenset(), fetches=False),
    # Conflated: a message a second and symbol, however lively the market is.
    "yahoo": Venue(
        {"2": "trade"}, frozenset(), fetches=False, finest=True, timed=False, options={"symbols": 20, "rate": 300.0}
    ),
    # TickIDs are counted by market center, and repeat within a day; the venue's count of trades is asked once a minute.
    "iqfeed": Venue({}, frozenset(), fetches=False, ids=False, lines=True),
}
"""By the feed's name; one line each."""
USUALLY = ("binance", "binance-usdm", "coinbase")

Bound = Callable[[Capabilities], float]


def within(seconds: float) -> Bound:
    return lambda _: seconds


def after_heartbeat(seconds: float) -> Bound:
    return lambda rules: (rules.heartbeat_s or MUTE_S) + seconds


def in_a_channel(rules: Capabilities) -> float:
    """Silence of a channel takes no longer to be noticed than that of a connection; less where nothing is promised."""
    return (rules.heartbeat_s or 7.0) + 3.0


def twice_in_a_channel(rules: Capabilities) -> float:
    """Until the channel of the second connection has fallen silent, too, and its silence was noticed."""
    return 2 * (LEARNING_S + in_a_channel(rules)) + 10.0


def soon(seconds: float) -> Bound:
    """Return a bound that considers who lets a newer connection throw out the older, and is not returned to at once."""
    return lambda rules: seconds + (KICKED_WAIT_S if rules.single_connection else 0.0)


def around_login(rules: Capabilities) -> float:
    """After a login that was denied the next one waits, however sure we are of our key."""
    return DENIED_WAIT_S + 8.0 if rules.credential else 4.0


AT_ONCE, A_FEW_SECONDS = within(1.0), within(4.0)


@dataclass(frozen=True, slots=True)
class Trial:
    """One fault, and what has to become of it (RELIABILITY, 2A and 2B)."""

    faults: str
    signs: tuple[str, ...] = ()
    """Any of these has to be seen; none: nothing has to be."""
    bound: Bound = AT_ONCE
    seconds: Bound = A_FEW_SECONDS
    """The least time that the case needs."""
    single: bool = False
    """The fault withholds single messages, which not every venue can show."""
    lossless: bool = False
    """Everything that was made has to be in the journal."""
    quiet: bool = False
    """And nothing may be reported."""
    reconnect: Bound | None = None
    """The longest time until the next connection delivers."""
    alone: bool = False
    """It measures the loop or the memory."""
    lag: bool = False
    needs: Callable[[Venue, Capabilities], bool] = lambda _venue, _rules: True
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def fault(self) -> str:
        """The name of the first fault."""
        return self.faults.partition(":")[0]


def _has_channels(venue: Venue, _rules: Capabilities) -> bool:
    return len(venue.channels) > 1


def _numbers_books(venue: Venue, rules: Capabilities) -> bool:
    return "book" in venue.numbered or rules.checksum != "none"


LOST = ("down", "subscription", "counter")
TRIALS = (
    Trial("drop:50", ("trade_id", "sequence", "checksum"), single=True),
    Trial("drop-depth:10", ("sequence", "checksum"), single=True, needs=_numbers_books),
    Trial("duplicate:10", lossless=True, quiet=True),
    Trial("reorder:10", lossless=True, needs=lambda _, rules: rules.checksum == "none"),
    # Between two of a book that changed places its checksum is wrong, and what comes until the next snapshot in a gap.
    Trial("reorder:10", needs=lambda _, rules: rules.checksum != "none"),
    Trial("delay:500", lossless=True, quiet=True),
    # Where books have no numbers a new snapshot is asked for, and what comes meanwhile is in a gap.
    Trial("garbage:10", ("quarantine",)),
    Trial("oversize:11@1", ("quarantine",), within(2.0), soon(5.0), alone=True),
    Trial("truncate:2", ("down",), seconds=soon(4.0)),
    Trial("mute:7", ("down",), after_heartbeat(3.0), after_heartbeat(14.0)),
    # Fifteen seconds to learn what is usual: nobody can miss what was never heard.
    Trial("mute-channel:15", LOST, in_a_channel, twice_in_a_channel, needs=_has_channels),
    Trial("lose:15", LOST, within(120.0), within(140.0), needs=_has_channels),
    Trial("half-open:1", ("down",), within(8.0), soon(12.0)),
    Trial("half-open:1,limit:1", ("down",), within(8.0), within(75.0), reconnect=within(60.0)),
    Trial("disconnect:2", ("down",), seconds=soon(5.0)),
    Trial("rst:2", ("down",), seconds=soon(4.0)),
    *(
        Trial(f"close:{code}@1", ("down",), seconds=soon(4.5), reconnect=soon(5.0), alone=True, lag=True)
        for code in (1000, 1001, 1006, 1012, 1013)
    ),
    Trial("sequence-reset:2", lossless=True, seconds=within(6.0)),
    Trial("checksum:10", ("checksum",), within(2.0), needs=lambda _, rules: rules.checksum != "none"),
    Trial("unit:1", lossless=True, quiet=True, needs=lambda venue, _: not venue.finest),
    Trial("http-429:2", lossless=True, seconds=within(6.0), needs=lambda venue, _: venue.fetches),
    Trial("refuse:2", lossless=True, seconds=within(9.0)),
    Trial("refuse:503@2", lossless=True, seconds=within(9.0)),
    Trial("auth:1", seconds=around_login, needs=lambda _, rules: bool(rules.credential)),
    Trial("slow-drip:7", lossless=True, quiet=True, options={"rate": 100.0}),
    Trial("clock-skew:3", ("suspect",), lossless=True),
    Trial("clock-skew:-3", lossless=True),
    Trial("drift:1", ("schema",), within(60.0), lossless=True),
    Trial("flood:20", lossless=True, quiet=True, alone=True, options={"rate": 200.0}),
)

LINE_TRIALS = (
    Trial("drop:20", ("counter",), within(65.0), within(80.0), single=True),
    Trial("duplicate:10", lossless=True),
    Trial("garbage:10", ("quarantine",), lossless=True),
    Trial("truncate:2", ("down",)),
    Trial("oversize:5@2", ("quarantine",), within(2.0), within(5.0), alone=True),
    Trial("mute:2", ("down",), after_heartbeat(3.0), after_heartbeat(8.0)),
    Trial("half-open:2", ("down",), within(8.0), within(14.0)),
    Trial("disconnect:2", ("down",), seconds=within(5.0)),
    Trial("rst:2", ("down",)),
    Trial("close:2", ("down",), seconds=within(6.0), reconnect=within(5.0), alone=True, lag=True),
    Trial("lose:5", ("counter", "subscription"), within(120.0), within(130.0)),
    Trial("lose-watch:5", ("counter", "subscription"), within(120.0), within(130.0)),
    Trial("server-disconnected:2", ("disconnect",), within(1.0), within(8.0)),
    Trial("sequence-reset:2", lossless=True, seconds=within(6.0)),
    Trial("refuse:2", lossless=True, seconds=within(9.0)),
    Trial("slow-drip:7", lossless=True, quiet=True, options={"rate": 50.0}),
    Trial("clock-skew:3", ("suspect",), lossless=True),
    Trial("delayed", lossless=True),
    Trial("drift:1", ("quarantine",), lossless=True),
    Trial("flood:20", lossless=True, quiet=True, alone=True, options={"rate": 200.0}),
)
"""Of text lines; what they have in common with the others is meant alike."""


def run(venue: str = "", case: str = "", seconds: float = 4.0) -> dict[str, Any]:
    """Try every fault on some venues (all usual ones by default) and return the report."""
    names = [name for name in venue.split(",") if name] or list(USUALLY)
    for name in names:
        if name not in VENUES:
            raise UsageError(
                f"no faults are tried on {name!r}; they are on {', '.join(VENUES)}",
                hint="breadboard bench faults --venue binance",
            )
    warm.run(lambda _: None)
    rules = {name: feeds.by_name(name).capabilities for name in names}
    ordeals = [
        (name, trial)
        for name in names
        for trial in (LINE_TRIALS if VENUES[name].lines else TRIALS)
        if case in trial.faults and trial.needs(VENUES[name], rules[name])
    ]
    if not ordeals:  # none of none holds, which would pass for good news
        raise UsageError(
            f"no case of {', '.join(names)} has {case!r} in it", hint="breadboard bench faults --case mute"
        )
    found = lived(ordeals, lambda name, trial: max(seconds, trial.seconds(rules[name])))
    cases = [judged(name, trial, rules[name], found[name, trial.faults]) for name, trial in ordeals]
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"
    return {"name": "faults", "machine": machine, "ok": all(each["ok"] for each in cases), "cases": cases, "peers": {}}


def lived(
    ordeals: Sequence[tuple[str, Trial]], lasts_s: Callable[[str, Trial], float]
) -> dict[tuple[str, str], Evidence]:
    """Live through the trials, each in a process: those that measure alone, then the others, the longest first."""

    def begun(name: str, trial: Trial) -> Future[Evidence]:
        options = VENUES[name].options | {"faults": trial.faults} | trial.options
        return pool.submit(endure, name, options, lasts_s(name, trial), SEED)

    # Spawned: a forked process would inherit threads and locks of this one.
    with ProcessPoolExecutor(SIDE_BY_SIDE, multiprocessing.get_context("spawn")) as pool:
        for begins in [pool.submit(time.sleep, BEGUN_S) for _ in range(min(SIDE_BY_SIDE, len(ordeals)))]:
            begins.result()  # every worker has loaded what it needs before anything is measured
        found = {(name, trial.faults): begun(name, trial).result() for name, trial in ordeals if trial.alone}
        together = sorted((each for each in ordeals if not each[1].alone), key=lambda each: -lasts_s(*each))
        waiting = {(name, trial.faults): begun(name, trial) for name, trial in together}
        return found | {key: future.result() for key, future in waiting.items()}


def judged(name: str, trial: Trial, rules: Capabilities, evidence: Evidence) -> dict[str, Any]:
    """Return the case: what was seen, and whether that is what has to be."""
    venue, known = VENUES[name], verdict.conclude(evidence)
    gaps = [*known.gaps, *covering.outages(evidence, verdict.STOPPED)]
    cover = covering.coverage(
        evidence, gaps, venue.channels, venue.numbered, single=trial.single, groups=rules.channel_groups
    )
    signs = [*known.signs, *([verdict.Sign(2**63, "suspect")] if known.suspect else [])]
    numbered = covering.numbered_streams(evidence, venue.channels, venue.numbered) if trial.single else ()
    sign, took_s = verdict.detection_s(evidence, signs, trial.fault, trial.signs, numbered)
    if known.suspect and "suspect" in trial.signs:
        sign, took_s = "suspect", 0.0
    trades = verdict.trades(known.outputs) if venue.ids else {"duplicates_stored": 0, "trades_dropped": 0}
    back_s = verdict.reconnect_s(evidence, trial.fault, 3) if trial.reconnect else None
    bound = trial.bound(rules)
    demands = {
        "happened": bool(evidence.truth.counts) or trial.fault in UNCOUNTED,
        "detected": not trial.signs or took_s is not None or (trial.single and not venue.shows),
        "in_time": took_s is None or took_s <= bound,
        "nothing_missing_outside_gaps": cover.outside == 0,
        "nothing_missing": not trial.lossless or cover.missing == 0,
        "data_came": cover.made > 0,
        "quiet": not trial.quiet or not known.signs,
        "no_wrong_record": verdict.wrong_records(evidence) == 0,
        "no_wrong_time": trial.fault in LATE or not venue.timed or verdict.wrong_times(known.outputs) == 0,
        "no_duplicate_stored": trades["duplicates_stored"] == 0,
        "no_trade_dropped": trades["trades_dropped"] == 0,
        "no_task_dead": evidence.tasks_dead == 0,
        "patient": venue.lines or verdict.impatience(evidence, RETRY_AFTER_S) == 0,
        "reconnected": trial.reconnect is None or (back_s is not None and back_s <= trial.reconnect(rules)),
        "loop_on_time": not trial.lag or evidence.own_lag_ms < LAG_MS,
        "memory": trial.fault != "oversize" or evidence.rss_growth_mb < RSS_MB,
        "books": trial.fault not in SETTLES
        or "book" not in {*venue.channels.values()}
        or known.books_live == known.books > 0,
        "books_current": not known.books_behind,
    }
    return {
        "case": f"{name} {trial.faults}",
        "value": took_s,
        "unit": "s",
        "bound": bound if trial.signs else None,
        "ok": all(demands.values()),
        "failed": [demand for demand, held in demands.items() if not held],
        "sign": sign,
        "deeds": sum(evidence.truth.counts.values()),
        "made": cover.made,
        "missing": cover.missing,
        "covered": cover.covered,
        "missing_outside_gaps": cover.outside,
        "undetectable": cover.unnumbered,
        "examples": list(cover.examples),
        **trades,
        "gaps": len(known.gaps),
        "tasks_dead": evidence.tasks_dead,
        "connections": evidence.attempts,
        "reconnect_s": back_s,
        "books_live": f"{known.books_live}/{known.books}",
        "loop_lag_ms": evidence.lag_ms,
        "loop_own_lag_ms": evidence.own_lag_ms,
        "rss_growth_mb": evidence.rss_growth_mb,
        "seed": SEED,
    }


LATE = frozenset({"delayed"})
"""Faults that make times old by right."""
UNCOUNTED = frozenset({"delayed", "delay", "slow-drip", "clock-skew", "flood"})
"""Faults that are a way of being, not deeds."""
SETTLES = frozenset({"sequence-reset", "duplicate", "delay", "unit", "slow-drip", "clock-skew", "flood"})
"""Faults after which, or under which, every book has to be live."""


def table(report: dict[str, Any]) -> str:
    """Return the report for people: one line a case."""
    lines = [f"{'':4}{'case':32}{'sign':14}{'took':>9}{'bound':>9}{'missing':>9}{'outside':>9}{'gaps':>7}  what failed"]
    for case in report["cases"]:
        took = "-" if case["value"] is None else f"{case['value']:.3f} s"
        bound = "-" if case["bound"] is None else f"{case['bound']:g} s"
        mark = "ok" if case["ok"] else "NO"
        lines.append(
            f"{mark:4}{case['case']:32}{case['sign'] or '-':14}{took:>9}{bound:>9}{case['missing']:>9,}"
            f"{case['missing_outside_gaps']:>9,}{case['gaps']:>7,}  {', '.join(case['failed'])}".rstrip()
        )
    held = sum(case["ok"] for case in report["cases"])
    return "\n".join([*lines, f"{held} of {len(report['cases'])} hold; {report['machine']}"])


assert all(parse_faults(trial.faults).given for trial in TRIALS)
assert all(parse_line_faults(trial.faults).given for trial in LINE_TRIALS)
