"""Which number format to compute in, from what the hardware is, never from a stopwatch.

A choice by timing would differ from run to run and with it the output's bytes.
"""

from functools import cache
from pathlib import Path
from typing import Literal, get_args

NumberFormat = Literal["fp32", "bf16", "fp16"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]

_FORMATS = get_args(NumberFormat)


def resolve_precision(precision: Precision, device: str, *, training: bool = False) -> NumberFormat:
    """The number format that `precision` means on a kind of device: "cpu", "cuda".

    "auto" is the fastest one that is exact enough: on CUDA fp16, or bf16 for training, where
    gradients need its range; on a CPU bf16 where it pays, else fp32.

    Raises:
        ValueError: an unknown precision, or fp16 on a CPU.
    """
    if precision == "auto":
        if device == "cuda":
            return "bf16" if training else "fp16"
        return "bf16" if cpu_bf16_pays() else "fp32"
    if precision not in _FORMATS:
        raise ValueError(f"unknown precision {precision!r}; known: auto, {', '.join(_FORMATS)}")
    if precision == "fp16" and device == "cpu":
        raise ValueError("fp16 needs a CUDA device; on a CPU choose auto, bf16 or fp32")
    return precision


@cache
def cpu_bf16_pays() -> bool:
    """Whether this CPU multiplies bf16 faster than fp32.

    True with AMX tiles, and with AVX-512 BF16 on AMD (2.2 times fp32 on a Zen 4 EPYC). Intel's
    AVX-512 BF16 without AMX runs its dot products at a fraction of the fp32 rate: convolutions took
    1.4 to 1.9 times as long as in fp32 on a Xeon of the Sapphire Rapids kind whose AMX was hidden.
    """
    if "amx_bf16" in _cpu_flags():
        return True
    return "avx512_bf16" in _cpu_flags() and "AuthenticAMD" in _cpu_info()


@cache
def _cpu_info() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text(errors="replace").partition("\n\n")[0] if path.exists() else ""


@cache
def _cpu_flags() -> frozenset[str]:
    lines = (line for line in _cpu_info().splitlines() if line.startswith("flags"))
    return frozenset(next(lines, "").split())
