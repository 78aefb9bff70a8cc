"""A rule over recorded history: what holds for the engine that recorded it holds for the trial."""

import gzip
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from breadboard.app import backtest, suspects
from breadboard.app.asking import question
from breadboard.app.places import Places
from breadboard.app.question import Window, parsed
from breadboard.cli import run
from breadboard.clock import ManualClock
from breadboard.engine.rules import Rules
from breadboard.errors import UsageError
from breadboard.journal import identity
from breadboard.model.decimals import ABSENT, INT64_MAX
from breadboard.model.kinds import EventKind
from breadboard.model.tape import Tape
from typed import brought

RULES = '[[rules]]\nname = "up"\nkind = "cross"\ndirection = "up"\nthreshold = 10.5\n'
DAYS = ("2026-11-23", "2026-11-24", "2026-11-25")


def ticks(tmp_path: Path, day: str, prices: tuple[str, ...]) -> str:
    """Return a file of a print a second, from half past nine in New York on."""
    path = tmp_path / f"{day}.csv"
    rows = [
        f"{day} 09:30:{at:02}.000000,{price},100,{100 * at + 100},10.1,10.9,{at},C,11,01,1,4,"
        for at, price in enumerate(prices)
    ]
    path.write_text("\n".join(rows))
    return str(path)


@pytest.fixture
def data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A data directory of three days of a stock, each of which crosses the price of the rule once."""
    for day in DAYS:
        brought(
            capsys, tmp_path / "data", ticks(tmp_path, day, ("10", "11")), "--format", "iqfeed-ticks", "--symbol", "abc"
        )
    (tmp_path / "rules.toml").write_text(RULES)
    return tmp_path / "data"


def tried(data: Path, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - of a trial
    return backtest.run(backtest.Trial("up", data, data.parent / "rules.toml", **more))


def test_a_frame_that_is_condemned_is_condemned_here_too(data: Path) -> None:
    whole = [one["offset"] for one in tried(data)["alerts"]]
    assert len(whole) == 3
    places = Places(data)
    for journal, left in ((identity(places.journal), [whole[0], whole[2]]), (identity(places.journal) + 1, whole)):
        places.suspects.write_text(json.dumps({"condemned": [whole[1]], "journal": journal}))
        before = places.suspects.read_bytes()
        assert suspects.condemned(places.suspects, identity(places.journal)) == ((whole[1],) if left != whole else ())
        assert [one["offset"] for one in tried(data)["alerts"]] == left
        assert places.suspects.read_bytes() == before


def test_a_frame_on_which_a_stage_raises_costs_itself_alone(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [one["offset"] for one in tried(data)["alerts"]]
    sound = Rules.on_tape

    def planted(self: Rules, tape: Tape, *more: Any) -> Any:  # noqa: ANN401 - as it is called
        if np.any((tape.offset == whole[1]) & (tape.kind == EventKind.TRADE)):
            raise ZeroDivisionError("planted")
        return sound(self, tape, *more)

    monkeypatch.setattr(Rules, "on_tape", planted)
    assert [one["offset"] for one in tried(data)["alerts"]] == [whole[0], whole[2]]


def test_times_are_told_as_they_were_given_and_held_by_64_bits() -> None:
    def span(begin: str | None, end: str | None) -> tuple[int, int]:
        return backtest.span(("--from", begin), ("--to", end))

    assert span(None, None) == (-INT64_MAX, INT64_MAX)
    assert span("1970-01-02", "1970-01-02") == (86_400 * 10**9, 2 * 86_400 * 10**9)
    assert span("2300-01-01", None) == (INT64_MAX, INT64_MAX)
    assert span(None, "1600-01-01") == (-INT64_MAX, -INT64_MAX)
    assert span("0001-01-01", "9999-12-31") == (-INT64_MAX, INT64_MAX)
    assert span("2300-01-01", "2300-01-01") == (INT64_MAX, INT64_MAX)
    with pytest.raises(UsageError, match=r"^--from 2301-01-01 is not before --to 2300-01-01$"):
        span("2301-01-01", "2300-01-01")
    with pytest.raises(UsageError, match=r"^--to takes a day or a moment, not '9999-12-32'$"):
        span(None, "9999-12-32")


@pytest.mark.parametrize(("zone", "west_s"), [("UTC", 0), ("America/New_York", 5 * 3600)])
def test_the_last_day_that_dates_can_tell_has_an_end(zone: str, west_s: int) -> None:
    begin, end = (parsed("--to", "9999-12-31", ZoneInfo(zone), end=end) for end in (False, True))
    assert (begin, end) == ((253_402_214_400 + west_s) * 10**9, (253_402_300_800 + west_s) * 10**9)
    before = parsed("--to", "9999-12-30", ZoneInfo(zone), end=True)
    assert before == begin
    asked = question("massive-trades", "ABC", None, Window("2023-01-03", "9999-12-31"), "", "", ManualClock())
    assert asked.to_ns == asked.now_ns, "an import is asked for until now at the latest"


NOTHING = "nothing is recorded of any instrument"
REACH = "the journal reaches from 2026-11-23T14:30:00.000000000Z to 2026-11-25T14:30:01.000000000Z"
REACH_HINT = "hint: --from 2026-11-23 --to 2026-11-25"


def test_events_are_those_of_the_times_asked_for(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    recorded = {"from": "2026-11-23T14:30:00.000000000Z", "to": "2026-11-25T14:30:01.000000000Z"}
    minute = tried(data, begin=f"{DAYS[1]}T14:30", end=f"{DAYS[1]}T14:31")
    assert (minute["fired"], minute["events"], minute["recorded"]) == (1, 2, recorded)
    second = tried(data, begin=f"{DAYS[0]}T14:30:01", end=f"{DAYS[1]}T14:30:01")
    assert (second["fired"], second["events"], second["recorded"]) == (1, 2, recorded)
    whole = tried(data)
    assert (whole["fired"], whole["recorded"]) == (3, recorded)
    # What the source says of itself has the time of the import.
    assert whole["events"] == 6 + 2 * len(DAYS)
    assert minute["note"] == second["note"] == whole["note"] == ""


def test_where_nothing_is_recorded_that_is_said(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    for begin, end, times in (
        ("2300-01-01", None, "from 2300-01-01 on"),
        ("2020-01-01", "2020-01-02", "from 2020-01-01 to 2020-01-02"),
        (None, "2020-01-02", "until 2020-01-02"),
        ("2026-11-24T14:30:02", "2026-11-24T14:30:03", "from 2026-11-24T14:30:02 to 2026-11-24T14:30:03"),
    ):
        found = tried(data, begin=begin, end=end)
        assert (found["fired"], found["events"], found["from"], found["to"]) == (0, 0, begin, end)
        assert found["note"] == f"{NOTHING} {times}: {REACH}"
    words = ["rules", "test", "up", "--rules", str(data.parent / "rules.toml"), "--data-dir", str(data)]
    assert run([*words, "--from", "2020-01-01", "--to", "2020-01-01"]) == 0
    told = capsys.readouterr()
    assert "It would have fired 0 times. (0 events, " in told.out
    assert f"\n{NOTHING} from 2020-01-01 to 2020-01-01: {REACH}\n{REACH_HINT}\nIt would have" in told.out


def test_what_a_source_says_of_itself_is_no_record_of_an_instrument() -> None:
    """It has the time at which it came: that of an import, not of the history in it."""
    heard = backtest._Heard(10, 30)
    assert (heard.reach(), heard.missed(None, None)) == (None, "nothing is recorded of any instrument yet")
    kinds = [int(EventKind.STATUS), int(EventKind.TRADE)]
    times = {"ts_event": [ABSENT, 2 * 10**9], "ts_recv": [20, 20]}
    assert heard.take(Tape.of(2, {"kind": kinds, "instrument": [-1, 0], **times}))
    assert (heard.events, heard.of_instruments) == (1, 0)
    assert heard.reach() == dict.fromkeys(("from", "to"), "1970-01-01T00:00:02.000000000Z")
    assert heard.missed("A", None).startswith("nothing is recorded of any instrument from A on: the journal reaches")
    assert heard.take(Tape.of(1, {"kind": kinds[1:], "instrument": [0], "ts_event": [29], "ts_recv": [1]}))
    assert (heard.events, heard.of_instruments, heard.missed("A", None)) == (2, 1, "")
    assert not heard.take(Tape.of(0, {}))


def test_the_configuration_is_that_of_the_replay_or_of_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, recorded, config = tmp_path / "data", tmp_path / "trades.gz", tmp_path / "house.toml"
    (tmp_path / "rules.toml").write_text('[[rules]]\nname = "up"\nkind = "anomaly"\n')
    config.write_text('[engine]\nanomalies = ["all"]\n')
    begin = 1_723_161_600_000
    # The third trade is older than the second.
    trades = [(begin + at, {"e": "trade", "E": begin + at, "T": begin + at}) for at in (0, 500, 200, 700)]
    with gzip.open(recorded, "wt") as file:
        for number, (when, trade) in enumerate(trades):
            said = trade | {"s": "BTCUSDT", "t": number, "p": "100.0", "q": "1.0", "m": True}
            file.write(f"{when * 1_000_000} {json.dumps({'stream': 'btcusdt@trade', 'data': said})}\n")
    words = ["replay", str(recorded), "--venue", "binance", "--format", "hftbacktest", "--data-dir", str(data)]
    assert run([*words, "--json"]) == 0
    with pytest.raises(UsageError, match="is over anomalies, which nobody looks for"):
        tried(data)
    assert tried(data, config=config)["fired"] == 0
    config.write_text("")
    with pytest.raises(UsageError, match=r"house\.toml: rule 'up' is over anomalies"):
        tried(data, config=config)
    config.write_text('[engine]\nanomalies = ["all"]\n')
    again = tmp_path / "again"
    assert run([*words[:-1], str(again), "--config", str(config), "--json"]) == 0
    assert tried(again)["fired"] == 0
    capsys.readouterr()
    (tmp_path / "rules.toml").write_text(RULES)
    assert tried(again)["late"] == 1
    assert run(["rules", "test", "up", "--rules", str(tmp_path / "rules.toml"), "--data-dir", str(again)]) == 0
    assert "1 trade is older than one before it, and moved nothing" in capsys.readouterr().out


def test_a_replay_leaves_the_configuration_of_what_runs_there(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places(tmp_path / "live")
    config = tmp_path / "live.toml"
    config.write_text('[[feeds]]\nvenue = "binance"\nsymbols = ["BTCUSDT"]\n')
    from breadboard.config_file import load

    places.made().write_config(load(config, {"data_dir": str(places.root)}))
    words = ["replay", str(data / "journal"), "--data-dir", str(places.root), "--json"]
    assert run(words) == 0
    assert [feed.venue for feed in places.config().feeds] == ["binance"]
    capsys.readouterr()


def test_history_that_is_older_than_what_is_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.toml").write_text(RULES)
    files = [ticks(tmp_path, day, ("10", "11", "10")) for day in (DAYS[2], DAYS[0])]
    words = ["--format", "iqfeed-ticks", "--symbol", "abc", "--data-dir", str(tmp_path / "data"), "--json"]
    assert run(["import", files[0], *words]) == 0
    assert "note:" not in capsys.readouterr().err
    assert run(["import", files[1], *words]) == 0
    told = capsys.readouterr()
    late = json.loads(told.out)["not_in_bars"]["too_late"]
    assert late > 0
    assert f"{late:,} trades" in told.err
    assert "hint: import the oldest first, or into a data directory of its own: --data-dir ABC-data" in told.err
    # Rules begin anew with a history that goes back.
    days = [one["time"][:10] for one in tried(tmp_path / "data")["alerts"]]
    assert days == [DAYS[2], DAYS[0]]
