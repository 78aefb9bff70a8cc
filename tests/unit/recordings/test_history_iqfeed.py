"""Files of IQFeed's lookup answers, however they are packed, as documents."""

import gzip
from datetime import datetime, timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest

from breadboard.errors import UsageError
from breadboard.recordings.history_iqfeed import ROWS, read_bars, read_ticks
from recordings import recording

TICK = "2026-11-24 09:30:00.000001,10.5,100,1000,10.49,10.51,7,C,11,01,1,4,"
ROWS_OF_ALL_KINDS = f"{TICK}\r\nR1,{TICK}\r\nR1,LH,{TICK}\r\nLH,{TICK}\r\nR1,!ENDMSG!,\r\n"


def packed(folder: Path, text: str) -> list[Path]:
    """The same text as a plain file, a gzip, and a zip."""
    plain, gz, zipped = folder / "ticks.csv", folder / "ticks.csv.gz", folder / "ticks.zip"
    plain.write_bytes(text.encode())
    gz.write_bytes(gzip.compress(text.encode()))
    with ZipFile(zipped, "w") as file:
        file.writestr("ticks.csv", text)
    return [plain, gz, zipped]


def test_rows_go_on_as_they_are_from_plain_gz_and_zip(tmp_path: Path) -> None:
    for path in packed(tmp_path, ROWS_OF_ALL_KINDS):
        ((tag, body),) = read_ticks(path, "XYZ")
        assert tag == "ticks:XYZ"
        assert body.decode().splitlines() == ROWS_OF_ALL_KINDS.splitlines()


def test_big_files_become_documents_of_a_few_thousand_rows(tmp_path: Path) -> None:
    (path, *_) = packed(tmp_path, f"{TICK}\n" * (2 * ROWS) + "!ENDMSG!,\n")
    assert [body.count(b"\n") + 1 for _, body in read_ticks(path, "XYZ")] == [ROWS, ROWS]
    real = list(read_ticks(recording("iqfeed/ticks_oldest.zip"), "NEPT"))
    assert sum(line[:1].isdigit() for _, body in real for line in body.decode().splitlines()) == 32_627


def test_the_tag_of_bars_tells_their_interval_where_it_is_known(tmp_path: Path) -> None:
    (path, *_) = packed(tmp_path, "2026-11-24 09:30:05,10.9,10.1,10.2,10.8,5000,700,12,\n")
    assert [tag for tag, _ in read_bars(path, "XYZ", 5)] == ["bars:XYZ:5"]
    assert [tag for tag, _ in read_bars(path, "XYZ")] == ["bars:XYZ:"]
    assert [tag for tag, _ in read_bars(path, "XYZ", 5, stamped_at_end=True)] == ["bars:XYZ:5e"]


@pytest.mark.parametrize("rest", [0, 1, 3])
def test_all_bars_of_a_file_have_its_interval_also_those_few_at_its_end(tmp_path: Path, rest: int) -> None:
    seconds = [5 * at for at in range(ROWS)] + [5 * ROWS + 10 * at for at in range(rest)]
    stamps = [datetime(2026, 11, 24, 9, 30) + timedelta(seconds=second) for second in seconds]  # noqa: DTZ001 - New York
    text = "".join(f"{stamp:%Y-%m-%d %H:%M:%S},10.9,10.1,10.2,10.8,5000,700,12,\n" for stamp in stamps)
    for path in packed(tmp_path, text):
        assert [tag for tag, _ in read_bars(path, "XYZ")] == ["bars:XYZ:5"] * (1 + bool(rest))


def test_the_newest_first_is_refused_also_within_a_day_where_documents_would_come_in_that_order(tmp_path: Path) -> None:
    days = [f"{TICK.replace('09:30:00', f'{hour:02}:30:00')}\n" * ROWS for hour in (11, 10)]
    (path, *_) = packed(tmp_path, "".join(days))
    with pytest.raises(UsageError, match="goes back in time"):
        list(read_ticks(path, "XYZ"))
    (path, *_) = packed(tmp_path, "".join(reversed(days)))
    assert len(list(read_ticks(path, "XYZ"))) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{TICK}\n{TICK.replace('09:30', '09:29')}\n", ""),
        (f"{TICK}\n{TICK.replace('11-24', '11-23')}\n", "goes back in time"),
        ("hello\n", "holds no rows"),
        ("", "holds no rows"),
        ("!ENDMSG!,\n", "holds no rows"),
    ],
)
def test_what_is_no_history_is_a_sentence_with_a_hint(tmp_path: Path, text: str, words: str) -> None:
    for path in packed(tmp_path, text):
        if not words:
            assert len(list(read_ticks(path, "XYZ"))) == 1, "within a day the feed puts it right"
            continue
        with pytest.raises(UsageError, match=words) as error:
            list(read_ticks(path, "XYZ"))
        assert error.value.hint


def test_a_damaged_zip_and_no_file_are_sentences(tmp_path: Path) -> None:
    (*_, path) = packed(tmp_path, ROWS_OF_ALL_KINDS * 100)
    raw = path.read_bytes()
    path.write_bytes(raw[:60] + b"\x00\xff" * 10 + raw[80:])
    with pytest.raises(UsageError, match="zip"):
        list(read_ticks(path, "XYZ"))
    with pytest.raises(UsageError, match="there is no recording"):
        list(read_ticks(tmp_path / "none.zip", "XYZ"))
    with ZipFile(tmp_path / "long.zip", "w") as file:
        file.writestr("x", "x" * 10_000)
    with pytest.raises(UsageError, match="a line of more than"):
        list(read_ticks(tmp_path / "long.zip", "XYZ"))
