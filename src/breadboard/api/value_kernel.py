"""Texts and values as JSON, compiled: what rows and trades are made of.

All that is text lies in one pool: words, keys with the comma before them, and of each instrument the values that never
change, escaped by msgspec. Numbers are written in place.
"""

from typing import Final

import numpy as np

from breadboard.model.decimals import ABSENT
from breadboard.model.kernels import inlined
from breadboard.model.kinds import Flag, Side
from breadboard.model.listing import DAY_OPEN, MARKET_HOURS, PREVIOUS_CLOSE, QUOTE_TYPES
from breadboard.model.number_text import MOST_PLACES, Text, magnitude_of, put_decimal, put_whole
from breadboard.model.pointers import eight_bytes, put_eight_bytes
from breadboard.store.rows import UNCOUNTED

PIECES: Final = ("id", "symbol", "exchange", "quote_type", "market_hours")
"""What is known of an instrument by its name. A field's code is its place in these and those that follow."""
WORDS: Final = (
    *("null", "false", "true", '"buy"', '"sell"', '"live"', '"synthetic"', '"replay"', '"history"'),
    *(f'"{word}"' for word in (PREVIOUS_CLOSE, DAY_OPEN, *MARKET_HOURS[1:], *QUOTE_TYPES[1:], *UNCOUNTED)),
)
"""What the pool of texts begins with."""
ROOM: Final = 44
"""No number is longer as text, with its quotation marks, and no word but of what is ``UNCOUNTED``."""
NULL, FALSE, TRUE, _BUY, _SELL, _LIVE, _SYNTHETIC, _REPLAY, _HISTORY, OF_CLOSE, OF_OPEN = range(11)
HOURS: Final = OF_OPEN
TYPES: Final = HOURS + len(MARKET_HOURS) - 1
"""Where the words of both begin, which count from 1."""
_COUNTS: Final = TYPES + len(QUOTE_TYPES)
"""Where the words of what is uncounted begin, which count from 0."""
_WORD_ENDS: Final = np.cumsum([0, *map(len, WORDS)])
NUMBER, WHOLE, WORD = 0, 1, 2
PIECE_COUNT: Final = len(PIECES)
_FLAG_SYNTHETIC, _FLAG_REPLAYED, _FLAG_HISTORY = int(Flag.SYNTHETIC), int(Flag.REPLAYED), int(Flag.HISTORY)
_SIDE_BUY, _SIDE_SELL = int(Side.BUY), int(Side.SELL)
QUOTE, COMMA, BRACE = 34, 44, 125


@inlined
def put(out: Text, at: int, text: Text, begin: int, end: int) -> int:
    """Copy a text, and return where it ends; up to seven bytes beyond that are overwritten."""
    for i in range(0, end - begin, 8):
        put_eight_bytes(out, at + i, eight_bytes(text, begin + i))
    return at + end - begin


@inlined
def put_word(out: Text, at: int, text: Text, word: int) -> int:
    """Write one of ``WORDS``, by its place."""
    return put(out, at, text, _WORD_ENDS[word], _WORD_ENDS[word + 1])


@inlined
def put_value(out: Text, at: int, text: Text, kind: int, value: int, places: int, at_least: int) -> int:
    """Write a decimal of so many places as a string, a whole number, null for one that is absent, or a word."""
    if kind == WORD or value == ABSENT:
        return put_word(out, at, text, NULL if value == ABSENT else value)
    if kind == WHOLE:
        return put_whole(out, at, value)
    out[at] = QUOTE
    at = put_decimal(out, at + 1, value < 0, magnitude_of(value), places, at_least)
    out[at] = QUOTE
    return at + 1


@inlined
def places_of(size_exp: int) -> int:
    """Return the decimal places of a size."""
    return min(max(0 - size_exp, 0), MOST_PLACES)  # 0 - an int8 is an int64


@inlined
def side_of(side: int) -> int:
    """Return the word for a side."""
    return _BUY if side == _SIDE_BUY else _SELL if side == _SIDE_SELL else NULL


@inlined
def provenance_of(flags: int) -> int:
    """Return the word for where a row of these flags comes from."""
    if flags & _FLAG_SYNTHETIC:
        return _SYNTHETIC
    if flags & _FLAG_REPLAYED:
        return _REPLAY
    return _HISTORY if flags & _FLAG_HISTORY else _LIVE


@inlined
def uncounted_of(code: int) -> int:
    """Return the word for what a trade does not count for in bars."""
    return _COUNTS + code
