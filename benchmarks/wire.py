"""An endless stream of a venue's text for benchmarks: one run of frames, over and over, with numbers that go on.

The second time round, trade and update numbers and times are those that would follow: they are rewritten in place,
digit by digit, so that no pass looks to the engine like one it has seen. Prices and sizes repeat.

A frame is a line here, whatever it is at the venue: a read is cut with one split, as ``capture/textline.py`` begins.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from market import READ_FRAMES, Frame, Read, Run
from numpy.typing import NDArray

from breadboard.model.kernels import kernel
from breadboard.model.kinds import RecordKind

_NUMBERS: Final = re.compile(rb'"(E|T|t|U|u|lastUpdateId)":(\d+)')
_TIMES: Final = (b"E", b"T")
_FIRST_NUMBER: Final = 1_000_000_000
"""Added to trade and update numbers, so that they all have as many digits."""
_SYMBOL: Final = re.compile(rb'"s":"([^"]+)"')
_SECOND: Final = 1_000_000_000

Numbers = NDArray[np.int64]
"""``[3, count]``: where each number begins, its digits, and what the next pass adds to it."""


@kernel
def _add(text: NDArray[np.uint8], numbers: Numbers) -> None:
    """Add to each of the numbers that are spelled in ``text``, which stay as long as they were."""
    for field in range(numbers.shape[1]):
        begin, carry = numbers[0, field], numbers[2, field]
        place = begin + numbers[1, field] - 1
        while carry > 0 and place >= begin:
            total = np.int64(text[place]) - 48 + carry
            text[place] = 48 + total % 10
            carry = total // 10
            place -= 1


@dataclass(slots=True)
class Wire:
    """Lines of one pass in one buffer, and what moves them on to the next. ``documents`` are of the first alone."""

    documents: list[Frame]
    text: NDArray[np.uint8]
    ends: NDArray[np.int64]
    stamps: NDArray[np.int64]
    numbers: Numbers
    span_ns: int

    @staticmethod
    def of(run: Run, clones: int) -> "Wire":
        """Return a run under the symbols of ``clones``, which take turns, a read at a time."""
        frames = [(kind, _NUMBERS.sub(_widened, body), ts) for kind, body, ts in run.frames]
        data = [(body, ts) for kind, body, ts in frames if kind is RecordKind.DATA]
        documents = [frame for frame in frames if frame[0] is not RecordKind.DATA]
        span_ns = ((data[-1][1] - data[0][1]) // _SECOND + 1) * _SECOND
        steps = _steps([body for body, _ in data], span_ns // 1_000_000)
        texts, ends, stamps, numbers, size = [], [], [], [], 0
        for begin in range(0, len(data), READ_FRAMES):
            bodies, times = zip(*data[begin : begin + READ_FRAMES], strict=True)
            block, inside = b"\n".join((*bodies, b"")), np.cumsum([len(body) + 1 for body in bodies])
            fields = _numbers(block, inside, steps)
            for number in range(clones):
                texts.append(Run.renamed(block, number))
                ends.append(inside + size)
                stamps.append(np.array(times))
                numbers.append(fields + np.array([[size], [0], [0]]))
                size += len(block)
        named = [(kind, Run.renamed(body, number), ts) for number in range(clones) for kind, body, ts in documents]
        text = np.frombuffer(b"".join(texts), np.uint8).copy()
        fields = np.concatenate(numbers, axis=1)
        return Wire(named, text, np.concatenate(ends), np.concatenate(stamps), fields, span_ns)

    def __len__(self) -> int:
        return len(self.ends)

    def passes(self, count: int) -> Iterator[Read]:
        """Yield what successive reads of a socket deliver, ``count`` times round; afterwards the text has moved on."""
        for number in range(count):
            for kind, body, ts in [] if number else self.documents:
                yield kind, [body], [ts]
            yield from self._reads()
            _add(self.text, self.numbers)
            self.stamps += self.span_ns

    def _reads(self) -> Iterator[Read]:
        for begin in range(0, len(self), READ_FRAMES):
            first = int(self.ends[begin - 1]) if begin else 0
            stamps: Any = self.stamps[begin : begin + READ_FRAMES]  # the journal takes what numpy takes
            last = int(self.ends[begin + len(stamps) - 1]) - 1
            yield RecordKind.DATA, self.text[first:last].tobytes().split(b"\n"), stamps


def _widened(match: re.Match[bytes]) -> bytes:
    """Return a number with as many digits as it will ever have."""
    name, number = match.groups()
    return b'"%b":%b' % (name, number if name in _TIMES else b"%d" % (int(number) + _FIRST_NUMBER))


def _steps(frames: list[bytes], span_ms: int) -> dict[tuple[bytes, bool], int]:
    """Return by how much numbers have grown after one pass: of trades (True) and of books, by symbol; of times."""
    reach: dict[tuple[bytes, bool], tuple[int, int]] = {}
    for frame in frames:
        symbol = _SYMBOL.search(frame)
        assert symbol is not None
        numbers = {name: int(number) for name, number in _NUMBERS.findall(frame)}
        for first, last in ((b"t", b"t"), (b"U", b"u")):
            if first in numbers:  # best prices have a number of the book's, but are not part of its chain
                key = symbol[1], first == b"t"
                reach[key] = reach.get(key, (numbers[first], 0))[0], numbers[last]
    return {key: last - first + 1 for key, (first, last) in reach.items()} | {(b"", False): span_ms}


def _numbers(block: bytes, ends: NDArray[np.int64], steps: dict[tuple[bytes, bool], int]) -> Numbers:
    """Return the numbers of the frames in a block, each with its step."""
    found, begin = [], 0
    for end in ends.tolist():
        symbol = _SYMBOL.search(block, begin, end)
        assert symbol is not None
        for match in _NUMBERS.finditer(block, begin, end):
            owner = b"" if match[1] in _TIMES else symbol[1]
            found.append((match.start(2), len(match[2]), steps.get((owner, match[1] == b"t"), 0)))
        begin = end
    return np.array(found, np.int64).T
