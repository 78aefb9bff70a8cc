"""Slots of rules and instruments: where they lie, and what of them stays when the rules change."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from breadboard.engine.rule_conditions import Conditions
from breadboard.engine.rule_slots import Slots
from breadboard.model.alerts import RuleVersion
from breadboard.model.decimals import ABSENT
from breadboard.model.rules import Rule, RuleKind, RuleSet

RULES = (
    Rule(name="rises", kind="rise", threshold=2.0, window="5m"),
    Rule(name="wide", kind="spread", threshold=100.0, symbols=("*.A",)),
    Rule(name="silent", kind="no_data", window="10m", symbols=("X.A", "Y.B")),
    Rule(name="busy", kind="volume", threshold=5.0, window="1m"),
    Rule(name="crosses", kind="cross", threshold=20.0, direction="up"),
    Rule(name="late", kind="lag", threshold=1000.0, symbols=("*.B",)),
    Rule(name="falls", kind="drop", threshold=1.0, window="10s", symbols=("Y.B",)),
    Rule(name="halted", kind="halt"),
    Rule(name="gapped", kind="gap", symbols=("X.A",)),
    Rule(name="odd", kind="anomaly"),
)
NAMES = (("A", "X"), ("B", "Y"), ("A", "Z"), ("B", "X"), ("C", "X"))
GROUPS = {
    ("trade", "quote"): {RuleKind.RISE, RuleKind.DROP, RuleKind.CROSS},
    ("quote", "late"): {RuleKind.SPREAD},
    ("late", "halt"): {RuleKind.LAG},
    ("halt", "bar"): {RuleKind.HALT, RuleKind.GAP},
    ("bar", "end"): {RuleKind.VOLUME},
}
subsets = st.lists(st.sampled_from(RULES), unique=True)
instruments = st.lists(st.sampled_from(NAMES), max_size=12)


def made(rules: list[Rule], names: list[tuple[str, str]], registry: list[RuleVersion]) -> Slots:
    slots = Slots(Conditions(RuleSet(tuple(rules)), registry))
    for number, (venue, symbol) in enumerate(names):
        slots.extend(venue, symbol, number - 1, number)
    return slots


def name_of(slots: Slots, slot: np.void) -> str:
    return slots.conditions.watched[int(slot["condition"])].rule.name


@given(rules=subsets, names=instruments)
def test_slots_of_an_instrument_lie_together_by_what_moves_them(
    rules: list[Rule], names: list[tuple[str, str]]
) -> None:
    slots, at, quiet = made(rules, names, []), 0, list[int]()
    rings = {"ring": 0, "volume": 0}
    for which, (venue, symbol) in enumerate(names):
        mine = [slots.conditions.watched[each].rule for each in slots.conditions.of(venue, symbol)]
        owner = slots.owners[which]
        assert (owner["calendar"], owner["zone"], owner["source"], owner["newest"]) == (which - 1, which, -1, ABSENT)
        for (begin, end), kinds in GROUPS.items():
            assert owner[begin] == at
            expected = [rule.name for rule in mine if rule.of_kind in kinds]
            assert [name_of(slots, slot) for slot in slots.slots[at : owner[end]]] == expected
            at = int(owner[end])
        silent = [rule for rule in mine if rule.of_kind == RuleKind.NO_DATA]
        quiet += range(at, at + len(silent))
        at += len(silent)
        for slot in slots.slots[int(owner["trade"]) : at]:
            kind = RuleKind(int(slots.conditions.rows["kind"][slot["condition"]]))
            ring = {RuleKind.RISE: "ring", RuleKind.DROP: "ring", RuleKind.VOLUME: "volume"}.get(kind)
            assert slot["ring"] == (-1 if ring is None else rings[ring])
            assert (slot["instrument"], slot["armed"], slot["until"]) == (which, kind != RuleKind.CROSS, ABSENT)
            if ring is not None:
                rings[ring] += 1
    assert (slots.quiet.tolist(), len(slots.slots), len(slots.owners)) == (quiet, at, len(names))
    assert (len(slots.rings), len(slots.volumes)) == (rings["ring"], rings["volume"])


@given(before=subsets, after=subsets, names=instruments, changed=st.booleans())
def test_what_is_known_of_a_rule_that_stays_stays_with_it(
    before: list[Rule], after: list[Rule], names: list[tuple[str, str]], changed: bool
) -> None:
    registry: list[RuleVersion] = []
    old = made(before, names, registry)
    mark: Any = old.slots
    mark["b"], mark["held"], mark["head"] = (np.arange(len(mark)) + shift for shift in (1, 1000, 1))
    old.rings["price"] = (np.arange(len(old.rings)) + 1)[:, None]
    old.volumes[:] = (np.arange(len(old.volumes)) + 1)[:, None]
    old.fired["price"] = (np.arange(len(old.fired)) + 1)[:, None]
    old.owners["price"] = np.arange(len(names)) + 1
    known = {(name_of(old, slot), int(slot["instrument"])): slot for slot in old.slots}
    edited = [replace(rule, cooldown="1m") for rule in after] if changed else after
    new = made(edited, names, registry)
    new.inherit(old)
    assert new.owners["price"].tolist() == list(range(1, len(names) + 1))
    for slot in new.slots:
        found = None if changed else known.get((name_of(new, slot), int(slot["instrument"])))
        wanted = (0, 0, 0) if found is None else (found["b"], found["held"], found["head"])
        assert (slot["b"], slot["held"], slot["head"]) == wanted
        kind = new.conditions.watched[int(slot["condition"])].rule.of_kind
        if kind in GROUPS["trade", "quote"]:
            assert new.fired[slot["fired"]]["price"][0] == (0 if found is None else found["fired"] + 1)
        if kind in (RuleKind.RISE, RuleKind.DROP):
            assert new.rings[slot["ring"]]["price"][0] == (0 if found is None else found["ring"] + 1)
        elif kind == RuleKind.VOLUME:
            assert new.volumes[slot["ring"]][0] == (0 if found is None else found["ring"] + 1)


@pytest.mark.parametrize("names", [[], list(NAMES)])
def test_no_rules_have_no_slots(names: list[tuple[str, str]]) -> None:
    slots = made([], names, [])
    assert (len(slots.slots), len(slots.owners), len(slots.quiet)) == (0, len(names), 0)
