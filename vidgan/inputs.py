"""From the words of a command to pairs of files: what to read, and where the result goes."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath

from vidgan.errors import (
    InputError,
    OutputError,
    RemoteError,
    SettingsError,
    VidganError,
    said_by_system,
)
from vidgan.media.containers import CONTAINERS
from vidgan.numbered import is_pattern, unnumbered
from vidgan.pictures.moving import is_animation
from vidgan.places import Place, Remote

VIDEO_SUFFIXES = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg"),
        *(".vob", ".flv", ".wmv", ".asf", ".3gp", ".3g2", ".mxf", ".ogv", ".gif", ".apng", ".y4m"),
        *(".dv", ".ivf", ".m1v", ".m2v", ".mjpeg", ".mjpg"),
    }
)
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})

FALLBACK = ".mp4"
"""What films become that cannot be written as what they are."""

LONGEST_NAME = 255 - len(".vidgan.part")
"""Bytes of an output's name: most disks allow 255, and while it is made it has a suffix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One file to convert."""

    source: Place
    output: Place
    size: int | None = None
    """Bytes, where a server's listing said."""
    folder: Place | None = None
    """Where results go, this one among them, each perhaps in a folder of its own; it and those are
    made where they are not there."""

    @property
    def into_folder(self) -> bool:
        """The output's folder is made where it is not there."""
        return self.folder is not None

    @property
    def is_image(self) -> bool:
        """Whether it is a photograph, not a film."""
        return is_photograph(self.source)

    @property
    def is_elsewhere(self) -> bool:
        """Whether a server is asked about it."""
        return isinstance(self.source, Remote) or isinstance(self.output, Remote)

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """What the system refuses here, and nobody else has words for, is an error of this piece.

        Raises:
            InputError, OutputError: in place of an OSError, which is its cause.
        """
        try:
            yield
        except OSError as error:
            kind = InputError if error.filename == str(self.source) else OutputError
            raise kind(said_by_system(error, self.output)) from error


def is_photograph(place: Place) -> bool:
    """Whether it is named like one, and is no pattern of numbered pictures, and does not move.

    Nothing is asked of a server: there an animated WebP or PNG is taken for a photograph, too.
    """
    if place.suffix.lower() not in IMAGE_SUFFIXES or is_pattern(place):
        return False
    return isinstance(place, Remote) or not is_animation(place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What is wrong with an input, and with which; its text is that of the error."""

    source: Place | None
    output: Place | None = None
    """Where its result would have gone."""
    error: VidganError

    def __str__(self) -> str:
        return str(self.error)


def named_failures(failures: Sequence[Failure], *, of: int) -> list[Failure]:
    """The same; what is wrong with an option for one file says its name, as other errors do.

    Raises:
        SettingsError: with these options nothing can be done with any `of` so many inputs.
    """
    wrong = [fault.error for fault in failures if isinstance(fault.error, SettingsError)]
    if wrong and len(wrong) == of:
        raise wrong[0]
    return [_naming(fault) for fault in failures]


def _naming(fault: Failure) -> Failure:
    if not isinstance(fault.error, SettingsError):
        return fault
    return replace(fault, error=SettingsError(f"{fault.source}: {fault.error}"))


def plan(
    inputs: Sequence[Place], output: Place | None, label: str
) -> tuple[list[Piece], list[Failure]]:
    """Where each input goes: `clip.mp4` to `clip.LABEL.mp4` beside it, or to `output`.

    Folders are walked and keep their structure; results of an earlier try that lie in them are not
    taken for inputs. With one input file `output` is a file, unless it is a folder already, or a
    URL that ends in a slash; otherwise it is a folder.

    Gives the pieces, and what is wrong with inputs that yield none (a folder without media).

    Raises:
        SettingsError: two inputs would be written to the same output, or one over an input.
        RemoteError: the output's server does not answer.
    """
    into_folder = output is not None and (
        len(inputs) > 1 or _is_folder(inputs[0]) or _is_folder(output)
    )
    found: list[Piece] = []
    failures: list[Failure] = []
    for path in inputs:
        try:
            if _is_folder(path):
                found += _in_folder(path, output, label, failures)
            else:
                found.append(_named(path, output, label, into_folder))
        except (InputError, RemoteError) as error:
            failures.append(Failure(source=path, error=error))
        except OSError as error:
            failures.append(Failure(source=path, error=InputError(said_by_system(error, path))))
    pieces = list(_nameable(found, failures))
    sources = {_resolved(piece.source) for piece in pieces}
    first: dict[Place, Piece] = {}
    for piece in pieces:
        target = _resolved(piece.output)
        if target in sources:
            raise SettingsError(
                f"{piece.output} is an input itself and would be overwritten; "
                "choose another output with -o"
            )
        other = first.setdefault(target, piece).source
        if _resolved(other) != _resolved(piece.source):
            raise SettingsError(
                f"{other} and {piece.source} would both be written to {piece.output}: "
                "convert them apart"
            )
    return list(first.values()), failures  # an input named twice is converted once


def _resolved(place: Place) -> Place:
    """Without links; one that leads to itself says so when it is opened."""
    try:
        return place.resolve()
    except (OSError, RuntimeError):
        return place.absolute() if isinstance(place, Path) else place


def _is_folder(place: Place) -> bool:
    """Of names too long, and of what may not be looked at, others have the words."""
    return os.path.isdir(place) if isinstance(place, Path) else place.is_dir()


def _nameable(pieces: Iterable[Piece], failures: list[Failure]) -> Iterator[Piece]:
    """Those whose outputs can have their names: here, a long one would show after all the work."""
    for piece in pieces:
        output = piece.output
        if isinstance(output, Remote) or len(os.fsencode(output.name)) <= LONGEST_NAME:
            yield piece
            continue
        error = OutputError(
            f"{output}: a name too long for a file, {LONGEST_NAME} bytes are the most; choose "
            "another with -o, or rename the input"
        )
        failures.append(Failure(source=piece.source, output=output, error=error))


def _named(path: Place, output: Place | None, label: str, into_folder: bool) -> Piece:
    if not path.name:
        raise InputError(f"{path}: this address names no file; check it")
    if not _is_name(path.name) or "\0" in str(path):
        raise InputError(f"{path}: {path.name!r} cannot be the name of a file; check it")
    stem, suffix = _writable(path)
    target = path.with_name(f"{stem}.{label}{suffix}") if output is None else output
    if output is not None and into_folder:
        target = output / f"{stem}{suffix}"
    folder = output if into_folder else None
    return Piece(source=path, output=target, folder=folder)


def default_output(path: Place) -> Place:
    """Beside a film or photograph, but for the label: of the same kind where it can be written."""
    return path.with_name("".join(_writable(path)))


def _writable(path: Place) -> tuple[str, str]:
    """The name of an output without its ending, and the ending."""
    if is_pattern(path):
        return unnumbered(path), FALLBACK
    is_written = path.suffix.lower() in CONTAINERS or is_photograph(path)
    return path.stem, path.suffix if is_written else FALLBACK


def _in_folder(
    path: Place, output: Place | None, label: str, failures: list[Failure]
) -> list[Piece]:
    root = output if output is not None else _beside(path, label)
    results = _below(root, path)
    files = _media_in(path, failures)
    if results is not None:
        files = {file: size for file, size in files.items() if not file.is_relative_to(results)}
    if not files:
        kinds = ", ".join(sorted(VIDEO_SUFFIXES | IMAGE_SUFFIXES))
        raise InputError(f"{path}: no films or images in this folder ({kinds})")
    names = _outputs(path, sorted(files))
    return [
        Piece(source=path / file, output=root / names[file], size=files[file], folder=root)
        for file in sorted(files)
    ]


def _outputs(folder: Place, files: Sequence[PurePath]) -> dict[PurePath, PurePath]:
    """What becomes of each: `a.avi` is `a.mp4`, or `a.avi.mp4` where another file is `a.mp4`."""
    names = {file: file.with_suffix(_writable(folder / file)[1]) for file in files}
    taken = Counter(names.values())
    return {
        file: file.with_name(file.name + name.suffix) if taken[name] > 1 and name != file else name
        for file, name in names.items()
    }


def _beside(path: Place, label: str) -> Place:
    named = path if path.name not in ("", "..") else path.resolve()  # "." has no name
    if not named.name:
        raise InputError(f"{path}: there is nothing beside this; name an output folder with -o")
    return named.with_name(f"{named.name}.{label}")


def _below(folder: Place, other: Place) -> PurePath | None:
    """Where `folder` is in `other`, if it is a folder somewhere below it."""
    if isinstance(folder, Remote):
        return folder.inside(other) if isinstance(other, Remote) else None
    if isinstance(other, Remote):
        return None
    inner, outer = folder.resolve(), other.resolve()
    return inner.relative_to(outer) if outer in inner.parents else None


def _media_in(folder: Place, failures: list[Failure]) -> dict[PurePath, int | None]:
    """Films and images anywhere below it, as paths from it, with their bytes as far as told."""
    wanted = VIDEO_SUFFIXES | IMAGE_SUFFIXES
    if isinstance(folder, Path):
        found = (p for p in folder.rglob("*") if p.suffix.lower() in wanted and _is_file(p))
        return {path.relative_to(folder): None for path in found}
    sizes = folder.files()
    names = (name for name in sizes if PurePosixPath(name).suffix.lower() in wanted)
    return {path: sizes[str(path)] for path in _safe(folder, names, failures)}


def _safe(folder: Remote, names: Iterator[str], failures: list[Failure]) -> Iterator[PurePosixPath]:
    """Object stores take any name, such as "../x" or "a//b": those are refused, each by itself."""
    for name in names:
        if not all(map(_is_name, name.split("/"))):
            error = InputError(f"{folder}: {name!r} in it cannot be the name of a file; rename it")
            failures.append(Failure(source=folder, error=error))
        else:
            yield PurePosixPath(name)


def _is_name(part: str) -> bool:
    """Whether a file or folder of this machine could have this name, as long as it may be."""
    try:
        return b"\0" not in os.fsencode(part) and part not in {"", ".", ".."}
    except UnicodeEncodeError:
        return False


def _is_file(path: Path) -> bool:
    """What may not be looked at is taken for one, and says so when it is opened."""
    try:
        return path.is_file()
    except OSError:
        return True
