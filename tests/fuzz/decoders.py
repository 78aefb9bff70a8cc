"""Coverage-guided fuzzing of every decoder (`make fuzz`): 0 uncaught errors, 0 events that should not have been.

Run as ``python tests/fuzz/decoders.py NAME CORPUS -atheris_runs=1000000``. An input is one frame, begun from the
samples of the venue. The reference reader takes each alone; then 200 at a time are decoded by the kernel and by the
reference reader, at once and in small batches: all must say the same. What they say must be possible: prices and sizes
that are not negative, times between 2000 and 2100, sides and kinds that exist, every frame counted once.
"""

# ruff: noqa: E402 - what is to be instrumented must be imported after the instrumentation begins

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import atheris

TESTS = Path(__file__).resolve().parents[1]
SOURCE = TESTS.parent / "src"
COMPILED = [
    ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    for path in (SOURCE / "breadboard").rglob("*.py")
    if "@kernel" in path.read_text()
]
"""The compiler reads the byte code of these, and does not know what instrumentation puts there."""

sys.path.insert(0, str(TESTS))
with atheris.instrument_imports(include=["breadboard.feeds"], exclude=COMPILED):
    from breadboard.feeds import by_name
    from breadboard.feeds.readers import At, ReadingDecoder
    from feed_samples import SAMPLES, content, decode, sessions

import numpy as np

from breadboard.model.decimals import ABSENT, SIZE_EXP_MIN
from breadboard.model.instruments import NO_INSTRUMENT, Instruments
from breadboard.model.kinds import EventKind, Side
from breadboard.ports import Decoded

EARLIEST_NS, LATEST_NS = 946_684_800_000_000_000, 4_102_444_800_000_000_000
BATCH = 200
"""Inputs that are decoded together, in every way there is."""


def one(name: str) -> Callable[[bytes], None]:
    """Return the test of one venue: the reader takes every input at once, which guides the fuzzer; batches follow."""
    conversations = sessions(name)
    read = reference(name)
    waiting: list[bytes] = []

    def test(data: bytes) -> None:
        with suppress(ValueError):  # the reason of a quarantine
            read(data)
        for session in conversations:
            session.on_frames([getattr(session, "masked", bytes)(data)])
        waiting.append(data)
        if len(waiting) == BATCH:
            together(name, waiting)
            for session in conversations:
                session.on_document("depth:X", 200, data)
                session.on_time(1e6)
            waiting.clear()

    return test


def reference(name: str) -> Callable[[bytes], Any]:
    """Return the reference reader of a venue, as a function of one frame."""
    decoder: Any = by_name(name).decoder(Instruments())
    if isinstance(decoder, ReadingDecoder):
        return decoder.reading(At(0, 1, 1_700_000_000_000_000_000))
    read: Callable[[bytes], Any] = decoder.language.read
    return read


def together(name: str, frames: list[bytes]) -> None:
    """Hold the ways to decode the same frames against each other, and the answer against what is possible."""
    whole, ids = decode(name, frames)
    for fast, batch in ((False, None), (True, 7)):
        other, other_ids = decode(name, frames, fast=fast, batch=batch)
        same(whole, other, f"fast={fast} batch={batch}: {frames!r}")
        assert list(ids) == list(other_ids)
    possible(whole, len(frames))


def same(one: Decoded, other: Decoded, how: str) -> None:
    """Hold two answers against each other."""
    assert content(one.tape) == content(other.tape), how
    counts = [(each.data, each.control, each.quarantined, each.checked, each.failed) for each in (one, other)]
    assert counts[0] == counts[1], how
    assert (one.ignored, one.notes) == (other.ignored, other.notes), how
    assert one.bars.tobytes() == other.bars.tobytes(), how


def possible(decoded: Decoded, frames: int) -> None:
    """Check that no event says what cannot be."""
    tape = decoded.tape
    assert decoded.data + decoded.control + len(decoded.quarantined) == frames
    market = np.isin(tape.kind, [EventKind.TRADE, EventKind.QUOTE])
    for name in ("price", "ask_price"):
        known = getattr(tape, name)[market]
        assert (known[known != ABSENT] > 0).all(), name
    for name in ("size", "ask_size"):
        known = getattr(tape, name)[market]
        assert (known[known != ABSENT] >= 0).all(), name
    trades = tape.kind == EventKind.TRADE
    assert (tape.price[trades] != ABSENT).all()
    times = tape.ts_event[tape.ts_event != ABSENT]
    assert ((times >= EARLIEST_NS) & (times < LATEST_NS)).all()
    assert np.isin(tape.kind, [int(kind) for kind in EventKind]).all()
    assert np.isin(tape.side, [int(side) for side in Side]).all()
    assert (tape.level_price > 0).all()
    assert (tape.level_size >= 0).all()
    assert (tape.level_size_exp >= SIZE_EXP_MIN).all()
    assert (tape.level_begin <= tape.level_end).all()
    assert (tape.instrument >= NO_INSTRUMENT).all()


def main() -> None:
    """Fuzz one venue from its samples."""
    name = sys.argv.pop(1)
    corpus = Path(sys.argv.pop(1))
    corpus.mkdir(parents=True, exist_ok=True)
    for place, frame in enumerate(SAMPLES[name].frames):
        (corpus / f"sample-{place}").write_bytes(frame)
    arguments: list[Any] = [sys.argv[0], str(corpus), *sys.argv[1:]]
    atheris.Setup(arguments, one(name))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
