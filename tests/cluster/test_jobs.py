"""Where a job service is, and is not; jobs themselves are in tests/vidgan/test_submit.py."""

import contextlib
import http.server
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from cluster import jobs
from cluster.errors import ClusterError
from cluster.jobs import JobService
from tests.cluster.shaky import Behaviour, shaky


@contextlib.contextmanager
def mute() -> Iterator[str]:
    """Something that accepts connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextlib.contextmanager
def other() -> Iterator[str]:
    """A web server that is not Ray's."""
    handler = http.server.BaseHTTPRequestHandler  # which knows no method, and says 501
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever follows waits for tenths of a second where it would wait for a minute."""
    monkeypatch.setattr(jobs, "PAUSE", 0.02)
    monkeypatch.setattr(jobs, "HEARTBEAT", 0.3)


@pytest.mark.usefixtures("hasty")
def test_following_goes_on_however_often_connections_break() -> None:
    """As behind a proxy, which hangs up after a minute without a word; or as a dashboard begins
    anew, or a line is dead."""
    often: tuple[Behaviour, ...] = ("hangs up", "breaks off", "is gone")
    with shaky(*often * 4, "falls silent", "hangs up") as service:
        heard = []
        for text in JobService(service.url).follow("job"):
            heard.append(text)
            service.deaf_looks = len(heard) % 3
        assert "".join(heard) == "".join(service.lines)


@pytest.mark.usefixtures("hasty")
def test_a_service_that_is_gone_for_a_moment_before_the_first_look_is_waited_for() -> None:
    with shaky("hangs up") as service:
        following = JobService(service.url).follow("job")
        service.cut_looks = 3
        assert "".join(following) == "".join(service.lines)
        assert service.cut_looks == 0


@pytest.mark.usefixtures("hasty")
def test_following_ends_where_the_service_is_gone_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "LOST", 0.3)
    gone: list[Behaviour] = ["is gone"] * 1000
    with shaky("hangs up", *gone) as service:
        following = JobService(service.url).follow("job")
        assert next(following) == "line 0\n"
        with pytest.raises(ClusterError, match="no Ray job service answers"):
            next(following)
        with pytest.raises(ClusterError, match="404"):
            next(JobService(service.url).follow("nobody"))


def refusal(address: str | None) -> str:
    began = time.monotonic()
    with pytest.raises(ClusterError) as refused:
        JobService(address)
    assert time.monotonic() - began < 45
    said = str(refused.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    "address", ["127.0.0.1:8265", "ray://127.0.0.1:10001", "http://", "http://host:70000"]
)
def test_what_is_no_address_of_a_job_service_is_said(address: str) -> None:
    assert f"not the address of a Ray cluster's job service: {address!r}" in refusal(address)


@pytest.mark.slow
def test_whoever_says_nothing_is_given_seconds() -> None:
    with mute() as address:
        assert f"no Ray job service answers at {address} " in refusal(address)


def test_nobody_there_is_said_in_time_and_without_passwords(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.jobs._Client.patience", (0.5, 0.5))
    said = refusal("http://user:secret@127.0.0.1:1")
    assert "no Ray job service answers at http://127.0.0.1:1 " in said
    with mute() as address:
        assert f"no Ray job service answers at {address} " in refusal(address)
    with other() as address:
        assert address in refusal(address)
    out, err = capfd.readouterr()
    assert out == ""
    assert "secret" not in said + err


@pytest.mark.parametrize("variable", ["RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"])
def test_the_environment_is_asked_last(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:2")
    assert "http://127.0.0.1:2 " in refusal(None)
    assert "http://127.0.0.1:1 " in refusal("http://127.0.0.1:1")
    monkeypatch.setenv(variable, "10.0.0.1:6379")  # a cluster's control service
    assert "such as http://HOST:8265" in refusal(None)
