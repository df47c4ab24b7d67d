"""The page as a file: whole, closed to the outside, and never in the place of something else."""

from __future__ import annotations

import json
import re
import signal
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from recipe_runner.cli.report import report
from recipe_runner.errors import UsageError
from recipe_runner.reports.assemble import assemble
from recipe_runner.reports.output import write
from recipe_runner.reports.page import _in_a_script, render
from recipe_runner.reports.server import make_server
from recipe_runner.reports.sweep import Chosen, find_all
from recipe_runner.runs.directory import RunDirectory
from tests.reports.conftest import MakeRun, metrics_row, rollout


def page_of(*runs: RunDirectory) -> str:
    return render(assemble(Chosen(list(runs), []), rollouts=100))


def test_a_page_of_a_real_run_loads_nothing(real_run: RunDirectory) -> None:
    page = page_of(real_run)
    outside_data = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL)
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", outside_data)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy.startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert "unsafe" not in policy
    assert page.count("<script>") == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("</script><script>alert(1)"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_data_cannot_end_their_element_and_come_back_whole(data: dict[str, Any]) -> None:
    text = _in_a_script(data)
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == data


def test_a_file_that_is_no_report_is_left_as_it_is(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run([metrics_row(0, 0.5)])
    page = page_of(run)
    mine = tmp_path / "thesis.html"
    mine.write_text("<h1>Thesis</h1>")
    with pytest.raises(UsageError, match="is not a report"):
        write(page, mine)
    assert mine.read_text() == "<h1>Thesis</h1>"
    own = tmp_path / "report.html"
    for _ in range(2):
        write(page, own)
    assert own.read_text() == page
    for place in (tmp_path, tmp_path / "no" / "report.html"):
        with pytest.raises(UsageError):
            write(page, place)


def test_the_command_says_what_it_left_out(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run([metrics_row(0, 0.5)], [rollout(step, 0, 0) for step in range(10)])
    out = tmp_path / "out.html"
    done = CliRunner().invoke(report, [str(run.path), "-o", str(out), "--rollouts", "3"])
    assert done.exit_code == 0, done.output
    assert "3 of 10 rollouts" in done.output
    assert out.exists()


def test_what_differs_between_runs_is_a_row_a_key(make_run: MakeRun) -> None:
    runs = [make_run([metrics_row(0, 0.5)], optimizer__learning_rate=r) for r in (1e-4, 2e-4, 1e-4)]
    data = assemble(Chosen(runs, []), rollouts=0)
    (row,) = [row for row in data["differences"] if row["changes_result"]]
    assert row["key"] == "optimizer.learning_rate"
    assert row["values"] == ["0.0001", "0.0002", "0.0001"]


def test_a_run_of_another_release_is_shown_as_far_as_it_goes(make_run: MakeRun) -> None:
    run = make_run([metrics_row(0, 0.5)], [rollout(0, 0, 0), {"step": 1}])
    run.plan_file.write_text('{"recipe": {"method": "quantum", "model": {"name": "m"}}}')
    run.usage_file.write_text('{"tokens": "many"}')
    run.estimate_file.write_text("{")
    (shown,) = assemble(Chosen([run], []), rollouts=10)["runs"]
    assert shown["method"] == "quantum"
    assert shown["cost"] == {"usage": None, "estimate": None}
    assert shown["rollouts"]["kept"] == 2


def test_a_sweep_stands_for_its_runs(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run([metrics_row(0, 0.5)])
    place = tmp_path / "runs" / ".sweeps" / "sums-12345678"
    place.mkdir(parents=True)
    variants = [
        {"variant": "lr=1e-4", "state": "done", "run": str(run.path), "value": 0.5},
        {"variant": "lr=2e-4", "state": "failed", "run": None, "value": None, "error": "no room"},
    ]
    record = {"name": "sums", "metric_label": "reward", "lower_is_better": False}
    (place / "sweep.json").write_text(json.dumps({**record, "variants": variants}))
    for reference in (str(place), "sums-12345678"):
        chosen = find_all(tmp_path / "runs", [reference])
        (sweep,) = assemble(chosen, rollouts=0)["sweeps"]
        assert [each["index"] for each in sweep["variants"]] == [0, None]


@pytest.fixture
def served(make_run: MakeRun) -> Any:
    run = make_run([metrics_row(0, 0.5)])
    with make_server(lambda: Chosen([run], []), rollouts=10) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield run, server.port
        server.shutdown()
        thread.join()


def test_newer_data_come_when_there_are_any(served: tuple[RunDirectory, int]) -> None:
    run, port = served
    first, mark = _data(port)
    assert first["live"] is True
    with pytest.raises(urllib.error.HTTPError) as same:
        _data(port, mark)
    assert same.value.code == 304
    with run.metrics_file.open("a") as file:
        file.write(json.dumps(metrics_row(1, 0.75)) + "\n")
    newer = _until(lambda: _data(port)[0], lambda data: data["runs"][0]["metrics"]["rows"] == 2)
    assert newer["runs"][0]["headline"]["steps"] == 2


def _data(port: int, mark: str | None = None) -> tuple[dict[str, Any], str]:
    headers = {"If-None-Match": mark} if mark else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/data.json", headers=headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer), answer.headers["ETag"]


def _until(read: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    for _ in range(100):
        if holds(value := read()):
            return value
        time.sleep(0.05)
    raise AssertionError("it did not become true in time")


def test_the_command_serves_until_ctrl_c(
    make_run: MakeRun, start_installed: Callable[..., subprocess.Popen[str]]
) -> None:
    command = start_installed("report", make_run([metrics_row(0, 0.5)]).path, "--serve")
    assert command.stdout is not None
    url = command.stdout.readline().strip()
    with urllib.request.urlopen(url) as answer:
        assert b"recipe-run report" in answer.read()
    command.send_signal(signal.SIGINT)
    assert command.communicate(timeout=60)[0] == ""
    assert command.returncode == 0


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "evil.example:{port}", ""])
def test_another_name_of_this_machine_is_refused(
    served: tuple[RunDirectory, int], host: str
) -> None:
    _, port = served
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/data.json", headers={"Host": host.format(port=port)})
    assert connection.getresponse().status == 403
    connection.close()


def test_a_browser_that_goes_away_is_no_fault(
    served: tuple[RunDirectory, int], capfd: pytest.CaptureFixture[str]
) -> None:
    _, port = served
    for sent in (b"", b"GET / HT", f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(sent)
            # Closed with a reset, as a browser does that is stopped.
            reset = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    assert _data(port)[0]["live"] is True
    time.sleep(0.1)
    assert capfd.readouterr().err == ""


def test_nothing_else_is_served(served: tuple[RunDirectory, int]) -> None:
    _, port = served
    connection = HTTPConnection("127.0.0.1", port)
    for method, path in (("GET", "/../../etc/passwd"), ("GET", "/run.json"), ("POST", "/")):
        connection.request(method, path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status in (404, 501)
    connection.close()


def test_a_taken_port_is_said(served: tuple[RunDirectory, int]) -> None:
    run, port = served
    with pytest.raises(UsageError, match=f"port {port}"):
        make_server(lambda: Chosen([run], []), rollouts=0, port=port)
