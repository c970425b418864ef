"""Outputs that cannot be written where they should go: one line, and no work is lost."""

import json
import os
import re
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pytest
from PIL import Image

from tests.vidgan.photos import encode, gradient
from vidgan.conversion import convert_all
from vidgan.options import Options
from vidgan.places import as_place

MakeFilm = Callable[..., Path]
Command = Callable[..., Any]


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
    closed_folder: Path,
    vidgan_command: Command,
    make_film: MakeFilm,
    generator_file: Path,
    name: str,
) -> None:
    source = closed_folder.with_name(f"in{Path(name).suffix}")
    shutil.copy(make_film("clip.mp4", frames=24), source)  # a png is refused before a look into it
    weights = ["--weights", generator_file]
    said = vidgan_command("convert", source, *weights, "-o", closed_folder / name)
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
    little_room: LittleRoom, vidgan_command: Command, make_film: MakeFilm, generator_file: Path
) -> None:
    """The sound is what does not fit: it is copied when all pictures are done."""
    film = make_film("slow.mp4", frames=48, rate=4)
    output = little_room.folder / "out.mp4"
    command = ["convert", film, "--weights", generator_file, "-o", output, "--crf", 40, "--json"]
    said = vidgan_command(*command)
    assert said.status == 1
    assert said.lines[-1].startswith(f"vidgan: {output}: {little_room.words}")
    assert sum(line.startswith("vidgan: ") for line in said.lines) == 1
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


@pytest.mark.usefixtures("ray_up")
def test_a_full_disk_stops_all_films_and_keeps_what_is_finished(
    tmp_path: Path, vidgan_command: Command, make_film: MakeFilm, generator_file: Path
) -> None:
    disk, films = tmp_path / "disk", tmp_path / "films"
    disk.mkdir()
    films.mkdir()
    for number in range(3):
        shutil.copy(make_film("many.mp4", frames=96, size=(96, 64)), films / f"{number}.mp4")
    command = ["convert", films, "--weights", generator_file, "-o", disk, "--crf", 4]
    with mounted(disk, "size=160k"):
        said = vidgan_command(*command, "--chunk-frames", 12, "--json")
        assert said.status == 1
        failures = json.loads(said.out)["failures"]
        assert len(failures) == 3
        assert all("make room" in failure or "the disk is full" in failure for failure in failures)
        kept = list(disk.rglob("*.chunk"))
        assert kept
        assert list(disk.rglob("*.part")) == []

        subprocess.run(["mount", "-o", "remount,size=99m", str(disk)], check=True)
        said = vidgan_command(*command, "--chunk-frames", 12, "--json")
        assert said.status == 0, said.err
        assert json.loads(said.out)["chunks_reused"] >= len(kept)
        assert sorted(path.name for path in disk.glob("*.mp4")) == ["0.mp4", "1.mp4", "2.mp4"]
        assert list(disk.rglob("*.chunk")) == []


@pytest.mark.usefixtures("ray_up")
def test_names_that_this_machine_does_not_allow_stop_no_other_input(
    tmp_path: Path, generator_file: Path
) -> None:
    """Object stores allow much longer ones, in folders that are but names."""
    store = fsspec.filesystem("memory")
    photograph = encode(Image.fromarray(gradient()), "PNG")
    for name in ("a" * 300 + ".png", "b" * 300 + "/c.png", "ok.png"):
        store.pipe_file(f"/store/{name}", photograph)
    output = tmp_path / "out"
    output.mkdir()
    try:
        report = convert_all([as_place("memory://store")], output, Options(weights=generator_file))
    finally:
        store.rm("/store", recursive=True)
    assert [file.output for file in report.files] == [output / "ok.png"]
    reasons = sorted(map(str, report.failures))
    assert len(reasons) == 2
    assert reasons[0].startswith(f"{output}/aaa")
    assert ": a name too long for a file" in reasons[0]
    assert re.match(rf"{output}/b+/c\.png: File name too long; check names", reasons[1])
