"""Where a server is and what opens it: shared by both clients and by streams."""

import ssl
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from breadboard.client.errors import ClientError, Unreachable
from breadboard.environment import environment
from breadboard.errors import UsageError

ADDRESS: Final = "http://127.0.0.1:8080"
TIMEOUT_S: Final = 75.0
"""How long an answer may take; longer than a server tries a rule (60 s), which then says what helps."""
TRIES: Final = 3
"""Of a question that may be asked again."""
LONGEST_WAIT_S: Final = 5.0
"""A server that wants more patience than this gets none: the caller is told, with ``retry_after_s``."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_ADDRESS, _KEY = "BREADBOARD_ADDRESS", "BREADBOARD_KEY"


@dataclass(frozen=True, slots=True)
class Door:
    """The address of a server, and the key for it, which is never shown."""

    address: str
    key: str | None = field(default=None, repr=False)
    cookies: str = field(default="", repr=False)
    """What a browser that is signed in there shows in the place of a key: the value of its Cookie header."""
    certificate: str = ""
    """The one that the server has, PEM, whatever name it is asked by; empty: any that an authority has signed."""

    @staticmethod
    def of(address: str | None, key: str | None, cookies: str = "", certificate: str = "") -> "Door":
        """Return the door of what is given, of ``BREADBOARD_ADDRESS`` and ``BREADBOARD_KEY``, or of this machine.

        An empty key is none, whatever the environment says. Raises UsageError for an address that is none, and for a
        key that no request can carry.
        """
        said = environment(_ADDRESS, _KEY)
        address = address or said.get(_ADDRESS) or ADDRESS
        place = _place(address)
        if place is None:
            _, password, rest = address.rpartition("@")
            shown = f"…@{rest[:100]}" if password else repr(address[:100])
            raise UsageError(f"{shown} is not the address of a server", hint=f"Client('{ADDRESS}')")
        key = (said.get(_KEY, "") if key is None else key).strip() or None
        if key and not (key.isascii() and key.isprintable()):
            raise UsageError("the API key has signs that no request can carry", hint=f"export {_KEY}=bb_…")
        return Door(place.geturl().rstrip("/"), key, cookies, certificate)

    @property
    def base(self) -> str:
        """Where the REST part begins."""
        return f"{self.address}/api/v1"

    @property
    def socket(self) -> str:
        """The WebSocket."""
        return f"ws{self.address.removeprefix('http')}/ws/realtime"

    @property
    def trust(self) -> ssl.SSLContext | None:
        """Who is believed to be the server; None: whoever an authority of this machine has signed, by name."""
        return _only(self.certificate) if self.certificate else None

    @property
    def options(self) -> dict[str, Any]:
        """What an httpx client is made with.

        A proxy of the environment is none for this machine, by whatever name: what has cookies to show, or the
        server's own certificate, is a page of the server's, and what a visitor has lent it leaves this machine not.
        """
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        if self.cookies:  # taken from pages of the server's own alone
            headers |= {"Cookie": self.cookies, "Sec-Fetch-Site": "same-origin"}
        more = {} if self.trust is None else {"verify": self.trust}
        here = self.cookies or self.certificate or urlsplit(self.address).hostname in _LOOPBACK
        return {"headers": headers, **more, "trust_env": not here}

    def unreachable(self, error: Exception) -> Unreachable:
        """Return the error that stands for one of the network. One of a certificate is no better when asked again."""
        doubt = _doubt(error)
        if doubt is not None:
            why = doubt.verify_message.rstrip(".")
            ours = f"Client({self.address!r}, certificate=open('desk.pem').read())  # the file of [api] tls_cert"
            return Unreachable(f"the certificate of {self.address} is not believed: {why}", hint=ours, transient=False)
        return Unreachable(f"{self.address} does not answer: {str(error) or type(error).__name__}")


def _place(address: str) -> SplitResult | None:
    """Return the parts of a server's address, its scheme in small letters; None where nobody can be asked at it."""
    try:
        place = urlsplit(address.strip())
        (place.hostname or "").encode("idna")  # as whoever connects does, and fails as late as that
        _ = place.port  # read for its ValueError alone
    except ValueError:
        return None
    known = place.scheme in {"http", "https"} and place.hostname and place.username is None
    return place if known and place.geturl().isprintable() else None


def _doubt(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Return what is wrong with a certificate, if that is behind an error: libraries wrap it in their own."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _only(certificate: str) -> ssl.SSLContext:
    """Return what believes the first certificate of a file, and not the authorities that may stand behind it."""
    own, end, _ = certificate.partition("-----END CERTIFICATE-----")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it need not have signed itself
    context.load_verify_locations(cadata=own[max(own.find(_BEGIN), 0) :] + end)
    return context


def pause_s(error: ClientError, tried: int, *, safe: bool) -> float | None:
    """Return how long to wait before the same question is asked again; None where it is not to be.

    A server that is busy has done nothing, so any question may be asked again; after a broken connection nobody knows.
    """
    wait = getattr(error, "retry_after_s", 0.0)
    if not error.transient or tried >= TRIES or wait > LONGEST_WAIT_S:
        return None
    if isinstance(error, Unreachable) and not safe:
        return None
    return max(wait, 0.1 * 2.0**tried)
