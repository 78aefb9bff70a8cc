"""Rules as people write them: what is refused, in which words, and what a version is."""

import hashlib
import tomllib
from pathlib import Path

import pytest

from breadboard.config_file import load, read_rules
from breadboard.errors import UsageError
from breadboard.model.rule_words import sentence
from breadboard.model.rules import KINDS, Rule, RuleSet, duration, joined, matches, read


def rule(words: str) -> Rule:
    return read(tomllib.loads(f'[[rules]]\nname = "r"\n{words}'), "r.toml").rules[0]


@pytest.mark.parametrize(
    ("words", "complaint", "hint"),
    [
        ('kind = "jump"', "no kind 'jump'", "rise, drop"),
        ('kind = "rise"\nwindow = "1m"', "needs a threshold", "threshold"),
        ('kind = "rise"\nthreshold = 1', "needs a window", "window"),
        ('kind = "rise"\nthreshold = "much"\nwindow = "1m"', "threshold: .*'much'", "1.5"),
        ('kind = "rise"\nthreshold = nan\nwindow = "1m"', "threshold is nan", "1.5"),
        ('kind = "rise"\nthreshold = -1\nwindow = "1m"', "threshold -1.0 is not above 0", ""),
        ('kind = "rise"\nthreshold = 1\nwindow = "1y"', "window: '1y' is no length of time", "5m"),
        ('kind = "rise"\nthreshold = 1\nwindow = "40d"', "window: '40d' is not between", "5m"),
        ('kind = "rise"\nthreshold = 1\nwindow = "1m"\nrearm = 2', "rearm 2.0 lies above threshold 1.0", "come back"),
        ('kind = "cross"\nthreshold = 5\ndirection = "down"\nrearm = 4', "rearm 4.0 lies below", "come back"),
        ('kind = "cross"\nthreshold = 5\nrearm = 4', "rearm of a price to cross needs a direction", "up"),
        ('kind = "cross"\nthreshold = 5\ndirection = "sideways"', "direction is 'sideways'", "up, down, either"),
        ('kind = "cross"\nthreshold = "0.0000000001"', "finer than 1e-9", ""),
        ('kind = "cross"\nthreshold = 1e300', "beyond", ""),
        ('kind = "halt"\nthreshold = 5', "'threshold' means nothing to a rule of kind halt", "cooldown"),
        ('kind = "gap"\nonce_per = "week"', "once_per is 'week'", "session, day, hour"),
        ('kind = "gap"\nsession = "night"', "session is 'night'", "regular, extended"),
        ('kind = "gap"\ncooldown = "soon"', "cooldown: 'soon'", "5m"),
        ('kind = "gap"\nsymbols = ["@mine"]', "no watchlist 'mine'", "watchlists"),
        ('kind = "gap"\nsymbols = ["btc"]', "'btc' is no symbol", "BTCUSDT.BINANCE"),
        ('kind = "gap"\nsymbols = []', "0 symbols", ""),
        ('kind = "volume"\nthreshold = 3\nwindow = "7s"', "no bars of '7s'", "1s, 5s"),
        ('kind = "anomaly"\nof = ["jump"]', "of is 'jump'", "price_jump"),
        ('kind = "rise"\nthreshhold = 1', "threshhold", "threshold"),
        ("kind = 5", "Expected `str`", ""),
    ],
)
def test_what_cannot_be_followed_is_refused_in_one_sentence(words: str, complaint: str, hint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as refused:
        rule(words)
    assert refused.value.sentence.startswith("r.toml: rule 'r'")
    assert "\n" not in refused.value.sentence
    assert hint in refused.value.hint


def test_watchlists_that_are_none_are_refused_with_one() -> None:
    with pytest.raises(UsageError, match="watchlists are wrong") as refused:
        read({"watchlists": {"majors": "BTCUSDT.BINANCE"}}, "r.toml")
    assert 'majors = ["BTCUSDT.BINANCE"]' in refused.value.hint


def test_names_are_told_apart_and_short() -> None:
    for names, complaint in (
        (("a", "a"), "a second time"),
        (("",), "1 to 64"),
        (("x" * 65,), "1 to 64"),
        (("a\nb",), "1 to 64"),
    ):
        with pytest.raises(UsageError, match=complaint):
            read({"rules": [{"name": name, "kind": "gap"} for name in names]}, "r.toml")
    with pytest.raises(UsageError, match="rule number 2"):
        read({"rules": [{"name": "a", "kind": "gap"}, {"kind": "gap"}]}, "r.toml")
    with pytest.raises(UsageError, match="too many"):
        read({"rules": [{"name": f"r{at}", "kind": "gap"} for at in range(1_001)]}, "r.toml")


def test_a_version_is_the_rules_text_and_nothing_else() -> None:
    one = rule('kind = "rise"\nthreshold = 1\nwindow = "1m"')
    assert one.version == rule('window = "1m"\nkind = "rise"\nthreshold = 1.0\nsymbols = ["*"]').version
    assert one.version != rule('kind = "rise"\nthreshold = 1.5\nwindow = "1m"').version
    assert len(one.version) == 12
    known = read({"rules": [{"name": "r", "kind": "gap"}]}, "x").rules[0].version
    text = b'{"name":"r","kind":"gap"}'
    assert known == hashlib.blake2b(text, digest_size=6).hexdigest(), "the ids of all alerts rest on this"


def test_lengths_of_time() -> None:
    assert [duration(text) for text in ("500ms", "5s", "1m", "1h", "1d")] == [
        *(500_000_000, 5 * 10**9, 60 * 10**9, 3600 * 10**9, 86_400 * 10**9)
    ]
    for bad in ("", "5", "s", "-5s", "0s", "1.5s", "5 s", "5sm", "٣s", "9999999999d"):
        with pytest.raises(ValueError, match=r"length of time|between"):
            duration(bad)


def test_whom_symbols_mean() -> None:
    lists = {"majors": ("BTCUSDT.BINANCE", "*.KRAKEN")}

    def meant(*patterns: str) -> list[bool]:
        instruments = (("BINANCE", "BTCUSDT"), ("BINANCE", "ETHUSDT"), ("KRAKEN", "BTC/USD"), ("IQFEED", "BRK.B"))
        return [matches(patterns, lists, *one) for one in instruments]

    assert meant("*") == [True] * 4
    assert meant("*.BINANCE") == [True, True, False, False]
    assert meant("ETHUSDT.BINANCE", "BRK.B.IQFEED") == [False, True, False, True]
    assert meant("@majors") == [True, False, True, False]
    assert meant("@nobody") == [False] * 4


def test_every_kind_is_said_in_one_sentence() -> None:
    window = 'window = "1m"'
    words = {
        "rise": f'threshold = 1\n{window}\nrearm = 0.5\ncooldown = "5m"\nonce_per = "day"\nsession = "regular"',
        "drop": f"threshold = 1\n{window}",
        "cross": 'threshold = "100.10"\ndirection = "up"',
        "spread": "threshold = 5",
        "volume": f"threshold = 3\n{window}",
        "no_data": window,
        "lag": "threshold = 500",
        "gap": 'symbols = ["*.BINANCE"]',
        "halt": 'symbols = ["A.X", "B.X", "C.X", "D.X", "E.X"]',
        "arbitrage": "threshold = 5",
        "anomaly": 'of = ["price_jump", "burst"]\nthreshold = 2',
        "expression": f'{window}\nexpression = "close > open"\nenabled = false',
    }
    assert set(words) == set(KINDS)
    said = {kind: sentence(rule(f'kind = "{kind}"\n{text}')) for kind, text in words.items()}
    assert len(set(said.values())) == len(KINDS)
    assert said["rise"] == (
        "Tell me when the price of any instrument rises 1 % or more above its lowest within 1m, in regular hours, "
        "once per day and instrument at most, not again within 5m, and again only after the value was back at 0.5 %."
    )
    assert said["cross"] == "Tell me when the price of any instrument rises to 100.10."
    assert said["halt"] == "Tell me when A.X or B.X or C.X or 2 more is halted."
    assert said["expression"].endswith("(switched off)")


def test_a_configuration_has_rules_of_its_own_and_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "more.toml").write_text('[watchlists]\nmine = ["A.X"]\n[[rules]]\nname = "b"\nkind = "gap"\n')
    (tmp_path / "b.toml").write_text('rules_file = "more.toml"\n[[rules]]\nname = "a"\nkind = "halt"\n')
    config = load(tmp_path / "b.toml")
    assert [one.name for one in config.rules.rules] == ["a", "b"]
    assert config.rules.watchlists == {"mine": ("A.X",)}
    (tmp_path / "b.toml").write_text('rules_file = "more.toml"\n[[rules]]\nname = "b"\nkind = "halt"\n')
    with pytest.raises(UsageError, match=r"b\.toml and more\.toml: rule 'b' is there a second time"):
        load(tmp_path / "b.toml")
    (tmp_path / "b.toml").write_text('[[rules]]\nname = "b"\nkind = "jump"\n')
    with pytest.raises(UsageError, match=r"b\.toml: rule 'b': there is no kind 'jump'"):
        load(tmp_path / "b.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        read_rules(tmp_path / "none.toml")
    (tmp_path / "odd.toml").write_text("[[rule]]\n")
    with pytest.raises(UsageError, match="'rule' is no rule and no watchlist"):
        read_rules(tmp_path / "odd.toml")


def test_two_sets_are_one_where_they_agree() -> None:
    lists = RuleSet((), {"mine": ("A.X",)})
    assert joined(lists, lists, "x") == lists
    with pytest.raises(UsageError, match="'mine' is there twice"):
        joined(lists, RuleSet((), {"mine": ("B.X",)}), "x")
