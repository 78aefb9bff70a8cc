"""The web application: one FastAPI app made from what it is handed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from breadboard.api import page, problems
from breadboard.api.fanout import Fanout
from breadboard.api.pool import StorePool
from breadboard.api.routes import book, health, history, realtime, sql, stocks
from breadboard.api.security import Guard
from breadboard.api.services import Services


def create_app(services: Services) -> FastAPI:
    """Return the application. It starts nothing until a server runs its lifespan.

    The OpenAPI document is at ``/openapi.json``. The usual interactive pages load their code from other
    people's servers and are therefore off; ``/docs`` lists the operations instead.
    """
    fanout = Fanout(services)
    pool = StorePool(services.limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(fanout.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            pool.close()

    app = FastAPI(
        title="Breadboard",
        version="1",
        summary="Market data as it is now, as it was, and as SQL",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    problems.install(app)
    app.add_middleware(Guard, limits=services.limits, origins=services.origins)
    for router in (
        stocks.router(services),
        book.router(services),
        history.router(services, pool),
        sql.router(services, pool),
        health.router(services, pool),
        realtime.router(fanout, services.limits),
        page.router(app),
    ):
        app.include_router(router)
    return app
