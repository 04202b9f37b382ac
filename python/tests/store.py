"""A web server of Parquet files that counts what it is asked, and answers slowly when told to."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

import pyarrow as pa
from pyarrow import parquet

DOMAIN = """\
apiVersion: meshweave/v1
kind: Domain
name: web
owner: {{ team: commerce-engineering, contact: web@example.com }}
storage:
  - prefix: {prefix}
"""
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: urn:test:web:rows
name: rows
version: 1.0.0
status: active
domain: web
dataProduct: rows
servers:
  - {{ server: mesh, type: custom, location: "{location}", format: parquet }}
schema:
  - name: rows
    properties:
      - {{ name: n, logicalType: integer, physicalType: BIGINT }}
      - {{ name: words, logicalType: string, physicalType: VARCHAR }}
customProperties:
  - property: access
    value: public
"""


class Store:
    """Files in a folder, over HTTP on loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests = 0
        """Requests for rows; looking a file up is none."""
        self.inside = 0
        self.slow = 0.0
        """Seconds before each answer with rows."""
        self._lock = threading.Lock()
        folder.mkdir()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Store:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def prefix(self) -> str:
        """The address of the folder."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def fill(self, files: int, rows: int) -> None:
        """Write files of `rows` rows, in groups of a tenth of them."""
        for number in range(files):
            first = number * rows
            table = pa.table({"n": range(first, first + rows), "words": [f"word {i % 97}" for i in range(rows)]})
            parquet.write_table(table, self.folder / f"p{number:03}.parquet", row_group_size=max(rows // 10, 1))

    def register(self, mesh_folder: Path) -> str:
        """Give the domain `web` to a mesh, and the text of the contract of `web.rows`."""
        domain = mesh_folder / "domains" / "web"
        domain.mkdir()
        (domain / "domain.yaml").write_text(DOMAIN.format(prefix=self.prefix))
        names = ",".join(sorted(path.stem for path in self.folder.glob("*.parquet")))
        return CONTRACT.format(location=f"{self.prefix}{{{names}}}.parquet")

    def quiet(self) -> int:
        """Wait until nothing is being answered, and give the number of requests."""
        for _ in range(60_000):
            with self._lock:
                if self.inside == 0:
                    return self.requests
            time.sleep(0.01)
        raise AssertionError("requests hang")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._answer(False)

            def do_GET(self) -> None:
                self._answer(True)

            def _answer(self, body: bool) -> None:
                with store._lock:
                    store.requests += body
                    store.inside += 1
                try:
                    if body and store.slow:
                        time.sleep(store.slow)
                    self._send(body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with store._lock:
                        store.inside -= 1

            def _send(self, body: bool) -> None:
                path = store.folder / self.path.lstrip("/")
                if not path.is_file():
                    self.send_response(404)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                data = path.read_bytes()
                asked = self.headers.get("Range", "").removeprefix("bytes=")
                part = data
                if asked:
                    first, _, last = asked.partition("-")
                    start = int(first) if first else len(data) - int(last)
                    end = int(last) + 1 if first and last else len(data)
                    part = data[start:end]
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {start}-{start + len(part) - 1}/{len(data)}")
                else:
                    self.send_response(200)
                self.send_header("Content-Length", str(len(part)))
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("ETag", f'"{path.stat().st_mtime_ns}-{len(data)}"')
                self.end_headers()
                if body:
                    self.wfile.write(part)

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        return Handler
