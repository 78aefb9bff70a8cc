"""journal → engine → store: one straight line, the same for a live market, a replay and a repair."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from breadboard.app.suspects import Suspects
from breadboard.clock import Clock
from breadboard.engine.core import Engine
from breadboard.engine.retries import Retrying
from breadboard.model.bars import BAR
from breadboard.model.decimals import ABSENT
from breadboard.model.frames import Frames
from breadboard.model.instruments import Instrument
from breadboard.model.kinds import GapReason
from breadboard.model.outputs import Outputs
from breadboard.ports import JournalReader
from breadboard.store.rows import RAW_EXCERPT, Quarantined

STEP_FRAMES = 65_536
"""The most that one step takes: bounds memory, and how long a reader of the books waits."""
REST, REST_S = 2, 0.001
"""After a step that took little there is a rest of ``REST`` times as long as it lasted, ``REST_S`` at most.

A step costs a fifth of a millisecond however few frames it takes, and the journal may become durable more often than
that: one step after the other would leave the interpreter to nobody else, and what is processed has still to be told.
"""
BEHIND_FRAMES = 2_000
"""A step that found so many frames is not followed by a rest: first things first."""
HANDOVER_ROWS = 200_000
"""Tape rows after which a run is handed to the store without waiting for its time."""


@dataclass
class Handover:
    """A run of outputs on its way to the store, and the checkpoint that may follow it."""

    taken: list[tuple[Outputs, int]] = field(default_factory=list)
    """Outputs, and the wall time at which the engine was done with each."""
    end: int = 0
    """The offset behind the last output."""
    quarantined: list[Quarantined] = field(default_factory=list)
    instruments: tuple[Instrument, ...] = ()
    """All that the engine knew at ``end``, and has not taken back: it goes on while the store writes."""
    open_bars: NDArray[np.void] = field(default_factory=lambda: np.empty(0, BAR))
    ts_engine: int = 0
    ts_recv: int = ABSENT
    """When we had received the last record that these outputs are of, on our clock."""
    state: bytes | None = None
    """Engine state at the end of these outputs, where a checkpoint is due."""


class Sink(Protocol):
    """Where handovers go; may hold the caller back when it is behind."""

    def put(self, handover: Handover) -> None:
        """Take a handover; raises what broke the sink."""
        ...


class Pipeline:
    """Takes frames from a journal through the engine and hands what it concludes to the store.

    One thread steps, and holds ``lock`` while the engine moves. ``listener`` hears of every run of outputs at once,
    before the store does. A frame on which a stage raises ends it, unless ``retrying`` takes the frames; one that ends
    the process ends the next one too, unless ``suspects`` remembers.
    """

    def __init__(
        self,
        reader: JournalReader,
        engine: Engine,
        sink: Sink,
        clock: Clock,
        *,
        lock: threading.Lock,
        listener: Callable[[Outputs, int], None] = lambda _outputs, _ts_engine: None,
        handover_s: float = 1.0,
        checkpoint_s: float = 10.0,
        retrying: Retrying | None = None,
        suspects: Suspects | None = None,
    ) -> None:
        self._reader = reader
        self._engine = engine
        self._sink = sink
        self._clock = clock
        self._lock = lock
        self._process = engine.process if retrying is None else retrying.process
        self._suspects = suspects
        self._listener = listener
        self._handover_ns = int(handover_s * 1e9)
        self._checkpoint_ns = int(checkpoint_s * 1e9)
        self.ts_read = clock.wall()
        """When the frames that are under way came out of the journal (wall ns)."""
        self._waiting = Handover()
        self._waiting_rows = 0
        self._handed_at = self._checkpointed_at = clock.mono()

    def step(self, max_frames: int = STEP_FRAMES) -> int:
        """Take the next frames, if there are any, and return how many; hand over what is due."""
        if self._suspects is not None:
            max_frames = self._suspects.limit(self._engine.position, max_frames)
        frames = self._reader.read(max_frames)
        if frames is not None:
            self.ts_read = self._clock.wall()
            self._take(frames)
        if self._waiting.taken and self._due():
            self.hand_over()
        return 0 if frames is None else len(frames)

    def hand_over(self, *, checkpoint: bool = False) -> None:
        """Hand what waits to the store now; with ``checkpoint``, the engine's state as well."""
        now, handover = self._clock.mono(), self._waiting
        if checkpoint or now - self._checkpointed_at >= self._checkpoint_ns:
            handover.state = self._engine.snapshot()
            self._checkpointed_at = now
        if handover.taken or handover.state is not None:
            handover.end = self._engine.position
            handover.instruments = tuple(self._engine.instruments)
            handover.open_bars = self._engine.bars.open_bars()
            handover.ts_engine = self._clock.wall()
            self._sink.put(handover)
            self._waiting, self._waiting_rows = Handover(), 0
        self._handed_at = now

    def follow(self, stopped: Callable[[], bool], idle_s: float = 0.02) -> None:
        """Step until ``stopped``, then to the end of what is durable, and hand over with a checkpoint.

        A lone message goes through at once; in a stream of them, steps leave time for those who tell what was found.
        While there is nothing, the journal wakes us; we look ourselves every ``idle_s``, also for what is due.
        """
        while True:
            ending = stopped()  # asked before the read: what was durable when we were stopped is still taken
            began = time.perf_counter()
            count = self.step()
            if count == 0 and ending:
                break
            if count == 0:
                self._reader.wait(idle_s)
            elif count < BEHIND_FRAMES:
                time.sleep(min(REST * (time.perf_counter() - began), REST_S))
        self.hand_over(checkpoint=True)

    def _take(self, frames: Frames) -> None:
        if self._suspects is not None:
            self._suspects.taking(int(frames.offset[0]), int(frames.offset[-1]) + 1)
        with self._lock:
            outputs = self._process(frames)
            if self._engine.position < self._reader.position:
                # A GAP record came alone and stands for many offsets: all of them are done, also for a checkpoint.
                self._engine.position = self._reader.position
                outputs = replace(outputs, end=self._engine.position)
        ts_engine = self._clock.wall()
        self._listener(outputs, ts_engine)
        if self._suspects is not None:
            self._suspects.taken()
        self._waiting.taken.append((outputs, ts_engine))
        self._waiting.ts_recv = int(frames.ts_recv[-1])
        self._waiting.quarantined.extend(_quarantined(frames, outputs, self._engine))
        self._waiting_rows += len(outputs.tape)

    def _due(self) -> bool:
        return self._waiting_rows >= HANDOVER_ROWS or self._clock.mono() - self._handed_at >= self._handover_ns


def _quarantined(frames: Frames, outputs: Outputs, engine: Engine) -> list[Quarantined]:
    """Return the frames that nobody understood, with the beginning of their bytes, for the table ``quarantine``.

    One of which several rows could not be read has a gap for each, and is told of once, with all their reasons.
    """
    found: list[Quarantined] = []
    for offset, _, gap in outputs.gaps:
        row = int(np.searchsorted(frames.offset, offset))
        if gap.reason is not GapReason.QUARANTINE or row == len(frames) or frames.offset[row] != offset:
            continue
        if found and found[-1].offset == offset:
            reasons = f"{found[-1].reason}; {gap.detail}"
            found[-1] = found[-1]._replace(reason=reasons)
            continue
        venue, ts_recv = engine.venues.get(gap.source, ""), int(frames.ts_recv[row])
        found.append(Quarantined(offset, gap.source, venue, ts_recv, gap.detail, frames.frame(row)[:RAW_EXCERPT]))
    return found
