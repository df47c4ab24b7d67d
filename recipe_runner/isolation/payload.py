"""What the runner tells the launcher: plain values, so that they can be marshalled."""

from __future__ import annotations

from typing import TypedDict


class Jail(TypedDict):
    """What a process in namespaces of its own sees.

    Attributes:
        root: an empty directory to build the new root file system on.
        binds: paths of the machine that stay visible, read-only.
        hidden: directories among them whose contents do not.
        inside_hidden: paths (from, to) shown in a hidden directory all the same.
        links: symbolic links (path, where it points).
        devices: paths of device nodes.
        space: bytes that the program may write in all.
    """

    root: str
    binds: list[str]
    hidden: list[str]
    inside_hidden: list[tuple[str, str]]
    links: list[tuple[str, str]]
    devices: list[str]
    space: int


class Payload(TypedDict):
    """What to run, and how.

    Attributes:
        argv: the program's interpreter and its arguments.
        environment: the program's environment, all of it.
        directory: the throw-away directory, as the program sees it.
        files: paths in it and what they hold.
        stdin: what the program reads; the end of file follows.
        limits: numbers of `resource` and the limit for each.
        jail: None where something else (bubblewrap), or nothing, shuts the program in.
    """

    argv: list[str]
    environment: dict[str, str]
    directory: str
    files: dict[str, bytes]
    stdin: bytes
    limits: list[tuple[int, int]]
    jail: Jail | None
