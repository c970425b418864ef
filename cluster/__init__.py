"""The Ray layer: a session, and a bounded, fault-tolerant map over actors. Knows nothing of video.

Importing this package does not import Ray; `cluster.session` and `cluster.pool` do.
"""

from cluster.environment import prepare
from cluster.errors import ClusterError, WorkerLostError

prepare()

__all__ = ["ClusterError", "WorkerLostError"]
