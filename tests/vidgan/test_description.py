"""What `vidgan probe` says of a film."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from vidgan.description import film_to_json, film_to_lines
from vidgan.media.count import count_film
from vidgan.media.probe import probe

MakeFilm = Callable[..., Path]


def test_a_film_says_what_it_would_become(make_film: MakeFilm) -> None:
    film = probe(make_film("a.mp4"))
    facts = film_to_json(film, count_film(film))
    assert (facts["output_codec"], facts["output_pixel_format"]) == ("libx264", "yuv420p")


@pytest.mark.parametrize(
    ("name", "ending", "times"),
    [
        ("clip.3gp", ".mp4", "exact"),
        ("clip.mp4", ".mp4", "exact"),
        ("clip.mkv", ".mkv", "to 1/1000 s"),
        ("clip.webm", ".webm", "to 1/1000 s"),
        ("clip.gif", ".gif", "to 1/100 s"),
    ],
)
def test_what_an_output_beside_it_would_be(
    make_film: MakeFilm, tmp_path: Path, name: str, ending: str, times: str
) -> None:
    """The same film, whatever it is called: its content says what it is, its name what comes."""
    film = probe(Path(shutil.copy(make_film("a.mp4"), tmp_path / name)))
    facts = film_to_json(film, count_film(film))
    assert (facts["output_ending"], facts["output_times"]) == (ending, times)
    assert facts["output_codec"] is not None
    assert f"output times: {times}" in film_to_lines(film, count_film(film))
