"""The model library stands alone: it is the leftmost of the three packages."""

import subprocess
import sys

PROGRAM = """
import importlib, pkgutil, sys, warnings
warnings.simplefilter("error")

import cyclegan.weights
assert "torchvision" not in sys.modules, "reading a generator must not load torchvision"
names = [module.name for module in pkgutil.walk_packages(cyclegan.__path__, "cyclegan.")]
for name in names:
    importlib.import_module(name)
right = {"ray", "av", "click", "cluster", "vidgan"} & sys.modules.keys()
assert not right, f"cyclegan must not load {sorted(right)}"
print(len(names))
"""


def test_cyclegan_loads_neither_ray_nor_media_nor_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 12
