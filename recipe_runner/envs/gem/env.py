"""One GEM episode as a Cookbook environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import tinker
from tinker_cookbook import renderers
from tinker_cookbook.completers import StopCondition
from tinker_cookbook.renderers import Message, Renderer
from tinker_cookbook.rl.types import (
    STOP_METRIC_PREFIX,
    Action,
    ActionExtra,
    Env,
    InitialObservationOverflow,
    Logs,
    Metrics,
    Observation,
    StepResult,
    StopReason,
)
from tinker_cookbook.utils import logtree
from tinker_cookbook.utils.logtree_formatters import ConversationFormatter

from recipe_runner.envs.gem.continuing import as_continued
from recipe_runner.envs.gem.prompts import render_prompt
from recipe_runner.envs.gem.protocol import Move, Opening, Turn
from recipe_runner.envs.gem.workers import EpisodeError, EpisodeTimeout, shared_pool


class GemEnv(Env):
    """An episode: the conversation so far, and GEM's state as a value.

    A reply that the renderer could not parse cleanly (cut off at max_tokens, or with stray markers)
    is not played: it ends the episode with reward 0, because what would be graded is not what the
    model would have said. `parse_clean` counts these.

    So does a conversation that has no room for another reply in the model's context.

    An environment that raises, or does not answer in time, ends the episode with reward 0 too;
    `env_error` and `env_timeout` count these. Rewards of earlier turns stay.

    Metrics, each turn: `parse_clean`, `env_error`, `env_timeout`; where one turn is all there is,
    also `correct` (full reward); where there is a tool, also `tool_use`. The last turn has
    `stop/<reason>`.
    """

    def __init__(
        self,
        opening: Opening | EpisodeError,
        *,
        renderer: Renderer,
        prompt: str,
        max_turns: int | None,
        max_prompt_tokens: int | None,
        single_turn: bool,
        one_message: bool,
        has_tool: bool,
    ) -> None:
        """one_message: each observation already holds the episode so far (see `wrappers`)."""
        self._opening = opening
        self._renderer = renderer
        self._prompt = prompt
        self._max_turns = max_turns
        self._max_prompt_tokens = max_prompt_tokens
        self._single_turn = single_turn
        self._one_message = one_message
        self._has_tool = has_tool
        self._state = b""
        self._turns = 0
        self._conversation: list[Message] = []
        self._seen: list[int] = []
        self._unlogged: list[Message] = []

    @property
    def stop_condition(self) -> StopCondition:
        stop: StopCondition = self._renderer.get_stop_sequences()
        return stop

    async def initial_observation(
        self,
    ) -> tuple[Observation, StopCondition] | InitialObservationOverflow:
        if isinstance(self._opening, EpisodeError):
            # The Cookbook's one way to end an episode before its first turn.
            logtree.log_text(f"Reset failed: {self._opening}")
            return InitialObservationOverflow(
                reward=0.0,
                metrics=_error_metrics(self._opening),
                logs={"env_error": str(self._opening)},
            )
        self._state = self._opening.state
        observation = _with_board(self._opening.observation, self._opening.board)
        question: Message = {
            "role": "user",
            "content": render_prompt(self._prompt, observation),
        }
        self._unlogged.append(question)
        prompt = self._prompt_with(question)
        if self._is_too_long(prompt):
            return InitialObservationOverflow(
                reward=0.0, metrics={f"{STOP_METRIC_PREFIX}{StopReason.MAX_TOKENS}": 1.0}
            )
        return prompt, self.stop_condition

    async def step(self, action: Action, *, extra: ActionExtra | None = None) -> StepResult:
        self._turns += 1
        self._seen += action
        message, termination = self._renderer.parse_response(action)
        self._unlogged.append(message)
        if not termination.is_clean:
            cut_off = (extra or {}).get("stop_reason") == "length"
            reason = StopReason.MAX_TOKENS if cut_off else StopReason.PARSE_ERROR
            return self._end(0.0, {"parse_clean": 0.0}, reason)
        try:
            turn = await shared_pool().step(self._state, renderers.get_text_content(message))
        except EpisodeError as error:
            return self._end(0.0, _error_metrics(error), None, {"env_error": str(error)})
        if turn.done:
            return self._end(turn.reward, {}, self._reason_of(turn))
        if self._max_turns is not None and self._turns >= self._max_turns:
            return self._end(turn.reward, {}, StopReason.MAX_TURNS)
        return self._go_on(message, turn)

    async def rehearse(self) -> Move | None:
        """Return a valid move for the turn that is on, None where the game cannot draw one.

        Its limit of turns is the recipe's where that is lower.
        """
        move = await shared_pool().rehearse(self._state)
        if move is None or self._max_turns is None:
            return move
        return replace(move, max_turns=min(move.max_turns or self._max_turns, self._max_turns))

    def _reason_of(self, turn: Turn) -> StopReason:
        # GEM reports single turns as truncated as well as terminated.
        out_of_turns = turn.truncated and not self._single_turn
        return StopReason.MAX_TURNS if out_of_turns else StopReason.COMPLETED

    def _go_on(self, message: Message, turn: Turn) -> StepResult:
        self._state = turn.state
        observation = _with_board(turn.observation, turn.board)
        if self._one_message:
            self._conversation = []
            observation = render_prompt(self._prompt, observation)
        else:
            self._conversation.append(_played(message, turn))
        changes: Metrics = {"tool_use": 1.0} if turn.tool else {}
        question: Message = {"role": "tool" if turn.tool else "user", "content": observation}
        prompt = self._prompt_with(question)
        if self._is_too_long(prompt):
            return self._end(turn.reward, changes, StopReason.MAX_TOKENS)
        metrics = self._metrics(turn.reward, changes)
        self._log(turn.reward, metrics)
        self._unlogged.append(question)
        return StepResult(
            reward=turn.reward,
            episode_done=False,
            next_observation=prompt,
            next_stop_condition=self.stop_condition,
            metrics=metrics,
        )

    def _prompt_with(self, question: Message) -> Observation:
        """Return the conversation's prompt after one more message, as tokens."""
        self._conversation.append(question)
        rendered = self._renderer.build_generation_prompt(self._conversation).to_ints()
        self._seen = as_continued(self._seen, rendered, self._renderer)
        return tinker.ModelInput.from_ints(self._seen)

    def _is_too_long(self, prompt: Observation) -> bool:
        return self._max_prompt_tokens is not None and prompt.length > self._max_prompt_tokens

    def _end(
        self, reward: float, metrics: Metrics, reason: StopReason | None, logs: Logs | None = None
    ) -> StepResult:
        metrics = self._metrics(reward, metrics)
        if reason is not None:
            metrics[f"{STOP_METRIC_PREFIX}{reason}"] = 1.0
        self._log(reward, metrics)
        return StepResult(
            reward=reward,
            episode_done=True,
            next_observation=tinker.ModelInput.empty(),
            next_stop_condition=self.stop_condition,
            metrics=metrics,
            logs=logs or {},
        )

    def _metrics(self, reward: float, changes: Metrics) -> Metrics:
        # The Cookbook averages a metric over the turns that have it, so every turn has all.
        metrics: Metrics = {"parse_clean": 1.0, "env_error": 0.0, "env_timeout": 0.0}
        if self._single_turn:
            metrics["correct"] = float(reward >= 1.0)
        if self._has_tool:
            metrics["tool_use"] = 0.0
        return {**metrics, **changes}

    def _log(self, reward: float, metrics: Metrics) -> None:
        """Write what is new since the last turn to the Cookbook's rollout log."""
        *prompt, reply = self._unlogged
        self._unlogged = []
        _log_messages("Prompt", prompt)
        _log_messages("Policy Response", [reply])
        with logtree.scope_header("Reward"):
            row = {"turn": self._turns, "reward": f"{reward:.3f}", **metrics}
            logtree.table_from_dict(row, caption="Reward components")


def _log_messages(title: str, messages: Sequence[Message]) -> None:
    with logtree.scope_header(title):
        logtree.log_formatter(ConversationFormatter(messages=list(messages)))


def _played(message: Message, turn: Turn) -> Message:
    """Return the reply as the next prompt has it: up to the end of the program that was run."""
    if turn.played is None or turn.played == renderers.get_text_content(message):
        return message
    return {**message, "content": turn.played}


def _with_board(observation: str, board: str) -> str:
    if not board:
        return observation
    return f"{observation.rstrip()}\n\n{board}"


def _error_metrics(error: EpisodeError) -> Metrics:
    if isinstance(error, EpisodeTimeout):
        return {"env_error": 0.0, "env_timeout": 1.0}
    return {"env_error": 1.0, "env_timeout": 0.0}
