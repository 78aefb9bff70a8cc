"""LEAN's ticks, a day and a symbol a file, and nothing else of LEAN's: its bars lie in zips of the same names.

What a zip ``20131007_trade.zip`` holds, the name of the file in it tells (``LeanData.GenerateZipEntryName``):
``20131007_ibm_Trade_Tick.csv`` are ticks, ``20131007_ibm_minute_trade.csv`` bars. ``20131007_quote.csv`` tells of what,
and not whether they are bars. Where no name tells, the first row does: trades have six fields, with an exchange's
letters for the fourth, quotes eight, the bars of either six and eleven; and last the name of the zip around it. Six
numbers that are no bar may be a coin's quote (``ms,bid,size,ask,size,suspicious``). Options and futures lie in one zip,
a contract a file (``20151224_goog_tick_trade_american_call_7475000_20151224.csv``), with rows like a stock's: they are
of no stock.
"""

import re
from functools import partial
from pathlib import Path, PurePosixPath
from shlex import quote
from typing import Final

from breadboard.errors import UsageError
from breadboard.recordings import history_dated as dated

_NAME: Final = re.compile(
    r"(?P<day>20\d{6})_(?P<symbol>[^_]+)_(?:(?P<ticks>trade|quote|openinterest)_tick"
    r"|(?P<unit>tick|second|minute)_(?P<bars>trade|quote|openinterest)(?P<contract>_.+)?)\.csv(?:\.gz)?",
    re.ASCII | re.IGNORECASE,
)
_KIND: Final = re.compile(
    r"20\d{6}_(?:[^_]+_)?(trade|quote|openinterest)(?:_tick)?\.(?:csv|zip)(?:\.gz)?", re.ASCII | re.IGNORECASE
)
_NOUNS: Final = {"trade": "trades", "quote": "quotes", "openinterest": "open interest"}
_NUMBER: Final = re.compile(rb"\d{1,18}(?:\.\d{1,18})?", re.ASCII)
_UNTOLD: Final = "numbers alone"
"""What six of them are that are no bar, where no name tells."""


def _read(kind: str, path: Path, symbol: str, interval: int | None = None, day: str = "") -> dated.Documents:
    """Yield the documents of a file of ``kind``, ``trade`` or ``quote``. Raises UsageError for a file of another."""
    return dated.read(f"{kind}s", path, symbol, interval, day, check=partial(_refuse_other, kind, path, symbol))


def _refuse_other(kind: str, path: Path, symbol: str, name: str, row: bytes) -> None:
    """Raise UsageError where a file's name, or else its first row, says that it holds something else."""
    match = _NAME.fullmatch(name)
    unit, told = _told(path, name, row) if match is None else _by_name(match)
    where = path if name == path.name else f"{path}: {name}"
    if match is not None and match["contract"]:
        raise UsageError(f"{where} is about a contract, and lean-{kind}s takes stocks", hint="ls data/equity/usa/tick")
    if unit not in ("", "tick"):
        raise UsageError(
            f"{where} holds {unit} of {_NOUNS[told]}, and lean-{kind}s takes ticks",
            hint=_ticks_beside(path, kind, symbol),
        )
    if told == _UNTOLD:
        raise UsageError(
            f"{where} has the number {row.split(b',')[3].decode('latin-1')!r} for an exchange, and no name tells what"
            " its rows are",
            hint=f"lean-{kind}s takes US equities; where they are {kind}s: mv {quote(str(path))} 20131007_{kind}.csv",
        )
    if told not in ("", kind):
        hint = f"ls {path.parent}   # *_{kind}.zip" if told == "openinterest" else f"--format lean-{told}s"
        raise UsageError(f"{where} holds {_NOUNS[told]}, and lean-{kind}s takes {kind}s", hint=hint)
    if match is not None and match["symbol"].upper() != symbol.upper():
        other = match["symbol"].upper()
        raise UsageError(
            f"{where} is about {other}, not {symbol}", hint=f"--symbol {other}   # or the file of {symbol}"
        )


def _by_name(match: re.Match[str]) -> tuple[str, str]:
    """Return ``tick`` or which bars, and what of."""
    unit = (match["unit"] or "tick").lower()
    return ("tick" if unit == "tick" else f"{unit} bars"), (match["ticks"] or match["bars"]).lower()


def _told(path: Path, name: str, row: bytes) -> tuple[str, str]:
    """Return the same of a file whose name does not tell both: what of by its name, else its row, else its zip's."""
    unit, told = _by_row(row)
    own, around = (_KIND.fullmatch(each) for each in (PurePosixPath(name).name, path.name))
    if own is not None:
        return unit, own[1].lower()
    return unit, around[1].lower() if around is not None and told == _UNTOLD else told


def _by_row(row: bytes) -> tuple[str, str]:
    """Return the same of a row; empty where it does not tell."""
    fields = row.split(b",")
    if len(fields) == 11:
        return "bars", "quote"
    if len(fields) == 8:
        return "tick", "quote"
    if len(fields) != 6:
        return "", ""
    if _is_bar(fields):
        return "bars", "trade"
    return "tick", _UNTOLD if _NUMBER.fullmatch(fields[3]) else "trade"


def _is_bar(fields: list[bytes]) -> bool:
    """Tell a bar (time, open, high, low, close, volume) from a trade, which has an exchange's letter in low's place."""
    if not all(map(_NUMBER.fullmatch, fields[1:])):
        return False
    begin, high, low, end = map(float, fields[1:5])
    return 0 < low <= min(begin, end) <= max(begin, end) <= high


def _ticks_beside(path: Path, kind: str, symbol: str) -> str:
    """Return where LEAN keeps the ticks of the same day."""
    parts = ["tick" if part in ("minute", "second", "hour", "daily") else part for part in path.parts]
    beside = Path(*parts) if "tick" in parts else Path("data/equity/usa/tick", symbol.lower(), path.name)
    return f"breadboard import {beside} --format lean-{kind}s --symbol {symbol}"


read_trades: Final = partial(_read, "trade")
read_quotes: Final = partial(_read, "quote")
