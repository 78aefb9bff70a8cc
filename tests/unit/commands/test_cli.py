"""The command line's fixed shapes: one JSON object on stdout, exit codes, errors as a sentence and a hint."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from breadboard import cli
from breadboard.commands import COMMANDS
from breadboard.commands.options import listing
from breadboard.errors import BreadboardError

STAMP = 1_723_161_253_937_085_768
TRADE = '{"stream":"btcusdt@trade","data":%s}'
BODY = (
    '{"e":"trade","E":1723161253900,"s":"BTCUSDT","t":%d,"p":"61837.50","q":"0.1","T":1723161253900,"m":true,"M":true}'
)
DELTA = (
    '{"stream":"btcusdt@depth","data":{"e":"depthUpdate","E":1723161253900,"s":"BTCUSDT","U":5,"u":6,'
    '"b":[["1.5","2"]],"a":[]}}'
)
REPLAY_KEYS = {
    *("frames", "bytes", "control", "quarantined", "events", "gaps", "checksums", "books", "bars", "alerts"),
    *("opportunities", "clock", "digest", "seconds", "events_per_s"),
}


def recording(path: Path, frames: list[str]) -> Path:
    path.write_text("".join(f"{STAMP + row} {frame}\n" for row, frame in enumerate(frames)))
    return path


def trades(count: int) -> list[str]:
    return [TRADE % (BODY % number) for number in range(1, count + 1)]


def replayed(path: Path, data_dir: Path, *words: str) -> list[str]:
    given = ["--venue", "binance", "--format", "hftbacktest", "--data-dir", str(data_dir), "--json"]
    return ["replay", str(path), *given, *words]


def every(commands: list[click.Command], path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    for command in commands:
        name = (*path, command.name or "")
        if isinstance(command, click.Group):
            yield from every(list(command.commands.values()), name)
        else:
            yield " ".join(name), command


@pytest.mark.parametrize(("name", "command"), list(every(list(COMMANDS))), ids=str)
def test_every_command_takes_json(name: str, command: click.Command) -> None:
    assert "--json" in {word for option in command.params for word in option.opts}, name


def test_a_replay_prints_one_object_with_the_promised_keys(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(replayed(recording(tmp_path / "r", [*trades(3), "{"]), tmp_path / "d")) == 0
    out, err = capfd.readouterr()
    assert out.count("\n") == 1
    found = json.loads(out)
    assert set(found) >= REPLAY_KEYS
    assert set(found["events"]) == {"trade", "quote", "book_delta", "book_snapshot", "status"}
    assert set(found["checksums"]) == {"checked", "failed"}
    assert set(found["clock"]) == {"suspect", "skew_ms"}
    assert (found["frames"], found["data"], found["control"], found["quarantined"]) == (4, 3, 0, 1)
    assert "note: 1 of 4 frames could not be understood" in err
    assert "hint: breadboard sql" in err


def test_a_book_without_a_snapshot_is_syncing_and_said_to_be(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(replayed(recording(tmp_path / "r", [DELTA]), tmp_path / "d")) == 0
    out, err = capfd.readouterr()
    book = json.loads(out)["books"]["BTCUSDT.BINANCE"]
    assert (book["state"], book["levels"], book["bid"]) == ("syncing", [0, 0], None)
    assert "note: no book of BTCUSDT.BINANCE" in err


def test_a_recording_of_another_venue_is_told_and_exits_3(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = recording(tmp_path / "r", ['{"type":"heartbeat","product_id":"BTC-USD"}'] * 3)
    assert cli.run(replayed(path, tmp_path / "d")) == 3
    out, err = capfd.readouterr()
    assert json.loads(out)["quarantined"] == 3
    assert "is --venue right?" in err


def test_decode_prints_one_object_a_line_and_no_gap_beside_a_quarantine(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    frames = [
        b'{"type":"l2update","product_id":"BTC-USD","changes":[["hold","1","0"]],"time":"2021-04-17T00:00:00Z"}',
        b'{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"BTC-USD","time":"2021-04-17T00:00:00Z"}',
        b"",
        b"\xff\xfe",
    ]
    (tmp_path / "f").write_bytes(b"\n".join(frames))
    assert cli.run(["decode", "--venue", "coinbase", str(tmp_path / "f")]) == 0
    found = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [event["kind"] for event in found] == ["quarantined", "status", "quarantined"]
    assert (found[1]["code"], found[1]["sequence"], found[1]["trade_id"]) == ("heartbeat", 90, 20)
    assert found[2]["reason"] == "not UTF-8 text"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["replay", "missing"], 2, "missing"),
        (["replay"], 2, "SOURCE"),
        (["replay", "FILE"], 2, "a journal of ours is a directory"),
        (["replay", ".", "--format", "foo"], 2, "'foo'"),
        (["replay", "FILE", "--venue", "nope", "--format", "hftbacktest"], 2, "'nope'"),
        (["replay", "FILE", "--venue", "binance", "--format", "cryptofeed"], 2, "line 1"),
        (["replay", "EMPTY", "--venue", "binance", "--format", "hftbacktest"], 2, "holds no frames"),
        (["replay", "FILE", "--format", "hftbacktest"], 2, "does not say whose bytes"),
        (["replay", "FILE", "--batch", "²"], 2, "'²'"),
        (["replay", "FILE", "--speed", "nan"], 2, "'nan'"),
        (
            ["replay", "FILE", "--venue", "binance", "--format", "hftbacktest", "--data-dir", "FILE/x"],
            1,
            "cannot be used: Not a directory",
        ),
        (["sql", "select 1", "--data-dir", "none"], 2, "none"),
        (["sql", "select 1", "--data-dir", "FILE"], 2, "FILE"),
        (["journal", "verify", "--data-dir", "none"], 2, "none"),
        (["down", "--data-dir", "none"], 1, "none"),
        (["decode", "--venue", "nope", "FILE"], 2, "'nope'"),
        (["decode", "--venue", "binance", "--channel", "foo", "FILE"], 2, "'foo'"),
        (["sim", "nope"], 2, "'nope'"),
        (["sim", "binance", "--symbols", ""], 2, "''"),
        (["sim", "binance", "--symbols", "0"], 2, "0"),
        (["sim", "binance", "--rate", "-1"], 2, "-1"),
        (["sim", "binance", "--symbols", "-3"], 2, "not -3"),
        (["sim", "binance", "--rate", "nan"], 2, "nan"),
        (["sim", "binance", "--at", "09:30"], 2, "--at"),
        (["sim", "iqfeed", "--port", "0", "--at", "noon"], 2, "noon"),
        (["sim", "iqfeed", "--port", "0", "--faults", "foo"], 2, "'foo'"),
        (["sim", "iqfeed", "--port", "65000"], 2, "65000"),
        (["sim", "binance", "--faults", "foo"], 2, "'foo'"),
        (["sim", "binance", "--from-recording", "missing"], 2, "missing"),
        (["sim", "binance", "--from-recording", "EMPTY"], 2, "EMPTY"),
        (["sim", "binance", "--from-recording", "FILE", "--format", "cryptofeed"], 2, "FILE, line 1"),
        (["sim", "iqfeed", "--port", "0", "--from-recording", "FILE"], 2, "plays no recordings"),
        (["up", "--live", "nope:X"], 2, "'nope'"),
        (["up", "--live", "binance:BTC USDT"], 2, "'BTC USDT'"),
        (["up", "--live", "coinbase:BTC USD"], 2, "'BTC USD'"),
        (["up", "--live", "binance"], 2, "'binance'"),
        (["up", "--config", "missing.toml"], 2, "missing.toml"),
        (["capture"], 2, "nothing to record"),
        (["nope"], 2, "'nope'"),
    ],
    ids=str,
)
def test_an_error_is_one_sentence_that_names_the_value_and_a_hint(
    words: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    recording(tmp_path / "FILE", trades(1))
    (tmp_path / "EMPTY").touch()
    assert cli.run(words) == code
    out, err = capfd.readouterr()
    sentence, hint = err.splitlines()
    assert out == ""
    assert sentence.startswith("error: ")
    assert said in sentence
    assert hint.startswith("hint: ")
    assert not (tmp_path / "breadboard-data" / "run").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("foo = 1", "`foo`"),
        ('[journal]\nsegment_mib = "x"', "$.journal.segment_mib"),
        ("[journal]\nsegment_mib = -5", "$.journal.segment_mib"),
        ("[engine]\nlateness_ms = -5", "$.engine.lateness_ms"),
        ("[api]\nport = 99999", "$.api.port"),
        ('[api]\nhost = "0.0.0.0"', "0.0.0.0"),
        ('data_dir = "${BREADBOARD_NO_SUCH_NAME}"', "BREADBOARD_NO_SUCH_NAME"),
        ("x = [", "not TOML"),
    ],
)
def test_a_wrong_configuration_is_refused_before_anything_starts(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(text)
    assert cli.run(["up", "--config", "c.toml"]) == 2
    err = capfd.readouterr().err
    assert said in err
    assert "\nhint: " in err


def test_what_names_something_is_printed_as_it_is_pasted() -> None:
    shown = listing({"stopped": 20416, "processes": {"up": 20416, "sim-okx": 20417}, "capture": {"pid": 20418}})
    assert "," not in shown
    assert listing({"frames": 20416}) == "frames  20,416\n"
    assert {listing({"holes": nothing}) for nothing in (tuple[int](), list[int](), dict[str, int]())} == {
        "holes  none\n"
    }


@pytest.mark.parametrize("words", [["--debug", "replay", "missing"], ["replay", "missing", "--debug"]])
def test_a_traceback_is_shown_with_debug_wherever_it_stands(
    words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(words) == 2
    assert "Traceback" in capfd.readouterr().err
    assert cli.run([word for word in words if word != "--debug"]) == 2
    assert "Traceback" not in capfd.readouterr().err


def test_no_command_shows_what_there_is(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run([]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("Usage:")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device", "some/where"), "some/where cannot be used: No space left on device"),
        (OSError(5, "Input/output error"), "the system refused: Input/output error"),
        (ZeroDivisionError("x"), "this is a bug in breadboard: ZeroDivisionError: x"),
        (BreadboardError("it is so.", hint="ls"), "error: it is so\nhint: ls"),
    ],
)
def test_whatever_breaks_is_told_in_a_sentence(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli.group, "main", broken)
    assert cli.run(["status"]) == 1
    err = capfd.readouterr().err
    assert said in err
    assert "hint: " in err
    assert "Traceback" not in err


def test_a_simulator_says_where_it_is_on_one_line_and_exits_130_after_ctrl_c() -> None:
    words = [sys.executable, "-m", "breadboard", "sim", "binance", "--symbols", "2", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env={**os.environ, "BREADBOARD_DATA_DIR": ""}) as process:
        assert process.stdout is not None
        place = json.loads(process.stdout.readline())
        assert place["url"] == f"ws://127.0.0.1:{place['port']}"
        assert (place["provenance"], len(place["symbols"])) == ("synthetic", 2)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stdout.read() == b""


def test_a_simulated_gateway_says_where_all_its_ports_are_and_how_it_acts() -> None:
    words = [sys.executable, "-m", "breadboard", "sim", "iqfeed", "--port", "0", "--profile", "smallcaps", "--json"]
    with subprocess.Popen([*words, "--activity", "dead"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        place = json.loads(process.stdout.readline())
        ports = place["ports"]
        query = "&".join(f"{name}={ports[name]}" for name in ("depth", "lookup", "admin", "bars"))
        assert place["url"] == f"tcp://127.0.0.1:{place['port']}?{query}"
        assert place["rest_url"] == f"http://127.0.0.1:{ports['truth']}"
        assert (place["venue"], place["provenance"], len(place["symbols"])) == ("iqfeed", "synthetic", 495)
        assert "at any hour" in place["acts"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
