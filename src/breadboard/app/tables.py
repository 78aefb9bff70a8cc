"""What is to be known of tables before they go on record, and what is to be said of all their rows afterwards."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
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
from breadboard.model.tables import VENUE as DEFAULT_VENUE
from breadboard.model.tape import Tape
from breadboard.ports import WHOLE_FRAME, Decoded
from breadboard.recordings.history import About, Answer, documents
from breadboard.recordings.history_tables import columns_in
from breadboard.recordings.lines import printable, printed
from breadboard.recordings.rows import is_zip
from breadboard.recordings.table_columns import OWN, Columns, Words, refuse_unknown_fields

_COUNTS: Final = ("bad", "out_of_order", "by_receipt", "unnumbered", "without_vwap", "provisional", "withdrawn")
_FEWEST: Final = 9
"""Steps from one time to another of which fewer do not tell in which order a file is."""


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

    A market that never was is told by bars that say so, and then of an import as a whole. Raises UsageError for a file,
    or one in a zip, of which no row can be understood, for ticks that come newest first, and for such bars beside
    anything else.
    """
    seen = [each for answer in answers for each in _look(answer, about)]
    invented = {one for each in seen for one in each.invented}
    if invented:
        _refuse_mixture(seen)
    return replace(about, synthetic=bool(invented), wanted=tuple(sorted(invented)))


def unused(answers: Sequence[Answer], about: About) -> list[dict[str, Any]]:
    """Return, by file, the columns of which no use is made, as notes."""
    found = ((answer.path, _columns(answer, about)) for answer in answers)
    named = ((path, dict.fromkeys(name for each in of.values() for name in each.unused)) for path, of in found)
    return [{"file": printable(path.name), "unused_columns": list(names)} for path, names in named if names]


def distinct(path: Path, form: str, said: Words | None) -> list[str]:
    """Return what words change of how a file is read, spelled in one way: for its fingerprint. Raises UsageError."""
    if said is None:
        return []
    read = _spelled(path, said, form)
    try:
        alone = _spelled(path, Words(), form)
    except UsageError:
        alone = []
    told = [] if read == alone else read
    venue = [f"venue {said.venue}"] if said.venue not in ("", DEFAULT_VENUE) else []
    return [*told, *venue, *([f"zone {said.zone}"] if said.zone != Words().zone else [])]


def _spelled(path: Path, said: Words, form: str) -> list[str]:
    found = columns_in(path, said, parquet=form == "parquet")
    return [f"{each.kind}:{','.join(each.fields)}" for each in found.values()]


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


@dataclass
class _Seen:
    """What was seen of a file, or of one in a zip."""

    file: str
    kind: str
    understood: bool = False
    invented: set[str] = field(default_factory=set)
    """Instruments of bars that say that they are synthetic; ticks say it one by one, and bars have no flags."""
    is_real: bool = False
    """Something says nothing of the kind."""
    reason: str = ""
    tag: str = ""

    def take(self, tag: str, body: bytes) -> Decoded:
        """Take a document; return what it means."""
        decoded = _decoded(tag, body)
        self.tag = tag
        self.understood |= bool(len(decoded.tape) or len(decoded.bars))
        self.reason = self.reason or next((why for _, why in decoded.quarantined), "")
        notes = [note for (_, index), note in decoded.notes.items() if index == WHOLE_FRAME]
        synthetic = sum(note.get("synthetic", 0) for note in notes)
        if synthetic:
            self.invented |= {one for note in notes for one in note["rows"]}
        self.is_real |= bool(len(decoded.tape)) or len(decoded.bars) > synthetic
        return decoded


def _look(answer: Answer, about: About) -> list[_Seen]:
    """Look into each file of an answer until a row is understood, and to its end where bars say whose they are."""
    seen: list[_Seen] = []
    one_file = not is_zip(answer.path)
    for tag, body in documents([answer], about):
        layout = layout_of(tag)
        assert layout is not None
        if not seen or seen[-1].file != layout.file:
            _refuse_nothing(answer, about, seen[-1:])
            seen.append(_Seen(layout.file, layout.kind))
        now = seen[-1]
        to_its_end = layout.kind == "bars" and "provenance" in layout.columns
        if now.understood and not to_its_end:
            continue
        decoded = now.take(tag, body)
        if len(decoded.tape):
            _refuse_newest_first(answer, now.file, decoded.tape)
        if now.understood and one_file and not to_its_end:
            break
    _refuse_nothing(answer, about, seen[-1:])
    return seen


def _refuse_nothing(answer: Answer, about: About, seen: Sequence[_Seen]) -> None:
    """Raise UsageError for a file that was looked through, of which nothing was understood."""
    for each in seen:
        if not each.understood:
            raise UsageError(
                f"no row of {_named(answer, each.file)} can be understood: {each.reason or 'none of them is over'}",
                hint=_as_read(answer, about, each.tag),
            )


def _refuse_mixture(seen: Sequence[_Seen]) -> None:
    """Raise UsageError for synthetic bars beside what is none: of an import all is synthetic, or nothing."""
    never = next(each for each in seen if each.invented)
    real = next((each for each in seen if each.is_real), None)
    if real is not None:
        what = "bars that are not" if real.kind == "bars" else real.kind
        raise UsageError(
            f"{never.file} has synthetic bars, and {real.file} has {what}:"
            " an import is synthetic as a whole, or not at all",
            hint="import them one by one   # where one file has both: in two files, by its column provenance",
        )


def _columns(answer: Answer, about: About) -> dict[str, Columns]:
    return columns_in(answer.path, about.said or Words(), parquet=about.format == "parquet")


def _named(answer: Answer, file: str) -> str:
    """Return what a file is called in a sentence: its path, in a zip with its name there."""
    within = _within(answer, file)
    return f"{answer.path}:{within}" if within else str(answer.path)


def _within(answer: Answer, file: str) -> str:
    """Return what a file is called in its zip; empty where there is none."""
    head = f"{printable(answer.path.name)}:"
    return file.removeprefix(head) if file.startswith(head) else ""


def _decoded(tag: str, body: bytes) -> Decoded:
    document = msgspec.json.encode(DocumentHead(tag, "", 200)) + b"\n" + body
    decoder = feeds.by_name("file").decoder(Instruments())
    return decoder.decode(Frames.of([document], [0], kind=RecordKind.DOCUMENT))


def _refuse_newest_first(answer: Answer, file: str, tape: Tape) -> None:
    """Raise UsageError where the first rows of a file go back in time: bars are made in the order of time.

    Each instrument for itself, and rows of the same time tell nothing.
    """
    order = np.argsort(tape.instrument, kind="stable")
    steps = np.diff(tape.ts_event[order])[np.diff(tape.instrument[order]) == 0]
    back, forth = int((steps < 0).sum()), int((steps > 0).sum())
    if back + forth < _FEWEST or back < 2 * forth:
        return
    text = " ".join([printed(answer.path), *map(quote, filter(None, [_within(answer, file)]))])
    raise UsageError(
        f"{_named(answer, file)} goes back in time: its rows come newest first",
        hint=f"({text} | head -n 1; {text} | tail -n +2 | tac) > oldest-first.csv"
        if not answer.path.name.endswith("parquet")
        else "write it in the order of time: ORDER BY ts_event",
    )


def _as_read(answer: Answer, about: About, tag: str) -> str:
    """Return how the columns of a file were understood, to be put right."""
    layout = layout_of(tag)
    found = _columns(answer, about).get(layout.file) if layout is not None else None
    if layout is None or found is None:
        return f"{printed(answer.path)} | head"
    pairs = zip(found.fields, found.names, strict=True)
    fields = ",".join(f"{name}={column}" for name, column in pairs if name not in ("", *OWN) and "," not in column)
    return f"--kind {layout.kind} --timezone {quote(layout.zone)} --columns {quote(fields)}   # as it was read"
