"""Weights and checkpoints on disk: whole or not there, and the same bytes each time."""

from pathlib import Path

import pytest
import torch
from torch import nn

from cyclegan.atomic import write_atomically
from cyclegan.checkpoint import load_checkpoint, save_checkpoint, save_generator
from cyclegan.config import FastConfig
from cyclegan.networks import build_generator


def test_a_failed_write_keeps_the_file_that_was_there(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_text("old")

    def fail(part: Path) -> None:
        part.write_text("half of the n")
        assert file.read_text() == "old"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_atomically(file, fail)
    assert [p.name for p in tmp_path.iterdir()] == ["weights"]
    assert file.read_text() == "old"

    write_atomically(file, lambda part: part.write_text("new"))
    assert [p.name for p in tmp_path.iterdir()] == ["weights"]
    assert file.read_text() == "new"


def test_a_checkpoint_that_cannot_be_saved_keeps_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    save_checkpoint({"step": 1}, file)
    with pytest.raises(Exception, match="pickle"):
        save_checkpoint({"step": 2, "bad": lambda: None}, file)
    assert load_checkpoint(file) == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_same_weights_same_bytes(tmp_path: Path) -> None:
    config = FastConfig(blocks=1, filters=4)
    network: nn.Module = build_generator(config)
    metadata = {f"key {n}": str(n) for n in range(20)}
    for name in ("one", "two"):
        save_generator(network, config, tmp_path / name, metadata=metadata)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    save_generator(
        network.to(memory_format=torch.channels_last), config, tmp_path / "three", metadata=metadata
    )
    assert (tmp_path / "three").read_bytes() == (tmp_path / "one").read_bytes()
