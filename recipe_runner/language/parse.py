"""YAML text -> tree with places. Every mistake that does not make the text unreadable is kept."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml import events as ev
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from recipe_runner.language.diagnostics import Place, Report, dotted
from recipe_runner.language.files import LINE_BREAK
from recipe_runner.language.scalars import resolve_plain
from recipe_runner.language.syntax_messages import explain_syntax_error
from recipe_runner.language.tree import Entry, Node, Path
from recipe_runner.language.wording import shorten

MAX_DEPTH = 40
MAX_ALIASED_NODES = 1000

Locate = Callable[[int, int, int], Place]


class _Unreadable(Exception):
    """Raised after a report, where the rest of the text cannot be made sense of."""


def parse_text(text: str, report: Report, locate: Locate) -> Node | None:
    """Read one YAML document; `locate(index, line, column)` gives a place from counts from 0.

    Returns none where the text cannot be read (reported) or holds no document at all.
    """
    composer = _Composer(text, report, locate)
    try:
        return composer.document()
    except _Unreadable:
        report.incomplete = True
        return None


def file_locator(file: str) -> Locate:
    return lambda index, line, column: Place(file, line + 1, column + 1)


class _Composer:
    """Builds the tree from parser events, so that keys and aliases keep their own places."""

    def __init__(self, text: str, report: Report, locate: Locate) -> None:
        self._text = text
        self._report = report
        self._locate = locate
        self._events = self._read_events()
        self._anchors: dict[str, Node | None] = {}
        self._sizes: dict[int, int] = {}
        self._aliased = 0

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, ev.DocumentStartEvent):
                self._check_directives(event)
                if root is not None:
                    self._fail(event, "syntax", "a recipe is one YAML document; a second starts")
                root = self._compose(next(self._events), ())
        return root

    def _read_events(self) -> Iterator[Any]:
        try:
            yield from YAML(typ="safe", pure=True, plug_ins=[]).parse(self._text)
        except MarkedYAMLError as error:
            message, hint = explain_syntax_error(error, self._text)
            self._report.add(self._place(error.problem_mark), (), "syntax", message, hint=hint)
            raise _Unreadable from error
        except YAMLError as error:
            self._unreadable_character(error)
            raise _Unreadable from error
        except (ValueError, OverflowError) as error:
            # The scanner turns \U escapes into characters without checking their range.
            index = _bad_escape(self._text)
            self._report.add(
                self._place_of_index(index), (), "syntax", "this escape names no character"
            )
            raise _Unreadable from error

    def _unreadable_character(self, error: YAMLError) -> None:
        index = int(getattr(error, "position", 0))
        character = self._text[index : index + 1]
        self._report.add(
            self._place_of_index(index),
            (),
            "syntax",
            f"the character U+{ord(character or chr(0)):04X} is not allowed in YAML",
        )

    def _compose(self, event: Any, path: Path) -> Node:
        if len(path) > MAX_DEPTH:
            self._fail(event, "depth", f"nested more than {MAX_DEPTH} levels deep", path)
        if isinstance(event, ev.AliasEvent):
            return self._alias(event, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, ev.ScalarEvent):
            node = self._scalar(event, path)
        elif isinstance(event, ev.SequenceStartEvent):
            node = self._sequence(event, path)
        else:
            node = self._mapping(event, path)
        self._check_tag(event, node, path)
        self._sizes[id(node)] = 1 + sum(self._sizes[id(child)] for _, child in node.children())
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _scalar(self, event: Any, path: Path) -> Node:
        place = self._place(event.start_mark)
        if event.style is not None:
            return self._quoted(event.value, place, path)
        value = resolve_plain(event.value)
        node = Node(value, place, text=event.value)
        if isinstance(value, float) and not math.isfinite(value):
            node.broken = True
            message = f"`{dotted(path)}` must be a finite number, not {shorten(event.value)}"
            self._report.add(place, path, "range", message)
        return node

    def _quoted(self, text: str, place: Place, path: Path) -> Node:
        """Return text, with pairs of escapes such as \\ud83d\\ude00 joined, as JSON writes them."""
        try:
            return Node(text.encode("utf-16", "surrogatepass").decode("utf-16"), place)
        except UnicodeDecodeError:
            message = f"`{dotted(path)}` has half of a character, which is not text"
            self._report.add(place, path, "encoding", message, hint="write the character itself")
            return Node(None, place, broken=True)

    def _sequence(self, event: Any, path: Path) -> Node:
        items: list[Node] = []
        for child in self._events:
            if isinstance(child, ev.SequenceEndEvent):
                break
            items.append(self._compose(child, (*path, len(items))))
        return Node(items, self._place(event.start_mark))

    def _mapping(self, event: Any, path: Path) -> Node:
        place = self._place(event.start_mark)
        template = event.flow_style and self._text.startswith("{{", event.start_mark.index)
        if template:
            return self._bare_template(event, place, path)
        entries: dict[str, Entry] = {}
        broken = False
        for key_event in self._events:
            if isinstance(key_event, ev.MappingEndEvent):
                break
            key = self._key(key_event, path)
            value_path = (*path, "?" if key is None else key)
            value = self._compose(next(self._events), value_path)
            if key is None:
                broken = True
            elif key in entries:
                self._duplicate(key, key_event, entries[key], path)
            else:
                entries[key] = Entry(self._place(key_event.start_mark), value)
        return Node(entries, place, broken and not entries)

    def _key(self, event: Any, path: Path) -> str | None:
        """Return a key that is text, or report it and return none."""
        node = self._compose(event, (*path, "?"))
        if node.broken:
            return None
        if isinstance(node.value, str):
            return node.value
        what = "a list" if isinstance(node.value, list) else "a mapping"
        hint = None
        if not isinstance(node.value, list | dict):
            what = node.text or "null"
            hint = f'write "{what}" in quotes' if node.text else None
        self._report.add(node.place, path, "type", f"a key must be text, not {what}", hint=hint)
        return None

    def _duplicate(self, key: str, event: Any, first: Entry, path: Path) -> None:
        self._report.add(
            self._place(event.start_mark),
            (*path, key),
            "duplicate-key",
            f"`{key}` is given twice; first on line {first.key_place.line}",
            hint="remove one of the two",
        )

    def _bare_template(self, event: Any, place: Place, path: Path) -> Node:
        """Report `key: {{ … }}`, which YAML reads as a mapping within a mapping."""
        depth = 1
        while depth:
            inner = next(self._events)
            if depth > MAX_DEPTH:
                self._fail(inner, "depth", f"nested more than {MAX_DEPTH} levels deep", path)
            depth += isinstance(inner, ev.MappingStartEvent | ev.SequenceStartEvent)
            depth -= isinstance(inner, ev.MappingEndEvent | ev.SequenceEndEvent)
        source = self._text[event.start_mark.index : inner.end_mark.index]
        self._report.add(
            place,
            path,
            "template",
            "a template must be in quotes; without them YAML reads {{ }} as a mapping",
            hint=f'write "{source}"' if '"' not in source else f"write '{source}'",
        )
        return Node(None, place, broken=True)

    def _alias(self, event: Any, path: Path) -> Node:
        place = self._place(event.start_mark)
        node = self._anchors.get(event.anchor)
        if node is None:
            known = event.anchor in self._anchors
            message = (
                f"*{event.anchor} stands inside its own anchor &{event.anchor}"
                if known
                else f"there is no anchor &{event.anchor} before this alias"
            )
            self._report.add(place, path, "alias-limit" if known else "syntax", message)
            broken = Node(None, place, broken=True)
            self._sizes[id(broken)] = 1
            return broken
        self._aliased += self._sizes[id(node)]
        if self._aliased > MAX_ALIASED_NODES:
            self._fail(
                event,
                "alias-limit",
                f"aliases stand for more than {MAX_ALIASED_NODES} values",
                path,
            )
        return node

    def _check_tag(self, event: Any, node: Node, path: Path) -> None:
        if event.tag is None:
            return
        node.broken = True
        self._report.add(
            node.place,
            path,
            "tag",
            f"tags are not part of the recipe language: {_short_tag(str(event.tag))}",
            hint="remove the tag; quotes make a value text",
        )

    def _check_directives(self, event: Any) -> None:
        if event.version not in (None, (1, 2)):
            self._fail(event, "syntax", "recipes are YAML 1.2; remove the %YAML line")

    def _fail(self, event: Any, code: str, message: str, path: Path = ()) -> None:
        self._report.add(self._place(event.start_mark), path, code, message)
        raise _Unreadable

    def _place(self, mark: Any) -> Place:
        return self._locate(mark.index, mark.line, mark.column)

    def _place_of_index(self, index: int) -> Place:
        before = LINE_BREAK.split(self._text[:index])
        return self._locate(index, len(before) - 1, len(before[-1]))


def _short_tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def _bad_escape(text: str) -> int:
    for match in re.finditer(r"\\U([0-9a-fA-F]{8})", text):
        if int(match[1], 16) > 0x10FFFF:
            return match.start()
    return 0
