"""Fields become whole pictures: the same ones in chunks as in one pass, each at its time."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.filter import Graph
from numpy.typing import NDArray

from tests.vidgan.films.fields import moving, woven, write_fields
from tests.vidgan.here import convert_here
from vidgan.media.chunks import ChunkReader
from vidgan.media.color import to_8_bits
from vidgan.media.decode import decode_chunk
from vidgan.media.deinterlace import said_of_fields
from vidgan.media.overlap import overlapping
from vidgan.media.part import Part, part_chunks
from vidgan.media.probe import probe
from vidgan.media.seen import read_levels
from vidgan.media.shown import shown
from vidgan.media.types import UNTREATED, Chunk, Cut, Deinterlace, Film, Treatment
from vidgan.options import Options

Pixels = NDArray[np.uint8 | np.uint16]
FRAMES = 40


def bwdif(film: Film, *, which: str, parity: str = "auto") -> dict[int, Pixels]:
    """One pass of FFmpeg's filter over the whole film."""
    with av.open(str(film.path)) as container:
        stream = container.streams.video[0]
        graph = Graph()
        nodes = [
            graph.add_buffer(template=stream, time_base=stream.time_base),
            graph.add("bwdif", f"mode=send_frame:parity={parity}:deint={which}"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        made: dict[int, Pixels] = {}
        for frame in (*container.decode(stream), None):
            graph.vpush(frame)
            made |= {(f.pts or 0) // 2: read_levels(f, film.video) for f in pulled(graph)}
        return made


def pulled(graph: Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (BlockingIOError, EOFError):
            return


def in_chunks(film: Film, frames_per_chunk: int, wish: Deinterlace = "auto") -> dict[int, Pixels]:
    reader = ChunkReader(film, frames_per_chunk=frames_per_chunk)
    chunks: list[Chunk] = list(overlapping(reader, film.video))
    assert len(chunks) > 1 or frames_per_chunk > FRAMES
    pictures: dict[int, Pixels] = {}
    for chunk in chunks:
        given = list(decode_chunk(chunk, film.video, Treatment(deinterlace=wish)))
        assert [frame.pts for frame in given] == list(chunk.owned)
        pictures |= {frame.pts: frame.rgb for frame in given}
    return pictures


CLOSED = {"g": "9", "bf": "2", "flags": "+ildct+ilme+cgop", "sc_threshold": "1000000000"}
KINDS: dict[str, tuple[str, str, dict[str, str]]] = {
    "mpeg2, open GOPs": ("a.mkv", "mpeg2video", {"g": "9", "bf": "2", "flags": "+ildct+ilme"}),
    "mpeg2, closed GOPs": (
        "a.mkv",
        "mpeg2video",
        CLOSED,
    ),
    "h264": ("a.mp4", "libx264", {"x264-params": "tff=1:keyint=10:scenecut=0:bframes=3"}),
    "h264, open GOPs": (
        "a.mkv",
        "libx264",
        {"x264-params": "bff=1:keyint=10:min-keyint=10:scenecut=0:bframes=3:open-gop=1"},
    ),
    "h264, one keyframe": ("a.mp4", "libx264", {"x264-params": "tff=1:keyint=999:scenecut=0"}),
    "h264, whole film from bottom fields": ("a.mp4", "libx264", {"x264-params": "bff=1"}),
}
UNSAID: dict[str, tuple[str, str, dict[str, str]]] = {
    "h264": ("a.mp4", "libx264", {"crf": "8", "preset": "veryfast"}),
    "ffv1": ("a.mkv", "ffv1", {}),
    "mjpeg": ("a.mov", "mjpeg", {"q": "2"}),
}
"""Fields encoded as if they were whole pictures."""
PLAIN = {"h264": "yuv422p", "ffv1": "yuv422p", "mjpeg": "yuvj422p"}


def woven_film(folder: Path, kind: str, **options: Any) -> Film:
    name, codec, settings = KINDS[kind]
    return probe(
        write_fields(folder / name, codec=codec, options=settings, frames=FRAMES, **options)
    )


def unsaid_film(folder: Path, kind: str, **options: Any) -> Film:
    name, codec, settings = UNSAID[kind]
    options |= {"codec": codec, "options": settings, "frames": FRAMES, "size": (64, 480)}
    return probe(write_fields(folder / name, **options))


@pytest.mark.parametrize("kind", KINDS)
def test_chunks_give_what_one_pass_does(tmp_path: Path, kind: str) -> None:
    film = woven_film(tmp_path, kind)
    assert film.video.fields == "flagged"
    whole = bwdif(film, which="interlaced")
    assert len(whole) == FRAMES
    for frames_per_chunk in (7, 10, 25, 1000):
        pictures = in_chunks(film, frames_per_chunk)
        assert list(pictures) == sorted(whole)
        for pts, picture in pictures.items():
            assert np.array_equal(picture, whole[pts]), (frames_per_chunk, pts)


def test_a_part_of_a_film_has_the_same_pictures(tmp_path: Path) -> None:
    """What comes before the part, and between its frames, is looked at as in the whole film."""
    film = woven_film(tmp_path, "mpeg2, open GOPs")
    whole = bwdif(film, which="interlaced")
    part = Part(start=Fraction(9, 10), end=Fraction(13, 10), every=3)
    chunks = overlapping(ChunkReader(film, frames_per_chunk=7), film.video)
    given = {
        frame.pts: frame.rgb
        for chunk in part_chunks(film, chunks, part)
        for frame in decode_chunk(chunk, film.video)
    }
    assert list(given) == [pts for pts in sorted(whole) if 900 <= pts < 1300][::3]
    assert all(np.array_equal(given[pts], whole[pts]) for pts in given)


@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize("kind", UNSAID)
def test_fields_of_which_nothing_is_said_are_seen(
    tmp_path: Path, kind: str, top_first: bool
) -> None:
    film = unsaid_film(tmp_path, kind, top_first=top_first, pixel_format=PLAIN[kind])
    assert film.video.fields == ("top first" if top_first else "bottom first")
    assert [
        w
        for w in said_of_fields(film, "auto", shown(film.video, UNTREATED))
        if "its pictures are made whole" in w
    ]
    whole = bwdif(film, which="all", parity="tff" if top_first else "bff")
    pictures = in_chunks(film, 7)
    assert all(np.array_equal(pictures[pts], whole[pts]) for pts in whole)


@pytest.mark.parametrize("kind", UNSAID)
def test_whole_pictures_are_left_as_they_are(tmp_path: Path, kind: str) -> None:
    film = unsaid_film(tmp_path, kind, progressive=True, pixel_format=PLAIN[kind])
    assert film.video.fields == "progressive"
    pictures = in_chunks(film, 7)
    with av.open(str(film.path)) as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None
            assert np.array_equal(pictures[frame.pts], read_levels(frame, film.video))


@pytest.mark.parametrize(
    ("kind", "size"), [("ffv1", (64, 720)), ("ffv1", (32, 480)), ("dnxhd", (256, 480))]
)
def test_what_cannot_be_fields_is_not_judged_by_its_looks(
    tmp_path: Path, kind: str, size: tuple[int, int]
) -> None:
    """The lines of two moments, in a height that no fields have, and where the codec says no."""
    name, options = ("a.mov", {"profile": "dnxhr_hq"}) if kind == "dnxhd" else ("a.mkv", {})
    path = write_fields(tmp_path / name, codec=kind, options=options, frames=FRAMES, size=size)
    film = probe(path)
    assert film.video.fields == "progressive"
    assert not [
        *said_of_fields(film, "auto", shown(film.video, UNTREATED)),
        *said_of_fields(film, "off", shown(film.video, UNTREATED)),
    ]


def test_off_leaves_fields_woven_and_on_takes_all_pictures(tmp_path: Path) -> None:
    film = woven_film(tmp_path, "h264")
    with av.open(str(film.path)) as container:
        stored = {f.pts: read_levels(f, film.video) for f in container.decode(video=0)}
    left = in_chunks(film, 7, "off")
    assert all(np.array_equal(left[pts], stored[pts]) for pts in left)
    plain = unsaid_film(tmp_path, "ffv1", progressive=True)
    whole = bwdif(plain, which="all")
    made = in_chunks(plain, 7, "on")
    assert all(np.array_equal(made[pts], whole[pts]) for pts in whole)


@pytest.mark.parametrize("wish", ["auto", "off"])
def test_what_becomes_of_fields_is_said(
    wish: Deinterlace, tmp_path: Path, identity_file: Path
) -> None:
    source = woven_film(tmp_path, "h264").path
    treatment = Treatment(deinterlace=wish)
    options = Options(weights=identity_file, treatment=treatment, codec="libx265")
    report = convert_here(source, tmp_path / "out.mp4", options)
    (said,) = report.warnings
    assert said.startswith(f"{source} is interlaced: ")
    assert ("pictures are made whole" in said) == (wish == "auto")
    assert ("the output is marked as progressive" in said) == (wish == "off")


@pytest.mark.parametrize("first", ["top", "bottom"])
@pytest.mark.parametrize(
    ("ending", "codec"), [(".mp4", "libx264"), (".mkv", "libx264"), (".mov", "prores_ks")]
)
def test_with_off_the_output_says_that_it_is_interlaced(
    ending: str, codec: str, first: str, tmp_path: Path, identity_file: Path
) -> None:
    source = tmp_path / "a.mp4"
    is_top = first == "top"
    x264 = {"x264-params": f"{'tff' if is_top else 'bff'}=1:keyint=10:scenecut=0"}
    write_fields(source, codec="libx264", options=x264, frames=FRAMES, top_first=is_top)
    treatment = Treatment(deinterlace="off")
    options = Options(weights=identity_file, treatment=treatment, codec=codec, chunk_frames=10)
    outputs = [tmp_path / (name + ending) for name in ("out", "again")]
    for output in outputs:
        assert convert_here(source, output, options).warnings == ()
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    with av.open(str(outputs[0])) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
    assert [frame.time for frame in frames] == [number / 25 for number in range(FRAMES)]
    assert all(frame.interlaced_frame for frame in frames)
    film = probe(outputs[0])
    assert (film.video.fields, film.video.first_field) == ("flagged", first)
    for number, frame in enumerate(frames):
        assert far(to_8_bits(read_levels(frame, film.video)), woven(number, top_first=is_top)) < 4


def test_what_cannot_be_marked_is_said(tmp_path: Path, identity_file: Path) -> None:
    """x264 takes interlaced pictures of 4:2:0 with a height in fours alone."""
    source = tmp_path / "a.mkv"
    options = {"flags": "+ildct+ilme"}
    write_fields(source, codec="mpeg2video", options=options, frames=FRAMES, size=(128, 98))
    treatment = Treatment(deinterlace="off")
    report = convert_here(
        source, tmp_path / "out.mp4", Options(weights=identity_file, treatment=treatment)
    )
    (said,) = report.warnings
    assert "the output is marked as progressive" in said
    # ProRes takes any height, such as the 486 lines of television.
    whole = Options(weights=identity_file, treatment=treatment, codec="prores_ks")
    assert convert_here(source, tmp_path / "out.mov", whole).warnings == ()
    assert probe(tmp_path / "out.mov").video.fields == "flagged"


@pytest.mark.parametrize(("top", "first"), [(0, "top"), (3, "bottom"), (4, "top")])
def test_an_odd_number_of_lines_cut_off_gives_the_other_field_the_first_line(
    tmp_path: Path, top: int, first: str
) -> None:
    source = tmp_path / "a.mp4"
    x264 = {"x264-params": "tff=1:keyint=10:scenecut=0"}
    write_fields(source, codec="libx264", options=x264, frames=10)
    video = replace(
        probe(source).video, cut=Cut(left=0, top=top, stored_width=128, stored_height=104)
    )
    assert shown(video, Treatment(deinterlace="off")).first_field == first


def comb(rgb: Pixels) -> float:
    """How much every other line stands out from both its neighbours."""
    lines = rgb.astype(int)
    between = lines[1:-1] * 2 - lines[:-2] - lines[2:]
    return float(np.abs(between).mean())


def far(a: Pixels, b: Pixels) -> float:
    return float(np.abs(a.astype(int) - b).mean())


def test_an_interlaced_film_is_converted_to_whole_pictures(
    tmp_path: Path, identity_file: Path
) -> None:
    source = woven_film(tmp_path, "mpeg2, open GOPs").path
    outputs = [tmp_path / f"{frames}.mp4" for frames in (7, 1000)]
    for output, frames in zip(outputs, (7, 1000), strict=True):
        options = Options(weights=identity_file, precision="fp32", crf=2, chunk_frames=frames)
        assert convert_here(source, output, options).frames_lost == 0
    made = probe(outputs[0])
    assert made.video.fields == "progressive"
    for output in outputs:
        with av.open(str(output)) as container:
            decoded = list(container.decode(video=0))
        assert [frame.time for frame in decoded] == [n / 25 for n in range(FRAMES)]
        for number, frame in enumerate(decoded):
            rgb = read_levels(frame, made.video)
            assert comb(rgb) < comb(woven(number)) / 2
            assert far(rgb, moving(number)) < min(far(rgb, moving(number + d)) for d in (-2, 2))


def test_fields_that_begin_later_are_made_whole(tmp_path: Path) -> None:
    """As broadcasts have it: progressive pictures first, fields after them."""
    plain = woven_film(tmp_path, "mpeg2, closed GOPs", progressive=True)
    [first] = ChunkReader(plain, frames_per_chunk=1000)
    laced = woven_film(tmp_path, "mpeg2, closed GOPs")
    [later] = ChunkReader(laced, frames_per_chunk=1000)
    offset = first.owned[-1] + 40
    moved = [replace(p, pts=p.pts + offset, dts=None) for p in later.packets]
    owned = first.owned + tuple(pts + offset for pts in later.owned)
    both = Chunk(index=0, packets=(*first.packets, *moved), owned=owned)
    video = replace(plain.video, fields="progressive")
    given = {frame.pts: frame.rgb for frame in decode_chunk(both, video)}
    assert tuple(given) == owned
    for number, pts in enumerate(owned):
        assert comb(given[pts]) < comb(woven(number % FRAMES)) / 2


@pytest.mark.parametrize(
    ("pixel_format", "sizes"),
    [
        ("yuv444p", [(2, 2), (3, 3), (16, 2), (2, 16), (4, 4)]),
        ("yuv420p", [(6, 6), (8, 8)]),  # of the colours half as many
    ],
)
def test_pictures_too_small_for_fields_are_left_as_they_are(
    tmp_path: Path, pixel_format: str, sizes: list[tuple[int, int]]
) -> None:
    for width, height in sizes:
        path = tmp_path / f"{width}x{height}.mkv"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("ffv1", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
            for number in range(5):
                grey = np.full((height, width, 3), 40 * number, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(grey)))
            container.mux(stream.encode(None))
        film = probe(path)
        [chunk] = overlapping(ChunkReader(film, frames_per_chunk=1000), film.video)
        given = [*decode_chunk(chunk, film.video, Treatment(deinterlace="on"))]
        assert [frame.pts for frame in given] == list(chunk.owned)
        assert [round(frame.rgb.mean()) for frame in given] == pytest.approx(
            [0, 40, 80, 120, 160], abs=2
        )
