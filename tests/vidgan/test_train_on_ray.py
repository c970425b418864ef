"""`vidgan train --workers N`: the same training on Ray, through stops and kills."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cyclegan.checkpoint import load_checkpoint
from tests.vidgan.small_training import write_pictures

Command = Callable[..., Any]

SMALL = ["--crop", "32", "--load", "36", "--generator-filters", "4", "--discriminator-filters", "4"]
SMALL += ["--device", "cpu", "--precision", "fp32", "--samples", "0"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with dark/ and bright/ pictures."""
    write_pictures(tmp_path, each=4)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(out: str, images: int, *more: str) -> list[str]:
    command = ["train", "--a", "dark", "--b", "bright", "--out", out, "--images", str(images)]
    return [*command, *SMALL, *more]


@pytest.mark.slow
@pytest.mark.usefixtures("ray_up")
def test_one_worker_gives_what_the_plain_loop_gives(here: Path, vidgan_command: Command) -> None:
    plain = vidgan_command(*train("plain", 6, "--threads", "2"))
    worker = vidgan_command(*train("worker", 6, "--workers", "1"))
    assert (plain.status, worker.status) == (0, 0)
    assert worker.out.startswith("worker: trained on 6 images")
    assert "6/6" in worker.lines[-1]
    for name in ("a2b.safetensors", "b2a.safetensors", "config.json"):
        assert (here / "plain" / name).read_bytes() == (here / "worker" / name).read_bytes()


@pytest.mark.usefixtures("ray_up")
def test_more_workers_than_the_cluster_holds_are_refused_at_once(
    here: Path, vidgan_command: Command
) -> None:
    began = time.monotonic()
    said = vidgan_command(*train("run", 6, "--workers", "3"))
    assert (said.status, said.out, len(said.lines)) == (1, "", 1)
    assert said.lines[0].startswith("vidgan: --workers 3: the cluster has 2 CPUs")
    assert time.monotonic() - began < 40  # and a busy cluster is waited for 45 s
    assert not (here / "run").exists()


def children(pid: int) -> Iterator[tuple[int, str]]:
    """All processes below one, with what they are."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                child = int(stat.parent.name)
                yield child, (stat.parent / "cmdline").read_text().replace("\0", " ")
                yield from children(child)


def trainers(pid: int) -> list[int]:
    return [child for child, name in children(pid) if "RayTrainWorker" in name]


def wait_until(is_so: Callable[[], object], process: "subprocess.Popen[str]") -> None:
    limit = time.monotonic() + 400
    while not is_so():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.1)


@pytest.mark.slow
def test_a_training_of_two_survives_a_killed_worker_a_killed_driver_and_ctrl_c(here: Path) -> None:
    """And a resumed one needs no other option than the run."""
    checkpoint = here / "run/checkpoint.pt"
    command = [sys.executable, "-m", "vidgan"]
    began = [*command, *train("run", 100_000, "--workers", "2", "--checkpoint-minutes", "0.01")]
    with (
        (here / "said").open("w") as log,  # a pipe that nobody reads fills up
        subprocess.Popen(began, stderr=log, text=True) as driver,
    ):
        wait_until(checkpoint.exists, driver)
        before = step(checkpoint)
        first = trainers(driver.pid)
        os.kill(first[0], signal.SIGKILL)
        wait_until(lambda: len(set(trainers(driver.pid)) - set(first)) == 2, driver)
        wait_until(lambda: step(checkpoint) > before + 50, driver)
        driver.kill()
    said = (here / "said").read_text()
    killed_at = step(checkpoint)
    (loss,) = (line for line in said.split("\n") if "lost" in line)
    found = re.fullmatch(
        r"warning: workers were lost \((.*)\); training goes on from image (.*)", loss
    )
    assert found is not None, loss
    assert found[1].startswith("a worker died: "), "not what the surviving one says"
    assert int(found[2].replace(",", "")) >= 2 * before

    again = [*command, "train", "--out", "run", "--resume", "--checkpoint-minutes", "1000"]
    with subprocess.Popen(again, stderr=subprocess.PIPE, text=True) as driver:
        assert driver.stderr is not None
        shown = ""
        while not (found := re.search(r"([1-9]\d*)/100000", shown)):
            shown += (said := driver.stderr.read(1))
            assert said, shown
        assert int(found[1]) >= 2 * killed_at
        driver.send_signal(signal.SIGINT)
        _, said = driver.communicate(timeout=400)
    assert driver.returncode == 130
    last = said.strip().rpartition("\n")[2].rpartition("\r")[2]
    assert last == "vidgan: interrupted; `vidgan train --out run --resume` goes on from here"
    assert step(checkpoint) > killed_at
    assert len(load_checkpoint(checkpoint)["workers"]) == 2  # type: ignore[arg-type]


def step(checkpoint: Path) -> int:
    found = load_checkpoint(checkpoint)["step"]
    assert isinstance(found, int)
    return found


def test_a_cluster_named_by_the_environment_is_the_one_that_trains(here: Path) -> None:
    command = [sys.executable, "-m", "vidgan", *train("run", 4), "--quiet"]
    environment = os.environ | {"RAY_ADDRESS": "127.0.0.1:9"}
    said = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("vidgan: no Ray cluster answers at 127.0.0.1:9")
    assert len(said.stderr.splitlines()) == 1
    assert not (here / "run/checkpoint.pt").exists()
