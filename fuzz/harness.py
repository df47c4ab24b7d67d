"""Gives one target to atheris: `python -m fuzz.harness TARGET [libFuzzer's options] CORPUS`."""

from __future__ import annotations

import sys

import atheris

from fuzz.targets import load

# What is to be explored; the libraries that compute are left as they are.
_INSTRUMENTED = ["fuzz", "recipe_runner", "schemas", "jinja2", "ruamel"]


def main() -> None:
    with atheris.instrument_imports(include=_INSTRUMENTED):
        target = load(sys.argv[1])
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
