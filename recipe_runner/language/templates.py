"""Templates in scalar values: `{{ vars.lr }}`, rendered on demand, so that values may refer to
each other in any order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from recipe_runner.language.diagnostics import Place, Report, dotted
from recipe_runner.language.tree import Entry, Node, Path, descend, from_plain

if TYPE_CHECKING:
    from recipe_runner.language.sandbox import TemplateFault

MAX_TEMPLATES = 500
# Templates that are filled in for each problem or prompt, so they are not the recipe's.
FILLED_IN_LATER: dict[Path, str] = {
    ("env", "prompt"): "observation",
    ("prompt",): "prompt",
    ("teacher_prompt",): "question",
}


def render(
    root: Node,
    variables: Node,
    variant: str,
    report: Report,
    *,
    scope: Mapping[str, Any] | None = None,
    part: tuple[Path, Node] | None = None,
) -> set[str]:
    """Replace every template in the tree by its value, in place.

    The stages of a pipeline are left alone: each is rendered by itself, when what the earlier ones
    leave is known.

    Args:
        scope: what templates see beside `vars`, `recipe` and `variant`.
        part: the path and node of the one part to render; none: the whole tree.

    Returns the names of variables that templates read.
    """
    used = _Renderer(root, variables, variant, report, scope or {})
    if part is None:
        used.render_under(("vars",), variables)
        used.render_under((), root)
    else:
        used.render_under(*part)
    return used.variables_read


def is_template(value: Any) -> bool:
    return isinstance(value, str) and ("{{" in value or "{%" in value)


class _Renderer:
    def __init__(
        self,
        root: Node,
        variables: Node,
        variant: str,
        report: Report,
        scope: Mapping[str, Any],
    ) -> None:
        self._report = report
        self._scope = {
            **scope,
            "vars": _Data(self, variables, ("vars",)),
            "recipe": _Data(self, root, ()),
            "variant": variant,
        }
        self._in_progress: dict[int, tuple[Place, str]] = {}
        self._done: set[int] = set()
        self._count = 0
        self.variables_read: set[str] = set()

    def render_under(self, start: Path, node: Node) -> None:
        for path, scalar in descend(node, start):
            if not is_template(scalar.value) or not self._pending(scalar):
                continue
            if start or not _is_of_a_stage(path):
                self._render(scalar, path)
                self._done.add(id(scalar))

    def _pending(self, node: Node) -> bool:
        return not node.broken and id(node) not in self._done

    def value_of(self, node: Node, path: Path) -> Any:
        """Return a node's value, rendered; views stand for mappings and lists."""
        self.note_reading(node.place)
        if isinstance(node.value, dict):
            return _Data(self, node, path)
        if isinstance(node.value, list):
            return [self.value_of(n, (*path, i)) for i, n in enumerate(node.value)]
        if node.broken:
            raise _fault(f"`{dotted(path)}` is wrong itself")
        if is_template(node.value) and id(node) not in self._done:
            self._render(node, path)
            self._done.add(id(node))
            return self.value_of(node, path)
        return node.value

    def note_reading(self, *places: Place) -> None:
        """Note where what the templates under way read was written."""
        if self._report.boundary is not None:
            self._report.boundary.take(places, dict(self._in_progress.values()))

    def _render(self, node: Node, path: Path) -> None:
        from recipe_runner.language.sandbox import TemplateFault, evaluate, names_in

        source = str(node.value)
        names = names_in(source)
        if FILLED_IN_LATER.get(_path_in_recipe(path)) in names:
            return
        self.variables_read |= {n.removeprefix("vars.") for n in names if n.startswith("vars.")}
        if id(node) in self._in_progress:
            raise _fault(f"`{dotted(path)}` refers to itself")
        self._in_progress[id(node)] = node.place, dotted(path)
        try:
            self._count += 1
            if self._count > MAX_TEMPLATES:
                raise TemplateFault(f"a recipe has at most {MAX_TEMPLATES} templates")
            result = from_plain(_unwrap(evaluate(source, self._scope)), node.place)
            node.value, node.text = result.value, None
        except TemplateFault as fault:
            node.broken = True
            self._report.add(node.place, path, "template", str(fault))
        finally:
            del self._in_progress[id(node)]


class _Data(Mapping[str, Any]):
    """A mapping of the recipe as templates see it: its values are rendered when they are read."""

    def __init__(self, renderer: _Renderer, node: Node, path: Path) -> None:
        self._renderer, self._node, self._path = renderer, node, path

    def __getitem__(self, key: str) -> Any:
        entry: Entry = (self._node.mapping or {})[key]
        return self._renderer.value_of(entry.node, (*self._path, key))

    def __iter__(self) -> Iterator[str]:
        entries = self._node.mapping or {}
        self._renderer.note_reading(*(entry.key_place for entry in entries.values()))
        return iter(entries)

    def __len__(self) -> int:
        return len(self._node.mapping or {})

    def __repr__(self) -> str:
        # Within a list too, whose text is made of its items'.
        raise _fault(
            f"`{dotted(self._path) or 'recipe'}` is a mapping, which cannot stand within text"
        )


def _is_of_a_stage(path: Path) -> bool:
    """Whether this is in a stage's `set`, or in its recipe where that is written inline."""
    return path[:1] == ("stages",) and (
        path[2:3] == ("set",) or (path[2:3] == ("recipe",) and len(path) > 3)
    )


def _path_in_recipe(path: Path) -> Path:
    """Return the path in a stage's recipe of a value that its `set` gives."""
    if _is_of_a_stage(path) and path[2] == "set":
        return tuple(dotted(path[3:]).split("."))
    return path


def _unwrap(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _unwrap(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_unwrap(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise _fault("the result is not data")


def _fault(message: str) -> TemplateFault:
    from recipe_runner.language.sandbox import TemplateFault

    return TemplateFault(message)
