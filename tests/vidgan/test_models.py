"""Models by name: kept, found, shown, exported, refused."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from cyclegan import Translator, load_generator
from cyclegan.checkpoint import save_generator
from cyclegan.config import DiscriminatorConfig, ResnetConfig
from cyclegan.discriminators import PatchDiscriminator
from cyclegan.folders import is_held_out
from cyclegan.networks import build_generator, init_weights
from cyclegan.weights import read_generator
from vidgan.card import Card
from vidgan.models import PACKAGE_MODELS, find_model, list_models, run_size

Command = Callable[..., Any]

FRAME = np.random.default_rng(3).integers(0, 256, (1, 24, 32, 3), np.uint8)
BUNDLED_BYTES, BUNDLED_MACS = 2_500_000, 3e9


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's own models, none at first."""
    monkeypatch.setenv("VIDGAN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def public_file(tmp_path: Path) -> Path:
    """A file as the public CycleGAN code writes it: a bare state dict of its ResNet."""
    network = build_generator(ResnetConfig(blocks=2, filters=4))
    init_weights(network, std=0.1, seed=5)
    torch.save(network.state_dict(), tmp_path / "latest_net_G_A.pth")
    return tmp_path / "latest_net_G_A.pth"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a training: two generators."""
    (tmp_path / "run").mkdir()
    config = ResnetConfig(blocks=1, filters=4)
    for seed, direction in enumerate(("a2b", "b2a")):
        network = build_generator(config)
        init_weights(network, std=0.1, seed=seed)
        save_generator(network, config, tmp_path / "run" / f"{direction}.safetensors")
    return tmp_path / "run"


def translated(path: Path) -> Any:
    return Translator(load_generator(path), device="cpu", precision="fp32")(FRAME)


def assert_refused(said: Any, status: int, *words: str) -> None:
    assert (said.status, said.out) == (status, "")
    assert said.err.startswith("vidgan: ")
    assert said.err.count("\n") == 1
    for word in words:
        assert word in said.err


def kept(home: Path) -> set[str]:
    return {path.name for path in home.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("ray_up")
def test_a_public_file_is_imported_and_converts_by_name(
    public_file: Path, tmp_path: Path, vidgan_command: Command
) -> None:
    Image.fromarray(FRAME[0]).save(tmp_path / "photo.png")
    said = vidgan_command("models", "import", public_file, "--name", "mine", "--size", 24)
    assert (said.status, said.err) == (0, "")
    assert find_model("mine").card.size == 24
    public_file.unlink()  # the import is a copy
    said = vidgan_command("convert", "photo.png", "--pair", "mine", "--precision", "fp32")
    assert said.status == 0
    with Image.open("photo.mine.png") as picture:
        assert np.array_equal(np.asarray(picture), translated(find_model("mine").path)[0])


@pytest.mark.parametrize("direction", ["a2b", "b2a"])
def test_a_run_is_imported_in_a_direction(
    run: Path, vidgan_command: Command, direction: str
) -> None:
    said = vidgan_command("models", "import", run, "--name", "mine", "--direction", direction)
    assert said.status == 0
    expected = translated(run / f"{direction}.safetensors")
    assert np.array_equal(translated(find_model("mine").path), expected)


def test_half_precision_halves_a_model_and_changes_hardly_a_level(
    run: Path, vidgan_command: Command
) -> None:
    vidgan_command("models", "import", run, "--name", "whole")
    assert vidgan_command("models", "import", run, "--name", "half", "--half").status == 0
    whole, half = (find_model(name).path for name in ("whole", "half"))
    weights = sum(each.numel() for each in load_generator(whole).parameters())
    saved = whole.stat().st_size - half.stat().st_size
    assert saved == pytest.approx(2 * weights, abs=64)  # offsets in the header are shorter, too
    difference = translated(whole).astype(int) - translated(half)
    assert abs(difference).max() <= 1


def test_weights_that_half_precision_cannot_hold_are_not_kept(
    home: Path, run: Path, vidgan_command: Command
) -> None:
    network = load_generator(run / "a2b.safetensors")
    next(network.parameters()).data[0] = 70000
    config = read_generator(run / "a2b.safetensors").config
    save_generator(network, config, run / "a2b.safetensors")
    said = vidgan_command("models", "import", run, "--name", "mine", "--half")
    assert_refused(said, 1, "fp16 cannot hold", "without --half")
    assert not home.exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "-x", "two words", "é", "a\nb"])
def test_a_hostile_name_is_refused(
    home: Path, public_file: Path, vidgan_command: Command, name: str
) -> None:
    said = vidgan_command("models", "import", public_file, f"--name={name}")
    assert_refused(said, 2, "--name", "letters, digits")
    assert not home.exists()


def test_a_name_that_is_taken_stays_what_it_is(
    run: Path, public_file: Path, vidgan_command: Command
) -> None:
    vidgan_command("models", "import", run, "--name", "mine")
    before = find_model("mine").path.read_bytes()
    said = vidgan_command("models", "import", public_file, "--name", "mine")
    assert_refused(said, 1, "mine", "another name")
    assert find_model("mine").path.read_bytes() == before
    said = vidgan_command("models", "import", public_file, "--name", "mine", "--overwrite")
    assert said.status == 0
    assert np.array_equal(translated(find_model("mine").path), translated(public_file))


def test_what_is_no_generator_is_not_kept(
    home: Path, tmp_path: Path, vidgan_command: Command
) -> None:
    network = PatchDiscriminator(DiscriminatorConfig(filters=4))
    torch.save(network.state_dict(), tmp_path / "latest_net_D_A.pth")
    said = vidgan_command("models", "import", "latest_net_D_A.pth", "--name", "mine")
    assert_refused(said, 1, "latest_net_D_A.pth", "discriminator")
    said = vidgan_command("models", "import", "gone.pth", "--name", "mine")
    assert_refused(said, 1, "gone.pth", "no such file")
    assert kept(home) == set()


@pytest.mark.parametrize("name", ["out.pth", "out.safetensors"])
def test_an_exported_file_computes_the_same(
    run: Path, tmp_path: Path, vidgan_command: Command, name: str
) -> None:
    vidgan_command("models", "import", run, "--name", "mine")
    said = vidgan_command("models", "export", "mine", name)
    assert (said.status, said.err) == (0, "")
    theirs, ours = load_generator(tmp_path / name), load_generator(run / "a2b.safetensors")
    for (key, tensor), (other, same) in zip(
        theirs.state_dict().items(), ours.state_dict().items(), strict=True
    ):
        assert key == other
        assert torch.equal(tensor, same)
    assert np.array_equal(translated(tmp_path / name), translated(run / "a2b.safetensors"))
    if name.endswith(".pth"):
        assert isinstance(torch.load(tmp_path / name, weights_only=True), dict)


@pytest.mark.parametrize("name", ["out.pth", "out.safetensors"])
def test_a_fast_generator_is_exported_whole_or_not_at_all(
    generator_file: Path, tmp_path: Path, vidgan_command: Command, name: str
) -> None:
    """A state dict has no place for its share of the input, which decides what it computes."""
    vidgan_command("models", "import", generator_file, "--name", "mine")
    said = vidgan_command("models", "export", "mine", name)
    if name.endswith(".pth"):
        assert_refused(said, 1, "public CycleGAN code", "mine", ".safetensors")
        assert not (tmp_path / name).exists()
    else:
        assert np.array_equal(translated(tmp_path / name), translated(generator_file))


def test_an_export_that_cannot_be_is_refused(
    run: Path, tmp_path: Path, vidgan_command: Command
) -> None:
    vidgan_command("models", "import", run, "--name", "mine")
    (tmp_path / "there.pth").write_bytes(b"precious")
    said = vidgan_command("models", "export", "mine", "there.pth")
    assert_refused(said, 1, "there.pth: exists already", "another name")
    assert (tmp_path / "there.pth").read_bytes() == b"precious"
    before = set(tmp_path.rglob("*"))
    said = vidgan_command("models", "export", "mine", "out.pt")
    assert_refused(said, 1, "out.pt: ", ".safetensors, .pth, .onnx or .pt2")
    said = vidgan_command("models", "export", "mine", "nowhere/out.pth")
    assert_refused(said, 1, "nowhere/out.pth: cannot be written")
    said = vidgan_command("models", "export", "mime", "out.pth")
    assert_refused(said, 2, "unknown pair 'mime'", "did you mean mine?")
    assert set(tmp_path.rglob("*")) == before


def test_lists_and_cards(run: Path, vidgan_command: Command) -> None:
    for name in ("zebra", "apple"):
        vidgan_command("models", "import", run, "--name", name)
    own = {"apple", "zebra"}
    for words in (["models"], ["models", "list"]):
        said = vidgan_command(*words)
        assert (said.status, said.err) == (0, "")
        names = [line.split()[0] for line in said.out.splitlines()]
        assert own <= set(names)
        assert names == sorted(names)
    listed = json.loads(vidgan_command("models", "list", "--json").out)
    assert own == {model["name"] for model in listed if model["origin"] == "user"}
    said = vidgan_command("models", "show", "apple")
    assert "name: apple\n" in said.out
    assert "origin: user\n" in said.out
    said = vidgan_command("models", "show", "appel")
    assert_refused(said, 2, "unknown pair 'appel'", "did you mean apple?")


def test_a_user_s_model_hides_the_package_s_and_a_damaged_card_costs_no_model(
    run: Path, home: Path, vidgan_command: Command
) -> None:
    vidgan_command("models", "import", run, "--name", "summer2winter")
    assert not find_model("summer2winter").bundled
    (home / "models/summer2winter.json").write_text('{"size": ')
    assert find_model("summer2winter").card.summary == "(no readable card)"
    said = vidgan_command("models", "export", "summer2winter", "out.pth")
    assert said.status == 0


@pytest.mark.parametrize(
    "card",
    [
        '{"summary": "x", "size": "144"}',
        '{"summary": "x", "size": true}',
        '{"summary": ["x"]}',
        '{"size": 144}',
        '{"summary": "x", "figures": "0.7"}',
        '{"summary": "x", "commands": ["vidgan train", 3]}',
        '{"summary": "x", "held_out_a": ["\\u001b[2J"]}',
        '{"summary": "x", "pictures": ["../other.jpg"]}',
        '{"summary": "x", "pictures": [".."]}',
        '{"summary": "x", "pictures": [""]}',
        '{"summary": "x", "size": -144}',
        '{"summary": "\\u001b[2J"}',
        "[]",
        "3",
        "[" * 100_000,
    ],
)
def test_a_card_of_wrong_types_is_no_card(
    run: Path, home: Path, vidgan_command: Command, card: str
) -> None:
    vidgan_command("models", "import", run, "--name", "mine")
    (home / "models/mine.json").write_text(card)
    assert find_model("mine").card == Card(name="mine", summary="(no readable card)")
    assert vidgan_command("models").status == 0


def test_a_card_is_utf_8_whatever_the_locale(run: Path, home: Path) -> None:
    code = (
        "import pathlib, sys; from vidgan.importing import import_model\n"
        "from vidgan.models import find_model\n"
        "import_model(pathlib.Path(sys.argv[1]), 'mine', summary='\\xe9t\\xe9')\n"
        "assert find_model('mine').card.summary == '\\xe9t\\xe9'"
    )
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run([sys.executable, "-c", code, str(run)], env=env, check=True)
    assert "été" in (home / "models/mine.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("config", "size"),
    [
        ('{"preprocess": {"crop": 128, "load": 144}}', 144),
        ('{"preprocess": {"load": "144"}}', 0),
        ('{"preprocess": 3}', 0),
        ("[]", 0),
        ("{", 0),
        (None, 0),
    ],
)
def test_a_run_is_imported_with_the_size_it_was_trained_at(
    run: Path, vidgan_command: Command, config: str | None, size: int
) -> None:
    if config is not None:
        (run / "config.json").write_text(config)
    assert run_size(run) == size
    assert vidgan_command("models", "import", run, "--name", "mine").status == 0
    assert find_model("mine").card.size == size
    vidgan_command("models", "import", run, "--name", "other", "--size", 0)
    assert find_model("other").card.size == 0


def test_a_model_is_kept_with_the_steadiness_that_is_asked_for(
    run: Path, vidgan_command: Command
) -> None:
    said = vidgan_command("models", "import", run, "--name", "calm", "--steady", 0.85)
    assert said.status == 0
    assert find_model("calm").card.steady == 0.85
    vidgan_command("models", "export", "calm", "calm.safetensors")
    vidgan_command("models", "import", "calm.safetensors", "--name", "again")
    assert find_model("again").card.steady == 0.85
    said = vidgan_command("models", "import", run, "--name", "frozen", "--steady", 1)
    assert said.status == 2
    assert said.lines == ["vidgan: --steady 1: must be from 0 to less than 1"]


def test_several_generators_become_their_average(run: Path, vidgan_command: Command) -> None:
    first, second = run / "a2b.safetensors", run / "b2a.safetensors"
    said = vidgan_command("models", "import", first, second, second, "--name", "mean")
    assert said.status == 0, said.err
    one, other, mean = (
        load_generator(path).state_dict() for path in (first, second, find_model("mean").path)
    )
    for name, weight in mean.items():
        torch.testing.assert_close(weight, (one[name] + 2 * other[name]) / 3)


def test_generators_of_two_architectures_have_no_average(
    run: Path, public_file: Path, vidgan_command: Command, home: Path
) -> None:
    said = vidgan_command("models", "import", run, public_file, "--name", "mean")
    assert said.status == 1
    [line] = said.lines
    assert "latest_net_G_A.pth" in line
    assert line.endswith("; give generators of one architecture")
    assert not list(home.glob("models/mean*"))


BUNDLED = sorted(path.stem for path in PACKAGE_MODELS.glob("*.safetensors"))


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_model_changes_pictures_and_has_a_whole_card(name: str) -> None:
    model = find_model(name)
    assert model.bundled
    for fact, value in model.to_json().items():
        assert value or fact == "steady", f"its card says nothing of its {fact}"
    made = translated(model.path)
    assert made.shape == FRAME.shape
    assert np.abs(made.astype(int) - FRAME).mean() > 5


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_model_is_small_and_steadied(name: str) -> None:
    model = find_model(name)
    assert model.path.stat().st_size < BUNDLED_BYTES
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        load_generator(model.path)(torch.zeros(1, 3, 256, 256))
    assert counter.get_total_flops() / 2 < BUNDLED_MACS
    assert 0.5 < model.card.steady < 1


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_card_has_pictures_and_names_those_that_were_held_out(name: str) -> None:
    card = find_model(name).card
    for picture in find_model(name).to_json()["pictures"]:  # type: ignore[attr-defined]
        with Image.open(picture) as image:
            assert image.size == (720, 270)
    for domain in (card.held_out_a, card.held_out_b):
        assert len(domain) > 50
        assert all(is_held_out(Path(picture)) for picture in domain)


def test_a_card_goes_along_but_for_its_pictures(
    run: Path, tmp_path: Path, vidgan_command: Command
) -> None:
    """And an average has none of the figures of what it is made of."""
    own = find_model("day2night").card
    assert vidgan_command("models", "export", "day2night", "one.safetensors").status == 0
    vidgan_command("models", "import", "one.safetensors", "--name", "again")
    assert find_model("again").card == replace(own, name="again", pictures=())
    vidgan_command("models", "import", *["one.safetensors"] * 2, "--name", "mean")
    mean = find_model("mean").card
    assert (mean.figures, mean.commands, mean.limits) == ((), (), own.limits)
    lines = vidgan_command("models", "show", "day2night").out.splitlines()
    assert f"  {own.commands[0]}" in lines[lines.index("commands:") + 1]
    assert f"held_out_a: {len(own.held_out_a)}: {', '.join(own.held_out_a)}" in lines


def test_every_bundled_model_has_its_card() -> None:
    assert sorted(path.stem for path in PACKAGE_MODELS.glob("*.json")) == BUNDLED


def test_the_package_brings_its_four_models() -> None:
    bundled = {model.card.name for model in list_models() if model.bundled}
    assert bundled >= {"summer2winter", "winter2summer", "day2night", "night2day"}
