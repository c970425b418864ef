"""A driver that dies when its output has its name and its ledger is not yet thrown away."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.actor import Event
from vidgan.conversion import convert_all
from vidgan.ledger import NOTE, Ledger
from vidgan.options import Options
from vidgan.progress import Progress
from vidgan.report import Report

MakeFilm = Callable[..., Path]


class Death(BaseException):
    """Ends a conversion as a signal would: nobody handles it."""


@pytest.fixture(scope="module")
def left_behind(
    make_film: MakeFilm,
    generator_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
    ray_up: None,
) -> Path:
    """The folder of a film converted in four chunks by a driver that died at that moment."""
    folder = tmp_path_factory.mktemp("died")
    shutil.copy(make_film("clip.mp4", frames=48), folder / "in.mp4")

    def die(ledger: Ledger) -> None:
        raise Death

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "clear", die)
        with pytest.raises(Death):
            convert_all([folder / "in.mp4"], folder / "out.mp4", options(generator_file))
    assert len([*(folder / "out.mp4.vidgan").iterdir()]) == 4 + 1
    return folder


@pytest.fixture
def folder(left_behind: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it; a note holds for the very same source alone, so the name is a link's."""
    shutil.copytree(left_behind, tmp_path / "copy")
    (tmp_path / "copy/in.mp4").unlink()
    (tmp_path / "copy/in.mp4").symlink_to(left_behind / "in.mp4")
    return tmp_path / "copy"


def options(generator: Path, **more: Any) -> Options:
    return replace(Options(weights=generator, chunk_frames=16, crf=30), **more)


class NoWorker(Progress):
    """Hears of none."""

    def hear(self, event: Event) -> None:
        pytest.fail(f"there was nothing to do: {event}")


def again(folder: Path, chosen: Options) -> Report:
    return convert_all([folder / "in.mp4"], folder / "out.mp4", chosen, NoWorker())


def test_the_same_command_reports_it_as_done(folder: Path, generator_file: Path) -> None:
    written = (folder / "out.mp4").read_bytes()
    report = again(folder, options(generator_file))
    assert not report.failures
    (file,) = report.files
    assert (file.frames, file.chunks, file.chunks_reused, file.audio_streams) == (48, 4, 4, 1)
    assert report.lines() == [f"{folder / 'out.mp4'}: 48 frames, sound kept, 4 of 4 parts reused"]
    assert (folder / "out.mp4").read_bytes() == written
    assert {path.name for path in folder.iterdir()} == {"in.mp4", "out.mp4"}


def touch_output(folder: Path) -> None:
    (folder / "out.mp4").write_bytes(b"precious")


def spoil_note(folder: Path) -> None:
    (folder / "out.mp4.vidgan" / NOTE).write_text('{"work": 3, "file": []}')


def change_source(folder: Path) -> None:
    source = folder / "in.mp4"
    data = source.read_bytes()
    source.unlink()
    source.write_bytes(data)


@pytest.mark.parametrize("change", [touch_output, spoil_note, change_source])
def test_an_output_that_may_be_another_s_stays(
    folder: Path, generator_file: Path, change: Callable[[Path], None]
) -> None:
    change(folder)
    refused(folder, options(generator_file))


@pytest.mark.parametrize("other", [{"crf": 31}, {"size": 32}, {"resume": False}])
def test_other_settings_are_another_command(
    folder: Path, generator_file: Path, other: dict[str, Any]
) -> None:
    refused(folder, options(generator_file, **other))


def refused(folder: Path, chosen: Options) -> None:
    written = (folder / "out.mp4").read_bytes()
    (failure,) = again(folder, chosen).failures
    assert "out.mp4 exists already; say --overwrite" in str(failure)
    assert (folder / "out.mp4").read_bytes() == written
    assert (folder / "out.mp4.vidgan" / NOTE).exists(), "it is thrown away with the work it is of"
