"""Numbered pictures: what is in them, and the folder that is theirs alone."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tests.vidgan.media.conftest import read_frames
from vidgan.errors import OutputError
from vidgan.media.containers import whole_of
from vidgan.media.header import Target
from vidgan.media.join import join
from vidgan.media.preflight import check_output
from vidgan.media.probe import probe
from vidgan.media.sequence import out_of_the_way
from vidgan.media.types import EncoderSettings
from vidgan.places import Remote

MakeFilm = Callable[..., Path]
EncodeFilm = Callable[..., Any]


def test_png_sequence_is_what_the_generator_made(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = make_film("film.mp4", frames=12)
    encoded = encode_film(source, "/%03d.png")
    report = encoded.join(tmp_path / "out" / "frame_%03d.png")
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == [f"frame_{i:03d}.png" for i in range(1, 13)]
    shown = [np.asarray(Image.open(file)) for file in files]
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
