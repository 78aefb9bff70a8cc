"""The few-rows tables: gaps, lag, quarantine, instruments. A loop over rows is fine here."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from breadboard.model.decimals import ABSENT
from breadboard.model.gaps import Gap
from breadboard.model.instruments import Instrument
from breadboard.model.tape import Tape
from breadboard.store.columns import integers, stamps, words
from breadboard.store.native import NOTHING, Block, Column, Fixed, Lists, Texts
from breadboard.store.origins import Origins
from breadboard.store.rows import RAW_EXCERPT, Quarantined
from breadboard.telemetry.lag import LagRow


def _ints(values: Iterable[int | None], dtype: type[np.generic] = np.int64, *, nullable: bool = False) -> Fixed:
    return integers(np.array([ABSENT if one is None else one for one in values], dtype), nullable=nullable)


def _times(values: Iterable[int | None], *, nullable: bool = False) -> Fixed:
    return stamps(np.array([ABSENT if one is None else one for one in values], np.int64), nullable=nullable)


def _places(offsets: Iterable[int]) -> Fixed:
    """Return of each row its number among those of its offset."""
    seen: Counter[int] = Counter()
    found = []
    for offset in offsets:
        found.append(seen[offset] & 0xFFFF)
        seen[offset] += 1
    return _ints(found, np.uint16)


def lag(rows: Sequence[LagRow], offset: int) -> Block:
    """Return the lags of one window as rows of table ``lag``; the store was complete up to ``offset`` then.

    ``ts_recv`` is the end of the window.
    """
    count = len(rows)
    return Block(
        {
            "venue": words(row.venue for row in rows),
            "symbol": words("" for _ in rows),
            "ts_event": _times([None] * count, nullable=True),
            "ts_recv": _times(row.ts_recv for row in rows),
            "sequence": _ints([None] * count, nullable=True),
            "offset": _ints([offset] * count),
            "index": _ints(range(count), np.uint16),
            "provenance": words(row.provenance for row in rows),
            "hop": words(row.hop for row in rows),
            "count": _ints((row.count for row in rows), np.uint64),
            **{
                f"{name}_ns": _ints(round(getattr(row, f"{name}_ms") * 1e6) for row in rows)
                for name in ("min", "p50", "p99", "max")
            },
        }
    )


def gaps(
    found: Sequence[tuple[int, int, Gap]], instruments: Sequence[Instrument], origins: Origins, tape: Tape
) -> Block:
    """Return gaps as rows. ``ts_recv`` is the gap's end on our clock; ``origins`` knows the sources.

    A gap of every instrument of a source has an empty symbol. The index counts those of one offset, which are all in
    one batch whatever is flushed when.
    """
    if not found:
        return NOTHING
    named = origins.venues([gap.source for _, _, gap in found], tape, instruments)
    each = [gap for _, _, gap in found]
    ids = [instrument for _, instrument, _ in found]
    pairs = list(zip(ids, each, strict=True))
    return Block(
        {
            "venue": words(instruments[i].venue if i >= 0 else named[gap.source] for i, gap in pairs),
            "symbol": words(instruments[i].symbol if i >= 0 else gap.symbol or "" for i, gap in pairs),
            "ts_event": _times([None] * len(each), nullable=True),
            "ts_recv": _times(gap.ts_to for gap in each),
            "sequence": _ints((gap.sequence_to for gap in each), nullable=True),
            "offset": _ints(offset for offset, _, _ in found),
            "index": _places(offset for offset, _, _ in found),
            "provenance": words(origins.of(found, tape)),
            "source": _ints((gap.source for gap in each), np.uint16),
            "channel": words(gap.channel or "" for gap in each),
            "reason": words(gap.reason.label for gap in each),
            "state": words(str(gap.state) for gap in each),
            "ts_from": _times(gap.ts_from for gap in each),
            "ts_to": _times(gap.ts_to for gap in each),
            "sequence_from": _ints((gap.sequence_from for gap in each), nullable=True),
            "sequence_to": _ints((gap.sequence_to for gap in each), nullable=True),
            "detail": Texts([gap.detail for gap in each]),
        }
    )


def quarantine(rows: Sequence[Quarantined]) -> Block:
    """Return quarantined frames; the excerpt is the first 4 KiB of the raw bytes, exactly as received."""
    if not rows:
        return NOTHING
    return Block(
        {
            "venue": words(row.venue for row in rows),
            "ts_recv": _times(row.ts_recv for row in rows),
            "offset": _ints(row.offset for row in rows),
            "source": _ints((row.source for row in rows), np.uint16),
            "reason": Texts([row.reason for row in rows]),
            "raw": Texts([row.raw[:RAW_EXCERPT] for row in rows]),
        }
    )


def instruments(known: Sequence[Instrument], start: int) -> Block:
    """Return the instruments from dense id ``start`` on."""
    if start >= len(known):
        return NOTHING
    fresh = [known[place] for place in range(start, len(known))]
    return Block(
        {
            "id": _ints(range(start, len(known)), np.int32),
            "venue": words(one.venue for one in fresh),
            "symbol": Texts([one.symbol for one in fresh]),
        }
    )


def batch(first: int, end: int, generation: int, stamp: tuple[int, int], counts: Mapping[str, int]) -> Block:
    """Return one row of the ledger. ``stamp`` is ``(ts_engine, ts_written)``."""
    tables = list(counts)
    once = np.array([len(tables)], np.uint64)
    columns: dict[str, Column] = {
        "first": _ints([first]),
        "end": _ints([end]),
        "generation": _ints([generation], np.uint32),
        "ts_engine": _times([stamp[0]]),
        "ts_written": _times([stamp[1]]),
        "tables": Lists(once, Texts(tables)),
        "rows": Lists(once, integers(np.array(list(counts.values()), np.uint64))),
    }
    return Block(columns)
