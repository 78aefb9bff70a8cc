"""Yahoo's chart answers as files: the body as it came, or inside a recorded HTTP exchange; plain, gzipped or zipped."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from breadboard.errors import UsageError
from breadboard.recordings.rows import read_files

LARGEST: Final = 64 << 20
"""Bytes of one answer, unpacked: as much as capture itself takes (``capture.documents``)."""
_HINT: Final = "save the answer of /v8/finance/chart/SYMBOL as it comes"


class _Response(msgspec.Struct):
    """The answer of a recorded exchange, as text or as JSON."""

    body: str | None = None
    bodyJson: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET  # noqa: N815 - the recorder's spelling
    status: int = 200


class _File(msgspec.Struct):
    """Enough of a file to know what it is."""

    chart: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    response: _Response | msgspec.UnsetType = msgspec.UNSET


def read(path: Path, symbol: str, interval: int | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield ``(tag, body)`` for each chart in a file, the body as the venue sent it, for the feed's ``read_document``.

    ``interval`` is not needed: a chart tells its own. Raises UsageError for what is no chart, cannot be unpacked, or is
    too large; an answer that is a refusal is yielded too, and the reader says what it refuses.
    """
    del interval
    for name, raw in read_files(path, LARGEST):
        yield f"chart:{symbol}", _body(name, raw)


def _body(name: str, raw: bytes) -> bytes:
    try:
        found = msgspec.json.decode(raw, type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{name} is no chart answer: {error}", hint=_HINT) from None
    if found.chart is not msgspec.UNSET:
        return raw
    if found.response is msgspec.UNSET:
        raise UsageError(f"{name} is no chart answer: it has neither 'chart' nor 'response'", hint=_HINT)
    if found.response.bodyJson is not msgspec.UNSET:
        return bytes(found.response.bodyJson)
    if found.response.body is None:
        raise UsageError(f"{name} records an exchange without a body", hint=_HINT)
    return found.response.body.removeprefix("\ufeff").encode()
