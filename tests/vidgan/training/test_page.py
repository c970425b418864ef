"""The page of a training says what its folder holds, to anybody, and asks nobody for anything."""

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cyclegan.run_folder import RunFolder
from cyclegan.samples import GAP, MIDDLE, save_png
from cyclegan.train_config import TrainConfig
from tests.vidgan.training.chromium import Browser, Tab
from vidgan.training import page as pages
from vidgan.training.curves import MOST_POINTS
from vidgan.training.page import MOST_BYTES, MOST_EVENTS, MOST_SAMPLES, Page, thinned

HOSTILE = (
    "</script><script>document.title='taken'</script><img src=x onerror=alert(1)> & \"quotes\""
)
LOSSES = ("adversarial_ab", "adversarial_ba", "cycle_a", "cycle_b", "identity_a", "identity_b")


def a_run(folder: Path, *, lines: int = 40) -> RunFolder:
    """A run of 50 images a line, half a picture of noise, two events and two judgements."""
    run = RunFolder(folder)
    run.begin(replace(TrainConfig(), images=lines * 100))
    (folder / "options.json").write_text(json.dumps({"a": HOSTILE, "b": "winter", "out": "run"}))
    with run.log.open("w") as log:
        for number in range(1, lines + 1):
            losses = {name: 1 / number + 0.1 * place for place, name in enumerate(LOSSES)}
            judges = {"discriminator_a": 0.25, "discriminator_b": math.nan if number == 3 else 0.2}
            speed = {"images_per_second": 5.0, "waiting": 0.01, "skipped": 1, "lr_scale": 0.5}
            seen = {"step": 50 * number, "images": 50 * number}
            log.write(json.dumps(seen | losses | judges | speed) + "\n")
    event = {"name": HOSTILE, "evidence": "fakes at 0.99", "cause": HOSTILE, "remedy": "lr_d"}
    with (folder / "guard.jsonl").open("w") as guard:
        for images, status in ((500, "found"), (1000, "passed"), (1500, "acted")):
            what = {"step": images, "images": images, "status": status, "place": "a2b"}
            guard.write(json.dumps(event | what) + "\n")
    with (folder / "metrics.jsonl").open("w") as metrics:
        for images, kid in ((1000, 0.08), (2000, 0.05)):
            score = {"kid": kid, "fid": 90.0, "edges": 0.8, "gap_closed": None, "lpips": None}
            at: dict[str, Any] = {"step": images, "images": images, "features": "AlexNet"}
            scores = {"a2b": score, "b2a": score | {"kid": kid + 0.01}}
            metrics.write(json.dumps(at | scores) + "\n")
    return run


def a_sample(run: RunFolder, images: int, *, side: int = 16, rows: int = 2) -> None:
    """One whose brightness goes by `images`, noisy as photographs are to an encoder."""
    width = 2 * (3 * side + 2 * GAP) + MIDDLE
    noise = np.random.default_rng(images).integers(0, 60, (rows * side, width, 3))
    save_png((noise + images % 190).astype(np.uint8), run.path / f"samples/{images:08d}.png")


def shown(run: RunFolder) -> dict[str, Any]:
    """What a written page hands to its script."""
    return json.loads(embedded((run.path / "report.html").read_text()))  # type: ignore[no-any-return]


def embedded(html: str) -> str:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found
    return found[1]


def test_a_page_says_what_the_run_has_come_to(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    for images in (1, 1000, 2000):
        a_sample(run, images)
    Page(run).write()
    content = shown(run)
    facts = dict(content["facts"])
    assert facts["images seen"] == "2,000 of 4,000"
    assert facts["time left"] == "0:06:40"
    assert facts["steps skipped"] == "1"
    assert [sample["images"] for sample in content["samples"]] == [1, 1000, 2000]
    charts = {chart["title"]: chart["curves"] for chart in content["charts"]}
    assert charts["Cycle loss"][0]["x"][:2] == [50, 100]
    assert charts["Cycle loss"][0]["y"][:2] == [1.2, 0.7]
    assert charts["Discriminators: loss"][0]["y"][2] is None, "not a number is a gap"
    assert charts["KID"][1]["y"] == [0.09, 0.06]
    assert [curve["label"] for curve in charts["Learning rate"]] == [
        "generators and discriminators"
    ]
    assert charts["Learning rate"][0]["y"][0] == 1e-4
    assert [event["images"] for event in content["events"]] == [500, 1000, 1500]
    names = [event["name"] for event in content["events"]]
    assert names == [f"{HOSTILE} (a2b){status}" for status in ("", ": passed", ": acted")]
    assert ["loss.cycle", "10.0"] in content["settings"]
    assert ["a", HOSTILE] in content["settings"]
    assert ["KID", "0.0500", "0.0600"] in content["scores"]["rows"]


def test_a_run_that_has_only_begun_has_a_page_too(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.begin(TrainConfig())
    Page(run).write()
    content = shown(run)
    assert content["facts"] == [["images seen", "0 of 200,000"]]
    assert (content["charts"], content["events"], content["samples"]) == ([], [], [])
    assert content["scores"] is None
    assert "nothing wrong" in content["quiet"]


def test_losses_of_another_kind_are_drawn_too(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    run.log.write_text('{"step": 50, "images": 50, "features": 0.5}\n')
    Page(run).write()
    charts = {chart["title"]: chart["curves"] for chart in shown(run)["charts"]}
    assert charts["features"][0]["y"] == [0.5]


def test_why_nothing_is_judged_stands_there(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.begin(TrainConfig())
    Page(run, unjudged=lambda: "no feature network is installed").write()
    assert shown(run)["scores"]["note"] == "Not measured: no feature network is installed."


def test_no_text_of_the_run_becomes_markup(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run <b>&amp; \udcff</title>")
    Page(run).write()
    html = (run.path / "report.html").read_text()

    class Tags(HTMLParser):
        found: list[str] = []  # noqa: RUF012 - of one use

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.found.append(tag)

    tags = Tags()
    tags.feed(html)
    assert tags.found.count("script") == 2
    assert "b" not in tags.found
    assert tags.found.count("title") == 1
    assert len(tags.found) < 100
    assert shown(run)["events"][0]["cause"] == HOSTILE


def test_a_page_asks_for_nothing(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    a_sample(run, 1000)
    Page(run).write()
    html = (run.path / "report.html").read_text().replace("http://www.w3.org/2000/svg", "")
    assert "http:" not in html
    assert "https:" not in html
    assert "default-src 'none'; img-src data:" in html


def test_a_long_training_makes_no_long_page(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", lines=3 * MOST_POINTS)
    with (run.path / "guard.jsonl").open("a") as guard:
        guard.writelines(f'{{"step": {n}, "images": {n}}}\n' for n in range(2 * MOST_EVENTS))
    for number in range(MOST_SAMPLES + 5):
        a_sample(run, 100 * number)
    Page(run).write()
    content = shown(run)
    assert {len(curve["x"]) for chart in content["charts"] for curve in chart["curves"]} == {
        MOST_POINTS,
        2,  # of the judgements
    }
    assert len(content["events"]) == MOST_EVENTS
    assert content["events"][-1]["number"] == 2 * MOST_EVENTS + 3
    images = [sample["images"] for sample in content["samples"]]
    assert images == list(range(0, 100 * (MOST_SAMPLES + 5), 200))


def test_large_pictures_are_shown_small_and_no_more_than_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(tmp_path / "run")
    for number in range(8):
        a_sample(run, number, side=256, rows=4)
    page = Page(run)
    page.write()
    size = sum(len(sample["a"]) + len(sample["b"]) for sample in shown(run)["samples"])
    assert len(shown(run)["samples"]) == 8
    assert size * MOST_SAMPLES / 8 < 2 * MOST_BYTES
    monkeypatch.setattr(pages, "MOST_BYTES", size // 2)
    page.write()
    assert [sample["images"] for sample in shown(run)["samples"]] in ([0, 2, 4, 6, 7], [0, 4, 7])


def test_a_damaged_sample_is_left_out(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    for images in (1, 2, 3):
        a_sample(run, images)
    (run.path / "samples/00000002.png").write_bytes(b"no picture")
    Image.new("RGB", (4, 4)).save(run.path / "samples/mine.png")
    Page(run).write()
    assert [sample["images"] for sample in shown(run)["samples"]] == [1, 3]


@pytest.mark.parametrize("count", [0, 1, 39, 40, 41, 79, 80, 81, 1000])
def test_samples_are_thinned_evenly_and_what_is_left_out_stays_out(count: int) -> None:
    paths = [Path(str(number)) for number in range(count)]
    kept = thinned(paths, 40)
    assert len(kept) <= 40
    assert kept[:1] + kept[-1:] == paths[:1] + paths[-1:]
    if count > 40:
        assert len(kept) >= 20
    more = thinned([*paths, Path("new")], 40)
    assert set(more) - {Path("new")} <= set(kept)


def test_a_browser_draws_the_curves_and_moves_the_slider_in_silence(
    tmp_path: Path, browser: Browser
) -> None:
    run = a_run(tmp_path / f"run {HOSTILE.replace('/', '')}")
    for images in (1, 1000, 2000):
        a_sample(run, images)
    Page(run).write()
    tab = browser.tab()
    tab.resize(1200, 900)
    address = (run.path / "report.html").as_uri()
    tab.open(address)

    assert tab.value("document.title") == f"{run.path.name}: training"
    assert tab.value("document.querySelector('h1').textContent") == run.path.name
    charts = tab.value("[...document.querySelectorAll('#charts h3')].map(h => h.textContent)")
    assert charts[:3] == [
        "Generators: adversarial loss",
        "Discriminators: loss",
        "Cycle loss",
    ]
    drawn = tab.value(
        "[...document.querySelectorAll('#charts figure')].map(figure => Math.min("
        "...[...figure.querySelectorAll('path.curve:not(.raw)')].map(p => p.getTotalLength())))"
    )
    assert len(drawn) == len(charts)
    assert min(drawn) > 100, "each curve goes across its chart"
    assert tab.value("document.querySelectorAll('#charts figure:first-child .mark').length") == 2

    assert tab.value("document.getElementById('seen').textContent") == "after 2,000 images"
    last = tab.value("document.getElementById('from-a').src")
    tab.value("document.getElementById('slider').focus()")
    tab.press("ArrowLeft")
    assert tab.value("document.getElementById('seen').textContent") == "after 1,000 images"
    before = tab.value("document.getElementById('from-a').src")
    assert before.startswith("data:image/webp;base64,")
    assert before != last
    assert tab.value("document.getElementById('from-a').decode().then(() => true)", wait=True)
    assert tab.value("document.getElementById('from-a').naturalWidth") == 3 * 16 + 2 * GAP

    said = "document.querySelector('#charts figure:first-child .legend').textContent"
    before_pointing = tab.value(said)
    point_at_the_middle(tab)
    assert "A to B" in tab.value(said)
    assert tab.value(said) != before_pointing
    assert tab.value(
        "[...document.querySelectorAll('#charts .cursor')].every("
        "line => line.getAttribute('visibility') === 'visible')"
    )

    assert tab.value("document.querySelector('#events tbody').rows.length") == 3
    assert (
        tab.value("document.querySelector('#events tbody').rows[0].cells[4].innerText") == HOSTILE
    )
    assert tab.value("document.querySelectorAll('script').length") == 2
    assert tab.complaints() == []
    assert {url for url in tab.fetched() if not url.startswith("data:")} == {address}


def point_at_the_middle(tab: Tab) -> None:
    """Of the first chart."""
    box = "document.querySelector('#charts svg').getBoundingClientRect()"
    tab.value("document.querySelector('#charts svg').scrollIntoView({block: 'center'})")
    x, y = tab.value(f"[{box}.x + {box}.width / 2, {box}.y + {box}.height / 2]")
    tab.point(x, y)


@pytest.mark.parametrize("width", [320, 390, 1400])
def test_a_page_fits_its_window_in_light_and_dark(
    tmp_path: Path, browser: Browser, width: int
) -> None:
    run = a_run(tmp_path / ("run" * 40))
    a_sample(run, 1000)
    Page(run).write()
    tab = browser.tab()
    colours = []
    for dark in (False, True):
        tab.resize(width, 800, dark=dark)
        tab.open((run.path / "report.html").as_uri())
        assert tab.value("document.documentElement.scrollWidth") <= width
        smallest = (
            "Math.min(...[...document.querySelectorAll('p, td, th, dd, dt, text, .note')]"
            ".map(each => parseFloat(getComputedStyle(each).fontSize)))"
        )
        assert tab.value(smallest) >= 11
        style = "getComputedStyle(document.body)"
        pair = tab.value(f"[{style}.color, {style}.backgroundColor]")
        colours.append([brightness(colour) for colour in pair])
    assert tab.complaints() == []
    (ink, paper), (dark_ink, dark_paper) = colours
    assert paper - ink > 150
    assert dark_ink - dark_paper > 150


def brightness(color: str) -> float:
    """Of a colour such as "rgb(1, 2, 3)", from 0 to 255."""
    return sum(map(float, re.findall(r"[\d.]+", color)[:3])) / 3
