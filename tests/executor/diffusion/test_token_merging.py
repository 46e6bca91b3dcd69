"""Tokens merged and copied back."""

from __future__ import annotations

import pytest
import torch

from services.executor.diffusion.token_merging import Matching, match

HEIGHT, WIDTH = 6, 9


def matching(tokens: torch.Tensor, count: int) -> Matching:
    torch.manual_seed(4)
    found = match(tokens, HEIGHT, WIDTH, count)
    assert found is not None
    return found


def test_every_window_has_one_destination() -> None:
    found = matching(torch.randn(1, HEIGHT * WIDTH, 8), 5)
    cells = torch.zeros(HEIGHT * WIDTH).index_fill(0, found.destinations, 1.0).view(HEIGHT, WIDTH)
    windows = cells[:, : WIDTH // 2 * 2].unfold(0, 2, 2).unfold(1, 2, 2).sum((-1, -2))
    assert torch.equal(windows, torch.ones(HEIGHT // 2, WIDTH // 2))
    assert cells[:, -1].sum() == 0, "what is over a whole number of windows"


@pytest.mark.parametrize("count", [1, 20, 10_000])
def test_what_is_alike_is_averaged_and_copied_back(count: int) -> None:
    torch.manual_seed(1)
    tokens = torch.randn(2, HEIGHT * WIDTH, 8)
    found = matching(tokens, count)
    merged = found.merge(tokens)
    assert merged.shape[1] == HEIGHT * WIDTH - min(count, len(found.sources))
    back = found.unmerge(merged)
    directions = tokens / tokens.norm(dim=-1, keepdim=True)
    for item in range(2):
        likeness = directions[item, found.sources] @ directions[item, found.destinations].T
        best, target = likeness.max(dim=1)
        chosen = best.topk(min(count, len(best))).indices.tolist()
        groups: dict[int, list[int]] = {int(place): [int(place)] for place in found.destinations}
        for source in chosen:
            groups[int(found.destinations[target[source]])].append(int(found.sources[source]))
        expected = tokens[item].clone()
        for group in groups.values():
            expected[group] = tokens[item, group].mean(0)
        torch.testing.assert_close(back[item], expected)


def test_equal_tokens_stay_what_they_are() -> None:
    tokens = torch.ones(1, HEIGHT * WIDTH, 3)
    found = matching(tokens, 30)
    assert torch.equal(found.unmerge(found.merge(tokens)), tokens)


@pytest.mark.parametrize(("height", "width", "count"), [(6, 9, 0), (1, 54, 10), (54, 1, 10)])
def test_where_nothing_can_be_merged_nothing_is_drawn(height: int, width: int, count: int) -> None:
    before = torch.get_rng_state()
    assert match(torch.randn(1, 54, 2, generator=torch.Generator()), height, width, count) is None
    assert torch.equal(torch.get_rng_state(), before)


def test_tokens_of_no_direction_are_no_error() -> None:
    tokens = torch.zeros(1, HEIGHT * WIDTH, 3)
    found = matching(tokens, 30)
    assert torch.equal(found.unmerge(found.merge(tokens)), tokens)
