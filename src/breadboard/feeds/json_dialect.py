"""A venue's messages as the compiled reader knows them: which keys mean what, and which messages are made of them."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from breadboard.feeds.words import Words, bare_words
from breadboard.model.kernels import kernel
from breadboard.model.pointers import pointer

# What a key's value means, by the JSON type it has: REFUSE unless the dialect says otherwise.
REFUSE, SKIP, PRICE, SIZE, TIME, SYMBOL, TYPE, MAKER_SIDE, STREAM = range(9)  # text
COUNT, EPOCH = 2, 3  # number
# array: BIDS, ASKS, CHANGES of json_tokens
BUYER_IS_MAKER = 2  # true or false
TEXT, NUMBER, ARRAY, TRUTH = range(4)

STREAM_KEY: Final = 0
DATA_KEY: Final = 1
"""The places of ``stream`` and ``data``, the envelope of a combined stream, in every dialect's keys."""
NO_TYPE: Final = -2
EXPONENT: Final = 64
"""``values[EXPONENT + key]`` is the exponent of the size under that key."""
NOWHERE: Final = -1
BEFORE_FIRST: Final = -2
"""``sequence_prev`` of a venue that sends none: the number before ``sequence_first``."""
COLUMNS: Final = (
    *("kind", "side", "flags", "code", "size_exp", "ask_size_exp", "instrument"),
    *("ts_event", "sequence", "sequence_first", "sequence_prev", "trade_id"),
    *("price", "size", "ask_price", "ask_size", "level_begin", "level_end"),
)
"""Those of one type stand together, so that a batch's are cast at once; from ``ts_event`` on all are int64."""


class Dialect(NamedTuple):
    """A venue's messages as tables. ``K`` keys, ``S`` shapes, ``C`` columns of ``COLUMNS``."""

    keys: Words
    meaning: NDArray[np.int8]
    """``[K, 4]``: what a value means, by its JSON type."""
    types: Words
    shape_of_type: NDArray[np.int64]
    """By type word; the shape that message has."""
    untyped: int
    """The shape of a message without a type, or -1."""
    document: int
    """The shape of a fetched document, or -1."""
    need: NDArray[np.int64]
    """``[S, 4]``: bits of the keys a message must have, by JSON type."""
    nonzero: NDArray[np.int64]
    """``[S]``: bits of the keys whose value must not be 0."""
    source: NDArray[np.int64]
    """``[S, C]``: the key (or ``EXPONENT + key``) a column is filled from, or NOWHERE."""
    default: NDArray[np.int64]
    """``[S, C]``: what a column holds where that key is absent."""
    time_fallback: NDArray[np.int64]
    """``[S]``: the key of ``ts_event`` where the first is absent, or NOWHERE."""


@kernel
def bare_dialect(dialect: Dialect) -> Dialect:
    """Return the tables as pointers: see ``pointers`` for why."""
    return Dialect(
        bare_words(dialect.keys),
        pointer(dialect.meaning),
        bare_words(dialect.types),
        pointer(dialect.shape_of_type),
        dialect.untyped,
        dialect.document,
        pointer(dialect.need),
        pointer(dialect.nonzero),
        pointer(dialect.source),
        pointer(dialect.default),
        pointer(dialect.time_fallback),
    )
