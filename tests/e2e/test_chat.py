"""A run is trained, and then asked beside what it started from: `sample` to a file, `chat` live."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.command import INSTALLED, Result, environment
from tests.e2e.conftest import rows

SMALL = "rollout={groups_per_batch: 2, group_size: 2, max_tokens: 12}"


class Terminal:
    """The command at a terminal of its own, narrow as a phone's."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.chdir(directory)
            os.execve(str(INSTALLED), [str(INSTALLED), *arguments], environment(COLUMNS="40"))
        self._seen = ""

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def wait_for(self, pattern: str, seconds: float = 90) -> re.Match[str]:
        """Return the first match in what has been printed since the last one."""
        deadline = time.monotonic() + seconds
        while (match := re.search(pattern, self._seen)) is None:
            assert time.monotonic() < deadline, f"{pattern!r} is not in {self._seen!r}"
            if select.select([self._fd], [], [], 0.1)[0]:
                self._seen += os.read(self._fd, 65536).decode().replace("\r", "")
        self._seen = self._seen[match.end() :]
        return match

    def end(self) -> int:
        """Return the exit code, once it has ended."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if select.select([self._fd], [], [], 0.1)[0]:
                    os.read(self._fd, 65536)
            except OSError:  # its end is closed
                break
        os.close(self._fd)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


@pytest.mark.timeout(400)
def test_trained_then_asked_before_and_after(
    recipe_run: Callable[..., Result],
    start_installed: Callable[..., subprocess.Popen[str]],
    root: Path,
    tmp_path: Path,
) -> None:
    recipe = root / "recipes/quickstart.yaml"
    every = ("--set", "checkpoint.every=1")
    done = recipe_run(recipe, "--steps", "2", "--set", SMALL, *every)
    assert done.returncode == 0, done.stderr

    prompts = [{"prompt": "3 + 4", "answer": "7"}, {"prompt": "10 - 6"}]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(each) + "\n" for each in prompts))
    output = tmp_path / "out.jsonl"
    asked = ("quickstart@1", "Qwen/Qwen3-8B", "--prompts", "p.jsonl", "-o", output, "-n", "2")
    done = recipe_run("sample", *asked)
    assert done.returncode == 0, done.stderr
    assert "stand-in" in done.stderr
    assert "Warning" not in done.stderr
    answers = rows(output)
    assert len(answers) == 8
    of_run, of_base = ([a for a in answers if a["label"] == name] for name in asked[:2])
    assert of_run[0]["checkpoint"].endswith("/sampler_weights/000001")
    assert of_base[0]["checkpoint"] is None
    assert (of_run[0]["stand_in"], bool(of_base[0]["stand_in"])) == (None, True)
    assert sorted(a["sampling"]["seed"] for a in of_run) == sorted(
        a["sampling"]["seed"] for a in of_base
    )
    first = next(a for a in of_run if a["index"] == 0)
    assert first["prompt"][0]["content"].startswith("Question: 3 + 4\n")
    assert (first["answer"], first["sampling"]["max_tokens"]) == ("7", 12)
    assert all(0 < a["num_tokens"] <= 12 for a in answers)
    assert {a["stop_reason"] for a in answers} <= {"stop", "length"}

    refused = recipe_run("sample", *asked)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    (tmp_path / "bad.jsonl").write_text('{"prompt": 3}\n')
    refused = recipe_run("sample", "quickstart", "--prompts", "bad.jsonl", "-o", "other.jsonl")
    assert refused.returncode == 3
    assert "bad.jsonl:1: column 'prompt': has to be a text" in refused.stderr

    server = start_installed("serve", "--store", tmp_path / "runs/.local")
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    chat = Terminal(tmp_path, "chat", "quickstart@1", "recipe-run/tiny", "--backend", url)
    chat.wait_for("> ")
    chat.type("3 + 4\n")
    chat.wait_for(r"quickstart@1\n(.+)\n\nrecipe-run/tiny\n(.+)\n\n> ")
    chat.type("/system Be kind.\n")
    chat.wait_for("system prompt set\n> ")
    server.send_signal(signal.SIGSTOP)
    chat.type("3 + 4\n")
    time.sleep(1)
    chat.type("\x03")
    chat.wait_for("that line is forgotten\n> ")
    server.send_signal(signal.SIGCONT)
    chat.type("5 + 4\n")
    chat.wait_for(r"quickstart@1\n(.+)\n\nrecipe-run/tiny\n(.+)\n\n> ")
    chat.type("/nothing\n")
    chat.wait_for(r"there is no /nothing(?:.|\n)*?\n> ")
    chat.type("\x04")
    assert chat.end() == 0

    lines = "3 + 4\n/reset\n3 + 4\n"
    piped = subprocess.run(
        [str(INSTALLED), "chat", "recipe-run/tiny", "--backend", url, "--temperature", "0"],
        cwd=tmp_path,
        env=environment(),
        input=lines,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert piped.returncode == 0, piped.stderr
    replies = piped.stdout.splitlines()
    assert len(replies) == 2
    assert replies[0] == replies[1]
