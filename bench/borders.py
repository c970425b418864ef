"""What it costs to compress a film in chunks, and whether their borders can be seen.

    python bench/borders.py [FILM ...] [--codec libx264] [--chunk-frames N] [--frames 250]

Each film is cut as `vidgan convert` cuts it, and its own pictures are encoded: once chunk by chunk,
and once as one stream of the encoder's own, at the same CRF and keyframe interval. Printed: by how
much the chunks are larger, and by how many dB (PSNR over RGB, of decoded pictures against the
source) the two last and two first pictures at each border are better than the same pictures of the
one stream, and all others likewise: no border shows if the first is no lower than the second.
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from setting import machine, print_machine, print_table
from vidgan.media.chunks import read_chunks
from vidgan.media.color import from_rgb, to_rgb
from vidgan.media.encode import ChunkEncoder
from vidgan.media.encoders import configure, encoder_settings, output_pixel_format
from vidgan.media.probe import probe
from vidgan.media.types import EncoderSettings, Film, Packet, RgbFrame, VideoStream

MEADOW = Path(__file__).parents[1] / "examples" / "meadow.mp4"
CODECS = ("libx264", "libx265", "libsvtav1", "libvpx-vp9")
DECODERS = {"libx264": "h264", "libx265": "hevc", "libsvtav1": "libdav1d", "libvpx-vp9": "vp9"}
NEAR = 2
WIDTH = 640


@dataclass(frozen=True, kw_only=True)
class Borders:
    """Of one film and codec."""

    film: str
    codec: str
    chunks: tuple[int, ...]
    """Frames of each."""
    larger: float
    """Than one stream; 0.01 is a percent."""
    at_borders: float
    """dB gained over one stream; not a number where one chunk is all."""
    elsewhere: float
    own_at_borders: float
    """dB."""
    own_elsewhere: float


def main() -> None:
    args = _arguments()
    facts = machine()
    print_machine(facts)
    found = []
    for path in args.films:
        for codec in args.codec or CODECS:
            found.append(measure(path, codec, frames=args.frames, chunk_frames=args.chunk_frames))
            print_table(f"{path.name}, {codec}", [*_rows(found[-1])])
    if args.json:
        text = json.dumps({"machine": facts, "borders": [asdict(each) for each in found]}, indent=2)
        args.json.write_text(text + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Chunks or one stream; see the module's text.")
    parser.add_argument("films", nargs="*", type=Path, default=[MEADOW])
    parser.add_argument("--codec", action="append", choices=CODECS, help="[default: all]")
    parser.add_argument("--chunk-frames", type=int, help="[default: as convert]")
    parser.add_argument("--frames", type=int, default=250, help="of each film, at most")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    return parser.parse_args()


def _rows(borders: Borders) -> Iterator[tuple[str, ...]]:
    yield "frames of the chunks", ", ".join(map(str, borders.chunks))
    yield "larger than one stream", f"{100 * borders.larger:+.1f} %"
    yield "elsewhere, against it", f"{borders.elsewhere:+.2f} dB"
    yield "elsewhere", f"{borders.own_elsewhere:.2f} dB"
    if len(borders.chunks) > 1:
        yield "at borders, against it", f"{borders.at_borders:+.2f} dB"
        yield "at borders", f"{borders.own_at_borders:.2f} dB"


def measure(
    path: Path, codec: str, *, frames: int = 250, chunk_frames: int | None = None
) -> Borders:
    """Encode the film twice and compare; pictures wider than 640 are made smaller."""
    film = probe(path)
    shown = list(islice(_read(film), frames))
    height, width, _ = shown[0].rgb.shape
    video = replace(film.video, width=width, height=height, rotation=0)
    settings = encoder_settings(Path("out.mkv"), codec=codec)
    parts = list(_parts(film, shown, chunk_frames))
    apart = [_encode_chunk(video, settings, part) for part in parts]
    one = _encode_whole(video, settings, shown)
    in_chunks = np.concatenate(
        [_psnr(video, settings, *each) for each in zip(apart, parts, strict=True)]
    )
    in_one = _psnr(video, settings, one, shown)
    near = _near_borders([len(part) for part in parts])
    gain = in_chunks - in_one
    return Borders(
        film=path.name,
        codec=codec,
        chunks=tuple(map(len, parts)),
        larger=_size([p for chunk in apart for p in chunk]) / _size(one) - 1,
        at_borders=_mean(gain[near]),
        elsewhere=float(gain[~near].mean()),
        own_at_borders=_mean(in_chunks[near]),
        own_elsewhere=float(in_chunks[~near].mean()),
    )


def _read(film: Film) -> Iterator[RgbFrame]:
    with av.open(str(film.path)) as container:
        for frame in container.decode(video=0):
            width = min(frame.width, WIDTH)
            height = 2 * round(width * frame.height / frame.width / 2)
            assert frame.pts is not None
            small = frame.reformat(width=width, height=height)
            yield RgbFrame(pts=frame.pts, rgb=to_rgb(small, film.video.color))


def _parts(
    film: Film, shown: Sequence[RgbFrame], chunk_frames: int | None
) -> Iterator[list[RgbFrame]]:
    for chunk in read_chunks(film, frames_per_chunk=chunk_frames):
        owned = set(chunk.owned)
        part = [frame for frame in shown if frame.pts in owned]
        if part:
            yield part


def _encode_chunk(
    video: VideoStream, settings: EncoderSettings, part: Sequence[RgbFrame]
) -> list[Packet]:
    encoder = ChunkEncoder(video, settings)
    return [p for frame in part for p in encoder.encode(frame)] + encoder.finish()


def _encode_whole(
    video: VideoStream, settings: EncoderSettings, shown: Sequence[RgbFrame]
) -> list[Packet]:
    """As the encoder does it by itself: nothing is done for its first and last pictures."""
    context = av.CodecContext.create(settings.codec, "w")
    assert isinstance(context, VideoCodecContext)
    configure(context, video, settings)
    if settings.codec == "libx264":
        context.options = {**context.options, "x264-params": "cpu-independent=1"}
    kind = output_pixel_format(video, settings)
    packets = []
    for frame in shown:
        picture = from_rgb(
            frame.rgb,
            pts=frame.pts,
            time_base=video.time_base,
            color=video.color,
            pixel_format=kind,
        )
        packets += context.encode(picture)
    packets += context.encode(None)
    return [
        Packet(data=bytes(p), pts=p.pts or 0, dts=p.dts, duration=0, is_keyframe=p.is_keyframe)
        for p in packets
    ]


def _psnr(
    video: VideoStream,
    settings: EncoderSettings,
    packets: Sequence[Packet],
    shown: Sequence[RgbFrame],
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """dB of each frame."""
    frames = sorted(_decode(video, settings, packets), key=lambda frame: frame.pts or 0)
    errors = [
        np.square(to_rgb(decoded, video.color).astype(np.float32) - frame.rgb).mean()
        for decoded, frame in zip(frames, shown, strict=True)
    ]
    return 10 * np.log10(255**2 / np.maximum(np.array(errors, np.float64), 1e-9))


def _decode(
    video: VideoStream, settings: EncoderSettings, packets: Sequence[Packet]
) -> Iterator[av.VideoFrame]:
    head = av.CodecContext.create(settings.codec, "w")
    decoder = av.CodecContext.create(DECODERS[settings.codec], "r")
    assert isinstance(head, VideoCodecContext)
    assert isinstance(decoder, VideoCodecContext)
    configure(head, video, settings)
    head.open()
    if head.extradata:
        decoder.extradata = head.extradata
    for packet in packets:
        bound = av.Packet(len(packet.data))
        bound.update(packet.data)
        bound.pts, bound.time_base = packet.pts, video.time_base
        yield from decoder.decode(bound)
    yield from decoder.decode(None)


def _near_borders(lengths: Sequence[int]) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    near = np.zeros(sum(lengths), np.bool_)
    ends = np.cumsum([0, *lengths])
    for _, border in pairwise(ends[:-1]):
        near[max(0, border - NEAR) : border + NEAR] = True
    return near


def _mean(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    return float(values.mean()) if len(values) else math.nan


def _size(packets: Sequence[Packet]) -> int:
    return sum(len(packet.data) for packet in packets)


if __name__ == "__main__":
    main()
