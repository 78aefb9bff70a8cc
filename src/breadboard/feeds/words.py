"""A few known words (keys, message types, symbols), found in raw bytes by compiled code without a Python object."""

from collections.abc import Sequence
from itertools import count
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from breadboard.model.kernels import inlined, kernel
from breadboard.model.pointers import pointer

WIDTH: Final = 64
"""The longest word, in bytes."""


class Words(NamedTuple):
    """A fixed set of words with a hash that gives each a place of its own among 256. ``text`` is WIDTH bytes a word."""

    seed: NDArray[np.int64]
    places: NDArray[np.int16]
    text: NDArray[np.uint8]
    length: NDArray[np.int64]

    @staticmethod
    def of(words: Sequence[str]) -> "Words":
        """Return the set; word ``i`` is found as ``i``. An empty word is never found.

        Raises ValueError for words that are alike in all that the hash looks at: length, first, middle and last letter.
        """
        raw = [word.encode("ascii") for word in words]
        looks = [(len(word), word[0], word[len(word) // 2], word[-1]) for word in raw if word]
        if len(set(looks)) != len(looks):
            raise ValueError(f"no hash keeps these words apart: {words}")
        text, length = np.zeros(len(raw) * WIDTH, np.uint8), np.array([len(word) for word in raw], np.int64)
        for i, word in enumerate(raw):
            text[i * WIDTH : i * WIDTH + len(word)] = np.frombuffer(word, np.uint8)
        for attempt in count(1):
            seed = np.array([attempt * 7 + 1, attempt * 13 + 5, attempt * 31 + 11, attempt * 3 + 7], np.int64)
            found = [_place(seed, text, i * WIDTH, i * WIDTH + len(word)) for i, word in enumerate(raw) if word]
            if len(set(found)) == len(found) or attempt > 100_000:
                break
        if len(set(found)) != len(found):
            raise ValueError(f"no hash keeps these words apart: {words}")
        places = np.full(256, -1, np.int16)
        places[found] = [i for i, word in enumerate(raw) if word]
        return Words(seed, places, text, length)


@inlined
def _place(seed: NDArray[np.int64], buffer: NDArray[np.uint8], begin: int, end: int) -> int:
    length = end - begin
    total = seed[0] * np.int64(buffer[begin]) + seed[1] * np.int64(buffer[begin + length // 2])
    total += seed[2] * np.int64(buffer[end - 1]) + seed[3] * length
    return int((total ^ (total >> 8)) & 255)


@kernel
def bare_words(words: Words) -> Words:
    """Return the set as pointers, as ``find_word`` takes it."""
    return Words(pointer(words.seed), pointer(words.places), pointer(words.text), pointer(words.length))


@inlined
def find_word(words: Words, buffer: NDArray[np.uint8], begin: int, end: int) -> int:
    """Return which word ``buffer[begin:end]`` is, or -1."""
    if begin >= end:
        return -1
    found = int(words.places[_place(words.seed, buffer, begin, end)])
    if found < 0 or words.length[found] != end - begin:
        return -1
    for i in range(end - begin):
        if words.text[found * WIDTH + i] != buffer[begin + i]:
            return -1
    return found


class SymbolTable(NamedTuple):
    """Symbols seen so far and their instrument ids: open addressing, at most half full."""

    ids: NDArray[np.int32]
    text: NDArray[np.uint8]
    length: NDArray[np.int64]
    size: int


@kernel
def bare_symbols(table: SymbolTable) -> SymbolTable:
    """Return the table as pointers, as ``symbol_place`` takes it."""
    return SymbolTable(pointer(table.ids), pointer(table.text), pointer(table.length), table.size)


@inlined
def symbol_place(table: SymbolTable, buffer: NDArray[np.uint8], begin: int, end: int) -> int:
    """Return where the symbol is in the table, or the free place where it belongs."""
    mask = table.size - 1
    mixed, word = np.uint64(0), np.uint64(end - begin)
    for i in range(begin, end):
        word = (word << np.uint64(8)) | np.uint64(buffer[i])
        if (i - begin) & 7 == 7:
            mixed = (mixed ^ word) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(32)
    mixed = (mixed ^ word) * np.uint64(0x9E3779B97F4A7C15)
    place = int(mixed >> np.uint64(40)) & mask
    while table.length[place]:
        if table.length[place] == end - begin:
            same = True
            for i in range(end - begin):
                if table.text[place * WIDTH + i] != buffer[begin + i]:
                    same = False
                    break
            if same:
                return place
        place = (place + 1) & mask
    return place


class Symbols:
    """Instrument ids by symbol, readable by compiled code through ``table``. Grows only."""

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self.table = _empty_table(1024)

    def add(self, symbol: str, instrument: int) -> None:
        """Remember an id. A symbol that is long or not ASCII is left to the slow path."""
        raw = symbol.encode()
        if raw in self._known or not 0 < len(raw) <= WIDTH:
            return
        self._known[raw] = instrument
        if 2 * len(self._known) > len(self.table.ids):
            self.table = _empty_table(2 * len(self.table.ids))
            for known, id_ in self._known.items():
                self._put(known, id_)
        else:
            self._put(raw, instrument)

    def _put(self, raw: bytes, instrument: int) -> None:
        place = symbol_place(self.table, np.frombuffer(raw, np.uint8), 0, len(raw))
        self.table.ids[place] = instrument
        self.table.length[place] = len(raw)
        self.table.text[place * WIDTH : place * WIDTH + len(raw)] = np.frombuffer(raw, np.uint8)


def _empty_table(size: int) -> SymbolTable:
    ids = np.full(size, -1, np.int32)
    return SymbolTable(ids, np.zeros(size * WIDTH, np.uint8), np.zeros(size, np.int64), size)
