"""What workers need of a machine: parts of a GPU, and resources with names of their own."""

import subprocess
from collections.abc import Callable
from pathlib import Path

SHARES = """
import os, sys, time
from pathlib import Path
import ray
from cluster.pool import map_unordered
from cluster.session import describe

class Meeting:
    def __init__(self, folder): self.folder = folder
    def setup(self): pass
    def process(self, item):
        (self.folder / str(os.getpid())).touch()
        while len(list(self.folder.iterdir())) < 2:  # both are there at the same time
            time.sleep(0.05)
        return ray.get_runtime_context().get_assigned_resources()
    def status(self): return time.monotonic()
    def close(self): pass

ray.cloudpickle.register_pickle_by_value(sys.modules["__main__"])
ray.init(
    num_cpus=2, num_gpus=1, resources={"lab": 2}, include_dashboard=False, log_to_driver=False,
    _temp_dir=sys.argv[2],
)
needs = {"CPU": 0.25, "GPU": 0.5, "lab": 1}
assert describe().places(needs) == 2, describe()
results = map_unordered(
    Meeting, range(4), shared=Path(sys.argv[1]), workers=2, cpus_per_worker=0.25,
    gpus_per_worker=0.5, resources={"lab": 1},
)
for _, assigned in results:
    print({name: float(assigned[name]) for name in ("CPU", "GPU", "lab")} == needs)
"""


def test_two_workers_share_a_gpu_and_take_a_resource_by_its_name(
    launch: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    with launch(SHARES, str(tmp_path), f"/tmp/n-{tmp_path.parent.parent.name[-6:]}") as process:
        out, err = process.communicate(timeout=300)
    assert out.splitlines()[-4:] == ["True"] * 4, err
    assert process.returncode == 0
