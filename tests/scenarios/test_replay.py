"""`breadboard replay` on real recordings: the facts that were checked independently, by the command a person types."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from breadboard.cli import run
from recordings import recording

BTC = "binance/btcusdt_20240808.gz"


def replay(capsys: pytest.CaptureFixture[str], data_dir: Path, *arguments: str) -> dict[str, Any]:
    code = run(["replay", *arguments, "--data-dir", str(data_dir), "--json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    result: dict[str, Any] = json.loads(captured.out)
    assert result["frames"] == result["data"] + result["control"] + result["quarantined"]
    return result


def ask(capsys: pytest.CaptureFixture[str], data_dir: Path, query: str) -> list[dict[str, Any]]:
    assert run(["sql", query, "--data-dir", str(data_dir), "--format", "json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["data"]
    return rows


def events(trade: int, quote: int, book_delta: int, book_snapshot: int) -> dict[str, int]:
    return {"trade": trade, "quote": quote, "book_delta": book_delta, "book_snapshot": book_snapshot, "status": 0}


def test_binance_spot_btc_has_the_facts_that_were_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = replay(capsys, tmp_path, str(recording(BTC)), "--venue", "binance", "--format", "hftbacktest")
    assert result["frames"] == 41_249
    assert result["events"] == events(9_757, 28_040, 3_451, 1)
    assert (result["gaps"], result["control"], result["quarantined"]) == (0, 0, 0)
    assert result["books"] == {
        "BTCUSDT.BINANCE": {
            "bid": "61685.99",
            "ask": "61686.00",
            "bid_size": "1.0087",
            "ask_size": "2.29327",
            "levels": [1209, 2196],
            "sequence": 50093421584,
            "state": "live",
        }
    }
    assert result["clock"]["suspect"] is True
    assert result["clock"]["skew_ms"] == pytest.approx(-1270, abs=5)
    (row,) = ask(
        capsys, tmp_path, "select count() n, min(price) lo, max(price) hi from trades where symbol = 'BTCUSDT'"
    )
    assert row == {"n": 9757, "lo": "61583.22", "hi": "61860.8"}
    tables = "select (select count() from quotes) q, (select count() from book_deltas where kind = 'delta') d"
    assert ask(capsys, tmp_path, tables) == [{"q": 28_040, "d": 3_451}]


@pytest.mark.parametrize(
    ("file", "venue", "expected", "skew_ms"),
    [
        ("binance/ethusdt_20240808.gz", "binance", events(6_106, 24_077, 3_434, 1), -1271),
        ("binance/usdm/btcusdt_20240808.gz", "binance-usdm", events(21_313, 66_089, 6_551, 1), -1269),
        ("binance/coinm/btcusd_perp_20240808.gz", "binance-coinm", events(2_286, 19_136, 26_847, 1), -1258),
    ],
)
def test_the_other_binance_markets_have_their_counts(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    venue: str,
    expected: dict[str, int],
    skew_ms: float,
) -> None:
    result = replay(capsys, tmp_path, str(recording(file)), "--venue", venue, "--format", "hftbacktest")
    assert result["events"] == expected
    assert (result["gaps"], result["quarantined"], result["duplicates"]) == (0, 0, 0)
    assert [book["state"] for book in result["books"].values()] == ["live"]
    assert result["clock"]["skew_ms"] == pytest.approx(skew_ms, abs=3)


def test_the_cryptofeed_captures_have_their_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(recording(f"binance/BINANCE.{name}")) for name in ("ws.1.0", "http.0.0")]
    binance = replay(capsys, tmp_path / "b", *files, "--venue", "binance", "--format", "cryptofeed")
    assert binance["events"] == events(2, 84, 177, 4)
    assert binance["ignored"] == {"kline": 2}
    assert {name: book["state"] for name, book in binance["books"].items()} == dict.fromkeys(
        ["NKNUSDT.BINANCE", "BLZETH.BINANCE", "LRCBTC.BINANCE", "RUNEEUR.BINANCE"], "live"
    )
    file = str(recording("coinbase/COINBASE.ws.28.0"))
    coinbase = replay(capsys, tmp_path / "c", file, "--venue", "coinbase", "--format", "cryptofeed")
    assert (coinbase["frames"], coinbase["control"], coinbase["gaps"]) == (9_946, 3, 0)
    assert coinbase["events"] == events(107, 107, 9_719, 10)
    assert coinbase["books"]["NU-GBP.COINBASE"]["ask_size"] == "8208.213533"


def test_two_files_that_follow_each_other_are_one_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = recording(BTC)
    lines = gzip.decompress(whole.read_bytes()).splitlines(keepends=True)
    halves = [tmp_path / "late.gz", tmp_path / "early.gz"]
    for path, part in zip(halves, (lines[20_000:], lines[:20_000]), strict=True):
        path.write_bytes(gzip.compress(b"".join(part), 1))
    options = ("--venue", "binance", "--format", "hftbacktest")
    together = replay(capsys, tmp_path / "two", *map(str, halves), *options)
    alone = replay(capsys, tmp_path / "one", str(whole), *options)
    assert together["events"] == alone["events"]
    assert together["books"] == alone["books"]
    assert together["gaps"] == 0


def test_the_digest_knows_neither_batch_sizes_nor_runs_but_knows_every_trade(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = gzip.decompress(recording(BTC).read_bytes()).splitlines(keepends=True)[:6_000]
    options = ("--venue", "binance", "--format", "hftbacktest")

    def digest(name: str, content: list[bytes], batch: str) -> str:
        path = tmp_path / f"{name}.gz"
        path.write_bytes(gzip.compress(b"".join(content), 1))
        result = replay(capsys, tmp_path / name, str(path), *options, "--batch", batch)
        found: str = result["digest"]
        return found

    digests = {batch: digest(f"b{batch}", lines, batch) for batch in ("1", "7", "1000", "all")}
    assert len(set(digests.values())) == 1
    assert digest("again", lines, "all") == digests["all"]
    last = max(index for index, line in enumerate(lines) if b'"e":"trade"' in line)
    other = [*lines[:last], lines[last].replace(b'"m":true', b'"m":x').replace(b'"m":false', b'"m":true')]
    other[last] = other[last].replace(b'"m":x', b'"m":false')
    assert digest("other", [*other, *lines[last + 1 :]], "all") != digests["all"]


def test_a_replayed_journal_has_the_digest_of_what_wrote_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(recording("coinbase/COINBASE.ws.28.0"))
    first = replay(capsys, tmp_path / "a", file, "--venue", "coinbase", "--format", "cryptofeed")
    again = replay(capsys, tmp_path / "b", str(tmp_path / "a"), "--format", "breadboard", "--batch", "100")
    assert {key: again[key] for key in ("digest", "events", "books", "frames")} == {
        key: first[key] for key in ("digest", "events", "books", "frames")
    }
    rows = "select count() n, groupBitXor(cityHash64(* except ts_store)) h from {}"
    for table in ("trades", "quotes", "book_deltas", "bars"):
        assert ask(capsys, tmp_path / "a", rows.format(table)) == ask(capsys, tmp_path / "b", rows.format(table))


BAD_FRAMES = [
    b"not json at all",
    b'{"stream":"btcusdt@trade","data":{"e":"trade"',
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":"x","p":"1","q":"1","T":1723161255342,"m":true,"M":true}}',
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":1,"p":"1000000000000000000000000000000","q":"1","T":1723161255342,"m":true,"M":true}}',
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":1,"p":NaN,"q":"1","T":1723161255342,"m":true,"M":true}}',
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":1,"p":"1","p":"2","q":"1","T":1723161255342,"m":true,"M":true}}',
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255343,"s":"BTCUSDT","U":1,"u":2,"b":[["1"]],"a":[]}}',
    b'{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"NaN","B":"1","a":"1","A":"1"}}',
    b"[]",
    b"\xff\xfe\x00",
    b'{"stream":"btcusdt@trade","data":"' + b"x" * 10_000_000 + b'"}',
]


def test_bad_frames_are_quarantined_and_everything_else_is_intact(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = gzip.decompress(recording(BTC).read_bytes()).splitlines(keepends=True)
    mixed = list(lines)
    for place, frame in enumerate(BAD_FRAMES):
        stamp = lines[1000 * (place + 1)].split(b" ", 1)[0]
        mixed.insert(1000 * (place + 1) + place, stamp + b" " + frame + b"\n")
    path = tmp_path / "mixed.gz"
    path.write_bytes(gzip.compress(b"".join(mixed), 1))
    options = ("--venue", "binance", "--format", "hftbacktest")
    clean = replay(capsys, tmp_path / "clean", str(recording(BTC)), *options)
    result = replay(capsys, tmp_path / "mixed", str(path), *options)
    assert result["quarantined"] == len(BAD_FRAMES)
    assert result["events"] == clean["events"]
    assert result["books"] == clean["books"]
    assert result["frames"] == clean["frames"] + len(BAD_FRAMES)
    kept = ask(capsys, tmp_path / "mixed", "select reason, length(raw) size from quarantine order by offset")
    assert len(kept) == len(BAD_FRAMES)
    assert all(row["reason"] for row in kept)


def test_a_second_recording_joins_the_first_in_one_data_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--venue", "binance", "--format", "hftbacktest")
    replay(capsys, tmp_path, str(recording(BTC)), *options)
    second = replay(capsys, tmp_path, str(recording("binance/ethusdt_20240808.gz")), *options)
    assert second["events"] == events(6_106, 24_077, 3_434, 1)
    counts = ask(capsys, tmp_path, "select symbol, count() n from trades group by symbol order by symbol")
    assert counts == [{"symbol": "BTCUSDT", "n": 9_757}, {"symbol": "ETHUSDT", "n": 6_106}]


@pytest.mark.parametrize(
    ("arguments", "sentence", "hint"),
    [
        (["nowhere.gz", "--venue", "binance", "--format", "hftbacktest"], "nowhere.gz", ""),
        (["{btc}", "--format", "hftbacktest"], "does not say whose bytes", "--venue binance"),
        (["{btc}", "--venue", "nyse", "--format", "hftbacktest"], "'nyse'", "coinbase"),
        (["{btc}", "--venue", "binance", "--format", "cryptofeed"], "line 1: expected", ""),
        (["{btc}", "--venue", "binance", "--format", "hftbacktest", "--speed", "fast"], "'fast'", "--speed"),
        (["{btc}", "--venue", "binance", "--format", "hftbacktest", "--batch", "-3"], "'-3'", "--batch"),
    ],
)
def test_a_wrong_replay_says_so_in_a_sentence_with_a_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str, hint: str
) -> None:
    words = [str(recording(BTC)) if word == "{btc}" else word for word in arguments]
    assert run(["replay", *words, "--data-dir", str(tmp_path / "d"), "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert sentence in captured.err.splitlines()[0]
    assert hint in captured.err
    assert "Traceback" not in captured.err


def test_gaps_and_lags_of_a_recording_say_that_they_are_of_a_replay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = gzip.decompress(recording(BTC).read_bytes()).splitlines(keepends=True)[:6_000]
    trade = max(index for index, line in enumerate(lines[:3_000]) if b'"e":"trade"' in line)
    lines[trade] = lines[trade].split(b" ", 1)[0] + b" not a frame\n"  # a frame nobody understands, and a lost trade
    path = tmp_path / "broken.gz"
    path.write_bytes(gzip.compress(b"".join(lines), 1))
    replay(capsys, tmp_path, str(path), "--venue", "binance", "--format", "hftbacktest")
    gaps = ask(capsys, tmp_path, "select reason, venue, provenance from gaps order by offset, reason")
    assert gaps == [
        {"reason": "quarantine", "venue": "BINANCE", "provenance": "replay"},
        {"reason": "trade_id", "venue": "BINANCE", "provenance": "replay"},
    ]
    hops = ask(capsys, tmp_path, "select hop, sum(count) n, any(provenance) p from lag group by hop order by hop")
    rows = ask(capsys, tmp_path, "select (select count() from trades) + (select count() from quotes) n")[0]["n"]
    deltas = ask(capsys, tmp_path, "select count() n from book_deltas")[0]["n"]
    assert {row["hop"] for row in hops} == {"network", "engine", "store"}
    assert {row["p"] for row in hops} == {"replay"}
    counts = {row["hop"]: int(row["n"]) for row in hops}
    assert counts["store"] == counts["engine"] == rows + deltas
