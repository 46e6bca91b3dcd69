"""The node that makes pictures look like frames of a video."""

from __future__ import annotations

import pytest
import torch

from services.executor.nodes.video_artefacts import LTXVPreprocess

PICTURES = torch.rand(2, 33, 47, 1, generator=torch.Generator().manual_seed(0)).expand(-1, -1, -1, 3)


def test_more_compression_loses_more() -> None:
    even = PICTURES[:, :32, :46]
    errors = [float((LTXVPreprocess().execute(PICTURES, crf)[0] - even).abs().mean()) for crf in (5, 25, 45)]
    assert errors[0] < errors[1] < errors[2]
    assert errors[0] < 0.02


def test_every_picture_is_compressed_alone_and_loses_an_odd_row_and_column() -> None:
    (both,) = LTXVPreprocess().execute(PICTURES, 30)
    assert both.shape == (2, 32, 46, 3)
    assert both.dtype == torch.float32
    for index in range(2):
        (alone,) = LTXVPreprocess().execute(PICTURES[index : index + 1], 30)
        assert torch.equal(alone[0], both[index])


def test_at_zero_nothing_changes_and_beyond_the_codecs_range_is_its_end() -> None:
    assert LTXVPreprocess().execute(PICTURES, 0)[0] is PICTURES
    assert torch.equal(LTXVPreprocess().execute(PICTURES, 100)[0], LTXVPreprocess().execute(PICTURES, 51)[0])


def test_a_picture_that_is_too_small_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="^image: "):
        LTXVPreprocess().execute(PICTURES[:, :1], 30)
