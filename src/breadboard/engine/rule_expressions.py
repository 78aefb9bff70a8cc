"""Expressions over a window's bar and features, in CEL (Common Expression Language). The only file that knows CEL.

Google's own implementation: type-checked before the first use, so an unknown name or a comparison of unlike things is
refused when a rule is read; at most 32 deep. Ours on top: an expression is short, and has no brackets, braces or
quotes, so that it has no lists, maps or texts to loop over or to grow, and its cost is bounded by its length.
"""

import re
from collections.abc import Mapping
from functools import cache
from math import isfinite
from typing import Any, Final

from breadboard.errors import UsageError
from breadboard.model.features import BY_NAME

LONGEST: Final = 1_000
OF_BARS: Final = ("open", "high", "low", "close", "volume", "trades", "vwap", "completeness")
LAST: Final = "last"
"""The close of the newest bar of this length so far, also in a window in which nothing traded."""
NAMES: Final = tuple(dict.fromkeys((*OF_BARS, LAST, *BY_NAME)))
_ALLOWED: Final = re.compile(r"[A-Za-z0-9_.+\-*/%()<>=!&|?:,\s]*")
_WORD: Final = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_WHOLE: Final = re.compile(r"(?<![\w.])(\d+)(?![\w.])")


class Expression:
    """A checked expression. ``number`` is false where it is true or false by itself, and needs no threshold."""

    def __init__(self, text: str, which: str) -> None:
        self.names = frozenset(_WORD.findall(text)) & frozenset(NAMES)
        """What of ``NAMES`` it speaks of."""
        self.features = self.names & frozenset(BY_NAME) - frozenset(OF_BARS)
        """Which features it needs; ``vwap`` is the bar's."""
        self._compiled, self.number = _compiled(text, which)

    def value(self, known: Mapping[str, float]) -> float | None:
        """Return its value, 1.0 and 0.0 for true and false; None where it has none: something in it is not known."""
        try:
            value = self._compiled.eval(data=known).value()
        except RuntimeError:  # how CEL tells that a budget of its own is exceeded
            return None
        # What cannot be computed (a name without a value, 1 / 0 in whole numbers) is told as text.
        return float(value) if isinstance(value, float | bool) and isfinite(value) else None


@cache
def _environment() -> Any:  # noqa: ANN401 - the package has types, and is loaded where it is first needed
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_math

    return cel.NewEnv(variables=dict.fromkeys(NAMES, cel.Type.DOUBLE), extensions=[ext_math.ExtMath()])


def _compiled(text: str, which: str) -> tuple[Any, bool]:
    """Return an expression ready to be evaluated, and whether it is a number. Raises UsageError naming ``which``."""
    if len(text) > LONGEST:
        raise UsageError(f"{which}: an expression of {len(text):,} characters", hint=f"at most {LONGEST:,}")
    good = _ALLOWED.match(text)
    if good is None or good.end() != len(text):
        odd = text[good.end() if good else 0]
        raise UsageError(
            f"{which}: an expression has no {odd!r}", hint='numbers, names and operators: "close > vwap * 1.01"'
        )
    if "dyn" in _WORD.findall(text):  # would hide a type from the check
        raise UsageError(f"{which}: an expression has no 'dyn'", hint='"close > vwap * 1.01"')
    try:
        found = _environment().compile(text)
        kind = found.return_type().name()
    except RuntimeError as error:
        raise UsageError(f"{which}: {_said(str(error))}", hint=_hint(text, str(error))) from None
    if kind not in ("BOOL", "DOUBLE"):
        raise UsageError(
            f"{which}: {_short(text)} is neither true or false nor a number with a point",
            hint='"close > vwap * 1.01"   # or a number, with a threshold',
        )
    return found, kind == "DOUBLE"


def _said(error: str) -> str:
    """Return the first complaint of the compiler, on one line, without its drawing."""
    if "recursion" in error:
        return "the expression is too deep: 32 steps are the most"
    first = error.partition("ERROR: <input>:")[2] or error
    return " ".join(first.partition("\n")[0].split())[:200]


def _hint(text: str, error: str) -> str:
    if "no matching overload" in error and (plain := _WHOLE.search(text)):
        pointed = _WHOLE.sub(r"\1.0", text)
        return f"values have a point: {plain[0]}.0 and not {plain[0]}: {_short(pointed)}"
    if "undeclared" in error:
        return f"names: {', '.join(NAMES)}"
    return '"close > vwap * 1.01"'


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
