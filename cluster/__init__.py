"""The Ray layer: a session, and a bounded, fault-tolerant map over actors. Knows nothing of video.

Importing this package does not import Ray; `cluster.session` and `cluster.pool` do.
"""

import os

from cluster.errors import ClusterError, PoisonItemError, WorkerLostError

# Ray prints "(raylet) A worker died..." on standard output, where a program's own output goes, even
# with log_to_driver=False. It reads this setting once, when it is imported.
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")

__all__ = ["ClusterError", "PoisonItemError", "WorkerLostError"]
