"""Colours from one end to the other: source, decoder, generator, encoder, container, tags.

The generator is the identity, so each patch has to come back as it was, by the book.
"""

import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.vidgan.films.patches import (
    PATCHES,
    SIDE,
    Samples,
    bits_of,
    make_frame,
    patches,
    read_frame,
    write_frames,
)
from tests.vidgan.here import convert_here
from vidgan.errors import InputError
from vidgan.media.probe import probe
from vidgan.media.sample import choose_frames, take_frames
from vidgan.media.tone import FROM_709, nits_to_pq
from vidgan.media.types import Color, Treatment
from vidgan.options import Options
from vidgan.report import FileReport

SYSTEMS = {"601-525": (6, 6, 6), "601-625": (5, 5, 6), "709": (1, 1, 1), "2020": (9, 9, 14)}
"""Matrix, primaries, transfer."""
CODECS = {
    "libx264": (".mp4", "12"),
    "libx265": (".mkv", "8"),
    "libsvtav1": (".mp4", "8"),
    "libvpx-vp9": (".webm", "4"),
}
"""Where each goes, and a quality at which patches are kept."""


def color_of(system: str, *, full: bool) -> Color:
    matrix, primaries, transfer = SYSTEMS[system]
    return Color(matrix=matrix, primaries=primaries, transfer=transfer, full_range=full)


def convert(source: Path, output: Path, weights: Path, **options: Any) -> FileReport:
    return convert_here(source, output, Options(weights=weights, precision="fp32", **options))


def first_frame(path: Path) -> av.VideoFrame:
    with av.open(str(path)) as container:
        return next(iter(container.decode(video=0)))


def tags_of(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Matrix, primaries, transfer; range: 1 is limited, 2 full."""
    tags = frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range
    matrix, primaries, transfer, levels = map(int, tags)
    return matrix, primaries, transfer, levels


def worst(picture: Samples, source: Samples) -> tuple[float, str]:
    """The patch that is furthest off in its middle, in levels of 8 bits."""
    errors = {}
    for number, name in enumerate(PATCHES):
        place = slice(8, -8), slice(number * SIDE + 8, (number + 1) * SIDE - 8)
        errors[name] = float(np.abs((picture - source)[place].mean((0, 1))).max())
    return max((error, name) for name, error in errors.items())


RANGES = {"limited": False, "full": True}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize(
    "meaning", [(system, levels) for system in SYSTEMS for levels in RANGES], ids="-".join
)
def test_patches_come_back(
    identity_file: Path, tmp_path: Path, meaning: tuple[str, str], bits: int, codec: str
) -> None:
    system, full = meaning[0], RANGES[meaning[1]]
    color = color_of(system, full=full)
    pixel_format = "yuv420p" if bits == 8 else f"yuv420p{bits}le"
    source = tmp_path / "in.mkv"
    written = make_frame(patches(), pixel_format, color)
    write_frames(source, [written])
    ending, crf = CODECS[codec]
    output = tmp_path / f"out{ending}"
    report = convert(source, output, identity_file, codec=codec, crf=int(crf))
    frame = first_frame(output)
    assert probe(output).video.color == color
    assert tags_of(frame) == (*SYSTEMS[system], 2 if full else 1)
    assert bits_of(frame.format.name) == (8 if bits == 8 or codec == "libvpx-vp9" else 10)
    assert any("bits become" in warning for warning in report.warnings) == (
        bits > bits_of(frame.format.name)
    )
    error, name = worst(read_frame(frame), read_frame(written))
    assert error <= 2, name


@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv422p10le", "yuv444p12le"])
@pytest.mark.parametrize("matrix", [4, 7])
def test_rarer_systems_and_chroma_come_back(
    identity_file: Path, tmp_path: Path, matrix: int, pixel_format: str
) -> None:
    color = Color(matrix=matrix, primaries=1, transfer=1, full_range=False)
    written = make_frame(patches(), pixel_format, color)
    write_frames(tmp_path / "in.mkv", [written])
    output = tmp_path / "out.mp4"
    convert(tmp_path / "in.mkv", output, identity_file, crf=10)
    error, name = worst(read_frame(first_frame(output)), read_frame(written))
    assert error <= 2, name


@pytest.mark.parametrize(
    ("pixel_format", "codec"),
    [
        *[("rgb24", "png"), ("bgr0", "ffv1"), ("gbrp", "libx264rgb")],
        *[("gbrp10le", "ffv1"), ("gbrp12le", "ffv1"), ("rgb48be", "png")],
        *[("gbrp9le", "ffv1"), ("gbrp14le", "ffv1"), ("gbrp16le", "ffv1")],
        *[("gbrap10le", "ffv1"), ("gbrap16le", "ffv1"), ("rgba64le", "ffv1")],
    ],
)
def test_rgb_becomes_yuv_that_says_what_it_is(
    identity_file: Path, tmp_path: Path, pixel_format: str, codec: str
) -> None:
    plain = av.VideoFrame.from_ndarray((patches() * 65535).round().astype(np.uint16), "rgb48le")
    frame = plain.reformat(format="rgb24" if pixel_format == "gbrp" else pixel_format)
    source = tmp_path / ("in.mov" if codec == "png" else "in.mkv")
    options = {"qp": "0"} if codec == "libx264rgb" else {}
    write_frames(source, [frame], codec=codec, options=options, tagged=False)
    output = tmp_path / "out.mp4"
    convert(source, output, identity_file, crf=8)
    made = first_frame(output)
    assert tags_of(made) == (1, 1, 13, 1)
    assert bits_of(made.format.name) == (10 if bits_of(pixel_format) > 8 else 8)
    error, name = worst(read_frame(made), patches() * 255)
    assert error <= 2, name


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize(
    "pixel_format", ["gray", "gray9le", "gray10le", "gray12le", "gray14le", "gray16le"]
)
def test_grey_keeps_its_range(
    identity_file: Path, tmp_path: Path, pixel_format: str, full: bool
) -> None:
    color = color_of("709", full=full)
    written = make_frame(patches(), pixel_format, color)
    write_frames(tmp_path / "in.mkv", [written])
    output = tmp_path / "out.mp4"
    convert(tmp_path / "in.mkv", output, identity_file, crf=8)
    luma = patches() @ [0.2126, 0.7152, 0.0722]
    expected = np.repeat(luma[..., None] * 255, 3, axis=2)
    error, name = worst(read_frame(first_frame(output)), expected)
    assert error <= 2, name


def test_p3_is_kept_and_what_is_made_of_it_said(identity_file: Path, tmp_path: Path) -> None:
    """As phones write SDR."""
    color = Color(matrix=1, primaries=12, transfer=1, full_range=False)
    written = make_frame(patches(), "yuv420p", color)
    write_frames(tmp_path / "in.mkv", [written])
    report = convert(tmp_path / "in.mkv", tmp_path / "out.mp4", identity_file, crf=10)
    assert probe(tmp_path / "out.mp4").video.color == color
    assert [said for said in report.warnings if "colours of P3 are kept" in said]


@pytest.mark.parametrize(("height", "system"), [(480, "601-525"), (720, "709")])
def test_what_is_not_stated_is_guessed_and_said(
    identity_file: Path, tmp_path: Path, vidgan_command: Any, height: int, system: str
) -> None:
    picture = np.tile(patches(), (height // 32 + 1, 1, 1))[:height]
    written = make_frame(picture, "yuv420p", color_of(system, full=False))
    expected = read_frame(written)
    source = tmp_path / "in.mkv"
    write_frames(source, [written], codec="libx264", options={"crf": "4"}, tagged=False)
    assert probe(source).video.guessed == ("matrix", "primaries", "transfer")
    assert "guess" in vidgan_command("probe", source).out
    output = tmp_path / "out.mp4"
    convert(source, output, identity_file, crf=8)
    assert probe(output).video.color == color_of(system, full=False)
    assert probe(output).video.guessed == ()
    error, name = worst(read_frame(first_frame(output)), expected)
    assert error <= 2, name


def ramp(low: float, high: float) -> Samples:
    """Grey that rises to the right, RGB (64, 512, 3) in [0, 1]."""
    return np.tile(np.linspace(low, high, 512)[None, :, None], (64, 1, 3))


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1"])
def test_a_gradient_of_10_bits_has_no_bands(
    identity_file: Path, tmp_path: Path, codec: str
) -> None:
    color = color_of("709", full=False)
    source, output = tmp_path / "in.mkv", tmp_path / "out.mkv"
    frames = [make_frame(ramp(0.4, 0.5), "yuv420p10le", color) for _ in range(3)]
    write_frames(source, frames)
    report = convert(source, output, identity_file, codec=codec, crf=4)
    assert any("High 10" in said for said in report.warnings) == (codec == "libx264")
    luma = np.frombuffer(memoryview(first_frame(output).planes[0]), "<u2").reshape(64, -1)[:, :512]
    levels = luma[16:48].mean(0)
    exact = (16 + 219 * ramp(0.4, 0.5)[0, :, 0]) * 4
    assert np.abs(levels - exact).max() < 1.5, "levels of 10 bits"
    assert len(np.unique(luma[32])) > 80, "8 bits would leave 22 of 88"


def test_depth_that_a_codec_has_not_is_said(identity_file: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    write_frames(source, [make_frame(patches(), "yuv420p10le", color_of("709", full=False))])
    report = convert(source, tmp_path / "out.webm", identity_file, codec="libvpx-vp9")
    assert "10 bits become 8: libvpx-vp9 takes no more; libx265 and libsvtav1 do" in report.warnings
    defaults = {".mp4": "hevc", ".mov": "hevc", ".mkv": "hevc", ".webm": "av1"}
    for ending, codec in defaults.items():
        output = tmp_path / f"plain{ending}"
        assert convert(source, output, identity_file).warnings == ()
        with av.open(str(output)) as container:
            context = container.streams.video[0].codec_context
            assert (context.codec.canonical_name, context.pix_fmt) == (codec, "yuv420p10le")


def to_wide(rgb: Samples) -> Samples:
    """Levels of BT.709 in [0, 1] -> the same colours in BT.2020."""
    levels: Samples = (rgb**2.4 @ FROM_709.T) ** (1 / 2.4)
    return levels


HDR = {"PQ": 16, "HLG": 18}
DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)"
"""Of DCI-P3, as x265 wants it."""


def hdr_film(path: Path, transfer: str) -> Path:
    """Ten bars of grey in BT.2020: in PQ of 0, 20 .. 1000 nits, in HLG of 0, 1/9 .. 1."""
    if transfer == "PQ":
        levels = nits_to_pq(np.array([0, 20, 60, 100, 150, 203, 300, 500, 700, 950.0]))
    else:
        levels = np.linspace(0, 1, 10)
    bars = np.tile(np.repeat(levels, 24)[None, :, None], (32, 1, 3))
    color = Color(matrix=9, primaries=9, transfer=HDR[transfer], full_range=False)
    write_frames(path, [make_frame(bars, "yuv420p10le", color)])
    return path


@pytest.mark.parametrize("transfer", HDR)
def test_hdr_is_refused_with_the_remedy_and_becomes_sdr_by_it(
    identity_file: Path, tmp_path: Path, transfer: str
) -> None:
    source, output = hdr_film(tmp_path / "in.mkv", transfer), tmp_path / "out.mp4"
    with pytest.raises(InputError, match=rf"in\.mkv is HDR \({transfer}\).* --tonemap") as caught:
        convert(source, output, identity_file)
    assert "\n" not in str(caught.value)
    assert not output.exists()
    convert(source, output, identity_file, crf=8, treatment=Treatment(tonemap=True))
    frame = first_frame(output)
    assert tags_of(frame) == (1, 1, 1, 1)
    assert frame.format.name == "yuv420p10le"
    bars = read_frame(frame)[8:24].mean(0)[12::24]
    assert np.ptp(bars, axis=1).max() < 1, "grey stays grey"
    assert (np.diff(bars[:, 0]) > 0.2).all(), "each bar is brighter than the one before"
    assert bars[0].max() < 1
    if transfer == "PQ":
        assert 0.85 * 255 <= bars[5, 0] <= 0.95 * 255, "white of 203 nits"


@pytest.mark.parametrize(
    ("said", "peak"),
    [
        ("", 0),
        ("max-cll=1600,400", 1600),
        (f"master-display={DISPLAY}L(40000000,50)", 4000),
        (f"max-cll=0,0:master-display={DISPLAY}L(6000000,50)", 600),
        (f"max-cll=1200,0:master-display={DISPLAY}L(40000000,50)", 1200),
    ],
)
def test_how_bright_a_film_gets_is_read(tmp_path: Path, said: str, peak: int) -> None:
    color = Color(matrix=9, primaries=9, transfer=HDR["PQ"], full_range=False)
    frame = make_frame(patches(), "yuv420p10le", color)
    options = {"preset": "ultrafast", "x265-params": said}
    write_frames(tmp_path / "in.mkv", [frame], codec="libx265", options=options)
    assert probe(tmp_path / "in.mkv").video.peak == peak


def test_dolby_vision_that_alone_knows_its_colours_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "five.mp4"
    frame = make_frame(patches(), "yuv420p10le", color_of("2020", full=True))
    options = {"preset": "ultrafast"}
    write_frames(source, [frame], codec="libx265", options=options, tagged=False)
    data = source.read_bytes()
    assert data.count(b"hev1") == 1
    source.write_bytes(re.sub(b"hev1", b"dvh1", data))
    with pytest.raises(InputError, match=r"five\.mp4 is Dolby Vision .*\(profile 5\).* give a"):
        probe(source)


def test_pictures_that_are_srgb_by_definition_get_bt2020_in_it(
    identity_file: Path, tmp_path: Path
) -> None:
    wide = np.tile(to_wide(np.array(PATCHES["light skin"]) / 255), (32, 64, 1))
    source = tmp_path / "in.mkv"
    write_frames(source, [make_frame(wide, "yuv420p10le", color_of("2020", full=False))])
    (tmp_path / "out").mkdir()
    convert(source, tmp_path / "out" / "p_%04d.png", identity_file)
    (made,) = (tmp_path / "out").glob("*.png")
    levels = first_frame(made).to_ndarray(format="rgb24")[16, 32]
    assert np.abs(levels.astype(int) - PATCHES["light skin"]).max() <= 2


DEEP = {
    **{f"yuv{kind}p{bits}le": 10 for kind in (420, 422, 444) for bits in (9, 10)},
    **{f"yuv{kind}p{bits}le": 12 for kind in (420, 422, 444) for bits in (12, 14, 16)},
    "yuv440p10le": 10,
    "yuv440p12le": 12,
}
"""Pixel formats of FFV1, and the bits of what comes out."""


@pytest.mark.parametrize("full", RANGES.values(), ids=RANGES.keys())
@pytest.mark.parametrize("pixel_format", DEEP)
def test_without_loss_deep_pictures_come_back_to_half_a_level_of_8(
    identity_file: Path, tmp_path: Path, pixel_format: str, full: bool
) -> None:
    written = make_frame(patches(), pixel_format, color_of("709", full=full))
    write_frames(tmp_path / "in.mkv", [written])
    report = convert(tmp_path / "in.mkv", tmp_path / "out.mkv", identity_file, codec="ffv1")
    made = first_frame(tmp_path / "out.mkv")
    bits, kept = bits_of(pixel_format), DEEP[pixel_format]
    assert (bits_of(made.format.name), tags_of(made)) == (kept, (1, 1, 1, 2 if full else 1))
    assert report.warnings == ((f"{bits} bits become {kept}",) if bits > kept else ())
    error, name = worst(read_frame(made), read_frame(written))
    assert error <= (0.5 if bits > 9 else 0.75), name  # of 9 bits, half a level is a step


TWELVE = {
    "hevc": ("libx265", "yuv420p12le", {"preset": "ultrafast", "crf": "4"}),
    "hevc 4:4:4": ("libx265", "yuv444p12le", {"preset": "ultrafast", "crf": "4"}),
    "prores 4444": ("prores_ks", "yuv444p10le", {"profile": "4444"}),  # which is read as 12 bits
    "ffv1": ("ffv1", "yuv422p12le", {}),
}


@pytest.mark.parametrize("kind", TWELVE)
def test_12_bits_of_each_codec_come_back_in_10_which_is_said(
    identity_file: Path, tmp_path: Path, vidgan_command: Any, kind: str
) -> None:
    codec, pixel_format, options = TWELVE[kind]
    written = make_frame(patches(), pixel_format, color_of("709", full=False))
    source = tmp_path / ("in.mov" if codec == "prores_ks" else "in.mkv")
    write_frames(source, [written], codec=codec, options=options)
    assert probe(source).video.bits == 12
    assert "warning: 12 bits become 10" in vidgan_command("probe", source).out.splitlines()
    report = convert(source, tmp_path / "out.mp4", identity_file, crf=8)
    assert "12 bits become 10" in report.warnings
    made = first_frame(tmp_path / "out.mp4")
    assert made.format.name == "yuv420p10le"
    error, name = worst(read_frame(made), read_frame(written))
    assert error <= 2, name


def test_prores_keeps_patches_and_depth(identity_file: Path, tmp_path: Path) -> None:
    written = make_frame(patches(), "yuv422p10le", color_of("709", full=False))
    write_frames(tmp_path / "in.mkv", [written])
    convert(tmp_path / "in.mkv", tmp_path / "out.mov", identity_file, codec="prores_ks")
    made = first_frame(tmp_path / "out.mov")
    assert (bits_of(made.format.name), tags_of(made)) == (10, (1, 1, 1, 1))
    error, name = worst(read_frame(made), read_frame(written))
    assert error <= 2, name


def test_frames_to_train_on_and_to_preview_are_srgb_of_8_bits(tmp_path: Path) -> None:
    wide = np.tile(to_wide(np.array(PATCHES["light skin"]) / 255), (32, 64, 1))
    source = tmp_path / "in.mkv"
    write_frames(source, [make_frame(wide, "yuv420p10le", color_of("2020", full=False))] * 3)
    for path, expected in (
        (source, PATCHES["light skin"]),
        (hdr_film(tmp_path / "hdr.mkv", "PQ"), (0, 0, 0)),
    ):
        film = probe(path)
        ((_, picture),) = take_frames(film, choose_frames(film, [0.5]))
        assert picture.dtype == np.uint8
        assert np.abs(picture[16, 8].astype(int) - expected).max() <= 2
