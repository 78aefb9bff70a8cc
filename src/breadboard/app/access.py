"""Who may reach the API of a data directory: this machine alone without keys, or whoever has one."""

import re
import secrets
import shlex
import ssl
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from breadboard.api.access import LOOPBACK, Access, is_loopback, plain
from breadboard.api.desk import Door, Sessions
from breadboard.app.places import Places
from breadboard.clock import Clock
from breadboard.config import ApiConfig, Config
from breadboard.errors import UsageError

if TYPE_CHECKING:
    from breadboard.app.desk import Desk
    from breadboard.settings.credentials import ApiKey

_EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is compared, and nowhere bound

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def keyed(api: ApiConfig) -> bool:
    """Tell whether keys are needed: elsewhere than on loopback, and behind a proxy, which makes everybody local."""
    return bool(api.hosts) or not is_loopback(_bracketed(api.host))


def here(api: ApiConfig) -> str:
    """Return the address at which this machine itself reaches the server."""
    host = plain(api.host)
    return f"http{'s' * bool(api.tls)}://{_bracketed(_EVERY_ADDRESS.get(host, host))}:{api.port}"


def elsewhere(api: ApiConfig) -> str | None:
    """Return the address at which others reach the server, as far as the configuration tells; None: it does not.

    Names of a server on loopback are a proxy's, which speaks TLS at the usual port if it has to do without ours.
    """
    if not keyed(api) or (api.host in _EVERY_ADDRESS and not api.hosts):
        return None
    if not api.hosts:
        return here(api)
    name = _bracketed(_plain(api.hosts[0]))
    if is_loopback(_bracketed(api.host)) and not api.tls:
        return f"https://{name}"
    return f"http{'s' * bool(api.tls)}://{name}:{api.port}"


def refuse_open(config: Config, places: Places) -> None:
    """Refuse to serve elsewhere than here while nobody has a key. Raises UsageError."""
    for name in config.api.hosts:
        _refuse_odd_host("hosts", name, _unbracketed(name))
    _refuse_odd_host("host", config.api.host, config.api.host)
    for origin in config.api.origins:
        _refuse_odd_origin(origin)
    if config.api.tls is not None:
        _refuse_odd_certificate(*config.api.tls)
    if not keyed(config.api):
        return
    from breadboard.app import desk

    if not desk.at(config, places, lambda opened: opened.keys.holding()):
        what = f"{config.api.host!r} can be reached from elsewhere"
        if is_loopback(_bracketed(config.api.host)):
            what = f"{config.api.hosts[0]!r} can be reached from elsewhere"
        words = "breadboard keys add NAME --scope read --days 90"
        words += "" if config.data_dir == Config().data_dir else f" --data-dir {config.data_dir}"
        words += " --config FILE" if config.settings.url else ""
        raise UsageError(f"{what}, and there is no API key that holds", hint=words)


def door(config: Config, places: Places, clock: Clock) -> Door:
    """Return the way to the settings; what keeps them is loaded by whoever goes there first."""

    def opened() -> "Desk":
        from breadboard.app import desk

        return desk.opened(config, places, clock)

    return Door(opened)


def access(config: Config, places: Places, way: Door, clock: Clock) -> Access:
    """Return who may reach us. Where keys are needed, commands on this machine are left one for this run."""
    api = config.api
    origins = frozenset(api.origins)
    if not keyed(api):
        return Access(origins=origins, clock=clock)

    async def holding() -> "list[ApiKey]":
        return await (await way.desk()).keys.holding()

    async def sessions() -> Sessions:
        return (await way.desk()).sessions

    key = secrets.token_urlsafe(32)
    places.write_house_key(key)
    named = {_plain(host) for host in api.hosts} | ({plain(api.host)} - set(_EVERY_ADDRESS))
    return Access(
        keys=holding,
        sessions=sessions,
        cookie=f"breadboard_{api.port}",  # a browser keeps cookies by host, whatever the port
        house_key=key,
        hosts=LOOPBACK | named,
        origins=origins,
        per_minute=api.requests_per_minute,
        burst=api.burst,
        lines=api.connections_per_key,
        clock=clock,
    )


def certificate(api: ApiConfig) -> str:
    """Return our own certificate, PEM, without those that lead to its authority; empty where we speak no TLS."""
    if api.tls is None:
        return ""
    text = Path(api.tls_cert).read_text(encoding="latin-1")  # around a certificate may stand anything, in any encoding
    own, end, _ = text.partition("-----END CERTIFICATE-----")
    return own[own.find("-----BEGIN CERTIFICATE-----") :] + end


def unencrypted(api: ApiConfig) -> bool:
    """Tell whether keys and cookies leave this machine for all between to read."""
    return api.tls is None and not is_loopback(_bracketed(api.host))


def _refuse_odd_certificate(cert: str, key: str) -> None:
    """Refuse what no server can show, before one that cannot start is started again and again."""
    for name, path in (("tls_cert", cert), ("tls_key", key)):
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise UsageError(
                f"[api] {name} {path!r} cannot be read: {error.strerror}", hint=f"ls -l {shlex.quote(path)}"
            ) from None
    asked: list[bool] = []  # a passphrase is asked for where the key has one

    def passphrase() -> str:
        asked.append(True)
        return ""

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=passphrase)
    except (ssl.SSLError, ValueError) as error:
        sentence, hint = _odd_certificate(cert, key, getattr(error, "reason", None), locked=bool(asked))
        raise UsageError(f"[api] {sentence}", hint=hint) from None


def _odd_certificate(cert: str, key: str, why: str | None, *, locked: bool) -> tuple[str, str]:
    """Return which of two files that cannot be used together is wrong, and in what, and a hint."""
    shown_cert, shown_key = shlex.quote(cert), shlex.quote(key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cert)
    except ssl.SSLError:
        swapped = "PRIVATE KEY-----" in Path(cert).read_text(encoding="latin-1")
        also = ", it holds a private key: are it and tls_key swapped?" if swapped else ""
        return f"tls_cert {cert!r} is no PEM certificate{also}", f"openssl x509 -noout -subject -in {shown_cert}"
    if locked:
        hint = f"openssl pkey -in {shown_key} -out desk.key   # asks for it once, and writes a key without one"
        return f"tls_key {key!r} has a passphrase, which nobody can type at a start", hint
    if why is None:  # of what is no key the library says nothing
        return f"tls_key {key!r} is no PEM private key", f"openssl pkey -noout -check -in {shown_key}"
    if "MISMATCH" in why:
        hint = f"openssl x509 -noout -pubkey -in {shown_cert}; openssl pkey -pubout -in {shown_key}   # are the same"
        return f"tls_key {key!r} does not belong to the certificate in tls_cert {cert!r}", hint
    hint = f"openssl x509 -noout -text -in {shown_cert}; openssl pkey -noout -check -in {shown_key}"
    return f"tls_cert {cert!r} and tls_key {key!r} cannot be used: {why}", hint


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _unbracketed(name: str) -> str:
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name


def _plain(name: str) -> str:
    """Return a configured name as a browser sends it."""
    try:
        return plain(_unbracketed(name)).encode("idna").decode()
    except UnicodeError:
        return plain(name)


def _refuse_odd_host(key: str, given: str, bare: str) -> None:
    """Refuse what no browser sends as a host, without its port: it would be configured and never be asked for."""
    if ":" in bare or "/" in bare or not _NAME.fullmatch(_plain(bare)):
        with suppress(ValueError):
            ip_address(bare)
            return
        meant = None
        with suppress(ValueError):
            meant = urlsplit(given if "//" in given else f"//{given}").hostname
        good = meant if meant and _NAME.fullmatch(meant) else "desk.example.com"
        example = f'hosts = ["{good}"]' if key == "hosts" else 'host = "0.0.0.0", hosts = ["desk.example.com"]'
        raise UsageError(f"[api] {key}: {given[:100]!r} is no name and no address", hint=example)


def _refuse_odd_origin(origin: str) -> None:
    """Refuse what no browser sends as an origin: it would be configured and never allowed."""
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc.lower()}" or "@" in origin:
        raise UsageError(f"[api] origins: {origin!r} is no origin", hint='origins = ["https://desk.example.com"]')
    if not parts.hostname or "*" in origin:
        raise UsageError(f"[api] origins: {origin!r} names no one page", hint='origins = ["https://desk.example.com"]')
