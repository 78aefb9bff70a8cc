"""Keeps the metrics that come from the engine's outputs."""

from typing import TYPE_CHECKING, Final

from breadboard.engine.core import Engine
from breadboard.model.kinds import BookState, EventKind
from breadboard.model.outputs import Outputs
from breadboard.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from prometheus_client import Counter

_KINDS: Final = {int(kind): kind.name.lower() for kind in EventKind}
_EVERY: Final = 64
"""Runs between two looks at all books' states."""


class Counting:
    """Counts what the engine concluded into the metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._events: dict[int, Counter] = {}
        """By the kinds met so far: the client takes its time to find a counter by its label."""
        self._runs = 0

    def take(self, outputs: Outputs, engine: Engine) -> None:
        """Count one run of outputs."""
        kinds = outputs.tape.contents.kinds
        for kind, name in _KINDS.items():
            if kinds[kind]:
                if kind not in self._events:
                    self._events[kind] = self._metrics.events.labels(name)
                self._events[kind].inc(kinds[kind])
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
