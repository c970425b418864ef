"""Photographs of all kinds, and files that are none."""

import os
import socket
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from cyclegan.photographs import DataError, UnreadableError, read_image


@pytest.mark.parametrize(
    ("mode", "color", "suffix", "expected"),
    [
        ("RGB", (200, 100, 50), "png", (200, 100, 50)),
        ("RGBA", (200, 100, 50, 255), "png", (200, 100, 50)),
        ("RGBA", (200, 100, 50, 255), "webp", (200, 100, 50)),
        ("L", 77, "png", (77, 77, 77)),
        ("L", 77, "jpg", (77, 77, 77)),
        ("LA", (77, 255), "png", (77, 77, 77)),
        ("P", 0, "png", (0, 0, 0)),
        ("1", 1, "png", (255, 255, 255)),
        ("I;16", 257 * 77, "png", (77, 77, 77)),
        ("CMYK", (0, 0, 0, 0), "jpg", (255, 255, 255)),
        ("RGB", (200, 100, 50), "tif", (200, 100, 50)),
        ("CMYK", (0, 0, 255, 0), "tiff", (255, 255, 0)),
        ("I;16", 257 * 77, "tif", (77, 77, 77)),
        ("RGB", (200, 100, 50), "bmp", (200, 100, 50)),
        ("L", 77, "bmp", (77, 77, 77)),
        # what is transparent lies over white
        ("RGBA", (200, 100, 50, 0), "png", (255, 255, 255)),
        ("RGBA", (200, 100, 50, 51), "png", (244, 224, 214)),
        ("RGBA", (200, 100, 50, 51), "tif", (244, 224, 214)),
        ("LA", (0, 0), "png", (255, 255, 255)),
    ],
)
def test_pictures_of_all_kinds_become_rgb(
    tmp_path: Path, mode: str, color: int | tuple[int, ...], suffix: str, expected: tuple[int, ...]
) -> None:
    Image.new(mode, (10, 8), color).save(tmp_path / f"p.{suffix}", lossless=True)
    image = read_image(tmp_path / f"p.{suffix}")
    assert image.dtype == torch.uint8
    assert image.shape == (3, 8, 10)
    assert tuple(image[:, 4, 5].tolist()) == expected


def png_chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def test_a_png_of_sixteen_bits_a_channel(tmp_path: Path) -> None:
    row = b"\0" + struct.pack(">3H", 257 * 200, 257 * 100 + 100, 65535) * 10
    (tmp_path / "deep.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">2I5B", 10, 8, 16, 2, 0, 0, 0))
        + png_chunk(b"IDAT", zlib.compress(row * 8))
        + png_chunk(b"IEND", b"")
    )
    image = read_image(tmp_path / "deep.png")
    assert image.dtype == torch.uint8
    assert image[:, 4, 5].tolist() == [200, 100, 255]


def test_a_photograph_held_sideways_is_turned_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 20))
    image.paste((255, 255, 255), (0, 0, 20, 20))  # the left half is white
    exif = image.getexif()
    exif[0x0112] = 6  # turn clockwise by 90 degrees to see it upright
    image.save(tmp_path / "p.jpg", exif=exif, quality=95)
    upright = read_image(tmp_path / "p.jpg").float()
    assert upright.shape == (3, 40, 20)
    assert upright[:, :18].mean() > 250  # left becomes top
    assert upright[:, 22:].mean() < 5


def test_a_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    picture = Image.new("P", (10, 8), 1)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.paste(0, (0, 0, 5, 8))
    picture.save(tmp_path / "p.png", transparency=0)
    image = read_image(tmp_path / "p.png")
    assert image[:, 4, 2].tolist() == [255, 255, 255]
    assert image[:, 4, 7].tolist() == [200, 100, 50]


def display_p3() -> bytes:
    """A profile of wider primaries than sRGB's, in the ICC's own layout (version 4, matrix)."""

    def fixed(*numbers: float) -> bytes:
        return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))

    columns = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
        b"wtpt": (0.96420, 1.0, 0.82491),
    }
    curve = b"para" + bytes(4) + struct.pack(">2H", 3, 0)
    curve += fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    text = "P3".encode("utf-16-be")
    words = b"mluc" + bytes(4) + struct.pack(">2I2s2s2I", 1, 12, b"en", b"US", len(text), 28) + text
    tags = {name: b"XYZ " + bytes(4) + fixed(*numbers) for name, numbers in columns.items()}
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve, b"desc": words, b"cprt": words}
    place = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">2I", place + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = place + len(body)
    head = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x04000000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + fixed(0.96420, 1.0, 0.82491)
    return head.ljust(128, b"\0") + table + body


def test_colours_of_a_phone_become_srgb(tmp_path: Path) -> None:
    """Display P3's (200, 100, 50) is (214, 95, 31) in sRGB: matrices and curve by hand."""
    picture = Image.new("RGB", (10, 8), (200, 100, 50))
    picture.save(tmp_path / "p.png", icc_profile=display_p3())
    wide = read_image(tmp_path / "p.png")[:, 4, 5].tolist()
    assert wide == pytest.approx([214, 95, 31], abs=2)
    picture.putalpha(255)
    picture.save(tmp_path / "alpha.png", icc_profile=display_p3())
    assert read_image(tmp_path / "alpha.png")[:, 4, 5].tolist() == wide


def test_an_srgb_profile_changes_no_bit(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(pixels).save(tmp_path / "p.png", icc_profile=srgb)
    assert np.array_equal(read_image(tmp_path / "p.png").permute(1, 2, 0).numpy(), pixels)


@pytest.mark.parametrize("profile", [b"no profile at all", display_p3()[:200], display_p3()])
def test_a_profile_that_does_not_fit_is_passed_over(tmp_path: Path, profile: bytes) -> None:
    """Damaged ones; and one of RGB in a grey picture."""
    mode, color = ("L", 77) if profile == display_p3() else ("RGB", (77, 77, 77))
    Image.new(mode, (10, 8), color).save(tmp_path / "p.png", icc_profile=profile)
    assert read_image(tmp_path / "p.png")[:, 4, 5].tolist() == [77, 77, 77]


def test_levels_of_no_stated_range_are_refused(tmp_path: Path) -> None:
    """From 0 to 1, as many write them, they would be a black picture."""
    Image.fromarray(np.full((8, 10), 0.5, np.float32)).save(tmp_path / "p.tif")
    with pytest.raises(
        UnreadableError, match=r"p\.tif .*floating-point numbers of no stated range"
    ):
        read_image(tmp_path / "p.tif")
    Image.fromarray(np.full((8, 10), 1 << 20, np.int32)).save(tmp_path / "deep.tif")
    with pytest.raises(UnreadableError, match=r"deep\.tif .*beyond 16 bits"):
        read_image(tmp_path / "deep.tif")


def test_damaged_exif_data_is_no_reason_to_lose_a_picture(tmp_path: Path) -> None:
    Image.new("RGB", (10, 8), (200, 100, 50)).save(tmp_path / "p.png", exif=b"Exif\0\0MM\0*junk")
    assert read_image(tmp_path / "p.png").shape == (3, 8, 10)


def test_of_an_animation_the_first_picture_counts(tmp_path: Path) -> None:
    first, *rest = (Image.new("RGB", (10, 8), (level, 0, 0)) for level in (10, 200, 250))
    first.save(tmp_path / "p.webp", save_all=True, append_images=rest, lossless=True)
    assert read_image(tmp_path / "p.webp")[:, 4, 5].tolist() == [10, 0, 0]


@pytest.mark.parametrize(
    "content", [b"", b"not a picture", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xff\xd8\xff\xe0"]
)
def test_a_file_that_is_no_picture_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.jpg").write_bytes(content)
    with pytest.raises(UnreadableError, match=r"p\.jpg .*remove it") as caught:
        read_image(tmp_path / "p.jpg")
    assert "\n" not in str(caught.value)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """30,000 pixels square, of which a few bytes are there."""
    (tmp_path / "p.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">2I5B", 30_000, 30_000, 8, 2, 0, 0, 0))
        + png_chunk(b"IDAT", zlib.compress(bytes(1000)))
        + png_chunk(b"IEND", b"")
    )
    began = time.process_time()
    with pytest.raises(UnreadableError, match=r"p\.png cannot be read as an image .*pixels"):
        read_image(tmp_path / "p.png")
    assert time.process_time() - began < 5


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(UnreadableError, match=r"pipe\.jpg is not a regular file: remove it"):
        read_image(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.jpg"))
        with pytest.raises(DataError, match=r"socket\.jpg"):
            read_image(tmp_path / "socket.jpg")
    with pytest.raises(DataError, match=r"gone\.jpg cannot be read .*check that it is there"):
        read_image(tmp_path / "gone.jpg")


def test_random_damage_ends_in_a_picture_or_in_one_named_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (40, 50, 3), np.uint8)
    for suffix in ("jpg", "png", "webp", "tif", "bmp"):
        Image.fromarray(pixels).save(tmp_path / f"whole.{suffix}")
        whole = (tmp_path / f"whole.{suffix}").read_bytes()
        path = tmp_path / f"p.{suffix}"
        for _ in range(40):
            content = bytearray(whole)
            for place in rng.integers(0, min(len(content), 400), 4):
                content[place] = rng.integers(256)
            path.write_bytes(content[: rng.integers(1, len(content) + 1)])
            try:
                assert read_image(path).shape[0] == 3
            except UnreadableError as error:
                assert str(error).startswith(str(path))  # noqa: PT017 - either is right
