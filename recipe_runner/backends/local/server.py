"""The server process: `python -m recipe_runner.backends.local.server`, and `serve` for the CLI.

Listens on 127.0.0.1 and nowhere else. Prints its URL alone on one line of standard output once it
answers; logs go to standard error. It answers before torch is imported: the engine is built in
the background and requests that need it wait.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from recipe_runner.backends.local.admission import KEY_PREFIX
from recipe_runner.backends.local.app import build_app
from recipe_runner.backends.local.forked import Settings
from recipe_runner.backends.local.launch import KEY_VARIABLE
from recipe_runner.backends.local.service import Service
from recipe_runner.backends.local.store import Store
from recipe_runner.refused import in_words

if TYPE_CHECKING:
    from recipe_runner.backends.local.engine import Engine

HOST = "127.0.0.1"
PARENT_CHECK_S = 1.0
# An idle connection that the server closes just as the SDK reuses it costs the client a retry.
KEEP_ALIVE_S = 3600
SHUTDOWN_S = 1
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(
    *,
    store: Path,
    port: int = 0,
    seed: int = 0,
    threads: int = 1,
    model_path: Path | None = None,
    api_key: str | None = None,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve in the foreground until SIGINT or SIGTERM.

    `api_key` None takes any key that starts with `tml-`. `announce` gets the URL once the server
    answers; by default it is printed alone on a line. Raises ValueError for a key of another
    form, OSError when the port is taken.
    """
    if api_key is not None and not api_key.startswith(KEY_PREFIX):
        raise ValueError(f"an API key must start with {KEY_PREFIX}: the SDK refuses any other")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    listener = _listen(port)
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    service = Service(Store(store), lambda: _build_engine(seed, threads, model_path))
    config = uvicorn.Config(
        build_app(service, api_key),
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    with listener:
        _Server(
            config,
            on_start=lambda: (announce or _print_line)(url),
            on_stop=service.futures.close,
        ).run(sockets=[listener])


def main(settings: Settings, api_key: str | None, *, log_level: str = "info") -> int:
    """Serve until the parent process is gone or says stop; return the exit code.

    Standard input is a pipe whose other end the parent holds; logs go to standard error.
    """
    logging.basicConfig(
        level=log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
        force=True,
    )
    _die_with_parent()
    try:
        serve(**vars(settings), api_key=api_key)
    except OSError as error:
        print(f"error: {in_words(error)}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _settings(argv: Sequence[str] | None = None) -> tuple[Settings, str]:
    parser = argparse.ArgumentParser(prog="recipe_runner.backends.local.server")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model-path", type=Path)
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning"])
    options = vars(parser.parse_args(argv))
    log_level = options.pop("log_level")
    return Settings(**options), log_level


class _Server(uvicorn.Server):
    """Says when it answers, and does not let long polls hold up its end."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_start: Callable[[], None],
        on_stop: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._on_start = on_start
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again once it has stopped, which ends a clean stop in a
        # traceback or in a status of failure.
        previous = {s: signal.signal(s, self.handle_exit) for s in _STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def _print_line(url: str) -> None:
    print(url, flush=True)


def _listen(port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it, every
    # answer waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(1024)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else "ports end at 65535"
        raise OSError(f"cannot listen on {HOST}:{port}: {reason}") from error
    return listener


def _build_engine(seed: int, threads: int, model_path: Path | None) -> Engine:
    # What requests would import on their way is imported here, off their path.
    for module in ("wire", "training", "sampling"):
        importlib.import_module(f"recipe_runner.backends.local.{module}")
    from recipe_runner.backends.local.engine import Engine

    return Engine(seed=seed, threads=threads, model_path=model_path)


def _die_with_parent() -> None:
    """End this process when its parent is gone, however it went.

    The parent holds the other end of standard input, which closes when it dies. A process that
    the parent forked may hold that end open too, so the parent's id is looked at as well: an
    orphan is adopted by another process. (PR_SET_PDEATHSIG would end the server with the thread
    that started it, not with the process.)
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            readable, _, _ = select.select([sys.stdin], [], [], PARENT_CHECK_S)
            if readable and not os.read(sys.stdin.fileno(), 4096):
                break
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


if __name__ == "__main__":
    chosen, level = _settings()
    sys.exit(main(chosen, os.environ.pop(KEY_VARIABLE, "") or None, log_level=level))
