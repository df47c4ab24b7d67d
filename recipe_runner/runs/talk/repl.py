"""The loop of `chat`: a line in, a reply of each talker out."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from recipe_runner.errors import RunnerError
from recipe_runner.runs.failures import explain
from recipe_runner.runs.talk.conversation import Conversation, Message

if TYPE_CHECKING:
    from recipe_runner.loops.speaker import Reply, Sampling

HELP = """\
/reset         forget what was said
/system TEXT   set the system prompt, and start over; without TEXT: none
/exit          end; so does Ctrl-D
//…            say what starts with a slash
Ctrl-C         stop waiting for a reply"""


@dataclass(frozen=True)
class Screen:
    """Where a chat writes.

    Attributes:
        reply: takes the replies to one line, each with the label of who gave it.
        note: takes what else a person should read.
    """

    reply: Callable[[str, Reply], None]
    note: Callable[[str], None]


@dataclass
class Chat:
    """A person's conversations with one talker or more.

    Attributes:
        interactive: whether an error ends a line only, or the chat.
    """

    conversations: Sequence[Conversation]
    sampling: Sampling
    screen: Screen
    interactive: bool
    _turn: int = field(default=0, init=False)

    def run(self, lines: Iterable[str]) -> None:
        """Answer lines until they end, or one says to.

        Raises:
            RunnerError: what went wrong with a line that no person is there to give again.
            KeyboardInterrupt: where no person is there either.
        """
        for line in lines:
            text = line.strip()
            if text.startswith("/") and not text.startswith("//"):
                if not self._command(text):
                    return
            elif text:
                self._say(text.removeprefix("/") if text.startswith("//") else text)

    def _command(self, text: str) -> bool:
        """Do what a line says that starts with a slash; False where it ends the chat."""
        name, _, argument = text.partition(" ")
        if name in ("/exit", "/quit"):
            return False
        if name == "/reset":
            self._reset("what was said is forgotten")
        elif name == "/system":
            for conversation in self.conversations:
                conversation.system = argument.strip() or None
            self._reset("system prompt set" if argument.strip() else "no system prompt")
        elif name == "/help":
            self.screen.note(HELP)
        else:
            self.screen.note(f"there is no {name}; there are:\n{HELP}")
        return True

    def _reset(self, note: str) -> None:
        for conversation in self.conversations:
            conversation.reset()
        self.screen.note(note)

    def _say(self, text: str) -> None:
        try:
            replies = asyncio.run(self._ask(text))
        except KeyboardInterrupt:
            if not self.interactive:
                raise
            self.screen.note("stopped waiting; that line is forgotten")
            return
        except Exception as error:
            known = explain(error)
            if not self.interactive:
                raise known from error
            self._show_error(known)
            return
        for conversation, (reply, said) in zip(self.conversations, replies, strict=True):
            conversation.keep(said)
            self.screen.reply(conversation.talker.target.label, reply)

    async def _ask(self, text: str) -> list[tuple[Reply, list[Message]]]:
        sampling = replace(self.sampling, seed=self._seed())
        self._turn += 1
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(c.answer(text, sampling)) for c in self.conversations]
        return [task.result() for task in tasks]

    def _seed(self) -> int:
        """Return a seed of its own for each turn; as given, the first turn's is the given one."""
        given = self.sampling.seed
        return secrets.randbits(31) if given is None else (given + self._turn) % 2**31

    def _show_error(self, error: RunnerError) -> None:
        self.screen.note(f"error: {error}\n/reset starts over, /exit ends")
