"""What is said about a film and its streams, in the words that the output's container knows."""

import re
from collections.abc import Iterable

from av.stream import Disposition

from vidgan.media.languages import for_mp4, for_others, for_quicktime

_STALE = {"ENCODER", "DURATION", "BPS", "ROTATE", "VENDOR_ID", "NUMBER_OF_FRAMES"} | {
    *("NUMBER_OF_BYTES", "MAJOR_BRAND", "MINOR_VERSION", "COMPATIBLE_BRANDS", "ALPHA_MODE"),
    *("HASVIDEO", "HASAUDIO", "HASMETADATA", "HASKEYFRAMES", "CANSEEKTOEND", "DATASIZE"),
    *("VIDEOSIZE", "AUDIOSIZE", "LASTTIMESTAMP", "LASTKEYFRAMETIMESTAMP", "METADATACREATOR"),
    *("LASTKEYFRAMELOCATION", "METADATADATE", "WMFSDKVERSION", "WMFSDKNEEDED", "ISVBR"),
    *("DEVICECONFORMANCETEMPLATE", "FILE_PACKAGE_UMID"),
}
_MXF = "OPERATIONAL_PATTERN_UL"
_STALE_OF_MXF = {_MXF, "UID", "GENERATION_UID", "COMPANY_NAME", "PRODUCT_NAME", "PRODUCT_UID"} | {
    *("PRODUCT_VERSION", "PRODUCT_VERSION_NUM", "TOOLKIT_VERSION_NUM", "APPLICATION_PLATFORM"),
    *("MATERIAL_PACKAGE_UMID", "MODIFICATION_DATE"),
}
"""What an MXF file says of itself and of what wrote it. Of the names of others' tags some are the
same: they count beside the one that no other kind of file has."""
_APPLE = "com.apple.quicktime."
_COMMON = {"location.iso6709": "location", "make": "make", "model": "model"}
"""What phones of Apple's say under names of their own, and the names that all muxers know."""
_KEEPS_MARKS = {
    "mov": Disposition.default,
    "webm": Disposition.default | Disposition.forced,
}
"""The marks that these can say; the others say all."""
_KNOWN_TO_PLAYERS = {"title", "artist", "album", "album_artist", "author", "composer", "date"} | {
    *("comment", "genre", "copyright", "description", "synopsis", "lyrics", "grouping", "keywords"),
    *("show", "episode_id", "season_number", "episode_sort", "network", "track", "disc"),
}
"""What players of mp4 and mov look for under names that are older than Apple's."""
_PLACE = re.compile(r"([+-]\d+(?:\.\d*)?)([+-]\d+(?:\.\d*)?)([+-]\d+(?:\.\d*)?)?(?:CRS.*)?/?")
"""ISO 6709 in degrees: latitude, longitude and perhaps the height in metres."""
_SAME_PLACE = 1e-4
"""Degrees, or metres: mp4 counts 65,536ths."""
_NOT_KNOWN = "und"
"""ISO 639-2, of a language that nobody has determined."""


def kept_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """Without what describes the old file, such as its encoder and its bit rates."""
    stale = _STALE
    if any(key.upper() == _MXF for key in metadata):
        stale = stale | _STALE_OF_MXF
    return {
        key: value
        for key, value in metadata.items()
        if key.upper().split("-")[0] not in stale and not key.startswith("_STATISTICS")
    }


def film_tags(metadata: dict[str, str]) -> dict[str, str]:
    """Of the whole film; the place of filming and the camera are said so that all can read it."""
    tags = kept_metadata(metadata)
    said = {key.lower(): value for key, value in tags.items()}
    for own, common in _COMMON.items():
        if common not in said and _APPLE + own in said:
            tags[common] = said[_APPLE + own]
    return tags


def needs_own_names(metadata: dict[str, str]) -> bool:
    """Whether a file of the QuickTime family is to have its tags under any names, as Apple's do.

    FFmpeg writes either these or those that all players know. What a phone says, such as the local
    time, has no other name; a title has, and would not be found by all.
    """
    names = {key.lower() for key in kept_metadata(metadata)}
    return any(name.startswith(_APPLE) for name in names) and not names & _KNOWN_TO_PLAYERS


def lost_tags(metadata: dict[str, str], written: dict[str, str]) -> list[str]:
    """The names of what is said of a film and not of its output; muxers may know other names."""
    names = {key.lower() for key in metadata}
    kept = {key.lower() for key in written}
    renamed = {value.strip() for key, value in written.items() if key.lower() not in names}
    return [
        key.removeprefix(_APPLE)
        for key, value in kept_metadata(metadata).items()
        if key.lower() not in kept
        and value.strip() not in {"", *renamed}
        and not _is_place_of(value, written.values())
    ]


def _is_place_of(value: str, others: Iterable[str]) -> bool:
    """Whether it is a place that one of the others is, too: each muxer has its own digits."""
    place = _place(value)
    if place is None:
        return False
    found = (_place(other) for other in others)
    return any(
        all(abs(a - b) < _SAME_PLACE for a, b in zip(place, other, strict=True))
        for other in found
        if other is not None
    )


def _place(value: str) -> tuple[float, ...] | None:
    found = _PLACE.fullmatch(value.strip())
    return tuple(float(part or 0) for part in found.groups()) if found is not None else None


def stream_tags(metadata: dict[str, str], format: str) -> dict[str, str]:
    """Of one stream, for a muxer of FFmpeg's: its title under one name, its language as known."""
    tags = kept_metadata(metadata)
    if "name" in tags and "title" not in tags:  # as mp4 has it when it is read
        tags["title"] = tags["name"]
    if "language" in tags:
        language = _language(tags.pop("language"), format)
        if language is not None:
            tags["language"] = language
    return tags


def lost_language(metadata: dict[str, str], format: str) -> str | None:
    """The language of a stream, where a container has no name for it; None where it has."""
    language = metadata.get("language", _NOT_KNOWN)
    return language if language != _NOT_KNOWN and _language(language, format) is None else None


def _language(name: str, format: str) -> str | None:
    if format == "mp4":
        return for_mp4(name)
    return for_quicktime(name) if format == "mov" else for_others(name)


def lost_marks(disposition: int, format: str) -> list[str]:
    """The names of the marks of a stream, such as forced, that a container cannot say."""
    lost = Disposition(disposition) & ~_KEEPS_MARKS.get(format, Disposition(disposition))
    return [mark.name for mark in Disposition if mark in lost and mark.name]
