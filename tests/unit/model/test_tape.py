"""The tape keeps rows whole through cuts and merges."""

from dataclasses import FrozenInstanceError, replace

import pytest

from breadboard.model.frames import Frames
from breadboard.model.gaps import Gap
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import EventKind, GapReason, RecordKind, SequenceRule
from breadboard.model.tape import EVENT_COLUMNS, LEVEL_COLUMNS, Tape


def book(offset: int, prices: list[int]) -> Tape:
    return Tape.of(
        1,
        {"kind": [EventKind.BOOK_DELTA], "offset": [offset], "level_begin": [0], "level_end": [len(prices)]},
        {
            "level_side": [1] * len(prices),
            "level_price": prices,
            "level_size": prices,
            "level_size_exp": [0] * len(prices),
        },
    )


def test_a_merge_is_in_journal_order_and_keeps_each_rows_levels() -> None:
    merged = Tape.merge([book(5, [50, 51]), Tape.empty(), book(3, [30]), book(9, [])])
    levels = [merged.level_price[a:b].tolist() for a, b in zip(merged.level_begin, merged.level_end, strict=True)]
    assert merged.offset.tolist() == [3, 5, 9]
    assert levels == [[30], [50, 51], []]


def test_a_cut_keeps_the_gaps_of_its_rows_only() -> None:
    gaps = [(offset, Gap(0, GapReason.RESTART, 1, 2)) for offset in (1, 2)]
    tape = Tape.of(3, {"kind": [EventKind.GAP, EventKind.GAP, EventKind.TRADE], "offset": [1, 2, 3]}, gaps=gaps)
    assert tape.take(slice(1, 3)).gaps == (gaps[1],)


def test_a_column_of_another_name_or_length_is_refused() -> None:
    with pytest.raises(KeyError, match="no such tape column"):
        Tape.of(1, {"colour": [1]})
    with pytest.raises(ValueError, match="price has 2 rows"):
        Tape.of(1, {"price": [1, 2]})


def test_a_tape_has_all_its_columns_none_besides_and_stays_as_it_was_made() -> None:
    made = book(7, [1, 2])
    columns = {name: getattr(made, name) for name in (*EVENT_COLUMNS, *LEVEL_COLUMNS)}
    with pytest.raises(TypeError, match="'price'"):
        Tape(**{name: column for name, column in columns.items() if name != "price"})
    with pytest.raises(TypeError, match="'worth'"):
        Tape(**columns, worth=made.price)
    with pytest.raises(FrozenInstanceError):
        made.price = made.size  # type: ignore[misc]  # that is what is refused
    assert made.contents.instruments == 0
    other = replace(made, instrument=made.instrument + 3)
    assert (other.contents.instruments, made.contents.instruments) == (3, 0), "what is on it is looked at anew"


def test_frames_join_over_one_buffer() -> None:
    first = Frames.of([b"ab", b"", b"c"], [1, 2, 3], kind=RecordKind.DATA)
    second = Frames.of([b"xyz"], [4], kind=RecordKind.DOCUMENT, offset=3)
    joined = Frames.join([first, second])
    assert joined.frames() == [b"ab", b"", b"c", b"xyz"]
    assert joined.frame(3) == b"xyz"
    assert joined.offset.tolist() == [0, 1, 2, 3]
    assert joined.kind.tolist() == [1, 1, 1, 2]
    assert joined.take(slice(2, 4)).frames() == [b"c", b"xyz"]
    assert len(Frames.join([])) == 0


def test_ids_are_dense_in_order_of_first_appearance() -> None:
    instruments = Instruments()
    assert [instruments.intern("B", "X"), instruments.intern("A", "X"), instruments.intern("B", "X")] == [0, 1, 0]
    assert instruments.find("A", "X") == 1
    assert instruments.find("A", "Y") is None
    again = Instruments(list(instruments))
    assert [item.id for item in again] == ["X.B", "X.A"]
    assert again[0].sequence_rule is SequenceRule.NONE
