"""From a venue's socket to a WebSocket client of ours: how long a trade takes, hop by hop.

``breadboard bench latency --json``; ``--case 13000`` for one of the cases alone, ``13000-full`` for that with every
feature and anomaly told as well. A fake Binance sends trades, best prices and books of 300 instruments at a fixed rate,
whatever becomes of them (``latency_venue.py``); ``breadboard up`` records, processes, stores and serves them; a client
has subscribed to every trade without conflation (``hz`` 0), and one more to what a screen shows
(``latency_client.py``). All of these are processes of their own on one machine, and all stamps are of its wall clock.
Each trade's time counts from the millisecond in which it was due, not from when it was sent. The hops, each counted
from the one before:

=======  ===============================================================================
send     with the kernel, by the venue (a late venue is counted, not forgiven)
receive  stamped by capture: ``ts_recv``
durable  fdatasync has returned and HEAD tells: nothing is visible before
read     out of the journal, in the serving process: ``ts_read``
engine   books, bars and all other stages are done: ``ts_engine``
push     handed to the client's socket: ``ts_deliver``
client   there
=======  ===============================================================================

The seconds of a run's beginning do not count, in which code and memory are new. A case is run three times, by turns
with its floor, and the run of the median p99 is told, with the p99 of all.

``floor`` is the time through a bare relay that writes, syncs and passes trades on (``latency_floor.py``), with the
machine to itself: about as little as a process like ours can do. ``without_disk`` is each trade's time less its
``durable`` hop: what would be left if a disk took no time. ``conflation`` is the age at which rows arrive on a screen
of ten pictures a second. ``undisturbed`` are those trades that were due while the rest of the machine took next to
nothing.
What may mislead: everything shares two cores, those of whoever else uses the machine as well; the
durable hop is seen by a thread that is woken as the serving process is, and may be later by what that takes.
"""

import json
import multiprocessing
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import latency_client
import latency_floor
import latency_venue
import numpy as np
from latency_venue import MARKET, VENUE
from numpy.typing import NDArray
from processes import Watch, machine, pids, until, up

from breadboard.app.places import Places
from breadboard.errors import UsageError
from breadboard.model.features import BY_NAME

Case = dict[str, Any]

CASES = {"4200": (4200, False), "13000": (13_000, False), "50000": (50_000, False), "13000-full": (13_000, True)}
"""Messages a second, and whether every feature and anomaly is told as well."""
FULL = f"[engine]\nfeatures = {json.dumps(list(BY_NAME))}\nanomalies = ['all']\n"
RUNS = 3
LEAD_S = 3.0
"""What is sent before anything counts."""
OTHERS = 0.15
"""Of a core: what the rest of the machine may take where a trade counts as undisturbed."""
STAMPS = ("ts_recv", "durable", "ts_read", "ts_engine", "ts_deliver", "client")
DURABLE = 3
"""The stamp of ``durable``, counted from when a trade was due."""
HOPS = ("send", "receive", "durable", "read", "engine", "push", "client")


def run(recording: Path | None, seconds: float, case: str = "") -> dict[str, Any]:
    """Run every case, or the one that is named, for about ``seconds`` each; return the report."""
    del recording
    if case and case not in CASES:
        raise UsageError(f"latency has no case {case!r}", hint="breadboard bench latency --case 13000")
    repeats = RUNS if seconds >= RUNS else 1
    cases = []
    for name in [case] if case else CASES:
        rate, full = CASES[name]
        pairs = [(_measured(rate, seconds, full=full), _floor(rate, seconds)) for _ in range(repeats)]
        ours, floors = zip(*pairs, strict=True)
        cases.append({"case": name, **_median(ours), "floor": _median(floors)})
    return {"name": "latency", "machine": machine(), "cases": cases}


def _median(runs: Sequence[Case]) -> Case:
    """Return the run of the median p99, with the p99 of all of them."""
    ordered = sorted(runs, key=lambda each: each["p99_ms"])
    return {**ordered[len(ordered) // 2], "p99_ms_of_runs": [each["p99_ms"] for each in runs]}


def _measured(rate: int, seconds: float, *, full: bool) -> Case:
    """Start a venue, a house and a client; let the venue send; return what came of it."""
    with (
        tempfile.TemporaryDirectory(prefix="latency-") as directory,
        _process(latency_venue.serve, rate, LEAD_S + seconds) as (venue, venue_pid),
    ):
        url, rest_url, symbols = venue.recv()
        root, config = Path(directory) / "data", Path(directory) / "config.toml"
        config.write_text(_config(url, rest_url, symbols) + (FULL if full else ""))
        with up(root, config) as address:
            streams = MARKET + 2 * len(symbols)
            until("every stream to be asked for", lambda: _asked(venue, "streams") == streams, 0.1)
            assert _asked(venue, "plan") == "ready"
            with _process(latency_client.listen, address, Places(root).journal, symbols) as (client, client_pid):
                assert client.recv() == "ready"
                watch = Watch({"venue": venue_pid, **pids(root), "client": client_pid})
                sent = _asked(venue, "go")
                watch.end()
                seen, missing, ages = _asked(client, len(sent))
            venue.send("that is all")
    return {**_told(sent, seen, ages, watch.alone), "missing": missing, "cpu_percent": watch.percent()}


def _told(
    sent: NDArray[np.void],
    seen: NDArray[np.void],
    ages: NDArray[np.int64],
    alone: Callable[[NDArray[np.int64], float], NDArray[np.bool_]],
) -> Case:
    """Return a case: the way of every trade that was due after the beginning, and those that never came."""
    counted, came, trades = _arrived(sent, seen)
    stamps = np.stack([counted["due"][came], counted["sent"][came], *(trades[name] for name in STAMPS)])
    total = _spread(stamps[-1] - stamps[0])
    undisturbed = alone(stamps[0], OTHERS)
    return {
        "value": total["p99_ms"],
        "unit": "ms",
        **total,
        "hops": {name: _spread(hop) for name, hop in zip(HOPS, np.diff(stamps, axis=0), strict=True)},
        "without_disk": _spread(stamps[-1] - stamps[0] - (stamps[DURABLE] - stamps[DURABLE - 1])),
        "undisturbed": {
            "trades": int(undisturbed.sum()),
            **_spread((stamps[-1] - stamps[0])[undisturbed]),
            "hops": {name: _spread(hop[undisturbed]) for name, hop in zip(HOPS, np.diff(stamps, axis=0), strict=True)},
        },
        "conflation": _spread(ages),
        "trades": len(counted),
        "lost": int((~came).sum()),
    }


def _arrived(
    sent: NDArray[np.void], seen: NDArray[np.void]
) -> tuple[NDArray[np.void], NDArray[np.bool_], NDArray[np.void]]:
    """Return the trades that were due after the beginning, which of them came, and those as they came."""
    counted = sent[sent["due"] >= sent["due"][0] + int(LEAD_S * 1e9)]
    if not len(seen):
        return counted, np.zeros(len(counted), np.bool_), seen
    keys = _key(seen)
    order = np.argsort(keys, kind="stable")
    found = np.searchsorted(keys[order], _key(counted)).clip(max=len(keys) - 1)
    came = keys[order][found] == _key(counted)
    return counted, came, seen[order[found[came]]]


def _floor(rate: int, seconds: float) -> Case:
    """Let the venue send to a bare relay (``latency_floor``); return how long a trade takes through that."""
    with (
        tempfile.TemporaryDirectory(prefix="latency-") as directory,
        _process(latency_venue.serve, rate, LEAD_S + seconds) as (venue, _),
    ):
        url, _, symbols = venue.recv()
        asked = sum(map(len, latency_floor.streams(symbols)))
        with _process(latency_floor.relay, url, symbols, Path(directory) / "frames") as (relay, _):
            with _process(latency_floor.listen, relay.recv(), symbols) as (client, _):
                assert client.recv() == "ready"
                relay.send("subscribe")
                until("every stream to be asked for", lambda: _asked(venue, "streams") == asked, 0.1)
                assert _asked(venue, "plan") == "ready"
                seen = _asked(client, len(sent := _asked(venue, "go")))
            relay.send("that is all")
        venue.send("that is all")
    counted, came, trades = _arrived(sent, seen)
    return {**_spread(trades["client"] - counted["due"][came]), "lost": int((~came).sum())}


def _key(trades: NDArray[np.void]) -> NDArray[np.int64]:
    key: NDArray[np.int64] = (trades["symbol"] << 40) + trades["trade_id"]
    return key


def _spread(ns: NDArray[np.int64]) -> dict[str, float]:
    if not len(ns):
        return {}
    told = (np.quantile(ns, [0.5, 0.99, 1.0]) / 1e6).round(3).tolist()
    return dict(zip(("p50_ms", "p99_ms", "max_ms"), told, strict=True))


def _config(url: str, rest_url: str, symbols: list[str]) -> str:
    """Return the configuration: all channels where there are books, trades and best prices of the others."""
    place = f"venue = '{VENUE}'\nurl = '{url}'\nrest_url = '{rest_url}'\n"
    books, others = json.dumps(symbols[:MARKET]), json.dumps(symbols[MARKET:])
    return f"[[feeds]]\n{place}symbols = {books}\n[[feeds]]\n{place}symbols = {others}\nchannels = ['trade', 'quote']\n"


def _asked(pipe: Connection, word: str | int) -> Any:  # noqa: ANN401 - each word has its own kind of answer
    pipe.send(word)
    return pipe.recv()


@contextmanager
def _process(work: Callable[..., None], *arguments: Any) -> Iterator[tuple[Connection, int]]:  # noqa: ANN401 - whatever ``work`` takes
    """Run ``work(pipe, *arguments)`` in a process of its own; gives the other end of the pipe, and the process."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    assert process.pid is not None
    try:
        yield ours, process.pid
    finally:
        process.join(5.0)
        if process.is_alive():
            process.kill()
        ours.close()
