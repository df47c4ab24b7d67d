"""The file that `sample` writes: a line a reply, whole lines only; and what it lacks so far."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from recipe_runner.errors import UsageError
from recipe_runner.jsonl import read_records

if TYPE_CHECKING:
    from recipe_runner.compile.data.prompts import Prompt
    from recipe_runner.loops.speaker import Reply, Sampling
    from recipe_runner.runs.talk.speaking import Talker

OnExisting = Literal["fail", "resume", "overwrite"]
# What a file's line and a line to come must agree on, for the line to be the answer.
_SAME = ("prompt", "model", "checkpoint", "backend", "sampling")


class Answers:
    """Replies on disk. A prompt's replies are written at once, when the last of them is there."""

    def __init__(self, path: Path, on_existing: OnExisting) -> None:
        """Read what is there.

        Raises:
            UsageError: if there is a file and nothing says what to do with it.
            DataError: if it is to be resumed and is not such a file.
        """
        self.path = path
        self._mode = "wb" if on_existing == "overwrite" else "ab"
        self._rows: dict[tuple[str, int], dict[str, Any]] = {}
        if path.exists() and on_existing == "fail":
            raise UsageError(
                f"{path} exists; --resume asks what it lacks, --overwrite starts it over"
            )
        if path.exists() and on_existing == "resume":
            self._read()

    @contextmanager
    def open(self) -> Iterator[None]:
        """Hold the file open to write; only now is one that is overwritten gone."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open(self._mode) as self._file:
            yield

    def _read(self) -> None:
        """Read what is answered, and cut off what was not written to its end."""
        data = self.path.read_bytes()
        self._cut(data.rfind(b"\n") + 1)
        if not self.path.read_bytes().strip():
            return
        records = list(read_records(self.path))
        for record in records:
            key = (record.text("label"), record.value("index"))
            self._rows[key] = record.values
        last = records[-1].values
        of_last = [r for r in records if all(r.values[k] == last[k] for k in ("label", "index"))]
        if len(of_last) < last.get("sampling", {}).get("num_samples", 1):
            del self._rows[last["label"], last["index"]]
            lines = data.splitlines(keepends=True)
            self._cut(sum(map(len, lines[: of_last[0].line - 1])))

    def _cut(self, length: int) -> None:
        with self.path.open("r+b") as file:
            file.truncate(length)

    def has(self, row: dict[str, Any]) -> bool:
        """Whether the file has the replies that rows like this one would hold.

        Raises:
            UsageError: if it has others to the same prompt's number.
        """
        found = self._rows.get((row["label"], row["index"]))
        if found is None:
            return False
        for key in _SAME:
            if found.get(key) != row[key]:
                raise UsageError(
                    f"{self.path} answers prompt {row['index']} with another {key}: "
                    f"{_shown(found.get(key))}, now {_shown(row[key])}; give --overwrite, or "
                    "another file"
                )
        return True

    def write(self, row: dict[str, Any], replies: Sequence[Reply], *, token_ids: bool) -> None:
        """Append a prompt's replies, in one write."""
        lines = [
            json.dumps(row | _values(reply, sample, token_ids), ensure_ascii=False) + "\n"
            for sample, reply in enumerate(replies)
        ]
        self._file.write("".join(lines).encode("utf-8", errors="surrogatepass"))
        self._file.flush()


def row_of(
    talker: Talker, prompt: Prompt, index: int, messages: Sequence[Any], sampling: Sampling
) -> dict[str, Any]:
    """Return what each of a prompt's lines says of the prompt and of who is asked.

    Args:
        messages: the prompt as it is asked.
    """
    target = talker.target
    backend = target.backend
    return {
        "index": index,
        "prompt": list(messages),
        **({"answer": prompt.answer} if prompt.answer is not None else {}),
        "label": target.label,
        "model": talker.speaker.model,
        "checkpoint": target.path,
        "backend": backend if isinstance(backend, str) else backend.base_url,
        "stand_in": talker.stand_in,
        "sampling": asdict(sampling),
    }


def _values(reply: Reply, sample: int, token_ids: bool) -> dict[str, Any]:
    return {
        "sample": sample,
        "reply": reply.text,
        **({"thinking": reply.thinking} if reply.thinking else {}),
        "stop_reason": reply.stop_reason,
        "num_tokens": len(reply.tokens),
        "num_prompt_tokens": reply.num_prompt_tokens,
        **({"tokens": reply.tokens} if token_ids else {}),
    }


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:99]}…"
