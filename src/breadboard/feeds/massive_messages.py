"""Massive's frames: arrays of mixed events, read one by one; a bad one does not cost its neighbours."""

from typing import ClassVar, Final

import msgspec

from breadboard.calendars import REGULAR, phase
from breadboard.feeds.conditions import flags_of
from breadboard.feeds.massive_calls import CONDITIONS
from breadboard.feeds.massive_documents import MOST_EVENTS, read_document
from breadboard.feeds.massive_events import (
    BAR_SECONDS,
    IGNORED,
    bands_of,
    bar_of,
    identity_of,
    quote_of,
    status_of,
    trade_of,
)
from breadboard.feeds.massive_json import Payload, object_of, parse_array
from breadboard.feeds.massive_reference import OUTSIDE, ConditionRules, read_conditions
from breadboard.feeds.massive_seen import SeenTrades
from breadboard.feeds.readers import At
from breadboard.feeds.reading import Event, Meaning, Refused, VendorBar, unknown_type
from breadboard.feeds.rows import MOST_LOST, gap_of, symbol_in
from breadboard.model.gaps import DocumentHead
from breadboard.model.kinds import EventKind, Flag, Uncounted

REASON_LENGTH: Final = 300
_CHANNELS: Final = {"T": "trade", "Q": "quote"}
"""What a kind of event is of, where one that cannot be read leaves a gap."""
_CALENDAR: Final = "XNYS"
_MEMORY: Final = msgspec.msgpack.Decoder(tuple[bytes, list[tuple[int, int]], list[int]])


class _Frame:
    """What has been understood of one frame so far."""

    __slots__ = ("bars", "events", "ignored", "market", "refused", "unread")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.bars: list[VendorBar] = []
        self.ignored: str | None = None
        self.refused: list[str] = []
        self.unread: dict[tuple[str | None, str | None], str] = {}
        """Symbol and channel of what could not be read (None: any), with the first reason."""
        self.market = False
        """Whether anything in it speaks of the market: it is data then, and not conversation."""

    def refuse(self, place: int, element: object, error: ValueError) -> None:
        """Take an event that cannot be understood; one of a kind that is not read here may be anything or nothing."""
        self.refused.append(f"event {place}: {error}")
        kind = element.get("ev") if isinstance(element, dict) else None
        if kind in _CHANNELS or not isinstance(kind, str):
            self.unread.setdefault((symbol_in(element, "sym"), _CHANNELS.get(str(kind))), str(error))

    def take(self, event: Payload) -> None:
        """Take one event. Raises ValueError with the reason it cannot be understood."""
        kind = event.get("ev")
        match kind:
            case "T":
                self.events.append(trade_of(event))
            case "Q":
                self.events.append(quote_of(event))
            case "A" | "AM":
                self.bars.append(bar_of(event, BAR_SECONDS[kind]))
            case "LULD":
                told = bands_of(event)
                self.events += told
                self.ignored = self.ignored or (None if told else kind)
            case "status":
                said = status_of(event)
                self.events += [] if said is None else [said]
                return
            case str() if kind in IGNORED:
                self.ignored = self.ignored or kind
            case _:
                raise unknown_type(kind)
        self.market = True


class MassiveReader:
    """A ``readers.FrameReader``; it remembers which trades it has seen, and the venue's table of conditions.

    The table is a document like any other, and holds from its place in the journal on, for every source. Before the
    first one prints count for all.
    """

    words: ClassVar = frozenset(
        {
            *("ev", "sym", "x", "i", "z", "p", "s", "ds", "c", "t", "q", "trfi", "trft", "bx", "bp", "bs", "ax", "ap"),
            *("as", "v", "dv", "av", "dav", "op", "vw", "o", "h", "l", "a", "e", "otc", "T", "at", "b", "fmv", "val"),
            *("status", "message"),
        }
    )

    def __init__(self) -> None:
        self._seen = SeenTrades()
        self._rules = ConditionRules({}, {})
        self._table = self._rules.table()

    def read(self, frame: bytes, at: At) -> Meaning:
        """Return what a frame means; ``refused`` names the events in it that could not be understood."""
        found = _Frame()
        for place, element in enumerate(parse_array(frame)):
            try:
                found.take(object_of(element))
            except ValueError as error:
                found.refuse(place, element, error)
        lost = found.unread
        if len(lost) > MOST_LOST:
            lost = {(None, channel): reason for (_, channel), reason in lost.items()}
        found.events += [gap_of(symbol, channel, reason, at) for (symbol, channel), reason in lost.items()]
        if len(found.events) > MOST_EVENTS:
            raise Refused(f"a frame of {len(found.events)} events, over the {MOST_EVENTS} that one frame can number")
        return Meaning(
            events=tuple(self._marked(event, at) for event in found.events),
            control=not found.market and not found.refused,
            ignored=found.ignored,
            refused="; ".join(found.refused)[:REASON_LENGTH] or None,
            bars=tuple(found.bars),
        )

    def read_document(self, head: DocumentHead, body: bytes, at: At) -> Meaning:
        """Return what a fetched or imported document means; a trade that its own source told of is a duplicate.

        An import is a source of its own, and leaves out what is there before it is put on record.
        """
        if head.tag.partition(":")[0] == CONDITIONS and head.status == 200:
            return self._learn(body)
        meaning = read_document(head, body)
        return Meaning(
            events=tuple(self._marked(event, at) for event in meaning.events),
            control=meaning.control,
            ignored=meaning.ignored,
            refused=meaning.refused,
            bars=meaning.bars,
            notes=meaning.notes,
        )

    def lost_book(self, _frame: bytes, _at: At) -> str | None:
        """Return None: there are no books here."""
        return None

    def snapshot(self) -> bytes:
        """Return which trades were seen, and the table."""
        rules = self._rules
        return msgspec.msgpack.encode((self._seen.snapshot(), sorted(rules.uncounted.items()), sorted(rules.form_t)))

    def restore(self, state: bytes) -> None:
        """Go back to what ``snapshot`` returned; empty bytes are a fresh memory."""
        seen, uncounted, form_t = _MEMORY.decode(state) if state else (b"", [], [])
        self._seen.restore(seen)
        self._rules = ConditionRules({one: Uncounted(denied) for one, denied in uncounted}, {}, frozenset(form_t))
        self._table = self._rules.table()

    def _learn(self, body: bytes) -> Meaning:
        """Take a page of the table of conditions. Raises ValueError for one that cannot be understood."""
        page, _ = read_conditions(body)
        known = self._rules
        self._rules = ConditionRules(
            {**known.uncounted, **page.uncounted}, {}, known.form_t - page.uncounted.keys() | page.form_t
        )
        self._table = self._rules.table()
        return Meaning(control=True, notes={"conditions": len(page.uncounted)})

    def _uncounted(self, event: Event) -> Uncounted:
        """Return what a print does not count for."""
        conditions = event.notes.get("conditions", ())
        if not self._rules.form_t.isdisjoint(conditions) and phase(_CALENDAR, event.ts_event) != REGULAR:
            conditions = (*conditions, OUTSIDE)
        return self._table.uncounted(frozenset(conditions))

    def _marked(self, event: Event, at: At) -> Event:
        """Return the event, with what it does not count for, and flagged where this source has told of it before.

        The same with other figures is another: a correction puts the right ones in, and takes the wrong ones back.
        """
        if event.kind is EventKind.TRADE and (denied := self._uncounted(event)):
            event = msgspec.structs.replace(event, code=denied, flags=event.flags | flags_of(denied))
        if event.kind is not EventKind.TRADE or event.flags & Flag.WITHDRAWN or event.symbol is None:
            return event
        identity = f"{identity_of(event.notes)} {event.price} {event.size}e{event.size_exp}"
        if not self._seen.again(at.source, event.symbol, event.ts_event, event.sequence, identity):
            return event
        return msgspec.structs.replace(event, flags=event.flags | Flag.DUPLICATE)
