"""One fault, lived through: a simulated venue as a process, the real capture, and what is needed to judge them."""

import asyncio
import dataclasses
import logging
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

import uvloop

from breadboard import feeds, journal
from breadboard.app import journals, memory
from breadboard.app.capture import planned
from breadboard.app.places import Places
from breadboard.capture.driver import Capture
from breadboard.capture.source import Source
from breadboard.clock import SystemClock
from breadboard.config import Config, FeedConfig
from breadboard.model.frames import Frames
from breadboard.sim.serve import Serving, serve
from breadboard.sim.truth import Truth

LAG_EVERY_S = 0.005
SETTLED_S = 0.5
"""After so long capture has begun, and what is measured is no longer its beginning."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is left of an ordeal."""

    truth: Truth
    frames: Frames
    """The whole journal."""
    tasks_dead: int
    """Tasks of capture that ended by themselves, and questions that a session answered with an exception."""
    lag_ms: float
    """The longest time by which the event loop of capture was late, whoever had the processor meanwhile."""
    own_lag_ms: float
    """The same, without the time for which the kernel let it wait for a processor: what others had, is theirs."""
    rss_growth_mb: float
    attempts: int
    """Connections that were tried, whatever came of them."""


def simulate(pipe: Connection, venue: str, options: dict[str, Any]) -> None:
    """Serve a venue until the other end of ``pipe`` says so, then send it the truth. Runs in a process of its own."""
    truths: list[Truth] = []

    def ready(serving: Serving) -> None:
        truths.append(serving.truth)
        pipe.send((serving.url, serving.rest_url, serving.symbols))

    async def live() -> None:
        work = asyncio.ensure_future(serve(venue, ready=ready, keep=True, witness=True, **options))
        await asyncio.get_running_loop().run_in_executor(None, pipe.poll, None)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(live())
    truths[0].more = dict  # what belongs to a simulator that is over stays with it
    pipe.send(truths[0])


@contextmanager
def venue_process(venue: str, options: dict[str, Any]) -> Iterator[Connection]:
    """Run ``simulate`` in a process of its own."""
    ours, theirs = multiprocessing.Pipe()
    # Spawned: a fork would inherit the threads and sockets of captures that run beside it.
    process = multiprocessing.get_context("spawn").Process(target=simulate, args=(theirs, venue, options), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.join(5.0)
        if process.is_alive():
            process.kill()
        ours.close()


def endure(feed: str, options: dict[str, Any], seconds: float, seed: int) -> Evidence:
    """Capture a venue with faults for so long; return what is needed to judge it. Runs in a process of its own."""
    logging.disable(logging.ERROR)  # what goes wrong here is meant to
    with tempfile.TemporaryDirectory(prefix="faults-bench-") as directory:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            lived = runner.run(_live(feed, {"seed": seed, **options}, seconds, Path(directory), seed))
        return dataclasses.replace(lived, frames=read(Places(Path(directory)).journal))


async def _live(feed: str, options: dict[str, Any], seconds: float, root: Path, seed: int) -> Evidence:
    loop = asyncio.get_running_loop()
    credential = feeds.by_name(feed).capabilities.credential
    if credential:
        os.environ[credential] = f"bench-{os.getpid()}"  # a key's one connection is owned by a process of the machine
    with venue_process(feed, options) as pipe:
        url, rest_url, symbols = await loop.run_in_executor(None, pipe.recv)
        wanted = FeedConfig(venue=feed, symbols=symbols, url=url, rest_url=rest_url)
        config = Config(data_dir=str(root), feeds=(wanted,))
        places, clock = Places(root).made(), SystemClock()
        memory.set_aside()  # as the process of capture does
        capture = Capture(
            [_open_all_day(source) for source in planned(config)],
            journals.open_writer(config, places, clock),
            clock=clock,
            rng=Random(seed),
        )
        work = loop.create_task(capture.run())
        await asyncio.wait({work}, timeout=SETTLED_S)
        rss, lags, own = _rss_mb(), [0.0], [0.0]
        watches = [loop.create_task(_watch_lag(lags, own)), loop.create_task(_watch_rss(peak := [rss]))]
        await asyncio.wait({work}, timeout=seconds)
        dead = int(work.done())
        sources = capture.status().sources
        for watch in watches:
            watch.cancel()
        capture.stop()
        await work
        pipe.send("that is all")
        truth = await loop.run_in_executor(None, pipe.recv)
    return Evidence(
        truth,
        Frames.join([]),
        dead + sum(each.session_errors for each in sources),
        round(max(lags) * 1000, 1),
        round(max(own) * 1000, 1),
        round(max(0.0, max(peak) - rss), 1),
        sum(each.connects + each.failures for each in sources),
    )


def _open_all_day(source: Source) -> Source:
    """Leave the exchange's hours out: the simulated market has none, and at night silence would prove nothing."""
    return dataclasses.replace(source, capabilities=dataclasses.replace(source.capabilities, calendar=""))


def read(directory: Path) -> Frames:
    """Return a whole journal at rest."""
    reader = journal.Reader.open(directory)
    parts = []
    while (frames := reader.read(100_000)) is not None:
        parts.append(frames)
    reader.close()
    return Frames.join(parts)


async def _watch_lag(lags: list[float], own: list[float]) -> None:
    while True:
        begin, waited = time.perf_counter(), _run_delay_s()
        await asyncio.sleep(LAG_EVERY_S)
        lags.append(time.perf_counter() - begin - LAG_EVERY_S)
        own.append(lags[-1] - (_run_delay_s() - waited))


def _run_delay_s() -> float:
    """Return how long this thread was ready to run and had no processor, ever (the kernel's sched-stats)."""
    return int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9


async def _watch_rss(peak: list[float]) -> None:
    while True:
        peak.append(_rss_mb())
        await asyncio.sleep(0.01)


def _rss_mb() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 1e6
