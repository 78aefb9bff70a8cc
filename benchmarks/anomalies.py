"""Anomalies put into real recordings: how many are found, how much else is told, and what is told of nothing.

``breadboard bench anomalies --json [--venue NAME] [--case KIND] [--seconds N]``. The recordings are those in the folder
that ``BREADBOARD_DATA`` names. Each round puts one kind of anomaly into one recording, in the venue's own words
(``injecting``), and takes it through the engine. ``recall`` is the share of what was put in that was told as its kind,
by evidence that it lies in; ``precision`` the share of that kind's findings that lie over one; ``collateral`` findings
of other kinds over one (a misprint is outside the book as well). ``alerts_per_hour`` are those on the recording as it
is, where each counts as false: nobody knows which of them are right. Thresholds were chosen on the recordings marked
``tuned``, and on no other. What may mislead: precision goes with how many are put in; sizes are drawn, from hardly
unusual to gross; minutes of one recording are no day.
"""

import os
import platform
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
from injecting import ON_FRAMES, ON_TRADES, SECOND, Frame, Line, Truth, into, into_trades
from numpy.typing import NDArray

from breadboard import feeds
from breadboard.config import EngineConfig
from breadboard.engine.core import Engine
from breadboard.errors import UsageError
from breadboard.feeds.eastern import eastern_ns, parse_day
from breadboard.model.anomalies import BY_NAME, Anomaly
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead, Epoch
from breadboard.model.kinds import Provenance, RecordKind
from breadboard.recordings import open_recording

SEED = 11
LEARNING_S = 100
"""Before the first anomaly of a recording of minutes: the warm-up, and some."""
APART_S = 75
"""Between two: more than the cooldown."""
A_DAY = 12
"""Anomalies a day of trades, in its regular session."""
STEP = 65_536
ROWS_A_DOCUMENT = 2_000
IMPORTED_AT = 1_700_000_000 * SECOND


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording, and whether thresholds were chosen on it."""

    name: str
    venue: str
    path: str
    tuned: bool


RECORDINGS = (
    Recording("spot-btc", "binance", "binance/btcusdt_20240808.gz", tuned=True),
    Recording("spot-eth", "binance", "binance/ethusdt_20240808.gz", tuned=False),
    Recording("usdm-btc", "binance-usdm", "binance/usdm/btcusdt_20240808.gz", tuned=False),
    Recording("coinm-btc", "binance-coinm", "binance/coinm/btcusd_perp_20240808.gz", tuned=False),
    Recording("ibm-07", "lean", "us_equities/tick/ibm/20131007_trade.zip", tuned=True),
    Recording("ibm-08", "lean", "us_equities/tick/ibm/20131008_trade.zip", tuned=True),
    Recording("ibm-09", "lean", "us_equities/tick/ibm/20131009_trade.zip", tuned=False),
    Recording("ibm-10", "lean", "us_equities/tick/ibm/20131010_trade.zip", tuned=False),
    Recording("ibm-11", "lean", "us_equities/tick/ibm/20131011_trade.zip", tuned=False),
    Recording("spy-07", "lean", "us_equities/tick/spy/20131007_trade.zip", tuned=True),
    Recording("spy-08", "lean", "us_equities/tick/spy/20131008_trade.zip", tuned=False),
)
"""LEAN's quotes have one side of one exchange a row, no best bid and offer: what needs one is not tried there."""


def run(seconds: float = 10.0, venue: str = "", case: str = "") -> dict[str, Any]:
    """Return the report: a case a kind and recording, one of each recording as it is, and all kinds together."""
    root = Path(os.environ.get("BREADBOARD_DATA", ""))
    chosen = [each for each in RECORDINGS if venue in each.name or venue in each.venue]
    if not chosen:
        names = ", ".join(each.name for each in RECORDINGS)
        raise UsageError(f"no recording is of {venue!r}; there are {names}", hint="--venue spot-btc")
    if case and case not in BY_NAME:
        raise UsageError(f"there is no anomaly {case!r}; there are {', '.join(BY_NAME)}", hint="--case price_jump")
    if missing := [each.path for each in chosen if not (root / each.path).exists()]:
        raise UsageError(
            f"the recordings are not here: no {root / missing[0]}",
            hint="BREADBOARD_DATA=DIRECTORY breadboard bench anomalies",
        )
    cases: list[dict[str, Any]] = []
    for recording in chosen:
        subject = _subject(recording, root / recording.path)
        cases.append(subject.untouched())
        rounds = max(1, round(seconds / 2))
        cases += [subject.tried(kind, rounds) for kind in subject.kinds if case in ("", kind)]
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"
    return {"name": "anomalies", "machine": machine, "seed": SEED, "cases": [*cases, *_together(cases)]}


@dataclass
class Live:
    """A recorded socket: anomalies are put into its frames, and known by their offsets."""

    recording: Recording
    frames: list[Frame]
    kinds: tuple[str, ...] = tuple(ON_FRAMES)

    def hours(self) -> float:
        """Return how long it is."""
        return (self.frames[-1][2] - self.frames[0][2]) / (3600 * SECOND)

    def untouched(self) -> dict[str, Any]:
        """Return the case of what is told of it as it is."""
        return _untouched(self.recording, self.hours(), found_in(self.frames))

    def tried(self, kind: str, rounds: int) -> dict[str, Any]:
        """Return the case of one kind, over some rounds with moments of their own."""
        tally = Tally()
        begin, end = self.frames[0][2] + LEARNING_S * SECOND, self.frames[-1][2] - 55 * SECOND
        for number in range(rounds):
            rng = Random(f"{SEED} {kind} {self.recording.name} {number}")
            first = begin + rng.randrange(APART_S * SECOND)
            frames, truths = into(self.frames, kind, range(first, end, APART_S * SECOND), rng)
            tally.take(kind, truths, found_in(frames), ("from_offset", "to_offset"), (0, 0))
        return tally.case(kind, self.recording, rounds)


@dataclass
class History:
    """A day of trades in a vendor's file: anomalies are put into its rows, and known by their times."""

    recording: Recording
    lines: list[Line]
    day: str
    symbol: str
    kinds: tuple[str, ...] = ON_TRADES

    def untouched(self) -> dict[str, Any]:
        """Return the case of what is told of it as it is; its hours are those with trades in them."""
        hours = (int(self.lines[-1][0]) - int(self.lines[0][0])) / 3_600_000
        return _untouched(self.recording, hours, found_in(self.documents(self.lines)))

    def tried(self, kind: str, rounds: int) -> dict[str, Any]:
        """Return the case of one kind, over some rounds with moments of their own."""
        tally, midnight = Tally(), eastern_ns(parse_day(self.day), 0, IMPORTED_AT)
        rounds = max(1, rounds // 2)
        for number in range(rounds):
            rng = Random(f"{SEED} {kind} {self.recording.name} {number}")
            moments = [rng.randrange(36_000_000, 57_000_000) for _ in range(1 if kind == "off_hours" else A_DAY)]
            apart = [each for place, each in enumerate(sorted(moments)) if not place or _far(moments, each)]
            lines, truths = into_trades(self.lines, kind, apart, rng)
            stamps = [
                Truth(kind, midnight + each.first * 1_000_000, midnight + each.last * 1_000_000, each.size)
                for each in truths
            ]
            tally.take(kind, stamps, found_in(self.documents(lines)), ("ts_event", "ts_event"), (0, 2 * SECOND))
        return tally.case(kind, self.recording, rounds)

    def documents(self, lines: Sequence[Line]) -> list[Frame]:
        """Return the frames that an import makes of rows."""
        epoch = Epoch(0, 1, "LEAN", "", (self.symbol,), Provenance.HISTORY, open=True)
        head = msgspec.json.encode(DocumentHead(f"trades:{self.symbol}:{self.day}", "", 200))
        made: list[Frame] = [(RecordKind.EPOCH, msgspec.json.encode(epoch), IMPORTED_AT)]
        for at in range(0, len(lines), ROWS_A_DOCUMENT):
            text = "\n".join(",".join(line) for line in lines[at : at + ROWS_A_DOCUMENT])
            made.append((RecordKind.DOCUMENT, head + b"\n" + text.encode(), IMPORTED_AT))
        return made


def _far(moments: Sequence[int], one: int) -> bool:
    """Whether no other moment is so near before one that the cooldown joins them."""
    return all(not 0 < one - other < APART_S * 1000 for other in moments)


class Tally:
    """What was put in and what was told, over the rounds of a case."""

    def __init__(self) -> None:
        self.injected: list[float] = []
        self.missed: list[float] = []
        self.told = self.true = self.collateral = self.elsewhere = 0

    def take(
        self,
        kind: str,
        truths: Sequence[Truth],
        rows: NDArray[np.void],
        names: tuple[str, str],
        slack: tuple[int, int],
    ) -> None:
        """Count a round. A finding lies over what was put in where the two overlap, with some slack after it."""
        mine = rows["kind"] == BY_NAME[kind]
        over = np.zeros(len(rows), np.bool_)
        for truth in truths:
            here = (rows[names[0]] <= truth.last + slack[1]) & (rows[names[1]] >= truth.first - slack[0])
            over |= here
            self.injected.append(truth.size)
            if not (here & mine).any():
                self.missed.append(truth.size)
        self.told += int(mine.sum())
        self.true += int((mine & over).sum())
        self.collateral += int((~mine & over).sum())
        self.elsewhere += int((~mine & ~over).sum())

    def case(self, kind: str, recording: Recording, rounds: int) -> dict[str, Any]:
        """Return the case."""
        found = len(self.injected) - len(self.missed)
        return {
            "case": f"{recording.name} {kind}",
            "value": _share(found, len(self.injected)),
            "unit": "recall",
            "precision": _share(self.true, self.told),
            "tuned": recording.tuned,
            "injected": len(self.injected),
            "found": found,
            "told": self.told,
            "true": self.true,
            "collateral": self.collateral,
            "other_kinds_elsewhere": self.elsewhere,
            "largest_missed": max(self.missed, default=None),
            "sizes": [min(self.injected, default=None), max(self.injected, default=None)],
            "rounds": rounds,
            "level": "frames" if recording.venue != "lean" else "rows of the vendor's file",
        }


def found_in(frames: Sequence[Frame]) -> NDArray[np.void]:
    """Return what a fresh engine, looking for all kinds, finds in frames."""
    engine = Engine(feeds.by_venue, EngineConfig(anomalies=tuple(BY_NAME)))
    parts = [engine.process(batch).anomalies for batch in _batches(frames)]
    return np.concatenate(parts)


def _batches(frames: Sequence[Frame]) -> Iterator[Frames]:
    for at in range(0, len(frames), STEP):
        some = frames[at : at + STEP]
        made = Frames.of([body for _, body, _ in some], [ts for _, _, ts in some], kind=RecordKind.DATA, offset=at)
        made.kind[:] = [kind for kind, _, _ in some]
        yield made


def _subject(recording: Recording, path: Path) -> Live | History:
    if recording.venue == "lean":
        with zipfile.ZipFile(path) as archive:
            text = archive.read(archive.namelist()[0]).decode()
        day = f"{path.name[:4]}-{path.name[4:6]}-{path.name[6:8]}"
        return History(recording, [line.split(",") for line in text.split()], day, path.parent.name.upper())
    venue = feeds.by_name(recording.venue).capabilities.venue
    frames = [
        (batch.kind, body, ts)
        for batch in open_recording([path], "hftbacktest", venue)
        for body, ts in zip(batch.frames, batch.ts_recv, strict=True)
    ]
    return Live(recording, frames)


def _untouched(recording: Recording, hours: float, rows: NDArray[np.void]) -> dict[str, Any]:
    kinds = {Anomaly(kind).label: int((rows["kind"] == kind).sum()) for kind in np.unique(rows["kind"]).tolist()}
    return {
        "case": f"{recording.name} untouched",
        "value": round(len(rows) / hours, 2),
        "unit": "alerts_per_hour",
        "tuned": recording.tuned,
        "alerts": len(rows),
        "kinds": kinds,
        "hours": round(hours, 3),
    }


def _together(cases: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield a case a kind over all recordings of one sort, tuned and held out apart, and their alerts per hour."""
    for tuned, word in ((True, "tuned"), (False, "held out")):
        mine = [each for each in cases if each["tuned"] is tuned]
        for kind in BY_NAME:
            those = [each for each in mine if each["case"].endswith(f" {kind}")]
            counts = {name: sum(each[name] for each in those) for name in ("injected", "found", "told", "true")}
            if counts["injected"]:
                recall = _share(counts["found"], counts["injected"])
                precision = _share(counts["true"], counts["told"])
                yield {"case": f"{word}: {kind}", "value": recall, "unit": "recall", "precision": precision} | counts
        quiet = [each for each in mine if each["unit"] == "alerts_per_hour"]
        hours, alerts = sum(each["hours"] for each in quiet), sum(each["alerts"] for each in quiet)
        if quiet:
            rate = {"value": round(alerts / hours, 2), "unit": "alerts_per_hour"}
            yield {"case": f"{word}: untouched", **rate, "alerts": alerts, "hours": round(hours, 3)}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def table(report: dict[str, Any]) -> str:
    """Return the report for people: one line a case."""
    lines = [f"{'case':32}{'recall':>9}{'precision':>11}{'injected':>10}{'told':>6}  largest missed"]
    for case in report["cases"]:
        if case["unit"] == "alerts_per_hour":
            kinds = ", ".join(f"{count} {kind}" for kind, count in case.get("kinds", {}).items())
            lines.append(f"{case['case']:32}{case['value']:>9} alerts an hour, {case['alerts']} in all  {kinds}")
            continue
        figures = (f"{'-' if each is None else each}" for each in (case["value"], case["precision"]))
        missed = case.get("largest_missed")
        told = "" if missed is None else f"{missed:.4g} of up to {case['sizes'][1]:.4g}"
        recall, precision = figures
        lines.append(
            f"{case['case']:32}{recall:>9}{precision:>11}{case['injected']:>10}{case['told']:>6}  {told}".rstrip()
        )
    return "\n".join([*lines, report["machine"]])
