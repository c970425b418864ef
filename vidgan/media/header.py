"""The head of an output file: its streams, and all that is said about them before any packet."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer, OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream as AvVideoStream

from vidgan.errors import OutputError, SettingsError
from vidgan.media.carry import Carried, add_copy, chapters_later, kept_metadata, tally_for
from vidgan.media.containers import Container, container_for
from vidgan.media.encode import refusal
from vidgan.media.encoders import configure
from vidgan.media.shown import shown
from vidgan.media.types import EncoderSettings, Film, OtherStream, Treatment, VideoStream
from vidgan.places import Place

_FINEST_MOVIE_TIMESCALE = 2**31 - 1
_CARRIED_KINDS = {"audio", "subtitle", "attachment"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is to be written, and from what."""

    film: Film
    settings: EncoderSettings
    output: Place
    treatment: Treatment

    @property
    def shown(self) -> VideoStream:
        """The pictures that are written."""
        return shown(self.film.video, self.treatment)

    @property
    def kind(self) -> Container:
        """The container that the name of the output asks for."""
        return container_for(self.output)

    @property
    def ending(self) -> str:
        """Of the output, for messages."""
        return self.output.suffix


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The streams of an output whose header has been written."""

    video: AvVideoStream
    carried: Carried


def muxer_options(container: Container, starts: Sequence[Fraction]) -> dict[str, str]:
    """The options of the muxer, for streams that start at these times, in seconds.

    No random numbers and no dates: the same film gives the same bytes. FFmpeg must not move the
    times to make them positive: that would move the pictures by the priming of the sound.
    """
    options = {"fflags": "+bitexact", "avoid_negative_ts": "disabled"}
    if container.is_mp4:
        # Edit lists say when a stream starts in ticks of the movie, by default milliseconds.
        ticks = math.lcm(1000, *(start.denominator for start in starts if start > 0))
        if ticks > _FINEST_MOVIE_TIMESCALE:
            ticks = math.lcm(1000, starts[0].denominator)
        options |= {"movflags": "+faststart", "movie_timescale": str(ticks)}
    return options


def start_times(
    source: InputContainer, film: Film, first_frame: Fraction, shift: Fraction
) -> list[Fraction]:
    """When the pictures and the other streams start, in seconds; the pictures first."""
    streams = [source.streams[other.index] for other in film.others]
    known = [s.start_time * s.time_base for s in streams if s.start_time and s.time_base]
    return [start + shift for start in (first_frame, *known)]


def write_head(
    container: OutputContainer,
    source: InputContainer,
    target: Target,
    *,
    shift: Fraction = Fraction(0),
) -> Head:
    """Add all streams in the order of the source, describe them, write the header.

    Opening the encoder with the settings of the chunks gives the headers their packets need.

    Args:
        container: open for writing, still empty.
        source: the film, open for reading.
        target: what is to be written.
        shift: seconds by which everything starts later than in the source.

    Raises:
        OutputError: the container cannot hold one of the streams.
        SettingsError: the encoder refuses the pictures.
    """
    others = {o.index: o for o in target.film.others if o.kind in _CARRIED_KINDS}
    carried = Carried(streams={}, tallies={})
    video: AvVideoStream | None = None
    for template in source.streams:
        if template.index == target.film.video.index:
            video = _add_video(container, template, target)
        elif template.index in others:
            _add_other(container, template, others[template.index], target, carried)
    assert video is not None, "a film has its video stream"
    container.metadata.update(kept_metadata(source.metadata))
    container.set_chapters(chapters_later(source, shift))
    _start(container, video, target)
    return Head(video=video, carried=carried)


def _add_video(container: OutputContainer, template: Stream, target: Target) -> AvVideoStream:
    codec, video = target.settings.codec, target.shown
    stream = container.add_stream(codec)
    assert isinstance(stream, AvVideoStream)
    configure(stream.codec_context, video, target.settings)
    stream.time_base = video.time_base
    if target.kind.is_mp4 and codec == "libx265":
        stream.codec_context.codec_tag = "hvc1"  # QuickTime plays no hev1
    stream.metadata.update(kept_metadata(template.metadata))
    stream.disposition = template.disposition
    if video.rotation or video.mirrored:
        stream.set_display_rotation(video.rotation, hflip=video.mirrored)
    return stream


def _add_other(
    container: OutputContainer,
    template: Stream,
    other: OtherStream,
    target: Target,
    carried: Carried,
) -> None:
    if other.kind == "attachment" and not target.kind.holds_attachments:
        carried.warnings.append(f"attachment {other.index} is left out: {target.ending} holds none")
        return
    try:
        stream = add_copy(container, template)
    except ValueError as error:
        raise OutputError(
            f"{target.output}: stream {other.index} of {target.film.path.name} "
            f"({other.kind}, {other.codec}) does not go into {target.ending}; {_remedy(target)}"
        ) from error
    carried.streams[template.index] = stream
    tally = tally_for(stream)
    if tally is not None:
        carried.tallies[stream.index] = tally


def _remedy(target: Target) -> str:
    if target.kind.format == "matroska":
        return "take that stream out of the input first"
    return f"write {target.output.with_suffix('.mkv').name} instead"


def _start(container: OutputContainer, video: AvVideoStream, target: Target) -> None:
    try:
        container.start_encoding()
    except OSError:
        raise  # the disk, not the streams
    except av.FFmpegError as error:
        if not video.codec_context.is_open:
            raise SettingsError(refusal(error, target.shown, target.settings)) from error
        raise OutputError(unfit(error, target)) from error


def unfit(error: av.FFmpegError, target: Target) -> str:
    """One line on a container that refuses its streams without saying which."""
    return (
        f"{target.output}: {target.ending} cannot hold the streams of "
        f"{target.film.path.name} ({error.strerror}); {_remedy(target)}"
    )
