"""One server with the shipped model for all loops, and short ways to call it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recipe_runner.backends.local.launch import RunningServer, launch

MODEL = "recipe-run/tiny"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    directory = tmp_path_factory.mktemp("server")
    with launch(store=directory / "store", log=directory / "server.log") as running:
        yield running


@pytest.fixture
def credentials(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINKER_BASE_URL", server.url)
    monkeypatch.setenv("TINKER_API_KEY", server.api_key)
