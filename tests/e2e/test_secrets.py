"""No key and no password gets into anything that a run writes or says.

Canaries stand in the environment, in the git remote and in what a server answers; every byte that
was written below the home directory, the working directory and the temporary one is searched.
"""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import CONVERSATION
from tests.e2e.command import Result

CANARIES = {
    "TINKER_API_KEY": "tml-canary/Of+Tinker0123456789",
    "WANDB_API_KEY": "ca0a7ca0a7ca0a7ca0a7ca0a7ca0a7ca0a7ca0a7",
    "HF_TOKEN": "hf_canaryOfTheHub0123456789",
    "MY_DATABASE_PASSWORD": "canary-of-a-database",
}
REMOTE = "https://me:canary-of-the-remote@example.org/me/recipes.git"
TALKS = """\
version: 1
name: talks
method: sft
backend: local
model: {name: recipe-run/tiny, lora_rank: 4}
data: {kind: conversations, path: talks.jsonl}
batch_size: 2
steps: 2
optimizer: {learning_rate: 1e-3}
logging: {wandb: {project: canaries, mode: offline}, trackio: {project: canaries}, trace: true}
"""
RunCommand = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A git repository with a recipe, and a script of its user's that exports keys."""
    (tmp_path / "talks.yaml").write_text(TALKS)
    (tmp_path / "talks.jsonl").write_text(CONVERSATION * 8)
    exports = "".join(f"export {name}={value}\n" for name, value in CANARIES.items())
    (tmp_path / "start.sh").write_text(exports + "export OTHER_TOKEN=canary-of-a-script\n")
    me = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    for arguments in (
        ["init", "-q"],
        ["remote", "add", "origin", REMOTE],
        ["add", "talks.yaml", "talks.jsonl"],
        [*me, "commit", "-qm", "talks"],
    ):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    return tmp_path


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """An environment full of keys, whose home and temporary directory are searched too."""
    places = {"HOME": tmp_path / "home", "TMPDIR": tmp_path / "tmp"}
    for place in places.values():
        place.mkdir()
    return {**CANARIES, **{name: str(place) for name, place in places.items()}}


def test_a_whole_run_writes_no_key(
    project: Path, recipe_run: RunCommand, surroundings: dict[str, str]
) -> None:
    commands = (
        ["talks.yaml"],
        ["plan", "talks.yaml", "--format", "json", "--no-estimate"],
        ["report", "talks", "-o", "talks.html"],
        ["runs", "show", "talks"],
        ["reproduce", "talks"],
        ["doctor"],
    )
    for command in commands:
        done = recipe_run(*command, **surroundings)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert found_in(f"{done.stdout}\n{done.stderr}".encode()) == []
    for diff in project.glob("runs/talks/*/git.diff"):
        assert "start.sh" in diff.read_text()
    assert list(project.glob("runs/talks/*/wandb/**/*.wandb")), "W&B wrote nothing"
    assert leaks(project) == []


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("flags", [[], ["--debug"]], ids=["plain", "debug"])
def test_a_service_that_says_the_key_back_puts_it_nowhere(
    project: Path,
    recipe_run: RunCommand,
    surroundings: dict[str, str],
    status: int,
    flags: list[str],
) -> None:
    with parrot(lambda _, key: (status, {"detail": f"said back: {key}"})) as url:
        done = recipe_run("talks.yaml", "--backend", url, *flags, **surroundings)
    assert done.returncode == 4
    assert "said back" in done.stderr
    assert ("Traceback" in done.stderr) == bool(flags)
    assert found_in(f"{done.stdout}\n{done.stderr}".encode()) == []
    (log,) = project.glob("runs/talks/*/output.log")
    assert "said back" in log.read_text()
    assert leaks(project) == []


def greeted(path: str, key: str) -> tuple[int, dict[str, object]]:
    """Answer as a service that has a session begin, tells of the key, and fails the first task."""
    told = {f"{kind}_message": f"{kind}: {key}" for kind in ("info", "warning", "error")}
    answers: dict[str, dict[str, object]] = {
        "create_session": {"type": "create_session", "session_id": "s", **told},
        "create_model": {"request_id": "r"},
        "get_server_capabilities": {"supported_models": [{"model_name": "recipe-run/tiny"}]},
        "retrieve_future": {"error": f"said back: {key}", "category": "user"},
        "telemetry": {"status": "accepted"},
    }
    return 200, answers.get(path.rpartition("/")[2], {})


def test_what_a_service_tells_of_the_key_is_in_no_log(
    project: Path, recipe_run: RunCommand, surroundings: dict[str, str]
) -> None:
    (project / "prompts.jsonl").write_text('{"prompt": "1 + 1?"}\n')
    asking = ("sample", "recipe-run/tiny", "--prompts", "prompts.jsonl", "-o", "replies.jsonl")
    with parrot(greeted) as url:
        done = recipe_run("talks.yaml", "--backend", url, "--debug", **surroundings)
        asked = recipe_run(*asking, "--backend", url, "--debug", **surroundings)
    assert (done.returncode, asked.returncode) == (3, 3)
    for text in (done.stdout, done.stderr, asked.stdout, asked.stderr):
        assert found_in(text.encode()) == []
    (log,) = project.glob("runs/talks/*/output.log")
    assert "info: [redacted]" in log.read_text()
    assert "error: [redacted]" in asked.stderr
    assert leaks(project) == []


@pytest.mark.parametrize(
    "command", [["talks.yaml"], ["weights", "list"], ["sample", "m", "--prompts", "p", "-o", "o"]]
)
def test_a_password_in_a_url_is_refused(
    project: Path, recipe_run: RunCommand, command: list[str]
) -> None:
    done = recipe_run(*command, "--backend", "http://me:canary-of-a-url@127.0.0.1:9")
    assert done.returncode in (1, 2)
    assert "password" in done.stderr
    assert not list(project.glob("runs/**/*canary*"))
    assert leaks(project) == []


def test_a_password_in_the_environments_url_is_refused(
    project: Path, recipe_run: RunCommand, surroundings: dict[str, str]
) -> None:
    surroundings["TINKER_BASE_URL"] = "http://me:canary-of-a-url@127.0.0.1:9"
    hosted = ("--backend", "tinker", "--set", "model.name=Qwen/Qwen3-8B", "--yes")
    done = recipe_run("talks.yaml", *hosted, **surroundings)
    assert done.returncode == 4
    assert "a key belongs in TINKER_API_KEY" in done.stderr
    assert found_in(done.stderr.encode()) == []
    assert leaks(project) == []


def leaks(project: Path) -> list[str]:
    """Return `FILE: CANARY` for each that stands in a file that a command wrote."""
    given = {project / "start.sh", project / ".git" / "config"}
    return [
        f"{path.relative_to(project)}: {canary}"
        for path in sorted(project.rglob("*"))
        if path.is_file() and path not in given
        for content in contents(path)
        for canary in found_in(content)
    ]


def contents(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes, and what is packed in it."""
    data = path.read_bytes()
    yield data
    if data[:2] == b"\x1f\x8b":
        yield gzip.decompress(data)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())


def found_in(data: bytes) -> list[str]:
    """Return the canaries that stand in the data, plain or encoded."""
    data = data.lower()
    found = [
        value
        for value in CANARIES.values()
        if any(form.lower() in data for form in forms(value))
    ]  # fmt: skip
    others = (b"canary-of-the-remote", b"canary-of-a-script", b"canary-of-a-url")
    return found + [other.decode() for other in others if other in data]


def forms(value: str) -> list[bytes]:
    plain = value.encode()
    # In base64 a text looks like one of three, by how many bytes stand before it.
    within = [
        base64.b64encode(bytes(before) + plain)[4 if before else 0 : -4] for before in (0, 1, 2)
    ]
    return [plain, *within, plain.hex().encode(), quote(value, safe="").encode()]


@contextmanager
def parrot(answer: Callable[[str, str], tuple[int, dict[str, object]]]) -> Iterator[str]:
    """A server that answers with a status and words of a request's path and key."""

    class Parrot(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = answer(self.path, self.headers.get("X-API-Key", ""))
            words = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(words)))
            self.end_headers()
            self.wfile.write(words)

        do_GET = do_POST

        def log_message(self, *arguments: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Parrot)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
