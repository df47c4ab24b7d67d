"""What the YAML parser complains about, in words that name the usual cause."""

from __future__ import annotations

from ruamel.yaml.error import MarkedYAMLError


def explain_syntax_error(error: MarkedYAMLError, text: str) -> tuple[str, str | None]:
    """Return a message and a hint for a scanner's or parser's error."""
    problem = error.problem or "this is not YAML"
    mark = error.problem_mark
    at = text[mark.index : mark.index + 1] if mark is not None else ""
    opened = f" (opened on line {error.context_mark.line + 1})" if error.context_mark else ""
    if at == "\t" or "'\\t'" in problem:
        return "a tab cannot indent YAML", "use spaces"
    if "mapping values are not allowed" in problem:
        return (
            "a `key: value` cannot start here",
            "check the indentation and the `:` of the line above; quote a value that holds `: `",
        )
    if "unexpected end of stream" in problem and "quoted scalar" in (error.context or ""):
        return f"the quote is never closed{opened}", "add the closing quote"
    if "flow sequence" in (error.context or ""):
        return f"the list is not closed{opened}", "check for a missing `]` or `,`"
    if "flow mapping" in (error.context or ""):
        return f"the mapping is not closed{opened}", "check for a missing `}` or `,`"
    if "that cannot start any token" in problem:
        return f"a value cannot start with {at!r}", "put the value in quotes"
    if "expected <block end>" in problem:
        return (
            "this line does not fit the lines above",
            "give all keys of a mapping, and all items of a list, the same indentation",
        )
    if "expected the node content" in problem:
        return "a value is missing here", None
    if "could not find expected ':'" in problem:
        return "a `:` is missing after this key", "write `key: value`"
    return f"not valid YAML: {problem}", None
