"""Batches loaded ahead by threads: the same ones, in order, and errors as they are."""

import threading
import time
from pathlib import Path

import pytest
import torch

from cyclegan.data import DataError, Preprocess, UnpairedImages, list_images
from cyclegan.loading import MOST_MEMORY, choose_loading, load_batches


def dataset(domains: tuple[Path, Path], *, memory: int = 0) -> UnpairedImages:
    a, b = (list_images(folder) for folder in domains)
    preprocess = Preprocess(load=36, crop=32)
    return UnpairedImages(a, b, preprocess=preprocess, seed=4, images=60, memory=memory)


def loaders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("loader")]


@pytest.mark.parametrize("memory", [0, 10_000_000])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("threads", [0, 1, 4])
def test_threads_change_nothing(
    domains: tuple[Path, Path], threads: int, batch: int, memory: int
) -> None:
    data = dataset(domains)
    places = [range(start, start + batch) for start in range(6, 60 - batch, 7)]
    loaded = load_batches(dataset(domains, memory=memory), places, threads=threads)
    for place, (a, b) in zip(places, loaded, strict=True):
        assert torch.equal(a, torch.stack([data[item][0] for item in place]))
        assert torch.equal(b, torch.stack([data[item][1] for item in place]))
    assert loaders() == []


@pytest.mark.parametrize("threads", [0, 2])
def test_an_error_comes_at_its_own_batch_and_as_it_is(
    domains: tuple[Path, Path], threads: int
) -> None:
    loaded = load_batches(dataset(domains), [[0], [1], [2], [60], [3]], threads=threads)
    for _ in range(3):
        next(loaded)
    with pytest.raises(IndexError):
        next(loaded)
    data = dataset(domains)
    (domains[0] / "002.png").unlink()
    with pytest.raises(DataError, match=r"002\.png cannot be read"):
        list(load_batches(data, [range(5)], threads=threads))
    assert loaders() == []


def test_a_training_that_ends_early_leaves_no_thread(domains: tuple[Path, Path]) -> None:
    loaded = load_batches(dataset(domains), ([item] for item in range(60)), threads=2)
    next(loaded)
    assert loaders() != []
    loaded.close()
    assert loaders() == []


class Counted(UnpairedImages):
    """Counts the items it was asked for."""

    asked = 0

    def __getitem__(self, item: int) -> tuple[torch.Tensor, ...]:
        self.asked += 1
        return super().__getitem__(item)


def test_batches_are_loaded_while_one_trains_and_not_without_bound(
    domains: tuple[Path, Path],
) -> None:
    a, b = (list_images(folder) for folder in domains)
    data = Counted(a, b, preprocess=Preprocess(load=36, crop=32), seed=4, images=60)
    loaded = load_batches(data, ([item] for item in range(60)), threads=1)
    next(loaded)
    deadline = time.monotonic() + 300
    while data.asked < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)  # in which many more could be loaded
    assert data.asked == 4, "the one in use, and as many as are to be on their way"
    next(loaded)
    loaded.close()


def test_what_a_rank_may_spend_goes_by_the_machine() -> None:
    one, four = choose_loading(), choose_loading(ranks_here=4)
    assert one.threads == four.threads == 1
    assert 0 < one.memory <= MOST_MEMORY
    assert four.memory == pytest.approx(one.memory / 4, rel=0.2)
    assert 1 <= choose_loading(on_gpu=True).threads <= 8
