"""Transparent films over a background of one's choice, whatever codec holds their alpha."""

import os
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.vidgan.here import convert_here
from vidgan.ledger import chunk_key
from vidgan.media import background as behind
from vidgan.media.chunks import ChunkReader
from vidgan.media.decode import decode_chunk
from vidgan.media.probe import probe
from vidgan.media.transparency import MOST_PIXELS
from vidgan.media.types import Film, Levels, Treatment
from vidgan.options import Options

Pixels = NDArray[np.uint8]
SIZE = (96, 64)
FRAMES = 8
ORANGE = (255, 136, 0)

KINDS: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "vp9": ("a.webm", "libvpx-vp9", "yuva420p", {"crf": "4", "b": "0", "auto-alt-ref": "0"}),
    "vp8": ("a.webm", "libvpx", "yuva420p", {"crf": "4", "b": "4M", "auto-alt-ref": "0"}),
    "vp8 in mkv": ("a.mkv", "libvpx", "yuva420p", {"crf": "4", "b": "4M", "auto-alt-ref": "0"}),
    "ffv1": ("a.mkv", "ffv1", "bgra", {}),
    "ffv1 4:2:2": ("a.mkv", "ffv1", "yuva422p", {}),
    "qtrle": ("a.mov", "qtrle", "argb", {}),
    "png": ("a.mov", "png", "rgba", {}),
    "apng": ("a.apng", "apng", "rgba", {}),
    "utvideo": ("a.avi", "utvideo", "gbrap", {}),
    "magicyuv": ("a.mov", "magicyuv", "gbrap", {}),
    "raw": ("a.mov", "rawvideo", "rgba", {}),
    "prores 4444": ("a.mov", "prores_ks", "yuva444p10le", {"profile": "4444"}),
}


def glass(number: int) -> Pixels:
    """uint8 (H, W, 4): each picture its own colour; clear on the left, opaque on the right."""
    rgba = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    rgba[..., :3] = (40 + 20 * number, 90, 200 - 20 * number)
    rgba[..., 3] = np.linspace(0, 255, SIZE[0]).round()
    return rgba


def over(number: int, background: tuple[int, int, int]) -> NDArray[np.float64]:
    rgba = glass(number).astype(float)
    share = rgba[..., 3:] / 255
    return rgba[..., :3] * share + np.array(background) * (1 - share)


def write_glass(folder: Path, kind: str) -> Path:
    name, codec, pixel_format, options = KINDS[kind]
    with av.open(str(folder / name), "w") as container:
        stream: Any = container.add_stream(codec, rate=24, options={"threads": "1"} | options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixel_format
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(glass(number), format="rgba")
            frame = frame.reformat(format=pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return folder / name


def seen(film: Film, background: tuple[int, int, int]) -> list[NDArray[np.float64]]:
    """In levels of 8 bits."""
    treatment = Treatment(background=background)
    pictures = [
        frame.rgb
        for chunk in ChunkReader(film, frames_per_chunk=3)
        for frame in decode_chunk(chunk, film.video, treatment)
    ]
    return [picture / (257 if picture.dtype == np.uint16 else 1) for picture in pictures]


def test_every_share_of_every_level_is_exact() -> None:
    picture = np.tile(np.arange(256, dtype=np.uint8)[:, None, None], (1, 256, 3))
    alpha = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    share = alpha[..., None] / 255
    expected = picture * share + np.array(ORANGE) * (1 - share)
    for kind, scale in ((np.uint8, 1), (np.uint16, 257)):
        levels: Levels = (scale * picture.astype(np.uint32)).astype(kind)
        assert np.abs(behind.over(levels, alpha, ORANGE) - scale * expected).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_what_shows_through_is_the_background(tmp_path: Path, kind: str) -> None:
    film = probe(write_glass(tmp_path, kind))
    assert film.video.alpha
    assert not film.warnings
    for background in ((0, 0, 0), ORANGE):
        pictures = seen(film, background)
        assert len(pictures) == FRAMES
        for number, picture in enumerate(pictures):
            error = np.abs(picture - over(number, background))
            assert error.mean() < 4
            assert error[:, 1].max() < 10, "clear"


def test_an_opaque_film_of_such_a_format_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "opaque.mkv"
    rng = np.random.default_rng(4)
    drawn = rng.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    opaque = np.dstack([drawn, np.full(drawn.shape[:2], 255, np.uint8)])
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "bgra"
        frame = av.VideoFrame.from_ndarray(opaque, format="rgba").reformat(format="bgra")
        frame.pts, frame.time_base = 0, Fraction(1, 24)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    film = probe(path)
    assert not film.video.alpha
    assert not film.warnings
    [picture] = seen(film, ORANGE)
    assert np.array_equal(picture, drawn)


def write_late(path: Path, frames: int, size: tuple[int, int]) -> Path:
    """Only its last picture is transparent, in one pixel."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("qtrle", rate=24)
        stream.width, stream.height, stream.pix_fmt = *size, "argb"
        for number in range(frames):
            rgba = np.full((size[1], size[0], 4), 255, np.uint8)
            rgba[0, 0, 3] = 0 if number == frames - 1 else 255
            frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format="argb")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_each_picture_of_a_short_film_counts(tmp_path: Path) -> None:
    film = probe(write_late(tmp_path / "late.mov", 40, SIZE))
    assert film.video.alpha
    assert not film.warnings


def test_a_film_too_long_to_be_looked_at_is_taken_for_transparent(tmp_path: Path) -> None:
    """What is kept without need loses nothing; and that nothing was seen is said."""
    size = (1024, 1024)
    frames = MOST_PIXELS // (1024 * 1024) + 2
    film = probe(write_late(tmp_path / "late.mov", frames, size))
    assert film.video.alpha
    (said,) = film.warnings
    assert "may be transparent, though the first 16 are not" in said


def test_a_chunk_is_known_by_its_alpha_as_well(tmp_path: Path) -> None:
    film = probe(write_glass(tmp_path, "vp9"))
    [chunk] = ChunkReader(film, frames_per_chunk=1000)
    assert all(packet.alpha for packet in chunk.packets)
    bare = replace(chunk, packets=tuple(replace(p, alpha=b"") for p in chunk.packets))
    assert chunk_key(chunk, film.video, b"") != chunk_key(bare, film.video, b"")


def test_a_transparent_film_is_converted(tmp_path: Path, identity_file: Path) -> None:
    source, output = write_glass(tmp_path, "vp9"), tmp_path / "out.mp4"
    options = Options(
        weights=identity_file, precision="fp32", crf=4, treatment=Treatment(background=ORANGE)
    )
    convert_here(source, output, options)
    for number, picture in enumerate(seen(probe(output), (0, 0, 0))):
        assert np.abs(picture - over(number, ORANGE)).mean() < 5


def says_alpha(path: Path) -> bool:
    """Whether players would look for a second picture."""
    with av.open(str(path)) as container:
        return "alpha_mode" in {key.lower() for key in container.streams.video[0].metadata}


LOSING = [
    ("libx264", "out.mkv", ".mkv with libx264"),
    ("libvpx-vp9", "out.mp4", ".mp4 with libvpx-vp9"),
]


@pytest.mark.parametrize(("codec", "name", "said"), LOSING)
def test_where_no_alpha_is_held_black_shows_and_that_is_said(
    tmp_path: Path, identity_file: Path, codec: str, name: str, said: str
) -> None:
    source, output = write_glass(tmp_path, "vp9"), tmp_path / name
    options = Options(weights=identity_file, precision="fp32", crf=4, codec=codec)
    (warning,) = convert_here(source, output, options).warnings
    assert warning.startswith("transparent parts lie over black, or over --background")
    assert said in warning
    assert not says_alpha(output)
    film = probe(output)
    assert not film.video.alpha
    for number, picture in enumerate(seen(film, ORANGE)):
        assert np.abs(picture - over(number, (0, 0, 0))).mean() < 5


def test_a_chosen_background_shows_though_the_codec_has_alpha(
    tmp_path: Path, identity_file: Path
) -> None:
    source, output = write_glass(tmp_path, "vp9"), tmp_path / "out.webm"
    treatment = Treatment(background=ORANGE)
    report = convert_here(source, output, Options(weights=identity_file, treatment=treatment))
    assert report.warnings == ()
    assert not says_alpha(output)
    film = probe(output)
    assert not film.video.alpha
    for number, picture in enumerate(seen(film, (0, 0, 0))):
        assert np.abs(picture - over(number, ORANGE)).mean() < 8


KEEPING = [
    ("png", "ffv1", "out.mkv"),
    ("vp9", "ffv1", "out.mkv"),
    ("prores 4444", "ffv1", "out.mkv"),
    ("ffv1", "prores_ks", "out.mov"),
    ("prores 4444", "prores_ks", "out.mov"),
    ("ffv1", "png", "pictures/%d.png"),
    ("prores 4444", "png", "pictures/%d.png"),
    ("vp9", None, "out.webm"),
    ("vp8", None, "out.webm"),
    ("prores 4444", None, "out.webm"),
    ("apng", "libvpx-vp9", "out.mkv"),
]
"""A source, a codec that has alpha, and an output."""


@pytest.mark.parametrize(("kind", "codec", "name"), KEEPING)
def test_a_codec_with_alpha_keeps_it(
    tmp_path: Path, identity_file: Path, kind: str, codec: str | None, name: str
) -> None:
    """Also where it comes in three chunks, whose alpha is encoded by itself."""
    source, output = write_glass(tmp_path, kind), tmp_path / name
    options = Options(weights=identity_file, precision="fp32", codec=codec, chunk_frames=3)
    report = convert_here(source, output, options)
    assert not [said for said in report.warnings if "transparent" in said]
    film = probe(output)
    assert film.video.alpha
    for background in ((0, 0, 0), ORANGE):
        pictures = seen(film, background)
        assert len(pictures) == FRAMES
        for number, picture in enumerate(pictures):
            error = np.abs(picture - over(number, background))
            assert error.mean() < 4
            assert error[:, 1].max() < 10


def test_two_pictures_in_one_lie_over_the_background(tmp_path: Path, identity_file: Path) -> None:
    source, output = write_glass(tmp_path, "png"), tmp_path / "out.mkv"
    treatment = Treatment(background=ORANGE, compare="stack")
    options = Options(weights=identity_file, precision="fp32", codec="ffv1", treatment=treatment)
    convert_here(source, output, options)
    film = probe(output)
    assert not film.video.alpha
    for number, picture in enumerate(seen(film, (0, 0, 0))):
        expected = over(number, ORANGE)
        assert np.abs(picture - np.concatenate([expected, expected])).mean() < 3


def test_alpha_is_scaled_with_the_picture_where_pixels_become_square(
    tmp_path: Path, identity_file: Path
) -> None:
    """Of a webm, whose pixels have no shape: the left of each picture stays as clear as it was."""
    source, output = tmp_path / "wide.mov", tmp_path / "out.webm"
    with av.open(str(source), "w") as container:
        stream: Any = container.add_stream("qtrle", rate=24)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "argb"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(glass(number), format="rgba")
            frame = frame.reformat(format="argb")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    convert_here(source, output, Options(weights=identity_file, precision="fp32"))
    film = probe(output)
    assert (film.video.width, film.video.height) == (SIZE[0] * 4 // 3, SIZE[1])
    assert film.video.alpha
    clear, opaque = seen(film, ORANGE)[0][:, :4], seen(film, ORANGE)[0][:, -4:]
    assert np.abs(clear - ORANGE).max() < 16
    assert np.abs(opaque - glass(0)[0, 0, :3]).mean() < 8


def test_a_gif_keeps_what_is_seen_and_what_is_not(tmp_path: Path, identity_file: Path) -> None:
    source, output = write_glass(tmp_path, "apng"), tmp_path / "out.gif"
    report = convert_here(source, output, Options(weights=identity_file, precision="fp32"))
    assert "gif holds no half-transparent pixels: what is less than half opaque is not seen" in (
        report.warnings
    )
    with Image.open(output) as gif:
        for number in range(FRAMES):
            gif.seek(number)
            shown = np.asarray(gif.convert("RGBA"))
            assert not shown[:, :47, 3].any()
            assert shown[:, 49:, 3].min() == 255
            assert np.abs(shown[:, 49:, :3] - glass(number)[:, 49:, :3].astype(float)).mean() < 4
    again = tmp_path / "again.gif"
    convert_here(output, again, Options(weights=identity_file, precision="fp32"))
    assert probe(again).video.alpha


def test_a_transparent_webp_becomes_a_transparent_webm(tmp_path: Path, identity_file: Path) -> None:
    source, output = tmp_path / "a.webp", tmp_path / "out.webm"
    first, *rest = [Image.fromarray(glass(number)) for number in range(FRAMES)]
    first.save(source, save_all=True, append_images=rest, duration=40, lossless=True, exact=True)
    convert_here(source, output, Options(weights=identity_file, precision="fp32"))
    film = probe(output)
    assert film.video.alpha
    for number, picture in enumerate(seen(film, ORANGE)):
        assert np.abs(picture - over(number, ORANGE)).mean() < 4


@pytest.mark.skipif(
    shutil.which("ffmpeg") is None and "VIDGAN_NEEDS_FFMPEG" not in os.environ,
    reason="needs FFmpeg's programs: apt-get install ffmpeg",
)
def test_another_decoder_sees_the_same_alpha_in_a_webm(tmp_path: Path, identity_file: Path) -> None:
    source, output = write_glass(tmp_path, "png"), tmp_path / "out.webm"
    options = Options(weights=identity_file, precision="fp32", crf=4, chunk_frames=3)
    convert_here(source, output, options)
    decode = ["-c:v", "libvpx-vp9", "-i", str(output), "-f", "rawvideo", "-pix_fmt", "rgba", "-"]
    said = subprocess.run(["ffmpeg", "-v", "warning", *decode], capture_output=True, check=True)
    assert said.stderr == b""
    pictures = np.frombuffer(said.stdout, np.uint8).reshape(-1, SIZE[1], SIZE[0], 4)
    assert len(pictures) == FRAMES
    for number, picture in enumerate(pictures):
        assert np.abs(picture[..., 3].astype(int) - glass(number)[..., 3]).max() <= 4
