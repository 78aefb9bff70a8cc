"""Query parameters with their types; ``asked`` refuses those that are not known."""

from typing import Annotated, Final, Literal

from fastapi import Path
from pydantic import BaseModel, Field

from breadboard.api import export
from breadboard.api.instants import instant, iso
from breadboard.api.listings import LISTINGS
from breadboard.api.problems import Problem
from breadboard.model.anomalies import BY_NAME as ANOMALIES
from breadboard.model.bars import INTERVALS
from breadboard.model.features import BY_NAME as FEATURES
from breadboard.model.features import WINDOWS
from breadboard.model.kinds import GapReason
from breadboard.model.opportunities import OpportunityKind, OpportunityState
from breadboard.telemetry.lag import HOPS

LONGEST_TICKS_NS: Final = 31 * 86_400 * 1_000_000_000
"""Of ticks no longer range may be asked for at once."""

NAME: Final = r"^[^\x00-\x20\x7f'\x22\\;`<>]+$"
"""A symbol as venues spell them: no blanks, control characters, quotation marks or brackets."""
Symbol = Annotated[str, Field(max_length=64, pattern=NAME, description="BTCUSDT.BINANCE, or BTCUSDT at any venue")]
Venue = Annotated[str | None, Field(max_length=32, pattern=r"^\w+$", description="BINANCE")]
Moment = Annotated[
    str | None,
    Field(max_length=40, description="ISO 8601 (UTC without a zone), or ns since 1970 (0, or 1973 and later)"),
]
Limit = Annotated[int, Field(ge=1, le=100_000, description="Rows of a page")]
Cursor = Annotated[str | None, Field(max_length=512, pattern=r"^[-_A-Za-z0-9]+$", description="``next`` of a page")]
Words = Annotated[str | None, Field(max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]


InPath = Annotated[str, Path(min_length=1, max_length=100, pattern=NAME, description="BTCUSDT.BINANCE, or BTCUSDT")]


class PageQuestion(BaseModel):
    """What every list can be asked."""

    symbol: Symbol | None = None
    venue: Venue = None
    start: Moment = None
    end: Moment = None
    limit: Limit = 1000
    cursor: Cursor = None
    format: export.Format = "json"


class LagQuestion(BaseModel):
    """One hop, of one feed or of all."""

    hop: Literal[HOPS]  # type: ignore[valid-type] # made from data
    feed: Annotated[str | None, Field(max_length=64, pattern=NAME, description="binance-0")] = None


class HistoryQuestion(PageQuestion):
    """Bars, trades, quotes or books of one symbol."""

    symbol: Symbol
    kind: Literal["bars", "trades", "quotes", "books"] = "bars"
    interval: Annotated[Literal[tuple(INTERVALS)] | None, Field(description="Of bars (1m) and books (all)")] = None  # type: ignore[valid-type] # made from data
    asof: Annotated[Moment, Field(description="Only what was known then")] = None
    columns: Annotated[
        str | None, Field(max_length=256, pattern=r"^\w+(,\w+)*$", description="Of each row; everything if left out")
    ] = None
    adjusted: Annotated[bool, Field(description="Refused where true: adjustments are not kept")] = False

    @property
    def wanted_columns(self) -> tuple[str, ...] | None:
        """The columns by name, each once and in one order, so that whoever asks for the same shares an answer."""
        return None if self.columns is None else tuple(sorted(set(self.columns.split(","))))

    def checked(self) -> "HistoryQuestion":
        """Return the question. Raises Problem 422 for one that cannot be answered truthfully."""
        if self.adjusted:
            raise Problem(
                422,
                "adjusted=true: splits and dividends are not kept, prices are as they were traded",
                hint="leave adjusted out, or divide by the factors of your vendor",
            )
        if unknown := [name for name in self.wanted_columns or () if name not in LISTINGS[self.kind].columns]:
            raise Problem(
                422,
                f"columns: {self.kind} have no {unknown[0]!r}",
                hint=f"columns={','.join(LISTINGS[self.kind].columns)}",
            )
        if self.interval is not None and self.kind not in ("bars", "books"):
            raise Problem(422, f"interval: {self.kind} have none", hint=f"kind={self.kind} without interval")
        if self.kind != "bars" and self.start is not None and self.end is not None:
            start = instant(self.start)
            if instant(self.end) - start > LONGEST_TICKS_NS:
                raise Problem(
                    422,
                    f"start, end: more than 31 days of {self.kind}",
                    hint=f"end={iso(start + LONGEST_TICKS_NS)}, and the next range after it",
                )
        return self


class GapQuestion(PageQuestion):
    """Gaps; those of a whole source belong to its symbols, too."""

    reason: Annotated[Literal[tuple(reason.label for reason in GapReason)] | None, Field()] = None  # type: ignore[valid-type] # made from data


class AlertQuestion(PageQuestion):
    """Alerts."""

    rule: Words = None


class FeatureQuestion(PageQuestion):
    """Features."""

    name: Annotated[Literal[tuple(FEATURES)] | None, Field()] = None  # type: ignore[valid-type] # made from data
    interval: Annotated[Literal[tuple(WINDOWS)] | None, Field()] = None  # type: ignore[valid-type] # made from data


class AnomalyQuestion(PageQuestion):
    """Anomalies."""

    kind: Annotated[Literal[tuple(ANOMALIES)] | None, Field()] = None  # type: ignore[valid-type] # made from data
    severity: Literal["low", "medium", "high"] | None = None


class OpportunityQuestion(PageQuestion):
    """Opportunities."""

    kind: Annotated[Literal[tuple(kind.label for kind in OpportunityKind)] | None, Field()] = None  # type: ignore[valid-type] # made from data
    state: Annotated[Literal[tuple(state.label for state in OpportunityState)] | None, Field()] = None  # type: ignore[valid-type] # made from data


class MomentQuestion(BaseModel):
    """One instrument at one moment."""

    symbol: Symbol
    venue: Venue = None
    ts: Annotated[str, Field(max_length=40, description="ISO 8601, or ns since 1970")]
    depth: Annotated[int, Field(ge=1, le=100, description="Levels of the newest book that was kept by then")] = 1
