"""Nodes that show masks and pictures without keeping them."""

from __future__ import annotations

import io
import math

import pytest
import torch
from PIL import Image

from services.executor.engine.context import Interrupted
from services.executor.nodes.mask_preview import MaskPreview
from services.executor.nodes.websocket_saving import SaveImageWebsocket
from services.graph.events import NodePreview, NodeProgress
from tests.executor.nodes.conftest import Surroundings

PICTURES = torch.stack([torch.zeros(2, 3, 3), torch.ones(2, 3, 3)])


def test_masks_are_shown_as_grey_pictures(surroundings: Surroundings) -> None:
    node = MaskPreview()
    images = node.execute(torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]]))["ui"]["images"]
    assert [image["type"] for image in images] == ["temp", "temp"]
    with Image.open(surroundings.folder / "temp" / images[0]["filename"]) as picture:
        assert [picture.getpixel((column, 0)) for column in range(2)] == [(0, 0, 0), (255, 255, 255)]


def test_a_mask_without_a_batch_is_shown(surroundings: Surroundings) -> None:
    assert len(MaskPreview().execute(torch.zeros(4, 4))["ui"]["images"]) == 1


def test_pictures_are_sent_to_whoever_watches(surroundings: Surroundings) -> None:
    surroundings.run.previews_wanted.set()
    assert SaveImageWebsocket().save_images(PICTURES) == {}
    progress = [event for event in surroundings.events if isinstance(event, NodeProgress)]
    assert [(event.value, event.maximum) for event in progress] == [(0.0, 2.0), (1.0, 2.0)]
    sent = [event for event in surroundings.events if isinstance(event, NodePreview)]
    for event, shade in zip(sent, (0, 255), strict=True):
        assert (event.media_type, event.provisional) == ("image/png", False)
        with Image.open(io.BytesIO(event.data)) as picture:
            assert (picture.format, picture.size, picture.getpixel((0, 0))) == ("PNG", (3, 2), (shade,) * 3)


def test_without_watchers_nothing_is_encoded(surroundings: Surroundings) -> None:
    SaveImageWebsocket().save_images(PICTURES)
    assert not any(isinstance(event, NodePreview) for event in surroundings.events)


def test_sending_ends_when_the_run_is_interrupted(surroundings: Surroundings) -> None:
    surroundings.run.interrupted.set()
    with pytest.raises(Interrupted):
        SaveImageWebsocket().save_images(PICTURES)


def test_pictures_are_sent_again_for_every_prompt() -> None:
    assert math.isnan(SaveImageWebsocket.IS_CHANGED(None))
