"""What runs on a data directory, and how it is: asked of the processes, or read from what they left."""

import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from breadboard.app import client
from breadboard.app.places import Places, RunState
from breadboard.capture.status import name_of
from breadboard.errors import BreadboardError
from breadboard.model.kinds import most_artificial

OK, DEGRADED, STOPPED = "ok", "degraded", "stopped"
MOST_NAMED = 20
"""Symbols in one sentence; all of them are under ``capture``."""
SILENT_S = 5.0
"""How old what capture tells of itself may be: it does so each second."""
RECENT_S: Final = 60.0
"""How long an end of a process that runs again is worth a word."""


def read(data_dir: Path) -> dict[str, Any]:
    """Return the state (ok, degraded, stopped) and why, the processes, capture's counters, the server's own view.

    ``remarks`` are what is worth knowing and takes nothing away from the data.
    """
    places = Places(data_dir)
    running = places.running()
    reasons: list[str] = []
    remarks: list[str] = []
    server: dict[str, Any] | None = None
    if running is not None:
        try:
            server = client.get_json(running.address, "/api/v1/status", timeout_s=5.0, key=places.house_key())
        except BreadboardError as error:
            reasons.append(error.sentence)
        if server is not None:
            reasons.extend(server.get("reasons", []))
        of_ends, recovered = _of_ends(running)
        reasons.extend(of_ends)
        remarks.extend(recovered)
    capture = places.read_status("capture") if running is not None else None
    if running is not None:
        reasons.extend(_of_silence(capture, running.children.get("capture"), data_dir))
    reasons.extend(_unconnected(capture, asides=False))
    reasons.extend(_of_subscriptions(capture))
    reasons.extend(_of_venues(capture))
    state = STOPPED if running is None else DEGRADED if reasons else OK
    return {
        "state": state,
        "reasons": reasons,
        "remarks": [*remarks, *_unconnected(capture, asides=True)],
        "data_dir": str(data_dir),
        "address": running.address if running else None,
        "provenance": _provenance(capture) or (running.provenance if running else None),
        "processes": {"up": running.pid, **running.children} if running else {},
        "capture": capture,
        "server": server,
    }


def _of_ends(running: RunState) -> tuple[list[str], list[str]]:
    """Return what is to be said of processes that ended: of those that are down or end again and again; of others.

    One that breaks whenever it has run for a moment runs at most moments at which somebody looks.
    """
    reasons, remarks = [], []
    for name in ("capture", "serve"):
        end = running.ended.get(name)
        why = f": {end.words}" if end is not None and end.words else ""
        if name not in running.children:
            reasons.append(f"{name} is not running{why}")
        elif end is not None and (ago_s := (time.time_ns() - end.ts_ns) / 1e9) < RECENT_S:
            if end.in_row > 1:
                reasons.append(f"{name} ended {end.in_row} times in a row, the last time {ago_s:.0f} s ago{why}")
            else:
                remarks.append(f"{name} ended {ago_s:.0f} s ago and was started again{why}")
    return reasons, remarks


def _provenance(capture: Mapping[str, Any] | None) -> str | None:
    """Return what the connections themselves say, the strongest warning of them; None before the first has spoken."""
    return most_artificial(source["provenance"] for source in (capture or {}).get("sources", []))


def _of_silence(capture: Mapping[str, Any] | None, pid: int | None, data_dir: Path) -> Iterator[str]:
    """Yield how long capture has told nothing of itself, and what room it has: on a full disk it cannot.

    What an earlier process told may be of any age: the one that runs now has only just begun.
    """
    if capture is None or capture["pid"] != pid:
        return
    silent_s = time.time() - capture["written_ns"] / 1e9
    if silent_s > SILENT_S:
        free_mib = shutil.disk_usage(data_dir).free / (1 << 20)
        yield f"capture has told nothing of itself for {silent_s:,.0f} s; {free_mib:,.1f} MiB are free under {data_dir}"


def _unconnected(capture: Mapping[str, Any] | None, *, asides: bool) -> Iterator[str]:
    """Yield which sources are not connected, and why: those that bring data, or those that do not."""
    for source in (capture or {}).get("sources", []):
        if not source["connected"] and bool(source.get("aside")) is asides:
            lost = "; no data is lost without it" if asides else ""
            yield f"{name_of(source)} is not connected: {source['last_error'] or 'connecting'}{lost}"


def _of_venues(capture: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield what venues say is not as it should be on their side."""
    for source in (capture or {}).get("sources", []):
        yield from (f"{name_of(source)}: {trouble}" for trouble in source.get("troubles", []))


def _of_subscriptions(capture: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield, by name, what venues refuse and what has gone missing."""
    for source in (capture or {}).get("sources", []):
        name = name_of(source)
        for words, key in (("refuses", "refused"), ("no longer sends", "missing")):
            names = source.get(key, [])
            if names:
                more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
                yield f"{name} {words} {', '.join(names[:MOST_NAMED])}{more}"
