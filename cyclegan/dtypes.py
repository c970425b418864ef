"""A precision as torch knows it: the dtype, and the scaler of losses that fp16 needs."""

import torch
from torch.amp.grad_scaler import GradScaler

from cyclegan.precision import NumberFormat, Precision, resolve_precision

_DTYPES: dict[NumberFormat, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def resolve_dtype(
    precision: Precision, device: torch.device, *, training: bool = False
) -> torch.dtype:
    """The dtype that `precision` means on `device` (see `resolve_precision`).

    Raises:
        ValueError: an unknown precision, or fp16 on a CPU.
    """
    return _DTYPES[resolve_precision(precision, device.type, training=training)]


FIRST_SCALE = 2.0**8
"""What fp16's losses are multiplied by at first. A discriminators' scaler is heard only when the
generators' has found its place, and each halving is a skipped step: from here both may fall to 1
without looking stuck. Torch's own start, 65536, would take twice as many."""


def loss_scaler(device: torch.device, dtype: torch.dtype) -> GradScaler:
    """A scaler that keeps fp16's gradients in range, and does nothing to other numbers."""
    return GradScaler(device.type, init_scale=FIRST_SCALE, enabled=dtype == torch.float16)
