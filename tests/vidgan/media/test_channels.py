"""Channels of sound that is encoded again: each is still heard, and what changes is said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.audio.layout import AudioLayout
from numpy.typing import NDArray

from tests.vidgan.films.tones import tones_heard, with_tones
from vidgan.media.channels import channels_for

MakeFilm = Callable[..., Path]
EncodeFilm = Callable[..., Any]

KEPT = [
    ("quad.mov", "pcm_s16le", "quad", ".webm", "quad"),
    ("five.mov", "pcm_s16le", "5.0", ".webm", "5.0"),
    ("six.mov", "pcm_s16le", "6.1", ".webm", "6.1"),
    ("eight.mp4", "aac", "7.1", ".webm", "7.1"),
    ("eight.mkv", "wavpack", "7.1", ".webm", "7.1"),
    ("six.mkv", "wavpack", "6.1", ".mov", "6.1(back)"),
    ("side.mkv", "ac3", "5.1(side)", ".webm", "5.1"),
    ("four.mov", "pcm_s16le", "4.0", ".mp4", "4.0"),
    ("bass.mov", "pcm_mulaw", "2.1", ".mkv", "2.1"),
]
"""The source, its codec and layout; the output, and the layout in that."""
CHANGED = [
    ("bass.mov", "pcm_s16le", "2.1", ".mp4", "5.1"),
    ("bass.mov", "pcm_s16le", "2.1", ".webm", "5.1"),
    ("bass.mkv", "flac", "2.1", ".webm", "5.1"),
    ("quad.mov", "pcm_s16le", "quad", ".mp4", "5.0"),
    ("quad.mkv", "tta", "quad", ".mp4", "5.0"),
    ("bass4.mkv", "flac", "3.1", ".mov", "5.1"),
    ("rear.mkv", "flac", "4.0", ".webm", "6.1"),
]
MIXED = [
    ("six.mov", "pcm_s16le", "6.1", ".mp4", "5.1"),
    ("eight.mov", "pcm_s16le", "7.1", ".mp4", "5.1"),
    ("bass5.mkv", "flac", "4.1", ".mov", "6.1(back)"),
    ("eight.mkv", "libopus", "7.1", ".mov", "5.1"),
    ("front.mkv", "flac", "7.1(wide)", ".webm", "5.1"),
]
UNSTATED = [
    ("three.mkv", "3.0", ".mp4", "3.0", "are taken for 3.0"),
    ("three.mkv", "3.0", ".webm", "3.0", "are taken for 3.0"),
    ("four.mkv", "quad", ".webm", "quad", "are taken for quad"),
    ("six.mkv", "6.1", ".webm", "6.1", "are taken for 6.1"),
    ("six.mkv", "6.1", ".mp4", "5.1", "are taken for 6.1 and become 5.1"),
    ("eight.mkv", "7.1", ".mp4", "5.1", "are taken for 7.1 and become 5.1"),
]


def check_places(layout: str, written: AudioLayout, heard: NDArray[np.float64]) -> None:
    """Each channel is heard where it was, or from behind instead of from the side, and alone."""
    names = [channel.name for channel in written.channels]
    for channel, tone in zip(AudioLayout(layout).channels, heard, strict=True):
        (place,) = np.flatnonzero(tone > 0.1)
        assert names[place] in {channel.name, channel.name.replace("S", "B")}


@pytest.mark.parametrize("row", [*KEPT, *CHANGED, *MIXED], ids="-".join)
def test_each_channel_is_heard(
    row: tuple[str, str, str, str, str],
    make_film: MakeFilm,
    encode_film: EncodeFilm,
    tmp_path: Path,
) -> None:
    name, codec, layout, target, becomes = row
    film = make_film("pictures.mp4", frames=20, rate=10, audio=False)
    source = with_tones(film, tmp_path / name, codec, layout)
    report = encode_film(source, target).join(tmp_path / ("out" + target))
    written, heard = tones_heard(tmp_path / ("out" + target), layout)
    assert written.name == becomes
    assert heard.max(axis=1).min() > (0.3 if row in MIXED else 0.8)
    if row not in MIXED:
        check_places(layout, written, heard)
    (said,) = report.warnings
    assert said.endswith("" if row in KEPT else f"; its {layout} channels become {becomes}")
    assert ("channels" in said) is (row not in KEPT)


@pytest.mark.parametrize("row", UNSTATED, ids="-".join)
def test_channels_of_no_stated_layout_stay_as_many(
    row: tuple[str, str, str, str, str],
    make_film: MakeFilm,
    encode_film: EncodeFilm,
    tmp_path: Path,
) -> None:
    """PCM in mkv has none."""
    name, layout, target, becomes, said = row
    film = make_film("pictures.mp4", frames=20, rate=10, audio=False)
    source = with_tones(film, tmp_path / name, "pcm_s16le", layout)
    report = encode_film(source, target).join(tmp_path / ("out" + target))
    written, heard = tones_heard(tmp_path / ("out" + target), layout)
    assert written.name == becomes
    assert heard.max(axis=1).min() > 0.3
    if written.name == layout:
        check_places(layout, written, heard)
    (warning,) = report.warnings
    assert warning.endswith(f"; its {len(heard)} channels, of no stated layout, {said}")


@pytest.mark.parametrize("target", [".mp4", ".webm", ".mkv"])
def test_channels_in_an_order_of_their_own_end_no_process(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path, target: str
) -> None:
    """As older FFmpegs write 7.1 in mov, and PyAV frees twice."""
    film = make_film("pictures.mp4", frames=20, rate=10, audio=False)
    source = with_tones(film, tmp_path / "a.mov", "pcm_s16le", "7.1")
    content = bytearray(source.read_bytes())
    at = content.index(b"chan") + 8
    content[at : at + 4] = (128 << 16 | 8).to_bytes(4, "big")  # kAudioChannelLayoutTag_MPEG_7_1_C
    source.write_bytes(content)
    encode_film(source, target).join(tmp_path / ("out" + target))
    written, heard = tones_heard(tmp_path / ("out" + target), "7.1")
    assert written.nb_channels == (6 if target == ".mp4" else 8)
    assert heard.max(axis=1).min() > 0.3


def test_channels_that_nobody_can_mix_are_counted() -> None:
    said = "its 5.1.4 channels become 5.1, in which 2 of them are not heard"
    assert channels_for("aac", "5.1.4").said == said
    assert channels_for("aac", "5.1.2").said == "its 5.1.2 channels become 5.1"
    assert channels_for("aac", "stereo").said is channels_for("aac", "2 channels").said is None
