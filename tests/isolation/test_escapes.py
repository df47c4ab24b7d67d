"""What programs try in order to reach out of the isolation, each in every mechanism there is."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recipe_runner.isolation import available, run_python
from tests.isolation.conftest import Run

ROOT = Path(__file__).parents[2]


def processes_with(marker: str) -> list[str]:
    """Return the command lines on this machine that hold a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().decode("utf-8", "replace"))
        except OSError:
            continue
    return [line for line in found if marker in line]


def test_no_file_of_the_machine_is_there(isolated: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    paths = [
        str(secret), str(ROOT), str(Path.home() / ".ssh"), str(Path.home() / ".netrc"),
        "/etc/passwd", "/etc/shadow", "/etc/hostname", "/proc/1/environ", "/proc/self/mem", "/sys",
        "/var", "/run", "/bin/sh", "/usr/bin/env", "/tmp/../" + str(secret),
        str(Path.home() / ".bashrc"),
    ]  # fmt: skip
    code = f"import os\nprint([p for p in {paths!r} if os.path.exists(p)])"
    done = isolated(code)
    assert (done.stdout, done.exit_code) == ("[]\n", 0)


def test_directories_on_the_way_to_the_interpreter_hold_nothing_else(isolated: Run) -> None:
    code = (
        "import os, sys\n"
        "for place in (os.path.dirname(sys.base_prefix), os.path.dirname(sys.executable)):\n"
        "    assert len(os.listdir(place)) <= 1 or place.startswith('/usr'), os.listdir(place)\n"
        "import site\n"
        "places = filter(os.path.isdir, site.getsitepackages())\n"
        "print([name for place in places for name in os.listdir(place)])"
    )
    done = isolated(code)
    assert "recipe_run" not in done.stdout
    assert "tinker" not in done.stdout


def test_the_environment_is_empty_but_for_what_python_needs(
    isolated: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINKER_API_KEY", "tml-secret")
    done = isolated("import os, json; print(json.dumps(dict(os.environ)))")
    names = {"PATH", "LANG", "HOME", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"}
    assert set(json.loads(done.stdout)) <= names
    assert "tml-" not in done.stdout


def test_a_server_of_this_machine_cannot_be_reached(isolated: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        server.settimeout(0.1)
        local.bind("\0recipe-run-test-socket")
        local.listen()
        local.settimeout(0.1)
        port = server.getsockname()[1]
        code = (
            "import socket\n"
            "for family, place in (\n"
            f"    (socket.AF_INET, ('127.0.0.1', {port})), (socket.AF_INET, ('1.1.1.1', 53)),\n"
            "    (socket.AF_UNIX, '\\0recipe-run-test-socket'),\n"
            "):\n"
            "    try:\n"
            "        with socket.socket(family) as s:\n"
            "            s.settimeout(2)\n"
            "            s.connect(place)\n"
            "        print('reached', place)\n"
            "    except OSError:\n"
            "        print('no')"
        )
        done = isolated(code)
        assert done.stdout == "no\n" * 3
        for listener in (server, local):
            with pytest.raises(TimeoutError):
                listener.accept()


def test_names_of_the_network_do_not_resolve(isolated: Run) -> None:
    done = isolated("import socket; socket.getaddrinfo('localhost.example.com', 80)", timeout_s=5)
    assert "gaierror" in done.stderr


def test_no_descriptor_of_the_runner_is_open(isolated: Run, tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        code = (
            "import os\n"
            "for number in range(3, 128):\n"
            "    try: os.fstat(number); print(number)\n"
            "    except OSError: pass"
        )
        assert isolated(code).stdout == ""


def test_no_process_but_its_own_can_be_killed(isolated: Run) -> None:
    code = (
        "import os, signal\n"
        f"for pid in (os.getppid(), {os.getpid()}, {os.getppid()}, -1):\n"
        "    try: os.kill(pid, signal.SIGKILL)\n"
        "    except OSError as error: print(type(error).__name__)\n"
        "print('alive')"
    )
    assert isolated(code).stdout.endswith("alive\n")


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/new', 'w')",
        "open('/usr/lib/new', 'w')",
        "import sys; open(sys.executable, 'wb')",
        "import os; open(os.__file__, 'a')",
        "import os; os.mkdir('/new')",
        "import os; os.chmod('/usr/lib', 0o777)",
        "import os; os.mknod('/box/sda', 0o60666, os.makedev(8, 0))",
        "import os; os.setuid(0)",
        "import os; os.chroot('/box')",
        "import os; os.symlink('/etc/passwd', 'link'); open('link')",
        "import os; os.link('/usr/lib', 'link')",
        "import os; os.chdir('/box/../..'); open('etc/passwd')",
        "getattr(__import__('subpro' + 'cess'), 'run')(['/bin/sh', '-c', 'id'])",
        "import os; raise SystemExit(os.execv('/bin/sh', ['sh']))",
        "import ctypes; l = ctypes.CDLL(None); assert l.mount(b'n', b'/box', b'tmpfs', 0, 0) == 0",
        "import ctypes; assert ctypes.CDLL(None).unshare(0x10000000) == 0",
        "import ctypes; assert ctypes.CDLL(None).sethostname(b'other', 5) == 0",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    ],
)
def test_what_a_program_may_not_do_fails(isolated: Run, code: str) -> None:
    done = isolated(code)
    assert done.exit_code != 0
    assert "Error" in done.stderr


def test_a_fork_bomb_stops_at_the_limit(isolated: Run) -> None:
    if available() is None:
        pytest.skip("nothing bounds the processes here")
    began = time.monotonic()
    done = isolated("import os\nwhile True: os.fork()", timeout_s=3)
    assert "temporarily unavailable" in done.stderr
    assert time.monotonic() - began < 10


def test_a_bomb_of_threads_stops_at_the_limit(isolated: Run) -> None:
    code = (
        "import threading, time\n"
        "for number in range(1000):\n"
        "    threading.Thread(target=time.sleep, args=(9,), daemon=True).start()"
    )
    assert "can't start new thread" in isolated(code, timeout_s=3).stderr


def test_memory_is_bounded(isolated: Run) -> None:
    done = isolated("x = bytearray(300 << 20)", memory_mb=256)
    assert "MemoryError" in done.stderr
    assert isolated("x = bytearray(200 << 20)", memory_mb=512).exit_code == 0


def test_what_is_written_is_bounded(isolated: Run) -> None:
    one_file = "with open('/tmp/a', 'wb') as f:\n    for _ in range(99): f.write(bytes(1 << 20))"
    many = "for n in range(99):\n    with open(f'/tmp/{n}', 'wb') as f: f.write(bytes(4 << 20))"
    assert "File too large" in isolated(one_file).stderr
    assert "No space left" in isolated(many).stderr


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_endless_output_ends_the_program(isolated: Run, stream: str) -> None:
    done = isolated(f"import sys\nwhile True: sys.{stream}.write('x' * 4096)", timeout_s=10)
    assert (done.truncated, done.timed_out) == (True, False)
    assert len(getattr(done, stream)) == 256 << 10


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import time; time.sleep(60)",
        "import signal, time\n"
        "for number in range(1, 32):\n"
        "    try: signal.signal(number, signal.SIG_IGN)\n"
        "    except OSError: pass\n"
        "while True: time.sleep(1)",
        "import os, time; os.close(1); os.close(2); time.sleep(60)",
        "import os, time\nif os.fork(): time.sleep(60)\nos.setsid(); time.sleep(60)",
        "input(); input()",
    ],
)
def test_time_is_bounded(isolated: Run, code: str) -> None:
    began = time.monotonic()
    done = isolated(code, timeout_s=1, stdin="one line\n")
    assert done.timed_out == ("input" not in code)
    assert time.monotonic() - began < 5


def test_nothing_is_left_behind(isolated: Run) -> None:
    marker = f"left-behind-{time.time_ns()}"
    code = (
        "import os, subprocess, sys, time\n"
        f"sleeper = [sys.executable, '-c', 'import time; time.sleep(60)', {marker!r}]\n"
        "subprocess.Popen(sleeper, start_new_session=True)\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0: os.execv(sys.executable, sleeper)\n"
        "    os._exit(0)\n"
        "for _ in range(5):\n"
        "    if os.fork() == 0: os._exit(0)  # zombies\n"
        "time.sleep(0.2)\n"
        "print('done')"
    )
    began = time.monotonic()
    done = isolated(code, timeout_s=30)
    assert (done.stdout, done.exit_code) == ("done\n", 0)
    assert time.monotonic() - began < 15
    assert processes_with(marker) == []


def test_programs_end_with_the_runner(tmp_path: Path) -> None:
    if available() is None:
        pytest.skip("nothing on this machine can isolate programs")
    marker = f"orphan-{time.time_ns()}"
    program = (
        "import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)', {marker!r}])"
    )
    code = f"from recipe_runner.isolation import run_python\nrun_python({program!r}, timeout_s=60)"
    runner = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    deadline = time.monotonic() + 30
    inner = f"\0{marker}\0"
    while not processes_with(inner) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_with(inner)
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    while processes_with(inner) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_with(inner) == []


def test_recursion_without_end_ends(isolated: Run) -> None:
    code = "import sys, threading\nsys.setrecursionlimit(10**6)\ndef f(x): return [f([x])]\nf(0)"
    assert isolated(code, memory_mb=256, timeout_s=10).exit_code != 0


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "", "main.py", "a\0b"])
def test_a_file_s_path_cannot_lead_out(path: str) -> None:
    with pytest.raises(ValueError, match="no name for a file"):
        run_python("", files={path: ""}, allow_unsafe=True)
