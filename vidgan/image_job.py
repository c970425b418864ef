"""A photograph on its way through a conversion; it offers what a film's job does."""

from collections.abc import Iterator

from vidgan.errors import OutputError, VidganError
from vidgan.images import check_image, read_image
from vidgan.inputs import Piece
from vidgan.media.count import Count
from vidgan.media.preflight import check_place
from vidgan.options import Options
from vidgan.report import FileReport
from vidgan.tasks import ImageTask, OnReuse, Result
from vidgan.whole_file import write_whole


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
        self._taken = False
        if piece.size is None:  # otherwise its server has listed it
            check_image(piece.source)
        if piece.output.suffix.lower() != piece.source.suffix.lower():
            raise OutputError(
                f"{piece.output}: a photograph keeps its format; "
                f"write to a name that ends in {piece.source.suffix}"
            )
        self._overwrite = options.overwrite
        check_place(piece.source, piece.output, overwrite=self._overwrite)

    @property
    def complete(self) -> bool:
        """Its result has been taken."""
        return self._taken

    def tasks(self, settings: bytes, on_reuse: OnReuse) -> Iterator[ImageTask]:
        """The file's bytes."""
        source = self.piece.source
        yield ImageTask(job=self.number, name=str(source), data=read_image(source))

    def take(self, result: Result) -> tuple[int, int]:
        """Keep the translated file; gives back its index and number of frames: 0 and 1."""
        assert isinstance(result.value, bytes)
        self._data, self._taken = result.value, True
        return 0, 1

    def finish(self) -> FileReport:
        """Write the output; the translated file is let go, however that ends."""
        data, self._data = self._data, None
        assert data is not None
        output = self.piece.output
        check_place(self.piece.source, output, overwrite=self._overwrite)  # it may have come up
        try:
            write_whole(output, data)
        except OSError as exc:
            raise OutputError(
                f"{output}: cannot be written ({exc.strerror}); make room there, "
                "or choose another with -o"
            ) from exc
        return FileReport(
            source=self.piece.source, output=output, frames=1, chunks=1, is_image=True
        )

    def stop(self) -> None:
        """A photograph is written in no time."""

    def close(self) -> None:
        """Let go of a translated file that was not written."""
        self._data = None
