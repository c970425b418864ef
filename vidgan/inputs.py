"""From the words of a command to pairs of files: what to read, and where the result goes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidgan.errors import InputError, SettingsError, VidganError

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm"})
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One file to convert."""

    source: Path
    output: Path
    found: bool
    """Found in a folder, not named: then an output that exists means that it is done."""
    into_folder: bool = False
    """The output's folder is made where it is not there."""

    @property
    def is_image(self) -> bool:
        """Whether it is a photograph, not a film."""
        return self.source.suffix.lower() in IMAGE_SUFFIXES


def plan(
    inputs: Sequence[Path], output: Path | None, label: str
) -> tuple[list[Piece], list[VidganError]]:
    """Where each input goes: `clip.mp4` to `clip.LABEL.mp4` beside it, or to `output`.

    Folders are walked and keep their structure; results of an earlier try that lie in them are not
    taken for inputs. With one input file `output` is a file, unless it
    is a folder already; otherwise it is a folder.

    Gives the pieces, and what is wrong with inputs that yield none (a folder without media).

    Raises:
        SettingsError: two inputs would be written to the same output, or one over an input.
    """
    into_folder = output is not None and (len(inputs) > 1 or inputs[0].is_dir() or output.is_dir())
    pieces: list[Piece] = []
    failures: list[VidganError] = []
    for path in inputs:
        try:
            pieces += _pieces(path, output, label, into_folder)
        except InputError as error:
            failures.append(error)
    sources = {piece.source.resolve() for piece in pieces}
    first: dict[Path, Piece] = {}
    for piece in pieces:
        target = piece.output.resolve()
        if target in sources:
            raise SettingsError(
                f"{piece.output} is an input itself and would be overwritten; "
                "choose another output with -o"
            )
        other = first.setdefault(target, piece).source
        if other.resolve() != piece.source.resolve():
            raise SettingsError(
                f"{other} and {piece.source} would both be written to {piece.output}: "
                "convert them apart"
            )
    return list(first.values()), failures  # an input named twice is converted once


def _pieces(path: Path, output: Path | None, label: str, into_folder: bool) -> Iterator[Piece]:
    if not path.is_dir():
        target = path.with_name(f"{path.stem}.{label}{path.suffix}") if output is None else output
        if output is not None and into_folder:
            target = output / path.name
        yield Piece(source=path, output=target, found=False, into_folder=into_folder)
        return
    named = path if path.name not in ("", "..") else path.resolve()  # "." has no name
    root = output if output is not None else named.with_name(f"{named.name}.{label}")
    results = _below(root, path)
    files = [file.relative_to(path) for file in _media_in(path)]
    files = [file for file in files if results is None or not file.is_relative_to(results)]
    if not files:
        kinds = ", ".join(sorted(VIDEO_SUFFIXES | IMAGE_SUFFIXES))
        raise InputError(f"{path}: no films or images in this folder ({kinds})")
    for file in files:
        yield Piece(source=path / file, output=root / file, found=True, into_folder=True)


def _below(folder: Path, other: Path) -> Path | None:
    """Where `folder` is in `other`, if it is a folder somewhere below it."""
    inner, outer = folder.resolve(), other.resolve()
    return inner.relative_to(outer) if outer in inner.parents else None


def _media_in(folder: Path) -> list[Path]:
    wanted = VIDEO_SUFFIXES | IMAGE_SUFFIXES
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in wanted and p.is_file())
