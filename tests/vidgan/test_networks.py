"""Machines with addresses of their own, one of which is cut off for a while."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import vidgan
from tests.islands import islands, islands_allowed
from tests.vidgan.driving import CHUNK_FRAMES, HANGS, drive

MakeFilm = Callable[..., Path]


@pytest.mark.slow
@pytest.mark.skipif(not islands_allowed(), reason="needs the right to make network namespaces")
def test_a_machine_cut_off_for_a_while_holds_nothing_up_and_does_no_harm_when_it_is_back(
    make_film: MakeFilm, generator_file: Path, ray_up: None, tmp_path: Path
) -> None:
    film = make_film("networks.mp4", frames=960, size=(160, 96))
    folder = tmp_path / "drivers-own"
    folder.mkdir()
    shutil.copy(film, folder / "film.mp4")
    with (
        islands("east", "west") as cluster,
        drive(
            folder,
            address=cluster.address,
            weights=generator_file,
            resource="slot",
            environment=cluster.environment,
            within=cluster.within,
        ) as driver,
    ):
        driver.hear("WorkerStarted", times=2)
        driver.hear("done", times=4)
        nodes = {node for what, node in driver.heard if what == "WorkerStarted"}
        cluster.pull("east")
        _, cut = driver.hear("WorkerLost")[-1]
        driver.hear("done", times=4)
        cluster.plug("east")
        cluster.machines["east"].wait(HANGS)  # Ray ends there by itself: it was given up
        driver.hear("done", times=2)
        driver.hurry()
        driver.end()
    assert len(nodes) == 2
    assert cut in nodes

    alone = tmp_path / "out.mp4"
    vidgan.convert(film, alone, weights=generator_file, workers=1, chunk_frames=CHUNK_FRAMES)
    assert (folder / "out.mp4").read_bytes() == alone.read_bytes()
