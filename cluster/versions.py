"""What is installed here, against what the driver has: both sides must speak the same language."""

import socket
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version

from cluster.errors import ClusterError


def installed(packages: Iterable[str]) -> dict[str, str]:
    """The versions of these packages, of those that are installed (a checkout may run without)."""
    found = {}
    for package in packages:
        try:
            found[package] = _public(version(package))
        except PackageNotFoundError:
            continue
    return found


def check_versions(wanted: Mapping[str, str]) -> None:
    """Compare this machine with the driver's `wanted`.

    Builds of one version (torch's for CUDA and for CPUs) count as the same.

    Raises:
        ClusterError: a package is missing or of another version.
    """
    here = installed(wanted)
    differing = [name for name, number in wanted.items() if here.get(name) != number]
    if not differing:
        return
    have = ", ".join(f"{name} {here.get(name, 'missing')}" for name in differing)
    want = " ".join(f"{name}=={wanted[name]}" for name in differing)
    raise ClusterError(
        f"the cluster's machine {socket.gethostname()} has {have}, other than this one: run "
        f"`pip install {want}` there, for the Python that runs Ray"
    )


def _public(number: str) -> str:
    return number.partition("+")[0]
