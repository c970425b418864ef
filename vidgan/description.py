"""A film or photograph in words and as JSON, for `vidgan probe`."""

from fractions import Fraction

from vidgan.images import open_image, read_image
from vidgan.inputs import default_output
from vidgan.media.containers import container_for
from vidgan.media.count import Count
from vidgan.media.encoders import encoder_settings, output_pixel_format
from vidgan.media.fitted import fitted, said_of_fit
from vidgan.media.streams import ALL_STREAMS, Plan, plan_streams, say
from vidgan.media.tone import TRANSFERS
from vidgan.media.types import Film, OtherStream, VideoStream
from vidgan.places import Place

MATRICES = {
    **{0: "RGB", 1: "BT.709", 4: "FCC", 5: "BT.601 (625 lines)", 6: "BT.601", 7: "SMPTE 240M"},
    9: "BT.2020",
}
_GRIDS = {
    **{"matroska": Fraction(1, 1000), "webm": Fraction(1, 1000)},
    "gif": Fraction(1, 100),
}
"""Seconds, of containers that count in units of their own."""
_TOLD_OTHERWISE = ("streams", "warnings", "guessed")


def film_to_json(film: Film, count: Count) -> dict[str, object]:
    """Plain values by name; those of the output are of the one beside the input."""
    video = film.video
    output_codec, output_pixels = _output(film)
    return {
        "input": str(film.path),
        "container": film.container,
        "codec": video.codec,
        "width": video.width,
        "height": video.height,
        "pixel_format": video.pixel_format,
        "frames": count.frames,
        "frames_missing": count.missing_frames,
        "duration": None if film.duration is None else round(float(film.duration), 3),
        "average_rate": None if video.average_rate is None else str(video.average_rate),
        "time_base": str(video.time_base),
        "sample_aspect_ratio": str(video.sample_aspect_ratio or 1),
        "rotation": video.rotation,
        "matrix": MATRICES.get(video.color.matrix, str(video.color.matrix)),
        "range": "full" if video.color.full_range else "limited",
        "hdr": TRANSFERS.get(video.color.transfer),
        "guessed": list(video.guessed),
        "streams": [
            {
                "index": s.index,
                "kind": s.kind,
                "codec": s.codec,
                "language": s.language,
                "title": s.title,
                "plan": str(plan),
            }
            for s, plan in _plans(film)
        ],
        "chapters": film.chapters,
        "output_ending": _written(film).suffix,
        "output_times": _times_kept(film),
        "output_codec": output_codec,
        "output_pixel_format": output_pixels,
        "warnings": _warnings(film, count),
    }


def photograph_to_json(path: Place) -> dict[str, object]:
    """Plain values by name, of a photograph.

    Raises:
        InputError: it is none, or of a kind that is not supported.
    """
    kind, picture = open_image(read_image(path), str(path))
    return {
        "input": str(path),
        "kind": "photograph",
        "format": kind,
        "width": picture.width,
        "height": picture.height,
    }


def photograph_to_lines(path: Place) -> list[str]:
    """The same for people, and what to do with it."""
    lines = [f"{name}: {value}" for name, value in photograph_to_json(path).items()]
    return [*lines, "`vidgan convert` takes it as it takes films"]


def _output(film: Film) -> tuple[str, str]:
    """Codec and pixel format that a conversion would write by default."""
    settings = encoder_settings(_written(film), bits=film.video.bits)
    return settings.codec, output_pixel_format(film.video, settings)


def _plans(film: Film) -> list[tuple[OtherStream, Plan]]:
    """What becomes of each stream beside the picture, in the output that is the default."""
    plans = plan_streams(film.path, film.others, container_for(_written(film)), ALL_STREAMS)
    return [(other, plans[other.index]) for other in film.others]


def _written(film: Film) -> Place:
    """A name with the ending of the output that is the default."""
    return default_output(film.path)


def _times_kept(film: Film) -> str:
    """How exactly the output says when pictures are shown."""
    grid = _GRIDS.get(container_for(_written(film)).format)
    if grid is None or (film.video.time_base / grid).denominator == 1:
        return "exact"
    return f"to {grid} s"


def _said_of_streams(film: Film) -> list[str]:
    ending = _written(film).suffix
    return [line for s, plan in _plans(film) if (line := say(s, plan, ending)) is not None]


def film_to_lines(film: Film, count: Count) -> list[str]:
    """The same for people, one fact a line."""
    facts = film_to_json(film, count)
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in facts.items() if value]
    return [line for line in lines if not line.startswith(_TOLD_OTHERWISE)] + [
        *_guesses(film.video),
        *(
            f"stream {s.index}: {s.kind}, {s.codec}"
            + (f", {s.language}" if s.language else "")
            + f", {plan}"
            for s, plan in _plans(film)
        ),
        *(f"warning: {warning}" for warning in _warnings(film, count)),
    ]


def _warnings(film: Film, count: Count) -> list[str]:
    """What a conversion would warn of, and what it would refuse beside the input."""
    own = [*_lost_aspect(film), *_needs_tone_map(film)]
    return [*film.warnings, *count.warnings, *_said_of_streams(film), *own]


def _guesses(video: VideoStream) -> list[str]:
    """What a player guesses as well."""
    if not video.guessed:
        return []
    return [f"guessed by the size, since the film does not say: {', '.join(video.guessed)}"]


def _needs_tone_map(film: Film) -> list[str]:
    name = TRANSFERS.get(film.video.color.transfer)
    return [] if name is None else [f"HDR ({name}) is refused; say --tonemap to get it in SDR"]


def _lost_aspect(film: Film) -> list[str]:
    """Said where the default output cannot hold the shape of the pixels."""
    video, codec = film.video, _output(film)[0]
    square = fitted(video, container_for(_written(film)), codec)
    return list(said_of_fit(video, square, ending=_written(film).suffix, codec=codec))
