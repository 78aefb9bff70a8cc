"""Chart answers as files, however they are packed."""

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from breadboard.errors import UsageError
from breadboard.recordings.history_yahoo import read

BODY = b'{"chart": {"result": null, "error": {"code": "Not Found", "description": "\xc3\xa9"}}}'


def test_the_bare_answer_is_handed_on_as_it_is(tmp_path: Path) -> None:
    plain, packed, archive = tmp_path / "a.json", tmp_path / "a.json.gz", tmp_path / "a.zip"
    plain.write_bytes(BODY)
    packed.write_bytes(gzip.compress(BODY))
    with zipfile.ZipFile(archive, "w") as writing:
        writing.writestr("two.json", BODY)
        writing.writestr("one.json", BODY + b" ")
    assert list(read(plain, "AAPL")) == [("chart:AAPL", BODY)]
    assert list(read(packed, "AAPL", 60)) == [("chart:AAPL", BODY)]
    assert list(read(archive, "AAPL")) == [("chart:AAPL", BODY + b" "), ("chart:AAPL", BODY)]


def test_a_recorded_exchange_gives_the_body_in_it(tmp_path: Path) -> None:
    as_json = tmp_path / "j.json"
    as_json.write_bytes(b'{"request": {"url": "x"}, "response": {"status": 404, "bodyJson": %b}}' % BODY)
    as_text = tmp_path / "t.json"
    as_text.write_text(json.dumps({"response": {"body": BODY.decode()}}))
    assert list(read(as_json, "X")) == list(read(as_text, "X")) == [("chart:X", BODY)]


@pytest.mark.parametrize(
    ("name", "raw", "reason"),
    [
        ("a.json", b"", "no chart answer"),
        ("a.json", b"[]", "no chart answer"),
        ("a.json", b"\xff", "no chart answer"),
        ("a.json", b"{}", "neither 'chart' nor 'response'"),
        ("a.json", b'{"response":{"status":200}}', "without a body"),
        ("a.json.gz", b"nothing packed", "no chart answer"),
        ("a.json.gz", gzip.compress(BODY)[:-9], "is damaged"),
        ("a.zip", b"nothing packed", "no chart answer"),
        ("a.zip", b"PK\x03\x04broken", "is damaged"),
    ],
)
def test_another_kind_of_file_is_a_usage_error(name: str, raw: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(raw)
    with pytest.raises(UsageError, match=reason) as error:
        list(read(path, "AAPL"))
    assert error.value.hint


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        list(read(tmp_path / "nothing.json", "AAPL"))


def test_a_mark_inside_the_text_of_an_exchange_is_no_part_of_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"response": {"body": "\ufeff" + BODY.decode()}}))
    assert list(read(path, "X")) == [("chart:X", BODY)]
