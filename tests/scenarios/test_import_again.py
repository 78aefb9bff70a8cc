"""`breadboard import` of a time that the data directory holds in part: each tick counts once, and holes are filled."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from breadboard.app import house, known_ticks
from breadboard.app.held_ticks import HeldTicks
from breadboard.app.places import Places
from breadboard.cli import run
from breadboard.config import Config
from breadboard.journal import Writer
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.kinds import GapReason, Provenance, RecordKind
from breadboard.model.tape import Tape
from breadboard.recordings import Batch
from breadboard.recordings.history import open_history
from breadboard.recordings.history_iqfeed import span as iqfeed_span
from breadboard.recordings.history_massive import span as massive_span
from breadboard.store.clickhouse import ClickHouseStore
from typed import ask, brought

S = 10**9
BEGAN = datetime(2026, 11, 24, 10, 0, tzinfo=ZoneInfo("America/New_York"))
T = int(BEGAN.timestamp()) * S
NAMES = (
    b"S,CURRENT UPDATE FIELDNAMES,Symbol,Most Recent Trade,Most Recent Trade Size,Most Recent Trade Date,Most Recent"
    b" Trade Time,Most Recent Trade Market Center,TickID,Most Recent Trade Conditions,Most Recent Trade Aggressor,Bid,"
    b"Bid Size,Bid Time,Ask,Ask Size,Ask Time,Message Contents,"
)
HEARD = (1, 2, 3, 7, 8, 9)
"""Seconds after ten; a trade each. Between the third and the seventh the connection was gone."""
WORDS = ("--format", "massive-trades", "--symbol", "ABC")
TOTAL = "select toFloat64(sum(size)) v, count() n, uniqExact(ts_event) t from trades"


def massive(second: int) -> bytes:
    trade = {"ev": "T", "sym": "ABC", "x": 12, "i": str(second), "p": 100 + second, "s": 100, "q": second}
    return json.dumps([trade | {"t": (T + second * S) // 10**6}]).encode()


def iqfeed(second: int) -> bytes:
    at = BEGAN + timedelta(seconds=second)
    return f"Q,ABC,{100 + second},100,{at:%m/%d/%Y},{at:%H:%M:%S.%f},5,7,01,1,,,,,,,C,".encode()


def heard(data: Path, venue: str, frames: list[bytes], seconds: tuple[int, ...] = HEARD) -> None:
    """Record a day of a connection; nobody has processed it yet."""
    writer = Writer.open(data / "journal")
    opens = Epoch(2, 1, venue, "tcp://there", ("ABC",), Provenance.LIVE, open=True)
    gap = Gap(2, GapReason.DISCONNECT, T + 3 * S + 1000, T + 6 * S + 500_000_000)
    writer.append(RecordKind.EPOCH, 2, 1, [msgspec.json.encode(opens)], [T], 5)
    if venue == "IQFEED":
        writer.append(RecordKind.DATA, 2, 1, [NAMES], [T], 5)
    for second, frame in zip(seconds, frames, strict=True):
        if second == 7:
            writer.append(RecordKind.GAP, 2, 1, [msgspec.json.encode(gap)], [gap.ts_to], 5)
        writer.append(RecordKind.DATA, 2, 1, [frame], [T + second * S + 1000], 5)
    end = writer.append(
        RecordKind.EPOCH, 2, 1, [msgspec.json.encode(msgspec.structs.replace(opens, open=False))], [T + 60 * S], 5
    )
    writer.sync(end, 30)
    writer.close()


def result(second: int, **other: object) -> dict[str, object]:
    told = {"exchange": 12, "id": str(second), "price": 100 + second, "sequence_number": second, "size": 100}
    return told | {"sip_timestamp": T + second * S + 77} | other  # of the stream come milliseconds


def saved(path: Path, results: list[dict[str, object]]) -> str:
    path.write_text(json.dumps({"status": "OK", "results": results}))
    return str(path)


def tick(second: int, basis: str = "C") -> str:
    at = BEGAN + timedelta(seconds=second)
    return f"{at:%Y-%m-%d %H:%M:%S.%f},{100 + second},100,{second * 100},99,101,7,{basis},5,01,1,4,"


def reasons(data: Path) -> list[str]:
    """Return why connections ended, as the journal has it."""
    record = b"".join(path.read_bytes() for path in sorted((data / "journal").rglob("*.seg*")))
    return [part.split(b'"')[0].decode() for part in record.split(b'"reason":"')[1:]]


@pytest.mark.parametrize("venue", ["MASSIVE", "IQFEED"])
def test_ticks_that_were_heard_are_left_out_and_those_of_a_gap_come_in(
    venue: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, again = tmp_path / "data", tmp_path / "again"
    if venue == "MASSIVE":
        heard(data, venue, [massive(second) for second in HEARD])
        file, form = saved(tmp_path / "trades.json", [result(second) for second in range(1, 11)]), "massive-trades"
    else:
        heard(data, venue, [iqfeed(second) for second in HEARD])
        path, form = tmp_path / "ticks.csv", "iqfeed-ticks"
        rows = [tick(second) for second in range(1, 11)]
        rows.insert(2, tick(2, "S"))  # a settlement is no tick
        path.write_text("\n".join([*rows, "!ENDMSG!,"]))
        file = str(path)
    told = brought(capsys, data, file, "--format", form, "--symbol", "ABC")
    span = [note | {"from_ns": note["from_ns"] // S * S, "to_ns": note["to_ns"] // S * S} for note in told["notes"]]
    assert span == [{"symbol": "ABC", "already_there": 6, "from_ns": T + S, "to_ns": T + 9 * S}]
    assert told["events"]["trade"] == 4
    assert ask(capsys, data, TOTAL) == [{"v": 1000.0, "n": 10, "t": 10}]
    assert ask(capsys, data, "select provenance p, count() n from trades group by p order by p") == [
        {"p": "history", "n": 4},
        {"p": "live", "n": 6},
    ]
    whole = "select toFloat64(volume) v, trades n from bars where interval = '1d'"
    assert ask(capsys, data, whole) == [{"v": 1000.0, "n": 10}]
    replayed = brought_again(capsys, data, again)
    assert replayed["digest"] == told["digest"]
    assert ask(capsys, again, whole) == [{"v": 1000.0, "n": 10}]


def brought_again(capsys: pytest.CaptureFixture[str], data: Path, again: Path) -> dict[str, object]:
    assert run(["replay", str(data), "--data-dir", str(again), "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_it_is_told_and_on_record_also_where_nothing_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    heard(data, "MASSIVE", [massive(second) for second in HEARD])
    file = saved(tmp_path / "trades.json", [result(second) for second in HEARD])
    words = ["import", file, "--format", "massive-trades", "--symbol", "ABC", "--data-dir", str(data)]
    assert run(words) == 0
    note = "note: 6 ticks from 2026-11-24T15:00:01Z to 2026-11-24T15:00:09Z are in"
    assert note in capsys.readouterr().err
    assert reasons(data)[-1] == "the history is complete, but for 6 ticks that were here"
    assert ask(capsys, data, TOTAL) == [{"v": 600.0, "n": 6, "t": 6}]


def test_ticks_of_a_time_that_was_heard_and_that_are_none_of_those_count_and_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    heard(data, "MASSIVE", [massive(second) for second in HEARD])
    results = [result(1), result(2, size=70), result(5), result(8, sequence_number=800, id="x"), result(20)]
    words = ["import", saved(tmp_path / "trades.json", results), "--format", "massive-trades", "--symbol", "ABC"]
    assert run([*words, "--data-dir", str(data)]) == 0
    told = capsys.readouterr().err
    assert "note: 1 tick from 2026-11-24T15:00:01Z to 2026-11-24T15:00:01Z is in" in told
    assert "note: 2 ticks from 2026-11-24T15:00:02Z to 2026-11-24T15:00:08Z of a time in which ABC was heard" in told
    assert ask(capsys, data, TOTAL) == [{"v": 970.0, "n": 10, "t": 10}]


def test_the_same_ticks_in_another_file_count_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, words = tmp_path / "data", ("--format", "massive-trades", "--symbol", "ABC")
    brought(capsys, data, saved(tmp_path / "one.json", [result(second) for second in (1, 2, 3)]), *words)
    told = brought(capsys, data, saved(tmp_path / "two.json", [result(second) for second in (2, 3, 4)]), *words)
    assert [(note["already_there"], note.get("not_heard")) for note in told["notes"]] == [(2, None)]
    assert ask(capsys, data, TOTAL) == [{"v": 400.0, "n": 4, "t": 4}]


def test_quotes_that_were_heard_are_there_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    quote = {"ev": "Q", "sym": "ABC", "bx": 12, "bp": 10, "bs": 1, "ax": 12, "ap": 11, "as": 1}
    heard(data, "MASSIVE", [json.dumps([quote | {"t": T // 10**6 + 1000 * s, "q": s}]).encode() for s in HEARD])
    row: dict[str, object] = {
        "bid_exchange": 12,
        "bid_price": 10,
        "bid_size": 100,
        "ask_exchange": 12,
        "ask_price": 11,
        "ask_size": 100,
    }
    results = [row | {"sip_timestamp": T + second * S + 5, "sequence_number": second} for second in range(1, 11)]
    told = brought(
        capsys, data, saved(tmp_path / "quotes.json", results), "--format", "massive-quotes", "--symbol", "ABC"
    )
    assert [note["already_there"] for note in told["notes"]] == [6]
    assert ask(capsys, data, "select count() n, uniqExact(sequence) q from quotes") == [{"n": 10, "q": 10}]


def test_a_correction_of_a_tick_that_was_heard_takes_it_back_and_is_told_of_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    heard(data, "MASSIVE", [massive(second) for second in HEARD])
    file = saved(tmp_path / "trades.json", [result(1), result(2, correction=8), result(3)])
    told = brought(capsys, data, file, "--format", "massive-trades", "--symbol", "ABC")
    assert [{name: note[name] for name in note.keys() - {"from_ns", "to_ns"}} for note in told["notes"]] == [
        {"symbol": "ABC", "already_there": 2}
    ]
    assert ask(capsys, data, "select toFloat64(volume) v, trades n from bars where interval = '1d'") == [
        {"v": 500.0, "n": 5}
    ]


@pytest.mark.parametrize("form", ["massive-trades", "iqfeed-ticks"])
def test_only_documents_of_days_that_are_there_are_decoded_and_the_store_is_opened_once(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, days = tmp_path / "data", (0, 86_400, 86_400 * 2)
    if form == "massive-trades":
        files = [saved(tmp_path / f"{day}.json", [result(day + 1), result(day + 2)]) for day in days]
    else:
        files = [str(tmp_path / f"{day}.csv") for day in days]
        for day, file in zip(days, files, strict=True):
            Path(file).write_text(f"{tick(day + 1)}\n{tick(day + 2)}")
    words = ("--format", form, "--symbol", "ABC")
    brought(capsys, data, files[0], *words)
    decoded: list[str] = []
    opened: list[Places] = []
    read, opens = known_ticks._Look._read, house.open_store

    def reads(look: Any, tag: str, rows: list[bytes]) -> Tape:  # noqa: ANN401 - of a private class
        decoded.append(tag)
        return read(look, tag, rows)

    def is_opened(config: Config, places: Places) -> ClickHouseStore:
        opened.append(places)
        return opens(config, places)

    monkeypatch.setattr(known_ticks._Look, "_read", reads)
    monkeypatch.setattr(house, "open_store", is_opened)
    told = brought(capsys, data, files[1], *words)
    assert (told["events"]["trade"], told["notes"], len(decoded)) == (2, [], 0)
    assert len(opened) == 2  # once to look, once to import
    again = tmp_path / "again"
    again.write_bytes(Path(files[1]).read_bytes().replace(b"[", b"[ ") + b"\n")
    told = brought(capsys, data, str(again), files[2], *words)
    assert [note["already_there"] for note in told["notes"]] == [2]
    assert (told["events"]["trade"], len(decoded)) == (2, 2)  # one document, and its first row alone
    assert ask(capsys, data, TOTAL) == [{"v": 600.0, "n": 6, "t": 6}]


def test_an_answer_says_from_when_to_when_its_ticks_lie() -> None:
    midnight = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp()) * S
    rows = [b"R1,LH,2026-11-24 09:59:59.9,1", b"2026-11-24 16:00:00,1", b"R1,!ENDMSG!"]
    assert iqfeed_span(b"\n".join(rows)) == (midnight + 13 * 3600 * S, midnight + 22 * 3600 * S - 1)
    assert iqfeed_span(b"2026-11-24 09:59:59,1\n2026-11-24 9:59:59,1") is None
    assert iqfeed_span(b"E,No,") is None
    assert massive_span(b'{"results": [{"sip_timestamp": 7, "id": "a"}, {"sip_timestamp": 5}]}') == (5, 7)
    assert massive_span(b'{"results": [{"sip_timestamp": 7}, {"sip_timestamp": "x"}]}') is None


def half(data: Path, files: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Import the first of two files, and end there."""
    whole: Callable[..., Iterator[Batch]] = open_history

    def ended(*about: object, **more: object) -> Iterator[Batch]:
        yield from islice(whole(*about, **more), 2)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("breadboard.app.importing.open_history", ended)
        with suppress(KeyboardInterrupt):
            run(["import", *files, *WORDS, "--data-dir", str(data)])
    capsys.readouterr()


def halves(tmp_path: Path) -> list[str]:
    return [
        saved(tmp_path / f"{name}.json", [result(second) for second in seconds])
        for name, seconds in (("one", range(1, 6)), ("two", range(6, 11)))
    ]


@pytest.mark.parametrize("expired", [False, True])
def test_an_import_that_was_ended_half_way_leaves_out_what_it_left_out_when_it_began(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, expired: bool
) -> None:
    """Its own first half is none of what was there; and what was there may have ``expired`` since."""
    data, files = tmp_path / "data", halves(tmp_path)
    heard(data, "MASSIVE", [massive(second) for second in HEARD])
    half(data, files, capsys, monkeypatch)
    if expired:
        monkeypatch.setattr(HeldTicks, "__bool__", lambda _: False)
    told = brought(capsys, data, *files, *WORDS)
    assert [note["already_there"] for note in told["notes"]] == [6]
    assert ask(capsys, data, TOTAL) == [{"v": 1000.0, "n": 10, "t": 10}]


def test_an_import_that_was_ended_half_way_when_nothing_was_left_out_goes_on_like_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions before had no such look, and wrote no word of it."""
    data, files = tmp_path / "data", halves(tmp_path)
    heard(data, "MASSIVE", [massive(second) for second in HEARD])
    with monkeypatch.context() as patched:
        patched.setattr(HeldTicks, "__bool__", lambda _: False)
        half(data, files, capsys, monkeypatch)
    noted = json.loads((data / "imports.json").read_bytes())
    for name in ("left_out", "notes", "mark"):
        del noted["begun"][name]
    (data / "imports.json").write_text(json.dumps(noted))
    told = brought(capsys, data, *files, *WORDS)
    assert (told["notes"], ask(capsys, data, TOTAL)) == ([], [{"v": 1600.0, "n": 16, "t": 16}])
