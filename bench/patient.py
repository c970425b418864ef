"""A Ray that comes up on a machine that is busy, too: it waits longer for its own parts.

Some of its waits no setting changes: its node waits 15 s for each port of its agents in turn, and
dies where one is not told. The runtime environments' agent is not waited for where its port has a
number. To give the others numbers would be worse: the last one is waited for all the same, and its
15 s would begin earlier.
"""

import contextlib
import random
import socket
from pathlib import Path

PATIENCE = 300
"""Seconds; only a hang takes so long."""
PATIENT = {
    f"RAY_{name}": f"{PATIENCE}"
    for name in (
        "worker_register_timeout_seconds",
        "gcs_server_port_wait_time_s",
        "DASHBOARD_STARTUP_TIMEOUT_S",
        "DASHBOARD_SUBPROCESS_MODULE_WAIT_READY_TIMEOUT",
    )
} | {
    "RAY_agent_register_timeout_ms": f"{1000 * PATIENCE}",
    "RAY_raylet_start_wait_time_s": "90",  # thrice 15 s, and some to begin and to end
}
"""For the environment in which a Ray is started."""


def free_ports(number: int) -> list[int]:
    """Below those that the system hands out, of which others may get one before Ray binds it.

    And above 19999, up to which workers of a Ray that was started by hand listen.
    """
    handed_out = Path("/proc/sys/net/ipv4/ip_local_port_range")
    lowest = int(handed_out.read_text().split()[0]) if handed_out.exists() else 32_768
    candidates = range(20_000 if lowest > 30_000 else lowest // 2, lowest)
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        for port in random.sample(candidates, len(candidates)):
            if len(ports) == number:
                break
            with contextlib.suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                ports.append(port)
        return ports
