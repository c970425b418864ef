"""What becomes of each input: a film's job, a photograph's, or nothing that is left to do.

Jobs offer the same: `count`, `tasks`, `take`, `finish`, `stop`, `close`.
"""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from os.path import exists  # of names too long, which Path.exists raises, others say it better

from vidgan.errors import OutputError, VidganError
from vidgan.film_job import FilmJob, film_work
from vidgan.held_folders import make_results_folder
from vidgan.image_job import ImageJob
from vidgan.inputs import Piece
from vidgan.ledger import NOTE, ledger_of
from vidgan.media.containers import whole_of
from vidgan.options import Options
from vidgan.places import Place, Remote, size_of
from vidgan.report import FileReport
from vidgan.transport import refuse_web

Job = FilmJob | ImageJob

AT_ONCE = 32
"""Inputs that servers are asked about at a time; there may be thousands."""


def open_jobs(
    pieces: Sequence[Piece],
    options: Options,
    purpose: bytes,
    on_read: Callable[[int], object],
) -> Generator[Job | FileReport | VidganError, None, None]:
    """What `open_job` makes of each piece, in order; photographs at URLs are asked for ahead."""

    def opened(number: int) -> Job | FileReport | VidganError:
        try:
            return open_job(number, pieces[number], options, purpose, on_read)
        except VidganError as error:
            return error

    pool = ThreadPoolExecutor(AT_ONCE, "looking")
    try:
        ahead = {
            number: pool.submit(opened, number)
            for number, piece in enumerate(pieces)
            if piece.is_image and piece.is_elsewhere
        }
        for number in range(len(pieces)):
            yield ahead.pop(number).result() if number in ahead else opened(number)
    finally:
        pool.shutdown(cancel_futures=True)


def bytes_of(pieces: Sequence[Piece]) -> int:
    """Of all inputs together, as far as they are there and say it."""
    known = [piece.size for piece in pieces if piece.size is not None]
    asked = [piece.source for piece in pieces if piece.size is None]
    with ThreadPoolExecutor(AT_ONCE, "looking") as pool:
        return sum(known) + sum(pool.map(_size, asked))


def _size(place: Place) -> int:
    try:
        return size_of(place)
    except (OSError, VidganError):  # whatever it is, the job says it better
        return 0


def open_job(
    number: int,
    piece: Piece,
    options: Options,
    purpose: bytes,
    on_read: Callable[[int], object],
) -> Job | FileReport:
    """Start on a piece; or, where it is done already, report that.

    A film is done where an earlier try has finished it and died before it could say so. Of what
    goes into a folder, anything is done that has an output: the same command goes on where it was.

    Args:
        number: of the job.
        piece: the input and its output.
        options: the choices.
        purpose: stands for the weights and for all else that was chosen of what a frame becomes.
        on_read: told of bytes of the input looked through.

    Raises:
        VidganError: the piece cannot be converted, or its output cannot be written.
    """
    with piece.blamed():
        return _open(number, piece, options, purpose, on_read)


def _open(
    number: int,
    piece: Piece,
    options: Options,
    purpose: bytes,
    on_read: Callable[[int], object],
) -> Job | FileReport:
    if isinstance(piece.output, Remote):
        refuse_web(piece.output)
    if (finished := _finished_before(piece, options, purpose)) is not None:
        return finished
    if piece.folder is not None and piece.output.exists() and not options.overwrite:
        return FileReport(source=piece.source, output=piece.output, skipped=True)
    if piece.into_folder:
        make_results_folder(piece.output.parent)
    if piece.is_image:
        return ImageJob(number, piece, options)
    return FilmJob(number, piece, options, purpose, on_read)


def _finished_before(piece: Piece, options: Options, purpose: bytes) -> FileReport | None:
    if piece.is_image or not options.resume:
        return None
    try:
        note = ledger_of(whole_of(piece.output)) / NOTE
    except OutputError:  # the job says it, once the input is known to be good
        return None
    if not (note.is_file() if isinstance(note, Remote) else exists(note)):
        return None
    return film_work(piece, options, purpose).take_finished()
