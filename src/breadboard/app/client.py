"""Asks a running `breadboard up` over its own HTTP interface, on loopback."""

import http.client
import ssl
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import msgspec

from breadboard.errors import BreadboardError, NotRunning, QueryRefused, StoreError

_TIMEOUT_S = 60.0


def get(address: str, path: str, timeout_s: float = _TIMEOUT_S, *, key: str = "") -> tuple[int, bytes]:
    """Return status and body of a GET. Raises NotRunning where nothing listens.

    ``key`` is what the server wants to see, if anything (``Places.house_key``).
    """
    return _ask(address, "GET", path, None, timeout_s, key)


def get_json(address: str, path: str, timeout_s: float = _TIMEOUT_S, *, key: str = "") -> Any:  # noqa: ANN401 - JSON
    """Return the decoded body of a GET that was answered with 200, or None for any other answer."""
    status, body = get(address, path, timeout_s, key=key)
    return msgspec.json.decode(body) if status == 200 else None


def post_json(address: str, path: str, document: Any, *, key: str = "") -> tuple[int, bytes]:  # noqa: ANN401 - JSON
    """Return status and body of a POST of one JSON document."""
    return _ask(address, "POST", path, msgspec.json.encode(document), _TIMEOUT_S, key)


def problem(body: bytes, status: int) -> BreadboardError:
    """Return the error that a problem+json body describes."""
    try:
        document: dict[str, Any] = msgspec.json.decode(body)
    except msgspec.DecodeError:
        document = {}
    sentence = str(document.get("detail") or document.get("title") or f"the server answered with status {status}")
    kind = QueryRefused if status in {400, 422} else StoreError
    return kind(sentence, hint=str(document.get("hint", "")))


def _ask(address: str, method: str, path: str, body: bytes | None, timeout_s: float, key: str) -> tuple[int, bytes]:
    place = urlsplit(address)
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    host, port = place.hostname or "127.0.0.1", place.port or 80
    if place.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=timeout_s, context=_here()
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError as error:
        raise NotRunning(f"{address} does not answer: {error}", hint="breadboard status") from None
    finally:
        connection.close()


@cache
def _here() -> ssl.SSLContext:
    """Return what verifies nothing: the certificate is one for other names than this machine's own.

    The address is that of a process on this machine, from a file that its user alone writes. Nobody is between.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
