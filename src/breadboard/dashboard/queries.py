"""One question in the three ways in which somebody may want to ask it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from breadboard.client import Instant

_PAGE: Final = 100_000
"""Rows of the longest page: a day of bars of a second has 86,400."""
HOW_TO_GO_ON: Final = (
    f"# of more than {_PAGE:,} rows the first: with `-D -` the header X-Next-Cursor says what to add, &cursor=…"
)
"""Beside command lines: a file shows no cursor."""
_HISTORY: Final = 4096
"""The flag HISTORY, of a row that was fetched or imported after the fact; the client has no names for flags."""


@dataclass(frozen=True, slots=True)
class BarsQuestion:
    """Bars of one instrument from ``start`` to before ``end``."""

    symbol: str
    venue: str
    interval: str
    start: Instant
    end: Instant
    session: str = ""
    """Bars that lie in this session alone: said to SQL; the other two ask for all."""

    @property
    def name(self) -> str:
        """The instrument's id."""
        return f"{self.symbol}.{self.venue}"

    def curl(self, address: str) -> str:
        """Return a command line."""
        params = {"symbol": self.name, "interval": self.interval, "limit": _PAGE}
        times = {"start": _minute(self.start), "end": _minute(self.end), "format": "csv"}
        return f"curl -s '{address}/api/v1/history?{urlencode(params | times, safe=':')}'"

    def python(self, address: str) -> str:
        """Return a program."""
        return (
            "from breadboard.client import Client\n\n"
            f"with Client({address!r}) as client:\n"
            f"    bars = client.history({self.name!r}, interval={self.interval!r},\n"
            f"                          start={_minute(self.start)!r}, end={_minute(self.end)!r}).polars()\n"
        )

    def sql(self) -> str:
        """Return a query for ``breadboard sql`` or ``POST /api/v1/sql``."""
        where = {"symbol": self.symbol, "venue": self.venue, "interval": self.interval}
        where |= {"session": self.session} if self.session else {}
        equal = " and ".join(f"{name} = {_quoted(value)}" for name, value in where.items())
        lines = (
            "select ts_open, open, high, low, close, volume, vwap, trades, completeness from bars",
            f"where {equal}",
            f"  and ts_open >= '{_minute(self.start, ' ')}' and ts_open < '{_minute(self.end, ' ')}'",
            "order by ts_open",
        )
        return "\n".join(lines)


def spread_sql(questions: Sequence[BarsQuestion], start: Instant, end: Instant, unit: str, zone: str) -> str:
    """Return a query for the median quoted spread by ``unit`` (``hour`` of the day, ``minute`` of the hour) in a zone.

    In basis points of the mid; quotes of one side, and crossed ones, have none. A quote is of its receipt, for not
    every venue tells an event time; what was fetched after the fact was received when somebody asked for it, and is of
    its event time. Nothing is received before it happens. The two are asked for apart: of each day of receipt the
    store has files of their own, and those of other days are not read for what was heard live.
    """
    names = ", ".join(f"({_quoted(each.symbol)}, {_quoted(each.venue)})" for each in questions)
    bid, ask = "toFloat64(bid_price)", "toFloat64(ask_price)"
    since, before = _quoted(_minute(start, " ")), _quoted(_minute(end, " "))
    of_each = f"(symbol, venue) in ({names}) and bid_price > 0 and ask_price >= bid_price and ts_recv >= {since}"
    lines = (
        f"select symbol, venue, to{unit.title()}(toTimeZone(moment, {_quoted(zone)})) as at,",
        f"  quantile(0.5)(20000 * ({ask} - {bid}) / ({ask} + {bid})) as spread_bps, count() as quotes from (",
        "    select symbol, venue, ts_recv as moment, bid_price, ask_price from quotes",
        f"    where {of_each} and ts_recv < {before} and bitAnd(flags, {_HISTORY}) = 0",
        "  union all",
        "    select symbol, venue, ifNull(ts_event, ts_recv) as moment, bid_price, ask_price from quotes",
        f"    where {of_each} and bitAnd(flags, {_HISTORY}) != 0 and moment >= {since} and moment < {before}",
        "  )",
        "group by symbol, venue, at order by symbol, venue, at",
    )
    return "\n".join(lines)


def stored_sql(question: BarsQuestion) -> str:
    """Return a query for the intervals of which there are bars of an instrument, and from when to when.

    Of the table itself, in which a bar may be more than once: the view ``bars`` would make millions of them one each.
    One that was withdrawn later counts with what it was before.
    """
    lines = (
        "select interval, uniqExact(ts_open) as bars, min(ts_open) as first,",
        "  max(ts_open) as newest, max(ts_close) as last from bar_versions",
        f"where symbol = {_quoted(question.symbol)} and venue = {_quoted(question.venue)} and state != 'withdrawn'",
        "group by interval order by last desc, interval",
    )
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _minute(when: Instant, between: str = "T") -> str:
    return f"{when.datetime:%Y-%m-%d}{between}{when.datetime:%H:%M:%S}"
