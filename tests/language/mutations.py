"""Wrong recipes, grown from the shipped ones: a known mistake in a known place of each.

Places are ruamel.yaml's own, so that they do not rest on what they are to check.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from recipe_runner.catalog import models

SEED = 2026
# Below these anything goes, as far as the language knows.
FREE = {"kwargs", "vars", "variants", "set", "stages", "tags", "extends", "parts", "args"}


@dataclass(frozen=True)
class Mutant:
    """A wrong recipe, and the one diagnostic that it must get.

    Attributes:
        recipe: the shipped recipe's file that it was made from.
        kind: which mistake it has.
        files: what is written, the recipe to validate last.
        file: where the mistake is: the last file if none.
        flags: what is given on the command line.
    """

    recipe: Path
    kind: str
    files: dict[str, str]
    line: int
    column: int
    code: str
    file: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spot:
    """A key and its value in a recipe's text; lines and columns count from 0.

    Attributes:
        text: the value as it is written where it is a scalar on one line; else None.
    """

    path: tuple[str, ...]
    key: tuple[int, int]
    value: tuple[int, int]
    text: str | None
    plain: Any


@dataclass
class Original:
    """A shipped recipe and where its keys stand."""

    path: Path
    text: str
    spots: list[Spot] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    def replaced(self, place: tuple[int, int], old: str, new: str) -> str:
        """Return the text with `new` in place of `old` at a place."""
        lines = self.lines
        line, column = place
        assert lines[line][column:].startswith(old), (self.path, place, old)
        lines[line] = lines[line][:column] + new + lines[line][column + len(old) :]
        return "\n".join(lines)

    def appended(self, text: str) -> tuple[str, int]:
        """Return the text with more lines at its end, and the number of the first of them."""
        kept = self.text.rstrip("\n")
        return f"{kept}\n{text}\n", kept.count("\n") + 2

    def at(self, path: str) -> Spot | None:
        found = [spot for spot in self.spots if ".".join(spot.path) == path]
        return found[0] if found else None


def read(path: Path) -> Original:
    """Return a recipe and its spots."""
    text = path.read_text("utf-8")
    original = Original(path, text)
    tree = YAML(typ="rt").load(text)
    original.spots += _spots(tree, (), original.lines)
    return original


def _spots(tree: Any, path: tuple[str, ...], lines: list[str]) -> Iterator[Spot]:
    if not isinstance(tree, CommentedMap):
        return
    for key, value in tree.items():
        here = (*path, str(key))
        if not isinstance(key, str) or key in FREE:
            continue
        key_place, value_place = tree.lc.key(key), tree.lc.value(key)
        text = None
        if not isinstance(value, dict | list):
            rest = lines[value_place[0]][value_place[1] :]
            scalar = re.match(r"\"[^\"\\]*\"|'[^']*'|[\w./:@-]*[\w]", rest)
            multiline = rest.startswith(("|", ">"))
            flow = bool(tree.fa.flow_style())
            whole = scalar is not None and _is_whole(rest[scalar.end() :], flow=flow)
            text = scalar[0] if scalar and whole and not multiline else None
        yield Spot(here, key_place, value_place, text, value)
        yield from _spots(value, here, lines)


def _is_whole(after: str, *, flow: bool) -> bool:
    """Whether a scalar ends there, given what follows it on its line."""
    ends = flow and after[:1] in (",", "}", "]")
    return not after.strip() or ends or after.startswith("  #")


# A kind of mistake: from a recipe to mutants of it.
Kind = Callable[[Original, random.Random], Iterator[Mutant]]


def _in_place(
    original: Original, kind: str, spot: Spot, new: str, code: str, *, key: bool = False
) -> Mutant:
    place, old = (spot.key, spot.path[-1]) if key else (spot.value, str(spot.text))
    files = {"mutant.yaml": original.replaced(place, old, new)}
    return Mutant(original.path, kind, files, place[0] + 1, place[1] + 1, code)


def _chosen(
    original: Original, rng: random.Random, wanted: Callable[[Spot], bool]
) -> Iterator[Spot]:
    """Yield one spot of a kind, if there is one."""
    spots = [spot for spot in original.spots if wanted(spot)]
    if spots:
        yield rng.choice(spots)


def misspelled_key(original: Original, rng: random.Random) -> Iterator[Mutant]:
    # A misspelled key that says what a section is takes the section's other keys with it.
    telling = ("method", "kind", "version", "name", "recipe", "mode", "dataset", "id", "custom")
    for spot in _chosen(original, rng, lambda s: s.path[-1] not in telling):
        key = spot.path[-1]
        index = rng.randrange(1, len(key))
        yield _in_place(
            original,
            "misspelled key",
            spot,
            f"{key[:index]}qx{key[index:]}",
            "unknown-key",
            key=True,
        )


def text_for_a_number(original: Original, rng: random.Random) -> Iterator[Mutant]:
    for spot in _chosen(original, rng, lambda s: _is_number(s) and s.path != ("version",)):
        if spot.path[-1] in ("learning_rate", "ttl_days"):
            continue
        yield _in_place(original, "text for a number", spot, '"many"', "type")


def list_for_a_scalar(original: Original, rng: random.Random) -> Iterator[Mutant]:
    telling = ("method", "kind", "recipe", "loss", "learning_rate", "backend", "version")
    for spot in _chosen(original, rng, lambda s: s.text is not None and s.path[-1] not in telling):
        yield _in_place(original, "list for a scalar", spot, "[[1]]", "type")


def out_of_range(original: Original, rng: random.Random) -> Iterator[Mutant]:
    wrong = {
        "learning_rate": "-2e-5", "lora_rank": "0", "group_size": "0", "groups_per_batch": "-3",
        "max_tokens": "0", "steps": "0", "temperature": "9.5", "batch_size": "0", "seed": "-1",
        "max_length": "0", "epochs": "0", "every": "-20", "max_turns": "0", "beta": "-1",
    }  # fmt: skip
    for spot in _chosen(original, rng, lambda s: _is_number(s) and s.path[-1] in wrong):
        yield _in_place(original, "out of range", spot, wrong[spot.path[-1]], "range")


def unknown_name(original: Original, rng: random.Random) -> Iterator[Mutant]:
    codes = {
        "model.name": ("Qwen/Qwen33-9B-Bse", "unknown-model"),
        "renderer": ("qwen33_disabled", "unknown-renderer"),
        "env.id": ("rg:chain_sumz", "unknown-env"),
        "method": ("rll", "value"),
        "loss": ("pppo", "value"),
        "env.kind": ("gemm", "value"),
        "data.kind": ("promptz", "value"),
        "execution.kind": ("asynch", "value"),
        "backend": ("tinkr", "value"),
    }
    found = [s for s in original.spots if s.text and ".".join(s.path) in codes]
    found = [s for s in found if not (s.path == ("env", "id") and _kind(original) != "gem")]
    for spot in rng.sample(found, min(2, len(found))):
        name, code = codes[".".join(spot.path)]
        yield _in_place(original, f"unknown {spot.path[-1]}", spot, name, code)


def wrong_section(original: Original, rng: random.Random) -> Iterator[Mutant]:
    key, value = rng.choice([("lora_rank", "8"), ("group_size", "4"), ("base_url", "x")])
    text, line = original.appended(f"{key}: {value}")
    yield Mutant(original.path, "wrong section", {"mutant.yaml": text}, line, 1, "unknown-key")


def duplicate_key(original: Original, rng: random.Random) -> Iterator[Mutant]:
    for spot in _chosen(original, rng, lambda s: len(s.path) == 1 and s.text is not None):
        text, line = original.appended(f"{spot.path[0]}: {spot.text}")
        yield Mutant(
            original.path, "duplicate key", {"mutant.yaml": text}, line, 1, "duplicate-key"
        )


def missing_key(original: Original, rng: random.Random) -> Iterator[Mutant]:
    """Take the value away: a key without one is as good as none, but for what a parent gives."""
    if "extends:" in original.text:
        return
    required = ("model.name", "method", "rollout.max_tokens", "rollout.group_size")
    for spot in _chosen(original, rng, lambda s: bool(s.text) and ".".join(s.path) in required):
        text = original.replaced(spot.value, str(spot.text), "")
        line, column = spot.key
        files = {"mutant.yaml": text}
        yield Mutant(original.path, "missing key", files, line + 1, column + 1, "missing-key")


def syntax_error(original: Original, rng: random.Random) -> Iterator[Mutant]:
    broken, column = rng.choice([("tags: [a, b", 12), ("seed: 1: 2", 8), ("tags: [a}, b]", 9)])
    text, line = original.appended(broken)
    at_end = broken.endswith("b")
    where = (line + 1, 1) if at_end else (line, column)
    yield Mutant(original.path, "syntax error", {"mutant.yaml": text}, *where, "syntax")


def tag(original: Original, rng: random.Random) -> Iterator[Mutant]:
    for spot in _chosen(original, rng, lambda s: s.text is not None):
        name = rng.choice(["!!python/name:os.system", "!!python/object/apply:os.system", "!env"])
        yield _in_place(original, "tag", spot, f"{name} {spot.text}", "tag")


def undefined_template(original: Original, rng: random.Random) -> Iterator[Mutant]:
    telling = ("method", "kind", "recipe", "version")
    for spot in _chosen(original, rng, lambda s: s.text is not None and s.path[-1] not in telling):
        yield _in_place(original, "template", spot, '"{{ vars.nowhere }}"', "template")


def unquoted_template(original: Original, rng: random.Random) -> Iterator[Mutant]:
    for spot in _chosen(original, rng, lambda s: s.path[-1] in ("steps", "seed", "max_tokens")):
        if spot.text is not None:
            yield _in_place(original, "unquoted template", spot, "{{ vars.nowhere }}", "template")


def in_a_parent(original: Original, rng: random.Random) -> Iterator[Mutant]:
    for mutant in [*misspelled_key(original, rng), *out_of_range(original, rng)][:1]:
        files = {
            "parent.yaml": mutant.files["mutant.yaml"],
            "mutant.yaml": "extends: parent.yaml\n",
        }
        yield Mutant(
            original.path, f"{mutant.kind} in a parent", files,
            mutant.line, mutant.column, mutant.code, file="parent.yaml",
        )  # fmt: skip


def over_a_parent(original: Original, rng: random.Random) -> Iterator[Mutant]:
    child = f"extends: {original.path.name}\nlogging:\n  dirr: elsewhere\n"
    yield Mutant(original.path, "over a parent", {"mutant.yaml": child}, 3, 3, "unknown-key")


def in_a_variant(original: Original, rng: random.Random) -> Iterator[Mutant]:
    if re.search(r"^variants:", original.text, re.MULTILINE):
        return
    text, line = original.appended(
        "variants:\n  good: {seed: 2}\n  bad: {seed: 3, logging.dirr: x}"
    )
    files = {"mutant.yaml": text}
    yield Mutant(original.path, "in a variant", files, line + 2, 26, "unknown-key")


def in_a_matrix(original: Original, rng: random.Random) -> Iterator[Mutant]:
    if re.search(r"^variants:", original.text, re.MULTILINE):
        return
    text, line = original.appended("variants:\n  matrix: {seed: [1, 2, -3]}")
    yield Mutant(original.path, "in a matrix", {"mutant.yaml": text}, line + 1, 25, "range")


def on_the_command_line(original: Original, rng: random.Random) -> Iterator[Mutant]:
    flags = ("--set", "seed=4", "--set", "logging.dirr=x")
    files = {"mutant.yaml": original.text}
    yield Mutant(
        original.path, "flag", files, 2, 9, "unknown-key", file="--set", flags=flags
    )  # fmt: skip


def without_effect(original: Original, rng: random.Random) -> Iterator[Mutant]:
    """Give settings of a KL penalty that there is none of."""
    method = original.at("method")
    if method is None or method.plain != "rl" or original.at("kl") is not None:
        return
    text, line = original.appended("kl: {discount: 0.5}")
    yield Mutant(original.path, "no effect", {"mutant.yaml": text}, line, 6, "no-effect")


def renderer_of_another_family(original: Original, rng: random.Random) -> Iterator[Mutant]:
    name, renderer = original.at("model.name"), original.at("renderer")
    if name is None or renderer is None or not str(name.plain).startswith("Qwen/"):
        return
    yield _in_place(original, "renderer of another family", renderer, "llama3", "renderer-mismatch")


def too_long_for_the_model(original: Original, rng: random.Random) -> Iterator[Mutant]:
    name = original.at("model.name")
    facts = models.find(str(name.plain)) if name else None
    for spot in _chosen(original, rng, lambda s: ".".join(s.path) == "rollout.max_tokens"):
        if spot.text is not None and facts is not None and facts.context is not None:
            yield _in_place(original, "too long for the model", spot, "9999999", "context")


KINDS: tuple[Kind, ...] = (
    misspelled_key, text_for_a_number, list_for_a_scalar, out_of_range, unknown_name, wrong_section,
    duplicate_key, missing_key, syntax_error, tag, undefined_template, unquoted_template,
    in_a_parent, over_a_parent, in_a_variant, in_a_matrix, on_the_command_line, without_effect,
    renderer_of_another_family, too_long_for_the_model,
)  # fmt: skip


def mutants(recipes: list[Path], *, kinds_per_recipe: int) -> list[Mutant]:
    """Return wrong recipes, the same ones each time; each kind of mistake in many recipes."""
    found: list[Mutant] = []
    for number, path in enumerate(recipes):
        rng = random.Random(f"{SEED} {path.name}")
        original = read(path)
        turned = [KINDS[(number + step) % len(KINDS)] for step in range(len(KINDS))]
        for kind in turned[:kinds_per_recipe]:
            found += kind(original, rng)
    return found


def _is_number(spot: Spot) -> bool:
    is_number = isinstance(spot.plain, int | float) and not isinstance(spot.plain, bool)
    return is_number and spot.text is not None


def _kind(original: Original) -> Any:
    spot = original.at("env.kind")
    return spot.plain if spot else None
