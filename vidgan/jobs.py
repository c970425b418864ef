"""What becomes of each input: a film's job, a photograph's, or nothing that is left to do.

Jobs offer the same: `count`, `tasks`, `take`, `finish`, `stop`, `close`.
"""

from collections.abc import Callable
from os.path import exists  # of names too long, which Path.exists raises, others say it better

from vidgan.film_job import FilmJob, film_work
from vidgan.held_folders import make_results_folder
from vidgan.image_job import ImageJob
from vidgan.inputs import Piece
from vidgan.ledger import NOTE, ledger_of
from vidgan.options import Options
from vidgan.places import Remote
from vidgan.report import FileReport
from vidgan.transport import refuse_web

Job = FilmJob | ImageJob


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
    note = ledger_of(piece.output) / NOTE
    if not (note.is_file() if isinstance(note, Remote) else exists(note)):
        return None
    return film_work(piece, options, purpose).take_finished()
