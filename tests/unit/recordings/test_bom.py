"""A byte order mark before a text costs no row, however it is packed."""

import gzip
from pathlib import Path
from zipfile import ZipFile

import pytest

from breadboard.model.kinds import RecordKind
from breadboard.recordings.hftbacktest import parse
from breadboard.recordings.history_iqfeed import read_ticks
from breadboard.recordings.history_lean import read_trades
from breadboard.recordings.lines import read_items, read_lines
from breadboard.recordings.rows import read_rows

BOM = b"\xef\xbb\xbf"
ROWS = [b"34200000,1850000,100,N,0,0", b"34200001,1850000,100,N,0,0"]


@pytest.fixture(params=["plain", "gz", "zip"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Two rows after a mark."""
    text = BOM + b"\n".join(ROWS) + b"\n"
    path = tmp_path / "20131007_trade.csv"
    if request.param == "zip":
        with ZipFile(path, "w") as file:
            file.writestr("20131007_ibm_Trade_Tick.csv", text)
            file.writestr("20131008_ibm_Trade_Tick.csv", text)
    else:
        path.write_bytes(gzip.compress(text) if request.param == "gz" else text)
    return path


def test_rows_begin_after_the_mark(path: Path) -> None:
    rows = [row for _, row in read_rows(path)]
    assert rows == ROWS * (len(rows) // 2)


def test_ticks_of_a_day_are_all_there(path: Path) -> None:
    assert {body for _, body in read_trades(path, "IBM")} == {b"\n".join(ROWS)}


def test_a_mark_is_one_only_before_the_first_row(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_bytes(BOM + b"\n" + BOM + b"a\n")
    assert list(read_lines(path)) == [(2, BOM + b"a")]


def test_ticks_of_iqfeed_keep_their_first_row(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    tick = b"2026-11-24 09:30:00.000001,10.5,100,1000,10.49,10.51,7,C,11,01,1,4,"
    path.write_bytes(BOM + tick)
    assert list(read_ticks(path, "XYZ")) == [("ticks:XYZ", tick)]


def test_a_recording_of_frames_keeps_its_first(tmp_path: Path) -> None:
    path = tmp_path / "btcusdt"
    path.write_bytes(BOM + b'1723161253000000000 {"e":"trade"}\n')
    (item,) = read_items(path, parse, other="cryptofeed")
    assert (item.stamp, item.kind, item.payload) == (1_723_161_253_000_000_000, RecordKind.DATA, b'{"e":"trade"}')
