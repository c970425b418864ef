"""A kept model is not read again by the driver, and becomes the same as one that is."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cyclegan.checkpoint import generator_file as generator_file_of
from cyclegan.networks import init_weights
from cyclegan.weights import generator_in, read_generator
from tests.vidgan.here import convert_here
from vidgan.card import write_card
from vidgan.choice import choose_model
from vidgan.errors import ModelError
from vidgan.importing import import_model
from vidgan.models import PACKAGE_MODELS, Model, find_model
from vidgan.options import Options

Command = Callable[..., Any]
MakeFilm = Callable[..., Path]
MINE = Options(pair="mine", precision="fp32")


@pytest.fixture(autouse=True)
def model(generator_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A user's own, in half precision, as the bundled ones are."""
    monkeypatch.setenv("VIDGAN_HOME", str(tmp_path / "home"))
    return import_model(generator_file, "mine", half=True)


def card_of(model: Model) -> Path:
    return model.path.with_suffix(".json")


def forget(model: Model) -> None:
    """As a card of a model that others have put there says nothing of its file."""
    write_card(model.card, card_of(model))


@pytest.mark.parametrize("name", sorted(path.stem for path in PACKAGE_MODELS.glob("*.safetensors")))
def test_a_bundled_file_is_what_its_card_says(name: str) -> None:
    """Where it is not, `vidgan models import` has written the right card beside its copy."""
    model = find_model(name)
    assert model.checked_file() == model.path.read_bytes()


def test_what_was_checked_is_sent_as_it_is(model: Model) -> None:
    assert find_model("mine") == model
    assert choose_model(MINE).weights == model.path.read_bytes()
    forget(model)
    assert find_model("mine").checked_file() is None
    sent, kept = generator_in(choose_model(MINE).weights), read_generator(model.path)
    assert sent.config == kept.config
    weights = kept.network.state_dict()
    assert all(torch.equal(weights[k], w) for k, w in sent.network.state_dict().items())


def test_a_film_is_the_same_whether_its_model_was_read_again_or_not(
    model: Model, make_film: MakeFilm, tmp_path: Path
) -> None:
    film = make_film("chosen.mp4", frames=8)
    convert_here(film, tmp_path / "one.mp4", MINE)
    forget(model)
    convert_here(film, tmp_path / "two.mp4", MINE)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()


@pytest.mark.parametrize("digest", ["0" * 64, "short", 3, None])
def test_a_file_that_is_not_what_the_card_says_is_read(model: Model, digest: object) -> None:
    card = json.loads(card_of(model).read_text()) | {"sha256": digest}
    card_of(model).write_text(json.dumps(card))
    assert find_model("mine").card == model.card
    assert find_model("mine").checked_file() is None
    assert choose_model(MINE).generator().config == read_generator(model.path).config


def test_a_file_that_was_damaged_since_is_refused_by_name(
    model: Model, tmp_path: Path, vidgan_command: Command
) -> None:
    before = model.path.read_bytes()
    spoilt = np.frombuffer(before, np.uint8).copy()
    spoilt[-2:] = 0xFF  # the last weight is no number
    for file, words in ((before[:-50], "is damaged or cut off"), (spoilt.tobytes(), "not finite")):
        model.path.write_bytes(file)
        said = vidgan_command("convert", tmp_path / "any.mp4", "--pair", "mine")
        assert (said.status, len(said.lines)) == (1, 1)
        assert said.lines[0].startswith(f"vidgan: {model.path} ")
        assert words in said.lines[0]


def test_other_weights_have_another_purpose(generator_file: Path, tmp_path: Path) -> None:
    """So that chunks of before are not used."""
    before = choose_model(MINE).purpose(MINE)
    assert choose_model(MINE).purpose(MINE) == before
    generator = read_generator(generator_file)
    init_weights(generator.network, seed=1)
    other = tmp_path / "other.safetensors"
    other.write_bytes(generator_file_of(generator.network, generator.config))
    import_model(other, "mine", half=True, overwrite=True)
    assert choose_model(MINE).purpose(MINE) != before


def test_a_file_that_this_version_does_not_know_is_one_line(model: Model) -> None:
    choice = replace(choose_model(MINE), weights=model.path.read_bytes()[:-2])
    with pytest.raises(ModelError, match=r"^mine: its file is damaged or cut off \(.*\): get"):
        choice.generator()
