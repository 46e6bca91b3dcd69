"""What a checkpoint says about itself in the metadata key `silverprint.config`: sizes that no weight shape shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from services.executor.diffusion.checkpoints.errors import CheckpointError

CONFIGURATION_KEY = "silverprint.config"


def read_configuration(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The configuration in a file's metadata, empty where there is none."""
    text = metadata.get(CONFIGURATION_KEY)
    if text is None:
        return {}
    try:
        configuration = json.loads(text)
    except ValueError as error:
        raise CheckpointError(f"the metadata key {CONFIGURATION_KEY} is not JSON") from error
    if not isinstance(configuration, dict):
        raise CheckpointError(f"the metadata key {CONFIGURATION_KEY} is not a JSON object")
    return configuration
