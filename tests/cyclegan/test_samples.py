"""Sample pictures show what the generators do, and leave the training as it is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from cyclegan.config import ResnetConfig
from cyclegan.data import DataError, Preprocess, read_image
from cyclegan.networks import build_generator
from cyclegan.samples import (
    GAP,
    MIDDLE,
    ROWS,
    Pixels,
    SampleInputs,
    draw_samples,
    read_inputs,
    save_png,
    split_panels,
    spread,
)

SIDE = 8
Photos = Callable[[str, tuple[int, int, int], int], Path]


class Add(nn.Module):
    """A generator that adds so much, with the parameter that tells its device."""

    def __init__(self, amount: float) -> None:
        super().__init__()
        self.amount = nn.Parameter(torch.tensor(amount))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.amount


def inputs(a: float, b: float, count: int = 2) -> SampleInputs:
    return SampleInputs(
        torch.full((count, 3, SIDE, SIDE), a), torch.full((count, 3, SIDE, SIDE), b)
    )


def cell(panel: Pixels, row: int, column: int) -> Pixels:
    step = SIDE + GAP
    return panel[row * step : row * step + SIDE, column * step : column * step + SIDE]


def test_a_row_is_input_translation_and_cycle_in_both_directions() -> None:
    pixels = draw_samples(Add(0.4), Add(-0.2), inputs(-0.6, 0.2))
    assert pixels.shape == (2 * SIDE + GAP, 6 * SIDE + 4 * GAP + MIDDLE, 3)
    from_a, from_b = split_panels(pixels)
    expected = {0: (-0.6, -0.2, -0.4), 1: (0.2, 0.0, 0.4)}
    for place, panel in enumerate((from_a, from_b)):
        for row in (0, 1):
            for column, level in enumerate(expected[place]):
                assert np.all(cell(panel, row, column) == round((level + 1) * 127.5))
        assert panel.shape == (2 * SIDE + GAP, 3 * SIDE + 2 * GAP, 3)


def test_values_out_of_range_end_at_white_and_black() -> None:
    from_a, from_b = split_panels(draw_samples(Add(5.0), Add(torch.nan), inputs(0.0, 0.0, 1)))
    assert np.all(cell(from_a, 0, 1) == 255)
    assert np.all(cell(from_b, 0, 1) == 0)


def test_drawing_changes_neither_modes_nor_random_numbers() -> None:
    config = ResnetConfig(blocks=1, filters=4, norm="batch", dropout=True)
    g_ab, g_ba = build_generator(config).train(), build_generator(config).train()
    next(module for module in g_ab.modules() if isinstance(module, nn.Dropout)).eval()
    modes = [module.training for network in (g_ab, g_ba) for module in network.modules()]
    weights = [value.clone() for value in g_ab.state_dict().values()]
    random = torch.get_rng_state()
    pictures = SampleInputs(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16))
    torch.set_rng_state(random)

    first = draw_samples(g_ab, g_ba, pictures)
    assert np.array_equal(draw_samples(g_ab, g_ba, pictures), first), "dropout must be off"
    assert torch.equal(torch.get_rng_state(), random)
    now = [module.training for network in (g_ab, g_ba) for module in network.modules()]
    assert now == modes
    assert False in modes
    for before, after in zip(weights, g_ab.state_dict().values(), strict=True):
        assert torch.equal(before, after)


def test_inputs_are_the_middles_of_readable_pictures_scaled_as_for_training(photos: Photos) -> None:
    dark, bright = photos("dark", (30, 40, 90), 9), photos("bright", (220, 170, 60), 3)
    broken = dark / "000.png"
    broken.write_bytes(b"no picture")
    preprocess = Preprocess(load=36, crop=32)
    read = read_inputs(sorted(dark.iterdir()), sorted(bright.iterdir()), preprocess)
    assert read.a.shape == read.b.shape == (3, 3, 32, 32)
    assert read.a.mean() < 0 < read.b[:, 0].mean()

    scaled = preprocess.scale(read_image(bright / "000.png"))
    top, left = (round((side - 32) / 2) for side in scaled.shape[1:])
    crop = scaled[:, top : top + 32, left : left + 32]
    assert torch.allclose(read.b[0], crop.float() / 127.5 - 1)


def test_no_more_than_a_few_pictures_are_read(photos: Photos) -> None:
    dark = sorted(photos("dark", (30, 40, 90), 9).iterdir())
    assert len(read_inputs(dark, dark, Preprocess(load=36, crop=32)).a) == ROWS


def test_where_nothing_can_be_read_the_error_names_a_file(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"broken\.png"):
        read_inputs([broken], [broken], Preprocess(load=36, crop=32))
    with pytest.raises(DataError, match="no pictures"):
        read_inputs([], [], Preprocess(load=36, crop=32))


@pytest.mark.parametrize("count", [0, 1, 2, 5, 16, 100])
def test_pictures_are_taken_from_all_over_a_list(count: int) -> None:
    paths = [Path(str(number)) for number in range(count)]
    taken = list(spread(paths))
    assert sorted(taken) == sorted(paths)
    first = sorted(int(path.name) for path in taken[:4])
    if count >= 16:
        assert first[0] < count / 4 < first[1] + 1 < count * 3 / 4 < first[3] + 1


def test_a_saved_sample_holds_the_very_pixels(tmp_path: Path) -> None:
    pixels = draw_samples(Add(0.1), Add(0.3), inputs(0.0, 0.5))
    save_png(pixels, tmp_path / "samples" / "00000010.png")
    with Image.open(tmp_path / "samples" / "00000010.png") as image:
        assert np.array_equal(np.asarray(image), pixels)
    assert [path.name for path in (tmp_path / "samples").iterdir()] == ["00000010.png"]
