"""`breadboard import` without a file: the source itself is asked, and what it answers becomes files for a moment.

From there on it is an import of files. Nothing goes on record before everything asked for has come: half an answer is
an error, not a history.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from breadboard.app.progress import Progress
from breadboard.app.question import DAY_S, Question, Window, moment, parsed, whole_bars
from breadboard.app.sources import SOURCES, Source
from breadboard.capture.inquiring import Part
from breadboard.clock import Clock
from breadboard.errors import FeedError, UsageError
from breadboard.feeds import massive_calls as massive
from breadboard.model.kinds import Provenance
from breadboard.recordings.history import About, Answer, read_through

_NS: Final = 1_000_000_000
_USUAL_S: Final = 60
_HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it."""

    asked: Question
    """What the answers cover: less than was asked for, where the source's data are late."""
    answers: tuple[Answer, ...]
    synthetic: bool
    missing: tuple[str, ...]
    """What was asked for and is not in the answers, a sentence each."""


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
        raise UsageError(f"--from {window.begin} has not come yet", hint=f"--from {moment(now_ns, zone):%Y-%m-%d}")
    if begin >= end:
        raise UsageError(
            f"--from {window.begin} is not before --to {window.end}", hint=f"--from {window.end} --to {window.begin}"
        )
    end = min(end, now_ns)
    if source.whole_seconds and (begin % _NS, end % _NS) != (0, 0):
        raise UsageError(
            f"{form} is asked for in whole seconds, and {window.begin} to {window.end or 'now'} cuts one",
            hint=f"--from {moment(begin, zone):%Y-%m-%dT%H:%M:%S} --to {moment(end, zone):%Y-%m-%dT%H:%M:%S}",
        )
    if source.grows:
        begin, end = whole_bars(begin, end, now_ns, seconds, zone)
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
    if source.grows and seconds != DAY_S and _HOUR_S % seconds:
        raise UsageError(
            f"nobody says when bars of {seconds} s begin in {form}: the first and the last may be parts",
            hint="--interval 1h   # or another part of an hour, or 1d",
        )
    return seconds


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
            until = moment(asked.to_ns, UTC).isoformat(timespec="seconds")
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
            begin, end = whole_bars(begin, end, reach, asked.interval_s, ZoneInfo(source.zone))
        if begin < end:
            return replace(asked, from_ns=begin, to_ns=end)
    raise FeedError(
        f"your plan's data are {late_ns // _NS // 60} minutes late, and nothing of that time is there yet: "
        "nothing was imported",
        hint=f"--from {moment(reach - 3600 * _NS, UTC):%Y-%m-%dT%H:%MZ}   # or earlier; or run it again later",
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
