"""What a word of the command line means: a path, or a URL and its names."""

from pathlib import Path

import pytest

from vidgan.errors import InputError
from vidgan.places import Place, Remote, as_place


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("clip.mp4", Path("clip.mp4")),
        ("a:b.mp4", Path("a:b.mp4")),
        ("concat:a|b", Path("concat:a|b")),
        ("a//b.mp4", Path("a/b.mp4")),
        ("file:///with spaces/a%20b#c?.mp4", Path("/with spaces/a b#c?.mp4")),
        ("file://localhost/a.mp4", Path("/a.mp4")),
        ("s3://bucket/a.mp4", Remote("s3://bucket/a.mp4")),
        ("S3A://bucket/a.mp4", Remote("s3://bucket/a.mp4")),
        ("memory:///a.mp4", Remote("memory://a.mp4")),
    ],
)
def test_words(word: str, place: Place) -> None:
    assert as_place(word) == place
    assert as_place(place) == place


def test_a_file_of_another_machine_is_refused() -> None:
    with pytest.raises(InputError, match="on another machine"):
        as_place("file://server/a.mp4")


@pytest.mark.parametrize(
    ("url", "shown", "name"),
    [
        (
            "https://user:pass@host:8080/d/a%20b.mp4?sig=x/y",
            "https://host:8080/d/a%20b.mp4",
            "a b.mp4",
        ),
        ("https://host/x.mp4#t=3", "https://host/x.mp4", "x.mp4"),
        ("https://host/..%2f..%2fx.mp4", "https://host/..%2f..%2fx.mp4", "x.mp4"),
        ("https://host", "https://host", ""),
        ("s3://key:secret@bucket/d/a?b#c%20.mp4", "s3://bucket/d/a?b#c%20.mp4", "a?b#c%20.mp4"),
        ("s3://bucket/", "s3://bucket", ""),
        ("memory://a@b.mp4", "memory://a@b.mp4", "a@b.mp4"),
    ],
)
def test_secrets_are_not_shown_and_names_are_those_of_files(
    url: str, shown: str, name: str
) -> None:
    remote = Remote(url)
    assert (str(remote), remote.name) == (shown, name)
    assert "secret" not in repr(remote)


def test_names_of_a_url_are_those_of_a_path() -> None:
    remote = Remote("s3://bucket/dir/clip.one.mp4")
    assert (remote.stem, remote.suffix) == ("clip.one", ".mp4")
    assert remote.with_suffix(".mkv") == Remote("s3://bucket/dir/clip.one.mkv")
    assert remote.with_name("b") == remote.parent / "b" == Remote("s3://bucket/dir/b")
    assert remote.inside(Remote("s3://bucket/dir")) == Path("clip.one.mp4")
    assert remote.inside(Remote("s3://bucket/di")) is None


def test_a_signature_is_of_one_file() -> None:
    signed = Remote("https://host/a.mp4?sig=x")
    assert signed.address == "https://host/a.mp4?sig=x"
    assert signed.with_name("b c.mp4").address == "https://host/b%20c.mp4"
