"""`breadboard import`: a vendor's history by the command a person types, through journal, engine and store."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from breadboard.app.past import history
from breadboard.app.places import Places
from breadboard.cli import run
from breadboard.recordings import Batch
from breadboard.recordings.history import open_history
from typed import ask, brought

TICKS = [
    "2026-11-24 09:30:00.000001,10.5,100,100,10.49,10.51,7,C,11,01,1,4,",
    "2026-11-24 09:30:01.500000,10.75,50,150,10.49,10.76,8,C,11,01,2,4,",
    "2026-11-24 09:30:01.600000,99,1,151,10.49,10.76,9,O,11,01,0,4,",
    "2026-11-24 09:31:02.000000,10.25,25,176,10.2,10.3,10,E,11,01,1,4,",
]
OPENED_NS = 1_764_000_000_000_000_000 + 31_530_600_000_000_000
"""2026-11-24 09:30 in New York, 14:30 UTC."""


@pytest.fixture
def ticks(tmp_path: Path) -> str:
    path = tmp_path / "ticks.csv"
    path.write_text("\n".join(TICKS))
    return str(path)


def test_ticks_become_trades_and_bars_that_are_final(
    tmp_path: Path, ticks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir = tmp_path / "data"
    result = brought(capsys, data_dir, ticks, "--format", "iqfeed-ticks", "--symbol", "abc")
    assert (result["venue"], result["symbol"]) == ("IQFEED", "ABC")
    assert (result["frames"], result["quarantined"], result["events"]["trade"]) == (1, 0, 4)
    found = ask(
        capsys,
        data_dir,
        "select toUnixTimestamp(ts_open) at, toString(open) o, toString(high) h, toString(low) l, toString(close) c,"
        " toString(volume) v, trades n, state from bars where interval = '1m' order by ts_open",
    )
    assert [row["at"] for row in found] == [OPENED_NS // 1_000_000_000 + 60 * minute for minute in (0, 1)]
    assert [(row["o"], row["h"], row["l"], row["c"], float(row["v"]), row["n"], row["state"]) for row in found] == [
        ("10.5", "10.75", "10.5", "10.75", 150.0, 2, "final"),
        ("10.25", "10.25", "10.25", "10.25", 25.0, 1, "final"),
    ]
    marks = "select distinct provenance from {}"
    for table in ("trades", "bars", "lag"):
        assert ask(capsys, data_dir, marks.format(table)) == [{"provenance": "history"}], table


def test_a_refusal_among_rows_costs_itself_alone_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, data_dir = tmp_path / "ticks.csv", tmp_path / "data"
    path.write_text("\n".join([*TICKS, "B,E,Unauthorized user ID.,,", "B,!ENDMSG!,"]))
    words = ["import", str(path), "--format", "iqfeed-ticks", "--symbol", "abc", "--data-dir", str(data_dir), "--json"]
    assert run(words) == 3
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["events"]["trade"], result["events"]["status"], result["quarantined"]) == (4, 1, 0)
    assert result["missing"] == ["IQFEED refused request B: Unauthorized user ID."]
    assert captured.err == "note: not all of it: IQFEED refused request B: Unauthorized user ID.\n"
    asked = "select status, symbol, detail from statuses where status = 'venue_error'"
    assert ask(capsys, data_dir, asked) == [
        {"status": "venue_error", "symbol": "ABC", "detail": '{"refused":["request B: Unauthorized user ID."]}'}
    ]
    assert ask(capsys, data_dir, "select min(completeness) c from bars") == [{"c": 1}], "nothing is missing of these"


BARS = "2026-11-24 09:31:00,10.9,10.1,10.2,10.8,5000,700,12,\n2026-11-24 09:32:00,10.9,10.1,10.3,10.8,5900,900,12,\n"


def test_bars_stamped_at_their_ends_begin_an_interval_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, words = tmp_path / "bars.csv", ("--format", "iqfeed-bars", "--symbol", "abc")
    path.write_text(BARS)
    query = "select toUnixTimestamp(ts_open) at, toString(open) o from bars where interval = '1m' order by at"
    for stamped, late in ((), 60), (("--stamped-at", "begin"), 60), (("--stamped-at", "end"), 0):
        data_dir = tmp_path / f"data{len(stamped)}{late}"
        brought(capsys, data_dir, str(path), *words, *stamped)
        opened = OPENED_NS // 1_000_000_000 + late
        assert ask(capsys, data_dir, query) == [{"at": opened, "o": "10.2"}, {"at": opened + 60, "o": "10.3"}], stamped
    assert run(["import", str(path), *words, "--stamped-at", "end", "--data-dir", str(data_dir)]) == 2
    assert "already, as bars.csv" in capsys.readouterr().err
    brought(capsys, tmp_path / "data060", "--stamped-at", "end", str(path), *words)
    assert run(["import", str(path), *words, "--stamped-at", "begin", "--data-dir", str(tmp_path / "data060")]) == 2
    assert "already, as bars.csv" in capsys.readouterr().err, "which is what it is without the word"


def test_days_stamped_at_their_ends_are_the_days_that_they_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, data_dir = tmp_path / "days.csv", tmp_path / "data"
    path.write_text("2026-11-23,10.9,10.1,10.2,10.8,5000,0,\n2026-11-24,10.9,10.1,10.2,10.8,5000,0,\n")
    brought(capsys, data_dir, str(path), "--format", "iqfeed-bars", "--symbol", "abc", "--stamped-at", "end")
    days = "select toString(toDate(ts_open, 'America/New_York')) day from bars order by day"
    assert ask(capsys, data_dir, days) == [{"day": "2026-11-23"}, {"day": "2026-11-24"}]


def test_an_import_ended_half_way_goes_on_with_the_same_stamps_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, data_dir = tmp_path / "bars.csv", tmp_path / "data"
    path.write_text(BARS)
    words = [str(path), "--format", "iqfeed-bars", "--symbol", "abc"]
    whole: Callable[..., Iterator[Batch]] = open_history

    def ended(*about: object, **more: object) -> Iterator[Batch]:
        yield from islice(whole(*about, **more), 1)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("breadboard.app.importing.open_history", ended)
        with suppress(KeyboardInterrupt):
            run(["import", *words, "--stamped-at", "end", "--data-dir", str(data_dir)])
    assert run(["import", *words, "--data-dir", str(data_dir)]) == 2
    assert "an import of bars.csv was ended half way" in capsys.readouterr().err
    brought(capsys, data_dir, *words, "--stamped-at", "end")
    first = "select min(toUnixTimestamp(ts_open)) at from bars"
    assert ask(capsys, data_dir, first) == [{"at": OPENED_NS // 1_000_000_000}]


def test_what_came_from_files_never_shares_a_source_number_with_a_connection(
    tmp_path: Path, ticks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places(tmp_path / "data").made()
    places.write_source_numbers({"binance/0/0/0": 0, "coinbase/0/0/0": 1})  # planned, and never connected
    for symbol in ("ABC", "XYZ"):
        brought(capsys, places.root, ticks, "--format", "iqfeed-ticks", "--symbol", symbol)
    assert {number: known.carried for number, known in history(places.journal).items()} == {2: True, 3: True}


def test_a_file_that_cannot_be_read_to_its_end_keeps_all_of_them_out(
    tmp_path: Path, ticks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    later, data_dir = tmp_path / "later.csv", tmp_path / "data"
    rows = [f"2026-11-25 09:30:00.{n:06},10.5,100,100,10.49,10.51,{n},C,11,01,1,4," for n in range(5_001)]
    later.write_text("\n".join([*rows, "2026-11-24 09:30:00.000000,10.5,100,100,10.49,10.51,1,C,11,01,1,4,"]))
    words = ("--format", "iqfeed-ticks", "--symbol", "abc", "--data-dir", str(data_dir))
    assert run(["import", ticks, str(later), *words]) == 2
    assert f"{later} goes back in time" in capsys.readouterr().err
    assert not data_dir.exists(), "nothing of the first file, and not the first 5,000 rows of the second"
    later.write_text("\n".join(rows))
    brought(capsys, data_dir, ticks, str(later), *words[:-2])
    assert ask(capsys, data_dir, "select count() n from trades") == [{"n": 5_005}]


def test_the_same_file_is_not_brought_in_twice(tmp_path: Path, ticks: str, capsys: pytest.CaptureFixture[str]) -> None:
    data_dir, words = tmp_path / "data", (ticks, "--format", "iqfeed-ticks", "--symbol")
    brought(capsys, data_dir, *words, "abc")
    copy = tmp_path / "copy.csv"
    copy.write_bytes(Path(ticks).read_bytes())
    for path in (ticks, str(copy)):
        assert run(["import", path, *words[1:], "ABC", "--data-dir", str(data_dir)]) == 2
        told = capsys.readouterr().err
        assert "already, as ticks.csv" in told
        assert "hint: breadboard import" in told
    brought(capsys, data_dir, *words, "xyz")
    assert ask(capsys, data_dir, "select symbol, count() n from trades group by symbol order by symbol") == [
        {"symbol": "ABC", "n": 4},
        {"symbol": "XYZ", "n": 4},
    ]
    assert run(["import", ticks, ticks, *words[1:], "NEW", "--data-dir", str(data_dir)]) == 2


BEGIN, END = (f"{datetime.now(UTC) - timedelta(days=back):%Y-%m-%d}" for back in (20, 16))
FROM, TO = ("--from", BEGIN), ("--to", END)


@pytest.mark.parametrize(
    ("words", "sentence", "hint"),
    [
        (["yahoo-chart"], "there is nothing to import: neither a FILE nor a time", "--from 2026-11-02 --to 2026-11-06"),
        (["yahoo-chart", *TO], f"--to {END} has no --from", f"--from {END} --to {END}"),
        (["yahoo-chart", "FILE", *FROM], "is read as it is, and --from asks a source", "leave out --from"),
        (["yahoo-chart", "FILE", "--url", "http://v"], "is read as it is, and --url asks a source", "leave out --url"),
        (["yahoo-chart", "--from", END, "--to", BEGIN], f"{END} is not before --to {BEGIN}", f"--from {BEGIN} --to"),
        (["yahoo-chart", "--from", "2999-01-01"], "--from 2999-01-01 has not come yet", "--from 20"),
        (["yahoo-chart", "--from", "2.11.2026"], "takes a day or a moment, not '2.11.2026'", "2026-11-02T09:30"),
        (["yahoo-chart", "--from", "2026-02-30"], "takes a day or a moment, not '2026-02-30'", "2026-11-02"),
        (["yahoo-chart", *FROM, "--interval", "1 minute"], "--interval takes a length of time", "--interval 1m"),
        (["yahoo-chart", *FROM, "--interval", "30m"], "Yahoo has no charts of '30m'", "fetch 15m"),
        (["yahoo-chart", *FROM, "--interval", "7m"], "Yahoo has no charts of '7m'", "choose from: 1m"),
        (["yahoo-chart", "--from", "2020-01-01"], "Yahoo has 1m charts of the last 29 days", "--interval 1d"),
        (
            ["yahoo-chart", *FROM, "--interval", "1d", "--url", "ftp://v"],
            "--url 'ftp://v' is no address of HTTP",
            "--url http://",
        ),
        (["iqfeed-ticks", *FROM, "--url", "http://v"], "is not the address of an IQFeed gateway", "?depth=9200"),
        (["iqfeed-ticks", *FROM, "--interval", "1m"], "iqfeed-ticks has no bars", "leave --interval out"),
        (["iqfeed-bars", *FROM, "--interval", "1wk"], "nobody says when bars of 604800 s begin", "--interval 1h"),
        (["massive-aggs", *FROM], "MASSIVE asks for a key, and MASSIVE_API_KEY is not set", "export MASSIVE_API_KEY="),
        (
            ["yahoo-chart", "FILE", "--stamped-at", "begin"],
            "is about bars of iqfeed-bars, csv, parquet, not of yahoo-chart",
            "leave out",
        ),
        (
            ["iqfeed-bars", *FROM, "--stamped-at", "end"],
            "is about files, and without one iqfeed-bars",
            "leave out --stam",
        ),
        (["iqfeed-bars", "FILE", "--stamped-at", "middle"], "'middle' is not one of 'begin', 'end'", "--help"),
        (["lean-trades", *FROM], "lean-trades is files, and nobody can be asked", "import FILE --format lean-trades"),
        (["xlsx", *FROM], "'xlsx' is not one of 'iqfeed-ticks'", "breadboard import --help"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_sentence_and_leaves_nothing(
    tmp_path: Path,
    ticks: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    sentence: str,
    hint: str,
) -> None:
    for name in ("MASSIVE_API_KEY", "POLYGON_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    line = ["import", "--symbol", "ABC", "--data-dir", str(tmp_path / "data"), "--format"]
    assert run(line + [ticks if word == "FILE" else word for word in words]) == 2
    error, second = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert sentence in error
    assert second.startswith("hint: ")
    assert hint in second
    assert not (tmp_path / "data").exists()


def test_massive_has_no_bars_of_a_day_and_an_hour(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MASSIVE_API_KEY", "k3y")
    line = ["import", "--symbol", "ABC", "--data-dir", str(tmp_path / "data"), "--format", "massive-aggs", *FROM]
    assert run([*line, "--interval", "25h"]) == 2
    assert "nobody says when bars of 90000 s begin in massive-aggs" in capsys.readouterr().err


def test_saved_trades_of_massive_are_imported_in_the_order_of_time_or_not_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"price": 10 + at, "size": 5, "sip_timestamp": OPENED_NS + at, "sequence_number": at, "id": str(at)}
        for at in range(3)
    ]
    path, data = tmp_path / "trades.json", tmp_path / "data"
    words = ("--format", "massive-trades", "--symbol", "ABC")
    path.write_text(json.dumps({"status": "OK", "results": rows[::-1]}))
    assert run(["import", str(path), *words, "--data-dir", str(data)]) == 2
    assert "goes back in time" in capsys.readouterr().err
    path.write_text(json.dumps({"status": "OK", "results": rows}))
    assert brought(capsys, data, str(path), *words)["events"]["trade"] == 3
    assert ask(capsys, data, "select sequence n, toString(price) p, provenance from trades order by n") == [
        {"n": at, "p": str(10 + at), "provenance": "history"} for at in range(3)
    ]


def many(path: Path, count: int) -> Path:
    """Write so many ticks, twenty a second: more than one document."""
    begin = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    times = (f"{begin + timedelta(milliseconds=50 * at):%Y-%m-%d %H:%M:%S.%f}" for at in range(count))
    rows = (f"{time},10.{at % 90 + 10},1,{at + 1},10.49,10.51,{at + 1},C,11,01,1,4," for at, time in enumerate(times))
    path.write_text("\n".join(rows))
    return path


@pytest.mark.parametrize("documents", [1, 3])
def test_an_import_that_was_ended_goes_on_where_it_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, documents: int
) -> None:
    data_dir, count = tmp_path / "data", 150_000
    file, other = many(tmp_path / "many.csv", count), tmp_path / "other.csv"
    other.write_text("\n".join(TICKS))
    words = ("--format", "iqfeed-ticks", "--symbol", "abc")
    whole: Callable[..., Iterator[Batch]] = open_history

    def ended(*about: object, **more: object) -> Iterator[Batch]:
        found = whole(*about, **more)
        yield from islice(found, 1 + documents)  # with the EPOCH before them
        if documents == 3:
            yield from found  # all came, and nobody noted it
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("breadboard.app.importing.open_history", ended)
        with suppress(KeyboardInterrupt):
            run(["import", str(file), *words, "--data-dir", str(data_dir)])
    assert run(["import", str(other), *words, "--data-dir", str(data_dir)]) == 2
    assert "an import of many.csv was ended half way" in capsys.readouterr().err
    brought(capsys, data_dir, str(file), *words)
    asked = "select count() n, uniqExact(trade_id) ids, toFloat64(sum(size)) v from trades"
    assert ask(capsys, data_dir, asked) == [{"n": count, "ids": count, "v": float(count)}]
    asked = "select toFloat64(sum(volume)) v, sum(trades) n from bars where interval = '1m'"
    assert ask(capsys, data_dir, asked) == [{"v": float(count), "n": count}]
    assert run(["import", str(file), *words, "--data-dir", str(data_dir)]) == 2
    assert "already, as many.csv" in capsys.readouterr().err
    brought(capsys, data_dir, str(other), *words)
