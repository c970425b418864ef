"""Sound that the output cannot hold as it is: the same sound, at the same time."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.vidgan.films.beeps import Beeps, heard, seen, write_beeps

EncodeFilm = Callable[..., Any]

FRAME = 1024 / 48_000
"""Seconds of one audio frame of AAC."""

TRANSCODED = [
    (".mkv", "pcm_s16le", ".mp4", "aac"),
    (".mkv", "pcm_s24le", ".webm", "opus"),
    (".mkv", "flac", ".mov", "alac"),
    (".mkv", "flac", ".webm", "opus"),
    (".mkv", "libopus", ".mov", "aac"),
    (".mp4", "aac", ".webm", "opus"),
    (".mov", "pcm_s16be", ".mp4", "aac"),
    (".mov", "pcm_alaw", ".mkv", "flac"),
    (".mkv", "ac3", ".webm", "opus"),
    (".mkv", "tta", ".mp4", "aac"),
]
COPIED = [
    (".mkv", "flac", ".mp4"),
    (".mkv", "libopus", ".mp4"),
    (".mkv", "pcm_s24le", ".mov"),
    (".mkv", "ac3", ".mov"),
    (".mp4", "alac", ".mkv"),
    (".mkv", "libmp3lame", ".mp4"),
    (".mkv", "libopus", ".webm"),
]


def check_in_step(path: Path, moments: int = 3) -> None:
    flashes, beeps = seen(path), heard(path)
    assert len(flashes) == len(beeps) == moments
    assert max(abs(a - b) for a, b in zip(flashes, beeps, strict=True)) < FRAME


@pytest.mark.parametrize("row", TRANSCODED, ids="-".join)
def test_sound_becomes_what_the_container_holds_in_step(
    row: tuple[str, str, str, str], encode_film: EncodeFilm, tmp_path: Path
) -> None:
    ending, codec, target, becomes = row
    source = write_beeps(tmp_path / ("film" + ending), Beeps(codec=codec))
    output = tmp_path / ("out" + target)
    encoded = encode_film(source, target)
    report = encoded.join(output)
    check_in_step(output)
    with av.open(str(output)) as container:
        (sound,) = container.streams.audio
        assert sound.codec_context.codec.canonical_name == becomes
        assert sound.codec_context.layout.name == "stereo"
    (other,) = encoded.film.others
    assert report.warnings == (f"audio 1 becomes {becomes}: {target} holds no {other.codec}",)
    assert report.audio_streams == report.streams_copied == 1
    encoded.join(tmp_path / ("again" + target))
    assert output.read_bytes() == (tmp_path / ("again" + target)).read_bytes()


@pytest.mark.parametrize(("ending", "codec", "target"), COPIED)
def test_sound_that_the_container_holds_is_copied(
    ending: str, codec: str, target: str, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = write_beeps(tmp_path / ("film" + ending), Beeps(codec=codec))
    report = encode_film(source, target).join(tmp_path / ("out" + target))
    assert report.warnings == ()
    check_in_step(tmp_path / ("out" + target))
    with av.open(str(source)) as before, av.open(str(tmp_path / ("out" + target))) as after:
        data = [
            b"".join(bytes(packet) for packet in film.demux(audio=0)) for film in (before, after)
        ]
    assert data[0] == data[1]


@pytest.mark.parametrize("target", [".mp4", ".webm"])
@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(Beeps(sound_from=Fraction(3, 2), codec="flac"), id="late"),
        pytest.param(Beeps(silent=(Fraction(1), Fraction(9, 5))), id="gap"),
        pytest.param(Beeps(rate=44_100, codec="tta"), id="44100"),
        pytest.param(Beeps(rate=96_000, codec="tta", layout="mono"), id="96000"),
        pytest.param(Beeps(rate=8_000, codec="tta", layout="mono"), id="8000"),
        pytest.param(Beeps(layout="5.1", codec="pcm_s16le"), id="5.1"),
        pytest.param(Beeps(layout="5.1(side)", codec="ac3"), id="5.1(side)"),
        pytest.param(Beeps(layout="7.1", codec="pcm_s16le"), id="7.1"),
    ],
)
def test_odd_sound_stays_in_step(
    spec: Beeps, target: str, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    source = write_beeps(tmp_path / "film.mkv", spec)
    encode_film(source, target).join(tmp_path / ("out" + target))
    flashes, beeps = seen(tmp_path / ("out" + target)), heard(tmp_path / ("out" + target))
    audible = [flash for flash in flashes if flash >= spec.sound_from]
    assert len(flashes) == 3
    assert len(beeps) == len(audible)
    assert max(abs(a - b) for a, b in zip(audible, beeps, strict=True)) < FRAME


def samples(path: Path) -> Any:
    with av.open(str(path)) as container:
        return np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)


def test_lossless_sound_stays_so_where_it_can(encode_film: EncodeFilm, tmp_path: Path) -> None:
    source = write_beeps(tmp_path / "film.mkv", Beeps(codec="flac"))
    encode_film(source, ".mov").join(tmp_path / "out.mov")
    before, after = samples(source), samples(tmp_path / "out.mov")
    assert before.dtype == np.int16
    assert np.array_equal(before.reshape(-1, 2).T, after)


def remade(source: Path, path: Path, change: Callable[["av.Packet[Any]"], bool]) -> Path:
    """The film once more, its packets of sound changed; without those of which it is not told."""
    with av.open(str(source)) as film, av.open(str(path), "w") as out:
        streams = [out.add_stream_from_template(s, opaque=True) for s in film.streams]
        for packet in film.demux():
            if packet.size and (packet.stream.type != "audio" or change(packet)):
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    return path


def test_coarse_times_are_no_gaps(encode_film: EncodeFilm, tmp_path: Path) -> None:
    """As some recorders write them: each packet up to 10 ms early or late."""

    def shake(packet: "av.Packet[Any]") -> bool:
        assert packet.pts is not None
        packet.pts = packet.dts = max(0, packet.pts + packet.pts * 7 % 21 - 10)
        return True

    plain = write_beeps(tmp_path / "film.mkv", Beeps(codec="flac"))
    shaken = remade(plain, tmp_path / "shaken.mkv", shake)
    for path in (plain, shaken):
        encode_film(path, ".mov").join(path.with_suffix(".mov"))
    check_in_step(shaken.with_suffix(".mov"))
    assert np.array_equal(samples(plain.with_suffix(".mov")), samples(shaken.with_suffix(".mov")))


@pytest.mark.parametrize("factor", [Fraction(98, 100), Fraction(102, 100)])
def test_a_clock_that_runs_wrong_does_not_drift(
    factor: Fraction, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    """The times of the sound say more, or less, than its samples make: the times are right."""

    def stretch(packet: "av.Packet[Any]") -> bool:
        assert packet.pts is not None
        packet.pts = packet.dts = round(packet.pts * factor)
        return True

    plain = write_beeps(tmp_path / "film.mkv", Beeps())
    source = remade(plain, tmp_path / "wrong.mkv", stretch)
    encode_film(source, ".mp4").join(tmp_path / "out.mp4")
    wanted = [flash * float(factor) for flash in seen(source)]
    assert heard(tmp_path / "out.mp4") == pytest.approx(wanted, abs=FRAME)


def test_damaged_sound_is_silence_and_the_rest_in_step(
    encode_film: EncodeFilm, tmp_path: Path
) -> None:
    def damage(packet: "av.Packet[Any]") -> bool:
        if 1 <= (packet.pts or 0) * packet.time_base < Fraction(3, 2):
            packet.update(bytes(packet.size))
        return True

    plain = write_beeps(tmp_path / "film.mkv", Beeps(codec="flac"))
    source = remade(plain, tmp_path / "damaged.mkv", damage)
    report = encode_film(source, ".mov").join(tmp_path / "out.mov")
    check_in_step(tmp_path / "out.mov")
    assert any("of its packets cannot be decoded" in warning for warning in report.warnings)


def test_damaged_sound_that_a_muxer_refuses_is_made_anew(
    encode_film: EncodeFilm, tmp_path: Path
) -> None:
    """mp4 says in its index what each packet of E-AC-3 holds, so that its muxer reads them."""

    def damage(packet: "av.Packet[Any]") -> bool:
        if 1 < (packet.pts or 0) * packet.time_base < Fraction(3, 2):
            packet.update(bytes(packet.size))
        return True

    plain = write_beeps(tmp_path / "film.mkv", Beeps(codec="eac3"))
    source = remade(plain, tmp_path / "damaged.mkv", damage)
    report = encode_film(source, ".mp4").join(tmp_path / "out.mp4")
    check_in_step(tmp_path / "out.mp4")
    assert report.warnings[0] == ("audio 1 becomes aac: .mp4 does not take its damaged packets")
    assert "of its packets cannot be decoded" in report.warnings[1]


def test_times_a_year_ahead_neither_fill_the_disk_nor_stop_the_film(
    encode_film: EncodeFilm, tmp_path: Path
) -> None:
    year = 365 * 24 * 3600 * 1000

    def jump(packet: "av.Packet[Any]") -> bool:
        assert packet.pts is not None
        if packet.pts >= 3000:
            packet.pts = packet.dts = packet.pts + year
        return True

    plain = write_beeps(tmp_path / "film.mkv", Beeps())
    source = remade(plain, tmp_path / "jump.mkv", jump)
    encode_film(source, ".webm").join(tmp_path / "out.webm")
    assert (tmp_path / "out.webm").stat().st_size < 100_000
    beeps = heard(tmp_path / "out.webm")
    assert beeps[:2] == pytest.approx(seen(tmp_path / "out.webm")[:2], abs=FRAME)
    assert beeps[2] == pytest.approx(year / 1000 + 3.5, abs=FRAME)


def retimed(source: Path, path: Path, change: Callable[[int], int]) -> Path:
    """The film once more, the times of its packets of sound changed, by their numbers, in place."""
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as film:
        packets = [bytes(packet) for packet in film.demux(audio=0) if packet.size]
    for number, packet in enumerate(packets):
        at = data.find(packet) - 3  # before it a block has its time in its cluster, and its flags
        time = int.from_bytes(data[at : at + 2], signed=True) + change(number)
        data[at : at + 2] = time.to_bytes(2, signed=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("damaged", [range(1), range(20, 21), range(20, 23)], ids=str)
def test_damaged_times_silence_nothing_after_them(
    damaged: range, encode_film: EncodeFilm, tmp_path: Path
) -> None:
    plain = write_beeps(tmp_path / "film.mkv", Beeps(codec="flac"))
    source = retimed(plain, tmp_path / "late.mkv", lambda number: 16_384 * (number in damaged))
    report = encode_film(source, ".mov").join(tmp_path / "out.mov")
    check_in_step(tmp_path / "out.mov")
    said = f"{len(damaged)} of its times cannot be right"
    assert any(said in warning for warning in report.warnings)


def test_sound_whose_place_is_taken_is_counted(encode_film: EncodeFilm, tmp_path: Path) -> None:
    plain = write_beeps(tmp_path / "film.mkv", Beeps(codec="flac"))
    source = retimed(plain, tmp_path / "back.mkv", lambda number: -1000 * (number >= 20))
    report = encode_film(source, ".mov").join(tmp_path / "out.mov")
    [said] = [said for said in report.warnings if "is left out" in said]
    assert float(said.split(": ")[1].split()[0]) == pytest.approx(1, abs=0.1)


def test_sound_that_changes_its_form_goes_on(encode_film: EncodeFilm, tmp_path: Path) -> None:
    """As broadcasts change from stereo to 5.1: two films of AC-3, one after the other."""
    parts = [
        write_beeps(tmp_path / f"{layout}.mkv", Beeps(codec="ac3", layout=layout, seconds=4))
        for layout in ("stereo", "5.1(side)")
    ]
    source = tmp_path / "both.mkv"
    with av.open(str(source), "w") as out, av.open(str(parts[0])) as head:
        streams = [out.add_stream_from_template(s, opaque=True) for s in head.streams]
        for number, part in enumerate(parts):
            with av.open(str(part)) as film:
                for packet in film.demux():
                    if packet.size and packet.pts is not None and packet.dts is not None:
                        packet.pts += 4000 * number
                        packet.dts += 4000 * number
                        packet.stream = streams[packet.stream.index]
                        out.mux(packet)
    encode_film(source, ".webm").join(tmp_path / "out.webm")
    check_in_step(tmp_path / "out.webm", moments=6)
