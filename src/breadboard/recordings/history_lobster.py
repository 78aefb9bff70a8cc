"""LOBSTER's message files, a day and a symbol each, as their names say.

``AAPL_2012-06-21_34200000_57600000_message_10.csv``: symbol, day, the ms after midnight it begins and ends with, levels
of the orderbook file beside it. Rows name no symbol: the file's name is all that tells it from another's. The vendor
packs both and a text about them into one zip, of which only the messages are read.
"""

import re
from functools import partial
from pathlib import Path
from typing import Final

from breadboard.errors import UsageError
from breadboard.recordings import history_dated as dated

_NAME: Final = re.compile(r"(?:.*/)?(?P<symbol>[^_/]+)_20\d\d-\d\d-\d\d_\d+_\d+_message.*", re.ASCII)

_BESIDE: Final = re.compile(r".*_orderbook_.*|.*\.txt", re.ASCII | re.IGNORECASE)


def read_messages(path: Path, symbol: str, interval: int | None = None, day: str = "") -> dated.Documents:
    """Yield the documents ``messages:SYMBOL:YYYY-MM-DD`` of a file. Raises UsageError for one of another symbol."""
    check = partial(_refuse_other, path, symbol)
    return dated.read("messages", path, symbol, interval, day, check=check, others=_BESIDE)


def _refuse_other(path: Path, symbol: str, name: str, _row: bytes) -> None:
    """Raise UsageError where a file's name says that it is about another symbol; one that says none is taken."""
    match = _NAME.fullmatch(name)
    if match is None or match["symbol"].upper() == symbol.upper():
        return
    where, other = path if name == path.name else f"{path}: {name}", match["symbol"].upper()
    raise UsageError(f"{where} is about {other}, not {symbol}", hint=f"--symbol {other}   # or the file of {symbol}")
