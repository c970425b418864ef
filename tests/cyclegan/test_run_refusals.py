"""What a training on disk refuses: to write over another, and to go on from what is not its own."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cyclegan.checkpoint import WeightsError, load_checkpoint, save_checkpoint
from cyclegan.config import FastConfig
from cyclegan.data import DataError
from cyclegan.run_folder import RunFolder
from cyclegan.train_config import TrainConfig
from tests.cyclegan.runs import Domains, run


def test_a_run_is_never_overwritten(tmp_path: Path, domains: Domains, tiny: TrainConfig) -> None:
    config = replace(tiny, images=2)
    run(config, domains, tmp_path / "run")
    before = (tmp_path / "run/checkpoint.pt").read_bytes()
    with pytest.raises(WeightsError, match="run holds a run already: add --resume"):
        run(config, domains, tmp_path / "run")
    with pytest.raises(WeightsError, match=r"other settings \(see .*config.json\)"):
        run(replace(config, lr_g=1.0), domains, tmp_path / "run", resume=True)
    assert (tmp_path / "run/checkpoint.pt").read_bytes() == before


def test_a_configuration_without_a_checkpoint_is_not_overwritten(
    tmp_path: Path, domains: Domains, tiny: TrainConfig
) -> None:
    config = replace(tiny, images=2)
    run(config, domains, tmp_path / "run")
    (tmp_path / "run/checkpoint.pt").unlink()
    before = (tmp_path / "run/config.json").read_bytes()
    with pytest.raises(WeightsError, match=r"config\.json is of .* other settings: remove it, or"):
        run(replace(config, seed=8), domains, tmp_path / "run")
    assert (tmp_path / "run/config.json").read_bytes() == before
    run(config, domains, tmp_path / "run")
    assert load_checkpoint(tmp_path / "run/checkpoint.pt")["step"] == 1


def test_a_checkpoint_of_other_networks_is_refused(
    tmp_path: Path, domains: Domains, tiny: TrainConfig
) -> None:
    config = replace(tiny, images=2)
    run(config, domains, tmp_path / "run")
    other = replace(config, generator=FastConfig(blocks=1, filters=5))
    run(other, domains, tmp_path / "other")
    shutil.copy(tmp_path / "run/checkpoint.pt", tmp_path / "other/checkpoint.pt")
    with pytest.raises(WeightsError, match="not of a training with these settings"):
        run(other, domains, tmp_path / "other", resume=True)


@pytest.mark.parametrize("content", [b"", b"garbage"])
def test_resuming_from_a_broken_checkpoint(
    tmp_path: Path, domains: Domains, tiny: TrainConfig, content: bytes
) -> None:
    config = replace(tiny, images=2)
    run(config, domains, tmp_path / "run")
    (tmp_path / "run/checkpoint.pt").write_bytes(content)
    with pytest.raises(WeightsError, match="is not a readable checkpoint") as caught:
        run(config, domains, tmp_path / "run", resume=True)
    assert "\n" not in str(caught.value)


def test_resuming_where_there_is_no_run(
    tmp_path: Path, domains: Domains, tiny: TrainConfig
) -> None:
    with pytest.raises(WeightsError, match="run holds no run: train without --resume first"):
        run(tiny, domains, tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()


def test_a_run_in_use_is_refused(tmp_path: Path) -> None:
    with (
        RunFolder(tmp_path / "run").locked(),
        pytest.raises(WeightsError, match="in use by another training"),
        RunFolder(tmp_path / "run").locked(),
    ):
        pass
    with RunFolder(tmp_path / "run").locked():
        pass


def test_a_file_that_is_not_of_a_training_is_no_checkpoint(tmp_path: Path) -> None:
    save_checkpoint({"weights": torch.ones(2)}, tmp_path / "checkpoint.pt")
    with pytest.raises(WeightsError, match="is not the checkpoint of a training"):
        load_checkpoint(tmp_path / "checkpoint.pt")


def test_an_out_that_is_a_file_is_refused(
    tmp_path: Path, domains: Domains, tiny: TrainConfig
) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(WeightsError, match=r"run cannot be written \(.*\): choose another --out"):
        run(tiny, domains, tmp_path / "run")


def test_bad_data_stops_before_a_run_is_there(
    tmp_path: Path, domains: Domains, tiny: TrainConfig
) -> None:
    (domains[0] / "000.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"000\.png"):
        run(replace(tiny, batch=5), domains, tmp_path / "run")
    assert not (tmp_path / "run/checkpoint.pt").exists(), "the same command must work once repaired"
