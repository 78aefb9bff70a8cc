"""Long answers in pieces, so that one is over where its client has about read it.

What a transport of TLS still has to send is known to nobody above it but by its own small buffer. uvicorn waits for it
between two pieces, and not in one: an answer in one piece would be over as soon as it has begun, its connection would
count as one that rests, and end in the middle of what is read slowly.
"""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PIECE: Final = 64 << 10
"""Bytes of an answer that go at once."""


class Pieces:
    """An application whose answers go in pieces of 64 KiB."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""

        async def cut(message: Message) -> None:
            body = message.get("body", b"")
            if message["type"] != "http.response.body" or len(body) <= PIECE:
                await send(message)
                return
            more = message.get("more_body", False)
            for begin in range(0, len(body), PIECE):
                end = begin + PIECE
                await send({**message, "body": body[begin:end], "more_body": more or end < len(body)})

        await self._app(scope, receive, cut if scope["type"] == "http" else send)
