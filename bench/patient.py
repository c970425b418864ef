"""How long Ray waits for its own parts on a machine that may be busy.

For the ports of its agents its node waits 15 s each, whatever the settings.
"""

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
