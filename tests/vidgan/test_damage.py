"""A film damaged in the middle is converted as far as a plain decoder gets.

Every frame that is lost is counted and named.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.vidgan.here import convert_here
from vidgan.media.part import WHOLE, Part
from vidgan.options import Options

MakeFilm = Callable[..., Path]


def overwritten(whole: Path, copy: Path, *, keyframe: bool = False) -> Path:
    """A copy with a packet in the middle overwritten by noise."""
    with av.open(whole) as container:
        packets = [
            bytes(p) for p in container.demux(video=0) if p.size and p.is_keyframe == keyframe
        ]
    victim = packets[len(packets) // 2]
    data = whole.read_bytes()
    assert data.count(victim) == 1
    copy.write_bytes(data.replace(victim, np.random.default_rng(0).bytes(len(victim))))
    return copy


def cut(whole: Path, copy: Path) -> Path:
    """The first six tenths of it."""
    data = whole.read_bytes()
    copy.write_bytes(data[: len(data) * 6 // 10])
    return copy


def garbled(whole: Path, copy: Path) -> Path:
    """Noise over 300 bytes in the middle, headers of the container among them."""
    data = whole.read_bytes()
    middle = len(data) // 2
    noise = np.random.default_rng(0).bytes(300)
    copy.write_bytes(data[:middle] + noise + data[middle + 300 :])
    return copy


FRAMES = 60
FASTSTART = {"container_options": {"movflags": "faststart"}}
DAMAGED: dict[str, tuple[Callable[..., Path], dict[str, Any]]] = {
    "h264.mp4": (overwritten, {}),
    "keyframe.mp4": (lambda a, b: overwritten(a, b, keyframe=True), {}),
    "open_gop.mkv": (lambda a, b: overwritten(a, b, keyframe=True), {"open_gop": True}),
    "hevc.mp4": (overwritten, {"codec": "libx265"}),
    "vp9.webm": (overwritten, {"codec": "libvpx-vp9"}),
    "mpeg4.mp4": (overwritten, {"codec": "mpeg4"}),
    "cut_faststart.mp4": (cut, FASTSTART),
    "container.mkv": (garbled, {}),
}


@dataclass(frozen=True)
class Converted:
    """What one command made of all damaged films, a text, and a picture that is none."""

    folder: Path
    said: Any


@pytest.fixture(scope="module")
def damaged(make_film: MakeFilm, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("damaged")
    for name, (damage, options) in DAMAGED.items():
        damage(make_film(name, frames=FRAMES, **options), folder / name)
    (folder / "text.mp4").write_text("These are words, not pictures.\n")
    (folder / "empty.png").touch()
    return folder.joinpath


@pytest.fixture(scope="module")
def converted(
    damaged: Callable[[str], Path],
    generator_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
    ray_up: None,
) -> Converted:
    from click.testing import CliRunner

    from vidgan.cli.commands import cli

    folder = tmp_path_factory.mktemp("converted") / "out"
    command = ["convert", damaged(""), "-o", folder, "--weights", generator_file]
    arguments = [str(word) for word in (*command, "--json", "--quiet", "--chunk-frames", 24)]
    return Converted(folder=folder, said=CliRunner().invoke(cli, arguments))


def shown(path: Path) -> list[float]:
    """Presentation times (seconds) of the frames that a plain sequential decoder gives."""
    times: list[float] = []
    with av.open(path) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            times += [frame.time for frame in frames if frame.time is not None]
    return times


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_film_is_converted_and_each_lost_frame_counted(
    damaged: Callable[[str], Path], converted: Converted, name: str
) -> None:
    plain, out = shown(damaged(name)), shown(converted.folder / name)
    assert len(out) >= len(plain) > 20
    lost = FRAMES - len(out)
    assert lost > 0
    (warning,) = [line for line in converted.said.stderr.splitlines() if name in line]
    assert warning.startswith(f"warning: {damaged(name)}: {lost} ")
    if DAMAGED[name][0] is cut:
        assert f"{lost} of {FRAMES} frames" in warning
        assert re.search(r"ends at \d\.\d{3} s", warning)
    elif DAMAGED[name][0] is garbled:
        gaps = [(a, b) for a, b in pairwise(out) if b - a > 0.06]
        spans = ", ".join(f"{a:.3f} to {b:.3f}" for a, b in gaps)
        assert warning.endswith(f"missing (seconds) {spans}")
    else:
        times = {round(number / 24, 3) for number in range(FRAMES)}
        named: set[float] = set()
        for run in warning.rpartition("(seconds) ")[2].split(", "):
            first, _, rest = run.partition(" to ")
            last, _, number = rest.partition(" ")
            times_in_run = {t for t in times if float(first) <= t <= float(last or first)}
            assert number in ("", f"({len(times_in_run)})")
            named |= times_in_run
        assert len(named) == lost
        assert named == times - {round(time - out[0], 3) for time in out}


def test_all_that_can_be_done_is_done_and_all_failures_are_named(
    damaged: Callable[[str], Path], converted: Converted
) -> None:
    said = converted.said
    assert said.exit_code == 1
    failures = [line for line in said.stderr.splitlines() if line.startswith("vidgan: ")]
    assert len(failures) == 2
    assert any(
        f"{damaged('text.mp4')} is not a video" in line and "give" in line for line in failures
    )
    assert any(
        line == f"vidgan: {damaged('empty.png')} is not an image that can be read "
        "(it is empty); repair or remove it"
        for line in failures
    )
    assert len(said.stderr.splitlines()) == len(DAMAGED) + len(failures)
    report = json.loads(said.stdout)
    assert report["frames"] + report["frames_lost"] == FRAMES * len(DAMAGED)
    assert len(report["failures"]) == 2
    made = {path.name for path in converted.folder.iterdir()}
    assert made == {*DAMAGED, "vidgan-report.json"}


def test_of_a_part_of_a_film_its_own_losses_are_counted(
    make_film: MakeFilm, identity_file: Path, tmp_path: Path
) -> None:
    whole = make_film("ten_seconds.mkv", frames=240, audio=False)
    with av.open(whole) as container:
        places = [packet.pos or 0 for packet in container.demux(video=0) if packet.size]
    data = bytearray(whole.read_bytes())
    data[places[100] - 10 : places[130] - 10] = bytes(places[130] - places[100])
    source = tmp_path / "holed.mkv"
    source.write_bytes(data)

    def lost(name: str, part: Part) -> tuple[int, bool]:
        options = Options(weights=identity_file, part=part, crf=40, chunk_frames=24)
        report = convert_here(source, tmp_path / f"{name}.mkv", options)
        return report.frames_lost, any("cannot be read" in line for line in report.warnings)

    (all_of_it, said) = lost("whole", WHOLE)
    assert said
    assert all_of_it >= 20
    assert lost("across", Part(end=Fraction(8))) == (all_of_it, True)
    assert lost("after", Part(start=Fraction(7)))[0] == 0
    assert lost("before", Part(end=Fraction(3)))[0] == 0


def test_frames_before_the_first_keyframe_are_not_called_damaged(
    make_film: MakeFilm, identity_file: Path, tmp_path: Path
) -> None:
    """A broadcast recorded from the middle of a GOP on."""
    whole = make_film("whole.ts", frames=FRAMES, rate=25, gop=12, bframes=0, audio=False)
    with av.open(whole) as container:
        places = [p.pos for p in container.demux(video=0) if p.size]
    source, output = tmp_path / "film.ts", tmp_path / "out.mp4"
    source.write_bytes(whole.read_bytes()[places[5] :])
    report = convert_here(source, output, Options(weights=identity_file))
    assert (report.frames, report.frames_lost) == (48, 7)
    (said,) = report.warnings
    assert "7 frames come before its first keyframe" in said
    assert "damaged" not in said
    assert said.endswith("(7)")
