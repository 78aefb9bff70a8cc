"""Historical Analysis: bars of one instrument or of several, what they say, and the same question for elsewhere."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import streamlit as st

from breadboard.client import Bar, ClientError, GapRow, Instant, Stock
from breadboard.dashboard.analysis import EXCHANGE_ZONE, candles, season, summary, unit_of
from breadboard.dashboard.comparing import DARK, LIGHT, MOST, lines, percents
from breadboard.dashboard.downloads import downloads
from breadboard.dashboard.parts import badges, client, origins, say, told
from breadboard.dashboard.queries import HOW_TO_GO_ON, BarsQuestion
from breadboard.dashboard.reading import (
    LONGEST_SPREADS_NS,
    MOST_BARS,
    MOST_GAPS,
    Some,
    Stored,
    bars_of,
    gaps_of,
    regular,
    spreads,
    stored,
)

_MINUTE_NS: Final = 60 * 10**9
_RANGES: Final = {"1 h": 1 / 24, "1 d": 1, "5 d": 5, "1 m": 30, "6 m": 182, "1 y": 365, "5 y": 1826}
_OWN: Final = "Custom"
_INTERVALS: Final = ["1s", "1m", "5m", "1h", "1d"]
_RANGE, _INTERVAL, _FROM, _TO = "_range", "_interval", "_from", "_to"
_STORED: Final = "_stored"
"""What is stored of each instrument that was asked for in vain, and when that was asked."""
_STORED_S: Final = 60.0


def asked() -> tuple[list[BarsQuestion], list[Stock]]:
    """Return what is asked for, and the instruments."""
    with told():
        stocks = {stock.id: stock for stock in client().stocks().data}
    if not stocks:
        st.info("Nothing has been seen yet. Bars appear here once a first trade was processed.")
        st.stop()
    cells = st.columns([2.6, 3.4, 2], vertical_alignment="bottom")
    names = cells[0].multiselect(f"Symbols, up to {MOST}", sorted(stocks), sorted(stocks)[:1], max_selections=MOST)
    # Without a default of the control's own: what is stored, and offered below, is set in its place.
    st.session_state.setdefault(_RANGE, "1 h")
    st.session_state.setdefault(_INTERVAL, "1m")
    span = cells[1].segmented_control("Range", [*_RANGES, _OWN], key=_RANGE) or "1 h"
    interval = cells[2].segmented_control("Interval", _INTERVALS, key=_INTERVAL) or "1m"
    start, end = between(span)
    if not names:
        st.info("Choose a symbol.")
        st.stop()
    chosen = [stocks[name] for name in names]
    return [BarsQuestion(each.symbol, each.venue, interval, start, end) for each in chosen], chosen


def between(span: str) -> tuple[Instant, Instant]:
    """Return the range: up to now, or from one moment to another as somebody types them, in UTC."""
    now = datetime.now(UTC).replace(microsecond=0)
    if span != _OWN:
        return Instant.of(now - timedelta(days=_RANGES[span])), Instant.of(now)
    cells = st.columns(2)
    begun = now.replace(second=0, tzinfo=None)
    st.session_state.setdefault(_FROM, begun - timedelta(days=1))
    st.session_state.setdefault(_TO, begun)
    first = cells[0].datetime_input("From (UTC)", key=_FROM, step=60)
    last = cells[1].datetime_input("To (UTC), not in it", key=_TO, step=60)
    if first >= last:
        st.error(f"From {first} to {last} is no time.")
        st.caption("From has to be before To.")
        st.stop()
    return Instant.of(first), Instant.of(last)


def say_what_is_stored(question: BarsQuestion) -> None:
    """Say of which time there are bars where in the range there are none, and offer the newest of them."""
    none = f"No {question.interval} bars of {question.symbol} at {question.venue} in this range are stored."
    answer = stored_or_none(question)
    if answer is None:
        st.info(none)
        return
    found = {each.interval: each for each in answer}
    there = found.get(question.interval) or next((found[each] for each in found if each in _INTERVALS), None)
    if there is None:
        st.info(f"{none} There are none of any time.")
        return
    between = f"from {str(there.first)[:16]} to {str(there.last)[:16]}".replace("T", " ")
    st.info(f"{none} There are {there.bars:,} of {there.interval}, {between} (UTC).")
    shown = there.newest if there.interval == question.interval else there.first
    args = (there, question.end - question.start, shown)
    st.button(
        "Show the newest", on_click=show_newest, args=args, key=f"newest-{question.name}", icon=":material/update:"
    )


def say_none_is_regular(question: BarsQuestion, some: Some[Bar]) -> None:
    """Say that there are bars in the range, and that the choice of a session leaves none of them."""
    said = f"Of {some.counted} {question.interval} bars of {question.symbol} at {question.venue} in this range"
    st.info(f"{said} none lies wholly in the regular session.")


def stored_or_none(question: BarsQuestion) -> list[Stored] | None:
    """Return what is stored of an instrument; None where that could not be asked.

    It is about all that there is, and takes its time: a page that is drawn anew within a minute does not ask again.
    """
    kept: dict[str, tuple[float, list[Stored] | None]] = st.session_state.setdefault(_STORED, {})
    now = time.monotonic()
    if question.name not in kept or now - kept[question.name][0] > _STORED_S:
        try:
            found = stored(client(), question)
        except ClientError:
            found = None
        kept[question.name] = now, found
    return kept[question.name][1]


def show_newest(there: Stored, lasts_ns: int, shown: Instant) -> None:
    """Set the page to as long a time as is shown, or from ``shown`` on, up to where the newest bar ends, by the minute.

    A page reads the first so many bars of a range: of more, those that come before the newest of them are left out.
    """
    last = _minute_after(there.last)
    most = there.last - MOST_BARS * (there.last - there.newest)
    first = max(min(last - lasts_ns, shown) // _MINUTE_NS * _MINUTE_NS, _minute_after(most))
    st.session_state[_RANGE], st.session_state[_INTERVAL] = _OWN, there.interval
    st.session_state[_TO] = Instant(last).datetime.replace(tzinfo=None)
    st.session_state[_FROM] = Instant(first).datetime.replace(tzinfo=None)


def _minute_after(ns: int) -> int:
    return -(-ns // _MINUTE_NS) * _MINUTE_NS


def gaps_or_none(question: BarsQuestion) -> Some[GapRow]:
    """Return gaps; without them the chart says so, and is shown."""
    try:
        return gaps_of(client(), question)
    except ClientError:
        st.caption(f"gaps of {question.name} could not be asked for; the chart does not show them")
        return Some([], more=False)


def show_one(question: BarsQuestion, bars: list[Bar], gaps: Some[GapRow]) -> None:
    """Show tiles and candles."""
    figures = figures_of(bars, gaps)
    for cell, (name, figure) in zip(st.columns(len(figures)), figures.items(), strict=True):
        cell.metric(name, figure, border=True)
    up, down = colours()[:2]
    alt = f"candles and volume of {len(bars)} bars of {question.name}"
    st.echarts_chart(candles(bars, gaps.rows, up, down), height=520, alt=alt)


def show_several(found: Mapping[str, list[Bar]], gaps: Mapping[str, Some[GapRow]]) -> None:
    """Show the figures of each, and all of them in percent since the same moment."""
    st.dataframe([{"Symbol": name, **figures_of(bars, gaps[name])} for name, bars in found.items()], hide_index=True)
    since, points = percents(found)
    alt = f"closes of {', '.join(found)} in percent since {since}"
    st.echarts_chart(lines(points, {name: each.rows for name, each in gaps.items()}, colours()), height=520, alt=alt)
    if since is not None:
        st.caption(f"percent since {str(since)[:19].replace('T', ' ')} UTC, the first moment at which all had a price")


def figures_of(bars: list[Bar], gaps: Some[GapRow]) -> dict[str, str]:
    """Return the figures of one instrument."""
    found = summary(bars)
    return {
        "Bars": f"{found.bars:,}",
        "Return": percent(found.change_percent, sign=True),
        "Volatility, annual": percent(found.volatility_percent),
        "Max drawdown": percent(found.drawdown_percent),
        "Volume a day": "—" if found.volume_a_day is None else f"{found.volume_a_day:,.0f}",
        "Gaps": f"{len(gaps.rows):,}{'+' if gaps.more else ''}",
    }


def colours() -> Sequence[str]:
    """Return the colours of the theme."""
    return DARK if st.context.theme.type != "light" else LIGHT


def percent(value: float | None, *, sign: bool = False) -> str:
    """Return a figure for a tile."""
    if value is None:
        return "—"
    rounded = round(value, 2) + 0.0  # of what is less than half a hundredth below zero no minus is left
    return f"{rounded:{'+' if sign else ''},.2f} %".replace("-", "−")


def side_by_side(rows: list[dict[str, Any]], unit: str) -> list[dict[str, Any]]:
    """Return a row a time of day, with the spread of each instrument under its name."""
    found: dict[Any, dict[str, Any]] = {}
    for row in rows:
        found.setdefault(row["at"], {unit: row["at"]})[f"{row['symbol']}.{row['venue']}"] = row["spread_bps"]
    return list(found.values())


def seasons(questions: list[BarsQuestion], found: Mapping[str, list[Bar]], zone: str) -> None:
    """Show volume and spread by the time of day, in the exchange's time where it has a calendar."""
    longest = max(found.values(), key=len)
    unit, clock = unit_of(longest), "New York" if zone != "UTC" else "UTC"
    if len(found) == 1:
        with st.expander(f"Volume by {unit} ({clock})"):
            rows = [{unit: at, "mean volume": value} for at, value in season(longest, zone)]
            st.bar_chart(rows, x=unit, y="mean volume", height=220)
    with st.expander(f"Spread by {unit} ({clock})"):
        if not st.toggle("Read the quotes of this range", help="It may take some seconds."):
            return
        try:
            rows = spreads(client(), questions, unit, zone)
        except ClientError as error:
            say(error)
            return
        if not rows:
            st.caption("No quote is stored in this range. Of a venue that sends books, see the feature quoted_spread.")
            return
        shades = dict(zip(found, colours(), strict=False))  # of the lines above
        told_of = side_by_side(rows, unit)
        names = [name for name in found if any(name in row for row in told_of)]
        st.bar_chart(
            told_of, x=unit, y=names, y_label="bps", color=[*map(shades.__getitem__, names)], stack=False, height=240
        )
        cut = (
            "the last 31 days of the range"
            if questions[0].end - questions[0].start > LONGEST_SPREADS_NS
            else "the range"
        )
        quotes = sum(int(row["quotes"]) for row in rows)
        st.caption(f"median of the quoted spread in basis points of the mid; {quotes:,} quotes of {cut}, at all hours")


questions, stocks = asked()
began = time.perf_counter()
with told():
    read = {question.name: bars_of(client(), question) for question in questions}
took_ms = (time.perf_counter() - began) * 1000
holes = {question.name: gaps_or_none(question) for question in questions}
found = {name: some.rows for name, some in read.items()}
badges(origins(stocks) | {bar.provenance for bars in found.values() for bar in bars})
calendared = {name for name, bars in found.items() if any(bar.session for bar in bars)}
if calendared and st.segmented_control("Session", ["All hours", "Regular"], default="All hours") == "Regular":
    # What has no calendar is always open.
    found |= {name: regular(found[name]) for name in calendared}
    questions = [replace(each, session="regular") if each.name in calendared else each for each in questions]
    st.caption("Bars that lie wholly in the regular session; downloads, curl and Python have those of all hours.")
for question in questions:
    if not read[question.name].rows:
        say_what_is_stored(question)
    elif not found[question.name]:
        say_none_is_regular(question, read[question.name])
if not any(some.rows for some in read.values()):
    st.stop()
if any(found.values()):
    if len(questions) == 1:
        show_one(questions[0], found[questions[0].name], holes[questions[0].name])
    else:
        show_several(found, holes)
    seasons(questions, found, EXCHANGE_ZONE if calendared else "UTC")
counts = ", ".join(f"{some.counted} bars and {holes[name].counted} gaps of {name}" for name, some in read.items())
limits = f"a page reads at most {MOST_BARS:,} bars and {MOST_GAPS:,} gaps of each"
st.caption(f"{counts} (table bars, {questions[0].interval}) read in {took_ms:,.0f} ms; {limits}")
for question in questions:
    downloads(client(), question)
address = client().address
shell, program, query = st.tabs(["curl", "Python", "SQL"])
shell.code("\n".join([*(question.curl(address) for question in questions), HOW_TO_GO_ON]), language="bash")
program.code("\n".join(question.python(address) for question in questions), language="python")
query.code(";\n\n".join(question.sql() for question in questions), language="sql")
