"""What each leg of a group says, what of it stands, and the best of that.

A leg has two faces: its book's best levels, and its last quote. A live book is kept in step by the venue's numbers and
goes before a quote, of which nobody can tell whether the next one was lost.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from breadboard.engine.clock_skew import SUSPECT_LAGS, SUSPECT_SHARE
from breadboard.model.decimals import ABSENT, SIZE_EXP
from breadboard.model.kernels import Record, kernel
from breadboard.model.kinds import Flag
from breadboard.model.nbbo import NbboState

FACE: Final = np.dtype(
    [
        ("state", np.uint8),  # one of UNKNOWN, GOOD, MISSING
        ("source", np.uint16),
        ("flags", np.uint16),  # INHERITED ones of the row that said it last
        ("told_stale", np.uint8),  # a STATUS row of this instrument said so, and nothing of it came since
        ("ts_recv", np.int64),  # of the quote, or the newest event in the book: what joined a snapshot came before it
        ("bid", np.int64),
        ("bid_size", np.int64),
        ("bid_size_exp", np.int8),
        ("ask", np.int64),
        ("ask_size", np.int64),
        ("ask_size_exp", np.int8),
    ]
)
"""What one leg's book, or its quotes, last said."""
SOURCE: Final = np.dtype(
    [
        ("seen", np.int64),  # our clock at its newest row
        ("lags", np.int64),  # as ``engine.clock_skew`` counts them, but as of this row
        ("late", np.int64),
        ("silence", np.int64),  # ns that it may say nothing at all
        ("carries", np.uint8),  # 1: a leg speaks through it
        ("quiet", np.uint8),  # HEARD, SILENT or SAID_STALE
    ]
)
MOVE: Final = np.dtype(
    [
        ("row", np.int64),  # of the tape just taken
        ("leg", np.int32),
        ("made", np.uint8),  # one of NOTHING, STANDS, STALE, GAPPED; of what does not stand the rest means nothing
        ("face", np.uint8),  # BOOK or QUOTE: through which it speaks
        ("delayed", np.uint8),
        ("suspect", np.uint8),
        ("inverted", np.uint8),
        ("source", np.uint16),
        ("flags", np.uint16),
        ("ts_recv", np.int64),  # of that face
        ("bid", np.int64),
        ("bid_size", np.int64),
        ("bid_size_exp", np.int8),
        ("ask", np.int64),
        ("ask_size", np.int64),
        ("ask_size_exp", np.int8),
    ]
)
"""What a leg came to after one row, for stages that look at each leg and not at the best of them."""
BOOK, QUOTE = 0, 1
"""Columns of ``faces[leg, …]``."""
UNKNOWN, GOOD, MISSING = range(3)
HEARD, SILENT, SAID_STALE = range(3)
NOTHING, STANDS, STALE, GAPPED = range(4)
"""What is to be made of a leg."""
INHERITED: Final = int(Flag.SYNTHETIC | Flag.REPLAYED | Flag.HISTORY | Flag.DELAYED | Flag.CONFLATED)
"""What is so of a best bid and offer when it is so of one leg."""
_DELAYED: Final = int(Flag.DELAYED)
_EMPTY: Final = int(NbboState.EMPTY)
_ONE_SIDED: Final = int(NbboState.ONE_SIDED)
_NORMAL: Final = int(NbboState.NORMAL)
_LOCKED: Final = int(NbboState.LOCKED)
_CROSSED: Final = int(NbboState.CROSSED)


@kernel
def judge(faces: NDArray[np.void], leg: int, sources: NDArray[np.void]) -> tuple[int, int]:
    """Return what is to be made of a leg, and through which face it speaks."""
    silent = missing = False
    for side in range(2):
        face = faces[leg, side]
        if face.state == MISSING:
            missing = True
        elif face.state == GOOD:
            if not face.told_stale and sources[face.source].quiet == HEARD:
                return STANDS, side
            silent = True
    return (STALE if silent else GAPPED if missing else NOTHING), BOOK


@kernel
def is_suspect(source: Record) -> bool:
    """Return whether the clock that stamps a source is suspect, as of its newest row."""
    return bool(source.lags >= SUSPECT_LAGS and source.late > SUSPECT_SHARE * source.lags)


@kernel
def note_moves(
    row: int,
    begin: int,
    end: int,
    faces: NDArray[np.void],
    sources: NDArray[np.void],
    told: NDArray[np.void],
    moves: NDArray[np.void],
    at: int,
) -> int:
    """Write a ``MOVE`` for each of the legs ``begin:end`` that is not what was ``told`` of it; return their end."""
    for leg in range(begin, end):
        made, side = judge(faces, leg, sources)
        face, last = faces[leg, side], told[leg]
        if made != STANDS:
            if last.made != made:
                last.made = made
                moves[at] = last
                moves[at].row, moves[at].leg = row, leg
                at += 1
            continue
        suspect = is_suspect(sources[face.source])
        delayed = face.flags & _DELAYED != 0
        if (
            last.made == made
            and last.face == side
            and last.delayed == delayed
            and last.suspect == suspect
            and last.source == face.source
            and last.flags == face.flags
            and last.ts_recv == face.ts_recv
            and last.bid == face.bid
            and last.bid_size == face.bid_size
            and last.bid_size_exp == face.bid_size_exp
            and last.ask == face.ask
            and last.ask_size == face.ask_size
            and last.ask_size_exp == face.ask_size_exp
        ):
            continue
        last.made, last.face, last.delayed, last.suspect = made, side, delayed, suspect
        has_both = face.bid != ABSENT and face.ask != ABSENT  # noqa: PLR1714 - numba compiles `in` to a loop
        last.inverted = has_both and face.bid >= face.ask
        last.source, last.flags, last.ts_recv = face.source, face.flags, face.ts_recv
        last.bid, last.bid_size, last.bid_size_exp = face.bid, face.bid_size, face.bid_size_exp
        last.ask, last.ask_size, last.ask_size_exp = face.ask, face.ask_size, face.ask_size_exp
        moves[at] = last
        moves[at].row, moves[at].leg = row, leg
        at += 1
    return at


@kernel
def _stand(row: Record, position: int, face: Record, source: Record, ts_recv: int) -> None:
    """Let one leg that stands take part in an ``NBBO`` row."""
    bit = np.uint64(1) << np.uint64(position)
    has_bid, has_ask = face.bid != ABSENT, face.ask != ABSENT
    row.standing |= bit
    row.flags |= face.flags
    if face.flags & _DELAYED:
        row.delayed |= bit
    if is_suspect(source):
        row.suspect |= bit
    if has_bid and has_ask and face.bid >= face.ask:
        row.inverted |= bit
    if has_bid and (row.bid_leg < 0 or face.bid > row.bid):
        row.bid, row.bid_size, row.bid_size_exp = face.bid, face.bid_size, face.bid_size_exp
        row.bid_leg, row.bid_age = position, ts_recv - face.ts_recv
    if has_ask and (row.ask_leg < 0 or face.ask < row.ask):
        row.ask, row.ask_size, row.ask_size_exp = face.ask, face.ask_size, face.ask_size_exp
        row.ask_leg, row.ask_age = position, ts_recv - face.ts_recv


@kernel
def _state(row: Record) -> int:
    """Return the ``NbboState`` of a row whose sides are filled in."""
    if row.bid_leg < 0 and row.ask_leg < 0:
        return _EMPTY
    if row.bid_leg < 0 or row.ask_leg < 0:
        return _ONE_SIDED
    if row.bid == row.ask:
        return _LOCKED
    return _CROSSED if row.bid > row.ask else _NORMAL


@kernel
def best(faces: NDArray[np.void], begin: int, end: int, sources: NDArray[np.void], ts_recv: int, row: Record) -> None:
    """Write the best bid and offer over legs ``begin:end`` to an ``NBBO`` row; of equal prices the first leg's."""
    row.bid = row.bid_size = row.ask = row.ask_size = ABSENT
    row.bid_size_exp = row.ask_size_exp = SIZE_EXP
    row.bid_leg = row.ask_leg = -1
    row.bid_age = row.ask_age = row.flags = 0
    row.standing = row.stale = row.gapped = row.delayed = row.suspect = row.inverted = np.uint64(0)
    for leg in range(begin, end):
        made, side = judge(faces, leg, sources)
        bit = np.uint64(1) << np.uint64(leg - begin)
        if made == STANDS:
            face = faces[leg, side]
            _stand(row, leg - begin, face, sources[face.source], ts_recv)
        elif made == STALE:
            row.stale |= bit
        elif made == GAPPED:
            row.gapped |= bit
    row.state = _state(row)


@kernel
def changed(now: Record, before: Record) -> bool:
    """Return whether prices, sizes, their legs, the state, or what stands and what is left out differ."""
    return bool(
        now.bid != before.bid
        or now.bid_size != before.bid_size
        or now.bid_size_exp != before.bid_size_exp
        or now.bid_leg != before.bid_leg
        or now.ask != before.ask
        or now.ask_size != before.ask_size
        or now.ask_size_exp != before.ask_size_exp
        or now.ask_leg != before.ask_leg
        or now.state != before.state
        or now.standing != before.standing
        or now.stale != before.stale
        or now.gapped != before.gapped
    )
