"""Frames for the tests of feeds, and what becomes of them: the venues' samples are in ``samples``."""

import random
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from breadboard.conversations import Session
from breadboard.feeds import FEEDS, by_name
from breadboard.model.bars import BAR
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import RecordKind
from breadboard.model.tape import EVENT_COLUMNS, LEVEL_COLUMNS, Tape
from breadboard.ports import Decoded, Wish
from breadboard.recordings import open_recording
from recordings import recording
from samples.sample import Sample

NAMES = (*FEEDS, "ccxt-binance")
"""Every feed of our own, and one of those that ccxt has."""
SAMPLES: dict[str, Sample] = {name: import_module(f"samples.{name.replace('-', '_')}").SAMPLE for name in NAMES}
"""By the feed's name on the command line."""


def sessions(name: str) -> list[Session]:
    """Return a conversation for each group of channels that needs a connection of its own, begun."""
    feed, sample = by_name(name), SAMPLES[name]
    groups = feed.capabilities.channel_groups or (sample.channels,)
    made = [feed.session(Wish(sample.symbols, group, key=sample.key)) for group in groups]
    for session in made:
        session.on_connect()
    return made


def document(tag: str, body: bytes, status: int = 200) -> bytes:
    """Return the DOCUMENT record of an answer."""
    import msgspec

    return msgspec.json.encode(DocumentHead(tag, "https://venue/depth", status)) + b"\n" + body


def decode(
    name: str, frames: Sequence[bytes], *, kind: int = RecordKind.DATA, fast: bool = True, batch: int | None = None
) -> tuple[Decoded, Instruments]:
    """Decode frames of one kind, all at once or in batches, with a new decoder."""
    everything = Frames.of(frames, [1_700_000_000_000_000_000 + i for i in range(len(frames))], kind=kind)
    return decode_frames(name, everything, fast=fast, batch=batch)


def decode_frames(
    name: str, frames: Frames, *, fast: bool = True, batch: int | None = None
) -> tuple[Decoded, Instruments]:
    """Decode frames, all at once or in batches, with a new decoder, into one answer."""
    instruments = Instruments()
    make: Any = by_name(name).decoder
    decoder = make(instruments) if fast else make(instruments, fast=False)
    step = batch or max(1, len(frames))
    parts = [decoder.decode(frames.take(slice(i, i + step))) for i in range(0, len(frames), step)]
    ignored: dict[str, int] = {}
    for part in parts:
        for key, count in part.ignored.items():
            ignored[key] = ignored.get(key, 0) + count
    whole = Decoded(
        Tape.merge([part.tape for part in parts]),
        sum(part.data for part in parts),
        sum(part.control for part in parts),
        tuple(pair for part in parts for pair in part.quarantined),
        ignored,
        sum(part.checked for part in parts),
        sum(part.failed for part in parts),
        np.concatenate([part.bars for part in parts]) if parts else np.zeros(0, BAR),
        {where: note for part in parts for where, note in part.notes.items()},
    )
    return whole, instruments


def content(tape: Tape) -> dict[str, list[int]]:
    """Return every column of a tape as a list, so that a difference names its column."""
    return {name: getattr(tape, name).tolist() for name in (*EVENT_COLUMNS, *LEVEL_COLUMNS)}


@cache
def recorded(name: str) -> Frames:
    """Return the real recording of a feed as journal frames, or what was made to stand in for it.

    The test is skipped or fails where there is neither.
    """
    described, made = SAMPLES[name].recorded, SAMPLES[name].made
    if described is None and made is not None:
        frames = made()
        stamps = [1_700_000_000_000_000_000 + i for i in range(len(frames))]
        return Frames.of(frames, stamps, kind=RecordKind.DATA)
    if SAMPLES[name].drawn:
        chance = random.Random(SAMPLES[name].drawn)
        drawn = chance.choices(SAMPLES[name].frames, k=SAMPLES[name].drawn)
        return Frames.of(drawn, [1_700_000_000_000_000_000 + i for i in range(len(drawn))], kind=RecordKind.DATA)
    if described is None:
        pytest.skip(f"there is no public recording of {name}")
    return frames_of(name, *described)


def frames_of(name: str, form: str, paths: Sequence[str]) -> Frames:
    """Return recordings as journal frames."""
    parts: list[Frames] = []
    offset = 0
    for batch in open_recording([recording(path) for path in paths], form, by_name(name).capabilities.venue):
        if batch.kind in (RecordKind.DATA, RecordKind.DOCUMENT):
            parts.append(Frames.of(batch.frames, batch.ts_recv, kind=batch.kind, offset=offset))
            offset += len(batch.frames)
    return Frames.join(parts)


def rows(tape: Tape, kind: int) -> Tape:
    """Return the rows of one kind."""
    return tape.take(np.asarray(tape.kind == kind))
