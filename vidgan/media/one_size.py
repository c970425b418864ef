"""Pictures whose size is not the film's: cut out of larger ones, or scaled where it changes."""

import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from vidgan.media.color import packed
from vidgan.media.types import Change, Cut, Levels, VideoStream


def stored_size(video: VideoStream) -> tuple[int, int]:
    """Width and height of the pictures as they are decoded."""
    if video.cut is not None:
        return video.cut.stored_width, video.cut.stored_height
    return video.width, video.height


def size_change(width: int, height: int) -> Change:
    """What is said of pictures of another size."""
    return Change(f"{width}x{height}", "made to fit")


def cut_out(picture: Levels, cut: Cut, *, width: int, height: int) -> Levels:
    """What the container shows of a stored picture (H, W, 3)."""
    return picture[cut.top : cut.top + height, cut.left : cut.left + width]


def letterboxed(picture: Levels, *, width: int, height: int) -> Levels:
    """The picture (H, W, 3) as large as it can be in this size, its shape kept, on black."""
    rows, columns = picture.shape[:2]
    scale = min(width / columns, height / rows)
    wide, high = max(1, round(columns * scale)), max(1, round(rows * scale))
    scaled = VideoReformatter().reformat(
        packed(picture),
        width=wide,
        height=high,
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
        threads=1,
    )
    paper = np.zeros((height, width, 3), picture.dtype)
    left, top = (width - wide) // 2, (height - high) // 2
    paper[top : top + high, left : left + wide] = scaled.to_ndarray()
    return paper
