"""What a web page can do to a server on this machine, tried in a browser: nothing."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from recipe_runner.backends.local.launch import RunningServer, launch
from tests.browser import REBOUND_HOST, until

# Every way that a page has of sending a request; each says what it could read of the answer.
ATTACK = """<!doctype html><title>evil</title><body><script>
const [target, key] = [ORIGIN, KEY];
const body = JSON.stringify({tags: [], sdk_version: "0.38.0"});
const url = `${target}/api/v1/create_session`;
const read = {};
const note = (how, what) => { read[how] = String(what); };
const tried = (how, sending) => sending.then((answer) => answer.text()).then(
  (text) => note(how, `read ${text}`), (error) => note(how, `refused ${error.name}`));
const posted = (headers, mode) => fetch(url, {method: "POST", body, headers, mode});
const form = Object.assign(document.createElement("form"), {
  action: url, method: "POST", enctype: "text/plain", target: "sink"});
form.append(Object.assign(document.createElement("input"), {name: body, value: ""}));
const sink = Object.assign(document.createElement("iframe"), {name: "sink"});
const image = new Image();
const socket = new WebSocket(target.replace("http", "ws") + "/api/v1/create_session");
const events = new EventSource(`${target}/api/v1/sessions`);
document.body.append(sink, form);
form.submit();
image.onload = () => note("image", "read");
image.onerror = () => note("image", "refused");
image.src = `${target}/api/v1/sessions`;
socket.onopen = () => note("socket", "read");
socket.onerror = () => note("socket", "refused");
events.onopen = () => note("events", "read");
events.onerror = () => { note("events", "refused"); events.close(); };
navigator.sendBeacon(url, body);
Promise.all([
  tried("simple", posted({"Content-Type": "text/plain"}, "cors")),
  tried("keyed", posted({"Content-Type": "application/json", "X-API-Key": key}, "cors")),
  tried("listing", fetch(`${target}/api/v1/sessions`, {headers: {"X-API-Key": key}})),
  tried("deleting", fetch(`${target}/api/v1/sessions`, {method: "DELETE"})),
  posted({"Content-Type": "text/plain"}, "no-cors").then((answer) => note("opaque", answer.type)),
]).then(() => { window.read = read; });
</script>"""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose key the page knows: as with `serve`, which takes any."""
    with launch(store=tmp_path_factory.mktemp("target"), api_key="tml-known") as running:
        yield running


def sessions(server: RunningServer) -> list[str]:
    headers = {"X-API-Key": server.api_key}
    listed = httpx.get(f"{server.url}/api/v1/sessions", headers=headers).raise_for_status()
    found: list[str] = listed.json()["sessions"]
    return found


@pytest.fixture
def evil_page(target: RunningServer, tmp_path: Path) -> Iterator[str]:
    """A page on another port, which is another origin."""
    page = ATTACK.replace("ORIGIN", json.dumps(target.url)).replace("KEY", json.dumps("tml-known"))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing of this goes to the terminal."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://localhost:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def test_a_page_of_another_origin_reads_and_changes_nothing(
    browser: Any, target: RunningServer, evil_page: str
) -> None:
    browser.get(evil_page)
    read = until(browser, "return window.read && Object.keys(window.read).length >= 8 && read")
    browser.get("about:blank")
    browser.get_log("browser")
    assert read.pop("opaque") in ("opaque", "error")
    assert [how for how, what in read.items() if not what.startswith("refused")] == [], read
    assert sessions(target) == []


REBOUND = """
const done = arguments[arguments.length - 1];
fetch("/api/v1/create_session", {
  method: "POST", body: JSON.stringify({tags: []}), headers: {"X-API-Key": "tml-known"},
}).then((answer) => answer.text()).then(done, (error) => done(String(error)));
"""


def test_a_page_whose_name_now_resolves_to_this_machine_is_refused(
    browser: Any, target: RunningServer
) -> None:
    # DNS rebinding: to the browser the server is of the page's own origin, so it asks nobody.
    browser.get(f"http://{REBOUND_HOST}:{urlsplit(target.url).port}/api/v1/healthz")
    said = browser.execute_async_script(REBOUND)
    browser.get("about:blank")
    browser.get_log("browser")
    assert "127.0.0.1 and localhost alone" in said
    assert sessions(target) == []
