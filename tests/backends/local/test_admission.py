"""Who is let in: programs that have the key and ask for this machine by its own name."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import pytest
from starlette.routing import Mount, Route

from recipe_runner.backends.local.app import build_app
from recipe_runner.backends.local.launch import KEY_VARIABLE, RunningServer
from recipe_runner.backends.local.service import Service
from recipe_runner.backends.local.store import Store

SESSION = json.dumps({"tags": [], "sdk_version": "0.38.0"})
SESSIONS = "/api/v1/sessions"


def ask(
    server: RunningServer,
    path: str,
    headers: list[tuple[str, str]],
    *,
    method: str = "GET",
    body: str = "",
) -> tuple[int, str, dict[str, str]]:
    """Send exactly these headers, and return the status, the body and the answer's headers."""
    port = urlsplit(server.url).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value.replace("PORT", str(port)))
    if body:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body.encode() or None)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, {name.lower(): value for name, value in answer.getheaders()}


@pytest.fixture(params=["its own key", "any key"], scope="module")
def guarded(
    request: pytest.FixtureRequest, server: RunningServer, served: RunningServer
) -> RunningServer:
    """A run's server, and one of `recipe-run serve`: `api_key` is one that each takes."""
    return server if request.param == "its own key" else served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    code = "from recipe_runner.backends.local.server import serve; from pathlib import Path;"
    store = tmp_path_factory.mktemp("served")
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code} serve(store=Path({str(store)!r}))"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process, process.stdout:
        yield RunningServer(process.stdout.readline().strip(), "tml-guessed", process.pid)
        process.terminate()


@pytest.mark.parametrize("host", ["127.0.0.1:PORT", "localhost:PORT", "LOCALHOST:9000", "[::1]:80"])
def test_this_machines_own_names_are_taken(guarded: RunningServer, host: str) -> None:
    # Any port: that of a tunnel to this machine is the tunnel's.
    headers = [("Host", host), ("X-API-Key", guarded.api_key)]
    assert ask(guarded, SESSIONS, headers)[0] == 200


NOT_THIS_MACHINE: dict[str, list[tuple[str, str]]] = {
    "none": [],
    "empty": [("Host", "")],
    "rebound": [("Host", "evil.example:PORT")],
    "a prefix": [("Host", "127.0.0.1.evil.example:PORT")],
    "a suffix": [("Host", "evil.example#127.0.0.1")],
    "userinfo": [("Host", "127.0.0.1:PORT@evil.example")],
    "another address of this machine": [("Host", "127.0.0.2:PORT")],
    "all addresses": [("Host", "0.0.0.0:PORT")],
    "a number": [("Host", "2130706433:PORT")],
    "another way to write it": [("Host", "[::ffff:127.0.0.1]:PORT")],
    "a trailing dot": [("Host", "localhost.:PORT")],
    "two of them": [("Host", "127.0.0.1:PORT"), ("Host", "evil.example")],
    "two, the other way": [("Host", "evil.example"), ("Host", "127.0.0.1:PORT")],
    "what a proxy says": [("Host", "evil.example"), ("X-Forwarded-Host", "127.0.0.1:PORT")],
    "forwarded": [("Host", "evil.example"), ("Forwarded", "host=127.0.0.1")],
}


@pytest.mark.parametrize("host", NOT_THIS_MACHINE)
def test_another_name_is_refused_with_the_right_key_too(guarded: RunningServer, host: str) -> None:
    headers = [*NOT_THIS_MACHINE[host], ("X-API-Key", guarded.api_key)]
    status, text, _ = ask(guarded, SESSIONS, headers)
    assert status in (400, 403), text
    assert "sessions" not in text


def test_what_a_forged_host_cannot_reach_it_cannot_sign_either(server: RunningServer) -> None:
    path = "/api/v1/training_runs/a:train:0/checkpoints/external_weights/x/external_weights_urls"
    headers = [("Host", "evil.example"), ("X-API-Key", server.api_key)]
    assert "evil.example" not in ask(server, path, headers)[1]


@pytest.mark.parametrize(
    "browser",
    [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://127.0.0.1:PORT"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Site", "same-origin"),
    ],
)
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_page_in_a_browser_is_refused(
    guarded: RunningServer, browser: tuple[str, str], content_type: str
) -> None:
    headers = [
        ("Host", "127.0.0.1:PORT"),
        ("X-API-Key", guarded.api_key),
        ("Content-Type", content_type),
        browser,
    ]
    status, text, answer = ask(
        guarded, "/api/v1/create_session", headers, method="POST", body=SESSION
    )
    assert status == 403, text
    assert "session_id" not in text
    assert not [name for name in answer if name.startswith("access-control-")]


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "TRACE", "CONNECT"])
def test_a_preflight_is_given_no_permission(guarded: RunningServer, method: str) -> None:
    headers = [
        ("Host", "127.0.0.1:PORT"),
        ("Origin", "https://evil.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "x-api-key"),
    ]
    status, _, answer = ask(guarded, "/api/v1/create_session", headers, method=method)
    assert status >= 400
    assert not [name for name in answer if name.startswith("access-control-")]


def every_route(tmp_path: Path) -> list[tuple[str, str]]:
    def never() -> NoReturn:
        raise AssertionError("the engine is not asked")

    app = build_app(Service(Store(tmp_path), never), "tml-x")
    (root,) = app.routes
    assert isinstance(root, Mount)
    routes = [route for route in root.routes if isinstance(route, Route)]
    return [
        (method, root.path + route.path)
        for route in routes
        for method in sorted(route.methods or ())
    ]


def test_without_the_key_every_route_says_the_same_thing_and_no_more(
    server: RunningServer, tmp_path: Path
) -> None:
    said = set()
    routes = every_route(tmp_path)
    assert len(routes) > 30
    unknown = [("GET", path) for path in ("/", "/docs", "/openapi.json", "/api/v1/no", "/metrics")]
    for method, path in [*routes, *unknown]:
        if "{signature}" in path:
            continue
        for key in ([], [("X-API-Key", "tml-wrong")], [("X-API-Key", "")]):
            status, text, answer = ask(
                server, path, [("Host", "127.0.0.1:PORT"), *key], method=method, body="{}"
            )
            assert status == 401, (method, path)
            assert "server" not in answer
            said.add(text)
    said.discard("")
    assert len(said) == 1, said


@pytest.mark.parametrize(
    "wrong",
    [
        lambda key: key[:-1],
        lambda key: key + "x",
        lambda key: key + ".1",
        lambda key: key + ".x.y",
        lambda key: key.upper(),
        lambda key: "Bearer " + key,
        lambda key: key.replace("t", "\xe9", 1),
    ],
)
def test_a_key_that_is_nearly_right_is_wrong(
    server: RunningServer, wrong: Callable[[str], str]
) -> None:
    headers = [("Host", "127.0.0.1:PORT"), ("X-API-Key", wrong(server.api_key))]
    assert ask(server, SESSIONS, headers)[0] == 401


def test_a_key_is_taken_from_its_header_alone(server: RunningServer) -> None:
    host = ("Host", "127.0.0.1:PORT")
    for path, headers in (
        (f"{SESSIONS}?api_key={server.api_key}&X-API-Key={server.api_key}", []),
        (SESSIONS, [("Authorization", f"Bearer {server.api_key}")]),
        (SESSIONS, [("Cookie", f"X-API-Key={server.api_key}")]),
    ):
        assert ask(server, path, [host, *headers])[0] == 401


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/api/v1/sessions",
        "//evil.example/api/v1/sessions",
        "/api/v1/healthz/../sessions",
        "/api/v1/external_weights/../sessions",
        "/api/v1/external_weights/%2e%2e/sessions",
        "/api/v1/external_weights/..%2fsessions",
        "/api/v1//sessions",
        "/API/V1/sessions",
        "*",
    ],
)
def test_no_way_of_writing_a_target_goes_round_the_key(server: RunningServer, target: str) -> None:
    status, text, _ = ask(server, target, [("Host", "127.0.0.1:PORT")])
    assert status in (400, 401, 404), text
    assert '"sessions"' not in text


@pytest.mark.parametrize("signature", ["0" * 64, "", "%ff%fe", "é".encode().hex(), "x" * 5000])
def test_a_forged_signature_is_refused_in_words(server: RunningServer, signature: str) -> None:
    path = f"/api/v1/external_weights/9999999999/{signature}/a:train:0/x/adapter_config.json"
    status, text, _ = ask(server, path, [("Host", "127.0.0.1:PORT")])
    assert status in (403, 404), text
    assert "fault" not in text


def test_the_key_is_in_no_log_and_no_name_of_a_file(tmp_path: Path) -> None:
    key = "tml-canary-8d1f"
    command = [sys.executable, "-m", "recipe_runner.backends.local.server", "--log-level", "debug"]
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--store", str(tmp_path / "store")],
            env={**os.environ, KEY_VARIABLE: key},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    with process:
        server = RunningServer(process.stdout.readline().strip(), key, process.pid)
        own = [("Host", "127.0.0.1:PORT"), ("X-API-Key", key)]
        for path in (SESSIONS, f"{SESSIONS}?key={key}", "/api/v1/no"):
            ask(server, path, own)
        ask(server, "/api/v1/create_session", own, method="POST", body=SESSION)
        process.terminate()
    logged = (tmp_path / "server.log").read_text()
    assert f"GET {SESSIONS} 200" in logged
    assert key not in logged
    assert not [file for file in tmp_path.rglob("*") if key in file.name]
