"""Certificates and schemes: what is refused before anything is sent, and what is said of servers that speak another."""

import asyncio
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from breadboard.client import AsyncClient, Client, Unreachable
from breadboard.client.door import Door
from breadboard.errors import UsageError
from certificates import Pair, signed
from unit.client.fake import Fake, serving

JUNK = "-----BEGIN CERTIFICATE-----\nMIIsecret\n-----END CERTIFICATE-----\n"
NOBODY = "https://127.0.0.1:9"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return signed(tmp_path_factory.mktemp("ours"), "desk.test")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> str:
    return signed(tmp_path_factory.mktemp("other"), "desk.test").cert.read_text()


@contextmanager
def threaded(server: socketserver.TCPServer) -> Iterator[str]:
    """Serve in a thread, and give where."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def tls(pair: Pair) -> AbstractContextManager[str]:
    """Serve nothing over TLS, and give where."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair.tls)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who speaks plain HTTP is one
    return threaded(server)


def errors(address: str, certificate: str = "") -> list[Unreachable]:
    """Return how either client says of a question and of a stream that nobody answers them."""

    async def twin() -> list[Unreachable]:
        async with AsyncClient(address, "", certificate=certificate) as client:
            with pytest.raises(Unreachable) as asked:
                await client.feeds()
            with pytest.raises(Unreachable) as opened:
                await anext(client.stream())
            return [asked.value, opened.value]

    with Client(address, "", certificate=certificate) as client:
        with pytest.raises(Unreachable) as asked:
            client.feeds()
        with pytest.raises(Unreachable) as opened:
            next(client.stream())
    return [asked.value, opened.value, *asyncio.run(twin())]


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_a_certificate_that_nobody_will_be_asked_for_is_refused_before_a_key_is_sent(
    client: type[Client | AsyncClient], pair: Pair
) -> None:
    with pytest.raises(UsageError) as refusal:
        client("http://desk:8080/a/", "bb_1", certificate=pair.cert.read_text())
    assert refusal.value.sentence == (
        "http://desk:8080/a is plain HTTP: no certificate is asked for there, and a key can be read on the way"
    )
    assert refusal.value.hint == "Client('https://desk:8080/a', certificate=open('desk.pem').read())"


@pytest.mark.parametrize(
    ("given", "sentence", "opened"),
    [
        ("tls/a.pem", "certificate='tls/a.pem' is not the text of a certificate (PEM)", "tls/a.pem"),
        (Path("tls/a.key"), "certificate='tls/a.key' is not the text of a certificate (PEM)", "tls/a.key"),
        (JUNK.encode(), "what is given as certificate= (bytes) is not the text of a certificate (PEM)", "desk.pem"),
        ("secret", "what is given as certificate= (str) is not the text of a certificate (PEM)", "desk.pem"),
        (JUNK.partition("-----END")[0], "what is given as certificate= (str) is not the text of a certificate (PEM)",
         "desk.pem"),
        (JUNK, "what is given as certificate= (str) has a certificate that is damaged", "desk.pem"),
        (JUNK.replace("MII", "ü"), "what is given as certificate= (str) has a certificate that is damaged", "desk.pem"),
    ],
)  # fmt: skip
def test_what_is_no_certificate_is_refused_in_a_sentence_that_shows_no_secret(
    given: str, sentence: str, opened: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        Client(NOBODY, "", certificate=given)
    assert refusal.value.sentence == sentence
    assert refusal.value.hint == f"certificate=open({opened!r}).read()  # the file of [api] tls_cert"


def test_no_proxy_of_the_environment_stands_between_us_and_who_has_the_certificate(pair: Pair) -> None:
    away = "https://192.0.2.1:8080"
    assert Door.of(away, "", certificate=pair.cert.read_text()).options["trust_env"] is False
    assert Door.of(away, "").options["trust_env"] is True


def test_a_server_with_another_certificate_than_the_one_given_is_told_as_that(pair: Pair, other: str) -> None:
    with tls(pair) as place:
        found = errors(f"https://{place}", other)
    for error in found:
        assert error.sentence.startswith(f"the certificate of https://{place} is not believed: it is not the one given")
        assert not error.transient
    with tls(pair) as place:
        (first, *_) = errors(f"https://{place}")
    assert "not the one given" not in first.sentence


def test_of_a_server_of_plain_http_it_is_said_that_it_speaks_no_tls() -> None:
    with serving(Fake()) as fake:
        place = fake.address.removeprefix("http://")
        for error in errors(f"https://{place}"):
            assert error.sentence == f"https://{place} answers, and not in TLS"
            assert error.hint == f"Client('http://{place}')  # a key can be read on the way"


def saying(words: bytes) -> AbstractContextManager[str]:
    """Answer all who come with the same, and give where."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65_536)
            self.request.sendall(words)

    return threaded(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler))


@pytest.mark.parametrize(
    ("words", "which"),
    [(b"\x15\x03\x01\x00\x02\x02\x46", slice(0, 4, 2)), (b"some\r\n\r\n", slice(4))],  # streams see no alert
    ids=["alert", "text"],
)
def test_of_one_that_answers_no_http_what_may_help(words: bytes, which: slice) -> None:
    with saying(words) as place:
        found = errors(f"http://{place}")[which]
    for error in found:
        assert error.sentence.startswith(f"http://{place} does not answer: ")
        assert error.hint == f"Client('https://{place}')  # if it speaks TLS ([api] tls_cert)"


def test_one_that_hangs_up_may_be_just_ending_or_speak_tls(pair: Pair) -> None:
    with saying(b"") as place:
        found = [(place, error) for error in errors(f"http://{place}")]
    with tls(pair) as place:
        found += [(place, error) for error in errors(f"http://{place}")]
    for place, error in found:
        assert error.sentence.startswith(f"http://{place} does not answer: ")
        assert error.hint == (
            f"breadboard up  # or Client('https://{place}'), if it runs and speaks TLS ([api] tls_cert)"
        )
