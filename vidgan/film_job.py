"""A film on its way through a conversion: cut into tasks, its results taken, its output written."""

import threading
from collections.abc import Callable, Iterable, Iterator

from cyclegan.warming import warm_up
from vidgan.errors import OutputError, VidganError
from vidgan.finished import Work
from vidgan.inputs import Piece
from vidgan.ledger import Ledger, chunk_key, ledger_of
from vidgan.media.chunks import ChunkReader
from vidgan.media.containers import whole_of
from vidgan.media.count import count_film
from vidgan.media.deinterlace import is_deinterlaced
from vidgan.media.encoders import encoder_settings
from vidgan.media.header import Target
from vidgan.media.join import JoinReport, join
from vidgan.media.overlap import overlapping
from vidgan.media.part import part_chunks
from vidgan.media.preflight import check_output
from vidgan.media.probe import probe
from vidgan.media.shown import stays_transparent
from vidgan.media.types import Change, Chunk, EncodedChunk, EncoderSettings, Film, VideoStream
from vidgan.options import Options
from vidgan.report import FileReport
from vidgan.tasks import FilmTask, OnReuse, Result


class FilmJob:
    """A film: probed, its output checked, read through once, its ledger held.

    Raises:
        VidganError: the film cannot be converted, or its output cannot be written.
    """

    def __init__(
        self,
        number: int,
        piece: Piece,
        options: Options,
        purpose: bytes,
        on_read: Callable[[int], object],
    ) -> None:
        self.number = number
        self.piece = piece
        self.error: VidganError | None = None
        self.report: FileReport | None = None
        self.film: Film = probe(piece.source, rate=options.rate)
        self.encoder = chosen_encoder(piece, options, self.film.video)
        self._options = options
        self._target = Target(
            film=self.film,
            settings=self.encoder,
            output=piece.output,
            treatment=options.treatment,
            part=options.part,
            streams=options.streams,
        )
        check_output(self._target, overwrite=options.overwrite)
        self._work = film_work(piece, options, purpose)
        self._ledger = Ledger(ledger_of(whole_of(piece.output)))
        with self._ledger:  # can it be made, and is nobody at it: better known before any work
            pass
        self.count = count_film(
            self.film,
            frames_per_chunk=options.chunk_frames,
            part=options.part,
            on_read=on_read,
        )
        self._clear_first = not options.resume
        self._stopped = threading.Event()
        self._reader = ChunkReader(self.film, frames_per_chunk=options.chunk_frames)
        self._keys: list[str] = []
        self._expected: list[int] = []
        self._lost: list[int] = []
        self._changes: set[Change] = set()
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
        settings += repr((self.encoder, self._options.treatment)).encode()
        self._ledger.__enter__()
        if self._clear_first:
            self._ledger.clear()
            self._clear_first = False
        for chunk in part_chunks(self.film, self._chunks(), self._options.part):
            key = chunk_key(chunk, self.film.video, settings)
            self._keys.append(key)
            self._expected += chunk.owned
            if (done := self._ledger.read(key)) is not None:
                self._reused += 1
                on_reuse((self.number, chunk.index), len(done.packets))
                self._lost += done.lost
                self._changes |= {*done.changes}
                continue
            self._outstanding += 1
            yield FilmTask(
                job=self.number,
                name=str(self.piece.source),
                chunk=chunk,
                video=self.film.video,
                shown=self._target.shown,
                encoder=self.encoder,
                treatment=self._options.treatment,
            )
        self._read = True

    def _chunks(self) -> Iterable[Chunk]:
        """Those of the film, with what their pictures need of others."""
        video = self.film.video
        if self._options.steady:
            return overlapping(self._reader, video, pictures=warm_up(self._options.steady))
        if is_deinterlaced(video, self._options.treatment.deinterlace):
            return overlapping(self._reader, video)
        return self._reader

    def take(self, result: Result) -> tuple[int, int]:
        """Keep a finished chunk; gives back its index and the number of its frames."""
        chunk = result.value
        assert isinstance(chunk, EncodedChunk)
        self._ledger.write(self._keys[chunk.index], chunk)
        self._lost += chunk.lost
        self._changes |= {*chunk.changes}
        self._outstanding -= 1
        return chunk.index, len(chunk.packets)

    def finish(self) -> FileReport:
        """Join the chunks into the output, and forget them; may run in a thread of its own."""
        joined = join(
            self._target,
            self._stored,
            expected=self._expected,
            overwrite=self._options.overwrite,
            on_whole=lambda part, joined: self._work.note(part, self._report(joined)),
            go_on=self._go_on,
        )
        self._ledger.clear()
        report = self._report(joined)
        self.close()
        return report

    def _report(self, joined: JoinReport) -> FileReport:
        missing = self._reader.missing_frames
        if not self._options.part.is_whole:
            missing = self._reader.missing_between(self._expected[0], self._expected[-1])
        warnings = dict.fromkeys((*self.film.warnings, *self._reader.warnings, *joined.warnings))
        return FileReport(
            source=self.piece.source,
            output=self.piece.output,
            frames=joined.frames,
            chunks=len(self._keys),
            chunks_reused=self._reused,
            audio_streams=joined.audio_streams,
            frames_lost=len(self._lost) + missing,
            lost_at=tuple(
                round(float(pts * self.film.video.time_base), 3) for pts in sorted(self._lost)
            ),
            warnings=(
                *warnings,
                *self._target.said,
                *self._name_changes(),
                *self._name_lost(),
            ),
        )

    def stop(self) -> None:
        """Let `finish`, where it is under way in another thread, end soon and leave nothing."""
        self._stopped.set()

    def close(self) -> None:
        """Let go of the ledger, in which all stays for the next try, and of what fills memory."""
        self._ledger.__exit__(None, None, None)
        self._keys.clear()
        self._expected.clear()

    def _go_on(self) -> None:
        if self._stopped.is_set():
            raise OutputError(f"{self.piece.output}: stopped while it was being written")

    def _stored(self) -> Iterator[EncodedChunk]:
        for key in self._keys:
            self._go_on()
            chunk = self._ledger.read(key)
            if chunk is None:
                raise OutputError(
                    f"{self._ledger.folder}: a finished part has been damaged or removed; "
                    "run the same command again"
                )
            yield chunk

    def _name_changes(self) -> Iterator[str]:
        """What no look at a few places has shown."""
        news = sorted(self._changes - {*self.film.changes})
        if news:
            named = "; ".join(f"{change.what}, {change.told}" for change in news)
            yield f"{self.piece.source}: its pictures change in mid-film: {named}"

    def _name_lost(self) -> Iterator[str]:
        """A line that names every lost frame; another for those that a cut has left undecodable."""
        first = self._reader.first_keyframe
        early = [pts for pts in sorted(self._lost) if first is not None and pts < first]
        damaged = sorted({*self._lost} - {*early})
        if early:
            count = f"{len(early)} frame{'s come' if len(early) > 1 else ' comes'}"
            why = "before its first keyframe, and cannot be decoded without one"
            yield f"{self.piece.source}: {count} {why}; left out (seconds) {self._named(early)}"
        if damaged:
            count = f"{len(damaged)} damaged frame{'s' * (len(damaged) > 1)}"
            named = self._named(damaged)
            yield f"{self.piece.source}: {count} cannot be decoded; lost at (seconds) {named}"

    def _named(self, times: list[int]) -> str:
        """The times of frames, which rise; those in a row as a range."""
        place = {pts: number for number, pts in enumerate(self._expected)}
        runs: list[list[int]] = []
        for pts in times:
            if runs and place[pts] == place[runs[-1][-1]] + 1:
                runs[-1].append(pts)
            else:
                runs.append([pts])
        return ", ".join(self._name_run(run) for run in runs)

    def _name_run(self, run: list[int]) -> str:
        first, last = (f"{float(pts * self.film.video.time_base):.3f}" for pts in (run[0], run[-1]))
        return first if len(run) == 1 else f"{first} to {last} ({len(run)})"


def chosen_encoder(
    piece: Piece, options: Options, video: VideoStream | None = None
) -> EncoderSettings:
    """How the output is compressed; without a film, of opaque pictures of 8 bits.

    Raises:
        OutputError: its ending is unknown.
        SettingsError: its container does not hold the codec, or a setting is out of range.
    """
    return encoder_settings(
        piece.output,
        codec=options.codec,
        crf=options.crf,
        preset=options.preset,
        bits=8 if video is None else video.bits,
        alpha=video is not None and stays_transparent(video, options.treatment),
    )


def film_work(piece: Piece, options: Options, purpose: bytes) -> Work:
    """What a note says is finished; raises as `chosen_encoder` does."""
    asked = options.treatment, options.streams, options.part, options.rate
    settings = repr((chosen_encoder(piece, options), *asked)).encode() + purpose
    return Work(source=piece.source, output=whole_of(piece.output), settings=settings)
