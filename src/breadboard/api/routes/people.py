"""What people set: watchlists, rules, keys; and tickets for a WebSocket."""

from fastapi import APIRouter

from breadboard.api.desk import Door
from breadboard.api.routes import keys, rules, tickets, watchlists
from breadboard.api.security_tickets import Tickets


def routers(door: Door | None, given: Tickets) -> list[APIRouter]:
    """Return the routes; without a desk, those that need none."""
    at_desk = [] if door is None else [watchlists.router(door), rules.router(door), keys.router(door)]
    return [tickets.router(given), *at_desk]
