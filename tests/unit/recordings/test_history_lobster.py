"""LOBSTER's message files are told apart by their names, which are all that says whose orders they hold."""

from pathlib import Path
from zipfile import ZipFile

import pytest

from breadboard.errors import UsageError
from breadboard.recordings.history import FORMATS

ROW = "34200.004241176,1,16113575,18,5853300,1"
NAME = "AAPL_2012-06-21_34200000_57600000_message_10.csv"
read_messages = FORMATS["lobster"].documents


def written(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text(ROW + "\n")
    return path


@pytest.mark.parametrize(
    "name", [NAME, NAME.replace("AAPL", "aapl"), "mine_2012-06-21_messages.csv", "2012-06-21_AAPL.csv"]
)
def test_messages_of_the_symbol_are_taken_and_so_is_a_file_that_names_none(tmp_path: Path, name: str) -> None:
    found = list(read_messages(written(tmp_path, name), "AAPL", None))
    assert found == [("messages:AAPL:2012-06-21", ROW.encode())]


def test_a_file_of_another_symbol_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, NAME)
    with pytest.raises(UsageError, match="is about AAPL, not MSFT") as caught:
        list(read_messages(path, "MSFT", None))
    assert caught.value.hint == "--symbol AAPL   # or the file of MSFT"
    with pytest.raises(UsageError, match="is about AAPL, not MSFT"):
        list(read_messages(path, "MSFT", None, "2012-06-21"))


def test_of_a_zip_the_names_of_the_files_in_it_tell(tmp_path: Path) -> None:
    path = tmp_path / "LOBSTER_SampleFile_AAPL_2012-06-21_10.zip"
    with ZipFile(path, "w") as packed:
        packed.writestr(f"sample/{NAME}", ROW + "\n")
    assert len(list(read_messages(path, "AAPL", None))) == 1
    with pytest.raises(UsageError, match=f"{path.name}: sample/{NAME} is about AAPL, not MSFT"):
        list(read_messages(path, "MSFT", None))


def test_of_a_zip_the_orderbook_and_the_text_beside_the_messages_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "LOBSTER_SampleFile_AAPL_2012-06-21_10.zip"
    with ZipFile(path, "w") as packed:
        packed.writestr("LOBSTER_SampleFiles_ReadMe.txt", "LOBSTER | academic data.\n")
        packed.writestr(NAME.replace("message", "orderbook"), "5853400,1,5853300,18\n")
        packed.writestr(f"__MACOSX/._{NAME}", "\x00\x05\x16\x07Mac OS X\n")
        packed.writestr(NAME, ROW + "\n")
    assert list(read_messages(path, "AAPL", None)) == [("messages:AAPL:2012-06-21", ROW.encode())]


def test_a_file_of_which_no_row_can_be_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, NAME)
    path.write_text(ROW.replace(",", ";"))
    with pytest.raises(UsageError, match=f"no row of {path} has six fields with commas between them") as caught:
        list(read_messages(path, "AAPL", None))
    assert caught.value.hint == f"cat {path} | head"


def test_an_archive_that_cannot_be_read_is_no_file_of_messages(tmp_path: Path) -> None:
    path = tmp_path / "AAPL_2012-06-21_34200000_57600000_message_10.7z"
    path.write_bytes(b"7z\xbc\xaf\x27\x1c\x00\x04, packed\n")
    with pytest.raises(UsageError, match="is a 7z archive") as caught:
        list(read_messages(path, "AAPL", None))
    assert caught.value.hint == f"7z x {path}"


def test_a_name_of_several_days_tells_none_of_them(tmp_path: Path) -> None:
    path = written(tmp_path, "export_2024-01-05_AAPL_2012-06-21_34200000_57600000_message_10.csv")
    with pytest.raises(UsageError, match="names several days: 2012-06-21, 2024-01-05"):
        list(read_messages(path, "AAPL", None))
    assert next(iter(read_messages(path, "AAPL", None, "2012-06-21")))[0] == "messages:AAPL:2012-06-21"
    month = tmp_path / "AAPL_2012-06-01_2012-06-30_10.zip"
    with ZipFile(month, "w") as packed:
        packed.writestr(NAME, ROW + "\n")
    assert next(iter(read_messages(month, "AAPL", None)))[0] == "messages:AAPL:2012-06-21"
    with ZipFile(month, "w") as packed:  # a folder of several days, which is called by what lies beside them as well
        packed.writestr(f"AAPL_2012-06-01_2012-06-30_orderbook_10/{NAME}", ROW + "\n")
    assert list(read_messages(month, "AAPL", None)) == [("messages:AAPL:2012-06-21", ROW.encode())]
