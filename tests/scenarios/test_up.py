"""`breadboard up` as somebody meets it who has just installed it: what it says, serves, refuses, and how it ends."""

import contextlib
import json
import re
import shlex
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from breadboard.app.places import alive
from breadboard.app.up import SIMULATED
from scenarios.house import House, ask, breadboard, free_port, say, wait_for

FIRST_TICK_S = 20.0
HOPS = {"network", "journal", "engine", "store", "total"}
SYMBOLS = sorted(symbol for symbols in SIMULATED.values() for symbol in symbols)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house without any configuration, running while the tests of this file look at it."""
    found = House(tmp_path_factory.mktemp("up") / "data")
    began = time.monotonic()
    found.start()
    try:
        wait_for("addresses", lambda: "prices     curl" in found.words, FIRST_TICK_S)
        assert get(f"{found.address}/health")[0] == 200  # what is printed can be pasted at once
        wait_for("the first tick", lambda: "first tick after" in found.words, FIRST_TICK_S)
        say(f"first tick {time.monotonic() - began:.1f} s after the command")
        yield found
    finally:
        found.stop_anyhow()


@pytest.fixture
def another(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path / "data")
    yield found
    found.stop_anyhow()


def get(url: str) -> tuple[int, str, str]:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.status, answer.headers.get_content_type(), answer.read().decode()


def said(house: House, topic: str) -> str:
    """What a line of the greeting says of a topic."""
    (line,) = [line for line in house.words.splitlines() if line.startswith(f"{topic} ")]
    return line.removeprefix(topic).strip()


def refused(*arguments: str) -> tuple[str, str]:
    """The sentence and the hint of a command that must be refused as wrong usage."""
    answer = breadboard(*arguments, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    sentence, hint = answer.stderr.splitlines()
    assert sentence.startswith("error: ")
    assert hint.startswith("hint: ")
    return sentence, hint


def processes_of(house: House) -> list[int]:
    """Every process that names the data directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(house.data_dir).encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
    return found


def test_the_greeting_says_what_is_shown_and_that_it_is_synthetic(house: House) -> None:
    assert said(house, "market").startswith("SYNTHETIC")
    assert said(house, "page") == f"{house.address}/"
    (tick,) = [line for line in house.words.splitlines() if line.startswith("first tick")]
    assert tick.endswith("[synthetic]")
    assert "Traceback" not in house.words


def test_the_printed_curl_command_answers_with_a_synthetic_price(house: House) -> None:
    *curl, url = shlex.split(said(house, "prices"))
    assert curl == ["curl", "-s"]
    wait_for("a trade of the printed instrument", lambda: json.loads(get(url)[2])["trade"])
    wait_for("its book", lambda: json.loads(get(url)[2])["book"]["state"] == "live")
    status, content_type, body = get(url)
    stock = json.loads(body)
    assert (status, content_type) == (200, "application/json")
    assert (stock["symbol"], stock["exchange"], stock["provenance"]) == ("BTCUSDT", "BINANCE", "synthetic")
    assert float(stock["price"]) > 0
    assert stock["book"]["state"] == "live"


def test_every_instrument_is_served_and_ready_says_so(house: House) -> None:
    def symbols() -> list[str]:
        return sorted(stock["symbol"] for stock in json.loads(get(f"{house.address}/api/v1/stocks")[2])["data"])

    wait_for("all instruments", lambda: symbols() == SYMBOLS)
    assert get(f"{house.address}/ready")[0] == 200
    assert json.loads(get(f"{house.address}/ready")[2]) == {"ready": True, "reasons": []}
    assert json.loads(get(f"{house.address}/health")[2]) == {"status": "ok"}


def test_the_page_is_html(house: House) -> None:
    status, content_type, body = get(f"{house.address}/")
    assert (status, content_type) == (200, "text/html")
    assert "<title>" in body
    assert "/ws/realtime" in get(f"{house.address}/docs")[2]


def test_the_printed_query_is_answered_while_it_runs(house: House) -> None:
    program, *words = shlex.split(said(house, "query"))
    assert program == "breadboard"
    wait_for("stored trades", lambda: ask(house.data_dir, "select count() n from trades")[0]["n"] > 5)
    rows = json.loads(breadboard(*words, "--json").stdout)["data"]
    assert len(rows) == 5
    assert {row["symbol"] for row in rows} <= set(SYMBOLS)
    assert "symbol" in breadboard(*words).stdout
    told = breadboard("sql", "drop table trades", "--data-dir", str(house.data_dir), check=False)
    assert told.returncode == 2
    assert told.stderr.startswith("error: ")


def test_status_is_ok(house: House) -> None:
    answer = breadboard("status", "--data-dir", str(house.data_dir), "--json", check=False)
    status = json.loads(answer.stdout)
    assert (answer.returncode, status["state"], status["reasons"]) == (0, "ok", [])
    assert (status["provenance"], status["address"]) == ("synthetic", house.address)
    assert set(status["processes"]) == {"up", "capture", "serve", "sim-binance", "sim-coinbase"}
    assert {source["provenance"] for source in status["capture"]["sources"]} == {"synthetic"}


def test_a_websocket_client_gets_a_snapshot_then_updates_and_trades(house: House) -> None:
    wanted = ["BTCUSDT.BINANCE", "BTC-USD.COINBASE"]
    with connect(f"ws://127.0.0.1:{house.port}/ws/realtime") as socket:
        socket.send(json.dumps({"op": "sub", "symbols": wanted, "channels": ["quote", "trade", "status"]}))
        answer, snapshot = (json.loads(socket.recv(60)) for _ in range(2))
        assert (answer["type"], sorted(answer["symbols"])) == ("subscribed", sorted(wanted))
        assert (snapshot["type"], {row["id"] for row in snapshot["data"]}) == ("snapshot", set(wanted))
        seen: dict[str, list[dict[str, Any]]] = {}
        deadline = time.monotonic() + 60
        while not {"quote", "trade", "status"} <= set(seen) and time.monotonic() < deadline:
            message = json.loads(socket.recv(60))
            seen.setdefault(message["type"], []).append(message)
    assert {row["provenance"] for row in snapshot["data"]} == {"synthetic"}
    assert seen["quote"][0]["seq"] > snapshot["seq"]
    assert {row["id"] for message in seen["trade"] for row in message["data"]} <= set(wanted)
    assert seen["status"][0]["provenance"] == "synthetic"


def test_a_second_up_on_the_same_data_is_refused_with_the_way_out(house: House) -> None:
    sentence, hint = refused("up", "--data-dir", str(house.data_dir), "--port", str(free_port()))
    assert f"breadboard already runs on {house.data_dir}" in sentence
    assert house.address in sentence
    assert hint == f"hint: breadboard down --data-dir {house.data_dir}"


def test_a_taken_port_is_refused_with_another(house: House, tmp_path: Path) -> None:
    sentence, hint = refused("up", "--data-dir", str(tmp_path / "other"), "--port", str(house.port))
    assert f"port {house.port}" in sentence
    assert hint.startswith("hint: breadboard up --port ")


def test_every_hop_of_every_feed_is_measured_in_metrics_and_in_the_lag_table(house: House) -> None:
    def measured() -> set[tuple[str, str]]:
        rows = ask(house.data_dir, "select venue, hop from lag group by venue, hop")
        return {(row["venue"], row["hop"]) for row in rows}

    wanted = {(venue.upper(), hop) for venue in SIMULATED for hop in HOPS}
    wait_for("a ten-second window of every feed and hop", lambda: measured() >= wanted)
    status, content_type, text = get(f"{house.address}/metrics")
    assert (status, content_type) == (200, "text/plain")
    counted = [line for line in text.splitlines() if re.match(r"breadboard_lag_seconds_bucket\{.*le=\"\+Inf\"", line)]
    for (number, venue), hop in product(enumerate(SIMULATED), HOPS):
        labels = {f'feed="{venue}-{number}"', f'venue="{venue.upper()}"', f'hop="{hop}"'}
        (line,) = [line for line in counted if all(label in line for label in labels)]
        assert float(line.rpartition(" ")[2]) > 0, line


@pytest.mark.parametrize(("how", "code"), [("down", 0), ("SIGINT", 130)])
def test_it_ends_cleanly_and_leaves_no_process(another: House, how: str, code: int) -> None:
    another.start()
    wait_for("the first tick", lambda: "first tick after" in another.words)
    pids = another.processes()
    assert len(pids) == 5
    if how == "down":
        answer = json.loads(breadboard("down", "--data-dir", str(another.data_dir), "--json").stdout)
        assert answer["stopped"] == pids["up"]
        assert another.ended() == code
    else:
        assert another.signal(signal.SIGINT) == code
    assert [pid for pid in pids.values() if alive(pid)] == []
    assert processes_of(another) == []
    assert "Traceback" not in another.words
    again = breadboard("down", "--data-dir", str(another.data_dir), check=False)
    assert (again.returncode, again.stderr.splitlines()[0]) == (1, f"error: nothing runs on {another.data_dir}")
    assert ask(another.data_dir, "select count() > 0 has from trades") == [{"has": 1}]


def test_a_venue_that_cannot_be_reached_is_told_in_a_sentence_and_waited_for(tmp_path: Path) -> None:
    configuration = tmp_path / "breadboard.toml"
    nobody = f"127.0.0.1:{free_port()}"
    feed = f'venue = "binance"\nsymbols = ["BTCUSDT"]\nurl = "ws://{nobody}"\nrest_url = "http://{nobody}"'
    configuration.write_text(f"[[feeds]]\n{feed}\n")
    house = House(tmp_path / "data", "--config", str(configuration))
    try:
        stays_up_unreached(house, "BINANCE (source 0)")
    finally:
        house.stop_anyhow()


def test_a_live_venue_without_a_network_is_told_in_a_sentence_and_waited_for(tmp_path: Path) -> None:
    with contextlib.suppress(OSError), socket.create_connection(("ws-feed.exchange.coinbase.com", 443), timeout=3):
        pytest.skip("this machine reaches Coinbase")
    house = House(tmp_path / "data", "--live", "coinbase:BTC-USD")
    try:
        stays_up_unreached(house, "COINBASE (source 0)")
    finally:
        house.stop_anyhow()


def stays_up_unreached(house: House, feed: str) -> None:
    house.start()
    wait_for("word of the outage", lambda: f"{feed} cannot be reached: " in house.words)
    wait_for("the server", house.position)
    assert house.words.count("cannot be reached") == 1
    assert house.words.count("hint: breadboard up ") == 1
    assert house.status()["state"] == "degraded"
    assert any(reason.startswith(f"{feed} is not connected: ") for reason in house.status()["reasons"])
    assert "Traceback" not in house.words
    assert len(house.processes()) == 3
    house.down()
