"""Reading a finished file back: are all frames there, at their times, with all of the sound?"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.video.stream import VideoStream

from vidgan.errors import OutputError
from vidgan.media.carry import Tally
from vidgan.media.timecode import TAG

_MILLISECOND = Fraction(1, 1000)


def verify(
    path: Path,
    *,
    video_index: int,
    times: Sequence[Fraction],
    tallies: dict[int, Tally],
    go_on: Callable[[], object] = lambda: None,
) -> dict[str, str]:
    """Compare a written file with what it should hold; gives back its tags, a timecode among them.

    `times` are seconds; the file must show exactly them, on the grid of its own time base
    (Matroska's is a millisecond). `tallies` are what was written of each audio stream. `go_on` is
    called with each packet; what it raises stops the reading.

    Raises:
        OutputError: it cannot be read, or frames, times or sound differ.
    """
    try:
        shown, read, grid, tags = _read(path, video_index, go_on)
    except FFmpegError as error:
        raise OutputError(f"it cannot be read back ({error.strerror})") from error
    _compare_times(shown, [round_to_grid(t, grid) for t in times], grid)
    for index, written in tallies.items():
        _compare_audio(written, read.get(index, Tally(codec=written.codec)))
    return tags


def round_to_grid(seconds: Fraction, grid: Fraction) -> int:
    """Ticks of `grid`, rounded to the nearest and half up, as FFmpeg does it."""
    return int((seconds / grid + Fraction(1, 2)) // 1)


def _read(
    path: Path, video_index: int, go_on: Callable[[], object]
) -> tuple[list[int], dict[int, Tally], Fraction, dict[str, str]]:
    """The times of the pictures in ticks, counts of the audio streams, seconds per tick, tags."""
    shown: list[int] = []
    with av.open(f"file:{path}") as container:  # a colon in a name is no protocol
        video = container.streams[video_index]
        audio = {s.index: Tally(codec=s.codec_context.name) for s in container.streams.audio}
        assert isinstance(video, VideoStream)
        assert video.time_base is not None
        for packet in container.demux(video, *container.streams.audio):
            go_on()
            if not packet.size or packet.pts is None:
                continue
            if isinstance(packet.stream, AudioStream):
                audio[packet.stream.index].add(packet)
            elif not packet.is_discard:
                shown.append(packet.pts)
        timecode = {k: v for k, v in video.metadata.items() if k.lower() == TAG}
        return sorted(shown), audio, video.time_base, {**container.metadata, **timecode}


def _compare_times(shown: list[int], expected: list[int], grid: Fraction) -> None:
    if len(shown) != len(expected):
        raise OutputError(f"{len(shown)} frames read back instead of {len(expected)}")
    for number, (got, wanted) in enumerate(zip(shown, expected, strict=True)):
        if got != wanted:
            raise OutputError(
                f"frame {number} reads back at {float(got * grid):.6f} s "
                f"instead of {float(wanted * grid):.6f} s"
            )


def _compare_audio(written: Tally, read: Tally) -> None:
    """Uncompressed sound is cut into other packets on reading: there the bytes count."""
    is_pcm = written.codec.startswith("pcm_")
    counts = (written.size, read.size) if is_pcm else (written.packets, read.packets)
    started, starts = read.start or Fraction(0), written.start or Fraction(0)
    late = abs(started - starts) > _MILLISECOND
    if counts[0] != counts[1] or late:
        raise OutputError(
            f"the sound reads back as {counts[1]} {'bytes' if is_pcm else 'packets'} "
            f"from {float(started):.3f} s instead of {counts[0]} "
            f"from {float(starts):.3f} s"
        )
