"""Three tries for a frame on which a stage raises; then it is quarantined, and the engine goes on as if never given it.

A stage that raised is half changed, and so are those before it: nothing of that is kept. The engine is put back to
where the batch began, which the journal can always tell, and the batch is taken in ever smaller pieces until the frame
is alone. So it does not matter what stood beside it: live and replay quarantine the same frames, for the same reason.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np

from breadboard.engine.core import Engine
from breadboard.engine.router import TRIES
from breadboard.model.frames import Frames
from breadboard.model.outputs import Outputs
from breadboard.model.tape import Tape

log = logging.getLogger(__name__)

_REASON: Final = "a stage failed three times: {}"
"""With the kind of error alone: what else it says may depend on the batch."""


class Retrying:
    """An engine that nothing in a frame stops.

    ``rewind(position)`` puts the engine to where it stood before that frame, whatever its state; it is asked at most
    once a call of ``process``, and may raise.
    """

    def __init__(self, engine: Engine, rewind: Callable[[int], None]) -> None:
        self._engine = engine
        self._rewind = rewind

    def process(self, frames: Frames) -> Outputs:
        """Take the next frames as ``Engine.process`` does.

        Raises only where the engine cannot even go on without a frame.
        """
        position = self._engine.position
        try:
            return self._engine.process(frames)
        except Exception:
            log.exception("a stage failed in the %d frames from offset %d on", len(frames), position)
        self._rewind(position)
        before = self._engine.snapshot()
        return _together(list(self._pieces(frames, before)))

    def _pieces(self, frames: Frames, before: bytes) -> Iterator[Outputs]:
        """Take frames that were tried once, half and half; ``before`` is the engine's state."""
        waiting = _halves(frames)
        while waiting:
            piece = waiting.pop()
            for _ in range(TRIES - 1 if len(piece) == 1 else 1):
                outputs = self._tried(piece, before)
                if isinstance(outputs, Outputs):
                    break
            if isinstance(outputs, Exception) and len(piece) > 1:
                waiting += _halves(piece)
                continue
            yield self._without(piece, before, outputs) if isinstance(outputs, Exception) else outputs
            if waiting:
                before = self._engine.snapshot()

    def _without(self, frame: Frames, before: bytes, error: Exception) -> Outputs:
        """Take a frame as one that nobody could read; where even the row that tells of it trips a stage, as no row."""
        offset, reason = int(frame.offset[0]), _REASON.format(type(error).__name__)
        log.error("the frame at offset %d is quarantined: %s", offset, reason)
        self._engine.condemn(offset, reason)
        outputs = self._tried(frame, before)
        if isinstance(outputs, Exception):
            self._engine.condemn(offset, reason, marked=False)
            outputs = self._engine.process(frame)
        return outputs

    def _tried(self, frames: Frames, before: bytes) -> Outputs | Exception:
        """Take frames; where that raises, put the engine back and return what was raised."""
        try:
            return self._engine.process(frames)
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs one frame at most
            self._engine.restore(before)
            return error


def _halves(frames: Frames) -> list[Frames]:
    """Return frames in two parts, the first one last; a single one as it is."""
    middle = len(frames) // 2
    return [frames.take(slice(middle, None)), frames.take(slice(middle))] if middle else [frames]


def _together(parts: Sequence[Outputs]) -> Outputs:
    """Return what pieces of a batch led to as the outputs of the batch."""
    names = sorted({name for part in parts for name in part.streams})
    return Outputs(
        parts[0].first,
        parts[-1].end,
        Tape.merge([part.tape for part in parts]),
        np.concatenate([part.bars for part in parts]),
        tuple(gap for part in parts for gap in part.gaps),
        np.concatenate([part.ts_journal for part in parts]),
        {place: words for part in parts for place, words in part.details.items()},
        {name: np.concatenate([part.streams[name] for part in parts if name in part.streams]) for name in names},
        parts[0].groups,
        parts[-1].rules,
        np.concatenate([part.ts_bars for part in parts]),
    )
