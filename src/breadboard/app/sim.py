"""`breadboard sim`: a fake venue as a process."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import uvloop

from breadboard import feeds
from breadboard.app.replay import speed_of
from breadboard.app.supervisor import end_with_parent
from breadboard.recordings import Batch, open_recording
from breadboard.sim.serve import Serving, serve
from breadboard.telemetry import logs


@dataclass(frozen=True, slots=True)
class Job:
    """Which market to fake, and how."""

    venue: str
    port: int
    symbols: str
    profile: str
    rate: float | None
    seed: int
    faults: str
    recordings: tuple[Path, ...]
    recording_format: str
    speed: str
    loop: bool


def run(job: Job) -> int:
    """Serve until SIGTERM or SIGINT, or until the recording is over."""
    logs.configure()
    end_with_parent()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(job))
    return 0


class _Recording:
    """A recording that can be read again from its beginning, as a loop needs it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._venue = feeds.by_name(job.venue).capabilities.venue

    def __iter__(self) -> Iterator[Batch]:
        return open_recording(self._job.recordings, self._job.recording_format, self._venue)


async def _serve(job: Job) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await serve(
            job.venue,
            port=job.port,
            symbols=int(job.symbols) if job.symbols.isdigit() else job.symbols.split(","),
            profile=job.profile,
            rate=job.rate,
            seed=job.seed,
            faults=job.faults,
            recording=_Recording(job) if job.recordings else None,
            speed=speed_of(job.speed) or 0.0,
            loop=job.loop,
            ready=_say,
        )
    except asyncio.CancelledError:
        return


def _say(serving: Serving) -> None:
    line = {
        "venue": serving.venue,
        "url": serving.url,
        "rest_url": serving.rest_url,
        "port": serving.port,
        "symbols": list(serving.symbols),
        "provenance": serving.provenance,
    }
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()
