"""Whether a film can be written to an output, found out before any work is done."""

import io
import os
from contextlib import suppress
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer

from vidgan.errors import OutputError
from vidgan.media.carry import read_carried
from vidgan.media.containers import container_for
from vidgan.media.encode import ChunkEncoder
from vidgan.media.encoders import check_codec
from vidgan.media.header import Target, unfit, write_head
from vidgan.media.opening import open_film
from vidgan.media.sequence import check_folder
from vidgan.media.stated import refuse_hdr
from vidgan.places import Place, Remote
from vidgan.transport import look, refuse_web

_PACKETS_TRIED = 1000


def check_output(target: Target, *, overwrite: bool = False) -> None:
    """Refuse an output that could not be finished; it is begun in memory.

    Raises:
        OutputError: the output exists, its folder is missing or closed to writing, its kind is
            unknown or cannot hold the streams together.
        SettingsError: the codec does not go into the container, or refuses the pictures.
        InputError: the film cannot be opened any more, has not the streams that were chosen, or is
            HDR and nobody said what becomes of that.
    """
    _check_wish(target)
    check_film_place(target.film.path, target.output, overwrite=overwrite)
    _try_streams(target)


def check_convertible(target: Target) -> None:
    """Refuse what `check_output` does, wherever the output may be and whatever lies there."""
    _check_wish(target)
    _try_streams(target)


def _check_wish(target: Target) -> None:
    refuse_hdr(target.film, target.treatment)
    check_codec(target.settings.codec, target.output)


def _try_streams(target: Target) -> None:
    ChunkEncoder(target.shown, target.settings)  # does it open, above all if it is hardware
    if target.kind.is_film:
        with open_film(target.film.path) as source:
            _try_head(source, target)


def _try_head(source: InputContainer, target: Target) -> None:
    """Write the header, a packet of each stream of sound and the index, all in memory."""
    container = av.open(io.BytesIO(), "w", format=target.kind.format)
    try:
        head = write_head(container, source, target)
        waiting = set(head.carried.tallies)
        copies = read_carried(source, target.film, head.carried, strict=target.kind.is_mp4)
        for packet in islice(copies, _PACKETS_TRIED):
            if packet.stream_index in waiting:
                container.mux_one(packet)
                waiting.remove(packet.stream_index)
            if not waiting:
                break
        container.close()
    except av.FFmpegError as error:
        raise OutputError(unfit(error, target)) from error
    finally:
        with suppress(av.FFmpegError):
            container.close()


def check_film_place(source: Place, output: Place, *, overwrite: bool) -> None:
    """Refuse an output of a film that may not be made where it is named; as `check_place` does.

    A sequence of pictures gets a folder of its own, which is made with them.
    """
    if not container_for(output).is_sequence:
        check_place(source, output, overwrite=overwrite)
        return
    if isinstance(output, Remote):
        raise OutputError(
            f"{output}: numbered pictures are written on this machine alone; name a folder of it"
        )
    folder = output.absolute().parent
    if isinstance(source, Path) and source.resolve().parent == folder.resolve():
        raise OutputError(f"{folder} holds the input; name a new folder for the pictures with -o")
    check_folder(output, overwrite=overwrite)
    _check_above(folder)


def check_place(source: Place, output: Place, *, overwrite: bool) -> None:
    """Refuse an output that may not be made where it is named.

    Raises:
        OutputError: it exists, is the input or a folder, or its folder is missing or read-only.
        RemoteError: its server does not answer, or refuses.
    """
    if isinstance(output, Remote):
        _check_remote(source, output, overwrite=overwrite)
        return
    if output.is_dir():
        raise OutputError(f"{output} is a folder; name a file in it")
    _check_above(output)
    if isinstance(source, Path) and _are_one(source, output):
        raise OutputError(f"{output} is the input itself; choose another name with -o")
    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists already; say --overwrite or choose another with -o")


def _check_above(output: Path) -> None:
    """Files are made in the folder of an output, and renamed there."""
    folder = output.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"{output}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{output}: no permission to write in {folder}; choose another with -o")


def _are_one(source: Path, output: Path) -> bool:
    """Numbered pictures are no single file."""
    return output.exists() and source.exists() and output.samefile(source)


def _check_remote(source: Place, output: Remote, *, overwrite: bool) -> None:
    refuse_web(output)
    found = look(output)
    if output.is_named_folder or (found is not None and found.is_folder):
        raise OutputError(f"{output} is a folder; name a file in it")
    if output == source:
        raise OutputError(f"{output} is the input itself; choose another name with -o")
    if found is not None and not overwrite:
        raise OutputError(f"{output} exists already; say --overwrite or choose another with -o")
