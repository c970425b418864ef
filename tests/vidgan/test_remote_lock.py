"""One conversion at a time for an output at a URL, however servers and their answers come late."""

import json
import signal
import threading
import time
from dataclasses import replace

import pytest

from patient import PATIENCE
from tests.vidgan.connections import put
from tests.vidgan.holding import held_elsewhere
from vidgan import remote_lock
from vidgan.errors import OutputError
from vidgan.ledger import Ledger
from vidgan.media.types import EncodedChunk, Packet
from vidgan.places import Remote
from vidgan.remote_lock import Owner, RemoteLock
from vidgan.transport import create, write_all

CHUNK = EncodedChunk(
    index=0, packets=(Packet(data=b"abc", pts=1, dts=1, duration=1, is_keyframe=True),), lost=()
)


def test_one_conversion_at_a_time_and_a_killed_one_s_place_is_taken(bucket: Remote) -> None:
    folder = bucket / "locked.mp4.vidgan"
    with held_elsewhere(folder) as other:
        with pytest.raises(OutputError, match=rf"vidgan: another .*process {other.pid} on "):
            Ledger(folder).__enter__()
        other.send_signal(signal.SIGKILL)
    assert list(folder.files()) == ["lock"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote_lock, "SETTLE", 0.1)
        with Ledger(folder) as ledger:  # at once: it was a process of this machine
            ledger.write("key", CHUNK)
    with Ledger(folder) as ledger:
        assert ledger.read("key") == CHUNK
        ledger.clear()
    assert list(folder.files()) == []


def test_a_lock_of_another_machine_grows_stale(
    bucket: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bucket / "stale.mp4.vidgan"
    monkeypatch.setattr(remote_lock, "SETTLE", 0.1)
    put(folder / "lock", replace(Owner.me(), kernel="another").to_bytes())
    with pytest.raises(OutputError, match="another conversion"):
        Ledger(folder).__enter__()
    monkeypatch.setattr(remote_lock, "STALE", 0.0)
    monkeypatch.setattr(remote_lock, "BEAT", 0.05)
    with Ledger(folder) as ledger:
        ledger.write("key", CHUNK)
        with pytest.raises(OutputError, match="has taken over this output"):
            write_until_refused(ledger, folder)
    assert "lock" in set(folder.files()), "it is the other's"


def write_until_refused(ledger: Ledger, folder: Remote) -> None:
    """A beat of the first holder's may come after the other has written its own."""
    for beat in range(10 * PATIENCE):
        put(folder / "lock", replace(Owner.me(), kernel="a third").to_bytes())
        ledger.write(f"other{beat}", CHUNK)
        time.sleep(0.1)


def test_a_lock_that_was_made_and_whose_answer_was_lost_is_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A library that tries again is told that the file is there."""

    def create_twice(place: Remote, data: bytes) -> bool:
        create(place, data)
        return create(place, data)

    monkeypatch.setattr(remote_lock, "create", create_twice)
    lock = RemoteLock(Remote("memory://lost-answer/lock"))
    lock.take()
    with pytest.raises(OutputError, match="another conversion"):
        RemoteLock(lock.place).take()
    lock.release()
    assert not lock.place.exists()


def test_a_beat_that_is_late_does_not_bring_a_lock_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever released it may not wait for ever; but then nobody else may have removed it."""
    writing, written = threading.Event(), threading.Event()
    in_time: list[bool] = []

    def write_late(place: Remote, data: bytes) -> None:
        writing.set()
        in_time.append(written.wait(PATIENCE))
        write_all(place, data)

    monkeypatch.setattr(remote_lock, "write_all", write_late)
    monkeypatch.setattr(remote_lock, "BEAT", 0.01)
    monkeypatch.setattr(remote_lock, "RELEASE", 0.1)
    lock = RemoteLock(Remote("memory://late/lock"))
    lock.take()
    assert writing.wait(PATIENCE)
    lock.release()
    written.set()
    deadline = time.monotonic() + PATIENCE
    while lock.place.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)
    assert not lock.place.exists()
    assert in_time[0], "it was released while the beat was still under way"
    lock.take()
    lock.release()


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"[" * 100_000,
        json.dumps(["token"]).encode(),
        json.dumps({"token": [1], "host": "a", "pid": 1, "kernel": ""}).encode(),
        json.dumps({"token": "t", "host": "a", "pid": "x", "kernel": "k"}).encode(),
        json.dumps({"token": "t", "host": "a", "pid": 10**30, "kernel": "k"}).encode(),
        json.dumps({"token": "t", "host": "a\n\033[2J", "pid": 1, "kernel": "k"}).encode(),
    ],
)
def test_a_lock_s_file_may_hold_anything(contents: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Owner.read(contents) is None
    folder = Remote("memory://odd.mp4.vidgan")
    put(folder / "lock", contents)
    with pytest.raises(OutputError, match=r"another conversion \(somebody, last heard of \d+ s"):
        Ledger(folder).__enter__()
    monkeypatch.setattr(remote_lock, "STALE", 0.0)
    monkeypatch.setattr(remote_lock, "SETTLE", 0.0)
    monkeypatch.setattr(remote_lock, "BEAT", 0.01)
    with Ledger(folder):
        put(folder / "lock", contents)  # which is no other's
        deadline = time.monotonic() + PATIENCE
        while Owner.read((folder / "lock").read_bytes()) is None:
            assert time.monotonic() < deadline, "its keeper has died"
            time.sleep(0.01)
