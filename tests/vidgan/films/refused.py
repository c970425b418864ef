"""A small film for everything that the media contract refuses."""

from fractions import Fraction

import av
import numpy as np

from tests.vidgan.films.described_twice import with_second_description
from tests.vidgan.films.kit import DEEP, SIZE, Kit, Make, Sample, plain
from tests.vidgan.films.stills import write_numbered
from vidgan.media.part import Part
from vidgan.media.types import Color

PQ = Color(matrix=9, primaries=9, transfer=16, full_range=False)
_YCGCO = Color(matrix=8, primaries=1, transfer=1, full_range=False)


def _file(name: str, data: bytes) -> Make:
    def make(kit: Kit) -> Sample:
        path = kit.folder / name
        path.write_bytes(data)
        return Sample(path=path)

    return make


def _without_index(kit: Kit) -> Sample:
    whole = kit.film("a.mp4").read_bytes()
    return _file("cut.mp4", whole[: whole.index(b"moov") - 4])(kit)


def _noise(kit: Kit) -> Sample:
    """Headers are sound, but no packet is."""
    source = kit.film("noise.mkv")
    path = kit.copy(source)
    data = bytearray(source.read_bytes())
    rng = np.random.default_rng(0)
    with av.open(str(source)) as container:
        for packet in (p for p in container.demux(video=0) if p.size):
            at = data.index(bytes(packet))
            data[at : at + packet.size] = rng.bytes(packet.size)
    path.write_bytes(data)
    return Sample(path=path)


def _dolby_5(kit: Kit) -> Sample:
    """As its own players know it: by four letters."""
    path = kit.copy(kit.film("dolby.mp4", **DEEP))
    path.write_bytes(path.read_bytes().replace(b"hev1", b"dvhe"))
    return Sample(path=path)


def _with_gaps(kit: Kit) -> Sample:
    path = write_numbered(kit.folder, "f%02d.png", range(3, 12), SIZE)
    (kit.folder / "f05.png").unlink()
    return Sample(path=path)


def _described_twice(kit: Kit) -> Sample:
    first, second = kit.film("a.mp4"), kit.film("b.mp4", size=(128, 96))
    return Sample(path=with_second_description(first, second, kit.folder / "joined.mp4", first=6))


REFUSED: dict[str, Make] = {
    "no-film": _file("list.mp4", b"#EXTM3U\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n"),
    "empty": _file("empty.mp4", b""),
    "no-index": _without_index,
    "no-picture": plain("song.mp4", video_tracks=0, audio=True),
    "no-codec": plain("rare.mkv", codec="snow"),
    "damaged": _noise,
    "pixel-format": plain(
        "float.mkv",
        codec="ffv1",
        pixel_format="gbrpf32le",
        codec_options={"level": "4", "strict": "-2"},
    ),
    "matrix": plain("ycgco.mp4", tagged_as=_YCGCO),
    "askew": plain("askew.mp4", rotation=30),
    "hdr-untold": plain("pq.mp4", color=PQ, **DEEP),
    "dolby-5": _dolby_5,
    "number-missing": _with_gaps,
    "pattern-empty": lambda kit: Sample(path=kit.folder / "g%02d.png"),
    "rate-twice": lambda kit: Sample(path=kit.film("a.mp4"), rate=Fraction(24)),
    "part-empty": lambda kit: Sample(path=kit.film("a.mp4"), part=Part(start=Fraction(60))),
    "format-changes": _described_twice,
    "not-written": lambda kit: Sample(path=kit.film("a.mp4"), ending=".avi"),
    "codec-not-held": lambda kit: Sample(path=kit.film("a.mp4"), ending=".webm", codec="libx264"),
    "too-small": lambda kit: Sample(path=kit.film("a.mp4", size=(2, 2)), codec="libsvtav1"),
    "one-picture": lambda kit: Sample(path=kit.film("a.mp4"), ending=".png"),
    "map-missing": lambda kit: Sample(path=kit.film("a.mp4"), maps=("audio:1",)),
}
"""By the id of the refusal."""
