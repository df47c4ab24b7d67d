"""`Original`: what a command would have run."""

from __future__ import annotations

from dataclasses import dataclass, field

from recipe_runner.compile.from_cookbook.draft import Tree


@dataclass(frozen=True)
class Original:
    """A configuration, as a tree in the form of `export --to json`.

    Attributes:
        kind: `module:name` of the configuration's class.
        config: its fields; a nested object has its class under "class".
        arguments: of the command, defaults included, as far as they are known.
        stages: of a pipeline, in its order; then the rest is empty.
        classes: whether it was known of what classes its objects are.
    """

    kind: str
    config: Tree
    arguments: Tree = field(default_factory=dict)
    stages: dict[str, Original] = field(default_factory=dict)
    classes: bool = True
