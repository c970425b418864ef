"""Machines with other packages than the driver's, or without them, are one clear line."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster import ClusterError
from cluster.pool import map_unordered
from cluster.session import Session
from cluster.versions import check_versions, installed

BLOCKED = """
import os, sys
from collections import Counter
from cluster import ClusterError
from cluster.pool import map_unordered
from cluster.session import session

os.environ["PYTHONPATH"] = sys.argv[1]  # of the processes that Ray starts
try:
    with session(num_cpus=1):
        list(map_unordered(
            Counter, [1], shared=(), workers=1, cpus_per_worker=1, versions={"vidgan": "0.1.0"}
        ))
except ClusterError as error:
    print(error)
"""
WITHOUT_CLUSTER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "cluster":
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Blocker())
"""


def test_builds_of_one_version_are_the_same() -> None:
    here = installed(["torch", "no-such-package"])
    assert set(here) == {"torch"}
    assert "+" not in here["torch"]
    check_versions(here)


def test_a_machine_with_another_version_is_named(ray_session: Session) -> None:
    never: Any = dict  # it is not even made
    wanted = {"torch": "0.0.1", "av": installed(["av"])["av"], "no-such-package": "7"}
    with pytest.raises(ClusterError) as caught:
        list(map_unordered(never, [1], shared=(), workers=1, cpus_per_worker=1, versions=wanted))
    said = str(caught.value)
    assert f"has torch {installed(['torch'])['torch']}, no-such-package missing" in said
    assert "pip install torch==0.0.1 no-such-package==7" in said
    assert "\n" not in said


@pytest.mark.slow
def test_a_machine_without_the_package_is_named(
    launch: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_CLUSTER)
    with launch(BLOCKED, str(tmp_path)) as process:
        out, err = process.communicate(timeout=300)
    assert out.startswith("a machine of the cluster cannot run a worker ("), err
    assert "No module named 'cluster" in out
    assert out.endswith("run `pip install vidgan==0.1.0` there, for the Python that runs Ray\n")
    assert out.count("\n") == 1
