"""Addresses that a service names: the web's, and none of this machine's files."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any

# Of silence, in which no byte has come.
PATIENCE_S = 60.0


class _Web(urllib.request.OpenerDirector):
    """Opens http and https alone, also after a redirect."""

    def __init__(self) -> None:
        super().__init__()
        for handler in (
            urllib.request.ProxyHandler,
            urllib.request.UnknownHandler,
            urllib.request.HTTPHandler,
            urllib.request.HTTPSHandler,
            urllib.request.HTTPDefaultErrorHandler,
            urllib.request.HTTPRedirectHandler,
            urllib.request.HTTPErrorProcessor,
        ):
            self.add_handler(handler())

    def open(self, fullurl: Any, data: Any = None, timeout: float | None = None) -> HTTPResponse:
        return super().open(fullurl, data, PATIENCE_S)


@contextmanager
def web_alone() -> Iterator[None]:
    """While the block lasts, urllib opens nothing but the web, and gives up on a silent server.

    By itself it opens `file:` and `ftp:` too, and waits for ever.
    """
    urllib.request.install_opener(_Web())
    try:
        yield
    finally:
        urllib.request.install_opener(urllib.request.build_opener())
