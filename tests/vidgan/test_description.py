"""What `vidgan probe` says of a film."""

import shutil
from collections.abc import Callable
from pathlib import Path

from vidgan.description import film_to_json, film_to_lines
from vidgan.media.count import count_film
from vidgan.media.probe import probe

MakeFilm = Callable[..., Path]


def test_a_film_says_what_it_would_become(make_film: MakeFilm) -> None:
    film = probe(make_film("a.mp4"))
    facts = film_to_json(film, count_film(film))
    assert (facts["output_codec"], facts["output_pixel_format"]) == ("libx264", "yuv420p")


def test_an_ending_that_cannot_be_written_is_described_all_the_same(
    make_film: MakeFilm, tmp_path: Path
) -> None:
    film = probe(Path(shutil.copy(make_film("a.mp4"), tmp_path / "clip.3gp")))
    facts = film_to_json(film, count_film(film))
    assert (facts["output_codec"], facts["output_pixel_format"]) == (None, None)
    assert facts["frames"] == 48
    assert not any(line.startswith("output") for line in film_to_lines(film, count_film(film)))
