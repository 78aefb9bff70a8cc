"""Words and symbols are found in raw bytes, and nothing else is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from breadboard.feeds.words import Symbols, Words, bare_words, find_word, symbol_place
from breadboard.model.kernels import kernel

names = st.text("abcdefghijXYZ_0123456789-", min_size=1, max_size=64)


@kernel
def _find(words: Words, buffer: NDArray[np.uint8], end: int) -> int:
    return find_word(bare_words(words), buffer, 0, end)


def looks(word: str) -> tuple[int, str, str, str]:
    """Return what the hash looks at."""
    return len(word), word[0], word[len(word) // 2], word[-1]


def test_words_that_the_hash_cannot_tell_apart_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no hash keeps these words apart"):
        Words.of(["000000", "000010"])


@settings(max_examples=100, deadline=None)
@given(st.lists(names, unique_by=looks, min_size=1, max_size=20), names)
def test_each_word_is_found_at_its_place_and_no_other_is(words: list[str], other: str) -> None:
    table = Words.of(words)
    for place, word in enumerate(words):
        assert _find(table, np.frombuffer(word.encode(), np.uint8), len(word)) == place
    expected = words.index(other) if other in words else -1
    assert _find(table, np.frombuffer(other.encode(), np.uint8), len(other)) == expected


def test_thousands_of_symbols_keep_their_ids_while_the_table_grows() -> None:
    symbols = Symbols()
    for number in range(5000):
        symbols.add(f"COIN{number}USDT", number)
        symbols.add(f"COIN{number}USDT", -7)
    for number in range(0, 5001, 37):
        raw = np.frombuffer(f"COIN{number}USDT".encode(), np.uint8)
        place = symbol_place(symbols.table, raw, 0, len(raw))
        assert symbols.table.ids[place] == (number if number < 5000 else -1)


def test_a_symbol_too_long_for_the_table_is_left_out() -> None:
    symbols = Symbols()
    symbols.add("X" * 65, 1)
    assert (symbols.table.ids == -1).all()
