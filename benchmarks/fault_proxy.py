"""A proxy before a server that breaks what it is told to: for clients that have to outlive it."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

# What the proxy has to do with a request, by how it ends for the client.
Kind = Literal[
    "refuse",  # answer a status, and leave the server alone
    "drop",  # close the connection, and leave the server alone
    "lose",  # have it done by the server, then close the connection
    "reset",  # the same, with a TCP reset
    "cut",  # the same, after half of the answer
    "delay",  # answer late
]


@dataclass(frozen=True)
class Fault:
    kind: Kind
    status: int = 503
    seconds: float = 0.0


# (endpoint, how many requests of it came before) -> what to break
Script = Callable[[str, int], Fault | None]


@dataclass
class Proxy:
    """What a proxy does, and what it has done.

    Attributes:
        upstream: port of the server on 127.0.0.1.
        done: how often each fault was put in, by kind and endpoint.
    """

    upstream: int
    script: Script
    url: str = ""
    done: Counter[str] = field(default_factory=Counter)
    _seen: Counter[str] = field(default_factory=Counter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on the requests of one connection until it ends, or a fault ends it."""
        # Cancelled is how the proxy itself ends a connection.
        with suppress(OSError, EOFError, asyncio.CancelledError):
            while await self._pass_on(reader, writer):
                pass
        writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request = await _message(reader)
        endpoint = request.split(b" ", 2)[1].decode().partition("?")[0].rpartition("/")[2]
        fault = self.script(endpoint, self._seen[endpoint])
        self._seen[endpoint] += 1
        if fault is None:
            writer.write(await self._answer(request))
            await writer.drain()
            return True
        self.done[f"{fault.kind} {endpoint}"] += 1
        if fault.kind == "refuse":
            writer.write(_refusal(fault.status))
            await writer.drain()
            return True
        if fault.kind == "drop":
            return False
        answer = await self._answer(request)
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
            writer.write(answer)
            await writer.drain()
            return True
        if fault.kind == "cut":
            writer.write(answer[: len(answer) - 1])
            await writer.drain()
        if fault.kind == "reset":
            linger = struct.pack("ii", 1, 0)
            own = writer.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return False

    async def _answer(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            writer.write(request)
            return await _message(reader)
        finally:
            writer.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Read one HTTP message, of a length that its head says."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        return head + await _chunks(reader)
    return head + await reader.readexactly(int(fields.get(b"content-length", b"0")))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        size = await reader.readuntil(b"\r\n")
        body += size + await reader.readexactly(int(size, 16) + 2)
        if int(size, 16) == 0:
            return body


def _refusal(status: int) -> bytes:
    body = json.dumps({"detail": f"the proxy answers {status}"}).encode()
    head = f"HTTP/1.1 {status} Refused\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def faulty(upstream: int, script: Script) -> Iterator[Proxy]:
    """Run a proxy on a port of its own, in a thread, for the length of the block."""
    proxy = Proxy(upstream, script)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(
        asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=2**26), loop
    ).result()
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
