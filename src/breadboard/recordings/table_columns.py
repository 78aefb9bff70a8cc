"""Which column of a table is what: by the names that are usual, or as the user says."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Final

from breadboard.errors import UsageError
from breadboard.model.tables import KINDS
from breadboard.recordings.lines import printable, printed

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
    "trade_id": ("tradeid", "id", "tid"),
    "agg_trade_id": ("aggtradeid", "aggregatetradeid"),
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
OWN: Final = ("provenance", "flags", "uncounted", "state")
"""Of our own files alone: others may mean something else by them."""
_OWN_UNUSED: Final = frozenset(["offset", "index", "session", "completeness", "tsrecv", "tsstore", "version"])
_EACH: Final = ("ts_event", "ts_recv", "symbol", "venue")
_BARS: Final = ("open", "high", "low", "close")
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "trades": (*_EACH, "price", "size", "side", "buyer_maker", "trade_id", "agg_trade_id", "sequence"),
    "quotes": (*_EACH, "bid_price", "bid_size", "ask_price", "ask_size", "sequence"),
    "bars": ("ts_open", "ts_close", *_EACH, *_BARS, "volume", "vwap", "trades", "interval"),
}
_FIGURES: Final[Mapping[str, tuple[str, ...]]] = {
    "trades": ("price", "size"),
    "quotes": ("bid_price", "ask_price"),
    "bars": _BARS,
}
"""Of what no second column may be in doubt: beside a size, many write what it cost, and under its names."""
_OF_ORDERS: Final = frozenset(["orderid", "action"])
"""Rows that have these are changes of orders, of which few are trades."""
_OF_BOOKS: Final = frozenset(["bidprices", "askprices"])
_PARQUET: Final = b"PAR1"
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
    names: tuple[str, ...] = ()
    """What a user may call each, by place; of a file without a header its place."""


def columns_of(path: Path, header: Sequence[str], words: Words) -> Columns:
    """Return what each column of a file is. Raises UsageError where it does not tell, or lacks what is needed."""
    names = [printable(name.strip().lstrip("'")) for name in header]
    refuse_unknown_fields(words)
    headless = not any(_plain(name) in _KNOWN for name in names) and bool(words.columns) and _places(words, names)
    plain = [""] * len(names) if headless else list(map(_plain, names))
    said = {name: _place(path, names, name, column, headless) for name, column in words.columns.items() if column}
    own = not headless and "provenance" in plain
    if own:
        _refuse_own(path, plain)
    kind = words.kind or _kind(path, names, plain, said, words)
    if kind == "trades" and not words.kind:
        _refuse_orders(path, names, plain)
    found = _found(kind, plain, said, frozenset(words.columns))
    _refuse_lacking(path, kind, found, names, headless)
    _refuse_doubt(path, names, plain, found, [name for name in _FIGURES[kind] if name not in words.columns])
    if own:
        found |= {name: plain.index(name) for name in OWN if name in plain and plain.index(name) not in found.values()}
    fields = [""] * len(names)
    for name, place in found.items():
        fields[place] = "ts_event" if name == "ts_open" else name
    ours = _OWN_UNUSED if own else frozenset[str]()
    unused = [
        name for name, each, used in zip(names, plain, fields, strict=True) if not used and each and each not in ours
    ]
    called = [str(place) for place in range(1, len(names) + 1)] if headless else names
    return Columns(kind, tuple(fields), tuple(unused), headless, tuple(called))


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
        raise UsageError(f"{path} has {len(found)} columns {column!r}", hint=_header_of(path, names))
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


def _refuse_own(path: Path, plain: Sequence[str]) -> None:
    """Raise UsageError for what we exported ourselves and nothing can be made of."""
    what = "orders" if not _OF_ORDERS.isdisjoint(plain) else "books" if not _OF_BOOKS.isdisjoint(plain) else ""
    if what:
        raise UsageError(
            f"{path} is an export of our {what}, of which none can be made again: trades, quotes and bars come back",
            hint='breadboard sql "SELECT * FROM trades ORDER BY ts_recv, offset" --format csv > trades.csv',
        )


def _refuse_orders(path: Path, names: Sequence[str], plain: Sequence[str]) -> None:
    """Raise UsageError for rows that would be taken for trades, and may be what happened to orders."""
    telling = [name for name, each in zip(names, plain, strict=True) if each in _OF_ORDERS]
    if telling:
        raise UsageError(
            f"{path} has a column {telling[0]!r}: its rows may be orders, of which few are trades",
            hint="--kind trades   # where each row is a trade",
        )


def _refuse_doubt(
    path: Path, names: Sequence[str], plain: Sequence[str], found: Mapping[str, int], figures: Sequence[str]
) -> None:
    """Raise UsageError where two columns may be the same figure; one by our own name of it is it."""
    used = {place for name, place in found.items() if name not in figures}
    for name in figures:
        if name not in found or plain[found[name]] == _plain(name):
            continue
        places = [place for place, each in enumerate(plain) if each in _NAMES[name] and place not in used]
        if len(places) > 1:
            one, other = (names[place] for place in places[:2])
            raise UsageError(
                f"{path} has two columns that may be the {name}: {one!r} and {other!r}",
                hint=f"--columns {quote(f'{name}={one}')}   # or {quote(f'{name}={other}')}",
            )


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
        raise UsageError(f"{path} has two columns {twice[0]!r}", hint=_header_of(path, names))


def _lacking(path: Path, what: str, names: Sequence[str], *lacking: str) -> UsageError:
    """Return the error that a file has no column for something that is needed."""
    free = [name for name in names if name and "," not in name and _plain(name) not in _KNOWN]
    if not any(re.search(r"[A-Za-z_]", name) for name in names):  # the numbers of a first row
        free = [str(place) for place in range(1, len(names) + 1)]
        said = f"{path} has no header with the names of its columns: its first row is {_listed(names)}"
        return UsageError(said, hint="--columns ts_event=1,price=2,size=3   # their places, as they are in this file")
    example = ",".join(f"{name}={one}" for name, one in zip(lacking, [*free, *["…"] * len(lacking)], strict=False))
    return UsageError(
        f"{path} has no column for {what}; it has {_listed(names)}",
        hint=f"--columns {quote(example)}   # which of them it is",
    )


def _header_of(path: Path, names: Sequence[str]) -> str:
    """Return the command of a shell that prints the names of a file's columns, of Parquet these: for hints."""
    try:
        with path.open("rb") as probe:
            is_parquet = probe.read(len(_PARQUET)) == _PARQUET
        return f"it has {_listed(names)}" if is_parquet else f"{printed(path)} | head -n 1"
    except OSError:
        return f"ls -l {quote(str(path))}"


def _listed(names: Iterable[str], most: int = 40) -> str:
    """Return names for people."""
    told = [name[:40] or "one without a name" for name in names]
    return ", ".join(told[:most]) + (f" and {len(told) - most} more" if len(told) > most else "")
