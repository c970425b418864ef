"""A film or photograph in words and as JSON, for `vidgan probe`."""

from fractions import Fraction

from vidgan.images import open_image, read_image
from vidgan.inputs import default_output
from vidgan.media.color import MATRICES, RGB
from vidgan.media.containers import container_for
from vidgan.media.contract import Found, rows_of
from vidgan.media.encoders import encoder_settings, output_pixel_format
from vidgan.media.glance import glance
from vidgan.media.header import Target
from vidgan.media.one_size import stored_size
from vidgan.media.streams import ALL_STREAMS, Plan, plan_streams, say
from vidgan.media.tone import TRANSFERS
from vidgan.media.types import Film, OtherStream, VideoStream
from vidgan.places import Place

_GRIDS = {
    **{"matroska": Fraction(1, 1000), "webm": Fraction(1, 1000)},
    "gif": Fraction(1, 100),
}
"""Seconds, of containers that count in units of their own."""
_KNOWN_BY = {
    "read": "{}",
    "index": "{} by the index; --full reads the film and counts them",
    "guess": "about {}; --full reads the film and counts them",
}
_TOLD_OTHERWISE = ("frames known by", "streams", "warnings", "guessed", "rows")


def describe(film: Film, *, full: bool = False) -> Found:
    """A film with what can be seen of its pictures' times in a moment, or in `full`.

    Raises:
        InputError: it is read to its end, and cannot be cut into chunks.
    """
    return Found(film=film, glance=glance(film, full=full), output=default_output(film.path))


def film_to_json(found: Found) -> dict[str, object]:
    """Plain values by name; those of the output are of the one beside the input."""
    film, count = found.film, found.glance.count
    video = film.video
    output_codec, output_pixels = _encoded(found)
    return {
        "input": str(film.path),
        "container": film.container,
        "codec": video.codec,
        "width": video.width,
        "height": video.height,
        "pixel_format": video.pixel_format,
        "frames": count.frames,
        "frames_known_by": found.glance.basis,
        "frames_missing": count.missing_frames,
        "duration": None if film.duration is None else round(float(film.duration), 3),
        "average_rate": None if video.average_rate is None else str(video.average_rate),
        "time_base": str(video.time_base),
        "sample_aspect_ratio": str(video.sample_aspect_ratio or 1),
        "rotation": video.rotation,
        "mirrored": video.mirrored,
        "cropped_from": None if video.cut is None else "{}x{}".format(*stored_size(video)),
        "fields": video.fields,
        "alpha": video.alpha,
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
            for s, plan in _plans(found)
        ],
        "chapters": film.chapters,
        "output_ending": found.output.suffix,
        "output_times": _times_kept(found),
        "output_codec": output_codec,
        "output_pixel_format": output_pixels,
        "rows": [row.id for row in rows_of(found)],
        "warnings": _warnings(found),
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


def _target(found: Found) -> Target:
    video = found.film.video
    settings = encoder_settings(found.output, bits=video.bits, alpha=video.alpha)
    return Target(film=found.film, settings=settings, output=found.output)


def _encoded(found: Found) -> tuple[str, str]:
    """Codec and pixel format of the output; the parts of a gif are in another until it is made."""
    target = _target(found)
    if target.kind.format == "gif":
        return "gif", "pal8"
    return target.settings.codec, output_pixel_format(target.shown, target.settings)


def _plans(found: Found) -> list[tuple[OtherStream, Plan]]:
    """What becomes of each stream beside the picture, in the output that is the default."""
    film = found.film
    plans = plan_streams(film.path, film.others, container_for(found.output), ALL_STREAMS)
    return [(other, plans[other.index]) for other in film.others]


def _times_kept(found: Found) -> str:
    """How exactly the output says when pictures are shown."""
    grid = _GRIDS.get(container_for(found.output).format)
    if grid is None or (found.film.video.time_base / grid).denominator == 1:
        return "exact"
    return f"to {grid} s"


def _said_of_streams(found: Found) -> list[str]:
    ending = found.output.suffix
    return [line for s, plan in _plans(found) if (line := say(s, plan, ending)) is not None]


def film_to_lines(found: Found) -> list[str]:
    """The same for people, one fact a line."""
    facts = film_to_json(found)
    facts["frames"] = _KNOWN_BY[found.glance.basis].format(facts["frames"])
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in facts.items() if value]
    return [line for line in lines if not line.startswith(_TOLD_OTHERWISE)] + [
        *_guesses(found.film.video),
        *(
            f"stream {s.index}: {s.kind}, {s.codec}"
            + (f", {s.language}" if s.language else "")
            + f", {plan}"
            for s, plan in _plans(found)
        ),
        *(f"row {row.id}: {row.goes_in} -> {row.comes_out}" for row in rows_of(found)),
        *(f"warning: {warning}" for warning in _warnings(found)),
    ]


def _warnings(found: Found) -> list[str]:
    """What a conversion would warn of, and what it would refuse beside the input."""
    said = _target(found).said
    return [*found.said, *_said_of_streams(found), *said, *_needs_tone_map(found.film)]


def _guesses(video: VideoStream) -> list[str]:
    """What a player guesses as well; RGB is sRGB, of whatever size it is."""
    if not video.guessed:
        return []
    how = "taken for sRGB" if video.color.matrix == RGB else "guessed by the size"
    return [f"{how}, since the film does not say: {', '.join(video.guessed)}"]


def _needs_tone_map(film: Film) -> list[str]:
    name = TRANSFERS.get(film.video.color.transfer)
    return [] if name is None else [f"HDR ({name}) is refused; say --tonemap to get it in SDR"]
