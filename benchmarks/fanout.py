"""What it costs to tell many clients what they want to know: WebSocket fan-out.

``breadboard bench fanout --json``; ``--case 1000x10`` for one case alone. A market of 2,500 instruments, of each of
which the best price changes as often as a client wants to hear of it; N clients of ``/ws/realtime``, in a process of
their own, want 100 of them each (another hundred each), once or ten times a second. A delivery is one row of one
instrument at one client. Every case says:

``value``           deliveries for each second of processor time that the serving process took, market included
``loop``            the same for each second that the event loop's own thread took: one core that does nothing else
``p50_ms, p99_ms``  from the newest change that a message tells until the client has the message
``interval_p99_ms`` between one message of a client and its next (100 or 1000 is the aim): a server that falls behind
                    has young messages all the same, and too few
``delivered``       deliveries a second, of those ``offered``
``rss_growth_mb``   of the serving process, from before the clients came

``2000x10-stopped`` has 2,000 clients of which half stop reading: ``rss_growth_mb`` is from then on, at its highest;
``p99_ms`` is that of the others afterwards, and ``p99_ms_before`` what it was. ``1000x10-all`` wants every field of a
row (about 420 bytes) where the others want four (about 110). The peer is what FastAPI's documentation shows, a task and
a ``send_json`` a client with uvicorn as it comes, in two of the cases; the ratios are of deliveries a processor second.

What may mislead: clients and server share the machine's cores, and through a loopback the server's processor time
includes what the kernel does to put bytes into the other's socket. Where clients take a whole core, ``delivered``
says so.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple

import fanout_clients
import fanout_server
import numpy as np
from fanout_server import SYMBOLS
from numpy.typing import NDArray
from processes import machine

from breadboard.errors import UsageError

WANTED: Final = 100
SETTLE_S: Final = 2.0
"""After the last client came, before anything counts."""
SOME: Final = ("price", "bid", "ask", "time")
STOPPED_S: Final = 12.0
"""How long half of the clients do not read: longer than the server has patience."""
PEER_CASES: Final = ("1000x1", "1000x10")
"""At once a second it keeps up, and what both do besides weighs most; at ten it does not, and delivers what it can."""


class Load(NamedTuple):
    """One case."""

    clients: int
    hz: float
    fields: tuple[str, ...] | None = SOME
    stopped: int = 0


CASES: Final = {
    **{f"{clients}x{hz}": Load(clients, hz) for hz in (1, 10) for clients in (100, 1_000, 2_000, 5_000)},
    "1000x10-all": Load(1_000, 10, None),
    "2000x10-stopped": Load(2_000, 10, stopped=1_000),
}


def run(seconds: float, case: str = "") -> dict[str, Any]:
    """Run every case, or the one that is named, for ``seconds`` each; return the report."""
    chosen = {name: load for name, load in CASES.items() if case in ("", name)}
    if not chosen:
        raise UsageError(f"fanout has no case {case!r}", hint=f"breadboard bench fanout --case {next(iter(CASES))}")
    cases = [{"case": name, **_measured(fanout_server.ours, load, seconds)} for name, load in chosen.items()]
    report: dict[str, Any] = {"name": "fanout", "machine": machine(), "cases": cases, "peers": {}}
    for name in PEER_CASES:
        if name in chosen:
            theirs = {"case": f"fastapi {name}", **_measured(fanout_server.peer, CASES[name], seconds)}
            (own,) = (one["value"] for one in cases if one["case"] == name)
            report["peers"][f"fastapi_send_json {name}"] = round(own / theirs["value"], 1)
            cases.append(theirs)
    return report


def _measured(server: Callable[..., None], load: Load, seconds: float) -> dict[str, Any]:
    """Start a server and its clients, and return what came of it."""
    with _process(server) as serving:
        url = serving.recv()
        _asked(serving, load.hz)
        *_, rss_before = _asked(serving, "look")
        with _process(fanout_clients.swarm, url, SYMBOLS, load.fields) as swarm:
            assert _asked(swarm, ("join", load.clients, WANTED, load.hz)) == load.clients
            time.sleep(SETTLE_S)
            told = _watched(serving, swarm, load, seconds)
            *_, rss = _asked(serving, "look")
            told["rss_growth_mb"] = _mb(rss - rss_before)
            if load.stopped:
                told = _stopped(serving, swarm, load, told)
            swarm.send("end")
        serving.send("end")
    return {"unit": "updates/s a core", **told}


def _watched(serving: Connection, swarm: Connection, load: Load, seconds: float) -> dict[str, Any]:
    before = _asked(serving, "look")
    came = _asked(swarm, ("watch", seconds))
    spent, loop = (now - then for now, then in zip(_asked(serving, "look")[:2], before[:2], strict=True))
    rows = int(came[:, 2].sum())
    return {
        "value": round(rows / spent),
        "loop": round(rows / loop),
        **_spread(came, _asked(serving, "made")),
        "delivered": round(rows / seconds),
        "offered": round(load.clients * WANTED * load.hz),
        "cpu_percent": round(100 * spent / seconds),
    }


def _stopped(serving: Connection, swarm: Connection, load: Load, before: dict[str, Any]) -> dict[str, Any]:
    """Have some clients stop reading, and return what becomes of the others, and of the server's memory."""
    *_, calm = _asked(serving, "look")
    _asked(swarm, ("stop", load.stopped))
    highest, parts = calm, list[dict[str, Any]]()
    others = load._replace(clients=load.clients - load.stopped)
    for _ in range(round(STOPPED_S)):
        parts.append(_watched(serving, swarm, others, 1.0))
        highest = max(highest, _asked(serving, "look")[-1])
    worst = max(parts, key=lambda part: part["p99_ms"])
    return {
        **parts[-1],
        "p99_ms": float(np.median([part["p99_ms"] for part in parts])),
        "p99_ms_worst_second": worst["p99_ms"],
        "p99_ms_before": before["p99_ms"],
        "rss_growth_mb": _mb(highest - calm),
    }


def _spread(came: NDArray[np.int64], made: NDArray[np.int64]) -> dict[str, float]:
    """Return how old the newest of each message was, and how long it was after the client's last."""
    client, seq, _, at = came[np.lexsort((came[:, 3], came[:, 0]))].T
    ages, gaps = at - made[seq], np.diff(at)[client[1:] == client[:-1]]
    p50, p99, most = (np.quantile(ages, [0.5, 0.99, 1.0]) / 1e6).round(2).tolist()
    return {
        "p50_ms": p50,
        "p99_ms": p99,
        "max_ms": most,
        "interval_p99_ms": round(float(np.quantile(gaps, 0.99)) / 1e6, 1) if len(gaps) else 0.0,
    }


def _mb(size: int) -> float:
    return round(size / 1e6, 1)


def _asked(pipe: Connection, word: Any) -> Any:  # noqa: ANN401 - each word has its own kind of answer
    pipe.send(word)
    return pipe.recv()


@contextmanager
def _process(work: Callable[..., None], *arguments: Any) -> Iterator[Connection]:  # noqa: ANN401 - whatever ``work`` takes
    """Run ``work(pipe, *arguments)`` in a process of its own; gives the other end of the pipe."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.join(10.0)
        if process.is_alive():
            process.kill()
        ours.close()
