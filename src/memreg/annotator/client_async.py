"""The asynchronous language model client: one question, one answer, over any OpenAI-compatible server."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from memreg.annotator.breaker import breaker_of
from memreg.annotator.quiet import quietly
from memreg.annotator.transit import failure_of, left_alone
from memreg.annotator.wire import (
    OPENAI,
    Ask,
    Endpoint,
    Reply,
    reply_of,
    request,
    require_extra,
)

if TYPE_CHECKING:
    from memreg.core.settings import Settings


class AsyncLLMClient(Protocol):
    """Anything that answers a question with an object."""

    async def ask(self, ask: Ask) -> Reply:
        """Ask once. Raises ModelFailed with the reason, and the raw reply where there was one."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...


class AsyncOpenAIClient:
    """Made of openai and instructor. Asks exactly once: whether and when to ask again is the caller's to say.

    A server that failed several times in a row is left alone for a while: what is asked meanwhile fails at once.
    """

    def __init__(self, endpoint: Endpoint, http_client: Any = None) -> None:
        """Make a client; nothing is sent yet. Raises ExtractorUnavailable without the extra `llm`."""
        require_extra()
        from openai import AsyncOpenAI

        self.endpoint = endpoint
        self._breaker = breaker_of(endpoint.base_url, endpoint.breaker_failures, endpoint.breaker_seconds)
        # openai reads OPENAI_* by itself: what is not said here would come from the environment.
        self._openai = AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.key,
            timeout=endpoint.timeout,
            max_retries=0,
            http_client=http_client,
        )
        if endpoint.base_url != OPENAI:  # another server has no business with a name at OpenAI
            self._openai.organization = self._openai.project = None
        self._create: Any = self._openai.chat.completions.create  # imports a lot the first time it is read

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The client that settings describe. Raises ExtractorUnavailable."""
        return cls(Endpoint.of(settings))

    async def ask(self, ask: Ask) -> Reply:
        """Ask once. Raises ModelFailed with the reason, and the raw reply where there was one."""
        arguments = request(ask, self.endpoint)
        left = self._breaker.wait()
        if left is not None:
            raise left_alone(self.endpoint, self._breaker.failed, left)
        started = time.perf_counter()
        try:
            with quietly():
                completion = await self._create(**arguments)
        except Exception as exc:
            failure = failure_of(exc, self.endpoint, _since(started))
            (self._breaker.failed_again if failure.transient else self._breaker.succeeded)()
            raise failure from exc
        except BaseException:
            self._breaker.gave_up()
            raise
        self._breaker.succeeded()
        return reply_of(completion, ask, _since(started))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._openai.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
