"""The head of an output file: its streams, and all that is said about them before any packet."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer, OutputContainer
from av.stream import Stream
from av.video.stream import VideoStream as AvVideoStream

from vidgan.errors import OutputError, SettingsError
from vidgan.media.carry import Carried, chapters_later
from vidgan.media.containers import Container, container_for
from vidgan.media.deinterlace import said_of_fields
from vidgan.media.encode import refusal
from vidgan.media.encoders import configure, said_of_format
from vidgan.media.fitted import as_encoded, said_of_alpha, said_of_colors, said_of_fit
from vidgan.media.part import WHOLE, Part, Span, late_by
from vidgan.media.shown import shown
from vidgan.media.sources import source_of
from vidgan.media.stream_facts import STEREO, STEREO_TAG
from vidgan.media.streams import (
    ALL_STREAMS,
    TIMECODE,
    Copy,
    Plan,
    Streams,
    instead,
    instead_of_late,
    plan_streams,
    said_of_choices,
)
from vidgan.media.tags import film_tags, needs_own_names, stream_tags
from vidgan.media.timecode import TAG, timecode_in, timecode_later, without_timecode
from vidgan.media.tracks import Tracks
from vidgan.media.types import UNTREATED, EncoderSettings, Film, Treatment, VideoStream
from vidgan.places import Place

_LATE = Fraction(1, 20)
"""Seconds: longer than most packets of sound are."""
_FINEST_MOVIE_TIMESCALE = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is to be written, and from what."""

    film: Film
    settings: EncoderSettings
    output: Place
    treatment: Treatment = UNTREATED
    part: Part = WHOLE
    streams: Streams = ALL_STREAMS
    copies_sound: bool = True
    """False where it is so damaged that the muxer refuses it: made anew it is silence there."""

    @property
    def shown(self) -> VideoStream:
        """The pictures that are written."""
        kind = self.kind
        pictures = shown(self.film.video, self.treatment, keeps_turn=kind.keeps_turn)
        return as_encoded(pictures, kind, self.settings.codec)

    @property
    def said(self) -> tuple[str, ...]:
        """What becomes of the pictures that somebody should know."""
        video = self.film.video
        after, ending, codec = self.shown, self.ending, self.settings.codec
        before = shown(video, self.treatment, keeps_turn=self.kind.keeps_turn)
        return (
            *said_of_fields(self.film, self.treatment.deinterlace, after),
            *said_of_colors(self.film, after),
            *said_of_fit(before, after, ending=ending, codec=codec),
            *said_of_alpha(video, after, self.treatment, ending=ending, codec=codec),
            *said_of_format(after, self.settings),
            *said_of_choices(self.film.path, self.film.others, self.streams),
            *self._said_of_layout(),
        )

    def _said_of_layout(self) -> Iterator[str]:
        """Of pictures for two eyes; two that are compared lie otherwise."""
        keeps = self.kind.format in {"matroska", "webm"} and self.treatment.compare is None
        if self.film.says_layout and not keeps:
            path = self.film.path
            yield f"{path}: left out, since it went with the old pictures: {STEREO}"

    @property
    def kind(self) -> Container:
        """The container that the name of the output asks for."""
        return container_for(self.output)

    @property
    def plans(self) -> dict[int, Plan]:
        """What becomes of the other streams, by their index.

        Raises:
            InputError: a stream was chosen that is not there.
        """
        others = self.film.others
        plans = plan_streams(self.film.path, others, self.kind, self.streams)
        if not self.copies_sound:
            reason = "does not take its damaged packets"
            for other in others:
                if other.kind == "audio" and isinstance(plans[other.index], Copy):
                    plans[other.index] = instead(other, self.kind, reason)
        return plans

    @property
    def ending(self) -> str:
        """Of the output, for messages."""
        return self.output.suffix


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The streams of an output whose header has been written."""

    video: AvVideoStream
    carried: Carried


def muxer_options(
    container: Container, starts: Sequence[Fraction], metadata: dict[str, str]
) -> dict[str, str]:
    """The options of the muxer, for a film of these tags, and streams that start at these times.

    No random numbers and no dates: the same film gives the same bytes. FFmpeg must not move the
    times to make them positive: that would move the pictures by the priming of the sound.
    """
    options = {"fflags": "+bitexact", "avoid_negative_ts": "disabled"}
    if container.is_mp4:
        # Edit lists say when a stream starts in ticks of the movie, by default milliseconds.
        ticks = math.lcm(1000, *(start.denominator for start in starts if start > 0))
        if ticks > _FINEST_MOVIE_TIMESCALE:
            ticks = math.lcm(1000, starts[0].denominator)
        own_names = "+use_metadata_tags" if needs_own_names(metadata) else ""
        options |= {"movflags": "+faststart" + own_names, "movie_timescale": str(ticks)}
    return options


def start_times(
    source: InputContainer, film: Film, first_frame: Fraction, shift: Fraction
) -> list[Fraction]:
    """When the pictures and the other streams start, in seconds; the pictures first."""
    others = [other for other in film.others if other.kind != "cover"]
    streams = [source.streams[other.index] for other in others]
    known = [s.start_time * s.time_base for s in streams if s.start_time and s.time_base]
    known = [max(start, first_frame) if shift < 0 else start for start in known]
    return [start + shift for start in (first_frame, *known)]


def write_head(
    container: OutputContainer,
    source: InputContainer,
    target: Target,
    *,
    shift: Fraction = Fraction(0),
    span: Span | None = None,
) -> Head:
    """Add all streams in the order of the source, describe them, write the header.

    Opening the encoder with the settings of the chunks gives the headers their packets need.

    Args:
        container: open for writing, still empty.
        source: the film, open for reading.
        target: what is to be written.
        shift: seconds by which everything starts later than in the source.
        span: what of the source is written; None for all of it.

    Raises:
        InputError: a stream was chosen that is not there.
        OutputError: the container cannot hold the streams together.
        SettingsError: the encoder refuses the pictures.
    """
    film = target.film
    plans = target.plans
    others = {other.index: other for other in film.others}
    carried = Carried(streams={}, tallies={})
    if span is not None:
        plans |= dict(_begun_in_time(target, plans, span, carried.warnings))
    tracks = Tracks(
        container=container,
        kind=target.kind,
        ending=target.ending,
        source=film.path,
        shift=shift,
        span=span,
        carried=carried,
    )
    timecode = _timecode(source, target, plans, span, carried)
    video: AvVideoStream | None = None
    for template in source.streams:
        if template.index == film.video.index:
            video = _add_video(container, template, target, timecode)
        elif template.index in others:
            tracks.add(template, others[template.index], plans[template.index])
    assert video is not None, "a film has its video stream"
    tracks.name_default()
    container.metadata.update(without_timecode(film_tags(source.metadata)))
    container.set_chapters(chapters_later(source, shift, span))
    _start(container, video, target)
    return Head(video=video, carried=carried)


def _begun_in_time(
    target: Target, plans: dict[int, Plan], span: Span, warnings: list[str]
) -> Iterator[tuple[int, Plan]]:
    """Other plans for sound that would begin late, since packets are copied as a whole."""
    film = target.film
    if source_of(film.container).may_have_seams:  # times have to be mended, and packets are short
        return
    for other in film.others:
        if other.kind != "audio" or not isinstance(plans[other.index], Copy):
            continue
        late = late_by(film, other.index, span)
        if late <= _LATE:
            continue
        plan = instead_of_late(other, target.kind, late)
        if isinstance(plan, Copy):
            said = f"begins {float(late):.2f} s after the picture, for its long packets"
            warnings.append(f"audio {other.index} {said}")
        yield other.index, plan


def _timecode(
    source: InputContainer,
    target: Target,
    plans: dict[int, Plan],
    span: Span | None,
    carried: Carried,
) -> str | None:
    """The time of day of the first frame written; None where none is said, or it is not wanted.

    Muxers of the QuickTime family make a track of a picture's tag. Matroska has the tag alone,
    others a stream of data that says it, too, MXF and DV a tag of the whole film. Where frames
    between are left out, its clock goes on counting those of the film.
    """
    film = target.film
    said = [other for other in film.others if other.codec == TIMECODE]
    if said and not any(isinstance(plans[other.index], Copy) for other in said):
        return None
    video = source.streams[film.video.index]
    beside = (source.streams[other.index].metadata for other in said)
    found = timecode_in(video.metadata, *beside, source.metadata)
    if found is None or (span is None and not target.kind.is_mp4):
        return found
    begins = (video.start_time or 0) * film.video.time_base
    later = span.first - begins if span is not None else Fraction(0)
    timecode = timecode_later(found, film.video.average_rate, later)
    if timecode is None:
        rate = float(film.video.rate)
        carried.warnings.append(f"the timecode {found} is left out: none of {rate:g} frames/s")
    return timecode


def _add_video(
    container: OutputContainer, template: Stream, target: Target, timecode: str | None
) -> AvVideoStream:
    codec, video = target.settings.codec, target.shown
    stream = container.add_stream(codec, rate=video.average_rate if timecode else None)
    assert isinstance(stream, AvVideoStream)
    configure(stream.codec_context, video, target.settings)
    stream.time_base = video.time_base
    if target.kind.is_mp4 and codec in {"libx265", "hevc_nvenc"}:
        stream.codec_context.codec_tag = "hvc1"  # QuickTime plays no hev1
    tags = stream_tags(template.metadata, target.kind.format)
    stream.metadata.update(without_timecode(tags))
    if target.treatment.compare is not None:
        stream.metadata.pop(STEREO_TAG, None)
    if timecode is not None:
        stream.metadata[TAG] = timecode
    stream.disposition = template.disposition
    if video.rotation or video.mirrored:
        stream.set_display_rotation(video.rotation, hflip=video.mirrored)
    return stream


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
        f"{target.film.path.name} ({error.strerror}); leave one out with --map, or write another "
        "kind of file"
    )
