"""Recordings become what our own capture would have written."""

import gzip
import io
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from breadboard.errors import UsageError
from breadboard.model.gaps import DocumentHead, Epoch, Gap
from breadboard.model.kinds import GapReason, Provenance, RecordKind
from breadboard.recordings import Batch, open_lines, open_recording
from recordings import recording

T = 1_723_161_253_000_000_000
SNAPSHOT = b'{"lastUpdateId":5,"bids":[],"asks":[]}'


def trade(symbol: str, number: int) -> bytes:
    return b'{"stream":"%s@trade","data":{"t":%d}}' % (symbol.encode(), number)


def write(path: Path, *lines: bytes, end: bytes = b"\n") -> Path:
    data = b"\n".join(lines) + end
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read(*paths: Path, form: str = "hftbacktest", venue: str = "BINANCE", max_frames: int = 1000) -> list[Batch]:
    return list(open_recording(paths, form, venue, source=3, epoch=9, max_frames=max_frames))


def everything(batches: list[Batch]) -> list[tuple[RecordKind, int, bytes]]:
    return [
        (batch.kind, stamp, frame)
        for batch in batches[1:]
        for stamp, frame in zip(batch.ts_recv, batch.frames, strict=True)
    ]


@pytest.mark.parametrize("name", ["a.gz", "a.txt"])
def test_a_line_is_a_frame_with_its_stamp(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, b"%d %s" % (T, trade("btcusdt", 1)), b"", b"%d %s" % (T + 7, b"garbage \xff"))
    batches = read(path)
    assert everything(batches) == [
        (RecordKind.DATA, T, trade("btcusdt", 1)),
        (RecordKind.DATA, T + 7, b"garbage \xff"),
    ]
    assert {(batch.source, batch.epoch) for batch in batches} == {(3, 9)}


def test_a_run_begins_by_saying_that_it_is_a_replay_and_of_what(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", b"%d %s" % (T, trade("btcusdt", 1)), b"%d %s" % (T, trade("ethusdt", 1)))
    first = read(path)[0]
    assert (first.kind, first.ts_recv) == (RecordKind.EPOCH, [T])
    assert msgspec.json.decode(first.frames[0], type=Epoch) == Epoch(
        3, 9, "BINANCE", "file:a.gz", ("BTCUSDT", "ETHUSDT"), Provenance.REPLAY, open=True
    )


def test_a_snapshot_among_the_frames_becomes_the_document_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", b"%d %s" % (T, SNAPSHOT), b"%d %s" % (T + 1, trade("btcusdt", 1)))
    kind, stamp, record = everything(read(path))[0]
    head, _, body = record.partition(b"\n")
    assert (kind, stamp, body) == (RecordKind.DOCUMENT, T, SNAPSHOT)
    assert msgspec.json.decode(head, type=DocumentHead) == DocumentHead("depth:BTCUSDT", "", 200)


def test_a_snapshot_that_says_its_symbol_is_believed(tmp_path: Path) -> None:
    named = SNAPSHOT.replace(b'"bids"', b'"symbol":"BTCUSD_PERP","bids"')
    path = write(tmp_path / "a.gz", b"%d %s" % (T, named), b"%d %s" % (T + 1, trade("ethusd_perp", 1)))
    assert b'"depth:BTCUSD_PERP"' in everything(read(path))[0][2]


def test_a_snapshot_that_could_be_of_either_symbol_is_left_to_the_decoder(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.gz",
        *(b"%d %s" % (T, trade("btcusdt", 1)), b"%d %s" % (T, trade("ethusdt", 1)), b"%d %s" % (T, SNAPSHOT)),
    )
    assert everything(read(path))[2] == (RecordKind.DATA, T, SNAPSHOT)


def raw(symbol: str, number: int) -> bytes:
    return b'{"e":"trade","E":1,"s":"%s","t":%d}' % (symbol.encode(), number)


def test_a_snapshot_among_frames_without_envelopes_is_of_the_symbol_that_all_of_them_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", b"%d %s" % (T, SNAPSHOT), b"%d %s" % (T + 1, raw("BTCUSDT", 1)))
    (kind, _, record), frame = everything(read(path))
    assert (kind, record) == (RecordKind.DOCUMENT, b'{"tag":"depth:BTCUSDT","url":"","status":200}\n' + SNAPSHOT)
    assert frame == (RecordKind.DATA, T + 1, raw("BTCUSDT", 1))


def test_frames_of_a_partial_depth_stream_without_envelopes_are_no_snapshots(tmp_path: Path) -> None:
    change = b'{"e":"depthUpdate","s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}'
    lines = [b"%d %s" % (T + at, change if at % 10 else SNAPSHOT) for at in range(100)]
    assert {kind for kind, _, _ in everything(read(write(tmp_path / "a.gz", *lines)))} == {RecordKind.DATA}
    lines = [b"%d %s" % (T + at, change if at % 60 else SNAPSHOT) for at in range(120)]
    kinds = [kind for kind, _, _ in everything(read(write(tmp_path / "b.gz", *lines)))]
    assert [at for at, kind in enumerate(kinds) if kind == RecordKind.DOCUMENT] == [0, 60]


@pytest.mark.parametrize("other", [raw("ETHUSDT", 2), trade("ethusdt", 2), b"[%s]" % raw("ETHUSDT", 2)])
def test_a_snapshot_among_frames_of_two_symbols_is_left_to_the_decoder(tmp_path: Path, other: bytes) -> None:
    lines = (b"%d %s" % (T + at, frame) for at, frame in enumerate((raw("BTCUSDT", 1), other, SNAPSHOT)))
    assert everything(read(write(tmp_path / "a.gz", *lines)))[2] == (RecordKind.DATA, T + 2, SNAPSHOT)


def test_of_frames_in_envelopes_the_stream_tells_the_symbol_and_not_what_is_in_them(tmp_path: Path) -> None:
    best = b'{"stream":"!bookTicker","data":{"s":"ETHUSDT"}}'
    lines = (b"%d %s" % (T + at, frame) for at, frame in enumerate((trade("btcusdt", 1), best, SNAPSHOT)))
    assert b'"depth:BTCUSDT"' in everything(read(write(tmp_path / "a.gz", *lines)))[2][2]


def test_an_envelope_is_one_wherever_its_stream_stands(tmp_path: Path) -> None:
    levels = b",".join(b'["%d.00000000","1.00000000"]' % price for price in range(1000, 980, -1))
    late = b'{"data":{"lastUpdateId":160,"bids":[%s],"asks":[]},"stream":"btcusdt@depth20@100ms"}' % levels
    batches = read(write(tmp_path / "a.gz", b"%d %s" % (T, late), b"%d %s" % (T + 1, SNAPSHOT)))
    assert everything(batches)[0] == (RecordKind.DATA, T, late)
    assert b'"depth:BTCUSDT"' in everything(batches)[1][2]
    assert msgspec.json.decode(batches[0].frames[0], type=Epoch).wanted == ("BTCUSDT",)


def test_files_are_merged_by_stamp_and_each_keeps_its_own_order(tmp_path: Path) -> None:
    one = write(tmp_path / "1.gz", *(b"%d %s" % (T + i, trade("a", i)) for i in (0, 2, 4)))
    two = write(tmp_path / "2.gz", *(b"%d %s" % (T + i, trade("b", i)) for i in (1, 3, 5)))
    assert [stamp - T for _, stamp, _ in everything(read(two, one))] == [0, 1, 2, 3, 4, 5]


def test_batches_hold_at_most_so_many_frames_of_one_kind(tmp_path: Path) -> None:
    lines = [b"%d %s" % (T + i, SNAPSHOT if i == 5 else trade("a", i)) for i in range(10)]
    batches = read(write(tmp_path / "a.gz", *lines), max_frames=3)
    assert [(batch.kind.name, len(batch.frames)) for batch in batches[1:]] == [
        *(("DATA", 3), ("DATA", 2), ("DOCUMENT", 1), ("DATA", 3), ("DATA", 1))
    ]


def test_a_later_line_without_a_stamp_is_set_aside_and_the_rest_goes_on(tmp_path: Path) -> None:
    lines = (b"%d %s" % (T, trade("a", 1)), b"torn}", b"12 {}", b"%d %s" % (T + 1, trade("a", 2)))
    assert everything(read(write(tmp_path / "a.gz", *lines))) == [
        (RecordKind.DATA, T, trade("a", 1)),
        (RecordKind.QUARANTINE, T, b"torn}"),
        (RecordKind.QUARANTINE, T, b"12 {}"),
        (RecordKind.DATA, T + 1, trade("a", 2)),
    ]


def test_a_last_line_cut_short_is_a_frame_cut_short(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"%d %s" % (T, trade("a", 1)), b'%d {"str' % T, end=b"")
    assert everything(read(path))[1] == (RecordKind.DATA, T, b'{"str')


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((b"{}",), "line 1: expected `<receive time in ns> <json>`, found b'{}'"),
        ((b"1723161253937 {}",), "line 1: expected"),
        ((b"9999999999999999999 {}",), "between 2000 and 2100"),
        ((b"", b"", b"1.5: {}"), "line 3: expected"),
        ((b"",), "holds no frames"),
    ],
)
def test_another_kind_of_file_is_named_with_the_line_and_what_was_expected(
    tmp_path: Path, lines: tuple[bytes, ...], said: str
) -> None:
    path = write(tmp_path / "a.txt", *lines)
    with pytest.raises(UsageError, match=r"a\.txt") as error:
        read(path)
    assert said in error.value.sentence


@pytest.mark.parametrize(("form", "other"), [("hftbacktest", "cryptofeed"), ("cryptofeed", "hftbacktest")])
def test_a_line_of_another_format_is_shown_and_what_was_said_is_not_proposed_again(
    tmp_path: Path, form: str, other: str
) -> None:
    for name, command in (("a.gz", "gzip -dc"), ("a.txt", "cat")):
        path = write(tmp_path / name, b"", b"{}")
        with pytest.raises(UsageError) as error:
            read(path, form=form)
        assert error.value.hint.startswith(f"{command} {path} | sed -n 2p   # or --format {other},")
        assert f"--format {form}" not in error.value.hint


def test_a_file_damaged_in_its_compression_says_so_after_what_could_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gz", *(b"%d %s" % (T + i, trade(f"s{i * i % 97}", i)) for i in range(20_000)))
    path.write_bytes(path.read_bytes()[:-2000])
    found: list[Batch] = []
    with pytest.raises(UsageError, match=r"a\.gz is damaged after line \d+"):
        found.extend(open_recording([path], "hftbacktest", "BINANCE"))
    assert len(found) > 2


def test_what_cannot_be_opened_is_a_usage_error(tmp_path: Path) -> None:
    for paths, form in (([], "hftbacktest"), ([tmp_path / "none"], "hftbacktest"), ([tmp_path], "cryptofeed")):
        with pytest.raises(UsageError):
            list(open_recording(paths, form, "BINANCE"))
    with pytest.raises(UsageError) as error:
        list(open_recording([tmp_path], "pcap", "BINANCE"))
    assert "hftbacktest" in error.value.hint


CONNECT = b"wss://h/stream?streams=nknusdt@trade/blzeth@depth <-> 1633998511.159679"


def test_a_cryptofeed_capture(tmp_path: Path) -> None:
    path = write(
        tmp_path / "ws",
        CONNECT,
        b'wss://h <- 1633998511.2: {"type":"subscribe"}',
        b'1633998512.0633569: {"a": "b: c"}',
        b"1633998513: {}",
        b'https://h/api/v3/depth?symbol=NKNUSDT&limit=1000 -> 1633998514.5: %s header: {"x": "y"}' % SNAPSHOT,
        b'https://h/api/v3/exchangeInfo -> 1633998515.25: {"symbols":[]}',
        b"16339985",
    )
    batches = read(path, form="cryptofeed")
    epoch = msgspec.json.decode(batches[0].frames[0], type=Epoch)
    assert (epoch.url, epoch.wanted) == ("wss://h/stream?streams=nknusdt@trade/blzeth@depth", ("NKNUSDT", "BLZETH"))
    assert batches[0].ts_recv == [1_633_998_511_159_679_000]
    data, more, document, info, torn = everything(batches)
    assert data == (RecordKind.DATA, 1_633_998_512_063_356_900, b'{"a": "b: c"}')
    assert more == (RecordKind.DATA, 1_633_998_513_000_000_000, b"{}")
    head, _, body = document[2].partition(b"\n")
    assert msgspec.json.decode(head, type=DocumentHead).tag == "depth:NKNUSDT"
    assert (document[1], body) == (1_633_998_514_500_000_000, SNAPSHOT)
    assert msgspec.json.decode(info[2].partition(b"\n")[0], type=DocumentHead).tag == "exchangeInfo"
    assert torn == (RecordKind.QUARANTINE, 1_633_998_515_250_000_000, b"16339985")


@pytest.mark.parametrize("path", ["/stream", "/public/stream"])
def test_a_capture_names_the_symbols_of_its_address_in_any_alphabet(tmp_path: Path, path: str) -> None:
    url = f"wss://h{path}?streams=btcusdt@trade/%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9Fusdt%40depth"
    batches = read(write(tmp_path / "ws", f"{url} <-> 1633998511.5".encode()), form="cryptofeed")
    epoch = msgspec.json.decode(batches[0].frames[0], type=Epoch)
    assert (epoch.url, epoch.wanted) == (url, ("BTCUSDT", "币安人生USDT"))


def test_a_connection_made_again_closes_the_epoch_leaves_a_gap_and_opens_the_next(tmp_path: Path) -> None:
    again = b"wss://h/again <-> 1633998520.5"
    path = write(tmp_path / "ws", CONNECT, b"1633998512.5: {}", again, b"1633998521.5: []")
    batches = read(path, form="cryptofeed")
    kinds = [(batch.kind.name, batch.epoch) for batch in batches]
    assert kinds == [("EPOCH", 9), ("DATA", 9), ("EPOCH", 9), ("GAP", 9), ("EPOCH", 10), ("DATA", 10)]
    closed, opened = (msgspec.json.decode(batches[i].frames[0], type=Epoch) for i in (2, 4))
    assert (closed.open, closed.epoch, opened.open, opened.epoch, opened.url) == (False, 9, True, 10, "wss://h/again")
    gap = msgspec.json.decode(batches[3].frames[0], type=Gap)
    assert (gap.reason, gap.ts_from, gap.ts_to) == (
        *(GapReason.DISCONNECT, 1_633_998_512_500_000_000, 1_633_998_520_500_000_000),
    )


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b"")), max_size=6), st.booleans())
def test_no_bytes_in_a_recording_are_lost_or_raise_anything_but_usage_errors(
    tmp_path: Path, lines: list[bytes], gzipped: bool
) -> None:
    path = tmp_path / ("f.gz" if gzipped else "f.txt")
    path.unlink(missing_ok=True)
    write(path, b"%d {}" % T, *lines)
    found = everything(read(path))
    assert len(found) == 1 + sum(bool(line.strip(b"\r")) for line in lines)
    with pytest.raises(UsageError, match="line 1"):
        read(path, form="cryptofeed")


def test_the_real_captures_have_the_frames_that_were_counted() -> None:
    paths = [recording("binance/BINANCE.ws.1.0"), recording("binance/BINANCE.http.0.0")]
    found = everything(read(*paths, form="cryptofeed"))
    assert sum(kind is RecordKind.DATA for kind, _, _ in found) == 177 + 84 + 2 + 2
    assert sum(kind is RecordKind.DOCUMENT for kind, _, _ in found) == 4
    assert all(a[1] <= b[1] for a, b in pairwise(found))
    assert len(everything(read(recording("coinbase/COINBASE.ws.28.0"), form="cryptofeed"))) == 9946


@pytest.mark.parametrize(
    ("url", "tag"),
    [
        ("https://www.bitstamp.net/api/v2/order_book/sgbeur", "depth:sgbeur"),
        ("https://www.bitstamp.net/api/v2/order_book/sgbeur/", "depth:sgbeur"),
        ("https://www.bitstamp.net/api/v2/order_book/sgbeur?group=1", "depth:sgbeur"),
        ("https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=5000", "depth:BTCUSDT"),
        (
            "https://fapi.binance.com/fapi/v1/depth?symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT&limit=1000",
            "depth:币安人生USDT",
        ),
        ("https://www.bitstamp.net/api/v2/trading-pairs-info/", "trading-pairs-info"),
        ("https://www.bitstamp.net/api/v2/order_book/", "order_book"),
    ],
)
def test_an_http_answer_of_a_capture_is_tagged_by_its_address(tmp_path: Path, url: str, tag: str) -> None:
    path = write(tmp_path / "c.txt", f"{url} -> 1641343696.24: {{}}".encode())
    ((_, _, record),) = everything(read(path, form="cryptofeed"))
    assert msgspec.json.decode(record.partition(b"\n")[0], type=DocumentHead) == DocumentHead(tag, url, 200)


def test_lines_of_a_stream_are_frames() -> None:
    assert list(open_lines(io.BytesIO(b"{}\r\n\n\n[] \nlast"))) == [b"{}", b"[] ", b"last"]


def test_frames_that_a_recorder_wrote_as_python_bytes_are_what_they_stand_for(tmp_path: Path) -> None:
    frames = [b'{"msg":"it\'s"}', b'{"a":"\xe2\x82\xac"}', b"pong", b'b"not closed']
    lines = [b"1652459225.5: " + repr(frame).encode() for frame in frames[:3]] + [b"1652459226.5: b'" + b"x" * 9]
    found = everything(read(write(tmp_path / "OKX.ws.1.0", *lines), form="cryptofeed", venue="OKX"))
    assert [(kind, payload) for kind, _, payload in found] == [
        *((RecordKind.DATA, frame) for frame in frames[:3]),
        (RecordKind.QUARANTINE, lines[3]),
    ]
