# Generated from client_async.py by scripts/generate_sync.py: change that file, not this one.
"""The blocking language model client: one question, one answer, over any OpenAI-compatible server."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from memreg.annotator.wire import (
    OPENAI,
    Ask,
    Endpoint,
    Reply,
    failure_of,
    keep_messages_out_of_logs,
    reply_of,
    request,
    require_extra,
)

if TYPE_CHECKING:
    from memreg.core.settings import Settings


class LLMClient(Protocol):
    """Anything that answers a question with an object."""

    def ask(self, ask: Ask) -> Reply:
        """Ask once. Raises ModelFailed with the reason, and the raw reply where there was one."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class OpenAIClient:
    """Made of openai and instructor. Asks exactly once; openai repeats calls that failed in HTTP, if set so."""

    def __init__(self, endpoint: Endpoint, http_client: Any = None) -> None:
        """Make a client; nothing is sent yet. Raises ExtractorUnavailable without the extra `llm`."""
        require_extra()
        from openai import OpenAI

        keep_messages_out_of_logs()
        self.endpoint = endpoint
        # openai reads OPENAI_* by itself: what is not said here would come from the environment.
        self._openai = OpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.key,
            timeout=endpoint.timeout,
            max_retries=endpoint.max_retries,
            http_client=http_client,
        )
        if endpoint.base_url != OPENAI:  # another server has no business with a name at OpenAI
            self._openai.organization = self._openai.project = None
        self._create: Any = self._openai.chat.completions.create  # imports a lot the first time it is read

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The client that settings describe. Raises ExtractorUnavailable."""
        return cls(Endpoint.of(settings))

    def ask(self, ask: Ask) -> Reply:
        """Ask once. Raises ModelFailed with the reason, and the raw reply where there was one."""
        arguments = request(ask, self.endpoint)
        started = time.perf_counter()
        try:
            completion = self._create(**arguments)
        except Exception as exc:
            raise failure_of(exc, self.endpoint, _since(started)) from exc
        return reply_of(completion, ask, _since(started))

    def close(self) -> None:
        """Close the connections."""
        self._openai.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
