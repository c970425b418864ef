"""What a conversion says when it is done, for people and for programs."""

from dataclasses import dataclass, field

from vidgan.errors import VidganError
from vidgan.inputs import Failure
from vidgan.lines import one_line
from vidgan.places import Place
from vidgan.time_table import time_table
from vidgan.timing import StageSeconds

TABLE_SECONDS = 10.0
"""A run that took less needs no table of where its time went."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What became of one input."""

    source: Place
    output: Place
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The sum of a conversion."""

    files: tuple[FileReport, ...]
    failed: tuple[Failure, ...]
    seconds: float
    workers: int
    device: str
    stages: StageSeconds = field(default_factory=StageSeconds)
    """Where the time went."""
    retries: int = 0
    """Chunks that were begun again because their worker was lost."""
    workers_lost: int = 0
    notes: tuple[str, ...] = ()
    """What else a user should know."""

    @property
    def failures(self) -> tuple[VidganError, ...]:
        """What is wrong with inputs that failed."""
        return tuple(failure.error for failure in self.failed)

    @property
    def frames(self) -> int:
        """Frames in all outputs written."""
        return sum(file.frames for file in self.files)

    @property
    def frames_per_second(self) -> float:
        """Frames written per second of the whole conversion, start-up included."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything a user should know of the outputs; among several, each names its film."""
        several = len(self.files) + len(self.failed) > 1
        said = (
            f"{file.source}: {warning}" if several and not _is_named(file, warning) else warning
            for file in self.files
            for warning in file.warnings
        )
        return (*said, *self.notes)

    def lines(self) -> list[str]:
        """What was done, a line for each file, and the sum."""
        lines = [_line(file) for file in self.files]
        if self.frames and self.workers:
            lines.append(
                f"{_frames(self.frames)} in {self.seconds:.1f} s "
                f"({self.frames_per_second:.1f} frames/s) on {self.workers} "
                f"{self.device} worker{'s' if self.workers > 1 else ''}"
            )
        if self.seconds >= TABLE_SECONDS:
            lines += time_table(self.stages, seconds=self.seconds, workers=self.workers)
        return lines

    def to_json(self) -> dict[str, object]:
        """One flat object; `output` is the file where there is one alone, else a list."""
        outputs = [str(file.output) for file in self.files]
        return {
            "frames": self.frames,
            "seconds": round(self.seconds, 3),
            "frames_per_second": round(self.frames_per_second, 3),
            "workers": self.workers,
            "device": self.device,
            "output": outputs[0] if len(outputs) == 1 else outputs,
            "audio_streams": sum(file.audio_streams for file in self.files),
            "chunks": sum(file.chunks for file in self.files),
            "chunks_reused": sum(file.chunks_reused for file in self.files),
            "frames_lost": sum(file.frames_lost for file in self.files),
            "lost_at": [second for file in self.files for second in file.lost_at],
            "skipped": [str(file.output) for file in self.files if file.skipped],
            "warnings": list(self.warnings),
            "failures": [str(failure) for failure in self.failures],
            "stages": self.stages.rounded(),
            "retries": self.retries,
            "workers_lost": self.workers_lost,
        }


def _frames(number: int) -> str:
    return f"{number} frame{'s' if number != 1 else ''}"


def _is_named(file: FileReport, warning: str) -> bool:
    return str(file.source) in warning or str(file.output) in warning


def _line(file: FileReport) -> str:
    name = one_line(file.output)
    if file.skipped:
        return f"{name}: is there already, skipped"
    if file.is_image:
        return f"{name}: a photograph"
    reused = f", {file.chunks_reused} of {file.chunks} parts reused" if file.chunks_reused else ""
    sound = {0: "no sound", 1: "sound kept"}.get(
        file.audio_streams, f"{file.audio_streams} sound tracks kept"
    )
    return f"{name}: {_frames(file.frames)}, {sound}{reused}"
