"""Colours behind full transparency, which a generator would carry over the edge."""

import numpy as np
from PIL import Image

from vidgan.pictures.picture import Levels, to_8_bits


def fill_hidden(levels: Levels, alpha: Levels) -> Levels:
    """Colours (H, W, 3) with those that nobody sees taken from the nearest visible ones.

    Programs write black, white or anything there. A generator looks around, and would let it shine
    into what is seen: a fringe around every cut-out.
    """
    hidden = alpha == 0
    if not hidden.any() or hidden.all():
        return levels
    visible = np.where(hidden, 0, 255).astype(np.uint8)
    filled = np.asarray(_filled(Image.fromarray(np.dstack([to_8_bits(levels), visible]))))
    out = levels.copy()
    scale = 257 if levels.dtype == np.uint16 else 1
    out[hidden] = filled[hidden][:, :3].astype(levels.dtype) * scale
    return out


def _filled(rgba: Image.Image) -> Image.Image:
    """Push and pull: holes are filled from half the size, whose holes are filled likewise.

    Scaling weighs colours by alpha, which is 0 or 255 here.
    """
    if rgba.getchannel("A").getextrema() == (255, 255) or max(rgba.size) == 1:
        return rgba
    half = rgba.resize((-(-rgba.width // 2), -(-rgba.height // 2)), Image.Resampling.BOX)
    half.putalpha(half.getchannel("A").point([0] + [255] * 255))
    below = _filled(half).resize(rgba.size, Image.Resampling.BILINEAR)
    below.paste(rgba, mask=rgba.getchannel("A"))
    return below
