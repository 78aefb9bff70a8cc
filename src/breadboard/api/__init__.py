"""Serving: REST, WebSocket and one page, all from the memory of the serving process and the store."""
