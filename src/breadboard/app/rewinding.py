"""Back to where the engine stood: the newest checkpoint before, and the journal from there."""

from collections.abc import Callable
from pathlib import Path

from breadboard.app.places import Places
from breadboard.engine import checkpoint
from breadboard.engine.core import Engine
from breadboard.errors import BreadboardError
from breadboard.journal import Reader, identity

_STEP_FRAMES = 65_536


def rewinder(engine: Engine, places: Places) -> Callable[[int], None]:
    """Return what puts an engine, whatever its state, to where it stood before the frame at an offset."""

    def rewind(position: int) -> None:
        found = checkpoint.load(places.engine_state, identity(places.journal))
        if found is not None and found[0] <= position:
            engine.restore(found[1])
        else:
            engine.restart()
        reader = Reader.open(places.journal, engine.position)
        try:
            engine.adopt(epoch for source, epoch in reader.epochs.items() if source not in engine.epochs)
            follow(reader, engine, position, places.journal)
        finally:
            reader.close()

    return rewind


def follow(reader: Reader, engine: Engine, position: int, recorded: Path) -> None:
    """Have an engine take what a reader of the journal ``recorded`` has up to an offset.

    Raises BreadboardError where the journal ends before.
    """
    while engine.position < position:
        frames = reader.read(min(_STEP_FRAMES, position - engine.position))
        if frames is None:
            raise BreadboardError(f"the journal {recorded} ends before offset {position}")
        engine.process(frames)
        engine.position = max(engine.position, reader.position)  # a GAP record stands for many offsets
