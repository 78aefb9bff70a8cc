"""`breadboard import`: history in."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from breadboard.commands.options import data_dir_option, emit, json_option, listing
from breadboard.errors import UsageError

EXIT_DEGRADED = 3
FORMATS = (
    "iqfeed-ticks", "iqfeed-bars", "yahoo-chart", "massive-aggs", "massive-trades", "massive-quotes", "massive-splits",
    "massive-dividends", "massive-conditions", "lean-trades", "lean-quotes", "lobster",
)  # fmt: skip
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "wk": 604_800}
_INTERVAL: Final = re.compile(r"([1-9][0-9]{0,6})(s|m|h|d|wk|)", re.ASCII)


@click.command(name="import")
@click.argument("files", nargs=-1, metavar="[FILE…]", type=click.Path(path_type=Path))
@click.option("--format", "form", required=True, type=click.Choice(FORMATS), help="What the files, or answers, are.")
@click.option("--symbol", required=True, help="What they are about, as the venue spells it.")
@click.option("--from", "begin", help="Ask the source from this day, or moment, on: 2026-11-02, 2026-11-02T09:30.")
@click.option("--to", "end", help="Until the end of this day, or this moment; until now without it.")
@click.option("--interval", help="Length of a bar: 5s, 1m, 1h, 1d; asked for 1m without it. Of files: where none says.")
@click.option("--date", "day", default="", help="Of files of one day whose names do not say which: 2013-10-07.")
@click.option(
    "--stamped-at",
    type=click.Choice(("begin", "end")),
    help="Of files of iqfeed-bars: where in a bar its stamp lies, without it at its begin (IQFeed's default: end).",
)
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
    url: str,
    data_dir: Path,
    as_json: bool,
) -> int:
    """Bring a vendor's history in, as it was sent, with its provenance: from FILEs, or from the vendor itself.

    Without a FILE the vendor is asked for what lies between --from and --to; a key is taken from the environment. Ticks
    become trades, and bars by the vendor's own rules; a vendor's bars are kept as they are. Exits 3 when nothing could
    be understood, or the vendor would not give all that was asked for.
    """
    from breadboard.app import asking, importing

    if end is not None and begin is None:
        raise UsageError(f"--to {end} has no --from", hint=f"--from {end} --to {end}   # that one day")
    window = None if begin is None else asking.Window(begin, end or "")
    job = importing.Job(files, form, symbol, data_dir, _seconds(interval), window, url, day, stamped_at or "")
    result = importing.run(job)
    emit(result, as_json, listing)
    for note in _notes(result, data_dir):
        click.echo(f"note: {note}", err=True)
    different = any(book["different"] for book in result.get("orderbooks", []))
    return EXIT_DEGRADED if different or result.get("missing") or (result["quarantined"] and not result["data"]) else 0


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
            f"hint: import the oldest first, or into a data directory of its own: --data-dir {result['symbol']}-data"
        )
    notes += [words for note in result["notes"] if (words := _about_ticks(note, result["symbol"], data_dir))]
    asked = result.get("asked")
    if asked is not None and asked["empty"] == asked["answers"]:
        notes.append(f"{result['venue']} has nothing of {result['symbol']} there")
    if result["quarantined"]:
        query = "select reason, count() from quarantine group by reason"
        notes.append(
            f"{result['quarantined']:,} of {result['frames']:,} documents could not be understood in full\n"
            f'hint: breadboard sql "{query}" --data-dir {data_dir}'
        )
    return notes


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
        f"hint: where the venue numbers its history otherwise, they count twice: --data-dir {symbol}-data"
    )


def _seconds(word: str | None) -> int | None:
    """Return the seconds of ``5s``, ``1m``, ``1h``, ``1d``, ``1wk``, or of a bare number. Raises UsageError."""
    if word is None:
        return None
    match = _INTERVAL.fullmatch(word)
    if match is None:
        raise UsageError(f"--interval takes a length of time, not {word!r}", hint="--interval 1m   # or 5s, 1h, 1d")
    return int(match[1]) * _UNITS[match[2]]
