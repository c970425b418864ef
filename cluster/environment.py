"""What Ray must find in the environment when it is imported; it reads these settings only then."""

import os
import sys
from pathlib import Path


def prepare() -> None:
    """Set what makes Ray quiet and lets it join clusters; what the user has set stays.

    - Ray prints "(raylet) A worker died..." on standard output, where a program's own output goes,
      even with `log_to_driver=False`: skip every such line.
    - Ray before 2.55 warns (FutureWarning) about tasks without GPUs unless this is chosen.
    - Clusters ask for a token by default, but a process that is given a cluster's address sends
      one only if told to, and otherwise fails after 20 s: tell it to, where there is a token.
    """
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if "ray" not in sys.modules and _has_token():
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _has_token() -> bool:
    """Look where Ray looks."""
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return True
    return (Path.home() / ".ray" / "auth_token").is_file()
