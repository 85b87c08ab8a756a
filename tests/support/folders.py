"""Folders for the data of test servers: of a short path, as a socket's has 107 bytes at most; in memory if possible."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ROOM = 4 << 30
"""Bytes: what a whole run needs at most, with room for what else the machine does."""


def short_folder(prefix: str) -> Path:
    """A new folder that every account may enter."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=_place()))
    folder.chmod(0o755)
    return folder


def _place() -> Path:
    """Memory, where there is plenty: making a database is copying a thousand files."""
    try:
        roomy = shutil.disk_usage(_MEMORY).free >= _ROOM and os.access(_MEMORY, os.W_OK | os.X_OK)
    except OSError:
        roomy = False
    return _MEMORY if roomy else Path("/tmp")
