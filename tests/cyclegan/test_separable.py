"""A separable student begins near its teacher."""

import pytest
import torch
from torch import Tensor

from cyclegan.config import FastConfig, ResnetConfig
from cyclegan.networks import FastGenerator, build_generator, init_weights
from cyclegan.separable import begin_near

DENSE = FastConfig(blocks=2, filters=8)
SEPARABLE = FastConfig(blocks=2, filters=8, separable=True)


def fast(config: FastConfig, *, seed: int) -> FastGenerator:
    network = build_generator(config)
    assert isinstance(network, FastGenerator)
    init_weights(network, std=0.2, seed=seed)
    return network.eval().requires_grad_(False).double()


def pictures() -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.rand((2, 3, 32, 40), generator=random, dtype=torch.float64) * 2 - 1


def distance(one: FastGenerator, other: FastGenerator) -> float:
    return float((one(pictures()) - other(pictures())).abs().max())


def test_of_a_teacher_whose_kernels_are_separable_it_is_the_very_same() -> None:
    other, student = fast(SEPARABLE, seed=1), fast(SEPARABLE, seed=2)
    parts, whole = other.state_dict(), fast(DENSE, seed=3)
    kernels = {name: value for name, value in parts.items() if name in whole.state_dict()}
    for block in range(2):
        for place in (1, 5):
            name = f"blocks.{block}.conv_block.{place}"
            kernels[f"{name}.weight"] = parts[f"{name}.1.weight"] * parts[f"{name}.0.weight"][:, 0]
            kernels[f"{name}.bias"] = parts[f"{name}.1.bias"]
    for name in ("up.0", "up.1"):
        kernels[f"{name}.weight"] = (
            parts[f"{name}.pointwise.weight"] * parts[f"{name}.depthwise.weight"]
        )
        kernels[f"{name}.bias"] = parts[f"{name}.depthwise.bias"]
    whole.load_state_dict(kernels)
    assert distance(whole, other) < 1e-9
    assert distance(whole, student) > 0.1
    assert begin_near(student, whole)
    assert distance(whole, student) < 1e-9


def test_of_any_teacher_no_other_separable_kernels_are_as_near() -> None:
    teacher, student = fast(DENSE, seed=1), fast(SEPARABLE, seed=2)
    assert begin_near(student, teacher)
    dense, parts = teacher.state_dict(), student.state_dict()
    kernels = dense["blocks.0.conv_block.1.weight"]
    depthwise = parts["blocks.0.conv_block.1.0.weight"][:, 0]
    pointwise = parts["blocks.0.conv_block.1.1.weight"]
    left = kernels - pointwise * depthwise
    # Nearest in squares: what is left has nothing along either factor.
    assert float(torch.einsum("oikl,ikl->oi", left, depthwise).abs().max()) < 1e-5
    assert float(torch.einsum("oikl,oi->ikl", left, pointwise[..., 0, 0]).abs().max()) < 1e-5
    assert 0 < float(left.square().sum()) < float(kernels.square().sum())


@pytest.mark.parametrize(
    "teacher",
    [
        FastConfig(blocks=3, filters=8),
        FastConfig(blocks=2, filters=4),
        FastConfig(blocks=2, filters=8, input_share=0.25),
        SEPARABLE,
        ResnetConfig(blocks=2, filters=8),
    ],
)
def test_others_are_no_teachers_to_begin_near(teacher: FastConfig | ResnetConfig) -> None:
    student, network = fast(SEPARABLE, seed=1), build_generator(teacher)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    assert not begin_near(student, network)
    assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())


def test_less_than_a_quarter_of_the_work_is_left() -> None:
    """Multiplications of a 256x256 picture, by hooks on the convolutions."""
    work: dict[bool, int] = {}
    for separable in (False, True):
        network, counted = fast(FastConfig(separable=separable), seed=0), [0]

        def count(
            layer: torch.nn.Conv2d, _: object, out: Tensor, counted: list[int] = counted
        ) -> None:
            counted[0] += out.numel() * layer.weight[0].numel()

        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d):
                layer.register_forward_hook(count)
        network(torch.zeros(1, 3, 256, 256, dtype=torch.float64))
        work[separable] = counted[0]
    assert work[False] == pytest.approx(2.8e9, rel=0.01)
    assert work[True] == pytest.approx(0.64e9, rel=0.01)


def test_drawn_weights_carry_as_much_as_dense_ones() -> None:
    """Where nothing normalises: two halves of N(0, 0.02) each would leave a three-thousandth."""
    spreads = []
    for separable in (False, True):
        network = build_generator(FastConfig(separable=separable))
        assert isinstance(network, FastGenerator)
        init_weights(network, seed=0)
        with torch.no_grad():
            wide = torch.randn((1, 64, 16, 16), generator=torch.Generator().manual_seed(0))
            spreads.append(float(network.up(wide).std()))
    assert 0.3 < spreads[1] / spreads[0] < 3
