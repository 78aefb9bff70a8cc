"""``POST /api/v1/tickets``: for whoever opens the WebSocket from a page."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from breadboard.api.routes.answers import json
from breadboard.api.security_tickets import Tickets
from breadboard.api.security_turnstile import person_of
from breadboard.clock import moment


def router(tickets: Tickets) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/api/v1/tickets", tags=["people"])

    @routes.post("", summary="A ticket for one WebSocket, opened within 30 s as /ws/realtime?ticket=…", status_code=201)
    async def issue(request: Request) -> Response:
        ticket, end_ns = tickets.issue(person_of(request.scope))
        return json({"ticket": ticket, "expires": moment(end_ns)}, 201)

    return routes
