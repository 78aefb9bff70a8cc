"""Expressions: checked when they are read, and nothing that they say takes longer than they are long."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from breadboard.engine.rule_expressions import LONGEST, NAMES, Expression
from breadboard.errors import UsageError

BAR = {"open": 1.0, "high": 4.0, "low": 0.5, "close": 3.0, "volume": 10.0, "vwap": 2.0}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("close > vwap * 1.01", 1.0),
        ("close < vwap", 0.0),
        ("math.abs(open - close)", 2.0),
        ("close > 2.0 && volume > 5.0 || low > 9.0", 1.0),
        ("high > 3.0 || ofi > 1.0", 1.0),  # what is not known does not matter
        ("ofi > 1.0", None),
        ("ofi", None),
        ("close / (vwap - 2.0) > 1.0", 1.0),
        ("close / (vwap - 2.0)", None),  # infinite is no number
        ("1 / 0 > 0", None),
        ("int(close * 1e300) > 0", None),
        ("9223372036854775807 + 1 > 0", None),
    ],
)
def test_an_expression_has_a_value_or_none(text: str, value: float | None) -> None:
    assert Expression(text, "rule").value(BAR) == value


@pytest.mark.parametrize(
    ("text", "complaint", "hint"),
    [
        ("prize > 1.0", "undeclared reference to 'prize'", "names: open"),
        ("close > 100", "no matching overload", "close > 100.0"),
        ("close >", "Syntax error", ""),
        ("", "Syntax error", ""),
        ("'a' == 'b'", 'no "\'"', ""),
        ("[1].all(x, true)", r"no '\['", ""),
        ("{1: 2}", "no '{'", ""),
        ("close > 1.0 \0", r"no '\\x00'", ""),
        ("close > 1.0 é", "no 'é'", ""),
        ("close.all(x, true)", "cannot be the range", ""),
        ("close.map(x, x)", "cannot be the range", ""),
        ("dyn(close) > 1", "no 'dyn'", ""),
        ("__import__(close)", "undeclared reference", "names"),
        ("close.__class__", "operand of a select", ""),
        ("close + 1.0 > 2.0 ? 1.0 : true", "no matching overload", ""),
        ("1", "neither true or false", ""),
        ("null", "neither true or false", ""),
        ("(" * 400 + "close" + ")" * 400, "too deep", ""),
        ("close + " * 120 + "1.0", "too deep|recursion", ""),
        ("close" * 1_000, "5,000 characters", "1,000"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_in_one_sentence(text: str, complaint: str, hint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as refused:
        Expression(text, "r.toml: rule 'x'")
    assert refused.value.sentence.startswith("r.toml: rule 'x': ")
    assert "\n" not in refused.value.sentence
    assert len(refused.value.sentence) < 300
    assert hint in refused.value.hint


PIECES = [
    *NAMES[:12],
    *"()+-*/%<>!?:,.&|=",
    "&&",
    "||",
    "==",
    "math.abs",
    "math.greatest",
    "int",
    "double",
    "1.0",
    "2",
    " ",
]
PIECES += ["true", "all", "exists", "map", "filter", "has", "dyn", "duration", "timestamp", "string", "size", "x", "1u"]


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=60).map("".join), st.text(max_size=1_200)))
def test_nothing_that_can_be_written_takes_the_process_down(text: str) -> None:
    begun = time.process_time()
    try:
        value = Expression(text, "rule").value(BAR)
    except UsageError:
        value = None
    assert value is None or isinstance(value, float)
    assert time.process_time() - begun < 1.0


@pytest.mark.parametrize(
    "text",
    [
        "-" * (LONGEST - 10) + "close",
        "!" * (LONGEST - 20) + "(close > 1.0)",
        "close > 1.0 && " * 30 + "true",
        "math.greatest(" + "close, " * 100 + "close)",
        "(" * 25 + "close" + ")" * 25 + " > 1.0",
        "close > 1.0 ? " * 40 + "true" + " : false" * 40,
        "(" * 490 + ")" * 490,
        "." * LONGEST,
        "a.b" * 300,
        "1e" + "9" * 900,
        "9" * LONGEST,
    ],
)
def test_the_longest_expressions_are_done_at_once(text: str) -> None:
    begun = time.process_time()
    try:
        expression = Expression(text, "rule")
    except UsageError:
        expression = None
    checked = time.process_time() - begun
    begun = time.process_time()
    for _ in range(0 if expression is None else 100):
        assert expression is not None
        expression.value(BAR)
    assert checked < 1.0
    assert (time.process_time() - begun) / 100 < 0.005
