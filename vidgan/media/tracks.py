"""The streams of an output beside the picture: added as planned, or named where they cannot be."""

import io
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.subtitles.stream import SubtitleStream

from vidgan.media.carry import Carried, tally_for
from vidgan.media.containers import Container
from vidgan.media.covers import attach_cover, cover_packet, read_cover
from vidgan.media.part import Span
from vidgan.media.sound import Sound, add_sound
from vidgan.media.streams import Copy, Leave, Plan, Transcode, instead, say
from vidgan.media.subtitles import Lines, add_subtitles
from vidgan.media.tags import lost_language, lost_marks, stream_tags
from vidgan.media.types import OtherStream
from vidgan.places import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracks:
    """An output whose header is being made."""

    container: OutputContainer
    kind: Container
    ending: str
    """Of the output, for messages."""
    source: Place
    shift: Fraction
    """Seconds by which everything starts later than in the source."""
    span: Span | None
    """What of the source is written; None for all of it."""
    carried: Carried
    """Is filled."""

    def add(self, template: Stream, other: OtherStream, plan: Plan) -> None:
        """Add a stream as planned; where that proves impossible, do the next best, and say so."""
        if isinstance(plan, Copy) and other.kind == "data":
            return  # it is a tag of the picture
        if isinstance(plan, Copy) and other.kind == "cover":
            plan = self._add_cover(template, other)
        elif isinstance(plan, Copy):
            plan = self._add_copy(template, other)
        if isinstance(plan, Transcode):
            plan = self._add_transcoded(template, other, plan)
        if (warning := say(other, plan, self.ending)) is not None:
            self.carried.warnings.append(warning)

    def _add_copy(self, template: Stream, other: OtherStream) -> Plan:
        if other.kind in {"audio", "subtitle"} and not _goes_into(template, self.kind):
            return instead(other, self.kind)
        try:
            stream = self.container.add_stream_from_template(template, opaque=True)
        except ValueError:
            return Leave(f"holds no {other.codec}")
        self._carry(template, stream)
        return Copy()

    def _add_transcoded(self, template: Stream, other: OtherStream, plan: Transcode) -> Plan:
        shift = self.shift
        maker: Sound | Lines
        try:
            if isinstance(template, AudioStream):
                sound = add_sound(self.container, template, plan.encoder)
                maker = Sound(template, sound, shift=shift, span=self.span)
                self._carry(template, sound)
            elif isinstance(template, SubtitleStream):
                lines = add_subtitles(self.container, template, plan.encoder)
                maker = Lines(template, lines, shift=shift)
                self._carry(template, lines)
            else:  # the film has changed since it was probed
                return Leave(plan.reason)
        except ValueError as error:
            return Leave(f"{plan.reason}, and {error}")
        self.carried.makers[template.index] = maker
        return plan

    def _add_cover(self, template: Stream, other: OtherStream) -> Plan:
        data = read_cover(self.source, other.index)
        if data is None:
            return Leave("cannot have it: it cannot be read")
        if self.kind.holds_attachments:
            tags = template.metadata
            stream: Stream = attach_cover(self.container, other.codec, data, tags)
        else:
            stream = self.container.add_stream_from_template(template, opaque=True)
            self.carried.first.append(cover_packet(stream, template, data))
            self._describe(template, stream)
        self.carried.covers.append(stream)
        return Copy()

    def _carry(self, template: Stream, stream: Stream) -> None:
        self._describe(template, stream)
        self.carried.streams[template.index] = stream
        tally = tally_for(stream)
        if tally is not None:
            self.carried.tallies[stream.index] = tally

    def name_default(self) -> None:
        """Name the subtitles that come to be shown: mp4 and mov turn the first on if none is."""
        carried = self.carried.streams
        texts = [index for index, made in carried.items() if isinstance(made, SubtitleStream)]
        if not self.kind.is_mp4 or not texts:
            return
        if not any(carried[index].disposition & Disposition.default for index in texts):
            self.carried.warnings.append(
                f"stream {texts[0]}: {self.ending} marks it as default, as it does with the first "
                "subtitles where none are"
            )

    def _describe(self, template: Stream, stream: Stream) -> None:
        stream.metadata.update(stream_tags(template.metadata, self.kind.format))
        stream.disposition = template.disposition
        lost = lost_marks(template.disposition, self.kind.format)
        if lost:
            self.carried.warnings.append(
                f"stream {template.index}: {self.ending} does not say that it is "
                f"{' and '.join(lost)}"
            )
        language = lost_language(template.metadata, self.kind.format)
        if language is not None:
            self.carried.warnings.append(
                f"stream {template.index}: {self.ending} has no name for its language, {language}"
            )


def _goes_into(template: Stream, kind: Container) -> bool:
    """Whether the muxer takes it, header and index: its own may be damaged, or of an odd kind."""
    container = av.open(io.BytesIO(), "w", format=kind.format)
    try:
        stream = container.add_stream_from_template(template, opaque=True)
        container.start_encoding()
        if template.codec_context.name != "eac3":  # its packets are read, these are empty
            container.mux_one(_nothing(stream))
        container.close()
    except (ValueError, FFmpegError):
        return False
    finally:
        with suppress(FFmpegError):
            container.close()
    return True


def _nothing(stream: Stream) -> "av.Packet[Any]":
    packet: av.Packet[Any] = av.Packet(64)
    packet.update(bytes(64))
    packet.pts = packet.dts = 0
    packet.duration, packet.time_base, packet.stream = 1, Fraction(1, 1000), stream
    packet.is_keyframe = True
    return packet
