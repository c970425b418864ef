"""A codec that crashes as C code does: the process of its worker is gone, and no more."""

import ctypes
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

import vidgan.worker
from tests.vidgan.test_faults import Heard
from vidgan.conversion import convert_all
from vidgan.media.decode import decode_chunk
from vidgan.media.types import Chunk, RgbFrame, VideoStream
from vidgan.options import Options
from vidgan.worker import FilmWorker

MakeFilm = Callable[..., Path]

# The actors cannot import this file; send its classes along.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # type: ignore[no-untyped-call]

FRAMES, CHUNK_FRAMES = 60, 12
POISON = 2
"""The chunk whose third picture nobody can decode and live."""
POISONED_WIDTH = 112
KEPT_IN = Path()
"""The ledger of the poisoned film, as each worker is told."""


def wait_for_parts_before() -> None:
    """A worker may have several in hand, all of which go with it: let those before be kept."""
    deadline = time.monotonic() + 600
    while len(list(KEPT_IN.glob("*.chunk"))) < POISON and time.monotonic() < deadline:
        time.sleep(0.02)


def crashing(chunk: Chunk, video: VideoStream, *args: Any, **more: Any) -> Iterator[RgbFrame]:
    for number, frame in enumerate(decode_chunk(chunk, video, *args, **more)):
        if (chunk.index, video.width, number) == (POISON, POISONED_WIDTH, 2):
            wait_for_parts_before()
            ctypes.string_at(0)  # reads where nothing is: SIGSEGV
        yield frame


class Crashing(FilmWorker):
    """A worker with such a codec."""

    def setup(self) -> None:
        super().setup()
        # Nothing of this process outlives it, and no other worker lives in it.
        vars(vidgan.worker)["decode_chunk"] = crashing


@pytest.mark.slow
@pytest.mark.usefixtures("ray_up")
def test_it_takes_only_its_part_with_it(
    make_film: MakeFilm, generator_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other film is done, and so are other parts: the next try makes what is missing."""
    poisoned = make_film("poisoned.mp4", frames=FRAMES, size=(POISONED_WIDTH, 64))
    sound = make_film("sound.mp4", frames=FRAMES)
    options = Options(weights=generator_file, workers=1, chunk_frames=CHUNK_FRAMES, retries=1)
    undisturbed = convert_all([poisoned, sound], tmp_path / "undisturbed", options)
    assert not undisturbed.failures

    monkeypatch.setattr(sys.modules[__name__], "KEPT_IN", tmp_path / "out/poisoned.mp4.vidgan")
    heard = Heard()
    with monkeypatch.context() as patch:
        patch.setattr("vidgan.conversion.make_worker", Crashing)
        report = convert_all([poisoned, sound], tmp_path / "out", options, heard)
    (failure,) = map(str, report.failures)
    assert failure.startswith(
        f"{poisoned}: the part from 1.000 to 1.458 s brought down its worker 2 times ("
    )
    assert "\n" not in failure
    assert len(heard.lost) == 2
    assert all("the process was killed or crashed" in lost.reason for lost in heard.lost)
    assert [done.source for done in report.files] == [sound]
    assert not (tmp_path / "out/poisoned.mp4").exists()

    again = convert_all([poisoned, sound], tmp_path / "out", options)
    assert not again.failures
    (mended,) = (done for done in again.files if not done.skipped)
    assert mended.source == poisoned
    assert mended.chunks_reused >= POISON
    for name in ("poisoned.mp4", "sound.mp4"):
        made, wanted = (tmp_path / folder / name for folder in ("out", "undisturbed"))
        assert made.read_bytes() == wanted.read_bytes()
