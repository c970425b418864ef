"""Finished chunks survive a crash, and nothing else is ever taken for one."""

import hashlib
import json
import shutil
import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.vidgan.holding import held_elsewhere
from vidgan.errors import OutputError
from vidgan.ledger import MAGIC, Ledger, chunk_key, from_bytes, to_bytes
from vidgan.media.types import Change, Chunk, Color, EncodedChunk, Packet, VideoStream

VIDEO = VideoStream(
    index=0,
    codec="h264",
    extradata=b"\x01",
    width=64,
    height=48,
    pixel_format="yuv420p",
    time_base=Fraction(1, 12800),
    average_rate=Fraction(25),
    sample_aspect_ratio=None,
    rotation=0,
    color=Color(matrix=1, primaries=1, transfer=1, full_range=False),
)
PACKET = Packet(data=b"abc", pts=512, dts=-512, duration=512, is_keyframe=True)
CHUNK = Chunk(index=0, packets=(PACKET,), owned=(512,))
ENCODED = EncodedChunk(
    index=3,
    packets=(
        replace(PACKET, alpha=b"beside"),
        replace(PACKET, data=b"", pts=1024, dts=None, is_keyframe=False),
    ),
    lost=(7, 9),
    changes=(Change("192x128", "made to fit"),),
)


def test_a_chunk_comes_back_as_it_was(tmp_path: Path) -> None:
    assert from_bytes(to_bytes(ENCODED)) == ENCODED
    with Ledger(tmp_path / "out.mp4.vidgan") as ledger:
        ledger.write("key", ENCODED)
    with Ledger(tmp_path / "out.mp4.vidgan") as again:
        assert again.read("key") == ENCODED
        assert again.read("other") is None


@pytest.mark.parametrize("place", [0, 12, 40, -1])
def test_a_damaged_file_is_as_good_as_none_and_is_written_anew(tmp_path: Path, place: int) -> None:
    with Ledger(tmp_path / "ledger") as ledger:
        ledger.write("key", ENCODED)
        path = tmp_path / "ledger" / "key.chunk"
        data = bytearray(path.read_bytes())
        data[place] ^= 0x40
        path.write_bytes(data)
        assert ledger.read("key") is None
        ledger.write("key", ENCODED)
        assert ledger.read("key") == ENCODED


def test_a_file_cut_short_is_as_good_as_none(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger") as ledger:
        ledger.write("key", ENCODED)
        path = tmp_path / "ledger" / "key.chunk"
        for length in range(len(path.read_bytes())):
            path.write_bytes(to_bytes(ENCODED)[:length])
            assert ledger.read("key") is None


def body(**changes: object) -> bytes:
    """What the file of a chunk holds before its hash, and other facts in it."""
    facts: dict[str, object] = {"index": 3, "lost": [7], "changes": [["BT.709", "read as such"]]}
    facts |= {"packets": [[3, 512, None, 512, True, False, 0]], **changes}
    index = json.dumps(facts).encode()
    return MAGIC + struct.pack("<I", len(index)) + index + b"abc"


def packet(*facts: object) -> bytes:
    return body(packets=[[*facts]])


FOREIGN = {
    "no index": MAGIC,
    "no facts": MAGIC + struct.pack("<I", 2) + b"{}",
    "a list": MAGIC + struct.pack("<I", 2) + b"[]",
    "deep": MAGIC + struct.pack("<I", 200_000) + b"[" * 200_000,
    "many digits": MAGIC + struct.pack("<I", 9_000) + b"1" * 9_000,
    "index": body(index="3"),
    "index below zero": body(index=-1),
    "lost": body(lost=[None]),
    "lost is a number": body(lost=7),
    "changes": body(changes=[["BT.709"]]),
    "changes that are no text": body(changes=[[1, 2]]),
    "changes with codes for a screen": body(changes=[["\x1b[2J", "read as such"]]),
    "few facts": packet(3, 512),
    "size": packet(-3, 512, 0, 512, True, False, 0),
    "a size too large": packet(10**9, 512, 0, 512, True, False, 0),
    "time": packet(3, "512", 0, 512, True, False, 0),
    "time beyond FFmpeg's": packet(3, 2**63, 0, 512, True, False, 0),
    "a time that is no number": packet(3, float("nan"), 0, 512, True, False, 0),
    "duration": packet(3, 512, 0, None, True, False, 0),
    "size of alpha": packet(3, 512, 0, 512, True, False, -1),
    "an alpha too large": packet(3, 512, 0, 512, True, False, 1),
    "bytes too many": body() + b"d",
}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_file_that_somebody_else_made_is_as_good_as_none(tmp_path: Path, case: str) -> None:
    """It is whole, and its hash is right: who may write there may write that."""
    signed = [data + hashlib.sha256(data).digest() for data in (FOREIGN[case], body())]
    with Ledger(tmp_path / "ledger") as ledger:
        (tmp_path / "ledger" / "key.chunk").write_bytes(signed[1])
        assert ledger.read("key") is not None
        (tmp_path / "ledger" / "key.chunk").write_bytes(signed[0])
        assert ledger.read("key") is None
        ledger.write("key", ENCODED)
        assert ledger.read("key") == ENCODED


def test_what_cannot_be_read_or_removed_ends_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    (folder / "key.chunk").mkdir(parents=True)
    (folder / "other.part").mkdir()
    with Ledger(folder) as ledger:
        assert ledger.read("key") is None
        with pytest.raises(OutputError, match="cannot be kept"):
            ledger.write("key", ENCODED)
        ledger.write("whole", ENCODED)
        ledger.clear()
    assert sorted(path.name for path in folder.iterdir()) == ["key.chunk", "other.part"]
    with Ledger(folder) as ledger:
        shutil.rmtree(folder)
        ledger.clear()
        assert ledger.read("whole") is None


def test_the_first_valid_write_wins(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger") as ledger:
        ledger.write("key", ENCODED)
        ledger.write("key", replace(ENCODED, lost=()))
        assert ledger.read("key") == ENCODED


def test_keys_tell_apart_all_that_decides_the_pixels() -> None:
    other_data = replace(CHUNK, packets=(replace(PACKET, data=b"abd"),))
    other_time = replace(CHUNK, owned=(513,))
    keys = {
        chunk_key(CHUNK, VIDEO, b"settings"),
        chunk_key(CHUNK, VIDEO, b"other settings"),
        chunk_key(CHUNK, replace(VIDEO, rotation=90), b"settings"),
        chunk_key(other_data, VIDEO, b"settings"),
        chunk_key(other_time, VIDEO, b"settings"),
    }
    assert len(keys) == 5
    assert chunk_key(CHUNK, VIDEO, b"settings") in keys


def test_two_conversions_cannot_share_an_output(tmp_path: Path) -> None:
    folder = tmp_path / "out.mp4.vidgan"
    with held_elsewhere(folder) as other:
        with pytest.raises(OutputError, match="another conversion"), Ledger(folder):
            pass
        other.kill()
    with Ledger(folder):  # a dead holder holds nothing
        pass
    assert not folder.exists()


def test_an_empty_ledger_leaves_no_folder(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger") as ledger:
        ledger.write("key", ENCODED)
        ledger.clear()
    assert not (tmp_path / "ledger").exists()


def test_a_half_written_file_of_a_crash_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "ledger" / "key.part").write_bytes(to_bytes(ENCODED)[:20])
    with Ledger(tmp_path / "ledger") as ledger:
        assert ledger.read("key") is None
    assert not (tmp_path / "ledger").exists()


def test_what_others_keep_in_the_folder_stays(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    folder.mkdir()
    (folder / "precious.txt").write_text("mine")
    with Ledger(folder) as ledger:
        ledger.write("key", ENCODED)
        ledger.clear()
    assert [path.name for path in folder.iterdir()] == ["precious.txt"]


def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "ledger").symlink_to(elsewhere)
    with pytest.raises(OutputError, match="ledger"), Ledger(tmp_path / "ledger"):
        pass
