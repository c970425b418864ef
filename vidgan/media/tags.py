"""What is said about a film and its streams, in the words that the output's container knows."""

from av.stream import Disposition

from vidgan.media.languages import for_mp4, for_others, for_quicktime

_STALE = {"ENCODER", "DURATION", "BPS", "ROTATE", "VENDOR_ID", "NUMBER_OF_FRAMES"} | {
    *("NUMBER_OF_BYTES", "MAJOR_BRAND", "MINOR_VERSION", "COMPATIBLE_BRANDS", "ALPHA_MODE"),
    *("HASVIDEO", "HASAUDIO", "HASMETADATA", "HASKEYFRAMES", "CANSEEKTOEND", "DATASIZE"),
    *("VIDEOSIZE", "AUDIOSIZE", "LASTTIMESTAMP", "LASTKEYFRAMETIMESTAMP", "METADATACREATOR"),
    *("LASTKEYFRAMELOCATION", "METADATADATE", "WMFSDKVERSION", "WMFSDKNEEDED", "ISVBR"),
    "DEVICECONFORMANCETEMPLATE",
}
_APPLE = "com.apple.quicktime."
_COMMON = {"location.iso6709": "location", "make": "make", "model": "model"}
"""What phones of Apple's say under names of their own, and the names that all muxers know."""
_KEEPS_MARKS = {
    "mov": Disposition.default,
    "webm": Disposition.default | Disposition.forced,
}
"""The marks that these can say; the others say all."""
_NOT_KNOWN = "und"
"""ISO 639-2, of a language that nobody has determined."""


def kept_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """Without what describes the old file, such as its encoder and its bit rates."""
    return {
        key: value
        for key, value in metadata.items()
        if key.upper().split("-")[0] not in _STALE and not key.startswith("_STATISTICS")
    }


def film_tags(metadata: dict[str, str]) -> dict[str, str]:
    """Of the whole film; the place of filming and the camera are said so that all can read it."""
    tags = kept_metadata(metadata)
    said = {key.lower(): value for key, value in tags.items()}
    for own, common in _COMMON.items():
        if common not in said and _APPLE + own in said:
            tags[common] = said[_APPLE + own]
    return tags


def lost_tags(metadata: dict[str, str], written: dict[str, str]) -> list[str]:
    """The names of what is said of a film and not of its output; muxers may know other names."""
    names = {key.lower() for key in metadata}
    kept = {key.lower() for key in written}
    renamed = {value.strip() for key, value in written.items() if key.lower() not in names}
    return [
        key.removeprefix(_APPLE)
        for key, value in kept_metadata(metadata).items()
        if key.lower() not in kept and value.strip() not in {"", *renamed}
    ]


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
