"""From --a, --b or --data to the pictures of both domains: folders, films, the public layout."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cyclegan.data import Preprocess
from cyclegan.folders import FEWEST, list_files, split_held_out
from cyclegan.photographs import IMAGE_SUFFIXES, DataError
from cyclegan.survey import count_shared, require_size, survey
from vidgan.errors import InputError, SettingsError
from vidgan.inputs import VIDEO_SUFFIXES
from vidgan.training.film_frames import Frames, FrameSettings, frames_of

Report = Callable[[str, int, int], object]
"""Hears of frames taken out of films: the domain, frames looked at so far, frames in all."""

FRAMES = 1000
"""Frames of all films of a domain together."""

_TEST_SHARE = 20  # a test folder's films give one frame for so many of the training's
_NO_FRAMES = Frames(train=(), held_out=(), warnings=())
_LEFT_OUT = frozenset(
    {".heic", ".heif", ".avif", ".jxl", ".jp2", ".dng", ".cr2", ".cr3", ".nef", ".arw"}
    | {".psd", ".exr", ".rm", ".rmvb", ".svg"}
)
"""Pictures and films of kinds that are not read, so that it can be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domains:
    """The pictures of a training, all of them readable; paths are absolute."""

    train_a: tuple[Path, ...]
    train_b: tuple[Path, ...]
    held_out_a: tuple[Path, ...]
    """May be empty, as may `held_out_b`: of a small domain."""
    held_out_b: tuple[Path, ...]
    warnings: tuple[str, ...]
    """One line each."""

    def fingerprint(self) -> str:
        """Of what is trained on: names and sizes, in order. It changes with the data."""
        lines = [
            f"{path.name}\0{path.stat().st_size}\n"
            for paths in (self.train_a, self.train_b)
            for path in (*paths, Path("/"))
        ]
        text = "".join(lines).encode(errors="surrogateescape")
        return hashlib.blake2b(text, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """The pictures of one domain, all of them readable; paths are absolute."""

    train: tuple[Path, ...]
    held_out: tuple[Path, ...]
    """May be empty."""
    warnings: tuple[str, ...]
    """One line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where the pictures of a domain come from."""

    letter: str
    train: Path
    test: Path | None
    """Where held-out pictures lie apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """What a folder holds, or a film alone; sorted, absolute."""

    images: list[Path]
    films: list[Path]
    warnings: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pictures:
    """The pictures of one domain."""

    train: tuple[Path, ...]
    held_out: tuple[Path, ...]
    files: tuple[Path, ...]
    """What is trained on as it was found: images and films."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Turns a source into pictures; the fields are arguments of `resolve_sources`."""

    out: Path
    preprocess: Preprocess
    frames: int
    upscale: bool
    report: Report

    def read(self, source: _Source) -> _Pictures:
        """The readable pictures of a domain, split, large enough.

        Raises:
            DataError, InputError, OutputError: as `resolve_sources`.
        """
        files = _files(source.train, self.out)
        test = _files(source.test, self.out) if source.test else None
        if test is None or not (test.images or test.films):
            train, held_out = split_held_out(files.images)
            frames = self._frames(source, files)
            warnings = [*files.warnings, *frames.warnings]
            train, held_out = [*train, *frames.train], [*held_out, *frames.held_out]
        else:
            frames = self._frames(source, files, split=False)
            more = self._frames(source, test, is_test=True, split=False)
            warnings = [*files.warnings, *test.warnings, *frames.warnings, *more.warnings]
            train, held_out = [*files.images, *frames.train], [*test.images, *more.train]
        _require_some(source.train, train, warnings)
        found = survey(str(source.train), [*train, *held_out])
        if not self.upscale:
            require_size(found, self.preprocess.crop)
        readable = {picture.path for picture in found.pictures}
        return _Pictures(
            train=tuple(path for path in train if path in readable),
            held_out=tuple(path for path in held_out if path in readable),
            files=(*files.images, *files.films),
            warnings=(*warnings, *found.warnings),
        )

    def _frames(
        self, source: _Source, files: _Files, *, is_test: bool = False, split: bool = True
    ) -> Frames:
        """The frames of a folder's films; beside images, films may all be unusable."""
        if not files.films:
            return _NO_FRAMES
        name = f"test-{source.letter}" if is_test else source.letter
        count = max(1, self.frames // _TEST_SHARE) if is_test else self.frames
        try:
            return frames_of(
                files.films,
                self.out.absolute() / "frames" / name.lower(),
                FrameSettings(count=count, short_side=self.preprocess.load, split=split),
                report=lambda done, total: self.report(name, done, total),
            )
        except InputError as error:
            if not files.images:
                raise
            return Frames(train=(), held_out=(), warnings=(f"{error}; no film is used",))


def resolve_sources(
    a: Path | None,
    b: Path | None,
    data: Path | None = None,
    *,
    out: Path,
    preprocess: Preprocess,
    frames: int = FRAMES,
    upscale: bool = False,
    report: Report = lambda domain, done, total: None,
) -> Domains:
    """Find, check and split the pictures of both domains; frames of films are taken if need be.

    Args:
        a, b: each a folder of pictures, films or both, at any depth; or one film; or a folder with
            `trainA` (for a) or `trainB` (for b), whose `testA` or `testB` is held out.
        data: a folder with `trainA` and `trainB`, in place of both.
        out: the run's folder; frames of films are kept in `out/frames`.
        preprocess: what training does with pictures; its sizes count here.
        frames: how many frames all films of a domain give together.
        upscale: whether pictures smaller than the crop are allowed.
        report: hears of frames as they are taken.

    Raises:
        SettingsError: neither or both of a and b, and data, are given; out is one of them.
        InputError: a source cannot be used, both are the same, or pictures are too small.
        OutputError: frames cannot be written.
    """
    sources = _sources(a, b, data)
    _refuse_same(*sources)
    reader = _Reader(out=out, preprocess=preprocess, frames=frames, upscale=upscale, report=report)
    try:
        domain_a, domain_b = (reader.read(source) for source in sources)
        shared = _compare(domain_a, domain_b)
    except DataError as error:
        raise InputError(str(error)) from error
    return Domains(
        train_a=domain_a.train,
        train_b=domain_b.train,
        held_out_a=domain_a.held_out,
        held_out_b=domain_b.held_out,
        warnings=(*domain_a.warnings, *domain_b.warnings, *shared),
    )


def resolve_source(
    path: Path,
    letter: str,
    *,
    out: Path,
    preprocess: Preprocess,
    frames: int = FRAMES,
    upscale: bool = False,
    report: Report = lambda domain, done, total: None,
) -> Domain:
    """As `resolve_sources`, of one domain alone; `letter` is A or B: a folder with `trainA` may be
    given for A.

    Raises:
        SettingsError, InputError, OutputError: as `resolve_sources`.
    """
    reader = _Reader(out=out, preprocess=preprocess, frames=frames, upscale=upscale, report=report)
    try:
        pictures = reader.read(_source(letter, path, required=False))
    except DataError as error:
        raise InputError(str(error)) from error
    return Domain(train=pictures.train, held_out=pictures.held_out, warnings=pictures.warnings)


def _sources(a: Path | None, b: Path | None, data: Path | None) -> tuple[_Source, _Source]:
    if data is not None:
        if a is not None or b is not None:
            raise SettingsError("--data stands for --a and --b: give it alone, or those two")
        a = b = data
    if a is None or b is None:
        raise SettingsError("say where the pictures of both domains are: --a and --b, or --data")
    return _source("A", a, required=data is not None), _source("B", b, required=data is not None)


def _source(letter: str, path: Path, *, required: bool) -> _Source:
    """What a path means for a domain: `path/trainA` where there is one, else all of `path`."""
    train, test = path / f"train{letter}", path / f"test{letter}"
    if train.is_dir():
        return _Source(letter=letter, train=train, test=test if test.is_dir() else None)
    other = path / f"train{'B' if letter == 'A' else 'A'}"
    if required or other.is_dir():
        raise InputError(f"{path} holds no folder train{letter}: check its name")
    return _Source(letter=letter, train=path, test=None)


def _refuse_same(a: _Source, b: _Source) -> None:
    """Refuse two domains that are one, or of which one lies in the other; links are looked through.

    Raises:
        InputError: as said.
    """
    real_a, real_b = a.train.resolve(), b.train.resolve()
    if real_a == real_b:
        raise InputError(f"both domains are {real_a}: give a folder of its own for each")
    for inner, outer in ((real_a, real_b), (real_b, real_a)):
        if outer in inner.parents and outer.is_dir():
            raise InputError(
                f"{inner} lies in {outer}, so that its pictures would belong to both domains: "
                "move it out"
            )


def _files(path: Path, out: Path) -> _Files:
    """What is there to train on; nothing of the run itself, where that lies within."""
    if path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES:
        return _Files(images=[], films=[path.absolute()], warnings=[])
    if not path.is_dir():
        raise InputError(
            f"{path} is not a folder: give one with images or films of one domain, or a film"
        )
    if path.resolve() == out.resolve():
        raise SettingsError(f"--out {out} is the folder of a domain: choose another --out")
    kinds = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    found = list_files(path.absolute(), kinds | _LEFT_OUT, leave_out=[out])
    odd = Counter(file.suffix.lower() for file in found if file.suffix.lower() in _LEFT_OUT)
    named = ", ".join(f"{count} {suffix}" for suffix, count in odd.most_common())
    return _Files(
        images=[file for file in found if file.suffix.lower() in IMAGE_SUFFIXES],
        films=[file for file in found if file.suffix.lower() in VIDEO_SUFFIXES],
        warnings=[f"{path}: files of kinds that are not read are left out: {named}"] if odd else [],
    )


def _require_some(path: Path, train: Sequence[Path], warnings: Sequence[str]) -> None:
    if len(train) < FEWEST:
        kinds = ", ".join(sorted(IMAGE_SUFFIXES | VIDEO_SUFFIXES))
        why = f" ({warnings[0]})" if warnings else ""
        raise InputError(
            f"{path} holds {len(train)} images or usable frames of films ({kinds}): "
            f"at least {FEWEST} are needed{why}"
        )


def _compare(a: _Pictures, b: _Pictures) -> list[str]:
    """A warning where files stand in both domains; none is left out for it.

    Raises:
        InputError: all of them do.
    """
    of_a, of_b = count_shared(a.files, b.files)
    if of_a == len(a.files) and of_b == len(b.files):
        raise InputError(
            f"both domains hold the very same {of_a} files: give pictures of its own to each"
        )
    if not of_a:
        return []
    return [
        f"{of_a} of {len(a.files)} files of A and {of_b} of {len(b.files)} of B are the same, byte "
        "for byte; what stands in both teaches nothing about their difference: take them out of one"
    ]
