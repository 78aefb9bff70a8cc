"""Files of IQFeed's lookup answers, however they are packed, as documents."""

import gzip
import shutil
import subprocess
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


def test_a_refusal_behind_whole_documents_is_handed_on(tmp_path: Path) -> None:
    (path, *_) = packed(tmp_path, f"{TICK}\n" * ROWS + "R1,!ENDMSG!,\nR2,E,Invalid symbol.,,\nR2,!ENDMSG!,\n")
    assert [body for _, body in read_ticks(path, "XYZ")][1:] == [b"R1,!ENDMSG!,\nR2,E,Invalid symbol.,,\nR2,!ENDMSG!,"]


def test_the_tag_of_bars_tells_their_interval_where_it_is_known(tmp_path: Path) -> None:
    (path, *_) = packed(tmp_path, "2026-11-24 09:30:05,10.9,10.1,10.2,10.8,5000,700,12,\n")
    assert [tag for tag, _ in read_bars(path, "XYZ", 5)] == ["bars:XYZ:5"]
    assert [tag for tag, _ in read_bars(path, "XYZ")] == ["bars:XYZ:"]
    assert [tag for tag, _ in read_bars(path, "XYZ", 5, stamped_at_end=True)] == ["bars:XYZ:5e"]


def dated(folder: Path, dates: str) -> Path:
    """Rows of days, weeks or months, which tell no more of their length than their dates do."""
    path = folder / "dated.csv"
    path.write_text("".join(f"{day},10.9,10.1,10.2,10.8,5000,0,\n" for day in dates.split(";")))
    return path


@pytest.mark.parametrize(
    "dates",
    [
        "2021-03-12;2021-03-19;2021-03-26;2021-04-01;2021-04-09",  # Good Friday's ends on Thursday
        "2021-01-29;2021-02-26;2021-03-31;2021-04-30",
        "2021-03-19;2021-03-26;2021-03-29",  # the last of them is not over
        "2021-03-19 00:00:00;2021-03-26 00:00:00",
    ],
)
def test_weeks_and_months_are_not_taken_for_days(tmp_path: Path, dates: str) -> None:
    with pytest.raises(UsageError, match=r"no two rows of \S+ lie in one week") as error:
        read_bars(dated(tmp_path, dates), "XYZ")
    assert "--interval 1wk" in error.value.hint
    said = [tag for tag, _ in read_bars(dated(tmp_path, dates), "XYZ", 86_400)]
    assert said == ["bars:XYZ:86400"], "who says so knows"


@pytest.mark.parametrize(
    ("dates", "tag"),
    [
        ("2021-03-25;2021-03-26", "bars:XYZ:86400"),
        ("2020-09-11;2021-01-08;2021-03-25;2021-03-26;2021-05-07", "bars:XYZ:86400"),  # halts, long ones
        ("2021-03-25 00:00:00;2021-03-26 00:00:00", "bars:XYZ:86400"),
        ("2021-03-26", "bars:XYZ:"),  # one row tells nothing; the feed takes it for a day
    ],
)
def test_days_are_found_however_far_apart_some_of_them_are(tmp_path: Path, dates: str, tag: str) -> None:
    assert [tag for tag, _ in read_bars(dated(tmp_path, dates), "XYZ")] == [tag]


@pytest.mark.parametrize(
    ("dates", "interval", "words"),
    [
        ("2021-03-25;2021-03-26", 604_800, "rows of .* lie in one week"),
        ("2021-01-29;2021-02-26;2021-03-31", 604_800, "they are months, which make no bars"),
        ("2021-01-29;2021-02-26;2021-03-31", 2_592_000, "IQFeed has bars of a day and of a week, not of 2592000 s"),
    ],
)
def test_rows_that_are_no_weeks_are_refused_as_weeks(tmp_path: Path, dates: str, interval: int, words: str) -> None:
    with pytest.raises(UsageError, match=words) as error:
        read_bars(dated(tmp_path, dates), "XYZ", interval)
    assert error.value.hint


def test_weeks_are_taken_where_the_user_says_that_they_are(tmp_path: Path) -> None:
    for dates in ("2021-03-19;2021-03-26;2021-04-01", "2021-03-26;2021-04-01", "2021-03-26"):
        assert [tag for tag, _ in read_bars(dated(tmp_path, dates), "XYZ", 604_800)] == ["bars:XYZ:604800"]


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


def test_the_hour_that_comes_twice_in_autumn_does_not_go_back_in_time(tmp_path: Path) -> None:
    first, again = (f"{TICK.replace('11-24 09:30', f'11-01 {clock}')}\n" * ROWS for clock in ("01:50", "01:05"))
    (path, *_) = packed(tmp_path, first + again)
    assert len(list(read_ticks(path, "XYZ"))) == 2
    (path, *_) = packed(tmp_path, (first + again).replace("11-01", "11-02"))
    with pytest.raises(UsageError, match="goes back in time"):
        list(read_ticks(path, "XYZ"))


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


def test_the_hint_turns_a_file_round_as_it_is_packed(tmp_path: Path) -> None:
    """``tac`` of a zip or a gzip gave garbage."""
    later, sooner = TICK, TICK.replace("11-24", "11-23")
    (tmp_path / "a file").mkdir()
    for path in packed(tmp_path / "a file", f"{later}\n{sooner}\n"):
        with pytest.raises(UsageError, match="goes back in time") as error:
            list(read_ticks(path, "XYZ"))
        command, _, _ = error.value.hint.partition("   #")
        if shutil.which(command.partition(" ")[0]) is None:
            assert command.startswith("unzip"), "not on every machine"
            continue
        subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, check=True, timeout=30)
        assert (tmp_path / "oldest-first").read_text() == f"{sooner}\n{later}\n"


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
