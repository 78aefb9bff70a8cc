"""What the pages ask for, and how much of it at most: a page says so where there is more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from breadboard.client import Bar, Client, GapRow, Instant
from breadboard.client.rows import Row
from breadboard.client.sync import Pages
from breadboard.dashboard.queries import BarsQuestion, spread_sql, stored_sql

T = TypeVar("T")
R = TypeVar("R", bound=Row)

MOST_BARS: Final = 20_000
"""Of one instrument, drawn and counted here; downloads and queries have all."""
MOST_GAPS: Final = 1_000
MOST_ALERTS: Final = 200
LONGEST_SPREADS_NS: Final = 31 * 86_400 * 10**9
"""Of quotes no longer time is read for one page."""
_ALERTS: Final = (
    "select alert_id, state, ts_event, ts_recv, rule, venue, symbol, message, value, threshold, provenance from alerts "
    "where ts_recv >= now() - interval 1 day order by ts_recv desc limit {limit}"
)
# Of the table itself, in which a bar may be more than once: the view `bars` would make millions of them one each.
_RECORDED: Final = (
    "select uniqExact(ts_open) as minutes, min(ts_open) as first, max(ts_close) as last "
    "from bar_versions where interval = '1m' and provenance != 'history' and ts_open >= now() - interval {days} day"
)


@dataclass(frozen=True, slots=True)
class Some(Generic[T]):
    """The first rows of an answer, and whether there are more."""

    rows: list[T]
    more: bool

    @property
    def counted(self) -> str:
        """How many, in words for a page."""
        return f"the first {len(self.rows):,}" if self.more else f"{len(self.rows):,}"


def first(pages: Pages[R], most: int) -> Some[R]:
    """Read pages until there are so many rows."""
    found: list[R] = []
    for page in pages.pages():
        found += page
        if len(found) > most:
            break
    return Some(found[:most], len(found) > most)


def bars_of(client: Client, question: BarsQuestion) -> Some[Bar]:
    """Return the bars of one instrument in the range, oldest first."""
    history: Pages[Bar] = client.history(
        question.symbol, venue=question.venue, interval=question.interval, start=question.start, end=question.end
    )
    return first(history, MOST_BARS)


def gaps_of(client: Client, question: BarsQuestion) -> Some[GapRow]:
    """Return the gaps of one instrument that touch the range, oldest first."""
    return first(client.gaps(question.symbol, venue=question.venue, start=question.start, end=question.end), MOST_GAPS)


def newest_alerts(client: Client) -> Some[dict[str, Any]]:
    """Return the newest alerts of the last day, the newest first: no list of the API begins at that end."""
    found = client.sql(_ALERTS.format(limit=MOST_ALERTS + 1)).data
    return Some(found[:MOST_ALERTS], len(found) > MOST_ALERTS)


@dataclass(frozen=True, slots=True)
class Stored:
    """The bars of one instrument and interval that are stored: how many, and from when to when."""

    interval: str
    bars: int
    first: Instant
    newest: Instant
    """Where the newest begins."""
    last: Instant
    """Where the newest ends."""


def stored(client: Client, question: BarsQuestion) -> list[Stored]:
    """Return of which intervals there are bars of an instrument at all, the one with the newest first."""
    return [
        Stored(row["interval"], int(row["bars"]), *(Instant.of(row[name]) for name in ("first", "newest", "last")))
        for row in client.sql(stored_sql(question)).data
    ]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded of some days: minutes of which there is a bar of any instrument, between two moments."""

    minutes: int
    first: Instant
    last: Instant


def recorded(client: Client, days: int) -> Recorded:
    """Return what was recorded of the last days."""
    (row,) = client.sql(_RECORDED.format(days=days)).data
    return Recorded(int(row["minutes"]), Instant.of(row["first"]), Instant.of(row["last"]))


def spreads(client: Client, questions: Sequence[BarsQuestion], unit: str, zone: str) -> list[dict[str, Any]]:
    """Return rows of an instrument, ``at`` (an hour of the day or a minute of the hour), its median spread, quotes."""
    end = questions[0].end
    start = Instant(max(questions[0].start, end - LONGEST_SPREADS_NS))
    return client.sql(spread_sql(questions, start, end, unit, zone)).data


def regular(bars: Iterable[Bar]) -> list[Bar]:
    """Return the bars that lie wholly in the regular session of their exchange's calendar."""
    return [bar for bar in bars if bar.session == "regular"]
