"""What is particular to each kind of output: its codecs, its limits, and what is said of them."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.vidgan.here import convert_here
from tests.vidgan.media.shown import numbers, pictures
from vidgan.errors import SettingsError
from vidgan.media.encode import ChunkEncoder
from vidgan.media.encoder_table import ENCODERS
from vidgan.media.encoders import encoder_settings, output_pixel_format
from vidgan.media.header import Target
from vidgan.media.preflight import check_output
from vidgan.media.probe import probe
from vidgan.media.types import LONGEST_CHUNK, Color, EncoderSettings
from vidgan.options import Options

MakeFilm = Callable[..., Path]
EncodeFilm = Callable[..., Any]
Read = Callable[..., int]


def boxes(path: Path) -> Iterator[str]:
    """The names of the outermost boxes of an mp4."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        yield name.decode()
        at += size


@pytest.mark.parametrize("ending", [".mp4", ".m4v", ".mov"])
def test_the_index_comes_first_so_that_playing_starts_while_loading(
    ending: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    encode_film(make_film("film.mp4", frames=12), ending).join(tmp_path / ("out" + ending))
    order = list(boxes(tmp_path / ("out" + ending)))
    assert order.index("moov") < order.index("mdat")


def test_a_long_chunk_has_keyframes_to_seek_to() -> None:
    from tests.vidgan.media.test_encode import frames, stream

    for codec in ("libx264", "libx265", "libvpx-vp9"):
        encoder = ChunkEncoder(stream(codec=codec), EncoderSettings(codec=codec))
        shown = frames([3600 * i for i in range(400)])
        packets = [p for frame in shown for p in encoder.encode(frame)] + encoder.finish()
        keys = [packet.pts // 3600 for packet in packets if packet.is_keyframe]
        gaps = [after - key for key, after in zip(keys, [*keys[1:], 400], strict=True)]
        assert 0 < max(gaps) <= LONGEST_CHUNK, codec


ENDINGS = ("mp4", "mov", "mkv", "webm", "gif")
SIZES = [(ending, size) for ending in ENDINGS for size in ((1, 1), (2, 2), (1, 40))]


@pytest.mark.parametrize(
    ("ending", "size"), [*SIZES, pytest.param("mp4", (7680, 4320), marks=pytest.mark.slow)]
)
def test_pictures_of_any_size_come_out(
    ending: str, size: tuple[int, int], make_film: MakeFilm, identity_file: Path, tmp_path: Path
) -> None:
    """From one pixel to 8K."""
    colour = (200, 100, 50)
    source = make_film(
        "source.avi",
        codec="rawvideo",
        pixel_format="bgr24",
        frames=2,
        size=size,
        audio=False,
        draw=lambda number, size: np.full((size[1], size[0], 3), colour, np.uint8),
    )
    output = tmp_path / f"out.{ending}"
    report = convert_here(source, output, Options(weights=identity_file, precision="fp32"))
    assert (report.frames, report.frames_lost) == (2, 0)
    with av.open(str(output)) as container:
        for frame in container.decode(video=0):
            assert (frame.width, frame.height) == size
            shown = frame.to_ndarray(format="rgb24").reshape(-1, 3).mean(0)
            assert np.abs(shown - colour).max() < 6


def test_profiles_that_players_and_editors_know(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = make_film("film.mp4", frames=12)
    known = {
        ("libx264", ".mp4"): ("High", "yuv420p"),
        ("libx265", ".mp4"): ("Main", "yuv420p"),
        ("prores_ks", ".mov"): ("HQ", "yuv422p10le"),
    }
    for (codec, ending), expected in known.items():
        encode_film(source, ending, codec=codec).join(tmp_path / (codec + ending))
        with av.open(str(tmp_path / (codec + ending))) as container:
            stream = container.streams.video[0]
            assert (stream.profile, stream.codec_context.pix_fmt) == expected


def test_ffv1_loses_nothing_but_rounding(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    color = Color(matrix=1, primaries=1, transfer=1, full_range=True)
    source = make_film("film.mp4", frames=6, pixel_format="yuv444p", color=color, audio=False)
    encode_film(source, ".mkv", codec="ffv1").join(tmp_path / "out.mkv")
    for before, after in zip(pictures(source), pictures(tmp_path / "out.mkv"), strict=True):
        assert np.abs(before.astype(int) - after).max() <= 2


@pytest.mark.parametrize("codec", ["h264_nvenc", "hevc_nvenc", "av1_nvenc"])
def test_hardware_that_does_not_open_is_one_line_before_any_work(
    codec: str, make_film: MakeFilm, tmp_path: Path
) -> None:
    film, settings = probe(make_film("film.mp4", frames=12)), EncoderSettings(codec=codec)
    try:
        ChunkEncoder(film.video, settings)
    except SettingsError:
        pass
    else:
        pytest.skip("this machine has such hardware")
    with pytest.raises(SettingsError, match=rf"--codec {codec}: no hardware .* such as libx264$"):
        check_output(
            Target(
                film=film,
                settings=encoder_settings(Path("out.mp4"), codec=codec),
                output=tmp_path / "out.mp4",
            )
        )
    assert list(tmp_path.iterdir()) == []


def test_hardware_is_never_the_default() -> None:
    for name in ("a.mp4", "a.mov", "a.mkv", "a.webm", "a.gif", "%d.png", "%d.jpg"):
        for bits in (8, 10):
            assert not ENCODERS[encoder_settings(Path(name), bits=bits).codec].is_hardware


def test_av1_of_hardware_has_420_alone_for_odd_sizes_as_well(make_film: MakeFilm) -> None:
    source = make_film("odd.mp4", frames=6, size=(97, 65), pixel_format="yuv444p", audio=False)
    film, output = probe(source), Path("out.mp4")
    settings = encoder_settings(output, codec="av1_nvenc")
    assert Target(film=film, settings=settings, output=output).said == ()
    assert output_pixel_format(film.video, settings) == "yuv420p"
    assert output_pixel_format(replace(film.video, bits=10), settings) == "p010le"


@pytest.mark.parametrize("codec", ENCODERS)
def test_each_encoder_knows_the_formats_that_it_is_given(codec: str) -> None:
    encoder = ENCODERS[codec]
    given = {getattr(encoder.formats, field.name) for field in fields(encoder.formats)}
    given |= {encoder.alpha, encoder.deep_alpha}
    known = {kind.name for kind in av.Codec(codec, "w").video_formats or []}
    assert given - {""} <= known
    assert bool(encoder.alpha) == bool(encoder.deep_alpha)


SQUARES = [
    (Fraction(4, 3), ".webm", "libvpx-vp9", (128, 64)),
    (Fraction(2, 3), ".webm", "libvpx-vp9", (96, 96)),
    (Fraction(4, 3), ".mkv", "libsvtav1", (128, 64)),
    (Fraction(4, 3), ".mkv", "ffv1", (128, 64)),
]


@pytest.mark.parametrize("row", SQUARES, ids=lambda row: f"{row[0]} in {row[1]}")
def test_pixels_become_square_where_their_shape_cannot_be_said(
    row: tuple[Fraction, str, str, tuple[int, int]],
    make_film: MakeFilm,
    encode_film: EncodeFilm,
    read_number: Read,
    tmp_path: Path,
) -> None:
    aspect, ending, codec, size = row
    source = make_film("wide.mkv", frames=12, sample_aspect_ratio=aspect, audio=False)
    encoded = encode_film(source, ending, codec=codec)
    encoded.join(tmp_path / ("out" + ending))
    with av.open(str(tmp_path / ("out" + ending))) as container:
        video = container.streams.video[0]
        assert (video.width, video.height) == size
        assert video.sample_aspect_ratio in {None, 1}
    assert numbers(tmp_path / ("out" + ending), read_number) == list(range(12))
    target = Target(
        film=encoded.film,
        settings=encoded.settings,
        output=tmp_path / ("out" + ending),
    )
    (said,) = target.said
    width, height = size
    assert said.startswith(f"pixels of shape {aspect} become square: {width}x{height} instead of")


def test_an_odd_size_is_said_where_players_would_not_show_it(
    make_film: MakeFilm, encode_film: EncodeFilm
) -> None:
    source = make_film("odd.mp4", frames=6, size=(97, 65), pixel_format="yuv444p", audio=False)

    def said(ending: str) -> tuple[str, ...]:
        film, output = probe(source), Path("out" + ending)
        settings = encoder_settings(output)
        return Target(film=film, settings=settings, output=output).said

    assert said(".webm") == ()
    (line,) = said(".mp4")
    assert line.startswith("97x65 is an odd size, for which libx264 needs 4:4:4")


def test_a_colon_in_a_name_is_no_protocol(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    encode_film(make_film("film.mp4", frames=12), ".mp4").join(Path("x:y.mp4"))
    assert [path.name for path in tmp_path.iterdir()] == ["x:y.mp4"]
