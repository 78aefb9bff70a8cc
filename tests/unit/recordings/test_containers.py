"""However a file is packed, and whatever it is called, every format of whole answers finds the same in it."""

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from breadboard.errors import UsageError
from breadboard.recordings.history_massive import read_aggregates
from breadboard.recordings.history_yahoo import read as read_chart
from breadboard.recordings.rows import read_files

BOM = b"\xef\xbb\xbf"
CHART = b'{"chart":{"result":null,"error":null}}'
AGGREGATES = b'{"ticker":"AAPL","results":[{"t":1626912000000,"o":1}]}'
FORMATS: list[tuple[Callable[[Path, str], Iterator[tuple[str, bytes]]], bytes, str]] = [
    (read_chart, CHART, "chart:AAPL"),
    (read_aggregates, AGGREGATES, "aggs:AAPL:"),
]


def of_a_mac(path: Path, answer: bytes) -> None:
    """Pack as a Mac does: beside each file what it knows of it, under the file's name."""
    with ZipFile(path, "w") as file:
        file.writestr("one.json", answer)
        file.writestr("__MACOSX/._one.json", b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X")


@pytest.mark.parametrize(("read", "answer", "tag"), FORMATS)
@pytest.mark.parametrize("name", ["a.json", "a.json.gz", "a.zip", "a"])
@pytest.mark.parametrize(
    "pack",
    [
        lambda path, answer: path.write_bytes(answer),
        lambda path, answer: path.write_bytes(BOM + answer),
        lambda path, answer: path.write_bytes(gzip.compress(answer)),
        lambda path, answer: path.write_bytes(gzip.compress(BOM + answer)),
        of_a_mac,
        lambda path, answer: of_a_mac(path, BOM + answer),
    ],
    ids=["plain", "BOM", "gzip", "gzip of a BOM", "zip of a Mac", "zip of a Mac, BOM"],
)
def test_an_answer_is_found_by_what_the_file_holds(
    tmp_path: Path,
    pack: Callable[[Path, bytes], object],
    name: str,
    read: Callable[[Path, str], Iterator[tuple[str, bytes]]],
    answer: bytes,
    tag: str,
) -> None:
    pack(tmp_path / name, answer)
    assert list(read(tmp_path / name, "AAPL")) == [(tag, answer)]


def test_a_file_longer_than_it_may_be_is_told_by_its_name_in_the_zip(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    of_a_mac(path, b"x" * 11)
    with pytest.raises(UsageError, match=r"a\.zip:one\.json is longer than 10 bytes, unpacked"):
        list(read_files(path, 10))
    assert list(read_files(path, 11)) == [(f"{path}:one.json", b"x" * 11)]


def test_a_7z_archive_is_named_with_what_unpacks_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"7z\xbc\xaf\x27\x1c rest")
    with pytest.raises(UsageError, match="is a 7z archive") as error:
        list(read_files(path, 100))
    assert error.value.hint == f"7z x {path}"
