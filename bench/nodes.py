"""Machines of a cluster, all of them on this one: each has a Ray node and workers of its own.

    python bench/nodes.py FOLDER

keeps them for whoever starts it: a command in JSON on each line of standard input, an answer on
each of standard output; they end with the input. `Nodes` is the other side of that.

They live in a process of their own, because `ray.cluster_utils` and a driver that uses Ray in its
own way do not go together in one.
"""

import contextlib
import json
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from patient import PATIENCE, PATIENT, free_ports

KEEPER = Path(__file__).resolve()
STORE_BYTES = 80 << 20
"""Shared memory of each node: some chunks; all of them share one machine."""


class Nodes:
    """A cluster whose machines come and go; the first one, which keeps the books, has no CPUs."""

    def __init__(
        self, process: "subprocess.Popen[str]", environment: dict[str, str], log: Path
    ) -> None:
        self._process = process
        self._log = log
        self.environment = environment
        """For drivers: what they need to be let in."""
        self.address = self._ask({"head": {"num_cpus": 0}})

    def add(
        self,
        name: str,
        *,
        cpus: int = 1,
        gpus: int = 0,
        resources: Mapping[str, float] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Let a machine join; gives back Ray's id of it. It may claim GPUs that are not there."""
        has = {"num_cpus": cpus, "num_gpus": gpus, "resources": dict(resources or {})}
        return self._ask({"add": name, "has": has, "environment": dict(environment or {})})

    def remove(self, name: str) -> None:
        """Pull a machine's plug: all of its processes that Ray knows of are killed."""
        self._ask({"remove": name})

    def _ask(self, command: dict[str, Any]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(command), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the machines are gone, at {command}: {self._log.read_text()}")
        return str(json.loads(answer))


@contextlib.contextmanager
def nodes(*, within: Sequence[str] = (), marks: Mapping[str, str] | None = None) -> Iterator[Nodes]:
    """Start the first machine; all of them end with the block, whatever happens.

    Args:
        within: a command that runs another, which the machines are to run under.
        marks: put in the environment of all their processes.
    """
    folder = Path(tempfile.mkdtemp(prefix="nodes-", dir="/tmp"))  # sockets want a short path
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    access = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # all listens, and is looked for, on loopback
    }
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*within, sys.executable, str(KEEPER), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={
                **ours,
                **access,
                **(marks or {}),
                "RAY_TMPDIR": str(folder),  # in it Ray notes the address, for others to find
                "RAY_USAGE_STATS_ENABLED": "0",
                "RAY_worker_niceness": "0",
                **PATIENT,
            },
            start_new_session=True,
        )
    try:
        yield Nodes(process, {**ours, **access}, folder / "log")
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=PATIENCE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Keep the machines until the input ends. Their workers' working directory is theirs alone."""
    from ray.cluster_utils import Cluster

    logging.disable(logging.ERROR)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder, answers = Path(sys.argv[1]), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Ray prints is no answer
    cluster: Any = Cluster()
    known = {}
    for line in sys.stdin:
        command = json.loads(line)
        answer = ""
        if "head" in command:
            _add(cluster, folder, folder / "head", command["head"])
            answer = cluster.address
        elif "add" in command:
            name = command["add"]
            with _environment(command["environment"]):
                known[name] = _add(cluster, folder, folder / name, command["has"])
            answer = known[name].node_id
        else:
            cluster.remove_node(known.pop(command["remove"]), allow_graceful=False)
        print(json.dumps(answer), file=answers, flush=True)
    cluster.shutdown()


def _add(cluster: Any, folder: Path, directory: Path, has: dict[str, Any]) -> Any:
    from ray._private.services import wait_for_node

    directory.mkdir(exist_ok=True)
    os.chdir(directory)
    head_only = {} if cluster.head_node else {"include_dashboard": False}
    node = cluster.add_node(
        **has,
        **head_only,
        runtime_env_agent_port=free_ports(1)[0],
        node_ip_address="127.0.0.1",
        temp_dir=str(folder / "ray"),
        object_store_memory=STORE_BYTES,
        wait=False,  # which would be for 30 s
    )
    wait_for_node(node.gcs_address, node.plasma_store_socket_name, PATIENCE)
    return node


@contextlib.contextmanager
def _environment(added: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(added)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    main()
