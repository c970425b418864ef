"""Chroma stays where it was: a conversion moves no colour against the light it belongs to."""

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tests.vidgan.here import convert_here
from vidgan.media.picture_order import h264_form_in
from vidgan.media.probe import probe
from vidgan.options import Options

SIZE, WAVES = 128, 4
"""Pixels; waves of chroma over them, each way."""
X265 = "lossless=1:log-level=error"
Film = tuple[str, str, str, dict[str, str]]
LOSSLESS = {"qp": "0", "preset": "ultrafast"}


def write_waves(
    path: Path, codec: str, pixel_format: str, options: dict[str, str] | None = None
) -> Path:
    """A film of grey light, the first chroma a wave across, the second one downwards."""
    with av.open(path, "w") as container:
        stream = cast("VideoStream", container.add_stream(codec, rate=25, options=options or {}))
        stream.width = stream.height = SIZE
        stream.pix_fmt = pixel_format
        context: Any = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = 1
        if codec in {"mpeg1video", "mpeg2video", "mpeg4", "mjpeg"}:
            context.qmin, context.qmax = 1, 2
        if codec in {"libx265", "libx264"}:
            context.max_b_frames = 0
        for number in range(4):
            frame = _waves(pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _waves(pixel_format: str) -> av.VideoFrame:
    frame = av.VideoFrame(SIZE, SIZE, pixel_format)
    kind, bits = _samples(frame)
    for number, plane in enumerate(frame.planes):
        count = plane.width if number == 1 else plane.height
        wave = np.sin(2 * np.pi * WAVES * np.arange(count) / count) * 60 * (number > 0)
        levels = np.rint((128 + wave) * (1 << (bits - 8)))
        if number == 3:  # alpha
            levels[:] = 255
        lines = np.zeros((plane.height, plane.line_size // kind.itemsize), kind)
        lines[:, : plane.width] = levels if number == 1 else levels[:, None]
        plane.update(lines.tobytes())
    return frame


def _samples(frame: av.VideoFrame) -> tuple["np.dtype[Any]", int]:
    bits = frame.format.components[0].bits
    return np.dtype(np.uint8 if bits == 8 else "<u2"), bits


def place(path: Path) -> tuple[float, float]:
    """Where the waves begin, in pixels of luma from the left and the top, if chroma is sited left.

    Of chroma that is halved downwards the first sample is then half a pixel below the first luma.
    """
    with av.open(path) as container:
        frame = next(container.decode(video=0))
    kind, _ = _samples(frame)
    begin = []
    for number, axis in ((1, 0), (2, 1)):
        plane = frame.planes[number]
        lines: NDArray[Any] = np.frombuffer(bytes(plane), kind).reshape(plane.height, -1)
        wave = lines[:, : plane.width].mean(axis)
        phase = np.angle(np.fft.fft(wave)[WAVES]) + np.pi / 2
        below = 0.5 if number == 2 and plane.height < SIZE else 0.0
        begin.append(float(-phase / (2 * np.pi * WAVES) * SIZE) + below)
    return begin[0], begin[1]


LEFT: dict[str, Film] = {
    "h264": ("a.mp4", "libx264", "yuv420p", LOSSLESS),
    "h264 4:2:2": ("a.mp4", "libx264", "yuv422p", LOSSLESS),
    "h264 4:4:4": ("a.mp4", "libx264", "yuv444p", LOSSLESS),
    "hevc": ("a.mp4", "libx265", "yuv420p", {"x265-params": X265}),
    "hevc 4:2:2, 10 bits": ("a.mp4", "libx265", "yuv422p10le", {"x265-params": X265}),
    "hevc, 10 bits": ("a.mkv", "libx265", "yuv420p10le", {"x265-params": X265}),
    "vp9": ("a.webm", "libvpx-vp9", "yuv420p", {"lossless": "1"}),
    "vp9 with alpha": ("a.webm", "libvpx-vp9", "yuva420p", {"lossless": "1"}),
    "av1": ("a.mp4", "libsvtav1", "yuv420p", {"crf": "1", "preset": "12"}),
    "mpeg2": ("a.mpg", "mpeg2video", "yuv420p", {}),
    "mpeg4": ("a.mp4", "mpeg4", "yuv420p", {}),
    "prores": ("a.mov", "prores_ks", "yuv422p10le", {}),
    "ffv1": ("a.mkv", "ffv1", "yuv420p", {}),
    "raw": ("a.avi", "rawvideo", "yuv420p", {}),
}
CENTRED: dict[str, Film] = {
    "mjpeg": ("a.avi", "mjpeg", "yuvj420p", {}),
    "mpeg1": ("a.mpg", "mpeg1video", "yuv420p", {}),
    "y4m": ("a.y4m", "wrapped_avframe", "yuv420p", {}),
    "h264 that says so": ("a.mp4", "libx264", "yuv420p", LOSSLESS | {"x264-params": "chromaloc=1"}),
}
OPTIONS: dict[str, Any] = {"crf": 1, "precision": "fp32"}


@pytest.mark.parametrize("source", LEFT)
def test_chroma_at_the_left_stays_there(tmp_path: Path, identity_file: Path, source: str) -> None:
    """Over three conversions, since a little each time would add up."""
    name, codec, pixel_format, options = LEFT[source]
    film = write_waves(tmp_path / name, codec, pixel_format, options)
    before = place(film)
    for number in range(3):
        made = tmp_path / f"{number}.mp4"
        convert_here(film, made, Options(weights=identity_file, **OPTIONS))
        film = made
    assert place(film) == pytest.approx(before, abs=0.06)


def test_h264_that_describes_nothing_has_it_at_the_left(
    tmp_path: Path, identity_file: Path
) -> None:
    """Without usability information, of which FFmpeg then says nothing at all."""
    film = write_waves(tmp_path / "a.mp4", "libx264", "yuv420p", LOSSLESS)
    content = film.read_bytes()
    at = content.index(b"avcC") + 4
    size = int.from_bytes(content[at + 6 : at + 8], "big")
    film.write_bytes(
        content[: at + 8] + _undescribed(content[at + 8 : at + 8 + size]) + content[at + 8 + size :]
    )
    before = place(film)
    assert not probe(film).video.says_siting
    convert_here(film, tmp_path / "o.mp4", Options(weights=identity_file, **OPTIONS))
    assert place(tmp_path / "o.mp4") == pytest.approx(before, abs=0.06)


def _undescribed(parameters: bytes) -> bytes:
    """A sequence parameter set with the one bit cleared that announces more."""
    form = h264_form_in(parameters)
    assert form is not None
    for place in reversed(range(8 * len(parameters))):  # what it announces follows it
        made = bytearray(parameters)
        made[place // 8] ^= 128 >> place % 8
        with suppress(ValueError):
            if h264_form_in(bytes(made)) == replace(form, describes_video=False):
                return bytes(made)
    raise AssertionError


@pytest.mark.parametrize("source", CENTRED)
def test_centred_chroma_comes_to_the_left_where_it_is_looked_for(
    tmp_path: Path, identity_file: Path, source: str
) -> None:
    """Taken for left, as H.264 is, the source's waves would begin half a pixel early."""
    name, codec, pixel_format, options = CENTRED[source]
    film = write_waves(tmp_path / name, codec, pixel_format, options)
    across, down = place(film)
    convert_here(film, tmp_path / "o.mp4", Options(weights=identity_file, **OPTIONS))
    assert place(tmp_path / "o.mp4") == pytest.approx((across + 0.5, down), abs=0.06)


def test_chroma_at_the_top_left_comes_down(tmp_path: Path, identity_file: Path) -> None:
    """As HDR of UHD discs has it."""
    said = {"x265-params": f"{X265}:chromaloc=2"}
    film = write_waves(tmp_path / "a.mp4", "libx265", "yuv420p10le", said)
    across, down = place(film)
    convert_here(film, tmp_path / "o.mp4", Options(weights=identity_file, **OPTIONS))
    assert place(tmp_path / "o.mp4") == pytest.approx((across, down - 0.5), abs=0.06)


def test_rgb_is_given_chroma_at_the_left(tmp_path: Path, identity_file: Path) -> None:
    """Red that is a wave across, written in the middle of each pixel."""
    wave = np.sin(2 * np.pi * WAVES * np.arange(SIZE) / SIZE)
    picture = np.full((SIZE, SIZE, 3), 128, np.uint8)
    picture[..., 2] = np.rint(128 + 60 * wave)[None]
    picture[..., 0] = np.rint(128 + 60 * wave)[:, None]
    with av.open(tmp_path / "a.mkv", "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = SIZE, SIZE, "bgr0"
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    convert_here(tmp_path / "a.mkv", tmp_path / "o.mp4", Options(weights=identity_file, **OPTIONS))
    assert place(tmp_path / "o.mp4") == pytest.approx((0, 0), abs=0.06)


def test_av1_is_gone_by_where_it_says_it(tmp_path: Path) -> None:
    film = write_waves(tmp_path / "a.mp4", "libsvtav1", "yuv420p", {"preset": "12"})
    assert not probe(film).video.says_siting
    content = film.read_bytes()
    record = content.index(b"av1C") + 4
    stated = bytearray(content)
    stated[record + 2] |= 2  # chroma_sample_position: colocated
    film.write_bytes(stated)
    assert probe(film).video.says_siting
