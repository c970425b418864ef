"""What becomes of the streams that are not the picture: copied, transcoded or left out, and why.

Pure: nothing is opened. What each container holds was tried with FFmpeg 8.1 by writing it and
reading it back; a codec that only FFmpeg reads there (DTS or PCM in mp4) counts as not held.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from vidgan.errors import InputError, SettingsError
from vidgan.media.channels import channels_for
from vidgan.media.containers import Container
from vidgan.media.types import OtherStream
from vidgan.places import Place

KINDS = ("audio", "subtitle", "attachment", "cover", "data")
_CHOICE = re.compile(rf"(?P<minus>-?)(?P<kind>{'|'.join(KINDS)})(:(?P<number>[0-9]{{1,4}}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Streams of one kind, or one of them, to take or to leave."""

    kind: str
    number: int | None = None
    """Its place among those of its kind, from 0; None for all of them."""
    leave: bool = False

    @classmethod
    def parse(cls, text: str) -> "Choice":
        """`audio`, `audio:1`, `-subtitle`, `-cover:0`: a kind, perhaps a number, perhaps a minus.

        Raises:
            SettingsError: it is none of these.
        """
        found = _CHOICE.fullmatch(text)
        if found is None:
            raise SettingsError(
                f"--map {text}: say KIND, KIND:NUMBER or -KIND, with a KIND of {', '.join(KINDS)}"
            )
        number = found["number"]
        return cls(
            kind=found["kind"],
            number=None if number is None else int(number),
            leave=bool(found["minus"]),
        )

    def __str__(self) -> str:
        number = "" if self.number is None else f":{self.number}"
        return f"{'-' * self.leave}{self.kind}{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Which streams go along; the picture always does.

    Without choices all do. Where something is to be taken, only that is; what is to be left is
    left in any case.
    """

    choices: tuple[Choice, ...] = ()

    @classmethod
    def parse(cls, texts: Sequence[str], *, audio: bool = True) -> "Streams":
        """As on the command line; without `audio`, as if `-audio` had been said, too.

        Raises:
            SettingsError: a text is not a choice.
        """
        return cls(choices=tuple(map(Choice.parse, [*texts, *([] if audio else ["-audio"])])))

    def keeps(self, kind: str, number: int) -> bool:
        """Whether the stream at this place among those of its kind goes along."""
        fitting = [c for c in self.choices if c.kind == kind and c.number in {None, number}]
        takes_all = all(choice.leave for choice in self.choices)
        return (takes_all or bool(fitting)) and not any(choice.leave for choice in fitting)


ALL_STREAMS = Streams()


@dataclass(frozen=True, slots=True)
class Copy:
    """It goes along as it is."""

    def __str__(self) -> str:
        return "copied"


@dataclass(frozen=True, slots=True)
class Transcode:
    """It is decoded and encoded again: the container does not hold what it is."""

    encoder: str
    """FFmpeg's name."""
    reason: str
    """Of the output, as in ".mp4 holds no vorbis"."""

    def __str__(self) -> str:
        return f"becomes {self.encoder.removeprefix('lib')}"


@dataclass(frozen=True, slots=True)
class Leave:
    """It does not go along."""

    reason: str
    """As of `Transcode`; empty where it was chosen so."""

    def __str__(self) -> str:
        return "left out"


Plan = Copy | Transcode | Leave
_CHOSEN = Leave("")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Holds:
    """What a container takes beside the picture."""

    audio: frozenset[str]
    subtitle: frozenset[str]
    cover: frozenset[str] = frozenset()
    lossless: str
    """The encoder for sound that has lost nothing so far."""
    lossy: str
    text: str


_MPEG = frozenset({"aac", "ac3", "eac3", "mp3", "mp2", "alac"})
_PCM = frozenset(
    f"pcm_{kind}"
    for kind in ("s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f64le", "u8")
)
_LOSSLESS = {"flac", "alac", "tta", "wavpack", "truehd", "mlp", "ape", "tak", "shorten"}
_PICTURES = frozenset({"mjpeg", "png", "bmp"})

_HOLDS = {
    "mp4": _Holds(
        audio=_MPEG | {"flac", "opus"},
        subtitle=frozenset({"mov_text", "dvd_subtitle"}),
        cover=_PICTURES,
        lossless="aac",  # what every player takes
        lossy="aac",
        text="mov_text",
    ),
    "mov": _Holds(
        audio=_MPEG
        | _PCM
        | {"pcm_f32be", "pcm_f64be", "pcm_s8", "pcm_alaw", "pcm_mulaw"}
        # of old cameras and phones
        | {"amr_nb", "amr_wb", "adpcm_ima_qt", "qdm2"},
        subtitle=frozenset({"mov_text", "eia_608"}),
        lossless="alac",
        lossy="aac",
        text="mov_text",
    ),
    "matroska": _Holds(
        audio=_MPEG
        | _PCM
        | (_LOSSLESS - {"ape", "tak", "shorten"})
        | {"opus", "vorbis", "dts", "mp1", "cook", "atrac3", "qdm2", "qdmc"},
        subtitle=frozenset({"subrip", "ass", "text", "webvtt"})
        | {"hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"},
        cover=_PICTURES | {"gif", "webp", "tiff"},
        lossless="flac",
        lossy="aac",
        text="srt",
    ),
    "webm": _Holds(
        audio=frozenset({"opus", "vorbis"}),
        subtitle=frozenset({"webvtt"}),
        lossless="libopus",
        lossy="libopus",
        text="webvtt",
    ),
}
_TEXTS = {"subrip", "ass", "text", "webvtt", "mov_text", "microdvd", "sami", "subviewer"} | {
    *("subviewer1", "realtext", "mpl2", "jacosub", "stl", "pjs", "vplayer")
}


def plan_streams(
    source: Place, others: Sequence[OtherStream], container: Container, streams: Streams
) -> dict[int, Plan]:
    """What becomes of each stream, by its index.

    Raises:
        InputError: a stream that was chosen by its number is not there.
    """
    plans: dict[int, Plan] = {}
    counts = dict.fromkeys(KINDS, 0)
    for other in others:
        chosen = streams.keeps(other.kind, counts[other.kind])
        plans[other.index] = plan_stream(other, container) if chosen else _CHOSEN
        counts[other.kind] += 1
    for choice in streams.choices:
        if choice.number is not None and choice.number >= counts[choice.kind]:
            raise InputError(
                f"{source} has no {choice.kind}:{choice.number} for --map {choice}: it has "
                f"{counts[choice.kind]} of this kind, counted from 0; see `vidgan probe`"
            )
    return plans


def said_of_choices(
    source: Place, others: Sequence[OtherStream], streams: Streams
) -> Iterator[str]:
    """Name the kinds that were chosen, and of which a film has none."""
    kinds = {other.kind for other in others}
    for choice in streams.choices:
        if choice.number is None and not choice.leave and choice.kind not in kinds:
            yield f"{source} has no {choice.kind} for --map {choice}; see `vidgan probe`"


def plan_stream(other: OtherStream, container: Container) -> Plan:
    """What becomes of a stream that is to go along."""
    if not container.is_film:
        return Leave("holds pictures alone")
    holds = _HOLDS[container.format]
    if other.kind == "audio":
        return Copy() if other.codec in holds.audio else instead(other, container)
    if other.kind == "subtitle":
        return Copy() if other.codec in holds.subtitle else instead(other, container)
    if other.kind == "attachment":
        return Copy() if container.holds_attachments else Leave("holds none")
    if other.kind == "cover":
        return Copy() if other.codec in holds.cover else Leave("holds none of its kind")
    return Copy() if other.codec == TIMECODE else Leave("holds no such data")


TIMECODE = "timecode"
"""The codec of a data stream that says the time of day; it goes along as a tag of the picture."""


def instead(other: OtherStream, container: Container, reason: str | None = None) -> Plan:
    """What becomes of a stream of sound or text that cannot be copied."""
    holds = _HOLDS[container.format]
    reason = reason or f"holds no {other.codec}"
    if other.kind == "audio" and other.codec != "unknown":
        is_lossless = _is_lossless(other.codec)
        return Transcode(holds.lossless if is_lossless else holds.lossy, reason)
    if other.kind == "subtitle" and other.codec in _TEXTS:
        return Transcode(holds.text, reason)
    return Leave(reason)


def instead_of_late(other: OtherStream, container: Container, late: Fraction) -> Plan:
    """What becomes of sound of a part of a film that would begin so many seconds late if copied.

    Only what loses nothing by it is encoded again.
    """
    encoder = other.codec if other.codec in {"alac", "flac"} else _HOLDS[container.format].lossless
    if not _is_lossless(other.codec) or encoder not in _LOSSLESS:
        return Copy()
    return Transcode(encoder, f"would have it begin {float(late):.2f} s late, for its long packets")


def _is_lossless(codec: str) -> bool:
    return codec in _LOSSLESS or codec.startswith("pcm_")


def say(other: OtherStream, plan: Plan, ending: str) -> str | None:
    """The warning of a stream that does not come out as it is; None where there is none."""
    if isinstance(plan, Copy) or not plan.reason:
        return None
    is_left = isinstance(plan, Leave)
    said = f"{other.kind} {other.index} {'is ' * is_left}{plan}: {ending} {plan.reason}"
    changed = None if isinstance(plan, Leave) else _said_of_change(other, plan)
    return said if changed is None else f"{said}; {changed}"


def _said_of_change(other: OtherStream, plan: Transcode) -> str | None:
    """What else is not as it was in a stream that is encoded again."""
    if other.kind == "audio" and other.layout is not None:
        return channels_for(plan.encoder, other.layout).said
    if other.kind == "subtitle" and other.codec == "ass":  # as the other encoders know none of it
        return "its styling is left out"
    return None
