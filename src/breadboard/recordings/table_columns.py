"""Which column of a table is what: by the names that are usual, or as the user says."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from breadboard.errors import UsageError
from breadboard.model.tables import KINDS

_TIMES: Final = (
    *("tsevent", "timestamp", "datetime", "ts", "time", "eventtime", "exchangetimestamp", "exchtime"),
    *("tradetime", "transacttime", "participanttimestamp", "siptimestamp", "date"),
)
_SIZES: Final = ("size", "qty", "quantity", "amount", "sz", "volume")
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "ts_event": _TIMES,
    "ts_recv": ("tsrecv", "localtimestamp", "receivetime", "receivedat", "recvtime"),
    "symbol": ("symbol", "ticker", "sym", "instrument", "pair"),
    "venue": ("venue",),
    "price": ("price", "px", "last", "lastprice", "tradeprice", "p"),
    "size": ("size", "quantity", "qty", "amount", "volume", "vol", "lastsize", "tradesize", "lastqty", "sz", "q"),
    "side": ("side", "aggressor", "aggressorside", "takerside", "tradeside"),
    "buyer_maker": ("isbuyermaker", "buyermaker"),
    "trade_id": ("tradeid", "id", "tid", "aggtradeid", "aggregatetradeid"),
    "sequence": ("sequence", "seq", "seqnum", "sequencenumber"),
    "bid_price": ("bidprice", "bid", "bidpx", "bestbid", "bestbidprice", "bidpx00", "bidpx0"),
    "bid_size": (*(f"{side}{size}" for side in ("bid", "bestbid") for size in _SIZES), "bidsz00", "bidsz0"),
    "ask_price": ("askprice", "ask", "askpx", "bestask", "bestaskprice", "askpx00", "askpx0", "offer", "offerprice"),
    "ask_size": (*(f"{side}{size}" for side in ("ask", "bestask", "offer") for size in _SIZES), "asksz00", "asksz0"),
    "ts_open": ("tsopen", "opentime", "windowstart", "start", "begin", "t"),
    "ts_close": ("tsclose", "closetime", "end"),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v", "size", "quantity", "qty", "amount"),
    "vwap": ("vwap", "vw", "wap"),
    "trades": ("trades", "count", "tradecount", "transactions", "numberoftrades", "n"),
    "interval": ("interval", "timeframe", "barsize", "resolution"),
}
"""What a field may be called: small letters and digits alone, the likeliest first."""
_OWN: Final = ("provenance", "flags", "uncounted", "state")
"""Of our own files alone: others may mean something else by them."""
_OWN_UNUSED: Final = frozenset(["offset", "index", "session", "completeness", "tsrecv", "tsstore", "version"])
_EACH: Final = ("ts_event", "ts_recv", "symbol", "venue")
_BARS: Final = ("open", "high", "low", "close")
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "trades": (*_EACH, "price", "size", "side", "buyer_maker", "trade_id", "sequence"),
    "quotes": (*_EACH, "bid_price", "bid_size", "ask_price", "ask_size", "sequence"),
    "bars": ("ts_open", "ts_close", *_EACH, *_BARS, "volume", "vwap", "trades", "interval"),
}
_PLACE: Final = re.compile(r"[1-9]\d{0,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Words:
    """What the user says of a table; empty where its columns are to say it."""

    kind: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    """By our name of a field the column's, or, of a file without a header, its place (1 is the first)."""
    venue: str = ""
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Columns:
    """What is known of a file's columns."""

    kind: str
    fields: tuple[str, ...]
    """By place; empty for a column that is of no use."""
    unused: tuple[str, ...]
    """Names of columns that nobody here understands."""
    headless: bool = False
    """The first row is a row like all others."""


def columns_of(path: Path, header: Sequence[str], words: Words) -> Columns:
    """Return what each column of a file is. Raises UsageError where it does not tell, or lacks what is needed."""
    names = [name.strip().lstrip("'") for name in header]
    refuse_unknown_fields(words)
    headless = not any(_plain(name) in _KNOWN for name in names) and bool(words.columns) and _places(words, names)
    plain = [""] * len(names) if headless else list(map(_plain, names))
    said = {name: _place(path, names, name, column, headless) for name, column in words.columns.items() if column}
    kind = words.kind or _kind(path, names, plain, said, words)
    found = _found(kind, plain, said, frozenset(words.columns))
    _refuse_lacking(path, kind, found, names, headless)
    own = not headless and "provenance" in plain
    if own:
        found |= {name: plain.index(name) for name in _OWN if name in plain and plain.index(name) not in found.values()}
    fields = [""] * len(names)
    for name, place in found.items():
        fields[place] = "ts_event" if name == "ts_open" else name
    ours = _OWN_UNUSED if own else frozenset[str]()
    unused = [
        name for name, each, used in zip(names, plain, fields, strict=True) if not used and each and each not in ours
    ]
    return Columns(kind, tuple(fields), tuple(unused), headless)


def is_known(name: str) -> bool:
    """Return whether some field may be called so."""
    return _plain(name) in _KNOWN


def refuse_unknown_fields(words: Words) -> None:
    """Raise UsageError for a mapping of something that no table has."""
    for name in words.columns:
        if name not in _NAMES and name not in ("date", "clock"):
            fields = dict.fromkeys(each for kind in KINDS for each in _FIELDS[kind])
            raise UsageError(
                f"--columns names {name!r}, which is nothing that a table is read for",
                hint=f"choose from: {' '.join(fields)} date clock",
            )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_KNOWN: Final = frozenset(each for names in _NAMES.values() for each in names)


def _places(words: Words, names: Sequence[str]) -> bool:
    """Tell whether columns are named by their places, and by no name that there is."""
    said = [column for column in words.columns.values() if column]
    return all(_PLACE.fullmatch(column) and column not in names for column in said)


def _place(path: Path, names: Sequence[str], name: str, column: str, headless: bool) -> int:
    """Return the place of the column that the user names. Raises UsageError."""
    if headless:
        if int(column) > len(names):
            raise UsageError(
                f"{path} has {len(names)} columns, and --columns {name}={column} is none of them",
                hint=f"--columns {name}={len(names)}   # 1 is the first",
            )
        return int(column) - 1
    exact = [place for place, each in enumerate(names) if each == column]
    found = exact or [place for place, each in enumerate(names) if each.lower() == column.lower()]
    if not found:
        raise UsageError(f"{path} has no column {column!r}; it has {_listed(names)}", hint=f"--columns {name}=…")
    if len(found) > 1:
        raise UsageError(f"{path} has {len(found)} columns {column!r}", hint=f"head -n 1 {path}")
    return found[0]


def _found(kind: str, plain: Sequence[str], said: Mapping[str, int], settled: frozenset[str]) -> dict[str, int]:
    """Return the places of the fields of a kind: as said (also: there is none), else by their names."""
    found = {name: place for name, place in said.items() if name in (*_FIELDS[kind], "date", "clock")}
    for name in _FIELDS[kind]:
        if name in settled:
            continue
        place = next((plain.index(each) for each in _NAMES[name] if each in plain), None)
        if place is not None and place not in found.values():
            found[name] = place
    if {"ts_open", "ts_event"} <= found.keys():  # a bar's begin goes before any other time of it
        del found["ts_open" if "ts_event" in said else "ts_event"]
    if {"date", "time"} <= set(plain) and not {"ts_event", "ts_open", "date"} & settled:
        at = found.get("ts_open", found.get("ts_event"))
        if at in (plain.index("date"), plain.index("time")):
            found.pop("ts_event", None)
            found |= {"date": plain.index("date"), "clock": plain.index("time")}
    return found


def _kind(path: Path, names: Sequence[str], plain: Sequence[str], said: Mapping[str, int], words: Words) -> str:
    """Return what the rows are, by the columns that are there. Raises UsageError where they may be two things."""
    each = {kind: _found(kind, plain, said, frozenset(words.columns)) for kind in KINDS}
    if each["bars"].keys() >= set(_BARS):
        return "bars"
    quoted, traded = not {"bid_price", "ask_price"}.isdisjoint(each["quotes"]), "price" in each["trades"]
    if quoted and traded:
        raise UsageError(
            f"{path} has prices of trades and of quotes, and may be either; it has {_listed(names)}",
            hint="--kind trades   # or quotes",
        )
    if not quoted and not traded:
        raise _lacking(path, "price (of a trade), bid_price or ask_price, or open, high, low and close", names, "price")
    return "quotes" if quoted else "trades"


def _refuse_lacking(path: Path, kind: str, found: Mapping[str, int], names: Sequence[str], headless: bool) -> None:
    needed = {"trades": ("price", "size"), "quotes": (), "bars": _BARS}[kind]
    lacking = [name for name in needed if name not in found]
    if kind == "quotes" and {"bid_price", "ask_price"}.isdisjoint(found):
        lacking.append("bid_price")
    if {"ts_event", "ts_open", "ts_recv", "date"}.isdisjoint(found):
        lacking.append("ts_event")
    if lacking:
        raise _lacking(path, ", ".join(lacking), names, *lacking)
    if len(set(found.values())) < len(found):
        raise UsageError(f"--columns gives one column of {path} two meanings", hint=f"it has {_listed(names)}")
    used = [names[place].lower() for place in found.values()]
    twice = (
        [] if headless else [name for name in dict.fromkeys(used) if sum(name == each.lower() for each in names) > 1]
    )
    if twice:
        raise UsageError(f"{path} has two columns {twice[0]!r}", hint=f"head -n 1 {path}")


def _lacking(path: Path, what: str, names: Sequence[str], *lacking: str) -> UsageError:
    """Return the error that a file has no column for something that is needed."""
    free = [name for name in names if name and _plain(name) not in _KNOWN]
    if not any(re.search(r"[A-Za-z_]", name) for name in names):  # the numbers of a first row
        free = [str(place) for place in range(1, len(names) + 1)]
        said = f"{path} has no header with the names of its columns: its first row is {_listed(names)}"
        return UsageError(said, hint="--columns ts_event=1,price=2,size=3   # their places, as they are in this file")
    example = ",".join(f"{name}={one}" for name, one in zip(lacking, [*free, *["…"] * len(lacking)], strict=False))
    return UsageError(
        f"{path} has no column for {what}; it has {_listed(names)}",
        hint=f"--columns {example}   # which of them it is",
    )


def _listed(names: Iterable[str], most: int = 40) -> str:
    """Return names for people."""
    told = [name[:40] or "one without a name" for name in names]
    return ", ".join(told[:most]) + (f" and {len(told) - most} more" if len(told) > most else "")
