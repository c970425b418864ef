"""Colours of a wider range as BT.709 shows them: HDR as SDR, and BT.2020 as a network knows it.

All of it is one function of a pixel's three levels, so that it is computed once, on a grid (see
`vidgan.media.cube`). Light is linear: for HDR in nits (cd/m2) of the display, for SDR a share of
white. Sources: SMPTE ST 2084 and Rec. ITU-R BT.2100 (PQ and HLG), BT.2390 (the knee), BT.2408
(203 nits are HDR's white), BT.1886 (what SDR displays make of their levels).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vidgan.media.types import Color

Light = NDArray[np.float64]
"""(..., 3)"""

BT2020 = 9
TRANSFERS = {16: "PQ", 18: "HLG"}
"""H.273's numbers of HDR."""

WHITE_NITS = 203.0
WHITE_LEVEL = 0.86
"""Where SDR shows that white: paper looks right there, and highlights have room above."""
USUAL_PEAK = 1000
"""Nits: of a film that does not say how bright it gets; one that says less is not believed."""
MOST_PEAK = 1500
"""Nits: room for what is brighter still would be taken from faces."""
_BEYOND = 1.5
"""The knee ends in a flat piece: it is made for so many times the peak, which stays before it."""
_PQ_NITS = 10_000

_GAMMA = 2.4
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_HLG_A = 0.17883277
_HLG_B, _HLG_C = 1 - 4 * _HLG_A, 0.55991073
_HLG_NITS, _HLG_GAMMA = 1000.0, 1.2
_LUMA_2020 = np.array([0.2627, 0.6780, 0.0593])
_LUMA_709 = np.array([0.2126, 0.7152, 0.0722])
FROM_709 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""Light in BT.709's primaries -> in BT.2020's: Rec. ITU-R BT.2087."""
_TO_709 = np.linalg.inv(FROM_709)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What decides how a film's levels become those of BT.709."""

    transfer: int
    primaries: int
    peak: int = 0
    """Nits; 0 where the film does not say."""

    @property
    def is_hdr(self) -> bool:
        """Whether it has light that SDR cannot show."""
        return self.transfer in TRANSFERS


def is_hdr(color: Color) -> bool:
    """Whether levels mean PQ or HLG."""
    return color.transfer in TRANSFERS


def is_wide(color: Color) -> bool:
    """Whether levels are of SDR in BT.2020."""
    return color.primaries == BT2020 and not is_hdr(color)


def to_bt709(levels: Light, look: Look) -> Light:
    """Levels (..., 3) in [0, 1] of a film -> levels in [0, 1] of BT.709 SDR."""
    if look.is_hdr:
        light = pq_to_nits(levels) if look.transfer == 16 else hlg_to_nits(levels)
    else:
        light = levels**_GAMMA
    if look.primaries == BT2020:
        light = light @ _TO_709.T
    if look.is_hdr:
        light = _compressed(light, _believed(look.peak if look.transfer == 16 else 0))
    return _fitted(light).clip(0, 1) ** (1 / _GAMMA)


def pq_to_nits(levels: Light) -> Light:
    """SMPTE ST 2084's curve: [0, 1] -> 0 to 10,000 nits."""
    power = levels.clip(0, 1) ** (1 / _M2)
    nits: Light = _PQ_NITS * ((power - _C1).clip(0) / (_C2 - _C3 * power)) ** (1 / _M1)
    return nits


def nits_to_pq(nits: Light) -> Light:
    """The way back."""
    power = (nits / _PQ_NITS).clip(0, 1) ** _M1
    levels: Light = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    return levels


def hlg_to_nits(levels: Light) -> Light:
    """BT.2100's HLG on a display of 1000 nits: the camera's light, and what the display adds."""
    low, high = levels**2 / 3, (np.exp((levels - _HLG_C) / _HLG_A) + _HLG_B) / 12
    scene = np.where(levels <= 0.5, low, high)
    luma = (scene @ _LUMA_2020)[..., None]
    nits: Light = _HLG_NITS * luma ** (_HLG_GAMMA - 1) * scene
    return nits


def _believed(peak: int) -> float:
    return _BEYOND * min(max(peak, USUAL_PEAK), MOST_PEAK)


def _compressed(nits: Light, peak: float) -> Light:
    """As a share of SDR's white: the brightest of the three by the knee, the others along with it.

    So a colour keeps its hue and its saturation.
    """
    target = _target(peak)
    brightest = nits.max(axis=-1, keepdims=True)
    share = knee(brightest, peak, target) / target
    compressed: Light = nits * (share / np.maximum(brightest, 1e-6))
    return compressed


@lru_cache(maxsize=16)
def _target(peak: float) -> float:
    """Nits of the display for which the knee brings white to its level; by bisection."""
    low, high = 0.5 * WHITE_NITS, 2 * WHITE_NITS
    wanted = WHITE_LEVEL**_GAMMA
    for _ in range(40):
        middle = (low + high) / 2
        share = float(knee(np.array([WHITE_NITS]), peak, middle)[0]) / middle
        low, high = (middle, high) if share > wanted else (low, middle)
    return low


def knee(nits: Light, peak: float, target: float) -> Light:
    """BT.2390, 5.4.1: light up to `peak` becomes light up to `target`; what is dark stays as it is.

    A line, then Hermite's cubic, in PQ's levels.
    """
    top = nits_to_pq(np.array(float(peak)))
    most = float(nits_to_pq(np.array(float(target))) / top)
    start = 1.5 * most - 0.5
    level = (nits_to_pq(nits) / top).clip(0, 1)
    t = ((level - start) / (1 - start)).clip(0, 1)
    cubic = (
        (2 * t**3 - 3 * t**2 + 1) * start
        + (t**3 - 2 * t**2 + t) * (1 - start)
        + (3 * t**2 - 2 * t**3) * most
    )
    return pq_to_nits(np.where(level < start, level, cubic) * top)


def _fitted(light: Light) -> Light:
    """Colours beyond BT.709 towards the grey of their brightness, as far as is needed."""
    grey = (light @ _LUMA_709)[..., None].clip(0, 1)
    away = light - grey
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(away > 0, (1 - grey) / away, np.where(away < 0, -grey / away, 1.0))
    fitted: Light = grey + away * room.min(axis=-1, keepdims=True).clip(0, 1)
    return fitted
