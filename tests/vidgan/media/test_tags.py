"""What is said of a film arrives, or is named; what describes the old file does neither."""

from collections.abc import Callable
from pathlib import Path

import av
import pytest

from tests.vidgan.here import convert_here
from vidgan.media.tags import kept_metadata, lost_tags, needs_own_names
from vidgan.options import Options

MakeFilm = Callable[..., Path]
APPLE = "com.apple.quicktime."
PHONE = {
    APPLE + "location.ISO6709": "+48.1372+011.5756+520.000/",
    APPLE + "creationdate": "2024-07-14T18:03:22+0200",
    APPLE + "make": "Apple",
    APPLE + "model": "iPhone 15",
    APPLE + "software": "17.5",
    "creation_time": "2024-07-14T16:03:22.000000Z",
}


def phone_film(make_film: MakeFilm, metadata: dict[str, str]) -> Path:
    return make_film(
        "phone.mov",
        frames=6,
        rate=6,
        audio=False,
        metadata=metadata,
        container_options={"movflags": "use_metadata_tags"},
    )


def tags_of(path: Path) -> dict[str, str]:
    with av.open(str(path)) as container:
        return dict(container.metadata)


@pytest.mark.parametrize("target", [".mov", ".mp4"])
def test_what_only_phones_say_is_kept_under_their_names(
    target: str, make_film: MakeFilm, identity_file: Path, tmp_path: Path
) -> None:
    source, output = phone_film(make_film, PHONE), tmp_path / ("out" + target)
    assert convert_here(source, output, Options(weights=identity_file)).warnings == ()
    written = tags_of(output)
    assert {key: written.get(key) for key in PHONE if key.startswith(APPLE)} == {
        key: value for key, value in PHONE.items() if key.startswith(APPLE)
    }
    assert written["location"].startswith("+48.1372+011.5756+520.0")
    with av.open(str(output)) as container:
        at = container.streams.video[0].metadata["creation_time"]
    assert at == PHONE["creation_time"]


@pytest.mark.parametrize(
    ("target", "left"),
    [(".mov", "creationdate, software"), (".mp4", "creationdate, make, model, software")],
)
def test_a_title_is_written_where_all_players_find_it(
    target: str, left: str, make_film: MakeFilm, identity_file: Path, tmp_path: Path
) -> None:
    """The names of phones are for those alone that have no title; what that costs is named."""
    source = phone_film(make_film, {"title": "A walk", **PHONE})
    output = tmp_path / ("out" + target)
    report = convert_here(source, output, Options(weights=identity_file))
    assert b"\xa9nam" in output.read_bytes()
    assert tags_of(output)["title"] == "A walk"
    (said,) = report.warnings  # and not of the place, which is there with other digits
    listed = said.removeprefix("tags left out: ").partition(" (")[0].split(", ")
    assert sorted(listed) == left.split(", ")


def test_a_film_without_names_of_apple_s_is_written_as_ever() -> None:
    assert not needs_own_names({"title": "A walk", "location": "+48.1+011.5/"})
    assert not needs_own_names({APPLE + "make": "Apple", "TITLE": "A walk"})
    assert needs_own_names({APPLE + "make": "Apple", "encoder": "Lavf"})


@pytest.mark.parametrize(
    ("read", "is_lost"),
    [
        ("+48.1372+011.5756+520.000000/", False),
        ("+48.1372+011.5756+520/", False),
        ("+48.1373+011.5756+520.000/", True),
        ("+48.1372+011.5756/", True),
        ("somewhere", True),
    ],
)
def test_places_are_compared_by_what_they_say(read: str, is_lost: bool) -> None:
    said = {"place": "+48.1372+011.5756+520.000/"}
    assert lost_tags(said, {"location": read, "place2": "x"}) == ["place"] * is_lost


def test_what_an_mxf_says_of_itself_is_neither_copied_nor_named() -> None:
    said = {"company_name": "Ann's", "product_name": "Camera", "uid": "7"}
    assert kept_metadata(said) == said  # of any other file
    own = {"operational_pattern_ul": "060e2b34", "material_package_umid": "0x06", **said}
    assert kept_metadata({"title": "A walk", **own}) == {"title": "A walk"}
    assert kept_metadata({"file_package_umid": "0x06"}) == {}


@pytest.mark.parametrize("target", [".mov", ".mp4", ".mkv"])
def test_an_mxf_has_nothing_left_out(
    target: str, make_film: MakeFilm, identity_file: Path, tmp_path: Path
) -> None:
    coded = {"codec": "mpeg2video", "size": (352, 288), "rate": 25}
    metadata = {"timecode": "01:02:03:04"}
    source = make_film("film.mxf", frames=6, audio=False, metadata=metadata, **coded)
    output = tmp_path / ("out" + target)
    report = convert_here(source, output, Options(weights=identity_file))
    assert report.warnings == ()
    assert not any("umid" in key.lower() or "uid" in key.lower() for key in tags_of(output))
