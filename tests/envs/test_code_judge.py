"""The judge against the Cookbook's own test runner, both in isolation, and against SandboxFusion's
protocol."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from tinker_cookbook.recipes.code_rl import code_grading
from tinker_cookbook.recipes.code_rl.code_env import _normalize_tests
from tinker_cookbook.recipes.code_rl.lcb_utils import TEST_CODE, TEST_UTIL

from recipe_runner.envs.code.sandbox import install, prepare
from recipe_runner.isolation import available, run_python

isolating = pytest.mark.skipif(available() is None, reason="nothing here can isolate programs")

STDIN = [{"input": "3\n1 2 3\n", "output": "6\n"}, {"input": "1\n0.5\n", "output": "0.5\n"}]
FUNCTION = [
    {"input": "[1, 2]\n2", "output": "[[1, 2], [2, 4]]", "testtype": "functional"},
    {"input": "[]\n1", "output": "[[], []]", "testtype": "functional"},
]
PROGRAMS = {
    "straight": (STDIN, "input()\nprint(sum(map(float, input().split())))"),
    "main": (
        STDIN,
        "import sys\ndef main():\n    n, *rest = sys.stdin.read().split()\n"
        "    print(sum(map(float, rest)))\nif __name__ == '__main__':\n    main()",
    ),
    "spaces": (STDIN, "input()\nprint('  ', sum(map(float, input().split())), ' \\n\\n')"),
    "exits": (STDIN, "input()\nprint(sum(map(float, input().split())))\nraise SystemExit"),
    "wrong": (STDIN, "print(6)"),
    "silent": (STDIN, "pass"),
    "raises": (STDIN, "print(1 / 0)"),
    "syntax": (STDIN, "print(("),
    "tuples": (FUNCTION, "def f(a, k):\n    return (a, [k * x for x in a])"),
    "nested tuples": (FUNCTION, "def f(a, k):\n    return [tuple(a), tuple(k * x for x in a)]"),
    "class": (
        FUNCTION,
        "class Solution:\n    def f(self, a, k):\n        return [a, [k * x for x in a]]",
    ),
    "numpy": (
        FUNCTION,
        "import numpy as np\ndef f(a, k):\n    return [a, (k * np.array(a, int)).tolist()]",
    ),
    "a set": (FUNCTION, "def f(a, k):\n    return set(a)"),
    "no such function": (FUNCTION, "def g(a, k):\n    return a"),
    "too many arguments": (FUNCTION, "def f(a):\n    return a"),
}


def normalized(tests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return _normalize_tests(tests, {"func_name": "f"})


def verdict_of_the_cookbook(tests: list[dict[str, Any]], code: str) -> bool:
    cases = code_grading.postprocess_lcb_sample(normalized(tests))
    files = {"test_cases.txt": json.dumps(cases), "code.py": code, "testing_util.py": TEST_UTIL}
    done = run_python(TEST_CODE % {"timeout": 2}, files=files, timeout_s=15, memory_mb=1024)
    return done.exit_code == 0


def grade(tests: list[dict[str, Any]], code: str, sandbox: str = "isolated") -> Any:
    async def check() -> Any:
        await prepare(sandbox, timeout_s=2, memory_mb=1024, allow_unsafe=False)
        return await code_grading.sandbox_check_correctness(normalized(tests), code, timeout=2)

    try:
        return asyncio.run(check())
    finally:
        install(None)


@isolating
@pytest.mark.parametrize(("tests", "code"), PROGRAMS.values(), ids=PROGRAMS)
def test_verdicts_are_the_cookbooks(tests: list[dict[str, Any]], code: str) -> None:
    passed, details = grade(tests, code)
    assert passed == verdict_of_the_cookbook(tests, code)
    assert details["exit_code"] == int(not passed)


@isolating
@pytest.mark.parametrize("code", ["import sys\nsys.exit(0)", "import os\nos._exit(0)"])
def test_an_exit_passes_no_tests_here_though_it_does_upstream(code: str) -> None:
    assert verdict_of_the_cookbook(FUNCTION, code)
    assert grade(FUNCTION, code)[0] is False


@isolating
def test_details_say_what_went_wrong_in_the_harness_s_words() -> None:
    assert "Wrong Answer" in grade(STDIN, "print(6)")[1]["stdout"]
    assert "ZeroDivisionError" in grade(STDIN, "print(1 / 0)")[1]["stdout"]
    slow = grade(STDIN, "while True: pass")[1]["stdout"]
    assert "Time Limit Exceeded" in slow
    noisy = "import os\ndef f(a, k):\n    os.write(1, b'noise')\n    return 1"
    assert "noise" in grade(FUNCTION, noisy)[1]["stdout"]


class _Fusion(BaseHTTPRequestHandler):
    """Answers as SandboxFusion does, and keeps what it was asked."""

    asked: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.asked.append(json.loads(self.rfile.read(length)))
        body = json.dumps({"status": "Success"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def fusion(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Fusion)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SANDBOX_URL", f"http://127.0.0.1:{server.server_port}/run_code")
    _Fusion.asked.clear()
    yield _Fusion.asked
    server.shutdown()
    server.server_close()


def test_sandboxfusion_is_the_cookbooks_own_client(fusion: list[dict[str, Any]]) -> None:
    async def check() -> Any:
        await prepare("sandboxfusion", timeout_s=2, memory_mb=1024, allow_unsafe=False)
        result = await code_grading.sandbox_check_correctness(normalized(STDIN), "print(1)", 2)
        await code_grading._get_sandboxfusion_client().close()
        install(None)
        return result

    passed, _ = asyncio.run(check())
    assert passed
    assert fusion[0]["language"] == "python"
    assert set(fusion[0]["files"]) == {"test_cases.txt", "code.py", "testing_util.py"}
