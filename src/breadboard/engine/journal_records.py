"""What the records mean that the journal, and not a venue, speaks in."""

from typing import Final

import msgspec

from breadboard.errors import BreadboardError
from breadboard.model.decimals import ABSENT, INT64_MAX
from breadboard.model.gaps import Epoch, Gap
from breadboard.model.kinds import RecordKind
from breadboard.model.rules import RuleSet, check

BAD_RECORD: Final = {
    int(RecordKind.QUARANTINE): "quarantined at capture: oversized or truncated",
    int(RecordKind.EPOCH): "not an epoch record",
    int(RecordKind.GAP): "not a gap record",
    int(RecordKind.RULES): "not a record of rules",
}
"""By record kind, why a record of it makes no row."""


class _Clock(msgspec.Struct):
    step_ns: int = 0


_clock: Final = msgspec.json.Decoder(_Clock)
_epoch: Final = msgspec.json.Decoder(Epoch)
_gap: Final = msgspec.json.Decoder(Gap)
_rules: Final = msgspec.json.Decoder(RuleSet)


def clock_step(data: bytes) -> int:
    """Return by how many ns our wall clock was set, as a CLOCK record says; ABSENT where it was not."""
    try:
        step = _clock.decode(data).step_ns
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ABSENT
    return step if step and abs(step) <= INT64_MAX else ABSENT


def epoch_of(data: bytes) -> Epoch | None:
    """Return what an EPOCH record says, or None for bytes that are none."""
    try:
        record = _epoch.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return record if 0 <= record.source <= 0xFFFF else None


def gap_of(data: bytes) -> Gap | None:
    """Return what a GAP record says, or None for bytes that are none."""
    try:
        record = _gap.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return record if 0 <= record.source <= 0xFFFF else None


def rules_of(data: bytes) -> RuleSet | None:
    """Return a set of rules, or None for bytes that are none, or rules that cannot be followed."""
    try:
        ruleset = _rules.decode(data)
        check(ruleset, "record")
    except (msgspec.MsgspecError, UnicodeDecodeError, BreadboardError):
        return None
    return ruleset
