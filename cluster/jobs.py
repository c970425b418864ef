"""Ray jobs: a command that runs on a cluster's head node, without whoever handed it in.

Everything goes through the job service of the cluster's dashboard, over HTTP. Submitting needs no
connection to the cluster itself, and takes nothing of it: the command asks for its own workers.
"""

import asyncio
import logging
import math
import os
import shlex
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import aiohttp
from ray.exceptions import AuthenticationError
from ray.job_submission import JobStatus, JobSubmissionClient

from cluster.errors import ClusterError, NoServiceError, token_wanted

DEFAULT_SERVICE = "http://127.0.0.1:8265"
FOUND_WITHIN = (4.0, 9.0)
"""Seconds to connect, and then to answer, for a service not heard of yet."""
ANSWER_WITHIN = (4.0, 90.0)
"""The same for one that answers: it may have 100 MiB to unpack, or a process to start."""
STOP_GRACE = 30
"""Seconds between SIGTERM and SIGKILL. Ray's own 3 suffice a quiet machine."""
HEARTBEAT = 20.0
"""Seconds between two signs of life of a connection that follows a job."""
LOST = 60.0
"""Seconds for which following goes on while it fails."""
LASTING = 5.0
"""Seconds after which a connection that breaks was a good one."""
PAUSE = 1.0
"""Seconds between two connections."""
_TALKATIVE = ("ray.dashboard.modules.job.sdk", "ray.dashboard.modules.dashboard_sdk")
"""Loggers of Ray's that tell of each connection on standard error."""
_SERVICE_VARIABLES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
_BESIDE_RAY = (
    'export PATH="$(sed -n "/_raylet/{s|.* \\(/.*\\)/lib[0-9]*/python.*|\\1/bin:|p;q;}" '
    '/proc/$PPID/maps 2>/dev/null)$PATH"'
)
"""Programs are looked for beside the Python that runs Ray, then on Ray's PATH.

Ray started by its full path, as services do, has no virtual environment on its PATH. The shell's
parent is one of Ray's processes, and its memory map names the library it runs from.
"""

Status = Literal["pending", "running", "stopped", "succeeded", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """How a job stands."""

    name: str
    status: Status
    exit_status: int | None = None
    """Of its command, as a shell has it; None if it runs, was stopped, or never began."""
    reason: str = ""
    """One line on a job that failed before its command began."""

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.status not in ("pending", "running")


class JobService:
    """The jobs of one cluster.

    `address` is the dashboard's http:// or https:// address; without it the environment variables
    RAY_API_SERVER_ADDRESS and RAY_ADDRESS are asked, then it is this machine's.

    Raises:
        ClusterError: from every method: nobody answers, within 15 s; or what answers is not Ray's
            job service; or it wants another token; or it refuses, for the reason given.
    """

    def __init__(self, address: str | None = None) -> None:
        url = _service_url(address)
        self.address = _without_password(url)
        for library in _TALKATIVE:
            logging.getLogger(library).setLevel(logging.CRITICAL)
        with self._in_one_line(), _no_other_address():
            self._client = _Client(url)
        self._client.patience = ANSWER_WITHIN

    def submit(
        self,
        words: Sequence[str],
        *,
        name: str | None = None,
        folder: Path | None = None,
        upload: Path | None = None,
    ) -> str:
        """Run a command on the head node; returns the job's name, which is made up without `name`.

        The words arrive as they are, whatever is in them. The command runs in `folder` where the
        head node has such a folder, else in its user's home; or in a copy of the folder `upload`,
        which Ray sends along (100 MiB at most) and later deletes.
        """
        command = f"{_BESIDE_RAY}; exec {shlex.join(words)}"
        if folder is not None and upload is None:
            command = f"cd {shlex.quote(str(folder))} 2>/dev/null || cd; {command}"
        environment: dict[str, Any] = {"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_GRACE)}}
        if upload is not None:
            environment["working_dir"] = str(upload)
        with self._in_one_line():
            return self._client.submit_job(
                entrypoint=command, submission_id=name, runtime_env=environment
            )

    def look(self, name: str) -> Job:
        """How a job stands."""
        with self._in_one_line():
            found = self._client.get_job_info(name)
        code = found.driver_exit_code
        return Job(
            name=name,
            status=_STATUS[found.status],
            exit_status=128 - code if code is not None and code < 0 else code,
            reason=_last_line(found.message or "") if code is None else "",
        )

    def stop(self, name: str) -> None:
        """Ask a job to stop, by SIGTERM; one that has ended stays as it is."""
        with self._in_one_line():
            self._client.stop_job(name)

    def logs(self, name: str) -> str:
        """All that a job has written so far, on either stream."""
        with self._in_one_line():
            return self._client.get_job_logs(name)

    def follow(self, name: str) -> Iterator[str]:
        """What a job has written and writes, piece by piece, until it has ended.

        A connection that breaks is made again, and goes on where it was; so it does where the
        service is gone for less than a minute, from the first look on. A job that the service does
        not know is not waited for.
        """
        passed, found = 0, False
        well = time.monotonic()
        while True:
            connected = math.inf
            try:
                self.look(name)  # it has a limit in time, which connecting below has not
                found, connected = True, time.monotonic()
                for text in self._rest(name, passed):
                    passed += len(text)
                    yield text
                    well = time.monotonic()
                if self.look(name).ended:
                    return
                well = time.monotonic()
            except ClusterError as error:
                if not found and not isinstance(error, NoServiceError):
                    raise
                now = time.monotonic()
                if now - connected > LASTING:  # a proxy may hang up on whoever is silent
                    well = now
                if now - well > LOST:
                    raise
            time.sleep(PAUSE)

    def _rest(self, name: str, passed: int) -> Iterator[str]:
        """What comes after so many characters; each connection begins with the first."""
        seen = 0
        with self._in_one_line():
            for text in self._tail(name):
                seen += len(text)
                if new := text[len(text) - max(0, seen - passed) :]:
                    passed = seen
                    yield new

    def _tail(self, name: str) -> Iterator[str]:
        with asyncio.Runner() as runner:
            stream = self._client.tail_job_logs(name)

            async def read() -> str | None:
                return await anext(stream, None)

            while (text := runner.run(read())) is not None:
                yield text

    @contextmanager
    def _in_one_line(self) -> Iterator[None]:
        """Turn what Ray's client, and the libraries under it, raise into one error."""
        try:
            yield
        except AuthenticationError as error:
            raise token_wanted(self.address) from error
        except (OSError, aiohttp.ClientError, KeyError) as error:
            raise NoServiceError(
                f"no Ray job service answers at {self.address} ({type(error).__name__}); "
                "give the address of the cluster's dashboard, such as http://HOST:8265"
            ) from error
        except (RuntimeError, ValueError) as error:
            raise ClusterError(
                f"the Ray job service at {self.address} says: {_last_line(str(error))}"
            ) from error


class _Client(JobSubmissionClient):
    """Ray's, that does not wait for ever, and closes what it opens."""

    patience = FOUND_WITHIN

    async def tail_job_logs(self, job_id: str) -> AsyncIterator[str]:
        """All a job has written and writes, until it ends."""
        url = f"{self._address}/api/jobs/{job_id}/logs/tail"
        tls = self._ssl_context or True
        async with (
            aiohttp.ClientSession(cookies=self._cookies, headers=self._headers) as session,
            session.ws_connect(url, ssl=tls, heartbeat=HEARTBEAT) as socket,
        ):
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    yield message.data
            if socket.close_code != aiohttp.WSCloseCode.OK:
                raise aiohttp.ServerDisconnectedError

    def _do_request(self, *args: Any, **more: Any) -> Any:
        return super()._do_request(*args, timeout=self.patience, **more)


_STATUS: dict[JobStatus, Status] = {
    JobStatus.PENDING: "pending",
    JobStatus.RUNNING: "running",
    JobStatus.STOPPED: "stopped",
    JobStatus.SUCCEEDED: "succeeded",
    JobStatus.FAILED: "failed",
}


def _service_url(address: str | None) -> str:
    named = [address, *(os.environ.get(variable) for variable in _SERVICE_VARIABLES)]
    # "auto" and "local" are what RAY_ADDRESS may say of a cluster on this machine.
    url = next((url for url in named if url and url not in ("auto", "local")), DEFAULT_SERVICE)
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return url
        why = "give the address of its dashboard, such as http://HOST:8265"
    except ValueError as error:  # a port that is not a number up to 65535
        why = str(error)
    raise ClusterError(
        f"not the address of a Ray cluster's job service: {_without_password(url)!r}; {why}"
    )


def _without_password(url: str) -> str:
    before, separator, host = url.rpartition("@")
    return f"{before.partition('://')[0]}://{host}" if separator else url


@contextmanager
def _no_other_address() -> Iterator[None]:
    """Ray would take these variables' word over the address it is given."""
    before = {name: os.environ.pop(name, None) for name in _SERVICE_VARIABLES}
    try:
        yield
    finally:
        os.environ.update({name: value for name, value in before.items() if value is not None})


def _last_line(text: str) -> str:
    """Of an error from afar, which may be a whole traceback."""
    lines = [line.strip() for line in text.splitlines()]  # Ray puts a full stop after its end
    return next((line for line in reversed(lines) if line.strip(".")), "no reason given")
