"""What `breadboard status` says of subscriptions."""

import os
import shutil
import time
from pathlib import Path

import msgspec
import pytest

from breadboard.app import client, status
from breadboard.app.places import Ended, Places, RunState
from breadboard.capture.status import Counters, Status
from breadboard.errors import UsageError


def test_refused_and_missing_subscriptions_are_named_and_degrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "get_json", lambda *_arguments, **_options: {"reasons": []})
    places = Places(tmp_path).made()
    places.write_state(RunState(os.getpid(), "http://127.0.0.1:1", 0, {"capture": 1, "serve": 2}, "live"))
    source = Counters(0, "BINANCE", 30, connected=True)
    told = Status(
        1, time.time_ns(), 0, False, 0, 0, 0, [source], {"liquid": {"symbols": 2, "measured": 1, "msg_per_s": 7.5}}
    )
    path = places.run / "capture.json"
    path.write_bytes(msgspec.json.encode(told))
    assert status.read(tmp_path)["state"] == status.OK
    assert status.read(tmp_path)["provenance"] == "live"
    source.provenance = "synthetic"
    path.write_bytes(msgspec.json.encode(told))
    assert status.read(tmp_path)["provenance"] == "synthetic"
    assert status.read(tmp_path)["capture"]["tiers"]["liquid"]["msg_per_s"] == 7.5
    source.refused = [f"NOSUCH{number}" for number in range(22)]
    source.missing = ["BTCUSDT trade"]
    path.write_bytes(msgspec.json.encode(told))
    found = status.read(tmp_path)
    assert found["state"] == status.DEGRADED
    refused, missing = found["reasons"]
    assert refused.startswith("BINANCE (source 0) refuses NOSUCH0, NOSUCH1")
    assert refused.endswith("NOSUCH19 and 2 more")
    assert missing == "BINANCE (source 0) no longer sends BTCUSDT trade"


def test_what_a_venue_says_of_its_own_side_degrades_and_a_source_that_brings_no_data_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "get_json", lambda *_arguments, **_options: {"reasons": []})
    places = Places(tmp_path).made()
    places.write_state(RunState(os.getpid(), "http://127.0.0.1:1", 0, {"capture": 1, "serve": 2}, "live"))
    data, aside = Counters(0, "IQFEED", 30, connected=True), Counters(1, "IQFEED", 0, aside="admin")
    aside.last_error = "Connection refused"

    def read() -> tuple[str, list[str], list[str]]:
        told = Status(1, time.time_ns(), 0, False, 0, 0, 0, [data, aside])
        (places.run / "capture.json").write_bytes(msgspec.json.encode(told))
        found = status.read(tmp_path)
        return found["state"], found["reasons"], found["remarks"]

    remark = "IQFEED admin (source 1) is not connected: Connection refused; no data is lost without it"
    assert read() == (status.OK, [], [remark])
    aside.connected, aside.troubles = True, ["the gateway is without the vendor's servers"]
    reason = "IQFEED admin (source 1): the gateway is without the vendor's servers"
    assert read() == (status.DEGRADED, [reason], [])
    aside.troubles, data.connected, data.last_error = [], False, "refused"
    assert read() == (status.DEGRADED, ["IQFEED (source 0) is not connected: refused"], [])


def test_capture_that_tells_nothing_of_itself_is_a_reason_with_the_room_that_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "get_json", lambda *_arguments, **_options: {"reasons": []})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(60 << 20, 60 << 20, 0))
    places = Places(tmp_path).made()
    places.write_state(RunState(os.getpid(), "http://127.0.0.1:1", 0, {"capture": 1, "serve": 2}, "live"))

    def reasons(pid: int, age_s: int) -> list[str]:
        told = Status(pid, time.time_ns() - age_s * 10**9, 0, False, 0, 0, 0, [])
        (places.run / "capture.json").write_bytes(msgspec.json.encode(told))
        found: list[str] = status.read(tmp_path)["reasons"]
        return found

    assert reasons(1, 3) == []
    assert reasons(7, 3600) == [], "what an earlier capture told"
    assert reasons(1, 3600) == [f"capture has told nothing of itself for 3,600 s; 0.0 MiB are free under {tmp_path}"]


@pytest.mark.parametrize(
    ("children", "ago_s", "in_row", "reasons", "remarks"),
    [
        ({"capture": 1}, 1, 1, ["serve is not running: the table is read-only"], []),
        ({"capture": 1, "serve": 3}, 7, 1, [], ["serve ended 7 s ago and was started again: the table is read-only"]),
        (
            {"capture": 1, "serve": 3},
            7,
            4,
            ["serve ended 4 times in a row, the last time 7 s ago: the table is read-only"],
            [],
        ),
        ({"capture": 1, "serve": 3}, 61, 4, [], []),
    ],
)
def test_a_process_that_ends_is_told_of_with_its_words_also_while_it_runs_for_a_moment(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    children: dict[str, int],
    ago_s: int,
    in_row: int,
    reasons: list[str],
    remarks: list[str],
) -> None:
    monkeypatch.setattr(client, "get_json", lambda *_arguments, **_options: {"reasons": []})
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now)
    ended = {"serve": Ended(now - ago_s * 10**9, in_row, "the table is read-only")}
    Places(tmp_path).made().write_state(RunState(os.getpid(), "http://127.0.0.1:1", 0, children, "live", ended))
    found = status.read(tmp_path)
    assert (found["reasons"], found["remarks"]) == (reasons, remarks)


def test_source_numbers_are_kept_and_a_damaged_file_is_refused(tmp_path: Path) -> None:
    places = Places(tmp_path).made()
    assert places.source_numbers() == {}
    places.write_source_numbers({"binance/0/0/0": 3})
    assert places.source_numbers() == {"binance/0/0/0": 3}
    places.sources.write_bytes(b'{"binance/0/0/0": ')
    with pytest.raises(UsageError, match="is damaged"):
        places.source_numbers()


@pytest.mark.parametrize(
    ("sources", "told"),
    [
        (["live", "synthetic"], "synthetic"),
        (["live", "replay"], "replay"),
        (["live"], "live"),
        ([""], "live"),
        ([], "live"),
    ],
)
def test_its_provenance_is_what_the_connections_say_and_not_what_was_configured(
    sources: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters = [
        {"venue": "IQFEED", "source": place, "connected": True, "last_error": "", "provenance": said}
        for place, said in enumerate(sources)
    ]
    running = RunState(1, "http://127.0.0.1:1", 0, {"capture": 2, "serve": 3}, "live")
    monkeypatch.setattr(Places, "running", lambda _: running)
    monkeypatch.setattr(Places, "read_status", lambda *_: {"pid": 1, "sources": counters})
    monkeypatch.setattr(client, "get_json", lambda *_, **__: {})
    assert status.read(tmp_path)["provenance"] == told
