"""TLS of our own: who is believed, what a browser is given over it, and what is no certificate."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

import patient
from breadboard.api.crowd import FEW
from breadboard.app import access, client, up
from breadboard.app.access import certificate, here, refuse_open, unencrypted
from breadboard.app.places import Places
from breadboard.client import AsyncClient, Client, Tick, Unreachable
from breadboard.client.door import Door as ClientDoor
from breadboard.client.told import StreamRow
from breadboard.config import ApiConfig, Config, FeedConfig
from breadboard.config_file import load
from breadboard.errors import NotRunning, UsageError
from certificates import Pair, locked, signed
from unit.api.keyed import Served, served
from unit.api.market import Market, services

HOST = "desk.example.com"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return signed(tmp_path_factory.mktemp("pair"), HOST)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Iterator[Served]:
    cert, key = pair.tls
    api = ApiConfig(host="0.0.0.0", hosts=(HOST,), tls_cert=cert, tls_key=key, requests_per_minute=60_000, burst=1_000)
    with served(tmp_path_factory.mktemp("data"), api) as server:
        yield server


def believing(pair: Pair) -> ssl.SSLContext:
    """Return what believes the authority, and looks at the name."""
    return ssl.create_default_context(cafile=pair.authority)


def test_a_session_over_tls_is_a_secure_one_and_opens_sockets_for_pages_of_tls(desk: Served, pair: Pair) -> None:
    assert desk.address.startswith("https://127.0.0.1:")
    key = desk.key("ada", "write")
    desk.clock.mono_ns += 2 * 10**9
    port = desk.address.rpartition(":")[2]
    ours = f"https://127.0.0.1:{port}"
    believes = believing(pair)
    believes.check_hostname = False
    with patient.Client(base_url=desk.address, verify=believes) as browser:
        assert browser.get("/docs", headers={"Accept": "text/html"}).headers["location"] == "/login?next=/docs"
        answer = browser.post("/login", data={"key": key}, headers={"Origin": ours})
        cookie = answer.headers["set-cookie"]
        assert re.fullmatch(
            r"__Host-breadboard_8080=[\w-]{43}; Max-Age=43200; Path=/; HttpOnly; SameSite=Strict; Secure", cookie
        )
        shows = {"Cookie": cookie.partition(";")[0]}
        for origin, status in ((ours, 201), (ours.replace("https", "http"), 403)):
            assert browser.post("/api/v1/tickets", headers={"Origin": origin}).status_code == status
    address = f"{desk.address.replace('https', 'wss')}/ws/realtime"
    with connect(address, ssl=believes, origin=Origin(ours), additional_headers=shows) as socket:
        socket.send("{}")
        assert "error" in str(socket.recv())
    plain = Origin(ours.replace("https", "http"))
    with pytest.raises(InvalidStatus), connect(address, ssl=believes, origin=plain, additional_headers=shows):
        pass


def test_screens_over_tls_are_told_through_it_and_past_it_never(tmp_path: Path, pair: Pair) -> None:
    cert, key = pair.tls
    api = ApiConfig(host="0.0.0.0", hosts=(HOST,), tls_cert=cert, tls_key=key, requests_per_minute=60_000, burst=1_000)
    market, believes = Market(), believing(pair)
    believes.check_hostname = False
    market.apply(market.quote("1", "2"))
    with served(tmp_path, api, services(market)) as desk, contextlib.ExitStack() as stack:
        shows = {"Authorization": f"Bearer {desk.key('eve')}"}
        address = f"{desk.address.replace('https', 'wss')}/ws/realtime"
        opened = [stack.enter_context(connect(address, ssl=believes, additional_headers=shows)) for _ in range(FEW + 2)]
        for socket in opened:
            socket.send('{"op":"sub","symbols":["BTCUSDT"],"channels":["quote"],"hz":30}')
            while '"type":"snapshot"' not in str(socket.recv(60)):
                pass
        for price in ("5", "6", "7"):
            market.apply(market.quote(price, "8"))
            for socket in opened:
                while f'"bid":"{price}.00"' not in (told := str(socket.recv(60))):
                    assert '"type":"quote"' in told or '"type":"status"' in told, "a heartbeat, where seconds passed"


def test_plain_http_is_not_spoken_beside_it(desk: Served) -> None:
    with pytest.raises(httpx.TransportError):
        patient.get(desk.address.replace("https", "http") + "/health")


def test_pages_believe_the_servers_own_certificate_and_no_other_of_the_same_authority(
    desk: Served, pair: Pair, tmp_path: Path
) -> None:
    key = desk.key("ada")
    desk.clock.mono_ns += 2 * 10**9
    own = certificate(desk.config.api)
    assert own.count("BEGIN CERTIFICATE") == 1, "its own, and not what leads to its authority"
    with Client(desk.address, key, certificate=own) as asks:
        assert asks.stocks().data == []
    other = signed(tmp_path, HOST).cert.read_text()
    for wrong in (other.partition("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n", ""):
        with Client(desk.address, key, certificate=wrong) as asks, pytest.raises(Unreachable):
            asks.stocks()
    assert pair.authority.read_text() not in own


def test_streams_believe_the_certificate_that_questions_believe(tmp_path: Path, pair: Pair) -> None:
    cert, key = pair.tls
    market = Market()
    market.apply(market.quote("1", "2"))
    whole = pair.cert.read_text()
    with served(tmp_path, ApiConfig(host="0.0.0.0", tls_cert=cert, tls_key=key), services(market)) as desk:
        eve = desk.key("eve")
        with Client(desk.address, eve, certificate=whole) as asks, asks.stream("BTCUSDT") as stream:
            row = next(stream)
            assert isinstance(row, Tick)
            assert (row.id, row.bid) == ("BTCUSDT.BINANCE", Decimal(1))

        async def one() -> StreamRow:
            async with AsyncClient(desk.address, eve, certificate=whole) as asks, asks.stream("BTCUSDT") as stream:
                return await anext(stream)

        assert isinstance(asyncio.run(one()), Tick)


def test_a_certificate_that_is_not_believed_is_told_as_one_and_asked_once(
    desk: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("breadboard.client.sync.time.sleep", waits.append)
    other = signed(tmp_path, HOST).cert.read_text()
    with Client(desk.address, "", certificate=other) as asks:
        with pytest.raises(Unreachable) as asked:
            asks.stocks()
        with pytest.raises(Unreachable) as opened, asks.stream() as stream:
            next(stream)
    for refused in (asked.value, opened.value):
        assert refused.sentence.startswith(f"the certificate of {desk.address} is not believed: ")
        assert refused.hint == (
            f"Client('{desk.address}', certificate=open('desk.pem').read())  # the file of [api] tls_cert"
        )
    assert waits == []


def test_of_a_file_of_certificates_the_first_is_believed_and_no_authority(pair: Pair) -> None:
    whole = "# ours\n" + pair.cert.read_text()
    assert whole.count("BEGIN CERTIFICATE") == 2
    trust = ClientDoor.of("https://127.0.0.1", "", certificate=whole).options["verify"]
    assert trust.cert_store_stats()["x509"] == 1
    assert trust.get_ca_certs() == []


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_what_stands_around_a_certificate_is_none_of_it(pair: Pair, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "desk.pem").write_bytes("# Bücher GmbH\n".encode(encoding) + pair.cert.read_bytes())
    api = ApiConfig(tls_cert=str(tmp_path / "desk.pem"), tls_key=str(pair.key))
    refuse_open(Config(data_dir=str(tmp_path), api=api), Places(tmp_path))
    assert certificate(api) == certificate(ApiConfig(tls_cert=str(pair.cert), tls_key=str(pair.key)))
    assert certificate(api).startswith("-----BEGIN CERTIFICATE-----")


def test_commands_on_this_machine_reach_it(desk: Served) -> None:
    assert client.get(desk.address, "/health")[0] == 200
    assert client.get_json(desk.address, "/api/v1/stocks", key=desk.places.house_key()) == {"data": [], "unknown": []}
    with pytest.raises(NotRunning):
        client.get("https://127.0.0.1:9", "/health")


def test_files_are_found_beside_the_configuration_and_one_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "breadboard.toml"
    path.write_text('[api]\ntls_cert = "tls/desk.pem"\ntls_key = "/etc/desk.key"\n')
    assert load(path).api.tls == (f"{tmp_path}/tls/desk.pem", "/etc/desk.key")
    for given, missing in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
        path.write_text(f'[api]\n{given} = "desk.pem"\n')
        with pytest.raises(UsageError, match=f"`{given}` without `{missing}`"):
            load(path)
    assert load(None).api.tls is None


def test_what_no_server_can_show_is_refused_before_anything_starts(tmp_path: Path, pair: Pair) -> None:
    other = signed(tmp_path / "other", HOST)
    text, empty, broken, none = (str(tmp_path / name) for name in ("text.pem", "empty.pem", "broken.pem", "none.pem"))
    Path(text).write_text("no certificate")
    Path(empty).touch()
    Path(broken).write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    cert, key = pair.tls
    wrong = {
        (none, key): f"tls_cert '{none}' cannot be read: No such file or directory",
        (cert, none): f"tls_key '{none}' cannot be read: No such file or directory",
        (str(tmp_path), key): f"tls_cert '{tmp_path}' cannot be read: Is a directory",
        (text, key): f"tls_cert '{text}' is no PEM certificate",
        (empty, key): f"tls_cert '{empty}' is no PEM certificate",
        (key, cert): f"tls_cert '{key}' is no PEM certificate, it holds a private key: are it and tls_key swapped?",
        (cert, text): f"tls_key '{text}' is no PEM private key",
        (cert, empty): f"tls_key '{empty}' is no PEM private key",
        (cert, broken): f"tls_key '{broken}' is no PEM private key",
        (cert, str(other.key)): f"tls_key '{other.key}' does not belong to the certificate in tls_cert '{cert}'",
        (cert, str(locked(pair.key))): f"tls_key '{pair.key.with_suffix('.locked')}' has a passphrase, which nobody can"
        " type at a start",
    }
    for (one, two), said in wrong.items():
        config = Config(data_dir=str(tmp_path), api=ApiConfig(tls_cert=one, tls_key=two))
        with pytest.raises(UsageError) as refused:
            refuse_open(config, Places(config.root))
        assert refused.value.sentence == f"[api] {said}"
        assert refused.value.hint.startswith(("openssl ", "ls -l "))
    refuse_open(Config(data_dir=str(tmp_path), api=ApiConfig(tls_cert=cert, tls_key=key)), Places(tmp_path))


TLS = {"tls_cert": "c", "tls_key": "k"}


@pytest.mark.parametrize(
    ("api", "address", "said"),
    [
        (ApiConfig(), "http://127.0.0.1:8080", []),
        (ApiConfig(hosts=("a.b",)), "http://127.0.0.1:8080", ["open"]),
        (ApiConfig(host="0.0.0.0"), "http://127.0.0.1:8080", ["open", "careful", "hint"]),
        (ApiConfig(host="::"), "http://[::1]:8080", ["open", "careful", "hint"]),
        (ApiConfig(host="192.0.2.1", **TLS), "https://192.0.2.1:8080", ["open"]),  # type: ignore[arg-type]  # of several types
        (ApiConfig(host="0.0.0.0", hosts=("a.b", "c.d"), **TLS), "https://127.0.0.1:8080", ["open"]),  # type: ignore[arg-type]  # of several types
        (ApiConfig(**TLS), "https://127.0.0.1:8080", []),  # type: ignore[arg-type]  # of several types
    ],
)
def test_the_start_says_where_it_is_and_whether_keys_travel_for_all_to_read(
    api: ApiConfig, address: str, said: list[str]
) -> None:
    assert here(api) == address
    assert unencrypted(api) == ("careful" in said)
    assert access.keyed(api) == ("open" in said)
    named = {
        ApiConfig(hosts=("a.b",)): ("https://a.b", address),  # of the proxy; what this machine asks is the server
        ApiConfig(host="0.0.0.0", hosts=("a.b", "c.d"), **TLS): ("https://a.b:8080",) * 2,  # type: ignore[arg-type]  # of several types
    }
    login, page = named.get(api, (address, address))
    lines: list[str] = []
    up._tell_ways(address, Config(api=api, feeds=(FeedConfig(venue="x", symbols=("A",)),)), lines.append)
    words = [line.split()[0] for line in lines]
    assert [word for word in words if word in ("open", "careful", "hint")] == said
    if "careful" in said:
        assert f"careful    over plain HTTP keys travel to and from {api.host} for all between to read" in lines
    assert f"page       {page}/" in lines
    if "open" in said:
        assert f"open       to whoever has a key; with a browser at {login}/login" in lines
    key = ' -H "Authorization: Bearer $BREADBOARD_KEY"' if "open" in said else ""
    assert f"prices     curl -s{key} {page}/api/v1/stocks/A" in lines
