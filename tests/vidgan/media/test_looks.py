"""What a look in a few places finds out before any work."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.vidgan.films.pictures import draw
from tests.vidgan.here import convert_here
from vidgan.media.probe import probe
from vidgan.options import Options

MakeFilm = Callable[..., Path]

CAPTIONS = bytes.fromhex("b5 0031 47413934 03 c1 ff fc942c ff")
"""ITU-T T.35 as ATSC A/53 has it: two bytes for a caption decoder."""


def with_message(path: Path, copy: Path, message: bytes) -> Path:
    """A copy of an H.264 film in mp4 with a T.35 message before each picture."""
    unit = b"\x06\x04" + bytes([len(message)]) + message + b"\x80"
    with av.open(str(path)) as source, av.open(str(copy), "w") as made:
        stream = source.streams.video[0]
        target = made.add_stream_from_template(stream, opaque=True)
        for packet in source.demux(stream):
            if packet.size:
                data = len(unit).to_bytes(4) + unit + bytes(packet)
                moved: Any = av.Packet(data)
                moved.pts, moved.dts, moved.time_base = packet.pts, packet.dts, packet.time_base
                moved.duration, moved.is_keyframe = packet.duration, packet.is_keyframe
                moved.stream = target
                made.mux_one(moved)
    return copy


def test_captions_that_go_with_the_old_pictures_are_named(
    make_film: MakeFilm, tmp_path: Path, identity_file: Path
) -> None:
    plain = make_film("plain.mp4", audio=False)
    assert not probe(plain).warnings
    source = with_message(plain, tmp_path / "captions.mp4", CAPTIONS)
    [warning] = probe(source).warnings
    assert warning.endswith("left out, since it went with the old pictures: closed captions")
    report = convert_here(source, tmp_path / "out.mp4", Options(weights=identity_file))
    assert warning in report.warnings


def test_a_film_whose_size_changes_is_converted_whole(
    make_film: MakeFilm, tmp_path: Path, identity_file: Path
) -> None:
    """A broadcast that goes from one size to another, and what is said of it before any work."""
    sizes = ((96, 64), (192, 128))
    parts = [make_film(f"{w}.ts", size=(w, h), audio=False, frames=48) for w, h in sizes]
    source = tmp_path / "both.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    film = probe(source)
    assert [w for w in film.warnings if "change their size (96x64, 192x128)" in w]
    output = tmp_path / "out.mp4"
    report = convert_here(source, output, Options(weights=identity_file, precision="fp32", crf=4))
    assert report.frames == 96
    assert not report.frames_lost
    with av.open(str(output)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 96
    for number, rgb in enumerate(frames):
        drawn = draw(number, sizes[0]).astype(float)
        if number >= 48:
            large = draw(number - 48, sizes[1])
            drawn = large.reshape(64, 2, 96, 2, 3).mean((1, 3))
        assert np.abs(rgb - drawn).mean() < 8


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".ts", ".avi"])
def test_a_plain_film_has_nothing_to_be_said(make_film: MakeFilm, ending: str) -> None:
    film = probe(make_film(f"plain{ending}", audio=False))
    assert film.video.fields == "progressive"
    assert not film.video.alpha
    assert film.video.cut is None
    assert not film.warnings


def test_pixels_that_change_their_shape_are_named(make_film: MakeFilm, tmp_path: Path) -> None:
    shapes = (Fraction(16, 15), Fraction(64, 45))
    options: dict[str, Any] = {"codec": "mpeg2video", "audio": False, "size": (720, 576)}
    parts = [
        make_film(f"{n}.ts", sample_aspect_ratio=shape, **options) for n, shape in enumerate(shapes)
    ]
    source = tmp_path / "both.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    warnings = probe(source).warnings
    assert [w for w in warnings if "change their shape (16:15, 64:45)" in w]
    assert not probe(parts[0]).warnings
