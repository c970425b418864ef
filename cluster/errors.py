"""Every error the Ray layer raises by itself, as one tree.

ClusterError                one clear line: what is wrong with the cluster, and what to do
├── NoServiceError          nobody answers where a cluster's job service should be
└── WorkerLostError         workers die, again and again, while they start

What a worker's own code raises is not wrapped: it reaches the caller as the type it was.
This module imports nothing, so that catching these errors costs no import of Ray.
"""


class ClusterError(Exception):
    """A cluster does not answer, or cannot hold even one worker; the text is one line."""


class NoServiceError(ClusterError):
    """A job service does not answer, or what answers is none; it may be there a moment later."""


class WorkerLostError(ClusterError):
    """Worker processes died (killed, out of memory, node gone) more often than is worth a retry."""


def token_wanted(address: str) -> ClusterError:
    """A cluster does not let a stranger in."""
    return ClusterError(
        f"the Ray cluster at {address} wants its token: copy ~/.ray/auth_token from its head node "
        "(or set RAY_AUTH_TOKEN), and set RAY_AUTH_MODE=token"
    )
