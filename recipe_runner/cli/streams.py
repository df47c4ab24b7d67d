"""The standard streams as a shell may leave them: closed, or in an encoding that few texts fit."""

from __future__ import annotations

import io
import os
import sys

_STREAMS = ("stdin", "stdout", "stderr")


def prepare_streams() -> None:
    """Make file names, input and output UTF-8, and every stream one that can be written to.

    A locale without UTF-8 would keep a recipe's own data file from being found, and the Cookbook
    writes in the locale's encoding: Python is started again in its UTF-8 mode, as it would be by
    PYTHONUTF8=1.
    """
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, sys.orig_argv)
    for descriptor, name in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            _open_nothing(descriptor, name)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A byte of a name that is no text, and what PYTHONIOENCODING has no character for.
            stream.reconfigure(errors="backslashreplace")


def _open_nothing(descriptor: int, name: str) -> None:
    """Put nothing in a closed stream's place: the next file to be opened would get its number."""
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != descriptor:
        os.dup2(nothing, descriptor)
        os.close(nothing)
    setattr(sys, name, os.fdopen(descriptor, "r" if name == "stdin" else "w", closefd=False))
