"""A film looked at and converted in this process: all that a conversion does, but for Ray."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tests.vidgan.films.kit import Sample
from vidgan.choice import choose_model, digest
from vidgan.crew import Crew
from vidgan.errors import VidganError
from vidgan.film_job import FilmJob
from vidgan.inputs import Piece, default_output
from vidgan.media.contract import Found
from vidgan.media.glance import glance
from vidgan.media.probe import probe
from vidgan.media.streams import Streams
from vidgan.options import Options
from vidgan.places import Place
from vidgan.report import FileReport
from vidgan.worker import FilmWorker

_ALONE = Crew(workers=1, lanes=2, cpus_per_worker=1, gpus_per_worker=0, device="cpu")


def convert_here(source: Place, output: Path, options: Options) -> FileReport:
    """Convert one film.

    Raises:
        VidganError: as a conversion does.
    """
    choice = choose_model(options)
    options = replace(options, steady=choice.steady)
    recipe = choice.recipe(_ALONE, options.precision)
    piece = Piece(source=source, output=output)
    job = FilmJob(0, piece, options, choice.purpose(options), lambda size: None)
    worker = FilmWorker(recipe)
    worker.setup()
    with closing(job), closing(worker):
        for task in job.tasks(digest(recipe), lambda place, frames: None):
            result = worker.process(task)
            if isinstance(result.value, VidganError):
                raise result.value
            job.take(result)
        return job.finish()


def found_in(sample: Sample) -> Found:
    """What is found in a film of the contract, and what it would be written as."""
    film = probe(sample.path, rate=sample.rate)
    output = default_output(sample.path)
    if sample.ending is not None:
        output = output.with_suffix(sample.ending)
    return Found(film=film, glance=glance(film), output=output)


def options_for(sample: Sample, identity_file: Path) -> Options:
    """How a film of the contract is converted."""
    return Options(
        weights=identity_file,
        precision="fp32",
        treatment=sample.treatment,
        rate=sample.rate,
        part=sample.part,
        codec=sample.codec,
        streams=Streams.parse(sample.maps),
    )
