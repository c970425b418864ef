"""Encoded chunks in, one finished film out: whole, verified, or not there at all."""

import errno
import heapq
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import av
from av.container import OutputContainer
from av.stream import Stream

from vidgan.errors import OutputError
from vidgan.media.background import set_alpha
from vidgan.media.carry import last_frame_duration, read_carried
from vidgan.media.containers import whole_of
from vidgan.media.gif import TICK, plan_ticks, said_of_gif, write_gif
from vidgan.media.header import Head, Target, muxer_options, start_times, write_head
from vidgan.media.loops import repeats_of
from vidgan.media.opening import open_film
from vidgan.media.part import Span, origin_of
from vidgan.media.preflight import check_film_place
from vidgan.media.sequence import out_of_the_way, said_of_times, write_sequence
from vidgan.media.streams import say
from vidgan.media.tags import lost_tags
from vidgan.media.timeline import (
    Timeline,
    check_complete,
    survey,
    timed_packets,
    usual_duration,
)
from vidgan.media.types import EncodedChunk, Film, Packet
from vidgan.media.verify import verify
from vidgan.naming import give_name, part_of, sync
from vidgan.places import Place, Remote


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinReport:
    """What was written."""

    output: Place
    frames: int
    duration: Fraction
    """Seconds from the first frame shown to the end of the last one."""
    audio_streams: int
    streams_copied: int
    """Sound, subtitles, attachments and covers, as they were or transcoded."""
    warnings: tuple[str, ...]
    """About the copy; lost frames are the caller's to name, it knows of more kinds of loss."""


def join(
    target: Target,
    chunks: Callable[[], Iterable[EncodedChunk]],
    *,
    expected: Sequence[int],
    overwrite: bool = False,
    on_whole: Callable[[Path, JoinReport], object] = lambda part, report: None,
    go_on: Callable[[], object] = lambda: None,
) -> JoinReport:
    """Write the film: the encoded pictures, and all else as it is in the source where it can be.

    The file is written as `<output>.vidgan.part` beside the output (for a URL, among the temporary
    files of this machine), brought to the disk, read back and compared, and only then given its
    name, or sent; after a failure nothing is left behind.

    Args:
        target: the source, what the chunks were made of it with, and the file to make, whose
            ending chooses the container. Of a part of a film the first frame is shown at zero.
        chunks: gives the chunks in order, one at a time; called twice (times, then packets),
            once more where copied sound proves too damaged.
        expected: the presentation times of all frames of the part, in ticks, increasing.
        overwrite: whether an existing output may be replaced.
        on_whole: told of the file, whole and verified, just before it gets its name.
        go_on: called again and again, except while chunks are asked for; what it raises stops all.

    Raises:
        OutputError: the output exists or cannot be written, or the chunks are not all there.
        RemoteError: a server refuses, or does not answer.
        InputError: the source cannot be opened any more.
    """
    film, output = target.film, target.output
    check_film_place(film.path, output, overwrite=overwrite)
    timeline = survey(chunks())
    check_complete(timeline, expected)
    whole = whole_of(output)
    with part_of(whole) as file, _whole_or_nothing(file, output):
        if target.kind.is_film:
            report = _write_film(target, chunks, timeline, file, go_on)
        else:
            report = _write_pictures(target, chunks, timeline, file, go_on)
        confirm = partial(check_film_place, film.path, output, overwrite=overwrite)
        confirm()  # it may have come up meanwhile
        on_whole(file, report)
        go_on()
        is_folder = target.kind.is_sequence and isinstance(whole, Path)
        with out_of_the_way(whole) if is_folder else nullcontext():  # type: ignore[arg-type]
            give_name(file, whole, confirm=confirm, go_on=go_on)
    return report


def _write_film(
    target: Target,
    chunks: Callable[[], Iterable[EncodedChunk]],
    timeline: Timeline,
    part: Path,
    go_on: Callable[[], object],
) -> JoinReport:
    """Once more, with all sound made anew, if a muxer finds it too damaged to be copied."""
    try:
        return _write(target, chunks(), timeline, part, go_on)
    except (av.InvalidDataError, av.ArgumentError):
        if all(other.kind != "audio" for other in target.film.others):
            raise
    return _write(replace(target, copies_sound=False), chunks(), timeline, part, go_on)


def _write(
    target: Target,
    chunks: Iterable[EncodedChunk],
    timeline: Timeline,
    part: Path,
    go_on: Callable[[], object],
) -> JoinReport:
    film, video, times = target.film, target.film.video, timeline.times
    first, span = times[0] * video.time_base, None
    shift = max(Fraction(0), -first)
    last = _last_duration(target, times)
    if not target.part.is_whole:
        span, shift = Span(first, (times[-1] + last) * video.time_base), -first
    with open_film(film.path) as source:
        starts = start_times(source, film, first, shift)
        with _open_part(part, target, starts) as container:
            head = write_head(container, source, target, shift=shift, span=span)
            pictures = timed_packets(chunks, timeline, last_duration=last)
            copies = read_carried(
                source, film, head.carried, shift=shift, span=span, strict=target.kind.is_mp4
            )
            _mux(container, head, _bound(pictures, head.video, video.time_base, shift), copies)
    sync(part)
    shown = [t * video.time_base + shift for t in times]
    tallies = head.carried.tallies
    check = partial(verify, part, video_index=head.video.index, times=shown, tallies=tallies)
    left = _said_of_tags(target, _verify(check, target, go_on))
    warned = (*_shift_warning(film, shift if span is None else 0), *head.carried.warnings, *left)
    return JoinReport(
        output=target.output,
        frames=len(times),
        duration=(times[-1] + last - times[0]) * video.time_base,
        audio_streams=len(head.carried.tallies),
        streams_copied=head.carried.count,
        warnings=warned,
    )


def _last_duration(target: Target, times: Sequence[int]) -> int:
    """How long the last frame is shown, in ticks; not beyond the end of the part."""
    film, video, part = target.film, target.film.video, target.part
    stated = last_frame_duration(film, times[-1]) if part.every == 1 else None
    last = stated or usual_duration(times, video)
    if part.end is None:
        return last
    end = int((origin_of(film) + part.end) / video.time_base)
    return max(1, min(last, end - times[-1]))


def _write_pictures(
    target: Target,
    chunks: Callable[[], Iterable[EncodedChunk]],
    timeline: Timeline,
    part: Path,
    go_on: Callable[[], object],
) -> JoinReport:
    """A GIF, or a folder of pictures: what holds neither sound nor anything else."""
    video, times = target.film.video, timeline.times
    last = _last_duration(target, times)
    if target.kind.is_sequence:
        assert isinstance(target.output, Path)
        write_sequence(chunks(), target.output, part, go_on)
        frames, said = len(times), said_of_times(times, video)
    else:
        shown = plan_ticks([t * video.time_base for t in times], last * video.time_base)
        size = target.shown.width, target.shown.height
        alpha, repeats = target.shown.alpha, repeats_of(target.film)
        write_gif(chunks, shown, size, part, go_on, alpha=alpha, repeats=repeats)
        sync(part)
        ticks = [tick * TICK for tick in shown.ticks]
        _verify(partial(verify, part, video_index=0, times=ticks, tallies={}), target, go_on)
        frames, said = len(shown.kept), said_of_gif(len(times), shown, alpha=alpha)
    return JoinReport(
        output=target.output,
        frames=frames,
        duration=(times[-1] + last - times[0]) * video.time_base,
        audio_streams=0,
        streams_copied=0,
        warnings=(*said, *_said_of_left(target)),
    )


def _said_of_left(target: Target) -> Iterator[str]:
    """What beside the pictures does not come along."""
    others = target.film.others
    plans = target.plans
    said = (say(other, plans[other.index], target.ending) for other in others)
    yield from (line for line in said if line is not None)
    yield from _said_of_tags(target, {})
    if count := target.film.chapters:
        yield f"{count} chapter{'s' * (count > 1)} left out: {target.ending} holds none"


def _said_of_tags(target: Target, written: dict[str, str]) -> list[str]:
    """What was said of the film, and cannot be in its output."""
    lost = ", ".join(lost_tags(target.film.metadata, written))
    return [f"tags left out: {lost} ({target.ending} has no names for them)"] if lost else []


@contextmanager
def _open_part(part: Path, target: Target, starts: Sequence[Fraction]) -> Iterator[OutputContainer]:
    """Closing writes the index: where writing has failed, only the first failure counts."""
    kind = target.kind
    options = muxer_options(kind, starts, target.film.metadata)
    # "file:" so that a colon in a name is no protocol.
    container = av.open(f"file:{part}", "w", format=kind.format, container_options=options)
    try:
        yield container
    except BaseException:
        with suppress(av.FFmpegError):
            container.close()
        raise
    container.close()


def _bound(
    packets: Iterable[Packet], stream: Stream, time_base: Fraction, shift: Fraction
) -> "Iterator[av.Packet[Any]]":
    """The packets of the pictures, for the muxer."""
    later = round(shift / time_base)
    for packet in packets:
        assert packet.dts is not None
        bound: av.Packet[Any] = av.Packet(len(packet.data))
        bound.update(packet.data)  # Packet(data) lacks the padding that FFmpeg reads beyond
        bound.time_base, bound.duration = time_base, packet.duration
        bound.pts, bound.dts = packet.pts + later, packet.dts + later
        bound.is_keyframe, bound.stream = packet.is_keyframe, stream
        if packet.alpha:
            set_alpha(bound, packet.alpha)
        yield bound


def _mux(
    container: OutputContainer,
    head: Head,
    pictures: "Iterator[av.Packet[Any]]",
    copies: "Iterator[av.Packet[Any]]",
) -> None:
    """Write both in the order of their decode times, so that the muxer holds back little."""
    for packet in heapq.merge(pictures, copies, key=_decode_seconds):
        tally = head.carried.tallies.get(packet.stream_index)
        if tally is not None:
            tally.add(packet)
        container.mux_one(packet)


def _decode_seconds(packet: "av.Packet[Any]") -> float:
    return float((packet.dts or 0) * packet.time_base)


def _verify(
    check: Callable[..., dict[str, str]], target: Target, go_on: Callable[[], object]
) -> dict[str, str]:
    """The tags that are read back."""
    try:
        return check(go_on=go_on)
    except OutputError as error:
        go_on()  # a file that was not read to its end is not to blame
        raise OutputError(
            f"{target.output}: not written, because {error}; try another container, "
            f"such as {target.output.with_suffix('.mkv').name}"
        ) from error


def _shift_warning(film: Film, shift: Fraction | int) -> Iterator[str]:
    if shift:
        yield f"{film.path} starts before zero: all of it was moved by {float(shift):.3f} s"


@contextmanager
def _whole_or_nothing(part: Path, output: Place) -> Iterator[None]:
    """Take the unfinished file away after any failure, and say clearly what the system reports.

    Unlike `cyclegan.checkpoint.write_atomically` it does not name the file: that is for the caller
    to do once it has read it back.
    """
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        _remove(part)
        raise OutputError(_reason(error, output)) from error
    except BaseException:
        _remove(part)
        raise


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


def _reason(error: av.FFmpegError | OSError, output: Place) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        where = f" ({gettempdir()})" if isinstance(output, Remote) else ""
        return f"{output}: the disk is full{where}; free some space and run the same command again"
    if error.errno == errno.EFBIG:
        return f"{output}: too large for this disk or its limits; choose another place with -o"
    if isinstance(error, av.InvalidDataError | av.ArgumentError):  # a muxer's, of damaged sound
        return (
            f"{output}: {output.suffix} does not take what comes with the picture "
            f"({error.strerror}); say --no-audio, or write another kind of file"
        )
    return f"{output}: cannot be written ({error.strerror or error}); choose another with -o"
