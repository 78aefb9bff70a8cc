"""S6: whatever a parameter holds, it is a value and never SQL; and a question of a stranger reads our tables alone."""

import random
from collections.abc import Iterator

import pytest

from unit.api.stored import Stored, house

__all__ = ["house"]

HOSTILE = [
    "' OR 1=1 --",
    "' OR '1'='1",
    "x' UNION ALL SELECT * FROM system.tables --",
    "'; DROP TABLE trades; --",
    "\\' OR 1=1 --",
    "{symbol:String}",
    "1) OR (1=1",
    "BTCUSDT'/**/OR/**/1",
    "` OR 1 --",
    '" OR 1=1 --',
    "0x27 OR 1",
    "%27%20OR%201%3D1",
    "file('/etc/passwd')",
    "url('http://127.0.0.1/')",
    "BTCUSDT FORMAT JSON",
    "BTCUSDT SETTINGS readonly=0",
    "\u02bc OR 1=1",
    "\uff07 OR 1=1",
    "$(id)",
    "%s%n",
    "BTC%",
    "_TCUSDT",
    "*",
    "null",
]
PARAMETERS = {
    "history": ("symbol", "venue", "interval", "start", "end", "asof", "cursor", "kind", "format", "limit", "columns"),
    "asof": ("symbol", "venue", "ts", "depth"),
    "gaps": ("symbol", "venue", "start", "end", "cursor", "reason"),
    "alerts": ("symbol", "venue", "rule", "start", "cursor"),
    "features": ("symbol", "venue", "name", "interval", "end", "cursor"),
    "anomalies": ("symbol", "venue", "kind", "severity", "cursor"),
    "opportunities": ("symbol", "venue", "kind", "state", "cursor"),
    "stocks": ("symbols",),
}
LEAKS = ("DB::", "Exception", "Syntax error", "SELECT", "Code:", "Traceback", "/tmp/", "SQL")
PAYLOADS = 2_000


def payloads() -> Iterator[tuple[str, str, str]]:
    """Yield path, parameter and hostile value: every parameter in turn, values put together from a seed."""
    rng = random.Random(20261126)
    places = [(path, name) for path, names in PARAMETERS.items() for name in names]
    for number in range(PAYLOADS):
        path, name = places[number % len(places)]
        word = rng.choice(HOSTILE)
        yield path, name, rng.choice(["", "BTCUSDT", "1m", "1"]) + word + rng.choice(["", " ", "#", "--", "\n"])


def test_of_two_thousand_payloads_in_all_parameters_none_is_code(house: Stored) -> None:
    for path, name, value in payloads():
        asked = {"symbol": "NOSUCH", "ts": "0"} if path in ("history", "asof") else {"symbol": "NOSUCH"}
        asked = ({} if path == "stocks" else {key: asked[key] for key in asked}) | {name: value}
        answer = house.client.get(f"/api/v1/{path}", params=asked)
        assert answer.status_code in (200, 404, 422), (path, name, value, answer.text)
        if answer.status_code == 200:
            assert answer.json()["data"] == [], (path, name, value)
        else:
            assert not [leak for leak in LEAKS if leak in answer.text.replace(value, "")], (path, name, value)


REFUSED = [
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'CSV')",
    "SELECT * FROM s3('http://127.0.0.1:1/x', 'CSV')",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM trades INTO OUTFILE '/tmp/breadboard-leak'",
    "SELECT * FROM remote('127.0.0.1', default.trades)",
    "SELECT file('/etc/passwd')",
    "SELECT * FROM system.query_log",
    "SELECT 1 SETTINGS readonly = 0",
    "INSERT INTO trades SELECT * FROM trades",
    "SELECT 1; DROP TABLE trades",
]


@pytest.mark.parametrize("query", [form for one in REFUSED for form in (one, one.lower(), one.replace(" ", "/**/ "))])
def test_what_reads_files_or_the_network_or_writes_is_refused(house: Stored, query: str) -> None:
    answer = house.client.post("/api/v1/sql", json={"query": query})
    assert answer.status_code == 400, query
    assert answer.json()["hint"]
    assert "DB::" not in answer.text
