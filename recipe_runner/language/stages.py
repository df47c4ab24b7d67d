"""The stages of a pipeline: each a recipe of its own, loaded in the order that it runs in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from recipe_runner.language.diagnostics import Place, Report
from recipe_runner.language.extends import Source, read_inline, read_recipe
from recipe_runner.language.loaded import LoadedRecipe, Within
from recipe_runner.language.references import Earlier, StagesInTemplates, check_references
from recipe_runner.language.resolve import Parts, make_parts, resolve
from recipe_runner.language.sections import starts_over
from recipe_runner.language.templates import render
from recipe_runner.language.tree import Entry, Node, merge
from recipe_runner.language.variants import find_variant, override_tree
from schemas import METHODS
from schemas.pipeline import Stage

# Keys of the pipeline that hold for each stage, whatever the stage says.
_SHARED = ("backend", "logging", "seed", "steps")


@dataclass(frozen=True)
class LoadedStages:
    """The stages of which a recipe could be made; `read` are the variables they read."""

    loaded: dict[str, LoadedRecipe]
    read: frozenset[str]


def aim_at_stages(flags: Node) -> Node:
    """Return the overrides of the command line with `stages.NAME.KEY` as `stages.NAME.set.KEY`."""
    stages = flags.get("stages")
    if stages is None or stages.mapping is None:
        return flags
    aimed = {name: _aimed(entry) for name, entry in stages.mapping.items()}
    key_place = (flags.mapping or {})["stages"].key_place
    return Node(
        {**(flags.mapping or {}), "stages": Entry(key_place, Node(aimed, stages.place))},
        flags.place,
        flags.broken,
    )


def _aimed(stage: Entry) -> Entry:
    keys = stage.node.mapping
    if keys is None:
        return stage
    own = {key: entry for key, entry in keys.items() if key in Stage.model_fields}
    others = {key: entry for key, entry in keys.items() if key not in own}
    if not others:
        return stage
    given = own.get("set", Entry(stage.key_place, Node({}, stage.node.place)))
    own["set"] = Entry(
        given.key_place, Node({**others, **(given.node.mapping or {})}, given.node.place)
    )
    return Entry(stage.key_place, Node(own, stage.node.place, stage.node.broken))


def load_stages(tree: Node, parts: Parts, variant: str, report: Report) -> LoadedStages | None:
    """Load the stages of a resolved pipeline, and report what is wrong with any of them.

    None where the recipe is no pipeline.
    """
    method, stages = tree.get("method"), tree.get("stages")
    if method is None or method.value != "pipeline":
        return None
    entries = {} if stages is None else dict(stages.mapping or {})
    loader = _Loader(tree, parts, variant, tuple(entries), report)
    for name, entry in entries.items():
        loader.load(name, entry)
    return LoadedStages(loader.loaded, frozenset(loader.read))


class _Loader:
    def __init__(
        self, tree: Node, parts: Parts, variant: str, names: tuple[str, ...], report: Report
    ) -> None:
        self._tree, self._parts, self._variant, self._names = tree, parts, variant, names
        self._report = report
        self._methods: dict[str, str | None] = {}
        self.loaded: dict[str, LoadedRecipe] = {}
        self.read: set[str] = set()

    def load(self, name: str, entry: Entry) -> None:
        earlier = Earlier(self._names, name, dict(self._methods))
        self._methods[name] = None
        overrides = self._overrides(name, entry.node, earlier)
        recipe = (entry.node.mapping or {}).get("recipe")
        if recipe is None or recipe.node.broken:
            return
        own = Report(self._report.boundary)
        inline = recipe.node.mapping is not None
        source = self._source(name, recipe, own)
        if source is not None:
            self._resolve(name, entry.node, source, overrides, earlier, own)
        self._report.files |= own.files
        within = Within(
            name,
            frozenset(_places(recipe.node) if inline else ()) | {recipe.key_place},
            frozenset(_places(overrides)),
        )
        for found in own.diagnostics:
            place = Place(found.file, found.line, found.column)
            self._report.diagnostics.append(replace(found, path=within.path(found.path, place)))
        if name in self.loaded:
            self.loaded[name] = replace(self.loaded[name], within=within)

    def _overrides(self, name: str, stage: Node, earlier: Earlier) -> Node:
        """Return what `set` gives, its templates rendered among the pipeline's own values."""
        given = stage.get("set")
        if given is None or given.mapping is None:
            return Node({}, stage.place)
        path = ("stages", name, "set")
        self.read |= render(
            self._tree,
            self._parts.variables,
            self._variant,
            self._report,
            scope={"stages": StagesInTemplates(earlier)},
            part=(path, given),
        )
        return override_tree(list(given.mapping.items()), path, self._report)

    def _source(self, name: str, recipe: Entry, report: Report) -> Source | None:
        if isinstance(recipe.node.value, str):
            return read_recipe(Path(recipe.node.value), report)
        if recipe.node.mapping is None:
            return None
        source = read_inline(recipe.node, self._parts.text, report)
        entries = dict(source.tree.mapping or {})
        place = recipe.node.place
        entries.setdefault("name", Entry(place, Node(name, place)))
        entries.setdefault("version", Entry(place, Node(1, place)))
        own = entries.get("vars", Entry(place, Node({}, place)))
        if own.node.mapping is not None:
            variables = {**(self._parts.variables.mapping or {}), **own.node.mapping}
            entries["vars"] = Entry(own.key_place, Node(variables, own.node.place))
        return Source(source.text, Node(entries, source.tree.place, source.tree.broken))

    def _resolve(
        self,
        name: str,
        stage: Node,
        source: Source,
        overrides: Node,
        earlier: Earlier,
        report: Report,
    ) -> None:
        method = overrides.get("method") or source.tree.get("method")
        if method is not None and method.value == "pipeline":
            report.add(
                method.place,
                ("method",),
                "stage",
                "a stage cannot be a pipeline itself",
                hint="list its stages in this pipeline",
            )
            return
        self._require_one_backend(source.tree, overrides, report)
        settings = merge(overrides, self._shared(method), starts_over=starts_over)
        self._take_out_what_the_pipeline_leaves(settings)
        recipe = stage.get("recipe")
        is_file = recipe is not None and isinstance(recipe.value, str)
        parts = make_parts(
            path=Path(str(recipe.value)) if recipe and is_file else self._parts.path,
            text=source.text,
            start=source.tree.place,
            tree=source.tree,
            overrides=Node(settings.mapping, source.tree.place),
            given={},
            report=report,
            scope={"stages": StagesInTemplates(earlier)},
        )
        wanted = stage.get("variant")
        variant = None
        if wanted is not None and isinstance(wanted.value, str) and not wanted.broken:
            variant = find_variant(parts.variants, wanted.value, report, wanted.place)
        resolved = resolve(parts, variant, report)
        check_references(resolved.tree, earlier, report)
        if not is_file:
            self.read |= resolved.read
        known = resolved.tree.get("method")
        if known is not None and known.value in list(METHODS):
            self._methods[name] = str(known.value)
        if resolved.loaded is not None:
            self.loaded[name] = resolved.loaded

    def _shared(self, method: Node | None) -> Node:
        """Return what the pipeline says for each of its stages."""
        entries = dict(self._tree.mapping or {})
        shared = {key: entries[key] for key in _SHARED if key in entries}
        model = METHODS.get(str(method.value)) if method is not None else None
        if model is not None and "steps" not in model.model_fields:
            shared.pop("steps", None)
        return Node(shared, self._tree.place)

    def _take_out_what_the_pipeline_leaves(self, settings: Node) -> None:
        """Have a stage's `backend` and `logging.dir` be the default where the pipeline's are."""
        place = settings.place
        nothing = Entry(place, Node(None, place))
        entries = settings.mapping
        assert entries is not None
        if self._tree.get("backend") is None:
            entries["backend"] = nothing
        logging = self._tree.get("logging")
        if logging is None or (logging.mapping is not None and logging.get("dir") is None):
            own = entries.get("logging", Entry(place, Node({}, place)))
            if own.node.mapping is not None:
                keys = {**own.node.mapping, "dir": nothing}
                entries["logging"] = Entry(own.key_place, Node(keys, own.node.place))

    def _require_one_backend(self, tree: Node, overrides: Node, report: Report) -> None:
        wanted = overrides.get("backend") or tree.get("backend")
        if wanted is None or wanted.broken or self._tree.get("backend") is not None:
            return
        if wanted.value not in (None, "tinker"):
            report.add(
                wanted.place,
                ("backend",),
                "stage",
                "all stages run where the pipeline runs, which says no `backend`",
                hint="give the pipeline this `backend`",
            )


def _places(node: Node) -> Iterator[Place]:
    yield node.place
    for entry in (node.mapping or {}).values():
        yield entry.key_place
    for _, child in node.children():
        yield from _places(child)
