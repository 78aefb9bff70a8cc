"""One line an event, whatever is in it, and no credential in any of them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breadboard.telemetry.logs import Log, configure, redact


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def written(*, as_json: bool, level: str = "info") -> io.StringIO:
    """Send logs to a string."""
    stream = io.StringIO()
    configure(level=level, as_json=as_json, stream=stream)
    return stream


def test_a_line_has_time_level_name_event_and_fields() -> None:
    stream = written(as_json=False)
    Log("capture").warning("feed refused", venue="BINANCE", status=418, words='say "no"')
    stamp, level, name, rest = stream.getvalue().split(maxsplit=3)
    assert stamp.endswith("Z")
    assert (level, name) == ("warning", "capture")
    assert rest == 'feed refused venue=BINANCE status=418 words="say \\"no\\""\n'


def test_json_lines_carry_the_same() -> None:
    stream = written(as_json=True)
    Log("store").info("flushed", rows=12, seconds=0.5)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["rows"], line["seconds"], line["name"]) == ("flushed", 12, 0.5, "store")


@given(st.text(max_size=60), st.booleans())
def test_no_text_from_outside_makes_a_second_line(text: str, as_json: bool) -> None:
    stream = written(as_json=as_json)
    Log("feed").info(text, symbol=text)
    lines = stream.getvalue()
    assert lines.count("\n") == 1
    assert "\x1b" not in lines
    assert "\r" not in lines


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("clickhouse://user:hunter2@host/db", "clickhouse://***@host/db"),
        ("https://x/y?token=hunter2&z=1", "https://x/y?token=***&z=1"),
        ("Authorization: Bearer hunter2", "Authorization: Bearer ***"),
        ("api_key=hunter2, next", "api_key=***, next"),
        ("password: hunter2", "password: ***"),
    ],
)
def test_credentials_in_text_are_masked(text: str, told: str) -> None:
    assert redact(text) == told


def test_credentials_in_fields_are_masked() -> None:
    stream = written(as_json=True)
    Log("store").info("opened", api_key="hunter2", dsn="chdb://me:hunter2@x", password="hunter2")
    assert "hunter2" not in stream.getvalue()


def test_a_traceback_is_for_debugging_only() -> None:
    stream = written(as_json=True)
    Log("api").error("request failed", ValueError("bad"))
    assert "trace" not in json.loads(stream.getvalue())
    stream = written(as_json=True, level="debug")
    Log("api").error("request failed", ValueError("bad"))
    assert "ValueError: bad" in json.loads(stream.getvalue())["trace"]
