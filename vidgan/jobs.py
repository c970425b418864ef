"""One input on its way through a conversion: cut into tasks, its results taken, its output written.

Films and photographs offer the same: `tasks`, `take`, `finish`, `close`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cyclegan.checkpoint import write_atomically
from vidgan.errors import InputError, OutputError, VidganError
from vidgan.inputs import Piece
from vidgan.ledger import Ledger, chunk_key
from vidgan.media.chunks import ChunkReader
from vidgan.media.count import Count, count_film
from vidgan.media.encoders import encoder_settings
from vidgan.media.join import join
from vidgan.media.preflight import check_output, check_place
from vidgan.media.probe import probe
from vidgan.media.types import EncodedChunk, EncoderSettings, Film
from vidgan.options import Options
from vidgan.tasks import FilmTask, ImageTask, Result

OnReuse = Callable[[tuple[int, int], int], object]
"""Told of a (job, chunk) that is done already, and of how many frames it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What became of one input."""

    source: Path
    output: Path
    frames: int = 0
    chunks: int = 0
    chunks_reused: int = 0
    audio_streams: int = 0
    frames_lost: int = 0
    lost_at: tuple[float, ...] = ()
    """Seconds at which a frame was damaged beyond decoding."""
    warnings: tuple[str, ...] = ()
    skipped: bool = False
    """It was there already."""
    is_image: bool = False


class FilmJob:
    """A film: probed, its output checked, read through once, its ledger held.

    Raises:
        VidganError: the film cannot be converted, or its output cannot be written.
    """

    def __init__(
        self, number: int, piece: Piece, options: Options, on_read: Callable[[int], object]
    ) -> None:
        self.number = number
        self.piece = piece
        self.error: VidganError | None = None
        self.report: FileReport | None = None
        self.film: Film = probe(piece.source)
        self.encoder: EncoderSettings = encoder_settings(
            piece.output, codec=options.codec, crf=options.crf, preset=options.preset
        )
        check_output(self.film, piece.output, self.encoder, overwrite=options.overwrite)
        self._options = options
        self._ledger = Ledger(piece.output.with_name(piece.output.name + ".vidgan"))
        with self._ledger:  # can it be made, and is nobody at it: better known before any work
            pass
        self.count = count_film(self.film, frames_per_chunk=options.chunk_frames, on_read=on_read)
        self._clear_first = not options.resume
        self.restart()

    def restart(self) -> None:
        """Forget what was read and handed out; what is in the ledger stays."""
        self.close()
        self._reader = ChunkReader(self.film, frames_per_chunk=self._options.chunk_frames)
        self._keys: list[str] = []
        self._expected: list[int] = []
        self._lost: list[int] = []
        self._outstanding = 0
        self._reused = 0
        self._read = False

    @property
    def complete(self) -> bool:
        """All tasks have been handed out and all results taken."""
        return self._read and self._outstanding == 0

    def tasks(self, settings: bytes, on_reuse: OnReuse) -> Iterator[FilmTask]:
        """The chunks that are still to be done, as they are read.

        `settings` stands for the weights and for all else that decides the pixels; `on_reuse` is
        told of each chunk that is in the ledger already.
        """
        settings += repr(self.encoder).encode()
        self._ledger.__enter__()
        if self._clear_first:
            self._ledger.clear()
            self._clear_first = False
        for chunk in self._reader:
            key = chunk_key(chunk, self.film.video, settings)
            self._keys.append(key)
            self._expected += chunk.owned
            if (done := self._ledger.read(key)) is not None:
                self._reused += 1
                on_reuse((self.number, chunk.index), len(done.packets))
                self._lost += done.lost
                continue
            self._outstanding += 1
            yield FilmTask(
                job=self.number,
                name=str(self.piece.source),
                chunk=chunk,
                video=self.film.video,
                encoder=self.encoder,
            )
        self._read = True

    def take(self, result: Result) -> tuple[int, int]:
        """Keep a finished chunk; gives back its index and the number of its frames."""
        chunk = result.value
        assert isinstance(chunk, EncodedChunk)
        self._ledger.write(self._keys[chunk.index], chunk)
        self._lost += chunk.lost
        self._outstanding -= 1
        return chunk.index, len(chunk.packets)

    def finish(self) -> FileReport:
        """Join the chunks into the output, and forget them."""
        report = join(
            self.film,
            self._stored,
            self.encoder,
            self.piece.output,
            expected=self._expected,
            overwrite=self._options.overwrite,
        )
        self._ledger.clear()
        self.close()
        missing = self._reader.missing_frames
        warnings = dict.fromkeys((*self.film.warnings, *self._reader.warnings, *report.warnings))
        return FileReport(
            source=self.piece.source,
            output=self.piece.output,
            frames=report.frames,
            chunks=len(self._keys),
            chunks_reused=self._reused,
            audio_streams=report.audio_streams,
            frames_lost=len(self._lost) + missing,
            lost_at=tuple(
                round(float(pts * self.film.video.time_base), 3) for pts in sorted(self._lost)
            ),
            warnings=(*warnings, *self._name_lost()),
        )

    def close(self) -> None:
        """Let go of the ledger; what is in it stays for the next try."""
        self._ledger.__exit__(None, None, None)

    def _stored(self) -> Iterator[EncodedChunk]:
        for key in self._keys:
            chunk = self._ledger.read(key)
            if chunk is None:
                raise OutputError(
                    f"{self._ledger.folder}: a finished part has been damaged or removed; "
                    "run the same command again"
                )
            yield chunk

    def _name_lost(self) -> Iterator[str]:
        """One line that names every lost frame, those in a row as a range."""
        if not self._lost:
            return
        place = {pts: number for number, pts in enumerate(self._expected)}
        runs: list[list[int]] = []
        for pts in sorted(self._lost):
            if runs and place[pts] == place[runs[-1][-1]] + 1:
                runs[-1].append(pts)
            else:
                runs.append([pts])
        named = ", ".join(self._name_run(run) for run in runs)
        count = f"{len(self._lost)} damaged frame{'s' * (len(self._lost) > 1)}"
        yield f"{self.piece.source}: {count} cannot be decoded; lost at (seconds) {named}"

    def _name_run(self, run: list[int]) -> str:
        first, last = (f"{float(pts * self.film.video.time_base):.3f}" for pts in (run[0], run[-1]))
        return first if len(run) == 1 else f"{first} to {last} ({len(run)})"


class ImageJob:
    """A photograph: one task, and its output written whole or not at all.

    Raises:
        VidganError: there is no such file, or its output cannot be written.
    """

    count = Count(frames=1, chunks=1, missing_frames=0, warnings=())

    def __init__(self, number: int, piece: Piece, options: Options) -> None:
        self.number = number
        self.piece = piece
        self.error: VidganError | None = None
        self.report: FileReport | None = None
        self._data: bytes | None = None
        if not piece.source.is_file():
            raise InputError(f"{piece.source}: no such file; check the name")
        if piece.output.suffix.lower() != piece.source.suffix.lower():
            raise OutputError(
                f"{piece.output}: a photograph keeps its format; "
                f"write to a name that ends in {piece.source.suffix}"
            )
        self._overwrite = options.overwrite
        check_place(piece.source, piece.output, overwrite=self._overwrite)

    def restart(self) -> None:
        """Forget the result."""
        self._data = None

    @property
    def complete(self) -> bool:
        """Its result has been taken."""
        return self._data is not None

    def tasks(self, settings: bytes, on_reuse: OnReuse) -> Iterator[ImageTask]:
        """The file's bytes."""
        try:
            data = self.piece.source.read_bytes()
        except OSError as exc:
            raise InputError(f"{self.piece.source} cannot be read ({exc.strerror})") from exc
        yield ImageTask(job=self.number, name=str(self.piece.source), data=data)

    def take(self, result: Result) -> tuple[int, int]:
        """Keep the translated file; gives back its index and number of frames: 0 and 1."""
        assert isinstance(result.value, bytes)
        self._data = result.value
        return 0, 1

    def finish(self) -> FileReport:
        """Write the output."""
        assert self._data is not None
        output = self.piece.output
        check_place(self.piece.source, output, overwrite=self._overwrite)  # it may have come up
        data = self._data
        try:
            write_atomically(output, lambda part: part.write_bytes(data))
        except OSError as exc:
            raise OutputError(
                f"{output}: cannot be written ({exc.strerror}); make room there, "
                "or choose another with -o"
            ) from exc
        self._data = None
        return FileReport(
            source=self.piece.source, output=output, frames=1, chunks=1, is_image=True
        )

    def close(self) -> None:
        """Nothing is held."""


Job = FilmJob | ImageJob


def open_job(
    number: int, piece: Piece, options: Options, on_read: Callable[[int], object]
) -> Job | FileReport:
    """Start on a piece; or, where it was found in a folder and is done already, report that.

    `on_read` is told of bytes of the input looked through.
    """
    if piece.found and piece.output.exists() and not options.overwrite:
        return FileReport(source=piece.source, output=piece.output, skipped=True)
    if piece.into_folder:
        _make_folder(piece.output.parent)
    if piece.is_image:
        return ImageJob(number, piece, options)
    return FilmJob(number, piece, options, on_read)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise OutputError(f"{folder}: the folder cannot be made ({exc.strerror})") from exc
