"""From an address to a connection: the scheme of the URL chooses what carries it."""

from urllib.parse import urlsplit

from breadboard.capture import textline, websocket
from breadboard.capture.wire import Handler
from breadboard.clock import Clock
from breadboard.ports import Capabilities


def refuse_unusable(url: str) -> None:
    """Raise UsageError where what carries such an address is not installed, or does not know the place."""
    parts = urlsplit(url)
    if parts.scheme == "ccxt":
        from breadboard.capture import ccxt_source

        ccxt_source.refuse_unknown(parts.hostname or "")


async def connect(url: str, handler: Handler, clock: Clock, rules: Capabilities) -> None:
    """Open a connection; the handler has it when this returns.

    ``ws://`` and ``wss://`` are WebSockets, ``tcp://host:port`` carries lines, ``ccxt://exchange`` is a library.

    Raises Refused where the venue says no, OSError or TimeoutError for no answer, ValueError for a wrong address.
    """
    parts = urlsplit(url)
    if parts.scheme == "ccxt":
        from breadboard.capture import ccxt_source

        await ccxt_source.connect(url, handler, clock)
        return
    if parts.scheme != "tcp":
        await websocket.connect(url, handler, clock, rules.frame_cap)
        return
    if parts.hostname is None or parts.port is None:
        raise ValueError(f"an address of lines is tcp://host:port, not {url!r}")
    await textline.connect(parts.hostname, parts.port, handler, clock, rules.frame_cap, rules.ping)
