"""``/health``, ``/ready``, ``/metrics`` and ``/api/v1/status``, ``/api/v1/lag``."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from breadboard.api.feeds import harms
from breadboard.api.pool import StorePool
from breadboard.api.routes.answers import json
from breadboard.api.services import Services
from breadboard.errors import BreadboardError
from breadboard.telemetry.metrics import CONTENT_TYPE

_AUDIT_S: Final = 600.0


def router(services: Services, pool: StorePool) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["health"])

    @routes.get("/health", summary="Whether this process is alive")
    async def health() -> Response:
        return json({"status": "ok"})

    @routes.get("/ready", summary="Whether a first tick was processed and the store answers")
    async def ready() -> Response:
        reasons = [] if services.live.ticked else ["no trade or quote has been processed yet"]
        try:
            await pool.run(services.store.written, 2.0)
        except BreadboardError as error:
            reasons.append(f"the store does not answer: {error.sentence}")
        return json({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    @routes.get("/metrics", summary="Prometheus text")
    def metrics() -> Response:
        return Response(services.metrics.exposition(), media_type=CONTENT_TYPE)

    @routes.get("/api/v1/status", summary="Feeds, positions, gaps, and why the house is degraded")
    def status() -> Response:
        return json(described(services))

    @routes.get("/api/v1/audit", summary="Whether the store holds all that was written to it")
    async def audit(deep: bool = False) -> Response:
        return json(dict(await pool.run(lambda: services.audit(deep), _AUDIT_S)))

    @routes.get("/api/v1/lag", summary="Lag per feed and hop: the last ten seconds, and since start")
    def lag() -> Response:
        board, now = services.lag, services.live.now()
        return json(
            {
                "data": [row.described() for row in board.latest()],
                "total": [row.described() for row in board.totals(now)],
            }
        )

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
