"""HDR as SDR shows it, and BT.2020 as a generator sees it."""

import colorsys
from dataclasses import replace
from fractions import Fraction
from threading import Thread

import av
import numpy as np
import pytest
import torch
from av.filter import Graph
from numpy.typing import NDArray
from torch import Tensor

from cyclegan.config import IdentityConfig
from cyclegan.networks import IdentityGenerator, build_generator
from cyclegan.translator import Translator
from vidgan.media import cube
from vidgan.media.color import packed, to_array
from vidgan.media.cube import look_up
from vidgan.media.seen import color_after, seen_levels, shown_levels
from vidgan.media.tone import (
    FROM_709,
    Look,
    hlg_to_nits,
    nits_to_pq,
    pq_to_nits,
    to_bt709,
)
from vidgan.media.types import Color, VideoStream
from vidgan.translation import translate

Light = NDArray[np.float64]
PEAKS = [0, 400, 1000, 1600, 4000, 10_000]
PQ, HLG, SDR = 16, 18, 14
WHITE = 203.0


def grey(levels: Light) -> Light:
    return np.repeat(levels[:, None], 3, axis=1)


def in_hdr(rgb_709: tuple[float, float, float], transfer: int) -> Light:
    """Levels in BT.2020 of a colour of BT.709, light as a share of HDR's white."""
    nits: Light = WHITE * np.array(rgb_709) @ FROM_709.T
    if transfer == PQ:
        return nits_to_pq(nits)
    # HLG's way back: without what the display adds, then its curve.
    luma = float(nits @ [0.2627, 0.6780, 0.0593]) / 1000
    scene = nits / 1000 / luma ** (1 - 1 / 1.2)
    low = np.sqrt(3 * scene)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    levels: Light = np.where(scene <= 1 / 12, low, high)
    return levels


def hue(rgb: Light) -> float:
    """Degrees."""
    return 360 * colorsys.rgb_to_hsv(*rgb)[0]


@pytest.mark.parametrize(
    ("nits", "level"),
    [(0, 0.0), (1, 0.1499), (100, 0.5081), (203, 0.5807), (1000, 0.7518), (1e4, 1)],
)
def test_pq_is_the_standard_s(nits: float, level: float) -> None:
    assert nits_to_pq(np.array([nits]))[0] == pytest.approx(level, abs=1e-4)
    assert pq_to_nits(np.array([level]))[0] == pytest.approx(nits, rel=2e-3, abs=1e-6)


@pytest.mark.parametrize(("level", "nits"), [(0, 0.0), (0.5, 50.7), (0.75, 203), (1, 1000)])
def test_hlg_is_the_standard_s(level: float, nits: float) -> None:
    assert hlg_to_nits(np.full((1, 3), level))[0] == pytest.approx(nits, rel=5e-3)


@pytest.mark.parametrize("peak", PEAKS)
def test_brighter_stays_brighter_and_nothing_below_1000_nits_is_flat(peak: int) -> None:
    look = Look(transfer=PQ, primaries=9, peak=peak)
    ramp = to_bt709(grey(np.linspace(0, 1, 4096)), look)[:, 0]
    assert (np.diff(ramp) > -1e-12).all()
    assert (ramp[0], ramp[-1]) == (0, pytest.approx(1))
    hundreds = to_bt709(grey(nits_to_pq(np.arange(0, 1001, 100.0))), look)[:, 0]
    assert (np.diff(hundreds) * 1023 > 1).all(), "another level of 10 bits every 100 nits"


@pytest.mark.parametrize("peak", PEAKS)
def test_white_is_white_and_faces_are_neither_dark_nor_pale(peak: int) -> None:
    look = Look(transfer=PQ, primaries=9, peak=peak)
    dark, skin, white = to_bt709(grey(nits_to_pq(np.array([1, 60, WHITE]))), look)[:, 0]
    assert 0.85 <= white <= 0.95
    assert 0.5 <= skin <= 0.7
    assert 0.05 <= dark <= 0.16
    assert 0.85 <= to_bt709(grey(np.array([0.75])), Look(transfer=HLG, primaries=9))[0, 0] <= 0.95


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize("skin", [(0.75, 0.42, 0.14), (0.26, 0.09, 0.02), (0.5, 0.25, 0.2)])
def test_skin_keeps_its_hue(skin: tuple[float, float, float], transfer: int) -> None:
    made = to_bt709(in_hdr(skin, transfer)[None], Look(transfer=transfer, primaries=9))[0]
    plain = np.array(skin) ** (1 / 2.4)
    assert abs(hue(made) - hue(plain)) < 3
    assert made.argsort().tolist() == plain.argsort().tolist()


def test_colours_beyond_bt709_are_paled_and_not_turned() -> None:
    look = Look(transfer=SDR, primaries=9)
    pure = to_bt709(np.eye(3), look)
    assert ((pure >= 0) & (pure <= 1)).all()
    assert pure.argmax(axis=1).tolist() == [0, 1, 2]
    inside = np.array([(0.8, 0.3, 0.2), (0.2, 0.7, 0.3), (0.3, 0.3, 0.8), (0.5, 0.5, 0.5)])
    wide = (inside**2.4 @ FROM_709.T) ** (1 / 2.4)
    assert np.abs(to_bt709(wide, look) - inside).max() < 1e-4


@pytest.mark.parametrize(
    "look",
    [
        Look(transfer=PQ, primaries=9),
        Look(transfer=HLG, primaries=9),
        Look(transfer=SDR, primaries=9),
    ],
)
def test_the_table_is_the_function(look: Look) -> None:
    rng = np.random.default_rng(4)
    levels = rng.uniform(0.1, 0.75, (48, 64, 1)) + rng.uniform(-0.08, 0.08, (48, 64, 3))
    picture = (levels * 65535).round().astype(np.uint16)
    planes = packed(picture).reformat(format="gbrp16le")
    made = to_array(look_up(planes, look)) / 65535
    exact = to_bt709(picture / 65535, look)
    error = np.abs(made - exact)
    assert error.mean() * 255 < 0.3
    # The function has an edge where colours leave BT.709: those near it come out a little paler.
    inside = exact.min(axis=2) > 0.4 * exact.max(axis=2)
    assert inside.mean() > 0.7
    assert np.quantile(error[inside], 0.99) * 255 < 2


def wide_film() -> VideoStream:
    return VideoStream(
        index=0,
        codec="hevc",
        extradata=b"",
        width=64,
        height=48,
        pixel_format="yuv420p10le",
        time_base=Fraction(1, 25),
        average_rate=None,
        sample_aspect_ratio=None,
        rotation=0,
        color=Color(matrix=9, primaries=9, transfer=SDR, full_range=False),
        bits=10,
    )


def own_levels(rgb_709: Light) -> NDArray[np.uint16]:
    """A picture (1, 48, 64, 3) in BT.2020 of a colour of BT.709."""
    wide = (rgb_709**2.4 @ FROM_709.T) ** (1 / 2.4)
    return np.tile((wide * 65535).round().astype(np.uint16), (1, 48, 64, 1))


class Answering(IdentityGenerator):
    """Answers every picture with one colour, and keeps what it saw, as levels in [0, 1]."""

    def __init__(self, answer: Light) -> None:
        super().__init__(IdentityConfig())
        self.answer = torch.tensor(answer, dtype=torch.float32)
        self.seen: list[Light] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append((x.permute(0, 2, 3, 1).double().numpy() + 1) / 2)
        return torch.zeros_like(x) + (2 * self.answer - 1)[:, None, None]

    def __deepcopy__(self, memo: object) -> "Answering":
        return self


@pytest.mark.parametrize("size", [0, 24])
def test_a_generator_sees_bt2020_as_bt709_and_answers_in_bt2020(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = np.array([0.7, 0.45, 0.35]), np.array([0.6, 0.55, 0.5])
    own, film = own_levels(before), wide_film()
    monkeypatch.setattr("cyclegan.translator.traced", lambda network, example: network)
    network = Answering(after)
    translator = Translator(network, precision="fp32", device="cpu", size=size)
    made = translate(own, translator, video=film, shown=film)
    assert np.abs(network.seen[-1] - before).max() * 255 < 1
    assert np.abs(made.astype(int) - own_levels(after)).max() / 257 < 6


@pytest.mark.parametrize("size", [0, 24])
def test_bt2020_that_a_generator_leaves_alone_stays_as_it_was(size: int) -> None:
    own, film = np.random.default_rng(0).integers(0, 65536, (1, 48, 64, 3), np.uint16), wide_film()
    assert np.array_equal(translate(own, identity(size), video=film, shown=film), own)


def identity(size: int = 0) -> Translator:
    return Translator(build_generator(IdentityConfig()), precision="fp32", device="cpu", size=size)


def test_an_output_of_srgb_alone_gets_bt2020_as_it_was_seen() -> None:
    film = wide_film()
    shown = replace(film, color=Color(matrix=0, primaries=1, transfer=13, full_range=True))
    own = own_levels(np.array([0.7, 0.45, 0.35]))
    made = translate(own, identity(), video=film, shown=shown)
    assert np.array_equal(made, seen_levels(own, film))
    assert np.array_equal(made, shown_levels(own, video=film, shown=shown))


def test_what_is_written_is_tagged_as_what_it_has_become() -> None:
    hdr = Color(matrix=9, primaries=9, transfer=PQ, full_range=False)
    rgb = Color(matrix=0, primaries=9, transfer=SDR, full_range=True)
    assert color_after(hdr) == Color(matrix=1, primaries=1, transfer=1, full_range=False)
    assert color_after(rgb) == Color(matrix=9, primaries=9, transfer=SDR, full_range=False)
    assert color_after(wide_film().color) == wide_film().color


def test_frames_of_other_sizes_and_looks_follow_one_another() -> None:
    expected = {PQ: to_bt709(grey(np.full(1, 0x8080 / 65535)), Look(transfer=PQ, primaries=9))}
    expected[HLG] = to_bt709(grey(np.full(1, 0x8080 / 65535)), Look(transfer=HLG, primaries=9))
    for size in ((64, 48), (33, 17), (64, 48), (1, 1), (7, 2)):
        for transfer in (PQ, HLG):
            frame = av.VideoFrame(*size, "gbrp16le")
            for plane in frame.planes:
                plane.update(b"\x80" * plane.buffer_size)
            made = to_array(look_up(frame, Look(transfer=transfer, primaries=9)))
            assert made.shape == (size[1], size[0], 3)
            assert np.abs(made / 65535 - expected[transfer][0]).max() < 1e-3


def test_threads_that_come_and_go_share_what_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Look] = []
    build = cube._build

    def counted(look: Look, planes: av.VideoFrame) -> Graph:
        built.append(look)
        return build(look, planes)

    monkeypatch.setattr(cube, "_graphs", cube._Graphs())
    monkeypatch.setattr(cube, "_build", counted)
    look = Look(transfer=PQ, primaries=9)
    planes = packed(np.full((8, 8, 3), 0x8080, np.uint16)).reformat(format="gbrp16le")
    made = []
    for _ in range(3):
        thread = Thread(target=lambda: made.append(to_array(look_up(planes, look))))
        thread.start()
        thread.join()
    assert built == [look]
    assert all(np.array_equal(made[0], other) for other in made)
