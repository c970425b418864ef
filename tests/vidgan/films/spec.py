"""What a film is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from tests.vidgan.films.pictures import Draw, draw
from vidgan.media.types import Color


@dataclass(frozen=True, kw_only=True)
class FilmSpec:
    """The fields are the options of `make_film`."""

    codec: str = "libx264"
    frames: int = 48
    size: tuple[int, int] = (96, 64)
    rate: Fraction | int = 24
    pts: Sequence[int] | None = None
    time_base: Fraction | None = None
    gop: int = 12
    open_gop: bool = False
    bframes: int | None = None
    pixel_format: str = "yuv420p"
    interlaced: bool = False
    rotation: float = 0
    mirrored: bool = False
    sample_aspect_ratio: Fraction | None = None
    color: Color | None = None
    tagged_as: Color | None = None
    audio: bool | str = True
    subtitles: bool = False
    chapters: bool = False
    metadata: dict[str, str] | None = None
    draw: Draw = draw
    video_tracks: int = 1
    cover: bool = False
    codec_options: dict[str, str] | None = None
    container_options: dict[str, str] | None = None

    @property
    def tick(self) -> Fraction:
        """Seconds."""
        return self.time_base or (
            1 / Fraction(self.rate) if self.pts is None else Fraction(1, 1000)
        )

    @property
    def times(self) -> list[int]:
        """Of the frames, in ticks."""
        if self.pts is not None:
            return list(self.pts)
        return [round(i / Fraction(self.rate) / self.tick) for i in range(self.frames)]

    @property
    def seconds(self) -> float:
        return float(self.times[-1] * self.tick + 1 / Fraction(self.rate)) if self.times else 1.0


def codec_options(spec: FilmSpec) -> dict[str, str]:
    """Fast, single-threaded (so the same bytes each run), keyframes exactly every `gop` frames."""
    codec, gop, interlaced = spec.codec, spec.gop, spec.interlaced
    x26 = f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop={int(spec.open_gop)}"
    x26 += f":bframes={3 if spec.bframes is None else spec.bframes}:b-adapt=0"
    if codec == "libx264":
        # Without the last of these AVX-512 code gives other bytes from run to run.
        params = x26 + (":tff=1" if interlaced else "") + ":cpu-independent=1"
        return {"preset": "veryfast", "crf": "20", "x264-params": params, "threads": "1"}
    if codec == "libx265":
        params = x26 + ":log-level=error:pools=none:frame-threads=1"
        return {"preset": "ultrafast", "crf": "20", "x265-params": params}
    if codec == "libvpx-vp9":
        alt_ref = {"auto-alt-ref": "1", "lag-in-frames": "12", "cpu-used": "6", "threads": "1"}
        return {"crf": "24", "b": "0", "g": str(gop), "keyint_min": str(gop), **alt_ref}
    if codec == "libsvtav1":
        return {"preset": "12", "crf": "25", "g": str(gop), "svtav1-params": "lp=1"}
    if codec in {"mpeg2video", "mpeg4"}:
        flags = ("" if spec.open_gop else "+cgop") + ("+ildct+ilme" if interlaced else "")
        options = {
            "g": str(gop),
            "bf": str(2 if spec.bframes is None else spec.bframes),
            "qscale": "3",
        }
        options |= {"sc_threshold": "1000000000", "threads": "1"}
        return options | ({"flags": flags} if flags else {})
    return {}
