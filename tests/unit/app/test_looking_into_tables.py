"""What is to be known of tables before they go on record, and which of their ticks are looked for in the store."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar
from zipfile import ZipFile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from breadboard.app import held_instruments, known_ticks
from breadboard.app.held_instruments import HeldInstruments
from breadboard.app.held_ticks import ticks_of
from breadboard.app.known_ticks import _Look
from breadboard.app.tables import distinct, look_into
from breadboard.errors import UsageError
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, SequenceRule
from breadboard.model.tape import Tape
from breadboard.recordings.history import FORMATS, About, Answer, documents
from breadboard.recordings.table_columns import Words
from tapes import T0, tape, trade

BARS = "venue,symbol,ts_open,interval,open,high,low,close,volume,provenance,state"
TICKS = "venue,symbol,ts_event,price,size,provenance"
AT = "2026-11-24T09:30:00Z"
INVENTED, REAL = f"SIM,A,{AT},1m,1,1,1,1,1,synthetic,final", f"BINANCE,B,{AT},1m,1,1,1,1,1,live,final"


def looked(*paths: Path, said: Words | None = None, form: str = "csv", symbol: str = "") -> About:
    return look_into([Answer(path) for path in paths], About(form, symbol, None, "FILE", said=said))


def refused(*paths: Path, said: Words | None = None, form: str = "csv", symbol: str = "") -> tuple[str, str]:
    with pytest.raises(UsageError) as error:
        looked(*paths, said=said, form=form, symbol=symbol)
    return error.value.sentence, error.value.hint


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n")
    return path


def zipped(path: Path, **files: Sequence[str]) -> Path:
    with ZipFile(path, "w") as packed:
        for name, rows in files.items():
            packed.writestr(f"{name}.csv", "\n".join(rows) + "\n")
    return path


def test_synthetic_bars_make_an_import_synthetic_and_stand_beside_nothing_else(tmp_path: Path) -> None:
    invented = table(tmp_path / "sim.csv", BARS, INVENTED)
    real = table(tmp_path / "real.csv", BARS, REAL)
    trades = table(tmp_path / "trades.csv", TICKS, f"BINANCE,B,{AT},1,1,live")
    both = table(tmp_path / "both.csv", BARS, *[REAL] * 5_100, INVENTED)
    assert (looked(invented).synthetic, looked(invented).wanted) == (True, ("A.SIM",))
    assert not looked(real, trades).synthetic
    ending = "an import is synthetic as a whole, or not at all"
    assert refused(trades, invented)[0] == f"sim.csv has synthetic bars, and trades.csv has trades: {ending}"
    sentence, hint = refused(invented, real)
    assert sentence == f"sim.csv has synthetic bars, and real.csv has bars that are not: {ending}"
    assert hint.startswith("import them one by one")
    assert refused(both)[0] == f"both.csv has synthetic bars, and both.csv has bars that are not: {ending}"


def test_each_file_of_a_zip_is_looked_into(tmp_path: Path) -> None:
    ticks = ("ts_event,price,size", f"{AT},1,1")
    path = zipped(tmp_path / "t.zip", a=ticks, b=("ts_event,price,size", "nonsense,1,1"))
    assert refused(path, symbol="X")[0].startswith(
        f"no row of {path}:b.csv can be understood: t.zip:b.csv, row 2: not a"
    )
    path = zipped(tmp_path / "u.zip", a=(TICKS, f"BINANCE,B,{AT},1,1,live"), b=(BARS, INVENTED))
    assert refused(path)[0].startswith("u.zip:b.csv has synthetic bars, and u.zip:a.csv has trades")
    back = ["ts_event,price,size", *(f"{1764000000 - n},1,1" for n in range(20))]
    path = zipped(tmp_path / "v.zip", a=ticks, b=back)
    sentence, hint = refused(path, symbol="X")
    assert sentence == f"{path}:b.csv goes back in time: its rows come newest first"
    assert hint.startswith(f"(unzip -p {path} b.csv | head -n 1; unzip -p {path} b.csv | tail")


@pytest.mark.parametrize(
    ("steps", "newest_first"),
    [
        ([n // 3 for n in range(60)], True),
        ([0] * 30, False),
        ([0] * 30 + [1], False),
        ([-n // 3 for n in range(60)], False),
        ([0, 1] * 15, False),
    ],
)
def test_rows_of_one_time_do_not_tell_in_which_order_a_file_is(
    steps: list[int], newest_first: bool, tmp_path: Path
) -> None:
    path = table(tmp_path / "t.csv", "ts_event,price,size", *(f"{1764000000 - step},1,1" for step in steps))
    if newest_first:
        assert "newest first" in refused(path, symbol="X")[0]
    else:
        looked(path, symbol="X")


def test_the_order_is_that_of_each_instrument(tmp_path: Path) -> None:
    names = "symbol,ts_event,price,size"
    first = [f"A,{1764000000},1,1", f"A,{1764000001},1,1"]
    back = [f"{symbol},{1764000000 - n},1,1" for symbol in "BCD" for n in range(10)]
    assert "newest first" in refused(table(tmp_path / "t.csv", names, *first, *back))[0]
    ahead = [f"{symbol},{1764000000 + n},1,1" for symbol in "DCB" for n in range(10)]
    looked(table(tmp_path / "u.csv", names, *ahead))


def test_a_file_is_told_as_it_was_read_so_that_it_can_be_pasted(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    columns = {"junk": [1], "ts event": ["x"], "price": [1.0], "size": [1]}
    pq.write_table(pa.table(columns), path)
    said = Words(columns={"ts_event": "ts event"})
    assert refused(path, said=said, form="parquet", symbol="X")[1] == (
        "--kind trades --timezone UTC --columns 'ts_event=ts event,price=price,size=size'   # as it was read"
    )
    own = table(tmp_path / "own.csv", f"{TICKS},flags", "BINANCE,B,x,1,1,live,0")
    assert "venue=venue,symbol=symbol,ts_event=ts_event,price=price,size=size   #" in refused(own)[1]


def test_defaults_said_in_words_make_no_other_import(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "ts,px,qty,fee", "1764000000,1,2,3")

    def of(kind: str = "", venue: str = "", zone: str = "UTC", **columns: str) -> list[str]:
        return distinct(path, "csv", Words(kind, columns, venue, zone))

    assert distinct(path, "csv", None) == []
    assert of(kind="trades") == of(venue="FILE") == of(price="px") == of(size="QTY", price="px") == of() == []
    assert of(size="fee", price="px") == of(size="fee") == ["trades:ts_event,price,,size"]
    assert of(venue="XNAS", zone="America/New_York") == ["venue XNAS", "zone America/New_York"]


def test_a_zip_is_another_import_where_any_of_its_files_is_read_otherwise(tmp_path: Path) -> None:
    path = zipped(tmp_path / "t.zip", a=("ts,px,size", "1,2,3"), b=("ts,px,size,seq", "1,2,3,4"))
    assert distinct(path, "csv", Words("trades")) == []
    said = Words(columns={"sequence": ""})
    assert distinct(path, "csv", said) == ["trades:ts_event,price,size", "trades:ts_event,price,size,"]


class _Held:
    """A ``HeldTicks`` with so many ticks."""

    made: ClassVar[list[str]] = []

    def __init__(
        self, _store: object, _kind: EventKind, named: tuple[str, str], _before: int, *, numbered: bool
    ) -> None:
        del numbered
        self.made.append(named[1])
        self.held = 0

    def judge(self, tape: Tape, _ticks: object) -> tuple[Any, Any]:
        self.held = 10
        return np.ones(len(tape), np.bool_), np.zeros(len(tape), np.bool_)


def test_few_instruments_are_remembered_those_that_were_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_instruments, "HeldTicks", _Held)
    monkeypatch.setattr(held_instruments, "MOST_TICKS", 20)
    monkeypatch.setattr(_Held, "made", [])
    instruments: Any = Instruments()
    for symbol in "ABC":
        instruments.intern("FILE", symbol, SequenceRule.NONE)
    nothing: Any = None
    held = HeldInstruments(nothing, EventKind.TRADE, instruments, 0)
    for which in (0, 1, 0, 2, 0, 1, 2):
        asked = tape([trade(1, T0, 1)])
        asked.instrument[:] = which
        assert held.judge(asked, ticks_of(asked, EventKind.TRADE, numbered=False))[0].all()
    assert "".join(_Held.made) == "ABCBC"


def test_documents_of_another_kind_are_not_read_to_look_for_ticks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [
        table(tmp_path / "a.csv", TICKS, f"BINANCE,B,{AT},1,1,live"),
        table(tmp_path / "b.csv", BARS, REAL),
        table(tmp_path / "c.csv", "venue,symbol,ts_event,bid,ask", f"BINANCE,B,{AT},1,2"),
    ]
    about = About("csv", "", None, "FILE")
    read: list[int] = []

    def places(_self: _Look, tag: str, _rows: list[bytes], _begin: int) -> Iterator[int]:
        read.append(tag.count("bid_price"))
        yield 0

    monkeypatch.setattr(known_ticks._Look, "_places", places)
    rows: Any = FORMATS["csv"].rows
    nothing: Any = None
    for kind, number, quotes in ((EventKind.TRADE, 0, 0), (EventKind.QUOTE, 2, 1)):
        read.clear()
        look = _Look(HeldInstruments(nothing, kind, Instruments(), 0), kind, rows, about)
        found = look.through(documents([Answer(path) for path in paths], about))
        assert (dict(found.left_out), read) == ({number: frozenset({0})}, [quotes])
