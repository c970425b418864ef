"""What is particular to each kind of output: its codecs, its limits, and what is said of them."""

import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vidgan.errors import OutputError, SettingsError
from vidgan.media.containers import whole_of
from vidgan.media.encode import ChunkEncoder
from vidgan.media.encoder_table import ENCODERS
from vidgan.media.encoders import encoder_settings, output_pixel_format
from vidgan.media.header import Target
from vidgan.media.preflight import check_output
from vidgan.media.probe import probe
from vidgan.media.sequence import out_of_the_way
from vidgan.media.types import Color, EncoderSettings
from vidgan.places import Remote

MakeFilm = Callable[..., Path]
EncodeFilm = Callable[..., Any]
Read = Callable[..., int]
Picture = NDArray[np.uint8]


def numbers(path: Path, read_number: Read) -> list[int]:
    with av.open(str(path)) as container:
        return [read_number(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]


def seconds(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [Fraction(f.pts or 0) * (f.time_base or 0) for f in container.decode(video=0)]


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
        shown = frames([3600 * i for i in range(260)])
        packets = [p for frame in shown for p in encoder.encode(frame)] + encoder.finish()
        keys = [packet.pts // 3600 for packet in packets if packet.is_keyframe]
        assert 0 < max(b - a for a, b in zip(keys, [*keys[1:], 260], strict=True)) <= 250, codec


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


def pictures(path: Path) -> list[Picture]:
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]  # type: ignore[misc]


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


def test_png_sequence_is_what_the_generator_made(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = make_film("film.mp4", frames=12)
    encoded = encode_film(source, "/%03d.png")
    report = encoded.join(tmp_path / "out" / "frame_%03d.png")
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == [f"frame_{i:03d}.png" for i in range(1, 13)]
    shown = [np.asarray(Image.open(file)) for file in files]
    from tests.vidgan.media.conftest import read_frames

    before = [frame.rgb for frame in read_frames(encoded.film)]
    assert all(np.array_equal(a, b) for a, b in zip(shown, before, strict=True))
    assert report.warnings == (
        "numbered pictures hold no times: show them at 24 frames/s",
        "audio 1 is left out: .png holds pictures alone",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_jpeg_sequence_looks_like_it(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    encoded = encode_film(make_film("film.mp4", frames=6, audio=False), "/%d.jpg")
    encoded.join(tmp_path / "out" / "%d.jpg")
    from tests.vidgan.media.conftest import read_frames

    for number, frame in enumerate(read_frames(encoded.film), start=1):
        with Image.open(tmp_path / "out" / f"{number}.jpg") as picture:
            assert np.abs(np.asarray(picture).astype(int) - frame.rgb).mean() < 1.5


def test_deep_films_become_deep_pictures(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = make_film("deep.mkv", frames=4, codec="ffv1", pixel_format="yuv420p10le", audio=False)
    encode_film(source, "/%d.png").join(tmp_path / "out" / "%d.png")
    with av.open(str(tmp_path / "out" / "1.png")) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "rgb48be"


def test_a_folder_with_anything_in_it_is_no_place_for_pictures(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    encoded = encode_film(make_film("film.mp4", frames=6, audio=False), "/%d.png")
    output = tmp_path / "out" / "%d.png"
    encoded.join(output)
    before = sorted(path.name for path in output.parent.iterdir())
    with pytest.raises(OutputError, match="holds pictures already; say --overwrite"):
        encoded.join(output)
    (output.parent / "7.png").write_bytes(b"of a longer film before")
    encoded.join(output, overwrite=True)
    assert sorted(path.name for path in output.parent.iterdir()) == before
    (output.parent / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds mine\.txt already; .* folder of their own"):
        encoded.join(output, overwrite=True)
    with pytest.raises(OutputError, match="there is no folder"):
        encoded.join(tmp_path / "a" / "b" / "%d.png")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_sequence_that_fails_leaves_nothing(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    from vidgan.media.join import join

    encoded = encode_film(make_film("film.mp4", frames=6, audio=False), "/%d.png")
    calls = iter(range(100))

    def stop() -> None:
        if next(calls) == 3:
            raise OutputError("stopped")

    with pytest.raises(OutputError, match="stopped"):
        join(
            encoded.target(tmp_path / "out" / "%d.png"),
            lambda: iter(encoded.chunks),
            expected=encoded.times,
            go_on=stop,
        )
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_try_left_is_no_part_of_a_sequence(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    left = tmp_path / "out.vidgan.part"
    left.mkdir()
    (left / "9.png").write_bytes(b"half a picture")
    encoded = encode_film(make_film("film.mp4", frames=6, audio=False), "/%d.png")
    encoded.join(tmp_path / "out" / "%d.png")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"{number}.png" for number in range(1, 7)}


def test_pictures_of_a_film_stay_off_servers_and_out_of_its_own_folder(
    make_film: MakeFilm, tmp_path: Path
) -> None:
    film = probe(Path(shutil.copy(make_film("film.mp4", frames=6), tmp_path / "film.mp4")))
    settings = EncoderSettings(codec="png")
    with pytest.raises(OutputError, match=r"holds the input; name a new folder"):
        check_output(Target(film=film, settings=settings, output=tmp_path / "%d.png"))
    with pytest.raises(OutputError, match="are written on this machine alone"):
        check_output(Target(film=film, settings=settings, output=Remote("s3://films/out/%d.png")))


def test_a_sequence_never_takes_the_place_of_its_source(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    encode_film(make_film("film.mp4", frames=3, audio=False), "/%d.png").join(
        tmp_path / "pics" / "%02d.png"
    )
    before = {path.name: path.read_bytes() for path in (tmp_path / "pics").iterdir()}
    film, settings = probe(tmp_path / "pics" / "%02d.png"), EncoderSettings(codec="png")
    (tmp_path / "link").symlink_to("pics")
    (tmp_path / "x").mkdir()
    for folder, words in (
        (tmp_path / "link", "holds the input"),
        (tmp_path / "x" / ".." / "pics", "holds the input"),
    ):
        with pytest.raises(OutputError, match=words):
            check_output(
                Target(film=film, settings=settings, output=folder / "%02d.png"), overwrite=True
            )
    (tmp_path / "other").mkdir()
    (tmp_path / "to-other").symlink_to("other")
    with pytest.raises(OutputError, match="is a link or a disk of its own"):
        check_output(
            Target(film=film, settings=settings, output=tmp_path / "to-other" / "%02d.png")
        )
    with pytest.raises(OutputError, match="name a new folder for the pictures"):
        whole_of(Path("/%02d.png"))
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "pics").iterdir()}


def test_pictures_of_other_names_are_not_replaced(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    encoded = encode_film(make_film("film.mp4", frames=3, audio=False), "/%d.png")
    encoded.join(tmp_path / "out2" / "%04d.png")
    (tmp_path / "out2" / "7.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"holds 7\.png already"):
        encoded.join(tmp_path / "out2" / "%04d.png", overwrite=True)
    assert (tmp_path / "out2" / "7.png").read_bytes() == b"mine"


def test_a_sequence_that_cannot_get_its_name_leaves_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"before")
    with pytest.raises(OSError, match="no name"), out_of_the_way(folder):
        raise OSError("no name")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (folder / "1.png").read_bytes() == b"before"


def test_a_colon_in_a_name_is_no_protocol(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    encode_film(make_film("film.mp4", frames=12), ".mp4").join(Path("x:y.mp4"))
    assert [path.name for path in tmp_path.iterdir()] == ["x:y.mp4"]


def test_gif_keeps_times_to_a_hundredth(
    make_film: MakeFilm, encode_film: EncodeFilm, read_number: Read, tmp_path: Path
) -> None:
    times = [0, 40, 83, 125, 5000, 5042, 5083, 5125]
    source = make_film("vfr.mkv", frames=8, pts=times, time_base=Fraction(1, 1000), audio="aac")
    encoded = encode_film(source, ".gif")
    report = encoded.join(tmp_path / "out.gif")
    hundredths = [0, 4, 8, 13, 500, 504, 508, 513]
    assert seconds(tmp_path / "out.gif") == [Fraction(t, 100) for t in hundredths]
    assert numbers(tmp_path / "out.gif", read_number) == list(range(8))
    assert report.frames == 8
    assert report.warnings == (
        "gif holds 256 colours, and times in hundredths of a second",
        "audio 1 is left out: .gif holds pictures alone",
    )
    with Image.open(tmp_path / "out.gif") as picture:
        assert picture.info["loop"] == 0
    encoded.join(tmp_path / "again.gif")
    assert (tmp_path / "again.gif").read_bytes() == (tmp_path / "out.gif").read_bytes()


def test_gif_of_a_fast_film_leaves_frames_out_instead_of_slowing_down(
    make_film: MakeFilm, encode_film: EncodeFilm, read_number: Read, tmp_path: Path
) -> None:
    source = make_film("fast.mp4", frames=60, rate=60, audio=False)
    report = encode_film(source, ".gif").join(tmp_path / "out.gif")
    shown = numbers(tmp_path / "out.gif", read_number)
    assert len(shown) == report.frames < 60
    assert f"{60 - len(shown)} of 60 frames are left out" in report.warnings[1]
    for number, moment in zip(shown, seconds(tmp_path / "out.gif"), strict=True):
        assert abs(moment - Fraction(number, 60)) <= Fraction(1, 200)


def test_gif_looks_like_the_film(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = make_film("film.mp4", frames=12, audio=False)
    encoded = encode_film(source, ".gif")
    encoded.join(tmp_path / "out.gif")
    from tests.vidgan.media.conftest import read_frames

    before = [frame.rgb for frame in read_frames(encoded.film)]
    for shown, frame in zip(pictures(tmp_path / "out.gif"), before, strict=True):
        assert np.abs(shown.astype(int) - frame).mean() < 12
