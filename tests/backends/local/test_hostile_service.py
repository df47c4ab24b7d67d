"""`weights download` from a service that means harm: a real server behind a proxy that lies."""

from __future__ import annotations

import http.client
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from recipe_runner.backends.connection import Connection
from recipe_runner.backends.local.launch import RunningServer
from recipe_runner.backends.weights import Service
from recipe_runner.cli.app import run_command
from recipe_runner.errors import BackendError

RUN = "11111111-2222-3333-4444-555555555555:train:0"
EXTERNAL = f"tinker://{RUN}/external_weights/x"
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


@dataclass
class Liar:
    """What the proxy says in place of the server, and what it was asked."""

    url: str = ""
    urls: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def liar(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Liar]:
    liar = Liar()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            liar.asked.append((self.path, headers))
            if self.path.endswith("/external_weights_urls"):
                urls = {name: url.replace("HERE", liar.url) for name, url in liar.urls.items()}
                self.say(200, json.dumps({"urls": urls, "expires": "2100-01-01T00:00:00Z"}))
            elif self.path.startswith("/to/"):
                self.say(302, "", Location=self.path.removeprefix("/to/"))
            elif self.path == "/short":
                self.say(200, "x", Content_Length="1000")
                self.close_connection = True
            elif self.path == "/file":
                self.say(200, "{}")
            elif self.path == "/none":
                self.say(404, "gone")
            else:
                self.relay()

        def do_POST(self) -> None:
            liar.asked.append((self.path, {}))
            self.relay()

        do_DELETE = do_PUT = do_POST

        def relay(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            address = urlsplit(server.url)
            onward = http.client.HTTPConnection(address.hostname or "", address.port)
            headers = {
                name: value for name, value in self.headers.items() if name.lower() != "host"
            }
            onward.request(self.command, self.path, body, headers)
            answer = onward.getresponse()
            text = answer.read()
            self.say(answer.status, text, Content_Type=answer.headers["Content-Type"] or "")
            onward.close()

        def say(self, status: int, body: str | bytes, **headers: str) -> None:
            data = body.encode() if isinstance(body, str) else body
            self.send_response(status)
            for name, value in {"Content_Length": str(len(data)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing of this goes to the terminal."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        proxy.daemon_threads = True
        liar.url = f"http://127.0.0.1:{proxy.server_address[1]}"
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        monkeypatch.setenv("TINKER_API_KEY", server.api_key)
        yield liar
        proxy.shutdown()
        thread.join()


def download(liar: Liar, path: str, output: Path) -> int:
    where = ["--backend", liar.url, "--dir", str(output.parent / "runs")]
    return run_command(["weights", "download", path, "-o", str(output), *where])


def files_in(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def test_the_proxy_lets_an_honest_download_through(liar: Liar, tmp_path: Path) -> None:
    liar.urls = {"adapter_config.json": "HERE/file", "b.json": f"HERE/to/{liar.url}/file"}
    output = tmp_path / "out"
    assert download(liar, EXTERNAL, output) == 0
    assert {file.name for file in files_in(output)} == {"adapter_config.json", "b.json"}
    # An address carries its own permission: the key goes to the service alone.
    keys = [headers.get("x-api-key") for path, headers in liar.asked if path == "/file"]
    assert keys == [None, None]


ADDRESSES = {
    "a file": "file://SECRET",
    "a file, otherwise": "FILE:SECRET",
    "a local file": "local_file://SECRET",
    "ftp": "ftp://127.0.0.1/x",
    "data": "data:text/plain,secret",
    "a redirect to a file": "HERE/to/file://SECRET",
    "a redirect to ftp": "HERE/to/ftp://127.0.0.1/x",
    "no address": "SECRET",
    "cut short": "HERE/short",
    "missing": "HERE/none",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_but_the_webs_is_opened(
    liar: Liar, tmp_path: Path, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("{}")
    liar.urls = {"adapter_config.json": ADDRESSES[address].replace("SECRET", str(secret))}
    assert download(liar, EXTERNAL, tmp_path / "out") == 3
    assert files_in(tmp_path / "out") == []
    said = capsys.readouterr().err
    assert "was not downloaded" in said
    assert "Failed to connect" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../../x",
        "/tmp/recipe-run-escaped",
        "..",
        ".",
        "",
        "a\0b",
        "x" * 300,
        ".download-x/../../x",
        "adapter_config.json/x",
    ],
)
def test_no_name_leads_out_of_the_directory(
    liar: Liar, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    liar.urls = {"adapter_config.json": "HERE/file", name: "HERE/file"}
    assert download(liar, EXTERNAL, tmp_path / "out") == 3
    assert files_in(tmp_path) == []
    assert not Path("/tmp/recipe-run-escaped").exists()
    said = capsys.readouterr().err
    assert "was not downloaded" in said
    assert "Failed to connect" not in said
    assert "Traceback" not in said


def test_no_archive_is_asked_for_or_unpacked(
    liar: Liar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The Cookbook would unpack it with device files, set-user-id programs and any size.
    sampler = EXTERNAL.replace("external_weights", "sampler_weights")
    assert download(liar, sampler, tmp_path / "out") == 3
    asked = [path for path, _ in liar.asked]
    assert "/api/v1/load_weights" in asked
    assert [path for path in asked if "archive" in path] == []
    with pytest.raises(BackendError, match="has no files"):
        Service(Connection(base_url=liar.url)).download(sampler, tmp_path / "out")
    assert files_in(tmp_path) == []
