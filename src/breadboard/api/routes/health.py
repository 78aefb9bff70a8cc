"""``/health``, ``/ready``, ``/metrics`` and ``/api/v1/status``, ``/api/v1/audit``, ``/api/v1/lag``."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Query
from starlette.responses import Response

from breadboard.api import documents
from breadboard.api.concurrency import Joint
from breadboard.api.feeds import harms
from breadboard.api.pool import StorePool
from breadboard.api.questions import LagQuestion
from breadboard.api.routes.answers import json
from breadboard.api.services import Services
from breadboard.errors import BreadboardError
from breadboard.telemetry.metrics import CONTENT_TYPE

_AUDIT_S: Final = 600.0
_BOUNDS_MS: Final = (0.0, *(float(f"{step}e{power}") for power in range(-2, 5) for step in (1, 2, 5)), 100_000.0)
"""From 10 us to 100 s, three to a power of ten; at or below 0 is a clock that is wrong."""


def router(services: Services, pool: StorePool) -> APIRouter:
    """Return the routes."""
    routes, audits = APIRouter(tags=["health"]), Joint[Mapping[str, Any]]()
    one = asyncio.Lock()  # an audit may take minutes of a store's thread: the other kind waits here, and in none

    async def audited(deep: bool) -> Mapping[str, Any]:
        async with one:
            return await pool.run(lambda: services.audit(deep), _AUDIT_S)

    @routes.get("/health", summary="Whether this process is alive", responses=documents.HEALTH)
    async def health() -> Response:
        return json({"status": "ok"})

    @routes.get("/ready", summary="Whether a first tick was processed and the store answers", responses=documents.READY)
    async def ready() -> Response:
        reasons = [] if services.live.ticked else ["no trade or quote has been processed yet"]
        try:
            await pool.run(services.store.written, 2.0)
        except BreadboardError as error:
            reasons.append(f"the store does not answer: {error.sentence}")
        return json({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    @routes.get("/metrics", summary="Prometheus text", responses=documents.METRICS)
    def metrics() -> Response:
        return Response(services.metrics.exposition(), media_type=CONTENT_TYPE)

    @routes.get(
        "/api/v1/status", summary="Feeds, positions, gaps, and why the house is degraded", responses=documents.STATUS
    )
    def status() -> Response:
        return json(described(services))

    @routes.get(
        "/api/v1/audit", summary="Whether the store holds all that was written to it", responses=documents.AUDIT
    )
    async def audit(deep: bool = False) -> Response:
        return json(dict(await audits.ask(deep, lambda: audited(deep))))

    @routes.get(
        "/api/v1/lag", summary="Lag per feed and hop: the last ten seconds, and since start", responses=documents.LAG
    )
    def lag() -> Response:
        board, now = services.lag, services.live.now()
        return json(
            {
                "data": [row.described() for row in board.latest()],
                "total": [row.described() for row in board.totals(now)],
            }
        )

    @routes.get(
        "/api/v1/lag/histogram", summary="How lags are distributed since start, per feed", responses=documents.HISTOGRAM
    )
    def histogram(asked: Annotated[LagQuestion, Query()]) -> Response:
        bounds_ns = np.array(_BOUNDS_MS) * 1e6
        found = services.lag.histograms(feed=asked.feed, hop=asked.hop)
        data = [
            {**label._asdict(), "counts": np.diff([0, *lags.cumulative(bounds_ns), lags.count]).tolist()}
            for label, lags in found.items()
        ]
        return json({"bounds_ms": _BOUNDS_MS, "data": data})

    return routes


def described(services: Services) -> dict[str, Any]:
    """Return the status: what serving knows, and what the house adds."""
    live = services.live
    feeds = live.feeds()
    ours = [f"{feed['feed']} is {feed['state']}" for feed in feeds if harms(feed)]
    given = dict(services.status())
    return {
        "ready": live.ticked,
        "instruments": len(live),
        "position": live.position,
        "gaps": live.gaps,
        **given,
        "feeds": feeds,
        "reasons": [*given.get("reasons", []), *ours],
    }
