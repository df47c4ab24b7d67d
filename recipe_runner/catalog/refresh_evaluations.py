"""Writes data/evaluations.json from the installed Cookbook and inspect_evals.

    python -m recipe_runner.catalog.refresh_evaluations

Names and needs are read from the packages; packages that one benchmark alone imports while it runs
are written down here.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "evaluations.json"

# Benchmark -> what to install for it beyond the Cookbook's own extra.
PACKAGES = {"ifbench": "pip install 'ifbench @ git+https://github.com/allenai/IFBench.git'"}
# Benchmark -> why its data set does not simply load.
ACCESS = {"gpqa": "its data set is gated: accept the terms on the hub and set HF_TOKEN"}


def collect() -> dict[str, Any]:
    """Return what evaluations.json holds."""
    return {"benchmarks": _benchmarks(), "inspect_evals": _inspect_tasks()}


def _benchmarks() -> dict[str, Any]:
    from tinker_cookbook.eval import benchmarks

    for module in pkgutil.iter_modules(benchmarks.__path__):
        if module.name not in ("_common", "_runner", "_types"):
            importlib.import_module(f"{benchmarks.__name__}.{module.name}")
    return {
        name: {
            "sandbox": each.requires_sandbox,
            "judge": each.requires_judge,
            "experimental": each.experimental,
            "timeout_s": round(each.recommended_timeout),
            "note": PACKAGES.get(name) or ACCESS.get(name),
        }
        for name, each in sorted(benchmarks.REGISTRY.items())
    }


def _inspect_tasks() -> list[str]:
    from inspect_ai._util.registry import registry_find, registry_info
    from inspect_evals import _registry

    assert _registry is not None
    found = registry_find(
        lambda info: info.type == "task" and info.name.startswith("inspect_evals/")
    )
    return sorted({registry_info(task).name.removeprefix("inspect_evals/") for task in found})


def render(data: dict[str, Any]) -> str:
    """One line an entry, so that a change of the packages shows as a readable diff."""
    rows = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in data["benchmarks"].items()
    )
    names = ",\n".join(f"  {json.dumps(name)}" for name in data["inspect_evals"])
    return f'{{\n "benchmarks": {{\n{rows}\n }},\n "inspect_evals": [\n{names}\n ]\n}}\n'


if __name__ == "__main__":
    DATA.write_text(render(collect()), "utf-8")
