"""What architecture a state dict belongs to, read off its names and shapes alone.

The public CycleGAN code saves bare weights without the options they were trained with; all of
these options but the dropout of a U-Net, which does nothing once trained, leave their mark on
the names and shapes. Nothing here touches a file or builds a network larger than what it is given.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from cyclegan.checkpoint import WeightsError
from cyclegan.config import FastConfig, GeneratorConfig, Norm, ResnetConfig, UnetConfig
from cyclegan.networks import Generator, build_generator

_PREFIXES = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before each name."""

_WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model",
    "params_ema",
    "params",
    "generator",
    "netG",
    "g_ema",
)
"""Under which names other tools keep the weights inside a file that holds more."""

_RUNNING = ("running_mean", "running_var", "num_batches_tracked")
_MAX_BLOCKS = 256
_MAX_DOWNS = 12
_MAX_FILTERS = 4096

_UNET_DOWN = re.compile(r"model\.model\.(0|1(\.model\.3)*\.model\.1)\.weight")
_BLOCK = re.compile(r"(?:model|blocks)\.(\d+)\.conv_block\.\d+\.(?:\d\.)?weight")


def find_state_dict(content: object) -> dict[str, Tensor]:
    """The weights inside what a `.pth` file held, their names without wrappers' prefixes.

    Raises:
        WeightsError: none, or of several networks; the text continues "FILE ...".
    """
    for _ in range(3):
        if not isinstance(content, Mapping):
            break
        _refuse_others(content)
        if content and all(isinstance(value, Tensor) for value in content.values()):
            return {_without_prefixes(str(name)): value for name, value in content.items()}
        content = _unwrapped(content)
    raise WeightsError(
        "holds no state dict: save the generator with torch.save(net.state_dict(), FILE)"
    )


def _refuse_others(content: Mapping[object, object]) -> None:
    if {"ema_ab", "ema_ba"} <= content.keys():
        raise WeightsError(
            "is the checkpoint of a training: give the a2b.safetensors or b2a.safetensors "
            "in the same folder"
        )
    if {"state", "param_groups"} <= content.keys():
        raise WeightsError("is the state of an optimiser: give the generator's weights")


def _unwrapped(content: Mapping[object, object]) -> object:
    for name in _WRAPPERS:
        if isinstance(content.get(name), Mapping):
            return content[name]
    inner = [str(key) for key, value in content.items() if isinstance(value, Mapping)]
    if len(inner) > 1:
        raise WeightsError(
            f"holds several parts ({', '.join(inner[:6])}): save the one generator alone "
            "with torch.save(net.state_dict(), FILE)"
        )
    return content[inner[0]] if inner else None


def _without_prefixes(name: str) -> str:
    while name.startswith(_PREFIXES):
        name = name.partition(".")[2]
    return name


def infer_config(state: Mapping[str, Tensor]) -> GeneratorConfig:
    """The configuration of the generator that `state` belongs to; only shapes are looked at.

    Raises:
        WeightsError: it is not that of a generator; the text continues "FILE ...".
    """
    if _shape(state, "stem.0.weight")[2:] == (7, 7):
        return _infer_fast(state)
    if _shape(state, "model.model.0.weight")[2:] == (4, 4):
        return _infer_unet(state)
    if _shape(state, "model.1.weight")[2:] == (7, 7):
        return _infer_resnet(state)
    raise WeightsError(_what_else(state))


def _infer_fast(state: Mapping[str, Tensor]) -> FastConfig:
    _require_rgb(state, "stem.0.weight", "head.weight")
    return FastConfig(
        blocks=_count_blocks(state),
        filters=_filters(state, "stem.0.weight"),
        separable="up.0.pointwise.weight" in state,
    )


def _infer_resnet(state: Mapping[str, Tensor]) -> ResnetConfig:
    blocks = _count_blocks(state)
    _require_rgb(state, "model.1.weight", f"model.{17 + blocks}.weight")
    return ResnetConfig(
        blocks=blocks,
        filters=_filters(state, "model.1.weight"),
        norm=_norm(state),
        dropout=len(_shape(state, "model.10.conv_block.6.weight")) == 4,
    )


def _infer_unet(state: Mapping[str, Tensor]) -> UnetConfig:
    downs = sum(_UNET_DOWN.fullmatch(name) is not None for name in state)
    if not 5 <= downs <= _MAX_DOWNS:
        raise WeightsError(
            f"is a U-Net of {downs} levels; those of 5 to {_MAX_DOWNS} can be read "
            "(unet_128 has 7, unet_256 has 8)"
        )
    first = "model.model.0.weight"
    last = _shape(state, "model.model.3.weight")  # transposed: inputs x outputs
    _require_channels(_shape(state, first)[1:2], last[1:2])
    return UnetConfig(downs=downs, filters=_filters(state, first), norm=_norm(state))


def _norm(state: Mapping[str, Tensor]) -> Norm:
    """Batch norm has a weight for each channel; instance norm, as the public code uses it, none."""
    scales = any(name.endswith(".weight") and value.ndim == 1 for name, value in state.items())
    return "batch" if scales else "instance"


def _count_blocks(state: Mapping[str, Tensor]) -> int:
    blocks = {match[1] for name in state if (match := _BLOCK.fullmatch(name))}
    if len(blocks) > _MAX_BLOCKS:
        raise WeightsError(f"has {len(blocks)} residual blocks; at most {_MAX_BLOCKS} can be read")
    return len(blocks)


def _filters(state: Mapping[str, Tensor], first: str) -> int:
    filters = state[first].shape[0]
    if not 1 <= filters <= _MAX_FILTERS:
        raise WeightsError(f"has {filters} filters; 1 to {_MAX_FILTERS} can be read")
    return filters


def _shape(state: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    return tuple(state[name].shape) if name in state else ()


def _require_rgb(state: Mapping[str, Tensor], first: str, last: str) -> None:
    _require_channels(_shape(state, first)[1:2], _shape(state, last)[:1])


def _require_channels(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
    if inputs and outputs and (inputs, outputs) != ((3,), (3,)):
        raise WeightsError(
            f"turns {inputs[0]} channels into {outputs[0]}: "
            "give a generator of RGB pictures, 3 channels into 3"
        )


def _what_else(state: Mapping[str, Tensor]) -> str:
    """What a state dict that is no generator may be."""
    generator = "give the generator, usually named ..._net_G_A.pth"
    if len(_shape(state, "model.0.weight")) == 4 and "model.2.weight" in state:
        return f"is a PatchGAN discriminator: {generator}"
    if "net.0.weight" in state:
        return f"is a pixel discriminator: {generator}"
    names = ", ".join(list(state)[:3])
    return f"holds an architecture that is not known here (its tensors: {names}, ...): {generator}"


def fit_state(state: Mapping[str, Tensor], config: GeneratorConfig) -> dict[str, Tensor]:
    """Those tensors of `state` that `config`'s network has, checked against its names and shapes.

    Dropped are the running statistics that files from before October 2018 carry for instance
    norm; added is the count of batches that files from before then lack for batch norm.

    Raises:
        WeightsError: a tensor is missing, left over, or of another shape; "FILE ...".
    """
    expected = meta_network(config).state_dict()
    fitted = {
        name: value
        for name, value in state.items()
        if name in expected or name.rpartition(".")[2] not in _RUNNING
    }
    for name in expected.keys() - fitted.keys():
        if name.endswith("num_batches_tracked"):
            fitted[name] = torch.zeros((), dtype=torch.long)
    _compare(fitted, expected)
    return fitted


def meta_network(config: GeneratorConfig) -> Generator:
    """The network without memory for its weights."""
    with torch.device("meta"):
        return build_generator(config)


def _compare(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    remedy = "give a generator of the public CycleGAN code, or one of ours"
    if missing := [name for name in expected if name not in state]:
        raise WeightsError(f"lacks {len(missing)} tensors ({missing[0]} for one): {remedy}")
    if extra := [name for name in state if name not in expected]:
        raise WeightsError(f"has {len(extra)} unknown tensors ({extra[0]} for one): {remedy}")
    for name, tensor in expected.items():
        if state[name].shape != tensor.shape:
            found, wanted = tuple(state[name].shape), tuple(tensor.shape)
            raise WeightsError(f"has {name} of shape {found} instead of {wanted}: {remedy}")
