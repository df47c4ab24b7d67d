"""What the stages of a pipeline leave, and the references to it that later stages hold.

A template such as `{{ stages.sft.checkpoint }}` becomes `stage:sft@final`, and
`{{ stages.data.output }}` becomes `stage:data/output`: the run puts the real ones in their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from recipe_runner.language.diagnostics import Report
from recipe_runner.language.suggest import nearest
from recipe_runner.language.tree import Node, descend
from schemas import METHODS
from schemas.base import STAGE, stage_checkpoint, stage_output
from schemas.common import TrainingKeys

_REFERENCE = re.compile(rf"{STAGE}([^@/]*)(?:(@(?:\d+|final))|(/output))")


@dataclass(frozen=True)
class Earlier:
    """The stages of a pipeline as one of them (`current`) may refer to them.

    `methods` are those of the stages before it, None where a stage's method is wrong.
    """

    names: tuple[str, ...]
    current: str
    methods: Mapping[str, str | None]

    def complaint(self, name: str, what: str) -> str | None:
        """Say why a stage leaves no such thing to the current one; none where it does."""
        if name == self.current:
            return f"stage `{name}` cannot use what it leaves itself"
        if name not in self.methods:
            if name in self.names:
                return f"stage `{name}` runs after `{self.current}`, so it has left nothing yet"
            near = nearest(name, self.names)
            hint = f"; did you mean `{near}`?" if near else f"; there are {', '.join(self.names)}"
            return f"the pipeline has no stage `{name}`{hint}"
        method = self.methods[name]
        if what not in ("checkpoint", "output"):
            return f"a stage leaves `checkpoint` or `output`, not `{what}`"
        if method is None or leaves(method) == what:
            return None
        if leaves(method) is None:
            return f"stage `{name}` (method: {method}) leaves nothing that a stage could use"
        return f"stage `{name}` (method: {method}) leaves no {what}; it leaves `{leaves(method)}`"


def leaves(method: str) -> str | None:
    """Return what a stage of this method leaves to later ones."""
    if method == "generate":
        return "output"
    return "checkpoint" if issubclass(METHODS[method], TrainingKeys) else None


class StagesInTemplates(Mapping[str, Any]):
    """`stages` as templates see it."""

    def __init__(self, earlier: Earlier) -> None:
        self._earlier = earlier

    def __getitem__(self, name: str) -> Any:
        if name not in self._earlier.methods:
            _refuse(self._earlier.complaint(name, "checkpoint"))
        return _Left(self._earlier, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._earlier.methods)

    def __len__(self) -> int:
        return len(self._earlier.methods)


class _Left(Mapping[str, str]):
    """What one stage leaves, as templates see it."""

    def __init__(self, earlier: Earlier, name: str) -> None:
        self._earlier, self._name = earlier, name

    def __getitem__(self, what: str) -> str:
        complaint = self._earlier.complaint(self._name, what)
        if complaint is not None:
            _refuse(complaint)
        return stage_output(self._name) if what == "output" else stage_checkpoint(self._name)

    def __iter__(self) -> Iterator[str]:
        return iter(("checkpoint", "output"))

    def __len__(self) -> int:
        return 2


def _refuse(message: str | None) -> None:
    from recipe_runner.language.sandbox import TemplateFault

    assert message is not None, "only what is wrong is refused"
    raise TemplateFault(message)


def check_references(root: Node, earlier: Earlier | None, report: Report) -> None:
    """Report every written `stage:…` that is not what an earlier stage leaves.

    `earlier` is none where the recipe is no stage of a pipeline.
    """
    for path, node in descend(root):
        if not isinstance(node.value, str) or not node.value.startswith(STAGE):
            continue
        found = _REFERENCE.fullmatch(node.value)
        if found is None or node.broken:
            continue
        if earlier is None:
            complaint: str | None = "only the stages of a pipeline can name what a stage left"
        else:
            complaint = earlier.complaint(found[1], "output" if found[3] else "checkpoint")
        if complaint is not None:
            node.broken = True
            report.add(node.place, path, "stage", f"{node.value}: {complaint}")
