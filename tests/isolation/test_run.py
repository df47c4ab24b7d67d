"""Running programs: what goes in, what comes out, and machines that cannot isolate."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from recipe_runner.isolation import (
    Completed,
    IsolationUnavailable,
    available,
    mechanisms,
    run,
    run_python,
    run_python_async,
)
from recipe_runner.isolation.mechanisms import BUBBLEWRAP, NAMESPACES, Mechanism, Start
from tests.isolation.conftest import Run


def test_input_files_and_output(isolated: Run) -> None:
    code = (
        "import sys, helper\n"
        "print(sys.stdin.read(), helper.VALUE, open('data/a.txt').read())\n"
        "print('to stderr', file=sys.stderr)\n"
        "exit(3)"
    )
    files = {"helper.py": "VALUE = 7", "data/a.txt": "ü"}
    assert isolated(code, stdin="in", files=files) == Completed(
        "in 7 ü\n", "to stderr\n", exit_code=3, timed_out=False, truncated=False
    )


def test_standard_input_ends(isolated: Run) -> None:
    assert "EOFError" in isolated("input(); input()", stdin="one").stderr


def test_a_signal_is_told_as_the_shell_does(isolated: Run) -> None:
    assert isolated("import os; os.abort()").exit_code == 134


def test_output_that_is_no_text_is_replaced(isolated: Run) -> None:
    done = isolated("import os; os.write(1, b'\\xff\\x00ok\\xe2\\x82')")
    assert done.stdout == "\ufffd\x00ok\ufffd"


def test_ordinary_programs_work(isolated: Run) -> None:
    code = (
        "import json, math, multiprocessing, os, random, tempfile, threading\n"
        "if __name__ == '__main__':\n"
        "    assert len(os.urandom(4)) == 4\n"
        "    open('/dev/null', 'w').write('x')\n"
        "    with tempfile.TemporaryFile() as f: f.write(b'x')\n"
        "    with multiprocessing.Pool(2) as pool: print(pool.map(abs, [-1, 2]))"
    )
    done = isolated(code)
    assert (done.stdout, done.stderr) == ("[1, 2]\n", "")


@given(text=st.text())
@example(text="\r")
@example(text="a\r\nb\rc\n")
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_text_goes_through(text: str) -> None:
    if available() is None:
        pytest.skip("nothing on this machine can isolate programs")
    code = "import sys\nsys.stdout.write(sys.stdin.read())"
    assert run_python(code, stdin=text).stdout == text.encode("utf-8", "replace").decode()


def test_programs_run_at_once_without_blocking_the_loop() -> None:
    if available() is None:
        pytest.skip("nothing on this machine can isolate programs")

    async def ticks_while_programs_run() -> tuple[int, list[Completed]]:
        running = asyncio.gather(*(run_python_async(f"print({n})") for n in range(6)))
        ticks = 0
        while not running.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks, await running

    ticks, done = asyncio.run(ticks_while_programs_run())
    assert [each.stdout for each in done] == [f"{n}\n" for n in range(6)]
    assert ticks > 1


def test_a_cancelled_program_is_killed() -> None:
    if available() is None:
        pytest.skip("nothing on this machine can isolate programs")

    async def cancel() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(run_python_async("while True: pass", timeout_s=60), 0.5)

    began = time.monotonic()
    asyncio.run(cancel())
    run._executor().shutdown(wait=True)
    run._executor.cache_clear()
    assert time.monotonic() - began < 20


def test_where_nothing_isolates_a_program_is_refused(unisolated: Run) -> None:
    assert available() is None
    with pytest.raises(IsolationUnavailable) as refused:
        unisolated("print(1)")
    message = str(refused.value)
    assert "bubblewrap: not installed" in message
    assert "apt-get install bubblewrap" in message
    assert "allow_unsafe_execution: true" in message


def test_unsafe_execution_keeps_the_limits(
    unisolated: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINKER_API_KEY", "tml-secret")

    def run_unsafely(code: str, **limits: float) -> Completed:
        return unisolated(code, allow_unsafe=True, **limits)

    seen = run_unsafely("import os; print(os.environ.get('TINKER_API_KEY'), os.getcwd())").stdout
    key, _, directory = seen.strip().partition(" ")
    assert key == "None"
    assert not Path(directory).exists()
    assert "MemoryError" in run_unsafely("bytearray(1 << 30)", memory_mb=256).stderr
    assert run_unsafely("while True: print('x' * 99)").truncated
    began = time.monotonic()
    forked = "import os, time\nos.fork()\ntime.sleep(60)"
    assert run_unsafely(forked, timeout_s=1).timed_out
    background = "import os, time\nif os.fork() == 0: time.sleep(60)\nprint('done', flush=True)"
    assert run_unsafely(background).stdout == "done\n"
    assert time.monotonic() - began < 10


def test_a_mechanism_that_does_not_work_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1"
    )
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert BUBBLEWRAP in mechanisms.candidates()
    chosen, reasons = run.choose([BUBBLEWRAP])
    assert chosen is None
    assert reasons
    assert all(reason.startswith("bubblewrap: ") for reason in reasons)
    error = run.unavailable(reasons)
    assert str(error).startswith("programs that models write cannot be isolated on this machine (b")


def test_bubblewrap_is_tried_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(mechanisms.candidates()) == [NAMESPACES]


def test_a_launcher_that_fails_says_why() -> None:
    def start(interpreter: object, directory: str) -> Start:
        return Start(["/bin/false"], "/bin/false", directory)

    chosen, reasons = run.choose([Mechanism("broken", start)])
    assert chosen is None
    assert reasons[0] == "broken: for no known reason"
