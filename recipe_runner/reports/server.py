"""`report --serve`: the page on this machine's loopback address, with newer data as a run goes on.

Standard library alone, GET and HEAD alone, 127.0.0.1 alone. The Host header is checked, so that a
page of another site cannot read the report by a name that resolves here.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from recipe_runner.errors import RunnerError, UsageError
from recipe_runner.reports.assemble import assemble
from recipe_runner.reports.page import render
from recipe_runner.reports.sweep import Chosen

Choose = Callable[[], Chosen]

HOST = "127.0.0.1"
# Assembling may take this share of the time at most, so that a large run is not read all the time.
_BUSY = 0.2
_LEVEL = 1


@dataclass
class _Latest:
    """What the page shows, read again when a file of a run has changed.

    Attributes:
        print: of the files' names, sizes and times.
    """

    choose: Choose
    rollouts: int
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _print: str = ""
    _body: bytes = b""
    _not_before: float = 0.0

    def data(self) -> tuple[str, bytes]:
        """Return a mark of the data's state, and the data as JSON."""
        with self._lock:
            chosen = self.choose()
            found = _fingerprint(chosen)
            if not self._body or (found != self._print and time.monotonic() >= self._not_before):
                began = time.monotonic()
                fresh = assemble(chosen, rollouts=self.rollouts, live=True)
                self._body = json.dumps(fresh, allow_nan=False, separators=(",", ":")).encode()
                self._print = found
                now = time.monotonic()
                self._not_before = now + (now - began) / _BUSY
            return self._print, self._body


def serve(choose: Choose, *, rollouts: int, port: int = 0, ready: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C.

    Args:
        choose: says what the page is about, again for newer data: a sweep begins runs as it goes.
        ready: is given the page's URL once it answers.

    Raises:
        UsageError: if the port is taken.
    """
    with make_server(choose, rollouts=rollouts, port=port) as server:
        ready(f"http://{HOST}:{server.port}/")
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            return


def make_server(choose: Choose, *, rollouts: int, port: int = 0) -> ReportServer:
    """Return a server that is bound and not yet started."""
    try:
        return ReportServer(_Latest(choose, rollouts), port)
    except OSError as error:
        raise UsageError(
            f"port {port} of {HOST} cannot be used: {error.strerror}; give another --port"
        ) from error


class ReportServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, latest: _Latest, port: int) -> None:
        super().__init__((HOST, port), _Handler)
        self.latest = latest

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any
    ) -> None:
        """Print what went wrong, but for a browser that went away in the middle."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: ReportServer
    protocol_version = "HTTP/1.1"
    server_version = "recipe-run"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        try:
            self._answer()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET

    def _answer(self) -> None:
        port = self.server.port
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            self._send(HTTPStatus.FORBIDDEN, "text/plain", b"not the address of this page\n")
            return
        try:
            if self.path == "/":
                _, body = self.server.latest.data()
                self._send(HTTPStatus.OK, "text/html", render(json.loads(body)).encode())
            elif self.path == "/data.json":
                self._send_data()
            else:
                self._send(HTTPStatus.NOT_FOUND, "text/plain", b"there is no such page\n")
        except (RunnerError, OSError) as error:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", f"{error}\n".encode())

    def _send_data(self) -> None:
        mark, body = self.server.latest.data()
        if self.headers.get("If-None-Match") == f'"{mark}"':
            self._send(HTTPStatus.NOT_MODIFIED, None, b"")
            return
        self._send(HTTPStatus.OK, "application/json", body, mark)

    def _send(
        self, status: HTTPStatus, content_type: str | None, body: bytes, mark: str | None = None
    ) -> None:
        packed = "gzip" in self.headers.get("Accept-Encoding", "") and len(body) > 1000
        if packed:
            body = gzip.compress(body, _LEVEL)
        self.send_response(status)
        if content_type is not None:
            self.send_header("Content-Type", f"{content_type}; charset=utf-8")
        if mark is not None:
            self.send_header("ETag", f'"{mark}"')
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal shows the URL."""


def _fingerprint(chosen: Chosen) -> str:
    digest = hashlib.sha256()
    for path in [
        *chosen.sweeps,
        *(path for run in chosen.runs for path in sorted(_files(run.path))),
    ]:
        try:
            stat = path.stat()
        except OSError:
            continue
        digest.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    for run in chosen.runs:
        digest.update(b"locked" if run.is_locked() else b"free")
    return digest.hexdigest()[:32]


def _files(directory: Path) -> list[Path]:
    """Return the files that a page reads, those of stages and benchmarks included."""
    found = []
    for place, names, files in os.walk(directory):
        names[:] = [name for name in names if not name.startswith(("iteration_", "."))]
        found += [Path(place, name) for name in files if name.endswith((".json", ".jsonl"))]
    return found
