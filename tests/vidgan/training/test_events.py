"""TensorBoard's own reader finds what was written, once, whatever happened in between."""

import resource
import signal
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vidgan.training.events import EventFile, crc32c


def read(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return accumulator


def points(folder: Path, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in read(folder).Scalars(tag)]


def jpeg() -> bytes:
    encoded = BytesIO()
    Image.fromarray(np.full((16, 24, 3), 90, np.uint8)).save(encoded, format="JPEG")
    return encoded.getvalue()


def test_the_checksum_is_the_published_one() -> None:
    """RFC 3720, B.4: 32 bytes of zeros, of ones, and counting up."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_scalars_and_pictures_are_read_as_they_were_written(tmp_path: Path) -> None:
    events = EventFile(tmp_path, first_step=1)
    events.scalars({"losses/cycle_a": 0.25, "speed/größe": -3.5}, step=300)
    events.scalars({"losses/cycle_a": float("inf")}, step=70_000_000_000)
    events.image("samples/a2b", jpeg(), size=(24, 16), step=300)
    events.close()

    found = read(tmp_path)
    assert set(found.Tags()["scalars"]) == {"losses/cycle_a", "speed/größe"}
    assert points(tmp_path, "speed/größe") == [(300, -3.5)]
    assert points(tmp_path, "losses/cycle_a") == [(300, 0.25), (70_000_000_000, float("inf"))]
    (image,) = found.Images("samples/a2b")
    assert (image.step, image.width, image.height) == (300, 24, 16)
    assert image.encoded_image_string == jpeg()


def test_a_resumed_run_says_each_step_once(tmp_path: Path) -> None:
    first = EventFile(tmp_path, first_step=1)
    for step in (10, 20, 30, 40):
        first.scalars({"loss": step}, step=step)
    first.close()
    second = EventFile(tmp_path, first_step=21)
    second.scalars({"loss": 300}, step=30)
    second.close()
    assert len(list(tmp_path.iterdir())) == 2
    assert points(tmp_path, "loss") == [(10, 10), (20, 20), (30, 300)]


def test_a_run_that_was_sent_back_says_each_step_once(tmp_path: Path) -> None:
    events = EventFile(tmp_path, first_step=1)
    for step in (10, 20, 30):
        events.scalars({"loss": step}, step=step)
    events.restart(15)
    events.scalars({"loss": 200}, step=20)
    events.close()
    assert points(tmp_path, "loss") == [(10, 10), (20, 200)]


def test_a_record_that_a_crash_cut_off_spoils_nothing_else(tmp_path: Path) -> None:
    first = EventFile(tmp_path, first_step=1)
    for step in (10, 20):
        first.scalars({"loss": step}, step=step)
    first.close()
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    second = EventFile(tmp_path, first_step=11)
    second.scalars({"loss": 21}, step=20)
    second.close()
    assert points(tmp_path, "loss") == [(10, 10), (20, 21)]


def test_a_full_disk_is_an_error_and_leaves_a_file_that_goes_on(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk."""
    events = EventFile(tmp_path, first_step=1)
    events.scalars({"loss": 1}, step=10)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, limits[1]))
        with pytest.raises(OSError, match=r"space|too large"):
            events.image("samples", jpeg(), size=(24, 16), step=10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    events.scalars({"loss": 2}, step=20)
    events.close()
    assert points(tmp_path, "loss") == [(10, 1), (20, 2)]
