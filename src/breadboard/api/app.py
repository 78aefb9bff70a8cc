"""The web application: one FastAPI app made from what it is handed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from typing import Any

from fastapi import Depends, FastAPI

from breadboard.api import documents, live_files, page, problems
from breadboard.api.asked import once_and_known
from breadboard.api.concurrency import Shares, Turns
from breadboard.api.fanout import Fanout
from breadboard.api.pages import Pages
from breadboard.api.patience import Patient
from breadboard.api.pool import StorePool
from breadboard.api.routes import book, concluded, feeds, health, history, people, realtime, sign_in, sql, stocks
from breadboard.api.security import Guard
from breadboard.api.security_keys import KeyRing
from breadboard.api.security_tickets import Tickets
from breadboard.api.services import Services


def create_app(services: Services) -> FastAPI:
    """Return the application. It starts nothing until a server runs its lifespan.

    The OpenAPI document is at ``/openapi.json``. The usual interactive pages load their code from other
    people's servers and are therefore off; ``/docs`` lists the operations instead.
    """
    services = replace(services, store=Patient(services.store, services.limits.store_query_s))
    fanout = Fanout(services)
    pool = StorePool(services.limits)
    tickets = Tickets(services.access.clock)
    ring = KeyRing(services.access, tickets)
    turns = Turns(services.limits.heavy_at_once)
    pages = Pages(services.store, services.live, pool, turns)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(fanout.run())
        try:
            async with services.front.life() if services.front else nullcontext():
                yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            pool.close()
            if services.desk is not None:
                await services.desk.close()

    app = FastAPI(
        title="Breadboard",
        version="1",
        summary="Market data as it is now, as it was, and as SQL",
        docs_url=None,
        redoc_url=None,
        responses=documents.PROBLEMS,
        lifespan=lifespan,
    )
    _document_keys(app)
    problems.install(app)
    app.add_middleware(page.HeadAsGet)
    app.add_middleware(Guard, limits=services.limits, access=services.access, ring=ring)
    asked = Depends(once_and_known)
    shared = [asked, Depends(Shares(services.limits.of_one_key, services.limits.of_one_key_waiting))]
    for asking in (
        history.router(services, pages, pool),
        concluded.router(services, pages),
        sql.router(services, pool, turns),
    ):
        app.include_router(asking, dependencies=shared)
    for router in (
        stocks.router(services, pool),
        book.router(services, pool),
        feeds.router(services),
        health.router(services, pool),
        realtime.router(fanout, services.limits),
        live_files.router(),
        sign_in.router(ring),
        *people.routers(services.desk, tickets),
        page.router(app, front=services.front is not None),
    ):
        app.include_router(router, dependencies=[asked])
    app.include_router(page.nowhere(app))
    if services.front is not None:
        app.mount("/", services.front)  # last: it takes what nothing else does
    return app


def _document_keys(app: FastAPI) -> None:
    """Say in the OpenAPI document how a key is shown: before any route looks, and on loopback not at all."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        told = made()
        told["components"]["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "description": "breadboard keys add NAME --scope read"}
        }
        told["security"] = [{}, {"key": []}]
        return told

    app.openapi = openapi  # type: ignore[method-assign] # as FastAPI says how to add to it
