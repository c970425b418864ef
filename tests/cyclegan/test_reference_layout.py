"""Generators of the public CycleGAN code load by themselves and compute the same.

The reference's networks are built here again, from the description of their layers alone, out of
plain torch modules; what they save must come out of `load_generator` with equal outputs.
"""

from collections import OrderedDict
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from cyclegan.config import DiscriminatorConfig, ResnetConfig, UnetConfig
from cyclegan.discriminators import PatchDiscriminator
from cyclegan.reference import meta_network
from cyclegan.weights import load_generator, read_generator

Norm = Literal["instance", "batch"]


def norm_of(kind: Norm, channels: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    return nn.InstanceNorm2d(channels, affine=False, track_running_stats=False)


class Holder(nn.Module):
    """The public networks keep their layers in an attribute `model`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.model(x)
        return out


class Residual(nn.Module):
    def __init__(self, channels: int, norm: Norm, dropout: bool) -> None:
        super().__init__()
        bias = norm == "instance"
        layers = [
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, kernel_size=3, padding=0, bias=bias),
            norm_of(norm, channels),
            nn.ReLU(True),
        ]
        if dropout:
            layers.append(nn.Dropout(0.5))
        layers += [
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, kernel_size=3, padding=0, bias=bias),
            norm_of(norm, channels),
        ]
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv_block(x)
        return out


def reference_resnet(blocks: int, filters: int, norm: Norm, dropout: bool) -> nn.Module:
    bias, f = norm == "instance", filters
    return Holder(
        nn.Sequential(
            nn.ReflectionPad2d(3),
            nn.Conv2d(3, f, kernel_size=7, padding=0, bias=bias),
            norm_of(norm, f),
            nn.ReLU(True),
            nn.Conv2d(f, 2 * f, kernel_size=3, stride=2, padding=1, bias=bias),
            norm_of(norm, 2 * f),
            nn.ReLU(True),
            nn.Conv2d(2 * f, 4 * f, kernel_size=3, stride=2, padding=1, bias=bias),
            norm_of(norm, 4 * f),
            nn.ReLU(True),
            *(Residual(4 * f, norm, dropout) for _ in range(blocks)),
            nn.ConvTranspose2d(4 * f, 2 * f, 3, stride=2, padding=1, output_padding=1, bias=bias),
            norm_of(norm, 2 * f),
            nn.ReLU(True),
            nn.ConvTranspose2d(2 * f, f, 3, stride=2, padding=1, output_padding=1, bias=bias),
            norm_of(norm, f),
            nn.ReLU(True),
            nn.ReflectionPad2d(3),
            nn.Conv2d(f, 3, kernel_size=7, padding=0),
            nn.Tanh(),
        )
    )


class Skip(nn.Module):
    """A level of the U-Net. The leaky ReLU works in place, so the skip carries its result.

    (The ReLU above it makes both the same again, whichever the skip carries.)
    """

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.model(x)], 1)


def reference_unet(downs: int, filters: int, norm: Norm, dropout: bool) -> nn.Module:
    bias, f = norm == "instance", filters

    def level(outer: int, inner: int, below: nn.Module | None, drop: bool = False) -> nn.Module:
        down = nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=bias)
        ups = inner if below is None else 2 * inner
        up = nn.ConvTranspose2d(ups, outer, 4, stride=2, padding=1, bias=bias)
        middle = [] if below is None else [norm_of(norm, inner), below]
        head = [nn.LeakyReLU(0.2, True), down, *middle, nn.ReLU(True)]
        return Skip([*head, up, norm_of(norm, outer), *([nn.Dropout(0.5)] if drop else [])])

    block = level(8 * f, 8 * f, None)
    for _ in range(downs - 5):
        block = level(8 * f, 8 * f, block, dropout)
    block = level(4 * f, 8 * f, block)
    block = level(2 * f, 4 * f, block)
    block = level(f, 2 * f, block)
    down = nn.Conv2d(3, f, 4, stride=2, padding=1, bias=bias)
    up = nn.ConvTranspose2d(2 * f, 3, 4, stride=2, padding=1)
    return Holder(Holder(nn.Sequential(down, block, nn.ReLU(True), up, nn.Tanh())))


def reference_patchgan(filters: int, norm: Norm) -> nn.Module:
    bias, f = norm == "instance", filters
    layers: list[nn.Module] = [nn.Conv2d(3, f, 4, stride=2, padding=1), nn.LeakyReLU(0.2, True)]
    for inputs, outputs, stride in ((f, 2 * f, 2), (2 * f, 4 * f, 2), (4 * f, 8 * f, 1)):
        conv = nn.Conv2d(inputs, outputs, 4, stride=stride, padding=1, bias=bias)
        layers += [conv, norm_of(norm, outputs), nn.LeakyReLU(0.2, True)]
    return Holder(nn.Sequential(*layers, nn.Conv2d(8 * f, 1, 4, stride=1, padding=1)))


def trained(network: nn.Module) -> nn.Module:
    """Weights as a training might leave them, running statistics included; eval mode."""
    random = torch.Generator().manual_seed(1)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var") or (name.endswith("weight") and tensor.ndim == 1):
            tensor.uniform_(0.5, 1.5, generator=random)
        elif tensor.is_floating_point():
            fan_in = tensor[0].numel() if tensor.ndim == 4 else 100
            tensor.normal_(0.0, 1.4 * fan_in**-0.5, generator=random)
    return network.eval()


def picture(side: int, batch: int = 2) -> Tensor:
    return torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(2)) * 2 - 1


def assert_equal_outputs(reference: nn.Module, loaded: nn.Module, side: int) -> None:
    """In 64 bits, whose sums do not depend on a processor's order to any digit that counts."""
    image = picture(side).double()
    with torch.no_grad():
        expected = reference.double()(image)
        assert expected.std() > 0.05, "an empty comparison"
        torch.testing.assert_close(loaded.double()(image), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize("dropout", [False, True], ids=["plain", "dropout"])
@pytest.mark.parametrize(("blocks", "filters"), [(6, 8), (9, 5)])
def test_resnet_loads_and_computes_the_same(
    tmp_path: Path, blocks: int, filters: int, dropout: bool, norm: Norm
) -> None:
    reference = trained(reference_resnet(blocks, filters, norm, dropout))
    torch.save(reference.state_dict(), tmp_path / "latest_net_G_A.pth")

    loaded = read_generator(tmp_path / "latest_net_G_A.pth")

    wanted = ResnetConfig(blocks=blocks, filters=filters, norm=norm, dropout=dropout)
    assert loaded.config == wanted
    assert loaded.metadata == {}
    assert_equal_outputs(reference, loaded.network, 32)


def test_files_from_before_torch_1_6_load(tmp_path: Path) -> None:
    reference = trained(reference_resnet(2, 8, "instance", False))
    file = tmp_path / "latest_net_G_A.pth"
    torch.save(reference.state_dict(), file, _use_new_zipfile_serialization=False)
    assert file.read_bytes()[:1] == b"\x80", "a bare pickle, as the public files are"
    assert_equal_outputs(reference, load_generator(file), 16)


def test_the_papers_generator_at_full_width(tmp_path: Path) -> None:
    reference = trained(reference_resnet(9, 64, "instance", False))
    torch.save(reference.state_dict(), tmp_path / "latest_net_G.pth")
    assert_equal_outputs(reference, load_generator(tmp_path / "latest_net_G.pth"), 64)


@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize(("downs", "dropout"), [(7, False), (8, True), (5, True)])
def test_unet_loads_and_computes_the_same(
    tmp_path: Path, downs: int, dropout: bool, norm: Norm
) -> None:
    reference = trained(reference_unet(downs, 4, norm, dropout))
    torch.save(reference.state_dict(), tmp_path / "latest_net_G_B.pth")

    loaded = read_generator(tmp_path / "latest_net_G_B.pth")

    assert loaded.config == UnetConfig(downs=downs, filters=4, norm=norm)
    assert_equal_outputs(reference, loaded.network, 2**downs)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_patchgan_computes_the_same(norm: Norm) -> None:
    reference = trained(reference_patchgan(4, norm))
    ours = PatchDiscriminator(DiscriminatorConfig(filters=4, norm=norm)).eval()
    ours.load_state_dict(reference.state_dict())
    with torch.no_grad():
        expected = reference(picture(64))
        assert expected.shape == (2, 1, 6, 6)
        torch.testing.assert_close(ours(picture(64)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("blocks", "tensors", "parameters"), [(9, 48, 11_378_179), (6, 36, 7_837_699)]
)
def test_resnets_have_the_public_sizes(blocks: int, tensors: int, parameters: int) -> None:
    network = meta_network(ResnetConfig(blocks=blocks))
    assert len(network.state_dict()) == tensors
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_the_unet_has_the_public_size() -> None:
    network = meta_network(UnetConfig(downs=8))
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == 54.4


def test_the_patchgan_has_the_public_size() -> None:
    with torch.device("meta"):
        network = PatchDiscriminator(DiscriminatorConfig())
    assert sum(p.numel() for p in network.parameters()) == 2_764_737
    weights = [name for name in network.state_dict() if name.endswith("weight")]
    assert weights == [f"model.{place}.weight" for place in (0, 2, 5, 8, 11)]


def with_old_statistics(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """As files from before October 2018: statistics of instance norm that mean nothing."""
    old = OrderedDict(state)
    for name in ("model.2", "model.5", "model.8", "model.10.conv_block.2"):
        old[f"{name}.running_mean"] = torch.full((8,), 9.0)
        old[f"{name}.running_var"] = torch.full((8,), 9.0)
        old[f"{name}.num_batches_tracked"] = torch.tensor(5)
    return old


def test_old_statistics_of_instance_norm_are_dropped(tmp_path: Path) -> None:
    reference = trained(reference_resnet(2, 8, "instance", False))
    torch.save(with_old_statistics(reference.state_dict()), tmp_path / "200_net_G_A.pth")
    assert_equal_outputs(reference, load_generator(tmp_path / "200_net_G_A.pth"), 16)


def test_batch_norm_without_the_count_of_batches_loads(tmp_path: Path) -> None:
    reference = trained(reference_resnet(2, 8, "batch", False))
    state = {k: v for k, v in reference.state_dict().items() if "num_batches" not in k}
    torch.save(state, tmp_path / "old.pth")
    assert_equal_outputs(reference, load_generator(tmp_path / "old.pth"), 16)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {f"module.{name}": value for name, value in state.items()},
        lambda state: {f"module._orig_mod.{name}": value for name, value in state.items()},
        lambda state: {"state_dict": state, "epoch": 200},
        lambda state: {"model": {"params": {f"module.{k}": v for k, v in state.items()}}},
        lambda state: {name: nn.Parameter(value) for name, value in state.items()},
        lambda state: {name: value.half() for name, value in state.items()},
    ],
    ids=["DataParallel", "compiled", "state_dict", "twice", "parameters", "half"],
)
def test_wrappers_are_seen_through(tmp_path: Path, wrap: object) -> None:
    assert callable(wrap)
    reference = trained(reference_resnet(1, 4, "instance", False))
    file = tmp_path / "latest_net_G_A_ema.pth"
    torch.save(wrap(reference.state_dict()), file)

    network = load_generator(file)

    assert not network.training
    assert all(p.dtype == torch.float32 for p in network.parameters())
    with torch.no_grad():
        difference = network(picture(16)) - reference(picture(16))
    assert difference.abs().max() < 0.02  # half precision rounds the weights
