"""A ClickHouse server of a few lines: HTTP in front of chDB, for the client library's server path. Tests only.

The same SQL engine answers, but authentication, users, replication and compression are not a server's.
"""

import json
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import chdb.session

_OURS = {"query", "database", "default_format", "client_protocol_version", "session_id", "query_id", "compress"}
_OURS |= {
    "wait_end_of_query",
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
    "enable_http_compression",
}
_LOCK = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(200, b"Ok.\n")

    def do_POST(self) -> None:
        given = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        body = self._body()
        sql = given.get("query", "")
        if not sql:
            head, _, rest = body.partition(b"\n") if body.startswith(b"INSERT INTO ") else (body, b"", b"")
            sql, body = head.decode(), rest
        settings = {k: v for k, v in given.items() if k not in _OURS and not k.startswith("param_")}
        params = {k.removeprefix("param_"): v for k, v in given.items() if k.startswith("param_")}
        try:
            with _LOCK:
                self._answer(200, run(sql, body, settings, params, given.get("default_format", "TabSeparated")))
        except Exception as error:  # noqa: BLE001 - a server answers every error
            self._answer(500, str(error).encode())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status != 200:
            self.send_header("X-ClickHouse-Exception-Code", body.split(b"Code: ")[-1].split(b".")[0].decode() or "1")
        self.end_headers()
        self.wfile.write(body)


def run(sql: str, body: bytes, settings: dict[str, str], params: dict[str, str], form: str) -> bytes:
    connection = chdb.connect(SESSION)
    try:
        for name, value in sorted(settings.items(), key=lambda pair: pair[0] == "readonly"):
            connection.query(f"SET {name} = {json.dumps(value).replace(chr(34), chr(39))}", "CSV")
        if not body:
            return bytes(connection.query(sql, form, params=params).bytes())
        with tempfile.NamedTemporaryFile(suffix=".native") as file:
            Path(file.name).write_bytes(body)
            head, _, fmt = sql.strip().rpartition("FORMAT")
            connection.query(f"{head} FROM INFILE '{file.name}' FORMAT {fmt.strip()}", "CSV")
        return b""
    finally:
        connection.close()


if __name__ == "__main__":
    SESSION = sys.argv[1]
    KEPT = chdb.connect(SESSION)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)  # noqa: T201 - how the test learns the port
    server.serve_forever()
