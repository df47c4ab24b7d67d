"""What clients have open: sessions, their models and their samplers. Lives on one event loop."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from recipe_runner.backends.local.checkpoints import CheckpointPath, Lora, Run
from recipe_runner.backends.local.http_errors import BadRequest, Gone, NotFound
from recipe_runner.backends.local.models import ModelSource
from recipe_runner.backends.local.sequencer import Sequencer
from recipe_runner.backends.local.tenants import Tenant

# The SDK sends a heartbeat every 10 seconds and warns after 2 minutes without an answer.
ABANDONED_AFTER_S = 900.0
FINISHED_SESSIONS_KEPT = 1000
MAX_SESSIONS = 1000
MAX_MODELS = 1000
MAX_SAMPLERS = 100_000


@dataclass
class Session:
    session_id: str
    user_metadata: dict[str, str]
    display_name: str | None
    tenant: Tenant
    last_seen: float
    model_ids: list[str] = field(default_factory=list)
    sampler_ids: list[str] = field(default_factory=list)
    finished: bool = False


@dataclass
class Model:
    run: Run
    session_id: str
    source: ModelSource
    sequencer: Sequencer
    last_request: float


@dataclass
class Sampler:
    """Where a sampler's weights come from: a saved checkpoint, a base model, or, with
    `snapshot`, a live model at one moment, which nothing can bring back once it is dropped."""

    sampler_id: str
    session_id: str
    base_model: str
    tenant: Tenant
    model_path: CheckpointPath | None = None
    snapshot: bool = False
    lora: Lora | None = None
    num_in_flight: int = 0


class Registry:
    """Lookups raise NotFound, or Gone for a session that has finished."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.models: dict[str, Model] = {}
        self.samplers: dict[str, Sampler] = {}

    def open_session(
        self, user_metadata: dict[str, Any], display_name: str | None, tenant: Tenant
    ) -> Session:
        live = sum(not session.finished for session in self.sessions.values())
        _require_room(live, MAX_SESSIONS, "sessions")
        session = Session(
            session_id=str(uuid.uuid4()),
            user_metadata={key: str(value) for key, value in user_metadata.items()},
            display_name=display_name,
            tenant=tenant,
            last_seen=time.monotonic(),
        )
        self.sessions[session.session_id] = session
        self._forget_finished()
        return session

    def session(self, session_id: str) -> Session:
        """The live session; being asked for counts as a sign of life."""
        session = self.known_session(session_id)
        if session.finished:
            raise Gone(
                f"session {session_id} has finished: its client closed it, or sent no heartbeat "
                f"for {ABANDONED_AFTER_S:.0f} s"
            )
        session.last_seen = time.monotonic()
        return session

    def known_session(self, session_id: str) -> Session:
        session = self.sessions.get(session_id)
        if session is None:
            raise NotFound(
                f"no session {session_id!r} on this server; if the server was restarted, "
                "resume from the last checkpoint"
            )
        return session

    def model(self, model_id: str) -> Model:
        model = self.models.get(model_id)
        if model is None:
            raise NotFound(
                f"no model {model_id!r} on this server; if it was unloaded or the server was "
                "restarted, create one from its last checkpoint"
            )
        self.session(model.session_id)
        return model

    def sampler(self, sampler_id: str) -> Sampler:
        sampler = self.samplers.get(sampler_id)
        if sampler is None:
            raise NotFound(
                f"no sampler {sampler_id!r} on this server; unnamed snapshots are dropped when "
                "newer ones need their place: save_weights_for_sampler(name) keeps one"
            )
        self.session(sampler.session_id)
        return sampler

    def require_room_for_a_model(self) -> None:
        """Raises BadRequest when there are as many as a server holds."""
        _require_room(len(self.models), MAX_MODELS, "models in training")

    def require_room_for_a_sampler(self) -> None:
        """Raises BadRequest when there are as many as a server holds."""
        _require_room(len(self.samplers), MAX_SAMPLERS, "samplers")

    def add_model(self, model: Model) -> None:
        self.models[model.run.model_id] = model
        self.sessions[model.session_id].model_ids.append(model.run.model_id)

    def add_sampler(self, sampler: Sampler) -> None:
        self.samplers[sampler.sampler_id] = sampler
        self.sessions[sampler.session_id].sampler_ids.append(sampler.sampler_id)

    def remove_sampler(self, sampler_id: str) -> None:
        sampler = self.samplers.pop(sampler_id, None)
        if sampler is not None:
            self.sessions[sampler.session_id].sampler_ids.remove(sampler_id)

    def abandoned(self) -> list[Session]:
        """Live sessions whose client has been silent for too long."""
        oldest = time.monotonic() - ABANDONED_AFTER_S
        return [s for s in self.sessions.values() if not s.finished and s.last_seen < oldest]

    def _forget_finished(self) -> None:
        finished = [s.session_id for s in self.sessions.values() if s.finished]
        for session_id in finished[: max(len(finished) - FINISHED_SESSIONS_KEPT, 0)]:
            del self.sessions[session_id]


def _require_room(number: int, limit: int, what: str) -> None:
    if number >= limit:
        raise BadRequest(
            f"this server has {limit:,} {what}, which is all that it holds; finish the sessions "
            "that are no longer needed, or start another server"
        )
