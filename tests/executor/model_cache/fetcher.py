"""A process of a host that wants models: `python -m … ADDRESS CACHE BYTES`, told "FOLDER NAME" line by line.

It answers each line with the path of the model, or with what went wrong, and uses all that it got until it ends.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from services.errors import ServiceError
from services.executor.model_cache.cache import ModelCache
from services.executor.model_cache.folder import CacheFolder
from services.executor.model_cache.remote import RemoteModels
from services.executor.node_files import RemoteFiles


def main(address: str, folder: str, max_bytes: str) -> None:
    """Serve the lines of the standard input."""
    top = Path(folder)
    with closing(RemoteFiles(address, top / "files")) as files:
        models = RemoteModels(files, ModelCache(CacheFolder(top / "models", int(max_bytes), reserve=0)))
        for line in sys.stdin:
            kind, _, name = line.strip().partition(" ")
            try:
                answer = str(models.fetch(kind, name))
            except ServiceError as error:
                answer = f"{type(error).__name__}: {error.message}"
            sys.stdout.write(answer + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
