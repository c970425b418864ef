"""The scripts of examples/ from end to end, with a 250th of their images, on pictures drawn here.

    python bench/examples.py [train-daynight.sh ...]

So that what made the models still makes models: each must be kept under its name at the end, whole,
and convert a picture. It takes some minutes of a core, and EfficientNet (vidgan[metrics]).
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

EXAMPLES = Path(__file__).parents[1] / "examples"
MODELS = {
    "train-daynight.sh": ("day2night", "night2day"),
    "train-seasons.sh": ("summer2winter", "winter2summer"),
}
PICTURES = 30
SHRINK = 250
"""All counts of images are multiples of it, and stay multiples of the scripts' batch of 2."""
PROGRAM = """#!{python}
import re, runpy, sys
def shrunk(count):
    return int(count) // {shrink}
words = [re.sub("(?<=/every/)[0-9]+", lambda n: f"{{shrunk(n[0]):08}}", w) for w in sys.argv[1:]]
for place, word in enumerate(words):
    if word in ("--images", "--keep"):
        words[place + 1] = str(shrunk(words[place + 1]))
if words[0] != "models":
    words += ["--threads", "1", "--device", "cpu", "--quiet"]
sys.argv[1:] = words
print("vidgan", *words, flush=True)
runpy.run_module("vidgan", run_name="__main__")
"""
"""A `vidgan` that trains on a part of what it is asked for."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the models that ship, in small.")
    parser.add_argument("scripts", nargs="*", default=list(MODELS))
    for script in parser.parse_args().scripts:
        with tempfile.TemporaryDirectory() as folder:
            _make(script, Path(folder))


def _make(script: str, folder: Path) -> None:
    program = folder / "bin" / "vidgan"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable, shrink=SHRINK))
    program.chmod(0o755)
    for seed, domain in enumerate(("a", "b")):
        _draw(folder / domain, seed)
    environment = os.environ | {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "VIDGAN_HOME": str(folder / "home"),
    }
    words = ["bash", str(EXAMPLES / script), str(folder / "a"), str(folder / "b"), f"{folder}/run"]
    subprocess.run(words, env=environment, check=True)
    for name in MODELS[script]:
        convert = ["convert", str(folder / "a"), "-o", str(folder / name), "--pair", name]
        subprocess.run(
            [sys.executable, "-m", "vidgan", *convert, "--quiet"], env=environment, check=True
        )
        made = len(list((folder / name).glob("*.png")))
        is_kept = (folder / "home" / "models" / f"{name}.safetensors").exists()
        if not is_kept or made != PICTURES:
            raise SystemExit(f"{script}: {name}: kept: {is_kept}; made {made} of {PICTURES}")
        print(f"{script}: {name}: kept, and made {made} pictures", flush=True)


def _draw(folder: Path, seed: int) -> None:
    """Fields of colours, larger than the scales to which the scripts bring their pictures."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(PICTURES):
        field = rng.integers(0, 256, (4, 6, 3), np.uint8)
        picture = Image.fromarray(field).resize((384, 256), Image.Resampling.BICUBIC)
        picture.save(folder / f"{number:02}.png")


if __name__ == "__main__":
    main()
