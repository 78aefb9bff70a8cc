"""What every port of a gateway is greeted with, and what it may say on any of them."""

from typing import Final

PROTOCOL: Final = "6.2"
CLIENT_NAME: Final = "breadboard"
GREETING: Final = (f"S,SET PROTOCOL,{PROTOCOL}", f"S,SET CLIENT NAME,{CLIENT_NAME}")
CUT_OFF: Final = "the gateway is without the vendor's servers"
"""How people are told of ``SERVER DISCONNECTED``, and of a report that says the same."""


def account_of(frame: bytes) -> bool | None:
    """Return whether ``S,CUST`` says that the account is delayed; None where it says neither this nor real-time."""
    return {b"real_time": False, b"delayed": True}.get(frame.split(b",", 3)[2])
