"""`vidgan distill`: from a teacher and pictures to a student."""

import hashlib
import math
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save

from cyclegan.checkpoint import save_generator
from cyclegan.config import DiscriminatorConfig, FastConfig, require
from cyclegan.data import DataError, Preprocess, read_image, to_signed
from cyclegan.direction import Direction
from cyclegan.distill import StudentWeights
from cyclegan.features import find_efficientnet
from cyclegan.run_folder import RunFolder
from cyclegan.separable import is_near
from cyclegan.student import StudentConfig
from cyclegan.train_config import config_to_json
from cyclegan.weights import load_generator
from vidgan.card import METADATA_KEY, Card
from vidgan.errors import SettingsError
from vidgan.named import Named, read_named
from vidgan.options import check_norm_eps
from vidgan.training.bar import FramesBar
from vidgan.training.beginning import (
    STUDENT_ARCHITECTURE,
    Beginning,
    absolute,
    read_student_beginning,
    student_architecture_of,
    with_beginning,
)
from vidgan.training.job import StudentJob
from vidgan.training.launch import launch, named_errors
from vidgan.training.settings import LOAD_TO_CROP, options_to_resume, save_options
from vidgan.training.sources import resolve_source, resolve_sources

TEACHER = "teacher.safetensors"
"""In the run: the teacher as it was when the run began, whatever becomes of the original."""
CROP = 256
JUDGED = 8
"""Held-out pictures on which a finished student is compared with its teacher."""


class Pictures(NamedTuple):
    """What a student sees."""

    train: tuple[Path, ...]
    """Of the teacher's own domain."""
    targets: tuple[Path, ...]
    """Of the one that it translates to; empty where the teacher's pictures are judged for it."""
    held_out: tuple[Path, ...]
    """Of the teacher's own domain; may be empty."""


def train_student(
    out: Path,
    *,
    options: dict[str, Any],
    given: Set[str] = frozenset(),
    resume: bool = False,
    dry_run: bool = False,
    quiet: bool = False,
) -> Iterator[str]:
    """Train, and give the lines to print.

    `options` are those of `vidgan distill` by name, `given` those that the user named: a resumed
    run takes the others as they were.

    Raises:
        SettingsError: a setting out of range or unknown.
        InputError: the pictures cannot be used.
        ModelError: the teacher is no generator; the run's folder holds another run, or none to
            resume; or it diverged.
        WorkerError: the cluster cannot do it.
        KeyboardInterrupt: it was stopped; its last state is saved.
    """
    if options["start_from"] is not None:
        (options["start_from"],) = absolute([options["start_from"]])
    if resume:
        options = options_to_resume(out, options, given)
    else:
        direction: Direction = options["direction"] or "a2b"
        said = student_architecture_of(options["start_from"], direction)
        options = options | {name: said[name] for name in said.keys() - given}
    for name in ("teacher", "data"):
        if options[name] is None:
            raise SettingsError(f"say --{name}: a student learns from a teacher, on pictures")
    teacher = read_named(
        str(out / TEACHER) if resume else options["teacher"], options["direction"] or "a2b"
    )
    if not resume and teacher.path.resolve().parent == out.resolve():
        raise SettingsError(f"--out {out}: holds the teacher; choose another --out")
    config = _config(options, teacher, workers=options["workers"] or 1)
    beginning = None if resume else read_student_beginning(options["start_from"], config, out)
    config = with_beginning(config, beginning, out)
    if dry_run:
        yield config_to_json(config).rstrip()
        return
    is_random = beginning is not None and not beginning.content
    if options["separable"] and is_random and not is_near(config.generator, config.teacher):
        yield (
            f"{out}: begins with random layers: only with the --filters, --blocks and "
            "--norm-eps of a fast teacher does a separable student begin with its teacher's"
        )
    with named_errors(), RunFolder(out).locked():
        pictures = _pictures(out, options, config, quiet=quiet)

        def prepare(workers: int | None) -> StudentJob:
            own = options | {"workers": workers}
            return _prepare(out, own, teacher, pictures, beginning)

        launch(prepare, options, quiet=quiet)
        closeness = _closeness(out, config, pictures.held_out)
    yield (
        f"{out}: a student trained on {config.images} images{closeness}; "
        f"try it: vidgan convert FILM --weights {out} --direction {config.direction}"
    )


def _prepare(
    out: Path,
    options: dict[str, Any],
    teacher: Named,
    pictures: Pictures,
    beginning: Beginning | None,
) -> StudentJob:
    """Make the run's folder, or find the run that is there; from then on every start resumes."""
    config = _config(options, teacher, workers=options["workers"] or 1)
    config = with_beginning(config, beginning, out)
    folder = RunFolder(out)
    if beginning is None:
        folder.state_to_resume(config)
    else:
        folder.begin(config)
        beginning.keep(folder)
        card = {METADATA_KEY: teacher.card.to_text()}  # a resumed run asks it for its size again
        save_generator(teacher.generator.network, config.teacher, out / TEACHER, metadata=card)
        save_options(out, options)
    return StudentJob(
        config=config,
        out=out.absolute(),
        teacher=(out / TEACHER).absolute(),
        about=_about(options["teacher"], teacher.card, config),
        train=pictures.train,
        targets=pictures.targets,
        resume=True,
        checkpoint_seconds=60 * options["checkpoint_minutes"],
        keep_images=options["keep"],
    )


def _about(name: str, teaching: Card, config: StudentConfig) -> dict[str, str]:
    """What the student's file says of it."""
    taught = Path(name).name or name
    card = Card(
        name="student",
        summary=f"a student of {taught}",
        size=config.preprocess.load,
        steady=teaching.steady,
    )
    return {
        "teacher": taught,
        "teacher_sha256": config.teacher_digest,
        METADATA_KEY: card.to_text(),
    }


def _pictures(
    out: Path, options: dict[str, Any], config: StudentConfig, *, quiet: bool
) -> Pictures:
    """The pictures, with a bar while frames are taken out of films."""
    data, targets = Path(options["data"]), options["targets"]
    with FramesBar(quiet=quiet) as bar:
        common: dict[str, Any] = {
            "out": out,
            "preprocess": config.preprocess,
            "frames": options["frames"],
            "upscale": options["upscale"],
            "report": bar.show,
        }
        if targets is None:
            domain = resolve_source(data, config.direction[0].upper(), **common)
            pictures, warnings = Pictures(domain.train, (), domain.held_out), domain.warnings
        else:
            forth = config.direction == "a2b"
            sources = (data, Path(targets))[:: 1 if forth else -1]
            both = resolve_sources(*sources, **common)
            a, b = (both.train_a, both.held_out_a), (both.train_b, both.held_out_b)
            (train, held_out), (shown, _) = (a, b) if forth else (b, a)
            pictures, warnings = Pictures(train, shown, held_out), both.warnings
    for warning in warnings:
        bar.say(warning)
    return pictures


def _config(options: dict[str, Any], teacher: Named, *, workers: int) -> StudentConfig:
    lr = options["lr"]
    terms = ("output", "feature", "adversarial", "stability")
    weights = {name: options[f"lambda_{name}"] for name in terms}
    noise = options["stability_noise"]
    try:
        require(0 < lr < math.inf, f"--lr {lr}: must be more than 0, such as 2e-4")
        for name, weight in weights.items():
            require(0 <= weight < math.inf, f"--lambda-{name} {weight}: must be 0 or more")
        taught = sum(weights.values()) - weights["stability"]
        require(taught > 0, "--lambda-output, -feature, -adversarial: one must be more than 0")
        require(0 <= noise < math.inf, f"--stability-noise {noise}: must be 0 or more")
        judges = weights["adversarial"] > 0
        require(
            judges or options["targets"] is None,
            "--targets: with --lambda-adversarial 0 nothing looks at them; leave one of them out",
        )
        if options["discriminator"] != "patch":
            find_efficientnet()
        return StudentConfig(
            workers=workers,
            lr_g=lr,
            lr_d=lr,
            preprocess=_preprocess(options, teacher),
            generator=_student(options, teacher),
            discriminator=DiscriminatorConfig(
                kind=options["discriminator"], filters=options["discriminator_filters"]
            ),
            teacher=teacher.generator.config,
            teacher_digest=_digest(teacher),
            direction=options["direction"] or "a2b",
            loss=StudentWeights(gan_mode=options["gan_mode"], stability_noise=noise, **weights),
            **{name: options[name] for name in _PLAIN},
        )
    except ValueError as exc:
        raise SettingsError(str(exc)) from exc


def _student(options: dict[str, Any], teacher: Named) -> FastConfig:
    """It adds as much of its input as a fast teacher does: what is left to learn is the same. And
    it divides by as much.
    """
    taught = teacher.generator.config
    like = taught if isinstance(taught, FastConfig) else FastConfig()
    named = {name: options[name] for name in STUDENT_ARCHITECTURE}
    check_norm_eps(named["norm_eps"])
    if named["norm_eps"] is None:
        named["norm_eps"] = like.norm_eps
    return FastConfig(input_share=like.input_share, **named)


_PLAIN = ("images", "batch", "flat_share", "ema_decay", "precision", "seed")


def _preprocess(options: dict[str, Any], teacher: Named) -> Preprocess:
    """The scale of the options; without any, that at which the teacher sees pictures."""
    load, crop = options["load"], options["crop"]
    if load is None and crop is None:
        load = teacher.card.size or None
    if crop is None:
        multiple = teacher.generator.config.multiple
        side = CROP if load is None else int(load / LOAD_TO_CROP)
        crop = max(1, side // multiple) * multiple
    return Preprocess(load=load or round(crop * LOAD_TO_CROP), crop=crop, flip=options["flip"])


def _digest(teacher: Named) -> str:
    return hashlib.sha256(save(dict(teacher.generator.network.state_dict()))).hexdigest()


@torch.no_grad()
def _closeness(out: Path, config: StudentConfig, held_out: Sequence[Path]) -> str:
    """How far the student is from its teacher where neither learnt; nothing without pictures."""
    student, teacher = (
        load_generator(out / name) for name in (f"{config.direction}.safetensors", TEACHER)
    )
    student_off, picture_off = [], []
    for path in held_out[:JUDGED]:
        try:
            scaled = config.preprocess.scale(read_image(path))
        except DataError:
            continue
        side = config.preprocess.crop
        top, left = ((length - side) // 2 for length in scaled.shape[1:])
        picture = to_signed(scaled[:, top : top + side, left : left + side])[None]
        taught = teacher(picture)
        student_off.append(float((student(picture) - taught).abs().mean()))
        picture_off.append(float((picture - taught).abs().mean()))
    if not student_off:
        return ""
    levels = [127.5 * sum(offs) / len(offs) for offs in (student_off, picture_off)]
    return (
        f", on {len(student_off)} held-out pictures {levels[0]:.1f} levels of 255 from its teacher "
        f"(the pictures themselves: {levels[1]:.1f})"
    )
