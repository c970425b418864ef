"""Several processes that train one pair of generators: they agree, and they add up to one."""

import multiprocessing
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from cyclegan.checkpoint import load_checkpoint
from cyclegan.state import new_state, restore
from cyclegan.team import Alone
from cyclegan.training import batches_from, train
from tests.cyclegan.ranks import CONFIG, CPU, OTHERWISE, RANKS, Seen, member
from tests.cyclegan.runs import dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ddp")


@pytest.fixture(scope="module")
def pictures(folder: Path) -> tuple[Path, Path]:
    """Five pictures of one domain and eight of the other."""

    random = torch.Generator().manual_seed(3)
    for name, level, count in (("a", 60, 5), ("b", 190, 8)):
        (folder / name).mkdir()
        for number in range(count):
            noise = torch.randint(-30, 30, (40, 44, 3), generator=random)
            pixels = (level + noise).clamp(0, 255).to(torch.uint8).numpy()
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder / "a", folder / "b"


@pytest.fixture(scope="module")
def seen(folder: Path, pictures: tuple[Path, Path]) -> list[Seen]:
    context = multiprocessing.get_context("spawn")
    ranks = [context.Process(target=member, args=(r, folder, pictures)) for r in range(RANKS)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(600)
        assert rank.exitcode == 0
    return [Seen(**torch.load(folder / f"seen-{r}.pt", weights_only=True)) for r in range(RANKS)]


def tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, list):
        for item in value:
            yield from tensors(item)


def assert_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = list(tensors(one)), list(tensors(other))
    assert len(first) > 50
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_all_ranks_hold_equal_weights(seen: list[Seen]) -> None:
    assert_equal(seen[0].shared, seen[1].shared)


@pytest.mark.parametrize("name", OTHERWISE)
def test_all_ranks_hold_equal_weights_otherwise_too(seen: list[Seen], name: str) -> None:
    one, other = (each.otherwise[name] for each in seen)
    assert_equal(one, other)
    assert one["step"] == other["step"] == 3
    fresh = new_state(OTHERWISE[name], CPU).shared()
    for network in ("g_ab", "g_ba", "d_a", "d_b"):
        key = next(key for key in fresh[network] if key.endswith(("weight", "weight.original")))
        assert not torch.equal(one[network][key], fresh[network][key])


def test_each_gradient_is_averaged_once_a_step(seen: list[Seen]) -> None:
    for each in seen:
        assert len(each.reductions) == 3
        for step in each.reductions:
            for name in ("g_ab", "g_ba", "d_a", "d_b"):
                buckets = [(index, is_last) for of, index, is_last in step if of == name]
                count = len(buckets)
                assert sorted(buckets) == [(i, i == count - 1) for i in range(count)]
                assert count > 0


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("to a healthy state", [1, 2, 3, 3, 4, 5, 6]),
        ("to the start", [1, 2, 3, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_all_ranks_go_back_together(seen: list[Seen], name: str, steps: list[int]) -> None:
    (first, one), (second, other) = (each.detours[name] for each in seen)
    assert first == second == steps
    assert_equal(one, other)
    assert one["adjustments"] == other["adjustments"]
    assert one["adjustments"]["lr_g"] == 0.5


def test_ranks_see_different_pictures_and_draw_from_their_own_chance(seen: list[Seen]) -> None:
    for one, other in zip(seen[0].fakes, seen[1].fakes, strict=True):
        assert not torch.equal(one, other)
    for draws in (
        [drawn(each.own["torch_random"]) for each in seen],
        [drawn(each.own["pool_a"]["random"]) for each in seen],
        [drawn(seen[0].own[pool]["random"]) for pool in ("pool_a", "pool_b")],
    ):
        assert not torch.equal(*draws)


def drawn(state: Tensor) -> Tensor:
    """What a generator in this state gives next: two states may differ and still draw alike."""
    random = torch.Generator()
    random.set_state(state)
    return torch.rand(4, generator=random)


def test_two_ranks_of_batch_1_are_one_process_of_batch_2(
    seen: list[Seen], pictures: tuple[Path, Path]
) -> None:
    config = replace(CONFIG, batch=2, workers=1)
    state = new_state(config, CPU)
    fakes: list[Tensor] = []
    train(
        config,
        state,
        batches_from(dataset(config, pictures), config, start_step=0),
        report=lambda progress: fakes.append(progress.result.images.fake_b),
        device=CPU,
    )
    for alone, first, second in zip(fakes, seen[0].fakes, seen[1].fakes, strict=True):
        torch.testing.assert_close(torch.cat([first, second]), alone, rtol=1e-3, atol=1e-4)
    fresh = new_state(config, CPU).shared()
    for name in ("g_ab", "d_b"):
        # Not the biases: before a norm they have no gradient but rounding, which Adam enlarges.
        for key in (key for key in fresh[name] if key.endswith("weight")):
            before = fresh[name][key]
            alone, together = state.shared()[name][key], seen[0].shared[name][key]
            assert distance(alone, together) <= 0.02 * distance(alone, before) + 1e-6, key


def distance(one: Tensor, other: Tensor) -> float:
    return float((one.float() - other.float()).norm())


def test_ddp_never_searches_for_unused_parameters(seen: list[Seen]) -> None:
    assert seen[0].searches == [False] * 4


def test_a_run_of_two_stops_together_and_goes_on_the_same(seen: list[Seen], folder: Path) -> None:
    assert [each.stopped_at for each in seen] == [-1, -1]
    whole, parts = (load_checkpoint(folder / name / "checkpoint.pt") for name in ("whole", "parts"))
    assert whole["step"] == parts["step"] == 6
    one, other = list(tensors(whole)), list(tensors(parts))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert len(whole["workers"]) == RANKS  # type: ignore[arg-type]


def test_a_run_of_two_is_not_one_of_one(
    seen: list[Seen], folder: Path, pictures: tuple[Path, Path]
) -> None:
    """A checkpoint of another number of workers is refused, not half used."""
    state = new_state(CONFIG, CPU)
    assert seen

    content = load_checkpoint(folder / "whole/checkpoint.pt")
    with pytest.raises(ValueError, match="of 2 workers, not 1"):
        restore(state, content, Alone())
