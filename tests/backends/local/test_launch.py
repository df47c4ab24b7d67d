from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from recipe_runner.backends.local.launch import LaunchError, RunningServer, launch


def _status(url: str, key: str | None = None) -> int:
    headers = {} if key is None else {"X-API-Key": key}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def _is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _ends_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not _is_alive(pid):
            return True
        time.sleep(0.05)
    return False


def test_a_server_answers_to_its_key_alone_on_127_0_0_1_alone(tmp_path: Path) -> None:
    with launch(store=tmp_path / "store", log=tmp_path / "logs" / "server.log") as server:
        runs = f"{server.url}/api/v1/training_runs"
        assert _status(f"{server.url}/api/v1/healthz", server.api_key) == 200
        assert _status(runs, server.api_key) == 200
        assert _status(runs, "tml-wrong") == 401
        assert _status(runs) == 401
        assert server.api_key.startswith("tml-")
        assert server.api_key not in repr(server)
        port = int(server.url.rsplit(":", 1)[1])
        assert _listening_addresses(port) == {"0100007F"}
        command = Path(f"/proc/{server.pid}/cmdline").read_text()
        assert server.api_key not in command
        # A session of its own: the terminal's Ctrl-C goes to the foreground group only.
        assert os.getsid(server.pid) == server.pid
    assert not _is_alive(server.pid)


def _listening_addresses(port: int) -> set[str]:
    """Local addresses, as the kernel prints them, of sockets that listen on a port."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            host, _, hex_port = address.rpartition(":")
            if state == "0A" and int(hex_port, 16) == port:
                found.add(host)
    return found


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LaunchError, match=f"cannot listen on 127.0.0.1:{port}"):
            _enter(launch(store=tmp_path, port=port))


def _enter(context: AbstractContextManager[RunningServer]) -> RunningServer:
    return context.__enter__()


def test_a_port_out_of_range_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="ports end at 65535"):
        _enter(launch(store=tmp_path, port=70_000))


def test_no_torch_in_the_process_that_launches() -> None:
    code = (
        "import sys, recipe_runner.backends.local.launch, recipe_runner.backends.local.models;"
        "sys.exit(bool({'torch', 'transformers', 'tinker'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


PARENT = """
import sys, time
from pathlib import Path
from recipe_runner.backends.local.launch import launch
with launch(store=Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    {body}
"""


def _parent(store: Path, body: str) -> tuple[subprocess.Popen[str], int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(body=body), str(store)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def test_the_server_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent, pid = _parent(tmp_path, "time.sleep(60)")
    with parent:
        assert _is_alive(pid)
        parent.send_signal(signal.SIGKILL)
    assert _ends_within(pid, 5)


def test_a_fork_that_outlives_its_parent_does_not_keep_the_server(tmp_path: Path) -> None:
    body = "import os; child = os.fork(); print(child, flush=True) if child else None"
    parent, pid = _parent(tmp_path, f"{body}; time.sleep(60)")
    assert parent.stdout is not None
    with parent:
        fork = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        try:
            assert _ends_within(pid, 5)
        finally:
            os.kill(fork, signal.SIGKILL)


def test_ctrl_c_stops_a_parent_and_its_server_in_order(tmp_path: Path) -> None:
    parent, pid = _parent(tmp_path, "time.sleep(60)")
    with parent:
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.wait(20) != 0
    assert _ends_within(pid, 5)


def test_the_server_serves_on_when_the_thread_that_started_it_ends(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    context = launch(store=tmp_path)
    with ThreadPoolExecutor(1) as pool:
        server = pool.submit(_enter, context).result()
    time.sleep(1.5)
    assert _status(f"{server.url}/api/v1/healthz", server.api_key) == 200
    context.__exit__(None, None, None)
    assert not _is_alive(server.pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_in_the_foreground_takes_any_key_and_stops_cleanly(
    tmp_path: Path, number: signal.Signals
) -> None:
    code = "from recipe_runner.backends.local.server import serve; from pathlib import Path;"
    code += f"serve(store=Path({str(tmp_path)!r}))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        url = process.stdout.readline().rstrip("\n")
        assert _status(f"{url}/api/v1/training_runs", "tml-anything") == 200
        assert _status(f"{url}/api/v1/training_runs", "other") == 401
        process.send_signal(number)
        assert process.stdout.read() == ""
        assert process.wait(20) == 0
