"""Folders of local Rays go with their owners, also of owners that were killed."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.scratch import scratch_folder

OWN = """
import time
from cluster.scratch import scratch_folder
with scratch_folder() as folder:
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def parent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with a name short enough for Ray's sockets, which all others here use, too."""
    short = Path("/tmp") / f"s-{tmp_path.parent.parent.name[-6:]}"
    short.mkdir(exist_ok=True)
    monkeypatch.setenv("RAY_TMPDIR", str(short))
    return short


def test_it_goes_at_the_end(parent: Path) -> None:
    with scratch_folder() as folder:
        (Path(folder) / "session").mkdir()
        assert Path(folder).parent == parent
    assert not Path(folder).exists()


def test_what_a_killed_process_left_is_swept_and_nothing_else(
    parent: Path, launch: Callable[..., "subprocess.Popen[str]"]
) -> None:
    theirs = parent / "ray-of-somebody"  # without our mark
    theirs.mkdir(exist_ok=True)
    folders = []
    owners = [launch(OWN, RAY_TMPDIR=str(parent)) for _ in range(2)]
    try:
        for owner in owners:
            assert owner.stdout is not None
            folders.append(Path(owner.stdout.readline().strip()))
        owners[0].send_signal(signal.SIGKILL)
        owners[0].wait()
        assert folders[0].exists()
        with scratch_folder():
            assert not folders[0].exists()
            assert folders[1].exists(), "its owner lives"
        assert theirs.exists()
    finally:
        for owner in owners:
            owner.kill()
            owner.communicate()
    with scratch_folder():
        assert [path.name for path in parent.glob("*") if path in folders] == []
    theirs.rmdir()
    parent.rmdir()
