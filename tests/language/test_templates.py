from __future__ import annotations

import time

import pytest


def test_one_expression_keeps_its_type_and_text_is_filled_in(load_text, base: str) -> None:
    text = base.replace("2e-5", '"{{ vars.twice }}"') + (
        'vars: {rate: 2e-5, twice: "{{ vars.rate * 2 }}", big: true}\n'
        'description: "{{ recipe.model.name }} for {{ recipe.steps + 1 }} steps"\n'
        'substeps: "{{ 4 if vars.big else 1 }}"\n'
        'tags: ["{{ variant | default(\'none\', true) }}", "{% if vars.big %}big{% endif %}"]\n'
    )
    recipe = load_text(text).recipe
    assert recipe.optimizer.learning_rate == 4e-5
    assert recipe.description == "Qwen/Qwen3-8B-Base for 201 steps"
    assert recipe.substeps == 4
    assert recipe.tags == ["none", "big"]


def test_the_prompts_observation_is_left_alone(load_text, problems, base: str) -> None:
    prompt = "Solve: {{ observation | upper }} {{ other }}"
    loaded = load_text(base.replace('equations"', f'equations", prompt: "{prompt}"'))
    assert loaded.recipe.env.prompt == prompt
    loaded = load_text(
        "vars: {ask: Please}\n"
        + base.replace('equations"', 'equations", prompt: "{{ vars.ask }} solve"')
    )
    assert loaded.recipe.env.prompt == "Please solve"


@pytest.mark.parametrize(
    "template",
    [
        "{{ vars.lrr }}",
        "{{ foo }}",
        "{{ stages.a.checkpoint }}",
        "{{ recipe.description }}",
        "{{",
        "{{ 1 / 0 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 2 ** 64 * 9 }}",
        "{{ 'a' * 1000000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ cycler() }}",
        "{{ ''.join(['a']) }}",
        "{{ recipe.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ vars.lr.real }}",
        "{{ (1).__class__ }}",
        "{{ vars | attr('items') }}",
        "{{ 'x' | replace('x', 'x') | map('upper') }}",
        "{% for x in [1] %}{% endfor %}",
        "{% set x = 1 %}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% macro m() %}{% endmacro %}",
        "all of {{ vars }}",
        "{{ range(9) }}",
        "{{ " + "(" * 900 + "1" + ")" * 900 + " }}",
        "{{ " + "-" * 900 + "1 }}",
        "{{ 'aaaaaaaaaa'" + " | replace('a', 'aaaaaaaaaa')" * 20 + " }}",
        "x" * 3000 + "{{ 1 }}",
        "{{ -1 ** 0.5 }}{{ (-1) ** 0.5 }}",
        "{{ 1 | round(100000000, 'ceil') }}",
        "{{ 1 | round(precision=-100000000, method='floor') }}",
        "{{ 1e999 }}",
        "{{ 1e3߉ }}",
        "{{ -1e999 }}",
        "{{ 1e308 * 10 }}",
        "x {{ [recipe.model] }}",
        "{{ [[recipe]] | string }}",
    ],
)
def test_a_bad_template_is_a_diagnostic_in_no_time(problems, base: str, template: str) -> None:
    started = time.monotonic()
    quoted = template.replace("'", "''")
    (found,) = problems(base + f"vars: {{lr: 1}}\ndescription: '{quoted}'\n")
    assert (found.code, found.line, found.column) == ("template", 9, 14)
    assert time.monotonic() - started < 2


def test_an_unquoted_template_says_so(problems, base: str) -> None:
    (found,) = problems(base + "substeps: {{ vars.n }}\n")
    assert (found.code, found.line, found.hint) == ("template", 8, 'write "{{ vars.n }}"')


def test_values_that_refer_to_each_other_in_a_circle(problems, base: str) -> None:
    found = problems(base + 'vars: {a: "{{ vars.b }}", b: "{{ vars.a }}"}\n')
    assert {d.code for d in found} == {"template"}


def test_many_templates_are_refused(problems, base: str) -> None:
    many = ", ".join(['"{{ 1 }}"'] * 2000)
    started = time.monotonic()
    assert "template" in {d.code for d in problems(base + f"tags: [{many}]\n")}
    assert time.monotonic() - started < 20


def test_replacing_is_refused_before_it_computes(problems, base: str) -> None:
    """Four hundred of these took 24 seconds, each a text of ten million characters thrown away."""
    long = "a" * 1900
    many = ", ".join(["\"{{ vars.b | replace('a', vars.b) }}\""] * 400)
    text = base + f'vars: {{a: {long}, b: \'{{{{ vars.a | replace("a", "aaaaa") }}}}\'}}\n'
    started = time.process_time()
    found = problems(text + f"tags: [{many}]\n")
    assert {d.code for d in found} == {"template"}
    assert "at most 10000 characters" in found[0].message
    assert time.process_time() - started < 5


def test_replace_and_round_are_jinjas_within_their_bounds(load_text, base: str) -> None:
    recipe = load_text(
        base
        + "tags: [\"{{ 'aaa' | replace('a', 'b', 2) }}\", \"{{ 2.345 | round(2, 'floor') }} x\"]\n"
    ).recipe
    assert recipe.tags == ["bba", "2.34 x"]
