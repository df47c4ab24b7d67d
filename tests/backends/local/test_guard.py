"""A guarded server that is killed is there again: same address, same key, nothing in memory."""

from __future__ import annotations

import os
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

from recipe_runner.backends.local.launch import RunningServer, launch


def status(server: RunningServer) -> int | None:
    request = urllib.request.Request(
        f"{server.url}/api/v1/training_runs", headers={"X-API-Key": server.api_key}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code
    except OSError:
        return None


def test_a_killed_server_is_started_again(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    with launch(store=tmp_path / "store", log=log, guarded=True) as server:
        assert status(server) == 200
        os.kill(server.pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while "started again" not in log.read_text() or status(server) is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert status(server) == 200
    assert status(server) is None
