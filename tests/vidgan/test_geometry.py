"""How pictures are turned, mirrored, and shown beside one another: over a generator that keeps
them as they are, what comes out is what a player shows of the source."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.vidgan.films.crops import with_clap, with_pixel_crop
from tests.vidgan.films.pictures import draw
from tests.vidgan.here import convert_here
from vidgan.errors import InputError
from vidgan.media.probe import probe
from vidgan.media.turn import upright
from vidgan.media.types import Color, Compare, Treatment
from vidgan.options import Options

Pixels = NDArray[np.uint8]
MakeFilm = Callable[..., Path]
SIZE = (96, 64)
BT709 = Color(matrix=1, primaries=1, transfer=1, full_range=False)

TURNS: dict[str, tuple[dict[str, Any], Callable[[Pixels], Pixels]]] = {
    "90": ({"rotation": 90}, lambda rgb: np.rot90(rgb, 1)),
    "180": ({"rotation": 180}, lambda rgb: np.rot90(rgb, 2)),
    "270": ({"rotation": 270}, lambda rgb: np.rot90(rgb, 3)),
    "mirrored": ({"mirrored": True}, lambda rgb: rgb[:, ::-1]),
    "mirrored 90": ({"mirrored": True, "rotation": 90}, lambda rgb: np.rot90(rgb, 1)[:, ::-1]),
    "upside down": ({"mirrored": True, "rotation": 180}, lambda rgb: rgb[::-1]),
}
"""The options of a film, and what a player makes of its stored pictures."""


def seen(path: Path) -> list[Pixels]:
    """The pictures as a player shows them."""
    film = probe(path)
    with av.open(path) as container:
        return [
            upright(frame.to_ndarray(format="rgb24").astype(np.uint8), film.video)
            for frame in container.decode(video=0)
        ]


def far(a: Pixels, b: Pixels) -> float:
    assert a.shape == b.shape
    return float(np.abs(a.astype(int) - b).mean())


@pytest.mark.parametrize("name", TURNS)
def test_a_player_s_view_is_kept(
    make_film: MakeFilm, identity_file: Path, tmp_path: Path, name: str
) -> None:
    options, as_seen = TURNS[name]
    for ending in (".mp4", ".mkv", ".mov", ".webm"):
        codec = "libvpx-vp9" if ending == ".webm" else "libx264"
        source = make_film(f"turned{ending}", codec=codec, frames=3, audio=False, **options)
        output = tmp_path / f"out{ending}"
        convert_here(source, output, Options(weights=identity_file, crf=4, precision="fp32"))
        before, after = probe(source).video, probe(output).video
        assert (after.rotation, after.mirrored) == (before.rotation, before.mirrored)
        assert (after.width, after.height) == SIZE, "stored as it was"
        for number, picture in enumerate(seen(output)):
            assert far(picture, as_seen(draw(number, SIZE))) < 8


@pytest.mark.parametrize("name", ["90", "mirrored 90", "upside down"])
def test_where_nothing_can_be_said_pictures_are_turned_themselves(
    make_film: MakeFilm, identity_file: Path, tmp_path: Path, name: str
) -> None:
    options, as_seen = TURNS[name]
    source = make_film("turned.mp4", frames=3, audio=False, **options)
    chosen = Options(weights=identity_file, precision="fp32")
    convert_here(source, tmp_path / "out.gif", chosen)
    convert_here(source, tmp_path / "pictures" / "%02d.png", chosen)
    for number, picture in enumerate(seen(tmp_path / "out.gif")):
        assert far(picture, as_seen(draw(number, SIZE))) < 16, "256 colours"
    names = sorted((tmp_path / "pictures").iterdir())
    assert [path.name for path in names] == ["01.png", "02.png", "03.png"]
    for number, path in enumerate(names):
        with Image.open(path) as image:
            rgb = np.asarray(image.convert("RGB"))
        assert far(rgb, as_seen(draw(number, SIZE))) < 8


def test_what_the_generator_sees_of_a_mirrored_film_is_upright(
    make_film: MakeFilm, generator_file: Path, tmp_path: Path
) -> None:
    from cyclegan.translator import Translator
    from cyclegan.weights import load_generator

    source = make_film("m.mp4", mirrored=True, rotation=90, frames=3, audio=False)
    output = tmp_path / "out.mp4"
    convert_here(source, output, Options(weights=generator_file, crf=1, precision="fp32"))
    translate = Translator(load_generator(generator_file), device="cpu", precision="fp32")
    for before, after in zip(seen(source), seen(output), strict=True):
        assert far(after, translate(np.ascontiguousarray(before)[None])[0]) < 3


@pytest.mark.parametrize("compare", ["side", "wipe", "stack"])
def test_the_original_and_its_translation_in_one_picture(
    make_film: MakeFilm, generator_file: Path, tmp_path: Path, compare: Compare
) -> None:
    from cyclegan.translator import Translator
    from cyclegan.weights import load_generator

    source = make_film("turned.mp4", rotation=90, mirrored=True, frames=3)
    output = tmp_path / "out.mp4"
    options = Options(
        weights=generator_file, crf=1, precision="fp32", treatment=Treatment(compare=compare)
    )
    convert_here(source, output, options)
    video = probe(output).video
    sizes = {"side": (128, 96), "stack": (64, 192), "wipe": (64, 96)}
    assert (video.rotation, video.mirrored) == (0, False)
    assert (video.width, video.height) == sizes[compare]
    translate = Translator(load_generator(generator_file), device="cpu", precision="fp32")
    for original, picture in zip(seen(source), seen(output), strict=True):
        before, after = original, translate(np.ascontiguousarray(original)[None])[0]
        assert far(before, after) > 8
        if compare == "side":
            left, right = picture[:, :64], picture[:, 64:]
        elif compare == "stack":
            left, right = picture[:96], picture[96:]
        else:
            left, right, line = picture[:, :30], picture[:, 34:], picture[:, 32]
            before, after = before[:, :30], after[:, 34:]
            assert line.mean() > 200
        assert far(left, before) < 5
        assert far(right, after) < 5


CROPPED = {".mp4": "libx264", ".mov": "libx264", ".mkv": "libx264", ".webm": "libvpx-vp9"}


@pytest.mark.parametrize("ending", CROPPED)
def test_what_a_container_crops_is_not_seen(
    make_film: MakeFilm, identity_file: Path, tmp_path: Path, ending: str
) -> None:
    plain = make_film(f"plain{ending}", codec=CROPPED[ending], color=BT709, frames=3, audio=False)
    source = tmp_path / f"cropped{ending}"
    source.write_bytes(plain.read_bytes())
    if ending in {".mp4", ".mov"}:
        with_clap(source, stored=SIZE, shown=(10, 4, 64, 48))
    else:
        with_pixel_crop(source, left=10, right=22, top=4, bottom=12)
    output = tmp_path / f"out{ending}"
    convert_here(source, output, Options(weights=identity_file, crf=4, precision="fp32"))
    assert (probe(source).video.width, probe(source).video.height) == (64, 48)
    video = probe(output).video
    assert (video.width, video.height, video.cut) == (64, 48, None)
    pictures = seen(output)
    assert len(pictures) == 3
    for number, picture in enumerate(pictures):
        assert far(picture, draw(number, SIZE)[4:52, 10:74]) < 8


def test_a_crop_of_nothing_is_none_and_of_all_is_refused(
    make_film: MakeFilm, tmp_path: Path
) -> None:
    plain = make_film("plain.mkv", color=BT709, frames=3, audio=False)
    source = tmp_path / "cropped.mkv"
    source.write_bytes(plain.read_bytes())
    video = probe(with_pixel_crop(source, left=0)).video
    assert (video.width, video.height, video.cut) == (*SIZE, None)
    source.write_bytes(plain.read_bytes())
    with pytest.raises(InputError):
        probe(with_pixel_crop(source, top=40, bottom=24))


def test_nobody_crops_by_a_title(make_film: MakeFilm) -> None:
    spoof = {"Frame Cropping": "10/22/4/12", "title": "x\n      Frame Cropping: 10/22/4/12"}
    film = probe(make_film("spoof.mkv", metadata=spoof, frames=3, audio=False))
    assert film.video.cut is None


def test_a_crop_within_the_codec_is_ffmpeg_s(make_film: MakeFilm, identity_file: Path) -> None:
    """H.264 codes whole blocks of 16 pixels: 66 x 50 pixels are cropped out of 80 x 64."""
    source = make_film("odd.mp4", size=(66, 50), frames=3, audio=False)
    output = source.with_name("odd.out.mp4")
    convert_here(source, output, Options(weights=identity_file, crf=4, precision="fp32"))
    for number, picture in enumerate(seen(output)):
        assert far(picture, draw(number, (66, 50))) < 8
