"""Run alone, without this project: print what each script's `config()` makes, as JSON.

    python -I build_configs.py DIRECTORY [MODULES…]

DIRECTORY holds the scripts; MODULES are directories of the user's own code.
"""

import importlib.util
import json
import sys
from enum import Enum
from functools import partial
from pathlib import Path

import chz

OURS = ("recipe_runner", "schemas")


class Blocked:
    """Refuses to import this project, which the environment has."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in OURS:
            raise ImportError(f"a script imports {name}")


def tree(value):
    if chz.is_chz(value):
        cls = type(value)
        fields = {name: tree(getattr(value, name)) for name in chz.chz_fields(value)}
        return {"class": f"{cls.__module__}:{cls.__qualname__}", **fields}
    if isinstance(value, partial):
        return {"class": f"{value.func.__module__}:{value.func.__qualname__}", **value.keywords}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: tree(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [tree(item) for item in value]
    return value


def built(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = {"config": tree(module.config())}
    if hasattr(module, "data"):
        found["data"] = tree(module.data())
    return found


if __name__ == "__main__":
    sys.meta_path.insert(0, Blocked())
    sys.path[:0] = sys.argv[2:]
    scripts = sorted(Path(sys.argv[1]).glob("*.py"))
    print("BUILT", json.dumps({path.stem: built(path) for path in scripts}))
