"""Damage films at random and convert them: a right output or one line, and nothing else.

    python bench/fuzz.py [--seconds S] [--seed N] [--keep FOLDER] [--json FILE]

Small films of several containers and codecs have bits flipped, bytes cut out, boxes resized,
packets exchanged, parts repeated or zeroed. They are converted twenty at a time by a process of
its own, which is given a deadline. Each must end in

- an output that decodes without an error into as many frames as the report says, or
- one line of a named error;

with the driver alive, in time, and with nothing half-written left. Where one does not, the damaged
file is kept (`--keep`), and the exit status is 1. The same seed damages alike.
"""

import argparse
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from setting import machine, print_machine, print_table

BATCH = 20
DEADLINE = 240.0
"""Seconds for a batch: a part whose worker crashes is tried again, and each costs some."""
FRAMES, SIZE = 24, (64, 48)
FILMS = {
    "h264.mp4": ("libx264", "yuv420p", {"g": "8", "bf": "2", "x264-params": "log-level=none"}),
    "h264.ts": ("libx264", "yuv420p", {"g": "8"}),
    "hevc.mkv": ("libx265", "yuv420p", {"g": "8", "x265-params": "log-level=none"}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"g": "8", "cpu-used": "8", "deadline": "realtime"}),
    "av1.mp4": ("libsvtav1", "yuv420p", {"g": "8", "preset": "12"}),
    "mpeg4.avi": ("mpeg4", "yuv420p", {"g": "8", "bf": "2"}),
    "mpeg2.mpg": ("mpeg2video", "yuv420p", {"g": "8"}),
    "prores.mov": ("prores_ks", "yuv422p10le", {}),
    "ffv1.mkv": ("ffv1", "yuv420p", {}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
    "gif.gif": ("gif", "rgb8", {}),
}
BOXES = (
    *(b"moov", b"trak", b"mdia", b"stbl", b"stts", b"ctts", b"stsz", b"stsc", b"stco", b"elst"),
    *(b"stsd", b"avcC", b"mdat", b"hdrl", b"strl", b"movi", b"idx1"),
)
CONVERT = """
import json, sys, traceback
from pathlib import Path
from cluster.session import session
from vidgan.conversion import convert_all
from vidgan.options import Options

weights = Path(sys.argv[1])
with session(num_cpus=2, preload=("vidgan.worker",)):
    print("up", flush=True)
    for line in sys.stdin:
        inputs, output = json.loads(line)
        options = Options(weights=weights, workers=1, chunk_frames=8, retries=1, crf=30)
        said = {"files": {}, "failed": {}, "crash": None}
        try:
            report = convert_all([Path(path) for path in inputs], Path(output), options)
            said["files"] = {str(f.source): [str(f.output), f.frames] for f in report.files}
            said["failed"] = {str(f.source): str(f) for f in report.failed}
        except BaseException:
            said["crash"] = traceback.format_exc()
        print(json.dumps(said), flush=True)
"""
Damage = Callable[[bytearray, random.Random], None]


def main() -> None:
    args = _arguments()
    print_machine(machine())
    folder = Path(tempfile.mkdtemp(prefix="f-", dir="/tmp"))
    try:
        tally, wrong = _fuzz(folder, args)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = [(what, str(count)) for what, count in sorted(tally.items())]
    print_table(f"films damaged for {args.seconds:.0f} s, seed {args.seed}", rows)
    for line in wrong:
        print(f"WRONG: {line}")
    if args.json:
        numbers = {"machine": machine(), "seed": args.seed, **tally, "wrong": wrong}
        args.json.write_text(json.dumps(numbers, indent=2) + "\n")
    sys.exit(1 if wrong else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Damage films; see the module's text.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-kept"), help="for what went wrong")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    return parser.parse_args()


def _fuzz(folder: Path, args: argparse.Namespace) -> tuple[Counter[str], list[str]]:
    """How the films ended, and one line for each that ended otherwise."""
    originals = list(_make_films(folder / "films"))
    weights = _identity(folder)
    tally: Counter[str] = Counter()
    wrong: list[str] = []
    rng = random.Random(args.seed)
    driver = _start(weights, folder)
    ends = time.monotonic() + args.seconds
    number = 0
    while time.monotonic() < ends:
        batch = folder / f"batch{number}"
        damaged = _damage_some(originals, batch, rng)
        said = _ask(driver, [list(map(str, damaged)), str(batch / "out")])
        if said is None:
            how = "hangs" if driver.poll() is None else f"crashed with {driver.returncode}"
            wrong.append(f"the driver {how} with one of {_kept(damaged, args.keep, number)}")
            _stop(driver)
            driver = _start(weights, folder)
        else:
            for path, line in _judge(said, damaged, batch / "out", tally):
                wrong.append(f"{_kept([path], args.keep, number)}: {line}")
        shutil.rmtree(batch)
        number += 1
    _stop(driver)
    return tally, wrong


def _make_films(folder: Path) -> Iterator[Path]:
    import av
    import numpy as np

    folder.mkdir()
    os.environ.setdefault("SVT_LOG", "1")
    width, height = SIZE
    for name, (codec, pixel_format, options) in FILMS.items():
        path = folder / name
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream(codec, rate=24, options=options)
            stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
            for number in range(FRAMES):
                ramp = np.add.outer(np.arange(height) * 3, np.arange(width) * 2 + 9 * number)
                picture = np.stack([ramp, ramp[::-1], 255 - ramp], -1).astype(np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 24)
                container.mux(stream.encode(frame.reformat(format=pixel_format)))
            container.mux(stream.encode(None))
        yield path


def _identity(folder: Path) -> Path:
    from cyclegan.checkpoint import save_generator
    from cyclegan.config import IdentityConfig
    from cyclegan.networks import build_generator

    path = folder / "identity.safetensors"
    save_generator(build_generator(IdentityConfig()), IdentityConfig(), path)
    return path


def _damage_some(originals: list[Path], folder: Path, rng: random.Random) -> list[Path]:
    folder.mkdir()
    paths = []
    for number in range(BATCH):
        original = rng.choice(originals)
        data = bytearray(original.read_bytes())
        for damage in rng.choices(DAMAGES, k=rng.choice((1, 1, 1, 2, 3))):
            if len(data) > 64:
                damage(data, rng)
        paths.append(folder / f"{number}{original.suffix}")
        paths[-1].write_bytes(data)
    return paths


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 4, 30, 200))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _cut_end(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(1, len(data)) :]


def _cut_out(data: bytearray, rng: random.Random) -> None:
    start = rng.randrange(len(data))
    del data[start : start + rng.choice((1, 7, 188, 1000))]


def _zero(data: bytearray, rng: random.Random) -> None:
    start, length = rng.randrange(len(data)), rng.choice((4, 64, 900))
    data[start : start + length] = bytes(len(data[start : start + length]))


def _repeat(data: bytearray, rng: random.Random) -> None:
    start, length = rng.randrange(len(data)), rng.choice((16, 188, 2000))
    data[start:start] = data[start : start + length]


def _exchange(data: bytearray, rng: random.Random) -> None:
    """Two parts of one length, as packets are that come in the wrong order."""
    length = rng.choice((32, 188, 600))
    one, other = sorted(rng.randrange(max(1, len(data) - length)) for _ in range(2))
    if other - one >= length:
        first, second = data[one : one + length], data[other : other + length]
        data[one : one + length], data[other : other + length] = second, first


def _resize_box(data: bytearray, rng: random.Random) -> None:
    """The size of a box of mp4 or AVI, or the first number in it, becomes another."""
    places = [at for name in BOXES if (at := data.find(name)) >= 4]
    if not places:
        _flip(data, rng)
        return
    at = rng.choice(places) + rng.choice((-4, 4, 8, 12, 16))
    if at + 4 <= len(data):
        value = rng.choice((0, 1, 7, 0x7FFFFFFF, 0xFFFFFFFF, rng.getrandbits(32)))
        data[at : at + 4] = struct.pack(">I", value)


DAMAGES: tuple[Damage, ...] = (
    *(_flip, _flip, _cut_end, _cut_out, _zero),
    *(_repeat, _exchange, _resize_box, _resize_box),
)


def _start(weights: Path, folder: Path) -> "subprocess.Popen[str]":
    driver = subprocess.Popen(
        [sys.executable, "-c", CONVERT, str(weights)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(folder / "stderr").open("w"),
        text=True,
        start_new_session=True,
    )
    assert driver.stdout is not None
    assert driver.stdout.readline() == "up\n", (folder / "stderr").read_text()
    return driver


def _ask(driver: "subprocess.Popen[str]", request: list[Any]) -> dict[str, Any] | None:
    """What it says of a batch; None where it says nothing in time, or has died."""
    assert driver.stdin is not None
    assert driver.stdout is not None
    print(json.dumps(request), file=driver.stdin, flush=True)
    signal.signal(signal.SIGALRM, _too_late)
    signal.setitimer(signal.ITIMER_REAL, DEADLINE)
    try:
        line = driver.stdout.readline()
        return json.loads(line) if line else None
    except TimeoutError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _too_late(number: int, frame: object) -> None:
    raise TimeoutError


def _stop(driver: "subprocess.Popen[str]") -> None:
    assert driver.stdin is not None
    driver.stdin.close()
    try:
        driver.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(driver.pid, signal.SIGKILL)


def _judge(
    said: dict[str, Any], damaged: list[Path], output: Path, tally: Counter[str]
) -> Iterator[tuple[Path, str]]:
    """What is wrong with what became of a batch."""
    if said["crash"]:
        yield damaged[0], f"or another of its batch ends them all: {said['crash']}"
        return
    for path in damaged:
        if (line := said["failed"].get(str(path))) is not None:
            crashed = "brought down its worker" in line
            tally["failed by a crash of a decoder" if crashed else "refused in a line"] += 1
            if "\n" in line or "please report this" in line:
                yield path, f"is refused by: {line}"
        elif str(path) in said["files"]:
            tally["converted"] += 1
            made, frames = said["files"][str(path)]
            if (reason := _wrong_with(Path(made), frames)) is not None:
                yield path, reason
        else:
            yield path, "nobody says what became of it"
    for left in output.glob("**/*.part*"):
        yield damaged[0], f"or another of its batch left {left.name}"


def _wrong_with(path: Path, frames: int) -> str | None:
    import av

    try:
        with av.open(str(path)) as container:
            found = sum(1 for _ in container.decode(video=0))
    except av.FFmpegError as error:
        return f"its output does not decode: {error}"
    return None if found == frames else f"its output has {found} frames, not {frames}"


def _kept(paths: list[Path], folder: Path, number: int) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        shutil.copy(path, folder / f"batch{number}-{path.name}")
    return ", ".join(str(folder / f"batch{number}-{path.name}") for path in paths)


if __name__ == "__main__":
    main()
