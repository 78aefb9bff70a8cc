"""`breadboard up`: everything on one machine, and nothing to configure."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from breadboard.app import client, engine_checks
from breadboard.app.ending import listen
from breadboard.app.feed_news import FeedNews
from breadboard.app.places import Places, RunState
from breadboard.app.supervisor import Child, Supervisor
from breadboard.config import ApiConfig, Config, FeedConfig
from breadboard.errors import INTERRUPTED, BreadboardError, NotRunning, UsageError
from breadboard.telemetry import stacks

Say = Callable[[str], None]
Begun = Callable[[dict[str, Any]], None]

SIMULATED = {
    "binance": ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT", "DOGEUSDT"),
    "coinbase": ("BTC-USD", "ETH-USD", "SOL-USD", "LTC-USD", "XRP-USD", "DOGE-USD"),
}
"""What a start without configuration shows: two fake venues, a dozen instruments."""

_TEND_EVERY_S = 0.1
_FIRST_TICK_PATIENCE_S = 30.0


def run(config: Config, say: Say, stop: threading.Event, begun: Begun = lambda _place: None) -> int:
    """Start every process, say the address, and keep all running until ``stop`` is set or a signal comes.

    Returns the exit code: 130 after SIGINT (Ctrl-C), 0 after SIGTERM (`breadboard down`) or ``stop``.
    ``begun`` is told once where it is to be found, when it answers there. Raises UsageError, before anything starts or
    is made, for feeds or an address that cannot be had, and for what an engine would refuse to start with. Without
    configured feeds a simulated market is started, and everything that comes of it is labelled synthetic.
    """
    stacks.tell_on_request()
    if config.feeds:
        from breadboard.app.capture import planned  # half a second of imports, which a simulated market does without

        planned(config)
    engine_checks.verify(config.engine)
    places = Places(config.root)
    _refuse_second(places)
    if config.rules.rules or config.settings.url or places.settings.exists():
        _check_rules(config, places, say)
    _refuse_address(config, places)
    places.made()
    simulators = []
    if not config.feeds:
        ports = {venue: _free_port() for venue in SIMULATED}
        simulators = [_simulator(venue, port) for venue, port in ports.items()]
        config = msgspec.structs.replace(config, feeds=tuple(_simulated_feed(*item) for item in ports.items()))
    address = f"http://{config.api.host}:{config.api.port}"
    if config.api != ApiConfig(port=config.api.port):
        from breadboard.app.access import here

        address = here(config.api)
    started_ns = time.time_ns()

    def announce(children: dict[str, int]) -> None:
        provenance = "synthetic" if simulators else "live"
        state = RunState(os.getpid(), address, started_ns, children, provenance, supervisor.ended())
        try:
            places.restored(config).write_state(state)  # somebody may have removed or moved it all
        except OSError as error:  # a full disk: what runs goes on, `status` and `down` find it under its old pids
            say(f"{places.run} cannot be written: {error.strerror}")

    supervisor = Supervisor([*_core(places.write_config(config)), *simulators], places.run, announce)
    signals = listen(stop)
    # A simulated venue is a child of ours: what becomes of it is told anyhow, and a hint would lead nowhere.
    news = None if simulators else FeedNews(places, say)
    tend = partial(_tend, supervisor, places, news, say)
    started = time.monotonic()
    supervisor.start()
    try:
        _tell_market(config, bool(simulators), say)
        if _answers(address, tend, stop):
            _tell_ways(address, config, say)  # what is printed can be pasted now
            begun(_place(places, address, config, bool(simulators)))
        _await_first_tick(address, started, tend, places, say, stop)
        while not stop.wait(_TEND_EVERY_S):
            tend()
    finally:
        say("stopping: capture first; what it recorded is processed and stored before the rest ends")
        supervisor.stop()
        places.clear_state()
    return INTERRUPTED if signal.SIGINT in signals else 0


def down(places: Places, timeout_s: float = 60.0) -> RunState:
    """Stop the `breadboard up` of this data directory and wait until it has ended."""
    from breadboard.app.supervisor import stop_process

    state = places.require_running()
    if not stop_process(state.pid, timeout_s):
        raise NotRunning(f"process {state.pid} did not stop within {timeout_s:.0f} s", hint=f"kill -9 {state.pid}")
    return state


def with_feeds(config: Config, wanted: tuple[str, ...]) -> Config:
    """Return the configuration with the feeds of ``VENUE:SYM,SYM`` words. Raises UsageError naming the word."""
    feeds = []
    for word in wanted:
        venue, colon, symbols = word.partition(":")
        names = tuple(name.strip() for name in symbols.split(",") if name.strip())
        if not venue or not colon or not names:
            raise UsageError(
                f"--live takes VENUE:SYMBOL,SYMBOL and not {word!r}",
                hint="breadboard up --live coinbase:BTC-USD,ETH-USD",
            )
        feeds.append(FeedConfig(venue=venue, symbols=names))
    return msgspec.structs.replace(config, feeds=(*config.feeds, *feeds))


def _core(config: Path) -> list[Child]:
    arguments = ["--resolved", str(config)]
    return [Child("capture", ["capture", *arguments]), Child("serve", ["serve", *arguments], stop_timeout_s=60.0)]


def _simulator(venue: str, port: int) -> Child:
    symbols = ",".join(SIMULATED[venue])
    return Child(f"sim-{venue}", ["sim", venue, "--symbols", symbols, "--profile", "breadboard", "--port", str(port)])


def _simulated_feed(venue: str, port: int) -> FeedConfig:
    host = f"127.0.0.1:{port}"
    return FeedConfig(venue=venue, symbols=SIMULATED[venue], url=f"ws://{host}", rest_url=f"http://{host}")


def _check_rules(config: Config, places: Places, say: Say) -> None:
    """Tell of mistakes before anything starts. What may be over in a while, and one rule of many, stop nobody."""
    from breadboard.app import rulebook  # capture and serving read them as well

    try:
        for reason in rulebook.left_out(config, places):
            say(f"careful    {reason}")
    except BreadboardError as error:
        if not error.transient:
            raise
        say(f"careful    {error.sentence}; until it can, the rules of last time hold")


def _refuse_second(places: Places) -> None:
    state = places.running()
    if state is not None:
        raise UsageError(
            f"breadboard already runs on {places.root} (process {state.pid}, {state.address})",
            hint=f"breadboard down --data-dir {places.root}",
        )


def _refuse_address(config: Config, places: Places) -> None:
    host, port = config.api.host, config.api.port
    if config.api != ApiConfig(port=port):
        from breadboard.api.server import bind  # the server's own word on it; loading it takes time
        from breadboard.app.access import keyed, refuse_open

        refuse_open(config, places)
        bind(host, port, keyed=keyed(config.api)).close()
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"port {port} on {host} cannot be had: {error.strerror}", hint="breadboard up --port 8081"
            ) from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _tell_market(config: Config, synthetic: bool, say: Say) -> None:
    if synthetic:
        say("market     SYNTHETIC: simulated venues on real sockets (record a real one with --live coinbase:BTC-USD)")
    else:
        say("market     " + "; ".join(f"{feed.venue} {','.join(feed.symbols)}" for feed in config.feeds))


def _tell_ways(address: str, config: Config, say: Say) -> None:
    example, curl = config.feeds[0].symbols[0], "curl -s"
    if config.api != ApiConfig(port=config.api.port):
        from breadboard.app.access import elsewhere, keyed, unencrypted

        theirs = elsewhere(config.api) or address
        if config.api.tls:
            address = theirs  # a certificate is made for a name, and here, too, no other is believed
        if keyed(config.api):
            say(f"open       to whoever has a key; with a browser at {theirs}/login")
            curl += ' -H "Authorization: Bearer $BREADBOARD_KEY"'
        if unencrypted(config.api):
            say(f"careful    over plain HTTP keys travel to and from {config.api.host} for all between to read")
            say('hint       [api] tls_cert = "desk.pem", tls_key = "desk.key"   # or a proxy that speaks TLS')
    say(f"page       {address}/")
    say(f"prices     {curl} {address}/api/v1/stocks/{example}")
    query = "select symbol, price, size, side from trades order by ts_recv desc limit 5"
    say(f'query      breadboard sql "{query}" --data-dir {config.data_dir}')
    say(f"stop       Ctrl-C, or: breadboard down --data-dir {config.data_dir}")


def _place(places: Places, address: str, config: Config, synthetic: bool) -> dict[str, Any]:
    feeds = [{"venue": feed.venue, "symbols": list(feed.symbols)} for feed in config.feeds]
    provenance = "synthetic" if synthetic else "live"
    place = {"address": address, "pid": os.getpid(), "data_dir": str(places.root)}
    return {**place, "provenance": provenance, "feeds": feeds}


def _answers(address: str, tend: Callable[[], None], stop: threading.Event) -> bool:
    """Wait until somebody answers there; tell whether that was before ``stop``."""
    while not stop.wait(0.02):
        tend()
        with contextlib.suppress(NotRunning):
            client.get(address, "/health", timeout_s=2.0)
            return True
    return False


def _await_first_tick(
    address: str, started: float, tend: Callable[[], None], places: Places, say: Say, stop: threading.Event
) -> None:
    told = False
    while not stop.wait(0.02):
        tend()
        tick = _first_tick(address, places)
        waited = time.monotonic() - started
        if tick is not None:
            say(f"first tick after {waited:.1f} s: {tick}")
            return
        if waited > _FIRST_TICK_PATIENCE_S and not told:
            told = True
            say(f"no tick yet after {waited:.0f} s; what capture says: {places.run / 'capture.log'}")


def _first_tick(address: str, places: Places) -> str | None:
    try:
        page: dict[str, Any] | None = client.get_json(address, "/api/v1/stocks", timeout_s=2.0, key=places.house_key())
    except NotRunning:
        return None
    for stock in (page or {}).get("data", []):
        if not stock["feed"]:
            continue  # known from before this start
        trade, quote = stock.get("trade"), stock.get("quote")
        if trade:
            size = "" if trade["size"] is None else f" × {trade['size']}"
            return f"{stock['id']} {trade['price']}{size} [{stock['provenance']}]"
        if quote:
            return f"{stock['id']} {quote['bid']} / {quote['ask']} [{stock['provenance']}]"
    return None


def _tend(supervisor: Supervisor, places: Places, news: FeedNews | None, say: Say) -> None:
    for child in supervisor.tend():
        log = places.run / f"{child.name}.log"
        why = f" ({child.ended.words})" if child.ended is not None and child.ended.words else ""
        say(f"{child.name} ended{why} and is started again in {child.wait_s:.1f} s; its words are in {log}")
    if news is not None:
        news.look(supervisor.pids().get("capture"))
