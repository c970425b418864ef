"""Outputs sent to a URL: whole or not at all, in bounded time, and stopped when they are to be."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from patient import PATIENCE
from tests.vidgan.connections import put, s3_at
from tests.vidgan.servers import Deaf, deaf
from vidgan import upload
from vidgan.connection import filesystem
from vidgan.errors import OutputError, RemoteError
from vidgan.media.preflight import check_place
from vidgan.naming import part_of
from vidgan.places import Remote
from vidgan.transport import look

MakeFilm = Callable[..., Path]


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """20 MiB: more than the buffers of a connection hold."""
    path = tmp_path / "part"
    path.write_bytes(os.urandom(2**20) * 20)
    return path


@pytest.fixture
def deaf_store() -> Iterator[Deaf]:
    """A store that accepts all and reads nothing of it."""
    with deaf() as server, s3_at(server.url):
        yield server


def test_an_upload_that_does_not_end_leaves_nothing(bucket: Remote, tmp_path: Path) -> None:
    """Not even parts, which are paid for: 5 MiB is the least that S3 takes for one."""
    part = tmp_path / "part"
    part.write_bytes(os.urandom(7 * 2**20))
    output = bucket / "whole/out.mp4"

    def interrupt() -> None:
        if look(output) is None:  # not to be seen before it is whole
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upload, "PART", 5 * 2**20)
        with pytest.raises(KeyboardInterrupt):
            upload.upload(part, output, confirm=interrupt)
        assert look(output) is None
        begun = filesystem(bucket).call_s3("list_multipart_uploads", Bucket="films")
        assert not begun.get("Uploads")

        put(output, b"another's")  # which came up while this one was being sent
        with pytest.raises(OutputError, match="exists already"):
            upload.upload(part, output, confirm=lambda: check_place(part, output, overwrite=False))
        assert output.read_bytes() == b"another's"
        upload.upload(part, output)
    assert output.read_bytes() == part.read_bytes()

    output = Remote("memory://whole/out.mp4")
    with pytest.raises(KeyboardInterrupt):
        upload.upload(part, output, confirm=interrupt)
    assert list(output.parent.files()) == []


@pytest.mark.usefixtures("impatient")
def test_a_server_that_stops_reading_is_given_up_in_bounded_time(
    deaf_store: Deaf, part: Path
) -> None:
    started = time.monotonic()
    with pytest.raises(RemoteError, match=r"^s3://films/out.mp4: the server does not answer"):
        upload.upload(part, Remote("s3://films/out.mp4"))
    assert time.monotonic() - started < 45
    assert deaf_store.asked.count("DELETE") == 1, "the upload's parts"


def test_an_upload_is_stopped_in_its_midst(
    bucket: Remote, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "PART", 5 * 2**20)
    for output in (bucket / "stopped/out.mp4", Remote("memory://stopped/out.mp4")):
        calls = iter(range(12))  # MiB

        def go_on(calls: Iterator[int] = calls) -> None:
            if next(calls, None) is None:
                raise OutputError("stopped")

        with pytest.raises(OutputError, match="stopped"):
            upload.upload(part, output, go_on=go_on)
        assert list(output.parent.files()) == []
    begun = filesystem(bucket).call_s3("list_multipart_uploads", Bucket="films")
    assert not begun.get("Uploads")


INTERRUPTED = """
import sys
from pathlib import Path
from vidgan import connection
from vidgan.cli.signals import hear_signals
from vidgan.errors import RemoteError
from vidgan.places import Remote
from vidgan.transport import look, write_all

connection.TIDY_SECONDS = 4.0
hear_signals()
try:
    print("begun", flush=True)
    write_all(Remote("s3://films/a.chunk"), bytes(20 * 2**20))
except KeyboardInterrupt:
    for number in range(3):
        try:
            write_all(Remote(f"s3://films/{number}.json"), bytes(20 * 2**20))
        except RemoteError as error:
            print(error)
"""


def test_after_an_interrupt_all_servers_together_are_given_seconds(deaf_store: Deaf) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        assert deaf_store.heard.wait(PATIENCE)
        interrupted = time.monotonic()
        process.send_signal(signal.SIGINT)
        said = process.stdout.read().splitlines()
        assert process.wait(PATIENCE) == 0
    assert time.monotonic() - interrupted < 45
    assert said[0].startswith("s3://films/0.json: the server does not answer")
    assert said[1:] == [
        f"s3://films/{number}.json: left as it is, since its server took too long before the end"
        for number in (1, 2)
    ]


KILLED = """
import sys, time
from vidgan.naming import part_of
from vidgan.places import Remote

with part_of(Remote("memory://out.mp4")) as part:
    part.write_bytes(b"a film")
    print(part.parent, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_driver_has_left_goes_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "vidgan-of-somebody").mkdir()
    drivers = [
        subprocess.Popen(
            [sys.executable, "-c", KILLED],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        for _ in range(2)
    ]
    try:
        left, alive = (Path(d.stdout.readline().strip()) for d in drivers if d.stdout)
        drivers[0].kill()
        drivers[0].wait()
        assert (left / "part").exists()
        with part_of(Remote("memory://other.mp4")) as part:
            assert not left.exists()
            assert (alive / "part").exists(), "its owner lives"
        assert not part.parent.exists()
        assert (tmp_path / "vidgan-of-somebody").exists()
    finally:
        for driver in drivers:
            driver.kill()
            driver.communicate()
