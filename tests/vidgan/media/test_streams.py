"""What becomes of the streams beside the picture: the plan, and what can be chosen of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from vidgan.errors import InputError, SettingsError
from vidgan.media.containers import CONTAINERS
from vidgan.media.streams import (
    ALL_STREAMS,
    KINDS,
    Choice,
    Copy,
    Leave,
    Plan,
    Streams,
    Transcode,
    plan_stream,
    plan_streams,
    say,
)
from vidgan.media.types import OtherStream


def stream(kind: str, codec: str, index: int = 1) -> OtherStream:
    return OtherStream(index=index, kind=kind, codec=codec, language=None, title=None)


SOUND = {
    "aac": ("copied", "copied", "copied", "becomes opus"),
    "ac3": ("copied", "copied", "copied", "becomes opus"),
    "mp3": ("copied", "copied", "copied", "becomes opus"),
    "pcm_s16le": ("becomes aac", "copied", "copied", "becomes opus"),
    "pcm_bluray": ("becomes aac", "becomes alac", "becomes flac", "becomes opus"),
    "flac": ("copied", "becomes alac", "copied", "becomes opus"),
    "opus": ("copied", "becomes aac", "copied", "copied"),
    "vorbis": ("becomes aac", "becomes aac", "copied", "copied"),
    "dts": ("becomes aac", "becomes aac", "copied", "becomes opus"),
    "truehd": ("becomes aac", "becomes alac", "copied", "becomes opus"),
    "wmav2": ("becomes aac", "becomes aac", "becomes aac", "becomes opus"),
    "amr_nb": ("becomes aac", "copied", "becomes aac", "becomes opus"),
    "unknown": ("left out", "left out", "left out", "left out"),
}
TEXT = {
    "subrip": ("becomes mov_text", "becomes mov_text", "copied", "becomes webvtt"),
    "ass": ("becomes mov_text", "becomes mov_text", "copied", "becomes webvtt"),
    "mov_text": ("copied", "copied", "becomes srt", "becomes webvtt"),
    "webvtt": ("becomes mov_text", "becomes mov_text", "copied", "copied"),
    "hdmv_pgs_subtitle": ("left out", "left out", "copied", "left out"),
    "dvd_subtitle": ("copied", "left out", "copied", "left out"),
    "dvb_subtitle": ("left out", "left out", "copied", "left out"),
}
REST = {
    ("attachment", "ttf"): ("left out", "left out", "copied", "left out"),
    ("cover", "mjpeg"): ("copied", "left out", "copied", "left out"),
    ("data", "timecode"): ("copied", "copied", "copied", "copied"),
    ("data", "unknown"): ("left out", "left out", "left out", "left out"),
}
ROWS = [
    *((("audio", codec), row) for codec, row in SOUND.items()),
    *((("subtitle", codec), row) for codec, row in TEXT.items()),
    *REST.items(),
]


@pytest.mark.parametrize(("other", "row"), ROWS)
def test_each_stream_has_a_plan_for_each_container(
    other: tuple[str, str], row: tuple[str, ...]
) -> None:
    plans = [
        str(plan_stream(stream(*other), CONTAINERS[ending]))
        for ending in (".mp4", ".mov", ".mkv", ".webm")
    ]
    assert plans == [*row]


DOCUMENT = Path(__file__).parents[3] / "docs" / "media.md"


def documented() -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    """Of the table of codecs: each stream, and what becomes of it in the four kinds of output."""
    for line in DOCUMENT.read_text().splitlines():
        first, *plans = (cell.strip() for cell in line.strip("|").split("|"))
        kind, *codecs = first.split(" `")
        if kind in KINDS and codecs:
            yield from (((kind, codec.strip("`")), (*plans,)) for codec in codecs)


def test_the_document_says_the_same() -> None:
    lines = dict(documented())
    assert len(lines) > 40
    for other, row in lines.items():
        test_each_stream_has_a_plan_for_each_container(other, row)
    untold = {other for other, _ in ROWS if "unknown" not in other} - set(lines)
    assert not untold


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Copy(), None),
        (Leave(""), None),
        (Leave("holds no xsub"), "subtitle 3 is left out: .mp4 holds no xsub"),
        (Transcode("libopus", "holds no aac"), "subtitle 3 becomes opus: .mp4 holds no aac"),
    ],
)
def test_what_does_not_come_out_as_it_is_is_said(plan: Plan, said: str | None) -> None:
    assert say(stream("subtitle", "xsub", 3), plan, ".mp4") == said


OTHERS = [
    stream("audio", "aac", 1),
    stream("subtitle", "mov_text", 2),
    stream("audio", "aac", 3),
    stream("cover", "mjpeg", 5),
]


@pytest.mark.parametrize(
    ("choices", "audio", "kept"),
    [
        ((), True, {1, 2, 3, 5}),
        ((), False, {2, 5}),
        (("audio",), True, {1, 3}),
        (("audio:1",), True, {3}),
        (("audio:1", "subtitle"), True, {2, 3}),
        (("-audio:0",), True, {2, 3, 5}),
        (("-audio", "-cover"), True, {2}),
        (("audio", "-audio:0"), True, {3}),
        (("-audio:0", "audio"), True, {3}),
        (("attachment",), True, set()),
        (("subtitle", "audio"), False, {2}),
    ],
)
def test_streams_are_chosen(choices: tuple[str, ...], audio: bool, kept: set[int]) -> None:
    streams = Streams.parse(choices, audio=audio)
    plans = plan_streams(Path("film.mp4"), OTHERS, CONTAINERS[".mp4"], streams)
    assert {index for index, plan in plans.items() if plan == Copy()} == kept
    assert all(plan == Leave("") for index, plan in plans.items() if index not in kept)


@pytest.mark.parametrize("text", ["sound", "audio:", "audio:-1", "0:a:1", "--audio", "", "Audio"])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--map .*say KIND, KIND:NUMBER or -KIND"):
        Choice.parse(text)


@pytest.mark.parametrize("text", ["audio:2", "-audio:2", "attachment:0"])
def test_a_number_that_is_not_there_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=rf"film\.mp4 has no {text.removeprefix('-')} for --map"):
        plan_streams(Path("film.mp4"), OTHERS, CONTAINERS[".mp4"], Streams.parse([text]))
    plan_streams(Path("film.mp4"), OTHERS, CONTAINERS[".mp4"], ALL_STREAMS)
