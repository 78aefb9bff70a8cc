"""Times as callers have them: whatever they are kept in, the server hears of every nanosecond."""

import asyncio
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest

from breadboard.client import AsyncClient, Client, Instant
from breadboard.client.asking import test_rule as trial_of
from breadboard.client.instants import asked, said
from breadboard.errors import UsageError
from unit.client.fake import Fake, serving

NS = 1_795_850_481_127_570_249
TEXT = "2026-11-28T07:21:21.127570249Z"
BEFORE = -1
"""Of 1970, where a division that is cut rather than floored would be seen."""


@pytest.mark.parametrize(
    ("when", "question", "document"),
    [
        (pd.Timestamp(NS, tz="UTC"), TEXT, TEXT),
        (pd.Timestamp(NS), TEXT, TEXT),
        (pd.Timestamp(NS, tz="UTC").tz_convert("Asia/Tokyo"), TEXT, TEXT),
        (pd.Timestamp(BEFORE, tz="UTC"), "1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z"),
        (np.int64(NS), str(NS), TEXT),
        (np.uint64(NS), str(NS), TEXT),
        (NS, str(NS), TEXT),
        (Instant(NS), TEXT, TEXT),
        (np.int64(5), "5", "5"),
        (datetime(2026, 11, 28, 7, 21, 21, 5, tzinfo=UTC), "2026-11-28T07:21:21.000005000Z", None),
        (date(2026, 11, 28), "2026-11-28T00:00:00.000000000Z", "2026-11-28"),
        ("yesterday", "yesterday", "yesterday"),
    ],
)
def test_a_time_keeps_its_nanoseconds_in_a_question_and_in_a_document(
    when: Any,  # noqa: ANN401 - any kind of time
    question: str,
    document: str | None,
) -> None:
    assert asked(when) == question
    assert said(when) == (document or question)


def test_an_instant_is_made_of_what_pandas_and_numpy_have() -> None:
    assert Instant.of(pd.Timestamp(NS, tz="UTC")) == NS
    assert Instant.of(np.int64(NS)) == NS
    assert type(int(Instant.of(np.int64(NS)))) is int


@pytest.mark.parametrize("when", [1.5, np.float64(1.5), pd.NaT, [NS], np.array([NS, NS]), b"2026-11-28"])
def test_what_is_no_time_is_refused_with_how_one_is_said(when: Any) -> None:  # noqa: ANN401 - whatever it is
    for way in (asked, said):
        with pytest.raises(UsageError, match="is no time") as refusal:
            way(when)
        assert refusal.value.sentence == f"{when!r} is no time"
        assert refusal.value.hint == "ns since 1970 as an int, '2026-11-20T09:30:00Z', a datetime or a date"


@pytest.mark.parametrize("when", [10**30, datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9)))])
def test_times_that_no_calendar_has_are_refused_in_a_sentence(when: Any) -> None:  # noqa: ANN401 - whatever it is
    with pytest.raises(UsageError):
        said(when)


def test_both_clients_ask_for_the_very_nanosecond() -> None:
    async def same(address: str) -> None:
        async with AsyncClient(address) as client:
            await client.asof("BTCUSDT", pd.Timestamp(NS, tz="UTC"))
            await client.asof("BTCUSDT", np.int64(NS))

    with serving(Fake({"GET /asof": (200, {"id": "BTCUSDT.BINANCE"})})) as fake, Client(fake.address) as client:
        client.asof("BTCUSDT", pd.Timestamp(NS, tz="UTC"))
        client.asof("BTCUSDT", np.int64(NS))
        asyncio.run(same(fake.address))
    assert [params["ts"] for _, _, params, _ in fake.asked] == [TEXT, str(NS)] * 2


def test_a_rule_is_tried_over_the_day_that_a_date_names_and_history_begins_at_its_midnight() -> None:
    day = date(2026, 11, 28)
    assert trial_of({}, day, day).body == trial_of({}, "2026-11-28", "2026-11-28").body
    with serving(Fake({"GET /history": (200, {"data": [], "next": None})})) as fake, Client(fake.address) as client:
        assert client.history("BTCUSDT", start=day, end=date(2026, 11, 29)).rows() == []
    (_, _, params, _) = fake.asked[0]
    midnights = ("2026-11-28T00:00:00.000000000Z", "2026-11-29T00:00:00.000000000Z")
    assert (params["start"], params["end"]) == midnights
