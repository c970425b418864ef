"""Generators for other runtimes compute the same as here, at any size, or are not written."""

import builtins
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cyclegan.config import FastConfig, GeneratorConfig, ResnetConfig, UnetConfig
from cyclegan.export import ExportError, export_onnx, export_program
from cyclegan.networks import build_generator, init_weights
from cyclegan.weights import LoadedGenerator

Export = Callable[..., float]

CONFIGS: list[GeneratorConfig] = [
    FastConfig(blocks=1, filters=4),
    FastConfig(blocks=1, filters=4, separable=True),
    FastConfig(blocks=1, filters=4, norm_eps=1.0),
    ResnetConfig(blocks=1, filters=4),
    ResnetConfig(blocks=1, filters=4, norm="batch", dropout=True),
    UnetConfig(downs=5, filters=4),
    UnetConfig(downs=7, filters=2),
]
EXPORTS: list[tuple[str, Export]] = [("x.onnx", export_onnx), ("x.pt2", export_program)]


def generator(config: GeneratorConfig) -> LoadedGenerator:
    network = build_generator(config)
    init_weights(network, std=0.1, seed=3)
    network = network.eval().requires_grad_(False)
    return LoadedGenerator(network=network, config=config, metadata={})


def run(path: Path, pictures: Tensor) -> Tensor:
    """As somebody would who has the file alone."""
    if path.suffix == ".pt2":
        made: Tensor = torch.export.load(path).module()(pictures)
        return made
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["translated"], {"image": pictures.numpy()})[0])


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: type(config).__name__)
@pytest.mark.parametrize(("name", "export"), EXPORTS)
def test_an_export_computes_the_same_at_any_size(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    config: GeneratorConfig,
    name: str,
    export: Export,
) -> None:
    made = generator(config)
    off = export(made, tmp_path / name, metadata={"card": "{}"})
    assert off < 1e-4
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    multiple = config.multiple
    is_smallest_seen = isinstance(config, UnetConfig) and name.endswith(".onnx")
    least = multiple if is_smallest_seen else 2 * multiple
    for shape in ((1, 3, 3 * multiple, 2 * multiple), (4, 3, least, least), (1, 3, least, least)):
        pictures = torch.rand(shape) * 2 - 1
        assert (run(tmp_path / name, pictures) - made.network(pictures)).abs().max() < 1e-4


def test_an_export_says_what_it_is(tmp_path: Path) -> None:
    import onnx

    export_onnx(generator(CONFIGS[0]), tmp_path / "x.onnx", metadata={"card": '{"size": 144}'})
    model = onnx.load(tmp_path / "x.onnx")
    inside = {each.key: each.value for each in model.metadata_props}
    sides = [
        dim.dim_param or dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim
    ]
    assert sides == ["batch", 3, "height", "width"]

    files = {"card": "", "generator": "", "pictures": ""}
    export_program(generator(CONFIGS[0]), tmp_path / "x.pt2", metadata={"card": '{"size": 144}'})
    torch.export.load(tmp_path / "x.pt2", extra_files=files)
    for said in (inside, files):
        assert json.loads(said["generator"])["kind"] == "fast"
        assert said["card"] == '{"size": 144}'
        assert "multiples of 4" in said["pictures"]


@pytest.mark.parametrize(("name", "export"), EXPORTS)
def test_an_export_that_computes_something_else_is_not_written(
    tmp_path: Path, name: str, export: Export
) -> None:
    """Dropout that is left on stands in for a fault of an exporter: it changes what is computed."""
    wrong = generator(ResnetConfig(blocks=1, filters=4, dropout=True))
    wrong.network.train()
    with pytest.raises(ExportError, match="something else"):
        export(wrong, tmp_path / name, metadata={})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["onnx", "onnxruntime", "onnxscript"])
def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    found = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return found(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ExportError, match=rf"\({package}\): pip install 'vidgan\[export\]'"):
        export_onnx(generator(CONFIGS[0]), tmp_path / "x.onnx", metadata={})
    assert list(tmp_path.iterdir()) == []
