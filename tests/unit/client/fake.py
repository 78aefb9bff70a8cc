"""A server that answers as it was told to: for what no server of ours does on demand."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

Reply = tuple[int, Any] | tuple[int, Any, dict[str, str]]
Asked = tuple[str, str, dict[str, str], Any]


class Fake:
    """Answers by ``METHOD /path``, and remembers what it was asked: method, path, parameters, body."""

    def __init__(self, answers: dict[str, Reply | list[Reply] | Callable[[Any], Reply]] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[Asked] = []
        self.headers: list[dict[str, str]] = []
        self.address = ""

    def reply(self, method: str, path: str, params: dict[str, str], body: object) -> Reply:
        self.asked.append((method, path, params, body))
        answer = self.answers.get(f"{method} {path}")
        if answer is None:
            return 404, {"title": "Not Found", "detail": f"the fake knows no {method} {path}", "hint": "teach it"}
        if isinstance(answer, list):
            return answer.pop(0) if len(answer) > 1 else answer[0]
        return answer(body or params) if callable(answer) else answer


@contextmanager
def serving(fake: Fake) -> Iterator[Fake]:
    """Serve a fake on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            place = urlsplit(self.path)
            length = int(self.headers.get("content-length", 0))
            body = msgspec.json.decode(self.rfile.read(length)) if length else None
            fake.headers.append({name.lower(): value for name, value in self.headers.items()})
            path = unquote(place.path).removeprefix("/api/v1")
            status, found, *more = fake.reply(self.command, path, dict(parse_qsl(place.query)), body)
            raw = found if isinstance(found, bytes) else msgspec.json.encode(found)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **(more[0] if more else {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the base class names them so

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
