"""Where a server is and what opens it: shared by both clients and by streams."""

import ssl
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import httpx

from breadboard.client import trust
from breadboard.client.errors import Unreachable, refused
from breadboard.environment import environment
from breadboard.errors import UsageError

ADDRESS: Final = "http://127.0.0.1:8080"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_NO_HTTP: Final = ("illegal status line", "illegal request line")
"""How httpx tells of a server that speaks something else: TLS, most likely. An alert of TLS is the latter."""
_HUNG_UP: Final = "Server disconnected without sending a response"
"""And of one that says nothing: it may speak TLS, as well as be just ending, or have no room."""
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

        An empty key is none, whatever the environment says. Raises UsageError for an address that is none, for a key
        that no request can carry, and for a certificate that is none, or that nobody will be asked for.
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
        if certificate:
            trust.only(certificate)  # for its errors alone
            _refuse_plain(place)
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
        return trust.only(self.certificate) if self.certificate else None

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

    def unreachable(self, error: Exception, *, garbled: bool = False, hung_up: bool = False) -> Unreachable:
        """Return the error that stands for one of the network. One of a certificate is no better when asked again.

        ``garbled``: somebody answered, and it was no HTTP. ``hung_up``: somebody took the question, and said nothing.
        """
        doubt = trust.doubt(error, given=bool(self.certificate))
        if doubt is not None:
            ours = f"Client({self.address!r}, certificate=open('desk.pem').read())  # the file of [api] tls_cert"
            sentence = f"the certificate of {self.address} is not believed: {doubt}"
            return Unreachable(sentence, hint=ours, transient=False)
        place = self.address.partition("://")[2]
        if trust.is_plain(error):
            plain = f"Client('http://{place}')  # a key can be read on the way"
            return Unreachable(f"{self.address} answers, and not in TLS", hint=plain)
        sentence = f"{self.address} does not answer: {str(error) or type(error).__name__}"
        if garbled and self.address.startswith("http://"):
            return Unreachable(sentence, hint=f"Client('https://{place}')  # if it speaks TLS ([api] tls_cert)")
        if hung_up and self.address.startswith("http://"):
            also = f"or Client('https://{place}'), if it runs and speaks TLS ([api] tls_cert)"
            return Unreachable(sentence, hint=f"breadboard up  # {also}")
        return Unreachable(sentence)

    def unanswered(self, error: httpx.RequestError) -> Unreachable:
        """Return the error that stands for a request that got no answer."""
        said = str(error) if isinstance(error, httpx.RemoteProtocolError) else ""
        return self.unreachable(error, garbled=said.startswith(_NO_HTTP), hung_up=said.startswith(_HUNG_UP))


def accepted(answer: httpx.Response) -> httpx.Response:
    """Return an answer, whole, that is no refusal. Raises Refused for one that is."""
    if not answer.is_success:
        raise refused(answer.status_code, answer.content, answer.headers.get("retry-after"))
    return answer


def _refuse_plain(place: SplitResult) -> None:
    if place.scheme != "https":
        said = place.geturl().rstrip("/")
        raise UsageError(
            f"{said} is plain HTTP: no certificate is asked for there, and a key can be read on the way",
            hint=f"Client('https{said.removeprefix('http')}', certificate=open('desk.pem').read())",
        )


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
