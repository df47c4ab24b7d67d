"""Mistakes against the schemas: their codes, places, words and hints."""

from __future__ import annotations

import pytest


def only(found):
    (diagnostic,) = found
    return diagnostic


@pytest.mark.parametrize(
    ("old", "new", "code", "path", "column", "hint"),
    [
        ("steps:", "stepss:", "unknown-key", "stepss", 1, "did you mean `steps`?"),
        ("max_tokens:", "max_token:", "unknown-key", "rollout.max_token", 48, "`max_tokens`"),
        ("steps: 200", "max_tokens: 9", "unknown-key", "max_tokens", 1, "under `rollout`"),
        ("steps: 200", "lr: 9", "unknown-key", "lr", 1, "optimizer.learning_rate"),
        ("steps: 200", "epochs: 9", "unknown-key", "epochs", 1, "a key of `method: sft`"),
        ("steps: 200", "budget: {usd: 0}", "range", "budget.usd", 15, None),
        ("steps: 200", 'steps: "32"', "type", "steps", 8, "write 32 without quotes"),
        ("steps: 200", "steps: 1_000", "type", "steps", 8, "write 1000"),
        ("steps: 200", "steps: 2e2", "type", "steps", 8, "write 200"),
        ("steps: 200", "steps: [3]", "type", "steps", 8, "without brackets"),
        ("steps: 200", "steps: 0", "range", "steps", 8, None),
        ("steps: 200", "kl: {coef: .inf}", "range", "kl.coef", 12, None),
        ("steps: 200", "drop_constant_groups: yes", "type", "drop_constant_groups", 23, "true"),
        ("steps: 200", "tags: [a, 3]", "type", "tags.1", 11, 'write "3" in quotes'),
        ("steps: 200", "tags: a", "type", "tags", 7, "write [a]"),
        ("steps: 200", "loss: pppo", "value", "loss", 7, "did you mean `ppo`?"),
        ("steps: 200", "loss: {name: pppo}", "value", "loss.name", 14, "did you mean `ppo`?"),
        ("steps: 200", "loss: {name: ppo, config: {a: 1}}", "unknown-key", "loss.config.a", 28,
         "clip_low_threshold"),
        ("steps: 200", "backend: http://x", "value", "backend", 10, "{kind: remote"),
        ("steps: 200", "execution: {kind: async}", "missing-key",
         "execution.max_steps_off_policy", 1, "whole number"),
        ("steps: 200", "name: A b", "pattern", "name", 7, "ower-case"),
        ("steps: 200", 'renderer: ""', "range", "renderer", 11, None),
        ("2e-5", "fast", "value", "optimizer.learning_rate", 28, None),
        ("2e-5", "{auto: 0}", "range", "optimizer.learning_rate.auto", 35, None),
        ("{learning_rate: 2e-5}", "2e-5", "type", "optimizer", 12, "learning_rate"),
        ("method: rl", "method: rll", "value", "method", 9, "did you mean `rl`?"),
        ("kind: gem", "kind: gen", "value", "env.kind", 13, "did you mean `gem`?"),
        ("kind: gem, ", "", "missing-key", "env.kind", 1, "one of gem, math"),
        ("version: 1", "version: 2", "version", "version", 10, "upgrade"),
        ("version: 1", 'version: "1"', "type", "version", 10, "write 1 without quotes"),
        ("version: 1", "version: true", "type", "version", 10, "write 1"),
        ("version: 1", "", "missing-key", "version", 1, "write `version: 1`"),
        ("method: rl\n", "", "missing-key", "method", 1, "one of sft, rl"),
        ("group_size: 8, ", "", "missing-key", "rollout.group_size", 1, "whole number"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_code_place_and_hint(
    problems, base: str, old: str, new: str, code: str, path: str, column: int, hint: str | None
) -> None:
    assert old in base
    text = base.replace(old, new, 1)
    found = only(problems(text))
    assert (found.code, found.path, found.column) == (code, path, column)
    assert (hint or "") in (found.hint or "")
    word = path.rsplit(".", 1)[-1]
    if code not in ("missing-key", "version"):
        assert word in text.splitlines()[found.line - 1] or word.isdigit()


def test_all_mistakes_are_reported_at_once(problems) -> None:
    found = problems(
        """\
version: 1
method: rll
model: {name: Qwen/Qwen3-8B-Base, lora_rang: 3, lora_rank: "32"}
env: {kind: gen, id: 3, kwargs: {a: .nan}}
rollout: {groups_per_batch: 64, group_size: 8, max_token: 2048, temperature: 9}
steps: 1
steps: 2
seed: !!int 3
substeps: {{ vars.x }}
kl: {coef: "{{ vars.y }}"}
"""
    )
    assert [(d.line, d.code) for d in found] == [
        (2, "value"),
        (3, "unknown-key"),
        (3, "type"),
        (4, "value"),
        (4, "type"),
        (4, "range"),
        (5, "unknown-key"),
        (5, "range"),
        (7, "duplicate-key"),
        (8, "tag"),
        (9, "template"),
        (10, "template"),
    ]


def test_messages_are_free_of_the_validators_jargon(problems, base: str) -> None:
    text = base + "loss: {name: ppo, config: 3}\nbackend: 3\ncheckpoint: []\nexecution: 3\n"
    for diagnostic in problems(text):
        words = f"{diagnostic.message} {diagnostic.hint} {diagnostic.path}"
        for jargon in ("Input should", "instance of", "Recipe", "Config", "valid dict", "tag"):
            assert jargon not in words


def test_a_place_is_the_value_the_key_or_the_nearest_parent(load_text, base: str) -> None:
    loaded = load_text(base)
    assert loaded.place("rollout.group_size").column == 45
    assert loaded.place("rollout.group_size", key=True).column == 33
    assert loaded.place("rollout.temperature") == loaded.place("rollout", key=True)
    assert loaded.place("kl.coef").line == 1
    warning = loaded.diagnostic("env.id", "unknown-env", "no", hint="h", severity="warning")
    assert (warning.line, warning.column, warning.path) == (4, 22, "env.id")
    assert (warning.severity, warning.hint) == ("warning", "h")


def test_an_empty_key_takes_its_default_and_an_empty_required_one_is_missing(
    load_text, problems, base: str
) -> None:
    assert load_text(base + "kl:\n").recipe.kl.coef == 0
    found = only(problems(base.replace("model: {name: Qwen/Qwen3-8B-Base}", "model:")))
    assert (found.code, found.path, found.line) == ("missing-key", "model", 3)
    assert only(problems(base + "unheard_of:\n")).code == "unknown-key"
    loaded = load_text(base.replace('equations"', 'equations", kwargs: {a: null}'))
    assert loaded.recipe.env.kwargs == {"a": None}
