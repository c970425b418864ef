"""A worker whose weights or whose task are not right says so in one line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vidgan.choice import choose_model
from vidgan.crew import Crew
from vidgan.errors import WorkerError
from vidgan.media.chunks import ChunkReader
from vidgan.media.encoders import encoder_settings
from vidgan.media.probe import probe
from vidgan.media.types import UNTREATED
from vidgan.options import Options
from vidgan.tasks import FilmTask, Recipe
from vidgan.worker import FilmWorker

MakeFilm = Callable[..., Path]


@pytest.fixture
def recipe(generator_file: Path) -> Recipe:
    crew = Crew(workers=1, lanes=1, cpus_per_worker=1, gpus_per_worker=0, device="cpu")
    return choose_model(Options(weights=generator_file)).recipe(crew, "fp32")


def test_weights_that_cannot_be_loaded_are_one_line(recipe: Recipe) -> None:
    for spoilt in (recipe.weights[:-50], b"", recipe.weights.replace(b"head", b"tail")):
        worker = FilmWorker(replace(recipe, weights=spoilt))
        with pytest.raises(WorkerError, match=r"^a worker cannot load the weights") as caught:
            worker.setup()
        worker.close()
        assert "\n" not in str(caught.value)


def test_what_nobody_foresaw_fails_its_file_alone(recipe: Recipe, make_film: MakeFilm) -> None:
    film = probe(make_film("clip.mp4", frames=24))
    task = FilmTask(
        job=3,
        name="clip.mp4",
        chunk=next(iter(ChunkReader(film, frames_per_chunk=24))),
        video=replace(film.video, codec="no-such-decoder"),
        shown=film.video,
        encoder=encoder_settings(Path("out.mp4")),
        treatment=UNTREATED,
    )
    worker = FilmWorker(recipe)
    worker.setup()
    value = worker.process(task).value
    worker.close()
    assert isinstance(value, WorkerError)
    assert str(value).startswith("clip.mp4: cannot be converted (UnknownCodecError: ")
    assert "\n" not in str(value)
