"""Every hop of every row, from the venue's clock to a client's socket, in the metrics and in the table."""

import json
import re
import time
from pathlib import Path

from websockets.sync.client import connect

from breadboard.app import client
from breadboard.errors import NotRunning
from breadboard.telemetry.lag import HOPS
from scenarios.house import House, breadboard, wait_for


def ready(address: str) -> bool:
    try:
        return client.get(address, "/ready")[0] == 200
    except NotRunning:
        return False


def test_all_hops_to_a_client_are_in_metrics_and_table_and_say_that_they_are_synthetic(tmp_path: Path) -> None:
    house = House(tmp_path / "data")
    house.start()
    address = f"http://127.0.0.1:{house.port}"
    try:
        wait_for("a first tick", lambda: ready(address))
        with connect(f"ws://127.0.0.1:{house.port}/ws/realtime") as socket:
            socket.send(json.dumps({"op": "sub", "symbols": ["*"], "channels": ["quote"]}))
            until = time.monotonic() + 4.0  # deliveries are added up, and the store is written, once a second
            while time.monotonic() < until:
                socket.recv(timeout=60)
        text = client.get(address, "/metrics")[1].decode()
        told = set(re.findall(r'breadboard_lag_seconds_count\{.*?hop="(\w+)".*?provenance="(\w+)"', text))
        told |= set(re.findall(r'breadboard_lag_seconds_bucket\{.*?hop="(\w+)".*?provenance="(\w+)"', text))
        assert told == {(hop, "synthetic") for hop in HOPS}
        house.down()
    finally:
        house.stop_anyhow()
    query = "select hop, provenance, sum(count) n, min(min_ns) lowest from lag group by hop, provenance"
    rows = json.loads(breadboard("sql", query, "--data-dir", str(house.data_dir), "--json").stdout)["data"]
    assert {(row["hop"], row["provenance"]) for row in rows} == {(hop, "synthetic") for hop in HOPS}
    counts = {row["hop"]: int(row["n"]) for row in rows}
    assert counts["journal"] == counts["engine"] == counts["store"] >= counts["network"] > 0
    assert all(int(row["lowest"]) >= 0 for row in rows if row["hop"] in ("engine", "store", "deliver"))
    gaps = "select distinct provenance from gaps"
    found = json.loads(breadboard("sql", gaps, "--data-dir", str(house.data_dir), "--json").stdout)["data"]
    assert {row["provenance"] for row in found} <= {"synthetic"}
