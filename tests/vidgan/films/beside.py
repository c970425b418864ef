"""Films with more beside the picture than sound and lines."""

from fractions import Fraction

import av

from tests.vidgan.films.kit import Kit, Make, Plain, Sample
from tests.vidgan.films.tracks import with_packets

_PGS = [
    (100, bytes.fromhex("16000b 0060 0040 10 0000 80 00 00 00") + bytes.fromhex("800000")),
    (300, bytes.fromhex("16000b 0060 0040 10 0001 00 00 00 00") + bytes.fromhex("800000")),
]


def bitmaps(ending: str) -> Make:
    def make(kit: Kit) -> Sample:
        source = kit.film("film.mkv")
        path = with_packets(source, kit.folder / "pgs.mkv", "hdmv_pgs_subtitle", _PGS)
        said = f"is left out: {ending} holds no hdmv_pgs_subtitle" if ending != ".mkv" else ""
        return Sample(path=path, ending=ending, says=said)

    return make


def attached(ending: str) -> Make:
    def make(kit: Kit) -> Sample:
        path = kit.folder / "font.mkv"
        with av.open(str(kit.film("film.mkv"))) as film, av.open(str(path), "w") as out:
            stream = out.add_stream_from_template(film.streams.video[0], opaque=True)
            out.add_attachment("face.ttf", "font/ttf", b"not really a font")
            for packet in (p for p in film.demux(video=0) if p.size):
                packet.stream = stream
                out.mux(packet)
        return Sample(path=path, ending=ending, says="holds none" if ending != ".mkv" else "")

    return make


def in_another(made: Plain, ending: str, says: str) -> Make:
    """In an output that has not the default name."""

    def make(kit: Kit) -> Sample:
        sample = made(kit)
        return Sample(path=sample.path, times=sample.times, ending=ending, says=says)

    return make


def timecode(kit: Kit) -> Sample:
    path = kit.folder / "timecode.mov"
    with av.open(str(kit.film("film.mov"))) as film, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(film.streams.video[0], opaque=True)
        stream.metadata["timecode"] = "01:02:03:22"
        for packet in (p for p in film.demux(video=0) if p.size):
            packet.stream = stream
            out.mux(packet)
    return Sample(path=path)


def data(kit: Kit) -> Sample:
    path = with_packets(kit.film("a.ts", rate=25), kit.folder / "data.ts", "klv", [(40, b"x" * 32)])
    times = [Fraction(i, 25) for i in range(kit.frames)]
    return Sample(path=path, times=times, says="data 1 is left out")
