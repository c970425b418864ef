"""What stands against writing a film: one clear line, and nothing left behind."""

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from vidgan.errors import InputError, OutputError, SettingsError
from vidgan.film_job import FilmJob
from vidgan.finished import Work
from vidgan.inputs import Piece
from vidgan.media.carry import Tally
from vidgan.media.encoders import encoder_settings
from vidgan.media.header import Target
from vidgan.media.join import join
from vidgan.media.preflight import check_output
from vidgan.media.probe import probe
from vidgan.media.types import EncodedChunk, EncoderSettings
from vidgan.media.verify import verify
from vidgan.options import Options
from vidgan.places import Remote
from vidgan.tasks import FilmTask, Result
from vidgan.transport import remove

MakeFilm = Callable[..., Path]
EncodeFilm = Callable[..., Any]


def seconds_of(path: Path, kind: str = "video") -> list[Fraction]:
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        packets = [p for p in container.demux(stream) if p.pts is not None and not p.is_discard]
        return sorted(p.pts * p.time_base for p in packets if p.pts is not None)


@pytest.fixture
def film(make_film: MakeFilm, encode_film: EncodeFilm) -> Any:
    return encode_film(make_film("film.mp4", frames=36))


def test_existing_output_is_kept_unless_told(film: Any, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_text("precious")
    with pytest.raises(OutputError, match=r"out\.mp4 exists already; say --overwrite"):
        film.join(output)
    assert output.read_text() == "precious"
    film.join(output, overwrite=True)
    assert len(seconds_of(output)) == 36


def test_joining_stops_anywhere_and_leaves_nothing(film: Any) -> None:
    output = Remote("memory://stopped/out.mp4")
    calls = 0

    def joined(*, stopped_at: int | None) -> None:
        nonlocal calls
        calls = 0

        def go_on() -> None:
            nonlocal calls
            calls += 1
            if stopped_at is not None and calls >= stopped_at:
                raise OutputError("stopped")

        join(
            film.target(output),
            lambda: iter(film.chunks),
            expected=film.times,
            overwrite=True,
            go_on=go_on,
        )

    joined(stopped_at=None)
    assert calls > 36 + 2, "while it is read back, and while it is sent"
    remove(output)
    for number in (1, 30, calls):
        with pytest.raises(OutputError, match=r"^stopped$"):
            joined(stopped_at=number)
        assert not output.exists()


def test_a_film_s_job_is_stopped_before_it_is_sent(
    make_film: MakeFilm, encode_film: EncodeFilm, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = encode_film(make_film("film.mp4", frames=36))
    piece = Piece(source=encoded.film.path, output=Remote("memory://job/out.mp4"))
    job = FilmJob(0, piece, Options(pair="none", chunk_frames=12), b"", lambda size: None)
    for task in job.tasks(b"", lambda place, frames: None):
        assert isinstance(task, FilmTask)
        job.take(Result(job=0, value=encoded.chunks[task.chunk.index]))
    monkeypatch.setattr(Work, "note", lambda *told: job.stop())  # the last before
    with pytest.raises(OutputError, match="stopped while it was being written"):
        job.finish()
    job.close()
    assert not Remote("memory://job/out.mp4").exists()


def test_output_that_comes_up_while_joining_is_kept(film: Any, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"

    def chunks() -> Iterator[EncodedChunk]:
        yield from film.chunks
        output.write_text("precious")

    with pytest.raises(OutputError, match="exists already"):
        join(film.target(output), chunks, expected=film.times)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("out.mp4", "precious")]


def test_lost_frames_leave_a_gap_and_all_else_keeps_its_time(film: Any, tmp_path: Path) -> None:
    whole = film.chunks[1]
    lost = EncodedChunk(index=1, packets=(), lost=tuple(sorted(p.pts for p in whole.packets)))
    damaged = replace(film, chunks=[film.chunks[0], lost, film.chunks[2]])
    report = damaged.join(tmp_path / "out.mp4")
    tick = film.film.video.time_base
    assert report.frames == 24
    assert seconds_of(tmp_path / "out.mp4") == [t * tick for t in film.times if t not in lost.lost]


def test_nothing_decoded_is_no_film(film: Any, tmp_path: Path) -> None:
    empty = EncodedChunk(index=0, packets=(), lost=tuple(film.times))
    with pytest.raises(OutputError, match="no frame could be decoded"):
        replace(film, chunks=[empty]).join(tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", ["missing", "swapped", "headless", "foreign"])
def test_chunks_that_are_not_the_film_are_refused(wrong: str, film: Any, tmp_path: Path) -> None:
    first, second, third = film.chunks
    headless = replace(second, packets=second.packets[1:])
    foreign = replace(third, lost=(10**9,))
    wrong_chunks = {
        "missing": [first, second],
        "swapped": [first, third, second],
        "headless": [first, headless, third],
        "foreign": [first, second, foreign],
    }
    with pytest.raises(OutputError, match="--no-resume"):
        replace(film, chunks=wrong_chunks[wrong]).join(tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_chunks_that_change_between_the_passes_are_caught_on_reading_back(
    film: Any, tmp_path: Path
) -> None:
    passes = iter([film.chunks, film.chunks[:2]])
    with pytest.raises(OutputError, match=r"not written, because 24 frames read back instead of"):
        join(film.target(tmp_path / "out.mp4"), lambda: next(passes), expected=film.times)
    assert list(tmp_path.iterdir()) == []


def test_interrupt_leaves_nothing(film: Any, tmp_path: Path) -> None:
    calls = 0

    def chunks() -> Iterator[EncodedChunk]:
        nonlocal calls
        calls += 1
        yield film.chunks[0]
        if calls == 2:
            assert (tmp_path / "out.mp4.vidgan.part").exists()
            raise KeyboardInterrupt
        yield from film.chunks[1:]

    with pytest.raises(KeyboardInterrupt):
        join(film.target(tmp_path / "out.mp4"), chunks, expected=film.times)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize("share", [0.3, 0.95])
def test_file_limit_while_joining_leaves_nothing(
    ending: str, share: float, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    encoded = encode_film(make_film("film" + ending, frames=36), ending)
    encoded.join(tmp_path / ("whole" + ending))
    size = (tmp_path / ("whole" + ending)).stat().st_size
    with largest_file(int(share * size)), pytest.raises(OutputError) as caught:
        encoded.join(tmp_path / ("out" + ending))
    assert f"out{ending}: too large for this disk or its limits" in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["whole" + ending]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 48 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        os.getuid()
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(disk)],
            check=False,
            capture_output=True,
        ).returncode
    ):
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_full_disk_while_joining_leaves_nothing(
    ending: str, small_disk: Path, make_film: MakeFilm, encode_film: EncodeFilm
) -> None:
    encoded = encode_film(make_film("film" + ending, frames=120), ending)
    with pytest.raises(OutputError, match=r"out\.m..: the disk is full; free some space and run"):
        encoded.join(small_disk / ("out" + ending))
    assert list(small_disk.iterdir()) == []


def test_start_before_zero_moves_everything_together(film: Any, tmp_path: Path) -> None:
    tick = film.film.video.time_base
    early = film.times[5]
    chunks = [
        replace(c, packets=tuple(replace(p, pts=p.pts - early) for p in c.packets))
        for c in film.chunks
    ]
    times = [t - early for t in film.times]
    report = replace(film, chunks=chunks, times=times).join(tmp_path / "out.mp4")
    assert seconds_of(tmp_path / "out.mp4") == [t * tick for t in film.times]
    priming = Fraction(1024, 48_000)  # not shown in the source: it lies before zero
    assert seconds_of(film.film.path, "audio")[0] == 0
    assert seconds_of(tmp_path / "out.mp4", "audio")[0] == early * tick - priming
    assert "starts before zero: all of it was moved by 0.208 s" in report.warnings[0]


def test_source_cut_in_the_middle_gives_the_sound_there_is(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    encoded = encode_film(make_film("film.mkv", frames=72), ".mkv")
    cut = tmp_path / "cut.mkv"
    data = encoded.film.path.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    damaged = replace(encoded, film=replace(encoded.film, path=cut))
    report = damaged.join(tmp_path / "out.mkv")
    assert report.frames == len(seconds_of(tmp_path / "out.mkv")) == 72
    sound = seconds_of(tmp_path / "out.mkv", "audio")
    assert 0 < len(sound) < len(seconds_of(encoded.film.path, "audio"))


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_noise_in_the_source_does_not_stop_the_copy(
    ending: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    encoded = encode_film(make_film("film" + ending, frames=72), ending)
    noisy = tmp_path / ("noisy" + ending)
    data = bytearray(encoded.film.path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes((17 * i * i + 3) % 256 for i in range(3000))
    noisy.write_bytes(data)
    report = replace(encoded, film=replace(encoded.film, path=noisy)).join(
        tmp_path / ("out" + ending)
    )
    assert report.frames == 72
    assert len(seconds_of(tmp_path / ("out" + ending), "audio")) > 100


def test_verify_sees_a_frame_off_by_one_tick_and_missing_sound(film: Any, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    film.join(output)
    tick = film.film.video.time_base
    times = [t * tick for t in film.times]
    with av.open(str(output)) as container:
        assert container.streams.video[0].time_base == tick
    verify(output, video_index=0, times=times, tallies={})
    wrong = [*times[:7], times[7] + tick, *times[8:]]
    with pytest.raises(OutputError, match="frame 7 reads back at"):
        verify(output, video_index=0, times=wrong, tallies={})
    tally = Tally(codec="aac", packets=1000, size=1, start=Fraction(0))
    with pytest.raises(OutputError, match="instead of 1000"):
        verify(output, video_index=0, times=times, tallies={1: tally})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere/out.mp4", "there is no folder .*nowhere; make it first"),
        ("folder.mp4", "is a folder"),
        ("out.avi", r"cannot write \.avi; name the output \.mp4"),
        ("film.mp4", "is the input itself"),
        ("there.mp4", "exists already"),
    ],
)
def test_output_is_refused_before_any_work(
    name: str, message: str, make_film: MakeFilm, tmp_path: Path
) -> None:
    source = tmp_path / "film.mp4"
    shutil.copy(make_film("film.mp4", frames=12), source)
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "there.mp4").touch()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match=message):
        check_output(
            Target(
                film=probe(source),
                settings=EncoderSettings(codec="libx264"),
                output=tmp_path / name,
            )
        )
    assert sorted(tmp_path.iterdir()) == before


def test_good_output_passes_and_makes_no_file(make_film: MakeFilm, tmp_path: Path) -> None:
    film = probe(make_film("film.mp4", frames=12, subtitles=True))
    for name in ["out.mp4", "out.mov", "name: with a colon.mp4", "out.mkv", "out.webm"]:
        check_output(
            Target(film=film, settings=encoder_settings(Path(name)), output=tmp_path / name)
        )
    with pytest.raises(SettingsError, match="--codec libx264"):
        check_output(
            Target(
                film=film, settings=EncoderSettings(codec="libx264"), output=tmp_path / "out.webm"
            )
        )
    assert list(tmp_path.iterdir()) == []


def test_colon_in_a_name_is_no_protocol(film: Any, tmp_path: Path) -> None:
    film.join(tmp_path / "part 1: dawn.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["part 1: dawn.mp4"]


def test_source_that_is_gone_is_named(film: Any, tmp_path: Path) -> None:
    gone = replace(film, film=replace(film.film, path=tmp_path / "gone.mp4"))
    with pytest.raises(InputError, match=r"gone\.mp4: no such file"):
        gone.join(tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []
