"""Edge similarity: blind to colour and contrast, not to what is where."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cyclegan.structure import edge_similarity


def scene(seed: int, *, side: int = 96) -> Tensor:
    """Overlapping rectangles of one colour each: uint8 (1, 3, side, side)."""
    random = torch.Generator().manual_seed(seed)
    image = torch.full((1, 3, side, side), 128, dtype=torch.uint8)
    for _ in range(12):
        top, left = torch.randint(side - 20, (2,), generator=random).tolist()
        height, width = torch.randint(10, 50, (2,), generator=random).tolist()
        color = torch.randint(256, (1, 3, 1, 1), generator=random).to(torch.uint8)
        image[:, :, top : top + height, left : left + width] = color
    return image


def similarity(x: Tensor, y: Tensor) -> float:
    return float(edge_similarity(x, y))


def test_a_picture_and_itself() -> None:
    assert similarity(scene(1), scene(1)) == pytest.approx(1)


def test_contrast_polarity_and_brightness_are_no_structure() -> None:
    x = scene(1)
    assert similarity(x, x // 2 + 60) > 0.99
    assert similarity(x, 255 - x) > 0.99
    assert similarity(x, (x.double() / 255).pow(0.7) * 255) > 0.95


def test_other_pictures_have_next_to_nothing_in_common() -> None:
    found = [similarity(scene(seed), scene(seed + 50)) for seed in range(8)]
    assert max(found) < 0.35
    assert sum(found) / len(found) < 0.15


def test_it_falls_as_edges_move_blur_or_drown() -> None:
    x = scene(1)
    moved = [similarity(x, torch.roll(x, pixels, dims=3)) for pixels in (1, 2, 4)]
    assert 1 > moved[0] > moved[1] > moved[2]
    assert moved[2] < 0.5
    blurred = [similarity(x, F.avg_pool2d(x.float(), side, 1, side // 2)) for side in (3, 7, 15)]
    assert 1 > blurred[0] > blurred[1] > blurred[2]
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    grainy = [similarity(x, x + level * noise) for level in (5, 40, 160)]
    assert grainy[0] > 0.95
    assert grainy[0] > grainy[1] > grainy[2]


def test_a_flat_picture_has_no_edges_to_keep() -> None:
    flat = torch.full_like(scene(1), 7)
    assert similarity(scene(1), flat) == 0
    assert similarity(flat, flat) == 0


def test_pairs_of_a_batch_are_compared_each_by_itself() -> None:
    x = torch.cat([scene(1), scene(2)])
    y = torch.cat([scene(1), scene(3)])
    found = edge_similarity(x, y)
    assert found.shape == (2,)
    assert float(found[0]) == pytest.approx(1)
    assert float(found[1]) == pytest.approx(similarity(scene(2), scene(3)))


@pytest.mark.parametrize("shape", [(1, 3, 8, 9), (1, 1, 8, 8), (3, 8, 8)])
def test_shapes_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="two batches"):
        edge_similarity(torch.zeros(1, 3, 8, 8), torch.zeros(shape))
