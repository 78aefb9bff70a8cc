"""What can be listed page by page: of each kind its table, its columns, and the order that names every row once."""

from dataclasses import dataclass
from typing import Final, Literal

from breadboard.store.schema import SHOWN

Sort = Literal["time", "text", "number"]


@dataclass(frozen=True, slots=True)
class Listing:
    """One kind of rows."""

    table: str
    columns: tuple[str, ...]
    key: tuple[tuple[str, Sort], ...]
    """What orders the rows and names each of them, and of which sort it is; the first is a time."""
    span: tuple[str, str] = ("", "")
    """Columns of the beginning and the end of what a row tells of, where that is longer than a moment."""
    shown: str = ""
    """Of a table of versions: which of the newest are shown. Their view has the same, and half of what a question costs
    through a view is planning (11 ms, and 6 without)."""

    @property
    def when(self) -> str:
        """The time that orders the rows."""
        return self.key[0][0]

    @property
    def source(self) -> str:
        """What SQL reads from."""
        return f"{self.table} FINAL" if self.shown else self.table


_COMMON: Final = ("venue", "symbol", "ts_event", "ts_recv", "sequence", "provenance", "offset", "index")
_PLACE: Final[tuple[tuple[str, Sort], ...]] = (("ts_recv", "time"), ("offset", "number"), ("index", "number"))
"""Events are ordered by ``ts_recv``, which every event has; a venue may not have said ``ts_event``."""
_NAMED: Final[tuple[tuple[str, Sort], ...]] = (("venue", "text"), ("symbol", "text"))


def _events(
    table: str, *columns: str, key: tuple[tuple[str, Sort], ...] = (), span: tuple[str, str] = ("", "")
) -> Listing:
    return Listing(table, (*_COMMON, *columns), _PLACE + key, span)


LISTINGS: Final = {
    "bars": Listing(
        "bar_versions",
        (
            *("venue", "symbol", "interval", "ts_open", "ts_close", "open", "high", "low", "close", "volume", "vwap"),
            *("trades", "state", "session", "completeness", "provenance", "offset"),
        ),
        (("ts_open", "time"), ("venue", "text")),
        shown=SHOWN,
    ),
    "trades": _events("trades", "trade_id", "price", "size", "side", "uncounted", "flags"),
    "quotes": _events("quotes", "bid_price", "bid_size", "ask_price", "ask_size", "flags"),
    "books": _events(
        "depth_snapshots",
        *("interval", "state", "ts_book", "is_crossed", "bid_prices", "bid_sizes", "ask_prices", "ask_sizes"),
        *("ts_recv_book", "offset_book"),  # last, as they came: CSV is read by position
        key=(("ts_event", "time"), ("interval", "text"), *_NAMED),  # one row may pass the boundaries of several books
    ),
    "gaps": _events(
        "gaps",
        *("channel", "reason", "state", "ts_from", "ts_to", "sequence_from", "sequence_to", "detail"),
        span=("ts_from", "ts_to"),
    ),
    "alerts": _events(
        "alerts",
        *("alert_id", "rule", "rule_version", "kind", "state", "value", "threshold", "reference", "reference_offset"),
        *("price", "ts_window", "gapped", "cause", "message"),
        key=(("alert_id", "text"),),
    ),
    "features": _events("features", "name", "value", "interval", "ts_open", key=_NAMED),
    "anomalies": _events(
        "anomalies",
        *("kind", "severity", "value", "baseline", "threshold", "score", "time_of_day", "from_offset", "to_offset"),
        *("samples", "suppressed"),
        key=(("kind", "text"), *_NAMED),
    ),
    "opportunities": _events(
        "opportunities",
        *("id", "name", "value", "size", "legs", "kind", "state", "cause", "number", "opened_ts", "lifetime_ns"),
        *("changes", "currency", "cost", "gross", "fees", "net", "peak_net", "gross_bps", "fees_bps", "net_bps"),
        *("capped", "suspect", "rate_age_ns", "leg_prices", "leg_averages", "leg_limits", "leg_sizes", "leg_ages_ns"),
        key=(("id", "text"),),
    ),
}
"""By kind. A feature's index counts those of one instrument, so the instrument belongs to what names it."""
