"""Whatever file is given as weights: a generator, or one line that says what it is instead."""

import json
import os
import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from cyclegan.checkpoint import WeightsError, save_checkpoint, save_generator
from cyclegan.config import (
    DiscriminatorConfig,
    FastConfig,
    GeneratorConfig,
    ResnetConfig,
    UnetConfig,
    generator_to_json,
)
from cyclegan.discriminators import PatchDiscriminator
from cyclegan.networks import build_generator
from cyclegan.reference import infer_config
from cyclegan.state import new_state
from cyclegan.train_config import TrainConfig
from cyclegan.weights import load_generator, read_generator

SMALL = ResnetConfig(blocks=1, filters=4)


def state_of(config: GeneratorConfig) -> dict[str, Tensor]:
    return dict(build_generator(config).state_dict())


def refusal(file: Path) -> str:
    """The one line that refuses `file`, which it must name."""
    with pytest.raises(WeightsError) as caught:
        load_generator(file)
    text = str(caught.value)
    assert str(file) in text
    assert "\n" not in text
    assert len(text) < len(str(file)) + 300
    return text.replace(str(file), "FILE")


@pytest.mark.parametrize(
    "config",
    [
        ResnetConfig(blocks=2, filters=4, norm="batch", dropout=True),
        ResnetConfig(blocks=0, filters=4),
        UnetConfig(downs=5, filters=4, dropout=True),
        FastConfig(blocks=2, filters=4, input_share=0.25),
        FastConfig(blocks=2, filters=4, separable=True),
    ],
    ids=lambda config: type(config).__name__,
)
def test_our_own_files_keep_configuration_metadata_and_outputs(
    tmp_path: Path, config: GeneratorConfig
) -> None:
    network = build_generator(config).eval()
    save_generator(network, config, tmp_path / "g.safetensors", metadata={"title": "winter"})

    loaded = read_generator(str(tmp_path / "g.safetensors"))

    assert loaded.config == config
    assert loaded.metadata == {"title": "winter"}
    assert not loaded.network.training
    assert not any(p.requires_grad for p in loaded.network.parameters())
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(loaded.network(x), network(x))


def test_weights_saved_in_half_precision_are_read_as_float32(tmp_path: Path) -> None:
    network = build_generator(SMALL)
    save_generator(network, SMALL, tmp_path / "g.safetensors", dtype=torch.bfloat16)
    loaded = load_generator(tmp_path / "g.safetensors")
    for ours, theirs in zip(loaded.parameters(), network.parameters(), strict=True):
        assert ours.dtype == torch.float32
        assert torch.equal(ours, theirs.bfloat16().float())


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        UnetConfig(downs=6, filters=2),
        FastConfig(blocks=3, filters=5),
        FastConfig(blocks=2, filters=4, separable=True),
    ],
    ids=str,
)
def test_files_without_our_metadata_are_read_by_their_tensors(
    tmp_path: Path, config: GeneratorConfig
) -> None:
    save_file(state_of(config), tmp_path / "bare.safetensors")
    torch.save(state_of(config), tmp_path / "bare.pth")
    assert read_generator(tmp_path / "bare.safetensors").config == config
    assert read_generator(tmp_path / "bare.pth").config == config


def test_the_name_of_a_file_does_not_matter(tmp_path: Path) -> None:
    save_generator(build_generator(SMALL), SMALL, tmp_path / "g.pth")
    torch.save(state_of(SMALL), tmp_path / "h.safetensors")
    assert read_generator(tmp_path / "g.pth").config == SMALL
    assert read_generator(tmp_path / "h.safetensors").config == SMALL


def test_a_file_changed_after_reading_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "g.safetensors"
    save_generator(build_generator(SMALL), SMALL, file)
    network = load_generator(file)
    before = network(torch.ones(1, 3, 16, 16))
    with file.open("r+b") as handle:
        handle.seek(-4000, os.SEEK_END)
        handle.write(bytes(4000))
    assert torch.equal(network(torch.ones(1, 3, 16, 16)), before)


def test_infer_config_needs_no_memory() -> None:
    with torch.device("meta"):
        state = build_generator(ResnetConfig(filters=512)).state_dict()
    assert infer_config(state) == ResnetConfig(filters=512)


# What is not a generator


def test_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.pth") == "FILE is not there: check the path"


def test_folder(tmp_path: Path) -> None:
    assert "is a folder: give a file of weights" in refusal(tmp_path)
    save_generator(build_generator(SMALL), SMALL, tmp_path / "a2b.safetensors")
    assert "is a folder: give a file in it, such as a2b.safetensors" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html><title>Not found</title></html>", "is a web page"),
        (b"these are not the weights you are looking for", "is not a file of weights"),
        (b"PK\x03\x04" + bytes(200), "is damaged or cut off"),
        (struct.pack("<Q", 2**60) + b"{" + bytes(20), "is damaged or cut off"),
        (struct.pack("<Q", 13) + b'{"a":{"b":1}}', "is damaged or cut off"),
    ],
    ids=["empty", "lfs", "html", "text", "zip", "huge-header", "bad-header"],
)
def test_files_that_are_no_weights(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "net.pth").write_bytes(content)
    assert words in refusal(tmp_path / "net.pth")


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("kept", [9, 300, 0.5, 0.999])
def test_a_file_cut_off_anywhere(tmp_path: Path, kind: str, kept: float) -> None:
    file = tmp_path / "net.pth"
    if kind == "safetensors":
        save_generator(build_generator(SMALL), SMALL, file)
    else:
        torch.save(state_of(SMALL), file, _use_new_zipfile_serialization=kind == "zip")
    content = file.read_bytes()
    file.write_bytes(content[: int(kept if kept > 1 else kept * len(content))])
    assert "is damaged or cut off" in refusal(file)


class Trap:
    """Unpickled by an ordinary reader, this makes the folder `sprung`."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.sprung),)


@pytest.mark.parametrize("maker", ["zip", "legacy", "pickle", "pickle-2"])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path, maker: str) -> None:
    file, sprung = tmp_path / "net.pth", tmp_path / "sprung"
    content = {"model.1.weight": Trap(sprung)}
    if maker.startswith("pickle"):
        file.write_bytes(pickle.dumps(content, protocol=2 if maker == "pickle-2" else 5))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=maker == "zip")

    assert "torch.save(net.state_dict(), FILE)" in refusal(file)
    assert not sprung.exists()

    if maker == "pickle":  # the trap itself works
        pickle.loads(file.read_bytes())  # noqa: S301
        assert sprung.exists()


def test_a_whole_pickled_network_is_refused(tmp_path: Path) -> None:
    torch.save(build_generator(SMALL), tmp_path / "net.pth")
    assert "holds code (cyclegan.networks.ResnetGenerator)" in refusal(tmp_path / "net.pth")


def test_a_discriminator(tmp_path: Path) -> None:
    network = PatchDiscriminator(DiscriminatorConfig(filters=4))
    torch.save(network.state_dict(), tmp_path / "latest_net_D_A.pth")
    text = refusal(tmp_path / "latest_net_D_A.pth")
    assert text == (
        "FILE is a PatchGAN discriminator: give the generator, usually named ..._net_G_A.pth"
    )


def test_a_discriminator_with_batch_norm(tmp_path: Path) -> None:
    network = PatchDiscriminator(DiscriminatorConfig(filters=4, norm="batch"))
    torch.save(network.state_dict(), tmp_path / "latest_net_D_A.pth")
    assert "is a PatchGAN discriminator" in refusal(tmp_path / "latest_net_D_A.pth")


def test_a_checkpoint_of_our_own_training(tmp_path: Path, tiny: TrainConfig) -> None:
    save_checkpoint(new_state(tiny, torch.device("cpu")).shared(), tmp_path / "checkpoint.pt")
    assert "give the a2b.safetensors or b2a.safetensors" in refusal(tmp_path / "checkpoint.pt")


def optimiser_state() -> dict[str, Any]:
    return torch.optim.Adam([torch.ones(1, requires_grad=True)]).state_dict()


def expanded(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A weight that claims 10 GB and brings 4 bytes."""
    state["model.26.weight"] = torch.zeros(1).expand(2_500_000_000)
    return state


def without(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (optimiser_state(), "is the state of an optimiser"),
        ({"G_A": state_of(SMALL), "G_B": state_of(SMALL)}, "holds several parts (G_A, G_B)"),
        ({"epoch": 3}, "holds no state dict"),
        ({}, "holds no state dict"),
        ([torch.ones(3)], "holds no state dict"),
        (torch.ones(3), "holds no state dict"),
        ({"fc.weight": torch.ones(3, 3)}, "an architecture that is not known here"),
        (without(state_of(SMALL), "model.4.bias"), "lacks 1 tensors (model.4.bias for one)"),
        ({**state_of(SMALL), "model.9.filt": torch.ones(3)}, "has 1 unknown tensors"),
        ({**state_of(SMALL), "model.4.bias": torch.ones(9)}, "of shape (9,) instead of (8,)"),
        ({**state_of(SMALL), "model.4.bias": torch.full((8,), torch.nan)}, "not finite"),
        ({**state_of(SMALL), "model.4.bias": torch.ones(8, dtype=torch.int8)}, "torch.int8"),
        ({**state_of(SMALL), "model.4.bias": torch.ones(8, device="meta")}, "without data"),
        ({**state_of(SMALL), "model.4.bias": torch.ones(8).to_sparse()}, "without data"),
        (expanded(state_of(SMALL)), "without data of its own"),
        (state_of(ResnetConfig(blocks=1, filters=4, channels=1)), "turns 1 channels into 1"),
        (state_of(UnetConfig(downs=5, filters=1, channels=4)), "turns 4 channels into 4"),
        (state_of(FastConfig(blocks=1, filters=4, channels=1)), "turns 1 channels into 1"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_state_dicts_that_are_no_generators(tmp_path: Path, content: object, words: str) -> None:
    torch.save(content, tmp_path / "net.pth")
    assert words in refusal(tmp_path / "net.pth")


HUGE = json.loads(generator_to_json(SMALL)) | {"blocks": 4096, "filters": 4096}


@pytest.mark.parametrize(
    "said",
    [
        HUGE,
        {"kind": "unet", "downs": 4096},
        {"kind": "unet", "downs": -3},
        {"kind": "fast", "blocks": 1, "filters": 4},
        {"kind": ["resnet"]},
        {"kind": "resnet", "blocks": "1"},
        {"kind": "resnet", "blocks": True},
        {"kind": "resnet", "norm": "layer"},
        {"kind": "resnet", "code": "import os"},
        ["resnet"],
        None,
    ],
    ids=str,
)
def test_metadata_that_lies(tmp_path: Path, said: object) -> None:
    save_file(state_of(SMALL), tmp_path / "g.safetensors", {"generator": json.dumps(said)})
    text = refusal(tmp_path / "g.safetensors")
    assert "has damaged metadata" in text or "says it is" in text


@pytest.mark.parametrize("text", ["", "not json", "[" * 100_000, '{"kind": "fast", "blocks": NaN}'])
def test_metadata_that_is_no_json(tmp_path: Path, text: str) -> None:
    save_file(state_of(SMALL), tmp_path / "g.safetensors", {"generator": text})
    assert "has damaged metadata" in refusal(tmp_path / "g.safetensors")


@pytest.mark.parametrize("share", ["NaN", "Infinity", "true", "1e300"])
def test_a_share_that_is_no_number(tmp_path: Path, share: str) -> None:
    config = FastConfig(blocks=1, filters=4)
    text = generator_to_json(config).replace("0.5", share)
    save_file(state_of(config), tmp_path / "g.safetensors", {"generator": text})
    assert "input_share must be a number" in refusal(tmp_path / "g.safetensors")


@pytest.mark.parametrize("eps", ["0.0", "-1.0", "1e-300", "1e5", "NaN", "true"])
def test_an_eps_that_is_none(tmp_path: Path, eps: str) -> None:
    config = FastConfig(blocks=1, filters=4)
    text = generator_to_json(config).replace("1e-05", eps)
    save_file(state_of(config), tmp_path / "g.safetensors", {"generator": text})
    assert "norm_eps must be" in refusal(tmp_path / "g.safetensors")


def empty_tensors(shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    """A safetensors file of tensors without elements, whatever else their shapes claim."""
    header = {
        name: {"dtype": "F32", "shape": list(shape), "data_offsets": [0, 0]}
        for name, shape in shapes.items()
    }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    "shapes",
    [
        {"model.1.weight": (10**9, 0, 7, 7)},
        {"model.1.weight": (0, 3, 7, 7), "model.17.weight": (3, 0, 7, 7)},
        {"model.model.0.weight": (10**9, 3, 4, 0)},
        {"stem.0.weight": (10**9, 0, 7, 7)},
        {"model.1.weight": (0,) * 30},
    ],
)
def test_shapes_without_data_build_nothing(
    tmp_path: Path, shapes: Mapping[str, tuple[int, ...]]
) -> None:
    (tmp_path / "g.safetensors").write_bytes(empty_tensors(shapes))
    refusal(tmp_path / "g.safetensors")


def test_names_that_claim_countless_levels_or_blocks(tmp_path: Path) -> None:
    deep = {
        f"model.model.1.{'model.3.' * n}model.1.weight": torch.zeros(4, 4, 4, 4) for n in range(500)
    }
    first = {"model.model.0.weight": torch.zeros(4, 3, 4, 4)}
    save_file(first | deep, tmp_path / "deep.safetensors")
    assert "is a U-Net of 501 levels" in refusal(tmp_path / "deep.safetensors")

    wide = {f"model.{10 + n}.conv_block.1.weight": torch.zeros(1) for n in range(500)}
    save_file({"model.1.weight": torch.zeros(4, 3, 7, 7)} | wide, tmp_path / "wide.safetensors")
    assert "has 500 residual blocks" in refusal(tmp_path / "wide.safetensors")
