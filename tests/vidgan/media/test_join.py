"""A film put together again: every frame at its time, all else as it was in the source."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import AttachmentStream
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from vidgan.media.encoders import configure
from vidgan.media.types import Color

Pictures = list[NDArray[np.uint8]]
MakeFilm = Callable[..., Path]
EncodeFilm = Callable[..., Any]

DECODERS = {"libx264": "h264", "libx265": "hevc", "libsvtav1": "libdav1d", "libvpx-vp9": "vp9"}
DECODERS |= {"prores_ks": "prores", "ffv1": "ffv1"}
COMBINATIONS = [
    (".mp4", "libx264"),
    (".mp4", "libx265"),
    (".mp4", "libsvtav1"),
    (".mp4", "libvpx-vp9"),
    (".mov", "libx264"),
    (".mov", "libx265"),
    (".mkv", "libx264"),
    (".mkv", "libsvtav1"),
    (".webm", "libvpx-vp9"),
    (".webm", "libsvtav1"),
    (".mov", "prores_ks"),
    (".mkv", "ffv1"),
]


def planes(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return frame.to_ndarray().copy()  # type: ignore[return-value]


def decode_alone(encoded: Any) -> Pictures:
    """Each chunk by a decoder of its own, which knows but the headers of the settings."""
    pictures: Pictures = []
    for chunk in encoded.chunks:
        head = av.CodecContext.create(encoded.settings.codec, "w")
        assert isinstance(head, VideoCodecContext)
        configure(head, encoded.film.video, encoded.settings)
        head.open()
        decoder = av.CodecContext.create(DECODERS[encoded.settings.codec], "r")
        assert isinstance(decoder, VideoCodecContext)
        decoder.extradata = head.extradata
        decoder.width, decoder.height = head.width, head.height
        for packet in chunk.packets:
            padded: av.Packet[Any] = av.Packet(len(packet.data))
            padded.update(packet.data)
            pictures += [planes(frame) for frame in decoder.decode(padded)]
        pictures += [planes(frame) for frame in decoder.decode(None)]
    return pictures


def decode_file(path: Path) -> tuple[list[Fraction], Pictures]:
    """Seconds and pictures."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        assert all(frame.pts is not None and frame.time_base is not None for frame in frames)
        times = [Fraction(frame.pts or 0) * (frame.time_base or 0) for frame in frames]
        return times, [planes(frame) for frame in frames]


def packets_of(path: Path, kind: str) -> list[tuple[bytes, Fraction]]:
    """The packets of the first stream of a kind, and when they start, in seconds."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [
            (bytes(packet), packet.pts * packet.time_base)
            for packet in container.demux(stream)
            if packet.pts is not None and packet.size
        ]


def on_grid(seconds: list[Fraction], ending: str) -> list[Fraction]:
    """Matroska counts whole milliseconds."""
    if ending in {".mkv", ".webm"}:
        return [Fraction(int(s * 1000 + Fraction(1, 2)), 1000) for s in seconds]
    return seconds


@pytest.mark.parametrize(("ending", "codec"), COMBINATIONS)
def test_frames_times_and_sound_are_exact_and_bytes_repeat(
    ending: str, codec: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = (
        make_film("film" + ending, frames=40, codec="libvpx-vp9")
        if ending == ".webm"
        else (make_film("film" + ending, frames=40, rate=Fraction(24000, 1001)))
    )
    encoded = encode_film(source, ending, codec=codec)
    output = tmp_path / ("out" + ending)
    report = encoded.join(output)
    times, pictures = decode_file(output)
    tick = encoded.film.video.time_base
    assert times == on_grid([pts * tick for pts in encoded.times], ending)
    alone = decode_alone(encoded)
    assert len(pictures) == len(alone) == report.frames == 40
    assert all(np.array_equal(a, b) for a, b in zip(pictures, alone, strict=True))
    assert packets_of(output, "audio") == packets_of(source, "audio")
    assert (report.audio_streams, report.warnings) == (1, ())
    encoded.join(tmp_path / ("again" + ending))
    assert output.read_bytes() == (tmp_path / ("again" + ending)).read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again" + ending, "out" + ending]


def test_pictures_look_like_the_source(
    make_film: MakeFilm,
    encode_film: EncodeFilm,
    read_number: Callable[..., int],
    tmp_path: Path,
) -> None:
    source = make_film("film.mp4", frames=40, rate=Fraction(24000, 1001))
    encode_film(source).join(tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        shown = [read_number(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    assert shown == list(range(40))


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_subtitles_chapters_and_metadata_come_along(
    ending: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    said = {"title": "A walk", "creation_time": "2020-02-02T02:02:02.000000Z"}
    source = make_film("all" + ending, subtitles=True, chapters=True, metadata=said)
    output = tmp_path / ("out" + ending)
    encode_film(source, ending).join(output)
    assert packets_of(output, "subtitle")[:3] == packets_of(source, "subtitle")[:3]
    with av.open(str(source)) as before, av.open(str(output)) as after:
        assert {key: after.metadata[key] for key in said} == said
        assert after.chapters()[1]["metadata"] == {"title": "Chapter 2"}
        starts = [
            [c["start"] * (c["time_base"] or 0) for c in f.chapters()] for f in (before, after)
        ]
        assert starts[0] == starts[1]
        kinds = [
            [(s.type, s.language) for s in f.streams if s.type != "data"] for f in (before, after)
        ]
        assert kinds[0] == kinds[1]
        assert [s.disposition for s in before.streams] == [s.disposition for s in after.streams]


@pytest.mark.parametrize(
    ("ending", "codec"), [*COMBINATIONS[:4], (".mov", "prores_ks"), (".mkv", "libx265")]
)
def test_rotation_aspect_and_colour_come_along(
    ending: str, codec: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    turn = {".mp4": 90, ".mov": 90, ".mkv": 270}[ending]
    is_full = codec != "prores_ks"  # it has limited range alone
    color = Color(matrix=5, primaries=5, transfer=6, full_range=True)
    source = make_film(
        "turned" + ending,
        frames=6,
        rotation=turn,
        sample_aspect_ratio=Fraction(4, 3),
        color=color,
        audio=False,
    )
    output = tmp_path / ("out" + ending)
    encode_film(source, ending, codec=codec).join(output)
    with av.open(str(output)) as container:
        video = container.streams.video[0]
        frame = next(container.decode(video))
        tags = frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range
        assert tags == (5, 5, 6, ColorRange.JPEG if is_full else ColorRange.MPEG)
        assert frame.rotation % 360 == turn
        assert video.sample_aspect_ratio == Fraction(4, 3)


@pytest.mark.parametrize(("ending", "codec"), [*COMBINATIONS[:4], COMBINATIONS[8]])
def test_odd_size_is_kept(
    ending: str, codec: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = make_film("odd.mp4", frames=6, size=(97, 65), pixel_format="yuv444p", audio=False)
    encode_film(source, ending, codec=codec).join(tmp_path / ("out" + ending))
    with av.open(str(tmp_path / ("out" + ending))) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (97, 65)


FREEZE = [0, 40, 80, 120, 30_000, 30_040, 30_051, 30_200, 30_201, 90_000, 90_040, 90_300]


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize("codec", ["libx264", "libx265", "libvpx-vp9"])
def test_variable_rate_with_freezes_keeps_every_time(
    ending: str, codec: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    """In chunks of four, each freeze comes after the first frame of a chunk or before one."""
    moved = [*FREEZE[:5], *(t + 5000 for t in FREEZE[5:])]
    source = make_film("vfr.mp4", frames=12, pts=moved, time_base=Fraction(1, 1000), audio=False)
    encode_film(source, ending, codec=codec).join(tmp_path / ("out" + ending))
    times, _ = decode_file(tmp_path / ("out" + ending))
    assert times == [Fraction(t, 1000) for t in moved]


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("first", [1001, 90_000 * 5 + 7])
def test_late_start_stays_exact_and_in_step(
    ending: str, first: int, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    """Not a whole number of milliseconds, in which edit lists of mp4 are counted by default."""
    tick = Fraction(1, 90_000)
    source = make_film(
        "late" + ending,
        frames=12,
        pts=[first + 3600 * i for i in range(12)],
        time_base=tick,
        rate=25,
        container_options={"movie_timescale": "90000"} if ending != ".mkv" else None,
    )
    encoded = encode_film(source, ending)
    encoded.join(tmp_path / ("out" + ending))
    times, _ = decode_file(tmp_path / ("out" + ending))
    assert (
        times
        == decode_file(source)[0]
        == on_grid([(first + 3600 * i) * tick for i in range(12)], ending)
    )
    assert packets_of(tmp_path / ("out" + ending), "audio") == packets_of(source, "audio")


@pytest.mark.parametrize("kind", ["audio", "subtitle"])
@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_what_alone_starts_late_stays_in_step(
    ending: str, kind: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = later(make_film("film.mkv", frames=24, subtitles=True), tmp_path / "late.mkv", kind)
    encode_film(source, ending).join(tmp_path / ("out" + ending))
    before, after = packets_of(source, kind), packets_of(tmp_path / ("out" + ending), kind)
    spoken = [time for data, time in after if len(data) > 2]  # mp4 has empty lines between others
    expected = [time for _, time in before]
    assert expected[0] >= Fraction(1, 2)
    assert all(abs(a - b) <= Fraction(1, 1000) for a, b in zip(expected, spoken, strict=True))
    assert decode_file(tmp_path / ("out" + ending))[0] == on_grid(decode_file(source)[0], ending)


def later(source: Path, path: Path, kind: str) -> Path:
    """The same in Matroska, but what is of this kind comes 0.7 s later."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        packets = [packet for packet in old.demux() if packet.size]
        for packet in packets:
            if packet.stream.type == kind:
                assert packet.pts is not None
                assert packet.dts is not None
                packet.pts, packet.dts = packet.pts + 700, packet.dts + 700
            packet.stream = streams[packet.stream.index]
        for packet in sorted(packets, key=lambda packet: packet.dts or 0):
            new.mux(packet)
    return path


@pytest.mark.parametrize("ending", [".mov", ".mkv"])
def test_pictures_stay_put_when_priming_moves_to_another_container(
    ending: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    """AAC begins 1024 samples before zero; that must not push the pictures."""
    source = make_film("film.mp4", frames=12)
    encoded = encode_film(source, ending)
    encoded.join(tmp_path / ("out" + ending))
    before, after = packets_of(source, "audio"), packets_of(tmp_path / ("out" + ending), "audio")
    assert before[0][1] == Fraction(-1024, 48_000)
    assert [data for data, _ in before] == [data for data, _ in after]
    assert all(abs(a[1] - b[1]) <= Fraction(1, 2000) for a, b in zip(before, after, strict=True))
    assert decode_file(tmp_path / ("out" + ending))[0] == on_grid(decode_file(source)[0], ending)


def test_sound_without_durations_keeps_its_last_packet(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    """Matroska says no durations for ALAC; mp4 would end the sound where its last packet begins."""
    source = make_film("alac.mkv", frames=24, audio="alac")
    encode_film(source, ".mp4").join(tmp_path / "out.mp4")
    before, after = packets_of(source, "audio"), packets_of(tmp_path / "out.mp4", "audio")
    assert [data for data, _ in before] == [data for data, _ in after]


def test_hevc_in_mp4_is_tagged_for_quicktime(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    encoded = encode_film(make_film("film.mp4", frames=12), ".mp4", codec="libx265")
    encoded.join(tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


def test_opus_priming_of_webm_survives(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = make_film("film.webm", frames=24, codec="libvpx-vp9")
    encode_film(source, ".mkv").join(tmp_path / "out.mkv")
    assert packets_of(source, "audio")[0][1] < 0
    assert packets_of(tmp_path / "out.mkv", "audio") == packets_of(source, "audio")


def test_last_frame_is_shown_as_long_as_in_the_source(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = make_film("film.mp4", frames=24, rate=24, audio=False)
    report = encode_film(source).join(tmp_path / "out.mp4")
    assert report.duration == 1
    with av.open(str(source)) as before, av.open(str(tmp_path / "out.mp4")) as after:
        assert after.duration == before.duration
        assert after.streams.video[0].average_rate == 24


def test_fonts_go_into_mkv_and_are_named_where_they_cannot(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = tmp_path / "font.mkv"
    with av.open(str(make_film("film.mkv", frames=12))) as film, av.open(str(source), "w") as out:
        streams = {s.index: out.add_stream_from_template(s, opaque=True) for s in film.streams}
        out.add_attachment("face.ttf", "font/ttf", b"not really a font")
        for packet in film.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    report = encode_film(source, ".mkv").join(tmp_path / "out.mkv")
    assert report.streams_copied == 2
    with av.open(str(tmp_path / "out.mkv")) as container:
        (font,) = [s for s in container.streams if isinstance(s, AttachmentStream)]
        assert (font.name, font.mimetype, font.data) == (
            "face.ttf",
            "font/ttf",
            b"not really a font",
        )
    report = encode_film(source, ".mp4").join(tmp_path / "out.mp4")
    assert report.warnings == ("attachment 2 is left out: .mp4 holds none",)
