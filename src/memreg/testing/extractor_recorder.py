# Generated from extractor_recorder_async.py by scripts/generate_sync.py: change that file, not this one.
"""The blocking recorder of what an extractor makes of messages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from memreg.core.errors import ExtractionFailed
from memreg.engine.extract import Closing, Contextual, Extractor
from memreg.engine.model import Extraction, Message
from memreg.registry.models import SchemaVersion
from memreg.testing.recorded import extraction_from, extraction_kept, failure_kept, question_about
from memreg.testing.recording import Mode, Recording


class ExtractorRecorder:
    """Records what an extractor of your own makes of messages, or gives it from the file; the mode says which.

    For a language model RecordedExtractor is better: it keeps the model's answers, so that reading them is tested.
    """

    def __init__(self, extractor: Extractor, file: str | Path | Recording, mode: Mode | None = None) -> None:
        """`file` ends in `.yaml` or `.json`; `mode` None: what MEMREG_RECORDING says, else `replay`.

        Raises RecordingInvalid, SettingsInvalid.
        """
        self.name = extractor.name
        self.context_turns = extractor.context_turns if isinstance(extractor, Contextual) else 0
        self.recording = file if isinstance(file, Recording) else Recording(file, mode)
        self._extractor = extractor

    def extract(self, message: Message, version: SchemaVersion) -> Extraction:
        """The recorded extraction, or the extractor's, which is kept. Raises ExtractionFailed, NotRecorded."""
        return self.extract_in_context(message, version, ())

    def extract_in_context(self, message: Message, version: SchemaVersion, before: Sequence[Message]) -> Extraction:
        """The recorded extraction, or the extractor's, which is kept. Raises ExtractionFailed, NotRecorded."""
        question = question_about(message, version, before)
        kept = self.recording.answer_to(question)
        if kept is not None:
            return extraction_from(kept, self.name, self.recording)
        if self.recording.mode == "replay":
            raise self.recording.lack(question)
        try:
            if isinstance(self._extractor, Contextual):
                extraction = self._extractor.extract_in_context(message, version, before)
            else:
                extraction = self._extractor.extract(message, version)
        except ExtractionFailed as exc:
            if failure := failure_kept(exc):
                self.recording.keep(question, failure)
            raise
        self.recording.keep(question, extraction_kept(extraction))
        return extraction

    def close(self) -> None:
        """Close the extractor, where it has something to give back."""
        extractor: object = self._extractor
        if isinstance(extractor, Closing):
            extractor.close()
