"""What is said of streams, and what is no stream of packets: covers, languages, marks, places."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from av.stream import Disposition, Stream

from tests.vidgan.films.tracks import (
    AUDIO_RATE,
    audio_packets,
    open_audio,
    open_subtitles,
    subtitle_packets,
)
from tests.vidgan.here import convert_here
from vidgan.media.join import JoinReport, join
from vidgan.media.languages import for_mp4, for_quicktime
from vidgan.media.preflight import check_output
from vidgan.media.probe import probe
from vidgan.media.streams import Streams
from vidgan.options import Options

MakeFilm = Callable[..., Path]
EncodeFilm = Callable[..., Any]


NONE, FORCED, DEFAULT = Disposition(0), Disposition.forced, Disposition.default


@dataclass(frozen=True, kw_only=True)
class Track:
    kind: str
    language: str = "eng"
    marks: Disposition = NONE
    title: str | None = None


def with_tracks(film: Path, path: Path, tracks: Sequence[Track]) -> Path:
    with av.open(str(film)) as source, av.open(str(path), "w") as container:
        video = container.add_stream_from_template(source.streams.video[0], opaque=True)
        added: list[Any] = []
        for track in tracks:
            codec = "libopus" if path.suffix == ".webm" else "aac"
            stream: Any = (
                open_audio(container, codec)
                if track.kind == "audio"
                else open_subtitles(container, path.suffix)
            )
            stream.metadata["language"], stream.disposition = track.language, track.marks
            if track.title:
                stream.metadata["title"] = track.title
            added.append(stream)
        packets = [p for p in source.demux(video=0) if p.size]
        for packet in packets:
            packet.stream = video
        for stream in added:
            make = audio_packets if stream.type == "audio" else subtitle_packets
            packets += make(stream, 1)
        for packet in sorted(packets, key=lambda packet: (packet.dts or 0) * packet.time_base):
            container.mux(packet)
    return path


def tracks_of(path: Path) -> list[Track]:
    """Without the picture and data."""
    with av.open(str(path)) as container:
        return [
            Track(
                kind=stream.type,
                language=stream.language or "und",
                marks=Disposition(int(stream.disposition)),
                title=_title(stream),
            )
            for stream in container.streams
            if stream.type in {"audio", "subtitle"}
        ]


def _title(stream: Stream) -> str | None:
    return stream.metadata.get("title", stream.metadata.get("name"))


def small(make_film: MakeFilm, ending: str = ".mkv") -> Path:
    return make_film("film" + ending, frames=6, rate=6, audio=False)


MANY = [
    Track(kind="audio", marks=DEFAULT, title="Main"),
    Track(kind="audio", language="fra", marks=Disposition.comment, title="Director"),
    Track(kind="audio", language="jpn"),
    Track(kind="subtitle", marks=FORCED, title="Signs"),
    Track(kind="subtitle", language="spa", marks=DEFAULT | FORCED),
]


@pytest.mark.parametrize("target", [".mp4", ".mkv"])
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_all_tracks_keep_languages_titles_and_marks(
    ending: str, target: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = with_tracks(small(make_film, ending), tmp_path / ("film" + ending), MANY)
    report = encode_film(source, target).join(tmp_path / ("out" + target))
    assert tracks_of(source) == tracks_of(tmp_path / ("out" + target)) == MANY
    assert (report.audio_streams, report.streams_copied) == (3, 5)


@pytest.mark.parametrize(
    ("target", "lost"),
    [(".mov", ["2: .mov does not say that it is comment"])],
)
def test_marks_that_a_container_cannot_say_are_named(
    target: str, lost: list[str], make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = with_tracks(small(make_film), tmp_path / "film.mkv", MANY[:3])
    report = encode_film(source, target).join(tmp_path / ("out" + target))
    assert report.warnings == tuple(f"stream {said}" for said in lost)


@pytest.mark.parametrize("target", [".mp4", ".mov"])
def test_subtitles_that_come_to_be_shown_by_default_are_named(
    target: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    """mp4 and mov turn the first on where none is; of none but the first it is said."""
    tracks = [Track(kind="subtitle", marks=FORCED), Track(kind="subtitle")]
    source = with_tracks(small(make_film), tmp_path / "film.mkv", tracks)
    report = encode_film(source, target).join(tmp_path / ("out" + target))
    assert DEFAULT in tracks_of(tmp_path / ("out" + target))[0].marks
    named = f"stream 1: {target} marks it as default, as it does with the first subtitles where"
    assert [w for w in report.warnings if "default" in w] == [f"{named} none are"]
    chosen = [Track(kind="subtitle"), Track(kind="subtitle", marks=DEFAULT)]
    source = with_tracks(small(make_film), tmp_path / "chosen.mkv", chosen)
    report = encode_film(source, target).join(tmp_path / ("chosen" + target))
    assert not [w for w in report.warnings if "default" in w]


@pytest.mark.parametrize(("target", "kept"), [(".mkv", True), (".mp4", False)])
def test_the_layout_of_a_stereoscopic_film_is_kept_or_named_once(
    target: str, kept: bool, make_film: MakeFilm, tmp_path: Path, identity_file: Path
) -> None:
    source = tmp_path / "stereo.mkv"
    with av.open(str(small(make_film))) as plain, av.open(str(source), "w") as container:
        stream = container.add_stream_from_template(plain.streams.video[0], opaque=True)
        stream.metadata["stereo_mode"] = "left_right"
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    assert not probe(source).warnings
    output = tmp_path / ("out" + target)
    report = convert_here(source, output, Options(weights=identity_file))
    said = f"{source}: left out, since it went with the old pictures: the layout of a "
    assert report.warnings == (() if kept else (f"{said}stereoscopic film",))
    with av.open(str(output)) as container:
        assert ("stereo_mode" in container.streams.video[0].metadata) is kept


SAID = ["en-GB", "de", "pt", "zho", "swe", "fre", "cze", "rum", "per", "hr", "x-klingon", "epo"]


@pytest.mark.parametrize(
    ("target", "languages"),
    [
        (".mp4", "eng deu por zho swe fra ces ron fas hrv und epo"),
        (".mov", "eng ger por chi sve fra ces ron per hr und epo"),
        (".mkv", " ".join(SAID)),
    ],
)
def test_languages_are_said_as_the_container_wants_them(
    target: str,
    languages: str,
    make_film: MakeFilm,
    encode_film: EncodeFilm,
    tmp_path: Path,
) -> None:
    """Matroska writes the bibliographic names (fre), or two letters; QuickTime has its own."""
    tracks = [Track(kind="audio", language=language) for language in SAID]
    source = with_tracks(small(make_film), tmp_path / "film.mkv", tracks)
    report = encode_film(source, target).join(tmp_path / ("out" + target))
    said = [track.language.strip() for track in tracks_of(tmp_path / ("out" + target))]
    assert said == languages.split()
    lost = f"stream 11: {target} has no name for its language, x-klingon"
    assert report.warnings == ((lost,) if "und" in said else ())


@pytest.mark.parametrize("target", [".mp4", ".mkv"])
def test_names_that_quicktime_alone_has_do_not_spread(
    target: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    names = ["sve", "hr ", "iri"]  # Swedish, Croatian, Irish
    tracks = [Track(kind="audio", language=name) for name in names]
    source = with_tracks(small(make_film, ".mov"), tmp_path / "film.mov", tracks)
    assert [track.language for track in tracks_of(source)] == names
    report = encode_film(source, target).join(tmp_path / ("out" + target))
    said = [track.language for track in tracks_of(tmp_path / ("out" + target))]
    assert (said, report.warnings) == (["swe", "hrv" if target == ".mp4" else "hr", "gle"], ())


@pytest.mark.parametrize(
    ("spoken", "known"), [("gla", False), ("nb", True), ("arm", True), ("wel", True), ("sr", True)]
)
def test_what_quicktime_calls_a_language_is_understood_again(spoken: str, known: bool) -> None:
    name = for_quicktime(spoken)
    assert (name is not None) is known
    assert name is None or for_mp4(name) == for_mp4({"nb": "nor"}.get(spoken, spoken))


def covers(path: Path) -> list[tuple[str, bytes]]:
    with av.open(str(path)) as container:
        found = [s for s in container.streams if s.disposition & Disposition.attached_pic]
        return [
            (s.codec_context.name, next(bytes(p) for p in container.demux(s) if p.size))
            for s in found
        ]


@pytest.mark.parametrize("target", [".mp4", ".mkv"])
def test_cover_comes_along_and_back(
    target: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = make_film("cover.mp4", frames=6, rate=6, cover=True)
    (cover,) = covers(source)
    encoded = encode_film(source, target)
    report = encoded.join(tmp_path / ("out" + target))
    assert (report.warnings, report.streams_copied) == ((), 2)
    assert covers(tmp_path / ("out" + target)) == [cover]
    again = encode_film(tmp_path / ("out" + target), ".mp4").join(tmp_path / "back.mp4")
    assert (again.warnings, covers(tmp_path / "back.mp4")) == ((), [cover])
    encoded.join(tmp_path / ("again" + target))
    assert (tmp_path / ("out" + target)).read_bytes() == (
        tmp_path / ("again" + target)
    ).read_bytes()


def test_covers_in_files_keep_their_names(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    film = make_film("cover.mp4", frames=6, rate=6, cover=True)
    ((_, cover),) = covers(film)
    names = ["front.jpg", "back.jpg"]
    with av.open(str(film)) as before, av.open(str(tmp_path / "film.mkv"), "w") as after:
        video = after.add_stream_from_template(before.streams.video[0], opaque=True)
        for name in names:
            attached = after.add_attachment(name, "image/jpeg", cover)
            attached.metadata["title"] = f"The {name}"
        for packet in (p for p in before.demux(video=0) if p.size):
            packet.stream = video
            after.mux(packet)
    report = encode_film(tmp_path / "film.mkv", ".mkv").join(tmp_path / "out.mkv")
    assert report.warnings == ()
    with av.open(str(tmp_path / "out.mkv")) as container:
        found = [s.metadata for s in container.streams if "filename" in s.metadata]
        assert [tags["filename"] for tags in found] == names
        assert [tags.get("title") for tags in found] == [f"The {name}" for name in names]


@pytest.mark.parametrize("target", [".mov", ".webm"])
def test_cover_that_cannot_go_along_is_named(
    target: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = make_film("cover.mp4", frames=6, rate=6, cover=True)
    report = encode_film(source, target).join(tmp_path / ("out" + target))
    assert f"cover 2 is left out: {target} holds none of its kind" in report.warnings
    assert covers(tmp_path / ("out" + target)) == []


@pytest.mark.parametrize("target", [".mp4", ".mov", ".mkv", ".webm"])
def test_place_and_camera_of_a_phone_are_kept(
    target: str, make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    said = {
        "com.apple.quicktime.location.ISO6709": "+47.1234+008.5678+410/",
        "com.apple.quicktime.make": "Apple",
        "creation_time": "2024-05-06T07:08:09.000000Z",
        "title": "A walk",
    }
    source = make_film(
        "phone.mov",
        frames=6,
        rate=6,
        audio=False,
        metadata=said,
        container_options={"movflags": "use_metadata_tags"},
    )
    encode_film(source, target).join(tmp_path / ("out" + target))
    with av.open(str(tmp_path / ("out" + target))) as container:
        kept = {key.lower(): value for key, value in container.metadata.items()}
    assert kept["location"].startswith("+47.1234+008.5678")
    assert (kept["creation_time"], kept["title"]) == (said["creation_time"], "A walk")
    assert kept.get("make") == (None if target == ".mp4" else "Apple")


@pytest.mark.parametrize(
    ("target", "left"),
    [(".mp4", "make, director"), (".mov", "director"), (".mkv", None), (".gif", "title, make")],
)
def test_tags_for_which_an_output_has_no_names_are_named(
    target: str, left: str | None, make_film: MakeFilm, identity_file: Path, tmp_path: Path
) -> None:
    source = make_film(
        "phone.mov",
        frames=6,
        rate=6,
        audio=False,
        chapters=True,
        metadata={"title": "A walk", "com.apple.quicktime.make": "Apple", "director": "Ann"},
        container_options={"movflags": "use_metadata_tags"},
    )
    report = convert_here(source, tmp_path / ("out" + target), Options(weights=identity_file))
    said = [warning for warning in report.warnings if "tags left out" in warning]
    assert len(said) == (left is not None)
    assert left is None or left in said[0]
    lost = [warning for warning in report.warnings if "left out: .gif holds none" in warning]
    assert len(lost) == (target == ".gif")


@pytest.mark.parametrize("rate", [24, 25, Fraction(30000, 1001)])
@pytest.mark.parametrize("target", [".mov", ".mp4", ".mkv"])
def test_timecode_comes_along(
    target: str,
    rate: Fraction,
    make_film: MakeFilm,
    encode_film: EncodeFilm,
    tmp_path: Path,
) -> None:
    film = make_film("film.mov", frames=6, rate=rate, audio=False)
    source = tmp_path / "film.mov"
    with av.open(str(film)) as before, av.open(str(source), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0], opaque=True)
        stream.metadata["timecode"] = "01:02:03:22"
        for packet in before.demux(video=0):
            if packet.size:
                packet.stream = stream
                after.mux(packet)
    report = encode_film(source, target).join(tmp_path / ("out" + target))
    assert report.warnings == ()
    with av.open(str(tmp_path / ("out" + target))) as container:
        tags = {k.lower(): v for s in container.streams for k, v in s.metadata.items()}
        assert tags["timecode"] == "01:02:03:22"
        assert len(container.streams) == (1 if target == ".mkv" else 2)


def test_only_chosen_streams_go_along(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = with_tracks(small(make_film), tmp_path / "film.mkv", MANY)
    encoded = encode_film(source, ".mkv")

    def joined(*choices: str) -> JoinReport:
        target = replace(encoded.target(tmp_path / "out.mkv"), streams=Streams.parse(choices))
        chunks = encoded.chunks
        return join(target, lambda: iter(chunks), expected=encoded.times, overwrite=True)

    assert joined("audio:1", "subtitle").warnings == ()
    assert tracks_of(tmp_path / "out.mkv") == [MANY[1], MANY[3], MANY[4]]
    joined("-audio", "-subtitle")
    assert tracks_of(tmp_path / "out.mkv") == []


def test_damaged_header_of_a_sound_does_not_cost_the_film(
    make_film: MakeFilm, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    """The muxer would find out in the end, when it writes the index."""
    source = tmp_path / "film.mkv"
    data = make_film("film.mkv", frames=6, rate=6, audio="flac").read_bytes()
    private = data.index(b"\x63\xa2", data.index(b"A_FLAC"))
    source.write_bytes(data[:private] + b"\x63\xa3" + data[private + 2 :])  # means nothing
    encoded = encode_film(source, ".mp4")
    check_output(encoded.target(tmp_path / "out.mp4"))
    report = encoded.join(tmp_path / "out.mp4")
    assert report.frames == 6
    assert report.warnings == ("audio 1 becomes aac: .mp4 holds no flac",)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) >= AUDIO_RATE
