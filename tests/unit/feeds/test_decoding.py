"""The decoder's kernel is compiled once, whoever made the frames."""

import numpy as np

from breadboard.feeds import FEEDS, warm
from breadboard.feeds.json_kernel import read_frames
from breadboard.model.frames import FRAME_COLUMNS, Frames
from breadboard.model.instruments import Instruments
from breadboard.model.kinds import RecordKind
from feed_samples import SAMPLES, content


def test_frames_from_a_writable_buffer_with_strided_columns_need_no_new_machine_code() -> None:
    warm()
    known = len(read_frames.signatures)  # type: ignore[attr-defined] # numba's dispatcher, typed as the function
    plain = Frames.of(SAMPLES["binance"].frames, list(range(6)), kind=RecordKind.DATA)
    table = np.zeros(6, [(name, dtype) for name, dtype in FRAME_COLUMNS.items()])
    for name in FRAME_COLUMNS:
        table[name] = getattr(plain, name)
    odd = Frames(np.array(plain.buffer), *(table[name] for name in FRAME_COLUMNS))
    expected = FEEDS["binance"].decoder(Instruments()).decode(plain)
    found = FEEDS["binance"].decoder(Instruments()).decode(odd)
    assert content(found.tape) == content(expected.tape)
    assert len(read_frames.signatures) == known  # type: ignore[attr-defined] # the same
    assert odd.buffer.flags.writeable, "the caller's array is as it was"
