"""RUN/report.html: a training on one page, in one file that needs nothing else.

It is made of what the run's folder holds, and nothing but this process's memory of small pictures
makes it quick. No text of the run reaches the page as markup: the page's script puts it there as
text, out of JSON, and the page's policy runs no other script and fetches nothing.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cyclegan.atomic import write_atomically
from cyclegan.run_folder import RunFolder
from cyclegan.samples import ROWS, Pixels, split_panels
from vidgan.training.curves import LOG, METRICS, drawn
from vidgan.training.lines import Line, latest_course, read_lines
from vidgan.training.scores import score_table

NAME = "report.html"

MOST_SAMPLES = 40
"""On the page; of more, every second, fourth ... is left out."""
MOST_BYTES = 6_000_000
"""Of all their pictures together."""
CELL = 160
"""Pixels: pictures are shown no larger than that."""
MOST_EVENTS = 200
"""The last ones; a guard that acts gives up long before."""

Content = dict[str, Any]


class Page:
    """The page of the run in a folder; to be written anew whenever there is something new.

    `unjudged` says why there are no scores, if there are none.
    """

    def __init__(self, folder: RunFolder, *, unjudged: Callable[[], str] = str) -> None:
        self._folder, self._unjudged = folder, unjudged
        self._settings: Content = json.loads(folder.config.read_text())
        self._pictures: dict[Path, tuple[str, str]] = {}

    def write(self) -> None:
        """Write the page as things stand.

        Raises:
            OSError: no room, no permission; the page that was there stays.
        """
        content = page_html(self.content()).encode(errors="replace")
        path = self._folder.path / NAME
        write_atomically(path, lambda part: part.write_bytes(content))

    def content(self) -> Content:
        """What the page's script shows, fit for JSON."""
        run = self._folder.path
        lines = {
            LOG: latest_course(read_lines(self._folder.log)),
            METRICS: latest_course(read_lines(run / "metrics.jsonl")),
        }
        events = read_lines(run / "guard.jsonl")
        samples = self._samples()
        settings = self._settings
        last = lines[LOG][-1] if lines[LOG] else {}
        seen = [_images(line) for line in (*lines[LOG], *lines[METRICS], *events)]
        return {
            "run": run.name,
            "written": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "images": max([1, *seen, *(sample["images"] for sample in samples)]),
            "facts": _facts(last, settings),
            "charts": list(drawn(lines, settings)),
            "events": [_event(number, line) for number, line in enumerate(events, 1)][
                -MOST_EVENTS:
            ],
            "quiet": _quiet(events, settings),
            "samples": samples,
            "scores": score_table(run, lines[METRICS], self._unjudged()),
            "settings": list(_flat(settings | _sources(run))),
        }

    def _samples(self) -> list[Content]:
        """The history of samples, oldest first, within the bounds of the page."""
        chosen = thinned(sample_paths(self._folder), MOST_SAMPLES)
        known = self._pictures
        self._pictures = {path: known.get(path) or _small_panels(path) for path in chosen}
        while sum(map(self._size, chosen)) > MOST_BYTES and len(chosen) > 2:
            chosen = thinned(chosen, len(chosen) - 1)
        return [
            {"images": int(path.stem), "a": a, "b": b}
            for path, (a, b) in ((path, self._pictures[path]) for path in chosen)
            if a and b
        ]

    def _size(self, path: Path) -> int:
        return sum(map(len, self._pictures[path]))


def sample_paths(folder: RunFolder) -> list[Path]:
    """The samples that were drawn so far, named by the images that were seen, oldest first."""
    paths = (folder.path / "samples").glob("*.png")
    return sorted(
        (path for path in paths if path.stem.isdecimal()), key=lambda path: int(path.stem)
    )


def thinned(paths: Sequence[Path], most: int) -> list[Path]:
    """At most `most` of them and the last: all, every second, every fourth ...

    As more come, those that are left out stay out, so that small pictures are made but once.
    """
    stride = 1
    while len(range(0, len(paths), stride)) > most:
        stride *= 2
    kept = list(paths[::stride])
    return kept if not paths or kept[-1] == paths[-1] else [*kept[: most - 1], paths[-1]]


def page_html(content: Content) -> str:
    """The page that shows `content`, whatever its texts hold."""
    css, js = _asset("page.css"), _asset("page.js")
    run = html.escape(content["run"])
    parts = {
        "title": f"{run}: training",
        "run": run,
        "css": css,
        "css_hash": _hash(css),
        "js": js,
        "js_hash": _hash(js),
        # A script element ends at the first "</script", wherever it stands.
        "data": json.dumps(content, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _asset("page.html"))


@cache
def _asset(name: str) -> str:
    return files("vidgan.training").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """How a page's policy names the one script, or style, that it allows."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def small_grid(pixels: Pixels) -> Image.Image:
    """A panel, or a grid of two, no larger than the page and TensorBoard need it."""
    shrink = min(1.0, CELL * ROWS / pixels.shape[0])
    size = round(pixels.shape[1] * shrink), round(pixels.shape[0] * shrink)
    return Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _small_panels(path: Path) -> tuple[str, str]:
    """Both panels of a sample, as data URIs; one that cannot be read is none."""
    try:
        with Image.open(path) as image:
            panels = split_panels(np.asarray(image.convert("RGB")))
        return _data_uri(panels[0]), _data_uri(panels[1])
    except (OSError, ValueError):
        return "", ""


def _data_uri(pixels: Pixels) -> str:
    encoded = BytesIO()
    small_grid(pixels).save(encoded, format="WEBP", quality=70, method=2)
    return f"data:image/webp;base64,{base64.b64encode(encoded.getvalue()).decode()}"


def _facts(last: Line, settings: Content) -> list[tuple[str, str]]:
    """What stands at the top: label and text."""
    images, speed = _images(last), last.get("images_per_second", 0)
    facts = [("images seen", f"{images:,} of {settings['images']:,}")]
    if not last:
        return facts
    left = max(0, settings["images"] - images)
    facts.append(("throughput", f"{speed:.3g} images/s"))
    facts.append(("waiting for data", f"{last.get('waiting', 0):.1%}"))
    if left and speed:
        facts.append(("time left", str(timedelta(seconds=round(left / speed)))))
    if last.get("skipped"):
        facts.append(("steps skipped", f"{last['skipped']:,}"))
    return facts


def _event(number: int, line: Line) -> Content:
    """What the guard said; where a symptom has passed, that is not marked in the curves."""
    texts = {key: str(line.get(key, "")) for key in ("name", "evidence", "cause", "remedy")}
    if line.get("place"):
        texts["name"] += f" ({line['place']})"
    if line.get("status", "found") != "found":
        texts["name"] += f": {line['status']}"
    is_marked = line.get("status") != "passed"
    return {"number": number, "images": _images(line), "marked": is_marked, **texts}


def _quiet(events: list[Line], settings: Content) -> str:
    """What to say where there are no events."""
    if events:
        return ""
    return "It is switched off." if settings.get("guard") == "off" else "It has seen nothing wrong."


def _images(line: Line) -> int:
    images = line.get("images")
    return images if isinstance(images, int) else 0


def _sources(run: Path) -> Content:
    """What the run was told to train on, where that was written down."""
    try:
        options = json.loads((run / "options.json").read_text())
        return {name: options[name] for name in ("a", "b") if options.get(name)}
    except (OSError, ValueError, AttributeError):
        return {}


def _flat(settings: Content, prefix: str = "") -> list[tuple[str, str]]:
    """Settings as rows: ("loss.cycle", "10.0")."""
    rows = []
    for name, value in sorted(settings.items()):
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((prefix + name, value if isinstance(value, str) else json.dumps(value)))
    return rows
