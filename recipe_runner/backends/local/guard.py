"""Starts a server again that ended though nobody stopped it, at its address and with its key.

What it held in memory is gone: its clients are told so (404) and go on from their checkpoints. A
server that cannot be started again is replaced by one that refuses, since a client of nothing at
all would try for ever.
"""

from __future__ import annotations

import json
import os
import select
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, Protocol, TypeVar

_STARTS = 3
_PAUSE_S = 1.0


Note = Callable[[str], None]


class Ending(Protocol):
    """What is watched of a server; `output` is a descriptor that ends when it does."""

    output: int

    def wait(self, timeout: float | None = None) -> int: ...

    def close(self) -> None: ...


Server = TypeVar("Server", bound=Ending)


class Guard(Generic[Server]):
    """Watches a server from a thread of its own until `close`."""

    def __init__(
        self, process: Server, start: Callable[[], Server], address: tuple[str, int], note: Note
    ) -> None:
        self.process: Server | None = process
        self._start, self._address, self._note = start, address, note
        self._refusing: ThreadingHTTPServer | None = None
        self._woken, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._watch, name="server-guard", daemon=True)
        self._thread.start()

    def close(self) -> Server | None:
        """Stop watching; return the server that is up, none if there is none any more."""
        os.close(self._wake)
        self._thread.join()
        os.close(self._woken)
        if self._refusing is not None:
            self._refusing.shutdown()
            self._refusing.server_close()
        return self.process

    def _watch(self) -> None:
        while self.process is not None:
            readable, _, _ = select.select([self.process.output, self._woken], [], [])
            if self._woken in readable:
                return
            if os.read(self.process.output, select.PIPE_BUF):
                continue
            status = self.process.wait()
            self.process.close()
            self._note(f"the server ended (status {status}) and is started again")
            self.process = self._again()
        self._refuse()

    def _again(self) -> Server | None:
        for _ in range(_STARTS):
            try:
                return self._start()
            except RuntimeError as error:
                self._note(str(error))
                time.sleep(_PAUSE_S)
        return None

    def _refuse(self) -> None:
        self._note("the server does not start any more")
        self._refusing = ThreadingHTTPServer(self._address, _Refusal)
        threading.Thread(target=self._refusing.serve_forever, daemon=True).start()


class _Refusal(BaseHTTPRequestHandler):
    """Tells every client that there is nothing here any more."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        detail = "the local backend ended and cannot be started again; its session is lost"
        body = json.dumps({"detail": detail}).encode()
        self.send_response(404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing of this goes to the terminal."""
