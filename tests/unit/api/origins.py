"""Origins of pages that are not ours, whatever they look like: each with the trick that it tries."""

from typing import Final

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

ALLY: Final = "https://ally.example.com"
"""The one page of somebody else's that a server may be configured to answer."""
_OF_NOBODY: Final = {
    "a sandboxed frame": "null",
    "nothing": "",
    "every page": "*",
    "a file": "file://",
    "an extension": "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    "a stranger": "http://evil.example",
    "a stranger at a port of ours": "https://evil.example:8080",
}


def foreign(address: str) -> dict[str, str]:
    """Return other origins by what they try, against a server at ``http://127.0.0.1:port`` that may have ``ALLY``."""
    host = address.removeprefix("http://")
    name, _, port = host.partition(":")
    assert name == "127.0.0.1"
    ours = {
        "our host as a prefix": f"{address}.evil.example",
        "our host as a suffix": f"http://evil-{host}",
        "our host as a user": f"{address}@evil.example",
        "a user at our host": f"http://evil@{host}",
        "our host as a path": f"http://evil.example/{address}",
        "our host with a path": f"{address}/",
        "our host in a list": f"{address} http://evil.example",
        "our host last in a list": f"http://evil.example, {address}",
        "our host with a dot behind it": f"http://{name}.:{port}",
        "our host without its port": f"http://{name}",
        "our host at another port": f"http://{name}:{int(port) - 1}",
        "our port and one digit more": f"{address}0",
        "our host by its other name": f"http://localhost:{port}",
        "our host by IPv6": f"http://[::1]:{port}",
        "our host by IPv4 in IPv6": f"http://[::ffff:{name}]:{port}",
        "our host by one number": f"http://2130706433:{port}",
        "our host in octal": f"http://0177.0.0.1:{port}",
        "our host in short": f"http://127.1:{port}",
        "our host by every address": f"http://0.0.0.0:{port}",
        "our host in capitals": f"HTTP://{host}",
        "our host by another scheme": f"ws://{host}",
        "our host without a scheme": host,
    }
    allys = {
        "the ally at another port": f"{ALLY}:444",
        "the ally with its port said": f"{ALLY}:443",
        "the ally without TLS": "http://ally.example.com",
        "a part of the ally": "https://www.ally.example.com",
        "what the ally is a part of": "https://example.com",
        "the ally as a prefix": f"{ALLY}.evil.example",
        "the ally as a suffix": "https://evilally.example.com",
        "the ally and one letter more": f"{ALLY}x",
        "the ally as a user": f"{ALLY}@evil.example",
        "the ally as a path": f"https://evil.example/{ALLY}",
        "the ally with a path": f"{ALLY}/",
        "the ally with a dot behind it": f"{ALLY}.",
        "the ally in capitals": "HTTPS://ALLY.EXAMPLE.COM",
        "the ally in a list": f"{ALLY}, https://evil.example",
        "the ally in letters that look alike": "https://xn--lly-5cd.example.com",
    }
    return _OF_NOBODY | ours | allys


def opened(address: str, origin: str | None = None, *, ticket: str = "") -> int:
    """Return the status with which the WebSocket answers a browser; 101: it is open, and was heard."""
    headers = {} if origin is None else {"Origin": origin}
    where = f"{address.replace('http', 'ws')}/ws/realtime" + (f"?ticket={ticket}" if ticket else "")
    try:
        with connect(where, additional_headers=headers) as socket:
            socket.send("{}")
            assert "error" in str(socket.recv(timeout=60))
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code
