"""Settings of the encoders, and chunks that are encoded alone."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vidgan.errors import OutputError, SettingsError
from vidgan.media.encode import ChunkEncoder
from vidgan.media.encoder_table import ENCODERS
from vidgan.media.encoders import encoder_settings
from vidgan.media.types import Color, EncoderSettings, Packet, RgbFrame, VideoStream

Encode = Callable[..., tuple[Packet, ...]]
OPEN_EVERYWHERE = [name for name, encoder in ENCODERS.items() if not encoder.is_hardware]


def stream(width: int = 64, height: int = 48, *, codec: str = "libx264") -> VideoStream:
    return VideoStream(
        index=0,
        codec="h264",
        extradata=b"",
        width=width,
        height=height,
        pixel_format="yuv420p",
        time_base=Fraction(1, 90000),
        average_rate=Fraction(25),
        sample_aspect_ratio=None,
        rotation=0,
        color=ENCODERS[codec].color or Color(matrix=1, primaries=1, transfer=1, full_range=False),
    )


def frames(times: list[int], width: int = 64, height: int = 48) -> list[RgbFrame]:
    """Pictures that move, so that B frames and motion search have something to do."""
    noise = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return [RgbFrame(pts=pts, rgb=np.roll(noise, 3 * i, axis=1)) for i, pts in enumerate(times)]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.MOV", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9")],
)
def test_ending_chooses_codec_and_nothing_is_left_open(name: str, codec: str) -> None:
    settings = encoder_settings(Path(name))
    encoder = ENCODERS[codec]
    assert settings == EncoderSettings(codec=codec, crf=encoder.crf, preset=encoder.preset)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.mp4", {"codec": "h265"}, "--codec h265: unknown; choose one of libx264, libx265"),
        ("a.webm", {"codec": "libx264"}, r"a \.webm file does not hold it; choose libvpx-vp9 or"),
        ("a.mov", {"codec": "libsvtav1"}, r"a \.mov file does not hold it"),
        ("a.mp4", {"crf": 52}, r"--crf 52: libx264 takes 0 \(best\) to 51"),
        ("a.mp4", {"codec": "libsvtav1", "crf": 0}, r"libsvtav1 takes 1 \(best\) to 63"),
        ("a.mp4", {"crf": -1}, "--crf -1"),
        ("a.mp4", {"preset": "quick"}, "--preset quick: libx264 knows ultrafast, superfast"),
        ("a.webm", {"preset": "veryfast"}, "--preset veryfast: libvpx-vp9 knows 0, 1"),
        ("a.mkv", {"codec": "prores_ks"}, r"\.mkv file does not hold it; .*, or write \.mov"),
        ("a.mp4", {"codec": "ffv1"}, r"\.mp4 file does not hold it; .*, or write \.mkv"),
        ("a.gif", {"codec": "libx264"}, r"\.gif file does not hold it; write \.mp4 or"),
        ("%d.png", {"codec": "libx264"}, r"\.png file does not hold it; write \.mp4 or"),
        ("a.mov", {"codec": "prores_ks", "crf": 20}, "--crf 20: ProRes has none; --preset proxy"),
        ("a.mkv", {"codec": "ffv1", "crf": 0}, "--crf 0: FFV1 has none, since it loses nothing"),
        ("a.mkv", {"codec": "ffv1", "preset": "slow"}, "--preset slow: ffv1 has none"),
        ("a.gif", {"crf": 3}, "--crf 3: pictures of .png and .gif lose nothing"),
        ("%d.jpg", {"crf": 3}, "--crf 3: pictures are written as good as JPEG can"),
        ("a.mp4", {"codec": "hevc_nvenc", "preset": "slow"}, "hevc_nvenc knows p1, p2"),
    ],
)
def test_wrong_setting_is_refused_with_the_right_ones(
    name: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        encoder_settings(Path(name), **options)  # type: ignore[arg-type]


def test_a_film_is_no_single_picture() -> None:
    with pytest.raises(OutputError, match=r"becomes pictures with numbers; name them a_%04d\.png"):
        encoder_settings(Path("a.png"))


@pytest.mark.parametrize("name", ["a.avi", "a"])
def test_unknown_ending_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(OutputError, match=r"name the output \.mp4, \.m4v, \.mov, \.mkv, \.webm"):
        encoder_settings(Path(name))


@pytest.mark.parametrize("codec", OPEN_EVERYWHERE)
def test_chunk_starts_with_keyframe_keeps_times_and_repeats(
    codec: str, encode_frames: Encode
) -> None:
    times = [-3000, 5, 3611, 7200, 900_000, 903_600, 907_200, 910_801]  # with a freeze of 10 s
    settings = EncoderSettings(codec=codec)
    first = encode_frames(stream(codec=codec), settings, frames(times))
    assert first[0].is_keyframe
    assert first[0].pts == times[0]
    assert sorted(packet.pts for packet in first) == times
    assert first == encode_frames(stream(codec=codec), settings, frames(times))


@pytest.mark.parametrize("codec", OPEN_EVERYWHERE)
def test_large_pictures_encoded_by_threads_repeat(codec: str, encode_frames: Encode) -> None:
    settings = EncoderSettings(codec=codec)
    count = 3 if codec == "prores_ks" else 9  # noise is hard work for it
    shown = frames([3600 * i for i in range(count)], 1280, 720)
    large = stream(1280, 720, codec=codec)
    assert encode_frames(large, settings, shown) == encode_frames(large, settings, shown)


def test_single_frame_is_a_chunk(encode_frames: Encode) -> None:
    (packet,) = encode_frames(stream(), EncoderSettings(codec="libx264"), frames([42]))
    assert (packet.pts, packet.is_keyframe) == (42, True)


def test_crf_and_preset_reach_the_encoder(encode_frames: Encode) -> None:
    shown = frames([3600 * i for i in range(6)])
    for codec, preset in [("libx264", "slow"), ("libvpx-vp9", "8")]:
        sizes = [
            sum(len(packet.data) for packet in encode_frames(stream(), settings, shown))
            for settings in [
                EncoderSettings(codec=codec, crf=10),
                EncoderSettings(codec=codec, crf=45),
            ]
        ]
        assert sizes[0] > 1.5 * sizes[1]
        assert encode_frames(stream(), EncoderSettings(codec=codec), shown) != encode_frames(
            stream(), EncoderSettings(codec=codec, preset=preset), shown
        )


def test_wrong_frame_is_a_mistake_of_the_caller() -> None:
    encoder = ChunkEncoder(stream(), EncoderSettings(codec="libx264"))
    with pytest.raises(ValueError, match="expected a frame of shape"):
        encoder.encode(frames([0], 32, 32)[0])
    encoder.encode(frames([5])[0])
    with pytest.raises(ValueError, match="must increase: 5, 5"):
        encoder.encode(frames([5])[0])


def test_size_that_the_encoder_refuses_is_one_line() -> None:
    with pytest.raises(SettingsError, match=r"libx264: it cannot encode 20000x16 pictures .*other"):
        ChunkEncoder(stream(20000, 16), EncoderSettings(codec="libx264"))
