"""`breadboard import` without a file: the source itself is asked, and what it answers becomes files for a moment.

From there on it is an import of files. Nothing goes on record before everything asked for has come: half an answer is
an error, not a history.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import uvloop

from breadboard.app.progress import Progress
from breadboard.capture import inquiring
from breadboard.capture.inquiring import Keep, Part
from breadboard.clock import Clock
from breadboard.conversations import FetchedInquiry, Inquiry
from breadboard.errors import FeedError, UsageError
from breadboard.feeds import iqfeed_inquiry as iqfeed
from breadboard.feeds import massive_calls as massive
from breadboard.feeds.iqfeed_address import address
from breadboard.feeds.massive_history import DELAY_NS, MassiveHistory, bars_of
from breadboard.feeds.yahoo_chart import SECONDS
from breadboard.feeds.yahoo_history import Hosts, YahooChart, windows
from breadboard.model.addresses import public
from breadboard.model.kinds import Provenance
from breadboard.recordings.history import About, Answer, read_through

_NS: Final = 1_000_000_000
_NEW_YORK: Final = "America/New_York"
_USUAL_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Window:
    """What part of the past is asked for: words as a person typed them."""

    begin: str
    end: str = ""
    """Empty: until now."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a source is asked for. Times are ns UTC, the end is not included."""

    symbol: str
    interval_s: int
    """Of bars; 0 where bars are not asked for."""
    from_ns: int
    to_ns: int
    url: str
    """Empty: where the source lives."""
    key: str
    now_ns: int

    @property
    def days(self) -> tuple[str, str]:
        """The first and last day in New York that it touches."""
        first, last = (_moment(ns, ZoneInfo(_NEW_YORK)).date().isoformat() for ns in (self.from_ns, self.to_ns - 1))
        return first, last


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it."""

    asked: Question
    """What the answers cover: less than was asked for, where the source's data are late."""
    answers: tuple[Answer, ...]
    synthetic: bool
    missing: tuple[str, ...]
    """What was asked for and is not in the answers, a sentence each."""


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of history that can be asked for."""

    zone: str
    """Where its days begin and end."""
    bars: bool
    windowed: bool
    """Whether it is asked for by time; the source gives all that it has of other things."""
    ask: Callable[[Question, Keep, Clock], tuple[Inquiry, Provenance]]
    grows: bool = False
    """It tells bars of what has traded so far, and of a part of one where only a part is asked for, and does not say
    which; Yahoo's charts do."""
    whole_seconds: bool = False
    """It is asked for by times without fractions, and its rows have them."""


def question(
    form: str, symbol: str, interval_s: int | None, window: Window | None, url: str, key: str, clock: Clock
) -> Question:
    """Return what a person's words ask for. Raises UsageError."""
    if form not in SOURCES:
        raise UsageError(
            f"{form} is files, and nobody can be asked for them",
            hint=f"breadboard import FILE --format {form} --symbol {symbol}",
        )
    source, now_ns = SOURCES[form], clock.wall() // _NS * _NS  # IQFeed takes whole seconds
    seconds = _length(form, source, interval_s)
    if not source.windowed:
        if window is not None:
            raise UsageError(
                f"{form} is all that the source has, and takes no --from", hint="leave --from and --to out"
            )
        return Question(symbol, seconds, 0, now_ns, url, key, now_ns)
    if window is None:
        raise UsageError(
            "there is nothing to import: neither a FILE nor a time to ask the source for",
            hint=f"breadboard import --format {form} --symbol {symbol} --from 2026-11-02 --to 2026-11-06   # or FILE",
        )
    zone = ZoneInfo(source.zone)
    begin = parsed("--from", window.begin, zone)
    end = parsed("--to", window.end, zone, end=True) if window.end else now_ns
    if begin >= now_ns:
        raise UsageError(f"--from {window.begin} has not come yet", hint=f"--from {_moment(now_ns, zone):%Y-%m-%d}")
    if begin >= end:
        raise UsageError(
            f"--from {window.begin} is not before --to {window.end}", hint=f"--from {window.end} --to {window.begin}"
        )
    end = min(end, now_ns)
    if source.whole_seconds and (begin % _NS, end % _NS) != (0, 0):
        raise UsageError(
            f"{form} is asked for in whole seconds, and {window.begin} to {window.end or 'now'} cuts one",
            hint=f"--from {_moment(begin, zone):%Y-%m-%dT%H:%M:%S} --to {_moment(end, zone):%Y-%m-%dT%H:%M:%S}",
        )
    if source.grows:
        begin, end = _whole_bars(begin, end, now_ns, seconds, zone)
    return Question(symbol, seconds, begin, end, url, key, now_ns)


def _length(form: str, source: Source, interval_s: int | None) -> int:
    """Return the seconds of a bar, 0 where there are none. Raises UsageError.

    Parts of an hour begin with the hour at every vendor. Where longer ones begin is nowhere written (FEEDS.md), so that
    nobody here could tell whether the first and the last are whole.
    """
    if not source.bars:
        if interval_s is not None:
            raise UsageError(f"{form} has no bars, and --interval is their length", hint="leave --interval out")
        return 0
    seconds = interval_s or _USUAL_S
    if source.grows and seconds != _DAY_S and _HOUR_S % seconds:
        raise UsageError(
            f"nobody says when bars of {seconds} s begin in {form}: the first and the last may be parts",
            hint="--interval 1h   # or another part of an hour, or 1d",
        )
    return seconds


def _whole_bars(begin: int, end: int, now_ns: int, interval_s: int, zone: ZoneInfo) -> tuple[int, int]:
    """Return the part of a time in which bars are whole and over. Raises UsageError where none is.

    They are parts of an hour, or days of the source's zone.
    """
    step, end = interval_s * _NS, min(end, now_ns)
    if interval_s == _DAY_S:
        first = _midnight(begin, zone)
        begin, end = first if first >= begin else _midnight(begin, zone, days=1), _midnight(end, zone)
    else:
        begin, end = -(-begin // step) * step, end // step * step
    if begin >= end:
        raise UsageError(
            f"no bar of {interval_s} s begins, and is over, in the time asked for",
            hint="begin earlier: --from …   # or a shorter --interval",
        )
    return begin, end


def ask(form: str, asked: Question, spool: Path, clock: Clock) -> Told:
    """Ask a source, and leave its answers as files under ``spool``.

    Where its data turn out to be late it is asked once more, for what is there: of what is not, nobody could say
    later whether it is on record. Raises UsageError for what it cannot be asked, FeedError where the answer is not the
    whole of it.
    """
    answers: list[Answer] = []
    with Progress("answers") as progress:

        def keep(part: Part) -> None:
            path = spool / f"{len(answers) + 1:05d}"
            try:
                with path.open("ab") as file:
                    file.write(part.body)
            except OSError as error:
                raise FeedError(
                    f"the answers cannot be kept in {spool.parent}, {error.strerror}: nothing was imported",
                    hint=f"df -h {spool.parent}   # or TMPDIR=/elsewhere breadboard import …",
                ) from None
            if part.ends:
                tag = massive.CONDITIONS if part.tag == massive.CONDITIONS else ""
                answers.append(Answer(path, part.url, part.ts_recv, part.empty, part.status, tag))
                progress.add(1)

        source, missing = SOURCES[form], list[str]()
        inquiry, provenance = source.ask(asked, keep, clock)
        if inquiry.error is None and source.windowed and asked.to_ns > asked.now_ns - inquiry.late_ns:
            for answer in answers:
                answer.path.unlink()
            answers.clear()
            asked = _reached(asked, source, inquiry.late_ns)
            until = _moment(asked.to_ns, UTC).isoformat(timespec="seconds")
            late = f"{inquiry.late_ns // _NS // 60} minutes late"
            missing.append(f"your plan's data are {late}: what came after {until} is not there yet")
            inquiry, provenance = source.ask(asked, keep, clock)
    if inquiry.error is not None:
        got = f"; {len(answers)} answers that had come were left out too" if answers else ""
        raise FeedError(f"{inquiry.error.rstrip('.')}: nothing was imported{got}", hint=inquiry.hint)
    missing += inquiry.remarks
    if not answers:
        raise FeedError(f"{'; '.join(missing)}: nothing was imported", hint="ask for another time: --from … --to …")
    return Told(asked, tuple(answers), provenance is Provenance.SYNTHETIC, tuple(missing))


def _reached(asked: Question, source: Source, late_ns: int) -> Question:
    """Return the part of a question that a source can answer whose data are late. Raises FeedError where none is."""
    reach = asked.now_ns - late_ns
    begin, end = asked.from_ns, reach
    with suppress(UsageError):
        if source.grows:
            begin, end = _whole_bars(begin, end, reach, asked.interval_s, ZoneInfo(source.zone))
        if begin < end:
            return replace(asked, from_ns=begin, to_ns=end)
    raise FeedError(
        f"your plan's data are {late_ns // _NS // 60} minutes late, and nothing of that time is there yet: "
        "nothing was imported",
        hint=f"--from {_moment(reach - 3600 * _NS, UTC):%Y-%m-%dT%H:%MZ}   # or earlier; or run it again later",
        transient=True,
    )


def refuse_unreadable(answers: Sequence[Answer], about: About) -> None:
    """Read all answers through, before the first goes on record. Raises FeedError for one that is no history."""
    for answer in answers:
        try:
            read_through([answer], about)
        except UsageError as error:
            what = error.sentence.replace(str(answer.path), f"the answer to {answer.url}")
            raise FeedError(
                f"{what}: nothing was imported", hint="run it again; if it stays so, the source is at fault"
            ) from None


_NO_SUCH_THING: Final = frozenset({massive.Failure.NOT_FOUND, massive.Failure.NOT_ENTITLED})


def _massive(asked: Question, keep: Keep, clock: Clock, what: str) -> tuple[Inquiry, Provenance]:
    base = _http(asked.url) or massive.REST
    last_ns = asked.to_ns - 1
    remarks: tuple[str, ...] = ()
    match what:
        case "aggs":
            call = bars_of(asked.symbol, asked.interval_s, asked.from_ns, asked.to_ns, asked.days)
        case "trades":
            # Bars of these trades need the table, which has to be in the journal before them.
            rules = MassiveHistory(massive.CONDITIONS, massive.conditions(), asked.key, base)
            provenance = _fetched(rules, keep, clock)
            if rules.error is not None and rules.failure not in _NO_SUCH_THING:
                return rules, provenance
            if rules.error is not None:
                remarks = (f"the table of conditions ({rules.error}): bars take all prints in",)
            call = massive.trades(asked.symbol, asked.from_ns, last_ns)
        case "quotes":
            call = massive.quotes(asked.symbol, asked.from_ns, last_ns)
        case "splits":
            call = massive.splits(asked.symbol)
        case massive.CONDITIONS:
            call = massive.conditions()
        case _:
            call = massive.dividends(asked.symbol)
    young = SOURCES[f"massive-{what}"].windowed and asked.to_ns > asked.now_ns - DELAY_NS
    inquiry = MassiveHistory(f"{what}:{asked.symbol}", call, asked.key, base, stop_late=young, remarks=remarks)
    return inquiry, _fetched(inquiry, keep, clock)


def _yahoo(asked: Question, keep: Keep, clock: Clock) -> tuple[Inquiry, Provenance]:
    named = next((name for name, seconds in SECONDS.items() if seconds == asked.interval_s), f"{asked.interval_s} s")
    parts = windows(named, asked.from_ns // _NS, -(-asked.to_ns // _NS), asked.now_ns // _NS)
    inquiry = YahooChart(asked.symbol, named, parts, Hosts.at(_http(asked.url)))
    return inquiry, _fetched(inquiry, keep, clock)


def _iqfeed(asked: Question, keep: Keep, clock: Clock) -> tuple[Inquiry, Provenance]:
    where = address(asked.url)
    about = (asked.symbol, asked.from_ns, asked.to_ns)
    how, spans = (
        iqfeed.bars_of(asked.symbol, asked.interval_s, *about[1:]) if asked.interval_s else iqfeed.ticks_of(*about)
    )
    inquiry = iqfeed.IqfeedInquiry(asked.symbol, how, spans)
    return inquiry, _run(lambda: inquiring.speak(inquiry, where.url(where.lookup), where.rate, keep, clock))


def _asks_massive(what: str) -> Callable[[Question, Keep, Clock], tuple[Inquiry, Provenance]]:
    return lambda asked, keep, clock: _massive(asked, keep, clock, what)


SOURCES: Final[Mapping[str, Source]] = {
    "iqfeed-ticks": Source(_NEW_YORK, bars=False, windowed=True, ask=_iqfeed, whole_seconds=True),
    "iqfeed-bars": Source(_NEW_YORK, bars=True, windowed=True, ask=_iqfeed, grows=True),
    "yahoo-chart": Source("UTC", bars=True, windowed=True, ask=_yahoo),
    "massive-aggs": Source(_NEW_YORK, bars=True, windowed=True, ask=_asks_massive("aggs"), grows=True),
    "massive-trades": Source(_NEW_YORK, bars=False, windowed=True, ask=_asks_massive("trades")),
    "massive-quotes": Source(_NEW_YORK, bars=False, windowed=True, ask=_asks_massive("quotes")),
    "massive-splits": Source(_NEW_YORK, bars=False, windowed=False, ask=_asks_massive("splits")),
    "massive-dividends": Source(_NEW_YORK, bars=False, windowed=False, ask=_asks_massive("dividends")),
    "massive-conditions": Source(_NEW_YORK, bars=False, windowed=False, ask=_asks_massive(massive.CONDITIONS)),
}
"""By format. Yahoo's days are UTC's: its symbols are of every exchange."""


def _fetched(inquiry: FetchedInquiry, keep: Keep, clock: Clock) -> Provenance:
    return _run(lambda: inquiring.fetch(inquiry, keep, clock))


def _run(work: Callable[[], Coroutine[None, None, Provenance]]) -> Provenance:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work())


def _http(url: str) -> str:
    """Return an address to ask over HTTP. Raises UsageError."""
    usable = False
    with suppress(ValueError):  # a port that is no number
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    if url and not usable:
        raise UsageError(f"--url {public(url)!r} is no address of HTTP", hint="--url http://127.0.0.1:8765")
    return url.rstrip("/")


def parsed(option: str, word: str, zone: ZoneInfo, *, end: bool = False) -> int:
    """Return ns of a day's begin (or ``end``: of the next one's), or of a moment. Raises UsageError.

    They may be more than 64 bits hold. Of the last day that a date can tell, the next one begins a day later.
    """
    beyond = False
    try:
        if len(word) == len("2026-11-02"):
            day = date.fromisoformat(word)
            beyond = end and day == date.max
            day += timedelta(days=1 if end and not beyond else 0)
            at = datetime(day.year, day.month, day.day, tzinfo=zone)
        else:
            at = datetime.fromisoformat(word)
            at = at if at.tzinfo else at.replace(tzinfo=zone)
    except ValueError:
        raise UsageError(
            f"{option} takes a day or a moment, not {word!r}", hint=f"{option} 2026-11-02   # or 2026-11-02T09:30"
        ) from None
    since = at - datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=1 if beyond else 0)
    return since // timedelta(microseconds=1) * 1000


def _midnight(ns: int, zone: ZoneInfo, days: int = 0) -> int:
    """Return ns of the begin of a moment's day, or of one ``days`` later."""
    day = _moment(ns, zone).date() + timedelta(days=days)
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * _NS


def _moment(ns: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(ns // _NS, zone)
