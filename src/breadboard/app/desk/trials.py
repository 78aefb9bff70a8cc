"""Rules tried over the journal for whoever asks the API: in a process of its own, one at a time, and not for long.

The engine that runs live needs this process, and an answer shall come while it runs: what a trial takes of processor
and memory is another process's, of low priority, which ends with this one.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec

from breadboard.app.desk.wanted import Wanted
from breadboard.engine.rule_conditions import refuse_stars
from breadboard.errors import BreadboardError, Busy, TookTooLong, UsageError
from breadboard.model.rules import Rule, RuleSet

LONGEST_S: Final = 60.0
MOST_TOLD: Final = 100
_NICE: Final = 10


class Trials:
    """Runs ``breadboard rules test``."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._one = asyncio.Lock()

    async def run(
        self, rule: Rule, lists: Mapping[str, tuple[str, ...]], begin: str | None, end: str | None
    ) -> dict[str, Any]:
        """Return how often, and when, a rule would have fired. Times are days or moments in UTC.

        Raises UsageError for a rule or times that make no sense, Busy while another one runs, TookTooLong.
        """
        from breadboard.app.backtest import span

        span(("start", begin), ("end", end))
        ruleset = RuleSet((msgspec.structs.replace(rule, enabled=True),), dict(lists))
        await self._wanted.verify(ruleset, "this")
        refuse_stars(RuleSet((rule,)), "this")
        if self._one.locked():
            raise Busy("another rule is being tried", hint="try again when it is done", transient=True)
        times = [f"--{word}={text}" for word, text in (("from", begin), ("to", end)) if text]
        words = ["--given", "--json", "--data-dir", str(self._wanted.places.root), *times, "--", rule.name]
        async with self._one:
            found = await asyncio.to_thread(_tried, words, ruleset.encoded())
        return _answer(found)


def _tried(words: list[str], ruleset: bytes) -> dict[str, Any]:
    command = [sys.executable, "-m", "breadboard", "rules", "test", *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as child:  # type: ignore[call-overload]  # noqa: S603 - words of ours
        with suppress(OSError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, child.pid, _NICE)
        try:
            said, trouble = child.communicate(ruleset, timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            child.kill()
            raise TookTooLong(
                f"the trial took longer than {LONGEST_S:.0f} s",
                hint="breadboard rules test takes all the time it needs",
            ) from None
    if child.returncode == UsageError.exit_code:
        lines = trouble.decode(errors="replace").splitlines()
        told = {line.partition(": ")[0]: line.partition(": ")[2] for line in lines}
        raise UsageError(told.get("error", "the rule cannot be tried"), hint=told.get("hint", ""))
    if child.returncode != 0:
        raise BreadboardError("the rule could not be tried", hint="breadboard rules test says more")
    found: dict[str, Any] = msgspec.json.decode(said)
    return found


def _answer(found: Mapping[str, Any]) -> dict[str, Any]:
    same = ("version", "retracted", "held", "by_symbol", "events", "seconds", "days", "first", "last", "note")
    alerts = found["alerts"][:MOST_TOLD]
    return {
        "sentence": found["says"],
        "fires": found["fired"],
        **{name: found[name] for name in same},
        "alerts": alerts,
    }
