# Generated from recorder_async.py by scripts/generate_sync.py: change that file, not this one.
"""The blocking recorder of a language model's answers: it plays them again without a network."""

from __future__ import annotations

from pathlib import Path

from memreg.annotator.client import LLMClient, OpenAIClient
from memreg.annotator.failure import ModelFailed
from memreg.annotator.wire import Ask, Reply
from memreg.core.errors import ExtractorUnavailable
from memreg.core.settings import Settings
from memreg.testing.recorded import failure_kept, question_of, reply_from, reply_kept
from memreg.testing.recording import Mode, Question, Recording


class Recorder:
    """A client that records what another one answers, or answers from the file; the mode says which."""

    def __init__(
        self,
        client: LLMClient | None,
        file: str | Path | Recording,
        mode: Mode | None = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        """`client` None: the one that the settings describe, made when the first question has to be asked. `file` ends
        in `.yaml` or `.json`; `mode` None: what MEMREG_RECORDING says, else `replay`.

        Raises RecordingInvalid, SettingsInvalid.
        """
        self.recording = file if isinstance(file, Recording) else Recording(file, mode)
        self._client = client
        self._settings = settings

    def ask(self, ask: Ask) -> Reply:
        """The recorded answer, or the client's, which is kept, and so is an unusable one.

        Raises ModelFailed as recorded or as it comes, NotRecorded for a question that nobody is there to answer.
        """
        question = question_of(ask)
        kept = self.recording.answer_to(question)
        if kept is not None:
            return reply_from(kept, self.recording)
        if self.recording.mode == "replay":
            raise self.recording.lack(question)
        try:
            reply = self._asked(question).ask(ask)
        except ModelFailed as exc:
            if failure := failure_kept(exc):
                self.recording.keep(question, failure)
            raise
        self.recording.keep(question, reply_kept(reply))
        return reply

    def close(self) -> None:
        """Close the client's connections."""
        if self._client is not None:
            self._client.close()

    def _asked(self, question: Question) -> LLMClient:
        if self._client is None:
            try:
                self._client = OpenAIClient.of(self._settings or Settings())
            except ExtractorUnavailable as exc:
                raise self.recording.lack(question) from exc
        return self._client


class Replayer(Recorder):
    """A client that answers from a recording and asks nobody, whatever MEMREG_RECORDING says."""

    def __init__(self, file: str | Path) -> None:
        """Raises RecordingInvalid."""
        super().__init__(None, file, "replay")
