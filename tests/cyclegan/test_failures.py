"""What a machine cannot do ends a training in one line that says what to change."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch._inductor.config
from torch import Tensor, nn
from torch._dynamo.utils import counters

from cyclegan.config import ResnetConfig
from cyclegan.data import Preprocess, UnpairedImages, list_images
from cyclegan.failures import named_failures
from cyclegan.run import RunOptions, run_learning, run_training
from cyclegan.state import TrainingError, TrainState, new_state
from cyclegan.train_config import LossWeights, TrainConfig
from cyclegan.training import CycleLearning, Progress, train

CPU = torch.device("cpu")
TOO_MUCH = 1 << 50
"""Bytes: more than any process has addresses for, so that no machine gives them."""


class Greedy(UnpairedImages):
    """Pictures that do not fit into memory."""

    def __getitem__(self, item: int) -> tuple[Tensor, ...]:
        return (torch.empty(TOO_MUCH, dtype=torch.uint8),) * 2


@dataclass(frozen=True, slots=True)
class GreedyNetworks(CycleLearning):
    """Networks whose activations do not fit into memory."""

    def new_state(self, device: torch.device, *, rank: int) -> TrainState:
        def hook(network: nn.Module, inputs: object, output: Tensor) -> None:
            torch.empty(TOO_MUCH, dtype=torch.uint8)

        state = CycleLearning.new_state(self, device, rank=rank)
        state.networks.d_b.register_forward_hook(hook)
        return state


def pictures(
    config: TrainConfig,
    domains: tuple[Path, Path],
    kind: type[UnpairedImages] = UnpairedImages,
) -> UnpairedImages:
    a, b = map(list_images, domains)
    return kind(a, b, preprocess=config.preprocess, seed=config.seed, images=config.images)


@pytest.mark.parametrize("threads", [0, 1])
def test_pictures_that_do_not_fit_into_memory_end_in_one_line(
    tiny: TrainConfig, domains: tuple[Path, Path], tmp_path: Path, threads: int
) -> None:
    greedy = pictures(tiny, domains, Greedy)
    with pytest.raises(TrainingError, match=r"^out of memory \(1125899906842624 bytes more .*"):
        run_training(tiny, greedy, tmp_path / "run", options=RunOptions(loader_threads=threads))


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({}, "with a smaller --batch or a smaller --crop or --checkpointing"),
        ({"batch": 1, "checkpointing": True}, "with a smaller --crop"),
    ],
    ids=["plain", "least"],
)
def test_networks_that_do_not_fit_into_memory_end_in_one_line(
    tiny: TrainConfig,
    domains: tuple[Path, Path],
    tmp_path: Path,
    settings: dict[str, Any],
    advice: str,
) -> None:
    config = replace(tiny, **settings)
    learning, data = GreedyNetworks(config), pictures(config, domains)
    with pytest.raises(TrainingError) as raised:
        run_learning(learning, data, tmp_path / "run", options=RunOptions())
    words = str(raised.value)
    assert words.startswith("out of memory (")
    assert words.endswith(f"free some and --resume, or train anew in another --out {advice}")
    assert "\n" not in words
    assert not (tmp_path / "run/checkpoint.pt").exists()  # of half a step


def test_a_gpus_memory_is_memory_and_a_mistake_is_a_mistake(tiny: TrainConfig) -> None:
    gpu = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a")
    with pytest.raises(TrainingError, match=r"out of memory \(20\.00 MiB more") as raised:  # noqa: SIM117
        with named_failures(tiny):
            raise gpu
    assert raised.value.__cause__ is gpu
    with pytest.raises(RuntimeError, match="must match") as passed, named_failures(tiny):
        torch.zeros(2) + torch.zeros(3)
    assert not isinstance(passed.value, TrainingError)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute")  # Dynamo's own; it hides it elsewhere
@pytest.mark.skipif(shutil.which(os.environ.get("CXX", "g++")) is None, reason="no C++ compiler")
def test_compiled_networks_train_as_plain_ones_do(tiny: TrainConfig) -> None:
    config = replace(
        tiny,
        images=1,
        batch=1,
        preprocess=Preprocess(load=24, crop=24),
        generator=ResnetConfig(blocks=0, filters=4),
        loss=LossWeights(identity=0.0),
    )
    random = torch.Generator().manual_seed(5)
    batch = [torch.rand(1, 3, 24, 24, generator=random) * 2 - 1 for _ in "ab"]
    states, heard = [], list[Progress]()
    counters.clear()
    for compiled in (False, True):
        state = new_state(config, CPU)
        with torch._inductor.config.patch({"cpp.simdlen": 1}):  # no seconds to find the widest
            train(
                replace(config, compile=compiled), state, [batch], report=heard.append, device=CPU
            )
        states.append(state.shared())
    assert counters["frames"]["ok"] >= 4
    plain, built = (each.result for each in heard)
    torch.testing.assert_close(built.images.cycled_a, plain.images.cycled_a, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(
        built.losses.discriminator_b, plain.losses.discriminator_b, rtol=1e-3, atol=1e-4
    )
    assert states[0]["g_ab"].keys() == states[1]["g_ab"].keys()


@pytest.mark.slow
def test_without_a_compiler_compile_ends_in_one_line(
    domains: tuple[Path, Path], tmp_path: Path
) -> None:
    a, b = map(str, domains)
    command = [sys.executable, "-m", "vidgan", "train", "--a", a, "--b", b, "--out", "run"]
    command += ["--images", "2", "--crop", "32", "--load", "36", "--discriminator-filters", "4"]
    command += ["--device", "cpu", "--threads", "1", "--samples", "0", "--quiet", "--compile"]
    nowhere = {"CXX": str(tmp_path / "nowhere"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "kept")}
    said = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | nowhere,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert (said.returncode, said.stdout) == (1, "")
    line = said.stderr.strip().split("\n")[-1]
    assert line.startswith("vidgan: --compile: the networks could not be compiled (")
    assert "install a C++ compiler and --resume, or leave it out" in line
    assert "Traceback" not in said.stderr
