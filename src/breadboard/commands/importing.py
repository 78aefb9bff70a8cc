"""`breadboard import`: history in."""

import re
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any, Final

import click

from breadboard.commands.options import data_dir_option, emit, json_option, listing
from breadboard.errors import UsageError

EXIT_DEGRADED = 3
FORMATS = (
    "iqfeed-ticks", "iqfeed-bars", "yahoo-chart", "massive-aggs", "massive-trades", "massive-quotes", "massive-splits",
    "massive-dividends", "massive-conditions", "lean-trades", "lean-quotes", "lobster", "csv", "parquet",
)  # fmt: skip
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "wk": 604_800}
_INTERVAL: Final = re.compile(r"([1-9][0-9]{0,6})(s|m|h|d|wk|)", re.ASCII)

_OF_ROWS: Final = {
    "out_of_order": "earlier than the one before",
    "by_receipt": "without a time of their own: that of their receipt is taken",
    "unnumbered": "without a number where an id is due: none is taken",
    "without_vwap": "without a number where a vwap is due: none is taken",
    "provisional": "left out: bars that are not over",
    "withdrawn": "left out: bars that were taken back",
}
"""What a note says of so many rows of a table."""


@click.command(name="import")
@click.argument("files", nargs=-1, metavar="[FILE…]", type=click.Path(path_type=Path))
@click.option("--format", "form", required=True, type=click.Choice(FORMATS), help="What the files, or answers, are.")
@click.option("--symbol", default="", help="What they are about, as the venue spells it; tables may say it.")
@click.option("--from", "begin", help="Ask the source from this day, or moment, on: 2026-11-02, 2026-11-02T09:30.")
@click.option("--to", "end", help="Until the end of this day, or this moment; until now without it.")
@click.option("--interval", help="Length of a bar: 5s, 1m, 1h, 1d; asked for 1m without it. Of files: where none says.")
@click.option("--date", "day", default="", help="Of files of one day whose names do not say which: 2013-10-07.")
@click.option(
    "--stamped-at",
    type=click.Choice(("begin", "end")),
    help="Of iqfeed-bars, csv, parquet: where in a bar its stamp lies, else at its begin (IQFeed's default: end).",
)
@click.option("--venue", default="", help="Of csv and parquet: the venue of rows that name none; FILE without it.")
@click.option("--kind", default="", help="Of csv and parquet: trades, quotes or bars, where columns do not tell.")
@click.option("--columns", default="", help="Of csv and parquet: which column is what, price=px,size=q.")
@click.option("--timezone", "zone", default="", help="Of csv and parquet: of times that name none; UTC without it.")
@click.option("--url", default="", help="Where the source is, if not in its usual place (a simulator).")
@data_dir_option
@json_option
def import_history(
    files: tuple[Path, ...],
    form: str,
    symbol: str,
    begin: str | None,
    end: str | None,
    interval: str | None,
    day: str,
    stamped_at: str | None,
    venue: str,
    kind: str,
    columns: str,
    zone: str,
    url: str,
    data_dir: Path,
    as_json: bool,
) -> int:
    """Bring a vendor's history in, as it was sent, with its provenance: from FILEs, or from the vendor itself.

    Without a FILE the vendor is asked for what lies between --from and --to; a key is taken from the environment. Ticks
    become trades, and bars by the vendor's own rules; a vendor's bars are kept as they are. Tables of anybody's (csv,
    parquet) have a header with the names of their columns, the usual ones or those that --columns names. Exits 3 when
    nothing could be understood, or the vendor would not give all that was asked for.
    """
    from breadboard.app import importing, question
    from breadboard.recordings.table_columns import Words

    if end is not None and begin is None:
        raise UsageError(f"--to {end} has no --from", hint=f"--from {end} --to {end}   # that one day")
    window = None if begin is None else question.Window(begin, end or "")
    said = None
    if venue or kind or columns or zone:
        said = Words(kind, _columns(columns), venue, zone or "UTC")
    job = importing.Job(files, form, symbol, data_dir, _seconds(interval), window, url, day, stamped_at or "", said)
    result = importing.run(job)
    emit(result, as_json, listing)
    for note in _notes(result, data_dir):
        click.echo(f"note: {note}", err=True)
    different = any(book["different"] for book in result.get("orderbooks", []))
    nothing = result["quarantined"] and not (result["data"] or result.get("rows"))
    return EXIT_DEGRADED if different or result.get("missing") or nothing else 0


def _notes(result: dict[str, Any], data_dir: Path) -> list[str]:
    """Return what a person should know of a result."""
    notes = [f"not all of it: {each}" for each in result.get("missing", [])]
    for book in result.get("orderbooks", []):
        if book["different"]:
            first = book["wrong"][0]
            notes.append(f"the book differs from {book['file']} after {book['different']:,} messages, first {first}")
    late = result["not_in_bars"]["too_late"]
    if late:
        notes.append(
            f"{data_dir} holds what is newer than {late:,} trades of these (counted for each length of bars):"
            " they are in no bar, and in no feature or alert of one\n"
            "hint: import the oldest first, or into a data directory of its own:"
            f" --data-dir {quote(result['symbol'] or 'older')}-data"
        )
    notes += [words for note in result["notes"] for words in _about_table(note)]
    notes += [words for note in result["notes"] if (words := _about_ticks(note, result["symbol"] or "each", data_dir))]
    asked = result.get("asked")
    if asked is not None and asked["empty"] == asked["answers"]:
        notes.append(f"{result['venue']} has nothing of {result['symbol']} there")
    if result["quarantined"]:
        query = "select reason, count() from quarantine group by reason"
        notes.append(
            f"{result['quarantined']:,} of {result['frames']:,} documents could not be understood in full\n"
            f'hint: breadboard sql "{query}" --data-dir {quote(str(data_dir))}'
        )
    return notes


def _about_table(note: dict[str, Any]) -> list[str]:
    """Return what a note says of a table, a sentence each; nothing where it is about something else."""
    if "unused_columns" in note:
        names = ", ".join(note["unused_columns"])
        first = next((name for name in note["unused_columns"] if "," not in name), "…")
        hint = f"--columns {quote(f'price={first}')}   # where one of them is wanted: docs/importing.md says for what"
        return [f"{note['file']} has columns that are not read: {names}\nhint: {hint}"]
    found = note.get("table", {})
    told = [f"{_rows(found[name])} {words}" for name, words in _OF_ROWS.items() if name in found]
    if "bad" in found:
        told.insert(0, f"{_rows(found['bad'])} not understood, first {found['first']}")
    return told


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count:,} rows are"


def _columns(words: str) -> dict[str, str]:
    """Return the columns of ``price=px,size=q`` by our names. Raises UsageError."""
    found: dict[str, str] = {}
    for word in filter(None, words.split(",")):
        name, sign, column = (each.strip() for each in word.partition("="))
        if not sign or not name or name in found:
            raise UsageError(f"--columns takes NAME=COLUMN, each once, not {word!r}", hint="--columns price=px,size=q")
        found[name] = column
    return found


def _about_ticks(note: dict[str, Any], symbol: str, data_dir: Path) -> str:
    """Return what a note says of ticks that were there already, or that were not heard; empty where it says neither."""
    name = next((each for each in ("already_there", "not_heard") if each in note), "")
    if not name:
        return ""
    begin, end = (datetime.fromtimestamp(note[each] // 10**9, UTC) for each in ("from_ns", "to_ns"))
    ticks, verb = ("1 tick", "is") if note[name] == 1 else (f"{note[name]:,} ticks", "are")
    told = f"{ticks} from {begin:%Y-%m-%dT%H:%M:%SZ} to {end:%Y-%m-%dT%H:%M:%SZ}"
    if name == "already_there":
        return f"{told} {verb} in {data_dir} already, and left out"
    return (
        f"{told} of a time in which {symbol} was heard, with no gap on record, {verb} none of those, and counted\n"
        f"hint: where the venue numbers its history otherwise, they count twice: --data-dir {quote(symbol)}-data"
    )


def _seconds(word: str | None) -> int | None:
    """Return the seconds of ``5s``, ``1m``, ``1h``, ``1d``, ``1wk``, or of a bare number. Raises UsageError."""
    if word is None:
        return None
    match = _INTERVAL.fullmatch(word)
    if match is None:
        raise UsageError(f"--interval takes a length of time, not {word!r}", hint="--interval 1m   # or 5s, 1h, 1d")
    return int(match[1]) * _UNITS[match[2]]
