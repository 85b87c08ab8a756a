"""The asynchronous extractor of the language model on a recording: for tests that need neither a key nor a network."""

from __future__ import annotations

from pathlib import Path

from memreg.annotator.extractor_async import AsyncLLMExtractor
from memreg.annotator.options import ExtractOptions
from memreg.core.settings import Settings
from memreg.testing.recorder_async import AsyncRecorder
from memreg.testing.recording import Mode, Recording


class AsyncRecordedExtractor(AsyncLLMExtractor):
    """The language model's extractor, whose model answers from a file; for `connect(extractor=...)`.

    The answers are read by the same code as a model's. In the modes `record` and `auto` the model that the settings
    describe is asked what the file does not answer.
    """

    def __init__(
        self, file: str | Path | Recording, mode: Mode | None = None, *, settings: Settings | None = None
    ) -> None:
        """`file` ends in `.yaml` or `.json`; `mode` None: what MEMREG_RECORDING says, else `replay`.

        Raises RecordingInvalid, SettingsInvalid.
        """
        settings = settings or Settings()
        super().__init__(AsyncRecorder(None, file, mode, settings=settings), ExtractOptions.of(settings))
