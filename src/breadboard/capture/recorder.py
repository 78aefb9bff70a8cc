"""What the journal is told of one source, and in which order."""

from collections.abc import Sequence
from typing import Final

import msgspec

from breadboard.capture.appender import Appender
from breadboard.capture.status import Counters
from breadboard.capture.wire import Batch
from breadboard.clock import Clock
from breadboard.conversations import Missing
from breadboard.model.addresses import public
from breadboard.model.gaps import DocumentHead, Epoch, Gap
from breadboard.model.kinds import GapReason, GapState, Provenance, RecordKind

OUTLIVED_NS: Final = 5_000_000_000
"""What comes so long after a sleep did not lie in the kernel since before it: the connection has outlived it."""


class Recorder:
    """Writes one source's records.

    A connection enters the journal with its first byte: GAP (reason DISCONNECT, from the last byte known good to
    that first one), EPOCH open, then what it delivered. So no record of the source stands between an outage and
    the gap that tells of it, and the gap ends exactly where the data begins again. It leaves with EPOCH closed.
    What is read right after a sleep may have lain here since before it: where the connection turns out to be dead, its
    gap begins before the sleep.
    """

    def __init__(
        self,
        appender: Appender,
        clock: Clock,
        counters: Counters,
        source: int,
        venue: str,
        url: str,
        wanted: Sequence[str],
        epoch: int,
        last_ts: int | None,
        aside: str = "",
    ) -> None:
        self._appender = appender
        self._clock = clock
        self._counters = counters
        self._source = source
        self._venue = venue
        self._url = public(url)
        self._wanted = tuple(wanted)
        self._epoch = epoch
        self._last_ts = last_ts
        self._before_sleep: int | None = None
        self._woke = 0
        self._aside = aside
        self.provenance = Provenance.LIVE
        """Of the current connection; may be corrected until its first byte is recorded."""
        self._open = False
        self._announced = False
        self._end_reason = ""

    @property
    def epoch(self) -> int:
        """The number of the current, or last, connection."""
        return self._epoch

    def restarted(self) -> None:
        """Tell of the time in which capture was not running, where the journal knows this source already."""
        if self._last_ts is not None:
            now = self._clock.wall()
            self._gap(Gap(self._source, GapReason.RESTART, self._last_ts, now, detail="capture was not running"), now)
            self._last_ts = now

    def opened(self, provenance: Provenance) -> None:
        """Note a new connection; the journal hears of it with its first byte."""
        self._epoch += 1
        self.provenance = provenance
        self._open, self._announced = True, False

    def slept(self, now: int) -> None:
        """Note that the machine, or this process, stood still until ``now`` (monotonic ns)."""
        if self._before_sleep is None:
            self._before_sleep = self._last_ts
        self._woke = now

    def alive(self) -> None:
        """Note a sign of life that is not data, which begins a connection but does not say that nothing is missing."""
        self._announce(self._clock.wall())
        self._outlived(self._clock.mono())

    def data(self, batch: Batch) -> None:
        """Record what one wake-up of the socket delivered."""
        self._announce(batch.ts_recv[0])
        self._append(RecordKind.DATA, batch.frames, batch.ts_recv, batch.ts_mono)
        self._last_ts = batch.ts_recv[-1]
        self._outlived(batch.ts_mono)

    def document(self, head: DocumentHead, body: bytes) -> None:
        """Record the answer to a fetch, body as received."""
        now = self._clock.wall()
        self._announce(now)
        self._append(RecordKind.DOCUMENT, [msgspec.json.encode(head) + b"\n" + body], [now], self._clock.mono())

    def quarantine(self, head: bytes, reason: str) -> None:
        """Record the beginning of bytes that are no message, and the gap they leave."""
        now = self._clock.wall()
        self._announce(now)
        self._append(RecordKind.QUARANTINE, [head], [now], self._clock.mono())
        since = self._last_ts if self._last_ts is not None else now
        self._gap(Gap(self._source, GapReason.QUARANTINE, since, now, detail=reason), now)

    def missing(self, told: Missing, age_ns: int) -> None:
        """Record that a subscription has not brought what it should, for ``age_ns`` until now."""
        now = self._clock.wall()
        self._announce(now)
        state = GapState.LOST if told.over else GapState.OPEN
        since, what = now - age_ns, (told.symbol, told.channel)
        self._gap(Gap(self._source, told.reason, since, now, *what, state=state, detail=told.detail), now)

    def closed(self, reason: str) -> None:
        """Record that the connection is over."""
        if self._open:
            now = self._clock.wall()
            self._announce(now)
            self._record_epoch(now, is_open=False, reason=reason)
            self._open = False
            self._end_reason = reason

    def _announce(self, ts: int) -> None:
        if self._announced or not self._open:
            return
        self._announced = True
        known = self._last_ts if self._before_sleep is None else self._before_sleep
        if known is not None:
            detail = self._end_reason or "capture was starting"
            self._gap(Gap(self._source, GapReason.DISCONNECT, known, ts, detail=detail), ts)
        self._last_ts, self._before_sleep = ts, None
        self._record_epoch(ts, is_open=True)

    def _outlived(self, now: int) -> None:
        if now - self._woke > OUTLIVED_NS:
            self._before_sleep = None

    def _record_epoch(self, ts: int, *, is_open: bool, reason: str = "") -> None:
        epoch = Epoch(
            *(self._source, self._epoch, self._venue, self._url, self._wanted),
            *(self.provenance, is_open, reason, self._aside),
        )
        self._append(RecordKind.EPOCH, [msgspec.json.encode(epoch)], [ts], self._clock.mono())

    def _gap(self, gap: Gap, ts: int) -> None:
        if gap.ts_from > gap.ts_to:  # our clock was set back meanwhile
            gap = msgspec.structs.replace(gap, ts_from=gap.ts_to, ts_to=gap.ts_from)
        self._counters.gaps += 1
        self._append(RecordKind.GAP, [msgspec.json.encode(gap)], [ts], self._clock.mono())

    def _append(self, kind: RecordKind, frames: Sequence[bytes], ts_recv: Sequence[int], ts_mono: int) -> None:
        self._appender.append(kind, self._source, self._epoch, frames, ts_recv, ts_mono)
