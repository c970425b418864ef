"""Jobs of a real cluster, begun by `ray start --head`: handed in, followed, stopped, gone on with.

Whatever is printed, the cluster's token is not in it, and no line is overwritten by another.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from patient import PATIENCE, PATIENT
from tests.cluster.shaky import shaky
from tests.head import BIN, Head, head

MakeFilm = Callable[..., Path]
Process = subprocess.Popen[str]

NAME = 'it\'s "a" film,\n$(of) *Schnee* ❄'
FRAMES = 120
CHUNKS = FRAMES // 12


def conversion(folder: Path) -> list[str]:
    return [
        *("convert", str(folder / f"{NAME}.mp4"), "-o", str(folder / f"{NAME} out.mp4")),
        *("--pair", "summer2winter", "--chunk-frames", "12"),
    ]


def output(folder: Path) -> Path:
    return folder / f"{NAME} out.mp4"


def test_a_service_that_stumbles_while_a_job_stops_is_asked_again(
    vidgan_command: Callable[..., Any],
) -> None:
    with shaky("hangs up") as service:
        said = vidgan_command("submit", "--address", service.url, "--id", "job", "--stop")
        assert service.deaf_looks == 0
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("job: stopped;")


def test_a_job_that_does_not_stop_is_not_waited_for_without_end(
    vidgan_command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidgan.cli.submit._STOP_SECONDS", 0.2)
    with shaky("hangs up") as service:
        service.deaf_looks_after_stop = 10**6
        said = vidgan_command("submit", "--address", service.url, "--id", "job", "--stop")
    assert said.status == 1
    (line,) = said.lines
    assert line.startswith("vidgan: job was told to stop, but is not known to have ended after 0 s")
    assert line.endswith("ask later by --status")


def test_passwords_of_an_address_are_not_shown(vidgan_command: Callable[..., Any]) -> None:
    with shaky("hangs up") as service:
        address = service.url.replace("//", "//me:secret@")
        said = vidgan_command("submit", "--address", address, "--", "models", "list")
    assert (said.status, said.out) == (0, "job\n")
    assert f"vidgan submit --address {service.url} --id job --follow" in said.err
    assert "secret" not in said.err


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A program that has ended."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Vidgan:
    """The command line, in processes of their own that know the cluster as a user's would."""

    head: Head
    held: contextlib.ExitStack
    """Ends what a failed test has left running."""

    def start(self, *words: object, **environment: str) -> Process:
        return self.program(sys.executable, "-m", "vidgan", *words, **environment)

    def program(self, *words: object, **environment: str) -> Process:
        process = subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.head.environment, **environment},
        )
        self.held.enter_context(process)
        self.held.callback(process.kill)
        return process

    def end(self, process: Process, word: str = "") -> Ended:
        out, err = process.communicate(word, timeout=PATIENCE)
        for said in (self.head.token, "\r", "Traceback"):
            assert said not in out + err
        return Ended(status=process.returncode, out=out, err=err)

    def submit(self, *words: object, **environment: str) -> Ended:
        return self.end(self.start("submit", *words, **environment))


@pytest.fixture(scope="module")
def folders(make_film: MakeFilm, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes folders with the film in them."""

    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        film = make_film("submit.mp4", frames=FRAMES, size=(160, 96))
        shutil.copy(film, folder / f"{NAME}.mp4")
        return folder

    return make


@pytest.fixture(scope="module")
def local(folders: Callable[[str], Path]) -> Iterator[Callable[[], bytes]]:
    """What a conversion without a cluster makes of the film, beside other things."""
    folder = folders("local")
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    with subprocess.Popen(
        [sys.executable, "-m", "vidgan", *conversion(folder), "--quiet"],
        env=ours | PATIENT,
    ) as process:

        def result() -> bytes:
            assert process.wait(timeout=PATIENCE) == 0
            return output(folder).read_bytes()

        yield result
        process.kill()


@pytest.fixture(scope="module")
def running() -> Iterator[Head]:
    with head() as running:
        yield running


@pytest.fixture
def vidgan(running: Head) -> Iterator[Vidgan]:
    with contextlib.ExitStack() as held:
        yield Vidgan(running, held)
    print(running.last_words())  # shown where the test has failed


GRACE = 300
SUBMIT = f"""
import sys
import cluster.jobs
from vidgan.cli import main

cluster.jobs.STOP_GRACE = {GRACE}
sys.argv[0] = "vidgan"
main()
"""
"""Hands jobs in that are killed only long after they were told to stop: the machine may be busy."""
STOP = f"""
import sys
import cluster.jobs
import vidgan.cli.submit
from vidgan.cli.commands import cli

vidgan.cli.submit._STOP_SECONDS = {GRACE}
sys.stdin.readline()
cli(["submit", "--id", "first", "--stop"], prog_name="vidgan")
"""
"""Waits for a word with all imports done: the film would be done meanwhile."""


@pytest.mark.slow
def test_a_job_that_is_stopped_goes_on_and_ends_with_the_bytes_of_a_local_conversion(
    vidgan: Vidgan, local: Callable[[], bytes], folders: Callable[[str], Path]
) -> None:
    folder = folders("job")
    expected = local()

    stopping = vidgan.program(sys.executable, "-c", STOP)
    first = ("submit", "--follow", "--id", "first", "--", *conversion(folder))
    following = vidgan.program(sys.executable, "-c", SUBMIT, *first)
    wait_for_chunks(folder, 2)
    began = time.monotonic()
    following.send_signal(signal.SIGINT)
    stopped = vidgan.end(stopping, "\n")
    assert (stopped.status, stopped.err) == (0, "")
    assert stopped.out.startswith("first: stopped; submit the same command again")
    assert time.monotonic() - began < GRACE / 2, "by itself, not by SIGKILL"
    detached = vidgan.end(following)
    assert detached.status == 130
    assert detached.out.startswith("first\n")
    assert "no longer following first, which goes on" in detached.err
    assert "vidgan submit --id first --follow | --stop" in detached.err
    assert not output(folder).exists()
    kept = len(chunks(folder))
    assert 2 <= kept < CHUNKS

    after = vidgan.submit("--id", "first", "--follow")
    assert after.status == 143
    assert "vidgan: interrupted; run the same command again to go on from here" in after.out
    assert vidgan.submit("--id", "first", "--status").out == stopped.out

    resumed = vidgan.submit("--follow", "--id", "second", "--", *conversion(folder))
    assert resumed.status == 0, resumed
    assert output(folder).read_bytes() == expected
    log = resumed.out.splitlines()
    assert f"starting workers for {FRAMES} frames in {CHUNKS} chunks" in log
    assert any(line.startswith(f"translating: {FRAMES} of {FRAMES} frames (100 %)") for line in log)
    assert any(line.endswith(f"{kept} of {CHUNKS} parts reused") for line in log)
    assert chunks(folder) == []


def test_a_job_that_fails_carries_its_exit_status(vidgan: Vidgan, tmp_path: Path) -> None:
    film = tmp_path / "not there.mp4"
    ended = vidgan.submit(
        *("--follow", "--id", "twice", "--", "convert", film, "--pair", "summer2winter")
    )
    assert ended.status == 1
    assert str(film) in ended.out
    assert ended.err.splitlines()[-1] == "vidgan: twice: failed with exit status 1"


@pytest.mark.slow
def test_a_job_whose_command_lacks_something_ends_as_that_command(vidgan: Vidgan) -> None:
    ended = vidgan.submit("--follow", "--", "convert", "film.mp4")
    assert ended.status == 2
    assert "say which model" in ended.out


@pytest.mark.slow
def test_ray_job_submit_works_as_well(
    vidgan: Vidgan, folders: Callable[[str], Path], local: Callable[[], bytes]
) -> None:
    """Where vidgan is on the PATH."""
    folder = folders("plain")
    environment = json.dumps({"env_vars": {"PATH": f"{BIN}:${{PATH}}"}})
    words = (BIN / "ray", "job", "submit", "--runtime-env-json", environment)
    ended = vidgan.end(vidgan.program(*words, "--", "vidgan", *conversion(folder)))
    assert ended.status == 0, ended
    assert output(folder).read_bytes() == local()


def test_what_a_user_gets_wrong_is_one_line(vidgan: Vidgan, tmp_path: Path) -> None:
    tries = {
        ("--id", "nobody", "--status"): "Job nobody does not exist",
        ("--id", "twice", "--", "models", "list"): "twice already exists",
        ("--working-dir", tmp_path / "none", "--", "models", "list"): "no such folder",
    }
    processes = {said: vidgan.start("submit", *words) for words, said in tries.items()}
    stranger = {"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN_PATH": str(tmp_path / "none")}
    processes["wants its token"] = vidgan.start("submit", "--", "models", "list", **stranger)
    for said, process in processes.items():
        ended = vidgan.end(process)
        assert ended.status == 1
        assert said in ended.err
        assert len(ended.err.splitlines()) == 1


WITHOUT = """
import sys
from cluster.jobs import JobService
JobService().submit(["no-such-program"], name="absent")
"""


@pytest.mark.slow
def test_a_head_node_without_vidgan_is_named(vidgan: Vidgan) -> None:
    assert vidgan.end(vidgan.program(sys.executable, "-c", WITHOUT)).status == 0
    ended = vidgan.submit("--id", "absent", "--follow")
    assert ended.status == 127
    assert "the cluster's head node has no vidgan" in ended.err


@pytest.mark.slow
def test_a_folder_can_be_sent_along(vidgan: Vidgan, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    ended = vidgan.submit("--follow", "--working-dir", tmp_path, "--", "probe", "notes.txt")
    assert ended.status == 1
    assert "notes.txt" in ended.out
    assert "No such file" not in ended.out


def chunks(folder: Path) -> list[Path]:
    return list(output(folder).with_name(f"{output(folder).name}.vidgan").glob("*.chunk"))


def wait_for_chunks(folder: Path, number: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while len(chunks(folder)) < number:
        assert time.monotonic() < deadline
        time.sleep(0.05)
