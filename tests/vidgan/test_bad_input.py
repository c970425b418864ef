"""Whatever is wrong with what a user gives: one line, the right exit status, and nothing left.

A film damaged in the middle is converted as far as a plain decoder gets, and every frame that is
lost is counted and named.
"""

import json
import os
import pickle
import re
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from cyclegan.config import DiscriminatorConfig
from cyclegan.networks import PatchDiscriminator

MakeFilm = Callable[..., Path]
Command = Callable[..., Any]


class Code:
    """Unpickling it would make a folder."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, ("code_was_run",)


@pytest.fixture
def here(
    tmp_path: Path,
    make_film: MakeFilm,
    generator_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The folder a user works in: a film, weights, a model by name, and all that is wrong."""
    whole = make_film("clip.mp4", frames=24)
    shutil.copy(whole, tmp_path / "clip.mp4")
    shutil.copy(generator_file, tmp_path / "good.safetensors")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing/notes.txt").write_text("no film here\n")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("These are words, not pictures.\n" * 40)
    (tmp_path / "notes.txt").write_text("These are words, not pictures.\n" * 40)
    shutil.copy(make_film("sound.mp4", video_tracks=0), tmp_path)
    times = [*(120 * i for i in range(47)), 46 * 120 + 1]  # Matroska holds milliseconds
    shutil.copy(make_film("twice.mkv", pts=times, time_base=Fraction(1, 3000)), tmp_path)
    data = whole.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    (tmp_path / "precious.mp4").write_bytes(b"precious")
    (tmp_path / "text.pth").write_text("Weights are not words.\n")
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 45000000\n"
    (tmp_path / "pointer.pth").write_bytes(lfs)
    torch.save(PatchDiscriminator(DiscriminatorConfig(filters=4)).state_dict(), tmp_path / "d.pth")
    torch.save(Code(), tmp_path / "code.pth")
    (tmp_path / "pickle.pth").write_bytes(pickle.dumps(Code()))
    models = tmp_path / "home/models"
    models.mkdir(parents=True)
    for name in ("summer2winter", "day2night"):
        shutil.copy(generator_file, models / f"{name}.safetensors")
    monkeypatch.setenv("VIDGAN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder with what is in them; folders end in a slash."""
    return {
        f"{path.relative_to(folder)}/" if path.is_dir() else str(path.relative_to(folder)): (
            b"" if path.is_dir() else path.read_bytes()
        )
        for path in folder.rglob("*")
    }


WEIGHTS = ["--weights", "good.safetensors"]
TO = [*WEIGHTS, "-o", "out.mp4"]
AGAIN = r"(download|record)"

REFUSED: dict[str, tuple[list[str], int, str]] = {
    "missing file": (["gone.mp4", *WEIGHTS], 1, r"gone\.mp4: no such file; check"),
    "missing image": (["gone.png", *WEIGHTS], 1, r"gone\.png: no such file; check"),
    "name too long": (["x" * 300, *WEIGHTS], 1, r"xxx.*: File name too long; check names"),
    "folder without media": (["nothing", *WEIGHTS], 1, r"nothing: no films or images.*\.mp4"),
    "empty file": (["empty.mp4", *WEIGHTS], 1, rf"empty\.mp4 is empty \(0 bytes\); {AGAIN}"),
    "text as mp4": (["text.mp4", *WEIGHTS], 1, r"text\.mp4 is not a video.*; give an mp4"),
    "text": (["notes.txt", *WEIGHTS], 1, r"notes\.txt: .* not supported; give an mp4"),
    "sound alone": (["sound.mp4", *WEIGHTS], 1, r"sound\.mp4 has no video stream.*; give a file"),
    "cut, index at the end": (["cut.mp4", *WEIGHTS], 1, rf"cut\.mp4 is cut off: .*; {AGAIN}"),
    "two pictures at once, late": (
        ["twice.mkv", *WEIGHTS],
        1,
        r"twice\.mkv has two pictures for the same time, 1\.840 s; repair it with `ffmpeg",
    ),
    "no folder for the output": (
        ["clip.mp4", *WEIGHTS, "-o", "nowhere/out.mp4"],
        1,
        r"nowhere/out\.mp4: there is no folder .*nowhere; make it",
    ),
    "no folder can be made": (
        ["clip.mp4", *WEIGHTS, "-o", "/proc/out.mp4"],
        1,
        r"/proc/out\.mp4.*; choose another output with -o",
    ),
    "output is a kind unknown": (
        ["clip.mp4", *WEIGHTS, "-o", "out.avi"],
        1,
        r"out\.avi: cannot write \.avi; name the output \.mp4",
    ),
    "output name too long": (
        ["clip.mp4", *WEIGHTS, "-o", "y" * 300 + ".mp4"],
        1,
        r"yyy.*too long; check names",
    ),
    "output exists": (
        ["clip.mp4", *WEIGHTS, "-o", "precious.mp4"],
        1,
        r"precious\.mp4 exists already; say --overwrite or choose another with -o",
    ),
    "output is the input": (
        ["clip.mp4", *WEIGHTS, "-o", "./clip.mp4", "--overwrite"],
        2,
        r"clip\.mp4 is an input itself.*; choose another output with -o",
    ),
    "a folder into itself": (
        ["nothing/..", *WEIGHTS, "-o", ".", "--overwrite"],
        2,
        r"\.mp4 is an input itself.*; choose another output with -o",
    ),
    "unknown pair": (
        ["clip.mp4", "--pair", "sumer2winter"],
        2,
        r"unknown pair 'sumer2winter': known are .*day2night.*, summer2winter.*"
        r"did you mean summer2winter\?",
    ),
    "no model": (["clip.mp4"], 2, r"either --pair NAME or --weights FILE"),
    "two models": (["clip.mp4", "--pair", "x", *WEIGHTS], 2, r"either --pair NAME or --weights"),
    "no weights": (["clip.mp4", "--weights", "no.pth"], 1, r"no\.pth: no such file.*; give a gen"),
    "text as weights": (
        ["clip.mp4", "--weights", "text.pth"],
        1,
        r"text\.pth is not a file of weights: give a \.pth or a \.safetensors",
    ),
    "pointer to weights": (
        ["clip.mp4", "--weights", "pointer.pth"],
        1,
        r"pointer\.pth is a Git LFS pointer.*: run git lfs pull",
    ),
    "a discriminator": (["clip.mp4", "--weights", "d.pth"], 1, r"d\.pth .*discriminator.*: give"),
    "code": (["clip.mp4", "--weights", "code.pth"], 1, r"code\.pth holds code.*never run: save"),
    "another's pickle": (["clip.mp4", "--weights", "pickle.pth"], 1, r"pickle\.pth .*: save the"),
    "not a run": (["clip.mp4", "--weights", "nothing"], 1, r"nothing: not the folder of a train"),
    "codec": (["clip.mp4", *TO, "--codec", "h265"], 2, r"--codec h265: unknown; choose .*libx265"),
    "codec elsewhere": (
        ["clip.mp4", *WEIGHTS, "-o", "out.mov", "--codec", "libvpx-vp9"],
        2,
        r"--codec libvpx-vp9: a \.mov file does not hold it; choose libx264",
    ),
    "crf": (["clip.mp4", *TO, "--crf", "99"], 2, r"--crf 99: libx264 takes 0 .* to 51"),
    "preset": (["clip.mp4", *TO, "--preset", "warp"], 2, r"--preset warp: libx264 knows .*fast"),
}


def test_probe_refuses_what_shows_late_in_a_film(here: Path, vidgan_command: Command) -> None:
    said = vidgan_command("probe", "twice.mkv")
    assert re.match(rf"vidgan: {REFUSED['two pictures at once, late'][2]}", said.err)
    assert (said.status, said.out) == (1, "")


@pytest.mark.parametrize("case", REFUSED)
def test_one_line_says_what_is_wrong_and_what_to_do(
    here: Path, vidgan_command: Command, case: str
) -> None:
    arguments, status, words = REFUSED[case]
    before = tree(here)
    said = vidgan_command("convert", *arguments)
    assert re.search(words, said.err), said.err
    assert said.err.startswith("vidgan: ")
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert said.status == status
    assert tree(here) == before


@pytest.mark.parametrize(
    ("option", "value"),
    [("--workers", "0"), ("--size", "-1"), ("--chunk-frames", "0"), ("--device", "tpu")],
)
def test_a_value_out_of_range_is_a_wrong_usage(
    here: Path, vidgan_command: Command, option: str, value: str
) -> None:
    before = tree(here)
    said = vidgan_command("convert", "clip.mp4", *TO, option, value)
    assert said.lines[-1].startswith(f"Error: Invalid value for '{option}': ")
    assert value in said.lines[-1]
    assert sum(line.startswith("Error:") for line in said.lines) == 1
    assert said.status == 2
    assert tree(here) == before


@pytest.mark.usefixtures("ray_up")
def test_cuda_where_there_is_none(here: Path, vidgan_command: Command) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    before = tree(here)
    said = vidgan_command("convert", "clip.mp4", *TO, "--device", "cuda")
    assert said.lines == [
        "vidgan: --device cuda: there is no GPU here; choose --device cpu or auto"
    ]
    assert said.status == 2
    assert tree(here) == before


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that cannot be written to; permission bits alone do not stop root."""
    folder = tmp_path / "closed"
    folder.mkdir()
    if os.getuid():
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    with mounted(folder, "ro"):
        yield folder


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here, and permission bits do not stop root")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", ["out.mp4", "out.png"])
def test_a_folder_closed_to_writing(
    here: Path, closed_folder: Path, vidgan_command: Command, name: str
) -> None:
    shutil.copy("clip.mp4", "out.png")  # found out before anybody looks into it
    source = "clip.mp4" if name == "out.mp4" else "out.png"
    said = vidgan_command("convert", source, *WEIGHTS, "-o", closed_folder / name)
    assert re.fullmatch(
        rf"vidgan: .*closed/{name}: no permission to write in .*; choose another with -o\n",
        said.err,
    )
    assert said.status == 1
    assert list(closed_folder.iterdir()) == []


@dataclass(frozen=True)
class LittleRoom:
    """A folder where 100 kB fit, or files of 100 kB; `clear` lifts that."""

    folder: Path
    clear: Callable[[], object]
    words: str


@pytest.fixture
def little_room(tmp_path: Path) -> Iterator[LittleRoom]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.getuid():
        before = resource.getrlimit(resource.RLIMIT_FSIZE)

        def lift() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        yield LittleRoom(folder, lift, "too large for this disk")
        lift()
        return
    with mounted(folder, "size=100k"):
        larger = ["mount", "-o", "remount,size=9m", str(folder)]
        yield LittleRoom(
            folder, lambda: subprocess.run(larger, check=True), "the disk is full; free some space"
        )


@pytest.mark.usefixtures("ray_up")
def test_a_disk_full_while_joining_costs_no_work(
    here: Path, little_room: LittleRoom, vidgan_command: Command, make_film: MakeFilm
) -> None:
    """The sound is what does not fit: it is copied when all pictures are done."""
    film = make_film("slow.mp4", frames=48, rate=4)
    output = little_room.folder / "out.mp4"
    command = ["convert", film, *WEIGHTS, "-o", output, "--crf", 40, "--json"]
    said = vidgan_command(*command)
    assert said.status == 1
    assert said.lines[-1].startswith(f"vidgan: {output}: {little_room.words}")
    assert len(said.lines) == 2  # after the bar
    assert [path.name for path in little_room.folder.iterdir()] == ["out.mp4.vidgan"]
    kept = list((little_room.folder / "out.mp4.vidgan").iterdir())
    assert kept
    assert {path.suffix for path in kept} == {".chunk"}

    little_room.clear()
    said = vidgan_command(*command)
    assert said.status == 0
    report = json.loads(said.out)
    assert (report["frames"], report["chunks_reused"]) == (48, report["chunks"])
    assert [path.name for path in little_room.folder.iterdir()] == ["out.mp4"]


def test_a_cluster_that_does_not_answer(here: Path) -> None:
    """A listener whose queue is full: connecting gets no answer at all, as with a dead machine."""
    before = tree(here)
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "vidgan", "convert", "clip.mp4", *TO]
        started = time.monotonic()
        said = subprocess.run([*command, "--address", address], capture_output=True, check=False)
        assert time.monotonic() - started < 15
    lines = [line.rpartition("\r")[2] for line in said.stderr.decode().strip().split("\n")]
    assert len(lines) == 1
    assert lines[0].startswith(f"vidgan: no Ray cluster answers at {address}")
    assert "ray start --head" in lines[0]
    assert said.returncode == 1
    assert tree(here) == before


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
    assert {path.name for path in converted.folder.iterdir()} == set(DAMAGED)
