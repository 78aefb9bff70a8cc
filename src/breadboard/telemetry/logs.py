"""Logs: one line an event to stderr, ``key=value`` or JSON. stdout belongs to data.

A log line reports something that happened to the process: a start, a reconnect, a refusal. Nothing is logged per
record: what happens to records is in the journal, in tables and in metrics.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Final, TextIO

_SECRET_KEY: Final = re.compile(r"pass|secret|token|api_?key|authori[sz]ation|cookie|credential", re.IGNORECASE)
_SECRET_TEXT: Final = (
    (re.compile(r"(\w+://)[^\s/@]+@"), r"\1***@"),
    (
        re.compile(r"((?:pass\w*|secret|token|api_?key|signature)\s*[=:]\s*)(?:Bearer\s+)?[^\s&\"',;]+", re.IGNORECASE),
        r"\1***",
    ),
    (re.compile(r"(Bearer\s+)\S+", re.IGNORECASE), r"\1***"),
    (re.compile(r"(ticket=)[^\s&]+"), r"\1***"),
    (re.compile(r"\bbb_[0-9a-f]+_[\w-]+"), "bb_***"),
)
_PLAIN: Final = re.compile(r"[^\s\"=\\\x00-\x1f\x7f-\x9f]+")


def redact(text: str) -> str:
    """Return the text with what looks like a credential replaced by ``***``."""
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text


class Log:
    """A named source of log lines: ``log.warning("feed refused", venue="BINANCE", status=418)``."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"breadboard.{name}")

    def debug(self, event: str, **fields: object) -> None:
        """Say something that only a developer wants to know."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Say that something expected happened."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Say that something went wrong and was dealt with."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, error: BaseException | None = None, **fields: object) -> None:
        """Say that something went wrong and was not dealt with; the error's traceback comes at debug level only."""
        self._write(logging.ERROR, event, fields if error is None else {**fields, "error": error}, error)

    def _write(self, level: int, event: str, fields: dict[str, object], error: BaseException | None = None) -> None:
        if self._logger.isEnabledFor(level):
            trace = error if self._logger.isEnabledFor(logging.DEBUG) else None
            self._logger.log(level, "%s", event, extra={"fields": fields}, exc_info=trace)


class LineFormatter(logging.Formatter):
    """One line a record, whatever is in it: control characters are escaped, credentials are masked."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as ``time level name event key=value …`` or as one JSON object."""
        stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, Any] = {
            "ts": stamp,
            "level": record.levelname.lower(),
            "name": record.name.removeprefix("breadboard."),
            "event": redact(record.getMessage()),
        }
        for key, value in getattr(record, "fields", {}).items():
            line[key] = "***" if _SECRET_KEY.search(key) else _value(value)
        if record.exc_info:
            line["trace"] = redact(self.formatException(record.exc_info))
        if self._as_json:
            return json.dumps(line, ensure_ascii=True)
        head = [line.pop("ts"), f"{line.pop('level'):<7}", line.pop("name"), _word(line.pop("event"), spaces=True)]
        return " ".join([*head, *(f"{_word(key)}={_word(value)}" for key, value in line.items())])


def configure(*, level: str = "info", as_json: bool = False, stream: TextIO | None = None) -> None:
    """Send every log line of the process, libraries included, to ``stream`` (stderr) and nowhere else."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(as_json=as_json))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("breadboard").setLevel(level.upper())


def _value(value: object) -> object:
    return value if isinstance(value, bool | int | float | type(None)) else redact(str(value))


def _word(value: object, *, spaces: bool = False) -> str:
    text = str(value)
    if _PLAIN.fullmatch(text.replace(" ", "") if spaces else text):
        return text
    return json.dumps(text, ensure_ascii=True)
