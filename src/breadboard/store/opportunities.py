"""Opportunities, and what came of them on paper, from the engine's rows to tables."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from breadboard.model.decimals import ABSENT, SIZE_EXP
from breadboard.model.executions import FillState
from breadboard.model.kinds import Side
from breadboard.model.opportunities import Cause, OpportunityKind, OpportunityState, currency_text
from breadboard.store.columns import in_units, integers, labels, lists, prices, sizes, stamps, words
from breadboard.store.native import Block, Column, Texts
from breadboard.store.rows import PROVENANCES, Labels, provenance

_KINDS: Final = ("", *(kind.label for kind in OpportunityKind))
_STATES: Final = ("", *(state.label for state in OpportunityState))
_CAUSES: Final = tuple(cause.label for cause in Cause)
_SIDES: Final = tuple(side.name.lower() for side in Side)
_FILLS: Final = ("", *(state.label for state in FillState))
_MONEY: Final = ("cost", "gross", "fees", "net", "peak_net")
_BPS: Final = ("gross_bps", "fees_bps", "net_bps")


def opportunities(rows: NDArray[np.void], labels_of: Labels) -> Block:
    """Return ``OPPORTUNITY`` rows. Venue and symbol are the first leg's; the arrays have one place a leg."""
    column = _columns(rows)
    legs = column["leg_instrument"] >= 0
    counts = legs.sum(axis=1)
    names = [f"{symbol}.{labels_of.venues[venue]}" for symbol, venue in zip(labels_of.symbols, labels_of.venue_of)]  # noqa: B905 - one venue a symbol
    described = [_described(names, *one) for one in zip(column["leg_side"], column["leg_instrument"], strict=True)]
    return Block(
        {
            **_common(column, column["leg_instrument"][:, 0], labels_of),
            "id": _ids(column["id"]),
            "name": words([" > ".join(part.partition(" ")[2] for part in parts) for parts in described]),
            "value": integers(column["net_bps"]),
            "size": sizes(column["size"], column["size_exp"], nullable=True),
            "legs": Texts([", ".join(parts) for parts in described]),
            "kind": labels(column["kind"], _KINDS),
            "state": labels(column["state"], _STATES),
            "cause": labels(column["cause"], _CAUSES),
            "number": integers(column["number"]),
            "opened_ts": stamps(column["opened_ts"]),
            "lifetime_ns": integers(column["lifetime"]),
            "changes": integers(column["changes"].astype(np.int64)),
            "currency": words([currency_text(code) for code in column["currency"].tolist()]),
            **{name: prices(column[name]) for name in _MONEY},
            **{name: integers(column[name]) for name in _BPS},
            "capped": integers(column["capped"]),
            "suspect": integers(column["suspect"]),
            "rate_age_ns": integers(column["rate_age"], nullable=True),
            "leg_prices": lists(counts, prices(column["leg_price"][legs])),
            "leg_averages": lists(counts, prices(column["leg_average"][legs])),
            "leg_limits": lists(counts, prices(column["leg_limit"][legs])),
            "leg_sizes": lists(counts, in_units(column["leg_size"][legs])),
            "leg_ages_ns": lists(counts, integers(column["leg_age"][legs])),
            "flags": integers(column["flags"]),
        }
    )


def paper_fills(rows: NDArray[np.void], labels_of: Labels) -> Block:
    """Return ``PAPER_FILL`` rows."""
    column = _columns(rows)
    column["ts_event"] = np.full(len(rows), ABSENT)
    settled = column["settled"] == 1
    return Block(
        {
            **_common(column, column["instrument"], labels_of),
            "opportunity": _ids(column["opportunity"]),
            "number": integers(column["number"]),
            "leg": integers(column["leg"]),
            "side": labels(column["side"], _SIDES),
            "state": labels(column["state"], _FILLS),
            "ts_sent": stamps(column["ts_sent"]),
            "wanted": in_units(column["wanted"]),
            "filled": in_units(column["filled"]),
            "limit": prices(column["limit"]),
            "average": prices(column["average"], nullable=True),
            "amount": prices(column["amount"]),
            "fee": prices(column["fee"]),
            "settled": integers(column["settled"]),
            "currency": words([currency_text(code) for code in column["currency"].tolist()]),
            "expected": prices(column["expected"]),
            "left": integers(column["left"] * 10.0**SIZE_EXP),
            "pnl": prices(np.where(settled, column["pnl"], ABSENT), nullable=True),
            "flags": integers(column["flags"]),
        }
    )


def _columns(rows: NDArray[np.void]) -> dict[str, NDArray[Any]]:
    return {name: rows[name] for name in rows.dtype.names or ()}


def _common(column: dict[str, NDArray[Any]], instrument: NDArray[np.int32], labels_of: Labels) -> dict[str, Column]:
    return {
        **labels_of.columns(instrument),
        "ts_event": stamps(column["ts_event"], nullable=True),
        "ts_recv": stamps(column["ts_recv"]),
        "sequence": integers(np.full(len(instrument), ABSENT), nullable=True),
        "offset": integers(column["offset"]),
        "index": integers(column["index"]),
        "provenance": labels(provenance(column["flags"]), PROVENANCES),
    }


def _described(names: list[str], side: NDArray[np.uint8], instrument: NDArray[np.int32]) -> list[str]:
    """Return what is done with each leg: ``buy BTCUSDT.BINANCE``."""
    legs = zip(side.tolist(), instrument.tolist(), strict=True)
    return [f"{_SIDES[what]} {names[which]}" for what, which in legs if which >= 0]


def _ids(values: NDArray[np.uint64]) -> Texts:
    return Texts([f"{value:016x}" for value in values.tolist()])
