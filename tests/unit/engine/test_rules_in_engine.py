"""Rules in the engine: a record of the journal begins and ends them, the same in any batches and after a kill."""

import random
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from breadboard import feeds
from breadboard.config import EngineConfig
from breadboard.engine import Engine
from breadboard.engine.rule_conditions import refuse_stars, verify
from breadboard.errors import UsageError
from breadboard.model.frames import Frames
from breadboard.model.gaps import Epoch
from breadboard.model.kinds import GapReason, Provenance, RecordKind
from breadboard.model.rules import Rule, RuleSet, read
from feed_samples import frames_of

BTC = "binance/btcusdt_20240808.gz"
CONFIG = EngineConfig(features=("ofi",))
RISE = {"name": "rise", "kind": "rise", "threshold": 0.02, "window": "10s", "rearm": 0.005}
SPREAD = {"name": "spread", "kind": "spread", "threshold": 0.05}
BUSY = {"name": "busy", "kind": "volume", "threshold": 2, "window": "1s"}
FLOW = {"name": "flow", "kind": "expression", "expression": "ofi", "threshold": 5, "rearm": 0, "window": "1s"}


def ruleset(*rules: dict[str, object]) -> RuleSet:
    return read({"rules": list(rules)}, "test")


BEFORE = ruleset(RISE, SPREAD, BUSY, FLOW)
AFTER = ruleset(RISE, {**SPREAD, "threshold": 0.1}, {**BUSY, "window": "5s"})


@pytest.fixture(scope="module")
def recorded() -> Frames:
    return frames_of("binance", "hftbacktest", (BTC,)).take(slice(0, 12_000))


@pytest.fixture(scope="module")
def edited(recorded: Frames) -> Frames:
    """The recording with rules at its beginning, others in the middle, the same again, and none near the end."""
    return with_records(recorded, {0: BEFORE.encoded(), 5_000: AFTER.encoded(), 7_000: AFTER.encoded(), 11_000: b"{}"})


def with_records(recorded: Frames, records: dict[int, bytes]) -> Frames:
    parts, begin = [], 0
    for at, body in records.items():
        parts.append(recorded.take(slice(begin, at)))
        stamp = [int(recorded.ts_recv[at])]
        parts.append(Frames.of([body], stamp, kind=RecordKind.RULES, source=0xFFFF, epoch=0))
        begin = at
    joined = Frames.join([part for part in (*parts, recorded.take(slice(begin, None))) if len(part)])
    return replace(joined, offset=np.arange(len(joined), dtype=np.int64))


def engine(rules: RuleSet | None = None) -> Engine:
    subject = Engine(feeds.by_venue, CONFIG, rules)
    subject.adopt([Epoch(0, 1, "BINANCE", "", (), Provenance.REPLAY, open=True)])
    return subject


def named(subject: Engine, rows: NDArray[np.void]) -> list[tuple[str, str, int]]:
    versions = [subject.rules.registry[place] for place in rows["rule"]]
    return [(one.name, one.version, int(row["offset"])) for one, row in zip(versions, rows, strict=True)]


@pytest.fixture(scope="module")
def whole(edited: Frames) -> tuple[Engine, NDArray[np.void]]:
    subject = engine()
    return subject, subject.process(edited).alerts


def test_an_edited_rule_is_another_version_from_its_record_on(whole: tuple[Engine, NDArray[np.void]]) -> None:
    told = named(*whole)
    versions = {rule.version: rule for rule in (*BEFORE.rules, *AFTER.rules)}
    for name, version, offset in told:
        held = BEFORE if offset < 5_001 else AFTER
        assert version in {rule.version for rule in held.rules if rule.name == name}
        assert offset < 11_003
    assert {versions[version].kind for _, version, _ in told} == {"rise", "spread", "volume", "expression"}
    assert any(name == "spread" and offset > 5_001 for name, _, offset in told)


def test_a_rule_that_was_not_edited_goes_on_as_if_nothing_had_been_said(
    whole: tuple[Engine, NDArray[np.void]], recorded: Frames
) -> None:
    alone = engine()
    once = with_records(recorded, {0: ruleset(RISE).encoded()})
    expected = [offset for name, _, offset in named(alone, alone.process(once).alerts) if name == "rise"]
    # Three more records stand before the later frames, and near the end there are no rules.
    moved = [offset + (offset > 5_000) + (offset > 7_000) for offset in expected]
    assert [offset for name, _, offset in named(*whole) if name == "rise"] == [each for each in moved if each < 11_002]


@pytest.mark.parametrize("size", [1, 17, 1000])
def test_any_batches_give_the_same_alerts_digest_and_state(
    edited: Frames, whole: tuple[Engine, NDArray[np.void]], size: int
) -> None:
    short = edited.take(slice(0, 2_000)) if size == 1 else edited
    one = engine() if size == 1 else whole[0]
    expected = one.process(short).alerts if size == 1 else whole[1]
    other = engine()
    parts = [other.process(short.take(slice(at, at + size))).alerts for at in range(0, len(short), size)]
    assert np.concatenate(parts).tobytes() == expected.tobytes()
    assert other.digest() == one.digest()
    assert other.snapshot() == one.snapshot()


def test_a_kill_at_any_place_ends_in_the_same_ids(edited: Frames, whole: tuple[Engine, NDArray[np.void]]) -> None:
    for cut in [1, 5_000, 5_001, *random.Random(3).sample(range(len(edited)), 3)]:
        before, after = engine(), Engine(feeds.by_venue, CONFIG)
        early = before.process(edited.take(slice(0, cut))).alerts
        after.restore(before.snapshot())
        late = after.process(edited.take(slice(cut, None))).alerts
        assert np.concatenate([early, late]).tobytes() == whole[1].tobytes(), f"cut at {cut}"
        assert after.snapshot() == whole[0].snapshot(), f"cut at {cut}"


def test_every_alert_has_an_id_of_its_own_that_tells_nothing_of_the_run(
    edited: Frames, whole: tuple[Engine, NDArray[np.void]]
) -> None:
    assert len(set(whole[1]["id"].tolist())) == len(whole[1]) > 50
    # A back-test has the ids that live had: the same rule over the same journal, whatever its records say.
    tried = engine(ruleset(RISE))
    found = tried.process(edited).alerts
    live = [row["id"] for row, (name, _, offset) in zip(whole[1], named(*whole), strict=True) if name == "rise"]
    assert found["id"][: len(live)].tolist() == live


def test_without_rules_nothing_is_told_and_the_digest_knows_nothing_of_them(recorded: Frames) -> None:
    few = recorded.take(slice(0, 2_000))
    without, with_none = engine(), engine(RuleSet())
    assert len(without.process(few).alerts) == len(with_none.process(few).alerts) == 0
    assert without.digest() == with_none.digest()
    assert without.summary()["alerts"] == 0


def test_a_checkpoint_from_before_there_were_rules_is_taken(recorded: Frames) -> None:
    from breadboard.engine.state import pack, unpack

    before = engine()
    before.process(recorded.take(slice(0, 1_000)))
    parts = unpack(before.snapshot())
    del parts["rules"]
    after = Engine(feeds.by_venue, CONFIG)
    after.restore(pack(parts))
    assert after.position == 1_000


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"no json", b"\xff\xfe", b"[]", b'{"rules":5}', b'{"rules":[{"name":"x","kind":"rise"}]}', b'{"odd":1}'),
        msgspec.json.encode({"rules": [{**RISE, "window": "1e9d"}]}),
        b'{"rules":[' + b"[" * 5_000,
    ],
)
def test_a_record_that_holds_no_rules_is_quarantined_and_those_that_hold_go_on(recorded: Frames, body: bytes) -> None:
    few = with_records(recorded.take(slice(0, 3_000)), {0: ruleset(SPREAD).encoded(), 1_000: body})
    subject = engine()
    outputs = subject.process(few)
    assert [gap.reason for offset, _, gap in outputs.gaps if offset == 1_001] == [GapReason.QUARANTINE]
    assert any(row["offset"] > 1_001 for row in outputs.alerts)
    assert subject.summary()["quarantined"] == 1


def test_a_rule_of_the_journal_that_this_engine_cannot_follow_costs_nothing_but_itself(recorded: Frames) -> None:
    """Whoever wrote the record could: an expression of a newer version, or a feature that is not told here."""
    strange = Rule(name="x", kind="expression", expression="tomorrow > 1.0", window="1s")
    untold = Rule(name="y", kind="expression", expression="vpin > 0.0", window="1s")
    both = RuleSet((strange, untold, *ruleset(SPREAD).rules))
    subject = engine()
    outputs = subject.process(with_records(recorded.take(slice(0, 2_000)), {0: both.encoded()}))
    assert {name for name, _, _ in named(subject, outputs.alerts)} == {"spread"}
    assert [sentence.partition(":")[0] for sentence in subject.rules.refused] == ["rule 'x'"]


def test_a_star_in_a_part_of_a_name_is_refused_to_whoever_writes_it() -> None:
    stars: dict[str, tuple[str, ...]] = {"btc": ("BTC*.BINANCE",)}
    for symbols, lists in (stars["btc"], {}), (("@btc",), stars):
        with pytest.raises(UsageError, match=r"no instrument is called 'BTC\*.BINANCE'"):
            refuse_stars(RuleSet((Rule(name="z", kind="gap", symbols=symbols),), lists), "r.toml")
    with pytest.raises(UsageError, match=r"r.toml: rule 'a b': no instrument is called '\*.BIN\*'") as refused:
        refuse_stars(RuleSet((Rule(name="a b", kind="gap", symbols=("*.BIN*",)),)), "r.toml")
    assert refused.value.hint == "*.BINANCE for all of a venue, * for all, @name for a watchlist of some"
    refuse_stars(RuleSet((Rule(name="z", kind="gap", symbols=("*.KRAKEN", "*")),)), "r.toml")


def test_whoever_writes_rules_is_told_of_what_would_never_have_a_value() -> None:
    untold = ruleset({"name": "y", "kind": "expression", "expression": "vpin > 0.0", "window": "1s"})
    with pytest.raises(UsageError, match="'vpin' is not told") as refused:
        verify(untold, "r.toml", ())
    assert "features" in refused.value.hint
    verify(untold, "r.toml", ("vpin",))
    hourly = ruleset({"name": "y", "kind": "expression", "expression": "vpin > 0.0", "window": "1h"})
    with pytest.raises(UsageError, match="no features of '1h'"):
        verify(hourly, "r.toml", ("vpin",))
    for bad in ({"expression": "close"}, {"expression": "close > 1.0", "threshold": 2}):
        with pytest.raises(UsageError, match="its expression"):
            verify(ruleset({"name": "z", "kind": "expression", "window": "1s", **bad}), "r.toml", ())
