"""`vidgan train`: from options to a finished run."""

from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from cyclegan.run_folder import RunFolder
from cyclegan.train_config import TrainConfig, config_to_json
from vidgan.errors import SettingsError
from vidgan.training.bar import FramesBar
from vidgan.training.beginning import (
    Beginning,
    absolute,
    architecture_of,
    check_resumed,
    read_beginning,
    with_beginning,
)
from vidgan.training.job import Job
from vidgan.training.launch import launch, named_errors
from vidgan.training.settings import DATA, FREE, options_to_resume, save_options, train_config
from vidgan.training.sources import Domains, resolve_sources


def train_pair(
    out: Path,
    *,
    options: dict[str, Any],
    given: Set[str] = frozenset(),
    resume: bool = False,
    dry_run: bool = False,
    quiet: bool = False,
) -> Iterator[str]:
    """Train, and give the lines to print.

    `options` are those of `vidgan train` by name, `given` those that the user named: a resumed
    run takes the others as they were.

    Raises:
        SettingsError: a setting out of range or unknown.
        InputError: a folder of images cannot be used.
        ModelError: the run's folder holds another run, or none to resume; or it diverged.
        WorkerError: the cluster cannot do it.
        KeyboardInterrupt: it was stopped; its last state is saved.
    """
    options["start_from"] = absolute(options["start_from"])
    if resume:
        options = options_to_resume(out, options, given)
    else:
        said = architecture_of(options["start_from"])
        # What is said of another architecture, that this one may not have, would say nothing here.
        if "generator" not in given or options["generator"] == said.get("generator"):
            options = options | {name: said[name] for name in said.keys() - given}
    # What is wrong with the settings is said before anything starts.
    config = _config(options, workers=options["workers"] or 1)
    beginning = None if resume else read_beginning(options["start_from"], config, given)
    planned = with_beginning(config, beginning, out)
    if resume:
        check_resumed(planned, given, out)
    if dry_run:
        yield config_to_json(planned).rstrip()
        return
    with named_errors(), RunFolder(out).locked():
        domains = _domains(out, options, quiet=quiet)

        def prepare(workers: int | None) -> Job:
            own = options | {"workers": workers}
            return _prepare(out, own, domains, beginning)

        launch(prepare, options, quiet=quiet)
    yield (
        f"{out}: trained on {options['images']} images; try it: vidgan convert FILM --weights {out}"
    )


def _prepare(
    out: Path,
    options: dict[str, Any],
    domains: Domains,
    beginning: Beginning | None,
) -> Job:
    """Make a run's folder, with its beginning, or find the run that is there; from then on every
    start resumes.
    """
    config = _config(options, workers=options["workers"] or 1)
    config = with_beginning(config, beginning, out)
    folder = RunFolder(out)
    if beginning is None:
        folder.state_to_resume(config)
    else:
        folder.begin(config)
        beginning.keep(folder)
        save_options(folder.path, options)
    return Job(
        config=config,
        out=out.absolute(),
        train_a=domains.train_a,
        train_b=domains.train_b,
        held_out_a=domains.held_out_a,
        held_out_b=domains.held_out_b,
        resume=True,
        checkpoint_seconds=60 * options["checkpoint_minutes"],
        keep_images=options["keep"],
        sample_images=options["samples"],
    )


def _domains(out: Path, options: dict[str, Any], *, quiet: bool) -> Domains:
    """The pictures of both domains, with a bar while frames are taken out of films."""
    a, b, data = (options[name] and Path(options[name]) for name in ("a", "b", "data"))
    with FramesBar(quiet=quiet) as bar:
        domains = resolve_sources(
            a,
            b,
            data,
            out=out,
            preprocess=_config(options, workers=1).preprocess,
            frames=options["frames"],
            upscale=options["upscale"],
            report=bar.show,
        )
    for warning in domains.warnings:
        bar.say(warning)
    return domains


def _config(options: dict[str, Any], *, workers: int) -> TrainConfig:
    settings = {name: options[name] for name in options.keys() - FREE - DATA - {"workers", "alone"}}
    try:
        return train_config(workers=workers, **settings)
    except ValueError as exc:
        raise SettingsError(str(exc)) from exc
