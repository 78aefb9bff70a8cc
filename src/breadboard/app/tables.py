"""What is to be known of tables before they go on record, and what is to be said of all their rows afterwards."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import numpy as np

from breadboard import feeds
from breadboard.errors import UsageError
from breadboard.feeds.table_cells import VENUE
from breadboard.model.frames import Frames
from breadboard.model.gaps import DocumentHead
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import RecordKind
from breadboard.model.tables import KINDS, layout_of
from breadboard.ports import WHOLE_FRAME, Decoded
from breadboard.recordings.history import About, Answer, documents
from breadboard.recordings.history_tables import unused_columns
from breadboard.recordings.lines import printed
from breadboard.recordings.table_columns import Words, refuse_unknown_fields

_COUNTS: Final = ("bad", "out_of_order", "by_receipt", "unnumbered", "provisional", "withdrawn")
_FEWEST: Final = 10
"""Rows of which fewer do not tell in which order a file is."""


def refuse_words(said: Words) -> None:
    """Raise UsageError for what nobody can say of a table."""
    refuse_unknown_fields(said)
    if said.kind and said.kind not in KINDS:
        raise UsageError(f"there is no kind of rows {said.kind!r}", hint=f"choose from: {' '.join(KINDS)}")
    if said.venue and not VENUE.fullmatch(said.venue):
        raise UsageError(
            f"--venue takes capital letters, digits and _, not {said.venue!r}", hint="--venue BINANCE   # or XNAS"
        )
    try:
        ZoneInfo(said.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"there is no time zone {said.zone!r}", hint="--timezone America/New_York   # or UTC, Europe/London"
        ) from None


def look_into(answers: Sequence[Answer], about: About) -> About:
    """Return what the files are about, once each of them was found to hold something, oldest first.

    A market that never was is told by rows that say so. Raises UsageError for a file of which no row can be understood,
    and for ticks that come newest first.
    """
    invented: set[str] = set()
    for answer in answers:
        invented |= _look(answer, about)
    return replace(about, synthetic=bool(invented), wanted=tuple(sorted(invented)))


def unused(answers: Sequence[Answer], about: About) -> list[dict[str, Any]]:
    """Return, by file, the columns of which no use is made, as notes."""
    said, parquet = about.said or Words(), about.format == "parquet"
    found = ((answer.path.name, unused_columns(answer.path, said, parquet=parquet)) for answer in answers)
    return [{"file": name, "unused_columns": list(columns)} for name, columns in found if columns]


def summed(notes: Iterable[Mapping[str, Any]]) -> tuple[dict[str, int], list[Mapping[str, Any]]]:
    """Return the rows of each instrument, and the notes, those of single documents added up to one."""
    rows: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    first, others = "", list[Mapping[str, Any]]()
    for note in notes:
        if "rows" not in note:
            others.append(note)
            continue
        rows.update(note["rows"])
        counts.update({name: note[name] for name in _COUNTS if name in note})
        first = first or note.get("first", "")
    told = {"table": dict(counts) | ({"first": first} if first else {})} if counts else {}
    return dict(rows), [*([told] if told else []), *others]


def _look(answer: Answer, about: About) -> set[str]:
    """Look into a file until a row of it is understood; return the instruments of bars that say they are synthetic.

    Ticks say it one by one, and bars have no flags.
    """
    reason, tag = "", ""
    found = documents([answer], about)
    for tag, body in found:
        decoded = _decoded(tag, body)
        if len(decoded.tape):
            _refuse_newest_first(answer, decoded)
            return set()
        if len(decoded.bars):
            return _invented(decoded).union(*(_invented(_decoded(*each)) for each in _told(found)))
        reason = reason or next((why for _, why in decoded.quarantined), "")
    raise UsageError(
        f"no row of {answer.path} can be understood: {reason or 'none of them is over'}", hint=_as_read(answer, tag)
    )


def _told(found: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Yield the documents of a file that say of their rows where these come from."""
    for tag, body in found:
        layout = layout_of(tag)
        if layout is None or "provenance" not in layout.columns:
            return
        yield tag, body


def _decoded(tag: str, body: bytes) -> Decoded:
    document = msgspec.json.encode(DocumentHead(tag, "", 200)) + b"\n" + body
    decoder = feeds.by_name("file").decoder(Instruments())
    return decoder.decode(Frames.of([document], [0], kind=RecordKind.DOCUMENT))


def _invented(decoded: Decoded) -> set[str]:
    notes = (note for (_, index), note in decoded.notes.items() if index == WHOLE_FRAME)
    return {one for note in notes if "synthetic" in note for one in note["rows"]}


def _refuse_newest_first(answer: Answer, decoded: Decoded) -> None:
    """Raise UsageError where the first rows of a file go back in time: bars are made in the order of time."""
    tape = decoded.tape
    at = tape.ts_event[tape.instrument == tape.instrument[0]]
    steps = np.sign(np.diff(at))
    if len(at) < _FEWEST or (steps < 0).sum() < 2 * (steps >= 0).sum():
        return
    text = printed(answer.path)
    raise UsageError(
        f"{answer.path} goes back in time: its rows come newest first",
        hint=f"({text} | head -n 1; {text} | tail -n +2 | tac) > oldest-first.csv"
        if not answer.path.name.endswith("parquet")
        else "write it in the order of time: ORDER BY ts_event",
    )


def _as_read(answer: Answer, tag: str) -> str:
    """Return how the columns of a file were understood, to be put right."""
    layout = layout_of(tag)
    if layout is None:
        return f"{printed(answer.path)} | head"
    fields = [f"{name}={place}" for place, name in enumerate(layout.columns, 1) if name]
    return f"--kind {layout.kind} --timezone {layout.zone} --columns …   # read so far by place: {', '.join(fields)}"
