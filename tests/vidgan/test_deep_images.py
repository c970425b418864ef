"""Photographs of 16 bits come out with 16 bits, told by FFmpeg: another reader and writer."""

import numpy as np
import pytest
from PIL import Image

from tests.vidgan.photos import (
    DISPLAY_P3,
    Deep,
    Frames,
    decode,
    decode_deep,
    deep_noise,
    encode,
    encode_deep,
    grey_profile,
    negative,
    rgb_profile,
    same,
)
from vidgan.errors import InputError
from vidgan.images import open_image, translate_image
from vidgan.pictures.png import png_chunks

Tags = dict[int, int | tuple[int, ...]]

FILES = [("png", 1), ("png", 2), ("png", 3), ("png", 4), ("tiff", 1), ("tiff", 3), ("tiff", 4)]


def ramp(channels: int) -> Deep:
    """A smooth sky: 2048 columns from 20000 to 24095, all different."""
    columns = np.arange(20_000, 24_096, 2, dtype=np.uint16)
    return np.repeat(np.tile(columns, (8, 1))[..., np.newaxis], channels, axis=2)


@pytest.mark.parametrize(("kind", "channels"), FILES)
def test_what_the_generator_leaves_alone_comes_back_to_the_level(kind: str, channels: int) -> None:
    levels = deep_noise(channels)
    result = decode_deep(kind, translate_image(encode_deep(kind, levels), "a", same))
    want = np.repeat(levels[..., :1], 3, axis=2) if channels < 3 else levels[..., :3]
    assert np.array_equal(result[..., :3], want)
    assert result.shape[2] == (4 if channels in (2, 4) else 3)
    if channels in (2, 4):
        assert np.array_equal(result[..., 3], levels[..., -1])


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_a_smooth_gradient_stays_smooth(kind: str) -> None:
    def darker(frames: Frames) -> Frames:
        return frames - 30

    result = decode_deep(kind, translate_image(encode_deep(kind, ramp(3)), "a", darker))
    assert np.array_equal(result, ramp(3) - 30 * 257)
    assert len(np.unique(result)) == 2048


def test_levels_end_at_black_and_white() -> None:
    levels = deep_noise(3)
    levels[0, :2] = [[0, 100, 65_535], [65_400, 255, 300]]
    data = encode_deep("png", levels)
    made = decode_deep("png", translate_image(data, "a.png", negative)).astype(int)
    assert np.abs(made - (65_535 - levels)).max() <= 257
    white = decode_deep("png", translate_image(data, "a.png", lambda f: f * 0 + 255))
    assert white.min() >= 65_535 - 129


@pytest.mark.parametrize("algorithm", ["raw", "lzw", "deflate", "packbits"])
def test_tiff_keeps_its_compression_at_16_bits(algorithm: str) -> None:
    data = encode_deep("tiff", deep_noise(3), compression_algo=algorithm)
    result = translate_image(data, "a.tif", same)
    assert np.array_equal(decode_deep("tiff", result), deep_noise(3))
    wanted = {"lzw": "tiff_lzw", "deflate": "tiff_adobe_deflate"}.get(algorithm, algorithm)
    assert decode(result).info["compression"] == wanted


@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
def test_grey_tiff_of_pillow_s_in_both_byte_orders(mode: str) -> None:
    levels = deep_noise(1)[..., 0]
    order = ">u2" if mode == "I;16B" else "<u2"
    picture = Image.frombytes(mode, (24, 16), levels.astype(order).tobytes())
    result = decode_deep("tiff", translate_image(encode(picture, "TIFF"), "a.tif", same))
    assert np.array_equal(result, np.dstack([levels] * 3))


def test_a_key_colour_of_16_bits_is_transparent() -> None:
    """One level beside it is not: both are the same in 8 bits."""
    levels = np.full((4, 6), 1000, np.uint16)
    levels[0, 0] = 1001
    data = encode(Image.fromarray(levels), "PNG", transparency=1001)
    result = decode_deep("png", translate_image(data, "a.png", same))
    assert result[0, 0, 3] == 0
    assert result[..., 3].sum() == 23 * 65_535


def test_rotation_and_metadata_at_16_bits() -> None:
    levels = deep_noise(3)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    profile = rgb_profile(DISPLAY_P3, None)
    small = encode(
        Image.new("RGB", (24, 16)), "PNG", exif=exif, icc_profile=profile, dpi=(300, 300)
    )
    whole = encode_deep("png", levels)
    said = _chunks(small, b"iCCP", b"pHYs", b"eXIf")
    result = translate_image(whole[:33] + said + whole[33:], "a.png", same)
    assert np.array_equal(decode_deep("png", result), np.rot90(levels, -1))
    picture = decode(result)
    assert picture.info["icc_profile"] == profile
    assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert dict(picture.getexif()) == {0x010F: "Maker"}


def test_a_wide_gamut_of_16_bits_keeps_its_levels() -> None:
    profile = rgb_profile(DISPLAY_P3, None)
    whole = encode_deep("png", ramp(3))
    small = encode(Image.new("RGB", (1, 1)), "PNG", icc_profile=profile)
    data = whole[:33] + _chunks(small, b"iCCP") + whole[33:]
    assert np.array_equal(decode_deep("png", translate_image(data, "a.png", same)), ramp(3))


def test_grey_with_a_curve_of_its_own_becomes_srgb_of_as_many_levels() -> None:
    whole = encode_deep("png", ramp(1))
    small = encode(Image.new("L", (1, 1)), "PNG", icc_profile=grey_profile(1.8))
    data = whole[:33] + _chunks(small, b"iCCP") + whole[33:]
    result = translate_image(data, "a.png", same)
    made = decode_deep("png", result)[0, :, 1]
    linear = (ramp(1)[0, :, 0] / 65_535) ** 1.8
    want = (1.055 * linear ** (1 / 2.4) - 0.055) * 65_535
    assert np.abs(made - want).max() < 257
    assert len(np.unique(made)) > 1500
    assert decode(result).info["icc_profile"][16:20] == b"RGB "


def test_colours_that_lose_depth_are_refused() -> None:
    tags: Tags = {256: 2, 257: 2, 258: (16,) * 4, 259: 1, 262: 5, 277: 4, 278: 2, 284: 1}
    data = _tiff_of(tags, bytes(32))
    with pytest.raises(InputError, match=r"ink\.tif .*16 bits of CMYK.*convert it to RGB or 8"):
        open_image(data, "ink.tif")


@pytest.mark.parametrize("extra", [1, 2])
def test_tiff_of_colours_multiplied_by_alpha(extra: int) -> None:
    tags: Tags = {
        256: 2,
        257: 1,
        258: (16,) * 4,
        259: 1,
        262: 2,
        277: 4,
        278: 1,
        284: 1,
        338: extra,
    }
    pixels = np.array([[20_000, 10_000, 333, 32_768], [7, 60_000, 9, 65_535]], "<u2")
    made = decode_deep("tiff", translate_image(_tiff_of(tags, pixels.tobytes()), "a.tif", same))
    share = pixels[..., 3:] / 65_535 if extra == 1 else 1
    assert np.array_equal(made[0, :, :3], (pixels[..., :3] / share).round())
    assert np.array_equal(made[0, :, 3], pixels[:, 3])


def test_grey_tiff_where_0_is_white() -> None:
    tags: Tags = {256: 2, 257: 1, 258: 16, 259: 1, 262: 0, 277: 1, 278: 1}
    data = _tiff_of(tags, np.array([1, 60_000], "<u2").tobytes())
    made = decode_deep("tiff", translate_image(data, "a.tif", same))
    assert made[0, :, 0].tolist() == [65_534, 5_535]


def _chunks(data: bytes, *kinds: bytes) -> bytes:
    """Chunks of a PNG file as they lie in it."""
    parts = []
    for kind, body in png_chunks(data):
        if kind in kinds:
            at = data.index(kind + body)
            parts.append(data[at - 4 : at + 8 + len(body)])
    return b"".join(parts)


def _tiff_of(tags: Tags, pixels: bytes) -> bytes:
    """A little TIFF of one uncompressed strip."""
    out, extra = b"", b""
    after = 8 + 2 + 12 * (len(tags) + 2) + 4
    bits = b"".join(int(b).to_bytes(2, "little") for b in np.atleast_1d(tags[258]))
    start = after + len(bits)
    for tag, value in sorted((tags | {273: start, 279: len(pixels)}).items()):
        count = len(value) if isinstance(value, tuple) else 1
        kind = 3 if tag == 258 else 4
        number = after if count > 1 else value
        assert isinstance(number, int)
        out += b"".join(n.to_bytes(2, "little") for n in (tag, kind))
        out += count.to_bytes(4, "little") + number.to_bytes(4, "little")
    extra = bits + pixels
    head = b"II\x2a\0\x08\0\0\0" + (len(tags) + 2).to_bytes(2, "little")
    return head + out + bytes(4) + extra
