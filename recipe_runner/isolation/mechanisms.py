"""The ways to shut a program in, and which of them works on this machine.

A mechanism is a command that starts the launcher, and the jail that the launcher makes itself
where the command does not. Whether one works is found out by running a program with it, once:
versions and settings of the kernel do not tell.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from recipe_runner.isolation.interpreter import DEVICES, Interpreter
from recipe_runner.isolation.payload import Jail

# Bytes that a program may write into its throw-away directory, in all.
SPACE = 64 << 20
LAUNCHER = Path(__file__).with_name("launcher.py").read_text("utf-8")
_NOBODY = 65534


@dataclass(frozen=True)
class Start:
    """How to start the launcher.

    Attributes:
        command: to which the launcher's two descriptors are added.
        executable: the interpreter that becomes the program.
        directory: the throw-away directory, as the program sees it.
        jail: what the launcher builds itself, if it does.
        user: the user to start it as, None for the one that this runs as.
    """

    command: list[str]
    executable: str
    directory: str
    jail: Jail | None = None
    user: int | None = None


@dataclass(frozen=True)
class Mechanism:
    """One way to run programs.

    Attributes:
        name: as users read it.
        start: the interpreter and an empty directory of this run's -> how to start.
        is_isolated: whether it keeps a program from the rest of the machine.
    """

    name: str
    start: Callable[[Interpreter, str], Start]
    is_isolated: bool = True


def _launcher(interpreter: Interpreter) -> list[str]:
    return [interpreter.executable, "-I", "-S", "-c", LAUNCHER]


def _in_namespaces(interpreter: Interpreter, directory: str) -> Start:
    jail = Jail(
        root=directory,
        binds=list(interpreter.binds),
        hidden=list(interpreter.hidden),
        inside_hidden=list(interpreter.packages),
        links=_links(interpreter),
        devices=_devices(),
        space=SPACE,
    )
    return Start(_launcher(interpreter), interpreter.executable, "/box", jail)


def _in_bubblewrap(interpreter: Interpreter, directory: str) -> Start:
    bwrap = shutil.which("bwrap") or "bwrap"
    command = [bwrap, "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    for path in interpreter.binds:
        command += ["--ro-bind", path, path]
    for path in interpreter.hidden:
        command += ["--tmpfs", path]
    for source, target in interpreter.packages:
        command += ["--ro-bind", source, target]
    for path in _devices():
        command += ["--dev-bind", path, path]
    for path, target in _links(interpreter):
        command += ["--symlink", target, path]
    if _takes(bwrap, "--disable-userns"):
        command += ["--unshare-user", "--disable-userns"]
    if _takes(bwrap, "--size"):
        command += ["--size", str(SPACE)]
    command += ["--tmpfs", "/box", "--remount-ro", "/"]
    # Root would be spared the limit on processes, also inside.
    user = _NOBODY if os.geteuid() == 0 else None
    command += ["--chdir", "/box", "--", *_launcher(interpreter)]
    return Start(command, interpreter.executable, "/box", user=user)


@cache
def _takes(bwrap: str, option: str) -> bool:
    """Whether this bubblewrap has an option; 0.8 and later have both that are asked for."""
    helped = subprocess.run([bwrap, "--help"], capture_output=True, text=True, check=False)
    return option in helped.stdout + helped.stderr


def _links(interpreter: Interpreter) -> list[tuple[str, str]]:
    """Return the symbolic links; all that a program writes goes to one place, which is bounded."""
    return [*interpreter.links, ("/tmp", "/box"), ("/dev/shm", "/box")]


def _devices() -> list[str]:
    return [path for path in DEVICES if os.path.exists(path)]


def _without(interpreter: Interpreter, directory: str) -> Start:
    return Start(_launcher(interpreter), sys.executable, directory)


BUBBLEWRAP = Mechanism("bubblewrap", _in_bubblewrap)
NAMESPACES = Mechanism("namespaces", _in_namespaces)
NONE = Mechanism("none", _without, is_isolated=False)


def candidates() -> Sequence[Mechanism]:
    """Return the mechanisms to try, best first.

    Bubblewrap works in more places than namespaces of our own (a distribution may allow it alone,
    or install it with rights of its own). Root is the exception: only the namespaces can turn it
    into nobody and still show a Python that lies in root's home.
    """
    installed = [BUBBLEWRAP] if shutil.which("bwrap") else []
    return [NAMESPACES, *installed] if os.geteuid() == 0 else [*installed, NAMESPACES]
