"""A server that is not there is found out at once, one that refuses is there."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator

import pytest

from recipe_runner.backends.reach import require_reachable
from recipe_runner.errors import BackendError


@pytest.fixture
def refusing_server() -> Iterator[str]:
    class Refuse(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(403)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Refuse)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_refusal_is_an_answer(refusing_server: str) -> None:
    require_reachable(refusing_server)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid", "http://["])
def test_no_answer_is_an_error_with_the_way_on(url: str) -> None:
    started = time.monotonic()
    with pytest.raises(BackendError, match="--backend local"):
        require_reachable(url)
    assert time.monotonic() - started < 15
