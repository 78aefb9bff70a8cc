"""The sessions of the venues' calendars, as the loops look them up: hours where a rule asks for them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from breadboard import calendars
from breadboard.engine.rule_conditions import Conditions
from breadboard.engine.rule_state import HOURS, ONCE_SESSION
from breadboard.engine.sessions import Sessions
from breadboard.engine.voices import Voice
from breadboard.model.rules import RuleKind


class Hours:
    """``calendar_of(instrument)`` names its calendar, empty where it is always open; ``venues`` is by source."""

    def __init__(self, calendar_of: Callable[[int], str], venues: Mapping[int, str]) -> None:
        self.venues = venues
        self._voices: Sequence[Voice] = ()
        self.table = np.zeros(0, HOURS)
        """``HOURS`` rows of all calendars met, each calendar's in order."""
        self.spans = np.zeros((0, 3), np.int64)
        """By calendar: where its sessions begin in the table, where they end, and the one found last."""
        self._calendar_of = calendar_of
        self._sessions = Sessions(calendar_of)
        self.days = self._sessions.table()
        """Midnights by zone, as bars have them: a correction is of the day of its trade."""
        self._numbers: dict[str, int] = {}

    def hear(self, voices: Sequence[Voice]) -> None:
        """Learn where sources begin to speak for another venue in the rows under way; ``venues`` are those behind."""
        self._voices = voices

    def venue(self, source: int, offset: int) -> str:
        """Return the venue that speaks through a source at a row under way."""
        for voice in self._voices:
            if voice.source == source and offset < voice.offset:
                return voice.before
        return self.venues.get(source, "")

    def number(self, instrument: int, conditions: Conditions) -> int:
        """Return the number of an instrument's calendar; -1 where it has none, or no rule asks."""
        rows = conditions.rows
        asked = (rows["session"] != 0) | (rows["once"] == ONCE_SESSION) | (rows["kind"] == RuleKind.NO_DATA)
        name = self._calendar_of(instrument) if asked.any() else ""
        if not name:
            return -1
        if name not in self._numbers:
            self._numbers[name] = len(self.spans)
            opens, closes = calendars.sessions(name)
            table: Any = np.zeros(len(opens), HOURS)
            table["begin"], table["end"] = opens, closes
            table["extended_from"], table["extended_to"] = opens - calendars.BEFORE_NS, closes + calendars.AFTER_NS
            first = len(self.table)
            self.table = np.concatenate((self.table, table))
            self.spans = np.concatenate((self.spans, [[first, len(self.table), first]]))
        return self._numbers[name]

    def zone(self, instrument: int) -> int:
        """Return the place in ``days`` of an instrument's midnights."""
        known, found = len(self._sessions.zones), self._sessions.zone(instrument)
        if len(self._sessions.zones) > known:
            self.days = self._sessions.table()
        return found
