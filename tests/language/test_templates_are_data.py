"""Templates and tags of a stranger's recipe reach nothing of Python."""

from __future__ import annotations

import pytest

from recipe_runner.language import RecipeError, load

TEMPLATES = [
    *(f"{{{{ ''.{name} }}}}" for name in ("__class__", "__mro__", "format", "join", "encode")),
    *(f"{{{{ vars.{name} }}}}" for name in ("__class__", "__init__", "keys", "items", "get")),
    *(f"{{{{ recipe.{name} }}}}" for name in ("__dict__", "_node", "_renderer", "model_dump")),
    *(f"{{{{ recipe['{name}'] }}}}" for name in ("__class__", "_renderer", "__getitem__")),
    *(f"{{{{ {name} }}}}" for name in ("range", "cycler", "lipsum", "self", "namespace", "dict")),
    *(f"{{{{ {name} }}}}" for name in ("joiner", "caller", "loop", "super", "config", "request")),
    *(f"{{{{ {name}() }}}}" for name in ("range", "cycler", "lipsum", "namespace", "self", "vars")),
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ ().__class__.__base__.__subclasses__() }}",
    "{{ [].__class__ }}",
    "{{ {}.__class__ }}",
    "{{ 1 .__class__ }}",
    "{{ none.__class__ }}",
    "{{ variant.__class__ }}",
    *(
        f"{{{{ 'a' | {name} }}}}"
        for name in (
            *("attr('__class__')", "map('upper') | list", "format('x')", "list", "batch(2)"),
            *("select", "reject", "selectattr('a')", "groupby('a')", "tojson", "pprint", "xmlattr"),
            *("center(99999999)", "indent(99999999)", "wordwrap(1)", "filesizeformat", "random"),
            *("sort", "unique", "sum", "slice(2)", "dictsort", "items", "safe", "forceescape"),
            *("urlize", "striptags", "truncate", "urlencode", "reverse", "count", "e", "escape"),
        )
    ),
    "{{ '%s' % vars }}",
    "{{ '%99999999d' % 1 }}",
    "{{ '{0.__class__}'.format(1) }}",
    "{{ 'a' * 99999999 }}",
    "{{ [1] * 99999999 }}",
    "{{ 99999999 * 'a' }}",
    "{{ 10 ** 99999999 }}",
    "{{ 'aaaaaaaaaa'" + " | replace('a', 'aaaaaaaaaa')" * 9 + " }}",
    "{{ ['" + "a" * 900 + "'" + ", 'b'" * 60 + "] | join('" + "c" * 600 + "') }}",
    "{{ 1 is callable }}",
    "{{ 1 is filter('abs') }}",
    "{{ _('a') }}",
    "{{ [x for x in 'abc'] }}",
    "{{ (lambda: 1)() }}",
    "{{ `id` }}",
    "{% for i in 'ab' %}{{ i }}{% endfor %}",
    "{% for i in 'ab' recursive %}{{ loop(i) }}{% endfor %}",
    "{% set a = 1 %}{{ a }}",
    "{% macro m() %}a{% endmacro %}{{ m() }}",
    "{% call m() %}{% endcall %}",
    "{% filter upper %}a{% endfilter %}",
    "{% with a = 1 %}{{ a }}{% endwith %}",
    "{% block a %}{% endblock %}",
    "{% extends '/etc/passwd' %}",
    "{% include '/etc/passwd' %}",
    "{% include vars.file %}",
    "{% import '/etc/passwd' as a %}",
    "{% from '/etc/passwd' import a %}",
    "{% autoescape false %}{% endautoescape %}",
    "{% do vars %}",
    "{% debug %}",
    "{% raw %}{{ a }}{% endraw %}{{ self }}",
]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_that_reaches_out_is_refused(problems, base: str, template: str) -> None:
    quoted = template.replace("'", "''")
    (found,) = problems(f"vars: {{file: x}}\n{base}description: '{quoted}'\n")
    assert (found.code, found.path) == ("template", "description")


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system [id]",
        "!!python/name:os.system x",
        "!!python/module:os x",
        "!!str a",
        "!!binary aGk=",
        "!!set {a}",
        "!include /etc/passwd",
        "!<tag:yaml.org,2002:python/name:os.system> a",
        "! a",
    ],
)
@pytest.mark.parametrize(
    ("recipe", "files"),
    [
        ("{base}description: {tag}\n", {}),
        ("extends: parent.yaml\n{base}", {"parent.yaml": "description: {tag}\n"}),
        ("extends: parent.yaml\n{base}", {"parent.yaml": "vars: {{a: [{tag}]}}\n"}),
        (
            "version: 1\nmethod: pipeline\nstages: {{a: {{recipe: stage.yaml}}}}\n",
            {"stage.yaml": "{base}description: {tag}\n"},
        ),
        (
            "version: 1\nmethod: pipeline\n"
            "stages:\n  a:\n    recipe: one.yaml\n    set:\n      description: {tag}\n",
            {"one.yaml": "{base}"},
        ),
        ("{base}env: {{kind: gem, id: a, kwargs: {{a: {tag}}}}}\n", {}),
        ("{base}variants:\n  a:\n    description: {tag}\n", {}),
    ],
    ids=["recipe", "extends", "vars", "stage", "set", "kwargs", "variant"],
)
def test_a_tag_is_refused_wherever_it_stands(
    problems, base: str, tag: str, recipe: str, files: dict[str, str]
) -> None:
    if "env:" in recipe:
        base = base.replace('env: {kind: gem, id: "rg:simple_equations"}\n', "")
    filled = {name: text.format(base=base, tag=tag) for name, text in files.items()}
    found = problems(recipe.format(base=base, tag=tag), filled)
    assert "tag" in {each.code for each in found}


def test_a_tag_on_the_command_line_is_refused(load_text, base: str) -> None:
    load_text(base)
    with pytest.raises(RecipeError, match="tags are not part"):
        load("recipe.yaml", overrides=["description=!!python/name:os.system x"])
