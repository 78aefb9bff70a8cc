"""Keeps the metrics that come from the engine's outputs."""

import numpy as np

from breadboard.engine.core import Engine
from breadboard.model.kinds import BookState, EventKind
from breadboard.model.outputs import Outputs
from breadboard.telemetry.metrics import Metrics

_EVERY = 64
"""Runs between two looks at all books' states."""


class Counting:
    """Counts what the engine concluded into the metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._runs = 0

    def take(self, outputs: Outputs, engine: Engine) -> None:
        """Count one run of outputs."""
        tape = outputs.tape
        counts = np.bincount(tape.kind, minlength=len(EventKind) + 1)
        for kind in EventKind:
            if counts[kind]:
                self._metrics.events.labels(kind.name.lower()).inc(int(counts[kind]))
        for _, _, gap in outputs.gaps:
            self._metrics.gaps.labels(gap.reason.label).inc()
        if len(outputs.bars):
            self._metrics.bars.inc(len(outputs.bars))
        if self._runs % _EVERY == 0:
            self._count_books(engine)
        self._runs += 1

    def _count_books(self, engine: Engine) -> None:
        states = engine.books.states
        for state in BookState:
            self._metrics.books.labels(state.label).set(int((states == state).sum()))
