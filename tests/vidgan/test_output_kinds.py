"""From the command line to outputs that are no plain films: upright and square."""

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import vidgan
from tests.vidgan.conftest import Outcome
from tests.vidgan.films.pictures import draw
from tests.vidgan.here import convert_here
from vidgan.errors import SettingsError
from vidgan.options import Options

pytestmark = pytest.mark.usefixtures("ray_up")


@pytest.fixture(scope="module")
def turned(make_film: Callable[..., Path]) -> Path:
    """Stored lying, with pixels twice as high as wide, so that it is square on the screen."""
    shape = Fraction(2, 3)
    return make_film("turned.mp4", frames=6, rotation=90, sample_aspect_ratio=shape)


def test_numbered_pictures(
    turned: Path, identity_file: Path, vidgan_command: Callable[..., Outcome], tmp_path: Path
) -> None:
    """Upright, of square pixels, in a folder that is not replaced unless that is said."""
    film = shutil.copy(turned, tmp_path / "film.mp4")
    words = ["convert", film, "-o", tmp_path / "out" / "%02d.png", "--weights", identity_file]
    said = vidgan_command(*words, "--precision", "fp32")
    assert said.status == 0
    assert any("become square" in line for line in said.lines)
    assert any("audio 1 is left out" in line for line in said.lines)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"{i:02d}.png" for i in range(1, 7)]
    with Image.open(tmp_path / "out" / "03.png") as picture:
        assert picture.size == (96, 96)  # 64 x 96 upright, each pixel 3/2 as wide as high
        shown = np.asarray(picture.resize((64, 96))).astype(int)
    assert np.abs(shown - np.rot90(draw(2, (96, 64)))).mean() < 8
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "out"]
    again = vidgan_command(*words)
    assert again.status == 1
    assert "holds pictures already; say --overwrite" in again.lines[-1]


def test_prores_for_an_editor(turned: Path, identity_file: Path, tmp_path: Path) -> None:
    """It keeps turn and shape, and every picture stands for itself."""
    output = tmp_path / "out.mov"
    options = Options(weights=identity_file, codec="prores_ks", preset="lt")
    convert_here(turned, output, options)
    with av.open(str(output)) as container:
        video = container.streams.video[0]
        packets = [packet for packet in container.demux(video) if packet.size]
        assert (video.profile, video.sample_aspect_ratio) == ("LT", Fraction(2, 3))
        assert all(packet.is_keyframe for packet in packets)
        assert len(packets) == 6
        container.seek(0)
        assert next(container.decode(video)).rotation % 360 == 90


def test_hardware_that_is_not_there_is_refused_before_any_work(
    turned: Path, identity_file: Path, tmp_path: Path
) -> None:
    try:
        av.CodecContext.create("h264_nvenc", "w").open()
    except av.FFmpegError:
        pass
    else:
        pytest.skip("this machine has such hardware")
    with pytest.raises(SettingsError, match="no hardware opens it"):
        vidgan.convert(turned, tmp_path / "o.mp4", weights=identity_file, codec="h264_nvenc")
    assert list(tmp_path.iterdir()) == []


def test_a_bitrate_is_refused_with_the_reason(
    turned: Path, vidgan_command: Callable[..., Outcome]
) -> None:
    said = vidgan_command("convert", turned, "--pair", "x", "--bitrate", "2M")
    assert said.status == 2
    assert "--bitrate" in said.lines[-1]
    assert "give --crf instead" in said.lines[-1]
